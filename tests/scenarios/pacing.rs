//! Large access units are spread over time, so that a narrow link carries them.

use std::time::Duration;

use testkit::net::Link;

use crate::world::{GATEWAY, Setup, VIEWER, World, address};

/// A camera of 4 Mbit/s whose keyframes have 300 kB, and a viewer whose link carries 10 Mbit/s
/// and queues 30 ms.
fn behind_a_bottleneck(pacing: Option<u64>, congestion: bool) -> World {
    let mut world = World::new(Setup {
        pacing,
        congestion,
        sizes: Some((300_000, 14_000)),
        ..Setup::default()
    });
    world.network.set_default_link(Link {
        delay: Duration::from_millis(10),
        ..Link::default()
    });
    let bottleneck = Link {
        delay: Duration::from_millis(10),
        bandwidth: 10_000_000.into(),
        queue: Duration::from_millis(30),
        ..Link::default()
    };
    world
        .network
        .set_link(address(GATEWAY), address(VIEWER), bottleneck);
    // The stream's rate is known when the viewer comes, in the middle of a GOP.
    world.camera_ran(Duration::from_secs(5));
    world.connect();
    world.run(Duration::from_secs(20));
    world
}

fn overflowed(world: &World) -> u64 {
    let counts = world.network.counts(address(GATEWAY), address(VIEWER));
    counts.overflowed
}

#[test]
fn with_pacing_nothing_is_lost() {
    // 4.2 Mbit/s with headers, times 2.3: what the link carries.
    let world = behind_a_bottleneck(Some(220), false);
    assert_eq!(overflowed(&world), 0);
    assert_eq!(world.viewer.video.lost(), 0);
    assert!(world.longest_run <= 16);
    // And the viewer does not fall behind.
    let newest = world.viewer.video.packets().last().unwrap();
    assert!(world.now - newest.at < Duration::from_millis(100));
}

#[test]
fn without_pacing_every_keyframe_overflows_the_queue() {
    let world = behind_a_bottleneck(None, false);
    assert!(overflowed(&world) > 1000, "{}", overflowed(&world));
}

#[test]
fn a_near_viewer_gets_a_keyframe_at_once() {
    let mut world = World::new(Setup {
        sizes: Some((300_000, 14_000)),
        ..Setup::default()
    });
    world.camera_ran(Duration::from_millis(500));
    world.connect();
    let connected = world.now;
    world.run(Duration::from_millis(10));
    let units = world.viewer.video.access_units();
    assert!(units[0].is_keyframe());
    assert!(units[0].at - connected < Duration::from_millis(2));
}

#[test]
fn by_the_estimate_hardly_anything_is_lost_once_the_path_is_measured() {
    let mut world = behind_a_bottleneck(Some(250), true);
    let at_start = overflowed(&world);
    world.run(Duration::from_secs(20));
    // Of 9500 packets each; without pacing more than 1000.
    assert!(at_start < 150, "{at_start}");
    let later = overflowed(&world) - at_start;
    assert!(later < 95, "{later}");
    assert_eq!(world.session.figures().overflows, 0);
    // And the viewer does not fall behind.
    let newest = world.viewer.video.packets().last().unwrap();
    assert!(world.now - newest.at < Duration::from_millis(100));
}

#[test]
fn by_the_estimate_a_near_viewer_gets_the_first_keyframe_soon_and_the_others_at_once() {
    let mut world = World::new(Setup {
        sizes: Some((300_000, 14_000)),
        congestion: true,
        ..Setup::default()
    });
    world.camera_ran(Duration::from_millis(500));
    world.connect();
    let connected = world.now;
    world.run(Duration::from_secs(4));
    let units = world.viewer.video.access_units();
    assert!(units[0].is_keyframe());
    let first = units[0].at - connected;
    assert!(first < Duration::from_millis(110), "{first:?}");
    let mut others = units[1..].iter().filter(|unit| unit.is_keyframe());
    for unit in others.by_ref().take(2) {
        assert!(unit.at - world.frame_time(unit.timestamp) < Duration::from_millis(10));
    }
    // The rest of the first GOP came as soon as the path was measured.
    let second = units[12].at - connected;
    assert!(second < Duration::from_millis(200), "{second:?}");
}
