//! Knobs: what there is, and their values in a gateway.

use once_cell::sync::Lazy;
use std::ffi::{CString, c_char, c_int};

use super::convert::{c_text, output, required_str, sized_struct, writable_struct, write_struct};
use super::guard::guard_status;
use super::handle::{gateway_ref, rtsp_webrtc_gateway};
use crate::error::{Error, Result, Status};
use crate::tuning::{KNOBS, Key};

/// Knobs, with their defaults and ranges, and when a change takes effect.
/// rtsp_webrtc_gateway_describe_tuning() tells the same to a program.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of Key")]
pub enum rtsp_webrtc_gateway_tuning_key {
    /// Threads that carry media. 0: half of the cores, 1 to 8. Default 0; 0 to 64; fixed at creation.
    RTSP_WEBRTC_GATEWAY_TUNING_WORKER_THREADS = 1,
    /// 1: send lost packets again when the viewer asks (NACK). 0: neither announce nor answer it.
    /// Default 1; 0 to 1; for new sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_NACK = 2,
    /// Packets kept per video track for NACKs, besides those of the GOP cache, unless they are older
    /// than nack_history_ms. Default 512; 0 to 8192; at once.
    RTSP_WEBRTC_GATEWAY_TUNING_NACK_HISTORY_PACKETS = 3,
    /// Milliseconds between sender reports of a track. Default 1000; 100 to 60000; for new
    /// sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_RTCP_INTERVAL_MS = 4,
    /// 0 (prefer_gcm): AES-128-GCM if the viewer offers it, else AES-CM-SHA1-80. 1 (gcm_only):
    /// AES-128-GCM or no session. 2 (any): the first that the viewer lists. Default 0; 0 to 2; for
    /// new sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_SRTP_POLICY = 5,
    /// Milliseconds for which the addresses of the network interfaces are remembered. 0: ask the
    /// system for each session. Default 30000; 0 to 3600000; at once.
    RTSP_WEBRTC_GATEWAY_TUNING_INTERFACE_CACHE_TTL_MS = 6,
    /// 1: hand runs of packets to the kernel in one call (UDP GSO) where it can. 0: one by one.
    /// Default 1; 0 to 1; at once.
    RTSP_WEBRTC_GATEWAY_TUNING_GSO = 7,
    /// Packets per GSO run at most. Default 32; 1 to 64; at once.
    RTSP_WEBRTC_GATEWAY_TUNING_SEND_BATCH_PACKETS = 8,
    /// Send buffer of the UDP socket in bytes. 0: as large as the system gives, up to 8 MiB.
    /// Default 0; 0 to 1073741824; fixed at creation.
    RTSP_WEBRTC_GATEWAY_TUNING_UDP_SEND_BUFFER_BYTES = 9,
    /// Receive buffer of the UDP socket in bytes. 0: as large as the system gives, up to 8 MiB.
    /// Default 0; 0 to 1073741824; fixed at creation.
    RTSP_WEBRTC_GATEWAY_TUNING_UDP_RECV_BUFFER_BYTES = 10,
    /// 1: keep all since the last keyframe, so that a viewer sees a picture at once. 0: viewers
    /// wait for the next keyframe. Default 1; 0 to 1; at once.
    RTSP_WEBRTC_GATEWAY_TUNING_GOP_CACHE = 11,
    /// Bytes kept per video track at most. Default 8388608; 65536 to 1073741824; at once.
    RTSP_WEBRTC_GATEWAY_TUNING_GOP_CACHE_BYTES = 12,
    /// Milliseconds of video kept per track at most. Default 15000; 100 to 120000; at once.
    RTSP_WEBRTC_GATEWAY_TUNING_GOP_CACHE_MS = 13,
    /// 1: spread large access units (keyframes) and the backlog of a start over time, unless the
    /// viewer is near (round trip up to 5 ms, hardly any loss). 0: send them in one burst. Default
    /// 1; 0 to 1; for new sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_PACING = 14,
    /// Pace of large access units and of a backlog in percent of the stream's bit rate. Default 250;
    /// 110 to 10000; for new sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_PACING_RATE_PERCENT = 15,
    /// Sessions at most. 0: no limit. Default 0; 0 to 1000000; at once.
    RTSP_WEBRTC_GATEWAY_TUNING_MAX_SESSIONS = 16,
    /// Sessions per stream at most. 0: no limit. Default 0; 0 to 1000000; at once.
    RTSP_WEBRTC_GATEWAY_TUNING_MAX_SESSIONS_PER_STREAM = 17,
    /// Sets many knobs at once; those set after it count. 0 (balanced): the defaults. 1 (lan): no
    /// pacing, short history. 2 (wan): gentle pacing, long history, frequent sender reports. 3
    /// (max_density): least memory and CPU per viewer. Default 0; 0 to 3; for new sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_PROFILE = 18,
    /// Milliseconds that a packet of sound may wait for the next ones, to leave with them in one GSO
    /// run. Sound costs nearly as much CPU as the picture when each packet goes alone; held back, it
    /// comes that much later, and the picture with it (lip sync). Default 0; 0 to 200; for new
    /// sessions.
    RTSP_WEBRTC_GATEWAY_TUNING_AUDIO_HOLD_MS = 19,
    /// Milliseconds for which a packet is kept for NACKs, besides those of the GOP cache, unless
    /// nack_history_packets newer ones are there. Four or five round trips are enough. Default 1000;
    /// 100 to 60000; at once.
    RTSP_WEBRTC_GATEWAY_TUNING_NACK_HISTORY_MS = 20,
}

