//! SRTP for media, sealed out of place into the datagram buffer; SRTCP by `rtc::srtp`.

use crate::error::Result;

/// A DTLS-SRTP protection profile that this library speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SrtpProfile {
    /// SRTP_AES128_CM_HMAC_SHA1_80 (RFC 5764 section 4.1.2).
    Aes128CmSha1_80,
    /// SRTP_AEAD_AES_128_GCM (RFC 7714 section 14.2).
    AeadAes128Gcm,
}

impl SrtpProfile {
    /// Its IANA number.
    pub const fn iana(self) -> u16 {
        match self {
            SrtpProfile::Aes128CmSha1_80 => 0x0001,
            SrtpProfile::AeadAes128Gcm => 0x0007,
        }
    }

    /// Bytes of the authentication tag of an SRTP packet.
    pub const fn tag_len(self) -> usize {
        match self {
            SrtpProfile::Aes128CmSha1_80 => 10,
            SrtpProfile::AeadAes128Gcm => 16,
        }
    }

    /// Bytes of the master salt.
    pub const fn salt_len(self) -> usize {
        match self {
            SrtpProfile::Aes128CmSha1_80 => 14,
            SrtpProfile::AeadAes128Gcm => 12,
        }
    }
}

/// Master key and salt of one direction.
#[derive(Clone)]
pub struct MasterKey {
    /// AES-128 key.
    pub key: [u8; 16],
    /// [`SrtpProfile::salt_len`] bytes.
    pub salt: Vec<u8>,
}

/// What DTLS gives SRTP (RFC 5764 section 4.2).
pub struct KeyingMaterial {
    /// The profile chosen.
    pub profile: SrtpProfile,
    /// For what we send.
    pub local: MasterKey,
    /// For what the viewer sends.
    pub remote: MasterKey,
}

/// Seals RTP packets of one session, any SSRC.
pub struct RtpSealer {}

impl RtpSealer {
    /// Derives the session keys.
    pub fn new(keys: &KeyingMaterial) -> Result<RtpSealer> {
        let _ = keys;
        todo!()
    }

    /// Bytes that sealing adds to a packet.
    pub fn tag_len(&self) -> usize {
        todo!()
    }

    /// Appends a sealed packet to `out`: header, encrypted payload (`prefix` then `payload`), tag.
    ///
    /// `index` is the packet index, 2^16 * ROC + SEQ (RFC 3711 section 3.3.1), whose low 16 bits
    /// and SSRC are those in `header`. An index must never be used for two different packets of
    /// one SSRC. An empty `prefix` is the quick way: no copy of the payload is made.
    pub fn seal(
        &mut self,
        index: u64,
        header: &[u8],
        prefix: &[u8],
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        let _ = (index, header, prefix, payload, out);
        todo!()
    }
}

/// SRTCP of one session, both directions.
pub struct Srtcp {}

impl Srtcp {
    /// Derives the session keys.
    pub fn new(keys: &KeyingMaterial) -> Result<Srtcp> {
        let _ = keys;
        todo!()
    }

    /// Seals a compound packet.
    pub fn protect(&mut self, compound: &[u8]) -> Result<bytes::BytesMut> {
        let _ = compound;
        todo!()
    }

    /// Opens a datagram; fails if it is forged or replayed.
    pub fn unprotect(&mut self, datagram: &[u8]) -> Result<bytes::BytesMut> {
        let _ = datagram;
        todo!()
    }
}
