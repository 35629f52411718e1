//! The offer of a stream to a media server (WHIP, RFC 9725), and what its answer comes to.

use super::counter::{everything, write_sections};
use super::{
    Allowed, Candidates, Countered, Lines, LocalTransport, Negotiated, negotiate, write_start,
};
use crate::error::{Error, Result, Status};
use crate::media::{MediaKind, TrackInfo};
use crate::sdp::offer::Offer;

/// Writes the offer: sendonly, of a full ICE agent, whose candidates are all in it. The stream's own codecs alone are in it, as
/// no other will be sent. `videos`, `audio`, `allowed` and `random`: as for [`negotiate`].
pub fn offer_to_ingest(
    videos: &[Option<&TrackInfo>],
    audio: Option<&TrackInfo>,
    allowed: Allowed,
    random: &mut dyn FnMut() -> Result<u64>,
    transport: &LocalTransport<'_>,
) -> Result<(String, Countered)> {
    let sounds: Vec<_> = audio.iter().map(|audio| audio.codec).collect();
    let all = everything(videos, &sounds, false, allowed);
    let negotiated = negotiate(&all, videos, audio, allowed, random)?;
    let transport = LocalTransport {
        candidates: Candidates {
            // We would have to connect to those of the other side.
            tcp: &[],
            ..transport.candidates
        },
        ..*transport
    };
    let mut sdp = Lines::default();
    let mids: Vec<&str> = all.bundle.iter().map(String::as_str).collect();
    write_start(&mut sdp, negotiated.id, None, &mids, None);
    write_sections(&mut sdp, &all, &negotiated, &transport);
    let Negotiated { id, tracks, .. } = negotiated;
    Ok((sdp.0, Countered { id, tracks }))
}

/// What is sent to a media server that has answered with this. It may refuse sound beside video, and nothing else.
pub fn negotiate_ingest(
    answer: &Offer,
    offered: &Countered,
    videos: &[Option<&TrackInfo>],
    audio: Option<&TrackInfo>,
    allowed: Allowed,
    random: &mut dyn FnMut() -> Result<u64>,
) -> Result<Negotiated> {
    let mut negotiated = negotiate(answer, videos, audio, allowed, random).map_err(|error| {
        match error.status() {
            Status::Codec => not_taken(videos, audio),
            _ => error,
        }
    })?;
    if let Some(video) = videos.first()
        && negotiated
            .tracks
            .iter()
            .all(|track| track.kind() != MediaKind::Video)
    {
        return Err(not_taken(&[*video], None));
    }
    // Of sound that we do not have, nothing was offered.
    negotiated.tracks.retain(|track| {
        offered
            .tracks
            .iter()
            .any(|ours| ours.kind() == track.kind())
    });
    offered.rename(&mut negotiated);
    Ok(negotiated)
}

