//! The gate between reception and sink: what of a camera's or host's video browsers are shown.
//!
//! Browsers show pictures as they come over RTP, begin with an IDR picture, and freeze on what they
//! cannot decode. So the gate leaves out
//!
//! - pictures that are shown before one that was passed on (B-frames): a browser drops them, and with
//!   them whatever comes next;
//! - pictures with missing parts, and those that refer to them, up to the next keyframe;
//!
//! and where a stream has no IDR pictures, it puts one of its own in front of those that the encoder says
//! decoding can begin with. What is left out is counted, and said.

mod order;
mod picture;
mod report;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crate::media::{AccessUnit, Codec, Found, ParameterSets, TrackInfo, h264};
use crate::state::Warning;
use order::DisplayOrder;
use picture::{Entry, Picture, Reader};
use report::{Beginnings, Fate, PATIENCE, Report};

/// How much earlier than the picture that it is for the opening is shown, in ticks of 90 kHz.
const OPENING_BEFORE: i64 = 90;

/// Openings are not made more often: one of 8K takes some milliseconds, and some cameras could have one
/// with each picture.
const OPENING_INTERVAL: Duration = Duration::from_secs(1);

/// After standing still for this long, a damaged keyframe is better than none: a large one may never come
/// whole.
const STILL: Duration = Duration::from_secs(10);

/// An access unit of video, as it was received.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// What was received of it.
    pub unit: AccessUnit<'a>,
    /// Packets missing before it or in it.
    pub lost: u32,
    /// Something else may be missing before it: what was sent before a new beginning, or frames that a
    /// full queue refused.
    pub gap: bool,
    /// Parts of it are missing.
    pub damaged: bool,
}

/// What leaves the gate.
#[derive(Debug)]
pub enum Passed<'a> {
    /// The parameter sets are known, or others than before. Comes before the first access unit.
    Info(TrackInfo),
    /// A keyframe of our own, for viewers that begin with the access unit that follows. The others must
    /// not get it: it is gray.
    Opening(AccessUnit<'a>),
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
    found: Found,
    /// They have been told.
    told: bool,
    reader: Reader,
    report: Report,
    /// What others refer to is missing: nothing passes up to the next keyframe.
    broken: bool,
    /// The same, but because the source began anew.
    restarted: bool,
    /// RTP packets missing since the last unit that passed.
    missing: u32,
    first: Option<Instant>,
    last_keyframe: Option<Instant>,
    /// When a frame passed for the last time.
    last_passed: Option<Instant>,
    /// Its timestamp, and what is added to those that come.
    last_timestamp: Option<i64>,
    offset: i64,
    /// Number of openings, and when the last one was made.
    openings: u32,
    last_opening: Option<Instant>,
}

impl Gate {
    /// `sets` are those of the SDP, if there are any. Those in the stream take their place.
    pub fn new(codec: Codec, sets: Option<ParameterSets>) -> Gate {
        let mut reader = Reader::default();
        if let Some(sets) = &sets {
            reader.learn(sets);
        }
        Gate {
            codec,
            sets,
            found: Found::default(),
            told: false,
            reader,
            report: Report::default(),
            broken: false,
            restarted: false,
            missing: 0,
            first: None,
            last_keyframe: None,
            last_passed: None,
            last_timestamp: None,
            offset: 0,
            openings: 0,
            last_opening: None,
        }
    }

    /// The source begins anew: what comes up to the next keyframe refers to what nobody has.
    pub fn restart(&mut self) {
        self.restarted = true;
        self.last_opening = None;
        (self.last_timestamp, self.offset) = (None, 0);
        self.reader.order = DisplayOrder::default();
    }

    /// Whether nothing passes up to the next keyframe.
    pub fn awaits_keyframe(&self) -> bool {
        self.broken || self.restarted || self.sets.is_none()
    }

    /// Whether nothing can be decoded, because no parameter sets came.
    pub fn lacks_parameter_sets(&self) -> bool {
        self.sets.is_none()
    }

