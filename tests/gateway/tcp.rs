//! Viewers whose network passes no UDP: media over TCP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rtsp_webrtc_gateway::config::Config;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{Protocol, SessionState};
use rtsp_webrtc_gateway::tuning::Key;
use rtsp_webrtc_gateway::whep::Response;
use testkit::camera::{CameraConfig, CameraServer};
use testkit::clip::Clip;
use testkit::viewer::{TcpViewer, ViewerConfig, check, framed};

use crate::common::{
    LONG, attribute, cameras, chromium, frames, has_frames, post, pull, wait_for, watch,
};

/// A gateway that listens on TCP, too.
fn gateway(workers: i64) -> Gateway {
    Gateway::new(Config {
        ice_tcp: true,
        tuning: vec![
            (Key::MaxWorkerLoadPercent, 0),
            (Key::WorkerThreads, workers),
        ],
        ..Config::default()
    })
    .unwrap()
}

/// A viewer over TCP that is connected and has the first video frame.
fn watch_over_tcp(gateway: &Gateway, stream: &str) -> (TcpViewer, Response) {
    let mut viewer = TcpViewer::new(ViewerConfig::chromium());
    let response = post(gateway, stream, &viewer.viewer.offer()).unwrap();
    viewer.accept(&response.body);
    assert!(viewer.run_till(LONG, has_frames(1)), "no video frame");
    (viewer, response)
}

#[test]
fn every_frame_arrives_over_tcp() {
    let camera = cameras(&["a", "b", "c"]);
    let gateway = gateway(2);
    for name in ["a", "b", "c"] {
        gateway.add_stream(name, pull(camera.url(name))).unwrap();
    }
    let mut viewers: Vec<_> = ["a", "b", "c", "a"]
        .map(|name| watch_over_tcp(&gateway, name))
        .into();
    for (viewer, response) in &mut viewers {
        assert!(viewer.run_till(LONG, has_frames(60)));
        assert_eq!(viewer.viewer.video.lost(), 0);
        assert_eq!(viewer.viewer.undecryptable, 0);
        let info = gateway.session_info(response.session).unwrap();
        assert_eq!(info.state, SessionState::Connected);
        assert_eq!(info.protocol, Some(Protocol::Tcp));
        assert_eq!(info.remote, Some(viewer.stream().local_addr().unwrap()));
        assert_eq!((info.skips, info.overflows), (0, 0));
    }
    let metrics = gateway.metrics().unwrap();
    for line in [
        "sessions_by_path{protocol=\"tcp\"} 4",
        "sessions_by_path{protocol=\"udp\"} 0",
        "connections_accepted_total 4",
        "connections_strange_total 0",
    ] {
        assert!(metrics.contains(line), "{line}");
    }
    let state = gateway.state_json().unwrap();
    assert_eq!(state.matches("\"protocol\":\"tcp\"").count(), 4);
}

#[test]
fn a_viewer_that_leaves_is_told_and_so_is_the_gateway() {
    let camera = cameras(&["cam"]);
    let gateway = gateway(1);
    gateway.add_stream("cam", pull(camera.url("cam"))).unwrap();
    let (mut viewer, response) = watch_over_tcp(&gateway, "cam");
    gateway.close_session(response.session).unwrap();
    // Its BYE comes before the end of the connection.
    assert!(!viewer.run_till(LONG, |_| false));
    assert!(viewer.ended);
    assert!(!viewer.viewer.byes.is_empty());
    assert!(gateway.session_info(response.session).is_err());
}

#[test]
fn nothing_listens_unless_that_is_asked_for() {
    let camera = cameras(&["cam"]);
    let gateway = Gateway::new(Config::default()).unwrap();
    gateway.add_stream("cam", pull(camera.url("cam"))).unwrap();
    let response = post(&gateway, "cam", &chromium().viewer.offer()).unwrap();
    assert_eq!(TcpViewer::candidate(&response.body), None);
    let candidate = attribute(&response.body, "candidate");
    let port = candidate.split(' ').nth(5).unwrap().parse().unwrap();
    let gateway = SocketAddr::from(([127, 0, 0, 1], port));
    assert!(TcpStream::connect(gateway).is_err());
}

#[test]
fn a_port_that_tcp_does_not_have_is_refused_or_avoided() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = Gateway::new(Config {
        udp_bind: Some(address),
        ice_tcp: true,
        ..Config::default()
    });
    let error = error.map(|_| ()).unwrap_err();
    assert!(error.message().contains("ice_tcp"), "{error}");
    assert!(error.message().contains(&address.to_string()), "{error}");
}

