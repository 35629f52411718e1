//! Sinks of the host: what it gets of a stream's media.

use std::sync::Arc;
use std::time::Instant;

use super::core::Core;
use crate::error::{Error, Result, Status};
use crate::media::{MediaKind, ParameterSets};
use crate::sinks::{self, Queue, SinkFrame};
use crate::source::Arrival;
use crate::state::{SinkId, StreamId, StreamState};
use crate::worker::registry::no_stream;

impl Core {
    pub(super) fn add_sink(&mut self, queue: Arc<Queue>, now: Instant) {
        let id = queue.stream();
        let Some(entry) = self.streams.get_mut(id) else {
            queue.end(no_stream(id));
            return;
        };
        let waits = entry.sinks.add(queue, entry.stream.track(MediaKind::Video));
        entry.note_demand();
        self.chores.replay(id);
        if waits {
            self.request_keyframe(id, now);
        }
    }

    pub(super) fn remove_sink(&mut self, id: StreamId, sink: SinkId) {
        if let Some(entry) = self.streams.get_mut(id) {
            entry.sinks.remove(sink);
            entry.note_demand();
        }
    }

    /// Passes on what a stream received.
    pub(super) fn received(&mut self, id: StreamId, arrival: &Arrival<'_>) {
        let Some(entry) = self.streams.get_mut(id) else {
            return;
        };
        if entry.sinks.is_empty() {
            return;
        }
        let video = entry.stream.track(MediaKind::Video);
        let sets: Option<&ParameterSets> =
            video.and_then(|track| track.info().parameter_sets.as_ref());
        let behind = entry.sinks.received(arrival, sets);
        if behind.complain {
            let name = entry.stream.name();
            log::warn!(
                stream = id.0, stream_name = name;
                "a sink of stream \"{name}\" is full: frames are dropped up to the next keyframe; \
                 read it faster, or give it a larger queue"
            );
        }
        if behind.keyframe_needed {
            self.request_keyframe(id, arrival.unit.arrival);
        }
    }

    /// The last keyframe of a stream.
    pub(super) fn keyframe(&self, id: StreamId) -> Result<SinkFrame> {
        let entry = self.streams.get(id).ok_or_else(|| no_stream(id))?;
        let stored = entry.stream.stored_video();
        let frame = stored.and_then(|(track, newest)| sinks::keyframe(track, &newest));
        frame.ok_or_else(|| {
            let name = entry.stream.name();
            let why = match (entry.stream.state(), entry.stream.error()) {
                (StreamState::Idle, _) => {
                    "the camera is on demand and not connected: add a sink, or keep it connected"
                }
                (StreamState::Live, _) => {
                    "none has arrived, or it is larger than half of gop_cache_bytes, or gop_cache is 0"
                }
                (_, Some(error)) => error.message(),
                (_, None) => "no video has arrived yet",
            };
            Error::new(
                Status::NotReady,
                format!("stream \"{name}\" has no keyframe: {why}"),
            )
        })
    }
}
