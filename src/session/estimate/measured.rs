//! What transport-wide feedback says: rates, queue, trains and losses of the packets that were sent.

use super::TransportFeedback;
use super::black_hole::BlackHole;
use super::control::Flow;
use super::history::History;
use super::meter::Meter;
use super::rest::Answer;
use super::standing::Standing;
use super::train::{self, Finding, Train};
use super::trend::{Trend, Usage};
use super::trial::Evidence;

/// Microseconds in a unit of the reference time.
const REFERENCE: i64 = 64_000;
/// Window of the delivered rate, half a second: logarithm of its buckets in microseconds.
const DELIVERED: u32 = 15;
/// A packet and a half, in bits: a token bucket may be empty for one packet and full for another.
const PACKETS_BITS: f64 = 1.5 * 9_600.0;
/// A gap in the viewer's arrival times, in microseconds, that is taken for a jump of its clock.
const JUMP: u64 = 3_000_000;

/// The state for transport-wide feedback.
#[derive(Debug)]
pub struct Measured {
    history: History,
    trend: Trend,
    standing: Standing,
    train: Option<Train>,
    pub black_hole: BlackHole,
    /// What the last message tells of packets that are on trial.
    pub evidence: Evidence,
    /// The delivered rate by the viewer's clock, and the rate at which the same packets and those
    /// lost between them were sent.
    delivered: Meter,
    offered: Meter,
    newest_arrival: i64,
    newest_sent: i64,
    pub newest_number: Option<u16>,
    /// The last reference time, as received and unwrapped.
    pub reference: Option<(u32, i64)>,
    pub number: Option<u8>,
    /// Smoothed time from sending a packet to feedback on it.
    response: u64,
    pub lost: u32,
    pub reported: u32,
    pub loss_since: u64,
    pub heard: u64,
    /// Whether something was sent that no feedback was on yet, and since when.
    pub sent_unheard: bool,
    pub unheard_since: u64,
    pub silent: bool,
}

impl Measured {
    pub fn new(now: u64) -> Self {
        Measured {
            history: History::new(),
            trend: Trend::new(),
            standing: Standing::new(),
            train: None,
            black_hole: BlackHole::default(),
            evidence: Evidence::default(),
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
            unheard_since: now,
            silent: false,
        }
    }

    /// Records a packet that was sent.
    pub fn packet_sent(&mut self, now: u64, sequence: u16, size: usize, probe: bool) {
        self.history.sent(now, sequence, size, probe);
        if !self.sent_unheard {
            self.sent_unheard = true;
            (self.heard, self.unheard_since) = (now, now);
        }
    }

    /// What the delay says.
    pub fn usage(&self) -> Usage {
        self.trend.usage()
    }

    /// Handles a message; false if it is a duplicate or overtaken. `on_trial`: packets that left from this time on
    /// are.
    pub fn take(
        &mut self,
        now: u64,
        feedback: &TransportFeedback<'_>,
        pace: f64,
        first: bool,
        on_trial: Option<i64>,
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
        self.evidence = Evidence::default();
        let mut samples = samples.iter_mut();
        let mut answered = None;
        for (sequence, arrival) in feedback.arrivals(reference) {
            let Some(arrival) = arrival else {
                if let Some(sent) = self.history.lost(now, sequence) {
                    self.lost += 1;
                    self.reported += 1;
                    self.offered.add(sent.at as i64, u64::from(sent.size));
                    self.black_hole.lost(sent.at, sent.size);
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
            self.black_hole.arrived(sent.size);
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
            if on_trial.is_some_and(|since| at >= since) {
                self.evidence.add(self.standing.queued(at, arrival));
            }
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
            && (first || matches!(sample.shown, Finding::Capacity(..)))
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
    pub fn sample(&mut self, now: u64, feedback: &TransportFeedback<'_>) -> Option<Answer> {
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

    /// Only samples are measured from now on.
    pub fn rest(&mut self) {
        self.history.rest();
    }

    /// What was measured so far is too old to go on with.
    pub fn begin_again(&mut self, now: u64) {
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

    /// Whether a queue stands that takes longer than this, on a path that carries so many bits per second.
    pub fn has_queue(&self, longer: i64, capacity: f64) -> bool {
        let queue = self.standing.delay();
        queue.is_some_and(|queue| queue > longer + packets_time(capacity))
    }

    pub fn flow(&mut self) -> Flow {
        Flow {
            delivered: self.delivered.rate(self.newest_arrival),
            offered: self.offered.rate(self.newest_sent),
            queue: self.standing.delay(),
            response: self.response,
            ..Flow::default()
        }
    }
}

/// The time in microseconds that a packet and a half take on a path that carries so many bits per second.
pub fn packets_time(capacity: f64) -> i64 {
    (PACKETS_BITS * 1e6 / capacity.max(1.0)) as i64
}
