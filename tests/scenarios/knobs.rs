//! Knobs by their effect on a session.

use std::time::Duration;

use rtsp_webrtc_gateway::internals::media::RingLimits;
use testkit::clip::Clip;

use crate::world::{LIMITS, Setup, World};

/// Time from connecting to the first picture when the last keyframe is half a second old.
fn first_picture(keep_gop: bool) -> Duration {
    let mut world = World::new(Setup::default());
    let limits = RingLimits { keep_gop, ..LIMITS };
    world.video.ring_mut().set_limits(limits);
    world.camera_ran(Duration::from_millis(500));
    world.connect();
    let connected = world.now;
    world.run(Duration::from_secs(2));
    world.assert_undamaged(20);
    world.viewer.video.access_units()[0].at - connected
}

#[test]
fn gop_cache_shows_the_last_keyframe_at_once() {
    assert!(first_picture(true) < Duration::from_millis(50));
}

#[test]
fn without_gop_cache_the_next_keyframe_is_the_first_picture() {
    assert!(first_picture(false) > Duration::from_millis(400));
}

fn longest_run(batch: usize) -> usize {
    let mut world = World::new(Setup {
        clip: Clip::Main720p,
        pacing: None,
        ..Setup::default()
    });
    world.batch = batch;
    world.connect();
    world.run(Duration::from_secs(3));
    world.assert_undamaged(70);
    world.longest_run
}

#[test]
fn send_batch_packets_bounds_a_run() {
    assert_eq!(longest_run(1), 1);
    assert_eq!(longest_run(5), 5);
    assert!(longest_run(64) > 16);
}
