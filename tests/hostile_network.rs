//! What strangers and bad viewers can send to the open UDP port of a running gateway. Whatever it
//! is, the viewers that behave see every picture whole, and new ones get in.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::config::{Config, PullOptions, WhepOffer};
use rtsp_webrtc_gateway::error::Result;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{SessionState, StreamId};
use rtsp_webrtc_gateway::tuning::Key;
use rtsp_webrtc_gateway::whep::Response;
use testkit::camera::{CameraConfig, CameraServer};
use testkit::clip::Clip;
use testkit::viewer::{UdpViewer, Viewer, ViewerConfig, check};

const LONG: Duration = Duration::from_secs(20);
/// How long an attack lasts.
const ATTACK: Duration = Duration::from_millis(1500);

/// Reports that a viewer sends in that time.
const REPORTS: u32 = 75;

/// A gateway with one worker, which all share, and one camera.
struct Site {
    gateway: Gateway,
    stream: StreamId,
    _camera: CameraServer,
}

impl Site {
    fn new() -> Site {
        let config = CameraConfig::new("cam").clip(Clip::Baseline360p);
        let camera = CameraServer::start(vec![config]).unwrap();
        let gateway = Gateway::new(Config {
            tuning: vec![(Key::WorkerThreads, 1)],
            ..Config::default()
        })
        .unwrap();
        let options = PullOptions {
            url: camera.url("cam"),
            ..PullOptions::default()
        };
        let stream = gateway.add_stream("cam", options).unwrap();
        Site {
            gateway,
            stream,
            _camera: camera,
        }
    }

    fn post(&self, sdp: &str) -> Result<Response> {
        self.gateway.handle_whep_offer(&WhepOffer {
            stream: "cam",
            sdp: sdp.as_bytes(),
            timeout: Some(LONG),
            ..WhepOffer::default()
        })
    }

    /// A viewer that has the first picture.
    fn watch(&self) -> Watcher {
        let mut viewer = UdpViewer::new(ViewerConfig::chromium()).unwrap();
        let response = self.post(&viewer.viewer.offer()).unwrap();
        viewer.accept(&response.body);
        assert!(viewer.run_till(LONG, has_pictures(1)), "no picture");
        let user = attribute(&viewer.viewer.offer(), "ice-ufrag");
        Watcher {
            username: format!("{}:{user}", attribute(&response.body, "ice-ufrag")),
            pwd: attribute(&response.body, "ice-pwd"),
            gateway: gateway_address(&response.body),
            response,
            viewer,
        }
    }

    /// Runs `attack` again and again while a viewer watches; the viewer must not notice, and
    /// another must get in. Returns how often it ran.
    fn survives(&self, attack: impl FnMut(&UdpSocket, SocketAddr) + Send) -> u64 {
        let mut victim = self.watch();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        self.survives_from(&mut victim, socket, attack)
    }

    fn survives_from(
        &self,
        victim: &mut Watcher,
        socket: UdpSocket,
        mut attack: impl FnMut(&UdpSocket, SocketAddr) + Send,
    ) -> u64 {
        let gateway = victim.gateway;
        let over = AtomicBool::new(false);
        let before = pictures(&victim.viewer.viewer);
        std::thread::scope(|scope| {
            let attacker = scope.spawn(|| {
                let mut count = 0;
                while !over.load(Ordering::Relaxed) {
                    attack(&socket, gateway);
                    count += 1;
                }
                count
            });
            let newcomer = scope.spawn(|| self.watch());
            let arrived = victim.report(self);
            let seen = pictures(&victim.viewer.viewer) - before;
            while !newcomer.is_finished() {
                victim.viewer.run_till(Duration::from_millis(20), |_| false);
            }
            over.store(true, Ordering::Relaxed);
            assert!(newcomer.join().is_ok(), "nobody else gets in");
            let count = attacker.join().unwrap();
            assert!(seen > 0, "no picture while the attack lasted");
            // A flood may be more than the kernel takes; it must not be the gateway that is full.
            assert!(arrived >= REPORTS / 2, "{arrived} reports of {REPORTS}");
            victim.assert_undisturbed(self);
            count
        })
    }
}

