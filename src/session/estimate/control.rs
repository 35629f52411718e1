//! Rate control: the estimate rises while there is no queue, falls on overuse and on loss
//! (draft-ietf-rmcat-gcc-02 sections 5.5 and 6), and follows the measurements of packet trains.

use super::Limits;
use super::drain::Drain;
use super::link::{Link, Others};
use super::train::{Finding, LEFT, Sample};
use super::trend::Usage;
use super::trial::{Evidence, Outcome, Trial};

/// Multiplicative increase per second; near the known capacity, one packet of this size per response
/// time instead.
const GROWTH: f64 = 1.08;
const PACKET_BITS: f64 = 9_600.0;
/// Limit of the increase, relative to the delivered rate: more is not proven.
const UNPROVEN: f64 = 1.5;
const UNPROVEN_BITS: f64 = 10_000.0;
/// Decrease on overuse: if the sender fills the path it has to drain the queue; otherwise the queue
/// drains by itself.
const FILLING: f64 = 0.85;
const LEAVING_ROOM: f64 = 0.95;
/// A sender below this share of the estimate does not fill the path.
const FILLS: f64 = 0.95;
/// The path is full if less than this share of the offered rate is delivered.
const FULL: f64 = 0.9;
/// A queue that stands is longer than this, in microseconds.
const STANDS: i64 = 10_000;
/// A path that carries so many times what is wanted has headroom: only a queue that stands is taken for overuse
/// of it, and one train alone does not lower its estimate. The next one is at least this much later, in
/// microseconds, and at most that.
const HEADROOM: f64 = 4.0;
const ANOTHER: (u64, u64) = (500_000, 10_000_000);
/// Share of a measured rate that is used.
const RELY: f64 = 0.95;
/// Largest increase by one train, except by the first.
const LEAP: f64 = 3.0;
/// A capacity measured over at least this time in microseconds lowers the estimate.
const LOWERS: i64 = 60_000;
/// How long a measured capacity and a decrease are taken into account, in microseconds.
const REMEMBERED: u64 = 1_000_000;
/// Pacing rate over the estimate, so that keyframes detect a wider path: for the first packets of one, and
/// not if the estimate was lowered within this time in microseconds.
const TRY: f64 = 1.25;
const TRY_PAUSE: u64 = 6_000_000;
/// Where packets wait because of the estimate, and no queue stands on the path for so long after it was lowered.
const TRY_LIMITED: f64 = 1.1;
const LIMITED_PAUSE: u64 = 1_000_000;
/// The first packets: for this time in microseconds, and at least as many as a measurement needs.
const TRY_TIME: f64 = 60_000.0;
const TRY_BITS: f64 = 10.0 * PACKET_BITS;
/// Loss above which the estimate falls, and above which it does not rise.
const MUCH_LOSS: f64 = 0.1;
const SOME_LOSS: f64 = 0.05;
/// How long the highest estimate is kept, in microseconds: after a fade, what is delivered proves at once
/// that the path carries as much again. Below this share of it, the estimate has collapsed.
const HIGH: u64 = 10_000_000;
const COLLAPSED: f64 = 0.6;
/// How long the highest delivered rate is kept, in microseconds.
const PEAK: u64 = 5_000_000;

/// Measured rates in bits per second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    /// Delivered over the last half second.
    pub delivered: Option<f64>,
    /// At which those packets, and those lost between them, were sent.
    pub offered: Option<f64>,
    /// Sent over the last two seconds.
    pub sent: Option<f64>,
    /// What would be sent if the path carried it.
    pub wanted: f64,
    /// Packets wait because the estimate is no higher.
    pub waits: bool,
    /// The delay of a queue that does not drain, in microseconds.
    pub queue: Option<i64>,
    /// Whether it is longer than what is on its way needs it to be.
    pub stands: bool,
    /// Time from sending a packet to feedback on it, in microseconds.
    pub response: u64,
}

