//! What a ring keeps, for how long, and what it costs.

use super::*;
use crate::media::pool::LARGEST;
use crate::media::testing::noise;
use fastrand::Rng;

const LIMITS: RingLimits = RingLimits {
    packets: 10,
    history: Duration::from_secs(10),
    keep_gop: true,
    bytes: 1 << 20,
    duration: Duration::from_secs(10),
};

/// Commits an access unit of packets of these sizes.
fn add(ring: &mut Ring, arrival: Instant, keyframe: bool, packets: &[usize]) {
    ring.begin(7, arrival, keyframe);
    for &len in packets {
        ring.push(&[&vec![1; len]]);
    }
    ring.commit(true);
}

#[test]
fn packets_carry_what_their_access_unit_is() {
    let now = Instant::now();
    let mut ring = Ring::new(LIMITS);
    assert_eq!((ring.start(), ring.end(), ring.packet(0)), (0, 0, None));
    ring.begin(1234, now, true);
    ring.push(&[b"a", b"bc"]);
    ring.push(&[b"d"]);
    assert_eq!((ring.end(), ring.packet(0)), (0, None), "not committed yet");
    ring.commit(true);
    let packet = Packet {
        payload: b"abc",
        timestamp: 1234,
        marker: false,
        first: true,
        keyframe: true,
        opening: false,
        still: false,
        arrival: now,
    };
    assert_eq!(ring.packet(0), Some(packet));
    let packet = Packet {
        payload: b"d",
        marker: true,
        first: false,
        ..packet
    };
    assert_eq!(ring.packet(1), Some(packet));
    assert_eq!(ring.packet(2), None);
    assert_eq!(ring.packet(u64::MAX), None);
}

#[test]
fn a_gop_that_outgrows_the_ring_leaves_its_keyframe_as_a_still() {
    let begun = Instant::now();
    let mut ring = Ring::new(RingLimits {
        bytes: 20_000,
        ..LIMITS
    });
    ring.begin(1, begun, true);
    ring.push(&[b"key"]);
    ring.push(&[b"frame"]);
    ring.commit(true);
    let mut time = 0;
    let mut stills = 0;
    let mut newest = None;
    // By age at first, then by bytes.
    for (pictures, bytes) in [(300, 10), (300, 999)] {
        for _ in 0..pictures {
            time += 100;
            add(
                &mut ring,
                begun + Duration::from_millis(time),
                false,
                &[bytes],
            );
            assert!(ring.cost <= 20_000);
            let Some(still) = ring.still() else {
                // While it is kept as it is, and from the loss of one still to the next.
                continue;
            };
            assert!(ring.lost_keyframe() && ring.latest_keyframe().is_none());
            assert_eq!((still.arrival, still.timestamp), (begun, 1));
            stills += u32::from(newest.replace(still.first) != Some(still.first));
            let packets = [still.first, still.first + 1].map(|n| ring.packet(n).unwrap());
            assert_eq!(
                packets.map(|packet| packet.payload),
                [&b"key"[..], b"frame"]
            );
            assert_eq!(packets.map(|packet| packet.marker), [false, true]);
            assert!(packets.iter().all(|p| p.still && p.opening && p.keyframe));
            assert!(
                packets
                    .iter()
                    .all(|p| p.arrival > begun && p.timestamp == 7)
            );
        }
    }
    assert!((15..50).contains(&stills), "{stills}");
    assert!(ring.bytes_from(newest.unwrap()) <= 20_000);
    add(&mut ring, begun + Duration::from_millis(time), true, &[5]);
    assert_eq!((ring.still(), ring.lost_keyframe()), (None, false));
    assert!(ring.latest_keyframe().is_some());
}

#[test]
fn a_keyframe_that_fills_the_ring_is_no_still() {
    let now = Instant::now();
    let mut ring = Ring::new(RingLimits {
        bytes: 10_000,
        ..LIMITS
    });
    add(&mut ring, now, true, &[5001]);
    for _ in 0..100 {
        add(&mut ring, now, false, &[1000]);
    }
    assert_eq!((ring.still(), ring.lost_keyframe()), (None, true));
}

