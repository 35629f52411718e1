//! Negotiates the codecs that offer and camera have in common, and writes the SDP answer.

use std::fmt::Write as _;

use super::IceCredentials;
use crate::error::{Error, Result, Status};
use crate::media::{Codec, MediaKind, TrackInfo};
use crate::sdp::offer::{Offer, OfferedCodec, OfferedSection};

mod av1;
mod candidates;
mod counter;
mod formats;
mod h264;
mod h265;
mod restart;
mod to_ingest;
mod wall;

pub use candidates::{Candidates, Reflexive};
pub use counter::{Countered, counter_offer};
pub use formats::Format;
use formats::{
    Chosen, Repair, add_formats, choose, choose_for, in_common, repair, write_format, write_rtpmap,
};
pub use restart::{restart_fragment, transport_section};
pub use to_ingest::{negotiate_ingest, not_taken, offer_to_ingest};
pub use wall::{MAX_MESSAGE_SIZE, SCTP_PORT, answer_wall, negotiate_wall};

const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Ids of the one-byte form of header extensions (RFC 8285 section 4.2).
const ONE_BYTE_IDS: std::ops::RangeInclusive<u8> = 1..=14;

/// Maximum number of codec names in an error message.
const NAMES_IN_ERROR: usize = 12;

/// The port of sections whose candidates say where to send (RFC 8840 section 4.1.1).
const DISCARD: u16 = 9;

/// What sound that begins later may be. The first that is offered stands first in the answer.
const AUDIO_CODECS: [Codec; 4] = [Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma];

/// The MediaStream of all tracks, as the viewer's JavaScript sees it.
const MEDIA_STREAM: &str = "camera";

/// A track that both sides agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NegotiatedTrack {
    /// Index of its media section in the offer.
    pub section: usize,
    /// `a=mid` of that section, empty if none.
    pub mid: Box<str>,
    /// Codec.
    pub codec: Codec,
    /// Payload type.
    pub payload_type: u8,
    /// Text of its `a=fmtp` line in the answer, empty if none.
    pub fmtp: String,
    /// The codecs of variants, which the track may change to. What is lost is retransmitted in the same
    /// way.
    pub further: Vec<Format>,
    /// How lost packets are retransmitted.
    pub retransmission: Retransmission,
    /// Id of the playout-delay header extension, if offered (1..=14).
    pub playout_delay_id: Option<u8>,
    /// Id of the header extension with the transport-wide sequence number (1..=14), if the viewer
    /// offered feedback on it.
    pub transport_cc_id: Option<u8>,
    /// The stream's SSRC, chosen here.
    pub ssrc: u32,
}

/// How lost packets are retransmitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retransmission {
    /// Not at all: NACK (RFC 4585) was not offered, or is not allowed here.
    Off,
    /// On the original RTP stream.
    SameStream,
    /// On a separate RTP stream, RTX (RFC 4588).
    Rtx {
        /// Its payload type.
        payload_type: u8,
        /// Its SSRC, chosen here.
        ssrc: u32,
    },
}

/// Where data channels go (RFC 8841).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NegotiatedData {
    /// Index of its media section in the offer.
    pub section: usize,
    /// The viewer's port.
    pub sctp_port: u16,
    /// The largest message that the viewer takes, in bytes; 0 for any size.
    pub max_message_size: u32,
}

/// What both sides agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Random number below 2^63 that names this session in SDP and RTCP.
    pub id: u64,
    /// The tracks, in the order of the offer's sections. A session of one stream has at most one of video
    /// and one of audio. Beside video there is audio, whether the camera has sound or not, if the browser
    /// accepts any that shares the transport: sound may begin later.
    pub tracks: Vec<NegotiatedTrack>,
    /// What carries data channels: in walls only.
    pub data: Option<NegotiatedData>,
    /// Sections in which nothing is sent: index in the offer, and the payload type that is answered.
    pub silent: Vec<(usize, u8)>,
    /// The names by which DTLS within the checks of ICE is agreed on; empty if it is not.
    pub dtls_in_stun: Vec<&'static str>,
}

impl Negotiated {
    /// The CNAME of all streams (RFC 7022), for the answer and for RTCP.
    pub fn cname(&self) -> String {
        format!("{:016x}", self.id)
    }

