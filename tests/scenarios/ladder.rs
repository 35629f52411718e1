//! A viewer is shown the variant of its stream that its link carries, in place.

use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::internals::media::Codec;
use rtsp_webrtc_gateway::state::{
    Detail, QualityReason, SessionState, StreamId, VariantChoice, ViewerLimits,
};
use testkit::net::Link;
use testkit::viewer::{AccessUnit, ViewerConfig};

use crate::thin::{MAIN, MS, SECOND, behind, times, watch};
use crate::world::camera::{Camera, Frames};
use crate::world::{GATEWAY, STREAM, Setup, VIEWER, World, address, beginning};

const SUB: StreamId = StreamId(2);

/// A quarter of it.
const QUARTER: Frames = Frames {
    sizes: (4_500, 435),
    first: 50,
    ..MAIN
};

fn setup(main: Frames, sub: Frames) -> Setup {
    Setup {
        frames: Some(main),
        congestion: true,
        variants: vec![STREAM, SUB],
        cameras: vec![Camera::new(beginning(), SUB, sub)],
        ..Setup::default()
    }
}

/// The stream that a frame is of.
fn stream_of(unit: &AccessUnit) -> StreamId {
    let nal = unit.nals.last().unwrap();
    StreamId((*nal.last().unwrap()).into())
}

/// How long no frame came in all, as far as it was longer than 200 ms each time.
fn frozen(world: &World, from: Instant) -> Duration {
    let units = world.viewer.video.access_units();
    let mut at: Vec<_> = units.iter().map(|unit| unit.at).collect();
    at.retain(|&at| at > from);
    at.insert(0, from);
    at.push(world.now);
    at.sort();
    let gaps = at.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.filter(|&gap| gap > 200 * MS).sum()
}

/// Fails unless the viewer's time went on from frame to frame, each is whole, and the picture of each
/// stream begins with a keyframe.
fn assert_goes_on(world: &World) {
    let units = world.viewer.video.access_units();
    for pair in units.windows(2) {
        let ahead = pair[1].timestamp.wrapping_sub(pair[0].timestamp) as i32;
        assert!(ahead > 0, "{ahead} at {:?}", pair[1].at - world.start);
        if stream_of(&pair[0]) != stream_of(&pair[1]) {
            assert!(pair[1].is_keyframe());
        }
    }
}

fn switches(world: &World) -> u64 {
    let counts = world.session.figures().switches;
    counts.up + counts.down + counts.fewer_frames + counts.keyframes + counts.sound_only
}

fn set_link(world: &mut World, link: Link) {
    world
        .network
        .set_link(address(GATEWAY), address(VIEWER), link);
}

fn limited(world: &mut World, limits: ViewerLimits) {
    world.session.set_limits(limits);
}

fn only(stream: StreamId) -> ViewerLimits {
    ViewerLimits {
        variant: VariantChoice::Only(stream),
        ..ViewerLimits::default()
    }
}

#[test]
fn a_link_thinner_than_the_stream_shows_the_substream_within_two_seconds() {
    for after in [100, 900, 1700, 2500, 3300, 3900] {
        let mut world = behind(times(8, 100 * MS), after * MS, setup(MAIN, QUARTER));
        let begun = world.now;
        world.run(2 * SECOND);
        let quality = world.session.quality();
        println!("{after}: {quality:?} {:?}", world.session.figures());
        assert_eq!(quality.variant, SUB, "{after}");
        assert_eq!(quality.detail, Detail::AllFrames);
        assert_eq!(quality.reason, QualityReason::Path);
        assert!((440_000..560_000).contains(&quality.needed), "{quality:?}");
        assert_eq!(world.qualities.len(), 1, "{:?}", world.qualities);
        let first = frozen(&world, begun);
        let seen = watch(&mut world, 60 * SECOND);
        let later = frozen(&world, begun + 3 * SECOND);
        println!(
            "{after}: {first:?} {later:?} {seen:?} {:?}",
            world.qualities
        );
        assert!(later <= SECOND, "{after}: {later:?} frozen");
        assert!(seen.lost < 0.01, "{seen:?}");
        assert!(seen.age < 250 * MS, "{seen:?}");
        assert!(switches(&world) <= 2);
        assert_goes_on(&world);
    }
}

