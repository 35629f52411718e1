//! Allocations at several servers, which the test plays: they are there or not, and allocate once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::{
    ATTR_DATA, ATTR_ERROR_CODE, ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM, ATTR_XOR_PEER_ADDRESS,
    ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS,
};
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE, METHOD_DATA,
    METHOD_REFRESH, Message, MessageType, Setter,
};

use super::tests::{SECOND, address, asker, ip, key};
use super::{Heard, Origin, Pair, Server, Wire};
use crate::crypto::PROVIDER;
use crate::stun::attributes::{authenticate, put_address, value};
use crate::stun::{self, Action, Asks};

const MINUTE: Duration = Duration::from_secs(60);
const ONE: &str = "203.0.113.1:3478";
const TWO: &str = "203.0.113.2:3478";
const THREE: &str = "203.0.113.3:3478";
/// Of the host that the gateway runs on.
const LOCAL: &str = "192.168.1.2";

/// A server: it has one allocation at most, since all is asked from one socket.
#[derive(Default)]
struct Simulated {
    is_down: bool,
    /// It does what it is asked for by who is known, but its answers are lost.
    is_mute: bool,
    allocated: bool,
    /// How often it has allocated.
    allocations: u32,
    requests: u32,
}

impl Simulated {
    fn answer(&mut self, number: u8, bytes: &[u8]) -> Option<Vec<u8>> {
        self.requests += 1;
        if self.is_down {
            return None;
        }
        let mut request = stun::message(bytes).unwrap();
        let method = request.typ.method;
        let lifetime = value(&request, ATTR_LIFETIME).map(<[u8]>::to_vec);
        let is_known = authenticate(&mut request, &key());
        let is_heard = !(is_known && self.is_mute);
        let code = match is_known {
            false => Some([0, 0, 4, 1]),
            true if (method == METHOD_ALLOCATE) == self.allocated => Some([0, 0, 4, 37]),
            true => None,
        };
        let mut response = Message::new();
        let class = code.map_or(CLASS_SUCCESS_RESPONSE, |_| CLASS_ERROR_RESPONSE);
        response.typ = MessageType::new(method, class);
        response.transaction_id = request.transaction_id;
        response.write_header();
        if let Some(code) = code {
            response.add(ATTR_ERROR_CODE, &code);
            response.add(ATTR_REALM, b"example");
            response.add(ATTR_NONCE, b"nonce");
            return is_heard.then_some(response.raw);
        }
        if method == METHOD_ALLOCATE {
            (self.allocated, self.allocations) = (true, self.allocations + 1);
            put_address(&mut response, ATTR_XOR_RELAYED_ADDRESS, relayed(number));
            put_address(
                &mut response,
                ATTR_XORMAPPED_ADDRESS,
                address("192.0.2.7:1234"),
            );
        } else if method == METHOD_REFRESH {
            self.allocated = lifetime.as_deref() != Some(&[0; 4]);
        }
        response.add(ATTR_LIFETIME, &600_u32.to_be_bytes());
        let key = key();
        MessageIntegrity::new_raw_integrity_with_provider(key, PROVIDER.crypto())
            .add_to(&mut response)
            .unwrap();
        is_heard.then_some(response.raw)
    }
}

/// Where viewers reach the gateway by this server.
fn relayed(number: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, number], 50_000))
}

struct World {
    pair: Pair,
    now: Instant,
    number: u64,
    servers: HashMap<SocketAddr, Simulated>,
    /// Where the names lead.
    names: HashMap<&'static str, &'static str>,
}

impl World {
    /// The first of two servers is down.
    fn new() -> World {
        World::of(["turn:one", "turn:two"])
    }

    /// All of these servers are down but the last.
    fn of<const COUNT: usize>(urls: [&str; COUNT]) -> World {
        let servers = urls.map(|url| (url, Some("gateway"), Some("secret")));
        let servers = Server::parse_all(servers.into_iter()).unwrap();
        let now = Instant::now();
        let mut world = World {
            pair: Pair::new(now, servers),
            now,
            number: 0,
            servers: [ONE, TWO, THREE]
                .map(|at| (address(at), Simulated::default()))
                .into(),
            names: [("one", ONE), ("two", TWO), ("three", THREE)].into(),
        };
        for down in &[ONE, TWO, THREE][..COUNT - 1] {
            world.at(down).is_down = true;
        }
        world.run(MINUTE);
        assert_eq!(world.relayed(), Some(relayed(COUNT as u8)));
        world
    }

