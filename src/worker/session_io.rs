//! What a worker lends to its sessions: time, media, scratch space, the socket.

use std::time::{Duration, Instant};

use super::command::WorkerContext;
use super::outbox::Outbox;
use super::streams::Streams;
use crate::session::{Io, Media, SendBuffer, Tracks};
use crate::state::StreamId;

/// Where sessions find the media of the worker's streams. That of the stream being worked on is at
/// hand, so that a fan-out does not search for it once per viewer.
pub(super) struct StreamTracks<'a> {
    streams: &'a Streams,
    stream: StreamId,
    media: Option<Media<'a>>,
}

impl<'a> StreamTracks<'a> {
    pub(super) fn new(streams: &'a Streams, stream: StreamId) -> Self {
        StreamTracks {
            streams,
            stream,
            media: find(streams, stream),
        }
    }
}

impl Tracks for StreamTracks<'_> {
    fn media(&self, stream: StreamId) -> Option<Media<'_>> {
        if stream == self.stream {
            self.media
        } else {
            find(self.streams, stream)
        }
    }
}

fn find(streams: &Streams, stream: StreamId) -> Option<Media<'_>> {
    streams.get(stream)?.stream.media()
}

/// Everything for one call, or for one portion of a fan-out; measures the time inside the system if
/// `timed`.
pub(super) fn session_io<'a, 's>(
    context: &'s WorkerContext,
    tracks: &'a StreamTracks<'_>,
    buffer: &'a mut SendBuffer,
    now: Instant,
    timed: bool,
) -> Io<'a, Outbox<'s>> {
    let timed = timed.then_some(Duration::ZERO);
    Io {
        now,
        tracks,
        buffer,
        batch: context.tuning.send_batch_packets(),
        transmit: Outbox::new(&context.socket, context.tuning.gso(), timed),
    }
}
