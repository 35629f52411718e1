//! What viewers are shown, and what they ask for.

use super::convert::{invalid, read_struct, sized_struct, unset};
use super::handle::rtsp_webrtc_gateway_stream_id;
use crate::error::Result;
use crate::state::{StreamId, VariantChoice, ViewerLimits};

/// How much of a video a viewer gets, best first.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of Detail")]
pub enum rtsp_webrtc_gateway_detail {
    /// Every frame.
    RTSP_WEBRTC_GATEWAY_DETAIL_ALL_FRAMES = 1,
    /// Frames are left out: those that no other frame refers to, and where that is not enough, those
    /// that would be late.
    RTSP_WEBRTC_GATEWAY_DETAIL_FEWER_FRAMES = 2,
    /// Keyframes alone.
    RTSP_WEBRTC_GATEWAY_DETAIL_KEYFRAMES = 3,
    /// No video.
    RTSP_WEBRTC_GATEWAY_DETAIL_SOUND_ONLY = 4,
}

/// Why a viewer does not get the best variant with all frames.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of QualityReason")]
pub enum rtsp_webrtc_gateway_quality_reason {
    /// It gets them.
    RTSP_WEBRTC_GATEWAY_QUALITY_REASON_NOTHING = 0,
    /// Its connection carries no more.
    RTSP_WEBRTC_GATEWAY_QUALITY_REASON_PATH = 1,
    /// It asked for less: rtsp_webrtc_gateway_viewer_limits.
    RTSP_WEBRTC_GATEWAY_QUALITY_REASON_VIEWER = 2,
    /// Its browser offered no codec of a better variant.
    RTSP_WEBRTC_GATEWAY_QUALITY_REASON_CODEC = 3,
    /// A better variant has no media.
    RTSP_WEBRTC_GATEWAY_QUALITY_REASON_CAMERA = 4,
    /// The camera's keyframes are so far apart that the last one is not kept any more with what
    /// followed: the viewer is shown it as a still picture, or nothing, until the next.
    RTSP_WEBRTC_GATEWAY_QUALITY_REASON_RARE_KEYFRAMES = 5,
}

/// Flags of rtsp_webrtc_gateway_viewer_limits.flags.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of flags")]
pub enum rtsp_webrtc_gateway_limits_flags {
    /// With variant, which must not be 0: that one alone. Where the connection does not carry it,
    /// frames are left out.
    RTSP_WEBRTC_GATEWAY_LIMITS_ONLY = 1,
}

/// What a viewer asks for: less than the best, for a small picture or a metered connection.
#[repr(C)]
pub struct rtsp_webrtc_gateway_viewer_limits {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// Bits per second that it may be sent on average, all media and headers included: a variant that
    /// needs more is not shown, and frames are left out if even the least one does, in the end all of
    /// them. Sound is never left out. Of a wall, all slots together. 0: no limit.
    pub max_bitrate_bps: u64,
    /// The best variant that it may be shown: this one, or those after it in the list of
    /// set_variants(). While it is not in that list, it limits nothing. 0: any.
    pub variant: rtsp_webrtc_gateway_stream_id,
    /// Bitwise OR of enum rtsp_webrtc_gateway_limits_flags.
    pub flags: u32,
    /// Must be 0.
    pub reserved: u32,
}
sized_struct!(
    rtsp_webrtc_gateway_viewer_limits,
    "rtsp_webrtc_gateway_viewer_limits"
);

/// # Safety
/// `limits` is NULL or a struct of the header.
pub(super) unsafe fn viewer_limits(
    limits: *const rtsp_webrtc_gateway_viewer_limits,
) -> Result<ViewerLimits> {
    if limits.is_null() {
        return Ok(ViewerLimits::default());
    }
    // SAFETY: not NULL, so a struct of the header by this function's contract.
    let limits = unsafe { read_struct(limits) }?;
    unset(limits.reserved)?;
    let only = rtsp_webrtc_gateway_limits_flags::RTSP_WEBRTC_GATEWAY_LIMITS_ONLY as u32;
    let variant = match (limits.variant, limits.flags) {
        (0, 0) => VariantChoice::Auto,
        (id, 0) => VariantChoice::AtMost(StreamId(id)),
        (0, flags) if flags == only => {
            return Err(invalid("LIMITS_ONLY needs a variant: set variant as well"));
        }
        (id, flags) if flags == only => VariantChoice::Only(StreamId(id)),
        (_, flags) => {
            return Err(invalid(format!(
                "flags {flags:#x} has bits that are no flags of limits"
            )));
        }
    };
    Ok(ViewerLimits {
        max_bitrate: (limits.max_bitrate_bps > 0).then_some(limits.max_bitrate_bps),
        variant,
    })
}
