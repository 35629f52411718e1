//! Cryptography for one viewer's DTLS that remembers its keys: tests can open what the viewer and the gateway seal, and seal
//! records that only the viewer could have sent.

use std::sync::{Arc, Mutex, PoisonError};

use rtc::crypto::providers::AwsLcRsProvider;
use rtc::crypto::{
    ActiveKeyExchange, AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CbcAlgorithm, CbcCipher,
    CryptoAlgorithm, CryptoError, HashAlgorithm, HmacAlgorithm, KeyExchangeAlgorithm, Mac,
    PublicKey, RTCCrypto, RTCCryptoProvider, RTCRandom, SignatureScheme, SigningKey, StreamCipher,
    StreamCipherAlgorithm,
};

/// Bytes of a record's header, of the nonce in it (RFC 5288 section 3), and of its tag.
const HEADER: usize = 13;
const NONCE: usize = 8;
const TAG: usize = 16;

/// Key and salt; `None` before the viewer has used them.
type Known = Arc<Mutex<Option<(Vec<u8>, [u8; 4])>>>;

pub struct Tap {
    inner: Arc<AwsLcRsProvider>,
    sealing: Known,
    opening: Known,
}

impl Tap {
    pub fn new(inner: Arc<AwsLcRsProvider>) -> Tap {
        Tap {
            inner,
            sealing: Known::default(),
            opening: Known::default(),
        }
    }

    /// A record of epoch 1, if the viewer has keys. `number` must be below 2^48.
    pub fn seal(&self, kind: u8, number: u64, plaintext: &[u8]) -> Option<Vec<u8>> {
        let (mut cipher, salt) = self.cipher(&self.sealing)?;
        let nonce = number.to_be_bytes();
        let aad = aad(kind, number, plaintext.len());
        let (mut body, mut tag) = (plaintext.to_vec(), [0; TAG]);
        cipher
            .seal_in_place(&[&salt[..], &nonce].concat(), &aad, &mut body, &mut tag)
            .ok()?;
        let length = (NONCE + body.len() + TAG) as u16;
        let header = [&[kind, 0xFE, 0xFD], &aad[..8], &length.to_be_bytes()].concat();
        Some([&header, &nonce[..], &body, &tag].concat())
    }

    /// Content type, number and plaintext of a record of epoch 1 that the viewer sealed.
    pub fn open(&self, record: &[u8]) -> Option<(u8, u64, Vec<u8>)> {
        self.open_by(&self.sealing, record)
    }

    /// The same of a record that the gateway sealed, if the viewer has opened one.
    pub fn open_received(&self, record: &[u8]) -> Option<(u8, u64, Vec<u8>)> {
        self.open_by(&self.opening, record)
    }

    fn open_by(&self, known: &Known, record: &[u8]) -> Option<(u8, u64, Vec<u8>)> {
        let (mut cipher, salt) = self.cipher(known)?;
        let (header, rest) = record.split_first_chunk::<HEADER>()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
        let (body, tag) = rest.split_last_chunk::<TAG>()?;
        let mut number = [0; 8];
        number[2..].copy_from_slice(&header[5..11]);
        let (kind, number) = (header[0], u64::from_be_bytes(number));
        let mut body = body.to_vec();
        let aad = aad(kind, number, body.len());
        cipher
            .open_in_place(&[&salt[..], nonce].concat(), &aad, &mut body, tag)
            .ok()?;
        Some((kind, number, body))
    }

    fn cipher(&self, known: &Known) -> Option<(Box<dyn AeadCipher>, [u8; 4])> {
        let known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, salt) = known.as_ref()?;
        let cipher = self.inner.crypto().new_aead(AeadAlgorithm::Aes128Gcm, key);
        Some((cipher.ok()?, *salt))
    }
}

/// RFC 5246 section 6.2.3.3, with the epoch as RFC 6347 has it.
fn aad(kind: u8, number: u64, len: usize) -> [u8; 13] {
    let mut aad = [0; 13];
    aad[..8].copy_from_slice(&(1 << 48 | number).to_be_bytes());
    aad[8..11].copy_from_slice(&[kind, 0xFE, 0xFD]);
    aad[11..].copy_from_slice(&(len as u16).to_be_bytes());
    aad
}

struct Tapped {
    inner: Box<dyn AeadCipher>,
    key: Vec<u8>,
    sealing: Known,
    opening: Known,
}

impl Tapped {
    fn note(&self, known: &Known, nonce: &[u8]) {
        if let Some(&salt) = nonce.first_chunk() {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            *known = Some((self.key.clone(), salt));
        }
    }
}

impl AeadCipher for Tapped {
    fn tag_len(&self) -> usize {
        self.inner.tag_len()
    }

    fn seal_in_place(
        &mut self,
        nonce: &[u8],
        aad: &[u8],
        buffer: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.note(&self.sealing, nonce);
        self.inner.seal_in_place(nonce, aad, buffer, tag)
    }

    fn open_in_place(
        &mut self,
        nonce: &[u8],
        aad: &[u8],
        buffer: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptoError> {
        self.note(&self.opening, nonce);
        self.inner.open_in_place(nonce, aad, buffer, tag)
    }
}

impl RTCCryptoProvider for Tap {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn crypto(&self) -> &dyn RTCCrypto {
        self
    }

    fn random(&self) -> &dyn RTCRandom {
        self.inner.random()
    }
}

impl RTCCrypto for Tap {
    fn supports(&self, algorithm: CryptoAlgorithm) -> bool {
        self.inner.crypto().supports(algorithm)
    }

    fn hash(&self, algorithm: HashAlgorithm, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner.crypto().hash(algorithm, data)
    }

    fn block_encrypt(
        &self,
        algorithm: BlockCipherAlgorithm,
        key: &[u8],
        block: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.inner.crypto().block_encrypt(algorithm, key, block)
    }

    fn new_hmac(&self, algorithm: HmacAlgorithm, key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
        self.inner.crypto().new_hmac(algorithm, key)
    }

    fn new_stream_cipher(
        &self,
        algorithm: StreamCipherAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError> {
        self.inner.crypto().new_stream_cipher(algorithm, key)
    }

    fn new_aead(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn AeadCipher>, CryptoError> {
        Ok(Box::new(Tapped {
            inner: self.inner.crypto().new_aead(algorithm, key)?,
            key: key.to_vec(),
            sealing: Arc::clone(&self.sealing),
            opening: Arc::clone(&self.opening),
        }))
    }

    fn new_cbc(
        &self,
        algorithm: CbcAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn CbcCipher>, CryptoError> {
        self.inner.crypto().new_cbc(algorithm, key)
    }

    fn start_key_exchange(
        &self,
        algorithm: KeyExchangeAlgorithm,
    ) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        self.inner.crypto().start_key_exchange(algorithm)
    }

    fn generate_signing_key(
        &self,
        scheme: SignatureScheme,
    ) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.inner.crypto().generate_signing_key(scheme)
    }

    fn import_signing_key(
        &self,
        scheme: SignatureScheme,
        pkcs8_der: &[u8],
    ) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.inner.crypto().import_signing_key(scheme, pkcs8_der)
    }

    fn verify_signature(
        &self,
        scheme: SignatureScheme,
        key: PublicKey<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        self.inner
            .crypto()
            .verify_signature(scheme, key, message, signature)
    }
}
