//! The codecs of a track: that of the stream, and those of its variants, which the track may change to.

use super::{Allowed, Lines, NegotiatedTrack, Retransmission, av1, h264, h265, offers, parameter};
use crate::media::{Codec, MediaKind, ParameterSets, TrackInfo};
use crate::sdp::offer::{OfferedCodec, OfferedSection};

/// A further codec of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// Codec.
    pub codec: Codec,
    /// Payload type.
    pub payload_type: u8,
    /// Text of its `a=fmtp` line in the answer, empty if none.
    pub fmtp: String,
    /// Payload type of its RTX stream, if there is one.
    pub rtx: Option<u8>,
}

/// What is answered for a codec: the offered form of it, and its fmtp.
pub(super) type Chosen<'a> = (Codec, &'a OfferedCodec, String);

/// The codec of a section that matches a track of the camera.
pub(super) fn choose_for<'a>(section: &'a OfferedSection, info: &TrackInfo) -> Option<Chosen<'a>> {
    choose(section, info.codec, info.parameter_sets.as_ref())
}

/// The best form of a codec in a section for a track with these parameter sets, if they are known.
pub(super) fn choose<'a>(
    section: &'a OfferedSection,
    codec: Codec,
    sets: Option<&ParameterSets>,
) -> Option<Chosen<'a>> {
    let same = offered_as(section, codec);
    let (offered, fmtp) = match (codec, sets) {
        (_, Some(ParameterSets::H264(sets))) => h264::choose(same, sets.profile_level_id()),
        (_, Some(ParameterSets::H265(sets))) => h265::choose(same, sets.profile_tier_level()),
        (_, Some(ParameterSets::Av1(header))) => av1::choose(same, header.profile_tier_level()),
        (Codec::H264, None) => h264::choose(same, None),
        (Codec::H265, None) => h265::choose(same, None),
        (Codec::Av1, None) => av1::choose(same, None),
        (_, None) => same.map(|codec| (codec, codec.fmtp.clone())).next(),
    }?;
    Some((codec, offered, fmtp))
}

/// The form of a codec in a section that carries streams of any profile: the level is as high as there is,
/// and decoders of the higher profile take the lower as well.
pub(super) fn choose_for_any(section: &OfferedSection, codec: Codec) -> Option<Chosen<'_>> {
    let same = || offered_as(section, codec);
    let (offered, fmtp) = match codec {
        Codec::H264 => h264::choose(same(), Some(h264::MAIN_OF_ANY_LEVEL)),
        Codec::H265 => h265::choose(same(), Some(h265::MAIN_10_OF_ANY_LEVEL))
            .or_else(|| h265::choose(same(), None)),
        _ => return choose(section, codec, None),
    }?;
    Some((codec, offered, fmtp))
}

/// The forms in which a section offers a codec.
fn offered_as(section: &OfferedSection, codec: Codec) -> impl Iterator<Item = &OfferedCodec> {
    section.codecs.iter().filter(move |offered| {
        offered.name.eq_ignore_ascii_case(codec.encoding_name())
            && offered.clock_rate == codec.clock_rate()
            && offered.channels == codec.channels()
    })
}

/// How the lost packets of a codec can be retransmitted: with RTX, its payload type.
pub(super) fn repair(section: &OfferedSection, codec: &OfferedCodec, allowed: Allowed) -> Repair {
    let mut codecs = section.codecs.iter();
    if !allowed.nack || !offers(codec, "nack") {
        Repair::Off
    } else if let Some(rtx) = codecs.find(|rtx| retransmits(rtx, codec)) {
        Repair::Rtx(rtx.payload_type)
    } else {
        Repair::SameStream
    }
}

#[derive(Clone, Copy)]
pub(super) enum Repair {
    Off,
    SameStream,
    Rtx(u8),
}

/// Adds what a track may change to: the codecs of `tracks`, each once, and those of which nothing is
/// known may have any codec. The feedback on them must be that of the track.
pub(super) fn add_formats<'a>(
    track: &mut NegotiatedTrack,
    section: &OfferedSection,
    tracks: impl Iterator<Item = Option<&'a TrackInfo>> + Clone,
    allowed: Allowed,
) {
    let any = Codec::ALL
        .into_iter()
        .filter(|codec| codec.kind() == MediaKind::Video);
    let known = tracks
        .clone()
        .flatten()
        .map(|info| (info.codec, info.parameter_sets.as_ref()));
    let unknown = { tracks }.any(|info| info.is_none());
    let unknown = any.filter(|_| unknown).map(|codec| (codec, None));
    for (codec, sets) in known.chain(unknown) {
        if track.format(codec).is_some() {
            continue;
        }
        if let Some(chosen) = choose(section, codec, sets) {
            add_format(track, section, chosen, allowed);
        }
    }
}

