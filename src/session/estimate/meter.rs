//! A rate over a sliding window.

/// The window is divided into so many buckets. A power of two, as their duration is: this runs for
/// every packet, without a division.
const BUCKETS: usize = 16;
/// Buckets that a rate needs.
const ENOUGH: i64 = 5;

/// Bits per second over a sliding window, by any clock in microseconds.
#[derive(Clone, Debug)]
pub struct Meter {
    shift: u32,
    bytes: [u32; BUCKETS],
    total: u64,
    first: Option<i64>,
    newest: i64,
}

impl Meter {
    /// A meter with buckets of 2^`shift` microseconds.
    pub fn new(shift: u32) -> Self {
        Meter {
            shift,
            bytes: [0; BUCKETS],
            total: 0,
            first: None,
            newest: 0,
        }
    }

    /// Counts `bytes` at `at`; ignored if older than the window.
    pub fn add(&mut self, at: i64, bytes: u64) {
        let bucket = at >> self.shift;
        if self.first.is_none() {
            (self.first, self.newest) = (Some(bucket), bucket);
        }
        self.advance(bucket);
        if self.newest - bucket < BUCKETS as i64 {
            let counted = &mut self.bytes[slot(bucket)];
            // By the viewer's clock, time may stand still.
            let bytes = bytes.min(u64::from(u32::MAX - *counted));
            *counted += bytes as u32;
            self.total += bytes;
        }
    }

    /// The rate at `at`; `None` until there is enough data.
    pub fn rate(&mut self, at: i64) -> Option<f64> {
        self.advance(at >> self.shift);
        let span = self.newest - self.first? + 1;
        let span = span.min(BUCKETS as i64);
        (span >= ENOUGH).then(|| self.total as f64 * 8e6 / (span << self.shift) as f64)
    }

    /// The rate at `at` over the whole window, of which nothing may have been counted at its beginning.
    pub fn mean(&mut self, at: i64) -> f64 {
        self.advance(at >> self.shift);
        self.total as f64 * 8e6 / ((BUCKETS as i64) << self.shift) as f64
    }

    /// The rate when something was counted last; 0 until there is enough data.
    pub fn last_rate(&self) -> f64 {
        self.clone().rate(self.newest << self.shift).unwrap_or(0.0)
    }

    fn advance(&mut self, bucket: i64) {
        let Some(first) = self.first else { return };
        if bucket - self.newest >= BUCKETS as i64 {
            self.bytes = [0; BUCKETS];
            self.total = 0;
            self.newest = bucket;
        }
        while self.newest < bucket {
            self.newest += 1;
            let slot = &mut self.bytes[slot(self.newest)];
            self.total -= u64::from(*slot);
            *slot = 0;
        }
        self.first = Some(first.max(self.newest - BUCKETS as i64));
    }
}

fn slot(bucket: i64) -> usize {
    bucket as usize % BUCKETS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_measured_and_a_pause_forgets_it() {
        let mut meter = Meter::new(15);
        meter.add(0, 1250);
        assert_eq!(meter.rate(0), None);
        for at in (10_000..1_000_000).step_by(10_000) {
            meter.add(at, 1250);
        }
        let rate = meter.rate(999_000).unwrap();
        assert!((0.95e6..1.05e6).contains(&rate), "{rate}");
        let rate = meter.rate(1_249_000).unwrap();
        assert!((0.45e6..0.55e6).contains(&rate), "{rate}");
        assert_eq!(meter.rate(9_000_000), Some(0.0));
        meter.add(1000, 5000);
        assert_eq!(meter.rate(9_000_000), Some(0.0), "long ago");
    }

    #[test]
    fn the_mean_counts_the_time_before_the_first_packet() {
        let mut meter = Meter::new(15);
        assert_eq!(meter.mean(0), 0.0);
        for at in (0..262_144).step_by(8192) {
            meter.add(at, 1024);
        }
        let at = 262_143;
        assert_eq!((meter.rate(at), meter.mean(at)), (Some(1e6), 0.5e6));
    }

    #[test]
    fn a_clock_that_stands_still_does_no_harm() {
        let mut meter = Meter::new(15);
        meter.add(0, u64::from(u32::MAX) - 1);
        meter.add(0, 1250);
        assert_eq!(meter.total, u64::from(u32::MAX));
        assert_eq!(meter.rate(9_000_000), Some(0.0));
    }
}
