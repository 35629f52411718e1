//! Bodies of failures: problem details (RFC 9457).

use serde_json::json;

use super::HttpResponse;
use crate::error::{Error, Status, reason_phrase};

/// Seconds after which a camera that is connecting may be live: about one attempt to connect.
const RETRY_CAMERA: u32 = 2;
/// Seconds after which a limit may no longer be reached.
const RETRY_LIMIT: u32 = 5;
/// Seconds after which another process may be there in place of this one.
const RETRY_RESTART: u32 = 1;

impl From<&Error> for HttpResponse {
    /// The status of the error, its sentence as the `detail` of the problem, and `Retry-After`
    /// where trying again may help.
    fn from(error: &Error) -> Self {
        let response = response(error.status().http(), error.message());
        match error.status() {
            Status::NotReady => response.with("Retry-After", RETRY_CAMERA.to_string()),
            Status::ShuttingDown => response.with("Retry-After", RETRY_RESTART.to_string()),
            _ if response.status == 503 => response.with("Retry-After", RETRY_LIMIT.to_string()),
            _ => response,
        }
    }
}

/// The response to a request that is not allowed (RFC 6750 section 3).
pub fn refused(had_token: bool) -> HttpResponse {
    match had_token {
        true => response(403, "this token does not allow the request"),
        false => response(401, "a token is required: send it as Authorization: Bearer")
            .with("WWW-Authenticate", "Bearer"),
    }
}

/// A failure that no [`Error`] stands for.
pub fn response(status: u16, detail: &str) -> HttpResponse {
    // No page describes each kind of failure. RFC 9457 section 4.2.1 has this type for that; the
    // title is then the reason phrase of the status.
    let body = json!({
        "type": "about:blank",
        "title": reason_phrase(status),
        "status": status,
        "detail": detail,
    });
    HttpResponse {
        body: body.to_string(),
        ..HttpResponse::new(status)
    }
    .with("Content-Type", "application/problem+json")
    .with("Cache-Control", "no-store")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_the_library_has_a_title() {
        for &status in Status::ALL.iter().filter(|&&s| s != Status::Ok) {
            assert_ne!(reason_phrase(status.http()), "Error", "{status:?}");
        }
    }
}
