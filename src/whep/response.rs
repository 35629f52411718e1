//! The HTTP response to a WHEP request.

use crate::state::SessionId;

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
    pub session: SessionId,
    /// Its unguessable name in URLs (128 bits of randomness, in hexadecimal).
    pub session_key: String,
    /// Its entity tag, quotes included.
    pub etag: String,
}

impl Response {
    /// The answer to an offer: 201 with the SDP.
    pub fn created(
        sdp: String,
        location: Option<String>,
        session: SessionId,
        session_key: String,
        etag: String,
    ) -> Response {
        let mut headers = vec![
            ("Content-Type", "application/sdp".to_owned()),
            ("ETag", etag.clone()),
        ];
        headers.extend(location.map(|location| ("Location", location)));
        Response {
            status: 201,
            headers,
            body: sdp,
            session,
            session_key,
            etag,
        }
    }
}
