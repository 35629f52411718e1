//! A seeded in-memory network for tests that do no I/O: it decides which datagram arrives where and when.
//!
//! Time is virtual. A test sends at an instant of its choosing, asks for the next arrival, moves its clock there and
//! receives. The same seed, settings and sends give the same arrivals.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use testkit::net::{Link, Network};
//!
//! let (camera, viewer) = ("10.0.0.1:5000".parse().unwrap(), "10.0.0.2:6000".parse().unwrap());
//! let mut network = Network::new(1);
//! network.set_link(camera, viewer, Link { delay: Duration::from_millis(20), ..Link::default() });
//!
//! let start = Instant::now();
//! network.send(start, camera, viewer, b"hello");
//! assert_eq!(network.next_arrival(), Some(start + Duration::from_millis(20)));
//! assert!(network.receive(start).is_none());
//! assert_eq!(network.receive(start + Duration::from_millis(20)).unwrap().bytes, b"hello");
//! ```

mod link;
mod trace;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

pub use link::{Bandwidth, Bursts, Fate, Link, Pipe, Step};
pub use trace::{lte, wifi};

/// A datagram on its way or arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// What happened in one direction so far, in datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Handed to [`Network::send`], and their bytes.
    pub sent: u64,
    pub bytes: u64,
    /// Lost at random or on request.
    pub lost: u64,
    /// Dropped because the queue was full.
    pub overflowed: u64,
    /// Arrived twice.
    pub duplicated: u64,
    /// Held back.
    pub reordered: u64,
}

/// The network. Directions that were not given a [`Link`] of their own use the default link.
pub struct Network {
    random: fastrand::Rng,
    default_link: Link,
    directions: HashMap<(SocketAddr, SocketAddr), Direction>,
    /// Another network may share them.
    pipes: Vec<Rc<RefCell<Pipe>>>,
    /// Pipes that use the default link.
    followers: Vec<usize>,
    /// By arrival; the serial number keeps datagrams that arrive together in sending order.
    in_flight: BTreeMap<(Instant, u64), Datagram>,
    serial: u64,
    began: Option<Instant>,
    trace: DefaultHasher,
}

struct Direction {
    pipe: usize,
    drops: BTreeSet<u64>,
    counts: Counts,
}

impl Network {
    /// A network whose links are perfect until they are set otherwise.
    pub fn new(seed: u64) -> Network {
        Network {
            random: fastrand::Rng::with_seed(seed),
            default_link: Link::default(),
            directions: HashMap::new(),
            pipes: Vec::new(),
            followers: Vec::new(),
            in_flight: BTreeMap::new(),
            serial: 0,
            began: None,
            trace: DefaultHasher::new(),
        }
    }

    /// Sets the link of every direction without one of its own, for datagrams sent from now on.
    pub fn set_default_link(&mut self, link: Link) {
        self.default_link = link;
        for &pipe in &self.followers {
            self.pipes[pipe].borrow_mut().link = link;
        }
    }

    /// Sets the link of one direction, for datagrams sent from now on.
    pub fn set_link(&mut self, from: SocketAddr, to: SocketAddr, link: Link) {
        let pipe = self.direction(from, to).pipe;
        self.followers.retain(|follower| *follower != pipe);
        self.pipes[pipe].borrow_mut().link = link;
    }

    /// Sets one link for several directions, which share its queue and its wire.
    pub fn set_shared_link(&mut self, directions: &[(SocketAddr, SocketAddr)], link: Link) {
        let pipe = self.pipes.len();
        let random = self.random.fork();
        self.pipes
            .push(Rc::new(RefCell::new(Pipe::new(link, random))));
        for &(from, to) in directions {
            self.direction(from, to).pipe = pipe;
        }
    }

    /// Lets one direction of another network, `theirs`, share the link of `ours`. Sends of both are expected in
    /// order of time.
    pub fn share_link(
        &mut self,
        ours: (SocketAddr, SocketAddr),
        other: &mut Network,
        theirs: (SocketAddr, SocketAddr),
    ) {
        let mine = self.direction(ours.0, ours.1).pipe;
        let shared = Rc::clone(&self.pipes[mine]);
        let pipe = other.pipes.len();
        other.pipes.push(shared);
        other.direction(theirs.0, theirs.1).pipe = pipe;
    }

    /// Drops the `n`-th datagram ever sent in this direction; the first is number 0.
    pub fn drop_nth(&mut self, from: SocketAddr, to: SocketAddr, n: u64) {
        self.direction(from, to).drops.insert(n);
    }

    /// What happened in this direction so far.
    pub fn counts(&self, from: SocketAddr, to: SocketAddr) -> Counts {
        self.directions
            .get(&(from, to))
            .map_or(Counts::default(), |direction| direction.counts)
    }

    /// A digest of all that was sent so far: when, from where to where, how many bytes, and what the link did with it. It is
    /// the same if the same happened, and does not depend on contents.
    pub fn digest(&self) -> u64 {
        self.trace.finish()
    }

