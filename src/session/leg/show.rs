//! Shows another stream's track in place, and less of a stream.
//!
//! Sequence numbers go on by themselves ([`Position::seek`](super::position::Position::seek)), timestamps
//! by [`Timeline::joined`]. Packets that were sent before the move cannot be sent again: a keyframe follows,
//! which does not need them.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::lag::Lag;
use super::timeline::Timeline;
use super::{Content, Leg};
use crate::media::{Codec, Ring, Track};
use crate::sdp::answer::NegotiatedTrack;
use crate::state::{Detail, StreamId};

/// The most that a timestamp goes back: from the end to the beginning of the longest ring, 120 s, at 90 kHz.
const STEP_BACK: u32 = 120 * 90_000;

/// The track that a leg sends, and what it may change to.
#[derive(Debug)]
#[repr(C)] // the order counts: see Session
pub struct SentTrack {
    /// Codecs that were negotiated, with their payload types and those of their RTX streams.
    formats: Box<[(Codec, u8, Option<u8>)]>,
    /// What the viewer's timestamp for "now" was at some time.
    live: Option<(Instant, u32)>,
    /// The viewer's timestamp of the first frame of the track.
    first: Option<u32>,
    /// Its codec. The payload type is that of this one.
    codec: Codec,
    /// [`Track::id`] of the track; `None` before the first.
    track: Option<u64>,
    /// The latest timestamp that the viewer was sent.
    last: Option<u32>,
}

/// The viewer's clock is told by the first frame for so long, which may be this much later than "now": half of what
/// timestamps can tell is 6.6 hours.
const LONG_AGO: Duration = Duration::from_secs(3600);
const STEP_AHEAD: i32 = 90_000;

/// Whether an access unit is sent to a viewer that gets less than all.
pub enum Share {
    Sent,
    /// This one is not.
    Skipped,
    /// Nothing is before the next keyframe.
    Ended,
}

/// What a viewer is shown until the next keyframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandIn {
    /// The last one, which the stream has gone on from.
    Still,
    Nothing,
}

impl SentTrack {
    pub fn new(track: &NegotiatedTrack) -> SentTrack {
        SentTrack {
            codec: track.codec,
            track: None,
            last: None,
            live: None,
            first: None,
            formats: track.formats().collect(),
        }
    }

    /// Whether the leg's packets are those of this track.
    pub fn is(&self, track: &Track) -> bool {
        self.codec == track.info().codec && self.track == Some(track.id())
    }

    /// Reads what [`SentTrack::is`] and [`SentTrack::sent`] will.
    pub fn touch(&self) {
        std::hint::black_box((self.codec, self.track, self.last));
    }

    /// A packet of a new access unit leaves with this timestamp.
    pub fn sent(&mut self, timestamp: u32) {
        // What is earlier by little was sent before, or is shown before; all else comes after a pause, which
        // may be longer than half of what timestamps can tell.
        let earlier = |last: u32| last.wrapping_sub(timestamp) <= STEP_BACK;
        if !self.last.is_some_and(earlier) {
            self.last = Some(timestamp);
        }
    }
}

impl Leg {
    /// Whether the leg can send this codec.
    pub fn takes(&self, codec: Codec) -> bool {
        let mut formats = self.sent_track.formats.iter();
        formats.any(|&(format, ..)| format == codec)
    }

