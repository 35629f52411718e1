//! A phone leaves its Wi-Fi: the picture follows it.

use std::time::Duration;

use rtsp_webrtc_gateway::state::SessionState;

use crate::world::{Setup, VIEWER, World, address};

#[test]
fn media_follows_a_nomination_from_a_new_address() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_secs(1));
    let mobile = address("203.0.113.20:7000");
    let now = world.now;
    world.viewer.roam(now, mobile);
    world.run(Duration::from_secs(2));
    assert_eq!(world.session.remote(), Some(mobile));
    assert_eq!(world.session.state(), SessionState::Connected);
    world.assert_undamaged(60);
    assert_ne!(world.viewer.address(), address(VIEWER));
}
