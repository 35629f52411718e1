//! Which resource a request addresses.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::{HttpRequest, HttpTarget};
use crate::error::{Error, Result, Status};

/// What may not stand in the path of a URL (RFC 3986 section 3.3). A percent sign may: the path is
/// encoded already. Browsers read a backslash as a slash, so it must not stay.
const NOT_IN_A_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The endpoint of a stream or of walls, or a session.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// Name of the stream; `None` for walls.
    pub stream: Option<String>,
    /// Key of the session; `None` for the endpoint.
    pub key: Option<String>,
    /// What of the session.
    pub part: Part,
    /// Path of the endpoint with a slash at the end: what precedes the key in the URL of a session.
    pub prefix: String,
}

/// What of a session is addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Itself, or it is the endpoint.
    Whole,
    /// Where its events are asked for.
    Events,
    /// The stream of its events.
    EventStream,
}

impl Part {
    /// What follows the URL of the session.
    pub const fn suffix(self) -> &'static str {
        match self {
            Part::Whole => "",
            Part::Events => "/events",
            Part::EventStream => "/events/stream",
        }
    }
}

impl Target {
    /// The target that the host names, else the one that the path names.
    pub fn of(request: &HttpRequest<'_>) -> Option<Target> {
        match request.target {
            None => Target::parse(request.path),
            Some(target) => {
                let (stream, key) = match target {
                    HttpTarget::Stream { name, session_key } => (Some(name), session_key),
                    HttpTarget::Wall { session_key } => (None, session_key),
                };
                Some(Target {
                    stream: stream.map(str::to_owned),
                    key: key.map(str::to_owned),
                    part: Part::Whole,
                    prefix: prefix(without_query(request.path)),
                })
            }
        }
    }

    /// Parses `{prefix}/{stream}/whep`, `{prefix}/{stream}/whep/{key}` and what is below that, then
    /// `{prefix}/wall` and `{prefix}/wall/{key}`, each with an optional slash at the end. `None` for other
    /// paths.
    pub fn parse(path: &str) -> Option<Target> {
        let path = without_query(path);
        let below = [Part::EventStream, Part::Events].into_iter();
        let mut below = below.filter_map(|part| {
            let session = Target::parse_whole(path.strip_suffix(part.suffix())?)?;
            session.key.is_some().then_some(Target { part, ..session })
        });
        below
            .next()
            .or_else(|| Target::parse_whole(path))
            .or_else(|| Target::parse_wall(path))
    }

    /// A wall belongs to no stream, so it has nothing below it that tells of one.
    fn parse_wall(path: &str) -> Option<Target> {
        let (before, last) = path.rsplit_once('/')?;
        let (endpoint, key) = match last {
            "wall" => (path, None),
            key => (before, Some(decode(key)?)),
        };
        endpoint.strip_suffix("/wall")?;
        Some(Target {
            stream: None,
            key,
            part: Part::Whole,
            prefix: prefix(endpoint),
        })
    }

    fn parse_whole(path: &str) -> Option<Target> {
        let (before, last) = path.rsplit_once('/')?;
        // The last segment decides: a key is never "whep", but a stream may be.
        let (endpoint, key) = match last {
            "whep" => (path, None),
            key => (before, Some(decode(key)?)),
        };
        let stream = endpoint.strip_suffix("/whep")?;
        let stream = decode(stream.rsplit_once('/').map_or(stream, |(_, name)| name))?;
        Some(Target {
            stream: Some(stream),
            key,
            part: Part::Whole,
            prefix: prefix(endpoint),
        })
    }
}

/// The path of a URL without its query, its fragment, and a slash at its end.
fn without_query(path: &str) -> &str {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    path.strip_suffix('/').unwrap_or(path)
}

/// An absolute path that ends in a slash. It goes into `Location`, and `path` is the viewer's word:
/// two slashes at the beginning would name another host (RFC 3986 section 4.2).
fn prefix(path: &str) -> String {
    let mut prefix = "/".to_owned();
    prefix.extend(utf8_percent_encode(
        path.trim_start_matches('/'),
        NOT_IN_A_PATH,
    ));
    if prefix.len() > 1 {
        prefix.push('/');
    }
    prefix
}

/// The header by which a reverse proxy tells what it cut off the front of the path.
pub const FORWARDED_PREFIX: &str = "X-Forwarded-Prefix";

/// A prefix as the viewer sees it, behind a reverse proxy that has cut off `cut`. That is whatever the
/// viewer says if there is no proxy, and then decides only where the viewer finds its own session.
pub fn behind(cut: Option<&str>, own: String) -> String {
    let cut = cut.unwrap_or_default().trim_matches('/');
    match cut {
        "" => own,
        cut => format!("{}{}", prefix(cut), own.trim_start_matches('/')),
    }
}

/// Refuses what a host must not put in front of a session key in `Location`. A host may have made it
/// from the path of the request.
pub fn check_location_prefix(prefix: &str) -> Result<()> {
    let encoded: Cow<'_, str> = utf8_percent_encode(prefix, NOT_IN_A_PATH).into();
    let why = if encoded != prefix {
        "has characters that a URL cannot contain: pass the path as the viewer sent it, \
         percent-encoded"
    } else if prefix.starts_with("//") {
        "starts with two slashes, which name another host: start a path with one"
    } else {
        return Ok(());
    };
    Err(Error::new(
        Status::InvalidArgument,
        format!("location_prefix {why}"),
    ))
}

