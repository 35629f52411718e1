//! Which session owns which remote address.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use parking_lot::RwLock;

use crate::worker::registry::SessionLocation;

/// Sessions at one IP address that are asked whether a datagram from an unknown port is theirs. Where there
/// are more, none is: anybody can forge such a datagram, and each of them would have to look at it.
const MAX_OWNERS: usize = 4;

/// The sessions by remote address. Read for each received datagram; written when an authentic check
/// comes from a new address, when a check of ours is answered, and when an address is forgotten.
///
/// A session *claims* an address by a check from there, whose source may be forged. It *owns* the address
/// once a check of ours was answered from there; the latest to prove that is the owner. So a claim takes
/// nothing away from an owner, and an owner that lost an address has it again with its next answer.
#[derive(Debug, Default)]
pub struct Routes {
    maps: RwLock<Maps>,
}

#[derive(Debug, Default)]
struct Maps {
    by_address: HashMap<SocketAddr, Route>,
    /// A session is here once for each address that it owns.
    owners: HashMap<IpAddr, Vec<SessionLocation>>,
    /// Where a relay was allocated from; the same address may be a viewer's without one.
    relays: HashMap<SocketAddr, SessionLocation>,
}

#[derive(Clone, Copy, Debug)]
struct Route {
    place: SessionLocation,
    owned: bool,
}

impl Maps {
    fn insert(&mut self, address: SocketAddr, route: Route) {
        self.remove(address);
        self.by_address.insert(address, route);
        if route.owned {
            self.owners
                .entry(address.ip())
                .or_default()
                .push(route.place);
        }
    }

    fn remove(&mut self, address: SocketAddr) {
        let Some(route) = self.by_address.remove(&address) else {
            return;
        };
        if route.owned
            && let Some(owners) = self.owners.get_mut(&address.ip())
        {
            if let Some(at) = owners.iter().position(|&place| place == route.place) {
                owners.swap_remove(at);
            }
            if owners.is_empty() {
                self.owners.remove(&address.ip());
            }
        }
    }
}

impl Routes {
    /// The session that datagrams from `address` are for.
    pub fn find(&self, address: SocketAddr) -> Option<SessionLocation> {
        let maps = self.maps.read();
        maps.by_address.get(&address).map(|route| route.place)
    }

    /// The sessions that own ports of an IP address; none if there are many.
    pub fn owners_at(&self, ip: IpAddr) -> Vec<SessionLocation> {
        let maps = self.maps.read();
        let mut owners = Vec::new();
        for &place in maps.owners.get(&ip).into_iter().flatten() {
            if !owners.contains(&place) {
                owners.push(place);
            }
            if owners.len() > MAX_OWNERS {
                return Vec::new();
            }
        }
        owners
    }

    /// Datagrams from `address` belong to `place` from now on, unless another session owns it.
    pub fn claim(&self, address: SocketAddr, place: SessionLocation) {
        let mut maps = self.maps.write();
        if !maps
            .by_address
            .get(&address)
            .is_some_and(|route| route.owned)
        {
            let owned = false;
            maps.insert(address, Route { place, owned });
        }
    }

    /// Datagrams from `address` belong to `place` from now on.
    pub fn own(&self, address: SocketAddr, place: SessionLocation) {
        let route = Route { place, owned: true };
        self.maps.write().insert(address, route);
    }

    /// The session that messages of TURN from `address` are for, if they do not name one.
    pub fn find_relay(&self, address: SocketAddr) -> Option<SessionLocation> {
        self.maps.read().relays.get(&address).copied()
    }

    /// A client at `address` has allocated a relay to `place`.
    pub fn own_relay(&self, address: SocketAddr, place: SessionLocation) {
        self.maps.write().relays.insert(address, place);
    }

    /// It has it no longer.
    pub fn release_relay(&self, address: SocketAddr, place: SessionLocation) {
        let mut maps = self.maps.write();
        if maps.relays.get(&address) == Some(&place) {
            maps.relays.remove(&address);
        }
    }

    /// Datagrams from `address` no longer belong to `place`.
    pub fn release(&self, address: SocketAddr, place: SessionLocation) {
        let mut maps = self.maps.write();
        if maps
            .by_address
            .get(&address)
            .is_some_and(|route| route.place == place)
        {
            maps.remove(address);
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
        let [a, b] = [1, 2].map(|row| SessionLocation { worker: 0, row });
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

    #[test]
    fn a_relay_is_of_who_allocated_it_last() {
        let routes = Routes::default();
        let address = "192.0.2.1:5000".parse().unwrap();
        let [a, b] = [1, 2].map(|row| SessionLocation { worker: 0, row });
        routes.own_relay(address, a);
        assert_eq!(routes.find_relay(address), Some(a));
        assert_eq!(routes.find(address), None, "a path of its own");
        routes.own_relay(address, b);
        routes.release_relay(address, a);
        assert_eq!(routes.find_relay(address), Some(b));
        routes.release_relay(address, b);
        assert_eq!(routes.find_relay(address), None);
        assert!(routes.maps.read().relays.is_empty());
    }

    #[test]
    fn owners_are_found_by_their_ip_address_unless_there_are_many() {
        let routes = Routes::default();
        let at = |port| SocketAddr::from(([192, 0, 2, 1], port));
        let place = |row| SessionLocation { worker: 1, row };
        let ip = at(0).ip();
        routes.claim(at(1), place(1));
        assert_eq!(routes.owners_at(ip), []);
        routes.own(at(1), place(1));
        routes.own(at(1), place(1));
        routes.own(at(2), place(1));
        routes.own(at(3), place(2));
        assert_eq!(routes.owners_at(ip), [place(1), place(2)]);
        routes.release(at(1), place(1));
        assert_eq!(routes.owners_at(ip).len(), 2, "it has another port");
        routes.own(at(2), place(3));
        assert_eq!(routes.owners_at(ip), [place(2), place(3)]);
        for row in 4..=5 {
            routes.own(at(row as u16), place(row));
        }
        assert_eq!(routes.owners_at(ip).len(), MAX_OWNERS);
        routes.own(at(6), place(6));
        assert_eq!(routes.owners_at(ip), []);
        for (port, row) in [(2, 3), (3, 2), (4, 4), (5, 5), (6, 6)] {
            routes.release(at(port), place(row));
        }
        assert!(routes.maps.read().owners.is_empty());
    }
}
