//! Results of calls.

use once_cell::sync::Lazy;
use std::ffi::{CString, c_char, c_int};

use super::convert::{c_text, write_text};
use super::guard::{guard, with_last_error};
use crate::error::Status;

/// Results of calls. Later versions may add values: treat every value below 0 as a failure.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of Status")]
pub enum rtsp_webrtc_gateway_status {
    /// Success. HTTP 200.
    RTSP_WEBRTC_GATEWAY_OK = 0,
    /// An argument is missing or out of range. HTTP 400.
    RTSP_WEBRTC_GATEWAY_ERR_INVALID_ARGUMENT = -1,
    /// No stream, session, operation, request or knob has this id or name, or it no longer exists.
    /// HTTP 404.
    RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND = -2,
    /// A stream with this name already exists. HTTP 409.
    RTSP_WEBRTC_GATEWAY_ERR_ALREADY_EXISTS = -3,
    /// The object is not in a state that allows the call. HTTP 409.
    RTSP_WEBRTC_GATEWAY_ERR_INVALID_STATE = -4,
    /// Not supported by this build of the library or by this stream. HTTP 501.
    RTSP_WEBRTC_GATEWAY_ERR_UNSUPPORTED = -5,
    /// The SDP cannot be parsed, or lacks something that WebRTC requires. HTTP 400.
    RTSP_WEBRTC_GATEWAY_ERR_SDP = -6,
    /// The SDP is larger than the library accepts. HTTP 413.
    RTSP_WEBRTC_GATEWAY_ERR_TOO_LARGE = -7,
    /// The offer and the camera have no codec in common, or the offer has no video. HTTP 406.
    RTSP_WEBRTC_GATEWAY_ERR_CODEC = -8,
    /// The offer has no DTLS certificate fingerprint. HTTP 400.
    RTSP_WEBRTC_GATEWAY_ERR_FINGERPRINT = -9,
    /// The offer has no ICE credentials. HTTP 400.
    RTSP_WEBRTC_GATEWAY_ERR_ICE_CREDENTIALS = -10,
    /// The URL of a camera or of an output is not valid. HTTP 400.
    RTSP_WEBRTC_GATEWAY_ERR_URL = -11,
    /// A user name, password or token contains characters that RTSP or HTTP cannot carry. HTTP 400.
    RTSP_WEBRTC_GATEWAY_ERR_CREDENTIALS = -12,
    /// The stream has no media yet. HTTP 409.
    RTSP_WEBRTC_GATEWAY_ERR_NOT_READY = -13,
    /// A limit is reached, for example `max_sessions` or `max_sessions_per_stream`. HTTP 503.
    RTSP_WEBRTC_GATEWAY_ERR_LIMIT = -14,
    /// The operation did not complete in time. HTTP 504.
    RTSP_WEBRTC_GATEWAY_ERR_TIMEOUT = -15,
    /// The operation was canceled, or the gateway shut down before it completed. HTTP 503.
    RTSP_WEBRTC_GATEWAY_ERR_CANCELLED = -16,
    /// The camera, or the media server of an output, rejected the credentials. HTTP 502.
    RTSP_WEBRTC_GATEWAY_ERR_AUTH = -17,
    /// The camera cannot be reached. HTTP 502.
    RTSP_WEBRTC_GATEWAY_ERR_CONNECT = -18,
    /// The camera's RTSP responses are invalid, or it offers no usable media. HTTP 502.
    RTSP_WEBRTC_GATEWAY_ERR_CAMERA = -19,
    /// The camera, or the host of a push stream, stopped sending video. HTTP 502.
    RTSP_WEBRTC_GATEWAY_ERR_STALLED = -20,
    /// The operating system reported an error, for example when opening a socket. HTTP 500.
    RTSP_WEBRTC_GATEWAY_ERR_IO = -21,
    /// No ICE connectivity check arrived from the viewer, or the checks stopped. HTTP 504.
    RTSP_WEBRTC_GATEWAY_ERR_ICE = -22,
    /// The DTLS handshake failed, or the viewer's certificate does not match its offer. HTTP 502.
    RTSP_WEBRTC_GATEWAY_ERR_DTLS = -23,
    /// The viewer supports no SRTP profile that the policy allows. HTTP 406.
    RTSP_WEBRTC_GATEWAY_ERR_SRTP_PROFILE = -24,
    /// The gateway is shutting down. HTTP 503.
    RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN = -25,
    /// The function would have to wait, and was called from a callback that it would wait for.
    /// HTTP 500.
    RTSP_WEBRTC_GATEWAY_ERR_WOULD_DEADLOCK = -26,
    /// The program was compiled against a header with another ABI version. HTTP 500.
    RTSP_WEBRTC_GATEWAY_ERR_ABI_MISMATCH = -27,
    /// `struct_size` is not a size that this library knows, or a field that it does not know is
    /// set. HTTP 500.
    RTSP_WEBRTC_GATEWAY_ERR_STRUCT_SIZE = -28,
    /// The pushed frame was dropped: the queue is full, or frames since the last keyframe are
    /// missing. HTTP 503.
    RTSP_WEBRTC_GATEWAY_ERR_QUEUE_FULL = -29,
    /// `If-Match` does not name the viewer's current ICE session. HTTP 412.
    RTSP_WEBRTC_GATEWAY_ERR_ETAG = -30,
    /// The PATCH request has no `If-Match` header. HTTP 428.
    RTSP_WEBRTC_GATEWAY_ERR_PRECONDITION_REQUIRED = -31,
    /// The PATCH request asks for a change that sessions do not support, for example a new SDP.
    /// HTTP 422.
    RTSP_WEBRTC_GATEWAY_ERR_UNPROCESSABLE = -32,
    /// The media server of an output cannot be reached, has failed, or has ended the session. HTTP 502.
    RTSP_WEBRTC_GATEWAY_ERR_INGEST = -33,
    /// A bug in the library. The call or its object failed; everything else continues. HTTP 500.
    RTSP_WEBRTC_GATEWAY_ERR_PANIC = -100,
}

