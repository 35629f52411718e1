//! Finds paths on which large datagrams vanish, without a word of ICMP: a link on the way has a smaller MTU, and the
//! viewer's feedback says that none above some size arrives. As RFC 8899 has it, but found by the media itself: its
//! packets are of many sizes.

use super::HEADERS;
use crate::media::{MAX_PAYLOAD, SMALL_PAYLOAD};

/// So many packets larger than any that arrives are lost, and so many smaller ones arrive meanwhile.
const LOST: u32 = 6;
const ARRIVED: u32 = 6;
/// In microseconds: a burst that overflows a queue is shorter.
const TIME: u64 = 500_000;
/// What is added to a payload: RTP header, extensions, SRTP tag, UDP and IP headers.
const ADDED: usize = 1232 - MAX_PAYLOAD + HEADERS;
/// Where no larger packets vanish than these, smaller fragments change nothing.
const WORTH: u16 = (SMALL_PAYLOAD + ADDED) as u16;

/// The search on one path.
#[derive(Debug, Default)]
pub struct BlackHole {
    /// Packets that were lost and are larger than any that has arrived since.
    lost: u32,
    /// The smallest of them, and when the first left.
    smallest: u16,
    since: u64,
    /// Smaller ones that arrived since.
    arrived: u32,
    found: bool,
}

impl BlackHole {
    /// A packet of `size` bytes, with all headers, that left at `at` microseconds was lost.
    pub fn lost(&mut self, at: u64, size: u16) {
        if size <= WORTH {
            // By chance, or nothing helps.
            return;
        }
        if self.lost == 0 {
            (self.smallest, self.since, self.arrived) = (size, at, 0);
        }
        self.lost += 1;
        self.smallest = self.smallest.min(size);
        let long = at.saturating_sub(self.since) >= TIME;
        self.found |= long && self.lost >= LOST && self.arrived >= ARRIVED;
    }

    /// A packet of `size` bytes arrived.
    pub fn arrived(&mut self, size: u16) {
        if size >= self.smallest {
            self.lost = 0;
        }
        self.arrived += 1;
    }

    /// Whether large packets vanish. It stays so: nobody says when a link becomes another.
    pub fn is_found(&self) -> bool {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u64 = 40_000;

    /// Two seconds of pictures of `packets` of this size and a small one; `vanishes` says which are lost.
    fn found(size: u16, packets: u64, vanishes: impl Fn(u64, u16) -> bool) -> Option<u64> {
        let mut path = BlackHole::default();
        for n in 0..50 * (packets + 1) {
            let at = n / (packets + 1) * FRAME;
            let size = if n % (packets + 1) == packets {
                300
            } else {
                size
            };
            match vanishes(n, size) {
                true => path.lost(at, size),
                false => path.arrived(size),
            }
            if path.is_found() {
                return Some(at);
            }
        }
        None
    }

    #[test]
    fn a_path_that_drops_large_packets_is_found_in_half_a_second() {
        for packets in [1, 3, 20] {
            let at = found(1250, packets, |_, size| size > 1200).unwrap();
            assert!((TIME..=TIME + FRAME).contains(&at), "{packets}: {at}");
        }
    }

    #[test]
    fn other_losses_are_none() {
        assert_eq!(found(1250, 5, |_, _| false), None);
        assert_eq!(found(1250, 5, |n, _| n % 3 == 0), None, "a third of all");
        assert_eq!(
            found(1250, 5, |n, size| size > 1200 && n % 17 != 0),
            None,
            "most"
        );
        assert_eq!(found(1250, 5, |n, _| n > 20), None, "all");
        assert_eq!(
            found(1250, 20, |n, _| n % 84 < 60),
            None,
            "the head of a burst"
        );
        assert_eq!(
            found(WORTH, 5, |_, size| size > 400),
            None,
            "what smaller ones do not help"
        );
    }
}
