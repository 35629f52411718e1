//! The slots of walls: binds them to streams, and says what they show.

use std::time::Instant;

use super::admission;
use super::command::SlotsChanged;
use super::core::Core;
use super::log_lines;
use super::outbox::Outbox;
use super::registry::{no_session, no_stream, no_wall};
use super::table::Viewer;
use crate::error::{Error, Result, Status};
use crate::media::{Codec, MediaKind};
use crate::session::{Io, Session, Slot};
use crate::state::{SessionId, SlotChange, SlotInfo, StreamId, StreamState};

impl Core {
    /// Changes slots of the session in a row, each for itself: all that can be done is done at once, and what is to be
    /// shown then is decided once for all.
    pub(super) fn change_slots(
        &mut self,
        id: SessionId,
        row: usize,
        changes: &[SlotChange],
        now: Instant,
    ) -> Result<SlotsChanged> {
        let viewer = self.check_wall(id, row)?;
        let places = changes.iter().map(|change| self.check(viewer, change));
        let mut done: Vec<_> = places.collect();
        self.with_session(row, now, |session, io| {
            for (done, change) in done.iter_mut().zip(changes) {
                if let Ok(slot) = *done
                    && let Err(error) = change_slot(session, slot, change, io)
                {
                    *done = Err(error);
                }
            }
        });
        let binds = changes.iter().zip(&done);
        let binds = binds.filter(|(change, done)| change.binds() && done.is_ok());
        let refused = done.iter().filter(|done| done.is_err());
        let counts = &self.context.registry.slots;
        counts.add(binds.count(), refused.count());
        let session = &self.check_wall(id, row)?.session;
        let bound = |slot| session.slot_at(slot).and_then(|slot| slot.stream);
        Ok(done.into_iter().map(|slot| slot.map(bound)).collect())
    }

    /// The place of the slot that is to change.
    fn check(&self, viewer: &Viewer, change: &SlotChange) -> Result<usize> {
        let slot = viewer.session.slot(&change.mid);
        let slot = slot.ok_or_else(|| no_slot(&change.mid))?;
        if let Some(stream) = change.stream.flatten() {
            self.check_codec(viewer, slot, stream)?;
            self.check_memory(stream)?;
        }
        Ok(slot)
    }

    /// Fails if the stream would have to be mirrored here and there is no memory for that.
    fn check_memory(&self, stream: StreamId) -> Result<()> {
        let streams = &self.streams;
        let is_here = streams.get(stream).is_some() || streams.mirrors.contains_key(&stream);
        match self.context.tuning.is_full() && !is_here {
            true => Err(admission::memory_is_full()),
            false => Ok(()),
        }
    }

    /// The slots of the session in a row.
    pub(super) fn slots(&self, id: SessionId, row: usize) -> Result<Vec<SlotInfo>> {
        let viewer = self.check_wall(id, row)?;
        let slots = viewer.session.slots();
        Ok(slots.map(|slot| self.slot_info(viewer, &slot)).collect())
    }

    /// What a slot shows.
    pub(super) fn slot_info(&self, viewer: &Viewer, slot: &Slot<'_>) -> SlotInfo {
        let registry = &self.context.registry;
        let known = slot.stream.map(|stream| registry.state(stream));
        let known = known.map(|known| known.unwrap_or((StreamState::Removed, None)));
        let (state, why) = known.map_or((None, None), |(state, why)| (Some(state), why));
        let name = slot.stream.and_then(|id| registry.stream_name(id).ok());
        let shown = slot.quality.filter(|_| slot.kind == MediaKind::Video);
        let held_back = slot.stream.zip(shown);
        let held_back =
            held_back.and_then(|(stream, shown)| self.held_back(viewer, stream, &shown));
        let reason = match state {
            Some(StreamState::Live) => held_back,
            _ => why.map(|why| why.to_string()).or(held_back),
        };
        let media = shown.and_then(|shown| self.streams.media(shown.variant));
        let size =
            media.and_then(|media| media.video?.info().parameter_sets.as_ref()?.dimensions());
        SlotInfo {
            mid: slot.mid.into(),
            kind: slot.kind,
            stream: slot.stream,
            stream_name: name.unwrap_or_default(),
            state,
            reason,
            view: slot.view,
            quality: slot.quality,
            size,
            clock: slot.clock,
        }
    }

