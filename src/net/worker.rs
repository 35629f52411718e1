//! A worker: a thread that owns streams with all that belongs to them. Between "access unit
//! complete" and "datagrams handed to the kernel" there is no lock, no channel and no wake-up.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;

use super::core::Core;
use super::interfaces::Interfaces;
use super::receiver::Datagram;
use super::route::Routes;
use super::socket::Socket;
use crate::config::{PullOptions, SessionId, SessionInfo, StreamId, StreamInfo};
use crate::error::Result;
use crate::notifier::Notices;
use crate::registry::Registry;
use crate::session::WallClock;
use crate::session::dtls::Certificate;
use crate::source::CameraUrl;
use crate::tuning::Tuning;
use crate::whep::Response;
use crate::whep::offer::Offer;

/// Datagrams that may wait for a worker; more are dropped, as a full socket buffer would.
const DATAGRAM_QUEUE: usize = 4096;
/// Datagrams handled before other work gets its turn.
const DATAGRAM_BATCH: usize = 64;
/// How long a worker that ends waits for its cameras to take their TEARDOWN.
const TEARDOWN_GRACE: Duration = Duration::from_millis(100);

/// What all workers of a gateway share.
pub struct WorkerContext {
    /// Index of this worker.
    pub index: usize,
    /// The gateway's socket.
    pub socket: Arc<Socket>,
    /// Which session owns which address.
    pub routes: Arc<Routes>,
    /// The knobs.
    pub tuning: Arc<Tuning>,
    /// This host's addresses.
    pub interfaces: Arc<Interfaces>,
    /// Addresses to advertise besides.
    pub public_addresses: Arc<[std::net::IpAddr]>,
    /// The gateway's certificate.
    pub certificate: Arc<Certificate>,
    /// Where to leave what the host is to be told.
    pub notices: Notices,
    /// Who owns what.
    pub registry: Arc<Registry>,
    /// Tells wall clock.
    pub clock: WallClock,
}

/// A WHEP offer on its way to the worker that owns the stream.
pub struct OfferRequest {
    /// What to watch.
    pub stream: StreamId,
    /// The browser's offer.
    pub offer: Offer,
    /// What to put before the session key in `Location`.
    pub location_prefix: Option<String>,
    /// When the caller gives up.
    pub deadline: Instant,
    /// Where the answer goes.
    pub reply: SyncSender<Result<Response>>,
}

/// What host threads ask of a worker.
pub enum Command {
    /// Connect a camera.
    AddStream {
        /// Its id.
        id: StreamId,
        /// Its name.
        name: Arc<str>,
        /// Its address.
        url: Box<CameraUrl>,
        /// How to connect.
        options: Box<PullOptions>,
    },
    /// Disconnect a camera and close its sessions.
    RemoveStream(StreamId),
    /// Answer an offer.
    Offer(Box<OfferRequest>),
    /// Close a session.
    CloseSession(SessionId),
    /// Tell of a stream.
    StreamInfo(StreamId, SyncSender<Result<StreamInfo>>),
    /// Tell of a session.
    SessionInfo(SessionId, SyncSender<Result<SessionInfo>>),
    /// A knob was changed.
    TuningChanged,
    /// Close everything and end.
    Shutdown,
}

/// A worker's thread, and the ways to reach it.
pub struct Worker {
    commands: mpsc::UnboundedSender<Command>,
    datagrams: mpsc::Sender<Datagram>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    /// Starts the thread, which drops `ended` at its end.
    pub fn start(context: WorkerContext, ended: Sender<()>) -> io::Result<Worker> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (commands, command_queue) = mpsc::unbounded_channel();
        let (datagrams, datagram_queue) = mpsc::channel(DATAGRAM_QUEUE);
        let name = format!("rwg-worker-{}", context.index);
        let thread = spawn_thread(&name, move || {
            let local = LocalSet::new();
            local.block_on(&runtime, run(context, command_queue, datagram_queue));
            drop((local, runtime, ended));
        })?;
        Ok(Worker {
            commands,
            datagrams,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Asks something of the worker. False if it has ended.
    pub fn command(&self, command: Command) -> bool {
        self.commands.send(command).is_ok()
    }

    /// Where the receiving thread leaves datagrams.
    pub fn datagrams(&self) -> mpsc::Sender<Datagram> {
        self.datagrams.clone()
    }

    /// Waits for the end of the thread.
    pub fn join(&self) {
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

/// Starts a named thread.
pub fn spawn_thread(
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
}

async fn run(
    context: WorkerContext,
    mut commands: mpsc::UnboundedReceiver<Command>,
    mut datagrams: mpsc::Receiver<Datagram>,
) {
    let rearmed = Rc::new(Notify::new());
    let core = Rc::new(RefCell::new(Core::new(context, Rc::clone(&rearmed))));
    let mut batch = Vec::with_capacity(DATAGRAM_BATCH);
    loop {
        let deadline = core.borrow().next_deadline();
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Shutdown) | None => break,
                Some(command) => Core::command(&core, command),
            },
            received = datagrams.recv_many(&mut batch, DATAGRAM_BATCH), if !datagrams.is_closed() => {
                let _: usize = received;
                let mut core = core.borrow_mut();
                for datagram in batch.drain(..) {
                    core.datagram(&datagram);
                }
            }
            () = sleep_until(deadline) => core.borrow_mut().timeouts(Instant::now()),
            // A source's task has made somebody due sooner than we sleep.
            () = rearmed.notified() => {}
        }
    }
    let had_cameras = core.borrow_mut().shutdown();
    if had_cameras {
        // The sources' tasks are aborted; dropping them sends TEARDOWN from tasks of their own.
        tokio::time::sleep(TEARDOWN_GRACE).await;
    }
}

fn sleep_until(deadline: Option<Instant>) -> impl Future<Output = ()> {
    // An hour stands for "nothing is due".
    let deadline = deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
    tokio::time::sleep_until(deadline.into())
}
