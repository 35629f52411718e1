//! How long a viewer prefers to wait (RFC 7240 section 4.3).

use std::time::Duration;

/// The preference `wait` of the `Prefer` headers of a request. The first one counts (section 2).
pub fn wait<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Duration> {
    let seconds = headers
        .flat_map(|header| header.split(','))
        .find_map(|preference| {
            // Parameters may follow.
            let preference = preference.split(';').next().unwrap_or_default();
            let (name, value) = preference.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("wait")
                .then(|| value.trim().trim_matches('"'))
        })?;
    seconds.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_of_any_form_of_the_header() {
        for (headers, expected) in [
            (&["wait=0"][..], Some(0)),
            (&["respond-async, wait=10"], Some(10)),
            (&["return=minimal", "Wait = \"7\" ; x=y"], Some(7)),
            (&["wait=1, wait=2"], Some(1)),
            (&["wait"], None),
            (&["wait="], None),
            (&["wait=-1"], None),
            (&["wait=1.5"], None),
            (&["wait=99999999999999999999"], None),
            (&["await=1"], None),
            (&[""], None),
            (&[], None),
        ] {
            let found = wait(headers.iter().copied());
            assert_eq!(found, expected.map(Duration::from_secs), "{headers:?}");
        }
    }
}
