//! What the slots of a wall get of a path that does not carry all.

use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::internals::media::Codec;
use rtsp_webrtc_gateway::state::{
    Detail, Quality, QualityReason, SlotView, StreamId, ViewerLimits,
};
use testkit::net::Link;

use crate::wall::wall_of;
use crate::world::camera::{Camera, Frames, frame_of};
use crate::world::{GATEWAY, VIEWER, World, address, beginning};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// About 500 kbit/s, a keyframe every two seconds.
const MAIN: Frames = Frames {
    codec: Codec::H264,
    sizes: (9_000, 2_150),
    gop: 50,
    first: 0,
    disposable: false,
    small: false,
};
/// A quarter of it.
const SUB: Frames = Frames {
    sizes: (2_400, 480),
    small: true,
    ..MAIN
};

const LARGE: SlotView = SlotView {
    width: 640,
    height: 360,
    focus: false,
    paused: false,
};
const SMALL: SlotView = SlotView {
    width: 320,
    height: 180,
    ..LARGE
};

fn main(i: u64) -> StreamId {
    StreamId(20 + i)
}

fn sub(i: u64) -> StreamId {
    StreamId(60 + i)
}

/// A wall of so many tiles, each bound to a camera of its own, behind a link of this many bits per second.
fn tiles(count: u64, view: SlotView, rate: u64) -> World {
    let now = beginning();
    let first = |frames: Frames, i: u64| Frames {
        first: (i * 7 % 50) as usize,
        ..frames
    };
    let mains = (0..count).map(|i| Camera::new(now, main(i), first(MAIN, i)));
    let subs = (0..count).map(|i| Camera::new(now, sub(i), first(SUB, i + 3)));
    let slots = (0..count).map(|i| Some(main(i))).collect();
    let mut world = wall_of(now, mains.chain(subs).collect(), slots, vec![]);
    world.variants_of = (0..count).map(|i| vec![main(i), sub(i)]).collect();
    let link = Link {
        delay: 10 * MS,
        bandwidth: rate.into(),
        queue_bytes: Some(rate as usize / 16 + 4096),
        burst: 4096,
        ..Link::default()
    };
    world
        .network
        .set_link(address(GATEWAY), address(VIEWER), link);
    for i in 0..count {
        world.view(&format!("v{i}"), view);
    }
    world
}

fn quality(world: &World, i: u64) -> Quality {
    let slot = world.session.slot(&format!("v{i}")).unwrap();
    world.session.slot_at(slot).unwrap().quality.unwrap()
}

/// The longest time without a frame of a slot since then.
fn longest_gap(world: &World, i: u64, since: Instant) -> Duration {
    let units = world.slot(&format!("v{i}")).access_units();
    let mut at: Vec<Instant> = units.iter().map(|unit| unit.at).collect();
    at.retain(|&at| at >= since);
    at.insert(0, since);
    at.push(world.now);
    at.sort();
    at.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
}

#[test]
fn tiles_choose_by_their_size() {
    let mut world = tiles(4, SMALL, 100_000_000);
    world.run(3 * SECOND);
    for i in 0..4 {
        assert_eq!(quality(&world, i).variant, sub(i));
    }
    // A click: this tile is large now.
    let clicked = world.now;
    world.view("v2", LARGE);
    world.run_till(SECOND, |world| quality(world, 2).variant == main(2));
    assert!(world.now - clicked < 50 * MS, "{:?}", world.now - clicked);
    world.run(2 * SECOND);
    assert_eq!(quality(&world, 1).variant, sub(1));
    world.view("v2", SMALL);
    world.run(SECOND);
    assert_eq!(quality(&world, 2).variant, sub(2));
}

#[test]
fn sixteen_tiles_that_become_large_at_once_show_a_picture_of_each_first() {
    let mut world = tiles(16, SMALL, 100_000_000);
    world.run(3 * SECOND);
    let clicked = world.now;
    for i in 0..16 {
        world.view(&format!("v{i}"), LARGE);
    }
    world.run(SECOND);
    let mut firsts = Vec::new();
    let mut seconds = Vec::new();
    for i in 0..16 {
        assert_eq!(quality(&world, i).variant, main(i));
        let units = world.slot(&format!("v{i}")).access_units();
        let large = |nals: &[Vec<u8>]| frame_of(nals.last().unwrap()).0 == main(i);
        let large = units.iter().filter(|unit| large(&unit.nals));
        let mut since = large.map(|unit| unit.at).filter(|&at| at > clicked);
        firsts.push(since.next().unwrap() - clicked);
        seconds.push(since.next().unwrap() - clicked);
    }
    let (first, second) = (firsts.iter().max(), seconds.iter().min());
    assert!(first < Some(&(50 * MS)), "{firsts:?}");
    assert!(first <= second, "{firsts:?} {seconds:?}");
}

