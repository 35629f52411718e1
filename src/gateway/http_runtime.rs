//! The thread that handles HTTP requests and serves the listeners.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::error::{Error, Result, Status, shutting_down};
use crate::events::role::{Role, mark_thread};
use crate::limit::{Limit, Permit};

/// Threads for blocking calls: those that wait for a worker. One of them is there from the start and stays,
/// as a call that finds none, and no room for one, would be a panic.
const BLOCKING_THREADS: usize = 4;
/// For ever.
const KEEP_ALIVE: Duration = Duration::from_secs(365 * 24 * 3600);

/// Maximum number of the host's asynchronous requests.
const MAX_ASYNC: usize = 1024;

/// The thread, which starts when it is first needed.
pub struct HttpRuntime {
    state: Mutex<State>,
    requests: Limit,
}

impl Default for HttpRuntime {
    fn default() -> Self {
        HttpRuntime {
            state: Mutex::default(),
            requests: Limit::new(MAX_ASYNC, "requests"),
        }
    }
}

#[derive(Default)]
enum State {
    #[default]
    NotNeeded,
    Running(Running),
    /// Stopping: accepts no more tasks.
    Stopping(Running),
    Stopped,
}

struct Running {
    runtime: Handle,
    stop: Arc<Notify>,
    thread: JoinHandle<()>,
    /// Disconnected once the thread has ended.
    ended: mpsc::Receiver<()>,
}

impl HttpRuntime {
    /// Lets `work` spawn tasks; starts the thread if necessary. Shutdown waits for `work`, so the
    /// callback thread is still there for what `work` or its tasks send to it.
    pub fn enter<T>(&self, work: impl FnOnce(&Handle) -> T) -> Result<T> {
        let mut state = self.state.lock();
        if let State::NotNeeded = *state {
            *state = State::Running(Running::start()?);
        }
        match &*state {
            State::Running(running) => Ok(work(&running.runtime)),
            _ => Err(shutting_down()),
        }
    }

    /// Admits one more asynchronous request.
    pub fn permit(&self) -> Result<Permit> {
        self.requests.permit()
    }

    /// Drops all tasks and accepts no more. Does not wait.
    pub fn stop(&self) {
        let mut state = self.state.lock();
        *state = match std::mem::take(&mut *state) {
            State::Running(running) => {
                running.stop.notify_one();
                State::Stopping(running)
            }
            State::NotNeeded => State::Stopped,
            stopped => stopped,
        };
    }

    /// Waits until the thread has ended, after `stop`. Returns false if it has not ended by `deadline`;
    /// it may then be called again. Not to be called concurrently.
    pub fn join(&self, deadline: Instant) -> bool {
        // Waits without the lock, so that late calls fail at once.
        let state = std::mem::replace(&mut *self.state.lock(), State::Stopped);
        if let State::Stopping(running) = state {
            let left = deadline.saturating_duration_since(Instant::now());
            if running.ended.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout) {
                *self.state.lock() = State::Stopping(running);
                return false;
            }
            let _ = running.thread.join();
        }
        true
    }
}

impl Running {
    fn start() -> Result<Running> {
        let cannot =
            |error| Error::new(Status::Io, format!("cannot start the HTTP thread: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_keep_alive(KEEP_ALIVE)
            .thread_name("rwg-http-ask")
            .build()
            .map_err(cannot)?;
        let handle = runtime.handle().clone();
        let first = AssertUnwindSafe(|| handle.spawn_blocking(|| {}));
        catch_unwind(first).map_err(|_| cannot(io::ErrorKind::WouldBlock.into()))?;
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let (ending, ended) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("rwg-http".to_owned())
            .spawn(move || {
                mark_thread(Role::Library);
                runtime.block_on(stopped.notified());
                drop(runtime);
                drop(ending);
            })
            .map_err(cannot)?;
        Ok(Running {
            runtime: handle,
            stop,
            thread,
            ended,
        })
    }
}
