//! A viewer gets another address: the picture follows it.

use std::time::Duration;

use rtsp_webrtc_gateway::state::SessionState;
use testkit::net::Link;

use crate::world::{GATEWAY, Setup, VIEWER, World, address};

const MOBILE: &str = "203.0.113.20:7000";
const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A viewer behind links with this delay that has watched for a while.
fn playing(delay: Duration) -> World {
    let mut world = World::new(Setup::default());
    world.network.set_default_link(Link {
        delay,
        ..Link::default()
    });
    world.connect();
    world.run(3 * SECOND);
    world
}

/// The longest time between two pictures, or between the last and now.
fn longest_gap(world: &World) -> Duration {
    let units = world.viewer.video.access_units();
    let times: Vec<_> = units
        .iter()
        .map(|unit| unit.at)
        .chain([world.now])
        .collect();
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.max().unwrap()
}

#[test]
fn media_follows_a_nomination_from_a_new_address() {
    let mut world = playing(Duration::ZERO);
    let now = world.now;
    world.viewer.roam(now, address(MOBILE));
    world.run(2 * SECOND);
    assert_eq!(world.session.remote(), Some(address(MOBILE)));
    assert_eq!(world.session.state(), SessionState::Connected);
    world.assert_undamaged(110);
    assert_ne!(world.viewer.address(), address(VIEWER));
}

#[test]
fn from_wifi_to_cable_and_back_there_is_no_gap() {
    for delay in [0, 10, 50] {
        let delay = delay * MS;
        let mut world = playing(delay);
        for to in [MOBILE, VIEWER, MOBILE] {
            let now = world.now;
            world.viewer.roam(now, address(to));
            world.run(7 * SECOND);
            assert_eq!(world.session.remote(), Some(address(to)));
        }
        // What was on its way to the old address is lost, then a check, ours, its answer and a picture are on
        // their way.
        let gap = longest_gap(&world);
        assert!(gap <= 5 * delay + 100 * MS, "{delay:?}: {gap:?}");
    }
}

#[test]
fn where_consent_has_ended_nothing_is_sent_before_it_is_given_anew() {
    let mut world = playing(10 * MS);
    let now = world.now;
    world.viewer.roam(now, address(MOBILE));
    world.run(40 * SECOND);
    // By now somebody else may have the first address.
    world.viewer.answers_checks = false;
    let now = world.now;
    world.viewer.roam(now, address(VIEWER));
    let before = world.network.counts(address(GATEWAY), address(VIEWER));
    world.run(5 * SECOND);
    let after = world.network.counts(address(GATEWAY), address(VIEWER));
    assert!(after.bytes - before.bytes < 2000, "{before:?} {after:?}");
    assert_eq!(world.session.remote(), Some(address(MOBILE)));
    world.viewer.answers_checks = true;
    world.run(3 * SECOND);
    assert_eq!(world.session.remote(), Some(address(VIEWER)));
    assert_eq!(world.session.state(), SessionState::Connected);
}
