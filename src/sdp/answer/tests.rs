use std::io::Cursor;

use bytes::Bytes;
use rtc::sdp::SessionDescription;
use rtc::sdp::description::media::MediaDescription;

use super::*;
use crate::media::h264::ParameterSets;
use crate::media::testing::{av1_sequence, h265_sets};
use fastrand::Rng;

const CHROMIUM: &str = include_str!("../../../tests/fixtures/offers/chromium.sdp");
const FIREFOX: &str = include_str!("../../../tests/fixtures/offers/firefox.sdp");

fn offer(sdp: &str) -> Offer {
    match Offer::parse(sdp.as_bytes()) {
        Ok(offer) => offer,
        Err(error) => panic!("{error}"),
    }
}

pub(super) fn camera(profile_level_id: [u8; 3]) -> TrackInfo {
    let [idc, constraints, level] = profile_level_id;
    TrackInfo::video(ParameterSets {
        sps: Bytes::copy_from_slice(&[0x67, idc, constraints, level, 0xac]).into(),
        pps: Bytes::from_static(&[0x68, 0xee, 0x3c, 0x80]).into(),
    })
}

const MAIN: [u8; 3] = [0x4d, 0x00, 0x28];

/// Payload types 0, 1, ... of one codec with these parameters.
pub(super) fn offered(name: &str, clock_rate: u32, fmtps: &[&str]) -> Vec<OfferedCodec> {
    let codec = |(payload_type, fmtp): (u8, &&str)| OfferedCodec {
        payload_type,
        name: name.to_owned(),
        clock_rate,
        channels: 1,
        fmtp: (*fmtp).to_owned(),
        feedback: Vec::new(),
    };
    (0..).zip(fmtps).map(codec).collect()
}

/// A section with payload types 0, 1, ... of one video codec with these parameters.
pub(super) fn offered_by(name: &str, fmtps: &[&str]) -> OfferedSection {
    OfferedSection {
        codecs: offered(name, 90_000, fmtps),
        ..offer(CHROMIUM).sections.swap_remove(0)
    }
}

/// Random numbers; the same ones for the same seed.
pub(super) fn random(seed: u64) -> impl FnMut() -> Result<u64> {
    let mut random = Rng::with_seed(seed);
    move || Ok(random.u64(..))
}

pub(super) fn allowed(nack: bool) -> Allowed {
    Allowed {
        nack,
        transport_cc: true,
        dtls_in_stun: true,
    }
}

fn negotiated(sdp: &str, audio: Option<Codec>, nack: bool) -> Negotiated {
    let audio = audio.map(TrackInfo::audio);
    negotiate(
        &offer(sdp),
        &[Some(&camera(MAIN))],
        audio.as_ref(),
        allowed(nack),
        &mut random(7),
    )
    .unwrap()
}

/// The track of this kind.
fn track_of(negotiated: &Negotiated, kind: MediaKind) -> Option<&NegotiatedTrack> {
    let mut tracks = negotiated.tracks.iter();
    tracks.find(|track| track.kind() == kind)
}

fn picture(negotiated: &Negotiated) -> &NegotiatedTrack {
    track_of(negotiated, MediaKind::Video).unwrap()
}

fn sound(negotiated: &Negotiated) -> Option<&NegotiatedTrack> {
    track_of(negotiated, MediaKind::Audio)
}

const FINGERPRINT: &str = "0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9:\
                           0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9";

fn written(sdp: &str, negotiated: &Negotiated) -> String {
    transport(|transport| answer(&offer(sdp), negotiated, transport))
}

/// Our side of the transport.
pub(super) fn transport(write: impl FnOnce(&LocalTransport<'_>) -> String) -> String {
    let ice = IceCredentials {
        ufrag: "w0s1abcd".into(),
        pwd: "abcdefghijklmnopqrstuv".into(),
    };
    let transport = LocalTransport {
        ice: &ice,
        fingerprint: FINGERPRINT,
        candidates: Candidates {
            hosts: &[
                "192.0.2.7:8189".parse().unwrap(),
                "[2001:db8::7]:8189".parse().unwrap(),
                "192.0.2.7:8190".parse().unwrap(),
            ],
            tcp: &[
                "192.0.2.7:8189".parse().unwrap(),
                "[2001:db8::7]:8189".parse().unwrap(),
            ],
            ..Candidates::default()
        },
    };
    write(&transport)
}

pub(super) fn parsed(sdp: &str) -> SessionDescription {
    SessionDescription::unmarshal(&mut Cursor::new(sdp)).unwrap()
}

pub(super) fn values<'a>(media: &'a MediaDescription, key: &str) -> Vec<&'a str> {
    let with_key = media.attributes.iter().filter(|a| a.key == key);
    with_key
        .map(|a| a.value.as_deref().unwrap_or_default())
        .collect()
}

fn further(codec: Codec, payload_type: u8, fmtp: &str) -> Format {
    Format {
        codec,
        payload_type,
        fmtp: fmtp.into(),
        rtx: None,
    }
}

fn rtx(payload_type: u8, ssrc: u32) -> Retransmission {
    Retransmission::Rtx { payload_type, ssrc }
}

