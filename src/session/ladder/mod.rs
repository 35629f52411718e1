//! Decides which variant of a stream a viewer is shown, and how much of it.
//!
//! The steps of the ladder, best first: every variant that the viewer may be shown, with all frames; the
//! lowest of them with fewer frames; its keyframes alone; sound alone. A decision compares what they need
//! with what the path carries, or with the limit that the viewer asked for.
//!
//! Down quickly, up slowly. A step is left within half a second if the path is far too thin for it or
//! frames are late, and within seconds if the path is a little too thin. A better step needs clear room
//! ([`CLEAR`]) for a moment, or some ([`ROOM`]) for long, and what fails is tried again ever more rarely.
//!
//! A viewer whose path is not measured (no transport-wide feedback) is shown a lower variant only if it
//! loses many packets for seconds, or frames are late for as long, and always with all frames.
//!
//! Sans-I/O: knows no leg and no transport.

mod compare;
mod pressure;
mod steps;
#[cfg(test)]
mod tests;
mod tile;

use std::time::{Duration, Instant};

pub use steps::{Access, Rung};

use crate::state::{Detail, QualityReason, SlotView, StreamId, ViewerLimits};
use pressure::Pressure;
use steps::{Step, fill, permits, place_of};

/// Time between two decisions.
const INTERVAL: Duration = Duration::from_millis(200);
/// Time between two decisions while nothing is about to change.
const IDLE: Duration = Duration::from_secs(1);

/// In percent of the need of a step: a path with so much carries it,
const FITS: u64 = 105;
/// with so much has room for it if it is better than what is shown,
const ROOM: u64 = 115;
/// and with so much has clear room.
const CLEAR: u64 = 130;
/// Even after a move up that failed, so much is reason enough for another one: the path has changed.
const AMPLE: u64 = 160;
/// So much is wanted of the path, to see whether there is clear room, or ample room.
const WANTED: u64 = 140;
const WANTED_AMPLE: u64 = 170;

/// In this time after the start, and after the viewer changed its limits, a step that does not fit is left
/// at once.
const START: Duration = Duration::from_secs(5);
/// A move up has failed if it is taken back within this time, for a variant, or for more of one. The next
/// attempt waits, and twice as long after each further failure, unless what failed had held for a while.
const RELAPSE: Duration = Duration::from_secs(30);
const MORE_RELAPSE: Duration = Duration::from_secs(60);
const HELD: Duration = Duration::from_secs(10);
const SHORTEST_WAIT: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// What the viewer asks for may change this often, and go over to another stream this often: each time it may be sent
/// everything since a keyframe. As many may come at once as are made up for in so long.
const CHANGE: Duration = Duration::from_secs(2);
const BEGIN: Duration = Duration::from_secs(1);
const AT_ONCE: Duration = Duration::from_secs(8);
/// If what is shown has no media for so long, another variant takes its place.
const AWAY_TIME: Duration = Duration::from_secs(3);

/// What a decision is based on.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The time.
    pub now: Instant,
    /// The variant that is shown.
    pub shown: StreamId,
    /// How much of it.
    pub detail: Detail,
    /// What the path carries in bits per second, if that is measured.
    pub estimate: Option<u64>,
    /// It would be more but for a limit of the viewer's on all videos together.
    pub capped: bool,
    /// Loss of video by the last report, in parts per million.
    pub loss_ppm: u32,
    /// Frames wait for long, or were left out because they did.
    pub late: bool,
    /// What the sound needs in bits per second; `None` if there is none.
    pub sound: Option<u64>,
}

/// What the viewer is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The variant.
    pub variant: StreamId,
    /// How much of it.
    pub detail: Detail,
    /// Whether it is better than what is shown.
    pub better: bool,
    /// Whether it may wait for a moment that suits: what is shown can be shown until then.
    pub patient: bool,
    /// The rate in bits per second that is wanted of the path beyond what it is sent; 0 if nothing is.
    pub want: u64,
    /// A variant without media that would be shown if it had any.
    pub fetch: Option<StreamId>,
}

