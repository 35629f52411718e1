//! Keeps the gateway's own allocation at a TURN server, and is the way to viewers through it. The first worker asks, from the
//! socket of all media or over a connection, and hears; all workers send.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::admission;
use super::command::Command;
use super::core::Core;
use super::demux::Demux;
use super::keeper::Keeper;
use super::registry::SessionLocation;
use super::relays::send_framed;
use super::routes::Routes;
use super::server_link::{Dial, ServerLink};
use super::thread::Peers;
use crate::net::Socket;
use crate::sdp::answer::Reflexive;
use crate::session::WouldBlock;
use crate::session::framing::Wrap;
use crate::source::Trust;
use crate::stun::allocation::{
    Allocated, Asker, Channels, Heard, Origin, PAIR, Pair, Server, Transport, Wire,
};
use crate::stun::{Asks, Report};

/// The port of an address that stands for none (RFC 8839 section 5.1): nobody is at it.
const DISCARD: u16 = 9;

/// The gateway's own allocation, and for a while the one before it.
pub struct OwnAllocation {
    keeper: Arc<Keeper<Pair>>,
    /// How to connect to each server.
    dials: Vec<Dial>,
    /// The connections to servers.
    links: Mutex<Vec<Arc<ServerLink>>>,
    /// What was allocated has been given back.
    over: Notify,
    /// Which session owns which address beyond the server, by each of the two.
    pub routes: [Routes; PAIR],
}

/// How datagrams go to viewers beyond the servers: every worker has the latest.
pub type ServerWays = [ServerWay; PAIR];

/// How they go by an allocation.
#[derive(Debug, Default)]
pub struct ServerWay {
    /// The server, and our address that it knows.
    server: Option<(SocketAddr, Option<IpAddr>)>,
    /// The connection to it, if that is the way.
    link: Option<Arc<ServerLink>>,
    channels: Channels,
    /// How often something had been allocated.
    changes: u64,
}

impl OwnAllocation {
    /// At the first of these servers that gives one; `None` without any. With each, whom to trust over TLS.
    pub fn new(now: Instant, servers: Vec<(Server, Trust)>) -> Option<OwnAllocation> {
        let dial = |(server, trust): &(Server, Trust)| Dial {
            host: server.name.host.clone(),
            tls: (server.transport == Transport::Tls).then(|| trust.clone()),
        };
        let dials = servers.iter().map(dial).collect();
        let servers: Vec<_> = servers.into_iter().map(|(server, _)| server).collect();
        (!servers.is_empty()).then(|| OwnAllocation {
            keeper: Arc::new(Keeper::new(Pair::new(now, servers))),
            dials,
            links: Mutex::default(),
            over: Notify::new(),
            routes: Default::default(),
        })
    }

    /// Where viewers reach the gateway through the server.
    pub fn relayed(&self) -> Vec<Reflexive> {
        let Some(allocated) = self.keeper.client().allocated() else {
            return Vec::new();
        };
        let mapped = allocated.mapped;
        let of_family = |public: SocketAddr| Reflexive {
            public,
            base: match (public, mapped) {
                (SocketAddr::V4(_), SocketAddr::V6(_)) => (Ipv4Addr::UNSPECIFIED, DISCARD).into(),
                (SocketAddr::V6(_), SocketAddr::V4(_)) => (Ipv6Addr::UNSPECIFIED, DISCARD).into(),
                _ => mapped,
            },
        };
        allocated.relayed().map(of_family).collect()
    }

    /// The `Link` header by which viewers learn where they come from: the server lets in those alone whom it was told of.
    pub(super) fn stun_link(&self) -> Option<String> {
        let client = self.keeper.client();
        let server = client.allocated().and_then(|_| client.over_udp())?;
        Some(format!("<stun:{}>; rel=\"ice-server\"", server.name))
    }

    /// Whether they reach it at this address.
    pub(super) fn is_at(&self, ip: IpAddr) -> bool {
        let all = self.keeper.client().all().into_iter().flatten();
        let mut relayed = all.flat_map(|known| [Some(known.relayed), known.second]);
        relayed.any(|known| known.is_some_and(|known| known.ip() == ip))
    }

    /// What is known of each server.
    pub fn reports(&self) -> Vec<Report<SocketAddr>> {
        self.keeper.client().reports()
    }

    /// How often something was allocated.
    pub fn changes(&self) -> u64 {
        self.keeper.client().changes().iter().sum()
    }

