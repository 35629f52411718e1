//! Push streams over real sockets: a host's frames in, a viewer out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtsp_webrtc_gateway::Codec;
use rtsp_webrtc_gateway::config::{Config, Frame, FrameData, PushOptions};
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::events::Events;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{StreamId, StreamInfo, StreamState};
use rtsp_webrtc_gateway::tuning::Key;
use testkit::camera::packetize;
use testkit::clip::{AccessUnit, Clip};
use testkit::viewer::{UdpViewer, Viewer};

use crate::common::{LONG, chromium, frames, has_frames, post, pull, tuned};

/// Between two pictures.
const PICTURE_US: i64 = 40_000;

fn h264() -> PushOptions {
    PushOptions::default()
}

fn with_sound() -> PushOptions {
    PushOptions {
        audio: Some(Codec::Pcmu),
        ..h264()
    }
}

/// A picture as an encoder gives it out: with start codes of both lengths.
fn annex_b(unit: &AccessUnit) -> Vec<u8> {
    let mut data = Vec::new();
    for (i, nal) in unit.nals.iter().enumerate() {
        data.extend_from_slice(if i == 0 { &[0, 0, 0, 1] } else { &[0, 0, 1] });
        data.extend_from_slice(nal);
    }
    data
}

fn frame(data: &[u8], pts_us: i64) -> Frame<'_> {
    Frame {
        data: FrameData::Copied(data),
        pts_us,
        capture_unix_us: None,
        discontinuity: false,
    }
}

/// A host that plays a clip over and over, a picture whenever it is asked for one.
struct Host<'g> {
    gateway: &'g Gateway,
    stream: StreamId,
    clip: Clip,
    next: usize,
    sound: bool,
}

impl Host<'_> {
    fn new(gateway: &Gateway, stream: StreamId) -> Host<'_> {
        Host {
            gateway,
            stream,
            clip: Clip::Baseline360p,
            next: 0,
            sound: false,
        }
    }

    fn push(&mut self) -> rtsp_webrtc_gateway::error::Result<()> {
        let units = self.clip.access_units();
        let pts = self.next as i64 * PICTURE_US;
        let data = annex_b(&units[self.next % units.len()]);
        self.next += 1;
        self.gateway.push_video(self.stream, frame(&data, pts))?;
        if self.sound {
            for half in 0..2 {
                let sound = frame(&[0xff; 160], pts + half * PICTURE_US / 2);
                self.gateway.push_audio(self.stream, sound)?;
            }
        }
        Ok(())
    }

    /// Pushes until it is so.
    fn push_till(&mut self, viewer: &mut UdpViewer, done: impl Fn(&Viewer) -> bool) {
        let end = Instant::now() + LONG;
        while !viewer.run_till(Duration::from_millis(5), &done) {
            assert!(Instant::now() < end, "it never happens");
            self.push().unwrap();
        }
    }

    fn push_till_info(&mut self, done: impl Fn(&StreamInfo) -> bool) -> StreamInfo {
        wait(self.gateway, self.stream, || self.push().unwrap(), done)
    }
}

