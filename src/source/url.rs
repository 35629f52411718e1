//! The camera's URL and credentials, checked before anything is sent.

use std::fmt;

use percent_encoding::percent_decode_str;
use url::{ParseError, Url};

use super::rtsp::base64;
use super::wire::Endpoint;
use crate::config::PullOptions;
use crate::error::{Error, Result, Status};

/// The port of RTSP if the URL has none (RFC 2326 section 3.2).
const DEFAULT_PORT: u16 = 554;
/// The same over TLS (RFC 7826 section 4.2).
const DEFAULT_TLS_PORT: u16 = 322;
/// No camera has a longer URL. It is part of every request.
const MAX_URL_BYTES: usize = 4096;
/// User and password share one header line, and cameras have small line buffers.
const MAX_CREDENTIAL_BYTES: usize = 256;

/// Advice where a `/`, `?`, `#` or `@` in the password may have broken the URL.
const ENCODE_HINT: &str =
    "if the user or the password contains / ? # @ or %, percent-encode it or pass it as an option";

const NO_SCHEME: &str = "the URL must start with rtsp://, for example rtsp://192.0.2.7:554/stream1";

/// User and password. Prints neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// As it is, not percent-encoded.
    pub username: String,
    /// The same.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(...)")
    }
}

/// Where a URL says to connect to; through HTTP or not.
pub(super) fn endpoint(url: &str, through_http: bool) -> Endpoint {
    let url = Url::parse(url).ok();
    let tls = url.as_ref().is_some_and(|url| url.scheme() == "rtsps");
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let usual = match (through_http, tls) {
        (false, false) => DEFAULT_PORT,
        (false, true) => DEFAULT_TLS_PORT,
        (true, false) => 80,
        (true, true) => 443,
    };
    let path = url
        .as_ref()
        .map_or("/", |url| &url[url::Position::BeforePath..]);
    Endpoint {
        host: host.to_owned(),
        port: url.as_ref().and_then(Url::port).unwrap_or(usual),
        tls,
        tunnel: through_http.then(|| format!("/{}", path.trim_start_matches('/'))),
    }
}

/// A camera's URL without credentials, and the credentials.
#[derive(Clone)]
pub struct CameraUrl {
    url: Url,
    /// As the host wrote it, without credentials: some cameras compare bytes.
    requested: String,
    credentials: Option<Credentials>,
}

