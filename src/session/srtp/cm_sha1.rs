//! AES128_CM_HMAC_SHA1_80 (RFC 3711).

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::kdf::{Label, derive};
use super::{MasterKey, Packet, without_cipher};
use crate::crypto::AesCtr;
use crate::error::Result;

pub(super) const SALT_LEN: usize = 14;
pub(super) const TAG_LEN: usize = 10;

pub(super) struct CmSha1 {
    cipher: AesCtr,
    /// Keyed already, which saves two of the hash's blocks for each packet.
    mac: hmac::Key,
    salt: Zeroizing<[u8; SALT_LEN]>,
}

impl CmSha1 {
    pub(super) fn new(master: &MasterKey) -> Result<CmSha1> {
        let key: Zeroizing<[u8; 16]> = derive(master, SALT_LEN, Label::Encryption)?;
        let auth: Zeroizing<[u8; 20]> = derive(master, SALT_LEN, Label::Authentication)?;
        Ok(CmSha1 {
            cipher: AesCtr::new(&key).map_err(without_cipher)?,
            mac: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &*auth),
            salt: derive(master, SALT_LEN, Label::Salt)?,
        })
    }

    /// RFC 3711 section 4.1.1: salt * 2^16 XOR SSRC * 2^64 XOR index * 2^16.
    fn iv(&self, packet: &Packet<'_>) -> [u8; 16] {
        let mut iv = [0; 16];
        iv[4..8].copy_from_slice(&packet.ssrc.to_be_bytes());
        iv[8..14].copy_from_slice(&packet.index.to_be_bytes()[2..]);
        for (byte, salt) in iv.iter_mut().zip(self.salt.iter()) {
            *byte ^= salt;
        }
        iv
    }

    pub(super) fn seal(&self, packet: &Packet<'_>, body: &mut [u8], tag: &mut [u8]) -> Result<()> {
        let (prefix, payload) = body.split_at_mut(packet.prefix.len());
        prefix.copy_from_slice(packet.prefix);
        payload.copy_from_slice(packet.payload);
        let encrypted = self.cipher.apply(&self.iv(packet), body);
        encrypted.map_err(without_cipher)?;

        let roc = (packet.index >> 16) as u32;
        let mut mac = hmac::Context::with_key(&self.mac);
        mac.update(packet.header);
        mac.update(body);
        mac.update(&roc.to_be_bytes());
        tag.copy_from_slice(&mac.sign().as_ref()[..TAG_LEN]);
        Ok(())
    }
}