/// The rate control.
#[derive(Debug)]
pub struct Control {
    limits: Limits,
    estimate: f64,
    /// Whether anything was measured yet.
    known: bool,
    /// The capacity by the last overuse or train: near it, the increase is additive.
    edge: Option<f64>,
    capacity: Option<(f64, u64)>,
    link: Link,
    peak: (f64, u64),
    /// The highest estimate of late.
    high: (f64, u64),
    loss: f64,
    filling: bool,
    /// Packets wait because of the estimate, and there is no queue on the path.
    limited: bool,
    updated: u64,
    lowered: Option<u64>,
    /// The same, unless there is headroom.
    narrowed: Option<u64>,
    drain: Drain,
    /// What one train showed of a path with headroom, and when.
    doubted: Option<(f64, u64)>,
    /// The last leap, while it is on trial.
    trial: Option<Trial>,
}

impl Control {
    pub fn new(limits: Limits) -> Self {
        Control {
            estimate: limits.start as f64,
            limits,
            known: false,
            edge: None,
            capacity: None,
            link: Link::default(),
            peak: (0.0, 0),
            high: (0.0, 0),
            loss: 0.0,
            filling: false,
            limited: false,
            updated: 0,
            lowered: None,
            narrowed: None,
            drain: Drain::default(),
            doubted: None,
            trial: None,
        }
    }

    /// Bits per second.
    pub fn estimate(&self) -> f64 {
        self.estimate
    }

    /// Whether the estimate has fallen far of late.
    pub fn has_collapsed(&self) -> bool {
        self.estimate < COLLAPSED * self.high.0
    }

    /// Whether anything was measured yet.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// The pacing rate in bits per second of packets that have waited for others for `busy` microseconds.
    pub fn pace(&self, now: u64, busy: u64) -> f64 {
        if self.limited {
            return TRY_LIMITED * self.estimate;
        }
        // A sender that fills a path of known capacity must not outdo those that it shares it with.
        let contends = self.filling && (self.edge.is_some() || self.link.is_shared());
        let tried = busy as f64 > TRY_TIME.max(TRY_BITS * 1e6 / self.estimate);
        if contends || tried || self.narrowed.is_some_and(|at| now < at + TRY_PAUSE) {
            self.estimate
        } else {
            TRY * self.estimate
        }
    }

    /// Applies the state of the delay.
    pub fn delay(&mut self, now: u64, usage: Usage, flow: Flow) {
        let since = now.saturating_sub(self.updated).min(1_000_000);
        self.updated = now;
        self.filling = self.fills(flow);
        self.limited = flow.waits
            && usage == Usage::Normal
            && flow.queue.is_some_and(|queue| queue < STANDS)
            && self.lowered.is_none_or(|at| now > at + LIMITED_PAUSE);
        if let Some(delivered) = flow.delivered
            && (delivered >= self.peak.0 || now - self.peak.1 > PEAK)
        {
            self.peak = (delivered, now);
        }
        if self.known && (self.estimate >= self.high.0 || now - self.high.1 > HIGH) {
            self.high = (self.estimate, now);
        }
        if let Some(delivered) = flow.delivered
            && usage != Usage::Over
            && RELY * delivered > self.estimate
            && !self.drain.explains(now, RELY * delivered)
        {
            self.set((RELY * delivered).min(self.high.0));
        }
        if !flow.stands {
            self.drain.done();
        }
        match usage {
            Usage::Normal if flow.stands => self.drain(now, flow),
            Usage::Normal => self.rise(since, flow),
            Usage::Under => {}
            Usage::Over => self.overused(now, flow),
        }
    }

    fn rise(&mut self, since: u64, flow: Flow) {
        if self.loss > SOME_LOSS {
            return;
        }
        let seconds = since as f64 / 1e6;
        if self.edge.is_some_and(|edge| self.estimate > 1.3 * edge) {
            self.edge = None;
        }
        let limited = flow.waits || self.fills(flow);
        if self.edge.is_some_and(|edge| self.estimate > RELY * edge) && !limited {
            // Only a train can tell whether the path carries more.
            return;
        }
        let near = self.edge.is_some_and(|edge| self.estimate > 0.7 * edge);
        let raised = if near {
            let response = (flow.response as f64 / 1e6 + 0.1).min(1.0);
            self.estimate + PACKET_BITS / response * seconds
        } else {
            self.estimate * GROWTH.powf(seconds)
        };
        let most = UNPROVEN * self.peak.0 + UNPROVEN_BITS;
        if raised > self.estimate && self.estimate < most {
            self.set(raised.min(most));
        }
    }

