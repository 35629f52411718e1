//! Queries about sessions, and closing them.

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
