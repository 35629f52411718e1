//! Viewers whose network lets nothing but HTTPS pass: media by the relay on the port of the listener.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rtsp_webrtc_gateway::config::{Config, HttpOptions, TlsIdentity};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{Protocol, SessionState};
use rtsp_webrtc_gateway::tuning::Key;
use socket2::{Domain, Socket, Type};
use testkit::camera::CameraServer;
use testkit::viewer::turn::{
    METHOD_ALLOCATE, METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_REFRESH, RelayViewer,
    Said, TurnClient,
};
use testkit::viewer::{TcpViewer, Viewer, ViewerConfig};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::common::{LONG, cameras, frames, has_frames, post, pull, wait_for};

/// A gateway with a camera and a listener that takes media.
struct Site {
    gateway: Gateway,
    listener: SocketAddr,
    certificate: Option<String>,
    _camera: CameraServer,
}

/// What a listener answered an offer with; of its links, those that name ICE servers.
struct Answer {
    sdp: String,
    links: Vec<String>,
}

impl Site {
    fn new(tls: bool, turn: bool) -> Site {
        let camera = cameras(&["cam"]);
        let gateway = Gateway::new(Config {
            turn,
            tuning: vec![(Key::MaxWorkerLoadPercent, 0), (Key::WorkerThreads, 2)],
            ..Config::default()
        })
        .unwrap();
        gateway.add_stream("cam", pull(camera.url("cam"))).unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = tls.then(|| made.cert.pem());
        let listener = gateway
            .listen_http(HttpOptions {
                address: SocketAddr::from(([127, 0, 0, 1], 0)),
                tls: certificate.as_ref().map(|certificate| TlsIdentity {
                    certificates: certificate.clone().into(),
                    private_key: made.signing_key.serialize_pem().into(),
                }),
                media: true,
                ..HttpOptions::default()
            })
            .unwrap();
        Site {
            gateway,
            listener,
            certificate,
            _camera: camera,
        }
    }

    fn tls(&self, socket: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        let certificate = self.certificate.as_ref().unwrap();
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        roots.add(certificate).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        StreamOwned::new(
            ClientConnection::new(Arc::new(config), name).unwrap(),
            socket,
        )
    }

