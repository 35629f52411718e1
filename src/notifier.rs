//! The thread that calls the host's [`Events`]: in order, under no lock, never a media thread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::error::{Error, Result, Status};
use crate::events::{AuthorizeRequest, Events, mark_callback_thread};
use crate::state::{SessionId, SessionState, StreamId, StreamState};

/// Something to tell the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A stream's new state.
    Stream(StreamId, StreamState, Status),
    /// A session's new state.
    Session(SessionId, StreamId, SessionState, Status),
    /// Somebody wants to do something over HTTP.
    Authorize(Box<AuthorizeRequest>),
}

impl Notice {
    /// The last event of an id, which is never dropped.
    fn is_last(&self) -> bool {
        matches!(
            self,
            Notice::Stream(_, StreamState::Removed, _)
                | Notice::Session(_, _, SessionState::Closed, _)
        )
    }
}

/// Events kept for a host whose callback does not return; further ones are dropped, but for the
/// last event of each id.
const MAX_PENDING: usize = 16_384;

#[derive(Default)]
struct Queue {
    pending: Mutex<Pending>,
    arrived: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Pending {
    notices: VecDeque<Notice>,
    stopping: bool,
}

/// Where workers leave what the host is to be told.
#[derive(Clone)]
pub struct Notices(Option<Arc<Queue>>);

impl Notices {
    /// For tests of who leaves notices.
    #[cfg(test)]
    pub fn to_nobody() -> Notices {
        Notices(None)
    }

    /// Notices dropped because the host's callback was too slow.
    pub fn dropped(&self) -> u64 {
        let queue = self.0.as_ref();
        queue.map_or(0, |queue| queue.dropped.load(Ordering::Relaxed))
    }

    /// Leaves a notice. Never blocks.
    pub fn push(&self, notice: Notice) {
        let Some(queue) = &self.0 else { return };
        let mut pending = queue.pending.lock();
        if pending.notices.len() >= MAX_PENDING && !notice.is_last() {
            if queue.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
                log::error!("the host's callback is too slow: events are dropped");
            }
            return;
        }
        pending.notices.push_back(notice);
        drop(pending);
        queue.arrived.notify_one();
    }
}

/// The thread.
pub struct Notifier {
    notices: Notices,
    thread: Option<Running>,
}

struct Running {
    thread: JoinHandle<()>,
    /// Disconnected when the thread has ended.
    ended: mpsc::Receiver<()>,
}

impl Notifier {
    /// Starts the thread, if there is somebody to tell.
    pub fn start(events: Option<Box<dyn Events>>) -> Result<Notifier> {
        let Some(events) = events else {
            return Ok(Notifier {
                notices: Notices(None),
                thread: None,
            });
        };
        let queue = Arc::new(Queue::default());
        let notices = Notices(Some(Arc::clone(&queue)));
        let (ending, ended) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("rwg-callback".to_owned())
            .spawn(move || {
                run(&queue, &*events);
                // First the host's data, then the word that it is gone.
                drop(events);
                drop(ending);
            })
            .map_err(|error| Error::new(Status::Io, format!("callback thread: {error}")))?;
        Ok(Notifier {
            notices,
            thread: Some(Running { thread, ended }),
        })
    }

    /// Where to leave notices.
    pub fn notices(&self) -> Notices {
        self.notices.clone()
    }

    /// Tells what is left, then ends the thread. False if a callback has not returned within
    /// `timeout`; it may then be called again.
    pub fn stop(&mut self, timeout: Duration) -> bool {
        if let Some(queue) = &self.notices.0 {
            queue.pending.lock().stopping = true;
            queue.arrived.notify_one();
        }
        if let Some(running) = &self.thread
            && running.ended.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout)
        {
            return false;
        }
        if let Some(running) = self.thread.take() {
            let _ = running.thread.join();
        }
        true
    }
}

fn run(queue: &Queue, events: &dyn Events) {
    mark_callback_thread();
    loop {
        let notice = {
            let mut pending = queue.pending.lock();
            loop {
                match pending.notices.pop_front() {
                    Some(notice) => break notice,
                    None if pending.stopping => return,
                    None => queue.arrived.wait(&mut pending),
                }
            }
        };
        match notice {
            Notice::Stream(stream, state, status) => events.stream_state(stream, state, status),
            Notice::Session(session, stream, state, status) => {
                events.session_state(session, stream, state, status);
            }
            Notice::Authorize(request) => events.authorize(*request),
        }
    }
}
