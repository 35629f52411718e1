//! The safe API over real sockets: simulated cameras in, a viewer out.

use std::sync::mpsc;
use std::time::Duration;

use rtsp_webrtc_gateway::config::{Config, PullOptions, WhepOffer};
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::events::{Events, SessionEvent, StreamEvent};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{SessionId, SessionState, StreamId, StreamState};
use rtsp_webrtc_gateway::tuning::Key;
use rtsp_webrtc_gateway::whep::HttpRequest;
use testkit::camera::{Audio, CameraConfig, CameraServer, Fault};
use testkit::clip::Clip;
use testkit::viewer::{UdpViewer, Viewer};

use crate::common::{LONG, chromium, frames, has_frames, post, pull, tuned, watch};

fn cameras(names: &[&str]) -> CameraServer {
    let config = |name: &&str| {
        CameraConfig::new(name)
            .clip(Clip::Baseline360p)
            .audio(Some(Audio::Pcma))
    };
    CameraServer::start(names.iter().map(config).collect()).unwrap()
}

/// What the host was told.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Stream(StreamId, StreamState, Status),
    Session(SessionId, SessionState, Status),
}

struct Teller(mpsc::Sender<Told>);

impl Events for Teller {
    fn stream_state(&self, event: &StreamEvent) {
        let told = Told::Stream(event.stream, event.state, event.status);
        let _ = self.0.send(told);
    }

    fn session_state(&self, event: &SessionEvent) {
        let told = Told::Session(event.session, event.state, event.status);
        let _ = self.0.send(told);
    }
}

fn with_events() -> (Gateway, mpsc::Receiver<Told>) {
    let (teller, told) = mpsc::channel();
    let gateway = Gateway::new(Config {
        events: Some(Box::new(Teller(teller))),
        ..Config::default()
    })
    .unwrap();
    (gateway, told)
}

#[test]
fn the_host_is_told_the_whole_story() {
    let server = cameras(&["cam"]);
    let (gateway, told) = with_events();
    let stream = gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    let (viewer, response) = watch(&gateway, "cam");
    let session = response.session;
    let info = gateway.stream_info(stream).unwrap();
    assert_eq!((info.width, info.height), Clip::Baseline360p.size());
    assert_eq!(info.sessions, 1);
    gateway.remove_stream(stream).unwrap();
    gateway.shutdown(LONG).unwrap();
    drop(viewer);
    drop(gateway);
    let story: Vec<Told> = told.iter().collect();
    let ok = Status::Ok;
    assert_eq!(
        story,
        [
            Told::Stream(stream, StreamState::Live, ok),
            Told::Session(session, SessionState::New, ok),
            Told::Session(session, SessionState::Connecting, ok),
            Told::Session(session, SessionState::Connected, ok),
            Told::Session(session, SessionState::Closed, ok),
            Told::Stream(stream, StreamState::Removed, ok),
        ]
    );
}

#[test]
fn the_picture_comes_back_with_the_camera_and_the_viewer_stays() {
    let server = cameras(&["cam"]);
    let gateway = Gateway::new(Config::default()).unwrap();
    let stream = gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    let (mut viewer, response) = watch(&gateway, "cam");
    server.fault("cam", Fault::Drop);
    let before = viewer.viewer.video.count();
    let seen = frames(&viewer.viewer);
    assert!(viewer.run_till(LONG, has_frames(seen + 40)));
    assert!(viewer.viewer.video.count() > before);
    assert_eq!(viewer.viewer.video.lost(), 0, "sequence numbers go on");
    let info = gateway.stream_info(stream).unwrap();
    assert_eq!((info.state, info.reconnects), (StreamState::Live, 1));
    let info = gateway.session_info(response.session).unwrap();
    assert_eq!(info.state, SessionState::Connected);
    // Time never steps back.
    let times: Vec<u32> = viewer.viewer.video.packets().map(|p| p.timestamp).collect();
    for pair in times.windows(2) {
        assert!(pair[1].wrapping_sub(pair[0]) < 90_000 * 20);
    }
}

