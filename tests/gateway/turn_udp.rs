//! Viewers that are told to use relays alone, so that nobody learns their addresses: media by the relay over UDP, on the
//! media port.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use rtsp_webrtc_gateway::config::Config;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{Protocol, SessionState};
use rtsp_webrtc_gateway::tuning::Key;
use rtsp_webrtc_gateway::whep::Response;
use testkit::camera::CameraServer;
use testkit::viewer::turn::{
    METHOD_ALLOCATE, METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_REFRESH, RelayViewer,
    Said, TurnClient,
};
use testkit::viewer::{Viewer, ViewerConfig};

use crate::common::{LONG, cameras, frames, has_frames, post, pull, wait_for, watch};

/// What a worker keeps for a session.
const RELAYS: usize = 8;

/// A gateway with a camera, and nothing but its UDP port.
struct Site {
    gateway: Gateway,
    _camera: CameraServer,
}

/// A viewer that has its answer.
struct Offered {
    viewer: Viewer,
    response: Response,
    client: TurnClient,
    /// The loopback address of the media port.
    at: SocketAddr,
}

impl Offered {
    fn relays(self) -> (RelayViewer, Response) {
        let viewer = RelayViewer::over_udp(self.viewer, self.client, self.at);
        (viewer, self.response)
    }
}

impl Site {
    fn new(turn: bool) -> Site {
        Site::of(turn, 2)
    }

    fn of(turn: bool, workers: i64) -> Site {
        let camera = cameras(&["cam"]);
        let gateway = Gateway::new(Config {
            turn,
            tuning: vec![
                (Key::MaxWorkerLoadPercent, 0),
                (Key::WorkerThreads, workers),
            ],
            ..Config::default()
        })
        .unwrap();
        gateway.add_stream("cam", pull(camera.url("cam"))).unwrap();
        Site {
            gateway,
            _camera: camera,
        }
    }

    fn offer(&self) -> Offered {
        let viewer = Viewer::over_tcp(ViewerConfig::chromium());
        let response = post(&self.gateway, "cam", &viewer.offer()).unwrap();
        let at = loopback(&response.body);
        let links = response.headers.iter().filter(|(name, _)| *name == "Link");
        let relays = links.filter_map(|(_, link)| TurnClient::of_link(link));
        let clients: Vec<_> = relays
            .map(|(url, client)| {
                let address = url.strip_prefix("turn:").unwrap();
                let address = address.strip_suffix("?transport=udp").unwrap();
                let address: SocketAddr = address.parse().unwrap();
                assert_eq!(address.port(), at.port(), "the media port");
                client
            })
            .collect();
        assert!((1..=2).contains(&clients.len()), "one for each family");
        Offered {
            viewer,
            response,
            client: clients[0].clone(),
            at,
        }
    }

    /// One that has the first video frame.
    fn watch(&self, channel: Option<u16>) -> (RelayViewer, Response) {
        let offered = self.offer();
        let at = offered.at;
        let (mut viewer, response) = offered.relays();
        viewer.allocate(at, channel);
        viewer.accept(&response.body);
        assert!(viewer.run_till(LONG, has_frames(1)), "no video frame");
        (viewer, response)
    }

