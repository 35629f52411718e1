//! The viewer's addresses: what was proven of each, and which of them media goes to.
//!
//! A check says where it seems to come from, and which address the viewer wants media to go to. Both may
//! be lies: whoever has the credentials can send it with a forged source. So an address is *proven* by a
//! check of ours that is answered from there, and has *consent* for as long as others are (RFC 7675).
//! Until then it gets no media, and at most a few times the bytes that came from it. Over TCP the handshake of the
//! connection has proven where it comes from; consent it has to give all the same.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::session::io::{Path, Remote};

/// Addresses remembered at most. A browser checks from a handful of them (interfaces, IPv4 and
/// IPv6, NAT rebinding). The least recently checked one is forgotten first.
const MAX_ADDRESSES: usize = 8;
/// What an address may get before it is proven, in multiples of what came from it: as QUIC has it (RFC
/// 9000 section 8.1).
const UNPROVEN_SHARE: usize = 3;
/// What all unproven addresses of a session together may get at once, and per second after that: a flood
/// of forged checks is not passed on. A handshake takes a few kB.
const UNPROVEN_BURST: usize = 64 << 10;
const UNPROVEN_RATE: usize = 1 << 10;
/// In milliseconds: what has passed is counted in steps, so that calls in a row lose nothing of it.
const REFILL: usize = 100;
/// How long an answer counts (RFC 7675 section 5.1).
pub const CONSENT: Duration = Duration::from_secs(30);
/// An unproven address is checked again after this time, then after twice as long, and so on: as soon as
/// browsers repeat their checks.
const FIRST_REPEAT: Duration = Duration::from_millis(50);
const DOUBLINGS: u32 = 5;
/// The shortest time between two checks that keep consent, and how much longer it may be (RFC 7675 section
/// 5.1: 5 s, give or take a fifth).
const LEAST_INTERVAL: Duration = Duration::from_secs(4);
const MORE_INTERVAL: Duration = Duration::from_secs(2);

/// An address of the viewer.
struct Known {
    path: Path,
    /// When it was heard of first.
    since: Instant,
    /// When an authentic check came from there last.
    checked: Instant,
    /// Bytes from there and to there, until it is proven.
    received: usize,
    sent: usize,
    /// When a check of ours was answered from there last.
    answered: Option<Instant>,
    /// When to check it again, and how often that was in vain.
    due: Option<Instant>,
    tries: u32,
}

/// The addresses that authentic checks came from, and the path of the media.
#[repr(C)] // the order counts: see Session
pub struct Addresses {
    /// When the last answer from there ends to count: asked for with each access unit.
    proven_until: Option<Instant>,
    /// Where to send, and since when.
    selected: Option<Path>,
    selected_at: Option<Instant>,
    remotes: Vec<Known>,
    /// The address of ours that the selected path began at, if it is gone and nothing is proven since.
    gone: Option<IpAddr>,
    /// What the viewer nominated last, or the path of the first check. It is selected once it is proven.
    wanted: Option<Path>,
    /// Nominations are ours, so the first check does not say where media goes.
    nominates: bool,
    /// Bytes that went to unproven addresses, less what was allowed until then.
    unproven: usize,
    until: Option<Instant>,
}

/// Whether nobody else can have sent what came from there.
fn is_connected(remote: Remote) -> bool {
    remote.connection().is_some()
}

impl Known {
    fn is_proven(&self, now: Instant) -> bool {
        self.answered.is_some_and(|at| now < at + CONSENT)
    }

    /// Counts bytes from there. More than this is of no use.
    fn count(&mut self, size: usize) {
        self.received = (self.received + size).min(UNPROVEN_BURST);
    }
}

impl Addresses {
    /// `nominates`: it is we who do.
    pub fn new(nominates: bool) -> Self {
        Addresses {
            nominates,
            remotes: Vec::new(),
            selected: None,
            selected_at: None,
            proven_until: None,
            gone: None,
            wanted: None,
            unproven: 0,
            until: None,
        }
    }

    /// Whether nothing was heard of this address when the path of the media was selected.
    pub fn is_newer(&self, address: Remote) -> bool {
        self.find(address)
            .is_none_or(|known| Some(known.since) > self.selected_at)
    }

