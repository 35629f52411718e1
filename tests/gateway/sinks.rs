//! The host gets the media: recorders, pre-recording, keyframes.

use std::thread;
use std::time::Duration;

use rtsp_webrtc_gateway::config::{Frame, FrameData, PullOptions, PushOptions, SinkOptions};
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::sinks::{SinkFrame, SinkTrack};
use rtsp_webrtc_gateway::state::{SinkId, StreamId, StreamState};
use rtsp_webrtc_gateway::{Codec, Handle};
use testkit::camera::{Audio, CameraConfig, CameraServer, Recording, Script};
use testkit::clip::{AccessUnit, Clip};
use testkit::recordings;

use crate::common::{LONG, cameras, pull, tuned, wait_for, watch};

/// Between two video frames.
const FRAME_US: i64 = 40_000;

/// A video frame with start codes of 4 bytes.
fn annex_b(unit: &AccessUnit) -> Vec<u8> {
    let start_code = &[0, 0, 0, 1][..];
    unit.nals
        .iter()
        .flat_map(|nal| [start_code, nal].concat())
        .collect()
}

fn push_stream(gateway: &Gateway) -> StreamId {
    let options = PushOptions {
        audio: Some(Codec::Pcmu),
        queue_frames: 1024,
        ..PushOptions::default()
    };
    gateway.add_push_stream("cam", options).unwrap()
}

/// Pushes so many video frames of a clip that repeats, from `first` on. Returns what was pushed.
fn push(gateway: &Handle, stream: StreamId, first: usize, count: usize) -> Vec<Vec<u8>> {
    let units = Clip::Baseline360p.access_units();
    let push = |i: usize| {
        let data = annex_b(&units[i % units.len()]);
        let frame = Frame {
            data: FrameData::Copied(&data),
            pts_us: i as i64 * FRAME_US,
            capture_unix_us: None,
            discontinuity: false,
        };
        gateway.push_video(stream, frame).unwrap();
        data
    };
    (first..first + count).map(push).collect()
}

fn only_video() -> SinkOptions {
    SinkOptions {
        audio: false,
        ..SinkOptions::default()
    }
}

fn read(gateway: &Handle, sink: SinkId) -> SinkFrame {
    gateway.read_sink(sink, Some(LONG)).unwrap()
}

fn status(gateway: &Handle, sink: SinkId) -> Status {
    gateway
        .read_sink(sink, Some(Duration::ZERO))
        .unwrap_err()
        .status()
}

/// Whether an Annex B byte stream begins with a NAL unit of this type.
fn begins_with(data: &[u8], kind: u8) -> bool {
    data.starts_with(&[0, 0, 0, 1]) && data[4] & 0x1f == kind
}

/// A worker that goes through what another sink begins with takes turns with what is pushed.
#[test]
fn what_is_pushed_once_a_sink_is_added_is_in_it() {
    let gateway = tuned(&[]);
    let stream = push_stream(&gateway);
    let from_cache = SinkOptions {
        from_cache: true,
        ..only_video()
    };
    for round in 0..200 {
        push(&gateway, stream, 0, 40);
        let before = gateway.add_sink(stream, from_cache.clone()).unwrap();
        let sink = gateway.add_sink(stream, only_video()).unwrap();
        let pushed = push(&gateway, stream, 50, 1).remove(0);
        // Behind what the worker had not come to before, perhaps.
        let mut all = std::iter::repeat_with(|| read(&gateway, sink).data).take(41);
        assert!(all.any(|data| data == pushed), "round {round}");
        gateway.remove_sink(sink).unwrap();
        gateway.remove_sink(before).unwrap();
    }
}

