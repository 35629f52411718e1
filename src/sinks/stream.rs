//! The sinks of a stream, on its worker.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::convert::{Form, converted};
use super::format::track_of;
use super::frame::{Clocks, micros};
use super::queue::{Outcome, Queue};
use super::replay::{self, Newest, Replay, Replayed};
use super::{SinkFormat, SinkFrame, SinkTrack};
use crate::error::{Error, Status};
use crate::limit::Complaint;
use crate::media::{Codec, MediaClock, ParameterSets, Track as MediaTrack, is_keyframe};
use crate::source::Arrival;
use crate::source::rtp::{Encoding, Format};
use crate::state::{SinkId, SinkInfo};

/// Tracks that are further apart are put together again; sound that is early by so much is noticed
/// (ITU-R BT.1359).
const MAX_SKEW_US: i64 = 45_000;
/// If they have been for so long.
const SKEW_PATIENCE: Duration = Duration::from_secs(2);

/// All sinks of a stream. When it is dropped, they end.
pub struct StreamSinks {
    sinks: Vec<Arc<Queue>>,
    replays: VecDeque<Replay>,
    /// The beginning of the timeline.
    origin: Instant,
    tracks: [Option<Track>; SinkTrack::COUNT],
    /// See [`StreamSinks::opening`].
    opening: bool,
    complaint: Complaint,
    /// Frames that were dropped for sinks that are gone.
    dropped_before: u64,
}

/// A track as it is received.
struct Track {
    format: Format,
    clock: MediaClock,
    /// The first timestamp of `clock`, in microseconds from the origin.
    base_us: i64,
    /// The parameter sets of the frames to come.
    sets: Option<ParameterSets>,
    /// What frames of each [`Form`] carry.
    shared: [Option<Arc<SinkFormat>>; Form::COUNT],
    /// Something is missing before the next frame.
    interrupted: bool,
    /// It does not match the video.
    skewed_since: Option<Instant>,
}

/// What is to be done because of sinks that do not keep up.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Behind {
    /// A keyframe would let them go on.
    pub keyframe_needed: bool,
    /// It is time to log it.
    pub complain: bool,
}

impl Track {
    fn new(format: &Format, moment: Instant, origin: Instant) -> Track {
        Track {
            format: format.clone(),
            clock: MediaClock::new(format.clock_rate, 0),
            base_us: micros(moment.saturating_duration_since(origin)),
            sets: None,
            shared: Default::default(),
            interrupted: false,
            skewed_since: None,
        }
    }

    fn pts_us(&mut self, timestamp: i64, arrival: Instant, moment: Instant) -> i64 {
        let ticks = self.clock.map_long(timestamp, arrival, moment);
        self.base_us + self.to_us(ticks)
    }

    /// The same of a timestamp that has been on the timeline, or has been left out since. Changes nothing.
    fn pts_us_again(&self, timestamp: i64, arrival: Instant, moment: Instant) -> i64 {
        let ticks = self.clock.clone().map_long(timestamp, arrival, moment);
        self.base_us + self.to_us(ticks)
    }

    /// What the time would be of something captured at `now`: as for the sender reports that viewers
    /// get, by the capture times of the last seconds, or by the least delay with which something arrived.
    fn pts_at(&self, now: Instant) -> Option<i64> {
        Some(self.base_us + self.to_us(self.clock.long_at(now)?))
    }

    /// Moves the timeline if it has been apart from that of the video for a while. What arrived first of
    /// each track put them together, and that may have been late.
    fn follow(&mut self, video_us: Option<i64>, now: Instant) {
        let skew = video_us.and_then(|video| Some(self.pts_at(now)? - video));
        let Some(skew) = skew.filter(|skew| skew.abs() > MAX_SKEW_US) else {
            self.skewed_since = None;
            return;
        };
        let since = *self.skewed_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= SKEW_PATIENCE {
            self.base_us -= skew;
            self.skewed_since = None;
            self.interrupted = true;
        }
    }

    fn to_us(&self, ticks: i64) -> i64 {
        let rate = i128::from(self.format.clock_rate.max(1));
        (i128::from(ticks) * 1_000_000).div_euclid(rate) as i64
    }

    fn changed(&mut self, sets: ParameterSets) {
        if self.sets.as_ref() != Some(&sets) {
            self.sets = Some(sets);
            self.shared = Default::default();
        }
    }

    fn shared(&mut self, form: Form) -> Arc<SinkFormat> {
        let (format, sets) = (&self.format, self.sets.as_ref());
        let shared = self.shared[form as usize].get_or_insert_with(|| {
            Arc::new(match format.encoding {
                Encoding::Video(codec) => SinkFormat::video(codec, sets, form),
                _ => SinkFormat::other(format),
            })
        });
        Arc::clone(shared)
    }
}

