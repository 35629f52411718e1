//! A camera over RTSP (RFC 2326), with `retina`.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use retina::client::{
    Demuxed, InitialSequenceNumberPolicy, InitialTimestampPolicy, PlayOptions, Session,
    SessionIdPolicy, SessionOptions, SetupOptions, Stream, TcpTransportOptions, TeardownPolicy,
    UdpTransportOptions, UnassignedChannelDataPolicy, UnknownRtcpSsrcPolicy,
};
use retina::codec::{CodecItem, FrameFormat, ParametersRef, VideoFrame, VideoParametersCodec};
use tokio::runtime::Handle;
use tokio::task::coop;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::audio::Encoding;
use super::retry::Backoff;
use super::rtp::Format;
use super::{Arrival, CameraConfig, Demand, Sink, failure};
use crate::config::Transport;
use crate::error::{Error, Result};
use crate::media::{AccessUnit, Codec, MediaKind, ParameterSets, TrackInfo, h264, h265};
use crate::random;
use crate::state::StreamId;

/// Consecutive errors after which a session is given up. One damaged video frame causes an error
/// for each of its packets, and a large keyframe has some 700. An error of the connection itself
/// repeats immediately and forever.
const MAX_ERRORS_IN_A_ROW: u32 = 1000;

/// Sessions that may still wait for the response to their TEARDOWN. `retina` keeps trying until the
/// session expires, and the camera decides when that is.
const MAX_PENDING_TEARDOWNS: usize = 4;

/// How long a camera may keep its worker busy until it plays, or until the next video frame; a few
/// milliseconds are usual. `retina` does not limit the length of a message, and scans all it has of
/// a line whenever more of it arrives.
const MAX_BUSY: Duration = Duration::from_millis(250);
/// How many of the 128 reads that tokio allows a task before other tasks (viewers among them) run
/// are withheld from a camera: a video frame takes one or two, and one read can be megabytes.
const READS_WAIVED: u32 = 120;
/// The same for a camera that has kept its worker busy for [`LONG_BUSY`]: each read of an endless
/// message takes longer than the one before.
const READS_WAIVED_LONG_BUSY: u32 = 126;
/// See [`READS_WAIVED_LONG_BUSY`].
const LONG_BUSY: Duration = Duration::from_millis(10);

/// Connects, delivers media to `sink`, and reconnects whenever the connection ends; with `demand`,
/// only while the camera is wanted. Runs until dropped, on a tokio current-thread runtime inside a
/// `LocalSet`.
///
/// If the runtime keeps running after the drop, a task sends TEARDOWN.
///
/// `name` is the stream's, for the log.
pub async fn run(
    stream: StreamId,
    name: Arc<str>,
    config: CameraConfig,
    demand: Option<Rc<Demand>>,
    sink: impl Sink,
) {
    let camera = Camera::new(stream, name, config);
    DropInRuntime {
        runtime: Handle::current(),
        future: Some(Box::pin(camera.run(demand, sink))),
    }
    .await
}

/// A future that is dropped inside its runtime, wherever its owner drops it: a session of `retina`
/// spawns a task when it is dropped, and panics if it cannot.
struct DropInRuntime<F> {
    runtime: Handle,
    future: Option<Pin<Box<F>>>,
}

impl<F: Future<Output = ()>> Future for DropInRuntime<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.future {
            Some(future) => future.as_mut().poll(cx),
            None => Poll::Ready(()),
        }
    }
}

impl<F> Drop for DropInRuntime<F> {
    fn drop(&mut self) {
        let _inside = self.runtime.enter();
        self.future = None;
    }
}

/// Drops a session without a TEARDOWN, which would keep reading from a misbehaving connection for
/// 5 s without any limit per turn: its task is dropped before it starts.
fn drop_silently(session: impl Sized) {
    let Ok(nowhere) = tokio::runtime::Builder::new_current_thread().build() else {
        return;
    };
    {
        let _inside = nowhere.enter();
        drop(session);
    }
    nowhere.shutdown_background();
}

/// What stays the same from one attempt to the next.
pub(super) struct Camera {
    /// For the log.
    stream: StreamId,
    name: Arc<str>,
    config: CameraConfig,
    /// How long it has kept its worker busy since its last complete message or frame.
    busy: Cell<Duration>,
}

