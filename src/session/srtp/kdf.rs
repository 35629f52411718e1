//! Session keys from a master key (RFC 3711 section 4.3, AES-CM PRF).

use zeroize::Zeroizing;

use super::{MasterKey, without_cipher};
use crate::crypto::AesCtr;
use crate::error::{Error, Result, Status};

/// What a derived key of SRTP is for (RFC 3711 section 4.3.2). `rtc::srtp` derives those of SRTCP.
#[derive(Clone, Copy)]
pub(super) enum Label {
    Encryption = 0,
    Authentication = 1,
    Salt = 2,
}

/// Derives `N` bytes. The key derivation rate is zero, as in DTLS-SRTP.
///
/// A salt of 12 bytes (RFC 7714) counts as one of 14 that ends in zeros.
pub(super) fn derive<const N: usize>(
    master: &MasterKey,
    salt_len: usize,
    label: Label,
) -> Result<Zeroizing<[u8; N]>> {
    if master.salt.len() != salt_len || salt_len > 14 {
        return Err(Error::new(
            Status::InvalidArgument,
            format!(
                "the SRTP master salt has {} bytes, the profile wants {salt_len}",
                master.salt.len()
            ),
        ));
    }
    let mut iv = Zeroizing::new([0; 16]);
    iv[..salt_len].copy_from_slice(&master.salt);
    iv[7] ^= label as u8;
    let cipher = AesCtr::new(&master.key).map_err(without_cipher)?;
    let mut out = Zeroizing::new([0; N]);
    cipher.apply(&iv, &mut *out).map_err(without_cipher)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn test_vectors_of_rfc_3711_b_3() {
        let master = MasterKey {
            key: bytes("E1F97A0D3E018BE0D64FA32C06DE4139")
                .try_into()
                .unwrap(),
            salt: bytes("0EC675AD498AFEEBB6960B3AABE6"),
        };
        let key: Zeroizing<[u8; 16]> = derive(&master, 14, Label::Encryption).unwrap();
        let salt: Zeroizing<[u8; 14]> = derive(&master, 14, Label::Salt).unwrap();
        let auth: Zeroizing<[u8; 20]> = derive(&master, 14, Label::Authentication).unwrap();
        assert_eq!(key[..], bytes("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(salt[..], bytes("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(auth[..], bytes("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    }

    #[test]
    fn a_salt_of_the_other_profile_is_refused() {
        let master = MasterKey {
            key: [1; 16],
            salt: vec![2; 12],
        };
        let error = derive::<16>(&master, 14, Label::Encryption).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument);
    }
}
