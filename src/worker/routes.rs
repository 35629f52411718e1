//! Which session owns which remote address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;

use parking_lot::RwLock;

use crate::worker::registry::SessionLocation;

/// The sessions by remote address. Read for each received datagram; written when an authentic check
/// comes from a new address, when a check of ours is answered, and when an address is forgotten.
///
/// A session *claims* an address by a check from there, whose source may be forged. It *owns* the address
/// once a check of ours was answered from there; the latest to prove that is the owner. So a claim takes
/// nothing away from an owner, and an owner that lost an address has it again with its next answer.
#[derive(Debug, Default)]
pub struct Routes {
    by_address: RwLock<HashMap<SocketAddr, Route>>,
}

#[derive(Clone, Copy, Debug)]
struct Route {
    place: SessionLocation,
    owned: bool,
}

impl Routes {
    /// The session that datagrams from `address` are for.
    pub fn find(&self, address: SocketAddr) -> Option<SessionLocation> {
        self.by_address
            .read()
            .get(&address)
            .map(|route| route.place)
    }

    /// Datagrams from `address` belong to `place` from now on, unless another session owns it.
    pub fn claim(&self, address: SocketAddr, place: SessionLocation) {
        let claim = Route {
            place,
            owned: false,
        };
        match self.by_address.write().entry(address) {
            Entry::Occupied(route) if route.get().owned => {}
            Entry::Occupied(mut route) => {
                route.insert(claim);
            }
            Entry::Vacant(route) => {
                route.insert(claim);
            }
        }
    }

    /// Datagrams from `address` belong to `place` from now on.
    pub fn own(&self, address: SocketAddr, place: SessionLocation) {
        let route = Route { place, owned: true };
        self.by_address.write().insert(address, route);
    }

    /// Datagrams from `address` no longer belong to `place`.
    pub fn release(&self, address: SocketAddr, place: SessionLocation) {
        let mut map = self.by_address.write();
        if map.get(&address).is_some_and(|route| route.place == place) {
            map.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_claimed_goes_to_the_last_and_what_is_owned_to_the_owner() {
        let routes = Routes::default();
        let address = "192.0.2.1:5000".parse().unwrap();
        let [a, b] = [1, 2].map(|slot| SessionLocation { worker: 0, slot });
        routes.claim(address, a);
        routes.claim(address, b);
        assert_eq!(routes.find(address), Some(b));
        routes.own(address, a);
        routes.claim(address, b);
        assert_eq!(routes.find(address), Some(a), "a claim takes nothing away");
        routes.own(address, b);
        assert_eq!(routes.find(address), Some(b), "the port was used again");
        routes.release(address, a);
        assert_eq!(routes.find(address), Some(b));
        routes.release(address, b);
        assert_eq!(routes.find(address), None);
        routes.claim(address, a);
        assert_eq!(routes.find(address), Some(a));
    }
}