#[test]
fn what_is_pushed_comes_out_as_it_was_for_each_sink() {
    let gateway = tuned(&[]);
    let stream = push_stream(&gateway);
    let annex_b = gateway.add_sink(stream, SinkOptions::default()).unwrap();
    let lengths = SinkOptions {
        length_prefixed: true,
        ..SinkOptions::default()
    };
    let lengths = gateway.add_sink(stream, lengths).unwrap();
    let pushed = push(&gateway, stream, 0, 20);
    let sound = Frame {
        data: FrameData::Copied(&[7; 160]),
        pts_us: 19 * FRAME_US,
        capture_unix_us: None,
        discontinuity: false,
    };
    gateway.push_audio(stream, sound).unwrap();
    for (i, data) in pushed.iter().enumerate() {
        let (frame, other) = (read(&gateway, annex_b), read(&gateway, lengths));
        assert_eq!(frame.data, data, "{i}");
        assert_eq!(frame.keyframe, i == 0);
        assert_eq!(frame.pts_us - other.pts_us, 0);
        assert_eq!(
            (frame.discontinuity, frame.damaged, frame.cached),
            (false, false, false)
        );
        assert_eq!(frame.format_changed, i == 0);
        assert_eq!(frame.format.codec, Some(Codec::H264));
        assert_eq!((frame.format.width, frame.format.height), (640, 360));
        assert!(begins_with(&frame.format.parameters, 7));
        assert_eq!(other.data.len(), data.len());
        let first = u32::from_be_bytes(*other.data.first_chunk().unwrap());
        assert!(0 < first && (first as usize) < data.len());
    }
    let sound = read(&gateway, annex_b);
    assert_eq!(sound.format.track, SinkTrack::Audio);
    assert_eq!(
        (sound.format.encoding, &sound.data[..]),
        ("PCMU", &[7; 160][..])
    );
    assert_eq!(status(&gateway, annex_b), Status::Timeout);
}

#[test]
fn the_timeline_is_that_of_the_source() {
    let gateway = tuned(&[]);
    let stream = push_stream(&gateway);
    let sink = gateway.add_sink(stream, only_video()).unwrap();
    push(&gateway, stream, 0, 10);
    let first = read(&gateway, sink).pts_us;
    for i in 1..10 {
        assert_eq!(read(&gateway, sink).pts_us - first, i * FRAME_US);
    }
}

#[test]
fn a_recording_can_begin_before_it_was_asked_for() {
    let gateway = tuned(&[]);
    let stream = push_stream(&gateway);
    let all = gateway.add_sink(stream, only_video()).unwrap();
    let mut pushed = push(&gateway, stream, 0, 12);
    let early: Vec<_> = (0..12).map(|_| read(&gateway, all)).collect();
    let from_cache = SinkOptions {
        from_cache: true,
        ..only_video()
    };
    let late = gateway.add_sink(stream, from_cache).unwrap();
    let next = gateway.add_sink(stream, only_video()).unwrap();
    // The sinks are there when this is answered.
    gateway.stream_info(stream).unwrap();
    pushed.extend(push(&gateway, stream, 12, 5));
    for (i, data) in pushed.iter().enumerate() {
        let frame = read(&gateway, late);
        assert_eq!(frame.cached, i < 12);
        assert!(!frame.discontinuity);
        // Delimiters are not kept.
        assert!(data.ends_with(&frame.data[frame.data.len() - 100..]), "{i}");
        let other = early.get(i).cloned().unwrap_or_else(|| read(&gateway, all));
        assert_eq!(frame.pts_us, other.pts_us, "{i}");
        assert_eq!(frame.keyframe, other.keyframe);
    }
    assert_eq!(status(&gateway, next), Status::Timeout, "no keyframe since");
}