    /// Posts an offer over HTTP.
    fn post(&self, offer: &str) -> Answer {
        let socket = TcpStream::connect(self.listener).unwrap();
        let request = format!(
            "POST /cam/whep HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{offer}",
            self.listener.port(),
            offer.len()
        );
        let mut response = Vec::new();
        if self.certificate.is_some() {
            let mut stream = self.tls(socket);
            stream.write_all(request.as_bytes()).unwrap();
            let _ = stream.read_to_end(&mut response);
        } else {
            let mut stream = socket;
            stream.write_all(request.as_bytes()).unwrap();
            let _ = stream.read_to_end(&mut response);
        }
        let response = String::from_utf8(response).unwrap();
        let (head, sdp) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 201 "), "{head}");
        let links = head.lines().filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            let names_server = value.contains("rel=\"ice-server\"");
            (name.eq_ignore_ascii_case("Link") && names_server).then(|| value.to_owned())
        });
        Answer {
            links: links.collect(),
            sdp: sdp.to_owned(),
        }
    }

    /// The gateway's address for UDP on the loopback interface, which nobody here sends to.
    fn peer(answer: &str) -> SocketAddr {
        let mut lines = answer.lines();
        let line = lines.find(|line| line.contains(" udp ") && line.contains(" 127.0.0.1 "));
        let port = line.unwrap().split(' ').nth(5).unwrap().parse().unwrap();
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// A viewer with the credentials of its answer, connected to the listener.
    fn offered(&self) -> (RelayViewer, Answer) {
        let viewer = Viewer::over_tcp(ViewerConfig::chromium());
        let answer = self.post(&viewer.offer());
        let [udp, link] = &answer.links[..] else {
            panic!("{:?}", answer.links);
        };
        let (url, client) = TurnClient::of_link(link).unwrap();
        let (udp, same) = TurnClient::of_link(udp).unwrap();
        let media = Site::peer(&answer.sdp).port();
        assert_eq!(udp, format!("turn:localhost:{media}?transport=udp"));
        assert_eq!(
            (same.username, same.password),
            (client.username.clone(), client.password.clone())
        );
        let scheme = if self.certificate.is_some() {
            "turns"
        } else {
            "turn"
        };
        let port = self.listener.port();
        assert_eq!(url, format!("{scheme}:localhost:{port}?transport=tcp"));
        (self.connect(viewer, client), answer)
    }

    fn connect(&self, viewer: Viewer, client: TurnClient) -> RelayViewer {
        let socket = TcpStream::connect(self.listener).unwrap();
        self.speak(viewer, client, socket)
    }

    fn speak(&self, viewer: Viewer, client: TurnClient, socket: TcpStream) -> RelayViewer {
        socket.set_nodelay(true).unwrap();
        let below = socket.try_clone().unwrap();
        match self.certificate {
            Some(_) => RelayViewer::new(viewer, client, self.tls(socket), below),
            None => RelayViewer::new(viewer, client, socket, below),
        }
    }

    /// One that has the first video frame.
    fn watch(&self, channel: Option<u16>) -> RelayViewer {
        let (mut viewer, answer) = self.offered();
        viewer.allocate(Site::peer(&answer.sdp), channel);
        viewer.accept(&answer.sdp);
        assert!(viewer.run_till(LONG, has_frames(1)), "no video frame");
        viewer
    }

    fn counter(&self, name: &str) -> u64 {
        let metrics = self.gateway.metrics().unwrap();
        let name = format!("rtsp_webrtc_gateway_{name}_total ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap().parse().unwrap()
    }
}

#[test]
fn a_viewer_behind_a_firewall_that_passes_https_alone_plays() {
    for (tls, channel, protocol) in [
        (true, Some(0x4000), Protocol::TurnTls),
        (true, None, Protocol::TurnTls),
        (false, Some(0x4fff), Protocol::TurnTcp),
        (false, None, Protocol::TurnTcp),
    ] {
        let site = Site::new(tls, true);
        let mut viewer = site.watch(channel);
        assert!(viewer.run_till(LONG, has_frames(60)), "{protocol:?}");
        assert_eq!(viewer.viewer.video.lost(), 0);
        assert_eq!(viewer.viewer.undecryptable, 0);
        let session = site.gateway.sessions().unwrap()[0];
        let info = site.gateway.session_info(session).unwrap();
        assert_eq!(info.state, SessionState::Connected);
        assert_eq!(info.protocol, Some(protocol));
        assert_eq!((info.skips, info.overflows), (0, 0));
        assert_eq!(site.counter("relays_allocated"), 1);
        assert_eq!(site.counter("relay_requests_refused"), 0);
        assert_eq!(site.counter("connections_strange"), 0);
        let state = site.gateway.state_json().unwrap();
        assert!(state.contains(&format!("\"protocol\":\"{}\"", protocol.name())));
        // The port goes on to serve HTTP.
        site.post(&Viewer::over_tcp(ViewerConfig::chromium()).offer());
        // It ends what it has allocated.
        let request = viewer.client.refresh(0);
        assert_eq!(viewer.ask(&request).0, Said::Success(METHOD_REFRESH));
        assert!(!viewer.run_till(LONG, |_| false) && viewer.ended);
    }
}

#[test]
fn a_viewer_that_reads_slowly_over_tls_loses_whole_gops() {
    let site = Site::new(true, true);
    let viewer = Viewer::over_tcp(ViewerConfig::chromium());
    let answer = site.post(&viewer.offer());
    let (_, client) = TurnClient::of_link(&answer.links[0]).unwrap();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&site.listener.into()).unwrap();
    let mut slow = site.speak(viewer, client, socket.into());
    slow.allocate(Site::peer(&answer.sdp), Some(0x4000));
    slow.accept(&answer.sdp);
    assert!(slow.run_till(LONG, has_frames(1)), "no video frame");
    let mut other = site.watch(None);
    let session = site.gateway.sessions().unwrap()[0];
    let info = || site.gateway.session_info(session).unwrap();
    wait_for("frames that are left out", || {
        other.run_till(Duration::from_millis(20), |_| false);
        slow.run_slowly(300);
        info().skips + info().overflows > 0
    });
    assert_eq!(other.viewer.video.lost(), 0);
    // What was left out is no gap: the viewer goes on at a keyframe.
    let before = frames(&slow.viewer);
    assert!(slow.run_till(LONG, has_frames(before + 60)));
    assert_eq!(
        (slow.viewer.video.lost(), slow.viewer.undecryptable),
        (0, 0)
    );
    assert_eq!(info().state, SessionState::Connected);
}

