//! Sound that may wait for the next of it where it arrives, in the kernel: to be woken for a packet of it costs as much
//! as to be woken for a frame of video.

use std::time::{Duration, Instant};

/// Packets in a row that are alike before the next one is taken to be.
const ALIKE: u8 = 16;
/// How many times the time from one to the next may have passed while there still is sound: two are read at once.
const STILL: u32 = 4;

/// Whether the packets of a track are all alike, as those of G.711 are.
#[derive(Debug, Default)]
pub struct Alike {
    len: usize,
    timestamp: u32,
    step: u32,
    times: u8,
    /// When the last one arrived.
    at: Option<Instant>,
}

impl Alike {
    /// An RTP packet has arrived.
    pub fn note(&mut self, packet: &[u8], now: Instant) {
        let timestamp = packet.get(4..8).and_then(|field| field.try_into().ok());
        let timestamp = timestamp.map_or(0, u32::from_be_bytes);
        let step = timestamp.wrapping_sub(self.timestamp);
        let same = (self.len, self.step) == (packet.len(), step);
        self.times = if same {
            self.times.saturating_add(1)
        } else {
            0
        };
        (self.len, self.timestamp, self.step) = (packet.len(), timestamp, step);
        self.at = Some(now);
    }

    /// What one of them has, if the next will follow within `most`: not where sound has ended.
    pub fn bytes(&self, now: Instant, clock_rate: u32, most: Duration) -> Option<usize> {
        let apart = u64::from(self.step) * 1_000_000 / u64::from(clock_rate.max(1));
        let apart = Duration::from_micros(apart);
        let goes_on = self
            .at
            .is_some_and(|at| now.saturating_duration_since(at) <= STILL * apart);
        let alike = self.times >= ALIKE && apart <= most;
        (alike && goes_on).then_some(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn packet(timestamp: u32, payload: usize) -> Vec<u8> {
        let mut packet = vec![0; 12 + payload];
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        packet
    }

    #[test]
    fn what_is_alike_waits_and_nothing_else_does() {
        let mut sound = Alike::default();
        let now = Instant::now();
        // Timestamps may wrap.
        let mut timestamp = u32::MAX - 500;
        let mut next = |sound: &mut Alike, step: u32, payload| {
            timestamp = timestamp.wrapping_add(step);
            sound.note(&packet(timestamp, payload), now);
        };
        for _ in 0..ALIKE {
            next(&mut sound, 160, 160);
            assert_eq!(sound.bytes(now, 8000, 20 * MS), None);
        }
        next(&mut sound, 160, 160);
        next(&mut sound, 160, 160);
        assert_eq!(sound.bytes(now, 8000, 20 * MS), Some(172));
        // It has ended.
        assert_eq!(sound.bytes(now + 80 * MS, 8000, 20 * MS), Some(172));
        assert_eq!(sound.bytes(now + 81 * MS, 8000, 20 * MS), None);
        // It would wait for longer than it may.
        assert_eq!(sound.bytes(now, 8000, 19 * MS), None);
        assert_eq!(sound.bytes(now, 8000, Duration::ZERO), None);
        // A smaller one, and one after a pause.
        for (step, payload) in [(160, 20), (800, 160)] {
            for _ in 0..2 * ALIKE {
                next(&mut sound, 160, 160);
            }
            assert!(sound.bytes(now, 8000, 20 * MS).is_some());
            next(&mut sound, step, payload);
            assert_eq!(sound.bytes(now, 8000, 20 * MS), None);
        }
        // Nonsense.
        sound.note(&[], now);
        assert_eq!(sound.bytes(now, 0, 20 * MS), None);
    }
}
