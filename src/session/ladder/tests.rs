use super::*;
use crate::state::VariantChoice;
use fastrand::Rng;

const OWN: StreamId = StreamId(1);
const SUB: StreamId = StreamId(2);
const LOW: StreamId = StreamId(3);
const SOUND: u64 = 50_000;
const STEP: Duration = Duration::from_millis(100);

fn live(stream: StreamId, video: u64) -> Rung {
    Rung {
        stream,
        access: Access::Live,
        video: Some(video),
        fewer: None,
        keyframes: Some(video / 10),
        size: (0, 0),
    }
}

/// A viewer that gets at once what is chosen, behind a link that is measured well.
struct Viewer {
    ladder: Ladder,
    rungs: Vec<Rung>,
    now: Instant,
    start: Instant,
    shown: StreamId,
    detail: Detail,
    sound: Option<u64>,
    loss_ppm: u32,
    late: bool,
    moves: Vec<(Duration, StreamId, Detail)>,
    choice: Option<Choice>,
}

impl Viewer {
    /// The stream's own video needs 1 Mbit/s, its variant a quarter.
    fn new() -> Viewer {
        Viewer::of(vec![live(OWN, 1_000_000), live(SUB, 250_000)])
    }

    fn of(rungs: Vec<Rung>) -> Viewer {
        let start = Instant::now();
        Viewer {
            ladder: Ladder::new(Some(OWN)),
            rungs,
            now: start,
            start,
            shown: OWN,
            detail: Detail::AllFrames,
            sound: Some(SOUND),
            loss_ppm: 0,
            late: false,
            moves: Vec::new(),
            choice: None,
        }
    }

    fn decide(&mut self, estimate: Option<u64>) {
        let streams: Vec<_> = self.rungs.iter().map(|rung| rung.stream).collect();
        let rungs = &self.rungs;
        let of = |stream| *rungs.iter().find(|rung| rung.stream == stream).unwrap();
        self.ladder.survey(&streams, of);
        let choice = self.ladder.decide(&View {
            now: self.now,
            shown: self.shown,
            detail: self.detail,
            estimate,
            capped: false,
            loss_ppm: self.loss_ppm,
            late: self.late,
            sound: self.sound,
        });
        self.choice = Some(choice);
        if (choice.variant, choice.detail) != (self.shown, self.detail) {
            (self.shown, self.detail) = (choice.variant, choice.detail);
            self.ladder.moved(self.now, choice.better, choice.detail);
            let at = self.now - self.start;
            self.moves.push((at, self.shown, self.detail));
        }
    }

    /// Lets time go on with an estimate in kbit/s that may depend on what is shown.
    fn run_with(&mut self, seconds: u64, mut estimate: impl FnMut(StreamId) -> Option<u64>) {
        let until = self.now + Duration::from_secs(seconds);
        while self.now < until {
            let estimate = estimate(self.shown).map(|kbits| kbits * 1000);
            if self.ladder.decided.is_none() || self.ladder.is_ready(self.now) {
                self.decide(estimate);
            }
            self.now += STEP;
        }
    }

    fn run(&mut self, seconds: u64, kbits: u64) {
        self.run_with(seconds, |_| Some(kbits));
    }

    fn reason(&self) -> QualityReason {
        self.ladder.reason(self.shown, self.detail)
    }

    fn set_limits(&mut self, max_bitrate: Option<u64>, variant: VariantChoice) {
        self.ladder.set_limits(ViewerLimits {
            max_bitrate,
            variant,
        });
    }
}

#[test]
fn a_thin_link_gets_the_substream_at_once_and_stays_there() {
    let mut viewer = Viewer::new();
    viewer.run(1, 800);
    let [(at, SUB, Detail::AllFrames)] = viewer.moves[..] else {
        panic!("{:?}", viewer.moves);
    };
    assert!(at <= STEP, "{at:?}");
    assert_eq!(viewer.reason(), QualityReason::Path);
    assert_eq!(viewer.ladder.needed(), 1_050_000);
    let mut random = Rng::with_seed(1);
    viewer.run_with(600, |_| Some(random.u64(700..1150)));
    assert_eq!(viewer.moves.len(), 1, "{:?}", viewer.moves);
}