    /// Takes a datagram if it is the server's, and says by which allocation it is. `local`: our address that it was sent to.
    pub(super) fn take<'a>(
        &self,
        from: SocketAddr,
        local: Option<IpAddr>,
        datagram: &'a [u8],
    ) -> (usize, Heard<'a>) {
        if !may_be_server(datagram) {
            return (0, Heard::Nothing);
        }
        self.hear(Origin::Udp(from, local), datagram)
    }

    fn hear<'a>(&self, from: Origin, datagram: &'a [u8]) -> (usize, Heard<'a>) {
        let now = Instant::now();
        let (by, heard) = self.keeper.client().handle(now, from, datagram);
        if matches!(heard, Heard::Taken) {
            self.keeper.wake();
        }
        (by, heard)
    }

    /// The viewer of a session may come from these addresses soon; `peer`: what the host says of it.
    pub(super) fn permit(
        &self,
        place: SessionLocation,
        peer: Option<&str>,
        ips: impl IntoIterator<Item = IpAddr>,
    ) {
        let asker = Asker {
            peer: admission::peer(peer).into(),
            session: number(place),
        };
        self.keeper
            .tell(|client| client.permit(Instant::now(), &asker, ips));
    }

    /// The host's own addresses have changed, and these are gone.
    pub(super) fn host_changed(&self, gone: &[IpAddr]) {
        self.keeper
            .tell(|client| client.host_changed(Instant::now(), gone));
    }

    /// Gives back what is allocated, and allocates nothing more.
    pub(super) fn end(&self) {
        self.keeper.tell(|client| client.end(Instant::now()));
    }

    /// Waits until it is given back.
    pub(super) async fn ended(&self) {
        while !self.keeper.client().is_over() {
            self.over.notified().await;
        }
    }

    /// Keeps it for as long as it is polled.
    pub(super) async fn keep(self: Arc<Self>, core: Rc<RefCell<Core>>, demux: Arc<Demux>) {
        let keeper = Arc::clone(&self.keeper);
        let (socket, peers) = {
            let context = &core.borrow().context;
            (Arc::clone(&context.socket), context.peers.clone())
        };
        let mut before = None;
        let act = |wire| match wire {
            Wire::Open { id, to, server } => {
                let (own, core) = (Arc::clone(&self), Rc::clone(&core));
                let demux = Arc::clone(&demux);
                tokio::task::spawn_local(async move {
                    own.connect(id, to, server, &core, &demux).await;
                });
            }
            Wire::Write(id, request) => {
                let links = self.links.lock();
                if let Some(link) = links.iter().find(|link| link.id == id) {
                    link.request(&request);
                }
            }
        };
        keeper
            .keep(&socket, act, || self.settled(&peers, &mut before))
            .await;
    }

    /// Connects to a server, and hears what comes over the connection until it ends.
    async fn connect(
        &self,
        id: u64,
        to: SocketAddr,
        server: usize,
        core: &RefCell<Core>,
        demux: &Demux,
    ) {
        let Some(dial) = self.dials.get(server) else {
            return;
        };
        let stats = Arc::clone(&core.borrow().context.callers);
        let link = match ServerLink::open(id, to, dial, stats).await {
            Ok(link) => Arc::new(link),
            Err(why) => {
                self.keeper
                    .tell(|client| client.connected(Instant::now(), id, Err(why)));
                return;
            }
        };
        if !self.keeper.client().connections().contains(&Some(id)) {
            // It wants another one by now.
            return;
        }
        self.links.lock().push(Arc::clone(&link));
        self.keeper
            .tell(|client| client.connected(Instant::now(), id, Ok(link.local)));
        let heard = |message: &[u8]| {
            if let (by, Heard::Data(peer, contents)) = self.hear(Origin::Connection(id), message) {
                let core = &mut *core.borrow_mut();
                let begun = Instant::now();
                demux.through_server((peer, by), &contents, |datagram| core.datagram(&datagram));
                core.datagrams_took(begun.elapsed());
                core.rearmed.ring();
            }
        };
        let why = link.serve(heard).await;
        self.links.lock().retain(|known| known.id != id);
        self.keeper
            .tell(|client| client.disconnected(Instant::now(), id, &why));
    }

    /// The client has nothing more to do for now.
    fn settled(&self, peers: &Peers, before: &mut Option<Allocated>) {
        let mut client = self.keeper.client();
        let current = client.connections();
        let mut links = self.links.lock();
        let unused = links.extract_if(.., |link| !current.contains(&Some(link.id)));
        unused.for_each(|link| link.close());
        if client.is_over() {
            self.over.notify_one();
        }
        if !client.take_change() {
            return;
        }
        let (all, changes) = (client.all(), client.changes());
        let mut channels = client.channels(Instant::now());
        let ways: ServerWays = std::array::from_fn(|by| ServerWay {
            server: all[by].map(|known| (known.server, known.local)),
            link: links
                .iter()
                .find(|link| all[by].is_some() && current[by] == Some(link.id))
                .cloned(),
            channels: std::mem::take(&mut channels[by]),
            changes: changes[by],
        });
        let allocated = client.allocated();
        drop((client, links));
        let ways = Arc::new(ways);
        let mut workers = 0..;
        while let Some(worker) = workers.next()
            && peers.command(worker, Command::ServerWays(Arc::clone(&ways)))
        {}
        match allocated {
            Some(known) if allocated != *before => log::info!(
                "a TURN server relays for this host: viewers are told {:?}",
                known.relayed().collect::<Vec<_>>()
            ),
            None if before.is_some() => {
                log::info!("no TURN server relays for this host any more");
            }
            _ => {}
        }
        *before = allocated;
    }
}

