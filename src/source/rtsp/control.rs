//! The URLs of a session and of its tracks (RFC 2326 appendix C.1.1). Cameras disagree about how a
//! control attribute and a base make one, so there are several to try, the most usual first.

use super::message::Head;

/// Forms of one URL that are tried.
const MAX_FORMS: usize = 6;
/// Of a URL that a camera gives.
pub const MAX_URL: usize = 4096;

/// Bases that relative URLs may be meant for, best first. The last one is what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bases {
    bases: Vec<String>,
    /// The URL that the camera gives cannot be one.
    pub odd: bool,
}

impl Bases {
    /// `control` is the description's own.
    pub fn new(asked: &str, head: &Head, control: Option<&str>) -> Bases {
        let mut bases = Bases::default();
        let given = [head.get("Content-Base"), head.get("Content-Location")];
        for (i, url) in [control].into_iter().chain(given).enumerate() {
            let Some(url) = url.map(clean).filter(|url| !url.is_empty()) else {
                continue;
            };
            match (is_absolute(&url), parts(&url), i) {
                (true, Some(_), _) => {
                    bases.add(at_host_of(asked, &url));
                }
                // Behind the base that follows.
                (false, _, 0) => {
                    let base = head.get("Content-Base").map(clean);
                    let base = base.filter(|base| is_absolute(base) && parts(base).is_some());
                    bases.add(append(base.as_deref().unwrap_or(asked), &url));
                }
                _ => bases.odd = true,
            }
        }
        bases.add(asked.to_owned());
        bases
    }

    fn add(&mut self, url: String) {
        if !self.bases.contains(&url) && url.len() <= MAX_URL {
            self.bases.push(url);
        }
    }

    /// What to ask for if all tracks are meant.
    pub fn of_session(&self) -> Vec<String> {
        self.bases.clone()
    }

    /// What to ask for if the track with this control attribute is meant.
    pub fn of_track(&self, control: Option<&str>) -> Vec<String> {
        let mut forms: Vec<String> = Vec::new();
        let mut add = |url: String| {
            if !forms.contains(&url) && forms.len() < MAX_FORMS && url.len() <= MAX_URL {
                forms.push(url);
            }
        };
        let asked = self.bases.last().map(String::as_str).unwrap_or_default();
        let Some(control) = control.map(clean).filter(|control| !control.is_empty()) else {
            return self.bases.clone();
        };
        if is_absolute(&control) {
            add(at_host_of(asked, &control));
            return forms;
        }
        for base in &self.bases {
            add(append(base, &control));
        }
        for base in [
            self.bases.first().map(String::as_str).unwrap_or_default(),
            asked,
        ] {
            if let Some(url) = url::Url::parse(base)
                .ok()
                .and_then(|base| base.join(&control).ok())
            {
                add(url.into());
            }
        }
        forms
    }
}

/// Whether it has a scheme.
pub fn is_absolute(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        !scheme.is_empty() && scheme.chars().all(allowed)
    })
}

/// Scheme and authority; path and query. `None` if it is no RTSP URL with a host.
fn parts(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.get(..4)?.eq_ignore_ascii_case("rtsp") {
        return None;
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let authority = &rest[..end];
    // `rtsp://rtsp://host/`
    if authority.is_empty() || authority.ends_with(':') {
        return None;
    }
    Some(url.split_at(scheme.len() + 3 + end))
}

/// As all known clients do it: behind the base, whatever its last segment is.
fn append(base: &str, control: &str) -> String {
    match (base.ends_with('/'), control.chars().next()) {
        (true, Some('/')) => format!("{}{control}", base.trim_end_matches('/')),
        (true, _) | (false, Some('/' | '?' | '&')) => format!("{base}{control}"),
        (false, _) => format!("{base}/{control}"),
    }
}

/// The same at the host that was asked: a camera behind a router gives its own address, and nothing is
/// signed for another host.
fn at_host_of(asked: &str, url: &str) -> String {
    match (parts(asked), parts(url)) {
        (Some((start, _)), Some((_, path))) => format!("{start}{path}"),
        _ => without_user(url),
    }
}

/// Credentials never go into a request line.
fn without_user(url: &str) -> String {
    let Some((start, path)) = parts(url) else {
        return url.to_owned();
    };
    match (start.split_once("://"), start.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}{path}"),
        _ => url.to_owned(),
    }
}