    fn counter(&self, name: &str) -> u64 {
        let metrics = self.gateway.metrics().unwrap();
        let name = format!("rtsp_webrtc_gateway_{name}_total ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap().parse().unwrap()
    }
}

fn loopback(answer: &str) -> SocketAddr {
    let mut lines = answer.lines();
    let line = lines.find(|line| line.contains(" udp ") && line.contains(" 127.0.0.1 "));
    let port = line.unwrap().split(' ').nth(5).unwrap().parse().unwrap();
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// What a socket has received: all that was sent to it before the gateway has answered somebody else.
fn received(socket: &UdpSocket) -> Vec<Vec<u8>> {
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2048];
    let mut all = Vec::new();
    while let Ok(size) = socket.recv(&mut buffer) {
        all.push(buffer[..size].to_vec());
    }
    all
}

#[test]
fn a_viewer_that_uses_relays_alone_plays() {
    for channel in [Some(0x4000), None] {
        let site = Site::new(true);
        let (mut viewer, response) = site.watch(channel);
        assert!(viewer.run_till(LONG, has_frames(60)), "{channel:?}");
        assert_eq!(viewer.viewer.undecryptable, 0);
        let info = site.gateway.session_info(response.session).unwrap();
        assert_eq!(info.state, SessionState::Connected);
        assert_eq!(info.protocol, Some(Protocol::TurnUdp));
        assert_eq!(
            info.remote.map(|at| at.port()),
            Some(viewer.local_addr().port())
        );
        assert_eq!(site.counter("relays_allocated"), 1);
        assert_eq!(site.counter("relay_requests_refused"), 0);
        let state = site.gateway.state_json().unwrap();
        assert!(state.contains("\"protocol\":\"turn-udp\""), "{state}");
        // It ends what it has allocated, and there is nothing more.
        let request = viewer.client.refresh(0);
        assert_eq!(viewer.ask(&request).0, Said::Success(METHOD_REFRESH));
        let before = frames(&viewer.viewer);
        viewer.run_till(Duration::from_millis(300), has_frames(before + 5));
        assert!(frames(&viewer.viewer) <= before + 1);
        let request = viewer.client.refresh(600);
        assert_eq!(viewer.ask(&request).0, Said::Error(METHOD_REFRESH, 437));
    }
}

#[test]
fn nothing_is_relayed_to_others_over_udp() {
    let site = Site::new(true);
    let elsewhere = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (mut viewer, _) = site.watch(None);
    let own = viewer.peer.unwrap();
    let others = [
        elsewhere.local_addr().unwrap(),
        SocketAddr::from(([192, 0, 2, 1], 9)),
        SocketAddr::from(([127, 0, 0, 2], own.port())),
        viewer.relayed.unwrap(),
    ];
    for (i, other) in others.into_iter().enumerate() {
        let request = viewer.client.bind(0x4100 + i as u16, other);
        let said = viewer.ask(&request).0;
        assert_eq!(said, Said::Error(METHOD_CHANNEL_BIND, 403), "{other}");
        let request = viewer.client.permit(&[other]);
        // Permissions are for an address of ours, of which one port is used.
        let said = viewer.ask(&request).0;
        let granted = said == Said::Success(METHOD_CREATE_PERMISSION);
        let ours = other.ip() == own.ip() || other == viewer.relayed.unwrap();
        assert_eq!(granted, ours, "{other}: {said:?}");
        let indication = viewer.client.send(other, b"to others");
        viewer.write(&indication);
    }
    // What was sent before it has arrived, so all has been handled.
    let request = viewer.client.refresh(600);
    assert_eq!(viewer.ask(&request).0, Said::Success(METHOD_REFRESH));
    assert!(received(&elsewhere).is_empty());
    assert_eq!(site.counter("relay_requests_refused"), 6);
    let before = frames(&viewer.viewer);
    assert!(viewer.run_till(LONG, has_frames(before + 25)));
}

#[test]
fn who_shows_no_credentials_is_answered_with_a_few_bytes_and_who_has_others_with_nothing() {
    let site = Site::new(true);
    let offered = site.offer();
    let (at, good) = (offered.at, offered.client.clone());
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.set_read_timeout(Some(LONG)).unwrap();
    let ask = |client: &mut TurnClient, request: &[u8]| {
        let mut buffer = [0; 2048];
        stranger.send_to(request, at).unwrap();
        let size = stranger.recv(&mut buffer).unwrap();
        (client.hear(&buffer[..size]), size)
    };
    let mut nobody = TurnClient::default();
    let request = nobody.allocate();
    let (said, size) = ask(&mut nobody, &request);
    assert_eq!(said, Said::Error(METHOD_ALLOCATE, 401));
    assert!(size <= 2 * request.len(), "{size} for {}", request.len());
    // A nonce that somebody else was given is of no use, nor is one without the password.
    let (mut viewer, _) = offered.relays();
    let mut theirs = viewer.client.clone();
    let request = viewer.client.allocate();
    assert_eq!(viewer.ask(&request).0, Said::Error(METHOD_ALLOCATE, 401));
    theirs.nonce.clone_from(&viewer.client.nonce);
    let request = theirs.allocate();
    assert_eq!(
        ask(&mut theirs, &request).0,
        Said::Error(METHOD_ALLOCATE, 438)
    );
    let mut wrong = TurnClient::new(&good.username, "wrong");
    for _ in 0..2 {
        let request = wrong.allocate();
        assert_eq!(
            ask(&mut wrong, &request).0,
            Said::Error(METHOD_ALLOCATE, 401)
        );
    }
    // Without an allocation there is nothing to send to, and nobody is told so.
    let indication = good.clone().send(at, b"hello");
    stranger.send_to(&indication, at).unwrap();
    stranger.send_to(&[0x40, 0, 0, 1, 9, 0, 0, 0], at).unwrap();
    // What names no session of ours leads to nothing.
    let mut nowhere = TurnClient::new("99999999999:00ffffff", "x");
    nowhere.nonce.clone_from(&viewer.client.nonce);
    stranger.send_to(&nowhere.allocate(), at).unwrap();
    let request = viewer.client.allocate();
    assert_eq!(viewer.ask(&request).0, Said::Success(METHOD_ALLOCATE));
    assert!(received(&stranger).is_empty());
    assert_eq!(site.counter("relays_allocated"), 1);
}

#[test]
fn a_session_has_so_many_relays_and_those_in_use_stay() {
    let site = Site::new(true);
    let (mut viewer, _) = site.watch(Some(0x4000));
    let peer = viewer.peer.unwrap();
    let others: Vec<RelayViewer> = (0..RELAYS + 3)
        .map(|_| {
            let config = ViewerConfig::chromium();
            let mut client = viewer.client.clone();
            client.nonce = None;
            let mut other = RelayViewer::over_udp(Viewer::over_tcp(config), client, peer);
            other.allocate(peer, None);
            // It is not refused although all of those before it are paths of the session.
            assert!(other.is_a_path_of(&mut viewer.viewer));
            viewer.run_till(Duration::from_millis(1), |_| false);
            other
        })
        .collect();
    assert_eq!(site.counter("relays_allocated"), others.len() as u64 + 1);
    let kept = others.into_iter().map(|mut other| {
        let request = other.client.refresh(600);
        other.ask(&request).0 == Said::Success(METHOD_REFRESH)
    });
    // The one that media goes by, and the latest of the others.
    let kept: Vec<bool> = kept.collect();
    assert_eq!(kept.iter().filter(|kept| **kept).count(), RELAYS - 1);
    assert!(kept[RELAYS + 2] && !kept[0]);
    let request = viewer.client.refresh(600);
    assert_eq!(viewer.ask(&request).0, Said::Success(METHOD_REFRESH));
    let before = frames(&viewer.viewer);
    assert!(viewer.run_till(LONG, has_frames(before + 25)));
}

#[test]
fn credentials_of_a_session_open_no_relay_of_the_next_at_its_place() {
    let site = Site::of(true, 1);
    let (former, response) = site.watch(Some(0x4000));
    site.gateway.close_session(response.session).unwrap();
    wait_for("the end", || site.gateway.sessions().unwrap().is_empty());
    let (mut viewer, _) = site.watch(Some(0x4000));
    let place = |client: &TurnClient| client.username.split_once(':').unwrap().1[..8].to_owned();
    assert_eq!(place(&former.client), place(&viewer.client));
    let mut client = former.client.clone();
    client.nonce = None;
    let other = Viewer::over_tcp(ViewerConfig::chromium());
    let mut other = RelayViewer::over_udp(other, client, viewer.peer.unwrap());
    for _ in 0..2 {
        let request = other.client.allocate();
        assert_eq!(other.ask(&request).0, Said::Error(METHOD_ALLOCATE, 401));
    }
    assert_eq!(site.counter("relays_allocated"), 2);
    assert_eq!(site.counter("relay_requests_refused"), 1);
    let before = frames(&viewer.viewer);
    assert!(viewer.run_till(LONG, has_frames(before + 25)));
}

#[test]
fn a_relay_ends_with_its_session() {
    // One worker, which handles what comes in the order in which it comes.
    let site = Site::of(true, 1);
    let (mut viewer, response) = site.watch(Some(0x4000));
    site.gateway.close_session(response.session).unwrap();
    wait_for("the end", || site.gateway.sessions().unwrap().is_empty());
    // Nothing is said of a session that is gone: of two requests from one place, the one that names none is answered.
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.set_read_timeout(Some(LONG)).unwrap();
    let mut nobody = TurnClient::default();
    for request in [viewer.client.refresh(600), nobody.allocate()] {
        stranger.send_to(&request, viewer.peer.unwrap()).unwrap();
    }
    let mut buffer = [0; 2048];
    let size = stranger.recv(&mut buffer).unwrap();
    let said = nobody.hear(&buffer[..size]);
    assert_eq!(said, Said::Error(METHOD_ALLOCATE, 401));
    assert!(received(&stranger).is_empty());
}

#[test]
fn without_turn_nothing_answers_it_over_udp() {
    let site = Site::new(false);
    let (_, response) = watch(&site.gateway, "cam");
    assert!(response.headers.iter().all(|(name, _)| *name != "Link"));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = loopback(&response.body);
    let mut client = TurnClient::new("1:0000000000000000", "x");
    for bytes in [
        client.allocate(),
        client.send(at, b"hello"),
        vec![0x40, 0, 0, 1, 9, 0, 0, 0],
        vec![
            0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
        ],
    ] {
        socket.send_to(&bytes, at).unwrap();
    }
    // Another viewer gets in behind them.
    watch(&site.gateway, "cam");
    assert!(received(&socket).is_empty());
}
