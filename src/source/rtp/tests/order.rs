//! Packets out of order, twice, late, never, and renumbered.

use super::*;
use crate::media::Codec;
use fastrand::Rng;

/// Frames of audio whose data is their sequence number.
struct Audio(Rig);

impl Audio {
    /// Nothing waits at the start, as of a host that pushes.
    fn new(order: Delivery) -> Self {
        Audio(Rig::new(&Format::pushed(Codec::Pcmu), order))
    }

    fn of_camera(order: Delivery) -> Self {
        Audio(Rig::new(&format("audio", "pcmu", 8000, ""), order))
    }

    fn number(&mut self, number: u16) {
        let since = u32::from(number.wrapping_sub(65_400));
        self.packet(number, since.wrapping_mul(160).wrapping_sub(1000), SSRC);
    }

    fn packet(&mut self, number: u16, timestamp: u32, ssrc: u32) {
        self.0
            .receive(&rtp(false, number, timestamp, ssrc, &number.to_be_bytes()));
    }

    fn numbers(&self) -> Vec<u16> {
        let number = |unit: &Unit| u16::from_be_bytes(unit.data[..2].try_into().unwrap());
        self.0.units.iter().map(number).collect()
    }

    fn lost(&self) -> u64 {
        self.0.units.iter().map(|unit| u64::from(unit.lost)).sum()
    }

    fn restarts(&self) -> Vec<bool> {
        self.0.units.iter().map(|unit| unit.restarts).collect()
    }
}

#[test]
fn shuffled_neighbors_come_out_in_order() {
    for seed in 0..50 {
        let mut random = Rng::with_seed(seed);
        let mut order: Vec<u16> = (0..400).map(|i| 65_400_u16.wrapping_add(i)).collect();
        for block in order[1..].chunks_mut(8) {
            random.shuffle(block);
        }
        let mut audio = Audio::new(UDP);
        for &number in &order {
            audio.number(number);
            if random.usize(..5) == 0 {
                audio.number(number); // twice
            }
        }
        order.sort_by_key(|number| number.wrapping_sub(65_400));
        assert_eq!(audio.numbers(), order);
        assert_eq!(audio.lost(), 0);
        assert_eq!(audio.0.reception.next_deadline(), None);
    }
}

#[test]
fn a_missing_packet_is_given_up_by_number_and_by_time() {
    let mut audio = Audio::new(UDP);
    audio.number(10);
    for number in 13..13 + 64 {
        audio.number(number);
    }
    assert_eq!(audio.numbers(), [10]);
    audio.number(200);
    assert_eq!(audio.0.units.len(), 1 + 64);
    assert_eq!(audio.0.units[1].lost, 2);
    audio.number(12); // too late
    assert_eq!(audio.0.units.len(), 1 + 64);
    audio.0.pass(ms(99));
    assert_eq!(audio.0.units.len(), 1 + 64);
    audio.0.pass(ms(1));
    assert_eq!(audio.numbers()[65..], [200]);
    assert_eq!(audio.lost(), 2 + 123);
    audio.number(201);
    assert_eq!(audio.numbers()[66..], [201]);
}

#[test]
fn each_arrives_when_it_arrived() {
    let mut audio = Audio::new(UDP);
    let start = audio.0.now;
    audio.number(10);
    audio.0.pass(ms(20));
    audio.number(12);
    audio.0.pass(ms(30));
    audio.number(11);
    let arrivals: Vec<_> = audio
        .0
        .units
        .iter()
        .map(|unit| unit.arrival - start)
        .collect();
    assert_eq!(arrivals, [ms(0), ms(50), ms(20)]);
}

#[test]
fn the_first_packets_wait_for_those_that_they_have_overtaken() {
    let mut audio = Audio::of_camera(UDP);
    for number in [13, 12, 10, 14] {
        audio.number(number);
        audio.0.pass(ms(10));
    }
    assert!(audio.0.units.is_empty());
    audio.0.pass(ms(60));
    assert_eq!(audio.numbers(), [10]);
    audio.number(11);
    assert_eq!(audio.numbers(), [10, 11, 12, 13, 14]);
    assert_eq!(audio.lost(), 0);
    audio.number(15);
    assert_eq!(audio.0.units.len(), 6);
}

#[test]
fn another_sender_begins_anew_once_it_sends_twice() {
    let mut audio = Audio::new(UDP);
    audio.number(10);
    audio.packet(50_000, 900_000_000, 8);
    audio.number(11);
    audio.packet(30_000, 900_000_000, 9);
    assert_eq!(audio.numbers(), [10, 11]);
    audio.packet(30_001, 900_000_160, 9);
    assert_eq!(audio.numbers(), [10, 11, 30_000, 30_001]);
    assert_eq!(audio.restarts(), [false, false, true, false]);
    assert_eq!(audio.lost(), 0);
    // Over TCP nobody else sends.
    let mut audio = Audio::new(Delivery::InOrder);
    audio.number(10);
    audio.packet(50_000, 900_000_000, 8);
    assert_eq!(audio.restarts(), [false, true]);
}

