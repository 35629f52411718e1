//! What a decoder must know before the first frame, for each video codec.

use bytes::Bytes;

use super::nal::nals;
use super::{Codec, av1, h264, h265};

/// The most kinds of parameter sets that a codec has.
pub(super) const MAX_KINDS: usize = 3;

/// The parameter sets of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterSets {
    /// SPS and PPS.
    H264(h264::ParameterSets),
    /// VPS, SPS and PPS.
    H265(h265::ParameterSets),
    /// The sequence header.
    Av1(av1::SequenceHeader),
}

impl ParameterSets {
    /// The parameter sets in an access unit (in the form of
    /// [`AccessUnit::data`](super::AccessUnit::data)), the first of each kind; `None` unless all
    /// kinds are present.
    pub fn find(codec: Codec, unit: &[u8]) -> Option<Self> {
        let copy = Bytes::copy_from_slice;
        match codec {
            Codec::H264 => {
                let first = |kind| nals(unit).find(|nal| h264::nal_type(nal) == Some(kind));
                Some(Self::H264(h264::ParameterSets {
                    sps: first(h264::nal_type::SPS).map(copy)?,
                    pps: first(h264::nal_type::PPS).map(copy)?,
                }))
            }
            Codec::H265 => {
                let first = |kind| nals(unit).find(|nal| h265::nal_type(nal) == Some(kind));
                Some(Self::H265(h265::ParameterSets {
                    vps: first(h265::nal_type::VPS).map(copy)?,
                    sps: first(h265::nal_type::SPS).map(copy)?,
                    pps: first(h265::nal_type::PPS).map(copy)?,
                }))
            }
            Codec::Av1 => av1::obus(unit)
                .find(|obu| obu.kind() == av1::obu_type::SEQUENCE_HEADER)
                .map(|obu| {
                    Self::Av1(av1::SequenceHeader {
                        payload: copy(obu.payload),
                    })
                }),
            Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 => None,
        }
    }

    /// The codec that they belong to.
    pub const fn codec(&self) -> Codec {
        match self {
            Self::H264(_) => Codec::H264,
            Self::H265(_) => Codec::H265,
            Self::Av1(_) => Codec::Av1,
        }
    }

    /// Width and height in pixels; `None` if they do not parse.
    pub fn dimensions(&self) -> Option<(u32, u32)> {
        match self {
            Self::H264(sets) => sets.dimensions(),
            Self::H265(sets) => sets.dimensions(),
            Self::Av1(header) => header.dimensions(),
        }
    }

    /// In the order in which a decoder gets them, empty where the codec has fewer; the AV1 sequence
    /// header without its OBU header.
    pub(super) fn in_order(&self) -> [&[u8]; MAX_KINDS] {
        match self {
            Self::H264(sets) => [&sets.sps, &sets.pps, &[]],
            Self::H265(sets) => [&sets.vps, &sets.sps, &sets.pps],
            Self::Av1(header) => [&header.payload, &[], &[]],
        }
    }

    /// Takes over the sets found in an access unit, in the order of [`ParameterSets::in_order`].
    /// True if one of them is new.
    pub(super) fn remember(&mut self, sent: &[Option<&[u8]>; MAX_KINDS]) -> bool {
        let known = match self {
            Self::H264(sets) => [Some(&mut sets.sps), Some(&mut sets.pps), None],
            Self::H265(sets) => [&mut sets.vps, &mut sets.sps, &mut sets.pps].map(Some),
            Self::Av1(header) => [Some(&mut header.payload), None, None],
        };
        let mut changed = false;
        for (known, sent) in known.into_iter().zip(sent) {
            if let (Some(known), Some(sent)) = (known, sent)
                && known != sent
            {
                *known = Bytes::copy_from_slice(sent);
                changed = true;
            }
        }
        changed
    }
}

impl From<h264::ParameterSets> for ParameterSets {
    fn from(sets: h264::ParameterSets) -> Self {
        Self::H264(sets)
    }
}

impl From<h265::ParameterSets> for ParameterSets {
    fn from(sets: h265::ParameterSets) -> Self {
        Self::H265(sets)
    }
}

impl From<av1::SequenceHeader> for ParameterSets {
    fn from(header: av1::SequenceHeader) -> Self {
        Self::Av1(header)
    }
}
