//! What is granted, and what is not. The client is that of the test kit, which shares no code with this.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use rtc::stun::attributes::{
    ATTR_EVEN_PORT, ATTR_LIFETIME, ATTR_REQUESTED_ADDRESS_FAMILY, AttrType,
};
use testkit::viewer::turn::{
    METHOD_ALLOCATE, METHOD_BINDING, METHOD_CHANNEL_BIND, METHOD_CONNECT, METHOD_CREATE_PERMISSION,
    METHOD_REFRESH, Said, TurnClient, channel_data, relayed, transport,
};

use super::{At, Authority, Greeting, Heard, Refusal, Relay, greet};
use crate::session::framing::Wrap;

const SECOND: Duration = Duration::from_secs(1);

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The number of the client's session.
const SESSION: u64 = 5;

/// A gateway, and a client that may use its relay.
struct Rig {
    authority: Authority,
    /// Of the session that is at the client's place.
    session: u64,
    ours: Vec<SocketAddr>,
    now: Instant,
    wall: SystemTime,
    from: SocketAddr,
    client: RefCell<TurnClient>,
    relay: Relay,
}

impl Rig {
    fn new() -> Rig {
        let authority = Authority::new([3; 32]);
        let wall = SystemTime::UNIX_EPOCH + 1_800_000_000 * SECOND;
        let credentials = authority.issue(wall, "0000002a", SESSION);
        let client = TurnClient::new(&credentials.username, &credentials.password);
        Rig {
            authority,
            session: SESSION,
            ours: ["192.0.2.1:5000", "[2001:db8::1]:5000"].map(address).into(),
            now: Instant::now(),
            wall,
            from: address("198.51.100.7:40000"),
            client: RefCell::new(client),
            relay: Relay::new(address("192.0.2.1:50000")),
        }
    }

    /// One that has allocated, too.
    fn allocated() -> Rig {
        let mut rig = Rig::new();
        let allocate = rig.client.borrow_mut().allocate();
        assert_eq!(rig.said(&allocate), Said::Error(METHOD_ALLOCATE, 401));
        let allocate = rig.client.borrow_mut().allocate();
        assert_eq!(rig.said(&allocate), Said::Success(METHOD_ALLOCATE));
        rig
    }

    fn heard<'a>(&mut self, bytes: &'a [u8]) -> Heard<'a> {
        let ours = &self.ours;
        let at = At {
            now: self.now,
            wall: self.wall,
            authority: &self.authority,
            session: self.session,
            client: self.from,
            ours: &|| ours.clone(),
        };
        self.relay.handle(&at, bytes)
    }

    /// What the response says.
    fn said(&mut self, bytes: &[u8]) -> Said {
        match self.heard(bytes) {
            Heard::Response(response)
            | Heard::Allocated(response)
            | Heard::Refused(response, _)
            | Heard::Over(Some(response)) => self.client.borrow_mut().hear(&response),
            Heard::Nothing | Heard::Over(None) | Heard::Datagram(..) => Said::Nothing,
        }
    }

    fn ask(&mut self, request: impl FnOnce(&mut TurnClient) -> Vec<u8>) -> Said {
        let request = request(&mut self.client.borrow_mut());
        self.said(&request)
    }

    fn waits(&mut self, time: Duration) {
        self.now += time;
        self.wall += time;
    }

    /// Where these bytes go, and what of them.
    fn arrives(&mut self, bytes: &[u8]) -> Option<(IpAddr, Vec<u8>)> {
        match self.heard(bytes) {
            Heard::Datagram(to, data) => Some((to, data.into_owned())),
            _ => None,
        }
    }
}

