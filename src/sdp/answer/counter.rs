//! An offer of our own, for viewers whose offer cannot be answered (draft-ietf-wish-whep-04, "Server Sends
//! Counter-offer").
//!
//! It is what a viewer that takes everything would offer, turned around. What the viewer answers to it is
//! then read as an offer: it says what the viewer takes, and how to reach it.

use super::formats::write_rtpmap;
use super::{
    AUDIO_CODECS, Allowed, DISCARD, Lines, LocalTransport, Negotiated, NegotiatedTrack,
    PLAYOUT_DELAY, Retransmission, TRANSPORT_CC, head, negotiate, security, write_start,
    write_streams,
};
use crate::error::Result;
use crate::media::{Codec, MediaKind, ParameterSets, TrackInfo};
use crate::sdp::IceCredentials;
use crate::sdp::offer::{Offer, OfferedCodec, OfferedExtension, OfferedSection};

/// Payload types of video and its retransmissions (RFC 3551 section 6), and that of Opus.
const VIDEO: std::ops::Range<u8> = 96..126;
const OPUS: u8 = 126;
/// Profiles of H.264 that viewers take, whichever the camera has: Main, Constrained Baseline.
const H264_PROFILES: [&str; 2] = ["4d001f", "42e01f"];
/// What is said of why the offer is made, at most, in bytes.
const MAX_REASON: usize = 512;

/// What a counter-offer calls its streams. The session keeps that.
#[derive(Clone, Debug)]
pub struct Countered {
    pub(super) id: u64,
    pub(super) tracks: Vec<NegotiatedTrack>,
}

impl Countered {
    /// Gives what was negotiated by the answer the names of the offer. DTLS within the checks of ICE was not offered,
    /// whatever the answer says of it.
    pub fn rename(&self, negotiated: &mut Negotiated) {
        negotiated.id = self.id;
        negotiated.dtls_in_stun.clear();
        for track in &mut negotiated.tracks {
            let mut offered = self.tracks.iter();
            let Some(offered) = offered.find(|offered| offered.kind() == track.kind()) else {
                continue;
            };
            track.ssrc = offered.ssrc;
            if let Retransmission::Rtx { ssrc, .. } = &mut track.retransmission
                && let Retransmission::Rtx { ssrc: offered, .. } = offered.retransmission
            {
                *ssrc = offered;
            }
        }
    }
}

/// Writes the offer. `videos`, `audio`, `allowed` and `random`: as for [`negotiate`]. `why` the viewer's own
/// offer will not do, for people.
pub fn counter_offer(
    videos: &[Option<&TrackInfo>],
    audio: Option<&TrackInfo>,
    allowed: Allowed,
    random: &mut dyn FnMut() -> Result<u64>,
    transport: &LocalTransport<'_>,
    why: &str,
) -> Result<(String, Countered)> {
    // Beside video there is a place for sound that begins later.
    let sounds: &[Codec] = match audio.is_some() || !videos.is_empty() {
        true => &AUDIO_CODECS,
        false => &[],
    };
    let all = everything(videos, sounds, true, allowed);
    let negotiated = negotiate(&all, videos, audio, allowed, random)?;
    let mut sdp = Lines::default();
    let mids: Vec<&str> = all.bundle.iter().map(String::as_str).collect();
    let why: String = why.chars().filter(|c| !c.is_control()).collect();
    let why = &why[..why.floor_char_boundary(MAX_REASON)];
    write_start(&mut sdp, negotiated.id, Some(why), &mids, Some(&[]));
    write_sections(&mut sdp, &all, &negotiated, transport);
    let countered = Countered {
        id: negotiated.id,
        tracks: negotiated.tracks,
    };
    Ok((sdp.0, countered))
}

pub(super) fn write_sections(
    sdp: &mut Lines,
    all: &Offer,
    negotiated: &Negotiated,
    transport: &LocalTransport<'_>,
) {
    for (i, section) in all.sections.iter().enumerate() {
        let mut tracks = negotiated.tracks.iter();
        let track = tracks.find(|track| track.section == i);
        write_section(sdp, section, track, &negotiated.cname());
        security(sdp, transport, "actpass");
        if i == 0 {
            transport.candidates.write(sdp);
        }
    }
}

fn write_section(
    sdp: &mut Lines,
    section: &OfferedSection,
    track: Option<&NegotiatedTrack>,
    cname: &str,
) {
    head(
        sdp,
        section,
        DISCARD,
        &section.formats.join(" "),
        "sendonly",
    );
    sdp.line(format_args!("a=rtcp-mux-only"));
    sdp.line(format_args!("a=rtcp-rsize"));
    for OfferedExtension { id, uri, .. } in &section.extensions {
        sdp.line(format_args!("a=extmap:{id} {uri}"));
    }
    for codec in &section.codecs {
        let number = codec.payload_type;
        let (rate, channels) = (codec.clock_rate, codec.channels);
        write_rtpmap(sdp, number, &codec.name, rate, channels);
        if !codec.fmtp.is_empty() {
            sdp.line(format_args!("a=fmtp:{number} {}", codec.fmtp));
        }
        for feedback in &codec.feedback {
            sdp.line(format_args!("a=rtcp-fb:{number} {feedback}"));
        }
    }
    if let Some(track) = track {
        write_streams(sdp, section, track, cname);
    }
}

