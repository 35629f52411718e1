//! What callbacks report.

use std::ffi::{CString, c_char, c_void};
use std::ptr;

use super::convert::{c_text, sized_struct};
use super::handle::{rtsp_webrtc_gateway_session_id, rtsp_webrtc_gateway_stream_id};
use crate::events::SessionEvent;

/// A session changed its state. Its strings are valid until the callback returns.
#[repr(C)]
pub struct rtsp_webrtc_gateway_session_event {
    /// sizeof this struct in the library.
    pub struct_size: usize,
    /// The session.
    pub session: rtsp_webrtc_gateway_session_id,
    /// The stream that it watches.
    pub stream: rtsp_webrtc_gateway_stream_id,
    /// The new state (enum rtsp_webrtc_gateway_session_state): NEW first, CLOSED last.
    pub state: i32,
    /// Why it failed, if the state is FAILED; RTSP_WEBRTC_GATEWAY_OK otherwise.
    pub status: i32,
    /// The error message for status. NULL if status is RTSP_WEBRTC_GATEWAY_OK.
    pub message: *const c_char,
    /// user_data of the session's offer.
    pub session_user_data: *mut c_void,
    /// label of the session's offer. NULL: none.
    pub label: *const c_char,
    /// peer of the session's offer. NULL: not known.
    pub peer: *const c_char,
}
sized_struct!(
    rtsp_webrtc_gateway_session_event,
    "rtsp_webrtc_gateway_session_event"
);

/// The function of the host that receives session events.
pub(super) type SessionStateFn =
    unsafe extern "C" fn(*mut c_void, *const rtsp_webrtc_gateway_session_event);

/// Passes a session event to the host.
pub(super) fn report_session(
    callback: SessionStateFn,
    user_data: *mut c_void,
    event: &SessionEvent,
) {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(c_text);
    let pointer = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |t| t.as_ptr());
    let viewer = &event.viewer;
    let (message, label, peer) = (
        text(Some(&event.message)),
        text(viewer.label.as_deref()),
        text(viewer.peer.as_deref()),
    );
    let event = rtsp_webrtc_gateway_session_event {
        struct_size: size_of::<rtsp_webrtc_gateway_session_event>(),
        session: event.session.0,
        stream: event.stream.0,
        state: event.state as i32,
        status: event.status.code(),
        message: pointer(&message),
        session_user_data: ptr::with_exposed_provenance_mut(viewer.user_data),
        label: pointer(&label),
        peer: pointer(&peer),
    };
    // SAFETY: the host passed this function to be called with this user_data; the strings outlive
    // the call.
    unsafe { callback(user_data, &raw const event) }
}
