//! The slots of a wall.

use super::Handle;
use crate::error::{Error, Result, Status};
use crate::state::{MAX_SIDE, SessionId, SlotChange, SlotInfo, SlotView, StreamId};
use crate::worker::{Command, SlotsChanged};

impl Handle {
    /// Binds a slot of a wall, named by the `a=mid` of its media section, to a stream or to none. Waits for its worker;
    /// the picture goes on at the stream's cached keyframe.
    ///
    /// Fails with `NotFound` for the session, the slot and the stream; with `InvalidState` if the session is no
    /// wall; with `Codec` if the viewer takes no codec of the stream or its variants; with `Limit` if the stream lives on
    /// another worker and memory is too short to have it on the wall's as well. The slot stays as it was then.
    pub fn bind_slot(&self, session: SessionId, mid: &str, stream: Option<StreamId>) -> Result<()> {
        let change = SlotChange {
            mid: mid.into(),
            stream: Some(stream),
            ..SlotChange::default()
        };
        self.change_slot(session, change)
    }

    /// Changes how a slot of a wall is shown: which variant of its stream it gets depends on it. Waits for its worker.
    ///
    /// Fails with `InvalidArgument` for a tile wider or higher than 16,384 pixels; otherwise as
    /// [`Handle::bind_slot`] does.
    pub fn set_slot_view(&self, session: SessionId, mid: &str, view: SlotView) -> Result<()> {
        self.check_open()?;
        if view.width.max(view.height) > MAX_SIDE {
            return Err(Error::new(
                Status::InvalidArgument,
                format!(
                    "a tile of {} x {} pixels: at most {MAX_SIDE} x {MAX_SIDE}",
                    view.width, view.height
                ),
            ));
        }
        let change = SlotChange {
            mid: mid.into(),
            width: Some(view.width),
            height: Some(view.height),
            focus: Some(view.focus),
            paused: Some(view.paused),
            ..SlotChange::default()
        };
        self.change_slot(session, change)
    }

    fn change_slot(&self, session: SessionId, change: SlotChange) -> Result<()> {
        let changed = self.change_all_slots(session, vec![change])?;
        changed.into_iter().try_for_each(|slot| slot.map(|_| ()))
    }

    /// Changes slots of a wall, each for itself, at once. Returns what each is bound to then.
    pub(super) fn change_all_slots(
        &self,
        session: SessionId,
        changes: Vec<SlotChange>,
    ) -> Result<SlotsChanged> {
        self.check_open()?;
        let place = self.shared.registry.session(session)?;
        self.ask(place.worker, |reply| {
            Command::ChangeSlots(session, place.row, changes, reply)
        })?
    }

    /// Returns the slots of a wall, in the order of its media sections. Waits for its worker.
    ///
    /// Fails with `NotFound` for the session, and with `InvalidState` if it is no wall.
    pub fn slots(&self, session: SessionId) -> Result<Vec<SlotInfo>> {
        self.check_open()?;
        let place = self.shared.registry.session(session)?;
        self.ask(place.worker, |reply| {
            Command::Slots(session, place.row, reply)
        })?
    }
}
