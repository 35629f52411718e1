//! In steady state a picture goes out to any number of viewers without a single allocation.
#![allow(unsafe_code)] // a global allocator

#[path = "scenarios/hostile.rs"]
#[allow(dead_code)] // a scenario uses more of it
mod hostile;
#[path = "scenarios/pulled.rs"]
#[allow(dead_code)] // as above
mod pulled;
#[path = "scenarios/world.rs"]
#[allow(dead_code)] // as above
mod world;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::config::{Config, Frame, FrameData, PushOptions};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::internals::media::{
    AccessUnit, Codec, MediaKind, ParameterSets, RingLimits, Track, TrackInfo,
};
use rtsp_webrtc_gateway::internals::session::{Io, Media, Path, SendBuffer, Transmit, WouldBlock};
use rtsp_webrtc_gateway::state::StreamId;
use testkit::clip::Clip;
use testkit::net::Link;
use testkit::viewer::{Receiver, ViewerConfig};
use world::camera::{Camera, Frames};
use world::{STREAM, Setup, Streams, VIEWER, World, address, beginning};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    /// Bytes that this thread has allocated, less those that it has freed.
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // The counter is gone when the thread ends.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        let _ = LIVE.try_with(|live| live.set(live.get() + layout.size() as isize));
        // SAFETY: the caller's contract is ours.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let _ = LIVE.try_with(|live| live.set(live.get() - layout.size() as isize));
        // SAFETY: the caller's contract is ours.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Takes everything, keeps nothing.
#[derive(Default)]
struct Nowhere {
    packets: usize,
}

impl Transmit for Nowhere {
    fn transmit(&mut self, _: Path, contents: &[u8], segment: usize) -> Result<(), WouldBlock> {
        self.packets += contents.len().div_ceil(segment);
        Ok(())
    }

    fn max_segments(&self) -> usize {
        64
    }
}

/// Allocations per packet sent, to `viewers`, of ten seconds of pictures and sound after 18 s of the same. All of it
/// within the time for which the viewers' answers to checks count: nobody gives more here.
fn allocations(viewer: &ViewerConfig, viewers: usize) -> (u64, usize) {
    let mut worlds: Vec<World> = (0..viewers)
        .map(|_| {
            let mut world = World::new(Setup {
                viewer: viewer.clone(),
                // A report a second is not per packet.
                rtcp_interval: Duration::from_secs(3600),
                // Nobody answers here.
                congestion: false,
                ..Setup::default()
            });
            world.connect();
            world
        })
        .collect();
    // All watch the first world's camera from here on.
    let mut first = World::new(Setup::default());
    let units: Vec<Vec<u8>> = (0..50).map(|i| picture(i % 50 == 0)).collect();
    let mut buffer: Box<SendBuffer> = Box::new([0; _]);
    let mut sent = 0;
    let mut before = (0, 0);
    let start = worlds.iter().map(|world| world.now).max().unwrap();
    for frame in 0..700 {
        if frame == 450 {
            before = (ALLOCATIONS.get(), sent);
        }
        let now = start + Duration::from_millis(40) * frame;
        first.video.push(&AccessUnit {
            data: &units[frame as usize % 50],
            timestamp: i64::from(frame) * 3600,
            arrival: now,
            captured: None,
        });
        for sound in 0..2 {
            first.audio.push(&AccessUnit {
                data: &[0xff; 160],
                timestamp: i64::from(2 * frame + sound) * 160,
                arrival: now,
                captured: None,
            });
        }
        for world in &mut worlds {
            let tracks = Streams {
                own: Media {
                    video: Some(&first.video),
                    audio: Some(&first.audio),
                    rate: Default::default(),
                },
                variants: &[],
                cameras: &[],
                late: false,
                removed: &[],
                variants_of: &[],
            };
            // Twice, so that what the pacer held back goes out.
            for later in [Duration::ZERO, Duration::from_millis(39)] {
                let mut io = Io {
                    now: now + later,
                    tracks: &tracks,
                    buffer: &mut buffer,
                    batch: 32,
                    transmit: Nowhere::default(),
                };
                world.session.send(STREAM, None, &mut io);
                sent += io.transmit.packets;
            }
        }
    }
    assert!(before.0 > 0, "the counter counts");
    (ALLOCATIONS.get() - before.0, sent - before.1)
}

/// A picture of one slice: a keyframe of 60 kB, or another of 9 kB.
fn picture(keyframe: bool) -> Vec<u8> {
    let size = if keyframe { 60_000 } else { 9_000 };
    let mut nal = vec![0x5a; size];
    nal[0] = if keyframe { 0x65 } else { 0x41 };
    let mut data = (size as u32).to_be_bytes().to_vec();
    data.extend(nal);
    data
}

