//! A link that becomes too thin for the stream, which has a substream: how soon the viewer is shown that, and how soon
//! what it is shown is current.

use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::internals::media::Codec;
use rtsp_webrtc_gateway::state::{Detail, StreamId};
use testkit::viewer::ViewerConfig;

use crate::thin::{MS, SECOND, behind, times};
use crate::world::camera::{Camera, Frames, frame_of};
use crate::world::{GATEWAY, STREAM, Setup, VIEWER, World, address, beginning};

const SUB: StreamId = StreamId(2);
const FRAME: Duration = Duration::from_millis(40);
const GOP: usize = 100;

/// 500 kbit/s with headers, and with sound if there is any.
fn main_stream(audio: bool) -> Frames {
    let sizes = if audio {
        (18_000, 1_740)
    } else {
        (9_500, 2_376)
    };
    Frames {
        codec: Codec::H264,
        sizes,
        gop: GOP,
        first: 0,
        disposable: false,
        small: false,
    }
}

/// A viewer behind a link of 3 x, which becomes as thin as this after ten seconds and `after`. `ahead`: frames that the
/// substream's keyframes come before the stream's. Returns the world when that has happened.
fn becomes_thin(audio: bool, tenths: u64, after: Duration, ahead: usize) -> World {
    let main = main_stream(audio);
    let sub = Frames {
        sizes: (main.sizes.0 / 4, main.sizes.1 / 4),
        first: ahead,
        ..main
    };
    let viewer = ViewerConfig {
        audio,
        feedback_interval: 62 * MS,
        ..ViewerConfig::chromium()
    };
    let setup = Setup {
        viewer,
        frames: Some(main),
        variants: vec![STREAM, SUB],
        cameras: vec![Camera::new(beginning(), SUB, sub)],
        ..Setup::default()
    };
    let mut world = behind(times(30, 100 * MS), 700 * MS, setup);
    world.run(10 * SECOND + after - world.elapsed());
    let (gateway, viewer) = (address(GATEWAY), address(VIEWER));
    world
        .network
        .set_link(gateway, viewer, times(tenths, 100 * MS));
    world
}

/// From when on no frame of the substream is older than half a second, and none is awaited for longer.
fn current_from(world: &World, thin: Instant, ahead: usize) -> Instant {
    let units = world.viewer.video.access_units();
    let mut from = thin;
    let mut last = thin;
    for unit in units.iter().filter(|unit| unit.at > thin) {
        let (stream, number) = frame_of(unit.nals.last().unwrap());
        let first = if stream == SUB { ahead } else { 0 };
        let sent = world.start + FRAME * (number - first) as u32;
        let current = stream == SUB && unit.at <= sent + 500 * MS;
        if !current || unit.at > last + 500 * MS {
            from = unit.at;
        }
        last = unit.at;
    }
    from
}

#[test]
fn the_substream_is_shown_within_two_seconds_and_is_current_no_later_than_with_its_next_keyframe() {
    for (audio, tenths) in [(false, 5), (false, 8), (true, 5), (true, 8)] {
        let mut all = Vec::new();
        for after in [0, 1000, 2000, 3000] {
            for ahead in [0, 12, 25, 50, 75, 90] {
                let mut world = becomes_thin(audio, tenths, after * MS, ahead);
                let thin = world.now;
                world.run(12 * SECOND);
                let case = format!("{audio} {tenths} {after} {ahead}: {:?}", world.qualities);
                let (shown, quality) = world.qualities[0];
                assert_eq!(quality.variant, SUB, "{case}");
                assert_eq!(quality.detail, Detail::AllFrames, "{case}");
                assert!(shown <= thin + 2 * SECOND, "{case}");
                // It begins with the newest keyframe. Whether what came since is sent as well, or the next keyframe
                // after a still, is decided by what is current first, give or take half a second; and a keyframe
                // takes a quarter of a second beside the sound.
                let passed = (shown - world.start).as_millis() as usize / 40 + ahead;
                let next = FRAME * (GOP - passed % GOP) as u32;
                let current = current_from(&world, thin, ahead);
                assert!(
                    current <= shown + next + 750 * MS,
                    "{case}: {:?}",
                    current - thin
                );
                all.push(current - thin);
            }
        }
        all.sort();
        println!("{audio} {tenths}: {:?} {:?} {:?}", all[0], all[12], all[23]);
    }
}
