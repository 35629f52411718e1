//! Sessions: viewers.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::time::Duration;

use super::convert::{fill, sized_struct, writable_struct, write_list, write_struct};
use super::guard::guard_status;
use super::handle::{
    gateway_ref, rtsp_webrtc_gateway, rtsp_webrtc_gateway_session_id, rtsp_webrtc_gateway_stream_id,
};
use super::quality::{rtsp_webrtc_gateway_viewer_limits, viewer_limits};
use crate::state::{Protocol, SessionId};

/// State of a session.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of SessionState")]
pub enum rtsp_webrtc_gateway_session_state {
    /// Answered; waiting for the viewer's first authenticated ICE check, for at most 20 s.
    RTSP_WEBRTC_GATEWAY_SESSION_NEW = 1,
    /// ICE has reached the gateway; the DTLS handshake runs, for at most 10 s.
    RTSP_WEBRTC_GATEWAY_SESSION_CONNECTING = 2,
    /// Media is sent.
    RTSP_WEBRTC_GATEWAY_SESSION_CONNECTED = 3,
    /// Nothing was received from the viewer for 8 s. 30 s after its last answer to an ICE check of the
    /// gateway the session fails (RFC 7675).
    RTSP_WEBRTC_GATEWAY_SESSION_DISCONNECTED = 4,
    /// The session failed; the status says why. CLOSED follows.
    RTSP_WEBRTC_GATEWAY_SESSION_FAILED = 5,
    /// The session is gone. This is its last callback.
    RTSP_WEBRTC_GATEWAY_SESSION_CLOSED = 6,
}

/// The current state of a session. Counts start at the offer.
#[repr(C)]
pub struct rtsp_webrtc_gateway_session_info {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// The stream that it watches. 0: it is a wall; get_slot_info() has what its slots show.
    pub stream: rtsp_webrtc_gateway_stream_id,
    /// enum rtsp_webrtc_gateway_session_state.
    pub state: i32,
    /// IANA number of the SRTP profile that DTLS negotiated: 1 (AES-CM-128-HMAC-SHA1-80, RFC
    /// 5764) or 7 (AEAD AES-128-GCM, RFC 7714). 0: none yet.
    pub srtp_profile: i32,
    /// SRTP bytes sent, on all tracks, including retransmissions.
    pub bytes_sent: u64,
    /// SRTP packets sent, on all tracks, including retransmissions.
    pub packets_sent: u64,
    /// Packets for which the viewer requested a retransmission (NACK).
    pub nacks: u64,
    /// Packets retransmitted.
    pub retransmits: u64,
    /// Picture loss indications and full intra requests received.
    pub plis: u64,
    /// Times that the viewer fell behind and resumed at a keyframe.
    pub overflows: u64,
    /// Time since the offer was answered, in milliseconds.
    pub age_ms: u64,
    /// Round-trip time in microseconds: of the DTLS handshake, later of the last receiver report.
    /// 0: not known yet.
    pub round_trip_us: u32,
    /// Loss in parts per million, from the last receiver report.
    pub loss_ppm: u32,
    /// Where media is sent, as "192.0.2.1:5000" or "[2001:db8::1]:5000". "": ICE has not
    /// selected an address yet.
    pub remote_address: [c_char; 64],
    /// user_data of the session's offer.
    pub user_data: *mut c_void,
    /// label of the session's offer. "": none.
    pub label: [c_char; 136],
    /// peer of the session's offer. "": not known.
    pub peer: [c_char; 136],
    /// The stream whose video it is shown: stream, or one of its variants. Until the viewer is
    /// CONNECTED nothing has been decided: this is stream, with all frames and no reason.
    pub variant: rtsp_webrtc_gateway_stream_id,
    /// How much of that video it gets, enum rtsp_webrtc_gateway_detail.
    pub detail: i32,
    /// Why not more, enum rtsp_webrtc_gateway_quality_reason.
    pub reason: i32,
    /// What its connection carries in bits per second, IP and UDP headers included. 0: not measured,
    /// as without the knob congestion, and over TCP as long as nothing has had to wait.
    pub bandwidth_bps: u64,
    /// What the best variant that it may be shown needs in bits per second, with sound and headers.
    /// 0: not known.
    pub needed_bps: u64,
    /// Packets of padding, by which the gateway finds out whether its connection carries more. They
    /// count in packets_sent.
    pub padding_packets: u64,
    /// Bytes of padding. They count in bytes_sent.
    pub padding_bytes: u64,
    /// Times that frames were left out up to a keyframe because its connection could not carry them
    /// in time.
    pub skips: u64,
    /// Times that it was shown a better variant.
    pub switches_up: u64,
    /// Times that it was shown a worse variant.
    pub switches_down: u64,
    /// Times that it began to get fewer frames.
    pub switches_fewer_frames: u64,
    /// Times that it began to get keyframes alone.
    pub switches_keyframes: u64,
    /// Times that it began to get sound alone.
    pub switches_sound_only: u64,
    /// Why it gets less than the best variant with all frames, as a sentence for people. "": it gets
    /// that.
    pub held_back: [c_char; 384],
    /// IANA number of the protocol by which media reaches remote_address: 17 (UDP) or 6 (TCP, see
    /// CONFIG_ICE_TCP). 0: ICE has not selected an address yet.
    pub protocol: i32,
    /// Whether the viewer relays by TURN (CONFIG_TURN): 0: it does not; 1: it does, over TCP; 2: over TLS; 3: over
    /// UDP; 4: the gateway itself does, through one of turn_servers.
    pub relay: u32,
}
sized_struct!(
    rtsp_webrtc_gateway_session_info,
    "rtsp_webrtc_gateway_session_info"
);

