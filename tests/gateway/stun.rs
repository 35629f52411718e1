//! STUN servers that tell the gateway its public address: one that says what the test wants, and coturn.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rtc::stun::message::{BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc::stun::xoraddr::XorMappedAddress;
use rtsp_webrtc_gateway::config::Config;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::tuning::Key;
use testkit::camera::CameraServer;

use crate::common::{cameras, chromium, post, pull, wait_for, watch};

const PUBLIC: &str = "203.0.113.7:41234";
const LIE: &str = "198.51.100.66:6";

/// A server that sees everybody at [`PUBLIC`]. Before it says so, somebody else and a wrong transaction say otherwise.
struct Server {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start() -> Server {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let address = socket.local_addr().unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ends);
        let thread = std::thread::spawn(move || {
            let mut request = [0; 100];
            while !ended.load(Ordering::SeqCst) {
                let Ok((20, from)) = socket.recv_from(&mut request) else {
                    continue;
                };
                let id: [u8; 12] = request[8..20].try_into().unwrap();
                other.send_to(&answer(id, LIE), from).unwrap();
                let mut wrong = id;
                wrong[11] ^= 1;
                socket.send_to(&answer(wrong, LIE), from).unwrap();
                socket.send_to(&answer(id, PUBLIC), from).unwrap();
            }
        });
        Server {
            address,
            ends,
            thread: Some(thread),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn answer(id: [u8; 12], public: &str) -> Vec<u8> {
    let public: SocketAddr = public.parse().unwrap();
    let mut answer = Message::new();
    answer.typ = BINDING_SUCCESS;
    answer.transaction_id = TransactionId(id);
    answer.write_header();
    let mapped = XorMappedAddress {
        ip: public.ip(),
        port: public.port(),
    };
    mapped.add_to(&mut answer).unwrap();
    answer.raw
}

/// A gateway on loopback that asks this server, with a camera.
fn gateway(server: SocketAddr) -> (Gateway, CameraServer) {
    let camera = cameras(&["cam"]);
    let gateway = Gateway::new(Config {
        udp_bind: Some((Ipv4Addr::LOCALHOST, 0).into()),
        stun_servers: vec![server.to_string()],
        tuning: vec![(Key::MaxWorkerLoadPercent, 0)],
        ..Config::default()
    })
    .unwrap();
    gateway.add_stream("cam", pull(camera.url("cam"))).unwrap();
    (gateway, camera)
}

/// What the gateway tells of its server.
fn report(gateway: &Gateway) -> String {
    let state = gateway.state_json().unwrap();
    let from = state.find("\"stun\":[").unwrap();
    state[from..][..state[from..].find(']').unwrap()].to_owned()
}

#[test]
fn answers_have_the_address_that_a_server_sees_and_no_other() {
    let server = Server::start();
    let (gateway, _camera) = gateway(server.address);
    wait_for("an answer", || report(&gateway).contains(PUBLIC));
    assert!(report(&gateway).contains("\"message\":\"\""));
    let response = post(&gateway, "cam", &chromium().viewer.offer()).unwrap();
    let candidates: Vec<_> = response
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("a=candidate:"))
        .collect();
    let [host, reflexive] = candidates[..] else {
        panic!("{candidates:?}");
    };
    let port = host.split(' ').nth(5).unwrap();
    let expected = format!("203.0.113.7 41234 typ srflx raddr 127.0.0.1 rport {port}");
    assert!(reflexive.ends_with(&expected), "{reflexive}");
    assert!(!gateway.state_json().unwrap().contains("198.51.100.66"));
    let metrics = gateway.metrics().unwrap();
    assert!(metrics.contains("public_address_changes_total 0"));
    assert!(metrics.contains(&format!("public=\"{PUBLIC}\"}} 1")));
    // Media is none of its business.
    watch(&gateway, "cam");
}

#[test]
fn a_server_that_does_not_answer_is_named() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (gateway, _camera) = gateway(silent.local_addr().unwrap());
    wait_for("a complaint", || {
        report(&gateway).contains("did not answer")
    });
    watch(&gateway, "cam");
}

/// coturn as a STUN server.
struct Coturn(Child);

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn coturn_sees_the_gateway_where_it_is() {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let port_word = port.to_string();
    let started = Command::new("turnserver")
        .args([
            "-n",
            "--stun-only",
            "--listening-ip",
            "127.0.0.1",
            "--listening-port",
            &port_word,
        ])
        .args([
            "--no-tls",
            "--no-dtls",
            "--no-tcp",
            "--no-cli",
            "--log-file",
            "stdout",
        ])
        .args(["--pidfile", "/dev/null"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = started else {
        println!("NOT TESTED: STUN with coturn, which is not installed");
        return;
    };
    let _coturn = Coturn(child);
    let (gateway, _camera) = gateway((Ipv4Addr::LOCALHOST, port).into());
    wait_for("an answer of coturn", || {
        report(&gateway).contains("\"public\":\"127.0.0.1:")
    });
    // No NAT: nothing to tell viewers.
    let response = post(&gateway, "cam", &chromium().viewer.offer()).unwrap();
    assert!(!response.body.contains("srflx"), "{}", response.body);
}