/// A session that plays, and which of its streams are used.
struct Playing {
    demuxed: Demuxed,
    video: usize,
    audio: Option<TrackInfo>,
}

impl Camera {
    pub(super) fn new(stream: StreamId, name: Arc<str>, config: CameraConfig) -> Self {
        Camera {
            stream,
            name,
            config,
            busy: Cell::default(),
        }
    }

    pub(super) async fn run(self, demand: Option<Rc<Demand>>, mut sink: impl Sink) {
        let Some(demand) = demand else {
            return self.serve(&mut sink, || true).await;
        };
        loop {
            demand.begins().await;
            tokio::select! {
                biased;
                () = demand.ends() => {}
                () = self.serve(&mut sink, || demand.is_wanted()) => {}
            }
            sink.idle();
        }
    }

    /// Keeps the camera connected; returns if it is not `wanted` when a retry is due.
    async fn serve(&self, sink: &mut impl Sink, wanted: impl Fn() -> bool) {
        let mut backoff = Backoff::new(
            self.config.timeouts.retry_min,
            self.config.timeouts.retry_max,
        );
        loop {
            sink.connecting();
            let mut live_since = None;
            let error = match self.connect().await {
                Ok(playing) => self.deliver(playing, sink, &mut live_since).await,
                Err(error) => error,
            };
            let live = live_since.map_or(Duration::ZERO, |since: Instant| since.elapsed());
            let retry_in = backoff.delay(live, random::number().unwrap_or_default());
            sink.failed(&error, retry_in);
            sleep(retry_in).await;
            if !wanted() {
                return;
            }
        }
    }

    async fn connect(&self) -> Result<Playing> {
        let limit = self.config.timeouts.connect;
        self.busy.take();
        let mut play = Box::pin(self.play());
        let error = match timeout(limit, self.guarded(play.as_mut())).await {
            Ok(Ok(result)) => return result,
            Ok(Err(error)) => error,
            Err(_) => failure::connect_timeout(&self.config.url, limit),
        };
        drop_silently(play);
        Err(error)
    }

    /// DESCRIBE, SETUP of the usable streams, PLAY.
    async fn play(&self) -> Result<Playing> {
        let failed = |error| failure::from_retina(&self.config.url, &error);
        let mut session = Session::describe(self.config.url.url().clone(), self.session_options())
            .await
            .map_err(failed)?;
        log::debug!(stream = self.stream.0, stream_name = &*self.name; "{}: described, tool {:?}", self.config.url, session.tool());

        let streams = session.streams();
        let video = streams
            .iter()
            .position(|s| s.media() == "video" && matches!(s.encoding_name(), "h264" | "h265"))
            .ok_or_else(|| {
                let video = streams.iter().filter(|s| s.media() == "video");
                failure::no_usable_video(&self.config.url, video.map(Stream::encoding_name))
            })?;
        let audio = streams
            .iter()
            .enumerate()
            .find_map(|(i, stream)| Some((i, audio_codec(stream)?)))
            .filter(|_| self.config.audio);
        let unusable = streams.iter().find(|s| s.media() == "audio");
        if let (true, None, Some(unusable)) = (self.config.audio, audio, unusable) {
            let sentence = failure::no_usable_audio(&self.config.url, unusable.encoding_name());
            log::warn!(stream = self.stream.0, stream_name = &*self.name; "{sentence}");
        }

        session
            .setup(video, self.setup_options())
            .await
            .map_err(failed)?;
        if let Some((i, _)) = audio {
            session
                .setup(i, self.setup_options())
                .await
                .map_err(failed)?;
        }
        let demuxed = session
            .play(play_options())
            .await
            .map_err(failed)?
            .demuxed()
            .map_err(failed)?;
        let audio = audio.map(|(_, codec)| TrackInfo::audio(codec));
        Ok(Playing {
            demuxed,
            video,
            audio,
        })
    }