fn rtx_payload_type(track: &NegotiatedTrack) -> Option<u8> {
    match track.retransmission {
        Retransmission::Rtx { payload_type, .. } => Some(payload_type),
        Retransmission::Off | Retransmission::SameStream => None,
    }
}

/// Pages that add a line to Chromium's offer get NACK for audio.
#[test]
fn audio_is_sent_again_if_that_is_offered() {
    let nack = CHROMIUM.replace(
        "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack",
    );
    let without_rtx = negotiated(&nack, Some(Codec::Opus), true);
    let audio = sound(&without_rtx).unwrap();
    assert_eq!(audio.retransmission, Retransmission::SameStream);
    let answer = parsed(&written(&nack, &without_rtx));
    assert_eq!(
        values(&answer.media_descriptions[1], "rtcp-fb"),
        ["111 nack"]
    );

    // Retransmissions of two channels say that they have two.
    let with_rtx = nack
        .replace("a=rtpmap:63 red/48000/2", "a=rtpmap:63 rtx/48000/2")
        .replace("a=fmtp:63 111/111", "a=fmtp:63 apt=111");
    let negotiated = negotiated(&with_rtx, Some(Codec::Opus), true);
    let audio = sound(&negotiated).unwrap();
    assert_eq!(rtx_payload_type(audio), Some(63));
    let answer = parsed(&written(&with_rtx, &negotiated));
    let audio = &answer.media_descriptions[1];
    assert_eq!(
        values(audio, "rtpmap"),
        ["111 opus/48000/2", "63 rtx/48000/2"]
    );
    assert_eq!(values(audio, "ssrc-group").len(), 1);
}

#[test]
fn dtls_in_stun_is_agreed_on_by_all_names_that_are_offered() {
    let options = |offered: &str, allow: bool| {
        let sdp = CHROMIUM.replace("a=ice-options:trickle", offered);
        let allowed = Allowed {
            dtls_in_stun: allow,
            ..allowed(true)
        };
        let videos = [Some(&camera(MAIN))];
        let negotiated = negotiate(&offer(&sdp), &videos, None, allowed, &mut random(7)).unwrap();
        let answer = written(&sdp, &negotiated);
        let mut lines = answer
            .lines()
            .filter_map(|line| line.strip_prefix("a=ice-options:"));
        lines.next().unwrap().to_owned()
    };
    let chromium = "a=ice-options:trickle googspedv1";
    assert_eq!(options(chromium, true), "trickle ice2 googspedv1");
    assert_eq!(options(chromium, false), "trickle ice2");
    let all = "a=ice-options:goog-sped-v1 x googspedv1\r\na=ice-options:sped trickle";
    assert_eq!(
        options(all, true),
        "trickle ice2 sped googspedv1 goog-sped-v1"
    );
    for none in [
        "a=ice-options:trickle",
        "a=ice-options:googspedv2",
        "a=ice-options:",
    ] {
        assert_eq!(options(none, true), "trickle ice2", "{none}");
    }
}

#[test]
fn dtls_in_stun_is_not_used_where_the_offer_is_ours() {
    let (video, mut random) = (camera(MAIN), random(7));
    let mut countered = None;
    let sdp = transport(|transport| {
        let videos = [Some(&video)];
        let (sdp, ours) = counter_offer(
            &videos,
            None,
            allowed(true),
            &mut random,
            transport,
            "no codec",
        )
        .unwrap();
        countered = Some(ours);
        sdp
    });
    assert!(!sdp.contains("sped"), "{sdp}");
    let answer = CHROMIUM.replace("a=ice-options:trickle", "a=ice-options:trickle googspedv1");
    let mut negotiated = negotiated(&answer, None, true);
    assert_eq!(negotiated.dtls_in_stun, ["googspedv1"]);
    countered.unwrap().rename(&mut negotiated);
    assert!(negotiated.dtls_in_stun.is_empty());
}

