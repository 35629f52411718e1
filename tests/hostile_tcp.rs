//! What strangers and bad viewers can do to the open TCP port of a running gateway. Whatever it is, the viewers that
//! behave see every video frame whole, and new ones get in. In a process of its own: a flood takes the time and the
//! descriptors of whatever runs beside it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::config::Config;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::SessionState;
use rtsp_webrtc_gateway::tuning::Key;
use rtsp_webrtc_gateway::whep::Response;
use testkit::camera::CameraServer;
use testkit::viewer::turn::{Said, TurnClient, split};
use testkit::viewer::{TcpViewer, ViewerConfig, check, framed};

mod common;

use common::{LONG, attribute, cameras, frames, has_frames, post, pull, wait_for, watch};

/// How long an attack lasts at least.
const ATTACK: Duration = Duration::from_millis(1500);

/// A gateway with one worker, which all share, and one camera.
struct Site {
    gateway: Gateway,
    _camera: CameraServer,
}

/// A viewer, and what its checks are made of.
struct Watcher {
    viewer: TcpViewer,
    response: Response,
    username: String,
    pwd: String,
    gateway: SocketAddr,
}

impl Site {
    fn new() -> Site {
        let camera = cameras(&["cam"]);
        let gateway = Gateway::new(Config {
            ice_tcp: true,
            turn: true,
            // How busy the machine is decides nothing here.
            tuning: vec![(Key::MaxWorkerLoadPercent, 0), (Key::WorkerThreads, 1)],
            ..Config::default()
        })
        .unwrap();
        gateway.add_stream("cam", pull(camera.url("cam"))).unwrap();
        Site {
            gateway,
            _camera: camera,
        }
    }

    /// A viewer over TCP that has the first video frame.
    fn watch(&self) -> Watcher {
        let mut watcher = self.offer();
        watcher.viewer.accept(&watcher.response.body);
        let seen = watcher.viewer.run_till(LONG, has_frames(1));
        assert!(seen, "no video frame");
        watcher
    }

    /// One that was answered, and has not connected.
    fn offer(&self) -> Watcher {
        let viewer = TcpViewer::new(ViewerConfig::chromium());
        let offer = viewer.viewer.offer();
        let response = post(&self.gateway, "cam", &offer).unwrap();
        let user = attribute(&offer, "ice-ufrag");
        Watcher {
            viewer,
            username: format!("{}:{user}", attribute(&response.body, "ice-ufrag")),
            pwd: attribute(&response.body, "ice-pwd"),
            gateway: TcpViewer::candidate(&response.body).unwrap(),
            response,
        }
    }

    /// Runs `attack` again and again while viewers watch over both protocols; they must not notice, and another must
    /// get in. Returns how often it ran.
    fn survives(&self, mut attack: impl FnMut(SocketAddr) + Send) -> u64 {
        let mut victim = self.watch();
        let (mut by_udp, _) = watch(&self.gateway, "cam");
        let gateway = victim.gateway;
        let over = AtomicBool::new(false);
        let count = std::thread::scope(|scope| {
            let attacker = scope.spawn(|| {
                let mut count = 0;
                while !over.load(Ordering::Relaxed) {
                    attack(gateway);
                    count += 1;
                }
                count
            });
            let newcomer = scope.spawn(|| self.watch());
            let begun = Instant::now();
            while begun.elapsed() < ATTACK || !newcomer.is_finished() {
                let step = Duration::from_millis(10);
                victim.viewer.run_till(step, |_| false);
                by_udp.run_till(step, |_| false);
            }
            over.store(true, Ordering::Relaxed);
            assert!(newcomer.join().is_ok(), "nobody else gets in");
            attacker.join().unwrap()
        });
        victim.assert_undisturbed(self);
        let now = frames(&by_udp.viewer);
        assert!(by_udp.run_till(LONG, has_frames(now + 25)));
        assert_eq!(by_udp.viewer.video.lost(), 0);
        count
    }
}

impl Watcher {
    fn assert_undisturbed(&mut self, site: &Site) {
        let now = frames(&self.viewer.viewer);
        assert!(self.viewer.run_till(LONG, has_frames(now + 25)));
        let viewer = &self.viewer.viewer;
        assert_eq!((viewer.video.lost(), viewer.undecryptable), (0, 0));
        let info = site.gateway.session_info(self.response.session).unwrap();
        assert_eq!(info.state, SessionState::Connected);
        assert_eq!((info.skips, info.overflows), (0, 0));
    }
}

