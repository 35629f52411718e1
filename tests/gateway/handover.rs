//! Sockets that are passed from one gateway to the next: the ports and what waits in them are kept, sessions are not.

use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use rtsp_webrtc_gateway::Status;
use rtsp_webrtc_gateway::config::Config;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::tuning::Key;
use testkit::viewer::{TcpViewer, ViewerConfig};

use crate::common::{LONG, attribute, cameras, has_frames, post, pull, watch};

#[test]
fn the_next_gateway_goes_on_at_the_same_ports() {
    let camera = cameras(&["cam"]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let [udp, tcp] = [socket.local_addr(), listener.local_addr()].map(|address| address.unwrap());
    let start = || {
        let gateway = Gateway::new(Config {
            udp_socket: Some(socket.try_clone().unwrap()),
            tcp_listener: Some(listener.try_clone().unwrap()),
            tuning: vec![(Key::MaxWorkerLoadPercent, 0)],
            ..Config::default()
        })
        .unwrap();
        gateway.add_stream("cam", pull(camera.url("cam"))).unwrap();
        gateway
    };
    let first = start();
    let (mut viewer, response) = watch(&first, "cam");
    let candidate = attribute(&response.body, "candidate");
    assert!(
        candidate.contains(&format!("127.0.0.1 {} ", udp.port())),
        "{candidate}"
    );
    first.shutdown(LONG).unwrap();
    // Nobody else gets the ports, and what is sent meanwhile waits.
    assert!(UdpSocket::bind(udp).is_err() && TcpListener::bind(tcp).is_err());
    for _ in 0..5 {
        viewer.send_to(b"to nobody", udp).unwrap();
    }
    assert!(
        viewer.run_till(LONG, |viewer| viewer.is_closed()),
        "told of the end"
    );

    let second = start();
    let (_viewer, response) = watch(&second, "cam");
    let candidate = attribute(&response.body, "candidate");
    assert!(
        candidate.contains(&format!("127.0.0.1 {} ", udp.port())),
        "{candidate}"
    );
    let metrics = second.metrics().unwrap();
    let unknown = metrics
        .split("\nrtsp_webrtc_gateway_datagrams_unknown_total ")
        .nth(1)
        .unwrap();
    let unknown: u64 = unknown.lines().next().unwrap().parse().unwrap();
    assert!(unknown >= 5, "those that waited: {unknown}");

    let mut over_tcp = TcpViewer::new(ViewerConfig::chromium());
    let response = post(&second, "cam", &over_tcp.viewer.offer()).unwrap();
    assert_eq!(TcpViewer::candidate(&response.body), Some(tcp));
    over_tcp.accept(&response.body);
    assert!(over_tcp.run_till(LONG, has_frames(1)));
    second.shutdown(Duration::from_secs(60)).unwrap();
}

#[test]
fn a_port_is_chosen_in_one_way_only() {
    let error = Gateway::new(Config {
        udp_bind: Some("127.0.0.1:0".parse().unwrap()),
        udp_socket: Some(UdpSocket::bind("127.0.0.1:0").unwrap()),
        ..Config::default()
    });
    let error = error.map(|_| ()).unwrap_err();
    assert_eq!(error.status(), Status::InvalidArgument);
}
