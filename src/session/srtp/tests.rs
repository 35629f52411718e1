use rtc::crypto::RTCCryptoProvider;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::srtp::context::Context;
use rtc::srtp::option::srtp_replay_protection;
use rtc::srtp::protection_profile::ProtectionProfile;

use super::*;

const PROFILES: [SrtpProfile; 2] = [SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80];

fn keys(profile: SrtpProfile) -> KeyingMaterial {
    let master = |seed: u8| MasterKey {
        key: std::array::from_fn(|i| seed.wrapping_mul(31).wrapping_add(i as u8 * 7)),
        salt: (0..profile.salt_len())
            .map(|i| seed ^ (i as u8 * 13))
            .collect(),
    };
    KeyingMaterial {
        profile,
        local: master(1),
        remote: master(2),
    }
}

/// What the other end holds: our `local` is its `remote`.
fn mirrored(keys: &KeyingMaterial) -> KeyingMaterial {
    KeyingMaterial {
        profile: keys.profile,
        local: keys.remote.clone(),
        remote: keys.local.clone(),
    }
}

fn reference(profile: SrtpProfile, master: &MasterKey) -> Context {
    let profile = match profile {
        SrtpProfile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        SrtpProfile::Aes128CmSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    Context::new(
        &master.key,
        &master.salt,
        profile,
        Some(srtp_replay_protection(64)),
        None,
        AwsLcRsProvider::new().crypto(),
    )
    .unwrap()
}

/// Marker, payload type 102, SSRC 0xdecafbad; `extension` holds whole words of one-byte form.
fn header(seq: u16, extension: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80, 0xe6];
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(&[0, 1, 2, 3, 0xde, 0xca, 0xfb, 0xad]);
    if !extension.is_empty() {
        out[0] |= 0x10;
        out.extend_from_slice(&[0xbe, 0xde, 0, (extension.len() / 4) as u8]);
        out.extend_from_slice(extension);
    }
    out
}

fn seal(sealer: &RtpSealer, index: u64, header: &[u8], prefix: &[u8], payload: &[u8]) -> Vec<u8> {
    let len = header.len() + prefix.len() + payload.len() + sealer.tag_len();
    let mut out = vec![0xa5; len];
    sealer
        .seal(index, header, prefix, payload, &mut out)
        .unwrap();
    out
}

#[test]
fn every_byte_is_as_rtc_srtp_has_it() {
    let payload: Vec<u8> = (0..1200u32).map(|i| (i * i) as u8).collect();
    for profile in PROFILES {
        let keys = keys(profile);
        let sealer = RtpSealer::new(&keys).unwrap();
        let mut encrypt = reference(profile, &keys.local);
        let mut decrypt = reference(profile, &keys.local);
        // Over the first roll-over of the sequence number and the second.
        for (n, index) in (65_000u64..140_000).step_by(97).enumerate() {
            let extension: &[u8] = if n % 3 == 0 { &[0x52, 0, 0, 0] } else { &[] };
            let body = &payload[..[0, 1, 15, 16, 17, 63, 64, 812, 1200][n % 9]];
            let (prefix, rest) = body.split_at([0, 2, 19][n % 3].min(body.len()));
            let header = header(index as u16, extension);
            let sealed = seal(&sealer, index, &header, prefix, rest);

            let mut plain = header.clone();
            plain.extend_from_slice(body);
            assert_eq!(sealed, encrypt.encrypt_rtp(&plain).unwrap(), "{index}");
            assert_eq!(decrypt.decrypt_rtp(&sealed).unwrap(), plain, "{index}");
        }
    }
}

#[test]
fn prefix_and_payload_are_one_plaintext() {
    for profile in PROFILES {
        let sealer = RtpSealer::new(&keys(profile)).unwrap();
        let header = header(7, &[]);
        let whole = seal(&sealer, 0x5_0007, &header, &[], b"0123456789abcdefghij");
        for cut in 0..20 {
            let (prefix, payload) = b"0123456789abcdefghij".split_at(cut);
            assert_eq!(seal(&sealer, 0x5_0007, &header, prefix, payload), whole);
        }
    }
}

#[test]
fn another_index_gives_another_packet_and_the_largest_index_works() {
    for profile in PROFILES {
        let sealer = RtpSealer::new(&keys(profile)).unwrap();
        let header = header(0xffff, &[]);
        let last = seal(&sealer, INDEX_END - 1, &header, &[], b"payload");
        let first = seal(&sealer, 0xffff, &header, &[], b"payload");
        assert_ne!(last, first);
    }
}

#[test]
fn arguments_that_do_not_fit_are_refused() {
    for profile in PROFILES {
        let sealer = RtpSealer::new(&keys(profile)).unwrap();
        let header = header(9, &[]);
        let tag = sealer.tag_len();
        let refuse = |index, header: &[u8], len: usize| {
            let error = sealer.seal(index, header, &[], b"abc", &mut vec![0; len]);
            assert_eq!(error.unwrap_err().status(), Status::InvalidArgument);
        };
        refuse(9, &header, 12 + 3 + tag - 1);
        refuse(9, &header, 12 + 3 + tag + 1);
        refuse(9, &header, 0);
        refuse(8, &header, 12 + 3 + tag);
        refuse(INDEX_END + 9, &header, 12 + 3 + tag);
        refuse(9, &header[..11], 11 + 3 + tag);
        refuse(9, &[], 3 + tag);
    }
}

