//! Walls: many slots on one transport, each of which can carry any stream.
//!
//! The answer says each thing once. What belongs to the transport stands at the top, or in the one section that all
//! others are bundled with (RFC 9143 section 7.1.3), and of the formats only those that media can have. One thing
//! is repeated: Firefox hangs or crashes over a section without `a=setup`.

use super::formats::{
    add_format, add_formats, choose_for, choose_for_any, in_common, write_rtpmap,
};
use super::{
    AUDIO_CODECS, Allowed, Content, DISCARD, Lines, LocalTransport, Negotiated, NegotiatedData,
    NegotiatedTrack, PLAYOUT_DELAY, Retransmission, Ssrcs, bundle, bundled, dtls_in_stun,
    extension, nothing_in_common, offers, silent, track, write_extensions, write_fingerprint,
    write_ice, write_ice_agent, write_mid, write_ssrcs,
};
use crate::error::{Error, Result, Status};
use crate::media::{Codec, MediaKind, TrackInfo};
use crate::sdp::offer::{Offer, OfferedSection};

/// The video codecs of a slot; it begins with the first that is offered.
const VIDEO_CODECS: [Codec; 3] = [Codec::H264, Codec::H265, Codec::Av1];

/// Our port of SCTP: there is one association on a transport.
pub const SCTP_PORT: u16 = 5000;

/// The largest message that we take, in bytes.
pub const MAX_MESSAGE_SIZE: u32 = 64 * 1024;

/// Chooses payload types and SSRCs for the slots of a wall: a track for each section that wants video or
/// audio, with all codecs that a stream may have and the browser takes. `allowed` and `random`: as for
/// [`negotiate`](super::negotiate).
///
/// - `Status::Sdp`: no section is bundled under an `a=mid` of its own, by which slots are named.
/// - `Status::Codec`: the browser takes no video that a stream may have.
pub fn negotiate_wall(
    offer: &Offer,
    allowed: Allowed,
    random: &mut dyn FnMut() -> Result<u64>,
) -> Result<Negotiated> {
    let id = random()? >> 1;
    let mut ssrcs = Ssrcs::new(random);
    let mut sections = offer.sections.iter().enumerate();
    let shares = |&(i, section): &(usize, &OfferedSection)| {
        (section.wanted.is_some() || section.data.is_some()) && bundled(offer, i, i)
    };
    let Some((transport, _)) = sections.clone().find(shares) else {
        return Err(Error::new(
            Status::Sdp,
            "no section of the offer for video is in a=group:BUNDLE: create the RTCPeerConnection with \
             bundlePolicy \"max-bundle\" and add recvonly video transceivers",
        ));
    };
    let mut tracks = Vec::new();
    for place in sections.clone().filter(shares) {
        tracks.extend(slot(offer, place, allowed, &mut ssrcs)?);
    }
    if !tracks.iter().any(|track| track.kind() == MediaKind::Video) {
        return Err(nothing_in_common(offer, None));
    }
    let data = sections.find_map(|(i, section)| {
        let data = section.data.filter(|_| bundled(offer, i, transport))?;
        Some(NegotiatedData {
            section: i,
            sctp_port: data.sctp_port,
            max_message_size: data.max_message_size,
        })
    });
    Ok(Negotiated {
        id,
        silent: silent(offer, transport, &tracks),
        tracks,
        data,
        dtls_in_stun: dtls_in_stun(offer, allowed),
    })
}

/// The track of a section, if it wants media that a stream may have.
fn slot(
    offer: &Offer,
    (i, section): (usize, &OfferedSection),
    allowed: Allowed,
    ssrcs: &mut Ssrcs<'_>,
) -> Result<Option<NegotiatedTrack>> {
    match section.wanted {
        None => Ok(None),
        Some(MediaKind::Video) => {
            let mut formats = VIDEO_CODECS
                .iter()
                .filter_map(|&codec| choose_for_any(section, codec));
            let Some(first) = formats.next() else {
                return Ok(None);
            };
            let mut track = track(offer, i, first, allowed, ssrcs)?;
            for format in formats {
                add_format(&mut track, section, format, allowed);
            }
            track.playout_delay_id = extension(section, PLAYOUT_DELAY);
            Ok(Some(track))
        }
        Some(MediaKind::Audio) => {
            let any = AUDIO_CODECS.map(TrackInfo::audio);
            let Some(first) = any.iter().find_map(|audio| choose_for(section, audio)) else {
                return Ok(None);
            };
            let allowed = in_common(section, &any, allowed);
            let mut track = track(offer, i, first, allowed, ssrcs)?;
            add_formats(&mut track, section, any.iter().map(Some), allowed);
            Ok(Some(track))
        }
    }
}

