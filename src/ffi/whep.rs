//! WHEP: responses to the HTTP requests of viewers.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use super::convert::{
    array, bytes, c_text, invalid, optional_str, output, read_struct, required_str, sized_struct,
};
use super::guard::{contain, freed_before, guard, guard_status, remember};
use super::handle::{
    gateway_ref, next_handle, rtsp_webrtc_gateway, rtsp_webrtc_gateway_op_id,
    rtsp_webrtc_gateway_session_id,
};
use super::ice_server::{ice_servers, rtsp_webrtc_gateway_ice_server};
use super::quality::{rtsp_webrtc_gateway_viewer_limits, viewer_limits};
use super::table::Table;
use super::user_data::UserData;
use super::wall::slot_names;
use crate::config::{IceServer, WallSlots, WhepOffer};
use crate::error::{Result, Status};
use crate::state::OpId;
use crate::whep::{HttpResponse, Response};

/// An HTTP response, to be sent as it is by the host's web server: status, headers and body.
///
/// Functions that take a `response` never wait. Any number of threads may read one response at a
/// time. The strings of a response are valid until rtsp_webrtc_gateway_response_free().
pub struct rtsp_webrtc_gateway_response {
    status: u16,
    headers: Vec<(CString, CString)>,
    /// With a terminator.
    body: Vec<u8>,
    session: rtsp_webrtc_gateway_session_id,
    session_key: Option<CString>,
    etag: Option<CString>,
}

/// Flags of rtsp_webrtc_gateway_offer.flags.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of flags")]
pub enum rtsp_webrtc_gateway_offer_flags {
    /// Do not wait for a camera that is still connecting: fail with ERR_NOT_READY at once. An
    /// on-demand camera is still connected, and stays connected for 5 s or linger_ms, whichever is
    /// longer, so that it is live when the viewer tries again. timeout_ms is ignored.
    RTSP_WEBRTC_GATEWAY_OFFER_NO_WAIT = 1,
    /// The offer is that of a wall: each of its video and audio sections is a slot, which may show any
    /// stream, and others later. stream_name, limits, timeout_ms and OFFER_NO_WAIT are not used; stream_name
    /// must be NULL.
    RTSP_WEBRTC_GATEWAY_OFFER_WALL = 2,
}

