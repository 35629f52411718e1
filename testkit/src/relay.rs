//! A UDP relay on the loopback interface that emulates a link in real time, with the model of [`crate::net`].
//!
//! Each client address gets its own socket to the target. All clients share the link.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::net::{Fate, Link, Pipe};

/// Time between looks at the sockets.
const NAP: Duration = Duration::from_micros(300);
/// Further clients are ignored.
const MAX_CLIENTS: usize = 64;
/// Granularity of [`Counts::offered`].
const PART: Duration = Duration::from_millis(100);

/// What the target has sent so far.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Datagrams sent.
    pub sent: u64,
    /// Lost on the wire.
    pub lost: u64,
    /// Dropped because the queue was full.
    pub overflowed: u64,
    /// Bytes sent in each 100 ms since the first datagram, IPv4 and UDP headers included.
    pub offered: Vec<u64>,
}

/// A relay that runs until it is dropped.
pub struct Relay {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    counts: Arc<Mutex<Counts>>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Relays between the clients that send to `listen` and `target`; both must be loopback addresses. `down` is the
    /// direction from the target to the clients, `up` the other one.
    pub fn start(
        listen: SocketAddr,
        target: SocketAddr,
        down: Link,
        up: Link,
        seed: u64,
    ) -> io::Result<Relay> {
        if !listen.ip().is_loopback() || !target.ip().is_loopback() {
            return Err(io::Error::other("the relay needs loopback addresses"));
        }
        let socket = bind(listen)?;
        let address = socket.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let counts = Arc::new(Mutex::new(Counts::default()));
        let mut random = fastrand::Rng::with_seed(seed);
        let mut work = Work {
            socket,
            target,
            clients: Vec::new(),
            down: Pipe::new(down, random.fork()),
            up: Pipe::new(up, random.fork()),
            in_flight: BTreeMap::new(),
            serial: 0,
            first: None,
            counts: Arc::clone(&counts),
        };
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                work.receive();
                let next = work.deliver(Instant::now());
                std::thread::sleep(next.map_or(NAP, |wait| wait.min(NAP)));
            }
        });
        Ok(Relay {
            address,
            stop,
            counts,
            thread: Some(thread),
        })
    }

    /// The address for clients.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the target has sent.
    pub fn counts(&self) -> Counts {
        lock(&self.counts).clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A socket that does not block and whose buffer holds what arrives during a nap.
fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    SockRef::from(&socket).set_recv_buffer_size(4 << 20)?;
    Ok(socket)
}

fn lock(counts: &Mutex<Counts>) -> std::sync::MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Work {
    socket: UdpSocket,
    target: SocketAddr,
    /// Clients, each with a socket connected to the target.
    clients: Vec<(SocketAddr, UdpSocket)>,
    down: Pipe,
    up: Pipe,
    /// By arrival and serial number: direction, client, contents.
    in_flight: BTreeMap<(Instant, u64), (Direction, usize, Vec<u8>)>,
    serial: u64,
    first: Option<Instant>,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Up,
    Down,
}

impl Work {
    fn receive(&mut self) {
        let mut buffer = [0; 2048];
        // Errors other than WouldBlock are ICMP messages about a closed port.
        while let Ok((len, from)) = self.socket.recv_from(&mut buffer) {
            if let Some(client) = self.client(from) {
                self.carry(Direction::Up, client, &buffer[..len]);
            }
        }
        for client in 0..self.clients.len() {
            while let Ok(len) = self.clients[client].1.recv(&mut buffer) {
                self.carry(Direction::Down, client, &buffer[..len]);
            }
        }
    }

    fn client(&mut self, from: SocketAddr) -> Option<usize> {
        let known = self
            .clients
            .iter()
            .position(|(address, _)| *address == from);
        if known.is_some() || self.clients.len() == MAX_CLIENTS {
            return known;
        }
        let ip = self.socket.local_addr().ok()?.ip();
        let socket = bind(SocketAddr::new(ip, 0)).ok()?;
        socket.connect(self.target).ok()?;
        self.clients.push((from, socket));
        Some(self.clients.len() - 1)
    }

    fn carry(&mut self, direction: Direction, client: usize, bytes: &[u8]) {
        let now = Instant::now();
        let pipe = match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        };
        let fate = pipe.carry(now, bytes.len(), false);
        if direction == Direction::Down {
            let first = *self.first.get_or_insert(now);
            let part = ((now - first).as_nanos() / PART.as_nanos()) as usize;
            let mut counts = lock(&self.counts);
            counts.sent += 1;
            counts.lost += u64::from(fate == Fate::Lost);
            counts.overflowed += u64::from(fate == Fate::Overflowed);
            if counts.offered.len() <= part {
                counts.offered.resize(part + 1, 0);
            }
            counts.offered[part] += bytes.len() as u64 + 28;
        }
        if let Fate::Arrives { at, twice, .. } = fate {
            for _ in 0..=usize::from(twice) {
                let datagram = (direction, client, bytes.to_vec());
                self.in_flight.insert((at, self.serial), datagram);
                self.serial += 1;
            }
        }
    }

    /// Forwards what has arrived by `now`; returns the time until the next arrival.
    fn deliver(&mut self, now: Instant) -> Option<Duration> {
        while let Some(first) = self.in_flight.first_entry() {
            let at = first.key().0;
            if at > now {
                return Some(at - now);
            }
            let (direction, client, bytes) = first.remove();
            let (address, socket) = &self.clients[client];
            // A refused datagram is a lost one.
            let _ = match direction {
                Direction::Up => socket.send(&bytes),
                Direction::Down => self.socket.send_to(&bytes, address),
            };
        }
        None
    }
}