static TEXTS: Lazy<Vec<(i32, CString)>> = Lazy::new(|| {
    let texts = Status::ALL.iter().map(|s| (s.code(), c_text(s.text())));
    texts.collect()
});

/// Returns a short text for a status, for example "not found", or "unknown status" for any other
/// number. The string is static and never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn rtsp_webrtc_gateway_strerror(status: c_int) -> *const c_char {
    let unknown = c"unknown status".as_ptr();
    guard(unknown, || {
        let found = TEXTS.iter().find(|(code, _)| *code == status);
        found.map_or(unknown, |(_, text)| text.as_ptr())
    })
}

/// Returns the HTTP status code with which to answer a WHEP request when a call for it returned
/// this status. The enum lists the codes. Returns 500 for any other number.
#[unsafe(no_mangle)]
pub extern "C" fn rtsp_webrtc_gateway_http_status(status: c_int) -> c_int {
    guard(500, || {
        Status::from_code(status).map_or(500, |status| status.http().into())
    })
}

/// Copies the error message of the last failed call on the calling thread: what happened, and what
/// to do about it. The message never contains a password or a key. It is empty before the first
/// failure; a successful call does not change it.
///
/// Works like snprintf(): writes at most capacity bytes, always with a terminating NUL unless
/// capacity is 0, and returns the length of the whole message without the NUL. The text is UTF-8
/// and is never cut inside a character. buffer may be NULL if capacity is 0, to query the length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_last_error(
    buffer: *mut c_char,
    capacity: usize,
) -> usize {
    guard(0, || {
        // SAFETY: buffer is NULL or writable for capacity bytes, by the conventions.
        with_last_error(|message| unsafe { write_text(message, buffer, capacity) })
    })
}