    /// Sends a datagram at `now`. Sends of one direction are expected in order of time.
    pub fn send(
        &mut self,
        now: Instant,
        from: SocketAddr,
        to: SocketAddr,
        bytes: impl Into<Vec<u8>>,
    ) {
        let bytes = bytes.into();
        let direction = self.direction(from, to);
        let n = direction.counts.sent;
        direction.counts.sent += 1;
        direction.counts.bytes += bytes.len() as u64;
        let lose = direction.drops.remove(&n);
        let pipe = direction.pipe;
        let fate = self.pipes[pipe].borrow_mut().carry(now, bytes.len(), lose);
        let since = now - *self.began.get_or_insert(now);
        let arrives = match fate {
            Fate::Arrives { at, twice, .. } => Some((at - now, twice)),
            Fate::Lost | Fate::Overflowed => None,
        };
        (since, from, to, bytes.len(), arrives).hash(&mut self.trace);
        let counts = &mut self.direction(from, to).counts;
        match fate {
            Fate::Lost => counts.lost += 1,
            Fate::Overflowed => counts.overflowed += 1,
            Fate::Arrives {
                at,
                twice,
                reordered,
            } => {
                counts.duplicated += u64::from(twice);
                counts.reordered += u64::from(reordered);
                let datagram = Datagram { from, to, bytes };
                if twice {
                    self.enqueue(at, datagram.clone());
                }
                self.enqueue(at, datagram);
            }
        }
    }

