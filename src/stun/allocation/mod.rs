//! An allocation of the gateway's own at a TURN server (RFC 8656), for hosts behind a NAT that lets no viewer in: the
//! server's address reaches those viewers whose addresses it was told. Sans-I/O: from the socket of all media, over UDP.
//!
//! One request is on its way at a time. The allocation is renewed so often that the loss of the server, or of what it
//! knew, is noticed soon; then another one is made, there or at the next server.

mod peers;
mod request;
mod server;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rtc::stun::attributes::{ATTR_DATA, ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS};
use rtc::stun::message::{CLASS_INDICATION, CLASS_SUCCESS_RESPONSE, METHOD_DATA, Message};

pub use peers::Channels;
pub use server::Server;

use super::Name;
use super::attributes::{self, lifetime};
use crate::error::Result;
use peers::Peers;
use request::{Asked, Login, Refused, What};

/// A request is repeated after this time, then after twice as long, and so on (RFC 8489 section 6.2.1).
const FIRST_REPEAT: Duration = Duration::from_millis(500);
const TRIES: u32 = 4;
/// After all servers have failed they are tried again, and their names looked up again, after this time.
const RETRY: Duration = Duration::from_secs(30);
/// The allocation is renewed after this time, which keeps the NAT's mapping as well (RFC 4787 section 4.3).
const RENEWAL: Duration = Duration::from_secs(15);
/// A server that says nothing for so long is lost: by then consent of its viewers has ended (RFC 7675).
const PATIENCE: Duration = Duration::from_secs(40);
/// Refusals in a row that ask for other credentials, before they count as wrong; alternate servers in a row.
const CHALLENGES: u32 = 3;
const ALTERNATES: u32 = 3;

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Look up this name, and call [`Client::resolved`].
    Resolve(Name),
    /// Send a datagram from the media socket.
    Send(SocketAddr, Vec<u8>),
}

/// What a datagram was.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// Not the server's.
    Nothing,
    /// Something that the server says of the allocation.
    Taken,
    /// A datagram from a viewer at this address.
    Data(SocketAddr, Cow<'a, [u8]>),
}

/// Where viewers reach the gateway through the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocated {
    /// The server.
    pub server: SocketAddr,
    /// Its address for viewers.
    pub relayed: SocketAddr,
    /// Ours as the server sees it.
    pub mapped: SocketAddr,
}

/// What is known of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// As the host named it.
    pub server: String,
    /// Its address for viewers, if the allocation is there.
    pub relayed: Option<SocketAddr>,
    /// What is wrong; empty if nothing is known to be.
    pub message: String,
}

#[derive(Debug)]
enum State {
    /// Begins with the current server at this time.
    Waiting(Instant),
    /// Its name is being looked up.
    Resolving,
    /// Asks it for an allocation.
    Known(SocketAddr),
    /// It has been given one, which is to be renewed at the first time; at the second the server has granted something last.
    Allocated(Allocated, Instant, Instant),
}

/// Keeps an allocation.
#[derive(Debug)]
pub struct Client {
    servers: Vec<Entry>,
    current: usize,
    state: State,
    login: Option<Login>,
    asked: Option<Asked>,
    /// What is to be asked for before anything else.
    again: Option<What>,
    /// Refusals and alternate servers in a row.
    challenges: u32,
    alternates: u32,
    peers: Peers,
    /// What it has changed since it was asked for: see [`Client::take_change`].
    changed: bool,
    changes: u64,
}

#[derive(Debug)]
struct Entry {
    server: Server,
    error: String,
}

impl Client {
    /// Keeps an allocation at the first of these servers that gives one.
    pub fn new(now: Instant, servers: Vec<Server>) -> Client {
        let entry = |server| Entry {
            server,
            error: String::new(),
        };
        Client {
            servers: servers.into_iter().map(entry).collect(),
            current: 0,
            state: State::Waiting(now),
            login: None,
            asked: None,
            again: None,
            challenges: 0,
            alternates: 0,
            peers: Peers::default(),
            changed: false,
            changes: 0,
        }
    }