    /// Takes an access unit. `show_damaged`: pass on frames with missing parts, and what depends on them.
    pub fn push(
        &mut self,
        received: Received<'_>,
        show_damaged: bool,
        out: &mut impl FnMut(Passed<'_>),
    ) {
        let Received { unit, lost, .. } = received;
        self.missing = self.missing.saturating_add(lost);
        let now = unit.arrival;
        self.first.get_or_insert(now);
        self.learn(unit.data);
        let picture = self.reader.read(self.codec, unit.data);
        if let Some(id) = picture
            .filter(|picture| picture.keyframe)
            .and_then(|p| p.sps)
            && let Some(sets) = &mut self.sets
        {
            self.told &= !sets.prefer_sps(id);
        }
        if let Some(sets) = &self.sets
            && !std::mem::replace(&mut self.told, true)
        {
            out(Passed::Info(TrackInfo::video(sets.clone())));
        }
        let Some(picture) = picture else {
            return;
        };
        let entry = picture.entry.filter(|entry| self.begins_at(entry, now));
        let fate = match &self.sets {
            None => Fate::Undecodable,
            Some(_) => self.judge(&picture, entry.is_some(), &received, show_damaged),
        };
        match fate {
            Fate::Passed | Fate::DamagedPassed => {
                let timestamp = self.forward(unit.timestamp, now);
                let unit = AccessUnit { timestamp, ..unit };
                self.last_passed = Some(now);
                if let Some(opening) = entry.and_then(|entry| self.opening(&entry, now)) {
                    let data = &opening;
                    let timestamp = unit.timestamp - OPENING_BEFORE;
                    out(Passed::Opening(AccessUnit {
                        data,
                        timestamp,
                        ..unit
                    }));
                }
                if picture.keyframe {
                    self.last_keyframe = Some(now);
                }
                out(Passed::Unit(unit, std::mem::take(&mut self.missing)));
            }
            Fate::Late
            | Fate::LateReference
            | Fate::Damaged
            | Fate::Waiting
            | Fate::Undecodable => out(Passed::Dropped(1)),
        }
        let beginnings = match (self.last_keyframe, self.openings) {
            (Some(at), _) if now.saturating_duration_since(at) < 10 * PATIENCE => {
                Beginnings::Keyframes
            }
            (Some(_), 0) => Beginnings::Keyframes,
            (None, 0) => Beginnings::None,
            _ => Beginnings::Synthetic,
        };
        if let Some(warning) = self.report.note(fate, unit.timestamp, now, beginnings) {
            out(Passed::Warning(warning));
        }
    }

    /// The timestamp of what passes now. It does not go back, as what passes is shown in the order in which it
    /// comes; a camera whose timestamps do that all the same is spaced by its arrivals.
    fn forward(&mut self, timestamp: i64, now: Instant) -> i64 {
        let mut out = timestamp.wrapping_add(self.offset);
        if let (Some(last), Some(before)) = (self.last_timestamp, self.last_passed)
            && out.wrapping_sub(last) < 0
        {
            let elapsed = now.saturating_duration_since(before).as_micros();
            let ticks = i64::try_from(elapsed * 9 / 100).unwrap_or(i64::MAX);
            out = last.wrapping_add(ticks.max(1));
            self.offset = out.wrapping_sub(timestamp);
        }
        self.last_timestamp = Some(out);
        out
    }

    /// Takes over the parameter sets in an access unit.
    fn learn(&mut self, unit: &[u8]) {
        let changed = match &mut self.sets {
            Some(sets) => sets.remember(unit),
            None => {
                self.sets = self.found.add(self.codec, unit);
                self.sets.is_some()
            }
        };
        if changed && let Some(sets) = &self.sets {
            self.reader.learn(sets);
            self.told = false;
        }
    }

    fn judge(
        &mut self,
        picture: &Picture,
        begins: bool,
        received: &Received<'_>,
        show_damaged: bool,
    ) -> Fate {
        let &Received {
            unit,
            lost,
            gap,
            damaged,
        } = received;
        let order = &mut self.reader.order;
        let late = match picture.keyframe || picture.in_order {
            true => {
                order.pass(picture.place, unit.timestamp);
                false
            }
            false => picture.leading || order.is_late(picture.place, unit.timestamp),
        };
        if picture.keyframe || begins {
            self.broken = false;
            self.restarted = false;
        } else if (lost > 0 || gap) && !damaged {
            // What is missing may have been nothing that matters.
            self.broken |= picture.continues != Some(true);
        }
        if late {
            return match picture.reference {
                true => Fate::LateReference,
                false => Fate::Late,
            };
        }
        if damaged {
            self.broken |= picture.reference;
        }
        if self.restarted {
            return Fate::Waiting;
        }
        let still = |at: Instant| unit.arrival.saturating_duration_since(at) > STILL;
        if damaged && picture.keyframe && self.last_passed.or(self.first).is_some_and(still) {
            self.broken = false;
            return Fate::DamagedPassed;
        }
        match damaged || self.broken {
            false => Fate::Passed,
            true if show_damaged => Fate::DamagedPassed,
            true => Fate::Damaged,
        }
    }

    /// Whether viewers may begin at a picture that is no keyframe, because there are none.
    fn begins_at(&self, entry: &Entry, now: Instant) -> bool {
        let since = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        if since(self.last_opening).is_some_and(|time| time < OPENING_INTERVAL) {
            return false;
        }
        match since(self.last_keyframe) {
            Some(time) => time > PATIENCE,
            None => entry.announced || since(self.first) > Some(PATIENCE),
        }
    }

    /// A keyframe of our own, in front of this picture.
    fn opening(&mut self, entry: &Entry, now: Instant) -> Option<Vec<u8>> {
        self.last_opening = Some(now);
        let (pps, sps) = self.reader.sets(entry.pps)?;
        let nal = h264::opening(sps, pps, &entry.slice, self.openings)?;
        self.openings = self.openings.wrapping_add(1).max(1);
        let mut unit = Vec::with_capacity(4 + nal.len());
        crate::media::nal::append_nal(&mut unit, &nal);
        Some(unit)
    }
}
