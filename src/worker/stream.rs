//! One camera: its state, its tracks, its viewers, and the offers that wait for it.

mod info;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::held_sound::Hold;
use super::shares::Share;
use crate::error::Error;
use crate::limit::Complaint;
use crate::media::{AccessUnit, Codec, MediaKind, RateMeter, RingLimits, Track, TrackInfo};
use crate::random;
use crate::session::Media;
use crate::sinks::Newest;
use crate::source::Quirks;
use crate::state::{StreamId, StreamIdentity, StreamState, Warning, WarningKind};
use crate::stats::{Latency, MediaCosts, Totals};
use crate::tuning::Tuning;

/// The host is not asked for a keyframe more often: an encoder that makes them all the time helps
/// nobody.
pub const KEYFRAME_REQUEST_INTERVAL: Duration = Duration::from_secs(1);
/// Audio packets that are kept, for viewers whose send was delayed: more than a second.
const AUDIO_PACKETS: usize = 64;

/// One camera.
pub struct Stream {
    identity: StreamIdentity,
    /// Rows of its viewers: the sessions whose offers named it.
    pub viewers: Vec<usize>,
    /// Rows of the sessions that its access units are passed to: its viewers, and viewers of other
    /// streams that have it as a variant and want it now.
    pub audience: Vec<usize>,
    /// What its viewers may be shown in its place, best first, itself included; empty if nothing.
    pub variants: Vec<StreamId>,
    /// What was sent to viewers that are gone.
    pub gone: Totals,
    /// What its media cost its worker.
    pub costs: MediaCosts,
    /// What its camera was forgiven.
    pub quirks: Quirks,
    /// The sound that waits for more.
    pub hold: Hold,
    /// What its source takes of the worker.
    pub share: Share,
    /// When it was last said that its source takes more than that.
    pub over_share: Complaint,
    latency: Latency,
    state: StreamState,
    error: Option<Error>,
    /// What is wrong with its video, with the distance of its keyframes, and with its audio.
    warnings: [Option<Warning>; 3],
    /// When it was live for the last time, if it is to be live again.
    lost_at: Option<Instant>,
    video: Option<Track>,
    audio: Option<Track>,
    /// As it is connected now, it has no audio, whatever it had before.
    silent: bool,
    /// What the ring of the video took in last.
    newest: Option<Newest>,
    rate: RateMeter,
    dimensions: (u32, u32),
    /// There was a keyframe since the camera was connected.
    begun: bool,
    counters: Counters,
    /// The host that pushes can be asked for keyframes.
    pushed: bool,
    /// How many viewers need small packets, of all workers.
    pub narrow: Arc<AtomicUsize>,
}

/// What became of an access unit that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// There is nothing to send.
    Nothing,
    /// It can be sent.
    Unit,
    /// The same, and it is the first that viewers can begin with since the camera was connected.
    Beginning,
}

/// What a change of state comes with.
pub struct Change {
    /// For how long it was away, if it is live again.
    pub outage: Option<Duration>,
}

#[derive(Default)]
struct Counters {
    reconnects: u32,
    bytes: u64,
    lost: u64,
    frames: u64,
    keyframes: u64,
    dropped: u64,
    keyframe_requests: u64,
    given_up: u64,
    last_keyframe_request: Option<Instant>,
    last_media: Option<Instant>,
}

impl Stream {
    /// A camera that is about to be connected.
    pub fn new(identity: StreamIdentity) -> Self {
        Stream {
            identity,
            viewers: Vec::new(),
            audience: Vec::new(),
            variants: Vec::new(),
            gone: Totals::default(),
            costs: MediaCosts::default(),
            quirks: Quirks::default(),
            hold: Hold::default(),
            share: Share::default(),
            over_share: Complaint::default(),
            latency: Latency::default(),
            state: StreamState::Connecting,
            error: None,
            warnings: [const { None }; 3],
            lost_at: None,
            video: None,
            audio: None,
            silent: false,
            newest: None,
            rate: RateMeter::default(),
            dimensions: (0, 0),
            begun: false,
            counters: Counters::default(),
            pushed: false,
            narrow: Arc::default(),
        }
    }

