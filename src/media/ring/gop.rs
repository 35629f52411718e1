//! What is known of the access units from one keyframe to the next.

use std::time::{Duration, Instant};

use super::{Ring, Unit};

/// What the access units from one keyframe to the next were like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gop {
    /// From the arrival of the keyframe to that of the next.
    pub interval: Duration,
    /// Payload bytes of the keyframe.
    pub keyframe: u64,
    /// Payload bytes of what no other access unit needs.
    pub disposable: u64,
    /// Payload bytes of all.
    pub bytes: u64,
}

impl Ring {
    /// An access unit was committed.
    pub(super) fn count_to_gop(&mut self, unit: &Unit) {
        let bytes = unit.bytes as u64;
        if unit.keyframe {
            let begun = Gop {
                keyframe: bytes,
                ..Gop::default()
            };
            if let Some((mut gop, since)) = self.gop.replace((begun, unit.arrival)) {
                gop.interval = unit.arrival.saturating_duration_since(since);
                self.last_gop = Some(gop);
            }
        }
        if let Some((gop, _)) = &mut self.gop {
            gop.bytes += bytes;
            if unit.disposable {
                gop.disposable += bytes;
            }
        }
    }

    /// The last access units from one keyframe to the next; `None` before the second keyframe.
    pub fn last_gop(&self) -> Option<Gop> {
        self.last_gop
    }

    /// How long a GOP lasts.
    pub(super) fn gop_interval(&self, now: Instant) -> Duration {
        let known = self.gop.as_ref().zip(self.last_gop);
        let interval = known.map(|((_, since), last)| {
            let this = now.saturating_duration_since(*since);
            this.max(last.interval)
        });
        interval.map_or(self.limits.duration, |i| i.min(self.limits.duration))
    }
}
