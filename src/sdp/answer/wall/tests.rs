use std::fmt::Write as _;

use super::super::tests::{allowed, offered_by, parsed, random, transport, values};
use super::*;
use crate::sdp::offer::{MAX_WALL_AUDIO, MAX_WALL_VIDEO};

const CHROMIUM: &str = include_str!("../../../../tests/fixtures/offers/chromium.sdp");
const CHROMIUM_WALL: &str = include_str!("../../../../tests/fixtures/offers/chromium_wall.sdp");
const FIREFOX_WALL: &str = include_str!("../../../../tests/fixtures/offers/firefox_wall.sdp");

const DATA: &str = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\nc=IN IP4 0.0.0.0\n\
                    a=mid:data\na=sctp-port:5000\na=max-message-size:262144\n";

/// An offer as Chromium's, with so many sections.
fn wall(videos: usize, audios: usize, more: &str) -> String {
    let (head, sections) = CHROMIUM.split_at(CHROMIUM.find("m=video").unwrap());
    let (video, audio) = sections.split_at(sections.find("m=audio").unwrap());
    let mids: Vec<String> = (0..videos + audios).map(|i| i.to_string()).collect();
    let mut sdp = head.replace("BUNDLE 0 1", &format!("BUNDLE {} data", mids.join(" ")));
    for i in 0..videos {
        sdp.push_str(&video.replace("a=mid:0", &format!("a=mid:{i}")));
    }
    for i in videos..videos + audios {
        sdp.push_str(&audio.replace("a=mid:1", &format!("a=mid:{i}")));
    }
    sdp + more
}

fn answered(sdp: &str) -> Result<(Negotiated, String)> {
    let offer = Offer::parse_wall(sdp.as_bytes())?;
    let negotiated = negotiate_wall(&offer, allowed(true), &mut random(5))?;
    let answer = transport(|transport| answer_wall(&offer, &negotiated, transport));
    Ok((negotiated, answer))
}

fn codecs(track: &NegotiatedTrack) -> Vec<Codec> {
    track.formats().map(|(codec, ..)| codec).collect()
}

#[test]
fn each_section_of_a_browsers_wall_is_a_slot_for_any_stream() {
    for (sdp, video, most) in [
        (CHROMIUM_WALL, [116, 45], 48_000),
        (FIREFOX_WALL, [126, 99], 48_000),
    ] {
        let (negotiated, answer) = answered(sdp).unwrap();
        assert_eq!(
            (negotiated.tracks.len(), &*negotiated.silent),
            (65, &[][..])
        );
        for (i, track) in negotiated.tracks.iter().enumerate() {
            assert_eq!((track.section, &*track.mid), (i, &*i.to_string()));
            if i < 64 {
                let types = track.formats().map(|(_, payload_type, rtx)| {
                    assert!(rtx.is_some());
                    payload_type
                });
                assert_eq!(types.collect::<Vec<_>>(), video);
                assert_eq!(codecs(track), [Codec::H264, Codec::Av1]);
                assert!(track.fmtp.ends_with("34"), "of any level: {}", track.fmtp);
                assert!(track.transport_cc_id.is_some() && track.playout_delay_id.is_some());
            } else {
                assert_eq!(codecs(track), AUDIO_CODECS);
            }
        }
        let mut ssrcs: Vec<u32> = negotiated.tracks.iter().map(|track| track.ssrc).collect();
        ssrcs.sort_unstable();
        ssrcs.dedup();
        assert_eq!(ssrcs.len(), 65);
        assert_eq!(negotiated.data.unwrap().section, 65);
        assert_eq!(negotiated.data.unwrap().sctp_port, 5000);

        assert!(answer.len() < most, "{} bytes", answer.len());
        let read = parsed(&answer);
        assert_eq!(read.media_descriptions.len(), 66);
        for (i, media) in read.media_descriptions.iter().enumerate() {
            assert_eq!(values(media, "mid"), [i.to_string()]);
            assert_eq!(values(media, "ice-ufrag").len(), usize::from(i == 0));
            assert_eq!(values(media, "setup"), ["passive"]);
            assert_eq!(values(media, "sendonly").len(), usize::from(i < 65));
        }
        assert_eq!(answer.matches("a=end-of-candidates").count(), 1);
        let (session, _) = answer.split_once("m=").unwrap();
        assert!(session.contains("\r\na=fingerprint:sha-256 "), "{session}");
    }
}