#[test]
fn chromium_gets_main_on_its_payload_type_with_rtx_and_sound() {
    let mut negotiated = negotiated(CHROMIUM, Some(Codec::Pcma), true);
    negotiated.id = 12_345;
    let [video, audio] = negotiated.tracks.as_mut_slice() else {
        panic!()
    };
    video.ssrc = 1001;
    video.retransmission = rtx(117, 1002);
    audio.ssrc = 1003;
    assert_eq!(
        negotiated,
        Negotiated {
            id: 12_345,
            tracks: vec![
                NegotiatedTrack {
                    codec: Codec::H264,
                    further: Vec::new(),
                    section: 0,
                    mid: "0".into(),
                    payload_type: 116,
                    fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d0028"
                        .into(),
                    retransmission: rtx(117, 1002),
                    playout_delay_id: Some(5),
                    transport_cc_id: Some(4),
                    ssrc: 1001,
                },
                NegotiatedTrack {
                    codec: Codec::Pcma,
                    further: vec![
                        further(Codec::Opus, 111, "minptime=10;useinbandfec=1"),
                        further(Codec::G722, 9, ""),
                        further(Codec::Pcmu, 0, ""),
                    ],
                    section: 1,
                    mid: "1".into(),
                    payload_type: 8,
                    fmtp: String::new(),
                    retransmission: Retransmission::Off,
                    playout_delay_id: None,
                    transport_cc_id: None,
                    ssrc: 1003,
                },
            ],
            data: None,
            silent: Vec::new(),
            dtls_in_stun: Vec::new(),
        }
    );
    let expected = format!(
        "v=0\r\n\
         o=- 12345 1 IN IP4 0.0.0.0\r\n\
         s=-\r\n\
         t=0 0\r\n\
         a=group:BUNDLE 0 1\r\n\
         a=ice-lite\r\n\
         a=ice-options:trickle ice2\r\n\
         a=msid-semantic: WMS camera\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 116 117\r\n\
         c=IN IP4 0.0.0.0\r\n\
         a=mid:0\r\n\
         a=sendonly\r\n\
         a=rtcp-mux\r\n\
         a=rtcp-rsize\r\n\
         a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n\
         a=extmap:4 {TRANSPORT_CC}\r\n\
         a=rtpmap:116 H264/90000\r\n\
         a=fmtp:116 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d0028\r\n\
         a=rtcp-fb:116 ccm fir\r\n\
         a=rtcp-fb:116 nack\r\n\
         a=rtcp-fb:116 nack pli\r\n\
         a=rtcp-fb:116 transport-cc\r\n\
         a=rtpmap:117 rtx/90000\r\n\
         a=fmtp:117 apt=116\r\n\
         a=msid:camera video\r\n\
         a=ssrc-group:FID 1001 1002\r\n\
         a=ssrc:1001 cname:0000000000003039\r\n\
         a=ssrc:1002 cname:0000000000003039\r\n\
         a=ice-ufrag:w0s1abcd\r\n\
         a=ice-pwd:abcdefghijklmnopqrstuv\r\n\
         a=fingerprint:sha-256 {FINGERPRINT}\r\n\
         a=setup:passive\r\n\
         a=candidate:1 1 udp 2130706431 192.0.2.7 8189 typ host\r\n\
         a=candidate:2 1 udp 2130706175 2001:db8::7 8189 typ host\r\n\
         a=candidate:1 1 udp 2130705919 192.0.2.7 8190 typ host\r\n\
         a=candidate:4 1 tcp 1520435199 192.0.2.7 8189 typ host tcptype passive\r\n\
         a=candidate:5 1 tcp 1520434943 2001:db8::7 8189 typ host tcptype passive\r\n\
         a=end-of-candidates\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 8 111 9 0\r\n\
         c=IN IP4 0.0.0.0\r\n\
         a=mid:1\r\n\
         a=sendonly\r\n\
         a=rtcp-mux\r\n\
         a=rtcp-rsize\r\n\
         a=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:111 opus/48000/2\r\n\
         a=fmtp:111 minptime=10;useinbandfec=1\r\n\
         a=rtpmap:9 G722/8000\r\n\
         a=rtpmap:0 PCMU/8000\r\n\
         a=msid:camera audio\r\n\
         a=ssrc:1003 cname:0000000000003039\r\n\
         a=ice-ufrag:w0s1abcd\r\n\
         a=ice-pwd:abcdefghijklmnopqrstuv\r\n\
         a=fingerprint:sha-256 {FINGERPRINT}\r\n\
         a=setup:passive\r\n"
    );
    assert_eq!(written(CHROMIUM, &negotiated), expected);
}

#[test]
fn firefox_gets_constrained_baseline_and_is_told_who_sends_the_extension() {
    let negotiated = negotiated(FIREFOX, Some(Codec::Pcmu), true);
    assert_eq!(picture(&negotiated).payload_type, 126);
    assert_eq!(rtx_payload_type(picture(&negotiated)), Some(127));
    assert_eq!(picture(&negotiated).playout_delay_id, Some(6));
    assert_eq!(sound(&negotiated).unwrap().payload_type, 0);
    let answer = parsed(&written(FIREFOX, &negotiated));
    let [video, audio] = answer.media_descriptions.as_slice() else {
        panic!()
    };
    assert_eq!(
        values(video, "extmap"),
        [
            "6/sendonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay".to_owned(),
            format!("7 {TRANSPORT_CC}"),
        ]
    );
    assert_eq!(
        values(video, "fmtp"),
        [
            "126 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e028",
            "127 apt=126"
        ]
    );
    assert_eq!(values(video, "candidate").len(), 5);
    assert!(values(audio, "candidate").is_empty());
    assert!(values(audio, "rtcp-rsize").is_empty());
}

#[test]
fn without_nack_there_is_no_rtx_but_keyframes_can_be_asked_for() {
    let negotiated = negotiated(CHROMIUM, None, false);
    assert_eq!(picture(&negotiated).retransmission, Retransmission::Off);
    let answer = parsed(&written(CHROMIUM, &negotiated));
    let video = &answer.media_descriptions[0];
    assert_eq!(video.media_name.formats, ["116"]);
    assert_eq!(
        values(video, "rtcp-fb"),
        ["116 ccm fir", "116 nack pli", "116 transport-cc"]
    );
    assert_eq!(values(video, "ssrc-group"), [""; 0]);
}

