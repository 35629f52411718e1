//! TLS to a camera, and which certificates are trusted.

use std::fmt::{self, Write};
use std::sync::{Arc, OnceLock};
use std::{error, io};

use ::aws_lc_rs::digest::{SHA256, digest};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error as TlsError,
    RootCertStore, SignatureScheme,
};

use crate::error::{Error, Status};

/// SHA-256 of a certificate.
pub type Fingerprint = [u8; 32];

/// A certificate that is not trusted, and why.
#[derive(Debug)]
pub struct NotTrusted {
    fingerprint: Fingerprint,
    error: io::Error,
}

impl fmt::Display for NotTrusted {
    /// What the host needs is in front: names in certificates may be long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fingerprint, error } = self;
        write!(f, "its SHA-256 is {}; {error}", hex(fingerprint))
    }
}

impl error::Error for NotTrusted {}

/// There is no TLS to be had: the other side speaks something else, or another version of it.
#[derive(Debug)]
pub struct NoTls(io::Error);

impl fmt::Display for NoTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl error::Error for NoTls {}

/// Nobody can vouch for a certificate.
#[derive(Debug)]
pub struct NoAuthorities;

impl fmt::Display for NoAuthorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this host has no certificate authorities: install them (ca-certificates), or set tls_ca or \
             tls_fingerprint",
        )
    }
}

impl error::Error for NoAuthorities {}

/// Which certificates of a camera are trusted.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// Those that the system trusts.
    #[default]
    System,
    /// Those of these authorities.
    Authorities(Arc<RootCertStore>),
    /// This one.
    Pinned(Fingerprint),
    /// All: the connection is encrypted, but may be to anybody.
    Anybody,
}

impl Trust {
    /// What a host asks for: at most one of certificates in PEM, the SHA-256 of a certificate, and anybody.
    pub fn of(
        ca: Option<&str>,
        fingerprint: Option<&str>,
        unverified: bool,
    ) -> Result<Trust, Error> {
        let bad = |message: &str| Err(Error::new(Status::InvalidArgument, message.to_owned()));
        match (ca, fingerprint, unverified) {
            (None, None, false) => Ok(Trust::System),
            (Some(pem), None, false) => Trust::authorities(pem).map_or_else(
                || bad("tls_ca has no certificate: give one or more in PEM"),
                Ok,
            ),
            (None, Some(text), false) => Trust::pinned(text).map_or_else(
                || bad("tls_fingerprint is no SHA-256: give 64 hexadecimal digits"),
                Ok,
            ),
            (None, None, true) => Ok(Trust::Anybody),
            _ => bad(
                "tls_ca, tls_fingerprint and unverified TLS exclude each other: give one of them",
            ),
        }
    }

    /// Trusts the certificates in PEM. `None`: there are none.
    pub fn authorities(pem: &str) -> Option<Trust> {
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(Result::ok);
        let (added, _) = roots.add_parsable_certificates(certificates);
        (added > 0).then(|| Trust::Authorities(Arc::new(roots)))
    }

