//! What callbacks report.

use std::ffi::{CString, c_char, c_void};
use std::ptr;

use super::convert::{c_text, sized_struct};
use super::handle::{
    rtsp_webrtc_gateway_output_id, rtsp_webrtc_gateway_session_id, rtsp_webrtc_gateway_stream_id,
};
use crate::events::{OutputEvent, QualityEvent, SessionEvent, StreamEvent};

/// A change of a stream's state, or of the warning of a stream that is LIVE. The strings are valid
/// until the callback returns.
#[repr(C)]
pub struct rtsp_webrtc_gateway_stream_event {
    /// Size of this struct in bytes; the library sets it.
    pub struct_size: usize,
    /// The stream.
    pub stream: rtsp_webrtc_gateway_stream_id,
    /// The new state, enum rtsp_webrtc_gateway_stream_state.
    pub state: i32,
    /// Why the stream is RETRYING or FAILED; RTSP_WEBRTC_GATEWAY_OK in the other states.
    pub status: i32,
    /// Error message for status. NULL: none.
    pub message: *const c_char,
    /// user_data of the stream's options.
    pub stream_user_data: *mut c_void,
    /// Name of the stream.
    pub name: *const c_char,
    /// label of the stream's options. NULL: none.
    pub label: *const c_char,
    /// What is wrong with the media of a stream that is LIVE, enum rtsp_webrtc_gateway_media_warning.
    pub warning: i32,
    /// 0.
    pub reserved: u32,
    /// The warning in a sentence for people, with what to do. NULL: none.
    pub warning_message: *const c_char,
}
sized_struct!(
    rtsp_webrtc_gateway_stream_event,
    "rtsp_webrtc_gateway_stream_event"
);

/// The function of the host that receives stream events.
pub(super) type StreamStateFn =
    unsafe extern "C" fn(*mut c_void, *const rtsp_webrtc_gateway_stream_event);

/// Passes a stream event to the host.
pub(super) fn report_stream(callback: StreamStateFn, user_data: *mut c_void, event: &StreamEvent) {
    let identity = &event.identity;
    let name = c_text(&identity.name);
    let (message, label) = (
        optional_text(Some(&event.message)),
        optional_text(identity.label.as_deref()),
    );
    let warning = event.warning.as_ref();
    let warning_message = optional_text(warning.map(|warning| &*warning.message));
    let event = rtsp_webrtc_gateway_stream_event {
        struct_size: size_of::<rtsp_webrtc_gateway_stream_event>(),
        stream: event.stream.0,
        state: event.state as i32,
        status: event.status.code(),
        message: pointer(&message),
        stream_user_data: ptr::with_exposed_provenance_mut(identity.user_data),
        name: name.as_ptr(),
        label: pointer(&label),
        warning: warning.map_or(0, |warning| warning.kind as i32),
        reserved: 0,
        warning_message: pointer(&warning_message),
    };
    // SAFETY: the host passed this function to be called with this user_data; the strings outlive
    // the call.
    unsafe { callback(user_data, &raw const event) }
}

/// `None` if there is no text, or an empty one.
fn optional_text(text: Option<&str>) -> Option<CString> {
    text.filter(|text| !text.is_empty()).map(c_text)
}

fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(ptr::null(), |text| text.as_ptr())
}

/// A session changed its state. Its strings are valid until the callback returns.
#[repr(C)]
pub struct rtsp_webrtc_gateway_session_event {
    /// Size of this struct in bytes; the library sets it.
    pub struct_size: usize,
    /// The session.
    pub session: rtsp_webrtc_gateway_session_id,
    /// The stream that it watches.
    pub stream: rtsp_webrtc_gateway_stream_id,
    /// The new state (enum rtsp_webrtc_gateway_session_state): NEW first, CLOSED last.
    pub state: i32,
    /// Why it failed, if the state is FAILED, or why it is DISCONNECTED, if that is known: this host has no longer
    /// the address at which the viewer reached it. RTSP_WEBRTC_GATEWAY_OK otherwise.
    pub status: i32,
    /// The error message for status. NULL if status is RTSP_WEBRTC_GATEWAY_OK.
    pub message: *const c_char,
    /// user_data of the session's offer.
    pub session_user_data: *mut c_void,
    /// label of the session's offer. NULL: none.
    pub label: *const c_char,
    /// peer of the session's offer. NULL: not known.
    pub peer: *const c_char,
    /// Name of the stream.
    pub stream_name: *const c_char,
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
    let viewer = &event.viewer;
    let stream_name = c_text(&event.stream_name);
    let (message, label, peer) = (
        optional_text(Some(&event.message)),
        optional_text(viewer.label.as_deref()),
        optional_text(viewer.peer.as_deref()),
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
        stream_name: stream_name.as_ptr(),
    };
    // SAFETY: the host passed this function to be called with this user_data; the strings outlive
    // the call.
    unsafe { callback(user_data, &raw const event) }
}

