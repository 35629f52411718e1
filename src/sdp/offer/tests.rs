use std::net::SocketAddr;

use super::section::{MAX_EXTENSIONS, MAX_FEEDBACK};
use super::*;
use crate::media::h264::ParameterSets;
use crate::media::{Codec, TrackInfo};
use crate::sdp::answer::{Allowed, Candidates, LocalTransport, answer, negotiate};

const CHROMIUM: &str = include_str!("../../../tests/fixtures/offers/chromium.sdp");
const FIREFOX: &str = include_str!("../../../tests/fixtures/offers/firefox.sdp");

fn parse(sdp: &str) -> Offer {
    match Offer::parse(sdp.as_bytes()) {
        Ok(offer) => offer,
        Err(error) => panic!("{error}"),
    }
}

fn refused(sdp: &[u8]) -> Error {
    Offer::parse(sdp).err().expect("refused")
}

fn without(sdp: &str, start: &str) -> String {
    let lines = sdp.lines().filter(|line| !line.starts_with(start));
    lines.map(|line| format!("{line}\r\n")).collect()
}

#[test]
fn a_chromium_offer_is_read() {
    for sdp in [CHROMIUM.to_owned(), CHROMIUM.replace('\n', "\r\n")] {
        let offer = parse(&sdp);
        assert_eq!(offer.bundle, ["0", "1"]);
        assert_eq!(offer.ice.ufrag, "X259");
        assert_eq!(offer.ice.pwd, "MrPFArhjsbuAlSQCBX/aPpRE");
        let [fingerprint] = offer.fingerprints.as_slice() else {
            panic!()
        };
        assert_eq!(fingerprint.algorithm, "sha-256");
        assert_eq!(fingerprint.hash.len(), 32);
        assert_eq!(fingerprint.hash[..3], [0x78, 0x8e, 0xf0]);

        let [video, audio] = offer.sections.as_slice() else {
            panic!()
        };
        assert_eq!(video.wanted, Some(MediaKind::Video));
        assert_eq!(video.protocol, "UDP/TLS/RTP/SAVPF");
        assert_eq!(video.formats.len(), 34);
        assert_eq!(video.codecs.len(), 34);
        assert!(video.reduced_size_rtcp);
        let h264 = video.codecs.iter().find(|c| c.payload_type == 102).unwrap();
        assert_eq!((h264.name.as_str(), h264.clock_rate), ("H264", 90_000));
        assert_eq!(
            h264.fmtp,
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"
        );
        assert_eq!(h264.feedback[2..], ["ccm fir", "nack", "nack pli"]);
        assert_eq!(video.extensions.len(), 11);
        assert_eq!(video.extensions[4].id, 5);
        assert!(!video.extensions[4].receive_only);

        assert_eq!(audio.wanted, Some(MediaKind::Audio));
        assert_eq!(audio.codecs[0].name, "OPUS");
        assert_eq!(audio.codecs[0].channels, 2);
    }
}

#[test]
fn a_firefox_offer_is_read() {
    let offer = parse(FIREFOX);
    assert_eq!(offer.ice.ufrag, "7c41be0d");
    assert_eq!(offer.fingerprints.len(), 1);
    let video = &offer.sections[0];
    let playout_delay = video.extensions.iter().find(|e| e.id == 6).unwrap();
    assert!(playout_delay.receive_only);
    let h264 = video.codecs.iter().filter(|codec| codec.name == "H264");
    assert_eq!(h264.count(), 4);
}

