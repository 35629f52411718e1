//! Streams: cameras.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::time::Duration;

use super::convert::{
    array, fill, invalid, optional_str, output, read_struct, required_str, sized_struct, unset,
    writable_struct, write_list, write_struct, write_text,
};
use super::guard::{guard, guard_status, remember};
use super::handle::{gateway_ref, rtsp_webrtc_gateway, rtsp_webrtc_gateway_stream_id};
use crate::config::{PullOptions, Transport};
use crate::error::Result;
use crate::state::StreamId;

/// States of a stream.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of StreamState")]
pub enum rtsp_webrtc_gateway_stream_state {
    /// Connecting to the camera. A push stream: waiting for the first keyframe.
    RTSP_WEBRTC_GATEWAY_STREAM_CONNECTING = 1,
    /// Media is arriving.
    RTSP_WEBRTC_GATEWAY_STREAM_LIVE = 2,
    /// The connection failed or was lost. The library retries after a delay, at first 1 s and at
    /// most 30 s unless pull_options says otherwise. An on-demand camera with no viewers becomes
    /// IDLE instead. A push stream: no video was pushed for 8 s (status ERR_STALLED); the next
    /// frame makes it LIVE again.
    RTSP_WEBRTC_GATEWAY_STREAM_RETRYING = 3,
    /// A bug in the library stopped this stream. Remove it and add it again; reconnect_stream()
    /// restarts a camera.
    RTSP_WEBRTC_GATEWAY_STREAM_FAILED = 4,
    /// Removed. The last callback for a stream.
    RTSP_WEBRTC_GATEWAY_STREAM_REMOVED = 5,
    /// An on-demand camera (PULL_ON_DEMAND) that is not connected because no viewer needs it, as it
    /// is after add_stream(). An offer connects it. No media is kept.
    RTSP_WEBRTC_GATEWAY_STREAM_IDLE = 6,
}

/// What is wrong with the media of a stream that is LIVE.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of WarningKind")]
pub enum rtsp_webrtc_gateway_media_warning {
    /// Nothing.
    RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_NONE = 0,
    /// The camera sends B-frames, which browsers cannot show over WebRTC. They are left out.
    RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_B_FRAMES = 1,
    /// The camera sends no keyframe (IDR picture) that a decoder can start with.
    RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_NO_KEYFRAME = 2,
    /// The camera's parameter sets are missing: its frames cannot be decoded.
    RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_NO_PARAMETER_SETS = 3,
    /// Parts of frames are missing; such frames, and those that depend on them, are left out.
    RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_DAMAGED = 4,
    /// The camera's audio cannot be played, or the camera does not send what it describes.
    RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_AUDIO = 5,
    /// Keyframes are so far apart that viewers who come late have to wait for the next; until then
    /// they are shown the last one as a still picture.
    RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_RARE_KEYFRAMES = 6,
}

/// Codecs.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of Codec")]
pub enum rtsp_webrtc_gateway_codec {
    /// No such track, or not yet known.
    RTSP_WEBRTC_GATEWAY_CODEC_NONE = 0,
    /// H.264 (RFC 6184).
    RTSP_WEBRTC_GATEWAY_CODEC_H264 = 1,
    /// H.265 (RFC 7798).
    RTSP_WEBRTC_GATEWAY_CODEC_H265 = 2,
    /// AV1 (RTP Payload Format For AV1, version 1.0).
    RTSP_WEBRTC_GATEWAY_CODEC_AV1 = 3,
    /// Opus (RFC 7587). RTP clock rate 48000 Hz.
    RTSP_WEBRTC_GATEWAY_CODEC_OPUS = 64,
    /// G.711 mu-law, 8 kHz (RFC 3551).
    RTSP_WEBRTC_GATEWAY_CODEC_PCMU = 65,
    /// G.711 A-law, 8 kHz (RFC 3551).
    RTSP_WEBRTC_GATEWAY_CODEC_PCMA = 66,
    /// G.722 at 64 kbit/s, sampled at 16 kHz. Its RTP clock rate is 8000 Hz (RFC 3551 section
    /// 4.5.2).
    RTSP_WEBRTC_GATEWAY_CODEC_G722 = 67,
    /// AAC-LC or HE-AAC, for push_options.audio_codec: viewers get it as Opus.
    RTSP_WEBRTC_GATEWAY_CODEC_AAC = 68,
}

