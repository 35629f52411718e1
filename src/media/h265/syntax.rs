//! The fields of parameter sets and slice headers that the gateway reads (ITU-T H.265 section 7.3).

use super::{NAL_HEADER, nal_type};
use crate::media::bits::Bits;

/// Bytes of a slice that hold the fields that are read of its header.
const HEADER: usize = 48;

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

/// What is read of a sequence parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sps {
    pub id: u32,
    pub profile: ProfileTierLevel,
    /// Width and height in pixels, after cropping.
    pub dimensions: (u32, u32),
    pub separate_planes: bool,
    /// Bits of `slice_pic_order_cnt_lsb`; `None` if the SPS ends before it says so.
    pub order_bits: Option<u32>,
}

/// The beginning of an SPS, up to its id.
pub(super) fn sps_begin(bits: &mut Bits<'_>) -> Option<(ProfileTierLevel, u32)> {
    bits.skip(4)?; // sps_video_parameter_set_id
    let sub_layers = bits.read(3)?;
    bits.skip(1)?; // sps_temporal_id_nesting_flag
    let profile = profile_tier_level(bits, sub_layers)?;
    Some((profile, bits.ue().filter(|&id| id < 16)?))
}

/// Section 7.3.3 with a profile present.
fn profile_tier_level(bits: &mut Bits<'_>, sub_layers: u32) -> Option<ProfileTierLevel> {
    let profile_space = bits.read(2)? as u8;
    let tier_flag = bits.read(1)? as u8;
    let profile_id = bits.read(5)? as u8;
    bits.skip(32)?; // general_profile_compatibility_flags
    bits.skip(48)?; // general_constraint_flags
    let level_id = bits.read(8)? as u8;
    let mut to_skip = 0;
    for _ in 0..sub_layers {
        if bits.flag()? {
            to_skip += 88; // sub_layer_profile
        }
        if bits.flag()? {
            to_skip += 8; // sub_layer_level
        }
    }
    if sub_layers > 0 {
        to_skip += 2 * 8_u32.saturating_sub(sub_layers);
    }
    bits.skip(to_skip)?;
    Some(ProfileTierLevel {
        profile_space,
        profile_id,
        tier_flag,
        level_id,
    })
}

impl Sps {
    /// Reads an SPS up to what slice headers need.
    pub fn read(nal: &[u8]) -> Option<Sps> {
        if nal_type(nal)? != nal_type::SPS {
            return None;
        }
        let mut bits = Bits::new(nal.get(NAL_HEADER..)?);
        let (profile, id) = sps_begin(&mut bits)?;
        let chroma_format = bits.ue()?;
        let separate_planes = chroma_format == 3 && bits.flag()?;
        let mut dimensions = (bits.ue()?, bits.ue()?);
        if bits.flag()? {
            let (unit_x, unit_y) = match chroma_format {
                1 => (2, 2),
                2 => (2, 1),
                _ => (1, 1),
            };
            for (size, unit) in [(&mut dimensions.0, unit_x), (&mut dimensions.1, unit_y)] {
                for _ in 0..2 {
                    *size = size.saturating_sub(bits.ue()?.saturating_mul(unit));
                }
            }
        }
        let mut order_bits = || {
            bits.ue()?; // bit_depth_luma_minus8
            bits.ue()?; // bit_depth_chroma_minus8
            Some(bits.ue().filter(|&bits| bits <= 12)? + 4)
        };
        Some(Sps {
            id,
            profile,
            dimensions,
            separate_planes,
            order_bits: order_bits(),
        })
    }
}

/// What is read of a picture parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pps {
    pub id: u32,
    pub sps: u32,
    /// Bits of slice headers in front of the type, and whether there is one behind it.
    extra_bits: u32,
    output_flag: bool,
}

impl Pps {
    /// Reads a PPS up to what slice headers need.
    pub fn read(nal: &[u8]) -> Option<Pps> {
        if nal_type(nal)? != nal_type::PPS {
            return None;
        }
        let mut bits = Bits::new(nal.get(NAL_HEADER..)?);
        let id = bits.ue().filter(|&id| id < 64)?;
        let sps = bits.ue().filter(|&id| id < 16)?;
        bits.flag()?; // dependent_slice_segments_enabled_flag
        Some(Pps {
            id,
            sps,
            output_flag: bits.flag()?,
            extra_bits: bits.read(3)?,
        })
    }
}

/// Reads a slice header up to the PPS; `None` if it is not the first of its picture.
fn first_of_picture<'a>(slice: &'a [u8]) -> Option<(Bits<'a>, u32)> {
    let kind = nal_type(slice)?;
    let mut bits = Bits::new(slice.get(NAL_HEADER..slice.len().min(HEADER))?);
    if !bits.flag()? {
        return None;
    }
    if (nal_type::FIRST_IRAP..=nal_type::LAST_IRAP).contains(&kind) {
        bits.flag()?; // no_output_of_prior_pics_flag
    }
    let pps = bits.ue().filter(|&id| id < 64)?;
    Some((bits, pps))
}

/// The PPS that a slice refers to, if it is the first of its picture.
pub fn pps_of(slice: &[u8]) -> Option<u32> {
    Some(first_of_picture(slice)?.1)
}

/// What is read of the header of a picture's first slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// `slice_pic_order_cnt_lsb`; 0 for an IDR picture.
    pub order: u32,
}

impl Slice {
    /// Reads the header of a slice with these parameter sets.
    pub fn read(nal: &[u8], sps: &Sps, pps: &Pps) -> Option<Slice> {
        let (mut bits, _) = first_of_picture(nal)?;
        let kind = nal_type(nal)?;
        bits.skip(pps.extra_bits)?;
        bits.ue()?; // slice_type
        if pps.output_flag {
            bits.flag()?;
        }
        if sps.separate_planes {
            bits.skip(2)?;
        }
        let order = match kind {
            nal_type::IDR..nal_type::CRA => 0,
            _ => bits.read(sps.order_bits?)?,
        };
        Some(Slice { order })
    }
}
