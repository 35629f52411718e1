//! The answering side of ICE for a host with a public or local address (ICE lite, RFC 8445
//! section 2.5), which every browser connects to.
//!
//! Nothing changes and nothing is answered before MESSAGE-INTEGRITY is verified, so a forged check
//! has no effect and cannot be used to reflect traffic. Every authentic check is answered
//! at once: DTLS may flow from the first one, before any nomination.

mod addresses;
mod check;
#[cfg(test)]
mod testing;
mod ufrag;

use std::net::SocketAddr;
use std::time::Instant;

use crate::sdp::IceCredentials;

use addresses::Addresses;
use check::{Answer, Pair};
pub use ufrag::local_ufrag;

use super::io::Path;

/// The ICE agent of one session.
pub struct IceAgent {
    current: Pair,
    /// The credentials of a restart, until the viewer nominates a path with them.
    next: Option<Pair>,
    addresses: Addresses,
}

impl IceAgent {
    pub fn new(local: IceCredentials, remote: IceCredentials) -> Self {
        IceAgent {
            current: Pair::new(local, remote),
            next: None,
            addresses: Addresses::new(),
        }
    }

    /// Restarts ICE (RFC 8445 section 9). The old credentials, and where media goes, stay valid
    /// until the viewer nominates with the new ones; another restart before that replaces this.
    pub fn restart(&mut self, local: IceCredentials, remote: IceCredentials) {
        self.next = Some(Pair::new(local, remote));
    }

    fn latest(&self) -> &Pair {
        self.next.as_ref().unwrap_or(&self.current)
    }

    /// Our credentials in the latest ICE session.
    pub fn local(&self) -> &IceCredentials {
        &self.latest().local
    }

    /// The viewer's credentials in the latest ICE session.
    pub fn remote(&self) -> &IceCredentials {
        &self.latest().remote
    }

    /// Handles a STUN datagram. Returns the response to an authentic check for this agent, which
    /// goes back along `path`. Anything else changes nothing and is not answered.
    pub fn handle(&mut self, now: Instant, path: Path, datagram: &[u8]) -> Option<Vec<u8>> {
        let ufrag = local_ufrag(datagram)?;
        let pair = [Some(&self.current), self.next.as_ref()]
            .into_iter()
            .flatten()
            .find(|pair| pair.local.ufrag == ufrag)?;
        let restarts = !std::ptr::eq(pair, &self.current);
        match pair.answer(path.remote, datagram)? {
            Answer::Refused(response) => Some(response.raw),
            Answer::Accepted {
                response,
                nominates,
            } => {
                if restarts
                    && nominates
                    && let Some(next) = self.next.take()
                {
                    self.current = next;
                }
                self.addresses.remember(now, path, nominates);
                Some(response.raw)
            }
        }
    }

    /// A check of ours, whose answer says when the viewer had everything that was sent before.
    pub fn check(&self, number: u32) -> Option<Vec<u8>> {
        Some(self.current.request(number)?.raw)
    }

    /// The number of the check of ours that this datagram answers.
    pub fn answered(&self, datagram: &[u8]) -> Option<u32> {
        // A success response to a Binding request (RFC 8489 section 5).
        let is_response = datagram.starts_with(&[1, 1]);
        is_response.then(|| self.current.answered(datagram))?
    }

    /// Whether an authentic check came from this address, so that its other datagrams are accepted.
    pub fn knows(&self, address: SocketAddr) -> bool {
        self.addresses().any(|known| known == address)
    }

    /// Addresses that authentic checks came from, at most a few.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.addresses.iter()
    }

    /// Where to send: the path that was nominated last, or before any nomination the one of the
    /// first authentic check.
    pub fn selected(&self) -> Option<Path> {
        self.addresses.selected()
    }
}

#[cfg(test)]
mod tests;
