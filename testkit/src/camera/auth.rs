//! Basic and Digest authentication of requests (RFC 2617, sections 2 and 3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use rtsp_types::Url;

use super::Auth;

const REALM: &str = "camera";

impl Auth {
    /// The `WWW-Authenticate` header for a client that has not shown who it is, or `None` if there is no need to.
    pub(super) fn challenge(&self, nonce: &str) -> Option<String> {
        match self {
            Auth::None => None,
            Auth::Basic { .. } => Some(format!("Basic realm=\"{REALM}\"")),
            Auth::Digest { .. } => Some(format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\"")),
        }
    }

    /// Whether a request with this `Authorization` header may pass.
    pub(super) fn admits(
        &self,
        nonce: &str,
        method: &str,
        uri: Option<&Url>,
        authorization: Option<&str>,
    ) -> bool {
        let (scheme, value) = authorization
            .and_then(|header| header.split_once(' '))
            .unwrap_or_default();
        match self {
            Auth::None => true,
            Auth::Basic { user, password } => {
                let expected = STANDARD.encode(format!("{user}:{password}"));
                scheme.eq_ignore_ascii_case("Basic") && value.trim() == expected
            }
            Auth::Digest { user, password } => {
                let get = |name| parameter(value, name).unwrap_or_default();
                let signed_uri = get("uri");
                let ha1 = md5_hex(&format!("{user}:{REALM}:{password}"));
                let ha2 = md5_hex(&format!("{method}:{signed_uri}"));
                scheme.eq_ignore_ascii_case("Digest")
                    && get("username") == user
                    && get("nonce") == nonce
                    && Url::parse(signed_uri).ok().as_ref() == uri
                    && get("response") == md5_hex(&format!("{ha1}:{nonce}:{ha2}"))
            }
        }
    }
}

/// A parameter of an `Authorization` header: `name=value` or `name="value"`, separated by commas.
fn parameter<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = header;
    loop {
        let (key, tail) = rest.split_once('=')?;
        let (value, tail) = match tail.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => tail.split_at(tail.find(',').unwrap_or(tail.len())),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value.trim());
        }
        rest = tail.trim_start().trim_start_matches(',');
    }
}

fn md5_hex(text: &str) -> String {
    Md5::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest() -> Auth {
        Auth::Digest {
            user: "admin".into(),
            password: "se,cret".into(),
        }
    }

    fn authorization(uri: &str, password: &str) -> String {
        let ha1 = md5_hex(&format!("admin:camera:{password}"));
        let ha2 = md5_hex(&format!("DESCRIBE:{uri}"));
        let response = md5_hex(&format!("{ha1}:abc:{ha2}"));
        format!(
            "Digest username=\"admin\", realm=\"camera\",nonce=\"abc\", uri=\"{uri}\", algorithm=MD5, response=\"{response}\""
        )
    }

    #[test]
    fn md5_is_that_of_rfc_1321() {
        assert_eq!(md5_hex("abc"), "900150983cd24fb0d6963f7d28e17f72");
    }

    #[test]
    fn digest_admits_the_right_password_for_the_right_uri() {
        let uri = "rtsp://127.0.0.1:554/cam1?a=1,2";
        let url = Url::parse(uri).unwrap();
        let admits = |nonce: &str, method: &str, header: &str| {
            digest().admits(nonce, method, Some(&url), Some(header))
        };
        assert!(admits("abc", "DESCRIBE", &authorization(uri, "se,cret")));
        assert!(!admits("abd", "DESCRIBE", &authorization(uri, "se,cret")));
        assert!(!admits("abc", "SETUP", &authorization(uri, "se,cret")));
        assert!(!admits("abc", "DESCRIBE", &authorization(uri, "wrong")));
        let other = "rtsp://127.0.0.1:554/cam2";
        assert!(!admits("abc", "DESCRIBE", &authorization(other, "se,cret")));
        for bad in [
            "",
            "Digest",
            "Digest ",
            "Digest uri",
            "Digest uri=\"",
            "Basic eA==",
        ] {
            assert!(!admits("abc", "DESCRIBE", bad), "{bad:?}");
        }
        assert!(!digest().admits("abc", "DESCRIBE", Some(&url), None));
    }

    #[test]
    fn basic_admits_the_right_password() {
        let auth = Auth::Basic {
            user: "Aladdin".into(),
            password: "open sesame".into(),
        };
        let admits = |header| auth.admits("", "PLAY", None, Some(header));
        assert!(admits("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        assert!(!admits("Basic QWxhZGRpbjpvcGVuIHNlc2FtZR=="));
    }
}
