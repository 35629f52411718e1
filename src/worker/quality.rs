//! What viewers are shown, in words, and what they may ask for.

use std::sync::Arc;

use super::core::Core;
use super::log_lines;
use super::table::Viewer;
use crate::error::{Error, Result, Status};
use crate::events::{Notice, QualityEvent};
use crate::state::{
    Names, Quality, QualityReason, SessionId, StreamId, VariantChoice, ViewerLimits,
};

impl Core {
    /// Tells what is new of what a viewer is shown.
    pub(super) fn tell_news(&mut self, row: usize) {
        while let Some(viewer) = self.viewers.get_mut(row) {
            if viewer.is_wall() {
                let Some(slot) = viewer.session.poll_slot_change() else {
                    return;
                };
                self.tell_slot(row, slot);
                continue;
            }
            if let Some(quality) = viewer.session.poll_quality() {
                self.tell_quality(row, quality);
            }
            return;
        }
    }

    /// Tells the host and the log that a viewer is shown something else.
    fn tell_quality(&mut self, row: usize, quality: Quality) {
        let Some(viewer) = self.viewers.get(row) else {
            return;
        };
        let held_back = self.held_back(viewer, viewer.stream, &quality);
        let event = QualityEvent {
            session: viewer.id,
            stream: viewer.stream,
            stream_name: self.streams.name(viewer.stream).into(),
            quality,
            held_back,
            viewer: viewer.identity.clone(),
        };
        log_lines::quality(viewer, &event);
        if viewer.output.is_some() {
            // No viewer of the host's: it hears of the output.
            return;
        }
        self.context.notices.push(Notice::Quality(Box::new(event)));
    }

    /// Why a viewer gets less of a stream than the best, as a sentence.
    pub(super) fn held_back(
        &self,
        viewer: &Viewer,
        stream: StreamId,
        quality: &Quality,
    ) -> Option<String> {
        if quality.reason == QualityReason::Nothing {
            return None;
        }
        let variants = self.streams.variants(stream);
        let best = variants.first().copied().unwrap_or(stream);
        let video = match quality.reason {
            QualityReason::Codec => self.context.registry.video(best),
            _ => None,
        };
        let asked = asked(viewer.limits.variant).map(|id| self.variant_name(id));
        quality.sentence(&Names {
            variant: &self.variant_name(quality.variant),
            best: &self.variant_name(best),
            codec: video.map(|info| info.codec),
            limits: viewer.limits,
            asked: asked.as_deref(),
            sound: viewer.session.has_sound(),
        })
    }

    /// Changes what a viewer asks for.
    pub(super) fn set_limits(
        &mut self,
        id: SessionId,
        row: usize,
        limits: ViewerLimits,
    ) -> Result<()> {
        let stream = self.viewers.find(row, id)?.stream;
        self.check_limits(stream, &limits)?;
        let viewer = self.viewers.find(row, id)?;
        viewer.limits = limits;
        viewer.session.set_limits(limits);
        self.settle(row);
        Ok(())
    }

    /// Refuses a variant that the stream does not have.
    pub(super) fn check_limits(&self, stream: StreamId, limits: &ViewerLimits) -> Result<()> {
        let Some(variant) = asked(limits.variant) else {
            return Ok(());
        };
        // The registry knows first, where the stream is another worker's.
        if variant == stream || self.context.registry.variants(stream).contains(&variant) {
            return Ok(());
        }
        let name = self.context.registry.stream_name(variant);
        let stream = self.streams.name(stream);
        Err(match name {
            Ok(name) => no_variant(&name, stream),
            Err(_) => Error::new(
                Status::InvalidArgument,
                format!(
                    "no stream has the id {}, so it is no variant of \"{stream}\": \
                     name one of its variants, or none",
                    variant.0
                ),
            ),
        })
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