/// Does `something` every few milliseconds until the stream is so.
fn wait(
    gateway: &Gateway,
    stream: StreamId,
    mut something: impl FnMut(),
    done: impl Fn(&StreamInfo) -> bool,
) -> StreamInfo {
    let end = Instant::now() + LONG;
    loop {
        let info = gateway.stream_info(stream).unwrap();
        if done(&info) {
            return info;
        }
        assert!(Instant::now() < end, "it never happens: {info:?}");
        something();
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The video section is inactive, and the sound comes.
#[test]
fn sound_alone() {
    let gateway = tuned(&[]);
    let options = PushOptions {
        video: None,
        audio: Some(Codec::Pcmu),
        ..PushOptions::default()
    };
    let stream = gateway.add_push_stream("cam", options).unwrap();
    let mut pts = 0;
    let mut push = || {
        gateway
            .push_audio(stream, frame(&[0xff; 160], pts))
            .unwrap();
        pts += 20_000;
    };
    push();
    let mut viewer = chromium();
    let response = post(&gateway, "cam", &viewer.viewer.offer()).unwrap();
    let sections: Vec<&str> = response.body.split("\r\nm=").skip(1).collect();
    let section = |kind: &str| {
        sections
            .iter()
            .find(|section| section.starts_with(kind))
            .unwrap()
    };
    assert!(
        section("video").contains("\r\na=inactive\r\n"),
        "{}",
        response.body
    );
    assert!(
        section("audio").contains("\r\na=sendonly\r\n"),
        "{}",
        response.body
    );
    viewer.accept(&response.body);
    let end = Instant::now() + LONG;
    while !viewer.run_till(Duration::from_millis(5), |viewer| {
        viewer.audio.packets().count() > 10
    }) {
        assert!(Instant::now() < end, "it is not heard");
        push();
    }
    let info = gateway.stream_info(stream).unwrap();
    assert_eq!(
        (info.video_codec, info.audio_codec),
        (None, Some(Codec::Pcmu))
    );
    let refused = gateway.push_video(
        stream,
        frame(&annex_b(&Clip::Baseline360p.access_units()[0]), 0),
    );
    assert_eq!(refused.unwrap_err().status(), Status::InvalidState);
}

/// A viewer whose offer is answered.
fn offer(gateway: &Gateway, stream: &str) -> UdpViewer {
    let mut viewer = chromium();
    let response = post(gateway, stream, &viewer.viewer.offer()).unwrap();
    viewer.accept(&response.body);
    viewer
}

#[test]
fn a_viewer_sees_what_the_host_pushes() {
    let gateway = Gateway::new(Config::default()).unwrap();
    let stream = gateway.add_push_stream("cam", with_sound()).unwrap();
    let mut host = Host::new(&gateway, stream);
    host.sound = true;
    let info = gateway.stream_info(stream).unwrap();
    assert_eq!(info.state, StreamState::Connecting);
    let info = host.push_till_info(|info| info.state == StreamState::Live);
    assert_eq!((info.width, info.height), Clip::Baseline360p.size());
    assert_eq!(info.video_codec, Some(Codec::H264));
    assert_eq!(info.audio_codec, Some(Codec::Pcmu));
    let mut viewer = offer(&gateway, "cam");
    host.push_till(&mut viewer, |viewer| {
        has_frames(60)(viewer) && viewer.audio.count() > 60
    });
    let units = viewer.viewer.video.access_units();
    assert!(units[0].is_keyframe());
    let clip = Clip::Baseline360p.access_units();
    let begin = clip
        .iter()
        .position(|unit| unit.nals == units[0].nals)
        .expect("a picture of the clip");
    for (i, unit) in units.iter().enumerate() {
        let pushed = &clip[(begin + i) % clip.len()];
        assert_eq!(unit.nals, pushed.nals, "picture {i}");
    }
    for pair in units.windows(2) {
        assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp), 3600);
    }
    let info = gateway.stream_info(stream).unwrap();
    assert_eq!(info.frames_dropped, 0);
    let text = gateway.metrics().unwrap();
    assert!(text.contains("stream_frames_dropped_total{stream=\"cam\"} 0"));
    assert!(text.contains("stream_bits_per_second{stream=\"cam\"}"));
    let json = gateway.state_json().unwrap();
    assert!(json.contains("\"source\":\"push\""), "{json}");
}

