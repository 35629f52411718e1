//! What the host pushes: frames as byte streams and with lengths, RTP, records of containers.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rtsp_webrtc_gateway::config::{Frame, FrameData};
use rtsp_webrtc_gateway::internals::media::MediaKind;
use rtsp_webrtc_gateway::internals::source::push::{feed, run};
use rtsp_webrtc_gateway::{Codec, PushOptions};

use crate::camera::{Begins, packet};
use crate::stage::Stage;

#[derive(Arbitrary, Debug)]
struct Options<'a> {
    video: u8,
    audio: Option<u8>,
    config: Option<&'a [u8]>,
    lengths: bool,
    queue: u8,
}

#[derive(Arbitrary, Debug)]
enum Move<'a> {
    Frame {
        audio: bool,
        begins: Begins,
        data: &'a [u8],
        pts_us: i64,
        capture: Option<i64>,
        discontinuity: bool,
        shared: bool,
    },
    /// Begins with a start code, or the right length.
    Good {
        begins: Begins,
        data: &'a [u8],
        ms: u8,
    },
    Rtp {
        audio: bool,
        step: i8,
        ticks: i16,
        marker: bool,
        begins: Begins,
        data: &'a [u8],
    },
    Raw(bool, &'a [u8]),
    /// The worker has its turn.
    Turn,
}

const VIDEOS: [Codec; 3] = [Codec::H264, Codec::H265, Codec::Av1];
const AUDIOS: [Codec; 4] = [Codec::Opus, Codec::Pcmu, Codec::Pcma, Codec::G722];

pub fn push(data: &[u8]) {
    let mut script = Unstructured::new(data);
    let Ok(options) = Options::arbitrary(&mut script) else {
        return;
    };
    let video = VIDEOS[usize::from(options.video) % VIDEOS.len()];
    let audio = options
        .audio
        .map(|audio| AUDIOS[usize::from(audio) % AUDIOS.len()]);
    let result = feed(&PushOptions {
        video: Some(video),
        audio,
        queue_frames: 1 + u32::from(options.queue % 32),
        codec_config: options.config.map(<[u8]>::to_vec),
        length_prefixed: options.lengths,
        // Else it waits for a clock.
        idle_timeout: Some(Duration::MAX),
        ..PushOptions::default()
    });
    let Ok((feed, receiver)) = result else {
        return;
    };
    let stage = Stage::new(std::time::Instant::now());
    let mut worker = pin!(run(receiver, stage));
    let mut turn = || {
        let mut context = Context::from_waker(Waker::noop());
        assert!(worker.as_mut().poll(&mut context).is_pending());
    };
    let (mut number, mut timestamp, mut time) = (0_u16, 0_u32, 0_i64);
    while let Ok(next) = Move::arbitrary(&mut script) {
        let result = match next {
            Move::Frame {
                audio,
                begins,
                data,
                pts_us,
                capture,
                discontinuity,
                shared,
            } => {
                let data = [begins.bytes(), data].concat();
                let kind = if audio {
                    MediaKind::Audio
                } else {
                    MediaKind::Video
                };
                feed.push(
                    kind,
                    Frame {
                        data: match shared {
                            true => FrameData::Shared(data.into()),
                            false => FrameData::Copied(&data),
                        },
                        pts_us,
                        capture_unix_us: capture,
                        discontinuity,
                    },
                )
            }
            Move::Good { begins, data, ms } => {
                let nal = [begins.bytes(), data].concat();
                let start = match options.lengths {
                    true => (nal.len() as u32).to_be_bytes(),
                    false => [0, 0, 0, 1],
                };
                time += i64::from(ms) * 1000;
                feed.push(
                    MediaKind::Video,
                    Frame {
                        data: FrameData::Copied(&[&start[..], &nal].concat()),
                        pts_us: time,
                        capture_unix_us: None,
                        discontinuity: false,
                    },
                )
            }
            Move::Rtp {
                audio: is_audio,
                step,
                ticks,
                marker,
                begins,
                data,
            } => {
                number = number.wrapping_add_signed(step.into());
                timestamp = timestamp.wrapping_add_signed(ticks.into());
                let codec = audio.filter(|_| is_audio).unwrap_or(video);
                feed.push_rtp(codec, &packet(96, number, timestamp, marker, begins, data))
            }
            Move::Raw(is_audio, data) => {
                let codec = audio.filter(|_| is_audio).unwrap_or(video);
                feed.push_rtp(codec, data)
            }
            Move::Turn => {
                turn();
                Ok(())
            }
        };
        if let Err(error) = result {
            assert!(!error.message().chars().any(char::is_control), "{error}");
        }
        if script.is_empty() {
            break;
        }
    }
    // As many turns as there can be yields.
    (0..8).for_each(|_| turn());
}
