//! Reads the socket: batches of datagrams, in turns that end with their budget.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
#[cfg(unix)]
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use quinn_udp::{BATCH_SIZE, RecvMeta};
use tokio::io::Interest;

use super::socket::{Socket, canonical};
use crate::budget::Budget;

/// Waits for the socket to become readable, and for nothing else: waiting for writable as well means a
/// spurious wake-up after every send, when its buffer is freed.
#[cfg(unix)]
pub(super) type Readiness<S> = tokio::io::unix::AsyncFd<S>;
#[cfg(not(unix))]
pub(super) type Readiness = tokio::net::UdpSocket;

#[cfg(unix)]
#[expect(
    deprecated,
    reason = "its successor is unsafe for types that close their descriptor; a socket does not"
)]
pub(super) fn readiness<S: AsRawFd>(io: S) -> io::Result<Readiness<S>> {
    Readiness::with_interest(io, Interest::READABLE)
}

#[cfg(not(unix))]
pub(super) fn readiness(io: std::net::UdpSocket) -> io::Result<Readiness> {
    Readiness::from_std(io)
}

/// Largest datagram accepted, in bytes: DTLS with certificates fits, and media never arrives.
pub(super) const MAX_DATAGRAM: usize = 2048;

/// So many errors in a row are no accident: nothing is read for a while.
const MANY_ERRORS: u32 = 16;
const REST: Duration = Duration::from_millis(10);

/// Reads the socket.
pub struct Receiver {
    #[cfg(unix)]
    readiness: Readiness<std::net::UdpSocket>,
    #[cfg(not(unix))]
    readiness: Readiness,
    socket: Arc<Socket>,
    storage: Vec<u8>,
    /// Bytes of `storage` for each message of a batch.
    size: usize,
    /// What is in it.
    batch: Batch,
    /// In a row; until when nothing is read because of them; whether that was said.
    errors: u32,
    rests_until: Option<Instant>,
    complained: bool,
}

/// A batch of messages, each of them one datagram or several of equal size.
#[derive(Debug, Default)]
struct Batch {
    meta: [RecvMeta; BATCH_SIZE],
    count: usize,
    /// Which message is next, and where in it the next datagram is.
    message: usize,
    at: usize,
}

impl Batch {
    /// The next datagram that is not passed on yet; `size`: of a message's room.
    fn next<'a>(&mut self, storage: &'a [u8], size: usize) -> Option<(RecvMeta, &'a [u8])> {
        loop {
            let meta = *self.meta[..self.count].get(self.message)?;
            let room = storage.chunks_exact(size).nth(self.message)?;
            let sane = (1..=MAX_DATAGRAM).contains(&meta.stride);
            match room.get(self.at..meta.len.min(size)) {
                Some(rest) if sane && !rest.is_empty() => {
                    let len = meta.stride.min(rest.len());
                    self.at += len;
                    return Some((meta, &rest[..len]));
                }
                _ => (self.message, self.at) = (self.message + 1, 0),
            }
        }
    }
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
            batch: Batch::default(),
            errors: 0,
            rests_until: None,
            complained: false,
        })
    }

    /// Ready when [`Receiver::turn`] may find something.
    pub fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.batch.message < self.batch.count {
            return Poll::Ready(());
        }
        if self.rests_until.is_some() {
            return Poll::Pending;
        }
        #[cfg(unix)]
        let ready = self.readiness.poll_read_ready(context).map(|_| ());
        #[cfg(not(unix))]
        let ready = self.readiness.poll_recv_ready(context).map(|_| ());
        ready
    }

    /// Reads what is available, as far as the budget goes, and passes each datagram to `deliver`, with the
    /// address it came from and, if the system reports it, our address that it was sent to. True if there
    /// may be more.
    pub fn turn(
        &mut self,
        budget: &mut Budget,
        mut deliver: impl FnMut(SocketAddr, Option<IpAddr>, &[u8]),
    ) -> bool {
        if let Some(until) = self.rests_until {
            if Instant::now() < until {
                return false;
            }
            self.rests_until = None;
        }
        loop {
            while let Some((meta, contents)) = self.batch.next(&self.storage, self.size) {
                budget.spend(1, contents.len());
                deliver(canonical(meta.addr), meta.dst_ip, contents);
                if budget.is_step_over() && !budget.goes_on(Instant::now()) {
                    return true;
                }
            }
            let last = self.batch.count;
            self.batch.count = 0;
            if (1..BATCH_SIZE).contains(&last) {
                return false;
            }
            budget.spend(1, 0);
            if budget.is_step_over() && !budget.goes_on(Instant::now()) {
                return true;
            }
            match self.receive() {
                Ok(()) => self.errors = 0,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // There may be one for each datagram to a viewer who is gone: not errors in a row.
                Err(error) if is_about_a_peer(&error) => {}
                // A late ICMP error, for example. The next read shows whether it persists.
                Err(error) => {
                    self.errors += 1;
                    if self.errors >= MANY_ERRORS {
                        self.rest(&error);
                        return false;
                    }
                }
            }
        }
    }

    /// The system gives nothing but errors: pauses, so that they do not take all time.
    fn rest(&mut self, error: &io::Error) {
        self.errors = 0;
        self.rests_until = Some(Instant::now() + REST);
        if !std::mem::replace(&mut self.complained, true) {
            log::error!("reading the UDP socket fails again and again: {error}");
        }
    }

    /// When it goes on reading after a pause.
    pub fn rests_until(&self) -> Option<Instant> {
        self.rests_until
    }

    /// Reads a batch of datagrams. If it is not a whole one, nothing was left, and later datagrams make
    /// the socket ready again.
    fn receive(&mut self) -> io::Result<()> {
        let Batch {
            meta,
            count,
            message,
            at,
        } = &mut self.batch;
        let mut chunks = self.storage.chunks_exact_mut(self.size);
        let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let socket = &self.socket;
        (*message, *at) = (0, 0);
        *count = try_io(&self.readiness, || {
            socket.state().recv(socket.io().into(), &mut buffers, meta)
        })?;
        if *count < BATCH_SIZE {
            let drained = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
            let _ = try_io(&self.readiness, drained);
        }
        Ok(())
    }
}

