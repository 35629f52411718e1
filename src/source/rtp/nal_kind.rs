//! What the header of a NAL unit and the bit behind it tell about where pictures begin.

use crate::media::{h264, h265};

/// The two codecs of NAL units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NalCodec {
    H264,
    H265,
}

/// The kinds of NAL units that matter for assembling pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NalKind {
    /// A slice, the first of its picture or another.
    Slice {
        first: bool,
    },
    /// What comes in front of the slices: delimiter, parameter sets, supplemental information.
    Opening,
    Other,
}

impl NalCodec {
    /// Bytes of a NAL unit header.
    pub const fn header(self) -> usize {
        match self {
            NalCodec::H264 => 1,
            NalCodec::H265 => h265::NAL_HEADER,
        }
    }

    /// The kind of a NAL unit of which at least one byte behind the header is there.
    pub fn kind(self, nal: &[u8]) -> NalKind {
        // `first_mb_in_slice` is 0, and `first_slice_segment_in_pic_flag` is set.
        let first = nal.get(self.header()).is_some_and(|&byte| byte & 0x80 != 0);
        match self {
            NalCodec::H264 => match nal.first().map_or(0, |header| header & 0x1f) {
                h264::nal_type::SLICE | 2 | h264::nal_type::IDR => NalKind::Slice { first },
                // Data partitions B and C, and slices of other views.
                3 | 4 | 20 | 21 => NalKind::Slice { first: false },
                h264::nal_type::SEI..=h264::nal_type::AUD => NalKind::Opening,
                _ => NalKind::Other,
            },
            NalCodec::H265 => match nal.first().map_or(u8::MAX, |header| header >> 1 & 0x3f) {
                0..=h265::nal_type::LAST_SLICE => NalKind::Slice {
                    first: first && !is_other_layer(nal),
                },
                h265::nal_type::VPS..=h265::nal_type::AUD | h265::nal_type::PREFIX_SEI => {
                    NalKind::Opening
                }
                _ => NalKind::Other,
            },
        }
    }
}

/// `nuh_layer_id` is not 0.
fn is_other_layer(nal: &[u8]) -> bool {
    matches!(nal, [first, second, ..] if first & 1 != 0 || second & 0xf8 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_tell_whether_they_are_the_first() {
        let first = NalKind::Slice { first: true };
        let other = NalKind::Slice { first: false };
        for (nal, kind) in [
            (&[0x65, 0x88][..], first),
            (&[0x41, 0x9a], first),
            (&[0x41, 0x40], other),
            (&[0x41], other),
            (&[0x43, 0x80], other),
            (&[0x67, 0x42], NalKind::Opening),
            (&[0x06, 5], NalKind::Opening),
            (&[0x0c, 0xff], NalKind::Other),
            (&[], NalKind::Other),
        ] {
            assert_eq!(NalCodec::H264.kind(nal), kind, "{nal:02x?}");
        }
        for (nal, kind) in [
            (&[0x26, 1, 0xaf][..], first),
            (&[0x02, 1, 0x20], other),
            (&[0x03, 1, 0xaf], other),
            (&[0x02, 9, 0xaf], other),
            (&[0x40, 1, 0x0c], NalKind::Opening),
            (&[0x4e, 1, 5], NalKind::Opening),
            (&[0x50, 1, 5], NalKind::Other),
            (&[0xa6, 1, 0xaf], first),
            (&[], NalKind::Other),
        ] {
            assert_eq!(NalCodec::H265.kind(nal), kind, "{nal:02x?}");
        }
    }
}
