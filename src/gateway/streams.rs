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
    /// `A-Z a-z 0-9 . _ ~ -`. `.`, `..` and the first words of the listener's own paths (`api`,
    /// `assets`, `dashboard`, `metrics`, `player.js`, `wall.js`) are no names.
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
        let registry = &self.shared.registry;
        let announce = |id, name, worker| {
            let identity = StreamIdentity {
                name,
                label,
                user_data,
            };
            self.command(worker, command(id, identity))
        };
        let (id, worker, sent) = registry.add_stream(name, self.shared.workers.len(), announce)?;
        sent?;
        self.keep_pace(worker);
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
        self.command(worker, command)?;
        self.keep_pace(worker);
        Ok(())
    }

    /// Connects to a camera now: skips the delay before the next attempt, or replaces a connection
    /// that exists. Its viewers stay connected. An on-demand camera without viewers stays idle.
    ///
    /// Fails with `InvalidState` for a push stream.
    pub fn reconnect_stream(&self, stream: StreamId) -> Result<()> {
        self.check_open()?;
        let worker = self.camera(stream)?;
        self.command(worker, Command::ReconnectStream(stream))?;
        self.keep_pace(worker);
        Ok(())
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
        self.command(worker, Command::VariantsChanged(stream))?;
        self.keep_pace(worker);
        Ok(())
    }

    /// Removes a stream and closes its sessions. The name can be reused immediately.
    pub fn remove_stream(&self, stream: StreamId) -> Result<()> {
        self.check_open()?;
        let (worker, bereft) = self.shared.registry.remove_stream(stream)?;
        self.shared.feeds.remove(stream);
        self.shared.outputs.remove_of(stream);
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

/// What a URL, or the listener, understands otherwise.
pub(crate) const RESERVED_NAMES: [&str; 9] = [
    ".",
    "..",
    "api",
    "assets",
    "dashboard",
    "metrics",
    "player.js",
    "wall",
    "wall.js",
];

fn check_name(name: &str) -> Result<()> {
    let why = if RESERVED_NAMES.contains(&name) {
        format!("{name:?} cannot be the name of a stream: URLs have another meaning for it")
    } else if !is_name(name) {
        "a stream name must have 1 to 128 characters of A-Z a-z 0-9 . _ ~ -".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::new(Status::InvalidArgument, why))
}

/// Whether a stream can have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._~-".contains(c);
    (1..=MAX_NAME).contains(&name.len())
        && name.chars().all(allowed)
        && !RESERVED_NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{self, RecvTimeoutError};
    use std::time::Duration;

    use super::*;
    use crate::config::Config;
    use crate::gateway::Gateway;
    use crate::tuning::Key;

    fn gateway() -> Gateway {
        Gateway::new(Config {
            tuning: vec![(Key::WorkerThreads, 1)],
            ..Config::default()
        })
        .unwrap()
    }

    fn nowhere() -> PullOptions {
        PullOptions {
            url: "rtsp://127.0.0.1:1/".to_owned(),
            on_demand: true,
            ..PullOptions::default()
        }
    }

    #[test]
    fn names_that_mean_something_else_in_a_url_are_refused() {
        let gateway = gateway();
        for name in RESERVED_NAMES {
            let error = gateway.add_stream(name, nowhere()).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument, "{name}");
            assert!(error.message().contains(name), "{error}");
        }
        for name in ["...", ".a", "api2", "Dashboard", "whep"] {
            gateway.add_stream(name, nowhere()).unwrap();
        }
    }

    #[test]
    fn commands_do_not_pile_up_before_a_worker_that_is_behind() {
        const MANY: usize = 5000;
        let gateway = gateway();
        // The worker answers when the test takes the answer, and does nothing else until then.
        let (reply, caught_up) = mpsc::sync_channel(0);
        gateway.command(0, Command::CaughtUp(reply)).unwrap();
        let done = AtomicUsize::new(0);
        let (finish, finished) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..MANY {
                    let stream = gateway.add_stream("door", nowhere()).unwrap();
                    gateway.remove_stream(stream).unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                }
                finish.send(()).unwrap();
            });
            let early = finished.recv_timeout(Duration::from_millis(300));
            assert_eq!(early, Err(RecvTimeoutError::Timeout));
            assert!(done.load(Ordering::Relaxed) <= 1024);
            caught_up.recv().unwrap();
            finished.recv().unwrap();
        });
        assert_eq!(done.into_inner(), MANY);
    }

    #[test]
    fn a_stream_that_is_removed_while_it_is_added_is_gone() {
        let gateway = gateway();
        std::thread::scope(|scope| {
            let adding = scope.spawn(|| {
                for _ in 0..2000 {
                    while gateway.add_stream("door", nowhere()).is_err() {}
                }
            });
            while !adding.is_finished() {
                for stream in gateway.streams().unwrap() {
                    let _ = gateway.remove_stream(stream);
                }
            }
        });
        for stream in gateway.streams().unwrap() {
            gateway.remove_stream(stream).unwrap();
        }
        let state: serde_json::Value =
            serde_json::from_str(&gateway.state_json().unwrap()).unwrap();
        assert_eq!(state["streams"], serde_json::json!([]));
    }
}