#[test]
fn when_the_link_is_wide_again_the_main_stream_is_back_within_ten_seconds() {
    let mut world = behind(times(30, 100 * MS), 700 * MS, setup(MAIN, QUARTER));
    world.run(10 * SECOND);
    assert_eq!(world.session.quality().variant, STREAM);
    set_link(&mut world, times(5, 100 * MS));
    world.run(4 * SECOND);
    assert_eq!(world.session.quality().variant, SUB);
    let thin = world.now;
    world.run(20 * SECOND);
    println!("{:?} frozen {:?}", world.qualities, frozen(&world, thin));
    // A keyframe of it comes every four seconds, and there is no room to catch up with an older one.
    assert!(frozen(&world, thin) <= 4 * SECOND);
    set_link(&mut world, times(30, 100 * MS));
    world.run(10 * SECOND);
    println!("{:?} {:?}", world.qualities, world.session.figures());
    assert_eq!(world.session.quality().variant, STREAM);
    assert_eq!(world.session.quality().reason, QualityReason::Nothing);
    let counts = world.session.figures().switches;
    assert_eq!((counts.down, counts.up), (1, 1));
    assert!(!world.wanted.contains(&SUB), "{:?}", world.wanted);
    assert_goes_on(&world);
}

#[test]
fn on_a_constant_link_a_viewer_is_not_switched_to_and_fro() {
    for tenths in [3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 16, 20, 30] {
        let mut world = behind(times(tenths, 100 * MS), 700 * MS, setup(MAIN, QUARTER));
        world.run(30 * SECOND);
        let begun = switches(&world);
        assert!(begun <= 4, "{tenths}: {:?}", world.qualities);
        world.run(150 * SECOND);
        let changes = switches(&world) - begun;
        println!(
            "{tenths}: {changes} {:?} {:?}",
            world.session.quality(),
            frozen(&world, world.start + 5 * SECOND)
        );
        assert!(changes <= 5, "{tenths}: {:?}", world.qualities);
        assert_goes_on(&world);
    }
}

#[test]
fn a_viewer_gets_the_variant_that_it_asks_for() {
    let mut world = behind(times(60, 100 * MS), 700 * MS, setup(MAIN, QUARTER));
    world.run(5 * SECOND);
    for (limits, variant, reason) in [
        (only(SUB), SUB, QualityReason::Viewer),
        (only(STREAM), STREAM, QualityReason::Nothing),
        (
            ViewerLimits {
                variant: VariantChoice::AtMost(SUB),
                ..ViewerLimits::default()
            },
            SUB,
            QualityReason::Viewer,
        ),
        (ViewerLimits::default(), STREAM, QualityReason::Nothing),
        (
            ViewerLimits {
                max_bitrate: Some(300_000),
                ..ViewerLimits::default()
            },
            SUB,
            QualityReason::Viewer,
        ),
        (only(StreamId(77)), STREAM, QualityReason::Nothing),
    ] {
        limited(&mut world, limits);
        world.run(8 * SECOND);
        let quality = world.session.quality();
        println!("{limits:?} {quality:?}");
        assert_eq!((quality.variant, quality.reason), (variant, reason));
        assert_eq!(world.qualities.last().unwrap().1.variant, variant);
    }
    assert_goes_on(&world);
    assert_eq!(world.viewer.video.lost(), 0);
}

