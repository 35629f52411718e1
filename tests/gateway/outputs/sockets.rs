//! Each session of an output has a socket to itself: servers with one UDP port tell sessions apart by where they come
//! from. It is closed when the session ends.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use tokio::net::UdpSocket;

use super::*;

/// What a media server with one UDP port knows of its sessions, as those that are made with pion (`UDPMux`) have it.
#[derive(Default)]
struct Known {
    /// By the server's own ufrag: where the stack of the session is, and what stands for the client before it.
    by_ufrag: HashMap<String, (SocketAddr, Arc<UdpSocket>)>,
    /// Where a session was first heard from stays its own.
    by_source: HashMap<SocketAddr, (SocketAddr, Arc<UdpSocket>)>,
}

/// One UDP port for all sessions.
struct Port {
    socket: Arc<UdpSocket>,
    known: Arc<Mutex<Known>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for Port {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn loopback() -> Arc<UdpSocket> {
    Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap())
}

/// The first part of the USERNAME of a STUN request.
fn ufrag(datagram: &[u8]) -> Option<String> {
    let mut rest = datagram.strip_prefix(&[0, 1])?.get(18..)?;
    while let [k0, k1, l0, l1, value @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        if [*k0, *k1] == [0, 6] {
            let name = std::str::from_utf8(value.get(..length)?).ok()?;
            return Some(name.split_once(':')?.0.to_owned());
        }
        rest = value.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// What follows this in the first line that begins so.
fn after<'a>(sdp: &'a str, start: &str) -> &'a str {
    let mut lines = sdp.lines();
    lines.find_map(|line| line.strip_prefix(start)).unwrap()
}

impl Port {
    async fn open() -> Port {
        let socket = loopback().await;
        let known = Arc::new(Mutex::new(Known::default()));
        let (port, sessions) = (Arc::clone(&socket), Arc::clone(&known));
        let task = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            loop {
                let (length, from) = port.recv_from(&mut buffer).await.unwrap();
                let datagram = &buffer[..length];
                let session = {
                    let known = &mut *sessions.lock().unwrap();
                    if let Some(name) = ufrag(datagram)
                        && !known.by_source.contains_key(&from)
                        && let Some(session) = known.by_ufrag.get(&name).cloned()
                    {
                        // The way back.
                        tokio::spawn(pass_back(Arc::clone(&session.1), Arc::clone(&port), from));
                        known.by_source.insert(from, session);
                    }
                    known.by_source.get(&from).cloned()
                };
                if let Some((stack, client)) = session {
                    let _ = client.send_to(datagram, stack).await;
                }
            }
        });
        Port {
            socket,
            known,
            tasks: vec![task],
        }
    }

    /// Takes in a session, whose answer this is; returns the answer with the one port.
    async fn take_in(&mut self, answer: &str) -> String {
        let candidate = answer
            .lines()
            .find(|line| line.starts_with("a=candidate:") && line.contains(" 127.0.0.1 "))
            .unwrap();
        let words: Vec<&str> = candidate.split(' ').collect();
        let stack = SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap());
        let session = (stack, loopback().await);
        let name = after(answer, "a=ice-ufrag:").to_owned();
        self.known.lock().unwrap().by_ufrag.insert(name, session);
        let port = self.socket.local_addr().unwrap().port();
        answer.replace(&format!(" {} typ", stack.port()), &format!(" {port} typ"))
    }
}

/// What a stack sends to its client leaves from the one port.
async fn pass_back(client: Arc<UdpSocket>, port: Arc<UdpSocket>, to: SocketAddr) {
    let mut buffer = [0; 4096];
    while let Ok((length, _)) = client.recv_from(&mut buffer).await {
        let _ = port.send_to(&buffer[..length], to).await;
    }
}

