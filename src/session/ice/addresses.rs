//! Where authentic checks came from, and where media goes.

use std::net::SocketAddr;
use std::time::Instant;

/// Addresses remembered at most: a browser checks from a handful (interfaces, IPv4 and IPv6,
/// NAT rebinding); the least recently checked is forgotten.
const MAX_ADDRESSES: usize = 8;

struct Checked {
    address: SocketAddr,
    last: Instant,
}

/// Addresses that authentic checks came from, at most a few.
pub struct Addresses {
    checked: Vec<Checked>,
    selected: Option<SocketAddr>,
}

impl Addresses {
    /// None yet.
    pub fn new() -> Self {
        Addresses {
            checked: Vec::with_capacity(MAX_ADDRESSES),
            selected: None,
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.checked.iter().map(|checked| checked.address)
    }

    /// The last nominated address, or before any nomination the first.
    pub fn selected(&self) -> Option<SocketAddr> {
        self.selected
    }

    /// An authentic check came.
    pub fn remember(&mut self, now: Instant, from: SocketAddr, nominate: bool) {
        // Ordinary checks of an address nominated earlier must not undo a later nomination.
        if nominate || self.selected.is_none() {
            self.selected = Some(from);
        }
        if let Some(known) = self.checked.iter_mut().find(|known| known.address == from) {
            known.last = now;
            return;
        }
        if self.checked.len() == MAX_ADDRESSES {
            let selected = self.selected;
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
        self.checked.push(Checked {
            address: from,
            last: now,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::address;
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
            addresses.remember(now, address(from), nominates);
            assert_eq!(addresses.selected(), Some(address(selected)), "{why}");
        }
    }

    #[test]
    fn addresses_are_bounded_and_the_selected_one_is_kept() {
        let mut addresses = Addresses::new();
        let start = Instant::now();
        addresses.remember(start, address(1), true);
        for i in 2..=20 {
            let now = start + Duration::from_secs(u64::from(i));
            addresses.remember(now, address(i), false);
        }
        assert_eq!(addresses.checked.capacity(), MAX_ADDRESSES);
        let known: Vec<_> = addresses.iter().collect();
        assert_eq!(known.len(), MAX_ADDRESSES);
        assert!(known.contains(&address(1)), "selected");
        assert!((14..=20).all(|i| known.contains(&address(i))), "the latest");
    }
}