    /// A camera that is not connected before somebody wants it.
    pub fn idle(identity: StreamIdentity) -> Self {
        Stream {
            state: StreamState::Idle,
            ..Stream::new(identity)
        }
    }

    /// A stream whose host is about to push media.
    pub fn pushed(identity: StreamIdentity) -> Self {
        Stream {
            pushed: true,
            ..Stream::new(identity)
        }
    }

    /// Whether the host pushes its media.
    pub fn is_pushed(&self) -> bool {
        self.pushed
    }

    /// Whether there may be a connection to a camera.
    pub fn may_be_connected(&self) -> bool {
        let connection = matches!(self.state, StreamState::Connecting | StreamState::Live);
        connection && !self.pushed
    }

    /// A keyframe is needed. True if the host is to be asked for it now.
    pub fn request_keyframe(&mut self, now: Instant) -> bool {
        let counters = &mut self.counters;
        let too_soon = counters
            .last_keyframe_request
            .is_some_and(|at| now.saturating_duration_since(at) < KEYFRAME_REQUEST_INTERVAL);
        if !self.pushed || too_soon {
            return false;
        }
        counters.last_keyframe_request = Some(now);
        counters.keyframe_requests += 1;
        true
    }

    /// Video frames arrived that are not sent to any viewer.
    pub fn dropped(&mut self, frames: u64) {
        self.counters.dropped += frames;
    }

    /// Whether its source has taken more than its share of the worker for so long that it is given up,
    /// which is counted.
    pub fn exceeds_share(&mut self) -> bool {
        let exceeded = self.share.is_given_up();
        if exceeded {
            self.share = Share::default();
            self.counters.given_up += 1;
        }
        exceeded
    }

    /// What is wrong with it, while it is live. Of several, the worst.
    pub fn warning(&self) -> Option<&Warning> {
        let mut known = self.warnings.iter().flatten();
        known.next().filter(|_| self.state == StreamState::Live)
    }

    /// Takes over what is wrong with a track. True if [`Stream::warning`] is of another kind now.
    pub fn warn(&mut self, kind: MediaKind, warning: Option<Warning>) -> bool {
        let before = self.warning_kind();
        let track = match kind {
            MediaKind::Video => 0,
            MediaKind::Audio => 2,
        };
        self.warnings[track] = warning;
        self.warning_kind() != before
    }

    /// What [`Stream::warning`] is about.
    pub fn warning_kind(&self) -> Option<WarningKind> {
        self.warning().map(|warning| warning.kind)
    }

    /// The source's time line of a track restarts.
    pub fn restarted(&mut self, kind: MediaKind) {
        let track = match kind {
            MediaKind::Video => self.video.as_mut(),
            MediaKind::Audio => self.audio.as_mut(),
        };
        if let Some(track) = track {
            track.reconnected(track.info().clone());
        }
    }

