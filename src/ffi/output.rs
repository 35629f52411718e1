//! Outputs: a stream is sent to a media server.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use super::convert::{
    fill, invalid, optional_str, output, read_struct, required_str, sized_struct, unset,
    writable_struct, write_struct,
};
use super::guard::guard_status;
use super::handle::{
    gateway_ref, rtsp_webrtc_gateway, rtsp_webrtc_gateway_output_id,
    rtsp_webrtc_gateway_session_id, rtsp_webrtc_gateway_stream_id,
};
use crate::config::OutputOptions;
use crate::error::Result;
use crate::state::{OutputId, StreamId};

/// States of an output.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of OutputState")]
pub enum rtsp_webrtc_gateway_output_state {
    /// Its stream is not live, or has nothing of what the output sends. Nothing is sent anywhere.
    RTSP_WEBRTC_GATEWAY_OUTPUT_WAITING = 1,
    /// The media server is asked, or being connected to.
    RTSP_WEBRTC_GATEWAY_OUTPUT_CONNECTING = 2,
    /// Media flows.
    RTSP_WEBRTC_GATEWAY_OUTPUT_LIVE = 3,
    /// The attempt failed or the connection was lost. The next attempt follows after a delay: up to 200 ms where media
    /// had flowed, then 1 s, doubling up to 60 s; 1 minute, doubling up to 15, where the server refuses for a reason that
    /// somebody has to change (401, 403, 404, its certificate, a codec); not before the time that its Retry-After asks
    /// for, up to 10 minutes.
    RTSP_WEBRTC_GATEWAY_OUTPUT_RETRYING = 4,
    /// Removed.
    RTSP_WEBRTC_GATEWAY_OUTPUT_REMOVED = 5,
}

/// Flags of rtsp_webrtc_gateway_output_options.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of flags")]
pub enum rtsp_webrtc_gateway_output_flags {
    /// Do not send the video.
    RTSP_WEBRTC_GATEWAY_OUTPUT_NO_VIDEO = 1,
    /// Do not send the audio.
    RTSP_WEBRTC_GATEWAY_OUTPUT_NO_AUDIO = 2,
    /// https: trust any certificate. The connection is encrypted, but anybody may be the server. Not together with
    /// tls_ca or tls_fingerprint.
    RTSP_WEBRTC_GATEWAY_OUTPUT_TLS_UNVERIFIED = 4,
}

/// Options of an output.
#[repr(C)]
pub struct rtsp_webrtc_gateway_output_options {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// The WHIP endpoint of the media server: https://host[:port]/path or http://, at most 4096 bytes. Its path may hold
    /// a key, so it is in no log and in no message; scheme, host and port are. A user and a password in it are sent by
    /// Basic authentication, unless there is a bearer_token. Required.
    pub url: *const c_char,
    /// Sent as "Authorization: Bearer", to the scheme, host and port of url alone: at most 8192 visible ASCII characters.
    /// NULL or "": none. Over http:// anybody on the way can read it: see warning of rtsp_webrtc_gateway_output_info.
    pub bearer_token: *const c_char,
    /// https: trust certificates of these authorities only, in PEM. NULL: those that the system trusts.
    pub tls_ca: *const c_char,
    /// https: trust this certificate only, whatever else it says: its SHA-256, 64 hexadecimal digits, with or without
    /// colons. NULL: see tls_ca.
    pub tls_fingerprint: *const c_char,
    /// Bitwise OR of enum rtsp_webrtc_gateway_output_flags.
    pub flags: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Bits per second that the chosen variant of the stream may need, with sound and headers: see
    /// rtsp_webrtc_gateway_viewer_limits. 0: no limit.
    pub max_bitrate_bps: u64,
    /// Label of the output, for people: at most 128 bytes without control characters, otherwise ERR_INVALID_ARGUMENT. It is
    /// returned in output_info and the JSON document, and is that of the session. NULL: none.
    pub label: *const c_char,
    /// Returned in output_info.
    pub user_data: *mut c_void,
}
sized_struct!(
    rtsp_webrtc_gateway_output_options,
    "rtsp_webrtc_gateway_output_options"
);

