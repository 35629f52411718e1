//! A gateway that no viewer can reach, and its allocation at coturn, which all viewers can.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use rtsp_webrtc_gateway::config::{Config, IceServer};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{Protocol, SessionState};
use rtsp_webrtc_gateway::tuning::Key;
use rtsp_webrtc_gateway::whep::Response;
use testkit::camera::CameraServer;
use testkit::viewer::UdpViewer;

use crate::common::{LONG, cameras, chromium, frames, has_frames, post, pull, wait_for};

const PASSWORD: &str = "not-to-be-logged";

/// coturn, with one user.
struct Coturn {
    child: Child,
    port: u16,
}

impl Coturn {
    /// `None` where it is not installed.
    fn start(options: &[&str]) -> Option<Coturn> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        Coturn::at(port, options)
    }

    fn at(port: u16, options: &[&str]) -> Option<Coturn> {
        let user = format!("--user=gateway:{PASSWORD}");
        let child = Command::new("turnserver")
            .args(["-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1"])
            .args([
                "--lt-cred-mech",
                "--realm=example",
                "--allow-loopback-peers",
            ])
            .args(["--no-tls", "--no-dtls", "--no-cli", "--no-tcp"])
            .args(["--log-file=stdout", "--pidfile=/dev/null"])
            .args([&format!("--listening-port={port}"), &user])
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match child {
            Ok(child) => Some(Coturn { child, port }),
            Err(error) => {
                println!("NOT TESTED: coturn is not installed: {error}");
                None
            }
        }
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A gateway on loopback with an allocation there, and a camera.
fn gateway(ports: &[u16], password: &str) -> (Gateway, CameraServer) {
    let camera = cameras(&["cam"]);
    let server = |port| IceServer {
        url: format!("turn:127.0.0.1:{port}?transport=udp"),
        username: Some("gateway".to_owned()),
        credential: Some(password.to_owned()),
    };
    let gateway = Gateway::new(Config {
        udp_bind: Some((Ipv4Addr::LOCALHOST, 0).into()),
        turn_servers: ports.iter().copied().map(server).collect(),
        tuning: vec![(Key::MaxWorkerLoadPercent, 0), (Key::WorkerThreads, 2)],
        ..Config::default()
    })
    .unwrap();
    gateway.add_stream("cam", pull(camera.url("cam"))).unwrap();
    (gateway, camera)
}

/// What the gateway tells of its servers.
fn report(gateway: &Gateway) -> String {
    let state = gateway.state_json().unwrap();
    assert!(!state.contains(PASSWORD));
    let from = state.find("\"turn_servers\":[").unwrap();
    state[from..][..state[from..].find(']').unwrap()].to_owned()
}

fn is_allocated(gateway: &Gateway) -> bool {
    report(gateway).contains("\"relayed\":\"127.0.0.1:")
}

/// The relayed candidate of an answer.
fn relayed(answer: &str) -> SocketAddr {
    let mut lines = answer.lines();
    let line = lines.find(|line| line.contains(" typ relay ")).unwrap();
    let fields: Vec<_> = line.split(' ').collect();
    format!("{}:{}", fields[4], fields[5]).parse().unwrap()
}

/// A viewer with a candidate in its offer, which knows the relayed address of the gateway alone.
fn watch_by_server(gateway: &Gateway) -> (UdpViewer, Response) {
    let mut viewer = chromium();
    let offer = viewer.viewer.offer();
    let port = viewer.viewer.address().port();
    let candidate = format!("a=candidate:1 1 udp 2122260223 127.0.0.1 {port} typ host\r\n");
    let response = post(gateway, "cam", &(offer + &candidate)).unwrap();
    let at = relayed(&response.body);
    viewer
        .viewer
        .accept(std::time::Instant::now(), &response.body, Some(at));
    assert!(viewer.run_till(LONG, has_frames(1)), "no video frame");
    (viewer, response)
}

#[test]
fn viewers_play_through_a_turn_server_of_the_gateways() {
    let Some(coturn) = Coturn::start(&[]) else {
        return;
    };
    let (gateway, _camera) = gateway(&[coturn.port], PASSWORD);
    wait_for("an allocation", || is_allocated(&gateway));
    let mut viewers: Vec<_> = (0..3).map(|_| watch_by_server(&gateway)).collect();
    for (viewer, response) in &mut viewers {
        let before = frames(&viewer.viewer);
        assert!(viewer.run_till(LONG, has_frames(before + 50)));
        assert_eq!(viewer.viewer.undecryptable, 0);
        let info = gateway.session_info(response.session).unwrap();
        assert_eq!(info.state, SessionState::Connected);
        assert_eq!(info.protocol, Some(Protocol::TurnServer));
        assert_eq!(info.remote, Some(viewer.viewer.address()));
        let links = response.headers.iter().filter(|(name, _)| *name == "Link");
        let stun = format!("<stun:127.0.0.1:{}>", coturn.port);
        assert!(
            links
                .map(|(_, link)| link)
                .any(|link| link.starts_with(&stun))
        );
    }
    let metrics = gateway.metrics().unwrap();
    assert!(metrics.contains("rtsp_webrtc_gateway_allocations_total 1\n"));
    let sessions = gateway.sessions().unwrap();
    for session in sessions {
        gateway.close_session(session).unwrap();
    }
}

#[test]
fn a_server_that_comes_back_gives_another_allocation() {
    let Some(coturn) = Coturn::start(&[]) else {
        return;
    };
    let (gateway, _camera) = gateway(&[coturn.port], PASSWORD);
    wait_for("an allocation", || is_allocated(&gateway));
    let port = coturn.port;
    drop(coturn);
    let _again = Coturn::at(port, &[]).unwrap();
    wait_for("another allocation", || {
        let metrics = gateway.metrics().unwrap();
        metrics.contains("rtsp_webrtc_gateway_allocations_total 2\n")
    });
    wait_for("its address", || is_allocated(&gateway));
    watch_by_server(&gateway);
}

#[test]
fn wrong_credentials_and_quotas_are_named_and_the_next_server_is_asked() {
    let Some(coturn) = Coturn::start(&["--user-quota=1"]) else {
        return;
    };
    let (wrong, _camera) = gateway(&[coturn.port], "wrong");
    wait_for("a complaint", || {
        report(&wrong).contains("check username and credential")
    });
    let (first, _camera) = gateway(&[coturn.port], PASSWORD);
    wait_for("an allocation", || is_allocated(&first));
    let other = Coturn::start(&[]).unwrap();
    let (second, _camera) = gateway(&[coturn.port, other.port], PASSWORD);
    wait_for("the other server", || is_allocated(&second));
    assert!(report(&second).contains("quota"), "{}", report(&second));
}