#[test]
fn later_it_takes_half_a_second_or_some_if_it_hardly_fits() {
    let mut viewer = Viewer::new();
    viewer.run(20, 3000);
    viewer.run(1, 500);
    assert_eq!(viewer.moves.len(), 1);
    let mut viewer = Viewer::new();
    viewer.run(20, 3000);
    viewer.run(2, 1000);
    assert!(viewer.moves.is_empty(), "{:?}", viewer.moves);
    viewer.run(2, 1000);
    assert_eq!(viewer.shown, SUB);
}

#[test]
fn a_moment_of_less_is_no_reason() {
    let mut viewer = Viewer::new();
    let mut turn = 0;
    viewer.run_with(300, |_| {
        turn += 1;
        // 400 ms of a second.
        Some(if turn % 10 < 4 && turn > 60 {
            300
        } else {
            1300
        })
    });
    assert!(viewer.moves.is_empty(), "{:?}", viewer.moves);
}

#[test]
fn with_clear_room_the_main_stream_is_back_soon() {
    let mut viewer = Viewer::new();
    viewer.run(20, 3000);
    viewer.run(20, 500);
    assert_eq!(viewer.shown, SUB);
    viewer.run(5, 3000);
    assert_eq!(viewer.shown, OWN);
    assert_eq!(viewer.moves.len(), 2);
    assert_eq!(viewer.reason(), QualityReason::Nothing);
}

#[test]
fn what_fails_is_tried_ever_more_rarely() {
    let mut viewer = Viewer::new();
    // A link that seems to carry the main stream as long as it need not.
    let seems = |shown| Some(if shown == OWN { 700 } else { 2000 });
    viewer.run_with(1800, seems);
    let to_main = viewer.moves.iter().filter(|&&(_, stream, _)| stream == OWN);
    let to_main = to_main.count();
    assert!((4..=10).contains(&to_main), "{to_main}");
    for pair in viewer.moves.windows(3).skip(3) {
        assert!(pair[2].0 - pair[0].0 >= SHORTEST_WAIT, "{pair:?}");
    }
    // Once it holds, the next failure is the first.
    viewer.run(400, 3000);
    assert_eq!(viewer.shown, OWN);
    viewer.run(5, 500);
    viewer.run(6, 3000);
    assert_eq!(viewer.shown, OWN);
}

#[test]
fn with_some_room_it_takes_long() {
    let mut viewer = Viewer::new();
    viewer.run(2, 500);
    viewer.run(27, 1230);
    assert_eq!(viewer.shown, SUB);
    viewer.run(6, 1230);
    assert_eq!(viewer.shown, OWN);
}

#[test]
fn below_the_last_variant_there_is_less_and_less_of_it() {
    let mut viewer = Viewer::new();
    for (kbits, detail) in [
        (220, Detail::FewerFrames),
        (100, Detail::Keyframes),
        (60, Detail::SoundOnly),
    ] {
        // Keyframes that do not come late are not too much, whatever the estimate is.
        viewer.run(19, kbits);
        viewer.late = detail == Detail::Keyframes;
        assert_eq!((viewer.shown, viewer.detail), (SUB, detail), "{kbits}");
        assert_eq!(viewer.reason(), QualityReason::Path);
    }
    let first: Vec<_> = viewer.moves.iter().map(|(_, _, detail)| *detail).collect();
    assert_eq!(first[0], Detail::AllFrames, "the variant first");
    assert_eq!(first.len(), 4);
    viewer.run(10, 3000);
    assert_eq!((viewer.shown, viewer.detail), (OWN, Detail::AllFrames));

    // Without sound keyframes come as they can.
    let mut viewer = Viewer::new();
    viewer.sound = None;
    viewer.run(30, 10);
    assert_eq!(viewer.detail, Detail::Keyframes);
}

