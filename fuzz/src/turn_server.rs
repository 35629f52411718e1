//! What a TURN server says to the gateway, which keeps an allocation there: by the right password or without, over UDP or
//! over a connection that comes and goes, while viewers come and go.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rtc::crypto::RTCCryptoProvider;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::stun::attributes::{
    ATTR_ERROR_CODE, ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM, ATTR_XOR_RELAYED_ADDRESS,
    ATTR_XORMAPPED_ADDRESS, AttrType,
};
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_SUCCESS_RESPONSE, Message, MessageClass, MessageType, Setter,
};
use rtc::stun::xoraddr::XorMappedAddress;
use rtsp_webrtc_gateway::internals::stun::allocation::{
    Asker, Client, Heard, Origin, Server, Wire,
};
use rtsp_webrtc_gateway::internals::stun::{Action, Asks};

static CRYPTO: AwsLcRsProvider = AwsLcRsProvider::new();
const PASSWORD: &str = "not-to-be-shown";
/// Things to do without anything that happens in between: a name, and a request.
const AT_ONCE: usize = 8;

/// The bytes are a script, each step one byte and what it takes.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn bytes(&mut self) -> &'a [u8] {
        let size = usize::from(self.byte().unwrap_or_default()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(size);
        self.0 = rest;
        bytes
    }
}

struct World {
    client: Client,
    now: Instant,
    number: u64,
    /// The last request, and how it left.
    asked: Option<(Origin, Message)>,
    /// The server has proved that it knows the password, since there was no allocation.
    proved: bool,
    looks_up: Option<usize>,
    opens: Option<u64>,
}

impl World {
    fn new() -> World {
        let urls = ["turn:192.0.2.1", "turns:192.0.2.2"];
        let servers = urls.map(|url| (url, Some("gateway"), Some(PASSWORD)));
        let servers = Server::parse_all(servers.into_iter()).unwrap_or_default();
        let now = crate::beginning();
        World {
            client: Client::new(now, servers),
            now,
            number: 0,
            asked: None,
            proved: false,
            looks_up: None,
            opens: None,
        }
    }

    /// Does all that is to be done.
    fn settle(&mut self) {
        for _ in 0..AT_ONCE {
            let number = &mut self.number;
            let random = &mut || {
                *number += 1;
                Ok(*number)
            };
            let Ok(Some(action)) = self.client.poll(self.now, random) else {
                let due = self.client.next_due();
                assert!(due.is_none_or(|due| due > self.now), "nothing is done");
                return;
            };
            assert!(!self.client.is_over(), "after its end");
            match action {
                Action::Resolve(number, _) => self.looks_up = Some(number),
                Action::Send(to, local, bytes) => self.leaves(Origin::Udp(to, local), &bytes),
                Action::Other(Wire::Open { id, .. }) => self.opens = Some(id),
                Action::Other(Wire::Write(id, bytes)) => {
                    self.leaves(Origin::Connection(id), &bytes);
                }
            }
        }
        panic!("there is no end to what is to be done");
    }

    fn leaves(&mut self, by: Origin, request: &[u8]) {
        let mut parts = request.windows(PASSWORD.len());
        assert!(
            parts.all(|part| part != PASSWORD.as_bytes()),
            "in the clear"
        );
        let mut message = Message::new();
        message
            .unmarshal_binary(request)
            .expect("a message of STUN");
        self.asked = Some((by, message));
    }

    fn hears(&mut self, from: Origin, bytes: &[u8]) {
        if let Heard::Data(_, contents) = self.client.handle(self.now, from, bytes) {
            assert!(self.proved, "of whom nothing is known");
            assert!(contents.len() <= bytes.len());
        }
    }

    /// Answers what was asked last.
    fn answers(&mut self, class: MessageClass, signs: bool, add: impl FnOnce(&mut Message)) {
        let Some((by, request)) = self.asked.take() else {
            return;
        };
        let mut response = Message::new();
        response.typ = MessageType::new(request.typ.method, class);
        response.transaction_id = request.transaction_id;
        response.write_header();
        add(&mut response);
        if signs {
            let integrity = MessageIntegrity::new_long_term_integrity_with_provider(
                "gateway".to_owned(),
                "realm".to_owned(),
                PASSWORD.to_owned(),
                CRYPTO.crypto(),
            );
            let integrity = integrity.expect("a key");
            integrity.add_to(&mut response).expect("integrity");
            self.proved = true;
        }
        self.hears(by, &response.raw);
    }

    /// What holds all the time.
    fn check(&mut self) {
        let allocated = self.client.allocated().is_some();
        assert!(self.proved || !allocated, "by whom nothing is known");
        // The next allocation needs a proof of its own.
        self.proved &= allocated;
        let channels = self.client.channels(self.now);
        assert!(channels.len() <= 1024);
        assert!(
            channels
                .values()
                .all(|number| (0x4000..0x5000).contains(number))
        );
        let numbers: HashSet<_> = channels.values().collect();
        assert_eq!(numbers.len(), channels.len(), "one number for each");
        assert_eq!(self.client.reports().len(), 2);
    }
}