#[test]
fn an_offer_waits_for_the_first_keyframe() {
    let gateway = Gateway::new(Config::default()).unwrap();
    let stream = gateway.add_push_stream("cam", h264()).unwrap();
    std::thread::scope(|scope| {
        let offered = scope.spawn(|| offer(&gateway, "cam"));
        let mut host = Host::new(&gateway, stream);
        host.next = 1;
        while !offered.is_finished() {
            host.push().unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut viewer = offered.join().unwrap();
        host.push_till(&mut viewer, has_frames(3));
        assert!(viewer.viewer.video.access_units()[0].is_keyframe());
    });
    let info = gateway.stream_info(stream).unwrap();
    assert!(info.frames_dropped >= 24, "before the first keyframe");
}

#[test]
fn what_cannot_be_pushed_is_told() {
    let gateway = Gateway::new(Config::default()).unwrap();
    let stream = gateway.add_push_stream("cam", h264()).unwrap();
    let camera = gateway
        .add_stream("camera", pull("rtsp://127.0.0.1:1/"))
        .unwrap();
    let status = |result: rtsp_webrtc_gateway::error::Result<()>| result.unwrap_err().status();
    let idr = annex_b(&Clip::Baseline360p.access_units()[0]);
    assert_eq!(
        status(gateway.push_video(camera, frame(&idr, 0))),
        Status::InvalidState
    );
    assert_eq!(
        status(gateway.push_audio(stream, frame(&idr, 0))),
        Status::InvalidState
    );
    assert_eq!(
        status(gateway.push_video(stream, frame(&idr[4..], 0))),
        Status::InvalidArgument
    );
    assert_eq!(
        status(gateway.push_video(stream, frame(&[], 0))),
        Status::InvalidArgument
    );
    let huge = [&idr[..], &vec![1; 17 << 20]].concat();
    assert_eq!(
        status(gateway.push_video(stream, frame(&huge, 0))),
        Status::InvalidArgument
    );
    assert_eq!(
        status(gateway.push_video(StreamId(99), frame(&idr, 0))),
        Status::NotFound
    );
    gateway.remove_stream(stream).unwrap();
    assert_eq!(
        status(gateway.push_video(stream, frame(&idr, 0))),
        Status::NotFound
    );
    gateway.shutdown(LONG).unwrap();
    assert_eq!(
        status(gateway.push_video(camera, frame(&idr, 0))),
        Status::ShuttingDown
    );
}

/// Memory of the host that counts how often it is given back.
struct Lent {
    data: Vec<u8>,
    returned: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.returned.fetch_add(1, Ordering::SeqCst);
    }
}

fn lent(data: &[u8], returned: &Arc<AtomicUsize>) -> Frame<'static> {
    let data = Bytes::from_owner(Lent {
        data: data.to_vec(),
        returned: Arc::clone(returned),
    });
    Frame {
        data: FrameData::Shared(data),
        pts_us: 0,
        capture_unix_us: None,
        discontinuity: false,
    }
}

#[test]
fn lent_memory_is_given_back_after_success_failure_and_end() {
    let gateway = Gateway::new(Config::default()).unwrap();
    let returned = Arc::new(AtomicUsize::new(0));
    let patient = PushOptions {
        queue_frames: 1024,
        ..with_sound()
    };
    let stream = gateway.add_push_stream("cam", patient).unwrap();
    let units: Vec<Vec<u8>> = Clip::Baseline360p
        .access_units()
        .iter()
        .map(annex_b)
        .collect();
    let mut pushed = 0;
    let mut push = |gateway: &Gateway, frame: Frame<'static>, sound: bool| {
        pushed += 1;
        let result = match sound {
            false => gateway.push_video(stream, frame),
            true => gateway.push_audio(stream, frame),
        };
        (result, pushed)
    };
    for unit in &units {
        push(&gateway, lent(unit, &returned), false).0.unwrap();
        push(&gateway, lent(&[7; 160], &returned), true).0.unwrap();
    }
    let (result, _) = push(&gateway, lent(&[1, 2, 3], &returned), false);
    assert_eq!(result.unwrap_err().status(), Status::InvalidArgument);
    let end = Instant::now() + LONG;
    while returned.load(Ordering::SeqCst) < 2 * units.len() + 1 {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(1));
    }
    let info = gateway.stream_info(stream).unwrap();
    assert_eq!(info.frames, units.len() as u64);

    // Pushed from several threads while the stream goes away.
    let other = gateway.add_push_stream("other", h264()).unwrap();
    let rest = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while gateway
                    .push_video(other, lent(&units[0], &returned))
                    .is_ok()
                    || gateway.stream_info(other).is_ok()
                {
                    rest.fetch_add(1, Ordering::SeqCst);
                }
                rest.fetch_add(1, Ordering::SeqCst);
            });
        }
        std::thread::sleep(Duration::from_millis(50));
        gateway.remove_stream(other).unwrap();
    });
    let (_, pushed) = push(&gateway, lent(&units[0], &returned), false);
    gateway.shutdown(LONG).unwrap();
    let expected = pushed + rest.load(Ordering::SeqCst);
    assert_eq!(returned.load(Ordering::SeqCst), expected);
    let (result, pushed) = push(&gateway, lent(&units[0], &returned), false);
    assert_eq!(result.unwrap_err().status(), Status::ShuttingDown);
    let expected = pushed + rest.load(Ordering::SeqCst);
    assert_eq!(returned.load(Ordering::SeqCst), expected);
}

