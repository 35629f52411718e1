//! The safe Rust API: one gateway owns streams, sessions and the threads that serve them.

mod front;
mod http;
mod lists;
mod offers;
mod patch;
mod push;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use self::front::Front;
pub use self::http::HttpDone;
use crate::authority::Authority;
use crate::config::{Config, PullOptions};
use crate::error::{Error, Result, Status, shutting_down};
use crate::events::on_callback_thread;
use crate::figures::{GatewaySnapshot, WorkerSnapshot};
use crate::metrics;
use crate::net::{
    Command, Interfaces, Reading, ReceiverStats, Routes, Socket, Worker, WorkerContext, inbox,
};
use crate::notifier::{Notices, Notifier};
use crate::operations::Operations;
use crate::registry::Registry;
use crate::session::WallClock;
use crate::session::dtls::Certificate;
use crate::snapshot;
use crate::source::{CameraUrl, Patience};
use crate::state::{SessionId, SessionInfo, StreamId, StreamInfo};
use crate::tuning::{Key, Tuning};
use crate::whep::ice_server;

/// The most worker threads that `worker_threads = 0` gives.
const MAX_DEFAULT_WORKERS: usize = 8;
/// How long a worker may take to answer. Only a stuck one takes longer.
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest stream name.
const MAX_NAME: usize = 128;
/// How long dropping a gateway waits for its threads.
const DROP_TIMEOUT: Duration = Duration::from_secs(10);

/// A gateway. All methods may be called from any thread, at the same time.
///
/// Dropping it shuts it down.
pub struct Gateway {
    shared: Arc<Shared>,
    /// The threads, until they have ended. A [twin](Gateway::twin) has none.
    threads: Mutex<Option<Threads>>,
}

/// What every thread that calls the gateway needs.
struct Shared {
    started: Instant,
    tuning: Arc<Tuning>,
    registry: Arc<Registry>,
    socket: Arc<Socket>,
    interfaces: Arc<Interfaces>,
    received: Arc<ReceiverStats>,
    notices: Notices,
    authority: Authority,
    front: Front,
    operations: Arc<Operations>,
    workers: Vec<Worker>,
    closing: AtomicBool,
}

/// The callback thread and the workers.
struct Threads {
    notifier: Notifier,
    /// Disconnected when all workers have ended.
    workers_ended: mpsc::Receiver<()>,
}

