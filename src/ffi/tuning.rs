//! Knobs: their descriptions, and their values in a gateway.

use once_cell::sync::Lazy;
use std::ffi::{CString, c_char, c_int};

use super::convert::{c_text, output, required_str, sized_struct, writable_struct, write_struct};
use super::guard::guard_status;
use super::handle::{gateway_ref, rtsp_webrtc_gateway};
use crate::error::{Error, Result, Status};
use crate::tuning::{KNOBS, Key};

/// The keys of all knobs, each with its unit, default, range, and when a change takes effect.
/// rtsp_webrtc_gateway_describe_tuning() returns the same descriptions to a program.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of Key")]
pub enum rtsp_webrtc_gateway_tuning_key {
    // generated from src/tuning/table.rs: begin
    /// Number of threads that process media. 0: half of the CPU cores, at least 1 and at most 8.
    /// Default 0, range 0 to 64, fixed at creation.
    RTSP_WEBRTC_GATEWAY_TUNING_WORKER_THREADS = 1,
    /// 1: retransmit the packets that a viewer reports as lost (NACK). 0: do not offer
    /// retransmission; tracks keep no packets for it from then on, so that viewers who are there
    /// are sent again only what the GOP cache has. Default 1, range 0 to 1, applies to new
    /// sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_NACK = 2,
    /// Maximum number of packets that a video track keeps for retransmission, in addition to the
    /// GOP cache. Packets older than nack_history_ms are not kept. Default 512, range 0 to 8192,
    /// applies immediately.
    RTSP_WEBRTC_GATEWAY_TUNING_NACK_HISTORY_PACKETS = 3,
    /// Interval between the RTCP sender reports of a track, in milliseconds. Default 1000, range
    /// 100 to 60000, applies to new sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_RTCP_INTERVAL_MS = 4,
    /// SRTP protection profiles that a session accepts. 0 (prefer_gcm): AES-128-GCM if the viewer
    /// supports it, otherwise AES-CM-128-HMAC-SHA1-80. 1 (gcm_only): AES-128-GCM only; other
    /// viewers cannot connect. 2 (any): whichever of the two the viewer lists first. Default 0,
    /// range 0 to 2, applies to new sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_SRTP_POLICY = 5,
    /// How long the addresses of the network interfaces are cached, in milliseconds. 0: query the
    /// operating system for each session. Default 30000, range 0 to 3600000, applies immediately.
    RTSP_WEBRTC_GATEWAY_TUNING_INTERFACE_CACHE_TTL_MS = 6,
    /// 1: send packets in batches with UDP generic segmentation offload (GSO) where the operating
    /// system supports it. 0: one system call per packet. Default 1, range 0 to 1, applies
    /// immediately.
    RTSP_WEBRTC_GATEWAY_TUNING_GSO = 7,
    /// Maximum number of packets in one GSO batch. Default 32, range 1 to 64, applies immediately.
    RTSP_WEBRTC_GATEWAY_TUNING_SEND_BATCH_PACKETS = 8,
    /// Size of the UDP socket's send buffer, in bytes. 0: as large as the operating system allows,
    /// up to 8 MiB, and 1 MiB for that of an output. Default 0, range 0 to 1073741824, fixed at
    /// creation.
    RTSP_WEBRTC_GATEWAY_TUNING_UDP_SEND_BUFFER_BYTES = 9,
    /// Size of the UDP socket's receive buffer, in bytes. 0: as large as the operating system
    /// allows, up to 8 MiB, and 1 MiB for that of an output. Default 0, range 0 to 1073741824,
    /// fixed at creation.
    RTSP_WEBRTC_GATEWAY_TUNING_UDP_RECV_BUFFER_BYTES = 10,
    /// 1: keep all video packets since the last keyframe, so that a new viewer starts immediately.
    /// 0: a new viewer waits for the next keyframe. Default 1, range 0 to 1, applies immediately.
    RTSP_WEBRTC_GATEWAY_TUNING_GOP_CACHE = 11,
    /// Maximum memory that the stored media of a track may take, in bytes, for the GOP cache and
    /// for retransmission: RTP payload, and what is kept to find it again. Default 8388608, range
    /// 65536 to 1073741824, applies immediately.
    RTSP_WEBRTC_GATEWAY_TUNING_GOP_CACHE_BYTES = 12,
    /// Maximum age of the media that a track keeps, in milliseconds, for the GOP cache and for
    /// retransmission. Default 15000, range 100 to 120000, applies immediately.
    RTSP_WEBRTC_GATEWAY_TUNING_GOP_CACHE_MS = 13,
    /// 1: spread large video frames (keyframes) and the backlog of a new viewer over time. The rate
    /// is what the path carries if congestion measures it, and otherwise pacing_rate_percent, or
    /// no limit for a nearby viewer (round trip up to 5 ms, hardly any loss). 0: send everything
    /// in one burst. Default 1, range 0 to 1, applies to new sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_PACING = 14,
    /// Send rate of paced video in percent of the stream's bit rate, where nothing is measured: for
    /// viewers that send no transport-wide feedback, and with congestion=0. Default 250, range 110
    /// to 10000, applies to new sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_PACING_RATE_PERCENT = 15,
    /// Maximum number of viewers that are connected; further offers are refused. Sessions whose
    /// viewers have not connected do not count. At most as many as this, but 64 to 1024, wait for
    /// their viewers (4096 without a limit); beyond, the oldest ends, of the peer that has most.
    /// 0: no limit. Default 0, range 0 to 1000000, applies immediately.
    RTSP_WEBRTC_GATEWAY_TUNING_MAX_SESSIONS = 16,
    /// Maximum number of viewers of a stream that are connected; outputs do not count. 0: no limit.
    /// Default 0, range 0 to 1000000, applies immediately.
    RTSP_WEBRTC_GATEWAY_TUNING_MAX_SESSIONS_PER_STREAM = 17,
    /// Sets several knobs at once. A knob that is set afterwards overrides the profile. 0
    /// (balanced): the defaults. 1 (lan): no pacing, no congestion control, short history. 2
    /// (wan): gentle pacing, long history, frequent sender reports. 3 (max_density): least memory
    /// and CPU time per viewer, no congestion control. Default 0, range 0 to 3, applies to new
    /// sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_PROFILE = 18,
    /// Maximum time in milliseconds that an audio packet waits for another one, to leave along with
    /// it; 5 ms more if that is late. 0: send each at once. An audio packet that is sent alone
    /// costs nearly as much CPU time as a video frame, and so does reading it alone: where a
    /// camera sends audio packets over TCP that are all alike, one waits in the kernel until more
    /// comes (and so does a video frame that is even smaller, until the next of either): up to
    /// twice this time in all. Waiting adds this delay to the audio, and perhaps to the video as
    /// well, because browsers synchronize the two (lip sync). Default 20, range 0 to 200, applies
    /// immediately.
    RTSP_WEBRTC_GATEWAY_TUNING_AUDIO_HOLD_MS = 19,
    /// Maximum age of the packets that a video track keeps for retransmission, in milliseconds, in
    /// addition to the GOP cache. Four or five round trips are enough. Default 500, range 100 to
    /// 60000, applies immediately.
    RTSP_WEBRTC_GATEWAY_TUNING_NACK_HISTORY_MS = 20,
    /// 1: measure what the path to a viewer carries (ICE checks at the start, then transport-wide
    /// feedback), pace by it, and skip frames until the next keyframe when the path is slower than
    /// the stream. 0: pace by the bit rate of the stream. It has no effect without pacing. Default
    /// 1, range 0 to 1, applies to new sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_CONGESTION = 21,
    /// What the path to a viewer is assumed to carry until anything is measured, in kbit/s. Default
    /// 1000, range 50 to 1000000, applies to new sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_CONGESTION_START_KBPS = 22,
    /// Minimum of the estimate of what the path to a viewer carries, in kbit/s. Default 30, range
    /// 10 to 100000, applies to new sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_CONGESTION_FLOOR_KBPS = 23,
    /// Maximum of the estimate of what the path to a viewer carries, in kbit/s: packets to a viewer
    /// leave no faster. 0: no limit. Default 0, range 0 to 1000000, applies to new sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_CONGESTION_CEILING_KBPS = 24,
    /// Show video frames with missing parts, and those that depend on them (0 or 1). 0: they are
    /// left out, and the picture stands still until the next keyframe. Default 0, range 0 to 1,
    /// applies immediately.
    RTSP_WEBRTC_GATEWAY_TUNING_DAMAGED_FRAMES = 25,
    /// How busy a worker may be and still take new viewers, in percent of its time: measured, and
    /// with what those who have just come will take. Above it offers fail with ERR_LIMIT (503), so
    /// that those who watch lose nothing. 0: no limit. Default 85, range 0 to 100, applies
    /// immediately.
    RTSP_WEBRTC_GATEWAY_TUNING_MAX_WORKER_LOAD_PERCENT = 26,
    /// Resident memory that the process should stay below, in bytes: all of it, what the host
    /// itself needs included. From 75 % of it on tracks keep less, and together no more than half
    /// of it; from 90 % on offers fail with ERR_LIMIT (503). Those who watch go on. Looked at once
    /// a second, and within 10 s of a change; the limit of a cgroup counts in the same way,
    /// whichever is nearer. While memory is short, malloc_trim() is called every 10 s where the C
    /// library has it. Linux only. 0: that of the cgroup alone. Default 0, range 0 to
    /// 1099511627776, applies immediately.
    RTSP_WEBRTC_GATEWAY_TUNING_MEMORY_LIMIT_BYTES = 27,
    /// 1: let the DTLS handshake of a viewer that offers it begin within the checks of ICE (SPED,
    /// draft-hancke-webrtc-sped), which saves up to one round trip before the first picture. 0: it
    /// begins after the first check. Default 1, range 0 to 1, applies to new sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_DTLS_IN_STUN = 28,
    // generated from src/tuning/table.rs: end
}