#[test]
fn what_is_not_committed_or_empty_leaves_no_trace() {
    let now = Instant::now();
    let mut ring = Ring::new(LIMITS);
    ring.push(&[b"before begin"]);
    ring.commit(true);
    ring.begin(1, now, true);
    ring.commit(true);
    assert_eq!((ring.end(), ring.latest_keyframe()), (0, None));

    add(&mut ring, now, true, &[100, 100]);
    for _ in 0..100 {
        ring.begin(2, now, true);
        for _ in 0..100 {
            ring.push(&[&[9; 1000]]);
        }
    }
    assert!(ring.memory() < 200_000, "{}", ring.memory());
    ring.begin(3, now, false);
    ring.push(&[b"kept"]);
    ring.commit(false);
    assert_eq!((ring.start(), ring.end()), (0, 3));
    assert_eq!(ring.latest_keyframe(), Some(0));
    let packet = ring.packet(2).unwrap();
    assert_eq!((packet.payload, packet.timestamp), (&b"kept"[..], 3));
    assert_eq!(ring.packet(1).unwrap().payload, [1; 100]);
}

#[test]
fn the_last_gop_is_known_once_the_next_begins() {
    let start = Instant::now();
    let mut ring = Ring::new(RingLimits {
        packets: 100,
        ..LIMITS
    });
    for i in 0..16 {
        assert_eq!(ring.last_gop().is_some(), i > 5);
        let arrival = start + Duration::from_millis(100) * i;
        ring.begin(i, arrival, i % 5 == 0);
        ring.push(&[&[1; 10]]);
        if i % 5 == 0 {
            ring.push(&[&[1; 20]]);
        } else if i % 2 == 0 {
            ring.disposable();
        }
        ring.commit(true);
    }
    let gop = Gop {
        interval: Duration::from_millis(500),
        keyframe: 30,
        disposable: 20,
        bytes: 70,
    };
    assert_eq!(ring.last_gop(), Some(gop));
    let disposable = (0..ring.end()).filter(|&n| ring.is_disposable(n));
    assert_eq!(disposable.count(), 6);
}

#[test]
fn tiny_pictures_cost_what_is_kept_of_them() {
    for keyframes in [false, true] {
        let now = Instant::now();
        let mut ring = Ring::new(LIMITS);
        let mut most = 0;
        for i in 0..100_000 {
            add(&mut ring, now, i == 0 || keyframes, &[3]);
            most = most.max(ring.memory());
        }
        assert!(most <= LIMITS.bytes, "{most}");
        // None of them comes any more.
        let second = |count| now + Duration::from_secs(count);
        let returned = (1..60).find(|&count| !ring.tidy(second(count)));
        assert!(returned.is_some_and(|count| count <= 14), "{returned:?}");
        assert!(ring.memory() < 40 << 10, "{}", ring.memory());
        assert_eq!(ring.packet(ring.end() - 1).unwrap().payload, [1; 3]);
    }
}

#[test]
fn memory_of_a_long_gop_is_given_back_soon_after_it_became_short() {
    let start = Instant::now();
    let mut ring = Ring::new(LIMITS);
    let mut at = 0;
    let mut seconds = |ring: &mut Ring, count: u64, gop: u64| {
        for _ in 0..10 * count {
            at += 1;
            let arrival = start + Duration::from_millis(100 * at);
            add(ring, arrival, at.is_multiple_of(gop), &[1000; 10]);
        }
    };
    seconds(&mut ring, 23, 80);
    let large = ring.memory();
    seconds(&mut ring, 24, 10);
    assert!(ring.memory() < large / 3, "{} {large}", ring.memory());
    seconds(&mut ring, 6, 10);
    assert!(pool::held() < large / 3, "{} {large}", pool::held());
}

#[test]
fn the_gop_and_the_history_before_it_are_kept() {
    let now = Instant::now();
    let mut ring = Ring::new(LIMITS);
    for i in 0..100 {
        add(&mut ring, now, i == 0, &[100, 100]);
    }
    assert_eq!((ring.start(), ring.latest_keyframe()), (0, Some(0)));
    add(&mut ring, now, true, &[100, 100]);
    // The history of ten: two packets of the keyframe and the eight before it.
    assert_eq!((ring.start(), ring.latest_keyframe()), (192, Some(200)));

    ring.set_limits(RingLimits {
        keep_gop: false,
        ..LIMITS
    });
    for _ in 0..20 {
        add(&mut ring, now, false, &[100, 100, 100]);
    }
    // Whole access units: twelve packets rather than nine.
    assert_eq!(ring.end() - ring.start(), 12);
    assert_eq!(ring.latest_keyframe(), None);
}

