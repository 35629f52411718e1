//! How long video frames take through the gateway, over the last seconds: a histogram of fixed size.

use std::time::{Duration, Instant};

/// The figures cover the last one to two windows.
const WINDOW: Duration = Duration::from_secs(5);

/// Buckets per doubling of the time: a bucket is at most an eighth wide.
const PER_OCTAVE: usize = 1 << OCTAVE_BITS;
const OCTAVE_BITS: u32 = 3;
/// The last bucket starts at about 8 s.
const BUCKETS: usize = 22 * PER_OCTAVE;

/// A stream's latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencyFigures {
    /// The median, with an error of up to an eighth.
    pub p50: Duration,
    /// The 95th percentile, with an error of up to an eighth.
    pub p95: Duration,
    /// The maximum.
    pub max: Duration,
}

impl LatencyFigures {
    /// The larger of each.
    pub fn slower(self, other: LatencyFigures) -> LatencyFigures {
        LatencyFigures {
            p50: self.p50.max(other.p50),
            p95: self.p95.max(other.p95),
            max: self.max.max(other.max),
        }
    }
}

/// Collects the times.
#[derive(Debug)]
pub struct Latency {
    since: Option<Instant>,
    current: Window,
    previous: Window,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    counts: [u16; BUCKETS],
    max: Duration,
}

const EMPTY: Window = Window {
    counts: [0; BUCKETS],
    max: Duration::ZERO,
};

impl Default for Latency {
    fn default() -> Self {
        Latency {
            since: None,
            current: EMPTY,
            previous: EMPTY,
        }
    }
}

impl Latency {
    /// A frame took `time`.
    pub fn note(&mut self, now: Instant, time: Duration) {
        let since = *self.since.get_or_insert(now);
        let age = now.saturating_duration_since(since);
        if age >= WINDOW {
            self.previous = match age < 2 * WINDOW {
                true => self.current,
                false => EMPTY,
            };
            self.current = EMPTY;
            self.since = Some(now);
        }
        let count = &mut self.current.counts[bucket(time)];
        *count = count.saturating_add(1);
        self.current.max = self.current.max.max(time);
    }

    /// The figures; `None` if no frame was sent in the last seconds.
    pub fn figures(&self, now: Instant) -> Option<LatencyFigures> {
        let age = now.saturating_duration_since(self.since?);
        let windows: &[&Window] = match () {
            () if age < WINDOW => &[&self.current, &self.previous],
            () if age < 2 * WINDOW => &[&self.current],
            () => &[],
        };
        let count_of = |bucket: usize| -> u64 {
            let counts = windows
                .iter()
                .map(|window| u64::from(window.counts[bucket]));
            counts.sum()
        };
        let total: u64 = (0..BUCKETS).map(count_of).sum();
        let max = windows.iter().map(|window| window.max).max()?;
        let quantile = |percent: u64| {
            let mut left = (total * percent).div_ceil(100);
            let reached = (0..BUCKETS).find(|&bucket| {
                left = left.saturating_sub(count_of(bucket));
                left == 0
            });
            reached.map_or(max, |bucket| end_of(bucket).min(max))
        };
        (total > 0).then(|| LatencyFigures {
            p50: quantile(50),
            p95: quantile(95),
            max,
        })
    }
}

/// Buckets are one microsecond wide below `2 * PER_OCTAVE` microseconds; above, each doubling has
/// `PER_OCTAVE` of them.
fn bucket(time: Duration) -> usize {
    let micros = time.as_micros().min(u128::from(u32::MAX)) as usize;
    let octave = micros.max(1).ilog2().saturating_sub(OCTAVE_BITS);
    (octave as usize * PER_OCTAVE + (micros >> octave)).min(BUCKETS - 1)
}

/// The upper bound of a bucket.
fn end_of(bucket: usize) -> Duration {
    let octave = (bucket / PER_OCTAVE).saturating_sub(1);
    let next = (bucket + 1 - octave * PER_OCTAVE) << octave;
    Duration::from_micros(next as u64 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICROSECOND: Duration = Duration::from_micros(1);

    #[test]
    fn a_bucket_is_an_eighth_wide_at_most() {
        assert_eq!(bucket(Duration::ZERO), 0);
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
        for micros in 0..5_000_000 {
            let time = Duration::from_micros(micros);
            let end = end_of(bucket(time));
            assert!(time <= end && end <= time + time / 8, "{time:?} {end:?}");
            if time == end {
                assert_eq!(bucket(time + MICROSECOND), bucket(time) + 1);
            }
        }
    }

    #[test]
    fn figures_are_those_of_the_times() {
        let now = Instant::now();
        let mut latency = Latency::default();
        assert_eq!(latency.figures(now), None);
        for micros in 1..=100 {
            latency.note(now, 100 * micros * MICROSECOND);
        }
        let figures = latency.figures(now).unwrap();
        assert_eq!(figures.max, 10_000 * MICROSECOND);
        let near = |time: Duration, micros: u32| {
            let least = micros * MICROSECOND;
            (least..=least + least / 8).contains(&time)
        };
        assert!(near(figures.p50, 5000), "{figures:?}");
        assert!(near(figures.p95, 9500), "{figures:?}");
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let start = Instant::now();
        let mut latency = Latency::default();
        latency.note(start, Duration::from_secs(60));
        assert!(latency.figures(start + WINDOW).is_some());
        assert_eq!(latency.figures(start + 2 * WINDOW), None);
        let max = |latency: &Latency, now| latency.figures(now).unwrap().max;
        let second = start + WINDOW;
        latency.note(second, MICROSECOND);
        assert_eq!(max(&latency, second), Duration::from_secs(60));
        let third = second + WINDOW;
        latency.note(third, MICROSECOND);
        assert_eq!(max(&latency, third), MICROSECOND);
        let much_later = third + 10 * WINDOW;
        latency.note(much_later, 2 * MICROSECOND);
        let figures = latency.figures(much_later).unwrap();
        assert_eq!(figures.p50, 2 * MICROSECOND);
    }
}