impl Gateway {
    /// Binds the socket and starts the threads.
    ///
    /// Fails with `Io` if the system refuses the socket or a thread, with `InvalidArgument` if a
    /// knob is out of its range.
    pub fn new(config: Config) -> Result<Gateway> {
        if on_callback_thread() {
            return Err(would_deadlock("create"));
        }
        let tuning = Arc::new(Tuning::new(&config.tuning)?);
        let ice_links: Arc<[_]> = ice_server::links(&config.ice_servers)?.into();
        let socket = Arc::new(Socket::bind(config.udp_bind, &tuning)?);
        let certificate = Arc::new(Certificate::generate()?);
        let host_authorizes = config.events.as_ref().is_some_and(|e| e.authorizes());
        let notifier = Notifier::start(config.events)?;
        let host = host_authorizes.then(|| notifier.notices());
        let authority = Authority::new(&config.bearer_tokens, host)?;
        let registry = Arc::new(Registry::default());
        let routes = Arc::new(Routes::default());
        let interfaces = Arc::new(Interfaces::default());
        let public_addresses: Arc<[_]> = config.public_addresses.into();
        let started = Instant::now();
        let clock = WallClock::new(started, SystemTime::now());
        let (ended, workers_ended) = mpsc::channel();
        let (inboxes, queues): (Vec<_>, Vec<_>) =
            (0..worker_count(&tuning)).map(|_| inbox()).unzip();
        let received = Arc::new(ReceiverStats::default());
        let workers = queues
            .into_iter()
            .enumerate()
            .map(|(index, queues)| {
                let reading = (index == 0).then(|| Reading {
                    inboxes: inboxes.clone(),
                    stats: Arc::clone(&received),
                });
                let context = WorkerContext {
                    index,
                    socket: Arc::clone(&socket),
                    routes: Arc::clone(&routes),
                    tuning: Arc::clone(&tuning),
                    interfaces: Arc::clone(&interfaces),
                    public_addresses: Arc::clone(&public_addresses),
                    ice_links: Arc::clone(&ice_links),
                    certificate: Arc::clone(&certificate),
                    notices: notifier.notices(),
                    registry: Arc::clone(&registry),
                    clock,
                };
                Worker::start(context, queues, reading, ended.clone()).map_err(|error| {
                    Error::new(Status::Io, format!("cannot start a worker thread: {error}"))
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let shared = Shared {
            started,
            tuning,
            registry,
            socket,
            interfaces,
            received,
            notices: notifier.notices(),
            authority,
            front: Front::default(),
            operations: Arc::default(),
            workers,
            closing: AtomicBool::new(false),
        };
        Ok(Gateway {
            shared: Arc::new(shared),
            threads: Mutex::new(Some(Threads {
                notifier,
                workers_ended,
            })),
        })
    }

    /// Adds a camera. Returns at once; the connection is made in the background and retried
    /// whenever it ends.
    ///
    /// `name` is the WHEP resource name: unique, 1 to 128 of `A-Z a-z 0-9 . _ ~ -`.
    pub fn add_stream(&self, name: &str, options: PullOptions) -> Result<StreamId> {
        self.check_open()?;
        check_name(name)?;
        let url = Box::new(CameraUrl::parse(&options)?);
        let patience = Patience::of(&options)?;
        let (id, name, worker) = self
            .shared
            .registry
            .add_stream(name, self.shared.workers.len())?;
        self.command(
            worker,
            Command::AddStream {
                id,
                name,
                url,
                options: Box::new(options),
                patience,
            },
        )?;
        Ok(id)
    }

    /// Removes a stream and closes its sessions. Its name is free at once.
    pub fn remove_stream(&self, stream: StreamId) -> Result<()> {
        self.check_open()?;
        let worker = self.shared.registry.remove_stream(stream)?;
        self.command(worker, Command::RemoveStream(stream))
    }

    /// A stream at this moment.
    pub fn stream_info(&self, stream: StreamId) -> Result<StreamInfo> {
        self.check_open()?;
        let worker = self.shared.registry.stream(stream)?;
        self.ask(worker, |reply| Command::StreamInfo(stream, reply))?
    }

    /// A session at this moment.
    pub fn session_info(&self, session: SessionId) -> Result<SessionInfo> {
        self.check_open()?;
        let place = self.shared.registry.session(session)?;
        self.ask(place.worker, |reply| {
            Command::SessionInfo(session, place.slot, reply)
        })?
    }

    /// Changes a knob. `InvalidArgument` if the value is out of range, `InvalidState` if the knob
    /// can only be set at creation.
    pub fn set_tuning(&self, key: Key, value: i64) -> Result<()> {
        self.check_open()?;
        self.shared.tuning.set(key, value)?;
        for worker in 0..self.shared.workers.len() {
            if !self.shared.workers[worker].retune() {
                return Err(shutting_down());
            }
        }
        Ok(())
    }

    /// Reads a knob.
    pub fn tuning(&self, key: Key) -> i64 {
        self.shared.tuning.get(key)
    }

    /// Counters and gauges in the text format of Prometheus (version 0.0.4).
    pub fn metrics(&self) -> Result<String> {
        Ok(metrics::text(&self.now()?))
    }

    /// Everything about this moment in JSON: workers, knobs, streams and sessions.
    pub fn snapshot(&self) -> Result<String> {
        snapshot::json(&self.now()?)
    }

    fn now(&self) -> Result<GatewaySnapshot<'_>> {
        self.check_open()?;
        let workers = (0..self.shared.workers.len())
            .map(|worker| self.ask(worker, Command::Snapshot))
            .collect::<Result<Vec<WorkerSnapshot>>>()?;
        Ok(GatewaySnapshot {
            uptime: self.shared.started.elapsed(),
            workers,
            datagrams_unknown: self.shared.received.unknown.load(Ordering::Relaxed),
            datagrams_overrun: self.shared.received.overrun.load(Ordering::Relaxed),
            send_errors: self.shared.socket.errors(),
            events_dropped: self.shared.notices.dropped(),
            interface_enumerations: self.shared.interfaces.enumerations(),
            tuning: &self.shared.tuning,
        })
    }

    /// Closes every session and stream, delivers the last events, ends the threads. Blocking;
    /// other calls fail with `ShuttingDown` from now on. `Timeout` if threads are left when
    /// `timeout` is over; it may then be called again. Once done, calling it again does nothing.
    pub fn shutdown(&self, timeout: Duration) -> Result<()> {
        if on_callback_thread() {
            return Err(would_deadlock("shutdown"));
        }
        self.shared.closing.store(true, Ordering::SeqCst);
        let deadline = after(timeout);
        // Another thread may be at it, and may have more time.
        let Some(mut threads) = self.threads.try_lock_until(deadline) else {
            return Err(not_ended("another call of shutdown", timeout));
        };
        let Some(running) = &mut *threads else {
            return Ok(());
        };
        self.shared.front.stop();
        for worker in self.shared.workers.iter() {
            worker.command(Command::Shutdown);
        }
        if !self.shared.front.join(deadline) {
            return Err(not_ended("the HTTP thread", timeout));
        }
        if running.workers_ended.recv_timeout(left(deadline)) == Err(RecvTimeoutError::Timeout) {
            return Err(not_ended("a worker thread", timeout));
        }
        for worker in self.shared.workers.iter() {
            worker.join();
        }
        // Whatever a worker left behind; the callback thread still hears of it.
        self.shared.operations.close(&shutting_down());
        if !running.notifier.stop(left(deadline)) {
            return Err(not_ended("the callback thread", timeout));
        }
        *threads = None;
        Ok(())
    }

    /// The same gateway, for a thread of its own. Dropping it does not shut down.
    pub(crate) fn twin(&self) -> Gateway {
        Gateway {
            shared: Arc::clone(&self.shared),
            threads: Mutex::new(None),
        }
    }

    fn check_open(&self) -> Result<()> {
        if self.shared.closing.load(Ordering::SeqCst) {
            return Err(shutting_down());
        }
        Ok(())
    }

    fn command(&self, worker: usize, command: Command) -> Result<()> {
        if self.shared.workers[worker].command(command) {
            Ok(())
        } else {
            Err(shutting_down())
        }
    }

    fn ask<T>(&self, worker: usize, question: impl FnOnce(SyncSender<T>) -> Command) -> Result<T> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.command(worker, question(reply))?;
        match answer.recv_timeout(REPLY_TIMEOUT) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Disconnected) => Err(shutting_down()),
            Err(RecvTimeoutError::Timeout) => Err(overloaded()),
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if self.threads.get_mut().is_none() {
            return;
        }
        // A shutdown that was given up is not waited for again.
        let timeout = match self.shared.closing.load(Ordering::SeqCst) {
            true => Duration::ZERO,
            false => DROP_TIMEOUT,
        };
        if let Err(error) = self.shutdown(timeout) {
            log::error!("gateway not shut down cleanly: {error}");
        }
    }
}

fn worker_count(tuning: &Tuning) -> usize {
    // One that is busy wakes less often per packet than two that are half idle; the other cores are
    // the host's.
    let half_of_the_cores = || {
        std::thread::available_parallelism()
            .map_or(1, |cores| cores.get() / 2)
            .clamp(1, MAX_DEFAULT_WORKERS)
    };
    tuning.worker_threads().unwrap_or_else(half_of_the_cores)
}

/// The end of `timeout`; a year stands for "never", which an `Instant` cannot say.
fn after(timeout: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    Instant::now() + timeout.min(YEAR)
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn check_name(name: &str) -> Result<()> {
    if !is_name(name) {
        return Err(Error::new(
            Status::InvalidArgument,
            "a stream name has 1 to 128 of the characters A-Z a-z 0-9 . _ ~ -",
        ));
    }
    Ok(())
}

/// Whether a stream may have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._~-".contains(c);
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed)
}

fn overloaded() -> Error {
    Error::new(
        Status::Timeout,
        "a worker thread does not answer: the machine is overloaded",
    )
}

fn not_ended(thread: &str, timeout: Duration) -> Error {
    let seconds = timeout.as_secs_f32();
    Error::new(
        Status::Timeout,
        format!("{thread} did not end within {seconds:.1} s"),
    )
}

fn would_deadlock(function: &str) -> Error {
    Error::new(
        Status::WouldDeadlock,
        format!("{function} blocks and cannot be called from a callback: use another thread"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_as_many_as_asked() {
        for (asked, expected) in [(1, 1), (3, 3)] {
            let gateway = Gateway::new(Config {
                tuning: vec![(Key::WorkerThreads, asked)],
                ..Config::default()
            })
            .unwrap();
            assert_eq!(gateway.shared.workers.len(), expected);
        }
        let by_itself = Gateway::new(Config::default())
            .unwrap()
            .shared
            .workers
            .len();
        assert!((1..=MAX_DEFAULT_WORKERS).contains(&by_itself));
    }
}
