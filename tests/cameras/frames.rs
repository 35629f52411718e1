//! Video that browsers do not show as it comes.

use rtsp_webrtc_gateway::internals::media::nal::nals;
use rtsp_webrtc_gateway::internals::media::{Codec, ParameterSets};
use rtsp_webrtc_gateway::state::WarningKind;
use testkit::camera::{CameraConfig, Payloads, Recording, packetize};
use testkit::recordings;

use crate::seen::{CLIP, GOP, Seen, pull_all, slices};

/// What comes of a camera with this track, until there are so many frames.
fn watch(recording: Recording, frames: usize) -> Seen {
    watch_till(recording, move |seen| seen.frames.len() >= frames)
}

fn watch_till(recording: Recording, done: impl Fn(&Seen) -> bool + Copy + 'static) -> Seen {
    let camera = CameraConfig::new("camera").recording(recording);
    let mut all = pull_all(
        vec![camera],
        |options| options,
        move |seen| done(seen) || seen.failed(),
    );
    let seen = all.remove("camera").unwrap();
    assert!(!seen.failed(), "{:?}", seen.failures);
    assert_eq!(seen.is_in_order(), Ok(()));
    seen
}

/// Types of the NAL units of each frame.
fn kinds(seen: &Seen, codec: Codec) -> Vec<Vec<u8>> {
    let kind = |nal: &[u8]| match codec {
        Codec::H265 => nal[0] >> 1 & 0x3f,
        _ => nal[0] & 31,
    };
    let frames = seen.frames.iter();
    frames
        .map(|frame| nals(&frame.data).map(kind).collect())
        .collect()
}

fn warned(seen: &Seen, kind: WarningKind) -> bool {
    seen.warnings.iter().any(|warning| warning.kind == kind)
}

/// Those that are left play in the order of display, and it is said why the others do not.
#[test]
fn b_frames_are_left_out() {
    for recording in [recordings::b_frames(), recordings::b_pyramid()] {
        let done = |seen: &Seen| seen.frames.len() >= 20 && warned(seen, WarningKind::BFrames);
        let seen = watch_till(recording, done);
        let (left, dropped) = (seen.frames.len() as u64, seen.dropped);
        // Two or three of each group are B frames.
        assert!(
            left < dropped && dropped <= 3 * left + 3,
            "{left} and {dropped}"
        );
    }
}

/// Viewers begin with a keyframe that the camera did not send.
#[test]
fn without_an_idr_frame() {
    for recording in [recordings::intra_refresh(), recordings::open_gops()] {
        let seen = watch(recording, 10);
        let opening: Vec<u8> = nals(&seen.opening).map(|nal| nal[0] & 31).collect();
        assert!(opening.contains(&5), "{opening:?}");
        assert!(
            !kinds(&seen, Codec::H264)
                .iter()
                .flatten()
                .any(|kind| *kind == 5)
        );
    }
}

/// A CRA frame is a beginning; the RASL frames behind it are not decodable then.
#[test]
fn h265_from_a_cra_frame() {
    let seen = watch(recordings::h265_open_gops(), 10);
    let kinds = kinds(&seen, Codec::H265);
    assert!(kinds[0].contains(&21), "{kinds:?}");
    assert!(
        !kinds.iter().flatten().any(|kind| matches!(kind, 8 | 9)),
        "{kinds:?}"
    );
}

#[test]
fn av1() {
    let seen = watch(recordings::av1(), 30);
    assert_eq!(seen.video.unwrap().codec, Codec::Av1);
    for (n, frame) in seen.frames.iter().enumerate() {
        let unit = testkit::samples::Sample::Av1.units()[n];
        assert!(
            unit.ends_with(&frame.data[frame.data.len() - 20..]),
            "frame {n}"
        );
    }
}

/// A NAL unit that refers to the PPS of number 0, or is that, changed to number 1. `before`: how many numbers are in front.
fn of_second_pps(nal: &[u8], before: usize) -> Vec<u8> {
    let rbsp = without_stuffing(nal);
    let bytes = rbsp[1..].iter();
    let mut bits: Vec<bool> = bytes
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1 == 1))
        .collect();
    // Behind the bit that ends them is padding.
    let end = bits.iter().rposition(|bit| *bit).unwrap();
    bits.truncate(end + 1);
    let mut at = 0;
    for _ in 0..before {
        at += 1 + 2 * bits[at..].iter().take_while(|bit| !**bit).count();
    }
    assert!(bits[at], "it is 0");
    bits.splice(at..=at, [false, true, false]);
    bits.resize(bits.len().next_multiple_of(8), false);
    let bytes = bits
        .chunks(8)
        .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit)));
    let mut nal = vec![rbsp[0]];
    for byte in bytes {
        if byte <= 3 && nal.ends_with(&[0, 0]) {
            nal.push(3);
        }
        nal.push(byte);
    }
    nal
}

/// Without the bytes that keep start codes out (ITU-T H.264 section 7.4.1.1).
fn without_stuffing(nal: &[u8]) -> Vec<u8> {
    let mut zeros = 0;
    let stays = |byte: &&u8| {
        let stuffing = zeros >= 2 && **byte == 3;
        zeros = if **byte == 0 { zeros + 1 } else { 0 };
        !stuffing
    };
    nal.iter().filter(stays).copied().collect()
}

/// media-server 68: two before each IDR frame, and frames of both.
#[test]
fn frames_of_two_picture_parameter_sets() {
    let [sps, pps] = CLIP.parameter_sets();
    let second = of_second_pps(pps, 0);
    let units = CLIP.access_units().iter().take(GOP).enumerate();
    // In front of the PPS of a slice are the number of its first macroblock, and its type.
    let sent: Vec<Vec<Vec<u8>>> = units
        .map(|(n, unit)| {
            let slices = unit.nals.iter().filter(|nal| matches!(nal[0] & 31, 1 | 5));
            slices
                .map(|nal| match n % 2 {
                    0 => nal.to_vec(),
                    _ => of_second_pps(nal, 2),
                })
                .collect()
        })
        .collect();
    let slots = sent.iter().enumerate().map(|(n, slices)| {
        let sets = [sps, pps, &second];
        let sets = sets.into_iter().filter(|_| n == 0);
        let nals: Vec<&[u8]> = sets.chain(slices.iter().map(Vec::as_slice)).collect();
        let mut payloads = Vec::new();
        packetize(&nals, 1400, |head, body, _| {
            payloads.push([head, body].concat());
        });
        Payloads { later: 0, payloads }
    });
    let fmtp = "packetization-mode=1";
    let seen = watch(Recording::video("H264", fmtp, 25, slots.collect()), 30);
    assert_eq!(seen.dropped, 0);
    for (n, frame) in seen.frames.iter().enumerate() {
        assert!(slices(&frame.data).eq(&sent[n]), "frame {n}");
    }
    let Some(ParameterSets::H264(sets)) = seen.video.unwrap().parameter_sets else {
        panic!("no parameter sets");
    };
    assert!(sets.pps.iter().eq([pps, &second]), "{sets:?}");
}
