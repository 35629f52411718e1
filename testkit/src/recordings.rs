//! Tracks for simulated cameras, made by `clips/make.sh`: other codecs than [`Clip`] has, H.264 and H.265 that browsers do
//! not show as it is, and other sizes. 25 frames per second unless they say otherwise, and a 440 Hz beep of 200 ms at every
//! full second.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::camera::{Payloads, Recording, packetize};
use crate::clip::{AccessUnit, Clip, access_units, nals};
use crate::samples::{Sample, h265_nals};

const FRAME_RATE: u32 = 25;
/// Ticks of the video clock from one frame to the next.
const FRAME_TICKS: u32 = 90_000 / FRAME_RATE;
const MAX_PAYLOAD: usize = 1400;

/// Makes a recording.
pub type Make = fn() -> Recording;

/// Names of the recordings, for the command line.
pub const ALL: [(&str, Make); 14] = [
    ("b-frames", b_frames),
    ("b-pyramid", b_pyramid),
    ("open-gops", open_gops),
    ("intra-refresh", intra_refresh),
    ("two-sizes", two_sizes),
    ("2160p", still_2160p),
    ("h265", h265),
    ("h265-open-gops", h265_open_gops),
    ("av1", av1),
    ("opus", opus),
    ("aac", aac),
    ("latm", latm),
    ("g726", g726),
    ("l16", l16),
];

/// H.264 of 320x180 with two B frames between two others. A keyframe every 25 of 75 frames.
pub fn b_frames() -> Recording {
    let units = access_units(include_bytes!("../clips/bframes180p.h264"));
    h264(&units, FRAME_RATE, &displayed(25, 1, &[2, 0, 1]))
}

/// The same with three, the middle one of which is a reference.
pub fn b_pyramid() -> Recording {
    let units = access_units(include_bytes!("../clips/pyramid180p.h264"));
    h264(&units, FRAME_RATE, &displayed(25, 1, &[3, 1, 0, 2]))
}

/// H.264 of 320x180 without any IDR frame: open GOPs of 24 frames, each of which begins with an I frame, a recovery point,
/// and two B frames that refer to what was before.
pub fn open_gops() -> Recording {
    let units = access_units(include_bytes!("../clips/opengop180p.h264"));
    h264(&units[22..70], FRAME_RATE, &displayed(24, 0, &[2, 0, 1]))
}

/// H.264 of 320x180 without any IDR or I frame: a recovery point every 25 frames, and a column of intra macroblocks that moves.
pub fn intra_refresh() -> Recording {
    let units = access_units(include_bytes!("../clips/refresh180p.h264"));
    h264(&units[25..75], FRAME_RATE, &[])
}

/// H.264 of a camera whose settings are changed: two seconds of 640x360, then two of 320x180, and so on.
pub fn two_sizes() -> Recording {
    let [large, small] = [Clip::Baseline360p, Clip::Low180p].map(Clip::access_units);
    let units = [&large[..50], &small[..50]].concat();
    h264(&units, FRAME_RATE, &[])
}

/// H.264 of 3840x2160 that stands still but for its number, five frames per second. A keyframe every 5 of 10 frames.
pub fn still_2160p() -> Recording {
    let units = access_units(include_bytes!("../clips/still2160p.h264"));
    h264(&units, 5, &[])
}

/// H.264 of `unit`s that are displayed in the order in which they are sent, or `later` than that, in ticks.
fn h264(units: &[AccessUnit], frame_rate: u32, later: &[u32]) -> Recording {
    let sets = units[0].nals[..2].iter().map(|set| STANDARD.encode(set));
    let sets: Vec<String> = sets.collect();
    let fmtp = format!(
        "packetization-mode=1;sprop-parameter-sets={}",
        sets.join(",")
    );
    let slots = units.iter().enumerate().map(|(i, unit)| {
        let mut payloads = Vec::new();
        packetize(&unit.nals, MAX_PAYLOAD, |head, body, _| {
            payloads.push([head, body].concat());
        });
        let later = later.get(i % later.len().max(1)).copied().unwrap_or(0);
        Payloads { later, payloads }
    });
    Recording::video("H264", &fmtp, frame_rate, slots.collect())
}

/// How much later than it is sent each frame of a GOP is displayed, in ticks. Behind the first `alone` come groups; `order`
/// has the places of a group's frames among themselves.
fn displayed(gop: usize, alone: usize, order: &[usize]) -> Vec<u32> {
    let place = |sent: usize| match sent.checked_sub(alone) {
        None => sent,
        Some(behind) => sent - behind % order.len() + order[behind % order.len()],
    };
    let early = (0..gop).map(|sent| sent - place(sent).min(sent)).max();
    let early = early.unwrap_or(0);
    let later = (0..gop).map(|sent| (place(sent) + early - sent) as u32 * FRAME_TICKS);
    later.collect()
}

/// H.265 of 640x360 in two slices a frame. A keyframe every 25 of 50 frames.
pub fn h265() -> Recording {
    let units: Vec<_> = Sample::H265
        .units()
        .iter()
        .map(|unit| h265_nals(unit))
        .collect();
    h265_of(&units, &[])
}