struct Watcher {
    viewer: UdpViewer,
    response: Response,
    username: String,
    pwd: String,
    gateway: SocketAddr,
}

impl Watcher {
    /// Watches, and reports lost packets all the while. Returns how many reports arrived.
    fn report(&mut self, site: &Site) -> u32 {
        let session = self.response.session;
        let nacks = || site.gateway.session_info(session).unwrap().nacks;
        let before = nacks();
        let nack = testkit::viewer::nack(self.viewer.viewer.video.ssrc(), &[0]);
        for _ in 0..REPORTS {
            self.viewer.viewer.send_rtcp(&nack);
            self.viewer.run_till(ATTACK / REPORTS, |_| false);
        }
        (nacks() - before) as u32
    }

    fn assert_undisturbed(&mut self, site: &Site) {
        // The last packets may be in flight.
        let now = pictures(&self.viewer.viewer);
        assert!(self.viewer.run_till(LONG, has_pictures(now + 25)));
        let viewer = &self.viewer.viewer;
        assert_eq!(viewer.video.lost(), 0);
        assert_eq!(viewer.undecryptable, 0);
        let info = site.gateway.session_info(self.response.session).unwrap();
        assert_eq!(info.state, SessionState::Connected);
        assert_eq!(info.remote, Some(viewer.address()));
    }
}

fn pictures(viewer: &Viewer) -> usize {
    viewer.video.packets().filter(|p| p.marker).count()
}

fn has_pictures(count: usize) -> impl Fn(&Viewer) -> bool {
    move |viewer| pictures(viewer) >= count
}

fn attribute(sdp: &str, name: &str) -> String {
    let prefix = format!("a={name}:");
    let value = sdp.lines().find_map(|line| line.strip_prefix(&prefix));
    value.unwrap().to_owned()
}

fn gateway_address(answer: &str) -> SocketAddr {
    let candidate = attribute(answer, "candidate");
    let port = candidate.split(' ').nth(5).unwrap();
    format!("127.0.0.1:{port}").parse().unwrap()
}

/// Numbers that look random and are the same in every run.
fn numbers() -> impl FnMut() -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

#[test]
fn noise() {
    let mut number = numbers();
    let mut buffer = vec![0; 9000];
    let count = Site::new().survives(|socket, gateway| {
        for byte in &mut buffer[..64] {
            *byte = number() as u8;
        }
        // From nothing at all to more than the gateway takes.
        let size = [0, 1, 3, 20, 100, 1200, 2048, 2049, 9000][number() as usize % 9];
        // The first byte tells the protocol: each of them in turn.
        buffer[0] = [0, 1, 22, 23, 20, 21, 128, 144, 191, 255][number() as usize % 10];
        let _ = socket.send_to(&buffer[..size], gateway);
    });
    println!("{count} datagrams");
}

#[test]
fn checks_for_places_that_are_and_are_not() {
    let mut number = numbers();
    let count = Site::new().survives(|socket, gateway| {
        let worker = [0, 1, 0xff][number() as usize % 3];
        let slot = [0, 1, 0xffff, 0xff_ffff][number() as usize % 4];
        let user = format!("{worker:02x}{slot:06x}abcdefgh:nobody");
        let user = &user[..number() as usize % (user.len() + 1)];
        let _ = socket.send_to(&check(user, "not the password at all", 1), gateway);
    });
    println!("{count} datagrams");
}