/// The session-level form of what is in each section, and the other way round.
#[test]
fn attributes_of_the_session_count_for_sections_without_their_own() {
    let mut sdp = without(CHROMIUM, "a=fingerprint");
    for start in ["a=ice-ufrag", "a=ice-pwd", "a=setup"] {
        sdp = without(&sdp, start);
    }
    let hash = ["AB"; 32].join(":");
    let session = format!(
        "a=fingerprint:SHA-256 {hash}\r\na=ice-ufrag:sess\r\na=ice-pwd:{}\r\na=setup:active\r\n\
         a=group",
        "s".repeat(22)
    );
    let offer = parse(&sdp.replacen("a=group", &session, 1));
    assert_eq!(offer.ice.ufrag, "sess");
    assert_eq!(offer.fingerprints[0].algorithm, "sha-256");
    assert_eq!(offer.fingerprints[0].hash, [0xab; 32]);

    // A section's own go before the session's.
    let both = CHROMIUM.replacen("a=group", &session, 1);
    let offer = parse(&both);
    assert_eq!(offer.ice.ufrag, "X259");
    assert_eq!(offer.fingerprints.len(), 1);
    assert_eq!(offer.fingerprints[0].hash[0], 0x78);
}

#[test]
fn a_section_that_waits_for_its_bundle_is_wanted() {
    let at = CHROMIUM.find("m=audio").unwrap();
    let (video, audio) = CHROMIUM.split_at(at);
    let mut audio = audio.replacen("m=audio 9", "m=audio 0", 1);
    let switched_off = parse(&format!("{video}{audio}"));
    assert_eq!(switched_off.sections[1].wanted, None);

    for start in ["a=ice-", "a=fingerprint", "a=setup", "a=rtcp-mux"] {
        audio = without(&audio, start);
    }
    let offer = parse(&format!("{video}{audio}a=bundle-only\r\n"));
    assert_eq!(offer.sections[1].wanted, Some(MediaKind::Audio));
    assert_eq!(offer.fingerprints.len(), 1);
}

#[test]
fn directions_of_section_and_session() {
    for (line, wanted) in [
        ("a=recvonly", true),
        ("a=sendrecv", true),
        ("a=sendonly", false),
        ("a=inactive", false),
        ("a=ptime:20", true),
    ] {
        let offer = parse(&CHROMIUM.replace("a=recvonly", line));
        assert_eq!(offer.sections[0].wanted.is_some(), wanted, "{line}");
        let sdp = without(CHROMIUM, "a=recvonly");
        let offer = parse(&sdp.replacen("a=group", &format!("{line}\r\na=group"), 1));
        assert_eq!(offer.sections[0].wanted.is_some(), wanted, "session {line}");
    }
}

#[test]
fn codecs_are_read_as_the_lines_have_them() {
    let sdp = format!(
        "{}m=audio 9 UDP/TLS/RTP/SAVPF 8 8 96 97 98 200 x\r\n\
         a=rtcp-mux\r\n\
         a=rtcp-fb:* nack\r\n\
         a=rtcp-fb:97 nack\r\n\
         a=rtcp-fb:97 nack pli\r\n\
         a=rtpmap:97 pcmu/8000/1\r\n\
         a=rtpmap:98 b\u{e4}d/8000\r\n\
         a=rtpmap:99 unlisted/8000\r\n\
         a=rtpmap:200 big/8000\r\n\
         a=fmtp:97\r\n\
         a=fmtp:97  a=1 \r\n\
         a=extmap:0 zero\r\n\
         a=extmap:3/sendonly not-ours\r\n\
         a=extmap:4/recvonly uri attributes\r\n\
         a=extmap:5\r\n",
        CHROMIUM.replace("a=setup", "a=ptime:20\r\na=setup")
    );
    let offer = parse(&sdp);
    let section = &offer.sections[2];
    let codec = |payload_type, name: &str, fmtp: &str, feedback: &[&str]| OfferedCodec {
        payload_type,
        name: name.into(),
        clock_rate: 8000,
        channels: 1,
        fmtp: fmtp.into(),
        feedback: feedback.iter().map(|&value| value.into()).collect(),
    };
    assert_eq!(
        section.codecs,
        [
            codec(8, "PCMA", "", &["nack"]),
            codec(97, "PCMU", "a=1", &["nack", "nack pli"]),
        ]
    );
    assert_eq!(
        section.extensions,
        [OfferedExtension {
            id: 4,
            uri: "uri".into(),
            receive_only: true,
        }]
    );
}

