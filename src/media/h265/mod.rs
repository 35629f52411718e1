//! H.265 in the parts that a gateway needs: NAL unit types, parameter sets, slice headers.

mod syntax;

use super::bits::Bits;
use super::parameter_sets::Sets;
pub use syntax::{Pps, ProfileTierLevel, Slice, Sps, pps_of};

/// `nal_unit_type` values (ITU-T H.265 table 7-1) that the gateway handles specially.
pub mod nal_type {
    /// The first type of a leading picture, which is shown before the IRAP picture that it follows.
    pub const FIRST_LEADING: u8 = 6;
    /// The last type of a leading picture.
    pub const LAST_LEADING: u8 = 9;
    /// The first type of an IRAP picture (BLA, IDR, CRA), where decoding can start.
    pub const FIRST_IRAP: u8 = 16;
    /// IDR pictures have this type or the next one.
    pub const IDR: u8 = 19;
    /// A CRA picture, the only type of an IRAP picture with others before it that count.
    pub const CRA: u8 = 21;
    /// The last type of an IRAP picture.
    pub const LAST_IRAP: u8 = 23;
    /// The last type of a slice. Types 0 to 31 hold slices.
    pub const LAST_SLICE: u8 = 31;
    /// Video parameter set.
    pub const VPS: u8 = 32;
    /// Sequence parameter set.
    pub const SPS: u8 = 33;
    /// Picture parameter set.
    pub const PPS: u8 = 34;
    /// Access unit delimiter.
    pub const AUD: u8 = 35;
    /// Filler data. End of sequence and end of bitstream lie between it and the delimiter.
    pub const FILLER: u8 = 38;
    /// Supplemental enhancement information in front of the picture.
    pub const PREFIX_SEI: u8 = 39;
    /// The last type that may be sent unchanged; RTP uses the ones above for itself
    /// (RFC 7798 section 4.4).
    pub const LAST: u8 = 47;
}

/// Bytes of a NAL unit header.
pub const NAL_HEADER: usize = 2;

/// `nal_unit_type` of a NAL unit; `None` if it is shorter than its header, its `forbidden_zero_bit` is
/// set, or its `nuh_temporal_id_plus1` is 0.
pub fn nal_type(nal: &[u8]) -> Option<u8> {
    let [first, second, ..] = *nal else {
        return None;
    };
    (first & 0x80 == 0 && second & 0x07 != 0).then_some(first >> 1)
}

/// Whether it is a VPS, an SPS or a PPS.
pub fn is_set(nal: &[u8]) -> bool {
    matches!(nal_type(nal), Some(nal_type::VPS..=nal_type::PPS))
}

/// The id of a VPS, SPS or PPS; `None` if it is malformed.
pub fn set_id(set: &[u8]) -> Option<u32> {
    let mut bits = Bits::new(set.get(NAL_HEADER..)?);
    match nal_type(set)? {
        nal_type::VPS => bits.read(4),
        nal_type::SPS => Some(syntax::sps_begin(&mut bits)?.1),
        nal_type::PPS => bits.ue().filter(|&id| id < 64),
        _ => None,
    }
}

/// Parameter sets, without start codes or lengths: one of each kind at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSets {
    /// Video parameter sets.
    pub vps: Sets,
    /// Sequence parameter sets; the first one says what viewers are told.
    pub sps: Sets,
    /// Picture parameter sets.
    pub pps: Sets,
}

impl ParameterSets {
    /// Profile, tier and level; `None` if the SPS does not parse.
    pub fn profile_tier_level(&self) -> Option<ProfileTierLevel> {
        Some(Sps::read(self.sps.first())?.profile)
    }

    /// Width and height in pixels, after cropping; `None` if the SPS does not parse.
    pub fn dimensions(&self) -> Option<(u32, u32)> {
        Some(Sps::read(self.sps.first())?.dimensions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::testing::{H265_SPS, h265_sets, noise, other_h265_sets};
    use bytes::Bytes;
    use fastrand::Rng;

    #[test]
    fn parameter_sets_tell_profile_and_dimensions() {
        let profile = ProfileTierLevel {
            profile_space: 0,
            profile_id: 1,
            tier_flag: 0,
            level_id: 120,
        };
        assert_eq!(h265_sets().profile_tier_level(), Some(profile));
        assert_eq!(h265_sets().dimensions(), Some((1920, 1080)));
        let profile = ProfileTierLevel {
            level_id: 63,
            ..profile
        };
        assert_eq!(other_h265_sets().profile_tier_level(), Some(profile));
        assert_eq!(other_h265_sets().dimensions(), Some((640, 360)));
    }

    #[test]
    fn sub_layers_are_passed_over() {
        // Three sub-layers: the first with profile and level, the second with a level.
        let mut bits = String::from("0000 010 1");
        bits += "00 0 00010";
        bits += &"0".repeat(31);
        bits += "1";
        bits += &"0".repeat(48);
        bits += "01011101";
        bits += "11 01";
        bits += &"00".repeat(6);
        bits += &"1".repeat(88 + 8);
        bits += &"1".repeat(8);
        // Set 0, 4:2:2, 16x9, window 0, 1 (2 pixels), 2, 0.
        bits += "1 011 000010001 0001010 1 1 010 011 1";
        let bits: Vec<u8> = bits.bytes().filter(u8::is_ascii_digit).collect();
        let bytes = bits.chunks(8).map(|byte| {
            let value = byte.iter().fold(0, |value, bit| value << 1 | (bit & 1));
            value << (8 - byte.len())
        });
        let mut sps = vec![0x42, 0x01];
        for byte in bytes {
            if sps.ends_with(&[0, 0]) && byte <= 3 {
                sps.push(3);
            }
            sps.push(byte);
        }
        let sets = ParameterSets {
            sps: Bytes::from(sps).into(),
            ..h265_sets()
        };
        let profile = ProfileTierLevel {
            profile_space: 0,
            profile_id: 2,
            tier_flag: 0,
            level_id: 93,
        };
        assert_eq!(sets.profile_tier_level(), Some(profile));
        assert_eq!(sets.dimensions(), Some((14, 7)));
    }

    #[test]
    fn no_sps_is_too_broken_to_ask() {
        let mut random = Rng::with_seed(1);
        for round in 0..20_000 {
            let mut sps = if round % 2 == 0 {
                let len = random.usize(..60);
                noise(len, &mut random)
            } else {
                H265_SPS[..random.usize(..H265_SPS.len() + 1)].to_vec()
            };
            for _ in 0..random.usize(..4) {
                let at = random.usize(..sps.len().max(1));
                if let Some(byte) = sps.get_mut(at) {
                    *byte ^= 1 << random.usize(..8);
                }
            }
            if round % 4 < 2 && sps.len() > 1 {
                sps[..2].copy_from_slice(&[0x42, 0x01]);
            }
            let sets = ParameterSets {
                sps: Bytes::from(sps).into(),
                ..h265_sets()
            };
            sets.profile_tier_level();
            sets.dimensions();
        }
    }

    #[test]
    fn the_type_needs_a_header_that_makes_sense() {
        assert_eq!(nal_type(&[]), None);
        assert_eq!(nal_type(&[0x42]), None);
        assert_eq!(nal_type(&[0xc2, 0x01]), None);
        assert_eq!(nal_type(&[0x42, 0x08]), None);
        assert_eq!(nal_type(&[0x42, 0x01]), Some(nal_type::SPS));
    }
}
