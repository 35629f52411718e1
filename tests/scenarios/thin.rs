//! Links that hardly carry the stream, or do not carry it: what the viewer sees, and what is sent.

use std::time::Duration;

use rtsp_webrtc_gateway::internals::media::Codec;
use testkit::net::Link;
use testkit::viewer::ViewerConfig;

use crate::world::camera::Frames;
use crate::world::{GATEWAY, Setup, VIEWER, World, address};

pub const SECOND: Duration = Duration::from_secs(1);
pub const MS: Duration = Duration::from_millis(1);
/// 500 kbit/s with audio and headers: a keyframe of 9 kB every two seconds.
pub const STREAM: u64 = 500_000;
const SIZES: (usize, usize) = (9_000, 1_740);
/// 500 kbit/s with sound and headers, a keyframe every four seconds.
pub const MAIN: Frames = Frames {
    codec: Codec::H264,
    sizes: (18_000, 1_740),
    gop: 100,
    first: 0,
    disposable: false,
    small: false,
};

/// What a viewer saw from a moment on.
#[derive(Debug)]
pub struct Seen {
    pub frames: usize,
    /// The longest time between two frames.
    pub gap: Duration,
    /// Age of the frames when they were complete, 95th percentile and maximum.
    pub age: Duration,
    pub oldest: Duration,
    /// Share of the datagrams that the link dropped.
    pub lost: f64,
    /// The most that was sent in two seconds, in bits per second.
    pub most_sent: f64,
}

/// Feedback as often as Chromium sends it.
pub fn setup() -> Setup {
    let viewer = ViewerConfig {
        feedback_interval: 62 * MS,
        ..ViewerConfig::chromium()
    };
    Setup {
        sizes: Some(SIZES),
        congestion: true,
        viewer,
        ..Setup::default()
    }
}

/// 500 kbit/s, a keyframe of 9.5 kB every four seconds.
pub fn without_sound() -> Setup {
    let viewer = ViewerConfig {
        audio: false,
        feedback_interval: 62 * MS,
        ..ViewerConfig::chromium()
    };
    Setup {
        sizes: Some((9_500, 2_376)),
        gop: 100,
        congestion: true,
        viewer,
        ..Setup::default()
    }
}

/// A link of this many tenths of the stream's rate that queues as long, as with `tc tbf` and a burst
/// of 4 kB.
pub fn times(tenths: u64, queue: Duration) -> Link {
    let rate = STREAM * tenths / 10;
    Link {
        delay: MS,
        bandwidth: rate.into(),
        queue_bytes: Some(rate as usize * queue.as_millis() as usize / 8000 + 4096),
        burst: 4096,
        ..Link::default()
    }
}

/// A viewer behind `link` that comes `after` the camera was switched on.
pub fn behind(link: Link, after: Duration, setup: Setup) -> World {
    let mut world = World::new(setup);
    put_behind(&mut world, link);
    world.camera_ran(after);
    world.connect();
    world
}

/// From now on the viewer is behind `link`.
pub fn put_behind(world: &mut World, link: Link) {
    world
        .network
        .set_link(address(GATEWAY), address(VIEWER), link);
    let back = Link {
        delay: link.delay,
        ..Link::default()
    };
    world
        .network
        .set_link(address(VIEWER), address(GATEWAY), back);
}

/// Runs for `time` and says what was seen meanwhile.
pub fn watch(world: &mut World, time: Duration) -> Seen {
    let start = world.now;
    let counts = |world: &World| world.network.counts(address(GATEWAY), address(VIEWER));
    let before = counts(world);
    let wire = |world: &World| {
        let figures = world.session.figures();
        figures.bytes + 28 * figures.packets
    };
    let mut sent = vec![wire(world)];
    for _ in 0..time.as_millis() / 100 {
        world.run(100 * MS);
        sent.push(wire(world));
    }
    let after = counts(world);
    let units = world.viewer.video.access_units();
    let mut ages = Vec::new();
    let mut at = Vec::new();
    for unit in units.iter().filter(|unit| unit.at >= start) {
        at.push(unit.at);
        ages.push(unit.at - world.frame_time(unit.timestamp));
    }
    at.sort();
    ages.sort();
    let ends = [start].into_iter().chain(at.iter().copied());
    let gap = ends.zip(at.iter().copied().chain([world.now]));
    let window = sent.windows(21).map(|w| (w[20] - w[0]) as f64 * 4.0);
    Seen {
        frames: at.len(),
        gap: gap.map(|(a, b)| b - a).max().unwrap_or(time),
        age: ages.get(ages.len() * 95 / 100).copied().unwrap_or(time),
        oldest: ages.last().copied().unwrap_or(time),
        lost: (after.overflowed - before.overflowed) as f64
            / (after.sent - before.sent).max(1) as f64,
        most_sent: window.fold(0.0, f64::max),
    }
}

