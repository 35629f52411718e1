//! The host's end of a push stream: checks what is pushed and queues it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use super::bitstream::{self, Content};
use super::codec_config::CodecConfig;
use super::queue::{self, Data, Queue, Receiver, Refused, Unit};
use crate::config::{Frame, FrameData, PushOptions};
use crate::error::{Error, Result, Status};
use crate::media::{Codec, MediaKind};
use crate::source::audio::{self, Aac, Bits, Config};
use crate::source::rtp::{self, Delivery, Encoding, Format, Packet, Reception};

/// Without a frame for this long a stream is stalled, unless the host says otherwise; the same as
/// for cameras.
const STALL: Duration = Duration::from_secs(8);
/// Bounds of what the host may say.
const SHORTEST_STALL: Duration = Duration::from_millis(500);
const LONGEST_STALL: Duration = Duration::from_secs(86_400);
/// Bytes of the lengths in the form of `media`.
const LENGTH: usize = 4;
/// The largest frame, far above a keyframe of 8K.
const MAX_FRAME: usize = 16 << 20;
/// What was captured longer ago is played back, and has no time that viewers could be told: RTP timestamps
/// wrap around after some hours.
const OLDEST_CAPTURE: Duration = Duration::from_secs(3600);
/// Maximum of [`PushOptions::queue_frames`].
const MAX_QUEUE_FRAMES: u32 = 1024;

/// Where the host's media goes in. All methods may be called from any thread, concurrently.
#[derive(Debug)]
pub struct Feed {
    video: Option<Codec>,
    audio: Option<Format>,
    /// Bytes of the lengths in front of NAL units of the video; `None`: start codes.
    lengths: Option<usize>,
    queue: Arc<Queue>,
    /// RTP packets that are assembled into access units. Only pushing threads lock it.
    video_rtp: Option<Mutex<Reception>>,
    audio_rtp: Option<Mutex<Reception>>,
}

/// Both ends of a new push stream.
pub fn feed(options: &PushOptions) -> Result<(Feed, Receiver)> {
    check(options)?;
    let video = options.video;
    let audio = audio_format(options)?;
    let config = codec_config(options)?;
    let told = config.as_ref().and_then(|config| config.length_size);
    let lengths = options.length_prefixed.then(|| told.unwrap_or(LENGTH));
    let queue = queue::queue(options.queue_frames as usize);
    let receiver = Receiver {
        queue: Arc::clone(&queue),
        video,
        audio: audio.clone(),
        sets: config.map(|config| config.sets),
        annex_b: video.is_some_and(bitstream::is_annex_b) && lengths.is_none(),
        stall: stall(options.idle_timeout)?,
    };
    let feed = Feed {
        video,
        audio,
        lengths,
        queue,
        video_rtp: video.map(|codec| Mutex::new(reception(codec))),
        audio_rtp: options.audio.map(|codec| Mutex::new(reception(codec))),
    };
    Ok((feed, receiver))
}

impl Feed {
    /// Queues a frame. If it is refused, it is dropped before this returns.
    pub fn push(&self, kind: MediaKind, frame: Frame<'_>) -> Result<()> {
        let arrival = Instant::now();
        let codec = self.codec(kind)?;
        let clock_rate = match (codec, &self.audio) {
            (None, Some(format)) => format.clock_rate,
            (codec, _) => codec.map_or(1, Codec::clock_rate),
        };
        let bytes = frame.data.as_slice().len();
        if bytes > MAX_FRAME {
            return Err(invalid(format!(
                "the frame has {bytes} bytes; the maximum is {MAX_FRAME}"
            )));
        }
        let lengths = self.lengths.filter(|_| kind == MediaKind::Video);
        let content = bitstream::look(codec, frame.data.as_slice(), lengths)?;
        self.admit(kind, content, bytes)?;
        let data = match frame.data {
            FrameData::Copied(data) => {
                let mut buffer = self.queue.buffer();
                match lengths {
                    Some(LENGTH) => buffer.extend_from_slice(data),
                    Some(size) => bitstream::convert_lengths(data, size, &mut buffer),
                    None if codec.is_some_and(bitstream::is_annex_b) => {
                        bitstream::convert(data, &mut buffer)
                    }
                    None => buffer.extend_from_slice(data),
                }
                Data::Ready(buffer)
            }
            FrameData::Shared(data) => match lengths {
                Some(size) if size != LENGTH => {
                    let mut buffer = self.queue.buffer();
                    bitstream::convert_lengths(&data, size, &mut buffer);
                    Data::Ready(buffer)
                }
                _ => Data::Pushed(data),
            },
        };
        let unit = Unit {
            kind,
            content,
            data,
            timestamp: ticks(frame.pts_us, clock_rate),
            arrival,
            captured: frame
                .capture_unix_us
                .and_then(|time| captured(time, arrival, SystemTime::now())),
            restarts: frame.discontinuity,
            lost: 0,
            refused: 0,
            damaged: false,
        };
        self.queue.put(unit, bytes);
        Ok(())
    }

