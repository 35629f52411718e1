//! What an event makes a worker do for many sessions at once: a removed stream, one that has changed, a question
//! about all. It is done in portions, between which everybody else has a turn.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::Core;
use super::guests::Guests;
use super::snapshot::Unfinished;
use super::table::Viewer;
use crate::budget::{Allowance, Budget};
use crate::error::{Error, Status};
use crate::media::Codec;
use crate::state::{SessionId, StreamId, StreamIdentity, StreamState};
use crate::worker::command::Command;

/// What is done in one turn.
const CHORES: Allowance = Allowance {
    time: Duration::from_millis(1),
    items: 256,
    bytes: usize::MAX,
};

/// What is to be done, in order.
#[derive(Default)]
pub(super) struct Chores {
    waiting: VecDeque<Chore>,
}

enum Chore {
    /// A session decides again which of its streams it shows.
    Reconsider(usize),
    /// The first session from this row on hears which addresses the host has no longer.
    Gone(usize, Arc<[IpAddr]>),
    /// It ends if its stream still has one of these codecs, which are new, and it does not take that.
    FailUnfit(usize, SessionId, Rc<[Codec]>),
    /// The next viewer of a removed stream is told; the host, after the last one.
    Leave(StreamId),
    /// Sinks of a stream get the next of what it keeps.
    Replay(StreamId),
    /// The next part of a snapshot.
    Snapshot(Box<Unfinished>),
}

/// A removed stream, until its viewers have been told.
pub(super) struct Leaving {
    name: Arc<str>,
    viewers: VecDeque<usize>,
    why: Error,
    then: Then,
}

/// Who is told when its viewers have been.
enum Then {
    /// The host, once so many other workers have told their guests.
    Host(StreamIdentity, usize),
    /// The worker that owned the stream.
    Owner(usize),
}

impl Leaving {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Chores {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Everything is looked at.
    pub(super) fn snapshot(&mut self, snapshot: Unfinished) {
        let chore = Chore::Snapshot(Box::new(snapshot));
        self.waiting.push_back(chore);
    }

    /// A sink begins with what its stream keeps.
    pub(super) fn replay(&mut self, id: StreamId) {
        self.waiting.push_back(Chore::Replay(id));
    }
}

impl Core {
    /// Does what waits, as far as the budget of a turn goes. What is left is done in the next turns.
    pub(super) fn do_chores(&mut self, now: Instant) {
        let mut budget = Budget::new(CHORES, now);
        while let Some(chore) = self.chores.waiting.pop_front() {
            let items = self.do_chore(chore, now);
            budget.spend(items, 0);
            if !budget.goes_on(Instant::now()) {
                break;
            }
        }
        if !self.chores.is_empty() {
            self.rearmed.ring();
        }
    }

    /// Does one, and returns for how many it counts.
    fn do_chore(&mut self, chore: Chore, now: Instant) -> usize {
        match chore {
            Chore::Reconsider(row) => {
                let viewer = self.viewers.get_mut(row);
                if viewer.is_some_and(|viewer| std::mem::take(&mut viewer.reconsiders)) {
                    self.with_session(row, now, |session, io| session.reconsider(io));
                }
            }
            Chore::FailUnfit(row, id, codecs) => {
                let viewer = self.viewers.get(row).filter(|viewer| viewer.id == id);
                if viewer.is_some_and(|viewer| self.is_unfit(viewer, &codecs)) {
                    let error = Error::new(
                        Status::Camera,
                        "the camera came back with another codec: a new offer is needed",
                    );
                    self.with_session(row, now, |session, io| session.give_up(error, io));
                }
            }
            Chore::Gone(from, gone) => {
                if let Some((row, _)) = self.viewers.next(from) {
                    self.relays_gone(row, now, &gone);
                    self.with_session(row, now, |session, io| {
                        session.handle_addresses(&gone, io);
                    });
                    let next = Chore::Gone(row + 1, gone);
                    self.chores.waiting.push_front(next);
                }
            }
            Chore::Leave(id) => self.leave_next(id, now),
            Chore::Replay(id) => self.replay_next(id, now),
            Chore::Snapshot(mut snapshot) => match self.snapshot_next(&mut snapshot, now) {
                Some(items) => {
                    self.chores.waiting.push_front(Chore::Snapshot(snapshot));
                    return items;
                }
                None => self.snapshot_ends(*snapshot, now),
            },
        }
        1
    }

    /// Lets sessions decide again which of their streams they show: one has changed.
    pub(super) fn reconsider(&mut self, rows: &[usize]) {
        for &row in rows {
            if let Some(viewer) = self.viewers.get_mut(row)
                && !std::mem::replace(&mut viewer.reconsiders, true)
            {
                self.chores.waiting.push_back(Chore::Reconsider(row));
            }
        }
        self.rearmed.ring();
    }

    /// The host's addresses have changed, and these are gone.
    pub(super) fn addresses_changed(&mut self, gone: Arc<[IpAddr]>) {
        self.chores.waiting.push_back(Chore::Gone(0, gone));
        self.rearmed.ring();
    }

