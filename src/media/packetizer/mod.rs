//! Turns an access unit into RTP payloads, once for all viewers.
//!
//! The packets of a large access unit have one size, except for the last: UDP segmentation offload
//! takes a run of equal datagrams in one call.

mod av1;
mod h264;
mod h265;
mod nal;

pub(super) use av1::Av1Unit;
pub(super) use h264::H264;
pub(super) use h265::H265;
pub(super) use nal::NalUnit;

use super::{Codec, ParameterSets, Ring};

/// The largest RTP payload in bytes: with header, two extensions and the SRTP tag the datagram still
/// fits the smallest IPv6 MTU of 1280 bytes (RFC 8200 section 5), also as a retransmission (RFC 4588).
pub const MAX_PAYLOAD: usize = 1190;

/// The same where a path drops larger datagrams: with IPv4 and all headers 1,170 bytes, which passes two tunnels in each
/// other that take 40 bytes each of 1,280. One part in twelve more packets.
pub const SMALL_PAYLOAD: usize = 1100;

/// What an access unit of video contains.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// A slice or frame. Without one there is nothing for a decoder to show.
    pub picture: bool,
    /// A frame at which decoding can start.
    pub keyframe: bool,
    /// No other frame needs it, except for those of which the same is said.
    pub disposable: bool,
    /// Parameter sets.
    pub sets: bool,
    /// Malformed data. What precedes it is intact.
    pub broken: bool,
}

/// Whether decoding can start at an access unit.
pub fn is_keyframe(codec: Codec, unit: &[u8]) -> bool {
    match codec {
        Codec::H264 => NalUnit::<H264>::new(unit, MAX_PAYLOAD).contents().keyframe,
        Codec::H265 => NalUnit::<H265>::new(unit, MAX_PAYLOAD).contents().keyframe,
        Codec::Av1 => Av1Unit::new(unit, MAX_PAYLOAD).contents().keyframe,
        Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 => true,
    }
}

/// An access unit of video, scanned once.
pub(super) trait VideoUnit<'a> {
    /// Its payloads have at most `limit` bytes.
    fn new(data: &'a [u8], limit: usize) -> Self;

    fn contents(&self) -> &Contents;

    /// Pushes its packets to the ring. A keyframe is preceded by all of `sets`, which hold its own.
    fn packetize(&self, sets: Option<&ParameterSets>, ring: &mut Ring);
}
