//! The bounded queue between host threads and a worker. The lock is held for moments: nobody
//! copies, waits or frees the host's memory under it.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::bitstream::Content;
use crate::media::{Codec, MediaKind};

/// Bytes that may wait, besides one frame of any size: a large keyframe and its GOP.
const MAX_BYTES: usize = 32 << 20;
/// Buffers kept for later frames: two go back and forth, some more cover a burst.
const MAX_BUFFERS: usize = 4;

/// A frame on its way to the worker.
#[derive(Debug)]
pub(super) struct Unit {
    pub kind: MediaKind,
    pub content: Content,
    pub data: Data,
    /// Presentation time in units of the codec's clock rate.
    pub timestamp: i64,
    pub arrival: Instant,
    pub captured: Option<Instant>,
    /// The time line restarts here.
    pub restarts: bool,
    /// RTP packets missing before it.
    pub lost: u32,
}

/// The bits of a frame.
#[derive(Debug)]
pub(super) enum Data {
    /// As `media` wants them, in one of the queue's buffers.
    Ready(Vec<u8>),
    /// As the host pushed them, in its memory.
    Pushed(Bytes),
}

impl Data {
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Data::Ready(data) => data,
            Data::Pushed(data) => data,
        }
    }
}

/// Why a frame is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is no room.
    Full,
    /// One before it was refused that it builds on.
    AwaitsKeyframe,
    /// Nobody reads any more.
    Closed,
}

/// What happened besides, since the worker looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Pictures refused.
    pub dropped: u64,
    /// Pictures are refused until a keyframe comes.
    pub keyframe_needed: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Notify,
    /// Frames of each track that may wait.
    frames: usize,
}

#[derive(Debug, Default)]
struct State {
    units: VecDeque<Unit>,
    /// Frames and bytes that wait or that have been let in.
    video: usize,
    audio: usize,
    bytes: usize,
    buffers: Vec<Vec<u8>>,
    awaits_keyframe: bool,
    report: Report,
    closed: bool,
}

impl State {
    fn count(&mut self, kind: MediaKind) -> &mut usize {
        match kind {
            MediaKind::Video => &mut self.video,
            MediaKind::Audio => &mut self.audio,
        }
    }
}

impl Queue {
    /// Lets a frame of `bytes` in, to be put in by [`Queue::put`].
    pub fn admit(&self, kind: MediaKind, content: Content, bytes: usize) -> Result<(), Refused> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        let waiting = *state.count(kind);
        let full =
            waiting >= self.frames || waiting > 0 && state.bytes.saturating_add(bytes) > MAX_BYTES;
        if kind == MediaKind::Video {
            let gap = state.awaits_keyframe && content == Content::Picture;
            if full || gap {
                state.awaits_keyframe = true;
                let news = !mem::replace(&mut state.report.keyframe_needed, true);
                state.report.dropped += u64::from(content != Content::Other);
                let idle = state.units.is_empty();
                drop(state);
                if news && idle {
                    self.arrived.notify_one();
                }
                return Err(if full {
                    Refused::Full
                } else {
                    Refused::AwaitsKeyframe
                });
            }
            state.awaits_keyframe &= content != Content::Keyframe;
        } else if full {
            return Err(Refused::Full);
        }
        *state.count(kind) += 1;
        state.bytes += bytes;
        Ok(())
    }

    /// An empty buffer.
    pub fn buffer(&self) -> Vec<u8> {
        self.state.lock().buffers.pop().unwrap_or_default()
    }

    /// Takes a buffer back.
    pub fn recycle(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut state = self.state.lock();
        if state.buffers.len() < MAX_BUFFERS && !state.closed {
            state.buffers.push(buffer);
        }
    }

    /// Puts in a frame that was let in with `bytes`.
    pub fn put(&self, unit: Unit, bytes: usize) {
        let mut state = self.state.lock();
        // What waits is counted as it is.
        state.bytes = state.bytes.saturating_sub(bytes) + unit.data.as_slice().len();
        if state.closed {
            drop(state);
            // Here, under no lock, the host's memory is given back.
            drop(unit);
            return;
        }
        let first = state.units.is_empty();
        state.units.push_back(unit);
        drop(state);
        if first {
            self.arrived.notify_one();
        }
    }

    /// Gives out all that waits; `None` if nothing does.
    fn take(&self, batch: &mut VecDeque<Unit>) -> Option<Report> {
        let mut state = self.state.lock();
        if state.units.is_empty() && state.report == Report::default() {
            return None;
        }
        mem::swap(&mut state.units, batch);
        for unit in &*batch {
            *state.count(unit.kind) -= 1;
            state.bytes -= unit.data.as_slice().len();
        }
        Some(mem::take(&mut state.report))
    }

    fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let units = mem::take(&mut state.units);
        let buffers = mem::take(&mut state.buffers);
        drop(state);
        // Here, under no lock, the host's memory is given back.
        drop((units, buffers));
    }
}

/// The worker's end of a queue. Dropping it closes the queue and frees what waits.
#[derive(Debug)]
pub struct Receiver {
    pub(super) queue: Arc<Queue>,
    pub(super) video: Codec,
    pub(super) audio: Option<Codec>,
}

impl Receiver {
    /// Waits until something comes and gives out all of it. `batch` is empty before.
    pub(super) async fn next(&mut self, batch: &mut VecDeque<Unit>) -> Report {
        loop {
            if let Some(report) = self.queue.take(batch) {
                return report;
            }
            self.queue.arrived.notified().await;
        }
    }

    /// Whether something waits.
    pub(super) fn is_ready(&self) -> bool {
        !self.queue.state.lock().units.is_empty()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// A queue for `frames` frames of each track.
pub(super) fn queue(frames: usize) -> Arc<Queue> {
    Arc::new(Queue {
        state: Mutex::default(),
        arrived: Notify::new(),
        frames,
    })
}
