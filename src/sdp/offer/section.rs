//! One media section of an offer: whether we may send, codecs, header extensions.

use rtc::sdp::description::media::{MediaDescription, MediaName};

use super::{
    Attributes, OfferedCodec, OfferedData, OfferedExtension, OfferedSection, Side, bad_sdp, is_live,
};
use crate::error::{Error, Result, Status};
use crate::media::MediaKind;

/// Maximum number of header extensions per section; browsers offer about a dozen.
pub(super) const MAX_EXTENSIONS: usize = 32;

/// Maximum number of `a=rtcp-fb` values per codec; browsers offer five.
pub(super) const MAX_FEEDBACK: usize = 16;

/// Maximum number of formats per section: there are 128 payload types.
const MAX_FORMATS: usize = 128;

/// Maximum length of an `a=fmtp` in bytes; parameter sets in it have some 100.
const MAX_FMTP: usize = 1024;

/// Maximum size of a message where the peer says none (RFC 8841 section 6).
const DEFAULT_MESSAGE_SIZE: u32 = 64 * 1024;

/// Maximum length of a `mid`, a format, a protocol or an encoding name in bytes.
const MAX_TOKEN: usize = 64;

pub(super) fn section(
    session: Attributes<'_>,
    media: &MediaDescription,
    side: Side,
) -> Result<OfferedSection> {
    let attributes = Attributes(&media.attributes);
    let name = &media.media_name;
    let protocol = name.protos.join("/");
    let wanted = wanted(session, media, &protocol);
    // For a bundle-only section, the first section of the bundle decides. Nothing else was offered to who answers us, and
    // of a bundle one section alone need say so (RFC 9143 section 7.1.3).
    let says = attributes.has("rtcp-mux") || attributes.has("bundle-only");
    if side == Side::Offer && wanted.is_some() && !says {
        return Err(bad_sdp(format!(
            "the {} section of the offer lacks a=rtcp-mux, but the gateway has one port for RTP and \
             RTCP: create the RTCPeerConnection with rtcpMuxPolicy \"require\"",
            name.media
        )));
    }
    check_sizes(name, attributes)?;
    let mid = attributes.first("mid").unwrap_or_default();
    if !mid.is_empty() && !is_token(mid) {
        return Err(bad_sdp(format!(
            "an a=mid of the offer is not a token of at most {MAX_TOKEN} characters"
        )));
    }
    Ok(OfferedSection {
        media: name.media.clone(),
        wanted,
        mid: mid.to_owned(),
        protocol,
        formats: name.formats.clone(),
        codecs: codecs(attributes, &name.formats),
        extensions: attributes
            .all("extmap")
            .filter_map(extension)
            .take(MAX_EXTENSIONS)
            .collect(),
        reduced_size_rtcp: attributes.has("rtcp-rsize"),
        data: data(media),
    })
}

/// What carries data channels over DTLS (RFC 8841). Without a port the section is switched off.
fn data(media: &MediaDescription) -> Option<OfferedData> {
    let name = &media.media_name;
    let over_dtls = matches!(&*name.protos.join("/"), "UDP/DTLS/SCTP" | "TCP/DTLS/SCTP");
    let channels = name.media == "application" && name.formats == ["webrtc-datachannel"];
    let attributes = Attributes(&media.attributes);
    let sctp_port = attributes.first("sctp-port")?.trim().parse().ok();
    let max_message_size = match attributes.first("max-message-size") {
        None => Some(DEFAULT_MESSAGE_SIZE),
        // More than there is a number for is as good as any size.
        Some(size) => size
            .trim()
            .parse()
            .ok()
            .map(|size: u64| size.try_into().unwrap_or(0)),
    };
    (is_live(media) && over_dtls && channels).then_some(OfferedData {
        sctp_port: sctp_port.filter(|&port| port != 0)?,
        max_message_size: max_message_size?,
    })
}

/// What is kept while the offer waits for its camera.
fn check_sizes(name: &MediaName, attributes: Attributes<'_>) -> Result<()> {
    let long = |text: &String| text.len() > MAX_TOKEN;
    let what = if name.formats.len() > MAX_FORMATS {
        "more than 128 formats"
    } else if long(&name.media) || name.protos.iter().chain(&name.formats).any(long) {
        "a word of more than 64 characters in its m= line"
    } else if attributes.all("fmtp").any(|fmtp| fmtp.len() > MAX_FMTP) {
        "an a=fmtp of more than 1024 bytes"
    } else {
        return Ok(());
    };
    Err(Error::new(
        Status::TooLarge,
        format!("a media section of the offer has {what}, which no browser writes"),
    ))
}

