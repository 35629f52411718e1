//! The viewer's addresses: what was proven of each, and which of them media goes to.
//!
//! A check says where it seems to come from, and which address the viewer wants media to go to. Both may
//! be lies: whoever has the credentials can send it with a forged source. So an address is *proven* by a
//! check of ours that is answered from there, and has *consent* for as long as others are (RFC 7675).
//! Until then it gets no media, and at most a few times the bytes that came from it. Over TCP the handshake of the
//! connection has proven where it comes from; consent it has to give all the same.

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
pub struct Addresses {
    remotes: Vec<Known>,
    /// Where to send, and since when.
    selected: Option<Path>,
    selected_at: Option<Instant>,
    /// When the last answer from there ends to count: asked for with each access unit.
    proven_until: Option<Instant>,
    /// What the viewer nominated last, or the path of the first check. It is selected once it is proven.
    wanted: Option<Path>,
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
    pub fn new() -> Self {
        Addresses {
            remotes: Vec::new(),
            selected: None,
            selected_at: None,
            proven_until: None,
            wanted: None,
            unproven: 0,
            until: None,
        }
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
            if at.is_none_or(|at| at.remote == address) {
                *at = Some(path);
            }
        }
        self.selected_at.get_or_insert(now);
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

    /// A connection has ended. Until the viewer nominates a path again, media goes to where it gave an answer last.
    pub fn lost(&mut self, now: Instant, address: Remote) {
        self.remotes.retain(|known| known.path.remote != address);
        let other = |path: &Path| path.remote != address;
        self.wanted = self.wanted.filter(other);
        if self.selected.is_some_and(|path| !other(&path)) {
            let proven = self.remotes.iter_mut().filter(|known| known.is_proven(now));
            let next = proven.max_by_key(|known| known.answered);
            self.selected = next.map(|known| {
                known.due = Some(now);
                known.path
            });
            self.selected_at = Some(now);
        }
        self.note_proof();
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

    /// A check of ours was answered from there.
    pub fn answered(&mut self, now: Instant, address: Remote, random: u8) {
        let Some(remote) = self.find_mut(address) else {
            return;
        };
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
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::super::testing::{address, path};
    use super::*;
    use crate::session::io::ConnectionId;

    const MS: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);

    /// The address of [`path`] `from` answers a check.
    fn prove(addresses: &mut Addresses, now: Instant, from: u8) {
        addresses.check_sent(now, address(from), 0);
        addresses.answered(now, address(from), 0);
    }

    #[test]
    fn media_follows_the_latest_nomination_once_that_is_proven() {
        let mut addresses = Addresses::new();
        let now = Instant::now();
        for (from, nominates, proves, selected, why) in [
            (1, false, false, 1, "the first, before any nomination"),
            (2, false, false, 1, "another"),
            (2, true, false, 2, "nominated, and nothing is proven"),
            (2, false, true, 2, "proven"),
            (1, false, true, 2, "a keepalive of the old address"),
            (3, true, false, 2, "the phone left the Wi-Fi, or so it says"),
            (3, false, true, 3, "so it did"),
            (1, true, false, 1, "back where it was a moment ago"),
            (4, true, false, 1, "it moves"),
            (5, true, false, 1, "and moves again"),
            (4, false, true, 1, "which was long ago"),
            (5, false, true, 5, "this is where it is"),
        ] {
            addresses.checked(now, path(from), 100, nominates);
            if proves {
                prove(&mut addresses, now, from);
            }
            assert_eq!(addresses.selected(), Some(path(selected)), "{why}");
        }
    }

    #[test]
    fn answers_leave_from_where_the_selected_address_sends_to() {
        let mut addresses = Addresses::new();
        let now = Instant::now();
        let at = |from, local| Path {
            local: Some(IpAddr::V4(Ipv4Addr::new(203, 0, 113, local))),
            ..path(from)
        };
        addresses.checked(now, at(1, 1), 100, true);
        addresses.checked(now, at(2, 2), 100, false);
        assert_eq!(addresses.selected(), Some(at(1, 1)));
        addresses.checked(now, at(1, 3), 100, false);
        assert_eq!(addresses.selected(), Some(at(1, 3)));
    }

    #[test]
    fn an_unproven_address_gets_three_times_what_came_from_it() {
        let mut addresses = Addresses::new();
        let now = Instant::now();
        assert!(!addresses.may_send(now, address(1), 1), "unknown");
        assert!(!addresses.received(address(1), 1000));
        addresses.checked(now, path(1), 100, true);
        assert!(addresses.may_send(now, address(1), 299));
        assert!(!addresses.may_send(now, address(1), 2));
        assert!(addresses.may_send(now, address(1), 1));
        assert!(addresses.received(address(1), 10));
        assert!(addresses.may_send(now, address(1), 30));
        assert!(!addresses.may_send(now, address(1), 1));
        prove(&mut addresses, now, 1);
        assert!(addresses.may_send(now, address(1), 10_000));
        let later = now + CONSENT;
        assert!(!addresses.may_send(later, address(1), 1), "no consent");
        assert_eq!(addresses.proven(later), None);
    }

    #[test]
    fn forged_checks_without_end_are_not_passed_on() {
        let mut addresses = Addresses::new();
        let start = Instant::now();
        let mut sent = 0;
        for i in 0..200_000 {
            let now = start + i * MS / 2;
            // Ever new ports.
            let from = (i % 200) as u8;
            addresses.checked(now, path(from), 100, true);
            if addresses.may_send(now, address(from), 160) {
                sent += 160;
            }
        }
        let most = UNPROVEN_BURST + 100 * UNPROVEN_RATE;
        assert!((most / 2..=most).contains(&sent), "{sent}");
    }

    #[test]
    fn a_path_that_was_just_selected_has_time_to_prove_itself() {
        let mut addresses = Addresses::new();
        let start = Instant::now();
        addresses.checked(start, path(1), 100, true);
        prove(&mut addresses, start, 1);
        addresses.checked(start, path(2), 100, false);
        assert_eq!(addresses.consent_ends(), Some(start + CONSENT));
        let later = start + CONSENT + SECOND;
        addresses.checked(later, path(2), 100, true);
        assert_eq!(addresses.selected(), Some(path(2)));
        assert_eq!(addresses.consent_ends(), Some(later + CONSENT));
        assert_eq!(addresses.proven(later), None);
    }

    #[test]
    fn proof_is_asked_for_ever_more_slowly_and_consent_every_five_seconds() {
        let mut addresses = Addresses::new();
        let start = Instant::now();
        assert!(addresses.checked(start, path(1), 100, true));
        let mut waits = Vec::new();
        let mut now = start;
        for i in 0..8 {
            assert!(i == 0 || addresses.take_due(now) == Some(path(1)));
            addresses.check_sent(now, address(1), 0);
            let due = addresses.next_due().unwrap();
            waits.push((due - now).as_millis());
            now = due;
        }
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 1600, 1600]);
        for random in [0, 255] {
            addresses.answered(now, address(1), random);
            let due = addresses.next_due().unwrap();
            assert_eq!(due - now, 4 * SECOND + 2 * SECOND * u32::from(random) / 255);
            assert_eq!(addresses.take_due(due - MS), None);
            assert_eq!(addresses.take_due(due), Some(path(1)));
            // Again and again, as long as consent lasts.
            addresses.check_sent(due, address(1), random);
            assert!(addresses.next_due().unwrap() >= due + 4 * SECOND);
            now = due;
        }
        assert_eq!(addresses.consent_ends(), Some(now - 6 * SECOND + CONSENT));
    }

    #[test]
    fn only_paths_in_use_are_checked_again() {
        let mut addresses = Addresses::new();
        let now = Instant::now();
        addresses.checked(now, path(1), 100, true);
        prove(&mut addresses, now, 1);
        addresses.checked(now, path(2), 100, false);
        prove(&mut addresses, now, 2);
        assert!(!addresses.checked(now, path(2), 100, false), "proven");
        assert!(addresses.checked(now, path(3), 100, true));
        addresses.check_sent(now, address(3), 0);
        let due = |addresses: &mut Addresses, at| {
            let mut paths = Vec::new();
            while let Some(path) = addresses.take_due(at) {
                paths.push(path);
            }
            paths
        };
        assert_eq!(due(&mut addresses, now + 10 * SECOND), [path(1), path(3)]);
    }

    /// A connection from there.
    fn connection(from: u8, id: u64) -> Path {
        Path {
            remote: Remote::Tcp(address(from).address(), ConnectionId(id)),
            local: None,
        }
    }

    #[test]
    fn a_connection_is_proven_and_gives_consent_all_the_same() {
        let mut addresses = Addresses::new();
        let start = Instant::now();
        let path = connection(1, 1);
        assert!(addresses.checked(start, path, 100, false), "for consent");
        assert_eq!(addresses.proven(start), Some(path));
        assert!(addresses.may_send(start, path.remote, 10_000));
        addresses.check_sent(start, path.remote, 0);
        assert_eq!(addresses.next_due(), Some(start + LEAST_INTERVAL));
        assert!(!addresses.checked(start + SECOND, path, 100, false));
        assert_eq!(addresses.consent_ends(), Some(start + CONSENT));
        assert_eq!(addresses.proven(start + CONSENT), None);
        addresses.answered(start + SECOND, path.remote, 0);
        assert_eq!(addresses.consent_ends(), Some(start + SECOND + CONSENT));
        // The same address over UDP is another one.
        let udp = super::super::testing::path(1);
        assert!(!addresses.received(udp.remote, 1));
        addresses.checked(start, udp, 100, true);
        assert_eq!(addresses.selected(), Some(path), "not proven");
    }

    #[test]
    fn a_connection_that_ends_leaves_what_was_answered_last() {
        let mut addresses = Addresses::new();
        let start = Instant::now();
        let (first, second) = (connection(1, 1), connection(1, 2));
        addresses.checked(start, path(3), 100, true);
        prove(&mut addresses, start, 3);
        addresses.checked(start + SECOND, first, 100, true);
        assert_eq!(addresses.selected(), Some(first), "nominated and proven");
        let now = start + 2 * SECOND;
        addresses.lost(now, second.remote);
        assert_eq!(addresses.selected(), Some(first), "another one");
        addresses.lost(now, first.remote);
        assert_eq!(addresses.selected(), Some(path(3)));
        assert_eq!(
            addresses.take_due(now),
            Some(path(3)),
            "asked for consent at once"
        );
        // Where nothing else is proven, the next that comes is the one.
        addresses.checked(now, first, 100, true);
        let later = now + 2 * CONSENT;
        addresses.answered(later, first.remote, 0);
        addresses.lost(later, first.remote);
        assert_eq!(addresses.selected(), None);
        assert_eq!(addresses.consent_ends(), Some(later + CONSENT));
        addresses.checked(later, second, 100, false);
        assert_eq!(addresses.proven(later), Some(second));
    }

    #[test]
    fn addresses_are_bounded_and_those_in_use_are_kept() {
        let mut addresses = Addresses::new();
        let start = Instant::now();
        addresses.checked(start, path(1), 100, true);
        prove(&mut addresses, start, 1);
        addresses.checked(start, path(2), 100, true);
        for i in 3..=20 {
            let now = start + Duration::from_secs(u64::from(i));
            addresses.checked(now, path(i), 100, false);
        }
        let known: Vec<_> = addresses.iter().map(|(address, _)| address).collect();
        assert_eq!(known.len(), MAX_ADDRESSES);
        assert!(known.contains(&address(1)), "selected");
        assert!(known.contains(&address(2)), "nominated");
        assert!((15..=20).all(|i| known.contains(&address(i))), "the latest");
    }
}
