//! A late joiner starts from the last keyframe and is soon live.

use std::time::Duration;

use testkit::clip::Clip;

use crate::world::{Setup, World};

#[test]
fn the_backlog_comes_at_once_with_its_own_timestamps() {
    let mut world = World::new(Setup {
        clip: Clip::High360p,
        ..Setup::default()
    });
    world.camera_ran(Duration::from_millis(3500));
    world.connect();
    let connected = world.now;
    world.run(Duration::from_millis(300));
    world.assert_undamaged(85);
    let units = world.viewer.video.access_units();
    let first = units[0].at - connected;
    assert!(first < Duration::from_millis(20), "{first:?}");
    for pair in units.windows(2) {
        assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp), 3600);
    }
    // Every packet asks to be shown at once, or when its sound is heard: at most 200 ms later.
    for packet in world.viewer.video.packets() {
        assert_eq!(packet.extension[..4], [5 << 4 | 2, 0, 0, 20]);
    }
}
