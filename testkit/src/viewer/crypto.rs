//! DTLS in the client role, and the SRTP keys it gives.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::crypto::RTCCryptoProvider;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc::dtls::crypto::Certificate;
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::TransportProtocol;
use rtc::srtp::config::{Config, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc::srtp::context::Context;
use rtc::srtp::option::srtp_replay_protection;
use rtc::srtp::protection_profile::ProtectionProfile;

use super::tap::Tap;

/// Browsers repeat a flight after 50 ms, `rtc::dtls` after one second. This viewer behaves like a browser.
const REPEAT: Duration = Duration::from_millis(50);

/// As much of a message as Chromium puts into a datagram that goes along with a check.
const SHORT_MTU: usize = 900;

fn provider() -> Arc<AwsLcRsProvider> {
    static PROVIDER: OnceLock<Arc<AwsLcRsProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(AwsLcRsProvider::new())))
}

/// One certificate for all viewers of a process, so that hundreds start quickly.
fn certificate() -> &'static (Certificate, String) {
    static CERTIFICATE: OnceLock<(Certificate, String)> = OnceLock::new();
    CERTIFICATE.get_or_init(|| {
        let certificate = crate::certificate::certificate("viewer");
        let hash =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &certificate.certificate[0]);
        let hex: Vec<String> = hash.as_ref().iter().map(|b| format!("{b:02X}")).collect();
        (certificate, hex.join(":"))
    })
}

/// A DTLS client.
pub struct Dtls {
    tap: Arc<Tap>,
    config: Arc<HandshakeConfig>,
    endpoint: Endpoint,
    out: Vec<Vec<u8>>,
    /// The last flight sent, and when.
    flight: Option<(Instant, Vec<Vec<u8>>)>,
    /// Application data that came.
    data: Vec<Vec<u8>>,
    connected: bool,
    closed: bool,
}

impl Dtls {
    /// `longer`: so many bytes more in the ClientHello.
    pub fn new(profiles: &[SrtpProtectionProfile], longer: usize) -> Dtls {
        let tap = Arc::new(Tap::new(provider()));
        let config = ConfigBuilder::default()
            .with_crypto_provider(Arc::clone(&tap) as Arc<dyn RTCCryptoProvider>)
            .with_certificates(vec![certificate().0.clone()])
            .with_srtp_protection_profiles(profiles.to_vec())
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_insecure_skip_verify(true)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_mtu(if longer > 0 { SHORT_MTU } else { 0 })
            .with_server_name("localhost".repeat(longer / 9))
            .build(true, None)
            .expect("DTLS configuration");
        Dtls {
            tap,
            config: Arc::new(config),
            endpoint: Endpoint::new(local(), TransportProtocol::UDP, None),
            out: Vec::new(),
            flight: None,
            data: Vec::new(),
            connected: false,
            closed: false,
        }
    }

    /// What it seals its records with.
    pub fn tap(&self) -> &Tap {
        &self.tap
    }

    pub fn fingerprint(&self) -> &'static str {
        &certificate().1
    }

    pub fn start(&mut self, now: Instant) {
        self.endpoint
            .connect(now, peer(), Arc::clone(&self.config), None)
            .expect("DTLS start");
        self.collect(now);
    }

    pub fn handle(&mut self, now: Instant, bytes: &[u8]) {
        // An error is a broken or repeated record, or the gateway's alert.
        for event in self
            .endpoint
            .read(now, peer(), None, BytesMut::from(bytes))
            .unwrap_or_default()
        {
            match event {
                EndpointEvent::HandshakeComplete => self.connected = true,
                EndpointEvent::PeerClosed => self.closed = true,
                EndpointEvent::ApplicationData(data) => self.data.push(data.to_vec()),
                _ => {}
            }
        }
        self.collect(now);
    }

    fn collect(&mut self, now: Instant) {
        let mut flight = Vec::new();
        while let Some(transmit) = self.endpoint.poll_transmit() {
            flight.push(transmit.message.to_vec());
        }
        if !flight.is_empty() {
            self.out.extend(flight.iter().cloned());
            self.flight = Some((now, flight));
        }
    }

    /// Application data that came since the last call.
    pub fn take_data(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.data)
    }

    /// Sends application data.
    pub fn send_data(&mut self, now: Instant, data: &[u8]) {
        if self.endpoint.write(now, peer(), data).is_ok() {
            while let Some(transmit) = self.endpoint.poll_transmit() {
                self.out.push(transmit.message.to_vec());
            }
        }
    }

    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        (!self.out.is_empty()).then(|| self.out.remove(0))
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        match &self.flight {
            Some((at, _)) if !self.connected => Some(*at + REPEAT),
            _ => None,
        }
    }

    pub fn timeout(&mut self, now: Instant) {
        if let Some((at, flight)) = &mut self.flight {
            *at = now;
            self.out.extend(flight.iter().cloned());
        }
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    pub fn close(&mut self, now: Instant) {
        let _ = self.endpoint.close(now);
        self.collect(now);
    }

    /// The keys, once connected.
    pub fn srtp(&self) -> Option<Srtp> {
        if !self.connected {
            return None;
        }
        let state = self.endpoint.get_connection_state(peer())?;
        let profile = state.srtp_protection_profile();
        let mut config = Config {
            profile: match profile {
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => {
                    ProtectionProfile::Aes128CmHmacSha1_80
                }
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
                other => panic!("the gateway chose {other:?}"),
            },
            ..Config::default()
        };
        let length = config.keying_material_len();
        let material = state
            .export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], length)
            .expect("keying material");
        config
            .set_session_keys_from_keying_material(material.as_ref(), true)
            .expect("keys");
        let context = |key: &[u8], salt: &[u8]| {
            // Retransmissions come late: a window wider than the default of 64.
            let window = Some(srtp_replay_protection(4096));
            Context::new(key, salt, config.profile, window, None, provider().crypto())
                .expect("SRTP context")
        };
        Some(Srtp {
            profile,
            inbound: context(
                &config.keys.remote_master_key,
                &config.keys.remote_master_salt,
            ),
            outbound: context(
                &config.keys.local_master_key,
                &config.keys.local_master_salt,
            ),
        })
    }
}

fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1))
}

fn peer() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 2))
}

/// The keys of both directions.
pub struct Srtp {
    profile: SrtpProtectionProfile,
    inbound: Context,
    outbound: Context,
}

impl Srtp {
    pub fn profile(&self) -> SrtpProtectionProfile {
        self.profile
    }

    pub fn open_rtp(&mut self, bytes: &[u8]) -> Option<BytesMut> {
        self.inbound.decrypt_rtp(bytes).ok()
    }

    pub fn open_rtcp(&mut self, bytes: &[u8]) -> Option<BytesMut> {
        self.inbound.decrypt_rtcp(bytes).ok()
    }

    pub fn seal_rtcp(&mut self, compound: &[u8]) -> Vec<u8> {
        let sealed = self.outbound.encrypt_rtcp(compound);
        sealed.expect("SRTCP of our own").to_vec()
    }
}
