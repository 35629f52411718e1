//! What is behind a source: tracks as viewers get them, and sinks of the host. It checks what the source
//! gives them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::internals::media::nal::nals;
use rtsp_webrtc_gateway::internals::media::{
    AccessUnit, Codec, MAX_PAYLOAD, MediaKind, ParameterSets, RingLimits, Track, TrackInfo,
};
use rtsp_webrtc_gateway::internals::sinks::{Queue, StreamSinks};
use rtsp_webrtc_gateway::internals::source::{Arrival, PushSink, Quirk, Sink};
use rtsp_webrtc_gateway::state::{SinkId, StreamId, Warning};
use rtsp_webrtc_gateway::{Error, SinkOptions};
use testkit::clip::Clip;
use testkit::samples::{Sample, h265_nals};

/// What a ring of a stage may keep of payload.
const RING_BYTES: usize = 256 << 10;

const LIMITS: RingLimits = RingLimits {
    packets: 64,
    history: Duration::from_millis(500),
    keep_gop: true,
    bytes: RING_BYTES,
    duration: Duration::from_secs(5),
};

/// Videos of H.264, H.265 and AV1.
pub fn videos() -> [TrackInfo; 3] {
    let h264 = with_lengths(Clip::Main480p.access_units()[0].nals.iter().copied());
    let h265 = with_lengths(h265_nals(Sample::H265.units()[0]).into_iter());
    let av1 = Sample::Av1.units()[0].to_vec();
    [(Codec::H264, h264), (Codec::H265, h265), (Codec::Av1, av1)].map(|(codec, unit)| {
        let sets = ParameterSets::find(codec, &unit);
        TrackInfo::video(sets.unwrap_or_else(|| unreachable!("a keyframe of {codec:?}")))
    })
}

/// NAL units as `media` has them.
pub fn with_lengths<'a>(nals: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut unit = Vec::new();
    for nal in nals {
        unit.extend((nal.len() as u32).to_be_bytes());
        unit.extend(nal);
    }
    unit
}

/// See the module documentation.
pub struct Stage {
    pub video: Option<Track>,
    pub audio: Option<Track>,
    /// Lengths in the units need not be right.
    pub may_be_broken: bool,
    /// Somebody hears the sound, so that it is decoded.
    pub heard: bool,
    /// Bytes of the largest keyframe: the ring may have it again, in front of the next frame.
    keyframe: usize,
    /// Units that viewers were sent, openings included.
    pub units: usize,
    is_live: bool,
    sinks: StreamSinks,
    queues: [Arc<Queue>; 2],
    taken: u64,
}

impl Stage {
    pub fn new(now: Instant) -> Stage {
        let mut sinks = StreamSinks::new(now);
        let queues = [false, true].map(|length_prefixed| {
            let options = SinkOptions {
                metadata: true,
                length_prefixed,
                queue_frames: 16,
                queue_bytes: 64 << 10,
                ..SinkOptions::default()
            };
            let id = SinkId(u64::from(length_prefixed));
            Arc::new(Queue::new(id, StreamId(1), options))
        });
        for queue in &queues {
            sinks.add(Arc::clone(queue), None);
        }
        Stage {
            video: None,
            audio: None,
            may_be_broken: false,
            heard: true,
            keyframe: 0,
            units: 0,
            is_live: false,
            sinks,
            queues,
            taken: 0,
        }
    }

    /// Another connection to the source begins.
    pub fn reconnected(&mut self) {
        self.is_live = false;
        self.sinks.interrupted();
    }

    fn track(&mut self, kind: MediaKind) -> &mut Option<Track> {
        match kind {
            MediaKind::Video => &mut self.video,
            MediaKind::Audio => &mut self.audio,
        }
    }

    fn begins(&mut self, info: Option<TrackInfo>, kind: MediaKind) {
        let track = self.track(kind);
        match (info, track.as_mut()) {
            (Some(info), Some(track)) if track.info().codec == info.codec => {
                track.reconnected(info);
            }
            (Some(info), _) => *track = Some(Track::new(info, LIMITS, 0xffff_0000)),
            (None, _) => *track = None,
        }
    }

    fn check_packets(track: &Track, from: u64, unit: usize) {
        let ring = track.ring();
        let mut bytes = 0;
        for number in from.max(ring.start())..ring.end() {
            let packet = ring.packet(number);
            let len = packet.map_or(0, |packet| packet.payload.len());
            assert!((1..=MAX_PAYLOAD).contains(&len), "a packet of {len} bytes");
            bytes += len;
        }
        let sets: usize = track.info().parameter_sets.iter().map(size).sum();
        let packets = (ring.end() - from) as usize;
        assert!(
            bytes <= unit + sets + 64 * (packets + 1),
            "{bytes} bytes in {packets} packets are sent of {unit}, parameter sets have {sets}"
        );
        let memory = ring.memory();
        assert!(
            memory <= 4 * RING_BYTES + 2 * unit,
            "the ring has {memory} bytes"
        );
    }

