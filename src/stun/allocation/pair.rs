//! An allocation at the best server: while a worse one has it, those that the host has named before are asked again. Viewers that
//! come then are told of the better one, and the former allocation stays for those that play by it.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::wanted::WANTED;
use super::{Allocated, Asker, Channels, Client, Heard, Origin, Server, Wire};
use crate::error::Result;
use crate::stun::{Action, Asks, Report};

/// So long after a worse server has given an allocation, or a better one has not, better ones are asked again.
const BETTER: Duration = Duration::from_secs(300);
/// A former allocation ends with its last viewer, or after this time: viewers that are there then connect anew.
const FORMER: Duration = Duration::from_secs(24 * 3600);
/// The same where a server may be better still: it is not asked while there are two allocations.
const IN_THE_WAY: Duration = Duration::from_secs(3600);

/// Allocations that there may be at the same time.
pub const PAIR: usize = 2;

/// Keeps an allocation, and for a while the one before it.
#[derive(Debug)]
pub struct Pair {
    clients: [Client; PAIR],
    /// The one whose address viewers are told.
    first: usize,
    /// What the other one is there for.
    other: Other,
    ending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    /// Nothing yet: better servers are to be asked at this time, if there are any.
    Idle(Option<Instant>),
    /// To get an allocation at a better server.
    Better,
    /// It has viewers of its own.
    Former {
        /// Those that were told of it may not have said yet where they come from, until this time.
        told: Option<Instant>,
        /// It ends at this time at the latest.
        until: Instant,
    },
    /// It is being given back.
    Ending,
}

impl Pair {
    /// Keeps an allocation at the first of these servers that gives one.
    pub fn new(now: Instant, servers: Vec<Server>) -> Pair {
        let other = Client::idle(now, servers.clone());
        Pair {
            clients: [Client::new(now, servers), other],
            first: 0,
            other: Other::Idle(None),
            ending: false,
        }
    }

    fn first(&self) -> &Client {
        &self.clients[self.first]
    }

    /// The one that is current, and the other.
    fn both(&mut self) -> (&mut Client, &mut Client) {
        let [a, b] = &mut self.clients;
        match self.first {
            0 => (a, b),
            _ => (b, a),
        }
    }

    /// Makes the best of what there is. True if there is something new to do.
    fn arrange(&mut self, now: Instant) -> bool {
        if self.ending {
            return false;
        }
        let other = self.other;
        let (first, second) = self.both();
        let allocated = (first.allocated().is_some(), second.allocated().is_some());
        let (swaps, next) = match (other, allocated) {
            (Other::Better, (true, true)) => {
                first.retire();
                second.goes_on();
                let kept = match second.better() {
                    0 => FORMER,
                    _ => IN_THE_WAY,
                };
                let former = Other::Former {
                    told: Some(now + WANTED),
                    until: now + kept,
                };
                (true, former)
            }
            // What viewers have been told of before is better than nothing.
            (Other::Better | Other::Former { .. }, (false, true)) => {
                first.end(now);
                second.goes_on();
                (true, Other::Ending)
            }
            (
                Other::Former {
                    told: Some(told),
                    until,
                },
                _,
            ) if now >= told => (false, Other::Former { told: None, until }),
            (Other::Former { told, until }, (true, true))
                if now >= until || (told.is_none() && second.is_unused()) =>
            {
                second.end(now);
                (false, Other::Ending)
            }
            // One server is not asked twice at the same time.
            (Other::Better, (false, false)) => {
                second.end(now);
                (false, Other::Ending)
            }
            _ if second.is_over() && !matches!(other, Other::Idle(_)) => (false, Other::Idle(None)),
            (Other::Idle(at), (true, _)) if first.better() > 0 => match at {
                Some(at) if now >= at => {
                    second.begin(now, first);
                    (false, Other::Better)
                }
                Some(_) => (false, other),
                None => (false, Other::Idle(Some(now + BETTER))),
            },
            (Other::Idle(_), _) => (false, Other::Idle(None)),
            (other, _) => (false, other),
        };
        if swaps {
            self.first = PAIR - 1 - self.first;
        }
        self.other = next;
        next != other
    }

    /// Whether the current one has to wait until the other one has given back what it has at the same server.
    fn waits(&self) -> bool {
        self.other == Other::Ending && self.clients[PAIR - 1 - self.first].holds_up(self.first())
    }

    /// Where viewers reach the gateway now.
    pub fn allocated(&self) -> Option<Allocated> {
        self.first().allocated()
    }

    /// Each of the allocations that there are.
    pub fn all(&self) -> [Option<Allocated>; PAIR] {
        self.clients.each_ref().map(Client::allocated)
    }

    /// The channels that datagrams to viewers may take, by each.
    pub fn channels(&self, now: Instant) -> [Channels; PAIR] {
        self.clients.each_ref().map(|client| client.channels(now))
    }

    /// The numbers of the connections that there are to be.
    pub fn connections(&self) -> [Option<u64>; PAIR] {
        self.clients.each_ref().map(Client::connection)
    }

