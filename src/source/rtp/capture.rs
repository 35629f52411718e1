//! When the units of a camera were captured.
//!
//! Sender reports (RFC 3550 section 6.4.1) relate the RTP timestamps of each track to one clock of the
//! camera: that synchronizes its sound with its video. The clock may be years off, and somebody may set
//! it while it runs. So it is never compared with ours; only its differences count. What arrived with
//! the least delay is taken to have been captured when it arrived.

use std::time::{Duration, Instant};

/// The clock of a sender as its sender reports have it: seconds since 1900, times 2^32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderTime(pub u64);

/// Reports of which the most credible is taken: many cameras pair the present time with the timestamp of
/// a video frame that is a little older.
const REPORTS: usize = 4;
/// A report that contradicts the one before by more: the camera's clock was set.
const CLOCK_SET: u64 = 1 << 31;
/// A report about a timestamp that is further from the present one is wrong.
const FAR_SECONDS: i64 = 10;
/// Some cameras put microseconds where the fraction of a second belongs, in units of 2^-32 s. One fraction in
/// 4,000 is as small by chance, and two in a row never.
const MICROSECONDS: u32 = 1_000_000;

/// From the RTP timestamps of one track to the sender's clock.
#[derive(Debug)]
pub struct TrackClock {
    rate: i64,
    /// For each report: the time at which the timestamp was 0.
    zeros: [Option<SenderTime>; REPORTS],
    newest: usize,
    /// Reports in a row whose fractions may be microseconds.
    small_fractions: u32,
}

impl TrackClock {
    pub fn new(clock_rate: u32) -> Self {
        TrackClock {
            rate: i64::from(clock_rate.max(1)),
            zeros: [None; REPORTS],
            newest: 0,
            small_fractions: 0,
        }
    }

    /// A sequence begins: its timestamps have nothing to do with those before.
    pub fn restart(&mut self) {
        self.zeros = [None; REPORTS];
    }

    /// A sender report: at `time` the timestamp was `timestamp`; the last one received is `present`.
    pub fn report(&mut self, time: SenderTime, timestamp: u32, present: i64) {
        let ahead = i64::from(timestamp.wrapping_sub(present as u32) as i32);
        if time.0 == 0 || ahead.abs() > FAR_SECONDS * self.rate {
            return;
        }
        let time = self.corrected(time);
        let zero = time
            .0
            .wrapping_sub(self.since_zero(present.wrapping_add(ahead)));
        let before = self.zeros.get(self.newest).copied().flatten();
        if before
            .is_some_and(|before| (zero.wrapping_sub(before.0) as i64).unsigned_abs() > CLOCK_SET)
        {
            self.restart();
        }
        self.newest = (self.newest + 1) % REPORTS;
        if let Some(entry) = self.zeros.get_mut(self.newest) {
            *entry = Some(SenderTime(zero));
        }
    }

    /// The time of a report whose fraction may be microseconds.
    fn corrected(&mut self, SenderTime(time): SenderTime) -> SenderTime {
        let before = self.small_fractions;
        match time as u32 {
            0 => {}
            1..MICROSECONDS => self.small_fractions = before.saturating_add(1),
            _ => self.small_fractions = 0,
        }
        if self.small_fractions < 2 {
            return SenderTime(time);
        }
        if before < 2 {
            self.restart();
        }
        let fraction = ((time & u64::from(u32::MAX)) << 32) / u64::from(MICROSECONDS);
        SenderTime(time & !u64::from(u32::MAX) | fraction)
    }

    /// When something with this timestamp was sampled, by the sender's clock.
    pub fn sampled(&self, timestamp: i64) -> Option<SenderTime> {
        let base = self.zeros.get(self.newest).copied().flatten()?;
        let ahead = |zero: SenderTime| zero.0.wrapping_sub(base.0) as i64;
        let least = self.zeros.iter().flatten().map(|&zero| ahead(zero)).min()?;
        let zero = base.0.wrapping_add(least as u64);
        Some(SenderTime(zero.wrapping_add(self.since_zero(timestamp))))
    }

    fn since_zero(&self, timestamp: i64) -> u64 {
        ((i128::from(timestamp) << 32) / i128::from(self.rate)) as u64
    }
}

/// For so long the least delay is remembered, and once more as long.
const WINDOW: Duration = Duration::from_secs(10);
/// Delays beyond the least one that are credible. More means that the camera's clock was set, or that
/// its tracks have different ones.
const MAX_DELAY: Duration = Duration::from_secs(2);

/// From the clock of a camera, which all of its tracks share, to ours. One per connection.
#[derive(Debug, Default)]
pub struct CaptureClock {
    origin: Option<(SenderTime, Instant)>,
    /// The smallest difference between arrival and sampling, relative to the origin, in nanoseconds:
    /// since the window began, and in the window before.
    least: Option<i64>,
    least_before: Option<i64>,
    window: Option<Instant>,
}

