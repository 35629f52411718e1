//! What is known of the viewer's addresses, and what follows.

use std::net::{IpAddr, Ipv4Addr};

use super::super::testing::{address, path};
use super::*;
use crate::session::io::ConnectionId;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// The address of [`path`] `from` answers a check.
fn prove(addresses: &mut Addresses, now: Instant, from: u8) {
    addresses.check_sent(now, address(from), 0);
    addresses.answered(now, path(from), 0);
}

#[test]
fn media_follows_the_latest_nomination_once_that_is_proven() {
    let mut addresses = Addresses::new(false);
    let now = Instant::now();
    for (from, nominates, proves, selected, why) in [
        (1, false, false, 1, "the first, before any nomination"),
        (2, false, false, 1, "another"),
        (2, true, false, 2, "nominated, and nothing is proven"),
        (2, false, true, 2, "proven"),
        (1, false, true, 2, "a keepalive of the old address"),
        (3, true, false, 2, "the phone left the Wi-Fi, or so it says"),
        (3, false, true, 3, "so it did"),
        (1, true, false, 1, "back where it was a moment ago"),
        (4, true, false, 1, "it moves"),
        (5, true, false, 1, "and moves again"),
        (4, false, true, 1, "which was long ago"),
        (5, false, true, 5, "this is where it is"),
    ] {
        addresses.checked(now, path(from), 100, nominates);
        if proves {
            prove(&mut addresses, now, from);
        }
        assert_eq!(addresses.selected(), Some(path(selected)), "{why}");
    }
}

#[test]
fn answers_leave_from_where_the_selected_address_sends_to() {
    let mut addresses = Addresses::new(false);
    let now = Instant::now();
    let at = |from, local| Path {
        local: Some(IpAddr::V4(Ipv4Addr::new(203, 0, 113, local))),
        ..path(from)
    };
    addresses.checked(now, at(1, 1), 100, true);
    addresses.checked(now, at(2, 2), 100, false);
    assert_eq!(addresses.selected(), Some(at(1, 1)));
    addresses.checked(now, at(1, 3), 100, false);
    assert_eq!(addresses.selected(), Some(at(1, 3)));
}

#[test]
fn an_unproven_address_gets_three_times_what_came_from_it() {
    let mut addresses = Addresses::new(false);
    let now = Instant::now();
    assert!(!addresses.may_send(now, address(1), 1), "unknown");
    assert!(!addresses.received(address(1), 1000));
    addresses.checked(now, path(1), 100, true);
    assert!(addresses.may_send(now, address(1), 299));
    assert!(!addresses.may_send(now, address(1), 2));
    assert!(addresses.may_send(now, address(1), 1));
    assert!(addresses.received(address(1), 10));
    assert!(addresses.may_send(now, address(1), 30));
    assert!(!addresses.may_send(now, address(1), 1));
    prove(&mut addresses, now, 1);
    assert!(addresses.may_send(now, address(1), 10_000));
    let later = now + CONSENT;
    assert!(!addresses.may_send(later, address(1), 1), "no consent");
    assert_eq!(addresses.proven(later), None);
}

#[test]
fn forged_checks_without_end_are_not_passed_on() {
    let mut addresses = Addresses::new(false);
    let start = Instant::now();
    let mut sent = 0;
    for i in 0..200_000 {
        let now = start + i * MS / 2;
        // Ever new ports.
        let from = (i % 200) as u8;
        addresses.checked(now, path(from), 100, true);
        if addresses.may_send(now, address(from), 160) {
            sent += 160;
        }
    }
    let most = UNPROVEN_BURST + 100 * UNPROVEN_RATE;
    assert!((most / 2..=most).contains(&sent), "{sent}");
}

#[test]
fn a_path_that_was_just_selected_has_time_to_prove_itself() {
    let mut addresses = Addresses::new(false);
    let start = Instant::now();
    addresses.checked(start, path(1), 100, true);
    prove(&mut addresses, start, 1);
    addresses.checked(start, path(2), 100, false);
    assert_eq!(addresses.consent_ends(), Some(start + CONSENT));
    let later = start + CONSENT + SECOND;
    addresses.checked(later, path(2), 100, true);
    assert_eq!(addresses.selected(), Some(path(2)));
    assert_eq!(addresses.consent_ends(), Some(later + CONSENT));
    assert_eq!(addresses.proven(later), None);
}

