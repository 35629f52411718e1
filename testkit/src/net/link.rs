//! One direction of an emulated link: a drop-tail queue in front of a wire with a rate, a delay and losses.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// IPv4 and UDP header, counted when a link has a bandwidth.
const HEADER_BYTES: usize = 28;

/// What one direction does to its datagrams. The default is a perfect wire: no delay, no loss, no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Link {
    /// Propagation delay: from sending, or from leaving the queue with a bandwidth, to arrival.
    pub delay: Duration,
    /// Added to `delay`, uniformly distributed from 0 to this.
    pub jitter: Duration,
    /// Whether jitter may reorder datagrams.
    pub jitter_reorders: bool,
    /// Probability that a datagram is lost, 0 to 1.
    pub loss: f64,
    /// Datagrams with more bytes than this, without headers, are lost, and nobody says so; `None`: no limit.
    pub mtu: Option<usize>,
    /// Burst loss, in addition to `loss`.
    pub bursts: Option<Bursts>,
    /// Probability that a datagram arrives twice, 0 to 1. The copy arrives right behind the original.
    pub duplicate: f64,
    /// Probability that a datagram is held back by `reorder_by`, 0 to 1, so that those behind it overtake.
    pub reorder: f64,
    /// How long a reordered datagram is held back.
    pub reorder_by: Duration,
    /// Rate of the wire. Each datagram counts 28 bytes of IPv4 and UDP headers.
    pub bandwidth: Bandwidth,
    /// With a bandwidth: a datagram that would wait longer than this is dropped.
    pub queue: Duration,
    /// With a bandwidth: capacity of the queue in bytes, headers included. Overrides `queue`.
    pub queue_bytes: Option<usize>,
    /// With a bandwidth: bytes that pass at once after a pause, as with the token bucket of `tc tbf`.
    pub burst: usize,
}

/// Burst loss by the Gilbert-Elliott model: the wire has a good and a bad state, and may change with each datagram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bursts {
    /// Probability per datagram of going from good to bad.
    pub start: f64,
    /// Probability per datagram of going back to good: bursts last 1 / `stop` datagrams on average.
    pub stop: f64,
    /// Probability of loss in the bad state.
    pub loss: f64,
}

/// The rate of a wire.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Bandwidth {
    /// Transmission takes no time.
    #[default]
    Unlimited,
    /// Bits per second.
    Constant(u64),
    /// A sequence of rates, from the first datagram on. Repeats after the last step.
    Steps(&'static [Step]),
}

/// A rate for some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Duration.
    pub lasts: Duration,
    /// Bits per second. 0 is an outage, during which the queue waits.
    pub rate: u64,
}

impl From<u64> for Bandwidth {
    fn from(bits_per_second: u64) -> Self {
        Bandwidth::Constant(bits_per_second)
    }
}

impl Bandwidth {
    /// Bits that the wire carries in the first `time`; `None` if unlimited.
    pub fn capacity(&self, time: Duration) -> Option<f64> {
        match self {
            Bandwidth::Unlimited => None,
            Bandwidth::Constant(rate) => Some(*rate as f64 * time.as_secs_f64()),
            Bandwidth::Steps(steps) => {
                let mut left = time;
                let mut bits = 0.0;
                for step in steps.iter().cycle() {
                    let lasts = step.lasts.min(left);
                    bits += step.rate as f64 * lasts.as_secs_f64();
                    left -= lasts;
                    if left.is_zero() {
                        break;
                    }
                }
                Some(bits)
            }
        }
    }

    /// Transmission time of `bits`, starting at `since` after the first datagram.
    fn time_to_send(&self, since: Duration, bits: f64) -> Duration {
        match self {
            Bandwidth::Unlimited => Duration::ZERO,
            Bandwidth::Constant(rate) => Duration::from_secs_f64(bits / *rate as f64),
            Bandwidth::Steps(steps) => {
                let cycle: Duration = steps.iter().map(|step| step.lasts).sum();
                assert!(
                    steps.iter().any(|s| s.rate > 0 && !s.lasts.is_zero()),
                    "the rate is 0 in every step"
                );
                let mut skip = Duration::from_nanos((since.as_nanos() % cycle.as_nanos()) as u64);
                let (mut bits, mut time) = (bits, Duration::ZERO);
                for step in steps.iter().cycle() {
                    let lasts = step.lasts.saturating_sub(skip);
                    skip = skip.saturating_sub(step.lasts);
                    let carried = step.rate as f64 * lasts.as_secs_f64();
                    if carried >= bits {
                        return time + Duration::from_secs_f64(bits / step.rate.max(1) as f64);
                    }
                    bits -= carried;
                    time += lasts;
                }
                time
            }
        }
    }
}

