//! The closed loop: sender, emulated link, viewer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use testkit::net::{Bandwidth, Link, Network};
use testkit::viewer::TransportFeedback as Viewer;

use super::super::{Estimator, HEADERS, Kind, Limits, ProbeOf, TransportFeedback};

pub const MS: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);
/// UDP payload of a full packet.
pub const PACKET: usize = 1172;
pub const FRAME: Duration = Duration::from_millis(40);
/// 500 kbit/s at 25 frames a second: a keyframe of 25 kB every 4 s.
pub const KEYFRAME: usize = 25_000;
pub const OTHER: usize = 2_270;

/// What a flow sends.
#[derive(Clone, Copy, PartialEq)]
pub enum Source {
    /// As much as the estimate allows.
    Greedy,
    /// A camera's stream, scaled: 1 is 500 kbit/s.
    Camera(f64),
}

/// A sender and its viewer.
pub struct Flow {
    pub source: Source,
    pub estimator: Estimator,
    pub sender: SocketAddr,
    pub viewer: SocketAddr,
    pub queue: VecDeque<usize>,
    pub sequence: u16,
    pub next_send: Instant,
    pub next_frame: Instant,
    pub frames: u32,
    /// Packets that may leave at once at the start.
    pub burst: usize,
    pub padding: usize,
    pub feedback: Viewer,
    pub next_feedback: Instant,
    /// Packets expected and received by the last receiver report, if it sends those and no more.
    pub reports: Option<(usize, usize)>,
    pub feedback_interval: Duration,
    pub next_step: Instant,
    pub log: Vec<Entry>,
    pub delivered: Vec<(Instant, usize, Duration)>,
    pub newest: u16,
}

/// Every 100 ms.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub at: Duration,
    pub estimate: f64,
    /// What waits in the sender.
    pub backlog: usize,
}

pub struct World {
    pub start: Instant,
    pub now: Instant,
    pub network: Network,
    pub flows: Vec<Flow>,
}

pub fn bottleneck(rate: impl Into<Bandwidth>, queue: Duration) -> Link {
    Link {
        bandwidth: rate.into(),
        queue,
        delay: 20 * MS,
        ..Link::default()
    }
}

/// The addresses of traffic that does not react to anything.
pub fn cross_traffic() -> (SocketAddr, SocketAddr) {
    let address = |port| SocketAddr::from(([10, 0, 0, 3], port));
    (address(1), address(2))
}

impl World {
    pub fn new(link: Link, sources: &[Source]) -> World {
        let start = Instant::now();
        let mut network = Network::new(3);
        let address = |n: usize, port: u16| SocketAddr::from(([10, 0, 0, n as u8], port));
        let flows: Vec<Flow> = (0..sources.len())
            .map(|n| Flow {
                source: sources[n],
                estimator: Estimator::new(start, Limits::default()),
                sender: address(1, 1000 + n as u16),
                viewer: address(2, 2000 + n as u16),
                queue: VecDeque::new(),
                sequence: 65_000,
                next_send: start,
                next_frame: start + 7 * MS * n as u32,
                frames: 0,
                burst: 10,
                padding: 0,
                feedback: Viewer::new(start),
                next_feedback: start + 100 * MS + 31 * MS * n as u32,
                reports: None,
                feedback_interval: 100 * MS,
                next_step: start,
                log: Vec::new(),
                delivered: Vec::new(),
                newest: 65_000,
            })
            .collect();
        network.set_default_link(Link {
            delay: 20 * MS,
            ..Link::default()
        });
        let shared: Vec<_> = flows
            .iter()
            .map(|flow| (flow.sender, flow.viewer))
            .collect();
        network.set_shared_link(&[&shared[..], &[cross_traffic()]].concat(), link);
        World {
            start,
            now: start,
            network,
            flows,
        }
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            while let Some(datagram) = self.network.receive(self.now) {
                for flow in &mut self.flows {
                    flow.receive(self.now, datagram.to, &datagram.bytes);
                }
            }
            for flow in &mut self.flows {
                flow.act(self.now, self.start, &mut self.network);
            }
            let flows = self.flows.iter().map(Flow::next);
            let next = flows.chain(self.network.next_arrival()).min();
            let soon = self.now + Duration::from_micros(50);
            self.now = next.unwrap_or(end).max(soon).min(end);
        }
    }
}

impl Flow {
    pub fn next(&self) -> Instant {
        let mut next = self.next_feedback.min(self.next_step);
        if self.source != Source::Greedy {
            next = next.min(self.next_frame);
        }
        if self.waits() {
            next = next.min(self.next_send);
        }
        next
    }

    pub fn waits(&self) -> bool {
        self.source == Source::Greedy || !self.queue.is_empty() || self.padding > 0
    }

    pub fn receive(&mut self, now: Instant, to: SocketAddr, bytes: &[u8]) {
        if to == self.viewer {
            let sequence = u16::from_be_bytes([bytes[0], bytes[1]]);
            let sent = Duration::from_micros(u64::from_be_bytes(bytes[2..10].try_into().unwrap()));
            self.feedback.received(now, sequence);
            self.newest = sequence;
            let age = (now - self.estimator.epoch) - sent;
            self.delivered.push((now, bytes.len(), age));
        } else if to == self.sender {
            let feedback = TransportFeedback::parse(bytes).expect("feedback");
            self.estimator.feedback(now, &feedback, false);
        }
    }