    /// What viewers may be sent; `None` before the camera is live for the first time, or for the
    /// first time since it was idle.
    pub fn media(&self) -> Option<Media<'_>> {
        if self.video.is_none() && self.audio.is_none() {
            return None;
        }
        Some(Media {
            video: self.video.as_ref(),
            audio: self.sound(),
            rate: self.rate.rate(),
        })
    }

    /// The audio that is there or may come; `None` if the camera has come back without.
    fn sound(&self) -> Option<&Track> {
        self.audio.as_ref().filter(|_| !self.silent)
    }

    /// The video that is kept, and what of it came last; `None` if there is none.
    pub fn stored_video(&self) -> Option<(&Track, Newest)> {
        Some((self.video.as_ref()?, self.newest?))
    }

    /// One of its tracks.
    pub fn track(&self, kind: MediaKind) -> Option<&Track> {
        match kind {
            MediaKind::Video => self.video.as_ref(),
            MediaKind::Audio => self.audio.as_ref(),
        }
    }

    /// State now.
    pub fn state(&self) -> StreamState {
        self.state
    }

    /// Changes the state; `None` if it stays the same.
    pub fn enter(
        &mut self,
        state: StreamState,
        error: Option<Error>,
        now: Instant,
    ) -> Option<Change> {
        let changed = self.state != state || error.is_some();
        let previous = std::mem::replace(&mut self.state, state);
        let mut outage = None;
        match state {
            StreamState::Live => {
                self.error = None;
                let lost = self.lost_at.take();
                outage = lost.map(|at| now.saturating_duration_since(at));
            }
            _ => self.error = error.or(self.error.take()),
        }
        match state {
            StreamState::Idle => self.lost_at = None,
            _ if previous == StreamState::Live => self.lost_at = Some(now),
            _ => {}
        }
        changed.then_some(Change { outage })
    }

    /// What the host calls it.
    pub fn identity(&self) -> &StreamIdentity {
        &self.identity
    }

    /// Its name in URLs.
    pub fn name(&self) -> &str {
        &self.identity.name
    }

    /// Changes all but its name.
    pub fn relabel(&mut self, label: Option<Arc<str>>, user_data: usize) {
        self.identity.label = label;
        self.identity.user_data = user_data;
    }

    /// What failed before says nothing about the next attempt.
    pub fn forget_error(&mut self) {
        self.error = None;
    }

    /// Why the last attempt failed.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// The camera is connected. Returns the codecs of tracks that are others than before: viewers whose
    /// SDP does not have them cannot go on.
    pub fn live(
        &mut self,
        video: Option<TrackInfo>,
        audio: Option<TrackInfo>,
        tuning: &Tuning,
    ) -> Vec<Codec> {
        self.counters.reconnects += u32::from(self.media().is_some());
        self.begun = false;
        self.silent = audio.is_none();
        self.warnings = [const { None }; 3];
        match &video {
            Some(video) => self.remember_size(video),
            None => self.newest = None,
        }
        let mut others = Vec::new();
        // A track may return with the next connection.
        let tracks = [(&mut self.video, video), (&mut self.audio, audio)];
        for (track, info) in tracks {
            match (track, info) {
                (None, None) => {}
                // What is left of it is not to be shown as if it went on.
                (Some(track), None) => track.forget(),
                (Some(track), Some(info)) if track.info().codec == info.codec => {
                    track.reconnected(info);
                }
                (previous, Some(info)) => {
                    others.extend(previous.as_ref().map(|_| info.codec));
                    *previous = Some(new_track(info, tuning));
                }
            }
        }
        others
    }

    /// The camera is another from now on: forgets the media of the one before. Those who watch go on with the
    /// next keyframe.
    pub fn replaced(&mut self) {
        for track in [&mut self.video, &mut self.audio].into_iter().flatten() {
            track.forget();
        }
        self.newest = None;
    }

    /// The camera is disconnected, and may be another when it is live again: forgets its tracks
    /// and all of their media.
    pub fn forget_media(&mut self) {
        self.video = None;
        self.audio = None;
        self.newest = None;
        self.rate = RateMeter::default();
        self.dimensions = (0, 0);
    }

    /// The camera changed its parameter sets.
    pub fn video_changed(&mut self, video: TrackInfo) {
        self.remember_size(&video);
        if let Some(track) = &mut self.video {
            track.changed(video);
        }
    }

    fn remember_size(&mut self, video: &TrackInfo) {
        if let Some(size) = dimensions(video) {
            self.dimensions = size;
        }
    }

    /// Takes an access unit into its ring, if there is such a track.
    pub fn media_arrived(&mut self, kind: MediaKind, unit: &AccessUnit<'_>, lost: u32) -> Arrived {
        let counters = &mut self.counters;
        counters.bytes += unit.data.len() as u64;
        counters.lost += u64::from(lost);
        let track = match kind {
            MediaKind::Video => self.video.as_mut(),
            MediaKind::Audio => self.audio.as_mut(),
        };
        let Some(track) = track else {
            return Arrived::Nothing;
        };
        #[cfg(any(test, feature = "test-panic"))]
        if counters.frames == 2 {
            crate::test_panic::injected(&self.identity.name, crate::test_panic::STREAM);
        }
        let lost_keyframe = track.ring().lost_keyframe();
        track.use_small_payloads(self.narrow.load(Ordering::Relaxed) > 0);
        let accepted = track.push(unit);
        if kind == MediaKind::Video {
            if track.ring().lost_keyframe() {
                self.warnings[1].get_or_insert_with(rare_keyframes);
            } else if accepted.keyframe && !lost_keyframe {
                self.warnings[1] = None;
            }
        }
        if accepted.new_parameter_sets
            && let Some(size) = dimensions(track.info())
        {
            self.dimensions = size;
        }
        if kind == MediaKind::Video {
            counters.frames += 1;
            counters.keyframes += u64::from(accepted.keyframe);
            if accepted.packets > 0 {
                self.newest = Some(Newest {
                    timestamp: unit.timestamp,
                    arrival: unit.arrival,
                    captured: unit.captured,
                });
            }
        }
        let leads = self.leads(kind);
        if leads {
            self.counters.last_media = Some(unit.arrival);
            self.rate.arrived(unit.arrival, unit.data.len());
        }
        let first = leads && accepted.keyframe && !self.begun;
        self.begun |= first;
        match accepted.packets {
            0 => Arrived::Nothing,
            _ if first => Arrived::Beginning,
            _ => Arrived::Unit,
        }
    }

    /// Takes a keyframe that no camera sent; the access unit that it is for follows.
    pub fn opening(&mut self, unit: &AccessUnit<'_>) -> Arrived {
        let Some(track) = &mut self.video else {
            return Arrived::Nothing;
        };
        track.push_opening(unit);
        match std::mem::replace(&mut self.begun, true) {
            false => Arrived::Beginning,
            true => Arrived::Unit,
        }
    }

    /// Whether figures are of the track of this kind: the video, or the audio where there is none.
    pub fn leads(&self, kind: MediaKind) -> bool {
        kind == MediaKind::Video || self.video.is_none()
    }

    /// The access unit that arrived at `arrival` has been sent to all viewers; `None` for audio beside video.
    pub fn delivered(&mut self, arrival: Option<Instant>, now: Instant) {
        if let Some(arrival) = arrival
            && !self.audience.is_empty()
        {
            let time = now.saturating_duration_since(arrival);
            self.latency.note(now, time);
        }
    }

    /// Returns memory while no media comes. True if there will be more to return.
    pub fn tidy(&mut self, now: Instant) -> bool {
        let tracks = [&mut self.video, &mut self.audio].into_iter().flatten();
        tracks.fold(false, |more, track| track.tidy(now) | more)
    }

    /// Applies changed knobs.
    pub fn tuning_changed(&mut self, tuning: &Tuning) {
        for track in [&mut self.video, &mut self.audio].into_iter().flatten() {
            let limits = limits(track.info().codec.kind(), tuning);
            track.ring_mut().set_limits(limits);
        }
    }
}