/// What is remembered between decisions.
#[derive(Debug)]
pub struct Ladder {
    /// `None` while there is none.
    own: Option<StreamId>,
    limits: ViewerLimits,
    tile: SlotView,
    /// What the viewer asked for last. It counts at once unless it changes all the time: what follows from
    /// it may begin with everything since a keyframe.
    asked: ViewerLimits,
    asked_tile: SlotView,
    /// That has been taken over since the last decision.
    heeded: bool,
    /// When as many changes are made up for as were heeded.
    changes: Option<Instant>,
    /// The variants, best first, and those of the last decision.
    rungs: Vec<Rung>,
    last_rungs: Vec<Rung>,
    steps: Vec<Step>,
    pressure: Pressure,
    /// When the viewer came, or changed its limits.
    began: Option<Instant>,
    decided: Option<Instant>,
    due: Option<Instant>,
    /// Since when what is shown has had no media.
    away: Option<Instant>,
    moved: Option<Instant>,
    /// If it is taken back until then, the last move up, to all frames of a variant or to less, has failed;
    /// and how long the next one waits then.
    fails_until: Option<(Instant, bool)>,
    wait: Duration,
    not_before: Option<Instant>,
    /// What was chosen last is what the viewer asked for.
    by_viewer: bool,
    /// The viewer's limit is lower than what its path carries.
    capped: bool,
}

impl Ladder {
    /// The ladder of a viewer of the stream `own`; `None`: of none yet.
    pub fn new(own: Option<StreamId>) -> Ladder {
        Ladder {
            own,
            limits: ViewerLimits::default(),
            tile: SlotView::default(),
            asked: ViewerLimits::default(),
            asked_tile: SlotView::default(),
            heeded: false,
            changes: None,
            rungs: Vec::new(),
            last_rungs: Vec::new(),
            steps: Vec::new(),
            pressure: Pressure::default(),
            began: None,
            decided: None,
            due: None,
            away: None,
            moved: None,
            fails_until: None,
            wait: Duration::ZERO,
            not_before: None,
            by_viewer: false,
            capped: false,
        }
    }

    /// The stream that the viewer watches.
    pub fn own(&self) -> Option<StreamId> {
        self.own
    }

    /// From now on the viewer watches another stream, or none. What it asks for stays.
    pub fn rebind(&mut self, own: Option<StreamId>) {
        *self = Ladder {
            limits: self.limits,
            tile: self.asked_tile,
            asked: self.asked,
            asked_tile: self.asked_tile,
            changes: self.changes,
            ..Ladder::new(own)
        };
    }

    /// The viewer asks for something else. What follows from that waits for nothing, unless it has just
    /// asked for something else again.
    pub fn set_limits(&mut self, limits: ViewerLimits) {
        if self.asked != limits {
            self.asked = limits;
            self.due = self.decided.or(self.due);
        }
    }

    /// The viewer shows it in a tile of another size, or in focus. That counts as something else that it asks for.
    pub fn set_tile(&mut self, tile: SlotView) {
        if self.asked_tile != tile {
            self.asked_tile = tile;
            self.due = self.decided.or(self.due);
        }
    }

    /// Whether the viewer asks for something that it does not get yet.
    fn asks(&self) -> bool {
        (self.asked, self.asked_tile) != (self.limits, self.tile)
    }

    /// Takes over what the viewer asked for, if that is something else and its turn.
    pub fn heed(&mut self, now: Instant) {
        if self.asked == self.limits && !self.tile_asks() {
            self.tile = self.asked_tile;
            return;
        }
        let clear = self.changes.map_or(now, |at| at.max(now));
        if clear > now + AT_ONCE {
            return;
        }
        let cost = match self.asked == self.limits {
            true => BEGIN,
            false => CHANGE,
        };
        self.changes = Some(clear + cost);
        (self.limits, self.tile) = (self.asked, self.asked_tile);
        self.began = None;
        self.moved = None;
        (self.wait, self.not_before) = (Duration::ZERO, None);
        self.heeded = true;
    }

    /// When the viewer may begin with its stream; `None`: at any time.
    pub fn begins_at(&self) -> Option<Instant> {
        self.changes?.checked_sub(AT_ONCE)
    }

    /// Whether it may begin with it now. If so, that counts.
    pub fn may_begin(&mut self, now: Instant) -> bool {
        let may = self.begins_at().is_none_or(|at| at <= now);
        if may {
            let clear = self.changes.map_or(now, |at| at.max(now));
            self.changes = Some(clear + BEGIN);
        }
        may
    }

    /// Whether the viewer may be shown the stream itself, by the last survey.
    pub fn permits_own(&self) -> bool {
        let own = self.own_place();
        own.is_none_or(|place| permits(self.limits.variant, &self.rungs, place))
    }

