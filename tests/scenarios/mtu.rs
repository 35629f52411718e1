//! A link on the way drops large datagrams and does not say so: the packets become smaller, and the picture goes on.

use std::time::Duration;

use rtsp_webrtc_gateway::state::SessionState;
use testkit::net::Link;

use crate::world::{GATEWAY, Setup, VIEWER, World, address};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// A viewer of a camera with a keyframe every two seconds, behind a link with this delay.
fn playing(delay: Duration, link: Link) -> World {
    let mut world = World::new(Setup {
        sizes: Some((40_000, 6_000)),
        uneven: true,
        ..Setup::default()
    });
    world.network.set_default_link(Link { delay, ..link });
    world.connect();
    world.run(5 * SECOND);
    world
}

/// From now on datagrams of more bytes, without their headers, vanish on the way to the viewer.
fn narrow(world: &mut World, delay: Duration, mtu: usize) {
    let link = Link {
        delay,
        mtu: Some(mtu),
        ..Link::default()
    };
    world
        .network
        .set_link(address(GATEWAY), address(VIEWER), link);
}

#[test]
fn the_picture_goes_on_with_smaller_packets() {
    for round_trip in [10, 50, 100] {
        // An MTU of 1,200 bytes with IPv4.
        let (delay, mtu) = (round_trip * MS / 2, 1172);
        let mut world = playing(delay, Link::default());
        assert!(!world.session.drops_large());
        narrow(&mut world, delay, mtu);
        let at = world.now;
        world.run_till(5 * SECOND, |world| world.session.drops_large());
        let found = world.now - at;
        assert!(found <= 2 * SECOND, "{round_trip}: found after {found:?}");
        // The next keyframe is made of small packets.
        world.run(8 * SECOND);
        assert_eq!(world.session.state(), SessionState::Connected);
        let since = world.now - 3 * SECOND;
        let units = world.viewer.video.access_units();
        let late = units.iter().filter(|unit| unit.at >= since).count();
        assert!(
            late >= 70,
            "{round_trip}: {late} of 75 pictures in the last 3 s"
        );
    }
}

#[test]
fn other_losses_do_not_make_them_smaller() {
    for loss in [0.02, 0.1, 0.3] {
        let world = playing(
            25 * MS,
            Link {
                loss,
                ..Link::default()
            },
        );
        assert!(!world.session.drops_large(), "{loss}");
    }
    // A queue that overflows with each keyframe.
    let world = playing(
        25 * MS,
        Link {
            bandwidth: 2_000_000.into(),
            queue: 20 * MS,
            ..Link::default()
        },
    );
    assert!(!world.session.drops_large());
}
