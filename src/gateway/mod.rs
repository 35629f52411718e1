//! The safe Rust API: a [`Gateway`] owns the threads, a [`Handle`] has all other functions.

pub(crate) mod authority;
mod handle;
mod http;
mod http_runtime;
mod memory;
mod offers;
mod outputs;
mod pages;
mod push;
mod sessions;
mod sinks;
mod streams;
#[cfg(feature = "http")]
pub(crate) mod viewer_events;
mod wall;
mod wall_requests;
mod whep;

use std::net::TcpListener;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use self::authority::Authority;
pub use self::handle::Handle;
use self::handle::{Shared, after};
pub use self::http::HttpDone;
use self::pages::PageMessages;
#[cfg(all(test, feature = "http"))]
pub(crate) use self::streams::RESERVED_NAMES;
#[cfg(feature = "http")]
pub(crate) use self::streams::is_name;
use crate::config::Config;
use crate::error::{Error, Result, Status, shutting_down};
use crate::events::{Notifier, role};
#[cfg(feature = "http")]
use crate::limit::Limit;
use crate::net::{Interfaces, Rules, Socket, tcp};
use crate::random;
use crate::session::dtls::Certificate;
use crate::session::turn;
use crate::session::{PathMemory, WallClock};
use crate::source::Trust;
use crate::stun;
use crate::tuning::Tuning;
use crate::whep::http::Origins;
use crate::whep::ice_server;
use crate::worker::OwnAllocation;
use crate::worker::registry::Registry;
use crate::worker::{
    CallerStats, Command, Meeting, NarrowPaths, Peers, PublicAddresses, Reading, ReceiverStats,
    Routes, TcpPorts, Worker, WorkerContext, command_queue, inbox,
};

/// Maximum number of worker threads with `worker_threads = 0`.
const MAX_DEFAULT_WORKERS: usize = 8;
/// Ports that are tried where any will do, until one is free for UDP and TCP.
const PORT_ATTEMPTS: u32 = 16;
/// Connections for media that have come to HTTP listeners, and that wait for a worker.
#[cfg(feature = "http")]
const MAX_CALLED: usize = 256;
/// How long dropping a gateway waits for its threads.
const DROP_TIMEOUT: Duration = Duration::from_secs(10);

/// A gateway: owns the threads and the sockets. Dropping it shuts it down.
///
/// It dereferences to its [`Handle`], which has all other functions.
pub struct Gateway {
    handle: Handle,
    /// The threads, until they have ended.
    threads: Mutex<Option<Threads>>,
}

