//! Lets the ladder decide, and does what it says: the video leg goes on with another variant, or with
//! less of this one.

use std::time::{Duration, Instant};

use super::Session;
use super::io::{Io, Media, Tracks, Transmit};
use super::ladder::{Access, Choice, Ladder, Rung, View};
use super::leg::{Leg, StandIn, is_silent};
use super::slots::SlotView;
use super::sound::sound_of;
use crate::media::{MediaKind, Ring, Track};
use crate::state::{
    Detail, Quality, QualityReason, SessionState, StreamId, Switches, ViewerLimits,
};

/// What is added to a payload: RTP header with extensions, SRTP tag, UDP and IPv4.
const OVERHEAD: u64 = 12 + 12 + 16 + 28;
/// Frames that wait for so long are late, and so are keyframes alone. So are those to come, so long after
/// some were left out.
const LATE: Duration = Duration::from_millis(400);
const LATE_KEYFRAME: Duration = Duration::from_secs(2);
const LEFT_OUT: Duration = Duration::from_secs(5);
/// A better variant begins at a keyframe that has just come; after so long without one, at an older one.
const FRESH: Duration = Duration::from_millis(150);
const FRESH_WAIT: Duration = Duration::from_secs(6);
/// A slot may begin with another stream this often, and a few times at once: each time it may be sent
/// everything since a keyframe.
const BEGIN: Duration = Duration::from_millis(1000);
const BEGINS_AT_ONCE: u32 = 8;
/// Leaving disposable frames out helps if they are at least one in so many bytes.
const WORTH: u64 = 10;

/// What a video leg shows, and is about to.
pub struct Showing {
    /// Place of the leg.
    pub(super) leg: usize,
    ladder: Ladder,
    /// The leg is to begin with the ladder's own stream.
    begins: bool,
    /// When as many beginnings are made up for as there were.
    begun: Option<Instant>,
    /// How the viewer shows it.
    view: SlotView,
    /// The viewer asked for other variants than the stream itself.
    without_own: bool,
    /// What is shown instead, for want of a keyframe.
    stand_in: Option<StandIn>,
    /// A variant that is shown as soon as it has a keyframe.
    next: Option<Next>,
    /// A variant without media that might be shown if it had any.
    fetched: Option<StreamId>,
    /// The variant that was shown before, until it is said that its media is no longer needed.
    left: Option<StreamId>,
    streams_changed: bool,
    /// What was told last.
    told: Option<(StreamId, Detail, QualityReason)>,
    counts: Switches,
}

#[derive(Clone, Copy)]
struct Next {
    choice: Choice,
    since: Instant,
    /// It has said that it needs a keyframe.
    asked: bool,
}

impl Showing {
    /// What the leg at this place shows.
    fn new(leg: usize, own: Option<StreamId>) -> Showing {
        Showing {
            leg,
            ladder: Ladder::new(own),
            begins: false,
            begun: None,
            view: SlotView::default(),
            without_own: false,
            stand_in: None,
            next: None,
            fetched: None,
            left: None,
            streams_changed: false,
            told: own.map(|own| (own, Detail::AllFrames, QualityReason::Nothing)),
            counts: Switches::default(),
        }
    }

    /// What the video legs among these show.
    pub fn of(legs: &[Leg]) -> Box<[Showing]> {
        let legs = legs.iter().enumerate();
        let videos = legs.filter(|(_, leg)| leg.kind() == MediaKind::Video);
        videos
            .map(|(place, leg)| Showing::new(place, leg.stream()))
            .collect()
    }

    /// The stream that it is bound to.
    pub fn own(&self) -> Option<StreamId> {
        self.ladder.own()
    }

    pub fn view(&self) -> SlotView {
        self.view
    }

    /// Is bound to another stream, or to none. The leg, which has been told to send nothing, begins with it at
    /// the next decision.
    pub fn bind(&mut self, own: Option<StreamId>) {
        self.ladder.rebind(own);
        self.rest();
        self.begins = own.is_some() && !self.view.paused;
    }

    /// The viewer shows it in another way. True if the leg is to send nothing from now on.
    pub fn set_view(&mut self, now: Instant, view: SlotView) -> bool {
        let before = std::mem::replace(&mut self.view, view);
        if before.paused == view.paused {
            if self.own().is_some() && before != view {
                self.ladder.expect(now);
            }
            return false;
        }
        self.bind(self.own());
        view.paused
    }

    /// Shows nothing.
    fn rest(&mut self) {
        self.streams_changed = true;
        self.without_own = false;
        (self.stand_in, self.next) = (None, None);
        (self.fetched, self.left) = (None, None);
    }

    /// When the leg may begin.
    fn may_begin(&self, now: Instant) -> Instant {
        let burst = BEGIN * BEGINS_AT_ONCE;
        let soonest = self.begun.and_then(|at| at.checked_sub(burst));
        soonest.map_or(now, |at| at.max(now))
    }

