//! Queries about sessions, and closing them.

use std::sync::atomic::Ordering;

use super::Handle;
use crate::error::Result;
use crate::state::{SessionId, SessionInfo, ViewerLimits};
use crate::worker::Command;
use crate::worker::registry::SessionLocation;

impl Handle {
    /// Returns a snapshot of a session. Waits for its worker.
    pub fn session_info(&self, session: SessionId) -> Result<SessionInfo> {
        self.check_open()?;
        let place = self.shared.registry.session(session)?;
        self.ask(place.worker, |reply| {
            Command::SessionInfo(session, place.row, reply)
        })?
    }

    /// Returns all sessions, oldest first.
    pub fn sessions(&self) -> Result<Vec<SessionId>> {
        self.check_open()?;
        Ok(self.shared.registry.sessions())
    }

    /// Returns how many viewers are connected. Neither outputs nor sessions whose viewers have yet to connect count.
    pub fn connected_viewers(&self) -> Result<usize> {
        self.check_open()?;
        Ok(self.shared.registry.connected_viewers())
    }

    /// Takes no new viewers from now on, before a shutdown that is to wait for those who watch: offers fail with
    /// `ShuttingDown`, by HTTP 503 with `Retry-After`. Everything else goes on. There is no way back.
    pub fn drain(&self) -> Result<()> {
        self.check_open()?;
        self.shared.draining.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Changes what a viewer asks for, all of it. Waits for its worker; what it is shown changes within
    /// a keyframe interval.
    ///
    /// Fails with `InvalidArgument` if the limits name a stream that is no variant of its stream.
    pub fn set_session_limits(&self, session: SessionId, limits: ViewerLimits) -> Result<()> {
        self.check_open()?;
        let place = self.shared.registry.session(session)?;
        self.ask(place.worker, |reply| {
            Command::SetLimits(session, place.row, limits, reply)
        })?
    }

    /// Closes a session by its id. Does not wait; its last event is `Closed`.
    pub fn close_session(&self, session: SessionId) -> Result<()> {
        self.check_open()?;
        let place = self.shared.registry.session(session)?;
        self.close(session, place)
    }

    pub(super) fn close(&self, session: SessionId, place: SessionLocation) -> Result<()> {
        // A second call fails, even if the worker has not closed the session yet.
        self.shared.registry.remove_session(session);
        self.command(place.worker, Command::CloseSession(session, place.row))
    }
}
