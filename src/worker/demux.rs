//! Finds the session that a datagram is for, and hands it to the worker that owns the session.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::sync::mpsc;

use super::allocation::OwnAllocation;
use super::public::PublicAddresses;
use super::registry::SessionLocation;
use super::routes::Routes;
use crate::net::Socket;
use crate::session::turn::{self, Authority, Greeting};
use crate::session::{Path, Remote, WallClock, ice};
use crate::stun::allocation::Heard;

/// Datagrams that may wait for a worker; more are dropped, as a full socket buffer would.
const VIEWER_QUEUE: usize = 4096;
/// ICE checks from unknown addresses that may wait; browsers repeat theirs.
const STRANGER_QUEUE: usize = 1024;
/// Datagrams of each queue handled in a turn.
pub const QUEUE_BATCH: usize = 64;

/// A datagram for a session.
#[derive(Debug)]
pub struct Datagram<B> {
    /// The session's row in its worker.
    pub row: usize,
    /// Where it came from, and which address of ours it was sent to.
    pub path: Path,
    /// The payload.
    pub contents: B,
}

/// A datagram that waits for its worker.
pub type Queued = Datagram<Box<[u8]>>;

/// The sending side of a worker's datagram queues.
#[derive(Clone)]
pub struct Inbox {
    /// Datagrams from addresses with an authentic check.
    viewers: mpsc::Sender<Queued>,
    /// Checks, and answers to ours, from other addresses. Anyone can send those, and a flood of them must not
    /// displace datagrams from viewers.
    strangers: mpsc::Sender<Queued>,
}

/// The receiving side of a worker's datagram queues.
pub struct Queues {
    viewers: mpsc::Receiver<Queued>,
    strangers: mpsc::Receiver<Queued>,
}

/// Both sides of a worker's datagram queues.
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
    /// Takes a batch of waiting datagrams; ready when there are any.
    pub fn poll(&mut self, context: &mut Context<'_>, batch: &mut Vec<Queued>) -> Poll<()> {
        let _ = self.viewers.poll_recv_many(context, batch, QUEUE_BATCH);
        let _ = self.strangers.poll_recv_many(context, batch, QUEUE_BATCH);
        match batch.is_empty() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }
}

/// Counts of received datagrams.
#[derive(Debug, Default)]
pub struct ReceiverStats {
    /// Datagrams for no session.
    pub unknown: AtomicU64,
    /// Dropped because a worker was too busy to take them.
    pub overrun: AtomicU64,
}

/// Answers clients of the relay over UDP that name no session yet. It keeps nothing of them.
pub struct Greeter {
    pub authority: Arc<Authority>,
    pub clock: WallClock,
}

impl Greeter {
    fn greet(&self, client: SocketAddr, message: &[u8]) -> Option<Greeting> {
        let now = Instant::now();
        let at = turn::At {
            now,
            wall: self.clock.wall(now),
            authority: &self.authority,
            session: 0,
            client,
            ours: &Vec::new,
        };
        turn::greet(&at, message)
    }
}

/// Hands datagrams to the workers that own their sessions. The first worker reads the socket and
/// handles datagrams for its own sessions at once: a thread that only reads would wake up for each
/// datagram just to wake up a worker, which costs a tenth of all CPU.
pub struct Demux {
    /// The worker that reads.
    pub worker: usize,
    /// Which session owns which address.
    pub routes: Arc<Routes>,
    /// Gets what STUN servers say.
    pub public: Arc<PublicAddresses>,
    /// Gets what the TURN server says, and has what comes by it.
    pub allocation: Option<Arc<OwnAllocation>>,
    /// The socket.
    pub socket: Arc<Socket>,
    /// Answers clients of the relay that name no session yet, if there is a relay.
    pub turn: Option<Greeter>,
    /// The queues of all workers.
    pub inboxes: Vec<Inbox>,
    /// Counters.
    pub stats: Arc<ReceiverStats>,
}

