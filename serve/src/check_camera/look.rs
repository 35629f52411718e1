//! Connects to a camera, watches it for a while, and tries its other ways.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use log::{LevelFilter, Metadata, Record};
use rtsp_webrtc_gateway::config::{Config, PullOptions, SinkOptions, Transport};
use rtsp_webrtc_gateway::error::{Result, Status};
use rtsp_webrtc_gateway::events::{Events, StreamEvent};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::sinks::{SinkFormat, SinkFrame, SinkTrack};
use rtsp_webrtc_gateway::state::{StreamId, StreamInfo, StreamState, Warning};
use rtsp_webrtc_gateway::tuning::Key;

use super::Camera;

/// How long the camera may take to be live: with more than one transport.
const CONNECT: Duration = Duration::from_secs(30);
/// How long it is watched at least, and at most: until keyframes have come twice.
const WATCH: Duration = Duration::from_secs(4);
const WATCH_MOST: Duration = Duration::from_secs(15);
/// One attempt by one transport.
const ATTEMPT: Duration = Duration::from_secs(6);
/// Within which frames come that were sent while the camera was connected, in real time.
const SETTLE: Duration = Duration::from_secs(1);

pub const TRANSPORTS: [(Transport, &str); 4] = [
    (Transport::Tcp, "tcp"),
    (Transport::Udp, "udp"),
    (Transport::Multicast, "multicast"),
    (Transport::Http, "http"),
];

/// What came of it.
#[derive(Debug, Default)]
pub struct Findings {
    /// Why there is no media; `None` if there is.
    pub failure: Option<(Status, String)>,
    /// How the camera describes itself.
    pub description: Option<String>,
    pub video: Option<Video>,
    pub audio: Option<Audio>,
    /// Sentences of the library on what is wrong with the media.
    pub warnings: Vec<Warning>,
    /// Its faults that are forgiven, by the names of docs/quirks.md.
    pub quirks: Vec<(&'static str, u32)>,
    pub packets_lost: u64,
    /// By transport: `None` if it works, or why it does not.
    pub transports: Vec<(&'static str, Option<String>)>,
    /// Whether it lets anybody in; `None` if that was not tried.
    pub is_open: Option<bool>,
    /// Whether it says when frames were captured (RTCP sender reports).
    pub has_capture_time: bool,
    /// How far its clock is ahead of this machine's, as far as the network lets that be seen.
    pub clock_ahead_ms: Option<i64>,
}

/// Its video.
#[derive(Debug)]
pub struct Video {
    pub format: Arc<SinkFormat>,
    /// Frames per second; 0 while unknown.
    pub fps: f64,
    /// Seconds between keyframes; `None`: there was but one.
    pub keyframe_seconds: Option<f64>,
    /// How long it was watched.
    pub watched: Duration,
    pub bitrate_bps: u64,
    /// Frames come in another order than they are shown.
    pub b_frames: bool,
}

/// Its sound.
#[derive(Debug)]
pub struct Audio {
    pub format: Arc<SinkFormat>,
    /// What viewers are sent; `None`: nothing.
    pub plays_as: Option<&'static str>,
}

/// Looks at a camera.
pub fn at(camera: &Camera) -> Result<Findings> {
    let descriptions = Descriptions::collect();
    let (sender, events) = mpsc::channel();
    let gateway = Gateway::new(Config {
        udp_bind: Some(([127, 0, 0, 1], 0).into()),
        tuning: vec![(Key::WorkerThreads, 1)],
        events: Some(Box::new(Watcher(Mutex::new(sender)))),
        ..Config::default()
    })?;
    let mut looking = Looking {
        gateway: &gateway,
        events,
        findings: Findings::default(),
    };
    let done = looking.all(camera);
    let mut findings = looking.findings;
    findings.description = descriptions.first();
    // What could not be found out may not be found out; what was is told.
    if let Err(error) = done {
        findings
            .failure
            .get_or_insert_with(|| (error.status(), error.message().to_owned()));
    }
    let _ = gateway.shutdown(Duration::from_secs(5));
    Ok(findings)
}

struct Looking<'a> {
    gateway: &'a Gateway,
    events: Receiver<StreamEvent>,
    findings: Findings,
}

impl Looking<'_> {
    fn all(&mut self, camera: &Camera) -> Result<()> {
        let stream = self.gateway.add_stream("camera", camera.options.clone())?;
        self.findings.failure = self.live(stream, CONNECT, true);
        if self.findings.failure.is_none() {
            self.watch(stream)?;
        }
        self.gateway.remove_stream(stream)?;
        if self.findings.failure.is_some() && self.findings.video.is_none() {
            return Ok(());
        }
        for (transport, name) in TRANSPORTS {
            let attempt = self.attempt(PullOptions {
                transport,
                ..camera.options.clone()
            })?;
            let why = attempt.map(|(_, message)| message);
            self.findings.transports.push((name, why));
        }
        if camera.has_user() {
            let refused = self.attempt(camera.open.clone())?;
            self.findings.is_open = match refused {
                None => Some(true),
                Some((Status::Auth, _)) => Some(false),
                Some(_) => None,
            };
        } else {
            self.findings.is_open = Some(true);
        }
        Ok(())
    }