    /// The stream that the leg is to begin with now.
    fn take_beginning(&mut self, now: Instant) -> Option<StreamId> {
        if !self.begins || self.may_begin(now) > now {
            return None;
        }
        self.begins = false;
        self.begun = Some(self.begun.map_or(now, |at| at.max(now)) + BEGIN);
        self.own()
    }

    pub fn set_limits(&mut self, limits: ViewerLimits) {
        self.ladder.set_limits(limits);
    }

    pub fn due(&self, now: Instant) -> Option<Instant> {
        if self.begins {
            return Some(self.may_begin(now));
        }
        self.ladder.due()
    }

    /// Whether it is time for a decision if something was heard of the viewer.
    pub fn is_ready(&self, now: Instant) -> bool {
        self.own().is_some() && !self.begins && self.ladder.is_ready(now)
    }

    pub fn counts(&self) -> Switches {
        self.counts
    }

    /// The streams besides those of the legs.
    pub fn others(&self) -> [Option<StreamId>; 4] {
        // Also while it is not shown: how much it needs, and whether it is there, decides when it is.
        let own = self
            .own()
            .filter(|_| !self.without_own && !self.view.paused);
        let next = self.next.map(|next| next.choice.variant);
        [own, next, self.fetched, self.left]
    }

    pub fn take_streams_changed(&mut self) -> bool {
        std::mem::take(&mut self.streams_changed)
    }

    /// The stream that is to be shown next, if it needs a keyframe for that; once.
    pub fn take_keyframe_request(&mut self) -> Option<StreamId> {
        let next = self.next.as_mut().filter(|next| !next.asked)?;
        next.asked = true;
        Some(next.choice.variant)
    }

    /// What is shown; `None` if it is bound to no stream.
    pub fn quality(&self, legs: &[Leg], estimate: Option<u64>) -> Option<Quality> {
        let leg = &legs[self.leg];
        let (variant, detail) = (leg.stream().or(self.own())?, leg.detail());
        let (detail, reason) = match self.stand_in {
            Some(StandIn::Still) => (Detail::Keyframes.max(detail), QualityReason::RareKeyframes),
            Some(StandIn::Nothing) => (Detail::SoundOnly, QualityReason::RareKeyframes),
            None if self.view.paused => (Detail::SoundOnly, QualityReason::Viewer),
            None => (detail, self.ladder.reason(variant, detail)),
        };
        Some(Quality {
            variant,
            detail,
            reason,
            estimate,
            needed: self.ladder.needed(),
        })
    }

    /// What is shown, if it is something else than what was told last.
    pub fn take_quality(&mut self, legs: &[Leg], estimate: Option<u64>) -> Option<Option<Quality>> {
        let quality = self.quality(legs, estimate);
        let now = quality.map(|now| (now.variant, now.detail, now.reason));
        (std::mem::replace(&mut self.told, now) != now).then_some(quality)
    }

    /// Notes what is to be shown next, and what is to be fetched for later.
    fn expect(&mut self, choice: &Choice, shown: StreamId, now: Instant) {
        let before = self.others();
        self.without_own = !self.ladder.permits_own();
        self.left = None;
        self.fetched = choice.fetch;
        let next = self
            .next
            .filter(|next| next.choice.variant == choice.variant);
        self.next = (choice.variant != shown).then(|| Next {
            choice: *choice,
            since: next.map_or(now, |next| next.since),
            // Again if it still has none: the one that was asked for may not have come.
            asked: false,
        });
        self.streams_changed |= self.others() != before;
    }

    /// Shows more or less of the same variant.
    fn change_detail(&mut self, leg: &mut Leg, detail: Detail, now: Instant) {
        let before = leg.detail();
        if detail != before {
            leg.set_detail(detail);
            self.count_detail(before, detail);
            self.ladder.moved(now, detail < before, detail);
        }
    }

    fn count_detail(&mut self, before: Detail, now: Detail) {
        match now {
            _ if now == before => {}
            Detail::AllFrames => {}
            Detail::FewerFrames => self.counts.fewer_frames += 1,
            Detail::Keyframes => self.counts.keyframes += 1,
            Detail::SoundOnly => self.counts.sound_only += 1,
        }
    }

    /// Shows what is to be shown next, if it has the keyframe for that.
    fn show_next(&mut self, leg: &mut Leg, tracks: &dyn Tracks, now: Instant) -> bool {
        let Some(Next { choice, since, .. }) = self.next else {
            return false;
        };
        let Some(track) = video(tracks, choice.variant) else {
            return false;
        };
        let patient = choice.patient && now < since + FRESH_WAIT;
        if patient && !is_fresh(track.ring(), now) {
            return false;
        }
        let shown = leg.stream();
        let before = shown.and_then(|shown| video(tracks, shown));
        let detail = leg.detail();
        if !leg.show(now, choice.variant, track, choice.detail, before) {
            return false;
        }
        self.count_detail(detail, choice.detail);
        self.next = None;
        self.left = shown;
        self.counts.up += u64::from(choice.better);
        self.counts.down += u64::from(!choice.better);
        self.ladder.moved(now, choice.better, choice.detail);
        // To say that the streams have changed, and perhaps the reason.
        self.ladder.expect(now);
        true
    }
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

