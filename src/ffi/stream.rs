//! Streams: cameras.

use std::ffi::{c_char, c_int};
use std::time::Duration;

use super::convert::{
    fill, invalid, optional_str, output, read_struct, required_str, sized_struct, unset,
    writable_struct, write_list, write_struct,
};
use super::guard::guard_status;
use super::handle::{gateway_ref, rtsp_webrtc_gateway, rtsp_webrtc_gateway_stream_id};
use crate::config::{PullOptions, Transport};
use crate::error::Result;
use crate::state::StreamId;

/// State of a stream.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of StreamState")]
pub enum rtsp_webrtc_gateway_stream_state {
    /// Connecting to the camera. A push stream: the first keyframe has not come.
    RTSP_WEBRTC_GATEWAY_STREAM_CONNECTING = 1,
    /// Media arrives.
    RTSP_WEBRTC_GATEWAY_STREAM_LIVE = 2,
    /// The connection failed; another attempt follows by itself, after 1 s at first and 30 s at most
    /// unless pull_options say otherwise; or IDLE, if the camera is on demand and nobody waits for it.
    /// A push stream: no picture was pushed for 8 s (status ERR_STALLED); the next one makes it LIVE.
    RTSP_WEBRTC_GATEWAY_STREAM_RETRYING = 3,
    /// A bug in the library stopped this stream. Remove it and add it again.
    RTSP_WEBRTC_GATEWAY_STREAM_FAILED = 4,
    /// Removed; the last callback of a stream.
    RTSP_WEBRTC_GATEWAY_STREAM_REMOVED = 5,
    /// Not connected, because nobody watches: a camera with PULL_ON_DEMAND, from add_stream() on. An
    /// offer connects it. Nothing of its media is kept.
    RTSP_WEBRTC_GATEWAY_STREAM_IDLE = 6,
}

/// Codecs.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of Codec")]
pub enum rtsp_webrtc_gateway_codec {
    /// No such track, or not known yet.
    RTSP_WEBRTC_GATEWAY_CODEC_NONE = 0,
    /// H.264 (RFC 6184).
    RTSP_WEBRTC_GATEWAY_CODEC_H264 = 1,
    /// H.265 (RFC 7798).
    RTSP_WEBRTC_GATEWAY_CODEC_H265 = 2,
    /// AV1 (RTP Payload Format For AV1, version 1.0).
    RTSP_WEBRTC_GATEWAY_CODEC_AV1 = 3,
    /// Opus (RFC 7587). Its RTP clock rate is 48000 Hz.
    RTSP_WEBRTC_GATEWAY_CODEC_OPUS = 64,
    /// G.711 mu-law, 8 kHz (RFC 3551).
    RTSP_WEBRTC_GATEWAY_CODEC_PCMU = 65,
    /// G.711 A-law, 8 kHz (RFC 3551).
    RTSP_WEBRTC_GATEWAY_CODEC_PCMA = 66,
    /// G.722 at 64 kbit/s, sampled at 16 kHz; its RTP clock rate is 8000 Hz all the same (RFC 3551
    /// section 4.5.2).
    RTSP_WEBRTC_GATEWAY_CODEC_G722 = 67,
}

/// How RTP comes from the camera.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of Transport")]
pub enum rtsp_webrtc_gateway_transport {
    /// The library chooses: TCP.
    RTSP_WEBRTC_GATEWAY_TRANSPORT_AUTO = 0,
    /// Interleaved in the RTSP connection (RFC 2326 section 10.12): no loss, works through NAT.
    RTSP_WEBRTC_GATEWAY_TRANSPORT_TCP = 1,
    /// UDP: for cameras on the same network that cannot do TCP. Late packets count as lost.
    RTSP_WEBRTC_GATEWAY_TRANSPORT_UDP = 2,
}

/// Bits of rtsp_webrtc_gateway_pull_options.flags.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of flags")]
pub enum rtsp_webrtc_gateway_pull_flags {
    /// Ignore the camera's sound.
    RTSP_WEBRTC_GATEWAY_PULL_NO_AUDIO = 1,
    /// Connect only while somebody watches or wants to. An offer connects the camera, and waits for it
    /// as long as offer.timeout_ms; linger_ms after the last session closed, or the last waiting offer
    /// gave up, the connection ends with a TEARDOWN, and the stream is IDLE. If the camera cannot be
    /// connected the offers that wait are refused with the reason, which stream_info keeps, and it is
    /// not tried again before the next offer, unless there are sessions.
    RTSP_WEBRTC_GATEWAY_PULL_ON_DEMAND = 2,
}

