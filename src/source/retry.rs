//! When to try again.

use std::time::Duration;

use crate::error::{Error, Status};

/// A connection that lasted longer than this resets the delay to the shortest.
const STABLE: Duration = Duration::from_secs(10);
/// Spreads the attempts of many cameras whose switch comes back: plus or minus 20 %.
const JITTER_PERCENT: u64 = 20;

/// The first attempt after a session that had been live: its camera restarted its encoder, or the
/// network hiccuped. At most.
const AT_ONCE_MS: u64 = 200;
/// The first attempt after the password was refused; doubling up to the longest. Cameras lock an account
/// after a few.
const REFUSED: Duration = Duration::from_secs(60);
const REFUSED_LONGEST: Duration = Duration::from_secs(15 * 60);

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The camera refused user or password.
    Refused,
    /// It took more than its share of the worker, and was given up.
    Exceeded,
    /// Anything else; how long it had been live, if it was.
    Broken { live: Option<Duration> },
}

/// Whether the camera refused user or password, or asked for some.
pub fn is_refusal(error: &Error) -> bool {
    error.status() == Status::Auth
}

/// Delays between attempts: doubling, with jitter.
#[derive(Debug)]
pub struct Backoff {
    shortest: Duration,
    longest: Duration,
    next: Duration,
    refused: Duration,
    exceeded: Duration,
    /// There was an attempt at once, and no stable connection since.
    tried_at_once: bool,
}

impl Backoff {
    /// Delays from `shortest` to `longest`, which must not be less.
    pub fn new(shortest: Duration, longest: Duration) -> Self {
        Backoff {
            shortest,
            longest,
            next: shortest,
            refused: REFUSED,
            exceeded: shortest,
            tried_at_once: false,
        }
    }

    /// The delay after an attempt. `random` is a uniformly distributed number.
    pub fn delay(&mut self, ended: Ended, random: u64) -> Duration {
        let base = match ended {
            Ended::Refused => {
                let base = self.refused.max(self.shortest);
                self.refused = (self.refused * 2).min(REFUSED_LONGEST);
                base
            }
            // However well it behaved between: it may know when it is forgiven.
            Ended::Exceeded => {
                self.exceeded = (self.exceeded * 2).min(self.longest);
                self.exceeded
            }
            Ended::Broken { live } => {
                self.refused = REFUSED;
                if live.is_some_and(|live| live > STABLE) {
                    self.next = self.shortest;
                    self.tried_at_once = false;
                }
                if live.is_some() && !std::mem::replace(&mut self.tried_at_once, true) {
                    return Duration::from_millis(AT_ONCE_MS / 2 + random % (AT_ONCE_MS / 2));
                }
                let base = self.next;
                self.next = (base * 2).min(self.longest);
                base
            }
        };
        let millis = base.as_millis() as u64;
        let spread = millis * JITTER_PERCENT / 100;
        Duration::from_millis(millis - spread + random % (2 * spread + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER_LIVE: Ended = Ended::Broken { live: None };

    fn live(live: Duration) -> Ended {
        Ended::Broken { live: Some(live) }
    }

    fn backoff() -> Backoff {
        Backoff::new(Duration::from_secs(1), Duration::from_secs(30))
    }

    fn delays(backoff: &mut Backoff, random: u64) -> Vec<u64> {
        (0..7)
            .map(|_| backoff.delay(NEVER_LIVE, random).as_millis() as u64)
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
            seen.insert(backoff().delay(NEVER_LIVE, random >> 32));
        }
        assert!(*seen.first().unwrap() >= Duration::from_millis(800));
        assert!(*seen.last().unwrap() <= Duration::from_millis(1200));
        assert!(seen.len() > 200, "{}", seen.len());
        backoff().delay(NEVER_LIVE, u64::MAX);
    }

    #[test]
    fn what_took_too_much_waits_longer_each_time_however_long_it_was_live() {
        let mut backoff = backoff();
        for seconds in [2, 4, 8, 16, 30, 30] {
            backoff.delay(live(2 * STABLE), 0);
            let delay = backoff.delay(Ended::Exceeded, 0);
            assert_eq!(delay, Duration::from_secs(seconds) * 4 / 5);
        }
    }

    #[test]
    fn only_a_stable_connection_resets() {
        let mut backoff = backoff();
        delays(&mut backoff, 0);
        // At once, but not again and again.
        assert_eq!(backoff.delay(live(STABLE), 0), Duration::from_millis(100));
        assert!(backoff.delay(live(STABLE), 99) >= Duration::from_millis(24_000));
        let stable = STABLE + Duration::from_millis(1);
        for random in [0, 99, u64::MAX] {
            let delay = backoff.delay(live(stable), random).as_millis();
            assert!((100..=200).contains(&delay), "{delay}");
        }
        assert_eq!(backoff.delay(NEVER_LIVE, 0), Duration::from_millis(800));
        assert_eq!(backoff.delay(NEVER_LIVE, 0), Duration::from_millis(1600));
    }

    #[test]
    fn a_refused_password_is_not_repeated_for_minutes() {
        let mut backoff = backoff();
        let mut seconds = || backoff.delay(Ended::Refused, 0).as_secs();
        let delays: Vec<u64> = (0..6).map(|_| seconds()).collect();
        assert_eq!(delays, [48, 96, 192, 384, 720, 720]);
        backoff.delay(NEVER_LIVE, 0);
        assert_eq!(backoff.delay(Ended::Refused, 0).as_secs(), 48);
        let patient = Duration::from_secs(3600);
        let delay = Backoff::new(patient, patient).delay(Ended::Refused, 0);
        assert_eq!(delay.as_secs(), 2880);
    }
}
