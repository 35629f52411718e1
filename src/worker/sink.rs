//! Connects a source's task to its worker.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::core::Core;
use super::log_lines;
use crate::budget::Allowance;
use crate::error::Error;
use crate::media::{AccessUnit, MediaKind, TrackInfo};
use crate::source::{Arrival, PushSink, Quirk, Sink};
use crate::state::{StreamId, StreamState, Warning};

/// Delivers from a source's task to its worker by plain calls.
pub(super) struct StreamSink {
    pub(super) core: Rc<RefCell<Core>>,
    pub(super) stream: StreamId,
}

impl Sink for StreamSink {
    fn connecting(&mut self) {
        let mut core = self.core.borrow_mut();
        if let Some(entry) = core.streams.get_mut(self.stream) {
            entry.sinks.interrupted();
        }
        core.enter(self.stream, StreamState::Connecting, None, Instant::now());
    }

    fn live(&mut self, video: Option<TrackInfo>, audio: Option<TrackInfo>) {
        self.core.borrow_mut().live(self.stream, video, audio);
    }

    fn is_heard(&self) -> bool {
        self.core.borrow().is_heard(self.stream)
    }

    fn audio_hold(&self) -> Duration {
        self.core.borrow().context.tuning.audio_hold()
    }

    fn video_changed(&mut self, video: TrackInfo) {
        let core = &mut *self.core.borrow_mut();
        if let Some(entry) = core.streams.get_mut(self.stream) {
            core.context.registry.note_video(self.stream, &video);
            entry.stream.video_changed(video);
        }
    }

    fn media(&mut self, kind: MediaKind, unit: &AccessUnit<'_>, lost: u32) {
        let mut core = self.core.borrow_mut();
        core.media(self.stream, kind, unit, lost, false);
    }

    fn media_and_more(&mut self, kind: MediaKind, unit: &AccessUnit<'_>, lost: u32) {
        let mut core = self.core.borrow_mut();
        core.media(self.stream, kind, unit, lost, true);
    }

    fn received(&mut self, arrival: &Arrival<'_>) {
        self.core.borrow_mut().received(self.stream, arrival);
    }

    fn forgave(&mut self, quirk: Quirk, times: u32) {
        if let Some(entry) = self.core.borrow_mut().streams.get_mut(self.stream) {
            entry.stream.quirks.note(quirk, times);
        }
    }

    fn opening(&mut self, unit: &AccessUnit<'_>) {
        self.core.borrow_mut().opening(self.stream, unit);
    }

    fn shows_damaged(&self) -> bool {
        self.core.borrow().context.tuning.shows_damaged()
    }

    fn dropped(&mut self, frames: u64) {
        if let Some(entry) = self.core.borrow_mut().streams.get_mut(self.stream) {
            entry.stream.dropped(frames);
        }
    }

    fn warn(&mut self, kind: MediaKind, warning: Option<Warning>) {
        self.core.borrow_mut().warn(self.stream, kind, warning);
    }

    fn failed(&mut self, error: &Error, retry_in: Duration) {
        let mut core = self.core.borrow_mut();
        log::warn!(
            stream = self.stream.0, stream_name = core.streams.name(self.stream);
            "{error}; next attempt in {:.1} s or later",
            retry_in.as_secs_f32()
        );
        core.streams.fail_waiting(self.stream, error);
        let now = Instant::now();
        core.enter(self.stream, StreamState::Retrying, Some(error.clone()), now);
    }

    fn idle(&mut self) {
        let core = &mut *self.core.borrow_mut();
        if let Some(entry) = core.streams.get_mut(self.stream) {
            entry.forget_media(self.stream, &core.context.peers);
            log_lines::stream_idle(self.stream, entry.stream.name());
        }
        let now = Instant::now();
        core.enter(self.stream, StreamState::Idle, None, now);
    }

    fn overran(&mut self, began: Instant) -> Allowance {
        let mut core = self.core.borrow_mut();
        core.overran(self.stream, began, Instant::now())
    }

    fn exceeds_share(&mut self) -> bool {
        let mut core = self.core.borrow_mut();
        // Alone on its worker it harms nobody.
        let alone = core.streams.iter().count() <= 1;
        let entry = core.streams.get_mut(self.stream);
        !alone && entry.is_some_and(|entry| entry.stream.exceeds_share())
    }
}

impl PushSink for StreamSink {
    fn restarted(&mut self, kind: MediaKind) {
        if let Some(entry) = self.core.borrow_mut().streams.get_mut(self.stream) {
            entry.stream.restarted(kind);
        }
    }

    fn keyframe_needed(&mut self) {
        let mut core = self.core.borrow_mut();
        core.request_keyframe(self.stream, Instant::now());
    }

    fn undecodable(&mut self, error: &Error) {
        let mut core = self.core.borrow_mut();
        log::warn!(
            stream = self.stream.0, stream_name = core.streams.name(self.stream);
            "{error}"
        );
        let now = Instant::now();
        let state = StreamState::Connecting;
        core.enter(self.stream, state, Some(error.clone()), now);
    }

    fn over_share(&mut self) {
        let core = &mut *self.core.borrow_mut();
        let name = core.streams.name(self.stream).to_owned();
        if let Some(entry) = core.streams.get_mut(self.stream)
            && entry.stream.over_share.is_due(Instant::now())
        {
            log::warn!(
                stream = self.stream.0, stream_name = name.as_str();
                "what is pushed takes more than the stream's share of its worker: it is taken no faster than \
                 that, and pushes fail once the queue is full"
            );
        }
    }

    fn stalled(&mut self, error: &Error) {
        let mut core = self.core.borrow_mut();
        log::warn!(
            stream = self.stream.0, stream_name = core.streams.name(self.stream);
            "{error}"
        );
        let now = Instant::now();
        core.enter(self.stream, StreamState::Retrying, Some(error.clone()), now);
    }

    fn resumed(&mut self) {
        let mut core = self.core.borrow_mut();
        core.enter(self.stream, StreamState::Live, None, Instant::now());
    }
}
