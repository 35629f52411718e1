//! The thread that reads the socket and hands datagrams to the workers that own their sessions.

use std::io::IoSliceMut;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use quinn_udp::{BATCH_SIZE, RecvMeta};
use tokio::io::Interest;
use tokio::sync::{mpsc, oneshot};

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
pub struct Receiver {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Starts the thread.
    pub fn start(
        socket: Arc<Socket>,
        routes: Arc<Routes>,
        workers: Vec<Inbox>,
        stats: Arc<ReceiverStats>,
    ) -> Result<Receiver> {
        let io_error = |error| Error::new(Status::Io, format!("receiving thread: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(io_error)?;
        let io = socket.io().try_clone().map_err(io_error)?;
        let reader = {
            let _guard = runtime.enter();
            tokio::net::UdpSocket::from_std(io).map_err(io_error)?
        };
        let (stop, stopped) = oneshot::channel();
        let mut demux = Demux {
            socket,
            routes,
            workers,
            stats,
        };
        let thread = std::thread::Builder::new()
            .name("rwg-receive".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = stopped => {}
                        () = demux.run(reader) => {}
                    }
                });
            })
            .map_err(io_error)?;
        Ok(Receiver {
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Ends the thread.
    pub fn stop(&mut self) {
        self.stop.take();
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
}

impl Demux {
    async fn run(&mut self, reader: tokio::net::UdpSocket) {
        let size = MAX_DATAGRAM * self.socket.state().gro_segments();
        let mut storage = vec![0; size * BATCH_SIZE];
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        loop {
            if reader.readable().await.is_err() {
                // Only when the runtime shuts down.
                return;
            }
            let received = {
                let mut chunks = storage.chunks_exact_mut(size);
                let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
                    std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
                reader.try_io(Interest::READABLE, || {
                    self.socket
                        .state()
                        .recv((&reader).into(), &mut buffers, &mut meta)
                })
            };
            // An error here is an old ICMP message or an empty queue; the next read tells.
            let Ok(count) = received else { continue };
            for (meta, buffer) in meta.iter().zip(storage.chunks_exact(size)).take(count) {
                if meta.stride == 0 || meta.stride > MAX_DATAGRAM {
                    continue;
                }
                for contents in buffer[..meta.len.min(size)].chunks(meta.stride) {
                    self.deliver(canonical(meta.addr), meta.dst_ip, contents);
                }
            }
        }
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
