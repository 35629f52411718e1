//! Streams whose media the host pushes.

use std::sync::Arc;

use super::{Gateway, check_name};
use crate::config::{Frame, PushOptions};
use crate::error::Result;
use crate::media::{Codec, MediaKind};
use crate::net::Command;
use crate::source::push;
use crate::state::StreamId;

impl Gateway {
    /// Adds a stream whose media the host pushes. It is `Connecting` until its first keyframe with
    /// parameter sets has come; offers wait for that.
    ///
    /// `name` is as for [`Gateway::add_stream`].
    pub fn add_push_stream(&self, name: &str, options: PushOptions) -> Result<StreamId> {
        self.check_open()?;
        check_name(name)?;
        let (feed, pushed) = push::feed(&options)?;
        let (id, name, worker) = self
            .shared
            .registry
            .add_stream(name, self.shared.workers.len())?;
        self.shared.registry.add_feed(id, Arc::new(feed));
        self.command(worker, Command::AddPushStream { id, name, pushed })?;
        Ok(id)
    }

    /// Pushes an access unit of video. Never blocks. Pushes of one track should not overlap; if
    /// they do, their order is open.
    ///
    /// `QueueFull` if the frame was dropped, and then for every picture until the next keyframe:
    /// viewers never see pictures that build on a missing one. `InvalidArgument` for what is no
    /// access unit of the stream's codec.
    pub fn push_video(&self, stream: StreamId, frame: Frame<'_>) -> Result<()> {
        self.push(stream, MediaKind::Video, frame)
    }

    /// Pushes a frame of audio. As [`Gateway::push_video`], but a frame that is dropped is all that
    /// is missing.
    pub fn push_audio(&self, stream: StreamId, frame: Frame<'_>) -> Result<()> {
        self.push(stream, MediaKind::Audio, frame)
    }

    /// Pushes an RTP packet with its header, decrypted. `codec` says of which track it is. Payload
    /// type, SSRC, sequence number and extensions are the library's business from here on. Packets
    /// may come out of order by a few; some may be missing.
    ///
    /// The packet that completes an access unit gets what [`Gateway::push_video`] would return.
    pub fn push_rtp(&self, stream: StreamId, codec: Codec, packet: &[u8]) -> Result<()> {
        self.check_open()?;
        self.shared.registry.feed(stream)?.push_rtp(codec, packet)
    }

    fn push(&self, stream: StreamId, kind: MediaKind, frame: Frame<'_>) -> Result<()> {
        self.check_open()?;
        self.shared.registry.feed(stream)?.push(kind, frame)
    }
}