/// Values of RTSP_WEBRTC_GATEWAY_TUNING_SRTP_POLICY.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of SrtpPolicy")]
pub enum rtsp_webrtc_gateway_srtp_policy {
    /// AES-128-GCM if the viewer supports it, otherwise AES-CM-128-HMAC-SHA1-80. AES-128-GCM needs
    /// about a fifth of the CPU time for sealing a packet.
    RTSP_WEBRTC_GATEWAY_SRTP_PREFER_GCM = 0,
    /// AES-128-GCM only; the session of a viewer without it fails with ERR_SRTP_PROFILE.
    RTSP_WEBRTC_GATEWAY_SRTP_GCM_ONLY = 1,
    /// Whichever of the two the viewer lists first.
    RTSP_WEBRTC_GATEWAY_SRTP_ANY = 2,
}

/// When a changed knob takes effect.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of Applies")]
pub enum rtsp_webrtc_gateway_applies {
    /// Fixed at creation: set it in rtsp_webrtc_gateway_config.tuning.
    RTSP_WEBRTC_GATEWAY_APPLIES_CREATE = 1,
    /// For sessions created after the change. Existing sessions keep their value.
    RTSP_WEBRTC_GATEWAY_APPLIES_NEW_SESSIONS = 2,
    /// Immediately, for existing sessions and streams too.
    RTSP_WEBRTC_GATEWAY_APPLIES_NOW = 3,
}

