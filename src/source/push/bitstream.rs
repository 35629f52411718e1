//! Parsing of pushed frames: whether a decoder can start with them, and where NAL units begin.

use crate::error::{Error, Result, Status};
use crate::media::av1::{obu_type, obus};
use crate::media::nal::{AnnexB, append_nal, nals};
use crate::media::{Codec, MAX_PAYLOAD, h264, h265};

/// What a frame contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A decoder can start with it. True of every audio frame.
    Keyframe,
    /// A video frame that depends on others.
    Delta,
    /// No coded frame, e.g. parameter sets, which some encoders output separately.
    Other,
}

/// Classifies a frame as the host pushes it; reads no more of it than necessary. `codec`: `None` for audio
/// that is decoded here. `lengths`: its NAL units
/// have lengths of so many bytes in front of them.
pub(super) fn look(
    codec: impl Into<Option<Codec>>,
    data: &[u8],
    lengths: Option<usize>,
) -> Result<Content> {
    let invalid = |message| Err(Error::new(Status::InvalidArgument, message));
    if data.is_empty() {
        return invalid(
            "the frame is empty: push one access unit of video or one frame of audio".to_owned(),
        );
    }
    let Some(codec) = codec.into() else {
        return Ok(Content::Keyframe);
    };
    let name = codec.encoding_name();
    if is_annex_b(codec) {
        if let Some(size) = lengths {
            if !has_lengths(data, size) {
                return invalid(format!(
                    "the lengths in front of the NAL units do not add up to the access unit: push \
                     {name} with lengths of {size} bytes, or without the flag for lengths"
                ));
            }
            return Ok(of_nals(codec, Lengths { rest: data, size }));
        }
        if !begins_with_start_code(data) {
            return invalid(format!(
                "the access unit does not start with a start code (00 00 01): push {name} as an \
                 Annex B byte stream, or set the flag for length prefixes"
            ));
        }
        return Ok(of_nals(codec, AnnexB::new(data)));
    }
    if codec == Codec::Av1 && obus(data).next().is_none() {
        return invalid(
            "the temporal unit does not start with an OBU: push AV1 in the low-overhead format, \
             each OBU with its size"
                .to_owned(),
        );
    }
    if codec == Codec::Opus && data.len() > MAX_PAYLOAD {
        return invalid(format!(
            "the Opus packet has {} bytes, and {MAX_PAYLOAD} fit a datagram: push one Opus frame \
             at a time, or lower the bit rate",
            data.len()
        ));
    }
    Ok(content(codec, data))
}

/// Classifies an access unit in the form of `media`.
pub(super) fn content(codec: Codec, unit: &[u8]) -> Content {
    match codec {
        Codec::H264 | Codec::H265 => of_nals(codec, nals(unit)),
        Codec::Av1 => of_obus(unit),
        Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 => Content::Keyframe,
    }
}

/// NAL units of a frame in which a recovery point is looked for.
const FIRST: usize = 8;

fn of_nals<'a>(codec: Codec, mut nals: impl Iterator<Item = &'a [u8]>) -> Content {
    let found = match codec {
        Codec::H265 => nals.find_map(|nal| match h265::nal_type(nal)? {
            h265::nal_type::FIRST_IRAP..=h265::nal_type::LAST_IRAP => Some(Content::Keyframe),
            0..=h265::nal_type::LAST_SLICE => Some(Content::Delta),
            _ => None,
        }),
        // Where a recovery point is announced, viewers may begin, too.
        _ => nals
            .enumerate()
            .find_map(|(i, nal)| match h264::nal_type(nal)? {
                h264::nal_type::SEI if i < FIRST && h264::recovery_point(nal).is_some() => {
                    Some(Content::Keyframe)
                }
                h264::nal_type::IDR => Some(Content::Keyframe),
                h264::nal_type::SLICE..h264::nal_type::IDR => Some(Content::Delta),
                _ => None,
            }),
    };
    found.unwrap_or(Content::Other)
}

