//! Connecting cameras, and connecting them again when the host says so: viewers and offers stay.

use std::cell::RefCell;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;

use super::core::Core;
use super::sink::StreamSink;
use super::stream::Stream;
use crate::source::{self, CameraConfig, push};
use crate::state::{StreamId, StreamIdentity, StreamState};

impl Core {
    /// Takes in a camera, and connects to it unless it is on demand.
    pub(super) fn add_camera(
        core: &Rc<RefCell<Core>>,
        id: StreamId,
        identity: StreamIdentity,
        camera: CameraConfig,
    ) {
        let stream = match camera.demand() {
            Some(_) => Stream::idle(identity),
            None => Stream::new(identity),
        };
        Core::insert_stream(core, id, stream, Some(camera));
        Core::connect(core, id);
    }

    /// Takes in a stream that the host pushes.
    pub(super) fn add_push_stream(
        core: &Rc<RefCell<Core>>,
        id: StreamId,
        identity: StreamIdentity,
        pushed: push::Receiver,
    ) {
        let stream = Stream::pushed(identity);
        Core::insert_stream(core, id, stream, None);
        Core::start(core, id, |sink| push::run(pushed, sink));
    }

    fn insert_stream(
        core: &Rc<RefCell<Core>>,
        id: StreamId,
        mut stream: Stream,
        camera: Option<CameraConfig>,
    ) {
        let core = &mut *core.borrow_mut();
        if let Some(narrow) = core.context.registry.narrow(id) {
            stream.narrow = narrow;
        }
        core.streams.insert(id, stream, camera);
    }

    /// Replaces the options of a camera, and connects with the new ones.
    pub(super) fn update_camera(
        core: &Rc<RefCell<Core>>,
        id: StreamId,
        label: Option<Arc<str>>,
        user_data: usize,
        mut camera: CameraConfig,
    ) {
        let peers = core.borrow().context.peers.clone();
        if let Some(entry) = core.borrow_mut().streams.get_mut(id)
            && let Some(previous) = &entry.camera
        {
            let is_other = camera.replaces(previous);
            entry.camera = Some(camera);
            entry.stream.relabel(label, user_data);
            if is_other {
                entry.replaced(id, &peers);
            }
        }
        Core::connect(core, id);
    }

    /// Connects to a camera now; ends the connection that there is, or the wait for the next attempt.
    pub(super) fn connect(core: &Rc<RefCell<Core>>, id: StreamId) {
        let Some((name, camera, demand)) = core.borrow_mut().prepare_to_connect(id) else {
            return;
        };
        Core::start(core, id, |sink| source::run(id, name, camera, demand, sink));
    }

    fn prepare_to_connect(
        &mut self,
        id: StreamId,
    ) -> Option<(Arc<str>, CameraConfig, Option<Rc<source::Demand>>)> {
        let entry = self.streams.get_mut(id)?;
        let camera = entry.camera.clone()?;
        if let Some(source) = entry.source.take() {
            source.abort();
        }
        entry.demand = camera.demand();
        entry.note_demand();
        entry.stream.forget_error();
        let wanted = entry.demand.as_ref().is_none_or(|d| d.is_wanted());
        if !wanted {
            entry.forget_media(id, &self.context.peers);
        }
        let (name, demand) = (
            Arc::clone(&entry.stream.identity().name),
            entry.demand.clone(),
        );
        let state = match wanted {
            true => StreamState::Connecting,
            false => StreamState::Idle,
        };
        self.enter(id, state, None, Instant::now());
        Some((name, camera, demand))
    }

    /// Starts the task of a stream's source.
    fn start<F: Future<Output = ()> + 'static>(
        core: &Rc<RefCell<Core>>,
        id: StreamId,
        source: impl FnOnce(StreamSink) -> F,
    ) {
        // Moving a future into the one of a task makes that larger by the same room again.
        let run = Box::pin(source(StreamSink {
            core: Rc::clone(core),
            stream: id,
        }));
        let task = tokio::task::spawn_local({
            let core = Rc::clone(core);
            async move {
                if AssertUnwindSafe(run).catch_unwind().await.is_err() {
                    core.borrow_mut().source_panicked(id);
                }
            }
        });
        if let Some(entry) = core.borrow_mut().streams.get_mut(id) {
            entry.source = Some(task.abort_handle());
        }
    }
}
