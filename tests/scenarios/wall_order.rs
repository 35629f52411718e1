//! Slots that begin at once: a picture of each goes before what any of them has to catch up with.

use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::internals::media::Codec;
use rtsp_webrtc_gateway::state::{SlotView, StreamId};
use testkit::net::Link;
use testkit::viewer::ViewerConfig;

use crate::wall::{got, wall_with};
use crate::world::camera::{Camera, Frames, frame_of};
use crate::world::{GATEWAY, Setup, VIEWER, World, address, beginning};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DELAY: Duration = Duration::from_millis(10);

/// 500 kbit/s and a keyframe of 20 kB every two seconds.
const FRAMES: Frames = Frames {
    codec: Codec::H264,
    sizes: (20_000, 2_150),
    gop: 50,
    first: 0,
    disposable: false,
    small: false,
};

fn before(i: u64) -> StreamId {
    StreamId(100 + i)
}

fn after(i: u64) -> StreamId {
    StreamId(200 + i)
}

fn mid(i: u64) -> String {
    format!("v{i}")
}

/// So many slots that show streams behind a link of this many bits per second, and as many other streams, which are
/// somewhere between two keyframes.
fn slots(count: u64, rate: u64) -> World {
    slots_behind(count, rate, rate as usize / 40)
}

/// The same, where so many bytes wait at most.
fn slots_behind(count: u64, rate: u64, queue: usize) -> World {
    slots_of(Setup::default(), count, rate, queue)
}

/// The same, of such a viewer.
fn slots_of(setup: Setup, count: u64, rate: u64, queue: usize) -> World {
    let now = beginning();
    let camera = |stream, first| Camera::new(now, stream, Frames { first, ..FRAMES });
    let shown = (0..count).map(|i| camera(before(i), (i * 11 % 50) as usize));
    let others = (0..count).map(|i| camera(after(i), (i * 7 % 50) as usize));
    let bound = (0..count).map(|i| Some(before(i))).collect();
    let cameras = shown.chain(others).collect();
    let slots = Some((bound, vec![]));
    let mut world = wall_with(
        now,
        Setup {
            slots,
            cameras,
            ..setup
        },
    );
    let link = Link {
        delay: DELAY,
        ..Link::default()
    };
    world.network.set_default_link(link);
    let link = Link {
        bandwidth: rate.into(),
        queue_bytes: Some(queue),
        burst: 4096,
        ..link
    };
    world
        .network
        .set_link(address(GATEWAY), address(VIEWER), link);
    world.run(6 * SECOND);
    world
}

/// When a slot had each of the pictures of this stream.
fn pictures(world: &World, slot: u64, stream: StreamId) -> Vec<Instant> {
    let units = world.slot(&mid(slot)).access_units();
    let of_stream = |nals: &[Vec<u8>]| frame_of(nals.last().unwrap()).0 == stream;
    let units = units.iter().filter(|unit| of_stream(&unit.nals));
    units.map(|unit| unit.at).collect()
}

/// Binds all slots at once. When each had its first and its second picture.
fn rebind(world: &mut World, count: u64) -> Vec<(Duration, Duration)> {
    let asked = world.now;
    for i in 0..count {
        world.bind(&mid(i), after(i));
    }
    world.run(4 * SECOND);
    let times = (0..count).map(|i| {
        let at = pictures(world, i, after(i)).into_iter();
        let at: Vec<_> = at.filter(|&at| at > asked).collect();
        (at[0] - asked, at[1] - asked)
    });
    times.collect()
}

#[test]
fn sixteen_slots_that_change_at_once_show_a_picture_of_each_before_they_catch_up() {
    let mut world = slots(16, 20_000_000);
    let times = rebind(&mut world, 16);
    let last = times.iter().map(|(first, _)| *first).max().unwrap();
    // The keyframes alone take 136 ms, and with what waits behind them half a second.
    assert!(last < 250 * MS, "{last:?} {times:?}");
    let mut firsts: Vec<Duration> = times.iter().map(|(first, _)| *first).collect();
    firsts.sort();
    assert!(firsts[7] < last * 2 / 3, "one after the other: {firsts:?}");
    for i in 0..16 {
        let lost = world.slot(&mid(i)).lost();
        assert!(lost <= 2, "{i}: {lost}");
        let frames = got(&world, &mid(i));
        let last = frames.last().unwrap();
        let newest = world.cameras[16 + i as usize].newest();
        assert!(last.1 + 5 > newest, "{i}: {last:?} of {newest}");
    }
}

#[test]
fn on_a_wide_path_the_pictures_go_first_as_well() {
    let mut world = slots(16, 200_000_000);
    let times = rebind(&mut world, 16);
    let first = times.iter().map(|(first, _)| *first).max().unwrap();
    let second = times.iter().map(|(_, second)| *second).min().unwrap();
    assert!(first <= DELAY + 25 * MS, "{first:?}");
    assert!(first <= second, "{first:?} {second:?}");
}

