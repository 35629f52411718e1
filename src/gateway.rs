//! The safe Rust API: one gateway owns streams, sessions and the threads that serve them.

use std::time::Duration;

use crate::config::{Config, PullOptions, SessionId, SessionInfo, StreamId, StreamInfo, WhepOffer};
use crate::error::Result;
use crate::tuning::Key;
use crate::whep::Response;

/// A gateway. All methods may be called from any thread.
pub struct Gateway {}

impl Gateway {
    /// Binds the socket and starts the threads.
    pub fn new(config: Config) -> Result<Gateway> {
        let _ = config;
        todo!()
    }

    /// Adds a camera. Returns at once; the connection is made in the background.
    pub fn add_stream(&self, name: &str, options: PullOptions) -> Result<StreamId> {
        let _ = (name, options);
        todo!()
    }

    /// Removes a stream and closes its sessions.
    pub fn remove_stream(&self, stream: StreamId) -> Result<()> {
        let _ = stream;
        todo!()
    }

    /// A stream at this moment.
    pub fn stream_info(&self, stream: StreamId) -> Result<StreamInfo> {
        let _ = stream;
        todo!()
    }

    /// Answers a WHEP offer (POST). Blocks while the camera is still connecting, up to the
    /// offer's timeout.
    pub fn handle_whep_offer(&self, offer: &WhepOffer<'_>) -> Result<Response> {
        let _ = offer;
        todo!()
    }

    /// Ends a session (DELETE) by its key.
    pub fn handle_whep_delete(&self, session_key: &str) -> Result<()> {
        let _ = session_key;
        todo!()
    }

    /// A session at this moment.
    pub fn session_info(&self, session: SessionId) -> Result<SessionInfo> {
        let _ = session;
        todo!()
    }

    /// Changes a knob.
    pub fn set_tuning(&self, key: Key, value: i64) -> Result<()> {
        let _ = (key, value);
        todo!()
    }

    /// Reads a knob.
    pub fn tuning(&self, key: Key) -> i64 {
        let _ = key;
        todo!()
    }

    /// Closes every session and stream, delivers the last events, ends the threads. Blocking;
    /// later calls fail with `ShuttingDown`. Calling it again does nothing.
    pub fn shutdown(&self, timeout: Duration) -> Result<()> {
        let _ = timeout;
        todo!()
    }
}