    /// The viewer's credentials: of the first section of its bundle that is not refused (RFC 9143
    /// section 7.2).
    pub fn remote_ice<'a>(&self, offer: &'a Offer) -> &'a IceCredentials {
        let taken = bundle(offer, self).into_iter();
        let mut ice = taken.filter_map(|i| offer.section_ice.get(i)?.as_ref());
        ice.next().unwrap_or(&offer.ice)
    }

    /// Whether the viewer sends transport-wide feedback on any track.
    pub fn transport_cc(&self) -> bool {
        let mut tracks = self.tracks.iter();
        tracks.any(|track| track.transport_cc_id.is_some())
    }

    /// What is in the offer's section `i`.
    fn in_section(&self, i: usize) -> Content<'_> {
        let mut tracks = self.tracks.iter();
        let mut silent = self.silent.iter();
        if let Some(track) = tracks.find(|track| track.section == i) {
            Content::Track(track)
        } else if self.data.is_some_and(|data| data.section == i) {
            Content::Data
        } else if let Some(&(_, payload_type)) = silent.find(|silent| silent.0 == i) {
            Content::Silent(payload_type)
        } else {
            Content::Refused
        }
    }
}

/// What a section of the answer carries.
enum Content<'a> {
    Track(&'a NegotiatedTrack),
    Data,
    /// Nothing, but it is part of the transport.
    Silent(u8),
    Refused,
}

/// What a session may use if it is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// NACK (RFC 4585).
    pub nack: bool,
    /// Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    pub transport_cc: bool,
    /// DTLS within the checks of ICE (draft-hancke-webrtc-sped).
    pub dtls_in_stun: bool,
}

/// Chooses sections, payload types and SSRCs.
///
/// `videos`: the stream's own video, then those of its variants, best first; `None` for one whose codec is
/// not known yet; empty if the stream has audio only. The video begins with the first of them that the
/// browser takes, and may change to all that it takes. If it takes none that is known, one that is not is
/// expected to have H.264. H.264 uses the payload type with the camera's profile, else Main, else
/// Constrained Baseline, else any, with packetization-mode 1 if offered. H.265 and AV1 use one with the
/// camera's profile, else one whose decoders decode that as well.
///
/// `audio`: the stream's audio. It may change to any codec that the browser offers. If there is none yet,
/// or none that the browser takes, the video has an audio track all the same, so that sound may begin
/// later without a new offer. It is omitted if it cannot share the transport of the video. An offer without
/// video gets the audio alone. `allowed`: what is used where it is offered. `random` returns random numbers.
///
/// The other sections that could share the transport are answered all the same, without media: some
/// viewers do not understand an answer that refuses a section.
///
/// Fails with `Status::Codec` if there is no common codec; the message names what the camera sends and
/// what the browser offers.
pub fn negotiate(
    offer: &Offer,
    videos: &[Option<&TrackInfo>],
    audio: Option<&TrackInfo>,
    allowed: Allowed,
    random: &mut dyn FnMut() -> Result<u64>,
) -> Result<Negotiated> {
    let id = random()? >> 1;
    let mut ssrcs = Ssrcs::new(random);
    let video = choose_video(offer, videos);
    let alone = videos.is_empty() || sections(offer, MediaKind::Video).next().is_none();
    if video.is_none() && !(alone && audio.is_some()) {
        return Err(nothing_in_common(
            offer,
            videos.iter().flatten().next().copied(),
        ));
    }
    let transport = video.as_ref().map(|(section, _)| *section);
    let sounds = || {
        sections(offer, MediaKind::Audio)
            .filter(|&(i, _)| transport.is_none_or(|first| bundled(offer, i, first)))
    };
    let any = AUDIO_CODECS.map(TrackInfo::audio);
    let later = any.iter().filter(|_| transport.is_some());
    let sound = audio
        .into_iter()
        .chain(later)
        .find_map(|audio| sounds().find_map(|(i, section)| Some((i, choose_for(section, audio)?))));
    let Some(transport) = transport.or(sound.as_ref().map(|(section, _)| *section)) else {
        return Err(nothing_in_common(offer, audio));
    };

    let mut tracks = Vec::new();
    if let Some((i, chosen)) = video {
        let section = &offer.sections[i];
        let mut track = track(offer, i, chosen, allowed, &mut ssrcs)?;
        add_formats(&mut track, section, videos.iter().copied(), allowed);
        track.playout_delay_id = extension(section, PLAYOUT_DELAY);
        tracks.push(track);
    }
    if let Some((i, chosen)) = sound {
        let section = &offer.sections[i];
        let known = audio.is_some_and(|audio| audio.codec == chosen.0);
        let allowed = match known {
            true => allowed,
            false => in_common(section, &any, allowed),
        };
        let mut track = track(offer, i, chosen, allowed, &mut ssrcs)?;
        add_formats(&mut track, section, any.iter().map(Some), allowed);
        tracks.push(track);
    }
    tracks.sort_by_key(|track| track.section);
    Ok(Negotiated {
        id,
        silent: silent(offer, transport, &tracks),
        tracks,
        data: None,
        dtls_in_stun: dtls_in_stun(offer, allowed),
    })
}

