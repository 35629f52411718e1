//! H.264 in the parts that a gateway needs: NAL unit types, parameter sets, slice headers.

mod cabac;
mod opening;
mod syntax;

use super::bits::Bits;
use super::parameter_sets::Sets;
pub use opening::opening;
pub use syntax::{PictureOrder, Pps, Slice, Sps, pps_of, recovery_point};

/// `nal_unit_type` values (ITU-T H.264 table 7-1) that the gateway handles specially.
pub mod nal_type {
    /// Coded slice of a non-IDR picture.
    pub const SLICE: u8 = 1;
    /// Coded slice of an IDR picture. Types 1 to 5 hold slices.
    pub const IDR: u8 = 5;
    /// Supplemental enhancement information.
    pub const SEI: u8 = 6;
    /// Sequence parameter set.
    pub const SPS: u8 = 7;
    /// Picture parameter set.
    pub const PPS: u8 = 8;
    /// Access unit delimiter.
    pub const AUD: u8 = 9;
    /// Filler data.
    pub const FILLER: u8 = 12;
    /// The last type that may be sent unchanged; RTP uses the ones above for itself
    /// (RFC 6184 section 5.2).
    pub const LAST: u8 = 23;
}

/// The bits of a NAL unit header that say whether others refer to it (`nal_ref_idc`).
pub const REF_IDC: u8 = 0x60;

/// `nal_unit_type` of a NAL unit; `None` if it is empty or its `forbidden_zero_bit` is set.
pub fn nal_type(nal: &[u8]) -> Option<u8> {
    let header = *nal.first()?;
    (header & 0x80 == 0).then_some(header & 0x1f)
}

/// Whether it is an SPS or a PPS.
pub fn is_set(nal: &[u8]) -> bool {
    matches!(nal_type(nal), Some(nal_type::SPS | nal_type::PPS))
}

/// The id of an SPS or a PPS; `None` if it is malformed.
pub fn set_id(set: &[u8]) -> Option<u32> {
    match nal_type(set)? {
        nal_type::SPS => {
            let mut bits = Bits::new(set.get(4..)?);
            bits.ue().filter(|&id| id < 32)
        }
        nal_type::PPS => {
            let mut bits = Bits::new(set.get(1..)?);
            bits.ue().filter(|&id| id < 256)
        }
        _ => None,
    }
}

/// Parameter sets, without start codes or lengths: one of each kind at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSets {
    /// Sequence parameter sets; the first one says what viewers are told.
    pub sps: Sets,
    /// Picture parameter sets.
    pub pps: Sets,
}

impl ParameterSets {
    /// `profile_idc`, `constraint_set` flags and `level_idc` as in `profile-level-id` (RFC 6184
    /// section 8.1); `None` if the SPS is too short to tell.
    pub fn profile_level_id(&self) -> Option<[u8; 3]> {
        self.sps.first().get(1..4)?.try_into().ok()
    }

    /// Width and height in pixels, after cropping; `None` if the SPS does not parse.
    pub fn dimensions(&self) -> Option<(u32, u32)> {
        Some(Sps::read(self.sps.first())?.dimensions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::testing::{self, OTHER_PPS, OTHER_SPS, noise, sets};
    use bytes::Bytes;
    use fastrand::Rng;

    #[test]
    fn parameter_sets_tell_profile_and_dimensions() {
        assert_eq!(sets().profile_level_id(), Some([0x64, 0x00, 0x28]));
        assert_eq!(sets().dimensions(), Some((1920, 1080)));
        let other = ParameterSets {
            sps: Bytes::from_static(OTHER_SPS).into(),
            pps: Bytes::from_static(OTHER_PPS).into(),
        };
        assert_eq!(other.profile_level_id(), Some([0x42, 0x00, 0x1e]));
        assert_eq!(other.dimensions(), Some((640, 480)));
        let stray = ParameterSets {
            sps: Bytes::from([testing::SPS, &[0x58]].concat()).into(),
            ..other
        };
        assert_eq!(stray.dimensions(), Some((1920, 1080)));
    }

    #[test]
    fn no_sps_is_too_broken_to_ask() {
        let mut random = Rng::with_seed(1);
        for round in 0..20_000 {
            let mut sps = if round % 2 == 0 {
                let len = random.usize(..40);
                noise(len, &mut random)
            } else {
                testing::SPS[..random.usize(..testing::SPS.len() + 1)].to_vec()
            };
            for _ in 0..random.usize(..4) {
                let at = random.usize(..sps.len().max(1));
                if let Some(byte) = sps.get_mut(at) {
                    *byte ^= 1 << random.usize(..8);
                }
            }
            if round % 4 < 2 && !sps.is_empty() {
                sps[0] = 0x67;
            }
            let known = sps.len() >= 4;
            let sets = ParameterSets {
                sps: Bytes::from(sps).into(),
                pps: Bytes::new().into(),
            };
            assert_eq!(sets.profile_level_id().is_some(), known);
            sets.dimensions();
        }
    }

    #[test]
    fn the_type_needs_a_header_without_the_forbidden_bit() {
        assert_eq!(nal_type(&[]), None);
        assert_eq!(nal_type(&[0xe5]), None);
        assert_eq!(nal_type(&[0x65]), Some(nal_type::IDR));
    }
}