#[test]
fn proof_is_asked_for_ever_more_slowly_and_consent_every_five_seconds() {
    let mut addresses = Addresses::new(false);
    let start = Instant::now();
    assert!(addresses.checked(start, path(1), 100, true));
    let mut waits = Vec::new();
    let mut now = start;
    for i in 0..8 {
        assert!(i == 0 || addresses.take_due(now) == Some(path(1)));
        addresses.check_sent(now, address(1), 0);
        let due = addresses.next_due().unwrap();
        waits.push((due - now).as_millis());
        now = due;
    }
    assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 1600, 1600]);
    for random in [0, 255] {
        addresses.answered(now, path(1), random);
        let due = addresses.next_due().unwrap();
        assert_eq!(due - now, 4 * SECOND + 2 * SECOND * u32::from(random) / 255);
        assert_eq!(addresses.take_due(due - MS), None);
        assert_eq!(addresses.take_due(due), Some(path(1)));
        // Again and again, as long as consent lasts.
        addresses.check_sent(due, address(1), random);
        assert!(addresses.next_due().unwrap() >= due + 4 * SECOND);
        now = due;
    }
    assert_eq!(addresses.consent_ends(), Some(now - 6 * SECOND + CONSENT));
}

#[test]
fn only_paths_in_use_are_checked_again() {
    let mut addresses = Addresses::new(false);
    let now = Instant::now();
    addresses.checked(now, path(1), 100, true);
    prove(&mut addresses, now, 1);
    addresses.checked(now, path(2), 100, false);
    prove(&mut addresses, now, 2);
    assert!(!addresses.checked(now, path(2), 100, false), "proven");
    assert!(addresses.checked(now, path(3), 100, true));
    addresses.check_sent(now, address(3), 0);
    let due = |addresses: &mut Addresses, at| {
        let mut paths = Vec::new();
        while let Some(path) = addresses.take_due(at) {
            paths.push(path);
        }
        paths
    };
    assert_eq!(due(&mut addresses, now + 10 * SECOND), [path(1), path(3)]);
}

/// A connection from there.
fn connection(from: u8, id: u64) -> Path {
    Path {
        remote: Remote::Tcp(address(from).address(), ConnectionId(id)),
        local: None,
    }
}

#[test]
fn a_connection_is_proven_and_gives_consent_all_the_same() {
    let mut addresses = Addresses::new(false);
    let start = Instant::now();
    let path = connection(1, 1);
    assert!(addresses.checked(start, path, 100, false), "for consent");
    assert_eq!(addresses.proven(start), Some(path));
    assert!(addresses.may_send(start, path.remote, 10_000));
    addresses.check_sent(start, path.remote, 0);
    assert_eq!(addresses.next_due(), Some(start + LEAST_INTERVAL));
    assert!(!addresses.checked(start + SECOND, path, 100, false));
    assert_eq!(addresses.consent_ends(), Some(start + CONSENT));
    assert_eq!(addresses.proven(start + CONSENT), None);
    addresses.answered(start + SECOND, path, 0);
    assert_eq!(addresses.consent_ends(), Some(start + SECOND + CONSENT));
    // The same address over UDP is another one.
    let udp = super::super::testing::path(1);
    assert!(!addresses.received(udp.remote, 1));
    addresses.checked(start, udp, 100, true);
    assert_eq!(addresses.selected(), Some(path), "not proven");
}

#[test]
fn a_connection_that_ends_leaves_what_was_answered_last() {
    let mut addresses = Addresses::new(false);
    let start = Instant::now();
    let (first, second) = (connection(1, 1), connection(1, 2));
    addresses.checked(start, path(3), 100, true);
    prove(&mut addresses, start, 3);
    addresses.checked(start + SECOND, first, 100, true);
    assert_eq!(addresses.selected(), Some(first), "nominated and proven");
    let now = start + 2 * SECOND;
    addresses.lost(now, second.remote);
    assert_eq!(addresses.selected(), Some(first), "another one");
    addresses.lost(now, first.remote);
    assert_eq!(addresses.selected(), Some(path(3)));
    assert_eq!(
        addresses.take_due(now),
        Some(path(3)),
        "asked for consent at once"
    );
    // Where nothing else is proven, the next that comes is the one.
    addresses.checked(now, first, 100, true);
    let later = now + 2 * CONSENT;
    addresses.answered(later, first, 0);
    addresses.lost(later, first.remote);
    assert_eq!(addresses.selected(), None);
    assert_eq!(addresses.consent_ends(), Some(later + CONSENT));
    addresses.checked(later, second, 100, false);
    assert_eq!(addresses.proven(later), Some(second));
}