/// Options of a camera that the gateway connects to.
#[repr(C)]
pub struct rtsp_webrtc_gateway_pull_options {
    /// sizeof this struct; set by RTSP_WEBRTC_GATEWAY_INIT().
    pub struct_size: usize,
    /// rtsp://[user:password@]host[:port]/path. Required. Port 554 unless given.
    pub url: *const c_char,
    /// User for Basic or Digest authentication. NULL: as in the url.
    pub username: *const c_char,
    /// Password for it. NULL: as in the url.
    pub password: *const c_char,
    /// enum rtsp_webrtc_gateway_transport.
    pub transport: i32,
    /// Bits of enum rtsp_webrtc_gateway_pull_flags.
    pub flags: u32,
    /// For all from TCP to the answer to PLAY, in milliseconds: 500 to 300000. 0: 10000.
    pub connect_timeout_ms: u32,
    /// A camera that sends no picture for so many milliseconds is connected again (ERR_STALLED): 500 to
    /// 300000. 0: 8000.
    pub idle_timeout_ms: u32,
    /// Milliseconds before the first attempt after a failure: 100 to 3600000. Each further delay is
    /// twice as long; all vary by 20 %, so that cameras that come back together do not connect at
    /// once. A connection that was live for more than 10 s begins anew. 0: 1000, or retry_max_ms if
    /// that is less.
    pub retry_min_ms: u32,
    /// Longest delay between attempts: retry_min_ms to 3600000. 0: 30000, or retry_min_ms if that is
    /// more.
    pub retry_max_ms: u32,
    /// With PULL_ON_DEMAND: milliseconds that the camera stays connected after its last session closed,
    /// so that a viewer who comes back sees the picture at once: 100 to 3600000. 0: 10000.
    pub linger_ms: u32,
    /// 0.
    pub reserved: u32,
}
sized_struct!(
    rtsp_webrtc_gateway_pull_options,
    "rtsp_webrtc_gateway_pull_options"
);

/// A stream at one moment. Counts are from add_stream() on.
#[repr(C)]
pub struct rtsp_webrtc_gateway_stream_info {
    /// sizeof this struct; set by RTSP_WEBRTC_GATEWAY_INIT().
    pub struct_size: usize,
    /// enum rtsp_webrtc_gateway_stream_state.
    pub state: i32,
    /// Why the camera is not live: the last failure. RTSP_WEBRTC_GATEWAY_OK while it is live, and
    /// before the first failure.
    pub status: i32,
    /// enum rtsp_webrtc_gateway_codec.
    pub video_codec: i32,
    /// enum rtsp_webrtc_gateway_codec.
    pub audio_codec: i32,
    /// Width of the picture in pixels; 0 while unknown.
    pub width: u32,
    /// Height of the picture in pixels; 0 while unknown.
    pub height: u32,
    /// Viewers now.
    pub sessions: u32,
    /// Times the camera was connected again after it had been live; not when it was IDLE between.
    pub reconnects: u32,
    /// Bytes of media received from the camera.
    pub bytes: u64,
    /// RTP packets that the camera sent and that did not arrive.
    pub packets_lost: u64,
    /// Pictures received.
    pub frames: u64,
    /// Keyframes among them.
    pub keyframes: u64,
    /// Milliseconds since the last picture; -1 before the first.
    pub since_last_media_ms: i64,
    /// The sentence to status, "" if none; cut if longer.
    pub message: [c_char; 256],
    /// Pictures pushed that no viewer gets: the queue was full, or the keyframe was missing that they
    /// build on. 0 for a camera.
    pub frames_dropped: u64,
    /// Times on_keyframe_request was raised. 0 for a camera.
    pub keyframe_requests: u64,
    /// Bits of picture per second, averaged over some seconds; 0 while none comes.
    pub bitrate_bps: u64,
}
sized_struct!(
    rtsp_webrtc_gateway_stream_info,
    "rtsp_webrtc_gateway_stream_info"
);

/// Adds a camera. Returns at once: the connection is made in the background (with PULL_ON_DEMAND when
/// the first offer comes), kept, and reported by on_stream_state, which may run before this function
/// returns.
///
/// name is the name in WHEP offers: unique, 1 to 128 characters of A-Z a-z 0-9 . _ ~ -
///
/// Errors: ERR_INVALID_ARGUMENT for the name or an option, ERR_ALREADY_EXISTS for the name, ERR_URL
/// for a url that is not usable, ERR_CREDENTIALS for control characters in user or password.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_add_stream(
    gateway: *mut rtsp_webrtc_gateway,
    name: *const c_char,
    options: *const rtsp_webrtc_gateway_pull_options,
    out_stream: *mut rtsp_webrtc_gateway_stream_id,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        // SAFETY: name is NULL or NUL-terminated, by the conventions.
        let name = unsafe { required_str(name, "name") }?;
        // SAFETY: options is NULL or a struct of the header, by the conventions.
        let options = unsafe { read_struct(options) }?;
        // SAFETY: out_stream is NULL or writable, by the conventions.
        let out_stream = unsafe { output(out_stream, "out_stream") }?;
        // SAFETY: its strings are NULL or NUL-terminated, by the conventions.
        let options = unsafe { pull_options(&options) }?;
        out_stream.write(gateway.add_stream(name, options)?.0);
        Ok(())
    })
}

