//! Access units of video: parameter sets, slice headers, keyframes of our own.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rtsp_webrtc_gateway::internals::media::nal::nals;
use rtsp_webrtc_gateway::internals::media::{AccessUnit, Codec, MediaKind};
use rtsp_webrtc_gateway::internals::source::{Gate, Passed, Received, Sink};

use crate::stage::{Stage, videos, with_lengths};

/// An opening of the largest frame that there is, each macroblock in 6 bits.
const LARGEST_OPENING: usize = 128 << 10;

/// How a NAL unit or an OBU begins.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Begins {
    AsItIs,
    Sps(u8),
    Pps,
    Idr,
    Slice,
    Reference,
    RecoveryPoint,
    Vps,
    H265Sps,
    H265Pps,
    H265Idr,
    H265Slice,
    SequenceHeader,
    Frame,
    Delimiter,
}

impl Begins {
    fn bytes(self) -> Vec<u8> {
        match self {
            Begins::AsItIs => vec![],
            Begins::Sps(profile) => {
                let profiles = [66, 77, 88, 100, 110, 122, 244, 44];
                vec![
                    0x67,
                    profiles[usize::from(profile) % profiles.len()],
                    0,
                    0x1e,
                ]
            }
            Begins::Pps => vec![0x68],
            Begins::Idr => vec![0x65],
            Begins::Slice => vec![0x01],
            Begins::Reference => vec![0x41],
            Begins::RecoveryPoint => vec![0x06, 6, 1],
            Begins::Vps => vec![0x40, 1],
            Begins::H265Sps => vec![0x42, 1],
            Begins::H265Pps => vec![0x44, 1],
            Begins::H265Idr => vec![0x26, 1],
            Begins::H265Slice => vec![0x02, 1],
            Begins::SequenceHeader => vec![0x0a],
            Begins::Frame => vec![0x32],
            Begins::Delimiter => vec![0x12, 0],
        }
    }
}

#[derive(Arbitrary, Debug)]
struct Unit<'a> {
    parts: Vec<(Begins, &'a [u8])>,
    /// Not made of whole parts.
    raw: Option<&'a [u8]>,
    ticks: i32,
    ms: u16,
    lost: u8,
    damaged: bool,
    restarts: bool,
}

pub fn video(data: &[u8]) {
    let mut script = Unstructured::new(data);
    let Ok((codec, known)) = <(u8, bool)>::arbitrary(&mut script) else {
        return;
    };
    let which = usize::from(codec % 3);
    let codec = [Codec::H264, Codec::H265, Codec::Av1][which];
    let known = known
        .then(|| videos()[which].parameter_sets.clone())
        .flatten();
    let mut gate = Gate::new(codec, known);
    let mut now = crate::beginning();
    let mut stage = Stage::new(now);
    stage.may_be_broken = true;
    let (mut timestamp, mut live) = (0_i64, false);
    while let Ok(next) = Unit::arbitrary(&mut script) {
        now += Duration::from_millis(next.ms.into());
        timestamp += i64::from(next.ticks);
        if next.restarts {
            gate.restart();
        }
        let unit = data_of(codec, &next);
        let access_unit = AccessUnit {
            data: &unit,
            timestamp,
            arrival: now,
            captured: None,
        };
        let received = Received {
            unit: access_unit,
            lost: next.lost.into(),
            damaged: next.damaged,
            gap: next.lost > 100,
        };
        let mut passed_units = 0;
        gate.push(received, false, &mut |passed| match passed {
            Passed::Info(info) if live => stage.video_changed(info),
            Passed::Info(info) => {
                live = true;
                stage.live(Some(info), None);
            }
            Passed::Opening(unit) => {
                check_opening(unit.data);
                stage.opening(&unit);
            }
            Passed::Unit(unit, lost) => {
                passed_units += 1;
                stage.media(MediaKind::Video, &unit, lost);
            }
            Passed::Dropped(frames) => {
                passed_units += 1;
                assert_eq!(frames, 1);
            }
            Passed::Warning(warning) => stage.warn(MediaKind::Video, warning),
        });
        assert!(passed_units <= 1, "{passed_units} frames of one");
        if script.is_empty() {
            break;
        }
    }
}

/// An access unit in the form of `media`.
fn data_of(codec: Codec, unit: &Unit<'_>) -> Vec<u8> {
    if let Some(raw) = unit.raw {
        return raw.to_vec();
    }
    let parts = unit
        .parts
        .iter()
        .map(|(begins, rest)| [&begins.bytes(), *rest].concat());
    match codec {
        Codec::Av1 => parts.flat_map(|part| sized(&part)).collect(),
        _ => {
            let parts: Vec<Vec<u8>> = parts.collect();
            with_lengths(parts.iter().map(Vec::as_slice))
        }
    }
}

/// An OBU with its size behind the first byte.
fn sized(obu: &[u8]) -> Vec<u8> {
    let Some((first, rest)) = obu.split_first() else {
        return Vec::new();
    };
    let mut out = vec![first & !4 | 2];
    let mut len = rest.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend(rest);
    out
}

/// An opening is one IDR slice without start codes in it.
fn check_opening(unit: &[u8]) {
    assert!(
        unit.len() <= LARGEST_OPENING,
        "an opening of {} bytes",
        unit.len()
    );
    let mut slices = 0;
    let mut all = nals(unit);
    for nal in all.by_ref() {
        slices += usize::from(nal[0] & 0x1f == 5);
        let clean = !nal.windows(3).any(|bytes| matches!(bytes, [0, 0, 0..=2]));
        assert!(clean, "a start code in an opening");
        assert_ne!(nal.last(), Some(&0));
    }
    assert!(slices == 1 && !all.broken());
}
