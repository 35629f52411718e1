//! Estimates the available bandwidth of the path to one viewer.
//!
//! With transport-wide feedback ([`TransportFeedback`]) it works like Google congestion control
//! (draft-ietf-rmcat-gcc-02, and libwebrtc since): the trend of the one-way delay detects a growing
//! queue, additive increase and multiplicative decrease follow, and loss sets a bound.
//!
//! One thing differs. A camera's rate does not adapt: the stream sends what the camera sends, which
//! says little about a wider path. So every keyframe is measured like a probe (see `train`), and
//! padding is needed only to find out about a rate that is wanted (see `probing`).
//!
//! Without that feedback, receiver reports decide, more carefully.
//!
//! Where the path carries far more than is wanted, only samples are measured (see `rest`).
//!
//! Sans-I/O. Allocates once, about 9 KiB with the first packet that has a transport-wide sequence
//! number.

mod control;
mod feedback;
mod history;
mod least;
mod meter;
mod probing;
mod reports;
mod rest;
mod standing;
mod train;
mod trend;

use std::time::{Duration, Instant};

pub use crate::tuning::EstimateLimits as Limits;
pub use feedback::TransportFeedback;
pub use train::Shown;
pub use trend::Usage;

use control::{Control, Flow};
use history::History;
use meter::Meter;
use probing::{Probe, Probing};
use reports::Reports;
use rest::{Answer, Rest};
use standing::Standing;
use train::Train;
use trend::Trend;

/// IPv4 and UDP headers.
pub const HEADERS: usize = 28;
/// Microseconds in a unit of the reference time.
const REFERENCE: i64 = 64_000;
/// Windows of the delivered rate, half a second, and of the sent rate, two seconds, which averages
/// over a keyframe: logarithm of their buckets in microseconds.
const DELIVERED: u32 = 15;
const SENT: u32 = 17;
/// Minimum number of packets and time in microseconds for a loss measurement.
const LOSS_PACKETS: u32 = 25;
const LOSS_TIME: u64 = 250_000;
/// The estimate is halved after this time in microseconds without feedback on what was sent.
const SILENCE: u64 = 1_000_000;

/// After this time in microseconds without feedback an overuse says nothing any more.
const DRAINS: u64 = 500_000;
/// Padding is sent this much later, in microseconds, if more than this share of the estimate is used. For a
/// better variant it is not as late.
const PADDED: f64 = 0.7;
const PADDED_PAUSE: u64 = 2_000_000;
const PADDED_PAUSE_FOR_BETTER: u64 = 1_000_000;
/// The estimate after a queue was noticed on a path that was not measured, relative to the wanted rate.
const DOUBTED: f64 = 2.0;
/// A gap in the viewer's arrival times, in microseconds, that is taken for a jump of its clock.
const JUMP: u64 = 3_000_000;

/// The contents of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Video or audio, including retransmissions.
    Media,
    /// Part of a [`Probe`].
    Probe,
}

/// What a probe is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeOf {
    /// Media that waits.
    Media,
    /// Padding, as something is left out of what is shown.
    Padding,
    /// Padding, as there is a better variant than the one that is shown whole.
    PaddingForBetter,
}

/// The estimator of one viewer.
#[derive(Debug)]
pub struct Estimator {
    epoch: Instant,
    control: Control,
    probing: Probing,
    reports: Reports,
    rest: Rest,
    usage: Usage,
    /// The sent rate.
    sent: Meter,
    /// The part of it that no feedback covers, if there is any feedback.
    uncovered: Meter,
    /// Allocated with the first transport-wide sequence number.
    measured: Option<Box<Measured>>,
}

/// The state for transport-wide feedback.
#[derive(Debug)]
struct Measured {
    history: History,
    trend: Trend,
    standing: Standing,
    train: Option<Train>,
    /// The delivered rate by the viewer's clock, and the rate at which the same packets and those
    /// lost between them were sent.
    delivered: Meter,
    offered: Meter,
    newest_arrival: i64,
    newest_sent: i64,
    newest_number: Option<u16>,
    /// The last reference time, as received and unwrapped.
    reference: Option<(u32, i64)>,
    number: Option<u8>,
    /// Smoothed time from sending a packet to feedback on it.
    response: u64,
    lost: u32,
    reported: u32,
    loss_since: u64,
    heard: u64,
    sent_unheard: bool,
    silent: bool,
}

impl Estimator {
    /// An estimator for a new path. `now` is the epoch of its clock.
    pub fn new(now: Instant, limits: Limits) -> Self {
        Estimator {
            epoch: now,
            control: Control::new(limits),
            probing: Probing::new(),
            reports: Reports::default(),
            rest: Rest::new(),
            usage: Usage::Normal,
            sent: Meter::new(SENT),
            uncovered: Meter::new(SENT),
            measured: None,
        }
    }