    /// Hands media to the sink until the session ends. Returns the reason.
    async fn deliver(
        &self,
        playing: Playing,
        sink: &mut impl Sink,
        live_since: &mut Option<Instant>,
    ) -> Error {
        let Playing {
            mut demuxed,
            video,
            mut audio,
        } = playing;
        let heard = audio.as_ref().map(|audio| audio.codec);
        let begun = Instant::now();
        let mut last_video = begun;
        let mut known: Option<ParameterSets> = None;
        let mut errors_in_a_row = 0;
        let mut errors_since_video: u32 = 0;
        let mut last_error = None;
        let watchdog = sleep_until(begun + self.config.timeouts.idle);
        tokio::pin!(watchdog);

        loop {
            let item = tokio::select! {
                biased;
                () = &mut watchdog => {
                    let mut deadline = last_video + self.config.timeouts.idle;
                    if deadline <= Instant::now() {
                        return failure::stalled(&self.config.url, self.config.timeouts.idle);
                    }
                    if known.is_none() {
                        let limit = self.config.timeouts.parameter_sets;
                        if begun + limit <= Instant::now() {
                            let cause = last_error.as_ref();
                            return failure::no_parameter_sets(&self.config.url, limit, cause);
                        }
                        deadline = deadline.min(begun + limit);
                    }
                    watchdog.as_mut().reset(deadline);
                    continue;
                }
                item = self.guarded(demuxed.next()) => item,
            };
            match item {
                Ok(Some(Ok(CodecItem::VideoFrame(frame)))) => {
                    errors_in_a_row = 0;
                    let arrival = frame.end_ctx().received();
                    last_video = Instant::from_std(arrival);
                    if known.is_none() || frame.has_new_parameters() {
                        let current = demuxed.streams().get(video).and_then(parameter_sets);
                        if let Some(sets) = current
                            && known.as_ref() != Some(&sets)
                        {
                            let first = known.replace(sets.clone()).is_none();
                            let info = TrackInfo::video(sets);
                            if first {
                                *live_since = Some(Instant::now());
                                sink.live(Some(info), audio.take());
                            } else {
                                sink.video_changed(info);
                            }
                        }
                    }
                    if known.is_some() {
                        let lost = u32::from(frame.loss()).saturating_add(errors_since_video);
                        let unit = video_unit(&frame, arrival);
                        sink.media(MediaKind::Video, &unit, lost);
                        if let Some(sets) = &known {
                            record(sink, sets.codec(), unit, lost);
                        }
                        errors_since_video = 0;
                    }
                }
                Ok(Some(Ok(CodecItem::AudioFrame(frame)))) => {
                    errors_in_a_row = 0;
                    if known.is_some() {
                        let unit = AccessUnit {
                            data: frame.data(),
                            timestamp: frame.timestamp().timestamp(),
                            arrival: frame.ctx().received(),
                            captured: None,
                        };
                        let lost = u32::from(frame.loss());
                        sink.media(MediaKind::Audio, &unit, lost);
                        if let Some(codec) = heard {
                            record(sink, codec, unit, lost);
                        }
                    }
                }
                Ok(Some(Ok(_))) => {}
                // A damaged packet does not end the session; a broken connection ends by itself.
                Ok(Some(Err(error))) => {
                    errors_in_a_row += 1;
                    errors_since_video = errors_since_video.saturating_add(1);
                    if errors_in_a_row > MAX_ERRORS_IN_A_ROW {
                        return failure::from_retina(&self.config.url, &error);
                    }
                    last_error = Some(error);
                }
                Ok(None) => {
                    return match last_error {
                        Some(error) if errors_in_a_row > 0 => {
                            failure::from_retina(&self.config.url, &error)
                        }
                        _ => failure::closed(&self.config.url),
                    };
                }
                Err(error) => {
                    drop_silently(demuxed);
                    return error;
                }
            }
        }
    }

    /// `retina` panics on some responses, e.g. on `Session: ;timeout=60`, and reads others forever.
    /// Either fails the attempt, not the worker.
    pub(super) async fn guarded<T>(&self, future: impl Future<Output = T>) -> Result<T> {
        let mut future = pin!(AssertUnwindSafe(future).catch_unwind());
        poll_fn(|context| {
            let waived = match self.busy.get() {
                // Nothing was read since the last complete message.
                Duration::ZERO => 0,
                busy if busy < LONG_BUSY => READS_WAIVED,
                _ => READS_WAIVED_LONG_BUSY,
            };
            for _ in 0..waived {
                ready!(coop::poll_proceed(context)).made_progress();
            }
            let begun = std::time::Instant::now();
            let polled = future.as_mut().poll(context);
            let busy = self.busy.take() + begun.elapsed();
            match polled {
                Poll::Pending if busy > MAX_BUSY => {
                    Poll::Ready(Err(failure::endless(&self.config.url)))
                }
                Poll::Pending => {
                    self.busy.set(busy);
                    Poll::Pending
                }
                Poll::Ready(done) => {
                    Poll::Ready(done.map_err(|_| failure::panicked(&self.config.url)))
                }
            }
        })
        .await
    }

