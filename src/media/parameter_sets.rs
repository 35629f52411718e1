//! What a decoder must know before the first frame, for each video codec.

use bytes::Bytes;

use super::nal::nals;
use super::{Codec, av1, h264, h265};

/// The most kinds of parameter sets that a codec has.
const MAX_KINDS: usize = 3;

/// The most sets of one kind that are kept. Cameras have one or two; the standards allow for 256.
const MAX_SETS: usize = 16;

/// The most sets of an access unit that are looked at.
const LOOKED_AT: usize = 3 * MAX_SETS;

/// The largest set that is kept. Usual are some tens of bytes, with scaling lists some hundreds.
const MAX_SET: usize = 4096;

/// The parameter sets of one kind, by their ids; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sets(Vec<Bytes>);

impl From<Bytes> for Sets {
    fn from(set: Bytes) -> Self {
        Sets(vec![set])
    }
}

impl From<&'static [u8]> for Sets {
    fn from(set: &'static [u8]) -> Self {
        Bytes::from_static(set).into()
    }
}

impl Sets {
    /// The first one.
    pub fn first(&self) -> &[u8] {
        self.0.first().map_or(&[], |set| set)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|set| &**set)
    }

    /// Takes over a set, in the place of the one with the same id. True if it is new. Without an `id`,
    /// it is malformed.
    fn put(&mut self, set: &[u8], id: impl Fn(&[u8]) -> Option<u32>) -> bool {
        let Some(own) = id(set).filter(|_| set.len() <= MAX_SET) else {
            return false;
        };
        // Nearly always what came before.
        if self.0.iter().any(|known| *known == set) {
            return false;
        }
        let set = Bytes::copy_from_slice(set);
        match self.0.iter().position(|known| id(known) == Some(own)) {
            Some(at) => self.0[at] = set,
            None => {
                if self.0.len() == MAX_SETS {
                    // The oldest but for the one that says what viewers are told.
                    self.0.remove(1);
                }
                self.0.push(set);
            }
        }
        true
    }

    /// Makes the one with this id the first. True if it was not.
    fn prefer(&mut self, wanted: u32, id: impl Fn(&[u8]) -> Option<u32>) -> bool {
        match self.0.iter().position(|set| id(set) == Some(wanted)) {
            None | Some(0) => false,
            Some(at) => {
                self.0[..=at].rotate_right(1);
                true
            }
        }
    }
}

/// The parameter sets of an access unit, as far as they are looked at.
fn sets_in(unit: &[u8], is_set: fn(&[u8]) -> bool) -> impl Iterator<Item = &[u8]> {
    nals(unit).filter(move |nal| is_set(nal)).take(LOOKED_AT)
}

/// Adds a set to those that were found before.
fn add(sets: &mut Option<Sets>, set: &[u8], id: impl Fn(&[u8]) -> Option<u32>) {
    match sets {
        Some(sets) => {
            sets.put(set, id);
        }
        None if id(set).is_some() && set.len() <= MAX_SET => {
            *sets = Some(Bytes::copy_from_slice(set).into());
        }
        None => {}
    }
}

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
    /// [`AccessUnit::data`](super::AccessUnit::data)); `None` unless all kinds are present.
    pub fn find(codec: Codec, unit: &[u8]) -> Option<Self> {
        Found::default().add(codec, unit)
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

    /// In the order in which a decoder gets them; the AV1 sequence header without its OBU header.
    pub fn in_order(&self) -> impl Iterator<Item = &[u8]> {
        let (kinds, header): ([Option<&Sets>; MAX_KINDS], Option<&[u8]>) = match self {
            Self::H264(sets) => ([Some(&sets.sps), Some(&sets.pps), None], None),
            Self::H265(sets) => ([&sets.vps, &sets.sps, &sets.pps].map(Some), None),
            Self::Av1(header) => ([None; _], Some(&header.payload)),
        };
        kinds
            .into_iter()
            .flatten()
            .flat_map(Sets::iter)
            .chain(header)
    }

    /// Takes over the sets in an access unit of their codec, in the place of those with the same ids.
    /// True if one of them is new. Malformed ones are ignored.
    pub fn remember(&mut self, unit: &[u8]) -> bool {
        let mut changed = false;
        match self {
            Self::H264(sets) => {
                for nal in sets_in(unit, h264::is_set) {
                    changed |= match h264::nal_type(nal) {
                        Some(h264::nal_type::SPS) => sets.sps.put(nal, h264::set_id),
                        Some(h264::nal_type::PPS) => sets.pps.put(nal, h264::set_id),
                        _ => false,
                    };
                }
            }
            Self::H265(sets) => {
                for nal in sets_in(unit, h265::is_set) {
                    changed |= match h265::nal_type(nal) {
                        Some(h265::nal_type::VPS) => sets.vps.put(nal, h265::set_id),
                        Some(h265::nal_type::SPS) => sets.sps.put(nal, h265::set_id),
                        Some(h265::nal_type::PPS) => sets.pps.put(nal, h265::set_id),
                        _ => false,
                    };
                }
            }
            Self::Av1(header) => {
                let sent = av1::SequenceHeader::find(unit);
                if let Some(sent) = sent.filter(|sent| *header.payload != **sent) {
                    header.payload = Bytes::copy_from_slice(sent);
                    changed = true;
                }
            }
        }
        changed
    }

    /// A keyframe uses the SPS with this id: it is the one that says what viewers are told. True if it
    /// was another.
    pub fn prefer_sps(&mut self, id: u32) -> bool {
        match self {
            Self::H264(sets) => sets.sps.prefer(id, h264::set_id),
            Self::H265(sets) => sets.sps.prefer(id, h265::set_id),
            Self::Av1(_) => false,
        }
    }
}

/// Parameter sets of which some kinds may still be missing, since they come in access units of their own.
#[derive(Debug, Default)]
pub struct Found([Option<Sets>; MAX_KINDS]);

impl Found {
    /// Adds those in an access unit. All of them, once all kinds are there.
    pub fn add(&mut self, codec: Codec, unit: &[u8]) -> Option<ParameterSets> {
        let [first, second, third] = &mut self.0;
        match codec {
            Codec::H264 => {
                for nal in sets_in(unit, h264::is_set) {
                    match h264::nal_type(nal) {
                        Some(h264::nal_type::SPS) => add(first, nal, h264::set_id),
                        Some(h264::nal_type::PPS) => add(second, nal, h264::set_id),
                        _ => {}
                    }
                }
                Some(ParameterSets::H264(h264::ParameterSets {
                    sps: first.clone()?,
                    pps: second.clone()?,
                }))
            }
            Codec::H265 => {
                for nal in sets_in(unit, h265::is_set) {
                    match h265::nal_type(nal) {
                        Some(h265::nal_type::VPS) => add(first, nal, h265::set_id),
                        Some(h265::nal_type::SPS) => add(second, nal, h265::set_id),
                        Some(h265::nal_type::PPS) => add(third, nal, h265::set_id),
                        _ => {}
                    }
                }
                Some(ParameterSets::H265(h265::ParameterSets {
                    vps: first.clone()?,
                    sps: second.clone()?,
                    pps: third.clone()?,
                }))
            }
            Codec::Av1 => {
                let payload = Bytes::copy_from_slice(av1::SequenceHeader::find(unit)?);
                Some(ParameterSets::Av1(av1::SequenceHeader { payload }))
            }
            Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 => None,
        }
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
