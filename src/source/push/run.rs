//! The worker's end of a push stream: turns pushed frames into access units of a live stream.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::bitstream::{self, Content};
use super::queue::{Data, Receiver, Report, Unit};
use crate::budget::Budget;
use crate::error::{Error, Status};
use crate::media::{AccessUnit, Codec, MediaKind, TrackInfo};
use crate::source::audio::Audio;
use crate::source::rtp::{Encoding, Format};
use crate::source::video::{Gate, Passed, Received};
use crate::source::{Arrival, PushSink, TURN};

/// Maximum number of bytes that are kept for the next coded frame: parameter sets and SEI are small.
const MAX_GATHERED: usize = 64 << 10;

/// Hands what the host pushes to `sink`. Runs until dropped.
pub async fn run(mut receiver: Receiver, mut sink: impl PushSink) {
    let mut pushed = Pushed::new(&receiver);
    let mut batch = VecDeque::new();
    let mut over_share = false;
    loop {
        let next = receiver.next(&mut batch);
        let report = match pushed.stalls_at() {
            Some(at) => match timeout_at(at.into(), next).await {
                Ok(report) => report,
                Err(_) => {
                    pushed.stall(&mut sink);
                    continue;
                }
            },
            None => next.await,
        };
        pushed.take_report(report, &mut sink);
        let mut budget = Budget::new(TURN, Instant::now());
        let mut overran = false;
        for unit in batch.drain(..) {
            budget.spend(1, unit.data.as_slice().len());
            if let Some(buffer) = pushed.take(unit, &mut sink) {
                receiver.queue.recycle(buffer);
            }
            if budget.is_step_over() && !budget.goes_on(Instant::now()) {
                let allowance = sink.overran(budget.began());
                overran = true;
                if sink.exceeds_share() {
                    over_share = true;
                    receiver.set_over_share(true);
                    sink.over_share();
                }
                tokio::task::yield_now().await;
                budget = Budget::new(allowance, Instant::now());
            }
        }
        if over_share && !overran {
            over_share = false;
            receiver.set_over_share(false);
        }
        if receiver.is_ready() {
            // Lets the other streams of this worker run while a host pushes without pause.
            tokio::task::yield_now().await;
        }
    }
}

/// The state of a push stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Waits for a keyframe with parameter sets, or for sound where there is no video.
    Connecting,
    Live,
    /// Was live; nothing arrived for a while.
    Stalled,
}

/// What the tracks carry.
struct Formats {
    video: Option<Format>,
    audio: Option<Format>,
}

struct Pushed {
    audio: Option<Audio>,
    formats: Formats,
    phase: Phase,
    /// `None`: there is no video.
    gate: Option<Gate>,
    /// See [`Receiver`].
    annex_b: bool,
    stall: Option<Duration>,
    /// What to tell when viewers can begin.
    video_info: Option<TrackInfo>,
    /// The host knows that parameter sets are missing.
    complained: bool,
    /// The last frame of video, or of audio where there is none.
    last: Instant,
    /// RTP packets lost since the last video frame.
    lost: u32,
    /// Video frames that were refused since then.
    refused: u32,
    /// The host said of something since then that it does not go on from what was before.
    restarts: bool,
    /// Data without a coded frame, usually parameter sets, which is sent with the next frame. Also the
    /// buffer in which a frame in the host's memory is converted.
    gathered: Vec<u8>,
}

impl Pushed {
    fn new(receiver: &Receiver) -> Self {
        Pushed {
            audio: receiver.audio.as_ref().and_then(audio),
            formats: Formats {
                video: receiver.video.map(Format::pushed),
                audio: receiver.audio.clone(),
            },
            phase: Phase::Connecting,
            gate: receiver
                .video
                .map(|codec| Gate::new(codec, receiver.sets.clone())),
            annex_b: receiver.annex_b,
            stall: receiver.stall,
            video_info: None,
            complained: false,
            last: Instant::now(),
            lost: 0,
            refused: 0,
            restarts: false,
            gathered: Vec::new(),
        }
    }

    /// When the stream counts as stalled unless a frame arrives.
    fn stalls_at(&self) -> Option<Instant> {
        let stall = self.stall.filter(|_| self.phase == Phase::Live)?;
        Some(self.last + stall)
    }

