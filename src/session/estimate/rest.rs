//! A path that carries far more than is wanted is not measured all the time: each message of feedback costs
//! as much as sending several packets. Most packets then leave without a transport-wide sequence number,
//! for which no feedback comes. Once a second, or every two where the path is wider still, one run of packets is
//! numbered, a sample, and its delay says whether there is a queue on the path. If there is, everything is measured
//! again.
//!
//! A receiver report tells the round trip of the sender report before it, which left right behind media: a sample that
//! the viewer sends anyway. While such reports come and show no queue, there are fewer samples, and one that does asks
//! for a sample at once.

use super::least::Least;

/// Multiple of the wanted rate that lets the measurement rest, and below which it goes on.
const ENOUGH: f64 = 8.0;
const TOO_LITTLE: f64 = 4.0;
/// For how long everything is measured at the start and after an alarm, in microseconds.
const SETTLES: u64 = 1_000_000;
const AFTER_ALARM: u64 = 10_000_000;

/// Multiple of the wanted rate from which samples are fewer: it takes longer to fall to what is wanted.
const PLENTY: f64 = 16.0;
/// Time between samples, where there is plenty, and if one was late, in microseconds.
const INTERVAL: u64 = 1_000_000;
const LONG_INTERVAL: u64 = 2_000_000;
const RECHECK: u64 = 50_000;
/// For how long a report without a sign of a queue stands for a sample, and the time between samples that are made
/// nevertheless, in microseconds.
const REPORTED: u64 = 2_000_000;
const LONGEST_INTERVAL: u64 = 6_000_000;
/// A sample is late if its delay exceeds the least by this, in microseconds: more than a busy viewer causes.
const LATE: i64 = 40_000;
/// Late samples in a row that are a queue: a viewer that was busy for a moment is none.
const ALARM: u32 = 3;
/// A sample is lost if nothing is said of it for this time, in microseconds.
const UNANSWERED: u64 = 1_000_000;
/// Period of the least delay, in microseconds.
const REMEMBERED: i64 = 30_000_000;

/// When the measurement rests.
#[derive(Debug)]
pub struct Rest {
    /// Everything is measured until then at least.
    awake_until: u64,
    resting: Option<Resting>,
}

/// What is observed meanwhile.
#[derive(Debug)]
struct Resting {
    next: u64,
    /// When the sample left of which nothing was said yet.
    asked: Option<u64>,
    late: u32,
    least: Least,
    /// When the last sample left, or the rest began.
    sampled: u64,
    /// The least round trip by the viewer's reports.
    round_trip: Least,
}

/// What the viewer says of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its packets took at least this long, in microseconds, by clocks that have different zeros.
    Arrived(i64),
    /// None of it arrived.
    Lost,
}

impl Rest {
    pub fn new() -> Self {
        Rest {
            awake_until: SETTLES,
            resting: None,
        }
    }

    pub fn is_resting(&self) -> bool {
        self.resting.is_some()
    }

    /// Until when nothing that leaves is numbered, and no silence is noticed, if it rests.
    pub fn quiet_until(&self) -> Option<u64> {
        let resting = self.resting.as_ref()?;
        let silent = resting.asked.map_or(u64::MAX, |at| at + UNANSWERED);
        Some(resting.next.min(silent))
    }

    /// Whether what leaves now is numbered. `headroom`: how much more the path carries than is wanted, if it is
    /// known and without a queue.
    pub fn numbers(&mut self, now: u64, headroom: Option<f64>) -> bool {
        let Some(resting) = &mut self.resting else {
            if now >= self.awake_until && headroom.is_some_and(|headroom| headroom >= ENOUGH) {
                self.resting = Some(Resting {
                    next: now + interval(headroom),
                    asked: None,
                    late: 0,
                    least: Least::new(REMEMBERED),
                    sampled: now,
                    round_trip: Least::new(REMEMBERED),
                });
                return false;
            }
            return true;
        };
        if now < resting.next {
            return false;
        }
        resting.next = now + interval(headroom);
        resting.sampled = now;
        resting.asked.get_or_insert(now);
        true
    }

    /// Takes the round trip that a receiver report shows, in microseconds.
    pub fn reported(&mut self, now: u64, round_trip: u64) {
        let Some(resting) = &mut self.resting else {
            return;
        };
        let round_trip = round_trip as i64;
        resting.round_trip.add(now as i64, round_trip);
        if resting.round_trip.excess(round_trip) > LATE {
            resting.next = resting.next.min(now);
        } else if resting.asked.is_none() && resting.late == 0 {
            let postponed = (now + REPORTED).min(resting.sampled + LONGEST_INTERVAL);
            resting.next = resting.next.max(postponed);
        }
    }

    /// Whether everything is to be measured again although no answer says so: less is left than there was,
    /// or the viewer says nothing any more.
    pub fn is_over(&self, now: u64, headroom: Option<f64>) -> bool {
        self.resting.as_ref().is_some_and(|resting| {
            let silent = resting.asked.is_some_and(|at| now >= at + UNANSWERED);
            silent || headroom.is_none_or(|headroom| headroom < TOO_LITTLE)
        })
    }

    /// Takes an answer. True if everything is to be measured again.
    pub fn answered(&mut self, now: u64, answer: Answer) -> bool {
        let Some(resting) = &mut self.resting else {
            return false;
        };
        resting.asked = None;
        let late = match answer {
            Answer::Lost => true,
            Answer::Arrived(delay) => {
                resting.least.add(now as i64, delay);
                resting.least.excess(delay) > LATE
            }
        };
        if late {
            resting.late += 1;
            resting.next = now + RECHECK;
        } else {
            resting.late = 0;
        }
        resting.late >= ALARM
    }

