//! Sessions: viewers.

use std::ffi::{c_char, c_int};
use std::time::Duration;

use super::convert::{fill, sized_struct, writable_struct, write_list, write_struct};
use super::guard::guard_status;
use super::handle::{
    gateway_ref, rtsp_webrtc_gateway, rtsp_webrtc_gateway_session_id, rtsp_webrtc_gateway_stream_id,
};
use crate::state::SessionId;

/// State of a session.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of SessionState")]
pub enum rtsp_webrtc_gateway_session_state {
    /// Answered; waiting for the viewer's first authenticated ICE check, for 20 s.
    RTSP_WEBRTC_GATEWAY_SESSION_NEW = 1,
    /// ICE reached the gateway, DTLS runs, for 10 s at most.
    RTSP_WEBRTC_GATEWAY_SESSION_CONNECTING = 2,
    /// Media flows.
    RTSP_WEBRTC_GATEWAY_SESSION_CONNECTED = 3,
    /// No sign of the viewer for 8 s; media still flows. After 30 s the session fails (RFC 7675).
    RTSP_WEBRTC_GATEWAY_SESSION_DISCONNECTED = 4,
    /// Gave up; the status says why. CLOSED follows.
    RTSP_WEBRTC_GATEWAY_SESSION_FAILED = 5,
    /// Gone; the last callback of a session.
    RTSP_WEBRTC_GATEWAY_SESSION_CLOSED = 6,
}

/// A session at one moment.
#[repr(C)]
pub struct rtsp_webrtc_gateway_session_info {
    /// sizeof this struct; set by RTSP_WEBRTC_GATEWAY_INIT().
    pub struct_size: usize,
    /// The stream that it watches.
    pub stream: rtsp_webrtc_gateway_stream_id,
    /// enum rtsp_webrtc_gateway_session_state.
    pub state: i32,
    /// IANA number of the SRTP profile that DTLS chose: 1 (AES-CM-128-HMAC-SHA1-80, RFC 5764) or
    /// 7 (AEAD AES-128-GCM, RFC 7714). 0 before.
    pub srtp_profile: i32,
    /// SRTP bytes sent, all tracks, retransmissions included.
    pub bytes_sent: u64,
    /// SRTP packets sent, all tracks, retransmissions included.
    pub packets_sent: u64,
    /// Packets that the viewer asked for again (NACK).
    pub nacks: u64,
    /// Packets sent again for that.
    pub retransmits: u64,
    /// Picture loss indications and full intra requests received.
    pub plis: u64,
    /// Times the viewer fell behind and went on at a keyframe.
    pub overflows: u64,
    /// Milliseconds since the offer was answered.
    pub age_ms: u64,
    /// Round trip in microseconds: by the DTLS handshake at first, then by the last receiver report.
    /// 0 before.
    pub round_trip_us: u32,
    /// Loss in parts per million by the last receiver report.
    pub loss_ppm: u32,
    /// Where media goes, as "192.0.2.1:5000" or "[2001:db8::1]:5000"; "" before ICE.
    pub remote_address: [c_char; 64],
}
sized_struct!(
    rtsp_webrtc_gateway_session_info,
    "rtsp_webrtc_gateway_session_info"
);

/// Tells how a session is. Initialise *out_info with RTSP_WEBRTC_GATEWAY_INIT(). ERR_NOT_FOUND if
/// there is no such session (any more); ERR_TIMEOUT after 5 s on an overloaded machine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_get_session_info(
    gateway: *const rtsp_webrtc_gateway,
    session: rtsp_webrtc_gateway_session_id,
    out_info: *mut rtsp_webrtc_gateway_session_info,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        // SAFETY: out_info is NULL or a struct of the header, by the conventions.
        unsafe { writable_struct(out_info) }?;
        let now = gateway.session_info(SessionId(session))?;
        let mut info = rtsp_webrtc_gateway_session_info {
            struct_size: 0,
            stream: now.stream.0,
            state: now.state as i32,
            srtp_profile: now.srtp_profile.map_or(0, |profile| profile.iana().into()),
            bytes_sent: now.bytes_sent,
            packets_sent: now.packets_sent,
            nacks: now.nacks,
            retransmits: now.retransmits,
            plis: now.plis,
            overflows: now.overflows,
            age_ms: now.age.as_millis().try_into().unwrap_or(u64::MAX),
            round_trip_us: now.round_trip.map_or(0, microseconds),
            loss_ppm: now.loss_ppm,
            remote_address: [0; 64],
        };
        if let Some(remote) = now.remote {
            fill(&mut info.remote_address, &remote.to_string());
        }
        // SAFETY: out_info is NULL or a struct of the header, by the conventions.
        unsafe { write_struct(out_info, info) }
    })
}

/// Lists all sessions, the oldest first: writes as many ids as fit into capacity, and to *out_count how
/// many there are, which may be more. sessions may be NULL if capacity is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_list_sessions(
    gateway: *const rtsp_webrtc_gateway,
    sessions: *mut rtsp_webrtc_gateway_session_id,
    capacity: usize,
    out_count: *mut usize,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        let ids = gateway.sessions()?.into_iter().map(|id| id.0);
        // SAFETY: sessions has room for capacity ids, and out_count is NULL or writable, by the
        // conventions.
        unsafe { write_list(ids, sessions, capacity, out_count) }
    })
}

/// Ends a session, as handle_whep_delete() does by its key. Does not wait: CLOSED is the session's
/// last callback. ERR_NOT_FOUND if there is no such session (any more).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_close_session(
    gateway: *mut rtsp_webrtc_gateway,
    session: rtsp_webrtc_gateway_session_id,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        gateway.close_session(SessionId(session))
    })
}

fn microseconds(time: Duration) -> u32 {
    time.as_micros().try_into().unwrap_or(u32::MAX)
}
