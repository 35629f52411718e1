//! What the slots of a wall show.

use std::sync::Arc;
use std::time::SystemTime;

use super::{Quality, StreamId, StreamState};
use crate::media::MediaKind;

/// Maximum width and height of a tile in device pixels.
pub const MAX_SIDE: u16 = 16_384;

/// How a viewer shows a slot of a wall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotView {
    /// Width of the tile in device pixels, 1 to 16384; 0: not known.
    pub width: u16,
    /// Its height.
    pub height: u16,
    /// This tile first: where the connection does not carry all, the others are degraded.
    pub focus: bool,
    /// It is hidden: nothing is sent.
    pub paused: bool,
}

/// What is to change about a slot. What is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotChange {
    /// The `a=mid` of its media section.
    pub mid: Box<str>,
    /// The stream that it is bound to from now on; `Some(None)`: none.
    pub stream: Option<Option<StreamId>>,
    /// As in [`SlotView`].
    pub width: Option<u16>,
    /// As in [`SlotView`].
    pub height: Option<u16>,
    /// As in [`SlotView`].
    pub focus: Option<bool>,
    /// As in [`SlotView`].
    pub paused: Option<bool>,
}

impl SlotChange {
    /// Whether it is bound to a stream.
    pub fn binds(&self) -> bool {
        matches!(self.stream, Some(Some(_)))
    }

    /// How the slot is shown after that.
    pub fn view(&self, before: SlotView) -> SlotView {
        SlotView {
            width: self.width.unwrap_or(before.width),
            height: self.height.unwrap_or(before.height),
            focus: self.focus.unwrap_or(before.focus),
            paused: self.paused.unwrap_or(before.paused),
        }
    }
}

/// A slot of a wall at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotInfo {
    /// The `a=mid` of its media section.
    pub mid: Box<str>,
    /// What it carries.
    pub kind: MediaKind,
    /// The stream that it is bound to.
    pub stream: Option<StreamId>,
    /// The name of that; empty if it is bound to none, or to one that was removed.
    pub stream_name: Arc<str>,
    /// The state of that stream; `None` if it is bound to none.
    pub state: Option<StreamState>,
    /// Why the stream is not live, or the slot gets less than the best of it, in a sentence; `None` if neither.
    pub reason: Option<String>,
    /// How the viewer shows it.
    pub view: SlotView,
    /// What is shown of the stream; `None` if it is bound to none.
    pub quality: Option<Quality>,
    /// The size of the video that is shown, in pixels, if it is known.
    pub size: Option<(u32, u32)>,
    /// An RTP timestamp that the viewer sees, and its wall clock; `None` before it was sent anything of the stream.
    pub clock: Option<(u32, SystemTime)>,
}
