//! How long the queue is that does not drain: the least one-way delay of late, over the least that was seen.
//!
//! A keyframe, or a machine that stalls, delays packets for a moment, and then some arrive as soon as ever.
//! Where more is sent than the path carries, none do.

use super::least::Least;

/// The least delay of late is that of so many buckets of 2^16 us, a third of a second.
const BUCKETS: usize = 5;
const SHIFT: u32 = 16;
/// Period of the least that was seen, in microseconds.
const REMEMBERED: i64 = 10_000_000;

/// One-way delays, in microseconds; the clocks at both ends are any.
#[derive(Debug)]
pub struct Standing {
    first: Option<i64>,
    newest: i64,
    recent: [i64; BUCKETS],
    least: Least,
}

impl Standing {
    pub fn new() -> Self {
        Standing {
            first: None,
            newest: 0,
            recent: [i64::MAX; BUCKETS],
            least: Least::new(REMEMBERED),
        }
    }

    /// Adds a packet: send time and arrival, each by its own clock.
    pub fn packet(&mut self, sent: i64, arrival: i64) {
        let (delay, bucket) = (arrival - sent, arrival >> SHIFT);
        if self.first.is_none() {
            (self.first, self.newest) = (Some(bucket), bucket);
        }
        let passed = bucket.saturating_sub(self.newest).clamp(0, BUCKETS as i64);
        for n in 1..=passed {
            self.recent[slot(bucket - passed + n)] = i64::MAX;
        }
        self.newest = self.newest.max(bucket);
        if self.newest - bucket < BUCKETS as i64 {
            let least = &mut self.recent[slot(bucket)];
            *least = delay.min(*least);
        }
        self.least.add(arrival, delay);
    }

    /// For how long a packet queued.
    pub fn queued(&self, sent: i64, arrival: i64) -> i64 {
        self.least.excess(arrival - sent)
    }

    /// The delay of the queue; `None` until there is enough data.
    pub fn delay(&self) -> Option<i64> {
        let enough = self.newest - self.first? >= BUCKETS as i64;
        let recent = self.recent.iter().min().copied()?;
        enough.then(|| self.least.excess(recent))
    }
}

fn slot(bucket: i64) -> usize {
    bucket.rem_euclid(BUCKETS as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets every 20 ms, whose delay is `delay` in milliseconds: the queue after each.
    fn run(delay: impl Fn(i64) -> i64) -> Vec<Option<i64>> {
        let mut standing = Standing::new();
        let queues = (0..200).map(|n| {
            standing.packet(n * 20_000, 7_000_000 + n * 20_000 + 1000 * delay(n));
            standing.delay()
        });
        queues.collect()
    }

    #[test]
    fn what_drains_does_not_stand() {
        let burst = |n: i64| 20 * (5 - n % 30).max(0);
        assert!(run(burst)[50..].iter().all(|queue| *queue == Some(0)));
    }

    #[test]
    fn what_does_not_drain_stands_after_a_third_of_a_second() {
        let queues = run(|n| 5 * (n - 100).max(0));
        assert_eq!(queues[0], None);
        assert_eq!(queues[100], Some(0));
        let noticed = queues.iter().position(|queue| *queue >= Some(10_000));
        assert!((110..125).contains(&noticed.unwrap()), "{noticed:?}");
    }

    #[test]
    fn any_clock_is_survived() {
        let mut standing = Standing::new();
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..1000 {
            standing.packet(random.i64(0..1 << 50), random.i64(-1 << 50..1 << 50));
            let _ = standing.delay();
        }
    }
}
