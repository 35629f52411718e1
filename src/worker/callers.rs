//! The TCP port for media: connections are accepted by the worker that reads the UDP socket, and go to the worker
//! that owns the session which their first frame names.
//!
//! A connection costs little before somebody has shown that it may be there: it has to bring an authentic check
//! within [`PROOF`], there are few of them at once, and one that has waited for long makes room for the next.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use super::command::Command;
use super::core::Core;
use super::registry::SessionLocation;
use super::thread::Peers;
use crate::limit::{Complaint, Connection as Seat, Connections as Seats};
use crate::net::{canonical, tcp};
use crate::session::{framing, ice};

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

/// Counts of connections.
#[derive(Debug, Default)]
pub struct CallerStats {
    /// Connections that were accepted.
    pub accepted: AtomicU64,
    /// Those that ended before an authentic check had come over them.
    pub strangers: AtomicU64,
}

/// A connection on its way to the worker whose session it asks for.
pub struct Caller {
    pub stream: std::net::TcpStream,
    pub address: SocketAddr,
    /// The slot of the session.
    pub slot: usize,
    /// What has been read of it: at least one frame.
    pub read: Vec<u8>,
    /// Its place, until it has brought an authentic check, and until when it has to.
    pub seat: Seat,
    pub until: Instant,
}

/// Accepts connections for as long as it is polled.
pub async fn accept(listener: TcpListener, core: Rc<RefCell<Core>>) {
    let (peers, stats) = {
        let context = &core.borrow().context;
        (context.peers.clone(), Arc::clone(&context.callers))
    };
    let seats = Arc::new(Seats::new(SEATS, SEATS_PER_PEER));
    let mut complaint = Complaint::default();
    let mut row = 0;
    loop {
        let what = "cannot accept TCP connections of viewers";
        let (stream, address) = seats.accept(&listener, &mut complaint, what).await;
        stats.accepted.fetch_add(1, Ordering::Relaxed);
        if let Some(seat) = seats.admit(address.ip()) {
            let greeted = greet(stream, address, seat, peers.clone(), Arc::clone(&stats));
            tokio::task::spawn_local(greeted);
        }
        row += 1;
        if row == IN_A_ROW {
            row = 0;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Reads the first frame, and hands the connection to the worker of the session that it names.
async fn greet(
    stream: TcpStream,
    address: SocketAddr,
    seat: Seat,
    peers: Peers,
    stats: Arc<CallerStats>,
) {
    let until = Instant::now() + PROOF;
    let heard = tokio::select! {
        heard = tokio::time::timeout_at(until.into(), hear(&stream)) => heard.ok().flatten(),
        () = seat.closed() => None,
    };
    let passed_on = heard.is_some_and(|(place, read)| {
        let Ok(stream) = stream.into_std() else {
            return false;
        };
        tcp::tune(&stream);
        let caller = Caller {
            stream,
            address: canonical(address),
            slot: place.slot,
            read,
            seat,
            until,
        };
        peers.command(place.worker, Command::Connected(Box::new(caller)))
    });
    if !passed_on {
        stats.strangers.fetch_add(1, Ordering::Relaxed);
    }
}

/// Reads until the first frame is complete. `None` unless it is a check that names a session.
async fn hear(stream: &TcpStream) -> Option<(SessionLocation, Vec<u8>)> {
    let mut read = Vec::new();
    let mut buffer = [0; FIRST];
    loop {
        stream.readable().await.ok()?;
        match stream.try_read(&mut buffer[read.len()..]) {
            Ok(0) => return None,
            Ok(size) => {
                let from = read.len();
                read.extend_from_slice(&buffer[from..from + size]);
                if let Some(check) = framing::first(&read).ok()? {
                    let place = SessionLocation::from_ufrag(ice::local_ufrag(check)?)?;
                    return Some((place, read));
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
}
