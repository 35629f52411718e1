//! What to do with frames that the path does not carry in time: they are left out up to the next
//! keyframe. At worst, a viewer sees keyframes only.

use std::time::{Duration, Instant};

use super::{Content, Leg, Sent};
use crate::media::{Ring, StreamRate};
use crate::session::transport::pacer::Basis;
use crate::state::Detail;

/// Frames are left out if what waits takes longer than this many milliseconds on the path. They are a little
/// younger: the path is slower than the stream.
const LATEST_MS: u64 = 1300;
/// Where frames were left out, it goes on with less, and nothing older than this, unless there is a keyframe.
const AGAIN_MS: u64 = 400;
const AGAIN_AGE: Duration = Duration::from_millis(1000);
/// A viewer that has just come catches up if it is live sooner than with the next keyframe, or not this much
/// later, as that would be a still until then. If nobody knows when there will be one, it has so much time.
const CATCH_UP_MS: u64 = 500;
const CATCH_UP_UNKNOWN_MS: u64 = 1200;
const CATCH_UP_MORE_MS: u64 = 1000;
/// It does not take longer than this: until then, the path is full and the picture old.
const CATCH_UP_LONGEST_MS: u64 = 5000;
/// Over a shorter time than this the rate of the frames that wait says nothing.
const FRAME_MS: u64 = 100;
/// If a newer keyframe waits behind, a shorter time suffices: the viewer goes on there.
const TO_KEYFRAME_MS: u64 = 300;

/// Frames that wait for longer are left out where the worker has no time.
const LATE: Duration = Duration::from_millis(2000);

/// How a leg keeps up with its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// It has begun at a keyframe, and has not caught up yet.
    Joining,
    /// The same, and it has gone on after the keyframe.
    CatchingUp,
    /// It keeps up.
    Live,
    /// It waits for the next keyframe. The last frame stays on screen, and can be retransmitted.
    Parked,
}

/// Whether an access unit, behind which others wait, is sent.
pub enum Fit {
    Goes,
    /// Not before more is known of the path, or until then.
    Waits(Instant),
    /// Another one is next.
    Moved,
    /// None, until there is a keyframe.
    Parked,
}

impl Sent {
    fn skipped(&mut self, now: Instant) {
        self.skips += 1;
        self.skipped_at = Some(now);
    }
}

impl Leg {
    /// Decides about the access unit that starts at `cursor`.
    pub(super) fn fit(
        &mut self,
        ring: &Ring,
        cursor: u64,
        basis: Basis,
        stream: StreamRate,
        now: Instant,
    ) -> Fit {
        let Content::Video { lag, granted, .. } = &mut self.content else {
            return Fit::Goes;
        };
        let keyframe = ring.packet(cursor).is_some_and(|packet| packet.keyframe);
        let carried = match basis {
            Basis::Stream | Basis::Opening => return Fit::Goes,
            Basis::Awaited(_) if keyframe => return Fit::Goes,
            Basis::Awaited(until) => return Fit::Waits(until),
            Basis::Measured(carried) => carried.min((*granted).into()),
        };
        let waiting = ring.bytes_from(cursor);
        let newer = ring.latest_keyframe().filter(|&newest| newest > cursor);
        if let Some(newer) = newer
            && waiting > carried * TO_KEYFRAME_MS / 1000
        {
            self.position.seek(newer);
            self.sent.skipped(now);
            return Fit::Moved;
        }
        let fits = match lag {
            // To catch up, only what the stream leaves of the path can be used.
            Lag::Joining | Lag::CatchingUp => {
                let since = ring.packet(cursor).map(|packet| packet.arrival);
                let age = since.map_or(0, |at| now.saturating_duration_since(at).as_millis());
                let comes = waiting * 1000 / (age as u64).max(FRAME_MS);
                let usable = carried.saturating_sub(comes.min(stream.bytes_per_second));
                // What has begun goes on, unless that would take much longer than it seemed.
                let more = match lag {
                    Lag::CatchingUp => CATCH_UP_MORE_MS,
                    _ => 0,
                };
                let most = catch_up_ms(ring, carried, now, CATCH_UP_MS) + more;
                waiting <= usable * most / 1000
            }
            Lag::Live | Lag::Parked => waiting <= carried * LATEST_MS / 1000,
        };
        if fits && !keyframe && *lag == Lag::Joining {
            *lag = Lag::CatchingUp;
        }
        if keyframe || fits {
            return Fit::Goes;
        }
        // The viewer finds out that the end of a keyframe was lost by what comes next.
        let before = cursor.checked_sub(1).and_then(|last| ring.packet(last));
        if *lag == Lag::Joining && before.is_some_and(|packet| packet.keyframe) {
            return Fit::Goes;
        }
        *lag = Lag::Parked;
        self.sent.skipped(now);
        Fit::Parked
    }