fn of_obus(unit: &[u8]) -> Content {
    let frame =
        obus(unit).find(|obu| matches!(obu.kind(), obu_type::FRAME | obu_type::FRAME_HEADER));
    match frame.map(|obu| obu.payload.first()) {
        None => Content::Other,
        // `show_existing_frame` is 0 and `frame_type` is KEY_FRAME (section 5.9.2).
        Some(Some(first)) if first & 0xe0 == 0 => Content::Keyframe,
        Some(_) => Content::Delta,
    }
}

/// Whether frames of this codec are pushed as an Annex B byte stream.
pub(super) fn is_annex_b(codec: Codec) -> bool {
    matches!(codec, Codec::H264 | Codec::H265)
}

/// NAL units with lengths of some bytes in front of them.
struct Lengths<'a> {
    rest: &'a [u8],
    size: usize,
}

impl<'a> Iterator for Lengths<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.rest.split_at_checked(self.size)?;
        let length = length
            .iter()
            .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        let (nal, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(nal)
    }
}

fn has_lengths(data: &[u8], size: usize) -> bool {
    let mut nals = Lengths { rest: data, size };
    while nals.next().is_some() {}
    nals.rest.is_empty()
}

/// Appends NAL units with other lengths as an access unit in the form of `media`.
pub(super) fn convert_lengths(data: &[u8], size: usize, unit: &mut Vec<u8>) {
    unit.reserve(data.len() + 64);
    for nal in (Lengths { rest: data, size }) {
        append_nal(unit, nal);
    }
}

/// Appends an Annex B byte stream as an access unit in the form of `media`: NAL units with length
/// prefixes.
pub(super) fn convert(annex_b: &[u8], unit: &mut Vec<u8>) {
    unit.reserve(annex_b.len() + 16);
    for nal in AnnexB::new(annex_b) {
        append_nal(unit, nal);
    }
}

/// Whether there is nothing but zeros before the first start code.
pub(super) fn begins_with_start_code(data: &[u8]) -> bool {
    let zeros = data.iter().take_while(|&&byte| byte == 0).count();
    zeros >= 2 && data.get(zeros) == Some(&1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(data: &[u8]) -> Vec<&[u8]> {
        AnnexB::new(data).collect()
    }

    #[test]
    fn start_codes_of_both_lengths_separate_nals() {
        let data = [
            0, 0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 0, 1, 0, 0, 1, 0x65, 0, 3, 0,
        ];
        let expected: [&[u8]; 3] = [&[0x67, 1], &[0x68, 2], &[0x65, 0, 3]];
        assert_eq!(of(&data), expected);
        let mut unit = Vec::new();
        convert(&data, &mut unit);
        assert_eq!(nals(&unit).collect::<Vec<_>>(), expected);
        assert!(of(&[]).is_empty() && of(&[0, 0]).is_empty() && of(&[0, 0, 1]).is_empty());
        assert_eq!(of(&[0, 0, 1, 7]), [[7]]);
    }

    #[test]
    fn what_is_no_byte_stream_is_refused() {
        for data in [
            &[][..],
            &[0, 0, 0, 2, 0x65, 1],
            &[0x65, 1, 2, 0, 0, 1, 0x65],
            &[0, 0, 0],
            &[0, 1, 0x65],
        ] {
            let error = look(Codec::H264, data, None).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument, "{data:?}");
        }
        assert_eq!(look(Codec::Pcmu, &[7], None).unwrap(), Content::Keyframe);
        assert!(look(Codec::Pcmu, &[], None).is_err());
    }

    #[test]
    fn the_first_slice_classifies_a_frame() {
        for (nals, expected) in [
            (&[0x09, 0x67, 0x68, 0x06, 0x65][..], Content::Keyframe),
            (&[0x06, 0x41], Content::Delta),
            (&[0x21], Content::Delta),
            (&[0x67, 0x68], Content::Other),
            (&[0xe5], Content::Other),
        ] {
            let mut data = Vec::new();
            for &header in nals {
                data.extend([0, 0, 0, 1, header, 0x80]);
            }
            assert_eq!(look(Codec::H264, &data, None).unwrap(), expected);
            let mut unit = Vec::new();
            convert(&data, &mut unit);
            assert_eq!(content(Codec::H264, &unit), expected);
        }
    }
}