    /// Takes an RTP packet with its header; the codec selects the track.
    pub fn push_rtp(&self, codec: Codec, packet: &[u8]) -> Result<()> {
        let now = Instant::now();
        let track = match codec {
            codec if Some(codec) == self.video => self.video_rtp.as_ref(),
            codec if self.audio_passes(codec) => self.audio_rtp.as_ref(),
            _ => None,
        };
        let track = track.ok_or_else(|| {
            let name = codec.encoding_name();
            invalid(format!(
                "the stream was added without {name}: push a codec that it was added with"
            ))
        })?;
        check_rtp(packet)?;
        let mut refused = Ok(());
        track.lock().rtp(packet, now, &mut |unit| {
            let (buffer, result) = self.put_assembled(codec, unit);
            if result.is_err() {
                refused = result;
            }
            buffer
        });
        refused
    }

    /// Queues what was assembled from RTP packets. Returns a buffer for the next access unit in either
    /// case.
    fn put_assembled(&self, codec: Codec, unit: rtp::Unit) -> (Vec<u8>, Result<()>) {
        let content = bitstream::content(codec, &unit.data);
        let bytes = unit.data.len();
        if let Err(error) = self.admit(codec.kind(), content, bytes) {
            let mut buffer = unit.data;
            buffer.clear();
            return (buffer, Err(error));
        }
        let unit = Unit {
            kind: codec.kind(),
            content,
            data: Data::Ready(unit.data),
            timestamp: unit.timestamp,
            arrival: unit.arrival,
            captured: None,
            restarts: unit.restarts,
            lost: unit.lost,
            refused: 0,
            damaged: unit.damaged,
        };
        self.queue.put(unit, bytes);
        (self.queue.buffer(), Ok(()))
    }

    /// Whether the audio is of this codec, and viewers get it as it is.
    fn audio_passes(&self, codec: Codec) -> bool {
        let audio = self.audio.as_ref().map(|format| &format.encoding);
        audio == Some(&Encoding::Audio(audio::Encoding::Pass(codec)))
    }

    /// The codec of a track; `None` for one that viewers get as another.
    fn codec(&self, kind: MediaKind) -> Result<Option<Codec>> {
        match (kind, &self.audio) {
            (MediaKind::Video, _) if self.video.is_none() => Err(Error::new(
                Status::InvalidState,
                "the stream was added without a video codec, for sound alone: add it again with one",
            )),
            (MediaKind::Video, _) => Ok(self.video),
            (MediaKind::Audio, Some(format)) => Ok(match format.encoding {
                Encoding::Audio(audio::Encoding::Pass(codec)) => Some(codec),
                _ => None,
            }),
            (MediaKind::Audio, None) => Err(Error::new(
                Status::InvalidState,
                "the stream was added without an audio codec: add it again with one",
            )),
        }
    }

    fn admit(&self, kind: MediaKind, content: Content, bytes: usize) -> Result<()> {
        self.queue.admit(kind, content, bytes).map_err(refused)
    }
}

/// How the audio of a stream is pushed.
fn audio_format(options: &PushOptions) -> Result<Option<Format>> {
    let Some(config) = &options.aac else {
        return Ok(options.audio.map(Format::pushed));
    };
    let encoding = Aac::with_config(config).map(audio::Encoding::Aac);
    let encoding = encoding.ok_or_else(|| {
        invalid(
            "the audio configuration is no AudioSpecificConfig of AAC-LC or HE-AAC: pass that of the \
             encoder or container",
        )
    })?;
    let rate = encoding.rate();
    let format = Format::pushed_as(Encoding::Audio(encoding), rate);
    // Beside video, sinks get it all the same.
    if options.video.is_none() && super::run::audio(&format).is_none() {
        return Err(Error::new(
            Status::Unsupported,
            "this build cannot make Opus of AAC: build with the feature transcode-audio",
        ));
    }
    Ok(Some(format))
}

fn codec_config(options: &PushOptions) -> Result<Option<CodecConfig>> {
    let Some(record) = &options.codec_config else {
        return Ok(None);
    };
    let Some(video) = options.video else {
        return Err(invalid(
            "codec_config is of the video, and the stream has none",
        ));
    };
    let name = match video {
        Codec::H264 => "avcC",
        Codec::H265 => "hvcC",
        _ => "av1C",
    };
    let config = CodecConfig::read(video, record).ok_or_else(|| {
        invalid(format!(
            "codec_config has {} bytes and is no {name} record with parameter sets: pass the \
             record of the container or encoder, or the parameter sets with start codes",
            record.len()
        ))
    })?;
    Ok(Some(config))
}

