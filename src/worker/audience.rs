//! Which sessions get the media of which streams.
//!
//! A session belongs to the stream that its offer named: there it is counted, listed and limited. But
//! it may be shown the variants of that stream, too. Each stream, and each mirror of one, has an
//! *audience*: the sessions that its access units are passed to.

use std::time::Instant;

use super::core::Core;
use super::feeds::{MirrorAddress, Parcel};
use super::mirror::{Effect, Mirror};
use crate::ids;
use crate::state::StreamId;
use crate::worker::command::Command;

impl Core {
    /// Brings the audiences up to date with the streams that a session wants now.
    pub(super) fn note_streams(&mut self, row: usize) {
        let Some(viewer) = self.viewers.get_mut(row) else {
            return;
        };
        let wanted = viewer.session.streams();
        let before = std::mem::replace(&mut viewer.watching, wanted.clone());
        let narrow = viewer.narrow;
        for &stream in wanted.iter().filter(|stream| !before.contains(stream)) {
            self.join(stream, row);
            if narrow {
                self.count_narrow(stream, true);
            }
        }
        for &stream in before.iter().filter(|stream| !wanted.contains(stream)) {
            self.leave(stream, row);
            if narrow {
                self.count_narrow(stream, false);
            }
        }
    }

    fn join(&mut self, stream: StreamId, row: usize) {
        if let Some(entry) = self.streams.get_mut(stream) {
            entry.stream.audience.push(row);
            entry.note_demand();
            return;
        }
        let index = self.context.index;
        let owner = self.context.registry.stream(stream);
        let Some(owner) = owner.ok().filter(|&owner| owner != index) else {
            // Removed in this moment.
            return;
        };
        let mirror = self.streams.mirrors.entry(stream).or_insert_with(|| {
            let address = MirrorAddress {
                worker: index,
                number: ids::next(),
            };
            let begin = Command::BeginMirror(stream, address);
            self.context.peers.command(owner, begin);
            Mirror::new(address, owner)
        });
        mirror.audience.push(row);
    }

    /// A session no longer gets the media of a stream.
    pub(super) fn leave(&mut self, stream: StreamId, row: usize) {
        if let Some(entry) = self.streams.get_mut(stream) {
            entry.stream.audience.retain(|&other| other != row);
            entry.note_demand();
        } else if let Some(mirror) = self.streams.mirrors.get_mut(&stream) {
            mirror.audience.retain(|&other| other != row);
            if mirror.audience.is_empty() {
                let end = Command::EndMirror(stream, mirror.address);
                self.context.peers.command(mirror.owner, end);
                self.streams.mirrors.remove(&stream);
            }
        }
    }

    /// Takes over the list of a stream's variants, and lets its viewers act on it.
    pub(super) fn variants_changed(&mut self, stream: StreamId) {
        let Some(entry) = self.streams.get_mut(stream) else {
            return;
        };
        entry.stream.variants = self.context.registry.variants(stream);
        let viewers = entry.stream.viewers.clone();
        self.reconsider(&viewers);
    }

    /// Another worker begins to mirror a stream.
    pub(super) fn begin_mirror(&mut self, stream: StreamId, to: MirrorAddress) {
        if let Some(entry) = self.streams.get_mut(stream) {
            let media = entry.stream.media();
            let pushed = entry.stream.is_pushed();
            let peers = &self.context.peers;
            entry.feeds.add(to, stream, media, pushed, peers);
            entry.note_demand();
        }
    }

    /// Another worker no longer mirrors a stream.
    pub(super) fn end_mirror(&mut self, stream: StreamId, to: MirrorAddress) {
        if let Some(entry) = self.streams.get_mut(stream) {
            entry.feeds.remove(to);
            entry.note_demand();
        }
    }

    /// Takes news of a stream that this worker mirrors.
    pub(super) fn mirrored(&mut self, parcel: Parcel, now: Instant) {
        let mirror = self.streams.mirrors.get_mut(&parcel.stream);
        let Some(mirror) = mirror.filter(|mirror| mirror.address.number == parcel.mirror) else {
            // It has ended meanwhile.
            return;
        };
        match mirror.take(parcel.news, &self.context.tuning) {
            Effect::Send => {}
            Effect::Other => {
                let audience = mirror.audience.clone();
                self.reconsider(&audience);
            }
            Effect::Nothing => return,
        }
        self.send_to_audience(parcel.stream, None, None, now, false);
    }
}
