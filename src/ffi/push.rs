//! Push streams: the host has frames and passes them in.

use std::ffi::{c_char, c_int, c_void};
use std::slice;
use std::time::Duration;

use bytes::Bytes;

use super::convert::{
    bytes, invalid, optional_str, output, read_struct, required_str, sized_struct, unset,
};
use super::guard::guard_status;
use super::handle::{gateway_ref, rtsp_webrtc_gateway, rtsp_webrtc_gateway_stream_id};
use super::stream::rtsp_webrtc_gateway_codec;
use super::user_data::{UserData, rtsp_webrtc_gateway_free_fn};
use crate::config::{Frame, FrameData, PushOptions};
use crate::error::Result;
use crate::gateway::Gateway;
use crate::media::Codec;
use crate::state::StreamId;

/// Options of a stream whose media the host pushes.
#[repr(C)]
pub struct rtsp_webrtc_gateway_push_options {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// Video codec, enum rtsp_webrtc_gateway_codec. RTSP_WEBRTC_GATEWAY_CODEC_NONE (0): sound alone, if
    /// audio_codec is set. Viewers then get an inactive video section, and the sound.
    pub video_codec: i32,
    /// Audio codec, enum rtsp_webrtc_gateway_codec. RTSP_WEBRTC_GATEWAY_CODEC_NONE (0): no audio.
    pub audio_codec: i32,
    /// Audio sample rate in Hz. 0: the rate of the codec in WebRTC (PCMU and PCMA 8000, G722 16000,
    /// OPUS 48000), or of AAC that of audio_config. No other rate is accepted. Must be 0 without audio.
    pub audio_sample_rate: u32,
    /// Number of audio channels: 1, or 2 with OPUS. 0: the default of the codec, or what audio_config
    /// says. Must be 0 without audio.
    pub audio_channels: u32,
    /// Number of frames of each track that may be queued for the worker thread: 1 to 1024. 0: 64.
    /// When the queue is full, pushes return ERR_QUEUE_FULL. In addition, at most 32 MiB of a
    /// stream are queued.
    pub queue_frames: u32,
    /// Bitwise OR of enum rtsp_webrtc_gateway_push_flags.
    pub flags: u32,
    /// As in rtsp_webrtc_gateway_pull_options. NULL: none.
    pub label: *const c_char,
    /// As in rtsp_webrtc_gateway_pull_options.
    pub user_data: *mut c_void,
    /// Parameter sets of the video, for frames that come without them: an avcC, hvcC or av1C record,
    /// as containers and system encoders have it (ISO/IEC 14496-15), or the parameter sets with start
    /// codes. Those in the frames take their place. The library copies it. NULL: none.
    pub codec_config: *const u8,
    /// Size of codec_config in bytes.
    pub codec_config_size: usize,
    /// Without a frame of video, or of audio where there is no video, for this long the stream is RETRYING with ERR_STALLED until the next one:
    /// 500 to 86400000 milliseconds. 0: 8000. UINT32_MAX: never, for hosts that pause.
    pub idle_timeout_ms: u32,
    /// Must be 0.
    pub reserved: u32,
    /// With audio_codec AAC, the AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1) as the encoder or
    /// container has it, for example 14 08 for AAC-LC at 16 kHz with one channel. Required then, and NULL
    /// otherwise. The library copies it.
    pub audio_config: *const u8,
    /// Size of audio_config in bytes.
    pub audio_config_size: usize,
}
sized_struct!(
    rtsp_webrtc_gateway_push_options,
    "rtsp_webrtc_gateway_push_options"
);

/// Flags of rtsp_webrtc_gateway_push_options.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of flags")]
pub enum rtsp_webrtc_gateway_push_flags {
    /// H264, H265: the NAL units of a frame have their length in front of them in place of a start code,
    /// in 4 bytes, big endian, unless codec_config says that there are fewer.
    RTSP_WEBRTC_GATEWAY_PUSH_LENGTH_PREFIXED = 1,
}

/// Flags of rtsp_webrtc_gateway_frame.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of flags")]
pub enum rtsp_webrtc_gateway_frame_flags {
    /// The frame is a keyframe. Optional: the library detects keyframes itself.
    RTSP_WEBRTC_GATEWAY_FRAME_KEY = 1,
    /// The timeline restarts: pts_us is unrelated to that of the previous frame of the track. For
    /// viewers, time continues by the real time that has passed. Video resumes at the next
    /// keyframe, ideally this frame.
    RTSP_WEBRTC_GATEWAY_FRAME_DISCONTINUITY = 2,
}

