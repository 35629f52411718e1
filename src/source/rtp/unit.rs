//! The unit that is being assembled.

use std::time::Instant;

use super::order::Before;
use super::{Unit, spare};

/// The largest unit: above a keyframe of 8K. Beyond it, whatever would complete the unit never comes.
pub const MAX_UNIT: usize = 8 << 20;

/// The next packet of a track, in order.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    pub payload: &'a [u8],
    /// On a timeline that does not wrap around.
    pub timestamp: i64,
    pub marker: bool,
    pub arrival: Instant,
    pub before: Before,
}

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Building {
    pub data: Vec<u8>,
    pub timestamp: i64,
    /// Of the last packet; there is one as soon as there is data.
    pub arrival: Option<Instant>,
    pub lost: u32,
    pub damaged: bool,
    pub restarts: bool,
}

impl Building {
    /// A new sequence begins: what was there is never completed.
    pub fn restart(&mut self) {
        self.data.clear();
        self.lost = 0;
        self.damaged = false;
        self.restarts = true;
    }

    /// A packet has arrived that may be of this unit.
    pub fn arrived(&mut self, at: Instant) {
        self.arrival = Some(at);
        if self.data.capacity() == 0 {
            self.data = spare::take();
        }
    }

    /// Hands the unit on and begins the next, with the same timestamp.
    pub fn complete(&mut self, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        let Some(arrival) = self.arrival else { return };
        let data = out(Unit {
            data: std::mem::take(&mut self.data),
            timestamp: self.timestamp,
            arrival,
            sampled: None,
            lost: self.lost,
            damaged: self.damaged,
            restarts: self.restarts,
        });
        *self = Building {
            data,
            lost: 0,
            damaged: false,
            restarts: false,
            ..*self
        };
    }
}