/// Whether the gateway closes a connection, with time for it.
fn is_closed(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut buffer = [0; 1000];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

fn strange(site: &Site) -> u64 {
    let metrics = site.gateway.metrics().unwrap();
    let name = "rtsp_webrtc_gateway_connections_strange_total ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().parse().unwrap()
}

#[test]
fn a_flood_of_connections() {
    let site = Site::new();
    let mut kept = Vec::new();
    let count = site.survives(|gateway| {
        if let Ok(stream) = TcpStream::connect(gateway) {
            kept.push(stream);
        }
        // This process has only so many descriptors.
        if kept.len() == 300 {
            kept.clear();
        }
    });
    println!("{count} connections");
    drop(kept);
}

#[test]
fn a_flood_of_authentic_checks_from_ever_new_connections_harms_itself_alone() {
    let site = Site::new();
    let bad = site.watch();
    let authentic = framed(&check(&bad.username, &bad.pwd, 1));
    let mut kept = std::collections::VecDeque::new();
    let count = site.survives(|gateway| {
        if let Ok(mut stream) = TcpStream::connect(gateway) {
            let _ = stream.write_all(&authentic);
            kept.push_back(stream);
        }
        // A session has few: those that it forgets are closed.
        if kept.len() > 20 {
            let oldest = kept.pop_front().unwrap();
            assert!(is_closed(&oldest));
        }
    });
    println!("{count} connections");
}

/// The relay's client of a viewer, by its answer.
fn turn_client(response: &Response) -> TurnClient {
    let mut headers = response.headers.iter();
    let link = headers.find(|(name, _)| *name == "Link").unwrap();
    TurnClient::of_link(&link.1).unwrap().1
}

/// Sends a request, and reads its response.
fn ask(stream: &mut TcpStream, client: &mut TurnClient, request: &[u8]) -> Said {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    if stream.write_all(request).is_err() {
        return Said::Nothing;
    }
    loop {
        if let Some((message, _)) = split(&read) {
            return client.hear(message);
        }
        match stream.read(&mut buffer) {
            Ok(size @ 1..) => read.extend_from_slice(&buffer[..size]),
            _ => return Said::Nothing,
        }
    }
}

#[test]
fn a_flood_of_allocations() {
    let site = Site::new();
    let bad = site.offer();
    let mut kept = Vec::new();
    let mut allocated = 0;
    let count = site.survives(|gateway| {
        let mut client = turn_client(&bad.response);
        if let Ok(mut stream) = TcpStream::connect(gateway) {
            for _ in 0..2 {
                let request = client.allocate();
                let said = ask(&mut stream, &mut client, &request);
                allocated += u64::from(matches!(said, Said::Success(_)));
            }
            kept.push(stream);
        }
        // This process has only so many descriptors.
        if kept.len() == 300 {
            kept.clear();
        }
    });
    println!("{count} connections, {allocated} allocations");
    assert!(allocated > 0);
}

#[test]
fn who_has_a_relay_and_sends_nonsense_by_it_harms_nobody() {
    let site = Site::new();
    let bad = site.offer();
    let mut random = fastrand::Rng::with_seed(1);
    let count = site.survives(|gateway| {
        let mut client = turn_client(&bad.response);
        let Ok(mut stream) = TcpStream::connect(gateway) else {
            return;
        };
        for _ in 0..2 {
            let request = client.allocate();
            ask(&mut stream, &mut client, &request);
        }
        let own = bad.gateway;
        let other = SocketAddr::from(([192, 0, 2, 1], 9));
        for _ in 0..100 {
            let peer = if random.bool() { own } else { other };
            let mut message = match random.u8(..6) {
                0 => client.permit(&[peer]),
                1 => client.bind(random.u16(0x3ff0..0x5010), peer),
                2 => client.refresh(random.u32(..)),
                3 => client.send(peer, &[200; 1500]),
                4 => [&[0x40, 0, 0, 100][..], &[random.u8(..); 100]].concat(),
                _ => [
                    &[0, random.u8(..), 0, 40, 0x21, 0x12, 0xa4, 0x42][..],
                    &[7; 52],
                ]
                .concat(),
            };
            if random.u8(..20) == 0 {
                // Behind this nothing can be understood.
                message[0] = 0xff;
            }
            if stream.write_all(&message).is_err() {
                break;
            }
        }
    });
    println!("{count} connections");
}

#[test]
fn noise() {
    let site = Site::new();
    let mut random = fastrand::Rng::with_seed(1);
    let mut buffer = vec![0; 9000];
    let count = site.survives(|gateway| {
        random.fill(&mut buffer[..64]);
        let size = [1, 2, 3, 100, 1200, 2048, 2049, 9000][random.usize(..8)];
        // Often a length that is possible.
        buffer[0] = [0, 1, 7, 8, 255][random.usize(..5)];
        if let Ok(mut stream) = TcpStream::connect(gateway) {
            let _ = stream.write_all(&buffer[..size]);
        }
    });
    println!("{count} connections");
}

#[test]
fn a_viewer_that_sends_as_fast_as_it_can() {
    let site = Site::new();
    let bad = site.watch();
    let checks = framed(&check(&bad.username, &bad.pwd, 1)).repeat(100);
    let nothing = vec![0; 64 << 10];
    let mut stream = TcpStream::connect(bad.gateway).unwrap();
    let mut turn = 0;
    let count = site.survives(|_| {
        turn += 1;
        let bytes = if turn % 2 == 0 { &checks } else { &nothing };
        let _ = stream.write_all(bytes);
        // What comes back is not read: the gateway does not keep it without end.
    });
    println!("{count} times");
}

#[test]
fn what_is_no_check_for_a_session_is_closed_at_once() {
    let site = Site::new();
    let watcher = site.offer();
    let long = [&[0x10, 0][..], &[0; 4096]].concat();
    let nobodys = framed(&check("0000000900000000:nobody", "any password", 1));
    let nowhere = framed(&check("ffffffff00000000:nobody", "any password", 1));
    let cases: [(&str, &[u8]); 7] = [
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("TLS", &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
        ("a frame that is too long", &long),
        ("a frame of noise", &[0, 4, 1, 2, 3, 4]),
        ("an empty frame", &[0, 0]),
        ("a check for no session", &nobodys),
        ("a check for no worker", &nowhere),
    ];
    for (what, bytes) in cases {
        let begun = Instant::now();
        let before = strange(&site);
        let mut stream = TcpStream::connect(watcher.gateway).unwrap();
        stream.write_all(bytes).unwrap();
        assert!(is_closed(&stream), "{what}");
        wait_for("the count", || strange(&site) > before);
        assert!(begun.elapsed() < LONG);
    }
}

#[test]
fn who_says_nothing_or_little_or_not_the_password_is_closed_in_time() {
    let site = Site::new();
    let watcher = site.offer();
    let wrong = framed(&check(&watcher.username, "not the password at all", 1));
    let right = framed(&check(&watcher.username, &watcher.pwd, 1));
    let before = strange(&site);
    let connect = || TcpStream::connect(watcher.gateway).unwrap();
    std::thread::scope(|scope| {
        let silent = scope.spawn(|| is_closed(&connect()));
        let half = scope.spawn(|| {
            let mut stream = connect();
            stream.write_all(&right[..50]).unwrap();
            is_closed(&stream)
        });
        let drip = scope.spawn(|| {
            let mut stream = connect();
            // It would take a minute.
            for byte in &right {
                if stream.write_all(&[*byte]).is_err() {
                    return true;
                }
                std::thread::sleep(Duration::from_millis(400));
            }
            false
        });
        let unauthentic = scope.spawn(|| {
            let mut stream = connect();
            let end = Instant::now() + LONG;
            while stream.write_all(&wrong).is_ok() {
                if Instant::now() > end {
                    return false;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            true
        });
        for (what, closed) in [
            ("nothing", silent),
            ("half a check", half),
            ("a slow drip", drip),
            ("a wrong password", unauthentic),
        ] {
            assert!(closed.join().unwrap(), "{what}");
        }
    });
    wait_for("the count", || strange(&site) == before + 4);
}

#[test]
fn a_connection_of_a_viewer_that_talks_nonsense_is_closed_and_harms_no_other() {
    let site = Site::new();
    let mut bad = site.watch();
    let mut good = site.watch();
    // Whole frames that nobody understands are counted.
    bad.viewer
        .stream()
        .write_all(&framed(&[200; 100]).repeat(50))
        .unwrap();
    wait_for("the count", || {
        bad.viewer.run_till(Duration::from_millis(20), |_| false);
        let info = site.gateway.session_info(bad.response.session).unwrap();
        info.rejected >= 50
    });
    // Behind this nothing can be understood.
    bad.viewer.stream().write_all(&[0xff; 100]).unwrap();
    assert!(!bad.viewer.run_till(LONG, |_| false) && bad.viewer.ended);
    good.assert_undisturbed(&site);
    // It may come back.
    bad.viewer.connect(bad.gateway);
    let before = frames(&bad.viewer.viewer);
    assert!(bad.viewer.run_till(LONG, has_frames(before + 30)));
}

#[test]
fn a_viewer_that_closes_its_half_is_gone() {
    let site = Site::new();
    let watcher = site.watch();
    watcher.viewer.stream().shutdown(Shutdown::Write).unwrap();
    assert!(is_closed(watcher.viewer.stream()));
}
