//! Shim until wall-session lands.
use super::Handle;
use crate::error::{Error, Result, Status};
use crate::state::{SessionId, SlotInfo, SlotView, StreamId};

impl Handle {
    pub fn bind_slot(&self, session: SessionId, mid: &str, stream: Option<StreamId>) -> Result<()> {
        let _ = (session, mid, stream);
        Err(Error::new(Status::Unsupported, "shim"))
    }
    pub fn set_slot_view(&self, session: SessionId, mid: &str, view: SlotView) -> Result<()> {
        let _ = (session, mid, view);
        Err(Error::new(Status::Unsupported, "shim"))
    }
    pub fn slots(&self, session: SessionId) -> Result<Vec<SlotInfo>> {
        let _ = session;
        Err(Error::new(Status::Unsupported, "shim"))
    }
}
