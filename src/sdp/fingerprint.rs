//! Fingerprints of certificates (RFC 8122).

use aws_lc_rs::digest;

/// A certificate fingerprint of the peer (RFC 8122 section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Hash function, e.g. `sha-256`, in lower case.
    pub algorithm: String,
    /// The hash.
    pub hash: Vec<u8>,
}

impl Fingerprint {
    fn algorithm(&self) -> Option<&'static digest::Algorithm> {
        match self.algorithm.as_str() {
            "sha-256" => Some(&digest::SHA256),
            "sha-384" => Some(&digest::SHA384),
            "sha-512" => Some(&digest::SHA512),
            _ => None,
        }
    }

    /// Whether a certificate can be checked by it: the hash function is known and strong enough,
    /// and the hash has its length.
    pub fn is_usable(&self) -> bool {
        self.algorithm()
            .is_some_and(|algorithm| algorithm.output_len() == self.hash.len())
    }

    /// Whether it is the hash of this certificate (DER).
    pub fn matches(&self, certificate: &[u8]) -> bool {
        self.algorithm()
            .is_some_and(|algorithm| digest::digest(algorithm, certificate).as_ref() == self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_hashes_are_known_and_weak_or_cut_ones_are_not() {
        let matching = |name: &str, algorithm| Fingerprint {
            algorithm: name.into(),
            hash: digest::digest(algorithm, b"der").as_ref().to_vec(),
        };
        for fingerprint in [
            matching("sha-384", &digest::SHA384),
            matching("sha-512", &digest::SHA512),
        ] {
            assert!(fingerprint.is_usable() && fingerprint.matches(b"der"));
        }
        let weak = matching("sha-1", &digest::SHA1_FOR_LEGACY_USE_ONLY);
        assert!(!weak.is_usable() && !weak.matches(b"der"));
        let mut cut = matching("sha-256", &digest::SHA256);
        cut.hash.truncate(8);
        assert!(!cut.is_usable() && !cut.matches(b"der"));
    }
}
