//! Where a stream is sent: checked options of the host.

use std::fmt;

use percent_encoding::percent_decode_str;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::refusal::Sent;
use crate::config::OutputOptions;
use crate::error::{Error, Result, Status};
use crate::source::{Trust, base64};

/// No server has a longer URL.
const MAX_URL: usize = 4096;
/// Tokens are JWTs at most.
const MAX_TOKEN: usize = 8192;

/// The endpoint of a media server, and what it takes to be let in. Prints neither path nor credentials.
pub struct Target {
    url: Url,
    /// Scheme, host and port: all of the URL that may be told.
    server: String,
    /// The value of `Authorization`.
    authorization: Option<Zeroizing<String>>,
    trust: Trust,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.server).finish()
    }
}

impl Target {
    /// Checks URL, token and TLS options. No error contains any part of the URL.
    pub fn new(options: &OutputOptions) -> Result<Target> {
        let text = options.url.as_str();
        if text.is_empty() || text.len() > MAX_URL || text.contains(char::is_control) {
            return Err(bad_url(
                "it must have 1 to 4096 bytes and no control characters",
            ));
        }
        let mut url = Url::parse(text).map_err(|error| bad_url(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(bad_url("write https://host[:port]/path"));
        }
        if url.port() == Some(0) {
            return Err(bad_url("the port must be 1 to 65535"));
        }
        let user = decoded(url.username())?;
        let password = decoded(url.password().unwrap_or_default())?;
        let basic = (!user.is_empty() || !password.is_empty()).then(|| {
            let pair = Zeroizing::new(format!("{}:{}", *user, *password));
            format!("Basic {}", base64(pair.as_bytes()))
        });
        let bearer = options
            .bearer_token
            .as_deref()
            .filter(|token| !token.is_empty());
        if let Some(token) = bearer
            && (token.len() > MAX_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(Error::new(
                Status::Credentials,
                format!(
                    "bearer_token must have at most {MAX_TOKEN} bytes, all of them visible ASCII characters"
                ),
            ));
        }
        let authorization = bearer.map(|token| format!("Bearer {token}")).or(basic);
        url.set_fragment(None);
        // Neither can fail for a URL that has a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let trust = Trust::of(
            options.tls_ca.as_deref(),
            options.tls_fingerprint.as_deref(),
            options.tls_unverified,
        )?;
        Ok(Target {
            server: url.origin().ascii_serialization(),
            url,
            authorization: authorization.map(Zeroizing::new),
            trust,
        })
    }

    /// Scheme, host and port of the endpoint.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The endpoint.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The value of `Authorization` for a request to this URL; nothing for another origin.
    pub fn authorization(&self, url: &Url) -> Option<&str> {
        let own = url.origin() == self.url.origin();
        let value = self.authorization.as_ref().filter(|_| own);
        value.map(|value| value.as_str())
    }

    /// What becomes of the credentials in a request to this URL.
    pub fn credentials(&self, url: &Url) -> Sent {
        match (&self.authorization, self.authorization(url)) {
            (None, _) => Sent::No,
            (Some(_), Some(_)) => Sent::Yes,
            (Some(_), None) => Sent::Withheld,
        }
    }

    /// What is wrong with the way there, in a sentence: credentials that anybody on it can read.
    pub fn warning(&self) -> Option<&'static str> {
        // What stays on this machine is on no way.
        let is_here = match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
            None => false,
        };
        let exposed = self.authorization.is_some() && self.url.scheme() == "http" && !is_here;
        exposed.then_some(
            "its credentials are sent over plain http, where anybody on the way can read them: use https",
        )
    }

    /// Whose certificates are trusted.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }
}

fn decoded(part: &str) -> Result<Zeroizing<String>> {
    let decoded = percent_decode_str(part).decode_utf8();
    let text = decoded.ok().filter(|text| !text.contains(char::is_control));
    let text = text.ok_or_else(|| {
        Error::new(
            Status::Credentials,
            "the user or the password in the URL is not UTF-8, or has control characters",
        )
    })?;
    Ok(Zeroizing::new(text.into_owned()))
}

fn bad_url(why: &str) -> Error {
    Error::new(
        Status::Url,
        format!("the URL of an output must be http or https: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str, token: Option<&str>) -> Result<Target> {
        Target::new(&OutputOptions {
            url: url.to_owned(),
            bearer_token: token.map(str::to_owned),
            ..OutputOptions::default()
        })
    }

    #[test]
    fn nothing_secret_is_told() {
        let target = target(
            "https://user:pass%20word@sfu.example:8443/whip/key?k=v#f",
            None,
        )
        .unwrap();
        assert_eq!(target.server(), "https://sfu.example:8443");
        assert_eq!(
            target.url().as_str(),
            "https://sfu.example:8443/whip/key?k=v"
        );
        assert_eq!(
            format!("{target:?}"),
            "Target(\"https://sfu.example:8443\")"
        );
        let basic = target.authorization(target.url());
        assert_eq!(basic, Some("Basic dXNlcjpwYXNzIHdvcmQ="));
    }

    #[test]
    fn credentials_stay_at_their_origin() {
        let target = target("https://u:p@sfu.example/whip", Some("secret")).unwrap();
        let to = |url: &str| target.authorization(&Url::parse(url).unwrap());
        assert_eq!(to("https://sfu.example:443/other"), Some("Bearer secret"));
        for other in [
            "http://sfu.example/whip",
            "https://sfu.example:444/whip",
            "https://evil.example/whip",
        ] {
            assert_eq!(to(other), None, "{other}");
        }
    }

    #[test]
    fn credentials_in_plain_text_are_warned_of() {
        for (url, token, warns) in [
            ("http://sfu.example/whip", Some("secret"), true),
            ("http://u:p@192.0.2.1:8080/whip", None, true),
            ("http://[2001:db8::1]/whip", Some("secret"), true),
            ("http://sfu.example/whip", None, false),
            ("https://sfu.example/whip", Some("secret"), false),
            ("http://127.0.0.1:8889/whip", Some("secret"), false),
            ("http://[::1]/whip", Some("secret"), false),
            ("http://localhost/whip", Some("secret"), false),
        ] {
            let warning = target(url, token).unwrap().warning();
            assert_eq!(warning.is_some(), warns, "{url}");
            assert!(!warning.unwrap_or_default().contains("secret"));
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (url, token, status) in [
            ("", None, Status::Url),
            ("sfu.example", None, Status::Url),
            ("rtsp://sfu.example/", None, Status::Url),
            ("https://sfu.example:0/", None, Status::Url),
            ("https://sfu.example/\n", None, Status::Url),
            ("https://u:%FF@sfu.example/", None, Status::Credentials),
            (
                "https://sfu.example/",
                Some("a\r\nX: y"),
                Status::Credentials,
            ),
            ("https://sfu.example/", Some("a b"), Status::Credentials),
        ] {
            let error = target(url, token).unwrap_err();
            assert_eq!(error.status(), status, "{url}");
            assert!(!error.message().contains("sfu"), "{error}");
        }
    }
}
