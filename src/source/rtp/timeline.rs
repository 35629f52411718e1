//! The timestamps of a camera, made plausible.
//!
//! Increments are kept exactly as long as they can be true. But there are cameras whose timestamps stand
//! still for seconds, jump by hours and back, run backwards, or count another unit than the session
//! description says. Then the time of arrival spaces the units. Video frames with B-frames among them
//! come in decoding order: small steps back are right.

use std::time::Instant;

/// A timestamp that is this many seconds ahead of its arrival is wrong: nothing arrives early.
const AHEAD_SECONDS: i64 = 2;
/// One that is this many behind is: no network delays by more.
const BEHIND_SECONDS: i64 = 10;
/// A step back by this much is not to a B-frame.
const BACK_SECONDS: i64 = 1;
/// Consecutive steps back that pyramids of B-frames do not have.
const STEPS_BACK: u32 = 6;
/// Consecutive seconds after which a clock that runs at less than two thirds of its speed is not believed,
/// or one that runs at more than one and a half times: after a stall, what was held back arrives at once.
const SLOW_SECONDS: u32 = 2;
const FAST_SECONDS: u32 = 3;
/// The same for one that is less wrong, but not right either. Many cameras that make fewer frames in the dark
/// go on counting as if they made all; and for so long no network delays more and more.
const OFF_SECONDS: u32 = 10;
/// Consecutive seconds after which a clock that runs as it should is believed again.
const RIGHT_SECONDS: u32 = 4;

/// See the module documentation.
#[derive(Debug)]
pub struct Timeline {
    /// Ticks per second.
    rate: i64,
    state: Option<State>,
}

#[derive(Debug)]
struct State {
    /// Arrivals are counted from here.
    origin: Instant,
    /// Added to a timestamp.
    offset: i64,
    /// The last and the highest timestamp of the camera, and the highest that was made of them.
    last: i64,
    highest: i64,
    highest_out: i64,
    /// In ticks since the origin.
    last_arrival: i64,
    /// How far the timeline is ahead of the arrivals: of the last seconds, that of the unit with the
    /// least delay.
    lead: i64,
    /// The last step, and how many in a row went back.
    last_step: i64,
    steps_back: u32,
    speed: Speed,
    /// While the timestamps are not believed.
    by_arrival: Option<ByArrival>,
}

/// Spaces units as they arrive, without most of the network's jitter.
#[derive(Debug)]
struct ByArrival {
    /// The average interval in ticks.
    interval: i64,
    /// From arrivals to the timeline.
    offset: i64,
}

/// How fast the timestamps run, measured over seconds of arrivals.
#[derive(Debug, Default)]
struct Speed {
    /// The highest timestamp and the arrival when the measurement began.
    begun: (i64, i64),
    slow: u32,
    fast: u32,
    /// Below what is right, and above it.
    low: u32,
    high: u32,
    right: u32,
}

/// What became of a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub timestamp: i64,
    /// It is as the camera said, apart from an offset.
    pub believed: bool,
}

impl Timeline {
    pub fn new(clock_rate: u32) -> Self {
        Timeline {
            rate: i64::from(clock_rate.max(1)),
            state: None,
        }
    }

    /// Takes the timestamp of the next unit, which does not wrap around.
    pub fn place(&mut self, timestamp: i64, arrival: Instant) -> Placed {
        let rate = self.rate;
        let state = self.state.get_or_insert_with(|| State {
            origin: arrival,
            offset: 0,
            last: timestamp.wrapping_sub(1),
            highest: timestamp.wrapping_sub(1),
            highest_out: timestamp.wrapping_sub(1),
            last_arrival: 0,
            lead: timestamp,
            last_step: 0,
            steps_back: 0,
            speed: Speed {
                begun: (timestamp, 0),
                ..Speed::default()
            },
            by_arrival: None,
        });
        state.place(timestamp, arrival, rate)
    }
}

