//! Push streams: the host has frames and passes them in.

use std::ffi::{c_char, c_int, c_void};
use std::slice;

use bytes::Bytes;

use super::convert::{bytes, invalid, output, read_struct, required_str, sized_struct, unset};
use super::guard::guard_status;
use super::handle::{gateway_ref, rtsp_webrtc_gateway, rtsp_webrtc_gateway_stream_id};
use super::user_data::{UserData, rtsp_webrtc_gateway_free_fn};
use crate::config::{Frame, FrameData, PushOptions};
use crate::error::Result;
use crate::gateway::Gateway;
use crate::media::Codec;
use crate::state::StreamId;

/// Options of a stream whose media the host pushes. Copied by the call.
#[repr(C)]
pub struct rtsp_webrtc_gateway_push_options {
    /// sizeof this struct; set by RTSP_WEBRTC_GATEWAY_INIT().
    pub struct_size: usize,
    /// Codec of the picture, enum rtsp_webrtc_gateway_codec. Required.
    pub video_codec: i32,
    /// Codec of the sound, enum rtsp_webrtc_gateway_codec. RTSP_WEBRTC_GATEWAY_CODEC_NONE (0): none.
    pub audio_codec: i32,
    /// Samples per second of the sound. 0: what the codec has in WebRTC (PCMU and PCMA 8000, G722
    /// 16000, OPUS 48000), which is also the only rate that is taken: sound is passed on as it is. 0
    /// if there is no sound.
    pub audio_sample_rate: u32,
    /// Channels of the sound: 1, with OPUS also 2. 0: what the codec has, and if there is no sound.
    pub audio_channels: u32,
    /// Frames of each track that may wait for the gateway's thread, 1 to 1024; 0: 64. A push that
    /// finds so many returns ERR_QUEUE_FULL. Besides, at most 32 MiB of a stream wait.
    pub queue_frames: u32,
    /// 0.
    pub reserved: u32,
}
sized_struct!(
    rtsp_webrtc_gateway_push_options,
    "rtsp_webrtc_gateway_push_options"
);

/// Bits of rtsp_webrtc_gateway_frame.flags.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of flags")]
pub enum rtsp_webrtc_gateway_frame_flags {
    /// The host takes this for a keyframe. A hint that may be left out: the bits decide.
    RTSP_WEBRTC_GATEWAY_FRAME_KEY = 1,
    /// The time line restarts: pts_us has nothing to do with that of the frame before on this track.
    /// What viewers see goes on by the time that passed. Video goes on with the next keyframe (best
    /// this one).
    RTSP_WEBRTC_GATEWAY_FRAME_DISCONTINUITY = 2,
}

/// One access unit of video (all of a picture), or one frame of audio.
///
/// - H264, H265: an Annex B byte stream, with start codes 00 00 01 or 00 00 00 01. A keyframe is an
///   IDR picture (H265: any IRAP picture). Parameter sets come with it or just before it, also in a
///   push of their own.
/// - AV1: a temporal unit in the low-overhead format (AV1 section 5.2), each OBU with its size. A
///   keyframe has its sequence header in front.
/// - OPUS: one Opus packet, at most 1192 bytes; 20 ms is usual.
/// - PCMU, PCMA: samples, one byte each; 20 ms (160 bytes) is usual.
/// - G722: octets of 64 kbit/s; 20 ms (160 bytes) is usual.
#[repr(C)]
pub struct rtsp_webrtc_gateway_frame {
    /// sizeof this struct; set by RTSP_WEBRTC_GATEWAY_INIT().
    pub struct_size: usize,
    /// The bits. Required.
    pub data: *const u8,
    /// Bytes of data, 1 to 16 MiB.
    pub size: usize,
    /// Presentation time in microseconds, on a time line of the host's choice that both tracks share.
    /// Frames of a track are pushed in decoding order; with B pictures this may go back, by less than
    /// a second. A jump of more than 10 s is bridged by the time that passed.
    pub pts_us: i64,
    /// When it was captured, in microseconds since 1970 (UTC) by the clock of this machine; 0: not
    /// known. RTCP sender reports (RFC 3550 section 6.4.1) tell viewers which NTP time belongs to
    /// pts_us, and they play picture and sound together by it: give it for both tracks or for none.
    /// Without it the time of the push counts. Ignored, as if it were 0, if it is in the future or
    /// more than 10 s old.
    pub capture_unix_us: i64,
    /// Bits of enum rtsp_webrtc_gateway_frame_flags.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// NULL: data is copied before the push returns. Otherwise data is not copied: it must stay as it
    /// is until release(release_data) runs. It runs exactly once, on any thread (also on the calling
    /// one before the push returns), after success and after failure alike, at the latest in
    /// shutdown() or destroy(); only if frame is NULL or the push returns ERR_STRUCT_SIZE has it not
    /// been seen and does not run. It must be short and must not call this library.
    pub release: rtsp_webrtc_gateway_free_fn,
    /// Passed to release.
    pub release_data: *mut c_void,
}
sized_struct!(rtsp_webrtc_gateway_frame, "rtsp_webrtc_gateway_frame");

