//! When sender reports leave, and what ties them to the wall clock.

use std::time::{Duration, Instant};

use super::phase::Up;
use crate::session::rtcp::{self, SenderReport};
use crate::session::wall_clock::WallClock;

/// Intervals that a report may wait for media to go along with.
const WITHOUT_MEDIA: u32 = 4;

/// What all reports of a transport have in common.
pub struct Reports {
    pub clock: WallClock,
    pub cname: String,
    pub interval: Duration,
}

impl Reports {
    /// When reports are due that no media has taken along. Without media they say little, and a
    /// timer that hardly ever runs out while there is media costs least.
    pub fn overdue(&self, up: &Up) -> Instant {
        up.report_at + WITHOUT_MEDIA * self.interval
    }

    pub fn compound(&self, now: Instant, reports: &[SenderReport]) -> Vec<u8> {
        rtcp::sender_reports(reports, self.clock.wall(now), &self.cname)
    }

    /// Round trip by a report block that arrived `now`.
    pub fn round_trip(&self, now: Instant, last_sr: u32, delay: u32) -> Option<Duration> {
        rtcp::round_trip(last_sr, delay, self.clock.wall(now))
    }
}
