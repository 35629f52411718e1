//! An IDR picture of our own, for streams that have none: decoders of browsers start with nothing else.
//!
//! It has the format of the camera's parameter sets and shows gray: every macroblock is predicted
//! (Intra_16x16, DC) from nothing, without a residual. What the camera sends from a recovery point on
//! is decoded on top of it.

use super::cabac::{Context, Encoder};
use super::{PictureOrder, Pps, Slice, Sps};
use crate::media::bits::BitWriter;

/// `nal_ref_idc` 3, `nal_unit_type` 5.
const HEADER: u8 = 0x65;
/// `slice_type` of a picture whose slices are all I.
const ALL_INTRA: u32 = 7;
/// `mb_type` of Intra_16x16 with DC prediction, without coefficients.
const MB_TYPE: u32 = 3;

/// The most macroblocks of a frame (`MaxFS` of level 6.2).
const MOST_MBS: u32 = 139_264;

/// The picture that goes in front of the one that `next` is a slice of; `None` if the format is not one
/// that cameras and browsers have in common. `id`: two of them in a row have different ones.
pub fn opening(sps: &Sps, pps: &Pps, next: &Slice, id: u32) -> Option<Vec<u8>> {
    let (width, height) = sps.size_in_mbs;
    if sps.chroma_format > 2 || pps.slice_groups != 1 || width * height > MOST_MBS {
        return None;
    }
    let mut bits = BitWriter::default();
    bits.ue(0); // first_mb_in_slice
    bits.ue(ALL_INTRA);
    bits.ue(pps.id);
    bits.write(0, sps.frame_num_bits);
    if !sps.frames_only {
        bits.flag(false); // field_pic_flag
    }
    bits.ue(id & 1); // idr_pic_id
    match sps.order {
        PictureOrder::Lsb(length) => {
            bits.write(order_before(next.order?, length), length);
            if pps.bottom_order {
                bits.se(0);
            }
        }
        PictureOrder::Expected { always_zero: false } => {
            bits.se(0);
            if pps.bottom_order {
                bits.se(0);
            }
        }
        PictureOrder::Expected { always_zero: true } | PictureOrder::AsSent => {}
    }
    if pps.redundant_pictures {
        bits.ue(0);
    }
    bits.write(0, 2); // no_output_of_prior_pics_flag, long_term_reference_flag
    bits.se(0); // slice_qp_delta
    if pps.deblocking_control {
        bits.ue(1); // disable_deblocking_filter_idc
    }
    let bits = match pps.cabac {
        true => cabac(sps, pps, bits),
        false => cavlc(sps, bits),
    };
    Some(bits.nal(&[HEADER]))
}

/// The order of a picture that is shown before the one with this order. That of an IDR picture should be
/// 0, but if the next one has a high one, it would count as shown before.
fn order_before(next: u32, length: u32) -> u32 {
    let end = 1_u32 << length;
    match next {
        _ if (1..end / 2).contains(&next) => 0,
        _ => (next + end - 2) % end,
    }
}

fn macroblocks(sps: &Sps) -> impl Iterator<Item = u32> {
    let (width, height) = sps.size_in_mbs;
    0..width * height
}

fn cavlc(sps: &Sps, mut bits: BitWriter) -> BitWriter {
    for mb in macroblocks(sps) {
        if sps.mb_adaptive && mb % 2 == 0 {
            bits.flag(false); // mb_field_decoding_flag
        }
        bits.ue(MB_TYPE);
        if sps.chroma_format != 0 {
            bits.ue(0); // intra_chroma_pred_mode
        }
        bits.se(0); // mb_qp_delta
        bits.flag(true); // coeff_token: none
    }
    bits.flag(true);
    bits.align(false);
    bits
}

fn cabac(sps: &Sps, pps: &Pps, mut bits: BitWriter) -> BitWriter {
    bits.align(true);
    let (width, _) = sps.size_in_mbs;
    let qp = i32::try_from(pps.init_qp).unwrap_or(26);
    let context = |initial| Context::new(initial, qp);
    // Tables 9-13, 9-17 and 9-18, for I slices.
    let mut mb_type = [(20, -15), (2, 54), (3, 74)].map(context);
    let mut luma = context((-28, 127));
    let mut chroma = context((-23, 104));
    let mut prediction = [(-1, 54), (7, 51)].map(context);
    let mut chroma_prediction = context((-9, 83));
    let mut qp_delta = context((0, 41));
    let mut field = context((0, 11));
    let mut coded = [(-17, 123), (-12, 115), (-16, 122), (-11, 115)].map(context);
    let mut encoder = Encoder::new(bits);
    for mb in macroblocks(sps) {
        // Macroblocks of a pair follow each other.
        let (column, first_row, top) = match sps.mb_adaptive {
            true => (mb / 2 % width, mb < 2 * width, mb % 2 == 0),
            false => (mb % width, mb < width, true),
        };
        let left = column > 0;
        let above = !first_row || !top;
        if sps.mb_adaptive && top {
            encoder.encode(&mut field, false);
        }
        // Not I_NxN.
        encoder.encode(&mut mb_type[usize::from(left) + usize::from(above)], true);
        encoder.terminate(false); // nor I_PCM
        encoder.encode(&mut luma, false);
        encoder.encode(&mut chroma, false);
        encoder.encode(&mut prediction[0], true);
        encoder.encode(&mut prediction[1], false);
        if sps.chroma_format != 0 {
            encoder.encode(&mut chroma_prediction, false);
        }
        encoder.encode(&mut qp_delta, false);
        // Where there is no neighbor, it counts as coded.
        let inc = usize::from(!left) + 2 * usize::from(!above);
        encoder.encode(&mut coded[inc], false);
        // The first of a pair cannot be the last.
        if !sps.mb_adaptive || !top {
            encoder.terminate(mb + 1 == width * sps.size_in_mbs.1);
        }
    }
    let mut bits = encoder.finish();
    bits.align(false);
    bits
}
