//! The addresses that a NAT gives the gateway, as STUN servers see them (RFC 8489). Sans-I/O: asks from the socket that
//! media leaves from, again and again, which keeps the NAT's mapping and notices when it changes. And
//! [`allocation`], for NATs that let nobody in.

pub mod allocation;
mod asks;
pub mod attributes;
mod server;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rtc::stun::error_code::ErrorCodeAttribute;
use rtc::stun::message::{
    BINDING_ERROR, BINDING_SUCCESS, Getter, MAGIC_COOKIE, MESSAGE_HEADER_SIZE, Message,
};
use rtc::stun::xoraddr::XorMappedAddress;

pub use crate::sdp::answer::Reflexive;
pub use asks::{Action, Asks, Report};
pub use server::Name;

use crate::error::Result;

/// What the transaction IDs begin with: no session is at this place.
const PLACE: [u8; 4] = [0xff; 4];
/// Longest answer that is looked at, in bytes.
const MAX_ANSWER: usize = 1280;

/// A question is repeated after this time, then after twice as long, and so on (RFC 8489 section 6.2.1).
const FIRST_REPEAT: Duration = Duration::from_millis(500);
const TRIES: u32 = 4;
/// A mapping is asked for again after this time. NATs keep one for 30 s at least, most for minutes (RFC 4787 section
/// 4.3).
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A server that did not answer is asked again, and its name is looked up again, after this time.
const RETRY: Duration = Duration::from_secs(30);

/// Asks the servers.
#[derive(Debug, Default)]
pub struct Client {
    servers: Vec<Server>,
    known: Vec<Reflexive>,
    changes: u64,
}

#[derive(Debug)]
struct Server {
    name: Name,
    /// When its name is to be looked up.
    lookup: Option<Instant>,
    /// One for each address family.
    questions: Vec<Question>,
    /// Why its name is not known.
    error: String,
}

/// A server at one of its addresses.
#[derive(Debug)]
struct Question {
    to: SocketAddr,
    /// When to ask, again or anew.
    due: Instant,
    asked: Option<Asked>,
    mapping: Option<Reflexive>,
    error: String,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    id: [u8; 8],
    times: u32,
}

impl Client {
    /// Asks these servers from now on.
    pub fn new(now: Instant, servers: Vec<Name>) -> Client {
        let server = |name| Server {
            name,
            lookup: Some(now),
            questions: Vec::new(),
            error: String::new(),
        };
        Client {
            servers: servers.into_iter().map(server).collect(),
            ..Client::default()
        }
    }

    /// The host's own addresses have changed: everything is asked anew.
    pub fn ask_anew(&mut self, now: Instant) {
        for question in self.questions_mut() {
            question.due = now;
            question.asked = None;
        }
    }

    /// Takes the answer that came from `from` to our address `local`. `None` if it answers no question of ours, and
    /// changes nothing; otherwise whether what is known has changed.
    pub fn handle(
        &mut self,
        now: Instant,
        from: SocketAddr,
        local: SocketAddr,
        datagram: &[u8],
    ) -> Option<bool> {
        let id = transaction(datagram)?;
        let question = self.questions_mut().find(|question| {
            question.to == from && question.asked.is_some_and(|asked| asked.id == id)
        })?;
        question.asked = None;
        match read(datagram, from.ip()) {
            Ok(public) => {
                question.mapping = Some(Reflexive {
                    public,
                    base: local,
                });
                question.due = now + KEEP_ALIVE;
                question.error.clear();
            }
            Err(error) => {
                question.mapping = None;
                question.due = now + RETRY;
                question.error = error;
            }
        }
        Some(self.note())
    }

    /// Where a NAT lets others reach us. Nothing without a NAT.
    pub fn reflexive(&self) -> &[Reflexive] {
        &self.known
    }

    /// How often that was something else than before.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether another server sees another port of the same address: it is of no use to viewers then.
    fn differs_by_destination(&self, mapping: Reflexive) -> bool {
        let mappings = self.questions().filter_map(|question| question.mapping);
        let mut others = mappings.filter(|other| *other != mapping);
        others.any(|other| other.base == mapping.base && other.public.ip() == mapping.public.ip())
    }

    /// Takes note of what the servers say. True if it has changed.
    fn note(&mut self) -> bool {
        let mappings = self.questions().filter_map(|question| question.mapping);
        let mut known: Vec<_> = mappings
            .filter(|mapping| mapping.public.ip() != mapping.base.ip())
            .collect();
        known.sort();
        known.dedup();
        if known == self.known {
            return false;
        }
        self.changes += u64::from(!self.known.is_empty());
        self.known = known;
        true
    }

    fn questions(&self) -> impl Iterator<Item = &Question> {
        self.servers.iter().flat_map(|server| &server.questions)
    }

    fn questions_mut(&mut self) -> impl Iterator<Item = &mut Question> {
        let servers = self.servers.iter_mut();
        servers.flat_map(|server| &mut server.questions)
    }
}

impl Asks for Client {
    const PROTOCOL: &str = "STUN";
    type Other = Infallible;
    type Given = Reflexive;

    fn poll(
        &mut self,
        now: Instant,
        random: &mut dyn FnMut() -> Result<u64>,
    ) -> Result<Option<Action>> {
        for (number, server) in self.servers.iter_mut().enumerate() {
            if server.lookup.is_some_and(|at| at <= now) {
                server.lookup = None;
                return Ok(Some(Action::Resolve(number, server.name.clone())));
            }
            for question in &mut server.questions {
                if question.due > now {
                    continue;
                }
                if question.asked.is_some_and(|asked| asked.times == TRIES) {
                    question.gave_up(now);
                    // It may be somewhere else by now.
                    server.lookup = server.lookup.or(Some(now + RETRY));
                    continue;
                }
                let request = question.ask(now, random)?;
                return Ok(Some(Action::Send(question.to, None, request.to_vec())));
            }
        }
        self.note();
        Ok(None)
    }

