//! WHEP: the answers to a viewer's HTTP requests.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;
use std::time::Duration;

use super::convert::{
    bytes, c_text, invalid, optional_str, output, read_struct, required_str, sized_struct, unset,
};
use super::guard::{guard, guard_status, remember};
use super::handle::{
    gateway_ref, rtsp_webrtc_gateway, rtsp_webrtc_gateway_op_id, rtsp_webrtc_gateway_session_id,
};
use super::user_data::UserData;
use crate::config::WhepOffer;
use crate::error::{Result, Status};
use crate::state::OpId;
use crate::whep::{HttpResponse, Response};

/// The HTTP response to a WHEP request, to be written as it is by the host's web server. Its strings
/// live as long as it does. Any number of threads may read it at once.
pub struct rtsp_webrtc_gateway_response {
    status: u16,
    headers: Vec<(CString, CString)>,
    /// With a terminator.
    body: Vec<u8>,
    session: rtsp_webrtc_gateway_session_id,
    session_key: Option<CString>,
    etag: Option<CString>,
}

/// A WHEP offer: the POST request of a viewer.
#[repr(C)]
pub struct rtsp_webrtc_gateway_offer {
    /// sizeof this struct; set by RTSP_WEBRTC_GATEWAY_INIT().
    pub struct_size: usize,
    /// Name of the stream to watch. Required.
    pub stream_name: *const c_char,
    /// Body of the request (application/sdp). Needs no terminator.
    pub sdp: *const c_char,
    /// Bytes of sdp; more than 131,072 give ERR_TOO_LARGE.
    pub sdp_size: usize,
    /// What comes before the session key in the Location header, e.g. "/cam1/whep/". NULL: the
    /// response has no Location header, and the host makes one from response_session_key().
    pub location_prefix: *const c_char,
    /// Milliseconds to wait for a camera that is still connecting. 0: 5,000.
    pub timeout_ms: u32,
    /// 0.
    pub reserved: u32,
    /// Who asks, for the log: free text, e.g. the viewer's address. Control characters are left out,
    /// and all after 128 characters. NULL: not known.
    pub peer: *const c_char,
}
sized_struct!(rtsp_webrtc_gateway_offer, "rtsp_webrtc_gateway_offer");

/// Answers a WHEP offer (POST) and creates a session. On success *out_response is the caller's, to be
/// given to rtsp_webrtc_gateway_response_free(). The session's callbacks may run before this function
/// returns. A session whose viewer does not connect fails by itself after 20 s. It counts for
/// `max_sessions` until then.
///
/// On failure there is no response: answer with rtsp_webrtc_gateway_http_status() of the result and,
/// as the body, rtsp_webrtc_gateway_last_error().
///
/// Blocking while the camera connects for the first time, at most timeout_ms: a web server needs
/// threads for that. Else it returns within milliseconds: a camera whose first attempt failed gives
/// ERR_NOT_READY with the reason; one that was live and is away gives a session, whose picture comes
/// with the camera. Errors: ERR_NOT_FOUND for the stream; ERR_SDP, ERR_TOO_LARGE, ERR_FINGERPRINT,
/// ERR_ICE_CREDENTIALS and ERR_CODEC for the offer; ERR_NOT_READY if the camera is not connected in
/// time; ERR_LIMIT; ERR_SHUTTING_DOWN, also when shutdown() begins while it waits;
/// ERR_WOULD_DEADLOCK inside a callback.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_handle_whep_offer(
    gateway: *mut rtsp_webrtc_gateway,
    offer: *const rtsp_webrtc_gateway_offer,
    out_response: *mut *mut rtsp_webrtc_gateway_response,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        // SAFETY: out_response is NULL or writable, by the conventions.
        let out_response = unsafe { output(out_response, "out_response") }?;
        // SAFETY: offer is NULL or a struct of the header, by the conventions.
        let offer = unsafe { read_struct(offer) }?;
        // SAFETY: its pointers are NULL or live, by the conventions.
        let offer = unsafe { whep_offer(&offer) }?;
        let response = gateway.handle_whep_offer(&offer)?;
        out_response.write(Box::into_raw(Box::new(response.into())));
        Ok(())
    })
}

/// Told of the outcome of handle_whep_offer_async(), once, on the gateway's callback thread, with the
/// rules of callbacks. On success status is RTSP_WEBRTC_GATEWAY_OK and response the callee's, to be
/// given to rtsp_webrtc_gateway_response_free(). On failure response is NULL: answer the viewer with
/// rtsp_webrtc_gateway_http_status(status) and rtsp_webrtc_gateway_last_error(), which has the
/// sentence here.
pub type rtsp_webrtc_gateway_whep_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        op: rtsp_webrtc_gateway_op_id,
        status: c_int,
        response: *mut rtsp_webrtc_gateway_response,
    ),
>;