#[test]
fn a_salt_of_wrong_length_is_refused() {
    for profile in PROFILES {
        for len in [0, 11, 13, 15, 40] {
            let mut keys = keys(profile);
            keys.local.salt = vec![0; len];
            keys.remote.salt = vec![0; len];
            assert!(RtpSealer::new(&keys).is_err());
            assert!(Srtcp::new(&keys).is_err());
        }
    }
}

/// An empty receiver report.
fn report(ssrc: u32) -> Vec<u8> {
    let mut out = vec![0x80, 201, 0, 1];
    out.extend_from_slice(&ssrc.to_be_bytes());
    out
}

#[test]
fn srtcp_goes_there_and_back_once() {
    for profile in PROFILES {
        let keys = keys(profile);
        let mut gateway = Srtcp::new(&keys).unwrap();
        let mut viewer = Srtcp::new(&mirrored(&keys)).unwrap();
        for ssrc in [1, 1, 2, 1] {
            let sealed = viewer.protect(&report(ssrc)).unwrap();
            assert_eq!(gateway.unprotect(&sealed).unwrap(), report(ssrc));
            assert!(gateway.unprotect(&sealed).is_err(), "replayed");
            let sealed = gateway.protect(&report(ssrc)).unwrap();
            assert_eq!(viewer.unprotect(&sealed).unwrap(), report(ssrc));
        }
        assert!(gateway.protect(&[]).is_err());
        assert!(gateway.protect(&[0x80, 201, 0, 1]).is_err());
    }
}

#[test]
fn forged_srtcp_leaves_nothing_behind() {
    for profile in PROFILES {
        let keys = keys(profile);
        let mut gateway = Srtcp::new(&keys).unwrap();
        let mut viewer = Srtcp::new(&mirrored(&keys)).unwrap();
        let first = viewer.protect(&report(1)).unwrap();
        gateway.unprotect(&first).unwrap();

        let mut numbers = fastrand::Rng::with_seed(1);
        for _ in 0..100_000 {
            let mut forged = first.to_vec();
            forged[4..8].copy_from_slice(&numbers.u32(..).to_be_bytes());
            assert!(gateway.unprotect(&forged).is_err());
        }
        let (sources, trials) = gateway.remembered();
        assert_eq!(sources, 1);
        assert!(trials <= 64);
        assert!(gateway.unprotect(&first).is_err(), "replay still noticed");
        let second = viewer.protect(&report(1)).unwrap();
        gateway.unprotect(&second).unwrap();
    }
}

#[test]
fn srtcp_that_claims_not_to_be_encrypted_is_refused() {
    for profile in PROFILES {
        let mut gateway = Srtcp::new(&keys(profile)).unwrap();
        // A picture loss indication, E flag clear, any index, any tag.
        let mut forged = vec![0x81, 206, 0, 2, 0, 0, 0, 1, 0xde, 0xca, 0xfb, 0xad];
        forged.extend_from_slice(&[0; 4 + 16]);
        for len in 0..=forged.len() {
            assert!(gateway.unprotect(&forged[..len]).is_err(), "{len}");
        }
    }
}

#[test]
fn a_viewer_has_a_limited_number_of_sources() {
    let keys = keys(SrtpProfile::AeadAes128Gcm);
    let mut gateway = Srtcp::new(&keys).unwrap();
    let mut viewer = Srtcp::new(&mirrored(&keys)).unwrap();
    let accepted = (0..1000)
        .filter(|&ssrc| {
            let sealed = viewer.protect(&report(ssrc)).unwrap();
            gateway.unprotect(&sealed).is_ok()
        })
        .count();
    assert_eq!(accepted, 16);
    assert_eq!(gateway.remembered().0, 16);
}

#[test]
fn garbage_does_not_panic() {
    let mut numbers = fastrand::Rng::with_seed(2);
    for profile in PROFILES {
        let keys = keys(profile);
        let mut gateway = Srtcp::new(&keys).unwrap();
        let mut viewer = Srtcp::new(&mirrored(&keys)).unwrap();
        for round in 0..20_000 {
            let mut datagram: Vec<u8> = if round % 2 == 0 {
                viewer.protect(&report(1)).unwrap().to_vec()
            } else {
                (0..numbers.u32(..) % 80)
                    .map(|_| numbers.u32(..) as u8)
                    .collect()
            };
            if let Some(first) = datagram.first_mut() {
                *first = 0x80 | *first & 0x3f;
            }
            datagram.truncate(numbers.u32(..) as usize % (datagram.len() + 1));
            let flip = numbers.u32(..) as usize;
            if let Some(byte) = datagram.get_mut(flip % 64) {
                *byte ^= 1 << (flip % 8);
            }
            let _ = gateway.unprotect(&datagram);
        }
    }
}