#[test]
fn sound_and_picture_stay_together_when_the_picture_is_switched() {
    let mut world = behind(times(60, 100 * MS), 700 * MS, setup(MAIN, QUARTER));
    world.run(5 * SECOND);
    for i in 0..6 {
        let variant = [SUB, STREAM][i % 2];
        limited(&mut world, only(variant));
        world.run(5 * SECOND + 130 * MS);
        assert_eq!(world.session.quality().variant, variant);
        let units = world.viewer.video.access_units();
        let newest = units.last().unwrap();
        let sound = world.viewer.audio.packets().last().unwrap();
        let viewer = &world.viewer;
        let of_video = viewer.wall_clock_at(viewer.video.ssrc(), newest.timestamp, 90_000);
        let of_sound = viewer.wall_clock_at(viewer.audio.ssrc(), sound.timestamp, 8_000);
        // Frame and sound were captured when they left the camera, some moments before they arrived.
        let captured = |at: Instant| world.wall + (at - world.start);
        for (shown, at) in [(of_video, newest.at), (of_sound, sound.at)] {
            let off = captured(at)
                .duration_since(shown.unwrap())
                .unwrap_or_default();
            let early = shown
                .unwrap()
                .duration_since(captured(at))
                .unwrap_or_default();
            assert!(
                off < 60 * MS && early < 5 * MS,
                "{variant:?}: {off:?} {early:?}"
            );
        }
    }
    assert_goes_on(&world);
}

#[test]
fn a_variant_may_have_another_codec() {
    let main = Frames {
        codec: Codec::H265,
        ..MAIN
    };
    let mut world = behind(times(8, 100 * MS), 700 * MS, setup(main, QUARTER));
    world.run(3 * SECOND);
    assert_eq!(world.session.quality().variant, SUB);
    set_link(&mut world, times(40, 100 * MS));
    world.run(12 * SECOND);
    assert_eq!(world.session.quality().variant, STREAM);
    let units = world.viewer.video.access_units();
    for stream in [STREAM, SUB] {
        let count = units
            .iter()
            .filter(|unit| stream_of(unit) == stream)
            .count();
        assert!(count > 20, "{count} of {stream:?}");
    }
    assert_goes_on(&world);
}

#[test]
fn what_is_lost_about_a_switch_stops_nothing() {
    for (rtx, seed) in [(true, 1), (false, 2), (true, 3), (false, 4)] {
        let viewer = ViewerConfig {
            rtx,
            ..ViewerConfig::chromium()
        };
        let mut world = World::new(Setup {
            viewer,
            seed,
            congestion: rtx,
            ..setup(MAIN, QUARTER)
        });
        world.camera_ran(2 * SECOND);
        world.connect();
        let lossy = Link {
            delay: 20 * MS,
            loss: 0.05,
            ..Link::default()
        };
        set_link(&mut world, lossy);
        for i in 0..10 {
            limited(&mut world, only([SUB, STREAM][i % 2]));
            world.run(2 * SECOND);
        }
        set_link(&mut world, Link::default());
        world.run(SECOND);
        assert_eq!(world.session.figures().switches.down, 5);
        // Only what was lost just before a switch cannot be had again.
        assert!(
            world.viewer.video.lost() < 20,
            "{}",
            world.viewer.video.lost()
        );
        assert!(world.session.figures().retransmits > 20);
        assert_goes_on(&world);
        assert_eq!(world.viewer.undecryptable, 0);
    }
}

