//! SRTP for media, sealed out of place into the datagram buffer; SRTCP by `rtc::srtp`.

mod cm_sha1;
mod gcm;
mod kdf;
mod srtcp;

use zeroize::Zeroize;

use self::cm_sha1::CmSha1;
use self::gcm::Gcm;
pub use self::srtcp::Srtcp;
use crate::crypto::Refused;
use crate::error::{Error, Result, Status};
use crate::state::SrtpProfile;

impl SrtpProfile {
    /// Bytes of the authentication tag of an SRTP packet.
    pub const fn tag_len(self) -> usize {
        match self {
            SrtpProfile::Aes128CmSha1_80 => cm_sha1::TAG_LEN,
            SrtpProfile::AeadAes128Gcm => gcm::TAG_LEN,
        }
    }

    /// Bytes of the master salt.
    pub const fn salt_len(self) -> usize {
        match self {
            SrtpProfile::Aes128CmSha1_80 => cm_sha1::SALT_LEN,
            SrtpProfile::AeadAes128Gcm => gcm::SALT_LEN,
        }
    }
}

/// Master key and salt of one direction. Wiped when dropped.
#[derive(Clone)]
pub struct MasterKey {
    /// AES-128 key.
    pub key: [u8; 16],
    /// [`SrtpProfile::salt_len`] bytes.
    pub salt: Vec<u8>,
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.key.zeroize();
        self.salt.zeroize();
    }
}

/// The keys that DTLS exports for SRTP (RFC 5764 section 4.2).
pub struct KeyingMaterial {
    /// The profile chosen.
    pub profile: SrtpProfile,
    /// For what we send.
    pub local: MasterKey,
    /// For what the viewer sends.
    pub remote: MasterKey,
}

/// Bytes of the fixed RTP header (RFC 3550 section 5.1).
const RTP_HEADER: usize = 12;

/// The first packet index that SRTP cannot express: ROC has 32 bits, SEQ 16 (RFC 3711 section
/// 3.3.1).
const INDEX_END: u64 = 1 << 48;

/// One packet to seal.
struct Packet<'a> {
    index: u64,
    ssrc: u32,
    header: &'a [u8],
    prefix: &'a [u8],
    payload: &'a [u8],
}

enum Cipher {
    Gcm(Gcm),
    CmSha1(Box<CmSha1>),
}

/// Seals the RTP packets of one session, whatever their SSRC.
pub struct RtpSealer {
    cipher: Cipher,
    tag_len: usize,
}

impl RtpSealer {
    /// Derives the session keys for what we send.
    ///
    /// Fails with `Status::InvalidArgument` if the salt has the wrong length for the profile.
    pub fn new(keys: &KeyingMaterial) -> Result<RtpSealer> {
        let cipher = match keys.profile {
            SrtpProfile::AeadAes128Gcm => Cipher::Gcm(Gcm::new(&keys.local)?),
            SrtpProfile::Aes128CmSha1_80 => Cipher::CmSha1(Box::new(CmSha1::new(&keys.local)?)),
        };
        Ok(RtpSealer {
            cipher,
            tag_len: keys.profile.tag_len(),
        })
    }

    /// Bytes that sealing adds to a packet: 10 or 16.
    pub fn tag_len(&self) -> usize {
        self.tag_len
    }

    /// Writes a sealed packet to `out`: header, encrypted payload (`prefix` then `payload`), tag.
    ///
    /// `index` is the packet index, 2^16 * ROC + SEQ (RFC 3711 section 3.3.1), below 2^48. Its low
    /// 16 bits are the sequence number in `header`, which is the whole RTP header with extensions;
    /// the SSRC is read from it. `out` is as long as all parts and the tag together. An index must
    /// never be used for two different packets of one SSRC: that would reveal the plaintext.
    ///
    /// With an empty `prefix`, which is the fast path, the payload is encrypted straight into `out`.
    ///
    /// Fails with `Status::InvalidArgument` if the arguments are inconsistent.
    pub fn seal(
        &self,
        index: u64,
        header: &[u8],
        prefix: &[u8],
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        let body_len = prefix.len() + payload.len();
        if out.len() != header.len() + body_len + self.tag_len {
            return Err(refused(
                "the buffer must have exactly the size of the sealed packet",
            ));
        }
        if header.len() < RTP_HEADER {
            return Err(refused("an RTP header has at least 12 bytes"));
        }
        if index >= INDEX_END {
            return Err(refused("an SRTP packet index has 48 bits"));
        }
        if (index as u16).to_be_bytes() != header[2..4] {
            return Err(refused(
                "the packet index does not match the sequence number in the header",
            ));
        }
        let packet = Packet {
            index,
            ssrc: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
            header,
            prefix,
            payload,
        };
        let (out_header, rest) = out.split_at_mut(header.len());
        let (body, tag) = rest.split_at_mut(body_len);
        out_header.copy_from_slice(header);
        match &self.cipher {
            Cipher::Gcm(cipher) => cipher.seal(&packet, body, tag),
            Cipher::CmSha1(cipher) => cipher.seal(&packet, body, tag),
        }
    }
}

fn without_cipher(_: Refused) -> Error {
    Error::new(
        Status::InvalidArgument,
        "AES in counter mode refused the key or the packet",
    )
}

fn refused(why: &str) -> Error {
    Error::new(
        Status::InvalidArgument,
        format!("the RTP packet cannot be sealed: {why}"),
    )
}

#[cfg(test)]
mod tests;