impl Demux {
    /// Queues a datagram for its worker; one from a viewer of the worker that reads goes to `own`.
    pub fn deliver(
        &self,
        remote: SocketAddr,
        local: Option<IpAddr>,
        contents: &[u8],
        own: impl FnOnce(Datagram<&[u8]>),
    ) {
        if self
            .public
            .take(remote, (local, self.socket.local()), contents)
        {
            return;
        }
        if let Some(own_allocation) = &self.allocation {
            match own_allocation.take(remote, local, contents) {
                (_, Heard::Nothing) => {}
                (_, Heard::Taken) => return,
                (by, Heard::Data(peer, contents)) => {
                    return self.through_server((peer, by), &contents, own);
                }
            }
        }
        let known = match turn::is_message(contents) {
            true => self.routes.find_relay(remote),
            false => self.routes.find(remote),
        };
        if known.is_none() && is_rtcp(contents) {
            return self.deliver_to_neighbors(remote, local, contents);
        }
        let mut place = place(contents, known);
        if place.is_none()
            && let (Some(0), Some(turn)) = (contents.first(), &self.turn)
            && ice::local_ufrag(contents).is_none()
        {
            match turn.greet(remote, contents) {
                Some(Greeting::Names(named)) => place = SessionLocation::from_ufrag(&named),
                Some(Greeting::Challenge(response)) => {
                    // A client that misses it asks again.
                    let _ = self.socket.send(remote, local, &response, response.len());
                    return;
                }
                // An indication, which names no session.
                None => place = known,
            }
        }
        let path = Path {
            remote: remote.into(),
            local,
        };
        self.pass_on(place, known, path, contents, own);
    }

    /// A datagram from this address has come through the TURN server, by this allocation.
    pub fn through_server(
        &self,
        (peer, by): (SocketAddr, usize),
        contents: &[u8],
        own: impl FnOnce(Datagram<&[u8]>),
    ) {
        let routes = self.allocation.as_ref().and_then(|own| own.routes.get(by));
        let known = routes.and_then(|routes| routes.find(peer));
        let path = Path {
            remote: Remote::Server(peer, by),
            local: None,
        };
        self.pass_on(place(contents, known), known, path, contents, own);
    }

    /// Passes a datagram on to the session that is at `place`; `known`: the one that its source belongs to.
    fn pass_on(
        &self,
        place: Option<SessionLocation>,
        known: Option<SessionLocation>,
        path: Path,
        contents: &[u8],
        own: impl FnOnce(Datagram<&[u8]>),
    ) {
        let inbox = place.and_then(|place| Some((place, self.inboxes.get(place.worker)?)));
        let Some((place, inbox)) = inbox else {
            self.stats.unknown.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let datagram = Datagram {
            row: place.row,
            path,
            contents,
        };
        match known == Some(place) {
            true if place.worker == self.worker => own(datagram),
            true => self.queue(&inbox.viewers, datagram),
            false => self.queue(&inbox.strangers, datagram),
        }
    }

    /// RTCP from an unknown port may be that of a viewer whom a NAT on the way has given another one. Those at
    /// the same IP address find out.
    fn deliver_to_neighbors(&self, remote: SocketAddr, local: Option<IpAddr>, contents: &[u8]) {
        let mut places = self.routes.owners_at(remote.ip()).into_iter().peekable();
        if places.peek().is_none() {
            self.stats.unknown.fetch_add(1, Ordering::Relaxed);
        }
        for place in places {
            if let Some(inbox) = self.inboxes.get(place.worker) {
                let datagram = Datagram {
                    row: place.row,
                    path: Path {
                        remote: remote.into(),
                        local,
                    },
                    contents,
                };
                self.queue(&inbox.strangers, datagram);
            }
        }
    }

    fn queue(&self, queue: &mpsc::Sender<Queued>, datagram: Datagram<&[u8]>) {
        // Checked first, so that nothing is copied for a full queue.
        let Ok(room) = queue.try_reserve() else {
            self.stats.overrun.fetch_add(1, Ordering::Relaxed);
            return;
        };
        room.send(Datagram {
            row: datagram.row,
            path: datagram.path,
            contents: datagram.contents.into(),
        });
    }
}

/// The session that a datagram names, or is for by where it comes from.
fn place(contents: &[u8], known: Option<SessionLocation>) -> Option<SessionLocation> {
    match contents.first() {
        Some(1) => ice::place(contents).map(SessionLocation::from_transaction),
        Some(0..=3) => ice::local_ufrag(contents).and_then(SessionLocation::from_ufrag),
        _ => known,
    }
}

/// RFC 5761 section 4.
fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, 192..=223, ..])
}
