//! The last keyframe, for viewers who come when the GOP has outgrown the ring, or the camera is away.

use std::time::Instant;

use super::{Ring, Unit};
use crate::media::UnitCopy;

/// The last keyframe, moved to the end of the ring before it would have been dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Still {
    /// Number of its first packet.
    pub first: u64,
    /// The timestamp that it came with.
    pub timestamp: u32,
    /// When it arrived.
    pub arrival: Instant,
}

impl Ring {
    /// What a viewer can be shown until the next keyframe, if [`Ring::latest_keyframe`] has nothing because
    /// the GOP has outgrown the ring: the keyframe that it began with. None of the other access units goes
    /// on from there.
    pub fn still(&self) -> Option<Still> {
        let wanted = self.limits.keep_gop && self.keyframes.is_empty();
        self.still
            .filter(|still| wanted && (self.start..self.end).contains(&still.first))
    }

    /// Whether the GOP has outgrown the ring.
    pub fn lost_keyframe(&self) -> bool {
        self.limits.keep_gop && self.newest_keyframe.is_some() && self.keyframes.is_empty()
    }

    /// Whether an access unit, which is about to be dropped, is all that viewers can begin with.
    pub(super) fn is_last_beginning(&self, unit: &Unit) -> bool {
        let last = match unit.still {
            true => self.keyframes.is_empty(),
            false => unit.keyframe && !unit.opening && self.keyframes.len() == 1,
        };
        last && self.limits.keep_gop && unit.bytes <= self.limits.bytes / 2
    }

    /// Puts it behind all others. It is counted neither as a keyframe nor as payload.
    pub(super) fn add_still(&mut self, copy: &UnitCopy, now: Instant) {
        let Some(newest) = self.units.back() else {
            return;
        };
        self.open(newest.timestamp, now, true);
        if let Some((unit, _)) = &mut self.open {
            unit.opening = true;
            unit.still = true;
        }
        for payload in copy.payloads() {
            self.push(&[payload]);
        }
        self.close(copy.marker());
        self.drop_surplus(now);
    }
}