#[test]
fn bad_offers_have_their_status_and_sentence() {
    let start = CHROMIUM.find("m=video").unwrap();
    let session = &CHROMIUM[..start];
    let replace = |from: &str, to: &str| {
        assert!(CHROMIUM.contains(from), "{from}");
        CHROMIUM.replace(from, to).into_bytes()
    };
    let cases: Vec<(Vec<u8>, Status, &str)> = vec![
        (b"".to_vec(), Status::Sdp, "is empty"),
        (b" \r\n\r\n".to_vec(), Status::Sdp, "is empty"),
        (
            vec![b'a'; MAX_OFFER + 1],
            Status::TooLarge,
            "has 131073 bytes",
        ),
        (b"v=0\r\no=\xff\xfe".to_vec(), Status::Sdp, "line 2"),
        (
            br#"{"type":"offer","sdp":"v=0"}"#.to_vec(),
            Status::Sdp,
            "line 1",
        ),
        (b"<html>\n</html>".to_vec(), Status::Sdp, "line 1"),
        (b"v=0\r\no=- 1\r\n".to_vec(), Status::Sdp, "line 2"),
        (b"v=1\r\n".to_vec(), Status::Sdp, "line 1"),
        (b"v=0\r\ns=-\r\n".to_vec(), Status::Sdp, "line 2"),
        (b"v=0\r\n".to_vec(), Status::Sdp, "ends too early"),
        (b"v=0".to_vec(), Status::Sdp, "ends too early, after line 1"),
        (
            CHROMIUM.as_bytes()[..30].to_vec(),
            Status::Sdp,
            "line 2 of the offer",
        ),
        (replace("s=-\n", "s=-\n\u{1}=x\n"), Status::Sdp, "line 4"),
        (replace("a=mid:0", "a=mid:0\rx"), Status::Sdp, "not SDP"),
        (replace("m=video 9", "m=video x"), Status::Sdp, "line 8"),
        (replace("m=video", "m=cinema"), Status::Sdp, "line 8"),
        (session.into(), Status::Sdp, "no media section"),
        (
            replace(" 9 UDP", " 0 UDP"),
            Status::Sdp,
            "every media section",
        ),
        (
            without(CHROMIUM, "a=fingerprint").into(),
            Status::Fingerprint,
            "no a=fingerprint",
        ),
        (replace("sha-256", "sha-1"), Status::Fingerprint, "SHA-256"),
        (replace("78:8E", "7:8E"), Status::Fingerprint, "SHA-256"),
        (replace("78:8E", "+8:8E"), Status::Fingerprint, "SHA-256"),
        (replace("78:8E:", ""), Status::Fingerprint, "SHA-256"),
        (
            without(CHROMIUM, "a=ice-").into(),
            Status::IceCredentials,
            "neither",
        ),
        (
            without(CHROMIUM, "a=ice-pwd").into(),
            Status::IceCredentials,
            "no a=ice-pwd",
        ),
        (
            without(CHROMIUM, "a=ice-ufrag").into(),
            Status::IceCredentials,
            "no a=ice-ufrag",
        ),
        (replace("X259", "X25"), Status::IceCredentials, "ufrag"),
        (
            replace("X259", &"u".repeat(257)),
            Status::IceCredentials,
            "ufrag",
        ),
        (replace("X259", "X2 9"), Status::IceCredentials, "ufrag"),
        (
            replace("/aPpRE", "/aP"),
            Status::IceCredentials,
            "ice-pwd that is not",
        ),
        (
            replace("/aPpRE", &"p".repeat(300)),
            Status::IceCredentials,
            "ice-pwd that is not",
        ),
        (replace("/aPpRE", ":aPpRE"), Status::IceCredentials, "pwd"),
        (
            CHROMIUM
                .replacen("X259", "Y259", 1)
                .replace("BUNDLE", "LS")
                .into(),
            Status::Sdp,
            "max-bundle",
        ),
        (replace("actpass", "passive"), Status::Sdp, "setup:actpass"),
        (
            replace("actpass", "holdconn"),
            Status::Sdp,
            "a=setup of the offer must",
        ),
        (
            without(CHROMIUM, "a=rtcp-mux").into(),
            Status::Sdp,
            "a=rtcp-mux",
        ),
        (
            replace("a=group", "a=ice-lite\na=group"),
            Status::Sdp,
            "ice-lite",
        ),
        (replace("a=mid:1", "a=mid:0"), Status::Sdp, "same a=mid"),
        (replace("a=mid:1", "a=mid:a b"), Status::Sdp, "token"),
        (
            replace("a=mid:1", &format!("a=mid:{}", "m".repeat(65))),
            Status::Sdp,
            "token",
        ),
        (
            format!("{CHROMIUM}{}", "m=audio 9 UDP/TLS/RTP/SAVPF 0\n".repeat(15)).into(),
            Status::TooLarge,
            "16 media sections",
        ),
        (
            format!("{CHROMIUM}{}", "a=x\n".repeat(4096)).into(),
            Status::TooLarge,
            "line 4097",
        ),
        (
            format!("{CHROMIUM}a=x:{}", "x".repeat(4096)).into(),
            Status::TooLarge,
            "line 202",
        ),
        (
            format!(
                "{CHROMIUM}m=audio 9 UDP/TLS/RTP/SAVPF{}\na=rtcp-mux\n",
                " 0".repeat(129)
            )
            .into(),
            Status::TooLarge,
            "more than 128 formats",
        ),
        (
            format!(
                "{CHROMIUM}m=audio 9 UDP/TLS/RTP/SAVPF {}\na=rtcp-mux\n",
                "0".repeat(65)
            )
            .into(),
            Status::TooLarge,
            "more than 64 characters",
        ),
        (
            format!("{CHROMIUM}a=fmtp:96 {}\n", "a=;".repeat(400)).into(),
            Status::TooLarge,
            "more than 1024 bytes",
        ),
    ];
    for (sdp, status, words) in cases {
        let error = refused(&sdp);
        let sdp = String::from_utf8_lossy(&sdp[..sdp.len().min(60)]).into_owned();
        assert_eq!(error.status(), status, "{sdp}: {error}");
        assert!(error.message().contains(words), "{sdp}: {error}");
        assert!(error.message().len() < 300, "{error}");
    }
}