#[test]
fn without_a_substream_frames_are_left_out_then_all_but_keyframes_then_the_picture() {
    let alone = |bandwidth: u64, after: u32| {
        let setup = Setup {
            variants: Vec::new(),
            cameras: Vec::new(),
            ..setup(MAIN, QUARTER)
        };
        let link = Link {
            bandwidth: bandwidth.into(),
            ..times(4, 200 * MS)
        };
        let mut world = behind(link, after * MS, setup);
        world.run(30 * SECOND);
        let quality = world.session.quality();
        println!(
            "{bandwidth} {quality:?} {:?} {:?}",
            world.qualities,
            world.session.figures()
        );
        assert_eq!(quality.reason, QualityReason::Path);
        assert_goes_on(&world);
        (world, quality.detail)
    };
    assert_eq!(alone(400_000, 700).1, Detail::FewerFrames);
    let mut missing = 0;
    for after in [100, 700, 1500, 2300, 3100, 3900] {
        let (mut world, detail) = alone(180_000, after);
        assert_eq!(detail, Detail::Keyframes, "{after} ms");
        let seen = watch(&mut world, 40 * SECOND);
        println!("{after}: {seen:?}");
        // A keyframe every four seconds; in one of 36 cases a probe costs one.
        assert!(seen.gap < 8500 * MS, "{after} ms: {seen:?}");
        missing += u32::from(seen.gap > 4500 * MS);
    }
    assert!(missing <= 1, "{missing}");
    let (mut world, _) = alone(180_000, 700);
    world.run(40 * SECOND);
    let units = world.viewer.video.access_units();
    let newest = units.iter().rev().find(|unit| unit.is_keyframe()).unwrap();
    let age = newest.at - world.frame_time(newest.timestamp);
    assert!(age < 1500 * MS, "{age:?}");
    let before = world.viewer.audio.lost();
    set_link(&mut world, times(20, 100 * MS));
    world.run(20 * SECOND);
    assert_eq!(world.session.quality().detail, Detail::AllFrames);
    assert_eq!(world.viewer.audio.lost(), before);

    // Hardly more than the sound.
    set_link(
        &mut world,
        Link {
            bandwidth: 110_000.into(),
            ..times(2, 200 * MS)
        },
    );
    world.run(45 * SECOND);
    println!("{:?} {:?}", world.qualities, world.session.figures());
    assert_eq!(world.session.quality().detail, Detail::SoundOnly);
    let heard = world.viewer.audio.count();
    world.run(10 * SECOND);
    assert!(world.viewer.audio.count() - heard > 450);
    set_link(&mut world, times(20, 100 * MS));
    world.run(60 * SECOND);
    println!("{:?} {:?}", world.qualities, world.session.figures());
    assert_eq!(world.session.quality().detail, Detail::AllFrames);
    assert_goes_on(&world);
}

#[test]
fn frames_that_no_other_needs_are_left_out_first() {
    for codec in [Codec::H264, Codec::H265] {
        let main = Frames {
            codec,
            disposable: true,
            ..MAIN
        };
        let setup = Setup {
            variants: Vec::new(),
            cameras: Vec::new(),
            ..setup(main, QUARTER)
        };
        let mut world = behind(times(8, 200 * MS), 700 * MS, setup);
        world.run(10 * SECOND);
        assert_eq!(world.session.quality().detail, Detail::FewerFrames);
        let skips = world.session.figures().skips;
        let lossy = Link {
            loss: 0.03,
            ..times(8, 200 * MS)
        };
        set_link(&mut world, lossy);
        let seen = watch(&mut world, 20 * SECOND);
        set_link(&mut world, times(8, 200 * MS));
        world.run(SECOND);
        println!("{seen:?} {:?}", world.session.figures());
        // Every second frame, and what was lost comes again.
        assert!((240..300).contains(&seen.frames), "{seen:?}");
        assert!(seen.gap < 700 * MS, "{seen:?}");
        assert_eq!(world.session.figures().skips, skips);
        assert!(world.session.figures().retransmits > 5);
        assert_goes_on(&world);
    }
}