    fn at(&mut self, server: &str) -> &mut Simulated {
        self.servers.get_mut(&address(server)).unwrap()
    }

    fn relayed(&self) -> Option<SocketAddr> {
        self.pair.allocated().map(|allocated| allocated.relayed)
    }

    fn settle(&mut self) {
        for _ in 0..1000 {
            let number = &mut self.number;
            let random = &mut || {
                *number += 1;
                Ok(*number)
            };
            match self.pair.poll(self.now, random).unwrap() {
                None => {
                    let due = self.pair.next_due();
                    assert!(
                        due.is_none_or(|due| due > self.now),
                        "it is due and not done"
                    );
                    return;
                }
                Some(Action::Resolve(number, name)) => {
                    let found = [address(self.names[name.host.as_str()])];
                    self.pair.resolved(self.now, number, Ok(&found));
                }
                Some(Action::Send(to, _, bytes)) => {
                    let IpNumber(number) = to.into();
                    let answer = self.servers.get_mut(&to).unwrap().answer(number, &bytes);
                    if let Some(answer) = answer {
                        let from = Origin::Udp(to, Some(ip(LOCAL)));
                        self.pair.handle(self.now, from, &answer);
                    }
                }
                Some(Action::Other(wire @ (Wire::Open { .. } | Wire::Write(..)))) => {
                    panic!("{wire:?}");
                }
            }
        }
        panic!("there is no end to what is to be done");
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        while let Some(due) = self.pair.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.settle();
        }
        self.now = end;
    }

    /// A viewer is there that came by this server.
    fn comes(&mut self, server: &str, viewer: SocketAddr) -> usize {
        let mut data = Message::new();
        data.typ = MessageType::new(METHOD_DATA, CLASS_INDICATION);
        data.write_header();
        put_address(&mut data, ATTR_XOR_PEER_ADDRESS, viewer);
        data.add(ATTR_DATA, b"check");
        let from = Origin::Udp(address(server), None);
        let (by, heard) = self.pair.handle(self.now, from, &data.raw);
        assert!(matches!(heard, Heard::Data(peer, _) if peer == viewer));
        self.pair.hold(self.now, by, viewer, 7, true);
        by
    }
}

/// The last part of its address.
struct IpNumber(u8);

impl From<SocketAddr> for IpNumber {
    fn from(address: SocketAddr) -> IpNumber {
        match address {
            SocketAddr::V4(address) => IpNumber(address.ip().octets()[3]),
            SocketAddr::V6(_) => IpNumber(0),
        }
    }
}

#[test]
fn a_better_server_that_is_back_is_used_by_those_who_come_then() {
    let mut world = World::new();
    let early = address("192.0.2.10:6000");
    let by = world.comes(TWO, early);
    world.at(ONE).is_down = false;
    world.run(5 * MINUTE);
    assert_eq!(world.relayed(), Some(relayed(1)), "viewers are told of it");
    assert!(world.at(TWO).allocated, "and the other one is still there");
    let messages = world
        .pair
        .reports()
        .into_iter()
        .map(|report| report.message);
    assert!(messages.eq(["", ""]));
    // Each viewer has its own way, and a channel there.
    let late = address("192.0.2.11:6000");
    let other = world.comes(ONE, late);
    assert_ne!(by, other);
    world.run(20 * MINUTE);
    let channels = world.pair.channels(world.now);
    assert!(channels[by].contains_key(&early) && !channels[by].contains_key(&late));
    assert!(channels[other].contains_key(&late) && !channels[other].contains_key(&early));
    // The last viewer of the former one leaves.
    world.pair.release(by, early, 7);
    world.run(SECOND);
    assert!(!world.at(TWO).allocated, "it is given back");
    assert_eq!(world.relayed(), Some(relayed(1)));
    let asked = world.at(TWO).requests;
    world.run(60 * MINUTE);
    assert_eq!(world.at(TWO).requests, asked, "the best one is there");
    assert_eq!(world.at(ONE).allocations, 1);
}