/// Millions in a second: the kernel cuts each call's bytes into 60 datagrams.
#[test]
fn checks_with_the_right_name_and_a_wrong_password() {
    let site = Site::new();
    let mut victim = site.watch();
    let forged = check(&victim.username, "not the password at all", 1);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let state = quinn_udp::UdpSocketState::new((&socket).into()).unwrap();
    let segments = state.max_gso_segments().min(60);
    let contents = forged.repeat(segments);
    let count = site.survives_from(&mut victim, socket, |socket, destination| {
        let transmit = quinn_udp::Transmit {
            destination,
            ecn: None,
            contents: &contents,
            segment_size: Some(forged.len()),
            src_ip: None,
        };
        // A full socket is tried again at once.
        let _ = state.try_send(socket.into(), &transmit);
    });
    println!("{} datagrams", count * segments as u64);
}

#[test]
fn a_viewer_that_comes_from_ever_new_addresses_harms_itself_alone() {
    let site = Site::new();
    let bad = site.watch();
    let authentic = check(&bad.username, &bad.pwd, 1);
    let count = site.survives(|_, gateway| {
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let _ = other.send_to(&authentic, gateway);
    });
    println!("{count} addresses");
}

/// One byte of a handshake message that never ends.
fn fragment(number: u64) -> Vec<u8> {
    let mut record = vec![22, 0xfe, 0xfd, 0, 0];
    record.extend(&number.to_be_bytes()[2..]);
    record.extend([0, 13, 1, 0, 0x1f, 0xff, 0, 0]);
    record.extend(&(number as u32 % 8000).to_be_bytes()[1..]);
    record.extend([0, 0, 1, 7]);
    record
}

#[test]
fn handshake_fragments_before_and_after_the_handshake() {
    let site = Site::new();
    let bad = UdpViewer::new(ViewerConfig::chromium()).unwrap();
    let offer = bad.viewer.offer();
    let response = site.post(&offer).unwrap();
    let user = attribute(&offer, "ice-ufrag");
    let username = format!("{}:{user}", attribute(&response.body, "ice-ufrag"));
    let authentic = check(&username, &attribute(&response.body, "ice-pwd"), 1);
    let mut number = 0;
    let count = site.survives(|socket, gateway| {
        // The first check opens the way for the fragments.
        if number == 0 {
            let _ = socket.send_to(&authentic, gateway);
        }
        number += 1;
        let _ = socket.send_to(&fragment(number), gateway);
    });
    println!("{count} fragments");
    assert!(site.gateway.session_info(response.session).is_err());
}

#[test]
fn ten_thousand_offers_that_nobody_follows_up() {
    let site = Site::new();
    let mut victim = site.watch();
    let offer = UdpViewer::new(ViewerConfig::chromium())
        .unwrap()
        .viewer
        .offer();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| (0..10_000).filter(|_| site.post(&offer).is_ok()).count());
        while !flood.is_finished() {
            victim.viewer.run_till(Duration::from_millis(20), |_| false);
        }
        println!(
            "{} accepted in {:?}",
            flood.join().unwrap(),
            begun.elapsed()
        );
    });
    site.watch();
    // What is kept is bounded: the victim, the newcomer, and those that were answered last.
    let sessions = site.gateway.stream_info(site.stream).unwrap().sessions;
    assert!(sessions <= 4096 + 3, "{sessions}");
    victim.assert_undisturbed(&site);
}

#[test]
fn it_ends_in_the_middle_of_a_flood() {
    let site = Site::new();
    let victim = site.watch();
    let forged = check(&victim.username, "not the password at all", 1);
    let over = AtomicBool::new(false);
    let took = std::thread::scope(|scope| {
        scope.spawn(|| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            while !over.load(Ordering::Relaxed) {
                let _ = socket.send_to(&forged, victim.gateway);
            }
        });
        let begun = Instant::now();
        let ended = site.gateway.shutdown(LONG);
        over.store(true, Ordering::Relaxed);
        ended.map(|()| begun.elapsed())
    });
    assert!(took.clone().unwrap() < Duration::from_secs(2), "{took:?}");
}
