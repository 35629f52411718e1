//! A viewer whose feedback is made up.

use std::time::{Duration, Instant};

use super::super::{Estimator, Kind, Limits, ProbeOf, TransportFeedback};

const MS: Duration = Duration::from_millis(1);
/// UDP payload of a packet.
const PACKET: usize = 1172;

/// An estimator, what was sent with it, and a viewer that says what it likes.
struct Liar {
    now: Instant,
    estimator: Estimator,
    /// The next packet, and the first that nothing was said of.
    next: u16,
    untold: u16,
    number: u8,
    reference: u32,
    media: usize,
    padding: usize,
}

impl Liar {
    fn new() -> Liar {
        let now = Instant::now();
        Liar {
            now,
            estimator: Estimator::new(now, Limits::default()),
            next: 65_000,
            untold: 65_000,
            number: 0,
            reference: 0,
            media: 0,
            padding: 0,
        }
    }

    fn send(&mut self, packets: usize, kind: Kind) {
        let numbered = kind == Kind::Probe || self.estimator.numbers(self.now);
        for _ in 0..packets {
            let sequence = numbered.then_some(self.next);
            self.estimator.packet_sent(self.now, sequence, PACKET, kind);
            self.next = self.next.wrapping_add(u16::from(numbered));
        }
        match kind {
            Kind::Media => self.media += packets * PACKET,
            Kind::Probe => self.padding += packets * PACKET,
        }
    }

    /// Says that packets arrived, the first at the reference time, each of the others so many ticks later.
    fn claim(&mut self, base: u16, deltas: &[i16]) {
        let mut bytes = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
        bytes.extend(base.to_be_bytes());
        bytes.extend((deltas.len() as u16).to_be_bytes());
        bytes.extend(&self.reference.to_be_bytes()[1..]);
        bytes.push(self.number);
        self.number = self.number.wrapping_add(1);
        bytes.extend((2 << 13 | deltas.len() as u16).to_be_bytes());
        deltas
            .iter()
            .for_each(|delta| bytes.extend(delta.to_be_bytes()));
        self.hand(&bytes);
    }

    /// The same of all packets that it has said nothing of.
    fn claim_all(&mut self, apart: i16) {
        let count = usize::from(self.next.wrapping_sub(self.untold));
        let mut deltas = vec![apart; count];
        deltas[0] = 0;
        self.claim(self.untold, &deltas);
        self.untold = self.next;
        self.reference += 1 + (count as u32 * apart as u32) / 256;
    }

    fn hand(&mut self, bytes: &[u8]) {
        if let Some(feedback) = TransportFeedback::parse(bytes) {
            self.estimator.feedback(self.now, &feedback, false);
        }
        let limits = Limits::default();
        let estimate = self.estimator.estimate();
        assert!((limits.floor..=limits.ceiling).contains(&estimate));
        assert!(self.estimator.pace(self.now, MS) >= estimate);
    }

    fn probe(&mut self) -> bool {
        let probe = self.estimator.probe(self.now, ProbeOf::Padding);
        if let Some(probe) = probe {
            self.send((probe.bytes as usize).div_ceil(PACKET), Kind::Probe);
        }
        probe.is_some()
    }
}

#[test]
fn padding_stays_little_whatever_is_said_of_it() {
    // Every few frames show that the path carries little, and every probe succeeds at once. The clock
    // jumps, so that no queue ever grows.
    let mut liar = Liar::new();
    liar.estimator.want(3_000_000);
    for _ in 0..600 {
        liar.send(14, Kind::Media);
        liar.claim_all(44);
        liar.reference += 100;
        for _ in 0..240 {
            if liar.probe() {
                liar.claim_all(0);
                liar.send(1, Kind::Media);
                liar.claim_all(0);
                liar.reference += 100;
            }
            liar.now += MS;
        }
    }
    assert!(liar.padding > 0);
    let share = liar.padding as f64 / liar.media as f64;
    assert!(share < 0.3, "{share}");
}

#[test]
fn noise_changes_nothing_but_the_estimate() {
    let mut random = fastrand::Rng::with_seed(11);
    let mut liar = Liar::new();
    for _ in 0..60_000 {
        liar.now += Duration::from_micros(random.u64(0..40_000));
        liar.send(random.usize(0..12), Kind::Media);
        liar.estimator.want(random.u64(..) >> random.u32(10..64));
        match random.u8(0..8) {
            // The same time for ever; far ahead; far back; noise.
            0 => liar.reference = random.u32(0..1 << 24),
            1 => liar.reference = liar.reference.wrapping_add(0x7f_ffff) & 0xff_ffff,
            2 => liar.reference = liar.reference.wrapping_sub(0x7f_ffff) & 0xff_ffff,
            3 => liar.number = random.u8(..),
            4 => liar.estimator.report(
                liar.now,
                f64::from(random.u8(..)) / 256.0,
                Some(Duration::from_micros(random.u64(..) >> random.u32(24..64))),
            ),
            _ => {}
        }
        let deltas: Vec<i16> = (0..random.usize(1..40))
            .map(|_| random.i16(..) >> random.u32(0..16))
            .collect();
        let base = liar.next.wrapping_sub(random.u16(0..60));
        liar.claim(base, &deltas);
        liar.estimator.timeout(liar.now);
        liar.probe();
    }
}

#[test]
fn a_clock_that_jumps_does_not_run_away() {
    let mut liar = Liar::new();
    liar.send(5, Kind::Media);
    for _ in 0..10_000 {
        liar.reference = (liar.reference + 0x7f_ffff) & 0xff_ffff;
        liar.claim(liar.next.wrapping_sub(1), &[0]);
    }
    let measured = liar.estimator.measured.as_ref().unwrap();
    let (_, unwrapped) = measured.reference.unwrap();
    assert!(unwrapped < 1 << 32, "{unwrapped}");
}

#[test]
fn everything_at_one_moment_for_hours_is_survived() {
    let mut liar = Liar::new();
    for _ in 0..60_000 {
        liar.now += 100 * MS;
        for _ in 0..70 {
            liar.estimator
                .packet_sent(liar.now, Some(liar.next), 1 << 14, Kind::Media);
            liar.next = liar.next.wrapping_add(1);
        }
        liar.claim(liar.next.wrapping_sub(70), &[0; 70]);
    }
}
