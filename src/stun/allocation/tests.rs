//! An allocation against a server that the test plays itself; a real one is in `tests/gateway/allocation.rs`.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};
use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::{
    ATTR_ALTERNATE_SERVER, ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_ERROR_CODE, ATTR_LIFETIME,
    ATTR_MESSAGE_INTEGRITY, ATTR_NONCE, ATTR_REALM, ATTR_XOR_PEER_ADDRESS,
    ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS,
};
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE,
    METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_REFRESH, Message,
    MessageType, Setter,
};

use super::{Action, Client, Heard, Server};
use crate::crypto::PROVIDER;
use crate::stun;
use crate::stun::attributes::{authenticate, put_address, text, value};

const SECOND: Duration = Duration::from_secs(1);
const RELAYED: &str = "198.51.100.9:50000";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn key() -> [u8; 16] {
    Md5::digest("gateway:example:secret").into()
}

struct Rig {
    client: Client,
    now: Instant,
    number: u64,
    server: SocketAddr,
}

impl Rig {
    fn new() -> Rig {
        let names = ["turn:one.example", "turn:two.example"];
        let servers = names.map(|url| (url, Some("gateway"), Some("secret")));
        let servers = Server::parse_all(servers.into_iter()).unwrap();
        let now = Instant::now();
        let mut rig = Rig {
            client: Client::new(now, servers),
            now,
            number: 0,
            server: address("203.0.113.1:3478"),
        };
        rig.resolves("one.example");
        rig
    }

    fn action(&mut self) -> Option<Action> {
        let number = &mut self.number;
        let random = &mut || {
            *number += 1;
            Ok(*number)
        };
        self.client.poll(self.now, random).unwrap()
    }

    fn resolves(&mut self, name: &str) {
        let Some(Action::Resolve(asked)) = self.action() else {
            panic!("no name is looked up");
        };
        assert_eq!(asked.host, name);
        let server = self.server;
        self.client.resolved(self.now, Ok(&[server]));
    }