/// A WHEP offer: the POST request of a viewer. Everything is copied, except what user_data
/// points to.
#[repr(C)]
pub struct rtsp_webrtc_gateway_offer {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// Name of the stream to watch. Required, unless flags has OFFER_WALL.
    pub stream_name: *const c_char,
    /// Body of the request (application/sdp). Needs no terminator. Required.
    pub sdp: *const c_char,
    /// Size of sdp in bytes, at most 131072, with OFFER_WALL 1048576; more gives ERR_TOO_LARGE.
    pub sdp_size: usize,
    /// What precedes the session key in the Location header (RFC 9110 section 10.2.2): an absolute
    /// path such as "/cam1/whep/", a URL, or a reference relative to the URL of the request, such
    /// as "whep/" for a request to ".../cam1/whep". A relative one works behind a reverse proxy
    /// that removes a path prefix. Characters that a URL cannot contain must be percent-encoded,
    /// and two slashes at the beginning are refused, because they name another host. NULL: the
    /// response has no Location; add one that ends in response_session_key(). (In
    /// rtsp_webrtc_gateway_http_request, NULL means a default made from path.)
    pub location_prefix: *const c_char,
    /// How long to wait for a camera that is still connecting, in milliseconds. 0: 5000. To return
    /// immediately, set OFFER_NO_WAIT.
    pub timeout_ms: u32,
    /// Bitwise OR of enum rtsp_webrtc_gateway_offer_flags.
    pub flags: u32,
    /// Where the viewer comes from, for people: free text, for example its address. It is logged,
    /// and it comes back in session_info and session_event. Control characters are removed, and the
    /// text is cut after 128 bytes. NULL: not known.
    pub peer: *const c_char,
    /// STUN and TURN servers for this viewer, in place of those of the config, at most 16: with
    /// credentials of this user, for example. NULL: those of the config. Not NULL, with
    /// ice_servers_len 0: none.
    pub ice_servers: *const rtsp_webrtc_gateway_ice_server,
    /// Number of elements in ice_servers.
    pub ice_servers_len: usize,
    /// Label of the session, for people, for example the name of the user: UTF-8, at most 128
    /// bytes, no control characters. Unlike peer, it is not cut or cleaned: a label that is longer
    /// or has control characters gives ERR_INVALID_ARGUMENT, so cut it first. It comes back in
    /// session_info, session_event and the JSON of sessions. NULL: none.
    pub label: *const c_char,
    /// A pointer for the host's own use. The library never dereferences or frees it. It comes back
    /// in session_info and session_event; the last time it is passed is with the state CLOSED.
    ///
    /// If the response is not 201, no session has it and no callback will: free it then. The CLOSED
    /// callback may run before the call returns, so do not use it after a 201 unless you know that
    /// the session lives. Do not dereference it outside callbacks unless a lock or reference count
    /// of yours protects it.
    pub user_data: *mut c_void,
    /// What the viewer asks for. set_session_limits() changes it later. NULL: the best that its
    /// connection carries.
    pub limits: *const rtsp_webrtc_gateway_viewer_limits,
    /// With OFFER_WALL: names of the streams that the video sections of the offer show at first, in its
    /// order. NULL or "" for a slot that shows nothing yet. At most one for each section. A slot whose stream
    /// there is not, or that cannot show it, stays empty: the header Refused-Slots of the response says why.
    /// May be NULL if slots_len is 0.
    pub slots: *const *const c_char,
    /// Number of elements in slots.
    pub slots_len: usize,
    /// With OFFER_WALL: name of the stream whose sound the first audio section has at first. NULL: none.
    pub sound: *const c_char,
}
sized_struct!(rtsp_webrtc_gateway_offer, "rtsp_webrtc_gateway_offer");

/// Answers a WHEP offer (POST) and creates a session.
///
/// If the camera is connecting for the first time, or is on demand and idle, this function waits
/// for its codec, for at most offer->timeout_ms; otherwise it returns within milliseconds. If the
/// camera was live but is currently disconnected, the session is created, and its video starts when
/// the camera returns. An offer with audio gets an audio track also if the camera has no audio, so that
/// sound may begin later. The session is in the state NEW; callbacks with its states may run before
/// this function returns. If its viewer does not connect, the session fails after 20 s.
///
/// On success *out_response is 201 with the SDP answer, ETag, Accept-Patch, Location, and a Link
/// for each ICE server. On failure it has the HTTP status of the error, problem details (RFC 9457)
/// with the error message as body, and Retry-After where trying again may help. The message is
/// meant for operators and may name the camera's address or a knob: replace the body if viewers
/// must not see that. It has no CORS headers. If the camera refuses the connection, the offers that
/// wait for it get 409 (ERR_NOT_READY) with the reason in the message; get_stream_info() has the
/// reason as a status.
///
/// With OFFER_WALL it is the offer of a wall: up to 128 video and 8 audio sections, and one for data channels,
/// bundled, each with an a=mid. It is answered at once, with a slot for each section of video or audio that has
/// a codec of streams. bind_slot() changes later what they show, and so do their pages, by a PATCH or over the
/// data channel.
///
/// Ownership: the caller frees *out_response with rtsp_webrtc_gateway_response_free(), on
/// success and on failure.
///
/// Blocking.
///
/// Errors: ERR_NOT_FOUND for the stream name; ERR_SDP, ERR_TOO_LARGE, ERR_FINGERPRINT,
/// ERR_ICE_CREDENTIALS and ERR_CODEC for the SDP; ERR_INVALID_ARGUMENT for offer->limits, as in
/// set_session_limits(); ERR_NOT_READY (409) while the camera is not live; ERR_LIMIT (503) if a limit of sessions is reached; ERR_SHUTTING_DOWN, also if shutdown() begins
/// while this function waits; ERR_TIMEOUT after 5 s on an overloaded machine.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_handle_whep_offer(
    gateway: *mut rtsp_webrtc_gateway,
    offer: *const rtsp_webrtc_gateway_offer,
    out_response: *mut *mut rtsp_webrtc_gateway_response,
) -> c_int {
    let body = || {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: offer is NULL or a struct of the header, by the conventions.
        let offer = unsafe { read_struct(offer) }?;
        // SAFETY: its pointers are NULL or live, by the conventions.
        unsafe { with_offer(&offer, |offer| gateway.handle_whep_offer(offer)) }
    };
    // SAFETY: out_response is NULL or writable, by the conventions.
    unsafe { guard_response(out_response, body) }
}