#[test]
fn addresses_are_bounded_and_those_in_use_are_kept() {
    let mut addresses = Addresses::new(false);
    let start = Instant::now();
    addresses.checked(start, path(1), 100, true);
    prove(&mut addresses, start, 1);
    addresses.checked(start, path(2), 100, true);
    for i in 3..=20 {
        let now = start + Duration::from_secs(u64::from(i));
        addresses.checked(now, path(i), 100, false);
    }
    let known: Vec<_> = addresses.iter().map(|(address, _)| address).collect();
    assert_eq!(known.len(), MAX_ADDRESSES);
    assert!(known.contains(&address(1)), "selected");
    assert!(known.contains(&address(2)), "nominated");
    assert!((15..=20).all(|i| known.contains(&address(i))), "the latest");
}

/// The address that ends in `from` sends to the address of ours that ends in `local`.
fn between(from: u8, local: Option<u8>) -> Path {
    Path {
        local: local.map(ours),
        ..path(from)
    }
}

/// An address of this host.
fn ours(last: u8) -> IpAddr {
    Ipv4Addr::new(203, 0, 113, last).into()
}

#[test]
fn where_an_address_of_ours_is_gone_media_goes_another_proven_way() {
    let mut addresses = Addresses::new(false);
    let start = Instant::now();
    addresses.checked(start, between(1, Some(1)), 100, true);
    prove(&mut addresses, start, 1);
    addresses.checked(start, between(2, Some(2)), 100, false);
    prove(&mut addresses, start, 2);
    assert!(!addresses.host_changed(start, &[ours(3)]));
    let now = start + SECOND;
    assert!(addresses.host_changed(now, &[ours(1)]));
    assert_eq!(addresses.proven(now), Some(between(2, Some(2))));
    assert_eq!(addresses.gone(), None);
    let mut due = [addresses.take_due(now), addresses.take_due(now)];
    due.sort_by_key(|path| path.map(|path| path.remote.address()));
    assert_eq!(due, [Some(between(1, None)), Some(between(2, Some(2)))]);
}

#[test]
fn where_an_address_of_ours_is_gone_the_system_chooses_another() {
    let mut addresses = Addresses::new(false);
    let start = Instant::now();
    addresses.checked(start, between(1, Some(1)), 100, true);
    prove(&mut addresses, start, 1);
    let now = start + 20 * SECOND;
    assert!(addresses.host_changed(now, &[ours(1)]));
    assert_eq!(addresses.proven(now), None, "nothing goes where nobody is");
    assert_eq!(addresses.gone(), Some(ours(1)));
    assert_eq!(addresses.consent_ends(), Some(now + CONSENT));
    assert_eq!(addresses.take_due(now), Some(between(1, None)));
    addresses.check_sent(now, address(1), 0);
    // The interface comes and goes.
    assert!(!addresses.host_changed(now, &[]));
    assert_eq!(addresses.take_due(now), Some(between(1, None)), "at once");
    addresses.check_sent(now, address(1), 0);
    addresses.answered(now, between(1, Some(2)), 0);
    assert_eq!(addresses.proven(now), Some(between(1, Some(2))));
    assert_eq!(addresses.gone(), None);
}

#[test]
fn connections_and_paths_of_unknown_beginning_stay() {
    let mut addresses = Addresses::new(false);
    let now = Instant::now();
    for path in [path(1), connection(2, 1)] {
        addresses.checked(now, path, 100, true);
        addresses.answered(now, path, 0);
        assert!(!addresses.host_changed(now, &[ours(1), address(1).address().ip()]));
        assert_eq!(addresses.proven(now), Some(path));
    }
}
