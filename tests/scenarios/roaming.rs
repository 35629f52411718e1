//! A viewer gets another address: the picture follows it.

use std::time::Duration;

use rtsp_webrtc_gateway::state::SessionState;

use crate::world::{GATEWAY, VIEWER, World, address};

const MOBILE: &str = "203.0.113.20:7000";
const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
/// Of the clip.
const FRAME: Duration = Duration::from_millis(40);

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
    let mut world = World::playing(Duration::ZERO);
    let now = world.now;
    world.viewer.roam(now, address(MOBILE));
    world.run(2 * SECOND);
    assert_eq!(world.session.remote(), Some(address(MOBILE)));
    assert_eq!(world.session.state(), SessionState::Connected);
    world.assert_undamaged(110);
    assert_ne!(world.viewer.address(), address(VIEWER));
}

#[test]
fn from_wifi_to_cable_and_back_the_gap_is_two_round_trips() {
    for round_trip in [0, 20, 50, 100] {
        let round_trip = round_trip * MS;
        let mut world = World::playing(round_trip / 2);
        for to in [MOBILE, VIEWER, MOBILE] {
            let now = world.now;
            world.viewer.roam(now, address(to));
            world.run(7 * SECOND);
            assert_eq!(world.session.remote(), Some(address(to)));
        }
        // A check, ours, its answer, and what was lost meanwhile with the next picture.
        let gap = longest_gap(&world);
        assert!(gap <= 2 * round_trip + 2 * FRAME, "{round_trip:?}: {gap:?}");
        world.assert_undamaged(560);
    }
}

/// The viewer's own address, with another port.
const REBOUND: &str = "198.51.100.7:6001";

#[test]
fn where_a_nat_gives_the_viewer_another_port_media_follows_its_next_report() {
    for round_trip in [0, 20, 50, 100] {
        let round_trip = round_trip * MS;
        let mut world = World::playing(round_trip / 2);
        // The next check could be 2.5 s away.
        world.viewer.sends_checks = false;
        world.viewer.rebind(address(REBOUND));
        world.run(4 * SECOND);
        assert_eq!(world.session.remote(), Some(address(REBOUND)));
        // A report every second, then a check of ours, its answer, and what was lost meanwhile.
        let gap = longest_gap(&world);
        let most = SECOND + 2 * round_trip + 2 * FRAME;
        assert!(gap <= most, "{round_trip:?}: {gap:?}");
    }
}

#[test]
fn a_report_from_another_ip_address_or_of_somebody_else_moves_nothing() {
    let mut world = World::playing(Duration::ZERO);
    world.viewer.sends_checks = false;
    world.viewer.rebind(address(MOBILE));
    world.run(2 * SECOND);
    assert_eq!(world.session.remote(), Some(address(VIEWER)));
    world.viewer.rebind(address(VIEWER));
    let before = world.network.counts(address(GATEWAY), address(REBOUND));
    for i in 0..100 {
        let mut junk = [0; 60];
        junk[..8].copy_from_slice(&[0x80, 201, 0, 7, 0, 0, 0, 1]);
        junk[59] = i;
        world.inject(address(REBOUND), &junk);
    }
    world.run(SECOND);
    let after = world.network.counts(address(GATEWAY), address(REBOUND));
    assert_eq!(before.bytes, after.bytes);
    assert_eq!(world.session.remote(), Some(address(VIEWER)));
}

#[test]
fn where_consent_has_ended_nothing_is_sent_before_it_is_given_anew() {
    let mut world = World::playing(10 * MS);
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
