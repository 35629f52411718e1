//! The rate at which a track arrives, for the pacer.

use std::time::{Duration, Instant};

/// Rate of a track, averaged over a few seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamRate {
    /// Bytes per second.
    pub bytes_per_second: u64,
}

impl Default for StreamRate {
    /// Assumed before the camera has been measured: 2 Mbit/s.
    fn default() -> Self {
        StreamRate {
            bytes_per_second: 250_000,
        }
    }
}

impl StreamRate {
    /// Whether it is more than the assumption before the first measurement.
    pub fn is_measured(&self) -> bool {
        *self != StreamRate::default()
    }
}

/// Measures a [`StreamRate`] in windows of two seconds, and averages over several of them: a
/// window may hold a keyframe or none.
#[derive(Debug, Default)]
pub struct RateMeter {
    window: Option<Window>,
    rate: Option<StreamRate>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    bytes: u64,
}

impl RateMeter {
    const WINDOW: Duration = Duration::from_secs(2);
    /// Weight of the newest window in the average.
    const SHARE: u64 = 4;

    /// An access unit of `bytes` arrived.
    pub fn arrived(&mut self, now: Instant, bytes: usize) {
        let window = self.window.get_or_insert(Window::from(now));
        let elapsed = now.saturating_duration_since(window.since);
        if elapsed >= RateMeter::WINDOW {
            let newest = window.bytes * 1000 / elapsed.as_millis().max(1) as u64;
            *window = Window::from(now);
            let before = self.rate.map_or(newest, |rate| rate.bytes_per_second);
            let mean = (before * (RateMeter::SHARE - 1) + newest) / RateMeter::SHARE;
            self.rate = Some(StreamRate {
                bytes_per_second: mean,
            });
        }
        window.bytes += bytes as u64;
    }

    /// Bits per second; 0 before the first window is full.
    pub fn bitrate(&self) -> u64 {
        self.rate.map_or(0, |rate| rate.bytes_per_second * 8)
    }

    /// The rate; the default before the first window is full.
    pub fn rate(&self) -> StreamRate {
        self.rate.unwrap_or_default()
    }
}

impl From<Instant> for Window {
    fn from(since: Instant) -> Window {
        Window { since, bytes: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_the_rate() {
        let mut meter = RateMeter::default();
        let start = Instant::now();
        for i in 0..100 {
            meter.arrived(start + Duration::from_millis(50) * i, 10_000);
        }
        assert_eq!(meter.rate().bytes_per_second, 200_000);
    }

    #[test]
    fn a_keyframe_counts_once() {
        let mut meter = RateMeter::default();
        let start = Instant::now();
        for i in 0..600 {
            let bytes = if i % 50 == 0 { 300_000 } else { 14_000 };
            meter.arrived(start + Duration::from_millis(40) * i, bytes);
        }
        let rate = meter.rate().bytes_per_second;
        assert!((480_000..=500_000).contains(&rate), "{rate}");
    }
}
