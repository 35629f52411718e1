//! Adding, removing and looking at streams.

use std::sync::Arc;

use super::Handle;
use crate::config::PullOptions;
use crate::error::{Error, Result, Status};
use crate::source::{CameraUrl, Timeouts};
use crate::state::{StreamId, StreamInfo};
use crate::worker::Command;

/// Longest stream name.
const MAX_NAME: usize = 128;

impl Handle {
    /// Adds a camera. Returns at once; the connection is made in the background and retried
    /// whenever it ends.
    ///
    /// `name` is the WHEP resource name: unique, 1 to 128 of `A-Z a-z 0-9 . _ ~ -`.
    pub fn add_stream(&self, name: &str, options: PullOptions) -> Result<StreamId> {
        self.check_open()?;
        let url = Box::new(CameraUrl::parse(&options)?);
        let timeouts = Timeouts::of(&options)?;
        self.add(name, |id, name| Command::AddStream {
            id,
            name,
            url,
            options: Box::new(options),
            timeouts,
        })
    }

    /// Registers a stream, and has its worker take it by the command that `command` makes.
    pub(super) fn add(
        &self,
        name: &str,
        command: impl FnOnce(StreamId, Arc<str>) -> Command,
    ) -> Result<StreamId> {
        check_name(name)?;
        let workers = self.shared.workers.len();
        let (id, name, worker) = self.shared.registry.add_stream(name, workers)?;
        self.command(worker, command(id, name))?;
        Ok(id)
    }

    /// Removes a stream and closes its sessions. Its name is free at once.
    pub fn remove_stream(&self, stream: StreamId) -> Result<()> {
        self.check_open()?;
        let worker = self.shared.registry.remove_stream(stream)?;
        self.shared.feeds.remove(stream);
        self.command(worker, Command::RemoveStream(stream))
    }

    /// A stream at this moment.
    pub fn stream_info(&self, stream: StreamId) -> Result<StreamInfo> {
        self.check_open()?;
        let worker = self.shared.registry.stream(stream)?;
        self.ask(worker, |reply| Command::StreamInfo(stream, reply))?
    }

    /// A stream by its name.
    pub fn find_stream(&self, name: &str) -> Result<StreamId> {
        self.check_open()?;
        Ok(self.shared.registry.find_stream(name)?.0)
    }

    /// All streams, the oldest first.
    pub fn streams(&self) -> Result<Vec<StreamId>> {
        self.check_open()?;
        Ok(self.shared.registry.streams())
    }
}

fn check_name(name: &str) -> Result<()> {
    if !is_name(name) {
        return Err(Error::new(
            Status::InvalidArgument,
            "a stream name has 1 to 128 of the characters A-Z a-z 0-9 . _ ~ -",
        ));
    }
    Ok(())
}

/// Whether a stream may have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._~-".contains(c);
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed)
}