#[test]
fn who_was_told_of_the_former_one_may_still_come_by_it() {
    let mut world = World::new();
    world.run(3 * MINUTE);
    world.at(ONE).is_down = false;
    world.pair.permit(world.now, &asker(7), [ip("192.0.2.10")]);
    world.run(2 * MINUTE);
    assert_eq!(world.relayed(), Some(relayed(1)));
    assert!(world.at(TWO).allocated);
    // It says more of itself: that is for both.
    let before = world.at(TWO).requests;
    world.pair.permit(world.now, &asker(7), [ip("192.0.2.11")]);
    world.settle();
    assert_eq!(world.at(TWO).requests, before + 1);
    // Nor may another one that was told of it have said anything yet.
    world.pair.permit(world.now, &asker(9), [ip("192.0.2.13")]);
    world.settle();
    assert_eq!(world.at(TWO).requests, before + 2);
    // Later, another one is for the one that it was told of.
    world.run(250 * SECOND);
    let before = world.at(TWO).requests;
    world.pair.permit(world.now, &asker(8), [ip("192.0.2.12")]);
    world.settle();
    assert_eq!(world.at(TWO).requests, before);
    let by = world.comes(TWO, address("192.0.2.10:6000"));
    world.run(60 * MINUTE);
    assert!(world.at(TWO).allocated);
    // It does not stay for ever.
    world.run(23 * 60 * MINUTE);
    assert!(!world.at(TWO).allocated);
    let channels = world.pair.channels(world.now);
    assert!(channels[by].is_empty());
}

#[test]
fn who_plays_by_the_former_one_may_say_more_of_itself_at_any_time() {
    let mut world = World::new();
    world.comes(TWO, address("192.0.2.10:6000"));
    world.at(ONE).is_down = false;
    world.run(20 * MINUTE);
    assert_eq!(world.relayed(), Some(relayed(1)));
    let before = world.at(TWO).requests;
    world.pair.permit(world.now, &asker(7), [ip("192.0.2.11")]);
    world.settle();
    assert_eq!(world.at(TWO).requests, before + 1);
}

#[test]
fn the_former_one_waits_for_those_who_say_later_where_they_come_from() {
    for comes in [true, false] {
        let mut world = World::new();
        world.at(ONE).is_down = false;
        world.run(5 * MINUTE);
        assert_eq!(world.relayed(), Some(relayed(1)));
        assert!(world.at(TWO).allocated, "viewers have its address");
        if comes {
            let before = world.at(TWO).requests;
            world.pair.permit(world.now, &asker(7), [ip("192.0.2.10")]);
            world.settle();
            assert_eq!(world.at(TWO).requests, before + 1);
            world.comes(TWO, address("192.0.2.10:6000"));
        }
        world.run(5 * MINUTE);
        assert_eq!(world.at(TWO).allocated, comes);
    }
}

#[test]
fn the_former_one_is_not_made_anew_where_the_hosts_address_is_gone() {
    let mut world = World::new();
    world.comes(TWO, address("192.0.2.10:6000"));
    world.at(ONE).is_down = false;
    world.run(6 * MINUTE);
    assert_eq!(world.pair.all().into_iter().flatten().count(), 2);
    let asked = world.at(TWO).requests;
    world.pair.host_changed(world.now, &[ip(LOCAL)]);
    world.run(60 * MINUTE);
    assert_eq!(world.relayed(), Some(relayed(1)));
    assert_eq!(world.at(TWO).requests, asked);
    assert_eq!(world.pair.all().into_iter().flatten().count(), 1);
}

#[test]
fn what_is_being_allocated_is_given_back_where_the_other_one_is_lost_meanwhile() {
    let mut world = World::new();
    world.at(ONE).is_down = false;
    world.at(ONE).is_mute = true;
    world.run(250 * SECOND);
    assert!(world.at(ONE).allocated, "and nobody knows");
    assert_eq!(world.relayed(), Some(relayed(2)));
    world.at(ONE).is_mute = false;
    world.pair.host_changed(world.now, &[ip(LOCAL)]);
    world.run(2 * SECOND);
    assert!(!world.at(ONE).allocated);
    assert_eq!(world.relayed(), Some(relayed(2)));
}

#[test]
fn a_server_that_is_being_given_something_back_is_asked_after_that() {
    let mut world = World::new();
    world.run(205 * SECOND);
    // It is renewed now, and so lost 45 s later, while the better one has been asked for 2.5 s.
    world.pair.host_changed(world.now, &[]);
    world.settle();
    world.at(TWO).is_down = true;
    world.at(ONE).is_down = false;
    world.at(ONE).is_mute = true;
    world.run(44 * SECOND);
    assert!(world.at(ONE).allocated, "and nobody knows");
    assert_eq!(world.relayed(), Some(relayed(2)));
    world.at(ONE).is_mute = false;
    world.run(3 * SECOND);
    assert_eq!(world.relayed(), Some(relayed(1)));
    assert!(world.at(ONE).allocated, "it was not given back by mistake");
}

