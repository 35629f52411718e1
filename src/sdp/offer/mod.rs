//! Reads the browser's SDP offer. Everything in it is untrusted.

use std::io::Cursor;
use std::net::IpAddr;

use rtc::sdp::SessionDescription;
use rtc::sdp::description::common::Attribute;
use rtc::sdp::description::media::MediaDescription;
use rtc::shared::error::Error as SdpError;

use crate::error::{Error, Result, Status};
use crate::media::MediaKind;
use crate::sdp::Fingerprint;
use crate::sdp::credentials::{IceCredentials, bad_credentials};
use crate::sdp::fragment::addresses_of;

mod ingest;
mod limits;
mod section;

pub use ingest::IngestAnswer;
use limits::Limits;
pub use limits::{MAX_OFFER, MAX_WALL_AUDIO, MAX_WALL_OFFER, MAX_WALL_VIDEO};

/// Maximum number of fingerprints; browsers offer one.
const MAX_FINGERPRINTS: usize = 8;

/// How offers name DTLS within the checks of ICE: draft-hancke-webrtc-sped-00; Chromium from 155 on; Chromium from 149 to 154.
const DTLS_IN_STUN: [&str; 3] = ["sped", "googspedv1", "goog-sped-v1"];

/// A codec that the browser offers in a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedCodec {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Encoding name in upper case.
    pub name: String,
    /// RTP clock rate in Hz.
    pub clock_rate: u32,
    /// Audio channels; 1 unless stated.
    pub channels: u8,
    /// Text of its `a=fmtp` line, empty if none.
    pub fmtp: String,
    /// Its `a=rtcp-fb` values, e.g. `nack`, `nack pli`.
    pub feedback: Vec<String>,
}

/// A header extension that we may send (RFC 8285).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedExtension {
    /// Id, 1 to 255.
    pub id: u8,
    /// URI of the extension.
    pub uri: String,
    /// Offered as `recvonly`, so that the answer must say `sendonly`.
    pub receive_only: bool,
}

/// What an offer says of its data channels (RFC 8841).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferedData {
    /// `a=sctp-port`, 1 to 65535.
    pub sctp_port: u16,
    /// `a=max-message-size` in bytes: 65,536 unless stated, 0 for any size.
    pub max_message_size: u32,
}

/// A media section of the offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedSection {
    /// `m=` kind as written: `video`, `audio`, `application`...
    pub media: String,
    /// Video or audio, if it is one of these and the gateway may send (`recvonly`, `sendrecv`).
    pub wanted: Option<MediaKind>,
    /// `a=mid`, empty if none.
    pub mid: String,
    /// `m=` protocol, e.g. `UDP/TLS/RTP/SAVPF`.
    pub protocol: String,
    /// `m=` formats as written.
    pub formats: Vec<String>,
    /// Codecs in order of preference.
    pub codecs: Vec<OfferedCodec>,
    /// Header extensions that we may send.
    pub extensions: Vec<OfferedExtension>,
    /// RTCP need not be compound (`a=rtcp-rsize`, RFC 5506).
    pub reduced_size_rtcp: bool,
    /// What carries data channels, if the section does.
    pub data: Option<OfferedData>,
}

/// A browser's offer.
#[derive(Clone, PartialEq, Eq)]
pub struct Offer {
    /// Media sections in order.
    pub sections: Vec<OfferedSection>,
    /// The browser's ICE credentials: those of all sections outside a bundle, or else of the first one
    /// of the bundle.
    pub ice: IceCredentials,
    /// Those of each section, if it says any.
    pub section_ice: Vec<Option<IceCredentials>>,
    /// Fingerprints of its certificate, by SHA-256, SHA-384 or SHA-512.
    pub fingerprints: Vec<Fingerprint>,
    /// mids in `a=group:BUNDLE`.
    pub bundle: Vec<String>,
    /// The addresses of its candidates, for a TURN server that has to let them in.
    pub candidates: Vec<IpAddr>,
    /// The names by which it offers DTLS within the checks of ICE: some of [`DTLS_IN_STUN`].
    pub dtls_in_stun: Vec<&'static str>,
}

impl Offer {
    /// Parses and checks an offer.
    ///
    /// - `Status::TooLarge`: more bytes than [`MAX_OFFER`], or more lines, media sections or formats, or
    ///   longer lines than any browser writes.
    /// - `Status::Sdp`: not SDP, no media, or nothing that an ICE-lite DTLS server with
    ///   multiplexed RTCP can answer.
    /// - `Status::Fingerprint`: no certificate fingerprint by SHA-256, SHA-384 or SHA-512.
    /// - `Status::IceCredentials`: none, or invalid by RFC 8839 section 5.4.
    ///
    /// Candidates count for a TURN server alone: the gateway answers to the source address of checks.
    pub fn parse(sdp: &[u8]) -> Result<Offer> {
        Offer::parse_within(sdp, &limits::STREAM, Side::Offer)
    }

