//! What was learned of the paths to viewers, for a viewer that connects again: it reloads the page, or opens
//! another camera. And who is behind the same address.
//!
//! It only makes a start more careful. A path that was wide is measured as if it were new: behind the same
//! address, it may be another one by now.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::neighbors::{Neighbor, Neighborhood};

/// A path that was not measured for this long is forgotten.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Addresses that are remembered; another one replaces the oldest.
const ADDRESSES: usize = 1024;

/// The paths to viewers that were measured of late, by the viewer's address, and who is behind it. All workers of a
/// gateway share it. It is asked when a viewer connects, and told every five seconds.
#[derive(Debug, Default)]
pub struct PathMemory {
    paths: Mutex<HashMap<IpAddr, Known>>,
    /// Of viewers that are there; those that are empty go when there are many.
    neighborhoods: Mutex<HashMap<IpAddr, Weak<Neighborhood>>>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    at: Instant,
    rate: u64,
}

impl PathMemory {
    /// The path to this address carries `rate` bits per second.
    pub fn note(&self, now: Instant, address: IpAddr, rate: u64) {
        let mut paths = self.paths.lock();
        if paths.len() >= ADDRESSES && !paths.contains_key(&address) {
            paths.retain(|_, known| now < known.at + REMEMBERED);
            let oldest = paths.iter().min_by_key(|(_, known)| known.at);
            if let Some(oldest) = oldest.map(|(&address, _)| address)
                && paths.len() >= ADDRESSES
            {
                paths.remove(&oldest);
            }
        }
        paths.insert(address, Known { at: now, rate });
    }

    /// A viewer has come from this address.
    pub fn join(&self, now: Instant, address: IpAddr) -> Neighbor {
        let mut neighborhoods = self.neighborhoods.lock();
        if neighborhoods.len() >= ADDRESSES {
            neighborhoods.retain(|_, all| all.strong_count() > 0);
        }
        let known = neighborhoods.get(&address).and_then(Weak::upgrade);
        let all = known.unwrap_or_else(|| {
            let all = Arc::new(Neighborhood::new(now));
            neighborhoods.insert(address, Arc::downgrade(&all));
            all
        });
        Neighbor::join(all)
    }

    /// What the path to this address carried of late, in bits per second.
    pub fn recall(&self, now: Instant, address: IpAddr) -> Option<u64> {
        let known = *self.paths.lock().get(&address)?;
        (now < known.at + REMEMBERED).then_some(known.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    #[test]
    fn a_path_is_remembered_for_a_minute() {
        let now = Instant::now();
        let memory = PathMemory::default();
        memory.note(now, address(1), 500_000);
        memory.note(now, address(1), 600_000);
        let later = now + Duration::from_secs(59);
        assert_eq!(memory.recall(later, address(1)), Some(600_000));
        assert_eq!(memory.recall(later, address(2)), None);
        assert_eq!(memory.recall(now + REMEMBERED, address(1)), None);
    }

    #[test]
    fn empty_neighborhoods_do_not_pile_up() {
        let now = Instant::now();
        let memory = PathMemory::default();
        let _stays = memory.join(now, address(0));
        for n in 0..5000 {
            drop(memory.join(now, address(n)));
        }
        let neighborhoods = memory.neighborhoods.lock();
        assert!(neighborhoods.len() <= ADDRESSES);
        assert_eq!(neighborhoods[&address(0)].strong_count(), 1);
    }

    #[test]
    fn the_oldest_makes_room() {
        let now = Instant::now();
        let memory = PathMemory::default();
        for n in 0..5000 {
            memory.note(now + Duration::from_millis(u64::from(n)), address(n), 1);
        }
        assert_eq!(memory.paths.lock().len(), ADDRESSES);
        let last = now + Duration::from_secs(5);
        assert_eq!(memory.recall(last, address(4999)), Some(1));
        assert_eq!(memory.recall(last, address(3976)), Some(1));
        assert_eq!(memory.recall(last, address(3975)), None);
    }
}
