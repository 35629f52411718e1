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
    /// The session that was created or changed.
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

    /// The answer to candidates: 204.
    pub fn no_content(session: SessionId, session_key: String, etag: String) -> Response {
        Response {
            status: 204,
            headers: Vec::new(),
            body: String::new(),
            session,
            session_key,
            etag,
        }
    }

    /// The answer to an ICE restart: 200 with our new credentials.
    pub fn restarted(
        fragment: String,
        session: SessionId,
        session_key: String,
        etag: String,
    ) -> Response {
        Response {
            status: 200,
            headers: vec![
                ("Content-Type", "application/trickle-ice-sdpfrag".to_owned()),
                ("ETag", etag.clone()),
            ],
            body: fragment,
            session,
            session_key,
            etag,
        }
    }
}