/// Writes the answer to the offer of a wall, as [`answer`](super::answer) does to others.
pub fn answer_wall(
    offer: &Offer,
    negotiated: &Negotiated,
    transport: &LocalTransport<'_>,
) -> String {
    let sections = bundle(offer, negotiated);
    let mut sdp = Lines::default();
    sdp.line(format_args!("v=0"));
    sdp.line(format_args!("o=- {} 1 IN IP4 0.0.0.0", negotiated.id));
    sdp.line(format_args!("s=-"));
    // For all sections that have none.
    sdp.line(format_args!("c=IN IP4 0.0.0.0"));
    sdp.line(format_args!("t=0 0"));
    let mids = sections.iter().map(|&i| &*offer.sections[i].mid);
    let mids: Vec<&str> = mids.collect();
    sdp.line(format_args!("a=group:BUNDLE {}", mids.join(" ")));
    write_ice_agent(&mut sdp, &negotiated.dtls_in_stun);
    write_fingerprint(&mut sdp, transport);
    let cname = negotiated.cname();
    for (i, section) in offer.sections.iter().enumerate() {
        let content = negotiated.in_section(i);
        let is_refused = matches!(content, Content::Refused);
        match content {
            Content::Track(track) => write_slot(&mut sdp, section, track, &cname),
            Content::Data => write_data(&mut sdp, section),
            Content::Silent(payload_type) => {
                head(&mut sdp, section, DISCARD, &payload_type.to_string());
                sdp.line(format_args!("a=inactive\r\na=rtcp-mux"));
            }
            Content::Refused => {
                let format = section.formats.first().map_or("0", String::as_str);
                head(&mut sdp, section, 0, format);
                sdp.line(format_args!("a=inactive"));
            }
        }
        if sections.first() == Some(&i) {
            write_ice(&mut sdp, transport.ice);
            transport.candidates.write(&mut sdp);
        }
        if !is_refused {
            sdp.line(format_args!("a=setup:passive"));
        }
    }
    sdp.0
}

fn head(sdp: &mut Lines, section: &OfferedSection, port: u16, formats: &str) {
    let OfferedSection {
        media, protocol, ..
    } = section;
    sdp.line(format_args!("m={media} {port} {protocol} {formats}"));
    write_mid(sdp, section);
}

fn write_slot(sdp: &mut Lines, section: &OfferedSection, track: &NegotiatedTrack, cname: &str) {
    head(sdp, section, DISCARD, &track.payload_types());
    sdp.line(format_args!("a=sendonly\r\na=rtcp-mux"));
    if section.reduced_size_rtcp {
        sdp.line(format_args!("a=rtcp-rsize"));
    }
    write_extensions(sdp, section, track);
    for (codec, payload_type, rtx) in track.formats() {
        let (name, rate) = (codec.encoding_name(), codec.clock_rate());
        write_rtpmap(sdp, payload_type, name, rate, codec.channels());
        let fmtp = track.fmtp_of(payload_type);
        if !fmtp.is_empty() {
            sdp.line(format_args!("a=fmtp:{payload_type} {fmtp}"));
        }
        if let Some(rtx) = rtx {
            write_rtpmap(sdp, rtx, "rtx", rate, codec.channels());
            sdp.line(format_args!("a=fmtp:{rtx} apt={payload_type}"));
        }
    }
    // For all formats (RFC 4585 section 4.2): the feedback on them is the same.
    let first = section.codecs.iter();
    let first = { first }.find(|codec| codec.payload_type == track.payload_type);
    for (feedback, is_on) in [
        ("nack", track.retransmission != Retransmission::Off),
        (
            "nack pli",
            first.is_some_and(|codec| offers(codec, "nack pli")),
        ),
        ("transport-cc", track.transport_cc_id.is_some()),
    ] {
        if is_on {
            sdp.line(format_args!("a=rtcp-fb:* {feedback}"));
        }
    }
    // Of no MediaStream (RFC 8830 section 2): what a slot shows changes, and has nothing to keep step with.
    sdp.line(format_args!("a=msid:-"));
    write_ssrcs(sdp, track, cname);
}

/// Data channels over SCTP over DTLS (RFC 8841 section 9).
fn write_data(sdp: &mut Lines, section: &OfferedSection) {
    head(sdp, section, DISCARD, "webrtc-datachannel");
    sdp.line(format_args!("a=sctp-port:{SCTP_PORT}"));
    sdp.line(format_args!("a=max-message-size:{MAX_MESSAGE_SIZE}"));
}

#[cfg(test)]
mod tests;