    /// The same for the offer of a wall, which has up to [`MAX_WALL_OFFER`] bytes, [`MAX_WALL_VIDEO`] and
    /// [`MAX_WALL_AUDIO`] sections of each kind, and one for data.
    pub fn parse_wall(sdp: &[u8]) -> Result<Offer> {
        Offer::parse_within(sdp, &limits::WALL, Side::Offer)
    }

    fn parse_within(sdp: &[u8], limits: &Limits, side: Side) -> Result<Offer> {
        let description = unmarshal(limits.text(sdp)?)?;
        let session = Attributes(&description.attributes);
        let media = &description.media_descriptions;
        if media.is_empty() {
            return Err(bad_sdp(
                "the offer has no media section (m=): add a recvonly video transceiver first",
            ));
        }
        limits.check_kinds(media)?;
        let bundle: Vec<&str> = session
            .all("group")
            .find_map(|group| group.strip_prefix("BUNDLE "))
            .into_iter()
            .flat_map(str::split_ascii_whitespace)
            .take(limits.sections())
            .collect();
        // Active sections, which must describe the browser's transport.
        let live: Vec<Attributes<'_>> = media
            .iter()
            .filter(|media| is_live(media))
            .map(|media| Attributes(&media.attributes))
            .collect();
        if live.is_empty() && side == Side::Answer {
            let nothing = "the ingest takes nothing of what was offered";
            return Err(Error::new(Status::Codec, nothing));
        }
        if live.is_empty() {
            return Err(bad_sdp(
                "every media section of the offer is disabled (port 0): add a recvonly video transceiver",
            ));
        }
        if side == Side::Offer && session.has("ice-lite") {
            return Err(bad_sdp(
                "the offer contains a=ice-lite, but the gateway is ICE-lite itself: use full ICE",
            ));
        }
        let fingerprints = fingerprints(session, &live)?;
        let ice = credentials(session, &live, &bundle)?;
        if side == Side::Offer {
            check_setup(session, &live)?;
        }

        let sections = media
            .iter()
            .map(|media| section::section(session, media, side))
            .collect::<Result<Vec<_>>>()?;
        for (i, section) in sections.iter().enumerate() {
            if !section.mid.is_empty() && sections[..i].iter().any(|s| s.mid == section.mid) {
                return Err(bad_sdp(
                    "two media sections of the offer have the same a=mid: give each its own",
                ));
            }
        }
        let bundle = bundle
            .into_iter()
            .filter(|mid| sections.iter().any(|section| section.mid == *mid))
            .map(str::to_owned)
            .collect();
        let section_ice = media
            .iter()
            .map(|media| own_credentials(session, Attributes(&media.attributes)))
            .collect::<Result<_>>()?;
        let candidates = live.iter().flat_map(|section| section.all("candidate"));
        let candidates = addresses_of(candidates);
        let levels = live.iter().chain([&session]);
        let options = levels.flat_map(|level| level.all("ice-options"));
        let options: Vec<&str> = options.flat_map(str::split_ascii_whitespace).collect();
        let mut dtls_in_stun = DTLS_IN_STUN.to_vec();
        dtls_in_stun.retain(|name| options.contains(name));
        Ok(Offer {
            candidates,
            dtls_in_stun,
            sections,
            ice,
            section_ice,
            fingerprints,
            bundle,
        })
    }
}

/// Whose SDP it is: that of who offers, or of who answers an offer of ours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Offer,
    Answer,
}

fn bad_sdp(sentence: impl Into<String>) -> Error {
    Error::new(Status::Sdp, sentence)
}

/// Number of the line that follows `before`.
fn line_number(before: &[u8]) -> usize {
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}

fn unmarshal(text: &str) -> Result<SessionDescription> {
    let mut reader = Cursor::new(text);
    SessionDescription::unmarshal(&mut reader).map_err(|error| {
        let read = usize::try_from(reader.position()).unwrap_or(usize::MAX);
        let read = text.as_bytes().get(..read).unwrap_or(text.as_bytes());
        // The parser stops behind an invalid value, or between type and value.
        let line = line_number(read.strip_suffix(b"\n").unwrap_or(read));
        match error {
            SdpError::SdpInvalidSyntax(rest) if rest.is_empty() => bad_sdp(format!(
                "the offer ends too early, after line {line}: v=, o=, s=, t= and m= are required"
            )),
            _ => bad_sdp(format!(
                "line {line} of the offer has an invalid value, or is in the wrong place"
            )),
        }
    })
}

/// The `a=` lines of the session or of a media section.
#[derive(Clone, Copy)]
struct Attributes<'a>(&'a [Attribute]);

impl<'a> Attributes<'a> {
    fn has(self, key: &str) -> bool {
        self.0.iter().any(|attribute| attribute.key == key)
    }