    /// When a decision is due although nothing is heard of the viewer.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether a decision would change nothing as long as the path carries far more than is wanted. What the viewer
    /// limits may grow.
    pub fn is_settled(&self) -> bool {
        self.due.is_none() && self.limits.max_bitrate.is_none()
    }

    /// A decision is due at `now`.
    pub fn expect(&mut self, now: Instant) {
        self.due = Some(now);
    }

    /// Whether it is time for a decision if something was heard of the viewer.
    pub fn is_ready(&self, now: Instant) -> bool {
        let last = self.decided;
        last.is_some_and(|last| now >= last + INTERVAL) || self.due.is_some_and(|due| due <= now)
    }

    /// The variants as they are now. `streams`: best first; a stream that is not among its own variants is
    /// the best.
    pub fn survey(&mut self, streams: &[StreamId], look: impl Fn(StreamId) -> Rung) {
        std::mem::swap(&mut self.rungs, &mut self.last_rungs);
        self.rungs.clear();
        let own = self.own.filter(|own| !streams.contains(own));
        for stream in own.iter().chain(streams) {
            let rung = look(*stream);
            let mut last = self.last_rungs.iter();
            let known = last.find(|last| last.stream == *stream && rung.video.is_none());
            self.rungs.push(match known {
                // What it was when it was there.
                Some(last) => Rung {
                    access: rung.access,
                    ..*last
                },
                None => rung,
            });
        }
    }

    /// What the viewer is to be shown, by the last survey.
    pub fn decide(&mut self, view: &View) -> Choice {
        let now = view.now;
        self.heed(now);
        let changed = std::mem::take(&mut self.heeded);
        let began = *self.began.get_or_insert(now);
        let first = self.decided.replace(now).is_none() || began == now;
        let starting = now < began + START;
        let budget = self.budget(view);
        self.list_steps(view.sound);
        let shown = self.shown_step(view);
        self.note_away(now, shown);
        self.by_viewer = first;
        let chosen = match shown {
            // Nothing may be shown, or nothing else.
            _ if !self.steps.iter().any(|step| step.live) => None,
            None => self.best_fit(budget),
            Some(place) if !self.steps[place].live => {
                let away = self.away.is_some_and(|since| now >= since + AWAY_TIME);
                if first || away {
                    self.best_fit(budget)
                } else {
                    None
                }
            }
            // Without a measurement also what has to be connected before it can be shown.
            Some(_) if changed || (starting && budget.is_none()) => self.best_fit(budget),
            Some(place) => self.compare(view, budget, place, starting),
        };
        let place = chosen.or(shown);
        let moving = chosen.is_some() && chosen != shown;
        self.due = if moving || self.pressure.is_any() || self.asks() {
            Some(now + INTERVAL)
        } else if self.rungs.len() > 1 || view.detail != Detail::AllFrames {
            Some(now + IDLE)
        } else {
            None
        };
        let step = place.map(|place| self.steps[place]);
        Choice {
            variant: step.map_or(view.shown, |step| step.stream),
            detail: step.map_or(view.detail, |step| step.detail),
            better: step.is_some_and(|step| self.is_better(&step, view)),
            // What the viewer asks for waits for nothing.
            patient: !first
                && matches!((chosen, shown), (Some(chosen), Some(shown)) if chosen < shown),
            want: self.want(now, budget, place),
            fetch: self.fetch(budget, view, place),
        }
    }

    /// The viewer has got what was chosen: `detail` of a variant, which is better than what it had.
    pub fn moved(&mut self, now: Instant, better: bool, detail: Detail) {
        let last = self.moved.replace(now);
        self.pressure = Pressure::default();
        if better {
            let all_frames = detail == Detail::AllFrames;
            let relapse = if all_frames { RELAPSE } else { MORE_RELAPSE };
            self.fails_until = Some((now + relapse, all_frames));
        } else if let Some((until, all_frames)) = self.fails_until.take() {
            let held = all_frames && last.is_some_and(|at| now >= at + HELD);
            self.wait = match !self.by_viewer && now < until {
                true if held => SHORTEST_WAIT,
                true => (self.wait * 2).clamp(SHORTEST_WAIT, LONGEST_WAIT),
                false => Duration::ZERO,
            };
            self.not_before = Some(now + self.wait);
        }
    }

