use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::{
    ATTR_FINGERPRINT, ATTR_ICE_CONTROLLED, ATTR_REALM, ATTR_UNKNOWN_ATTRIBUTES, ATTR_USE_CANDIDATE,
    ATTR_USERNAME, ATTR_XORMAPPED_ADDRESS, AttrType,
};
use rtc::stun::error_code::ErrorCodeAttribute;
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, TransactionId,
};
use rtc::stun::xoraddr::XorMappedAddress;

use super::testing::{Check, PWD, address, credentials, path};
use super::*;
use crate::crypto::PROVIDER;

fn agent() -> IceAgent {
    IceAgent::new(
        credentials("ours", PWD),
        credentials("peer", "remote-password"),
        TransactionKey {
            place: [0; 4],
            secret: [1; 16],
        },
    )
}

fn handle(agent: &mut IceAgent, now: Instant, path: Path, bytes: &[u8]) -> Option<Message> {
    let handled = agent.handle(now, path, bytes)?;
    let mut message = Message::new();
    message
        .unmarshal_binary(&handled.response.seal().unwrap())
        .unwrap();
    FINGERPRINT.check(&message).unwrap();
    MessageIntegrity::check(&mut message, PWD.as_bytes(), PROVIDER.crypto()).unwrap();
    assert_eq!(message.transaction_id, TransactionId([9; 12]));
    Some(message)
}

fn error_code(message: &Message) -> u16 {
    assert_eq!(message.typ, BINDING_ERROR);
    let mut error = ErrorCodeAttribute::default();
    error.get_from(message).unwrap();
    error.code.0
}

#[test]
fn first_check_is_answered_and_selects_its_address() {
    let mut agent = agent();
    let now = Instant::now();
    let response = handle(&mut agent, now, path(1), &Check::default().bytes()).unwrap();
    assert_eq!(response.typ, BINDING_SUCCESS);
    let mut mapped = XorMappedAddress::default();
    mapped.get_from(&response).unwrap();
    assert_eq!(
        SocketAddr::new(mapped.ip, mapped.port),
        address(1).address()
    );
    assert_eq!(agent.selected(), Some(path(1)));
    assert!(agent.received(address(1), 1) && !agent.received(address(2), 1));
}

#[test]
fn mapped_ipv6_addresses_are_reported_as_ipv4() {
    let mut agent = agent();
    let mut answer = |remote: SocketAddr| {
        let path = Path {
            remote: remote.into(),
            local: None,
        };
        let check = Check::default().bytes();
        let response = handle(&mut agent, Instant::now(), path, &check).unwrap();
        let mut mapped = XorMappedAddress::default();
        mapped.get_from(&response).unwrap();
        assert!(agent.received(remote.into(), 1));
        mapped.ip.to_string()
    };
    assert_eq!(
        answer("[::ffff:192.0.2.7]:4000".parse().unwrap()),
        "192.0.2.7"
    );
    assert_eq!(answer("[2001:db8::7]:4000".parse().unwrap()), "2001:db8::7");
}

