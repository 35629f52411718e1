//! The thread that reads the socket and hands datagrams to the workers that own their sessions.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use quinn_udp::{BATCH_SIZE, RecvMeta};
use tokio::sync::mpsc;

use super::route::{Place, Routes};
use super::socket::{Socket, canonical};
use crate::error::{Error, Result, Status};
use crate::session::ice;

/// A datagram for a session.
#[derive(Debug)]
pub struct Datagram {
    /// The session's slot in its worker.
    pub slot: usize,
    /// Where it came from.
    pub remote: SocketAddr,
    /// Which of our addresses it was sent to, as the system wrote it.
    pub local: Option<IpAddr>,
    /// What it holds.
    pub contents: Box<[u8]>,
}

/// Largest datagram that anyone may send us: DTLS with certificates fits, media never comes.
const MAX_DATAGRAM: usize = 2048;

/// The ways to a worker.
#[derive(Clone)]
pub struct Inbox {
    /// For datagrams that came from where an authentic check came from before.
    pub viewers: mpsc::Sender<Datagram>,
    /// For checks from elsewhere. Anyone can send those, and a flood of them must not take the
    /// place of what viewers send.
    pub strangers: mpsc::Sender<Datagram>,
}

/// Datagrams that came in.
#[derive(Debug, Default)]
pub struct ReceiverStats {
    /// For no session of ours.
    pub unknown: AtomicU64,
    /// Dropped because a worker was too busy to take them.
    pub overrun: AtomicU64,
}

/// The receiving thread.
///
/// It waits for the socket to become readable and for nothing else. A tokio runtime waits for
/// writable, too: then every send of a worker, when its buffer is freed, wakes this thread for
/// nothing, which costs a quarter of all CPU.
pub struct Receiver {
    stop: Waker,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Errors in a row after which the thread waits again.
const MAX_ERRORS: usize = 16;

const READABLE: Token = Token(0);
const STOP: Token = Token(1);

impl Receiver {
    /// Starts the thread.
    pub fn start(
        socket: Arc<Socket>,
        routes: Arc<Routes>,
        workers: Vec<Inbox>,
        stats: Arc<ReceiverStats>,
    ) -> Result<Receiver> {
        let io_error = |error| Error::new(Status::Io, format!("receiving thread: {error}"));
        let poll = Poll::new().map_err(io_error)?;
        let stop = Waker::new(poll.registry(), STOP).map_err(io_error)?;
        let io = socket.io().try_clone().map_err(io_error)?;
        let mut reader = UdpSocket::from_std(io);
        poll.registry()
            .register(&mut reader, READABLE, Interest::READABLE)
            .map_err(io_error)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let mut demux = Demux {
            socket,
            routes,
            workers,
            stats,
            stopping: Arc::clone(&stopping),
        };
        let thread = std::thread::Builder::new()
            .name("rwg-receive".to_owned())
            .spawn(move || demux.run(poll, &reader))
            .map_err(io_error)?;
        Ok(Receiver {
            stop,
            stopping,
            thread: Some(thread),
        })
    }

    /// Ends the thread.
    pub fn stop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        if let Err(error) = self.stop.wake() {
            log::error!("the receiving thread cannot be woken to end: {error}");
            return;
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Demux {
    socket: Arc<Socket>,
    routes: Arc<Routes>,
    workers: Vec<Inbox>,
    stats: Arc<ReceiverStats>,
    stopping: Arc<AtomicBool>,
}

impl Demux {
    fn run(&mut self, mut poll: Poll, reader: &UdpSocket) {
        let size = MAX_DATAGRAM * self.socket.state().gro_segments();
        let mut storage = vec![0; size * BATCH_SIZE];
        let mut events = Events::with_capacity(2);
        while !self.stopping.load(Ordering::SeqCst) {
            match poll.poll(&mut events, None) {
                Ok(()) => {
                    // An error is an old ICMP message, for example; the next read tells.
                    let mut errors = 0;
                    while errors < MAX_ERRORS && !self.stopping.load(Ordering::SeqCst) {
                        match self.receive(reader, &mut storage, size) {
                            Ok(()) => {}
                            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                            Err(_) => errors += 1,
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    log::error!("the receiving thread gives up: {error}");
                    return;
                }
            }
        }
    }

    /// Takes a batch of datagrams.
    fn receive(&mut self, reader: &UdpSocket, storage: &mut [u8], size: usize) -> io::Result<()> {
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        let count = {
            let mut chunks = storage.chunks_exact_mut(size);
            let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            reader.try_io(|| {
                self.socket
                    .state()
                    .recv(reader.into(), &mut buffers, &mut meta)
            })?
        };
        for (meta, buffer) in meta.iter().zip(storage.chunks_exact(size)).take(count) {
            if meta.stride == 0 || meta.stride > MAX_DATAGRAM {
                continue;
            }
            for contents in buffer[..meta.len.min(size)].chunks(meta.stride) {
                self.deliver(canonical(meta.addr), meta.dst_ip, contents);
            }
        }
        Ok(())
    }

    fn deliver(&self, remote: SocketAddr, local: Option<IpAddr>, contents: &[u8]) {
        let known = self.routes.find(remote);
        let place = match contents.first() {
            Some(0..=3) => ice::local_ufrag(contents).and_then(Place::from_ufrag),
            _ => known,
        };
        let inbox = place.and_then(|place| Some((place, self.workers.get(place.worker)?)));
        let Some((place, inbox)) = inbox else {
            self.stats.unknown.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let queue = match known == Some(place) {
            true => &inbox.viewers,
            false => &inbox.strangers,
        };
        // A full queue costs nothing more than a look.
        let Ok(room) = queue.try_reserve() else {
            self.stats.overrun.fetch_add(1, Ordering::Relaxed);
            return;
        };
        room.send(Datagram {
            slot: place.slot,
            remote,
            local,
            contents: contents.into(),
        });
    }
}
