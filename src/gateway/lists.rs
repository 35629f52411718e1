//! Which streams and sessions there are, and closing a session.

use super::Gateway;
use crate::error::Result;
use crate::net::Command;
use crate::registry::Place;
use crate::state::{SessionId, StreamId};

impl Gateway {
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

    /// Ends a session (DELETE) by its key.
    pub fn handle_whep_delete(&self, session_key: &str) -> Result<()> {
        self.check_open()?;
        let (session, place) = self.shared.registry.find_session(session_key)?;
        self.close(session, place)
    }

    fn close(&self, session: SessionId, place: Place) -> Result<()> {
        // A second one finds nothing, although the worker may not have closed it yet.
        self.shared.registry.remove_session(session);
        self.command(place.worker, Command::CloseSession(session, place.slot))
    }
}