#[test]
fn what_is_offered_too_often_is_bounded() {
    let mut sdp = CHROMIUM.to_owned();
    sdp.push_str("m=audio 9 UDP/TLS/RTP/SAVPF 0");
    for i in 0..127 {
        sdp.push_str(&format!(" {i}"));
    }
    sdp.push_str("\na=rtcp-mux\n");
    for i in 0..700 {
        sdp.push_str(&format!("a=rtcp-fb:* {i}\na=extmap:9 u{i}\n"));
    }
    let hash = |i: usize| {
        format!(
            "a=fingerprint:sha-256 {}\n",
            [format!("{i:02x}").as_str(); 32].join(":")
        )
    };
    sdp.extend((0..200).map(hash));
    let offer = parse(&sdp);
    let section = &offer.sections[2];
    assert_eq!(section.codecs.len(), 2);
    assert_eq!(section.codecs[0].feedback.len(), MAX_FEEDBACK);
    assert_eq!(section.extensions.len(), MAX_EXTENSIONS);
    assert_eq!(offer.fingerprints.len(), MAX_FINGERPRINTS);
}

/// Whatever is done to an offer: it is refused with one of the documented statuses, or answered
/// with SDP that parses and repeats no line of the offer that could break it.
#[test]
fn mutated_offers_do_no_harm() {
    let mut random = fastrand::Rng::with_seed(11);
    let mut number = |below: usize| random.usize(..below.max(1));
    let (mut accepted, mut rejected) = (0, 0);
    for round in 0..4000 {
        let fixture = [CHROMIUM, FIREFOX][round % 2];
        let mut lines: Vec<Vec<u8>> = fixture.lines().map(|line| line.into()).collect();
        for _ in 0..1 + number(4) {
            let at = number(lines.len());
            let other = number(lines.len());
            match number(8) {
                0 => drop(lines.remove(at)),
                1 => lines.swap(at, other),
                2 => {
                    let line = lines[at].clone();
                    lines.insert(other, line);
                }
                3 => {
                    let cut = number(lines[at].len());
                    lines[at].truncate(cut);
                }
                4 => {
                    let cut = number(lines[at].len());
                    let from = number(lines[other].len());
                    let tail = lines[other].split_off(from);
                    lines[at].truncate(cut);
                    lines[at].extend_from_slice(&tail);
                }
                5 => {
                    let place = number(lines[at].len());
                    if let Some(byte) = lines[at].get_mut(place) {
                        *byte = b" :=/;0a-+\r\x00\xff\xc3"[number(13)];
                    }
                }
                6 => {
                    let value = ["", "4294967296", "-1", "0", "65536 0", "a=b", "\u{2028}"];
                    lines[at].extend_from_slice(value[number(7)].as_bytes());
                }
                _ => lines.truncate(at + 1),
            }
            if lines.is_empty() {
                break;
            }
        }
        let sdp = lines.join(&b"\n"[..]);
        match Offer::parse(&sdp) {
            Ok(offer) => {
                accepted += 1;
                check_answer(&offer);
            }
            Err(error) => {
                rejected += 1;
                let documented = [
                    Status::Sdp,
                    Status::TooLarge,
                    Status::Fingerprint,
                    Status::IceCredentials,
                ];
                assert!(documented.contains(&error.status()), "{error}");
                assert!(!error.message().is_empty() && error.message().len() < 300);
            }
        }
    }
    assert!(accepted > 500 && rejected > 500, "{accepted} {rejected}");
}

