//! The first seconds of a viewer, on near, far and thin paths: the first picture, when it is live, and that the
//! link is not harmed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use testkit::net::Link;
use testkit::viewer::AccessUnit;

use crate::thin::{MS, SECOND, STREAM, behind, setup, times, watch, without_sound};
use crate::world::{GATEWAY, Setup, VIEWER, World, address};

/// 500 kbit/s with a keyframe of 25 kB every four seconds.
fn long_gop() -> Setup {
    Setup {
        sizes: Some((25_000, 1_640)),
        gop: 100,
        congestion: true,
        ..Setup::default()
    }
}

/// 4 Mbit/s with keyframes of 300 kB.
fn large() -> Setup {
    Setup {
        sizes: Some((300_000, 14_000)),
        congestion: true,
        ..Setup::default()
    }
}

/// When the first picture came, and the first that was live.
fn first_and_live(world: &World, since: Instant) -> (Duration, Duration) {
    let units = world.viewer.video.access_units();
    let live = units
        .iter()
        .find(|unit| unit.at - world.frame_time(unit.timestamp) < 100 * MS);
    (units[0].at - since, live.unwrap().at - since)
}

#[test]
fn on_a_wide_path_all_that_waits_comes_within_a_few_round_trips() {
    for delay in [0, 1, 5, 40] {
        let link = Link {
            delay: delay * MS,
            ..Link::default()
        };
        let mut world = behind(link, 5900 * MS, large());
        let connected = world.now;
        world.run(SECOND);
        let (first, live) = first_and_live(&world, connected);
        println!("{delay}: {first:?} {live:?}");
        assert!(first <= 6 * delay * MS, "{delay}: {first:?}");
        assert!(live <= 7 * delay * MS, "{delay}: {live:?}");
        assert_eq!(world.session.figures().skips, 0);
    }
}

/// When nothing that came later was old.
fn live(world: &World, since: Instant) -> Duration {
    let units = world.viewer.video.access_units();
    let age = |unit: &AccessUnit| unit.at - world.frame_time(unit.timestamp);
    let old = units.iter().rposition(|unit| age(unit) >= 200 * MS);
    units[old.map_or(0, |old| old + 1)].at - since
}

/// A viewer gets the last keyframe and all that followed, for which there is what the stream leaves of the link, if that
/// is soon done. If not, it is live with the next keyframe, for which there is all of the link.
#[test]
fn a_viewer_is_live_within_a_second_and_a_half_or_with_the_next_keyframe() {
    let (rate, stream) = (100_000, 64_000);
    for came in (0..4000).step_by(200) {
        let mut world = behind(times(16, 100 * MS), (4000 + came) * MS, without_sound());
        let connected = world.now;
        world.run(8 * SECOND);
        let live = live(&world, connected);
        let catches_up = (9_500_000 + stream * came) / (rate - stream);
        let next = 4000 - came + 9_500_000 / rate;
        println!("{came}: {live:?}, {catches_up} or {next} ms");
        let most = if catches_up < 1500 { 1500 } else { next + 100 };
        assert!(live < most * MS, "{came}: {live:?}");
        assert_eq!(world.viewer.video.lost(), 0);
    }
}

#[test]
fn a_middling_link_loses_nothing() {
    for (delay, queue) in [(0, 100), (1, 100), (10, 50), (40, 100)] {
        let link = Link {
            delay: delay * MS,
            bandwidth: 10_000_000.into(),
            queue_bytes: Some(1250 * queue + 4096),
            burst: 4096,
            ..Link::default()
        };
        let mut world = behind(link, 5000 * MS, large());
        let connected = world.now;
        let seen = watch(&mut world, 20 * SECOND);
        let (first, _) = first_and_live(&world, connected);
        println!("{delay}: {first:?} {seen:?}");
        assert_eq!(seen.lost, 0.0, "{delay}: {seen:?}");
        // 300 kB take 250 ms.
        assert!(first < (300 + 4 * delay) * MS, "{delay}: {first:?}");
        assert!(seen.gap < 450 * MS, "{delay}: {seen:?}");
    }
}