#[test]
fn feedback_that_was_not_offered_is_not_answered() {
    let sdp = CHROMIUM
        .lines()
        .filter(|line| !line.starts_with("a=rtcp-fb"))
        .collect::<Vec<_>>()
        .join("\n");
    let negotiated = negotiated(&sdp, None, true);
    assert_eq!(picture(&negotiated).retransmission, Retransmission::Off);
    let answer = parsed(&written(&sdp, &negotiated));
    assert!(values(&answer.media_descriptions[0], "rtcp-fb").is_empty());
}

#[test]
fn sections_not_chosen_are_silent_or_refused_in_their_place() {
    let mut sdp = CHROMIUM.replace("BUNDLE 0 1", "BUNDLE 0 1 data more");
    sdp.push_str(
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n\
         c=IN IP4 0.0.0.0\n\
         a=mid:data\n\
         a=sctp-port:5000\n",
    );
    let video: String = CHROMIUM
        .lines()
        .skip_while(|line| !line.starts_with("m=video"))
        .take_while(|line| !line.starts_with("m=audio"))
        .map(|line| format!("{line}\n"))
        .collect();
    sdp.push_str(&video.replace("a=mid:0", "a=mid:more"));
    let negotiated = negotiated(&sdp, None, true);
    assert_eq!(picture(&negotiated).section, 0);
    let answer = parsed(&written(&sdp, &negotiated));
    assert_eq!(
        answer.attribute("group").map(String::as_str),
        Some("BUNDLE 0 1 more")
    );
    let ports: Vec<_> = answer
        .media_descriptions
        .iter()
        .map(|media| {
            (
                media.media_name.media.as_str(),
                media.media_name.port.value,
                values(media, "mid")[0],
            )
        })
        .collect();
    assert_eq!(
        ports,
        [
            ("video", 9, "0"),
            ("audio", 9, "1"),
            ("application", 0, "data"),
            ("video", 9, "more")
        ]
    );
    assert!(!answer.media_descriptions[2].media_name.formats.is_empty());
}

#[test]
fn the_first_video_section_that_fits_is_used() {
    let sdp = CHROMIUM.replacen("a=recvonly", "a=sendonly", 1);
    let video: String = CHROMIUM
        .lines()
        .skip_while(|line| !line.starts_with("m=video"))
        .take_while(|line| !line.starts_with("m=audio"))
        .map(|line| format!("{line}\n"))
        .collect();
    let sdp = sdp + &video.replace("a=mid:0", "a=mid:2");
    let sdp = sdp.replace("BUNDLE 0 1", "BUNDLE 0 1 2");
    let negotiated = negotiated(&sdp, Some(Codec::Pcmu), true);
    assert_eq!(picture(&negotiated).section, 2);
    let text = written(&sdp, &negotiated);
    assert!(text.contains("a=group:BUNDLE 1 2\r\n"));
    let answer = parsed(&text);
    let candidates: Vec<_> = answer
        .media_descriptions
        .iter()
        .map(|media| values(media, "candidate").len())
        .collect();
    assert_eq!(candidates, [0, 5, 0]);
}

#[test]
fn sound_that_cannot_share_the_transport_is_left_out() {
    for group in ["BUNDLE 0", "BUNDLE 1", "BUNDLE 0 x", "LS 0 1"] {
        let sdp = CHROMIUM.replace("BUNDLE 0 1", group);
        let negotiated = negotiated(&sdp, Some(Codec::Pcmu), true);
        assert_eq!(sound(&negotiated), None, "{group}");
    }
}

fn codecs(track: &NegotiatedTrack) -> Vec<Codec> {
    track.formats().map(|(codec, ..)| codec).collect()
}

#[test]
fn sound_that_the_browser_does_not_take_may_become_another() {
    let sdp = CHROMIUM
        .replace("111 63 9 0 8 13", "111 63 9 8 13")
        .replace("a=rtpmap:0 PCMU/8000\n", "");
    let other = sound(&negotiated(&sdp, Some(Codec::Pcmu), true))
        .cloned()
        .unwrap();
    assert_eq!(codecs(&other), [Codec::Opus, Codec::G722, Codec::Pcma]);
    let own = sound(&negotiated(&sdp, Some(Codec::Pcma), true))
        .cloned()
        .unwrap();
    assert_eq!(codecs(&own), [Codec::Pcma, Codec::Opus, Codec::G722]);
}

/// What a section of an answer says of itself: port, direction, and its only codec.
fn silent(media: &MediaDescription) -> (isize, bool, Vec<&str>) {
    let inactive = media.attributes.iter().any(|a| a.key == "inactive");
    (
        media.media_name.port.value,
        inactive,
        values(media, "rtpmap"),
    )
}

#[test]
fn without_sound_its_section_waits_for_any() {
    for (sdp, opus) in [(CHROMIUM, 111), (FIREFOX, 109)] {
        let without = negotiated(sdp, None, true);
        let track = sound(&without).unwrap();
        let formats: Vec<_> = track.formats().collect();
        let expected = [
            (Codec::Opus, opus, None),
            (Codec::G722, 9, None),
            (Codec::Pcmu, 0, None),
            (Codec::Pcma, 8, None),
        ];
        assert_eq!(formats, expected);
        assert!(without.silent.is_empty());
        let answer = parsed(&written(sdp, &without));
        let audio = &answer.media_descriptions[1];
        assert!(audio.attributes.iter().any(|a| a.key == "sendonly"));
        assert_eq!(values(audio, "rtpmap").len(), 4);
        assert_eq!(values(audio, "ssrc").len(), 1);
    }
}

