//! What an owner of work (a camera, a viewer, the host) may do before the others have their turn.
//!
//! Whoever does the work counts it with [`Budget::spend`] and stops at the end of a step, when
//! [`Budget::is_step_over`]; whoever reads clocks then asks [`Budget::goes_on`]. So time is looked at every
//! few items, not at each, and only where clocks are read.

use std::time::{Duration, Instant};

/// Work until the clock is looked at again.
const STEP: usize = 16 * ITEM;
/// What an item costs besides its bytes, as if it were so many more.
const ITEM: usize = 2 << 10;

/// What one turn may take. Whatever of it is used up first ends the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// A turn that has begun a step ends it.
    pub time: Duration,
    /// Packets, messages, frames: whatever is done one after the other.
    pub items: usize,
    /// What they have together.
    pub bytes: usize,
}

/// What is left of a turn.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    began: Instant,
    ends: Instant,
    items: usize,
    bytes: usize,
    /// Done since the clock was looked at.
    step: usize,
}

impl Budget {
    /// A turn begins.
    pub fn new(allowance: Allowance, now: Instant) -> Budget {
        Budget {
            began: now,
            ends: now + allowance.time,
            items: allowance.items,
            bytes: allowance.bytes,
            step: 0,
        }
    }

    /// When the turn began.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Counts what was done, whether or not anything came of it.
    pub fn spend(&mut self, items: usize, bytes: usize) {
        self.items = self.items.saturating_sub(items);
        self.bytes = self.bytes.saturating_sub(bytes);
        let work = items.saturating_mul(ITEM).saturating_add(bytes);
        self.step = self.step.saturating_add(work);
    }

    /// Whether to stop until somebody has asked [`Budget::goes_on`].
    pub fn is_step_over(&self) -> bool {
        self.step >= STEP || self.is_spent()
    }

    /// Begins the next step. False if there is none: the turn is over.
    pub fn goes_on(&mut self, now: Instant) -> bool {
        self.step = 0;
        if now >= self.ends {
            self.items = 0;
        }
        !self.is_spent()
    }

    /// Whether the turn is over, as far as is known without a clock.
    pub fn is_spent(&self) -> bool {
        self.items == 0 || self.bytes == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance {
        time: Duration::from_millis(1),
        items: 100,
        bytes: 1 << 20,
    };

    /// Does items of this size that take `each`, until the turn is over; how many, and how often the clock
    /// was looked at.
    fn turn(size: usize, each: Duration) -> (usize, usize) {
        let mut now = Instant::now();
        let mut budget = Budget::new(ALLOWANCE, now);
        let (mut items, mut looks) = (0, 0);
        loop {
            while !budget.is_step_over() {
                budget.spend(1, size);
                now += each;
                items += 1;
            }
            looks += 1;
            if !budget.goes_on(now) {
                return (items, looks);
            }
        }
    }

    #[test]
    fn items_bytes_and_time_end_a_turn() {
        let quick = Duration::ZERO;
        assert_eq!(turn(0, quick), (100, 7));
        assert_eq!(turn(ALLOWANCE.bytes / 8, quick), (8, 8));
        // An item more than a step at most.
        let (items, looks) = turn(0, ALLOWANCE.time / 10);
        assert_eq!((items, looks), (16, 1));
        assert_eq!(turn(usize::MAX, ALLOWANCE.time * 10), (1, 1));
    }
}
