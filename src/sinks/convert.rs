//! Access units of video in the forms that hosts want.

use bytes::Bytes;

use crate::media::av1::obu_type;
use crate::media::nal::nals;
use crate::media::{Codec, ParameterSets};

/// How NAL units are set apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// By start codes.
    AnnexB = 0,
    /// By lengths of 4 bytes.
    Lengths = 1,
}

impl Form {
    pub const COUNT: usize = 2;

    /// Each start code has the size of a length.
    fn append(self, out: &mut Vec<u8>, nal: &[u8]) {
        let prefix = match self {
            Form::AnnexB => [0, 0, 0, 1],
            // Access units are limited to sizes that fit.
            Form::Lengths => (nal.len() as u32).to_be_bytes(),
        };
        out.extend_from_slice(&prefix);
        out.extend_from_slice(nal);
    }
}

/// Parameter sets in the order in which a decoder gets them.
pub(super) fn joined(sets: &ParameterSets, form: Form) -> Bytes {
    let mut out = Vec::new();
    append_sets(&mut out, sets, form);
    out.into()
}

fn append_sets(out: &mut Vec<u8>, sets: &ParameterSets, form: Form) {
    match sets {
        ParameterSets::H264(_) | ParameterSets::H265(_) => {
            for set in sets.in_order() {
                form.append(out, set);
            }
        }
        ParameterSets::Av1(header) => append_sequence_header(out, &header.payload),
    }
}

/// An OBU of AV1 without contents.
const TEMPORAL_DELIMITER: &[u8] = &[0x12, 0];

/// An OBU with its size (AV1 section 5.3).
fn append_sequence_header(out: &mut Vec<u8>, payload: &[u8]) {
    const HAS_SIZE: u8 = 2;
    out.push(obu_type::SEQUENCE_HEADER << 3 | HAS_SIZE);
    let mut rest = payload.len();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out.extend_from_slice(payload);
}

/// An access unit in the form of `media`, with `sets` in front.
pub(super) fn converted(
    codec: Codec,
    unit: &[u8],
    sets: Option<&ParameterSets>,
    form: Form,
) -> Bytes {
    const SETS: usize = 256;
    let mut out = Vec::with_capacity(unit.len() + if sets.is_some() { SETS } else { 0 });
    let mut unit = unit;
    if codec == Codec::Av1
        && let Some(rest) = unit.strip_prefix(TEMPORAL_DELIMITER)
    {
        // It comes first (section 7.5).
        out.extend_from_slice(TEMPORAL_DELIMITER);
        unit = rest;
    }
    if let Some(sets) = sets {
        append_sets(&mut out, sets, form);
    }
    match codec {
        Codec::H264 | Codec::H265 => {
            for nal in nals(unit) {
                form.append(&mut out, nal);
            }
        }
        _ => out.extend_from_slice(unit),
    }
    out.into()
}