#[test]
fn media_follows_a_viewer_that_a_nat_gives_another_port() {
    let server = cameras(&["cam"]);
    let gateway = Gateway::new(Config::default()).unwrap();
    gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    let (mut viewer, response) = watch(&gateway, "cam");
    // Its reports have to do.
    viewer.viewer.sends_checks = false;
    viewer.rebind().unwrap();
    let seen = frames(&viewer.viewer);
    assert!(viewer.run_till(LONG, has_frames(seen + 40)));
    let info = gateway.session_info(response.session).unwrap();
    assert_eq!(info.state, SessionState::Connected);
    assert_eq!(info.remote, Some(viewer.viewer.address()));
}

#[test]
fn a_camera_that_stalls_is_dropped_after_the_idle_timeout() {
    let server = cameras(&["cam"]);
    let (gateway, told) = with_events();
    let options = PullOptions {
        idle_timeout: Some(Duration::from_millis(500)),
        retry_min: Some(Duration::from_millis(100)),
        ..pull(server.url("cam"))
    };
    let stream = gateway.add_stream("cam", options).unwrap();
    let told_of = |state, status| {
        let story = Told::Stream(stream, state, status);
        while told.recv_timeout(LONG).expect("the state comes") != story {}
    };
    told_of(StreamState::Live, Status::Ok);
    server.fault("cam", Fault::Stall);
    told_of(StreamState::Retrying, Status::Stalled);
    let message = gateway.stream_info(stream).unwrap().message;
    assert!(message.contains("no video for 0.5 s"), "{message}");
    server.fault("cam", Fault::None);
    told_of(StreamState::Live, Status::Ok);
    assert_eq!(gateway.stream_info(stream).unwrap().reconnects, 1);
}

#[test]
fn times_out_of_range_add_no_camera() {
    let gateway = Gateway::new(Config::default()).unwrap();
    let options = PullOptions {
        idle_timeout: Some(Duration::from_millis(499)),
        ..pull("rtsp://127.0.0.1:9/cam")
    };
    let error = gateway.add_stream("cam", options).unwrap_err();
    assert_eq!(error.status(), Status::InvalidArgument);
    assert!(gateway.streams().unwrap().is_empty());
}

#[test]
fn deleting_a_session_ends_it_at_once_and_only_once() {
    let server = cameras(&["cam"]);
    let gateway = Gateway::new(Config::default()).unwrap();
    gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    let (mut viewer, response) = watch(&gateway, "cam");
    gateway.handle_whep_delete(&response.session_key).unwrap();
    let again = gateway
        .handle_whep_delete(&response.session_key)
        .unwrap_err();
    assert_eq!(again.status(), Status::NotFound);
    assert!(viewer.run_till(LONG, Viewer::is_closed));
    let gone = gateway.session_info(response.session).unwrap_err();
    assert_eq!(gone.status(), Status::NotFound);
}

/// The value of a metric.
fn metric(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
    value.trim().parse().unwrap()
}

#[test]
fn metrics_tell_what_went_where_and_what_it_cost() {
    let server = cameras(&["cam"]);
    let gateway = tuned(&[(Key::WorkerThreads, 1)]);
    gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    let (mut viewer, response) = watch(&gateway, "cam");
    viewer.viewer.send_pli();
    assert!(viewer.run_till(LONG, has_frames(50)));
    let text = gateway.metrics().unwrap();
    let stream = |name: &str| {
        let name = format!("rtsp_webrtc_gateway_stream_{name}{{stream=\"cam\"}}");
        metric(&text, &name)
    };
    assert_eq!(stream("live"), 1.0);
    assert_eq!(stream("sessions"), 1.0);
    assert_eq!(stream("keyframe_requests_total"), 1.0);
    assert!(stream("frames_total") >= 50.0);
    assert!(stream("sent_packets_total") >= 50.0);
    assert!(stream("ring_bytes") > 10_000.0);
    let gcm = "rtsp_webrtc_gateway_sessions{srtp_profile=\"aes_128_gcm\"}";
    assert_eq!(metric(&text, gcm), 1.0);
    for part in ["rtsp", "packetize", "seal", "control"] {
        let name = format!("rtsp_webrtc_gateway_cpu_seconds_total{{worker=\"0\",part=\"{part}\"}}");
        let seconds = metric(&text, &name);
        assert!(seconds > 0.0 && seconds < 5.0, "{part} {seconds}");
    }
    // All that its only worker did for media was for this stream.
    for part in ["packetize", "seal", "send"] {
        let of = |what: &str| {
            let name = format!("rtsp_webrtc_gateway_{what},part=\"{part}\"}}");
            metric(&text, &name)
        };
        let stream = of("stream_cpu_seconds_total{stream=\"cam\"");
        assert!(stream > 0.0, "{part} {stream}");
        assert_eq!(stream, of("cpu_seconds_total{worker=\"0\""), "{part}");
    }
    let latency = |quantile| {
        let labels = format!("stream=\"cam\",quantile=\"{quantile}\"");
        let name = format!("rtsp_webrtc_gateway_stream_latency_seconds{{{labels}}}");
        metric(&text, &name)
    };
    let (p50, p95, longest) = (latency("0.5"), latency("0.95"), latency("1"));
    assert!(
        0.0 < p50 && p50 <= p95 && p95 <= longest,
        "{p50} {p95} {longest}"
    );
    // What was sent stays counted when the viewer has gone.
    gateway.handle_whep_delete(&response.session_key).unwrap();
    assert!(viewer.run_till(LONG, Viewer::is_closed));
    let before = stream("sent_packets_total");
    let text = gateway.metrics().unwrap();
    let after = metric(
        &text,
        "rtsp_webrtc_gateway_stream_sent_packets_total{stream=\"cam\"}",
    );
    assert!(after >= before);
}