impl StreamSinks {
    /// Of a stream that exists since `origin`.
    pub fn new(origin: Instant) -> StreamSinks {
        StreamSinks {
            sinks: Vec::new(),
            replays: VecDeque::new(),
            origin,
            tracks: Default::default(),
            opening: false,
            complaint: Complaint::default(),
            dropped_before: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.sinks.is_empty()
    }

    /// Adds a sink, which begins with what `video` keeps if it wants that: see
    /// [`StreamSinks::replay_next`]. True if it has to wait for a keyframe.
    pub fn add(&mut self, queue: Arc<Queue>, video: Option<&MediaTrack>) -> bool {
        if self.sinks.is_empty() {
            // Nothing was noted meanwhile.
            for track in self.tracks.iter_mut().flatten() {
                track.sets = None;
                track.shared = Default::default();
                track.interrupted = false;
            }
        }
        let wants = queue.options();
        let mut waits = wants.video;
        if wants.video
            && wants.from_cache
            && let Some(video) = video
            && let Some(next) = video.ring().latest_keyframe()
        {
            waits = false;
            self.replays.push_back(Replay {
                queue: Arc::clone(&queue),
                track: video.id(),
                next,
            });
        }
        self.sinks.push(queue);
        waits
    }

    pub fn remove(&mut self, id: SinkId) {
        self.replays.retain(|replay| replay.queue.id() != id);
        self.sinks.retain(|sink| {
            let stays = sink.id() != id;
            if !stays {
                self.dropped_before += sink.info().frames_dropped;
            }
            stays
        });
    }

    /// All sinks at this moment.
    pub fn info(&self) -> impl Iterator<Item = (SinkId, SinkInfo)> {
        self.sinks.iter().map(|sink| (sink.id(), sink.info()))
    }

    /// Frames that were dropped because a queue was full, since the beginning.
    pub fn frames_dropped(&self) -> u64 {
        let now = self.sinks.iter().map(|sink| sink.info().frames_dropped);
        self.dropped_before + now.sum::<u64>()
    }

    /// The connection to the camera ended.
    pub fn interrupted(&mut self) {
        for track in self.tracks.iter_mut().flatten() {
            track.clock.discontinuity();
            track.interrupted = true;
        }
    }

    /// Decoding can begin with the access unit of video that is received next, though it is no keyframe.
    pub fn opening(&mut self) {
        self.opening = true;
    }

    /// Passes on what was received. `sets`: the parameter sets of the stream's video, for keyframes
    /// without.
    pub fn received(&mut self, arrival: &Arrival<'_>, sets: Option<&ParameterSets>) -> Behind {
        let kind = track_of(arrival.format);
        let opening = kind == SinkTrack::Video && std::mem::take(&mut self.opening);
        if !self.sinks.iter().any(|sink| sink.takes(kind)) {
            return Behind::default();
        }
        let unit = &arrival.unit;
        let moment = unit.moment();
        let video = self.tracks[SinkTrack::Video.index()].as_ref();
        let video_us = video.and_then(|video| video.pts_at(moment));
        let track = self.track(arrival.format, moment);
        if kind != SinkTrack::Video {
            track.follow(video_us, moment);
        }
        if arrival.restarts {
            track.clock.discontinuity();
            track.interrupted = true;
        }
        let pts_us = track.pts_us(unit.timestamp, unit.arrival, moment);
        let interrupted = std::mem::take(&mut track.interrupted);
        let (codec, keyframe) = match arrival.format.encoding {
            Encoding::Video(codec) => (Some(codec), opening || is_keyframe(codec, unit.data)),
            _ => (None, true),
        };
        let mut missing = None;
        if let Some(codec) = codec.filter(|_| keyframe) {
            match ParameterSets::find(codec, unit.data) {
                Some(found) => track.changed(found),
                None => {
                    if let Some(sets) = sets.filter(|sets| sets.codec() == codec) {
                        track.changed(sets.clone());
                    }
                    missing = track.sets.clone();
                }
            }
        }
        let clocks = Clocks::read();
        let mut frame = SinkFrame {
            format: track.shared(Form::AnnexB),
            data: Default::default(),
            pts_us,
            capture_unix_us: unit.captured.map(|moment| clocks.unix_us(moment)),
            arrival_unix_us: clocks.unix_us(unit.arrival),
            arrival: unit.arrival,
            keyframe,
            damaged: arrival.damaged,
            cached: false,
            discontinuity: interrupted || arrival.lost > 0,
            format_changed: false,
            packets_lost: arrival.lost,
            frames_dropped: 0,
        };
        let (mut overflow, mut awaits_keyframe) = (false, false);
        // Video is in the ring, too, where a sink that is not through that gets it from.
        let is_replayed = |sink: &Arc<Queue>| {
            let is_of = |replay: &Replay| Arc::ptr_eq(&replay.queue, sink);
            kind == SinkTrack::Video && self.replays.iter().any(is_of)
        };
        let takes = |sink: &Arc<Queue>, form| {
            sink.takes(kind) && form_of(sink, codec) == form && !is_replayed(sink)
        };
        for form in [Form::AnnexB, Form::Lengths] {
            let mut takers = self.sinks.iter().filter(|sink| takes(sink, form));
            let Some(first) = takers.next() else {
                continue;
            };
            // Once for all.
            let data = match codec {
                Some(codec) => converted(codec, unit.data, missing.as_ref(), form),
                None => bytes::Bytes::copy_from_slice(unit.data),
            };
            frame = SinkFrame {
                format: match &mut self.tracks[kind.index()] {
                    Some(track) => track.shared(form),
                    None => frame.format,
                },
                data,
                ..frame
            };
            for sink in std::iter::once(first).chain(takers) {
                let outcome = sink.put(frame.clone());
                overflow |= outcome == Outcome::Overflow;
                awaits_keyframe |= outcome == Outcome::AwaitsKeyframe;
            }
        }
        Behind {
            keyframe_needed: awaits_keyframe || overflow && kind == SinkTrack::Video,
            complain: overflow && self.complaint.is_due(unit.arrival),
        }
    }

    fn track(&mut self, format: &Format, moment: Instant) -> &mut Track {
        let track = &mut self.tracks[track_of(format).index()];
        let changed = track.as_ref().is_some_and(|track| track.format != *format);
        let before = track.take_if(|_| changed);
        let track = track.get_or_insert_with(|| Track::new(format, moment, self.origin));
        if before.is_some() {
            track.interrupted = true;
        }
        track
    }

    /// Whether [`StreamSinks::replay_next`] has something to do.
    pub fn is_replaying(&self) -> bool {
        !self.replays.is_empty()
    }

    /// Gives a sink the next access unit of what `video` keeps, until it has all. True if it then has to wait
    /// for a keyframe: not all had room, or some was not kept until then.
    pub fn replay_next(&mut self, video: Option<(&MediaTrack, Newest)>) -> bool {
        let Some(mut replay) = self.replays.pop_front() else {
            return false;
        };
        let video = video
            .filter(|(video, _)| video.id() == replay.track && video.ring().start() <= replay.next);
        let Some((video, newest)) = video else {
            replay.queue.interrupt();
            return true;
        };
        let (codec, ring) = (video.info().codec, video.ring());
        let Some(unit) = replay::units(ring, codec, replay.next..ring.end()).next() else {
            return false;
        };
        replay.next = unit.end;
        if self.put_replayed(&replay.queue, video, newest, &unit) != Outcome::Queued {
            return true;
        }
        self.replays.push_front(replay);
        false
    }

    fn put_replayed(
        &mut self,
        queue: &Queue,
        video: &MediaTrack,
        newest: Newest,
        unit: &Replayed,
    ) -> Outcome {
        let codec = video.info().codec;
        let moment = newest.captured.unwrap_or(newest.arrival);
        let form = form_of(queue, Some(codec));
        let clocks = Clocks::read();
        let track = &mut self.tracks[SinkTrack::Video.index()];
        let is_same =
            |track: &Track| matches!(track.format.encoding, Encoding::Video(c) if c == codec);
        // The timeline of the others is not touched by what has been on it before.
        let (track, newest_us) = match track {
            Some(track) if is_same(track) => {
                let newest_us = track.pts_us_again(newest.timestamp, newest.arrival, moment);
                (track, newest_us)
            }
            _ => {
                let track = self.track(&Format::pushed(codec), moment);
                let newest_us = track.pts_us(newest.timestamp, newest.arrival, moment);
                (track, newest_us)
            }
        };
        let found = ParameterSets::find(codec, &unit.data);
        let missing = found.is_none() && unit.keyframe;
        match found.or_else(|| video.info().parameter_sets.clone()) {
            Some(sets) if unit.keyframe => track.changed(sets),
            _ => {}
        }
        let sets = track.sets.as_ref().filter(|_| missing);
        let data = converted(codec, &unit.data, sets, form);
        let ago = i64::from(unit.ago);
        let captured = replay::before(newest.captured, ago, codec.clock_rate());
        queue.put(SinkFrame {
            format: track.shared(form),
            data,
            pts_us: newest_us - track.to_us(ago),
            capture_unix_us: captured.map(|moment| clocks.unix_us(moment)),
            arrival_unix_us: clocks.unix_us(unit.arrival),
            arrival: unit.arrival,
            keyframe: unit.keyframe,
            damaged: false,
            cached: true,
            discontinuity: false,
            format_changed: false,
            packets_lost: 0,
            frames_dropped: 0,
        })
    }
}

impl Drop for StreamSinks {
    fn drop(&mut self) {
        for sink in &self.sinks {
            sink.end(Error::new(
                Status::NotFound,
                "the sink has ended: its stream was removed",
            ));
        }
    }
}

/// The form in which a sink gets a codec: only that of video differs.
fn form_of(sink: &Queue, codec: Option<Codec>) -> Form {
    match codec {
        Some(Codec::H264 | Codec::H265) if sink.options().length_prefixed => Form::Lengths,
        _ => Form::AnnexB,
    }
}