#[test]
fn frames_that_nobody_needs_are_left_out_where_that_is_enough() {
    let own = Rung {
        fewer: Some(300_000),
        ..live(OWN, 1_000_000)
    };
    let mut viewer = Viewer::of(vec![own]);
    viewer.run(20, 390);
    assert_eq!(viewer.detail, Detail::FewerFrames);
    let mut viewer = Viewer::of(vec![live(OWN, 1_000_000)]);
    viewer.run(20, 390);
    assert_eq!(viewer.detail, Detail::Keyframes);
}

#[test]
fn sound_alone_is_left_to_see_even_if_nothing_can_be_measured() {
    let mut viewer = Viewer::new();
    viewer.late = true;
    viewer.run(30, 40);
    assert_eq!(viewer.detail, Detail::SoundOnly);
    viewer.run(60, 40);
    let tries = viewer.moves.iter();
    let tries = tries.filter(|(at, _, detail)| *detail == Detail::Keyframes && at.as_secs() > 30);
    assert_eq!(tries.count(), 1, "{:?}", viewer.moves);
    let before = viewer.moves.len();
    viewer.run(600, 40);
    assert!(viewer.moves.len() - before < 14, "{:?}", viewer.moves);
}

#[test]
fn the_limits_of_the_viewer_count() {
    let mut viewer = Viewer::of(vec![
        live(OWN, 1_000_000),
        live(SUB, 250_000),
        live(LOW, 50_000),
    ]);
    viewer.run(1, 5000);
    for (max_bitrate, choice, shown, reason) in [
        (None, VariantChoice::Only(SUB), SUB, QualityReason::Viewer),
        (None, VariantChoice::AtMost(SUB), SUB, QualityReason::Viewer),
        (None, VariantChoice::Only(LOW), LOW, QualityReason::Viewer),
        (
            Some(320_000),
            VariantChoice::Auto,
            SUB,
            QualityReason::Viewer,
        ),
        (
            Some(110_000),
            VariantChoice::Auto,
            LOW,
            QualityReason::Viewer,
        ),
        (
            Some(9_000_000),
            VariantChoice::Auto,
            OWN,
            QualityReason::Nothing,
        ),
        (
            None,
            VariantChoice::Only(StreamId(9)),
            OWN,
            QualityReason::Nothing,
        ),
    ] {
        viewer.set_limits(max_bitrate, choice);
        viewer.run(1, 5000);
        assert_eq!(viewer.shown, shown, "{max_bitrate:?} {choice:?}");
        assert_eq!(viewer.reason(), reason, "{max_bitrate:?} {choice:?}");
    }
    // Without a measurement as well.
    viewer.set_limits(Some(110_000), VariantChoice::Auto);
    viewer.run_with(1, |_| None);
    assert_eq!(
        (viewer.shown, viewer.reason()),
        (LOW, QualityReason::Viewer)
    );
    viewer.set_limits(None, VariantChoice::Auto);
    viewer.run_with(1, |_| None);
    assert_eq!(viewer.shown, OWN);
    assert!(
        viewer
            .moves
            .iter()
            .all(|&(_, _, detail)| detail == Detail::AllFrames)
    );
}

#[test]
fn a_codec_that_the_browser_lacks_is_the_reason_for_another_variant() {
    let own = Rung {
        access: Access::Refused,
        ..live(OWN, 1_000_000)
    };
    let mut viewer = Viewer::of(vec![own, live(SUB, 250_000)]);
    viewer.run_with(1, |_| None);
    assert_eq!(viewer.shown, SUB);
    assert_eq!(viewer.reason(), QualityReason::Codec);
    viewer.run(60, 9000);
    assert_eq!(viewer.moves.len(), 1);
    assert_eq!(viewer.ladder.needed(), 300_000);
}

