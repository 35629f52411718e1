//! Ties the header to the safe API, and checks what every function must do.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt::Debug;
use std::fs;
use std::mem::{MaybeUninit, offset_of, size_of};
use std::sync::atomic::{AtomicUsize, Ordering};

use log::LevelFilter;

use super::convert::{c_text, fill, read_struct, write_struct};
use super::events::{report_quality, rtsp_webrtc_gateway_quality_event};
use super::guard::{guard, guard_status, with_last_error};
use super::stream::rtsp_webrtc_gateway_pull_options;
use super::user_data::UserData;
use crate::error::{Error, Status};
use crate::events::{Operation, QualityEvent};
use crate::media::Codec;
use crate::sinks::SinkTrack;
use crate::state::{
    Detail, Quality, QualityReason, SessionId, SessionState, StreamId, StreamState, ViewerIdentity,
    WarningKind,
};
use crate::tuning::{Applies, KNOBS, SrtpPolicy};

const HEADER: &str = include_str!(concat!(env!("OUT_DIR"), "/rtsp_webrtc_gateway.h"));

/// Constants of an enum in the header: name without prefix to value and comment.
fn constants(name: &str, prefix: &str) -> BTreeMap<String, (i32, String)> {
    let start = HEADER.find(&format!("typedef enum {name} {{")).unwrap();
    let body = &HEADER[start..start + HEADER[start..].find('}').unwrap()];
    let mut comment = String::new();
    let mut constants = BTreeMap::new();
    for line in body.lines().skip(1).map(str::trim) {
        match line.split_once(" = ") {
            Some((name, value)) if line.starts_with("RTSP_") => {
                let value = value.trim_end_matches(',').parse().unwrap();
                let name = name.strip_prefix(prefix).unwrap_or(name).to_owned();
                assert!(
                    constants
                        .insert(name, (value, std::mem::take(&mut comment)))
                        .is_none()
                );
            }
            _ => comment += &format!("{line} "),
        }
    }
    constants
}

fn numbers(name: &str, prefix: &str) -> BTreeMap<String, i32> {
    let constants = constants(name, prefix).into_iter();
    constants
        .map(|(name, (number, _))| (name, number))
        .collect()
}

/// `InvalidArgument` to `INVALID_ARGUMENT`.
fn upper(variant: impl Debug) -> String {
    let mut name = String::new();
    for c in format!("{variant:?}").chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(c.to_uppercase());
    }
    name
}

#[test]
fn every_status_is_in_the_header_and_no_other() {
    let header = constants("rtsp_webrtc_gateway_status", "RTSP_WEBRTC_GATEWAY_");
    assert_eq!(header.len(), Status::ALL.len());
    for &status in Status::ALL {
        let name = match status {
            Status::Ok => "OK".to_owned(),
            other => format!("ERR_{}", upper(other)),
        };
        let (number, comment) = &header[&name];
        assert_eq!(*number, status.code(), "{name}");
        assert!(
            comment.contains(&format!("HTTP {}.", status.http())),
            "{name}: {comment}"
        );
    }
}

#[test]
fn every_knob_is_in_the_header_and_no_other() {
    let header = numbers(
        "rtsp_webrtc_gateway_tuning_key",
        "RTSP_WEBRTC_GATEWAY_TUNING_",
    );
    let knobs = KNOBS.iter().map(|k| (k.name.to_uppercase(), k.key as i32));
    assert_eq!(header, knobs.collect());
}

/// Variants and numbers of an enum. Does not compile while one is missing.
macro_rules! variants {
    ($type:ident: $($variant:ident)*) => {{
        let _ = |value: $type| match value { $($type::$variant => {})* };
        [$(($type::$variant, $type::$variant as i32)),*]
    }};
}

#[test]
fn the_other_enums_are_those_of_the_safe_api() {
    fn check<const N: usize>(name: &str, prefix: &str, variants: [(impl Debug, i32); N]) {
        let prefix = format!("RTSP_WEBRTC_GATEWAY_{prefix}_");
        let header = numbers(&format!("rtsp_webrtc_gateway_{name}"), &prefix);
        let variants = variants.map(|(variant, number)| (upper(variant), number));
        assert_eq!(header, variants.into(), "{name}");
    }
    check(
        "stream_state",
        "STREAM",
        variants!(StreamState: Connecting Live Retrying Failed Removed Idle),
    );
    check(
        "session_state",
        "SESSION",
        variants!(SessionState: New Connecting Connected Disconnected Failed Closed),
    );
    check(
        "detail",
        "DETAIL",
        variants!(Detail: AllFrames FewerFrames Keyframes SoundOnly),
    );
    check(
        "quality_reason",
        "QUALITY_REASON",
        variants!(QualityReason: Nothing Path Viewer Codec Camera RareKeyframes),
    );
    check(
        "operation",
        "OPERATION",
        variants!(Operation: Watch Update End Monitor),
    );
    check(
        "applies",
        "APPLIES",
        variants!(Applies: Create NewSessions Now),
    );
    check(
        "log_level",
        "LOG",
        variants!(LevelFilter: Off Error Warn Info Debug Trace),
    );
    check(
        "srtp_policy",
        "SRTP",
        variants!(SrtpPolicy: PreferGcm GcmOnly Any),
    );

    check(
        "sink_track",
        "SINK_TRACK",
        variants!(SinkTrack: Video Audio Metadata),
    );

    let mut header = numbers(
        "rtsp_webrtc_gateway_media_warning",
        "RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_",
    );
    assert_eq!(header.remove("NONE"), Some(0));
    let kinds = WarningKind::ALL.map(|kind| (kind.name().to_uppercase(), kind as i32));
    assert_eq!(header, kinds.into());

    let mut header = numbers("rtsp_webrtc_gateway_codec", "RTSP_WEBRTC_GATEWAY_CODEC_");
    assert_eq!(header.remove("NONE"), Some(0));
    // It becomes Opus before it is a track.
    assert_eq!(header.remove("AAC"), Some(68));
    let codecs = variants!(Codec: H264 H265 Av1 Opus Pcmu Pcma G722);
    let codecs = codecs.map(|(codec, number)| (codec.encoding_name().to_uppercase(), number));
    assert_eq!(header, codecs.into());
}

