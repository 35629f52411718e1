//! What is known of sessions: where they live, whom they belong to, and whether there is room for more.

use std::sync::Arc;
use std::time::Instant;

use super::{Registry, SessionEntry, SessionLocation, no_key, no_session, no_wall};
use crate::error::Result;
use crate::ids;
use crate::state::{SessionId, StreamId};
use crate::worker::admission;
use crate::worker::wall::Visitor;

/// The knobs that limit sessions, as messages name them.
const MAX_SESSIONS: &str = "max_sessions";
const MAX_SESSIONS_PER_STREAM: &str = "max_sessions_per_stream";

impl Registry {
    /// Registers a session whose offer is being answered. Returns one that has to make room if more than
    /// `most_waiting` wait for their viewers; it is forgotten, and the caller tells its worker. A session without a
    /// `peer` is the host's own, and does not wait among them.
    pub fn add_session(
        &self,
        place: SessionLocation,
        stream: StreamId,
        key: String,
        peer: Option<Box<str>>,
        most_waiting: usize,
    ) -> (SessionId, Option<(SessionId, SessionLocation)>) {
        let mut tables = self.tables.lock();
        let id = SessionId(ids::next());
        tables.keys.insert(key.clone(), id);
        if let Some(peer) = &peer {
            tables.waiting.add(peer, id);
        }
        let full = peer.is_some() && tables.waiting.len() > most_waiting;
        let entry = SessionEntry {
            place,
            stream,
            visitor: None,
            key,
            peer,
            connected: false,
            counted: false,
            events: None,
        };
        tables.sessions.insert(id, entry);
        tables.count(stream, place.worker, true);
        let displaced = match full {
            true => tables.waiting.dispensable(),
            false => None,
        };
        let displaced = displaced.and_then(|id| Some((id, tables.remove_session(id)?.place)));
        tables.displaced += u64::from(displaced.is_some());
        (id, displaced)
    }

    /// Keeps who has opened a wall, for what it is to show later.
    pub fn note_visitor(&self, id: SessionId, visitor: Arc<Visitor>) {
        if let Some(entry) = self.tables.lock().sessions.get_mut(&id) {
            entry.visitor = Some(visitor);
        }
    }

    /// Who has opened a wall.
    pub fn visitor(&self, id: SessionId) -> Result<Arc<Visitor>> {
        let tables = self.tables.lock();
        let entry = tables.sessions.get(&id).ok_or_else(|| no_session(id))?;
        entry.visitor.clone().ok_or_else(no_wall)
    }

    /// Fails if a newcomer would find no place.
    pub fn check_room(&self, limit: Option<usize>) -> Result<()> {
        admission::check(limit, self.tables.lock().connected, MAX_SESSIONS)
    }

    /// Fails if a newcomer would find no place at this stream.
    pub fn check_room_at(&self, stream: StreamId, limit: Option<usize>) -> Result<()> {
        let tables = self.tables.lock();
        let connected = tables.stream(stream)?.connected;
        admission::check(limit, connected, MAX_SESSIONS_PER_STREAM)
    }

    /// A session takes a place: its viewer has connected. `limit`: how many may, in all and of its stream, among whose
    /// viewers an output does not count.
    pub fn connect_session(
        &self,
        id: SessionId,
        (limit, per_stream): (Option<usize>, Option<Option<usize>>),
    ) -> Result<()> {
        let tables = &mut *self.tables.lock();
        let Some(entry) = tables.sessions.get_mut(&id) else {
            // It is being closed, or has to make room: that command is on its way.
            return Ok(());
        };
        if !entry.connected {
            // A wall has none, and neither has a session whose stream is being removed.
            let record = tables.streams.get_mut(&entry.stream).zip(per_stream);
            if let Some((record, limit)) = &record {
                admission::check(*limit, record.connected, MAX_SESSIONS_PER_STREAM)?;
            }
            admission::check(limit, tables.connected, MAX_SESSIONS)?;
            if let Some((record, _)) = record {
                record.connected += 1;
                entry.counted = true;
            }
            entry.connected = true;
            tables.connected += 1;
            if let Some(peer) = &entry.peer {
                tables.waiting.remove(peer, id);
            }
        }
        Ok(())
    }

    /// Viewers who have connected; outputs are none.
    pub fn connected_viewers(&self) -> usize {
        let tables = self.tables.lock();
        let sessions = tables.sessions.values();
        sessions
            .filter(|entry| entry.connected && entry.peer.is_some())
            .count()
    }

    /// Forgets a session.
    pub fn remove_session(&self, id: SessionId) {
        self.tables.lock().remove_session(id);
    }

    /// Sessions that had to make room before their viewers connected.
    pub fn displaced(&self) -> u64 {
        self.tables.lock().displaced
    }

    /// Where a session lives.
    pub fn session(&self, id: SessionId) -> Result<SessionLocation> {
        let tables = self.tables.lock();
        let entry = tables.sessions.get(&id);
        entry.map(|entry| entry.place).ok_or_else(|| no_session(id))
    }

    /// A session by its key.
    pub fn find_session(&self, key: &str) -> Result<(SessionId, SessionLocation)> {
        let tables = self.tables.lock();
        let found = tables
            .keys
            .get(key)
            .and_then(|id| Some((*id, tables.sessions.get(id)?.place)));
        found.ok_or_else(no_key)
    }

    /// Whether the session with this key watches the stream with this name, or is a wall: authorization
    /// goes by name, so a key is valid for its own stream only.
    pub fn check_session(&self, stream: Option<&str>, key: &str) -> Result<()> {
        let tables = self.tables.lock();
        let session = tables.keys.get(key).and_then(|id| tables.sessions.get(id));
        let watched = match stream {
            Some(name) => tables.names.get(name).copied(),
            None => Some(StreamId::NONE),
        };
        match session.is_some_and(|session| Some(session.stream) == watched) {
            true => Ok(()),
            false => Err(no_key()),
        }
    }

    /// All sessions, the oldest first.
    pub fn sessions(&self) -> Vec<SessionId> {
        let mut ids: Vec<SessionId> = self.tables.lock().sessions.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// A viewer has come to the worker where it was placed, and is counted there as a session from now on, if it
    /// becomes one.
    pub fn guest_came(&self, id: StreamId, worker: usize) {
        self.tables.lock().count(id, worker, false);
    }

    /// The worker for one more viewer of a stream, who is counted there until [`Registry::guest_came`] if that is not
    /// the stream's own. `full`: from so many percent of its time on, a worker takes no newcomers.
    pub fn place_viewer(&self, id: StreamId, full: Option<u32>, now: Instant) -> Result<usize> {
        let tables = &mut *self.tables.lock();
        let record = tables.stream(id)?;
        let (owner, sessions) = (record.worker, &record.sessions);
        let busy = |worker| self.loads.percent(worker, now);
        let worker = tables.workload.for_viewer(owner, sessions, busy, full);
        if worker != owner {
            tables.count(id, worker, true);
        }
        Ok(worker)
    }

    /// The worker for a new wall, of so many: walls belong to no stream.
    pub fn worker_for_wall(&self, workers: usize) -> usize {
        self.tables.lock().workload.least(workers)
    }

    /// How many sessions a stream has, on all workers.
    pub fn session_count(&self, id: StreamId) -> u32 {
        let tables = self.tables.lock();
        let record = tables.streams.get(&id);
        record.map_or(0, |record| record.sessions.iter().sum())
    }
}
