//! What is wrong with a stream that is live.

/// A stream is live, but its viewers do not get all of it, or not well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What it is about.
    pub kind: WarningKind,
    /// What is wrong and what to do, in a sentence for people. Figures in it may change while the
    /// warning stays.
    pub message: String,
}

/// What a [`Warning`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum WarningKind {
    /// The camera sends B-frames, which browsers cannot show over WebRTC. They are left out.
    BFrames = 1,
    /// The camera sends no keyframe (IDR picture) that a decoder can start with.
    NoKeyframe = 2,
    /// The camera's parameter sets are missing: its frames cannot be decoded.
    NoParameterSets = 3,
    /// Parts of frames are missing; such frames, and those that depend on them, are left out.
    Damaged = 4,
    /// The camera's audio cannot be played, or the camera does not send what it describes.
    Audio = 5,
    /// Keyframes are so far apart that viewers who come late have to wait for the next; until then they
    /// are shown the last one as a still picture.
    RareKeyframes = 6,
}

impl WarningKind {
    /// All of them.
    pub const ALL: [WarningKind; 6] = [
        WarningKind::BFrames,
        WarningKind::NoKeyframe,
        WarningKind::NoParameterSets,
        WarningKind::Damaged,
        WarningKind::Audio,
        WarningKind::RareKeyframes,
    ];

    /// In lower case, as in the JSON document.
    pub const fn name(self) -> &'static str {
        match self {
            WarningKind::BFrames => "b_frames",
            WarningKind::NoKeyframe => "no_keyframe",
            WarningKind::NoParameterSets => "no_parameter_sets",
            WarningKind::Damaged => "damaged",
            WarningKind::Audio => "audio",
            WarningKind::RareKeyframes => "rare_keyframes",
        }
    }
}