    /// How often something was allocated, by each.
    pub fn changes(&self) -> [u64; PAIR] {
        self.clients.each_ref().map(Client::changes)
    }

    /// Whether what these say has changed since this was asked last.
    pub fn take_change(&mut self) -> bool {
        let changed = self.clients.each_mut().map(Client::take_change);
        changed.contains(&true)
    }

    /// See [`Client::over_udp`].
    pub fn over_udp(&self) -> Option<&Server> {
        self.first().over_udp()
    }

    /// See [`Client::connected`].
    pub fn connected(
        &mut self,
        now: Instant,
        id: u64,
        local: std::result::Result<Option<IpAddr>, String>,
    ) {
        let wants = |client: &&mut Client| client.connection() == Some(id);
        if let Some(client) = self.clients.iter_mut().find(wants) {
            client.connected(now, id, local);
        }
    }

    /// See [`Client::disconnected`].
    pub fn disconnected(&mut self, now: Instant, id: u64, why: &str) {
        for client in &mut self.clients {
            client.disconnected(now, id, why);
        }
    }

    /// See [`Client::host_changed`].
    pub fn host_changed(&mut self, now: Instant, gone: &[IpAddr]) {
        for client in &mut self.clients {
            client.host_changed(now, gone);
        }
    }

    /// See [`Client::end`].
    pub fn end(&mut self, now: Instant) {
        self.ending = true;
        for client in &mut self.clients {
            client.end(now);
        }
    }

    /// See [`Client::is_over`].
    pub fn is_over(&self) -> bool {
        self.ending && self.clients.iter().all(Client::is_over)
    }

    /// Handles a datagram, or what has come over a connection; and says by which of the two it has.
    pub fn handle<'a>(
        &mut self,
        now: Instant,
        from: Origin,
        datagram: &'a [u8],
    ) -> (usize, Heard<'a>) {
        for (by, client) in self.clients.iter_mut().enumerate() {
            match client.handle(now, from, datagram) {
                Heard::Nothing => {}
                heard => return (by, heard),
            }
        }
        (self.first, Heard::Nothing)
    }

    /// See [`Client::permit`]. Who was told of the former allocation may say more of itself, or only now where it comes from.
    pub fn permit(&mut self, now: Instant, asker: &Asker, ips: impl IntoIterator<Item = IpAddr>) {
        let ips: Vec<_> = ips.into_iter().collect();
        let was_told = matches!(self.other, Other::Former { told: Some(_), .. });
        let (first, other) = self.both();
        if was_told || other.expects(asker.session) {
            other.permit(now, asker, ips.iter().copied());
        }
        first.permit(now, asker, ips);
    }

    /// See [`Client::hold`]; `by` which of the two it comes.
    pub fn hold(&mut self, now: Instant, by: usize, peer: SocketAddr, session: u64, watched: bool) {
        if let Some(client) = self.clients.get_mut(by) {
            client.hold(now, peer, session, watched);
        }
    }

    /// See [`Client::release`].
    pub fn release(&mut self, by: usize, peer: SocketAddr, session: u64) {
        if let Some(client) = self.clients.get_mut(by) {
            client.release(peer, session);
        }
    }
}

impl Asks for Pair {
    const PROTOCOL: &str = Client::PROTOCOL;
    type Other = Wire;
    type Given = SocketAddr;

    fn poll(
        &mut self,
        now: Instant,
        random: &mut dyn FnMut() -> Result<u64>,
    ) -> Result<Option<Action<Wire>>> {
        loop {
            let arranged = self.arrange(now);
            let waits = self.waits().then_some(self.first);
            let clients = self.clients.iter_mut().enumerate();
            for (_, client) in clients.filter(|(number, _)| Some(*number) != waits) {
                if let Some(action) = client.poll(now, random)? {
                    return Ok(Some(action));
                }
            }
            // What has been done meanwhile may leave something to arrange.
            if !arranged && !self.arrange(now) {
                return Ok(None);
            }
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let own = match self.other {
            Other::Idle(at) => at,
            Other::Former { told, until } => told.or(Some(until)),
            Other::Better | Other::Ending => None,
        };
        let own = own.filter(|_| !self.ending);
        let clients = self.clients.iter().filter_map(Client::next_due);
        clients.chain(own).min()
    }

    fn resolved(
        &mut self,
        now: Instant,
        number: usize,
        found: std::result::Result<&[SocketAddr], String>,
    ) {
        for client in &mut self.clients {
            client.resolved(now, number, found.clone());
        }
    }

    fn reports(&self) -> Vec<Report<SocketAddr>> {
        let mut reports = self.first().reports();
        let other = self.clients[PAIR - 1 - self.first].reports();
        for (report, other) in reports.iter_mut().zip(other) {
            // It has asked later.
            if report.given.is_none() && !other.message.is_empty() {
                report.message = other.message;
            }
        }
        reports
    }
}