    fn stall(&mut self, sink: &mut impl PushSink) {
        self.phase = Phase::Stalled;
        let seconds = self.stall.unwrap_or_default().as_secs_f32();
        let what = if self.gate.is_some() {
            "video"
        } else {
            "audio"
        };
        sink.stalled(&Error::new(
            Status::Stalled,
            format!(
                "no {what} was pushed for {seconds} s: push the next frame to make the stream live \
                 again, or raise idle_timeout"
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

    /// Processes a frame. Returns its buffer for reuse, or frees the host's memory.
    fn take(&mut self, unit: Unit, sink: &mut impl PushSink) -> Option<Vec<u8>> {
        match unit.kind {
            MediaKind::Video => self.take_video(unit, sink),
            MediaKind::Audio => self.take_audio(unit, sink),
        }
    }

    fn take_video(&mut self, unit: Unit, sink: &mut impl PushSink) -> Option<Vec<u8>> {
        self.lost = self.lost.saturating_add(unit.lost);
        self.refused = self.refused.saturating_add(unit.refused);
        self.restarts |= unit.restarts;
        let mut gathered = mem::take(&mut self.gathered);
        let alone = unit.content != Content::Other && gathered.is_empty();
        let data = match &unit.data {
            Data::Pushed(data) if self.annex_b => {
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
        } else {
            let missing = unit.lost.saturating_add(self.refused);
            let restarts = mem::take(&mut self.restarts);
            self.pass_on(data, &unit, restarts, sink);
            if let Some(format) = &self.formats.video {
                sink.received(&Arrival {
                    restarts,
                    ..arrival(format, data, &unit, missing)
                });
            }
            gathered.clear();
        }
        self.gathered = gathered;
        buffer(unit)
    }

    /// Passes a coded frame on, as far as viewers can be shown it.
    fn pass_on(&mut self, data: &[u8], unit: &Unit, restarts: bool, sink: &mut impl PushSink) {
        self.came(unit, sink);
        let Some(gate) = &mut self.gate else { return };
        if restarts && self.phase != Phase::Connecting {
            gate.restart();
            sink.restarted(MediaKind::Video);
        }
        let received = Received {
            unit: access_unit(data, unit),
            lost: mem::take(&mut self.lost),
            gap: mem::take(&mut self.refused) > 0,
            damaged: unit.damaged,
        };
        let show_damaged = sink.shows_damaged();
        let mut needed = received.lost > 0 || received.gap;
        let Pushed {
            phase, video_info, ..
        } = self;
        let audio = self.audio.as_ref().map(Audio::info);
        gate.push(received, show_damaged, &mut |passed| {
            let begins = match &passed {
                Passed::Opening(_) => true,
                Passed::Unit(..) => unit.content == Content::Keyframe,
                _ => false,
            };
            if begins && let Some(info) = video_info.take() {
                sink.live(Some(info), audio.clone());
                *phase = Phase::Live;
            }
            let live = *phase != Phase::Connecting;
            match passed {
                Passed::Info(info) if live => sink.video_changed(info),
                Passed::Info(info) => *video_info = Some(info),
                Passed::Opening(unit) => sink.opening(&unit),
                Passed::Unit(unit, lost) if live => sink.media(MediaKind::Video, &unit, lost),
                Passed::Unit(..) => {
                    sink.dropped(1);
                    needed = true;
                }
                Passed::Dropped(frames) => sink.dropped(frames),
                Passed::Warning(warning) => sink.warn(MediaKind::Video, warning),
            }
        });
        if needed || gate.awaits_keyframe() {
            sink.keyframe_needed();
        }
        if unit.content == Content::Keyframe && gate.lacks_parameter_sets() {
            self.complain(sink);
        }
    }

    /// Something came of the track by which the stream is judged.
    fn came(&mut self, unit: &Unit, sink: &mut impl PushSink) {
        self.last = unit.arrival;
        if self.phase == Phase::Stalled {
            self.phase = Phase::Live;
            sink.resumed();
        }
    }

    /// Says once why a stream does not become live.
    fn complain(&mut self, sink: &mut impl PushSink) {
        if !mem::replace(&mut self.complained, true) {
            let sets = match self.formats.video.as_ref().map(|format| &format.encoding) {
                Some(Encoding::Video(Codec::H264)) => "SPS and PPS",
                Some(Encoding::Video(Codec::H265)) => "VPS, SPS and PPS",
                _ => "its sequence header",
            };
            sink.undecodable(&Error::new(
                Status::NotReady,
                format!(
                    "keyframes are pushed without parameter sets and cannot be decoded: push {sets} \
                     in front of them, or pass them as codec_config"
                ),
            ));
        }
    }

    fn take_audio(&mut self, unit: Unit, sink: &mut impl PushSink) -> Option<Vec<u8>> {
        if self.gate.is_none() {
            if self.phase == Phase::Connecting {
                self.phase = Phase::Live;
                sink.live(None, self.audio.as_ref().map(Audio::info));
            }
            self.came(&unit, sink);
        }
        if let Some(audio) = &mut self.audio
            && self.phase != Phase::Connecting
        {
            if unit.restarts {
                sink.restarted(MediaKind::Audio);
            }
            let data = unit.data.as_slice();
            audio.push(&access_unit(data, &unit), unit.lost, sink);
        }
        if let Some(format) = &self.formats.audio {
            let data = unit.data.as_slice();
            sink.received(&arrival(format, data, &unit, unit.lost));
        }
        buffer(unit)
    }
}

/// What becomes of audio in this format.
pub(super) fn audio(format: &Format) -> Option<Audio> {
    match &format.encoding {
        Encoding::Audio(encoding) => Audio::new(encoding, format.clock_rate),
        _ => None,
    }
}

/// The frame's buffer, for reuse. Frees the host's memory otherwise.
fn buffer(unit: Unit) -> Option<Vec<u8>> {
    match unit.data {
        Data::Ready(buffer) => Some(buffer),
        Data::Pushed(_) => None,
    }
}

fn arrival<'a>(format: &'a Format, data: &'a [u8], unit: &Unit, lost: u32) -> Arrival<'a> {
    Arrival {
        format,
        unit: access_unit(data, unit),
        lost,
        damaged: unit.damaged,
        restarts: unit.restarts,
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
