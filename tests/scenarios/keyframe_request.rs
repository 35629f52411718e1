//! A viewer that cannot decode asks for a keyframe and gets the last one.

use std::time::Duration;

use testkit::viewer::ViewerConfig;

use crate::world::{GATEWAY, Setup, VIEWER, World};

fn without_nack() -> Setup {
    Setup {
        viewer: ViewerConfig {
            nack: false,
            rtx: false,
            ..ViewerConfig::chromium()
        },
        ..Setup::default()
    }
}

#[test]
fn the_first_keyframe_lost_comes_again_with_its_backlog() {
    let mut world = World::new(without_nack());
    world.camera_ran(Duration::from_millis(500));
    world.connect();
    world.cut(GATEWAY, VIEWER);
    world.run(Duration::from_millis(250));
    world.mend(GATEWAY, VIEWER);
    world.viewer.send_pli();
    world.run(Duration::from_millis(100));
    assert_eq!(world.session.figures().plis, 1);
    let units = world.viewer.video.access_units();
    let keyframe = units.iter().position(|unit| unit.is_keyframe());
    let keyframe = keyframe.expect("a keyframe, although none is due");
    assert!(units.len() - keyframe > 5, "and what followed it");
}

#[test]
fn a_storm_of_requests_costs_little() {
    let mut world = World::new(without_nack());
    world.connect();
    world.run(Duration::from_secs(2));
    let before = world.session.figures().packets;
    world.run(Duration::from_secs(4));
    let usual = world.session.figures().packets - before;
    let before = world.session.figures().packets;
    for _ in 0..400 {
        world.viewer.send_pli();
        world.run(Duration::from_millis(10));
    }
    let under_storm = world.session.figures().packets - before;
    assert!(under_storm < usual * 4, "{under_storm} instead of {usual}");
}

#[test]
fn while_the_camera_is_away_the_past_is_not_shown_again() {
    let mut world = World::new(without_nack());
    world.connect();
    world.run(Duration::from_secs(2));
    world.switch_camera(false);
    world.run(Duration::from_secs(3));
    let before = world.viewer.video.count();
    for _ in 0..10 {
        world.viewer.send_pli();
        world.run(Duration::from_secs(3));
    }
    assert_eq!(world.session.figures().plis, 10);
    assert_eq!(world.viewer.video.count(), before);
}
