//! A third party cannot disturb a viewer's session.

use std::time::Duration;

use rtsp_webrtc_gateway::state::SessionState;

use crate::world::{Setup, VIEWER, World, address};

/// A plaintext DTLS record that holds one byte of a large handshake message.
fn fragment(sequence: u64, offset: u32, length: u32) -> Vec<u8> {
    let mut record = vec![22, 0xfe, 0xfd, 0, 0];
    record.extend(&sequence.to_be_bytes()[2..]);
    record.extend((12 + length as u16).to_be_bytes());
    record.push(1);
    record.extend(&30_000u32.to_be_bytes()[1..]);
    record.extend(0u16.to_be_bytes());
    record.extend(&offset.to_be_bytes()[1..]);
    record.extend(&length.to_be_bytes()[1..]);
    record.extend(vec![0; length as usize]);
    record
}

#[test]
fn fragments_before_the_handshake_from_elsewhere_are_ignored() {
    let mut world = World::new(Setup::default());
    for i in 0..30_000 {
        world.inject(address("203.0.113.66:1"), &fragment(i, i as u32, 1));
    }
    world.connect();
    world.run(Duration::from_secs(2));
    world.assert_undamaged(40);
}

#[test]
fn fragments_after_the_handshake_from_the_viewers_own_address_change_nothing() {
    let mut world = World::new(Setup::default());
    world.connect();
    for i in 0..40_000 {
        world.inject(
            address(VIEWER),
            &fragment(i, i as u32 % 30_000, u32::from(i % 2 == 0)),
        );
    }
    world.run(Duration::from_secs(2));
    assert_eq!(world.session.state(), SessionState::Connected);
    world.assert_undamaged(40);
}

#[test]
fn forged_checks_and_reports_are_rejected() {
    let mut world = World::new(Setup::default());
    world.connect();
    let selected = world.session.remote();
    // A bare binding request with ICE-CONTROLLED, and no integrity.
    let mut forged = vec![0, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42];
    forged.extend([5; 12]);
    forged.extend([0x80, 0x29, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
    let before = world.session.figures().rejected;
    world.inject(address("203.0.113.66:1"), &forged);
    world.inject(address(VIEWER), &forged);
    world.inject(address(VIEWER), &[0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]);
    world.inject(address(VIEWER), &[]);
    world.inject(address(VIEWER), &[0x90; 1500]);
    assert!(world.session.figures().rejected >= before + 4);
    assert_eq!(world.session.figures().plis, 0);
    assert_eq!(world.session.remote(), selected);
    world.run(Duration::from_secs(1));
    world.assert_undamaged(20);
}

#[test]
fn only_what_the_viewer_itself_seals_ends_the_association() {
    const ALERT: u8 = 21;
    const CLOSE_NOTIFY: [u8; 2] = [1, 0];
    let mut world = World::new(Setup::default());
    world.connect();
    let sealed = |world: &World, number| world.viewer.tap().seal(ALERT, number, &CLOSE_NOTIFY);
    let mut forged = sealed(&world, 50).unwrap();
    *forged.last_mut().unwrap() ^= 1;
    world.inject(address(VIEWER), &forged);
    let mut other = World::new(Setup::default());
    other.connect();
    let of_another = sealed(&other, 51).unwrap();
    world.inject(address(VIEWER), &of_another);
    assert_eq!(world.session.state(), SessionState::Connected);
    let own = sealed(&world, 52).unwrap();
    world.inject(address(VIEWER), &own);
    assert_eq!(world.session.state(), SessionState::Closed);
}
