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
//! A train shows all that a link carries. What others use of it who are known is left to them (see
//! [`Estimator::share`]).
//!
//! Sans-I/O. Allocates about 1 KiB with the first packet that has a transport-wide sequence number, and
//! up to 8 KiB more while much is on its way.

mod black_hole;
mod control;
mod drain;
mod feedback;
mod history;
mod least;
mod link;
mod measured;
mod meter;
mod probing;
mod reports;
mod rest;
mod standing;
mod train;
mod trend;
mod trial;

use std::time::{Duration, Instant};

pub use crate::tuning::EstimateLimits as Limits;
pub use feedback::TransportFeedback;
pub use link::Others;
pub use train::Finding;
pub use trend::Usage;

use control::{Control, Flow};
use link::Heeding;
use measured::{Measured, packets_time};
use meter::Meter;
use probing::{Probe, Probing};
use reports::Reports;
use rest::Rest;

/// IPv4 and UDP headers.
pub const HEADERS: usize = 28;
/// Windows of the sent rate, two seconds, which averages over a keyframe, and of the part that no feedback covers, a
/// second: logarithm of their buckets in microseconds.
const SENT: u32 = 17;
const UNCOVERED: u32 = 16;
/// Minimum number of packets, or of lost ones, and time in microseconds for a loss measurement.
const LOSS_PACKETS: u32 = 25;
const LOST_PACKETS: u32 = 4;
const LOSS_TIME: u64 = 250_000;
/// The estimate is halved after this time in microseconds without feedback on what was sent.
const SILENCE: u64 = 1_000_000;
/// After this time nothing gets to the viewer any more.
const DEAF: u64 = 1_500_000;

