//! The parts of AV1 that a gateway needs: OBUs, the sequence header, and where decoding can start.
//!
//! Sections are those of the AV1 Bitstream & Decoding Process Specification, version 1.0.0 with
//! errata 1.

use bytes::Bytes;
use h264_reader::rbsp::{BitRead, BitReader, BitReaderError};

/// `obu_type` values (section 6.2.2) that the gateway handles specially.
pub mod obu_type {
    /// Sequence header.
    pub const SEQUENCE_HEADER: u8 = 1;
    /// Temporal delimiter.
    pub const TEMPORAL_DELIMITER: u8 = 2;
    /// Frame header.
    pub const FRAME_HEADER: u8 = 3;
    /// Frame header and tile group in one.
    pub const FRAME: u8 = 6;
    /// Repetition of an earlier frame header.
    pub const REDUNDANT_FRAME_HEADER: u8 = 7;
}

/// The bits of an OBU header (section 5.3.2).
const FORBIDDEN: u8 = 0x80;
const EXTENSION: u8 = 0x04;
const HAS_SIZE: u8 = 0x02;

/// An OBU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obu<'a> {
    /// The header as RTP carries it: without `obu_has_size_field`. Without an extension only the
    /// first of the two bytes is valid.
    header: [u8; 2],
    /// What follows the header and the size.
    pub payload: &'a [u8],
}

impl<'a> Obu<'a> {
    /// A sequence header without extension.
    pub fn sequence_header(payload: &'a [u8]) -> Self {
        Obu {
            header: [obu_type::SEQUENCE_HEADER << 3, 0],
            payload,
        }
    }

    /// `obu_type`.
    pub fn kind(&self) -> u8 {
        self.header[0] >> 3 & 0x0f
    }

    /// Its temporal layer. No other layer needs those above 0.
    pub fn temporal_id(&self) -> u8 {
        match self.header() {
            [_, extension] => extension >> 5,
            _ => 0,
        }
    }

    /// Its header, without `obu_has_size_field`.
    pub fn header(&self) -> &[u8] {
        let has_extension = self.header[0] & EXTENSION != 0;
        &self.header[..1 + usize::from(has_extension)]
    }
}

/// The OBUs of a temporal unit in the low-overhead format (section 5.2). An OBU without a size
/// extends to the end. Malformed data ends the iteration: see [`Obus::broken`].
#[derive(Clone, Debug)]
pub struct Obus<'a> {
    rest: &'a [u8],
    broken: bool,
}

/// See [`Obus`].
pub fn obus(unit: &[u8]) -> Obus<'_> {
    Obus {
        rest: unit,
        broken: false,
    }
}

impl Obus<'_> {
    /// Whether the iteration ended before the end of the temporal unit.
    pub fn broken(&self) -> bool {
        self.broken
    }
}

impl<'a> Iterator for Obus<'a> {
    type Item = Obu<'a>;

    fn next(&mut self) -> Option<Obu<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let split = split_obu(self.rest);
        self.broken = split.is_none();
        let (obu, rest) = split.unzip();
        self.rest = rest.unwrap_or_default();
        obu
    }
}

/// The first OBU and what follows it.
fn split_obu(data: &[u8]) -> Option<(Obu<'_>, &[u8])> {
    let (&first, mut rest) = data.split_first()?;
    if first & FORBIDDEN != 0 {
        return None;
    }
    let mut header = [first & !HAS_SIZE, 0];
    if first & EXTENSION != 0 {
        (header[1], rest) = rest.split_first().map(|(&byte, rest)| (byte, rest))?;
    }
    let (payload, rest) = if first & HAS_SIZE != 0 {
        let (size, rest) = read_leb128(rest)?;
        rest.split_at_checked(usize::try_from(size).ok()?)?
    } else {
        (rest, &[][..])
    };
    Some((Obu { header, payload }, rest))
}

/// A `leb128()` value (section 4.10.5) and what follows it.
pub fn read_leb128(data: &[u8]) -> Option<(u32, &[u8])> {
    let mut value: u64 = 0;
    for (i, &byte) in data.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((u32::try_from(value).ok()?, &data[i + 1..]));
        }
    }
    None
}

/// What a decoder must support (section 6.4.1), as the `a=fmtp` parameters name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProfileTierLevel {
    /// `seq_profile`: 0 is Main, 1 High, 2 Professional.
    pub profile: u8,
    /// `seq_level_idx[0]`.
    pub level_idx: u8,
    /// `seq_tier[0]`: 0 is Main, 1 High.
    pub tier: u8,
}