/// How the camera sends RTP.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of Transport")]
pub enum rtsp_webrtc_gateway_transport {
    /// TCP; UDP if the camera refuses that or sends nothing; multicast if it refuses both; and back. What
    /// works is remembered.
    RTSP_WEBRTC_GATEWAY_TRANSPORT_AUTO = 0,
    /// Interleaved in the RTSP connection (RFC 2326 section 10.12): no packet loss, passes NAT.
    RTSP_WEBRTC_GATEWAY_TRANSPORT_TCP = 1,
    /// UDP, for cameras on the same network that do not support TCP. Packets wait for up to 100 ms for
    /// one that is missing.
    RTSP_WEBRTC_GATEWAY_TRANSPORT_UDP = 2,
    /// UDP to a multicast group, which many may receive. The network has to pass it on.
    RTSP_WEBRTC_GATEWAY_TRANSPORT_MULTICAST = 3,
    /// TCP, in two HTTP connections, for firewalls that let nothing else pass. The default port is 80.
    RTSP_WEBRTC_GATEWAY_TRANSPORT_HTTP = 4,
}

/// Flags of rtsp_webrtc_gateway_pull_options.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of flags")]
pub enum rtsp_webrtc_gateway_pull_flags {
    /// Do not use the camera's audio.
    RTSP_WEBRTC_GATEWAY_PULL_NO_AUDIO = 1,
    /// Connect to the camera only while it is needed. An offer starts the connection and waits for
    /// it, for at most its own timeout. The connection ends with a TEARDOWN linger_ms after no
    /// session needs it and no offer waits for it any more, and the stream becomes IDLE. A session
    /// needs its stream unless its viewer asked for a lesser variant and gets no sound. If the connection fails, waiting offers get 409 (ERR_NOT_READY) with the reason in the
    /// message, which stream_info has as a status; without sessions, the next attempt is made when
    /// the next offer arrives.
    RTSP_WEBRTC_GATEWAY_PULL_ON_DEMAND = 2,
    /// Receive the camera's track of ONVIF metadata, for sinks (SINK_METADATA). A camera without one
    /// plays all the same.
    RTSP_WEBRTC_GATEWAY_PULL_METADATA = 4,
    /// rtsps: trust any certificate. The connection is encrypted, but anybody may be the camera. Not
    /// together with tls_ca or tls_fingerprint.
    RTSP_WEBRTC_GATEWAY_PULL_TLS_UNVERIFIED = 8,
}