fn address(number: u8) -> SocketAddr {
    match number % 4 {
        3 => SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 5000 + u16::from(number))),
        other => SocketAddr::from(([198, 51, 100, other], 5000 + u16::from(number))),
    }
}

fn put_address(message: &mut Message, kind: AttrType, address: SocketAddr) {
    let address = XorMappedAddress {
        ip: address.ip(),
        port: address.port(),
    };
    let _ = address.add_to_as(message, kind);
}

pub fn turn_server(data: &[u8]) {
    play(data);
}

fn play(data: &[u8]) -> World {
    let mut script = Script(data);
    let mut world = World::new();
    world.settle();
    while let Some(step) = script.byte() {
        let argument = script.byte().unwrap_or_default();
        let peer = address(argument);
        let session = u64::from(argument >> 4);
        match step % 16 {
            0 => {
                if let Some(number) = world.looks_up.take() {
                    let found = [address(argument), address(argument / 2)];
                    world.client.resolved(world.now, number, Ok(&found));
                }
            }
            1 => {
                if let Some(number) = world.looks_up.take() {
                    let error = Err("no such name".to_owned());
                    world.client.resolved(world.now, number, error);
                }
            }
            // Asks who this is.
            2 => world.answers(CLASS_ERROR_RESPONSE, false, |response| {
                response.add(ATTR_ERROR_CODE, &[0, 0, 4, 1 + argument % 2 * 37]);
                response.add(ATTR_REALM, b"realm");
                response.add(ATTR_NONCE, &[b'a' + argument % 16]);
            }),
            3 => world.answers(CLASS_ERROR_RESPONSE, argument % 2 == 0, |response| {
                let code = [3, 0, 4, 0, 4, 3, 4, 37, 4, 38, 4, 86, 5, 8, 9, 99];
                let at = usize::from(argument / 2 % 8) * 2;
                response.add(ATTR_ERROR_CODE, &[0, 0, code[at], code[at + 1]]);
                response.add(AttrType(0x8023), &[0, 1, 0x0d, 0x96, 203, 0, 113, argument]);
            }),
            4 | 5 => world.answers(CLASS_SUCCESS_RESPONSE, step % 16 == 4, |response| {
                put_address(response, ATTR_XOR_RELAYED_ADDRESS, address(argument % 4));
                put_address(response, ATTR_XORMAPPED_ADDRESS, address(argument / 4));
                let lifetime = u32::from(argument) * 3;
                response.add(ATTR_LIFETIME, &lifetime.to_be_bytes());
            }),
            6 => {
                let attributes = script.bytes();
                world.answers(CLASS_SUCCESS_RESPONSE, argument % 2 == 0, |response| {
                    for part in attributes.chunks(8) {
                        response.add(AttrType(u16::from(part[0])), &part[1..]);
                    }
                });
            }
            7 => {
                let from = world.asked.as_ref().map(|(by, _)| *by);
                let from = from.unwrap_or(Origin::Udp(peer, None));
                world.hears(from, script.bytes());
            }
            8 => {
                let data = script.bytes();
                let allocated = world.client.allocated();
                let server = allocated.map_or(peer, |known| known.server);
                let number = 0x4000 + u16::from(argument);
                let head = [number.to_be_bytes(), (data.len() as u16).to_be_bytes()];
                let whole = [&head.concat()[..], data].concat();
                world.hears(Origin::Udp(server, None), &whole);
            }
            9 => world.now += Duration::from_secs(u64::from(argument)),
            10 => world.now = world.client.next_due().unwrap_or(world.now),
            11 => {
                let asker = Asker {
                    peer: format!("{}", argument % 3).into(),
                    session,
                };
                let ips = (0..40).map(|i| IpAddr::from([10, argument, 0, i]));
                world
                    .client
                    .permit(world.now, &asker, ips.chain([peer.ip()]));
            }
            12 => world
                .client
                .hold(world.now, peer, session, argument % 2 == 0),
            13 => world.client.release(peer, session),
            14 => {
                let local = peer.ip();
                match (argument % 3, world.opens, world.client.connection()) {
                    (0, Some(id), _) => world.client.connected(world.now, id, Ok(Some(local))),
                    (1, Some(id), _) => {
                        world
                            .client
                            .connected(world.now, id, Err("refused".to_owned()));
                    }
                    (2, _, Some(id)) => world.client.disconnected(world.now, id, "it was reset"),
                    _ => world.client.host_changed(world.now, &[local]),
                }
            }
            // Late, so that most scripts get somewhere.
            _ if argument == 255 => world.client.end(world.now),
            _ => {}
        }
        world.settle();
        world.check();
    }
    world
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Others are made of them.
    #[test]
    fn the_seeds_get_where_they_are_to_get() {
        let world = play(include_bytes!("../seeds/turn_server/allocated"));
        assert!(world.client.allocated().is_some());
        assert_eq!(world.client.channels(world.now).len(), 1);
        let world = play(include_bytes!("../seeds/turn_server/lost"));
        assert_eq!(world.client.changes(), 2);
        let world = play(include_bytes!("../seeds/turn_server/connection"));
        assert!(world.opens.is_some());
        assert_eq!(world.client.changes(), 1);
        let world = play(include_bytes!("../seeds/turn_server/ends"));
        assert!(world.client.is_over());
    }
}
