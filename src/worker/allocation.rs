//! Keeps the gateway's own allocation at a TURN server, and is the way to viewers through it. The first worker asks, from the
//! socket of all media, and hears; all workers send.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::command::Command;
use super::registry::SessionLocation;
use super::relays::send_framed;
use super::routes::Routes;
use super::thread::Peers;
use crate::net::Socket;
use crate::random;
use crate::sdp::answer::Reflexive;
use crate::session::WouldBlock;
use crate::session::framing::Wrap;
use crate::source::lookup;
use crate::stun::Name;
use crate::stun::allocation::{Action, Allocated, Channels, Client, Heard, Report, Server};

/// The gateway's own allocation.
pub struct OwnAllocation {
    client: Mutex<Client>,
    /// The client has something new to do.
    news: Notify,
    /// Which session owns which address beyond the server.
    pub routes: Routes,
}

/// How datagrams go to viewers beyond the server: every worker has the latest.
#[derive(Debug, Default)]
pub struct ServerWay {
    server: Option<SocketAddr>,
    channels: Channels,
}

impl OwnAllocation {
    /// At the first of these servers that gives one; `None` without any.
    pub fn new(now: Instant, servers: Vec<Server>) -> Option<OwnAllocation> {
        (!servers.is_empty()).then(|| OwnAllocation {
            client: Mutex::new(Client::new(now, servers)),
            news: Notify::new(),
            routes: Routes::default(),
        })
    }

    /// Where viewers reach the gateway through the server.
    pub fn relayed(&self) -> Option<Reflexive> {
        let allocated = self.client.lock().allocated()?;
        Some(Reflexive {
            public: allocated.relayed,
            base: allocated.mapped,
        })
    }

    /// The `Link` header by which viewers learn at the same server where they come from: it lets in those alone whom it
    /// was told of.
    pub(super) fn stun_link(&self) -> Option<String> {
        let client = self.client.lock();
        let name = client.allocated().and_then(|_| client.server())?;
        Some(format!("<stun:{name}>; rel=\"ice-server\""))
    }

    /// Whether that is at this address.
    pub(super) fn is_at(&self, ip: IpAddr) -> bool {
        self.relayed().is_some_and(|known| known.public.ip() == ip)
    }

    /// What is known of each server.
    pub fn reports(&self) -> Vec<Report> {
        self.client.lock().reports()
    }

    /// How often something was allocated.
    pub fn changes(&self) -> u64 {
        self.client.lock().changes()
    }

