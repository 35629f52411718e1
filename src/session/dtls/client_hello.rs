//! What the ClientHello offers, which is read before `rtc::dtls` sees it: the SRTP profile depends on it.

use super::inbound::Reader;
use crate::state::SrtpProfile;
use crate::tuning::SrtpPolicy;

const USE_SRTP: u16 = 14;

/// The SRTP profiles that a ClientHello offers, most preferred first (RFC 5764 section 4.1.1). Empty
/// if it offers no SRTP; `None` if it is malformed.
pub(super) fn srtp_profiles(body: &[u8]) -> Option<Vec<u16>> {
    let mut hello = Reader(body);
    hello.take(2 + 32)?; // version, random
    hello.take_prefixed::<1>()?; // session id
    hello.take_prefixed::<1>()?; // cookie
    hello.take_prefixed::<2>()?; // cipher suites
    hello.take_prefixed::<1>()?; // compression methods
    let mut extensions = Reader(hello.take_prefixed::<2>()?);
    while !extensions.0.is_empty() {
        let kind = extensions.take(2)?;
        let mut data = Reader(extensions.take_prefixed::<2>()?);
        if kind == USE_SRTP.to_be_bytes() {
            let (profiles, _) = data.take_prefixed::<2>()?.as_chunks::<2>();
            return Some(profiles.iter().map(|&p| u16::from_be_bytes(p)).collect());
        }
    }
    Some(Vec::new())
}

/// The profile to use; `None` if the viewer offers none that the policy allows.
pub(super) fn choose(policy: SrtpPolicy, offered: &[u16]) -> Option<SrtpProfile> {
    let allowed = allowed(policy);
    match policy {
        SrtpPolicy::PreferGcm | SrtpPolicy::GcmOnly => allowed
            .iter()
            .find(|profile| offered.contains(&profile.iana())),
        SrtpPolicy::Any => offered
            .iter()
            .find_map(|&number| allowed.iter().find(|profile| profile.iana() == number)),
    }
    .copied()
}

/// Why there is no profile in common, and what to do.
pub(super) fn nothing_in_common(policy: SrtpPolicy, offered: &[u16]) -> String {
    let allowed: Vec<&str> = allowed(policy).iter().map(|p| name(p.iana())).collect();
    let allowed = allowed.join(" or ");
    if offered.is_empty() {
        return format!(
            "the viewer offers no SRTP in its DTLS handshake, and {allowed} is needed; \
             is it a WebRTC client?"
        );
    }
    // A browser lists four at most.
    let names: Vec<String> = offered
        .iter()
        .take(8)
        .map(|&number| match name(number) {
            "" => format!("0x{number:04X}"),
            name => name.to_owned(),
        })
        .collect();
    let advice = match policy {
        SrtpPolicy::GcmOnly if offered.contains(&SrtpProfile::Aes128CmSha1_80.iana()) => {
            "; srtp_policy=prefer_gcm would accept this viewer"
        }
        _ => "; the viewer needs a newer browser",
    };
    format!(
        "the viewer offers the SRTP profiles {}, and the policy allows {allowed}{advice}",
        names.join(", ")
    )
}

/// The profiles of a policy, most preferred first.
pub(super) fn allowed(policy: SrtpPolicy) -> &'static [SrtpProfile] {
    match policy {
        SrtpPolicy::PreferGcm | SrtpPolicy::Any => {
            &[SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80]
        }
        SrtpPolicy::GcmOnly => &[SrtpProfile::AeadAes128Gcm],
    }
}

/// The IANA name of a profile; empty if unknown.
fn name(number: u16) -> &'static str {
    match number {
        0x0001 => "SRTP_AES128_CM_HMAC_SHA1_80",
        0x0002 => "SRTP_AES128_CM_HMAC_SHA1_32",
        0x0007 => "SRTP_AEAD_AES_128_GCM",
        0x0008 => "SRTP_AEAD_AES_256_GCM",
        _ => "",
    }
}