#[test]
fn ice_tcp_shares_the_port_of_http_and_of_https() {
    for tls in [false, true] {
        let site = Site::new(tls, false);
        let mut viewer = TcpViewer::new(ViewerConfig::chromium());
        let answer = site.post(&viewer.viewer.offer());
        assert_eq!(answer.links, [""; 0], "there is no relay");
        let candidate = TcpViewer::candidate(&answer.sdp).unwrap();
        assert_eq!(candidate, site.listener);
        viewer.accept(&answer.sdp);
        assert!(viewer.run_till(LONG, has_frames(30)), "tls: {tls}");
        let session = site.gateway.sessions().unwrap()[0];
        let info = site.gateway.session_info(session).unwrap();
        assert_eq!(info.protocol, Some(Protocol::Tcp));
    }
}

#[test]
fn what_comes_in_one_record_with_the_request_is_heard_at_once() {
    let site = Site::new(true, true);
    let (mut viewer, answer) = site.offered();
    let request = viewer.client.allocate();
    assert_eq!(viewer.ask(&request).0, Said::Error(METHOD_ALLOCATE, 401));
    let mut bytes = viewer.client.allocate();
    let peer = Site::peer(&answer.sdp);
    for _ in 0..20 {
        bytes.extend(viewer.client.send(peer, &[200; 400]));
    }
    let last = viewer.client.refresh(600);
    bytes.extend_from_slice(&last);
    viewer.write(&bytes);
    // Nothing else comes that would wake anybody.
    assert_eq!(viewer.response(&last).0, Said::Success(METHOD_REFRESH));
}

#[test]
fn the_media_port_relays_for_hosts_with_a_web_server_of_their_own() {
    let camera = cameras(&["cam"]);
    let gateway = Gateway::new(Config {
        ice_tcp: true,
        turn: true,
        ..Config::default()
    })
    .unwrap();
    gateway.add_stream("cam", pull(camera.url("cam"))).unwrap();
    let viewer = Viewer::over_tcp(ViewerConfig::chromium());
    let response = post(&gateway, "cam", &viewer.offer()).unwrap();
    let links = response.headers.iter().filter(|(name, _)| *name == "Link");
    let mut links = links.map(|(_, link)| link);
    let link = links.find(|link| link.contains("transport=tcp")).unwrap();
    let (url, client) = TurnClient::of_link(link).unwrap();
    let address = url.strip_prefix("turn:").unwrap();
    let address = address.strip_suffix("?transport=tcp").unwrap();
    let address: SocketAddr = address.parse().unwrap();
    assert_eq!(
        address.port(),
        TcpViewer::candidate(&response.body).unwrap().port()
    );
    let socket = TcpStream::connect(address).unwrap();
    let below = socket.try_clone().unwrap();
    let mut viewer = RelayViewer::new(viewer, client, socket, below);
    viewer.allocate(Site::peer(&response.body), Some(0x4000));
    viewer.accept(&response.body);
    assert!(viewer.run_till(LONG, has_frames(30)), "no video");
    let info = gateway.session_info(response.session).unwrap();
    assert_eq!(info.protocol, Some(Protocol::TurnTcp));
    assert_eq!(info.remote, Some(viewer.local_addr()));
}

