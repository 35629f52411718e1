//! Another stream of a world: a variant of the one that the viewer watches.

use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::internals::media::{
    self, AccessUnit, Codec, RateMeter, Track, TrackInfo, h264,
};
use rtsp_webrtc_gateway::internals::session::Media;
use rtsp_webrtc_gateway::state::StreamId;
use testkit::clip::Clip;
use testkit::samples::{Sample, h265_nals};

use super::{LIMITS, beginning};

/// How a camera sends frames, 25 per second.
#[derive(Clone, Copy)]
pub struct Frames {
    pub codec: Codec,
    /// Bytes of a keyframe and of another frame.
    pub sizes: (usize, usize),
    /// Frames from one keyframe to the next.
    pub gop: usize,
    /// The frame that it begins with.
    pub first: usize,
    /// Every second frame is one that no other refers to.
    pub disposable: bool,
    /// It has 320x180 pixels, not 640x360.
    pub small: bool,
}

/// A camera.
pub struct Camera {
    pub stream: StreamId,
    /// While false it is silent.
    pub on: bool,
    frames: Frames,
    info: TrackInfo,
    /// It has no media before it was asked for and this time has passed.
    on_demand: Option<Duration>,
    track: Option<Track>,
    /// Two access units of sound with each frame.
    sound: Option<Track>,
    rate: RateMeter,
    frame: usize,
    /// When the next frame comes; `None` while nobody asks for it.
    next: Option<Instant>,
}

impl Camera {
    pub fn new(now: Instant, stream: StreamId, frames: Frames) -> Camera {
        let info = info(frames.codec);
        let info = match frames.small {
            true => small(),
            false => info,
        };
        Camera {
            stream,
            on: true,
            frames,
            track: Some(Track::new(info.clone(), LIMITS, 0x7000_0000)),
            sound: None,
            info,
            on_demand: None,
            rate: RateMeter::default(),
            frame: frames.first,
            next: Some(now),
        }
    }

    /// A camera with sound.
    pub fn with_sound(now: Instant, stream: StreamId, frames: Frames) -> Camera {
        let info = TrackInfo::audio(Codec::Pcmu);
        Camera {
            sound: Some(Track::new(info, LIMITS, 0x7100_0000)),
            ..Camera::new(now, stream, frames)
        }
    }

    /// A camera that is connected as soon as it is asked for, which takes `time`.
    pub fn on_demand(stream: StreamId, frames: Frames, time: Duration) -> Camera {
        Camera {
            on_demand: Some(time),
            track: None,
            next: None,
            ..Camera::new(beginning(), stream, frames)
        }
    }

    /// What an offer is answered for.
    pub fn info(&self) -> Option<&TrackInfo> {
        self.track.as_ref().map(|track| track.info())
    }

    pub fn media(&self) -> Option<Media<'_>> {
        Some(Media {
            video: Some(self.track.as_ref()?),
            audio: self.sound.as_ref(),
            rate: self.rate.rate(),
        })
    }

    /// When the next frame comes.
    pub fn next(&self) -> Option<Instant> {
        self.next
    }

    /// The number of its newest frame.
    pub fn newest(&self) -> usize {
        self.frame.saturating_sub(1)
    }

    /// Somebody asks for its media, or nobody.
    pub fn demand(&mut self, now: Instant, wanted: bool) {
        if let Some(time) = self.on_demand {
            if !wanted {
                (self.track, self.next) = (None, None);
            } else if self.next.is_none() {
                self.next = Some(now + time);
            }
        }
    }

    /// The camera is connected anew, and its track begins anew.
    pub fn replace_track(&mut self) {
        self.track = None;
    }

    /// Takes the frame that is due into the ring. True if there is one.
    pub fn play(&mut self, now: Instant) -> bool {
        let Some(next) = self.next.filter(|&next| next <= now) else {
            return false;
        };
        self.next = Some(next + Duration::from_millis(40));
        if !self.on {
            self.frame += 1;
            return false;
        }
        let track = self.track.get_or_insert_with(|| {
            // A camera that was connected anew begins with a keyframe, and other timestamps.
            self.frame = 0;
            Track::new(self.info.clone(), LIMITS, 0x7000_0000)
        });
        let data = picture(&self.frames, self.frame, self.stream);
        self.rate.arrived(now, data.len());
        track.push(&AccessUnit {
            data: &data,
            timestamp: (self.frame * 3600) as i64 + 77,
            arrival: now,
            captured: None,
        });
        for half in 0..2 {
            if let Some(sound) = &mut self.sound {
                sound.push(&AccessUnit {
                    data: &[self.stream.0 as u8; 160],
                    timestamp: ((2 * self.frame + half) * 160) as i64,
                    arrival: now,
                    captured: None,
                });
            }
        }
        self.frame += 1;
        true
    }
}

/// A frame whose last bytes say which it is, and of which stream.
pub fn picture(frames: &Frames, frame: usize, stream: StreamId) -> Vec<u8> {
    let keyframe = frame.is_multiple_of(frames.gop);
    let size = if keyframe {
        frames.sizes.0
    } else {
        frames.sizes.1
    };
    let disposable = frames.disposable && !frame.is_multiple_of(2);
    let header: &[u8] = match (frames.codec, keyframe, disposable) {
        (Codec::H264, true, _) => &[0x65],
        (Codec::H264, _, false) => &[0x41],
        (Codec::H264, _, true) => &[0x01],
        (_, true, _) => &[19 << 1, 1],
        (_, _, false) => &[1 << 1, 1],
        (_, _, true) => &[0, 1],
    };
    let mut data = (size as u32).to_be_bytes().to_vec();
    data.extend_from_slice(header);
    data.resize(4 + size - 3, stream.0 as u8);
    data.extend([
        0x80 | (frame >> 7) as u8,
        0x80 | frame as u8,
        stream.0 as u8,
    ]);
    data
}

/// The stream and the number of a frame, by its last NAL unit.
pub fn frame_of(nal: &[u8]) -> (StreamId, usize) {
    let [.., high, low, stream] = nal else {
        panic!("no frame: {nal:?}")
    };
    let number = usize::from(high & 0x7f) << 7 | usize::from(low & 0x7f);
    (StreamId((*stream).into()), number)
}

fn small() -> TrackInfo {
    let [sps, pps] = Clip::Low180p.parameter_sets();
    TrackInfo::video(h264::ParameterSets {
        sps: sps.into(),
        pps: pps.into(),
    })
}

/// What is known of a camera with this codec.
pub fn info(codec: Codec) -> TrackInfo {
    match codec {
        Codec::H265 => {
            let nals = h265_nals(Sample::H265.units()[0]);
            let nals = nals.iter();
            let unit: Vec<u8> = nals
                .flat_map(|nal| [&(nal.len() as u32).to_be_bytes(), *nal].concat())
                .collect();
            TrackInfo::video(media::ParameterSets::find(codec, &unit).expect("parameter sets"))
        }
        _ => {
            let [sps, pps] = Clip::Baseline360p.parameter_sets();
            TrackInfo::video(h264::ParameterSets {
                sps: sps.into(),
                pps: pps.into(),
            })
        }
    }
}
