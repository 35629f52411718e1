//! Sinks: the host gets the media of a stream.

use std::collections::VecDeque;
use std::ffi::{c_char, c_int};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::convert::{
    fill, invalid, output, read_struct, sized_struct, writable_struct, write_struct,
};
use super::guard::{freed_before, guard, guard_status};
use super::handle::{
    gateway_ref, rtsp_webrtc_gateway, rtsp_webrtc_gateway_sink_id, rtsp_webrtc_gateway_stream_id,
};
use super::table::Table;
use crate::config::SinkOptions;
use crate::error::Result;
use crate::sinks::SinkFrame;
use crate::state::{SinkId, StreamId};

/// Tracks of a stream, as a sink gets them.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of SinkTrack")]
pub enum rtsp_webrtc_gateway_sink_track {
    /// Video.
    RTSP_WEBRTC_GATEWAY_SINK_TRACK_VIDEO = 1,
    /// Audio.
    RTSP_WEBRTC_GATEWAY_SINK_TRACK_AUDIO = 2,
    /// ONVIF metadata.
    RTSP_WEBRTC_GATEWAY_SINK_TRACK_METADATA = 3,
}

/// Flags of rtsp_webrtc_gateway_sink_options.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of flags")]
pub enum rtsp_webrtc_gateway_sink_flags {
    /// No video.
    RTSP_WEBRTC_GATEWAY_SINK_NO_VIDEO = 1,
    /// No audio.
    RTSP_WEBRTC_GATEWAY_SINK_NO_AUDIO = 2,
    /// Get the ONVIF metadata, too. The camera must have been added with PULL_METADATA.
    RTSP_WEBRTC_GATEWAY_SINK_METADATA = 4,
    /// Begin in the past: with the last keyframe and all that followed it, as it is kept for viewers
    /// (gop_cache_ms, gop_cache_bytes). These frames are marked SINK_FRAME_CACHED; they are video only,
    /// without B-frames and damaged frames, which viewers do not get. Without this flag, and if no
    /// keyframe is kept, video begins with the next keyframe.
    RTSP_WEBRTC_GATEWAY_SINK_FROM_CACHE = 8,
    /// H264 and H265 as in MP4: each NAL unit is preceded by its length in 4 bytes, big endian. Without
    /// this flag: Annex B byte streams with start codes.
    RTSP_WEBRTC_GATEWAY_SINK_LENGTH_PREFIXED = 16,
}

/// Options of a sink.
#[repr(C)]
pub struct rtsp_webrtc_gateway_sink_options {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// Bitwise OR of enum rtsp_webrtc_gateway_sink_flags. 0: video and audio from the next keyframe on.
    pub flags: u32,
    /// Frames that are queued until they are read: 16 to 65536. 0: 2048.
    pub queue_frames: u32,
    /// Bytes that are queued until they are read, in addition to one frame of any size: 65536 to
    /// 1073741824. 0: 16777216 (16 MiB).
    pub queue_bytes: u64,
}
sized_struct!(
    rtsp_webrtc_gateway_sink_options,
    "rtsp_webrtc_gateway_sink_options"
);

/// Flags of rtsp_webrtc_gateway_sink_frame.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of flags")]
pub enum rtsp_webrtc_gateway_sink_frame_flags {
    /// Decoding can start with the frame: an IDR picture (H265: any IRAP picture; AV1: a key frame), with
    /// its parameter sets in front; in a stream without IDR pictures, a recovery point or a picture that is
    /// all intra coded. Set on each frame of audio and each document.
    RTSP_WEBRTC_GATEWAY_SINK_FRAME_KEY = 1,
    /// Something is missing between the frame before it of the same track and this one: packets were
    /// lost, the camera was connected again, or the queue was full.
    RTSP_WEBRTC_GATEWAY_SINK_FRAME_DISCONTINUITY = 2,
    /// Parts of the frame itself are missing.
    RTSP_WEBRTC_GATEWAY_SINK_FRAME_DAMAGED = 4,
    /// It comes from what is kept for viewers: see SINK_FROM_CACHE.
    RTSP_WEBRTC_GATEWAY_SINK_FRAME_CACHED = 8,
    /// Codec, size or parameters are not those of the frame before it of the same track. Set on the first
    /// frame of each track.
    RTSP_WEBRTC_GATEWAY_SINK_FRAME_FORMAT_CHANGED = 16,
}