    /// Takes a datagram if it is the server's.
    pub(super) fn take<'a>(&self, from: SocketAddr, datagram: &'a [u8]) -> Heard<'a> {
        if !may_be_server(datagram) {
            return Heard::Nothing;
        }
        let heard = self.client.lock().handle(Instant::now(), from, datagram);
        if matches!(heard, Heard::Taken) {
            self.news.notify_one();
        }
        heard
    }

    /// A viewer may come from these addresses soon.
    pub(super) fn permit(&self, ips: impl IntoIterator<Item = IpAddr>) {
        self.client.lock().permit(Instant::now(), ips);
        self.news.notify_one();
    }

    /// The host's own addresses have changed.
    pub(super) fn look_again(&self) {
        self.client.lock().look_again(Instant::now());
        self.news.notify_one();
    }

    /// Keeps it for as long as it is polled.
    pub(super) async fn keep(self: Arc<Self>, socket: Arc<Socket>, peers: Peers) {
        let (mut said, mut before) = (Vec::new(), None);
        loop {
            while let Some(action) = self.poll() {
                match action {
                    // Repeated if it does not leave.
                    Action::Send(to, request) => {
                        let _ = socket.send(to, None, &request, request.len());
                    }
                    Action::Resolve(name) => {
                        let own = Arc::clone(&self);
                        tokio::task::spawn_local(async move { own.resolve(&name).await });
                    }
                }
            }
            self.tell(&peers, &mut before);
            self.complain(&mut said);
            let due = self.client.lock().next_due();
            match due {
                Some(due) => tokio::select! {
                    () = tokio::time::sleep_until(due.into()) => {}
                    () = self.news.notified() => {}
                },
                None => self.news.notified().await,
            }
        }
    }

    fn poll(&self) -> Option<Action> {
        let action = self.client.lock().poll(Instant::now(), &mut random::number);
        action.unwrap_or_else(|error| {
            log::error!("cannot ask TURN servers: {error}");
            None
        })
    }

    async fn resolve(&self, name: &Name) {
        let found = lookup(&name.host, name.port).await;
        let found = found.map_err(|error| error.to_string());
        let found = found.as_deref().map_err(Clone::clone);
        self.client.lock().resolved(Instant::now(), found);
        self.news.notify_one();
    }

    /// Tells all workers how to send from now on, if that has changed.
    fn tell(&self, peers: &Peers, before: &mut Option<Allocated>) {
        let mut client = self.client.lock();
        if !client.take_change() {
            return;
        }
        let allocated = client.allocated();
        let way = Arc::new(ServerWay {
            server: allocated.map(|known| known.server),
            channels: client.channels(),
        });
        drop(client);
        let mut workers = 0..;
        while let Some(worker) = workers.next()
            && peers.command(worker, Command::ServerWay(Arc::clone(&way)))
        {}
        match allocated {
            Some(known) if allocated != *before => log::info!(
                "a TURN server relays for this host: viewers are told {}",
                known.relayed
            ),
            None if before.is_some() => {
                log::info!("no TURN server relays for this host any more");
            }
            _ => {}
        }
        *before = allocated;
    }

    /// Tells the log what is wrong with a server, once.
    fn complain(&self, said: &mut Vec<Report>) {
        let reports = self.reports().into_iter();
        let wrong: Vec<_> = reports
            .filter(|report| !report.message.is_empty())
            .collect();
        for report in wrong.iter().filter(|wrong| !said.contains(wrong)) {
            log::warn!("TURN server {}: {}", report.server, report.message);
        }
        *said = wrong;
    }
}

/// Whether a datagram is channel data, a Data indication or a response of TURN: what viewers send is none of these.
fn may_be_server(datagram: &[u8]) -> bool {
    match datagram {
        [0x40..=0x4f, ..] | [0, 0x17, ..] => true,
        [1, method, ..] => matches!(method & 0x0f, 3 | 4 | 8 | 9),
        _ => false,
    }
}

/// A worker's way to viewers beyond the server.
#[derive(Default)]
pub(super) struct ByServer {
    own: Option<Arc<OwnAllocation>>,
    pub way: Arc<ServerWay>,
    /// A run in messages of TURN.
    buffer: RefCell<Vec<u8>>,
}

impl ByServer {
    pub(super) fn new(own: Option<Arc<OwnAllocation>>) -> ByServer {
        ByServer {
            own,
            ..ByServer::default()
        }
    }

    /// Sends `contents` as datagrams of `segment` bytes; so many by one call. Without an allocation they are lost.
    pub(super) fn send(
        &self,
        by: (&Socket, usize),
        to: SocketAddr,
        contents: &[u8],
        segment: usize,
    ) -> Result<(), WouldBlock> {
        let Some(server) = self.way.server else {
            return Ok(());
        };
        let wrap = match self.way.channels.get(&to) {
            Some(&number) => Wrap::Channel(number),
            None => Wrap::Send(to),
        };
        let buffer = &mut *self.buffer.borrow_mut();
        send_framed(by, (server, None), (wrap, buffer), contents, segment)
    }

    /// A viewer is there; `proven`: it has answered.
    pub(super) fn bound(&self, peer: SocketAddr, proven: bool, place: SessionLocation) {
        let Some(own) = &self.own else {
            return;
        };
        match proven {
            true => {
                own.routes.own(peer, place);
                if own.client.lock().bind(Instant::now(), peer) {
                    own.news.notify_one();
                }
            }
            false => own.routes.claim(peer, place),
        }
    }

    /// It is there no longer.
    pub(super) fn release(&self, peer: SocketAddr, place: SessionLocation) {
        let Some(own) = &self.own else {
            return;
        };
        own.routes.release(peer, place);
        if own.routes.find(peer).is_none() {
            own.client.lock().release(peer);
            own.news.notify_one();
        }
    }
}