    fn next_due(&self) -> Option<Instant> {
        let servers = self.servers.iter();
        let due = servers.flat_map(|server| {
            let questions = server.questions.iter().map(|question| question.due);
            questions.chain(server.lookup)
        });
        due.min()
    }

    fn resolved(
        &mut self,
        now: Instant,
        number: usize,
        found: std::result::Result<&[SocketAddr], String>,
    ) {
        let Some(server) = self.servers.get_mut(number) else {
            return;
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                server.error = format!("{error}: check the name in stun_servers");
                server.lookup = Some(now + RETRY);
                return;
            }
        };
        server.error.clear();
        let mut before = std::mem::take(&mut server.questions);
        for is_ipv4 in [true, false] {
            let Some(&to) = found.iter().find(|address| address.is_ipv4() == is_ipv4) else {
                continue;
            };
            let known = before.iter().position(|question| question.to == to);
            server.questions.push(match known {
                Some(known) => before.swap_remove(known),
                None => Question::new(now, to),
            });
        }
        self.note();
    }

    fn reports(&self) -> Vec<Report<Reflexive>> {
        let mut reports = Vec::new();
        for server in &self.servers {
            let report = |given, message| Report {
                server: server.name.to_string(),
                given,
                message,
            };
            if server.questions.is_empty() {
                reports.push(report(None, server.error.clone()));
            }
            for question in &server.questions {
                let message = match question.mapping {
                    Some(mapping) if self.differs_by_destination(mapping) => DIFFERS.to_owned(),
                    _ => question.error.clone(),
                };
                reports.push(report(question.mapping, message));
            }
        }
        reports
    }
}

const DIFFERS: &str = "the NAT gives another port to each server that it talks to, so viewers cannot use this \
                       one: forward a port, and name the public address in public_addresses";

impl Question {
    fn new(now: Instant, to: SocketAddr) -> Question {
        Question {
            to,
            due: now,
            asked: None,
            mapping: None,
            error: String::new(),
        }
    }

    /// A request; the same one if it is repeated.
    fn ask(
        &mut self,
        now: Instant,
        random: &mut dyn FnMut() -> Result<u64>,
    ) -> Result<[u8; MESSAGE_HEADER_SIZE]> {
        let mut asked = match self.asked {
            Some(asked) => asked,
            None => Asked {
                id: random()?.to_be_bytes(),
                times: 0,
            },
        };
        self.due = now + FIRST_REPEAT * (1 << asked.times);
        asked.times += 1;
        self.asked = Some(asked);
        let mut request = [0; MESSAGE_HEADER_SIZE];
        request[1] = 1;
        request[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
        request[8..12].copy_from_slice(&PLACE);
        request[12..].copy_from_slice(&asked.id);
        Ok(request)
    }

    fn gave_up(&mut self, now: Instant) {
        self.asked = None;
        self.mapping = None;
        self.due = now + RETRY;
        self.error = format!(
            "{} did not answer: check that this host may send UDP there, and that a STUN server is there",
            self.to
        );
    }
}

/// Whether a datagram may answer a question of a [`Client`].
pub fn may_be_answer(datagram: &[u8]) -> bool {
    transaction(datagram).is_some()
}

/// The part of its transaction ID that is random.
fn transaction(datagram: &[u8]) -> Option<[u8; 8]> {
    let answers = datagram.first() == Some(&1) && datagram.len() <= MAX_ANSWER;
    let ours = datagram.get(4..8)? == MAGIC_COOKIE.to_be_bytes() && datagram.get(8..12)? == PLACE;
    let id = datagram.get(12..)?.first_chunk().copied();
    id.filter(|_| answers && ours)
}

/// The message of STUN that these bytes are; `None` if its length is not theirs.
pub fn message(bytes: &[u8]) -> Option<Message> {
    let mut message = Message::new();
    message.unmarshal_binary(bytes).ok()?;
    (message.length as usize + MESSAGE_HEADER_SIZE == bytes.len()).then_some(message)
}

/// The address in a server's answer, or what is wrong with it.
fn read(datagram: &[u8], server: IpAddr) -> std::result::Result<SocketAddr, String> {
    let answer = message(datagram).ok_or("its answer is not STUN")?;
    if answer.typ == BINDING_ERROR {
        let mut code = ErrorCodeAttribute::default();
        return Err(match code.get_from(&answer) {
            Ok(()) => format!(
                "it refuses with error {}: use a server without passwords",
                code.code.0
            ),
            Err(_) => "it refuses without a reason".to_owned(),
        });
    }
    let mut mapped = XorMappedAddress::default();
    if answer.typ != BINDING_SUCCESS || mapped.get_from(&answer).is_err() {
        return Err("its answer has no XOR-MAPPED-ADDRESS".to_owned());
    }
    let ip = mapped.ip;
    let usable = ip.is_ipv4() == server.is_ipv4()
        && !(ip.is_unspecified() || ip.is_multicast())
        && mapped.port != 0;
    match usable {
        true => Ok(SocketAddr::new(ip, mapped.port)),
        false => Err(format!(
            "it says {ip}:{}, which nobody can reach",
            mapped.port
        )),
    }
}

#[cfg(test)]
mod tests;