/// When a stream counts as stalled; `None`: never.
fn stall(given: Option<Duration>) -> Result<Option<Duration>> {
    match given {
        None => Ok(Some(STALL)),
        Some(Duration::MAX) => Ok(None),
        Some(time) if (SHORTEST_STALL..=LONGEST_STALL).contains(&time) => Ok(Some(time)),
        Some(time) => Err(invalid(format!(
            "idle_timeout must be {} ms to {} ms, or never, not {} ms",
            SHORTEST_STALL.as_millis(),
            LONGEST_STALL.as_millis(),
            time.as_millis()
        ))),
    }
}

/// Hosts get their packets from a network.
fn reception(codec: Codec) -> Reception {
    const DELIVERY: Delivery = Delivery::Reorder {
        packets: 16,
        wait: Duration::from_millis(100),
    };
    Reception::new(&Format::pushed(codec), DELIVERY)
}

fn check_rtp(packet: &[u8]) -> Result<()> {
    if rtp::is_rtcp(packet) {
        return Err(invalid("this is an RTCP packet: push RTP packets only"));
    }
    match Packet::parse(packet) {
        Some(_) => Ok(()),
        None => Err(invalid(
            "this is not an RTP packet: push it with its header, decrypted",
        )),
    }
}

fn refused(why: Refused) -> Error {
    match why {
        Refused::Full => Error::new(
            Status::QueueFull,
            "the frame was dropped because the stream's queue is full, as its worker thread is too \
             busy: push the next keyframe, with which video continues",
        ),
        Refused::OverShare => Error::new(
            Status::QueueFull,
            "the frame was dropped because the stream's queue is full: for seconds, what is pushed has taken \
             more than the stream's share of its worker thread; push no more than viewers need, and then \
             the next keyframe, with which video continues",
        ),
        Refused::AwaitsKeyframe => Error::new(
            Status::QueueFull,
            "the frame was dropped because one before it was: push the next keyframe, with which \
             video continues",
        ),
        Refused::Closed => Error::new(
            Status::InvalidState,
            "the stream accepts no more media: it was removed, or a bug in the library stopped it",
        ),
    }
}

/// Converts the host's capture time to the monotonic clock; `None` for a time that is impossible.
fn captured(unix_us: i64, now: Instant, wall: SystemTime) -> Option<Instant> {
    let time = Duration::from_micros(u64::try_from(unix_us).ok()?);
    // On Windows a time of 300,000 years is too much for it.
    let at = SystemTime::UNIX_EPOCH.checked_add(time)?;
    let age = wall.duration_since(at).ok()?;
    now.checked_sub(age).filter(|_| age <= OLDEST_CAPTURE)
}

/// Microseconds in units of a clock rate, rounded.
fn ticks(pts_us: i64, rate: u32) -> i64 {
    let ticks = i128::from(pts_us) * i128::from(rate) + 500_000;
    // A clock rate is below 1 MHz, so the result is smaller than `pts_us`.
    ticks.div_euclid(1_000_000) as i64
}

