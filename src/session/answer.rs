//! What offer and camera have in common, and the SDP answer that says so.

use std::net::SocketAddr;

use super::ice::IceCredentials;
use crate::error::Result;
use crate::media::TrackInfo;
use crate::whep::offer::Offer;

/// A track that both sides agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NegotiatedTrack {
    /// Index of its media section in the offer.
    pub section: usize,
    /// Payload type.
    pub payload_type: u8,
    /// Payload type of its retransmissions (RFC 4588), if offered.
    pub rtx_payload_type: Option<u8>,
    /// Whether NACK (RFC 4585) was offered for it and is allowed here.
    pub nack: bool,
    /// Id of the playout-delay header extension, if offered (1..=14).
    pub playout_delay_id: Option<u8>,
    /// The stream's SSRC, chosen here.
    pub ssrc: u32,
    /// SSRC of its retransmissions, chosen here if `rtx_payload_type` is set.
    pub rtx_ssrc: Option<u32>,
}

/// What both sides agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The picture.
    pub video: NegotiatedTrack,
    /// The sound, if the camera has any and the browser takes it.
    pub audio: Option<NegotiatedTrack>,
}

/// Chooses sections, payload types and SSRCs.
///
/// Fails with `Status::Codec` if there is no video in common; the sentence says what the camera
/// sends and what the browser offers.
pub fn negotiate(
    offer: &Offer,
    video: &TrackInfo,
    audio: Option<&TrackInfo>,
    nack: bool,
) -> Result<Negotiated> {
    let _ = (offer, video, audio, nack);
    todo!()
}

/// What the answer says of our side of the transport.
pub struct LocalTransport<'a> {
    /// Our ICE credentials.
    pub ice: &'a IceCredentials,
    /// SHA-256 fingerprint of our certificate.
    pub fingerprint: &'a str,
    /// All our host candidates, most preferred first.
    pub candidates: &'a [SocketAddr],
}

/// Writes the answer.
pub fn answer(offer: &Offer, negotiated: &Negotiated, transport: &LocalTransport<'_>) -> String {
    let _ = (offer, negotiated, transport);
    todo!()
}