/// Holds a worker up: what it drops says so and then waits.
struct Plug {
    data: Vec<u8>,
    reached: mpsc::Sender<()>,
    go_on: mpsc::Receiver<()>,
}

impl AsRef<[u8]> for Plug {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Plug {
    fn drop(&mut self) {
        let _ = self.reached.send(());
        let _ = self.go_on.recv();
    }
}

/// Hears which streams need a keyframe.
struct Asked(mpsc::Sender<StreamId>);

impl Events for Asked {
    fn keyframe_request(&self, stream: StreamId) {
        let _ = self.0.send(stream);
    }
}

#[test]
fn a_full_queue_refuses_and_video_goes_on_with_a_keyframe() {
    let (asked, requests) = mpsc::channel();
    let gateway = Gateway::new(Config {
        events: Some(Box::new(Asked(asked))),
        tuning: vec![(Key::WorkerThreads, 1)],
        ..Config::default()
    })
    .unwrap();
    let options = PushOptions {
        queue_frames: 4,
        ..with_sound()
    };
    let stream = gateway.add_push_stream("cam", options).unwrap();
    let units: Vec<Vec<u8>> = Clip::Baseline360p
        .access_units()
        .iter()
        .map(annex_b)
        .collect();
    // The worker stands still while it gives this keyframe back.
    let (reached, plugged) = mpsc::channel();
    let (unplug, go_on) = mpsc::channel();
    let plug = Bytes::from_owner(Plug {
        data: units[0].clone(),
        reached,
        go_on,
    });
    let plug = Frame {
        data: FrameData::Shared(plug),
        pts_us: 0,
        capture_unix_us: None,
        discontinuity: false,
    };
    gateway.push_video(stream, plug).unwrap();
    plugged.recv_timeout(LONG).unwrap();
    let push = |n: usize| gateway.push_video(stream, frame(&units[n], n as i64 * PICTURE_US));
    for n in 1..5 {
        push(n).unwrap();
    }
    let full = push(5).unwrap_err();
    assert_eq!(full.status(), Status::QueueFull);
    for _ in 0..4 {
        gateway.push_audio(stream, frame(&[0; 160], 0)).unwrap();
    }
    let error = gateway.push_audio(stream, frame(&[0; 160], 0)).unwrap_err();
    assert_eq!(error.status(), Status::QueueFull);
    unplug.send(()).unwrap();
    wait(&gateway, stream, || {}, |info| info.frames == 5);
    // There is room again, but these build on the one that is missing.
    for n in 6..25 {
        let error = push(n).unwrap_err();
        assert_eq!(error.status(), Status::QueueFull);
        assert_ne!(error.message(), full.message());
    }
    assert_eq!(requests.recv_timeout(LONG), Ok(stream));
    gateway.push_audio(stream, frame(&[0; 160], 0)).unwrap();
    for n in 25..28 {
        push(n).unwrap();
    }
    let info = wait(&gateway, stream, || {}, |info| info.frames == 8);
    assert_eq!(info.frames_dropped, 20);
    assert_eq!(info.keyframes, 2);
    assert!(info.keyframe_requests >= 1);
}

#[test]
fn a_viewer_that_the_ring_cannot_help_makes_the_host_be_asked() {
    let (asked, requests) = mpsc::channel();
    let gateway = Gateway::new(Config {
        events: Some(Box::new(Asked(asked))),
        tuning: vec![(Key::GopCache, 0)],
        ..Config::default()
    })
    .unwrap();
    let stream = gateway.add_push_stream("cam", h264()).unwrap();
    let mut host = Host::new(&gateway, stream);
    // One keyframe, and then none unless the host is asked.
    host.push_till_info(|info| info.state == StreamState::Live);
    let mut pts = host.next as i64 * PICTURE_US;
    let units = Clip::Baseline360p.access_units();
    let mut push = |n: usize| {
        pts += PICTURE_US;
        let data = annex_b(&units[n]);
        gateway.push_video(stream, frame(&data, pts)).unwrap();
    };
    push(1);
    assert!(requests.try_recv().is_err(), "nobody watches");
    let mut viewer = offer(&gateway, "cam");
    let end = Instant::now() + LONG;
    let mut n = 1;
    while !viewer.run_till(Duration::from_millis(5), has_frames(3)) {
        assert!(Instant::now() < end, "no keyframe came");
        n = match requests.try_recv() {
            Ok(id) => {
                assert_eq!(id, stream);
                0
            }
            Err(_) => 1 + n % 20,
        };
        push(n);
    }
    assert!(viewer.viewer.video.access_units()[0].is_keyframe());
    let info = gateway.stream_info(stream).unwrap();
    assert!(info.keyframe_requests >= 1);
    // A viewer that cannot decode asks; nothing but the host can answer.
    let before = info.keyframe_requests;
    while gateway.stream_info(stream).unwrap().keyframe_requests == before {
        assert!(Instant::now() < end, "nobody is asked");
        viewer.viewer.send_pli();
        viewer.run_till(Duration::from_millis(5), |_| false);
        push(1);
    }
}

#[test]
fn a_restart_goes_on_with_a_keyframe_and_without_a_step_back() {
    let gateway = Gateway::new(Config::default()).unwrap();
    let stream = gateway.add_push_stream("cam", h264()).unwrap();
    let mut host = Host::new(&gateway, stream);
    host.push_till_info(|info| info.state == StreamState::Live);
    let mut viewer = offer(&gateway, "cam");
    host.push_till(&mut viewer, has_frames(5));
    let other: Vec<Vec<u8>> = Clip::Main480p.access_units().iter().map(annex_b).collect();
    // Another encoder, in the middle of its GOP, on another time line.
    for (n, data) in other.iter().enumerate().take(60).skip(3) {
        let restarted = Frame {
            discontinuity: n == 3,
            ..frame(data, -1_000_000_000 + n as i64 * PICTURE_US)
        };
        gateway.push_video(stream, restarted).unwrap();
        viewer.run_till(Duration::from_millis(5), |_| false);
    }
    let info = wait(
        &gateway,
        stream,
        || {},
        |info| info.width == 640 && info.height == 480,
    );
    assert_eq!(info.state, StreamState::Live);
    assert_eq!(info.frames_dropped, 27, "up to its keyframe");
    let shown = &other[59][other[59].len() - 20..];
    assert!(viewer.run_till(LONG, |viewer| {
        let last = viewer.video.packets().filter(|p| p.marker).last();
        last.is_some_and(|packet| packet.payload.ends_with(shown))
    }));
    let packets: Vec<_> = viewer.viewer.video.packets().collect();
    for pair in packets.windows(2) {
        assert!(pair[1].timestamp.wrapping_sub(pair[0].timestamp) < 90_000 * 10);
    }
    assert_eq!(viewer.viewer.video.lost(), 0);
}

/// They say that they are shown as they come, whatever their times are.
#[test]
fn pictures_whose_times_go_back_are_shown_as_they_come() {
    let gateway = Gateway::new(Config::default()).unwrap();
    let stream = gateway.add_push_stream("cam", h264()).unwrap();
    let mut host = Host::new(&gateway, stream);
    host.push_till_info(|info| info.state == StreamState::Live);
    let mut viewer = offer(&gateway, "cam");
    host.push_till(&mut viewer, has_frames(1));
    let before = frames(&viewer.viewer);
    let units = Clip::Baseline360p.access_units();
    let begin = host.next as i64 + 10;
    for n in 0..50_i64 {
        // I2 B0 B1 P5 B3 B4 ...
        let shown = begin + [2, -1, -1][n as usize % 3] + n;
        let data = annex_b(&units[n as usize]);
        gateway
            .push_video(stream, frame(&data, shown * PICTURE_US))
            .unwrap();
        viewer.run_till(Duration::from_millis(2), |_| false);
    }
    assert!(viewer.run_till(LONG, has_frames(before + 50)));
    let units = viewer.viewer.video.access_units();
    for pair in units.windows(2) {
        let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert!((1..90_000 * 60).contains(&step), "{step}");
    }
    assert!(!viewer.viewer.is_closed());
}

/// A clip as RTP packets, numbered from just below the wrap of all that can wrap.
fn rtp_packets(clip: Clip, pictures: usize) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let (mut number, mut timestamp) = (65_500_u16, 0_u32.wrapping_sub(30_000));
    let units = clip.access_units();
    for i in 0..pictures {
        packetize(&units[i % units.len()].nals, 1200, |head, body, last| {
            let mut packet = vec![0x80, 96 | u8::from(last) << 7];
            packet.extend(number.to_be_bytes());
            packet.extend(timestamp.to_be_bytes());
            packet.extend(0x1234_5678_u32.to_be_bytes());
            packet.extend([head, body].concat());
            packets.push(packet);
            number = number.wrapping_add(1);
        });
        timestamp = timestamp.wrapping_add(3600);
    }
    packets
}

