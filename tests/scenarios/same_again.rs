//! A scenario is a function of its seed: played again, the same datagrams leave at the same times and have the same fate. Only
//! what they contain differs.

use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::state::StreamId;
use testkit::net::{Bursts, Link};

use crate::thin::{MAIN, MS, SECOND, put_behind, setup, times};
use crate::world::camera::{Camera, Frames};
use crate::world::{STREAM, Setup, World, beginning};

/// A link that carries a fifth less than the stream, with everything that goes wrong on links.
fn bad() -> Link {
    Link {
        jitter: 15 * MS,
        loss: 0.01,
        bursts: Some(Bursts {
            start: 0.002,
            stop: 0.2,
            loss: 0.5,
        }),
        duplicate: 0.01,
        reorder: 0.01,
        reorder_by: 7 * MS,
        ..times(8, 150 * MS)
    }
}

/// Half a minute of a viewer who is shown one variant or another.
fn play(start: Instant, seed: u64) -> u64 {
    let sub = Frames {
        sizes: (9_000, 870),
        first: 50,
        ..MAIN
    };
    let other = StreamId(2);
    let setup = Setup {
        frames: Some(MAIN),
        variants: vec![STREAM, other],
        cameras: vec![Camera::new(start, other, sub)],
        seed,
        ..setup()
    };
    let mut world = World::at(start, setup);
    put_behind(&mut world, bad());
    world.camera_ran(1700 * MS);
    world.connect();
    world.run(30 * SECOND);
    let figures = world.session.figures();
    assert!(figures.packets > 500, "{figures:?}");
    world.network.digest()
}

#[test]
fn a_scenario_played_again_is_the_same() {
    let first = play(beginning(), 1);
    for more in [0, 1, 999_999_999] {
        let start = beginning() + Duration::from_nanos(more);
        assert_eq!(play(start, 1), first, "{more} ns later");
    }
    assert_ne!(play(beginning(), 2), first);
}
