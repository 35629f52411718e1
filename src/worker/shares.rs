//! Whose source takes more than its share of the worker.
//!
//! Each turn of a source has a budget, so no source keeps the others waiting for long. But one that never
//! gets through what it is sent takes turn after turn, and all that the worker has time for. What its
//! viewers cost does not count: that is the host's wish.

use std::time::{Duration, Instant};

use crate::budget::Allowance;
use crate::source::TURN;

/// Time over which a share is measured.
const WINDOW: Duration = Duration::from_secs(1);
/// So many times in a row a source may have more than its share.
const PATIENCE: u32 = 3;
/// What all sources that do not get through may take together. Sane cameras of 1 Gbit/s take less.
const MOST: f32 = 0.5;
/// Each of them may have this in any case.
const LEAST: f32 = 1.0 / 32.0;
/// Turns become shorter where many sources do not get through, but not shorter than a part of the whole.
const SHORTEST: u32 = 8;
/// How often it is counted how many these are.
const COUNTED: Duration = Duration::from_millis(100);

/// What one source takes in turns that end before it is through.
#[derive(Debug, Default)]
pub struct Share {
    window: Option<Instant>,
    taken: Duration,
    /// Spent on viewers within the turns.
    delivered: Duration,
    /// It had more than its share so many times in a row.
    exceeded: u32,
    /// What it took of the last window.
    last: f32,
}

impl Share {
    /// Time of its turn was spent on its viewers.
    pub fn delivered(&mut self, time: Duration) {
        self.delivered += time;
    }

    /// Its turn ended before it was through, as those of `others` did lately. Returns how long it was,
    /// without what its viewers cost.
    pub fn overran(&mut self, began: Instant, now: Instant, others: usize) -> Duration {
        let turn = now.saturating_duration_since(began);
        let taken = turn.saturating_sub(std::mem::take(&mut self.delivered));
        if !self.is_behind(now) {
            *self = Share {
                window: Some(began),
                ..Share::default()
            };
        }
        self.taken += taken;
        let since = self.window.unwrap_or(began);
        let window = now.saturating_duration_since(since);
        if window >= WINDOW {
            let share = self.taken.as_secs_f32() / window.as_secs_f32();
            let most = (MOST / (1 + others) as f32).max(LEAST);
            self.last = share;
            self.exceeded = match share > most {
                true => self.exceeded + 1,
                false => 0,
            };
            (self.window, self.taken) = (Some(now), Duration::ZERO);
        }
        taken
    }

    /// Whether it did not get through lately.
    fn is_behind(&self, now: Instant) -> bool {
        self.window
            .is_some_and(|since| now.saturating_duration_since(since) < 2 * WINDOW)
    }

    /// Whether it takes more than an equal part, where there are so many streams.
    pub fn is_greedy(&self, now: Instant, streams: usize) -> bool {
        let window = self
            .window
            .map(|since| now.saturating_duration_since(since));
        let this = window.filter(|&window| window >= COUNTED);
        let this = this.map(|window| self.taken.as_secs_f32() / window.as_secs_f32());
        this.unwrap_or_default().max(self.last) > 1.0 / streams.max(1) as f32
    }

    /// Whether it has taken more than its share for seconds.
    pub fn is_given_up(&self) -> bool {
        self.exceeded >= PATIENCE
    }
}

/// How many sources of a worker do not get through.
#[derive(Debug, Default)]
pub struct Behind {
    count: usize,
    counted: Option<Instant>,
}

impl Behind {
    /// Their number, counted now and then.
    pub fn count<'a>(&mut self, now: Instant, all: impl Iterator<Item = &'a Share>) -> usize {
        let counted = self.counted.map(|at| now.saturating_duration_since(at));
        if counted.is_none_or(|age| age >= COUNTED) {
            self.count = all.filter(|share| share.is_behind(now)).count();
            self.counted = Some(now);
        }
        self.count
    }
}

/// What the next turn of a source may take where so many others do not get through: a round takes about
/// as long as one turn.
pub fn turn(others: usize) -> Allowance {
    let parts = u32::try_from(1 + others).unwrap_or(SHORTEST).min(SHORTEST);
    Allowance {
        time: TURN.time / parts,
        ..TURN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN_TIME: Duration = TURN.time;

    /// Turns for so long, each after a wait; whether it is given up, and when.
    fn turns(wait: Duration, delivered: Duration, others: usize) -> Option<Duration> {
        let mut share = Share::default();
        let start = Instant::now();
        let mut now = start;
        while now - start < Duration::from_secs(20) {
            now += wait;
            let began = now;
            now += TURN_TIME;
            share.delivered(delivered);
            share.overran(began, now, others);
            if share.is_given_up() {
                return Some(now - start);
            }
        }
        None
    }

    #[test]
    fn who_takes_most_of_the_time_for_seconds_is_given_up() {
        let none = Duration::ZERO;
        let given_up = turns(TURN_TIME / 10, none, 0).unwrap();
        assert!((3.0..3.2).contains(&given_up.as_secs_f32()), "{given_up:?}");
        assert_eq!(turns(TURN_TIME * 3 / 2, none, 0), None, "two of five");
        assert!(
            turns(TURN_TIME * 3 / 2, none, 3).is_some(),
            "one of several"
        );
        assert_eq!(turns(TURN_TIME * 40, none, 60), None, "everybody is behind");
    }

    #[test]
    fn what_viewers_cost_is_not_the_sources() {
        let part = TURN_TIME * 2 / 3;
        assert_eq!(turns(Duration::ZERO, part, 0), None);
        assert_eq!(turns(Duration::ZERO, TURN_TIME * 2, 0), None);
    }

    #[test]
    fn what_is_taken_beyond_an_equal_part_is_greedy() {
        let mut share = Share::default();
        let mut now = Instant::now();
        for turn in 0..2000 {
            share.overran(now, now + TURN_TIME, 0);
            now += 3 * TURN_TIME;
            let greedy = [2, 4, 5].map(|streams| share.is_greedy(now, streams));
            if turn > 60 {
                assert_eq!(greedy, [false, true, true], "{turn}");
            }
        }
    }

    #[test]
    fn a_burst_is_forgiven() {
        let mut share = Share::default();
        let mut now = Instant::now();
        for _ in 0..10 {
            // The machine was asleep during a turn, or a keyframe is large.
            share.overran(now, now + Duration::from_secs(30), 0);
            now += Duration::from_secs(60);
            for _ in 0..500 {
                share.overran(now, now + TURN_TIME, 0);
                now += TURN_TIME;
            }
            now += Duration::from_secs(3);
        }
        assert!(!share.is_given_up());
    }

    #[test]
    fn those_that_do_not_get_through_are_counted_now_and_then() {
        let now = Instant::now();
        let mut shares = [Share::default(), Share::default(), Share::default()];
        let mut behind = Behind::default();
        assert_eq!(behind.count(now, shares.iter()), 0);
        shares[1].overran(now, now, 0);
        assert_eq!(behind.count(now, shares.iter()), 0);
        assert_eq!(behind.count(now + COUNTED, shares.iter()), 1);
        assert_eq!(behind.count(now + 3 * WINDOW, shares.iter()), 0);
        assert_eq!(turn(0), TURN);
        assert_eq!(turn(1).time, TURN.time / 2);
        assert_eq!(turn(1000).time, TURN.time / 8);
    }
}
