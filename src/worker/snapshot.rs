//! What the host and the metrics are told of a worker.

use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use super::core::Core;
use super::table::Viewer;
use crate::error::Result;
use crate::state::{SessionId, SessionInfo, StreamId, StreamInfo};
use crate::stats::{GuestSnapshot, StreamSnapshot, WorkerSnapshot};
use crate::worker::registry::no_stream;

impl Core {
    pub(super) fn stream_info(&self, id: StreamId, now: Instant) -> Result<StreamInfo> {
        let entry = self.streams.get(id).ok_or_else(|| no_stream(id))?;
        #[cfg(any(test, feature = "test-panic"))]
        crate::test_panic::injected(entry.stream.name(), crate::test_panic::COMMAND);
        Ok(StreamInfo {
            sessions: self.context.registry.session_count(id),
            ..entry.stream.info(now)
        })
    }

    pub(super) fn session_info(&self, viewer: &Viewer, now: Instant) -> SessionInfo {
        let session = &viewer.session;
        let of_stream = Some(viewer.stream).filter(|_| !viewer.is_wall());
        let held_back =
            of_stream.and_then(|stream| self.held_back(viewer, stream, &session.quality()));
        SessionInfo {
            slots: match viewer.is_wall() {
                true => session
                    .slots()
                    .map(|slot| self.slot_info(viewer, &slot))
                    .collect(),
                false => Vec::new(),
            },
            ..viewer.info(now, held_back)
        }
    }

    /// Looks at one more session or stream, and returns at how many sessions. `None` if there is no more.
    pub(super) fn snapshot_next(&self, snapshot: &mut Unfinished, now: Instant) -> Option<usize> {
        if let Some((row, viewer)) = self.viewers.next(snapshot.sessions.len()) {
            snapshot.sessions.resize_with(row, || None);
            let seen = (viewer.id, self.session_info(viewer, now));
            snapshot.sessions.push(Some(seen));
            return Some(1);
        }
        let all = || {
            let own = self.streams.iter().map(|(id, _)| id);
            own.chain(self.streams.guests.keys().copied()).collect()
        };
        let id = snapshot.left.get_or_insert_with(all).pop()?;
        let viewers = self.streams.viewers(id);
        if let Some(guests) = self.streams.guests.get(&id) {
            let mut guests = guests.snapshot(id, now);
            for session in self.seen(snapshot, viewers) {
                guests.totals.add(session);
                guests.shown.add(&session.quality);
            }
            snapshot.guests.push(guests);
        }
        if let Some(entry) = self.streams.get(id) {
            let mut stream = entry.stream.snapshot(id, now);
            stream.info.sessions = self.context.registry.session_count(id);
            stream.sinks = entry.sinks.info().collect();
            (stream.outputs, stream.output_failures) = entry.outputs.snapshot();
            stream.sink_frames_dropped = entry.sinks.frames_dropped();
            for session in self.seen(snapshot, viewers) {
                stream.totals.add(session);
                stream.shown.add(&session.quality);
            }
            snapshot.streams.push(stream);
        }
        Some(1 + viewers.len())
    }

    /// Those of these sessions that were looked at and are still there: what others sent is counted by their
    /// streams, so that no total ever falls.
    fn seen<'a>(
        &'a self,
        snapshot: &'a Unfinished,
        rows: &'a [usize],
    ) -> impl Iterator<Item = &'a SessionInfo> {
        rows.iter().filter_map(|&row| {
            let (id, info) = snapshot.sessions.get(row)?.as_ref()?;
            let viewer = self.viewers.get(row)?;
            (viewer.id == *id).then_some(info)
        })
    }

    /// Hands over what was looked at.
    pub(super) fn snapshot_ends(&mut self, snapshot: Unfinished, now: Instant) {
        if self.load.is_due(now) {
            self.sample_load(now);
        }
        let mut walls = self.gone_walls;
        let rows: Vec<usize> = (0..snapshot.sessions.len()).collect();
        let seen = self.seen(&snapshot, &rows);
        for wall in seen.filter(|session| session.stream == StreamId::NONE) {
            walls.add(wall);
        }
        let mirrors = self.streams.mirrors.iter();
        let _ = snapshot.reply.send(WorkerSnapshot {
            index: self.context.index,
            busy: busy(),
            load_percent: self.load.percent(),
            refused: self.load.refusals(),
            costs: self.costs,
            streams: snapshot.streams,
            guests: snapshot.guests,
            mirrors: mirrors.map(|(&id, mirror)| (id, mirror.memory())).collect(),
            sessions: snapshot.sessions.into_iter().flatten().collect(),
            walls,
        });
    }
}

/// A snapshot that is made in portions: of all sessions, then of all streams.
pub(super) struct Unfinished {
    reply: SyncSender<WorkerSnapshot>,
    /// The sessions that were looked at, by their row.
    sessions: Vec<Option<(SessionId, SessionInfo)>>,
    /// Streams that were not.
    left: Option<Vec<StreamId>>,
    streams: Vec<StreamSnapshot>,
    guests: Vec<GuestSnapshot>,
}

impl Unfinished {
    pub(super) fn new(reply: SyncSender<WorkerSnapshot>) -> Unfinished {
        Unfinished {
            reply,
            sessions: Vec::new(),
            left: None,
            streams: Vec::new(),
            guests: Vec::new(),
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
