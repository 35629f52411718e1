//! A stream without keyframes: a viewer begins with one that the gateway made, and those who are
//! further do not get it.

use std::time::Duration;

use rtsp_webrtc_gateway::internals::media::{AccessUnit, Codec, RingLimits};

use crate::world::camera::Frames;
use crate::world::{Setup, World};

/// The opening, 80 bytes, in front of the frame that comes next.
fn open(world: &mut World) {
    let frames = (world.now - world.start).as_millis() as i64 / 40;
    let mut data = vec![0, 0, 0, 80, 0x65];
    data.resize(84, 0x27);
    world.video.push_opening(&AccessUnit {
        data: &data,
        timestamp: (frames + 1) * 3600 - 90,
        arrival: world.now,
        captured: None,
    });
}

/// Sizes of the access units that the viewer got, keyframes in front.
fn received(world: &World) -> (usize, usize) {
    let units = world.viewer.video.access_units();
    let keyframes = units.iter().filter(|unit| unit.is_keyframe()).count();
    (keyframes, units.len() - keyframes)
}

#[test]
fn only_who_begins_with_an_opening_gets_it() {
    let mut world = World::new(Setup {
        frames: Some(Frames {
            codec: Codec::H264,
            sizes: (5000, 1000),
            gop: 1_000_000,
            first: 1,
            disposable: false,
            small: false,
        }),
        ..Setup::default()
    });
    world.video.push(&AccessUnit {
        data: &[0, 0, 0, 2, 0x41, 1],
        timestamp: 0,
        arrival: world.now,
        captured: None,
    });
    // Frame 0 is a keyframe in any case: the ring forgets it.
    let limits = crate::world::LIMITS;
    world.video.ring_mut().set_limits(RingLimits {
        duration: Duration::from_millis(100),
        keep_gop: false,
        ..limits
    });
    world.camera_ran(Duration::from_secs(1));
    world.video.ring_mut().set_limits(limits);
    world.connect();
    world.run(Duration::from_secs(1));
    assert_eq!(received(&world), (0, 0), "there is nothing to begin with");

    open(&mut world);
    world.run(Duration::from_secs(1));
    let (keyframes, others) = received(&world);
    assert_eq!(keyframes, 1);
    assert!((24..=26).contains(&others), "{others}");

    for _ in 0..4 {
        open(&mut world);
        world.run(Duration::from_secs(1));
    }
    let (keyframes, others) = received(&world);
    assert_eq!(keyframes, 1, "it is gray: whoever has a picture keeps it");
    assert!((122..=128).contains(&others), "{others}");
    assert_eq!(world.viewer.video.lost(), 0);

    world.viewer.send_pli();
    world.run(Duration::from_secs(1));
    assert_eq!(received(&world).0, 2, "it begins again");
}

#[test]
fn after_a_new_beginning_everybody_gets_it() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_millis(500));
    let (before, _) = received(&world);
    let info = world.video.info().clone();
    world.video.reconnected(info);
    open(&mut world);
    world.run(Duration::from_millis(200));
    assert_eq!(received(&world).0, before + 1);
    assert_eq!(world.viewer.video.lost(), 0);
}
