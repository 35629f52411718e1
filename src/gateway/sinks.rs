//! Media of a stream for the host: recorders, snapshots.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Handle;
use super::handle::after;
use crate::config::SinkOptions;
use crate::error::{Error, Result, Status, shutting_down};
use crate::events::role;
use crate::ids;
use crate::sinks::{Queue, SinkFrame};
use crate::state::{SinkId, SinkInfo, StreamId};
use crate::worker::Command;

impl Handle {
    /// Adds a sink to a stream: what the stream receives is queued for the host from now on, to be read
    /// with [`Handle::read_sink`]. Needs no camera that is connected. A sink needs its stream: a camera on
    /// demand is connected for it, and stays so. Asks a worker thread: what is pushed once this returns is
    /// in the sink.
    ///
    /// The queue is bounded. A sink that is not read in time loses frames, of video all up to the next
    /// keyframe; the frame after them says how many. Nobody else notices.
    ///
    /// Fails with `InvalidArgument` if an option is out of range, with `Limit` if the stream has 16 sinks,
    /// and with `NotFound`.
    pub fn add_sink(&self, stream: StreamId, options: SinkOptions) -> Result<SinkId> {
        self.check_open()?;
        options.check()?;
        let worker = self.shared.registry.stream(stream)?;
        let id = SinkId(ids::next());
        let queue = Arc::new(Queue::new(id, stream, options));
        self.shared.sinks.insert(Arc::clone(&queue))?;
        let added = self.ask(worker, |reply| Command::AddSink(queue, reply));
        if added.is_err() {
            self.shared.sinks.remove(id);
            // A worker that did not answer in time gets to it later.
            let _ = self.command(worker, Command::RemoveSink(stream, id));
        }
        added.map(|()| id)
    }

    /// Removes a sink. What it has queued is dropped, and a call that waits for its next frame fails with
    /// `NotFound`. To be called for each sink whose reading did not end with `NotFound`.
    pub fn remove_sink(&self, sink: SinkId) -> Result<()> {
        self.check_open()?;
        let queue = self
            .shared
            .sinks
            .remove(sink)
            .ok_or_else(|| no_sink(sink))?;
        queue.close(no_sink(sink));
        if let Ok(worker) = self.shared.registry.stream(queue.stream()) {
            self.command(worker, Command::RemoveSink(queue.stream(), sink))?;
        }
        Ok(())
    }

    /// The next frame of a sink. Waits for it for at most `timeout`; zero: not at all; `None`: for as long
    /// as it takes.
    ///
    /// Fails with `Timeout` if there is none in this time; with `NotFound` once the stream is removed and
    /// all its frames are read, or the sink is removed; with `WouldDeadlock` in a callback, unless
    /// `timeout` is zero.
    pub fn read_sink(&self, sink: SinkId, timeout: Option<Duration>) -> Result<SinkFrame> {
        self.check_open()?;
        let deadline = match timeout {
            // In the past.
            Some(Duration::ZERO) => Some(Instant::now()),
            _ => {
                role::check_may_block("read_sink")?;
                timeout.map(after)
            }
        };
        let queue = self.shared.sinks.find(sink)?;
        let taken = queue.take(deadline);
        if taken
            .as_ref()
            .is_err_and(|error| error.status() == Status::NotFound)
        {
            self.shared.sinks.remove(sink);
        }
        taken
    }

    /// The current state of a sink. Never waits.
    pub fn sink_info(&self, sink: SinkId) -> Result<SinkInfo> {
        self.check_open()?;
        Ok(self.shared.sinks.find(sink)?.info())
    }

    /// The last keyframe of a stream, as it is kept for viewers, with its parameter sets in front. Its
    /// `pts_us` is 0. Asks a worker thread.
    ///
    /// Fails with `NotReady` if there is none: the camera has not sent one yet, is on demand and not
    /// connected, or it is larger than half of `gop_cache_bytes`, or `gop_cache` is 0.
    pub fn keyframe(&self, stream: StreamId) -> Result<SinkFrame> {
        self.check_open()?;
        let worker = self.shared.registry.stream(stream)?;
        self.ask(worker, |reply| Command::Keyframe(stream, reply))?
    }
}

/// Sinks of a stream: a few recorders and detectors.
const MAX_SINKS: usize = 16;

/// All sinks that the host has not removed.
#[derive(Default)]
pub(super) struct Sinks {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_id: HashMap<SinkId, Arc<Queue>>,
    closed: bool,
}

impl Sinks {
    fn insert(&self, queue: Arc<Queue>) -> Result<()> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(shutting_down());
        }
        let stream = queue.stream();
        let others = state
            .by_id
            .values()
            .filter(|other| other.stream() == stream);
        if others.count() >= MAX_SINKS {
            return Err(Error::new(
                Status::Limit,
                format!("the stream has {MAX_SINKS} sinks already: remove one that is not used"),
            ));
        }
        state.by_id.insert(queue.id(), queue);
        Ok(())
    }

    fn find(&self, sink: SinkId) -> Result<Arc<Queue>> {
        let state = self.state.lock();
        let queue = state.by_id.get(&sink).map(Arc::clone);
        queue.ok_or_else(|| no_sink(sink))
    }

    fn remove(&self, sink: SinkId) -> Option<Arc<Queue>> {
        self.state.lock().by_id.remove(&sink)
    }

    /// The gateway shuts down: nothing can be read any more.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let all = std::mem::take(&mut state.by_id);
        drop(state);
        for queue in all.into_values() {
            queue.close(shutting_down());
        }
    }
}

fn no_sink(sink: SinkId) -> Error {
    Error::new(
        Status::NotFound,
        format!(
            "no sink has the id {}: it was removed or never existed",
            sink.0
        ),
    )
}
