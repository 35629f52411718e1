//! Streams that are sent to media servers by WHIP: a foreign WebRTC stack behind a small HTTP server, and servers that say no.

mod sockets;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ::aws_lc_rs::digest::{SHA256, digest};
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtsp_webrtc_gateway::config::{Config, OutputOptions, PullOptions};
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::events::{Events, OutputEvent, QualityEvent, SessionEvent};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{OutputId, OutputInfo, OutputState, QualityReason, StreamState};
use rtsp_webrtc_gateway::tuning::Key;
use testkit::camera::{Audio, CameraConfig, CameraServer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use webrtc::peer_connection::{PeerConnection, RTCSessionDescription, SettingEngineBuilder};

use crate::common::{LONG, cameras, chromium, post, pull, tuned, watch};
use crate::webrtc_stack::{News, connection, gathered};

/// Answers an offer as a media server does.
async fn ingest(
    offer: &str,
    role: RTCDtlsRole,
) -> (
    Box<dyn PeerConnection>,
    mpsc::UnboundedReceiver<News>,
    String,
) {
    let settings = SettingEngineBuilder::new().with_answering_dtls_role(role);
    let (connection, mut receiver) = connection(settings).await;
    let description = RTCSessionDescription::offer(offer.to_owned()).unwrap();
    connection
        .set_remote_description(description)
        .await
        .unwrap();
    let answer = connection.create_answer(None).await.unwrap();
    let sdp = gathered(&connection, answer, &mut receiver).await;
    (Box::new(connection), receiver, sdp)
}

/// A request as it came.
#[derive(Clone, Debug)]
struct Asked {
    method: String,
    path: String,
    headers: String,
    body: String,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let (first, headers) = head.split_once("\r\n").unwrap_or((&head, ""));
            let mut words = first.split(' ').map(str::to_owned);
            let mut asked = Asked {
                method: words.next()?,
                path: words.next()?,
                headers: headers.to_owned(),
                body: String::new(),
            };
            let length: usize = asked.header("content-length").unwrap_or("0").parse().ok()?;
            if bytes.len() >= end + 4 + length {
                let body = &bytes[end + 4..end + 4 + length];
                asked.body = String::from_utf8_lossy(body).into_owned();
                return Some(asked);
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await.ok()? {
            0 => return None,
            length => bytes.extend_from_slice(&buffer[..length]),
        }
    }
}

/// An HTTP server that gives these answers, then the last one again and again, and tells of the requests.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(answers: &[&str]) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&asked);
        let mut answers: VecDeque<String> =
            answers.iter().map(|answer| (*answer).to_owned()).collect();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(request) = read_request(&mut stream).await else {
                    continue;
                };
                told.lock().unwrap().push(request);
                let answer = match answers.len() {
                    1 => answers[0].clone(),
                    _ => answers.pop_front().unwrap(),
                };
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Server {
            address,
            asked,
            task,
        }
    }

    fn requests(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn options(url: String) -> OutputOptions {
    OutputOptions {
        url,
        bearer_token: Some("secret-token".to_owned()),
        ..OutputOptions::default()
    }
}

/// Waits until the output is like this.
async fn until(
    gateway: &Gateway,
    output: OutputId,
    what: &str,
    like: impl Fn(&OutputInfo) -> bool,
) -> OutputInfo {
    let deadline = Instant::now() + LONG;
    loop {
        let info = gateway.output_info(output).unwrap();
        if like(&info) {
            return info;
        }
        assert!(Instant::now() < deadline, "{what}: {info:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn shut_down(gateway: Arc<Gateway>) {
    let ended = tokio::task::spawn_blocking(move || gateway.shutdown(LONG));
    ended.await.unwrap().unwrap();
}

/// Waits for a request.
async fn accept(listener: &TcpListener, method: &str) -> (TcpStream, Asked) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        if let Some(asked) = read_request(&mut stream).await
            && asked.method == method
        {
            return (stream, asked);
        }
    }
}

async fn answer(stream: &mut TcpStream, sdp: &str) {
    let response = format!(
        "HTTP/1.1 201 Created\r\nContent-Type: application/sdp\r\nLocation: session/7\r\nETag: \"x\"\r\n\
         Link: <stun:stun.example>; rel=\"ice-server\"\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    stream.write_all(response.as_bytes()).await.unwrap();
}

async fn hears(news: &mut mpsc::UnboundedReceiver<News>) {
    let (mut pictures, mut sounds) = (0, 0);
    let deadline = Instant::now() + LONG;
    while pictures < 25 || sounds < 25 {
        let wait = tokio::time::timeout_at(deadline.into(), news.recv());
        let Some(News::Packet(kind, packet)) = wait.await.expect("media") else {
            continue;
        };
        match kind {
            RtpCodecKind::Audio => sounds += 1,
            _ => pictures += u32::from(packet.header.marker),
        }
    }
}

/// An ingest in this role gets the stream, goes away, and gets it again.
async fn is_sent(role: RTCDtlsRole) {
    let served =
        CameraServer::start(vec![CameraConfig::new("cam").audio(Some(Audio::Pcmu))]).unwrap();
    let gateway = Arc::new(Gateway::new(Config::default()).unwrap());
    let camera = PullOptions {
        on_demand: true,
        ..pull(served.url("cam"))
    };
    let stream = gateway.add_stream("cam", camera).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/whip/key?a=b", listener.local_addr().unwrap());
    let output = gateway.add_output(stream, &options(url)).unwrap();
    for round in 1..=2 {
        let (mut http, asked) = accept(&listener, "POST").await;
        assert_eq!(asked.path, "/whip/key?a=b");
        assert_eq!(asked.header("authorization"), Some("Bearer secret-token"));
        assert_eq!(asked.header("content-type"), Some("application/sdp"));
        let (connection, mut news, sdp) = ingest(&asked.body, role).await;
        answer(&mut http, &sdp).await;
        hears(&mut news).await;
        let info = until(&gateway, output, "live", |info| {
            info.state == OutputState::Live
        })
        .await;
        assert_eq!(info.connections, round);
        assert_eq!(info.error, None);
        let session = gateway.session_info(info.session.unwrap()).unwrap();
        assert!(session.packets_sent >= 50);
        if round == 1 {
            // It goes away, and says so.
            connection.close().await.unwrap();
        } else {
            gateway.remove_output(output).unwrap();
            let (_, asked) = accept(&listener, "DELETE").await;
            assert_eq!(asked.path, "/whip/session/7");
            assert_eq!(asked.header("authorization"), Some("Bearer secret-token"));
            assert_eq!(
                gateway.output_info(output).unwrap_err().status(),
                Status::NotFound
            );
            connection.close().await.unwrap();
        }
    }
    // Nobody needs the camera any more.
    let deadline = Instant::now() + LONG;
    while gateway.stream_info(stream).unwrap().state != StreamState::Idle {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    shut_down(gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_passive_gets_the_stream() {
    is_sent(RTCDtlsRole::Server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_active_gets_the_stream() {
    is_sent(RTCDtlsRole::Client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_gets_sound_is_offered_anew() {
    let served = CameraServer::start(vec![
        CameraConfig::new("silent"),
        CameraConfig::new("loud").audio(Some(Audio::Pcmu)),
    ])
    .unwrap();
    let gateway = Arc::new(Gateway::new(Config::default()).unwrap());
    let stream = gateway
        .add_stream("cam", pull(served.url("silent")))
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/whip", listener.local_addr().unwrap());
    let output = gateway.add_output(stream, &options(url)).unwrap();
    let (mut http, asked) = accept(&listener, "POST").await;
    assert!(!asked.body.contains("m=audio"), "{}", asked.body);
    let (first, _news, sdp) = ingest(&asked.body, RTCDtlsRole::Client).await;
    answer(&mut http, &sdp).await;
    let live = |info: &OutputInfo| info.state == OutputState::Live;
    until(&gateway, output, "live", live).await;

    gateway
        .update_stream(stream, pull(served.url("loud")))
        .unwrap();
    let (_, asked) = accept(&listener, "DELETE").await;
    assert_eq!(asked.path, "/session/7");
    let (mut http, asked) = accept(&listener, "POST").await;
    assert!(asked.body.contains("m=audio"), "{}", asked.body);
    let (second, mut news, sdp) = ingest(&asked.body, RTCDtlsRole::Client).await;
    answer(&mut http, &sdp).await;
    hears(&mut news).await;
    for connection in [first, second] {
        connection.close().await.unwrap();
    }
    shut_down(gateway).await;
}

/// What an output comes to that is answered so.
async fn answered(answers: &[&str]) -> (OutputInfo, Vec<Asked>) {
    let served = cameras(&["cam"]);
    let gateway = Arc::new(Gateway::new(Config::default()).unwrap());
    let stream = gateway.add_stream("cam", pull(served.url("cam"))).unwrap();
    let server = Server::start(answers).await;
    let url = format!("http://{}/whip/path-key", server.address);
    let output = gateway.add_output(stream, &options(url)).unwrap();
    let info = until(&gateway, output, "refused", |info| {
        info.state == OutputState::Retrying
    })
    .await;
    let json = tokio::task::spawn_blocking({
        let gateway = Arc::clone(&gateway);
        move || gateway.state_json().unwrap() + &gateway.metrics().unwrap()
    });
    let told = json.await.unwrap();
    assert!(
        !told.contains("secret-token") && !told.contains("path-key"),
        "{told}"
    );
    let counted = "stream_output_failures_total{stream=\"cam\"} 1";
    assert!(told.contains(counted), "{told}");
    shut_down(gateway).await;
    let message = info.error.as_ref().unwrap().message();
    assert!(
        !message.contains("secret") && !message.contains("path-key"),
        "{message}"
    );
    (info, server.requests())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_is_not_asked_again_soon() {
    for (line, status, least) in [
        ("401 Unauthorized", Status::Auth, 40),
        ("403 Forbidden", Status::Auth, 40),
        ("404 Not Found", Status::NotFound, 40),
        ("405 Method Not Allowed", Status::Unsupported, 40),
        ("406 Not Acceptable", Status::Codec, 40),
        ("409 Conflict", Status::AlreadyExists, 0),
        ("422 Unprocessable", Status::Codec, 40),
        ("500 Oops", Status::Ingest, 0),
        ("503 Busy\r\nRetry-After: 90", Status::Limit, 80),
    ] {
        let response = format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n");
        let (info, asked) = answered(&[&response]).await;
        assert_eq!(info.error.unwrap().status(), status, "{line}");
        let wait = info.retry_in.unwrap();
        assert!(wait >= Duration::from_secs(least), "{line}: {wait:?}");
        assert_eq!(asked.len(), 1, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_takes_nothing_is_a_refusal_of_the_codec() {
    let sdp = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
               m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=inactive\r\n";
    let created = format!(
        "HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    let (info, _) = answered(&[&created]).await;
    let error = info.error.unwrap();
    assert_eq!(error.status(), Status::Codec, "{error}");
    assert!(error.message().contains("does not take H264"), "{error}");
    assert!(info.retry_in.unwrap() >= Duration::from_secs(40));
}

/// Counts what the host is told of sessions.
struct Counter(Arc<AtomicUsize>);

impl Events for Counter {
    fn session_state(&self, _: &SessionEvent) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn session_quality(&self, _: &QualityEvent) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_hears_of_no_viewer() {
    let served = cameras(&["cam"]);
    let told = Arc::new(AtomicUsize::new(0));
    let gateway = Gateway::new(Config {
        events: Some(Box::new(Counter(Arc::clone(&told)))),
        ..Config::default()
    });
    let gateway = Arc::new(gateway.unwrap());
    let stream = gateway.add_stream("cam", pull(served.url("cam"))).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/whip", listener.local_addr().unwrap());
    let little = OutputOptions {
        max_bitrate: Some(30_000),
        ..options(url)
    };
    let output = gateway.add_output(stream, &little).unwrap();
    let (mut http, asked) = accept(&listener, "POST").await;
    let (connection, _news, sdp) = ingest(&asked.body, RTCDtlsRole::Client).await;
    answer(&mut http, &sdp).await;
    let live = |info: &OutputInfo| info.state == OutputState::Live;
    let info = until(&gateway, output, "live", live).await;
    let deadline = Instant::now() + LONG;
    loop {
        // That it gets less is known.
        let session = gateway.session_info(info.session.unwrap()).unwrap();
        if session.quality.reason != QualityReason::Nothing {
            break;
        }
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    connection.close().await.unwrap();
    // All that was to be told has been told then.
    shut_down(gateway).await;
    assert_eq!(told.load(Ordering::SeqCst), 0);
}

/// Keeps what the host is told of outputs.
struct Recorder(std::sync::mpsc::Sender<OutputEvent>);

impl Events for Recorder {
    fn output_state(&self, event: &OutputEvent) {
        let _ = self.0.send(event.clone());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_is_told_each_state() {
    use OutputState::{Connecting, Live, Removed, Retrying};
    let served = cameras(&["cam"]);
    let (tell, told) = std::sync::mpsc::channel();
    let gateway = Gateway::new(Config {
        events: Some(Box::new(Recorder(tell))),
        ..Config::default()
    });
    let gateway = Arc::new(gateway.unwrap());
    let stream = gateway.add_stream("cam", pull(served.url("cam"))).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let labeled = OutputOptions {
        label: Some("cloud".to_owned()),
        user_data: 7,
        ..options(format!("{server}/whip/path-key"))
    };
    let output = gateway.add_output(stream, &labeled).unwrap();
    let (mut http, asked) = accept(&listener, "POST").await;
    let (connection, _news, sdp) = ingest(&asked.body, RTCDtlsRole::Client).await;
    answer(&mut http, &sdp).await;
    let live = |info: &OutputInfo| info.state == Live;
    let info = until(&gateway, output, "live", live).await;
    connection.close().await.unwrap();
    // It is offered again, to a server that is gone by then.
    accept(&listener, "DELETE").await;
    drop(listener);
    until(&gateway, output, "gone", |info| info.attempts >= 2).await;
    gateway.remove_output(output).unwrap();
    // All that was to be told has been told then.
    shut_down(gateway).await;

    let told: Vec<OutputEvent> = told.try_iter().collect();
    for event in &told {
        assert_eq!((event.output, event.stream), (output, stream));
        assert_eq!((&*event.stream_name, &*event.server), ("cam", &*server));
        assert_eq!(
            (event.label.as_deref(), event.user_data),
            (Some("cloud"), 7)
        );
        let retrying = event.state == Retrying;
        let of_ingest = event.status == Status::Ingest;
        assert_eq!(
            (of_ingest, !event.message.is_empty()),
            (retrying, retrying),
            "{event:?}"
        );
        assert!(!event.message.contains("path-key"), "{event:?}");
    }
    let states: Vec<_> = told.iter().map(|event| event.state).collect();
    assert!(
        states.starts_with(&[Connecting, Live, Retrying, Connecting]),
        "{states:?}"
    );
    assert!(states.ends_with(&[Removed]), "{states:?}");
    let removed = states.iter().filter(|&&state| state == Removed);
    assert_eq!(removed.count(), 1);
    assert_eq!((told[1].session, told[2].session), (info.session, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_takes_no_place_of_a_viewer() {
    let served = cameras(&["cam"]);
    let gateway = Arc::new(tuned(&[(Key::MaxSessionsPerStream, 1)]));
    let stream = gateway.add_stream("cam", pull(served.url("cam"))).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/whip", listener.local_addr().unwrap());
    // One before the viewer, and one after it.
    let mut connections = Vec::new();
    let mut watching = None;
    for viewers in 0..2 {
        let output = gateway.add_output(stream, &options(url.clone())).unwrap();
        let (mut http, asked) = accept(&listener, "POST").await;
        let (connection, news, sdp) = ingest(&asked.body, RTCDtlsRole::Client).await;
        answer(&mut http, &sdp).await;
        let live = |info: &OutputInfo| info.state == OutputState::Live;
        until(&gateway, output, "live", live).await;
        connections.push((connection, news));
        assert_eq!(gateway.connected_viewers(), Ok(viewers));
        if viewers == 0 {
            let gateway = Arc::clone(&gateway);
            let watched = tokio::task::spawn_blocking(move || {
                let viewer = watch(&gateway, "cam");
                let full = post(&gateway, "cam", &chromium().viewer.offer()).unwrap_err();
                assert_eq!(full.status(), Status::Limit);
                viewer
            });
            watching = Some(watched.await.unwrap());
        }
    }
    drop(watching);
    for (connection, _) in connections {
        connection.close().await.unwrap();
    }
    shut_down(gateway).await;
}

/// A gateway with an output whose server has been asked, and has not answered yet.
async fn asked() -> (Arc<Gateway>, OutputId, TcpListener, TcpStream, CameraServer) {
    let served = cameras(&["cam"]);
    let gateway = Arc::new(Gateway::new(Config::default()).unwrap());
    let stream = gateway.add_stream("cam", pull(served.url("cam"))).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/whip", listener.local_addr().unwrap());
    let output = gateway.add_output(stream, &options(url)).unwrap();
    let (http, _) = accept(&listener, "POST").await;
    (gateway, output, listener, http, served)
}

/// Waits until there are so many sessions.
async fn sessions(gateway: &Gateway, count: usize) {
    let deadline = Instant::now() + LONG;
    while gateway.sessions().unwrap().len() != count {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_begins_too_late_is_ended() {
    let (gateway, output, listener, mut http, _served) = asked().await;
    sessions(&gateway, 1).await;
    gateway.remove_output(output).unwrap();
    // It is over before the server has answered.
    sessions(&gateway, 0).await;
    answer(&mut http, "v=0\r\n").await;
    let (_, asked) = accept(&listener, "DELETE").await;
    assert_eq!(asked.path, "/session/7");
    shut_down(gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_ends_tells_the_server() {
    let (gateway, output, listener, mut http, _served) = asked().await;
    sessions(&gateway, 1).await;
    // A tidy host.
    gateway.remove_output(output).unwrap();
    let ended = tokio::spawn(shut_down(gateway));
    answer(&mut http, "v=0\r\n").await;
    let (_, asked) = accept(&listener, "DELETE").await;
    assert_eq!(asked.path, "/session/7");
    ended.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_the_host_closes_is_said_to_be_closed() {
    let (gateway, output, listener, mut http, _served) = asked().await;
    sessions(&gateway, 1).await;
    let session = gateway.sessions().unwrap()[0];
    gateway.close_session(session).unwrap();
    let retries = |info: &OutputInfo| info.state == OutputState::Retrying;
    let info = until(&gateway, output, "closed", retries).await;
    let error = info.error.unwrap();
    assert_eq!(error.message(), "the session was closed");
    // An answer that comes too late.
    answer(&mut http, "v=0\r\n").await;
    accept(&listener, "DELETE").await;
    shut_down(gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_counts_for_what_was_offered() {
    let served = CameraServer::start(vec![
        CameraConfig::new("silent"),
        CameraConfig::new("loud").audio(Some(Audio::Pcmu)),
    ])
    .unwrap();
    let gateway = Arc::new(Gateway::new(Config::default()).unwrap());
    let stream = gateway
        .add_stream("cam", pull(served.url("silent")))
        .unwrap();
    let refusal = "HTTP/1.1 406 Not Acceptable\r\nContent-Length: 0\r\n\r\n";
    let server = Server::start(&[refusal]).await;
    let url = format!("http://{}/whip", server.address);
    let output = gateway.add_output(stream, &options(url)).unwrap();
    let refused = |attempts| {
        move |info: &OutputInfo| info.state == OutputState::Retrying && info.attempts == attempts
    };
    let info = until(&gateway, output, "refused", refused(1)).await;
    let (since, wait) = (Instant::now(), info.retry_in.unwrap());
    gateway
        .update_stream(stream, pull(served.url("loud")))
        .unwrap();
    until(&gateway, output, "refused again", refused(2)).await;
    assert!(since.elapsed() < wait, "it waited for {wait:?}");
    assert!(server.requests()[1].body.contains("m=audio"));
    shut_down(gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_is_no_answer() {
    let long = format!("HTTP/1.1 201 Created\r\n\r\n{}", "x".repeat(300_000));
    let heads = format!("HTTP/1.1 201 Created\r\n{}\r\n", "X: y\r\n".repeat(5000));
    let lite = "HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nv=0\r\na=b\r";
    for response in ["garbage\r\n\r\n", "", &long, &heads, lite] {
        let (info, _) = answered(&[response]).await;
        let status = info.error.unwrap().status();
        assert!(matches!(status, Status::Ingest | Status::Sdp), "{status:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_followed_without_the_token() {
    let refused = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n";
    let other = Server::start(&[refused]).await;
    let elsewhere = format!(
        "HTTP/1.1 307 There\r\nLocation: http://{}/there\r\nContent-Length: 0\r\n\r\n",
        other.address
    );
    let (info, asked) = answered(&[&elsewhere]).await;
    assert_eq!(info.error.unwrap().status(), Status::Auth);
    assert_eq!(asked.len(), 1);
    let there = other.requests();
    assert_eq!(there[0].path, "/there");
    assert_eq!(there[0].header("authorization"), None);
    assert_eq!(there[0].body, asked[0].body);

    // Around and around.
    let again = "HTTP/1.1 308 Here\r\nLocation: again\r\nContent-Length: 0\r\n\r\n";
    let (info, asked) = answered(&[again]).await;
    assert_eq!(info.error.unwrap().status(), Status::Url);
    assert_eq!(asked.len(), 4);
    assert_eq!(
        asked[1].header("authorization"),
        Some("Bearer secret-token")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_trusted_or_not() {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let hash = digest(&SHA256, key.cert.der());
    let hash: String = hash
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let private = PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/whip", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(mut stream) = acceptor.accept(stream).await
                && let Some(asked) = read_request(&mut stream).await
            {
                assert_eq!(asked.method, "POST");
                let refusal = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
                stream.write_all(refusal).await.unwrap();
                let _ = stream.shutdown().await;
            }
        }
    });
    let served = cameras(&["cam"]);
    let gateway = Arc::new(Gateway::new(Config::default()).unwrap());
    let stream = gateway.add_stream("cam", pull(served.url("cam"))).unwrap();
    for (fingerprint, unverified, status, says) in [
        (None, false, Status::Ingest, hash.as_str()),
        (Some("00".repeat(32)), false, Status::Ingest, "not trusted"),
        (Some(hash.clone()), false, Status::NotFound, "404"),
        (None, true, Status::NotFound, "404"),
    ] {
        let options = OutputOptions {
            tls_fingerprint: fingerprint,
            tls_unverified: unverified,
            ..options(url.clone())
        };
        let output = gateway.add_output(stream, &options).unwrap();
        let retries = |info: &OutputInfo| info.state == OutputState::Retrying;
        let info = until(&gateway, output, "refused", retries).await;
        let error = info.error.unwrap();
        assert_eq!(error.status(), status, "{error}");
        assert!(error.message().contains(says), "{error}");
        assert!(info.retry_in.unwrap() > Duration::from_secs(40));
    }
    server.abort();
    shut_down(gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_waits_for_its_stream_and_ends_with_it() {
    let gateway = Arc::new(Gateway::new(Config::default()).unwrap());
    let stream = gateway
        .add_stream("dead", pull(crate::common::DEAD))
        .unwrap();
    let url = "http://127.0.0.1:9/".to_owned();
    let outputs: Vec<_> = (0..8)
        .map(|_| gateway.add_output(stream, &options(url.clone())).unwrap())
        .collect();
    let full = gateway.add_output(stream, &options(url)).unwrap_err();
    assert_eq!(full.status(), Status::Limit);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let info = gateway.output_info(outputs[0]).unwrap();
    assert_eq!((info.state, info.attempts), (OutputState::Waiting, 0));
    assert_eq!(gateway.outputs(stream).unwrap(), outputs);
    gateway.remove_stream(stream).unwrap();
    let gone = gateway.output_info(outputs[0]).unwrap_err();
    assert_eq!(gone.status(), Status::NotFound);
    shut_down(gateway).await;
}