#[test]
fn nothing_is_relayed_to_others() {
    let site = Site::new(true, true);
    let elsewhere = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let elsewhere_tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere_tcp.set_nonblocking(true).unwrap();
    let mut viewer = site.watch(None);
    let others = [
        elsewhere.local_addr().unwrap(),
        elsewhere_tcp.local_addr().unwrap(),
        SocketAddr::from(([192, 0, 2, 1], 9)),
        SocketAddr::from(([127, 0, 0, 2], viewer.peer.unwrap().port())),
        site.listener,
    ];
    for (i, other) in others.into_iter().enumerate() {
        let request = viewer.client.bind(0x4100 + i as u16, other);
        let said = viewer.ask(&request).0;
        assert_eq!(said, Said::Error(METHOD_CHANNEL_BIND, 403), "{other}");
        let ours = other.ip() == viewer.peer.unwrap().ip();
        let request = viewer.client.permit(&[other]);
        let said = viewer.ask(&request).0;
        match ours {
            // For the address, of which one port is used.
            true => assert_eq!(said, Said::Success(METHOD_CREATE_PERMISSION)),
            false => assert_eq!(said, Said::Error(METHOD_CREATE_PERMISSION, 403), "{other}"),
        }
        let indication = viewer.client.send(other, b"to others");
        viewer.write(&indication);
    }
    // What was sent after it has arrived, so all has been handled.
    let request = viewer.client.refresh(600);
    assert_eq!(viewer.ask(&request).0, Said::Success(METHOD_REFRESH));
    elsewhere.set_nonblocking(true).unwrap();
    assert!(elsewhere.recv(&mut [0; 100]).is_err());
    assert!(elsewhere_tcp.accept().is_err());
    assert_eq!(site.counter("relay_requests_refused"), 7);
    // The viewer goes on all the while.
    let before = frames(&viewer.viewer);
    assert!(viewer.run_till(LONG, has_frames(before + 25)));
    assert_eq!(viewer.viewer.video.lost(), 0);
}

#[test]
fn credentials_that_are_not_of_this_gateway_get_nothing() {
    let site = Site::new(true, true);
    let (viewer, _) = site.offered();
    let good = viewer.client;
    for (username, password) in [
        (good.username.as_str(), "wrong"),
        ("1:0000000000000000", good.password.as_str()),
        ("99999999999:0000000000000000", "x"),
    ] {
        let client = TurnClient::new(username, password);
        let mut viewer = site.connect(Viewer::over_tcp(ViewerConfig::chromium()), client);
        for _ in 0..3 {
            let request = viewer.client.allocate();
            assert_eq!(viewer.ask(&request).0, Said::Error(METHOD_ALLOCATE, 401));
        }
    }
    // Nobody is told whether there is such a session: the connection ends.
    let client = TurnClient::new("99999999999:00ffffff", "x");
    let mut stranger = site.connect(Viewer::over_tcp(ViewerConfig::chromium()), client);
    let request = stranger.client.allocate();
    assert_eq!(stranger.ask(&request).0, Said::Error(METHOD_ALLOCATE, 401));
    let request = stranger.client.allocate();
    assert_eq!(stranger.ask(&request).0, Said::Nothing);
    assert!(stranger.ended);
    // With the right ones, all goes on.
    site.watch(Some(0x4000));
}

#[test]
fn an_allocation_that_brings_no_authentic_check_ends_in_time() {
    let site = Site::new(true, true);
    let (mut viewer, answer) = site.offered();
    viewer.allocate(Site::peer(&answer.sdp), Some(0x4000));
    let strangers = site.counter("connections_strange");
    let begun = std::time::Instant::now();
    // It asks for more time all the while.
    while !viewer.ended && begun.elapsed() < LONG {
        let request = viewer.client.refresh(3600);
        viewer.ask(&request);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(viewer.ended);
    wait_for("the count", || {
        site.counter("connections_strange") > strangers
    });
}

#[test]
fn without_turn_nothing_answers_it() {
    let site = Site::new(false, false);
    let client = TurnClient::new("1:0000000000000000", "x");
    let mut viewer = site.connect(Viewer::over_tcp(ViewerConfig::chromium()), client);
    let request = viewer.client.allocate();
    assert_eq!(viewer.ask(&request).0, Said::Nothing);
    assert!(viewer.ended);
}
