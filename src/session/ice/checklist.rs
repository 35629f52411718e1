//! The checks of a controlling agent (RFC 8445): which of the other side's candidates can be reached, and which of them is
//! nominated.
//!
//! Such a session has one socket, and the system chooses the address that a datagram leaves from. So a pair is a candidate of the other
//! side. Its candidates are checked in the order of their priorities, one check at a time; what answers is nominated by one
//! more check, and media goes there once that is answered. An agent that checks us from an address that it did not name (peer
//! reflexive) is checked in return, and may be nominated like the others.

use std::time::{Duration, Instant};

use crate::session::io::{Path, Remote};

/// Between two checks (RFC 8445 section 14.2).
const PACE: Duration = Duration::from_millis(50);
/// A check is repeated after this time, then after twice as long, and so on (RFC 8445 section 14.3).
const FIRST_REPEAT: Duration = Duration::from_millis(500);
const DOUBLINGS: u32 = 2;
/// What has answered waits so long for something better to do so as well.
const PATIENCE: Duration = Duration::from_millis(200);
/// Nominating checks without an answer after which something else is nominated.
const NOMINATIONS: u32 = 4;
/// Candidates at most.
pub const MAX_CANDIDATES: usize = 24;
/// Of an address that was not named (RFC 8445 section 5.1.2.1, of type peer reflexive).
const PEER_REFLEXIVE: u32 = 110 << 24;

/// What is checked, and what has answered.
pub struct CheckList {
    candidates: Vec<Candidate>,
    /// When the next check may leave.
    next: Option<Instant>,
    /// When the best that has answered is nominated.
    nominate_at: Option<Instant>,
    nominating: Option<Nominating>,
}

struct Candidate {
    remote: Remote,
    priority: u32,
    named: bool,
    tries: u32,
    due: Instant,
    /// Where it answered; it is not checked again.
    answered: Option<Path>,
    /// It answers, but not if it is nominated.
    given_up: bool,
}

struct Nominating {
    path: Path,
    tries: u32,
    due: Instant,
}

impl CheckList {
    /// Begins with these, and what each is worth.
    pub fn new(now: Instant, candidates: &[(Remote, u32)]) -> Self {
        let mut list = CheckList {
            candidates: Vec::new(),
            next: None,
            nominate_at: None,
            nominating: None,
        };
        for &(remote, priority) in candidates {
            list.add(now, remote, priority, true);
        }
        list
    }

    fn add(&mut self, now: Instant, remote: Remote, priority: u32, named: bool) {
        let known = self.candidates.iter().any(|known| known.remote == remote);
        if known || self.candidates.len() == MAX_CANDIDATES {
            return;
        }
        self.candidates.push(Candidate {
            remote,
            priority,
            named,
            tries: 0,
            due: now,
            answered: None,
            given_up: false,
        });
        self.candidates
            .sort_by_key(|known| std::cmp::Reverse(known.priority));
    }

    /// Whether the other side has named this address. Of others, what came from there limits what goes there.
    pub fn names(&self, remote: Remote) -> bool {
        let mut named = self.candidates.iter().filter(|known| known.named);
        named.any(|known| known.remote == remote)
    }

    /// An authentic check has come along this path, and was answered by one of ours.
    pub fn triggered(&mut self, now: Instant, path: Path) {
        self.add(now, path.remote, PEER_REFLEXIVE, false);
        if let Some(known) = self.candidate(path.remote) {
            known.count_try(now);
        }
    }

    /// An ordinary check was answered along this path.
    pub fn answered(&mut self, now: Instant, path: Path) {
        let Some(known) = self.candidate(path.remote) else {
            return;
        };
        known.answered = Some(path);
        let mut better = self
            .candidates
            .iter()
            .take_while(|other| other.remote != path.remote);
        let best = !better.any(|other| other.answered.is_none());
        let until = if best { now } else { now + PATIENCE };
        self.nominate_at = Some(self.nominate_at.map_or(until, |at| at.min(until)));
    }

    /// When [`CheckList::take_due`] has something.
    pub fn next_due(&self) -> Option<Instant> {
        let checks = self.candidates.iter().filter(|known| known.is_checked());
        let own = match &self.nominating {
            Some(nominating) => Some(nominating.due),
            None => {
                let due = checks.map(|known| known.due).chain(self.nominate_at);
                due.min()
            }
        }?;
        Some(self.next.map_or(own, |next| own.max(next)))
    }

    /// Where the next check goes, and whether it nominates.
    pub fn take_due(&mut self, now: Instant) -> Option<(Path, bool)> {
        if self.next_due().is_none_or(|due| now < due) {
            return None;
        }
        self.next = Some(now + PACE);
        self.nominate(now);
        if let Some(nominating) = &mut self.nominating {
            nominating.due = now + FIRST_REPEAT;
            nominating.tries += 1;
            return Some((nominating.path, true));
        }
        let mut due = self.candidates.iter_mut();
        let known = due.find(|known| known.is_checked() && known.due <= now)?;
        known.count_try(now);
        let path = Path {
            remote: known.remote,
            local: None,
        };
        Some((path, false))
    }

