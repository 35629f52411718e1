//! Our side of ICE, as answers say it: credentials, candidates, and the ETag that names both.

use std::net::SocketAddr;
use std::time::Instant;

use crate::error::Result;
use crate::random;
use crate::sdp::IceCredentials;
use crate::session::Session;
use crate::worker::command::WorkerContext;
use crate::worker::registry::SessionLocation;

/// Credentials that lead to a session's place and that nobody can guess.
pub(super) fn credentials(place: SessionLocation) -> Result<IceCredentials> {
    Ok(IceCredentials {
        ufrag: place.ufrag_prefix() + &random::hex::<4>()?,
        pwd: random::hex::<16>()?,
    })
}

/// Where viewers may reach us: public addresses first.
pub(super) fn candidates(context: &WorkerContext, now: Instant) -> Vec<SocketAddr> {
    let ttl = context.tuning.interface_cache_ttl();
    let port = context.socket.local().port();
    let interfaces = context.interfaces.addresses(now, ttl);
    let local = interfaces
        .into_iter()
        .filter(|&ip| context.socket.serves(ip));
    let mut candidates = Vec::new();
    for ip in context.public_addresses.iter().copied().chain(local) {
        let candidate = SocketAddr::new(ip, port);
        if !candidates.contains(&candidate) {
            candidates.push(candidate);
        }
    }
    candidates
}

/// Names the ICE session: strong, and another one after each restart.
pub(super) fn etag(session: &Session) -> String {
    format!("\"{}\"", session.ice_credentials().0.ufrag)
}
