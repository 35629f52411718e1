//! How fast packets may leave: by what is measured of the path, or else by the rate of the stream.
//!
//! A viewer begins with an [`Opening`], which measures the path within a few round trips. Then the
//! [`Estimator`] says how much it carries: a keyframe leaves at once on a path that carries it, and in the
//! time it takes on one that hardly does. All that leaves counts.
//!
//! Viewers of whom nothing is known are paced by the rate of the stream if they are far away, and not at
//! all if they are near (see [`is_near`]).

use std::time::{Duration, Instant};

use super::congestion::Congestion;
use super::neighbors::Neighbor;
use super::opening::{BUCKET, Opening, PACKET_BYTES, Said};
use crate::media::StreamRate;
use crate::session::estimate::{Estimator, HEADERS, Kind, Limits, ProbeOf, TransportFeedback};

/// Packets that leave at once where nothing is measured: most access units are smaller and are never
/// delayed.
const BURST_PACKETS: usize = 16;
/// Where the path is measured, so much of the pace leaves at once. Not less than lies between two ticks of the
/// timer, or the pace is not reached: Windows has one every 15.6 ms.
const BURST_TIME: Duration = Duration::from_millis(if cfg!(windows) { 20 } else { 10 });
/// Packets may leave this much before it is their turn: no timer for a moment.
const SLACK: Duration = Duration::from_millis(2);

/// In bits per second: measurements go little further, and no stream needs more. Not paced.
const UNPACED: u64 = 50_000_000;
/// What a stream needs in percent of its payload: headers, sound.
const NEEDED_PERCENT: u64 = 115;
/// Packets that have had to wait for so long wait because of the estimate, not for the end of a keyframe.
const LIMITED: Duration = Duration::from_millis(300);
/// Retransmissions go before new packets as long as the pacer is no further behind than this.
const REPAIR_DEBT: Duration = Duration::from_millis(60);

/// Where nothing arrives any more, a check goes this often, to see whether something does again.
const CHECKED: Duration = Duration::from_millis(500);

/// Loss that may be a queue that overflows, in 1/256.
const SOME_LOSS: u8 = 4;

/// A probe with fewer packets measures nothing.
const PROBE_PACKETS: usize = 7;

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
    /// Nothing is known yet; the first answer is awaited until then.
    Awaited(Instant),
    /// The first bursts are so small that they measure nothing.
    Opening,
    /// The rate of the stream.
    Stream,
}

/// The pacer of one transport.
#[derive(Debug)]
#[repr(C)] // the order counts: see Session
pub struct Pacer {
    percent: u64,
    /// Bytes per second; 0 if not paced.
    rate: u64,
    /// Whether what is known or assumed of the path bounds retransmissions as well.
    bounded: bool,
    /// When the bytes sent so far are through at the pace.
    clear: Option<Instant>,
    /// Bytes per second of all streams that are sent, if there are several.
    streams: u64,
    /// Bytes of padding that do not count: a queue that is empty, or a token bucket, takes them.
    free: u64,
    /// Since when packets have had to wait.
    busy: Option<Instant>,
    congestion: Option<Box<Congestion>>,
    /// Until then media leaves past the pacer, unless something is heard of the viewer: the path carries so
    /// much that nothing is paced, and only samples are measured.
    calm_until: Option<Instant>,
}

impl Pacer {
    /// A pacer at `percent` of the stream's rate.
    pub fn new(percent: u64) -> Self {
        Pacer {
            percent,
            rate: 0,
            bounded: false,
            clear: None,
            streams: 0,
            free: 0,
            busy: None,
            calm_until: None,
            congestion: None,
        }
    }

    /// Whether the path carries so much that nothing is asked of the pacer for now, and nothing told to it.
    pub fn is_calm(&self, now: Instant) -> bool {
        self.calm_until.is_some_and(|until| now < until)
    }

    /// Whether only samples of the path are measured.
    pub fn is_resting(&self) -> bool {
        let path = self.congestion.as_ref();
        path.is_some_and(|path| path.estimator.is_resting())
    }

    /// What is known of the path, as something is heard of the viewer.
    fn hear(&mut self) -> Option<&mut Congestion> {
        self.calm_until = None;
        self.congestion.as_deref_mut()
    }

    /// Media flows from now on; measure the path. `expected`: transport-wide feedback was negotiated.
    /// `neighbor`: its place behind its address.
    pub fn measure(
        &mut self,
        now: Instant,
        limits: Limits,
        expected: bool,
        opening: Opening,
        neighbor: Neighbor,
    ) {
        self.calm_until = None;
        self.congestion = Some(Box::new(Congestion {
            estimator: Estimator::new(now, limits),
            neighbor,
            opening: Some(opening),
            number: 0,
            expected,
            checked: None,
            needed: 0,
            wanted: 0,
        }));
    }

