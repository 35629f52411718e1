//! What `rtc::dtls` is told of a handshake, and what it comes to: certificates, profiles, keys.

use std::sync::Arc;
use std::time::Duration;

use rtc::dtls::cipher_suite::CipherSuiteId;
use rtc::dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc::dtls::endpoint::Endpoint;
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::error::Error as RtcError;
use rtc::srtp::config::LABEL_EXTRACTOR_DTLS_SRTP;

use super::inbound::Inbound;
use super::{Certificate, PEER, REPEAT};
use crate::error::{Error, Result, Status};
use crate::sdp::Fingerprint;
use crate::session::srtp::{KeyingMaterial, MasterKey};
use crate::state::SrtpProfile;

/// A handshake that is under way.
pub(super) struct Handshake {
    pub(super) inbound: Inbound,
    pub(super) endpoint: Endpoint,
    pub(super) peer: &'static str,
    pub(super) is_client: bool,
    pub(super) fingerprints: Arc<[Fingerprint]>,
    /// The one that we have chosen; as the client we offer those of the policy.
    pub(super) profile: Option<SrtpProfile>,
}

impl Handshake {
    fn certificate_matches(&self) -> Option<bool> {
        let state = self.endpoint.get_connection_state(PEER)?;
        let certificate = state.peer_certificates.first()?;
        Some(self.fingerprints.iter().any(|f| f.matches(certificate)))
    }

    /// Why it failed.
    pub(super) fn explain(&self, error: &RtcError) -> String {
        let peer = self.peer;
        match self.certificate_matches() {
            Some(false) => format!(
                "the DTLS certificate of {peer} is not the one whose fingerprint its SDP carries; \
                 something between may have changed one of them"
            ),
            _ => format!("the DTLS handshake with {peer} failed: {error}"),
        }
    }

    /// The keys, after a last check of what was negotiated.
    pub(super) fn keys(&self) -> Result<KeyingMaterial> {
        let failed = |why: &str| Error::new(Status::Dtls, format!("the DTLS handshake {why}"));
        if self.certificate_matches() != Some(true) {
            return Err(failed("ended without the certificate that was announced"));
        }
        let state = self.endpoint.get_connection_state(PEER);
        let known = [SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80];
        let mut known = known
            .into_iter()
            .filter(|&profile| self.profile.is_none_or(|chosen| chosen == profile));
        let agreed = state.and_then(|state| {
            let agreed = state.srtp_protection_profile();
            let profile = known.find(|&profile| protection_profile(profile) == agreed);
            Some((state, profile?))
        });
        let (state, profile) = agreed.ok_or_else(|| match self.profile {
            Some(_) => failed("ended without the chosen SRTP profile"),
            None => Error::new(
                Status::SrtpProfile,
                format!(
                    "{} takes none of the SRTP profiles that srtp_policy allows",
                    self.peer
                ),
            ),
        })?;
        let salt_len = profile.salt_len();
        let material = state
            .export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], 2 * (16 + salt_len))
            .map_err(|error| failed(&format!("gave no SRTP keys: {error}")))?;
        split_keys(profile, material.as_ref(), self.is_client)
            .ok_or_else(|| failed("gave too few bytes for the SRTP keys"))
    }
}

/// Client key, server key, client salt, server salt (RFC 5764 section 4.2).
pub(super) fn split_keys(
    profile: SrtpProfile,
    material: &[u8],
    is_client: bool,
) -> Option<KeyingMaterial> {
    let (client_key, rest) = material.split_first_chunk::<16>()?;
    let (server_key, rest) = rest.split_first_chunk::<16>()?;
    let (client_salt, server_salt) = rest.split_at_checked(profile.salt_len())?;
    let master = |key: &[u8; 16], salt: &[u8]| MasterKey {
        key: *key,
        salt: salt.to_vec(),
    };
    let (client, server) = (
        master(client_key, client_salt),
        master(server_key, server_salt),
    );
    let (local, remote) = match is_client {
        true => (client, server),
        false => (server, client),
    };
    Some(KeyingMaterial {
        profile,
        local,
        remote,
    })
}

/// What `rtc::dtls` is to do.
pub(super) fn config(
    certificate: &Certificate,
    fingerprints: Arc<[Fingerprint]>,
    profiles: &[SrtpProfile],
    is_client: bool,
) -> std::result::Result<HandshakeConfig, RtcError> {
    // What every WebRTC endpoint has (RFC 8827 section 6.5); some media servers have certificates with RSA keys.
    let mut suites = vec![CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256];
    if is_client {
        suites.push(CipherSuiteId::Tls_Ecdhe_Rsa_With_Aes_128_Gcm_Sha256);
    }
    // A viewer repeats its own flights, and sooner.
    let interval = if is_client {
        REPEAT
    } else {
        Duration::from_secs(2)
    };
    let profiles = profiles.iter().copied().map(protection_profile).collect();
    ConfigBuilder::default()
        .with_crypto_provider(certificate.provider.clone())
        .with_certificates(vec![certificate.certificate.clone()])
        .with_cipher_suites(suites)
        .with_srtp_protection_profiles(profiles)
        .with_flight_interval(interval)
        // Until our own deadline: a handshake that begins anew may be taken for a replay.
        .with_maximum_retransmit_number(usize::MAX)
        // Nobody looks at it; without one, it is this name, and a warning in the log.
        .with_server_name("localhost".to_owned())
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        // As the server: ICE has shown where the client is, so a cookie would cost a round trip for nothing.
        .with_insecure_skip_verify_hello(true)
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
        .build(is_client, None)
}

fn protection_profile(profile: SrtpProfile) -> SrtpProtectionProfile {
    match profile {
        SrtpProfile::Aes128CmSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        SrtpProfile::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
    }
}
