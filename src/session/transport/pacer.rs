//! Spreads large access units over time, so that a keyframe does not overflow the queue of the
//! viewer's access link. The backlog of a start is paced in the same way.
//!
//! Near viewers are not paced (see [`is_near`]): their network carries many times the stream's rate,
//! and pacing would only delay each keyframe.

use std::time::{Duration, Instant};

use crate::media::StreamRate;

/// Packets that leave at once. Most access units are smaller than that and are never delayed.
pub const BURST_PACKETS: usize = 16;

/// A viewer with a shorter round trip is on the same network...
const NEAR: Duration = Duration::from_millis(5);
/// ...unless it loses more than this, in parts per million: a bad Wi-Fi.
const NEAR_LOSS_PPM: u32 = 5_000;

/// Whether a viewer needs no pacing.
pub fn is_near(round_trip: Option<Duration>, loss_ppm: u32) -> bool {
    round_trip.is_some_and(|time| time <= NEAR) && loss_ppm <= NEAR_LOSS_PPM
}

/// The pacer of one transport.
#[derive(Debug)]
pub struct Pacer {
    percent: u64,
    /// When the bytes sent so far will be through, at the pace.
    clear: Option<Instant>,
}

impl Pacer {
    /// A pacer at `percent` of the stream's rate.
    pub fn new(percent: u64) -> Self {
        Pacer {
            percent,
            clear: None,
        }
    }

    /// When the next burst of a large access unit may leave.
    pub fn ready_at(&self, now: Instant) -> Instant {
        self.clear.map_or(now, |clear| clear.max(now))
    }

    /// Accounts for `bytes` sent.
    pub fn sent(&mut self, now: Instant, rate: StreamRate, bytes: usize) {
        let pace = (rate.bytes_per_second * self.percent / 100).max(1);
        let time = Duration::from_micros(bytes as u64 * 1_000_000 / pace);
        self.clear = Some(self.ready_at(now) + time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: StreamRate = StreamRate {
        bytes_per_second: 500_000,
    };

    #[test]
    fn a_keyframe_leaves_at_the_pace() {
        let start = Instant::now();
        let mut pacer = Pacer::new(250);
        let mut now = start;
        for _ in 0..25 {
            now = pacer.ready_at(now);
            pacer.sent(now, RATE, 12_500);
        }
        // 24 times 12.5 kB at 1.25 MB/s.
        assert_eq!(now - start, Duration::from_millis(240));
    }

    #[test]
    fn a_small_unit_after_a_pause_is_not_delayed() {
        let start = Instant::now();
        let mut pacer = Pacer::new(250);
        pacer.sent(start, RATE, 10_000);
        let later = start + Duration::from_millis(40);
        assert!(pacer.ready_at(later) <= later);
    }
}
