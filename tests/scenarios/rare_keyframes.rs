//! A camera whose GOP outgrows what is kept: who comes late is shown its keyframe as a still, and goes on
//! with the next.

use std::time::Duration;

use rtsp_webrtc_gateway::internals::media::{Codec, RingLimits};
use rtsp_webrtc_gateway::state::{Detail, QualityReason};

use crate::world::camera::Frames;
use crate::world::{LIMITS, Setup, World};

/// Seconds from keyframe to keyframe.
const GOP: u64 = 60;

/// A viewer that comes so many seconds after the keyframe.
fn after(seconds: u64, limits: RingLimits) -> World {
    let mut world = World::new(Setup {
        frames: Some(Frames {
            codec: Codec::H264,
            sizes: (20_000, 1000),
            gop: 25 * GOP as usize,
            first: 0,
            disposable: false,
            small: false,
        }),
        ..Setup::default()
    });
    world.video.ring_mut().set_limits(limits);
    world.camera_ran(Duration::from_secs(seconds));
    world.connect();
    world
}

/// Keyframes and other pictures that the viewer got.
fn received(world: &World) -> (usize, usize) {
    let units = world.viewer.video.access_units();
    let keyframes = units.iter().filter(|unit| unit.is_keyframe()).count();
    (keyframes, units.len() - keyframes)
}

#[test]
fn who_comes_late_sees_a_still_and_then_the_video() {
    for seconds in [16, 25, 31, 40, 55] {
        let mut world = after(seconds, LIMITS);
        let connected = world.now;
        world.run(Duration::from_secs(3));
        assert_eq!(received(&world), (1, 0), "{seconds} s");
        let first = &world.viewer.video.access_units()[0];
        assert!(first.at - connected < Duration::from_millis(100));
        let age = connected - world.frame_time(first.timestamp);
        assert!(age < Duration::from_secs(16), "{age:?}");
        let quality = world.session.quality();
        assert_eq!(
            (quality.detail, quality.reason),
            (Detail::Keyframes, QualityReason::RareKeyframes)
        );
        let mut told = world.qualities.iter().map(|(_, told)| told.reason);
        assert!(told.any(|reason| reason == quality.reason));

        world.run(Duration::from_secs(GOP));
        let (keyframes, others) = received(&world);
        assert_eq!(keyframes, 2, "{seconds} s");
        assert!(others as u64 >= 25 * seconds, "{others} at {seconds} s");
        let quality = world.session.quality();
        assert_eq!(
            (quality.detail, quality.reason),
            (Detail::AllFrames, QualityReason::Nothing)
        );
        assert_eq!(world.session.figures().stills, 1);
        assert_eq!(world.viewer.video.lost(), 0);
        assert_eq!(world.session.figures().overflows, 0);
    }
}

#[test]
fn who_has_watched_the_gop_is_never_taken_back() {
    let mut world = after(1, LIMITS);
    world.run(Duration::from_secs(2 * GOP - 2));
    let (keyframes, others) = received(&world);
    assert_eq!(keyframes, 2);
    assert!(
        keyframes + others >= 25 * (2 * GOP as usize - 1),
        "{others}"
    );
    assert_eq!(world.viewer.video.lost(), 0);
    assert_eq!(world.session.figures().stills, 0);
    // The viewer lost something: nothing is left to begin with but what is older than its picture.
    world.viewer.send_pli();
    world.run(Duration::from_secs(2));
    assert!(world.session.poll_keyframe_request().is_some());
    assert_eq!(received(&world).0, 3, "the keyframe that came meanwhile");
}

#[test]
fn a_still_that_was_lost_is_sent_again() {
    let mut world = after(30, LIMITS);
    world.run(Duration::from_secs(1));
    world.viewer.send_pli();
    world.run(Duration::from_secs(1));
    assert_eq!(received(&world), (2, 0));
    assert_eq!(world.session.figures().stills, 1);
}

#[test]
fn nothing_to_show_is_said() {
    let bytes = 30_000;
    let mut world = after(30, RingLimits { bytes, ..LIMITS });
    world.run(Duration::from_secs(3));
    assert_eq!(received(&world), (0, 0));
    let quality = world.session.quality();
    assert_eq!(
        (quality.detail, quality.reason),
        (Detail::SoundOnly, QualityReason::RareKeyframes)
    );
    world.run(Duration::from_secs(GOP));
    assert_eq!(world.session.quality().reason, QualityReason::Nothing);
}