/// Answers a WHEP offer (POST) as rtsp_webrtc_gateway_handle_whep_offer() does, without blocking. If
/// it returns RTSP_WEBRTC_GATEWAY_OK, callback runs exactly once with the outcome, which may be before
/// this function returns: also after cancel() (ERR_CANCELLED), the removal of the stream
/// (ERR_NOT_FOUND), the offer's timeout (ERR_NOT_READY) and shutdown() (ERR_SHUTTING_DOWN). If it
/// returns an error, callback does not run. May be called inside callbacks.
///
/// *out_op names the operation for cancel(). It is the op of the callback, too, and out_op may be
/// NULL.
///
/// Errors: those for the stream's name and the offer's SDP at once; ERR_LIMIT while 1,024 are under
/// way. What depends on the camera and on the limits of sessions, the callback hears.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_handle_whep_offer_async(
    gateway: *mut rtsp_webrtc_gateway,
    offer: *const rtsp_webrtc_gateway_offer,
    callback: rtsp_webrtc_gateway_whep_fn,
    user_data: *mut c_void,
    out_op: *mut rtsp_webrtc_gateway_op_id,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        // SAFETY: offer is NULL or a struct of the header, by the conventions.
        let offer = unsafe { read_struct(offer) }?;
        // SAFETY: its pointers are NULL or live, by the conventions.
        let offer = unsafe { whep_offer(&offer) }?;
        let Some(callback) = callback else {
            return Err(invalid("callback is NULL"));
        };
        let user_data = UserData::new(user_data, None);
        let done = move |op: OpId, result: Result<Response>| {
            let (status, response) = match result {
                Ok(response) => (Status::Ok, Box::into_raw(Box::new(response.into()))),
                Err(error) => {
                    remember(&error);
                    (error.status(), ptr::null_mut())
                }
            };
            // SAFETY: the host passed this function to be called with this user_data, once.
            unsafe { callback(user_data.get(), op.0, status.code(), response) }
        };
        let op = gateway.handle_whep_offer_async(&offer, Box::new(done))?;
        if !out_op.is_null() {
            // SAFETY: not NULL, so writable by the conventions.
            unsafe { out_op.write(op.0) };
        }
        Ok(())
    })
}

/// Gives up on an offer that is not yet answered: its callback runs with ERR_CANCELLED. ERR_NOT_FOUND
/// if it has been answered, or is being answered: then its callback has run or will run with that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_cancel(
    gateway: *mut rtsp_webrtc_gateway,
    op: rtsp_webrtc_gateway_op_id,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        gateway.cancel(OpId(op))
    })
}

/// Answers a PATCH of a session (application/trickle-ice-sdpfrag, RFC 9725 section 4.3). session_key
/// is the last part of the session's URL; if_match the header If-Match, NULL if there is none;
/// fragment the body; more than 32,768 bytes give ERR_TOO_LARGE.
///
/// To candidates the response is 204 without a body. They are checked for their form and otherwise
/// ignored: the gateway is ICE-lite and answers to where checks come from. To an ICE restart (new
/// a=ice-ufrag and a=ice-pwd; if_match is "*" or the ETag) it is 200, with new credentials in the
/// body and a new ETag. DTLS and media go on, and the old credentials stay valid until the viewer
/// nominates with the new ones. On success *out_response is the caller's, to be given to
/// rtsp_webrtc_gateway_response_free().
///
/// On failure answer with rtsp_webrtc_gateway_http_status() of the result; the session goes on as it
/// was. Errors: ERR_NOT_FOUND for the session; ERR_PRECONDITION_REQUIRED without if_match; ERR_ETAG
/// if it names another ICE session; ERR_SDP, ERR_ICE_CREDENTIALS, ERR_TOO_LARGE and
/// ERR_UNPROCESSABLE (a whole SDP) for the fragment; ERR_TIMEOUT after 5 s on an overloaded machine.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_handle_whep_patch(
    gateway: *mut rtsp_webrtc_gateway,
    session_key: *const c_char,
    if_match: *const c_char,
    fragment: *const c_char,
    fragment_size: usize,
    out_response: *mut *mut rtsp_webrtc_gateway_response,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        // SAFETY: out_response is NULL or writable, by the conventions.
        let out_response = unsafe { output(out_response, "out_response") }?;
        // SAFETY: strings are NULL or NUL-terminated, and fragment has fragment_size bytes, by the
        // conventions.
        let response = unsafe {
            gateway.handle_whep_patch(
                required_str(session_key, "session_key")?,
                optional_str(if_match, "if_match")?,
                bytes(fragment, fragment_size, "fragment")?,
            )
        }?;
        out_response.write(Box::into_raw(Box::new(response.into())));
        Ok(())
    })
}

/// Ends a session (DELETE): session_key is the last part of the session's URL. Answer 200 on success,
/// else rtsp_webrtc_gateway_http_status(). Does not wait: CLOSED is the session's last callback.
/// ERR_NOT_FOUND if there is no such session (any more).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_handle_whep_delete(
    gateway: *mut rtsp_webrtc_gateway,
    session_key: *const c_char,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        // SAFETY: session_key is NULL or NUL-terminated, by the conventions.
        gateway.handle_whep_delete(unsafe { required_str(session_key, "session_key") }?)
    })
}