    pub fn act(&mut self, now: Instant, start: Instant, network: &mut Network) {
        if self.next_feedback <= now
            && let Some((expected, received)) = self.reports
        {
            self.next_feedback = now + SECOND;
            let highest = self.newest.wrapping_sub(65_000);
            let now_expected = usize::from(highest);
            let lost = 1.0
                - (self.delivered.len() - received) as f64
                    / (now_expected - expected).max(1) as f64;
            self.reports = Some((now_expected, self.delivered.len()));
            let age = self.delivered.last().map(|(.., age)| *age);
            let round_trip = age.map(|age| age + 20 * MS);
            self.estimator.report(now, lost, round_trip);
        } else if self.next_feedback <= now {
            self.next_feedback = now + self.feedback_interval;
            if let Some(bytes) = self.feedback.message(1) {
                network.send(now, self.viewer, self.sender, bytes);
            }
        }
        if let Source::Camera(scale) = self.source
            && self.next_frame <= now
        {
            self.next_frame += FRAME;
            let size = if self.frames.is_multiple_of(100) {
                KEYFRAME
            } else {
                OTHER
            };
            self.frames += 1;
            let mut left = (size as f64 * scale) as usize;
            while left > 0 {
                self.queue.push_back(left.min(PACKET));
                left = left.saturating_sub(PACKET);
            }
        }
        self.estimator.timeout(now);
        if self.padding == 0
            && let Some(probe) = self.estimator.probe(now, ProbeOf::Padding)
        {
            self.padding = probe.bytes as usize;
            self.next_send = self.next_send.min(now + MS);
        }
        while self.waits() && self.next_send <= now {
            let rate = match self.source {
                Source::Camera(_) if self.burst > 0 => f64::INFINITY,
                Source::Greedy => self.estimator.estimate() as f64,
                Source::Camera(_) => self.estimator.pace(now, Duration::ZERO) as f64,
            };
            let (size, kind, rate) = match self.queue.pop_front() {
                _ if self.padding > 0 => {
                    self.padding = self.padding.saturating_sub(PACKET);
                    (PACKET, Kind::Probe, f64::INFINITY)
                }
                Some(size) => (size, Kind::Media, rate),
                None => (PACKET, Kind::Media, rate),
            };
            let mut bytes = vec![0; size.max(10)];
            bytes[..2].copy_from_slice(&self.sequence.to_be_bytes());
            let at = (now - self.estimator.epoch).as_micros() as u64;
            bytes[2..10].copy_from_slice(&at.to_be_bytes());
            let sequence = self.reports.is_none().then_some(self.sequence);
            self.estimator.packet_sent(now, sequence, bytes.len(), kind);
            self.sequence = self.sequence.wrapping_add(1);
            self.burst = self.burst.saturating_sub(1);
            let time = Duration::from_secs_f64((size + HEADERS) as f64 * 8.0 / rate);
            // As much as a frame may leave at once after a pause.
            self.next_send = self.next_send.max(now - 5 * MS) + time;
            network.send(now, self.sender, self.viewer, bytes);
        }
        if self.next_step <= now {
            self.next_step += 100 * MS;
            self.log.push(Entry {
                at: now - start,
                estimate: self.estimator.estimate() as f64,
                backlog: self.queue.iter().sum(),
            });
        }
    }

    /// The estimates between two times, in seconds.
    pub fn estimates(&self, from: f64, to: f64) -> impl Iterator<Item = f64> {
        let range = from..to;
        let within = move |entry: &&Entry| range.contains(&entry.at.as_secs_f64());
        self.log.iter().filter(within).map(|entry| entry.estimate)
    }

    pub fn lowest(&self, from: f64, to: f64) -> f64 {
        self.estimates(from, to).fold(f64::MAX, f64::min)
    }

    pub fn highest(&self, from: f64, to: f64) -> f64 {
        self.estimates(from, to).fold(0.0, f64::max)
    }

    pub fn mean(&self, from: f64, to: f64) -> f64 {
        let all: Vec<f64> = self.estimates(from, to).collect();
        all.iter().sum::<f64>() / all.len() as f64
    }

    /// Delivered bits per second, headers included, and the 95th percentile of the one-way delay.
    pub fn delivery(&self, from: f64, to: f64) -> (f64, Duration) {
        let epoch = self.estimator.epoch;
        let within = |at: Instant| (from..to).contains(&(at - epoch).as_secs_f64());
        let all = self.delivered.iter().filter(|(at, ..)| within(*at));
        let (mut bytes, mut ages) = (0, Vec::new());
        for (_, size, age) in all {
            bytes += size + HEADERS;
            ages.push(*age);
        }
        ages.sort();
        let p95 = ages[ages.len() * 95 / 100];
        (bytes as f64 * 8.0 / (to - from), p95)
    }

    pub fn loss(&self) -> f64 {
        1.0 - self.delivered.len() as f64 / f64::from(self.sequence.wrapping_sub(65_000))
    }

    pub fn show(&self, name: &str, times: &[f64]) {
        let values: Vec<String> = times
            .iter()
            .map(|t| format!("{t}: {:.0}", self.mean(t - 0.1, t + 0.1) / 1e3))
            .collect();
        println!("{name}: loss {:.3}, {}", self.loss(), values.join(", "));
    }
}
