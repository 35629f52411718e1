//! Connections of viewers over TCP: they are accepted by the worker that reads the UDP socket, or by an HTTP listener
//! whose port they share with it, and go to the worker that owns the session which they name: by their first frame,
//! or by the credentials of their first request to allocate a relay.
//!
//! A connection costs little before somebody has shown that it may be there: it has to bring an authentic check
//! within [`PROOF`], there are few of them at once, and one that has waited for long makes room for the next.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::net::TcpListener;

use super::command::{Command, WorkerContext};
use super::core::Core;
use super::registry::SessionLocation;
use super::thread::Peers;
use crate::limit::{Complaint, Connection as Seat, Connections as Seats, Permit};
use crate::net::{Parts, Stream, canonical, tcp};
use crate::session::framing::{self, Framing};
use crate::session::turn::{self, Authority, Greeting};
use crate::session::{WallClock, ice};

/// How long a connection may take to bring an authentic check.
const PROOF: Duration = Duration::from_secs(10);
/// Connections that have not brought one, at most, and of one address. Many viewers may be behind one, and each
/// opens some at once.
const SEATS: usize = 512;
const SEATS_PER_PEER: usize = 128;
/// Connections that are accepted in a row, and the pause after them: media goes on meanwhile.
const IN_A_ROW: usize = 16;
const PAUSE: Duration = Duration::from_millis(5);
/// Bytes in which the first frame has to be complete.
const FIRST: usize = framing::PREFIX + framing::MAX_FRAME;
/// Requests without credentials that are answered on one connection.
const CHALLENGES: usize = 8;

/// Counts of connections.
#[derive(Debug, Default)]
pub struct CallerStats {
    /// Connections that were accepted.
    pub accepted: AtomicU64,
    /// Those that ended before an authentic check had come over them.
    pub strangers: AtomicU64,
    /// Relays that were allocated over them.
    pub relays: AtomicU64,
    /// Requests to the relay that were refused: by wrong credentials, or to relay to others.
    pub refused: AtomicU64,
    /// Datagrams that are no media, and were dropped because a connection took nothing, or was in use.
    pub dropped: AtomicU64,
}

