//! TLS with the host's certificate.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsIdentity;
use crate::error::{Error, Result, Status};

/// Creates the TLS acceptor. `media`: the listener also takes media by TURN. Fails with `InvalidArgument` if the certificate or the key is not usable.
pub fn acceptor(identity: &TlsIdentity, media: bool) -> Result<TlsAcceptor> {
    let chain = CertificateDer::pem_slice_iter(&identity.certificates)
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|error| unusable("the TLS certificate", &not_pem(&error)))?;
    if chain.is_empty() {
        return Err(unusable(
            "the TLS certificate",
            "it has no section -----BEGIN CERTIFICATE-----",
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(&identity.private_key)
        .map_err(|error| unusable("the TLS private key", &no_key(identity, &error)))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            let config = config.with_no_client_auth();
            config.with_single_cert(chain, key)
        })
        .map_err(|error| {
            unusable(
                "the TLS certificate and its private key",
                &error.to_string(),
            )
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if media {
        // RFC 7443; browsers say nothing.
        config.alpn_protocols.push(b"stun.turn".to_vec());
    }
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn no_key(identity: &TlsIdentity, error: &pem::Error) -> String {
    let text = String::from_utf8_lossy(&identity.private_key);
    match error {
        pem::Error::NoItemsFound if text.contains("ENCRYPTED PRIVATE KEY-----") => {
            "it is encrypted: decrypt it first, e.g. by openssl pkey".to_owned()
        }
        pem::Error::NoItemsFound => "it has no section -----BEGIN PRIVATE KEY-----, \
             -----BEGIN EC PRIVATE KEY----- or -----BEGIN RSA PRIVATE KEY-----"
            .to_owned(),
        error => not_pem(error),
    }
}

/// The errors of the crate quote lines of the file, which must not be those of a key.
fn not_pem(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "its PEM ends before the line -----END",
        pem::Error::IllegalSectionStart { .. } => "its PEM has a broken line -----BEGIN",
        pem::Error::Base64Decode(_) => "its PEM is not base64",
        pem::Error::SectionTooLarge => "its PEM has a section that is too large",
        _ => "it is not PEM",
    }
    .to_owned()
}

fn unusable(what: &str, why: &str) -> Error {
    Error::new(
        Status::InvalidArgument,
        format!("{what} cannot be used: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use rcgen::generate_simple_self_signed;

    use super::*;

    fn made() -> (String, String) {
        let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn complaint(certificates: &str, private_key: &str) -> String {
        let identity = TlsIdentity {
            certificates: certificates.as_bytes().to_vec(),
            private_key: private_key.as_bytes().to_vec(),
        };
        match acceptor(&identity, false) {
            Ok(_) => String::new(),
            Err(error) => error.message().to_owned(),
        }
    }

    #[test]
    fn what_is_wrong_with_the_pem_is_said() {
        let (certificate, key) = made();
        let (_, other_key) = made();
        assert_eq!(complaint(&certificate, &key), "");
        let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let cut = &certificate[..certificate.len() / 2];
        for (certificate, key, expected) in [
            (
                "",
                key.as_str(),
                "certificate cannot be used: it has no section",
            ),
            (
                key.as_str(),
                key.as_str(),
                "certificate cannot be used: it has no section",
            ),
            (
                cut,
                key.as_str(),
                "certificate cannot be used: its PEM ends before",
            ),
            (
                certificate.as_str(),
                "",
                "private key cannot be used: it has no section",
            ),
            (
                certificate.as_str(),
                certificate.as_str(),
                "private key cannot be used: it has no section",
            ),
            (
                certificate.as_str(),
                encrypted.as_str(),
                "private key cannot be used: it is encrypted",
            ),
            (
                certificate.as_str(),
                other_key.as_str(),
                "certificate and its private key cannot be used:",
            ),
        ] {
            let complaint = complaint(certificate, key);
            assert!(complaint.contains(expected), "{complaint}");
        }
    }
}
