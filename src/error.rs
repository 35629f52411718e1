//! The library's error type, and the table that maps it to C and to HTTP.

use std::fmt;

/// The kind of a failure. Each has a number in the C ABI and an HTTP status.
///
/// The numbers are part of the ABI: they are never reused, and new ones are appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Success; used only where a state carries a status.
    Ok,
    /// An argument is missing or out of range.
    InvalidArgument,
    /// No stream, session, operation, request or knob has this id or name, or it no longer exists.
    NotFound,
    /// A stream with this name already exists.
    AlreadyExists,
    /// The object is not in a state that allows the call.
    InvalidState,
    /// Not supported by this build of the library or by this stream.
    Unsupported,
    /// The SDP cannot be parsed, or lacks something that WebRTC requires.
    Sdp,
    /// The SDP is larger than the library accepts.
    TooLarge,
    /// The offer and the camera have no codec in common, or the offer has no video.
    Codec,
    /// The offer has no DTLS certificate fingerprint.
    Fingerprint,
    /// The offer has no ICE credentials.
    IceCredentials,
    /// The URL of a camera or of an output is not valid.
    Url,
    /// A user name, password or token contains characters that RTSP or HTTP cannot carry.
    Credentials,
    /// The stream has no media yet.
    NotReady,
    /// A limit is reached, for example `max_sessions` or `max_sessions_per_stream`.
    Limit,
    /// The operation did not complete in time.
    Timeout,
    /// The operation was canceled, or the gateway shut down before it completed.
    Cancelled,
    /// The camera, or the media server of an output, rejected the credentials.
    Auth,
    /// The camera cannot be reached.
    Connect,
    /// The camera's RTSP responses are invalid, or it offers no usable media.
    Camera,
    /// The camera, or the host of a push stream, stopped sending video.
    Stalled,
    /// The operating system reported an error, for example when opening a socket.
    Io,
    /// No ICE connectivity check arrived from the viewer, or the checks stopped.
    Ice,
    /// The DTLS handshake failed, or the viewer's certificate does not match its offer.
    Dtls,
    /// The viewer supports no SRTP profile that the policy allows.
    SrtpProfile,
    /// The gateway is shutting down.
    ShuttingDown,
    /// The function would have to wait, and was called from a callback that it would wait for.
    WouldDeadlock,
    /// The program was compiled against a header with another ABI version.
    AbiMismatch,
    /// `struct_size` is not a size that this library knows, or a field that it does not know is
    /// set.
    StructSize,
    /// The pushed frame was dropped: the queue is full, or frames since the last keyframe are
    /// missing.
    QueueFull,
    /// `If-Match` does not name the viewer's current ICE session.
    Etag,
    /// The PATCH request has no `If-Match` header.
    PreconditionRequired,
    /// The PATCH request asks for a change that sessions do not support, for example a new SDP.
    Unprocessable,
    /// The media server of an output cannot be reached, has failed, or has ended the session.
    Ingest,
    /// A bug in the library. The call or its object failed; everything else continues.
    Panic,
}

