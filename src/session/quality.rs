//! Lets the ladder decide, and does what it says: the video leg goes on with another variant, or with
//! less of this one.

use std::time::{Duration, Instant};

use super::Session;
use super::io::{Io, Media, Tracks, Transmit};
use super::ladder::{Access, Choice, Ladder, Rung, View};
use super::leg::{Leg, StandIn, is_silent};
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
/// Leaving disposable frames out helps if they are at least one in so many bytes.
const WORTH: u64 = 10;

/// What the viewer is shown, and is about to be.
pub struct Showing {
    /// Place of the video leg.
    leg: usize,
    ladder: Ladder,
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
    pub(super) streams_changed: bool,
    /// What was told last.
    told: (StreamId, Detail, QualityReason),
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
    /// What a session with these legs shows; `None` if it has no video.
    pub fn of(legs: &[Leg]) -> Option<Box<Showing>> {
        let leg = legs.iter().position(|leg| leg.kind() == MediaKind::Video)?;
        let own = legs[leg].stream();
        Some(Box::new(Showing {
            leg,
            ladder: Ladder::new(own),
            without_own: false,
            stand_in: None,
            next: None,
            fetched: None,
            left: None,
            streams_changed: false,
            told: (own, Detail::AllFrames, QualityReason::Nothing),
            counts: Switches::default(),
        }))
    }

    pub fn set_limits(&mut self, limits: ViewerLimits) {
        self.ladder.set_limits(limits);
    }

    pub fn due(&self) -> Option<Instant> {
        self.ladder.due()
    }

    pub fn counts(&self) -> Switches {
        self.counts
    }

    /// The streams besides those of the legs.
    pub fn others(&self) -> [Option<StreamId>; 4] {
        // Also while it is not shown: how much it needs, and whether it is there, decides when it is.
        let own = Some(self.ladder.own()).filter(|_| !self.without_own);
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

    fn quality(&self, legs: &[Leg], estimate: Option<u64>) -> Quality {
        let leg = &legs[self.leg];
        let (variant, detail) = (leg.stream(), leg.detail());
        let (detail, reason) = match self.stand_in {
            Some(StandIn::Still) => (Detail::Keyframes.max(detail), QualityReason::RareKeyframes),
            Some(StandIn::Nothing) => (Detail::SoundOnly, QualityReason::RareKeyframes),
            None => (detail, self.ladder.reason(variant, detail)),
        };
        Quality {
            variant,
            detail,
            reason,
            estimate,
            needed: self.ladder.needed(),
        }
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
        let before = video(tracks, shown);
        let detail = leg.detail();
        if !leg.show(now, choice.variant, track, choice.detail, before) {
            return false;
        }
        self.count_detail(detail, choice.detail);
        self.next = None;
        self.left = Some(shown);
        self.counts.up += u64::from(choice.better);
        self.counts.down += u64::from(!choice.better);
        self.ladder.moved(now, choice.better, choice.detail);
        // To say that the streams have changed, and perhaps the reason.
        self.ladder.expect(now);
        true
    }
}

impl Session {
    /// What the viewer is shown.
    pub fn quality(&self) -> Quality {
        let estimate = self.transport.estimate();
        match &self.showing {
            Some(showing) => showing.quality(&self.legs, estimate),
            None => Quality {
                variant: self.legs.first().map_or(StreamId(0), Leg::stream),
                detail: Detail::SoundOnly,
                reason: QualityReason::Nothing,
                estimate,
                needed: 0,
            },
        }
    }

    /// What the viewer is shown, once after it has changed: variant, detail or reason.
    pub fn poll_quality(&mut self) -> Option<Quality> {
        if !std::mem::take(&mut self.news) {
            return None;
        }
        let showing = self.showing.as_deref_mut()?;
        let quality = showing.quality(&self.legs, self.transport.estimate());
        let now = (quality.variant, quality.detail, quality.reason);
        (std::mem::replace(&mut showing.told, now) != now).then_some(quality)
    }

    /// Decides what the viewer is shown from now on.
    pub(super) fn decide<T: Transmit>(&mut self, io: &mut Io<'_, T>) {
        let (now, tracks) = (io.now, io.tracks);
        // Without feedback it is a guess that nothing would raise.
        let estimate = self.transport.estimate();
        let estimate = estimate.filter(|_| self.transport.has_feedback());
        if !matches!(
            self.transport.state(),
            SessionState::Connected | SessionState::Disconnected
        ) {
            return;
        }
        let sound = self.note_sound(tracks);
        let Some(showing) = &mut self.showing else {
            return;
        };
        let sound = sound.map(|track| stored_rate(track.ring()).unwrap_or(0));
        let leg = &mut self.legs[showing.leg];
        let own = showing.ladder.own();
        let look = |stream| rung(stream, tracks.media(stream), leg, now);
        showing.ladder.survey(tracks.variants(own), look);
        let shown = video(tracks, leg.stream());
        showing.stand_in = shown.and_then(|track| leg.stand_in(track.ring()));
        let waits = shown.and_then(|track| leg.waiting(track.ring(), now));
        let left_out = leg.sent().skipped_at.is_some_and(|at| now < at + LEFT_OUT);
        let late = match leg.detail() {
            Detail::Keyframes => LATE_KEYFRAME,
            _ => LATE,
        };
        let choice = showing.ladder.decide(&View {
            now,
            shown: leg.stream(),
            detail: leg.detail(),
            estimate,
            loss_ppm: leg.loss_ppm(),
            late: waits.is_some_and(|time| time > late) || left_out,
            sound,
        });
        showing.expect(&choice, leg.stream(), now);
        self.awaited = showing.next.map(|next| next.choice.variant);
        self.news = true;
        self.transport.want(choice.want);
        if choice.variant == leg.stream() {
            showing.change_detail(leg, choice.detail, now);
        } else {
            self.show_next(io);
        }
    }

    /// Decides if it is time to, now that the viewer has said something.
    pub(super) fn decide_if_ready<T: Transmit>(&mut self, io: &mut Io<'_, T>) {
        let showing = self.showing.as_deref();
        if showing.is_some_and(|showing| showing.ladder.is_ready(io.now)) {
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
        self.awaited == Some(stream) && self.show_next(io)
    }

    fn show_next<T: Transmit>(&mut self, io: &mut Io<'_, T>) -> bool {
        let Some(showing) = &mut self.showing else {
            return false;
        };
        if !showing.show_next(&mut self.legs[showing.leg], io.tracks, io.now) {
            return false;
        }
        self.awaited = None;
        self.news = true;
        let shown = self.legs[showing.leg].stream();
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