#[test]
fn bytes_and_age_are_never_exceeded_but_by_the_newest() {
    let now = Instant::now();
    let mut ring = Ring::new(RingLimits {
        bytes: 10_000 + 10 * PACKET_COST + 5 * UNIT_COST,
        ..LIMITS
    });
    add(&mut ring, now, true, &[1000; 6]);
    for _ in 0..30 {
        add(&mut ring, now, false, &[1000; 2]);
        assert!(ring.end() - ring.start() <= 10);
    }
    assert_eq!((ring.start(), ring.latest_keyframe()), (56, None));
    add(&mut ring, now, false, &[1]);
    assert_eq!(ring.start(), 58, "one byte too many");
    add(&mut ring, now, true, &[1000; 25]);
    assert_eq!((ring.start(), ring.end()), (67, 92));
    assert_eq!(ring.latest_keyframe(), Some(67));

    let later = now + LIMITS.duration;
    add(&mut ring, later, true, &[1]);
    add(&mut ring, later + LIMITS.duration, false, &[1]);
    assert_eq!(ring.latest_keyframe(), Some(92));
    let much_later = later + LIMITS.duration + Duration::from_millis(1);
    add(&mut ring, much_later, false, &[1]);
    assert_eq!((ring.start(), ring.latest_keyframe()), (93, None));
}

/// What a ring must hold according to the documentation of [`RingLimits`].
struct Model {
    units: VecDeque<(u32, Instant, bool, Vec<Vec<u8>>)>,
    start: u64,
    newest_keyframe: Option<u64>,
    /// What the newest keyframe is made of.
    keyframe: Vec<Vec<u8>>,
    /// Numbers of the first packets of keyframes that were moved to the end.
    stills: Vec<u64>,
}

impl Model {
    fn end(&self) -> u64 {
        self.start + self.units.iter().map(|u| u.3.len() as u64).sum::<u64>()
    }

    fn trim(&mut self, limits: &RingLimits) {
        let newest = self.units.back().unwrap().1;
        let (mut first, mut bytes, mut keep) = (self.end(), 0, 0);
        for (_, arrival, _, packets) in self.units.iter().rev() {
            let behind = (self.end() - first) as usize;
            first -= packets.len() as u64;
            bytes += packets.iter().map(Vec::len).sum::<usize>();
            bytes += packets.len() * PACKET_COST + UNIT_COST;
            let age = newest - *arrival;
            let history = behind < limits.packets && age <= limits.history;
            let gop = limits.keep_gop && self.newest_keyframe.is_some_and(|k| first >= k);
            let allowed = bytes <= limits.bytes && age <= limits.duration;
            if keep > 0 && !(allowed && (history || gop)) {
                break;
            }
            keep += 1;
        }
        while self.units.len() > keep {
            self.start += self.units.pop_front().unwrap().3.len() as u64;
        }
    }

    fn check(&self, ring: &Ring, keep_gop: bool) {
        assert_eq!((ring.start(), ring.end()), (self.start, self.end()));
        let (mut number, mut keyframes) = (self.start, Vec::new());
        for (timestamp, arrival, keyframe, packets) in &self.units {
            let still = self.stills.contains(&number);
            if *keyframe && !still {
                keyframes.push(number);
            }
            for (i, payload) in packets.iter().enumerate() {
                let packet = Packet {
                    payload,
                    timestamp: *timestamp,
                    marker: i + 1 == packets.len(),
                    first: i == 0,
                    keyframe: *keyframe,
                    opening: still,
                    still,
                    arrival: *arrival,
                };
                assert_eq!(ring.packet(number), Some(packet));
                let first = number - i as u64;
                assert_eq!(ring.unit(number), Some(first..first + packets.len() as u64));
                number += 1;
            }
        }
        assert_eq!((ring.packet(number), ring.unit(number)), (None, None));
        assert_eq!(ring.packet(self.start.wrapping_sub(1)), None);
        let newest = self
            .units
            .back()
            .is_some_and(|(_, _, keyframe, _)| *keyframe);
        assert_eq!(
            ring.still().map(|still| still.first),
            (self.stills.last().copied())
                .filter(|&still| keep_gop && still >= self.start && keyframes.is_empty())
        );
        let start = keyframes.last().copied();
        assert_eq!(ring.latest_keyframe(), start.filter(|_| keep_gop || newest));
    }
}