#[test]
fn none_per_packet_with_gcm() {
    let (allocations, packets) = allocations(&ViewerConfig::chromium(), 4);
    assert!(packets > 10_000, "{packets}");
    assert_eq!(allocations, 0, "for {packets} packets");
}

#[test]
fn none_per_packet_while_the_path_is_measured() {
    let mut world = World::new(Setup {
        rtcp_interval: Duration::from_secs(3600),
        ..Setup::default()
    });
    world.connect();
    world.run(Duration::from_secs(5));
    assert!(world.session.figures().estimate.is_some());
    let mut buffer: Box<SendBuffer> = Box::new([0; _]);
    let (mut allocations, mut packets) = (0, 0);
    // For less than a second: then feedback would be missed.
    for frame in 1..20u32 {
        let now = world.now + Duration::from_millis(40) * frame;
        let data = picture(frame == 10);
        world.video.push(&AccessUnit {
            data: &data,
            timestamp: 1_000_000 + i64::from(frame) * 3600,
            arrival: now,
            captured: None,
        });
        let tracks = Streams {
            own: Media {
                video: Some(&world.video),
                audio: Some(&world.audio),
                rate: Default::default(),
            },
            variants: &[],
            cameras: &[],
            late: false,
            removed: &[],
            variants_of: &[],
        };
        let mut io = Io {
            now,
            tracks: &tracks,
            buffer: &mut buffer,
            batch: 32,
            transmit: Nowhere::default(),
        };
        let before = ALLOCATIONS.get();
        world.session.send(STREAM, None, &mut io);
        allocations += ALLOCATIONS.get() - before;
        packets += io.transmit.packets;
    }
    assert!(packets > 150, "{packets}");
    assert_eq!(allocations, 0, "for {packets} packets");
}

/// Bytes of a session whose viewer has gone after this time, with a round trip of 20 ms, and after `last`.
fn memory(time: Duration, last: impl FnOnce(&mut World)) -> isize {
    let mut world = World::new(Setup::default());
    world.network.set_default_link(Link {
        delay: Duration::from_millis(10),
        ..Link::default()
    });
    world.camera_on = false;
    world.run(time);
    last(&mut world);
    let World { session, .. } = world;
    let before = LIVE.get();
    drop(session);
    before - LIVE.get()
}

#[test]
fn a_viewer_that_leaves_in_the_middle_of_the_handshake_costs_little() {
    let ms = Duration::from_millis;
    let most = |bytes: isize, most: isize, what: &str| {
        println!("{what}: {bytes} bytes");
        assert!(bytes <= most, "{what}: {bytes} bytes");
    };
    let nothing = |_: &mut World| {};
    most(memory(ms(5), nothing), 8 << 10, "it never came");
    most(memory(ms(15), nothing), 8 << 10, "it sent a check");
    most(memory(ms(35), nothing), 24 << 10, "a ClientHello");
    most(memory(ms(55), nothing), 32 << 10, "a second one");
    most(memory(ms(75), nothing), 40 << 10, "it is connected");
    // The most that it can make the session keep: the beginning of each message, as long as it may be.
    let begun = |world: &mut World| {
        for (number, (kind, length)) in [(1, 8192), (1, 8192), (11, 8192), (16, 512), (15, 2048)]
            .into_iter()
            .enumerate()
        {
            let mut record = vec![
                22,
                0xfe,
                0xfd,
                0,
                0,
                0,
                0,
                0,
                0,
                9,
                number as u8,
                0,
                13,
                kind,
            ];
            record.extend(&(length as u32).to_be_bytes()[1..]);
            record.extend([0, number as u8, 0, 0, 0, 0, 0, 1, 7]);
            world.inject(address(VIEWER), &record);
        }
    };
    most(
        memory(ms(15), begun),
        64 << 10,
        "it sent a check, and the beginning of each message",
    );
    most(
        memory(ms(55), begun),
        64 << 10,
        "it sent hellos, and the beginning of each message",
    );
}

#[test]
fn none_per_packet_with_sha1() {
    let (allocations, packets) = allocations(&ViewerConfig::without_gcm(), 1);
    assert!(packets > 2_500, "{packets}");
    assert_eq!(allocations, 0, "for {packets} packets");
}

