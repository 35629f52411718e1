//! Media goes only to an address that has answered a check of ours, whatever checks say of where they
//! come from and of where media is to go.

use std::time::Duration;

use rtsp_webrtc_gateway::state::SessionState;
use testkit::net::Link;
use testkit::viewer::check;

use crate::world::{GATEWAY, Setup, VIEWER, World, address};

const VICTIM: &str = "203.0.113.66:4000";
const SECOND: Duration = Duration::from_secs(1);

/// A check with the session's credentials that nominates.
fn authentic(world: &World, transaction: u64) -> Vec<u8> {
    let (ours, theirs) = world.session.ice_credentials();
    let username = format!("{}:{}", ours.ufrag, theirs.ufrag);
    check(&username, &ours.pwd, transaction)
}

fn bytes_to(world: &World, to: &str) -> u64 {
    world.network.counts(address(GATEWAY), address(to)).bytes
}

#[test]
fn a_nomination_that_seems_to_come_from_elsewhere_moves_nothing() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(SECOND);
    let forged = authentic(&world, 1);
    world.inject(address(VICTIM), &forged);
    world.run(20 * SECOND);
    let sent = bytes_to(&world, VICTIM);
    assert!(sent <= 3 * forged.len() as u64, "{sent} bytes");
    assert_eq!(world.session.remote(), Some(address(VIEWER)));
    world.assert_undamaged(500);
}

#[test]
fn an_address_gets_no_more_than_three_times_what_seems_to_come_from_it() {
    let mut world = World::new(Setup::default());
    let mut received = 0;
    // All of a handshake but the answers to checks: the viewer cannot see those.
    world.viewer.answers_checks = false;
    world.run_till(5 * SECOND, |world| {
        world.session.state() == SessionState::Connected
    });
    for i in 0..300 {
        let forged = authentic(&world, i);
        received += forged.len() as u64;
        world.inject(address(VICTIM), &forged);
        world.run(Duration::from_millis(50));
    }
    let sent = bytes_to(&world, VICTIM);
    assert!(sent <= 3 * received && sent <= 64 << 10, "{sent} bytes");
    let got = world
        .network
        .counts(address(VIEWER), address(GATEWAY))
        .bytes;
    let sent = bytes_to(&world, VIEWER);
    assert!(sent <= 3 * got, "{sent} bytes for {got}");
    assert_eq!(world.viewer.video.packets().count(), 0);
}

#[test]
fn a_viewer_that_answers_no_check_gets_nothing_and_is_given_up() {
    let mut world = World::new(Setup::default());
    world.viewer.answers_checks = false;
    world.run(35 * SECOND);
    assert_eq!(world.viewer.video.packets().count(), 0);
    assert_eq!(world.viewer.sender_reports.len(), 0);
    let failed = world.events.iter().find_map(|event| event.error.as_ref());
    let sentence = failed.unwrap().message();
    assert!(sentence.contains("answered no ICE check"), "{sentence}");
}

#[test]
fn media_begins_with_the_answer_if_that_comes_after_the_handshake() {
    let mut world = World::new(Setup::default());
    world.camera_ran(3 * SECOND);
    world.viewer.answers_checks = false;
    world.run_till(SECOND, |world| {
        world.session.state() == SessionState::Connected
    });
    world.camera_on = false;
    world.run(Duration::from_millis(300));
    assert_eq!(world.viewer.video.packets().count(), 0);
    world.viewer.answers_checks = true;
    // Without a new picture: what waits comes with the answer to the next check.
    world.run(Duration::from_millis(800));
    assert!(!world.viewer.video.access_units().is_empty());
}

#[test]
fn a_handshake_sends_an_address_no_more_than_three_times_what_seems_to_come_from_it() {
    // The viewer's ClientHello, which somebody has seen, and who has the credentials, too.
    let mut world = World::new(Setup::default());
    world.network.set_default_link(Link {
        delay: Duration::from_millis(25),
        ..Link::default()
    });
    world.run(Duration::from_millis(50));
    let mut flying = std::iter::from_fn(|| world.network.receive(world.now + SECOND));
    let hello = flying.find(|datagram| datagram.bytes[0] == 22).unwrap();
    let hello = hello.bytes;
    world.cut(VIEWER, GATEWAY);
    // Its first byte alone: a record, a fragment, and that.
    let mut byte = hello[..26].to_vec();
    byte[11..13].copy_from_slice(&13u16.to_be_bytes());
    byte[22..25].copy_from_slice(&[0, 0, 1]);

    world.inject(address(VICTIM), &hello);
    world.run(SECOND);
    assert_eq!(bytes_to(&world, VICTIM), 0, "no check came from there");

    let forged = authentic(&world, 1);
    world.inject(address(VICTIM), &forged);
    let mut received = forged.len();
    for (datagram, times) in [(&hello, 20), (&byte, 100)] {
        for _ in 0..times {
            received += datagram.len();
            world.inject(address(VICTIM), datagram);
            let sent = bytes_to(&world, VICTIM);
            assert!(sent <= 3 * received as u64, "{sent} bytes for {received}");
            world.run(Duration::from_millis(30));
        }
    }
    let sent = bytes_to(&world, VICTIM);
    assert!(sent > 2000, "{sent} bytes: no flight of ours has left");
}
