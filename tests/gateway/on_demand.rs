//! Cameras that are connected only while somebody watches.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rtsp_webrtc_gateway::Codec;
use rtsp_webrtc_gateway::config::{Config, PullOptions, WhepOffer};
use rtsp_webrtc_gateway::error::{Result, Status};
use rtsp_webrtc_gateway::events::{Events, StreamEvent};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{StreamId, StreamState};
use rtsp_webrtc_gateway::tuning::Key;
use rtsp_webrtc_gateway::whep::Response;
use testkit::camera::{Audio, CameraConfig, CameraServer, Fault};
use testkit::clip::Clip;

use crate::common::{LONG, cameras, chromium, frames, has_frames, pull, wait_for, watch};

/// As long as no test lasts.
const HOUR: Duration = Duration::from_secs(3600);
/// The shortest there is.
const SHORT: Duration = Duration::from_millis(100);

type Told = (StreamId, StreamState, Status);

struct Teller(mpsc::Sender<Told>);

impl Events for Teller {
    fn stream_state(&self, event: &StreamEvent) {
        let _ = self.0.send((event.stream, event.state, event.status));
    }
}

/// A gateway of one worker, and what it tells of its streams.
fn gateway() -> (Gateway, Receiver<Told>) {
    let (teller, told) = mpsc::channel();
    let gateway = Gateway::new(Config {
        events: Some(Box::new(Teller(teller))),
        tuning: vec![(Key::WorkerThreads, 1)],
        ..Config::default()
    })
    .unwrap();
    (gateway, told)
}

fn on_demand(url: String, linger: Duration) -> PullOptions {
    PullOptions {
        on_demand: true,
        linger: Some(linger),
        retry_min: Some(SHORT),
        ..pull(url)
    }
}

/// The next states are these.
fn expect(told: &Receiver<Told>, stream: StreamId, states: &[(StreamState, Status)]) {
    for &(state, status) in states {
        let next = told.recv_timeout(LONG).expect("a change of state");
        assert_eq!(next, (stream, state, status));
    }
}

/// Offers without blocking.
fn offer(gateway: &Gateway, timeout: Duration) -> Receiver<Result<Response>> {
    let sdp = chromium().viewer.offer();
    let (tell, outcome) = mpsc::channel();
    let offer = WhepOffer {
        stream: "cam",
        sdp: sdp.as_bytes(),
        timeout: Some(timeout),
        ..WhepOffer::default()
    };
    let done = Box::new(move |_, result| tell.send(result).unwrap());
    gateway.handle_whep_offer_async(&offer, done).unwrap();
    outcome
}

#[test]
fn an_offer_wakes_the_camera_and_it_sleeps_again() {
    let server = cameras(&["cam", "other"]);
    let (gateway, told) = gateway();
    let options = on_demand(server.url("cam"), SHORT);
    let stream = gateway.add_stream("cam", options).unwrap();
    let other = gateway
        .add_stream("other", pull(server.url("other")))
        .unwrap();
    // One that was added later, to the same worker, is live; so this one would be connected, too.
    expect(&told, other, &[(StreamState::Live, Status::Ok)]);
    assert_eq!(server.statistics("cam").connections, 0);
    let before = gateway.stream_info(stream).unwrap();
    assert_eq!(before.state, StreamState::Idle);

    for round in 1..=2 {
        let (viewer, response) = watch(&gateway, "cam");
        expect(
            &told,
            stream,
            &[
                (StreamState::Connecting, Status::Ok),
                (StreamState::Live, Status::Ok),
            ],
        );
        let info = gateway.stream_info(stream).unwrap();
        assert_eq!((info.sessions, info.reconnects), (1, 0));
        assert_eq!((info.width, info.height), Clip::Baseline360p.size());
        assert_eq!(server.statistics("cam").connections, round);

        gateway.handle_whep_delete(&response.session_key).unwrap();
        drop(viewer);
        expect(&told, stream, &[(StreamState::Idle, Status::Ok)]);
        let info = gateway.stream_info(stream).unwrap();
        assert_eq!((info.sessions, info.reconnects), (0, 0));
        assert_eq!((info.video_codec, info.width, info.height), (None, 0, 0));
        assert_eq!((info.status, info.bitrate_bps), (Status::Ok, 0));
        assert!(info.frames > 0, "counts go on");
        let metrics = gateway.metrics().unwrap();
        let nothing = "rtsp_webrtc_gateway_stream_ring_bytes{stream=\"cam\"} 0\n";
        assert!(metrics.contains(nothing), "{metrics}");
        wait_for("a goodbye", || {
            let statistics = server.statistics("cam");
            (statistics.teardowns, statistics.playing) == (round, 0)
        });
    }
    let info = gateway.stream_info(other).unwrap();
    assert_eq!(info.state, StreamState::Live);
}