#[test]
fn what_is_answered_for_a_slot() {
    let (negotiated, answer) = answered(&wall(2, 1, DATA)).unwrap();
    let sections: Vec<&str> = answer.split("m=").collect();
    let [_, _, second, audio, data] = sections.as_slice() else {
        panic!("{answer}")
    };
    let track = &negotiated.tracks[1];
    let Retransmission::Rtx { ssrc: rtx, .. } = track.retransmission else {
        panic!()
    };
    let (ssrc, cname) = (track.ssrc, negotiated.cname());
    let expected = format!(
        "video 9 UDP/TLS/RTP/SAVPF 116 117 45 46\r\n\
         a=mid:1\r\n\
         a=sendonly\r\n\
         a=rtcp-mux\r\n\
         a=rtcp-rsize\r\n\
         a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n\
         a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
         a=rtpmap:116 H264/90000\r\n\
         a=fmtp:116 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d0034\r\n\
         a=rtpmap:117 rtx/90000\r\n\
         a=fmtp:117 apt=116\r\n\
         a=rtpmap:45 AV1/90000\r\n\
         a=fmtp:45 level-idx=5;profile=0;tier=0\r\n\
         a=rtpmap:46 rtx/90000\r\n\
         a=fmtp:46 apt=45\r\n\
         a=rtcp-fb:* nack\r\n\
         a=rtcp-fb:* nack pli\r\n\
         a=rtcp-fb:* transport-cc\r\n\
         a=msid:-\r\n\
         a=ssrc-group:FID {ssrc} {rtx}\r\n\
         a=ssrc:{ssrc} cname:{cname}\r\n\
         a=ssrc:{rtx} cname:{cname}\r\n\
         a=setup:passive\r\n"
    );
    assert_eq!(*second, expected);
    assert!(audio.starts_with("audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8\r\na=mid:2\r\na=sendonly\r\n"));
    let expected = "application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:data\r\n\
                    a=sctp-port:5000\r\na=max-message-size:65536\r\na=setup:passive\r\n";
    assert_eq!(*data, expected);
    assert!(answer.contains("a=group:BUNDLE 0 1 2 data\r\n"), "{answer}");
}

#[test]
fn a_wall_has_a_most_of_each_kind_of_section() {
    let (most, _) = answered(&wall(MAX_WALL_VIDEO, MAX_WALL_AUDIO, DATA)).unwrap();
    assert_eq!(most.tracks.len(), 136);
    let too_large = |sdp: &str| {
        let error = answered(sdp).unwrap_err();
        assert_eq!(error.status(), Status::TooLarge, "{error}");
        error.message().to_owned()
    };
    for sdp in [
        wall(129, 0, ""),
        wall(1, 9, ""),
        wall(
            1,
            0,
            &[DATA, &DATA.replace("mid:data", "mid:more")].concat(),
        ),
        wall(1, 1, &"m=video 9 UDP/TLS/RTP/SAVPF 96\n".repeat(10_000)),
    ] {
        let sentence = too_large(&sdp);
        assert!(
            sentence.contains("128 for video, 8 for audio"),
            "{sentence}"
        );
    }
    let sentence = too_large(&format!("{}{}", wall(1, 1, ""), "a=x\n".repeat(300_000)));
    assert!(sentence.contains("the maximum is 1048576"), "{sentence}");
    let sentence = too_large(&format!("{}{}", wall(1, 1, ""), "a=x\n".repeat(32_768)));
    assert!(sentence.contains("32768 lines"), "{sentence}");
    // What a wall may have, the offer for a stream may not.
    for sdp in [wall(16, 1, ""), CHROMIUM_WALL.to_owned()] {
        let error = Offer::parse(sdp.as_bytes()).err().unwrap();
        assert_eq!(error.status(), Status::TooLarge, "{error}");
    }
}

