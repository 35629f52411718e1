//! What a source delivers.

use std::time::Instant;

/// One access unit of video, or some samples of audio, as a source delivers it.
#[derive(Clone, Copy, Debug)]
pub struct AccessUnit<'a> {
    /// The bits, in the form of the track's codec:
    ///
    /// | codec | form |
    /// |---|---|
    /// | H.264, H.265 | the NALs of one access unit, each after its length in 4 bytes, big endian |
    /// | AV1 | one temporal unit in the low-overhead format (AV1 section 5.2): each OBU with its `obu_size` |
    /// | Opus | one Opus packet (RFC 6716 section 3) |
    /// | G.711 | samples, one byte each |
    /// | G.722 | octets of 64 kbit/s, each two samples of 16 kHz |
    ///
    /// Delimiters, filler and padding may be there: viewers do not get them. Parameter sets may,
    /// too; viewers get them in front of each keyframe in any case.
    pub data: &'a [u8],
    /// Presentation time on the source's own time line, in units of the codec's clock rate.
    pub timestamp: i64,
    /// When its last packet arrived.
    pub arrival: Instant,
    /// When it was captured, if the source knows; never later than `arrival`.
    pub captured: Option<Instant>,
}

impl AccessUnit<'_> {
    /// The best that is known of when it was: what viewers play picture and sound together by.
    pub fn moment(&self) -> Instant {
        self.captured.unwrap_or(self.arrival)
    }
}
