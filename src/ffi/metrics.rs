//! Metrics: everything that is counted.

use std::ffi::{CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::sync::Arc;

use super::convert::output;
use super::guard::{freed_before, guard, guard_status};
use super::handle::{gateway_ref, rtsp_webrtc_gateway};
use super::table::Table;

/// Returns all counters and gauges in the Prometheus text format, version 0.0.4: media received and
/// sent per stream, CPU time per worker and activity, sessions by SRTP profile, losses by cause,
/// and the knobs. Serve it as "text/plain; version=0.0.4".
///
/// Parameters: *out_size receives the length of the text without the terminating NUL; out_size may
/// be NULL.
///
/// Ownership: the caller frees *out_text with rtsp_webrtc_gateway_string_free().
///
/// Asks every worker thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_metrics(
    gateway: *const rtsp_webrtc_gateway,
    out_text: *mut *mut c_char,
    out_size: *mut usize,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: out_text is NULL or writable, by the conventions.
        let out_text = unsafe { output(out_text, "out_text") }?;
        // SAFETY: out_size is NULL or writable, by the conventions.
        unsafe { write_text(gateway.metrics()?, out_text, out_size) };
        Ok(())
    })
}

/// Returns the current state of the gateway as one JSON object (RFC 8259), for a dashboard:
///
/// - "version"; "fips", whether the cryptography is the FIPS module of AWS-LC (a build with the feature fips);
///   "unix_ms", the current time; "uptime_ms" of the gateway
/// - "process": "resident_bytes" and "cpu_us" of the whole process, null if the system does not
///   provide them
/// - "workers": an array of {"index", "busy_us", "load_percent", "refused" (offers, because the worker
///   was too busy), "streams", "sessions", "cost_us": {"rtsp", "packetize", "seal", "send",
///   "control"}}
/// - "counters": {"datagrams_unknown", "datagrams_overrun", "connections_accepted" (for media over TCP, with
///   CONFIG_ICE_TCP or LISTEN_MEDIA), "connections_strange" (those of them that ended before an authentic
///   ICE check had come), "connections_overrun" (datagrams that are no media, dropped because a TCP connection of a
///   viewer or to a TURN server took nothing, and 96 KiB waited, or because another thread was using the one to a TURN
///   server), "relays_allocated" (by TURN, with CONFIG_TURN), "relay_requests_refused" (by wrong
///   credentials, or to relay to others), "sessions_displaced" (they made
///   room for later offers before their viewers had connected), "slot_binds" (slots of walls that were bound to a
///   stream), "slot_refusals" (changes of slots that were refused), "send_errors", "events_dropped",
///   "interface_enumerations", "address_changes" (of the network interfaces), "public_address_changes"
///   (as STUN servers see this host), "allocations" (that TURN servers gave the gateway), "narrow_paths" (viewers on whose paths large datagrams vanished, so
///   that the packets of what they are shown became smaller), "refused_for_memory" (offers, near memory_limit_bytes or the memory limit of the cgroup)}
/// - "stun": an array of {"server", "public", "base", "message"}, one for each of config.stun_servers, or
///   for each of its addresses: where others see this host and its own address behind that ("ADDR:PORT";
///   null if not known), and what is wrong (empty: nothing that is known)
/// - "turn_servers": an array of {"server", "relayed", "message"}, one for each of config.turn_servers: the
///   address that it gives the gateway ("ADDR:PORT"; null if it does not), and what is wrong (empty:
///   nothing that is known)
/// - "tuning": an array of {"name", "value", "default", "min", "max", "applies"}; "applies" is
///   "create", "new_sessions" or "now"
/// - "streams": an array, ordered by id, of {"id", "name", "label", "variants" (ids, best
///   first, its own included; empty if it has none), "source" ("pull" or "push"), "state" (enum
///   rtsp_webrtc_gateway_stream_state in lower case), "status" (rtsp_webrtc_gateway_strerror()
///   of the last failure, or "ok"), "message", "warning" ({"name" (enum
///   rtsp_webrtc_gateway_media_warning in lower case), "message"}, or null), "video_codec",
///   "audio_codec", "width", "height", "bitrate_bps", "sessions", "reconnects", "given_up" (times
///   that the source took more than its share of a worker), "bytes", "frames", "keyframes",
///   "frames_dropped", "packets_lost", "keyframe_requests", "quirks" (names as in
///   stream_info, with numbers), "since_last_media_ms", "outputs" (an array of {"id", "state" (enum
///   rtsp_webrtc_gateway_output_state in lower case), "status", "message", "server", "label", "session",
///   "attempts", "connections", "retry_in_ms"}), "memory_bytes" (of what is kept of its media, on all workers
///   that send it), "cost_us": {"packetize", "seal", "send"}, "latency_us": {"p50", "p95", "max"} (from the arrival of
///   the last packet of a video frame until the frame has been handed to the system for all
///   viewers, over the last 5 to 10 s), "sent": {"bytes", "packets", "nacks", "retransmits",
///   "padding_packets", "padding_bytes", "plis", "overflows", "stills", "skips",
///   "sheds", "switches"}}
/// - "sessions": an array, ordered by id, of {"id", "stream", "stream_name", "state" (enum
///   rtsp_webrtc_gateway_session_state in lower case), "srtp_profile" ("AEAD_AES_128_GCM" or
///   "AES128_CM_HMAC_SHA1_80"), "remote", "protocol" ("udp", "tcp", "turn-udp", "turn-tcp", "turn-tls" or
///   "turn-server"), "peer", "label", "bytes_sent", "packets_sent",
///   "nacks", "retransmits", "padding_packets", "padding_bytes", "plis", "overflows", "stills",
///   "skips", "sheds", "variant" (the stream whose video is shown), "variant_name", "detail" (enum
///   rtsp_webrtc_gateway_detail in lower case), "reason" (enum
///   rtsp_webrtc_gateway_quality_reason in lower case), "held_back", "bandwidth_bps",
///   "needed_bps", "switches", "round_trip_us", "loss_ppm", "age_ms"}
///
/// Some members need explaining:
///
/// - "cost_us": CPU time in microseconds, by activity. "seal" is encryption, "send" the system
///   calls that send; "rtsp" is the cameras' connections, "control" is ICE, DTLS and RTCP. The
///   division between "seal" and "send" is sampled.
/// - "stills": how many times a viewer was shown the last keyframe as a still picture, because the
///   camera's keyframes are so far apart that what followed it is not kept any more.
/// - "skips": how many times frames were skipped until a keyframe because the path to the viewer
///   could not carry them in time (knob congestion).
/// - "sheds": how many times frames were skipped until a keyframe because the worker was seconds late
///   with them: it has more to do than time.
/// - "padding_packets", "padding_bytes": sent to find out whether the path carries more; they count in
///   "packets_sent" and "bytes_sent", or "packets" and "bytes".
/// - "bandwidth_bps": what that path carries, IP and UDP headers included; null until it is
///   measured, and without congestion. Measured up to about 50 Mbit/s.
/// - "needed_bps": what the best variant that the viewer may be shown needs, sound and headers
///   included.
/// - "held_back": a sentence for people that says why the viewer gets less than the best variant
///   with all frames; null if it gets that.
/// - "switches": how many times a viewer was shown something else: {"up" (a better variant), "down"
///   (a worse one), "fewer_frames", "keyframes", "sound_only"}.
///
/// Unknown values are null. Counters start with the object they belong to; compute rates from two
/// readings. Later versions may add members. The text contains no passwords and no keys.
///
/// Parameters: *out_size receives the length of the text without the terminating NUL; out_size may
/// be NULL.
///
/// Ownership: the caller frees *out_json with rtsp_webrtc_gateway_string_free().
///
/// Asks every worker thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_state_json(
    gateway: *const rtsp_webrtc_gateway,
    out_json: *mut *mut c_char,
    out_size: *mut usize,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: out_json is NULL or writable, by the conventions.
        let out_json = unsafe { output(out_json, "out_json") }?;
        // SAFETY: out_size is NULL or writable, by the conventions.
        unsafe { write_text(gateway.state_json()?, out_json, out_size) };
        Ok(())
    })
}

/// Frees a text that the library returned through a `char **`. NULL is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_string_free(text: *mut c_char) {
    guard((), || {
        if !text.is_null() && TEXTS.remove(text.addr()).is_none() {
            freed_before("text");
        }
    })
}

static TEXTS: Table<CString> = Table::new();

/// Hands a text over to C.
///
/// # Safety
/// `out_size` is NULL or writable.
unsafe fn write_text(text: String, out_text: &mut MaybeUninit<*mut c_char>, out_size: *mut usize) {
    // No name or number in it holds a NUL, and JSON escapes it.
    let text = CString::new(text).unwrap_or_default();
    if !out_size.is_null() {
        // SAFETY: not NULL, so writable by this function's contract.
        unsafe { out_size.write(text.as_bytes().len()) };
    }
    let start = text.as_ptr();
    TEXTS.insert(start.addr(), Arc::new(text));
    out_text.write(start.cast_mut());
}