/// A queue that stands for longer than this, in microseconds, besides what is usual, is drained, and one that stands
/// for longer than that is not made longer by a probe.
const STANDS: i64 = 30_000;
const STANDS_A_LITTLE: i64 = 10_000;
/// After this time in microseconds without feedback an overuse says nothing any more, or a queue.
const DRAINS: u64 = 500_000;
/// Padding is sent this much later, in microseconds, if more than this share of what the path carries is used. For a
/// better variant it is not as late.
const PADDED: f64 = 0.7;
const PADDED_PAUSE: u64 = 2_000_000;
const PADDED_PAUSE_FOR_BETTER: u64 = 1_000_000;
/// The estimate after a queue was noticed on a path that was not measured, relative to the wanted rate.
const DOUBTED: f64 = 2.0;

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
    heeding: Heeding,
    /// The sent rate.
    sent: Meter,
    /// What no feedback covers.
    uncovered: Meter,
    /// The estimate is by the opening, which did not know what no feedback covers.
    opened: bool,
    /// Allocated with the first transport-wide sequence number.
    measured: Option<Box<Measured>>,
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
            heeding: Heeding::default(),
            sent: Meter::new(SENT),
            uncovered: Meter::new(UNCOVERED),
            opened: false,
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

    /// What trains showed of the narrowest link of late, in bits per second.
    pub fn link(&self, now: Instant) -> Option<f64> {
        self.control.link(self.micros(now))
    }

    /// What was sent in the last two seconds, in bits per second: little to a viewer that has just come.
    pub fn sent_rate(&mut self, now: Instant) -> f64 {
        self.sent.mean(self.micros(now) as i64)
    }

    /// Others may use the same link: what is left is a part of it. They are heeded for a while after there was a
    /// queue or loss, and ever longer if that comes back whenever they are not.
    pub fn share(&mut self, now: Instant, others: Option<Others>) {
        let now = self.micros(now);
        if let Some(others) = others
            && !self.is_queued()
        {
            let sent = self.sent.mean(now as i64);
            self.control.carried(now, others.sent + sent);
        }
        let heeded = self.heeding.is_on(now);
        let wanted = self.probing.wanted();
        self.control.share(now, others, heeded, wanted);
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

    /// Takes what the first bursts show of the path, with all that is sent.
    pub fn opening(&mut self, now: Instant, shown: Finding) {
        self.control.opening(self.micros(now), shown);
        self.opened = true;
    }

    /// Whether packets that leave now are to have transport-wide sequence numbers.
    pub fn numbers(&mut self, now: Instant) -> bool {
        let now = self.micros(now);
        let headroom = self.headroom();
        if self.rest.is_over(now, headroom) {
            self.wake(now);
        }
        let rested = self.rest.is_resting();
        let numbers = self.rest.numbers(now, headroom);
        if self.rest.is_resting()
            && !rested
            && let Some(measured) = &mut self.measured
        {
            measured.rest();
        }
        numbers
    }

    /// Whether only samples are measured: other packets need not be recorded.
    pub fn is_resting(&self) -> bool {
        self.rest.is_resting()
    }

    /// Until when what is sent changes nothing here and is not looked at, unless something is heard of the
    /// viewer; `None` unless the measurement rests.
    pub fn quiet_until(&self) -> Option<Instant> {
        let rest = self.rest.quiet_until()?;
        let deaf = self
            .measured
            .as_ref()
            .filter(|measured| measured.sent_unheard);
        let deaf = deaf.map_or(u64::MAX, |measured| measured.unheard_since + DEAF);
        Some(self.epoch + Duration::from_micros(rest.min(deaf)))
    }

    /// Packets were lost: everything is measured again, if only samples were. The loss may be another's: the
    /// estimate stays.
    pub fn loss_seen(&mut self, now: Instant) {
        if self.rest.is_resting() {
            self.wake(self.micros(now));
        }
    }

    /// How much more the path carries than is wanted, if that is known and there is no queue.
    fn headroom(&self) -> Option<f64> {
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
        }
        if sequence.is_none() {
            self.uncovered.add(now as i64, size as u64);
        }
        if let Some(sequence) = sequence {
            let measured = self
                .measured
                .get_or_insert_with(|| Box::new(Measured::new(now)));
            let probe = kind == Kind::Probe;
            measured.packet_sent(now, sequence, size, probe);
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
        let besides = self.uncovered.last_rate();
        if self.opened && besides > 0.0 {
            self.opened = false;
            self.control.besides(now, besides);
        }
        let (pace, first) = (self.control.estimate(), !self.control.is_known());
        let capacity = pace + besides;
        let had_collapsed = self.control.has_collapsed();
        let mut samples = [None; 4];
        let on_trial = self.control.on_trial();
        if !measured.take(now, feedback, pace, first, on_trial, &mut samples) {
            return;
        }
        if measured.silent {
            measured.silent = false;
            self.control.feedback_resumed();
            self.probing.restart();
        }
        self.usage = measured.usage();
        let mut evidence = measured.evidence;
        evidence.queued -= packets_time(capacity);
        if self.control.tried(now, evidence) {
            self.probing.failed(now);
        }
        let flow = Flow {
            sent: self.sent.rate(now as i64),
            wanted: self.probing.wanted(),
            waits,
            stands: measured.has_queue(STANDS, capacity),
            ..measured.flow()
        };
        for mut sample in samples.into_iter().flatten() {
            if sample.probe {
                sample.shown = sample.shown.besides(besides);
                let (Finding::AtLeast(rate) | Finding::Capacity(rate, _)) = sample.shown;
                let shown = if sample.proves { rate } else { 0.0 };
                self.probing.result(now, shown);
            }
            self.control.train(now, sample, self.usage, flow);
        }
        if self.usage == Usage::Over || flow.stands || measured.lost >= LOST_PACKETS {
            self.heeding.full(now);
        }
        self.control.delay(now, self.usage, flow);
        let enough = measured.reported >= LOSS_PACKETS || measured.lost >= LOST_PACKETS;
        if enough && now >= measured.loss_since + LOSS_TIME {
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

    /// A receiver report has shown the round trip of a sender report that none has shown before.
    pub fn round_trip_seen(&mut self, now: Instant, round_trip: Duration) {
        let now = self.micros(now);
        self.rest.reported(now, round_trip.as_micros() as u64);
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

    /// Whether what is sent does not arrive any more: there was feedback, and for long there has been none on it.
    pub fn is_unheard(&self, now: Instant) -> bool {
        let now = self.micros(now);
        self.measured.as_ref().is_some_and(|measured| {
            measured.number.is_some()
                && measured.sent_unheard
                && now >= measured.unheard_since + DEAF
        })
    }

    /// Something arrives again, or seems to: feedback may follow.
    pub fn heard(&mut self) {
        if let Some(measured) = &mut self.measured {
            measured.sent_unheard = false;
        }
    }

    /// Whether large packets vanish on the way, whatever their number.
    pub fn drops_large(&self) -> bool {
        let measured = self.measured.as_ref();
        measured.is_some_and(|measured| measured.black_hole.is_found())
    }

    /// Whether a queue grows, or stands.
    fn is_queued(&self) -> bool {
        let (measured, capacity) = (self.measured.as_ref(), self.capacity() as f64);
        self.usage == Usage::Over
            || measured.is_some_and(|measured| measured.has_queue(STANDS_A_LITTLE, capacity))
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
        if self.is_unheard(now) {
            return None;
        }
        let now = self.micros(now);
        let (estimate, capacity) = (self.control.estimate(), self.capacity() as f64);
        let measured = self.measured.as_ref().filter(|_| self.has_feedback())?;
        // It drains if nothing follows, as fast as what no feedback covers lets it.
        let drains = DRAINS as f64 * (capacity / estimate);
        if self.is_queued() && now < measured.heard + drains as u64 {
            return None;
        }
        let since = now.checked_sub(self.probing.due(estimate)?)?;
        let later = match of {
            ProbeOf::Media => 0,
            ProbeOf::Padding => PADDED_PAUSE,
            ProbeOf::PaddingForBetter => PADDED_PAUSE_FOR_BETTER,
        };
        let used = self.sent.rate(now as i64)? + self.uncovered.last_rate();
        if since < later && used > PADDED * capacity {
            return None;
        }
        let better = of == ProbeOf::PaddingForBetter;
        self.probing.start(now, estimate, capacity, better)
    }
}

#[cfg(test)]
mod tests;
