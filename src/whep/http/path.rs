//! Which resource a path names.

use percent_encoding::percent_decode_str;

/// An endpoint or a session.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// Name of the stream.
    pub stream: String,
    /// Key of the session, if it is one.
    pub key: Option<String>,
    /// What comes before the key in the URL of a new session: the path as the viewer wrote it.
    pub location_prefix: String,
}

impl Target {
    /// Reads `{prefix}/{stream}/whep` and `{prefix}/{stream}/whep/{key}`, each with or without a
    /// slash at the end. `None` for other paths.
    pub fn parse(path: &str) -> Option<Target> {
        let path = path.split(['?', '#']).next()?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let (before, last) = path.rsplit_once('/')?;
        // The last word decides: a key is never "whep", a stream may be.
        let (resource, key) = match last {
            "whep" => (path, None),
            key => (before, Some(decode(key)?)),
        };
        let stream = resource.strip_suffix("/whep")?;
        let stream = decode(stream.rsplit_once('/').map_or(stream, |(_, name)| name))?;
        Some(Target {
            stream,
            key,
            location_prefix: format!("{resource}/"),
        })
    }
}

/// Decodes one segment of a path. `None` if it is empty or not text.
pub fn decode(segment: &str) -> Option<String> {
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    (!text.is_empty()).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> Option<(String, Option<String>, String)> {
        let target = Target::parse(path)?;
        Some((target.stream, target.key, target.location_prefix))
    }

    fn found(
        stream: &str,
        key: Option<&str>,
        prefix: &str,
    ) -> Option<(String, Option<String>, String)> {
        Some((stream.to_owned(), key.map(str::to_owned), prefix.to_owned()))
    }

    #[test]
    fn every_form_of_a_path() {
        for (path, expected) in [
            ("/door/whep", found("door", None, "/door/whep/")),
            ("/door/whep/", found("door", None, "/door/whep/")),
            ("/door/whep?a=/b", found("door", None, "/door/whep/")),
            (
                "/door/whep/ab12",
                found("door", Some("ab12"), "/door/whep/"),
            ),
            (
                "/door/whep/ab12/?x",
                found("door", Some("ab12"), "/door/whep/"),
            ),
            (
                "/live/v1/door/whep",
                found("door", None, "/live/v1/door/whep/"),
            ),
            (
                "/live/door/whep/k",
                found("door", Some("k"), "/live/door/whep/"),
            ),
            ("door/whep", found("door", None, "door/whep/")),
            ("/d%6For/whep", found("door", None, "/d%6For/whep/")),
            ("/door/whep/%61b", found("door", Some("ab"), "/door/whep/")),
            ("/whep/whep", found("whep", None, "/whep/whep/")),
            ("/whep/whep/k", found("whep", Some("k"), "/whep/whep/")),
            ("/t%C3%BCr/whep", found("tür", None, "/t%C3%BCr/whep/")),
            // No name, no text, or something else.
            ("/whep", None),
            ("whep", None),
            ("//whep", None),
            ("/whep/k", None),
            ("/%ff/whep", None),
            ("/door/whep/%ff", None),
            ("/door/whep//", None),
            ("/door/whep/k/more", None),
            ("/door/WHEP", None),
            ("/door", None),
            ("/", None),
            ("", None),
            ("*", None),
        ] {
            assert_eq!(parse(path), expected, "{path}");
        }
    }
}