/// A session as the client knows it.
fn number(place: SessionLocation) -> u64 {
    (place.worker as u64) << 32 | place.row as u64
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
    pub ways: Arc<ServerWays>,
    /// A run in messages of TURN.
    buffer: RefCell<Vec<u8>>,
}

/// An address beyond the server, and by which allocation.
type Peer = (SocketAddr, usize);

/// Such a one that a viewer has answered from, whether media goes there, and how often something had been allocated by then.
pub(super) type Beyond = (Peer, bool, u64);

impl ByServer {
    pub(super) fn new(own: Option<Arc<OwnAllocation>>) -> ByServer {
        ByServer {
            own,
            ..ByServer::default()
        }
    }

    /// The way there, and what a datagram is put into for it; `None` if there is no such allocation.
    fn way(&self, (to, by): Peer) -> Option<(&ServerWay, Wrap)> {
        let way = self.ways.get(by)?;
        let channel = way.channels.get(&to);
        Some((
            way,
            channel.map_or(Wrap::Send(to), |&number| Wrap::Channel(number)),
        ))
    }

    /// Sends `contents` as datagrams of `segment` bytes; so many by one call. Without an allocation they are lost.
    pub(super) fn send(
        &self,
        by: (&Socket, usize),
        to: Peer,
        contents: &[u8],
        segment: usize,
    ) -> Result<(), WouldBlock> {
        let Some((way, wrap)) = self.way(to) else {
            return Ok(());
        };
        if let Some(link) = &way.link {
            return link.send(wrap, contents, segment);
        }
        let Some(server) = way.server else {
            return Ok(());
        };
        let buffer = &mut *self.buffer.borrow_mut();
        send_framed(by, server, (wrap, buffer), contents, segment)
    }

    /// Sends a datagram that is no media. True if that is done: over UDP it leaves as media does.
    pub(super) fn control(&self, to: Peer, datagram: &[u8]) -> bool {
        let way = self.way(to);
        let link = way.and_then(|(way, wrap)| Some((way.link.as_ref()?, wrap)));
        link.inspect(|(link, wrap)| link.control(*wrap, datagram))
            .is_some()
    }

    /// A viewer is there; `proven`: it has answered, and is let in for as long as it is there.
    pub(super) fn bound(&self, (peer, by): Peer, proven: bool, place: SessionLocation) {
        let own = self.own.as_ref();
        if let Some(routes) = own.and_then(|own| own.routes.get(by)) {
            match proven {
                true => routes.own(peer, place),
                false => routes.claim(peer, place),
            }
        }
    }

    /// It is there no longer.
    pub(super) fn release(&self, (peer, by): Peer, place: SessionLocation) {
        if let Some(own) = &self.own
            && let Some(routes) = own.routes.get(by)
        {
            routes.release(peer, place);
            own.keeper
                .tell(|client| client.release(by, peer, number(place)));
        }
    }

    /// Such an address, as of what is allocated now.
    pub(super) fn beyond(&self, peer: Peer, watched: bool) -> Beyond {
        let way = self.ways.get(peer.1);
        (peer, watched, way.map_or(0, |way| way.changes))
    }

    /// A viewer is let in there from now on; where media goes, with a channel.
    pub(super) fn hold(&self, ((peer, by), watched, _): Beyond, place: SessionLocation) {
        if let Some(own) = &self.own {
            let session = number(place);
            own.keeper
                .tell(|client| client.hold(Instant::now(), by, peer, session, watched));
        }
    }
}