/// Options of a camera that the gateway connects to.
#[repr(C)]
pub struct rtsp_webrtc_gateway_pull_options {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// rtsp://[user:password@]host[:port]/path, or rtsps:// for TLS. The default ports are 554 and
    /// 322. Required.
    pub url: *const c_char,
    /// User name for Basic or Digest authentication. It overrides the user name in url; "" counts
    /// as given. NULL: from url.
    pub username: *const c_char,
    /// Password for Basic or Digest authentication. It overrides the password in url, independently
    /// of username; "" counts as given. NULL: from url.
    pub password: *const c_char,
    /// enum rtsp_webrtc_gateway_transport.
    pub transport: i32,
    /// Bitwise OR of enum rtsp_webrtc_gateway_pull_flags.
    pub flags: u32,
    /// Time limit for a connection attempt, from TCP to the response to PLAY, in milliseconds: 500
    /// to 300000. 0: 10000.
    pub connect_timeout_ms: u32,
    /// A camera that sends no video for this long is reconnected (ERR_STALLED), in milliseconds:
    /// 500 to 300000. 0: 8000.
    pub idle_timeout_ms: u32,
    /// Delay before the first attempt after a failure, in milliseconds: 100 to 3600000. Each
    /// further delay is twice as long, up to retry_max_ms. Every delay varies randomly by up to 20
    /// %, so that cameras that become reachable together do not connect at the same moment. A
    /// connection that was live for more than 10 s resets the delay. 0: 1000, or retry_max_ms if
    /// that is smaller.
    pub retry_min_ms: u32,
    /// Longest delay between attempts in milliseconds: retry_min_ms to 3600000. 0: 30000, or
    /// retry_min_ms if that is larger.
    pub retry_max_ms: u32,
    /// With PULL_ON_DEMAND: how long the camera stays connected after no session needs it any more,
    /// so that a returning viewer sees video immediately, in milliseconds: 100 to 3600000. 0:
    /// 10000.
    pub linger_ms: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Label of the stream, for people: at most 128 bytes without control characters, otherwise
    /// ERR_INVALID_ARGUMENT. It is returned in events, stream_info and the JSON document. NULL:
    /// none.
    pub label: *const c_char,
    /// Returned in events and stream_info.
    pub user_data: *mut c_void,
    /// rtsps: trust certificates of these authorities only, in PEM. NULL: those that the system
    /// trusts.
    pub tls_ca: *const c_char,
    /// rtsps: trust this certificate only, whatever else it says: its SHA-256, 64 hexadecimal digits,
    /// with or without colons. NULL: see tls_ca.
    pub tls_fingerprint: *const c_char,
}
sized_struct!(
    rtsp_webrtc_gateway_pull_options,
    "rtsp_webrtc_gateway_pull_options"
);

/// The current state of a stream. Counters start at add_stream().
#[repr(C)]
pub struct rtsp_webrtc_gateway_stream_info {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// enum rtsp_webrtc_gateway_stream_state.
    pub state: i32,
    /// Status of the last failure, which is why the stream is not live. RTSP_WEBRTC_GATEWAY_OK
    /// while it is live, and before the first failure.
    pub status: i32,
    /// enum rtsp_webrtc_gateway_codec.
    pub video_codec: i32,
    /// enum rtsp_webrtc_gateway_codec. RTSP_WEBRTC_GATEWAY_CODEC_NONE (0) also after the camera has come
    /// back without audio.
    pub audio_codec: i32,
    /// Width of the video in pixels; 0 while unknown.
    pub width: u32,
    /// Height of the video in pixels; 0 while unknown.
    pub height: u32,
    /// Current number of viewers.
    pub sessions: u32,
    /// Number of times the camera was connected again after having been live, not counting those
    /// from IDLE.
    pub reconnects: u32,
    /// Bytes of media received.
    pub bytes: u64,
    /// RTP packets that the camera sent and that did not arrive.
    pub packets_lost: u64,
    /// Video frames received.
    pub frames: u64,
    /// Keyframes received.
    pub keyframes: u64,
    /// Milliseconds since the last video frame; -1 before the first.
    pub since_last_media_ms: i64,
    /// Error message for status; empty if there is none, truncated if it is longer.
    pub message: [c_char; 256],
    /// Video frames that were not sent to any viewer: those that browsers cannot show (B-frames), those
    /// with missing parts and what depends on them, and pushed ones for which the queue was full.
    pub frames_dropped: u64,
    /// Number of keyframe requests (on_keyframe_request). 0 for a camera.
    pub keyframe_requests: u64,
    /// Video bit rate in bits per second, averaged over a few seconds; 0 while no video arrives.
    pub bitrate_bps: u64,
    /// user_data of the stream's options.
    pub user_data: *mut c_void,
    /// Name of the stream.
    pub name: [c_char; 136],
    /// label of the stream's options. "": none.
    pub label: [c_char; 136],
    /// What the camera gets wrong and is forgiven: names of docs/quirks.md, as in "cseq,
    /// no-transport"; empty if there is nothing, truncated if it is longer. The JSON document has
    /// the numbers.
    pub quirks: [c_char; 256],
    /// What is wrong with the media that arrives, enum rtsp_webrtc_gateway_media_warning.
    pub warning: i32,
    /// The warning in a sentence for people, with what to do; empty if there is none, truncated if it
    /// is longer.
    pub warning_message: [c_char; 252],
}
sized_struct!(
    rtsp_webrtc_gateway_stream_info,
    "rtsp_webrtc_gateway_stream_info"
);

