//! The streams and sessions of a gateway, and the worker that owns each.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::error::{Error, Result, Status};
use crate::ids;
use crate::media::TrackInfo;
use crate::state::{SessionId, StreamId, StreamState};
use crate::whep::events::Wanted;
use crate::worker::admission::{self, Waiting};
use crate::worker::placing::{Loads, STREAM_WORK, WALL_WORK, Workload};
use crate::worker::wall::Visitor;

/// Where a session lives: its worker, and its row there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionLocation {
    /// Index of the worker.
    pub worker: usize,
    /// Row in the worker's table.
    pub row: usize,
}

impl SessionLocation {
    /// The first characters of the local ufrag of a session here. Random ones follow, so that the ufrag
    /// cannot be guessed and differs from that of an earlier session in the row.
    pub fn ufrag_prefix(self) -> String {
        format!("{:02x}{:06x}", self.worker, self.row)
    }

    /// Reads what [`SessionLocation::ufrag_prefix`] wrote.
    pub fn from_ufrag(ufrag: &str) -> Option<SessionLocation> {
        let worker = usize::from_str_radix(ufrag.get(0..2)?, 16).ok()?;
        let row = usize::from_str_radix(ufrag.get(2..8)?, 16).ok()?;
        Some(SessionLocation { worker, row })
    }

    /// The first bytes of the transaction IDs of its ICE checks: the answers name no session.
    pub fn transaction_prefix(self) -> [u8; 4] {
        let [.., a, b, c] = self.row.to_be_bytes();
        [self.worker as u8, a, b, c]
    }

    /// Reads what [`SessionLocation::transaction_prefix`] wrote.
    pub fn from_transaction([worker, a, b, c]: [u8; 4]) -> SessionLocation {
        SessionLocation {
            worker: worker.into(),
            row: u32::from_be_bytes([0, a, b, c]) as usize,
        }
    }
}

/// Where a session lives.
#[derive(Clone, Debug)]
pub struct SessionEntry {
    /// Its worker, and its row there.
    pub place: SessionLocation,
    /// The stream that it watches; [`StreamId::NONE`] for a wall.
    pub stream: StreamId,
    /// Of a wall: who opened it.
    visitor: Option<Arc<Visitor>>,
    /// Its key in URLs.
    pub key: String,
    /// Whose it is: see [`admission::peer`]. Nobody's if it does not wait among the others.
    peer: Option<Box<str>>,
    /// Its viewer has connected.
    connected: bool,
    /// It has, and is one of the viewers of its stream: no output.
    counted: bool,
    /// What its viewer wants to hear of, if it has asked.
    events: Option<Subscription>,
}

/// What a viewer wants to hear of.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "http"), expect(dead_code))]
struct Subscription {
    wanted: Wanted,
    /// Whether it was last told that its camera sends media.
    told: Arc<AtomicBool>,
    /// Dropped when somebody else listens, nobody is to listen any more, or the session ends.
    listener: watch::Sender<()>,
}

/// A viewer that listens.
#[cfg(feature = "http")]
#[derive(Debug)]
pub struct Listening {
    /// What it wants to hear of.
    pub wanted: Wanted,
    /// Whether it was last told that its camera sends media.
    pub told: Arc<AtomicBool>,
    /// Whether its camera does.
    pub active: watch::Receiver<bool>,
    /// Closed when it is to listen no more.
    pub open: watch::Receiver<()>,
}

/// What all workers may know of a stream.
#[derive(Clone, Debug)]
struct StreamRecord {
    name: Arc<str>,
    worker: usize,
    /// Its sessions on each worker, and how many of all of them have connected.
    sessions: Vec<u32>,
    connected: usize,
    /// Its variants, best first, itself included; empty if it has none.
    variants: Vec<StreamId>,
    /// Its video when it was last live.
    video: Option<TrackInfo>,
    /// Viewers that are shown it over paths that drop large packets.
    narrow: Arc<AtomicUsize>,
    /// Whether it is live.
    active: watch::Sender<bool>,
    /// Its state, and why it is not live.
    state: StreamState,
    why: Option<Arc<str>>,
}

/// The knobs that limit sessions, as messages name them.
const MAX_SESSIONS: &str = "max_sessions";
const MAX_SESSIONS_PER_STREAM: &str = "max_sessions_per_stream";