/// The ingest has refused what a stream has.
pub fn not_taken(videos: &[Option<&TrackInfo>], audio: Option<&TrackInfo>) -> Error {
    let sends = videos.iter().flatten().next().copied().or(audio);
    let sends = sends.map_or("H264", |track| track.codec.encoding_name());
    Error::new(
        Status::Codec,
        format!(
            "the ingest does not take {sends}, which the stream has: set the camera to a codec that it takes, which is \
             H.264 nearly always, or let the ingest have it"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::camera;
    use super::*;
    use crate::media::Codec;
    use crate::sdp::IceCredentials;
    use crate::sdp::answer::Retransmission;
    use crate::sdp::offer::IngestAnswer;

    const ALLOWED: Allowed = Allowed {
        nack: true,
        transport_cc: true,
        dtls_in_stun: true,
    };

    fn h264_info() -> TrackInfo {
        camera([0x64, 0x00, 0x28])
    }

    fn offer(audio: Option<Codec>) -> (String, Countered) {
        let (video, audio) = (h264_info(), audio.map(TrackInfo::audio));
        let mut next = 100;
        let mut random = || {
            next += 2;
            Ok(next)
        };
        let ice = IceCredentials {
            ufrag: "ours".to_owned(),
            pwd: "p".repeat(22),
        };
        let at = ["192.0.2.1:5000".parse().unwrap()];
        let local = LocalTransport {
            ice: &ice,
            fingerprint: &["AB"; 32].join(":"),
            candidates: Candidates {
                hosts: &at,
                tcp: &at,
                ..Candidates::default()
            },
        };
        offer_to_ingest(
            &[Some(&video)],
            audio.as_ref(),
            ALLOWED,
            &mut random,
            &local,
        )
        .unwrap()
    }

    /// What an ingest that takes all of it answers.
    fn answer(offer: &str) -> String {
        offer
            .replace("a=sendonly", "a=recvonly")
            .replace("a=setup:actpass", "a=setup:passive")
    }

    fn negotiated(answer: &str, offered: &Countered, audio: Option<Codec>) -> Result<Negotiated> {
        let read = IngestAnswer::parse(answer.as_bytes(), 8, |_| true)?;
        let (video, audio) = (h264_info(), audio.map(TrackInfo::audio));
        let mut next = 7;
        let mut random = || {
            next += 2;
            Ok(next)
        };
        let videos = [Some(&video)];
        negotiate_ingest(
            &read.takes,
            offered,
            &videos,
            audio.as_ref(),
            ALLOWED,
            &mut random,
        )
    }

    #[test]
    fn an_offer_has_what_the_stream_has() {
        let (sdp, _) = offer(Some(Codec::Pcma));
        for line in [
            "a=group:BUNDLE 0 1",
            "a=setup:actpass",
            "a=sendonly",
            "a=rtcp-mux",
            "a=rtpmap:8 PCMA/8000",
            "a=end-of-candidates",
        ] {
            assert!(sdp.contains(&format!("\r\n{line}\r\n")), "{line}\n{sdp}");
        }
        for absent in [
            "ice-lite",
            "trickle",
            "opus",
            "PCMU",
            " tcp ",
            "playout-delay",
        ] {
            assert!(!sdp.contains(absent), "{absent}\n{sdp}");
        }
        let (sdp, _) = offer(None);
        assert!(!sdp.contains("m=audio"), "{sdp}");
    }

    #[test]
    fn what_is_answered_is_sent_under_the_names_of_the_offer() {
        let (sdp, offered) = offer(Some(Codec::Opus));
        let agreed = negotiated(&answer(&sdp), &offered, Some(Codec::Opus)).unwrap();
        assert_eq!(agreed.id, offered.id);
        assert_eq!(agreed.tracks.len(), 2);
        for (ours, agreed) in offered.tracks.iter().zip(&agreed.tracks) {
            assert_eq!(ours.ssrc, agreed.ssrc);
            assert_eq!(ours.retransmission, agreed.retransmission);
            assert!(agreed.transport_cc_id.is_some());
        }
        let Retransmission::Rtx { .. } = agreed.tracks[0].retransmission else {
            panic!("{:?}", agreed.tracks[0].retransmission);
        };
    }

    #[test]
    fn sound_alone_may_be_refused() {
        let (sdp, offered) = offer(Some(Codec::Pcmu));
        let silent = answer(&sdp)
            .replace("m=audio 9", "m=audio 0")
            .replace("BUNDLE 0 1", "BUNDLE 0");
        let agreed = negotiated(&silent, &offered, Some(Codec::Pcmu)).unwrap();
        let kinds: Vec<_> = agreed.tracks.iter().map(|track| track.kind()).collect();
        assert_eq!(kinds, [MediaKind::Video]);
        for blind in [
            answer(&sdp).replace("m=video 9", "m=video 0"),
            answer(&sdp).replace("H264/90000", "VP8/90000"),
            answer(&sdp).replacen("a=recvonly", "a=inactive", 1),
        ] {
            let error = negotiated(&blind, &offered, Some(Codec::Pcmu)).unwrap_err();
            assert_eq!(error.status(), Status::Codec);
            assert!(error.message().contains("does not take H264"), "{error}");
        }
    }

    #[test]
    fn a_section_of_the_bundle_need_not_say_rtcp_mux() {
        let (sdp, offered) = offer(Some(Codec::Pcmu));
        let answer = answer(&sdp);
        let (video, audio) = answer.split_once("m=audio").unwrap();
        assert!(audio.contains("a=rtcp-mux\r\n"), "{audio}");
        let answer = format!("{video}m=audio{}", audio.replace("a=rtcp-mux\r\n", ""));
        let agreed = negotiated(&answer, &offered, Some(Codec::Pcmu)).unwrap();
        assert_eq!(agreed.tracks.len(), 2);
    }

    #[test]
    fn dtls_in_stun_is_not_offered_and_not_used_whatever_is_answered() {
        let (sdp, offered) = offer(None);
        assert!(!sdp.contains("sped"), "{sdp}");
        let answer = answer(&sdp).replacen("t=0 0", "t=0 0\r\na=ice-options:googspedv1", 1);
        let read = IngestAnswer::parse(answer.as_bytes(), 8, |_| true).unwrap();
        assert_eq!(read.takes.dtls_in_stun, ["googspedv1"]);
        let agreed = negotiated(&answer, &offered, None).unwrap();
        assert!(agreed.dtls_in_stun.is_empty());
    }

    #[test]
    fn sound_that_was_not_offered_is_not_sent() {
        let (sdp, offered) = offer(Some(Codec::Opus));
        let mut offered = offered;
        offered
            .tracks
            .retain(|track| track.kind() == MediaKind::Video);
        let agreed = negotiated(&answer(&sdp), &offered, None).unwrap();
        assert_eq!(agreed.tracks.len(), 1);
    }
}
