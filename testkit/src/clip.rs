//! The clips that the simulated cameras play, made by `clips/make.sh` and committed as raw Annex B H.264.
//!
//! | clip | size | profile | frames per second | GOP | frames | file |
//! |---|---|---|---|---|---|---|
//! | `main720p` | 1280x720 | Main | 25 | 50 (2 s) | 200 (8 s) | 931 KiB |
//! | `baseline360p` | 640x360 | Constrained Baseline | 25 | 25 (1 s) | 100 (4 s) | 162 KiB |
//! | `high360p` | 640x360 | High | 25 | 100 (4 s) | 200 (8 s) | 320 KiB |
//! | `main480p` | 640x480 | Main, four slices a frame | 15 | 30 (2 s) | 120 (8 s) | 388 KiB |
//! | `low180p` | 320x180 | Constrained Baseline | 25 | 100 (4 s) | 200 (8 s) | 78 KiB |
//!
//! No B-frames, closed GOPs, parameter sets before every IDR, no SEI, no access unit delimiters.
//!
//! Every frame shows its number, counted from 0: as text at the bottom left, and as a bar code along the top:
//! 16 blocks of 40x40 pixels in one row, block `i` covering `x = 40 * i .. 40 * (i + 1)`, `y = 0 .. 40`.
//! White is 1, black is 0, the most significant bit is at the left. To read it, sample the middle of each block,
//! `(40 * i + 20, 20)`, in pixels of the frame's own size. `low180p` shows what `high360p` shows, at half the size: it is
//! the substream of that camera.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// One of the committed clips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clip {
    /// 1280x720, Main profile, 25 frames per second, a keyframe every 2 s, 8 s long.
    Main720p,
    /// 640x360, Constrained Baseline profile, 25 frames per second, a keyframe every second, 4 s long.
    Baseline360p,
    /// 640x360, High profile, 25 frames per second, a keyframe every 4 s, 8 s long.
    High360p,
    /// 640x480, Main profile, four slices a frame, 15 frames per second, a keyframe every 2 s, 8 s long.
    Main480p,
    /// 320x180, Constrained Baseline profile, 25 frames per second, a keyframe every 4 s, 8 s long.
    Low180p,
}

impl Clip {
    /// Every clip.
    pub const ALL: [Clip; 5] = [
        Clip::Main720p,
        Clip::Baseline360p,
        Clip::High360p,
        Clip::Main480p,
        Clip::Low180p,
    ];

    /// The name, which is also the stem of the file in `clips/`.
    pub fn name(self) -> &'static str {
        match self {
            Clip::Main720p => "main720p",
            Clip::Baseline360p => "baseline360p",
            Clip::High360p => "high360p",
            Clip::Main480p => "main480p",
            Clip::Low180p => "low180p",
        }
    }

    /// Width and height in pixels.
    pub fn size(self) -> (u32, u32) {
        match self {
            Clip::Main720p => (1280, 720),
            Clip::Baseline360p | Clip::High360p => (640, 360),
            Clip::Main480p => (640, 480),
            Clip::Low180p => (320, 180),
        }
    }

    /// Frames per second.
    pub fn frame_rate(self) -> u32 {
        match self {
            Clip::Main480p => 15,
            _ => 25,
        }
    }

    /// Frames from one keyframe to the next.
    pub fn gop(self) -> usize {
        match self {
            Clip::Main720p => 50,
            Clip::Baseline360p => 25,
            Clip::High360p | Clip::Low180p => 100,
            Clip::Main480p => 30,
        }
    }

    /// The whole clip, an H.264 byte stream (ITU-T H.264 Annex B).
    pub fn annex_b(self) -> &'static [u8] {
        match self {
            Clip::Main720p => include_bytes!("../clips/main720p.h264"),
            Clip::Baseline360p => include_bytes!("../clips/baseline360p.h264"),
            Clip::High360p => include_bytes!("../clips/high360p.h264"),
            Clip::Main480p => include_bytes!("../clips/main480p.h264"),
            Clip::Low180p => include_bytes!("../clips/low180p.h264"),
        }
    }

    /// The frames of the clip in order; frame `n` shows the number `n`.
    pub fn access_units(self) -> &'static [AccessUnit] {
        static UNITS: [OnceLock<Vec<AccessUnit>>; Clip::ALL.len()] =
            [const { OnceLock::new() }; Clip::ALL.len()];
        UNITS[self as usize].get_or_init(|| access_units(self.annex_b()))
    }

    /// The sequence and picture parameter sets, in that order. They are the same throughout a clip.
    pub fn parameter_sets(self) -> [&'static [u8]; 2] {
        [7, 8].map(|wanted| {
            nals(self.annex_b())
                .find(|nal| nal_type(nal) == wanted)
                .expect("every clip begins with its parameter sets")
        })
    }
}