#[test]
fn what_is_not_authentic_is_dropped_and_changes_nothing() {
    let mut forged_tag = Check::default().bytes();
    let tag = forged_tag.len() - 10;
    forged_tag[tag] ^= 1;
    let mut trailing = Check::default().bytes();
    trailing.extend_from_slice(&[0; 4]);
    let mut wrong_fingerprint = Check::default().bytes();
    *wrong_fingerprint.last_mut().unwrap() ^= 1;
    let mut unsigned = Message::new();
    unsigned.typ = BINDING_REQUEST;
    unsigned.write_header();
    unsigned.add(ATTR_USERNAME, b"ours:peer");
    let check = Check::default;
    let cases = [
        (
            "wrong password",
            Check {
                pwd: "wrong",
                ..check()
            }
            .bytes(),
        ),
        (
            "wrong remote ufrag",
            Check {
                username: "ours:eve",
                ..check()
            }
            .bytes(),
        ),
        (
            "wrong local ufrag",
            Check {
                username: "eve:peer",
                ..check()
            }
            .bytes(),
        ),
        (
            "longer username",
            Check {
                username: "ours:peer:x",
                ..check()
            }
            .bytes(),
        ),
        (
            "success response",
            Check {
                kind: BINDING_SUCCESS,
                ..check()
            }
            .bytes(),
        ),
        (
            "error response",
            Check {
                kind: BINDING_ERROR,
                ..check()
            }
            .bytes(),
        ),
        ("forged integrity", forged_tag),
        ("wrong fingerprint", wrong_fingerprint),
        ("bytes after the message", trailing),
        ("no integrity", unsigned.raw),
        (
            "fingerprint not last",
            Check {
                after_integrity: vec![(ATTR_FINGERPRINT, vec![0; 4]), (AttrType(0xBEEF), vec![])],
                fingerprint: false,
                ..check()
            }
            .bytes(),
        ),
        (
            "unknown attribute, wrong password: not even a 420",
            Check {
                pwd: "wrong",
                middle: vec![(AttrType(0x7000), vec![])],
                ..check()
            }
            .bytes(),
        ),
        (
            "too long",
            Check {
                middle: vec![(AttrType(0xC057), vec![0; 1300])],
                ..check()
            }
            .bytes(),
        ),
        ("empty", vec![]),
    ];
    let mut agent = agent();
    for (name, bytes) in cases {
        assert!(
            handle(&mut agent, Instant::now(), path(1), &bytes).is_none(),
            "{name}"
        );
    }
    assert_eq!(agent.selected(), None);
    assert_eq!(agent.addresses().count(), 0);
}

#[test]
fn fingerprint_may_be_absent() {
    let check = Check {
        fingerprint: false,
        ..Check::default()
    };
    assert!(handle(&mut agent(), Instant::now(), path(1), &check.bytes()).is_some());
}

#[test]
fn unknown_required_attributes_are_refused_after_authentication() {
    let mut agent = agent();
    let mut check = Check::nominating();
    check.middle.push((AttrType(0x7123), vec![1, 2, 3]));
    check.middle.push((ATTR_REALM, b"realm".to_vec()));
    check.middle.push((AttrType(0xBEEF), vec![]));
    let response = handle(&mut agent, Instant::now(), path(1), &check.bytes()).unwrap();
    assert_eq!(error_code(&response), 420);
    assert_eq!(
        response.get(ATTR_UNKNOWN_ATTRIBUTES).unwrap(),
        [0x71, 0x23, 0x00, 0x14]
    );
    assert_eq!(agent.selected(), None);
}

#[test]
fn a_controlled_peer_gets_a_role_conflict() {
    let mut agent = agent();
    let check = Check {
        middle: vec![(ATTR_ICE_CONTROLLED, vec![0; 8])],
        ..Check::default()
    };
    let response = handle(&mut agent, Instant::now(), path(1), &check.bytes()).unwrap();
    assert_eq!(error_code(&response), 487);
    assert!(response.get(ATTR_XORMAPPED_ADDRESS).is_err());
    assert_eq!(agent.selected(), None);
}

#[test]
fn attributes_behind_the_integrity_do_not_count() {
    let mut agent = agent();
    let now = Instant::now();
    handle(&mut agent, now, path(1), &Check::nominating().bytes()).unwrap();
    let appended = Check {
        after_integrity: vec![
            (ATTR_USE_CANDIDATE, vec![]),
            (ATTR_ICE_CONTROLLED, vec![0; 8]),
            (AttrType(0x7123), vec![]),
        ],
        ..Check::default()
    };
    let response = handle(&mut agent, now, path(2), &appended.bytes()).unwrap();
    assert_eq!(response.typ, BINDING_SUCCESS);
    assert_eq!(agent.selected(), Some(path(1)));
}