#[test]
fn a_client_that_has_credentials_gets_a_relay() {
    let mut rig = Rig::new();
    assert_eq!(rig.relay.ends(), None);
    let allocate = rig.client.borrow_mut().allocate();
    assert_eq!(rig.said(&allocate), Said::Error(METHOD_ALLOCATE, 401));
    let allocate = rig.client.borrow_mut().allocate();
    let Heard::Allocated(response) = rig.heard(&allocate) else {
        panic!("nothing was allocated");
    };
    assert_eq!(relayed(&response), Some(address("192.0.2.1:50000")));
    assert_eq!(rig.relay.ends(), Some(rig.now + 600 * SECOND));
    let again = rig.ask(TurnClient::allocate);
    assert_eq!(again, Said::Error(METHOD_ALLOCATE, 437));
    rig.waits(300 * SECOND);
    let more = rig.ask(|client| client.refresh(100_000));
    assert_eq!(more, Said::Success(METHOD_REFRESH));
    assert_eq!(rig.relay.ends(), Some(rig.now + 3600 * SECOND));
    let request = rig.client.borrow_mut().refresh(0);
    assert!(matches!(rig.heard(&request), Heard::Over(_)));
    assert_eq!(rig.relay.ends(), None);
    let none = rig.ask(|client| client.refresh(600));
    assert_eq!(none, Said::Error(METHOD_REFRESH, 437));
}

#[test]
fn datagrams_go_both_ways_by_permission_and_by_channel() {
    let mut rig = Rig::allocated();
    let [v4, v6] = [rig.ours[0], rig.ours[1]];
    let send = rig.client.borrow_mut().send(v4, b"early");
    assert_eq!(rig.arrives(&send), None);
    assert_eq!(rig.relay.way_from(rig.now, Some(v4.ip())), None);
    let permitted = rig.ask(|client| client.permit(&[v4]));
    assert_eq!(permitted, Said::Success(METHOD_CREATE_PERMISSION));
    let send = rig.client.borrow_mut().send(v4, b"hello");
    assert_eq!(rig.arrives(&send), Some((v4.ip(), b"hello".to_vec())));
    let way = |rig: &Rig, ip| rig.relay.way_from(rig.now, Some(ip));
    assert_eq!(way(&rig, v4.ip()), Some(Wrap::Data(v4)));
    assert_eq!(way(&rig, v6.ip()), None);

    let bound = rig.ask(|client| client.bind(0x4000, v6));
    assert_eq!(bound, Said::Success(METHOD_CHANNEL_BIND));
    assert_eq!(way(&rig, v6.ip()), Some(Wrap::Channel(0x4000)));
    let data = channel_data(0x4000, b"hello");
    assert_eq!(rig.arrives(&data[..9]), Some((v6.ip(), b"hello".to_vec())));
    assert_eq!(rig.arrives(&channel_data(0x4001, b"hello")), None);
    // A channel permits indications, too.
    let send = rig.client.borrow_mut().send(v6, b"hello");
    assert_eq!(rig.arrives(&send), Some((v6.ip(), b"hello".to_vec())));

    rig.waits(301 * SECOND);
    assert_eq!(way(&rig, v4.ip()), None, "the permission is over");
    assert_eq!(way(&rig, v6.ip()), Some(Wrap::Channel(0x4000)));
    assert_eq!(rig.arrives(&send), None);
    rig.waits(300 * SECOND);
    assert_eq!(way(&rig, v6.ip()), None, "and so is all else");
    assert_eq!(rig.arrives(&data), None);
}

#[test]
fn nothing_is_relayed_to_others() {
    let mut rig = Rig::allocated();
    let own = rig.ours[0];
    for other in [
        "203.0.113.9:5000",
        "127.0.0.1:5000",
        "0.0.0.0:5000",
        "255.255.255.255:5000",
        "198.51.100.7:40000",
        "[::1]:5000",
        "[::]:5000",
    ] {
        let other = address(other);
        let request = rig.client.borrow_mut().permit(&[other]);
        let Heard::Refused(_, Refusal::Stranger(to)) = rig.heard(&request) else {
            panic!("{other} was not refused");
        };
        assert_eq!(to, other);
        // One of ours beside it does not help, and is not permitted either.
        let both = rig.ask(|client| {
            let peers = [own, other].map(|peer| client.peer(peer));
            client.request(METHOD_CREATE_PERMISSION, &peers)
        });
        assert_eq!(both, Said::Error(METHOD_CREATE_PERMISSION, 403), "{other}");
        let bound = rig.ask(|client| client.bind(0x4000, other));
        assert_eq!(bound, Said::Error(METHOD_CHANNEL_BIND, 403), "{other}");
        let send = rig.client.borrow_mut().send(other, b"hello");
        assert_eq!(rig.arrives(&send), None, "{other}");
        assert_eq!(rig.relay.way_from(rig.now, Some(other.ip())), None);
    }
    let send = rig.client.borrow_mut().send(own, b"hello");
    assert_eq!(rig.arrives(&send), None);
    assert_eq!(rig.arrives(&channel_data(0x4000, b"hello")), None);

    // Nor to other services on our own address.
    let other_port = SocketAddr::new(own.ip(), 22);
    let bound = rig.ask(|client| client.bind(0x4000, other_port));
    assert_eq!(bound, Said::Error(METHOD_CHANNEL_BIND, 403));
    let permitted = rig.ask(|client| client.permit(&[other_port]));
    assert_eq!(
        permitted,
        Said::Success(METHOD_CREATE_PERMISSION),
        "of the address"
    );
    let send = rig.client.borrow_mut().send(other_port, b"hello");
    assert_eq!(rig.arrives(&send), None);
}

