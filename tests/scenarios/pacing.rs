//! Large access units are spread over time.

use std::time::Duration;

use testkit::clip::Clip;
use testkit::net::Link;

use crate::world::{GATEWAY, Setup, VIEWER, World, address};

/// Losses of a viewer behind a link of 10 Mbit/s whose queue holds 30 ms.
fn losses(pacing: Option<u64>) -> u64 {
    let mut world = World::new(Setup {
        pacing,
        clip: Clip::Main720p,
        ..Setup::default()
    });
    world.connect();
    world.run(Duration::from_secs(3));
    let bottleneck = Link {
        delay: Duration::from_millis(5),
        bandwidth: Some(10_000_000),
        queue: Duration::from_millis(30),
        ..Link::default()
    };
    world
        .network
        .set_link(address(GATEWAY), address(VIEWER), bottleneck);
    world.run(Duration::from_secs(10));
    let counts = world.network.counts(address(GATEWAY), address(VIEWER));
    counts.overflowed
}

#[test]
fn keyframes_fit_through_a_bottleneck_when_paced() {
    assert_eq!(losses(Some(250)), 0);
}