    /// Everything is measured from now on, for a while at least.
    pub fn wake(&mut self, now: u64) {
        self.resting = None;
        self.awake_until = now + AFTER_ALARM;
    }
}

fn interval(headroom: Option<f64>) -> u64 {
    match headroom {
        Some(headroom) if headroom >= PLENTY => LONG_INTERVAL,
        _ => INTERVAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;
    const MUCH: Option<f64> = Some(12.0);

    fn resting() -> Rest {
        let mut rest = Rest::new();
        assert!(rest.numbers(SECOND / 2, MUCH), "not at the start");
        assert!(rest.numbers(3 * SECOND, Some(5.0)), "not enough");
        assert!(rest.numbers(3 * SECOND, None), "not measured");
        assert!(!rest.numbers(3 * SECOND, MUCH));
        rest
    }

    #[test]
    fn one_run_a_second_is_numbered() {
        let mut rest = resting();
        let mut numbered = 0;
        for frame in 1..=250 {
            let now = 3 * SECOND + frame * SECOND / 25;
            if rest.numbers(now, MUCH) {
                numbered += 1;
                assert!(!rest.answered(now, Answer::Arrived(-7_000 + frame as i64 % 30_000)));
            }
            assert!(!rest.is_over(now, MUCH));
        }
        assert_eq!(numbered, 10);
    }

    #[test]
    fn where_there_is_plenty_one_run_in_two_seconds_is() {
        let plenty = Some(20.0);
        let mut rest = Rest::new();
        let frames = (0..500).map(|frame| 3 * SECOND + frame * SECOND / 25);
        let numbered = frames.filter(|&now| {
            let numbered = rest.numbers(now, plenty);
            numbered && !rest.answered(now, Answer::Arrived(5_000))
        });
        assert_eq!(numbered.count(), 9);
    }

    #[test]
    fn reports_without_a_queue_stand_for_samples() {
        let mut rest = resting();
        let mut samples = Vec::new();
        for frame in 1..=20 * 25 {
            let now = 3 * SECOND + frame * SECOND / 25;
            if rest.numbers(now, MUCH) {
                samples.push(now);
                assert!(!rest.answered(now + 30_000, Answer::Arrived(5_000)));
            }
            if frame % 25 == 10 && frame < 14 * 25 {
                rest.reported(now, 20_000 + frame % 30_000);
            }
        }
        let pauses: Vec<u64> = samples.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(samples[0], 3 * SECOND + LONGEST_INTERVAL);
        assert_eq!(pauses[0], LONGEST_INTERVAL);
        assert_eq!(samples[2], 16_400_000 + REPORTED, "after the last report");
        assert_eq!(pauses[2..], [SECOND; 4]);
    }

    #[test]
    fn a_report_that_shows_a_queue_asks_for_a_sample() {
        let mut rest = resting();
        let mut now = 3 * SECOND;
        for _ in 0..3 {
            now += SECOND;
            assert!(!rest.numbers(now - 1, MUCH));
            rest.reported(now, 20_000);
        }
        now += SECOND / 2;
        assert!(!rest.numbers(now, MUCH));
        rest.reported(now, 80_000);
        assert!(rest.numbers(now, MUCH));
        rest.reported(now + 1, 20_000);
        assert!(!rest.numbers(now + 1, MUCH));
        let answered = now + 30_000;
        assert!(!rest.answered(answered, Answer::Arrived(5_000)));
        assert!(!rest.answered(answered, Answer::Arrived(60_000)));
        rest.reported(answered, 20_000);
        assert!(
            rest.numbers(answered + RECHECK, MUCH),
            "a late sample is looked into"
        );
    }

    #[test]
    fn a_queue_ends_it_and_a_busy_moment_does_not() {
        let mut rest = resting();
        let mut now = 3 * SECOND;
        let mut sample = |rest: &mut Rest, answer| {
            while !rest.numbers(now, MUCH) {
                now += 10_000;
            }
            (rest.answered(now, answer), now)
        };
        let steady = Answer::Arrived(5_000);
        let late = Answer::Arrived(60_000);
        for answer in [steady, late, late, steady, late, Answer::Lost] {
            assert!(!sample(&mut rest, answer).0);
        }
        let (alarm, at) = sample(&mut rest, late);
        assert!(alarm);
        rest.wake(at);
        assert!(rest.numbers(at + 9 * SECOND, MUCH));
        assert!(!rest.numbers(at + 10 * SECOND, MUCH));
    }

    #[test]
    fn silence_and_a_higher_want_end_it() {
        let mut rest = resting();
        assert!(rest.is_over(4 * SECOND, Some(3.0)));
        assert!(!rest.is_over(4 * SECOND, MUCH));
        assert!(rest.numbers(4 * SECOND, MUCH));
        assert!(!rest.is_over(4 * SECOND + UNANSWERED - 1, MUCH));
        assert!(rest.is_over(4 * SECOND + UNANSWERED, MUCH));
    }

    #[test]
    fn the_least_delay_follows_a_drifting_clock() {
        let mut rest = resting();
        let mut now = 3 * SECOND;
        // 200 ppm for an hour: 720 ms.
        for second in 0..3600i64 {
            while !rest.numbers(now, MUCH) {
                now += 40_000;
            }
            assert!(!rest.answered(now, Answer::Arrived(second * 200)));
        }
    }
}
