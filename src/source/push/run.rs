//! The worker's end of a push stream: from pushed frames to access units of a live stream.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::bitstream::{self, Content, Headers};
use super::queue::{Data, Receiver, Report, Unit};
use crate::error::{Error, Status};
use crate::media::{AccessUnit, Codec, MediaKind, TrackInfo};
use crate::source::PushSink;

/// Without a picture for this long the stream is stalled; as for cameras.
const STALL: Duration = Duration::from_secs(8);

/// Hands what the host pushes to `sink`. Runs until dropped.
pub async fn run(receiver: Receiver, sink: impl PushSink) {
    run_with(receiver, sink, STALL).await;
}

pub(super) async fn run_with(mut receiver: Receiver, mut sink: impl PushSink, stall: Duration) {
    let mut pushed = Pushed::new(&receiver);
    let mut batch = VecDeque::new();
    loop {
        let next = receiver.next(&mut batch);
        let report = match pushed.stalls_at(stall) {
            Some(at) => match timeout_at(at.into(), next).await {
                Ok(report) => report,
                Err(_) => {
                    pushed.stall(stall, &mut sink);
                    continue;
                }
            },
            None => next.await,
        };
        pushed.take_report(report, &mut sink);
        for unit in batch.drain(..) {
            if let Some(buffer) = pushed.take(unit, &mut sink) {
                receiver.queue.recycle(buffer);
            }
        }
        if receiver.is_ready() {
            // A host that pushes without end is not the only one on this worker.
            tokio::task::yield_now().await;
        }
    }
}

/// Where a push stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Waits for a keyframe with its parameter sets.
    Connecting,
    Live,
    /// Was live; nothing came for a while.
    Stalled,
}

struct Pushed {
    video: Codec,
    audio: Option<Codec>,
    headers: Headers,
    phase: Phase,
    /// The time line restarted: pictures before the next keyframe build on nothing.
    awaits_keyframe: bool,
    last_picture: Instant,
    /// For what is converted here, because it stayed in the host's memory.
    converted: Vec<u8>,
}

impl Pushed {
    fn new(receiver: &Receiver) -> Self {
        Pushed {
            video: receiver.video,
            audio: receiver.audio,
            headers: Headers::new(receiver.video),
            phase: Phase::Connecting,
            awaits_keyframe: false,
            last_picture: Instant::now(),
            converted: Vec::new(),
        }
    }

    /// When it is stalled unless a picture comes.
    fn stalls_at(&self, stall: Duration) -> Option<Instant> {
        (self.phase == Phase::Live).then(|| self.last_picture + stall)
    }

    fn stall(&mut self, stall: Duration, sink: &mut impl PushSink) {
        self.phase = Phase::Stalled;
        let seconds = stall.as_secs();
        sink.stalled(&Error::new(
            Status::Stalled,
            format!(
                "no picture was pushed for {seconds} s: the next one makes the stream live again"
            ),
        ));
    }

    fn take_report(&mut self, report: Report, sink: &mut impl PushSink) {
        if report.dropped > 0 {
            sink.dropped(report.dropped);
        }
        if report.keyframe_needed {
            sink.keyframe_needed();
        }
    }

    /// Takes a frame. Its buffer comes back; the host's memory is given back.
    fn take(&mut self, unit: Unit, sink: &mut impl PushSink) -> Option<Vec<u8>> {
        match unit.kind {
            MediaKind::Video => self.take_video(unit, sink),
            MediaKind::Audio => self.take_audio(unit, sink),
        }
    }

    fn take_video(&mut self, unit: Unit, sink: &mut impl PushSink) -> Option<Vec<u8>> {
        let mut converted = std::mem::take(&mut self.converted);
        let data = match &unit.data {
            Data::Ready(data) => data,
            Data::Pushed(data) if bitstream::is_annex_b(self.video) => {
                converted.clear();
                bitstream::convert(data, &mut converted);
                &converted
            }
            Data::Pushed(data) => &data[..],
        };
        self.access_unit(data, &unit, sink);
        self.converted = converted;
        match unit.data {
            Data::Ready(buffer) => Some(buffer),
            Data::Pushed(_) => None,
        }
    }

    fn access_unit(&mut self, data: &[u8], unit: &Unit, sink: &mut impl PushSink) {
        let (content, changed) = self.headers.read(data);
        let track = match self.phase {
            Phase::Connecting => self
                .headers
                .track()
                .filter(|_| content == Content::Keyframe),
            _ => self.headers.track().filter(|_| changed),
        };
        if unit.restarts && self.phase != Phase::Connecting {
            self.awaits_keyframe = true;
            sink.restarted(MediaKind::Video);
        }
        match (self.phase, track) {
            (Phase::Connecting, Some(video)) => {
                let audio = self.audio.map(|codec| TrackInfo {
                    codec,
                    parameter_sets: None,
                });
                sink.live(video, audio);
                self.phase = Phase::Live;
            }
            (Phase::Connecting, None) => {
                self.skip(content, sink);
                return;
            }
            (_, Some(video)) => sink.video_changed(video),
            (_, None) => {}
        }
        self.awaits_keyframe &= content != Content::Keyframe;
        if self.awaits_keyframe {
            self.skip(content, sink);
            return;
        }
        if content == Content::Other {
            return;
        }
        self.last_picture = unit.arrival;
        if self.phase == Phase::Stalled {
            self.phase = Phase::Live;
            sink.resumed();
        }
        if unit.lost > 0 {
            sink.keyframe_needed();
        }
        sink.media(MediaKind::Video, &access_unit(data, unit), unit.lost);
    }

    /// Counts a picture that no decoder could start with.
    fn skip(&self, content: Content, sink: &mut impl PushSink) {
        if content != Content::Other {
            sink.dropped(1);
            sink.keyframe_needed();
        }
    }

    fn take_audio(&mut self, unit: Unit, sink: &mut impl PushSink) -> Option<Vec<u8>> {
        if self.phase != Phase::Connecting {
            let data = match &unit.data {
                Data::Ready(data) => &data[..],
                Data::Pushed(data) => &data[..],
            };
            if unit.restarts {
                sink.restarted(MediaKind::Audio);
            }
            sink.media(MediaKind::Audio, &access_unit(data, &unit), unit.lost);
        }
        match unit.data {
            Data::Ready(buffer) => Some(buffer),
            Data::Pushed(_) => None,
        }
    }
}

fn access_unit<'a>(data: &'a [u8], unit: &Unit) -> AccessUnit<'a> {
    AccessUnit {
        data,
        timestamp: unit.timestamp,
        arrival: unit.arrival,
    }
}
