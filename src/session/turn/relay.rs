//! What one client has allocated, over a connection or from its address, and the requests that change it.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use rtc::stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM,
    ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS,
    ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS, AttrType,
};
use rtc::stun::message::{
    CLASS_INDICATION, CLASS_REQUEST, METHOD_ALLOCATE, METHOD_BINDING, METHOD_CHANNEL_BIND,
    METHOD_CREATE_PERMISSION, METHOD_REFRESH, METHOD_SEND, Message, Method, TransactionId,
};

use super::credentials::{Authority, is_expired};
use super::message;
use crate::session::framing::Wrap;
use crate::stun;
use crate::stun::attributes::{self, put_address};

/// Lifetimes of allocations (RFC 8656 section 7.2), permissions (section 9) and channels (section 12).
const DEFAULT_LIFETIME: u32 = 600;
const MAX_LIFETIME: u32 = 3600;
const PERMISSION: Duration = Duration::from_secs(300);
const CHANNEL: Duration = Duration::from_secs(600);
/// Addresses of the gateway that one client may relay to at once. A host has few.
const MAX_PEERS: usize = 32;
/// Relaying by UDP is all that is offered: TCP (RFC 6062) would be to others.
const UDP: u8 = 17;

/// Attributes that are understood (RFC 8489 section 14: types below 0x8000 must be).
const UNDERSTOOD: [AttrType; 9] = [
    ATTR_USERNAME,
    ATTR_REALM,
    ATTR_NONCE,
    ATTR_LIFETIME,
    ATTR_REQUESTED_TRANSPORT,
    ATTR_REQUESTED_ADDRESS_FAMILY,
    ATTR_XOR_PEER_ADDRESS,
    ATTR_CHANNEL_NUMBER,
    ATTR_DATA,
];

/// What a message is judged by.
pub struct At<'a> {
    /// The time.
    pub now: Instant,
    /// The time of day.
    pub wall: SystemTime,
    /// Who makes credentials.
    pub authority: &'a Authority,
    /// The number of the session that is at the place which the client names. A greeting does not look at it.
    pub session: u64,
    /// Where the message comes from.
    pub client: SocketAddr,
    /// The gateway's addresses for media: the only ones that anything is relayed to. Asked for by requests only.
    pub ours: &'a dyn Fn() -> Vec<SocketAddr>,
}

/// What a message leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// It leads to nothing.
    Nothing,
    /// Send this back.
    Response(Vec<u8>),
    /// Send this back: something was allocated.
    Allocated(Vec<u8>),
    /// Send this back: a request was not granted.
    Refused(Vec<u8>, Refusal),
    /// Send this back, if anything: nothing is allocated any more, and a connection is to be closed.
    Over(Option<Vec<u8>>),
    /// A datagram for the session, to this address of ours.
    Datagram(IpAddr, Cow<'a, [u8]>),
}

/// Why a request was not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It asked to relay to an address that is not the gateway's.
    Stranger(SocketAddr),
    /// Its credentials are wrong, or no longer valid.
    Credentials,
    /// It was not understood, or at the wrong time.
    Request,
}

/// The gateway's end of what a client may allocate.
pub struct Relay {
    /// What the client is told that it has been given: nothing listens there.
    relayed: SocketAddr,
    allocation: Option<Allocation>,
}

struct Allocation {
    /// The request that it began with: over UDP its response may have been lost, and then it comes again.
    request: TransactionId,
    username: String,
    /// What it was given first, in seconds.
    lifetime: u32,
    until: Instant,
    peers: Vec<Peer>,
}

/// An address of ours that the client may speak to.
struct Peer {
    address: SocketAddr,
    until: Instant,
    channel: Option<(u16, Instant)>,
}

