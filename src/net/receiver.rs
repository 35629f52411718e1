//! Reads the socket and hands datagrams to the workers that own their sessions.
//!
//! The first worker does this, in turns of bounded length between its other work. What is for
//! sessions of its own it handles at once. A thread of its own would wake up for each datagram
//! only to wake up a worker, which costs a tenth of all CPU.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use quinn_udp::{BATCH_SIZE, RecvMeta};
use tokio::io::Interest;
use tokio::sync::mpsc;

use super::route::Routes;
use super::socket::{Socket, canonical};
use crate::registry::Place;
use crate::session::ice;

/// Waits for the socket to become readable, and for nothing else: whoever waits for writable, too,
/// is woken for nothing by every send, when its buffer is freed.
#[cfg(unix)]
type Readiness = tokio::io::unix::AsyncFd<std::net::UdpSocket>;
#[cfg(not(unix))]
type Readiness = tokio::net::UdpSocket;

#[cfg(unix)]
#[expect(
    deprecated,
    reason = "its successor is unsafe for types that close their descriptor; a socket does not"
)]
fn readiness(io: std::net::UdpSocket) -> io::Result<Readiness> {
    Readiness::with_interest(io, Interest::READABLE)
}

#[cfg(not(unix))]
fn readiness(io: std::net::UdpSocket) -> io::Result<Readiness> {
    Readiness::from_std(io)
}

/// Largest datagram that anyone may send us: DTLS with certificates fits, media never comes.
const MAX_DATAGRAM: usize = 2048;
/// Calls in a turn, each for a batch of datagrams, before other work gets its own.
const CALLS: usize = 4;
/// Datagrams that may wait for a worker; more are dropped, as a full socket buffer would.
const VIEWER_QUEUE: usize = 4096;
/// Checks of strangers that may wait; browsers repeat theirs.
const STRANGER_QUEUE: usize = 1024;
/// Datagrams of each queue handled in a turn.
pub const QUEUE_BATCH: usize = 64;

/// A datagram for a session.
#[derive(Debug)]
pub struct Datagram<B> {
    /// The session's slot in its worker.
    pub slot: usize,
    /// Where it came from.
    pub remote: SocketAddr,
    /// Which of our addresses it was sent to, as the system wrote it.
    pub local: Option<IpAddr>,
    /// What it holds.
    pub contents: B,
}

/// A datagram that waits for its worker.
pub type Queued = Datagram<Box<[u8]>>;

/// The way to a worker.
#[derive(Clone)]
pub struct Inbox {
    /// For datagrams that came from where an authentic check came from before.
    viewers: mpsc::Sender<Queued>,
    /// For checks from elsewhere. Anyone can send those, and a flood of them must not take the
    /// place of what viewers send.
    strangers: mpsc::Sender<Queued>,
}

/// What waits for a worker.
pub struct Queues {
    viewers: mpsc::Receiver<Queued>,
    strangers: mpsc::Receiver<Queued>,
}

/// Both ends of the way to a worker.
pub fn inbox() -> (Inbox, Queues) {
    let (viewers, viewer_queue) = mpsc::channel(VIEWER_QUEUE);
    let (strangers, stranger_queue) = mpsc::channel(STRANGER_QUEUE);
    let queues = Queues {
        viewers: viewer_queue,
        strangers: stranger_queue,
    };
    (Inbox { viewers, strangers }, queues)
}

impl Queues {
    /// Takes some of what waits; ready when there is something.
    pub fn poll(&mut self, context: &mut Context<'_>, batch: &mut Vec<Queued>) -> Poll<()> {
        let _ = self.viewers.poll_recv_many(context, batch, QUEUE_BATCH);
        let _ = self.strangers.poll_recv_many(context, batch, QUEUE_BATCH);
        match batch.is_empty() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }
}

/// Datagrams that came in.
#[derive(Debug, Default)]
pub struct ReceiverStats {
    /// For no session of ours.
    pub unknown: AtomicU64,
    /// Dropped because a worker was too busy to take them.
    pub overrun: AtomicU64,
}

/// Reads the socket.
pub struct Receiver {
    readiness: Readiness,
    demux: Demux,
    storage: Vec<u8>,
    /// Bytes of `storage` for each message of a batch.
    size: usize,
}

