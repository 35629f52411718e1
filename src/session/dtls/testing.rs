//! A DTLS client for tests, made of `rtc::dtls`, that repeats its flights as browsers do.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use rtc::dtls::cipher_suite::CipherSuiteId;
use rtc::dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType};
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::TransportProtocol;
use rtc::srtp::config::LABEL_EXTRACTOR_DTLS_SRTP;

use super::guard::{HANDSHAKE, records};
use super::handshake::split_keys;
use super::{Certificate, Dtls, Fingerprint, PEER};
use crate::session::srtp::KeyingMaterial;
use crate::state::SrtpProfile;

/// Browsers repeat a flight after this time.
const REPEAT_AFTER: Duration = Duration::from_millis(50);

pub(crate) const CM80: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80;
pub(crate) const CM32: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32;
pub(crate) const GCM128: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm;
pub(crate) const GCM256: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm;

/// The lists of today's browsers.
pub(crate) const CHROMIUM: [SrtpProtectionProfile; 3] = [CM80, GCM256, GCM128];
pub(crate) const FIREFOX: [SrtpProtectionProfile; 4] = [GCM128, GCM256, CM80, CM32];

pub(crate) struct Client {
    endpoint: Endpoint,
    certificate: Certificate,
    /// Number of the next record of epoch 0: a repeated flight has new ones.
    next_record: u64,
    flight: Vec<BytesMut>,
    sent: Instant,
    pub(crate) transmits: VecDeque<BytesMut>,
    /// Send ClientHellos in fragments of this size, the last first, and each twice.
    pub(crate) hello_fragment: Option<usize>,
    pub(crate) connected: bool,
    pub(crate) closed: bool,
    /// Application data.
    pub(crate) heard: Vec<Vec<u8>>,
    /// Why `rtc::dtls` gave up.
    pub(crate) failed: Option<String>,
}

impl Client {
    /// Its ClientHello is longer by `padding`.
    pub(crate) fn new(now: Instant, profiles: &[SrtpProtectionProfile], padding: usize) -> Self {
        let certificate = Certificate::generate().unwrap();
        let config = ConfigBuilder::default()
            .with_crypto_provider(certificate.provider.clone())
            .with_certificates(vec![certificate.certificate.clone()])
            .with_cipher_suites(vec![
                CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
                CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_256_Cbc_Sha,
            ])
            .with_srtp_protection_profiles(profiles.to_vec())
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_insecure_skip_verify(true)
            .with_server_name("x".repeat(1 + padding))
            // What is to be in fragments is cut up here.
            .with_mtu(4096)
            .build(true, None)
            .unwrap();
        let mut endpoint = Endpoint::new(PEER, TransportProtocol::UDP, None);
        endpoint.connect(now, PEER, Arc::new(config), None).unwrap();
        Client {
            endpoint,
            certificate,
            next_record: 0,
            flight: Vec::new(),
            sent: now,
            transmits: VecDeque::new(),
            hello_fragment: None,
            connected: false,
            closed: false,
            heard: Vec::new(),
            failed: None,
        }
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let pairs = self.certificate.fingerprint().split(':');
        Fingerprint {
            algorithm: "sha-256".into(),
            hash: pairs
                .map(|hex| u8::from_str_radix(hex, 16).unwrap())
                .collect(),
        }
    }

    pub(crate) fn handle(&mut self, now: Instant, datagram: &[u8]) {
        match self
            .endpoint
            .read(now, PEER, None, BytesMut::from(datagram))
        {
            Ok(events) => {
                for event in events {
                    match event {
                        EndpointEvent::HandshakeComplete => self.connected = true,
                        EndpointEvent::PeerClosed => self.closed = true,
                        EndpointEvent::ApplicationData(data) => self.heard.push(data.to_vec()),
                        _ => {}
                    }
                }
            }
            Err(error) => self.failed = Some(error.to_string()),
        }
        self.flush(now);
    }

    /// Sends the ClientHello.
    pub(crate) fn start(&mut self, now: Instant) {
        self.flush(now);
    }

