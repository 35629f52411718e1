//! Who gets a place. Anyone who may send offers can have very many answered and follow none up, so a session
//! takes one of the places that `max_sessions` gives only once its viewer has connected.
//!
//! Those whose viewers have not are bounded by themselves. Beyond the bound the oldest goes, of the peer that
//! has most of them: who floods displaces their own, and a viewer that connects within seconds is in time.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::error::{Error, Result, Status};
use crate::state::SessionId;

/// Sessions that wait for their viewers at most.
const MOST: usize = 4096;
/// With `max_sessions`: as many as that, within these bounds. A page with 64 cameras sends its offers at once.
const LIMITED: (usize, usize) = (64, 1024);

/// When a wall comes, which has as much as a hundred others.
const MOST_BESIDE_A_WALL: usize = 256;

/// How many sessions may wait for their viewers, when one more comes.
pub fn most_waiting(max_sessions: Option<usize>, is_wall: bool) -> usize {
    let (least, most) = LIMITED;
    let most = max_sessions.map_or(MOST, |limit| limit.clamp(least, most));
    match is_wall {
        true => most.min(MOST_BESIDE_A_WALL),
        false => most,
    }
}

/// Whose a session is, as far as places go: what the host says of the peer; of an address not the port, and
/// of IPv6 the network, in which a peer has any address it likes.
pub fn peer(said: Option<&str>) -> Box<str> {
    let said = said.unwrap_or_default();
    let address = said.parse::<SocketAddr>().map(|address| address.ip());
    match address.or_else(|_| said.parse::<IpAddr>()) {
        Ok(address) => match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = Ipv6Addr::from_bits(address.to_bits() >> 64 << 64);
                network.to_string().into()
            }
            address => address.to_string().into(),
        },
        Err(_) => said.into(),
    }
}

/// Fails if as many are connected as there are places.
pub fn check(limit: Option<usize>, connected: usize, knob: &str) -> Result<()> {
    match limit {
        Some(limit) if connected >= limit => Err(Error::new(
            Status::Limit,
            format!("{knob} = {limit} viewers are connected: try again later, or raise the knob"),
        )),
        _ => Ok(()),
    }
}

/// Why nothing new is taken while [`Tuning::is_full`](crate::tuning::Tuning::is_full).
pub fn memory_is_full() -> Error {
    Error::new(
        Status::Limit,
        "the process has used most of the memory that it may have: raise memory_limit_bytes or the \
         limit of its cgroup, or have fewer streams and viewers",
    )
}

/// Why a session had to make room.
pub fn displaced() -> Error {
    Error::new(
        Status::Limit,
        "its viewer had not connected when too many later offers were answered: limit how many offers the \
         web server lets through, and pass the peer with each offer",
    )
}

/// The sessions whose viewers have not connected.
#[derive(Debug, Default)]
pub struct Waiting {
    by_peer: HashMap<Box<str>, BTreeSet<SessionId>>,
    count: usize,
}

impl Waiting {
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn add(&mut self, peer: &str, id: SessionId) {
        self.by_peer.entry(peer.into()).or_default().insert(id);
        self.count += 1;
    }

    /// It waits no longer.
    pub fn remove(&mut self, peer: &str, id: SessionId) {
        if let Some(own) = self.by_peer.get_mut(peer) {
            self.count -= usize::from(own.remove(&id));
            if own.is_empty() {
                self.by_peer.remove(peer);
            }
        }
    }

    /// The one that goes first: the oldest of the peer that has most.
    pub fn dispensable(&self) -> Option<SessionId> {
        let oldest = |own: &BTreeSet<SessionId>| own.first().copied();
        let peers = self.by_peer.values();
        let most = peers.max_by_key(|own| (own.len(), std::cmp::Reverse(oldest(own))));
        most.and_then(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_floods_displaces_their_own() {
        let mut waiting = Waiting::default();
        let viewer = SessionId(1);
        waiting.add("viewer", viewer);
        for id in 2..100 {
            waiting.add("flood", SessionId(id));
        }
        for id in 2..99 {
            assert_eq!(waiting.dispensable(), Some(SessionId(id)));
            waiting.remove("flood", SessionId(id));
        }
        assert_eq!(waiting.len(), 2);
        assert_eq!(waiting.dispensable(), Some(viewer), "one each: the oldest");
        waiting.remove("viewer", viewer);
        waiting.remove("viewer", viewer);
        waiting.remove("flood", SessionId(99));
        assert_eq!((waiting.len(), waiting.by_peer.len()), (0, 0));
        assert_eq!(waiting.dispensable(), None);
    }

    #[test]
    fn peers_are_told_apart_by_address_without_port() {
        for (said, is) in [
            (Some("192.0.2.7:5000"), "192.0.2.7"),
            (Some("::ffff:192.0.2.7"), "192.0.2.7"),
            (Some("[2001:db8::1:2:3:4]:5"), "2001:db8::"),
            (Some("user 7"), "user 7"),
            (None, ""),
        ] {
            assert_eq!(&*peer(said), is);
        }
    }

    #[test]
    fn a_limit_leaves_room_for_those_that_connect() {
        assert_eq!(most_waiting(None, false), 4096);
        assert_eq!(most_waiting(Some(4), false), 64);
        assert_eq!(most_waiting(Some(300), false), 300);
        assert_eq!(most_waiting(Some(100_000), false), 1024);
        assert_eq!(most_waiting(None, true), 256);
        assert_eq!(most_waiting(Some(4), true), 64);
        assert!(check(Some(2), 1, "max_sessions").is_ok());
        let error = check(Some(2), 2, "max_sessions").unwrap_err();
        assert_eq!(error.status(), Status::Limit);
    }
}