    /// Why a camera is not live after one attempt; `None` if it is.
    fn attempt(&mut self, options: PullOptions) -> Result<Option<(Status, String)>> {
        let stream = self.gateway.add_stream(
            "attempt",
            PullOptions {
                connect_timeout: Some(ATTEMPT),
                idle_timeout: Some(ATTEMPT),
                ..options
            },
        )?;
        let failure = self.live(stream, 2 * ATTEMPT, false);
        self.gateway.remove_stream(stream)?;
        Ok(failure)
    }

    /// Waits until a stream is live; returns why it is not. `again`: a failure may be followed by another attempt.
    fn live(&mut self, stream: StreamId, most: Duration, again: bool) -> Option<(Status, String)> {
        let end = Instant::now() + most;
        let mut failure = None;
        while let Some(event) = self.event(stream, end) {
            match event.state {
                StreamState::Live => return None,
                StreamState::Retrying | StreamState::Failed => {
                    let is_final = matches!(event.status, Status::Auth | Status::Panic);
                    failure = Some((event.status, event.message));
                    if is_final || !again {
                        break;
                    }
                }
                _ => {}
            }
        }
        failure.or_else(|| {
            let seconds = most.as_secs();
            Some((Status::Timeout, format!("no media within {seconds} s")))
        })
    }