/// Adds a camera. The function returns immediately; the library connects in the background (an
/// on-demand camera when the first offer arrives), and reconnects whenever the connection is lost.
/// on_stream_state reports the progress, and may run before this function returns.
///
/// Parameters: name identifies the stream in WHEP offers and URLs. It must be unique, and consists
/// of 1 to 128 of the characters A-Z a-z 0-9 . _ ~ - "." and ".." are refused, and so are the first
/// words of the listener's own paths: api, assets, dashboard, metrics, player.js, wall.js.
///
/// Errors: ERR_INVALID_ARGUMENT if the name or an option is not valid; ERR_ALREADY_EXISTS if the
/// name is in use; ERR_URL if the URL is not valid; ERR_CREDENTIALS if the user name or password
/// contains control characters.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_add_stream(
    gateway: *mut rtsp_webrtc_gateway,
    name: *const c_char,
    options: *const rtsp_webrtc_gateway_pull_options,
    out_stream: *mut rtsp_webrtc_gateway_stream_id,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
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

/// Replaces the options of a camera, and connects with the new ones in the background. All options
/// are replaced, including label and user_data. There is no function that returns the options of a
/// stream: the host keeps them. The viewers stay connected, and video resumes as after an outage;
/// sound may begin or end with it. If a codec changes to one that a viewer's offer did not have, its
/// session fails with ERR_CAMERA. The name of a stream cannot be changed.
///
/// Errors: as for rtsp_webrtc_gateway_add_stream(), in which case nothing changes; ERR_INVALID_STATE if
/// the stream is a push stream; ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_update_stream(
    gateway: *mut rtsp_webrtc_gateway,
    stream: rtsp_webrtc_gateway_stream_id,
    options: *const rtsp_webrtc_gateway_pull_options,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: options is NULL or a struct of the header, by the conventions.
        let options = unsafe { read_struct(options) }?;
        // SAFETY: its strings are NULL or NUL-terminated, by the conventions.
        let options = unsafe { pull_options(&options) }?;
        gateway.update_stream(StreamId(stream), options)
    })
}

/// Connects to a camera now: skips the delay before the next attempt, or replaces a connection that
/// exists. The viewers stay connected. An on-demand camera without viewers stays IDLE.
///
/// Errors: ERR_INVALID_STATE if the stream is a push stream; ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_reconnect_stream(
    gateway: *mut rtsp_webrtc_gateway,
    stream: rtsp_webrtc_gateway_stream_id,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        gateway.reconnect_stream(StreamId(stream))
    })
}