/// Values of RTSP_WEBRTC_GATEWAY_TUNING_SRTP_POLICY.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of SrtpPolicy")]
pub enum rtsp_webrtc_gateway_srtp_policy {
    /// AES-128-GCM if the viewer offers it, else AES-CM-128-HMAC-SHA1-80. GCM costs a quarter.
    RTSP_WEBRTC_GATEWAY_SRTP_PREFER_GCM = 0,
    /// AES-128-GCM, or the session fails with ERR_SRTP_PROFILE.
    RTSP_WEBRTC_GATEWAY_SRTP_GCM_ONLY = 1,
    /// The first of the two that the viewer lists.
    RTSP_WEBRTC_GATEWAY_SRTP_ANY = 2,
}

/// When a changed knob takes effect.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of Applies")]
pub enum rtsp_webrtc_gateway_applies {
    /// It can only be set in rtsp_webrtc_gateway_config.tuning.
    RTSP_WEBRTC_GATEWAY_APPLIES_CREATE = 1,
    /// For sessions that are created later.
    RTSP_WEBRTC_GATEWAY_APPLIES_NEW_SESSIONS = 2,
    /// At once.
    RTSP_WEBRTC_GATEWAY_APPLIES_NOW = 3,
}

/// A knob and its value: an element of rtsp_webrtc_gateway_config.tuning. Its layout is fixed, so
/// it has no struct_size.
#[repr(C)]
pub struct rtsp_webrtc_gateway_tuning {
    /// enum rtsp_webrtc_gateway_tuning_key.
    pub key: i32,
    /// 0.
    pub reserved: u32,
    /// Its value.
    pub value: i64,
}

/// What a knob is. The strings are static.
#[repr(C)]
pub struct rtsp_webrtc_gateway_tuning_info {
    /// sizeof this struct; set by RTSP_WEBRTC_GATEWAY_INIT().
    pub struct_size: usize,
    /// enum rtsp_webrtc_gateway_tuning_key.
    pub key: i32,
    /// enum rtsp_webrtc_gateway_applies.
    pub applies: i32,
    /// Its stable name, e.g. "nack_history_packets".
    pub name: *const c_char,
    /// What it does and in which unit, in English.
    pub help: *const c_char,
    /// Its value unless set.
    pub default_value: i64,
    /// The smallest value.
    pub min_value: i64,
    /// The largest value.
    pub max_value: i64,
}
sized_struct!(
    rtsp_webrtc_gateway_tuning_info,
    "rtsp_webrtc_gateway_tuning_info"
);

/// Describes a knob. index runs from 0 until ERR_NOT_FOUND; the order may differ between versions.
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
                format!("There are {} knobs; none has index {index}.", KNOBS.len()),
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

/// Finds the key (enum rtsp_webrtc_gateway_tuning_key) of a knob by its name, for settings that come
/// as text. ERR_NOT_FOUND if no knob has this name.
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
        let key = Key::from_name(name).ok_or_else(|| {
            Error::new(
                Status::NotFound,
                format!("There is no knob named {name:?}."),
            )
        })?;
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
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
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
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
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
    Key::from_number(number).ok_or_else(|| {
        Error::new(
            Status::NotFound,
            format!("There is no knob with key {number}."),
        )
    })
}
