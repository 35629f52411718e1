//! Which session owns which remote address.

use std::collections::HashMap;
use std::net::SocketAddr;

use parking_lot::RwLock;

use crate::worker::registry::SessionLocation;

/// The sessions by remote address. Read for each received datagram; written when an authentic check
/// comes from a new address, and when an address is forgotten.
#[derive(Debug, Default)]
pub struct Routes {
    by_address: RwLock<HashMap<SocketAddr, SessionLocation>>,
}

impl Routes {
    /// The session that owns `address`.
    pub fn find(&self, address: SocketAddr) -> Option<SessionLocation> {
        self.by_address.read().get(&address).copied()
    }

    /// Datagrams from `address` belong to `place` from now on.
    pub fn bind(&self, address: SocketAddr, place: SessionLocation) {
        self.by_address.write().insert(address, place);
    }

    /// Datagrams from `address` no longer belong to `place`.
    pub fn unbind(&self, address: SocketAddr, place: SessionLocation) {
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
    fn an_address_taken_over_stays_with_its_new_owner() {
        let routes = Routes::default();
        let address = "192.0.2.1:5000".parse().unwrap();
        let [old, new] = [1, 2].map(|slot| SessionLocation { worker: 0, slot });
        routes.bind(address, old);
        routes.bind(address, new);
        routes.unbind(address, old);
        assert_eq!(routes.find(address), Some(new));
        routes.unbind(address, new);
        assert_eq!(routes.find(address), None);
    }
}