#[test]
fn wrong_and_expired_credentials_get_nothing() {
    let mut rig = Rig::allocated();
    let (authority, wall) = (Authority::new([4; 32]), rig.wall);
    let foreign = authority.issue(wall, "0000002a", SESSION);
    let own = rig.client.borrow().clone();
    for (username, password) in [
        (own.username.as_str(), "wrong"),
        (foreign.username.as_str(), foreign.password.as_str()),
        ("nobody", "nothing"),
        ("", ""),
    ] {
        let mut other = own.clone();
        (other.username, other.password) = (username.to_owned(), password.to_owned());
        for fresh in [false, true] {
            if fresh {
                rig.relay = Relay::new(address("192.0.2.1:50000"));
            }
            let request = other.allocate();
            let Heard::Refused(response, Refusal::Credentials) = rig.heard(&request) else {
                panic!("{username} was not refused");
            };
            let said = other.hear(&response);
            // Whose the allocation is, is told only to who has a password.
            assert_eq!(said, Said::Error(METHOD_ALLOCATE, 401), "{username}");
        }
        rig = Rig::allocated();
    }

    // Somebody else's valid ones are not those of this allocation.
    let another = rig.authority.issue(rig.wall, "0000002b", 6);
    let mut other = rig.client.borrow().clone();
    (other.username, other.password) = (another.username, another.password);
    let request = other.refresh(600);
    assert_eq!(rig.said(&request), Said::Error(METHOD_REFRESH, 441));

    // What has begun goes on for longer than credentials are valid; then nothing new begins.
    let refreshed = rig.ask(|client| client.refresh(3600));
    assert_eq!(refreshed, Said::Success(METHOD_REFRESH));
    for _ in 0..50 {
        rig.waits(1800 * SECOND);
        let refreshed = rig.ask(|client| client.refresh(3600));
        let refreshed = match refreshed {
            Said::Error(METHOD_REFRESH, 438) => rig.ask(|client| client.refresh(3600)),
            other => other,
        };
        assert_eq!(refreshed, Said::Success(METHOD_REFRESH));
    }
    rig.relay = Relay::new(address("192.0.2.1:50000"));
    let late = rig.ask(TurnClient::allocate);
    assert_eq!(late, Said::Error(METHOD_ALLOCATE, 401));
    assert_eq!(rig.relay.ends(), None);
}

#[test]
fn an_old_or_forged_nonce_is_replaced() {
    let mut rig = Rig::allocated();
    rig.client.borrow_mut().nonce = Some("0123456789abcdef".to_owned());
    let stale = rig.ask(|client| client.refresh(600));
    assert_eq!(stale, Said::Error(METHOD_REFRESH, 438));
    let refreshed = rig.ask(|client| client.refresh(600));
    assert_eq!(refreshed, Said::Success(METHOD_REFRESH));
    // That of another client is none.
    rig.from = address("198.51.100.7:40001");
    let stale = rig.ask(|client| client.refresh(600));
    assert_eq!(stale, Said::Error(METHOD_REFRESH, 438));
}