/// What tells whose a datagram is.
struct Demux {
    /// The worker that reads.
    worker: usize,
    socket: Arc<Socket>,
    routes: Arc<Routes>,
    inboxes: Vec<Inbox>,
    stats: Arc<ReceiverStats>,
}

impl Receiver {
    /// To be called in the runtime of `worker`, which is to read. `inboxes` are those of all
    /// workers.
    pub fn new(
        worker: usize,
        socket: Arc<Socket>,
        routes: Arc<Routes>,
        inboxes: Vec<Inbox>,
        stats: Arc<ReceiverStats>,
    ) -> io::Result<Receiver> {
        let io = socket.io().try_clone()?;
        let readiness = readiness(io)?;
        let size = MAX_DATAGRAM * socket.state().gro_segments();
        Ok(Receiver {
            readiness,
            storage: vec![0; size * BATCH_SIZE],
            size,
            demux: Demux {
                worker,
                socket,
                routes,
                inboxes,
                stats,
            },
        })
    }

    /// Ready when [`Receiver::turn`] may find something.
    pub fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        #[cfg(unix)]
        let ready = self.readiness.poll_read_ready(context).map(|_| ());
        #[cfg(not(unix))]
        let ready = self.readiness.poll_recv_ready(context).map(|_| ());
        ready
    }

    /// Reads what is there, up to a limit. Hands datagrams from viewers of this worker to `own`.
    /// True if there may be more.
    pub fn turn(&mut self, mut own: impl FnMut(Datagram<&[u8]>)) -> bool {
        for _ in 0..CALLS {
            match self.receive(&mut own) {
                Ok(count) if count < BATCH_SIZE => {
                    // Nothing is left: what comes later makes the socket ready anew.
                    let drained = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
                    let _ = self.try_io(drained);
                    return false;
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // An old ICMP message, for example; the next read tells.
                Err(_) => {}
            }
        }
        true
    }

    /// Takes a batch of datagrams. Returns how many messages it was.
    fn receive(&mut self, own: &mut impl FnMut(Datagram<&[u8]>)) -> io::Result<usize> {
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        let mut storage = std::mem::take(&mut self.storage);
        let received = {
            let mut chunks = storage.chunks_exact_mut(self.size);
            let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            let socket = &self.demux.socket;
            self.try_io(|| {
                socket
                    .state()
                    .recv(socket.io().into(), &mut buffers, &mut meta)
            })
        };
        let count = *received.as_ref().unwrap_or(&0);
        for (meta, buffer) in meta.iter().zip(storage.chunks_exact(self.size)).take(count) {
            if meta.stride == 0 || meta.stride > MAX_DATAGRAM {
                continue;
            }
            for contents in buffer[..meta.len.min(self.size)].chunks(meta.stride) {
                let remote = canonical(meta.addr);
                self.demux.deliver(remote, meta.dst_ip, contents, own);
            }
        }
        self.storage = storage;
        received
    }

    fn try_io<R>(&self, read: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        #[cfg(unix)]
        let done = self.readiness.try_io(Interest::READABLE, |_| read());
        #[cfg(not(unix))]
        let done = self.readiness.try_io(Interest::READABLE, read);
        done
    }
}

impl Demux {
    fn deliver(
        &self,
        remote: SocketAddr,
        local: Option<IpAddr>,
        contents: &[u8],
        own: &mut impl FnMut(Datagram<&[u8]>),
    ) {
        let known = self.routes.find(remote);
        let place = match contents.first() {
            Some(0..=3) => ice::local_ufrag(contents).and_then(Place::from_ufrag),
            _ => known,
        };
        let inbox = place.and_then(|place| Some((place, self.inboxes.get(place.worker)?)));
        let Some((place, inbox)) = inbox else {
            self.stats.unknown.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let slot = place.slot;
        let queue = match known == Some(place) {
            true if place.worker == self.worker => {
                return own(Datagram {
                    slot,
                    remote,
                    local,
                    contents,
                });
            }
            true => &inbox.viewers,
            false => &inbox.strangers,
        };
        // A full queue costs nothing more than a look.
        let Ok(room) = queue.try_reserve() else {
            self.stats.overrun.fetch_add(1, Ordering::Relaxed);
            return;
        };
        room.send(Datagram {
            slot,
            remote,
            local,
            contents: contents.into(),
        });
    }
}