/// A picture of this codec, its parameter sets in front of a keyframe of 60 kB; 9 kB for others.
/// A frame of sound of 160 bytes.
fn coded(codec: Codec, keyframe: bool) -> Vec<u8> {
    let sizes = if keyframe { 60_000 } else { 9_000 };
    let body = vec![0x5a; sizes];
    let nals: &[&[u8]] = match (codec, keyframe) {
        (Codec::H264, true) => &[b"\x67sps\x80", b"\x68pps", b"\x65"],
        (Codec::H264, false) => &[b"\x41"],
        (Codec::H265, true) => &[
            b"\x40\x01vps",
            // Its id stands behind 13 bytes.
            b"\x42\x01\x01profile,tier\x80",
            b"\x44\x01pps",
            b"\x26\x01",
        ],
        (Codec::H265, false) => &[b"\x02\x01"],
        (Codec::Av1, _) => {
            let sequence: &[u8] = if keyframe { b"\x0a\x08sequence" } else { b"" };
            let frame = [if keyframe { 0x10 } else { 0x30 }];
            // Without a size, the frame takes all that is left.
            return [b"\x12\x00", sequence, b"\x30", &frame, &body].concat();
        }
        _ => return vec![0x78; 160],
    };
    let (last, sets) = nals.split_last().unwrap();
    let last = [last, &body[..]].concat();
    let nals = sets.iter().copied().chain([&last[..]]);
    nals.flat_map(|nal| [&(nal.len() as u32).to_be_bytes(), nal].concat())
        .collect()
}

#[test]
fn none_per_access_unit_of_any_codec() {
    for codec in Codec::ALL {
        let units: Vec<Vec<u8>> = (0..50).map(|i| coded(codec, i == 0)).collect();
        let video = codec.kind() == MediaKind::Video;
        let info = if video {
            TrackInfo::video(ParameterSets::find(codec, &units[0]).unwrap())
        } else {
            TrackInfo::audio(codec)
        };
        let limits = RingLimits {
            packets: if video { 512 } else { 64 },
            history: Duration::from_secs(1),
            keep_gop: video,
            bytes: 8 << 20,
            duration: Duration::from_secs(15),
        };
        let mut track = Track::new(info, limits, 0);
        let start = Instant::now();
        let mut before = 0;
        let mut packets = 0;
        for number in 0..3000 {
            if number == 1500 {
                before = ALLOCATIONS.get();
            }
            let accepted = track.push(&AccessUnit {
                data: &units[number as usize % 50],
                timestamp: i64::from(number) * i64::from(codec.clock_rate()) / 25,
                arrival: start + Duration::from_millis(40) * number,
                captured: None,
            });
            packets += accepted.packets;
            assert_eq!(accepted.keyframe, !video || number % 50 == 0, "{codec:?}");
        }
        assert!(packets >= 3000, "{codec:?}: {packets}");
        assert_eq!(ALLOCATIONS.get() - before, 0, "{codec:?}");
    }
}

/// What an encoder gives out: a byte stream, with parameter sets in front of a keyframe.
fn pushed_picture(keyframe: bool) -> Vec<u8> {
    let mut data = Vec::new();
    if keyframe {
        for set in Clip::Baseline360p.parameter_sets() {
            data.extend([0, 0, 0, 1]);
            data.extend_from_slice(set);
        }
    }
    data.extend([0, 0, 1]);
    data.extend_from_slice(&picture(keyframe)[4..]);
    data
}

#[test]
fn none_per_push_on_the_pushing_thread() {
    let gateway = Gateway::new(Config::default()).unwrap();
    let stream = gateway
        .add_push_stream("cam", PushOptions::default())
        .unwrap();
    let pictures = [pushed_picture(true), pushed_picture(false)];
    let mut allocations = 0;
    for n in 0..150_u64 {
        let data = &pictures[usize::from(n % 50 > 0)];
        let frame = Frame {
            data: FrameData::Copied(data),
            pts_us: n as i64 * 40_000,
            capture_unix_us: None,
            discontinuity: false,
        };
        let before = ALLOCATIONS.get();
        gateway.push_video(stream, frame).unwrap();
        if n >= 50 {
            allocations += ALLOCATIONS.get() - before;
        }
        // Its buffer is back when the worker has counted it.
        let end = Instant::now() + Duration::from_secs(60);
        while gateway.stream_info(stream).unwrap().frames <= n {
            assert!(Instant::now() < end, "the worker does nothing");
        }
    }
    assert_eq!(allocations, 0);
}