impl State {
    fn place(&mut self, timestamp: i64, arrival: Instant, rate: i64) -> Placed {
        let nanos = arrival.saturating_duration_since(self.origin).as_nanos();
        let arrived = i64::try_from(nanos.saturating_mul(rate as u128) / 1_000_000_000)
            .unwrap_or(i64::MAX)
            .max(self.last_arrival);
        let elapsed = arrived - self.last_arrival;
        let step = timestamp.wrapping_sub(self.last);
        let above = timestamp.wrapping_sub(self.highest);
        self.steps_back = match step {
            // Steps of the same size are none to B-frames.
            ..0 if step == self.last_step => STEPS_BACK,
            ..0 => self.steps_back + 1,
            0 => self.steps_back,
            1.. => 0,
        };
        self.last_step = step;
        let was_believed = self.by_arrival.is_none();
        self.judge(timestamp, arrived, rate);
        let candidate = timestamp.wrapping_add(self.offset);
        let ahead = candidate.wrapping_sub(arrived).wrapping_sub(self.lead);
        let jumps = ahead > AHEAD_SECONDS * rate || ahead < -BEHIND_SECONDS * rate;
        let (out, believed) = if let Some(by_arrival) = &mut self.by_arrival {
            let out = by_arrival.next(self.highest_out, arrived, elapsed, rate);
            (out, false)
        } else if step == 0 {
            // It stands still.
            (self.highest_out.wrapping_add(elapsed.max(1)), false)
        } else if was_believed
            && !jumps
            && match above {
                // A B-frame.
                ..0 => above > -BACK_SECONDS * rate,
                0 => false,
                1.. => candidate.wrapping_sub(self.highest_out) > 0,
            }
        {
            (candidate, true)
        } else {
            let out = self.highest_out.wrapping_add(elapsed.max(1));
            self.offset = out.wrapping_sub(timestamp);
            self.highest = timestamp;
            self.lead = out.wrapping_sub(arrived);
            (out, false)
        };
        // A clock that is somewhat slow is followed.
        self.lead = self.lead.wrapping_sub(elapsed / 8);
        let lead = out.wrapping_sub(arrived);
        if lead.wrapping_sub(self.lead) > 0 {
            self.lead = lead;
        }
        if above > 0 {
            self.highest = timestamp;
        }
        if out.wrapping_sub(self.highest_out) > 0 {
            self.highest_out = out;
        }
        self.last = timestamp;
        self.last_arrival = arrived;
        Placed {
            timestamp: out,
            believed,
        }
    }

    /// Decides whether the timestamps are believed.
    fn judge(&mut self, timestamp: i64, arrived: i64, rate: i64) {
        let (stamp, arrival) = self.speed.begun;
        let passed = arrived - arrival;
        if passed >= rate {
            let counted = timestamp.wrapping_sub(stamp);
            let before = &self.speed;
            let is_slow = counted < passed / 3 * 2;
            let is_fast = counted > passed / 2 * 3;
            let is_low = counted <= passed / 5 * 4;
            let is_high = counted >= passed / 4 * 5;
            let count = |is: bool, before: u32| if is { before.saturating_add(1) } else { 0 };
            self.speed = Speed {
                begun: (timestamp, arrived),
                slow: count(is_slow, before.slow),
                fast: count(is_fast, before.fast),
                low: count(is_low, before.low),
                high: count(is_high, before.high),
                right: count(!is_low && !is_high, before.right),
            };
        }
        let wrong = self.speed.slow >= SLOW_SECONDS
            || self.speed.fast >= FAST_SECONDS
            || self.speed.low.max(self.speed.high) >= OFF_SECONDS
            || self.steps_back >= STEPS_BACK;
        match self.by_arrival {
            None if wrong => {
                self.by_arrival = Some(ByArrival {
                    interval: arrived - self.last_arrival,
                    offset: self.highest_out.wrapping_sub(self.last_arrival),
                });
            }
            Some(_) if !wrong && self.speed.right >= RIGHT_SECONDS => self.by_arrival = None,
            _ => {}
        }
    }
}