/// Maximum number of variants of a stream, itself not counted: each may be asked for by every viewer.
const MAX_VARIANTS: usize = 8;

/// Names, ids and owners. Locked for lookups from host threads, and when a stream or session is
/// created or ends; never on the media path.
#[derive(Debug, Default)]
pub struct Registry {
    tables: Mutex<Tables>,
    /// What was asked of the slots of walls.
    pub slots: SlotCounts,
    /// How busy the workers are.
    pub loads: Loads,
}

/// How often slots of walls were bound to a stream, and how often a change of one was refused.
#[derive(Debug, Default)]
pub struct SlotCounts {
    bound: AtomicU64,
    refused: AtomicU64,
}

impl SlotCounts {
    pub fn add(&self, bound: usize, refused: usize) {
        self.bound.fetch_add(bound as u64, Ordering::Relaxed);
        self.refused.fetch_add(refused as u64, Ordering::Relaxed);
    }

    pub fn bound(&self) -> u64 {
        self.bound.load(Ordering::Relaxed)
    }

    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
struct Tables {
    names: HashMap<Arc<str>, StreamId>,
    streams: HashMap<StreamId, StreamRecord>,
    sessions: HashMap<SessionId, SessionEntry>,
    keys: HashMap<String, SessionId>,
    workload: Workload,
    /// Those whose viewers have not connected; how many have; and how many had to make room.
    waiting: Waiting,
    connected: usize,
    displaced: u64,
}

impl Tables {
    fn remove_session(&mut self, id: SessionId) -> Option<SessionEntry> {
        let entry = self.sessions.remove(&id)?;
        self.keys.remove(&entry.key);
        match entry.connected {
            true => self.connected -= 1,
            false => self.waited(&entry, id),
        }
        if let Some(record) = self.streams.get_mut(&entry.stream) {
            record.connected -= usize::from(entry.counted);
        }
        self.count(entry.stream, entry.place.worker, false);
        Some(entry)
    }

    /// A worker has one session of a stream, or one wall, more or less.
    fn count(&mut self, stream: StreamId, worker: usize, more: bool) {
        let work = match stream {
            StreamId::NONE => WALL_WORK,
            _ => 1,
        };
        match more {
            true => self.workload.add(worker, work),
            false => self.workload.remove(worker, work),
        }
        let record = self.streams.get_mut(&stream);
        if let Some(count) = record.and_then(|record| record.sessions.get_mut(worker)) {
            match more {
                true => *count += 1,
                false => *count -= 1,
            }
        }
    }

    /// A session waits no longer.
    fn waited(&mut self, entry: &SessionEntry, id: SessionId) {
        if let Some(peer) = &entry.peer {
            self.waiting.remove(peer, id);
        }
    }

    fn session_of_key(&mut self, key: &str) -> Result<&mut SessionEntry> {
        let id = self.keys.get(key).ok_or_else(no_key)?;
        self.sessions.get_mut(id).ok_or_else(no_key)
    }

    fn stream(&self, id: StreamId) -> Result<&StreamRecord> {
        self.streams.get(&id).ok_or_else(|| no_stream(id))
    }
}

impl Registry {
    /// Registers a stream with the least loaded of `workers` workers.
    pub fn add_stream<T>(
        &self,
        name: &str,
        workers: usize,
        announce: impl FnOnce(StreamId, Arc<str>, usize) -> T,
    ) -> Result<(StreamId, usize, T)> {
        let mut tables = self.tables.lock();
        if tables.names.contains_key(name) {
            return Err(Error::new(
                Status::AlreadyExists,
                format!("a stream named \"{name}\" exists: remove it first, or use another name"),
            ));
        }
        let worker = tables.workload.least(workers);
        tables.workload.add(worker, STREAM_WORK);
        let id = StreamId(ids::next());
        let name: Arc<str> = name.into();
        tables.names.insert(Arc::clone(&name), id);
        let record = StreamRecord {
            name: Arc::clone(&name),
            worker,
            sessions: vec![0; workers],
            connected: 0,
            variants: Vec::new(),
            video: None,
            narrow: Arc::default(),
            active: watch::Sender::new(false),
            state: StreamState::Connecting,
            why: None,
        };
        tables.streams.insert(id, record);
        Ok((id, worker, announce(id, name, worker)))
    }

