//! The thread that calls the host's [`Events`], in order and without holding a lock.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::role::{Role, mark_thread};
use super::{AuthorizeRequest, Events, OutputEvent, QualityEvent, SessionEvent, StreamEvent};
use crate::error::{Error, Result, Status};
use crate::limit::Permit;
use crate::state::{OutputState, SessionState, StreamId, StreamState};

/// An event for the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A stream's new state.
    Stream(Box<StreamEvent>),
    /// A session's new state.
    Session(Box<SessionEvent>),
    /// A viewer is shown something else.
    Quality(Box<QualityEvent>),
    /// An output's new state.
    Output(Box<OutputEvent>),
    /// A push stream needs a keyframe.
    Keyframe(StreamId),
}

impl Notice {
    /// Whether this is the last event of an id, which is never dropped.
    fn is_last(&self) -> bool {
        match self {
            Notice::Stream(event) => event.state == StreamState::Removed,
            Notice::Session(event) => event.state == SessionState::Closed,
            Notice::Output(event) => event.state == OutputState::Removed,
            Notice::Quality(_) | Notice::Keyframe(_) => false,
        }
    }
}

/// An entry of the queue.
enum Entry {
    Notice(Notice),
    /// A request to be authorized, while somebody waits for that.
    Question(Box<AuthorizeRequest>, Arc<Permit>),
    /// The completion of an operation of the host, whose number is limited.
    Call(Box<dyn FnOnce() + Send>),
}

/// Maximum number of queued events; further ones are dropped, except the last event of each id.
const MAX_PENDING: usize = 16_384;

/// How long dropping it waits for the host's free function.
const DROP_TIMEOUT: Duration = Duration::from_secs(10);

/// Uses the locks of std: `parking_lot` keeps waiting threads in a table of the process, which a fork may
/// copy while it is locked. The callback thread of a gateway in the child would then wait forever.
#[derive(Default)]
struct Queue {
    pending: Mutex<Pending>,
    arrived: Condvar,
    dropped: AtomicU64,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        // Nothing panics while it is held.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Pending {
    entries: VecDeque<Entry>,
    stopping: bool,
}

/// The sending side of the event queue.
#[derive(Clone)]
pub struct Notices(Arc<Queue>);

impl Notices {
    /// A queue without a thread, for tests.
    #[cfg(test)]
    pub fn to_nobody() -> Notices {
        Notices(Arc::default())
    }

    /// Number of events dropped because the host's callback was too slow.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Queues an event. Never blocks.
    pub fn push(&self, notice: Notice) {
        let queue = &self.0;
        let mut pending = queue.lock();
        if pending.entries.len() >= MAX_PENDING && !notice.is_last() {
            // The log callback may itself queue an event.
            drop(pending);
            if queue.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
                log::error!("the host's callback is too slow: events are dropped");
            }
            return;
        }
        // One queued request is enough. The queue is short when this is checked.
        let waits = |entry: &Entry| matches!(entry, Entry::Notice(other) if *other == notice);
        if matches!(notice, Notice::Keyframe(_)) && pending.entries.iter().any(waits) {
            return;
        }
        pending.entries.push_back(Entry::Notice(notice));
        drop(pending);
        queue.arrived.notify_one();
    }

    /// Queues a question to the host, which is left out if the caller has dropped its permit by then.
    /// Never blocks. The permit bounds the questions in the queue, too, so that strangers who ask and
    /// leave take no memory and no places of events.
    pub fn ask(&self, request: AuthorizeRequest, permit: Arc<Permit>) {
        let question = Entry::Question(Box::new(request), permit);
        self.0.lock().entries.push_back(question);
        self.0.arrived.notify_one();
    }

    /// Queues a call behind the queued events. Never blocks; never dropped.
    pub fn call(&self, call: Box<dyn FnOnce() + Send>) {
        self.0.lock().entries.push_back(Entry::Call(call));
        self.0.arrived.notify_one();
    }
}

/// The thread that calls the host.
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
                // Free the host's data first, then report the exit.
                drop(events);
                drop(ending);
            })
            .map_err(|error| {
                Error::new(
                    Status::Io,
                    format!("cannot start the callback thread: {error}"),
                )
            })?;
        Ok(Notifier {
            notices,
            thread: Some(Running { thread, ended }),
        })
    }

    /// The sending side of the queue.
    pub fn notices(&self) -> Notices {
        self.notices.clone()
    }

    /// Delivers the queued events, then ends the thread. False if a callback has not returned within
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
    /// Reached without `stop` if the gateway could not be created: the host's data is freed before
    /// `create` returns. Nothing is queued then.
    fn drop(&mut self) {
        let stopping = self.notices.0.lock().stopping;
        if !stopping {
            self.stop(DROP_TIMEOUT);
        }
    }
}

/// Ignores all events.
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
        // A panic in one callback does not prevent later ones.
        let told = catch_unwind(AssertUnwindSafe(|| match entry {
            Entry::Notice(notice) => tell(events, notice),
            Entry::Question(request, permit) if Arc::strong_count(&permit) > 1 => {
                // From now on the host has it.
                drop(permit);
                events.authorize(*request);
            }
            Entry::Question(..) => {}
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
        Notice::Quality(event) => events.session_quality(&event),
        Notice::Output(event) => events.output_state(&event),
        Notice::Keyframe(stream) => events.keyframe_request(stream),
    }
}