impl CallerStats {
    /// A datagram is dropped.
    pub(super) fn lost(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection that nothing is known of.
pub struct Stranger {
    pub parts: Parts,
    pub address: SocketAddr,
    /// What has been read of it.
    pub read: Vec<u8>,
    /// Counted until the worker has it.
    pub permit: Option<Permit>,
}

/// A connection on its way to the worker whose session it asks for.
pub struct Caller {
    pub parts: Parts,
    pub address: SocketAddr,
    /// The row of the session.
    pub row: usize,
    pub framing: Framing,
    /// What has been read of it: at least one frame.
    pub read: Vec<u8>,
    /// Its place, until it has brought an authentic check, and until when it has to.
    pub seat: Seat,
    pub until: Instant,
}

/// Takes in connections, and finds out what they want.
pub(super) struct Callers {
    seats: Arc<Seats>,
    peers: Peers,
    stats: Arc<CallerStats>,
    turn: Option<Arc<Authority>>,
    clock: WallClock,
}

impl Callers {
    pub(super) fn new(context: &WorkerContext) -> Callers {
        Callers {
            seats: Arc::new(Seats::new(SEATS, SEATS_PER_PEER)),
            peers: context.peers.clone(),
            stats: Arc::clone(&context.callers),
            turn: context.turn.clone(),
            clock: context.clock,
        }
    }

    /// Takes in a connection.
    pub(super) fn called(self: &Rc<Self>, mut stranger: Stranger) {
        self.stats.accepted.fetch_add(1, Ordering::Relaxed);
        drop(stranger.permit.take());
        if let Some(seat) = self.seats.admit(stranger.address.ip()) {
            let callers = Rc::clone(self);
            tokio::task::spawn_local(async move { callers.greet(stranger, seat).await });
        }
    }

    /// Reads what a connection begins with, and hands it to the worker of the session that it names.
    async fn greet(&self, stranger: Stranger, seat: Seat) {
        let until = Instant::now() + PROOF;
        let address = canonical(stranger.address);
        let heard = async {
            let stream = Stream::new(stranger.parts).ok()?;
            let heard = self.hear(&stream, address, stranger.read).await?;
            let (place, framing, mut read) = heard;
            let parts = stream.into_parts(&mut read).ok()?;
            Some((place, framing, read, parts))
        };
        let heard = tokio::select! {
            heard = tokio::time::timeout_at(until.into(), heard) => heard.ok().flatten(),
            () = seat.closed() => None,
        };
        let passed_on = heard.is_some_and(|(place, framing, read, parts)| {
            tcp::tune(&parts.socket);
            let caller = Caller {
                parts,
                address,
                row: place.row,
                framing,
                read,
                seat,
                until,
            };
            let command = Command::Connected(Box::new(caller));
            self.peers.command(place.worker, command)
        });
        if !passed_on {
            self.stats.strangers.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Reads until a session is named. `None` if that will not be.
    async fn hear(
        &self,
        stream: &Stream,
        client: SocketAddr,
        mut read: Vec<u8>,
    ) -> Option<(SessionLocation, Framing, Vec<u8>)> {
        let mut buffer = [0; FIRST];
        let mut challenges = 0;
        loop {
            while let Some(framing) = Framing::of(&read)
                && let Some((frame, rest)) = framing.first(&read).ok()?
            {
                let place = match framing {
                    // Browsers speak ICE-TCP without encryption of its own.
                    Framing::Lengths if stream.is_encrypted() => return None,
                    Framing::Lengths => ice::local_ufrag(frame)?.to_owned(),
                    Framing::Turn => match self.challenge(client, frame)? {
                        Greeting::Names(place) => place,
                        Greeting::Challenge(response) => {
                            challenges += 1;
                            if challenges > CHALLENGES {
                                return None;
                            }
                            respond(stream, &response).await?;
                            read = rest.to_vec();
                            continue;
                        }
                    },
                };
                return Some((SessionLocation::from_ufrag(&place)?, framing, read));
            }
            let room = FIRST.checked_sub(read.len()).filter(|&room| room > 0)?;
            stream.ready(Interest::READABLE).await.ok()?;
            match stream.try_read(&mut buffer[..room]) {
                Ok(0) => return None,
                Ok(size) => read.extend_from_slice(&buffer[..size]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
    }

    fn challenge(&self, client: SocketAddr, message: &[u8]) -> Option<Greeting> {
        let now = Instant::now();
        let at = turn::At {
            now,
            wall: self.clock.wall(now),
            authority: self.turn.as_deref()?,
            session: 0,
            client,
            ours: &Vec::new,
        };
        turn::greet(&at, message)
    }
}

/// Writes a response, which is small. `None` if it does not leave whole.
async fn respond(stream: &Stream, response: &[u8]) -> Option<()> {
    stream.ready(Interest::WRITABLE).await.ok()?;
    if stream.try_write(response).ok()? < response.len() {
        return None;
    }
    while !stream.flush().ok()? {
        stream.ready(Interest::WRITABLE).await.ok()?;
    }
    Some(())
}

/// Accepts connections for as long as it is polled.
pub async fn accept(listener: TcpListener, core: Rc<RefCell<Core>>) {
    let callers = Rc::clone(&core.borrow().callers);
    let mut complaint = Complaint::default();
    let mut row = 0;
    loop {
        let what = "cannot accept TCP connections of viewers";
        let accepted = callers.seats.accept(&listener, &mut complaint, what).await;
        let (stream, address) = accepted;
        if let Ok(socket) = stream.into_std() {
            callers.called(Stranger {
                parts: Parts { socket, tls: None },
                address,
                read: Vec::new(),
                permit: None,
            });
        }
        row += 1;
        if row == IN_A_ROW {
            row = 0;
            tokio::time::sleep(PAUSE).await;
        }
    }
}
