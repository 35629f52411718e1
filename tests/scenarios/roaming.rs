//! A viewer gets another address: the picture follows it.

use std::sync::Arc;
use std::time::Duration;

use rtsp_webrtc_gateway::internals::session::PathMemory;
use rtsp_webrtc_gateway::state::SessionState;
use testkit::net::Link;

use crate::thin::{behind, times, without_sound};
use crate::world::{GATEWAY, Setup, VIEWER, World, address};

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

#[test]
fn what_is_remembered_of_the_path_that_media_takes_counts() {
    let delay = |delay| Link {
        delay,
        ..Link::default()
    };
    let first_burst = |thin: &str| {
        let paths: Arc<PathMemory> = Arc::default();
        let mut world = World::new(Setup {
            sizes: Some((60_000, 2_000)),
            paths: Arc::clone(&paths),
            ..Setup::default()
        });
        paths.note(world.now, address(thin).ip(), 300_000);
        world.network.set_default_link(delay(10 * MS));
        let (gateway, mobile) = (address(GATEWAY), address(MOBILE));
        world.network.set_link(mobile, gateway, delay(MS));
        world.network.set_link(gateway, mobile, delay(MS));
        world.camera_ran(SECOND);
        // Its last flight is on its way when the viewer moves, and comes when that is proven.
        world.run(41 * MS);
        world.viewer.rebind(mobile);
        let check = world.viewer.check();
        world.inject(mobile, &check);
        world.run(5 * MS);
        assert_eq!(world.session.remote(), Some(mobile));
        assert_eq!(world.session.state(), SessionState::Connecting);
        // No answer to the first burst comes.
        world.network.set_link(gateway, mobile, delay(SECOND));
        let before = world.network.counts(gateway, mobile).bytes;
        world.run(40 * MS);
        assert_eq!(world.session.state(), SessionState::Connected);
        world.network.counts(gateway, mobile).bytes - before
    };
    let (thin, wide) = (first_burst(MOBILE), first_burst(VIEWER));
    assert!(thin < 5_700 && wide > 6_300, "{thin} {wide}");
}

#[test]
fn the_neighbors_are_those_behind_the_address_that_media_goes_to() {
    let paths: Arc<PathMemory> = Arc::default();
    let setup = Setup {
        paths: Arc::clone(&paths),
        ..without_sound()
    };
    let link = times(8, 200 * MS);
    let mut world = behind(link, SECOND, setup);
    world
        .network
        .set_link(address(GATEWAY), address(MOBILE), link);
    let others = [VIEWER, MOBILE].map(|at| paths.join(world.now, address(at).ip()));
    // Whether any of their links is like that of the viewer.
    let known = |world: &World| {
        others.each_ref().map(|other| {
            let mut links = (0..20).map(|power| 1e5 * 1.3_f64.powi(power));
            links.any(|link| other.exchange(world.now, Some(link), 0.0, 0.0).is_some())
        })
    };
    world.run(5 * SECOND);
    assert_eq!(known(&world), [true, false]);
    let now = world.now;
    world.viewer.roam(now, address(MOBILE));
    world.run(5 * SECOND);
    assert_eq!(world.session.remote(), Some(address(MOBILE)));
    assert_eq!(known(&world), [false, true]);
}
