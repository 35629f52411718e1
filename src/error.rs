//! The library's error type, and the table that maps it to C and to HTTP.

use std::fmt;

/// The kind of a failure. Each has a number in the C ABI and an HTTP status.
///
/// The numbers are part of the ABI: they are never reused, and new ones are appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Success. Only used where a state carries a status.
    Ok,
    /// An argument is out of range, malformed or missing.
    InvalidArgument,
    /// No stream, session, operation or knob has this id, name or key, or not any more.
    NotFound,
    /// A stream with this name already exists.
    AlreadyExists,
    /// The call is not possible in the current state of its object.
    InvalidState,
    /// Not supported by this build or by this stream.
    Unsupported,
    /// The SDP is malformed, or lacks something that WebRTC requires.
    Sdp,
    /// The SDP is larger than that of any browser.
    TooLarge,
    /// The offer and the camera have no codec in common, or the offer has no video.
    Codec,
    /// The offer carries no DTLS certificate fingerprint.
    Fingerprint,
    /// The offer carries no ICE credentials.
    IceCredentials,
    /// The camera's address is not a usable RTSP URL.
    Url,
    /// The camera's user or password cannot be sent in RTSP.
    Credentials,
    /// The stream has no media yet.
    NotReady,
    /// A limit (`max_sessions`, `max_sessions_per_stream`) is reached.
    Limit,
    /// The operation did not complete in time.
    Timeout,
    /// The operation was canceled.
    Cancelled,
    /// The camera refused the user or the password.
    Auth,
    /// The camera cannot be reached, or the connection to it broke.
    Connect,
    /// The camera violated RTSP, or has no usable media.
    Camera,
    /// The camera stopped sending video while connected.
    Stalled,
    /// The operating system refused a resource, e.g. a socket or a thread.
    Io,
    /// The viewer's ICE checks never arrived, or stopped.
    Ice,
    /// The DTLS handshake failed, or the certificate does not match the fingerprint in the offer.
    Dtls,
    /// The viewer supports no SRTP profile that `srtp_policy` allows.
    SrtpProfile,
    /// The gateway is shutting down.
    ShuttingDown,
    /// A blocking function was called from within a callback.
    WouldDeadlock,
    /// The caller was compiled for another version of the ABI.
    AbiMismatch,
    /// `struct_size` does not match any known version of the struct, or unknown fields are set.
    StructSize,
    /// A pushed frame was dropped because the stream's queue is full, or has been full since the last
    /// keyframe.
    QueueFull,
    /// `If-Match` does not name the current ICE session of the viewer.
    Etag,
    /// A PATCH request has no `If-Match`.
    PreconditionRequired,
    /// A PATCH request asks for a change that is not supported, e.g. a new SDP.
    Unprocessable,
    /// A bug in the library: this call or object failed, everything else continues.
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
        Status::Panic,
    ];

    /// Number in the C ABI, HTTP status, and short text.
    const fn row(self) -> (i32, u16, &'static str) {
        match self {
            Status::Ok => (0, 200, "ok"),
            Status::InvalidArgument => (-1, 400, "invalid argument"),
            Status::NotFound => (-2, 404, "not found"),
            Status::AlreadyExists => (-3, 409, "already exists"),
            Status::InvalidState => (-4, 409, "not possible in this state"),
            Status::Unsupported => (-5, 501, "not supported"),
            Status::Sdp => (-6, 400, "the SDP is not valid"),
            Status::TooLarge => (-7, 413, "too large"),
            Status::Codec => (-8, 406, "no codec in common"),
            Status::Fingerprint => (-9, 400, "the offer has no DTLS fingerprint"),
            Status::IceCredentials => (-10, 400, "the offer has no ICE credentials"),
            Status::Url => (-11, 400, "not a usable RTSP URL"),
            Status::Credentials => (-12, 400, "user or password cannot be sent"),
            Status::NotReady => (-13, 409, "the stream has no media yet"),
            Status::Limit => (-14, 503, "limit reached"),
            Status::Timeout => (-15, 504, "timed out"),
            Status::Cancelled => (-16, 503, "canceled"),
            Status::Auth => (-17, 502, "the camera refused the credentials"),
            Status::Connect => (-18, 502, "the camera cannot be reached"),
            Status::Camera => (-19, 502, "the camera does not deliver"),
            Status::Stalled => (-20, 502, "the camera stopped sending"),
            Status::Io => (-21, 500, "the operating system refused"),
            Status::Ice => (-22, 504, "no connection to the viewer (ICE)"),
            Status::Dtls => (-23, 502, "DTLS handshake failed"),
            Status::SrtpProfile => (-24, 406, "no SRTP profile in common"),
            Status::ShuttingDown => (-25, 503, "shutting down"),
            Status::WouldDeadlock => (-26, 500, "blocking call inside a callback"),
            Status::AbiMismatch => (-27, 500, "ABI version mismatch"),
            Status::StructSize => (-28, 500, "struct size mismatch"),
            Status::QueueFull => (-29, 503, "the push queue is full"),
            Status::Etag => (-30, 412, "another ICE session"),
            Status::PreconditionRequired => (-31, 428, "If-Match is missing"),
            Status::Unprocessable => (-32, 422, "not possible by PATCH"),
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
