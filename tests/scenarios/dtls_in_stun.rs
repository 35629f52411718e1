//! DTLS within the checks of ICE (SPED), with a viewer that does it as Chromium does: it saves a round trip, costs none
//! when it fails, and what hostile checks carry changes nothing.

use std::time::Duration;

use rtsp_webrtc_gateway::state::SessionState;
use testkit::viewer::{ARRIVED, DATAGRAM, ViewerConfig, check_with};

use crate::first_media::{REPEAT, a_lost_datagram_costs_one_repetition_in, first_media, world_of};
use crate::thin::SECOND;
use crate::world::{GATEWAY, Setup, VIEWER, World, address};

/// So many bytes more, and a ClientHello finds room in one check; or in two, as Chromium's.
const ONE: usize = 500;
const TWO: usize = 1200;

fn world(round_trip: Duration, longer: usize, allowed: bool) -> World {
    let setup = Setup {
        viewer: ViewerConfig {
            dtls_in_stun: Some(longer),
            ..ViewerConfig::chromium()
        },
        dtls_in_stun: allowed,
        ..Setup::default()
    };
    world_of(setup, round_trip)
}

#[test]
fn two_round_trips_instead_of_three() {
    for round_trip in [0, 10, 50, 100, 200, 500] {
        let round_trip = Duration::from_millis(round_trip);
        for longer in [0, ONE, TWO] {
            let mut allowed = world(round_trip, longer, true);
            assert_eq!(first_media(&mut allowed), 2 * round_trip, "{longer}");
            assert_eq!(allowed.session.state(), SessionState::Connected);
            let mut refused = world(round_trip, longer, false);
            assert_eq!(first_media(&mut refused), 3 * round_trip, "{longer}");
        }
    }
}

#[test]
fn the_second_part_of_a_hello_goes_along_with_another_check_or_follows_the_first_answer() {
    for round_trip in [10, 50, 100, 200, 500] {
        let round_trip = Duration::from_millis(round_trip);
        let mut world = world(round_trip, TWO, true);
        // Both checks leave at once; then the first part has its turn again.
        world.network.drop_nth(address(VIEWER), address(GATEWAY), 1);
        let complete = round_trip.min(2 * REPEAT);
        assert_eq!(first_media(&mut world), complete + 2 * round_trip);
    }
}

#[test]
fn what_goes_along_again_says_nothing_of_the_round_trip() {
    for round_trip in [100, 700, 1000] {
        let round_trip = Duration::from_millis(round_trip);
        for (longer, allowed) in [(ONE, true), (TWO, true), (ONE, false)] {
            let mut world = world(round_trip, longer, allowed);
            first_media(&mut world);
            let measured = world.session.figures().round_trip.expect("one");
            let error = format!("{measured:?} at {round_trip:?}, {longer}, {allowed}");
            assert!(
                (round_trip..=round_trip + REPEAT).contains(&measured),
                "{error}"
            );
        }
    }
}

#[test]
fn a_flight_that_is_too_large_for_an_address_leaves_with_its_proof() {
    let round_trip = Duration::from_millis(50);
    let mut world = world(round_trip, ONE, true);
    // So much has gone to addresses that are not proven that there is no room for a flight, but for an answer.
    let others = ["203.0.113.66:1", "203.0.113.66:2", "203.0.113.66:3"];
    let to_others = |world: &World| -> u64 {
        let counts = others.map(|to| world.network.counts(address(GATEWAY), address(to)));
        counts.iter().map(|counts| counts.bytes).sum()
    };
    for other in others.iter().cycle() {
        let check = carrying(&world, &[]);
        world.inject(address(other), &check);
        if to_others(&world) > (64 << 10) - 900 {
            break;
        }
    }
    assert_eq!(first_media(&mut world), 3 * round_trip);
}

#[test]
fn a_lost_datagram_costs_one_repetition() {
    for longer in [ONE, TWO] {
        a_lost_datagram_costs_one_repetition_in(|round_trip| world(round_trip, longer, true));
    }
}

