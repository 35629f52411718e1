//! The steps of a ladder: what can be shown, and what each needs.

use crate::state::{Detail, StreamId, VariantChoice};

/// Where frames are left out as they become late, a path that carries this share of the stream in percent
/// shows many of them. With less, keyframes alone are a calmer picture.
const LATE_SHARE: u64 = 35;

/// A variant as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The stream.
    pub stream: StreamId,
    /// Whether it can be shown.
    pub access: Access,
    /// What its video needs, in bits per second, headers included; `None` while unknown.
    pub video: Option<u64>,
    /// What remains of it without the frames that no other needs.
    pub fewer: Option<u64>,
    /// What its keyframes need.
    pub keyframes: Option<u64>,
    /// Its width and height in pixels; 0 while unknown.
    pub size: (u16, u16),
}

/// Whether a variant can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It has media.
    Live,
    /// It has none at the moment.
    Away,
    /// The viewer's browser does not take its codec.
    Refused,
}

/// A step of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub stream: StreamId,
    pub detail: Detail,
    /// Bits per second of all media; `None` while unknown.
    pub need: Option<u64>,
    pub live: bool,
}

impl Step {
    /// Whether `budget` is so many percent of what it needs, as far as that is known.
    pub fn fits(&self, budget: u64, percent: u64) -> bool {
        self.need.is_none_or(|need| need * percent / 100 <= budget)
    }
}

/// The place of a stream.
pub fn place_of(rungs: &[Rung], stream: StreamId) -> Option<usize> {
    rungs.iter().position(|rung| rung.stream == stream)
}

/// Whether a viewer that asked for `choice` may be shown the variant at this place of `rungs`.
pub fn permits(choice: VariantChoice, rungs: &[Rung], place: usize) -> bool {
    match choice {
        VariantChoice::Auto => true,
        VariantChoice::AtMost(stream) => place_of(rungs, stream).is_none_or(|best| place >= best),
        VariantChoice::Only(stream) => place_of(rungs, stream).is_none_or(|only| place == only),
    }
}

/// Fills `steps` with what may be shown of `rungs`, from the one at the place `best` on. `capped`: the viewer's limit
/// counts, not the path, so that no frame is late.
pub fn fill(
    steps: &mut Vec<Step>,
    rungs: &[Rung],
    choice: VariantChoice,
    best: usize,
    sound: Option<u64>,
    capped: bool,
) {
    let beside = sound.unwrap_or(0);
    let need = |video: Option<u64>| video.map(|video| video + beside);
    let permitted = |&(place, rung): &(usize, &Rung)| {
        rung.access != Access::Refused && permits(choice, rungs, place)
    };
    let rungs = rungs.iter().enumerate().skip(best).filter(permitted);
    steps.clear();
    steps.extend(rungs.clone().map(|(_, rung)| Step {
        stream: rung.stream,
        detail: Detail::AllFrames,
        need: need(rung.video),
        live: rung.access == Access::Live,
    }));
    let mut live = rungs.filter(|(_, rung)| rung.access == Access::Live);
    let Some((_, lowest)) = live.next_back() else {
        return;
    };
    let some = lowest.video.map(|video| video * LATE_SHARE / 100);
    let some = some.filter(|_| !capped);
    let fewer = match (lowest.fewer, some) {
        (Some(fewer), Some(some)) => Some(fewer.min(some)),
        (fewer, some) => fewer.or(some),
    };
    let less = [
        (Detail::FewerFrames, need(fewer)),
        (Detail::Keyframes, need(lowest.keyframes)),
        (Detail::SoundOnly, sound),
    ];
    let less = less.into_iter().filter(|&(detail, need)| match detail {
        Detail::FewerFrames => !capped || need.is_some(),
        // Without sound, keyframes come as they can.
        _ => detail != Detail::SoundOnly || sound.is_some(),
    });
    steps.extend(less.map(|(detail, need)| Step {
        stream: lowest.stream,
        detail,
        need,
        live: true,
    }));
}
