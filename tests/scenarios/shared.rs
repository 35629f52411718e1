//! Viewers behind one address: behind one link, or each behind one of its own.

use std::sync::Arc;
use std::time::Duration;

use rtsp_webrtc_gateway::state::Detail;
use testkit::clip::Clip;
use testkit::net::Link;

use crate::thin::{MS, SECOND, STREAM, put_behind, times, without_sound};
use crate::world::{GATEWAY, Setup, VIEWER, World, address, beginning};

/// Two viewers, or more, each in a world of its own but for the link.
struct Neighbors(Vec<World>);

impl Neighbors {
    /// The second viewer comes `later` than the first, which comes `after` the camera was switched on.
    fn new(link: Link, after: Duration, later: Duration) -> Neighbors {
        let mut pair = Neighbors::apart(2, without_sound, link, after, later);
        pair.share_link();
        pair
    }

    /// So many, one after the other, each of which has such a link of its own.
    fn apart(
        count: u32,
        setup: impl Fn() -> Setup,
        link: Link,
        after: Duration,
        later: Duration,
    ) -> Neighbors {
        let start = beginning();
        let paths = Arc::default();
        let worlds = (0..count).map(|place| {
            let after = after + place * later;
            let setup = Setup {
                paths: Arc::clone(&paths),
                ..setup()
            };
            let mut world = World::at(start, setup);
            world.camera_ran(after);
            put_behind(&mut world, link);
            world
        });
        Neighbors(worlds.collect())
    }

    /// The link of the one is that of the other.
    fn share_link(&mut self) {
        let way = (address(GATEWAY), address(VIEWER));
        let [one, other] = &mut self.0[..] else {
            panic!("two share a link");
        };
        one.network.share_link(way, &mut other.network, way);
    }

    /// Both go on in steps of a millisecond.
    fn run(&mut self, time: Duration) {
        let now = self.0.iter().map(|world| world.now).min().unwrap();
        for ms in 1..=time.as_millis() as u32 {
            for world in &mut self.0 {
                let step = (now + ms * MS).saturating_duration_since(world.now);
                world.run(step);
            }
        }
    }

    /// Bytes on the wire so far.
    fn sent(&self) -> Vec<u64> {
        let sent = self.0.iter().map(|world| {
            let figures = world.session.figures();
            figures.bytes + 28 * figures.packets
        });
        sent.collect()
    }

    /// How often one of them was shown fewer frames, from this time on.
    fn shown_less(&self, from: Duration) -> usize {
        let less = |world: &World| {
            let late = world
                .qualities
                .iter()
                .filter(|(at, _)| *at > world.start + from);
            late.filter(|(_, quality)| quality.detail != Detail::AllFrames)
                .count()
        };
        self.0.iter().map(less).sum()
    }

    fn overflowed(&self) -> u64 {
        let counts = |world: &World| world.network.counts(address(GATEWAY), address(VIEWER));
        self.0.iter().map(|world| counts(world).overflowed).sum()
    }
}

/// What they got of their links. The shares are those after three seconds.
#[derive(Debug)]
struct Shares {
    /// Of the least, relative to the mean.
    lesser: f64,
    /// The most that was sent to all in any two seconds, relative to what one link carries.
    most: f64,
    /// Datagrams that the link dropped, relative to those that were sent.
    lost: f64,
    /// What was sent in all, relative to what one link carries.
    used: f64,
}

fn share(tenths: u64, after: Duration, later: Duration) -> Shares {
    let pair = Neighbors::new(times(tenths, 200 * MS), after, later);
    shares_of(pair, tenths, after, later)
}

fn shares_of(mut pair: Neighbors, tenths: u64, after: Duration, later: Duration) -> Shares {
    pair.run(later);
    let mut sent = vec![pair.sent()];
    for _ in 0..400 {
        pair.run(100 * MS);
        sent.push(pair.sent());
    }
    let carried = (STREAM * tenths / 10) as f64 / 8.0;
    let all = |at: usize| sent[at].iter().sum::<u64>() as f64;
    let windows = (20..sent.len()).map(|at| (all(at) - all(at - 20)) / 2.0 / carried);
    let got = |viewer: usize| (sent[400][viewer] - sent[30][viewer]) as f64;
    let count = pair.0.len();
    let sum: f64 = (0..count).map(got).sum();
    let packets: u64 = pair.0.iter().map(|w| w.session.figures().packets).sum();
    let shares = Shares {
        lesser: count as f64 * (0..count).map(got).fold(sum, f64::min) / sum,
        most: windows.fold(0.0, f64::max),
        lost: pair.overflowed() as f64 / packets as f64,
        used: sum / 37.0 / carried,
    };
    println!("{tenths}, {after:?} + {later:?}: {shares:?}");
    shares
}

