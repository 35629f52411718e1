//! What is known of the path: by the opening at first, then by the estimator, and by the other viewers behind the
//! same address.

use std::time::{Duration, Instant};

use super::neighbors::Neighbor;
use super::opening::Opening;
use super::pacer::{Basis, Pace};
use crate::session::estimate::{Estimator, ProbeOf};

/// An answer to a check comes no later than this after feedback on what left before it.
const ANSWERED: Duration = Duration::from_millis(20);

/// What is known of the path.
#[derive(Debug)]
pub struct Congestion {
    pub estimator: Estimator,
    /// Its place among the viewers behind the same address.
    pub neighbor: Neighbor,
    /// Until the path is measured.
    pub opening: Option<Opening>,
    /// Transport-wide sequence number of the next packet that has one.
    pub number: u16,
    /// Whether the viewer sends transport-wide feedback.
    pub expected: bool,
    /// When the last check was sent to a viewer to whom nothing arrives.
    pub checked: Option<Instant>,
    /// Rates in bits per second: what the stream that is sent needs, and what would be used if the path
    /// carried it.
    pub needed: u64,
    pub wanted: u64,
}

impl Congestion {
    /// The pace while the opening lasts. Ends it if it has led to nothing.
    pub fn opening_pace(&mut self, now: Instant) -> Option<Pace> {
        let opening = self.opening.as_mut()?;
        let arrived = |last| self.estimator.had_arrived(last, now, ANSWERED);
        if opening.awaited().is_some_and(arrived) {
            opening.lost();
        }
        self.end_opening(now);
        let opening = self.opening.as_ref()?;
        let basis = match opening.overdue() {
            _ if self.estimator.is_measured() => Basis::Measured(self.estimator.estimate() / 8),
            Some(until) if !opening.is_answered() => Basis::Awaited(until),
            _ => Basis::Opening,
        };
        Some(Pace { burst: 1, basis })
    }

    /// Ends the opening if it has led to nothing, or its answer is overdue, which says something, too.
    pub fn end_opening(&mut self, now: Instant) {
        let Some(opening) = &self.opening else {
            return;
        };
        let overdue = opening.overdue().is_some_and(|at| at <= now);
        if let Some(shown) = opening.expire(now) {
            self.estimator.opening(now, shown);
        }
        if overdue || opening.is_over(now) {
            self.opening = None;
        }
    }

    pub fn is_measured(&self) -> bool {
        self.estimator.is_measured()
    }

    /// Tells the other viewers behind the address what is used, and heeds what they use.
    pub fn share(&mut self, now: Instant) {
        let used = self.estimator.capacity().min(self.needed);
        let link = self.estimator.link(now);
        let sent = self.estimator.sent_rate(now);
        let others = self.neighbor.exchange(now, link, used as f64, sent);
        self.estimator.share(now, others);
    }

    /// The bytes of a probe that is due, unless that of another viewer behind the address is on its way.
    pub fn probe(&mut self, now: Instant, of: ProbeOf) -> Option<u32> {
        if !self.neighbor.may_probe(now) {
            return None;
        }
        let probe = self.estimator.probe(now, of)?;
        let bits = u64::from(probe.bytes) * 8_000_000;
        let takes = Duration::from_micros(bits / self.estimator.capacity().max(1));
        self.neighbor.probes(now, takes);
        Some(probe.bytes)
    }

    /// Whether transport-wide feedback has come, or is about to after an opening.
    pub fn has_feedback(&self) -> bool {
        self.is_measured() && (self.estimator.has_feedback() || self.expected)
    }

    /// Whether the path carries less than this in bytes per second.
    pub fn is_thin(&self, rate: u64) -> bool {
        self.estimator.estimate() / 8 < rate
    }
}
