//! What a viewer is shown of its stream and of that stream's variants, and what it asked for.

use super::StreamId;

/// How much of the video a viewer gets, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Detail {
    /// Every frame.
    AllFrames = 1,
    /// Frames are left out: those that no other frame refers to, and where that is not enough, those
    /// that would be late.
    FewerFrames = 2,
    /// Keyframes alone.
    Keyframes = 3,
    /// No video.
    SoundOnly = 4,
}

impl Detail {
    /// All of them, best first.
    pub const ALL: [Detail; 4] = [
        Detail::AllFrames,
        Detail::FewerFrames,
        Detail::Keyframes,
        Detail::SoundOnly,
    ];

    /// In lower case, as in the JSON document.
    pub const fn name(self) -> &'static str {
        match self {
            Detail::AllFrames => "all_frames",
            Detail::FewerFrames => "fewer_frames",
            Detail::Keyframes => "keyframes",
            Detail::SoundOnly => "sound_only",
        }
    }
}

/// Why a viewer does not get the best variant with all frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum QualityReason {
    /// It gets them.
    Nothing = 0,
    /// Its connection carries no more.
    Path = 1,
    /// It asked for less: [`ViewerLimits`].
    Viewer = 2,
    /// Its browser offered no codec of a better variant.
    Codec = 3,
    /// A better variant has no media.
    Camera = 4,
    /// The camera's keyframes are so far apart that the last one is not kept any more with what followed:
    /// the viewer is shown it as a still picture, or nothing, until the next.
    RareKeyframes = 5,
}

impl QualityReason {
    /// All of them.
    pub const ALL: [QualityReason; 6] = [
        QualityReason::Nothing,
        QualityReason::Path,
        QualityReason::Viewer,
        QualityReason::Codec,
        QualityReason::Camera,
        QualityReason::RareKeyframes,
    ];

    /// In lower case, as in the JSON document.
    pub const fn name(self) -> &'static str {
        match self {
            QualityReason::Nothing => "nothing",
            QualityReason::Path => "path",
            QualityReason::Viewer => "viewer",
            QualityReason::Codec => "codec",
            QualityReason::Camera => "camera",
            QualityReason::RareKeyframes => "rare_keyframes",
        }
    }
}

/// What a viewer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quality {
    /// Whose video: that of the stream that it watches, or of one of that stream's variants.
    pub variant: StreamId,
    /// How much of it.
    pub detail: Detail,
    /// Why not more.
    pub reason: QualityReason,
    /// What its connection carries, in bits per second; `None` until it is measured.
    pub estimate: Option<u64>,
    /// What the best variant that it may watch needs with sound and headers, in bits per second; 0
    /// while unknown.
    pub needed: u64,
}

/// What a viewer asks for itself, for a small tile or a metered line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViewerLimits {
    /// Bits per second, headers and sound included, that the chosen variant may need; those of all slots together, for a
    /// wall. `None`: no limit.
    pub max_bitrate: Option<u64>,
    /// Which variants it may be shown.
    pub variant: VariantChoice,
}

/// Which variants a viewer may be shown. A stream that is not, or no longer, among them counts as
/// `Auto`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VariantChoice {
    /// All.
    #[default]
    Auto,
    /// This one and those after it.
    AtMost(StreamId),
    /// This one.
    Only(StreamId),
}

/// How often a viewer was shown something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// A better variant.
    pub up: u64,
    /// A worse variant.
    pub down: u64,
    /// Fewer frames.
    pub fewer_frames: u64,
    /// Keyframes alone.
    pub keyframes: u64,
    /// Sound alone.
    pub sound_only: u64,
}

impl Switches {
    /// Adds those of another viewer.
    pub fn add(&mut self, other: Switches) {
        self.up += other.up;
        self.down += other.down;
        self.fewer_frames += other.fewer_frames;
        self.keyframes += other.keyframes;
        self.sound_only += other.sound_only;
    }
}
