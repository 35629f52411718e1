//! The thread that calls the host's [`Events`]: in order, under no lock, never a media thread.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::role::{Role, mark_thread};
use super::{AuthorizeRequest, Events, SessionEvent, StreamEvent};
use crate::error::{Error, Result, Status};
use crate::state::{SessionState, StreamId, StreamState};

/// Something to tell the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A stream's new state.
    Stream(Box<StreamEvent>),
    /// A session's new state.
    Session(Box<SessionEvent>),
    /// A push stream needs a keyframe.
    Keyframe(StreamId),
    /// Somebody wants to do something over HTTP.
    Authorize(Box<AuthorizeRequest>),
}

impl Notice {
    /// The last event of an id, which is never dropped.
    fn is_last(&self) -> bool {
        match self {
            Notice::Stream(event) => event.state == StreamState::Removed,
            Notice::Session(event) => event.state == SessionState::Closed,
            Notice::Keyframe(_) | Notice::Authorize(_) => false,
        }
    }
}

/// One thing that waits for the thread.
enum Entry {
    Notice(Notice),
    /// The end of an operation of the host's, which bounds how many there are.
    Call(Box<dyn FnOnce() + Send>),
}

/// Events kept for a host whose callback does not return; further ones are dropped, but for the
/// last event of each id.
const MAX_PENDING: usize = 16_384;

/// How long dropping it waits for the host's function that frees its data.
const DROP_TIMEOUT: Duration = Duration::from_secs(10);

/// With the locks of std: threads that wait for one of `parking_lot` stand in a table of the process,
/// which a fork may catch locked. Then the callback thread of a gateway that the child makes would wait
/// for ever.
#[derive(Default)]
struct Queue {
    pending: Mutex<Pending>,
    arrived: Condvar,
    dropped: AtomicU64,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        // Nothing panics under it half-way.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Pending {
    entries: VecDeque<Entry>,
    stopping: bool,
}

/// Where workers leave what the host is to be told.
#[derive(Clone)]
pub struct Notices(Arc<Queue>);

impl Notices {
    /// For tests of who leaves notices.
    #[cfg(test)]
    pub fn to_nobody() -> Notices {
        Notices(Arc::default())
    }

    /// Notices dropped because the host's callback was too slow.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Leaves a notice. Never blocks.
    pub fn push(&self, notice: Notice) {
        let queue = &self.0;
        let mut pending = queue.lock();
        if pending.entries.len() >= MAX_PENDING && !notice.is_last() {
            // The log callback may call what leaves a notice.
            drop(pending);
            if queue.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
                log::error!("the host's callback is too slow: events are dropped");
            }
            return;
        }
        // One that waits says it all. Few others wait where this is looked for.
        let waits = |entry: &Entry| matches!(entry, Entry::Notice(other) if *other == notice);
        if matches!(notice, Notice::Keyframe(_)) && pending.entries.iter().any(waits) {
            return;
        }
        pending.entries.push_back(Entry::Notice(notice));
        drop(pending);
        queue.arrived.notify_one();
    }

    /// Leaves a call for the thread, behind the notices that wait. Never blocks, never dropped.
    pub fn call(&self, call: Box<dyn FnOnce() + Send>) {
        self.0.lock().entries.push_back(Entry::Call(call));
        self.0.arrived.notify_one();
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
    /// Starts the thread.
    pub fn start(events: Option<Box<dyn Events>>) -> Result<Notifier> {
        let events = events.unwrap_or_else(|| Box::new(Nobody));
        let queue = Arc::new(Queue::default());
        let notices = Notices(Arc::clone(&queue));
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
        self.notices.0.lock().stopping = true;
        self.notices.0.arrived.notify_one();
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

impl Drop for Notifier {
    /// A gateway that could not be made has not stopped it: the host's data is freed all the same,
    /// before its maker is told. Nothing waits to be told then.
    fn drop(&mut self) {
        let stopping = self.notices.0.lock().stopping;
        if !stopping {
            self.stop(DROP_TIMEOUT);
        }
    }
}

/// Hears of nothing.
struct Nobody;

impl Events for Nobody {}

fn run(queue: &Queue, events: &dyn Events) {
    mark_thread(Role::Callback);
    loop {
        let entry = {
            let mut pending = queue.lock();
            loop {
                match pending.entries.pop_front() {
                    Some(entry) => break entry,
                    None if pending.stopping => return,
                    None => {
                        let woken = queue.arrived.wait(pending);
                        pending = woken.unwrap_or_else(PoisonError::into_inner);
                    }
                }
            }
        };
        // A callback of the host that panics keeps no other from being called.
        let told = catch_unwind(AssertUnwindSafe(|| match entry {
            Entry::Notice(notice) => tell(events, notice),
            Entry::Call(call) => call(),
        }));
        if told.is_err() {
            log::error!("a callback of the host panicked");
        }
    }
}

fn tell(events: &dyn Events, notice: Notice) {
    match notice {
        Notice::Stream(event) => events.stream_state(&event),
        Notice::Session(event) => events.session_state(&event),
        Notice::Keyframe(stream) => events.keyframe_request(stream),
        Notice::Authorize(request) => events.authorize(*request),
    }
}
