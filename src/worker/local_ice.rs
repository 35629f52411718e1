//! The gateway's side of ICE in answers: credentials, candidates, and the ETag of the ICE session.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::error::Result;
use crate::random;
use crate::sdp::IceCredentials;
use crate::sdp::answer::{Candidates, Reflexive};
use crate::session::Session;
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
    tcp_port: Option<u16>,
}

impl LocalCandidates {
    /// As of now, public addresses first.
    pub(super) fn new(context: &WorkerContext, now: Instant) -> LocalCandidates {
        let bound = context.socket.local();
        let local = match bound.ip().is_unspecified() {
            true => {
                let ttl = context.tuning.interface_cache_ttl();
                let addresses = context.interfaces.addresses(now, ttl);
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
        let mut reflexive = context.reflexive.reflexive();
        reflexive.retain(|known| !hosts.contains(&known.public));
        LocalCandidates {
            hosts,
            reflexive,
            tcp_port: context.tcp_port,
        }
    }

    pub(super) fn get(&self) -> Candidates<'_> {
        Candidates {
            hosts: &self.hosts,
            reflexive: &self.reflexive,
            tcp_port: self.tcp_port,
        }
    }
}

/// The strong ETag of the ICE session; each restart changes it.
pub(super) fn etag(session: &Session) -> String {
    format!("\"{}\"", session.ice_credentials().0.ufrag)
}