/// HTTP status, e.g. 201. 0 if response is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_response_http_status(
    response: *const rtsp_webrtc_gateway_response,
) -> c_int {
    guard(0, || {
        // SAFETY: response is NULL or alive, by the conventions.
        unsafe { response.as_ref() }.map_or(0, |response| response.status.into())
    })
}

/// Body, e.g. the SDP answer. NUL-terminated; *out_size is its length without the terminator, and
/// out_size may be NULL. NULL if response is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_response_body(
    response: *const rtsp_webrtc_gateway_response,
    out_size: *mut usize,
) -> *const c_char {
    guard(ptr::null(), || {
        // SAFETY: response is NULL or alive, by the conventions.
        let Some(response) = (unsafe { response.as_ref() }) else {
            return ptr::null();
        };
        // SAFETY: out_size is NULL or writable, by the conventions.
        if let Ok(out_size) = unsafe { output(out_size, "out_size") } {
            out_size.write(response.body.len() - 1);
        }
        response.body.as_ptr().cast()
    })
}

/// Headers by index from 0, e.g. "Content-Type" and "application/sdp"; false past the end. All of
/// them are to be sent; ETag and Location are among them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_response_header(
    response: *const rtsp_webrtc_gateway_response,
    index: usize,
    out_name: *mut *const c_char,
    out_value: *mut *const c_char,
) -> bool {
    guard(false, || {
        // SAFETY: response is NULL or alive, by the conventions.
        let response = unsafe { response.as_ref() };
        let Some((name, value)) = response.and_then(|response| response.headers.get(index)) else {
            return false;
        };
        // SAFETY: both are NULL or writable, by the conventions.
        let outputs = unsafe { (output(out_name, ""), output(out_value, "")) };
        let (Ok(out_name), Ok(out_value)) = outputs else {
            return false;
        };
        out_name.write(name.as_ptr());
        out_value.write(value.as_ptr());
        true
    })
}

/// Entity tag of the session, quotes included. NULL if there is none, or if response is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_response_etag(
    response: *const rtsp_webrtc_gateway_response,
) -> *const c_char {
    guard(ptr::null(), || {
        // SAFETY: response is NULL or alive, by the conventions.
        let response = unsafe { response.as_ref() };
        let etag = response.and_then(|response| response.etag.as_ref());
        etag.map_or(ptr::null(), |etag| etag.as_ptr())
    })
}

/// Unguessable name of the session, for its URL and for handle_whep_delete(). Whoever has it can end
/// the session. NULL if there is none, or if response is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_response_session_key(
    response: *const rtsp_webrtc_gateway_response,
) -> *const c_char {
    guard(ptr::null(), || {
        // SAFETY: response is NULL or alive, by the conventions.
        let response = unsafe { response.as_ref() };
        let key = response.and_then(|response| response.session_key.as_ref());
        key.map_or(ptr::null(), |key| key.as_ptr())
    })
}

/// Id of the session, as in callbacks and get_session_info(). 0 if there is none, or if response
/// is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_response_session_id(
    response: *const rtsp_webrtc_gateway_response,
) -> rtsp_webrtc_gateway_session_id {
    guard(0, || {
        // SAFETY: response is NULL or alive, by the conventions.
        unsafe { response.as_ref() }.map_or(0, |response| response.session)
    })
}

/// Frees a response. NULL does nothing. The session goes on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_response_free(
    response: *mut rtsp_webrtc_gateway_response,
) {
    guard((), || {
        if !response.is_null() {
            // SAFETY: made by Box, and freed once, by the conventions.
            drop(unsafe { Box::from_raw(response) });
        }
    })
}

impl From<Response> for rtsp_webrtc_gateway_response {
    fn from(response: Response) -> Self {
        HttpResponse::from(response).into()
    }
}

impl From<HttpResponse> for rtsp_webrtc_gateway_response {
    fn from(response: HttpResponse) -> Self {
        let headers = response.headers.iter();
        let mut body = response.body.into_bytes();
        body.push(0);
        rtsp_webrtc_gateway_response {
            status: response.status,
            headers: headers.map(|(n, v)| (c_text(n), c_text(v))).collect(),
            body,
            session: response.session.map_or(0, |session| session.0),
            session_key: response.session_key.as_deref().map(c_text),
            etag: response.etag.as_deref().map(c_text),
        }
    }
}

/// # Safety
/// The strings of `offer` are NULL or NUL-terminated, `sdp` has `sdp_size` bytes; all stay for `'a`.
unsafe fn whep_offer<'a>(offer: &rtsp_webrtc_gateway_offer) -> Result<WhepOffer<'a>> {
    unset(offer.reserved)?;
    // SAFETY: this function's contract.
    unsafe {
        Ok(WhepOffer {
            stream: required_str(offer.stream_name, "stream_name")?,
            sdp: bytes(offer.sdp, offer.sdp_size, "sdp")?,
            location_prefix: optional_str(offer.location_prefix, "location_prefix")?,
            timeout: match offer.timeout_ms {
                0 => None,
                ms => Some(Duration::from_millis(ms.into())),
            },
            peer: optional_str(offer.peer, "peer")?,
        })
    }
}
