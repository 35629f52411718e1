//! The TCP connections of a worker's viewers. Each has a task that reads it, and that lets its session go on when it
//! takes more.
//!
//! A connection is a path like an address: the session that an authentic check came for over it has it from then on,
//! and closes it when it forgets it. What waits for a connection waits in the ring, where it can be left out; kept
//! here is the rest of a run that has begun to leave, and a little of what is no media.
//!
//! Over some, viewers speak TURN. What they relay goes to their session at once, and nowhere else: a connection has
//! no socket beside its own.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::io::Interest;
use tokio::sync::Notify;

use super::allocation::{ByServer, OwnAllocation};
use super::callers::Caller;
use super::core::Core;
use super::demux::Datagram;
use super::local_ice::{LocalCandidates, relayed_address};
use super::own_sockets::OwnSockets;
use super::pending::Pending;
use super::relays::{self, Relays};
use crate::ids;
use crate::limit::Connection as Seat;
use crate::net::Stream;
use crate::session::framing::{Deframer, Frames, Framing, Wrap};
use crate::session::turn::{self, Heard, Relay};
use crate::session::{Carrier, ConnectionId, Path, Relayed, Remote, WouldBlock};
use crate::state::SessionId;

/// Bytes that are read at once: then others have their turn.
const READ: usize = 16 << 10;

/// All connections of a worker, and what is a path like them.
pub(super) struct Connections {
    pub(super) relays: Relays,
    pub(super) by_server: ByServer,
    pub(super) own_sockets: OwnSockets,
    by_id: HashMap<ConnectionId, Rc<Connection>>,
    /// What was read last.
    buffer: Box<[u8]>,
}

impl Default for Connections {
    fn default() -> Self {
        Connections {
            relays: Relays::default(),
            by_server: ByServer::default(),
            own_sockets: OwnSockets::default(),
            by_id: HashMap::new(),
            buffer: vec![0; READ].into(),
        }
    }
}

/// One connection.
struct Connection {
    stream: Stream,
    remote: Remote,
    id: ConnectionId,
    /// What was allocated over it, if it speaks TURN.
    relay: Option<RefCell<Relay>>,
    /// The session that it asks for, and its row.
    session: SessionId,
    row: usize,
    pending: RefCell<Pending>,
    /// It takes nothing; its task waits until it does.
    full: Cell<bool>,
    /// Its place among the strangers, until a check came that was authentic.
    seat: RefCell<Option<Rc<Seat>>>,
    /// It was closed here.
    closed: Cell<bool>,
    /// Wakes its task.
    changed: Notify,
}

impl Connections {
    /// `own`: the gateway's allocation at a TURN server, if it has any.
    pub(super) fn new(own: Option<Arc<OwnAllocation>>) -> Connections {
        Connections {
            by_server: ByServer::new(own),
            ..Connections::default()
        }
    }

    /// Sends `contents` as datagrams of `segment` bytes, from this address of ours. Fails if the connection takes
    /// nothing.
    pub(super) fn send(
        &self,
        id: ConnectionId,
        local: Option<IpAddr>,
        contents: &[u8],
        segment: usize,
    ) -> Result<(), WouldBlock> {
        match self.by_id.get(&id) {
            Some(connection) => connection.send(local, contents, segment),
            // Its session is about to hear that it has ended.
            None => Ok(()),
        }
    }

    /// Sends a datagram that is no media, as soon as the connection takes it.
    pub(super) fn control(&self, id: ConnectionId, local: Option<IpAddr>, datagram: &[u8]) {
        if let Some(connection) = self.by_id.get(&id) {
            connection.control(local, datagram);
        }
    }

    /// An authentic check has come over it.
    pub(super) fn proven(&self, id: ConnectionId) {
        if let Some(connection) = self.by_id.get(&id) {
            connection.seat.take();
            connection.changed.notify_one();
        }
    }

    /// Its session has no more use for it.
    pub(super) fn close(&mut self, id: ConnectionId) {
        if let Some(connection) = self.by_id.remove(&id) {
            connection.closed.set(true);
            connection.changed.notify_one();
        }
    }
}

impl Connection {
    fn send(
        &self,
        local: Option<IpAddr>,
        contents: &[u8],
        segment: usize,
    ) -> Result<(), WouldBlock> {
        let frames = self.wrap(local);
        let Some(frames) = frames.and_then(|wrap| Frames::new(contents, segment, wrap)) else {
            return Ok(());
        };
        let pending = &mut *self.pending.borrow_mut();
        let sent = pending.send(&self.stream, &frames);
        if sent.is_err() || !pending.is_gone(&self.stream) {
            self.wait_for_room();
        }
        sent
    }