/// Why a request is not granted: the number and the words of the response.
type Denied = (u16, &'static str, Refusal);

const BAD_REQUEST: Denied = (400, "Bad Request", Refusal::Request);
const MISMATCH: Denied = (437, "Allocation Mismatch", Refusal::Request);

impl Relay {
    /// `relayed`: what the client is told to have been given.
    pub fn new(relayed: SocketAddr) -> Relay {
        Relay {
            relayed,
            allocation: None,
        }
    }

    /// When it ends unless the client asks for more time; `None` while nothing is allocated.
    pub fn ends(&self) -> Option<Instant> {
        self.allocation.as_ref().map(|allocation| allocation.until)
    }

    /// How datagrams go to the client that come from this address of ours. `None`: it does not want them.
    pub fn way_from(&self, now: Instant, local: Option<IpAddr>) -> Option<Wrap> {
        let allocation = self.allocation.as_ref().filter(|known| now < known.until)?;
        let mut peers = allocation.peers.iter();
        let peer = peers.find(|peer| local.is_none_or(|ip| ip == peer.address.ip()))?;
        match peer.channel {
            Some((number, until)) if now < until => Some(Wrap::Channel(number)),
            _ if now < peer.until => Some(Wrap::Data(peer.address)),
            _ => None,
        }
    }

    /// Handles a message, or channel data.
    pub fn handle<'a>(&mut self, at: &At<'_>, bytes: &'a [u8]) -> Heard<'a> {
        if self.ends().is_some_and(|until| until <= at.now) {
            return Heard::Over(None);
        }
        if let Some(0x40..) = bytes.first() {
            return self.channel_data(at.now, bytes).unwrap_or(Heard::Nothing);
        }
        let Some(message) = stun::message(bytes) else {
            return Heard::Nothing;
        };
        let heard = match (message.typ.class, message.typ.method) {
            (CLASS_INDICATION, METHOD_SEND) => self.send(at.now, &message),
            (CLASS_REQUEST, METHOD_BINDING) => {
                message::binding(&message, at.client).map(Heard::Response)
            }
            (CLASS_REQUEST, _) => self.request(at, message),
            _ => None,
        };
        heard.unwrap_or(Heard::Nothing)
    }

    fn channel_data<'a>(&self, now: Instant, bytes: &'a [u8]) -> Option<Heard<'a>> {
        let (head, data) = bytes.split_first_chunk::<4>()?;
        let number = u16::from_be_bytes([head[0], head[1]]);
        let data = data.get(..usize::from(u16::from_be_bytes([head[2], head[3]])))?;
        let mut peers = self.allocation.as_ref()?.peers.iter();
        let bound = |peer: &&Peer| {
            let channel = peer.channel;
            channel.is_some_and(|(bound, until)| bound == number && now < until)
        };
        let peer = peers.find(bound)?;
        Some(Heard::Datagram(peer.address.ip(), Cow::Borrowed(data)))
    }

    /// A Send indication: there is no answer to it, whatever is wrong.
    fn send<'a>(&self, now: Instant, message: &Message) -> Option<Heard<'a>> {
        let to = attributes::address(message, ATTR_XOR_PEER_ADDRESS)?;
        let data = attributes::value(message, ATTR_DATA)?;
        let mut peers = self.allocation.as_ref()?.peers.iter();
        peers.find(|peer| peer.address == to && now < peer.until)?;
        Some(Heard::Datagram(to.ip(), Cow::Owned(data.to_vec())))
    }

    fn request<'a>(&mut self, at: &At<'_>, mut request: Message) -> Option<Heard<'a>> {
        let (username, key) = match self.authenticate(at, &mut request) {
            Ok(authentic) => authentic,
            Err(refused) => return refused,
        };
        let unknown: Vec<AttrType> = request
            .attributes
            .0
            .iter()
            .map(|attribute| attribute.typ)
            .filter(|kind| kind.required() && !UNDERSTOOD.contains(kind))
            .collect();
        if !unknown.is_empty() {
            let response = message::refuse_unknown(&request, &unknown, &key)?;
            return Some(Heard::Refused(response, Refusal::Request));
        }
        let done = self.carry_out(request.typ.method, at, &request, &username, key);
        Some(match done {
            Ok(response) => response?,
            Err((code, reason, why)) => {
                Heard::Refused(message::refuse(&request, code, reason, &key)?, why)
            }
        })
    }

    /// Who sent a request, by long-term credentials (RFC 8489 section 9.2.4), and the key of the response; or the
    /// response to one that is not authentic.
    fn authenticate<'a>(
        &self,
        at: &At<'_>,
        request: &mut Message,
    ) -> Result<(String, [u8; 16]), Option<Heard<'a>>> {
        let refuse = |request: &Message, code, reason| {
            let response = message::refuse_with_nonce(request, code, reason, at);
            Err(response.map(|response| Heard::Refused(response, Refusal::Credentials)))
        };
        let username = attributes::text(request, ATTR_USERNAME).map(str::to_owned);
        let (Some(username), Some(nonce)) = (username, attributes::text(request, ATTR_NONCE))
        else {
            // How every client begins.
            return Err(message::challenge(request, at).map(Heard::Response));
        };
        if !at.authority.is_fresh(nonce, at.wall, at.client) {
            let stale = message::refuse_with_nonce(request, 438, "Stale Nonce", at);
            return Err(stale.map(Heard::Response));
        }
        let key = at.authority.message_key(&username);
        if !attributes::authenticate(request, &key) {
            return refuse(request, 401, "Unauthorized");
        }
        match &self.allocation {
            Some(allocation) if allocation.username != username => {
                let wrong = message::refuse(request, 441, "Wrong Credentials", &key);
                Err(wrong.map(|response| Heard::Refused(response, Refusal::Credentials)))
            }
            Some(_) => Ok((username, key)),
            None if is_expired(&username, at.wall)
                || !at.authority.is_of(&username, at.session) =>
            {
                refuse(request, 401, "Unauthorized")
            }
            None => Ok((username, key)),
        }
    }

    fn carry_out<'a>(
        &mut self,
        method: Method,
        at: &At<'_>,
        request: &Message,
        username: &str,
        key: [u8; 16],
    ) -> Result<Option<Heard<'a>>, Denied> {
        match method {
            METHOD_ALLOCATE => {
                let again = self.allocation.is_some();
                let lifetime = self.allocate(at, request, username)?;
                let relayed = self.relayed;
                let response = message::success(request, Some(&key), |response| {
                    put_address(response, ATTR_XOR_RELAYED_ADDRESS, relayed);
                    response.add(ATTR_LIFETIME, &lifetime.to_be_bytes());
                    put_address(response, ATTR_XORMAPPED_ADDRESS, at.client);
                });
                Ok(response.map(match again {
                    true => Heard::Response,
                    false => Heard::Allocated,
                }))
            }
            METHOD_REFRESH => {
                let lifetime = self.refresh(at, request)?;
                let response = message::success(request, Some(&key), |response| {
                    response.add(ATTR_LIFETIME, &lifetime.to_be_bytes());
                });
                Ok(response.map(match lifetime {
                    0 => |response| Heard::Over(Some(response)),
                    _ => Heard::Response,
                }))
            }
            METHOD_CREATE_PERMISSION => {
                self.permit(at, request)?;
                Ok(message::success(request, Some(&key), |_| {}).map(Heard::Response))
            }
            METHOD_CHANNEL_BIND => {
                self.bind(at, request)?;
                Ok(message::success(request, Some(&key), |_| {}).map(Heard::Response))
            }
            // RFC 6062 has more, for what is not offered.
            _ => Err(BAD_REQUEST),
        }
    }

    fn allocate(&mut self, at: &At<'_>, request: &Message, username: &str) -> Result<u32, Denied> {
        if let Some(allocation) = &self.allocation {
            return match allocation.request == request.transaction_id {
                true => Ok(allocation.lifetime),
                false => Err(MISMATCH),
            };
        }
        match attributes::value(request, ATTR_REQUESTED_TRANSPORT) {
            Some(&[UDP, ..]) => {}
            Some(_) => return Err((442, "Unsupported Transport Protocol", Refusal::Request)),
            None => return Err(BAD_REQUEST),
        }
        // RFC 8656 section 18.8.
        let family = match self.relayed {
            SocketAddr::V4(_) => 1,
            SocketAddr::V6(_) => 2,
        };
        match attributes::value(request, ATTR_REQUESTED_ADDRESS_FAMILY) {
            None => {}
            Some(&[asked, ..]) if asked == family => {}
            Some(_) => return Err((440, "Address Family not Supported", Refusal::Request)),
        }
        let asked = attributes::lifetime(request).unwrap_or(DEFAULT_LIFETIME);
        let lifetime = asked.clamp(DEFAULT_LIFETIME, MAX_LIFETIME);
        self.allocation = Some(Allocation {
            request: request.transaction_id,
            lifetime,
            username: username.to_owned(),
            until: at.now + Duration::from_secs(lifetime.into()),
            peers: Vec::new(),
        });
        Ok(lifetime)
    }

    fn refresh(&mut self, at: &At<'_>, request: &Message) -> Result<u32, Denied> {
        let allocation = self.allocation.as_mut().ok_or(MISMATCH)?;
        let lifetime = match attributes::lifetime(request) {
            Some(0) => {
                self.allocation = None;
                return Ok(0);
            }
            asked => asked.unwrap_or(DEFAULT_LIFETIME),
        };
        let lifetime = lifetime.clamp(DEFAULT_LIFETIME, MAX_LIFETIME);
        allocation.until = at.now + Duration::from_secs(lifetime.into());
        Ok(lifetime)
    }

    /// Permissions are for an address, whatever the port (RFC 8656 section 9); of ours, one port is used.
    fn permit(&mut self, at: &At<'_>, request: &Message) -> Result<(), Denied> {
        let allocation = self.allocation.as_mut().ok_or(MISMATCH)?;
        let asked = attributes::addresses(request, ATTR_XOR_PEER_ADDRESS);
        let asked = asked.filter(|asked| !asked.is_empty()).ok_or(BAD_REQUEST)?;
        let ours = (at.ours)();
        let own = |asked: &SocketAddr| ours.iter().find(|own| own.ip() == asked.ip()).copied();
        let peers: Vec<SocketAddr> = asked
            .iter()
            .map(|asked| own(asked).ok_or(forbidden(*asked)))
            .collect::<Result<_, _>>()?;
        for address in peers {
            allocation.peer(at.now, address)?.until = at.now + PERMISSION;
        }
        Ok(())
    }

    fn bind(&mut self, at: &At<'_>, request: &Message) -> Result<(), Denied> {
        let allocation = self.allocation.as_mut().ok_or(MISMATCH)?;
        let number = attributes::value(request, ATTR_CHANNEL_NUMBER);
        let number = number.and_then(|value| value.first_chunk().copied());
        let number = u16::from_be_bytes(number.ok_or(BAD_REQUEST)?);
        let address = attributes::address(request, ATTR_XOR_PEER_ADDRESS).ok_or(BAD_REQUEST)?;
        if !(0x4000..0x5000).contains(&number) {
            return Err(BAD_REQUEST);
        }
        if !(at.ours)().contains(&address) {
            return Err(forbidden(address));
        }
        let bound = |peer: &Peer| {
            let channel = peer.channel.filter(|(_, until)| at.now < *until);
            channel.map(|(number, _)| number)
        };
        let others = allocation.peers.iter().any(|peer| match bound(peer) {
            Some(other) => (other == number) != (peer.address == address),
            None => false,
        });
        if others {
            return Err(BAD_REQUEST);
        }
        let peer = allocation.peer(at.now, address)?;
        peer.until = at.now + PERMISSION;
        peer.channel = Some((number, at.now + CHANNEL));
        Ok(())
    }
}

fn forbidden(address: SocketAddr) -> Denied {
    (403, "Forbidden", Refusal::Stranger(address))
}

impl Allocation {
    /// The entry of this address, which is ours. Those that are over make room.
    fn peer(&mut self, now: Instant, address: SocketAddr) -> Result<&mut Peer, Denied> {
        let known = self.peers.iter().position(|peer| peer.address == address);
        let place = match known {
            Some(place) => place,
            None => {
                self.peers.retain(|peer| {
                    now < peer.until || peer.channel.is_some_and(|(_, until)| now < until)
                });
                if self.peers.len() == MAX_PEERS {
                    return Err((508, "Insufficient Capacity", Refusal::Request));
                }
                self.peers.push(Peer {
                    address,
                    until: now,
                    channel: None,
                });
                self.peers.len() - 1
            }
        };
        Ok(&mut self.peers[place])
    }
}
