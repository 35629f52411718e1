//! An RTP packet as a viewer stores it.

use std::time::Instant;

use super::Format;

/// An RTP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When it arrived.
    pub at: Instant,
    /// Extended sequence number.
    pub sequence: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    pub marker: bool,
    /// Its payload type, or that of the packet that it repeats.
    pub payload_type: u8,
    /// What that stands for.
    pub format: Format,
    /// Header extension block, without its 4-byte head; empty if there is none.
    pub extension: Vec<u8>,
    pub payload: Vec<u8>,
}