#[test]
fn sound_that_begins_later_has_the_feedback_that_all_codecs_have() {
    let feedback = |sdp: &str, of: &[u8], name: &str| {
        let lines = of.iter().map(|of| format!("a=rtcp-fb:{of} {name}\n"));
        sdp.replace(
            "a=rtpmap:63 ",
            &(lines.collect::<String>() + "a=rtpmap:63 "),
        )
    };
    let later = |sdp: &str| sound(&negotiated(sdp, None, true)).cloned().unwrap();
    // Opus alone has it: the others could not follow.
    let track = later(CHROMIUM);
    assert_eq!((track.transport_cc_id, track.further.len()), (None, 3));
    let track = later(&feedback(CHROMIUM, &[111, 0], "nack"));
    assert_eq!(track.retransmission, Retransmission::Off);
    assert_eq!(track.further.len(), 3);
    // All have it.
    let track = later(&feedback(CHROMIUM, &[9, 0, 8], "transport-cc"));
    assert_eq!((track.transport_cc_id, track.further.len()), (Some(4), 3));
    let track = later(&feedback(CHROMIUM, &[111, 9, 0, 8], "nack"));
    assert_eq!(track.retransmission, Retransmission::SameStream);
    assert_eq!(track.further.len(), 3);
    // What is sent now counts more than what may be.
    let opus = sound(&negotiated(CHROMIUM, Some(Codec::Opus), true))
        .cloned()
        .unwrap();
    assert_eq!(opus.transport_cc_id, Some(4));
}

#[test]
fn a_section_in_which_nothing_can_be_sent_is_silent_but_part_of_the_transport() {
    let sdp = CHROMIUM
        .replace("111 63 9 0 8 13 110 126", "13 110")
        .replace("a=rtpmap:111 opus/48000/2\n", "")
        .replace("a=rtpmap:9 G722/8000\n", "")
        .replace("a=rtpmap:0 PCMU/8000\n", "")
        .replace("a=rtpmap:8 PCMA/8000\n", "");
    for audio in [None, Some(Codec::Pcmu)] {
        let without = negotiated(&sdp, audio, true);
        assert_eq!((sound(&without), &*without.silent), (None, &[(1, 13)][..]));
        let text = written(&sdp, &without);
        assert!(text.contains("a=group:BUNDLE 0 1\r\n"));
        let answer = parsed(&text);
        let audio = &answer.media_descriptions[1];
        assert_eq!(silent(audio), (9, true, vec!["13 CN/8000"]));
        assert_eq!(values(audio, "ssrc"), [""; 0]);
    }
}

/// aiortc and werift read no answer otherwise.
#[test]
fn every_section_has_the_lines_of_the_transport() {
    let mut sdp = CHROMIUM.replace("BUNDLE 0 1", "BUNDLE 0 1 data");
    sdp.push_str(
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n\
         c=IN IP4 0.0.0.0\n\
         a=mid:data\n\
         a=sctp-port:5000\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 0\n\
         c=IN IP4 0.0.0.0\n\
         a=mid:talk\n\
         a=sendonly\n",
    );
    let text = written(&sdp, &negotiated(&sdp, None, true));
    let answer = parsed(&text);
    assert_eq!(answer.media_descriptions.len(), 4);
    for media in &answer.media_descriptions {
        for key in ["ice-ufrag", "ice-pwd", "fingerprint", "setup"] {
            assert_eq!(values(media, key).len(), 1, "{key}");
        }
        let media_kind = media.media_name.media.as_str();
        let muxed = values(media, "rtcp-mux").len() == 1;
        assert_eq!(muxed, media_kind != "application");
    }
}

#[test]
fn the_first_section_of_a_bundle_that_is_taken_says_where_it_goes() {
    let own = |sdp: &str, kind: &str, ufrag: &str| {
        let (before, section) = sdp.split_at(sdp.find(kind).unwrap());
        let section = section.replacen("a=ice-ufrag:X259", &format!("a=ice-ufrag:{ufrag}"), 1);
        format!("{before}{section}")
    };
    let sdp = own(&own(CHROMIUM, "m=video", "ofVideo"), "m=audio", "ofAudio");
    let negotiated = negotiated(&sdp, Some(Codec::Opus), true);
    let ufrag = |sdp: &str| negotiated.remote_ice(&offer(sdp)).ufrag.clone();
    assert_eq!(ufrag(&sdp), "ofVideo");
    let swapped = sdp.replace("BUNDLE 0 1", "BUNDLE 1 0");
    assert_eq!(ufrag(&swapped), "ofAudio");
    assert!(written(&swapped, &negotiated).contains("BUNDLE 1 0"));
    // A refused section says nothing.
    let mut without_audio = negotiated.clone();
    without_audio.tracks.pop();
    let ice = without_audio.remote_ice(&offer(&swapped)).ufrag.clone();
    assert_eq!(ice, "ofVideo");
    // Without a bundle they would need two ports.
    let apart = sdp.replace("a=group:BUNDLE 0 1", "a=group:LS 0 1");
    let error = Offer::parse(apart.as_bytes()).err().unwrap();
    assert!(error.message().contains("max-bundle"));
}

