//! Packet trains: packets sent back to back or at the pacing rate, such as those of a keyframe or a
//! probe. A train that arrives as fast as it was sent proves that the path carries its rate. One that
//! arrives stretched measures the bottleneck.

/// Minimum number of packets for a measurement.
const PACKETS: u32 = 5;
/// A train ends after this many packets or this time in microseconds, and the next one starts.
const MOST_PACKETS: u32 = 64;
const LONGEST: i64 = 500_000;
/// Bounds of the largest gap within a train, in microseconds.
const GAP: i64 = 3_000;
const LONGEST_GAP: i64 = 100_000;
/// Shortest duration that is used: links that aggregate packets deliver a few of them at once.
const SHORTEST: i64 = 5_000;
/// A train measures the bottleneck if it arrived over at least this time in microseconds, at less
/// than this share of the sent rate.
const MEASURES: i64 = 20_000;
const STRETCHED: f64 = 0.85;
/// The first bytes of a train pass at once wherever a token bucket shapes the path: what follows them is
/// measured, if it has this many packets.
pub const HEAD: u64 = 5_000;
const TAIL_PACKETS: u32 = 2;
/// A train with more loss per received packet does not prove its rate.
const MAX_LOSS: f64 = 0.1;

/// At least this share of a measured rate is left besides anything.
pub const LEFT: f64 = 0.25;

/// A measured rate in bits per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Finding {
    /// A lower bound of the capacity.
    AtLeast(f64),
    /// The capacity, and the time in microseconds over which it was measured.
    Capacity(f64, i64),
}

impl Finding {
    /// What is left of it besides what else is sent all the time, of which none was between the packets of a
    /// train that left at once.
    pub fn besides(self, rate: f64) -> Finding {
        let left = |shown: f64| (shown - rate).max(LEFT * shown);
        match self {
            Finding::AtLeast(shown) => Finding::AtLeast(left(shown)),
            Finding::Capacity(shown, time) => Finding::Capacity(left(shown), time),
        }
    }
}

/// The measurement of a train.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    pub shown: Finding,
    /// Whether the train is a probe.
    pub probe: bool,
    /// Whether it is long enough to show that the path carries so much. A short one can only show that
    /// it carries less.
    pub proves: bool,
}

/// A train.
#[derive(Clone, Copy, Debug)]
pub struct Train {
    first: (i64, i64),
    last_sent: i64,
    last_arrival: i64,
    first_size: u64,
    last_size: u64,
    bytes: u64,
    packets: u32,
    lost: u32,
    probe: bool,
    /// The packet that completed the head.
    head: Option<Point>,
}

/// How far a train was at one of its packets.
#[derive(Clone, Copy, Debug)]
struct Point {
    sent: i64,
    arrival: i64,
    bytes: u64,
    packets: u32,
}

impl Train {
    /// A train of one packet.
    pub fn new(sent: i64, arrival: i64, size: u64, probe: bool) -> Self {
        Train {
            first: (sent, arrival),
            last_sent: sent,
            last_arrival: arrival,
            first_size: size,
            last_size: size,
            bytes: size,
            packets: 1,
            lost: 0,
            probe,
            head: None,
        }
    }

    /// Whether a packet sent at `sent` belongs to this train. `pace` is the pacing rate in bits per
    /// second. Padding of probes and other packets are in separate trains.
    pub fn reaches(&self, sent: i64, pace: f64, probe: bool) -> bool {
        let at_pace = (2.0 * self.last_size as f64 * 8e6 / pace.max(1.0)) as i64;
        let at_pace = at_pace.clamp(GAP, LONGEST_GAP);
        // After a burst a train at the pacing rate is another one.
        let gap = match i64::from(self.packets) - 1 {
            0 => at_pace,
            gaps => (4 * (self.last_sent - self.first.0) / gaps).clamp(GAP, at_pace),
        };
        self.probe == probe
            && self.packets < MOST_PACKETS
            && sent - self.last_sent <= gap
            && sent - self.first.0 <= LONGEST
    }

    /// Adds a packet.
    pub fn add(&mut self, sent: i64, arrival: i64, size: u64) {
        self.last_sent = self.last_sent.max(sent);
        self.last_arrival = self.last_arrival.max(arrival);
        self.last_size = size;
        self.bytes += size;
        self.packets += 1;
        if self.head.is_none() && self.bytes >= HEAD {
            self.head = Some(Point {
                sent: self.last_sent,
                arrival: self.last_arrival,
                bytes: self.bytes,
                packets: self.packets,
            });
        }
    }