#[test]
fn wherever_in_a_long_gop_a_viewer_comes_it_sees_a_picture_soon_and_then_live() {
    for tenths in [3, 5, 8, 12, 16, 30, 200] {
        for (queue, delay) in [(50, 0), (100, 1), (300, 1), (100, 20), (100, 80)] {
            for after in [40, 700, 1900, 3000, 3700] {
                let link = Link {
                    delay: delay * MS,
                    ..times(tenths, queue * MS)
                };
                let rate = STREAM * tenths / 10;
                let mut world = behind(link, 8 * SECOND + after * MS, long_gop());
                let connected = world.now;
                let start = watch(&mut world, 6 * SECOND);
                let seen = watch(&mut world, 20 * SECOND);
                let case = format!(
                    "{tenths} tenths, queue {queue} ms, delay {delay} ms, after {after} ms:\n\
                     {start:?}\n{seen:?} {:?}",
                    world.session.figures()
                );
                // Within two seconds, what the bucket and the queue take comes on top, and on the thinnest a probe: a
                // smaller one would measure nothing. Where the sound takes two thirds, that is up to 1.12 times what is
                // carried.
                let (times, probe) = if tenths == 3 {
                    (1.12, 4.0 * 7600.0)
                } else {
                    (1.1, 0.0)
                };
                let taken = 4.0 * (4096 + rate * queue as u64 / 8000) as f64;
                let carried = rate as f64 * times + taken + probe;
                assert!(start.most_sent < carried, "{case}");
                assert!(seen.most_sent < carried, "{case}");
                if tenths == 3 {
                    // A keyframe takes three and a half seconds.
                    assert!(seen.frames >= 1, "{case}");
                    continue;
                }
                // The sound takes 100 kbit/s; a keyframe may be overtaken by the next one.
                let first = world.viewer.video.access_units()[0].at - connected;
                let needed = Duration::from_millis(26_000 * 8 * 1000 / (rate - 100_000));
                let overtaken = Duration::from_millis((4000 - after as u64) % 4000);
                let more = if tenths > 5 { 150 } else { 400 } * MS;
                // The link idles for a round trip behind each of the first three bursts.
                let late = first.saturating_sub(needed + more + 6 * delay * MS);
                assert!(
                    late.is_zero() || overtaken < needed + 250 * MS,
                    "{first:?} {case}"
                );
                if tenths >= 12 {
                    assert!(seen.lost < 0.01, "{case}");
                    assert!(seen.frames >= 495, "{case}");
                    // A keyframe's time, and a frame.
                    assert!(seen.gap < needed + 120 * MS, "{case}");
                } else {
                    // A keyframe every four seconds, at a third of what the link carries while the estimate is low.
                    assert!(seen.gap < 4 * SECOND + 3 * needed, "{case}");
                }
                if tenths == 8 {
                    assert!(seen.age < 1500 * MS, "{case}");
                }
            }
        }
    }
}

#[test]
fn loss_at_the_start_does_not_make_a_wide_path_look_thin() {
    let mut thin = 0;
    for seed in 0..40 {
        let link = Link {
            delay: 20 * MS,
            loss: 0.05,
            ..Link::default()
        };
        let mut world = World::new(Setup { seed, ..long_gop() });
        world.network.set_default_link(link);
        world.camera_ran(5 * SECOND);
        world.connect();
        world.run(SECOND);
        let figures = world.session.figures();
        thin += u32::from(figures.estimate < Some(STREAM * 3 / 2) || figures.skips > 0);
    }
    // Only where the first check or its answer was lost: one in ten.
    assert!(thin <= 4, "{thin}");
}

#[test]
fn what_a_path_carries_is_remembered_for_the_next_connection() {
    let setup = setup();
    let paths = Arc::clone(&setup.paths);
    let mut world = behind(times(5, 200 * MS), 700 * MS, setup);
    world.run(15 * SECOND);
    let viewer = address(VIEWER).ip();
    let rate = paths.recall(world.now, viewer).unwrap();
    assert!((150_000..400_000).contains(&rate), "{rate}");
    assert_eq!(paths.recall(world.now, address(GATEWAY).ip()), None);
}
