//! Cameras at the far end of bad paths, pulled by the client without I/O over the seeded network.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::state::{Warning, WarningKind};
use testkit::net::{Link, Network};

use crate::pulled::{Camera, FRAME, GOP, PORTS, Source, interleaved};
use crate::world::beginning;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Ports of both ends for the connection; those for media are by track, RTCP one above.
const CONNECTION: u16 = 554;

fn gateway(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

fn camera(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], port))
}

/// An end of a TCP connection: what it sends until that is acknowledged, so much at a time, and what it has received.
/// What is missing is sent again once others have arrived, or after a timeout.
struct Tcp {
    from: SocketAddr,
    to: SocketAddr,
    /// What waits, from this place in the stream on.
    waiting: Vec<u8>,
    sent: u64,
    /// What is on its way, by its place, and when it was sent.
    flight: BTreeMap<u64, (Vec<u8>, Instant)>,
    /// The last place that was acknowledged, and how often it was again.
    acknowledged: (u64, u32),
    /// The place up to which all has come, and what came ahead.
    expected: u64,
    ahead: BTreeMap<u64, Vec<u8>>,
}

const SEGMENT: usize = 1000;
const WINDOW: usize = 32 << 10;
const TIMEOUT: Duration = Duration::from_secs(1);
/// So many acknowledgments of the same place say that what is there is missing.
const REPEATS: u32 = 3;

impl Tcp {
    fn new(from: SocketAddr, to: SocketAddr) -> Tcp {
        Tcp {
            from,
            to,
            waiting: Vec::new(),
            sent: 0,
            flight: BTreeMap::new(),
            acknowledged: (0, 0),
            expected: 0,
            ahead: BTreeMap::new(),
        }
    }

    fn transmit(&self, network: &mut Network, now: Instant, at: u64, bytes: &[u8]) {
        let (at, acknowledged) = (at.to_be_bytes(), self.expected.to_be_bytes());
        network.send(
            now,
            self.from,
            self.to,
            [&at[..], &acknowledged, bytes].concat(),
        );
    }

    /// Sends what the window takes, and what was not acknowledged in time.
    fn pump(&mut self, network: &mut Network, now: Instant) {
        let late = |sent: &Instant| now >= *sent + TIMEOUT;
        let again: Vec<u64> = self
            .flight
            .iter()
            .filter(|(_, (_, sent))| late(sent))
            .map(|(at, _)| *at)
            .collect();
        for at in again {
            let (bytes, sent) = self.flight.get_mut(&at).unwrap();
            *sent = now;
            let bytes = bytes.clone();
            self.transmit(network, now, at, &bytes);
        }
        while !self.waiting.is_empty() && self.flight.len() * SEGMENT < WINDOW {
            let len = self.waiting.len().min(SEGMENT);
            let segment: Vec<u8> = self.waiting.drain(..len).collect();
            let at = self.sent;
            self.sent += len as u64;
            self.transmit(network, now, at, &segment);
            self.flight.insert(at, (segment, now));
        }
    }

    /// A segment has arrived. Returns what can be read.
    fn receive(&mut self, network: &mut Network, now: Instant, segment: &[u8]) -> Vec<u8> {
        let number = |at: usize| u64::from_be_bytes(segment[at..at + 8].try_into().unwrap());
        let (at, acknowledged, bytes) = (number(0), number(8), &segment[16..]);
        self.flight = self.flight.split_off(&acknowledged);
        self.acknowledged = match self.acknowledged {
            (place, times) if place == acknowledged => (place, times + 1),
            _ => (acknowledged, 0),
        };
        if self.acknowledged.1 == REPEATS
            && let Some(mut first) = self.flight.first_entry()
        {
            // Once for each.
            first.get_mut().1 = now;
            let (at, bytes) = (*first.key(), first.get().0.clone());
            self.transmit(network, now, at, &bytes);
        }
        if bytes.is_empty() {
            return Vec::new();
        }
        self.ahead.insert(at, bytes.to_vec());
        let mut read = Vec::new();
        while let Some(bytes) = self.ahead.remove(&self.expected) {
            self.expected += bytes.len() as u64;
            read.extend(bytes);
        }
        self.ahead = self.ahead.split_off(&self.expected);
        self.transmit(network, now, 0, &[]);
        read
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.flight.values().map(|(_, sent)| *sent + TIMEOUT).min()
    }
}

