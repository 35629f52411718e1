//! The first moments of a connection, in which nothing is known of the path.
//!
//! What waits leaves in bursts, and behind each goes an ICE check of ours, which every full agent answers
//! at once: the answer says how long the burst took. The next burst leaves with the answer, four times
//! as large or as large as the path can take. So a wide path is known after two round trips, and no more
//! is ever on its way than the queue of a thin link holds. Transport-wide feedback alone would need
//! 100 ms to say anything.

use std::time::{Duration, Instant};

use crate::session::estimate::Finding;

/// The size of a typical packet, with IPv4 and UDP headers.
pub const PACKET_BYTES: u64 = 1250;
/// The first burst: as much as a measurement needs, and little enough for the queue of a thin link.
const FIRST_BURST: u64 = BUCKET + ENOUGH;
const SMALLEST_BURST: u64 = 3 * PACKET_BYTES;
const GROWTH: u64 = 4;
/// A burst takes no longer on its way where earlier ones took time.
const ON_ITS_WAY: Duration = Duration::from_millis(60);
/// The first bytes after a pause may pass at once wherever a token bucket shapes the path.
pub const BUCKET: u64 = 4500;
/// Fewer bytes beyond that measure nothing.
const ENOUGH: u64 = 2 * PACKET_BYTES;
/// An answer may be late by so much for other reasons than the burst.
const NOISE: Duration = Duration::from_millis(1);
/// A burst that took longer measures the capacity; others show that it is at least so high.
const MEASURES: Duration = Duration::from_millis(10);
/// An answer is awaited this long, and two round trips.
const ANSWER: Duration = Duration::from_millis(300);

/// Bursts in all, and the time: small ones measure nothing.
const MOST_BURSTS: u32 = 8;
const LONGEST: Duration = Duration::from_millis(700);

/// The state of the opening.
#[derive(Debug)]
pub struct Opening {
    began: Instant,
    /// The shortest time to an answer.
    round_trip: Duration,
    /// Bytes of a burst.
    window: u64,
    /// Bytes of the present burst that have left.
    sent: u64,
    flying: Option<Flying>,
    /// Bursts that were answered.
    answered: u32,
    /// Bytes per second by the last burst that measured anything.
    rate: Option<u64>,
}

/// A burst on its way.
#[derive(Clone, Copy, Debug)]
struct Flying {
    /// The number of the check behind it.
    number: u32,
    at: Instant,
    bytes: u64,
    /// The transport-wide sequence number of its last packet.
    last: u16,
}

/// What the answer to a burst says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Said {
    /// Go on with the next burst.
    Nothing,
    /// The same, and this is known of the path so far.
    SoFar(Finding),
    /// The path is measured: the opening is over.
    Measured(Finding),
}

impl Opening {
    /// `round_trip`: the time to an answer so far. `remembered`: what an earlier connection carried, in bits
    /// per second.
    pub fn new(now: Instant, round_trip: Duration, remembered: Option<u64>) -> Self {
        let window = remembered.map_or(FIRST_BURST, |rate| {
            in_time(rate / 8, ON_ITS_WAY).clamp(SMALLEST_BURST, FIRST_BURST)
        });
        Opening {
            began: now,
            round_trip,
            window,
            sent: 0,
            flying: None,
            answered: 0,
            rate: None,
        }
    }

    /// Bytes that may still leave in this burst.
    pub fn room(&self) -> u64 {
        match self.flying {
            Some(_) => 0,
            None => self.window.saturating_sub(self.sent),
        }
    }

    /// Whether a burst was answered.
    pub fn is_answered(&self) -> bool {
        self.answered > 0
    }

    /// Whether it has led to nothing for too long.
    pub fn is_over(&self, now: Instant) -> bool {
        self.flying.is_none()
            && (self.answered >= MOST_BURSTS || now >= self.began + LONGEST + 2 * self.round_trip)
    }

