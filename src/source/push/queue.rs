//! The bounded queue between host threads and a worker. The lock is only held briefly: nothing is
//! copied, and none of the host's memory is freed, while it is held.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::bitstream::Content;
use crate::media::{Codec, MediaKind, ParameterSets};
use crate::source::rtp::Format;

/// Bytes that may be queued, in addition to one frame of any size: a large keyframe and its GOP.
const MAX_BYTES: usize = 32 << 20;
/// Buffers kept for later frames: two are in use in steady state, the others cover a burst.
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
    /// The timeline restarts here.
    pub restarts: bool,
    /// RTP packets missing before it or in it.
    pub lost: u32,
    /// Video frames that were refused before it.
    pub refused: u32,
    /// Parts of it are missing.
    pub damaged: bool,
}

/// The data of a frame.
#[derive(Debug)]
pub(super) enum Data {
    /// In the form of `media`, in one of the queue's buffers.
    Ready(Vec<u8>),
    /// As the host pushed it, in the host's memory.
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

/// Why a frame is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The queue is full.
    Full,
    /// The same, and it is the stream itself that takes more than its share of the worker.
    OverShare,
    /// A frame that it depends on was refused.
    AwaitsKeyframe,
    /// The receiver was dropped.
    Closed,
}

/// What happened since the worker last looked, other than frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Video frames refused.
    pub dropped: u64,
    /// Video frames are refused until a keyframe arrives.
    pub keyframe_needed: bool,
}

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Notify,
    /// Maximum number of queued frames per track.
    frames: usize,
}

#[derive(Debug, Default)]
struct State {
    units: VecDeque<Unit>,
    /// Frames and bytes that are queued or admitted.
    video: usize,
    audio: usize,
    bytes: usize,
    buffers: Vec<Vec<u8>>,
    awaits_keyframe: bool,
    /// Video frames refused since one was queued.
    refused: u32,
    report: Report,
    /// What is pushed takes more than the stream's share of its worker.
    over_share: bool,
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
    /// Reserves room for a frame of `bytes`, which [`Queue::put`] then queues.
    pub fn admit(&self, kind: MediaKind, content: Content, bytes: usize) -> Result<(), Refused> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        let waiting = *state.count(kind);
        let full =
            waiting >= self.frames || waiting > 0 && state.bytes.saturating_add(bytes) > MAX_BYTES;
        let why_full = match state.over_share {
            true => Refused::OverShare,
            false => Refused::Full,
        };
        if kind == MediaKind::Video {
            let gap = state.awaits_keyframe && content == Content::Delta;
            if full || gap {
                state.awaits_keyframe = true;
                let news = !mem::replace(&mut state.report.keyframe_needed, true);
                let is_frame = content != Content::Other;
                state.report.dropped += u64::from(is_frame);
                state.refused = state.refused.saturating_add(is_frame.into());
                let idle = state.units.is_empty();
                drop(state);
                if news && idle {
                    self.arrived.notify_one();
                }
                return Err(match full {
                    true => why_full,
                    false => Refused::AwaitsKeyframe,
                });
            }
            state.awaits_keyframe &= content != Content::Keyframe;
        } else if full {
            return Err(why_full);
        }
        *state.count(kind) += 1;
        state.bytes += bytes;
        Ok(())
    }

    /// An empty buffer.
    pub fn buffer(&self) -> Vec<u8> {
        self.state.lock().buffers.pop().unwrap_or_default()
    }

    /// Returns a buffer for reuse.
    pub fn recycle(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut state = self.state.lock();
        if state.buffers.len() < MAX_BUFFERS && !state.closed {
            state.buffers.push(buffer);
        }
    }

    /// Queues a frame that was admitted with `bytes`.
    pub fn put(&self, mut unit: Unit, bytes: usize) {
        let mut state = self.state.lock();
        if unit.kind == MediaKind::Video {
            unit.refused = mem::take(&mut state.refused);
        }
        // From here on, the converted size counts.
        state.bytes = state.bytes.saturating_sub(bytes) + unit.data.as_slice().len();
        if state.closed {
            drop(state);
            // Frees the host's memory without the lock.
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

    /// Takes everything that is queued; `None` if there is nothing.
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
        // Frees the host's memory without the lock.
        drop((units, buffers));
    }
}

/// The worker's end of a queue. Dropping it closes the queue and frees its frames.
#[derive(Debug)]
pub struct Receiver {
    pub(super) queue: Arc<Queue>,
    pub(super) video: Option<Codec>,
    pub(super) audio: Option<Format>,
    /// Parameter sets that the host passed in front of all frames.
    pub(super) sets: Option<ParameterSets>,
    /// Frames in the host's memory have start codes.
    pub(super) annex_b: bool,
    /// Without a frame of video, or of audio where there is no video, for this long the stream is stalled;
    /// `None`: never.
    pub(super) stall: Option<Duration>,
}

impl Receiver {
    /// Waits until something is queued and takes all of it. `batch` must be empty.
    pub(super) async fn next(&mut self, batch: &mut VecDeque<Unit>) -> Report {
        loop {
            if let Some(report) = self.queue.take(batch) {
                return report;
            }
            self.queue.arrived.notified().await;
        }
    }

    /// Whether what is pushed takes more than the stream's share of its worker: the host is told so when the
    /// queue is full.
    pub(super) fn set_over_share(&self, over_share: bool) {
        self.queue.state.lock().over_share = over_share;
    }

    /// Whether frames are queued.
    pub(super) fn is_ready(&self) -> bool {
        !self.queue.state.lock().units.is_empty()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// A queue for up to `frames` frames per track.
pub(super) fn queue(frames: usize) -> Arc<Queue> {
    Arc::new(Queue {
        state: Mutex::default(),
        arrived: Notify::new(),
        frames,
    })
}