    /// A queue stands.
    fn drain(&mut self, now: u64, flow: Flow) {
        let (Some(queue), Some(delivered)) = (flow.queue, flow.delivered) else {
            return;
        };
        let drain = &mut self.drain;
        let Some(share) = drain.share(now, queue, flow.response, delivered) else {
            return;
        };
        let carried = delivered.max(self.measured_of_late(now));
        if self.fills(flow) {
            self.edge = Some(carried);
            self.lower(now, share * carried);
        } else {
            self.lower(now, (share * carried).max(FILLING * self.estimate));
        }
    }

    /// The capacity that a train showed of late, or 0.
    fn measured_of_late(&self, now: u64) -> f64 {
        match self.capacity {
            Some((rate, at)) if now < at + REMEMBERED => rate,
            _ => 0.0,
        }
    }

    fn overused(&mut self, now: u64, flow: Flow) {
        let roomy = self.has_headroom(flow);
        if roomy && flow.queue.is_some_and(|queue| queue < STANDS) {
            // A keyframe, or a machine that stalls: it has drained since, or will.
            return;
        }
        let pause = flow.response.clamp(50_000, 300_000) + 100_000;
        if self.lowered.is_some_and(|at| now < at + pause) {
            return;
        }
        let Some(delivered) = flow.delivered else {
            // Right at the start.
            self.lower(now, self.estimate * FILLING);
            return;
        };
        let carried = delivered.max(self.measured_of_late(now));
        let share = if self.fills(flow) {
            FILLING
        } else {
            LEAVING_ROOM
        };
        let full = flow
            .offered
            .is_some_and(|offered| delivered < FULL * offered);
        let target = if full {
            share * carried
        } else if !roomy {
            (share * carried).max(FILLING * self.estimate)
        } else {
            // The queue grew although the path kept up: a burst, cross traffic, or jitter. The rate
            // of a stream that does not fill the path is not the capacity.
            (UNPROVEN * carried).max(FILLING * self.estimate)
        };
        self.edge = Some(match self.edge {
            Some(edge) if (0.7..1.3).contains(&(carried / edge)) => 0.7 * edge + 0.3 * carried,
            _ => carried,
        });
        let narrowed = self.narrowed;
        self.lower(now, target);
        if roomy && !full {
            self.narrowed = narrowed;
        }
    }

    fn fills(&self, flow: Flow) -> bool {
        flow.sent.is_none_or(|sent| sent > FILLS * self.estimate)
    }

    /// Whether the estimate is many times what is sent, or would be if the path carried it.
    fn has_headroom(&self, flow: Flow) -> bool {
        let much = flow.sent.map(|sent| HEADROOM * sent.max(flow.wanted));
        much.is_some_and(|much| self.estimate > much)
    }

    /// Applies the measurement of a train.
    pub fn train(&mut self, now: u64, sample: Sample, usage: Usage, flow: Flow) {
        match sample.shown {
            Finding::AtLeast(_) if !sample.proves => return,
            Finding::AtLeast(rate) => {
                if usage != Usage::Over && RELY * rate > self.estimate * 1.05 {
                    self.leap(now, RELY * rate);
                }
            }
            Finding::Capacity(rate, measured) => {
                self.capacity = Some((rate, now));
                if sample.proves {
                    self.link.note(now, rate);
                }
                if RELY * rate > self.estimate {
                    if sample.proves || !self.known {
                        self.leap(now, RELY * rate);
                    }
                } else if !self.known {
                    self.edge = Some(rate);
                    self.lower(now, RELY * rate);
                } else if measured >= LOWERS
                    && let Some(rate) = self.believed(now, rate, flow)
                    && RELY * rate < self.estimate
                {
                    self.edge = Some(rate);
                    self.lower(now, RELY * rate);
                }
            }
        }
        self.known = true;
    }

    /// What is to be believed of a train that was slower than the estimate: a machine that stalls has the same
    /// effect, and so has a keyframe of the same stream that goes to another viewer behind the link.
    fn believed(&mut self, now: u64, rate: f64, flow: Flow) -> Option<f64> {
        if flow.queue.is_none_or(|queue| queue >= STANDS) {
            return Some(rate);
        }
        let rate = rate.max(self.link.left(now).unwrap_or(0.0));
        if !self.has_headroom(flow) {
            return Some(rate);
        }
        let (least, most) = ANOTHER;
        match self.doubted {
            Some((before, at)) if now < at + most => (now > at + least).then(|| rate.max(before)),
            _ => {
                self.doubted = Some((rate, now));
                None
            }
        }
    }

