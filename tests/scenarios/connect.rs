//! A viewer connects, sees and hears.

use std::time::Duration;

use rtsp_webrtc_gateway::state::SessionState;

use crate::world::{Setup, World};

#[test]
fn picture_and_sound_arrive_undamaged() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_secs(5));
    world.assert_undamaged(100);
    let packets: Vec<_> = world.viewer.audio.packets().collect();
    assert!(packets.len() > 240, "{}", packets.len());
    for pair in packets.windows(2) {
        assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp), 160);
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
    }
    assert_eq!(
        world.states(),
        [
            SessionState::New,
            SessionState::Connecting,
            SessionState::Connected
        ]
    );
}

#[test]
fn the_viewer_can_leave() {
    let mut world = World::new(Setup::default());
    world.connect();
    let now = world.now;
    world.viewer.close(now);
    world.run(Duration::from_millis(10));
    assert_eq!(world.session.state(), SessionState::Closed);
}

#[test]
fn the_gateway_says_good_bye() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_millis(100));
    world.with_session(|session, io| session.close(io));
    world.run(Duration::from_millis(10));
    assert!(world.viewer.is_closed());
    assert_eq!(
        world.viewer.byes,
        [world.viewer.video.ssrc(), world.viewer.audio.ssrc()]
    );
    assert_eq!(world.session.state(), SessionState::Closed);
}
