//! When to try again.

use std::time::Duration;

/// A connection that lasted longer than this resets the delay to the shortest.
const STABLE: Duration = Duration::from_secs(10);
/// Spreads the attempts of many cameras whose switch comes back: plus or minus 20 %.
const JITTER_PERCENT: u64 = 20;

/// Delays between attempts: doubling, with jitter.
#[derive(Debug)]
pub(super) struct Backoff {
    shortest: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Delays from `shortest` to `longest`, which must not be less.
    pub(super) fn new(shortest: Duration, longest: Duration) -> Self {
        Backoff {
            shortest,
            longest,
            next: shortest,
        }
    }

    /// The delay after an attempt that was live for `live` (zero if it never was). `random` is a
    /// uniformly distributed number.
    pub(super) fn delay(&mut self, live: Duration, random: u64) -> Duration {
        if live > STABLE {
            self.next = self.shortest;
        }
        let base = self.next;
        self.next = (base * 2).min(self.longest);
        let millis = base.as_millis() as u64;
        let spread = millis * JITTER_PERCENT / 100;
        Duration::from_millis(millis - spread + random % (2 * spread + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> Backoff {
        Backoff::new(Duration::from_secs(1), Duration::from_secs(30))
    }

    fn delays(backoff: &mut Backoff, random: u64) -> Vec<u64> {
        (0..7)
            .map(|_| backoff.delay(Duration::ZERO, random).as_millis() as u64)
            .collect()
    }

    #[test]
    fn doubles_to_the_longest() {
        let shortest = [800, 1600, 3200, 6400, 12_800, 24_000, 24_000];
        assert_eq!(delays(&mut backoff(), 0), shortest);
    }

    #[test]
    fn the_longest_may_be_the_shortest() {
        let always = Duration::from_millis(100);
        let delays = delays(&mut Backoff::new(always, always), 0);
        assert_eq!(delays, [80; 7]);
    }

    #[test]
    fn jitter_stays_within_its_bounds_and_spreads() {
        let mut seen = std::collections::BTreeSet::new();
        // A fixed multiplicative generator: the same numbers in every run.
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..1000 {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            seen.insert(backoff().delay(Duration::ZERO, random >> 32));
        }
        assert!(*seen.first().unwrap() >= Duration::from_millis(800));
        assert!(*seen.last().unwrap() <= Duration::from_millis(1200));
        assert!(seen.len() > 200, "{}", seen.len());
        backoff().delay(Duration::ZERO, u64::MAX);
    }

    #[test]
    fn only_a_stable_connection_resets() {
        let mut backoff = backoff();
        delays(&mut backoff, 0);
        let brief = backoff.delay(STABLE, 0);
        assert_eq!(brief, Duration::from_millis(24_000));
        let stable = backoff.delay(STABLE + Duration::from_millis(1), 0);
        assert_eq!(stable, Duration::from_millis(800));
        assert_eq!(
            backoff.delay(Duration::ZERO, 0),
            Duration::from_millis(1600)
        );
    }
}
