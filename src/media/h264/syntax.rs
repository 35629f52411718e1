//! The fields of parameter sets and slice headers that the gateway reads (ITU-T H.264 section 7.3).

use super::nal_type;
use crate::media::bits::Bits;

/// Bytes of a slice that hold the fields that are read of its header.
const HEADER: usize = 48;

/// How the order in which pictures are shown is coded (`pic_order_cnt_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureOrder {
    /// The lowest bits of each picture's place, so many of them.
    Lsb(u32),
    /// Differences from what is expected; `always_zero`: none.
    Expected { always_zero: bool },
    /// Pictures are shown in the order in which they are sent.
    AsSent,
}

/// What is read of a sequence parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sps {
    pub id: u32,
    /// `chroma_format_idc`: 1 is 4:2:0.
    pub chroma_format: u32,
    pub separate_planes: bool,
    /// Bits of `frame_num`.
    pub frame_num_bits: u32,
    pub order: PictureOrder,
    /// In macroblocks; the height is that of a frame.
    pub size_in_mbs: (u32, u32),
    pub frames_only: bool,
    pub mb_adaptive: bool,
    /// Width and height in pixels, after cropping.
    pub dimensions: (u32, u32),
}

impl Sps {
    /// Reads an SPS up to its cropping; what follows is often wrong, and nobody asks for it.
    pub fn read(nal: &[u8]) -> Option<Sps> {
        if nal_type(nal)? != nal_type::SPS {
            return None;
        }
        let mut bits = Bits::new(nal.get(1..)?);
        let profile = bits.read(8)?;
        bits.skip(16)?;
        let id = bits.ue().filter(|&id| id < 32)?;
        let mut chroma_format = 1;
        let mut separate_planes = false;
        if matches!(
            profile,
            100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
        ) {
            chroma_format = bits.ue().filter(|&format| format < 4)?;
            separate_planes = chroma_format == 3 && bits.flag()?;
            bits.ue()?; // bit_depth_luma_minus8
            bits.ue()?; // bit_depth_chroma_minus8
            bits.flag()?; // qpprime_y_zero_transform_bypass_flag
            if bits.flag()? {
                let lists = if chroma_format == 3 { 12 } else { 8 };
                for list in 0..lists {
                    if bits.flag()? {
                        skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }
        let frame_num_bits = bits.ue().filter(|&bits| bits <= 12)? + 4;
        let order = match bits.ue()? {
            0 => PictureOrder::Lsb(bits.ue().filter(|&bits| bits <= 12)? + 4),
            1 => {
                let always_zero = bits.flag()?;
                bits.se()?; // offset_for_non_ref_pic
                bits.se()?; // offset_for_top_to_bottom_field
                for _ in 0..bits.ue().filter(|&cycle| cycle < 256)? {
                    bits.se()?; // offset_for_ref_frame
                }
                PictureOrder::Expected { always_zero }
            }
            2 => PictureOrder::AsSent,
            _ => return None,
        };
        bits.ue()?; // max_num_ref_frames
        bits.flag()?; // gaps_in_frame_num_value_allowed_flag
        let width = bits.ue().filter(|&size| size < 1024)? + 1;
        let height = bits.ue().filter(|&size| size < 1024)? + 1;
        let frames_only = bits.flag()?;
        let mb_adaptive = !frames_only && bits.flag()?;
        bits.flag()?; // direct_8x8_inference_flag
        let fields = if frames_only { 1 } else { 2 };
        let mut dimensions = (16 * width, 16 * height * fields);
        if bits.flag()? {
            let (unit_x, unit_y) = match chroma_format {
                1 => (2, 2),
                2 => (2, 1),
                _ => (1, 1),
            };
            let mut crop =
                |unit: u32| Some(bits.ue()?.checked_add(bits.ue()?)?.saturating_mul(unit));
            dimensions.0 = dimensions.0.checked_sub(crop(unit_x)?)?;
            dimensions.1 = dimensions.1.checked_sub(crop(unit_y * fields)?)?;
        }
        Some(Sps {
            id,
            chroma_format,
            separate_planes,
            frame_num_bits,
            order,
            size_in_mbs: (width, height * fields),
            frames_only,
            mb_adaptive,
            dimensions,
        })
    }
}

fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let mut last = 8;
    for _ in 0..size {
        last = (last + bits.se()?).rem_euclid(256);
        if last == 0 {
            break;
        }
    }
    Some(())
}

/// What is read of a picture parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pps {
    pub id: u32,
    pub sps: u32,
    /// Entropy coding is CABAC, otherwise CAVLC.
    pub cabac: bool,
    /// `bottom_field_pic_order_in_frame_present_flag`.
    pub bottom_order: bool,
    pub slice_groups: u32,
    /// `26 + pic_init_qp_minus26`.
    pub init_qp: i64,
    pub deblocking_control: bool,
    pub redundant_pictures: bool,
}

impl Pps {
    /// Reads a PPS. With several slice groups, the fields behind them are not read.
    pub fn read(nal: &[u8]) -> Option<Pps> {
        if nal_type(nal)? != nal_type::PPS {
            return None;
        }
        let mut bits = Bits::new(nal.get(1..)?);
        let mut pps = Pps {
            id: bits.ue().filter(|&id| id < 256)?,
            sps: bits.ue().filter(|&id| id < 32)?,
            cabac: bits.flag()?,
            bottom_order: bits.flag()?,
            slice_groups: bits.ue()?.saturating_add(1),
            init_qp: 26,
            deblocking_control: false,
            redundant_pictures: false,
        };
        if pps.slice_groups == 1 {
            bits.ue()?; // num_ref_idx_l0_default_active_minus1
            bits.ue()?; // num_ref_idx_l1_default_active_minus1
            bits.skip(3)?; // weighted_pred_flag, weighted_bipred_idc
            pps.init_qp += bits.se()?;
            bits.se()?; // pic_init_qs_minus26
            bits.se()?; // chroma_qp_index_offset
            pps.deblocking_control = bits.flag()?;
            bits.flag()?; // constrained_intra_pred_flag
            pps.redundant_pictures = bits.flag()?;
        }
        Some(pps)
    }
}

/// The PPS that a slice refers to.
pub fn pps_of(slice: &[u8]) -> Option<u32> {
    let mut bits = Bits::new(slice.get(1..slice.len().min(HEADER))?);
    bits.ue()?; // first_mb_in_slice
    bits.ue()?; // slice_type
    bits.ue().filter(|&id| id < 256)
}

/// What is read of a slice header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Others may refer to its picture.
    pub reference: bool,
    /// Of an IDR picture.
    pub idr: bool,
    /// All of it is intra coded.
    pub intra: bool,
    pub frame_num: u32,
    /// Of a single field.
    pub field: bool,
    /// `pic_order_cnt_lsb`.
    pub order: Option<u32>,
}