/// Mutated checks never panic, and none is answered with an authentic byte changed.
#[test]
fn mutated_checks_neither_panic_nor_pass() {
    let mut agent = agent();
    let valid = Check::nominating().bytes();
    let end = valid.len() - 8;
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |bound: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % bound as u64) as usize
    };
    for _ in 0..20_000 {
        let mut bytes = valid.clone();
        for _ in 0..=next(3) {
            let at = next(bytes.len());
            match next(5) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, next(256) as u8),
                2 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFF][next(5)],
                3 => bytes[at] ^= 1 << next(8),
                _ => {
                    let copy = bytes[at..].to_vec();
                    bytes.extend_from_slice(&copy);
                }
            }
            if bytes.len() < 20 {
                break;
            }
            // A length that fits lets the message get further.
            if next(2) == 0 {
                let length = (bytes.len() - 20) as u16;
                bytes[2..4].copy_from_slice(&length.to_be_bytes());
            }
        }
        if agent.handle(Instant::now(), path(1), &bytes).is_some() {
            // All up to the end of the integrity is untouched, but for the length.
            assert_eq!(bytes[..2], valid[..2]);
            assert_eq!(bytes[4..end], valid[4..end]);
        }
    }
}

#[test]
fn a_restart_takes_over_when_the_viewer_nominates_with_it() {
    let mut agent = agent();
    let now = Instant::now();
    let old = Check::nominating();
    assert!(handle(&mut agent, now, path(1), &old.bytes()).is_some());
    let (local, remote) = (credentials("ours2", PWD), credentials("peer2", "new"));
    agent.restart(local, remote);
    assert_eq!(
        (&*agent.local().ufrag, &*agent.remote().ufrag),
        ("ours2", "peer2")
    );

    // Neither half of a pair goes with the other.
    for username in ["ours2:peer", "ours:peer2"] {
        let mixed = Check {
            username,
            ..Check::nominating()
        };
        assert!(handle(&mut agent, now, path(9), &mixed.bytes()).is_none());
    }
    // A check that does not nominate is answered, and changes nothing.
    let new = |check: Check<'static>| Check {
        username: "ours2:peer2",
        ..check
    };
    assert!(handle(&mut agent, now, path(2), &new(Check::default()).bytes()).is_some());
    assert_eq!(agent.selected(), Some(path(1)));
    assert!(handle(&mut agent, now, path(1), &old.bytes()).is_some());
    // A nomination does: the old credentials are dead.
    assert!(handle(&mut agent, now, path(2), &new(Check::nominating()).bytes()).is_some());
    assert_eq!(agent.selected(), Some(path(2)));
    assert!(handle(&mut agent, now, path(1), &old.bytes()).is_none());
    assert_eq!(agent.selected(), Some(path(2)));
}

#[test]
fn a_second_restart_replaces_the_first() {
    let mut agent = agent();
    let now = Instant::now();
    for round in ["2", "3"] {
        let ufrag = |name: &str| format!("{name}{round}");
        agent.restart(
            credentials(&ufrag("ours"), PWD),
            credentials(&ufrag("peer"), "new"),
        );
    }
    for (username, answered) in [
        ("ours2:peer2", false),
        ("ours:peer", true),
        ("ours3:peer3", true),
    ] {
        let check = Check {
            username,
            ..Check::nominating()
        };
        let response = handle(&mut agent, now, path(1), &check.bytes());
        assert_eq!(response.is_some(), answered, "{username}");
    }
}

/// Firefox keeps consent by checks that do not nominate. One of them may come from the new port before any report does.
#[test]
fn a_nat_may_have_moved_the_viewer_to_a_port_that_was_heard_of_since_the_selection() {
    let mut agent = agent();
    let now = Instant::now();
    let at = |port| Path {
        remote: SocketAddr::from(([192, 0, 2, 1], port)).into(),
        local: None,
    };
    let check = Check::default().bytes();
    handle(&mut agent, now, at(5000), &check).unwrap();
    let later = now + Duration::from_secs(1);
    handle(&mut agent, later, at(6000), &check).unwrap();
    assert_eq!(agent.selected(), Some(at(5000)));
    let may = |agent: &IceAgent, port| agent.may_be_rebound(at(port).remote);
    assert!(may(&agent, 6000) && may(&agent, 7000) && !may(&agent, 5000));
    // What is on its way from the former port moves nothing back.
    agent.rebound(later, at(6000), 60).unwrap();
    assert_eq!(agent.selected(), Some(at(6000)));
    assert!(!may(&agent, 5000) && !may(&agent, 6000));
}
