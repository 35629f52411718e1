//! Signs of life, and what happens without.

use std::time::Duration;

use crate::world::{GATEWAY, Setup, VIEWER, World};
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::state::SessionState;

#[test]
fn a_viewer_that_never_comes_is_given_up() {
    let mut world = World::new(Setup::default());
    world.cut(VIEWER, GATEWAY);
    world.run(Duration::from_secs(25));
    assert_eq!(
        world.states(),
        [
            SessionState::New,
            SessionState::Failed,
            SessionState::Closed
        ]
    );
    let error = world.events[1].error.as_ref().unwrap();
    assert_eq!(error.status(), Status::Ice);
}

#[test]
fn a_viewer_that_falls_silent_is_disconnected_then_given_up() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_secs(10));
    assert_eq!(world.session.state(), SessionState::Connected);
    world.cut(VIEWER, GATEWAY);
    world.run(Duration::from_secs(9));
    assert_eq!(world.session.state(), SessionState::Disconnected);
    let before = world.session.figures().packets;
    world.run(Duration::from_secs(15));
    assert_eq!(
        world.session.figures().packets,
        before,
        "no media meanwhile"
    );
    world.run(Duration::from_secs(7));
    assert_eq!(world.session.state(), SessionState::Closed);
    let sent = world.session.figures().packets;
    world.run(Duration::from_secs(5));
    assert_eq!(
        world.session.figures().packets,
        sent,
        "no consent, no media"
    );
}

#[test]
fn a_viewer_that_comes_back_goes_on() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.cut(VIEWER, GATEWAY);
    world.run(Duration::from_secs(12));
    assert_eq!(world.session.state(), SessionState::Disconnected);
    world.mend(VIEWER, GATEWAY);
    world.run(Duration::from_secs(3));
    assert_eq!(world.session.state(), SessionState::Connected);
}

#[test]
fn media_goes_on_at_a_keyframe_when_a_viewer_is_heard_again() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_secs(10));
    world.cut(VIEWER, GATEWAY);
    world.cut(GATEWAY, VIEWER);
    world.run(Duration::from_secs(12));
    assert_eq!(world.session.state(), SessionState::Disconnected);
    let cut = world.now;
    world.mend(VIEWER, GATEWAY);
    world.mend(GATEWAY, VIEWER);
    world.run(Duration::from_secs(10));
    assert_eq!(world.session.state(), SessionState::Connected);
    let units = world.viewer.video.access_units();
    let mut later = units.iter().filter(|unit| unit.at > cut);
    assert!(later.next().unwrap().is_keyframe());
    assert!(later.count() > 50);
    let newest = units.last().unwrap();
    assert!(world.now - newest.at < Duration::from_millis(500));
}
