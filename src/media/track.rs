//! One track of a stream: what it is, its time line, its packets.

use super::{AccessUnit, MediaClock, Ring, RingLimits, TrackInfo};

/// What became of an access unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// It is a keyframe.
    pub keyframe: bool,
    /// Packets it became; 0 if it held nothing to send.
    pub packets: usize,
}

/// One track of a stream.
#[derive(Debug)]
pub struct Track {
    info: TrackInfo,
    ring: Ring,
    clock: MediaClock,
}

impl Track {
    /// A track whose viewers see timestamps that begin at `first_timestamp`.
    pub fn new(info: TrackInfo, limits: RingLimits, first_timestamp: u32) -> Self {
        let _ = (info, limits, first_timestamp);
        todo!()
    }

    /// What the track is.
    pub fn info(&self) -> &TrackInfo {
        &self.info
    }

    /// Its packets.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Its packets, to change their limits.
    pub fn ring_mut(&mut self) -> &mut Ring {
        &mut self.ring
    }

    /// Its time line.
    pub fn clock(&self) -> &MediaClock {
        &self.clock
    }

    /// The source connected again, perhaps with other parameter sets; the codec is the same.
    pub fn reconnected(&mut self, info: TrackInfo) {
        let _ = info;
        todo!()
    }

    /// The source changed its parameter sets without a new connection.
    pub fn reconfigured(&mut self, info: TrackInfo) {
        let _ = info;
        todo!()
    }

    /// Packetises an access unit into the ring, with the parameter sets in front of a keyframe.
    pub fn push(&mut self, unit: &AccessUnit<'_>) -> Accepted {
        let _ = unit;
        todo!()
    }
}