    /// The next thing to do; `random` is for transaction IDs.
    pub fn poll(
        &mut self,
        now: Instant,
        random: &mut dyn FnMut() -> Result<u64>,
    ) -> Result<Option<Action>> {
        loop {
            if let Some(asked) = &mut self.asked {
                if now < asked.due {
                    return Ok(None);
                }
                if asked.times < TRIES {
                    return Ok(Some(asked.send(now)));
                }
                let (to, what) = (asked.to, asked.what.clone());
                if self.goes_on_without_answer(now, &what) {
                    continue;
                }
                self.fail(
                    now,
                    format!(
                        "{to} did not answer: check that this host may send UDP there, and that a TURN server is there"
                    ),
                );
                continue;
            }
            let (to, what) = match &self.state {
                State::Waiting(at) if *at <= now => {
                    let Some(entry) = self.servers.get(self.current) else {
                        return Ok(None);
                    };
                    let name = entry.server.name.clone();
                    self.state = State::Resolving;
                    return Ok(Some(Action::Resolve(name)));
                }
                State::Waiting(_) | State::Resolving => return Ok(None),
                State::Known(to) => (*to, What::Allocate),
                State::Allocated(allocated, renewal, _) => {
                    let what = match now < *renewal && self.again.is_none() {
                        false => Some(What::Refresh),
                        true => self.peers.next(now),
                    };
                    match what {
                        Some(what) => (allocated.server, what),
                        None => return Ok(None),
                    }
                }
            };
            let what = self.again.take().unwrap_or(what);
            let asked = Asked::new(now, to, what, self.login.as_ref(), random)?;
            return Ok(Some(self.asked.insert(asked).send(now)));
        }
    }

