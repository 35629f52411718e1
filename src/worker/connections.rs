//! The TCP connections of a worker's viewers. Each has a task that reads it, and that lets its session go on when it
//! takes more.
//!
//! A connection is a path like an address: the session that an authentic check came for over it has it from then on,
//! and closes it when it forgets it. What waits for a connection waits in the ring, where it can be left out; kept
//! here is the rest of a run that has begun to leave, and a little of what is no media.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::callers::Caller;
use super::core::Core;
use super::demux::Datagram;
use crate::ids;
use crate::limit::Connection as Seat;
use crate::session::framing::{Deframer, Frames};
use crate::session::{ConnectionId, Path, Remote, WouldBlock};

/// Bytes that are read at once: then others have their turn.
const READ: usize = 16 << 10;
/// Bytes that are kept for a connection at most: the rest of a run, and what is no media.
const KEPT: usize = 96 << 10;

/// All connections of a worker.
pub(super) struct Connections {
    by_id: HashMap<ConnectionId, Rc<Connection>>,
    /// What was read last.
    buffer: Box<[u8]>,
}

impl Default for Connections {
    fn default() -> Self {
        Connections {
            by_id: HashMap::new(),
            buffer: vec![0; READ].into(),
        }
    }
}

/// One connection.
struct Connection {
    stream: TcpStream,
    remote: Remote,
    id: ConnectionId,
    /// The slot of the session that it asks for.
    slot: usize,
    /// What has begun to leave, and what is no media.
    kept: RefCell<Vec<u8>>,
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
    /// Sends `contents` as datagrams of `segment` bytes. Fails if the connection takes nothing.
    pub(super) fn send(
        &self,
        id: ConnectionId,
        contents: &[u8],
        segment: usize,
    ) -> Result<(), WouldBlock> {
        match self.by_id.get(&id) {
            Some(connection) => connection.send(contents, segment),
            // Its session is about to hear that it has ended.
            None => Ok(()),
        }
    }

    /// Sends a datagram that is no media, as soon as the connection takes it.
    pub(super) fn control(&self, id: ConnectionId, datagram: &[u8]) {
        if let Some(connection) = self.by_id.get(&id) {
            connection.control(datagram);
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
    fn send(&self, contents: &[u8], segment: usize) -> Result<(), WouldBlock> {
        let kept = &mut *self.kept.borrow_mut();
        if !self.flush(kept) {
            return Err(WouldBlock);
        }
        let Some(frames) = Frames::new(contents, segment) else {
            return Ok(());
        };
        match frames.write(|pieces| self.stream.try_write_vectored(pieces)) {
            Ok(written) => {
                if written < frames.size() {
                    frames.append_rest(written, kept);
                    self.wait_for_room();
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.wait_for_room();
                Err(WouldBlock)
            }
            // Its task finds out.
            Err(_) => Ok(()),
        }
    }

    fn control(&self, datagram: &[u8]) {
        let kept = &mut *self.kept.borrow_mut();
        if let Some(frame) = Frames::new(datagram, datagram.len())
            && kept.len() + frame.size() <= KEPT
        {
            frame.append_rest(0, kept);
            self.flush(kept);
        }
    }

    /// Sends what is kept. False if some is left.
    fn flush(&self, kept: &mut Vec<u8>) -> bool {
        let mut done = 0;
        while let Some(rest) = kept.get(done..)
            && !rest.is_empty()
        {
            match self.stream.try_write(rest) {
                Ok(written @ 1..) => done += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    kept.drain(..done);
                    self.wait_for_room();
                    return false;
                }
                // Its task finds out.
                Ok(0) | Err(_) => break,
            }
        }
        // Few connections keep anything for long.
        *kept = Vec::new();
        true
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
}

impl Core {
    /// Takes in a connection for a session of this worker.
    pub(super) fn connected(core: &Rc<RefCell<Core>>, caller: Caller) {
        let Ok(stream) = TcpStream::from_std(caller.stream) else {
            return;
        };
        let id = ConnectionId(ids::next());
        let connection = Rc::new(Connection {
            stream,
            remote: Remote::Tcp(caller.address, id),
            id,
            slot: caller.slot,
            kept: RefCell::default(),
            full: Cell::new(false),
            seat: RefCell::new(Some(Rc::new(caller.seat))),
            closed: Cell::new(false),
            changed: Notify::new(),
        });
        {
            let core = &mut *core.borrow_mut();
            if core.viewers.get(connection.slot).is_none() {
                core.disconnected(&connection);
                return;
            }
            let known = &mut core.connections.by_id;
            known.insert(id, Rc::clone(&connection));
        }
        let core = Rc::clone(core);
        tokio::task::spawn_local(async move {
            let mut deframer = Deframer::default();
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
        let path = Path {
            remote: connection.remote,
            local: None,
        };
        let taken = deframer.take(bytes, |contents| {
            if !connection.closed.get() {
                self.datagram(&Datagram {
                    slot: connection.slot,
                    path,
                    contents,
                });
            }
        });
        self.datagrams_took(begun.elapsed());
        self.rearmed.ring();
        taken.is_ok()
    }

    /// Reads what has come over a connection. `Ok`: whether there may be more.
    fn read(&mut self, connection: &Connection, deframer: &mut Deframer) -> io::Result<bool> {
        let mut buffer = std::mem::take(&mut self.connections.buffer);
        let read = match connection.stream.try_read(&mut buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(size) if !self.take_in(connection, deframer, &buffer[..size]) => {
                Err(io::ErrorKind::InvalidData.into())
            }
            Ok(size) => Ok(size == buffer.len()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        };
        self.connections.buffer = buffer;
        read
    }

    /// A connection takes more again.
    fn has_room(&mut self, connection: &Connection) {
        connection.full.set(false);
        if !connection.flush(&mut connection.kept.borrow_mut()) {
            return;
        }
        let begun = Instant::now();
        let stream = self
            .viewers
            .get(connection.slot)
            .map(|viewer| viewer.stream);
        self.with_session(connection.slot, begun, |session, io| {
            session.handle_room(io);
        });
        let time = begun.elapsed();
        self.costs.media.delivered(time, None);
        if let Some(entry) = stream.and_then(|id| self.streams.get_mut(id)) {
            entry.stream.costs.delivered(time, None);
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
            self.with_session(connection.slot, Instant::now(), |session, io| {
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
