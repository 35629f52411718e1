//! Session descriptions that break RFC 4566 or RFC 6184. The numbers are those of public reports.

use rtsp_webrtc_gateway::error::Status;
use testkit::camera::{Audio, CameraConfig, Script};

use crate::seen::{Seen, camera, play, play_with, pull_all};

const ORIGIN: &str = "o=- 1 1 IN IP4 0.0.0.0\r\n";
const CONNECTION: &str = "c=IN IP4 0.0.0.0\r\n";

/// A camera whose session description is rewritten.
fn describes<T: Into<Vec<u8>>>(
    name: &str,
    rewrite: impl Fn(&str) -> T + Send + Sync + 'static,
) -> CameraConfig {
    camera(name, Script::new().description(rewrite))
}

/// A camera with `new` in the place of `old`.
fn with(name: &str, old: &'static str, new: &'static str) -> CameraConfig {
    describes(name, move |sdp| {
        assert!(sdp.contains(old), "{old:?} is not in\n{sdp}");
        sdp.replace(old, new)
    })
}

fn replaced(sdp: &str, old: &[u8], new: &[u8]) -> Vec<u8> {
    let at = sdp
        .as_bytes()
        .windows(old.len())
        .position(|bytes| bytes == old);
    let (head, tail) = sdp.as_bytes().split_at(at.expect("what is replaced"));
    [head, new, &tail[old.len()..]].concat()
}

#[test]
fn lines_that_nothing_needs_may_be_wrong_or_missing() {
    play(vec![
        // Uniview: gortsplib 618, mediamtx 5033.
        describes("origin-and-connection-without-address", |sdp| {
            let sdp = sdp.replace(ORIGIN, "o=- 1001 1 IN\r\n");
            sdp.replace(CONNECTION, "c=IN \r\n")
        }),
        // gortsplib 468.
        with(
            "origin-without-address",
            ORIGIN,
            "o=- 1700166548 1700166549 IN IP4\r\n",
        ),
        // Y-CAM: mediamtx 2708.
        with(
            "negative-version",
            ORIGIN,
            "o=- 1234 -5678 IN IP4 127.0.0.1\r\n",
        ),
        // mediamtx 231.
        with(
            "bracket-in-origin",
            ORIGIN,
            "o=[-2208991488 2208991488 IN IP4 10.1.1.1]\r\n",
        ),
        with("no-origin", ORIGIN, ""),
        describes("origin-at-a-late-place", |sdp| {
            sdp.replace(ORIGIN, "")
                .replace(CONNECTION, &(CONNECTION.to_owned() + ORIGIN))
        }),
        // Sony: mediamtx 85.
        with("connection-empty", CONNECTION, "c=\r\n"),
        // Avigilon: gortsplib 501.
        with(
            "connection-of-its-own-kind",
            CONNECTION,
            "c=IN IP4 0.0.0.0\r\nc=SM SM spk0\r\n",
        ),
        // Tuya: go2rtc 2316.
        describes("port-and-connection-of-noise", |sdp| {
            let sdp = sdp.replace("m=video 0", "m=video -1353744643");
            replaced(&sdp, b"0.0.0.0\r\nt=", b"'&\xff\xfe\x01\r\nt=")
        }),
        with("no-time", "t=0 0\r\n", ""),
        with(
            "time-and-bandwidth-of-noise",
            "t=0 0",
            "b=AS:\r\nt=0-0\r\nr=\r\nz=",
        ),
        with(
            "lines-of-its-own",
            "t=0 0",
            "t=0 0\r\nx=vendor\r\nnothing\r\n=\r\na=\r\na=:",
        ),
        describes("name-in-another-alphabet", |sdp| {
            replaced(sdp, b"s=", b"s=\xca\xd3\xc6\xb5")
        }),
    ]);
}

#[test]
fn media_lines_are_enough() {
    play(vec![
        // go2rtc 679, 2245.
        describes(
            "three-lines",
            |_| "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n",
        ),
        describes("no-parameters", |sdp| {
            let lines = sdp.lines().filter(|line| !line.starts_with("a=fmtp"));
            lines
                .map(|line| line.to_owned() + "\r\n")
                .collect::<String>()
        }),
    ]);
}

#[test]
fn line_ends_and_blanks() {
    play(vec![
        describes("lf", |sdp| sdp.replace("\r\n", "\n")),
        describes("cr", |sdp| sdp.replace("\r\n", "\r")),
        describes("no-last-line-end", |sdp| sdp.trim_end().to_owned()),
        describes("nul-at-the-end", |sdp| sdp.to_owned() + "\0"),
        describes("byte-order-mark", |sdp| "\u{feff}".to_owned() + sdp),
        describes("empty-lines", |sdp| {
            "\r\n".to_owned() + &sdp.replace("m=", "\r\nm=") + "\r\n\r\n"
        }),
        describes("indented", |sdp| sdp.replace("\r\na=", "\r\n a=")),
    ]);
}

