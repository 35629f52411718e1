//! Looking at sessions and closing them.

use super::Handle;
use crate::error::Result;
use crate::state::{SessionId, SessionInfo};
use crate::worker::Command;
use crate::worker::registry::SessionLocation;

impl Handle {
    /// A session at this moment.
    pub fn session_info(&self, session: SessionId) -> Result<SessionInfo> {
        self.check_open()?;
        let place = self.shared.registry.session(session)?;
        self.ask(place.worker, |reply| {
            Command::SessionInfo(session, place.slot, reply)
        })?
    }

    /// All sessions, the oldest first.
    pub fn sessions(&self) -> Result<Vec<SessionId>> {
        self.check_open()?;
        Ok(self.shared.registry.sessions())
    }

    /// Ends a session by its id. Does not wait: `Closed` is its last event.
    pub fn close_session(&self, session: SessionId) -> Result<()> {
        self.check_open()?;
        let place = self.shared.registry.session(session)?;
        self.close(session, place)
    }

    pub(super) fn close(&self, session: SessionId, place: SessionLocation) -> Result<()> {
        // A second one finds nothing, although the worker may not have closed it yet.
        self.shared.registry.remove_session(session);
        self.command(place.worker, Command::CloseSession(session, place.slot))
    }
}
