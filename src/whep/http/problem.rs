//! Bodies of failures: problem details (RFC 9457).

use serde_json::json;

use super::HttpResponse;
use crate::error::{Error, Status};

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
        "title": title(status),
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

/// The reason phrase of each status that occurs (RFC 9110 section 15, RFC 6585).
fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        428 => "Precondition Required",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_the_library_has_a_title() {
        for &status in Status::ALL.iter().filter(|&&s| s != Status::Ok) {
            assert_ne!(title(status.http()), "Error", "{status:?}");
        }
    }
}
