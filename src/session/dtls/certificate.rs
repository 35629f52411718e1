//! Our certificate, and how the viewer's is checked against the offered fingerprints (RFC 8122).

use std::sync::Arc;

use aws_lc_rs::digest;
use rtc::crypto::RTCCryptoProvider;
use rtc::dtls::crypto::Certificate as RtcCertificate;

use crate::crypto::Provider;
use crate::error::{Error, Result, Status};

/// The gateway's certificate: ECDSA P-256, self-signed, one for all sessions.
pub struct Certificate {
    pub(super) certificate: RtcCertificate,
    pub(super) provider: Arc<dyn RTCCryptoProvider>,
    fingerprint: String,
}

impl Certificate {
    /// Makes a key and a certificate.
    pub fn generate() -> Result<Certificate> {
        let names = vec![env!("CARGO_PKG_NAME").to_owned()];
        let made = RtcCertificate::generate_self_signed(names, Provider::new().crypto());
        Certificate::of(made.map_err(|error| failed(&error.to_string()))?)
    }

    /// One that was made, with its key.
    pub fn of(certificate: RtcCertificate) -> Result<Certificate> {
        let der = certificate.certificate.first();
        let der = der.ok_or_else(|| failed("it is empty"))?;
        let hash = digest::digest(&digest::SHA256, der);
        let pairs: Vec<String> = hash
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        Ok(Certificate {
            fingerprint: pairs.join(":"),
            certificate,
            provider: Arc::new(Provider::new()),
        })
    }

    /// SHA-256 of the certificate as in `a=fingerprint`: `AB:CD:...` (RFC 8122).
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

fn failed(why: &str) -> Error {
    let sentence = format!("the certificate for DTLS could not be made: {why}");
    Error::new(Status::Io, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::Fingerprint;

    #[test]
    fn our_fingerprint_is_that_of_our_certificate() {
        let certificate = Certificate::generate().unwrap();
        let text = certificate.fingerprint();
        assert_eq!(text.len(), 32 * 3 - 1);
        assert_eq!(text, text.to_uppercase());
        let hash = text
            .split(':')
            .map(|hex| u8::from_str_radix(hex, 16).unwrap());
        let fingerprint = Fingerprint {
            algorithm: "sha-256".into(),
            hash: hash.collect(),
        };
        let der = &certificate.certificate.certificate[0];
        assert!(fingerprint.is_usable() && fingerprint.matches(der));
        assert!(!fingerprint.matches(&der[1..]));
        assert_ne!(text, Certificate::generate().unwrap().fingerprint());
    }
}