#[test]
fn media_begins_where_the_viewer_is_if_it_moves_with_its_last_flight() {
    const MS: Duration = Duration::from_millis(1);
    let elsewhere = address("198.51.100.7:5000");
    let mut world = world(100 * MS, ONE, true);
    // The viewer has our flight with the answer to its check. Its own is lost however it goes, but not its first answer to us.
    world.viewer.sends_checks = false;
    world.run(99 * MS);
    let sent = world.network.counts(address(VIEWER), address(GATEWAY)).sent;
    let (viewer, gateway) = (address(VIEWER), address(GATEWAY));
    for n in [1, 2, 3] {
        world.network.drop_nth(viewer, gateway, sent + n);
    }
    world.run(52 * MS);
    // It goes along with the answer to our check of where the viewer is now, and nowhere else.
    world.network.drop_nth(elsewhere, gateway, 0);
    world.viewer.rebind(elsewhere);
    let check = carrying(&world, &[]);
    world.inject(elsewhere, &check);
    world.run(99 * MS);
    assert_eq!(world.session.remote(), Some(viewer));
    assert_eq!(world.session.state(), SessionState::Connecting);
    world.run(2 * MS);
    assert_eq!(world.session.remote(), Some(elsewhere));
    assert_eq!(world.session.state(), SessionState::Connected);
    world.run(51 * MS);
    assert!(world.viewer.video.packets().next().is_some());
}

/// An authentic check that carries this.
fn carrying(world: &World, datagram: &[u8]) -> Vec<u8> {
    let (ours, theirs) = world.session.ice_credentials();
    let username = format!("{}:{}", ours.ufrag, theirs.ufrag);
    let carried = [(ARRIVED, vec![1, 2, 3]), (DATAGRAM, datagram.to_vec())];
    check_with(&username, &ours.pwd, 77, &carried)
}

/// The viewer's first check; nothing of it has arrived.
fn first_check(world: &mut World) -> Vec<u8> {
    world.run(Duration::from_millis(1));
    let flying = world.network.receive(world.now + SECOND);
    flying.expect("a check").bytes
}

/// Bytes that the gateway has sent.
fn sent(world: &World) -> u64 {
    let counts = world.network.counts(address(GATEWAY), address(VIEWER));
    counts.bytes
}

#[test]
fn a_check_that_is_not_authentic_brings_nothing_to_dtls() {
    let mut world = world(Duration::from_millis(50), ONE, true);
    let mut check = first_check(&mut world);
    assert!(check.len() > ONE);
    // A byte of the ClientHello.
    check[300] ^= 1;
    world.inject(address(VIEWER), &check);
    assert_eq!(sent(&world), 0);
    assert_eq!(world.session.state(), SessionState::New);
    check[300] ^= 1;
    world.inject(address(VIEWER), &check);
    assert_eq!(world.session.state(), SessionState::Connecting);
    assert!(sent(&world) > 700, "{}: no flight of ours", sent(&world));
}

#[test]
fn what_is_no_dtls_too_long_or_out_of_place_ends_no_handshake() {
    let round_trip = Duration::from_millis(50);
    let mut plain = world(round_trip, ONE, true);
    let hello = first_check(&mut plain);
    let ours = |name: &str, datagram: &[u8]| {
        let mut world = world(round_trip, ONE, true);
        let check = carrying(&world, datagram);
        for _ in 0..200 {
            world.inject(address(VIEWER), &check);
        }
        let took = first_media(&mut world);
        assert!(took <= 3 * round_trip + REPEAT, "{name}: {took:?}");
        assert_eq!(world.session.state(), SessionState::Connected, "{name}");
    };
    ours("empty", &[]);
    ours("no DTLS", b"\x80 media");
    ours("another check", &hello[..400]);
    ours("10 kB", &[22; 10_000]);
    ours("as long as fits", &[22; 1100]);
    let record = |kind: u8, body: &[u8]| {
        let header = [
            kind,
            0xfe,
            0xfd,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            body.len() as u8,
        ];
        [&header[..], body].concat()
    };
    ours("a Finished of nobody", &record(20, &[1]));
    ours(
        "a Certificate before the hello",
        &record(22, &[11, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 7]),
    );
    ours("an alert", &record(21, &[2, 40]));
}

#[test]
fn it_ends_with_a_message_that_carries_nothing() {
    let round_trip = Duration::from_millis(100);
    let mut world = world(round_trip, ONE, true);
    let (ours, theirs) = world.session.ice_credentials();
    let username = format!("{}:{}", ours.ufrag, theirs.ufrag);
    let bare = check_with(&username, &ours.pwd, 77, &[]);
    let others = "198.51.100.7:5000";
    world.inject(address(others), &bare);
    // Ours carry nothing either, so the viewer goes on without them.
    assert_eq!(first_media(&mut world), 3 * round_trip);
}
