//! A stream's sinks, fed with what a camera may send.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Newest, Queue, SinkFrame, SinkTrack, StreamSinks};
use crate::config::SinkOptions;
use crate::media::testing::{nal, sets, unit};
use crate::media::{AccessUnit, Codec, ParameterSets, RingLimits, Track, TrackInfo};
use crate::source::Arrival;
use crate::source::rtp::{Format, Section};
use crate::state::{SinkId, StreamId};
use fastrand::Rng;

struct World {
    sinks: StreamSinks,
    start: Instant,
    queue: Arc<Queue>,
    sets: ParameterSets,
}

impl World {
    fn new(options: SinkOptions) -> World {
        let start = Instant::now();
        let mut sinks = StreamSinks::new(start);
        let queue = Arc::new(Queue::new(SinkId(1), StreamId(1), options));
        assert_eq!(sinks.add(Arc::clone(&queue), None), queue.options().video);
        World {
            sinks,
            start,
            queue,
            sets: sets().into(),
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    /// Something arrives. Returns whether that is the time to complain.
    fn arrives(
        &mut self,
        format: &Format,
        data: &[u8],
        timestamp: i64,
        ms: u64,
        lost: u32,
    ) -> bool {
        let arrival = Arrival {
            format,
            unit: AccessUnit {
                data,
                timestamp,
                arrival: self.at(ms),
                captured: None,
            },
            lost,
            damaged: lost > 0,
            restarts: false,
        };
        self.sinks.received(&arrival, Some(&self.sets)).complain
    }

    /// A video frame of one slice with this header.
    fn video(&mut self, header: u8, timestamp: i64, ms: u64, lost: u32) {
        let data = unit(&[nal(header, 50, &mut Rng::with_seed(1))]);
        self.arrives(&Format::pushed(Codec::H264), &data, timestamp, ms, lost);
    }

    fn read(&self) -> SinkFrame {
        self.queue.take(Some(self.start)).unwrap()
    }
}

const IDR: u8 = 0x65;
const REFERENCE: u8 = 0x41;
/// No other frame refers to it.
const B_FRAME: u8 = 0x01;

fn section(media: &str, encoding_name: &str, clock_rate: u32) -> Format {
    let section = Section {
        media: media.to_owned(),
        encoding_name: encoding_name.to_owned(),
        clock_rate,
        ..Section::default()
    };
    Format::of(&section).unwrap()
}

#[test]
fn b_frames_and_damaged_frames_are_recorded_and_keyframes_have_their_sets() {
    let mut world = World::new(SinkOptions::default());
    world.video(REFERENCE, 0, 0, 0);
    world.video(IDR, 3600, 40, 7);
    world.video(REFERENCE, 14_400, 80, 0);
    world.video(B_FRAME, 7200, 120, 0);
    world.video(B_FRAME, 10_800, 160, 2);
    let keyframe = world.read();
    assert!(keyframe.keyframe && keyframe.format_changed);
    assert!(
        !keyframe.discontinuity,
        "nothing is missing of the recording"
    );
    let ParameterSets::H264(sets) = &world.sets else {
        unreachable!();
    };
    let head = [
        &[0, 0, 0, 1][..],
        sets.sps.first(),
        &[0, 0, 0, 1],
        sets.pps.first(),
    ]
    .concat();
    assert!(keyframe.data.starts_with(&head));
    assert_eq!(keyframe.format.parameters, head);
    let first = keyframe.pts_us;
    for (pts, lost) in [(120_000, 0), (40_000, 0), (80_000, 2)] {
        let frame = world.read();
        assert_eq!((frame.pts_us - first, frame.packets_lost), (pts, lost));
        assert_eq!((frame.damaged, frame.discontinuity), (lost > 0, lost > 0));
        assert!(!frame.keyframe && !frame.format_changed);
    }
}

#[test]
fn without_keyframes_it_begins_where_viewers_do() {
    let mut world = World::new(SinkOptions::default());
    world.video(REFERENCE, 0, 0, 0);
    world.sinks.opening();
    world.video(REFERENCE, 3600, 40, 0);
    world.video(REFERENCE, 7200, 80, 0);
    let entry = world.read();
    assert!(entry.keyframe && entry.data.starts_with(&entry.format.parameters));
    assert!(!world.read().keyframe);
}

#[test]
fn all_tracks_share_a_timeline_that_no_reconnection_sets_back() {
    let mut world = World::new(SinkOptions {
        metadata: true,
        ..SinkOptions::default()
    });
    let aac = section("audio", "mpeg4-generic", 16_000);
    let metadata = section("application", "vnd.onvif.metadata", 90_000);
    world.video(IDR, 1_000_000, 1000, 0);
    world.arrives(&aac, b"sound", -5, 1020, 0);
    world.arrives(&metadata, b"<tt:MetadataStream/>", i64::MAX - 10, 1030, 0);
    world.sinks.interrupted();
    world.video(IDR, 7, 3000, 0);
    world.arrives(&aac, b"sound", 99_999, 3020, 0);
    let frames: Vec<_> = (0..5).map(|_| world.read()).collect();
    let told: Vec<_> = frames
        .iter()
        .map(|frame| (frame.format.track, frame.pts_us, frame.discontinuity))
        .collect();
    let expected = [
        (SinkTrack::Video, 1_000_000, false),
        (SinkTrack::Audio, 1_020_000, false),
        (SinkTrack::Metadata, 1_030_000, false),
        (SinkTrack::Video, 3_000_000, true),
        (SinkTrack::Audio, 3_020_000, true),
    ];
    assert_eq!(told, expected);
    assert_eq!(
        (frames[1].format.encoding, frames[1].format.codec),
        ("AAC", None)
    );
    assert!(!frames[1].format.parameters.is_empty());
    assert_eq!(frames[2].data, b"<tt:MetadataStream/>"[..]);
    let arrivals = frames[3].arrival_unix_us - frames[0].arrival_unix_us;
    assert!((1_999_000..2_001_000).contains(&arrivals), "{arrivals}");
}

#[test]
fn sound_is_put_where_the_video_is_once_that_is_known() {
    let mut world = World::new(SinkOptions::default());
    let pcmu = Format::pushed(Codec::Pcmu);
    let mut shown = Vec::new();
    let mut moved = Vec::new();
    // The first keyframe takes 300 ms to arrive, all else 10 ms.
    for i in 0..500 {
        let captured = 20 * i;
        if i % 2 == 0 {
            let header = if i == 0 { IDR } else { REFERENCE };
            let delay = if i == 0 {
                300
            } else {
                300_u64.saturating_sub(captured).max(10)
            };
            world.video(header, captured as i64 * 90, captured + delay, 0);
        }
        world.arrives(&pcmu, b"sound", captured as i64 * 8, captured + 10, 0);
        while let Ok(frame) = world.queue.take(Some(world.start)) {
            if frame.format.track == SinkTrack::Video {
                shown.push((captured as i64, frame.pts_us));
            } else {
                moved.push((captured as i64, frame.pts_us, frame.discontinuity));
            }
        }
    }
    let offset = |(captured, pts_us): (i64, i64)| pts_us - captured * 1000;
    let video = offset(shown[0]);
    assert!(
        shown.iter().all(|&frame| offset(frame) == video),
        "as the camera says"
    );
    let late: Vec<_> = moved.iter().filter(|frame| frame.2).collect();
    let [&(at, ..)] = late[..] else {
        panic!("moved once: {late:?}");
    };
    assert!((2000..4000).contains(&at), "{at}");
    for &(captured, pts_us, _) in &moved {
        let apart = (offset((captured, pts_us)) - video).abs();
        assert_eq!(apart < 45_000, captured >= at, "{captured} {apart}");
    }
}

#[test]
fn a_change_of_codec_is_told() {
    let mut world = World::new(SinkOptions::default());
    let (ulaw, aac) = (
        Format::pushed(Codec::Pcmu),
        section("audio", "mpeg4-generic", 16_000),
    );
    for (format, ms) in [(&ulaw, 0), (&ulaw, 20), (&aac, 40), (&aac, 104)] {
        world.arrives(format, b"sound", ms as i64 * 8, ms, 0);
    }
    let told: Vec<_> = (0..4)
        .map(|_| world.read())
        .map(|frame| {
            (
                frame.format.encoding,
                frame.format_changed,
                frame.discontinuity,
            )
        })
        .collect();
    let expected = [
        ("PCMU", true, false),
        ("PCMU", false, false),
        ("AAC", true, true),
        ("AAC", false, false),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_full_queue_is_said_once_a_minute_and_bounded_in_bytes() {
    let mut world = World::new(SinkOptions {
        queue_bytes: 1 << 16,
        ..SinkOptions::default()
    });
    let format = Format::pushed(Codec::H264);
    let large = unit(&[nal(IDR, 40_000, &mut Rng::with_seed(2))]);
    let mut complaints = Vec::new();
    for ms in (0..130_000).step_by(100) {
        if world.arrives(&format, &large, ms as i64 * 90, ms, 0) {
            complaints.push(ms);
        }
        // The host takes a frame out now and then.
        if ms % 1000 == 0 {
            world.read();
        }
        assert!(world.queue.info().queued_bytes < 1 << 16);
    }
    assert_eq!(complaints.len(), 3, "{complaints:?}");
    let info = world.queue.info();
    assert!(
        info.overflows > 100 && info.frames_dropped > 1000,
        "{info:?}"
    );
}

#[test]
fn a_track_that_nobody_takes_costs_nothing_and_leaves_no_trace() {
    let mut world = World::new(SinkOptions {
        video: false,
        ..SinkOptions::default()
    });
    world.video(IDR, 0, 0, 0);
    world.arrives(
        &section("application", "vnd.onvif.metadata", 0),
        b"<a/>",
        0,
        0,
        0,
    );
    assert_eq!(world.queue.info().frames, 0);
    world.sinks.remove(SinkId(1));
    world.arrives(&Format::pushed(Codec::Pcmu), b"sound", 0, 0, 0);
    assert_eq!(world.queue.info().frames, 0);
}

#[test]
fn who_waits_for_a_keyframe_asks_for_it_as_long_as_there_is_room() {
    let mut world = World::new(SinkOptions {
        queue_frames: 4,
        ..SinkOptions::default()
    });
    let format = Format::pushed(Codec::H264);
    let asks = |world: &mut World, header, ms: u64| {
        let data = unit(&[nal(header, 50, &mut Rng::with_seed(1))]);
        let arrival = Arrival {
            format: &format,
            unit: AccessUnit {
                data: &data,
                timestamp: ms as i64 * 90,
                arrival: world.at(ms),
                captured: None,
            },
            lost: 0,
            damaged: false,
            restarts: false,
        };
        world
            .sinks
            .received(&arrival, Some(&world.sets))
            .keyframe_needed
    };
    assert!(asks(&mut world, REFERENCE, 0), "it begins");
    assert!(asks(&mut world, REFERENCE, 40), "the first was not heard");
    for ms in [80, 120, 160, 200] {
        let header = if ms == 80 { IDR } else { REFERENCE };
        assert!(!asks(&mut world, header, ms));
    }
    assert!(asks(&mut world, REFERENCE, 240), "full");
    assert!(!asks(&mut world, IDR, 280), "it comes too early");
    assert!(!asks(&mut world, REFERENCE, 320), "no room for it");
    world.read();
    assert!(asks(&mut world, REFERENCE, 360));
    assert!(!asks(&mut world, IDR, 400));
    assert!(!asks(&mut world, REFERENCE, 440) || world.queue.info().overflows == 2);
}

/// Replays all. Whether a keyframe is needed then.
fn replay(sinks: &mut StreamSinks, video: &Track, newest: Newest) -> bool {
    let mut waits = false;
    while sinks.is_replaying() {
        waits |= sinks.replay_next(Some((video, newest)));
    }
    waits
}

/// A track that keeps all of a GOP.
fn stored() -> Track {
    let info = TrackInfo {
        codec: Codec::H264,
        parameter_sets: Some(sets().into()),
    };
    let limits = RingLimits {
        packets: 512,
        history: Duration::from_secs(1),
        keep_gop: true,
        bytes: 8 << 20,
        duration: Duration::from_secs(3600),
    };
    Track::new(info, limits, 0)
}

#[test]
fn what_is_kept_of_a_camera_does_not_touch_the_timeline_of_the_others() {
    let mut world = World::new(SinkOptions::default());
    let camera = section("video", "h264", 90_000);
    let mut video = stored();
    let mut frame = |world: &mut World, header, i: u64| {
        let data = unit(&[nal(header, 50, &mut Rng::with_seed(1))]);
        // The camera's clock is fast.
        let timestamp = 3700 * i as i64;
        world.arrives(&camera, &data, timestamp, 40 * i, 0);
        let arrival = world.at(40 * i);
        video.push(&AccessUnit {
            data: &data,
            timestamp,
            arrival,
            captured: None,
        });
        Newest {
            timestamp,
            arrival,
            captured: None,
        }
    };
    let mut newest = frame(&mut world, IDR, 0);
    for i in 1..50 {
        newest = frame(&mut world, REFERENCE, i);
    }
    let late = Arc::new(Queue::new(
        SinkId(2),
        StreamId(1),
        SinkOptions {
            from_cache: true,
            ..SinkOptions::default()
        },
    ));
    assert!(!world.sinks.add(Arc::clone(&late), Some(&video)));
    assert!(!replay(&mut world.sinks, &video, newest));
    frame_after(&mut world, &camera);
    let mut last = None;
    for queue in [Arc::clone(&world.queue), late] {
        let mut before: Option<SinkFrame> = None;
        for _ in 0..51 {
            let frame = queue.take(Some(world.start)).unwrap();
            if let Some(before) = &before {
                let step = frame.pts_us - before.pts_us;
                assert!((41_100..41_120).contains(&step), "{step}");
                assert!(!frame.discontinuity && !frame.format_changed);
            }
            before = Some(frame);
        }
        let pts = before.unwrap().pts_us;
        assert_eq!(*last.get_or_insert(pts), pts);
    }
}

/// The fifty-first frame.
fn frame_after(world: &mut World, camera: &Format) {
    let data = unit(&[nal(REFERENCE, 50, &mut Rng::with_seed(1))]);
    world.arrives(camera, &data, 3700 * 50, 40 * 50, 0);
}

#[test]
fn what_is_kept_is_replayed_up_to_where_a_queue_is_full() {
    const KEPT: usize = 500;
    const ROOM: u32 = 16;
    let start = Instant::now();
    let mut video = stored();
    for i in 0..KEPT {
        let header = if i == 0 { IDR } else { REFERENCE };
        let data = unit(&[nal(header, 3, &mut Rng::with_seed(1))]);
        video.push(&AccessUnit {
            data: &data,
            timestamp: 3600 * i as i64,
            arrival: start + Duration::from_millis(40 * i as u64),
            captured: None,
        });
    }
    let newest = Newest {
        timestamp: 3600 * (KEPT as i64 - 1),
        arrival: start + Duration::from_millis(40 * (KEPT as u64 - 1)),
        captured: None,
    };
    for (queue_frames, queued, waits) in [(2048, KEPT as u32, false), (ROOM, ROOM, true)] {
        let mut sinks = StreamSinks::new(start);
        let queue = Arc::new(Queue::new(
            SinkId(1),
            StreamId(1),
            SinkOptions {
                queue_frames,
                from_cache: true,
                ..SinkOptions::default()
            },
        ));
        assert!(!sinks.add(Arc::clone(&queue), Some(&video)));
        // A keyframe is asked for if live frames cannot go on where the replayed ones end.
        let waited = replay(&mut sinks, &video, newest);
        assert_eq!(waited, waits, "{queue_frames}");
        let info = queue.info();
        assert_eq!(info.queued_frames, queued);
        // Nothing is made of the frames behind the first one without room.
        assert_eq!(info.frames_dropped, u64::from(waits));
    }
}

/// A camera, and a sink that is added while it sends.
struct Late {
    world: World,
    video: Track,
    camera: Format,
    newest: Option<Newest>,
    sent: u64,
}

impl Late {
    fn new() -> Late {
        Late {
            world: World::new(SinkOptions::default()),
            video: stored(),
            camera: section("video", "h264", 90_000),
            newest: None,
            sent: 0,
        }
    }

    /// The next frame: first to the ring, then to the sinks, as a worker does.
    fn frame(&mut self, header: u8) {
        let i = self.sent;
        self.sent += 1;
        let data = unit(&[nal(header, 50, &mut Rng::with_seed(i))]);
        let (timestamp, arrival) = (3600 * i as i64, self.world.at(40 * i));
        self.video.push(&AccessUnit {
            data: &data,
            timestamp,
            arrival,
            captured: None,
        });
        self.newest = Some(Newest {
            timestamp,
            arrival,
            captured: None,
        });
        self.world
            .arrives(&self.camera, &data, timestamp, 40 * i, 0);
    }

    fn add(&mut self) -> Arc<Queue> {
        let options = SinkOptions {
            from_cache: true,
            ..SinkOptions::default()
        };
        let queue = Arc::new(Queue::new(SinkId(2), StreamId(1), options));
        assert!(!self.world.sinks.add(Arc::clone(&queue), Some(&self.video)));
        queue
    }

    fn replay_next(&mut self) -> bool {
        let stored = self.newest.map(|newest| (&self.video, newest));
        self.world.sinks.replay_next(stored)
    }
}

#[test]
fn what_comes_during_a_replay_follows_it_once_and_in_order() {
    let mut late = Late::new();
    late.frame(IDR);
    (0..20).for_each(|_| late.frame(REFERENCE));
    let queue = late.add();
    let mut turns = 0;
    while late.world.sinks.is_replaying() {
        // One access unit in a turn.
        assert!(!late.replay_next());
        turns += 1;
        if turns % 4 == 0 {
            late.frame(REFERENCE);
        }
    }
    late.frame(REFERENCE);
    assert!(late.sent > 21 + 5, "{}", late.sent);
    for i in 0..late.sent {
        let [live, replayed] = [&late.world.queue, &queue].map(|queue| {
            let frame = queue.take(Some(late.world.start)).unwrap();
            assert!(!frame.discontinuity && frame.frames_dropped == 0);
            (frame.data, frame.pts_us)
        });
        assert_eq!(live, replayed, "{i}");
    }
    assert_eq!(queue.info().queued_frames, 0);
}

#[test]
fn a_replay_that_the_ring_does_not_wait_for_goes_on_at_a_keyframe() {
    let mut late = Late::new();
    late.frame(IDR);
    (0..20).for_each(|_| late.frame(REFERENCE));
    let queue = late.add();
    (0..5).for_each(|_| assert!(!late.replay_next()));
    late.video.ring_mut().set_limits(RingLimits {
        packets: 1,
        keep_gop: false,
        bytes: 1 << 20,
        history: Duration::ZERO,
        duration: Duration::ZERO,
    });
    late.frame(REFERENCE);
    assert!(late.replay_next(), "a keyframe is needed");
    assert!(!late.world.sinks.is_replaying());
    late.frame(REFERENCE);
    assert_eq!(queue.info().queued_frames, 5);
    late.frame(IDR);
    let frames: Vec<SinkFrame> = (0..6)
        .map(|_| queue.take(Some(late.world.start)).unwrap())
        .collect();
    assert!(frames[5].keyframe && frames[5].discontinuity);
    assert_eq!(frames[5].frames_dropped, 1);
    // Removed in the middle, it is forgotten.
    late.frame(REFERENCE);
    late.video = stored();
    late.frame(IDR);
    late.add();
    late.world.sinks.remove(SinkId(2));
    assert!(!late.world.sinks.is_replaying());
}
