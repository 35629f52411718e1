//! The gate between reception and sink: what of a camera's or host's video browsers are shown.

use crate::media::{AccessUnit, Codec, ParameterSets, TrackInfo};
use crate::state::Warning;

/// An access unit of video, as it was received.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// What was received of it.
    pub unit: AccessUnit<'a>,
    /// Packets missing before it or in it.
    pub lost: u32,
    /// Parts of it are missing.
    pub damaged: bool,
}

/// What leaves the gate.
#[derive(Debug)]
pub enum Passed<'a> {
    /// The parameter sets are known, or others than before. Comes before the first access unit.
    Info(TrackInfo),
    /// An access unit that viewers are shown, and the number of packets missing before it.
    Unit(AccessUnit<'a>, u32),
    /// Frames that viewers are not shown.
    Dropped(u64),
    /// What is wrong with the video changed.
    Warning(Option<Warning>),
}

/// Decides what of a video track passes. One per connection to a camera, or per pushed stream.
#[derive(Debug)]
pub struct Gate {
    codec: Codec,
    sets: Option<ParameterSets>,
    /// They have been told.
    told: bool,
}

impl Gate {
    /// `sets` are those of the SDP, if there are any. Those in the stream take their place.
    pub fn new(codec: Codec, sets: Option<ParameterSets>) -> Gate {
        Gate {
            codec,
            sets,
            told: false,
        }
    }

    /// Takes an access unit. `show_damaged`: pass on frames with missing parts, and what depends on them.
    pub fn push(
        &mut self,
        received: Received<'_>,
        show_damaged: bool,
        out: &mut impl FnMut(Passed<'_>),
    ) {
        let Received { unit, lost, .. } = received;
        let _ = show_damaged;
        let found = ParameterSets::find(self.codec, unit.data);
        if found.is_some() && found != self.sets {
            self.sets = found;
            self.told = false;
        }
        let Some(sets) = &self.sets else {
            return out(Passed::Dropped(1));
        };
        if !std::mem::replace(&mut self.told, true) {
            out(Passed::Info(TrackInfo::video(sets.clone())));
        }
        out(Passed::Unit(unit, lost));
    }
}