    /// The codecs that the leg can send.
    pub fn codecs(&self) -> impl Iterator<Item = Codec> + '_ {
        self.sent_track.formats.iter().map(|&(codec, ..)| codec)
    }

    /// How much of the stream the viewer gets.
    pub fn detail(&self) -> Detail {
        match self.content {
            Content::Video { detail, .. } => detail,
            Content::Audio { .. } => Detail::AllFrames,
        }
    }

    /// Whether the leg's packets are those of this track: only then can they be sent again.
    pub fn sends(&self, track: &Track) -> bool {
        self.sent_track.is(track)
    }

    /// Whether access units may be left out.
    pub fn gets_less(&self) -> bool {
        match self.content {
            Content::Video { so_far, .. } => so_far != Detail::AllFrames,
            Content::Audio { .. } => false,
        }
    }

    /// From now on the viewer gets this much.
    pub fn set_detail(&mut self, new: Detail) {
        if let Content::Video {
            detail,
            so_far,
            lag,
            ..
        } = &mut self.content
        {
            *detail = new;
            *so_far = new.max(*so_far);
            if new == Detail::SoundOnly {
                *lag = Lag::Parked;
                self.due = None;
            }
        }
    }

    /// Goes on with this much of the track of another stream, at its newest keyframe, which is due. False, and nothing
    /// changes, if it has none or was not negotiated. `before` is the track that is sent so far, if it
    /// exists.
    pub fn show(
        &mut self,
        now: Instant,
        stream: StreamId,
        track: &Track,
        detail: Detail,
        before: Option<&Track>,
    ) -> bool {
        if track.ring().latest_keyframe().is_none() {
            return false;
        }
        if let Some(before) = before.filter(|before| self.sent_track.is(before)) {
            self.note_time(before, now);
        }
        if !self.join(track, detail, now) {
            return false;
        }
        self.stream = stream;
        (self.due, self.yields) = (Some(now), false);
        true
    }

    /// Sends this stream from now on, from its newest keyframe, or none. `before`: the track that is sent so
    /// far, if it exists.
    pub fn follow(&mut self, stream: Option<StreamId>, before: Option<&Track>, now: Instant) {
        if let Some(before) = before.filter(|before| self.sent_track.is(before)) {
            self.note_time(before, now);
        }
        self.stream = stream.unwrap_or(StreamId::NONE);
        // Also if it is the same one: what it sent meanwhile is not made up for.
        self.sent_track.track = None;
        (self.due, self.yields) = (stream.map(|_| now), false);
        self.changed = true;
        if let Content::Video {
            keyframe_wanted,
            lag,
            detail,
            so_far,
            still,
            ..
        } = &mut self.content
        {
            (*detail, *so_far) = (Detail::AllFrames, Detail::AllFrames);
            (*keyframe_wanted, *still) = (false, false);
            *lag = Lag::Joining;
        }
    }

    /// Whether it has begun with a track of its stream.
    pub fn has_begun(&self) -> bool {
        self.sent_track.track.is_some()
    }

    /// An RTP timestamp of the viewer's, and when it was "now": that of the track's first frame, by which the viewer
    /// finds the beginning, or a later one once that is long ago.
    pub fn clock(&self) -> Option<(Instant, u32)> {
        let (at, live) = self.sent_track.live.filter(|_| self.has_begun())?;
        let first = self.sent_track.first.and_then(|first| {
            let passed = live.wrapping_sub(first) as i32;
            // It may be a moment later than "now".
            let ticks = passed.max(0) as u64;
            let is_near = passed > -STEP_AHEAD;
            let rate = u64::from(self.sent_track.codec.clock_rate());
            let ago = Duration::from_micros(ticks * 1_000_000 / rate);
            Some((at.checked_sub(ago)?, first)).filter(|_| is_near && ago < LONG_AGO)
        });
        first.or(Some((at, live)))
    }

    /// Whether what the leg sends is this track. If the stream has another one than before, as after the
    /// camera was changed, goes on with that.
    pub(super) fn is_ready(&mut self, track: &Track, now: Instant) -> bool {
        self.sent_track.is(track) || self.join(track, self.detail(), now)
    }

    fn join(&mut self, track: &Track, new: Detail, now: Instant) -> bool {
        let codec = track.info().codec;
        let mut formats = self.sent_track.formats.iter();
        let Some(&(_, payload_type, rtx)) = formats.find(|&&(format, ..)| format == codec) else {
            return false;
        };
        let ring = track.ring();
        let start = match self.content {
            Content::Video { .. } => {
                let still = || Some(ring.still()?.first);
                ring.latest_keyframe().or_else(still)
            }
            Content::Audio { .. } => Some(ring.end()),
        };
        // What the position counts are packets of the track before, even if none of them has left.
        if self.position.cursor().is_some() {
            let Some(start) = start else {
                // There is nothing to begin with yet.
                if let Content::Video {
                    keyframe_wanted, ..
                } = &mut self.content
                {
                    *keyframe_wanted = true;
                }
                return false;
            };
            if let Some(last) = self.sent_track.last
                && let Some(on_track) = track.clock().rtp_at(now)
            {
                let first = ring.packet(start).map(|packet| packet.timestamp);
                let (at, live) = self.sent_track.live.unwrap_or((now, last));
                let passed = ticks(now.saturating_duration_since(at), codec);
                let live = live.wrapping_add(passed);
                self.rtp.timeline = match first {
                    Some(first) => Timeline::joined(first, on_track, live, last),
                    // Sound, of which all is to come.
                    None => Timeline::after(on_track, live, last),
                };
            }
            self.position.seek(start);
        }
        self.rtp.payload_type = payload_type;
        if let Some(nack) = &mut self.nack {
            nack.change(rtx);
        }
        self.sent_track.codec = codec;
        self.sent_track.track = Some(track.id());
        self.changed = true;
        if let Content::Video {
            lag,
            so_far,
            detail,
            still,
            ..
        } = &mut self.content
        {
            (*detail, *so_far) = (new, new);
            *still = false;
            *lag = match new {
                Detail::SoundOnly => Lag::Parked,
                _ => Lag::Joining,
            };
        }
        self.note_time(track, now);
        let first = start.and_then(|start| ring.packet(start));
        self.sent_track.first = first.map(|packet| self.rtp.timestamp(packet.timestamp));
        true
    }

    /// What the viewer's timestamp for "now" is, by the track that is sent.
    pub(super) fn note_time(&mut self, track: &Track, now: Instant) -> Option<u32> {
        let on_track = track.clock().rtp_at(now)?;
        self.rtp.timeline.passed(on_track);
        let live = self.rtp.timestamp(on_track);
        self.sent_track.live = Some((now, live));
        Some(live)
    }

    /// Whether the viewer gets the access unit `unit`, which is next.
    pub(super) fn share(&mut self, ring: &Ring, unit: &Range<u64>) -> Share {
        let first = ring.packet(unit.start);
        let opening = first.is_some_and(|packet| packet.opening);
        let is_still = first.is_some_and(|packet| packet.still);
        let begins = self.position.begins();
        if opening && !begins && (is_still || !self.awaits_keyframe()) {
            return Share::Skipped;
        }
        if !self.gets_less() && !is_still {
            return Share::Sent;
        }
        let Content::Video {
            detail,
            so_far,
            lag,
            still,
            ..
        } = &mut self.content
        else {
            return Share::Sent;
        };
        let is_keyframe = |number| ring.packet(number).is_some_and(|packet| packet.keyframe);
        if is_still {
            *so_far = Detail::Keyframes.max(*detail);
            self.sent.stills += u64::from(!std::mem::replace(still, true));
            return Share::Sent;
        }
        if is_keyframe(unit.start) {
            *so_far = *detail;
            *still = false;
            return Share::Sent;
        }
        if *still {
            *lag = Lag::Parked;
            return Share::Ended;
        }
        match so_far {
            Detail::AllFrames => Share::Sent,
            Detail::FewerFrames if ring.is_disposable(unit.start) => Share::Skipped,
            Detail::FewerFrames => Share::Sent,
            // The viewer finds out that the end of a keyframe was lost by what comes next.
            _ if unit.start.checked_sub(1).is_some_and(is_keyframe) => Share::Sent,
            _ => {
                *lag = Lag::Parked;
                self.sent.skips += 1;
                Share::Ended
            }
        }
    }

    /// Whether what is left out stays so, up to a keyframe.
    pub(super) fn awaits_keyframe(&self) -> bool {
        match self.content {
            Content::Video { so_far, .. } => so_far >= Detail::Keyframes,
            Content::Audio { .. } => false,
        }
    }

    /// What the viewer is shown for want of a keyframe; `None` if it is shown the video.
    pub fn stand_in(&self, ring: &Ring) -> Option<StandIn> {
        match self.content {
            Content::Video { still: true, .. } => Some(StandIn::Still),
            Content::Video { .. } if self.awaits_first() && ring.lost_keyframe() => {
                Some(StandIn::Nothing)
            }
            _ => None,
        }
    }

    /// Whether it has not found yet what to begin with.
    fn awaits_first(&self) -> bool {
        self.position.cursor().is_none() || !self.has_begun()
    }

    /// How long ago the next access unit that is to be sent arrived; `None` if nothing waits.
    pub fn waiting(&self, ring: &Ring, now: Instant) -> Option<Duration> {
        if self.stand_in(ring).is_some() || self.awaits_first() {
            return None;
        }
        let since = self.waiting_since(ring)?;
        Some(now.saturating_duration_since(since))
    }
}

fn ticks(time: Duration, codec: Codec) -> u32 {
    (time.as_micros() * u128::from(codec.clock_rate()) / 1_000_000) as u32
}
