//! What strangers and bad viewers can send to the open UDP port of a running gateway. Whatever it
//! is, the viewers that behave see every video frame whole, and new ones get in. In a process of its own:
//! a flood takes the time of whatever runs beside it.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{SessionState, StreamId};
use rtsp_webrtc_gateway::tuning::Key;
use rtsp_webrtc_gateway::whep::Response;
use testkit::camera::CameraServer;
use testkit::viewer::{UdpViewer, ViewerConfig, check};

mod common;

use common::{
    LONG, attribute, cameras, chromium, frames, has_frames, post, pull, tuned, wait_for, watch,
};

/// How long an attack lasts at least...
const ATTACK: Duration = Duration::from_millis(1500);
/// ...and it goes on until so many reports of a viewer that behaves have arrived...
const REPORTS: u64 = 30;
/// ...and so many video frames have reached it.
const FRAMES: usize = 25;

/// A gateway with one worker, which all share, and one camera.
struct Site {
    gateway: Gateway,
    stream: StreamId,
    _camera: CameraServer,
}

impl Site {
    fn new() -> Site {
        let camera = cameras(&["cam"]);
        let gateway = tuned(&[(Key::WorkerThreads, 1)]);
        let stream = gateway.add_stream("cam", pull(camera.url("cam"))).unwrap();
        Site {
            gateway,
            stream,
            _camera: camera,
        }
    }

    /// A viewer that has the first video frame.
    fn watch(&self) -> Watcher {
        let (viewer, response) = watch(&self.gateway, "cam");
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
            let served = victim.is_served(self);
            while !newcomer.is_finished() {
                victim.viewer.run_till(Duration::from_millis(20), |_| false);
            }
            over.store(true, Ordering::Relaxed);
            assert!(newcomer.join().is_ok(), "nobody else gets in");
            let count = attacker.join().unwrap();
            assert!(
                served,
                "the attack keeps the gateway from a viewer that behaves"
            );
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
    /// Watches, and reports lost packets all the while. Whether both go on under the attack. Many a
    /// datagram is lost before the gateway sees it: a flood may be more than the kernel takes.
    fn is_served(&mut self, site: &Site) -> bool {
        let session = self.response.session;
        let nacks = || site.gateway.session_info(session).unwrap().nacks;
        let enough = (nacks() + REPORTS, frames(&self.viewer.viewer) + FRAMES);
        let nack = testkit::viewer::nack(self.viewer.viewer.video.ssrc(), &[0]);
        let begun = Instant::now();
        loop {
            self.viewer.viewer.send_rtcp(&nack);
            self.viewer.run_till(Duration::from_millis(20), |_| false);
            let served = nacks() >= enough.0 && frames(&self.viewer.viewer) >= enough.1;
            if begun.elapsed() >= if served { ATTACK } else { LONG } {
                return served;
            }
        }
    }

    fn assert_undisturbed(&mut self, site: &Site) {
        // The last packets may be in flight.
        let now = frames(&self.viewer.viewer);
        assert!(self.viewer.run_till(LONG, has_frames(now + 25)));
        let viewer = &self.viewer.viewer;
        assert_eq!(viewer.video.lost(), 0);
        assert_eq!(viewer.undecryptable, 0);
        let info = site.gateway.session_info(self.response.session).unwrap();
        assert_eq!(info.state, SessionState::Connected);
        assert_eq!(info.remote, Some(viewer.address()));
    }
}

fn gateway_address(answer: &str) -> SocketAddr {
    let candidate = attribute(answer, "candidate");
    let port = candidate.split(' ').nth(5).unwrap();
    format!("127.0.0.1:{port}").parse().unwrap()
}

#[test]
fn noise() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut buffer = vec![0; 9000];
    let count = Site::new().survives(|socket, gateway| {
        random.fill(&mut buffer[..64]);
        // From nothing at all to more than the gateway takes.
        let size = [0, 1, 3, 20, 100, 1200, 2048, 2049, 9000][random.usize(..9)];
        // The first byte tells the protocol: each of them in turn.
        buffer[0] = [0, 1, 22, 23, 20, 21, 128, 144, 191, 255][random.usize(..10)];
        let _ = socket.send_to(&buffer[..size], gateway);
    });
    println!("{count} datagrams");
}

#[test]
fn checks_for_places_that_are_and_are_not() {
    let mut random = fastrand::Rng::with_seed(1);
    let count = Site::new().survives(|socket, gateway| {
        let worker = [0, 1, 0xff][random.usize(..3)];
        let slot = [0, 1, 0xffff, 0xff_ffff][random.usize(..4)];
        let user = format!("{worker:02x}{slot:06x}abcdefgh:nobody");
        let user = &user[..=random.usize(..user.len())];
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

#[test]
fn a_check_from_anothers_address_takes_nothing_away_from_it() {
    let site = Site::new();
    let mut victim = site.watch();
    let offer = chromium().viewer.offer();
    let response = post(&site.gateway, "cam", &offer).unwrap();
    let user = attribute(&offer, "ice-ufrag");
    let username = format!("{}:{user}", attribute(&response.body, "ice-ufrag"));
    let authentic = check(&username, &attribute(&response.body, "ice-pwd"), 1);
    // The victim does not know the password, so it answers no check of that session.
    victim.viewer.send_to(&authentic, victim.gateway).unwrap();
    wait_for("the check", || {
        let info = site.gateway.session_info(response.session).unwrap();
        info.state == SessionState::Connecting
    });
    assert!(victim.is_served(&site), "its reports go astray");
    victim.assert_undisturbed(&site);
}

#[test]
fn a_port_that_vanished_viewers_had_works_for_the_next() {
    let site = Site::new();
    let vanished = site.watch();
    let address = vanished.viewer.viewer.address();
    drop(vanished);
    let mut next = UdpViewer::at(address, ViewerConfig::chromium()).unwrap();
    let response = post(&site.gateway, "cam", &next.viewer.offer()).unwrap();
    next.accept(&response.body);
    assert!(next.run_till(LONG, has_frames(25)));
    next.viewer.send_pli();
    wait_for("its report", || {
        next.run_till(Duration::from_millis(20), |_| false);
        site.gateway.session_info(response.session).unwrap().plis > 0
    });
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
    let offer = chromium().viewer.offer();
    let response = post(&site.gateway, "cam", &offer).unwrap();
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
    let offer = chromium().viewer.offer();
    std::thread::scope(|scope| {
        let accepted = |_: &i32| post(&site.gateway, "cam", &offer).is_ok();
        let flood = scope.spawn(move || (0..10_000).filter(accepted).count());
        while !flood.is_finished() {
            victim.viewer.run_till(Duration::from_millis(20), |_| false);
        }
        println!("{} accepted", flood.join().unwrap());
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
    // The flood lasts until it has ended, or has given up.
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            while !over.load(Ordering::Relaxed) {
                let _ = socket.send_to(&forged, victim.gateway);
            }
        });
        let ended = site.gateway.shutdown(LONG);
        over.store(true, Ordering::Relaxed);
        ended
    });
    ended.unwrap();
}