    /// Takes out what the sinks got.
    fn drain(&mut self) {
        let past = Instant::now();
        for (queue, lengths) in self.queues.iter().zip([false, true]) {
            let mut frames = 0;
            while let Ok(frame) = queue.take(Some(past)) {
                frames += 1;
                let is_nals = matches!(frame.format.codec, Some(Codec::H264 | Codec::H265));
                if is_nals && lengths {
                    let mut all = nals(&frame.data);
                    all.by_ref().for_each(drop);
                    assert!(!all.broken(), "{:?}", frame.format);
                } else if is_nals && !frame.data.is_empty() {
                    assert!(frame.data.starts_with(&[0, 0, 0, 1]), "{:?}", frame.format);
                }
            }
            assert!(frames <= 16);
            self.taken += frames;
        }
    }
}

fn size(sets: &ParameterSets) -> usize {
    sets.in_order().map(<[u8]>::len).sum()
}

impl Sink for Stage {
    fn connecting(&mut self) {}

    fn live(&mut self, video: Option<TrackInfo>, audio: Option<TrackInfo>) {
        assert!(!self.is_live, "live twice");
        assert!(video.is_some() || audio.is_some());
        self.is_live = true;
        self.begins(video, MediaKind::Video);
        self.begins(audio, MediaKind::Audio);
    }

    fn is_heard(&self) -> bool {
        self.heard
    }

    fn video_changed(&mut self, video: TrackInfo) {
        assert!(self.is_live);
        if let Some(track) = &mut self.video {
            track.changed(video);
        }
    }

    fn media(&mut self, kind: MediaKind, unit: &AccessUnit<'_>, _lost: u32) {
        assert!(self.is_live, "media before it is live");
        self.units += 1;
        let may_be_broken = self.may_be_broken;
        let bytes = unit.data.len() + self.keyframe;
        let Some(track) = self.track(kind) else {
            panic!("{kind:?} that was not announced");
        };
        if !may_be_broken && matches!(track.info().codec, Codec::H264 | Codec::H265) {
            let mut all = nals(unit.data);
            all.by_ref().for_each(drop);
            assert!(!all.broken(), "a broken unit");
        }
        // A server may send sound when its first sample is due; a unit has at most a second of it.
        let latest = match kind {
            MediaKind::Video => unit.arrival,
            MediaKind::Audio => unit.arrival + Duration::from_secs(1),
        };
        assert!(unit.captured.is_none_or(|captured| captured <= latest));
        let from = track.ring().end();
        let accepted = track.push(unit);
        assert_eq!(track.ring().end() - from, accepted.packets as u64);
        Stage::check_packets(track, from, bytes);
        if accepted.keyframe {
            self.keyframe = self.keyframe.max(unit.data.len());
        }
    }

    fn received(&mut self, arrival: &Arrival<'_>) {
        let sets = self
            .video
            .as_ref()
            .and_then(|track| track.info().parameter_sets.as_ref());
        self.sinks.received(arrival, sets);
        self.drain();
    }

    fn forgave(&mut self, _quirk: Quirk, times: u32) {
        assert!(times > 0);
    }

    fn opening(&mut self, unit: &AccessUnit<'_>) {
        assert!(self.is_live, "an opening before it is live");
        self.units += 1;
        self.sinks.opening();
        self.keyframe = self.keyframe.max(unit.data.len());
        if let Some(track) = &mut self.video {
            track.push_opening(unit);
        }
    }

    fn shows_damaged(&self) -> bool {
        false
    }

    fn dropped(&mut self, _frames: u64) {}

    fn warn(&mut self, _kind: MediaKind, warning: Option<Warning>) {
        if let Some(warning) = warning {
            assert!(
                !warning.message.chars().any(char::is_control),
                "{warning:?}"
            );
        }
    }

    fn failed(&mut self, _error: &Error, _retry_in: Duration) {}

    fn idle(&mut self) {}
}

impl PushSink for Stage {
    fn restarted(&mut self, kind: MediaKind) {
        assert!(self.is_live, "{kind:?} restarts before it is live");
    }

    fn undecodable(&mut self, _error: &Error) {}

    fn keyframe_needed(&mut self) {}

    fn over_share(&mut self) {}

    fn stalled(&mut self, _error: &Error) {}

    fn resumed(&mut self) {}
}
