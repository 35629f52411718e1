//! Turns an access unit into RTP payloads, once for all viewers.
//!
//! The packets of a large access unit have one size, but for the last: a run of equal datagrams
//! is what UDP segmentation offload takes in one call.

mod av1;
mod h264;
mod h265;
mod nal;

pub(super) use av1::Av1Unit;
pub(super) use h264::H264;
pub(super) use h265::H265;
pub(super) use nal::NalUnit;

use super::parameter_sets::MAX_KINDS;
use super::{ParameterSets, Ring};

/// The largest RTP payload: with header, one extension and the SRTP tag the datagram still fits
/// the smallest IPv6 MTU of 1280 bytes (RFC 8200 section 5), also as a retransmission (RFC 4588).
pub const MAX_PAYLOAD: usize = 1192;

/// What an access unit of video holds.
#[derive(Debug, Default)]
pub(super) struct Contents<'a> {
    /// A part of a picture. Without one there is nothing for a decoder to show.
    pub picture: bool,
    /// A picture at which decoding can begin.
    pub keyframe: bool,
    /// The first of each kind of parameter sets, in the order of [`ParameterSets::in_order`].
    pub sets: [Option<&'a [u8]>; MAX_KINDS],
    /// Something that makes no sense. What stands before it is intact.
    pub broken: bool,
}

/// An access unit of video, looked through once.
pub(super) trait VideoUnit<'a> {
    fn new(data: &'a [u8]) -> Self;

    fn contents(&self) -> &Contents<'a>;

    /// Pushes its packets. In front of a keyframe go its own parameter sets, or those of `sets`
    /// where it has none.
    fn packetize(&self, sets: Option<&ParameterSets>, ring: &mut Ring);
}