    /// Media goes to another address: its place there.
    pub fn join(&mut self, neighbor: Neighbor) {
        if let Some(path) = &mut self.congestion {
            path.neighbor = neighbor;
        }
    }

    /// Sets the bytes per second of all streams that are sent, if there are several.
    pub fn set_streams(&mut self, bytes_per_second: u64) {
        self.streams = bytes_per_second;
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
        let stream = StreamRate {
            bytes_per_second: stream.bytes_per_second.max(self.streams),
        };
        let by_stream = stream.bytes_per_second * self.percent / 100;
        if let Some(path) = self.congestion.as_deref_mut() {
            path.needed = stream.bytes_per_second * 8 * NEEDED_PERCENT / 100;
            path.estimator.want(path.wanted.max(path.needed));
            if let Some(pace) = path.opening_pace(now) {
                (self.rate, self.bounded) = (0, true);
                return Some(pace);
            }
        }
        let congestion = self.congestion.as_deref();
        let (rate, least, basis) = match congestion {
            Some(path) if path.has_feedback() && path.estimator.estimate() >= UNPACED => {
                (self.rate, self.bounded) = (0, false);
                self.calm_until = path.estimator.quiet_until();
                return None;
            }
            Some(path) if path.has_feedback() => {
                let estimate = Basis::Measured(path.estimator.estimate() / 8);
                let busy = now.saturating_duration_since(self.busy.unwrap_or(now));
                (path.estimator.pace(now, busy) / 8, 1, estimate)
            }
            // Reports alone may be wrong: no frames are left out because of them.
            Some(path) if path.is_measured() && path.is_thin(by_stream) => {
                let least = stream.bytes_per_second * 11 / 10;
                let rate = (path.estimator.estimate() / 8).clamp(least.min(by_stream), by_stream);
                (rate, BURST_PACKETS, Basis::Stream)
            }
            _ if near => {
                (self.rate, self.bounded) = (0, false);
                return None;
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
        if let Some(opening) = self.opening() {
            return match opening.overdue() {
                Some(overdue) if opening.room() == 0 => overdue.max(now),
                None if opening.room() == 0 => now + REPAIR_DEBT,
                _ => now,
            };
        }
        let ready = self.clear.and_then(|clear| clear.checked_sub(SLACK));
        ready.map_or(now, |ready| ready.max(now))
    }

    /// Whether nothing arrives at the viewer any more, so that nothing but checks is worth sending.
    pub fn is_unheard(&self, now: Instant) -> bool {
        let path = self.congestion.as_ref();
        path.is_some_and(|path| path.estimator.is_unheard(now))
    }

    /// Whether large packets vanish on the way.
    pub fn drops_large(&self) -> bool {
        let path = self.congestion.as_ref();
        path.is_some_and(|path| path.estimator.drops_large())
    }

    /// Whether a retransmission may leave now.
    pub fn may_repair(&self, now: Instant) -> bool {
        !self.is_unheard(now) && (!self.bounded || self.ready_at(now) <= now + REPAIR_DEBT)
    }

    /// The transport-wide sequence number of the next packet; `None` if it is to have none, because the path
    /// is so wide that only samples are measured.
    pub fn next_number(&mut self, now: Instant) -> Option<u16> {
        let path = self.congestion.as_deref_mut()?;
        let numbers = path.opening.is_some() || path.estimator.numbers(now);
        numbers.then_some(path.number)
    }

    /// Accounts for a run of packets that left: `bytes`, cut into packets of `segment` bytes.
    /// `numbered`: they had transport-wide sequence numbers, from [`Pacer::next_number`] on.
    pub fn sent(&mut self, now: Instant, bytes: usize, segment: usize, numbered: bool, kind: Kind) {
        let on_the_wire = (bytes + bytes.div_ceil(segment) * HEADERS) as u64;
        let free = self.free.min(on_the_wire);
        self.free -= free;
        // The estimate is what the path carries besides what no feedback covers.
        let covered = |path: &Congestion| {
            numbered || !path.estimator.has_feedback() || path.estimator.is_resting()
        };
        if self.congestion.as_deref().is_none_or(covered)
            && let Some(time) = ((on_the_wire - free) * 1_000_000).checked_div(self.rate)
        {
            let from = self.clear.map_or(now, |clear| clear.max(now));
            if from == now {
                self.busy = Some(now);
            }
            self.clear = Some(from + Duration::from_micros(time));
        }
        let Some(path) = &mut self.congestion else {
            return;
        };
        if let Some(opening) = &mut path.opening {
            opening.sent(on_the_wire);
        }
        if !numbered && path.estimator.is_resting() {
            return;
        }
        path.estimator.timeout(now);
        let mut left = bytes;
        while left > 0 {
            let size = left.min(segment);
            let number = numbered.then_some(path.number);
            path.estimator.packet_sent(now, number, size, kind);
            path.number = path.number.wrapping_add(u16::from(numbered));
            left -= size;
        }
    }

    /// Sets the rate in bits per second that would be used if the path carried it, beyond the stream's.
    pub fn want(&mut self, rate: u64) {
        if let Some(path) = self.hear() {
            path.wanted = rate;
        }
    }

    /// Bytes of media that go at once because they measure the path, headers included: what is left of a burst of
    /// the opening, or a probe. `waiting`: packets that may leave.
    pub fn measuring_burst(&mut self, now: Instant, waiting: usize) -> Option<(u64, Kind)> {
        let path = self.congestion.as_deref_mut()?;
        if let Some(opening) = &path.opening {
            return Some((opening.room(), Kind::Media));
        }
        if waiting < PROBE_PACKETS {
            return None;
        }
        let bytes = path.probe(now, ProbeOf::Media)?;
        Some((bytes.into(), Kind::Probe))
    }

    /// Bytes of padding to send now for the same purpose, if more is wanted than the media that is sent.
    /// `less`: not all of it is.
    pub fn probe_with_padding(&mut self, now: Instant, less: bool) -> Option<usize> {
        let path = self.congestion.as_deref_mut()?;
        if path.opening.is_some() {
            return None;
        }
        let of = match path.wanted > path.needed {
            _ if less => ProbeOf::Padding,
            true => ProbeOf::PaddingForBetter,
            // The media itself shows whether the path carries it.
            false => return None,
        };
        let bytes = path.probe(now, of)?;
        self.free = BUCKET;
        Some(bytes as usize)
    }

    /// Nothing more is sent for now. True if a check with this number is to go behind it.
    pub fn close_burst(&mut self, now: Instant, check: u32) -> bool {
        let Some(path) = self.congestion.as_deref_mut() else {
            return false;
        };
        if path.estimator.is_unheard(now) {
            let due = path.checked.is_none_or(|at| now >= at + CHECKED);
            if due {
                path.checked = Some(now);
            }
            return due;
        }
        let last = path.number.wrapping_sub(1);
        // Video asks for its pace, which ends it. Sound does not.
        path.end_opening(now);
        let opening = path.opening.as_mut();
        opening.is_some_and(|opening| opening.close(now, check, last))
    }

    /// The viewer answered our check with this number. True if more may be sent for it.
    pub fn answered(&mut self, now: Instant, check: u32) -> bool {
        let Some(path) = self.hear() else {
            return false;
        };
        let Some(opening) = &mut path.opening else {
            let unheard = path.estimator.is_unheard(now);
            if unheard {
                path.estimator.heard();
            }
            return unheard;
        };
        match opening.answer(now, check) {
            Said::Nothing => {}
            Said::SoFar(shown) => {
                path.estimator.opening(now, shown);
                if path.estimator.estimate() >= UNPACED {
                    path.opening = None;
                }
            }
            Said::Measured(shown) => {
                path.estimator.opening(now, shown);
                path.opening = None;
            }
        }
        path.share(now);
        true
    }

    /// The viewer says which packets arrived, and when.
    pub fn arrivals(&mut self, now: Instant, feedback: &TransportFeedback<'_>) {
        let waits = self.clear.is_some_and(|clear| clear > now)
            && self.busy.is_some_and(|since| now >= since + LIMITED);
        if let Some(path) = self.hear() {
            path.estimator.feedback(now, feedback, waits);
            path.share(now);
        }
    }

    /// The viewer says how much it lost, in 1/256.
    pub fn report(&mut self, now: Instant, fraction_lost: u8, round_trip: Option<Duration>) {
        if let Some(path) = self.hear() {
            let loss = f64::from(fraction_lost) / 256.0;
            path.estimator.report(now, loss, round_trip);
            if fraction_lost > SOME_LOSS {
                path.estimator.loss_seen(now);
            }
        }
    }

    /// The viewer's report shows the round trip of a sender report that none has shown before.
    pub fn round_trip_seen(&mut self, now: Instant, round_trip: Duration) {
        if let Some(path) = self.hear() {
            path.estimator.round_trip_seen(now, round_trip);
        }
    }

    /// The viewer asks for lost packets.
    pub fn loss_seen(&mut self, now: Instant) {
        if let Some(path) = self.hear() {
            path.estimator.loss_seen(now);
        }
    }

    /// What the path carries, in bits per second; `None` until it is measured, and for a viewer that sends
    /// no transport-wide feedback.
    pub fn estimate(&self) -> Option<u64> {
        let path = self.congestion.as_ref().filter(|path| path.is_measured())?;
        let told = path.estimator.has_feedback() || path.opening.is_some();
        (told && path.expected).then(|| path.estimator.capacity())
    }

    fn opening(&self) -> Option<&Opening> {
        self.congestion.as_ref()?.opening.as_ref()
    }
}

#[cfg(test)]
mod tests;