    /// Applies what the first bursts show.
    pub fn opening(&mut self, now: u64, shown: Finding) {
        match shown {
            Finding::AtLeast(rate) => self.set(self.estimate.max(RELY * rate)),
            Finding::Capacity(rate, _) => {
                self.edge = Some(rate);
                self.set(RELY * rate);
                self.high = (self.estimate, 0);
                self.link.note(now, rate);
            }
        }
        self.known = true;
    }

    /// So much of what the opening showed is used by what no feedback covers. What is delivered of its bursts does
    /// not show that: the rest queues behind them.
    pub fn besides(&mut self, now: u64, rate: f64) {
        let left = |all: f64| (all - rate).max(LEFT * all);
        self.edge = self.edge.map(left);
        self.high.0 = left(self.high.0);
        self.lower(now, left(self.estimate));
    }

    /// What trains showed of the narrowest link of late.
    pub fn link(&self, now: u64) -> Option<f64> {
        self.link.shown(now)
    }

    /// All that use the link were sent so much, and there was no queue: the link carries at least nearly so much.
    pub fn carried(&mut self, now: u64, rate: f64) {
        self.link.carried(now, rate, RELY);
    }

    /// Others use the same link, beside what is `wanted`, and are `heeded` or not.
    pub fn share(&mut self, now: u64, others: Option<Others>, heeded: bool, wanted: f64) {
        self.link.set_others(others, heeded);
        if let Some(part) = self.link.part(now, wanted, RELY) {
            self.set(self.estimate.min(part));
        }
    }

    /// Applies the fraction of packets lost.
    pub fn loss(&mut self, now: u64, loss: f64, flow: Flow) {
        self.loss = loss;
        if loss > MUCH_LOSS {
            let target = self.estimate * (1.0 - 0.5 * loss);
            let delivered = flow.delivered.unwrap_or(0.0);
            self.lower(now, target.max(LEAVING_ROOM * delivered));
        }
    }

    /// Multiplies the estimate, up to `most`.
    pub fn creep(&mut self, factor: f64, most: f64) {
        if self.estimate < most {
            self.set((factor * self.estimate).min(most));
        }
    }

    /// Feedback is missing.
    pub fn silence(&mut self, now: u64) {
        self.lower(now, self.estimate / 2.0);
    }

    /// Feedback is back. The path may have changed, so the next train counts like the first.
    pub fn feedback_resumed(&mut self) {
        self.known = false;
        self.edge = None;
        self.set(self.estimate.max(self.limits.start as f64 / 4.0));
    }

    /// Raises the estimate to `rate`, within the limit of one step.
    fn leap(&mut self, now: u64, rate: f64) {
        let most = if self.known {
            self.trial = Some(Trial::new(now, self.estimate));
            LEAP * self.estimate
        } else {
            f64::MAX
        };
        self.set(rate.min(most));
        if self.edge.is_some_and(|edge| self.estimate > edge) {
            self.edge = None;
        }
    }

    /// Packets that left from this time on show whether the last leap was too far.
    pub fn on_trial(&self) -> Option<i64> {
        self.trial.as_ref().map(Trial::since)
    }

    /// Applies what is told of them. True if it was too far.
    pub fn tried(&mut self, now: u64, evidence: Evidence) -> bool {
        let outcome = self.trial.as_mut().map(|trial| trial.hear(evidence));
        if outcome != Some(Outcome::Open) {
            self.trial = None;
        }
        let Some(Outcome::Failed(before)) = outcome else {
            return false;
        };
        self.edge = Some(before);
        self.lower(now, before);
        true
    }

    /// Lowers the estimate to `rate` if it is higher.
    pub fn lower(&mut self, now: u64, rate: f64) {
        if rate < self.estimate {
            self.set(rate);
        }
        self.lowered = Some(now);
        self.narrowed = Some(now);
        self.known = true;
    }

    fn set(&mut self, rate: f64) {
        let (floor, ceiling) = (self.limits.floor as f64, self.limits.ceiling as f64);
        self.estimate = rate.clamp(floor, ceiling.max(floor));
    }
}

#[cfg(test)]
mod tests;