    /// The estimate in bits per second, IPv4 and UDP headers included.
    pub fn estimate(&self) -> u64 {
        self.control.estimate() as u64
    }

    /// The same, with what is sent that no feedback covers, such as some sound.
    pub fn capacity(&self) -> u64 {
        self.estimate() + self.uncovered.last_rate() as u64
    }

    /// The pacing rate in bits per second, for packets that wait, such as those of a keyframe. It is
    /// above the estimate until that builds a queue, so that keyframes detect a wider path.
    /// `busy`: for how long packets have had to wait.
    pub fn pace(&self, now: Instant, busy: Duration) -> u64 {
        if self.has_feedback() {
            let busy = busy.as_micros() as u64;
            self.control.pace(self.micros(now), busy) as u64
        } else {
            self.estimate()
        }
    }

    /// Whether anything was measured. Until then the estimate is a guess.
    pub fn is_measured(&self) -> bool {
        self.control.is_known()
    }

    /// Takes what the first bursts show of the path.
    pub fn opening(&mut self, shown: Shown) {
        self.control.opening(shown);
    }

    /// Whether packets that leave now are to have transport-wide sequence numbers.
    pub fn numbers(&mut self, now: Instant) -> bool {
        let now = self.micros(now);
        let wide = self.wide();
        if self.rest.is_over(now, wide) {
            self.wake(now);
        }
        self.rest.numbers(now, wide)
    }

    /// Whether only samples are measured: other packets need not be recorded.
    pub fn is_resting(&self) -> bool {
        self.rest.is_resting()
    }

    /// Packets were lost: everything is measured again, if only samples were. The loss may be another's: the
    /// estimate stays.
    pub fn loss_seen(&mut self, now: Instant) {
        if self.rest.is_resting() {
            self.wake(self.micros(now));
        }
    }

    /// How much more the path carries than is wanted, if that is known and there is no queue.
    fn wide(&self) -> Option<f64> {
        let wanted = self.probing.wanted();
        let known = self.has_feedback() && self.is_measured() && self.usage != Usage::Over;
        (known && wanted > 0.0).then(|| self.control.estimate() / wanted)
    }

    /// Everything is measured from now on; what was before is too old to go on with.
    fn wake(&mut self, now: u64) {
        self.rest.wake(now);
        self.sent = Meter::new(SENT);
        if let Some(measured) = &mut self.measured {
            measured.begin_again(now);
        }
    }

    /// Records a sent packet with `size` bytes of UDP payload. `sequence` is its transport-wide
    /// sequence number, which increases by one with each packet; `None` if not negotiated.
    pub fn packet_sent(&mut self, now: Instant, sequence: Option<u16>, size: usize, kind: Kind) {
        let now = self.micros(now);
        let size = size + HEADERS;
        self.reports.sent(size);
        // What no feedback covers is no part of what is measured either.
        if sequence.is_some() || !self.has_feedback() {
            self.sent.add(now as i64, size as u64);
        } else {
            self.uncovered.add(now as i64, size as u64);
        }
        if let Some(sequence) = sequence {
            let measured = self
                .measured
                .get_or_insert_with(|| Box::new(Measured::new(now)));
            let probe = kind == Kind::Probe;
            measured.history.sent(now, sequence, size, probe);
            if !measured.sent_unheard {
                measured.sent_unheard = true;
                measured.heard = now;
            }
        }
    }

    /// Handles transport-wide feedback. `waits`: packets wait because the estimate is no higher.
    pub fn feedback(&mut self, now: Instant, feedback: &TransportFeedback<'_>, waits: bool) {
        let now = self.micros(now);
        let Some(measured) = &mut self.measured else {
            return;
        };
        if self.rest.is_resting() {
            let answer = measured.sample(now, feedback);
            if answer.is_some_and(|answer| self.rest.answered(now, answer)) {
                self.wake(now);
                self.control.lower(now, DOUBTED * self.probing.wanted());
                self.probing.collapsed(now);
            }
            return;
        }
        let (pace, first) = (self.control.estimate(), !self.control.is_known());
        let had_collapsed = self.control.has_collapsed();
        let mut samples = [None; 4];
        if !measured.take(now, feedback, pace, first, &mut samples) {
            return;
        }
        if measured.silent {
            measured.silent = false;
            self.control.feedback_resumed();
            self.probing.restart();
        }
        self.usage = measured.trend.usage();
        let flow = measured.flow(self.sent.rate(now as i64), self.probing.wanted(), waits);
        for mut sample in samples.into_iter().flatten() {
            if sample.probe {
                sample.shown = sample.shown.besides(self.uncovered.last_rate());
                let (Shown::AtLeast(rate) | Shown::Capacity(rate, _)) = sample.shown;
                let shown = if sample.proves { rate } else { 0.0 };
                self.probing.result(now, shown);
            }
            self.control.train(now, sample, self.usage, flow);
        }
        self.control.delay(now, self.usage, flow);
        if measured.reported >= LOSS_PACKETS && now >= measured.loss_since + LOSS_TIME {
            let loss = f64::from(measured.lost) / f64::from(measured.reported);
            (measured.lost, measured.reported, measured.loss_since) = (0, 0, now);
            self.control.loss(now, loss, flow);
        }
        if self.control.has_collapsed() && !had_collapsed {
            self.probing.collapsed(now);
        }
    }