#[test]
fn on_a_wide_path_the_viewer_can_show_the_pictures_before_it_catches_up() {
    let mut world = slots(16, 200_000_000);
    let times = rebind(&mut world, 16);
    let last = times.iter().map(|(first, _)| *first).max().unwrap();
    let seconds = || times.iter().map(|(_, second)| *second);
    // 4 ms for each of them since the last one left.
    assert!(seconds().min().unwrap() >= last + 50 * MS, "{times:?}");
    assert!(seconds().max().unwrap() <= last + 140 * MS, "{times:?}");
    // One alone need not wait, and those that follow soon do not, either.
    let start = world.now;
    world.bind("v0", before(0));
    world.run(4 * SECOND);
    let alone = pictures(&world, 0, before(0));
    let alone: Vec<_> = alone.into_iter().filter(|&at| at >= start).collect();
    assert!(alone[1] < alone[0] + 45 * MS, "{:?}", alone[1] - alone[0]);
    for i in 0..16 {
        world.bind(&mid(i), before(i));
    }
    world.run(SECOND);
    let times = rebind(&mut world, 16);
    let last = times.iter().map(|(first, _)| *first).max().unwrap();
    let second = times.iter().map(|(_, second)| *second).min().unwrap();
    assert!(second < last + 10 * MS, "{last:?} {second:?}");
}

#[test]
fn the_slot_in_focus_has_its_picture_first() {
    let mut world = slots(16, 20_000_000);
    let focus = SlotView {
        focus: true,
        ..SlotView::default()
    };
    world.view("v9", focus);
    world.run(SECOND);
    let times = rebind(&mut world, 16);
    let earliest = times.iter().map(|(first, _)| *first).min().unwrap();
    assert_eq!(times[9].0, earliest, "{times:?}");
    assert!(earliest < DELAY + 30 * MS, "{earliest:?}");
}

#[test]
fn what_many_slots_begin_with_leaves_in_several_turns() {
    let mut world = slots(48, 200_000_000);
    for i in 0..48 {
        world.bind(&mid(i), after(i));
    }
    let mut turns = Vec::new();
    let end = world.now + 200 * MS;
    while let Some(at) = world.session.next_deadline().filter(|&at| at < end) {
        world.now = world.now.max(at);
        let sent = world.session.figures().packets;
        world.with_session(|session, io| session.handle_timeout(io));
        turns.push(world.session.figures().packets - sent);
    }
    // Between two of them the worker does what is due for others, and the browser reads.
    assert!(turns.iter().all(|&packets| packets <= 100), "{turns:?}");
    assert!(turns.iter().sum::<u64>() > 3000, "{turns:?}");
}

#[test]
fn what_all_slots_begin_with_fits_into_the_socket_of_a_browser() {
    // It reads some 40 packets in a millisecond, and its socket holds 90.
    let mut world = slots_behind(48, 400_000_000, 110_000);
    // As the cameras keep in step, the live frames of all of them do not: that is noticed once.
    let before = world.session.figures().retransmits;
    assert!((1..500).contains(&before), "{before}");
    let times = rebind(&mut world, 48);
    let last = times.iter().map(|(first, _)| *first).max().unwrap();
    assert!(last < DELAY + 60 * MS, "{last:?}");
    let lost = world.session.figures().retransmits - before;
    assert_eq!(lost, 0, "packets were lost");
}

/// A receiver report: so many 256ths of the packets with this SSRC were lost.
fn report(ssrc: u32, fraction_lost: u8) -> Vec<u8> {
    let mut bytes = vec![0x81, 201, 0, 7, 0, 0, 0, 1];
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend([fraction_lost, 0, 0, 1]);
    bytes.extend([0; 16]);
    bytes
}

#[test]
fn live_frames_wait_for_each_other_also_where_only_reports_tell_of_losses() {
    let setup = Setup {
        nack: false,
        viewer: ViewerConfig {
            nack: false,
            ..ViewerConfig::chromium()
        },
        ..Setup::default()
    };
    let mut world = slots_of(setup, 48, 400_000_000, 110_000);
    let overflowed = |world: &World| {
        let counts = world.network.counts(address(GATEWAY), address(VIEWER));
        counts.overflowed
    };
    let before = overflowed(&world);
    world.viewer.send_rtcp(&report(world.slot("v0").ssrc(), 0));
    world.run(4 * SECOND);
    let unheeded = overflowed(&world) - before;
    assert!(unheeded > 0, "nothing tells of it");
    let missed = (0..48).find(|&i| world.slot(&mid(i)).lost() > 0).unwrap();
    let ssrc = world.slot(&mid(missed)).ssrc();
    world.viewer.send_rtcp(&report(ssrc, 1));
    world.run(100 * MS);
    let before = overflowed(&world);
    world.run(8 * SECOND);
    let lost = overflowed(&world) - before;
    assert_eq!(lost, 0, "{unheeded} in four seconds before");
}
