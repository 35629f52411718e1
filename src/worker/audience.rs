//! Which sessions get the media of which streams.
//!
//! A session belongs to the stream that its offer named: there it is counted, listed and limited. But
//! it may be shown the variants of that stream, too; and a wall, which belongs to none, whatever its slots are
//! bound to. Each stream, and each mirror of one, has an
//! *audience*: the sessions that its access units are passed to. A stream that has very many viewers has some of them
//! on other workers (`guests.rs`), where they are the audience of a mirror.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::core::Core;
use super::feeds::{MirrorAddress, News, Parcel};
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
        let missing = |from: &[StreamId], stream| from.binary_search(stream).is_err();
        let narrow = viewer.narrow;
        for &stream in wanted.iter().filter(|stream| missing(&before, stream)) {
            self.join(stream, row);
            if narrow {
                self.count_narrow(stream, true);
            }
        }
        for &stream in before.iter().filter(|stream| missing(&wanted, stream)) {
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
            self.context
                .registry
                .mirrors
                .fetch_add(1, Ordering::Relaxed);
            Mirror::new(address, owner, self.context.registry.variants(stream))
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
                self.context
                    .registry
                    .mirrors
                    .fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Takes over the list of a stream's variants, and lets its viewers act on it.
    pub(super) fn variants_changed(&mut self, stream: StreamId) {
        let (registry, peers) = (&self.context.registry, &self.context.peers);
        if let Some(entry) = self.streams.get_mut(stream) {
            entry.stream.variants = registry.variants(stream);
            entry.feeds.variants(stream, &entry.stream.variants, peers);
            for &host in &entry.hosts {
                peers.command(host, Command::VariantsChanged(stream));
            }
        } else if let Some(guests) = self.streams.guests.get_mut(&stream) {
            guests.variants = registry.variants(stream);
        }
        let mut viewers = self.streams.viewers(stream).to_vec();
        viewers.extend(self.streams.audience(stream));
        self.reconsider(&viewers);
    }

    /// The state of a stream has changed: tells the walls that show it, also on other workers.
    pub(super) fn tell_walls(&mut self, stream: StreamId) {
        if let Some(entry) = self.streams.get(stream) {
            entry.feeds.state(stream, &self.context.peers);
        }
        let audience = self.streams.audience(stream).to_vec();
        self.note_state(stream, &audience);
    }

    pub(super) fn note_state(&mut self, stream: StreamId, audience: &[usize]) {
        for &row in audience {
            if let Some(viewer) = self.viewers.get_mut(row) {
                viewer.session.stream_changed(stream);
                self.tell_news(row);
            }
        }
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
        if self.load.is_due(now) {
            self.sample_load(now);
        }
        let mirror = self.streams.mirrors.get_mut(&parcel.stream);
        let Some(mirror) = mirror.filter(|mirror| mirror.address.number == parcel.mirror) else {
            // It has ended meanwhile.
            return;
        };
        let (mut arrival, mut other) = (None, None);
        match &parcel.news {
            News::Unit(unit) => arrival = Some(unit.unit().packets.arrival()),
            News::Begins(beginning) => {
                let guests = self.streams.guests.get_mut(&parcel.stream);
                let codec = beginning.track.info.codec;
                other = guests.and_then(|guests| guests.hear_of(codec));
            }
            _ => {}
        }
        match mirror.take(parcel.news, &self.context.tuning) {
            Effect::Send(kind) => {
                let leads = mirror.leads(kind);
                if let Some(arrival) = arrival.filter(|_| !leads)
                    && self.sound_waits(parcel.stream, arrival)
                {
                    return;
                }
                let timed = self.streams.samples_guests(parcel.stream);
                let arrival = arrival.filter(|_| leads);
                self.send_to_audience(parcel.stream, Some(kind), arrival, now, timed);
            }
            Effect::Other => {
                let audience = mirror.audience.clone();
                self.fail_unfit(parcel.stream, other.into_iter().collect());
                self.reconsider(&audience);
                self.send_to_audience(parcel.stream, None, None, now, false);
            }
            Effect::State => {
                let audience = mirror.audience.clone();
                self.note_state(parcel.stream, &audience);
            }
            Effect::Nothing => {}
        }
    }
}
