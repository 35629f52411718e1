//! Authorize: who can watch streams and read figures over HTTP.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;

use super::convert::{array, c_text, required_str, sized_struct};
use super::guard::guard_status;
use super::handle::{gateway_ref, rtsp_webrtc_gateway};
use crate::error::Result;
use crate::events::{AuthorizeRequest, RequestId};

/// What a request over HTTP asks for.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of Operation")]
pub enum rtsp_webrtc_gateway_operation {
    /// Watch a stream: POST of an offer; GET or HEAD of its endpoint.
    RTSP_WEBRTC_GATEWAY_OPERATION_WATCH = 1,
    /// Change a session: PATCH; GET or HEAD of the session.
    RTSP_WEBRTC_GATEWAY_OPERATION_UPDATE = 2,
    /// End a session: DELETE.
    RTSP_WEBRTC_GATEWAY_OPERATION_END = 3,
    /// Read the figures of all streams and sessions: /api and /metrics of listen_http().
    RTSP_WEBRTC_GATEWAY_OPERATION_MONITOR = 4,
}

/// A request over HTTP that the host is to allow or deny. Its strings are valid until the callback
/// returns.
#[repr(C)]
pub struct rtsp_webrtc_gateway_authorize_request {
    /// Size of this struct in bytes; the library sets it.
    pub struct_size: usize,
    /// Id of the request, for rtsp_webrtc_gateway_authorize(). Never 0, never reused.
    pub request_id: u64,
    /// Name of the stream, as the request has it; there may be no such stream. "" for a wall as such:
    /// WATCH to open one whose request names no stream, UPDATE and END for those that are open. For each
    /// stream that a wall is to show, WATCH is asked with its name. NULL for MONITOR.
    pub stream_name: *const c_char,
    /// Bearer token (RFC 6750) of the request: a secret. NULL: none was sent.
    pub bearer_token: *const c_char,
    /// Where the request comes from: the client's address and port, or peer of
    /// rtsp_webrtc_gateway_http_request. NULL: not known.
    pub peer: *const c_char,
    /// enum rtsp_webrtc_gateway_operation.
    pub operation: i32,
    /// Always 0.
    pub reserved: u32,
}
sized_struct!(
    rtsp_webrtc_gateway_authorize_request,
    "rtsp_webrtc_gateway_authorize_request"
);

/// The function of the host that decides.
pub(super) type AuthorizeFn =
    unsafe extern "C" fn(*mut c_void, *const rtsp_webrtc_gateway_authorize_request);

/// Passes a request to the host.
pub(super) fn ask(callback: AuthorizeFn, user_data: *mut c_void, request: &AuthorizeRequest) {
    let text = |text: &Option<String>| text.as_deref().map(c_text);
    let (stream, token, peer) = (
        text(&request.stream),
        text(&request.token),
        text(&request.peer),
    );
    let pointer = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |t| t.as_ptr());
    let question = rtsp_webrtc_gateway_authorize_request {
        struct_size: size_of::<rtsp_webrtc_gateway_authorize_request>(),
        request_id: request.id.0,
        stream_name: pointer(&stream),
        bearer_token: pointer(&token),
        peer: pointer(&peer),
        operation: request.operation as i32,
        reserved: 0,
    };
    // SAFETY: the host passed this function to be called with this user_data; the strings outlive
    // the call.
    unsafe { callback(user_data, &raw const question) }
}

/// Allows or denies a request of on_authorize: inside that callback or later, from any thread,
/// within 30 s. A denied request gets 401 if it has no bearer token, 403 otherwise. A request
/// that is not decided in time gets 504.
///
/// Parameters: request_id is that of rtsp_webrtc_gateway_authorize_request.
///
/// Errors: ERR_NOT_FOUND if the request does not exist, has been decided or has timed out.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_authorize(
    gateway: *mut rtsp_webrtc_gateway,
    request_id: u64,
    allow: bool,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        gateway.authorize(RequestId(request_id), allow)
    })
}

/// Replaces config.bearer_tokens for all requests from now on, for instance because a token is no longer secret.
/// Sessions that exist continue. With 0 tokens and no on_authorize, anyone who can reach a listener can watch.
///
/// Parameters: tokens are as in rtsp_webrtc_gateway_config; NULL if tokens_len is 0.
///
/// Errors: ERR_INVALID_ARGUMENT if a token is not usable or there are more than 64; then nothing changes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_set_bearer_tokens(
    gateway: *mut rtsp_webrtc_gateway,
    tokens: *const *const c_char,
    tokens_len: usize,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: the host passes tokens_len strings.
        let tokens = unsafe { array(tokens, tokens_len, "tokens") }?
            .iter()
            .map(|&token| {
                // SAFETY: each is a string that ends with NUL.
                unsafe { required_str(token, "an element of tokens") }.map(str::to_owned)
            });
        gateway.set_bearer_tokens(&tokens.collect::<Result<Vec<_>>>()?)
    })
}
