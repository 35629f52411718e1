//! The cryptography of sessions, all of it by AWS-LC: AES in counter mode, and what `rtc` takes of its caller. The
//! provider of `rtc` itself has AES in counter mode, MD5 and more of other crates.

use std::sync::Arc;

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::crypto::{
    ActiveKeyExchange, AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CryptoAlgorithm,
    CryptoError, HashAlgorithm, HmacAlgorithm, KeyExchangeAlgorithm, Mac, PublicKey, RTCCrypto,
    RTCCryptoProvider, RTCRandom, SignatureScheme, SigningKey, StreamCipher, StreamCipherAlgorithm,
};

/// Whether the cryptography is the FIPS module of AWS-LC, as that says itself. It is with the feature `fips`.
pub fn is_fips() -> bool {
    aws_lc_rs::try_fips_mode().is_ok()
}

/// The version of the library, with what says whether [`is_fips`].
pub const VERSION: &str = VERSION_C.split_at(VERSION_C.len() - 1).0;

/// The same with the NUL of C at its end.
pub const VERSION_C: &str = match cfg!(feature = "fips") {
    true => concat!(env!("CARGO_PKG_VERSION"), "+fips\0"),
    false => concat!(env!("CARGO_PKG_VERSION"), "\0"),
};

/// AES-128 in counter mode, as SRTP uses it (RFC 3711 section 4.1.1). The key is wiped when it is dropped.
pub struct AesCtr(EncryptingKey);

/// AWS-LC refused, which it does for no input of the right size.
#[derive(Debug)]
pub struct Refused;

impl AesCtr {
    pub fn new(key: &[u8; 16]) -> Result<AesCtr, Refused> {
        let key = UnboundCipherKey::new(&AES_128, key).and_then(EncryptingKey::ctr);
        key.map(AesCtr).map_err(|_| Refused)
    }

    /// Adds the key stream that begins with this block.
    pub fn apply(&self, first: &[u8; 16], data: &mut [u8]) -> Result<(), Refused> {
        let first = EncryptionContext::Iv128(FixedLength::from(*first));
        let done = self.0.less_safe_encrypt(data, first);
        done.map(|_| ()).map_err(|_| Refused)
    }
}

/// What `rtc` is given, for STUN, DTLS and SRTCP.
pub static PROVIDER: Provider = Provider::new();

pub struct Provider {
    rtc: AwsLcRsProvider,
}

impl Provider {
    pub const fn new() -> Provider {
        Provider {
            rtc: AwsLcRsProvider::new(),
        }
    }

    fn rtc(&self) -> &dyn RTCCrypto {
        self.rtc.crypto()
    }
}

impl RTCCryptoProvider for Provider {
    fn name(&self) -> &'static str {
        "AWS-LC"
    }

    fn crypto(&self) -> &dyn RTCCrypto {
        self
    }

    fn random(&self) -> &dyn RTCRandom {
        self
    }
}

impl RTCRandom for Provider {
    fn fill(&self, output: &mut [u8]) -> Result<(), CryptoError> {
        aws_lc_rs::rand::fill(output).map_err(|_| CryptoError::RandomnessFailed)
    }
}

/// Whether AWS-LC has it, and with the feature `fips`, its validated module.
fn has(algorithm: CryptoAlgorithm) -> bool {
    match algorithm {
        CryptoAlgorithm::Hash(hash) => hash == HashAlgorithm::Sha256,
        CryptoAlgorithm::Aead(aead) => {
            matches!(aead, AeadAlgorithm::Aes128Gcm | AeadAlgorithm::Aes256Gcm)
        }
        CryptoAlgorithm::StreamCipher(cipher) => cipher == StreamCipherAlgorithm::Aes128Ctr,
        CryptoAlgorithm::BlockCipher(cipher) => cipher == BlockCipherAlgorithm::Aes128,
        CryptoAlgorithm::Cbc(_) => false,
        CryptoAlgorithm::KeyExchange(KeyExchangeAlgorithm::X25519)
        | CryptoAlgorithm::Signature(SignatureScheme::Ed25519 | SignatureScheme::RsaPkcs1Sha1)
        | CryptoAlgorithm::SigningKeyGeneration(SignatureScheme::Ed25519)
        | CryptoAlgorithm::SigningKeyImport(SignatureScheme::Ed25519) => !cfg!(feature = "fips"),
        _ => true,
    }
}

fn check(algorithm: CryptoAlgorithm) -> Result<(), CryptoError> {
    match has(algorithm) {
        true => Ok(()),
        false => Err(CryptoError::UnsupportedAlgorithm(algorithm)),
    }
}

impl RTCCrypto for Provider {
    fn supports(&self, algorithm: CryptoAlgorithm) -> bool {
        has(algorithm) && self.rtc().supports(algorithm)
    }

    fn hash(&self, algorithm: HashAlgorithm, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        check(CryptoAlgorithm::Hash(algorithm))?;
        self.rtc().hash(algorithm, data)
    }

    fn block_encrypt(
        &self,
        algorithm: BlockCipherAlgorithm,
        key: &[u8],
        block: &mut [u8],
    ) -> Result<(), CryptoError> {
        check(CryptoAlgorithm::BlockCipher(algorithm))?;
        let first = first_block(block)?;
        // What the key stream begins with is that block, encrypted.
        block.fill(0);
        apply(&with_key(key)?, &first, block)
    }