#[test]
fn a_variant_without_media_is_fetched_when_it_would_be_shown() {
    let away = Rung {
        access: Access::Away,
        video: None,
        keyframes: None,
        ..live(SUB, 0)
    };
    let mut viewer = Viewer::of(vec![live(OWN, 1_000_000), away]);
    viewer.run(30, 1300);
    assert_eq!(viewer.choice.unwrap().fetch, None);
    viewer.run(1, 700);
    assert_eq!(viewer.choice.unwrap().fetch, Some(SUB));
    viewer.rungs[1] = live(SUB, 250_000);
    viewer.run(1, 700);
    assert_eq!((viewer.shown, viewer.detail), (SUB, Detail::AllFrames));
    // The one that is shown goes away.
    viewer.rungs[1] = away;
    viewer.run(2, 700);
    assert_eq!(viewer.shown, SUB);
    viewer.run(3, 700);
    assert_eq!(viewer.shown, OWN);
    assert_eq!(viewer.choice.unwrap().fetch, Some(SUB));
    // The better one goes away.
    let mut viewer = Viewer::new();
    viewer.rungs[0].access = Access::Away;
    viewer.run(10, 3000);
    assert_eq!(
        (viewer.shown, viewer.reason()),
        (SUB, QualityReason::Camera)
    );
    viewer.rungs[0].access = Access::Live;
    viewer.run(10, 3000);
    assert_eq!(viewer.shown, OWN);
    // All are: nothing else can be shown.
    viewer.rungs[0].access = Access::Away;
    viewer.rungs[1].access = Access::Away;
    viewer.run(20, 3000);
    assert_eq!(viewer.shown, OWN);
    assert_eq!(viewer.choice.unwrap().fetch, Some(SUB));
}

#[test]
fn a_variant_that_never_comes_keeps_nobody_from_less_of_another() {
    let away = Rung {
        access: Access::Away,
        ..live(SUB, 250_000)
    };
    let mut viewer = Viewer::of(vec![live(OWN, 1_000_000), away]);
    viewer.run(20, 3000);
    for (kbits, detail) in [(450, Detail::FewerFrames), (160, Detail::Keyframes)] {
        viewer.run(19, kbits);
        assert_eq!((viewer.shown, viewer.detail), (OWN, detail), "{kbits}");
        assert_eq!(viewer.choice.unwrap().fetch, (kbits > 300).then_some(SUB));
    }
    viewer.rungs[1] = live(SUB, 250_000);
    viewer.run(1, 450);
    assert_eq!((viewer.shown, viewer.detail), (SUB, Detail::AllFrames));
}

#[test]
fn a_variant_that_nobody_needs_is_no_fault_of_the_camera() {
    let away = Rung {
        access: Access::Away,
        ..live(SUB, 250_000)
    };
    let mut viewer = Viewer::of(vec![live(OWN, 1_000_000), away, live(LOW, 50_000)]);
    viewer.run(20, 200);
    assert_eq!(viewer.choice.unwrap().fetch, None);
    assert_eq!((viewer.shown, viewer.reason()), (LOW, QualityReason::Path));
}

#[test]
fn what_is_asked_for_waits_for_no_new_keyframe() {
    let mut viewer = Viewer::new();
    viewer.run_with(20, |_| None);
    for (variant, shown) in [(VariantChoice::Only(SUB), SUB), (VariantChoice::Auto, OWN)] {
        viewer.set_limits(None, variant);
        viewer.decide(None);
        assert_eq!(viewer.shown, shown);
        assert!(!viewer.choice.unwrap().patient);
    }
}

#[test]
fn a_limit_that_is_lifted_holds_nothing_back() {
    let mut viewer = Viewer::new();
    viewer.run(20, 5000);
    for (variant, shown) in [
        (VariantChoice::AtMost(SUB), SUB),
        (VariantChoice::Auto, OWN),
    ] {
        viewer.set_limits(None, variant);
        viewer.decide(Some(5_000_000));
        assert_eq!(viewer.shown, shown);
    }
    assert_eq!(viewer.reason(), QualityReason::Nothing);
}

