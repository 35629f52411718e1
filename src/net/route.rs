//! Finds the worker and session of a datagram: by the user name of a STUN check, which we chose,
//! or by where it came from, once an authentic check came from there.

use std::collections::HashMap;
use std::net::SocketAddr;

use parking_lot::RwLock;

/// Where a session lives: its worker, and its slot there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Index of the worker.
    pub worker: usize,
    /// Slot in the worker's table.
    pub slot: usize,
}

impl Place {
    /// The beginning of the local ufrag of a session here. What follows it is random and makes a
    /// ufrag that nobody can guess, nor mistake for that of a former session in the slot.
    pub fn ufrag_prefix(self) -> String {
        format!("{:02x}{:06x}", self.worker, self.slot)
    }

    /// Reads what [`Place::ufrag_prefix`] wrote.
    pub fn from_ufrag(ufrag: &str) -> Option<Place> {
        let worker = usize::from_str_radix(ufrag.get(0..2)?, 16).ok()?;
        let slot = usize::from_str_radix(ufrag.get(2..8)?, 16).ok()?;
        Some(Place { worker, slot })
    }
}

/// The places behind the viewers' addresses. Read for each datagram that comes in, written when a
/// viewer's address becomes known or is forgotten.
#[derive(Debug, Default)]
pub struct Routes {
    by_address: RwLock<HashMap<SocketAddr, Place>>,
}

impl Routes {
    /// The place of the session that owns `address`.
    pub fn find(&self, address: SocketAddr) -> Option<Place> {
        self.by_address.read().get(&address).copied()
    }

    /// Datagrams from `address` belong to `place` from now on.
    pub fn bind(&self, address: SocketAddr, place: Place) {
        self.by_address.write().insert(address, place);
    }

    /// Datagrams from `address` no longer belong to `place`.
    pub fn unbind(&self, address: SocketAddr, place: Place) {
        let mut map = self.by_address.write();
        if map.get(&address) == Some(&place) {
            map.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ufrag_names_its_place() {
        let place = Place {
            worker: 7,
            slot: 1234,
        };
        let ufrag = place.ufrag_prefix() + "Random+/";
        assert_eq!(Place::from_ufrag(&ufrag), Some(place));
        assert_eq!(Place::from_ufrag("zz"), None);
        assert_eq!(Place::from_ufrag("0\u{e9}\u{e9}\u{e9}\u{e9}"), None);
    }

    #[test]
    fn an_address_taken_over_stays_with_its_new_owner() {
        let routes = Routes::default();
        let address = "192.0.2.1:5000".parse().unwrap();
        let [old, new] = [1, 2].map(|slot| Place { worker: 0, slot });
        routes.bind(address, old);
        routes.bind(address, new);
        routes.unbind(address, old);
        assert_eq!(routes.find(address), Some(new));
        routes.unbind(address, new);
        assert_eq!(routes.find(address), None);
    }
}
