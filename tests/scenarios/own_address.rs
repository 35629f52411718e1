//! The gateway's own address changes: the picture goes on, or the host hears why it does not.

use std::time::Duration;

use rtsp_webrtc_gateway::state::SessionState::{Connected, Disconnected, Failed};

use crate::world::{VIEWER, World, address};

/// Another address of the gateway's host.
const OTHER: &str = "192.0.2.99:5000";
const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
/// Of the clip.
const FRAME: Duration = Duration::from_millis(40);

#[test]
fn the_viewer_is_asked_from_the_new_address_and_the_picture_goes_on() {
    for round_trip in [0, 20, 50, 100] {
        let round_trip = round_trip * MS;
        let mut world = World::playing(round_trip / 2);
        let at = world.now;
        world.move_gateway(address(OTHER));
        world.run(5 * SECOND);
        assert_eq!(world.session.state(), Connected);
        assert_eq!(world.session.remote(), Some(address(VIEWER)));
        assert_eq!(world.viewer.undecryptable, 0);
        let units = world.viewer.video.access_units();
        let next = units.iter().find(|unit| unit.at > at + round_trip / 2);
        let gap = next.expect("a picture from there").at - at;
        // A check of ours, its answer, and the next picture.
        let most = 2 * round_trip + 2 * FRAME;
        assert!(gap <= most, "{round_trip:?}: {gap:?}");
        world.assert_undamaged(150);
    }
}

#[test]
fn back_at_the_old_address_it_goes_on_too() {
    let mut world = World::playing(10 * MS);
    let old = world.gateway;
    for to in [address(OTHER), old, address(OTHER), old] {
        world.move_gateway(to);
        world.run(3 * SECOND);
        assert_eq!(world.session.state(), Connected);
    }
    world.assert_undamaged(300);
}

#[test]
fn a_viewer_that_is_not_reached_again_is_told_to_the_host() {
    let mut world = World::playing(10 * MS);
    world.viewer.answers_checks = false;
    world.viewer.sends_checks = false;
    world.move_gateway(address(OTHER));
    let event = world.events.last().unwrap();
    assert_eq!(event.state, Disconnected);
    let error = event.error.as_ref().expect("why");
    assert!(error.message().contains("192.0.2.1 "), "{error}");
    let before = world.network.counts(address(OTHER), address(VIEWER)).bytes;
    world.run(29 * SECOND);
    assert_eq!(world.session.state(), Disconnected);
    let after = world.network.counts(address(OTHER), address(VIEWER)).bytes;
    assert!(after - before < 5_000, "checks alone: {}", after - before);
    world.run(2 * SECOND);
    let failed = world.events.iter().find(|event| event.state == Failed);
    let error = failed.and_then(|event| event.error.as_ref()).expect("why");
    assert!(error.message().contains("restarted ICE"), "{error}");
}

#[test]
fn other_addresses_may_come_and_go() {
    let mut world = World::playing(10 * MS);
    let (gateway, states) = (world.gateway, world.states());
    assert_ne!(gateway.ip(), address(OTHER).ip());
    for gone in [&[][..], &[address(OTHER).ip()]] {
        world.with_session(|session, io| session.handle_addresses(gone, io));
        world.run(SECOND);
    }
    assert_eq!(world.states(), states);
    world.assert_undamaged(110);
}