    /// Tells the page and the log that a slot shows something else.
    pub(super) fn tell_slot(&mut self, row: usize, slot: usize) {
        let Some(viewer) = self.viewers.get_mut(row) else {
            return;
        };
        if let Some(talk) = &mut viewer.talk {
            talk.note(slot, Instant::now());
            let due = talk.due();
            self.viewers.arm(row, due);
            self.rearmed.ring();
        }
        let Some(viewer) = self.viewers.get(row) else {
            return;
        };
        if let Some(slot) = viewer.session.slot_at(slot)
            && log::log_enabled!(log::Level::Debug)
        {
            log_lines::slot(viewer, &self.slot_info(viewer, &slot));
        }
    }

    fn check_wall(&self, id: SessionId, row: usize) -> Result<&Viewer> {
        let viewer = self.viewers.get(row).filter(|viewer| viewer.id == id);
        let viewer = viewer.ok_or_else(|| no_session(id))?;
        match viewer.is_wall() {
            true => Ok(viewer),
            false => Err(no_wall()),
        }
    }

    /// Fails if there is no such stream, or the viewer takes no codec of it or its variants, as far as those
    /// are known.
    fn check_codec(&self, viewer: &Viewer, slot: usize, stream: StreamId) -> Result<()> {
        let registry = &self.context.registry;
        let name = registry
            .stream_name(stream)
            .map_err(|_| no_stream(stream))?;
        let taken: Vec<Codec> = viewer.session.slot_codecs(slot).collect();
        if taken.iter().any(|codec| codec.kind() == MediaKind::Audio) {
            // Any of them may come.
            return Ok(());
        }
        let mut variants = registry.variants(stream);
        variants.push(stream);
        let videos = variants.iter().map(|&variant| registry.video(variant));
        let codecs: Vec<_> = videos.map(|video| Some(video?.codec)).collect();
        if codecs
            .iter()
            .any(|codec| codec.is_none_or(|codec| taken.contains(&codec)))
        {
            return Ok(());
        }
        let list = |codecs: &[Codec]| {
            let names: Vec<_> = codecs.iter().map(|codec| codec.encoding_name()).collect();
            names.join(", ")
        };
        let mut sent: Vec<Codec> = codecs.into_iter().flatten().collect();
        sent.dedup();
        Err(Error::new(
            Status::Codec,
            format!(
                "stream \"{name}\" has {}, and the browser offered {} for this slot: set the camera to a \
                 codec that it offers, or add a variant with one",
                list(&sent),
                list(&taken)
            ),
        ))
    }
}

fn change_slot(
    session: &mut Session,
    slot: usize,
    change: &SlotChange,
    io: &mut Io<'_, Outbox<'_>>,
) -> Result<()> {
    // First, so that no camera is connected for a tile that is hidden.
    let before = session.slot_at(slot).map(|slot| slot.view);
    let before = before.unwrap_or_default();
    let view = change.view(before);
    if view != before {
        session.set_view(slot, view, io);
    }
    match change.stream {
        Some(stream) => session.bind(slot, stream, io),
        None => Ok(()),
    }
}

/// The error for the name of a slot that the wall does not have.
pub fn no_slot(mid: &str) -> Error {
    let shown: String = mid.chars().take(64).collect();
    Error::new(
        Status::NotFound,
        format!(
            "this wall has no slot {shown:?}: slots have the a=mid of the sections of its offer that were \
             answered"
        ),
    )
}