impl Deref for Gateway {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

/// The callback thread and the workers.
struct Threads {
    notifier: Notifier,
    /// Disconnected once all workers have ended.
    workers_ended: mpsc::Receiver<()>,
    _memory: Option<memory::Watch>,
}

impl Gateway {
    /// Binds the sockets and starts the threads.
    ///
    /// Fails with `Io` if the operating system refuses a socket or a thread, with `InvalidArgument` if
    /// an option or a knob is out of range, and with `WouldDeadlock` inside a callback.
    pub fn new(mut config: Config) -> Result<Gateway> {
        role::check_may_block("create")?;
        let tuning = Arc::new(Tuning::new(&config.tuning)?);
        let ice_links: Arc<[_]> = ice_server::links(&config.ice_servers)?.into();
        let stun_servers = stun::Name::parse_all(&config.stun_servers)?;
        let turn_servers = config.turn_servers.iter().map(|server| {
            let (username, credential) = (&server.username, &server.credential);
            (
                server.url.as_str(),
                username.as_deref(),
                credential.as_deref(),
            )
        });
        let turn_servers = stun::allocation::Server::parse_all(turn_servers)?;
        let trusts = turn_servers.iter().zip(&config.turn_servers);
        let trusts = trusts.map(|(server, options)| {
            let (ca, pin) = (&options.tls_ca, &options.tls_fingerprint);
            server.check_trust(ca.is_some() || pin.is_some())?;
            Trust::of(ca.as_deref(), pin.as_deref(), false)
        });
        let trusts = trusts.collect::<Result<Vec<_>>>()?;
        let turn_servers = turn_servers.into_iter().zip(trusts).collect();
        let interfaces = Arc::new(Interfaces::new(Rules::new(&config.interfaces)?));
        let (socket, listener) = bind(&mut config, &tuning)?;
        let socket = Arc::new(socket);
        let certificate = Arc::new(Certificate::generate()?);
        let host_authorizes = config.events.as_ref().is_some_and(|e| e.authorizes());
        let notifier = Notifier::start(config.events)?;
        let host = host_authorizes.then(|| notifier.notices());
        let authority = Authority::new(&config.bearer_tokens, host)?;
        let origins = Origins::new(&config.allowed_origins)?;
        let registry = Arc::new(Registry::default());
        let routes = Arc::new(Routes::default());
        let paths = Arc::new(PathMemory::default());
        let public_addresses: Arc<[_]> = config.public_addresses.into();
        let started = Instant::now();
        let reflexive = Arc::new(PublicAddresses::new(started, stun_servers));
        let allocation = OwnAllocation::new(started, turn_servers).map(Arc::new);
        let narrow_paths = Arc::new(NarrowPaths::default());
        let (pages, page_messages) = PageMessages::new();
        let clock = WallClock::new(started, SystemTime::now());
        let (ended, workers_ended) = mpsc::channel();
        let (inboxes, queues): (Vec<_>, Vec<_>) =
            (0..worker_count(&tuning)).map(|_| inbox()).unzip();
        let parting = Arc::new(Meeting::default());
        let commands: Vec<_> = queues.iter().map(|_| command_queue()).collect();
        let senders: Vec<_> = commands.iter().map(|(sender, _)| sender.clone()).collect();
        let peers = Peers::new(&senders);
        drop(senders);
        let received = Arc::new(ReceiverStats::default());
        let callers = Arc::new(CallerStats::default());
        let media = listener.as_ref().and_then(|tcp| tcp.local_addr().ok());
        let tcp_ports = Arc::new(TcpPorts::new(media));
        let turn = match config.turn {
            true => Some(Arc::new(turn::Authority::new(random::bytes()?))),
            false => None,
        };
        let mut listener = listener;
        let workers = queues
            .into_iter()
            .zip(commands)
            .enumerate()
            .map(|(index, (queues, commands))| {
                let reading = (index == 0).then(|| Reading {
                    inboxes: inboxes.clone(),
                    stats: Arc::clone(&received),
                    listener: listener.take(),
                });
                let context = WorkerContext {
                    index,
                    peers: peers.clone(),
                    socket: Arc::clone(&socket),
                    tcp_ports: Arc::clone(&tcp_ports),
                    turn: turn.clone(),
                    callers: Arc::clone(&callers),
                    routes: Arc::clone(&routes),
                    paths: Arc::clone(&paths),
                    narrow_paths: Arc::clone(&narrow_paths),
                    pages: pages.clone(),
                    tuning: Arc::clone(&tuning),
                    interfaces: Arc::clone(&interfaces),
                    public_addresses: Arc::clone(&public_addresses),
                    reflexive: Arc::clone(&reflexive),
                    allocation: allocation.clone(),
                    ice_links: Arc::clone(&ice_links),
                    certificate: Arc::clone(&certificate),
                    notices: notifier.notices(),
                    registry: Arc::clone(&registry),
                    parting: Arc::clone(&parting),
                    clock,
                };
                Worker::start(context, commands, queues, reading, ended.clone()).map_err(|error| {
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
            reflexive,
            allocation,
            narrow_paths,
            page_messages,
            received,
            callers,
            tcp_ports,
            #[cfg(feature = "http")]
            called: Limit::new(MAX_CALLED, "connections for media"),
            notices: notifier.notices(),
            authority,
            origins,
            feeds: Default::default(),
            sinks: Default::default(),
            outputs: Default::default(),
            http: Default::default(),
            #[cfg(feature = "http")]
            viewer_events: Default::default(),
            offers: Arc::default(),
            refused_for_memory: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            workers,
            closing: AtomicBool::new(false),
        };
        let handle = Handle {
            shared: Arc::new(shared),
        };
        Ok(Gateway {
            threads: Mutex::new(Some(Threads {
                notifier,
                workers_ended,
                _memory: memory::Watch::start(handle.clone()),
            })),
            handle,
        })
    }

    /// A handle, e.g. for another thread of the host.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Closes all sessions and streams, delivers the last events, and ends the threads. Blocking. All
    /// other calls fail with `ShuttingDown` from now on.
    ///
    /// Fails with `Timeout` if threads are still running after `timeout`; it may then be called again.
    /// Does nothing if the gateway has been shut down before.
    pub fn shutdown(&self, timeout: Duration) -> Result<()> {
        role::check_may_block("shutdown")?;
        self.handle.shared.closing.store(true, Ordering::SeqCst);
        self.handle.shared.sinks.close();
        let deadline = after(timeout);
        // Another thread may be shutting down, with a longer timeout.
        let Some(mut threads) = self.threads.try_lock_until(deadline) else {
            return Err(not_ended("another call of shutdown", timeout));
        };
        let Some(running) = &mut *threads else {
            return Ok(());
        };
        #[cfg(feature = "http")]
        self.handle.shared.viewer_events.close(deadline);
        self.handle.shared.http.stop();
        for worker in &self.handle.shared.workers {
            worker.command(Command::Shutdown);
        }
        if !self.handle.shared.http.join(deadline) {
            return Err(not_ended("the HTTP thread", timeout));
        }
        if running.workers_ended.recv_timeout(left(deadline)) == Err(RecvTimeoutError::Timeout) {
            return Err(not_ended("a worker thread", timeout));
        }
        for worker in &self.handle.shared.workers {
            worker.join();
        }
        // Offers that the workers left behind; the callback thread still reports them.
        self.handle.shared.offers.close(&shutting_down());
        if !running.notifier.stop(left(deadline)) {
            return Err(not_ended("the callback thread", timeout));
        }
        *threads = None;
        Ok(())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if self.threads.get_mut().is_none() {
            return;
        }
        // Does not wait again after a shutdown that timed out.
        let timeout = match self.handle.shared.closing.load(Ordering::SeqCst) {
            true => Duration::ZERO,
            false => DROP_TIMEOUT,
        };
        if let Err(error) = self.shutdown(timeout) {
            log::error!("gateway not shut down cleanly: {error}");
        }
    }
}

/// Opens the UDP socket, and listens on TCP if that is asked for; or takes over what the host passes.
fn bind(config: &mut Config, tuning: &Tuning) -> Result<(Socket, Option<TcpListener>)> {
    if config.udp_socket.is_some() && config.udp_bind.is_some() {
        return Err(Error::new(
            Status::InvalidArgument,
            "udp_bind and udp_fd exclude each other: a socket that is passed is bound already",
        ));
    }
    let listener = config.tcp_listener.take();
    let listener = listener
        .map(|listener| tcp::adopt(listener, "tcp_fd"))
        .transpose()?;
    let adopted = config.udp_socket.take();
    let listens = config.ice_tcp && listener.is_none();
    let any_port = adopted.is_none() && config.udp_bind.is_none_or(|address| address.port() == 0);
    let mut socket = match adopted {
        Some(socket) => Socket::adopt(socket, tuning)?,
        None => Socket::bind(config.udp_bind, tuning)?,
    };
    if !listens {
        return Ok((socket, listener));
    }
    let mut attempts = if any_port { PORT_ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        match tcp::listen(socket.local()) {
            Ok(listener) => return Ok((socket, Some(listener))),
            Err(error) if attempts == 0 => return Err(error),
            // Somebody else has that port.
            Err(_) => socket = Socket::bind(config.udp_bind, tuning)?,
        }
    }
}

fn worker_count(tuning: &Tuning) -> usize {
    // One busy worker wakes up less often per packet than two that are half idle, and the other cores
    // are left to the host.
    let half_of_the_cores = || {
        std::thread::available_parallelism()
            .map_or(1, |cores| cores.get() / 2)
            .clamp(1, MAX_DEFAULT_WORKERS)
    };
    tuning.worker_threads().unwrap_or_else(half_of_the_cores)
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn not_ended(thread: &str, timeout: Duration) -> Error {
    let seconds = timeout.as_secs_f32();
    Error::new(
        Status::Timeout,
        format!("{thread} did not end within {seconds:.1} s: call shutdown again"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::Key;

    #[test]
    fn workers_are_as_many_as_asked() {
        for (asked, expected) in [(1, 1), (3, 3)] {
            let gateway = Gateway::new(Config {
                tuning: vec![(Key::WorkerThreads, asked)],
                ..Config::default()
            })
            .unwrap();
            assert_eq!(gateway.handle.shared.workers.len(), expected);
        }
        let by_itself = Gateway::new(Config::default())
            .unwrap()
            .shared
            .workers
            .len();
        assert!((1..=MAX_DEFAULT_WORKERS).contains(&by_itself));
    }
}
