//! How fast a track comes in: what the pacer needs to know.

use std::time::{Duration, Instant};

/// Bit rate and pace of a track, averaged over some seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamRate {
    /// Bytes per second.
    pub bytes_per_second: u64,
    /// Time between access units.
    pub interval: Duration,
}

impl Default for StreamRate {
    /// What to assume of a camera before it is measured: 2 Mbit/s at 25 pictures a second.
    fn default() -> Self {
        StreamRate {
            bytes_per_second: 250_000,
            interval: Duration::from_millis(40),
        }
    }
}

/// Measures a [`StreamRate`] in windows of two seconds, which hold a keyframe of most cameras.
#[derive(Debug, Default)]
pub struct RateMeter {
    window: Option<Window>,
    rate: StreamRate,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    bytes: u64,
    units: u32,
}

impl RateMeter {
    const WINDOW: Duration = Duration::from_secs(2);

    /// An access unit of `bytes` arrived.
    pub fn arrived(&mut self, now: Instant, bytes: usize) {
        let window = self.window.get_or_insert(Window {
            since: now,
            bytes: 0,
            units: 0,
        });
        window.bytes += bytes as u64;
        window.units += 1;
        let elapsed = now.saturating_duration_since(window.since);
        if elapsed >= RateMeter::WINDOW && window.units > 1 {
            self.rate = StreamRate {
                bytes_per_second: window.bytes * 1000 / elapsed.as_millis().max(1) as u64,
                interval: elapsed / (window.units - 1),
            };
            self.window = Some(Window {
                since: now,
                bytes: bytes as u64,
                units: 1,
            });
        }
    }

    /// The rate of the last full window.
    pub fn rate(&self) -> StreamRate {
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_rate_and_interval() {
        let mut meter = RateMeter::default();
        let start = Instant::now();
        for i in 0..100 {
            meter.arrived(start + Duration::from_millis(50) * i, 10_000);
        }
        let rate = meter.rate();
        assert_eq!(rate.interval, Duration::from_millis(50));
        assert!((200_000..=210_000).contains(&rate.bytes_per_second));
    }
}
