//! Every single datagram of the handshake lost in turn, or an alert of somebody else among them: the session
//! still connects.

use std::time::Duration;

use rtsp_webrtc_gateway::state::SessionState;
use testkit::net::Link;

use crate::world::{GATEWAY, Setup, VIEWER, World, address};

fn connects_without(from: &str, to: &str, n: u64) {
    let mut world = World::new(Setup::default());
    world.network.drop_nth(address(from), address(to), n);
    world.connect();
    world.run(Duration::from_secs(3));
    let elapsed = world.viewer.video.packets().next().unwrap().at - world.start;
    assert!(
        elapsed < Duration::from_secs(1),
        "first packet after {elapsed:?} without datagram {n} from {from}"
    );
}

#[test]
fn any_datagram_of_the_viewer_may_be_lost() {
    for n in 0..8 {
        connects_without(VIEWER, GATEWAY, n);
    }
}

#[test]
fn any_datagram_of_the_gateway_may_be_lost() {
    for n in 0..8 {
        connects_without(GATEWAY, VIEWER, n);
    }
}

#[test]
fn alerts_that_anybody_may_have_sent_do_not_end_a_handshake() {
    // A fatal alert, and close_notify.
    for (level, description) in [(2, 40), (1, 0)] {
        let mut world = World::new(Setup::default());
        let link = Link {
            delay: Duration::from_millis(50),
            ..Link::default()
        };
        world.network.set_default_link(link);
        while !world.viewer.is_connected() {
            let alert = [
                21,
                0xFE,
                0xFD,
                0,
                0,
                0,
                0,
                0,
                0,
                9,
                9,
                0,
                2,
                level,
                description,
            ];
            world.inject(address(VIEWER), &alert);
            world.run(Duration::from_millis(10));
            assert!(world.elapsed() < Duration::from_secs(1));
        }
        world.run(Duration::from_secs(1));
        assert_eq!(world.session.state(), SessionState::Connected);
        assert!(world.viewer.video.packets().next().is_some());
    }
}