#[test]
fn a_viewer_who_comes_while_it_lingers_finds_it_connected() {
    let server = cameras(&["cam"]);
    let (gateway, told) = gateway();
    let options = on_demand(server.url("cam"), HOUR);
    let stream = gateway.add_stream("cam", options).unwrap();
    for _ in 0..2 {
        let (_viewer, response) = watch(&gateway, "cam");
        gateway.handle_whep_delete(&response.session_key).unwrap();
    }
    assert_eq!(server.statistics("cam").connections, 1);
    let info = gateway.stream_info(stream).unwrap();
    assert_eq!((info.state, info.sessions), (StreamState::Live, 0));
    gateway.remove_stream(stream).unwrap();
    let ok = Status::Ok;
    let story = [
        StreamState::Connecting,
        StreamState::Live,
        StreamState::Removed,
    ];
    expect(&told, stream, &story.map(|state| (state, ok)));
}

#[test]
fn a_camera_that_changed_meanwhile_is_answered_as_it_is() {
    let camera = |clip, audio| vec![CameraConfig::new("cam").clip(clip).audio(Some(audio))];
    let server = CameraServer::start(camera(Clip::Baseline360p, Audio::Pcma)).unwrap();
    let (gateway, told) = gateway();
    let options = on_demand(server.url("cam"), SHORT);
    let stream = gateway.add_stream("cam", options).unwrap();
    let (_, response) = watch(&gateway, "cam");
    let info = gateway.stream_info(stream).unwrap();
    assert_eq!(info.audio_codec, Some(Codec::Pcma));
    assert!(response.body.contains("PCMA/8000"), "{}", response.body);
    gateway.handle_whep_delete(&response.session_key).unwrap();
    while told.recv_timeout(LONG).unwrap().1 != StreamState::Idle {}

    let address = SocketAddr::from(([127, 0, 0, 1], server.port()));
    drop(server);
    let _server = CameraServer::start_at(address, camera(Clip::Main480p, Audio::Pcmu)).unwrap();
    let (viewer, response) = watch(&gateway, "cam");
    // What it sends now stands first.
    assert!(
        response.body.contains("m=audio 9 UDP/TLS/RTP/SAVPF 0 "),
        "{}",
        response.body
    );
    let info = gateway.stream_info(stream).unwrap();
    assert_eq!((info.width, info.height), Clip::Main480p.size());
    assert_eq!(info.audio_codec, Some(Codec::Pcmu));
    // The first picture is of the new camera: nothing was kept of the old one.
    let units = viewer.viewer.video.access_units();
    let [sps, _] = Clip::Main480p.parameter_sets();
    assert!(units[0].nals.iter().any(|nal| nal == sps));
}

#[test]
fn a_camera_that_is_away_is_tried_once_for_those_who_wait() {
    let server = cameras(&["cam"]);
    server.fault("cam", Fault::Refuse);
    let (gateway, told) = gateway();
    let options = on_demand(server.url("cam"), HOUR);
    let stream = gateway.add_stream("cam", options).unwrap();
    for attempt in 1..=2 {
        let error = offer(&gateway, Duration::MAX)
            .recv_timeout(LONG)
            .unwrap()
            .unwrap_err();
        assert_eq!(error.status(), Status::NotReady);
        assert!(error.message().contains("503"), "{error}");
        expect(
            &told,
            stream,
            &[
                (StreamState::Connecting, Status::Ok),
                (StreamState::Retrying, Status::Camera),
                (StreamState::Idle, Status::Ok),
            ],
        );
        let info = gateway.stream_info(stream).unwrap();
        assert_eq!(info.status, Status::Camera);
        assert!(info.message.contains("503"), "{}", info.message);
        assert_eq!(server.statistics("cam").connections, attempt);
    }
    // Those who come later are not told what was then.
    server.fault("cam", Fault::None);
    let (_viewer, _) = watch(&gateway, "cam");
    assert_eq!(gateway.stream_info(stream).unwrap().status, Status::Ok);
}

#[test]
fn a_camera_that_is_lost_comes_back_to_its_viewer() {
    let server = cameras(&["cam"]);
    let (gateway, told) = gateway();
    let options = on_demand(server.url("cam"), SHORT);
    let stream = gateway.add_stream("cam", options).unwrap();
    let (mut viewer, response) = watch(&gateway, "cam");
    server.fault("cam", Fault::Drop);
    let before = frames(&viewer.viewer);
    assert!(viewer.run_till(LONG, has_frames(before + 40)));
    let ok = Status::Ok;
    let story = [
        (StreamState::Connecting, ok),
        (StreamState::Live, ok),
        (StreamState::Retrying, Status::Connect),
        (StreamState::Connecting, ok),
        (StreamState::Live, ok),
    ];
    expect(&told, stream, &story);
    assert_eq!(gateway.stream_info(stream).unwrap().reconnects, 1);
    gateway.handle_whep_delete(&response.session_key).unwrap();
    expect(&told, stream, &[(StreamState::Idle, ok)]);
}