    /// The worker for a new wall, of so many: walls belong to no stream.
    pub fn worker_for_wall(&self, workers: usize) -> usize {
        self.tables.lock().workload.least(workers)
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

    /// A viewer has come to the worker where it was placed, and is counted there as a session from now on, if it
    /// becomes one.
    pub fn guest_came(&self, id: StreamId, worker: usize) {
        self.tables.lock().count(id, worker, false);
    }

    /// How many rings the streams have, with those that mirror them for guests.
    pub fn rings(&self) -> usize {
        let tables = self.tables.lock();
        let of = |record: &StreamRecord| {
            let all = record.sessions.iter().enumerate();
            let guests = all.filter(|&(worker, &count)| worker != record.worker && count > 0);
            1 + guests.count()
        };
        tables.streams.values().map(of).sum()
    }

    /// How many sessions a stream has, on all workers.
    pub fn session_count(&self, id: StreamId) -> u32 {
        let tables = self.tables.lock();
        let record = tables.streams.get(&id);
        record.map_or(0, |record| record.sessions.iter().sum())
    }

    /// Counts the viewers that are shown a stream over paths that drop large packets.
    pub fn narrow(&self, id: StreamId) -> Option<Arc<AtomicUsize>> {
        let tables = self.tables.lock();
        let record = tables.streams.get(&id)?;
        Some(Arc::clone(&record.narrow))
    }

    /// Forgets a stream. Returns its worker, and the streams that had it as a variant with theirs. The
    /// caller tells the workers.
    pub fn remove_stream(&self, id: StreamId) -> Result<(usize, Vec<(StreamId, usize)>)> {
        let mut tables = self.tables.lock();
        let Some(removed) = tables.streams.remove(&id) else {
            return Err(no_stream(id));
        };
        tables.workload.remove(removed.worker, STREAM_WORK);
        tables.names.remove(&removed.name);
        let mut bereft = Vec::new();
        for (&stream, record) in &mut tables.streams {
            if record.variants.contains(&id) {
                record.variants.retain(|&variant| variant != id);
                if record.variants.len() == 1 {
                    record.variants.clear();
                }
                bereft.push((stream, record.worker));
            }
        }
        Ok((removed.worker, bereft))
    }

    /// The worker of a stream.
    pub fn stream(&self, id: StreamId) -> Result<usize> {
        let tables = self.tables.lock();
        Ok(tables.stream(id)?.worker)
    }

    /// The name of a stream.
    pub fn stream_name(&self, id: StreamId) -> Result<Arc<str>> {
        let tables = self.tables.lock();
        Ok(Arc::clone(&tables.stream(id)?.name))
    }

    /// Sets the variants of a stream, best first; if it is not one of them itself, it is the best.
    /// Returns its worker, which the caller tells.
    pub fn set_variants(&self, id: StreamId, variants: &[StreamId]) -> Result<usize> {
        let mut tables = self.tables.lock();
        tables.stream(id)?;
        let others = variants.iter().filter(|&&variant| variant != id).count();
        if others > MAX_VARIANTS {
            return Err(Error::new(
                Status::InvalidArgument,
                format!("a stream has at most {MAX_VARIANTS} variants; {others} are given"),
            ));
        }
        for (i, &variant) in variants.iter().enumerate() {
            let name = &tables.stream(variant)?.name;
            if variants[..i].contains(&variant) {
                return Err(Error::new(
                    Status::InvalidArgument,
                    format!("stream \"{name}\" is given twice: name each variant once"),
                ));
            }
        }
        let mut list = variants.to_vec();
        if others == 0 {
            list.clear();
        } else if others == list.len() {
            list.insert(0, id);
        }
        let Some(record) = tables.streams.get_mut(&id) else {
            return Err(no_stream(id));
        };
        record.variants = list;
        Ok(record.worker)
    }

    /// The variants of a stream, best first, itself included; empty if it has none.
    pub fn variants(&self, id: StreamId) -> Vec<StreamId> {
        let tables = self.tables.lock();
        let record = tables.streams.get(&id);
        record.map_or(Vec::new(), |record| record.variants.clone())
    }

    /// Notes the video of a stream that is live.
    pub fn note_video(&self, id: StreamId, video: &TrackInfo) {
        if let Some(record) = self.tables.lock().streams.get_mut(&id) {
            record.video = Some(video.clone());
        }
    }

    /// Notes the state of a stream: for walls, and for viewers that listen.
    pub fn note_state(&self, id: StreamId, state: StreamState, error: Option<&Error>) {
        let active = state == StreamState::Live;
        if let Some(record) = self.tables.lock().streams.get_mut(&id) {
            record.state = state;
            record.why = match error {
                Some(error) => Some(error.message().into()),
                None => record.why.take().filter(|_| !active),
            };
            record.active.send_if_modified(|known| {
                let changed = *known != active;
                *known = active;
                changed
            });
        }
    }

    /// The state of a stream, and why it is not live.
    pub fn state(&self, id: StreamId) -> Option<(StreamState, Option<Arc<str>>)> {
        let tables = self.tables.lock();
        let record = tables.streams.get(&id)?;
        Some((record.state, record.why.clone()))
    }

    /// The viewer of a session wants to hear of these events, from now on.
    pub fn ask_for_events(&self, key: &str, wanted: Wanted) -> Result<()> {
        let mut tables = self.tables.lock();
        let entry = tables.session_of_key(key)?;
        entry.events = Some(Subscription {
            wanted,
            told: Arc::default(),
            listener: watch::Sender::new(()),
        });
        Ok(())
    }

    /// It wants to hear of none.
    pub fn end_events(&self, key: &str) -> Result<()> {
        let mut tables = self.tables.lock();
        let events = tables.session_of_key(key)?.events.take();
        events.map(drop).ok_or_else(no_events)
    }

    /// It listens, in place of whoever did so before.
    #[cfg(feature = "http")]
    pub fn listen(&self, key: &str) -> Result<Listening> {
        let mut tables = self.tables.lock();
        let entry = tables.session_of_key(key)?;
        let stream = entry.stream;
        let events = entry.events.as_mut().ok_or_else(no_events)?;
        events.listener = watch::Sender::new(());
        let (wanted, told) = (events.wanted, Arc::clone(&events.told));
        let open = events.listener.subscribe();
        Ok(Listening {
            wanted,
            told,
            active: tables.stream(stream)?.active.subscribe(),
            open,
        })
    }

    /// The video of a stream when it was last live; `None` if it never was.
    pub fn video(&self, id: StreamId) -> Option<TrackInfo> {
        self.tables.lock().streams.get(&id)?.video.clone()
    }

    /// A stream by its name.
    pub fn find_stream(&self, name: &str) -> Result<(StreamId, usize)> {
        let tables = self.tables.lock();
        let found = tables
            .names
            .get(name)
            .and_then(|id| Some((*id, tables.streams.get(id)?.worker)));
        found.ok_or_else(|| {
            let shown: String = name.chars().take(128).collect();
            Error::new(Status::NotFound, format!("no stream is named {shown:?}"))
        })
    }

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

    /// All streams, the oldest first.
    pub fn streams(&self) -> Vec<StreamId> {
        let mut ids: Vec<StreamId> = self.tables.lock().streams.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// All sessions, the oldest first.
    pub fn sessions(&self) -> Vec<SessionId> {
        let mut ids: Vec<SessionId> = self.tables.lock().sessions.keys().copied().collect();
        ids.sort_unstable();
        ids
    }
}

fn no_events() -> Error {
    Error::new(
        Status::NotFound,
        "nobody has asked for the events of this session: POST to its events first",
    )
}

fn no_key() -> Error {
    Error::new(
        Status::NotFound,
        "no session of this stream has this key: it has ended or never existed",
    )
}

/// The error for a session of one stream where a wall is meant.
pub fn no_wall() -> Error {
    Error::new(
        Status::InvalidState,
        "this session shows one stream and has no slots: post the offer to a wall instead",
    )
}

/// The error for a stream id that is not in use.
pub fn no_stream(id: StreamId) -> Error {
    Error::new(
        Status::NotFound,
        format!(
            "no stream has the id {}: it was removed or never existed",
            id.0
        ),
    )
}

/// The error for a session id that is not in use.
pub fn no_session(id: SessionId) -> Error {
    Error::new(
        Status::NotFound,
        format!(
            "no session has the id {}: it has ended or never existed",
            id.0
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(registry: &Registry, name: &str, workers: usize) -> Result<(StreamId, usize)> {
        let added = registry.add_stream(name, workers, |_, _, _| ());
        added.map(|(id, worker, ())| (id, worker))
    }

    #[test]
    fn ufrags_and_transactions_name_their_place() {
        let place = SessionLocation {
            worker: 7,
            row: 0x12_3456,
        };
        let prefix = place.transaction_prefix();
        assert_eq!(SessionLocation::from_transaction(prefix), place);
        let ufrag = place.ufrag_prefix() + "Random+/";
        assert_eq!(SessionLocation::from_ufrag(&ufrag), Some(place));
        assert_eq!(SessionLocation::from_ufrag("zz"), None);
        assert_eq!(
            SessionLocation::from_ufrag("0\u{e9}\u{e9}\u{e9}\u{e9}"),
            None
        );
    }

    #[test]
    fn streams_spread_and_names_are_unique() {
        let registry = Registry::default();
        let (a, first) = add(&registry, "a", 2).unwrap();
        let (_, second) = add(&registry, "b", 2).unwrap();
        assert_ne!(first, second);
        let error = add(&registry, "a", 2).unwrap_err();
        assert_eq!(error.status(), Status::AlreadyExists);
        assert_eq!(registry.remove_stream(a).unwrap(), (first, vec![]));
        let (again, worker) = add(&registry, "a", 2).unwrap();
        assert_ne!(again, a);
        assert_eq!(worker, first);
        assert_eq!(registry.stream(a).unwrap_err().status(), Status::NotFound);
    }

    #[test]
    fn variants_are_other_streams_once_each() {
        let registry = Registry::default();
        let add = |name: &str| add(&registry, name, 1).unwrap().0;
        let (main, sub, thumb) = (add("main"), add("sub"), add("thumb"));
        let unknown = StreamId(u64::MAX);
        let status = |stream, variants: &[StreamId]| {
            let outcome = registry.set_variants(stream, variants);
            outcome.map_err(|error| error.status())
        };
        assert_eq!(status(main, &[sub, thumb]), Ok(0));
        assert_eq!(registry.variants(main), [main, sub, thumb]);
        for (stream, variants, why) in [
            (unknown, &[sub][..], Status::NotFound),
            (main, &[sub, unknown], Status::NotFound),
            (main, &[sub, sub], Status::InvalidArgument),
            (main, &[main, sub, main], Status::InvalidArgument),
            (main, &[sub; 9], Status::InvalidArgument),
        ] {
            assert_eq!(status(stream, variants), Err(why), "{variants:?}");
        }
        assert_eq!(registry.variants(main), [main, sub, thumb], "as before");

        // Where the stream itself stands is the host's choice.
        assert_eq!(status(sub, &[main, sub, thumb]), Ok(0));
        assert_eq!(registry.variants(sub), [main, sub, thumb]);
        assert_eq!(registry.remove_stream(main), Ok((0, vec![(sub, 0)])));
        assert_eq!(registry.variants(sub), [sub, thumb]);
        assert_eq!(registry.remove_stream(thumb), Ok((0, vec![(sub, 0)])));
        assert_eq!(registry.variants(sub), [], "alone is no choice");

        let many: Vec<StreamId> = (0..8).map(|i| add(&i.to_string())).collect();
        assert_eq!(status(sub, &[&[sub], &many[..]].concat()), Ok(0));
        assert_eq!(status(sub, &[]), Ok(0));
        assert_eq!(registry.variants(sub), []);
        assert_eq!(status(sub, &[sub]), Ok(0));
        assert_eq!(registry.variants(sub), []);
    }

    #[test]
    fn only_viewers_that_connected_take_places() {
        let registry = Registry::default();
        let (stream, ..) = registry.add_stream("a", 1, |_, _, _| ()).unwrap();
        let add = |row: usize, peer: &str| {
            let place = SessionLocation { worker: 0, row };
            registry.add_session(place, stream, row.to_string(), Some(peer.into()), 64)
        };
        let viewers: Vec<_> = (0..3).map(|i| add(i, "viewer").0).collect();
        // Thirteen a second, and nobody follows.
        let mut displaced = 0;
        for i in 3..500 {
            assert!(registry.check_room(Some(2)).is_ok());
            let gone = add(i, "flood").1;
            displaced += u64::from(gone.is_some());
            assert!(gone.is_none_or(|(id, _)| !viewers.contains(&id)));
        }
        assert_eq!(displaced, 500 - 64);
        // The host's own outputs neither wait among them nor displace any.
        let place = SessionLocation { worker: 0, row: 0 };
        for i in 0..100 {
            let own = registry.add_session(place, stream, format!("own {i}"), None, 64);
            assert!(own.1.is_none());
            registry.remove_session(own.0);
        }
        assert_eq!(registry.displaced(), displaced);
        assert!(
            registry
                .connect_session(viewers[0], (Some(2), Some(None)))
                .is_ok()
        );
        assert!(
            registry
                .connect_session(viewers[1], (Some(2), Some(None)))
                .is_ok()
        );
        assert!(
            registry
                .connect_session(viewers[1], (Some(2), Some(None)))
                .is_ok(),
            "again"
        );
        let full = registry
            .connect_session(viewers[2], (Some(2), Some(None)))
            .unwrap_err();
        assert_eq!(full.status(), Status::Limit);
        assert!(registry.check_room(Some(2)).is_err());
        registry.remove_session(viewers[0]);
        registry.remove_session(viewers[0]);
        assert!(registry.check_room(Some(2)).is_ok());
        assert!(
            registry
                .connect_session(viewers[2], (Some(2), Some(None)))
                .is_ok()
        );
        assert!(
            registry
                .connect_session(viewers[0], (Some(2), Some(None)))
                .is_ok(),
            "closed meanwhile"
        );
        assert!(registry.check_room(Some(2)).is_err(), "and takes no place");
    }

    #[test]
    fn guests_count_at_their_stream_from_when_they_are_sent_away() {
        let registry = Registry::default();
        let (stream, owner) = add(&registry, "hot", 2).unwrap();
        let (other, now) = (1 - owner, Instant::now());
        let add = |worker, row: usize| {
            let place = SessionLocation { worker, row };
            let (key, peer) = (format!("{worker}-{row}"), Some(Box::default()));
            registry.add_session(place, stream, key, peer, 1000).0
        };
        let place = || registry.place_viewer(stream, None, now);
        let mut viewers = Vec::new();
        while place() == Ok(owner) {
            viewers.push(add(owner, viewers.len()));
        }
        let crowd = viewers.len() as u32;
        assert_eq!(registry.session_count(stream), crowd + 1);
        // On their way they are as good as there.
        let mut sent = 1;
        while place() == Ok(other) {
            sent += 1;
        }
        assert!((250..=270).contains(&sent), "{sent}");
        for row in 0..sent {
            registry.guest_came(stream, other);
            viewers.push(add(other, row));
        }
        assert_eq!(registry.session_count(stream), crowd + sent as u32);
        let limits = (None, Some(Some(2)));
        let last = viewers.len() - 1;
        assert_eq!(registry.connect_session(viewers[0], limits), Ok(()));
        assert_eq!(registry.connect_session(viewers[last], limits), Ok(()));
        let full = registry.connect_session(viewers[1], limits).unwrap_err();
        assert!(full.message().contains("max_sessions_per_stream"), "{full}");
        assert!(registry.check_room_at(stream, Some(2)).is_err());
        registry.remove_session(viewers[last]);
        assert_eq!(registry.check_room_at(stream, Some(2)), Ok(()));
        // Nothing is left of a stream that is removed, whatever its sessions do.
        assert_eq!(place(), Ok(other));
        registry.remove_stream(stream).unwrap();
        registry.guest_came(stream, other);
        viewers
            .into_iter()
            .for_each(|id| registry.remove_session(id));
        assert_eq!(
            (registry.session_count(stream), registry.worker_for_wall(2)),
            (0, 0)
        );
        assert_eq!(place().unwrap_err().status(), Status::NotFound);
        assert!(registry.check_room_at(stream, None).is_err());
    }

    #[test]
    fn new_streams_keep_away_from_a_hot_one() {
        let registry = Registry::default();
        let (stream, hot) = add(&registry, "hot", 2).unwrap();
        let place = |row| SessionLocation { worker: hot, row };
        let viewers: Vec<_> = (0..1000)
            .map(|i| {
                let (key, peer) = (i.to_string(), Some(Box::default()));
                registry.add_session(place(i), stream, key, peer, 1000).0
            })
            .collect();
        for i in 0..50 {
            let (_, worker) = add(&registry, &format!("cold-{i}"), 2).unwrap();
            assert_ne!(worker, hot);
        }
        for viewer in viewers {
            registry.remove_session(viewer);
        }
        assert_eq!(add(&registry, "late", 2).unwrap().1, hot);
    }
}
