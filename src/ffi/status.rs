//! Results of calls.

use once_cell::sync::Lazy;
use std::ffi::{CString, c_char, c_int};

use super::convert::{c_text, fill};
use super::guard::{guard, with_last_error};
use crate::error::Status;

/// Results. New codes may appear: treat any value below 0 as a failure.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of Status")]
pub enum rtsp_webrtc_gateway_status {
    /// Success. HTTP 200.
    RTSP_WEBRTC_GATEWAY_OK = 0,
    /// An argument is out of its range, or required and missing. HTTP 400.
    RTSP_WEBRTC_GATEWAY_ERR_INVALID_ARGUMENT = -1,
    /// No stream, session, operation or knob has this id, name or key (any more). HTTP 404.
    RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND = -2,
    /// A stream of this name exists. HTTP 409.
    RTSP_WEBRTC_GATEWAY_ERR_ALREADY_EXISTS = -3,
    /// The call does not fit the state of its object. HTTP 409.
    RTSP_WEBRTC_GATEWAY_ERR_INVALID_STATE = -4,
    /// Understood, but not supported by this build or this stream. HTTP 501.
    RTSP_WEBRTC_GATEWAY_ERR_UNSUPPORTED = -5,
    /// The SDP does not parse, or misses what WebRTC requires. HTTP 400.
    RTSP_WEBRTC_GATEWAY_ERR_SDP = -6,
    /// The SDP is larger than any browser makes it. HTTP 413.
    RTSP_WEBRTC_GATEWAY_ERR_TOO_LARGE = -7,
    /// Offer and camera have no codec in common, or the offer has no video. HTTP 406.
    RTSP_WEBRTC_GATEWAY_ERR_CODEC = -8,
    /// The offer carries no DTLS certificate fingerprint. HTTP 400.
    RTSP_WEBRTC_GATEWAY_ERR_FINGERPRINT = -9,
    /// The offer carries no ICE credentials. HTTP 400.
    RTSP_WEBRTC_GATEWAY_ERR_ICE_CREDENTIALS = -10,
    /// The camera's address is not a usable RTSP URL. HTTP 400.
    RTSP_WEBRTC_GATEWAY_ERR_URL = -11,
    /// User or password of the camera cannot be sent in RTSP. HTTP 400.
    RTSP_WEBRTC_GATEWAY_ERR_CREDENTIALS = -12,
    /// The stream has no media yet. HTTP 409.
    RTSP_WEBRTC_GATEWAY_ERR_NOT_READY = -13,
    /// A limit (`max_sessions`, `max_sessions_per_stream`) is reached. HTTP 503.
    RTSP_WEBRTC_GATEWAY_ERR_LIMIT = -14,
    /// Something did not happen in time. HTTP 504.
    RTSP_WEBRTC_GATEWAY_ERR_TIMEOUT = -15,
    /// The operation was cancelled, or its gateway shut down meanwhile. HTTP 503.
    RTSP_WEBRTC_GATEWAY_ERR_CANCELLED = -16,
    /// The camera refused the user or the password. HTTP 502.
    RTSP_WEBRTC_GATEWAY_ERR_AUTH = -17,
    /// The camera could not be reached. HTTP 502.
    RTSP_WEBRTC_GATEWAY_ERR_CONNECT = -18,
    /// The camera answered, but not as RTSP demands, or without usable media. HTTP 502.
    RTSP_WEBRTC_GATEWAY_ERR_CAMERA = -19,
    /// The camera stopped sending while connected. HTTP 502.
    RTSP_WEBRTC_GATEWAY_ERR_STALLED = -20,
    /// The operating system refused something, e.g. a socket. HTTP 500.
    RTSP_WEBRTC_GATEWAY_ERR_IO = -21,
    /// The viewer's ICE checks never arrived, or ceased. HTTP 504.
    RTSP_WEBRTC_GATEWAY_ERR_ICE = -22,
    /// The DTLS handshake failed, or its certificate is not the offered one. HTTP 502.
    RTSP_WEBRTC_GATEWAY_ERR_DTLS = -23,
    /// The viewer offers no SRTP profile that the policy allows. HTTP 406.
    RTSP_WEBRTC_GATEWAY_ERR_SRTP_PROFILE = -24,
    /// The gateway is shutting down. HTTP 503.
    RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN = -25,
    /// A blocking function was called from inside a callback. HTTP 500.
    RTSP_WEBRTC_GATEWAY_ERR_WOULD_DEADLOCK = -26,
    /// The caller was compiled against another ABI. HTTP 500.
    RTSP_WEBRTC_GATEWAY_ERR_ABI_MISMATCH = -27,
    /// `struct_size` is no size this library knows, or unknown fields are set. HTTP 500.
    RTSP_WEBRTC_GATEWAY_ERR_STRUCT_SIZE = -28,
    /// A pushed frame was dropped: its queue is full, or was since the last keyframe. HTTP 503.
    RTSP_WEBRTC_GATEWAY_ERR_QUEUE_FULL = -29,
    /// `If-Match` names an ICE session that is not, or no longer, the viewer's. HTTP 412.
    RTSP_WEBRTC_GATEWAY_ERR_ETAG = -30,
    /// A PATCH has no `If-Match`. HTTP 428.
    RTSP_WEBRTC_GATEWAY_ERR_PRECONDITION_REQUIRED = -31,
    /// A PATCH asks for what sessions here cannot do, e.g. another SDP. HTTP 422.
    RTSP_WEBRTC_GATEWAY_ERR_UNPROCESSABLE = -32,
    /// A bug in the library; the call or its object failed, the rest goes on. HTTP 500.
    RTSP_WEBRTC_GATEWAY_ERR_PANIC = -100,
}

static TEXTS: Lazy<Vec<(i32, CString)>> = Lazy::new(|| {
    let texts = Status::ALL.iter().map(|s| (s.code(), c_text(s.text())));
    texts.collect()
});

/// A few words for a status, e.g. "not found"; "unknown status" for any other number. Static,
/// never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn rtsp_webrtc_gateway_strerror(status: c_int) -> *const c_char {
    let unknown = c"unknown status".as_ptr();
    guard(unknown, || {
        let found = TEXTS.iter().find(|(code, _)| *code == status);
        found.map_or(unknown, |(_, text)| text.as_ptr())
    })
}

/// The HTTP status to answer a WHEP request with when a call returned this status; see the enum.
/// 500 for any other number.
#[unsafe(no_mangle)]
pub extern "C" fn rtsp_webrtc_gateway_http_status(status: c_int) -> c_int {
    guard(500, || {
        Status::from_code(status).map_or(500, |status| status.http().into())
    })
}

/// The sentence to the last failure on the calling thread: what happened, and what to do. It never
/// contains a password or a key. Empty before the first failure; a success leaves it alone.
///
/// As snprintf: writes at most capacity bytes, always with a terminator (unless capacity is 0),
/// and returns the length of the whole sentence without it. UTF-8, never cut within a character.
/// buffer may be NULL to ask for the length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_last_error(
    buffer: *mut c_char,
    capacity: usize,
) -> usize {
    guard(0, || {
        with_last_error(|sentence| {
            if !buffer.is_null() {
                // More than the sentence and its terminator is never touched.
                let len = capacity.min(sentence.len() + 1);
                // SAFETY: not NULL, and the caller says that capacity bytes are writable; zeroed
                // first, so that they are initialised.
                let buffer = unsafe {
                    buffer.write_bytes(0, len);
                    std::slice::from_raw_parts_mut(buffer, len)
                };
                fill(buffer, sentence);
            }
            sentence.len()
        })
    })
}
