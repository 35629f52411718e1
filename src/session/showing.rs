//! What a video leg shows, and is about to: does what its ladder says. The leg goes on with another stream or
//! variant, or with less of this one.

use std::time::{Duration, Instant};

use super::io::{Media, Tracks};
use super::ladder::{Access, Choice, Ladder, Rung};
use super::leg::{Leg, StandIn, is_silent};
use super::share::Claim;
use crate::media::{MediaKind, Ring, Track};
use crate::state::{Detail, Quality, QualityReason, SlotView, StreamId, Switches, ViewerLimits};

/// What is added to a payload: RTP header with extensions, SRTP tag, UDP and IPv4.
const OVERHEAD: u64 = 12 + 12 + 16 + 28;
/// A better variant begins at a keyframe that has just come; after so long without one, at an older one.
const FRESH: Duration = Duration::from_millis(150);
const FRESH_WAIT: Duration = Duration::from_secs(6);
/// Leaving disposable frames out helps if they are at least one in so many bytes.
const WORTH: u64 = 10;

/// What a video leg shows, and is about to.
pub struct Showing {
    /// Place of the leg.
    pub(super) leg: usize,
    pub(super) ladder: Ladder,
    /// The leg is to begin with the ladder's own stream.
    begins: bool,
    /// How the viewer shows it.
    view: SlotView,
    /// The viewer asked for other variants than the stream itself.
    without_own: bool,
    /// What is shown instead, for want of a keyframe.
    pub(super) stand_in: Option<StandIn>,
    /// A variant that is shown as soon as it has a keyframe.
    pub(super) next: Option<Next>,
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
pub(super) struct Next {
    pub(super) choice: Choice,
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
    pub fn set_view(&mut self, view: SlotView) -> bool {
        let before = std::mem::replace(&mut self.view, view);
        self.ladder.set_tile(SlotView {
            paused: false,
            ..view
        });
        if before.paused == view.paused {
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

    /// The stream that the leg is to begin with now.
    fn take_beginning(&mut self, now: Instant) -> Option<StreamId> {
        if !self.begins || !self.ladder.may_begin(now) {
            return None;
        }
        self.begins = false;
        self.own()
    }

    /// Begins if it is time to, and looks at what there is to show.
    pub(super) fn survey(&mut self, leg: &mut Leg, tracks: &dyn Tracks, now: Instant) {
        if let Some(stream) = self.take_beginning(now) {
            leg.follow(Some(stream), None, now);
        }
        if let Some(own) = self.own().filter(|_| leg.stream().is_some()) {
            self.ladder.heed(now);
            let sized = self.view.width > 0;
            let look = |stream| rung(stream, tracks.media(stream), leg, sized, now);
            self.ladder.survey(tracks.variants(own), look);
        }
    }

    pub(super) fn claim(&self, leg: &Leg) -> Claim {
        let shown = leg.stream().or(self.own()).unwrap_or(StreamId::NONE);
        self.ladder.claim((shown, leg.detail()))
    }

    pub fn set_limits(&mut self, limits: ViewerLimits) {
        self.ladder.set_limits(limits);
    }

    pub fn due(&self, now: Instant) -> Option<Instant> {
        if self.begins {
            return Some(self.ladder.begins_at().unwrap_or(now));
        }
        self.ladder.due()
    }

    /// Whether nothing is about to change.
    pub fn is_settled(&self) -> bool {
        self.stand_in.is_none() && self.next.is_none() && !self.begins && self.ladder.is_settled()
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
    pub(super) fn expect(&mut self, choice: &Choice, shown: StreamId, now: Instant) {
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
    pub(super) fn change_detail(&mut self, leg: &mut Leg, detail: Detail, now: Instant) {
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
    pub(super) fn show_next(&mut self, leg: &mut Leg, tracks: &dyn Tracks, now: Instant) -> bool {
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

/// The video of a stream.
pub fn video(tracks: &dyn Tracks, stream: StreamId) -> Option<&Track> {
    tracks.media(stream)?.video
}

/// What there is to know of a variant.
fn rung(stream: StreamId, media: Option<Media<'_>>, leg: &Leg, sized: bool, now: Instant) -> Rung {
    let unknown = Rung {
        stream,
        access: Access::Away,
        video: None,
        fewer: None,
        keyframes: None,
        size: (0, 0),
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
    let sets = track.info().parameter_sets.as_ref().filter(|_| sized);
    let size = sets.and_then(|sets| sets.dimensions());
    let side = |pixels| u16::try_from(pixels).unwrap_or(u16::MAX);
    let keyframes = last_gop.and_then(|gop| per_second(gop.keyframe));
    Rung {
        access,
        video,
        fewer,
        keyframes: keyframes.map(|bytes| 8 * on_the_wire(ring, bytes)),
        size: size.map_or((0, 0), |(width, height)| (side(width), side(height))),
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
pub fn stored_rate(ring: &Ring) -> Option<u64> {
    let (bytes, packets, time) = ring.stored()?;
    let bits = 8 * (bytes + packets * OVERHEAD);
    Some(bits * 1000 / time.as_millis().max(1) as u64)
}
