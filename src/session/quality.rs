//! Lets the ladders decide what each video leg shows, each against its share of what the path carries.

use std::time::{Duration, Instant};

use super::Session;
use super::io::{Io, Tracks, Transmit};
use super::ladder::View;
use super::leg::Leg;
use super::order::Which;
use super::share::{Claim, share};
use super::showing::{Showing, stored_rate, video};
use super::sound::{self, is_audio, sound_of};
use crate::state::{Detail, Quality, QualityReason, SessionState, StreamId};

/// Frames that wait for so long are late, and so are keyframes alone. So are those to come, so long after
/// some were left out.
const LATE: Duration = Duration::from_millis(400);
const LATE_KEYFRAME: Duration = Duration::from_secs(2);
const LEFT_OUT: Duration = Duration::from_secs(5);
/// How long a decision holds at most while nothing seems to change.
const SETTLED: Duration = Duration::from_secs(5);

/// What one of several videos gets of what the path carries, and what it needs as it is shown, in bits per second.
#[derive(Clone, Copy)]
struct Portion {
    budget: u64,
    need: u64,
}

impl Session {
    /// What the viewer is shown, by its first video.
    pub fn quality(&self) -> Quality {
        let estimate = self.transport.estimate();
        let shown = self.showings.first();
        let shown = shown.and_then(|showing| showing.quality(&self.legs, estimate));
        shown.unwrap_or_else(|| Quality {
            variant: self
                .legs
                .iter()
                .find_map(Leg::stream)
                .unwrap_or(StreamId(0)),
            detail: Detail::SoundOnly,
            reason: QualityReason::Nothing,
            estimate,
            needed: 0,
        })
    }

    /// What the viewer is shown by its first video, once after it has changed: variant, detail or reason. In a
    /// session of the wall, ask for [`Session::poll_slot_change`] instead.
    pub fn poll_quality(&mut self) -> Option<Quality> {
        if !std::mem::take(&mut self.news) {
            return None;
        }
        // That a leg has gone on with something else is told of slots alone.
        for leg in &mut self.legs {
            leg.take_changed();
        }
        let estimate = self.transport.estimate();
        self.showings
            .first_mut()?
            .take_quality(&self.legs, estimate)?
    }

    /// Whether media may flow, so that there is something to decide.
    fn may_decide(&self) -> bool {
        matches!(
            self.transport.state(),
            SessionState::Connected | SessionState::Disconnected
        )
    }

    /// When a decision is due although nothing is heard of the viewer.
    pub(super) fn decision_due(&self, now: Instant) -> Option<Instant> {
        let showings = self.showings.iter().filter(|_| self.may_decide());
        showings.filter_map(|showing| showing.due(now)).min()
    }

    /// Decides what the viewer is shown from now on. The legs that begin with something else are due.
    pub(super) fn decide<T: Transmit>(&mut self, io: &mut Io<'_, T>) {
        // Without feedback it is a guess that nothing would raise.
        let estimate = self.transport.estimate();
        let estimate = estimate.filter(|_| self.transport.has_feedback());
        if !self.may_decide() || self.showings.is_empty() {
            return;
        }
        self.decided = Some(io.now);
        let (estimate, capped) = self.within_limit(estimate);
        self.note_sound(io.tracks);
        for showing in &mut self.showings {
            let leg = &mut self.legs[showing.leg];
            showing.survey(leg, io.tracks, io.now);
        }
        let portions = self.share_out(estimate, io.tracks);
        let mut want = 0;
        let mut sent = 0;
        for place in 0..self.showings.len() {
            let portion = portions.as_ref().and_then(|portions| portions[place]);
            let budget = portion.map(|portion| portion.budget).or(estimate);
            let need = portion.map_or(0, |portion| portion.need);
            let more = self.decide_on(place, (budget, capped), io);
            want += more.saturating_sub(need);
            sent += need;
        }
        if want > 0 {
            want += sent;
        }
        self.awaits = self.showings.iter().any(|showing| showing.next.is_some());
        self.news = true;
        self.note_due();
        // What its viewer does not want, nobody has to find room for; nearly so, as that room is to be seen.
        let limit = self.max_bitrate.filter(|_| capped);
        let most = limit.map_or(u64::MAX, |limit| limit.saturating_add(limit / 3));
        self.transport.want(want.min(most));
    }

    /// What all videos together may use, and whether it is the viewer's limit that they may not use more. The
    /// limit of a single video is its ladder's.
    fn within_limit(&self, estimate: Option<u64>) -> (Option<u64>, bool) {
        let limit = self.max_bitrate.filter(|_| self.showings.len() > 1);
        match (estimate, limit) {
            (Some(estimate), Some(limit)) => (Some(estimate.min(limit)), limit < estimate),
            (estimate, limit) => (estimate.or(limit), limit.is_some()),
        }
    }