/// Receives the outcome of handle_whep_offer_async(): once, on the gateway's callback thread, under
/// the rules for callbacks.
///
/// Parameters: user_data is that of the call, and op its *out_op. status is
/// RTSP_WEBRTC_GATEWAY_OK or an error, whose message last_error() returns here. response is what
/// *out_response of handle_whep_offer() would be, on success and on failure.
///
/// Ownership: the callback frees response with rtsp_webrtc_gateway_response_free().
pub type rtsp_webrtc_gateway_whep_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        op: rtsp_webrtc_gateway_op_id,
        status: c_int,
        response: *mut rtsp_webrtc_gateway_response,
    ),
>;

/// Answers a WHEP offer (POST) as handle_whep_offer() does, without waiting.
///
/// If it returns RTSP_WEBRTC_GATEWAY_OK, callback runs exactly once with the outcome, possibly
/// before this function returns. It also runs after cancel() (ERR_CANCELLED), after the stream
/// was removed (ERR_NOT_FOUND), after the offer's timeout (ERR_NOT_READY) and at shutdown
/// (ERR_SHUTTING_DOWN). If this function returns an error, callback does not run.
///
/// Parameters: user_data is passed to callback; it is not offer->user_data, which belongs to the
/// session. *out_op receives the id for cancel(); out_op may be NULL. *out_response receives the
/// response to send if this function fails, and NULL if it succeeds; out_response may be NULL.
///
/// Ownership: the caller frees *out_response with rtsp_webrtc_gateway_response_free().
///
/// Errors: ERR_NOT_FOUND for the stream name; ERR_SDP, ERR_TOO_LARGE, ERR_FINGERPRINT and
/// ERR_ICE_CREDENTIALS for the SDP; ERR_LIMIT while 1024 offers are pending. Errors that depend
/// on the camera, on its variants (offer->limits) or on the maximum number of sessions go to
/// callback.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_handle_whep_offer_async(
    gateway: *mut rtsp_webrtc_gateway,
    offer: *const rtsp_webrtc_gateway_offer,
    callback: rtsp_webrtc_gateway_whep_fn,
    user_data: *mut c_void,
    out_op: *mut rtsp_webrtc_gateway_op_id,
    out_response: *mut *mut rtsp_webrtc_gateway_response,
) -> c_int {
    let body = || {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: offer is NULL or a struct of the header, by the conventions.
        let offer = unsafe { read_struct(offer) }?;
        let Some(callback) = callback else {
            return Err(invalid("callback is NULL"));
        };
        let user_data = UserData::new(user_data, None);
        let done = Box::new(move |op: OpId, result: Result<Response>| {
            let (status, response) = match result {
                Ok(response) => (Status::Ok, response.into()),
                Err(error) => {
                    remember(&error);
                    (error.status(), HttpResponse::from(&error))
                }
            };
            // SAFETY: the host passed this function to be called with this user_data, once.
            unsafe { callback(user_data.get(), op.0, status.code(), into_raw(response)) }
        });
        // SAFETY: its pointers are NULL or live, by the conventions.
        let op =
            unsafe { with_offer(&offer, |offer| gateway.handle_whep_offer_async(offer, done)) }?;
        if !out_op.is_null() {
            // SAFETY: not NULL, so writable by the conventions.
            unsafe { out_op.write(op.0) };
        }
        Ok(())
    };
    // SAFETY: out_response is NULL or writable, by the conventions.
    unsafe { guard_response_later(out_response, body) }
}

