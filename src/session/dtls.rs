//! The DTLS handshake in the server role, with guards around `rtc::dtls`.

use std::sync::Arc;
use std::time::Instant;

use super::srtp::KeyingMaterial;
use crate::error::{Error, Result};
use crate::tuning::SrtpPolicy;

/// The gateway's certificate: ECDSA P-256, self-signed, one for all sessions.
pub struct Certificate {}

impl Certificate {
    /// Makes a key and a certificate.
    pub fn generate() -> Result<Certificate> {
        todo!()
    }

    /// SHA-256 of the certificate as in `a=fingerprint`: `AB:CD:...` (RFC 8122).
    pub fn fingerprint(&self) -> &str {
        todo!()
    }
}

/// A certificate fingerprint of the peer (RFC 8122 section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Hash function, e.g. `sha-256`, in lower case.
    pub algorithm: String,
    /// The hash.
    pub hash: Vec<u8>,
}

/// What the handshake came to.
pub enum DtlsEvent {
    /// Done: the keys for SRTP.
    Connected(KeyingMaterial),
    /// The peer closed the association (close_notify).
    Closed,
    /// Failed for good.
    Failed(Error),
}

/// One handshake, and after it the association's alerts.
pub struct DtlsServer {}

impl DtlsServer {
    /// Waits for a ClientHello; the peer must show a certificate with one of `fingerprints`.
    pub fn new(
        now: Instant,
        certificate: Arc<Certificate>,
        fingerprints: Vec<Fingerprint>,
        policy: SrtpPolicy,
    ) -> Self {
        let _ = (now, certificate, fingerprints, policy);
        todo!()
    }

    /// Takes a datagram whose first byte is 20..=63 (RFC 7983).
    pub fn handle(&mut self, now: Instant, datagram: &[u8]) {
        let _ = (now, datagram);
        todo!()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
        todo!()
    }

    /// When [`DtlsServer::handle_timeout`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        todo!()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<bytes::BytesMut> {
        todo!()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<DtlsEvent> {
        todo!()
    }

    /// Ends the association: queues close_notify.
    pub fn close(&mut self, now: Instant) {
        let _ = now;
        todo!()
    }
}
