//! How fast packets may leave: by what is measured of the path, or else by the rate of the stream.
//!
//! A viewer that sends transport-wide feedback is paced by the [`Estimator`]: a keyframe leaves at once on
//! a path that carries it, and in the time it takes on one that hardly does. All that leaves counts.
//!
//! Other viewers are paced by the rate of the stream if they are far away, and not at all if they
//! are near (see [`is_near`]).

use std::time::{Duration, Instant};

use crate::media::StreamRate;
use crate::session::estimate::{Estimator, Kind, Limits, TransportFeedback, Usage};

/// Packets that leave at once where nothing is measured: most access units are smaller and are never
/// delayed.
const BURST_PACKETS: usize = 16;
/// Packets that open a measured connection: as many as a measurement needs, and few enough for the
/// queue of a thin link.
const OPENING_PACKETS: usize = 6;
/// Where the path is measured, so much of the pace leaves at once.
const BURST_TIME: Duration = Duration::from_millis(10);
/// Packets may leave this much before it is their turn: no timer for a moment.
const SLACK: Duration = Duration::from_millis(2);
/// The size of a typical packet, with IPv4 and UDP headers.
const PACKET_BYTES: u64 = 1250;
/// IPv4 and UDP headers.
const HEADERS: usize = 28;

/// Pace in bytes per second before the first feedback, for near viewers: a keyframe takes some
/// milliseconds. For others the most.
const NEAR_START: u64 = 3_000_000;
const FAR_START: u64 = 500_000;
/// In bits per second: measurements go little further, and no stream needs more. Not paced.
const WIDE: u64 = 50_000_000;
/// The first feedback is awaited this long, and two round trips.
const FIRST_FEEDBACK: Duration = Duration::from_millis(250);
/// Messages of feedback that are waited for if they measure nothing.
const MESSAGES: u32 = 2;
/// Retransmissions go before new packets as long as the pacer is no further behind than this.
const REPAIR_DEBT: Duration = Duration::from_millis(60);

/// A viewer with a shorter round trip is on the same network...
const NEAR: Duration = Duration::from_millis(5);
/// ...unless it loses more than this, in parts per million: a bad Wi-Fi.
const NEAR_LOSS_PPM: u32 = 5_000;

/// Whether a viewer is on the same network.
fn is_near(round_trip: Option<Duration>, loss_ppm: u32) -> bool {
    round_trip.is_some_and(|time| time <= NEAR) && loss_ppm <= NEAR_LOSS_PPM
}

/// The pace of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Packets that may leave at once.
    pub burst: usize,
    /// Basis of the pace.
    pub basis: Basis,
}

/// The basis of a pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The path is measured: its capacity in bytes per second.
    Measured(u64),
    /// Nothing is known yet; the first feedback is awaited until then.
    Awaited(Instant),
    /// The rate of the stream.
    Stream,
}

/// The pacer of one transport.
#[derive(Debug)]
pub struct Pacer {
    percent: u64,
    /// Bytes per second; 0 if not paced.
    rate: u64,
    /// Whether what is known or assumed of the path bounds retransmissions as well.
    bounded: bool,
    /// When the bytes sent so far are through at the pace.
    clear: Option<Instant>,
    congestion: Option<Box<Congestion>>,
}

/// What is known of the path.
#[derive(Debug)]
struct Congestion {
    estimator: Estimator,
    /// Transport-wide sequence number of the next packet that has one.
    number: u16,
    began: Instant,
    /// Whether the viewer sends transport-wide feedback.
    expected: bool,
    messages: u32,
    measured: bool,
}

impl Pacer {
    /// A pacer at `percent` of the stream's rate.
    pub fn new(percent: u64) -> Self {
        Pacer {
            percent,
            rate: 0,
            bounded: false,
            clear: None,
            congestion: None,
        }
    }

    /// Media flows from now on; measure the path. `expected`: transport-wide feedback was negotiated.
    pub fn measure(&mut self, now: Instant, expected: bool) {
        self.congestion = Some(Box::new(Congestion {
            estimator: Estimator::new(now, Limits::default()),
            number: 0,
            began: now,
            expected,
            messages: 0,
            measured: false,
        }));
    }

    /// The pace of a stream of this rate; `None` if it is not paced.
    pub fn pace(
        &mut self,
        now: Instant,
        round_trip: Option<Duration>,
        loss_ppm: u32,
        stream: StreamRate,
    ) -> Option<Pace> {
        let near = is_near(round_trip, loss_ppm);
        let by_stream = stream.bytes_per_second * self.percent / 100;
        let congestion = self.congestion.as_deref();
        let opening = match self.clear {
            None => OPENING_PACKETS,
            Some(_) => 1,
        };
        let (rate, least, basis) = match congestion {
            Some(path) if path.measured && path.estimator.estimate() >= WIDE => {
                (self.rate, self.bounded) = (0, false);
                return None;
            }
            Some(path) if path.measured => {
                let estimate = Basis::Measured(path.estimator.estimate() / 8);
                (path.estimator.pace(now) / 8, 1, estimate)
            }
            Some(path) if path.awaits_feedback(now, round_trip) => {
                let basis = Basis::Awaited(path.feedback_due(round_trip));
                let rate = if near {
                    NEAR_START
                } else {
                    by_stream.min(FAR_START)
                };
                (rate, opening, basis)
            }
            _ if near => {
                (self.rate, self.bounded) = (0, false);
                return None;
            }
            Some(path) if path.estimator.state() == Usage::Over => {
                let least = stream.bytes_per_second * 11 / 10;
                let rate = (path.estimator.estimate() / 8).max(least).min(by_stream);
                (rate, BURST_PACKETS, Basis::Stream)
            }
            _ => (by_stream, BURST_PACKETS, Basis::Stream),
        };
        self.rate = rate.max(1);
        self.bounded = basis != Basis::Stream;
        let at_once = rate * BURST_TIME.as_millis() as u64 / 1000 / PACKET_BYTES;
        let burst = match basis {
            Basis::Stream => least,
            _ => least.max(at_once as usize),
        };
        Some(Pace { burst, basis })
    }