#[test]
fn a_link_slightly_wider_than_the_stream_shows_it_live() {
    for after in [100, 700, 1200, 1900] {
        let link = times(12, 100 * MS);
        let mut world = behind(link, after * MS, setup());
        let start = watch(&mut world, 3 * SECOND);
        println!("{after}: {start:?}");
        assert!(start.lost < 0.05, "{after} ms: {start:?}");
        let seen = watch(&mut world, 30 * SECOND);
        println!("{after}: {seen:?} {:?}", world.session.figures());
        assert!(seen.gap < 200 * MS, "{after} ms: {seen:?}");
        assert!(seen.age < 150 * MS, "{after} ms: {seen:?}");
        assert!(seen.lost < 0.01, "{after} ms: {seen:?}");
        assert!(seen.most_sent < 1.1 * 600_000.0, "{after} ms: {seen:?}");
    }
}

/// 510 kbit/s without sound, 565 kbit/s with what is around it: a keyframe of 9 kB every four seconds.
fn tight() -> Setup {
    Setup {
        sizes: Some((8_500, 2_200)),
        gop: 100,
        uneven: true,
        ..setup()
    }
}

#[test]
fn a_link_of_which_nine_tenths_are_used_shows_the_stream_live() {
    let cases = [(100, 100), (700, 100), (2000, 40), (2000, 300), (3700, 100)];
    for (after, queue) in cases {
        let mut world = behind(times(12, queue * MS), after * MS, tight());
        world.run(5 * SECOND);
        let seen = watch(&mut world, 60 * SECOND);
        println!("{after} {queue}: {seen:?} {:?}", world.session.figures());
        assert!(seen.gap < 200 * MS, "{after} ms, {queue} ms: {seen:?}");
        assert!(seen.age < 150 * MS, "{after} ms, {queue} ms: {seen:?}");
        assert!(seen.lost < 0.01, "{after} ms, {queue} ms: {seen:?}");
    }
}

#[test]
fn a_link_with_room_is_live_at_once_or_with_the_next_keyframe() {
    for after in [100, 700, 1200, 1900] {
        let mut world = behind(times(16, 100 * MS), after * MS, setup());
        let connected = world.now;
        world.run(SECOND);
        let first = world.viewer.video.access_units()[0].at - connected;
        assert!(first < 400 * MS, "{after} ms: {first:?}");
        // A keyframe comes every two seconds.
        world.run(1200 * MS);
        let seen = watch(&mut world, 20 * SECOND);
        println!("{after}: {first:?} {seen:?} {:?}", world.session.figures());
        assert!(seen.oldest < 200 * MS, "{after} ms: {seen:?}");
        assert!(seen.gap < 200 * MS, "{after} ms: {seen:?}");
        assert!(seen.lost < 0.01, "{after} ms: {seen:?}");
    }
}

#[test]
fn on_a_link_thinner_than_the_stream_frames_are_left_out_up_to_keyframes() {
    for tenths in [8, 6, 5] {
        let mut world = behind(times(tenths, 200 * MS), 700 * MS, setup());
        world.run(3 * SECOND);
        let seen = watch(&mut world, 40 * SECOND);
        println!("{tenths}: {seen:?} {:?}", world.session.figures());
        // A frame at least every keyframe interval, and then the time that a keyframe takes.
        assert!(seen.gap < 2600 * MS, "{tenths}: {seen:?}");
        assert!(seen.age < 1500 * MS, "{tenths}: {seen:?}");
        assert!(seen.lost < 0.02, "{tenths}: {seen:?}");
        let carried = (STREAM * tenths / 10) as f64;
        // Within two seconds, what bucket and queue take comes on top.
        let most = 1.1 * carried + 4.0 * (4096.0 + carried / 40.0);
        assert!(seen.most_sent < most, "{tenths}: {seen:?}");
        assert!(world.session.figures().skips > 5);
    }
}