#[test]
fn a_new_ssrc_alone_is_no_new_sender() {
    for order in [UDP, Delivery::InOrder] {
        let mut audio = Audio::new(order);
        for number in 10..200 {
            let ssrc = u32::from(number) * 77;
            audio.packet(number, u32::from(number) * 160, ssrc);
        }
        assert_eq!(audio.numbers(), (10..200).collect::<Vec<_>>());
        assert!(!audio.restarts().contains(&true));
        assert_eq!(audio.lost(), 0);
    }
}

#[test]
fn over_tcp_numbers_may_be_anything() {
    type Numbers = fn(u16) -> u16;
    let cases: [(Numbers, usize); 5] = [
        (|_| 0, 0),
        (|i| i / 10, 0),
        (|i| i * 3, 64),
        (u16::swap_bytes, 64),
        (|i| if i < 60 { i } else { i - 60 }, 0),
    ];
    for (n, (number, most_lost)) in cases.into_iter().enumerate() {
        let mut audio = Audio::new(Delivery::InOrder);
        for i in 0..500_u16 {
            let payload = [&i.to_be_bytes()[..], &[3; 20]].concat();
            let packet = rtp(false, number(i), u32::from(i) * 160, SSRC, &payload);
            audio.0.receive(&packet);
        }
        assert_eq!(audio.numbers(), (0..500).collect::<Vec<_>>(), "{n}");
        let complaints = audio.0.units.iter().filter(|unit| unit.lost > 0).count();
        assert!(complaints <= most_lost, "{n}: {complaints}");
    }
}

#[test]
fn over_tcp_every_second_packet_may_be_lost_for_a_while() {
    let mut audio = Audio::new(Delivery::InOrder);
    for number in (0..100).step_by(2).chain(100..200).chain([210]) {
        audio.number(number);
    }
    assert_eq!(audio.lost(), 50 + 10);
    // Numbers that meant nothing and are right again are believed again.
    let mut audio = Audio::new(Delivery::InOrder);
    for i in 0..200_u16 {
        let number = if i < 100 { 7 } else { i };
        let payload = i.to_be_bytes();
        audio
            .0
            .receive(&rtp(false, number, u32::from(i) * 160, SSRC, &payload));
    }
    let before = audio.lost();
    audio.packet(210, 210 * 160, SSRC);
    assert_eq!(audio.lost(), before + 10);
}

#[test]
fn over_tcp_what_comes_twice_counts_once_and_gaps_are_the_senders() {
    let mut audio = Audio::new(Delivery::InOrder);
    for number in [1, 1, 2, 3, 3, 7, 7, 8] {
        audio.number(number);
    }
    assert_eq!(audio.numbers(), [1, 2, 3, 7, 8]);
    assert_eq!(audio.lost(), 3);
}

#[test]
fn packets_of_another_payload_type_are_left_out() {
    let mut audio = Audio::of_camera(Delivery::InOrder);
    let other = |number: u16, kind: u8| {
        let mut packet = rtp(false, number, 5, SSRC, &number.to_be_bytes());
        packet[1] = kind;
        packet
    };
    // While there is nothing else, they will do.
    audio.0.receive(&other(1, 97));
    audio.0.receive(&other(2, 97));
    assert_eq!(audio.numbers(), [1, 2]);
    audio.number(3);
    audio.0.receive(&other(4, 50));
    audio.number(4);
    assert_eq!(audio.numbers(), [1, 2, 3, 4]);
}

#[test]
fn padding_takes_a_number_and_nothing_else() {
    let mut audio = Audio::new(Delivery::InOrder);
    audio.number(10);
    audio.0.receive(&rtp(true, 11, 0, SSRC, &[]));
    audio.number(13);
    assert_eq!(audio.numbers(), [10, 13]);
    assert_eq!(audio.lost(), 1);
}

/// Video over a network that delays each packet by 5 to 40 ms.
#[test]
fn reordering_damages_nothing() {
    for seed in 0..10 {
        let mut random = Rng::with_seed(seed);
        let mut rig = Rig::new(&format("video", "h264", 90_000, ""), UDP);
        let mut packets = Vec::new();
        for i in 0..50_u16 {
            for n in 0..9_u16 {
                let payload = match n {
                    0 => &[0x5c, 0x81, 0x9a, 1][..],
                    8 => &[0x5c, 0x41, 3],
                    _ => &[0x5c, 0x01, 2],
                };
                let packet = rtp(n == 8, 9 * i + n, 3600 * u32::from(i), SSRC, payload);
                let at = 40_000 * u64::from(i) + 300 * u64::from(n) + random.u64(5_000..40_000);
                packets.push((at, packet));
            }
        }
        packets.sort_by_key(|&(at, _)| at);
        let start = rig.now;
        for (at, packet) in packets {
            let wait = start + Duration::from_micros(at) - rig.now;
            rig.pass(wait);
            rig.receive(&packet);
        }
        rig.pass(ms(200));
        let units = rig.take();
        assert_eq!(units.len(), 50, "seed {seed}");
        assert!(units.iter().all(|unit| !unit.damaged && unit.lost == 0));
    }
}