impl CaptureClock {
    /// When something was captured that arrived at `arrival`; never later than that. `None` if that
    /// cannot be told.
    pub fn captured(&mut self, sampled: SenderTime, arrival: Instant) -> Option<Instant> {
        let (time, instant) = *self.origin.get_or_insert((sampled, arrival));
        let since = (i128::from(sampled.0.wrapping_sub(time.0) as i64) * 1_000_000_000) >> 32;
        let arrived = arrival.saturating_duration_since(instant).as_nanos();
        let delay = i64::try_from(arrived as i128 - since).ok()?;
        let begun = *self.window.get_or_insert(arrival);
        if arrival.saturating_duration_since(begun) >= WINDOW {
            self.window = Some(arrival);
            self.least_before = self.least.take();
        }
        let least = self.least.map_or(delay, |least| least.min(delay));
        self.least = Some(least);
        let least = self.least_before.map_or(least, |before| before.min(least));
        let behind = Duration::from_nanos(delay.checked_sub(least)?.unsigned_abs());
        arrival.checked_sub(behind).filter(|_| behind <= MAX_DELAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1 << 32;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn reports_give_each_timestamp_its_time() {
        let mut clock = TrackClock::new(90_000);
        assert_eq!(clock.sampled(0), None);
        let present = (1 << 40) + 5;
        clock.report(SenderTime(100 * SECOND), present as u32 + 90_000, present);
        assert_eq!(clock.sampled(present), Some(SenderTime(99 * SECOND)));
        assert_eq!(
            clock.sampled(present - 45_000),
            Some(SenderTime(98 * SECOND + SECOND / 2))
        );
        clock.restart();
        assert_eq!(clock.sampled(present), None);
    }

    #[test]
    fn reports_that_cannot_be_are_left_out() {
        let mut clock = TrackClock::new(8_000);
        clock.report(SenderTime(0), 5, 0);
        clock.report(SenderTime(9), 80_001, 0);
        clock.report(SenderTime(9), 0_u32.wrapping_sub(80_001), 0);
        assert_eq!(clock.sampled(0), None);
        clock.report(SenderTime(9), 80_000, 0);
        assert!(clock.sampled(0).is_some());
    }

    #[test]
    fn of_reports_that_are_late_the_least_late_counts() {
        let mut clock = TrackClock::new(1000);
        for (i, late) in [7, 30, 3, 25, 12].into_iter().enumerate() {
            let time = SenderTime(i as u64 * 5 * SECOND + late * SECOND / 1000);
            clock.report(time, 5000 * i as u32, 5000 * i as i64);
        }
        let off = clock.sampled(20_000).unwrap().0 - 20 * SECOND;
        assert_eq!(off * 1000 / SECOND, 2, "3 ms, rounded down");
        // The clock is set.
        clock.report(SenderTime(7 * SECOND), 25_000, 25_000);
        assert_eq!(clock.sampled(25_000), Some(SenderTime(7 * SECOND)));
    }

    #[test]
    fn microseconds_are_told_from_fractions() {
        let mut clock = TrackClock::new(90_000);
        for i in 0..4_u64 {
            let micros = 40_000 + 200_000 * i;
            let present = i as i64 * 108_000;
            clock.report(
                SenderTime(((100 + i) * SECOND) | micros),
                present as u32,
                present,
            );
            let SenderTime(at) = clock.sampled(present).unwrap();
            let expected = (100 + i) * SECOND + micros * SECOND / 1_000_000;
            // With the second it is certain.
            assert!(i == 0 || at.abs_diff(expected) < SECOND / 1000, "{i}");
        }
    }

    #[test]
    fn what_was_delayed_least_was_captured_when_it_arrived() {
        let start = Instant::now();
        let mut clock = CaptureClock::default();
        for (i, delay) in [50, 20, 0, 45, 7].into_iter().enumerate() {
            let at = i as u64 * 40;
            let sampled = SenderTime(u64::MAX - SECOND + at * SECOND / 1000);
            let captured = clock.captured(sampled, start + ms(at + delay)).unwrap();
            let least = [50, 20, 0, 0, 0][i];
            let error = captured.saturating_duration_since(start + ms(at + least));
            assert!(error < Duration::from_micros(1), "{i}: {error:?}");
        }
    }

    #[test]
    fn a_clock_that_was_set_is_believed_again_later() {
        let start = Instant::now();
        let mut clock = CaptureClock::default();
        let mut known = 0;
        for i in 0..1000_u64 {
            let back = if i < 500 { 0 } else { 3600 * SECOND };
            let sampled = SenderTime((i * SECOND / 25).wrapping_sub(back));
            let arrival = start + ms(40 * i);
            if let Some(captured) = clock.captured(sampled, arrival) {
                assert!(arrival - captured < Duration::from_micros(1));
                known += 1;
            }
        }
        assert!((490..=750).contains(&known), "{known}");
        assert!(clock.captured(SenderTime(0), start + ms(40_000)).is_some());
    }
}
