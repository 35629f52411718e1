//! What an event makes a worker do for many sessions at once: a removed stream, one that has changed, a question
//! about all. It is done in portions, between which everybody else has a turn.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::Core;
use super::snapshot::Unfinished;
use crate::budget::{Allowance, Budget};
use crate::error::Error;
use crate::state::{SessionId, StreamId, StreamIdentity, StreamState};

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
    /// The first session from this slot on hears which addresses the host has no longer.
    Gone(usize, Arc<[IpAddr]>),
    /// It ends.
    Fail(usize, SessionId, Box<Error>),
    /// The next viewer of a removed stream is told; the host, after the last one.
    Leave(StreamId),
    /// Sinks of a stream get the next of what it keeps.
    Replay(StreamId),
    /// The next part of a snapshot.
    Snapshot(Box<Unfinished>),
}

/// A removed stream, until its viewers have been told.
pub(super) struct Leaving {
    identity: StreamIdentity,
    viewers: VecDeque<usize>,
    why: Error,
}

impl Leaving {
    pub(super) fn name(&self) -> &str {
        &self.identity.name
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
            self.do_chore(chore, now);
            budget.spend(1, 0);
            if !budget.goes_on(Instant::now()) {
                break;
            }
        }
        if !self.chores.is_empty() {
            self.rearmed.ring();
        }
    }

    fn do_chore(&mut self, chore: Chore, now: Instant) {
        match chore {
            Chore::Reconsider(slot) => {
                let viewer = self.viewers.get_mut(slot);
                if viewer.is_some_and(|viewer| std::mem::take(&mut viewer.reconsiders)) {
                    self.with_session(slot, now, |session, io| session.reconsider(io));
                }
            }
            Chore::Fail(slot, id, error) => {
                if self.viewers.find(slot, id).is_ok() {
                    self.fail_viewer(slot, *error);
                }
            }
            Chore::Gone(from, gone) => {
                if let Some((slot, _)) = self.viewers.next(from) {
                    self.with_session(slot, now, |session, io| {
                        session.handle_addresses(&gone, io);
                    });
                    let next = Chore::Gone(slot + 1, gone);
                    self.chores.waiting.push_front(next);
                }
            }
            Chore::Leave(id) => self.leave_next(id, now),
            Chore::Replay(id) => self.replay_next(id, now),
            Chore::Snapshot(mut snapshot) => match self.snapshot_next(&mut snapshot, now) {
                true => self.chores.waiting.push_front(Chore::Snapshot(snapshot)),
                false => self.snapshot_ends(*snapshot, now),
            },
        }
    }

    /// Lets sessions decide again which of their streams they show: one has changed.
    pub(super) fn reconsider(&mut self, slots: &[usize]) {
        for &slot in slots {
            if let Some(viewer) = self.viewers.get_mut(slot)
                && !std::mem::replace(&mut viewer.reconsiders, true)
            {
                self.chores.waiting.push_back(Chore::Reconsider(slot));
            }
        }
        self.rearmed.ring();
    }

    /// The host's addresses have changed, and these are gone.
    pub(super) fn addresses_changed(&mut self, gone: Arc<[IpAddr]>) {
        self.chores.waiting.push_back(Chore::Gone(0, gone));
        self.rearmed.ring();
    }

    /// Ends sessions.
    pub(super) fn fail_viewers(&mut self, slots: &[usize], error: &Error) {
        for &slot in slots {
            if let Some(viewer) = self.viewers.get(slot) {
                let chore = Chore::Fail(slot, viewer.id, Box::new(error.clone()));
                self.chores.waiting.push_back(chore);
            }
        }
        self.rearmed.ring();
    }

    /// Removes a stream. Offers that wait for it fail with `why`.
    pub(super) fn remove_stream(&mut self, id: StreamId, why: &Error) {
        let Some(mut entry) = self.streams.remove(id, why) else {
            return;
        };
        if let Some(source) = entry.source.take() {
            source.abort();
        }
        entry.feeds.ended(id, &self.context.peers);
        let leaving = Leaving {
            identity: entry.stream.identity().clone(),
            viewers: std::mem::take(&mut entry.stream.viewers).into(),
            why: why.clone(),
        };
        self.streams.leaving.insert(id, leaving);
        self.chores.waiting.push_back(Chore::Leave(id));
        self.reconsider(&entry.stream.audience);
    }

    fn leave_next(&mut self, id: StreamId, now: Instant) {
        let Some(leaving) = self.streams.leaving.get_mut(&id) else {
            return;
        };
        if let Some(slot) = leaving.viewers.pop_front() {
            let why = leaving.why.clone();
            self.chores.waiting.push_front(Chore::Leave(id));
            // The slot may be another's by now.
            let viewer = self.viewers.get(slot);
            if viewer.is_some_and(|viewer| viewer.stream == id) {
                self.close_viewer(slot, now, why.message());
            }
        } else if let Some(leaving) = self.streams.leaving.remove(&id) {
            self.notify_stream(id, StreamState::Removed, None, None, leaving.identity);
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