/// The UDP ports of the candidates.
fn ports(sdp: &str) -> Vec<u16> {
    let candidates = sdp.lines().filter(|line| line.starts_with("a=candidate:"));
    let words = candidates.map(|line| line.split(' ').collect::<Vec<_>>());
    let udp = words.filter(|words| words[2].eq_ignore_ascii_case("udp"));
    udp.map(|words| words[5].parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_outputs_reach_a_server_that_has_one_port() {
    let served = CameraServer::start(vec![
        CameraConfig::new("door").audio(Some(Audio::Pcmu)),
        CameraConfig::new("yard").audio(Some(Audio::Pcmu)),
    ])
    .unwrap();
    let gateway = Arc::new(Gateway::new(Config::default()).unwrap());
    let mut port = Port::open().await;
    let mut sessions = Vec::new();
    for name in ["door", "yard"] {
        let stream = gateway.add_stream(name, pull(served.url(name))).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/whip", listener.local_addr().unwrap());
        let output = gateway.add_output(stream, &options(url)).unwrap();
        let (mut http, asked) = accept(&listener, "POST").await;
        // It only answers, so that the one port is the only way.
        let offer: String = asked
            .body
            .split_inclusive('\n')
            .filter(|line| !line.starts_with("a=candidate:"))
            .collect();
        let (connection, news, sdp) = ingest(&offer, RTCDtlsRole::Client).await;
        answer(&mut http, &port.take_in(&sdp).await).await;
        sessions.push((output, connection, news, ports(&asked.body)));
    }
    let [first, second] = [&sessions[0].3, &sessions[1].3];
    assert!(!first.is_empty() && first.iter().all(|port| port == &first[0]));
    assert_ne!(first[0], second[0]);
    for (output, _, news, _) in &mut sessions {
        hears(news).await;
        let info = until(&gateway, *output, "live", |info| {
            info.state == OutputState::Live
        })
        .await;
        assert_eq!(info.connections, 1);
    }
    // Media goes to the one port in both.
    let remotes: Vec<_> = sessions
        .iter()
        .map(|(output, ..)| {
            let session = gateway.output_info(*output).unwrap().session.unwrap();
            gateway.session_info(session).unwrap().remote
        })
        .collect();
    let expected = port.socket.local_addr().unwrap();
    assert_eq!(remotes, [Some(expected), Some(expected)]);
    for (_, connection, ..) in sessions {
        connection.close().await.unwrap();
    }
    shut_down(gateway).await;
}

/// Whether nobody has this port.
fn is_free(port: u16) -> bool {
    let any: [IpAddr; 2] = [
        Ipv6Addr::UNSPECIFIED.into(),
        std::net::Ipv4Addr::UNSPECIFIED.into(),
    ];
    let taken = std::io::ErrorKind::AddrInUse;
    // A host without IPv6 fails in another way.
    any.iter().all(|&ip| {
        std::net::UdpSocket::bind((ip, port)).map_or_else(|e| e.kind() != taken, |_| true)
    })
}

async fn is_closed(port: u16, why: &str) {
    let deadline = Instant::now() + LONG;
    while !is_free(port) {
        assert!(Instant::now() < deadline, "{why}: {port}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_is_closed_however_its_session_ends() {
    let served = cameras(&["cam"]);
    let gateway = Arc::new(Gateway::new(Config::default()).unwrap());
    let mut last = None;
    for why in ["removed", "refused", "closed", "stream", "live", "gateway"] {
        let name = format!("cam-{why}");
        let stream = gateway.add_stream(&name, pull(served.url("cam"))).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/whip", listener.local_addr().unwrap());
        let output = gateway.add_output(stream, &options(url)).unwrap();
        let (mut http, asked) = accept(&listener, "POST").await;
        let port = ports(&asked.body)[0];
        assert!(!is_free(port), "{why}");
        match why {
            "removed" => gateway.remove_output(output).unwrap(),
            "refused" => {
                let refusal = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
                http.write_all(refusal).await.unwrap();
            }
            "closed" => {
                let session = gateway.sessions().unwrap()[0];
                gateway.close_session(session).unwrap();
            }
            "stream" => gateway.remove_stream(stream).unwrap(),
            "live" => {
                let (connection, _news, sdp) = ingest(&asked.body, RTCDtlsRole::Client).await;
                answer(&mut http, &sdp).await;
                let live = |info: &OutputInfo| info.state == OutputState::Live;
                until(&gateway, output, why, live).await;
                assert!(!is_free(port));
                connection.close().await.unwrap();
            }
            _ => {
                last = Some(port);
                continue;
            }
        }
        is_closed(port, why).await;
        let _ = gateway.remove_stream(stream);
    }
    shut_down(gateway).await;
    is_closed(last.unwrap(), "gateway").await;
}