/// One access unit of video, or one frame of audio.
///
/// - H264, H265: an Annex B byte stream with start codes 00 00 01 or 00 00 00 01, or lengths in their
///   place with PUSH_LENGTH_PREFIXED. A keyframe is an IDR picture (H265: any IRAP picture). Parameter
///   sets are sent with the keyframe or before it, possibly in a push of their own, or are in
///   push_options.codec_config. B-frames are left out: browsers do not show them over WebRTC.
/// - AV1: a temporal unit in the low-overhead bitstream format (AV1 specification section 5.2), in
///   which every OBU has a size field. A keyframe starts with its sequence header.
/// - AAC: one access unit without ADTS header. Sinks get it as it is. Viewers get it as Opus (cargo feature
///   transcode-audio), encoded once for all and only while somebody hears it.
/// - OPUS: one Opus packet of at most 1192 bytes, usually 20 ms.
/// - PCMU, PCMA: samples of one byte each, usually 20 ms (160 bytes).
/// - G722: 64 kbit/s octets, usually 20 ms (160 bytes).
#[repr(C)]
pub struct rtsp_webrtc_gateway_frame {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// The data. Required.
    pub data: *const u8,
    /// Size of data in bytes: 1 to 16 MiB.
    pub size: usize,
    /// Presentation time in microseconds, on a timeline of the host's choice that both tracks
    /// share. Frames of a track are pushed in decoding order, so with B-frames the value may
    /// decrease, by less than one second. After a jump of more than 10 s, time continues by the
    /// real time that has passed.
    pub pts_us: i64,
    /// Capture time in microseconds since 1970-01-01 UTC by the clock of this machine. 0: unknown.
    /// RTCP sender reports (RFC 3550 section 6.4.1) pass it on, and viewers use it to synchronize
    /// audio and video: set it on both tracks or on neither. If it is 0, in the future, or more
    /// than an hour old, the time of the push is used.
    pub capture_unix_us: i64,
    /// Bitwise OR of enum rtsp_webrtc_gateway_frame_flags.
    pub flags: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Ownership of data. NULL: the push copies data before it returns. Otherwise data is not
    /// copied: it must remain valid and unchanged until the library calls release(release_data).
    /// release runs exactly once, on any thread, whether the push succeeds or fails: possibly on
    /// the calling thread before the push returns, and no later than during shutdown() or
    /// destroy(). It does not run if frame is NULL or if the push returns ERR_STRUCT_SIZE. It must
    /// be short and must not call into the library.
    pub release: rtsp_webrtc_gateway_free_fn,
    /// Argument of release.
    pub release_data: *mut c_void,
}
sized_struct!(rtsp_webrtc_gateway_frame, "rtsp_webrtc_gateway_frame");

/// Adds a stream whose media the host pushes. The stream is CONNECTING until the first keyframe
/// with its parameter sets has been pushed, or the first frame of audio where there is no video, and LIVE
/// from then on; offers wait for it as they do for a camera. If no video is pushed for 8 s (idle_timeout_ms), it becomes RETRYING with ERR_STALLED until the next
/// frame. Remove the stream with remove_stream().
///
/// Parameters: name is as for rtsp_webrtc_gateway_add_stream().
///
/// Errors: ERR_INVALID_ARGUMENT if the name or an option is not valid; ERR_ALREADY_EXISTS if the
/// name is in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_add_push_stream(
    gateway: *mut rtsp_webrtc_gateway,
    name: *const c_char,
    options: *const rtsp_webrtc_gateway_push_options,
    out_stream: *mut rtsp_webrtc_gateway_stream_id,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: name is NULL or NUL-terminated, by the conventions.
        let name = unsafe { required_str(name, "name") }?;
        // SAFETY: options is NULL or a struct of the header, by the conventions.
        let options = unsafe { read_struct(options) }?;
        // SAFETY: out_stream is NULL or writable, by the conventions.
        let out_stream = unsafe { output(out_stream, "out_stream") }?;
        // SAFETY: its strings are NULL or NUL-terminated, by the conventions.
        let options = unsafe { push_options(&options) }?;
        out_stream.write(gateway.add_push_stream(name, options)?.0);
        Ok(())
    })
}