#[test]
fn a_variant_on_demand_is_asked_for_and_shown_once_it_is_live() {
    let sub = Camera::on_demand(SUB, QUARTER, 1500 * MS);
    let setup = Setup {
        cameras: vec![sub],
        ..setup(MAIN, QUARTER)
    };
    let mut world = behind(times(8, 100 * MS), 700 * MS, setup);
    world.run(SECOND);
    assert!(world.wanted.contains(&SUB), "{:?}", world.wanted);
    assert_eq!(world.session.quality().variant, STREAM);
    world.run(4 * SECOND);
    assert_eq!(world.session.quality().variant, SUB);
    set_link(&mut world, times(40, 100 * MS));
    world.run(12 * SECOND);
    assert_eq!(world.session.quality().variant, STREAM);
    assert!(!world.wanted.contains(&SUB), "{:?}", world.wanted);
    // And once more: it is another track now.
    set_link(&mut world, times(5, 100 * MS));
    world.run(8 * SECOND);
    assert_eq!(world.session.quality().variant, SUB);
    assert_goes_on(&world);
}

#[test]
fn when_the_shown_variant_falls_silent_another_takes_its_place() {
    let mut world = behind(times(60, 100 * MS), 700 * MS, setup(MAIN, QUARTER));
    limited(
        &mut world,
        ViewerLimits {
            variant: VariantChoice::AtMost(SUB),
            ..ViewerLimits::default()
        },
    );
    world.run(5 * SECOND);
    assert_eq!(world.session.quality().variant, SUB);
    limited(
        &mut world,
        ViewerLimits {
            max_bitrate: Some(300_000),
            ..ViewerLimits::default()
        },
    );
    world.run(5 * SECOND);
    assert_eq!(world.session.quality().variant, SUB);
    world.cameras[0].on = false;
    world.run(8 * SECOND);
    assert_eq!(
        world.session.quality().variant,
        STREAM,
        "{:?}",
        world.qualities
    );
    world.cameras[0].on = true;
    world.run(8 * SECOND);
    assert_eq!(
        world.session.quality().variant,
        SUB,
        "{:?}",
        world.qualities
    );
    assert_goes_on(&world);
}

#[test]
fn a_viewer_that_sends_no_feedback_goes_down_only_for_persistent_loss() {
    let viewer = ViewerConfig {
        transport_cc: false,
        nack: false,
        ..ViewerConfig::chromium()
    };
    let mut world = World::new(Setup {
        viewer,
        ..setup(MAIN, QUARTER)
    });
    world.camera_ran(SECOND);
    world.connect();
    world.run(5 * SECOND);
    let lossy = |loss| Link {
        delay: 20 * MS,
        loss,
        ..Link::default()
    };
    set_link(&mut world, lossy(0.02));
    world.run(20 * SECOND);
    assert_eq!(world.session.quality().variant, STREAM);
    set_link(&mut world, lossy(0.25));
    world.run(20 * SECOND);
    println!("{:?} {:?}", world.qualities, world.session.figures());
    assert_eq!(world.session.quality().variant, SUB);
    assert_eq!(world.session.quality().detail, Detail::AllFrames);
    set_link(&mut world, lossy(0.0));
    world.run(60 * SECOND);
    assert_eq!(world.session.quality().variant, STREAM);
    assert_eq!(world.session.state(), SessionState::Connected);
}

#[test]
fn a_session_without_variants_on_a_wide_path_has_nothing_to_decide() {
    let setup = Setup {
        variants: Vec::new(),
        cameras: Vec::new(),
        ..setup(MAIN, QUARTER)
    };
    let mut world = behind(times(60, 100 * MS), 700 * MS, setup);
    world.run(20 * SECOND);
    assert!(world.qualities.is_empty(), "{:?}", world.qualities);
    assert_eq!(world.session.quality().reason, QualityReason::Nothing);
    assert_eq!(world.session.streams(), [STREAM]);
    // What costs something to look at is not looked at with each frame.
    world.with_session(|session, io| {
        session.send(STREAM, None, io);
        assert!(!session.has_news());
    });
    // Nothing but reports, liveness and consent.
    world.switch_camera(false);
    let (end, mut wakes) = (world.now + 7 * SECOND, 0);
    while let Some(at) = world.session.next_deadline().filter(|&at| at <= end) {
        world.now = at;
        world.with_session(|session, io| session.handle_timeout(io));
        wakes += 1;
    }
    assert!(wakes <= 8, "{wakes}");
}

