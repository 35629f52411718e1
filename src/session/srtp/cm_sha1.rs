//! AES128_CM_HMAC_SHA1_80 (RFC 3711).

use aes::Aes128Enc;
use ctr::cipher::{KeyInit, StreamCipher};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use zeroize::Zeroizing;

use super::kdf::{Label, derive, keystream};
use super::{MasterKey, Packet};
use crate::error::Result;

pub(super) const SALT_LEN: usize = 14;
pub(super) const TAG_LEN: usize = 10;

pub(super) struct CmSha1 {
    cipher: Aes128Enc,
    /// Keyed already; cloning it for a packet saves two of the hash's blocks.
    mac: Hmac<Sha1>,
    salt: Zeroizing<[u8; SALT_LEN]>,
}

impl CmSha1 {
    pub(super) fn new(master: &MasterKey) -> Result<CmSha1> {
        let key: Zeroizing<[u8; 16]> = derive(master, SALT_LEN, Label::Encryption)?;
        // A key of a whole block is used as it is (RFC 2104 section 2), so that zeros may follow.
        let mut auth = Zeroizing::new([0; 64]);
        let derived: Zeroizing<[u8; 20]> = derive(master, SALT_LEN, Label::Authentication)?;
        auth[..20].copy_from_slice(&*derived);
        Ok(CmSha1 {
            cipher: Aes128Enc::new(&(*key).into()),
            mac: Hmac::new(&(*auth).into()),
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

    pub(super) fn seal(&self, packet: &Packet<'_>, body: &mut [u8], tag: &mut [u8]) {
        let mut keystream = keystream(&self.cipher, &self.iv(packet));
        let (prefix, payload) = body.split_at_mut(packet.prefix.len());
        prefix.copy_from_slice(packet.prefix);
        keystream.apply_keystream(prefix);
        keystream.apply_keystream_b2b(packet.payload, payload);

        let roc = (packet.index >> 16) as u32;
        let mut mac = self.mac.clone();
        mac.update(packet.header);
        mac.update(body);
        mac.update(&roc.to_be_bytes());
        tag.copy_from_slice(&mac.finalize().into_bytes()[..TAG_LEN]);
    }
}