/// Adds a codec that a track may change to, if the feedback on it is that of the track.
pub(super) fn add_format(
    track: &mut NegotiatedTrack,
    section: &OfferedSection,
    (codec, offered, fmtp): Chosen<'_>,
    allowed: Allowed,
) {
    let rtx = match (repair(section, offered, allowed), track.retransmission) {
        (Repair::Rtx(rtx), Retransmission::Rtx { .. }) => Some(rtx),
        (Repair::Off, Retransmission::Off) | (Repair::SameStream, Retransmission::SameStream) => {
            None
        }
        _ => return,
    };
    if track.transport_cc_id.is_some() && !offers(offered, "transport-cc") {
        return;
    }
    track.further.push(Format {
        codec,
        payload_type: offered.payload_type,
        fmtp,
        rtx,
    });
}

/// What may be used whichever of `tracks` is sent: the feedback that is offered on all of them. Chromium
/// offers transport-wide feedback on Opus alone, and a track that begins with it would be Opus for good.
pub(super) fn in_common(
    section: &OfferedSection,
    tracks: &[TrackInfo],
    allowed: Allowed,
) -> Allowed {
    let all_offer = |feedback| {
        let mut chosen = tracks.iter().filter_map(|info| choose_for(section, info));
        chosen.all(|(_, offered, _)| offers(offered, feedback))
    };
    Allowed {
        nack: allowed.nack && all_offer("nack"),
        transport_cc: allowed.transport_cc && all_offer("transport-cc"),
        ..allowed
    }
}

impl NegotiatedTrack {
    /// Video or audio.
    pub fn kind(&self) -> MediaKind {
        self.codec.kind()
    }

    /// Payload type of a codec and that of its RTX stream; `None` if the track cannot carry it.
    pub fn format(&self, codec: Codec) -> Option<(u8, Option<u8>)> {
        let mut formats = self.formats();
        formats.find_map(|format| (format.0 == codec).then_some((format.1, format.2)))
    }

    /// Codecs with their payload types and those of their RTX streams, the one to begin with first.
    pub fn formats(&self) -> impl Iterator<Item = (Codec, u8, Option<u8>)> + '_ {
        let rtx = match self.retransmission {
            Retransmission::Rtx { payload_type, .. } => Some(payload_type),
            Retransmission::Off | Retransmission::SameStream => None,
        };
        let further = self.further.iter();
        let further = further.map(|format| (format.codec, format.payload_type, format.rtx));
        std::iter::once((self.codec, self.payload_type, rtx)).chain(further)
    }

    /// All payload types, as an `m=` line has them.
    pub(super) fn payload_types(&self) -> String {
        let pairs = self.formats();
        let numbers = pairs.flat_map(|(_, payload_type, rtx)| [Some(payload_type), rtx]);
        let numbers: Vec<String> = numbers.flatten().map(|number| number.to_string()).collect();
        numbers.join(" ")
    }

    pub(super) fn fmtp_of(&self, payload_type: u8) -> &str {
        let mut further = self.further.iter();
        let further = further.find(|format| format.payload_type == payload_type);
        further.map_or(&self.fmtp, |format| &format.fmtp)
    }
}

/// Whether `rtx` carries retransmissions of `codec` (RFC 4588 section 8.6).
fn retransmits(rtx: &OfferedCodec, codec: &OfferedCodec) -> bool {
    rtx.name.eq_ignore_ascii_case("rtx")
        && (rtx.clock_rate, rtx.channels) == (codec.clock_rate, codec.channels)
        && parameter(&rtx.fmtp, "apt").and_then(|apt| apt.parse().ok()) == Some(codec.payload_type)
}

/// The lines of one codec and its RTX stream.
pub(super) fn write_format(
    sdp: &mut Lines,
    section: &OfferedSection,
    track: &NegotiatedTrack,
    codec: Codec,
    payload_type: u8,
    rtx: Option<u8>,
) {
    let find = |wanted: u8| {
        let mut codecs = section.codecs.iter();
        codecs.find(|offered| offered.payload_type == wanted)
    };
    let (name, clock_rate) = (codec.encoding_name(), codec.clock_rate());
    write_rtpmap(sdp, payload_type, name, clock_rate, codec.channels());
    let fmtp = track.fmtp_of(payload_type);
    if !fmtp.is_empty() {
        sdp.line(format_args!("a=fmtp:{payload_type} {fmtp}"));
    }
    for feedback in ["ccm fir", "nack", "nack pli"] {
        if find(payload_type).is_some_and(|codec| offers(codec, feedback))
            && (feedback != "nack" || track.retransmission != Retransmission::Off)
        {
            sdp.line(format_args!("a=rtcp-fb:{payload_type} {feedback}"));
        }
    }
    if track.transport_cc_id.is_some() {
        sdp.line(format_args!("a=rtcp-fb:{payload_type} transport-cc"));
    }
    if let Some(rtx) = rtx
        && let Some(offered) = find(rtx)
    {
        write_rtpmap(sdp, rtx, "rtx", clock_rate, codec.channels());
        sdp.line(format_args!("a=fmtp:{rtx} {}", offered.fmtp));
    }
}

pub(super) fn write_rtpmap(
    sdp: &mut Lines,
    payload_type: u8,
    name: &str,
    clock_rate: u32,
    channels: u8,
) {
    let channels = match channels {
        1 => String::new(),
        more => format!("/{more}"),
    };
    sdp.line(format_args!(
        "a=rtpmap:{payload_type} {name}/{clock_rate}{channels}"
    ));
}