/// What happens to a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Arrives {
        /// When.
        at: Instant,
        /// Whether a duplicate arrives right behind it.
        twice: bool,
        /// Whether it was held back by `reorder_by`.
        reordered: bool,
    },
    /// Lost on the wire.
    Lost,
    /// Dropped because the queue was full.
    Overflowed,
}

/// The state of one direction of a link. It decides about datagrams and stores none. Time is an argument, so it works
/// in virtual and in real time.
#[derive(Clone, Debug)]
pub struct Pipe {
    /// Settings for datagrams sent from now on.
    pub link: Link,
    random: fastrand::Rng,
    /// Separate, so that enabling bursts does not change the other random losses.
    burst_random: fastrand::Rng,
    in_burst: bool,
    origin: Option<Instant>,
    wire_free: Option<Instant>,
    /// What the token bucket held when the wire was free last.
    tokens: Option<f64>,
    /// When each queued datagram leaves the queue, and its size.
    waiting: VecDeque<(Instant, usize)>,
    waiting_bytes: usize,
    last_arrival: Option<Instant>,
}

impl Pipe {
    /// A pipe that draws from `random`.
    pub fn new(link: Link, random: fastrand::Rng) -> Pipe {
        Pipe {
            link,
            burst_random: fastrand::Rng::with_seed(!random.get_seed()),
            random,
            in_burst: false,
            origin: None,
            wire_free: None,
            tokens: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            last_arrival: None,
        }
    }

    /// Decides about a datagram of `len` bytes sent at `now`; `lose` forces its loss. Calls must be in order of time.
    pub fn carry(&mut self, now: Instant, len: usize, lose: bool) -> Fate {
        // Draw the same numbers for every datagram: a changed setting then does not change the fate of others.
        let [loss, duplicate, reorder, jitter] = std::array::from_fn(|_| self.random.f64());
        let burst_loss = self.burst_loss();
        let link = &self.link;
        let origin = *self.origin.get_or_insert(now);
        let mut departure = now;
        if link.bandwidth != Bandwidth::Unlimited {
            while let Some(&(until, size)) = self.waiting.front()
                && until <= now
            {
                self.waiting.pop_front();
                self.waiting_bytes -= size;
            }
            let size = len + HEADER_BYTES;
            let turn = self.wire_free.map_or(now, |free| free.max(now));
            let full = match link.queue_bytes {
                Some(limit) => turn > now && self.waiting_bytes + size > limit,
                None => turn - now > link.queue,
            };
            if full {
                return Fate::Overflowed;
            }
            let filled = self.wire_free.map_or(0.0, |free| {
                let before = link.bandwidth.capacity(free - origin).unwrap_or(0.0);
                link.bandwidth.capacity(turn - origin).unwrap_or(0.0) - before
            });
            let bucket = link.burst as f64;
            let tokens = self
                .tokens
                .map_or(bucket, |t| (t + filled / 8.0).min(bucket));
            let left = (size as f64 - tokens).max(0.0);
            self.tokens = Some((tokens - size as f64).max(0.0));
            departure = turn + link.bandwidth.time_to_send(turn - origin, left * 8.0);
            self.wire_free = Some(departure);
            if turn > now {
                self.waiting.push_back((turn, size));
                self.waiting_bytes += size;
            }
        }
        // Loss happens on the wire: the datagram has used its share of the bandwidth.
        let too_large = link.mtu.is_some_and(|mtu| len > mtu);
        if lose || too_large || loss < link.loss || burst_loss {
            return Fate::Lost;
        }

        let mut at = departure + link.delay + link.jitter.mul_f64(jitter);
        let reordered = reorder < link.reorder;
        if reordered {
            at += link.reorder_by;
        } else if !link.jitter_reorders {
            at = self.last_arrival.map_or(at, |last| last.max(at));
            self.last_arrival = Some(at);
        }
        Fate::Arrives {
            at,
            twice: duplicate < link.duplicate,
            reordered,
        }
    }

    fn burst_loss(&mut self) -> bool {
        let [change, loss] = std::array::from_fn(|_| self.burst_random.f64());
        let Some(bursts) = self.link.bursts else {
            return false;
        };
        if self.in_burst {
            self.in_burst = change >= bursts.stop;
        } else {
            self.in_burst = change < bursts.start;
        }
        self.in_burst && loss < bursts.loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);

