//! Compares what is shown with the other steps: which fits, and whether it is time to move.

use std::time::Duration;

use super::steps::Step;
use super::{AMPLE, CLEAR, FITS, Ladder, ROOM, SHORTEST_WAIT, View};
use crate::state::Detail;

/// How soon after the last move a better step is taken if there is clear room, or some.
const CLEAR_STAY: Duration = Duration::from_secs(4);
const ROOM_STAY: Duration = Duration::from_secs(30);
/// More of the same variant is shown only this long after the last move: what that needs is hard to say.
const MORE_STAY: Duration = Duration::from_secs(30);
/// How soon after the last move fewer frames are shown: the estimate of a path that has become thin is too
/// low at first.
const FEWER_STAY: Duration = Duration::from_secs(2);
/// And how soon even less: frames that are late are left out anyway.
const LESS_STAY: Duration = Duration::from_secs(10);
/// Little can be measured where little is sent. So keyframes or sound alone are left after this time, to
/// see.
const LITTLE_TIME: Duration = Duration::from_secs(30);
/// What was taken to see is kept for so long.
const TRIAL: Duration = Duration::from_secs(6);

impl Ladder {
    /// The best live step that fits, or the last one. Without a budget the stream itself, or what is
    /// next to it.
    pub(super) fn best_fit(&self, budget: Option<u64>) -> Option<usize> {
        let live = |place: &usize| self.steps[*place].live;
        let own = self.own_place();
        let mut places = (0..self.steps.len()).filter(live);
        let fitting = match budget {
            Some(budget) => places
                .clone()
                .find(|&place| self.steps[place].fits(budget, 100)),
            None => places
                .clone()
                .find(|&place| self.place_of(self.steps[place].stream) >= own),
        };
        let all_frames = |place: &usize| self.steps[*place].detail == Detail::AllFrames;
        match budget {
            Some(_) => fitting.or(places.next_back()),
            None => fitting.or(places.rfind(all_frames)),
        }
    }

    /// Compares what is shown with the other steps; `None` if it stays.
    pub(super) fn compare(
        &mut self,
        view: &View,
        budget: Option<u64>,
        shown: usize,
        starting: bool,
    ) -> Option<usize> {
        let now = view.now;
        let Some(budget) = budget else {
            return self.compare_by_loss(view, shown);
        };
        let on_trial = self.fails_until.is_some()
            && view.detail != Detail::AllFrames
            && self.moved.is_some_and(|at| now < at + TRIAL);
        let need = self.steps[shown].need.unwrap_or(0);
        self.pressure.note(now, budget, need, view.late);
        if !on_trial && self.is_too_much(view, starting) {
            let mut worse = (shown + 1..self.steps.len()).filter(|&place| self.steps[place].live);
            let fitting = worse
                .clone()
                .find(|&place| self.steps[place].fits(budget, FITS));
            if let Some(place) = fitting.or(worse.next_back()) {
                return self.one_at_a_time(place, view);
            }
        }
        let mut better = (0..shown).filter(|&place| self.steps[place].live);
        let room = better
            .clone()
            .rfind(|&place| self.steps[place].fits(budget, ROOM));
        let clear = better.find(|&place| self.steps[place].fits(budget, CLEAR));
        let ample = clear.is_some_and(|place| self.steps[place].fits(budget, AMPLE));
        self.pressure
            .note_room(now, clear.is_some(), room.is_some(), ample);
        // A second failure in a row is no change of the path: what measures it is wrong.
        let changed = self.wait <= SHORTEST_WAIT && self.pressure.is_ample(now);
        if self.waits(now) && !changed {
            return None;
        }
        let stayed = |time| self.moved.is_none_or(|at| now >= at + time);
        let clear_stay = match clear.map(|place| self.steps[place].detail) {
            Some(Detail::AllFrames) => CLEAR_STAY,
            _ => MORE_STAY,
        };
        if clear.is_some() && self.pressure.is_clear(now) && stayed(clear_stay) {
            return clear;
        }
        if room.is_some() && self.pressure.is_roomy(now) && stayed(ROOM_STAY) {
            return room;
        }
        if view.detail >= Detail::Keyframes && !self.capped && stayed(LITTLE_TIME) {
            return shown.checked_sub(1);
        }
        None
    }

    fn is_too_much(&self, view: &View, starting: bool) -> bool {
        match view.detail {
            Detail::AllFrames => self.pressure.is_too_much(view.now, starting),
            // So little is sent that the estimate may be too low; but a limit is a limit.
            Detail::Keyframes => {
                (view.late || self.capped) && self.pressure.is_too_much_for_long(view.now)
            }
            _ => self.pressure.is_too_much_for_long(view.now),
        }
    }

    /// Less of a variant is shown only where the last variant was too much for a while.
    fn one_at_a_time(&self, place: usize, view: &View) -> Option<usize> {
        let all_frames = |step: &Step| step.live && step.detail == Detail::AllFrames;
        let last_variant = self.steps.iter().rposition(all_frames)?;
        if place <= last_variant {
            return Some(place);
        }
        if view.shown != self.steps[last_variant].stream {
            return Some(last_variant);
        }
        let stay = match view.detail {
            Detail::AllFrames => FEWER_STAY,
            _ => LESS_STAY,
        };
        let stayed = self.moved.is_none_or(|at| view.now >= at + stay);
        // One step at a time: what comes next shows whether less is needed.
        let mut less = self.shown_step(view)? + 1..=place;
        less.find(|&place| stayed && self.steps[place].live)
    }

    pub(super) fn is_better(&self, step: &Step, view: &View) -> bool {
        let place = |stream| self.place_of(stream);
        (place(step.stream), step.detail) < (place(view.shown), view.detail)
    }

    /// For a viewer whose path is not measured.
    fn compare_by_loss(&mut self, view: &View, shown: usize) -> Option<usize> {
        let now = view.now;
        self.pressure.note_loss(now, view.loss_ppm, view.late);
        let step = |place: &usize| {
            let step = &self.steps[*place];
            step.live && step.detail == Detail::AllFrames
        };
        if self.pressure.is_lossy(now) {
            return (shown + 1..self.steps.len()).find(step);
        }
        let stayed = self.moved.is_none_or(|at| now >= at + ROOM_STAY);
        if self.pressure.is_clean(now) && !self.waits(now) && stayed {
            return (0..shown).rev().find(step);
        }
        None
    }
}
