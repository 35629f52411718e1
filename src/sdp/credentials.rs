//! The ICE credentials of one side.

/// ufrag and password of one side (RFC 8839 section 5.4).
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// User name fragment.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
}