/// A viewer is shown something else than before. Its strings are valid until the callback returns.
#[repr(C)]
pub struct rtsp_webrtc_gateway_quality_event {
    /// Size of this struct in bytes; the library sets it.
    pub struct_size: usize,
    /// The session.
    pub session: rtsp_webrtc_gateway_session_id,
    /// The stream that it watches.
    pub stream: rtsp_webrtc_gateway_stream_id,
    /// The stream whose video it is shown: stream, or one of its variants.
    pub variant: rtsp_webrtc_gateway_stream_id,
    /// How much of that video it gets, enum rtsp_webrtc_gateway_detail.
    pub detail: i32,
    /// Why not more, enum rtsp_webrtc_gateway_quality_reason.
    pub reason: i32,
    /// What its connection carries in bits per second, IP and UDP headers included. 0: not measured.
    pub bandwidth_bps: u64,
    /// What the best variant that it may be shown needs in bits per second, with sound and headers.
    /// 0: not known.
    pub needed_bps: u64,
    /// Why it gets less than the best variant with all frames, as a sentence for people. NULL: it gets
    /// that.
    pub held_back: *const c_char,
    /// user_data of the session's offer.
    pub session_user_data: *mut c_void,
    /// label of the session's offer. NULL: none.
    pub label: *const c_char,
    /// peer of the session's offer. NULL: not known.
    pub peer: *const c_char,
    /// Name of the stream.
    pub stream_name: *const c_char,
}
sized_struct!(
    rtsp_webrtc_gateway_quality_event,
    "rtsp_webrtc_gateway_quality_event"
);

/// The function of the host that receives quality events.
pub(super) type SessionQualityFn =
    unsafe extern "C" fn(*mut c_void, *const rtsp_webrtc_gateway_quality_event);

/// Passes a quality event to the host.
pub(super) fn report_quality(
    callback: SessionQualityFn,
    user_data: *mut c_void,
    event: &QualityEvent,
) {
    let (quality, viewer) = (&event.quality, &event.viewer);
    let stream_name = c_text(&event.stream_name);
    let (held_back, label, peer) = (
        optional_text(event.held_back.as_deref()),
        optional_text(viewer.label.as_deref()),
        optional_text(viewer.peer.as_deref()),
    );
    let event = rtsp_webrtc_gateway_quality_event {
        struct_size: size_of::<rtsp_webrtc_gateway_quality_event>(),
        session: event.session.0,
        stream: event.stream.0,
        variant: quality.variant.0,
        detail: quality.detail as i32,
        reason: quality.reason as i32,
        bandwidth_bps: quality.estimate.unwrap_or(0),
        needed_bps: quality.needed,
        held_back: pointer(&held_back),
        session_user_data: ptr::with_exposed_provenance_mut(viewer.user_data),
        label: pointer(&label),
        peer: pointer(&peer),
        stream_name: stream_name.as_ptr(),
    };
    // SAFETY: the host passed this function to be called with this user_data; the strings outlive
    // the call.
    unsafe { callback(user_data, &raw const event) }
}

/// An output changed its state. Its strings are valid until the callback returns.
#[repr(C)]
pub struct rtsp_webrtc_gateway_output_event {
    /// Size of this struct in bytes; the library sets it.
    pub struct_size: usize,
    /// The output.
    pub output: rtsp_webrtc_gateway_output_id,
    /// Its stream.
    pub stream: rtsp_webrtc_gateway_stream_id,
    /// The session with the media server, while the state is LIVE. 0: none.
    pub session: rtsp_webrtc_gateway_session_id,
    /// The new state, enum rtsp_webrtc_gateway_output_state.
    pub state: i32,
    /// Why the output is RETRYING; RTSP_WEBRTC_GATEWAY_OK in the other states.
    pub status: i32,
    /// Error message for status. NULL: none.
    pub message: *const c_char,
    /// user_data of the output's options.
    pub output_user_data: *mut c_void,
    /// Scheme, host and port of the media server.
    pub server: *const c_char,
    /// label of the output's options. NULL: none.
    pub label: *const c_char,
    /// Name of the stream.
    pub stream_name: *const c_char,
}
sized_struct!(
    rtsp_webrtc_gateway_output_event,
    "rtsp_webrtc_gateway_output_event"
);

/// The function of the host that receives output events.
pub(super) type OutputStateFn =
    unsafe extern "C" fn(*mut c_void, *const rtsp_webrtc_gateway_output_event);

/// Passes an output event to the host.
pub(super) fn report_output(callback: OutputStateFn, user_data: *mut c_void, event: &OutputEvent) {
    let (server, stream_name) = (c_text(&event.server), c_text(&event.stream_name));
    let (message, label) = (
        optional_text(Some(&event.message)),
        optional_text(event.label.as_deref()),
    );
    let event = rtsp_webrtc_gateway_output_event {
        struct_size: size_of::<rtsp_webrtc_gateway_output_event>(),
        output: event.output.0,
        stream: event.stream.0,
        session: event.session.map_or(0, |session| session.0),
        state: event.state as i32,
        status: event.status.code(),
        message: pointer(&message),
        output_user_data: ptr::with_exposed_provenance_mut(event.user_data),
        server: server.as_ptr(),
        label: pointer(&label),
        stream_name: stream_name.as_ptr(),
    };
    // SAFETY: the host passed this function to be called with this user_data; the strings outlive
    // the call.
    unsafe { callback(user_data, &raw const event) }
}
