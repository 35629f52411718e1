//! The gateway's side of ICE in answers: credentials, candidates, and the ETag of the ICE session.

use std::net::SocketAddr;
use std::time::Instant;

use crate::config::IceServer;
use crate::error::Result;
use crate::random;
use crate::sdp::IceCredentials;
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

/// Those of them that viewers without UDP may connect to.
pub(super) fn tcp_candidates(context: &WorkerContext, ours: &[SocketAddr]) -> Vec<SocketAddr> {
    let public = &context.public_addresses;
    context.tcp_ports.candidates(ours, public)
}

/// The `Link` header by which a viewer finds the relay, and may use it: at this URL, or at the media port.
pub(super) fn relay_link(
    context: &WorkerContext,
    now: Instant,
    url: Option<&str>,
    place: SessionLocation,
    ours: &[SocketAddr],
) -> Option<String> {
    let authority = context.turn.as_deref()?;
    let url = match url {
        Some(url) => url.to_owned(),
        None => {
            let tcp = tcp_candidates(context, ours);
            let media = context.socket.local().port();
            let at = tcp.iter().find(|at| at.port() == media)?;
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
