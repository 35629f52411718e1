//! What the host and the metrics are told of a worker.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::core::Core;
use super::slots::Viewer;
use crate::error::Result;
use crate::state::{SessionInfo, StreamId, StreamInfo};
use crate::stats::{StreamSnapshot, WorkerSnapshot};
use crate::worker::registry::no_stream;

impl Core {
    pub(super) fn stream_info(&self, id: StreamId, now: Instant) -> Result<StreamInfo> {
        let entry = self.streams.get(id).ok_or_else(|| no_stream(id))?;
        #[cfg(any(test, feature = "test-panic"))]
        crate::test_panic::injected(entry.stream.name(), crate::test_panic::COMMAND);
        Ok(entry.stream.info(now))
    }

    pub(super) fn session_info(&self, viewer: &Viewer, now: Instant) -> SessionInfo {
        viewer.info(now, self.held_back(viewer, &viewer.session.quality()))
    }

    pub(super) fn snapshot(&mut self, now: Instant) -> WorkerSnapshot {
        if self.load.is_due(now) {
            self.sample_load(now);
        }
        let mut streams: HashMap<StreamId, StreamSnapshot> = self
            .streams
            .iter()
            .map(|(id, entry)| {
                let mut snapshot = entry.stream.snapshot(id, now);
                snapshot.sinks = entry.sinks.info().collect();
                snapshot.sink_frames_dropped = entry.sinks.frames_dropped();
                (id, snapshot)
            })
            .collect();
        let viewers = self.viewers.iter();
        let sessions: Vec<_> = viewers
            .map(|viewer| (viewer.id, self.session_info(viewer, now)))
            .collect();
        for (_, session) in &sessions {
            if let Some(stream) = streams.get_mut(&session.stream) {
                stream.totals.add(session);
                stream.shown.add(&session.quality);
            }
        }
        WorkerSnapshot {
            index: self.context.index,
            busy: busy(),
            load_percent: self.load.percent(),
            refused: self.load.refusals(),
            costs: self.costs,
            streams: streams.into_values().collect(),
            sessions,
        }
    }
}

/// Time that this worker was busy.
pub(super) fn busy() -> Duration {
    let runtime = tokio::runtime::Handle::try_current();
    runtime.map_or(Duration::ZERO, |runtime| {
        runtime.metrics().worker_total_busy_duration(0)
    })
}
