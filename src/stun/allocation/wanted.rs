//! The addresses that viewers may come from, and whose they are: who names many takes no place of others.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Addresses at most, those of a session at most, and how long one is waited for.
const MAX_WANTED: usize = 256;
const MAX_OF_SESSION: usize = 16;
pub const WANTED: Duration = Duration::from_secs(300);

/// Who wants an address to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Whose the session is: a peer may have many.
    pub peer: Arc<str>,
    /// The session.
    pub session: u64,
}

/// Addresses that are waited for.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The one that was asked for longest ago comes first.
    entries: Vec<Entry>,
    /// One has made room.
    displaced: bool,
}

#[derive(Debug)]
struct Entry {
    ip: IpAddr,
    asker: Asker,
    until: Instant,
}

impl Wanted {
    /// Waits for a viewer from there. Where there is no room, the peer that has most of the addresses loses one, the one
    /// that was asked for longest ago of the session that has most of them.
    pub fn add(&mut self, now: Instant, ip: IpAddr, asker: &Asker) {
        let same = |entry: &Entry| entry.ip == ip && entry.asker == *asker;
        let of_session = |entry: &&Entry| entry.asker.session == asker.session;
        let entries = &mut self.entries;
        if let Some(known) = entries.iter().position(same) {
            entries.remove(known);
        } else if entries.iter().filter(of_session).count() == MAX_OF_SESSION {
            self.displace(asker.session);
        } else if entries.len() == MAX_WANTED {
            let all = || entries.iter().map(|entry| &entry.asker);
            let peer = most(all().map(|asker| &*asker.peer));
            let theirs = all().filter(|asker| Some(&*asker.peer) == peer);
            if let Some(session) = most(theirs.map(|asker| asker.session)) {
                self.displace(session);
            }
        }
        self.entries.push(Entry {
            ip,
            asker: asker.clone(),
            until: now + WANTED,
        });
    }

    fn displace(&mut self, session: u64) {
        let mut entries = self.entries.iter();
        if let Some(oldest) = entries.position(|entry| entry.asker.session == session) {
            self.entries.remove(oldest);
            self.displaced = true;
        }
    }

    /// Forgets those that nobody has come from. True if there are fewer than when this was called last, or others.
    pub fn expire(&mut self, now: Instant) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| now < entry.until);
        std::mem::take(&mut self.displaced) || self.entries.len() < before
    }

    pub fn contains(&self, ip: IpAddr) -> bool {
        self.entries.iter().any(|entry| entry.ip == ip)
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether some are of this session.
    pub fn is_of(&self, session: u64) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.asker.session == session)
    }

    /// When [`Wanted::expire`] has something.
    pub fn next_due(&self) -> Option<Instant> {
        self.entries.iter().map(|entry| entry.until).min()
    }
}

/// What comes most often; of several, the one that comes first.
fn most<T: Copy + Eq + Hash>(all: impl Iterator<Item = T>) -> Option<T> {
    let mut counts = HashMap::new();
    for (place, one) in all.enumerate() {
        let (count, _) = counts.entry(one).or_insert((0, place));
        *count += 1;
    }
    let most = counts
        .into_iter()
        .max_by_key(|&(_, (count, first))| (count, std::cmp::Reverse(first)));
    most.map(|(one, _)| one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(peer: &str, session: u64) -> Asker {
        Asker {
            peer: peer.into(),
            session,
        }
    }

    fn ip(kind: u8, number: u32) -> IpAddr {
        let [_, a, b, c] = number.to_be_bytes();
        [kind, a, b, c].into()
    }

    #[test]
    fn who_names_many_pushes_nobody_out() {
        let now = Instant::now();
        let mut wanted = Wanted::default();
        for session in 0..20 {
            // A viewer with three addresses, each from a network of its own.
            let viewer = asker(&format!("198.51.100.{session}"), session);
            for number in 0..3 {
                wanted.add(now, ip(10, session as u32 * 3 + number), &viewer);
            }
        }
        for session in 100..400 {
            // One that opens many sessions, and names many addresses in each, those of others as well.
            for number in 0..MAX_OF_SESSION as u32 + 9 {
                wanted.add(
                    now,
                    ip(20, session * 100 + number),
                    &asker("evil", session.into()),
                );
                wanted.add(now, ip(10, number), &asker("evil", session.into()));
            }
        }
        assert_eq!(wanted.entries.len(), MAX_WANTED);
        assert!((0..60).all(|number| wanted.contains(ip(10, number))));
        // There is always room for one more.
        wanted.add(now, ip(30, 1), &asker("late", 1000));
        assert!(wanted.contains(ip(30, 1)));
        assert!((0..60).all(|number| wanted.contains(ip(10, number))));
    }

    #[test]
    fn without_names_of_peers_sessions_share() {
        let now = Instant::now();
        let mut wanted = Wanted::default();
        wanted.add(now, ip(10, 0), &asker("", 1));
        for session in 2..50 {
            for number in 0..40 {
                wanted.add(
                    now,
                    ip(20, session * 100 + number),
                    &asker("", session.into()),
                );
            }
        }
        assert!(wanted.contains(ip(10, 0)));
    }

    #[test]
    fn a_session_has_so_many_and_keeps_the_latest() {
        let now = Instant::now();
        let mut wanted = Wanted::default();
        for number in 0..30 {
            wanted.add(now, ip(10, number), &asker("", 1));
        }
        let kept = (0..30).filter(|&number| wanted.contains(ip(10, number)));
        assert!(kept.eq(14..30));
        assert!(wanted.expire(now), "some have made room");
        assert!(!wanted.expire(now + WANTED - Duration::from_secs(1)));
        assert_eq!(wanted.next_due(), Some(now + WANTED));
        assert!(wanted.expire(now + WANTED));
        assert_eq!(wanted.next_due(), None);
    }
}
