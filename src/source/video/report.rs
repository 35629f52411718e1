//! What is wrong with a video track, from what arrived and what passed.

use std::time::{Duration, Instant};

use crate::state::{Warning, WarningKind};

/// Figures are counted, and a warning is formed, over this time.
const PERIOD: Duration = Duration::from_millis(2500);

/// A stream without a keyframe for this long says so.
pub const PATIENCE: Duration = PERIOD;

/// Periods without a fault after which a warning ends.
const QUIET: u32 = 5;

/// What became of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Viewers are shown it.
    Passed,
    /// A B-frame.
    Late,
    /// A B-frame that others may refer to.
    LateReference,
    /// Parts of it, or of what it depends on, are missing.
    Damaged,
    /// The same, but it is shown all the same.
    DamagedPassed,
    /// The source began anew, and this is no keyframe.
    Waiting,
    /// Its parameter sets are missing.
    Undecodable,
}

/// What viewers begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Beginnings {
    /// The camera's keyframes.
    #[default]
    Keyframes,
    /// Nothing: there was none.
    None,
    /// Pictures of our own.
    Synthetic,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    arrived: u32,
    passed: u32,
    late: u32,
    late_references: u32,
    damaged: u32,
    damaged_passed: u32,
    undecodable: u32,
    /// The lowest and the highest RTP timestamp.
    timestamps: Option<(i64, i64)>,
}

/// Counts the pictures of a track and says what is wrong with it.
#[derive(Debug, Default)]
pub struct Report {
    begun: Option<Instant>,
    period: Option<Instant>,
    counts: Counts,
    warning: Option<Warning>,
    /// Periods since there was a reason for `warning`.
    quiet: u32,
}

impl Report {
    /// Counts a picture. What is wrong with the track, if that is something else than before.
    pub fn note(
        &mut self,
        fate: Fate,
        timestamp: i64,
        now: Instant,
        beginnings: Beginnings,
    ) -> Option<Option<Warning>> {
        let begun = *self.begun.get_or_insert(now);
        let period = *self.period.get_or_insert(now);
        let counts = &mut self.counts;
        counts.arrived += 1;
        match fate {
            Fate::Passed => counts.passed += 1,
            Fate::Late => counts.late += 1,
            Fate::LateReference => {
                counts.late += 1;
                counts.late_references += 1;
            }
            Fate::Damaged => counts.damaged += 1,
            Fate::DamagedPassed => counts.damaged_passed += 1,
            Fate::Waiting => {}
            Fate::Undecodable => counts.undecodable += 1,
        }
        let (low, high) = counts.timestamps.unwrap_or((timestamp, timestamp));
        counts.timestamps = Some((low.min(timestamp), high.max(timestamp)));
        if now.saturating_duration_since(period) < PERIOD {
            return None;
        }
        let counts = std::mem::take(&mut self.counts);
        self.period = Some(now);
        let patient = now.saturating_duration_since(begun) < PATIENCE;
        let warning = warning(&counts, beginnings, patient);
        if warning.is_some() {
            self.quiet = 0;
        } else if self.warning.is_some() && self.quiet < QUIET {
            self.quiet += 1;
            return None;
        }
        (self.warning != warning).then(|| {
            self.warning.clone_from(&warning);
            warning
        })
    }
}

/// The worst of what is wrong.
fn warning(counts: &Counts, beginnings: Beginnings, patient: bool) -> Option<Warning> {
    let warn = |kind, message: String| Some(Warning { kind, message });
    if counts.undecodable > 0 {
        return warn(
            WarningKind::NoParameterSets,
            "the video has no parameter sets (SPS, PPS) and cannot be decoded: let the camera or \
             the encoder repeat them in front of each keyframe"
                .to_owned(),
        );
    }
    if beginnings == Beginnings::None && !patient {
        return warn(
            WarningKind::NoKeyframe,
            "the camera sends no keyframe (IDR picture), and browsers can begin with nothing else: \
             set its keyframe interval (GOP) to between 1 and 4 seconds"
                .to_owned(),
        );
    }
    if counts.late > 0 {
        return warn(WarningKind::BFrames, b_frames(counts));
    }
    if beginnings == Beginnings::Synthetic && !patient {
        return warn(
            WarningKind::NoKeyframe,
            "the camera sends no keyframe (IDR picture): viewers may begin with a gray picture \
             that fills up. Switch off open GOP or intra refresh in its encoder settings"
                .to_owned(),
        );
    }
    if counts.damaged > 0 {
        return warn(
            WarningKind::Damaged,
            format!(
                "video is lost on the way from the camera: {} of {} pictures were left out, because \
                 parts of them or of others that they need are missing. Check the network, or use TCP",
                counts.damaged, counts.arrived
            ),
        );
    }
    if counts.damaged_passed > 0 {
        return warn(
            WarningKind::Damaged,
            "video is lost on the way from the camera: damaged pictures are shown. Check the network, \
             or use TCP"
                .to_owned(),
        );
    }
    None
}

fn b_frames(counts: &Counts) -> String {
    let (low, high) = counts.timestamps.unwrap_or_default();
    let seconds = (high - low) as f64 / 90_000.0;
    let per_second = |pictures: u32| {
        let rate = f64::from(pictures) / f64::from(counts.arrived);
        let rate = rate * f64::from(counts.arrived.saturating_sub(1)) / seconds.max(0.1);
        let rounded = format!("{rate:.1}");
        rounded.strip_suffix(".0").unwrap_or(&rounded).to_owned()
    };
    let smeared = match counts.late_references {
        0 => "",
        _ => " (and may look smeared, as they refer to others)",
    };
    format!(
        "{} pictures/s come, {} can be shown in a browser{smeared}, because the others are B-frames: \
         switch B-frames off in the camera's encoder settings",
        per_second(counts.arrived),
        per_second(counts.passed),
    )
}
