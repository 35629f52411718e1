//! Tells the host what changed: one thread per gateway, in order, under no lock.

use crate::config::{SessionId, SessionState, StreamId, StreamState};
use crate::error::Status;

/// What a host implements to be told. All calls come from one thread of the gateway, one at a
/// time; they may call every function of the gateway that does not block.
pub trait Events: Send + 'static {
    /// A stream changed its state. `Removed` is the last call for an id.
    fn stream_state(&self, stream: StreamId, state: StreamState, status: Status) {
        let _ = (stream, state, status);
    }

    /// A session changed its state. `Closed` is the last call for an id.
    fn session_state(
        &self,
        session: SessionId,
        stream: StreamId,
        state: SessionState,
        status: Status,
    ) {
        let _ = (session, stream, state, status);
    }
}
