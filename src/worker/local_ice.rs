//! The gateway's side of ICE in answers: credentials, candidates, and the ETag of the ICE session.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::config::IceServer;
use crate::error::Result;
use crate::random;
use crate::sdp::IceCredentials;
use crate::sdp::answer::{Candidates, Reflexive};
use crate::session::Session;
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
}

impl LocalCandidates {
    /// As of now, public addresses first.
    pub(super) fn new(context: &WorkerContext, now: Instant) -> LocalCandidates {
        let bound = context.socket.local();
        let mut reflexive = context.reflexive.reflexive();
        let local = match bound.ip().is_unspecified() {
            true => {
                let ttl = context.tuning.interface_cache_ttl();
                let addresses = context.interfaces.addresses(now, ttl);
                // What a NAT gave to an address that is gone is not ours any more.
                let is_ours =
                    |base: IpAddr| base.is_unspecified() || addresses.present.contains(&base);
                reflexive.retain(|known| is_ours(known.base.ip()));
                let serves = |&&ip: &&IpAddr| context.socket.serves(ip);
                addresses.offered.iter().filter(serves).copied().collect()
            }
            // The host has chosen it.
            false => vec![bound.ip().to_canonical()],
        };
        let mut hosts = Vec::new();
        for ip in context.public_addresses.iter().copied().chain(local) {
            let candidate = SocketAddr::new(ip, bound.port());
            if !hosts.contains(&candidate) {
                hosts.push(candidate);
            }
        }
        reflexive.retain(|known| !hosts.contains(&known.public));
        let tcp = context
            .tcp_ports
            .candidates(&hosts, &context.public_addresses);
        LocalCandidates {
            hosts,
            reflexive,
            tcp,
        }
    }

    pub(super) fn get(&self) -> Candidates<'_> {
        Candidates {
            hosts: &self.hosts,
            reflexive: &self.reflexive,
            tcp: &self.tcp,
        }
    }

    /// The addresses that viewers know the gateway by, over UDP.
    pub(super) fn all(self) -> Vec<SocketAddr> {
        let reflexive = self.reflexive.iter().map(|known| known.public);
        self.hosts.into_iter().chain(reflexive).collect()
    }
}

/// The `Link` header by which a viewer finds the relay, and may use it: at this URL, or at the media port.
pub(super) fn relay_link(
    context: &WorkerContext,
    now: Instant,
    url: Option<&str>,
    place: SessionLocation,
) -> Option<String> {
    let authority = context.turn.as_deref()?;
    let url = match url {
        Some(url) => url.to_owned(),
        None => {
            let media = context.tcp_ports.media()?;
            let ours = LocalCandidates::new(context, now);
            let at = ours.tcp.iter().find(|at| at.port() == media)?;
            format!("turn:{at}?transport=tcp")
        }
    };
    let credentials = authority.issue(context.clock.wall(now), &place.ufrag_prefix());
    let server = IceServer {
        url,
        username: Some(credentials.username),
        credential: Some(credentials.password),
    };
    // A URL that would break the header is left out.
    ice_server::links(&[server]).ok()?.pop()
}

/// The strong ETag of the ICE session; each restart changes it.
pub(super) fn etag(session: &Session) -> String {
    format!("\"{}\"", session.ice_credentials().0.ufrag)
}