/// H.265 of 320x180 that begins with a CRA frame, and has one every 24, with two leading frames that refer to what was before
/// (RASL).
pub fn h265_open_gops() -> Recording {
    let stream: &[u8] = include_bytes!("../clips/cra180p.h265");
    let mut units: Vec<Vec<&[u8]>> = vec![Vec::new()];
    for nal in nals(stream) {
        let ended = units
            .last()
            .is_some_and(|unit| unit.last().is_some_and(|nal| nal[0] >> 1 < 32));
        if ended {
            units.push(Vec::new());
        }
        units.last_mut().expect("there is one").push(nal);
    }
    h265_of(&units[22..70], &displayed(24, 0, &[2, 0, 1]))
}

fn h265_of(units: &[Vec<&[u8]>], later: &[u32]) -> Recording {
    let slots = units.iter().enumerate().map(|(i, unit)| Payloads {
        later: later.get(i % later.len().max(1)).copied().unwrap_or(0),
        payloads: unit.iter().flat_map(|nal| h265_payloads(nal)).collect(),
    });
    Recording::video("H265", "", FRAME_RATE, slots.collect())
}

/// Single NAL units and fragmentation units (RFC 7798, sections 4.4.1 and 4.4.3).
fn h265_payloads(nal: &[u8]) -> Vec<Vec<u8>> {
    const FU: u8 = 49;
    if nal.len() <= MAX_PAYLOAD {
        return vec![nal.to_vec()];
    }
    let (head, body) = nal.split_at(2);
    let count = body.len().div_ceil(MAX_PAYLOAD - 3);
    let fragments = body.chunks(MAX_PAYLOAD - 3).enumerate();
    let fragments = fragments.map(|(i, fragment)| {
        let start = if i == 0 { 0x80 } else { 0 };
        let end = if i + 1 == count { 0x40 } else { 0 };
        let fu = [
            head[0] & 0x81 | FU << 1,
            head[1],
            start | end | head[0] >> 1 & 0x3f,
        ];
        [&fu, fragment].concat()
    });
    fragments.collect()
}

/// AV1 of 640x360, a keyframe every 25 of 50 frames (AV1 RTP payload format, one OBU a packet or less).
pub fn av1() -> Recording {
    let slots = Sample::Av1.units().iter().map(|unit| Payloads {
        later: 0,
        payloads: av1_payloads(unit),
    });
    Recording::video(
        "AV1",
        "profile=0;level-idx=8;tier=0",
        FRAME_RATE,
        slots.collect(),
    )
}

fn av1_payloads(mut unit: &[u8]) -> Vec<Vec<u8>> {
    const TEMPORAL_DELIMITER: u8 = 2;
    const SEQUENCE_HEADER: u8 = 1;
    const ONE_ELEMENT: u8 = 0x10;
    let mut payloads = Vec::new();
    while let Some((&header, rest)) = unit.split_first() {
        let (size, bytes) = leb128(rest);
        let (obu, rest) = rest[bytes..].split_at(size);
        unit = rest;
        let kind = header >> 3 & 15;
        if kind == TEMPORAL_DELIMITER {
            continue;
        }
        // Without the size, which the length of the packet says.
        let obu = [&[header & !2], obu].concat();
        let count = obu.len().div_ceil(MAX_PAYLOAD - 1);
        for (i, fragment) in obu.chunks(MAX_PAYLOAD - 1).enumerate() {
            let continues = if i > 0 { 0x80 } else { 0 };
            let continued = if i + 1 < count { 0x40 } else { 0 };
            let sequence = if kind == SEQUENCE_HEADER { 0x08 } else { 0 };
            payloads.push([&[continues | continued | ONE_ELEMENT | sequence], fragment].concat());
        }
    }
    payloads
}

/// A number of 7 bits a byte, and how many bytes it has.
fn leb128(bytes: &[u8]) -> (usize, usize) {
    let len = bytes
        .iter()
        .position(|byte| byte & 0x80 == 0)
        .expect("an end")
        + 1;
    let digits = bytes[..len].iter().rev();
    let value = digits.fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f));
    (value, len)
}

/// Opus in packets of 20 ms.
pub fn opus() -> Recording {
    let packets = Sample::Opus.units().iter().map(|unit| unit.to_vec());
    Recording::audio(97, "opus/48000/2", "", 960, packets)
}

/// AAC-LC of 16 kHz, one access unit a packet (RFC 3640, AAC-hbr).
pub fn aac() -> Recording {
    let fmtp = "streamtype=5;profile-level-id=1;mode=AAC-hbr;config=1408;sizelength=13;indexlength=3;indexdeltalength=3";
    let frames = adts_frames(include_bytes!("../clips/beep16k.aac"));
    let packets = frames.map(|frame| {
        let size = (frame.len() as u16) << 3;
        [&16u16.to_be_bytes(), &size.to_be_bytes(), frame].concat()
    });
    Recording::audio(97, "MPEG4-GENERIC/16000/1", fmtp, 1024, packets)
}

