//! Why a viewer gets less than the best, in one sentence: for the log, the C API, JSON, and pages.

use super::{Detail, Quality, QualityReason, VariantChoice, ViewerLimits};
use crate::media::Codec;

/// What the sentence about a [`Quality`] names.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// Name of the variant that is shown.
    pub variant: &'a str,
    /// Name of the best one.
    pub best: &'a str,
    /// Video codec of the best one, if known.
    pub codec: Option<Codec>,
    /// What the viewer asked for.
    pub limits: ViewerLimits,
    /// Name of the variant that it asked for.
    pub asked: Option<&'a str>,
    /// Whether it hears sound.
    pub sound: bool,
}

impl Quality {
    /// Why the viewer gets less than the best variant with all frames, and what it gets, for people.
    /// `None` if it gets that.
    pub fn sentence(&self, shown: &Names<'_>) -> Option<String> {
        let why = match self.reason {
            QualityReason::Nothing => return None,
            QualityReason::Path => self.path(),
            QualityReason::Viewer => asked_for(shown),
            QualityReason::Codec => match shown.codec {
                Some(codec) => format!("the browser does not play {}", name(codec)),
                None => format!("the browser does not play the codec of \"{}\"", shown.best),
            },
            QualityReason::Camera => format!("\"{}\" has no media", shown.best),
            QualityReason::RareKeyframes => return Some(self.rare_keyframes(shown)),
        };
        Some(match self.what(shown) {
            Some(what) => format!("{why}: {what}"),
            None => why,
        })
    }

    fn path(&self) -> String {
        match self.estimate {
            // Rounded, since an estimate moves all the time.
            Some(carried) if carried < self.needed && self.needed < 1_000_000 => {
                let tens = |bps: u64| 10 * ((bps + 5_000) / 10_000);
                let (carried, needed) = (tens(carried), tens(self.needed));
                format!("this connection carries {carried} of {needed} kbit/s")
            }
            Some(carried) if carried < self.needed => {
                let (carried, needed) = (carried as f64 / 1e6, self.needed as f64 / 1e6);
                format!("this connection carries {carried:.1} of {needed:.1} Mbit/s")
            }
            // It has recovered, or was never measured.
            _ => "this connection does not carry the best picture".to_owned(),
        }
    }

    fn rare_keyframes(&self, shown: &Names<'_>) -> String {
        let what = match self.detail {
            Detail::SoundOnly if shown.sound => "sound only",
            Detail::SoundOnly => "no picture",
            _ => "a still picture",
        };
        format!("the camera's keyframes are far apart: {what} until the next")
    }

    fn what(&self, shown: &Names<'_>) -> Option<String> {
        let lesser = shown.variant != shown.best;
        let of = match lesser {
            true => format!(" of the substream \"{}\"", shown.variant),
            false => String::new(),
        };
        Some(match self.detail {
            Detail::AllFrames if lesser => format!("showing the substream \"{}\"", shown.variant),
            Detail::AllFrames => return None,
            Detail::FewerFrames => format!("showing fewer frames{of}"),
            Detail::Keyframes => format!("showing only the keyframes{of}"),
            Detail::SoundOnly if shown.sound => "sound only".to_owned(),
            Detail::SoundOnly => "no picture".to_owned(),
        })
    }
}

fn asked_for(shown: &Names<'_>) -> String {
    let rate = shown.limits.max_bitrate.map(|bps| {
        let rate = match bps {
            0..100_000 => format!("{} kbit/s", bps / 1000),
            _ => format!("{:.1} Mbit/s", bps as f64 / 1e6),
        };
        format!("at most {rate}")
    });
    let variant = shown.asked.map(|variant| match shown.limits.variant {
        VariantChoice::Only(_) => format!("\"{variant}\""),
        _ => format!("at most \"{variant}\""),
    });
    match (rate, variant) {
        (Some(rate), Some(variant)) => format!("this viewer asked for {variant} and {rate}"),
        (Some(one), None) | (None, Some(one)) => format!("this viewer asked for {one}"),
        (None, None) => "this viewer asked for less".to_owned(),
    }
}

