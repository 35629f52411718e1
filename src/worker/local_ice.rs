//! The gateway's side of ICE in answers: credentials, candidates, and the ETag of the ICE session.

use std::net::SocketAddr;
use std::time::Instant;

use crate::error::Result;
use crate::random;
use crate::sdp::IceCredentials;
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

/// The gateway's candidates, public addresses first.
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

/// The strong ETag of the ICE session; each restart changes it.
pub(super) fn etag(session: &Session) -> String {
    format!("\"{}\"", session.ice_credentials().0.ufrag)
}