    /// All of them, and when a check of ours was last answered from there.
    pub fn iter(&self) -> impl Iterator<Item = (Remote, Option<Instant>)> + '_ {
        let remotes = self.remotes.iter();
        remotes.map(|remote| (remote.path.remote, remote.answered))
    }

    /// Where to send: the path that was nominated last and is proven. Before one is, that of the last
    /// nomination, or of the first check.
    pub fn selected(&self) -> Option<Path> {
        self.selected
    }

    /// The selected path, if media may flow there.
    pub fn proven(&self, now: Instant) -> Option<Path> {
        let until = self.proven_until?;
        self.selected.filter(|_| now < until)
    }

    /// When consent for the selected path ends, unless a check of ours is answered before. One that has just
    /// been selected has all the time to give it, and so has a viewer whose connection has ended to come back.
    pub fn consent_ends(&self) -> Option<Instant> {
        let answered = match self.selected {
            Some(path) => self.find(path.remote)?.answered,
            // Its connection has ended.
            None => None,
        };
        Some(answered.max(self.selected_at)? + CONSENT)
    }

    pub fn is_proven(&self, now: Instant, address: Remote) -> bool {
        self.find(address)
            .is_some_and(|remote| remote.is_proven(now))
    }

    /// Takes note of an authentic check of `size` bytes. True if it is time for a check of ours in return.
    pub fn checked(&mut self, now: Instant, path: Path, size: usize, nominates: bool) -> bool {
        let address = path.remote;
        let new = self.find(address).is_none();
        match self.find_mut(address) {
            Some(remote) => {
                remote.checked = now;
                remote.path = path;
                remote.count(size);
            }
            None => {
                self.make_room();
                self.remotes.push(Known {
                    path,
                    since: now,
                    checked: now,
                    received: size,
                    sent: 0,
                    answered: is_connected(address).then_some(now),
                    due: None,
                    tries: 0,
                });
            }
        }
        // An ordinary check from an address nominated earlier must not undo a later nomination.
        // One from the selected address follows it to the local address that it now arrives at.
        for at in [&mut self.wanted, &mut self.selected] {
            if at.map_or(!self.nominates, |at| at.remote == address) {
                *at = Some(path);
            }
        }
        if self.selected.is_some() {
            self.selected_at.get_or_insert(now);
        }
        self.note_proof();
        let moves = nominates && self.wanted.is_some_and(|wanted| wanted.remote != address);
        if moves {
            self.wanted = Some(path);
            self.select(now);
        }
        // One that is wanted again may have been proven long ago.
        let awaited = self
            .find(address)
            .is_some_and(|remote| remote.due > Some(now));
        moves || !awaited && (new || !self.is_proven(now, address))
    }

    /// A check of ours was answered along this path, which we have not heard of otherwise.
    pub fn found(&mut self, now: Instant, path: Path) {
        if self.find(path.remote).is_none() {
            self.make_room();
            self.remotes.push(Known {
                path,
                since: now,
                checked: now,
                received: 0,
                sent: 0,
                answered: Some(now),
                due: None,
                tries: 0,
            });
        }
    }

    /// A nomination of ours was answered along this path: media goes there. `random` is for the time of the next check.
    pub fn nominated(&mut self, now: Instant, path: Path, random: u8) {
        self.found(now, path);
        (self.wanted, self.selected, self.selected_at) = (Some(path), Some(path), Some(now));
        if let Some(known) = self.find_mut(path.remote) {
            known.answered = Some(now);
            known.due = Some(now);
        }
        self.check_sent(now, path.remote, random);
        self.note_proof();
    }

    /// A connection has ended. Until the viewer nominates a path again, media goes to where it gave an answer last.
    pub fn lost(&mut self, now: Instant, address: Remote) {
        self.remotes.retain(|known| known.path.remote != address);
        let other = |path: &Path| path.remote != address;
        self.wanted = self.wanted.filter(other);
        if self.selected.is_some_and(|path| !other(&path)) {
            self.selected = self.go_on_elsewhere(now);
            self.selected_at = Some(now);
        }
        self.note_proof();
    }

    /// The path that gave an answer last, which is to give another.
    fn go_on_elsewhere(&mut self, now: Instant) -> Option<Path> {
        let proven = self.remotes.iter_mut().filter(|known| known.is_proven(now));
        let next = proven.max_by_key(|known| known.answered)?;
        next.due = Some(now);
        Some(next.path)
    }

    /// The host's addresses have changed, and these are gone. A path from one of them is not proven any more, and may
    /// begin at another one: the system chooses which, and the viewer's answer proves it. Media goes another way
    /// meanwhile if there is one. True if the selected path was such a one.
    pub fn host_changed(&mut self, now: Instant, gone: &[IpAddr]) -> bool {
        let is_gone = |path: &Path| {
            !is_connected(path.remote)
                && path
                    .local
                    .is_some_and(|ip| gone.contains(&ip.to_canonical()))
        };
        let left = self.selected.filter(is_gone);
        for known in self.remotes.iter_mut().filter(|known| is_gone(&known.path)) {
            known.path.local = None;
            known.answered = None;
        }
        for path in [&mut self.wanted, &mut self.selected].into_iter().flatten() {
            if is_gone(path) {
                path.local = None;
            }
        }
        if let Some(left) = left {
            let elsewhere = self.go_on_elsewhere(now);
            self.gone = left.local.filter(|_| elsewhere.is_none());
            self.selected = elsewhere.or(self.selected);
            self.selected_at = Some(now);
            self.note_proof();
        }
        // The way may be open again.
        let in_use = [self.wanted, self.selected].map(|path| path.map(|path| path.remote));
        for known in &mut self.remotes {
            if !known.is_proven(now) && in_use.contains(&Some(known.path.remote)) {
                (known.due, known.tries) = (Some(now), 0);
            }
        }
        left.is_some()
    }

    /// The address of ours that media left from, if it is gone and nothing is proven since.
    pub fn gone(&self) -> Option<IpAddr> {
        self.gone
    }

    /// Media goes to where it is wanted once that is proven, or as long as nothing is.
    fn select(&mut self, now: Instant) {
        if let Some(wanted) = self.wanted
            && self.selected != Some(wanted)
            && (self.is_proven(now, wanted.remote) || self.proven(now).is_none())
        {
            (self.selected, self.selected_at) = (Some(wanted), Some(now));
            self.note_proof();
        }
    }

    fn note_proof(&mut self) {
        let selected = self.selected.and_then(|path| self.find(path.remote));
        self.proven_until = selected.and_then(|remote| Some(remote.answered? + CONSENT));
        self.gone = self.gone.filter(|_| self.proven_until.is_none());
    }

    /// A check of ours was sent there. `random` is for the time of the next one.
    pub fn check_sent(&mut self, now: Instant, address: Remote, random: u8) {
        let in_use = [self.wanted, self.selected]
            .into_iter()
            .flatten()
            .any(|path| path.remote == address);
        let Some(remote) = self.find_mut(address) else {
            return;
        };
        let wait = if remote.is_proven(now) {
            LEAST_INTERVAL + MORE_INTERVAL * u32::from(random) / 255
        } else {
            FIRST_REPEAT * (1 << remote.tries.min(DOUBLINGS))
        };
        remote.tries += 1;
        remote.due = in_use.then(|| now + wait);
    }

    /// A check of ours was answered along this path.
    pub fn answered(&mut self, now: Instant, path: Path, random: u8) {
        // Where no address of ours was known to work, the system has chosen one.
        for at in [&mut self.wanted, &mut self.selected].into_iter().flatten() {
            if at.remote == path.remote && at.local.is_none() {
                *at = path;
            }
        }
        let Some(remote) = self.find_mut(path.remote) else {
            return;
        };
        remote.path.local = remote.path.local.or(path.local);
        remote.answered = Some(now);
        remote.tries = 0;
        if remote.due.is_some() {
            remote.due = Some(now + LEAST_INTERVAL + MORE_INTERVAL * u32::from(random) / 255);
        }
        self.note_proof();
        self.select(now);
    }

    /// When the next check is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.remotes.iter().filter_map(|remote| remote.due).min()
    }

    /// A path that is to be checked now.
    pub fn take_due(&mut self, now: Instant) -> Option<Path> {
        let in_use = [self.wanted, self.selected].map(|path| path.map(|path| path.remote));
        for remote in &mut self.remotes {
            if remote.due.is_some_and(|at| at <= now) {
                remote.due = None;
                if in_use.contains(&Some(remote.path.remote)) {
                    return Some(remote.path);
                }
            }
        }
        None
    }

    /// Whether a datagram of `size` bytes comes from an address that is known. It is counted.
    pub fn received(&mut self, address: Remote, size: usize) -> bool {
        let remote = self.find_mut(address);
        remote.map(|remote| remote.count(size)).is_some()
    }

    /// Whether a datagram of `size` bytes may go there. It is counted.
    pub fn may_send(&mut self, now: Instant, address: Remote, size: usize) -> bool {
        let Some(remote) = self.find(address) else {
            return false;
        };
        if remote.is_proven(now) {
            return true;
        }
        let sent = remote.sent + size;
        if sent > UNPROVEN_SHARE * remote.received {
            return false;
        }
        let since = *self.until.get_or_insert(now);
        let passed = now.saturating_duration_since(since).as_millis() as usize;
        if passed >= REFILL {
            self.until = Some(now);
            self.unproven = self.unproven.saturating_sub(passed * UNPROVEN_RATE / 1000);
        }
        let all = self.unproven + size;
        if all > UNPROVEN_BURST {
            return false;
        }
        self.unproven = all;
        if let Some(remote) = self.find_mut(address) {
            remote.sent = sent;
        }
        true
    }

    fn find(&self, address: Remote) -> Option<&Known> {
        self.remotes
            .iter()
            .find(|remote| remote.path.remote == address)
    }

    fn find_mut(&mut self, address: Remote) -> Option<&mut Known> {
        self.remotes
            .iter_mut()
            .find(|remote| remote.path.remote == address)
    }

    fn make_room(&mut self) {
        if self.remotes.len() < MAX_ADDRESSES {
            return;
        }
        let in_use = [self.wanted, self.selected].map(|path| path.map(|path| path.remote));
        let oldest = self
            .remotes
            .iter()
            .enumerate()
            .filter(|(_, remote)| !in_use.contains(&Some(remote.path.remote)))
            .min_by_key(|(_, remote)| remote.checked);
        if let Some((oldest, _)) = oldest {
            self.remotes.swap_remove(oldest);
        }
    }
}

#[cfg(test)]
mod tests;
