//! The DTLS handshake in the server role, with guards around `rtc::dtls`.
//!
//! As the server we see what the browser offers before we choose, and the browser's short timer
//! (50 ms) repairs losses in both directions. `rtc::dtls` speaks DTLS 1.2 and does the cryptography.
//! Around it, this module
//! - reads the ClientHello first and configures the one SRTP profile that the policy picks, because
//!   `rtc::dtls` would take the first of the browser's list;
//! - puts the viewer's messages together, and passes on each once, whole and in order (`inbound`), because
//!   `rtc::dtls` recurses once per fragment and allocates what a length of 24 bits says;
//! - bounds what a handshake may cost (`guard`);
//! - does not believe an alert in plain text, which may be anybody's, while the handshake makes progress;
//! - sends the last flight again when the peer repeats its own: `rtc::dtls` stops its timer at any
//!   handshake record, so one lost datagram would stall the handshake forever;
//! - sets a deadline.

mod certificate;
mod client_hello;
mod flight;
mod guard;
mod inbound;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::dtls::cipher_suite::CipherSuiteId;
use rtc::dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::TransportProtocol;
use rtc::shared::error::Error as RtcError;
use rtc::srtp::config::LABEL_EXTRACTOR_DTLS_SRTP;

pub use certificate::Certificate;
use flight::{Flight, drain};
use guard::{Budget, CHANGE_CIPHER_SPEC, HANDSHAKE, records};
use inbound::{Admitted, Inbound};

use super::srtp::{KeyingMaterial, MasterKey};
use crate::error::{Error, Result, Status};
use crate::sdp::Fingerprint;
use crate::state::SrtpProfile;
use crate::tuning::SrtpPolicy;

/// Time from [`DtlsServer::new`] within which the handshake must be done.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Times the last flight is sent again after the handshake.
const MAX_RESENDS: u32 = 10;

/// A handshake with an alert in plain text fails if it has made no progress after this time: a viewer that has
/// given up sends nothing more, others repeat their flight after 50 ms.
const DOUBT: Duration = Duration::from_secs(2);

/// Alerts that are decrypted after the handshake. No more than one is expected.
const MAX_ALERTS: u32 = 8;

/// A fatal handshake_failure (RFC 5246 section 7.2) as the first record.
const HANDSHAKE_FAILURE: [u8; 15] = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40];

/// `rtc::dtls` distinguishes associations by address. Ours has one, wherever the viewer roams.
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// How the handshake, or the association after it, ended up.
pub enum DtlsEvent {
    /// The handshake is done: the keys for SRTP.
    Connected(KeyingMaterial),
    /// Authentic application data.
    Data(BytesMut),
    /// The peer closed the association (close_notify).
    Closed,
    /// Failed for good.
    Failed(Error),
}

/// One handshake, and after it the association's alerts.
///
/// It must be done within [`HANDSHAKE_TIMEOUT`]. Its events are `Connected` once, then `Data`, and `Closed` or
/// `Failed` once; or `Failed` alone. After those it ignores its input and has no output.
pub struct DtlsServer {
    phase: Phase,
    deadline: Instant,
    /// Level and description of an alert in plain text since the last progress, and when it is believed.
    alert: Option<(Instant, (u8, u8))>,
    budget: Budget,
    flight: Flight,
    /// Application data was negotiated; otherwise it is not even decrypted.
    carries_data: bool,
    transmits: VecDeque<BytesMut>,
    events: VecDeque<DtlsEvent>,
}

enum Phase {
    /// The ClientHello is not complete yet.
    Hello(Box<Hello>),
    /// `rtc::dtls` carries out the handshake.
    Handshake(Box<Handshake>),
    /// The keys were exported. Only alerts matter from here on.
    Connected {
        endpoint: Box<Endpoint>,
        alerts: u32,
    },
    /// Closed or failed.
    Ended,
}

struct Hello {
    certificate: Arc<Certificate>,
    fingerprints: Vec<Fingerprint>,
    policy: SrtpPolicy,
    inbound: Inbound,
}

struct Handshake {
    inbound: Inbound,
    endpoint: Endpoint,
    fingerprints: Arc<[Fingerprint]>,
    profile: SrtpProfile,
}

