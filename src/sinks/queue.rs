//! The bounded queue between a worker and a host thread. The lock is only held to put in or take out
//! a frame: no code of the host runs while it is held.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::{SinkFormat, SinkFrame, SinkTrack};
use crate::config::SinkOptions;
use crate::error::{Error, Result, Status};
use crate::state::{SinkId, SinkInfo, StreamId};

/// See the module documentation.
#[derive(Debug)]
pub struct Queue {
    id: SinkId,
    stream: StreamId,
    options: SinkOptions,
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug)]
struct State {
    frames: VecDeque<SinkFrame>,
    bytes: u64,
    /// Video up to the next keyframe cannot be decoded.
    awaits_keyframe: bool,
    tracks: [Track; SinkTrack::COUNT],
    /// Why nothing more comes.
    ended: Option<Error>,
    info: SinkInfo,
}

/// What the next frame of a track has to say.
#[derive(Debug, Default)]
struct Track {
    /// The format of the frame before it; `None` before the first.
    format: Option<Arc<SinkFormat>>,
    frames_dropped: u32,
    packets_lost: u32,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Queued,
    /// It is not decodable, or it was dropped like those before it.
    LeftOut,
    /// It is not decodable, and there is room for what follows a keyframe.
    AwaitsKeyframe,
    /// The queue is full, and was not before.
    Overflow,
}

impl Queue {
    pub fn new(id: SinkId, stream: StreamId, options: SinkOptions) -> Queue {
        let info = SinkInfo {
            stream,
            frames: 0,
            bytes: 0,
            frames_dropped: 0,
            overflows: 0,
            queued_frames: 0,
            queued_bytes: 0,
        };
        Queue {
            id,
            stream,
            options,
            state: Mutex::new(State {
                frames: VecDeque::new(),
                bytes: 0,
                awaits_keyframe: true,
                tracks: Default::default(),
                ended: None,
                info,
            }),
            arrived: Condvar::new(),
        }
    }

    pub fn id(&self) -> SinkId {
        self.id
    }

    pub fn stream(&self) -> StreamId {
        self.stream
    }

    pub fn options(&self) -> &SinkOptions {
        &self.options
    }

    /// Whether the sink gets this track.
    pub fn takes(&self, track: SinkTrack) -> bool {
        match track {
            SinkTrack::Video => self.options.video,
            SinkTrack::Audio => self.options.audio,
            SinkTrack::Metadata => self.options.metadata,
        }
    }

    /// Puts a frame in, unless the queue is full. Never waits.
    pub(super) fn put(&self, mut frame: SinkFrame) -> Outcome {
        let size = frame.data.len() as u64;
        let is_video = frame.format.track == SinkTrack::Video;
        let mut state = self.state.lock();
        let state = &mut *state;
        if state.ended.is_some() {
            return Outcome::LeftOut;
        }
        let track = &mut state.tracks[frame.format.track.index()];
        let begins = track.format.is_none();
        let gap = is_video && state.awaits_keyframe && !frame.keyframe;
        let full = state.frames.len() >= self.options.queue_frames as usize
            || !state.frames.is_empty() && state.bytes + size > self.options.queue_bytes;
        let left_out = match gap && !full {
            true => Outcome::AwaitsKeyframe,
            false => Outcome::LeftOut,
        };
        if gap && begins {
            return left_out;
        }
        if gap || full {
            let overflow = !gap && track.frames_dropped == 0;
            state.awaits_keyframe |= is_video;
            track.frames_dropped = track.frames_dropped.saturating_add(1);
            track.packets_lost = track.packets_lost.saturating_add(frame.packets_lost);
            state.info.frames_dropped += 1;
            state.info.overflows += u64::from(overflow);
            return match overflow {
                true => Outcome::Overflow,
                false => left_out,
            };
        }
        if is_video {
            state.awaits_keyframe = false;
        }
        let dropped = std::mem::take(&mut track.frames_dropped);
        let lost = std::mem::take(&mut track.packets_lost);
        frame.format_changed = track
            .format
            .as_ref()
            .is_none_or(|format| !Arc::ptr_eq(format, &frame.format));
        track.format = Some(Arc::clone(&frame.format));
        frame.frames_dropped = dropped;
        frame.discontinuity = !begins && (frame.discontinuity || dropped > 0);
        frame.packets_lost = match begins {
            true => 0,
            false => frame.packets_lost.saturating_add(lost),
        };
        state.bytes += size;
        state.info.frames += 1;
        state.info.bytes += size;
        state.frames.push_back(frame);
        self.arrived.notify_one();
        Outcome::Queued
    }

    /// Takes the oldest frame out; waits for one until `deadline`, or for as long as it takes if there is
    /// none. Fails with `Timeout`, or with why nothing more comes.
    pub fn take(&self, deadline: Option<Instant>) -> Result<SinkFrame> {
        let mut state = self.state.lock();
        loop {
            if let Some(frame) = state.frames.pop_front() {
                state.bytes -= frame.data.len() as u64;
                return Ok(frame);
            }
            if let Some(why) = &state.ended {
                return Err(why.clone());
            }
            let timed_out = match deadline {
                Some(deadline) => self.arrived.wait_until(&mut state, deadline).timed_out(),
                None => {
                    self.arrived.wait(&mut state);
                    false
                }
            };
            if timed_out && state.frames.is_empty() && state.ended.is_none() {
                return Err(Error::new(
                    Status::Timeout,
                    "no frame arrived in this time: try again",
                ));
            }
        }
    }

    /// Video is missing that would have been put in next.
    pub(super) fn interrupt(&self) {
        self.state.lock().awaits_keyframe = true;
    }

    /// Nothing more comes, and what is queued can still be read.
    pub fn end(&self, why: Error) {
        let mut state = self.state.lock();
        state.ended.get_or_insert(why);
        self.arrived.notify_all();
    }

    /// Nothing can be read any more.
    pub fn close(&self, why: Error) {
        let mut state = self.state.lock();
        state.ended = Some(why);
        state.bytes = 0;
        let frames = std::mem::take(&mut state.frames);
        self.arrived.notify_all();
        drop(state);
        // Frees the memory without the lock.
        drop(frames);
    }

    pub fn info(&self) -> SinkInfo {
        let state = self.state.lock();
        SinkInfo {
            queued_frames: u32::try_from(state.frames.len()).unwrap_or(u32::MAX),
            queued_bytes: state.bytes,
            ..state.info
        }
    }
}