/// A frame that a stream received: an access unit of video, a frame of audio, or a metadata document. The
/// library owns it; free it with rtsp_webrtc_gateway_sink_frame_free().
#[repr(C)]
pub struct rtsp_webrtc_gateway_sink_frame {
    /// Size of this struct in bytes; the library sets it.
    pub struct_size: usize,
    /// enum rtsp_webrtc_gateway_sink_track.
    pub track: i32,
    /// enum rtsp_webrtc_gateway_codec. RTSP_WEBRTC_GATEWAY_CODEC_NONE (0): none of those, see encoding.
    pub codec: i32,
    /// The data: video as sink_options.flags say; AV1 as temporal units in the low-overhead format; audio
    /// as the camera encodes it, a frame at a time (AAC without ADTS header; AAC-LATM: an
    /// AudioMuxElement); an XML document. B-frames are among it, in decoding order.
    pub data: *const u8,
    /// Size of data in bytes; never 0.
    pub size: usize,
    /// What a decoder needs in advance: parameter sets in the form of data (AV1: the sequence header as an
    /// OBU), or the AudioSpecificConfig of AAC. NULL if there is nothing.
    pub parameters: *const u8,
    /// Size of parameters in bytes.
    pub parameters_size: usize,
    /// Presentation time in microseconds, on a timeline that all tracks of the stream and all its sinks
    /// share. It begins when the stream is added and goes on through reconnections. Between frames of a
    /// track it has the steps of the camera's clock. Audio that turns out not to match the video, because the
    /// first frames arrived late, is moved with SINK_FRAME_DISCONTINUITY.
    pub pts_us: i64,
    /// Capture time in microseconds since 1970-01-01 UTC: what the camera's sender reports (RFC 3550) make
    /// of it, by the clock of this machine; for a push stream, capture_unix_us of the frame. 0: not known.
    pub capture_unix_us: i64,
    /// When the last packet of the frame arrived, in microseconds since 1970-01-01 UTC.
    pub arrival_unix_us: i64,
    /// How long ago that was when the function returned, in microseconds.
    pub age_us: i64,
    /// Bitwise OR of enum rtsp_webrtc_gateway_sink_frame_flags.
    pub flags: u32,
    /// Width of video in pixels. 0: not known.
    pub width: u32,
    /// Height of video in pixels. 0: not known.
    pub height: u32,
    /// Sampling rate of audio in Hz.
    pub sample_rate: u32,
    /// Channels of audio. 0: not known.
    pub channels: u32,
    /// RTP packets that are missing before the frame or in it; for a push stream, frames that were refused
    /// with ERR_QUEUE_FULL as well.
    pub packets_lost: u32,
    /// Frames of this track that were dropped before this one, because the queue was full.
    pub frames_dropped: u32,
    /// 0.
    pub reserved: u32,
    /// The encoding by name: "H264", "H265", "AV1", "OPUS", "PCMU", "PCMA", "G722", "AAC", "AAC-LATM",
    /// "G726-16" to "G726-40", "AAL2-G726-16" to "AAL2-G726-40", "L16", "VND.ONVIF.METADATA".
    pub encoding: [c_char; 24],
}
sized_struct!(
    rtsp_webrtc_gateway_sink_frame,
    "rtsp_webrtc_gateway_sink_frame"
);

/// The current state of a sink.
#[repr(C)]
pub struct rtsp_webrtc_gateway_sink_info {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// Its stream.
    pub stream: rtsp_webrtc_gateway_stream_id,
    /// Frames that were put into its queue so far.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames that were dropped because its queue was full.
    pub frames_dropped: u64,
    /// How often its queue was full.
    pub overflows: u64,
    /// Bytes in its queue.
    pub queued_bytes: u64,
    /// Frames in its queue.
    pub queued_frames: u32,
    /// 0.
    pub reserved: u32,
}
sized_struct!(
    rtsp_webrtc_gateway_sink_info,
    "rtsp_webrtc_gateway_sink_info"
);