    /// When the next datagram arrives anywhere, if one is in flight.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.in_flight.keys().next().map(|(arrival, _)| *arrival)
    }

    /// Takes the next datagram that has arrived by `now`.
    pub fn receive(&mut self, now: Instant) -> Option<Datagram> {
        let first = self.in_flight.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    fn enqueue(&mut self, arrival: Instant, datagram: Datagram) {
        self.in_flight.insert((arrival, self.serial), datagram);
        self.serial += 1;
    }

    fn direction(&mut self, from: SocketAddr, to: SocketAddr) -> &mut Direction {
        self.directions.entry((from, to)).or_insert_with(|| {
            // Each direction draws from its own generator, so that traffic one way does not change the luck of the other.
            let pipe = self.pipes.len();
            let link = Pipe::new(self.default_link, self.random.fork());
            self.pipes.push(Rc::new(RefCell::new(link)));
            self.followers.push(pipe);
            Direction {
                pipe,
                drops: BTreeSet::new(),
                counts: Counts::default(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn addresses() -> (SocketAddr, SocketAddr) {
        (
            "10.0.0.1:1000".parse().unwrap(),
            "10.0.0.2:2000".parse().unwrap(),
        )
    }

    fn number(datagram: &Datagram) -> u32 {
        u32::from_be_bytes(datagram.bytes[..4].try_into().unwrap())
    }

    /// Sends `count` numbered datagrams, one a millisecond, and returns what arrives, with its time since the start.
    fn run(seed: u64, link: Link, count: u32) -> (Vec<(Duration, u32)>, Counts) {
        let (a, b) = addresses();
        let start = Instant::now();
        let mut network = Network::new(seed);
        network.set_link(a, b, link);
        for n in 0..count {
            network.send(start + n * MS, a, b, n.to_be_bytes());
        }
        let mut arrived = Vec::new();
        while let Some(at) = network.next_arrival() {
            let datagram = network.receive(at).unwrap();
            assert_eq!((datagram.from, datagram.to), (a, b));
            arrived.push((at - start, number(&datagram)));
        }
        (arrived, network.counts(a, b))
    }

    #[test]
    fn a_perfect_link_delivers_all_in_order_at_once() {
        let (arrived, counts) = run(1, Link::default(), 100);
        let expected: Vec<_> = (0..100).map(|n| (n * MS, n)).collect();
        assert_eq!(arrived, expected);
        assert_eq!(
            counts,
            Counts {
                sent: 100,
                bytes: 400,
                ..Counts::default()
            }
        );
    }

    #[test]
    fn nothing_arrives_before_its_time() {
        let (a, b) = addresses();
        let now = Instant::now();
        let mut network = Network::new(1);
        network.set_default_link(Link {
            delay: 30 * MS,
            ..Link::default()
        });
        network.send(now, a, b, b"x");
        assert!(network.receive(now + 29 * MS).is_none());
        assert!(network.receive(now + 30 * MS).is_some());
        assert_eq!(network.next_arrival(), None);
    }

    #[test]
    fn the_same_seed_gives_the_same_arrivals_and_another_seed_others() {
        let link = Link {
            delay: 10 * MS,
            jitter: 5 * MS,
            loss: 0.1,
            duplicate: 0.1,
            reorder: 0.1,
            reorder_by: 4 * MS,
            ..Link::default()
        };
        assert_eq!(run(7, link, 500), run(7, link, 500));
        assert_ne!(run(7, link, 500), run(8, link, 500));
    }

    #[test]
    fn random_loss_is_near_its_probability() {
        let (arrived, counts) = run(
            3,
            Link {
                loss: 0.05,
                ..Link::default()
            },
            10_000,
        );
        assert!((400..600).contains(&counts.lost), "{counts:?}");
        assert_eq!(arrived.len() as u64, 10_000 - counts.lost);
    }

    #[test]
    fn the_chosen_datagram_is_dropped() {
        let (a, b) = addresses();
        let now = Instant::now();
        let mut network = Network::new(1);
        network.drop_nth(a, b, 1);
        for n in 0..3u32 {
            network.send(now, a, b, n.to_be_bytes());
            network.send(now, b, a, n.to_be_bytes());
        }
        let mut there = Vec::new();
        let mut back = Vec::new();
        while let Some(datagram) = network.receive(now) {
            let list = if datagram.to == b {
                &mut there
            } else {
                &mut back
            };
            list.push(number(&datagram));
        }
        assert_eq!(there, [0, 2]);
        assert_eq!(back, [0, 1, 2]);
    }

    #[test]
    fn jitter_delays_but_keeps_the_order() {
        let (arrived, _) = run(
            5,
            Link {
                delay: 20 * MS,
                jitter: 50 * MS,
                ..Link::default()
            },
            200,
        );
        assert!(arrived.is_sorted());
        assert_eq!(arrived.len(), 200);
        let late = arrived.iter().map(|(at, n)| *at - *n * MS);
        assert!(late.clone().all(|late| (20 * MS..=70 * MS).contains(&late)));
        assert!(late.clone().max() > late.min());
    }

    #[test]
    fn reordered_datagrams_are_overtaken() {
        let link = Link {
            reorder: 0.1,
            reorder_by: 3 * MS,
            ..Link::default()
        };
        let (arrived, counts) = run(5, link, 1000);
        let overtaken = arrived.windows(2).filter(|pair| pair[0].1 > pair[1].1);
        assert!(overtaken.count() > 50);
        assert!((50..150).contains(&counts.reordered), "{counts:?}");
        assert!(arrived.iter().all(|(at, n)| *at <= (n + 3) * MS));
    }

    #[test]
    fn duplicates_arrive_right_behind_the_original() {
        let (arrived, counts) = run(
            5,
            Link {
                duplicate: 1.0,
                ..Link::default()
            },
            10,
        );
        assert_eq!(counts.duplicated, 10);
        let numbers: Vec<u32> = arrived.iter().map(|(_, n)| *n).collect();
        assert_eq!(numbers[..4], [0, 0, 1, 1]);
        assert_eq!(numbers.len(), 20);
    }

    #[test]
    fn a_narrow_link_queues_up_to_its_limit() {
        let (a, b) = addresses();
        let start = Instant::now();
        let mut network = Network::new(1);
        // 972 + 28 bytes take 8 ms at 1 Mbit/s.
        let link = Link {
            bandwidth: 1_000_000.into(),
            queue: 16 * MS,
            delay: 5 * MS,
            ..Link::default()
        };
        network.set_link(a, b, link);
        for _ in 0..5 {
            network.send(start, a, b, [0; 972]);
        }
        let mut arrived = Vec::new();
        while let Some(at) = network.next_arrival() {
            network.receive(at).unwrap();
            arrived.push(at - start);
        }
        assert_eq!(arrived, [13 * MS, 21 * MS, 29 * MS]);
        assert_eq!(network.counts(a, b).overflowed, 2);
        network.send(start + 24 * MS, a, b, [0; 972]);
        assert_eq!(network.next_arrival(), Some(start + 37 * MS));
    }

    #[test]
    fn two_directions_share_a_wire() {
        let (a, b) = addresses();
        let c = "10.0.0.3:3000".parse().unwrap();
        let start = Instant::now();
        let mut network = Network::new(1);
        let link = Link {
            bandwidth: 1_000_000.into(),
            queue: 20 * MS,
            ..Link::default()
        };
        network.set_shared_link(&[(a, b), (a, c)], link);
        for to in [b, c, b, c, b] {
            network.send(start, a, to, [0; 972]);
        }
        let mut arrived = Vec::new();
        while let Some(at) = network.next_arrival() {
            arrived.push((at - start, network.receive(at).unwrap().to));
        }
        assert_eq!(
            arrived,
            [(8 * MS, b), (16 * MS, c), (24 * MS, b)],
            "in turn, up to 20 ms of queue"
        );
        let overflowed = |to| network.counts(a, to).overflowed;
        assert_eq!((overflowed(b), overflowed(c)), (1, 1));
    }

    #[test]
    fn traffic_one_way_leaves_the_other_way_alone() {
        let (a, b) = addresses();
        let lost = |extra: u32| {
            let now = Instant::now();
            let mut network = Network::new(9);
            network.set_default_link(Link {
                loss: 0.5,
                ..Link::default()
            });
            network.set_link(
                a,
                b,
                Link {
                    loss: 0.5,
                    ..Link::default()
                },
            );
            let mut arrived = Vec::new();
            for n in 0..100u32 {
                for _ in 0..extra {
                    network.send(now, b, a, [0; 4]);
                }
                network.send(now, a, b, n.to_be_bytes());
            }
            while let Some(datagram) = network.receive(now) {
                if datagram.to == b {
                    arrived.push(number(&datagram));
                }
            }
            arrived
        };
        assert_eq!(lost(0), lost(3));
    }
}
