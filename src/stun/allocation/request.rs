//! Requests to a TURN server, and its refusals.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};
use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::{
    ATTR_ALTERNATE_SERVER, ATTR_CHANNEL_NUMBER, ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM,
    ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, AttrType,
};
use rtc::stun::error_code::ErrorCodeAttribute;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, Getter, METHOD_ALLOCATE,
    METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_REFRESH, Message, MessageType, Method,
    Setter, TransactionId,
};

use super::Server;
use crate::crypto::PROVIDER;
use crate::error::Result;
use crate::stun::attributes::{plain_address, put_address, text};

/// Over UDP a request is repeated after this time, then after twice as long, and so on (RFC 8489 section 6.2.1). Over a
/// connection it is waited for as long without.
const FIRST_REPEAT: Duration = Duration::from_millis(500);
const TRIES: u32 = 4;

/// ADDITIONAL-ADDRESS-FAMILY, by its number and by that of its draft, which coturn 4.6 knows it by; and that of IPv6 (RFC 8656
/// sections 18.13 and 18.11). Servers leave out what they do not know.
const ATTR_ADDITIONAL_ADDRESS_FAMILY: [AttrType; 2] = [AttrType(0x8000), AttrType(0x8032)];
const IPV6: [u8; 4] = [2, 0, 0, 0];
/// UDP to viewers.
const UDP: [u8; 4] = [17, 0, 0, 0];
/// Asked for, in seconds; servers may give less.
const LIFETIME: u32 = 600;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// `both`: an address of IPv4 and, if the server has any, one of IPv6.
    Allocate {
        both: bool,
    },
    Refresh,
    /// The end of an allocation.
    Release,
    Permit(Vec<IpAddr>),
    Bind(SocketAddr, u16),
}

impl What {
    fn method(&self) -> Method {
        match self {
            What::Allocate { .. } => METHOD_ALLOCATE,
            What::Refresh | What::Release => METHOD_REFRESH,
            What::Permit(_) => METHOD_CREATE_PERMISSION,
            What::Bind(..) => METHOD_CHANNEL_BIND,
        }
    }
}

/// Who the gateway is, as the server asked for it.
pub struct Login {
    username: String,
    realm: String,
    nonce: String,
    pub key: [u8; 16],
}

impl Login {
    /// RFC 8489 section 9.2.2.
    pub fn new(server: &Server, realm: &str, nonce: &str) -> Login {
        let key = format!("{}:{realm}:{}", server.username, server.password);
        Login {
            username: server.username.clone(),
            realm: realm.to_owned(),
            nonce: nonce.to_owned(),
            key: Md5::digest(key).into(),
        }
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}

/// A request that is on its way.
#[derive(Debug)]
pub struct Asked {
    pub to: SocketAddr,
    pub what: What,
    /// When it is to be repeated, or given up.
    pub due: Instant,
    times: u32,
    over_udp: bool,
    id: TransactionId,
    bytes: Vec<u8>,
}

impl Asked {
    /// A request that has not left yet.
    pub fn new(
        (now, to): (Instant, SocketAddr),
        what: What,
        login: Option<&Login>,
        over_udp: bool,
        random: &mut dyn FnMut() -> Result<u64>,
    ) -> Result<Asked> {
        let mut id = TransactionId::default();
        let random = [random()?.to_be_bytes(), random()?.to_be_bytes()].concat();
        for (to, from) in id.0.iter_mut().zip(random) {
            *to = from;
        }
        // The first byte of those of ICE is a place, which no worker has.
        id.0[0] = 0xff;
        let bytes = encode(id, &what, login);
        Ok(Asked {
            to,
            what,
            due: now,
            times: 0,
            over_udp,
            id,
            bytes,
        })
    }

    /// The request, for the first time or again.
    pub fn send(&mut self, now: Instant) -> Vec<u8> {
        let wait = match self.over_udp {
            true => 1 << self.times,
            false => (1 << TRIES) - 1,
        };
        self.due = now + FIRST_REPEAT * wait;
        self.times += 1;
        self.bytes.clone()
    }

