//! The ICE credentials of one side, and their checks.

use crate::error::{Error, Result, Status};

/// ufrag and password of one side (RFC 8839 section 5.4).
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// User name fragment.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
}

impl IceCredentials {
    /// Checks the values of `a=ice-ufrag` and `a=ice-pwd`; `None` if there are neither. `document` is
    /// what the error calls their source: "offer" or "fragment".
    pub(super) fn read(
        document: &str,
        ufrag: Option<&str>,
        pwd: Option<&str>,
    ) -> Result<Option<IceCredentials>> {
        let refused = |what| Err(bad_credentials(document, what));
        let (ufrag, pwd) = match (ufrag, pwd) {
            (None, None) => return Ok(None),
            (Some(ufrag), Some(pwd)) => (ufrag, pwd),
            (Some(_), None) => return refused("has a=ice-ufrag, but no a=ice-pwd: send both"),
            (None, Some(_)) => return refused("has a=ice-pwd, but no a=ice-ufrag: send both"),
        };
        if !is_ice_chars(ufrag, 4) {
            return refused("has an a=ice-ufrag that is not 4 to 256 letters, digits, + and /");
        }
        if !is_ice_chars(pwd, 22) {
            return refused("has an a=ice-pwd that is not 22 to 256 letters, digits, + and /");
        }
        Ok(Some(IceCredentials {
            ufrag: ufrag.to_owned(),
            pwd: pwd.to_owned(),
        }))
    }
}

/// The error for the credentials in a document: "offer" or "fragment".
pub(super) fn bad_credentials(document: &str, what: &str) -> Error {
    Error::new(Status::IceCredentials, format!("the {document} {what}"))
}

/// Whether a text consists of `at_least` to 256 characters that ICE allows (RFC 8839 section 5.4).
pub(super) fn is_ice_chars(text: &str, at_least: usize) -> bool {
    let ice_char = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    (at_least..=256).contains(&text.len()) && text.bytes().all(ice_char)
}