/// Adds a sink to a stream: the frames that the stream receives, of a camera or pushed, are queued for the
/// host from now on, and rtsp_webrtc_gateway_read_sink() takes them out. A recorder thus needs no
/// connection of its own to the camera. It gets all that the camera sends: viewers are not shown B-frames
/// and damaged frames, and hear AAC as Opus; a sink gets them as they came. The data is copied once,
/// however many sinks the stream has.
///
/// A sink needs its stream: a camera that is on demand is connected for it, and stays so. It may be added
/// while the camera is not connected, and lives through reconnections.
///
/// If frames are not read in time, the queue is full, and frames are dropped: of video, all up to the next
/// keyframe. The next frame has their number and SINK_FRAME_DISCONTINUITY, sink_info counts them, and a line is
/// logged, at most once a minute and stream. Viewers and other sinks do not notice, and the library never
/// waits for the host.
///
/// The sink ends when rtsp_webrtc_gateway_read_sink() has returned ERR_NOT_FOUND because the stream was
/// removed, with rtsp_webrtc_gateway_remove_sink(), or with the gateway.
///
/// Asks a worker thread: what is pushed after this has returned is in the sink.
///
/// Errors: ERR_INVALID_ARGUMENT if an option is not valid; ERR_LIMIT if the stream has 16 sinks;
/// ERR_NOT_FOUND; ERR_TIMEOUT after 5 s on an overloaded machine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_add_sink(
    gateway: *mut rtsp_webrtc_gateway,
    stream: rtsp_webrtc_gateway_stream_id,
    options: *const rtsp_webrtc_gateway_sink_options,
    out_sink: *mut rtsp_webrtc_gateway_sink_id,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: options is NULL or a struct of the header, by the conventions.
        let options = unsafe { read_struct(options) }?;
        // SAFETY: out_sink is NULL or writable, by the conventions.
        let out_sink = unsafe { output(out_sink, "out_sink") }?;
        let options = sink_options(&options)?;
        out_sink.write(gateway.add_sink(StreamId(stream), options)?.0);
        Ok(())
    })
}

/// Removes a sink. Frames in its queue are dropped; those that were read remain valid. A call of
/// rtsp_webrtc_gateway_read_sink() that waits returns ERR_NOT_FOUND.
///
/// Errors: ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_remove_sink(
    gateway: *mut rtsp_webrtc_gateway,
    sink: rtsp_webrtc_gateway_sink_id,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        gateway.remove_sink(SinkId(sink))
    })
}

/// Takes the next frame out of the queue of a sink. One thread may read many sinks, without waiting, for
/// example all of them every 50 ms, until each returns ERR_TIMEOUT; or each sink has a thread that waits.
/// Threads that read the same sink share its frames between them.
///
/// Parameters: timeout_ms is how long to wait for a frame, in milliseconds. 0: not at all. UINT32_MAX: as
/// long as it takes.
///
/// Ownership: the caller frees *out_frame with rtsp_webrtc_gateway_sink_frame_free(). It stays valid until
/// then, also when the sink is removed and the gateway destroyed.
///
/// Blocking, unless timeout_ms is 0: then it never waits, and may be called everywhere.
///
/// Errors: ERR_TIMEOUT if no frame came in this time; ERR_NOT_FOUND if the stream was removed and the queue
/// is empty, or if the sink was removed; ERR_SHUTTING_DOWN as soon as shutdown() begins.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_read_sink(
    gateway: *mut rtsp_webrtc_gateway,
    sink: rtsp_webrtc_gateway_sink_id,
    timeout_ms: u32,
    out_frame: *mut *const rtsp_webrtc_gateway_sink_frame,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: out_frame is NULL or writable, by the conventions.
        let out_frame = unsafe { output(out_frame, "out_frame") }?;
        let timeout = match timeout_ms {
            u32::MAX => None,
            ms => Some(Duration::from_millis(ms.into())),
        };
        let frame = gateway.read_sink(SinkId(sink), timeout)?;
        out_frame.write(OwnedFrame::into_raw(frame));
        Ok(())
    })
}