    /// A stream has come back with these codecs, which it did not have: ends those of its viewers who cannot go
    /// on.
    pub(super) fn fail_unfit(&mut self, stream: StreamId, codecs: Vec<Codec>) {
        if codecs.is_empty() {
            return;
        }
        let codecs: Rc<[_]> = codecs.into();
        for &row in self.streams.viewers(stream) {
            if let Some(viewer) = self.viewers.get(row)
                && self.is_unfit(viewer, &codecs)
            {
                let chore = Chore::FailUnfit(row, viewer.id, Rc::clone(&codecs));
                self.chores.waiting.push_back(chore);
            }
        }
        self.rearmed.ring();
    }

    /// Whether the stream of this viewer has one of these codecs and the viewer does not take it.
    fn is_unfit(&self, viewer: &Viewer, codecs: &[Codec]) -> bool {
        let Some(media) = self.streams.media(viewer.stream) else {
            return false;
        };
        let tracks = [media.video, media.audio].into_iter().flatten();
        let mut present = tracks.map(|track| track.info().codec);
        present.any(|codec| codecs.contains(&codec) && !viewer.session.takes(codec))
    }

    /// Removes a stream. Offers that wait for it fail with `why`.
    pub(super) fn remove_stream(&mut self, id: StreamId, why: &Error) {
        let Some(mut entry) = self.streams.remove(id, why) else {
            return;
        };
        entry.outputs.end();
        if let Some(source) = entry.source.take() {
            source.abort();
        }
        entry.feeds.ended(id, &self.context.peers);
        entry.feeds.state(id, &self.context.peers);
        let (index, peers) = (self.context.index, &self.context.peers);
        let end = || Command::EndGuests(id, index, why.clone());
        let told = entry.hosts.iter();
        let hosts = told.filter(|&&host| peers.command(host, end())).count();
        let leaving = Leaving {
            name: Arc::clone(&entry.stream.identity().name),
            viewers: std::mem::take(&mut entry.stream.viewers).into(),
            why: why.clone(),
            then: Then::Host(entry.stream.identity().clone(), hosts),
        };
        self.begin_leaving(id, leaving);
        self.reconsider(&entry.stream.audience);
        self.note_state(id, &entry.stream.audience);
    }

    fn begin_leaving(&mut self, id: StreamId, leaving: Leaving) {
        self.streams.leaving.insert(id, leaving);
        self.chores.waiting.push_back(Chore::Leave(id));
        self.rearmed.ring();
    }

    /// A stream of another worker is removed: ends the sessions of its guests.
    pub(super) fn leave_guests(&mut self, id: StreamId, guests: Guests, owner: usize, why: Error) {
        let leaving = Leaving {
            name: Arc::clone(guests.name()),
            viewers: guests.viewers.into(),
            why,
            then: Then::Owner(owner),
        };
        self.begin_leaving(id, leaving);
    }

    /// Another worker has told its guests that a stream is removed.
    pub(super) fn guests_left(&mut self, id: StreamId) {
        if let Some(leaving) = self.streams.leaving.get_mut(&id)
            && let Then::Host(_, hosts) = &mut leaving.then
        {
            *hosts = hosts.saturating_sub(1);
            self.chores.waiting.push_back(Chore::Leave(id));
            self.rearmed.ring();
        }
    }

    /// No other worker has guests any more.
    pub(super) fn guests_are_gone(&mut self) {
        for (&id, leaving) in &mut self.streams.leaving {
            if let Then::Host(_, hosts) = &mut leaving.then {
                *hosts = 0;
                self.chores.waiting.push_back(Chore::Leave(id));
            }
        }
    }

    fn leave_next(&mut self, id: StreamId, now: Instant) {
        let Some(leaving) = self.streams.leaving.get_mut(&id) else {
            return;
        };
        if let Some(row) = leaving.viewers.pop_front() {
            let why = leaving.why.clone();
            self.chores.waiting.push_front(Chore::Leave(id));
            // The row may be another's by now.
            let viewer = self.viewers.get(row);
            if viewer.is_some_and(|viewer| viewer.stream == id) {
                self.close_viewer(row, now, why.message());
            }
            return;
        }
        if let Then::Host(_, 1..) = leaving.then {
            return;
        }
        match self.streams.leaving.remove(&id).map(|left| left.then) {
            Some(Then::Host(identity, _)) => {
                self.notify_stream(id, StreamState::Removed, None, None, identity);
            }
            Some(Then::Owner(owner)) => self.report_left(id, owner),
            None => {}
        }
    }

    fn replay_next(&mut self, id: StreamId, now: Instant) {
        let Some(entry) = self.streams.get_mut(id) else {
            return;
        };
        let waits = entry.sinks.replay_next(entry.stream.stored_video());
        if entry.sinks.is_replaying() {
            self.chores.waiting.push_front(Chore::Replay(id));
        }
        if waits {
            self.request_keyframe(id, now);
        }
    }
}