#[test]
fn what_is_not_offered_is_refused_by_its_number() {
    let family = |number| (ATTR_REQUESTED_ADDRESS_FAMILY, vec![number, 0, 0, 0]);
    for (attributes, code) in [
        (vec![], 400),
        (vec![transport(6)], 442),
        (vec![transport(17), family(2)], 440),
        (vec![transport(17), (ATTR_EVEN_PORT, vec![0x80])], 420),
        (vec![transport(17), (AttrType(0x7fff), vec![])], 420),
    ] {
        let mut rig = Rig::new();
        let _ = rig.ask(TurnClient::allocate);
        let said = rig.ask(|client| client.request(METHOD_ALLOCATE, &attributes));
        assert_eq!(said, Said::Error(METHOD_ALLOCATE, code), "{attributes:?}");
        assert_eq!(rig.relay.ends(), None);
    }
    let mut rig = Rig::new();
    let _ = rig.ask(TurnClient::allocate);
    let wanted = [transport(17), family(1), (AttrType(0xff05), vec![1; 4])];
    let said = rig.ask(|client| client.request(METHOD_ALLOCATE, &wanted));
    assert_eq!(said, Said::Success(METHOD_ALLOCATE));
    // TCP to others (RFC 6062).
    let own = rig.ours[0];
    let said = rig.ask(|client| client.request(METHOD_CONNECT, &[client.clone().peer(own)]));
    assert_eq!(said, Said::Error(METHOD_CONNECT, 400));
    let said = rig.ask(|client| client.request(METHOD_CREATE_PERMISSION, &[]));
    assert_eq!(said, Said::Error(METHOD_CREATE_PERMISSION, 400));
    let said = rig.ask(|client| client.request(METHOD_REFRESH, &[(ATTR_LIFETIME, vec![1])]));
    assert_eq!(
        said,
        Said::Success(METHOD_REFRESH),
        "as if it were not there"
    );
    let said = rig.ask(|client| client.request(METHOD_BINDING, &[]));
    assert_eq!(said, Said::Success(METHOD_BINDING));
}

#[test]
fn a_channel_has_one_address_and_an_address_one_channel() {
    let mut rig = Rig::allocated();
    let [v4, v6] = [rig.ours[0], rig.ours[1]];
    let mut bind = |number, peer, expected| {
        let said = rig.ask(|client| client.bind(number, peer));
        let expected = match expected {
            0 => Said::Success(METHOD_CHANNEL_BIND),
            code => Said::Error(METHOD_CHANNEL_BIND, code),
        };
        assert_eq!(said, expected, "{number:#x} {peer}");
    };
    bind(0x3fff, v4, 400);
    bind(0x5000, v4, 400);
    bind(0x4000, v4, 0);
    bind(0x4000, v4, 0);
    bind(0x4001, v4, 400);
    bind(0x4000, v6, 400);
    bind(0x4fff, v6, 0);
    rig.waits(599 * SECOND);
    let said = rig.ask(|client| client.refresh(3600));
    assert_eq!(said, Said::Success(METHOD_REFRESH));
    rig.waits(2 * SECOND);
    let said = rig.ask(|client| client.bind(0x4001, v4));
    assert_eq!(said, Said::Success(METHOD_CHANNEL_BIND), "once it is over");
}

#[test]
fn permissions_do_not_pile_up() {
    let mut rig = Rig::allocated();
    rig.ours = (0..100)
        .map(|i| SocketAddr::from(([192, 0, 2, i], 5000)))
        .collect();
    let ours = rig.ours.clone();
    let mut granted = 0;
    for own in ours {
        let said = rig.ask(|client| client.permit(&[own]));
        granted += usize::from(said == Said::Success(METHOD_CREATE_PERMISSION));
    }
    assert_eq!(granted, 32);
    let own = rig.ours[99];
    let said = rig.ask(|client| client.permit(&[own]));
    assert_eq!(said, Said::Error(METHOD_CREATE_PERMISSION, 508));
    rig.waits(301 * SECOND);
    let said = rig.ask(|client| client.permit(&[own]));
    assert_eq!(said, Said::Success(METHOD_CREATE_PERMISSION));
}

#[test]
fn attributes_behind_the_integrity_are_not_heeded() {
    let mut rig = Rig::allocated();
    let own = rig.ours[0];
    let mut request = rig.ask_bytes(|client| client.request(METHOD_CREATE_PERMISSION, &[]));
    let (kind, value) = rig.client.borrow().peer(own);
    let attribute = [
        &kind.value().to_be_bytes()[..],
        &(value.len() as u16).to_be_bytes(),
        &value,
    ]
    .concat();
    let length = u16::from_be_bytes([request[2], request[3]]) + attribute.len() as u16;
    request[2..4].copy_from_slice(&length.to_be_bytes());
    request.extend(attribute);
    assert_eq!(
        rig.said(&request),
        Said::Error(METHOD_CREATE_PERMISSION, 400)
    );
}

