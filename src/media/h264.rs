//! H.264 as far as a gateway must know it: NAL types and parameter sets.

use bytes::Bytes;

/// One SPS and one PPS, without start codes or lengths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSets {
    /// Sequence parameter set.
    pub sps: Bytes,
    /// Picture parameter set.
    pub pps: Bytes,
}

impl ParameterSets {
    /// `profile_idc`, `constraint_set` flags and `level_idc` as in `profile-level-id` (RFC 6184
    /// section 8.1); `None` if the SPS is too short to tell.
    pub fn profile_level_id(&self) -> Option<[u8; 3]> {
        todo!()
    }

    /// Width and height in pixels after cropping; `None` if the SPS does not parse.
    pub fn dimensions(&self) -> Option<(u32, u32)> {
        todo!()
    }
}