fn check(options: &PushOptions) -> Result<()> {
    match options.video {
        Some(codec) if codec.kind() != MediaKind::Video => {
            let name = codec.encoding_name();
            return Err(invalid(format!("{name} is not a video codec")));
        }
        None if options.audio.is_none() && options.aac.is_none() => {
            return Err(invalid(
                "neither a video nor an audio codec is set: set one of them, or both",
            ));
        }
        _ => {}
    }
    if !(1..=MAX_QUEUE_FRAMES).contains(&options.queue_frames) {
        return Err(invalid(format!(
            "queue_frames must be 1 to {MAX_QUEUE_FRAMES}, not {}",
            options.queue_frames
        )));
    }
    if let Some(config) = &options.aac {
        if options.audio.is_some() {
            return Err(invalid("audio is either AAC or of another codec"));
        }
        let said = Config::read(&mut Bits::new(config));
        let differs = |given: Option<u32>, said: Option<u32>| given.is_some() && given != said;
        if differs(options.audio_sample_rate, said.map(|said| said.rate))
            || differs(
                options.audio_channels,
                said.map(|said| said.channels.into()),
            )
        {
            return Err(invalid(
                "sample rate or channels of AAC are not those of its configuration: leave them out",
            ));
        }
        return Ok(());
    }
    let Some(audio) = options.audio else {
        if options.audio_sample_rate.is_some() || options.audio_channels.is_some() {
            return Err(invalid(
                "an audio sample rate or channel count without an audio codec: set the codec, or \
                 leave them out",
            ));
        }
        return Ok(());
    };
    if audio.kind() != MediaKind::Audio {
        let name = audio.encoding_name();
        return Err(invalid(format!("{name} is not an audio codec")));
    }
    let name = audio.encoding_name();
    let (rate, channels) = match audio {
        // Its RTP clock runs at half its sampling rate (RFC 3551 section 4.5.2).
        Codec::G722 => (16_000, 1),
        Codec::Opus => (48_000, 2),
        _ => (audio.clock_rate(), 1),
    };
    if options.audio_sample_rate.is_some_and(|given| given != rate) {
        return Err(invalid(format!(
            "the sample rate of {name} is {rate} Hz in WebRTC, and audio is not resampled: push it \
             at that rate"
        )));
    }
    if options
        .audio_channels
        .is_some_and(|given| !(1..=channels).contains(&given))
    {
        return Err(invalid(format!(
            "{name} supports at most {channels} channels"
        )));
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Status::InvalidArgument, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_become_ticks_to_the_nearest() {
        assert_eq!(ticks(20_000, 8_000), 160);
        assert_eq!(ticks(33_333, 90_000), 3_000);
        assert_eq!(ticks(33_366, 90_000), 3_003);
        assert_eq!(ticks(-20_000, 8_000), -160);
        assert_eq!(ticks(i64::MAX, 90_000), 830_103_483_316_929_823);
        assert!(ticks(i64::MIN, 90_000) < 0);
    }

    #[test]
    fn a_capture_time_is_believed_if_it_can_be() {
        let (now, unix) = (Instant::now(), Duration::from_secs(1_700_000_000));
        let wall = SystemTime::UNIX_EPOCH + unix;
        let at = |ago_us: i64| captured(unix.as_micros() as i64 - ago_us, now, wall);
        assert_eq!(at(30_000), Some(now - Duration::from_millis(30)));
        assert_eq!(at(0), Some(now));
        assert_eq!(at(-1), None);
        assert_eq!(at(30_000_000), Some(now - Duration::from_secs(30)));
        assert_eq!(at(3_600_000_001), None);
        assert_eq!(captured(i64::MIN, now, wall), None);
        assert_eq!(captured(i64::MAX, now, wall), None);
    }

    #[test]
    fn what_is_no_rtp_is_refused() {
        let (feed, _receiver) = feed(&PushOptions::default()).unwrap();
        let packet = [&[0x80, 96][..], &[0; 20]].concat();
        feed.push_rtp(Codec::H264, &packet).unwrap();
        let refused = |packet: &[u8]| {
            let error = feed.push_rtp(Codec::H264, packet).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument);
            error.message().contains("RTCP")
        };
        for (at, byte, is_rtcp) in [(0, 0x40, false), (1, 200, true), (0, 0x9f, false)] {
            let mut bad = packet.clone();
            bad[at] = byte;
            assert_eq!(refused(&bad), is_rtcp, "{byte:#x}");
        }
        for len in 0..12 {
            assert!(!refused(&packet[..len]));
        }
    }

    /// Recorders need no decoder.
    #[test]
    #[cfg(not(feature = "transcode-audio"))]
    fn without_a_decoder_aac_is_for_sinks() {
        let mut options = PushOptions {
            aac: Some(vec![0x14, 0x08]),
            ..PushOptions::default()
        };
        assert!(feed(&options).is_ok());
        options.video = None;
        assert_eq!(feed(&options).unwrap_err().status(), Status::Unsupported);
    }

    #[test]
    fn options_that_fit_no_stream_are_refused() {
        let fine = PushOptions {
            audio: Some(Codec::Pcmu),
            ..PushOptions::default()
        };
        assert!(feed(&fine).is_ok());
        for options in [
            PushOptions {
                video: Some(Codec::Pcmu),
                ..fine.clone()
            },
            PushOptions {
                video: None,
                audio: None,
                ..fine.clone()
            },
            PushOptions {
                video: None,
                codec_config: Some(vec![1; 20]),
                ..fine.clone()
            },
            PushOptions {
                audio: Some(Codec::H264),
                ..fine.clone()
            },
            PushOptions {
                audio_sample_rate: Some(16_000),
                ..fine.clone()
            },
            PushOptions {
                audio_channels: Some(2),
                ..fine.clone()
            },
            PushOptions {
                audio: None,
                audio_channels: Some(1),
                ..fine.clone()
            },
            PushOptions {
                aac: Some(vec![0x14, 0x08]),
                ..fine.clone()
            },
            PushOptions {
                audio: None,
                aac: Some(vec![0x0c, 0x08]),
                ..fine.clone()
            },
            PushOptions {
                audio: None,
                aac: Some(vec![0x14, 0x08]),
                audio_sample_rate: Some(48_000),
                ..fine.clone()
            },
            PushOptions {
                queue_frames: 0,
                ..fine.clone()
            },
            PushOptions {
                queue_frames: 1025,
                ..fine.clone()
            },
        ] {
            let error = feed(&options).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument, "{options:?}");
        }
    }
}