#[test]
fn a_quality_event_has_all_fields() {
    unsafe extern "C" fn callback(
        user_data: *mut c_void,
        event: *const rtsp_webrtc_gateway_quality_event,
    ) {
        let text = |pointer: *const c_char| {
            // SAFETY: not NULL, so a text of the event.
            let text = (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) });
            text.map(|text| text.to_str().unwrap().to_owned())
        };
        // SAFETY: it lives until this returns.
        let event = unsafe { &*event };
        assert_eq!(event.struct_size, size_of_val(event));
        let ids = (event.session, event.stream, event.variant);
        assert_eq!(ids, (1, 2, 3));
        assert_eq!((event.detail, event.reason), (3, 1));
        assert_eq!((event.bandwidth_bps, event.needed_bps), (0, 2_000_000));
        assert_eq!(text(event.stream_name).unwrap(), "door");
        assert_eq!(text(event.held_back).unwrap(), "too thin");
        assert_eq!(
            (text(event.label), text(event.peer)),
            (Some("ann".to_owned()), None)
        );
        assert_eq!(event.session_user_data.addr(), 7);
        // SAFETY: what the test passed.
        unsafe { *user_data.cast::<u32>() += 1 };
    }
    let mut calls = 0_u32;
    let event = QualityEvent {
        session: SessionId(1),
        stream: StreamId(2),
        stream_name: "door".into(),
        quality: Quality {
            variant: StreamId(3),
            detail: Detail::Keyframes,
            reason: QualityReason::Path,
            estimate: None,
            needed: 2_000_000,
        },
        held_back: Some("too thin".to_owned()),
        viewer: ViewerIdentity {
            peer: None,
            label: Some("ann".into()),
            user_data: 7,
        },
    };
    report_quality(callback, (&raw mut calls).cast(), &event);
    assert_eq!(calls, 1);
}

#[test]
fn every_extern_function_is_guarded_and_exported() {
    let mut functions = 0;
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/ffi")).unwrap() {
        let path = file.unwrap().path();
        let source = fs::read_to_string(&path).unwrap();
        if path.ends_with("tests.rs") || path.extension().is_none_or(|e| e != "rs") {
            continue;
        }
        for (at, _) in source.match_indices("extern \"C\" fn rtsp_") {
            let body = &source[at..at + source[at..].find("\n}").unwrap()];
            let name = &body["extern \"C\" fn ".len()..body.find('(').unwrap()];
            let guards = ["", "_status", "_response", "_response_later"];
            let guards = guards.map(|suffix| format!(" guard{suffix}("));
            assert!(
                guards.iter().any(|guard| body.contains(guard.as_str())),
                "{name} lacks guard()"
            );
            let before = source[..at].lines().rev().nth(1).unwrap();
            assert_eq!(before, "#[unsafe(no_mangle)]", "{name}");
            assert!(HEADER.contains(&format!("{name}(")), "{name}");
            functions += 1;
        }
    }
    assert!(functions > 20, "found {functions}");
}

#[test]
fn a_panic_becomes_a_status_and_the_next_call_works() {
    assert_eq!(guard_status(|| panic!("on purpose")), -100);
    with_last_error(|sentence| assert!(sentence.starts_with("a bug in the library")));
    assert_eq!(guard(7, || panic!("on purpose")), 7);
    assert_eq!(guard_status(|| Ok(())), 0);
}