#[test]
fn a_link_that_carries_little_more_than_the_sound_is_not_overfed() {
    let carried = 150_000.0;
    // Within two seconds, and what the token bucket lets pass at once, a ninth of what the link carries in them. By when
    // the viewer comes, a keyframe and a probe meet: 1.17 times at most in 96 cases.
    let most = 1.2 * carried + 4.0 * 4096.0;
    let cases = [100, 700, 1200, 1900].map(|after| [100, 200, 1000].map(|queue| (after, queue)));
    for (after, queue) in cases.into_iter().flatten() {
        let mut world = World::new(setup());
        put_behind(&mut world, times(3, queue * MS));
        world.camera_ran(after * MS);
        let start = watch(&mut world, 4 * SECOND);
        let seen = watch(&mut world, 40 * SECOND);
        println!(
            "{after} {queue}: {start:?} {seen:?} {:?}",
            world.session.figures()
        );
        for (part, seen) in [("start", start), ("later", seen)] {
            assert!(seen.most_sent < most, "{after} {queue} {part}: {seen:?}");
            // One packet in a hundred is one in ten seconds: there are few.
            assert!(seen.lost < 0.015, "{after} {queue} {part}: {seen:?}");
        }
    }
}

/// A camera of 4 Mbit/s with keyframes of 100 kB.
fn large() -> Setup {
    Setup {
        sizes: Some((100_000, 18_000)),
        congestion: true,
        ..Setup::default()
    }
}

#[test]
fn a_keyframe_leaves_in_one_burst_where_the_path_carries_it() {
    for (delay, loss) in [(0, 0.0), (5, 0.0), (40, 0.0), (5, 0.02)] {
        let link = Link {
            delay: delay * MS,
            loss,
            ..Link::default()
        };
        let mut world = behind(link, 700 * MS, large());
        world.run(3 * SECOND);
        let seen = watch(&mut world, 20 * SECOND);
        println!("{delay} {loss}: {seen:?} {:?}", world.session.figures());
        let late = seen.age - delay * MS;
        assert_eq!(world.session.figures().skips, 0);
        if loss == 0.0 {
            assert!(late <= 5 * MS, "{delay} ms: {seen:?}");
            assert!(seen.gap < 60 * MS, "{delay} ms: {seen:?}");
        } else {
            assert!(seen.gap < 300 * MS, "{delay} ms: {seen:?}");
        }
        assert!(seen.frames >= 490, "{seen:?}");
    }
}

#[test]
fn jitter_is_no_reason_to_leave_frames_out() {
    let link = Link {
        delay: 15 * MS,
        jitter: 20 * MS,
        ..Link::default()
    };
    let mut world = behind(link, 700 * MS, large());
    world.run(2 * SECOND);
    let seen = watch(&mut world, 30 * SECOND);
    println!("{seen:?} {:?}", world.session.figures());
    assert_eq!(world.session.figures().skips, 0);
    assert!(seen.gap < 200 * MS, "{seen:?}");
}

#[test]
fn a_viewer_without_transport_wide_feedback_is_paced_by_the_stream() {
    let viewer = ViewerConfig {
        transport_cc: false,
        ..ViewerConfig::chromium()
    };
    let link = Link {
        delay: 20 * MS,
        ..Link::default()
    };
    let mut world = behind(link, 1500 * MS, Setup { viewer, ..setup() });
    world.run(3 * SECOND);
    let seen = watch(&mut world, 10 * SECOND);
    assert_eq!(world.session.figures().skips, 0);
    assert!(seen.gap < 100 * MS, "{seen:?}");
}