    /// Decides on what to nominate, if it is time.
    fn nominate(&mut self, now: Instant) {
        if let Some(nominating) = self.nominating.take_if(|n| n.tries == NOMINATIONS)
            && let Some(known) = self.candidate(nominating.path.remote)
        {
            known.given_up = true;
        }
        if self.nominating.is_none() && self.nominate_at.is_some_and(|at| at <= now) {
            let mut usable = self.candidates.iter().filter(|known| !known.given_up);
            match usable.find_map(|known| known.answered) {
                Some(path) => {
                    self.nominating = Some(Nominating {
                        path,
                        tries: 0,
                        due: now,
                    });
                }
                None => self.nominate_at = None,
            }
        }
    }

    fn candidate(&mut self, remote: Remote) -> Option<&mut Candidate> {
        self.candidates
            .iter_mut()
            .find(|known| known.remote == remote)
    }
}

impl Candidate {
    fn is_checked(&self) -> bool {
        self.answered.is_none()
    }

    fn count_try(&mut self, now: Instant) {
        self.due = now + FIRST_REPEAT * (1 << self.tries.min(DOUBLINGS));
        self.tries += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::address;
    use super::*;

    const HOST: u32 = 126 << 24;

    fn list(now: Instant, numbers: &[u8]) -> CheckList {
        let candidates: Vec<_> = numbers
            .iter()
            .map(|&number| (address(number), HOST - u32::from(number)))
            .collect();
        CheckList::new(now, &candidates)
    }

    fn path(number: u8) -> Path {
        Path {
            remote: address(number),
            local: None,
        }
    }

    /// Where checks go until `end`: milliseconds after `now`, the last part of the address, nominating or not.
    fn run(list: &mut CheckList, now: Instant, end: u64) -> Vec<(u64, u8, bool)> {
        let mut seen = Vec::new();
        while let Some(due) = list.next_due() {
            let due = due.max(now);
            let at = (due - now).as_millis() as u64;
            if at > end {
                break;
            }
            if let Some((path, nominates)) = list.take_due(due) {
                let number = (1..=200).find(|&n| address(n) == path.remote).unwrap();
                seen.push((at, number, nominates));
            }
            assert!(seen.len() < 1000);
        }
        seen
    }

    #[test]
    fn checks_are_paced_and_repeated_by_priority() {
        let now = Instant::now();
        let mut list = list(now, &[3, 1, 2]);
        let seen = run(&mut list, now, 1600);
        let expected = [
            (0, 1),
            (50, 2),
            (100, 3),
            (500, 1),
            (550, 2),
            (600, 3),
            (1500, 1),
        ];
        let got: Vec<_> = seen.iter().map(|&(at, number, _)| (at, number)).collect();
        assert_eq!(got[..7], expected);
        assert!(seen.iter().all(|&(.., nominates)| !nominates));
    }

    #[test]
    fn the_best_is_nominated_at_once_and_others_after_a_while() {
        let now = Instant::now();
        let mut best = list(now, &[1, 2]);
        best.take_due(now);
        best.answered(now, path(1));
        let at = now + PACE;
        assert_eq!(best.take_due(at), Some((path(1), true)));

        let mut other = list(now, &[1, 2]);
        run(&mut other, now, 60);
        other.answered(now + Duration::from_millis(60), path(2));
        let seen = run(&mut other, now, 400);
        assert_eq!(seen, [(260, 2, true)]);
        // The better one answers in time.
        let mut both = list(now, &[1, 2]);
        run(&mut both, now, 60);
        both.answered(now + Duration::from_millis(60), path(2));
        both.answered(now + Duration::from_millis(90), path(1));
        assert_eq!(run(&mut both, now, 200), [(100, 1, true)]);
    }

    #[test]
    fn what_takes_no_nomination_is_given_up() {
        let now = Instant::now();
        let mut list = list(now, &[1, 2]);
        run(&mut list, now, 60);
        for number in [1, 2] {
            list.answered(now + Duration::from_millis(60), path(number));
        }
        let seen = run(&mut list, now, 10_000);
        let of = |number| seen.iter().filter(|seen| seen.1 == number).count();
        assert_eq!((of(1), of(2)), (4, 4));
        assert_eq!(list.next_due(), None);
    }

    #[test]
    fn an_address_that_was_not_named_is_as_good() {
        let now = Instant::now();
        let mut list = list(now, &[]);
        assert_eq!(list.next_due(), None);
        list.triggered(now, path(7));
        assert!(!list.names(address(7)));
        list.answered(now, path(7));
        assert_eq!(list.take_due(now), Some((path(7), true)));
    }

    #[test]
    fn there_is_a_limit() {
        let now = Instant::now();
        let mut list = list(now, &[]);
        for number in 1..=100 {
            list.triggered(now, path(number));
        }
        assert_eq!(list.candidates.len(), MAX_CANDIDATES);
    }
}
