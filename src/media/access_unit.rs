//! What a source delivers.

use std::time::Instant;

/// One access unit of video, or a chunk of audio, as a source delivers it.
#[derive(Clone, Copy, Debug)]
pub struct AccessUnit<'a> {
    /// The data, in the form of the track's codec:
    ///
    /// | codec | form |
    /// |---|---|
    /// | H.264, H.265 | the NAL units of one access unit, each preceded by its length in 4 bytes, big endian |
    /// | AV1 | one temporal unit in the low-overhead format (AV1 section 5.2): each OBU with its `obu_size` |
    /// | Opus | one Opus packet (RFC 6716 section 3) |
    /// | G.711 | samples, one byte each |
    /// | G.722 | octets of 64 kbit/s, each two samples of 16 kHz |
    ///
    /// Delimiters, filler and padding may be present; viewers do not get them. Parameter sets may be
    /// present as well; viewers get them in front of each keyframe in any case.
    pub data: &'a [u8],
    /// Presentation time on the source's own timeline, in units of the codec's clock rate.
    pub timestamp: i64,
    /// When its last packet arrived.
    pub arrival: Instant,
    /// When it was captured, if the source knows; not later than `arrival`, unless it is the end of a
    /// longer piece of sound.
    pub captured: Option<Instant>,
}

impl AccessUnit<'_> {
    /// The best known time of capture. Viewers synchronize video and audio by it.
    pub fn moment(&self) -> Instant {
        self.captured.unwrap_or(self.arrival)
    }
}