/// A source, a camera, and what is between them.
struct Pulled {
    network: Network,
    now: Instant,
    source: Source,
    camera: Camera,
    /// The ends of the connection: of the source, and of the camera.
    ends: [Tcp; 2],
    /// Receiver reports that came by UDP.
    reports: usize,
}

impl Pulled {
    fn new(seed: u64, by_udp: bool, link: Link) -> Pulled {
        let mut network = Network::new(seed);
        network.set_default_link(link);
        let (ours, theirs) = (gateway(CONNECTION), camera(CONNECTION));
        Pulled {
            network,
            now: beginning(),
            source: Source::new(by_udp),
            camera: Camera::new(),
            ends: [Tcp::new(ours, theirs), Tcp::new(theirs, ours)],
            reports: 0,
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.act();
            let next = [
                self.network.next_arrival(),
                self.source.next_deadline(),
                self.camera.next_due(),
                self.ends[0].next_timeout(),
                self.ends[1].next_timeout(),
            ];
            let next = next.into_iter().flatten().min().unwrap_or(end);
            if next > end {
                self.now = end;
                return;
            }
            self.now = next.max(self.now);
        }
    }

    /// Does everything that is due now.
    fn act(&mut self) {
        let now = self.now;
        while let Some(datagram) = self.network.receive(now) {
            self.arrived(datagram.to, &datagram.bytes);
        }
        self.source.handle_timeout(now);
        self.source.receive(&[], now);
        for (track, packet) in self.camera.due(now) {
            let port = PORTS[track];
            match self.source.by_udp {
                true => self.network.send(now, camera(port), gateway(port), packet),
                false => self.ends[1].waiting.extend(interleaved(track, &packet)),
            }
        }
        for (track, report) in self.source.reports(now) {
            match self.source.by_udp {
                true => {
                    let port = PORTS[track] + 1;
                    self.network.send(now, gateway(port), camera(port), report);
                }
                false => self.source.client.send_interleaved(track, &report),
            }
        }
        let unwritten = std::mem::take(self.source.client.unwritten());
        self.ends[0].waiting.extend(unwritten);
        for end in &mut self.ends {
            end.pump(&mut self.network, now);
        }
    }

    fn arrived(&mut self, to: SocketAddr, bytes: &[u8]) {
        let now = self.now;
        let [ours, theirs] = &mut self.ends;
        if to == ours.from {
            let read = ours.receive(&mut self.network, now, bytes);
            self.source.receive(&read, now);
        } else if to == theirs.from {
            let read = theirs.receive(&mut self.network, now, bytes);
            let answers = self.camera.receive(&read, now);
            theirs.waiting.extend(answers);
        } else if let Some(track) = PORTS.iter().position(|&port| to == gateway(port)) {
            self.source.packet(track, bytes, now);
        } else {
            self.reports += 1;
        }
    }

    /// Datagrams of media that the network lost.
    fn lost(&self) -> u64 {
        let lost = PORTS.map(|port| self.network.counts(camera(port), gateway(port)).lost);
        lost.iter().sum()
    }

    /// Every frame that was shown is whole, in its place and behind the one before. Returns how many were left out.
    fn assert_whole(&self) -> u64 {
        assert_eq!(self.source.failure, None);
        let frames = &self.source.seen.frames;
        let mut left_out = 0;
        for pair in frames.windows(2) {
            let [(before, from, _), (number, to, _)] = pair else {
                unreachable!()
            };
            let (before, number) = (before.expect("whole"), number.expect("whole"));
            let step = (to - from) / 3600;
            assert!(step >= 1 && (to - from) % 3600 == 0, "{from} and {to}");
            assert_eq!(number, (before + step as usize) % 100);
            assert!(step == 1 || number % GOP == 0, "{number} behind {before}");
            left_out += step as u64 - 1;
        }
        let sound = &self.source.seen.sound;
        for pair in sound.windows(2) {
            let step = (pair[1].1 - pair[0].1) / 160;
            let numbers = pair[1].0.wrapping_sub(pair[0].0);
            assert!(step >= 1 && numbers == step as u8, "{pair:?}");
        }
        left_out
    }
}

