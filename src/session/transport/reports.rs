//! When sender reports leave, and what ties them to the wall clock.

use std::time::{Duration, Instant};

use super::Transport;
use super::phase::{Phase, Up};
use crate::session::io::{Io, Transmit};
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

impl Transport {
    /// Whether reports are to go along with the media that is being sent.
    pub fn report_is_due(&self, now: Instant) -> bool {
        matches!(&self.phase, Phase::Up(up) if up.report_at <= now)
    }

    /// Whether reports are to go although no media is sent.
    pub fn report_is_overdue(&self, now: Instant) -> bool {
        matches!(&self.phase, Phase::Up(up) if self.reports.overdue(up) <= now)
    }

    /// Sends sender reports; the next are due an interval later.
    pub fn send_reports<T: Transmit>(
        &mut self,
        reports: impl Iterator<Item = SenderReport>,
        io: &mut Io<'_, T>,
    ) {
        if let Phase::Up(up) = &mut self.phase {
            up.report_at = io.now + self.reports.interval;
        }
        let reports: Vec<SenderReport> = reports.collect();
        for some in reports.chunks(rtcp::MAX_REPORTS) {
            let compound = self.reports.compound(io.now, some);
            self.send_rtcp(&compound, io);
        }
    }

    pub(super) fn send_rtcp<T: Transmit>(&mut self, compound: &[u8], io: &mut Io<'_, T>) {
        if let Phase::Up(up) = &mut self.phase
            && let Some(path) = self.ice.proven(io.now)
            && let Ok(sealed) = up.control.srtcp.protect(compound)
        {
            io.transmit.control(path, &sealed);
        }
    }
}