    /// Handles a receiver report: the fraction of packets lost since the last one (0 to 1), and the
    /// round trip if known. Ignored once transport-wide feedback has arrived.
    pub fn report(&mut self, now: Instant, loss: f64, round_trip: Option<Duration>) {
        let now = self.micros(now);
        if self.has_feedback() {
            return;
        }
        let (loss, wanted) = (loss.clamp(0.0, 1.0), self.probing.wanted());
        self.usage = self
            .reports
            .report(now, loss, round_trip, wanted, &mut self.control);
    }

    /// Handles missing feedback.
    pub fn timeout(&mut self, now: Instant) {
        let now = self.micros(now);
        let Some(measured) = &mut self.measured else {
            return;
        };
        // A viewer that never sent feedback may not support it.
        if measured.sent_unheard && now >= measured.heard + SILENCE {
            measured.heard = now;
            if measured.number.is_some() {
                measured.silent = true;
                self.control.silence(now);
            }
        }
    }

    /// Whether transport-wide feedback has arrived.
    pub fn has_feedback(&self) -> bool {
        let measured = self.measured.as_ref();
        measured.is_some_and(|measured| measured.number.is_some())
    }

    /// Whether feedback has told for this time that the packet with this number, or a later one, has arrived.
    pub fn had_arrived(&self, number: u16, now: Instant, time: Duration) -> bool {
        let now = self.micros(now);
        self.measured.as_ref().is_some_and(|measured| {
            let newest = measured.newest_number;
            newest.is_some_and(|newest| newest.wrapping_sub(number) < 1 << 15)
                && now >= measured.heard + time.as_micros() as u64
        })
    }

    fn micros(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.epoch).as_micros() as u64
    }
}

impl Estimator {
    /// Sets the rate in bits per second that would be used if the path carried it. Probes are sent
    /// while the estimate is below.
    pub fn want(&mut self, rate: u64) {
        self.probing.want(rate as f64);
    }

    /// The probe to send now, if one is due. It counts as sent.
    pub fn probe(&mut self, now: Instant, of: ProbeOf) -> Option<Probe> {
        let now = self.micros(now);
        // What was overused drains if nothing follows.
        let heard = self
            .measured
            .as_ref()
            .map_or(now, |measured| measured.heard);
        if !self.has_feedback() || (self.usage == Usage::Over && now < heard + DRAINS) {
            return None;
        }
        let estimate = self.control.estimate();
        let since = now.checked_sub(self.probing.due(estimate)?)?;
        let later = match of {
            ProbeOf::Media => 0,
            ProbeOf::Padding => PADDED_PAUSE,
            ProbeOf::PaddingForBetter => PADDED_PAUSE_FOR_BETTER,
        };
        if since < later && self.sent.rate(now as i64)? > PADDED * estimate {
            return None;
        }
        let better = of == ProbeOf::PaddingForBetter;
        self.probing
            .start(now, estimate, self.capacity() as f64, better)
    }
}

impl Measured {
    fn new(now: u64) -> Self {
        Measured {
            history: History::new(),
            trend: Trend::new(),
            standing: Standing::new(),
            train: None,
            delivered: Meter::new(DELIVERED),
            offered: Meter::new(DELIVERED),
            newest_arrival: 0,
            newest_sent: 0,
            newest_number: None,
            reference: None,
            number: None,
            response: 100_000,
            lost: 0,
            reported: 0,
            loss_since: now,
            heard: now,
            sent_unheard: false,
            silent: false,
        }
    }