#[test]
fn last_error_is_the_last_failure_of_this_thread() {
    assert_eq!(
        guard_status(|| Err(Error::new(Status::Url, "Ä sentence."))),
        Status::Url.code()
    );
    let elsewhere = std::thread::spawn(|| with_last_error(str::len));
    assert_eq!(elsewhere.join().unwrap(), 0);

    let mut buffer = [c_char::from_ne_bytes([b'x']); 12];
    let mut read = |capacity| {
        // SAFETY: the buffer has 12 bytes.
        let len =
            unsafe { super::status::rtsp_webrtc_gateway_last_error(buffer.as_mut_ptr(), capacity) };
        (len, buffer.map(|c| c.to_ne_bytes()[0]))
    };
    assert_eq!(read(0), (12, *b"xxxxxxxxxxxx"));
    assert_eq!(read(1), (12, *b"\0xxxxxxxxxxx"));
    // Two bytes have room for a half of the character only.
    assert_eq!(read(2), (12, *b"\0\0xxxxxxxxxx"));
    assert_eq!(&read(4).1[..4], "Ä \0".as_bytes());
}

#[test]
fn texts_are_cut_and_cleaned() {
    let mut buffer = [1; 4];
    fill(&mut buffer, "abcdef");
    assert_eq!(buffer.map(|c| c.to_ne_bytes()[0]), *b"abc\0");
    fill(&mut [], "abc");
    assert_eq!(
        c_text("a\0b\r\nc").to_str().unwrap(),
        "a\u{fffd}b\u{fffd}\u{fffd}c"
    );
}

/// pull_options with more fields than this version knows.
#[repr(C)]
struct Newer {
    known: rtsp_webrtc_gateway_pull_options,
    unknown: [usize; 2],
}

fn read_newer(size: usize, unknown: [usize; 2]) -> Result<u32, Status> {
    // SAFETY: zeros are a value of it.
    let mut newer: Newer = unsafe { MaybeUninit::zeroed().assume_init() };
    newer.known.struct_size = size;
    newer.known.linger_ms = 5;
    newer.unknown = unknown;
    // SAFETY: `size` is not more than Newer has where it is accepted at all.
    unsafe { read_struct((&raw const newer).cast()) }
        .map(|options: rtsp_webrtc_gateway_pull_options| options.linger_ms)
        .map_err(|e| e.status())
}

#[test]
fn structs_of_other_versions() {
    let own = size_of::<rtsp_webrtc_gateway_pull_options>();
    assert_eq!(read_newer(own, [0, 0]), Ok(5));
    // Garbage after the caller's struct is not looked at.
    assert_eq!(read_newer(own, [9, 9]), Ok(5));
    // Older: what it lacks is zero.
    let older = offset_of!(rtsp_webrtc_gateway_pull_options, linger_ms);
    assert_eq!(read_newer(older, [0, 0]), Ok(0));
    // Newer: fine if nothing unknown is asked for.
    assert_eq!(read_newer(own + 16, [0, 0]), Ok(5));
    let refused = Err(Status::StructSize);
    assert_eq!(read_newer(own + 16, [0, 1]), refused);
    for size in [0, 1, 7, own + 1, 4096 + 8, usize::MAX] {
        assert_eq!(read_newer(size, [0, 0]), refused);
    }
}

#[test]
fn outputs_are_written_as_far_as_the_caller_has_room() {
    let own = size_of::<rtsp_webrtc_gateway_pull_options>();
    let value = || rtsp_webrtc_gateway_pull_options {
        struct_size: 0,
        url: c"u".as_ptr(),
        username: c"n".as_ptr(),
        password: std::ptr::null(),
        transport: 2,
        flags: 3,
        connect_timeout_ms: 4,
        idle_timeout_ms: 5,
        retry_min_ms: 6,
        retry_max_ms: 7,
        linger_ms: 8,
        reserved: 0,
        label: std::ptr::null(),
        user_data: std::ptr::null_mut(),
        tls_ca: std::ptr::null(),
        tls_fingerprint: std::ptr::null(),
    };
    let mut words = [usize::MAX; 16];
    words[0] = 16;
    // SAFETY: as large as struct_size says.
    unsafe { write_struct(words.as_mut_ptr().cast(), value()) }.unwrap();
    assert_eq!(words[0], 16);
    assert_ne!(words[1], usize::MAX);
    assert_eq!(words[2..], [usize::MAX; 14]);
    words[0] = own + 8;
    // SAFETY: as large as struct_size says.
    unsafe { write_struct(words.as_mut_ptr().cast(), value()) }.unwrap();
    assert_eq!(words[own / size_of::<usize>()], usize::MAX);
}

#[test]
fn user_data_is_freed_exactly_once() {
    unsafe extern "C" fn count(user_data: *mut c_void) {
        // SAFETY: it is the counter below.
        let counter = unsafe { &*user_data.cast::<AtomicUsize>() };
        counter.fetch_add(1, Ordering::Relaxed);
    }
    let freed = AtomicUsize::new(0);
    let data = || UserData::new((&raw const freed).cast_mut().cast(), Some(count));
    let kept = data();
    assert_eq!(freed.load(Ordering::Relaxed), 0);
    drop(kept);
    assert_eq!(freed.load(Ordering::Relaxed), 1);
    let status: c_int = guard_status(|| {
        let _data = data();
        panic!("on purpose")
    });
    assert_eq!(status, Status::Panic.code());
    assert_eq!(freed.load(Ordering::Relaxed), 2);
}