/// Sets the variants of a stream: streams of this gateway that show the same scene, best first, for
/// example the main stream of a camera and its substream. A viewer of stream whose connection does not
/// carry the best one is shown a lesser one in its place, without a new offer, and the best again when
/// it fits.
///
/// Each variant is an ordinary stream: a camera, on demand or not, or a push stream. One that is on
/// demand (RTSP_WEBRTC_GATEWAY_PULL_ON_DEMAND) is connected while a viewer is shown it or about to be.
/// Sound always comes from stream itself. The viewers remain sessions of stream: they are listed,
/// counted and limited there. The list is for the viewers of stream alone: a variant may have a list of
/// its own, for those of its viewers whose offers named it.
///
/// The list may be set at any time and replaces the one before, also while viewers watch. Viewers that
/// are shown a stream that is no longer in it go on with another. A stream that is removed is a variant
/// of none. The member variants in the JSON document (rtsp_webrtc_gateway_state_json()) has the list.
///
/// Parameters: variants are count streams, best first, at most 8 besides stream itself, which may be
/// anywhere among them; if it is not, it is the best one. Each may be named once. It may be NULL if
/// count is 0, which takes the variants away.
///
/// Errors, after which the list is as before: ERR_INVALID_ARGUMENT if there are too many or one is named
/// twice; ERR_NOT_FOUND if stream or a variant is not a stream of this gateway.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_set_variants(
    gateway: *mut rtsp_webrtc_gateway,
    stream: rtsp_webrtc_gateway_stream_id,
    variants: *const rtsp_webrtc_gateway_stream_id,
    count: usize,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: variants is NULL or has count elements, by the conventions.
        let variants = unsafe { array(variants, count, "variants") }?;
        let variants: Vec<StreamId> = variants.iter().copied().map(StreamId).collect();
        gateway.set_variants(StreamId(stream), &variants)
    })
}

/// Removes a stream and closes its sessions. The function does not wait for that: REMOVED is the
/// last callback for the stream; those of its outputs may come after it (on_output_state). The name
/// can be reused immediately. Offers that wait for the stream fail with ERR_NOT_FOUND.
///
/// Errors: ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_remove_stream(
    gateway: *mut rtsp_webrtc_gateway,
    stream: rtsp_webrtc_gateway_stream_id,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        gateway.remove_stream(StreamId(stream))
    })
}

/// Finds a stream by name.
///
/// Errors: ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_find_stream(
    gateway: *const rtsp_webrtc_gateway,
    name: *const c_char,
    out_stream: *mut rtsp_webrtc_gateway_stream_id,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: name is NULL or NUL-terminated, by the conventions.
        let name = unsafe { required_str(name, "name") }?;
        // SAFETY: out_stream is NULL or writable, by the conventions.
        let out_stream = unsafe { output(out_stream, "out_stream") }?;
        out_stream.write(gateway.find_stream(name)?.0);
        Ok(())
    })
}

/// Copies the name of a stream.
///
/// Works like snprintf(): writes at most capacity bytes, always with a terminating NUL unless capacity
/// is 0, and returns the length of the name without the NUL, which is 1 to 128. buffer may be NULL to
/// query the length. Returns 0 on failure, for example if there is no such stream; buffer then holds an
/// empty string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_stream_name(
    gateway: *const rtsp_webrtc_gateway,
    stream: rtsp_webrtc_gateway_stream_id,
    buffer: *mut c_char,
    capacity: usize,
) -> usize {
    guard(0, || {
        let gateway = gateway_ref(gateway);
        let name = gateway.and_then(|gateway| gateway.stream_name(StreamId(stream)));
        let name = name.unwrap_or_else(|error| {
            remember(&error);
            "".into()
        });
        // SAFETY: buffer is NULL or writable for capacity bytes, by the conventions.
        unsafe { write_text(&name, buffer, capacity) }
    })
}

/// Lists all streams, oldest first.
///
/// Parameters: at most capacity ids are written to streams, which may be NULL if capacity is 0.
/// *out_count receives the number of existing streams, which may be larger than capacity.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_list_streams(
    gateway: *const rtsp_webrtc_gateway,
    streams: *mut rtsp_webrtc_gateway_stream_id,
    capacity: usize,
    out_count: *mut usize,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        let ids = gateway.streams()?.into_iter().map(|id| id.0);
        // SAFETY: streams has room for capacity ids, and out_count is NULL or writable, by the
        // conventions.
        unsafe { write_list(ids, streams, capacity, out_count) }
    })
}