impl CameraUrl {
    /// Checks URL, user and password.
    ///
    /// # Errors
    /// `Url` if it is not an `rtsp` or `rtsps` URL with a host and a port of 1 to 65535, `Credentials` for a user or password with control characters (RFC 7617 section
    /// 2), longer than 256 bytes, or not UTF-8. No error contains any part of the URL.
    pub fn parse(options: &PullOptions) -> Result<CameraUrl> {
        let text = options.url.as_str();
        if text.is_empty() || text.len() > MAX_URL_BYTES {
            return Err(bad_url(format!(
                "the URL must have 1 to {MAX_URL_BYTES} bytes, not {}",
                text.len()
            )));
        }
        // The parser would silently drop some control characters, even in a password.
        if text.contains(char::is_control) {
            if userinfo(text).is_some_and(|part| part.contains(char::is_control)) {
                return Err(control_character("user or password"));
            }
            return Err(bad_url("the URL contains a control character"));
        }
        let mut url = Url::parse(text).map_err(|error| match error {
            ParseError::RelativeUrlWithoutBase => bad_url(NO_SCHEME),
            error => bad_url(format!("{error}; {ENCODE_HINT}")),
        })?;
        match url.scheme() {
            "rtsp" | "rtsps" => {}
            _ => return Err(bad_url(NO_SCHEME)),
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(bad_url(
                "the URL has no host: write rtsp://host[:port]/path",
            ));
        }
        if url.port() == Some(0) {
            return Err(bad_url("the port must be 1 to 65535, not 0"));
        }
        let has_userinfo = !url.username().is_empty() || url.password().is_some();
        // `rtsp://user:12/34@host/` parses as host `user`, port 12: never connect there.
        let at_sign = url[url::Position::BeforePath..].contains('@');
        if url.fragment().is_some() || (at_sign && !has_userinfo) {
            return Err(bad_url(format!(
                "the URL has a # or an @ after its host; {ENCODE_HINT}"
            )));
        }

        let username = match &options.username {
            Some(username) => username.clone(),
            None => decoded(url.username(), "user")?,
        };
        let password = match &options.password {
            Some(password) => password.clone(),
            None => decoded(url.password().unwrap_or(""), "password")?,
        };
        check_credential(&username, "user")?;
        check_credential(&password, "password")?;
        let credentials = (!username.is_empty() || !password.is_empty())
            .then_some(Credentials { username, password });

        let requested = match (userinfo(text), text.split_once("//")) {
            (Some(userinfo), Some((_, rest))) => rest.get(userinfo.len() + 1..),
            (_, rest) => rest.map(|(_, rest)| rest),
        };
        let requested = requested.filter(|rest| {
            rest.bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"')
        });
        // Neither can fail for a URL that has a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(CameraUrl {
            requested: requested.map_or_else(
                || url.as_str().to_owned(),
                |rest| format!("{}://{rest}", url.scheme()),
            ),
            url,
            credentials,
        })
    }

    /// The URL to request: with its query, without credentials.
    pub fn requested(&self) -> &str {
        &self.requested
    }

    /// Whether the connection is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.url.scheme() == "rtsps"
    }

    /// User and password, if any.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// What no sentence may contain: the password, as it is and as Basic sends it, and the values in path
    /// and query, where some cameras take it. Values of fewer than 4 bytes are channels and the like.
    pub(super) fn secrets(&self) -> impl Iterator<Item = String> {
        let credentials = self.credentials.iter();
        let password = credentials
            .filter(|known| !known.password.is_empty())
            .flat_map(|Credentials { username, password }| {
                let pair = format!("{username}:{password}");
                [password.clone(), base64(pair.as_bytes())]
            });
        let value = |part| str::split_once(part, '=').map(|(_, value)| value);
        let path = self.url.path().split(['/', '&', ';']).filter_map(value);
        let query = self.url.query().unwrap_or_default().split(['&', ';']);
        let values = path
            .chain(query.map(move |part| value(part).unwrap_or(part)))
            .filter(|value| value.len() >= 4)
            .flat_map(|value| {
                let decoded = percent_decode_str(value).decode_utf8_lossy();
                [value.to_owned(), decoded.into_owned()]
            });
        password.chain(values)
    }

    /// Host and port, as in `10.0.0.5:554`.
    pub(super) fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let usual = match self.url.scheme() {
            "rtsps" => DEFAULT_TLS_PORT,
            _ => DEFAULT_PORT,
        };
        format!("{host}:{}", self.url.port().unwrap_or(usual))
    }
}

/// The URL for logs. Some cameras take passwords in the query or even in the path, so the values in
/// the query and every path segment that looks as if it held values are replaced by `...`.
impl fmt::Display for CameraUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.url.scheme(), self.authority())?;
        for segment in self.url.path().split('/').skip(1) {
            let secret = segment.contains(['=', '@', '&', ';', '%']);
            write!(f, "/{}", if secret { "..." } else { segment })?;
        }
        for (i, pair) in self
            .url
            .query()
            .iter()
            .flat_map(|q| q.split('&'))
            .enumerate()
        {
            f.write_str(if i == 0 { "?" } else { "&" })?;
            match pair.split_once('=') {
                Some((name, _)) => write!(f, "{name}=...")?,
                None => f.write_str("...")?,
            }
        }
        Ok(())
    }
}

impl PullOptions {
    /// The URL as logs have it: without user and password, and without the values in path and query, where some cameras
    /// take them.
    ///
    /// Fails with `Url` or `Credentials` as adding such a stream does, by a sentence that repeats no part of the URL.
    pub fn shown_url(&self) -> Result<String> {
        Ok(CameraUrl::parse(self)?.to_string())
    }
}

