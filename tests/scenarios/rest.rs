//! Paths that carry far more than the stream: they are not measured all the time, and a queue is noticed
//! all the same.

use std::time::Duration;

use testkit::net::{Bandwidth, Link, Step};

use crate::thin::{MS, SECOND, behind, setup, times, watch};
use crate::world::{GATEWAY, VIEWER, World, address};

/// Datagrams from the viewer per second: feedback, reports, ICE checks.
fn heard(world: &mut World, seconds: u32) -> f64 {
    let sent = |world: &World| world.network.counts(address(VIEWER), address(GATEWAY)).sent;
    let before = sent(world);
    world.run(SECOND * seconds);
    (sent(world) - before) as f64 / f64::from(seconds)
}

#[test]
fn a_wide_path_is_sampled() {
    let near = Link::default();
    let wide = Link {
        delay: 10 * MS,
        ..times(400, 100 * MS)
    };
    for link in [near, wide] {
        let mut world = behind(link, 700 * MS, setup());
        let start = heard(&mut world, 2);
        world.run(SECOND);
        let later = heard(&mut world, 30);
        println!("{start} {later} {:?}", world.session.figures());
        assert!(start > 8.0, "feedback from the start: {start}");
        assert!(later < 4.0, "{later}");
        let seen = watch(&mut world, 10 * SECOND);
        assert!(seen.gap < 60 * MS, "{seen:?}");
    }
}

#[test]
fn a_path_that_is_no_longer_wide_is_measured_again() {
    static STEPS: [Step; 2] = [
        Step {
            lasts: Duration::from_secs(20),
            rate: 20_000_000,
        },
        Step {
            lasts: Duration::from_secs(600),
            rate: 400_000,
        },
    ];
    let link = Link {
        bandwidth: Bandwidth::Steps(&STEPS),
        queue_bytes: None,
        queue: 300 * MS,
        ..times(400, 100 * MS)
    };
    let mut world = behind(link, 700 * MS, setup());
    world.run(18 * SECOND);
    assert!(heard(&mut world, 1) < 5.0);
    world.run(2 * SECOND);
    let narrowed = watch(&mut world, 4 * SECOND);
    println!("{narrowed:?} {:?}", world.session.figures());
    assert!(heard(&mut world, 2) > 8.0);
    assert!(world.session.figures().estimate.unwrap() < 600_000);
    let later = watch(&mut world, 20 * SECOND);
    println!("{later:?} {:?}", world.session.figures());
    assert!(later.gap < 2600 * MS, "{later:?}");
    assert!(later.lost < 0.02, "{later:?}");
}