    /// Repeats the last flight if it was not answered.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.connected || self.failed.is_some() || now < self.sent + REPEAT_AFTER {
            return;
        }
        self.sent = now;
        for datagram in self.flight.clone() {
            self.send(datagram);
        }
    }

    pub(crate) fn send_data(&mut self, now: Instant, data: &[u8]) {
        self.endpoint.write(now, PEER, data).unwrap();
        self.flush(now);
    }

    pub(crate) fn close(&mut self, now: Instant) {
        self.endpoint.close(now).unwrap();
        self.flush(now);
    }

    /// The SRTP keys as this side sees them.
    pub(crate) fn keys(&self, profile: SrtpProfile) -> KeyingMaterial {
        let state = self.endpoint.get_connection_state(PEER).unwrap();
        let length = 2 * (16 + profile.salt_len());
        let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], length);
        split_keys(profile, material.unwrap().as_ref(), true).unwrap()
    }

    fn flush(&mut self, now: Instant) {
        let mut flight = Vec::new();
        while let Some(transmit) = self.endpoint.poll_transmit() {
            flight.push(transmit.message);
        }
        if flight.is_empty() {
            return;
        }
        for datagram in flight.clone() {
            self.send(datagram);
        }
        self.flight = flight;
        self.sent = now;
    }

    fn send(&mut self, mut datagram: BytesMut) {
        if let Some(size) = self.hello_fragment
            && let Some(hello) = sole_hello(&datagram)
        {
            return self.send_fragments(&hello, size);
        }
        let mut at = 0;
        let headers: Vec<_> = records(&datagram)
            .map(|r| (r.epoch, r.bytes.len()))
            .collect();
        for (epoch, length) in headers {
            if epoch == 0 {
                datagram[at + 5..at + 11].copy_from_slice(&self.number());
            }
            at += length;
        }
        self.transmits.push_back(datagram);
    }

    fn number(&mut self) -> [u8; 6] {
        self.next_record += 1;
        let bytes = (self.next_record - 1).to_be_bytes();
        bytes[2..].try_into().unwrap()
    }

    fn send_fragments(&mut self, (sequence, body): &(u16, Vec<u8>), size: usize) {
        for (i, data) in body.chunks(size).enumerate().rev().collect::<Vec<_>>() {
            let number = self.number();
            let datagram = fragment(number, 1, body.len(), *sequence, i * size, data);
            self.transmits.push_back(datagram.clone());
            self.transmits.push_back(datagram);
        }
    }
}

/// Sequence and body of the ClientHello that is all that a datagram holds.
fn sole_hello(datagram: &[u8]) -> Option<(u16, Vec<u8>)> {
    let record = records(datagram).next()?;
    let fragment = record.fragments().next()?;
    let sole = record.bytes.len() == datagram.len()
        && (record.kind, record.epoch) == (HANDSHAKE, 0)
        && fragment.kind == 1
        && fragment.data.len() == fragment.length;
    sole.then(|| (fragment.sequence, fragment.data.to_vec()))
}

/// A record of epoch 0 with one fragment of a handshake message.
pub(crate) fn fragment(
    number: [u8; 6],
    kind: u8,
    length: usize,
    sequence: u16,
    offset: usize,
    data: &[u8],
) -> BytesMut {
    let mut record = BytesMut::from(&[HANDSHAKE, 0xFE, 0xFD, 0, 0][..]);
    record.put_slice(&number);
    record.put_u16(12 + data.len() as u16);
    record.put_u8(kind);
    record.put_uint(length as u64, 3);
    record.put_u16(sequence);
    record.put_uint(offset as u64, 3);
    record.put_uint(data.len() as u64, 3);
    record.put_slice(data);
    record
}

/// A server and a client, no network between them, and a clock of their own.
pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) started: Instant,
    pub(crate) server: Dtls,
    pub(crate) client: Client,
    pub(crate) events: Vec<super::DtlsEvent>,
    /// Datagrams sent so far: by the client, by the server.
    pub(crate) sent: [usize; 2],
}

pub(crate) const BY_CLIENT: usize = 0;
pub(crate) const BY_SERVER: usize = 1;

impl Pair {
    /// Delivers what there is, except for what `lost` drops: it gets the sender of a datagram and
    /// its number among those of that side.
    pub(crate) fn exchange(&mut self, mut lost: impl FnMut(usize, usize) -> bool) {
        loop {
            if let Some(datagram) = self.client.transmits.pop_front() {
                self.sent[BY_CLIENT] += 1;
                if !lost(BY_CLIENT, self.sent[BY_CLIENT] - 1) {
                    self.server.handle(self.now, &datagram);
                }
            } else if let Some(datagram) = self.server.poll_transmit() {
                self.sent[BY_SERVER] += 1;
                if !lost(BY_SERVER, self.sent[BY_SERVER] - 1) {
                    self.client.handle(self.now, &datagram);
                }
            } else {
                break;
            }
        }
        while let Some(event) = self.server.poll_event() {
            self.events.push(event);
        }
    }

    /// Goes on until both are connected or `time` after the start is reached.
    pub(crate) fn run(&mut self, time: Duration, mut lost: impl FnMut(usize, usize) -> bool) {
        loop {
            self.exchange(&mut lost);
            let done = self.client.connected && self.connected().is_some();
            if done || self.now >= self.started + time {
                return;
            }
            self.now += Duration::from_millis(5);
            self.client.handle_timeout(self.now);
            if self
                .server
                .next_deadline()
                .is_some_and(|due| due <= self.now)
            {
                self.server.handle_timeout(self.now);
            }
        }
    }

    pub(crate) fn connected(&self) -> Option<&KeyingMaterial> {
        self.events.iter().find_map(|event| match event {
            super::DtlsEvent::Connected(keys) => Some(keys),
            _ => None,
        })
    }

    pub(crate) fn failed(&self) -> Option<&crate::error::Error> {
        self.events.iter().find_map(|event| match event {
            super::DtlsEvent::Failed(error) => Some(error),
            _ => None,
        })
    }
}