/// The current state of an output. Counters start at add_output().
#[repr(C)]
pub struct rtsp_webrtc_gateway_output_info {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// Its stream.
    pub stream: rtsp_webrtc_gateway_stream_id,
    /// The session with the media server, once that has answered: rtsp_webrtc_gateway_get_session_info() says what it is
    /// sent, and what the path carries. 0: none.
    pub session: rtsp_webrtc_gateway_session_id,
    /// enum rtsp_webrtc_gateway_output_state.
    pub state: i32,
    /// Status of the last failure, which is why it is not live. RTSP_WEBRTC_GATEWAY_OK while it is live, and before the
    /// first failure.
    pub status: i32,
    /// Number of attempts.
    pub attempts: u64,
    /// Number of times that media began to flow.
    pub connections: u64,
    /// Milliseconds until the next attempt, while it is RETRYING; -1 otherwise.
    pub retry_in_ms: i64,
    /// user_data of its options.
    pub user_data: *mut c_void,
    /// Error message for status; empty if there is none, truncated if it is longer.
    pub message: [c_char; 256],
    /// Scheme, host and port of the media server, truncated if it is longer.
    pub server: [c_char; 264],
    /// label of its options. "": none.
    pub label: [c_char; 136],
    /// What is wrong with the way to the media server, as a sentence for people: credentials that are sent over http://,
    /// unless that is to this machine. "": nothing.
    pub warning: [c_char; 256],
}
sized_struct!(
    rtsp_webrtc_gateway_output_info,
    "rtsp_webrtc_gateway_output_info"
);

/// Sends a stream, pulled or pushed, to a media server or SFU by WHIP (RFC 9725) from now on. Whenever the stream is live,
/// it is offered; whatever ends the session, a change of the stream's codec included, is followed by another attempt. The
/// function returns immediately; on_output_state, rtsp_webrtc_gateway_get_output_info() and the JSON document say how far
/// it has come.
///
/// The media server is sent what a viewer would be: the codec that the stream has, retransmissions and keyframes on request,
/// paced by what the path carries, and a lesser variant of the stream where that is not enough. Its session is in
/// rtsp_webrtc_gateway_list_sessions(), counts for max_sessions but not for max_sessions_per_stream, and may be closed like
/// others, which is followed by another attempt; on_session_state and on_session_quality are not called for it. A camera
/// that is on demand is connected for an output, and stays so. Each session leaves from a UDP port of its own, which the
/// system chooses on the address of udp_bind (servers that have one port tell sessions apart by that), to the candidates
/// of the server; nothing has to be opened for it. The requests are made on a worker thread, at most 15 s each.
///
/// The output ends with rtsp_webrtc_gateway_remove_output(), with its stream, or with the gateway. The strings of options
/// are copied.
///
/// Errors: ERR_URL if the URL is not valid; ERR_CREDENTIALS if the token, or the user or the password in the URL, contains
/// characters that HTTP cannot carry; ERR_INVALID_ARGUMENT if another option is not valid; ERR_LIMIT if the stream has 8
/// outputs, or the gateway 1024; ERR_UNSUPPORTED if the library was built without HTTP; ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_add_output(
    gateway: *mut rtsp_webrtc_gateway,
    stream: rtsp_webrtc_gateway_stream_id,
    options: *const rtsp_webrtc_gateway_output_options,
    out_output: *mut rtsp_webrtc_gateway_output_id,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: options is NULL or a struct of the header, by the conventions.
        let options = unsafe { read_struct(options) }?;
        // SAFETY: out_output is NULL or writable, by the conventions.
        let out_output = unsafe { output(out_output, "out_output") }?;
        // SAFETY: its strings are NULL or NUL-terminated, by the conventions.
        let options = unsafe { output_options(&options) }?;
        out_output.write(gateway.add_output(StreamId(stream), &options)?.0);
        Ok(())
    })
}

