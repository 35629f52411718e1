//! Where authentic checks came from, and where media goes.

use std::net::SocketAddr;
use std::time::Instant;

use crate::session::io::Path;

/// Addresses remembered at most. A browser checks from a handful of them (interfaces, IPv4 and
/// IPv6, NAT rebinding). The least recently checked one is forgotten first.
const MAX_ADDRESSES: usize = 8;

struct Checked {
    address: SocketAddr,
    last: Instant,
}

/// The addresses that authentic checks came from, and the path of the media.
pub struct Addresses {
    checked: Vec<Checked>,
    selected: Option<Path>,
}

impl Addresses {
    pub fn new() -> Self {
        Addresses {
            checked: Vec::with_capacity(MAX_ADDRESSES),
            selected: None,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.checked.iter().map(|checked| checked.address)
    }

    /// The path that was nominated last, or the first one before any nomination.
    pub fn selected(&self) -> Option<Path> {
        self.selected
    }

    /// Takes note of an authentic check.
    pub fn remember(&mut self, now: Instant, path: Path, nominate: bool) {
        let known = self.selected.map(|selected| selected.remote);
        // An ordinary check from an address nominated earlier must not undo a later nomination.
        // One from the selected address follows it to the local address that it now arrives at.
        if nominate || known.is_none_or(|remote| remote == path.remote) {
            self.selected = Some(path);
        }
        let address = path.remote;
        if let Some(known) = self.checked.iter_mut().find(|c| c.address == address) {
            known.last = now;
            return;
        }
        if self.checked.len() == MAX_ADDRESSES {
            let selected = self.selected.map(|selected| selected.remote);
            let oldest = self
                .checked
                .iter()
                .enumerate()
                .filter(|(_, known)| Some(known.address) != selected)
                .min_by_key(|(_, known)| known.last);
            if let Some((oldest, _)) = oldest {
                self.checked.swap_remove(oldest);
            }
        }
        self.checked.push(Checked { address, last: now });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use std::net::{IpAddr, Ipv4Addr};

    use super::super::testing::{address, path};
    use super::*;

    #[test]
    fn the_latest_nomination_wins_and_keepalives_do_not() {
        let mut addresses = Addresses::new();
        let now = Instant::now();
        for (from, nominates, selected, why) in [
            (1, false, 1, "the first, before any nomination"),
            (2, false, 1, "another"),
            (2, true, 2, "nominated"),
            (1, false, 2, "a keepalive of the old address"),
            (3, true, 3, "the phone left the Wi-Fi"),
        ] {
            addresses.remember(now, path(from), nominates);
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
        addresses.remember(now, at(1, 1), true);
        addresses.remember(now, at(2, 2), false);
        assert_eq!(addresses.selected(), Some(at(1, 1)));
        addresses.remember(now, at(1, 3), false);
        assert_eq!(addresses.selected(), Some(at(1, 3)));
    }

    #[test]
    fn addresses_are_bounded_and_the_selected_one_is_kept() {
        let mut addresses = Addresses::new();
        let start = Instant::now();
        addresses.remember(start, path(1), true);
        for i in 2..=20 {
            let now = start + Duration::from_secs(u64::from(i));
            addresses.remember(now, path(i), false);
        }
        assert_eq!(addresses.checked.capacity(), MAX_ADDRESSES);
        let known: Vec<_> = addresses.iter().collect();
        assert_eq!(known.len(), MAX_ADDRESSES);
        assert!(known.contains(&address(1)), "selected");
        assert!((14..=20).all(|i| known.contains(&address(i))), "the latest");
    }
}
