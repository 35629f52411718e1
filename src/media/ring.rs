//! The packets of one track, kept once for three uses: live sending, instant start, NACK.

use std::time::{Duration, Instant};

/// How much a ring keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingLimits {
    /// Packets kept at least (unless `bytes` or `duration` are reached): the NACK history.
    pub packets: usize,
    /// Keep all since the last keyframe, for late joiners.
    pub keep_gop: bool,
    /// Bytes kept at most.
    pub bytes: usize,
    /// Age kept at most.
    pub duration: Duration,
}

/// A packet in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// RTP payload.
    pub payload: &'a [u8],
    /// RTP timestamp, without a viewer's offset.
    pub timestamp: u32,
    /// RTP marker bit: last packet of a video access unit.
    pub marker: bool,
    /// First packet of its access unit.
    pub first: bool,
    /// Its access unit is a keyframe.
    pub keyframe: bool,
    /// When its access unit arrived.
    pub arrival: Instant,
}

/// The packets of one track. Packets are numbered from 0, without gaps, for the ring's lifetime.
#[derive(Debug)]
pub struct Ring {}

impl Ring {
    /// An empty ring.
    pub fn new(limits: RingLimits) -> Self {
        let _ = limits;
        todo!()
    }

    /// Changes the limits; takes effect with the next access unit.
    pub fn set_limits(&mut self, limits: RingLimits) {
        let _ = limits;
        todo!()
    }

    /// Begins an access unit. Its packets are invisible until [`Ring::commit`].
    pub fn begin(&mut self, timestamp: u32, arrival: Instant, keyframe: bool) {
        let _ = (timestamp, arrival, keyframe);
        todo!()
    }

    /// Adds a packet, whose payload is the concatenation of `parts`, to the access unit begun.
    pub fn push(&mut self, parts: &[&[u8]]) {
        let _ = parts;
        todo!()
    }

    /// Ends the access unit: its last packet carries the marker if `marker`. Then drops what the
    /// limits no longer allow.
    pub fn commit(&mut self, marker: bool) {
        let _ = marker;
        todo!()
    }

    /// Number of the oldest packet kept.
    pub fn start(&self) -> u64 {
        todo!()
    }

    /// Number that the next packet will get.
    pub fn end(&self) -> u64 {
        todo!()
    }

    /// The packet with this number; `None` if it is dropped or not there yet.
    pub fn packet(&self, number: u64) -> Option<Packet<'_>> {
        let _ = number;
        todo!()
    }

    /// Number of the first packet of the newest keyframe kept.
    pub fn latest_keyframe(&self) -> Option<u64> {
        todo!()
    }

    /// Number of the first packet of the oldest keyframe kept that starts at `number` or later.
    pub fn keyframe_from(&self, number: u64) -> Option<u64> {
        let _ = number;
        todo!()
    }

    /// Bytes of memory held for payloads.
    pub fn memory(&self) -> usize {
        todo!()
    }
}
