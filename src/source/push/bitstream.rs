//! What must be known of pushed bits: whether a decoder can start with them, and where NALs begin.

use bytes::Bytes;
use memchr::memmem;

use crate::error::{Error, Result, Status};
use crate::media::h264::{self, ParameterSets, nal_type};
use crate::media::{Codec, MediaKind, TrackInfo};

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A decoder can start with it. Each frame of sound is such.
    Keyframe,
    /// A picture that builds on others.
    Picture,
    /// No picture: parameter sets, say, which some encoders give out alone.
    Other,
}

/// Looks at a frame as the host pushes it; reads no more of it than it must.
pub(super) fn look(codec: Codec, data: &[u8]) -> Result<Content> {
    if data.is_empty() {
        return Err(Error::new(
            Status::InvalidArgument,
            "the frame is empty: push one access unit of video, or one frame of audio",
        ));
    }
    if codec.kind() == MediaKind::Audio {
        return Ok(Content::Keyframe);
    }
    if !begins_with_start_code(data) {
        return Err(Error::new(
            Status::InvalidArgument,
            format!(
                "the access unit does not begin with a start code (00 00 01): push {} as an \
                 Annex B byte stream, not with lengths before its NALs",
                codec.encoding_name()
            ),
        ));
    }
    let content = AnnexB::new(data).find_map(|nal| match nal_type(nal)? {
        nal_type::IDR => Some(Content::Keyframe),
        nal_type::SLICE..nal_type::IDR => Some(Content::Picture),
        _ => None,
    });
    Ok(content.unwrap_or(Content::Other))
}

/// Whether the bits of this codec change on the way to an access unit of `media`.
pub(super) fn is_annex_b(codec: Codec) -> bool {
    codec.kind() == MediaKind::Video
}

/// Appends an Annex B byte stream as an access unit of `media`: each NAL after its length.
pub(super) fn convert(annex_b: &[u8], unit: &mut Vec<u8>) {
    unit.reserve(annex_b.len() + 16);
    for nal in AnnexB::new(annex_b) {
        append_nal(unit, &[nal]);
    }
}

/// Appends a NAL, which is the concatenation of `parts`, after its length.
pub(super) fn append_nal(unit: &mut Vec<u8>, parts: &[&[u8]]) {
    let size: usize = parts.iter().map(|part| part.len()).sum();
    // No frame is so large that its length does not fit.
    unit.extend_from_slice(&(size as u32).to_be_bytes());
    for part in parts {
        unit.extend_from_slice(part);
    }
}

/// What is known of a video track from its bits.
#[derive(Debug)]
pub(super) struct Headers {
    codec: Codec,
    sps: Bytes,
    pps: Bytes,
}

impl Headers {
    pub fn new(codec: Codec) -> Self {
        Headers {
            codec,
            sps: Bytes::new(),
            pps: Bytes::new(),
        }
    }

    /// Reads an access unit of `media`: what it holds, and whether it changed what is known.
    pub fn read(&mut self, unit: &[u8]) -> (Content, bool) {
        let (mut content, mut changed) = (Content::Other, false);
        for nal in h264::nals(unit) {
            match nal_type(nal) {
                Some(nal_type::SPS) => changed |= remember(&mut self.sps, nal),
                Some(nal_type::PPS) => changed |= remember(&mut self.pps, nal),
                Some(nal_type::IDR) => content = Content::Keyframe,
                Some(nal_type::SLICE..nal_type::IDR) if content == Content::Other => {
                    content = Content::Picture;
                }
                _ => {}
            }
        }
        (content, changed)
    }

    /// The track, once all is known that a decoder needs.
    pub fn track(&self) -> Option<TrackInfo> {
        if self.sps.is_empty() || self.pps.is_empty() {
            return None;
        }
        Some(TrackInfo {
            codec: self.codec,
            parameter_sets: Some(ParameterSets {
                sps: self.sps.clone(),
                pps: self.pps.clone(),
            }),
        })
    }
}

fn remember(set: &mut Bytes, nal: &[u8]) -> bool {
    let other = set != nal;
    if other {
        *set = Bytes::copy_from_slice(nal);
    }
    other
}

/// Whether there is nothing but zeros before the first start code.
fn begins_with_start_code(data: &[u8]) -> bool {
    let zeros = data.iter().take_while(|&&byte| byte == 0).count();
    zeros >= 2 && data.get(zeros) == Some(&1)
}

/// The NALs of a byte stream (ITU-T H.264 and H.265, Annex B), without the zeros behind them.
struct AnnexB<'a> {
    /// Behind a start code; `None` at the end.
    rest: Option<&'a [u8]>,
}

const START_CODE: &[u8] = &[0, 0, 1];

impl<'a> AnnexB<'a> {
    fn new(data: &'a [u8]) -> Self {
        let rest = memmem::find(data, START_CODE).map(|at| &data[at + START_CODE.len()..]);
        AnnexB { rest }
    }
}

impl<'a> Iterator for AnnexB<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let rest = self.rest?;
            let end = memmem::find(rest, START_CODE);
            self.rest = end.map(|at| &rest[at + START_CODE.len()..]);
            let nal = &rest[..end.unwrap_or(rest.len())];
            // A NAL does not end in zeros; what follows are those of a longer start code.
            let len = nal.iter().rposition(|&byte| byte != 0);
            if let Some(last) = len {
                return Some(&nal[..=last]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::h264::nals;

    fn of(data: &[u8]) -> Vec<&[u8]> {
        AnnexB::new(data).collect()
    }

    #[test]
    fn start_codes_of_both_lengths_part_nals() {
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
            let error = look(Codec::H264, data).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument, "{data:?}");
        }
        assert_eq!(look(Codec::Pcmu, &[7]).unwrap(), Content::Keyframe);
        assert!(look(Codec::Pcmu, &[]).is_err());
    }

    #[test]
    fn the_first_slice_tells_what_it_is() {
        for (nals, expected) in [
            (&[0x09, 0x67, 0x68, 0x06, 0x65][..], Content::Keyframe),
            (&[0x06, 0x41], Content::Picture),
            (&[0x21], Content::Picture),
            (&[0x67, 0x68], Content::Other),
            (&[0xe5], Content::Other),
        ] {
            let mut data = Vec::new();
            for &header in nals {
                data.extend([0, 0, 0, 1, header, 0x80]);
            }
            assert_eq!(look(Codec::H264, &data).unwrap(), expected);
            let mut unit = Vec::new();
            convert(&data, &mut unit);
            let (content, _) = Headers::new(Codec::H264).read(&unit);
            assert_eq!(content, expected);
        }
    }
}