fn wanted(session: Attributes<'_>, media: &MediaDescription, protocol: &str) -> Option<MediaKind> {
    let kind = match media.media_name.media.as_str() {
        "video" => MediaKind::Video,
        "audio" => MediaKind::Audio,
        _ => return None,
    };
    // Secure RTP over anything (RFC 8829 section 5.1.2).
    let secure = protocol.ends_with("RTP/SAVPF") || protocol.ends_with("RTP/SAVP");
    let direction = |attributes: Attributes<'_>| {
        ["recvonly", "sendrecv", "sendonly", "inactive"]
            .into_iter()
            .find(|direction| attributes.has(direction))
    };
    let direction = direction(Attributes(&media.attributes))
        .or_else(|| direction(session))
        .unwrap_or("sendrecv");
    let may_send = matches!(direction, "recvonly" | "sendrecv");
    (is_live(media) && secure && may_send).then_some(kind)
}

/// RFC 8866 section 9, token.
fn is_token(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]".contains(&byte);
    !text.is_empty() && text.len() <= MAX_TOKEN && text.bytes().all(token)
}

/// The codecs of a section, in the order of its formats.
fn codecs(attributes: Attributes<'_>, formats: &[String]) -> Vec<OfferedCodec> {
    let mut codecs: Vec<OfferedCodec> = Vec::new();
    // Index in `codecs` by payload type.
    let mut places = [None; 128];
    for format in formats {
        let Some(payload_type) = payload_type(format) else {
            continue;
        };
        let place = &mut places[usize::from(payload_type)];
        if place.is_none() {
            *place = Some(codecs.len());
            codecs.push(static_codec(payload_type));
        }
    }
    for attribute in attributes.0 {
        let Some((format, value)) = attribute
            .value
            .as_deref()
            .and_then(|value| value.split_once([' ', '\t']))
        else {
            continue;
        };
        let value = value.trim();
        let codec = payload_type(format)
            .and_then(|payload_type| places[usize::from(payload_type)])
            .and_then(|place| codecs.get_mut(place));
        match (attribute.key.as_str(), codec) {
            ("rtpmap", Some(codec)) => read_rtpmap(codec, value),
            ("fmtp", Some(codec)) if codec.fmtp.is_empty() => codec.fmtp = value.to_owned(),
            ("rtcp-fb", Some(codec)) => add_feedback(codec, value),
            ("rtcp-fb", None) if format == "*" => {
                for codec in &mut codecs {
                    add_feedback(codec, value);
                }
            }
            _ => {}
        }
    }
    codecs.retain(|codec| !codec.name.is_empty());
    codecs
}

fn payload_type(text: &str) -> Option<u8> {
    text.parse().ok().filter(|&number| number < 128)
}

/// A payload type before its attributes are parsed. G.711 needs none (RFC 3551 section 6).
fn static_codec(payload_type: u8) -> OfferedCodec {
    let name = match payload_type {
        0 => "PCMU",
        8 => "PCMA",
        _ => "",
    };
    OfferedCodec {
        payload_type,
        name: name.to_owned(),
        clock_rate: 8000,
        channels: 1,
        fmtp: String::new(),
        feedback: Vec::new(),
    }
}

/// `<encoding name>/<clock rate>[/<channels>]`; anything else is ignored.
fn read_rtpmap(codec: &mut OfferedCodec, value: &str) {
    let mut parts = value.split('/');
    let name = parts.next().unwrap_or_default();
    let clock_rate = parts.next().and_then(|rate| rate.parse().ok());
    let channels = parts
        .next()
        .map_or(Some(1), |channels| channels.parse().ok());
    if let (true, Some(clock_rate), Some(channels)) = (is_token(name), clock_rate, channels) {
        codec.name = name.to_ascii_uppercase();
        codec.clock_rate = clock_rate;
        codec.channels = channels;
    }
}

fn add_feedback(codec: &mut OfferedCodec, value: &str) {
    if codec.feedback.len() < MAX_FEEDBACK && !codec.feedback.iter().any(|known| known == value) {
        codec.feedback.push(value.to_owned());
    }
}

/// `<id>[/<direction>] <uri> [<attributes>]` (RFC 8285 section 5), if it lets us send.
fn extension(value: &str) -> Option<OfferedExtension> {
    let mut words = value.split_ascii_whitespace();
    let first = words.next()?;
    let (id, direction) = first.split_once('/').unwrap_or((first, "sendrecv"));
    let id = id.parse().ok().filter(|&id| id != 0)?;
    let uri = words.next()?.to_owned();
    matches!(direction, "sendrecv" | "recvonly").then_some(OfferedExtension {
        id,
        uri,
        receive_only: direction == "recvonly",
    })
}
