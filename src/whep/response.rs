//! The HTTP response to a WHEP request.

use crate::config::SessionId;

/// An HTTP response, ready to be written by the host's web server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(&'static str, String)>,
    /// Body, UTF-8.
    pub body: String,
    /// The session created.
    pub session: Option<SessionId>,
    /// Its unguessable name in URLs (128 bits of randomness, base64url).
    pub session_key: Option<String>,
    /// Its entity tag, quotes included.
    pub etag: Option<String>,
}