/// Removes an output. Its session ends in the background, and the media server is told (DELETE).
///
/// Errors: ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_remove_output(
    gateway: *mut rtsp_webrtc_gateway,
    output: rtsp_webrtc_gateway_output_id,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        gateway.remove_output(OutputId(output))
    })
}

/// Returns the current state of an output. Never waits, and may be called everywhere.
///
/// Errors: ERR_NOT_FOUND if it was removed, or its stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_get_output_info(
    gateway: *const rtsp_webrtc_gateway,
    output: rtsp_webrtc_gateway_output_id,
    out_info: *mut rtsp_webrtc_gateway_output_info,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: out_info is NULL or a struct of the header, by the conventions.
        unsafe { writable_struct(out_info) }?;
        let now = gateway.output_info(OutputId(output))?;
        let mut info = rtsp_webrtc_gateway_output_info {
            struct_size: 0,
            stream: now.stream.0,
            session: now.session.map_or(0, |session| session.0),
            state: now.state as i32,
            status: now.error.as_ref().map_or(0, |error| error.status().code()),
            attempts: now.attempts,
            connections: now.connections,
            retry_in_ms: now.retry_in.map_or(-1, |time| {
                i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
            }),
            user_data: ptr::with_exposed_provenance_mut(now.user_data),
            message: [0; 256],
            server: [0; 264],
            label: [0; 136],
            warning: [0; 256],
        };
        if let Some(error) = &now.error {
            fill(&mut info.message, error.message());
        }
        fill(&mut info.server, &now.server);
        fill(&mut info.warning, now.warning.unwrap_or_default());
        fill(&mut info.label, now.label.as_deref().unwrap_or_default());
        // SAFETY: out_info is NULL or a struct of the header, by the conventions.
        unsafe { write_struct(out_info, info) }
    })
}

/// # Safety
/// The strings of `options` are NULL or NUL-terminated.
unsafe fn output_options(options: &rtsp_webrtc_gateway_output_options) -> Result<OutputOptions> {
    use rtsp_webrtc_gateway_output_flags as flags;
    const ALL: u32 = 2 * flags::RTSP_WEBRTC_GATEWAY_OUTPUT_TLS_UNVERIFIED as u32 - 1;
    let has = |flag: flags| options.flags & flag as u32 != 0;
    unset(options.reserved)?;
    if options.flags & !ALL != 0 {
        return Err(invalid(format!(
            "flags {:#x} has bits that are not output flags",
            options.flags
        )));
    }
    // SAFETY: this function's contract.
    let (url, token, tls_ca, tls_fingerprint, label) = unsafe {
        (
            required_str(options.url, "url")?,
            optional_str(options.bearer_token, "bearer_token")?,
            optional_str(options.tls_ca, "tls_ca")?,
            optional_str(options.tls_fingerprint, "tls_fingerprint")?,
            optional_str(options.label, "label")?,
        )
    };
    Ok(OutputOptions {
        url: url.to_owned(),
        bearer_token: token.map(str::to_owned),
        tls_ca: tls_ca.map(str::to_owned),
        tls_fingerprint: tls_fingerprint.map(str::to_owned),
        tls_unverified: has(flags::RTSP_WEBRTC_GATEWAY_OUTPUT_TLS_UNVERIFIED),
        video: !has(flags::RTSP_WEBRTC_GATEWAY_OUTPUT_NO_VIDEO),
        audio: !has(flags::RTSP_WEBRTC_GATEWAY_OUTPUT_NO_AUDIO),
        max_bitrate: (options.max_bitrate_bps != 0).then_some(options.max_bitrate_bps),
        label: label.map(str::to_owned),
        user_data: options.user_data.expose_provenance(),
    })
}
