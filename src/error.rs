//! One error for the whole library, and one table that maps it to C and to HTTP.

use std::fmt;

/// What kind of failure it was. Each has a number in the C ABI and an HTTP status.
///
/// The numbers are part of the ABI: they are never reused, and new ones are appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Success; only used where a state carries a status.
    Ok,
    /// An argument is out of its range, or required and missing.
    InvalidArgument,
    /// No stream, session, operation or knob has this id, name or key (any more).
    NotFound,
    /// A stream of this name exists.
    AlreadyExists,
    /// The call does not fit the state of its object.
    InvalidState,
    /// Understood, but not supported by this build or this stream.
    Unsupported,
    /// The SDP does not parse, or misses what WebRTC requires.
    Sdp,
    /// The SDP is larger than any browser makes it.
    TooLarge,
    /// Offer and camera have no codec in common, or the offer has no video.
    Codec,
    /// The offer carries no DTLS certificate fingerprint.
    Fingerprint,
    /// The offer carries no ICE credentials.
    IceCredentials,
    /// The camera's address is not a usable RTSP URL.
    Url,
    /// User or password of the camera cannot be sent in RTSP.
    Credentials,
    /// The stream has no media yet.
    NotReady,
    /// A limit (`max_sessions`, `max_sessions_per_stream`) is reached.
    Limit,
    /// Something did not happen in time.
    Timeout,
    /// The operation was cancelled, or its gateway shut down meanwhile.
    Cancelled,
    /// The camera refused the user or the password.
    Auth,
    /// The camera could not be reached.
    Connect,
    /// The camera answered, but not as RTSP demands, or without usable media.
    Camera,
    /// The camera stopped sending while connected.
    Stalled,
    /// The operating system refused something, e.g. a socket.
    Io,
    /// The viewer's ICE checks never arrived, or ceased.
    Ice,
    /// The DTLS handshake failed, or its certificate is not the offered one.
    Dtls,
    /// The viewer offers no SRTP profile that the policy allows.
    SrtpProfile,
    /// The gateway is shutting down.
    ShuttingDown,
    /// A blocking function was called from inside a callback.
    WouldDeadlock,
    /// The caller was compiled against another ABI.
    AbiMismatch,
    /// `struct_size` is no size this library knows, or unknown fields are set.
    StructSize,
    /// A pushed frame was dropped because the stream's queue is full, or was since its last
    /// keyframe.
    QueueFull,
    /// `If-Match` names an ICE session that is not, or no longer, the viewer's.
    Etag,
    /// A PATCH has no `If-Match`.
    PreconditionRequired,
    /// A PATCH asks for what sessions here cannot do, e.g. another SDP.
    Unprocessable,
    /// A bug in the library; the call or its object failed, the rest goes on.
    Panic,
}

impl Status {
    /// Every status, for tables and tests.
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

    /// Number in the C ABI, status of an HTTP answer, and a short text: one row per status.
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
            Status::Cancelled => (-16, 503, "cancelled"),
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

    /// The number that C sees: 0 or negative.
    pub const fn code(self) -> i32 {
        self.row().0
    }

    /// The HTTP status to answer a WHEP request with.
    pub const fn http(self) -> u16 {
        self.row().1
    }

    /// A short text, a few words in lower case.
    pub const fn text(self) -> &'static str {
        self.row().2
    }

    /// The status with this C number, if there is one.
    pub fn from_code(code: i32) -> Option<Status> {
        Status::ALL.iter().copied().find(|s| s.code() == code)
    }
}

/// A failure: what kind, and a sentence that says what happened and what to do.
///
/// The sentence never contains a password or a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    status: Status,
    message: String,
}

impl Error {
    /// Makes an error.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Error {
            status,
            message: message.into(),
        }
    }

    /// What kind of failure it was.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// What a call hears once shutdown has begun.
pub(crate) fn shutting_down() -> Error {
    Error::new(Status::ShuttingDown, "the gateway is shutting down")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status.text(), self.message)
    }
}

impl std::error::Error for Error {}

/// The result of everything that can fail here.
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