#[test]
fn a_slow_sink_loses_whole_gops_and_is_told_and_nobody_else_notices() {
    let gateway = tuned(&[]);
    let stream = push_stream(&gateway);
    let slow = SinkOptions {
        queue_frames: 16,
        ..only_video()
    };
    let slow = gateway.add_sink(stream, slow).unwrap();
    let other = gateway.add_sink(stream, only_video()).unwrap();
    let gop = Clip::Baseline360p.gop();
    assert!(gop > 20, "{gop}");
    push(&gateway, stream, 0, gop);
    for _ in 0..gop {
        assert!(!read(&gateway, other).discontinuity);
    }
    let info = gateway.sink_info(slow).unwrap();
    assert_eq!((info.queued_frames, info.overflows), (16, 1));
    for i in 0..16 {
        let frame = read(&gateway, slow);
        assert_eq!((frame.keyframe, frame.discontinuity), (i == 0, false));
    }
    // There is room again, but the frames of this GOP cannot be decoded.
    assert_eq!(status(&gateway, slow), Status::Timeout);
    push(&gateway, stream, gop, 1);
    let frame = read(&gateway, slow);
    assert!(frame.keyframe && frame.discontinuity);
    assert_eq!(frame.frames_dropped as usize, gop - 16);
    assert_eq!(
        gateway.sink_info(slow).unwrap().frames_dropped as usize,
        gop - 16
    );
    assert_eq!(gateway.sink_info(other).unwrap().frames_dropped, 0);

    let state: serde_json::Value = serde_json::from_str(&gateway.state_json().unwrap()).unwrap();
    let told = &state["streams"][0]["sinks"];
    assert_eq!(told[0]["id"], slow.0);
    assert_eq!(
        (&told[0]["frames_dropped"], &told[1]["frames_dropped"]),
        (&(gop - 16).into(), &0.into())
    );
    // What was lost is still counted when the sink is gone.
    gateway.remove_sink(slow).unwrap();
    let metrics = gateway.metrics().unwrap();
    let value = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name));
        line.unwrap()
            .rsplit(' ')
            .next()
            .unwrap()
            .parse::<usize>()
            .unwrap()
    };
    assert_eq!(value("rtsp_webrtc_gateway_stream_sinks{"), 1);
    assert_eq!(
        value("rtsp_webrtc_gateway_stream_sink_frames_dropped_total{"),
        gop - 16
    );
}

#[test]
fn a_camera_that_is_on_demand_is_connected_for_its_sinks() {
    let cameras = cameras(&["cam"]);
    let gateway = tuned(&[]);
    let stream = gateway
        .add_stream(
            "cam",
            PullOptions {
                on_demand: true,
                linger: Some(Duration::from_millis(100)),
                ..pull(cameras.url("cam"))
            },
        )
        .unwrap();
    let error = gateway.keyframe(stream).unwrap_err();
    assert_eq!(error.status(), Status::NotReady);
    assert!(error.message().contains("on demand"), "{error}");
    let sink = gateway.add_sink(stream, SinkOptions::default()).unwrap();
    let frame = read(&gateway, sink);
    assert!(frame.keyframe && begins_with(&frame.data, 7), "{frame:?}");
    assert!(frame.arrival_unix_us > 1_600_000_000_000_000);
    let keyframe = gateway.keyframe(stream).unwrap();
    assert!(keyframe.keyframe && begins_with(&keyframe.data, 7));
    assert_eq!((keyframe.format.width, keyframe.format.height), (640, 360));
    gateway.remove_sink(sink).unwrap();
    let state = || gateway.stream_info(stream).unwrap().state;
    wait_for("idle", || state() == StreamState::Idle);
    assert_eq!(status(&gateway, sink), Status::NotFound);
}

#[test]
fn a_camera_is_recorded_as_it_encodes_and_watched_at_the_same_time() {
    let camera = CameraConfig::new("cam")
        .clip(Clip::Baseline360p)
        .audio(Some(Audio::Pcmu));
    let cameras = CameraServer::start(vec![camera]).unwrap();
    let gateway = tuned(&[]);
    let stream = gateway.add_stream("cam", pull(cameras.url("cam"))).unwrap();
    let sink = gateway.add_sink(stream, SinkOptions::default()).unwrap();
    let _viewer = watch(&gateway, "cam");
    let (mut video, mut audio) = (0, 0);
    while video < 30 || audio < 30 {
        let frame = read(&gateway, sink);
        match frame.format.track {
            SinkTrack::Video => video += 1,
            SinkTrack::Audio => audio += 1,
            SinkTrack::Metadata => unreachable!("it is not asked for"),
        }
    }
}