impl ByArrival {
    fn next(&mut self, highest: i64, arrived: i64, elapsed: i64, rate: i64) -> i64 {
        if elapsed < rate {
            self.interval += (elapsed - self.interval) / 16;
        }
        let due = arrived.wrapping_add(self.offset);
        let smooth = highest.wrapping_add(self.interval);
        let error = due.wrapping_sub(smooth);
        let out = if error.unsigned_abs() > rate.unsigned_abs() {
            due
        } else {
            smooth.wrapping_add(error / 8)
        };
        match out.wrapping_sub(highest) {
            1.. => out,
            _ => highest.wrapping_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const STEP: i64 = 3600;

    /// Places one timestamp every 40 ms, with a jitter of some ms; returns what came out.
    fn play(timestamps: impl Iterator<Item = i64>) -> Vec<Placed> {
        let mut random = fastrand::Rng::with_seed(1);
        let start = Instant::now();
        let mut timeline = Timeline::new(90_000);
        timestamps
            .enumerate()
            .map(|(i, timestamp)| {
                let arrival = Duration::from_millis(40 * i as u64 + random.u64(..8));
                timeline.place(timestamp, start + arrival)
            })
            .collect()
    }

    fn steps(placed: &[Placed]) -> impl Iterator<Item = i64> + '_ {
        placed
            .windows(2)
            .map(|pair| pair[1].timestamp - pair[0].timestamp)
    }

    /// All steps forward, none of them far from 40 ms, and no time lost or won in all.
    fn assert_spaced(placed: &[Placed], what: &str) {
        for (i, step) in steps(placed).enumerate() {
            assert!((1..=3 * STEP).contains(&step), "{what}: step {i} is {step}");
        }
        let all = placed.last().unwrap().timestamp - placed[0].timestamp;
        let expected = STEP * (placed.len() as i64 - 1);
        assert!(
            (all - expected).abs() < 90_000,
            "{what}: {all} for {expected}"
        );
    }

    #[test]
    fn what_is_right_is_kept_exactly() {
        let mut random = fastrand::Rng::with_seed(2);
        let mut stamp = i64::from(u32::MAX) - 50_000;
        let sent: Vec<i64> = (0..2000)
            .map(|_| {
                stamp += STEP + random.i64(-900..900);
                stamp
            })
            .collect();
        let placed = play(sent.iter().copied());
        for (sent, placed) in sent.iter().zip(&placed) {
            assert_eq!(*sent, placed.timestamp);
            assert!(placed.believed);
        }
    }

    #[test]
    fn frames_in_decoding_order_are_kept() {
        // A pyramid of three layers.
        let order = [0, 8, 4, 2, 1, 3, 6, 5, 7];
        let sent = (0..900).map(|i| (i / 9 * 9 + order[i as usize % 9]) * STEP);
        let placed = play(sent.clone());
        assert!(
            sent.zip(placed)
                .all(|(sent, placed)| sent == placed.timestamp)
        );
    }

    #[test]
    fn what_is_wrong_is_spaced_by_arrival() {
        type Stamp = fn(i64) -> i64;
        let n = 0..1000_i64;
        let cases: [(&str, Stamp); 15] = [
            ("all zero", |_| 0),
            ("stands still for 5 s, then jumps", |i| i / 125 * 125 * STEP),
            ("stands still for 5 s, then goes on", |i| match i {
                ..400 => i * STEP,
                400..525 => 400 * STEP,
                _ => (i - 125) * STEP,
            }),
            ("pairs", |i| i / 2 * 2 * STEP),
            ("backwards", |i| -i * STEP),
            ("jumps forward", |i| i * STEP + i / 50 * 90_000 * 600),
            ("one is 3 s back", |i| {
                i * STEP - if i % 50 == 30 { 270_000 } else { 0 }
            }),
            ("one is hours off", |i| {
                i * STEP
                    + match i % 50 {
                        20 => -90_000 * 9800,
                        40 => 90_000 * 37_600,
                        _ => 0,
                    }
            }),
            ("in milliseconds", |i| i * 40),
            ("at 8 kHz", |i| i * 320),
            ("backwards, not evenly", |i| -i * STEP + i % 7 * 20),
            ("at twice its rate", |i| i * 2 * STEP),
            ("at half its rate", |i| i * STEP / 2),
            // Of 15 frames as if they were 25.
            ("in the dark", |i| i * STEP * 15 / 25),
            ("somewhat slow", |i| i * STEP * 3 / 4),
        ];
        for (what, stamp) in cases {
            let placed = play(n.clone().map(stamp));
            // Until it is noticed.
            let from = match what {
                "backwards" => 2,
                "backwards, not evenly" => 7,
                "in milliseconds" | "at 8 kHz" | "at half its rate" | "in the dark" => 100,
                "at twice its rate" => 125,
                "somewhat slow" => 300,
                _ => 0,
            };
            assert_spaced(&placed[from..], what);
        }
    }

    #[test]
    fn a_clock_that_is_right_again_is_believed_again() {
        let placed = play((0..1000).map(|i| if i < 300 { 0 } else { i * STEP }));
        assert_spaced(&placed, "all");
        assert!(!placed[200].believed);
        let right = &placed[600..];
        assert!(right.iter().all(|placed| placed.believed));
        assert!(steps(right).all(|step| step == STEP));
    }

    #[test]
    fn a_stall_of_the_network_is_no_fault_of_the_clock() {
        let start = Instant::now();
        let mut timeline = Timeline::new(90_000);
        for i in 0..1000_u64 {
            // 3 s of nothing, then what was held back.
            let at = if (300..375).contains(&i) { 375 } else { i };
            let placed = timeline.place(i as i64 * STEP, start + Duration::from_millis(40 * at));
            assert_eq!(placed.timestamp, i as i64 * STEP, "{i}");
        }
    }

    /// The camera drops what it could not send.
    #[test]
    fn after_a_stall_the_timeline_is_where_it_was() {
        let start = Instant::now();
        let mut timeline = Timeline::new(90_000);
        for i in 0..1000_u64 {
            let (stamp, at) = match i {
                // The last one before the stall is what is sent first.
                300 => (300, 375),
                ..300 => (i, i),
                _ => (i + 75, i + 75),
            };
            let arrival = start + Duration::from_millis(40 * at);
            let placed = timeline.place(stamp as i64 * STEP, arrival);
            assert_eq!(placed.timestamp, stamp as i64 * STEP, "{i}");
        }
    }

    #[test]
    fn a_pause_is_no_fault_of_the_clock() {
        let start = Instant::now();
        let mut timeline = Timeline::new(90_000);
        for i in 0..100_i64 {
            let seconds = i / 10 * 60 + i % 10;
            let arrival = start + Duration::from_secs(seconds as u64);
            let placed = timeline.place(seconds * 90_000, arrival);
            assert_eq!(placed.timestamp, seconds * 90_000);
        }
    }
}