#[test]
fn limits_are_kept() {
    let server = cameras(&["cam"]);
    let gateway = Gateway::new(Config::default()).unwrap();
    gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    gateway.set_tuning(Key::MaxSessions, 1).unwrap();
    let (_viewer, response) = watch(&gateway, "cam");
    let sdp = chromium().viewer.offer();
    let offer = WhepOffer {
        stream: "cam",
        sdp: sdp.as_bytes(),
        location_prefix: Some("/cam/whep/"),
        ..WhepOffer::default()
    };
    let error = gateway.handle_whep_offer(&offer).unwrap_err();
    assert_eq!(error.status(), Status::Limit);
    gateway.handle_whep_delete(&response.session_key).unwrap();
    let response = gateway.handle_whep_offer(&offer).unwrap();
    let location = format!("/cam/whep/{}", response.session_key);
    assert!(response.headers.contains(&("Location", location)));
}

#[test]
fn offers_that_nobody_follows_up_keep_no_viewer_out() {
    let server = cameras(&["cam"]);
    let gateway = tuned(&[(Key::MaxSessions, 2), (Key::MaxSessionsPerStream, 2)]);
    let stream = gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    let offer = chromium().viewer.offer();
    let flood = || (0..100).for_each(|_| drop(post(&gateway, "cam", &offer).unwrap()));
    let mut viewers = Vec::new();
    for _ in 0..2 {
        flood();
        viewers.push(watch(&gateway, "cam"));
    }
    let full = post(&gateway, "cam", &offer).unwrap_err();
    assert_eq!(full.status(), Status::Limit);
    assert!(gateway.stream_info(stream).unwrap().sessions <= 2 + 64);
    let displaced = metric(
        &gateway.metrics().unwrap(),
        "rtsp_webrtc_gateway_sessions_displaced_total",
    );
    assert!(displaced >= 200.0 - 64.0, "{displaced}");
}

#[test]
fn who_connects_when_the_last_place_is_taken_is_told_at_once() {
    let server = cameras(&["cam"]);
    let gateway = tuned(&[(Key::MaxSessions, 1)]);
    gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    let mut late = chromium();
    let response = post(&gateway, "cam", &late.viewer.offer()).unwrap();
    let (_viewer, _) = watch(&gateway, "cam");
    late.accept(&response.body);
    assert!(late.run_till(LONG, Viewer::is_closed));
    let gone = gateway.session_info(response.session).unwrap_err();
    assert_eq!(gone.status(), Status::NotFound);
}

#[test]
fn an_offer_waits_for_a_camera_that_connects_and_hears_of_one_that_fails() {
    let server = cameras(&["cam", "broken"]);
    let gateway = Gateway::new(Config::default()).unwrap();
    gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    watch(&gateway, "cam");
    server.fault("broken", Fault::Refuse);
    gateway
        .add_stream("broken", pull(server.url("broken")))
        .unwrap();
    let error = post(&gateway, "broken", &chromium().viewer.offer()).unwrap_err();
    assert_eq!(error.status(), Status::NotReady);
    assert!(error.message().contains("503"), "{error}");
}

