//! The history of sent packets.

/// Capacity in packets: 200 ms at 50 Mbit/s, seconds at a typical camera's rate.
const SLOTS: usize = 1024;

const PROBE: u16 = 1 << 15;
const LOST: u16 = 1 << 14;
const SIZE: u16 = LOST - 1;

/// The packets sent last. 8 KiB.
#[derive(Debug)]
pub struct History {
    slots: Box<[Slot; SLOTS]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Microseconds; wraps every 71 minutes.
    at: u32,
    sequence: u16,
    /// Bytes and flags; 0 if empty or already received.
    size: u16,
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
            slots: Box::new([Slot::default(); SLOTS]),
        }
    }

    /// Records a packet sent at `now` microseconds.
    pub fn sent(&mut self, now: u64, sequence: u16, size: usize, probe: bool) {
        let size = size.clamp(1, usize::from(SIZE)) as u16;
        self.slots[usize::from(sequence) % SLOTS] = Slot {
            at: now as u32,
            sequence,
            size: size | if probe { PROBE } else { 0 },
        };
    }

    /// Looks up a received packet and forgets it.
    pub fn received(&mut self, now: u64, sequence: u16) -> Option<Sent> {
        let sent = self.find(now, sequence)?;
        self.slots[usize::from(sequence) % SLOTS].size = 0;
        Some(sent)
    }

    /// Looks up a lost packet the first time that it is reported. It may still be received later.
    pub fn lost(&mut self, now: u64, sequence: u16) -> Option<Sent> {
        let sent = self.find(now, sequence).filter(|sent| sent.first_report)?;
        self.slots[usize::from(sequence) % SLOTS].size |= LOST;
        Some(sent)
    }

    fn find(&self, now: u64, sequence: u16) -> Option<Sent> {
        let slot = self.slots[usize::from(sequence) % SLOTS];
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
        assert!(size_of::<[Slot; SLOTS]>() <= 24 << 10);
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
        history.sent(start, 6 + SLOTS as u16, 1, false);
        assert!(history.received(start, 6).is_none());
        assert!(history.received(start, 6 + SLOTS as u16).is_some());
        assert!(history.received(start, 7).is_none(), "never sent");
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