#[test]
fn a_camera_with_sound_only_gets_a_silent_video_section() {
    let pcmu = TrackInfo::audio(Codec::Pcmu);
    let sound_only =
        |sdp: &str| negotiate(&offer(sdp), &[], Some(&pcmu), allowed(true), &mut random(7));
    let negotiated = sound_only(CHROMIUM).unwrap();
    assert_eq!(track_of(&negotiated, MediaKind::Video), None);
    assert_eq!(sound(&negotiated).unwrap().codec, Codec::Pcmu);
    let answer = parsed(&written(CHROMIUM, &negotiated));
    let [video, audio] = answer.media_descriptions.as_slice() else {
        panic!()
    };
    assert!(silent(video).1 && !silent(audio).1);
    assert_eq!(values(video, "candidate").len(), 5);

    let without_audio = &CHROMIUM[..CHROMIUM.find("m=audio").unwrap()];
    let error = sound_only(without_audio).unwrap_err();
    assert_eq!(
        error.message(),
        "the camera sends audio only, PCMU, but the offer has no audio section that is recvonly or \
         sendrecv: add a recvonly audio transceiver"
    );
    let without_pcmu = CHROMIUM
        .replace("111 63 9 0 8 13", "111 63 9 8 13")
        .replace("a=rtpmap:0 PCMU/8000\n", "");
    let error = sound_only(&without_pcmu).unwrap_err();
    assert!(
        error.message().contains("it offers OPUS, G722, PCMA"),
        "{error}"
    );
}

#[test]
fn an_offer_without_video_gets_the_sound_alone() {
    let start = CHROMIUM.find("m=video").unwrap();
    let audio = CHROMIUM.find("m=audio").unwrap();
    let sdp = [&CHROMIUM[..start], &CHROMIUM[audio..]].concat();
    let sdp = sdp.replace("BUNDLE 0 1", "BUNDLE 1");
    let alone = negotiated(&sdp, Some(Codec::Pcmu), true);
    assert_eq!(alone.tracks.len(), 1);
    assert_eq!(sound(&alone).unwrap().section, 0);
}

#[test]
fn audio_may_change_to_whatever_is_offered() {
    let track = sound(&negotiated(CHROMIUM, Some(Codec::Pcmu), true))
        .cloned()
        .unwrap();
    let expected = [Codec::Pcmu, Codec::Opus, Codec::G722, Codec::Pcma];
    assert_eq!(codecs(&track), expected);
}

#[test]
fn a_lone_video_section_needs_neither_bundle_nor_mid() {
    let end = CHROMIUM.find("m=audio").unwrap();
    let sdp = CHROMIUM[..end]
        .replace("a=group:BUNDLE 0 1\n", "")
        .replace("a=mid:0\n", "");
    let negotiated = negotiated(&sdp, Some(Codec::Pcmu), true);
    assert_eq!(sound(&negotiated), None);
    let answer = written(&sdp, &negotiated);
    assert!(!answer.contains("BUNDLE") && !answer.contains("a=mid"));
    assert_eq!(parsed(&answer).media_descriptions.len(), 1);
}

#[test]
fn an_extension_id_of_two_bytes_is_not_used() {
    let sdp = CHROMIUM.replace("extmap:5 ", "extmap:15 ");
    assert_eq!(
        picture(&negotiated(&sdp, None, true))
            .clone()
            .playout_delay_id,
        None
    );
}

#[test]
fn a_track_repeated_on_its_own_stream_has_no_transport_wide_number() {
    let track = negotiated(CHROMIUM, Some(Codec::Opus), true);
    assert_eq!(picture(&track).transport_cc_id, Some(4));
    let audio = sound(&track).unwrap();
    assert_eq!(audio.retransmission, Retransmission::Off);
    assert_eq!(audio.transport_cc_id, Some(4));

    let without_rtx = CHROMIUM.replace(" rtx/90000", " other/90000");
    let video = picture(&negotiated(&without_rtx, None, true)).clone();
    assert_eq!(video.retransmission, Retransmission::SameStream);
    assert_eq!(video.transport_cc_id, None);
    let video = picture(&negotiated(&without_rtx, None, false)).clone();
    assert_eq!(video.retransmission, Retransmission::Off);
    assert_eq!(video.transport_cc_id, Some(4));

    let asked = CHROMIUM.replace("rtcp-fb:111 ", "rtcp-fb:111 nack\r\na=rtcp-fb:111 ");
    let audio = sound(&negotiated(&asked, Some(Codec::Opus), true))
        .cloned()
        .unwrap();
    assert_eq!(audio.retransmission, Retransmission::SameStream);
    assert_eq!(audio.transport_cc_id, None);
}