/// As people write it.
fn name(codec: Codec) -> &'static str {
    match codec {
        Codec::H264 => "H.264",
        Codec::H265 => "H.265",
        other => other.encoding_name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::StreamId;

    const QUALITY: Quality = Quality {
        variant: StreamId(2),
        detail: Detail::AllFrames,
        reason: QualityReason::Path,
        estimate: Some(612_345),
        needed: 2_134_567,
    };
    const SHOWN: Names<'_> = Names {
        variant: "door-sub",
        best: "door-main",
        codec: Some(Codec::H265),
        limits: ViewerLimits {
            max_bitrate: None,
            variant: VariantChoice::Auto,
        },
        asked: None,
        sound: true,
    };
    const SINGLE: Names<'_> = Names {
        variant: "door-main",
        ..SHOWN
    };

    fn sentence(quality: Quality, shown: Names<'_>) -> String {
        quality.sentence(&shown).unwrap()
    }

    #[test]
    fn the_best_needs_no_words() {
        let best = Quality {
            reason: QualityReason::Nothing,
            ..QUALITY
        };
        assert_eq!(best.sentence(&SHOWN), None);
    }

    #[test]
    fn what_a_viewer_gets_instead() {
        for (detail, shown, what) in [
            (
                Detail::AllFrames,
                SHOWN,
                "showing the substream \"door-sub\"",
            ),
            (
                Detail::FewerFrames,
                SHOWN,
                "showing fewer frames of the substream \"door-sub\"",
            ),
            (Detail::FewerFrames, SINGLE, "showing fewer frames"),
            (
                Detail::Keyframes,
                SHOWN,
                "showing only the keyframes of the substream \"door-sub\"",
            ),
            (Detail::Keyframes, SINGLE, "showing only the keyframes"),
            (Detail::SoundOnly, SHOWN, "sound only"),
            (
                Detail::SoundOnly,
                Names {
                    sound: false,
                    ..SINGLE
                },
                "no picture",
            ),
        ] {
            assert_eq!(
                sentence(Quality { detail, ..QUALITY }, shown),
                format!("this connection carries 0.6 of 2.1 Mbit/s: {what}")
            );
        }
    }

    #[test]
    fn why_it_does() {
        let of = |reason| Quality { reason, ..QUALITY };
        let asks = |max_bitrate, variant, asked| Names {
            limits: ViewerLimits {
                max_bitrate,
                variant,
            },
            asked,
            ..SHOWN
        };
        let sub = StreamId(2);
        for (quality, shown, why) in [
            (
                of(QualityReason::Codec),
                SHOWN,
                "the browser does not play H.265",
            ),
            (
                of(QualityReason::Codec),
                Names {
                    codec: None,
                    ..SHOWN
                },
                "the browser does not play the codec of \"door-main\"",
            ),
            (
                of(QualityReason::Camera),
                SHOWN,
                "\"door-main\" has no media",
            ),
            (
                of(QualityReason::Viewer),
                asks(Some(500_000), VariantChoice::Auto, None),
                "this viewer asked for at most 0.5 Mbit/s",
            ),
            (
                of(QualityReason::Viewer),
                asks(None, VariantChoice::Only(sub), Some("door-sub")),
                "this viewer asked for \"door-sub\"",
            ),
            (
                of(QualityReason::Viewer),
                asks(Some(64_000), VariantChoice::AtMost(sub), Some("door-sub")),
                "this viewer asked for at most \"door-sub\" and at most 64 kbit/s",
            ),
            (
                Quality {
                    estimate: Some(48_345),
                    needed: 496_000,
                    ..QUALITY
                },
                SHOWN,
                "this connection carries 50 of 500 kbit/s",
            ),
            (
                Quality {
                    estimate: None,
                    ..QUALITY
                },
                SHOWN,
                "this connection does not carry the best picture",
            ),
            (
                Quality {
                    needed: 0,
                    ..QUALITY
                },
                SHOWN,
                "this connection does not carry the best picture",
            ),
        ] {
            let expected = format!("{why}: showing the substream \"door-sub\"");
            assert_eq!(sentence(quality, shown), expected);
        }
        let rare = of(QualityReason::RareKeyframes);
        for (detail, what) in [
            (Detail::Keyframes, "a still picture"),
            (Detail::SoundOnly, "sound only"),
        ] {
            let expected = format!("the camera's keyframes are far apart: {what} until the next");
            assert_eq!(sentence(Quality { detail, ..rare }, SINGLE), expected);
        }
        assert_eq!(
            sentence(of(QualityReason::Camera), SINGLE),
            "\"door-main\" has no media",
            "nothing is shown in its place"
        );
    }
}
