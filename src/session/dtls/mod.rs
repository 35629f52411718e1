//! The DTLS handshake, with guards around `rtc::dtls`.
//!
//! Towards viewers we are the server: we see what the browser offers before we choose, and the browser's short timer
//! (50 ms) repairs losses in both directions. Where we have made the offer, the other side chooses: most media
//! servers want us to be the client. `rtc::dtls` speaks DTLS 1.2 and does the cryptography. Around it, this module
//! - as the server reads the ClientHello first and configures the one SRTP profile that the policy picks, because
//!   `rtc::dtls` would take the first of the browser's list;
//! - puts the peer's messages together, and passes on each once, whole and in order (`inbound`), because
//!   `rtc::dtls` recurses once per fragment and allocates what a length of 24 bits says;
//! - bounds what a handshake may cost (`guard`);
//! - does not believe an alert in plain text, which may be anybody's, while the handshake makes progress;
//! - sends the last flight again when the peer repeats its own: `rtc::dtls` stops its timer at any
//!   handshake record, so one lost datagram would stall the handshake forever;
//! - sets a deadline.

mod certificate;
mod client_hello;
#[cfg(test)]
mod client_tests;
mod flight;
mod guard;
mod handshake;
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
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::shared::TransportProtocol;
use rtc::shared::error::Error as RtcError;

pub use certificate::Certificate;
use flight::{Flight, drain};
use guard::{Budget, CHANGE_CIPHER_SPEC, HANDSHAKE, records};
use handshake::{Handshake, config};
use inbound::{Admitted, Inbound, OF_CLIENT, OF_SERVER};

use super::srtp::KeyingMaterial;
use crate::error::{Error, Status};
use crate::sdp::Fingerprint;
use crate::tuning::SrtpPolicy;

/// Time from [`Dtls::new`] within which the handshake must be done.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// As the client, `rtc::dtls` sends a flight again that is not answered within this time: more than the round trip of any
/// path, and less than the second that RFC 6347 section 4.2.4.1 begins with, as others do.
const REPEAT: Duration = Duration::from_millis(750);

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
pub struct Dtls {
    phase: Phase,
    /// What its errors call the peer.
    peer: &'static str,
    is_client: bool,
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

/// What both roles begin with.
pub struct DtlsConfig {
    /// Our certificate.
    pub certificate: Arc<Certificate>,
    /// The peer must present a certificate with one of these (`sha-256`, `sha-384` or `sha-512`; others are ignored).
    pub fingerprints: Vec<Fingerprint>,
    /// Which SRTP profiles are accepted.
    pub policy: SrtpPolicy,
    /// What errors call the peer.
    pub peer: &'static str,
}

impl Dtls {
    /// Waits for a ClientHello.
    pub fn server(now: Instant, config: DtlsConfig) -> Self {
        Dtls::new(now, config, false)
    }

    /// Queues a ClientHello.
    pub fn client(now: Instant, config: DtlsConfig) -> Self {
        let mut client = Dtls::new(now, config, true);
        client.connect(now);
        client
    }