/// All of the names that are offered: they are one for each version of Chromium, and mean the same.
fn dtls_in_stun(offer: &Offer, allowed: Allowed) -> Vec<&'static str> {
    match allowed.dtls_in_stun {
        true => offer.dtls_in_stun.clone(),
        false => Vec::new(),
    }
}

/// The sections that could share the transport and have no track.
fn silent(offer: &Offer, transport: usize, tracks: &[NegotiatedTrack]) -> Vec<(usize, u8)> {
    let taken = |i| tracks.iter().any(|track| track.section == i);
    let sections = offer.sections.iter().enumerate();
    let silent = sections.filter_map(|(i, section)| {
        section
            .wanted
            .filter(|_| bundled(offer, i, transport) && !taken(i))?;
        Some((i, acceptable(section)?))
    });
    silent.collect()
}

/// The section and the form of the video to begin with.
fn choose_video<'a>(
    offer: &'a Offer,
    videos: &[Option<&TrackInfo>],
) -> Option<(usize, Chosen<'a>)> {
    let mut known = videos.iter().flatten();
    let chosen = known.find_map(|video| {
        sections(offer, MediaKind::Video)
            .find_map(|(i, section)| Some((i, choose_for(section, video)?)))
    });
    chosen.or_else(|| {
        // One that is not known yet most likely has the codec that every browser takes.
        let unknown = videos.iter().any(Option::is_none);
        let mut sections = sections(offer, MediaKind::Video).filter(|_| unknown);
        sections.find_map(|(i, section)| Some((i, choose(section, Codec::H264, None)?)))
    })
}

/// The sections of the offer's bundle that are not refused, in its order.
fn bundle(offer: &Offer, negotiated: &Negotiated) -> Vec<usize> {
    let sections = offer.bundle.iter().filter_map(|mid| {
        let mut sections = offer.sections.iter();
        sections.position(|section| section.mid == *mid)
    });
    let taken = |&i: &usize| !matches!(negotiated.in_section(i), Content::Refused);
    sections.filter(taken).collect()
}

/// Whether two sections share a transport.
fn bundled(offer: &Offer, i: usize, other: usize) -> bool {
    [i, other]
        .iter()
        .all(|&i| offer.bundle.contains(&offer.sections[i].mid))
}

/// The payload type to answer in a section that carries nothing: of a codec of ours if there is one.
fn acceptable(section: &OfferedSection) -> Option<u8> {
    let ours = Codec::ALL
        .into_iter()
        .filter(|codec| Some(codec.kind()) == section.wanted);
    let mut ours = ours.filter_map(|codec| Some(choose(section, codec, None)?.1.payload_type));
    ours.next()
        .or_else(|| section.codecs.first().map(|codec| codec.payload_type))
}

/// The sections that want this kind, with their index in the offer.
fn sections(offer: &Offer, kind: MediaKind) -> impl Iterator<Item = (usize, &OfferedSection)> {
    let all = offer.sections.iter().enumerate();
    all.filter(move |(_, section)| section.wanted == Some(kind))
}

