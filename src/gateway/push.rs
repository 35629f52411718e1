//! Streams whose media the host pushes.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Handle;
use crate::config::{Frame, PushOptions, checked_label};
use crate::error::{Error, Result, Status};
use crate::media::{Codec, MediaKind};
use crate::source::push::{self, Feed};
use crate::state::StreamId;
use crate::worker::Command;

impl Handle {
    /// Adds a stream whose media the host pushes. It is `Connecting` until its first keyframe with
    /// parameter sets has been pushed; offers wait for that.
    ///
    /// `name` is as for [`Handle::add_stream`].
    pub fn add_push_stream(&self, name: &str, options: PushOptions) -> Result<StreamId> {
        self.check_open()?;
        let (feed, pushed) = push::feed(&options)?;
        let label = checked_label(options.label.as_deref())?;
        self.add(name, label, options.user_data, |id, identity| {
            self.shared.feeds.add(id, feed);
            Command::AddPushStream {
                id,
                identity,
                pushed,
            }
        })
    }

    /// Pushes one access unit of video. Never waits. Pushes to the same track must not overlap,
    /// otherwise their order is undefined.
    ///
    /// Fails with `QueueFull` if the frame was dropped, and then for every frame up to the next
    /// keyframe, because they could not be decoded; with `InvalidArgument` if the data is not an
    /// access unit of the codec.
    pub fn push_video(&self, stream: StreamId, frame: Frame<'_>) -> Result<()> {
        self.push(stream, MediaKind::Video, frame)
    }

    /// Pushes one frame of audio, as [`Handle::push_video`] does for video; but after `QueueFull`
    /// only this frame is lost.
    pub fn push_audio(&self, stream: StreamId, frame: Frame<'_>) -> Result<()> {
        self.push(stream, MediaKind::Audio, frame)
    }

    /// Pushes one unencrypted RTP packet including its header. `codec` selects the track. Viewers
    /// receive packets with other SSRCs, payload types and sequence numbers. A few packets may be
    /// out of order or missing.
    ///
    /// The packet that completes an access unit has the result that [`Handle::push_video`] would
    /// have.
    pub fn push_rtp(&self, stream: StreamId, codec: Codec, packet: &[u8]) -> Result<()> {
        self.check_open()?;
        self.feed(stream)?.push_rtp(codec, packet)
    }

    fn push(&self, stream: StreamId, kind: MediaKind, frame: Frame<'_>) -> Result<()> {
        self.check_open()?;
        self.feed(stream)?.push(kind, frame)
    }

    fn feed(&self, stream: StreamId) -> Result<Arc<Feed>> {
        match self.shared.feeds.find(stream) {
            Some(feed) => Ok(feed),
            // `NotFound` if the stream does not exist at all.
            None => self.shared.registry.stream(stream).and(Err(Error::new(
                Status::InvalidState,
                "this stream is a camera: push to a stream that add_push_stream created",
            ))),
        }
    }
}

/// Where the media of each push stream goes.
#[derive(Default)]
pub(super) struct Feeds {
    by_stream: Mutex<HashMap<StreamId, Arc<Feed>>>,
}

impl Feeds {
    fn add(&self, stream: StreamId, feed: Feed) {
        self.by_stream.lock().insert(stream, Arc::new(feed));
    }

    pub(super) fn find(&self, stream: StreamId) -> Option<Arc<Feed>> {
        self.by_stream.lock().get(&stream).map(Arc::clone)
    }

    pub(super) fn remove(&self, stream: StreamId) {
        self.by_stream.lock().remove(&stream);
    }
}