    /// The next event of a stream. Warnings are noted on the way.
    fn event(&mut self, stream: StreamId, end: Instant) -> Option<StreamEvent> {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let event = self.events.recv_timeout(left).ok()?;
            if event.stream == stream {
                self.note(&event);
                return Some(event);
            }
        }
    }

    fn note(&mut self, event: &StreamEvent) {
        let Some(warning) = &event.warning else {
            return;
        };
        let known = &mut self.findings.warnings;
        match known.iter_mut().find(|one| one.kind == warning.kind) {
            Some(one) => *one = warning.clone(),
            None => known.push(warning.clone()),
        }
    }

    /// Watches a camera that is live.
    fn watch(&mut self, stream: StreamId) -> Result<()> {
        let sink = self.gateway.add_sink(stream, SinkOptions::default())?;
        let start = Instant::now();
        let mut seen = Seen::default();
        while start.elapsed() < WATCH_MOST {
            match self.gateway.read_sink(sink, Some(SETTLE)) {
                Ok(frame) => seen.take(frame),
                Err(error) if error.status() == Status::Timeout => {}
                Err(error) => return Err(error),
            }
            if start.elapsed() >= WATCH && seen.keyframes.len() >= 3 {
                break;
            }
        }
        self.gateway.remove_sink(sink)?;
        loop {
            match self.events.recv_timeout(Duration::ZERO) {
                Ok(event) if event.stream == stream => self.note(&event),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        let info = self.gateway.stream_info(stream)?;
        self.conclude(seen, info, start.elapsed());
        Ok(())
    }

    fn conclude(&mut self, seen: Seen, info: StreamInfo, watched: Duration) {
        let findings = &mut self.findings;
        findings.has_capture_time = seen.capture.is_some();
        findings.clock_ahead_ms = seen.capture;
        findings.packets_lost = info.packets_lost;
        findings.quirks = info.quirks;
        findings.audio = seen.audio.clone().map(|format| Audio {
            format,
            plays_as: info.audio_codec.map(|codec| codec.encoding_name()),
        });
        findings.video = seen.video.clone().map(|format| Video {
            format,
            fps: seen.fps(),
            keyframe_seconds: seen.keyframe_seconds(),
            watched,
            bitrate_bps: info.bitrate_bps,
            b_frames: seen.b_frames,
        });
        if findings.video.is_none() && findings.failure.is_none() {
            let text = "the camera is connected, but no video that starts with a keyframe has come";
            findings.failure = Some((Status::Stalled, text.to_owned()));
        }
    }
}

/// What the frames say.
#[derive(Default)]
struct Seen {
    video: Option<Arc<SinkFormat>>,
    audio: Option<Arc<SinkFormat>>,
    /// Presentation times of video in microseconds: the first, the last, the latest, and how many.
    first: Option<i64>,
    last: i64,
    latest: i64,
    frames: u32,
    keyframes: Vec<i64>,
    b_frames: bool,
    /// Capture time ahead of arrival, in milliseconds: the most that was seen, which had the shortest way.
    capture: Option<i64>,
}

impl Seen {
    fn take(&mut self, frame: SinkFrame) {
        if let Some(captured) = frame.capture_unix_us {
            let ahead = (captured - frame.arrival_unix_us) / 1000;
            self.capture = Some(self.capture.map_or(ahead, |most| most.max(ahead)));
        }
        match frame.format.track {
            SinkTrack::Video => self.take_video(frame),
            SinkTrack::Audio => self.audio = Some(frame.format),
            SinkTrack::Metadata => {}
        }
    }

    fn take_video(&mut self, frame: SinkFrame) {
        let time = frame.pts_us;
        if self.first.is_none() {
            self.first = Some(time);
            self.latest = time;
        }
        self.b_frames |= self.frames > 0 && time < self.last;
        self.last = time;
        self.latest = self.latest.max(time);
        self.frames += 1;
        if frame.keyframe {
            self.keyframes.push(time);
        }
        self.video = Some(frame.format);
    }

    fn fps(&self) -> f64 {
        let span = self.latest - self.first.unwrap_or(self.latest);
        match span > 0 {
            true => f64::from(self.frames.saturating_sub(1)) * 1e6 / span as f64,
            false => 0.0,
        }
    }

    fn keyframe_seconds(&self) -> Option<f64> {
        let (first, last) = (self.keyframes.first()?, self.keyframes.last()?);
        let gaps = self.keyframes.len() - 1;
        (gaps > 0).then(|| (last - first) as f64 / 1e6 / gaps as f64)
    }
}

/// Passes events on.
struct Watcher(Mutex<Sender<StreamEvent>>);

impl Events for Watcher {
    fn stream_state(&self, event: &StreamEvent) {
        if let Ok(sender) = self.0.lock() {
            // Nobody looks any more.
            let _ = sender.send(event.clone());
        }
    }
}

/// How cameras describe themselves, which the library logs.
#[derive(Clone, Default)]
struct Descriptions(Arc<Mutex<Vec<String>>>);

impl Descriptions {
    fn collect() -> Descriptions {
        let descriptions = Descriptions::default();
        // Who else logs in this process has been there before; then there are none.
        if log::set_boxed_logger(Box::new(descriptions.clone())).is_ok() {
            log::set_max_level(LevelFilter::Debug);
        }
        descriptions
    }

    fn first(&self) -> Option<String> {
        self.0.lock().ok()?.first().cloned()
    }
}

impl log::Log for Descriptions {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LevelFilter::Debug
    }

    fn log(&self, record: &Record<'_>) {
        let text = record.args().to_string();
        if let Some(description) = text.strip_prefix("described: ")
            && let Ok(mut all) = self.0.lock()
        {
            all.push(description.to_owned());
        }
    }

    fn flush(&self) {}
}