/// Removes a stream and closes its sessions. Does not wait: REMOVED is its last callback. Its name is
/// free at once; offers that wait for it return ERR_NOT_FOUND. ERR_NOT_FOUND if there is no such
/// stream (any more).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_remove_stream(
    gateway: *mut rtsp_webrtc_gateway,
    stream: rtsp_webrtc_gateway_stream_id,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        gateway.remove_stream(StreamId(stream))
    })
}

/// Finds a stream by its name. ERR_NOT_FOUND if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_find_stream(
    gateway: *const rtsp_webrtc_gateway,
    name: *const c_char,
    out_stream: *mut rtsp_webrtc_gateway_stream_id,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        // SAFETY: name is NULL or NUL-terminated, by the conventions.
        let name = unsafe { required_str(name, "name") }?;
        // SAFETY: out_stream is NULL or writable, by the conventions.
        let out_stream = unsafe { output(out_stream, "out_stream") }?;
        out_stream.write(gateway.find_stream(name)?.0);
        Ok(())
    })
}

/// Lists all streams, the oldest first: writes as many ids as fit into capacity, and to *out_count how
/// many there are, which may be more. streams may be NULL if capacity is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_list_streams(
    gateway: *const rtsp_webrtc_gateway,
    streams: *mut rtsp_webrtc_gateway_stream_id,
    capacity: usize,
    out_count: *mut usize,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        let ids = gateway.streams()?.into_iter().map(|id| id.0);
        // SAFETY: streams has room for capacity ids, and out_count is NULL or writable, by the
        // conventions.
        unsafe { write_list(ids, streams, capacity, out_count) }
    })
}

/// Tells how a stream is. Initialise *out_info with RTSP_WEBRTC_GATEWAY_INIT(). ERR_NOT_FOUND if there
/// is no such stream (any more); ERR_TIMEOUT after 5 s on an overloaded machine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_get_stream_info(
    gateway: *const rtsp_webrtc_gateway,
    stream: rtsp_webrtc_gateway_stream_id,
    out_info: *mut rtsp_webrtc_gateway_stream_info,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        // SAFETY: out_info is NULL or a struct of the header, by the conventions.
        unsafe { writable_struct(out_info) }?;
        let now = gateway.stream_info(StreamId(stream))?;
        let mut info = rtsp_webrtc_gateway_stream_info {
            struct_size: 0,
            state: now.state as i32,
            status: now.status.code(),
            video_codec: now.video_codec.map_or(0, |codec| codec as i32),
            audio_codec: now.audio_codec.map_or(0, |codec| codec as i32),
            width: now.width,
            height: now.height,
            sessions: now.sessions,
            reconnects: now.reconnects,
            bytes: now.bytes,
            packets_lost: now.packets_lost,
            frames: now.frames,
            keyframes: now.keyframes,
            since_last_media_ms: now
                .since_last_media
                .map_or(-1, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
            message: [0; 256],
            frames_dropped: now.frames_dropped,
            keyframe_requests: now.keyframe_requests,
            bitrate_bps: now.bitrate_bps,
        };
        fill(&mut info.message, &now.message);
        // SAFETY: out_info is NULL or a struct of the header, by the conventions.
        unsafe { write_struct(out_info, info) }
    })
}

/// # Safety
/// The strings of `options` are NULL or NUL-terminated.
unsafe fn pull_options(options: &rtsp_webrtc_gateway_pull_options) -> Result<PullOptions> {
    let no_audio = rtsp_webrtc_gateway_pull_flags::RTSP_WEBRTC_GATEWAY_PULL_NO_AUDIO as u32;
    let on_demand = rtsp_webrtc_gateway_pull_flags::RTSP_WEBRTC_GATEWAY_PULL_ON_DEMAND as u32;
    unset(options.reserved)?;
    if options.flags & !(no_audio | on_demand) != 0 {
        return Err(invalid(format!(
            "flags {:#x} has bits that are no pull flags.",
            options.flags
        )));
    }
    let transport = match options.transport {
        0 | 1 => Transport::Tcp,
        2 => Transport::Udp,
        other => return Err(invalid(format!("{other} is no transport."))),
    };
    // SAFETY: this function's contract.
    let (url, username, password) = unsafe {
        (
            required_str(options.url, "url")?,
            optional_str(options.username, "username")?,
            optional_str(options.password, "password")?,
        )
    };
    Ok(PullOptions {
        url: url.to_owned(),
        username: username.map(str::to_owned),
        password: password.map(str::to_owned),
        transport,
        no_audio: options.flags & no_audio != 0,
        connect_timeout: millis(options.connect_timeout_ms),
        idle_timeout: millis(options.idle_timeout_ms),
        retry_min: millis(options.retry_min_ms),
        retry_max: millis(options.retry_max_ms),
        on_demand: options.flags & on_demand != 0,
        linger: millis(options.linger_ms),
    })
}

/// 0 asks for the default.
fn millis(millis: u32) -> Option<Duration> {
    (millis != 0).then(|| Duration::from_millis(u64::from(millis)))
}