/// Whether a frame is a shown key frame (AV1 section 5.9.2): `show_existing_frame` 0,
/// `frame_type` KEY_FRAME, `show_frame` 1. A still picture has none of these fields.
pub fn is_keyframe(frame: &[u8], sequence_header: Option<&[u8]>) -> bool {
    /// `reduced_still_picture_header`.
    const REDUCED: u8 = 0x08;
    let first = |bytes: Option<&[u8]>| bytes.and_then(|bytes| bytes.first().copied());
    first(sequence_header).is_some_and(|byte| byte & REDUCED != 0)
        || first(Some(frame)).is_some_and(|byte| byte >> 4 == 0b0001)
}

/// Whether the frame of a temporal unit is a keyframe; `None` if there is no frame.
pub fn frame_is_key(unit: &[u8]) -> Option<bool> {
    let is_frame = |kind| matches!(kind, obu_type::FRAME | obu_type::FRAME_HEADER);
    let frame = obus(unit).find(|obu| is_frame(obu.kind()))?;
    Some(is_keyframe(frame.payload, SequenceHeader::find(unit)))
}

/// A sequence header OBU (section 5.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceHeader {
    /// The OBU without its header.
    pub payload: Bytes,
}

impl SequenceHeader {
    /// Profile, tier and level; `None` if it does not parse.
    pub fn profile_tier_level(&self) -> Option<ProfileTierLevel> {
        Some(self.read()?.profile)
    }

    /// Maximum frame width and height in pixels; `None` if it does not parse.
    pub fn dimensions(&self) -> Option<(u32, u32)> {
        Some(self.read()?.dimensions)
    }

    /// The payload of the first one in a temporal unit.
    pub fn find(unit: &[u8]) -> Option<&[u8]> {
        let header = obus(unit).find(|obu| obu.kind() == obu_type::SEQUENCE_HEADER);
        header.map(|obu| obu.payload)
    }

    fn read(&self) -> Option<Fields> {
        read_sequence_header(BitReader::new(&self.payload[..])).ok()
    }
}

/// The fields of a sequence header that the gateway reads.
struct Fields {
    profile: ProfileTierLevel,
    dimensions: (u32, u32),
}

/// Section 5.5.1, up to the frame size.
fn read_sequence_header(mut bits: impl BitRead) -> Result<Fields, BitReaderError> {
    let mut profile = ProfileTierLevel {
        profile: bits.read(3, "seq_profile")?,
        level_idx: 0,
        tier: 0,
    };
    bits.skip(1, "still_picture")?;
    if bits.read_bool("reduced_still_picture_header")? {
        profile.level_idx = bits.read(5, "seq_level_idx")?;
    } else {
        read_operating_points(&mut bits, &mut profile)?;
    }
    let width_bits: u32 = bits.read(4, "frame_width_bits_minus_1")?;
    let height_bits: u32 = bits.read(4, "frame_height_bits_minus_1")?;
    let width: u32 = bits.read(width_bits + 1, "max_frame_width_minus_1")?;
    let height: u32 = bits.read(height_bits + 1, "max_frame_height_minus_1")?;
    Ok(Fields {
        profile,
        dimensions: (width + 1, height + 1),
    })
}

