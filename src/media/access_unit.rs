//! What a source delivers.

use std::time::Instant;

/// One access unit of video, or one frame of audio, as a source delivers it.
#[derive(Clone, Copy, Debug)]
pub struct AccessUnit<'a> {
    /// The bits. H.264: each NAL after its length in 4 bytes, big endian. G.711: the samples.
    pub data: &'a [u8],
    /// Presentation time on the source's own time line, in units of the codec's clock rate.
    pub timestamp: i64,
    /// When its last packet arrived.
    pub arrival: Instant,
}
