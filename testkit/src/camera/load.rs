//! A stream of a given size for load tests: its frames are noise, except for the last bytes. These contain the time at
//! which the camera sent the frame, so that a viewer in another process can tell its age.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::clip::Clip;

/// Bytes of a frame per packet: small enough that a gateway which forwards them as they are stays within an MTU.
const FRAGMENT: usize = 1188;
/// What a packet may have besides: the header of the NAL unit, or those of a fragment.
const HEADERS: usize = 2;

/// Precedes the time in the last bytes of a frame.
const MARK: &[u8; 8] = b"sent_at:";
/// Bytes of the time: 7 bits each, the highest bit always set, so that it never looks like a start code.
const TIME_BYTES: usize = 10;

/// The size of a generated stream, and its phase relative to others.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Frames per second; divides 1000.
    pub frame_rate: u32,
    /// Packets in a frame.
    pub packets: usize,
    /// The same, for a keyframe; one more packet carries the parameter sets.
    pub keyframe_packets: usize,
    /// Bytes of a frame in each of them.
    pub packet_bytes: usize,
    /// Frames from one keyframe to the next.
    pub gop: usize,
    /// Frames are sent when the time of day, modulo the time between frames, is this.
    pub phase: Duration,
    /// Frames less than `gop` from the first keyframe to the second.
    pub keyframe_phase: usize,
}

impl Load {
    /// 720p at 25 frames per second and about 2.4 Mbit/s, with a keyframe every 2 s. The frames and keyframes of
    /// camera `index` of `count` lie evenly between those of the others.
    pub fn camera(index: usize, count: usize) -> Load {
        let gop = 50;
        Load {
            frame_rate: 25,
            packets: 9,
            keyframe_packets: 54,
            packet_bytes: FRAGMENT,
            gop,
            phase: Duration::from_millis(40) * index as u32 / count as u32,
            keyframe_phase: gop * index / count,
        }
    }

    /// With another distance between keyframes, in frames.
    pub fn gop(self, gop: usize) -> Load {
        Load {
            gop,
            keyframe_phase: self.keyframe_phase * gop / self.gop,
            ..self
        }
    }

    /// From `now` to the next moment of its phase.
    pub(super) fn wait(&self, now: SystemTime) -> Duration {
        let interval = Duration::from_secs(1) / self.frame_rate;
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let since = (now.as_nanos() % interval.as_nanos()) as u64;
        (interval + self.phase - Duration::from_nanos(since)).min(2 * interval)
    }
}

/// The frames of a generated stream.
pub(super) struct Pictures {
    load: Load,
    sets: [&'static [u8]; 2],
    picture: Vec<u8>,
    keyframe: Vec<u8>,
    count: usize,
}

impl Pictures {
    /// The parameter sets are those of `clip`.
    pub fn new(load: Load, clip: Clip) -> Pictures {
        let nal = |header: u8, packets: usize| {
            let mut nal = vec![header, 0x88];
            // Without zeros there is nothing to escape.
            nal.resize_with(1 + packets * load.packet_bytes, || fastrand::u8(1..));
            nal
        };
        Pictures {
            load,
            sets: clip.parameter_sets(),
            picture: nal(0x41, load.packets),
            keyframe: nal(0x65, load.keyframe_packets),
            count: 0,
        }
    }

    pub fn frame_rate(&self) -> u32 {
        self.load.frame_rate
    }

    /// The payload of a packet at most.
    pub fn max_payload(&self) -> usize {
        self.load.packet_bytes + HEADERS
    }

    /// The NAL units of the next frame, which is sent now.
    pub fn next(&mut self) -> Vec<&[u8]> {
        let count = self.count;
        self.count += 1;
        let Load {
            gop,
            keyframe_phase,
            ..
        } = self.load;
        if count == 0 || (count + keyframe_phase).is_multiple_of(gop) {
            stamp(&mut self.keyframe);
            vec![self.sets[0], self.sets[1], &self.keyframe]
        } else {
            stamp(&mut self.picture);
            vec![&self.picture]
        }
    }
}

fn stamp(nal: &mut [u8]) {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let nanos = now.as_nanos();
    let (rest, time) = nal.split_at_mut(nal.len() - TIME_BYTES);
    for (i, byte) in time.iter_mut().enumerate() {
        *byte = 0x80 | (nanos >> (7 * i)) as u8;
    }
    let mark = rest.len() - MARK.len();
    rest[mark..].copy_from_slice(MARK);
}

/// When a generated frame was sent, since the Unix epoch; read from the payload of its last packet.
pub fn sent_at(payload: &[u8]) -> Option<Duration> {
    let (rest, time) = payload.split_at_checked(payload.len().checked_sub(TIME_BYTES)?)?;
    rest.strip_suffix(MARK)?;
    let nanos = time
        .iter()
        .rev()
        .fold(0u128, |nanos, byte| nanos << 7 | u128::from(byte & 0x7f));
    Some(Duration::from_nanos(nanos as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_have_their_size_and_tell_when_they_were_sent() {
        let mut pictures = Pictures::new(Load::camera(1, 2).gop(10), Clip::Main720p);
        for n in 0..20 {
            let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            let nals = pictures.next();
            let keyframe = n == 0 || n % 10 == 5;
            assert_eq!(nals.len(), if keyframe { 3 } else { 1 });
            let nal = nals.last().unwrap();
            let packets = if keyframe { 54 } else { 9 };
            assert_eq!((nal.len() - 1).div_ceil(FRAGMENT), packets);
            let age = sent_at(nal).unwrap() - before;
            assert!(age < Duration::from_secs(1));
        }
        assert_eq!(sent_at(&[1; 100]), None);
        assert_eq!(sent_at(&[]), None);
    }

    #[test]
    fn phases_are_of_the_time_of_day() {
        let load = Load::camera(1, 4);
        let at = |millis| UNIX_EPOCH + Duration::from_millis(millis);
        assert_eq!(load.wait(at(1000)), Duration::from_millis(50));
        assert_eq!(load.wait(at(1025)), Duration::from_millis(25));
    }
}