#[test]
fn truncated_offers_do_no_harm() {
    for fixture in [CHROMIUM, FIREFOX] {
        for len in (0..fixture.len()).step_by(11) {
            if let Ok(offer) = Offer::parse(&fixture.as_bytes()[..len]) {
                check_answer(&offer);
            }
        }
    }
}

fn check_answer(offer: &Offer) {
    let video = TrackInfo::video(ParameterSets {
        sps: bytes::Bytes::from_static(&[0x67, 0x64, 0x00, 0x33, 0xac]).into(),
        pps: bytes::Bytes::from_static(&[0x68, 0xee]).into(),
    });
    let audio = TrackInfo::audio(Codec::Pcmu);
    let mut numbers = 1..;
    let mut random = || Ok(numbers.next().unwrap());
    let allowed = Allowed {
        nack: true,
        transport_cc: true,
        dtls_in_stun: true,
    };
    let negotiated = match negotiate(offer, &[Some(&video)], Some(&audio), allowed, &mut random) {
        Ok(negotiated) => negotiated,
        Err(error) => {
            assert_eq!(error.status(), Status::Codec);
            assert!(error.message().len() < 1200);
            return;
        }
    };
    let transport = LocalTransport {
        ice: &offer.ice,
        fingerprint: "00",
        candidates: Candidates {
            hosts: &[SocketAddr::from(([127, 0, 0, 1], 9))],
            ..Candidates::default()
        },
    };
    let text = answer(offer, &negotiated, &transport);
    let parsed = SessionDescription::unmarshal(&mut Cursor::new(&text));
    let parsed = parsed.unwrap_or_else(|error| panic!("{error}:\n{text}"));
    assert_eq!(parsed.media_descriptions.len(), offer.sections.len());
    let control = |line: &str| line.chars().any(char::is_control);
    assert!(!text.lines().any(control), "{text:?}");
    assert_eq!(text.matches("a=end-of-candidates").count(), 1);
}