const CASES: [(u32, u32); 12] = [
    (40, 0),
    (330, 120),
    (620, 1020),
    (910, 5070),
    (1200, 0),
    (1490, 340),
    (1780, 1000),
    (2070, 5100),
    (2360, 0),
    (2940, 310),
    (3230, 1100),
    (3810, 5000),
];

#[test]
fn a_link_that_carries_neither_stream_is_shared() {
    // Most depends on the milliseconds in which they come.
    let cases = [0, 74, 148, 222]
        .map(|shift| CASES.map(|(after, later)| share(16, (after + shift) * MS, later * MS)));
    let cases: Vec<Shares> = cases.into_iter().flatten().collect();
    let mean = cases.iter().map(|shares| shares.lesser).sum::<f64>() / cases.len() as f64;
    assert!(mean > 0.96, "{mean}");
    let over = cases.iter().filter(|shares| shares.most > 1.1).count();
    assert!(over <= 2, "{over}");
    for shares in &cases {
        // Within a fifth of each other.
        assert!(shares.lesser > 2.0 * 0.8 / 1.8, "{shares:?}");
        assert!(shares.lost < 0.005, "{shares:?}");
        // Until the second one has measured anything, nobody knows that they share a link.
        assert!(shares.most < 1.15, "{shares:?}");
        // Probes that fail take a tenth.
        assert!(shares.used > 0.88, "{shares:?}");
    }
}

#[test]
fn a_link_that_carries_both_streams_carries_both() {
    for (after, later) in CASES {
        let shares = share(24, after * MS, later * MS);
        assert!(shares.lesser > 0.95, "{shares:?}");
        assert!(shares.lost < 0.01, "{shares:?}");
    }
}

#[test]
fn who_has_a_link_of_its_own_uses_all_of_it() {
    for tenths in [12, 16] {
        let stream = 10.0 / tenths as f64;
        for (after, later) in CASES {
            let (after, later) = (after * MS, later * MS);
            let pair = Neighbors::apart(2, without_sound, times(tenths, 200 * MS), after, later);
            let shares = shares_of(pair, tenths, after, later);
            assert!(shares.lesser > 0.95, "{shares:?}");
            assert!(shares.used > 2.0 * 0.97 * stream, "{shares:?}");
        }
    }
}

/// As behind a carrier's NAT. They come at one time to eight cameras, whose keyframes come one after the other.
#[test]
fn eight_with_links_of_their_own_use_all_of_them() {
    for (after, phase) in [(4000, 510), (4200, 90), (5100, 330), (4700, 0)] {
        let (after, phase) = (after * MS, phase * MS);
        let (start, paths) = (beginning(), Arc::default());
        let worlds = (0..8).map(|place| {
            let setup = Setup {
                paths: Arc::clone(&paths),
                ..without_sound()
            };
            let mut world = World::at(start + place * phase, setup);
            world.camera_ran(after - place * phase);
            put_behind(&mut world, times(12, 100 * MS));
            world
        });
        let eight = Neighbors(worlds.collect());
        let shares = shares_of(eight, 12, after, Duration::ZERO);
        assert!(shares.lesser > 0.95, "{shares:?}");
        assert!(shares.used > 8.0 * 0.97 / 1.2, "{shares:?}");
    }
}

/// Keyframes of both leave at the same time, so each shows only a part of what the link carries, and less where
/// datagrams arrive unevenly.
#[test]
fn keyframes_of_both_at_once_take_no_frames_from_either() {
    let clip = || Setup {
        sizes: None,
        clip: Clip::High360p,
        ..without_sound()
    };
    // 2.4 times the clip's.
    let rate = 864_000;
    for (jitter, most) in [(0, 0), (10, 4)] {
        let link = Link {
            bandwidth: rate.into(),
            queue_bytes: Some(rate as usize * 100 / 8000 + 4096),
            jitter: jitter * MS,
            ..times(24, 100 * MS)
        };
        let mut less = 0;
        for (after, later) in CASES {
            let (after, later) = (after * MS, later * MS);
            let mut pair = Neighbors::apart(2, clip, link, after, later);
            pair.share_link();
            pair.run(later + 40 * SECOND);
            less += pair.shown_less(later + 8 * SECOND);
        }
        assert!(less <= most, "{less} times with {jitter} ms");
    }
}
