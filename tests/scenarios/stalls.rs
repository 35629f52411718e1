//! Machines that stall: a busy processor takes datagrams late and all at once. That is no queue of the path.

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::net::{Bandwidth, Link, Step};
use testkit::viewer::ViewerConfig;

use crate::thin::{MS, SECOND, behind};
use crate::world::{GATEWAY, Setup, VIEWER, World, address};

/// A machine that takes a packet in 50 us, but nothing now and then.
static STALLS: [Step; 12] = [
    step(730, TAKES),
    step(60, 0),
    step(37, TAKES),
    step(100, 0),
    step(23, TAKES),
    step(40, 0),
    step(361, TAKES),
    step(80, 0),
    step(3, TAKES),
    step(30, 0),
    step(2, TAKES),
    step(70, 0),
];
const TAKES: u64 = 200_000_000;

const fn step(ms: u64, rate: u64) -> Step {
    Step {
        lasts: Duration::from_millis(ms),
        rate,
    }
}

/// 2 or 4 Mbit/s with keyframes of 64 kB every two seconds.
fn stream(megabits: usize, pacing: Option<u64>) -> Setup {
    let viewer = ViewerConfig {
        feedback_interval: 62 * MS,
        ..ViewerConfig::chromium()
    };
    Setup {
        sizes: Some((64_000, (megabits * 250_000 - 64_000) / 49)),
        congestion: pacing.is_some(),
        pacing,
        viewer,
        ..Setup::default()
    }
}

/// A viewer on the same network, or 10 ms away, whose machine or whose way there stalls.
fn stalling(delay: Duration, setup: Setup) -> World {
    let link = Link {
        delay,
        bandwidth: Bandwidth::Steps(&STALLS),
        queue: SECOND,
        ..Link::default()
    };
    let mut world = behind(link, 700 * MS, setup);
    world
        .network
        .set_link(address(VIEWER), address(GATEWAY), link);
    world
}

/// Age of each picture when it was complete, by timestamp, from the third second on.
fn ages(world: &World) -> BTreeMap<u32, Duration> {
    let units = world.viewer.video.access_units();
    let late = |at| at > world.start + 3 * SECOND;
    let units = units.iter().filter(|unit| late(unit.at));
    units
        .map(|unit| {
            let age = unit
                .at
                .saturating_duration_since(world.frame_time(unit.timestamp));
            (unit.timestamp, age)
        })
        .collect()
}

#[test]
fn a_viewer_that_stalls_is_not_paced() {
    for delay in [Duration::ZERO, MS / 4, 5 * MS] {
        for megabits in [2, 4] {
            let mut plain = stalling(delay, stream(megabits, None));
            plain.run(60 * SECOND);
            let mut world = stalling(delay, stream(megabits, Some(250)));
            let mut lowest = u64::MAX;
            for n in 0..600 {
                world.run(100 * MS);
                if n > 30 {
                    lowest = lowest.min(world.session.figures().estimate.unwrap_or(0));
                }
            }
            let (plain, paced) = (ages(&plain), ages(&world));
            assert!(paced.len() > 1400);
            let added = paced.iter().map(|(timestamp, age)| {
                let without = plain.get(timestamp).copied().unwrap_or_default();
                age.saturating_sub(without)
            });
            let mut added: Vec<_> = added.collect();
            added.sort();
            let (p95, most) = (added[added.len() * 95 / 100], added[added.len() - 1]);
            let case = format!("{delay:?}, {megabits} Mbit/s: p95 {p95:?}, {most:?}, {lowest}");
            println!("{case}");
            assert!(most < MS, "{case}");
            assert!(lowest >= 50_000_000, "{case}");
        }
    }
}

#[test]
fn a_worker_that_stalls_does_not_pace() {
    for delay in [Duration::ZERO, 5 * MS] {
        let link = Link {
            delay,
            ..Link::default()
        };
        let mut world = behind(link, 700 * MS, stream(4, Some(250)));
        let mut lowest = u64::MAX;
        for n in 0..100 {
            world.run((90 + n * 37 % 400) * MS);
            world.now += 50 * MS;
            if n > 20 {
                lowest = lowest.min(world.session.figures().estimate.unwrap_or(0));
            }
        }
        let ages = ages(&world);
        let most = ages.values().max().unwrap();
        println!("{delay:?}: {most:?}, {lowest}");
        assert!(*most < 51 * MS + delay, "{most:?}");
        assert!(lowest >= 50_000_000, "{lowest}");
    }
}