    fn all(self, key: &'static str) -> impl Iterator<Item = &'a str> {
        let with_key = self.0.iter().filter(move |attribute| attribute.key == key);
        with_key.filter_map(|attribute| attribute.value.as_deref())
    }

    fn first(self, key: &'static str) -> Option<&'a str> {
        self.all(key).next()
    }
}

/// Port 0 switches a section off, unless it only waits for its bundle (RFC 9143 section 6).
fn is_live(media: &MediaDescription) -> bool {
    media.media_name.port.value != 0 || Attributes(&media.attributes).has("bundle-only")
}

fn fingerprints(session: Attributes<'_>, live: &[Attributes<'_>]) -> Result<Vec<Fingerprint>> {
    let mut found = Vec::new();
    let mut seen = false;
    for section in live {
        // A section's own count instead of the session's (RFC 8122 section 5).
        let level = if section.has("fingerprint") {
            *section
        } else {
            session
        };
        for value in level.all("fingerprint") {
            seen = true;
            if let Some(fingerprint) = fingerprint(value)
                && !found.contains(&fingerprint)
                && found.len() < MAX_FINGERPRINTS
            {
                found.push(fingerprint);
            }
        }
    }
    match (found.is_empty(), seen) {
        (false, _) => Ok(found),
        (true, true) => Err(Error::new(
            Status::Fingerprint,
            "no a=fingerprint of the offer is a SHA-256, SHA-384 or SHA-512 hash: offer one of these",
        )),
        (true, false) => Err(Error::new(
            Status::Fingerprint,
            "the offer has no a=fingerprint, so DTLS cannot tell who it is from: use WebRTC with DTLS-SRTP",
        )),
    }
}

fn fingerprint(value: &str) -> Option<Fingerprint> {
    let (algorithm, hash) = value.split_once(' ')?;
    let algorithm = algorithm.to_ascii_lowercase();
    let len = match algorithm.as_str() {
        "sha-256" => 32,
        "sha-384" => 48,
        "sha-512" => 64,
        _ => return None,
    };
    let octet = |text: &str| match text.as_bytes() {
        [a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
            u8::from_str_radix(text, 16).ok()
        }
        _ => None,
    };
    let hash: Vec<u8> = hash.trim().split(':').map(octet).collect::<Option<_>>()?;
    (hash.len() == len).then_some(Fingerprint { algorithm, hash })
}

/// The credentials of the transport: of the first section of the bundle that has any (RFC 9143 section
/// 7.2), and of every section outside it.
fn credentials(
    session: Attributes<'_>,
    live: &[Attributes<'_>],
    bundle: &[&str],
) -> Result<IceCredentials> {
    let bundled = bundle.iter().filter_map(|&tag| {
        let mut live = live.iter().copied();
        live.find(|section| section.first("mid") == Some(tag))
    });
    let is_alone = |section: &Attributes<'_>| match section.first("mid") {
        Some(mid) => !bundle.contains(&mid),
        None => true,
    };
    let alone = live.iter().copied().filter(is_alone);
    let mut shared: Option<IceCredentials> = None;
    for (section, in_bundle) in bundled
        .map(|section| (section, true))
        .chain(alone.map(|section| (section, false)))
    {
        let Some(own) = own_credentials(session, section)? else {
            continue;
        };
        match &shared {
            Some(shared) if *shared != own && !in_bundle => {
                return Err(bad_sdp(
                    "the sections of the offer have different ICE credentials, so they cannot \
                     share a port: create the RTCPeerConnection with bundlePolicy \"max-bundle\"",
                ));
            }
            Some(_) => {}
            None => shared = Some(own),
        }
    }
    shared.ok_or_else(|| bad_credentials("offer", "has neither a=ice-ufrag nor a=ice-pwd"))
}

/// Those of a section, or else of the session. A bundle-only section has those of its bundle (RFC 9143
/// section 7.1.3).
fn own_credentials(
    session: Attributes<'_>,
    section: Attributes<'_>,
) -> Result<Option<IceCredentials>> {
    let get = |key| section.first(key).or_else(|| session.first(key));
    IceCredentials::read("offer", get("ice-ufrag"), get("ice-pwd"))
}

/// The gateway waits for the ClientHello, so the browser must be able to send it (RFC 5763
/// section 5). Without `a=setup` the offerer is active (RFC 4145 section 4).
fn check_setup(session: Attributes<'_>, live: &[Attributes<'_>]) -> Result<()> {
    for section in live {
        match section.first("setup").or_else(|| session.first("setup")) {
            Some("actpass" | "active") | None => {}
            Some("passive") => {
                return Err(bad_sdp(
                    "the offer contains a=setup:passive, but the gateway waits for the DTLS \
                     ClientHello itself: offer a=setup:actpass",
                ));
            }
            Some(_) => {
                return Err(bad_sdp("a=setup of the offer must be actpass or active"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