/// Pushes one access unit of video. Pushes to the same track must not overlap, otherwise their
/// order is undefined. The library repeats parameter sets for viewers where needed, and removes
/// access unit delimiters and filler data.
///
/// Errors: ERR_QUEUE_FULL if the frame was dropped; further frames are then dropped up to the next
/// keyframe, because they could not be decoded, and on_keyframe_request asks for one. The sentence says
/// whether the worker is too busy, or the stream itself has more than its share of it pushed ("given_up" in
/// the JSON of a stream counts that).
/// ERR_INVALID_ARGUMENT if data is not an access unit of the codec (no start code, too large);
/// ERR_INVALID_STATE if the stream is a camera or has no video; ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_push_video(
    gateway: *mut rtsp_webrtc_gateway,
    stream: rtsp_webrtc_gateway_stream_id,
    frame: *const rtsp_webrtc_gateway_frame,
) -> c_int {
    guard_status(|| {
        let push_to =
            |gateway: &Gateway, frame: Frame<'_>| gateway.push_video(StreamId(stream), frame);
        // SAFETY: this function's contract.
        unsafe { push(gateway, frame, push_to) }
    })
}

/// Pushes one frame of audio. The frames must be contiguous: each pts_us is the previous one plus
/// the duration of the previous frame. Beside video, audio before its first keyframe is dropped.
///
/// Errors: as for rtsp_webrtc_gateway_push_video(), but after ERR_QUEUE_FULL only this frame is
/// lost. ERR_INVALID_STATE also if the stream has no audio.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_push_audio(
    gateway: *mut rtsp_webrtc_gateway,
    stream: rtsp_webrtc_gateway_stream_id,
    frame: *const rtsp_webrtc_gateway_frame,
) -> c_int {
    guard_status(|| {
        let push_to =
            |gateway: &Gateway, frame: Frame<'_>| gateway.push_audio(StreamId(stream), frame);
        // SAFETY: this function's contract.
        unsafe { push(gateway, frame, push_to) }
    })
}

/// Pushes one unencrypted RTP packet (RFC 3550) including its header: H264 as in RFC 6184, H265 as
/// in RFC 7798, AV1 as in its RTP payload specification; for audio, each payload is one frame. The
/// packet is copied.
///
/// Packets may arrive out of order by up to 16 packets or 100 ms. Missing packets are counted in
/// packets_lost; what remains of the access unit is passed on, and on_keyframe_request follows. A
/// new SSRC, or a jump of more than 1000 in the sequence number, counts as FRAME_DISCONTINUITY.
/// Payload type and header extensions are ignored. Viewers receive packets with other SSRCs,
/// payload types and sequence numbers.
///
/// Parameters: codec (enum rtsp_webrtc_gateway_codec) selects the track.
///
/// Errors: ERR_QUEUE_FULL as for push_video(), from the packet that completes an access unit;
/// ERR_INVALID_ARGUMENT if the data is not an RTP packet (RTCP is not accepted), or if the stream
/// has no track with this codec; ERR_INVALID_STATE if the stream is a camera; ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_push_rtp(
    gateway: *mut rtsp_webrtc_gateway,
    stream: rtsp_webrtc_gateway_stream_id,
    codec: i32,
    packet: *const u8,
    size: usize,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: packet is NULL or readable for size bytes, by the conventions.
        let packet = unsafe { bytes(packet.cast(), size, "packet") }?;
        let codec = codec_of(codec)?.ok_or_else(|| invalid("0 is not a codec"))?;
        gateway.push_rtp(StreamId(stream), codec, packet)
    })
}

/// The host's memory. Given back when dropped, so exactly once.
struct HostMemory {
    data: *const u8,
    size: usize,
    /// Its pointer is release_data.
    _release: UserData,
}

// SAFETY: the header says that data stays as it is until release runs, which may be on any thread.
unsafe impl Send for HostMemory {}

impl AsRef<[u8]> for HostMemory {
    fn as_ref(&self) -> &[u8] {
        if self.size == 0 {
            return &[];
        }
        // SAFETY: `push` has checked pointer and size; readable until release runs, by the header.
        unsafe { slice::from_raw_parts(self.data, self.size) }
    }
}