/// A knob and its value: an element of rtsp_webrtc_gateway_config.tuning. The layout never changes,
/// so there is no struct_size.
#[repr(C)]
pub struct rtsp_webrtc_gateway_tuning {
    /// enum rtsp_webrtc_gateway_tuning_key.
    pub key: i32,
    /// Must be 0.
    pub reserved: u32,
    /// The knob's value, in the unit that its key documents.
    pub value: i64,
}

/// Description of a knob. The strings are static: they stay valid as long as the library is loaded.
#[repr(C)]
pub struct rtsp_webrtc_gateway_tuning_info {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// enum rtsp_webrtc_gateway_tuning_key.
    pub key: i32,
    /// enum rtsp_webrtc_gateway_applies.
    pub applies: i32,
    /// Stable name, for example "nack_history_packets".
    pub name: *const c_char,
    /// What it does and in which unit, in English.
    pub help: *const c_char,
    /// The value unless the host sets another.
    pub default_value: i64,
    /// The smallest value allowed.
    pub min_value: i64,
    /// The largest value allowed.
    pub max_value: i64,
}
sized_struct!(
    rtsp_webrtc_gateway_tuning_info,
    "rtsp_webrtc_gateway_tuning_info"
);

/// Describes one knob, for a settings page for example. Call it with index 0, 1, 2 and so on until
/// it returns ERR_NOT_FOUND. The order may differ between versions; the key and the name of a knob
/// do not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_describe_tuning(
    index: usize,
    out_info: *mut rtsp_webrtc_gateway_tuning_info,
) -> c_int {
    guard_status(|| {
        // SAFETY: out_info is NULL or a struct of the header, by the conventions.
        unsafe { writable_struct(out_info) }?;
        let Some((knob, (name, help))) = KNOBS.get(index).zip(TEXTS.get(index)) else {
            return Err(Error::new(
                Status::NotFound,
                format!("no knob has index {index}: there are {}", KNOBS.len()),
            ));
        };
        let info = rtsp_webrtc_gateway_tuning_info {
            struct_size: 0,
            key: knob.key as i32,
            applies: knob.applies as i32,
            name: name.as_ptr(),
            help: help.as_ptr(),
            default_value: knob.default,
            min_value: knob.min,
            max_value: knob.max,
        };
        // SAFETY: out_info is NULL or a struct of the header, by the conventions.
        unsafe { write_struct(out_info, info) }
    })
}