/// AAC-LC of 48 kHz, two channels, as LATM with the configuration in the SDP (RFC 6416).
pub fn latm() -> Recording {
    // StreamMuxConfig: one program of one layer, AudioSpecificConfig 0x1190, frames of variable length.
    let fmtp = "profile-level-id=1;object=2;cpresent=0;config=400023203fc0";
    let frames = adts_frames(include_bytes!("../clips/beep48k.aac"));
    let packets = frames.map(|frame| {
        let mut packet = vec![0xff; frame.len() / 255];
        packet.push((frame.len() % 255) as u8);
        [&packet, frame].concat()
    });
    Recording::audio(97, "MP4A-LATM/48000/2", fmtp, 1024, packets)
}

/// The frames of an ADTS stream without their headers.
fn adts_frames(mut stream: &'static [u8]) -> impl Iterator<Item = &'static [u8]> {
    const HEADER: usize = 7;
    std::iter::from_fn(move || {
        let header: [u8; HEADER] = stream.get(..HEADER)?.try_into().ok()?;
        let [.., a, b, c, _] = header;
        let len = usize::from(a & 3) << 11 | usize::from(b) << 3 | usize::from(c) >> 5;
        let frame;
        (frame, stream) = stream.split_at(len);
        Some(&frame[HEADER..])
    })
}

/// G.726 of 32 kbit/s in packets of 20 ms (RFC 3551, section 4.5.4).
pub fn g726() -> Recording {
    let bytes: &[u8] = include_bytes!("../clips/beep.g726");
    Recording::audio(
        97,
        "G726-32/8000",
        "",
        160,
        bytes.chunks(80).map(<[u8]>::to_vec),
    )
}

/// 16 bits a sample, 16 kHz, in packets of 20 ms.
pub fn l16() -> Recording {
    let bytes: Vec<u8> = beep(16_000).flat_map(i16::to_be_bytes).collect();
    Recording::audio(
        97,
        "L16/16000/1",
        "",
        320,
        bytes.chunks(640).map(<[u8]>::to_vec),
    )
}

/// One second.
fn beep(rate: u32) -> impl Iterator<Item = i16> {
    (0..rate).map(move |n| {
        if n >= rate / 5 {
            return 0;
        }
        let phase = std::f64::consts::TAU * 440.0 * f64::from(n) / f64::from(rate);
        (phase.sin() * 8000.0) as i16
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::nal_type;

    #[test]
    fn every_recording_is_what_its_documentation_says() {
        let key = |unit: &AccessUnit| unit.is_keyframe();
        for stream in [
            &include_bytes!("../clips/opengop180p.h264")[..],
            &include_bytes!("../clips/refresh180p.h264")[..],
        ] {
            let units = access_units(stream);
            assert_eq!(
                (units.len(), units.iter().filter(|unit| key(unit)).count()),
                (75, 1)
            );
        }
        let units = access_units(include_bytes!("../clips/opengop180p.h264"));
        let begins = |unit: &AccessUnit| nal_type(unit.nals[0]) == 7;
        assert!(begins(&units[22]) && begins(&units[46]));
        for (recording, frames) in [
            (b_frames(), 75),
            (b_pyramid(), 75),
            (open_gops(), 48),
            (intra_refresh(), 50),
            (two_sizes(), 100),
            (still_2160p(), 10),
            (h265(), 50),
            (h265_open_gops(), 48),
            (av1(), 50),
        ] {
            assert_eq!(recording.frames(), frames);
        }
        // VPS, SPS, PPS, a CRA frame in fragments; then RASL.
        let open_gops = h265_open_gops();
        let kinds = |slot| {
            let payloads = open_gops.payloads(slot).iter();
            let kind = |payload: &Vec<u8>| match payload[0] >> 1 {
                49 => payload[2] & 0x3f,
                kind => kind,
            };
            payloads.map(kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(0), [32, 33, 34, 21, 21]);
        assert_eq!(kinds(1), [8]);
        let seconds = |recording: Recording, rate: f64| recording.frames() as f64 / rate;
        assert!((2.0..2.2).contains(&seconds(aac(), 16_000.0 / 1024.0)));
        assert!((1.0..1.1).contains(&seconds(latm(), 48_000.0 / 1024.0)));
        assert_eq!((g726().frames(), l16().frames()), (50, 50));
    }

    #[test]
    fn frames_are_displayed_in_the_order_of_their_groups() {
        let later = displayed(25, 1, &[2, 0, 1])
            .iter()
            .map(|ticks| ticks / FRAME_TICKS)
            .collect::<Vec<_>>();
        assert_eq!(later[..7], [1, 3, 0, 0, 3, 0, 0]);
        let later = displayed(25, 1, &[3, 1, 0, 2])
            .iter()
            .map(|ticks| ticks / FRAME_TICKS)
            .collect::<Vec<_>>();
        assert_eq!(later[..5], [2, 5, 2, 0, 1]);
    }
}