    /// Why the viewer gets no more than this.
    pub fn reason(&self, shown: StreamId, detail: Detail) -> QualityReason {
        let held = if self.capped {
            QualityReason::Viewer
        } else {
            QualityReason::Path
        };
        if detail != Detail::AllFrames {
            return held;
        }
        let Some(place) = self.place_of(shown) else {
            return QualityReason::Nothing;
        };
        if self.rungs[place].access == Access::Refused {
            return QualityReason::Codec;
        }
        let best = self.best_for_tile();
        for above in (best..place).rev() {
            match self.rungs[above].access {
                _ if !permits(self.limits.variant, &self.rungs, above) => {
                    return QualityReason::Viewer;
                }
                Access::Refused => return QualityReason::Codec,
                Access::Live => return held,
                Access::Away if Some(self.rungs[above].stream) == self.own => break,
                // Perhaps only because nobody needs it.
                Access::Away => {}
            }
        }
        match place <= best {
            true => QualityReason::Nothing,
            false => QualityReason::Camera,
        }
    }

    /// What the best step needs that the viewer may get; 0 while unknown.
    pub fn needed(&self) -> u64 {
        let best = self.steps.first();
        best.and_then(|step| step.need).unwrap_or(0)
    }

    fn place_of(&self, stream: StreamId) -> Option<usize> {
        place_of(&self.rungs, stream)
    }

    fn own_place(&self) -> Option<usize> {
        self.place_of(self.own?)
    }

    fn list_steps(&mut self, sound: Option<u64>) {
        let choice = self.limits.variant;
        let best = self.best_for_tile();
        fill(
            &mut self.steps,
            &self.rungs,
            choice,
            best,
            sound,
            self.capped,
        );
    }

    fn budget(&mut self, view: &View) -> Option<u64> {
        let (estimate, limit) = (view.estimate, self.limits.max_bitrate);
        let is_less = |limit| estimate.is_none_or(|estimate| limit < estimate);
        self.capped = view.capped || limit.is_some_and(is_less);
        match (estimate, limit) {
            (Some(estimate), Some(limit)) => Some(estimate.min(limit)),
            (estimate, limit) => estimate.or(limit),
        }
    }

    fn shown_step(&self, view: &View) -> Option<usize> {
        let mut steps = self.steps.iter();
        steps.position(|step| (step.stream, step.detail) == (view.shown, view.detail))
    }

    fn note_away(&mut self, now: Instant, shown: Option<usize>) {
        match shown {
            Some(place) if !self.steps[place].live => {
                self.away.get_or_insert(now);
            }
            _ => self.away = None,
        }
    }

    /// A variant without media that would be shown if it had any: a worse one if what is shown is too much,
    /// or a better one if there is clear room.
    fn fetch(&self, budget: Option<u64>, view: &View, shown: Option<usize>) -> Option<StreamId> {
        let away = |step: &&Step| !step.live;
        let steps = self.steps.iter();
        let Some(shown) = shown
            .map(|place| self.steps[place])
            .filter(|step| step.live)
        else {
            // These two have been asked for anyway.
            let asked = |stream| stream == view.shown || Some(stream) == self.own;
            let mut others = steps.filter(|step| !asked(step.stream));
            return others.find(away).map(|step| step.stream);
        };
        if let Some(smaller) = self.smaller(shown.stream) {
            return Some(smaller);
        }
        let budget = budget?;
        let too_much = self.pressure.is_tight() || view.detail != Detail::AllFrames;
        let wanted = |step: &&Step| {
            if self.place_of(step.stream) > self.place_of(shown.stream) {
                too_much && step.fits(budget, FITS)
            } else {
                // Of one that was never seen it is not known what it needs; more than this one.
                let need = step.need.or(shown.need);
                need.is_some_and(|need| need * CLEAR / 100 <= budget)
            }
        };
        steps.filter(away).find(wanted).map(|step| step.stream)
    }

    /// What is wanted of the path: room for a better step with all frames, the next one for which there is
    /// none yet.
    fn want(&self, now: Instant, budget: Option<u64>, shown: Option<usize>) -> u64 {
        let percent = match self.waits(now) {
            true => WANTED_AMPLE,
            false => WANTED,
        };
        let better = self.steps[..shown.unwrap_or(0)].iter().rev();
        let better = better.filter(|step| step.live && step.detail == Detail::AllFrames);
        let mut wanted = 0;
        // Of one that was never seen it is not known what it needs.
        for need in better.map_while(|step| step.need) {
            wanted = need * percent / 100;
            if budget.is_none_or(|budget| wanted > budget) {
                break;
            }
        }
        wanted
    }

    /// Whether a move up has just failed.
    fn waits(&self, now: Instant) -> bool {
        self.not_before.is_some_and(|at| now < at)
    }
}