#[test]
fn media_of_other_kinds() {
    fn more(name: &str, lines: &'static str) -> CameraConfig {
        describes(name, move |sdp| sdp.to_owned() + lines)
    }
    play(vec![
        // go-sdp 5, gortsplib 509.
        more(
            "tp-link",
            "m=application/tp-link 0 RTP/AVP smart/0/25000\r\na=rtpmap:95 tp-link/25000\r\na=control:track3\r\n",
        ),
        more("unknown", "m=vzinfo 0 RTP/AVP 108\r\na=control:info\r\n"),
        // gortsplib 479: the camera's loudspeaker.
        more(
            "loudspeaker",
            "m=audio 0 RTP/AVP 116 97 0\r\na=rtpmap:116 MPEG4-GENERIC/64000\r\na=control:back\r\na=sendonly\r\n",
        ),
        more("nothing-in-it", "m=\r\nm=video\r\nm=video 0 RTP/AVP\r\n"),
        describes("mjpeg-first", |sdp| {
            sdp.replace(
                "m=video",
                "m=video 0 RTP/AVP 26\r\na=control:jpeg\r\nm=video",
            )
        }),
        // gortsplib 65.
        describes("another-payload-type-first", |sdp| {
            let sdp = sdp.replace("RTP/AVP 96", "RTP/AVP 98 96");
            sdp.replace("a=rtpmap:96", "a=rtpmap:98 MP4V-ES/90000\r\na=rtpmap:96")
        }),
        describes("another-protocol", |sdp| {
            sdp.replace("RTP/AVP 96", "RTP/AVP/UDP 96")
        }),
        describes("many-attributes", |sdp| {
            sdp.to_owned() + &format!("a=x-vendor:{}\r\n", "y".repeat(40)).repeat(600)
        }),
    ]);
}

#[test]
fn encodings_are_spelled_in_many_ways() {
    play(vec![
        with("small-letters", "H264/90000", "h264/90000"),
        // moonfire-nvr 213.
        with("blank-at-the-end", "H264/90000", "H264/90000 "),
        with("blank-at-the-start", "a=rtpmap:96", "a=rtpmap: 96"),
        with("channels", "H264/90000", "H264/90000/1"),
    ]);
}

#[test]
fn parameter_sets_of_the_description_may_be_useless() {
    fn sets(name: &str, sets: &'static str) -> CameraConfig {
        describes(name, move |sdp| {
            let (head, tail) = sdp.split_once("sprop-parameter-sets=").unwrap();
            let (_, tail) = tail.split_once("\r\n").unwrap();
            format!("{head}sprop-parameter-sets={sets}\r\n{tail}")
        })
    }
    play(vec![
        sets("empty", ""),
        // VStarcam: retina 42.
        sets("noise", "6QDwBE/LCAAAH0gABdwgAAAA,AAAA"),
        // gortsplib 402.
        sets("no-sps", "AAAAAQ==,aM48gA=="),
        sets("not-base64", "%%%,&&&"),
        // Hikvision: ffmpeg 181.
        sets("no-pps", "Z0IAH5WoPASaEAAAcIAAFfkIQA==,"),
        describes("more-parameters-that-are-none", |sdp| {
            sdp.replace("packetization-mode=1", "; packetization-mode = 1 ;;=;x")
        }),
        with("of-another-payload-type", "a=fmtp:96", "a=fmtp:97"),
    ]);
}

/// The direction is meant as the camera sees it.
#[test]
fn all_tracks_may_be_sent() {
    let script = Script::new().description(|sdp| {
        let video = sdp.replace("m=audio", "a=sendonly\r\nm=audio");
        video + "a=sendonly\r\n"
    });
    let heard = play_with(
        vec![camera("camera", script).audio(Some(Audio::Pcmu))],
        |options| options,
        |seen| seen.plays() && seen.sounds(),
    );
    assert!(heard["camera"].audio.is_some());
}

/// Without SRTP what comes would be noise.
#[test]
fn media_that_is_encrypted_is_refused_with_a_sentence() {
    let key =
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";
    let encrypted = describes("camera", move |sdp| {
        sdp.replace("RTP/AVP", "RTP/SAVP") + key
    });
    let all = pull_all(vec![encrypted], |options| options, Seen::failed);
    let (error, _) = &all["camera"].failures[0];
    assert_eq!(error.status(), Status::Unsupported);
    assert!(error.message().contains("switch SRTP off"), "{error}");
}