/// A wall of so many slots over ten cameras that are watched for a while. The cameras begin so much later than the wall.
fn wall(slots: u64, phase: Duration) -> World {
    let frames = Frames {
        codec: Codec::H264,
        sizes: (6000, 900),
        gop: 25,
        first: 0,
        disposable: false,
        small: false,
    };
    let cameras = (0..10).map(|i| Camera::new(beginning() + phase, StreamId(20 + i), frames));
    let mut world = World::new(Setup {
        cameras: cameras.collect(),
        slots: Some((
            (0..slots).map(|i| Some(StreamId(20 + i % 10))).collect(),
            vec![],
        )),
        ..Setup::default()
    });
    world.network.set_default_link(Link {
        delay: Duration::from_millis(10),
        bandwidth: 40_000_000.into(),
        queue: Duration::from_millis(100),
        ..Link::default()
    });
    world.connect();
    world.run(Duration::from_secs(3));
    world
}

/// Bytes that a session has allocated; its own are not among them.
fn session_bytes(world: World) -> isize {
    let World { session, .. } = world;
    let before = LIVE.get();
    drop(session);
    before - LIVE.get()
}

#[test]
fn a_slot_takes_less_than_four_kib() {
    let (one, many) = (
        session_bytes(wall(1, Duration::ZERO)),
        session_bytes(wall(65, Duration::ZERO)),
    );
    let slot = (many - one) / 64;
    assert!((500..4096).contains(&slot), "{slot} bytes");
}

/// A wall of 128 slots after so many rounds of binding each to another stream, and some time to rest.
fn after_storm(rounds: u64, phase: Duration) -> World {
    let mut world = wall(128, phase);
    let before = world.session.figures();
    for round in 0..rounds {
        for slot in 0..128 {
            let stream = StreamId(20 + (slot * 7 + round) % 10);
            world.bind(&format!("v{slot}"), stream);
        }
        world.run(Duration::from_millis(97));
        if round % 50 == 0 {
            world.viewer.others.iter_mut().for_each(Receiver::forget);
        }
    }
    let sent = world.session.figures().bytes - before.bytes;
    assert!(sent > rounds * 12_000, "{sent} bytes");
    assert!(
        sent < rounds * 97 * 40_000_000 / 8 / 1000,
        "{sent} bytes, more than the link carries"
    );
    world.run(Duration::from_secs(2));
    for slot in 0..128 {
        let quality = world.session.slot_at(slot).unwrap().quality;
        let last = StreamId(20 + (slot as u64 * 7 + rounds - 1) % 10);
        assert_eq!(quality.unwrap().variant, last);
    }
    world
}

/// The most that a session may take more after a storm: the table of retransmissions, and the same again.
const LEFT_BEHIND: isize = 32 << 10;

#[test]
fn a_rebind_storm_of_a_minute_leaves_no_memory_behind() {
    let calm = session_bytes(wall(128, Duration::ZERO));
    // A phase at which packets of nearly all slots are lost.
    let world = after_storm(618, Duration::from_millis(5));
    assert!(world.session.figures().nacks > 100);
    let stormy = session_bytes(world);
    assert!(stormy < calm + LEFT_BEHIND, "{stormy} after {calm} bytes");
}

#[test]
fn a_rebind_storm_leaves_no_memory_behind_whatever_the_phase_of_the_cameras() {
    let calm = session_bytes(wall(128, Duration::ZERO));
    for phase in (0..40).step_by(10) {
        let stormy = session_bytes(after_storm(60, Duration::from_millis(phase)));
        assert!(
            stormy < calm + LEFT_BEHIND,
            "{stormy} after {calm} bytes, {phase} ms"
        );
    }
}

/// Bytes that a worker has beside what it had before, at most, in the first and in the second half of an attack.
fn kept(attack: hostile::Attack) -> [isize; 2] {
    let before = LIVE.get();
    let mut worker = hostile::Worker::new(Some(attack), 64 << 10);
    [0, 1].map(|_| {
        let mut most = 0;
        for _ in 0..50 {
            worker.run(Duration::from_millis(10));
            // These are the test's.
            worker.forget();
            most = most.max(LIVE.get() - before);
        }
        most
    })
}

/// A frame may have 8 MiB, and what it is assembled in grows by doubling; a message has much less.
#[test]
fn hostile_cameras_take_a_bounded_part_of_the_memory() {
    for attack in hostile::attacks() {
        let name = attack.name;
        let [first, second] = kept(attack);
        assert!(first < 24 << 20, "{name}: {first}");
        assert!(
            second <= first + (256 << 10),
            "{name}: {second} behind {first}"
        );
    }
}
