//! What a sink gets.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::SinkFormat;

/// Which track of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum SinkTrack {
    /// Video.
    Video = 1,
    /// Audio.
    Audio = 2,
    /// Metadata of ONVIF: XML documents.
    Metadata = 3,
}

impl SinkTrack {
    pub(super) const COUNT: usize = 3;

    pub(super) const fn index(self) -> usize {
        self as usize - 1
    }
}

/// An access unit of video, a frame of audio, or a metadata document. Cheap to clone: the sinks of a
/// stream share the data.
#[derive(Clone, Debug)]
pub struct SinkFrame {
    /// The track that it belongs to, its codec and its parameters.
    pub format: Arc<SinkFormat>,
    /// The data.
    ///
    /// * H.264, H.265: an Annex B byte stream, or NAL units with lengths of 4 bytes
    ///   ([`SinkOptions::length_prefixed`](crate::config::SinkOptions::length_prefixed)). A keyframe
    ///   begins with its parameter sets.
    /// * AV1: a temporal unit in the low-overhead format. A keyframe begins with its sequence header.
    /// * Audio: one frame as the camera encodes it.
    /// * Metadata: one XML document.
    pub data: Bytes,
    /// Presentation time in microseconds, on a timeline that all tracks of the stream share and that no
    /// reconnection sets back. Frames are in decoding order, so with B-frames it may decrease.
    pub pts_us: i64,
    /// When it was captured, in microseconds since 1970-01-01 UTC; `None` before the camera has said so
    /// in a sender report.
    pub capture_unix_us: Option<i64>,
    /// When its last packet arrived, in microseconds since 1970-01-01 UTC.
    pub arrival_unix_us: i64,
    /// When its last packet arrived.
    pub arrival: Instant,
    /// Decoding can start with it. True of each frame of audio and each document.
    pub keyframe: bool,
    /// Parts of it are missing.
    pub damaged: bool,
    /// It comes from what is kept for viewers, where there are no B-frames and no damaged frames.
    pub cached: bool,
    /// Something is missing between the frame of this track before it and this one, or the camera was
    /// connected again in between.
    pub discontinuity: bool,
    /// `format` is not that of the frame before it. True of the first frame of a track.
    pub format_changed: bool,
    /// RTP packets that are missing before it or in it.
    pub packets_lost: u32,
    /// Frames of this track before it that were dropped because the queue was full.
    pub frames_dropped: u32,
}

/// Two readings of the system's clocks. Taken anew for each frame: the wall clock may be set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    now: Instant,
    wall: SystemTime,
}

impl Clocks {
    pub fn read() -> Clocks {
        Clocks {
            now: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// A moment in microseconds since 1970.
    pub fn unix_us(&self, moment: Instant) -> i64 {
        let wall = self.wall.duration_since(SystemTime::UNIX_EPOCH);
        let wall = micros(wall.unwrap_or_default());
        match self.now.checked_duration_since(moment) {
            Some(ago) => wall - micros(ago),
            None => wall + micros(moment.duration_since(self.now)),
        }
    }
}

pub(super) fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_the_wall_clock_of_their_moment_however_it_is_set() {
        let second = Duration::from_secs(1);
        let start = Instant::now();
        let wall = SystemTime::UNIX_EPOCH + 1000 * second;
        let at = |now, wall| Clocks { now, wall };
        let before = at(start + 10 * second, wall);
        assert_eq!(before.unix_us(start + 9 * second), 999_000_000);
        // It is set forward, then back, then before 1970.
        let later = start + 20 * second;
        let forward = at(later, wall + 86_400 * second);
        assert_eq!(forward.unix_us(later - second), 87_399_000_000);
        let back = at(later, wall - 900 * second);
        assert_eq!(back.unix_us(later - second), 99_000_000);
        let wrong = at(later, SystemTime::UNIX_EPOCH - second);
        assert_eq!(wrong.unix_us(later - second), -1_000_000);
    }
}
