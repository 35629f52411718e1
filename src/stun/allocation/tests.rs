//! An allocation against a server that the test plays itself; a real one is in `tests/gateway/allocation.rs`.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};
use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::{
    ATTR_ALTERNATE_SERVER, ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_ERROR_CODE, ATTR_LIFETIME,
    ATTR_MESSAGE_INTEGRITY, ATTR_NONCE, ATTR_REALM, ATTR_XOR_PEER_ADDRESS,
    ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS, AttrType,
};
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE,
    METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_REFRESH, Message,
    MessageType, Setter,
};

use super::{Action, Asker, Asks, Client, Heard, Origin, Server, Wire};
use crate::crypto::PROVIDER;
use crate::stun;
use crate::stun::attributes::{authenticate, put_address, text, value};

pub const SECOND: Duration = Duration::from_secs(1);
const RELAYED: &str = "198.51.100.9:50000";

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub fn key() -> [u8; 16] {
    Md5::digest("gateway:example:secret").into()
}

/// Of the host that the gateway runs on.
const LOCAL: &str = "192.168.1.2";
/// A session.
const SESSION: u64 = 7;

pub fn asker(session: u64) -> Asker {
    Asker {
        peer: "".into(),
        session,
    }
}

struct Rig {
    client: Client,
    now: Instant,
    number: u64,
    server: SocketAddr,
}

impl Rig {
    fn new() -> Rig {
        let mut rig = Rig::of(["turn:one.example", "turn:two.example"]);
        rig.resolves("one.example");
        rig
    }

    fn of(names: [&str; 2]) -> Rig {
        let servers = names.map(|url| (url, Some("gateway"), Some("secret")));
        let servers = Server::parse_all(servers.into_iter()).unwrap();
        let now = Instant::now();
        Rig {
            client: Client::new(now, servers),
            now,
            number: 0,
            server: address("203.0.113.1:3478"),
        }
    }

    fn action(&mut self) -> Option<Action<Wire>> {
        let number = &mut self.number;
        let random = &mut || {
            *number += 1;
            Ok(*number)
        };
        self.client.poll(self.now, random).unwrap()
    }

    fn resolves(&mut self, name: &str) {
        let server = self.server;
        self.resolves_to(name, &[server]);
    }

    fn resolves_to(&mut self, name: &str, found: &[SocketAddr]) {
        let Some(Action::Resolve(number, asked)) = self.action() else {
            panic!("no name is looked up");
        };
        assert_eq!(asked.host, name);
        self.client.resolved(self.now, number, Ok(found));
    }

