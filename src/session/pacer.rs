//! Spreads large access units over time, so that a keyframe does not overflow the queue of the
//! viewer's access link.

use std::time::{Duration, Instant};

use crate::media::StreamRate;

/// Packets that leave at once: most access units are smaller and are never delayed.
pub const BURST_PACKETS: usize = 16;

/// Bytes per second while a viewer catches up with the backlog of its start (25 Mbit/s): the
/// sooner it is through, the sooner the picture is live.
const CATCH_UP_RATE: u64 = 25_000_000 / 8;

/// The pacer of one session's video.
#[derive(Debug)]
pub struct Pacer {
    percent: u64,
    /// Bytes per second that empty the access unit under way within one frame interval.
    unit_pace: Option<u64>,
    /// When the bytes sent so far are through at the pace they were sent with.
    clear: Option<Instant>,
}

impl Pacer {
    /// A pacer at `percent` of the stream's rate.
    pub fn new(percent: u64) -> Self {
        Pacer {
            percent,
            unit_pace: None,
            clear: None,
        }
    }

    /// When the next burst of a large access unit may leave.
    pub fn ready_at(&self, now: Instant) -> Instant {
        self.clear.map_or(now, |clear| clear.max(now))
    }

    /// Accounts for a burst of `bytes` after which `waiting` bytes of its access unit are left.
    /// `behind`: further access units wait.
    pub fn sent(
        &mut self,
        now: Instant,
        rate: StreamRate,
        bytes: usize,
        waiting: usize,
        behind: bool,
    ) {
        let micros = rate.interval.as_micros().max(1) as u64;
        let unit_pace = *self
            .unit_pace
            .get_or_insert((bytes + waiting) as u64 * 1_000_000 / micros);
        if waiting == 0 {
            self.unit_pace = None;
        }
        let mut pace = (rate.bytes_per_second * self.percent / 100).max(unit_pace);
        if behind {
            pace = pace.max(CATCH_UP_RATE);
        }
        let time = Duration::from_micros(bytes as u64 * 1_000_000 / pace.max(1));
        self.clear = Some(self.ready_at(now) + time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: StreamRate = StreamRate {
        bytes_per_second: 500_000,
        interval: Duration::from_millis(40),
    };

    #[test]
    fn a_keyframe_takes_no_longer_than_a_frame_interval() {
        let start = Instant::now();
        let mut pacer = Pacer::new(250);
        let mut left = 300_000;
        let mut now = start;
        while left > 0 {
            now = now.max(pacer.ready_at(now));
            let burst = left.min(BURST_PACKETS * 1200);
            left -= burst;
            pacer.sent(now, RATE, burst, left, false);
        }
        let took = now - start;
        assert!(took > Duration::from_millis(30), "{took:?}");
        assert!(took <= RATE.interval, "{took:?}");
    }

    #[test]
    fn a_small_unit_after_a_pause_is_not_delayed() {
        let start = Instant::now();
        let mut pacer = Pacer::new(250);
        pacer.sent(start, RATE, 10_000, 0, false);
        let later = start + Duration::from_millis(40);
        assert!(pacer.ready_at(later) <= later);
    }
}