/// 20 to 60 ms late, one overtaking the other, and some more still.
fn crooked() -> Link {
    Link {
        delay: 20 * MS,
        jitter: 40 * MS,
        jitter_reorders: true,
        reorder: 0.02,
        reorder_by: 50 * MS,
        duplicate: 0.02,
        ..Link::default()
    }
}

#[test]
fn datagrams_that_overtake_each_other_cost_nothing() {
    let mut pulled = Pulled::new(1, true, crooked());
    pulled.run(30 * SECOND);
    assert_eq!(pulled.assert_whole(), 0);
    let seen = &pulled.source.seen;
    assert_eq!((seen.lost, seen.dropped), (0, 0));
    // All but those that are on their way, or wait for one that is.
    assert!(seen.frames.len() + 5 >= pulled.camera.frames as usize);
    assert!(seen.sound.len() + 10 >= pulled.camera.packets_of_sound as usize);
    let reordered = PORTS.map(|port| {
        let counts = pulled.network.counts(camera(port), gateway(port));
        counts.reordered
    });
    assert!(reordered[0] > 10 && reordered[1] > 10, "{reordered:?}");
    assert!(pulled.reports >= 6, "{}", pulled.reports);
}

#[test]
fn lost_datagrams_are_counted_and_their_frames_left_out() {
    for seed in 1..=3 {
        let link = Link {
            loss: 0.01,
            ..crooked()
        };
        let mut pulled = Pulled::new(seed, true, link);
        pulled.run(60 * SECOND);
        let left_out = pulled.assert_whole();
        let (seen, lost) = (&pulled.source.seen, pulled.lost());
        assert!(lost > 20, "{lost}");
        // Those of the last frames may not have been missed yet.
        let counted = u64::from(seen.lost);
        assert!(
            counted <= lost && counted + 10 >= lost,
            "{counted} of {lost}"
        );
        let missing = u64::from(pulled.camera.frames) - seen.frames.len() as u64;
        let dropped = seen.dropped;
        assert!(left_out > 0 && dropped > 0, "{left_out} and {dropped}");
        assert!(dropped <= missing, "{dropped} of {missing}");
        // Each loss costs a GOP at most.
        let shown = seen.frames.len() as u64;
        let most = lost * GOP as u64;
        assert!(shown + most >= u64::from(pulled.camera.frames), "{shown}");
        let said = |warning: &Warning| warning.kind == WarningKind::Damaged;
        assert!(seen.warnings.iter().any(said), "{:?}", seen.warnings);
    }
}

/// Segments are lost, and what comes behind them waits; the wire is not much wider than what the camera sends.
#[test]
fn a_slow_connection_delivers_every_frame() {
    let link = Link {
        delay: 80 * MS,
        jitter: 40 * MS,
        loss: 0.01,
        bandwidth: 800_000.into(),
        queue: SECOND,
        ..Link::default()
    };
    let mut pulled = Pulled::new(4, false, link);
    pulled.run(70 * SECOND);
    assert_eq!(pulled.assert_whole(), 0);
    let seen = &pulled.source.seen;
    assert_eq!((seen.lost, seen.dropped), (0, 0));
    assert!(seen.warnings.is_empty(), "{:?}", seen.warnings);
    assert!(seen.frames.len() + 50 >= pulled.camera.frames as usize);
    // Late, but never further and further behind.
    let began = pulled.camera.began.unwrap();
    let late = seen
        .frames
        .iter()
        .enumerate()
        .map(|(n, (_, _, at))| at.saturating_duration_since(began + FRAME * n as u32));
    let latest = late.max().unwrap();
    assert!(latest < 2 * SECOND, "{latest:?}");
    // It is kept alive meanwhile, and reported to.
    let alive = pulled.camera.requests.iter();
    assert!(alive.filter(|method| *method == "OPTIONS").count() >= 1);
    assert!(pulled.camera.reports >= 10, "{}", pulled.camera.reports);
}

/// What comes over such a path is a function of the seed.
#[test]
fn the_same_path_gives_the_same() {
    let run = |seed| {
        let link = Link {
            loss: 0.02,
            ..crooked()
        };
        let mut pulled = Pulled::new(seed, true, link);
        pulled.run(10 * SECOND);
        let seen = pulled.source.seen;
        (pulled.network.digest(), seen.frames, seen.sound)
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5).0, run(6).0);
}