/// What somebody would offer that takes these videos and sounds. `shows`: it is a viewer.
pub(super) fn everything(
    videos: &[Option<&TrackInfo>],
    sounds: &[Codec],
    shows: bool,
    allowed: Allowed,
) -> Offer {
    let mut sections = Vec::new();
    if !videos.is_empty() {
        sections.push(section(
            MediaKind::Video,
            "0",
            video(videos, allowed),
            shows,
            allowed,
        ));
    }
    if !sounds.is_empty() {
        // What is retransmitted without RTX has no feedback for the transport, and sound can do without the former.
        let allowed = Allowed {
            nack: allowed.nack && shows,
            ..allowed
        };
        let codecs = sounds.iter().map(|&codec| sound(codec, allowed)).collect();
        sections.push(section(MediaKind::Audio, "1", codecs, shows, allowed));
    }
    // Of nobody in particular.
    let ice = IceCredentials {
        ufrag: String::new(),
        pwd: String::new(),
    };
    Offer {
        candidates: Vec::new(),
        bundle: sections.iter().map(|section| section.mid.clone()).collect(),
        section_ice: sections.iter().map(|_| None).collect(),
        fingerprints: Vec::new(),
        dtls_in_stun: Vec::new(),
        ice,
        sections,
    }
}

fn section(
    kind: MediaKind,
    mid: &str,
    codecs: Vec<OfferedCodec>,
    shows: bool,
    allowed: Allowed,
) -> OfferedSection {
    let media = match kind {
        MediaKind::Video => "video",
        MediaKind::Audio => "audio",
    };
    let delay = (shows && kind == MediaKind::Video).then_some((1, PLAYOUT_DELAY));
    let feedback = allowed.transport_cc.then_some((2, TRANSPORT_CC));
    let extension = |(id, uri): (u8, &str)| OfferedExtension {
        id,
        uri: uri.to_owned(),
        receive_only: false,
    };
    let formats = codecs.iter().map(|codec| codec.payload_type.to_string());
    OfferedSection {
        media: media.to_owned(),
        wanted: Some(kind),
        mid: mid.to_owned(),
        protocol: "UDP/TLS/RTP/SAVPF".to_owned(),
        formats: formats.collect(),
        extensions: delay.into_iter().chain(feedback).map(extension).collect(),
        reduced_size_rtcp: true,
        data: None,
        codecs,
    }
}

/// The codecs of a video and its variants, each with its retransmissions.
fn video(videos: &[Option<&TrackInfo>], allowed: Allowed) -> Vec<OfferedCodec> {
    let mut formats: Vec<(Codec, String)> = Vec::new();
    for video in videos {
        let codec = video.map_or(Codec::H264, |info| info.codec);
        let sets = video.and_then(|info| info.parameter_sets.as_ref());
        for fmtp in video_formats(sets) {
            if !formats.contains(&(codec, fmtp.clone())) {
                formats.push((codec, fmtp));
            }
        }
    }
    let numbers = VIDEO.step_by(2);
    let codecs = numbers.zip(formats).flat_map(|(number, (codec, fmtp))| {
        let feedback = ["ccm fir", "nack pli"];
        let repair = allowed.nack.then(|| OfferedCodec {
            fmtp: format!("apt={number}"),
            ..offered(
                "rtx",
                number + 1,
                codec,
                &[],
                Allowed {
                    nack: false,
                    transport_cc: false,
                    dtls_in_stun: false,
                },
            )
        });
        let codec = OfferedCodec {
            fmtp,
            ..offered(codec.encoding_name(), number, codec, &feedback, allowed)
        };
        [Some(codec), repair].into_iter().flatten()
    });
    codecs.collect()
}

fn video_formats(sets: Option<&ParameterSets>) -> Vec<String> {
    match sets {
        Some(ParameterSets::H265(sets)) => {
            let profile = sets.profile_tier_level().map(|p| {
                format!(
                    "level-id={};profile-id={};tier-flag={};tx-mode=SRST",
                    p.level_id, p.profile_id, p.tier_flag
                )
            });
            vec![profile.unwrap_or_default()]
        }
        Some(ParameterSets::Av1(header)) => {
            let profile = header.profile_tier_level().map(|p| {
                format!(
                    "level-idx={};profile={};tier={}",
                    p.level_idx, p.profile, p.tier
                )
            });
            vec![profile.unwrap_or_default()]
        }
        Some(ParameterSets::H264(_)) | None => {
            let own = match sets {
                Some(ParameterSets::H264(sets)) => sets.profile_level_id(),
                _ => None,
            };
            let own = own.map(|[a, b, c]| format!("{a:02x}{b:02x}{c:02x}"));
            let others = H264_PROFILES.map(str::to_owned);
            let profiles = own.into_iter().chain(others);
            let fmtp = |profile| {
                format!("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile}")
            };
            profiles.map(fmtp).collect()
        }
    }
}

fn sound(codec: Codec, allowed: Allowed) -> OfferedCodec {
    // Those that have numbers of their own (RFC 3551 section 6).
    let number = match codec {
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
        Codec::G722 => 9,
        _ => OPUS,
    };
    offered(codec.encoding_name(), number, codec, &[], allowed)
}

fn offered(
    name: &str,
    payload_type: u8,
    codec: Codec,
    feedback: &[&str],
    allowed: Allowed,
) -> OfferedCodec {
    let nack = allowed.nack.then_some("nack");
    let transport_cc = allowed.transport_cc.then_some("transport-cc");
    let feedback = feedback.iter().copied().chain(nack).chain(transport_cc);
    OfferedCodec {
        payload_type,
        name: name.to_owned(),
        clock_rate: codec.clock_rate(),
        channels: codec.channels(),
        fmtp: String::new(),
        feedback: feedback.map(str::to_owned).collect(),
    }
}