#[test]
fn slots_need_names_and_the_same_transport() {
    let twice = wall(2, 0, "").replace("a=mid:1\n", "a=mid:0\n");
    assert_eq!(answered(&twice).unwrap_err().status(), Status::Sdp);
    for alone in ["LS 0", "BUNDLE none"] {
        let sdp = wall(1, 0, "").replace("BUNDLE 0 data", alone);
        let error = answered(&sdp).unwrap_err();
        assert_eq!(error.status(), Status::Sdp);
        assert!(error.message().contains("max-bundle"), "{error}");
    }
    // What is outside the bundle, or wants nothing, is refused in its place.
    let sdp = wall(3, 0, DATA).replace("BUNDLE 0 1 2", "BUNDLE 0 2");
    let (negotiated, answer) = answered(&sdp).unwrap();
    let mids = negotiated.tracks.iter().map(|track| &*track.mid);
    assert_eq!(mids.collect::<Vec<_>>(), ["0", "2"]);
    assert!(answer.contains("m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=inactive\r\n"));
    // Where the first of the bundle is not the first of all, it says where the bundle goes.
    let sdp = wall(2, 0, "").replace("BUNDLE 0 1", "BUNDLE 1 0");
    let (_, answer) = answered(&sdp).unwrap();
    let (first, second) = answer.split_at(answer.find("a=mid:1").unwrap());
    assert!(!first.contains("a=ice-ufrag") && second.contains("a=ice-ufrag"));
}

#[test]
fn a_slot_without_a_codec_of_ours_is_silent() {
    let alien = |section: &str| {
        let mut sdp = String::new();
        for line in section.lines() {
            if !line.contains("H264") && !line.contains("AV1") {
                let _ = writeln!(sdp, "{line}");
            }
        }
        sdp
    };
    let all = wall(2, 0, "");
    let at = all.rfind("m=video").unwrap();
    let (negotiated, answer) = answered(&[&all[..at], &alien(&all[at..])].concat()).unwrap();
    assert_eq!(
        (negotiated.tracks.len(), &*negotiated.silent),
        (1, &[(1, 96)][..])
    );
    assert!(
        answer
            .contains("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=inactive\r\na=rtcp-mux\r\n")
    );
    let error = answered(&alien(&all)).unwrap_err();
    assert_eq!(error.status(), Status::Codec);
    assert!(error.message().contains("VP8, VP9"), "{error}");
    let error = answered(&wall(0, 2, DATA)).unwrap_err();
    assert_eq!(error.status(), Status::Codec, "{error}");
}

#[test]
fn profiles_that_carry_all_streams() {
    let h265 = |fmtps: &[&str]| {
        let section = offered_by("H265", fmtps);
        choose_for_any(&section, Codec::H265).map(|(_, codec, _)| codec.payload_type)
    };
    assert_eq!(h265(&["profile-id=1", "profile-id=2"]), Some(1));
    assert_eq!(h265(&["profile-id=1"]), Some(0));
    let section = offered_by("H264", &["profile-level-id=42e01f;packetization-mode=1"]);
    let (_, _, fmtp) = choose_for_any(&section, Codec::H264).unwrap();
    assert!(
        fmtp.starts_with("profile-level-id=42e01f"),
        "no level of its own: {fmtp}"
    );
}

#[test]
fn data_channels_need_a_port() {
    let data = |from: &str, to: &str| {
        assert!(DATA.contains(from));
        let (negotiated, answer) = answered(&wall(1, 1, &DATA.replace(from, to))).unwrap();
        let taken = negotiated
            .data
            .map(|data| (data.sctp_port, data.max_message_size));
        assert_eq!(
            answer.contains("m=application 9"),
            taken.is_some(),
            "{answer}"
        );
        taken
    };
    assert_eq!(
        data("a=sctp-port:5000", "a=sctp-port:7"),
        Some((7, 262_144))
    );
    assert_eq!(
        data("a=max-message-size:262144\n", ""),
        Some((5000, 65_536))
    );
    assert_eq!(data(":262144", ":0"), Some((5000, 0)));
    assert_eq!(data(":262144", ":99999999999"), Some((5000, 0)));
    assert_eq!(data("a=sctp-port:5000\n", ""), None);
    assert_eq!(data("a=sctp-port:5000", "a=sctp-port:0"), None);
    assert_eq!(data("a=sctp-port:5000", "a=sctp-port:70000"), None);
    assert_eq!(data(":262144", ":many"), None);
    assert_eq!(data("application 9", "application 0"), None);
    assert_eq!(data("UDP/DTLS/SCTP", "UDP/SCTP"), None);
    assert_eq!(data("webrtc-datachannel", "5000"), None);
}