    /// When the next burst may leave.
    pub fn ready_at(&self, now: Instant) -> Instant {
        let ready = self.clear.and_then(|clear| clear.checked_sub(SLACK));
        ready.map_or(now, |ready| ready.max(now))
    }

    /// Whether a retransmission may leave now.
    pub fn may_repair(&self, now: Instant) -> bool {
        !self.bounded || self.ready_at(now) <= now + REPAIR_DEBT
    }

    /// The transport-wide sequence number of the next packet.
    pub fn next_number(&self) -> u16 {
        self.congestion.as_ref().map_or(0, |path| path.number)
    }

    /// Accounts for a run of packets that left: `bytes`, cut into packets of `segment` bytes.
    /// `numbered`: they had transport-wide sequence numbers, from [`Pacer::next_number`] on.
    pub fn sent(&mut self, now: Instant, bytes: usize, segment: usize, numbered: bool) {
        let on_the_wire = (bytes + bytes.div_ceil(segment) * HEADERS) as u64;
        if let Some(time) = (on_the_wire * 1_000_000).checked_div(self.rate) {
            let from = self.clear.map_or(now, |clear| clear.max(now));
            self.clear = Some(from + Duration::from_micros(time));
        }
        let Some(path) = &mut self.congestion else {
            return;
        };
        path.estimator.timeout(now);
        let mut left = bytes;
        while left > 0 {
            let size = left.min(segment);
            let number = numbered.then_some(path.number);
            path.estimator.packet_sent(now, number, size, Kind::Media);
            path.number = path.number.wrapping_add(u16::from(numbered));
            left -= size;
        }
    }

    /// The viewer says which packets arrived, and when.
    pub fn arrivals(&mut self, now: Instant, feedback: &TransportFeedback<'_>) {
        if let Some(path) = &mut self.congestion {
            path.estimator.feedback(now, feedback);
            path.messages = path.messages.saturating_add(1);
            path.measured |= path.estimator.is_measured();
        }
    }

    /// The viewer says how much it lost, in 1/256.
    pub fn report(&mut self, now: Instant, fraction_lost: u8, round_trip: Option<Duration>) {
        if let Some(path) = &mut self.congestion {
            let loss = f64::from(fraction_lost) / 256.0;
            path.estimator.report(now, loss, round_trip);
        }
    }

    /// The rate that would be used if the path carried it, in bits per second.
    pub fn want(&mut self, rate: u64) {
        if let Some(path) = &mut self.congestion {
            path.estimator.want(rate);
        }
    }

    /// What the path carries, in bits per second; `None` until it is measured.
    pub fn estimate(&self) -> Option<u64> {
        let path = self.congestion.as_ref().filter(|path| path.measured)?;
        Some(path.estimator.estimate())
    }
}

impl Congestion {
    fn awaits_feedback(&self, now: Instant, round_trip: Option<Duration>) -> bool {
        self.expected && self.messages < MESSAGES && now < self.feedback_due(round_trip)
    }

    /// Until when the first feedback is awaited.
    fn feedback_due(&self, round_trip: Option<Duration>) -> Instant {
        self.began + FIRST_FEEDBACK + 2 * round_trip.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: StreamRate = StreamRate {
        bytes_per_second: 500_000,
    };
    const FAR: Option<Duration> = Some(Duration::from_millis(40));

    #[test]
    fn without_feedback_a_keyframe_leaves_at_the_pace_of_the_stream() {
        let start = Instant::now();
        let mut pacer = Pacer::new(250);
        let pace = pacer.pace(start, FAR, 0, STREAM).unwrap();
        assert_eq!((pace.burst, pace.basis), (16, Basis::Stream));
        let mut now = start;
        for _ in 0..25 {
            now = pacer.ready_at(now);
            pacer.sent(now, 12_500 - 10 * HEADERS, 1222, false);
        }
        // 24 times 12.5 kB, headers included, at 1.25 MB/s.
        let off = (now - start).abs_diff(Duration::from_millis(240));
        assert!(off <= SLACK + Duration::from_millis(1), "{off:?}");
    }

    #[test]
    fn a_small_unit_after_a_pause_is_not_delayed() {
        let start = Instant::now();
        let mut pacer = Pacer::new(250);
        pacer.pace(start, FAR, 0, STREAM);
        pacer.sent(start, 10_000, 1200, false);
        let later = start + Duration::from_millis(40);
        assert!(pacer.ready_at(later) <= later);
    }

    #[test]
    fn feedback_is_awaited_and_then_given_up() {
        let start = Instant::now();
        let mut pacer = Pacer::new(250);
        pacer.measure(start, true);
        let pace = pacer.pace(start, FAR, 0, STREAM).unwrap();
        let until = start + FIRST_FEEDBACK + Duration::from_millis(80);
        assert_eq!(pace.basis, Basis::Awaited(until));
        assert_eq!(pace.burst, OPENING_PACKETS);
        pacer.sent(start, 6 * 1200, 1200, true);
        assert_eq!(pacer.next_number(), 6);
        // 7.4 kB at 0.5 MB/s.
        assert!(pacer.ready_at(start) > start + Duration::from_millis(12));
        let pace = pacer.pace(until, FAR, 0, STREAM).unwrap();
        assert_eq!(pace.basis, Basis::Stream);
        assert_eq!(pacer.pace(until, Some(NEAR), 0, STREAM), None);
    }
}