/// Returns the current state of a sink.
///
/// Errors: ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_get_sink_info(
    gateway: *mut rtsp_webrtc_gateway,
    sink: rtsp_webrtc_gateway_sink_id,
    out_info: *mut rtsp_webrtc_gateway_sink_info,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: out_info is NULL or a struct of the header, by the conventions.
        unsafe { writable_struct(out_info) }?;
        let now = gateway.sink_info(SinkId(sink))?;
        let info = rtsp_webrtc_gateway_sink_info {
            struct_size: 0,
            stream: now.stream.0,
            frames: now.frames,
            bytes: now.bytes,
            frames_dropped: now.frames_dropped,
            overflows: now.overflows,
            queued_bytes: now.queued_bytes,
            queued_frames: now.queued_frames,
            reserved: 0,
        };
        // SAFETY: out_info is NULL or a struct of the header, by the conventions.
        unsafe { write_struct(out_info, info) }
    })
}

/// Returns the last keyframe of a stream, for example to make a snapshot of: codec, size, capture time
/// where it is known, age, and the data as a sink gets it, in Annex B with the parameter sets in front. It
/// is the one that is kept for viewers, so the camera is not asked for anything. Its pts_us is 0.
///
/// Ownership: the caller frees *out_frame with rtsp_webrtc_gateway_sink_frame_free().
///
/// Asks a worker thread. Errors: ERR_NOT_READY if there is none: no video has arrived yet, the camera is on
/// demand and IDLE, or the last keyframe is larger than half of gop_cache_bytes, or gop_cache is 0;
/// ERR_NOT_FOUND.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_get_keyframe(
    gateway: *mut rtsp_webrtc_gateway,
    stream: rtsp_webrtc_gateway_stream_id,
    out_frame: *mut *const rtsp_webrtc_gateway_sink_frame,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: out_frame is NULL or writable, by the conventions.
        let out_frame = unsafe { output(out_frame, "out_frame") }?;
        let frame = gateway.keyframe(StreamId(stream))?;
        out_frame.write(OwnedFrame::into_raw(frame));
        Ok(())
    })
}

/// Frees a frame of rtsp_webrtc_gateway_read_sink() or rtsp_webrtc_gateway_get_keyframe(). NULL is ignored.
/// The struct of a frame that was freed stays readable for a while, with all its fields 0, so that a program
/// that goes on using it, or frees it twice, meets NULL and an error of the log instead of another frame.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_sink_frame_free(
    frame: *const rtsp_webrtc_gateway_sink_frame,
) {
    guard((), || {
        if frame.is_null() {
            return;
        }
        match FRAMES.remove(frame.addr()) {
            Some(frame) => retire(frame),
            None => freed_before("frame"),
        }
    });
}

/// What the host gets, and what its pointers point into.
struct OwnedFrame {
    seen: rtsp_webrtc_gateway_sink_frame,
    owner: Option<SinkFrame>,
}

// SAFETY: its pointers are into what `owner` keeps, which threads may share, and nobody writes to it.
unsafe impl Send for OwnedFrame {}
// SAFETY: as above.
unsafe impl Sync for OwnedFrame {}

static FRAMES: Table<OwnedFrame> = Table::new();

/// Structs of freed frames whose addresses are not used again yet.
const RETIRED_FRAMES: usize = 256;

/// Drops what a frame holds, and keeps its struct for a while.
fn retire(mut frame: Arc<OwnedFrame>) {
    static RETIRED: Mutex<VecDeque<Arc<OwnedFrame>>> = Mutex::new(VecDeque::new());
    let Some(held) = Arc::get_mut(&mut frame) else {
        return;
    };
    held.owner = None;
    // SAFETY: a C struct of numbers and pointers, all of which may be 0.
    held.seen = unsafe { std::mem::zeroed() };
    let mut retired = RETIRED.lock();
    retired.push_back(frame);
    let oldest = (retired.len() > RETIRED_FRAMES).then(|| retired.pop_front());
    drop(retired);
    drop(oldest);
}

