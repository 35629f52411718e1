//! Two viewers behind one address: behind one link, or each behind one of its own.

use std::sync::Arc;
use std::time::Duration;

use rtsp_webrtc_gateway::state::Detail;
use testkit::clip::Clip;
use testkit::net::Link;

use crate::thin::{MS, SECOND, STREAM, put_behind, times, without_sound};
use crate::world::{GATEWAY, Setup, VIEWER, World, address, beginning};

/// Two viewers, each in a world of its own but for the link.
struct Pair([World; 2]);

impl Pair {
    /// The second viewer comes `later` than the first, which comes `after` the camera was switched on.
    fn new(link: Link, after: Duration, later: Duration) -> Pair {
        let mut pair = Pair::apart(without_sound, link, after, later);
        pair.share_link();
        pair
    }

    /// The same, but each has such a link of its own.
    fn apart(setup: impl Fn() -> Setup, link: Link, after: Duration, later: Duration) -> Pair {
        let start = beginning();
        let paths = Arc::default();
        let worlds = [after, after + later].map(|after| {
            let setup = Setup {
                paths: Arc::clone(&paths),
                ..setup()
            };
            let mut world = World::at(start, setup);
            world.camera_ran(after);
            put_behind(&mut world, link);
            world
        });
        Pair(worlds)
    }

    /// The link of the one is that of the other.
    fn share_link(&mut self) {
        let way = (address(GATEWAY), address(VIEWER));
        let [one, other] = &mut self.0;
        one.network.share_link(way, &mut other.network, way);
    }

    /// Both go on in steps of a millisecond.
    fn run(&mut self, time: Duration) {
        let now = self.0[0].now.min(self.0[1].now);
        for ms in 1..=time.as_millis() as u32 {
            for world in &mut self.0 {
                let step = (now + ms * MS).saturating_duration_since(world.now);
                world.run(step);
            }
        }
    }

    /// Bytes on the wire so far.
    fn sent(&self) -> [u64; 2] {
        self.0.each_ref().map(|world| {
            let figures = world.session.figures();
            figures.bytes + 28 * figures.packets
        })
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

/// What two viewers got of a link. The shares are those after three seconds.
#[derive(Debug)]
struct Shares {
    /// Of the lesser one, relative to half of both.
    lesser: f64,
    /// The most that was sent to both in any two seconds, relative to what the link carries.
    most: f64,
    /// Datagrams that the link dropped, relative to those that were sent.
    lost: f64,
    /// What was sent in all, relative to what the link carries.
    used: f64,
}

fn share(tenths: u64, after: Duration, later: Duration) -> Shares {
    let pair = Pair::new(times(tenths, 200 * MS), after, later);
    shares_of(pair, tenths, after, later)
}

fn shares_of(mut pair: Pair, tenths: u64, after: Duration, later: Duration) -> Shares {
    pair.run(later);
    let mut sent = vec![pair.sent()];
    for _ in 0..400 {
        pair.run(100 * MS);
        sent.push(pair.sent());
    }
    let carried = (STREAM * tenths / 10) as f64 / 8.0;
    let both = |at: usize| (sent[at][0] + sent[at][1]) as f64;
    let windows = (20..sent.len()).map(|at| (both(at) - both(at - 20)) / 2.0 / carried);
    let got = [0, 1].map(|viewer| (sent[400][viewer] - sent[30][viewer]) as f64);
    let packets: u64 = pair.0.iter().map(|w| w.session.figures().packets).sum();
    let shares = Shares {
        lesser: 2.0 * got[0].min(got[1]) / (got[0] + got[1]),
        most: windows.fold(0.0, f64::max),
        lost: pair.overflowed() as f64 / packets as f64,
        used: (got[0] + got[1]) / 37.0 / carried,
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
            let pair = Pair::apart(without_sound, times(tenths, 200 * MS), after, later);
            let shares = shares_of(pair, tenths, after, later);
            assert!(shares.lesser > 0.95, "{shares:?}");
            assert!(shares.used > 2.0 * 0.97 * stream, "{shares:?}");
        }
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
            let mut pair = Pair::apart(clip, link, after, later);
            pair.share_link();
            pair.run(later + 40 * SECOND);
            less += pair.shown_less(later + 8 * SECOND);
        }
        assert!(less <= most, "{less} times with {jitter} ms");
    }
}