impl Status {
    /// All statuses.
    pub const ALL: &'static [Status] = &[
        Status::Ok,
        Status::InvalidArgument,
        Status::NotFound,
        Status::AlreadyExists,
        Status::InvalidState,
        Status::Unsupported,
        Status::Sdp,
        Status::TooLarge,
        Status::Codec,
        Status::Fingerprint,
        Status::IceCredentials,
        Status::Url,
        Status::Credentials,
        Status::NotReady,
        Status::Limit,
        Status::Timeout,
        Status::Cancelled,
        Status::Auth,
        Status::Connect,
        Status::Camera,
        Status::Stalled,
        Status::Io,
        Status::Ice,
        Status::Dtls,
        Status::SrtpProfile,
        Status::ShuttingDown,
        Status::WouldDeadlock,
        Status::AbiMismatch,
        Status::StructSize,
        Status::QueueFull,
        Status::Etag,
        Status::PreconditionRequired,
        Status::Unprocessable,
        Status::Ingest,
        Status::Panic,
    ];

    /// Number in the C ABI, HTTP status, and short text.
    const fn row(self) -> (i32, u16, &'static str) {
        match self {
            Status::Ok => (0, 200, "ok"),
            Status::InvalidArgument => (-1, 400, "invalid argument"),
            Status::NotFound => (-2, 404, "not found"),
            Status::AlreadyExists => (-3, 409, "already exists"),
            Status::InvalidState => (-4, 409, "invalid state"),
            Status::Unsupported => (-5, 501, "not supported"),
            Status::Sdp => (-6, 400, "invalid SDP"),
            Status::TooLarge => (-7, 413, "too large"),
            Status::Codec => (-8, 406, "no common codec"),
            Status::Fingerprint => (-9, 400, "no DTLS fingerprint in the offer"),
            Status::IceCredentials => (-10, 400, "no ICE credentials in the offer"),
            Status::Url => (-11, 400, "invalid URL"),
            Status::Credentials => (-12, 400, "invalid characters in the credentials"),
            Status::NotReady => (-13, 409, "no media yet"),
            Status::Limit => (-14, 503, "limit reached"),
            Status::Timeout => (-15, 504, "timed out"),
            Status::Cancelled => (-16, 503, "canceled"),
            Status::Auth => (-17, 502, "credentials rejected"),
            Status::Connect => (-18, 502, "camera unreachable"),
            Status::Camera => (-19, 502, "camera error"),
            Status::Stalled => (-20, 502, "camera stopped sending"),
            Status::Io => (-21, 500, "operating system error"),
            Status::Ice => (-22, 504, "no ICE connectivity"),
            Status::Dtls => (-23, 502, "DTLS handshake failed"),
            Status::SrtpProfile => (-24, 406, "no common SRTP profile"),
            Status::ShuttingDown => (-25, 503, "shutting down"),
            Status::WouldDeadlock => (-26, 500, "call not allowed in a callback"),
            Status::AbiMismatch => (-27, 500, "ABI version mismatch"),
            Status::StructSize => (-28, 500, "struct size mismatch"),
            Status::QueueFull => (-29, 503, "push queue full"),
            Status::Etag => (-30, 412, "ICE session does not match"),
            Status::PreconditionRequired => (-31, 428, "If-Match header missing"),
            Status::Unprocessable => (-32, 422, "change not supported by PATCH"),
            Status::Ingest => (-33, 502, "media server error"),
            Status::Panic => (-100, 500, "internal error"),
        }
    }

    /// The number in the C ABI: 0 or negative.
    pub const fn code(self) -> i32 {
        self.row().0
    }

    /// The HTTP status of a response to a WHEP request.
    pub const fn http(self) -> u16 {
        self.row().1
    }

    /// A few words in lower case.
    pub const fn text(self) -> &'static str {
        self.row().2
    }

    /// The status with this number in the C ABI, if there is one.
    pub fn from_code(code: i32) -> Option<Status> {
        Status::ALL.iter().copied().find(|s| s.code() == code)
    }
}

/// A failure: its status, and a message that says what happened and what to do about it.
///
/// Messages start in lower case and have no final period, so that they can follow other text. They
/// never contain a password or a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    status: Status,
    message: String,
}

impl Error {
    /// Creates an error. See [`Error`] for the style of messages.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Error {
            status,
            message: message.into(),
        }
    }

    /// The kind of failure.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The reason phrase of each status that occurs (RFC 9110 section 15, RFC 6585).
pub(crate) fn reason_phrase(status: u16) -> &'static str {
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

/// The error of every call after shutdown has started.
pub(crate) fn shutting_down() -> Error {
    Error::new(
        Status::ShuttingDown,
        "the gateway is shutting down: create another one to continue",
    )
}

/// The error after a caught panic. `lost` is what it cost, e.g. "this session".
pub(crate) fn panicked(lost: &str) -> Error {
    Error::new(
        Status::Panic,
        format!(
            "a bug in the library stopped {lost}: please report it with the log and the text on \
             standard error"
        ),
    )
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status.text(), self.message)
    }
}

impl std::error::Error for Error {}

/// The library's result type.
pub type Result<T> = std::result::Result<T, Error>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_found_again() {
        for &status in Status::ALL {
            assert_eq!(Status::from_code(status.code()), Some(status));
        }
        assert_eq!(Status::from_code(1), None);
    }
}