#[test]
fn a_former_one_does_not_keep_the_best_one_out_for_long() {
    let mut world = World::of(["turn:one", "turn:two", "turn:three"]);
    world.comes(THREE, address("192.0.2.10:6000"));
    world.at(TWO).is_down = false;
    world.run(10 * MINUTE);
    assert_eq!(world.relayed(), Some(relayed(2)));
    world.at(ONE).is_down = false;
    world.run(40 * MINUTE);
    assert_eq!(world.relayed(), Some(relayed(2)));
    assert!(world.at(THREE).allocated, "for who plays there");
    world.run(20 * MINUTE);
    assert_eq!(world.relayed(), Some(relayed(1)));
    assert!(!world.at(THREE).allocated);
}

#[test]
fn a_better_server_that_is_not_back_disturbs_nobody() {
    let mut world = World::new();
    let viewer = address("192.0.2.10:6000");
    let by = world.comes(TWO, viewer);
    world.settle();
    let changes = world.pair.changes();
    let asked = world.at(ONE).requests;
    world.run(60 * MINUTE);
    let asked = world.at(ONE).requests - asked;
    // Four times in five minutes and a few seconds.
    assert!((40..=48).contains(&asked), "{asked}");
    assert_eq!(world.relayed(), Some(relayed(2)));
    assert_eq!(world.pair.changes(), changes);
    assert!(world.pair.channels(world.now)[by].contains_key(&viewer));
    assert_eq!(world.at(TWO).allocations, 1);
    let reports = world.pair.reports();
    assert!(reports[0].message.contains("did not answer"));
    assert_eq!(reports[1].given, Some(relayed(2)));
}

#[test]
fn where_the_better_one_fails_again_the_former_one_is_used_on() {
    let mut world = World::new();
    let early = address("192.0.2.10:6000");
    let by = world.comes(TWO, early);
    world.at(ONE).is_down = false;
    world.run(6 * MINUTE);
    assert_eq!(world.relayed(), Some(relayed(1)));
    world.at(ONE).is_down = true;
    world.run(2 * MINUTE);
    assert_eq!(world.relayed(), Some(relayed(2)));
    assert_eq!(world.at(TWO).allocations, 1, "it was there all the time");
    assert!(world.pair.channels(world.now)[by].contains_key(&early));
    let reports = world.pair.reports();
    assert!(reports[0].message.contains("did not answer"));
    // And so on.
    world.at(ONE).is_down = false;
    world.run(6 * MINUTE);
    assert_eq!(world.relayed(), Some(relayed(1)));
}

#[test]
fn one_server_under_two_names_is_not_asked_twice() {
    let mut world = World::new();
    world.names.insert("one", TWO);
    world.run(30 * MINUTE);
    assert_eq!(world.relayed(), Some(relayed(2)));
    assert_eq!(world.at(TWO).allocations, 1);
    let message = &world.pair.reports()[0].message;
    assert!(message.contains("name each server once"), "{message}");
}

#[test]
fn both_fail_and_one_comes_back() {
    let mut world = World::new();
    for both in [true, false] {
        world.at(ONE).is_down = false;
        let by = world.comes(TWO, address("192.0.2.10:6000"));
        world.run(6 * MINUTE);
        assert_eq!(world.relayed(), Some(relayed(1)));
        world.at(ONE).is_down = true;
        world.at(TWO).is_down = both;
        world.run(5 * MINUTE);
        world.at(TWO).is_down = false;
        world.run(2 * MINUTE);
        assert_eq!(world.relayed(), Some(relayed(2)));
        world.pair.release(by, address("192.0.2.10:6000"), 7);
    }
}

#[test]
fn nothing_is_left_allocated_at_the_end() {
    // At any time, while each is asked, and answers or not.
    for after in (0..20).map(|number| number * 20 * SECOND) {
        for loses in [false, true] {
            let mut world = World::new();
            world.comes(TWO, address("192.0.2.10:6000"));
            world.at(ONE).is_down = false;
            world.run(after);
            let has = world.pair.all().into_iter().flatten().count();
            // What is asked at the end is not answered.
            world.at(ONE).is_down = loses;
            world.pair.end(world.now);
            world.settle();
            world.at(ONE).is_down = false;
            world.run(SECOND);
            assert!(world.pair.is_over(), "{has} after {after:?}");
            assert!(!world.at(ONE).allocated && !world.at(TWO).allocated);
        }
    }
}