    /// Trusts one certificate; its SHA-256 in hexadecimal, with or without colons. `None`: it is no such.
    pub fn pinned(text: &str) -> Option<Trust> {
        let digits: String = text.chars().filter(|c| !matches!(c, ':' | ' ')).collect();
        let mut fingerprint = Fingerprint::default();
        if digits.len() != 2 * fingerprint.len() || !digits.is_ascii() {
            return None;
        }
        for (i, byte) in fingerprint.iter_mut().enumerate() {
            *byte = u8::from_str_radix(digits.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(Trust::Pinned(fingerprint))
    }
}

/// The certificates that the system trusts, read until there are some.
fn system_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Arc::clone(roots);
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let roots = Arc::new(roots);
    match roots.is_empty() {
        true => roots,
        false => Arc::clone(ROOTS.get_or_init(|| roots)),
    }
}

/// The same as [`connect`], for whoever reads and writes by itself.
pub async fn encrypt(
    host: &str,
    stream: TcpStream,
    trust: &Trust,
) -> io::Result<(TcpStream, ClientConnection)> {
    Ok(connect(host, stream, trust).await?.into_inner())
}

/// Encrypts a connection to a host as it stands in a URL.
pub async fn connect(
    host: &str,
    stream: TcpStream,
    trust: &Trust,
) -> io::Result<TlsStream<TcpStream>> {
    let roots = match trust {
        // The first time it reads files.
        Trust::System => Some(tokio::task::spawn_blocking(system_roots).await?),
        Trust::Authorities(roots) => Some(Arc::clone(roots)),
        Trust::Pinned(_) | Trust::Anybody => None,
    };
    if roots.as_ref().is_some_and(|roots| roots.is_empty()) {
        return Err(io::Error::other(NoAuthorities));
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let verifier =
        Arc::new(Verifier::new(trust, roots, Arc::clone(&provider)).map_err(io::Error::other)?);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    // Tickets would be of no use: the next connection has a configuration of its own.
    config.resumption = Resumption::disabled();
    let connected = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await;
    connected.map_err(|error| match *verifier.refused.lock() {
        Some(fingerprint) => io::Error::other(NotTrusted { fingerprint, error }),
        None => io::Error::other(NoTls(error)),
    })
}

fn hex(fingerprint: &Fingerprint) -> String {
    fingerprint.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    /// For certificates that authorities vouch for.
    chains: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    /// The certificate that was not trusted.
    refused: Mutex<Option<Fingerprint>>,
}

impl Verifier {
    /// `roots`: the authorities, where they are what is trusted.
    fn new(
        trust: &Trust,
        roots: Option<Arc<RootCertStore>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Verifier, String> {
        let chains = roots.map(|roots| {
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build()
        });
        Ok(Verifier {
            trust: trust.clone(),
            chains: chains.transpose().map_err(|error| error.to_string())?,
            provider,
            refused: Mutex::default(),
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let mut fingerprint = Fingerprint::default();
        fingerprint.copy_from_slice(digest(&SHA256, end_entity).as_ref());
        let verified = match (&self.trust, &self.chains) {
            (Trust::Anybody, _) => Ok(ServerCertVerified::assertion()),
            (Trust::Pinned(pinned), _) if *pinned == fingerprint => {
                Ok(ServerCertVerified::assertion())
            }
            (_, Some(chains)) => chains.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
            _ => Err(CertificateError::ApplicationVerificationFailure.into()),
        };
        if verified.is_err() {
            *self.refused.lock() = Some(fingerprint);
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_people_write_them() {
        let plain = "00ff".repeat(16);
        let colons: Vec<String> = (0..32)
            .map(|i| if i % 2 == 0 { "00" } else { "FF" }.to_owned())
            .collect();
        for text in [plain.clone(), colons.join(":")] {
            let Some(Trust::Pinned(fingerprint)) = Trust::pinned(&text) else {
                panic!("{text}");
            };
            assert_eq!(fingerprint[..2], [0, 255]);
            assert_eq!(hex(&fingerprint), plain);
        }
        for text in [
            "",
            "00",
            &plain[1..],
            &plain.replace('f', "g"),
            &"é".repeat(32),
        ] {
            assert!(Trust::pinned(text).is_none(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_host_without_authorities_is_told_what_is_missing() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let stream = TcpStream::connect(at).await.unwrap();
        let nobody = Trust::Authorities(Arc::new(RootCertStore::empty()));
        let error = connect("localhost", stream, &nobody).await.unwrap_err();
        assert!(error.get_ref().unwrap().is::<NoAuthorities>());
        assert!(error.to_string().contains("ca-certificates"), "{error}");
    }

    #[test]
    fn authorities_are_certificates() {
        let key = rcgen::generate_simple_self_signed(vec!["camera".to_owned()]).unwrap();
        assert!(Trust::authorities(&key.cert.pem()).is_some());
        for text in [
            "",
            "x",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            assert!(Trust::authorities(text).is_none(), "{text}");
        }
    }
}