    /// Its answer is not waited for much longer.
    pub fn hurry(&mut self, now: Instant) {
        self.due = self.due.min(now + FIRST_REPEAT);
    }

    /// Whether it may be lost, and has not been sent often enough.
    pub fn may_repeat(&self) -> bool {
        self.over_udp && self.times < TRIES
    }

    /// Whether a message answers it.
    pub fn is_answer(&self, message: &Message) -> bool {
        let class = message.typ.class;
        (class == CLASS_SUCCESS_RESPONSE || class == CLASS_ERROR_RESPONSE)
            && message.typ.method == self.what.method()
            && message.transaction_id == self.id
    }
}

fn encode(id: TransactionId, what: &What, login: Option<&Login>) -> Vec<u8> {
    let mut message = Message::new();
    message.typ = MessageType::new(what.method(), CLASS_REQUEST);
    message.transaction_id = id;
    message.write_header();
    match what {
        What::Allocate { both } => {
            message.add(ATTR_REQUESTED_TRANSPORT, &UDP);
            if *both {
                for kind in ATTR_ADDITIONAL_ADDRESS_FAMILY {
                    message.add(kind, &IPV6);
                }
            }
            message.add(ATTR_LIFETIME, &LIFETIME.to_be_bytes());
        }
        What::Refresh => message.add(ATTR_LIFETIME, &LIFETIME.to_be_bytes()),
        What::Release => message.add(ATTR_LIFETIME, &[0; 4]),
        What::Permit(ips) => {
            for &ip in ips {
                put_address(&mut message, ATTR_XOR_PEER_ADDRESS, SocketAddr::new(ip, 0));
            }
        }
        What::Bind(peer, number) => {
            let [high, low] = number.to_be_bytes();
            message.add(ATTR_CHANNEL_NUMBER, &[high, low, 0, 0]);
            put_address(&mut message, ATTR_XOR_PEER_ADDRESS, *peer);
        }
    }
    if let Some(login) = login {
        message.add(ATTR_USERNAME, login.username.as_bytes());
        message.add(ATTR_REALM, login.realm.as_bytes());
        message.add(ATTR_NONCE, login.nonce.as_bytes());
        // It fails for no message without one.
        let _ = MessageIntegrity::new_raw_integrity_with_provider(login.key, PROVIDER.crypto())
            .add_to(&mut message);
    }
    message.raw
}

/// What a server says that does not grant a request.
pub struct Refused {
    pub code: u16,
    reason: String,
    realm: Option<String>,
    nonce: Option<String>,
    pub alternate: Option<SocketAddr>,
}

impl Refused {
    pub fn read(message: &Message) -> Refused {
        let mut error = ErrorCodeAttribute::default();
        let _ = error.get_from(message);
        let reason = String::from_utf8_lossy(&error.reason);
        let visible = |c: &char| c.is_ascii_graphic() || *c == ' ';
        Refused {
            code: error.code.0,
            reason: reason.chars().filter(visible).take(60).collect(),
            realm: text(message, ATTR_REALM).map(str::to_owned),
            nonce: text(message, ATTR_NONCE).map(str::to_owned),
            alternate: plain_address(message, ATTR_ALTERNATE_SERVER),
        }
    }

    /// The realm and the nonce of a server that asks for credentials, or for the same with another nonce.
    pub fn challenge(&self) -> Option<(&str, &str)> {
        match self.code {
            401 | 438 => Some((self.realm.as_deref()?, self.nonce.as_deref()?)),
            _ => None,
        }
    }

    /// What is wrong, and what to do.
    pub fn sentence(&self) -> String {
        match self.code {
            401 | 441 => {
                "it does not take this user name and password: check username and credential \
                          in turn_servers"
                    .to_owned()
            }
            403 => "it forbids this host to allocate: check who may use it".to_owned(),
            486 => {
                "this user has as many allocations as it may have: raise the quota, or end others"
                    .to_owned()
            }
            508 => "it has no capacity left: raise its limits, or name another one".to_owned(),
            code => format!("it refuses with error {code} ({})", self.reason),
        }
    }
}