fn track(
    offer: &Offer,
    section: usize,
    (codec, offered, fmtp): Chosen<'_>,
    allowed: Allowed,
    ssrcs: &mut Ssrcs<'_>,
) -> Result<NegotiatedTrack> {
    let ssrc = ssrcs.next()?;
    let retransmission = match repair(&offer.sections[section], offered, allowed) {
        Repair::Off => Retransmission::Off,
        Repair::SameStream => Retransmission::SameStream,
        Repair::Rtx(payload_type) => Retransmission::Rtx {
            payload_type,
            ssrc: ssrcs.next()?,
        },
    };
    // Without RTX a retransmission has the packet index of the original. SRTP allows an index for one
    // packet only (RFC 3711 section 9.1), so both must be equal, and a header that has a new number
    // each time it is sent is impossible.
    let numbered = allowed.transport_cc && retransmission != Retransmission::SameStream;
    let transport_cc_id = extension(&offer.sections[section], TRANSPORT_CC)
        .filter(|_| numbered && offers(offered, "transport-cc"));
    Ok(NegotiatedTrack {
        section,
        mid: offer.sections[section].mid.as_str().into(),
        codec,
        payload_type: offered.payload_type,
        fmtp,
        further: Vec::new(),
        retransmission,
        playout_delay_id: None,
        transport_cc_id,
        ssrc,
    })
}

fn offers(codec: &OfferedCodec, feedback: &str) -> bool {
    codec.feedback.iter().any(|offered| offered == feedback)
}

/// The value of a parameter of an `a=fmtp` line.
fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    fmtp.split(';').find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn extension(section: &OfferedSection, uri: &str) -> Option<u8> {
    let mut extensions = section.extensions.iter();
    extensions
        .find(|extension| extension.uri == uri && ONE_BYTE_IDS.contains(&extension.id))
        .map(|extension| extension.id)
}

fn nothing_in_common(offer: &Offer, camera: Option<&TrackInfo>) -> Error {
    let codec = camera.map_or(Codec::H264, |camera| camera.codec);
    let (kind, what) = match codec.kind() {
        MediaKind::Video => (MediaKind::Video, "video"),
        MediaKind::Audio => (MediaKind::Audio, "audio"),
    };
    let camera = match kind {
        MediaKind::Video => codec.encoding_name().to_owned(),
        MediaKind::Audio => format!("audio only, {},", codec.encoding_name()),
    };
    let mut offered: Vec<&str> = Vec::new();
    for (_, section) in sections(offer, kind) {
        for codec in &section.codecs {
            let helper = matches!(
                codec.name.as_str(),
                "RTX" | "RED" | "ULPFEC" | "FLEXFEC" | "FLEXFEC-03" | "CN" | "TELEPHONE-EVENT"
            );
            if !helper && !offered.contains(&codec.name.as_str()) {
                offered.push(&codec.name);
            }
        }
    }
    let sentence = if sections(offer, kind).next().is_none() {
        let sends = match kind {
            MediaKind::Video => format!("{camera} video,"),
            MediaKind::Audio => camera,
        };
        format!(
            "the camera sends {sends} but the offer has no {what} section that is recvonly or \
             sendrecv: add a recvonly {what} transceiver"
        )
    } else {
        offered.truncate(NAMES_IN_ERROR);
        let offered = match offered.as_slice() {
            [] => format!("no {what} codec"),
            names => names.join(", "),
        };
        let advice = match codec {
            Codec::H265 => {
                "set the camera to H.264, which every browser plays, or use a browser on a machine \
                 whose hardware decodes this profile of H.265"
            }
            Codec::Av1 => {
                "send H.264, which every browser plays, or use a browser that plays this profile of \
                 AV1"
            }
            Codec::H264 => {
                "use a browser with H.264, or set the camera to a codec that the browser offers"
            }
            _ => "offer it, or set the camera to a codec that is offered",
        };
        let camera = camera.trim_end_matches(',');
        format!(
            "the camera sends {camera}, which the browser does not offer in a usable form; it offers \
             {offered}: {advice}"
        )
    };
    Error::new(Status::Codec, sentence)
}

/// Generates distinct nonzero SSRCs for one session.
struct Ssrcs<'a> {
    random: &'a mut dyn FnMut() -> Result<u64>,
    used: Vec<u32>,
}

