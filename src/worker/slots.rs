//! The slots of walls: binds them to streams, and says what they show.

use std::time::Instant;

use super::core::Core;
use super::log_lines;
use super::registry::{no_session, no_stream};
use super::table::Viewer;
use crate::error::{Error, Result, Status};
use crate::media::{Codec, MediaKind};
use crate::session::Slot;
use crate::state::{SessionId, SlotInfo, SlotView, StreamId, StreamState};

impl Core {
    /// Binds a slot of the session in a row to a stream, or to none.
    pub(super) fn bind_slot(
        &mut self,
        id: SessionId,
        row: usize,
        mid: &str,
        stream: Option<StreamId>,
        now: Instant,
    ) -> Result<()> {
        self.check_wall(id, row)?;
        self.bind(row, mid, stream, now)
    }

    /// The same, of a wall whose row is known.
    pub(super) fn bind(
        &mut self,
        row: usize,
        mid: &str,
        stream: Option<StreamId>,
        now: Instant,
    ) -> Result<()> {
        let viewer = self.viewers.get(row);
        let slot = viewer.and_then(|viewer| Some((viewer, viewer.session.slot(mid)?)));
        let Some((viewer, slot)) = slot else {
            return Err(no_slot(mid));
        };
        if let Some(stream) = stream {
            self.check_codec(viewer, slot, stream)?;
        }
        let mut bound = Ok(());
        self.with_session(row, now, |session, io| {
            bound = session.bind(slot, stream, io);
        });
        bound
    }

    /// Changes how the viewer in a row shows a slot.
    pub(super) fn set_slot_view(
        &mut self,
        id: SessionId,
        row: usize,
        mid: &str,
        view: SlotView,
        now: Instant,
    ) -> Result<()> {
        let slot = self.check_wall(id, row)?.session.slot(mid);
        let slot = slot.ok_or_else(|| no_slot(mid))?;
        self.with_session(row, now, |session, io| session.set_view(slot, view, io));
        Ok(())
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

    /// Tells the log that a slot shows something else.
    pub(super) fn tell_slot(&mut self, row: usize, slot: usize) {
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
            false => Err(Error::new(
                Status::InvalidState,
                "this session shows one stream and has no slots: post the offer to a wall instead",
            )),
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