/// Adds a stream whose media the host pushes. Returns at once. The stream is CONNECTING until the
/// first keyframe with its parameter sets was pushed; offers wait for that as they wait for a camera.
/// Then it is LIVE. When no picture was pushed for 8 s it is RETRYING with status ERR_STALLED, until
/// the next one.
///
/// name is as for rtsp_webrtc_gateway_add_stream(). remove_stream() removes it.
///
/// Errors: ERR_INVALID_ARGUMENT for the name or an option, ERR_ALREADY_EXISTS for the name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_add_push_stream(
    gateway: *mut rtsp_webrtc_gateway,
    name: *const c_char,
    options: *const rtsp_webrtc_gateway_push_options,
    out_stream: *mut rtsp_webrtc_gateway_stream_id,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        // SAFETY: name is NULL or NUL-terminated, by the conventions.
        let name = unsafe { required_str(name, "name") }?;
        // SAFETY: options is NULL or a struct of the header, by the conventions.
        let options = unsafe { read_struct(options) }?;
        // SAFETY: out_stream is NULL or writable, by the conventions.
        let out_stream = unsafe { output(out_stream, "out_stream") }?;
        out_stream.write(gateway.add_push_stream(name, push_options(&options)?)?.0);
        Ok(())
    })
}

/// Pushes one access unit of video. Never blocks. May be called from any thread; pushes to one track
/// must not overlap, or their order is open. What viewers need of SPS and PPS the library repeats by
/// itself; delimiters and filler are left out.
///
/// Errors: ERR_QUEUE_FULL: the frame was dropped, and all pictures are until the next keyframe, so
/// that no viewer sees a picture that builds on a missing one; on_keyframe_request asks for it.
/// ERR_INVALID_ARGUMENT for what is no access unit of the codec (no start code, too large),
/// ERR_INVALID_STATE if the stream is a camera, ERR_NOT_FOUND.
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

/// Pushes one frame of audio, with all that is said of rtsp_webrtc_gateway_push_video(); but after
/// ERR_QUEUE_FULL only this frame is missing. The frames follow each other without gaps: each pts_us
/// is the one before plus its duration. Sound before the first keyframe is dropped.
/// ERR_INVALID_STATE also if the stream was added without sound.
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

/// Pushes one RTP packet (RFC 3550) with its header, not encrypted: of H264 by RFC 6184, H265 by
/// RFC 7798, AV1 by its RTP specification; of audio each payload is a frame. codec (enum
/// rtsp_webrtc_gateway_codec) says of which track of the stream it is. Never blocks. The packet is
/// copied before this returns.
///
/// SSRC, payload type, sequence number and extensions are not looked at beyond that, and viewers get
/// others. Packets may come out of order by up to 16, or by 100 ms. What is missing then is counted in
/// packets_lost, and what is left of its access unit is passed on; on_keyframe_request follows. A new
/// SSRC, or a leap of more than 1000 in the sequence numbers, counts as FRAME_DISCONTINUITY.
///
/// Errors: ERR_QUEUE_FULL as for push_video(), for the packet that completes an access unit;
/// ERR_INVALID_ARGUMENT for what is no RTP packet, for RTCP, and for a codec that the stream was added
/// without; ERR_INVALID_STATE if the stream is a camera, ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_push_rtp(
    gateway: *mut rtsp_webrtc_gateway,
    stream: rtsp_webrtc_gateway_stream_id,
    codec: i32,
    packet: *const u8,
    size: usize,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        // SAFETY: packet is NULL or readable for size bytes, by the conventions.
        let packet = unsafe { bytes(packet.cast(), size, "packet") }?;
        let codec = codec_of(codec)?.ok_or_else(|| invalid("0 is no codec."))?;
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
    // SAFETY: gateway is NULL or alive, by this function's contract.
    let gateway = unsafe { gateway_ref(gateway) }?;
    unset(frame.reserved)?;
    if frame.flags & !(KEY | DISCONTINUITY) != 0 {
        let flags = frame.flags;
        return Err(invalid(format!(
            "flags {flags:#x} has bits that are no frame flags."
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
    push(gateway, frame)
}

const KEY: u32 = rtsp_webrtc_gateway_frame_flags::RTSP_WEBRTC_GATEWAY_FRAME_KEY as u32;
const DISCONTINUITY: u32 =
    rtsp_webrtc_gateway_frame_flags::RTSP_WEBRTC_GATEWAY_FRAME_DISCONTINUITY as u32;

fn push_options(options: &rtsp_webrtc_gateway_push_options) -> Result<PushOptions> {
    unset(options.reserved)?;
    let video = codec_of(options.video_codec)?.ok_or_else(|| invalid("video_codec is not set."))?;
    let defaults = PushOptions::default();
    let given = |value: u32| Some(value).filter(|&value| value != 0);
    Ok(PushOptions {
        video,
        audio: codec_of(options.audio_codec)?,
        audio_sample_rate: given(options.audio_sample_rate),
        audio_channels: given(options.audio_channels),
        queue_frames: given(options.queue_frames).unwrap_or(defaults.queue_frames),
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
        None => Err(invalid(format!("{number} is no codec."))),
    }
}