#[test]
fn two_workers_serve_their_own_streams_on_one_port() {
    let server = cameras(&["a", "b", "c", "d"]);
    let gateway = tuned(&[(Key::WorkerThreads, 2)]);
    for name in server.names() {
        gateway.add_stream(name, pull(server.url(name))).unwrap();
    }
    let mut viewers: Vec<UdpViewer> = ["a", "b", "c", "d"]
        .iter()
        .map(|name| watch(&gateway, name).0)
        .collect();
    for viewer in &mut viewers {
        assert!(viewer.run_till(LONG, has_frames(10)));
        assert!(viewer.run_till(LONG, |viewer| viewer.audio.count() > 5));
    }
}

#[test]
fn gso_off_sends_the_same_pictures() {
    let server = cameras(&["cam"]);
    let gateway = tuned(&[(Key::Gso, 0)]);
    gateway.add_stream("cam", pull(server.url("cam"))).unwrap();
    let (mut viewer, _) = watch(&gateway, "cam");
    assert!(viewer.run_till(LONG, has_frames(30)));
    let units = viewer.viewer.video.access_units();
    assert!(units.len() >= 29 && units[0].is_keyframe());
}

#[test]
fn a_callback_that_does_not_return_holds_shutdown_no_longer_than_asked() {
    struct Stuck(mpsc::Receiver<()>);
    impl Events for Stuck {
        fn stream_state(&self, _: &StreamEvent) {
            let _ = self.0.recv();
        }
    }
    let (release, stuck) = mpsc::channel();
    let gateway = Gateway::new(Config {
        events: Some(Box::new(Stuck(stuck))),
        ..Config::default()
    })
    .unwrap();
    let stream = gateway
        .add_stream("cam", pull("rtsp://127.0.0.1:1/"))
        .unwrap();
    gateway.remove_stream(stream).unwrap();
    let error = gateway.shutdown(Duration::from_millis(500)).unwrap_err();
    assert_eq!(error.status(), Status::Timeout);
    drop(release);
    gateway.shutdown(LONG).unwrap();
}

#[test]
fn a_closed_gateway_says_so() {
    let gateway = Gateway::new(Config::default()).unwrap();
    gateway.shutdown(Duration::MAX).unwrap();
    gateway.shutdown(LONG).unwrap();
    let error = gateway
        .add_stream("cam", pull("rtsp://127.0.0.1/"))
        .unwrap_err();
    assert_eq!(error.status(), Status::ShuttingDown);
}

#[test]
fn a_gateway_that_is_about_to_end_takes_no_new_viewers_and_keeps_those_it_has() {
    let server = cameras(&["door"]);
    let gateway = tuned(&[]);
    gateway
        .add_stream("door", pull(server.url("door")))
        .unwrap();
    let (mut viewer, _) = watch(&gateway, "door");
    // An answer is no viewer yet.
    let mut late = chromium();
    let answer = post(&gateway, "door", &late.viewer.offer()).unwrap();
    assert_eq!(gateway.connected_viewers(), Ok(1));
    gateway.drain().unwrap();
    let refused = post(&gateway, "door", &chromium().viewer.offer()).unwrap_err();
    assert_eq!(refused.status(), Status::ShuttingDown);
    let offer = chromium().viewer.offer_of(1, 0);
    for path in ["/door/whep", "/wall"] {
        let response = gateway.handle_http(&HttpRequest {
            method: "POST",
            path,
            headers: &[("Content-Type", "application/sdp")],
            body: offer.as_bytes(),
            ..HttpRequest::default()
        });
        let response = response.unwrap();
        assert_eq!(response.status, 503, "{path}: {}", response.body);
        let mut names = response.headers.iter().map(|(name, _)| *name);
        assert!(names.any(|name| name == "Retry-After"), "{path}");
    }
    let before = frames(&viewer.viewer);
    assert!(viewer.run_till(LONG, has_frames(before + 10)));
    late.accept(&answer.body);
    assert!(late.run_till(LONG, has_frames(1)), "it was answered before");
}