/// Finds the key (enum rtsp_webrtc_gateway_tuning_key) of a knob by its name, for settings that are
/// stored as text. ERR_NOT_FOUND if no knob has this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_find_tuning(
    name: *const c_char,
    out_key: *mut i32,
) -> c_int {
    guard_status(|| {
        // SAFETY: name is NULL or NUL-terminated, by the conventions.
        let name = unsafe { required_str(name, "name") }?;
        // SAFETY: out_key is NULL or writable, by the conventions.
        let out_key = unsafe { output(out_key, "out_key") }?;
        let key = Key::from_name(name)
            .ok_or_else(|| Error::new(Status::NotFound, format!("no knob is named {name:?}")))?;
        out_key.write(key as i32);
        Ok(())
    })
}

/// Sets a knob of a running gateway.
///
/// Errors: ERR_NOT_FOUND for an unknown key, ERR_INVALID_ARGUMENT for a value out of range,
/// ERR_INVALID_STATE for a knob that can only be set when the gateway is created.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_set_tuning(
    gateway: *mut rtsp_webrtc_gateway,
    key: i32,
    value: i64,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        gateway.set_tuning(key_of(key)?, value)
    })
}

/// Reads a knob of a gateway. ERR_NOT_FOUND for an unknown key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_get_tuning(
    gateway: *const rtsp_webrtc_gateway,
    key: i32,
    out_value: *mut i64,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: out_value is NULL or writable, by the conventions.
        let out_value = unsafe { output(out_value, "out_value") }?;
        out_value.write(gateway.tuning(key_of(key)?));
        Ok(())
    })
}

static TEXTS: Lazy<Vec<(CString, CString)>> = Lazy::new(|| {
    let texts = KNOBS.iter().map(|k| (c_text(k.name), c_text(k.help)));
    texts.collect()
});

pub(super) fn key_of(number: i32) -> Result<Key> {
    Key::from_number(number)
        .ok_or_else(|| Error::new(Status::NotFound, format!("no knob has key {number}")))
}