    fn new(now: Instant, config: DtlsConfig, is_client: bool) -> Self {
        let DtlsConfig {
            certificate,
            mut fingerprints,
            policy,
            peer,
        } = config;
        fingerprints.retain(Fingerprint::is_usable);
        let unusable = fingerprints.is_empty();
        let messages = if is_client { OF_SERVER } else { OF_CLIENT };
        let mut dtls = Dtls {
            peer,
            is_client,
            phase: Phase::Hello(Box::new(Hello {
                certificate,
                fingerprints,
                policy,
                inbound: Inbound::new(messages),
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
            let sentence = format!(
                "the SDP of {peer} has no certificate fingerprint that can be checked; \
                 sha-256, sha-384 and sha-512 can"
            );
            dtls.fail(Status::Dtls, sentence);
        }
        dtls
    }

    /// As the client: begins the handshake.
    fn connect(&mut self, now: Instant) {
        let Phase::Hello(hello) = &mut self.phase else {
            return;
        };
        let fingerprints: Arc<[Fingerprint]> = std::mem::take(&mut hello.fingerprints).into();
        let profiles = client_hello::allowed(hello.policy);
        let mut endpoint = Endpoint::new(PEER, TransportProtocol::UDP, None);
        let begun = config(&hello.certificate, fingerprints.clone(), profiles, true)
            .and_then(|config| endpoint.connect(now, PEER, Arc::new(config), None));
        if let Err(error) = begun {
            let sentence = format!("the DTLS handshake could not be set up: {error}");
            return self.fail(Status::Dtls, sentence);
        }
        self.phase = Phase::Handshake(Box::new(Handshake {
            inbound: std::mem::take(&mut hello.inbound),
            endpoint,
            peer: self.peer,
            is_client: true,
            fingerprints,
            profile: None,
        }));
        self.feed(now, Admitted::default());
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

    /// Takes a datagram whose first byte is 20..=63 (RFC 7983). True if it completes a message of the handshake that did
    /// not come before.
    pub fn handle(&mut self, now: Instant, datagram: &[u8]) -> bool {
        match self.phase {
            Phase::Hello(_) | Phase::Handshake(_) => return self.handle_handshake(now, datagram),
            Phase::Connected { .. } => self.handle_connected(now, datagram),
            Phase::Ended => {}
        }
        false
    }

    /// Queues the last flight again: what was queued did not leave.
    pub fn send_again(&mut self, now: Instant) {
        self.flight.again(now, &mut self.transmits);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let peer = self.peer;
        if matches!(self.phase, Phase::Hello(_) | Phase::Handshake(_))
            && let Some((_, alert)) = self.alert.filter(|&(at, _)| now >= at)
            && let Some(sentence) = refusal(peer, alert)
        {
            return self.fail(Status::Dtls, sentence);
        }
        let sentence = match &mut self.phase {
            Phase::Hello(_) if now >= self.deadline => format!(
                "no complete DTLS ClientHello came from {peer} within 10 s: \
                 its ICE checks arrive, but larger datagrams do not"
            ),
            Phase::Handshake(_) if now >= self.deadline && self.is_client => format!(
                "the DTLS handshake did not finish within 10 s: {peer} answers ICE checks, \
                 but did not complete the handshake; larger datagrams may be lost on the way"
            ),
            Phase::Handshake(_) if now >= self.deadline => format!(
                "the DTLS handshake did not finish within 10 s: {peer} sent a ClientHello, \
                 but did not complete the handshake; larger datagrams may be lost on the way"
            ),
            Phase::Handshake(handshake) => {
                let due = handshake.endpoint.poll_timeout(&PEER);
                if due.is_none_or(|due| now < due) {
                    return;
                }
                let result = handshake.endpoint.handle_timeout(PEER, now);
                self.flight
                    .take(now, &mut handshake.endpoint, &mut self.transmits);
                let Err(error) = result else {
                    return;
                };
                handshake.explain(&error)
            }
            _ => return,
        };
        self.fail(Status::Dtls, sentence);
    }

    /// When [`Dtls::handle_timeout`] is due.
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

    fn handle_handshake(&mut self, now: Instant, datagram: &[u8]) -> bool {
        if !self.budget.spend(datagram.len()) {
            let sentence = format!(
                "{} sent more datagrams than any DTLS handshake needs",
                self.peer
            );
            self.fail(Status::Dtls, sentence);
            return false;
        }
        if let Some(alert) = records(datagram).find_map(|record| record.plain_alert())
            && refusal(self.peer, alert).is_some()
        {
            self.alert.get_or_insert((now + DOUBT, alert));
        }
        match &mut self.phase {
            Phase::Hello(hello) => {
                let body = records(datagram).find_map(|record| {
                    let body = hello.inbound.hello(&record)?;
                    Some(client_hello::srtp_profiles(body))
                });
                let complete = body.is_some();
                if let Some(offered) = body {
                    self.begin(now, offered);
                }
                complete
            }
            Phase::Handshake(handshake) => {
                let admitted = handshake.inbound.admit(records(datagram));
                let progress = admitted.progress;
                self.feed(now, admitted);
                progress
            }
            Phase::Connected { .. } | Phase::Ended => false,
        }
    }

    /// Chooses the profile and starts the handshake.
    fn begin(&mut self, now: Instant, offered: Option<Vec<u16>>) {
        let Phase::Hello(hello) = &mut self.phase else {
            return;
        };
        let Some(offered) = offered else {
            let sentence = format!("the DTLS ClientHello of {} is malformed", self.peer);
            return self.reject(Status::Dtls, sentence);
        };
        let Some(profile) = client_hello::choose(hello.policy, &offered) else {
            let sentence = client_hello::nothing_in_common(hello.policy, &offered);
            return self.reject(Status::SrtpProfile, sentence);
        };
        let fingerprints: Arc<[Fingerprint]> = std::mem::take(&mut hello.fingerprints).into();
        match config(&hello.certificate, fingerprints.clone(), &[profile], false) {
            Ok(config) => {
                let mut inbound = std::mem::take(&mut hello.inbound);
                let admitted = inbound.admit(std::iter::empty());
                self.phase = Phase::Handshake(Box::new(Handshake {
                    inbound,
                    endpoint: Endpoint::new(PEER, TransportProtocol::UDP, Some(Arc::new(config))),
                    peer: self.peer,
                    is_client: false,
                    fingerprints,
                    profile: Some(profile),
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
                // The server's flight is the last one: it has no answer.
                self.flight.resends = if self.is_client { 0 } else { MAX_RESENDS };
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
                        let peer = self.peer;
                        let sentence =
                            format!("{peer} ended the DTLS association with a fatal alert");
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

/// Whether a datagram begins with a record of DTLS.
pub fn is_dtls(datagram: &[u8]) -> bool {
    // RFC 7983 section 7.
    kind(datagram).is_some_and(|kind| matches!(kind, 20..=63))
}

/// Whether a datagram belongs to a handshake: it begins with a message of it, or with ChangeCipherSpec.
pub fn is_of_handshake(datagram: &[u8]) -> bool {
    kind(datagram).is_some_and(|kind| matches!(kind, HANDSHAKE | CHANGE_CIPHER_SPEC))
}

/// What the first record of a datagram is.
fn kind(datagram: &[u8]) -> Option<u8> {
    records(datagram).next().map(|record| record.kind)
}

fn data(event: EndpointEvent) -> Option<DtlsEvent> {
    match event {
        EndpointEvent::ApplicationData(bytes) => Some(DtlsEvent::Data(bytes)),
        _ => None,
    }
}

/// What an alert means for the handshake (RFC 5246 section 7.2); `None` if it can go on.
fn refusal(peer: &str, (level, description): (u8, u8)) -> Option<String> {
    const FATAL: u8 = 2;
    const CLOSE_NOTIFY: u8 = 0;
    if description == CLOSE_NOTIFY {
        return Some(format!(
            "{peer} closed the DTLS association before it was up"
        ));
    }
    let meaning = match description {
        40 | 70 | 71 => " (it has no version or cipher suite in common with the gateway)",
        41..=46 | 48 => " (it does not accept our certificate)",
        _ => "",
    };
    (level == FATAL)
        .then(|| format!("{peer} ended the DTLS handshake with alert {description}{meaning}"))
}