#[test]
fn a_viewer_whose_connection_breaks_connects_again_and_goes_on() {
    let camera = cameras(&["cam"]);
    let gateway = gateway(1);
    gateway.add_stream("cam", pull(camera.url("cam"))).unwrap();
    let (mut viewer, response) = watch_over_tcp(&gateway, "cam");
    let address = TcpViewer::candidate(&response.body).unwrap();
    for _ in 0..3 {
        let before = frames(&viewer.viewer);
        viewer.connect(address);
        assert!(viewer.run_till(LONG, has_frames(before + 30)));
    }
    let info = gateway.session_info(response.session).unwrap();
    assert_eq!(info.state, SessionState::Connected);
    assert_eq!(info.remote, Some(viewer.stream().local_addr().unwrap()));
}

#[test]
fn a_connection_that_breaks_leaves_the_way_that_was_there_before() {
    let camera = cameras(&["cam"]);
    let gateway = gateway(1);
    gateway.add_stream("cam", pull(camera.url("cam"))).unwrap();
    let (mut viewer, response) = watch(&gateway, "cam");
    let protocol = || gateway.session_info(response.session).unwrap().protocol;
    assert_eq!(protocol(), Some(Protocol::Udp));
    let user = attribute(&viewer.viewer.offer(), "ice-ufrag");
    let username = format!("{}:{user}", attribute(&response.body, "ice-ufrag"));
    let nominating = check(&username, &attribute(&response.body, "ice-pwd"), 7);

    let mut stream = TcpStream::connect(TcpViewer::candidate(&response.body).unwrap()).unwrap();
    stream.write_all(&framed(&nominating)).unwrap();
    wait_for("media over TCP", || protocol() == Some(Protocol::Tcp));
    let mut buffer = vec![0; 100_000];
    stream.read_exact(&mut buffer).unwrap();
    drop(stream);
    wait_for("media over UDP", || protocol() == Some(Protocol::Udp));
    let before = frames(&viewer.viewer);
    assert!(viewer.run_till(LONG, has_frames(before + 60)));
    let info = gateway.session_info(response.session).unwrap();
    assert_eq!(info.state, SessionState::Connected);
    assert_eq!(info.remote, Some(viewer.viewer.address()));
}

#[test]
fn a_viewer_that_reads_slowly_loses_whole_gops_and_others_notice_nothing() {
    let config = CameraConfig::new("cam").clip(Clip::Main720p);
    let camera = CameraServer::start(vec![config]).unwrap();
    let gateway = gateway(1);
    gateway.add_stream("cam", pull(camera.url("cam"))).unwrap();
    let mut slow = TcpViewer::new(ViewerConfig::chromium());
    slow.receive_buffer = Some(4096);
    let response = post(&gateway, "cam", &slow.viewer.offer()).unwrap();
    slow.accept(&response.body);
    assert!(slow.run_till(LONG, has_frames(1)), "no video frame");
    let (mut other, _) = watch_over_tcp(&gateway, "cam");
    let (mut udp, _) = watch(&gateway, "cam");
    let info = || gateway.session_info(response.session).unwrap();
    wait_for("frames that are left out", || {
        // They see every frame all the while.
        other.run_till(Duration::from_millis(20), |_| false);
        udp.run_till(Duration::from_millis(20), |_| false);
        slow.run_slowly(500);
        info().skips + info().overflows > 0 && info().held_back.is_some()
    });
    assert!(
        info()
            .held_back
            .unwrap()
            .starts_with("this connection carries"),
        "{:?}",
        info().held_back
    );
    let now = frames(&other.viewer);
    assert!(other.run_till(LONG, has_frames(now + 25)));
    assert!(udp.run_till(LONG, has_frames(now + 25)));
    assert_eq!((other.viewer.video.lost(), udp.viewer.video.lost()), (0, 0));

    // What was left out is no gap: the viewer goes on at a keyframe.
    let before = frames(&slow.viewer);
    assert!(slow.run_till(LONG, has_frames(before + 60)));
    assert_eq!(slow.viewer.video.lost(), 0);
    assert_eq!(slow.viewer.undecryptable, 0);
    assert_eq!(info().state, SessionState::Connected);
}
