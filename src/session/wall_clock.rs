//! Wall-clock time, computed from the monotonic clock.

use std::time::{Instant, SystemTime};

/// A pair of readings, one of each clock. A step of the system's clock (NTP) does not disturb the
/// sender reports of running sessions.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    instant: Instant,
    wall: SystemTime,
}

impl WallClock {
    /// A clock from two readings taken at the same moment.
    pub fn new(instant: Instant, wall: SystemTime) -> Self {
        WallClock { instant, wall }
    }

    /// Wall-clock time at `now`.
    pub fn wall(&self, now: Instant) -> SystemTime {
        match now.checked_duration_since(self.instant) {
            Some(since) => self.wall + since,
            None => self.wall - self.instant.duration_since(now),
        }
    }
}
