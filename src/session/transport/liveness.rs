//! Whether the viewer is still there: by its ICE checks and its RTCP, of which one or the other
//! comes every few seconds, and by its answers to checks of ours, without which nothing may be sent.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::phase::Phase;
use crate::error::{Error, Status};
use crate::session::earliest;
use crate::session::ice::CONSENT;

/// How long a viewer may take from the answer to its first ICE check.
pub const FIRST_CHECK: Duration = Duration::from_secs(20);
/// Without a sign of life for this long a session counts as disconnected. Browsers check their
/// path every 2.5 s at least.
const QUIET: Duration = Duration::from_secs(8);
/// A deadline that is noticed this late is not judged yet, but so much later: this process was stopped, and
/// what has come from the viewer meanwhile waits in the socket.
pub const LATE: Duration = Duration::from_secs(1);

/// What a silence means.
pub enum Silence {
    /// Nothing yet.
    Short,
    /// The session counts as disconnected.
    Quiet,
    /// It is over.
    Lost(Error),
}

impl Phase {
    /// A sign of life came. True if the viewer had been quiet.
    pub fn heard(&mut self, now: Instant) -> bool {
        match self {
            Phase::Up(up) => {
                up.heard = now;
                std::mem::take(&mut up.quiet)
            }
            Phase::Waiting(_) | Phase::Handshaking(_) | Phase::Over => false,
        }
    }

    /// How long the viewer has been silent, and what follows from that.
    pub fn silence(
        &self,
        created: Instant,
        consent_ends: Option<Instant>,
        now: Instant,
    ) -> Silence {
        let over = |since: Instant, limit| now.saturating_duration_since(since) >= limit;
        match self {
            Phase::Waiting(_) if over(created, FIRST_CHECK) => Silence::Lost(never_came()),
            Phase::Handshaking(_) | Phase::Up(_) if consent_ends.is_some_and(|at| at <= now) => {
                Silence::Lost(gone())
            }
            Phase::Up(up) if over(up.heard, QUIET) => Silence::Quiet,
            _ => Silence::Short,
        }
    }

    /// When [`Phase::silence`] is due; `None` once it is over.
    pub fn silence_deadline(
        &self,
        created: Instant,
        consent_ends: Option<Instant>,
    ) -> Option<Instant> {
        match self {
            Phase::Waiting(_) => Some(created + FIRST_CHECK),
            Phase::Up(up) if !up.quiet => earliest(consent_ends, Some(up.heard + QUIET)),
            Phase::Handshaking(_) | Phase::Up(_) => consent_ends,
            Phase::Over => None,
        }
    }
}

fn never_came() -> Error {
    Error::new(
        Status::Ice,
        format!(
            "no ICE check came from the viewer within {} s: \
             check that its network can reach a candidate of the answer over UDP, or set ice_tcp for \
             networks that pass none",
            FIRST_CHECK.as_secs()
        ),
    )
}

fn gone() -> Error {
    Error::new(
        Status::Ice,
        format!(
            "the viewer answered no ICE check for {} s: it is gone, or its answers do not arrive",
            CONSENT.as_secs()
        ),
    )
}

/// Why a session with a media server has not begun.
pub fn ingest_not_reached() -> Error {
    Error::new(
        Status::Ice,
        format!(
            "no ICE check to the ingest has led to a connection within {} s: check that its answer has a candidate over \
             UDP with an IP address that this host may send to, and that answers come back",
            FIRST_CHECK.as_secs()
        ),
    )
}

/// Why such a session is over.
pub fn ingest_gone() -> Error {
    Error::new(
        Status::Ice,
        format!(
            "the ingest answered no ICE check for {} s: it is gone, or its answers do not arrive",
            CONSENT.as_secs()
        ),
    )
}

/// Why a session is disconnected that was reached at `address` of ours.
pub fn address_gone(address: IpAddr) -> Error {
    Error::new(
        Status::Ice,
        format!(
            "this host has no address {address} any more, at which the viewer reached it: the viewer is \
             asked from another one, and may restart ICE, as player.js does"
        ),
    )
}

/// Why such a session is over.
pub fn not_reached_again(address: IpAddr) -> Error {
    Error::new(
        Status::Ice,
        format!(
            "this host has no address {address} any more, at which the viewer reached it, and within {} s \
             the viewer neither answered from another one nor restarted ICE",
            CONSENT.as_secs()
        ),
    )
}
