//! Packets in their order.
//!
//! Reordering is bounded: a missing packet is given up as soon as too many others wait for it, or one
//! of them has waited too long.

use std::time::{Duration, Instant};

use super::depacketizer::Depacketizer;
use super::{Order, Packet, Unit};

/// A packet whose sequence number is further from the expected one starts a new sequence.
const MAX_GAP: u16 = 1000;

/// See the module documentation.
#[derive(Debug)]
pub struct Sequencer {
    max_held: usize,
    max_wait: Duration,
    sequence: Option<Sequence>,
    /// Packets ahead of the expected one, unordered.
    held: Vec<Held>,
}

#[derive(Debug)]
struct Sequence {
    ssrc: u32,
    /// Sequence number of the next packet.
    next: u16,
    timestamp: i64,
}

#[derive(Debug)]
struct Held {
    number: u16,
    since: Instant,
    packet: Vec<u8>,
}

impl Sequencer {
    pub fn new(order: Order) -> Self {
        let (max_held, max_wait) = match order {
            Order::InOrder => (0, Duration::ZERO),
            Order::Reorder { packets, wait } => (packets, wait),
        };
        Sequencer {
            max_held,
            max_wait,
            sequence: None,
            held: Vec::new(),
        }
    }

    pub fn push(
        &mut self,
        packet: &[u8],
        now: Instant,
        depacketizer: &mut Depacketizer,
        out: &mut impl FnMut(Unit) -> Vec<u8>,
    ) {
        let Some(header) = Packet::parse(packet) else {
            return;
        };
        let number = header.sequence;
        let expected = self
            .sequence
            .as_ref()
            .filter(|sequence| sequence.ssrc == header.ssrc)
            .map(|sequence| sequence.next);
        let ahead = expected.map_or(0, |next| number.wrapping_sub(next));
        match ahead {
            0 if expected.is_some() => self.deliver(&header, now, depacketizer, out),
            1..=MAX_GAP => self.hold(number, packet, now),
            // Late or duplicate.
            _ if ahead >= MAX_GAP.wrapping_neg() => {}
            _ => {
                self.restart(&header, depacketizer);
                self.deliver(&header, now, depacketizer, out);
            }
        }
        self.release(now, depacketizer, out);
    }

    fn hold(&mut self, number: u16, packet: &[u8], now: Instant) {
        if self.held.iter().all(|held| held.number != number) {
            self.held.push(Held {
                number,
                since: now,
                packet: packet.to_vec(),
            });
        }
    }

    /// Delivers held packets that are next, or that have waited long enough for missing ones.
    pub fn release(
        &mut self,
        now: Instant,
        depacketizer: &mut Depacketizer,
        out: &mut impl FnMut(Unit) -> Vec<u8>,
    ) {
        while let Some(sequence) = &mut self.sequence {
            let ahead = |held: &Held| held.number.wrapping_sub(sequence.next);
            let first = (0..self.held.len()).min_by_key(|&i| ahead(&self.held[i]));
            let Some(first) = first else { break };
            let missing = ahead(&self.held[first]);
            let waited = |held: &Held| now.saturating_duration_since(held.since) >= self.max_wait;
            if missing > 0 && self.held.len() <= self.max_held && !self.held.iter().any(waited) {
                break;
            }
            let held = self.held.swap_remove(first);
            sequence.next = held.number;
            depacketizer.lost(missing.into());
            if let Some(header) = Packet::parse(&held.packet) {
                self.deliver(&header, now, depacketizer, out);
            }
        }
    }

    /// The sender restarted, or another sender took over.
    fn restart(&mut self, header: &Packet<'_>, depacketizer: &mut Depacketizer) {
        self.held.clear();
        depacketizer.restart(self.sequence.is_some());
        self.sequence = Some(Sequence {
            ssrc: header.ssrc,
            next: header.sequence,
            timestamp: header.timestamp.into(),
        });
    }