#[test]
fn half_of_what_is_needed_degrades_the_tiles_that_are_not_in_focus() {
    // 16 tiles of 500 kbit/s.
    let mut world = tiles(16, LARGE, 4_000_000);
    let focus = SlotView {
        focus: true,
        ..LARGE
    };
    world.view("v5", focus);
    world.run(20 * SECOND);
    let since = world.now;
    world.run(20 * SECOND);
    let focused = quality(&world, 5);
    assert_eq!(
        (focused.variant, focused.detail),
        (main(5), Detail::AllFrames)
    );
    let gap = longest_gap(&world, 5, since);
    assert!(gap < 300 * MS, "{gap:?}");
    let degraded = (0..16)
        .filter(|&i| i != 5 && quality(&world, i).variant == sub(i))
        .count();
    assert!(degraded >= 7, "{degraded}");
    for i in 0..16 {
        let gap = longest_gap(&world, i, since);
        assert!(gap < 5 * SECOND, "{i}: {gap:?}");
    }
}

#[test]
fn a_limit_in_bits_per_second_is_for_all_tiles_together() {
    let limited = |bits| ViewerLimits {
        max_bitrate: bits,
        ..ViewerLimits::default()
    };
    let mut world = tiles(16, LARGE, 100_000_000);
    let focus = SlotView {
        focus: true,
        ..LARGE
    };
    world.view("v5", focus);
    world.run(3 * SECOND);
    world.with_session(|session, _| session.set_limits(limited(Some(4_000_000))));
    world.run(SECOND);
    let before = world.session.figures().bytes;
    world.run(10 * SECOND);
    let bits = (world.session.figures().bytes - before) * 8 / 10;
    assert!((2_000_000..4_200_000).contains(&bits), "{bits}");
    assert_eq!(quality(&world, 5).variant, main(5));
    let others: Vec<u64> = (0..16).filter(|&i| i != 5).collect();
    let (whole, less): (Vec<u64>, Vec<u64>) = others
        .iter()
        .partition(|&&i| quality(&world, i).variant == main(i));
    assert!(less.len() >= 7, "{whole:?}");
    for &i in &less {
        let shown = quality(&world, i);
        assert_eq!(
            (shown.variant, shown.reason),
            (sub(i), QualityReason::Viewer)
        );
    }
    world.with_session(|session, _| session.set_limits(limited(None)));
    world.run(SECOND);
    assert!((0..16).all(|i| quality(&world, i).variant == main(i)));
}

#[test]
fn a_tile_that_grows_little_by_little_begins_nothing_until_it_is_too_large() {
    let mut world = tiles(1, SMALL, 100_000_000);
    world.run(3 * SECOND);
    let before = world.session.figures().switches.up;
    for step in 0..40 {
        let width = 280 + step;
        world.view("v0", SlotView { width, ..SMALL });
        world.run(50 * MS);
    }
    assert_eq!(quality(&world, 0).variant, sub(0));
    let grown = world.now;
    world.view("v0", LARGE);
    world.run_till(SECOND, |world| quality(world, 0).variant == main(0));
    assert!(world.now - grown < 50 * MS, "{:?}", world.now - grown);
    assert_eq!(world.session.figures().switches.up, before + 1);
}

#[test]
fn a_link_too_thin_for_all_substreams_shows_the_focused_one_whole_and_keyframes_of_others() {
    // 16 substreams of 125 kbit/s would need 2 Mbit/s.
    let mut world = tiles(16, LARGE, 1_000_000);
    let focus = SlotView {
        focus: true,
        ..LARGE
    };
    world.view("v5", focus);
    world.run(40 * SECOND);
    let since = world.now;
    world.run(20 * SECOND);
    assert_eq!(quality(&world, 5).detail, Detail::AllFrames);
    let gap = longest_gap(&world, 5, since);
    assert!(gap < 500 * MS, "{gap:?}");
    let less = (0..16)
        .filter(|&i| quality(&world, i).detail > Detail::AllFrames)
        .count();
    assert!(less >= 4, "{less}");
}

#[test]
fn sixteen_tiles_that_are_seen_at_once_do_not_flood_the_link() {
    let mut world = tiles(16, SMALL, 3_000_000);
    let hidden = SlotView {
        paused: true,
        ..SMALL
    };
    for i in 0..16 {
        world.view(&format!("v{i}"), hidden);
    }
    world.run(3 * SECOND);
    let before = world.session.figures().packets;
    world.run(2 * SECOND);
    let media = world.session.figures();
    assert!(media.packets - before <= 40, "{}", media.packets - before);
    for i in 0..16 {
        world.view(&format!("v{i}"), SMALL);
    }
    let since = world.now;
    world.run(10 * SECOND);
    let lost: u64 = (0..16).map(|i| world.slot(&format!("v{i}")).lost()).sum();
    assert!(lost < 60, "{lost}");
    for i in 0..16 {
        let units = world.slot(&format!("v{i}")).access_units();
        let first = units.iter().find(|unit| unit.at >= since).unwrap();
        assert!(first.at - since < 1500 * MS, "{i}: {:?}", first.at - since);
        assert_eq!(quality(&world, i).variant, sub(i));
    }
}

#[test]
fn a_substream_that_is_connected_on_demand_is_fetched_for_a_small_tile() {
    let mut world = tiles(1, LARGE, 100_000_000);
    world.cameras.retain(|camera| camera.stream != sub(0));
    let late = Camera::on_demand(sub(0), SUB, 500 * MS);
    world.cameras.push(late);
    world.run(3 * SECOND);
    assert_eq!(quality(&world, 0).variant, main(0));
    assert!(!world.wanted.contains(&sub(0)));
    world.view("v0", SMALL);
    world.run(8 * SECOND);
    assert_eq!(quality(&world, 0).variant, sub(0));
}
