//! The streams and sessions of a gateway, and the worker that owns each.

mod events;
mod location;
mod sessions;
mod streams;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

#[cfg(feature = "http")]
pub use events::Listening;
pub use location::SessionLocation;

use crate::error::{Error, Result, Status};
use crate::media::TrackInfo;
use crate::state::{SessionId, StreamId, StreamState};
use crate::worker::admission::Waiting;
use crate::worker::placing::{Loads, WALL_WORK, Workload};
use crate::worker::wall::Visitor;
use events::Subscription;

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

/// Names, ids and owners. Locked for lookups from host threads, and when a stream or session is
/// created or ends; never on the media path.
#[derive(Debug, Default)]
pub struct Registry {
    tables: Mutex<Tables>,
    /// What was asked of the slots of walls.
    pub slots: SlotCounts,
    /// How busy the workers are.
    pub loads: Loads,
    /// How many mirrors the workers have of streams of others.
    pub mirrors: AtomicUsize,
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
mod tests;