    /// A datagram comes to the address that the gateway asks from.
    fn comes<'a>(&mut self, from: SocketAddr, datagram: &'a [u8]) -> Heard<'a> {
        let from = Origin::Udp(from, Some(ip(LOCAL)));
        self.client.handle(self.now, from, datagram)
    }

    fn permit(&mut self, ips: impl IntoIterator<Item = IpAddr>) {
        self.client.permit(self.now, &asker(SESSION), ips);
    }

    fn bind(&mut self, peer: SocketAddr) {
        self.client.hold(self.now, peer, SESSION, true);
    }

    fn channel(&self, peer: SocketAddr) -> Option<u16> {
        self.client.channels(self.now).get(&peer).copied()
    }

    /// The request that leaves now.
    fn request(&mut self) -> Message {
        match self.action() {
            Some(Action::Send(to, local, bytes)) => {
                assert_eq!(to, self.server);
                let known = self.client.allocated();
                assert_eq!(local, known.map(|_| ip(LOCAL)));
                stun::message(&bytes).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }

    /// One that is authentic.
    fn authentic(&mut self) -> Message {
        let mut request = self.request();
        assert!(authenticate(&mut request, &key()), "{request}");
        request
    }

    fn respond(&mut self, request: &Message, add: impl FnOnce(&mut Message)) {
        self.respond_as(request, Some(&key()), add);
    }

    fn respond_as(
        &mut self,
        request: &Message,
        key: Option<&[u8]>,
        add: impl FnOnce(&mut Message),
    ) {
        let mut response = Message::new();
        response.typ = MessageType::new(request.typ.method, CLASS_SUCCESS_RESPONSE);
        response.transaction_id = request.transaction_id;
        response.write_header();
        add(&mut response);
        if let Some(key) = key {
            MessageIntegrity::new_raw_integrity_with_provider(key, PROVIDER.crypto())
                .add_to(&mut response)
                .unwrap();
        }
        self.comes(self.server, &response.raw);
    }

    fn refuse(&mut self, request: &Message, code: u16, add: impl FnOnce(&mut Message)) {
        let mut response = Message::new();
        response.typ = MessageType::new(request.typ.method, CLASS_ERROR_RESPONSE);
        response.transaction_id = request.transaction_id;
        response.write_header();
        let value = [0, 0, (code / 100) as u8, (code % 100) as u8, b'N', b'o'];
        response.add(ATTR_ERROR_CODE, &value);
        add(&mut response);
        assert_eq!(self.comes(self.server, &response.raw), Heard::Taken);
    }

    fn challenge(&mut self, request: &Message, code: u16, nonce: &str) {
        self.refuse(request, code, |response| {
            response.add(ATTR_REALM, b"example");
            response.add(ATTR_NONCE, nonce.as_bytes());
        });
    }

    fn grant_allocation(&mut self, request: &Message) {
        assert_eq!(request.typ.method, METHOD_ALLOCATE);
        self.respond(request, |response| {
            put_address(response, ATTR_XOR_RELAYED_ADDRESS, address(RELAYED));
            put_address(response, ATTR_XORMAPPED_ADDRESS, address("192.0.2.7:1234"));
            response.add(ATTR_LIFETIME, &600_u32.to_be_bytes());
        });
    }

    fn allocated() -> Rig {
        let mut rig = Rig::new();
        let request = rig.request();
        assert!(value(&request, ATTR_MESSAGE_INTEGRITY).is_none());
        rig.challenge(&request, 401, "first");
        let request = rig.authentic();
        assert_eq!(text(&request, ATTR_NONCE), Some("first"));
        rig.grant_allocation(&request);
        assert!(rig.client.take_change());
        rig
    }

    fn message(&self) -> String {
        self.client.reports()[0].message.clone()
    }

    /// What the server passes on from a viewer.
    fn indication(peer: SocketAddr, data: &[u8]) -> Vec<u8> {
        let mut message = Message::new();
        message.typ = MessageType::new(METHOD_DATA, CLASS_INDICATION);
        message.write_header();
        put_address(&mut message, ATTR_XOR_PEER_ADDRESS, peer);
        message.add(ATTR_DATA, data);
        message.raw
    }
}

#[test]
fn viewers_are_let_in_and_get_channels() {
    let mut rig = Rig::allocated();
    let allocated = rig.client.allocated().unwrap();
    assert_eq!(allocated.relayed, address(RELAYED));
    assert_eq!(allocated.mapped, address("192.0.2.7:1234"));
    assert_eq!(rig.client.reports()[0].given, Some(address(RELAYED)));
    assert!(rig.action().is_none());
    let others = ["2001:db8::1", "0.0.0.0", "224.0.0.1"].map(ip);
    rig.permit(others);
    assert!(rig.action().is_none(), "nobody comes from there");
    rig.permit(["198.51.100.7", "10.0.0.7"].map(ip));
    let request = rig.authentic();
    assert_eq!(request.typ.method, METHOD_CREATE_PERMISSION);
    rig.respond(&request, |_| {});
    assert!(rig.action().is_none());

    let viewer = address("198.51.100.7:6000");
    let data = Rig::indication(viewer, b"hello");
    let heard = rig.comes(rig.server, &data);
    assert_eq!(heard, Heard::Data(viewer, b"hello".to_vec().into()));
    assert_eq!(rig.channel(viewer), None);
    rig.bind(viewer);
    rig.bind(viewer);
    let request = rig.authentic();
    assert_eq!(request.typ.method, METHOD_CHANNEL_BIND);
    let number = value(&request, ATTR_CHANNEL_NUMBER).unwrap();
    assert_eq!(number, [0x40, 0, 0, 0]);
    rig.respond(&request, |_| {});
    assert!(rig.client.take_change());
    assert!(rig.action().is_none());
    assert_eq!(rig.channel(viewer), Some(0x4000));
    let data = [0x40, 0, 0, 2, b'h', b'i', 0, 0];
    let heard = rig.comes(rig.server, &data);
    assert_eq!(heard, Heard::Data(viewer, b"hi"[..].into()));
    let other = [0x40, 1, 0, 2, b'h', b'i', 0, 0];
    assert_eq!(rig.comes(rig.server, &other), Heard::Taken, "of nobody");
}

#[test]
fn a_viewer_that_comes_back_has_its_channel_for_as_long_as_the_server_has_it() {
    let mut rig = Rig::allocated();
    let viewer = address("198.51.100.7:6000");
    rig.bind(viewer);
    let request = rig.authentic();
    rig.respond(&request, |_| {});
    let bound = rig.now;
    rig.client.release(viewer, SESSION + 1);
    assert_eq!(rig.channel(viewer), Some(0x4000), "not that one's");
    rig.client.release(viewer, SESSION);
    assert!(rig.client.take_change());
    assert_eq!(rig.channel(viewer), None, "nobody watches there");
    // What it sends meanwhile comes in the channel still.
    let data = [0x40, 0, 0, 2, b'h', b'i', 0, 0];
    let heard = rig.comes(rig.server, &data);
    assert_eq!(heard, Heard::Data(viewer, b"hi"[..].into()));
    // Others get other numbers.
    rig.bind(address("198.51.100.8:6000"));
    let request = rig.authentic();
    assert_eq!(
        value(&request, ATTR_CHANNEL_NUMBER),
        Some(&[0x40, 1, 0, 0][..])
    );
    rig.respond(&request, |_| {});
    assert!(rig.client.take_change());
    rig.bind(viewer);
    assert!(rig.client.take_change(), "at once");
    assert_eq!(rig.channel(viewer), Some(0x4000));
    rig.client.release(viewer, SESSION);
    for (later, number) in [(899, [0x40, 0, 0, 0]), (901, [0x40, 2, 0, 0])] {
        // By then the server has it no more, but nothing else may be bound to it.
        rig.now = bound + later * SECOND;
        rig.bind(viewer);
        let mut asked = None;
        while let Some(Action::Send(_, _, bytes)) = rig.action() {
            let request = stun::message(&bytes).unwrap();
            let peer = stun::attributes::address(&request, ATTR_XOR_PEER_ADDRESS);
            match peer == Some(viewer) {
                // It is not answered: nothing is renewed by it.
                true => asked = value(&request, ATTR_CHANNEL_NUMBER).map(<[u8]>::to_vec),
                false => rig.respond(&request, |response| {
                    response.add(ATTR_LIFETIME, &600_u32.to_be_bytes());
                }),
            }
            if asked.is_some() {
                break;
            }
        }
        assert_eq!(asked.as_deref(), Some(&number[..]), "after {later} s");
        if later == 899 {
            rig = Rig::allocated();
            rig.bind(viewer);
            let request = rig.authentic();
            rig.respond(&request, |_| {});
            rig.bind(address("198.51.100.8:6000"));
            let request = rig.authentic();
            rig.respond(&request, |_| {});
            rig.client.release(viewer, SESSION);
        }
    }
}

#[test]
fn viewers_without_a_channel_are_let_in_for_as_long_as_they_watch() {
    let mut rig = Rig::allocated();
    let viewer = address("198.51.100.7:6000");
    rig.bind(viewer);
    let (mut permitted, mut refused) = (Vec::new(), 0);
    let begun = rig.now;
    while rig.now - begun < 1000 * SECOND {
        while let Some(Action::Send(_, _, bytes)) = rig.action() {
            let request = stun::message(&bytes).unwrap();
            match request.typ.method {
                METHOD_CHANNEL_BIND => {
                    refused += 1;
                    rig.refuse(&request, 400, |_| {});
                }
                METHOD_CREATE_PERMISSION => {
                    permitted.push(rig.now);
                    rig.respond(&request, |_| {});
                }
                _ => rig.respond(&request, |response| {
                    response.add(ATTR_LIFETIME, &600_u32.to_be_bytes());
                }),
            }
        }
        rig.now = rig.client.next_due().unwrap();
    }
    assert!((10..20).contains(&refused), "{refused}");
    assert!(
        permitted
            .windows(2)
            .all(|pair| pair[1] - pair[0] < 300 * SECOND)
    );
    assert!(rig.now - *permitted.last().unwrap() < 300 * SECOND);
}

#[test]
fn where_no_media_goes_a_viewer_is_let_in_without_a_channel() {
    let mut rig = Rig::allocated();
    let viewer = address("198.51.100.7:6000");
    rig.client.hold(rig.now, viewer, SESSION, false);
    let request = rig.authentic();
    assert_eq!(request.typ.method, METHOD_CREATE_PERMISSION);
    rig.respond(&request, |_| {});
    assert!(rig.action().is_none());
    // For as long as it is there, beside what renews the allocation.
    let begun = rig.now;
    let mut permitted = 0;
    while rig.now - begun < 1000 * SECOND {
        while let Some(Action::Send(_, _, bytes)) = rig.action() {
            let request = stun::message(&bytes).unwrap();
            permitted += usize::from(request.typ.method == METHOD_CREATE_PERMISSION);
            assert_ne!(request.typ.method, METHOD_CHANNEL_BIND);
            rig.respond(&request, |response| {
                response.add(ATTR_LIFETIME, &600_u32.to_be_bytes());
            });
        }
        rig.now = rig.client.next_due().unwrap();
    }
    assert_eq!(permitted, 4, "every 200 s");
    // Media goes there, and elsewhere again.
    rig.bind(viewer);
    let request = rig.authentic();
    assert_eq!(request.typ.method, METHOD_CHANNEL_BIND);
    rig.respond(&request, |_| {});
    assert_eq!(rig.channel(viewer), Some(0x4000));
    rig.client.take_change();
    rig.client.hold(rig.now, viewer, SESSION, false);
    assert!(rig.client.take_change());
    assert_eq!(rig.channel(viewer), None);
    assert!(rig.action().is_none(), "the channel has let it in");
    rig.bind(viewer);
    assert!(rig.client.take_change(), "the server has it still");
    assert_eq!(rig.channel(viewer), Some(0x4000));
}

#[test]
fn what_comes_to_another_address_of_ours_is_not_the_servers() {
    let mut rig = Rig::allocated();
    let viewer = address("198.51.100.7:6000");
    let data = Rig::indication(viewer, b"hello");
    let other = Origin::Udp(rig.server, Some(ip("192.168.1.3")));
    let heard = rig.client.handle(rig.now, other, &data);
    assert_eq!(heard, Heard::Nothing);
    // The system may not say where it came to.
    let heard = rig
        .client
        .handle(rig.now, Origin::Udp(rig.server, None), &data);
    assert!(matches!(heard, Heard::Data(..)));
    // Another address is gone: it asks whether all is as it was.
    rig.client.host_changed(rig.now, &[ip("192.168.1.3")]);
    let request = rig.authentic();
    assert_eq!(request.typ.method, METHOD_REFRESH);
    rig.respond(&request, |_| {});
    assert!(rig.client.allocated().is_some());
    // This one is: nothing more comes from the server.
    rig.client.host_changed(rig.now, &[ip(LOCAL)]);
    assert!(rig.client.take_change());
    assert_eq!(rig.client.allocated(), None);
    rig.resolves("one.example");
    let request = rig.request();
    assert_eq!(request.typ.method, METHOD_ALLOCATE);
}

#[test]
fn all_addresses_of_a_server_are_tried_of_both_families_in_turn() {
    let mut rig = Rig::of(["turn:one.example", "turn:two.example"]);
    let found = ["203.0.113.1:3478", "203.0.113.2:3478", "[2001:db8::1]:3478"].map(address);
    rig.resolves_to("one.example", &found);
    for at in [0, 2, 1] {
        rig.server = found[at];
        for _ in 0..4 {
            let request = rig.request();
            assert_eq!(request.typ.method, METHOD_ALLOCATE);
            rig.now = rig.client.next_due().unwrap();
        }
    }
    rig.resolves("two.example");
    assert!(rig.message().contains("203.0.113.2:3478 did not answer"));
}

#[test]
fn what_is_allocated_is_given_back_at_the_end() {
    for answer in [None, Some(0), Some(438), Some(400)] {
        let mut rig = Rig::allocated();
        rig.bind(address("198.51.100.7:6000"));
        // One request is on its way.
        let _ = rig.authentic();
        rig.client.end(rig.now);
        assert!(!rig.client.is_over());
        let request = rig.authentic();
        assert_eq!(request.typ.method, METHOD_REFRESH);
        assert_eq!(value(&request, ATTR_LIFETIME), Some(&[0; 4][..]));
        match answer {
            None => {
                while let Some(due) = rig.client.next_due() {
                    rig.now = due;
                    let _ = rig.action();
                }
            }
            Some(0) => rig.respond(&request, |_| {}),
            Some(438) => {
                rig.challenge(&request, 438, "another");
                let request = rig.authentic();
                assert_eq!(value(&request, ATTR_LIFETIME), Some(&[0; 4][..]));
                rig.respond(&request, |_| {});
            }
            Some(code) => rig.refuse(&request, code, |_| {}),
        }
        assert!(rig.client.is_over(), "{answer:?}");
        assert_eq!(rig.client.allocated(), None);
        assert!(rig.action().is_none());
        assert_eq!(rig.client.next_due(), None);
    }
    let mut rig = Rig::new();
    let _ = rig.request();
    rig.client.end(rig.now);
    assert!(rig.client.is_over(), "there is nothing to give back");
    assert!(rig.action().is_none());
}

#[test]
fn what_is_being_allocated_is_given_back_at_the_end() {
    // An end while the server is asked, the second time of which it allocates.
    let ended = || {
        let mut rig = Rig::new();
        let request = rig.request();
        rig.challenge(&request, 401, "first");
        let request = rig.authentic();
        rig.client.end(rig.now);
        assert!(!rig.client.is_over(), "perhaps there is something");
        assert!(rig.action().is_none());
        (rig, request)
    };
    let is_release = |request: &Message| {
        let zero = value(request, ATTR_LIFETIME) == Some(&[0; 4][..]);
        request.typ.method == METHOD_REFRESH && zero
    };
    // It is granted, and given back, whatever the nonce is by then.
    let (mut rig, request) = ended();
    rig.grant_allocation(&request);
    let request = rig.authentic();
    assert!(is_release(&request));
    rig.challenge(&request, 438, "another");
    let request = rig.authentic();
    assert!(is_release(&request));
    assert!(!rig.client.is_over());
    rig.respond(&request, |_| {});
    assert!(rig.client.is_over());

    // The answer is lost: it may have been granted.
    for code in [None, Some(437)] {
        let (mut rig, _) = ended();
        let begun = rig.now;
        rig.now = rig.client.next_due().unwrap();
        assert!(
            rig.now - begun <= SECOND / 2,
            "before nobody waits any more"
        );
        let request = rig.authentic();
        assert!(is_release(&request), "and is not asked for again");
        match code {
            None => rig.respond(&request, |_| {}),
            Some(code) => rig.refuse(&request, code, |_| {}),
        }
        assert!(rig.client.is_over());
    }

    // It is refused, also by asking for something else: there is nothing to give back.
    for code in [401, 438, 486, 300, 440] {
        let (mut rig, request) = ended();
        rig.challenge(&request, code, "another");
        assert!(rig.client.is_over(), "{code}");
        assert!(rig.action().is_none());
    }

    // What another life has left there is ended all the same, and no other is made.
    let (mut rig, request) = ended();
    rig.refuse(&request, 437, |_| {});
    let request = rig.authentic();
    assert!(is_release(&request));
    rig.respond(&request, |_| {});
    assert!(rig.client.is_over());

    // Nobody answers any more.
    let (mut rig, _) = ended();
    while let Some(due) = rig.client.next_due() {
        rig.now = due;
        if let Some(Action::Send(_, _, bytes)) = rig.action() {
            assert!(is_release(&stun::message(&bytes).unwrap()));
        }
    }
    assert!(rig.client.is_over());
}

#[test]
fn over_a_connection_what_is_being_allocated_is_given_back_as_well() {
    let mut rig = Rig::of(["turn:one.example?transport=tcp", "turn:two.example"]);
    rig.resolves("one.example");
    let id = rig.opens();
    rig.client.connected(rig.now, id, Ok(None));
    let request = rig.written(id);
    rig.is_asked_over(id, &request);
    let request = rig.written(id);
    rig.client.end(rig.now);
    assert!(!rig.client.is_over());
    assert_eq!(rig.client.connection(), Some(id), "it stays open for that");
    rig.says(id, &request, |response| {
        put_address(response, ATTR_XOR_RELAYED_ADDRESS, address(RELAYED));
        put_address(response, ATTR_XORMAPPED_ADDRESS, address("192.0.2.7:1234"));
        response.add(ATTR_LIFETIME, &600_u32.to_be_bytes());
    });
    let request = rig.written(id);
    assert_eq!(request.typ.method, METHOD_REFRESH);
    assert_eq!(value(&request, ATTR_LIFETIME), Some(&[0; 4][..]));
    rig.says(id, &request, |_| {});
    assert!(rig.client.is_over());
    assert_eq!(rig.client.connection(), None);
}

/// A server that is reached over a connection.
impl Rig {
    /// The number of the connection that is asked for.
    fn opens(&mut self) -> u64 {
        let Some(Action::Other(Wire::Open { id, to, .. })) = self.action() else {
            panic!("no connection is asked for");
        };
        assert_eq!(to, self.server);
        assert!(self.action().is_none(), "until it is there");
        id
    }

    fn written(&mut self, id: u64) -> Message {
        match self.action() {
            Some(Action::Other(Wire::Write(over, bytes))) => {
                assert_eq!(over, id);
                stun::message(&bytes).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }

    fn says(&mut self, id: u64, request: &Message, add: impl FnOnce(&mut Message)) {
        let mut response = Message::new();
        response.typ = MessageType::new(request.typ.method, CLASS_SUCCESS_RESPONSE);
        response.transaction_id = request.transaction_id;
        response.write_header();
        add(&mut response);
        MessageIntegrity::new_raw_integrity_with_provider(key(), PROVIDER.crypto())
            .add_to(&mut response)
            .unwrap();
        let heard = self
            .client
            .handle(self.now, Origin::Connection(id), &response.raw);
        assert_eq!(heard, Heard::Taken);
    }

    /// The server asks who this is.
    fn is_asked_over(&mut self, id: u64, request: &Message) {
        let mut refusal = Message::new();
        refusal.typ = MessageType::new(request.typ.method, CLASS_ERROR_RESPONSE);
        refusal.transaction_id = request.transaction_id;
        refusal.write_header();
        refusal.add(ATTR_ERROR_CODE, &[0, 0, 4, 1]);
        refusal.add(ATTR_REALM, b"example");
        refusal.add(ATTR_NONCE, b"first");
        // Whoever sends this over UDP is not heard.
        let heard = self.comes(self.server, &refusal.raw);
        assert_eq!(heard, Heard::Nothing);
        self.client
            .handle(self.now, Origin::Connection(id), &refusal.raw);
    }

    /// Allocates over the connection with this number.
    fn allocates_over(&mut self, id: u64) {
        let request = self.written(id);
        self.is_asked_over(id, &request);
        let request = self.written(id);
        assert_eq!(request.typ.method, METHOD_ALLOCATE);
        self.says(id, &request, |response| {
            put_address(response, ATTR_XOR_RELAYED_ADDRESS, address(RELAYED));
            put_address(response, ATTR_XORMAPPED_ADDRESS, address("192.0.2.7:1234"));
            response.add(ATTR_LIFETIME, &600_u32.to_be_bytes());
        });
        assert!(self.client.take_change());
    }
}

#[test]
fn over_a_connection_requests_are_not_repeated_and_its_end_is_that_of_the_allocation() {
    let mut rig = Rig::of(["turns:one.example", "turn:two.example?transport=tcp"]);
    rig.server = address("203.0.113.1:5349");
    rig.resolves("one.example");
    let first = rig.opens();
    rig.client.connected(rig.now, first, Ok(Some(ip(LOCAL))));
    rig.allocates_over(first);
    let viewer = address("198.51.100.7:6000");
    let data = Rig::indication(viewer, b"hello");
    let heard = rig.client.handle(rig.now, Origin::Connection(first), &data);
    assert_eq!(heard, Heard::Data(viewer, b"hello".to_vec().into()));
    assert_eq!(
        rig.comes(rig.server, &data),
        Heard::Nothing,
        "by another way"
    );
    rig.now += 15 * SECOND;
    let asked = rig.now;
    let _ = rig.written(first);
    assert_eq!(
        rig.client.next_due().unwrap() - asked,
        7 * SECOND + SECOND / 2
    );
    rig.client.disconnected(rig.now, first + 1, "of no account");
    assert!(rig.client.allocated().is_some());
    rig.client.disconnected(rig.now, first, "it was reset");
    assert_eq!(rig.client.allocated(), None);
    assert_eq!(rig.client.connection(), None);
    assert!(rig.message().contains("it was reset"), "{}", rig.message());
    // The next server; what comes over the former connection is nothing.
    rig.resolves("two.example");
    let second = rig.opens();
    assert_ne!(first, second);
    rig.client.connected(rig.now, first, Ok(None));
    assert!(rig.action().is_none());
    rig.client
        .connected(rig.now, second, Err("it cannot be".to_owned()));
    // All have failed, and the one that worked did so for seconds only: a pause.
    assert_eq!(rig.client.next_due(), Some(rig.now + 30 * SECOND));
}

#[test]
fn a_connection_that_takes_too_long_is_given_up() {
    let mut rig = Rig::of(["turn:one.example?transport=tcp", "turn:two.example"]);
    rig.resolves("one.example");
    let id = rig.opens();
    rig.now = rig.client.next_due().unwrap();
    rig.resolves("two.example");
    assert_eq!(rig.client.connection(), None);
    assert!(rig.message().contains("cannot be connected to in time"));
    rig.client.connected(rig.now, id, Ok(None));
    let request = rig.request();
    assert_eq!(request.typ.method, METHOD_ALLOCATE, "over UDP");
}

#[test]
fn what_others_send_changes_nothing() {
    let mut rig = Rig::allocated();
    let viewer = address("198.51.100.7:6000");
    let data = Rig::indication(viewer, b"hello");
    for from in [viewer, address("203.0.113.1:3479")] {
        assert_eq!(rig.comes(from, &data), Heard::Nothing);
        assert_eq!(rig.comes(from, &[0x40, 0, 0, 0]), Heard::Nothing);
    }
    rig.now += 20 * SECOND;
    let request = rig.authentic();
    assert_eq!(request.typ.method, METHOD_REFRESH);
    // Of somebody who knows no password.
    rig.respond_as(&request, Some(b"other"), |_| {});
    rig.respond_as(&request, None, |_| {});
    rig.now += SECOND;
    assert_eq!(rig.request().transaction_id, request.transaction_id);
}

#[test]
fn an_allocation_is_renewed_and_made_again_where_it_was_lost() {
    let mut rig = Rig::allocated();
    for nonce in ["second", "third"] {
        rig.now += 15 * SECOND;
        let request = rig.authentic();
        assert_eq!(request.typ.method, METHOD_REFRESH);
        rig.challenge(&request, 438, nonce);
        let request = rig.authentic();
        assert_eq!(text(&request, ATTR_NONCE), Some(nonce));
        rig.respond(&request, |response| {
            response.add(ATTR_LIFETIME, &600_u32.to_be_bytes());
        });
        assert!(rig.action().is_none());
    }
    // The server has been restarted.
    rig.now += 15 * SECOND;
    let request = rig.authentic();
    rig.refuse(&request, 437, |_| {});
    assert!(rig.client.take_change());
    assert_eq!(rig.client.allocated(), None);
    let request = rig.authentic();
    rig.grant_allocation(&request);
    assert_eq!(rig.client.changes(), 2);
    // It forgets at once: it is not asked without end.
    rig.bind(address("198.51.100.7:6000"));
    let request = rig.authentic();
    assert_eq!(request.typ.method, METHOD_CHANNEL_BIND);
    rig.refuse(&request, 437, |_| {});
    assert!(
        rig.message().contains("several servers"),
        "{}",
        rig.message()
    );
    rig.resolves("two.example");
}

#[test]
fn a_viewer_that_goes_to_and_fro_keeps_nobody_out() {
    let mut rig = Rig::allocated();
    let [a, b] = ["198.51.100.7:6000", "198.51.100.7:6001"].map(address);
    let newcomer = address("198.51.100.8:0").ip();
    let (mut requests, mut permitted) = (0, false);
    for turn in 0..200 {
        let (to, from) = if turn % 2 == 0 { (a, b) } else { (b, a) };
        rig.client.hold(rig.now, from, SESSION, false);
        rig.client.hold(rig.now, to, SESSION, true);
        if turn == 2 {
            rig.permit([newcomer]);
        }
        if let Some(Action::Send(_, _, bytes)) = rig.action() {
            requests += 1;
            let request = stun::message(&bytes).unwrap();
            let peers = stun::attributes::addresses(&request, ATTR_XOR_PEER_ADDRESS).unwrap();
            permitted |= peers.iter().any(|peer| peer.ip() == newcomer);
            rig.respond(&request, |_| {});
        }
        rig.now += Duration::from_millis(10);
    }
    assert!(permitted);
    assert!(requests <= 6, "{requests}");
}

#[test]
fn a_server_names_no_other_that_is_nearer_to_this_host() {
    for near in [[127, 0, 0, 1], [169, 254, 1, 1], [10, 0, 0, 1]] {
        let mut rig = Rig::new();
        let request = rig.request();
        rig.refuse(&request, 300, |response| {
            let [a, b, c, d] = near;
            response.add(ATTR_ALTERNATE_SERVER, &[0, 1, 0x0d, 0x96, a, b, c, d]);
        });
        assert!(rig.message().contains("no other server"), "{near:?}");
    }
}

#[test]
fn what_another_life_has_allocated_is_ended() {
    let mut rig = Rig::new();
    let request = rig.request();
    rig.challenge(&request, 401, "first");
    let request = rig.authentic();
    rig.refuse(&request, 437, |_| {});
    let request = rig.authentic();
    assert_eq!(request.typ.method, METHOD_REFRESH);
    assert_eq!(value(&request, ATTR_LIFETIME), Some(&[0; 4][..]));
    rig.respond(&request, |_| {});
    let request = rig.authentic();
    rig.grant_allocation(&request);
    assert!(rig.client.allocated().is_some());
}

#[test]
fn a_server_that_has_addresses_of_both_families_lets_in_viewers_of_both() {
    let both = |request: &Message| value(request, AttrType(0x8000)) == Some(&[2, 0, 0, 0][..]);
    let mut rig = Rig::new();
    let request = rig.request();
    assert!(both(&request));
    rig.challenge(&request, 401, "first");
    let request = rig.authentic();
    assert!(both(&request));
    let second = address("[2001:db8::9]:50000");
    rig.respond(&request, |response| {
        put_address(response, ATTR_XOR_RELAYED_ADDRESS, address(RELAYED));
        put_address(response, ATTR_XOR_RELAYED_ADDRESS, second);
        put_address(response, ATTR_XORMAPPED_ADDRESS, address("192.0.2.7:1234"));
        response.add(ATTR_LIFETIME, &600_u32.to_be_bytes());
    });
    let allocated = rig.client.allocated().unwrap();
    assert!(allocated.relayed().eq([address(RELAYED), second]));
    rig.permit(["198.51.100.7", "2001:db8::7"].map(ip));
    let request = rig.authentic();
    let peers = stun::attributes::addresses(&request, ATTR_XOR_PEER_ADDRESS);
    assert_eq!(peers.unwrap().len(), 2);

    // A server that takes that amiss is asked for one alone.
    for code in [400, 420, 440, 508] {
        let mut rig = Rig::new();
        let request = rig.request();
        rig.challenge(&request, 401, "first");
        let request = rig.authentic();
        rig.refuse(&request, code, |_| {});
        assert_eq!(rig.message(), "");
        let request = rig.authentic();
        assert!(!both(&request));
        rig.grant_allocation(&request);
        assert_eq!(rig.client.allocated().unwrap().second, None);
    }
}

#[test]
fn a_server_that_mismatches_again_and_again_is_left() {
    let mut rig = Rig::new();
    let request = rig.request();
    rig.challenge(&request, 401, "first");
    let mut requests = 0;
    while rig.message().is_empty() {
        let request = rig.authentic();
        rig.refuse(&request, 437, |_| {});
        requests += 1;
        assert!(requests < 20);
    }
    assert!(rig.message().contains("error 437"));
    rig.resolves("two.example");
}

#[test]
fn a_server_that_refuses_says_why_and_the_next_one_is_asked() {
    for (code, words) in [
        (401, "check username and credential"),
        (403, "forbids"),
        (486, "quota"),
        (508, "capacity"),
        (442, "error 442 (No)"),
    ] {
        let mut rig = Rig::new();
        let request = rig.request();
        rig.challenge(&request, 401, "first");
        let request = rig.authentic();
        match code {
            401 => rig.challenge(&request, 401, "second"),
            _ => rig.refuse(&request, code, |_| {}),
        }
        if let 442 | 508 = code {
            // It has no address of IPv4 either.
            assert_eq!(rig.message(), "");
            let request = rig.authentic();
            rig.refuse(&request, code, |_| {});
        }
        let message = rig.message();
        assert!(message.contains(words), "{message}");
        assert!(!message.contains("secret"));
        rig.resolves("two.example");
        let request = rig.request();
        rig.challenge(&request, 401, "other");
        let request = rig.authentic();
        rig.grant_allocation(&request);
        let reports = rig.client.reports();
        assert_eq!(reports[0].given, None);
        assert_eq!(reports[1].given, Some(address(RELAYED)));
    }
}

#[test]
fn servers_that_do_not_answer_are_asked_again_after_a_while() {
    let mut rig = Rig::new();
    for (name, next) in [("one.example", Some("two.example")), ("two.example", None)] {
        let begun = rig.now;
        let first = rig.request().transaction_id;
        for _ in 0..3 {
            rig.now = rig.client.next_due().unwrap();
            assert_eq!(rig.request().transaction_id, first, "{name}");
        }
        rig.now = rig.client.next_due().unwrap();
        assert_eq!(rig.now - begun, 7 * SECOND + SECOND / 2);
        match next {
            Some(next) => rig.resolves(next),
            None => assert!(rig.action().is_none()),
        }
    }
    for report in rig.client.reports() {
        assert!(report.message.contains("did not answer"), "{report:?}");
    }
    let due = rig.client.next_due().unwrap();
    assert_eq!(due - rig.now, 30 * SECOND);
    rig.now = due;
    rig.resolves("one.example");
}

#[test]
fn a_lost_server_is_noticed_within_a_minute_and_a_moment_of_silence_costs_nothing() {
    let mut rig = Rig::allocated();
    rig.permit([ip("198.51.100.7")]);
    let begun = rig.now;
    // Nothing is answered.
    while rig.now - begun < 35 * SECOND {
        while let Some(Action::Send(..)) = rig.action() {}
        rig.now = rig.client.next_due().unwrap();
    }
    assert!(rig.client.allocated().is_some());
    let mut name = None;
    while rig.client.allocated().is_some() {
        rig.now = rig.client.next_due().unwrap();
        while let Some(action) = rig.action() {
            if let Action::Resolve(_, asked) = action {
                name = Some(asked.host);
            }
        }
    }
    assert_eq!(name.as_deref(), Some("two.example"));
    assert!(rig.now - begun <= 60 * SECOND);
    assert!(rig.client.take_change());
}

#[test]
fn another_server_that_is_named_is_asked_but_not_without_end() {
    let mut rig = Rig::new();
    for i in 0..4 {
        let request = rig.request();
        let next = SocketAddr::from(([203, 0, 113, 10 + i], 3478));
        rig.refuse(&request, 300, |response| {
            response.add(
                ATTR_ALTERNATE_SERVER,
                &[0, 1, 0x0d, 0x96, 203, 0, 113, 10 + i],
            );
        });
        if i < 3 {
            rig.server = next;
        }
    }
    assert!(rig.message().contains("no other server"));
}

#[test]
fn an_address_that_the_server_does_not_relay_to_keeps_no_other_out() {
    let mut rig = Rig::allocated();
    let ips: Vec<IpAddr> = (1..=5).map(|i| IpAddr::from([192, 0, 2, i])).collect();
    rig.permit(ips.clone());
    let request = rig.authentic();
    rig.refuse(&request, 403, |_| {});
    for _ in &ips {
        let request = rig.authentic();
        let peer = stun::attributes::address(&request, ATTR_XOR_PEER_ADDRESS).unwrap();
        match peer.ip() == ips[2] {
            true => rig.refuse(&request, 403, |_| {}),
            false => rig.respond(&request, |_| {}),
        }
    }
    assert!(rig.action().is_none());
    assert_eq!(rig.message(), "");
}

#[test]
fn nothing_is_due_that_is_not_done() {
    let mut rig = Rig::allocated();
    rig.permit(["198.51.100.7", "198.51.100.8"].map(ip));
    rig.bind(address("198.51.100.7:6000"));
    let begun = rig.now;
    let mut requests = 0;
    // The server grants some, and refuses others.
    while rig.now - begun < 1000 * SECOND {
        while let Some(Action::Send(_, _, bytes)) = rig.action() {
            let request = stun::message(&bytes).unwrap();
            requests += 1;
            match request.typ.method == METHOD_REFRESH || requests % 2 == 0 {
                true => rig.respond(&request, |response| {
                    response.add(ATTR_LIFETIME, &600_u32.to_be_bytes());
                }),
                false => rig.refuse(&request, 400, |_| {}),
            }
        }
        let due = rig.client.next_due().unwrap();
        assert!(due > rig.now, "after {:?}", rig.now - begun);
        rig.now = due;
    }
    assert!(requests < 200, "{requests}");
}

#[test]
fn who_watches_comes_before_those_who_may_come() {
    let mut rig = Rig::allocated();
    for i in 1..=100 {
        let ip = IpAddr::from([198, 51, 100, i]);
        rig.client.permit(rig.now, &asker(i.into()), [ip]);
    }
    // At none of these addresses: their permission would be its own, too.
    rig.bind(address("192.0.2.7:6000"));
    let request = rig.authentic();
    assert_eq!(request.typ.method, METHOD_CHANNEL_BIND);
    // A server that gives no channel is asked to let it in all the same.
    rig.refuse(&request, 400, |_| {});
    let mut asked = Vec::new();
    while let Some(Action::Send(_, _, bytes)) = rig.action() {
        let request = stun::message(&bytes).unwrap();
        assert_eq!(request.typ.method, METHOD_CREATE_PERMISSION);
        asked.push(request.attributes.0.len());
        rig.respond(&request, |_| {});
    }
    // By itself, in turn with the others.
    assert_eq!((asked.len(), asked[1]), (14, 5));
}

#[test]
fn what_is_kept_of_viewers_is_bounded() {
    let mut rig = Rig::allocated();
    for i in 0..2000_u32 {
        let ip = IpAddr::from((0x0a00_0000 + i).to_be_bytes());
        rig.client.permit(rig.now, &asker(i.into()), [ip]);
        let peer = SocketAddr::new(ip, 5000);
        rig.client.hold(rig.now, peer, i.into(), true);
    }
    let (mut permits, mut binds) = (0, 0);
    while let Some(Action::Send(_, _, bytes)) = rig.action() {
        let request = stun::message(&bytes).unwrap();
        match request.typ.method {
            METHOD_CREATE_PERMISSION => permits += 1,
            METHOD_CHANNEL_BIND => binds += 1,
            other => panic!("{other:?}"),
        }
        rig.respond(&request, |_| {});
    }
    // Who has no channel needs a permission for as long as it watches; some get it along with those who may come.
    assert_eq!(binds, 1024);
    assert!((700..=2000 - 1024).contains(&permits), "{permits}");
    assert_eq!(rig.client.channels(rig.now).len(), 1024);
}