impl DtlsServer {
    /// Waits for a ClientHello. The peer must present a certificate with one of `fingerprints`
    /// (`sha-256`, `sha-384` or `sha-512`; others are ignored).
    pub fn new(
        now: Instant,
        certificate: Arc<Certificate>,
        mut fingerprints: Vec<Fingerprint>,
        policy: SrtpPolicy,
    ) -> Self {
        fingerprints.retain(Fingerprint::is_usable);
        let unusable = fingerprints.is_empty();
        let mut server = DtlsServer {
            phase: Phase::Hello(Box::new(Hello {
                certificate,
                fingerprints,
                policy,
                inbound: Inbound::default(),
            })),
            deadline: now + HANDSHAKE_TIMEOUT,
            alert: None,
            budget: Budget::new(),
            flight: Flight::default(),
            carries_data: false,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        };
        if unusable {
            server.fail(
                Status::Dtls,
                "the offer has no certificate fingerprint that can be checked; \
                 sha-256, sha-384 and sha-512 can",
            );
        }
        server
    }

    /// Application data was negotiated: takes it, once the handshake is done.
    pub fn carry_data(&mut self) {
        self.carries_data = true;
    }

    /// Seals application data, if the handshake is done: a packet that fits a datagram, with a record around it.
    pub fn send(&mut self, now: Instant, packet: &[u8]) {
        if let Phase::Connected { endpoint, .. } = &mut self.phase {
            // Never fails after the handshake, until the association's numbers are used up.
            let _ = endpoint.write(now, PEER, packet);
            drain(endpoint, &mut self.transmits);
        }
    }

    /// Takes a datagram whose first byte is 20..=63 (RFC 7983).
    pub fn handle(&mut self, now: Instant, datagram: &[u8]) {
        match self.phase {
            Phase::Hello(_) | Phase::Handshake(_) => self.handle_handshake(now, datagram),
            Phase::Connected { .. } => self.handle_connected(now, datagram),
            Phase::Ended => {}
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Hello(_) | Phase::Handshake(_))
            && let Some((_, alert)) = self.alert.filter(|&(at, _)| now >= at)
            && let Some(sentence) = refusal(alert)
        {
            return self.fail(Status::Dtls, sentence);
        }
        let sentence = match &mut self.phase {
            Phase::Hello(_) if now >= self.deadline => {
                "no complete DTLS ClientHello came from the viewer within 10 s: \
                 its ICE checks arrive, but larger datagrams do not"
            }
            Phase::Handshake(_) if now >= self.deadline => {
                "the DTLS handshake did not finish within 10 s: the viewer sent a ClientHello, \
                 but did not complete the handshake; larger datagrams may be lost on the way"
            }
            Phase::Handshake(handshake) => {
                let due = handshake.endpoint.poll_timeout(&PEER);
                if due.is_none_or(|due| now < due) {
                    return;
                }
                let result = handshake.endpoint.handle_timeout(PEER, now);
                self.flight
                    .take(now, &mut handshake.endpoint, &mut self.transmits);
                if result.is_ok() {
                    return;
                }
                "the viewer stopped answering in the middle of the DTLS handshake"
            }
            _ => return,
        };
        self.fail(Status::Dtls, sentence);
    }