/// # Safety
/// The conventions hold for `gateway` and `frame`.
unsafe fn push(
    gateway: *const rtsp_webrtc_gateway,
    frame: *const rtsp_webrtc_gateway_frame,
    push: impl FnOnce(&Gateway, Frame<'_>) -> Result<()>,
) -> Result<()> {
    // First of all, so that every failure from here on releases.
    // SAFETY: frame is NULL or a struct of the header, by this function's contract.
    let frame = unsafe { read_struct(frame) }?;
    let release = frame
        .release
        .map(|release| UserData::new(frame.release_data, Some(release)));
    let gateway = gateway_ref(gateway)?;
    unset(frame.reserved)?;
    if frame.flags & !(KEY | DISCONTINUITY) != 0 {
        let flags = frame.flags;
        return Err(invalid(format!(
            "flags {flags:#x} has bits that are not frame flags"
        )));
    }
    // SAFETY: data is NULL or readable for size bytes, by this function's contract.
    let data = unsafe { bytes(frame.data.cast(), frame.size, "data") }?;
    let data = match release {
        None => FrameData::Copied(data),
        Some(release) => FrameData::Shared(Bytes::from_owner(HostMemory {
            data: frame.data,
            size: frame.size,
            _release: release,
        })),
    };
    let frame = Frame {
        data,
        pts_us: frame.pts_us,
        capture_unix_us: Some(frame.capture_unix_us).filter(|&time| time != 0),
        discontinuity: frame.flags & DISCONTINUITY != 0,
    };
    push(&gateway, frame)
}

const AAC: i32 = rtsp_webrtc_gateway_codec::RTSP_WEBRTC_GATEWAY_CODEC_AAC as i32;
const KEY: u32 = rtsp_webrtc_gateway_frame_flags::RTSP_WEBRTC_GATEWAY_FRAME_KEY as u32;
const DISCONTINUITY: u32 =
    rtsp_webrtc_gateway_frame_flags::RTSP_WEBRTC_GATEWAY_FRAME_DISCONTINUITY as u32;

/// # Safety
/// The strings of `options` are NULL or NUL-terminated.
unsafe fn push_options(options: &rtsp_webrtc_gateway_push_options) -> Result<PushOptions> {
    let lengths = rtsp_webrtc_gateway_push_flags::RTSP_WEBRTC_GATEWAY_PUSH_LENGTH_PREFIXED as u32;
    unset(options.reserved)?;
    if options.flags & !lengths != 0 {
        return Err(invalid(format!(
            "flags {:#x} has bits that are not push flags",
            options.flags
        )));
    }
    // SAFETY: this function's contract.
    let label = unsafe { optional_str(options.label, "label") }?;
    let (data, size) = (options.codec_config, options.codec_config_size);
    // SAFETY: this function's contract.
    let codec_config = unsafe { bytes(data.cast(), size, "codec_config") }?;
    let (data, size) = (options.audio_config, options.audio_config_size);
    // SAFETY: this function's contract.
    let audio_config = unsafe { bytes(data.cast(), size, "audio_config") }?;
    let is_aac = options.audio_codec == AAC;
    if audio_config.is_empty() == is_aac {
        return Err(invalid(
            "audio_config is the AudioSpecificConfig of AAC: it belongs to audio_codec AAC, and to no other",
        ));
    }
    let defaults = PushOptions::default();
    let given = |value: u32| Some(value).filter(|&value| value != 0);
    Ok(PushOptions {
        video: codec_of(options.video_codec)?,
        audio: match is_aac {
            true => None,
            false => codec_of(options.audio_codec)?,
        },
        aac: is_aac.then(|| audio_config.to_vec()),
        audio_sample_rate: given(options.audio_sample_rate),
        audio_channels: given(options.audio_channels),
        queue_frames: given(options.queue_frames).unwrap_or(defaults.queue_frames),
        codec_config: (!codec_config.is_empty()).then(|| codec_config.to_vec()),
        length_prefixed: options.flags & lengths != 0,
        idle_timeout: match options.idle_timeout_ms {
            0 => None,
            u32::MAX => Some(Duration::MAX),
            time => Some(Duration::from_millis(time.into())),
        },
        label: label.map(str::to_owned),
        user_data: options.user_data.expose_provenance(),
    })
}

/// A codec by its number; `None` for 0.
fn codec_of(number: i32) -> Result<Option<Codec>> {
    if number == 0 {
        return Ok(None);
    }
    let found = Codec::ALL.into_iter().find(|&codec| codec as i32 == number);
    match found {
        Some(codec) => Ok(Some(codec)),
        None => Err(invalid(format!("{number} is not a codec"))),
    }
}
