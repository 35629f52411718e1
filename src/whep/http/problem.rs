//! Bodies of failures: problem details (RFC 9457).

use serde_json::json;

use super::HttpResponse;
use crate::error::{Error, Status};

/// Seconds until a camera may be there: about as long as one attempt to connect takes.
const RETRY_CAMERA: u32 = 2;
/// Seconds until there may be room.
const RETRY_ROOM: u32 = 5;

/// A failed operation. `detail` is the sentence of the error.
pub fn of_error(error: &Error) -> HttpResponse {
    let answer = answer(error.status().http(), error.message());
    match error.status() {
        Status::NotReady => answer.with("Retry-After", RETRY_CAMERA.to_string()),
        _ if answer.status == 503 => answer.with("Retry-After", RETRY_ROOM.to_string()),
        _ => answer,
    }
}

/// Somebody who sent a token that does not count, or none (RFC 6750 section 3).
pub fn refused(had_token: bool) -> HttpResponse {
    match had_token {
        true => answer(403, "this token does not allow the request"),
        false => answer(401, "a token is required: send it as Authorization: Bearer")
            .with("WWW-Authenticate", "Bearer"),
    }
}

/// A failure with a sentence of its own.
pub fn answer(status: u16, detail: &str) -> HttpResponse {
    // There is no page about each kind; RFC 9457 section 4.2.1 has this type for that, and then
    // the title is that of the HTTP status.
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

/// The reason phrase of a status, of those that occur (RFC 9110 section 15, RFC 6585).
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
