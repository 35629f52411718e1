//! What a viewer asks for in the query of its POST: `?max_bitrate=500000&variant=door-sub`.

use percent_encoding::percent_decode_str;

/// What a viewer asks for, with the names that it uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AskedLimits {
    /// Bits per second.
    pub max_bitrate: Option<u64>,
    /// Name of a variant.
    pub variant: Option<String>,
    /// That variant alone, rather than it and those after it.
    pub only: bool,
}

impl AskedLimits {
    /// Reads the query of a URL; other parameters are the host's. An error is a sentence for the viewer.
    pub fn read(url: &str) -> Result<AskedLimits, String> {
        let mut limits = AskedLimits::default();
        let url = url.split('#').next().unwrap_or_default();
        let query = url.split_once('?').map_or("", |(_, query)| query);
        for parameter in query.split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                "max_bitrate" if limits.max_bitrate.is_none() => {
                    let rate = value.parse().ok().filter(|&rate| rate > 0);
                    let why = "max_bitrate must be a whole number of bits per second, at least 1";
                    limits.max_bitrate = Some(rate.ok_or(why)?);
                }
                "variant" if limits.variant.is_none() => {
                    let value = percent_decode_str(value).decode_utf8_lossy();
                    let only = value.strip_prefix("only:");
                    limits.only = only.is_some();
                    let name = only.unwrap_or(&value);
                    if name.is_empty() {
                        return Err("variant must be NAME or only:NAME".to_owned());
                    }
                    limits.variant = Some(name.to_owned());
                }
                "max_bitrate" | "variant" => {
                    return Err(format!("{name} is given twice: give it once"));
                }
                _ => {}
            }
        }
        Ok(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(max_bitrate: Option<u64>, variant: Option<&str>, only: bool) -> AskedLimits {
        AskedLimits {
            max_bitrate,
            variant: variant.map(str::to_owned),
            only,
        }
    }

    #[test]
    fn every_form_of_a_query() {
        for (url, expected) in [
            ("/door/whep", limits(None, None, false)),
            ("/door/whep?", limits(None, None, false)),
            ("/door/whep?x=1&max_bitrates=2&", limits(None, None, false)),
            (
                "/door/whep?max_bitrate=500000&variant=door-sub",
                limits(Some(500_000), Some("door-sub"), false),
            ),
            (
                "/door/whep?a=b&variant=only:door-sub#max_bitrate=1",
                limits(None, Some("door-sub"), true),
            ),
            (
                "?variant=only%3Adoor%2Dsub",
                limits(None, Some("door-sub"), true),
            ),
            ("?variant=%ff", limits(None, Some("\u{fffd}"), false)),
        ] {
            assert_eq!(AskedLimits::read(url), Ok(expected), "{url}");
        }
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for query in [
            "max_bitrate",
            "max_bitrate=",
            "max_bitrate=0",
            "max_bitrate=-1",
            "max_bitrate=1.5",
            "max_bitrate=500k",
            "max_bitrate=99999999999999999999",
            "max_bitrate=1&max_bitrate=2",
            "variant",
            "variant=",
            "variant=only:",
            "variant=a&variant=b",
        ] {
            assert!(AskedLimits::read(&format!("/?{query}")).is_err(), "{query}");
        }
    }
}
