//! Which packets were sent again of late, of all legs: one table, so that it takes no more in a wall of many slots.

use std::time::{Duration, Instant};

/// Capacity in packets, at first and at most: a fifth of a second of 50 Mbit/s, lost as a whole.
const FEW: usize = 64;
const MOST: usize = 1024;
/// The table grows rather than that a packet which went again less than so many microseconds ago is forgotten.
const AWAITED: u32 = 1_000_000;
/// A viewer that asks again sooner than this sent its question before our answer reached it.
const SHORTEST: Duration = Duration::from_millis(5);
/// A packet that was lost this often would come too late.
const TIMES: u8 = 6;

/// The packets that were sent again last. 1 KiB, and up to 16 KiB where more are lost.
#[derive(Debug)]
pub struct Repeats {
    since: Instant,
    slots: Box<[Slot]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    ssrc: u32,
    /// The lower bits of the packet's index.
    index: u32,
    /// Microseconds; wraps every 71 minutes.
    at: u32,
    /// 0 if empty.
    times: u8,
}

impl Repeats {
    pub fn new(now: Instant) -> Self {
        Repeats {
            since: now,
            slots: vec![Slot::default(); FEW].into(),
        }
    }

    /// Whether the packet with this index may be sent again now: once per round trip, and a few times in all. If so,
    /// it counts as sent.
    pub fn allow(&mut self, now: Instant, ssrc: u32, index: u64, round_trip: Duration) -> bool {
        let (index, at) = (index as u32, self.micros(now));
        let is_awaited = |slot: &Slot| slot.times > 0 && at.wrapping_sub(slot.at) < AWAITED;
        let is_it = |slot: &Slot| slot.times > 0 && (slot.ssrc, slot.index) == (ssrc, index);
        while self.slots.len() < MOST {
            let slot = self.slot(ssrc, index);
            if is_it(slot) || !is_awaited(slot) {
                break;
            }
            self.grow();
        }
        let slot = self.slot(ssrc, index);
        let before = Some(*slot).filter(is_it);
        if before.is_some_and(|before| {
            let passed = Duration::from_micros(at.wrapping_sub(before.at).into());
            before.times >= TIMES || passed < round_trip.max(SHORTEST)
        }) {
            return false;
        }
        *slot = Slot {
            ssrc,
            index,
            at,
            times: before.map_or(1, |before| before.times + 1),
        };
        true
    }

    fn micros(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.since).as_micros() as u32
    }

    fn grow(&mut self) {
        let more = vec![Slot::default(); 2 * self.slots.len()].into();
        for slot in std::mem::replace(&mut self.slots, more) {
            if slot.times > 0 {
                *self.slot(slot.ssrc, slot.index) = slot;
            }
        }
    }

    /// Those of one stream lie side by side: packets are lost in a row.
    fn slot(&mut self, ssrc: u32, index: u32) -> &mut Slot {
        let first = ssrc.wrapping_mul(0x9e37_79b1) >> 16;
        let place = first.wrapping_add(index) as usize % self.slots.len();
        &mut self.slots[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_packet_comes_again_once_per_round_trip_and_a_few_times_in_all() {
        let start = Instant::now();
        let mut repeats = Repeats::new(start);
        let allowed: Vec<u32> = (0..1000)
            .filter(|&ms| repeats.allow(start + ms * MS, 1, 7, 40 * MS))
            .collect();
        assert_eq!(allowed, [0, 40, 80, 120, 160, 200]);
        assert!(repeats.allow(start, 1, 8, 40 * MS));
        assert!(repeats.allow(start, 2, 7, 40 * MS), "another stream");
    }

    #[test]
    fn it_is_as_large_as_what_is_lost_whatever_the_number_of_streams() {
        let start = Instant::now();
        assert_eq!(size_of::<[Slot; MOST]>(), 16 << 10);
        let mut repeats = Repeats::new(start);
        // A keyframe of 20 packets a second, across the wrap of the sequence number.
        for second in 0..100 {
            let now = start + second * 1000 * MS;
            for index in 0..20 {
                let index = 0xfff0 + u64::from(second) * 20 + index;
                assert!(repeats.allow(now, 1, index, 40 * MS));
                assert!(!repeats.allow(now + 39 * MS, 1, index, 40 * MS));
            }
        }
        assert_eq!(repeats.slots.len(), FEW);
        // One at once of each of 128.
        let now = start + 200_000 * MS;
        for ssrc in 0..128 {
            for index in 0..4 {
                assert!(repeats.allow(now, ssrc, index, 40 * MS));
            }
        }
        // Most are remembered, and nothing is more than the most.
        let again = (0..128).flat_map(|ssrc| (0..4).map(move |index| (ssrc, index)));
        let again = again.filter(|&(ssrc, index)| repeats.allow(now + MS, ssrc, index, 40 * MS));
        assert!(again.count() < 100);
        for index in 0..100_000 {
            repeats.allow(now, 1, index, 40 * MS);
        }
        assert_eq!(repeats.slots.len(), MOST);
    }
}