#[test]
fn a_ring_holds_what_the_words_say() {
    for seed in 0..30 {
        let mut random = Rng::with_seed(seed);
        let mut limits = LIMITS;
        let mut ring = Ring::new(limits);
        let mut model = Model {
            units: VecDeque::new(),
            start: 0,
            newest_keyframe: None,
            keyframe: Vec::new(),
            stills: Vec::new(),
        };
        let mut now = Instant::now();
        for round in 0..300 {
            if random.usize(..50) == 0 {
                limits = RingLimits {
                    packets: random.usize(..60),
                    history: Duration::from_millis(random.usize(..2000) as u64),
                    keep_gop: random.usize(..3) > 0,
                    bytes: 1 << random.usize(..18),
                    duration: Duration::from_millis(random.usize(..3000) as u64),
                };
                ring.set_limits(limits);
            }
            now += Duration::from_millis(random.usize(..80) as u64);
            let keyframe = random.usize(..25) == 0;
            let packets: Vec<_> = (0..random.usize(..if keyframe { 40 } else { 6 }))
                .map(|_| {
                    let len = random.usize(..1200);
                    noise(len, &mut random)
                })
                .collect();
            ring.begin(round, now, keyframe);
            if ring.end() > model.end() {
                model.stills.push(model.end());
                let timestamp = model.units.back().unwrap().0;
                let still = model.keyframe.clone();
                model.units.push_back((timestamp, now, true, still));
                model.trim(&limits);
            }
            for payload in &packets {
                let (a, b) = payload.split_at(random.usize(..payload.len() + 1));
                ring.push(&[a, b]);
            }
            if random.usize(..10) == 0 {
                continue; // never committed
            }
            ring.commit(true);
            if !packets.is_empty() {
                if keyframe {
                    model.newest_keyframe = Some(model.end());
                    model.keyframe.clone_from(&packets);
                }
                model.units.push_back((round, now, keyframe, packets));
                model.trim(&limits);
            }
            model.check(&ring, limits.keep_gop);
        }
    }
}

#[test]
fn packets_of_an_old_gop_go_when_they_are_too_old_to_be_asked_for() {
    let mut now = Instant::now();
    let mut ring = Ring::new(RingLimits {
        packets: 1000,
        history: Duration::from_secs(1),
        ..LIMITS
    });
    let mut longest = 0;
    for picture in 0..500 {
        now += Duration::from_millis(40);
        add(&mut ring, now, picture % 100 == 0, &[100]);
        let kept = (ring.end() - ring.start()) as usize;
        let since_keyframe = picture % 100 + 1;
        assert_eq!(kept, since_keyframe.max(26).min(picture + 1), "{picture}");
        longest = longest.max(kept);
    }
    assert_eq!(longest, 100);
}

#[test]
fn a_ring_holds_little_more_memory_than_payload() {
    let mut random = Rng::with_seed(9);
    let mut ring = Ring::new(RingLimits {
        packets: 512,
        ..LIMITS
    });
    let mut now = Instant::now();
    for picture in 0..5000 {
        now += Duration::from_millis(40);
        let keyframe = picture % 50 == 0;
        let packets = vec![1100 + random.usize(..92); if keyframe { 90 } else { 9 }];
        add(&mut ring, now, keyframe, &packets);
        let payload = ring.units.iter().map(|unit| unit.bytes).sum::<usize>();
        assert!(
            ring.chunks.memory() < payload * 11 / 10 + 2 * LARGEST,
            "{} for {payload} in picture {picture}",
            ring.chunks.memory()
        );
    }
}
