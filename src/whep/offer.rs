//! Reads the browser's SDP offer. Everything in it is untrusted.

use crate::error::Result;
use crate::media::MediaKind;
use crate::session::dtls::Fingerprint;
use crate::session::ice::IceCredentials;

/// The largest offer that is read, in bytes.
pub const MAX_OFFER: usize = 128 * 1024;

/// A codec that the browser offers in a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedCodec {
    /// Payload type.
    pub payload_type: u8,
    /// Encoding name in upper case.
    pub name: String,
    /// RTP clock rate in Hz.
    pub clock_rate: u32,
    /// Text of its `a=fmtp` line, empty if none.
    pub fmtp: String,
    /// Its `a=rtcp-fb` values, e.g. `nack`, `nack pli`.
    pub feedback: Vec<String>,
}

/// A media section of the offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedSection {
    /// `m=` kind as written: `video`, `audio`, `application`...
    pub media: String,
    /// Picture or sound, if it is one of these and we may send (`recvonly`, `sendrecv`).
    pub wanted: Option<MediaKind>,
    /// `a=mid`, empty if none.
    pub mid: String,
    /// `m=` protocol, e.g. `UDP/TLS/RTP/SAVPF`.
    pub protocol: String,
    /// `m=` formats as written.
    pub formats: Vec<String>,
    /// Codecs in order of preference.
    pub codecs: Vec<OfferedCodec>,
    /// Header extensions: id and URI.
    pub extensions: Vec<(u8, String)>,
}

/// A browser's offer.
#[derive(Clone, PartialEq, Eq)]
pub struct Offer {
    /// Media sections in order.
    pub sections: Vec<OfferedSection>,
    /// The browser's ICE credentials.
    pub ice: IceCredentials,
    /// Fingerprints of its certificate.
    pub fingerprints: Vec<Fingerprint>,
    /// mids in `a=group:BUNDLE`.
    pub bundle: Vec<String>,
}

impl Offer {
    /// Parses and checks an offer. Each way of being unusable has its status and sentence.
    pub fn parse(sdp: &[u8]) -> Result<Offer> {
        let _ = sdp;
        todo!()
    }
}