impl<'a> Ssrcs<'a> {
    fn new(random: &'a mut dyn FnMut() -> Result<u64>) -> Self {
        Ssrcs {
            random,
            used: Vec::new(),
        }
    }

    fn next(&mut self) -> Result<u32> {
        loop {
            let ssrc = (self.random)()? as u32;
            if ssrc != 0 && !self.used.contains(&ssrc) {
                self.used.push(ssrc);
                return Ok(ssrc);
            }
        }
    }
}

/// The gateway's side of the transport, for the answer.
pub struct LocalTransport<'a> {
    /// Our ICE credentials.
    pub ice: &'a IceCredentials,
    /// SHA-256 fingerprint of our certificate.
    pub fingerprint: &'a str,
    /// Where to reach us.
    pub candidates: Candidates<'a>,
}

/// Writes the answer (RFC 8829 section 5.3): an ICE-lite, DTLS-passive sender, all tracks on one
/// transport. Every section has the lines of the transport, even a refused one: some viewers insist.
pub fn answer(offer: &Offer, negotiated: &Negotiated, transport: &LocalTransport<'_>) -> String {
    let mids: Vec<&str> = bundle(offer, negotiated)
        .into_iter()
        .map(|i| offer.sections[i].mid.as_str())
        .collect();

    let mut sdp = Lines::default();
    let agreed = Some(&*negotiated.dtls_in_stun);
    write_start(&mut sdp, negotiated.id, None, &mids, agreed);
    let mut candidates = Some(transport.candidates);
    for (i, section) in offer.sections.iter().enumerate() {
        let content = negotiated.in_section(i);
        match content {
            Content::Track(track) => media(&mut sdp, section, track, &negotiated.cname()),
            Content::Silent(payload_type) => silence(&mut sdp, section, payload_type),
            Content::Data | Content::Refused => refuse(&mut sdp, section),
        }
        security(&mut sdp, transport, "passive");
        // The others share the first one's transport.
        if !matches!(content, Content::Refused)
            && let Some(candidates) = candidates.take()
        {
            candidates.write(&mut sdp);
        }
    }
    sdp.0
}

/// The lines above the sections. `why` is for people. `lite`: see [`write_ice_agent`]; `None`: it is a full agent.
fn write_start(sdp: &mut Lines, id: u64, why: Option<&str>, mids: &[&str], lite: Option<&[&str]>) {
    sdp.line(format_args!("v=0"));
    sdp.line(format_args!("o=- {id} 1 IN IP4 0.0.0.0"));
    sdp.line(format_args!("s=-"));
    if let Some(why) = why {
        sdp.line(format_args!("i={why}"));
    }
    sdp.line(format_args!("t=0 0"));
    if !mids.is_empty() {
        sdp.line(format_args!("a=group:BUNDLE {}", mids.join(" ")));
    }
    match lite {
        Some(agreed) => write_ice_agent(sdp, agreed),
        None => sdp.line(format_args!("a=ice-options:ice2")),
    }
    sdp.line(format_args!("a=msid-semantic: WMS {MEDIA_STREAM}"));
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.0.write_fmt(line);
        self.0.push_str("\r\n");
    }
}

/// A section that carries nothing: port 0, out of the bundle (RFC 8829 section 5.3.1).
fn refuse(sdp: &mut Lines, section: &OfferedSection) {
    head(sdp, section, 0, &section.formats.join(" "), "inactive");
}

/// A section that carries nothing at the moment.
fn silence(sdp: &mut Lines, section: &OfferedSection, payload_type: u8) {
    head(sdp, section, DISCARD, &payload_type.to_string(), "inactive");
    let mut codecs = section.codecs.iter();
    if let Some(codec) = codecs.find(|codec| codec.payload_type == payload_type) {
        // As it is registered: not everybody ignores case.
        let mut ours = Codec::ALL.iter().map(|ours| ours.encoding_name());
        let name = ours.find(|ours| ours.eq_ignore_ascii_case(&codec.name));
        let name = name.unwrap_or(&codec.name);
        write_rtpmap(sdp, payload_type, name, codec.clock_rate, codec.channels);
        if !codec.fmtp.is_empty() {
            sdp.line(format_args!("a=fmtp:{payload_type} {}", codec.fmtp));
        }
    }
}