/// Cancels a pending offer of handle_whep_offer_async(). Its callback runs with ERR_CANCELLED.
///
/// Errors: ERR_NOT_FOUND if the offer has been answered or is being answered; its callback has
/// run or will run with that outcome.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_cancel(
    gateway: *mut rtsp_webrtc_gateway,
    op: rtsp_webrtc_gateway_op_id,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        gateway.cancel(OpId(op))
    })
}

/// Answers a PATCH of a session (application/trickle-ice-sdpfrag, RFC 9725 section 4.3):
/// candidates, or an ICE restart.
///
/// Candidates are checked for their syntax and then ignored: the gateway is ICE-lite and sends
/// to where checks come from. An ICE restart is a fragment with a new a=ice-ufrag and a new
/// a=ice-pwd; DTLS and media continue, and the old credentials stay valid until the viewer
/// nominates a pair with the new ones.
///
/// Parameters: session_key is the last segment of the session's URL, percent-decoded. This function
/// does not know which stream the viewer may watch: the host checks rights itself. if_match is the
/// value of the header If-Match; NULL if there is none. fragment is the body, of fragment_size
/// bytes, at most 32768; it needs no terminator, and may be NULL if fragment_size is 0.
///
/// On success *out_response is 204 without a body after candidates, and 200 with the gateway's
/// new credentials and a new ETag after an ICE restart. On failure it is as for
/// handle_whep_offer(), and the session is unchanged.
///
/// Ownership: the caller frees *out_response with rtsp_webrtc_gateway_response_free(), on
/// success and on failure.
///
/// Asks a worker thread.
///
/// Errors: ERR_NOT_FOUND for the session; ERR_PRECONDITION_REQUIRED without if_match; ERR_ETAG
/// if it is neither "*" nor the current ETag; ERR_SDP, ERR_ICE_CREDENTIALS, ERR_TOO_LARGE and
/// ERR_UNPROCESSABLE (a whole SDP) for the fragment; ERR_TIMEOUT after 5 s on an overloaded
/// machine.
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
    let body = || {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: strings are NULL or NUL-terminated, and fragment has fragment_size bytes, by the
        // conventions.
        unsafe {
            gateway.handle_whep_patch(
                required_str(session_key, "session_key")?,
                optional_str(if_match, "if_match")?,
                bytes(fragment, fragment_size, "fragment")?,
            )
        }
    };
    // SAFETY: out_response is NULL or writable, by the conventions.
    unsafe { guard_response(out_response, body) }
}

/// Ends a session (DELETE). The session's last callback, with the state CLOSED, follows.
///
/// Parameters: session_key is the last segment of the session's URL, percent-decoded. This function
/// does not know which stream the viewer may watch: the host checks rights itself. *out_response
/// receives the response to send: 200 without a body on success, on failure as for
/// handle_whep_offer(); out_response may be NULL.
///
/// Ownership: the caller frees *out_response with rtsp_webrtc_gateway_response_free().
///
/// Errors: ERR_NOT_FOUND if the session does not exist, or is gone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_handle_whep_delete(
    gateway: *mut rtsp_webrtc_gateway,
    session_key: *const c_char,
    out_response: *mut *mut rtsp_webrtc_gateway_response,
) -> c_int {
    let body = || {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: session_key is NULL or NUL-terminated, by the conventions.
        gateway.handle_whep_delete(unsafe { required_str(session_key, "session_key") }?)?;
        Ok(HttpResponse::deleted())
    };
    if out_response.is_null() {
        return guard_status(|| body().map(drop));
    }
    // SAFETY: out_response is writable, by the conventions.
    unsafe { guard_response(out_response, body) }
}

/// Returns the HTTP status, for example 201; 0 if response is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_response_http_status(
    response: *const rtsp_webrtc_gateway_response,
) -> c_int {
    guard(0, || {
        find(response).map_or(0, |response| response.status.into())
    })
}

