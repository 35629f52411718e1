//! A viewer connects, sees and hears.

use std::time::Duration;

use rtsp_webrtc_gateway::state::SessionState;
use testkit::net::Link;

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
fn takes_four_round_trips() {
    let mut world = World::new(Setup::default());
    let delay = Duration::from_millis(50);
    world.network.set_default_link(Link {
        delay,
        ..Link::default()
    });
    world.connect();
    // ICE check; ClientHello and HelloVerifyRequest; ClientHello and ServerHello; Finished. The world
    // notices with the next thing that happens, which is at most 20 ms later.
    let late = world.elapsed().checked_sub(4 * 2 * delay).expect("four");
    assert!(late <= Duration::from_millis(20), "{late:?}");
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
