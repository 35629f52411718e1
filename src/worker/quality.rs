//! What viewers are shown, in words, and what they may ask for.

use std::sync::Arc;

use super::core::Core;
use super::log_lines;
use super::session_io::StreamTracks;
use super::slots::Viewer;
use crate::error::{Error, Result, Status};
use crate::events::{Notice, QualityEvent};
use crate::session::Tracks;
use crate::state::{
    Quality, QualityReason, SessionId, Shown, StreamId, VariantChoice, ViewerLimits,
};

impl Core {
    /// What a new viewer is shown is no switch.
    pub(super) fn begin_quality(&mut self, slot: usize) {
        let viewer = self.viewers.get(slot);
        let shown = viewer.map(|viewer| self.steps_down(viewer.stream, &viewer.session.quality()));
        if let Some((viewer, steps)) = self.viewers.get_mut(slot).zip(shown) {
            viewer.switches.steps = steps;
        }
    }

    /// Tells the host and the log that a viewer is shown something else.
    pub(super) fn tell_quality(&mut self, slot: usize, quality: Quality) {
        let Some(viewer) = self.viewers.get(slot) else {
            return;
        };
        let held_back = self.held_back(viewer, &quality);
        let steps = self.steps_down(viewer.stream, &quality);
        let event = QualityEvent {
            session: viewer.id,
            stream: viewer.stream,
            stream_name: self.streams.name(viewer.stream).into(),
            quality,
            held_back,
            viewer: viewer.identity.clone(),
        };
        log_lines::quality(viewer, &event);
        if let Some(viewer) = self.viewers.get_mut(slot) {
            viewer.switches.note(steps);
        }
        self.context.notices.push(Notice::Quality(Box::new(event)));
    }

    /// Why a viewer gets less than the best, as a sentence.
    pub(super) fn held_back(&self, viewer: &Viewer, quality: &Quality) -> Option<String> {
        if quality.reason == QualityReason::Nothing {
            return None;
        }
        let tracks = StreamTracks::new(&self.streams, viewer.stream);
        let variants = tracks.variants(viewer.stream);
        let best = variants.first().copied().unwrap_or(viewer.stream);
        let video = self.context.registry.video(best);
        let own = tracks.media(viewer.stream);
        let asked = asked(viewer.limits.variant).map(|id| self.variant_name(id));
        quality.sentence(&Shown {
            variant: &self.variant_name(quality.variant),
            best: &self.variant_name(best),
            codec: video.map(|info| info.codec),
            limits: viewer.limits,
            asked: asked.as_deref(),
            sound: own.is_some_and(|media| media.audio.is_some()),
        })
    }

    /// How far a viewer is from the best, to tell up from down.
    fn steps_down(&self, stream: StreamId, quality: &Quality) -> usize {
        let tracks = StreamTracks::new(&self.streams, stream);
        let mut variants = tracks.variants(stream).iter();
        let variant = variants.position(|&variant| variant == quality.variant);
        4 * variant.unwrap_or(0) + quality.detail as usize
    }

    /// Changes what a viewer asks for.
    pub(super) fn set_limits(
        &mut self,
        id: SessionId,
        slot: usize,
        limits: ViewerLimits,
    ) -> Result<()> {
        let stream = self.viewers.find(slot, id)?.stream;
        self.check_limits(stream, &limits)?;
        let viewer = self.viewers.find(slot, id)?;
        viewer.limits = limits;
        viewer.session.set_limits(limits);
        self.settle(slot);
        Ok(())
    }

    /// Refuses a variant that the stream does not have.
    pub(super) fn check_limits(&self, stream: StreamId, limits: &ViewerLimits) -> Result<()> {
        let Some(variant) = asked(limits.variant) else {
            return Ok(());
        };
        let tracks = StreamTracks::new(&self.streams, stream);
        if variant == stream || tracks.variants(stream).contains(&variant) {
            return Ok(());
        }
        let name = self.variant_name(variant);
        Err(no_variant(&name, self.streams.name(stream)))
    }

    /// A variant may belong to another worker.
    fn variant_name(&self, id: StreamId) -> Arc<str> {
        let name = self.context.registry.stream_name(id);
        name.unwrap_or_else(|_| "removed".into())
    }
}

fn asked(choice: VariantChoice) -> Option<StreamId> {
    match choice {
        VariantChoice::Auto => None,
        VariantChoice::AtMost(variant) | VariantChoice::Only(variant) => Some(variant),
    }
}

/// The error for a variant that a stream does not have, whether another stream has its name or not.
pub fn no_variant(variant: &str, stream: &str) -> Error {
    let shown: String = variant.chars().take(128).collect();
    Error::new(
        Status::InvalidArgument,
        format!("{shown:?} is no variant of \"{stream}\": name one of its variants, or none"),
    )
}

/// How often a viewer was shown something better or something worse.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Switches {
    pub(super) up: u64,
    pub(super) down: u64,
    /// How far from the best it is now.
    steps: usize,
}

impl Switches {
    fn note(&mut self, steps: usize) {
        self.up += u64::from(steps < self.steps);
        self.down += u64::from(steps > self.steps);
        self.steps = steps;
    }
}