#[test]
fn many_offers_at_once_make_one_connection() {
    let server = cameras(&["cam"]);
    let (gateway, _told) = gateway();
    let options = on_demand(server.url("cam"), HOUR);
    let stream = gateway.add_stream("cam", options).unwrap();
    let offers: Vec<_> = (0..50).map(|_| offer(&gateway, LONG)).collect();
    for outcome in &offers {
        assert_eq!(outcome.recv_timeout(LONG).unwrap().unwrap().status, 201);
    }
    assert_eq!(server.statistics("cam").connections, 1);
    assert_eq!(gateway.stream_info(stream).unwrap().sessions, 50);
}

/// Offers without waiting for the camera.
fn offer_now(gateway: &Gateway) -> Result<Response> {
    let viewer = chromium();
    gateway.handle_whep_offer(&WhepOffer {
        stream: "cam",
        sdp: viewer.viewer.offer().as_bytes(),
        timeout: Some(Duration::ZERO),
        ..WhepOffer::default()
    })
}

#[test]
fn an_offer_that_does_not_wait_wakes_the_camera_for_the_next_one() {
    let server = cameras(&["cam"]);
    let (gateway, told) = gateway();
    let options = on_demand(server.url("cam"), HOUR);
    let stream = gateway.add_stream("cam", options).unwrap();
    let error = offer_now(&gateway).unwrap_err();
    assert_eq!(error.status(), Status::NotReady);
    assert!(error.message().contains("still connecting"), "{error}");
    let story = [StreamState::Connecting, StreamState::Live];
    expect(&told, stream, &story.map(|state| (state, Status::Ok)));
    assert_eq!(offer_now(&gateway).unwrap().status, 201);
    assert_eq!(server.statistics("cam").connections, 1);
}

#[test]
fn a_camera_that_was_woken_for_nobody_sleeps_again() {
    let (gateway, told) = gateway();
    let (stream, _camera) = silent(&gateway, SHORT);
    assert_eq!(offer_now(&gateway).unwrap_err().status(), Status::NotReady);
    let story = [StreamState::Connecting, StreamState::Idle];
    expect(&told, stream, &story.map(|state| (state, Status::Ok)));
}

/// A stream whose camera takes connections and never says a word.
fn silent(gateway: &Gateway, linger: Duration) -> (StreamId, TcpListener) {
    let camera = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/", camera.local_addr().unwrap());
    let stream = gateway.add_stream("cam", on_demand(url, linger)).unwrap();
    (stream, camera)
}

#[test]
fn it_sleeps_again_when_those_who_waited_give_up() {
    let (gateway, told) = gateway();
    let (stream, _camera) = silent(&gateway, SHORT);
    for _ in 0..2 {
        let outcome = offer(&gateway, Duration::from_millis(50));
        let error = outcome.recv_timeout(LONG).unwrap().unwrap_err();
        assert_eq!(error.status(), Status::NotReady);
        let story = [StreamState::Connecting, StreamState::Idle];
        expect(&told, stream, &story.map(|state| (state, Status::Ok)));
    }
}

#[test]
fn who_comes_while_it_wakes_waits_whatever_was_before() {
    let (gateway, told) = gateway();
    let (stream, camera) = silent(&gateway, HOUR);
    let offer = |timeout| offer(&gateway, timeout);
    let error = |outcome: &Receiver<Result<Response>>| {
        let error = outcome.recv_timeout(LONG).unwrap().unwrap_err();
        assert_eq!(error.status(), Status::NotReady);
        error.message().to_owned()
    };
    let hang_up = || drop(camera.accept().unwrap());
    let outcome = offer(Duration::MAX);
    hang_up();
    error(&outcome);
    let story = [
        (StreamState::Connecting, Status::Ok),
        (StreamState::Retrying, Status::Connect),
        (StreamState::Idle, Status::Ok),
    ];
    expect(&told, stream, &story);

    let waits = offer(Duration::MAX);
    expect(&told, stream, &story[..1]);
    let message = error(&offer(Duration::from_millis(50)));
    assert!(message.contains("still connecting"), "{message}");
    hang_up();
    let message = error(&waits);
    assert!(!message.contains("still connecting"), "{message}");
    expect(&told, stream, &story[1..]);
}

#[test]
fn it_is_removed_in_its_sleep_and_while_it_wakes() {
    let (gateway, told) = gateway();
    let removed = (StreamState::Removed, Status::Ok);
    let (stream, _camera) = silent(&gateway, HOUR);
    gateway.remove_stream(stream).unwrap();
    expect(&told, stream, &[removed]);

    let (stream, _camera) = silent(&gateway, HOUR);
    let outcome = offer(&gateway, Duration::MAX);
    expect(&told, stream, &[(StreamState::Connecting, Status::Ok)]);
    gateway.remove_stream(stream).unwrap();
    let error = outcome.recv_timeout(LONG).unwrap().unwrap_err();
    assert_eq!(error.status(), Status::NotFound);
    expect(&told, stream, &[removed]);

    let (_, _camera) = silent(&gateway, HOUR);
    let outcome = offer(&gateway, Duration::MAX);
    gateway.shutdown(LONG).unwrap();
    let error = outcome.recv_timeout(LONG).unwrap().unwrap_err();
    assert_eq!(error.status(), Status::ShuttingDown);
}