/// Whether a read says that something sent before did not arrive, and nothing about the socket: so Windows passes
/// on what ICMP messages report (WSAENETRESET, WSAECONNRESET), if any port of any viewer is closed. Other
/// systems do not tell a socket that is not connected.
pub(super) fn is_about_a_peer(error: &io::Error) -> bool {
    const REPORTS: [i32; 2] = [10052, 10054];
    cfg!(windows)
        && error
            .raw_os_error()
            .is_some_and(|code| REPORTS.contains(&code))
}

#[cfg(unix)]
pub(super) fn try_io<S: AsRawFd, R>(
    readiness: &Readiness<S>,
    read: impl FnOnce() -> io::Result<R>,
) -> io::Result<R> {
    readiness.try_io(Interest::READABLE, |_| read())
}

#[cfg(not(unix))]
pub(super) fn try_io<R>(
    readiness: &Readiness,
    read: impl FnOnce() -> io::Result<R>,
) -> io::Result<R> {
    readiness.try_io(Interest::READABLE, read)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::budget::Allowance;
    use crate::tuning::{Key, Tuning};

    #[test]
    fn a_turn_ends_within_a_batch_and_goes_on_there() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let address = "127.0.0.1:0".parse().unwrap();
            let socket = Arc::new(Socket::bind(Some(address), &Tuning::default()).unwrap());
            let to = socket.io().local_addr().unwrap();
            let mut receiver = Receiver::new(socket).unwrap();
            let viewer = std::net::UdpSocket::bind(address).unwrap();
            for round in 0..2 {
                let sent: Vec<u8> = (0..20).map(|i| 20 * round + i).collect();
                for &number in &sent {
                    viewer.send_to(&[number; 5], to).unwrap();
                }
                let mut got = Vec::new();
                while got.len() < sent.len() {
                    let ready = poll_fn(|context| receiver.poll_ready(context));
                    tokio::time::timeout(Duration::from_secs(60), ready)
                        .await
                        .expect("what is left is ready");
                    let allowance = Allowance {
                        time: Duration::from_secs(60),
                        items: 7,
                        bytes: 1 << 20,
                    };
                    let mut budget = Budget::new(allowance, Instant::now());
                    let before = got.len();
                    receiver.turn(&mut budget, |_, _, contents| got.push(contents[0]));
                    assert!(got.len() <= before + 7);
                }
                assert_eq!(got, sent);
            }
        });
    }

    #[cfg(windows)]
    #[test]
    fn a_viewer_whose_port_is_closed_is_no_error_of_the_socket() {
        let is_about_a_peer = |code| is_about_a_peer(&io::Error::from_raw_os_error(code));
        // WSAECONNRESET, WSAENETRESET; WSAEFAULT, WSAENETDOWN.
        assert!(is_about_a_peer(10054) && is_about_a_peer(10052));
        assert!(!is_about_a_peer(10014) && !is_about_a_peer(10050));
    }

    #[test]
    fn a_full_receive_buffer_loses_datagrams_and_nothing_else() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let address = "127.0.0.1:0".parse().unwrap();
            let tuning = Tuning::new(&[(Key::UdpRecvBufferBytes, 65_536)]).unwrap();
            let socket = Arc::new(Socket::bind(Some(address), &tuning).unwrap());
            let to = socket.io().local_addr().unwrap();
            let mut receiver = Receiver::new(socket).unwrap();
            let viewer = std::net::UdpSocket::bind(address).unwrap();
            let mut read = async || {
                let ready = poll_fn(|context| receiver.poll_ready(context));
                let ready = tokio::time::timeout(Duration::from_secs(60), ready);
                ready.await.expect("there is something");
                let allowance = Allowance {
                    time: Duration::from_secs(60),
                    items: 100_000,
                    bytes: 100 << 20,
                };
                let mut budget = Budget::new(allowance, Instant::now());
                let mut got = Vec::new();
                receiver.turn(&mut budget, |_, _, contents| got.push(contents[0]));
                got
            };
            for _ in 0..1000 {
                viewer.send_to(&[1; 1000], to).unwrap();
            }
            let got = read().await;
            assert!((10..1000).contains(&got.len()), "{}", got.len());
            viewer.send_to(&[2; 1000], to).unwrap();
            let mut got = read().await;
            while got.last() != Some(&2) {
                got = read().await;
            }
        });
    }
}
