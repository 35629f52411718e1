//! Wall: a session of many slots, each of which shows any stream, and another later.

use std::ffi::{c_char, c_int};
use std::time::UNIX_EPOCH;

use super::convert::{
    fill, invalid, optional_str, read_struct, required_str, sized_struct, unset, writable_struct,
    write_struct,
};
use super::guard::guard_status;
use super::handle::{
    gateway_ref, rtsp_webrtc_gateway, rtsp_webrtc_gateway_session_id, rtsp_webrtc_gateway_stream_id,
};
use super::sink::rtsp_webrtc_gateway_sink_track;
use crate::error::{Error, Result, Status};
use crate::media::MediaKind;
use crate::state::{MAX_SIDE, SessionId, SlotView, StreamId};

/// Binds a slot of a wall to a stream, in place of the one that it is bound to: without another offer, and
/// beginning with the stream's cached keyframe.
///
/// Neither config.bearer_tokens nor on_authorize are consulted: the host decides itself.
///
/// Parameters: slot is the name of the slot: the a=mid of its section in the offer. stream is the stream to
/// show; 0: none, so that nothing is sent. It need not be live: the slot begins when it is. If it has
/// variants, the size of the tile and the connection decide which is shown.
///
/// The first 8 changes of a slot count at once, and where they go on, the last of them every second.
///
/// Asks a worker thread.
///
/// Errors, after which the slot is as before: ERR_NOT_FOUND if the session, the slot or the stream does not
/// exist, or is gone; ERR_INVALID_STATE if the session is no wall; ERR_CODEC if the viewer's browser offered
/// the slot no codec of the stream or of a variant.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_bind_slot(
    gateway: *mut rtsp_webrtc_gateway,
    session: rtsp_webrtc_gateway_session_id,
    slot: *const c_char,
    stream: rtsp_webrtc_gateway_stream_id,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: slot is NULL or NUL-terminated, by the conventions.
        let slot = unsafe { required_str(slot, "slot") }?;
        let stream = (stream != 0).then_some(StreamId(stream));
        gateway.bind_slot(SessionId(session), slot, stream)
    })
}

/// Flags of rtsp_webrtc_gateway_slot_view.flags and rtsp_webrtc_gateway_slot_info.flags.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of flags")]
pub enum rtsp_webrtc_gateway_slot_flags {
    /// This tile comes before all others where the connection does not carry everything.
    RTSP_WEBRTC_GATEWAY_SLOT_FOCUS = 1,
    /// The tile is hidden: nothing is sent.
    RTSP_WEBRTC_GATEWAY_SLOT_PAUSED = 2,
}

/// How the viewer shows a slot. All zero: of a size that is not known, neither first nor hidden.
#[repr(C)]
pub struct rtsp_webrtc_gateway_slot_view {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// Width of its tile in device pixels, at most 16384. 0: not known.
    pub width: u32,
    /// Height of its tile in device pixels, at most 16384. 0: not known.
    pub height: u32,
    /// Bitwise OR of SLOT_FOCUS and SLOT_PAUSED.
    pub flags: u32,
    /// Must be 0.
    pub reserved: u32,
}
sized_struct!(
    rtsp_webrtc_gateway_slot_view,
    "rtsp_webrtc_gateway_slot_view"
);

/// Changes how the viewer shows a slot of a wall, all of it. Without effect on slots for audio.
///
/// Parameters: slot is the name of the slot, as in bind_slot(). view is copied; NULL: as all zero.
///
/// Asks a worker thread.
///
/// Errors, after which the view is as before: ERR_INVALID_ARGUMENT if a size is above 16384 or a flag is
/// neither of the two; ERR_NOT_FOUND if the session or the slot does not exist, or is gone;
/// ERR_INVALID_STATE if the session is no wall.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_set_slot_view(
    gateway: *mut rtsp_webrtc_gateway,
    session: rtsp_webrtc_gateway_session_id,
    slot: *const c_char,
    view: *const rtsp_webrtc_gateway_slot_view,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: slot is NULL or NUL-terminated, by the conventions.
        let slot = unsafe { required_str(slot, "slot") }?;
        // SAFETY: view is NULL or a struct of the header, by the conventions.
        let view = unsafe { slot_view(view) }?;
        gateway.set_slot_view(SessionId(session), slot, view)
    })
}

/// What a slot of a wall shows at this moment.
#[repr(C)]
pub struct rtsp_webrtc_gateway_slot_info {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// Name of the slot: the a=mid of its section in the offer.
    pub slot: [c_char; 72],
    /// enum rtsp_webrtc_gateway_sink_track: video or audio.
    pub track: i32,
    /// Bitwise OR of enum rtsp_webrtc_gateway_slot_flags.
    pub flags: u32,
    /// The stream that it is bound to. 0: none.
    pub stream: rtsp_webrtc_gateway_stream_id,
    /// The stream whose media it is sent: stream, or one of its variants. 0: none.
    pub variant: rtsp_webrtc_gateway_stream_id,
    /// State of stream, enum rtsp_webrtc_gateway_stream_state. REMOVED: the slot shows nothing until it is bound
    /// to another. 0: it is bound to none.
    pub state: i32,
    /// How much of variant it gets, enum rtsp_webrtc_gateway_detail. 0: it is bound to none.
    pub detail: i32,
    /// Why not more, enum rtsp_webrtc_gateway_quality_reason.
    pub reason: i32,
    /// Width of its tile as in set_slot_view().
    pub width: u32,
    /// Height of its tile as in set_slot_view().
    pub height: u32,
    /// Width of the video that it is sent, in pixels. 0: not known.
    pub video_width: u32,
    /// Height of the video that it is sent, in pixels. 0: not known.
    pub video_height: u32,
    /// What clock_unix_ms was on the RTP clock of the slot, by which a page finds out when a frame was taken.
    pub clock_rtp: u32,
    /// A wall clock time of what it is sent, in milliseconds since 1970. 0: nothing has been sent yet.
    pub clock_unix_ms: u64,
    /// Why the stream is not live, or it gets less than the best variant with all frames, as a sentence for
    /// people. "": neither.
    pub why: [c_char; 384],
}
sized_struct!(
    rtsp_webrtc_gateway_slot_info,
    "rtsp_webrtc_gateway_slot_info"
);