#[test]
fn a_track_that_is_replaced_while_it_is_shown_is_not_mistaken_for_the_one_before() {
    for rtx in [true, false] {
        let viewer = ViewerConfig {
            rtx,
            ..ViewerConfig::chromium()
        };
        let mut world = World::new(Setup {
            viewer,
            congestion: rtx,
            ..setup(MAIN, QUARTER)
        });
        limited(&mut world, only(SUB));
        world.camera_ran(2 * SECOND);
        world.connect();
        let lossy = Link {
            delay: 40 * MS,
            loss: 0.05,
            ..Link::default()
        };
        set_link(&mut world, lossy);
        for _ in 0..10 {
            world.run(1300 * MS);
            world.cameras[0].replace_track();
        }
        set_link(&mut world, Link::default());
        world.run(2 * SECOND);
        assert_eq!(world.session.quality().variant, SUB);
        let units = world.viewer.video.access_units();
        assert!(units.len() > 120, "{}", units.len());
        let keyframes = units.iter().filter(|unit| unit.is_keyframe()).count();
        assert!(keyframes >= 8, "{keyframes}");
        assert!(world.session.figures().retransmits > 3);
        assert_goes_on(&world);
    }
}

#[test]
fn a_viewer_that_only_heard_sees_another_variant_from_its_cached_keyframe_on() {
    let mut world = behind(times(60, 100 * MS), 700 * MS, setup(MAIN, QUARTER));
    world.run(5 * SECOND);
    limited(
        &mut world,
        ViewerLimits {
            max_bitrate: Some(60_000),
            ..ViewerLimits::default()
        },
    );
    // The next keyframe of the stream is two seconds away.
    world.run(22 * SECOND - world.elapsed());
    assert_eq!(world.session.quality().detail, Detail::SoundOnly);
    let asked = world.now;
    limited(&mut world, only(STREAM));
    world.run(SECOND);
    let units = world.viewer.video.access_units();
    let seen = units.iter().filter(|unit| unit.at > asked);
    let seen: Vec<_> = seen.map(stream_of).collect();
    assert!(seen.len() > 20, "{}", seen.len());
    assert!(seen.iter().all(|&stream| stream == STREAM), "{seen:?}");
    let counts = world.session.figures().switches;
    assert_eq!((counts.down, counts.up, counts.sound_only), (1, 1, 1));
    assert_goes_on(&world);
}

#[test]
fn the_stream_itself_is_not_needed_by_a_viewer_that_asked_not_to_see_it_and_does_not_hear_it() {
    const SOUND: StreamId = StreamId(3);
    for (heard, needed) in [(SOUND, vec![SUB, SOUND]), (STREAM, vec![STREAM, SUB])] {
        let setup = Setup {
            audio_stream: heard,
            ..setup(MAIN, QUARTER)
        };
        let mut world = behind(times(60, 100 * MS), 700 * MS, setup);
        let at_most = ViewerLimits {
            variant: VariantChoice::AtMost(SUB),
            ..ViewerLimits::default()
        };
        limited(&mut world, at_most);
        world.run(5 * SECOND);
        assert_eq!(world.session.quality().variant, SUB);
        assert_eq!(world.wanted, needed);
        limited(&mut world, ViewerLimits::default());
        world.run(5 * SECOND);
        assert_eq!(world.session.quality().variant, STREAM);
        assert_eq!(world.wanted[0], STREAM);
        // There is no other variant any more.
        limited(&mut world, at_most);
        world.run(5 * SECOND);
        assert_eq!(world.session.quality().variant, SUB);
        world.variants.clear();
        world.run(5 * SECOND);
        assert_eq!(world.session.quality().variant, STREAM);
        assert_eq!(world.wanted[0], STREAM);
        assert_goes_on(&world);
    }
}
