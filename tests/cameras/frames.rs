//! Video that browsers do not show as it comes.

use rtsp_webrtc_gateway::internals::media::Codec;
use rtsp_webrtc_gateway::internals::media::nal::nals;
use rtsp_webrtc_gateway::state::WarningKind;
use testkit::camera::{CameraConfig, Recording};
use testkit::recordings;

use crate::seen::{Seen, pull_all};

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
