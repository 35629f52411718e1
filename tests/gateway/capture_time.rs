//! What a host says of when a pushed frame was captured reaches viewers by sender reports.

use std::time::{Duration, Instant, SystemTime};

use rtsp_webrtc_gateway::Codec;
use rtsp_webrtc_gateway::config::{Frame, FrameData, PushOptions};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::StreamId;
use rtsp_webrtc_gateway::tuning::Key;
use testkit::clip::Clip;

use crate::common::{LONG, chromium, post, tuned};

/// How long the host's pictures and its sound are under way: more than any hiccup of the test.
const PICTURE_AGE: Duration = Duration::from_secs(6);
const SOUND_AGE: Duration = Duration::from_secs(3);

fn microseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    since.as_micros().try_into().unwrap()
}

/// A host whose frames hold the time of their capture in decimal.
struct Host<'g> {
    gateway: &'g Gateway,
    stream: StreamId,
    begun: Instant,
}

impl Host<'_> {
    /// Pushes a keyframe and a frame of sound.
    fn push(&self) {
        let frame = |data, captured| Frame {
            data: FrameData::Copied(data),
            pts_us: self.begun.elapsed().as_micros() as i64,
            capture_unix_us: Some(captured),
            discontinuity: false,
        };
        let captured = microseconds(SystemTime::now() - PICTURE_AGE);
        let slice = format!("\x65\n{captured}");
        let mut picture = Vec::new();
        for nal in Clip::Baseline360p.parameter_sets() {
            picture.extend_from_slice(&[0, 0, 0, 1]);
            picture.extend_from_slice(nal);
        }
        picture.extend_from_slice(&[0, 0, 1]);
        picture.extend_from_slice(slice.as_bytes());
        self.gateway
            .push_video(self.stream, frame(&picture, captured))
            .unwrap();
        let captured = microseconds(SystemTime::now() - SOUND_AGE);
        let sound = format!("\n{captured}");
        self.gateway
            .push_audio(self.stream, frame(sound.as_bytes(), captured))
            .unwrap();
    }
}

/// The time that a frame holds.
fn captured(frame: &[u8]) -> i64 {
    let at = frame.iter().position(|&byte| byte == b'\n').unwrap();
    let digits = frame[at + 1..].iter().map(|&byte| i64::from(byte - b'0'));
    digits.fold(0, |sum, digit| 10 * sum + digit)
}

#[test]
fn viewers_learn_when_it_was_captured() {
    let gateway = tuned(&[(Key::RtcpIntervalMs, 100)]);
    let options = PushOptions {
        audio: Some(Codec::Pcmu),
        ..PushOptions::default()
    };
    let host = Host {
        gateway: &gateway,
        stream: gateway.add_push_stream("cam", options).unwrap(),
        begun: Instant::now(),
    };
    host.push();
    let mut viewer = chromium();
    let response = post(&gateway, "cam", &viewer.viewer.offer()).unwrap();
    viewer.accept(&response.body);
    let end = Instant::now() + LONG;
    let reported = |viewer: &testkit::viewer::Viewer| {
        let both = [viewer.video.ssrc(), viewer.audio.ssrc()];
        let reports = &viewer.sender_reports;
        both.iter()
            .all(|ssrc| reports.iter().filter(|(_, of, _, _)| of == ssrc).count() > 3)
    };
    while !viewer.run_till(Duration::from_millis(10), reported) {
        assert!(Instant::now() < end, "no sender reports");
        host.push();
    }

    let viewer = &viewer.viewer;
    let picture = viewer.video.access_units().pop().unwrap();
    let sound = viewer.audio.packets().last().unwrap();
    for (track, timestamp, rate, captured) in [
        (
            &viewer.video,
            picture.timestamp,
            90_000,
            captured(picture.nals.last().unwrap()),
        ),
        (
            &viewer.audio,
            sound.timestamp,
            8_000,
            captured(&sound.payload),
        ),
    ] {
        let told = viewer.wall_clock_at(track.ssrc(), timestamp, rate).unwrap();
        // Both clocks of the system are not read at the very same time.
        let error = microseconds(told) - captured;
        assert!(error.abs() < 1_000_000, "{error} us");
    }
}