/// Returns the current state of a stream. Initialize *out_info with RTSP_WEBRTC_GATEWAY_INIT()
/// first.
///
/// Asks a worker thread. Errors: ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_get_stream_info(
    gateway: *const rtsp_webrtc_gateway,
    stream: rtsp_webrtc_gateway_stream_id,
    out_info: *mut rtsp_webrtc_gateway_stream_info,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
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
            user_data: ptr::with_exposed_provenance_mut(now.identity.user_data),
            name: [0; 136],
            label: [0; 136],
            quirks: [0; 256],
            warning: now
                .warning
                .as_ref()
                .map_or(0, |warning| warning.kind as i32),
            warning_message: [0; 252],
        };
        fill(&mut info.message, &now.message);
        fill(&mut info.name, &now.identity.name);
        let label = now.identity.label.as_deref();
        fill(&mut info.label, label.unwrap_or_default());
        let quirks: Vec<&str> = now.quirks.iter().map(|(name, _)| *name).collect();
        fill(&mut info.quirks, &quirks.join(", "));
        if let Some(warning) = &now.warning {
            fill(&mut info.warning_message, &warning.message);
        }
        // SAFETY: out_info is NULL or a struct of the header, by the conventions.
        unsafe { write_struct(out_info, info) }
    })
}

/// # Safety
/// The strings of `options` are NULL or NUL-terminated.
unsafe fn pull_options(options: &rtsp_webrtc_gateway_pull_options) -> Result<PullOptions> {
    let no_audio = rtsp_webrtc_gateway_pull_flags::RTSP_WEBRTC_GATEWAY_PULL_NO_AUDIO as u32;
    let on_demand = rtsp_webrtc_gateway_pull_flags::RTSP_WEBRTC_GATEWAY_PULL_ON_DEMAND as u32;
    let metadata = rtsp_webrtc_gateway_pull_flags::RTSP_WEBRTC_GATEWAY_PULL_METADATA as u32;
    let unverified = rtsp_webrtc_gateway_pull_flags::RTSP_WEBRTC_GATEWAY_PULL_TLS_UNVERIFIED as u32;
    unset(options.reserved)?;
    if options.flags & !(no_audio | on_demand | metadata | unverified) != 0 {
        return Err(invalid(format!(
            "flags {:#x} has bits that are not pull flags",
            options.flags
        )));
    }
    let transport = match options.transport {
        0 => Transport::Auto,
        1 => Transport::Tcp,
        2 => Transport::Udp,
        3 => Transport::Multicast,
        4 => Transport::Http,
        other => return Err(invalid(format!("{other} is not a transport"))),
    };
    // SAFETY: this function's contract.
    let (url, username, password, label, tls_ca, tls_fingerprint) = unsafe {
        (
            required_str(options.url, "url")?,
            optional_str(options.username, "username")?,
            optional_str(options.password, "password")?,
            optional_str(options.label, "label")?,
            optional_str(options.tls_ca, "tls_ca")?,
            optional_str(options.tls_fingerprint, "tls_fingerprint")?,
        )
    };
    Ok(PullOptions {
        tls_ca: tls_ca.map(str::to_owned),
        tls_fingerprint: tls_fingerprint.map(str::to_owned),
        tls_unverified: options.flags & unverified != 0,
        url: url.to_owned(),
        username: username.map(str::to_owned),
        password: password.map(str::to_owned),
        transport,
        no_audio: options.flags & no_audio != 0,
        connect_timeout: millis(options.connect_timeout_ms),
        idle_timeout: millis(options.idle_timeout_ms),
        retry_min: millis(options.retry_min_ms),
        retry_max: millis(options.retry_max_ms),
        metadata: options.flags & metadata != 0,
        on_demand: options.flags & on_demand != 0,
        linger: millis(options.linger_ms),
        label: label.map(str::to_owned),
        user_data: options.user_data.expose_provenance(),
    })
}

/// 0 asks for the default.
fn millis(millis: u32) -> Option<Duration> {
    (millis != 0).then(|| Duration::from_millis(u64::from(millis)))
}