#[test]
fn rtp_comes_in_any_order_and_with_gaps() {
    let gateway = Gateway::new(Config::default()).unwrap();
    let stream = gateway.add_push_stream("cam", h264()).unwrap();
    let packets = rtp_packets(Clip::Baseline360p, 110);
    let push = |packet: &[u8]| gateway.push_rtp(stream, Codec::H264, packet);
    let (first, rest) = packets.split_at(60);
    for packet in first {
        push(packet).unwrap();
    }
    wait(
        &gateway,
        stream,
        || {},
        |info| info.state == StreamState::Live,
    );
    let mut viewer = offer(&gateway, "cam");
    assert!(viewer.run_till(LONG, has_frames(1)));
    // Neighbors change places, and two are missing.
    let mut missing = 0;
    for (i, block) in rest.chunks(5).enumerate() {
        for packet in block.iter().rev() {
            if i % 10 == 4 && i < 20 && std::ptr::eq(packet, &block[2]) {
                missing += 1;
                continue;
            }
            push(packet).unwrap();
        }
        viewer.run_till(Duration::from_millis(2), |_| false);
    }
    let last = packets.last().unwrap();
    let end = &last[last.len() - 20..];
    assert!(viewer.run_till(LONG, |viewer| {
        let newest = viewer.video.packets().last();
        newest.is_some_and(|packet| packet.marker && packet.payload.ends_with(end))
    }));
    let info = gateway.stream_info(stream).unwrap();
    assert_eq!(info.packets_lost, missing);
    assert!(info.keyframe_requests >= 1);
    let clip = Clip::Baseline360p.access_units();
    let known = |nal: &Vec<u8>| clip.iter().any(|unit| unit.nals.contains(&&nal[..]));
    let units = viewer.viewer.video.access_units();
    assert!(units.len() > 50);
    assert!(units.iter().all(|unit| unit.nals.iter().all(known)));
    let status = |codec, packet: &[u8]| {
        gateway
            .push_rtp(stream, codec, packet)
            .unwrap_err()
            .status()
    };
    assert_eq!(status(Codec::Pcmu, &packets[0]), Status::InvalidArgument);
    assert_eq!(
        status(Codec::H264, &packets[0][..11]),
        Status::InvalidArgument
    );
}