#[test]
fn ssrcs_are_never_0_nor_used_twice() {
    let mut numbers = [u64::MAX, 0, 5, 1 << 40 | 5, 0, 6, 5, 7].into_iter();
    let negotiated = negotiate(
        &offer(CHROMIUM),
        &[Some(&camera(MAIN))],
        Some(&TrackInfo::audio(Codec::Pcmu)),
        allowed(true),
        &mut || Ok(numbers.next().unwrap()),
    )
    .unwrap();
    assert_eq!(negotiated.id, u64::MAX >> 1);
    assert_eq!(negotiated.cname(), "7fffffffffffffff");
    assert_eq!(picture(&negotiated).ssrc, 5);
    assert_eq!(picture(&negotiated).retransmission, rtx(117, 6));
    assert_eq!(sound(&negotiated).unwrap().ssrc, 7);
}

#[test]
fn without_video_in_common_the_error_says_what_each_side_has() {
    let refused = |sdp: &str| {
        let error = negotiate(
            &offer(sdp),
            &[Some(&camera(MAIN))],
            None,
            allowed(true),
            &mut random(7),
        )
        .unwrap_err();
        assert_eq!(error.status(), Status::Codec);
        error.message().to_owned()
    };
    let only_vp8 = CHROMIUM.replace("H264/90000", "VP8/90000");
    let sentence = refused(&only_vp8);
    assert!(sentence.contains("sends H264"), "{sentence}");
    assert!(sentence.contains("it offers VP8, VP9, AV1: "), "{sentence}");

    let start = CHROMIUM.find("m=video").unwrap();
    let end = CHROMIUM.find("m=audio").unwrap();
    let only_audio = format!("{}{}", &CHROMIUM[..start], &CHROMIUM[end..]);
    assert!(refused(&only_audio).contains("no video section"));
    let sending = CHROMIUM.replace("a=recvonly", "a=sendonly");
    assert!(refused(&sending).contains("no video section"));
    let insecure = CHROMIUM.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP");
    assert!(refused(&insecure).contains("no video section"));

    let nothing: String = CHROMIUM
        .lines()
        .filter(|line| !line.starts_with("a=rtpmap"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(refused(&nothing).contains("no video codec"));
}

#[test]
fn a_camera_with_h265_gets_its_payload_type_or_a_sentence_that_helps() {
    let camera = TrackInfo::video(h265_sets());
    let error = negotiate(
        &offer(CHROMIUM),
        &[Some(&camera)],
        None,
        allowed(true),
        &mut random(7),
    )
    .unwrap_err();
    assert_eq!(error.status(), Status::Codec);
    let sentence = error.message();
    assert!(sentence.contains("sends H265"), "{sentence}");
    assert!(
        sentence.contains("it offers VP8, VP9, H264, AV1: "),
        "{sentence}"
    );
    assert!(sentence.contains("set the camera to H.264"), "{sentence}");

    // The other payload types of H.264 are none of this.
    let with_h265 = CHROMIUM
        .replace("a=rtpmap:116 H264/90000", "a=rtpmap:116 H265/90000")
        .replace(
            "a=fmtp:116 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f",
            "a=fmtp:116 level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST",
        );
    let negotiated = negotiate(
        &offer(&with_h265),
        &[Some(&camera)],
        None,
        allowed(true),
        &mut random(7),
    )
    .unwrap();
    assert_eq!(picture(&negotiated).payload_type, 116);
    assert_eq!(rtx_payload_type(picture(&negotiated)), Some(117));
    let answer = parsed(&written(&with_h265, &negotiated));
    let video = &answer.media_descriptions[0];
    assert_eq!(values(video, "rtpmap"), ["116 H265/90000", "117 rtx/90000"]);
    assert_eq!(
        values(video, "fmtp"),
        [
            "116 level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST",
            "117 apt=116"
        ]
    );
}

#[test]
fn av1_and_opus_are_answered_as_offered() {
    let stream = TrackInfo::video(av1_sequence());
    let sound = TrackInfo::audio(Codec::Opus);
    for (sdp, rtpmap, fmtp, opus, opus_fmtp) in [
        (
            CHROMIUM,
            ["45 AV1/90000", "46 rtx/90000"],
            &["45 level-idx=5;profile=0;tier=0", "46 apt=45"][..],
            "111 opus/48000/2",
            "111 minptime=10;useinbandfec=1",
        ),
        (
            FIREFOX,
            ["99 AV1/90000", "100 rtx/90000"],
            &["100 apt=99"],
            "109 opus/48000/2",
            "109 maxplaybackrate=48000;stereo=1;useinbandfec=1",
        ),
    ] {
        let negotiated = negotiate(
            &offer(sdp),
            &[Some(&stream)],
            Some(&sound),
            allowed(true),
            &mut random(7),
        )
        .unwrap();
        let answer = parsed(&written(sdp, &negotiated));
        let [video, audio] = answer.media_descriptions.as_slice() else {
            panic!()
        };
        assert_eq!(values(video, "rtpmap"), rtpmap);
        assert_eq!(values(video, "fmtp"), fmtp);
        assert_eq!(values(audio, "rtpmap")[0], opus);
        assert_eq!(values(audio, "fmtp"), [opus_fmtp]);
    }
}

#[test]
fn g722_goes_by_its_rtp_clock() {
    for sdp in [CHROMIUM, FIREFOX] {
        let negotiated = negotiated(sdp, Some(Codec::G722), true);
        let answer = parsed(&written(sdp, &negotiated));
        let audio = &answer.media_descriptions[1];
        assert_eq!(values(audio, "rtpmap")[0], "9 G722/8000");
    }
}

#[test]
fn an_answer_for_another_offer_refuses_all_and_does_not_panic() {
    let mut negotiated = negotiated(CHROMIUM, Some(Codec::Pcmu), true);
    negotiated.tracks.truncate(1);
    negotiated.tracks[0].section = 7;
    let answer = parsed(&written(CHROMIUM, &negotiated));
    let mut media = answer.media_descriptions.iter();
    assert!(media.all(|media| media.media_name.port.value == 0));
}

/// The video of the answer to `sdp` for these videos.
fn answered_for(sdp: &str, videos: &[Option<&TrackInfo>]) -> Result<(NegotiatedTrack, String)> {
    let negotiated = negotiate(&offer(sdp), videos, None, allowed(true), &mut random(7))?;
    let answer = written(sdp, &negotiated);
    parsed(&answer);
    Ok((picture(&negotiated).clone(), answer))
}

fn with_h265() -> String {
    CHROMIUM
        .replace("a=rtpmap:116 H264/90000", "a=rtpmap:116 H265/90000")
        .replace(
            "a=fmtp:116 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f",
            "a=fmtp:116 level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST",
        )
}

#[test]
fn the_codecs_of_all_variants_are_kept_that_of_the_stream_first() {
    let (main, sub) = (TrackInfo::video(h265_sets()), camera(MAIN));
    let av1 = TrackInfo::video(av1_sequence());
    let sdp = with_h265();
    let (track, answer) = answered_for(&sdp, &[Some(&main), Some(&sub), Some(&sub)]).unwrap();
    let formats: Vec<_> = track.formats().collect();
    assert_eq!(formats[0], (Codec::H265, 116, Some(117)));
    assert_eq!(formats.len(), 2);
    let (codec, payload_type, rtx) = formats[1];
    assert_eq!(codec, Codec::H264);
    let rtx = rtx.unwrap();
    for line in [
        format!("m=video 9 UDP/TLS/RTP/SAVPF 116 117 {payload_type} {rtx}"),
        "a=rtpmap:116 H265/90000".to_owned(),
        format!("a=rtpmap:{payload_type} H264/90000"),
        format!("a=rtpmap:{rtx} rtx/90000"),
        format!("a=fmtp:{rtx} apt={payload_type}"),
        format!("a=rtcp-fb:{payload_type} nack pli"),
        format!("a=rtcp-fb:{payload_type} transport-cc"),
    ] {
        assert!(answer.contains(&format!("{line}\r\n")), "{line}:\n{answer}");
    }
    assert_eq!(answer.matches("a=ssrc-group:FID").count(), 1);

    // One codec, one payload type, whatever the profiles are.
    let high = camera([0x64, 0x00, 0x33]);
    let (track, _) = answered_for(CHROMIUM, &[Some(&high), Some(&sub)]).unwrap();
    assert!(track.further.is_empty());
    // What has no media yet may have any codec.
    let (track, _) = answered_for(&sdp, &[Some(&sub), None]).unwrap();
    let codecs: Vec<_> = track.formats().map(|(codec, ..)| codec).collect();
    assert_eq!(codecs, [Codec::H264, Codec::H265, Codec::Av1]);
    let (track, _) = answered_for(&sdp, &[Some(&av1), Some(&main)]).unwrap();
    assert_eq!(track.codec, Codec::Av1);
}

#[test]
fn a_stream_that_the_browser_cannot_show_begins_with_a_variant() {
    let (main, sub) = (TrackInfo::video(h265_sets()), camera(MAIN));
    let (track, _) = answered_for(CHROMIUM, &[Some(&main), Some(&sub)]).unwrap();
    assert_eq!((track.codec, track.further.len()), (Codec::H264, 0));
    // One that was never connected most likely has H.264.
    let (track, _) = answered_for(CHROMIUM, &[Some(&main), None]).unwrap();
    assert_eq!(track.codec, Codec::H264);
    let without_h264 = CHROMIUM.replace("H264", "X264");
    let error = answered_for(&without_h264, &[Some(&main), None]).unwrap_err();
    assert!(error.message().contains("sends H265"));
}

#[test]
fn a_codec_without_the_feedback_of_the_first_is_not_kept() {
    let (main, sub) = (camera(MAIN), TrackInfo::video(h265_sets()));
    for without in ["a=rtcp-fb:116 nack", "a=rtcp-fb:116 transport-cc"] {
        let sdp = with_h265();
        let kept = sdp.lines().filter(|line| *line != without);
        assert_ne!(kept.clone().count(), sdp.lines().count());
        let sdp: String = kept.map(|line| format!("{line}\r\n")).collect();
        let (track, _) = answered_for(&sdp, &[Some(&main), Some(&sub)]).unwrap();
        assert!(track.further.is_empty(), "{without}");
    }
}