/// Reads a slot of a wall. A wall has the same slots, in the same order, as long as it lives.
///
/// Parameters: index counts the slots, for video and audio, from 0 in the order of the offer. Initialize
/// *out_info with RTSP_WEBRTC_GATEWAY_INIT().
///
/// Asks a worker thread.
///
/// Errors: ERR_NOT_FOUND if the session does not exist or is gone, or has no more than index slots;
/// ERR_INVALID_STATE if the session is no wall.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_get_slot_info(
    gateway: *const rtsp_webrtc_gateway,
    session: rtsp_webrtc_gateway_session_id,
    index: usize,
    out_info: *mut rtsp_webrtc_gateway_slot_info,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: out_info is NULL or a struct of the header, by the conventions.
        unsafe { writable_struct(out_info) }?;
        let slots = gateway.slots(SessionId(session))?;
        let Some(slot) = slots.get(index) else {
            return Err(Error::new(
                Status::NotFound,
                format!("this wall has {} slots, and index is {index}", slots.len()),
            ));
        };
        let quality = slot.quality.as_ref();
        let (video_width, video_height) = slot.size.unwrap_or_default();
        let time = slot.clock.map(|(_, time)| time.duration_since(UNIX_EPOCH));
        let time = time.and_then(|time| time.ok()?.as_millis().try_into().ok());
        let mut info = rtsp_webrtc_gateway_slot_info {
            struct_size: 0,
            slot: [0; 72],
            track: match slot.kind {
                MediaKind::Video => {
                    rtsp_webrtc_gateway_sink_track::RTSP_WEBRTC_GATEWAY_SINK_TRACK_VIDEO as i32
                }
                MediaKind::Audio => {
                    rtsp_webrtc_gateway_sink_track::RTSP_WEBRTC_GATEWAY_SINK_TRACK_AUDIO as i32
                }
            },
            flags: flag(slot.view.focus, FOCUS) | flag(slot.view.paused, PAUSED),
            stream: slot.stream.map_or(0, |stream| stream.0),
            variant: quality.map_or(0, |quality| quality.variant.0),
            state: slot.state.map_or(0, |state| state as i32),
            detail: quality.map_or(0, |quality| quality.detail as i32),
            reason: quality.map_or(0, |quality| quality.reason as i32),
            width: slot.view.width.into(),
            height: slot.view.height.into(),
            video_width,
            video_height,
            clock_rtp: slot.clock.map_or(0, |(rtp, _)| rtp),
            clock_unix_ms: time.unwrap_or(0),
            why: [0; 384],
        };
        fill(&mut info.slot, &slot.mid);
        fill(&mut info.why, slot.reason.as_deref().unwrap_or_default());
        // SAFETY: out_info is NULL or a struct of the header, by the conventions.
        unsafe { write_struct(out_info, info) }
    })
}

const FOCUS: u32 = rtsp_webrtc_gateway_slot_flags::RTSP_WEBRTC_GATEWAY_SLOT_FOCUS as u32;
const PAUSED: u32 = rtsp_webrtc_gateway_slot_flags::RTSP_WEBRTC_GATEWAY_SLOT_PAUSED as u32;

fn flag(is_set: bool, flag: u32) -> u32 {
    match is_set {
        true => flag,
        false => 0,
    }
}

/// # Safety
/// `view` is NULL or a struct of the header.
unsafe fn slot_view(view: *const rtsp_webrtc_gateway_slot_view) -> Result<SlotView> {
    if view.is_null() {
        return Ok(SlotView::default());
    }
    // SAFETY: not NULL, so a struct of the header by this function's contract.
    let view = unsafe { read_struct(view) }?;
    unset(view.reserved)?;
    if view.flags & !(FOCUS | PAUSED) != 0 {
        return Err(invalid(format!(
            "flags {:#x} has bits that are no flags of a view",
            view.flags
        )));
    }
    let side = |side: u32, name| {
        let fits = u16::try_from(side).ok().filter(|&side| side <= MAX_SIDE);
        fits.ok_or_else(|| {
            invalid(format!(
                "{name} is {side}: a tile has at most {MAX_SIDE} device pixels"
            ))
        })
    };
    Ok(SlotView {
        width: side(view.width, "width")?,
        height: side(view.height, "height")?,
        focus: view.flags & FOCUS != 0,
        paused: view.flags & PAUSED != 0,
    })
}

/// Names of streams, of which NULL and "" are none.
///
/// # Safety
/// The elements of `names` are NULL or NUL-terminated.
pub(super) unsafe fn slot_names<'a>(names: &[*const c_char]) -> Result<Vec<Option<&'a str>>> {
    let names = names.iter().map(|&name| {
        // SAFETY: this function's contract.
        let name = unsafe { optional_str(name, "a name in slots") }?;
        Ok(name.filter(|name| !name.is_empty()))
    });
    names.collect()
}