    /// Shares what the path carries among the videos that are shown; `None` if there is at most one, or nothing is
    /// measured.
    fn share_out(
        &mut self,
        estimate: Option<u64>,
        tracks: &dyn Tracks,
    ) -> Option<Vec<Option<Portion>>> {
        if self.showings.len() < 2 {
            return None;
        }
        let is_shown = |showing: &&Showing| self.legs[showing.leg].stream().is_some();
        let shown: Vec<&Showing> = self.showings.iter().filter(is_shown).collect();
        let media = shown
            .iter()
            .filter_map(|showing| self.legs[showing.leg].media(tracks));
        let rate = media.map(|media| media.rate.bytes_per_second).sum();
        let several = shown.len() > 1;
        self.transport.set_streams(if several { rate } else { 0 });
        let Some(estimate) = estimate.filter(|_| several) else {
            for showing in &self.showings {
                self.legs[showing.leg].grant(u64::MAX);
            }
            return None;
        };
        let sounds = self.legs.iter().filter(|leg| is_audio(leg));
        let sounds = sounds.filter_map(|leg| stored_rate(leg.track(tracks)?.ring()));
        let total = estimate.saturating_sub(sounds.sum());
        let claims: Vec<Claim> = shown
            .iter()
            .map(|showing| showing.claim(&self.legs[showing.leg]))
            .collect();
        let focus = claims.iter().position(|claim| claim.focus);
        self.order.first(focus.map(|focus| shown[focus].leg));
        let mut portions = vec![None; self.showings.len()];
        let mut shares = share(total, &claims).into_iter().zip(&claims);
        for (portion, showing) in portions.iter_mut().zip(&self.showings) {
            let leg = &self.legs[showing.leg];
            let Some(own) = showing.own().filter(|_| leg.stream().is_some()) else {
                continue;
            };
            let sound = sound_of(&self.legs, own, tracks);
            let sound = sound
                .and_then(|track| stored_rate(track.ring()))
                .unwrap_or(0);
            if let Some((share, claim)) = shares.next() {
                *portion = Some(Portion {
                    budget: share.budget + sound,
                    need: claim.levels.get(claim.shown).map_or(0, |need| need + sound),
                });
                self.legs[showing.leg].grant(share.spare);
            }
        }
        Some(portions)
    }

    /// Decides what one of the videos shows. Returns the rate in bits per second that is wanted of the path
    /// beyond what it is sent.
    fn decide_on<T: Transmit>(
        &mut self,
        place: usize,
        (estimate, capped): (Option<u64>, bool),
        io: &mut Io<'_, T>,
    ) -> u64 {
        let (now, tracks) = (io.now, io.tracks);
        let showing = &mut self.showings[place];
        let leg = &mut self.legs[showing.leg];
        let (Some(own), Some(stream)) = (showing.own(), leg.stream()) else {
            return 0;
        };
        let shown = video(tracks, stream);
        showing.stand_in = shown.and_then(|track| leg.stand_in(track.ring()));
        let waits = shown.and_then(|track| leg.waiting(track.ring(), now));
        let left_out = leg.sent().skipped_at.is_some_and(|at| now < at + LEFT_OUT);
        let late = match leg.detail() {
            Detail::Keyframes => LATE_KEYFRAME,
            _ => LATE,
        };
        let (detail, loss_ppm) = (leg.detail(), leg.loss_ppm());
        let sound = sound_of(&self.legs, own, tracks);
        let choice = showing.ladder.decide(&View {
            now,
            shown: stream,
            detail,
            estimate,
            capped,
            loss_ppm,
            late: waits.is_some_and(|time| time > late) || left_out,
            sound: sound.map(|track| stored_rate(track.ring()).unwrap_or(0)),
        });
        showing.expect(&choice, stream, now);
        if choice.variant == stream {
            let leg = &mut self.legs[showing.leg];
            showing.change_detail(leg, choice.detail, now);
        } else {
            self.show_next(place, io);
        }
        choice.want
    }

    /// Whether what was decided holds for a while, unless something else is heard than a report: the path carries far
    /// more than is wanted, and nothing is about to change.
    pub(super) fn is_settled(&self, now: Instant, tracks: &dyn Tracks) -> bool {
        let lately = |at| now.saturating_duration_since(at) < SETTLED;
        self.decided.is_some_and(lately)
            && self.transport.is_resting()
            && self.showings.iter().all(Showing::is_settled)
            && !sound::has_changed(&self.legs, tracks)
    }

    /// Decides if it is time to, now that the viewer has said something.
    pub(super) fn decide_if_ready<T: Transmit>(&mut self, io: &mut Io<'_, T>) {
        let mut showings = self.showings.iter();
        if showings.any(|showing| showing.is_ready(io.now)) {
            self.decide(io);
            self.pump(Which::Due, io);
        }
    }

    /// A stream has media: perhaps it is what the viewer is to be shown next.
    /// True if it is.
    pub(super) fn show_if_awaited<T: Transmit>(
        &mut self,
        stream: StreamId,
        io: &mut Io<'_, T>,
    ) -> bool {
        if !self.awaits {
            return false;
        }
        let mut shown = false;
        for place in 0..self.showings.len() {
            let next = self.showings[place].next;
            if next.is_some_and(|next| next.choice.variant == stream) {
                shown |= self.show_next(place, io);
            }
        }
        if shown {
            self.note_due();
        }
        shown
    }

    /// Goes on with what is to be shown next, if it has a keyframe. The leg is due for that.
    fn show_next<T: Transmit>(&mut self, place: usize, io: &mut Io<'_, T>) -> bool {
        let showing = &mut self.showings[place];
        if !showing.show_next(&mut self.legs[showing.leg], io.tracks, io.now) {
            return false;
        }
        self.awaits = self.showings.iter().any(|showing| showing.next.is_some());
        self.news = true;
        true
    }
}