    fn session_options(&self) -> SessionOptions {
        let options = SessionOptions::default()
            .creds(self.config.url.credentials().cloned())
            .user_agent(concat!("rtsp_webrtc_gateway/", env!("CARGO_PKG_VERSION")).to_owned())
            .unassigned_channel_data(UnassignedChannelDataPolicy::Ignore)
            .session_id(SessionIdPolicy::UseFirst);
        // Over TCP, one TEARDOWN is sent on the existing connection, whose end stops the media in any
        // case. With UDP, a camera keeps sending until the session expires; `retina` repeats TEARDOWN
        // until then, as it does for old versions of LIVE555. The group counts these sessions.
        let pending = self.config.teardowns.stale_sessions().num_sessions;
        options
            .session_group(self.config.teardowns.clone())
            .teardown(if pending < MAX_PENDING_TEARDOWNS {
                TeardownPolicy::Auto
            } else {
                TeardownPolicy::Never
            })
    }

    fn setup_options(&self) -> SetupOptions {
        let transport = match self.config.transport {
            Transport::Tcp => retina::client::Transport::Tcp(TcpTransportOptions::default()),
            Transport::Udp => retina::client::Transport::Udp(UdpTransportOptions::default()),
        };
        // Lengths before the NALs, and no parameter sets among them: the packetizer adds those.
        SetupOptions::default()
            .transport(transport)
            .frame_format(FrameFormat::MP4)
    }
}

/// Ignores what cameras get wrong. Sequence number and timestamp start with the first packet: a wrong
/// `seq` in RTP-Info would make every packet an error, and a missing `rtptime` the whole session.
fn play_options() -> PlayOptions {
    PlayOptions::default()
        .initial_timestamp(InitialTimestampPolicy::Ignore)
        .initial_seq(InitialSequenceNumberPolicy::Ignore)
        .unknown_rtcp_ssrc(UnknownRtcpSsrcPolicy::DropPackets)
}

fn audio_codec(stream: &Stream) -> Option<Codec> {
    if stream.media() != "audio" {
        return None;
    }
    let channels = stream.channels().map_or(1, |channels| channels.get());
    let channels = u8::try_from(channels).ok()?;
    let (name, rate) = (stream.encoding_name(), stream.clock_rate_hz());
    let codec = Encoding::of(name, rate, channels, "").ok()?.codec()?;
    // `retina` has no depacketizer for the others.
    matches!(codec, Codec::Pcmu | Codec::Pcma | Codec::G722).then_some(codec)
}

fn parameter_sets(stream: &Stream) -> Option<ParameterSets> {
    match stream.parameters()? {
        ParametersRef::Video(video) => match video.codec_params() {
            VideoParametersCodec::H264 { sps, pps } => {
                Some(ParameterSets::H264(h264::ParameterSets {
                    sps: sps.clone().into(),
                    pps: pps.clone().into(),
                }))
            }
            VideoParametersCodec::H265 { vps, sps, pps } => {
                Some(ParameterSets::H265(h265::ParameterSets {
                    vps: vps.clone().into(),
                    sps: sps.clone().into(),
                    pps: pps.clone().into(),
                }))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Passes on what was received.
fn record(sink: &mut impl Sink, codec: Codec, unit: AccessUnit<'_>, lost: u32) {
    sink.received(&Arrival {
        format: &Format::pushed(codec),
        unit,
        lost,
        damaged: false,
        restarts: false,
    });
}

fn video_unit(frame: &VideoFrame, arrival: std::time::Instant) -> AccessUnit<'_> {
    AccessUnit {
        data: frame.data(),
        timestamp: frame.timestamp().timestamp(),
        arrival,
        captured: None,
    }
}
