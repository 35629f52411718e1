//! An allocation of the gateway's own at a TURN server (RFC 8656), for hosts behind a NAT that lets no viewer in: the
//! server's address reaches those viewers whose addresses it was told. Sans-I/O: from the socket of all media, over UDP;
//! or over a connection, where the network lets no UDP out.
//!
//! One request is on its way at a time. The allocation is renewed so often that the loss of the server, or of what it
//! knew, is noticed soon; then another one is made, there or at the next server.

mod pair;
#[cfg(test)]
mod pair_tests;
mod peers;
mod request;
mod server;
#[cfg(test)]
mod tests;
mod wanted;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rtc::stun::attributes::{ATTR_DATA, ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS};
use rtc::stun::message::{CLASS_INDICATION, CLASS_SUCCESS_RESPONSE, METHOD_DATA, Message};

pub use pair::{PAIR, Pair};
pub use peers::Channels;
pub use server::{Server, Transport};
pub use wanted::Asker;

use super::attributes::{self, lifetime};
use super::{Action, Asks, Report};
use crate::error::Result;
use peers::Peers;
use request::{Asked, Login, Refused, What};

/// After all servers have failed they are tried again, and their names looked up again, after this time.
const RETRY: Duration = Duration::from_secs(30);
/// The allocation is renewed after this time, which keeps the NAT's mapping as well (RFC 4787 section 4.3).
const RENEWAL: Duration = Duration::from_secs(15);
/// A server that says nothing for so long is lost: by then consent of its viewers has ended (RFC 7675).
const PATIENCE: Duration = Duration::from_secs(40);
/// How long a connection may take to be there.
pub const OPENING: Duration = Duration::from_secs(10);
/// Refusals in a row that ask for other credentials, before they count as wrong; alternate servers in a row.
const CHALLENGES: u32 = 3;
const ALTERNATES: u32 = 3;
/// Addresses of a server that are tried.
const MAX_ADDRESSES: usize = 4;

/// What is to be done with a connection to a server.
#[derive(Debug, PartialEq, Eq)]
pub enum Wire {
    /// Connect there, and call [`Client::connected`] with the number of the connection. There is no other one.
    Open {
        /// Of the connection.
        id: u64,
        /// Where to.
        to: SocketAddr,
        /// The number of the server.
        server: usize,
    },
    /// Send this over the connection with this number.
    Write(u64, Vec<u8>),
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

/// Where something has come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From this address over UDP, to this one of ours, where the system says it.
    Udp(SocketAddr, Option<IpAddr>),
    /// Over the connection with this number.
    Connection(u64),
}

/// Where viewers reach the gateway through the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocated {
    /// The server.
    pub server: SocketAddr,
    /// Our address that it knows, where the system says which that is. From another one it takes nothing.
    pub local: Option<IpAddr>,
    /// Its address for viewers.
    pub relayed: SocketAddr,
    /// Another one, of the other family, if it has one.
    pub second: Option<SocketAddr>,
    /// Ours as the server sees it.
    pub mapped: SocketAddr,
}

impl Allocated {
    /// All addresses for viewers.
    pub fn relayed(&self) -> impl Iterator<Item = SocketAddr> {
        [Some(self.relayed), self.second].into_iter().flatten()
    }
}

#[derive(Debug)]
enum State {
    /// Begins with the current server at this time.
    Waiting(Instant),
    /// Its name is being looked up.
    Resolving,
    /// A connection to it is to be there by this time.
    Opening(SocketAddr, Instant),
    /// Asks it for an allocation.
    Known(SocketAddr),
    /// It has been given one, which is to be renewed at the first time; at the second the server has granted something last.
    Allocated(Allocated, Instant, Instant),
    /// There is to be none any more.
    Over,
}