    /// When [`DtlsServer::handle_timeout`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        let believed = self.alert.map(|(at, _)| at);
        let deadline = believed.map_or(self.deadline, |at| at.min(self.deadline));
        match &self.phase {
            Phase::Hello(_) => Some(deadline),
            Phase::Handshake(handshake) => {
                let timer = handshake.endpoint.poll_timeout(&PEER);
                Some(timer.map_or(deadline, |timer| timer.min(deadline)))
            }
            Phase::Connected { .. } | Phase::Ended => None,
        }
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<BytesMut> {
        self.transmits.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<DtlsEvent> {
        self.events.pop_front()
    }

    /// Ends the association without an event: queues close_notify if it is connected.
    pub fn close(&mut self, now: Instant) {
        if let Phase::Connected { endpoint, .. } = &mut self.phase {
            // Never fails: it queues one alert.
            let _ = endpoint.close(now);
            drain(endpoint, &mut self.transmits);
        }
        self.events.clear();
        self.end();
    }

    fn handle_handshake(&mut self, now: Instant, datagram: &[u8]) {
        if !self.budget.spend(datagram.len()) {
            return self.fail(
                Status::Dtls,
                "the viewer sent more datagrams than any DTLS handshake needs",
            );
        }
        if let Some(alert) = records(datagram).find_map(|record| record.plain_alert())
            && refusal(alert).is_some()
        {
            self.alert.get_or_insert((now + DOUBT, alert));
        }
        match &mut self.phase {
            Phase::Hello(hello) => {
                let body = records(datagram).find_map(|record| {
                    let body = hello.inbound.hello(&record)?;
                    Some(client_hello::srtp_profiles(body))
                });
                if let Some(offered) = body {
                    self.begin(now, offered);
                }
            }
            Phase::Handshake(handshake) => {
                let admitted = handshake.inbound.admit(records(datagram));
                self.feed(now, admitted);
            }
            Phase::Connected { .. } | Phase::Ended => {}
        }
    }

    /// Chooses the profile and starts the handshake.
    fn begin(&mut self, now: Instant, offered: Option<Vec<u16>>) {
        let Phase::Hello(hello) = &mut self.phase else {
            return;
        };
        let Some(offered) = offered else {
            return self.reject(Status::Dtls, "the viewer's DTLS ClientHello is malformed");
        };
        let Some(profile) = client_hello::choose(hello.policy, &offered) else {
            let sentence = client_hello::nothing_in_common(hello.policy, &offered);
            return self.reject(Status::SrtpProfile, sentence);
        };
        let fingerprints: Arc<[Fingerprint]> = std::mem::take(&mut hello.fingerprints).into();
        match config(&hello.certificate, fingerprints.clone(), profile) {
            Ok(config) => {
                let mut inbound = std::mem::take(&mut hello.inbound);
                let admitted = inbound.admit(std::iter::empty());
                self.phase = Phase::Handshake(Box::new(Handshake {
                    inbound,
                    endpoint: Endpoint::new(PEER, TransportProtocol::UDP, Some(Arc::new(config))),
                    fingerprints,
                    profile,
                }));
                self.feed(now, admitted);
            }
            Err(error) => {
                let sentence = format!("the DTLS handshake could not be set up: {error}");
                self.reject(Status::Dtls, sentence);
            }
        }
    }

    /// Passes what was admitted to `rtc::dtls`.
    fn feed(&mut self, now: Instant, admitted: Admitted) {
        let Phase::Handshake(handshake) = &mut self.phase else {
            return;
        };
        if admitted.progress {
            self.alert = None;
        }
        let mut result = Ok(Vec::new());
        if !admitted.records.is_empty() {
            result = handshake.endpoint.read(now, PEER, None, admitted.records);
        }
        let answered = self
            .flight
            .take(now, &mut handshake.endpoint, &mut self.transmits);
        match result {
            Ok(events)
                if events
                    .iter()
                    .any(|e| matches!(e, EndpointEvent::HandshakeComplete)) =>
            {
                self.complete();
            }
            Ok(_) if admitted.repeats && !answered => self.flight.resend(now, &mut self.transmits),
            Ok(_) => {}
            Err(error) => {
                let sentence = handshake.explain(&error);
                self.fail(Status::Dtls, sentence);
            }
        }
    }

    fn complete(&mut self) {
        let Phase::Handshake(handshake) = std::mem::replace(&mut self.phase, Phase::Ended) else {
            return;
        };
        match handshake.keys() {
            Ok(keys) => {
                self.phase = Phase::Connected {
                    endpoint: Box::new(handshake.endpoint),
                    alerts: MAX_ALERTS,
                };
                self.flight.resends = MAX_RESENDS;
                self.events.push_back(DtlsEvent::Connected(keys));
            }
            Err(error) => self.fail(error.status(), error.message()),
        }
    }

    fn handle_connected(&mut self, now: Instant, datagram: &[u8]) {
        let Phase::Connected { endpoint, alerts } = &mut self.phase else {
            return;
        };
        for record in records(datagram) {
            let is_alert = record.is_encrypted_alert() && *alerts > 0;
            *alerts -= u32::from(is_alert);
            if is_alert || self.carries_data && record.is_encrypted_data() {
                let result = endpoint.read(now, PEER, None, BytesMut::from(record.bytes));
                drain(endpoint, &mut self.transmits);
                match result {
                    Ok(events)
                        if events
                            .iter()
                            .any(|e| matches!(e, EndpointEvent::PeerClosed)) =>
                    {
                        self.events.push_back(DtlsEvent::Closed);
                        return self.end();
                    }
                    Err(RtcError::ErrAlertFatalOrClose) => {
                        let sentence = "the viewer ended the DTLS association with a fatal alert";
                        return self.fail(Status::Dtls, sentence);
                    }
                    Ok(events) => self.events.extend(events.into_iter().filter_map(data)),
                    // Not authentic, or a warning.
                    Err(_) => {}
                }
            }
            // The peer repeats its last flight: ours was lost (RFC 6347 section 4.2.4).
            if matches!(record.kind, HANDSHAKE | CHANGE_CIPHER_SPEC) {
                return self.flight.resend(now, &mut self.transmits);
            }
        }
    }

    /// Fails, and sends an alert to the peer.
    fn reject(&mut self, status: Status, sentence: impl Into<String>) {
        self.transmits
            .push_back(BytesMut::from(&HANDSHAKE_FAILURE[..]));
        self.fail(status, sentence);
    }

    fn fail(&mut self, status: Status, sentence: impl Into<String>) {
        self.events
            .push_back(DtlsEvent::Failed(Error::new(status, sentence)));
        self.end();
    }

    fn end(&mut self) {
        self.phase = Phase::Ended;
        self.flight = Flight::default();
    }
}

impl Handshake {
    fn certificate_matches(&self) -> Option<bool> {
        let state = self.endpoint.get_connection_state(PEER)?;
        let certificate = state.peer_certificates.first()?;
        Some(self.fingerprints.iter().any(|f| f.matches(certificate)))
    }

