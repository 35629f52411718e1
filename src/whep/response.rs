//! The HTTP response to a WHEP request that succeeded.

use std::time::SystemTime;

use super::http::{FRAGMENT, SDP, WALL_PATCHES, refused_slots};
use crate::state::SessionId;
use crate::wall::Decision;

/// An HTTP response, to be sent as it is by the host's web server.
///
/// The response to a failure is [`HttpResponse::from`](super::HttpResponse) of its error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Names and values of the header fields.
    pub headers: Vec<(&'static str, String)>,
    /// Body, UTF-8.
    pub body: String,
    /// The session that was created or changed.
    pub session: SessionId,
    /// Its unguessable name in URLs (128 random bits in hexadecimal).
    pub session_key: String,
    /// Its entity tag, including the quotes.
    pub etag: String,
}

impl Response {
    /// The response to an offer: 201 with the SDP answer.
    pub fn created(
        sdp: String,
        location: Option<String>,
        session: SessionId,
        session_key: String,
        etag: String,
    ) -> Response {
        let mut headers = vec![
            ("Content-Type", SDP.to_owned()),
            ("ETag", etag.clone()),
            ("Accept-Patch", FRAGMENT.to_owned()),
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

    /// The response to an offer that cannot be answered: 406 with an offer of ours, which the viewer answers
    /// by a PATCH of the session until then (draft-ietf-wish-whep-04, "Server Sends Counter-offer").
    pub fn countered(
        sdp: String,
        location: Option<String>,
        session: SessionId,
        session_key: String,
        etag: String,
        until: SystemTime,
    ) -> Response {
        let mut response = Response::created(sdp, location, session, session_key, etag);
        response.status = 406;
        let until = httpdate::fmt_http_date(until);
        for (name, value) in &mut response.headers {
            match *name {
                "Content-Type" => *value = format!("{SDP}; valid-until=\"{until}\""),
                "Accept-Patch" => *value = SDP.to_owned(),
                _ => {}
            }
        }
        response
    }

    /// Makes it the response to the offer of a wall: it takes requests for its slots, and these do not show what
    /// they were to.
    pub fn is_of_wall(&mut self, refused: &[Decision]) {
        for (name, value) in &mut self.headers {
            if *name == "Accept-Patch" {
                *value = WALL_PATCHES.to_owned();
            }
        }
        let refused = refused_slots(refused);
        self.headers
            .extend(refused.map(|slots| ("Refused-Slots", slots)));
    }

    /// The response to candidates, or to the viewer's answer: 204.
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

    /// The response to an ICE restart: 200 with the gateway's new credentials.
    pub fn restarted(
        fragment: String,
        session: SessionId,
        session_key: String,
        etag: String,
    ) -> Response {
        Response {
            status: 200,
            headers: vec![
                ("Content-Type", FRAGMENT.to_owned()),
                ("ETag", etag.clone()),
            ],
            body: fragment,
            session,
            session_key,
            etag,
        }
    }
}
