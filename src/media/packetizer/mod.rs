//! Turns an access unit into RTP payloads, once for all viewers.

mod h264;

pub(super) use h264::H264Unit;

/// The largest RTP payload: with header, one extension and the SRTP tag the datagram still fits
/// the smallest IPv6 MTU of 1280 bytes (RFC 8200 section 5), also as a retransmission (RFC 4588).
pub const MAX_PAYLOAD: usize = 1192;