    fn pipe(link: Link) -> Pipe {
        Pipe::new(link, fastrand::Rng::with_seed(4))
    }

    fn arrival(fate: Fate, start: Instant) -> Duration {
        match fate {
            Fate::Arrives { at, .. } => at - start,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_queue_is_bounded_in_bytes() {
        let start = Instant::now();
        let mut pipe = pipe(Link {
            bandwidth: 1_000_000.into(),
            queue_bytes: Some(2000),
            ..Link::default()
        });
        // One on the wire, two in the queue.
        for n in 1..=3 {
            assert_eq!(arrival(pipe.carry(start, 972, false), start), n * 8 * MS);
        }
        assert_eq!(pipe.carry(start, 972, false), Fate::Overflowed);
        // The first has left, the second is on the wire.
        let later = start + 8 * MS;
        assert_eq!(arrival(pipe.carry(later, 972, false), start), 32 * MS);
        assert_eq!(pipe.carry(later, 972, false), Fate::Overflowed);
    }

    #[test]
    fn a_bucket_of_tokens_lets_a_burst_pass_after_a_pause() {
        let start = Instant::now();
        let mut pipe = pipe(Link {
            bandwidth: 1_000_000.into(),
            queue: SECOND,
            burst: 2000,
            ..Link::default()
        });
        for expected in [0, 0, 8, 16] {
            let arrived = arrival(pipe.carry(start, 972, false), start);
            assert_eq!(arrived, expected * MS);
        }
        // 24 ms refill it.
        for expected in [40, 40, 48] {
            let arrived = arrival(pipe.carry(start + 40 * MS, 972, false), start);
            assert_eq!(arrived, expected * MS);
        }
    }

    #[test]
    fn the_rate_follows_its_steps_and_what_is_queued_waits_for_the_end_of_an_outage() {
        const STEPS: &[Step] = &[
            Step {
                lasts: Duration::from_millis(12),
                rate: 1_000_000,
            },
            Step {
                lasts: Duration::from_millis(100),
                rate: 0,
            },
            Step {
                lasts: Duration::from_secs(1),
                rate: 2_000_000,
            },
        ];
        let start = Instant::now();
        let mut pipe = pipe(Link {
            bandwidth: Bandwidth::Steps(STEPS),
            queue: SECOND,
            ..Link::default()
        });
        let mut send = |at: Duration| arrival(pipe.carry(start + at, 972, false), start);
        assert_eq!(send(Duration::ZERO), 8 * MS);
        // Half of it before the outage, half of it at twice the rate.
        assert_eq!(send(Duration::ZERO), 114 * MS);
        assert_eq!(send(Duration::ZERO), 118 * MS);
        // The steps repeat.
        assert_eq!(send(1112 * MS), 1120 * MS);
        let capacity = |time| Bandwidth::Steps(STEPS).capacity(time).unwrap() as u64;
        assert_eq!(capacity(SECOND), 12_000 + 2 * 888_000);
        assert_eq!(capacity(1124 * MS), 12_000 + 2_000_000 + 12_000);
    }

    #[test]
    fn bursts_have_their_share_and_length() {
        let bursts = Bursts {
            start: 0.01,
            stop: 0.2,
            loss: 1.0,
        };
        let mut pipe = pipe(Link {
            bursts: Some(bursts),
            ..Link::default()
        });
        let now = Instant::now();
        let lost: Vec<bool> = (0..100_000)
            .map(|_| pipe.carry(now, 100, false) == Fate::Lost)
            .collect();
        let count = lost.iter().filter(|lost| **lost).count();
        let runs = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        // 0.01 / (0.01 + 0.2) of the time, 1 / 0.2 long.
        assert!((4200..5300).contains(&count), "{count}");
        let length = count as f64 / runs as f64;
        assert!((4.5..5.5).contains(&length), "{length}");
    }

    #[test]
    fn jitter_may_change_the_order() {
        let start = Instant::now();
        let mut pipe = pipe(Link {
            jitter: 20 * MS,
            jitter_reorders: true,
            ..Link::default()
        });
        let arrivals: Vec<Duration> = (0..100)
            .map(|n| arrival(pipe.carry(start + n * MS, 100, false), start))
            .collect();
        assert!(!arrivals.is_sorted());
        let range =
            |(n, at): (usize, &Duration)| (n as u32 * MS..=(n as u32 + 20) * MS).contains(at);
        assert!(arrivals.iter().enumerate().all(range));
    }
}
