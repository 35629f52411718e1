//! What to do with frames that the path does not carry in time: they are left out up to the next
//! keyframe. At worst, a viewer sees keyframes only.

use std::time::Instant;

use super::{Content, Leg, Sent};
use crate::media::{Ring, StreamRate};
use crate::session::transport::pacer::Basis;

/// Frames are left out if what waits takes longer than this many milliseconds on the path.
const LATEST_MS: u64 = 1000;
/// If a newer keyframe waits behind, a shorter time suffices: the viewer goes on there.
const TO_KEYFRAME_MS: u64 = 300;

/// How a leg keeps up with its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// It has begun at a keyframe, and has not caught up yet.
    Joining,
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
        let Content::Video { lag, .. } = &mut self.content else {
            return Fit::Goes;
        };
        let keyframe = ring.packet(cursor).is_some_and(|packet| packet.keyframe);
        let carried = match basis {
            Basis::Stream => return Fit::Goes,
            Basis::Awaited(_) if keyframe => return Fit::Goes,
            Basis::Awaited(until) => return Fit::Waits(until),
            Basis::Measured(carried) => carried,
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
        // To catch up, only what the stream leaves of the path can be used.
        let usable = match lag {
            Lag::Joining => carried.saturating_sub(stream.bytes_per_second),
            Lag::Live | Lag::Parked => carried,
        };
        if keyframe || waiting <= usable * LATEST_MS / 1000 {
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

    /// Nothing waits any more.
    pub(super) fn caught_up(&mut self) {
        if let Content::Video { lag, .. } = &mut self.content {
            *lag = Lag::Live;
        }
    }

    pub(super) fn is_parked(&self) -> bool {
        let Content::Video { lag, .. } = &self.content else {
            return false;
        };
        *lag == Lag::Parked
    }

    /// Goes on at a keyframe newer than what was left out; `None` if there is none.
    pub(super) fn unpark(&mut self, ring: &Ring) -> Option<u64> {
        let parked = self.position.cursor();
        let keyframe = ring.latest_keyframe().filter(|&n| Some(n) > parked)?;
        self.position.seek(keyframe);
        if let Content::Video { lag, .. } = &mut self.content {
            *lag = Lag::Live;
        }
        Some(keyframe)
    }
}
