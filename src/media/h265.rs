//! H.265 in the parts that a gateway needs: NAL unit types and parameter sets.

use bytes::Bytes;
use h264_reader::rbsp::{BitRead, BitReader, BitReaderError, ByteReader};

/// `nal_unit_type` values (ITU-T H.265 table 7-1) that the gateway handles specially.
pub mod nal_type {
    /// The first type of an IRAP picture (BLA, IDR, CRA), where decoding can start.
    pub const FIRST_IRAP: u8 = 16;
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

/// One VPS, one SPS and one PPS, without start codes or lengths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSets {
    /// Video parameter set.
    pub vps: Bytes,
    /// Sequence parameter set.
    pub sps: Bytes,
    /// Picture parameter set.
    pub pps: Bytes,
}

/// What a decoder must support (ITU-T H.265 section 7.4.4), as RFC 7798 section 7.1 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProfileTierLevel {
    /// `general_profile_space`, 0 in everything that is standardized.
    pub profile_space: u8,
    /// `general_profile_idc`: 1 is Main, 2 Main 10, 4 the range extensions.
    pub profile_id: u8,
    /// `general_tier_flag`: 0 is Main, 1 High.
    pub tier_flag: u8,
    /// `general_level_idc`: 30 times the level.
    pub level_id: u8,
}

/// The fields of an SPS that the gateway reads.
struct Sps {
    profile: ProfileTierLevel,
    dimensions: (u32, u32),
}

impl ParameterSets {
    /// Profile, tier and level; `None` if the SPS does not parse.
    pub fn profile_tier_level(&self) -> Option<ProfileTierLevel> {
        Some(self.sps()?.profile)
    }

    /// Width and height in pixels, after cropping; `None` if the SPS does not parse.
    pub fn dimensions(&self) -> Option<(u32, u32)> {
        Some(self.sps()?.dimensions)
    }

    fn sps(&self) -> Option<Sps> {
        let body = self.sps.get(NAL_HEADER..)?;
        (nal_type(&self.sps)? == nal_type::SPS)
            .then(|| read_sps(BitReader::new(ByteReader::without_skip(body))).ok())?
    }
}

/// ITU-T H.265 section 7.3.2.2.1, up to the conformance window.
fn read_sps(mut bits: impl BitRead) -> Result<Sps, BitReaderError> {
    bits.skip(4, "sps_video_parameter_set_id")?;
    let sub_layers: u32 = bits.read(3, "sps_max_sub_layers_minus1")?;
    bits.skip(1, "sps_temporal_id_nesting_flag")?;
    let profile = read_profile_tier_level(&mut bits, sub_layers)?;
    bits.read_ue("sps_seq_parameter_set_id")?;
    let chroma_format = bits.read_ue("chroma_format_idc")?;
    if chroma_format == 3 {
        bits.skip(1, "separate_colour_plane_flag")?;
    }
    let mut width = bits.read_ue("pic_width_in_luma_samples")?;
    let mut height = bits.read_ue("pic_height_in_luma_samples")?;
    if bits.read_bool("conformance_window_flag")? {
        let (unit_x, unit_y) = match chroma_format {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        for (size, unit) in [(&mut width, unit_x), (&mut height, unit_y)] {
            for name in [
                "conf_win_offset_left_or_top",
                "conf_win_offset_right_or_bottom",
            ] {
                *size = size.saturating_sub(bits.read_ue(name)?.saturating_mul(unit));
            }
        }
    }
    Ok(Sps {
        profile,
        dimensions: (width, height),
    })
}

/// ITU-T H.265 section 7.3.3 with a profile present.
fn read_profile_tier_level(
    bits: &mut impl BitRead,
    sub_layers: u32,
) -> Result<ProfileTierLevel, BitReaderError> {
    let profile_space = bits.read(2, "general_profile_space")?;
    let tier_flag = bits.read(1, "general_tier_flag")?;
    let profile_id = bits.read(5, "general_profile_idc")?;
    bits.skip(32, "general_profile_compatibility_flags")?;
    bits.skip(48, "general_constraint_flags")?;
    let level_id = bits.read(8, "general_level_idc")?;
    let mut to_skip = 0;
    for _ in 0..sub_layers {
        if bits.read_bool("sub_layer_profile_present_flag")? {
            to_skip += 88;
        }
        if bits.read_bool("sub_layer_level_present_flag")? {
            to_skip += 8;
        }
    }
    if sub_layers > 0 {
        to_skip += 2 * 8_u32.saturating_sub(sub_layers);
    }
    bits.skip(to_skip, "sub_layers")?;
    Ok(ProfileTierLevel {
        profile_space,
        profile_id,
        tier_flag,
        level_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::testing::{H265_SPS, h265_sets, noise, other_h265_sets};
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
            sps: sps.into(),
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
                sps: sps.into(),
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