    /// Records a lost packet.
    pub fn lose(&mut self) {
        self.lost += 1;
    }

    /// The measurement so far, if there is one.
    pub fn sample(&self) -> Option<Sample> {
        if self.packets < PACKETS {
            return None;
        }
        let rate = |bytes: u64, time: i64| bytes as f64 * 8e6 / time.max(SHORTEST) as f64;
        let first = Point {
            sent: self.first.0,
            arrival: self.first.1,
            bytes: self.first_size,
            packets: 1,
        };
        let head = self
            .head
            .filter(|head| self.packets - head.packets >= TAIL_PACKETS);
        let from = head.unwrap_or(first);
        let (sent_in, arrived_in) = (self.last_sent - from.sent, self.last_arrival - from.arrival);
        // n packets span n - 1 intervals.
        let bytes = self.bytes - from.bytes;
        let sent = match head {
            Some(_) => bytes,
            None => self.bytes - self.last_size,
        };
        let sent = sent as f64 * 8e6 / (sent_in as f64).max(1.0);
        let arrived = rate(bytes, arrived_in);
        let shown = if arrived < STRETCHED * sent && arrived_in >= MEASURES {
            Finding::Capacity(arrived, arrived_in)
        } else if f64::from(self.lost) <= MAX_LOSS * f64::from(self.packets) {
            Finding::AtLeast(arrived.min(sent))
        } else {
            return None;
        };
        Some(Sample {
            shown,
            probe: self.probe,
            proves: head.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20 packets of 1250 bytes, so many microseconds apart when sent and when they arrive.
    fn train(sent: i64, arrival: i64) -> Train {
        let mut train = Train::new(0, 50_000, 1250, false);
        for n in 1..20 {
            assert!(train.reaches(n * sent, 1e6, false));
            train.add(n * sent, 50_000 + n * arrival, 1250);
        }
        train
    }

    #[test]
    fn a_train_shows_the_narrowest_link_or_its_own_rate() {
        let shown = |sent, arrival| train(sent, arrival).sample().unwrap().shown;
        assert_eq!(shown(10_000, 10_000), Finding::AtLeast(1e6));
        assert_eq!(shown(10_000, 9_500), Finding::AtLeast(1e6), "caught up");
        assert_eq!(shown(5_000, 10_000), Finding::Capacity(1e6, 160_000));
        assert_eq!(shown(0, 10_000), Finding::Capacity(1e6, 160_000));
        // All at once: as if it had taken 5 ms.
        assert_eq!(shown(0, 0), Finding::AtLeast(32e6));
    }

    #[test]
    fn what_a_token_bucket_lets_pass_is_not_measured() {
        let mut train = Train::new(0, 0, 1250, false);
        (0..3).for_each(|_| train.add(0, 0, 1250));
        for n in 1..=10 {
            train.add(0, n * 10_000, 1250);
        }
        let sample = train.sample().unwrap();
        assert_eq!(sample.shown, Finding::Capacity(1e6, 100_000));
        assert!(sample.proves);
    }

    #[test]
    fn a_short_or_damaged_train_shows_nothing() {
        let mut short = Train::new(0, 0, 1250, true);
        for n in 1..4 {
            short.add(n * 100, n * 1000, 1250);
        }
        assert_eq!(short.sample(), None);
        short.add(400, 4000, 1250);
        assert!(short.sample().unwrap().probe);
        let damaged = |sent| {
            let mut train = train(sent, 10_000);
            (0..3).for_each(|_| train.lose());
            train.sample()
        };
        assert_eq!(damaged(10_000), None);
        assert!(damaged(0).is_some(), "a queue that overflows is full");
    }

    #[test]
    fn a_train_ends_at_a_gap() {
        let train = train(10_000, 10_000);
        assert!(train.reaches(205_000, 1e6, false));
        assert!(!train.reaches(205_000, 1e6, true), "a probe");
        assert!(!train.reaches(215_000, 1e6, false));
        assert!(!train.reaches(205_000, 10e6, false));
        let mut burst = Train::new(0, 0, 1250, false);
        assert!(burst.reaches(10_000, 1e6, false));
        burst.add(0, 10_000, 1250);
        assert!(!burst.reaches(10_000, 1e6, false), "after a burst");
    }
}
