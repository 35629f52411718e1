//! Streams that are sent to media servers.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Handle;
use crate::config::OutputOptions;
use crate::error::{Error, Result, Status};
use crate::ids;
use crate::state::{OutputId, OutputInfo, StreamId};
use crate::whip::Output;
use crate::worker::Command;

impl Handle {
    /// Sends a stream to a media server by WHIP (RFC 9725) from now on: whenever the stream is live, it is offered, and whatever
    /// ends the session is followed by another attempt. Returns immediately; [`Handle::output_info`] says how far it has come.
    ///
    /// The session takes part in everything that there is for viewers: estimate, ladder, retransmissions, limits. A camera on
    /// demand is connected for it, and stays so.
    ///
    /// Fails with `Url`, `Credentials` or `InvalidArgument` if an option is not valid, with `Limit` if there are too many
    /// outputs, with `Unsupported` in a build without the cargo feature `http`, and with `NotFound`.
    pub fn add_output(&self, stream: StreamId, options: &OutputOptions) -> Result<OutputId> {
        self.check_open()?;
        if cfg!(not(feature = "http")) {
            return Err(Error::new(
                Status::Unsupported,
                "this build of the library has no HTTP, and so no WHIP: build it with the cargo feature http",
            ));
        }
        let worker = self.shared.registry.stream(stream)?;
        let output = Arc::new(Output::new(
            OutputId(ids::next()),
            stream,
            self.shared.registry.stream_name(stream)?,
            options,
            self.shared.notices.clone(),
        )?);
        self.shared.outputs.insert(Arc::clone(&output))?;
        let id = output.id;
        // If the stream was removed meanwhile, its outputs may have been so before this one was among them.
        if let Err(error) = self.shared.registry.stream(stream) {
            let _ = self.shared.outputs.remove(id);
            return Err(error);
        }
        self.command(worker, Command::AddOutput(output))?;
        self.keep_pace(worker);
        Ok(id)
    }

    /// Removes an output: its session ends, and the media server is told. Returns immediately.
    pub fn remove_output(&self, output: OutputId) -> Result<()> {
        self.check_open()?;
        let removed = self.shared.outputs.remove(output)?;
        match self.shared.registry.stream(removed.stream) {
            Ok(worker) => self.command(worker, Command::RemoveOutput(removed.stream, output)),
            // The stream is gone, and its outputs with it.
            Err(_) => Ok(()),
        }
    }

    /// The current state of an output. Never waits.
    pub fn output_info(&self, output: OutputId) -> Result<OutputInfo> {
        self.check_open()?;
        Ok(self.shared.outputs.find(output)?.info())
    }

    /// All outputs of a stream, oldest first.
    pub fn outputs(&self, stream: StreamId) -> Result<Vec<OutputId>> {
        self.check_open()?;
        self.shared.registry.stream(stream)?;
        let known = self.shared.outputs.0.lock();
        let known = known.values().filter(|output| output.stream == stream);
        Ok(known.map(|output| output.id).collect())
    }
}

/// Outputs of a stream: an SFU, a second one, a recorder in the cloud.
const MAX_PER_STREAM: usize = 8;
/// Outputs of a gateway: each is a whole session, and a connection now and then.
const MAX_OUTPUTS: usize = 1024;

/// All outputs that are not removed.
#[derive(Default)]
pub(super) struct Outputs(Mutex<BTreeMap<OutputId, Arc<Output>>>);

impl Outputs {
    fn insert(&self, output: Arc<Output>) -> Result<()> {
        let mut known = self.0.lock();
        let of_stream = known.values().filter(|other| other.stream == output.stream);
        let (most, whose) = match () {
            () if of_stream.count() >= MAX_PER_STREAM => (MAX_PER_STREAM, "stream"),
            () if known.len() >= MAX_OUTPUTS => (MAX_OUTPUTS, "gateway"),
            () => {
                known.insert(output.id, output);
                return Ok(());
            }
        };
        let why = format!("the {whose} has {most} outputs already: remove one that is not used");
        Err(Error::new(Status::Limit, why))
    }

    fn find(&self, id: OutputId) -> Result<Arc<Output>> {
        let known = self.0.lock().get(&id).map(Arc::clone);
        known.ok_or_else(|| no_output(id))
    }

    fn remove(&self, id: OutputId) -> Result<Arc<Output>> {
        self.0.lock().remove(&id).ok_or_else(|| no_output(id))
    }

    /// A stream was removed, and its outputs with it.
    pub(super) fn remove_of(&self, stream: StreamId) {
        self.0.lock().retain(|_, output| output.stream != stream);
    }
}

fn no_output(id: OutputId) -> Error {
    Error::new(
        Status::NotFound,
        format!(
            "no output has the id {}: it was removed or never existed",
            id.0
        ),
    )
}
