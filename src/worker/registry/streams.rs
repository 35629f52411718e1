//! What is known of streams: their names, workers, variants and states.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use super::{Registry, StreamRecord, no_stream};
use crate::error::{Error, Result, Status};
use crate::ids;
use crate::media::TrackInfo;
use crate::state::{StreamId, StreamState};
use crate::worker::placing::STREAM_WORK;

/// Maximum number of variants of a stream, itself not counted: each may be asked for by every viewer.
const MAX_VARIANTS: usize = 8;

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

    /// How many rings there are of all streams, those of their mirrors included.
    pub fn rings(&self) -> usize {
        self.tables.lock().streams.len() + self.mirrors.load(Ordering::Relaxed)
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

    /// All streams, the oldest first.
    pub fn streams(&self) -> Vec<StreamId> {
        let mut ids: Vec<StreamId> = self.tables.lock().streams.keys().copied().collect();
        ids.sort_unstable();
        ids
    }
}
