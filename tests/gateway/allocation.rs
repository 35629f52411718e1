//! A gateway that no viewer can reach, and its allocation at coturn, which all viewers can.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rcgen::generate_simple_self_signed;

use rtsp_webrtc_gateway::config::{Config, IceServer};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{Protocol, SessionState};
use rtsp_webrtc_gateway::tuning::Key;
use rtsp_webrtc_gateway::whep::Response;
use testkit::camera::CameraServer;
use testkit::viewer::{UdpViewer, ViewerConfig};

use crate::common::{LONG, cameras, chromium, frames, has_frames, post, pull, wait_for, watch};

const PASSWORD: &str = "not-to-be-logged";

/// coturn, with one user.
struct Coturn {
    child: Child,
    port: u16,
    /// Its certificate, and the file.
    certificate: Option<(String, PathBuf)>,
}

/// How it is spoken to.
const UDP: &[&str] = &["--no-tls", "--no-dtls", "--no-tcp"];
const TCP: &[&str] = &["--no-tls", "--no-dtls", "--no-udp"];

impl Coturn {
    /// `None` where it is not installed.
    fn start(options: &[&str]) -> Option<Coturn> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        Coturn::at(port, options)
    }

    /// Over TLS alone, for this host's name.
    fn with_tls(name: &str) -> Option<Coturn> {
        let made = generate_simple_self_signed([name.to_owned()]).unwrap();
        let pem = made.cert.pem();
        let file =
            std::env::temp_dir().join(format!("rwg-coturn-{}-{name}.pem", std::process::id()));
        let both = made.signing_key.serialize_pem() + &pem;
        std::fs::write(&file, both).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let path = file.to_str().unwrap();
        let options = [
            "--no-dtls",
            "--no-udp",
            "--no-tcp",
            &format!("--tls-listening-port={port}"),
            &format!("--cert={path}"),
            &format!("--pkey={path}"),
        ];
        let mut coturn = Coturn::spawn(0, &options)?;
        (coturn.port, coturn.certificate) = (port, Some((pem, file)));
        coturn.wait();
        Some(coturn)
    }

    fn at(port: u16, options: &[&str]) -> Option<Coturn> {
        match options.iter().any(|option| option.starts_with("--no-")) {
            true => Coturn::spawn(port, options).inspect(Coturn::wait),
            false => Coturn::spawn(port, &[UDP, options].concat()),
        }
    }

    /// Who connects before it listens asks again half a minute later.
    fn wait(&self) {
        wait_for("coturn", || {
            TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }

    fn spawn(port: u16, options: &[&str]) -> Option<Coturn> {
        let port_option = match port {
            0 => "--listening-port=3478".to_owned(),
            port => format!("--listening-port={port}"),
        };
        let user = format!("--user=gateway:{PASSWORD}");
        let child = Command::new("turnserver")
            .args(["-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1"])
            .args([
                "--lt-cred-mech",
                "--realm=example",
                "--allow-loopback-peers",
            ])
            .args(["--no-cli", "--log-file=stdout", "--pidfile=/dev/null"])
            .args([&port_option, &user])
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match child {
            Ok(child) => Some(Coturn {
                child,
                port,
                certificate: None,
            }),
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
        if let Some((_, file)) = &self.certificate {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// A gateway on loopback with an allocation there, and a camera.
fn gateway(ports: &[u16], password: &str) -> (Gateway, CameraServer) {
    let url = |port| format!("turn:127.0.0.1:{port}?transport=udp");
    let server = |port| server(&url(port), password);
    gateway_at(ports.iter().copied().map(server).collect())
}

fn server(url: &str, password: &str) -> IceServer {
    IceServer {
        url: url.to_owned(),
        username: Some("gateway".to_owned()),
        credential: Some(password.to_owned()),
        ..IceServer::default()
    }
}

fn gateway_at(turn_servers: Vec<IceServer>) -> (Gateway, CameraServer) {
    let camera = cameras(&["cam"]);
    let gateway = Gateway::new(Config {
        udp_bind: Some((Ipv4Addr::LOCALHOST, 0).into()),
        turn_servers,
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

/// The relayed candidate of an answer that has the family of this address.
fn relayed(answer: &str, like: IpAddr) -> SocketAddr {
    let lines = answer.lines().filter(|line| line.contains(" typ relay "));
    let mut relayed = lines.map(|line| {
        let fields: Vec<_> = line.split(' ').collect();
        let ip: IpAddr = fields[4].parse().unwrap();
        SocketAddr::new(ip, fields[5].parse().unwrap())
    });
    let of_family = |at: &SocketAddr| at.is_ipv4() == like.is_ipv4();
    relayed.find(of_family).expect(answer)
}

/// A viewer with a candidate in its offer, which knows the relayed address of the gateway alone.
fn watch_by_server(gateway: &Gateway) -> (UdpViewer, Response) {
    watch_from(chromium(), gateway)
}

fn watch_from(mut viewer: UdpViewer, gateway: &Gateway) -> (UdpViewer, Response) {
    let offer = viewer.viewer.offer();
    let (ip, port) = (viewer.viewer.address().ip(), viewer.viewer.address().port());
    let candidate = format!("a=candidate:1 1 udp 2122260223 {ip} {port} typ host\r\n");
    let response = post(gateway, "cam", &(offer + &candidate)).unwrap();
    let at = relayed(&response.body, ip);
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

/// Viewers of two workers play, and what the gateway says of itself is right.
fn plays(gateway: &Gateway) {
    let mut viewers: Vec<_> = (0..3).map(|_| watch_by_server(gateway)).collect();
    for (viewer, response) in &mut viewers {
        let before = frames(&viewer.viewer);
        assert!(viewer.run_till(LONG, has_frames(before + 50)));
        assert_eq!(viewer.viewer.undecryptable, 0);
        let info = gateway.session_info(response.session).unwrap();
        assert_eq!(info.protocol, Some(Protocol::TurnServer));
    }
}

#[test]
fn where_no_udp_gets_out_the_server_is_reached_over_tcp() {
    let Some(coturn) = Coturn::start(TCP) else {
        return;
    };
    let port = coturn.port;
    let url = format!("turn:127.0.0.1:{port}?transport=tcp");
    let (gateway, _camera) = gateway_at(vec![server(&url, PASSWORD)]);
    wait_for("an allocation", || is_allocated(&gateway));
    plays(&gateway);
    // The end of the connection is noticed.
    drop(coturn);
    wait_for("its end", || !is_allocated(&gateway));
    wait_for("a reason", || report(&gateway).contains("connection"));
}

#[test]
fn over_tls_the_servers_certificate_is_checked() {
    let Some(coturn) = Coturn::with_tls("localhost") else {
        return;
    };
    let (pem, _) = coturn.certificate.clone().unwrap();
    let url = |host: &str| format!("turns:{host}:{}", coturn.port);
    let trusting = |url: &str| IceServer {
        tls_ca: Some(pem.clone()),
        ..server(url, PASSWORD)
    };
    // Nobody vouches for it; or it is for another name.
    let wrong = [
        server(&url("localhost"), PASSWORD),
        trusting(&url("127.0.0.1")),
    ];
    let mut pin = String::new();
    for wrong in wrong {
        let (gateway, _camera) = gateway_at(vec![wrong]);
        wait_for("a complaint", || {
            report(&gateway).contains("is not trusted")
        });
        let said = report(&gateway);
        let (_, digest) = said.split_once("SHA-256 is ").unwrap();
        pin = digest[..64].to_owned();
        assert!(!is_allocated(&gateway));
    }
    let pinned = IceServer {
        tls_fingerprint: Some(pin),
        ..server(&url("127.0.0.1"), PASSWORD)
    };
    for server in [trusting(&url("localhost")), pinned] {
        let (gateway, _camera) = gateway_at(vec![server]);
        wait_for("an allocation", || is_allocated(&gateway));
        plays(&gateway);
    }
}

/// A connection to a server, which can be made to take nothing.
struct Throttle {
    port: u16,
    stalls: Arc<AtomicBool>,
}

impl Throttle {
    fn before(server: u16) -> Throttle {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stalls = Arc::new(AtomicBool::new(false));
        let stalled = Arc::clone(&stalls);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, stalled) = (client.unwrap(), Arc::clone(&stalled));
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
                    continue;
                };
                let both = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || copy(both.1, both.0, &AtomicBool::new(false)));
                std::thread::spawn(move || copy(client, server, &stalled));
            }
        });
        Throttle { port, stalls }
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, stalled: &AtomicBool) {
    let mut buffer = [0; 4096];
    while let Ok(size @ 1..) = from.read(&mut buffer) {
        while stalled.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if to.write_all(&buffer[..size]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_server_that_takes_nothing_for_a_while_costs_its_viewers_pictures_and_others_nothing() {
    let Some(coturn) = Coturn::start(TCP) else {
        return;
    };
    let throttle = Throttle::before(coturn.port);
    let url = format!("turn:127.0.0.1:{}?transport=tcp", throttle.port);
    let (gateway, _camera) = gateway_at(vec![server(&url, PASSWORD)]);
    wait_for("an allocation", || is_allocated(&gateway));
    let (mut far, response) = watch_by_server(&gateway);
    let (mut near, _) = watch(&gateway, "cam");
    throttle.stalls.store(true, Ordering::SeqCst);
    let mut lacks = 0;
    for _ in 0..100 {
        let before = frames(&near.viewer);
        assert!(near.run_till(LONG, has_frames(before + 25)), "others go on");
        let info = gateway.session_info(response.session).unwrap();
        lacks = info.skips + info.overflows;
        if lacks > 0 {
            break;
        }
    }
    assert!(lacks > 0, "the connection was never full");
    throttle.stalls.store(false, Ordering::SeqCst);
    let before = frames(&far.viewer);
    assert!(far.run_till(LONG, has_frames(before + 50)), "it goes on");
    let info = gateway.session_info(response.session).unwrap();
    assert_eq!(info.state, SessionState::Connected);
    assert_eq!(far.viewer.undecryptable, 0);
}

/// A server that sends messages without end, which answer nothing. Gives the word when the gateway has hung up.
fn flood() -> (u16, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (gone, has_gone) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        // Data in a channel that nobody has; and something that is not understood, of another kind.
        let indication = [&[0, 0x17, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[0; 12]].concat();
        let messages = [&[0x40, 0, 0, 4, 1, 2, 3, 4][..], &indication].concat();
        let many = messages.repeat(2_000);
        while socket.write_all(&many).is_ok() {}
        let _ = gone.send(());
    });
    (port, has_gone)
}

#[test]
fn a_server_that_never_stops_talking_is_left_and_disturbs_nobody() {
    let (port, has_gone) = flood();
    let url = format!("turn:127.0.0.1:{port}?transport=tcp");
    let (gateway, _camera) = gateway_at(vec![server(&url, PASSWORD)]);
    let (mut viewer, _) = watch(&gateway, "cam");
    // The first worker reads the flood as well.
    let (mut other, _) = watch(&gateway, "cam");
    let before = frames(&viewer.viewer);
    assert!(viewer.run_till(LONG, has_frames(before + 50)));
    assert!(other.run_till(LONG, has_frames(before + 50)));
    has_gone.recv_timeout(LONG).unwrap();
    wait_for("a complaint", || {
        report(&gateway).contains("did not answer")
    });
    let before = frames(&viewer.viewer);
    assert!(viewer.run_till(LONG, has_frames(before + 25)));
}

#[test]
fn viewers_that_have_ipv6_alone_come_to_the_servers_other_address() {
    let Ok(viewer) = UdpViewer::at("[::1]:0", ViewerConfig::chromium()) else {
        println!("NOT TESTED: this host has no IPv6");
        return;
    };
    let Some(coturn) = Coturn::start(&["--relay-ip=::1"]) else {
        return;
    };
    let (gateway, _camera) = gateway(&[coturn.port], PASSWORD);
    wait_for("an allocation", || is_allocated(&gateway));
    let (mut viewer, response) = watch_from(viewer, &gateway);
    assert!(viewer.run_till(LONG, has_frames(50)));
    let info = gateway.session_info(response.session).unwrap();
    assert_eq!(info.protocol, Some(Protocol::TurnServer));
    assert!(info.remote.unwrap().is_ipv6());
    watch_by_server(&gateway);
}

#[test]
fn what_is_allocated_is_given_back_with_the_gateway() {
    let Some(coturn) = Coturn::start(&["--user-quota=1"]) else {
        return;
    };
    let (first, _camera) = gateway(&[coturn.port], PASSWORD);
    wait_for("an allocation", || is_allocated(&first));
    watch_by_server(&first);
    drop(first);
    // By itself it would end after ten minutes. coturn counts it for another second.
    wait_for("room for another", || {
        let (next, _camera) = gateway(&[coturn.port], PASSWORD);
        wait_for("an answer", || {
            is_allocated(&next) || report(&next).contains("quota")
        });
        is_allocated(&next)
    });
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
