//! The worker's end of a push stream: from pushed frames to access units of a live stream.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::bitstream::{self, Content};
use super::queue::{Data, Receiver, Report, Unit};
use crate::error::{Error, Status};
use crate::media::{AccessUnit, Codec, MediaKind, ParameterSets, TrackInfo};
use crate::source::PushSink;

/// Without a picture for this long the stream is stalled; as for cameras.
const STALL: Duration = Duration::from_secs(8);
/// Bytes without a picture that are kept for the next one: parameter sets and SEI are small.
const MAX_GATHERED: usize = 64 << 10;

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
    phase: Phase,
    /// The time line restarted: pictures before the next keyframe build on nothing.
    awaits_keyframe: bool,
    last_picture: Instant,
    /// RTP packets missing since the last picture.
    lost: u32,
    /// What came without a picture, parameter sets usually, and goes with the next one. Also where
    /// a picture is converted that stayed in the host's memory.
    gathered: Vec<u8>,
}

impl Pushed {
    fn new(receiver: &Receiver) -> Self {
        Pushed {
            video: receiver.video,
            audio: receiver.audio,
            phase: Phase::Connecting,
            awaits_keyframe: false,
            last_picture: Instant::now(),
            lost: 0,
            gathered: Vec::new(),
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
        self.lost = self.lost.saturating_add(unit.lost);
        let mut gathered = mem::take(&mut self.gathered);
        let before = gathered.len();
        let alone = unit.content != Content::Other && before == 0;
        let data = match &unit.data {
            Data::Pushed(data) if bitstream::is_annex_b(self.video) => {
                bitstream::convert(data, &mut gathered);
                &gathered
            }
            data if alone => data.as_slice(),
            data => {
                gathered.extend_from_slice(data.as_slice());
                &gathered
            }
        };
        if unit.content == Content::Other {
            if gathered.len() > MAX_GATHERED {
                gathered.clear();
            }
        } else if self.picture(data, &unit, sink) {
            gathered.clear();
        } else {
            gathered.truncate(before);
        }
        self.gathered = gathered;
        buffer(unit)
    }

    /// Passes a picture on. False if there is nothing that it could build on.
    fn picture(&mut self, data: &[u8], unit: &Unit, sink: &mut impl PushSink) -> bool {
        let keyframe = unit.content == Content::Keyframe;
        if self.phase == Phase::Connecting {
            let sets = ParameterSets::find(self.video, data).filter(|_| keyframe);
            let Some(sets) = sets else {
                skip(sink);
                return false;
            };
            sink.live(TrackInfo::video(sets), self.audio.map(TrackInfo::audio));
            self.phase = Phase::Live;
        } else if unit.restarts {
            self.awaits_keyframe = true;
            sink.restarted(MediaKind::Video);
        }
        self.awaits_keyframe &= !keyframe;
        if self.awaits_keyframe {
            skip(sink);
            return false;
        }
        self.last_picture = unit.arrival;
        if self.phase == Phase::Stalled {
            self.phase = Phase::Live;
            sink.resumed();
        }
        if self.lost > 0 {
            sink.keyframe_needed();
        }
        let lost = mem::take(&mut self.lost);
        sink.media(MediaKind::Video, &access_unit(data, unit), lost);
        true
    }

    fn take_audio(&mut self, unit: Unit, sink: &mut impl PushSink) -> Option<Vec<u8>> {
        if self.phase != Phase::Connecting {
            if unit.restarts {
                sink.restarted(MediaKind::Audio);
            }
            let data = unit.data.as_slice();
            sink.media(MediaKind::Audio, &access_unit(data, &unit), unit.lost);
        }
        buffer(unit)
    }
}

/// A picture is lost that no decoder could start with.
fn skip(sink: &mut impl PushSink) {
    sink.dropped(1);
    sink.keyframe_needed();
}

/// The buffer of a frame. Memory of the host is given back here.
fn buffer(unit: Unit) -> Option<Vec<u8>> {
    match unit.data {
        Data::Ready(buffer) => Some(buffer),
        Data::Pushed(_) => None,
    }
}

fn access_unit<'a>(data: &'a [u8], unit: &Unit) -> AccessUnit<'a> {
    AccessUnit {
        data,
        timestamp: unit.timestamp,
        arrival: unit.arrival,
        captured: unit.captured,
    }
}