    /// Passes on the expected packet.
    fn deliver(
        &mut self,
        packet: &Packet<'_>,
        now: Instant,
        depacketizer: &mut Depacketizer,
        out: &mut impl FnMut(Unit) -> Vec<u8>,
    ) {
        let Some(sequence) = &mut self.sequence else {
            return;
        };
        sequence.next = sequence.next.wrapping_add(1);
        let step = packet.timestamp.wrapping_sub(sequence.timestamp as u32) as i32;
        sequence.timestamp = sequence.timestamp.wrapping_add(step.into());
        depacketizer.push(packet.payload, sequence.timestamp, packet.marker, now, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Codec;
    use crate::source::rtp::{Format, Reception};
    use fastrand::Rng;

    const MAX_HELD: usize = 16;
    const MAX_WAIT: Duration = Duration::from_millis(100);
    const ORDER: Order = Order::Reorder {
        packets: MAX_HELD,
        wait: MAX_WAIT,
    };

    fn packet(number: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, 0];
        packet.extend(number.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend(payload);
        packet
    }

    /// An audio track and its output.
    struct Audio {
        track: Reception,
        now: Instant,
        units: Vec<Unit>,
    }

    impl Audio {
        fn new() -> Self {
            Audio {
                track: Reception::new(&Format::pushed(Codec::Pcmu), ORDER),
                now: Instant::now(),
                units: Vec::new(),
            }
        }

        fn push(&mut self, packet: &[u8]) {
            self.track.rtp(packet, self.now, &mut |unit| {
                self.units.push(unit);
                Vec::new()
            });
        }

        /// Pushes the packet with this sequence number, which is also its payload.
        fn number(&mut self, number: u16) {
            let since = u32::from(number.wrapping_sub(65_400));
            let timestamp = since.wrapping_mul(160).wrapping_sub(1000);
            let packet = packet(number, timestamp, 7, &number.to_be_bytes());
            self.push(&packet);
        }

        fn numbers(&self) -> Vec<u16> {
            let number = |unit: &Unit| u16::from_be_bytes(unit.data[..2].try_into().unwrap());
            self.units.iter().map(number).collect()
        }

        fn lost(&self) -> u32 {
            self.units.iter().map(|unit| unit.lost).sum()
        }
    }

    #[test]
    fn shuffled_neighbors_come_out_in_order() {
        for seed in 0..50 {
            let mut random = Rng::with_seed(seed);
            let mut order: Vec<u16> = (0..400).map(|i| 65_400_u16.wrapping_add(i)).collect();
            for block in order[1..].chunks_mut(8) {
                for i in 0..block.len() {
                    block.swap(i, random.usize(..block.len()));
                }
            }
            let mut audio = Audio::new();
            for &number in &order {
                audio.number(number);
                if random.usize(..5) == 0 {
                    audio.number(number); // twice
                }
            }
            order.sort_by_key(|number| number.wrapping_sub(65_400));
            assert_eq!(audio.numbers(), order);
            assert_eq!(audio.lost(), 0);
            let steps = audio.units.windows(2);
            assert!(
                steps
                    .into_iter()
                    .all(|p| p[1].timestamp - p[0].timestamp == 160)
            );
        }
    }

    #[test]
    fn a_missing_packet_is_given_up_by_number_and_by_time() {
        let mut audio = Audio::new();
        audio.number(10);
        for number in 13..13 + MAX_HELD as u16 {
            audio.number(number);
        }
        assert_eq!(audio.numbers(), [10]);
        audio.number(100);
        assert_eq!(audio.units.len(), 1 + MAX_HELD);
        assert_eq!(audio.units[1].lost, 2);
        audio.number(12); // too late
        assert_eq!(audio.units.len(), 1 + MAX_HELD);
        audio.now += MAX_WAIT;
        audio.number(29);
        let newest = audio.units.len();
        assert_eq!(audio.numbers()[newest - 2..], [29, 100]);
        assert_eq!(audio.lost(), 2 + 70);
    }

    #[test]
    fn another_sender_or_a_leap_begins_anew() {
        let mut audio = Audio::new();
        audio.number(10);
        audio.push(&packet(50_000, 5, 8, &[1, 2]));
        audio.push(&packet(50_001, 165, 8, &[1, 2]));
        audio.push(&packet(20_000, 9, 8, &[1, 2]));
        let restarts: Vec<bool> = audio.units.iter().map(|unit| unit.restarts).collect();
        assert_eq!(restarts, [false, true, false, true]);
        assert_eq!(audio.lost(), 0);
        assert_eq!(audio.units[3].timestamp, 9);
    }
}