    /// Decides what the viewer is shown from now on.
    pub(super) fn decide<T: Transmit>(&mut self, io: &mut Io<'_, T>) {
        // Without feedback it is a guess that nothing would raise.
        let estimate = self.transport.estimate();
        let estimate = estimate.filter(|_| self.transport.has_feedback());
        if !self.may_decide() || self.showings.is_empty() {
            return;
        }
        self.note_sound(io.tracks);
        let mut want = 0;
        for place in 0..self.showings.len() {
            want = want.max(self.decide_on(place, estimate, io));
        }
        self.awaits = self.showings.iter().any(|showing| showing.next.is_some());
        self.news = true;
        self.transport.want(want);
    }

    /// Decides what one of the videos shows. Returns the rate in bits per second that is wanted of the path
    /// beyond what it is sent.
    fn decide_on<T: Transmit>(
        &mut self,
        place: usize,
        estimate: Option<u64>,
        io: &mut Io<'_, T>,
    ) -> u64 {
        let (now, tracks) = (io.now, io.tracks);
        let showing = &mut self.showings[place];
        let leg = &mut self.legs[showing.leg];
        if let Some(stream) = showing.take_beginning(now) {
            leg.follow(Some(stream), None, now);
        }
        let (Some(own), Some(stream)) = (showing.own(), leg.stream()) else {
            return 0;
        };
        let look = |stream| rung(stream, tracks.media(stream), leg, now);
        showing.ladder.survey(tracks.variants(own), look);
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

    /// Decides if it is time to, now that the viewer has said something.
    pub(super) fn decide_if_ready<T: Transmit>(&mut self, io: &mut Io<'_, T>) {
        let mut showings = self.showings.iter();
        if showings.any(|showing| showing.is_ready(io.now)) {
            self.decide(io);
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
        shown
    }

    fn show_next<T: Transmit>(&mut self, place: usize, io: &mut Io<'_, T>) -> bool {
        let showing = &mut self.showings[place];
        if !showing.show_next(&mut self.legs[showing.leg], io.tracks, io.now) {
            return false;
        }
        self.awaits = self.showings.iter().any(|showing| showing.next.is_some());
        self.news = true;
        let shown = self.legs[self.showings[place].leg].stream();
        let video = |leg: &Leg| leg.kind() == MediaKind::Video && leg.stream() == shown;
        self.pump(video, io);
        true
    }
}

/// The video of a stream.
fn video(tracks: &dyn Tracks, stream: StreamId) -> Option<&Track> {
    tracks.media(stream)?.video
}

/// What there is to know of a variant.
fn rung(stream: StreamId, media: Option<Media<'_>>, leg: &Leg, now: Instant) -> Rung {
    let unknown = Rung {
        stream,
        access: Access::Away,
        video: None,
        fewer: None,
        keyframes: None,
    };
    let Some((rate, track)) = media.and_then(|media| Some((media.rate, media.video?))) else {
        return unknown;
    };
    let ring = track.ring();
    let access = if !leg.takes(track.info().codec) {
        Access::Refused
    } else if is_silent(ring, now) {
        Access::Away
    } else {
        Access::Live
    };
    let measured = rate.is_measured().then_some(rate.bytes_per_second);
    let last_gop = ring.last_gop();
    let per_second = |bytes: u64| {
        let interval = last_gop?.interval.as_millis().max(1) as u64;
        Some(bytes * 1000 / interval)
    };
    let rate = measured.or_else(|| per_second(last_gop?.bytes));
    let rate = rate.map(|bytes| 8 * on_the_wire(ring, bytes));
    let video = rate.or_else(|| stored_rate(ring));
    let fewer = last_gop
        .filter(|gop| gop.disposable >= gop.bytes / WORTH)
        .and_then(|gop| Some(video? * (gop.bytes - gop.disposable) / gop.bytes.max(1)));
    let keyframes = last_gop.and_then(|gop| per_second(gop.keyframe));
    Rung {
        access,
        video,
        fewer,
        keyframes: keyframes.map(|bytes| 8 * on_the_wire(ring, bytes)),
        ..unknown
    }
}

/// Whether the newest keyframe has just come.
fn is_fresh(ring: &Ring, now: Instant) -> bool {
    let keyframe = ring
        .latest_keyframe()
        .and_then(|number| ring.packet(number));
    keyframe.is_some_and(|packet| now < packet.arrival + FRESH)
}

/// Payload bytes with the headers that packets of this ring have.
fn on_the_wire(ring: &Ring, bytes: u64) -> u64 {
    let (stored, packets, _) = ring.stored().unwrap_or((1000, 1, Duration::ZERO));
    bytes + bytes * packets * OVERHEAD / stored.max(1)
}

/// Bits per second of what is stored, with headers.
fn stored_rate(ring: &Ring) -> Option<u64> {
    let (bytes, packets, time) = ring.stored()?;
    let bits = 8 * (bytes + packets * OVERHEAD);
    Some(bits * 1000 / time.as_millis().max(1) as u64)
}
