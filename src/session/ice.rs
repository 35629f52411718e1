//! The answering side of ICE for a host with a public or local address (ICE lite, RFC 8445
//! section 2.5), which every browser connects to.

use std::net::SocketAddr;
use std::time::Instant;

/// ufrag and password of one side (RFC 8839 section 5.4).
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// User name fragment.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
}

/// What became of a STUN datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StunOutcome {
    /// Not an authentic check for this agent. Nothing changed; nothing is sent.
    Dropped,
    /// An authentic check; the response is to be sent to where it came from.
    Answered,
}

/// The ICE agent of one session.
pub struct IceAgent {}

impl IceAgent {
    /// An agent that waits for checks.
    pub fn new(local: IceCredentials, remote: IceCredentials) -> Self {
        let _ = (local, remote);
        todo!()
    }

    /// Handles a STUN datagram. `response` is cleared, and filled if the outcome is `Answered`.
    pub fn handle(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
        response: &mut Vec<u8>,
    ) -> StunOutcome {
        let _ = (now, from, datagram, response);
        todo!()
    }

    /// Whether an authentic check came from this address, so that its other datagrams count.
    pub fn knows(&self, address: SocketAddr) -> bool {
        let _ = address;
        todo!()
    }

    /// Addresses that authentic checks came from, at most a few.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        std::iter::empty()
    }

    /// Where to send: the last nominated address, or before any nomination the first
    /// authenticated one.
    pub fn selected(&self) -> Option<SocketAddr> {
        todo!()
    }

    /// When the last authentic check came (consent, RFC 7675); `None` before the first.
    pub fn last_check(&self) -> Option<Instant> {
        todo!()
    }
}

/// The local ufrag that a STUN check is addressed to.
pub fn local_ufrag(datagram: &[u8]) -> Option<&str> {
    let _ = datagram;
    todo!()
}