    /// How the viewer gets datagrams from this address of ours; `None` if it does not want them.
    fn wrap(&self, local: Option<IpAddr>) -> Option<Wrap> {
        match &self.relay {
            None => Some(Wrap::Length),
            Some(relay) => relay.borrow().way_from(Instant::now(), local),
        }
    }

    fn control(&self, local: Option<IpAddr>, datagram: &[u8]) {
        if let Some(wrap) = self.wrap(local)
            && let Some(frame) = Frames::new(datagram, datagram.len(), wrap)
        {
            let pending = &mut *self.pending.borrow_mut();
            pending.add(&self.stream, &frame);
            self.note_room(pending);
        }
    }

    /// Sends a message of TURN.
    fn respond(&self, message: &[u8]) {
        let pending = &mut *self.pending.borrow_mut();
        pending.add_raw(&self.stream, message);
        self.note_room(pending);
    }

    fn note_room(&self, pending: &Pending) {
        if !pending.is_gone(&self.stream) {
            self.wait_for_room();
        }
    }

    fn wait_for_room(&self) {
        if !self.full.replace(true) {
            self.changed.notify_one();
        }
    }

    /// Ends when a connection that has brought no authentic check has no more time, or has to make room.
    async fn overstays(&self, until: Instant) {
        let seat = self.seat.borrow().clone();
        match seat {
            Some(seat) => tokio::select! {
                () = tokio::time::sleep_until(until.into()) => {}
                () = seat.closed() => {}
            },
            None => std::future::pending().await,
        }
    }

    /// Ends when what was allocated over it does, unless that is given more time until then.
    async fn expires(&self) {
        let ends = self.relay.as_ref().and_then(|relay| relay.borrow().ends());
        match ends {
            Some(at) => tokio::time::sleep_until(at.into()).await,
            None => std::future::pending().await,
        }
    }
}

impl Core {
    /// Takes in a connection for a session of this worker.
    pub(super) fn connected(core: &Rc<RefCell<Core>>, caller: Caller) {
        let Ok(stream) = Stream::new(caller.parts) else {
            return;
        };
        let id = ConnectionId(ids::next());
        let (remote, relay) = match caller.framing {
            Framing::Lengths => (Remote::Tcp(caller.address, id), None),
            Framing::Turn => {
                let relayed = Relayed {
                    client: caller.address,
                    id,
                    address: relayed_address(&core.borrow().context, id),
                    carrier: match stream.is_encrypted() {
                        true => Carrier::Tls,
                        false => Carrier::Tcp,
                    },
                };
                let relay = Relay::new(relayed.address);
                (Remote::Relay(relayed), Some(RefCell::new(relay)))
            }
        };
        let viewer = core
            .borrow()
            .viewers
            .get(caller.row)
            .map(|viewer| viewer.id);
        let connection = Rc::new(Connection {
            stream,
            remote,
            id,
            relay,
            session: viewer.unwrap_or(SessionId(0)),
            row: caller.row,
            pending: RefCell::new(Pending::new(Arc::clone(&core.borrow().context.callers))),
            full: Cell::new(false),
            seat: RefCell::new(Some(Rc::new(caller.seat))),
            closed: Cell::new(false),
            changed: Notify::new(),
        });
        {
            let core = &mut *core.borrow_mut();
            if viewer.is_none() {
                core.disconnected(&connection);
                return;
            }
            let known = &mut core.connections.by_id;
            known.insert(id, Rc::clone(&connection));
        }
        let core = Rc::clone(core);
        tokio::task::spawn_local(async move {
            let mut deframer = Deframer::new(caller.framing);
            let begun = core
                .borrow_mut()
                .take_in(&connection, &mut deframer, &caller.read);
            if begun {
                serve(&core, &connection, &mut deframer, caller.until).await;
            }
            core.borrow_mut().disconnected(&connection);
        });
    }

    /// Hands what came over a connection to its session. False if nothing that follows can be understood.
    fn take_in(&mut self, connection: &Connection, deframer: &mut Deframer, bytes: &[u8]) -> bool {
        let begun = Instant::now();
        let mut over = false;
        let taken = deframer.take(bytes, |frame| {
            if connection.closed.get() || over {
                return;
            }
            // Its row may be another session's by now.
            let viewer = self.viewers.get(connection.row);
            if viewer.is_none_or(|viewer| viewer.id != connection.session) {
                over = true;
                return;
            }
            match &connection.relay {
                None => self.hand_over(connection, None, frame),
                Some(relay) => over = !self.relay(connection, relay, frame),
            }
        });
        self.datagrams_took(begun.elapsed());
        self.rearmed.ring();
        taken.is_ok() && !over
    }