impl Slice {
    /// Reads the header of a slice with these parameter sets.
    pub fn read(nal: &[u8], sps: &Sps) -> Option<Slice> {
        let idr = nal_type(nal)? == nal_type::IDR;
        let mut bits = Bits::new(nal.get(1..nal.len().min(HEADER))?);
        bits.ue()?; // first_mb_in_slice
        let kind = bits.ue()? % 5;
        bits.ue()?; // pic_parameter_set_id
        if sps.separate_planes {
            bits.skip(2)?;
        }
        let frame_num = bits.read(sps.frame_num_bits)?;
        let field = !sps.frames_only && bits.flag()?;
        if field {
            bits.flag()?; // bottom_field_flag
        }
        if idr {
            bits.ue()?; // idr_pic_id
        }
        let order = match sps.order {
            PictureOrder::Lsb(length) => Some(bits.read(length)?),
            _ => None,
        };
        Some(Slice {
            reference: nal.first()? & 0x60 != 0,
            idr,
            intra: matches!(kind, 2 | 4),
            frame_num,
            field,
            order,
        })
    }
}

/// `recovery_frame_cnt` of the recovery point (section D.1.8) in an SEI: how many pictures later decoding
/// is right if it begins here. `None` if the SEI has none.
pub fn recovery_point(sei: &[u8]) -> Option<u32> {
    const RECOVERY_POINT: u32 = 6;
    /// Payloads of an SEI that are looked at.
    const MOST: usize = 16;
    /// Bytes that are looked at: some cameras put all that they see into an SEI.
    const BYTES: usize = 512;
    if nal_type(sei)? != nal_type::SEI {
        return None;
    }
    let mut bits = Bits::new(sei.get(1..sei.len().min(BYTES))?);
    for _ in 0..MOST {
        let mut number = || {
            let mut number = 0;
            loop {
                let byte = bits.read(8)?;
                number += byte;
                if byte < 0xff {
                    return Some(number);
                }
            }
        };
        let (kind, size) = (number()?, number()?);
        if kind == RECOVERY_POINT {
            return bits.ue();
        }
        bits.skip(8 * size.min(BYTES as u32))?;
    }
    None
}