/// The text between `//` and the last `@` of the authority.
fn userinfo(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("//")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit_once('@').map(|(userinfo, _)| userinfo)
}

fn decoded(part: &str, what: &str) -> Result<String> {
    match percent_decode_str(part).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(bad_credentials(format!(
            "the {what} in the URL is not UTF-8 after percent-decoding"
        ))),
    }
}

/// Basic encodes both in base64, Digest hashes the password and quotes the user. Only RFC 7617 and the
/// camera set limits.
fn check_credential(text: &str, what: &str) -> Result<()> {
    if text.contains(char::is_control) {
        return Err(control_character(what));
    }
    if text.len() > MAX_CREDENTIAL_BYTES {
        return Err(bad_credentials(format!(
            "the {what} has {} bytes; the maximum is {MAX_CREDENTIAL_BYTES}",
            text.len()
        )));
    }
    Ok(())
}

fn control_character(what: &str) -> Error {
    bad_credentials(format!(
        "the {what} contains a control character, which RTSP cannot carry"
    ))
}

fn bad_credentials(message: String) -> Error {
    Error::new(Status::Credentials, message)
}

fn bad_url(message: impl Into<String>) -> Error {
    Error::new(Status::Url, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> PullOptions {
        PullOptions {
            url: url.to_owned(),
            ..PullOptions::default()
        }
    }

    fn failure(options: &PullOptions) -> Error {
        match CameraUrl::parse(options) {
            Ok(url) => panic!("{url} was accepted"),
            Err(error) => error,
        }
    }

    #[test]
    fn good_urls() {
        // URL, what is requested, host and port, `user:password`
        let table = [
            ("rtsp://10.0.0.5/a", "rtsp://10.0.0.5/a", "10.0.0.5:554", ""),
            ("rtsp://cam", "rtsp://cam", "cam:554", ""),
            ("RTSP://cam:8554/", "rtsp://cam:8554/", "cam:8554", ""),
            ("rtsps://cam/x", "rtsps://cam/x", "cam:322", ""),
            (
                "rtsp://u:p@cam//a//1%20a?x=%2F+|{}",
                "rtsp://cam//a//1%20a?x=%2F+|{}",
                "cam:554",
                "u:p",
            ),
            ("rtsp://cam/a b", "rtsp://cam/a%20b", "cam:554", ""),
            // It would end the uri of Digest.
            ("rtsp://cam/a\"b", "rtsp://cam/a%22b", "cam:554", ""),
            (
                "rtsp://[::1]:65535/",
                "rtsp://[::1]:65535/",
                "[::1]:65535",
                "",
            ),
            (
                "rtsp://u:p@cam:1/a?b=1&c=x",
                "rtsp://cam:1/a?b=1&c=x",
                "cam:1",
                "u:p",
            ),
            ("rtsp://u@cam/", "rtsp://cam/", "cam:554", "u:"),
            ("rtsp://:p@cam/", "rtsp://cam/", "cam:554", ":p"),
            (
                "rtsp://u:p%40%2f%23%25@cam/",
                "rtsp://cam/",
                "cam:554",
                "u:p@/#%",
            ),
            ("rtsp://u:100%@cam/", "rtsp://cam/", "cam:554", "u:100%"),
            (
                "rtsp://u:p@ss@cam/x@y",
                "rtsp://cam/x@y",
                "cam:554",
                "u:p@ss",
            ),
            (
                "rtsp://u:gr%C3%BC%20n@cam/",
                "rtsp://cam/",
                "cam:554",
                "u:grü n",
            ),
            ("rtsp://ü:\u{20ac}@cam/", "rtsp://cam/", "cam:554", "ü:€"),
        ];
        for (text, requested, authority, credentials) in table {
            let url = CameraUrl::parse(&options(text)).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(url.requested(), requested, "{text}");
            assert_eq!(url.authority(), authority, "{text}");
            let got = url
                .credentials()
                .map(|c| format!("{}:{}", c.username, c.password));
            assert_eq!(got.unwrap_or_default(), credentials, "{text}");
        }
    }

    #[test]
    fn options_win_over_the_url() {
        let mut options = options("rtsp://u:p@cam/");
        options.password = Some("other".to_owned());
        let url = CameraUrl::parse(&options).unwrap();
        let credentials = url.credentials().unwrap();
        assert_eq!(credentials.username, "u");
        assert_eq!(credentials.password, "other");
        options.username = Some("me".to_owned());
        let url = CameraUrl::parse(&options).unwrap();
        assert_eq!(url.credentials().unwrap().username, "me");
        options.username = Some(String::new());
        options.password = Some(String::new());
        assert!(CameraUrl::parse(&options).unwrap().credentials().is_none());
    }

    #[test]
    fn bad_urls_and_no_secret_in_the_error() {
        let long = format!("rtsp://cam/{}", "a".repeat(MAX_URL_BYTES));
        let long_password = format!("rtsp://u:{}@cam/", "s3cret".repeat(50));
        let table: &[(&str, Status)] = &[
            ("", Status::Url),
            (&long, Status::Url),
            ("s3cret", Status::Url),
            ("http://u:s3cret@cam/", Status::Url),
            ("rtsp:///s3cret", Status::Url),
            ("rtsp:cam/s3cret", Status::Url),
            ("rtsp://u:s3cret@/", Status::Url),
            ("rtsp://u:s3cret@cam:0/", Status::Url),
            ("rtsp://u:s3cret@cam:65536/", Status::Url),
            ("rtsp://u:s3cret@cam:-1/", Status::Url),
            ("rtsp://u:s3cret@cam:x/", Status::Url),
            ("rtsp://u:s3cret@cam/a\nb", Status::Url),
            ("rtsp://u:s3\tcret@cam/", Status::Credentials),
            ("rtsp://u\r\n:s3cret@cam/", Status::Credentials),
            ("rtsp://u:s3cret%0d%0a@cam/", Status::Credentials),
            ("rtsp://u%00:s3cret@cam/", Status::Credentials),
            ("rtsp://u:s3cret%c2%85@cam/", Status::Credentials),
            ("rtsp://u:s3cret%ff@cam/", Status::Credentials),
            (&long_password, Status::Credentials),
            // The password's own / ? or # cuts the URL short.
            ("rtsp://u:s3/cret@cam/", Status::Url),
            ("rtsp://u:12/s3cret@cam/", Status::Url),
            ("rtsp://u:12?s3cret@cam/", Status::Url),
            ("rtsp://u:12#s3cret@cam/", Status::Url),
        ];
        for &(text, status) in table {
            let error = failure(&options(text));
            assert_eq!(error.status(), status, "{text:?}: {error}");
            assert!(!error.message().contains("s3"), "{text:?}: {error}");
            assert!(!error.message().contains("cret"), "{text:?}: {error}");
        }
    }

    #[test]
    fn control_characters_in_the_options_are_refused() {
        for secret in ["a\nb", "a\0b", "\u{7f}", "\u{85}"] {
            let mut user = options("rtsp://cam/");
            user.username = Some(secret.to_owned());
            assert_eq!(failure(&user).status(), Status::Credentials);
            let mut password = options("rtsp://cam/");
            password.password = Some(secret.to_owned());
            assert_eq!(failure(&password).status(), Status::Credentials);
        }
    }

    #[test]
    fn display_hides_every_secret() {
        let table = [
            ("rtsp://u:s3cret@cam/live/ch1", "rtsp://cam:554/live/ch1"),
            (
                "rtsp://cam:88/a?user=admin&password=s3cret&s3cret",
                "rtsp://cam:88/a?user=...&password=...&...",
            ),
            (
                "rtsp://cam/user=admin&password=s3cret&channel=1/0.sdp",
                "rtsp://cam:554/.../0.sdp",
            ),
            ("rtsp://u:p@cam/s3@cret", "rtsp://cam:554/..."),
            ("rtsp://cam", "rtsp://cam:554"),
        ];
        for (text, shown) in table {
            assert_eq!(CameraUrl::parse(&options(text)).unwrap().to_string(), shown);
        }
    }
}
