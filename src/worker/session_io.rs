//! What a worker lends to its sessions: the time, media, scratch space, the socket and connections.

use std::time::{Duration, Instant};

use super::command::WorkerContext;
use super::connections::Connections;
use super::outbox::Outbox;
use super::streams::Streams;
use crate::session::{Io, Media, SendBuffer, Tracks};
use crate::state::StreamId;

/// Gives sessions the media of the worker's streams. The media of the current stream is kept at hand,
/// so that a fan-out does not look it up once per viewer.
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
            media: streams.media(stream),
        }
    }
}

impl Tracks for StreamTracks<'_> {
    fn media(&self, stream: StreamId) -> Option<Media<'_>> {
        if stream == self.stream {
            self.media
        } else {
            self.streams.media(stream)
        }
    }

    fn is_late(&self) -> bool {
        self.streams.late
    }

    fn variants(&self, stream: StreamId) -> &[StreamId] {
        self.streams.variants(stream)
    }
}

/// For one call of a session, or for one portion of a fan-out. `timed`: measure the time spent in system
/// calls.
pub(super) fn session_io<'a, 's>(
    context: &'s WorkerContext,
    connections: &'s Connections,
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
        transmit: Outbox::new(&context.socket, connections, context.tuning.gso(), timed),
    }
}