    fn new_hmac(&self, algorithm: HmacAlgorithm, key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
        self.rtc().new_hmac(algorithm, key)
    }

    fn new_stream_cipher(
        &self,
        algorithm: StreamCipherAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError> {
        check(CryptoAlgorithm::StreamCipher(algorithm))?;
        Ok(Box::new(with_key(key)?))
    }

    fn new_aead(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn AeadCipher>, CryptoError> {
        check(CryptoAlgorithm::Aead(algorithm))?;
        self.rtc().new_aead(algorithm, key)
    }

    fn start_key_exchange(
        &self,
        algorithm: KeyExchangeAlgorithm,
    ) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        check(CryptoAlgorithm::KeyExchange(algorithm))?;
        self.rtc().start_key_exchange(algorithm)
    }

    fn generate_signing_key(
        &self,
        scheme: SignatureScheme,
    ) -> Result<Arc<dyn SigningKey>, CryptoError> {
        check(CryptoAlgorithm::SigningKeyGeneration(scheme))?;
        self.rtc().generate_signing_key(scheme)
    }

    fn import_signing_key(
        &self,
        scheme: SignatureScheme,
        pkcs8_der: &[u8],
    ) -> Result<Arc<dyn SigningKey>, CryptoError> {
        check(CryptoAlgorithm::SigningKeyImport(scheme))?;
        self.rtc().import_signing_key(scheme, pkcs8_der)
    }

    fn verify_signature(
        &self,
        scheme: SignatureScheme,
        public_key: PublicKey<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        check(CryptoAlgorithm::Signature(scheme))?;
        self.rtc()
            .verify_signature(scheme, public_key, message, signature)
    }
}

impl StreamCipher for AesCtr {
    fn apply_keystream(&mut self, first: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        apply(self, &first_block(first)?, data)
    }
}

fn with_key(key: &[u8]) -> Result<AesCtr, CryptoError> {
    let wrong = CryptoError::InvalidKeyLength {
        expected: 16,
        actual: key.len(),
    };
    AesCtr::new(key.try_into().map_err(|_| wrong)?).map_err(|_| CryptoError::InvalidPrivateKey)
}

fn first_block(block: &[u8]) -> Result<[u8; 16], CryptoError> {
    let wrong = CryptoError::InvalidNonceLength {
        expected: 16,
        actual: block.len(),
    };
    block.try_into().map_err(|_| wrong)
}

fn apply(cipher: &AesCtr, first: &[u8; 16], data: &mut [u8]) -> Result<(), CryptoError> {
    let done = cipher.apply(first, data);
    done.map_err(|Refused| CryptoError::Provider("AES-CTR".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 16] = [
        0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f,
        0x3c,
    ];

    /// The first block of F.5.1, and F.1.1 for its counter.
    #[test]
    fn test_vectors_of_sp_800_38a() {
        let first: [u8; 16] = std::array::from_fn(|i| 0xf0 + i as u8);
        let mut data = [
            0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93,
            0x17, 0x2a,
        ];
        let plain = data;
        let encrypted = [
            0x87, 0x4d, 0x61, 0x91, 0xb6, 0x20, 0xe3, 0x26, 0x1b, 0xef, 0x68, 0x64, 0x99, 0x0d,
            0xb6, 0xce,
        ];
        AesCtr::new(&KEY).unwrap().apply(&first, &mut data).unwrap();
        assert_eq!(data, encrypted);

        let crypto = PROVIDER.crypto();
        let mut cipher = crypto.new_stream_cipher(StreamCipherAlgorithm::Aes128Ctr, &KEY);
        let cipher = cipher.as_mut().unwrap();
        cipher.apply_keystream(&first, &mut data).unwrap();
        assert_eq!(data, plain);
        crypto
            .block_encrypt(BlockCipherAlgorithm::Aes128, &KEY, &mut data)
            .unwrap();
        assert_eq!(data[..4], [0x3a, 0xd7, 0x7b, 0xb4]);
        assert!(cipher.apply_keystream(&first[1..], &mut data).is_err());
    }

    #[test]
    fn what_other_crates_would_do_is_refused() {
        let crypto = PROVIDER.crypto();
        assert!(crypto.hash(HashAlgorithm::Md5, b"").is_err());
        assert!(crypto.new_aead(AeadAlgorithm::Aes128Ccm, &KEY).is_err());
        assert!(!crypto.supports(CryptoAlgorithm::Aead(AeadAlgorithm::Aes128Ccm8)));
        assert!(crypto.supports(CryptoAlgorithm::Aead(AeadAlgorithm::Aes128Gcm)));
        let p256 = CryptoAlgorithm::KeyExchange(KeyExchangeAlgorithm::P256);
        assert!(crypto.supports(p256));
    }

    /// The feature does what it says, and nothing else does.
    #[test]
    fn the_fips_module_is_used_with_the_feature_alone() {
        let is_on = cfg!(feature = "fips");
        assert_eq!(is_fips(), is_on);
        assert_eq!(aws_lc_rs::fips_version().is_some(), is_on);
        assert_eq!(VERSION.ends_with("+fips"), is_on);
        let crypto = PROVIDER.crypto();
        let x25519 = KeyExchangeAlgorithm::X25519;
        assert_ne!(crypto.supports(CryptoAlgorithm::KeyExchange(x25519)), is_on);
        assert_ne!(crypto.start_key_exchange(x25519).is_ok(), is_on);
        let tls = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
        assert_eq!(tls.fips(), is_on);
    }
}
