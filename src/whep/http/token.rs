//! Bearer tokens (RFC 6750).

/// Maximum length of a token, in bytes.
pub const MAX_TOKEN: usize = 8192;

/// The token of an `Authorization` header with the scheme `Bearer`.
pub fn bearer(authorization: Option<&str>) -> Option<String> {
    let (scheme, token) = authorization?.split_once(' ')?;
    let token = token.trim();
    let usable = scheme.eq_ignore_ascii_case("Bearer") && is_token(token);
    usable.then(|| token.to_owned())
}

/// Whether this is a `b64token` (section 2.1) of at most [`MAX_TOKEN`] bytes.
pub fn is_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && text.len() <= MAX_TOKEN && body.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bearer_tokens_are_taken() {
        for (header, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer  a.b-c_d~e+f/g==", Some("a.b-c_d~e+f/g==")),
            ("BEARER x ", Some("x")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer =", None),
            ("Bearer a b", None),
            ("Bearer a\"b", None),
            ("Basic dXNlcjpwYXNz", None),
            ("", None),
        ] {
            assert_eq!(bearer(Some(header)).as_deref(), expected, "{header}");
        }
        assert_eq!(bearer(None), None);
        assert!(!is_token(&"a".repeat(MAX_TOKEN + 1)));
    }
}