    /// A datagram has come over a connection, to this address of ours.
    fn hand_over(&mut self, connection: &Connection, local: Option<IpAddr>, contents: &[u8]) {
        let remote = connection.remote;
        self.datagram(&Datagram {
            row: connection.row,
            path: Path { remote, local },
            contents,
        });
    }

    /// A message of TURN has come over a connection. False if that is over.
    fn relay(&mut self, connection: &Connection, relay: &RefCell<Relay>, message: &[u8]) -> bool {
        let now = Instant::now();
        let context = &self.context;
        let Some(authority) = context.turn.as_deref() else {
            return false;
        };
        let at = turn::At {
            now,
            wall: context.clock.wall(now),
            authority,
            session: connection.session.0,
            client: connection.remote.address(),
            ours: &|| LocalCandidates::new(context, now).all(),
        };
        let heard = relay.borrow_mut().handle(&at, message);
        let complaint = &mut self.connections.relays.complaint;
        relays::note(context, complaint, at.client, &heard, now);
        match heard {
            Heard::Nothing => {}
            Heard::Response(response)
            | Heard::Allocated(response)
            | Heard::Refused(response, _) => {
                connection.respond(&response);
            }
            Heard::Over(response) => {
                if let Some(response) = response {
                    connection.respond(&response);
                }
                return false;
            }
            Heard::Datagram(local, contents) => {
                self.hand_over(connection, Some(local), &contents);
            }
        }
        true
    }

    /// Reads what has come over a connection. `Ok`: whether there may be more.
    fn read(&mut self, connection: &Connection, deframer: &mut Deframer) -> io::Result<bool> {
        let mut buffer = std::mem::take(&mut self.connections.buffer);
        let read = match connection.stream.try_read(&mut buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(size) if !self.take_in(connection, deframer, &buffer[..size]) => {
                Err(io::ErrorKind::InvalidData.into())
            }
            // What is decrypted already does not show at the socket.
            Ok(size) => Ok(connection.stream.is_encrypted() || size == buffer.len()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error),
        };
        self.connections.buffer = buffer;
        read
    }

    /// A connection takes more again.
    fn has_room(&mut self, connection: &Connection) {
        connection.full.set(false);
        if !connection.pending.borrow_mut().flush(&connection.stream) {
            connection.wait_for_room();
            return;
        }
        let begun = Instant::now();
        let stream = self.viewers.get(connection.row).map(|viewer| viewer.stream);
        self.with_session(connection.row, begun, |session, io| {
            session.handle_room(io);
        });
        let time = begun.elapsed();
        self.costs.media.delivered(time, None);
        if let Some(stream) = stream {
            self.streams.delivered(stream, time, None);
        }
        self.rearmed.ring();
    }

    /// A connection has ended, here or there.
    fn disconnected(&mut self, connection: &Connection) {
        if connection.seat.take().is_some() {
            let strangers = &self.context.callers.strangers;
            strangers.fetch_add(1, Ordering::Relaxed);
        }
        if self.connections.by_id.remove(&connection.id).is_some() {
            self.with_session(connection.row, Instant::now(), |session, io| {
                session.handle_lost(connection.remote, io);
            });
            self.rearmed.ring();
        }
    }
}

/// Reads a connection, and waits for it to take more, until it ends.
async fn serve(
    core: &RefCell<Core>,
    connection: &Connection,
    deframer: &mut Deframer,
    until: Instant,
) {
    while !connection.closed.get() {
        let interest = match connection.full.get() {
            true => Interest::READABLE | Interest::WRITABLE,
            false => Interest::READABLE,
        };
        let ready = tokio::select! {
            Ok(ready) = connection.stream.ready(interest) => ready,
            () = connection.changed.notified() => continue,
            () = connection.overstays(until) => return,
            () = connection.expires() => return,
            else => return,
        };
        if ready.is_writable() && connection.full.get() {
            core.borrow_mut().has_room(connection);
        }
        if ready.is_readable() {
            let read = core.borrow_mut().read(connection, deframer);
            match read {
                Ok(false) => {}
                Ok(true) => tokio::task::yield_now().await,
                Err(error) => {
                    log::debug!("TCP: {}: {error}", connection.remote.address());
                    return;
                }
            }
        }
    }
}
