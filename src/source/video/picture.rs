//! What the gate has to know of the picture in an access unit.

use crate::media::nal::nals;
use crate::media::{Codec, ParameterSets, av1, h264, h265};

use super::order::DisplayOrder;

/// The picture in an access unit, as far as its headers tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// A decoder can start with it.
    pub keyframe: bool,
    /// The id of the SPS of a keyframe.
    pub sps: Option<u32>,
    /// Others may refer to it.
    pub reference: bool,
    /// Its place in the order of showing, if it is coded.
    pub place: Option<i64>,
    /// Its place cannot be before that of one that came earlier.
    pub in_order: bool,
    /// It is shown before the keyframe that it follows, and may refer to what came before that.
    pub leading: bool,
    /// Where decoding may begin in a stream without keyframes.
    pub entry: Option<Entry>,
    /// Whether it goes on where the last picture that others refer to left off; `None` if nothing tells.
    pub continues: Option<bool>,
}

/// A picture that decoding may begin with, although it is no keyframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The encoder says so (recovery point); otherwise, all of the picture is intra coded.
    pub announced: bool,
    /// Of its first slice.
    pub slice: h264::Slice,
    /// Its PPS.
    pub pps: u32,
}

/// SEIs in front of a picture that are looked at.
const MOST_SEIS: u32 = 8;

/// Reads pictures. Knows the parameter sets.
#[derive(Debug, Default)]
pub struct Reader {
    h264: Vec<(h264::Pps, h264::Sps)>,
    h265: Vec<(h265::Pps, h265::Sps)>,
    pub order: DisplayOrder,
    /// `frame_num` of the last picture that others refer to.
    frame_num: Option<u32>,
}

impl Reader {
    /// The parameter sets changed.
    pub fn learn(&mut self, sets: &ParameterSets) {
        match sets {
            ParameterSets::H264(sets) => {
                let sps: Vec<_> = sets.sps.iter().filter_map(h264::Sps::read).collect();
                let pps = sets.pps.iter().filter_map(h264::Pps::read);
                let with_sps = |pps: h264::Pps| {
                    let sps = sps.iter().find(|sps| sps.id == pps.sps)?;
                    Some((pps, *sps))
                };
                self.h264 = pps.filter_map(with_sps).collect();
            }
            ParameterSets::H265(sets) => {
                let sps: Vec<_> = sets.sps.iter().filter_map(h265::Sps::read).collect();
                let pps = sets.pps.iter().filter_map(h265::Pps::read);
                let with_sps = |pps: h265::Pps| {
                    let sps = sps.iter().find(|sps| sps.id == pps.sps)?;
                    Some((pps, *sps))
                };
                self.h265 = pps.filter_map(with_sps).collect();
            }
            ParameterSets::Av1(_) => {}
        }
    }

    /// The parameter sets of a slice of H.264.
    pub fn sets(&self, pps: u32) -> Option<&(h264::Pps, h264::Sps)> {
        self.h264.iter().find(|(known, _)| known.id == pps)
    }

    /// The picture in an access unit; `None` if there is none.
    pub fn read(&mut self, codec: Codec, unit: &[u8]) -> Option<Picture> {
        match codec {
            Codec::H264 => self.read_h264(unit),
            Codec::H265 => self.read_h265(unit),
            _ => read_av1(unit),
        }
    }

    fn read_h264(&mut self, unit: &[u8]) -> Option<Picture> {
        let mut all = nals(unit);
        let mut announced = false;
        let mut seis = MOST_SEIS;
        let first = all.by_ref().find(|nal| match h264::nal_type(nal) {
            Some(h264::nal_type::SLICE..=h264::nal_type::IDR) => nal.len() > 1,
            Some(h264::nal_type::SEI) if seis > 0 => {
                seis -= 1;
                announced |= h264::recovery_point(nal).is_some();
                false
            }
            _ => false,
        })?;
        let mut picture = Picture {
            keyframe: h264::nal_type(first) == Some(h264::nal_type::IDR),
            reference: first[0] & h264::REF_IDC != 0,
            ..Picture::default()
        };
        let pps = h264::pps_of(first);
        let Some((_, sps)) = pps.and_then(|pps| self.sets(pps)).copied() else {
            return Some(picture);
        };
        picture.sps = Some(sps.id);
        let Some(slice) = h264::Slice::read(first, &sps) else {
            return Some(picture);
        };
        if picture.keyframe {
            self.order.begin();
        }
        picture.in_order = sps.order == h264::PictureOrder::AsSent;
        if let (Some(low), h264::PictureOrder::Lsb(bits)) = (slice.order, sps.order) {
            picture.place = Some(self.order.place(low, bits, picture.reference));
        }
        if !picture.keyframe {
            let is_intra = |nal| h264::Slice::read(nal, &sps).is_none_or(|slice| slice.intra);
            let slices = all.filter(|nal| h264::nal_type(nal) == Some(h264::nal_type::SLICE));
            if announced || (slice.intra && slices.into_iter().all(is_intra)) {
                picture.entry = pps.map(|pps| Entry {
                    announced,
                    slice,
                    pps,
                });
            }
            let end = 1 << sps.frame_num_bits;
            picture.continues = self
                .frame_num
                .map(|last| slice.frame_num == last || slice.frame_num == (last + 1) % end);
        }
        if picture.reference {
            self.frame_num = Some(slice.frame_num);
        }
        Some(picture)
    }

    fn read_h265(&mut self, unit: &[u8]) -> Option<Picture> {
        let is_slice = |nal: &&[u8]| {
            h265::nal_type(nal).is_some_and(|kind| kind <= h265::nal_type::LAST_SLICE)
                && nal.len() > h265::NAL_HEADER
        };
        let first = nals(unit).find(is_slice)?;
        let kind = first[0] >> 1;
        let lowest = first[1] & 7 == 1;
        let leading =
            (h265::nal_type::FIRST_LEADING..=h265::nal_type::LAST_LEADING).contains(&kind);
        // The even types below 16 are not referred to by their own temporal layer.
        let reference = kind >= 16 || kind % 2 == 1;
        let keyframe = (h265::nal_type::FIRST_IRAP..=h265::nal_type::LAST_IRAP).contains(&kind);
        let mut picture = Picture {
            keyframe,
            leading,
            reference: reference && lowest,
            ..Picture::default()
        };
        let pps = h265::pps_of(first);
        let sets = pps.and_then(|pps| self.h265.iter().find(|(known, _)| known.id == pps));
        let Some((pps, sps)) = sets.copied() else {
            return Some(picture);
        };
        picture.sps = Some(sps.id);
        let slice = h265::Slice::read(first, &sps, &pps);
        if keyframe && kind != h265::nal_type::CRA {
            self.order.begin();
        }
        if let (Some(slice), Some(bits)) = (slice, sps.order_bits) {
            let counts = lowest && reference && !leading;
            picture.place = Some(self.order.place(slice.order, bits, counts));
        }
        Some(picture)
    }
}

fn read_av1(unit: &[u8]) -> Option<Picture> {
    Some(Picture {
        keyframe: av1::frame_is_key(unit)?,
        reference: true,
        in_order: true,
        ..Picture::default()
    })
}
