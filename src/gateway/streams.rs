//! Adding, removing and querying streams.

use std::sync::Arc;

use super::Handle;
use crate::config::{PullOptions, checked_label};
use crate::error::{Error, Result, Status};
use crate::source::CameraConfig;
use crate::state::{StreamId, StreamIdentity, StreamInfo};
use crate::worker::Command;

/// Maximum length of a stream name.
const MAX_NAME: usize = 128;

impl Handle {
    /// Adds a camera. Returns immediately; the library connects in the background, and reconnects
    /// whenever the connection is lost.
    ///
    /// `name` identifies the stream in offers and URLs. It is unique, and consists of 1 to 128 of
    /// `A-Z a-z 0-9 . _ ~ -`.
    pub fn add_stream(&self, name: &str, options: PullOptions) -> Result<StreamId> {
        self.check_open()?;
        let camera = Box::new(CameraConfig::new(&options)?);
        let label = checked_label(options.label.as_deref())?;
        self.add(name, label, options.user_data, |id, identity| {
            Command::AddStream {
                id,
                identity,
                camera,
            }
        })
    }

    /// Registers a stream, and has its worker take it by the command that `command` makes.
    pub(super) fn add(
        &self,
        name: &str,
        label: Option<Arc<str>>,
        user_data: usize,
        command: impl FnOnce(StreamId, StreamIdentity) -> Command,
    ) -> Result<StreamId> {
        check_name(name)?;
        let workers = self.shared.workers.len();
        let (id, name, worker) = self.shared.registry.add_stream(name, workers)?;
        let identity = StreamIdentity {
            name,
            label,
            user_data,
        };
        self.command(worker, command(id, identity))?;
        Ok(id)
    }

    /// Replaces the options of a camera, all of them, and connects with the new ones in the
    /// background. Its viewers stay connected, as in an outage, unless the codecs change.
    ///
    /// Fails with `InvalidState` for a push stream, and otherwise as [`Handle::add_stream`]; then
    /// nothing changes.
    pub fn update_stream(&self, stream: StreamId, options: PullOptions) -> Result<()> {
        self.check_open()?;
        let worker = self.camera(stream)?;
        let camera = Box::new(CameraConfig::new(&options)?);
        let label = checked_label(options.label.as_deref())?;
        let command = Command::UpdateStream {
            id: stream,
            label,
            user_data: options.user_data,
            camera,
        };
        self.command(worker, command)
    }

    /// Connects to a camera now: skips the delay before the next attempt, or replaces a connection
    /// that exists. Its viewers stay connected. An on-demand camera without viewers stays idle.
    ///
    /// Fails with `InvalidState` for a push stream.
    pub fn reconnect_stream(&self, stream: StreamId) -> Result<()> {
        self.check_open()?;
        let worker = self.camera(stream)?;
        self.command(worker, Command::ReconnectStream(stream))
    }

    /// The worker of a camera.
    fn camera(&self, stream: StreamId) -> Result<usize> {
        let worker = self.shared.registry.stream(stream)?;
        match self.shared.feeds.find(stream) {
            None => Ok(worker),
            Some(_) => Err(Error::new(
                Status::InvalidState,
                "this stream has no camera: its host pushes the media",
            )),
        }
    }

    /// Sets the variants of a stream: streams of this gateway that show the same scene, best first,
    /// such as a camera's main stream and its substream. A viewer of `stream` whose connection does
    /// not carry the best one is shown a lesser one in its place, and the best again when it fits.
    ///
    /// `stream` itself may be anywhere in the list; if it is not in it, it is the best. A list is for
    /// the viewers of `stream` alone: each variant remains a stream of its own, with its own list or
    /// none. A variant that is on demand is connected while a viewer is shown it, or about to be.
    /// Sound always comes from `stream`. An empty list takes the variants away; viewers that were
    /// shown one go on with `stream`. A stream that is removed is a variant of none.
    ///
    /// Fails with `InvalidArgument` if a variant is named twice or if there are more than 8, and with
    /// `NotFound`; then nothing changes.
    pub fn set_variants(&self, stream: StreamId, variants: &[StreamId]) -> Result<()> {
        self.check_open()?;
        let worker = self.shared.registry.set_variants(stream, variants)?;
        self.command(worker, Command::VariantsChanged(stream))
    }

    /// Removes a stream and closes its sessions. The name can be reused immediately.
    pub fn remove_stream(&self, stream: StreamId) -> Result<()> {
        self.check_open()?;
        let (worker, bereft) = self.shared.registry.remove_stream(stream)?;
        self.shared.feeds.remove(stream);
        for (had_it, worker) in bereft {
            self.command(worker, Command::VariantsChanged(had_it))?;
        }
        self.command(worker, Command::RemoveStream(stream))
    }

    /// The name of a stream. Never waits.
    pub fn stream_name(&self, stream: StreamId) -> Result<Arc<str>> {
        self.check_open()?;
        self.shared.registry.stream_name(stream)
    }

    /// The current state of a stream. Asks a worker thread.
    pub fn stream_info(&self, stream: StreamId) -> Result<StreamInfo> {
        self.check_open()?;
        let worker = self.shared.registry.stream(stream)?;
        self.ask(worker, |reply| Command::StreamInfo(stream, reply))?
    }

    /// Finds a stream by its name.
    pub fn find_stream(&self, name: &str) -> Result<StreamId> {
        self.check_open()?;
        Ok(self.shared.registry.find_stream(name)?.0)
    }

    /// Returns all streams, oldest first.
    pub fn streams(&self) -> Result<Vec<StreamId>> {
        self.check_open()?;
        Ok(self.shared.registry.streams())
    }
}

fn check_name(name: &str) -> Result<()> {
    if !is_name(name) {
        return Err(Error::new(
            Status::InvalidArgument,
            "a stream name must have 1 to 128 characters of A-Z a-z 0-9 . _ ~ -",
        ));
    }
    Ok(())
}

/// Whether this is a valid stream name.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._~-".contains(c);
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed)
}
