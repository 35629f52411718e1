//! SRTCP by `rtc::srtp`, with guards around it.

use bytes::BytesMut;
use rtc::crypto::RTCCryptoProvider;
use rtc::srtp::context::Context;
use rtc::srtp::option::srtcp_replay_protection;
use rtc::srtp::protection_profile::ProtectionProfile;

use super::{KeyingMaterial, MasterKey, SrtpProfile};
use crate::crypto::PROVIDER;
use crate::error::{Error, Result, Status};

/// Size of the replay window in indices (RFC 3711 section 3.3.2 requires at least 64).
const REPLAY_WINDOW: usize = 64;

/// SSRCs that a viewer may send RTCP from. A browser uses one per media section.
const MAX_SOURCES: usize = 16;

/// Datagrams from unknown SSRCs after which the trial context is replaced.
const MAX_TRIALS: usize = 64;

/// RTCP header and SSRC, which are never encrypted (RFC 3711 section 3.4).
const CLEAR: usize = 8;

/// Bytes of the E flag and the SRTCP index.
const INDEX_LEN: usize = 4;

/// SRTCP of one session, both directions.
pub struct Srtcp {
    local: Context,
    remote: Context,
    /// SSRCs from which an authentic packet came; only theirs go to `remote`.
    sources: Vec<u32>,
    /// A context keeps state for every SSRC that it sees, forged ones included. So unknown SSRCs are
    /// tried with this one, which is replaced from time to time.
    trial: Context,
    trials: usize,
    profile: SrtpProfile,
    remote_key: MasterKey,
}

impl Srtcp {
    /// Derives the session keys.
    pub fn new(keys: &KeyingMaterial) -> Result<Srtcp> {
        Ok(Srtcp {
            local: context(keys.profile, &keys.local)?,
            remote: context(keys.profile, &keys.remote)?,
            sources: Vec::new(),
            trial: context(keys.profile, &keys.remote)?,
            trials: 0,
            profile: keys.profile,
            remote_key: keys.remote.clone(),
        })
    }

    /// Seals a compound packet of at least 8 bytes.
    pub fn protect(&mut self, compound: &[u8]) -> Result<BytesMut> {
        self.local.encrypt_rtcp(compound).map_err(|_| {
            Error::new(
                Status::InvalidArgument,
                "not an RTCP packet, so it cannot be sealed",
            )
        })
    }

    /// Decrypts a datagram. Fails if it is forged, replayed or not encrypted.
    pub fn unprotect(&mut self, datagram: &[u8]) -> Result<BytesMut> {
        if !self.encrypted(datagram) {
            return Err(rejected("it is too short, or not encrypted"));
        }
        let ssrc = u32::from_be_bytes([datagram[4], datagram[5], datagram[6], datagram[7]]);
        if !self.sources.contains(&ssrc) {
            self.authenticate_source(ssrc, datagram)?;
        }
        self.remote
            .decrypt_rtcp(datagram)
            .map_err(|_| rejected("it is forged or replayed"))
    }

    /// Whether it is long enough and marked as encrypted.
    ///
    /// The flag matters: without it, `rtc::srtp` accepts a packet of the AES-CM profile without
    /// checking its tag. Browsers always encrypt.
    fn encrypted(&self, datagram: &[u8]) -> bool {
        let tag_len = self.profile.tag_len();
        // With GCM the tag is part of the ciphertext, in front of the index (RFC 7714 section 9).
        let behind_index = match self.profile {
            SrtpProfile::Aes128CmSha1_80 => tag_len,
            SrtpProfile::AeadAes128Gcm => 0,
        };
        datagram.len() >= CLEAR + tag_len + INDEX_LEN
            && datagram[datagram.len() - behind_index - INDEX_LEN] & 0x80 != 0
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> (usize, usize) {
        (self.sources.len(), self.trials)
    }

    /// Remembers the sender of a datagram if it is authentic.
    fn authenticate_source(&mut self, ssrc: u32, datagram: &[u8]) -> Result<()> {
        if self.sources.len() == MAX_SOURCES {
            return Err(rejected("the viewer sends from too many SSRCs"));
        }
        if self.trials == MAX_TRIALS {
            self.trial = context(self.profile, &self.remote_key)?;
            self.trials = 0;
        }
        self.trials += 1;
        self.trial
            .decrypt_rtcp(datagram)
            .map_err(|_| rejected("it is forged"))?;
        self.sources.push(ssrc);
        Ok(())
    }
}

fn context(profile: SrtpProfile, master: &MasterKey) -> Result<Context> {
    let profile = match profile {
        SrtpProfile::Aes128CmSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        SrtpProfile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
    };
    Context::new(
        &master.key,
        &master.salt,
        profile,
        None,
        Some(srtcp_replay_protection(REPLAY_WINDOW)),
        PROVIDER.crypto(),
    )
    .map_err(|error| {
        Error::new(
            Status::InvalidArgument,
            format!("no SRTCP session with these keys: {error}"),
        )
    })
}

fn rejected(why: &str) -> Error {
    Error::new(
        Status::InvalidArgument,
        format!("an SRTCP packet was dropped: {why}"),
    )
}
