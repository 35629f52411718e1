//! Maps the source's time line, which may restart, to the one that viewers see, which never does.

use std::time::Instant;

/// The time line of one track.
#[derive(Debug)]
pub struct MediaClock {}

impl MediaClock {
    /// A clock of `rate` Hz whose first access unit gets the RTP timestamp `first`.
    pub fn new(rate: u32, first: u32) -> Self {
        let _ = (rate, first);
        todo!()
    }

    /// The source connected again: its timestamps may restart anywhere.
    pub fn discontinuity(&mut self) {
        todo!()
    }

    /// The RTP timestamp that viewers get for an access unit.
    pub fn map(&mut self, timestamp: i64, arrival: Instant) -> u32 {
        let _ = (timestamp, arrival);
        todo!()
    }

    /// The RTP timestamp of an access unit that would be captured at `now`: for sender reports.
    /// `None` before the first access unit.
    pub fn rtp_at(&self, now: Instant) -> Option<u32> {
        let _ = now;
        todo!()
    }
}