/// Returns the state and the figures of a session.
///
/// Parameters: initialize *out_info with RTSP_WEBRTC_GATEWAY_INIT().
///
/// Asks a worker thread.
///
/// Errors: ERR_NOT_FOUND if the session does not exist, or is gone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_get_session_info(
    gateway: *const rtsp_webrtc_gateway,
    session: rtsp_webrtc_gateway_session_id,
    out_info: *mut rtsp_webrtc_gateway_session_info,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
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
            user_data: ptr::with_exposed_provenance_mut(now.viewer.user_data),
            label: [0; 136],
            peer: [0; 136],
            variant: now.quality.variant.0,
            detail: now.quality.detail as i32,
            reason: now.quality.reason as i32,
            bandwidth_bps: now.quality.estimate.unwrap_or(0),
            needed_bps: now.quality.needed,
            padding_packets: now.padding_packets,
            padding_bytes: now.padding_bytes,
            skips: now.skips,
            switches_up: now.switches.up,
            switches_down: now.switches.down,
            switches_fewer_frames: now.switches.fewer_frames,
            switches_keyframes: now.switches.keyframes,
            switches_sound_only: now.switches.sound_only,
            held_back: [0; 384],
            protocol: now.protocol.map_or(0, |protocol| protocol.iana().into()),
            relay: match now.protocol {
                Some(Protocol::TurnTcp) => 1,
                Some(Protocol::TurnTls) => 2,
                Some(Protocol::TurnUdp) => 3,
                Some(Protocol::TurnServer) => 4,
                Some(Protocol::Udp | Protocol::Tcp) | None => 0,
            },
        };
        if let Some(remote) = now.remote {
            fill(&mut info.remote_address, &remote.to_string());
        }
        fill(
            &mut info.label,
            now.viewer.label.as_deref().unwrap_or_default(),
        );
        fill(
            &mut info.peer,
            now.viewer.peer.as_deref().unwrap_or_default(),
        );
        fill(
            &mut info.held_back,
            now.held_back.as_deref().unwrap_or_default(),
        );
        // SAFETY: out_info is NULL or a struct of the header, by the conventions.
        unsafe { write_struct(out_info, info) }
    })
}

/// Changes what a viewer asks for, all of it: what its offer asked for counts no more. What it is
/// shown follows at once, or with the next keyframe; on_session_quality tells. The first few changes
/// count at once, and where they go on, the last of them every 2 s.
///
/// Parameters: limits may be NULL for none. It is copied.
///
/// Asks a worker thread.
///
/// Errors, after which the limits are as before: ERR_INVALID_ARGUMENT if limits->variant is neither
/// the session's stream nor one of its variants (also if it is no stream at all), a flag is unknown,
/// or LIMITS_ONLY is set without a variant; ERR_NOT_FOUND if the session does not exist, or is gone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_set_session_limits(
    gateway: *mut rtsp_webrtc_gateway,
    session: rtsp_webrtc_gateway_session_id,
    limits: *const rtsp_webrtc_gateway_viewer_limits,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: limits is NULL or a struct of the header, by the conventions.
        let limits = unsafe { viewer_limits(limits) }?;
        gateway.set_session_limits(SessionId(session), limits)
    })
}

/// Lists all sessions, oldest first.
///
/// Parameters: sessions receives up to capacity ids; it may be NULL if capacity is 0. *out_count
/// receives the total number of sessions, which may be larger.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_list_sessions(
    gateway: *const rtsp_webrtc_gateway,
    sessions: *mut rtsp_webrtc_gateway_session_id,
    capacity: usize,
    out_count: *mut usize,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        let ids = gateway.sessions()?.into_iter().map(|id| id.0);
        // SAFETY: sessions has room for capacity ids, and out_count is NULL or writable, by the
        // conventions.
        unsafe { write_list(ids, sessions, capacity, out_count) }
    })
}

/// Ends a session, as handle_whep_delete() does by its key. The session's last callback, with
/// the state CLOSED, follows.
///
/// Errors: ERR_NOT_FOUND if the session does not exist, or is gone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_close_session(
    gateway: *mut rtsp_webrtc_gateway,
    session: rtsp_webrtc_gateway_session_id,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        gateway.close_session(SessionId(session))
    })
}

fn microseconds(time: Duration) -> u32 {
    time.as_micros().try_into().unwrap_or(u32::MAX)
}
