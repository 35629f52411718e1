//! A link that becomes thin for a while: how soon the viewer is back on the main stream, wherever in the
//! streams' groups of pictures, of the probes and of the feedback that happens. And how often it is switched where
//! nothing changes.

use rtsp_webrtc_gateway::state::StreamId;
use testkit::net::Link;
use testkit::viewer::ViewerConfig;

use crate::thin::{MAIN, MS, SECOND, behind, times};
use crate::world::camera::{Camera, Frames};
use crate::world::{GATEWAY, STREAM, Setup, VIEWER, World, address, beginning};

const SUB: StreamId = StreamId(2);

const SEEDS: u64 = 60;

/// What differs from case to case.
#[derive(Clone, Copy, Debug)]
struct Case {
    /// When the viewer comes, in ms.
    after: u32,
    /// Frames that the substream's keyframes come before the stream's.
    ahead: usize,
    queue: u32,
    /// Whether the link was wide when the viewer came.
    was_wide: bool,
    /// Tenths of the stream's rate, and for how long, in ms.
    thin: u32,
    lasts: u32,
    wide: u32,
    keyframe: usize,
    jitter: u32,
    loss: f64,
    seed: u64,
}

impl Case {
    fn of(seed: u64) -> Case {
        let mut random = fastrand::Rng::with_seed(seed);
        Case {
            after: random.u32(0..4000),
            ahead: random.usize(0..100),
            queue: *random.choice(&[50, 100, 200, 400]).unwrap(),
            was_wide: random.u8(0..3) > 0,
            thin: *random.choice(&[5, 6, 8]).unwrap(),
            lasts: random.u32(5_000..30_000),
            wide: *random.choice(&[24, 30, 30, 40]).unwrap(),
            keyframe: *random.choice(&[8_000, 18_000, 30_000]).unwrap(),
            jitter: *random.choice(&[0, 0, 2, 5]).unwrap(),
            loss: *random.choice(&[0.0, 0.0, 0.0, 0.005]).unwrap(),
            seed,
        }
    }

    fn world(self, tenths: u32) -> World {
        let main = Frames {
            sizes: (self.keyframe, (190_000 - self.keyframe) / 99),
            ..MAIN
        };
        let sub = Frames {
            sizes: (self.keyframe / 4, main.sizes.1 / 4),
            first: self.ahead,
            ..main
        };
        let viewer = ViewerConfig {
            feedback_interval: 62 * MS,
            ..ViewerConfig::chromium()
        };
        let setup = Setup {
            viewer,
            frames: Some(main),
            variants: vec![STREAM, SUB],
            cameras: vec![Camera::new(beginning(), SUB, sub)],
            seed: self.seed,
            ..Setup::default()
        };
        behind(self.link(tenths), self.after * MS, setup)
    }

    fn link(self, tenths: u32) -> Link {
        Link {
            jitter: self.jitter * MS,
            loss: self.loss,
            ..times(tenths.into(), self.queue * MS)
        }
    }
}

fn set_link(world: &mut World, link: Link) {
    world
        .network
        .set_link(address(GATEWAY), address(VIEWER), link);
}

#[test]
fn the_main_stream_is_back_within_ten_seconds_in_any_case() {
    for seed in 0..SEEDS {
        let case = Case::of(seed);
        let first = if case.was_wide { case.wide } else { case.thin };
        let mut world = case.world(first);
        if case.was_wide {
            world.run(12 * SECOND);
            set_link(&mut world, case.link(case.thin));
        }
        world.run(case.lasts * MS);
        set_link(&mut world, case.link(case.wide));
        world.run(10 * SECOND);
        let quality = world.session.quality();
        assert_eq!(quality.variant, STREAM, "{case:?} {:?}", world.qualities);
        let told = world.qualities.len();
        world.run(30 * SECOND);
        assert_eq!(world.qualities.len(), told, "it stays: {case:?}");
    }
}

#[test]
fn on_a_constant_link_of_any_kind_a_viewer_is_rarely_switched() {
    for seed in 0..SEEDS / 4 {
        let case = Case::of(seed);
        for tenths in [4, 9, 11, 13] {
            let mut world = case.world(tenths + (seed % 2) as u32);
            world.run(30 * SECOND);
            let told = world.qualities.len();
            world.run(150 * SECOND);
            let told = world.qualities.len() - told;
            // One in 30 seconds.
            assert!(told <= 5, "{tenths} {case:?}: {:?}", world.qualities);
        }
    }
}