/// What may stand in a request line.
fn clean(url: &str) -> String {
    let url = url.trim().trim_matches(['"', '<', '>']);
    url.chars()
        .filter(|c| !c.is_control())
        .map(|c| {
            if c == ' ' {
                "%20".to_owned()
            } else {
                c.to_string()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Quirks;

    const ASKED: &str = "rtsp://h:8554/cam?a=1";

    fn bases(headers: &str, control: Option<&str>) -> Bases {
        let head = format!("RTSP/1.0 200 OK\r\n{headers}\r\n");
        let head = Head::parse(head.as_bytes(), &mut Quirks::default()).unwrap();
        Bases::new(ASKED, &head, control)
    }

    #[test]
    fn usual_forms() {
        let base = bases("Content-Base: rtsp://h:8554/cam/\r\n", None);
        assert_eq!(base.of_track(Some("track1"))[0], "rtsp://h:8554/cam/track1");
        assert_eq!(base.of_session()[0], "rtsp://h:8554/cam/");
        assert_eq!(
            base.of_track(Some("/track1"))[0],
            "rtsp://h:8554/cam/track1"
        );
        assert_eq!(base.of_track(None)[0], "rtsp://h:8554/cam/");
        let none = bases("", None);
        assert_eq!(
            none.of_track(Some("trackID=1"))[0],
            "rtsp://h:8554/cam?a=1/trackID=1"
        );
        let absolute = none.of_track(Some("rtsp://u:p@10.0.0.1/x/1"));
        assert_eq!(absolute, ["rtsp://h:8554/x/1"]);
    }

    #[test]
    fn what_else_may_be_meant() {
        let base = bases("Content-Base: rtsp://h:8554/other/\r\n", None);
        let forms = base.of_track(Some("/t"));
        assert_eq!(
            forms,
            [
                "rtsp://h:8554/other/t",
                "rtsp://h:8554/cam?a=1/t",
                "rtsp://h:8554/t"
            ]
        );
        let doubled = bases("Content-Base: rtsp://rtsp://h/cam\r\n", None);
        assert!(doubled.odd);
        assert_eq!(doubled.of_session(), [ASKED]);
        let relative = bases("Content-Base: h/x/\r\n", None);
        assert!(relative.odd);
        assert_eq!(relative.of_session(), [ASKED]);
        let empty = bases(
            "Content-Base:\r\nContent-Location: rtsp://h:8554/l\r\n",
            None,
        );
        assert_eq!(empty.of_session(), ["rtsp://h:8554/l", ASKED]);
    }

    #[test]
    fn the_descriptions_own_url_comes_first() {
        let base = bases(
            "Content-Base: rtsp://h:8554/b/\r\n",
            Some("rtsp://h:8554/own"),
        );
        assert_eq!(
            base.of_session(),
            ["rtsp://h:8554/own", "rtsp://h:8554/b/", ASKED]
        );
        let base = bases("Content-Base: rtsp://h/b/\r\n", Some("part"));
        assert_eq!(base.of_session()[0], "rtsp://h/b/part");
    }

    #[test]
    fn no_text_breaks_a_request_line() {
        let base = bases("", Some("rtsp://h/a b\u{7}"));
        assert_eq!(base.of_session()[0], "rtsp://h:8554/a%20b");
        let long = "x".repeat(10_000);
        assert!(base.of_track(Some(&long)).is_empty());
    }
}