/// The lines that every section begins with.
fn head(sdp: &mut Lines, section: &OfferedSection, port: u16, formats: &str, direction: &str) {
    let OfferedSection {
        media, protocol, ..
    } = section;
    sdp.line(format_args!("m={media} {port} {protocol} {formats}"));
    sdp.line(format_args!("c=IN IP4 0.0.0.0"));
    write_mid(sdp, section);
    sdp.line(format_args!("a={direction}"));
    if protocol.contains("RTP/") {
        sdp.line(format_args!("a=rtcp-mux"));
    }
}

fn write_mid(sdp: &mut Lines, section: &OfferedSection) {
    if !section.mid.is_empty() {
        sdp.line(format_args!("a=mid:{}", section.mid));
    }
}

fn media(sdp: &mut Lines, section: &OfferedSection, track: &NegotiatedTrack, cname: &str) {
    head(sdp, section, DISCARD, &track.payload_types(), "sendonly");
    if section.reduced_size_rtcp {
        sdp.line(format_args!("a=rtcp-rsize"));
    }
    write_extensions(sdp, section, track);
    for (codec, payload_type, rtx) in track.formats() {
        write_format(sdp, section, track, codec, payload_type, rtx);
    }

    write_streams(sdp, section, track, cname);
}

fn write_extensions(sdp: &mut Lines, section: &OfferedSection, track: &NegotiatedTrack) {
    for (uri, id) in [
        (PLAYOUT_DELAY, track.playout_delay_id),
        (TRANSPORT_CC, track.transport_cc_id),
    ] {
        let mut extensions = section.extensions.iter();
        let Some(extension) = extensions.find(|e| Some(e.id) == id && e.uri == uri) else {
            continue;
        };
        let direction = if extension.receive_only {
            "/sendonly"
        } else {
            ""
        };
        let id = extension.id;
        sdp.line(format_args!("a=extmap:{id}{direction} {uri}"));
    }
}

/// The RTP streams of a track.
fn write_streams(sdp: &mut Lines, section: &OfferedSection, track: &NegotiatedTrack, cname: &str) {
    sdp.line(format_args!("a=msid:{MEDIA_STREAM} {}", section.media));
    write_ssrcs(sdp, track, cname);
}

fn write_ssrcs(sdp: &mut Lines, track: &NegotiatedTrack, cname: &str) {
    let ssrc = track.ssrc;
    let rtx = match track.retransmission {
        Retransmission::Rtx { ssrc, .. } => Some(ssrc),
        Retransmission::Off | Retransmission::SameStream => None,
    };
    if let Some(rtx) = rtx {
        sdp.line(format_args!("a=ssrc-group:FID {ssrc} {rtx}"));
    }
    for ssrc in std::iter::once(ssrc).chain(rtx) {
        sdp.line(format_args!("a=ssrc:{ssrc} cname:{cname}"));
    }
}

fn security(sdp: &mut Lines, transport: &LocalTransport<'_>, setup: &str) {
    write_ice(sdp, transport.ice);
    write_fingerprint(sdp, transport);
    sdp.line(format_args!("a=setup:{setup}"));
}

fn write_fingerprint(sdp: &mut Lines, transport: &LocalTransport<'_>) {
    let fingerprint = transport.fingerprint;
    sdp.line(format_args!("a=fingerprint:sha-256 {fingerprint}"));
}

/// What our ICE agent is: lite, by RFC 8445 (`ice2`, its section 10), which takes further candidates at any
/// time (`trickle`, RFC 8838 section 3). The answer and the response to a restart say the same (RFC 9725
/// section 4.3.3). `agreed`: further options, which the viewer has offered.
fn write_ice_agent(sdp: &mut Lines, agreed: &[&str]) {
    let options = [&["trickle", "ice2"], agreed].concat().join(" ");
    sdp.line(format_args!("a=ice-lite"));
    sdp.line(format_args!("a=ice-options:{options}"));
}

fn write_ice(sdp: &mut Lines, ice: &IceCredentials) {
    sdp.line(format_args!("a=ice-ufrag:{}", ice.ufrag));
    sdp.line(format_args!("a=ice-pwd:{}", ice.pwd));
}

#[cfg(test)]
mod tests;