/// B-frames, AAC and metadata: of these, viewers get none as they are.
#[test]
fn a_recorder_gets_what_viewers_are_not_shown() {
    const DOCUMENT: &[u8] = b"<tt:MetadataStream/>";
    let documents = [DOCUMENT.to_vec()];
    let metadata = Recording::audio(107, "vnd.onvif.metadata/90000", "", 45_000, documents);
    let script = Script::new()
        .description(|sdp| sdp.replace("m=audio 0 RTP/AVP 107", "m=application 0 RTP/AVP 107"))
        .slot(|slot| {
            if slot.track == 2 {
                // The marker ends a document.
                slot.packets.iter_mut().for_each(|packet| packet[1] |= 0x80);
            }
        });
    let camera = CameraConfig::new("cam")
        .recording(recordings::b_frames())
        .recording(recordings::aac())
        .recording(metadata)
        .script(script);
    let cameras = CameraServer::start(vec![camera]).unwrap();
    let gateway = tuned(&[]);
    let options = PullOptions {
        metadata: true,
        ..pull(cameras.url("cam"))
    };
    let stream = gateway.add_stream("cam", options).unwrap();
    let sink = SinkOptions {
        metadata: true,
        ..SinkOptions::default()
    };
    let sink = gateway.add_sink(stream, sink).unwrap();
    let (mut times, mut sound, mut documents) = (Vec::new(), 0, 0);
    while times.len() < 50 || sound < 20 || documents < 2 {
        let frame = read(&gateway, sink);
        assert!(frame.packets_lost == 0 && !frame.damaged, "{frame:?}");
        let format = &frame.format;
        match format.track {
            SinkTrack::Video => times.push(frame.pts_us),
            SinkTrack::Audio => {
                assert_eq!((format.encoding, format.codec), ("AAC", None));
                assert!(format.parameters.len() >= 2 && frame.data[0] != 0xff);
                sound += 1;
            }
            SinkTrack::Metadata => {
                assert_eq!(frame.data, DOCUMENT);
                documents += 1;
            }
        }
    }
    assert!(
        !times.is_sorted(),
        "B-frames are shown before what they come after"
    );
    times.sort_unstable();
    // None is missing.
    assert!(
        times
            .windows(2)
            .take(40)
            .all(|pair| (1..=80_000).contains(&(pair[1] - pair[0])))
    );
}

#[test]
fn a_sink_ends_with_its_stream_and_what_it_has_can_still_be_read() {
    let gateway = tuned(&[]);
    let stream = push_stream(&gateway);
    let sink = gateway.add_sink(stream, only_video()).unwrap();
    push(&gateway, stream, 0, 3);
    let arrived = || gateway.sink_info(sink).unwrap().frames == 3;
    wait_for("three frames", arrived);
    gateway.remove_stream(stream).unwrap();
    for _ in 0..3 {
        read(&gateway, sink);
    }
    let error = gateway.read_sink(sink, Some(LONG)).unwrap_err();
    assert_eq!(error.status(), Status::NotFound);
    assert!(error.message().contains("stream was removed"), "{error}");
    assert_eq!(
        gateway.remove_sink(sink).unwrap_err().status(),
        Status::NotFound
    );
    let error = gateway.add_sink(stream, only_video()).unwrap_err();
    assert_eq!(error.status(), Status::NotFound);
}

#[test]
fn those_who_wait_are_told_when_it_is_over() {
    let gateway = tuned(&[]);
    let stream = push_stream(&gateway);
    let (removed, closed) = (
        gateway.add_sink(stream, only_video()).unwrap(),
        gateway.add_sink(stream, only_video()).unwrap(),
    );
    thread::scope(|scope| {
        let wait = |sink| {
            let gateway = gateway.handle();
            scope.spawn(move || gateway.read_sink(sink, None).unwrap_err().status())
        };
        let (of_removed, of_closed) = (wait(removed), wait(closed));
        gateway.remove_sink(removed).unwrap();
        assert_eq!(of_removed.join().unwrap(), Status::NotFound);
        gateway.shutdown(LONG).unwrap();
        assert_eq!(of_closed.join().unwrap(), Status::ShuttingDown);
    });
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let gateway = tuned(&[]);
    let stream = push_stream(&gateway);
    for options in [
        SinkOptions {
            video: false,
            ..only_video()
        },
        SinkOptions {
            queue_frames: 15,
            ..only_video()
        },
        SinkOptions {
            queue_frames: 65_537,
            ..only_video()
        },
        SinkOptions {
            queue_bytes: 65_535,
            ..only_video()
        },
        SinkOptions {
            queue_bytes: (1 << 30) + 1,
            ..only_video()
        },
    ] {
        let error = gateway.add_sink(stream, options).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument);
    }
    for _ in 0..16 {
        gateway.add_sink(stream, only_video()).unwrap();
    }
    let error = gateway.add_sink(stream, only_video()).unwrap_err();
    assert_eq!(error.status(), Status::Limit);
}
