//! The history of sent packets.

/// Capacity in packets: at first, and while only samples are measured, and at most, 200 ms at 50 Mbit/s.
const FEW: usize = 64;
const MOST: usize = 1024;
/// A packet that was sent less than so many microseconds ago may still be told of.
const AWAITED: u32 = 1_000_000;

const PROBE: u16 = 1 << 15;
const LOST: u16 = 1 << 14;
const SIZE: u16 = LOST - 1;

/// The packets sent last. 512 bytes, and up to 8 KiB if more are on their way.
#[derive(Debug)]
pub struct History {
    slots: Box<[Slot]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Microseconds; wraps every 71 minutes.
    at: u32,
    sequence: u16,
    /// Bytes and flags; 0 if empty or already received.
    size: u16,
}

impl Slot {
    fn is_awaited(&self, now: u64) -> bool {
        self.size != 0 && self.size & LOST == 0 && (now as u32).wrapping_sub(self.at) < AWAITED
    }
}

/// A sent packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Send time in microseconds.
    pub at: u64,
    /// Bytes.
    pub size: u16,
    /// Whether it is part of a probe.
    pub probe: bool,
    /// Whether it was not reported before.
    pub first_report: bool,
}

impl History {
    pub fn new() -> Self {
        History {
            slots: vec![Slot::default(); FEW].into(),
        }
    }

    /// Records a packet sent at `now` microseconds.
    pub fn sent(&mut self, now: u64, sequence: u16, size: usize, probe: bool) {
        while self.slots.len() < MOST && self.slot(sequence).is_awaited(now) {
            self.grow();
        }
        let size = size.clamp(1, usize::from(SIZE)) as u16;
        *self.slot(sequence) = Slot {
            at: now as u32,
            sequence,
            size: size | if probe { PROBE } else { 0 },
        };
    }

    /// Only samples are recorded from now on.
    pub fn rest(&mut self) {
        if self.slots.len() > FEW {
            *self = History::new();
        }
    }

    fn grow(&mut self) {
        let more = vec![Slot::default(); 2 * self.slots.len()].into();
        for slot in std::mem::replace(&mut self.slots, more) {
            if slot.size != 0 {
                *self.slot(slot.sequence) = slot;
            }
        }
    }

    fn slot(&mut self, sequence: u16) -> &mut Slot {
        let place = usize::from(sequence) % self.slots.len();
        &mut self.slots[place]
    }

    /// Looks up a received packet and forgets it.
    pub fn received(&mut self, now: u64, sequence: u16) -> Option<Sent> {
        let sent = self.find(now, sequence)?;
        self.slot(sequence).size = 0;
        Some(sent)
    }

    /// Looks up a lost packet the first time that it is reported. It may still be received later.
    pub fn lost(&mut self, now: u64, sequence: u16) -> Option<Sent> {
        let sent = self.find(now, sequence).filter(|sent| sent.first_report)?;
        self.slot(sequence).size |= LOST;
        Some(sent)
    }

    fn find(&self, now: u64, sequence: u16) -> Option<Sent> {
        let slot = self.slots[usize::from(sequence) % self.slots.len()];
        let age = (now as u32).wrapping_sub(slot.at);
        (slot.size != 0 && slot.sequence == sequence).then(|| Sent {
            at: now.saturating_sub(u64::from(age)),
            size: slot.size & SIZE,
            probe: slot.size & PROBE != 0,
            first_report: slot.size & LOST == 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_received_packet_is_found_once_unless_its_slot_was_reused() {
        let mut history = History::new();
        assert!(size_of::<[Slot; MOST]>() <= 24 << 10);
        let start = u64::from(u32::MAX) - 10;
        history.sent(start, 5, 1200, true);
        let sent = history.received(start + 100, 5).unwrap();
        let expected = Sent {
            at: start,
            size: 1200,
            probe: true,
            first_report: true,
        };
        assert_eq!(sent, expected);
        assert!(history.received(start + 100, 5).is_none());
        history.sent(start, 6, 1200, false);
        history.sent(start, 6 + MOST as u16, 1, false);
        assert!(history.received(start, 6).is_none());
        assert!(history.received(start, 6 + MOST as u16).is_some());
        assert!(history.received(start, 7).is_none(), "never sent");
    }

    #[test]
    fn it_is_as_large_as_what_is_on_its_way() {
        let mut history = History::new();
        for n in 0..10_000u16 {
            history.sent(u64::from(n) * 5_000, n, 1200, false);
            if let Some(before) = n.checked_sub(20) {
                let at = u64::from(n) * 5_000;
                assert!(history.received(at, before).is_some());
            }
        }
        assert_eq!(history.slots.len(), FEW);
        // A keyframe that leaves at once, across the wrap.
        for n in 0..300u16 {
            history.sent(50_000_000, n.wrapping_sub(100), 1200, n == 0);
        }
        assert_eq!(history.slots.len(), 512);
        for n in 0..300u16 {
            let sent = history.received(50_100_000, n.wrapping_sub(100)).unwrap();
            assert_eq!((sent.at, sent.probe), (50_000_000, n == 0));
        }
        history.rest();
        assert_eq!(history.slots.len(), FEW);
        // Nothing is told of any.
        for n in 0..5_000u16 {
            history.sent(60_000_000, n, 1200, false);
        }
        assert_eq!(history.slots.len(), MOST);
    }

    #[test]
    fn a_late_packet_is_lost_once_and_received_once() {
        let mut history = History::new();
        history.sent(0, 1, 100, false);
        assert!(history.lost(9, 1).unwrap().first_report);
        assert!(history.lost(9, 1).is_none());
        assert!(!history.received(9, 1).unwrap().first_report);
        assert!(history.lost(9, 1).is_none());
    }
}
