//! A link on which nothing arrives any more.

use crate::thin::{MS, SECOND, behind, put_behind, setup, times};
use crate::world::{GATEWAY, VIEWER, World, address};

/// Datagrams that leave for the viewer in so many half seconds, one after the other.
fn sent(world: &mut World, halves: usize) -> Vec<u64> {
    let counts = |world: &World| {
        let counts = world.network.counts(address(GATEWAY), address(VIEWER));
        counts.sent
    };
    let mut before = counts(world);
    let mut all = Vec::new();
    for _ in 0..halves {
        world.run(500 * MS);
        let now = counts(world);
        all.push(now - before);
        before = now;
    }
    all
}

#[test]
fn a_viewer_that_nothing_reaches_gets_nothing_but_checks_and_reports() {
    // Thin, all is measured; wide, one sample a second. With what comes from it, and without.
    let cases = [(12, 2), (200, 4)].map(|case| [(case, false), (case, true)]);
    for ((tenths, seconds), both_ways) in cases.into_iter().flatten() {
        let link = times(tenths, 100 * MS);
        let mut world = behind(link, 700 * MS, setup());
        world.run(6 * SECOND);
        world.cut(GATEWAY, VIEWER);
        if both_ways {
            world.cut(VIEWER, GATEWAY);
        }
        world.run(seconds * SECOND);
        let quiet = sent(&mut world, 6);
        println!("{tenths} {both_ways}: {quiet:?}");
        // A check every half second, two sender reports a second, and answers to the viewer's checks.
        assert!(quiet.iter().sum::<u64>() <= 6 + 6 + 4, "{quiet:?}");
        put_behind(&mut world, link);
        let frames = world.viewer.video.access_units().len();
        world.run(3 * SECOND);
        let more = world.viewer.video.access_units().len() - frames;
        println!("{more} frames");
        // A keyframe comes every two seconds.
        assert!(more > 20, "{more} frames");
    }
}

#[test]
fn sound_that_was_not_heard_is_not_made_up_for() {
    let mut world = behind(times(30, 100 * MS), 700 * MS, setup());
    world.run(6 * SECOND);
    world.cut(GATEWAY, VIEWER);
    world.run(4 * SECOND);
    world.mend(GATEWAY, VIEWER);
    let heard = world.viewer.audio.packets().count();
    world.run(SECOND);
    let more = world.viewer.audio.packets().count() - heard;
    assert!((10..=55).contains(&more), "{more} packets in a second");
}