fn rare_keyframes() -> Warning {
    Warning {
        kind: WarningKind::RareKeyframes,
        message:
            "keyframes are so far apart that the last one and all that followed are not kept: \
                  viewers who come later see a still picture until the next one. Set the camera's \
                  keyframe interval (GOP) to between 1 and 4 seconds"
                .to_owned(),
    }
}

fn dimensions(video: &TrackInfo) -> Option<(u32, u32)> {
    video.parameter_sets.as_ref()?.dimensions()
}

fn new_track(info: TrackInfo, tuning: &Tuning) -> Track {
    let limits = limits(info.codec.kind(), tuning);
    // Random by RFC 3550 section 5.1, but any start will do: without random numbers no session can be
    // created anyway.
    let first = random::bytes().map_or(0, u32::from_le_bytes);
    Track::new(info, limits, first)
}

/// What the ring of a track of this kind keeps.
pub fn limits(kind: MediaKind, tuning: &Tuning) -> RingLimits {
    match kind {
        MediaKind::Video => video_limits(tuning),
        MediaKind::Audio => RingLimits {
            packets: AUDIO_PACKETS,
            history: tuning.gop_cache_age(),
            keep_gop: false,
            ..video_limits(tuning)
        },
    }
}

/// What the ring of a video track keeps.
fn video_limits(tuning: &Tuning) -> RingLimits {
    let duration = tuning.gop_cache_age();
    let (packets, history) = match tuning.nack() {
        true => (tuning.nack_history_packets(), tuning.nack_history()),
        false => (0, duration),
    };
    RingLimits {
        packets,
        history,
        keep_gop: tuning.gop_cache(),
        bytes: tuning.gop_cache_bytes(),
        duration,
    }
}