fn read_operating_points(
    bits: &mut impl BitRead,
    profile: &mut ProfileTierLevel,
) -> Result<(), BitReaderError> {
    // Bits of the delays that follow each operating point, if there is a decoder model.
    let mut delay_bits = None;
    if bits.read_bool("timing_info_present_flag")? {
        bits.skip(64, "num_units_in_display_tick, time_scale")?;
        if bits.read_bool("equal_picture_interval")? {
            bits.read_ue("num_ticks_per_picture_minus_1")?;
        }
        if bits.read_bool("decoder_model_info_present_flag")? {
            let minus_1: u32 = bits.read(5, "buffer_delay_length_minus_1")?;
            delay_bits = Some(minus_1 + 1);
            bits.skip(32 + 5 + 5, "decoder_model_info")?;
        }
    }
    let has_display_delay = bits.read_bool("initial_display_delay_present_flag")?;
    let last: u8 = bits.read(5, "operating_points_cnt_minus_1")?;
    for i in 0..=last {
        bits.skip(12, "operating_point_idc")?;
        let level_idx: u8 = bits.read(5, "seq_level_idx")?;
        let tier = if level_idx > 7 {
            bits.read(1, "seq_tier")?
        } else {
            0
        };
        if i == 0 {
            (profile.level_idx, profile.tier) = (level_idx, tier);
        }
        if let Some(delay_bits) = delay_bits
            && bits.read_bool("decoder_model_present_for_this_op")?
        {
            bits.skip(2 * delay_bits + 1, "operating_parameters_info")?;
        }
        if has_display_delay && bits.read_bool("initial_display_delay_present_for_this_op")? {
            bits.skip(4, "initial_display_delay_minus_1")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::testing::{AV1_SEQUENCE, av1_sequence, noise, other_av1_sequence};
    use fastrand::Rng;

    #[test]
    fn a_sequence_header_tells_profile_and_dimensions() {
        let profile = ProfileTierLevel {
            profile: 0,
            level_idx: 8,
            tier: 0,
        };
        assert_eq!(av1_sequence().profile_tier_level(), Some(profile));
        assert_eq!(av1_sequence().dimensions(), Some((1920, 1080)));
        let profile = ProfileTierLevel {
            level_idx: 1,
            ..profile
        };
        assert_eq!(other_av1_sequence().profile_tier_level(), Some(profile));
        assert_eq!(other_av1_sequence().dimensions(), Some((640, 360)));
    }

    /// Written as in section 5.5.1; spaces separate the fields.
    fn sequence(bits: &str) -> SequenceHeader {
        let bits: Vec<u8> = bits.bytes().filter(u8::is_ascii_digit).collect();
        let bytes = bits.chunks(8).map(|byte| {
            let value = byte.iter().fold(0, |value, bit| value << 1 | (bit & 1));
            value << (8 - byte.len())
        });
        SequenceHeader {
            payload: bytes.collect(),
        }
    }

    #[test]
    fn what_comes_before_the_dimensions_is_passed_over() {
        let zeros = "0".repeat(32);
        let ones = "1".repeat(32);
        // Timing with equal intervals, a decoder model with delays of 3 bits, display delays, two
        // operating points; the first has all of these, the second none.
        let timing = format!("1 {ones}{zeros} 1 011 1 00010 {ones} 11111 11111");
        let first = "111111111111 01001 1 1 111 111 1 1 1111";
        let second = "111111111111 00111 0 0";
        let size = "0011 0010 1101 101";
        let header = sequence(&format!("001 0 0 {timing} 1 00001 {first} {second} {size}"));
        let profile = ProfileTierLevel {
            profile: 1,
            level_idx: 9,
            tier: 1,
        };
        assert_eq!(header.profile_tier_level(), Some(profile));
        assert_eq!(header.dimensions(), Some((14, 6)));

        let header = sequence("010 1 1 00101 1111 0000 1111111111111111 0");
        let profile = ProfileTierLevel {
            profile: 2,
            level_idx: 5,
            tier: 0,
        };
        assert_eq!(header.profile_tier_level(), Some(profile));
        assert_eq!(header.dimensions(), Some((65_536, 1)));
    }

    #[test]
    fn no_sequence_header_is_too_broken_to_ask() {
        let mut random = Rng::with_seed(1);
        for round in 0..20_000 {
            let mut payload = if round % 2 == 0 {
                let len = random.usize(..60);
                noise(len, &mut random)
            } else {
                AV1_SEQUENCE[..random.usize(..AV1_SEQUENCE.len() + 1)].to_vec()
            };
            for _ in 0..random.usize(..4) {
                let at = random.usize(..payload.len().max(1));
                if let Some(byte) = payload.get_mut(at) {
                    *byte ^= 1 << random.usize(..8);
                }
            }
            let header = SequenceHeader {
                payload: payload.into(),
            };
            assert_eq!(
                header.profile_tier_level().is_some(),
                header.dimensions().is_some()
            );
        }
    }

    #[test]
    fn obus_come_out_as_they_went_in() {
        let data = [
            &[0x12, 0x00][..],
            // With an extension; its size takes more bytes than necessary.
            &[0x36, 0x28, 0x83, 0x80, 0x00, 1, 2, 3],
            &[0x7a, 0x01, 0x80],
            // Without a size.
            &[0x20, 4, 5, 6],
        ];
        let data = data.concat();
        let mut all = obus(&data);
        let found: Vec<_> = all
            .by_ref()
            .map(|obu| (obu.kind(), obu.header().to_vec(), obu.payload))
            .collect();
        let expected = [
            (2, vec![0x10], &[][..]),
            (6, vec![0x34, 0x28], &[1, 2, 3]),
            (15, vec![0x78], &[0x80]),
            (4, vec![0x20], &[4, 5, 6]),
        ];
        assert_eq!(found, expected);
        assert!(!all.broken());
    }

    #[test]
    fn what_makes_no_sense_ends_the_iteration_and_is_reported() {
        for tail in [
            &[0x80][..],
            &[0x32],
            &[0x34],
            &[0x36, 0x00],
            &[0x32, 0x02, 0x01],
            &[0x32, 0x80],
            &[0x32, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
            &[0x32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x00],
        ] {
            let data = [&[0x12, 0x00], tail].concat();
            let mut all = obus(&data);
            assert_eq!(all.by_ref().count(), 1, "{tail:02x?}");
            assert!(all.broken(), "{tail:02x?}");
            assert_eq!(all.next(), None);
        }
    }
}
