//! Tells the host what changed: one thread per gateway, in order, under no lock.

use std::cell::Cell;

use crate::error::Status;
use crate::state::{SessionId, SessionState, StreamId, StreamState};

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

    /// A push stream needs a keyframe that only the host's encoder can give: a viewer cannot
    /// decode without, or pictures were dropped. Comes at most once a second per stream, and not
    /// while an earlier one waits to be delivered.
    fn keyframe_request(&self, stream: StreamId) {
        let _ = stream;
    }
}

thread_local! {
    static ON_CALLBACK_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// Says that this thread is the one that calls [`Events`], for as long as it lives.
pub(crate) fn mark_callback_thread() {
    ON_CALLBACK_THREAD.set(true);
}

/// Whether this thread calls [`Events`]: here a blocking function would wait for itself.
pub(crate) fn on_callback_thread() -> bool {
    ON_CALLBACK_THREAD.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stays_on_its_thread() {
        let marked = std::thread::spawn(|| {
            mark_callback_thread();
            on_callback_thread()
        });
        assert!(marked.join().unwrap());
        assert!(!on_callback_thread());
    }
}