impl fmt::Display for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Clip {
    type Err = String;

    fn from_str(name: &str) -> Result<Clip, String> {
        Clip::ALL
            .into_iter()
            .find(|clip| clip.name() == name)
            .ok_or_else(|| {
                let names = Clip::ALL.map(Clip::name).join(", ");
                format!("there is no clip named {name:?}; the clips are {names}")
            })
    }
}

/// One coded picture with the parameter sets in front of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessUnit {
    /// The NAL units in decoding order, without start codes.
    pub nals: Vec<&'static [u8]>,
}

impl AccessUnit {
    /// Whether the frame is an IDR picture, from which decoding can begin.
    pub fn is_keyframe(&self) -> bool {
        self.nals.iter().any(|nal| nal_type(nal) == 5)
    }
}

/// `nal_unit_type` (ITU-T H.264, table 7-1), or 0 for an empty NAL.
pub(crate) fn nal_type(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |byte| byte & 0x1f)
}

/// Groups the NAL units of an Annex B byte stream into frames.
pub(crate) fn access_units(stream: &'static [u8]) -> Vec<AccessUnit> {
    let mut units: Vec<AccessUnit> = Vec::new();
    let mut complete = true;
    for nal in nals(stream) {
        let slice = matches!(nal_type(nal), 1..=5);
        // A slice that begins at macroblock 0 (first_mb_in_slice, ue(v), is a single 1 bit) begins a frame.
        let first_slice = slice && nal.get(1).is_some_and(|byte| byte & 0x80 != 0);
        if complete && (first_slice || !slice) {
            units.push(AccessUnit { nals: Vec::new() });
            complete = false;
        }
        if let Some(unit) = units.last_mut() {
            unit.nals.push(nal);
        }
        complete |= slice;
    }
    units
}

/// Splits an Annex B byte stream at its start codes.
pub(crate) fn nals(stream: &'static [u8]) -> impl Iterator<Item = &'static [u8]> {
    let mut starts = stream
        .windows(3)
        .enumerate()
        .filter(|(_, bytes)| *bytes == [0, 0, 1])
        .map(|(at, _)| at)
        .peekable();
    std::iter::from_fn(move || {
        let start = starts.next()? + 3;
        let end = starts.peek().copied().unwrap_or(stream.len());
        let nal = &stream[start..end];
        // A NAL unit never ends in a zero byte: those that follow belong to the next, longer start code.
        let len = nal
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        Some(&nal[..len])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use h264_reader::nal::sps::SeqParameterSet;
    use h264_reader::rbsp::{BitReader, decode_nal};

    #[test]
    fn every_clip_is_what_its_documentation_says() {
        let expected = [(200, 77), (100, 66), (200, 100), (120, 77), (200, 66)];
        let slices = [1, 1, 1, 4, 1];
        for (i, clip) in Clip::ALL.into_iter().enumerate() {
            let units = clip.access_units();
            assert_eq!(
                (units.len(), clip.parameter_sets()[0][1]),
                expected[i],
                "{clip}"
            );
            for (n, unit) in units.iter().enumerate() {
                let keyframe = n % clip.gop() == 0;
                assert_eq!(unit.is_keyframe(), keyframe, "{clip}, picture {n}");
                let types: Vec<u8> = unit.nals.iter().map(|nal| nal_type(nal)).collect();
                let mut wanted = if keyframe { vec![7, 8] } else { vec![] };
                wanted.extend(vec![if keyframe { 5 } else { 1 }; slices[i]]);
                assert_eq!(types, wanted, "{clip}, picture {n}");
                if keyframe {
                    assert_eq!(unit.nals[..2], clip.parameter_sets());
                }
            }
            let rbsp = decode_nal(clip.parameter_sets()[0]).unwrap();
            let sps = SeqParameterSet::from_bits(BitReader::new(&rbsp[..])).unwrap();
            assert_eq!(sps.pixel_dimensions().unwrap(), clip.size(), "{clip}");
            assert_eq!(sps.fps(), Some(clip.frame_rate().into()), "{clip}");
        }
    }

    #[test]
    fn clips_stay_small() {
        let total: usize = Clip::ALL.iter().map(|clip| clip.annex_b().len()).sum();
        assert!(total < 2_000_000, "{total} bytes");
    }

    #[test]
    fn names_parse_back() {
        for clip in Clip::ALL {
            assert_eq!(clip.name().parse(), Ok(clip));
        }
        assert!("main".parse::<Clip>().unwrap_err().contains("main720p"));
    }
}