/// Returns the body, for example the SDP answer; "" if there is none, and NULL if response is NULL.
/// It ends with NUL. *out_size is its length in bytes without the NUL; out_size may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_response_body(
    response: *const rtsp_webrtc_gateway_response,
    out_size: *mut usize,
) -> *const c_char {
    guard(ptr::null(), || {
        let Some(response) = find(response) else {
            return ptr::null();
        };
        // SAFETY: out_size is NULL or writable, by the conventions.
        if let Ok(out_size) = unsafe { output(out_size, "out_size") } {
            out_size.write(response.body.len() - 1);
        }
        response.body.as_ptr().cast()
    })
}

/// Reads a header field by its index, counted from 0: *out_name, for example "Content-Type", and
/// *out_value, for example "application/sdp". Returns false, and writes neither, if index is past
/// the last one. Send all of them; ETag and Location are among them. A name may occur more than
/// once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_response_header(
    response: *const rtsp_webrtc_gateway_response,
    index: usize,
    out_name: *mut *const c_char,
    out_value: *mut *const c_char,
) -> bool {
    guard(false, || {
        let response = find(response);
        let fields = response.as_ref().map(|response| &response.headers);
        let Some((name, value)) = fields.and_then(|fields| fields.get(index)) else {
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

/// Returns the entity tag of the session, including the quotes; NULL if there is none, or if
/// response is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_response_etag(
    response: *const rtsp_webrtc_gateway_response,
) -> *const c_char {
    guard(ptr::null(), || {
        let response = find(response);
        let etag = response
            .as_ref()
            .and_then(|response| response.etag.as_ref());
        etag.map_or(ptr::null(), |etag| etag.as_ptr())
    })
}

/// Returns the session key: the unguessable last segment of the session's URL. It is a secret of
/// the viewer, since it is all that PATCH and DELETE require. NULL if no session was created or
/// changed, or if response is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_response_session_key(
    response: *const rtsp_webrtc_gateway_response,
) -> *const c_char {
    guard(ptr::null(), || {
        let response = find(response);
        let key = response
            .as_ref()
            .and_then(|response| response.session_key.as_ref());
        key.map_or(ptr::null(), |key| key.as_ptr())
    })
}

/// Returns the id of the session, as in callbacks and get_session_info(); 0 if no session was
/// created or changed, or if response is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_response_session_id(
    response: *const rtsp_webrtc_gateway_response,
) -> rtsp_webrtc_gateway_session_id {
    guard(0, || find(response).map_or(0, |response| response.session))
}

/// Frees a response. The session is not affected. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_response_free(
    response: *mut rtsp_webrtc_gateway_response,
) {
    guard((), || {
        if !response.is_null() && RESPONSES.remove(response.addr()).is_none() {
            freed_before("response");
        }
    })
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

static RESPONSES: Table<rtsp_webrtc_gateway_response> = Table::new();

pub(super) fn into_raw(response: HttpResponse) -> *mut rtsp_webrtc_gateway_response {
    let handle: *mut rtsp_webrtc_gateway_response = next_handle();
    RESPONSES.insert(handle.addr(), Arc::new(response.into()));
    handle
}

/// The response of a handle; `None` for NULL, and for one that was freed.
fn find(
    response: *const rtsp_webrtc_gateway_response,
) -> Option<Arc<rtsp_webrtc_gateway_response>> {
    let found = RESPONSES.find(response.addr());
    if found.is_none() && !response.is_null() {
        freed_before("response");
    }
    found
}

/// Runs the body of a function whose result is a response, and writes the response to its failure
/// if it fails.
///
/// # Safety
/// `out_response` is NULL or writable.
pub(super) unsafe fn guard_response<T: Into<HttpResponse>>(
    out_response: *mut *mut rtsp_webrtc_gateway_response,
    body: impl FnOnce() -> Result<T>,
) -> c_int {
    guard_status(|| {
        // SAFETY: this function's contract.
        let out_response = unsafe { output(out_response, "out_response") }?;
        let (response, outcome) = match contain(body) {
            Ok(response) => (response.into(), Ok(())),
            Err(error) => (HttpResponse::from(&error), Err(error)),
        };
        out_response.write(into_raw(response));
        outcome
    })
}

/// Runs the body of a function whose response comes later, and writes the response to its failure
/// if it fails at once.
///
/// # Safety
/// `out_response` is NULL or writable.
pub(super) unsafe fn guard_response_later(
    out_response: *mut *mut rtsp_webrtc_gateway_response,
    body: impl FnOnce() -> Result<()>,
) -> c_int {
    guard_status(|| {
        let outcome = contain(body);
        // SAFETY: this function's contract.
        if let Ok(out_response) = unsafe { output(out_response, "") } {
            let response = outcome.as_ref().err().map(HttpResponse::from);
            out_response.write(response.map_or(ptr::null_mut(), into_raw));
        }
        outcome
    })
}

/// # Safety
/// The pointers of `offer` are NULL, or live and as long as their lengths say.
unsafe fn with_offer<T>(
    offer: &rtsp_webrtc_gateway_offer,
    call: impl FnOnce(&WhepOffer<'_>) -> Result<T>,
) -> Result<T> {
    let no_wait = rtsp_webrtc_gateway_offer_flags::RTSP_WEBRTC_GATEWAY_OFFER_NO_WAIT as u32;
    let wall = rtsp_webrtc_gateway_offer_flags::RTSP_WEBRTC_GATEWAY_OFFER_WALL as u32;
    let is_wall = offer.flags & wall != 0;
    if offer.flags & !(no_wait | wall) != 0 {
        return Err(invalid(format!(
            "flags {:#x} has bits that are no offer flags",
            offer.flags
        )));
    }
    if is_wall != offer.stream_name.is_null() {
        return Err(invalid(
            "stream_name is for the offer of one stream and OFFER_WALL for that of a wall: set one of them",
        ));
    }
    if !is_wall && (offer.slots_len != 0 || !offer.sound.is_null()) {
        return Err(invalid("slots and sound need OFFER_WALL"));
    }
    // SAFETY: this function's contract.
    unsafe {
        let servers = offered_servers(offer.ice_servers, offer.ice_servers_len)?;
        let video = slot_names(array(offer.slots, offer.slots_len, "slots")?)?;
        let sound = optional_str(offer.sound, "sound")?;
        let slots = WallSlots {
            video: &video,
            sound: sound.filter(|name| !name.is_empty()),
        };
        call(&WhepOffer {
            stream: optional_str(offer.stream_name, "stream_name")?.unwrap_or_default(),
            wall: is_wall.then_some(slots),
            sdp: bytes(offer.sdp, offer.sdp_size, "sdp")?,
            location_prefix: optional_str(offer.location_prefix, "location_prefix")?,
            timeout: timeout(offer.timeout_ms, offer.flags & no_wait != 0),
            peer: optional_str(offer.peer, "peer")?,
            ice_servers: servers.as_deref(),
            label: optional_str(offer.label, "label")?,
            user_data: offer.user_data.expose_provenance(),
            limits: viewer_limits(offer.limits)?,
        })
    }
}

/// The servers of one offer, if it has any of its own.
///
/// # Safety
/// As for [`ice_servers`].
pub(super) unsafe fn offered_servers(
    servers: *const rtsp_webrtc_gateway_ice_server,
    len: usize,
) -> Result<Option<Vec<IceServer>>> {
    if servers.is_null() && len == 0 {
        return Ok(None);
    }
    // SAFETY: this function's contract.
    unsafe { ice_servers(servers, len) }.map(Some)
}

/// How long an offer may wait for its camera.
pub(super) fn timeout(timeout_ms: u32, no_wait: bool) -> Option<Duration> {
    match timeout_ms {
        _ if no_wait => Some(Duration::ZERO),
        0 => None,
        ms => Some(Duration::from_millis(ms.into())),
    }
}
