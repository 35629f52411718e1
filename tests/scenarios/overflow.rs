//! A viewer that falls behind the ring resumes at a keyframe, never mid-GOP.

use std::time::Duration;

use rtsp_webrtc_gateway::internals::media::RingLimits;

use crate::world::{LIMITS, Setup, World};

#[test]
fn resumes_at_a_keyframe() {
    let mut world = World::new(Setup::default());
    world.video.ring_mut().set_limits(RingLimits {
        packets: 16,
        ..LIMITS
    });
    world.connect();
    world.run(Duration::from_millis(500));
    let seen = world.viewer.video.access_units().len();
    world.socket_full = true;
    world.run(Duration::from_secs(3));
    world.socket_full = false;
    world.run(Duration::from_secs(2));
    assert!(world.session.figures().overflows >= 1);
    let units = world.viewer.video.access_units();
    assert_eq!(world.viewer.video.lost(), 0, "sequence numbers have no gap");
    assert!(units.len() > seen + 40);
    assert!(units[seen].is_keyframe());
    // The time line has the gap that the eye sees.
    let gap = units[seen]
        .timestamp
        .wrapping_sub(units[seen - 1].timestamp);
    assert!(gap > 90_000, "{gap}");
}

#[test]
fn a_short_jam_loses_nothing() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_millis(500));
    world.socket_full = true;
    world.run(Duration::from_millis(300));
    world.socket_full = false;
    world.run(Duration::from_secs(2));
    assert_eq!(world.session.figures().overflows, 0);
    world.assert_undamaged(60);
}