    /// The worker has more to do than time: leaves out frames up to a keyframe if the next one has waited for
    /// long, so that those who are furthest behind make room for the others.
    pub fn shed(&mut self, ring: &Ring, now: Instant) {
        let Content::Video { lag, .. } = &mut self.content else {
            return;
        };
        let cursor = self.position.cursor();
        let next = cursor.and_then(|cursor| ring.packet(cursor));
        let late = next
            .is_some_and(|next| next.first && now.saturating_duration_since(next.arrival) >= LATE);
        if *lag != Lag::Live || !late {
            return;
        }
        self.sent.sheds += 1;
        match ring
            .latest_keyframe()
            .filter(|&newest| Some(newest) > cursor)
        {
            Some(newer) => {
                self.position.seek(newer);
                *lag = Lag::Joining;
            }
            None => *lag = Lag::Parked,
        }
    }

    /// Nothing waits any more.
    pub(super) fn caught_up(&mut self) {
        if let Content::Video { lag, .. } = &mut self.content {
            *lag = Lag::Live;
        }
    }

    /// Whether it has begun at a keyframe, and not caught up yet.
    pub fn is_joining(&self) -> bool {
        match self.content {
            Content::Video { lag, .. } => matches!(lag, Lag::Joining | Lag::CatchingUp),
            Content::Audio { .. } => false,
        }
    }

    pub(super) fn is_parked(&self) -> bool {
        let Content::Video { lag, .. } = &self.content else {
            return false;
        };
        *lag == Lag::Parked
    }

    /// Whether the leg can go on: at a keyframe newer than what it would leave out, or where it stopped if the path
    /// carries that by now, at once or sooner than the next keyframe is there. `pace`: of a stream of this rate.
    pub(super) fn unpark(
        &mut self,
        ring: &Ring,
        pace: Option<(Basis, StreamRate)>,
        now: Instant,
    ) -> bool {
        let Some(parked) = self.position.cursor() else {
            return false;
        };
        let granted = match self.content {
            Content::Video { granted, .. } => granted,
            Content::Audio { .. } => u32::MAX,
        };
        if self.detail() == Detail::SoundOnly {
            return false;
        }
        let mut goes_on = Lag::Live;
        if let Some(keyframe) = ring.latest_keyframe().filter(|&newest| newest > parked) {
            self.position.seek(keyframe);
        } else {
            if self.awaits_keyframe() || ring.packet(parked).is_none() {
                return false;
            }
            let waiting = ring.bytes_from(parked);
            if let Some((Basis::Measured(carried), stream)) = pace {
                let carried = carried.min(granted.into());
                if !is_fresh(ring, parked, now) || waiting > carried * AGAIN_MS / 1000 {
                    let usable = carried.saturating_sub(stream.bytes_per_second);
                    if waiting > usable * catch_up_ms(ring, carried, now, 0) / 1000 {
                        return false;
                    }
                    goes_on = Lag::CatchingUp;
                }
            } else if !is_fresh(ring, parked, now) {
                return false;
            }
        }
        if let Content::Video { lag, .. } = &mut self.content {
            *lag = goes_on;
        }
        true
    }
}

/// How many milliseconds catching up may take, on a path that carries so many bytes per second, if it may be done this
/// much later than the next keyframe is there.
fn catch_up_ms(ring: &Ring, carried: u64, now: Instant, later: u64) -> u64 {
    let newest = ring.latest_keyframe().and_then(|at| ring.packet(at));
    let next = ring
        .last_gop()
        .zip(newest)
        .map(|(gop, newest)| (newest.arrival + gop.interval, gop.keyframe));
    match next {
        // One that is overdue may come at any time, or be far away.
        Some((at, bytes)) if at > now => {
            let sent_in = bytes * 1000 / carried.max(1);
            let waits = (at - now).as_millis() as u64 + sent_in;
            (waits + later).min(CATCH_UP_LONGEST_MS)
        }
        _ => CATCH_UP_UNKNOWN_MS,
    }
}

/// Whether a viewer that stopped before this packet may go on with it.
pub(super) fn is_fresh(ring: &Ring, number: u64, now: Instant) -> bool {
    let arrival = ring.packet(number).map(|packet| packet.arrival);
    arrival.is_some_and(|at| now <= at + AGAIN_AGE)
}