#[test]
fn without_measurement_what_is_asked_for_is_shown_as_soon_as_it_is_there() {
    let mut viewer = Viewer::new();
    viewer.set_limits(None, VariantChoice::Only(SUB));
    viewer.run_with(20, |_| None);
    // Nobody needed it.
    viewer.rungs[0].access = Access::Away;
    viewer.set_limits(None, VariantChoice::Auto);
    viewer.run_with(2, |_| None);
    assert_eq!(viewer.shown, SUB);
    viewer.rungs[0].access = Access::Live;
    viewer.run_with(2, |_| None);
    assert_eq!(viewer.shown, OWN);
}

#[test]
fn without_measurement_only_lasting_loss_counts() {
    let mut viewer = Viewer::new();
    let mut random = Rng::with_seed(2);
    for _ in 0..300 {
        viewer.loss_ppm = random.u32(..250_000);
        viewer.run_with(1, |_| None);
    }
    assert!(viewer.moves.len() <= 6, "{:?}", viewer.moves);
    let mut viewer = Viewer::new();
    viewer.loss_ppm = 150_000;
    viewer.run_with(60, |_| None);
    assert_eq!((viewer.shown, viewer.detail), (SUB, Detail::AllFrames));
    viewer.loss_ppm = 0;
    viewer.run_with(60, |_| None);
    assert_eq!((viewer.shown, viewer.moves.len()), (OWN, 2));
}

#[test]
fn nothing_is_due_where_nothing_can_change() {
    let mut viewer = Viewer::of(vec![live(OWN, 1_000_000)]);
    viewer.run(10, 3000);
    assert_eq!(viewer.ladder.due(), None);
    assert_eq!(viewer.choice.unwrap().want, 0);
    viewer.run(10, 500);
    assert!(viewer.ladder.due().is_some());
    // Nothing is known of a stream that has just begun.
    viewer = Viewer::of(vec![Rung {
        video: None,
        keyframes: None,
        ..live(OWN, 0)
    }]);
    viewer.run(10, 50);
    assert!(viewer.moves.is_empty());
}

#[test]
fn a_limit_that_no_variant_keeps_leaves_out_what_it_must() {
    for (fewer, max_bitrate, detail) in [
        (None, 600_000, Detail::Keyframes),
        (Some(500_000), 600_000, Detail::FewerFrames),
        (Some(500_000), 60_000, Detail::SoundOnly),
    ] {
        let own = Rung {
            fewer,
            ..live(OWN, 1_000_000)
        };
        let mut viewer = Viewer::of(vec![own]);
        viewer.set_limits(Some(max_bitrate), VariantChoice::Auto);
        viewer.run(1, 9000);
        assert_eq!(viewer.detail, detail, "{fewer:?} {max_bitrate}");
        assert_eq!(viewer.reason(), QualityReason::Viewer);
        // Nothing is tried that does not keep the limit.
        viewer.run(100, 9000);
        assert_eq!(viewer.moves.len(), 1, "{:?}", viewer.moves);
        viewer.set_limits(None, VariantChoice::Auto);
        viewer.run(6, 9000);
        assert_eq!(viewer.detail, Detail::AllFrames);
    }
}

#[test]
fn keyframes_that_turn_out_to_need_more_than_the_limit_are_left_out() {
    let mut viewer = Viewer::of(vec![Rung {
        keyframes: None,
        ..live(OWN, 1_000_000)
    }]);
    viewer.set_limits(Some(60_000), VariantChoice::Auto);
    viewer.run(1, 9000);
    assert_eq!(viewer.detail, Detail::Keyframes);
    viewer.rungs[0].keyframes = Some(100_000);
    viewer.run(20, 9000);
    assert_eq!(viewer.detail, Detail::SoundOnly);
}
