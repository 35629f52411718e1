//! Viewers behind paths that drop large packets: while such a viewer is shown a stream, all packets of that are small.
//!
//! Packets are made once for all viewers, so the others get them as well: one part in twelve more of them, and nobody
//! can ask for less than [`SMALL_PAYLOAD`](crate::media::SMALL_PAYLOAD) bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::core::Core;
use crate::state::StreamId;

/// Viewers of a gateway that were found to be behind such paths.
#[derive(Debug, Default)]
pub struct NarrowPaths(AtomicU64);

impl NarrowPaths {
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Core {
    /// Takes note of a viewer whose path turns out to drop large packets.
    pub(super) fn note_narrow(&mut self, row: usize, now: Instant) {
        let Some(viewer) = self.viewers.get_mut(row) else {
            return;
        };
        viewer.narrow = true;
        self.context.narrow_paths.0.fetch_add(1, Ordering::Relaxed);
        if self.narrow_complaint.is_due(now) {
            log::warn!(
                session = viewer.id.0, stream = viewer.stream.0;
                "large datagrams vanish on the way to viewer {:?} at {}: a link on it has an MTU below 1,280 bytes, and \
                 does not say so. The packets of what it is shown are smaller from now on",
                viewer.identity.peer.as_deref().unwrap_or_default(),
                viewer.session.remote().map_or("an unknown address".to_owned(), |remote| remote.to_string()),
            );
        }
        for stream in viewer.watching.clone() {
            self.count_narrow(stream, true);
        }
    }

    /// One more, or one less, such viewer is shown a stream.
    pub(super) fn count_narrow(&self, stream: StreamId, more: bool) {
        // The stream may just have been removed.
        if let Some(narrow) = self.context.registry.narrow(stream) {
            match more {
                true => narrow.fetch_add(1, Ordering::Relaxed),
                false => narrow.fetch_sub(1, Ordering::Relaxed),
            };
        }
    }
}