/// Keeps an allocation.
#[derive(Debug)]
pub struct Client {
    servers: Vec<Entry>,
    current: usize,
    /// Addresses of the current server that have not been tried.
    untried: VecDeque<SocketAddr>,
    state: State,
    /// Servers that are asked: those before this number.
    limit: usize,
    /// And once: after them there is none.
    once: bool,
    /// Another allocation is there, from the same socket: a second one would replace it.
    taken: Option<SocketAddr>,
    /// The number of the connection to the server, if it is reached over one, and our end of it once it is there.
    connection: Option<(u64, Option<IpAddr>)>,
    connections: u64,
    login: Option<Login>,
    asked: Option<Asked>,
    /// What is to be asked for before anything else.
    again: Option<What>,
    /// Refusals and alternate servers in a row.
    challenges: u32,
    alternates: u32,
    /// Whether the server is asked for an address of IPv6 as well.
    both: bool,
    /// When something was allocated last.
    began: Option<Instant>,
    /// What is allocated is to be given back.
    ending: bool,
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
            limit: servers.len(),
            servers: servers.into_iter().map(entry).collect(),
            current: 0,
            untried: VecDeque::new(),
            state: State::Waiting(now),
            once: false,
            taken: None,
            connection: None,
            connections: 0,
            login: None,
            asked: None,
            again: None,
            challenges: 0,
            alternates: 0,
            both: true,
            began: None,
            ending: false,
            peers: Peers::default(),
            changed: false,
            changes: 0,
        }
    }

    /// One that waits for [`Client::begin`]. Its connections have other numbers than those of the first.
    fn idle(now: Instant, servers: Vec<Server>) -> Client {
        Client {
            state: State::Over,
            connections: 1,
            ..Client::new(now, servers)
        }
    }

    /// Asks those servers that are better than the one where this other client has its allocation, each once.
    fn begin(&mut self, now: Instant, other: &Client) {
        (self.current, self.limit, self.once) = (0, other.better(), true);
        (self.began, self.ending) = (None, false);
        self.taken = other.over_socket();
        self.state = State::Waiting(now);
    }

    /// From now on it keeps its allocation, at any of the servers.
    fn goes_on(&mut self) {
        (self.limit, self.once, self.taken) = (self.servers.len(), false, None);
    }

    /// From now on it keeps its allocation for those that use it, and makes no other one.
    fn retire(&mut self) {
        (self.limit, self.once) = (0, true);
        self.untried.clear();
        for entry in &mut self.servers {
            entry.error.clear();
        }
    }

    /// The server that it has to do with from the socket of all media.
    fn over_socket(&self) -> Option<SocketAddr> {
        match self.state {
            State::Known(server) | State::Allocated(Allocated { server, .. }, ..) => {
                self.connection.is_none().then_some(server)
            }
            _ => None,
        }
    }

    /// Whether the other one is about to ask the server that this one still has to do with, from the same socket: to the
    /// server they are one, and what this one gives back would be the other's.
    fn holds_up(&self, other: &Client) -> bool {
        let asks = other.allocated().is_none() && other.asked.is_none();
        let server = other.over_socket();
        asks && server.is_some() && server == self.over_socket()
    }

    /// How many servers are better than the one that is current.
    fn better(&self) -> usize {
        self.current
    }

    /// Whether nobody uses what is allocated, or may come soon.
    fn is_unused(&self) -> bool {
        self.peers.is_unused()
    }

    /// Whether the viewer of this session is there, or may come soon.
    fn expects(&self, session: u64) -> bool {
        self.peers.expects(session)
    }

    fn send(&self, to: SocketAddr, request: Vec<u8>) -> Action<Wire> {
        let local = self.allocated().and_then(|allocated| allocated.local);
        match self.connection {
            Some((id, _)) => Action::Other(Wire::Write(id, request)),
            None => Action::Send(to, local, request),
        }
    }

    /// Turns to the next address of the current server. False if there is none.
    fn try_next(&mut self, now: Instant) -> bool {
        while let Some(to) = self.untried.pop_front() {
            if self.is_free(to) {
                self.alternates = 0;
                self.turn_to(now, to);
                return true;
            }
        }
        false
    }

    fn is_free(&self, to: SocketAddr) -> bool {
        self.transport() != Transport::Udp || self.taken != Some(to)
    }

    fn turn_to(&mut self, now: Instant, to: SocketAddr) {
        self.login = None;
        self.challenges = 0;
        self.both = true;
        self.connection = None;
        self.state = match self.transport() {
            Transport::Udp => State::Known(to),
            Transport::Tcp | Transport::Tls => State::Opening(to, now + OPENING),
        };
    }

    fn transport(&self) -> Transport {
        let current = self.servers.get(self.current);
        current.map_or(Transport::Udp, |entry| entry.server.transport)
    }

    /// The number of the connection that there is to be.
    pub fn connection(&self) -> Option<u64> {
        self.connection.map(|(id, _)| id)
    }

    /// The connection with this number is there, with this address of ours; or why it is not.
    pub fn connected(
        &mut self,
        now: Instant,
        id: u64,
        local: std::result::Result<Option<IpAddr>, String>,
    ) {
        let State::Opening(to, _) = self.state else {
            return;
        };
        if self.connection() != Some(id) {
            return;
        }
        match local {
            Ok(local) => {
                self.connection = Some((id, local));
                self.state = State::Known(to);
            }
            Err(error) => self.fail(now, error),
        }
    }

    /// The connection with this number has ended, and what was allocated over it.
    pub fn disconnected(&mut self, now: Instant, id: u64, why: &str) {
        if self.connection() == Some(id) {
            self.fail(now, format!("the connection to it has ended: {why}"));
        }
    }

    /// The host's own addresses have changed, and these are gone: perhaps the server knows this one no longer.
    pub fn host_changed(&mut self, now: Instant, gone: &[IpAddr]) {
        let is_gone = |local: IpAddr| gone.contains(&local.to_canonical());
        let connected = self.connection.and_then(|(_, local)| local);
        let allocated = self.allocated().and_then(|allocated| allocated.local);
        if connected.or(allocated).is_some_and(is_gone) {
            // Nothing more comes from there.
            self.lose();
            self.state = match self.ending || self.once {
                true => State::Over,
                false => State::Waiting(now),
            };
            return;
        }
        match &mut self.state {
            State::Allocated(_, renewal, _) => *renewal = now,
            State::Waiting(at) => *at = now,
            State::Resolving | State::Opening(..) | State::Known(_) | State::Over => {}
        }
    }

    /// Gives back what is allocated, or is being allocated, and allocates nothing more.
    pub fn end(&mut self, now: Instant) {
        self.ending = true;
        let known = self.login.is_some();
        match (&self.state, &mut self.asked) {
            (State::Allocated(..), Some(asked)) if asked.what == What::Release => {}
            // The answer to any other request changes nothing any more.
            (State::Allocated(..), _) => (self.asked, self.again) = (None, None),
            // The server may have what it was asked for: its answer is waited for, but not long.
            (State::Known(_), Some(asked)) if known => asked.hurry(now),
            _ => {
                self.lose();
                self.state = State::Over;
            }
        }
    }

    /// Whether there is nothing left to give back.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// A server that viewers may ask over UDP where they come from, as browsers do: the current one, or another one that the
    /// host has named over UDP. Where the gateway gets no UDP out, its viewers may.
    pub fn over_udp(&self) -> Option<&Server> {
        let current = self.servers.get(self.current);
        let all = current.into_iter().chain(&self.servers);
        let mut all = all.map(|entry| &entry.server);
        all.find(|server| server.transport == Transport::Udp)
    }

    /// Handles a datagram, or what has come over the connection.
    pub fn handle<'a>(&mut self, now: Instant, from: Origin, datagram: &'a [u8]) -> Heard<'a> {
        let (is_server, is_asked) = match from {
            Origin::Connection(id) => {
                let current = self.connection() == Some(id);
                (
                    current && self.allocated().is_some(),
                    current && self.asked.is_some(),
                )
            }
            Origin::Udp(from, local) => {
                let is_ours = |known: Option<IpAddr>| {
                    known.is_none_or(|known| local.is_none_or(|local| local == known))
                };
                let over_udp = self.connection.is_none();
                let known = self.allocated().filter(|_| over_udp);
                if known.is_some_and(|known| !is_ours(known.local)) {
                    return Heard::Nothing;
                }
                let asked = self.asked.as_ref().filter(|_| over_udp);
                (
                    known.is_some_and(|known| known.server == from),
                    asked.is_some_and(|asked| asked.to == from),
                )
            }
        };
        if let (true, Some(0x40..=0x4f)) = (is_server, datagram.first()) {
            return self.channel_data(datagram).unwrap_or(Heard::Taken);
        }
        if !(is_server || is_asked) || !matches!(datagram.first(), Some(0 | 1)) {
            return Heard::Nothing;
        }
        let Some(message) = super::message(datagram) else {
            return Heard::Nothing;
        };
        if is_server && (message.typ.class, message.typ.method) == (CLASS_INDICATION, METHOD_DATA) {
            return indicated(&message).unwrap_or(Heard::Taken);
        }
        match self
            .asked
            .take_if(|asked| is_asked && asked.is_answer(&message))
        {
            Some(asked) => {
                self.answered(now, from, asked, message);
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

    fn answered(&mut self, now: Instant, from: Origin, asked: Asked, mut message: Message) {
        if message.typ.class == CLASS_SUCCESS_RESPONSE {
            let key = self.login.as_ref().map(|login| login.key);
            match key.is_some_and(|key| attributes::authenticate(&mut message, &key)) {
                true => self.granted(now, from, asked, &message),
                // Somebody else's: the server may yet answer.
                false => self.asked = Some(asked),
            }
            return;
        }
        let refused = Refused::read(&message);
        if self.ending && refused.code != 437 && matches!(asked.what, What::Allocate { .. }) {
            return self.fail(now, refused.sentence());
        }
        if let Some((realm, nonce)) = refused.challenge()
            && self.challenges < CHALLENGES
            && let Some(entry) = self.servers.get(self.current)
            && (refused.code == 438
                || self.login.is_none()
                || !matches!(asked.what, What::Allocate { .. }))
        {
            self.challenges += 1;
            self.login = Some(Login::new(&entry.server, realm, nonce));
            self.again = Some(asked.what);
            return;
        }
        match (refused.code, &asked.what) {
            (_, What::Release) if self.ending => {
                self.lose();
                self.state = State::Over;
            }
            (300, What::Allocate { .. }) => match refused.alternate {
                Some(to)
                    if self.alternates < ALTERNATES
                        && to.is_ipv4() == asked.to.is_ipv4()
                        && to.port() != 0
                        && is_somewhere(to.ip())
                        && self.is_free(to)
                        && reach(to.ip()) >= reach(asked.to.ip()) =>
                {
                    self.alternates += 1;
                    self.turn_to(now, to);
                }
                _ => self.fail(now, "it names no other server that can be used".to_owned()),
            },
            // What this socket allocated before it was ours, or what the server has kept of another life.
            (437, What::Allocate { .. }) if self.alternates < ALTERNATES => {
                self.alternates += 1;
                self.again = Some(What::Release);
            }
            (_, What::Release) => {}
            (437, What::Refresh | What::Permit(_) | What::Bind(..)) => {
                self.allocate_anew(now, asked.to);
            }
            (_, What::Permit(ips)) => self.peers.forbidden(now, ips),
            (_, What::Bind(peer, _)) => self.changed |= self.peers.unbindable(now, *peer),
            // Perhaps that was too much: not understood, no such family, no such addresses left.
            (400 | 420 | 440 | 442 | 508, What::Allocate { both: true }) => self.both = false,
            _ => self.fail(now, refused.sentence()),
        }
    }

    fn granted(&mut self, now: Instant, from: Origin, asked: Asked, message: &Message) {
        self.challenges = 0;
        match asked.what {
            What::Allocate { .. } => {
                let all = attributes::addresses(message, ATTR_XOR_RELAYED_ADDRESS);
                let mut all = all.unwrap_or_default().into_iter();
                let relayed = all.next();
                let mapped = attributes::mapped(message);
                let (Some(relayed), Some(mapped)) = (relayed, mapped) else {
                    self.fail(now, "it does not say what it has allocated".to_owned());
                    return;
                };
                self.alternates = 0;
                let allocated = Allocated {
                    server: asked.to,
                    local: match from {
                        Origin::Udp(_, local) => local,
                        Origin::Connection(_) => None,
                    },
                    relayed,
                    second: all.find(|second| second.is_ipv4() != relayed.is_ipv4()),
                    mapped,
                };
                self.state = State::Allocated(allocated, now + renewal(message), now);
                self.began = Some(now);
                self.note(String::new());
                self.changed = true;
                self.changes += 1;
            }
            What::Release if self.ending => {
                self.lose();
                self.state = State::Over;
            }
            What::Refresh if lifetime(message) == Some(0) => self.allocate_anew(now, asked.to),
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

    /// The server knows nothing of what it has allocated any more. One that forgets at once is not asked for ever.
    fn allocate_anew(&mut self, now: Instant, server: SocketAddr) {
        if self.once || self.began.is_some_and(|began| now < began + RETRY) {
            let error =
                "it forgets what it has allocated: are there several servers behind this address?";
            return self.fail(now, error.to_owned());
        }
        self.lose_allocation();
        self.state = State::Known(server);
    }

    /// A request has not been answered. False if the server is lost.
    fn goes_on_without_answer(&mut self, now: Instant, what: &What) -> bool {
        let State::Allocated(_, renewal, granted) = &mut self.state else {
            return false;
        };
        if self.ending || now >= *granted + PATIENCE {
            return false;
        }
        // It still has what it has granted, and may only be out of reach for a moment.
        *renewal = now;
        self.asked = None;
        match what {
            What::Permit(ips) => self.peers.unanswered(now, ips),
            What::Bind(peer, _) => self.peers.unanswered_bind(now, *peer),
            What::Allocate { .. } | What::Refresh | What::Release => {}
        }
        true
    }

    /// The current server is of no use, there at least: its next address, or the next one, or after all of them a pause.
    fn fail(&mut self, now: Instant, message: String) {
        self.note(message);
        let was_allocated = self.allocated().is_some();
        self.lose();
        if self.ending {
            self.state = State::Over;
            return;
        }
        if self.try_next(now) {
            return;
        }
        self.current += 1;
        let mut at = now;
        if self.current >= self.limit {
            if self.once {
                self.state = State::Over;
                return;
            }
            self.current = 0;
            // One that has worked until now may be back at once.
            let worked = was_allocated && self.began.is_none_or(|began| now >= began + RETRY);
            at += match worked {
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

    /// What was allocated is there no more, and what it was asked for over.
    fn lose(&mut self) {
        self.lose_allocation();
        self.connection = None;
    }

    fn lose_allocation(&mut self) {
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
    pub fn channels(&self, now: Instant) -> Channels {
        self.peers.channels(now)
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
    pub fn permit(&mut self, now: Instant, asker: &Asker, ips: impl IntoIterator<Item = IpAddr>) {
        let Some(allocated) = self.allocated() else {
            return;
        };
        for ip in ips {
            // The server relays within the families of its addresses alone.
            let mut relayed = allocated.relayed();
            if relayed.any(|relayed| relayed.is_ipv4() == ip.is_ipv4()) && is_somewhere(ip) {
                self.peers.permit(now, ip, asker);
            }
        }
    }

    /// The viewer of a session is at this address, and is let in for as long as it is. `watched`: media goes there, and gets a
    /// channel.
    pub fn hold(&mut self, now: Instant, peer: SocketAddr, session: u64, watched: bool) {
        if self.allocated().is_some() {
            self.changed |= self.peers.hold(now, peer, session, watched);
        }
    }

    /// It is there no longer.
    pub fn release(&mut self, peer: SocketAddr, session: u64) {
        self.changed |= self.peers.release(peer, session);
    }
}

impl Asks for Client {
    const PROTOCOL: &str = "TURN";
    type Other = Wire;
    type Given = SocketAddr;

    fn poll(
        &mut self,
        now: Instant,
        random: &mut dyn FnMut() -> Result<u64>,
    ) -> Result<Option<Action<Wire>>> {
        loop {
            if let Some(asked) = &mut self.asked {
                if now < asked.due {
                    return Ok(None);
                }
                if self.ending && matches!(asked.what, What::Allocate { .. }) {
                    // Perhaps its answer was lost.
                    (self.asked, self.again) = (None, Some(What::Release));
                    continue;
                }
                if asked.may_repeat() {
                    let (to, bytes) = (asked.to, asked.send(now));
                    return Ok(Some(self.send(to, bytes)));
                }
                let (to, what) = (asked.to, asked.what.clone());
                if self.goes_on_without_answer(now, &what) {
                    continue;
                }
                let transport = self.transport();
                let error = format!(
                    "{to} did not answer: check that this host may send {} there, and that a TURN server is there",
                    transport.name()
                );
                self.fail(now, error);
                continue;
            }
            let what = match &self.state {
                State::Waiting(at) if *at <= now => {
                    let Some(entry) = self.servers.get(self.current) else {
                        return Ok(None);
                    };
                    let name = entry.server.name.clone();
                    self.state = State::Resolving;
                    return Ok(Some(Action::Resolve(self.current, name)));
                }
                State::Opening(to, by) if *by <= now => {
                    let error = too_slow(*to);
                    self.fail(now, error);
                    continue;
                }
                State::Opening(to, _) if self.connection.is_none() => {
                    let to = *to;
                    self.connections += PAIR as u64;
                    self.connection = Some((self.connections, None));
                    return Ok(Some(Action::Other(Wire::Open {
                        id: self.connections,
                        to,
                        server: self.current,
                    })));
                }
                State::Waiting(_) | State::Resolving | State::Opening(..) | State::Over => {
                    return Ok(None);
                }
                State::Known(to) => Some((*to, What::Allocate { both: self.both })),
                State::Allocated(allocated, renewal, _) => {
                    let what = match (self.ending, now < *renewal && self.again.is_none()) {
                        (true, _) => Some(What::Release),
                        (false, false) => Some(What::Refresh),
                        (false, true) => self.peers.next(now),
                    };
                    what.map(|what| (allocated.server, what))
                }
            };
            let Some((to, what)) = what else {
                return Ok(None);
            };
            let what = self.again.take().unwrap_or(what);
            let login = self.login.as_ref();
            let over_udp = self.connection.is_none();
            let mut asked = Asked::new((now, to), what, login, over_udp, random)?;
            let bytes = asked.send(now);
            self.asked = Some(asked);
            return Ok(Some(self.send(to, bytes)));
        }
    }

    fn next_due(&self) -> Option<Instant> {
        if let Some(asked) = &self.asked {
            return Some(asked.due);
        }
        match &self.state {
            State::Waiting(at) if !self.servers.is_empty() => Some(*at),
            State::Opening(_, by) => Some(*by),
            State::Waiting(_) | State::Resolving | State::Known(_) | State::Over => None,
            State::Allocated(_, renewal, _) => Some(
                self.peers
                    .next_due()
                    .map_or(*renewal, |due| due.min(*renewal)),
            ),
        }
    }

    fn resolved(
        &mut self,
        now: Instant,
        number: usize,
        found: std::result::Result<&[SocketAddr], String>,
    ) {
        if !matches!(self.state, State::Resolving) || number != self.current {
            return;
        }
        match found {
            Ok(found) => {
                self.untried = in_turn(found);
                if !self.try_next(now) {
                    let error = match found.is_empty() {
                        true => "its name has no address that this host can send to",
                        false => {
                            "its name leads to the server that has the allocation already: name each server once"
                        }
                    };
                    self.fail(now, error.to_owned());
                }
            }
            Err(error) => self.fail(now, format!("{error}: check the name in turn_servers")),
        }
    }

    fn reports(&self) -> Vec<Report<SocketAddr>> {
        let allocated = self.allocated();
        let report = |(i, entry): (usize, &Entry)| Report {
            server: entry.server.to_string(),
            given: allocated
                .filter(|_| i == self.current)
                .map(|known| known.relayed),
            message: entry.error.clone(),
        };
        self.servers.iter().enumerate().map(report).collect()
    }
}

/// A connection to a server was not there in time.
pub fn too_slow(to: SocketAddr) -> String {
    format!(
        "{to} cannot be connected to in time: check that this host may connect there, and that a TURN server is there"
    )
}

/// The addresses to try, of IPv4 and of IPv6 in turn: perhaps only one of both works here.
fn in_turn(found: &[SocketAddr]) -> VecDeque<SocketAddr> {
    let (v4, v6): (Vec<_>, Vec<_>) = found.iter().partition(|address| address.is_ipv4());
    let turns = (0..v4.len().max(v6.len())).flat_map(|i| [v4.get(i), v6.get(i)]);
    turns.flatten().copied().take(MAX_ADDRESSES).collect()
}

/// When to renew an allocation with the lifetime that this response says.
fn renewal(response: &Message) -> Duration {
    let lifetime = lifetime(response).unwrap_or_default();
    RENEWAL
        .min(Duration::from_secs(u64::from(lifetime) / 2))
        .max(Duration::from_secs(1))
}

/// From how far away an address can be reached: a server names no other that is nearer to this host than itself.
fn reach(ip: IpAddr) -> u8 {
    match ip.to_canonical() {
        ip if ip.is_loopback() => 0,
        IpAddr::V4(ip) if ip.is_link_local() => 1,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => 1,
        IpAddr::V4(ip) if ip.is_private() => 2,
        IpAddr::V6(ip) if ip.is_unique_local() => 2,
        _ => 3,
    }
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