    /// Handles a message; false if it is a duplicate or overtaken.
    fn take(
        &mut self,
        now: u64,
        feedback: &TransportFeedback<'_>,
        pace: f64,
        first: bool,
        samples: &mut [Option<train::Sample>; 4],
    ) -> bool {
        let Some(ahead) = self.take_number(feedback.number()) else {
            return false;
        };
        if ahead > 1 {
            // The fate of the packets between is unknown.
            self.train = None;
        }
        let reference = self.unwrap(feedback.reference()) * REFERENCE;
        let mut samples = samples.iter_mut();
        let mut answered = None;
        for (sequence, arrival) in feedback.arrivals(reference) {
            let Some(arrival) = arrival else {
                if let Some(sent) = self.history.lost(now, sequence) {
                    self.lost += 1;
                    self.reported += 1;
                    self.offered.add(sent.at as i64, u64::from(sent.size));
                    if let Some(train) = &mut self.train {
                        train.lose();
                    }
                }
                continue;
            };
            self.check_clock(arrival);
            let Some(sent) = self.history.received(now, sequence) else {
                continue;
            };
            let (at, size) = (sent.at as i64, u64::from(sent.size));
            answered = Some(sent.at);
            if sent.first_report {
                self.reported += 1;
                self.offered.add(at, size);
            }
            self.delivered.add(arrival, size);
            self.newest_arrival = self.newest_arrival.max(arrival);
            if at >= self.newest_sent {
                (self.newest_sent, self.newest_number) = (at, Some(sequence));
            }
            self.trend.packet(at, arrival);
            self.standing.packet(at, arrival);
            match &mut self.train {
                Some(train) if train.reaches(at, pace, sent.probe) => {
                    train.add(at, arrival, size);
                }
                train => {
                    let next = Train::new(at, arrival, size, sent.probe);
                    if let Some(sample) = train.replace(next).and_then(|train| train.sample())
                        && let Some(slot) = samples.next()
                    {
                        *slot = Some(sample);
                    }
                }
            }
        }
        // Do not wait for the end of a keyframe that is too fast, or is all that was sent so far.
        let early = self.train.and_then(|train| train.sample());
        if let Some(sample) = early
            && (first || matches!(sample.shown, Shown::Capacity(..)))
            && let Some(slot) = samples.next()
        {
            *slot = Some(sample);
        }
        if let Some(at) = answered {
            self.response = (7 * self.response + now.saturating_sub(at)) / 8;
            self.heard = now;
            self.sent_unheard = false;
        }
        true
    }

    /// Handles a message about a sample; `None` if it is a duplicate or says nothing of it.
    fn sample(&mut self, now: u64, feedback: &TransportFeedback<'_>) -> Option<Answer> {
        self.take_number(feedback.number())?;
        let reference = self.unwrap(feedback.reference()) * REFERENCE;
        let mut answer = None;
        for (sequence, arrival) in feedback.arrivals(reference) {
            let Some(arrival) = arrival else {
                if self.history.lost(now, sequence).is_some() {
                    answer = answer.or(Some(Answer::Lost));
                }
                continue;
            };
            if let Some(sent) = self.history.received(now, sequence) {
                let delay = arrival - sent.at as i64;
                answer = Some(Answer::Arrived(match answer {
                    Some(Answer::Arrived(least)) => delay.min(least),
                    _ => delay,
                }));
                self.heard = now;
                self.sent_unheard = false;
            }
        }
        answer
    }

    /// How many messages this one is ahead of the last; `None` if it is a duplicate or overtaken.
    fn take_number(&mut self, number: u8) -> Option<u8> {
        let ahead = self.number.map_or(1, |last| number.wrapping_sub(last));
        if ahead == 0 || ahead >= 128 {
            return None;
        }
        self.number = Some(number);
        Some(ahead)
    }

    /// What was measured so far is too old to go on with.
    fn begin_again(&mut self, now: u64) {
        self.trend = Trend::new();
        self.forget_rates();
        (self.lost, self.reported, self.loss_since) = (0, 0, now);
        (self.heard, self.sent_unheard) = (now, false);
    }

    /// Starts again after a pause, or if the viewer's clock jumped.
    fn check_clock(&mut self, arrival: i64) {
        if arrival.abs_diff(self.newest_arrival) > JUMP {
            self.forget_rates();
            self.standing = Standing::new();
            self.newest_arrival = arrival;
        }
    }

    fn forget_rates(&mut self) {
        self.train = None;
        self.delivered = Meter::new(DELIVERED);
        self.offered = Meter::new(DELIVERED);
    }

    fn unwrap(&mut self, reference: u32) -> i64 {
        let unwrapped = match self.reference {
            None => i64::from(reference),
            Some((last, unwrapped)) => {
                // The difference of 24 bits, with its sign.
                let ahead = i64::from((reference.wrapping_sub(last) << 8) as i32 >> 8);
                match ahead.abs() * REFERENCE > JUMP as i64 {
                    // Where a clock that jumps goes on does not matter, but it must not run away.
                    true => i64::from(reference),
                    false => unwrapped + ahead,
                }
            }
        };
        self.reference = Some((reference, unwrapped));
        unwrapped
    }

    fn flow(&mut self, sent: Option<f64>, wanted: f64, waits: bool) -> Flow {
        Flow {
            delivered: self.delivered.rate(self.newest_arrival),
            offered: self.offered.rate(self.newest_sent),
            sent,
            wanted,
            waits,
            queue: self.standing.delay(),
            response: self.response,
        }
    }
}

#[cfg(test)]
mod tests;
