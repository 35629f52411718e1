//! AEAD_AES_128_GCM (RFC 7714).

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::kdf::{Label, derive};
use super::{MasterKey, Packet};
use crate::error::{Error, Result, Status};

pub(super) const SALT_LEN: usize = 12;
pub(super) const TAG_LEN: usize = 16;

pub(super) struct Gcm {
    key: LessSafeKey,
    salt: Zeroizing<[u8; SALT_LEN]>,
}

impl Gcm {
    pub(super) fn new(master: &MasterKey) -> Result<Gcm> {
        Gcm::with_session_key(
            &*derive(master, SALT_LEN, Label::Encryption)?,
            derive(master, SALT_LEN, Label::Salt)?,
        )
    }

    fn with_session_key(key: &[u8; 16], salt: Zeroizing<[u8; SALT_LEN]>) -> Result<Gcm> {
        let key = UnboundKey::new(&AES_128_GCM, key).map_err(|_| failed())?;
        Ok(Gcm {
            key: LessSafeKey::new(key),
            salt,
        })
    }

    /// RFC 7714 section 8.1: two zeros, SSRC, ROC and SEQ, XORed with the salt.
    fn nonce(&self, packet: &Packet<'_>) -> Nonce {
        let mut nonce = [0; SALT_LEN];
        nonce[2..6].copy_from_slice(&packet.ssrc.to_be_bytes());
        nonce[6..].copy_from_slice(&packet.index.to_be_bytes()[2..]);
        for (byte, salt) in nonce.iter_mut().zip(self.salt.iter()) {
            *byte ^= salt;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    pub(super) fn seal(&self, packet: &Packet<'_>, body: &mut [u8], tag: &mut [u8]) -> Result<()> {
        let nonce = self.nonce(packet);
        let aad = Aad::from(packet.header);
        if packet.prefix.is_empty() {
            return self
                .key
                .seal_out_of_place_scatter(nonce, aad, packet.payload, body, &[], tag)
                .map_err(|_| failed());
        }
        let (prefix, payload) = body.split_at_mut(packet.prefix.len());
        prefix.copy_from_slice(packet.prefix);
        payload.copy_from_slice(packet.payload);
        self.key
            .seal_in_place_scatter(nonce, aad, body, &[], tag)
            .map_err(|_| failed())
    }
}

fn failed() -> Error {
    Error::new(
        Status::InvalidArgument,
        "AES-128-GCM refused the key or the packet",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7714 section 16.1.1.
    #[test]
    fn test_vector_of_the_rfc() {
        let key: [u8; 16] = std::array::from_fn(|i| i as u8);
        let gcm = Gcm::with_session_key(&key, Zeroizing::new(*b"Quid pro quo")).unwrap();
        let header = [
            0x80, 0x40, 0xf1, 0x7b, 0x80, 0x41, 0xf8, 0xd3, 0x55, 0x01, 0xa0, 0xb2,
        ];
        let payload = b"Gallia est omnis divisa in partes tres";
        let packet = Packet {
            index: 0xf17b,
            ssrc: 0x5501_a0b2,
            header: &header,
            prefix: &[],
            payload,
        };
        let mut body = [0; 38];
        let mut tag = [0; TAG_LEN];
        gcm.seal(&packet, &mut body, &mut tag).unwrap();
        assert_eq!(
            body,
            [
                0xf2, 0x4d, 0xe3, 0xa3, 0xfb, 0x34, 0xde, 0x6c, 0xac, 0xba, 0x86, 0x1c, 0x9d, 0x7e,
                0x4b, 0xca, 0xbe, 0x63, 0x3b, 0xd5, 0x0d, 0x29, 0x4e, 0x6f, 0x42, 0xa5, 0xf4, 0x7a,
                0x51, 0xc7, 0xd1, 0x9b, 0x36, 0xde, 0x3a, 0xdf, 0x88, 0x33,
            ]
        );
        assert_eq!(
            tag,
            [
                0x89, 0x9d, 0x7f, 0x27, 0xbe, 0xb1, 0x6a, 0x91, 0x52, 0xcf, 0x76, 0x5e, 0xe4, 0x39,
                0x0c, 0xce,
            ]
        );
    }
}
