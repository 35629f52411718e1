//! The gateway's side of ICE in answers: credentials, candidates, and the ETag of the ICE session.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use crate::config::IceServer;
use crate::error::Result;
use crate::net::Addresses;
use crate::random;
use crate::sdp::IceCredentials;
use crate::sdp::answer::{Candidates, Reflexive};
use crate::session::{ConnectionId, Session};
use crate::state::SessionId;
use crate::whep::ice_server;
use crate::worker::command::WorkerContext;
use crate::worker::registry::SessionLocation;

/// Unpredictable credentials whose ufrag encodes the session's location.
pub(super) fn credentials(place: SessionLocation) -> Result<IceCredentials> {
    Ok(IceCredentials {
        ufrag: place.ufrag_prefix() + &random::hex::<4>()?,
        pwd: random::hex::<16>()?,
    })
}

/// Where viewers may reach the gateway.
pub(super) struct LocalCandidates {
    hosts: Vec<SocketAddr>,
    reflexive: Vec<Reflexive>,
    tcp: Vec<SocketAddr>,
    relayed: Vec<Reflexive>,
}

impl LocalCandidates {
    /// As of now, public addresses first.
    pub(super) fn new(context: &WorkerContext, now: Instant) -> LocalCandidates {
        let found = interfaces(context, now);
        let hosts = hosts_at(context, found.as_deref(), context.socket.local().port());
        let mut reflexive = context.reflexive.reflexive();
        if let Some(found) = found {
            // What a NAT gave to an address that is gone is not ours any more.
            let is_ours = |base: IpAddr| base.is_unspecified() || found.present.contains(&base);
            reflexive.retain(|known| is_ours(known.base.ip()));
        }
        reflexive.retain(|known| !hosts.contains(&known.public));
        let tcp = context
            .tcp_ports
            .candidates(&hosts, &context.public_addresses);
        LocalCandidates {
            hosts,
            reflexive,
            tcp,
            relayed: context
                .allocation
                .as_ref()
                .map_or_else(Vec::new, |own| own.relayed()),
        }
    }

    pub(super) fn get(&self) -> Candidates<'_> {
        Candidates {
            hosts: &self.hosts,
            reflexive: &self.reflexive,
            tcp: &self.tcp,
            relayed: &self.relayed,
        }
    }

    /// The addresses that viewers know the gateway by, over UDP.
    pub(super) fn all(self) -> Vec<SocketAddr> {
        let reflexive = self.reflexive.iter().map(|known| known.public);
        self.hosts.into_iter().chain(reflexive).collect()
    }
}

/// Where a media server may reach a socket at this port that one session has to itself.
pub(super) fn own_hosts(context: &WorkerContext, now: Instant, port: u16) -> Vec<SocketAddr> {
    let mut hosts = hosts_at(context, interfaces(context, now).as_deref(), port);
    // A NAT that forwards the media port alone does not lead here.
    hosts.sort_by_key(|host| context.public_addresses.contains(&host.ip()));
    hosts
}

/// Each address of this host with this port, public ones first. `found`: see [`interfaces`].
fn hosts_at(context: &WorkerContext, found: Option<&Addresses>, port: u16) -> Vec<SocketAddr> {
    let local = match found {
        Some(found) => {
            let serves = |&&ip: &&IpAddr| context.socket.serves(ip);
            found.offered.iter().filter(serves).copied().collect()
        }
        None => vec![context.socket.local().ip().to_canonical()],
    };
    let mut hosts = Vec::new();
    for ip in context.public_addresses.iter().copied().chain(local) {
        let host = SocketAddr::new(ip, port);
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// The addresses of the interfaces; `None` if the host has chosen one.
fn interfaces(context: &WorkerContext, now: Instant) -> Option<Arc<Addresses>> {
    let ttl = context.tuning.interface_cache_ttl();
    let any = context.socket.local().ip().is_unspecified();
    any.then(|| context.interfaces.addresses(now, ttl))
}

/// What a viewer is told to have been given beyond a relay: an address of ours, as what it speaks to is, with a port
/// that no other viewer of this process has had lately.
pub(super) fn relayed_address(context: &WorkerContext, id: ConnectionId) -> SocketAddr {
    const FIRST_PORT: u16 = 49_152;
    let ours = LocalCandidates::new(context, Instant::now()).all();
    let own = ours.iter().find(|own| own.is_ipv4()).or(ours.first());
    let own = own.copied().unwrap_or(context.socket.local());
    let port = FIRST_PORT + (id.0 % 8192) as u16 * 2;
    SocketAddr::new(own.ip(), port + u16::from(port == own.port()))
}

/// The `Link` headers by which a viewer finds the relay, and may use it: over UDP at the media port, and at `url`, that of
/// a listener as the viewer calls it, or over TCP at the media port.
pub(super) fn relay_links(
    context: &WorkerContext,
    now: Instant,
    url: Option<&str>,
    (session, place): (SessionId, SessionLocation),
) -> Vec<String> {
    let Some(authority) = context.turn.as_deref() else {
        return Vec::new();
    };
    let ours = LocalCandidates::new(context, now);
    let mut urls = Vec::new();
    match url {
        Some(url) => {
            let port = context.socket.local().port();
            let host = host_of(url);
            urls.extend(host.map(|host| format!("turn:{host}:{port}?transport=udp")));
            urls.push(url.to_owned());
        }
        None => {
            // A viewer may have one of both families only.
            for is_ipv4 in [true, false] {
                let at = ours.hosts.iter().find(|at| at.is_ipv4() == is_ipv4);
                urls.extend(at.map(|at| format!("turn:{at}?transport=udp")));
            }
            let mapped = ours.reflexive.first();
            urls.extend(mapped.map(|known| format!("turn:{}?transport=udp", known.public)));
            let media = context.tcp_ports.media();
            let at = ours.tcp.iter().find(|at| Some(at.port()) == media);
            urls.extend(at.map(|at| format!("turn:{at}?transport=tcp")));
        }
    }
    let credentials = authority.issue(context.clock.wall(now), &place.ufrag_prefix(), session.0);
    let server = |url| IceServer {
        url,
        username: Some(credentials.username.clone()),
        credential: Some(credentials.password.clone()),
        ..IceServer::default()
    };
    // A URL that would break the header is left out.
    let links = urls
        .into_iter()
        .map(|url| ice_server::links(&[server(url)]));
    links.flatten().flatten().collect()
}

/// The host in the URL of a TURN server with a port.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once(':')?;
    let (place, _) = rest.split_once('?')?;
    Some(place.rsplit_once(':')?.0)
}

/// The strong ETag of the ICE session; each restart changes it.
pub(super) fn etag(session: &Session) -> String {
    format!("\"{}\"", session.ice_credentials().0.ufrag)
}
