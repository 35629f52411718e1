//! Certificates for DTLS whose size, and that of what is signed with their keys, is always the same. An ECDSA signature in
//! DER has 70 to 72 bytes, by chance: with ordinary ones, datagrams of a handshake differ in size from run to run, and
//! with them, over a narrow link, the time of all that follows.

use std::sync::Arc;

use rtc::crypto::providers::AwsLcRsProvider;
use rtc::crypto::{
    CryptoError, PublicKey, RTCCryptoProvider, SecretVec, SignatureScheme, SigningKey,
};
use rtc::dtls::crypto::Certificate;

/// The most frequent length of an ECDSA signature with P-256, in bytes.
const LENGTH: usize = 71;
/// Nobody has such bad luck.
const ATTEMPTS: usize = 1000;

/// A self-signed certificate with an ECDSA key of its own.
pub fn certificate(name: &str) -> Certificate {
    let made = || {
        let made =
            Certificate::generate_self_signed([name.to_owned()], AwsLcRsProvider::new().crypto());
        made.expect("a certificate")
    };
    let mut attempts = std::iter::repeat_with(made).take(ATTEMPTS);
    let found = attempts.find(|made| has_usual_size(&made.certificate[0]));
    let Certificate {
        certificate,
        private_key,
    } = found.expect("a certificate that ends with an ECDSA signature");
    Certificate::from_signing_key(certificate, Arc::new(EvenKey(private_key.signing_key)))
}

/// Whether what may be shorter or longer in a certificate is as in most of them.
fn has_usual_size(certificate: &[u8]) -> bool {
    // The version, and a serial number of 20 bytes: one of 128 has less, as it begins with a zero.
    let serial = [0xa0, 3, 2, 1, 2, 2, 20];
    // At the end a signature: two numbers (RFC 3279 section 2.2.3) in a BIT STRING.
    let signature = [3, LENGTH as u8 + 1, 0, 0x30, LENGTH as u8 - 2];
    let end = certificate.len().checked_sub(LENGTH + 3);
    let end = end.map_or(&[][..], |at| &certificate[at..]);
    certificate
        .windows(serial.len())
        .any(|bytes| bytes == serial)
        && end.starts_with(&signature)
}

/// A key that signs again until the signature has the length of all others.
struct EvenKey(Arc<dyn SigningKey>);

impl SigningKey for EvenKey {
    fn supports(&self, scheme: SignatureScheme) -> bool {
        self.0.supports(scheme)
    }

    fn public_key(&self) -> PublicKey<'_> {
        self.0.public_key()
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        for _ in 0..ATTEMPTS {
            let signature = self.0.sign(scheme, message)?;
            if signature.len() == LENGTH {
                return Ok(signature);
            }
        }
        Err(CryptoError::Provider("no signature of this length".into()))
    }

    fn to_pkcs8_der(&self) -> Result<Option<SecretVec>, CryptoError> {
        self.0.to_pkcs8_der()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_certificates_and_signatures_have_one_length() {
        let crypto = AwsLcRsProvider::new();
        let first = certificate("name");
        for _ in 0..300 {
            let made = certificate("name");
            assert_ne!(made, first);
            assert_eq!(made.certificate[0].len(), first.certificate[0].len());
            let (scheme, key) = (
                SignatureScheme::EcdsaP256Sha256,
                &made.private_key.signing_key,
            );
            let signature = key.sign(scheme, b"message").unwrap();
            assert_eq!(signature.len(), LENGTH);
            let crypto = crypto.crypto();
            let verified =
                crypto.verify_signature(scheme, key.public_key(), b"message", &signature);
            assert_eq!(verified, Ok(()));
        }
    }
}