    /// When [`Client::poll`] has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        if let Some(asked) = &self.asked {
            return Some(asked.due);
        }
        match &self.state {
            State::Waiting(at) if !self.servers.is_empty() => Some(*at),
            State::Waiting(_) | State::Resolving | State::Known(_) => None,
            State::Allocated(_, renewal, _) => Some(
                self.peers
                    .next_due()
                    .map_or(*renewal, |due| due.min(*renewal)),
            ),
        }
    }

    /// The addresses of the current server, or why they are not known.
    pub fn resolved(&mut self, now: Instant, found: std::result::Result<&[SocketAddr], String>) {
        if !matches!(self.state, State::Resolving) {
            return;
        }
        let found = found.map(|found| {
            let v4 = found.iter().find(|address| address.is_ipv4());
            v4.or(found.first()).copied()
        });
        match found {
            Ok(Some(to)) => {
                self.login = None;
                (self.challenges, self.alternates) = (0, 0);
                self.state = State::Known(to);
            }
            Ok(None) => self.fail(now, "its name has no address".to_owned()),
            Err(error) => self.fail(now, format!("{error}: check the name in turn_servers")),
        }
    }

    /// The host's own addresses have changed: perhaps the server knows this one no longer.
    pub fn look_again(&mut self, now: Instant) {
        match &mut self.state {
            State::Allocated(_, renewal, _) => *renewal = now,
            State::Waiting(at) => *at = now,
            State::Resolving | State::Known(_) => {}
        }
    }

    /// The server that is current.
    pub fn server(&self) -> Option<&Name> {
        self.servers
            .get(self.current)
            .map(|entry| &entry.server.name)
    }

    /// Handles a datagram.
    pub fn handle<'a>(&mut self, now: Instant, from: SocketAddr, datagram: &'a [u8]) -> Heard<'a> {
        let allocated = self.allocated().filter(|known| known.server == from);
        if let (Some(_), Some(0x40..=0x4f)) = (allocated, datagram.first()) {
            return self.channel_data(datagram).unwrap_or(Heard::Taken);
        }
        let asked = self.asked.as_ref().filter(|asked| asked.to == from);
        if allocated.is_none() && asked.is_none() || !matches!(datagram.first(), Some(0 | 1)) {
            return Heard::Nothing;
        }
        let Some(message) = super::message(datagram) else {
            return Heard::Nothing;
        };
        if allocated.is_some()
            && (message.typ.class, message.typ.method) == (CLASS_INDICATION, METHOD_DATA)
        {
            return indicated(&message).unwrap_or(Heard::Taken);
        }
        match self
            .asked
            .take_if(|asked| asked.to == from && asked.is_answer(&message))
        {
            Some(asked) => {
                self.answered(now, asked, message);
                Heard::Taken
            }
            None => Heard::Nothing,
        }
    }

    fn channel_data<'a>(&self, datagram: &'a [u8]) -> Option<Heard<'a>> {
        let (head, data) = datagram.split_first_chunk::<4>()?;
        let number = u16::from_be_bytes([head[0], head[1]]);
        let data = data.get(..usize::from(u16::from_be_bytes([head[2], head[3]])))?;
        let peer = self.peers.at(number)?;
        Some(Heard::Data(peer, Cow::Borrowed(data)))
    }

    fn answered(&mut self, now: Instant, asked: Asked, mut message: Message) {
        if message.typ.class == CLASS_SUCCESS_RESPONSE {
            let key = self.login.as_ref().map(|login| login.key);
            match key.is_some_and(|key| attributes::authenticate(&mut message, &key)) {
                true => self.granted(now, asked, &message),
                // Somebody else's: the server may yet answer.
                false => self.asked = Some(asked),
            }
            return;
        }
        let refused = Refused::read(&message);
        if let Some((realm, nonce)) = refused.challenge()
            && self.challenges < CHALLENGES
            && let Some(entry) = self.servers.get(self.current)
            && (refused.code == 438 || self.login.is_none() || asked.what != What::Allocate)
        {
            self.challenges += 1;
            self.login = Some(Login::new(&entry.server, realm, nonce));
            self.again = Some(asked.what);
            return;
        }
        match (refused.code, &asked.what) {
            (300, What::Allocate) => match refused.alternate {
                Some(to)
                    if self.alternates < ALTERNATES
                        && to.is_ipv4() == asked.to.is_ipv4()
                        && to.port() != 0
                        && is_somewhere(to.ip()) =>
                {
                    self.alternates += 1;
                    self.login = None;
                    self.challenges = 0;
                    self.state = State::Known(to);
                }
                _ => self.fail(now, "it names no other server that can be used".to_owned()),
            },
            // What this socket allocated before it was ours, or what the server has kept of another life.
            (437, What::Allocate) if self.alternates < ALTERNATES => {
                self.alternates += 1;
                self.again = Some(What::Release);
            }
            (_, What::Release) => {}
            (437, What::Refresh | What::Permit(_) | What::Bind(..)) => {
                self.lose();
                self.state = State::Known(asked.to);
            }
            (_, What::Permit(ips)) => self.peers.forbidden(ips),
            (_, What::Bind(peer, _)) => self.changed |= self.peers.unbindable(now, *peer),
            _ => self.fail(now, refused.sentence()),
        }
    }

    fn granted(&mut self, now: Instant, asked: Asked, message: &Message) {
        self.challenges = 0;
        match asked.what {
            What::Allocate => {
                let relayed = attributes::address(message, ATTR_XOR_RELAYED_ADDRESS);
                let mapped = attributes::mapped(message);
                let (Some(relayed), Some(mapped)) = (relayed, mapped) else {
                    self.fail(now, "it does not say what it has allocated".to_owned());
                    return;
                };
                self.alternates = 0;
                let allocated = Allocated {
                    server: asked.to,
                    relayed,
                    mapped,
                };
                self.state = State::Allocated(allocated, now + renewal(message), now);
                self.note(String::new());
                self.changed = true;
                self.changes += 1;
            }
            What::Refresh if lifetime(message) == Some(0) => {
                self.lose();
                self.state = State::Known(asked.to);
            }
            What::Refresh => {
                if let State::Allocated(_, at, granted) = &mut self.state {
                    (*at, *granted) = (now + renewal(message), now);
                }
            }
            What::Release => {}
            What::Permit(ips) => self.peers.permitted(now, &ips),
            What::Bind(peer, number) => {
                self.changed |= self.peers.bound(now, peer, number);
            }
        }
    }

    /// A request has not been answered. False if the server is lost.
    fn goes_on_without_answer(&mut self, now: Instant, what: &What) -> bool {
        let State::Allocated(_, renewal, granted) = &mut self.state else {
            return false;
        };
        if now >= *granted + PATIENCE {
            return false;
        }
        // It still has what it has granted, and may only be out of reach for a moment.
        *renewal = now;
        self.asked = None;
        match what {
            What::Permit(ips) => self.peers.unanswered(now, ips),
            What::Bind(peer, _) => self.peers.unanswered_bind(now, *peer),
            What::Allocate | What::Refresh | What::Release => {}
        }
        true
    }

    /// The current server is of no use: the next one, or after all of them a pause.
    fn fail(&mut self, now: Instant, message: String) {
        self.note(message);
        let was_allocated = self.allocated().is_some();
        self.lose();
        self.current += 1;
        let mut at = now;
        if self.current >= self.servers.len() {
            self.current = 0;
            // One that has worked until now may be back at once.
            at += match was_allocated {
                true => Duration::ZERO,
                false => RETRY,
            };
        }
        self.state = State::Waiting(at);
    }

    fn note(&mut self, message: String) {
        if let Some(entry) = self.servers.get_mut(self.current) {
            entry.error = message;
        }
    }

    /// What was allocated is there no more.
    fn lose(&mut self) {
        (self.asked, self.again) = (None, None);
        if self.allocated().is_some() {
            self.changed = true;
        }
        self.peers.lost();
    }

    /// Where viewers reach the gateway now.
    pub fn allocated(&self) -> Option<Allocated> {
        match self.state {
            State::Allocated(allocated, ..) => Some(allocated),
            _ => None,
        }
    }

    /// The channels that datagrams to viewers may take.
    pub fn channels(&self) -> Channels {
        self.peers.channels()
    }

    /// Whether what these say has changed since this was asked last.
    pub fn take_change(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// How often something was allocated.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// A viewer may come from these addresses soon.
    pub fn permit(&mut self, now: Instant, ips: impl IntoIterator<Item = IpAddr>) {
        let Some(allocated) = self.allocated() else {
            return;
        };
        for ip in ips {
            // The server relays within the family of its address alone.
            if ip.is_ipv4() == allocated.relayed.is_ipv4() && is_somewhere(ip) {
                self.peers.permit(now, ip);
            }
        }
    }

    /// A viewer is at this address, and gets a channel. True if it has none yet.
    pub fn bind(&mut self, now: Instant, peer: SocketAddr) -> bool {
        self.allocated().is_some() && self.peers.bind(now, peer)
    }

    /// No viewer is there any more.
    pub fn release(&mut self, peer: SocketAddr) {
        self.changed |= self.peers.release(peer);
    }

    /// What is known of each server.
    pub fn reports(&self) -> Vec<Report> {
        let allocated = self.allocated();
        let report = |(i, entry): (usize, &Entry)| Report {
            server: entry.server.name.to_string(),
            relayed: allocated
                .filter(|_| i == self.current)
                .map(|known| known.relayed),
            message: entry.error.clone(),
        };
        self.servers.iter().enumerate().map(report).collect()
    }
}

/// When to renew an allocation with the lifetime that this response says.
fn renewal(response: &Message) -> Duration {
    let lifetime = lifetime(response).unwrap_or_default();
    RENEWAL
        .min(Duration::from_secs(u64::from(lifetime) / 2))
        .max(Duration::from_secs(1))
}

/// A viewer may be there, and a request for it makes no server refuse others beside it.
fn is_somewhere(ip: IpAddr) -> bool {
    !(ip.is_unspecified() || ip.is_multicast())
}

/// The datagram in a Data indication.
fn indicated<'a>(message: &Message) -> Option<Heard<'a>> {
    let peer = attributes::address(message, ATTR_XOR_PEER_ADDRESS)?;
    let data = attributes::value(message, ATTR_DATA)?;
    Some(Heard::Data(peer, Cow::Owned(data.to_vec())))
}