impl Rig {
    fn ask_bytes(&self, request: impl FnOnce(&mut TurnClient) -> Vec<u8>) -> Vec<u8> {
        request(&mut self.client.borrow_mut())
    }
}

#[test]
fn a_stranger_is_asked_who_it_is_and_then_named_a_place() {
    let rig = Rig::new();
    let at = At {
        now: rig.now,
        wall: rig.wall,
        authority: &rig.authority,
        session: SESSION,
        client: rig.from,
        ours: &Vec::new,
    };
    let mut client = rig.client.borrow_mut();
    let Some(Greeting::Challenge(response)) = greet(&at, &client.allocate()) else {
        panic!("no challenge");
    };
    assert_eq!(client.hear(&response), Said::Error(METHOD_ALLOCATE, 401));
    let Some(Greeting::Names(place)) = greet(&at, &client.allocate()) else {
        panic!("no place");
    };
    assert!(place.starts_with("0000002a"), "{place}");
    let binding = TurnClient::default().request(METHOD_BINDING, &[]);
    let Some(Greeting::Challenge(response)) = greet(&at, &binding) else {
        panic!("no response");
    };
    assert_eq!(client.hear(&response), Said::Success(METHOD_BINDING));
    client.username = "no place".to_owned();
    assert!(greet(&at, &client.allocate()).is_none());
    assert!(greet(&at, &client.send(rig.ours[0], b"hello")).is_none());
    for bytes in [
        &b""[..],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0; 20],
        &channel_data(0x4000, b"x"),
    ] {
        assert!(greet(&at, bytes).is_none());
    }
}

#[test]
fn a_request_whose_response_was_lost_is_granted_again() {
    let mut rig = Rig::new();
    let _ = rig.ask(TurnClient::allocate);
    let allocate = rig.client.borrow_mut().allocate();
    assert_eq!(rig.said(&allocate), Said::Success(METHOD_ALLOCATE));
    rig.waits(SECOND);
    let Heard::Response(response) = rig.heard(&allocate) else {
        panic!("it is counted again, or refused");
    };
    assert_eq!(relayed(&response), Some(address("192.0.2.1:50000")));
    assert_eq!(rig.relay.ends(), Some(rig.now + 599 * SECOND));
    assert_eq!(
        rig.ask(TurnClient::allocate),
        Said::Error(METHOD_ALLOCATE, 437)
    );
}

/// Over UDP whoever forges an address has it sent this much.
#[test]
fn who_has_not_shown_where_it_is_gets_about_what_it_sent() {
    const HEADERS: usize = 28;
    let rig = Rig::new();
    for from in ["198.51.100.7:40000", "[2001:db8::7]:40000"] {
        let at = At {
            now: rig.now,
            wall: rig.wall,
            authority: &rig.authority,
            session: SESSION,
            client: address(from),
            ours: &Vec::new,
        };
        let mut client = TurnClient::default();
        // The least that there is of a request.
        for method in [METHOD_ALLOCATE, METHOD_REFRESH, METHOD_BINDING] {
            let request = client.request(method, &[]);
            assert_eq!(request.len(), 20);
            let Some(Greeting::Challenge(response)) = greet(&at, &request) else {
                panic!("no response");
            };
            assert!(response.len() <= 56, "{} bytes", response.len());
            assert!(response.len() + HEADERS < 2 * (request.len() + HEADERS));
        }
        let request = client.allocate();
        let Some(Greeting::Challenge(response)) = greet(&at, &request) else {
            panic!("no challenge");
        };
        assert!(response.len() <= 2 * request.len());
    }
}

#[test]
fn credentials_die_with_their_session() {
    let mut rig = Rig::new();
    let _ = rig.ask(TurnClient::allocate);
    // Another session is at its place.
    rig.session = SESSION + 1;
    let said = rig.ask(TurnClient::allocate);
    assert_eq!(said, Said::Error(METHOD_ALLOCATE, 401));
    assert_eq!(rig.relay.ends(), None);
    rig.session = SESSION;
    let said = rig.ask(TurnClient::allocate);
    assert_eq!(said, Said::Success(METHOD_ALLOCATE));
}