    /// The request that leaves now.
    fn request(&mut self) -> Message {
        match self.action() {
            Some(Action::Send(to, bytes)) => {
                assert_eq!(to, self.server);
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
        self.client.handle(self.now, self.server, &response.raw);
    }

    fn refuse(&mut self, request: &Message, code: u16, add: impl FnOnce(&mut Message)) {
        let mut response = Message::new();
        response.typ = MessageType::new(request.typ.method, CLASS_ERROR_RESPONSE);
        response.transaction_id = request.transaction_id;
        response.write_header();
        let value = [0, 0, (code / 100) as u8, (code % 100) as u8, b'N', b'o'];
        response.add(ATTR_ERROR_CODE, &value);
        add(&mut response);
        let heard = self.client.handle(self.now, self.server, &response.raw);
        assert_eq!(heard, Heard::Taken);
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
    assert_eq!(rig.client.reports()[0].relayed, Some(address(RELAYED)));
    assert!(rig.action().is_none());
    let others = ["2001:db8::1", "0.0.0.0", "224.0.0.1"].map(ip);
    rig.client.permit(rig.now, others);
    assert!(rig.action().is_none(), "nobody comes from there");
    rig.client
        .permit(rig.now, ["198.51.100.7", "10.0.0.7"].map(ip));
    let request = rig.authentic();
    assert_eq!(request.typ.method, METHOD_CREATE_PERMISSION);
    rig.respond(&request, |_| {});
    assert!(rig.action().is_none());

    let viewer = address("198.51.100.7:6000");
    let data = Rig::indication(viewer, b"hello");
    let heard = rig.client.handle(rig.now, rig.server, &data);
    assert_eq!(heard, Heard::Data(viewer, b"hello".to_vec().into()));
    assert!(rig.client.channels().is_empty());
    assert!(rig.client.bind(rig.now, viewer));
    assert!(!rig.client.bind(rig.now, viewer));
    let request = rig.authentic();
    assert_eq!(request.typ.method, METHOD_CHANNEL_BIND);
    let number = value(&request, ATTR_CHANNEL_NUMBER).unwrap();
    assert_eq!(number, [0x40, 0, 0, 0]);
    rig.respond(&request, |_| {});
    assert!(rig.client.take_change());
    assert_eq!(rig.client.channels().get(&viewer), Some(&0x4000));
    let data = [0x40, 0, 0, 2, b'h', b'i', 0, 0];
    let heard = rig.client.handle(rig.now, rig.server, &data);
    assert_eq!(heard, Heard::Data(viewer, b"hi"[..].into()));
    rig.client.release(viewer);
    assert!(rig.client.take_change());
    assert_eq!(rig.client.handle(rig.now, rig.server, &data), Heard::Taken);
}

#[test]
fn what_others_send_changes_nothing() {
    let mut rig = Rig::allocated();
    let viewer = address("198.51.100.7:6000");
    let data = Rig::indication(viewer, b"hello");
    for from in [viewer, address("203.0.113.1:3479")] {
        let heard = rig.client.handle(rig.now, from, &data);
        assert_eq!(heard, Heard::Nothing);
        let heard = rig.client.handle(rig.now, from, &[0x40, 0, 0, 0]);
        assert_eq!(heard, Heard::Nothing);
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
        let message = rig.message();
        assert!(message.contains(words), "{message}");
        assert!(!message.contains("secret"));
        rig.resolves("two.example");
        let request = rig.request();
        rig.challenge(&request, 401, "other");
        let request = rig.authentic();
        rig.grant_allocation(&request);
        let reports = rig.client.reports();
        assert_eq!(reports[0].relayed, None);
        assert_eq!(reports[1].relayed, Some(address(RELAYED)));
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
    rig.client.permit(rig.now, [ip("198.51.100.7")]);
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
            if let Action::Resolve(asked) = action {
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
    rig.client.permit(rig.now, ips.clone());
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
    rig.client
        .permit(rig.now, ["198.51.100.7", "198.51.100.8"].map(ip));
    rig.client.bind(rig.now, address("198.51.100.7:6000"));
    let begun = rig.now;
    let mut requests = 0;
    // The server grants some, and refuses others.
    while rig.now - begun < 1000 * SECOND {
        while let Some(Action::Send(_, bytes)) = rig.action() {
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
    let ips = (1..=100).map(|i| IpAddr::from([198, 51, 100, i]));
    rig.client.permit(rig.now, ips);
    rig.client.bind(rig.now, address("198.51.100.7:6000"));
    let request = rig.authentic();
    assert_eq!(request.typ.method, METHOD_CHANNEL_BIND);
    // A server that gives no channel is asked to let it in all the same.
    rig.refuse(&request, 400, |_| {});
    let mut asked = Vec::new();
    while let Some(Action::Send(_, bytes)) = rig.action() {
        let request = stun::message(&bytes).unwrap();
        assert_eq!(request.typ.method, METHOD_CREATE_PERMISSION);
        asked.push(request.attributes.0.len());
        rig.respond(&request, |_| {});
    }
    assert_eq!(asked.len(), 13);
}

#[test]
fn what_is_kept_of_viewers_is_bounded() {
    let mut rig = Rig::allocated();
    for i in 0..2000_u32 {
        let ip = IpAddr::from((0x0a00_0000 + i).to_be_bytes());
        rig.client.permit(rig.now, [ip]);
        rig.client.bind(rig.now, SocketAddr::new(ip, 5000));
    }
    let (mut permits, mut binds) = (0, 0);
    while let Some(Action::Send(_, bytes)) = rig.action() {
        let request = stun::message(&bytes).unwrap();
        match request.typ.method {
            METHOD_CREATE_PERMISSION => permits += 1,
            METHOD_CHANNEL_BIND => binds += 1,
            other => panic!("{other:?}"),
        }
        rig.respond(&request, |_| {});
    }
    assert_eq!((permits, binds), (256 / 8, 1024));
    assert_eq!(rig.client.channels().len(), 1024);
}