/// Decodes one segment of a path. `None` if it is empty or not UTF-8.
pub fn decode(segment: &str) -> Option<String> {
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    (!text.is_empty()).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> Option<(String, Option<String>, String)> {
        let target = Target::parse(path)?;
        Some((target.stream?, target.key, target.prefix))
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
            ("door/whep", found("door", None, "/door/whep/")),
            ("/d%6For/whep", found("door", None, "/d%6For/whep/")),
            ("/door/whep/%61b", found("door", Some("ab"), "/door/whep/")),
            ("/whep/whep", found("whep", None, "/whep/whep/")),
            ("/whep/whep/k", found("whep", Some("k"), "/whep/whep/")),
            ("/t%C3%BCr/whep", found("tür", None, "/t%C3%BCr/whep/")),
            ("/tür/whep", found("tür", None, "/t%C3%BCr/whep/")),
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

    #[test]
    fn what_is_below_a_session() {
        for (path, key, part) in [
            ("/door/whep/k/events", Some("k"), Part::Events),
            ("/door/whep/k/events/?x", Some("k"), Part::Events),
            ("/door/whep/k/events/stream", Some("k"), Part::EventStream),
            ("/door/whep/events", Some("events"), Part::Whole),
            ("/door/whep/k", Some("k"), Part::Whole),
        ] {
            let target = Target::parse(path).unwrap();
            let found = (target.key.as_deref(), target.part);
            assert_eq!(found, (key, part), "{path}");
            assert_eq!(target.prefix, "/door/whep/");
        }
        for path in [
            "/door/whep/events/stream",
            "/door/whep/k/events/more",
            "/door/whep/k/stream",
            "/door/events",
        ] {
            assert_eq!(Target::parse(path), None, "{path}");
        }
    }

    #[test]
    fn no_path_makes_a_prefix_that_names_another_host() {
        for (path, prefix) in [
            ("//evil.example/cam0/whep", "/evil.example/cam0/whep/"),
            ("////evil.example/cam0/whep", "/evil.example/cam0/whep/"),
            ("/\\evil.example/cam0/whep", "/%5Cevil.example/cam0/whep/"),
            (
                "\\\\evil.example/cam0/whep",
                "/%5C%5Cevil.example/cam0/whep/",
            ),
            (
                "https://evil.example/cam0/whep",
                "/https://evil.example/cam0/whep/",
            ),
            ("/\t/evil.example/cam0/whep", "/%09/evil.example/cam0/whep/"),
            (
                "/x\r\nSet-Cookie: a=b/cam0/whep",
                "/x%0D%0ASet-Cookie:%20a=b/cam0/whep/",
            ),
        ] {
            let target = Target::parse(path).unwrap();
            let found = (target.stream.as_deref(), &*target.prefix);
            assert_eq!(found, (Some("cam0"), prefix));
        }
    }

    #[test]
    fn no_prefix_of_the_host_names_another_host_or_writes_headers() {
        for good in [
            "",
            "/",
            "/door/whep/",
            "whep/",
            "./whep/",
            "/live?session=",
            "https://nvr.example/live/",
            "/t%C3%BCr/whep/",
        ] {
            assert_eq!(check_location_prefix(good), Ok(()), "{good}");
        }
        for bad in [
            "//evil.example/",
            "/\\evil.example/",
            "\\\\evil.example/",
            "/a\r\nX: b/",
            "/\t/evil.example/",
            "/tür/",
            "/a b/",
        ] {
            let error = check_location_prefix(bad).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument, "{bad}");
        }
    }

    #[test]
    fn the_host_names_the_target_of_any_path() {
        for (path, key, prefix) in [
            ("/api/v1/cameras/7/live", None, "/api/v1/cameras/7/live/"),
            (
                "/api/v1/cameras/7/live/?q",
                Some("k"),
                "/api/v1/cameras/7/live/",
            ),
            ("//evil.example", None, "/evil.example/"),
            ("//", None, "/"),
            ("/", None, "/"),
            ("", None, "/"),
        ] {
            let request = HttpRequest {
                path,
                target: Some(HttpTarget::Stream {
                    name: "door",
                    session_key: key,
                }),
                ..HttpRequest::default()
            };
            let target = Target::of(&request).unwrap();
            let found = (target.stream.as_deref(), target.key.as_deref());
            assert_eq!(found, (Some("door"), key));
            assert_eq!(target.prefix, prefix, "{path}");
            let request = HttpRequest {
                target: Some(HttpTarget::Wall { session_key: key }),
                ..request
            };
            let target = Target::of(&request).unwrap();
            assert_eq!((target.stream, target.key.as_deref()), (None, key));
            assert_eq!(target.prefix, prefix, "{path}");
        }
    }

    #[test]
    fn walls_are_below_any_prefix() {
        for (path, key, prefix) in [
            ("/wall", None, "/wall/"),
            ("/wall/?slots=a", None, "/wall/"),
            ("/live/wall", None, "/live/wall/"),
            ("/wall/ab12", Some("ab12"), "/wall/"),
            ("/live/wall/ab12/", Some("ab12"), "/live/wall/"),
            ("//evil.example/wall", None, "/evil.example/wall/"),
        ] {
            let target = Target::parse(path).unwrap();
            let found = (target.stream, target.key.as_deref(), target.part);
            assert_eq!(found, (None, key, Part::Whole), "{path}");
            assert_eq!(target.prefix, prefix);
        }
        // Streams come first, whatever their names.
        for path in ["/wall/whep", "/wall/whep/k", "/door/whep/wall"] {
            assert!(Target::parse(path).unwrap().stream.is_some(), "{path}");
        }
        for path in ["wall", "/walls", "/wall/k/events", "/wall/%ff", "/wall//"] {
            assert_eq!(Target::parse(path), None, "{path}");
        }
    }
}