    fn explain(&self, error: &RtcError) -> String {
        match self.certificate_matches() {
            Some(false) => "the viewer's DTLS certificate is not the one whose fingerprint its \
                            offer carries; something between may have changed one of them"
                .to_owned(),
            _ => format!("the DTLS handshake with the viewer failed: {error}"),
        }
    }

    /// The keys, after a last check of what was negotiated.
    fn keys(&self) -> Result<KeyingMaterial> {
        let failed = |why: &str| Error::new(Status::Dtls, format!("the DTLS handshake {why}"));
        if self.certificate_matches() != Some(true) {
            return Err(failed("ended without the viewer's offered certificate"));
        }
        let state = self.endpoint.get_connection_state(PEER);
        let state = state
            .filter(|state| state.srtp_protection_profile() == protection_profile(self.profile))
            .ok_or_else(|| failed("ended without the chosen SRTP profile"))?;
        let salt_len = self.profile.salt_len();
        let material = state
            .export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], 2 * (16 + salt_len))
            .map_err(|error| failed(&format!("gave no SRTP keys: {error}")))?;
        split_keys(self.profile, material.as_ref())
            .ok_or_else(|| failed("gave too few bytes for the SRTP keys"))
    }
}

fn data(event: EndpointEvent) -> Option<DtlsEvent> {
    match event {
        EndpointEvent::ApplicationData(bytes) => Some(DtlsEvent::Data(bytes)),
        _ => None,
    }
}

/// Client key, server key, client salt, server salt (RFC 5764 section 4.2). We are the server.
fn split_keys(profile: SrtpProfile, material: &[u8]) -> Option<KeyingMaterial> {
    let (client_key, rest) = material.split_first_chunk::<16>()?;
    let (server_key, rest) = rest.split_first_chunk::<16>()?;
    let (client_salt, server_salt) = rest.split_at_checked(profile.salt_len())?;
    let master = |key: &[u8; 16], salt: &[u8]| MasterKey {
        key: *key,
        salt: salt.to_vec(),
    };
    Some(KeyingMaterial {
        profile,
        local: master(server_key, server_salt),
        remote: master(client_key, client_salt),
    })
}

fn config(
    certificate: &Certificate,
    fingerprints: Arc<[Fingerprint]>,
    profile: SrtpProfile,
) -> std::result::Result<HandshakeConfig, RtcError> {
    ConfigBuilder::default()
        .with_crypto_provider(certificate.provider.clone())
        .with_certificates(vec![certificate.certificate.clone()])
        // What every WebRTC endpoint has (RFC 8827 section 6.5).
        .with_cipher_suites(vec![CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256])
        .with_srtp_protection_profiles(vec![protection_profile(profile)])
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        // Certificates are self-signed: the fingerprint is what counts.
        .with_insecure_skip_verify(true)
        .with_verify_peer_certificate(Some(Arc::new(move |certificates, _| {
            let certificate = certificates.first();
            let matches = |c: &Vec<u8>| fingerprints.iter().any(|f| f.matches(c));
            match certificate.is_some_and(matches) {
                true => Ok(()),
                false => Err(RtcError::Other("fingerprint mismatch".to_owned())),
            }
        })))
        .build(false, None)
}

fn protection_profile(profile: SrtpProfile) -> SrtpProtectionProfile {
    match profile {
        SrtpProfile::Aes128CmSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        SrtpProfile::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
    }
}

/// What an alert means for the handshake (RFC 5246 section 7.2); `None` if it can go on.
fn refusal((level, description): (u8, u8)) -> Option<String> {
    const FATAL: u8 = 2;
    const CLOSE_NOTIFY: u8 = 0;
    if description == CLOSE_NOTIFY {
        return Some("the viewer closed the DTLS association before it was up".to_owned());
    }
    let meaning = match description {
        40 | 70 | 71 => " (it has no version or cipher suite in common with the gateway)",
        41..=46 | 48 => " (it does not accept our certificate)",
        _ => "",
    };
    (level == FATAL)
        .then(|| format!("the viewer ended the DTLS handshake with alert {description}{meaning}"))
}