    /// Accounts for what left.
    pub fn sent(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    /// The burst is complete, or there is no more for it. True if a check is to go behind it. `last`: the
    /// transport-wide sequence number of its last packet.
    pub fn close(&mut self, now: Instant, number: u32, last: u16) -> bool {
        if self.flying.is_some() || self.sent == 0 {
            return false;
        }
        self.flying = Some(Flying {
            number,
            at: now,
            bytes: std::mem::take(&mut self.sent),
            last,
        });
        true
    }

    /// When an answer is overdue; `None` if none is awaited.
    pub fn overdue(&self) -> Option<Instant> {
        let flying = self.flying?;
        Some(flying.at + ANSWER + 2 * self.round_trip)
    }

    /// The transport-wide sequence number of the last packet of the burst whose answer is awaited.
    pub fn awaited(&self) -> Option<u16> {
        self.flying.map(|flying| flying.last)
    }

    /// The burst has arrived: its check, or the answer, was lost. Go on with the next one.
    pub fn lost(&mut self) {
        self.flying = None;
        self.answered += 1;
    }

    /// A check of ours was answered.
    pub fn answer(&mut self, now: Instant, number: u32) -> Said {
        let Some(flying) = self.flying.filter(|flying| flying.number == number) else {
            return Said::Nothing;
        };
        self.flying = None;
        self.answered += 1;
        let took = now.saturating_duration_since(flying.at);
        self.round_trip = self.round_trip.min(took);
        let delay = took - self.round_trip;
        // What was sent before has drained since, and a bucket has filled.
        let refilled = match self.rate {
            Some(rate) => in_time(rate, self.round_trip).min(BUCKET),
            None => BUCKET,
        };
        let counted = flying.bytes.saturating_sub(refilled);
        if counted < ENOUGH {
            return Said::Nothing;
        }
        let before = self.rate;
        let noise = NOISE.max(self.round_trip / 8);
        let rate = counted * 1_000_000 / (delay.max(noise).as_micros() as u64);
        self.rate = Some(rate);
        let most = GROWTH * self.window;
        let least = in_time(rate, self.round_trip).min(BUCKET) + SMALLEST_BURST;
        self.window = match delay < MEASURES {
            true => most,
            false => in_time(rate, ON_ITS_WAY).max(least).min(most),
        };
        let bits = rate as f64 * 8.0;
        if delay < MEASURES {
            Said::SoFar(Finding::AtLeast(bits))
        } else if before.is_none() {
            Said::SoFar(Finding::Capacity(bits, delay.as_micros() as i64))
        } else {
            Said::Measured(Finding::Capacity(bits, delay.as_micros() as i64))
        }
    }

    /// What follows if no answer has come in time: the burst took that long, or its answer was lost. Of a few
    /// packets of sound nothing follows.
    pub fn expire(&self, now: Instant) -> Option<Finding> {
        let flying = self.flying.filter(|flying| {
            flying.bytes >= ENOUGH && self.overdue().is_some_and(|at| at <= now)
        })?;
        let took = now.saturating_duration_since(flying.at).as_micros() as i64;
        let rate = flying.bytes as f64 * 8e6 / took.max(1) as f64;
        Some(Finding::Capacity(rate, took))
    }
}

/// Bytes at `rate` in `time`.
fn in_time(rate: u64, time: Duration) -> u64 {
    rate.saturating_mul(time.as_micros() as u64) / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_viewer_whose_path_is_known_to_be_thin_gets_a_smaller_first_burst() {
        let first = |remembered| Opening::new(Instant::now(), MS, remembered).room();
        assert_eq!(first(None), FIRST_BURST);
        assert_eq!(first(Some(400_000)), SMALLEST_BURST);
        assert_eq!(first(Some(800_000)), 6_000);
        assert_eq!(
            first(Some(50_000_000)),
            FIRST_BURST,
            "it may be another path"
        );
    }

    /// Bursts as large as may be over a link of this rate in bits per second with a token bucket, until
    /// the opening ends: what it says, and the largest burst.
    fn open(rate: u64, round_trip: Duration, bucket: f64) -> (Said, u64) {
        let mut now = Instant::now();
        let mut opening = Opening::new(now, round_trip, None);
        let (mut tokens, mut largest) = (bucket, 0);
        let per_second = rate as f64 / 8.0;
        for number in 0..20 {
            let burst = opening.room();
            largest = largest.max(burst);
            opening.sent(burst);
            assert!(opening.close(now, number, 0));
            assert_eq!(opening.room(), 0, "one at a time");
            let took = (burst as f64 - tokens).max(0.0) / per_second;
            now += round_trip + Duration::from_secs_f64(took);
            tokens = (per_second * round_trip.as_secs_f64()).min(bucket);
            let said = opening.answer(now, number);
            match said {
                Said::Measured(_) => return (said, largest),
                Said::SoFar(Finding::AtLeast(rate)) if rate > 50e6 => return (said, largest),
                _ => {}
            }
        }
        panic!("{rate} {round_trip:?} {bucket}: nothing was measured: {opening:?}");
    }

    #[test]
    fn thin_links_are_measured_and_their_queue_does_not_overflow() {
        for rate in [150_000, 400_000, 600_000, 1_500_000, 10_000_000] {
            for round_trip in [MS / 4, 10 * MS, 80 * MS] {
                for bucket in [0.0, 4000.0] {
                    let (said, largest) = open(rate, round_trip, bucket);
                    let Said::Measured(Finding::Capacity(shown, _)) = said else {
                        panic!("{rate} {round_trip:?} {bucket}: {said:?}");
                    };
                    let share = shown / rate as f64;
                    let case = format!("{rate} {round_trip:?} {bucket}: {share:.2}, {largest}");
                    assert!((0.35..1.25).contains(&share), "{case}");
                    let holds = bucket as u64 + rate / 8 / 10;
                    assert!(largest <= (holds + 4000).max(FIRST_BURST), "{case}");
                }
            }
        }
    }

    #[test]
    fn wide_paths_show_it_in_two_round_trips() {
        for round_trip in [Duration::ZERO, MS / 4, 10 * MS, 80 * MS] {
            let start = Instant::now();
            let mut opening = Opening::new(start, round_trip, None);
            let mut said = Said::Nothing;
            for number in 0..2 {
                opening.sent(opening.room());
                opening.close(start, number, 0);
                said = opening.answer(start + round_trip, number);
            }
            let Said::SoFar(Finding::AtLeast(rate)) = said else {
                panic!("{said:?}");
            };
            let enough = if round_trip > 10 * MS { 18e6 } else { 50e6 };
            assert!(rate > enough, "{round_trip:?}: {rate}");
        }
    }

    #[test]
    fn an_answer_that_does_not_come_is_given_up() {
        let start = Instant::now();
        let mut opening = Opening::new(start, 10 * MS, None);
        opening.sent(7500);
        opening.close(start, 1, 0);
        assert_eq!(opening.answer(start + 20 * MS, 7), Said::Nothing);
        assert_eq!(opening.overdue(), Some(start + 320 * MS));
        assert_eq!(opening.expire(start + 319 * MS), None);
        let Some(Finding::Capacity(rate, _)) = opening.expire(start + 320 * MS) else {
            panic!("not given up");
        };
        assert_eq!(rate as u64, 187_500);
    }

    #[test]
    fn a_few_packets_say_nothing() {
        let start = Instant::now();
        let mut opening = Opening::new(start, MS, None);
        opening.sent(3000);
        assert!(opening.close(start, 1, 0));
        assert_eq!(opening.answer(start + MS, 1), Said::Nothing);
        assert!(opening.room() > 3000);
        assert!(!opening.close(start, 2, 0), "nothing was sent");
    }
}
