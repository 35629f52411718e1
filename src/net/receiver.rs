//! Reads the socket: batches of datagrams, in turns of bounded length.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use quinn_udp::{BATCH_SIZE, RecvMeta};
use tokio::io::Interest;

use super::socket::{Socket, canonical};

/// Waits for the socket to become readable, and for nothing else: waiting for writable as well means a
/// spurious wake-up after every send, when its buffer is freed.
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

/// Largest datagram accepted, in bytes: DTLS with certificates fits, and media never arrives.
const MAX_DATAGRAM: usize = 2048;
/// Receive calls per turn, each for a batch of datagrams, before other work gets its turn.
const CALLS: usize = 4;

/// Reads the socket.
pub struct Receiver {
    readiness: Readiness,
    socket: Arc<Socket>,
    storage: Vec<u8>,
    /// Bytes of `storage` for each message of a batch.
    size: usize,
}

impl Receiver {
    /// Must be called inside a tokio runtime, whose thread then reads.
    pub fn new(socket: Arc<Socket>) -> io::Result<Receiver> {
        let readiness = readiness(socket.io().try_clone()?)?;
        let size = MAX_DATAGRAM * socket.state().gro_segments();
        Ok(Receiver {
            readiness,
            socket,
            storage: vec![0; size * BATCH_SIZE],
            size,
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

    /// Reads what is available, up to a limit, and passes each datagram to `deliver`, with the address
    /// it came from and, if the system reports it, our address that it was sent to. True if there may be
    /// more.
    pub fn turn(&mut self, mut deliver: impl FnMut(SocketAddr, Option<IpAddr>, &[u8])) -> bool {
        for _ in 0..CALLS {
            match self.receive(&mut deliver) {
                Ok(count) if count < BATCH_SIZE => {
                    // Nothing is left. Later datagrams make the socket ready again.
                    let drained = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
                    let _ = self.try_io(drained);
                    return false;
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // A late ICMP error, for example. The next read shows whether it persists.
                Err(_) => {}
            }
        }
        true
    }

    /// Reads a batch of datagrams. Returns the number of messages.
    fn receive(
        &mut self,
        deliver: &mut impl FnMut(SocketAddr, Option<IpAddr>, &[u8]),
    ) -> io::Result<usize> {
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        let mut storage = std::mem::take(&mut self.storage);
        let received = {
            let mut chunks = storage.chunks_exact_mut(self.size);
            let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            let socket = &self.socket;
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
                deliver(canonical(meta.addr), meta.dst_ip, contents);
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