impl OwnedFrame {
    fn into_raw(frame: SinkFrame) -> *const rtsp_webrtc_gateway_sink_frame {
        use rtsp_webrtc_gateway_sink_frame_flags as flags;
        let format = &*frame.format;
        let set = |set: bool, flag: flags| if set { flag as u32 } else { 0 };
        let age = frame.arrival.elapsed().as_micros();
        let mut seen = rtsp_webrtc_gateway_sink_frame {
            struct_size: size_of::<rtsp_webrtc_gateway_sink_frame>(),
            track: format.track as i32,
            codec: format.codec.map_or(0, |codec| codec as i32),
            data: frame.data.as_ptr(),
            size: frame.data.len(),
            parameters: match format.parameters.is_empty() {
                true => std::ptr::null(),
                false => format.parameters.as_ptr(),
            },
            parameters_size: format.parameters.len(),
            pts_us: frame.pts_us,
            capture_unix_us: frame.capture_unix_us.unwrap_or(0),
            arrival_unix_us: frame.arrival_unix_us,
            age_us: i64::try_from(age).unwrap_or(i64::MAX),
            flags: set(frame.keyframe, flags::RTSP_WEBRTC_GATEWAY_SINK_FRAME_KEY)
                | set(
                    frame.discontinuity,
                    flags::RTSP_WEBRTC_GATEWAY_SINK_FRAME_DISCONTINUITY,
                )
                | set(frame.damaged, flags::RTSP_WEBRTC_GATEWAY_SINK_FRAME_DAMAGED)
                | set(frame.cached, flags::RTSP_WEBRTC_GATEWAY_SINK_FRAME_CACHED)
                | set(
                    frame.format_changed,
                    flags::RTSP_WEBRTC_GATEWAY_SINK_FRAME_FORMAT_CHANGED,
                ),
            width: format.width,
            height: format.height,
            sample_rate: format.sample_rate,
            channels: format.channels,
            packets_lost: frame.packets_lost,
            frames_dropped: frame.frames_dropped,
            reserved: 0,
            encoding: [0; 24],
        };
        fill(&mut seen.encoding, format.encoding);
        let owned = Arc::new(OwnedFrame {
            seen,
            owner: Some(frame),
        });
        let seen = &raw const owned.seen;
        FRAMES.insert(seen.addr(), owned);
        seen
    }
}

fn sink_options(options: &rtsp_webrtc_gateway_sink_options) -> Result<SinkOptions> {
    use rtsp_webrtc_gateway_sink_flags as flags;
    const ALL: u32 = 2 * flags::RTSP_WEBRTC_GATEWAY_SINK_LENGTH_PREFIXED as u32 - 1;
    let has = |flag: flags| options.flags & flag as u32 != 0;
    if options.flags & !ALL != 0 {
        return Err(invalid(format!(
            "flags {:#x} has bits that are not sink flags",
            options.flags
        )));
    }
    let mut sink = SinkOptions {
        video: !has(flags::RTSP_WEBRTC_GATEWAY_SINK_NO_VIDEO),
        audio: !has(flags::RTSP_WEBRTC_GATEWAY_SINK_NO_AUDIO),
        metadata: has(flags::RTSP_WEBRTC_GATEWAY_SINK_METADATA),
        from_cache: has(flags::RTSP_WEBRTC_GATEWAY_SINK_FROM_CACHE),
        length_prefixed: has(flags::RTSP_WEBRTC_GATEWAY_SINK_LENGTH_PREFIXED),
        ..SinkOptions::default()
    };
    if options.queue_frames != 0 {
        sink.queue_frames = options.queue_frames;
    }
    if options.queue_bytes != 0 {
        sink.queue_bytes = options.queue_bytes;
    }
    Ok(sink)
}
