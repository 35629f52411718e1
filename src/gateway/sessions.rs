//! Queries about sessions, and closing them.

use super::Handle;
use crate::error::Result;
use crate::state::{SessionId, SessionInfo};
use crate::worker::Command;
use crate::worker::registry::SessionLocation;

impl Handle {
    /// Returns a snapshot of a session. Waits for its worker.
    pub fn session_info(&self, session: SessionId) -> Result<SessionInfo> {
        self.check_open()?;
        let place = self.shared.registry.session(session)?;
        self.ask(place.worker, |reply| {
            Command::SessionInfo(session, place.slot, reply)
        })?
    }

    /// Returns all sessions, oldest first.
    pub fn sessions(&self) -> Result<Vec<SessionId>> {
        self.check_open()?;
        Ok(self.shared.registry.sessions())
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
        self.command(place.worker, Command::CloseSession(session, place.slot))
    }
}
