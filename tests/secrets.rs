//! What the library logs: who comes and goes, for which stream; and no password and no key.

use std::net::UdpSocket;
use std::sync::{Mutex, Once};
use std::time::Duration;

use log::kv::{Key, Value, VisitSource};
use rtsp_webrtc_gateway::config::{Config, IceServer, OutputOptions, PullOptions, WhepOffer};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{OutputState, StreamId, StreamState};
use testkit::camera::{Auth, CameraConfig, CameraServer, Fault};
use testkit::clip::Clip;
use testkit::viewer::Viewer;

mod common;

use common::{LONG, attribute, chromium, has_frames, post, pull, wait_for};

/// All that the library logged.
static LOGGED: Mutex<String> = Mutex::new(String::new());

struct Everything;

impl log::Log for Everything {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("rtsp_webrtc_gateway")
    }

    fn log(&self, record: &log::Record<'_>) {
        struct Pairs<'a>(&'a mut String);
        impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
            fn visit_pair(
                &mut self,
                key: Key<'kvs>,
                value: Value<'kvs>,
            ) -> Result<(), log::kv::Error> {
                *self.0 += &format!(" {key}={value:?}");
                Ok(())
            }
        }
        if self.enabled(record.metadata()) {
            let mut logged = LOGGED.lock().unwrap();
            let (level, target) = (record.level(), record.target());
            *logged += &format!("{level} {target} {}", record.args());
            record.key_values().visit(&mut Pairs(&mut logged)).unwrap();
            logged.push('\n');
        }
    }

    fn flush(&self) {}
}

fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| log::set_logger(&Everything).unwrap());
    log::set_max_level(log::LevelFilter::Trace);
}

/// What was logged at level info of a stream, in order.
fn info_lines(stream: &str) -> Vec<String> {
    let logged = LOGGED.lock().unwrap();
    let of_stream = |line: &&str| line.contains(&format!("stream_name=\"{stream}\""));
    let lines = logged.lines().filter_map(|line| line.strip_prefix("INFO "));
    lines.filter(of_stream).map(str::to_owned).collect()
}

/// What is said of an output that nobody answers.
fn refused_output(gateway: &Gateway, stream: StreamId) -> String {
    let options = OutputOptions {
        url: "http://out:outPass7@127.0.0.1:9/outPath7".to_owned(),
        bearer_token: Some("outToken7".to_owned()),
        ..OutputOptions::default()
    };
    let mut said = format!("{options:?}");
    let output = match gateway.add_output(stream, &options) {
        Ok(output) => output,
        // Without the cargo feature `http`.
        Err(error) => return said + &error.to_string(),
    };
    wait_for("an output that failed", || {
        gateway.output_info(output).unwrap().state == OutputState::Retrying
    });
    said += &format!("{:?}", gateway.output_info(output).unwrap());
    said += &gateway.state_json().unwrap();
    said
}

#[test]
fn cameras_and_viewers_that_come_and_go_are_logged() {
    install();
    let config = CameraConfig::new("lobby").clip(Clip::Baseline360p);
    let camera = CameraServer::start(vec![config]).unwrap();
    let gateway = Gateway::new(Config::default()).unwrap();
    let options = PullOptions {
        retry_min: Some(Duration::from_millis(100)),
        ..pull(camera.url("lobby"))
    };
    let stream = gateway.add_stream("lobby", options).unwrap();
    let watch = || {
        let mut viewer = chromium();
        let offer = viewer.viewer.offer();
        let response = gateway
            .handle_whep_offer(&WhepOffer {
                stream: "lobby",
                sdp: offer.as_bytes(),
                timeout: Some(LONG),
                peer: Some("reception\n"),
                ..WhepOffer::default()
            })
            .unwrap();
        viewer.accept(&response.body);
        assert!(viewer.run_till(LONG, has_frames(1)));
        (viewer, response)
    };
    let (mut first, response) = watch();
    gateway.handle_whep_delete(&response.session_key).unwrap();
    assert!(first.run_till(LONG, Viewer::is_closed));
    camera.fault("lobby", Fault::Drop);
    wait_for("the camera is back", || {
        gateway.stream_info(stream).unwrap().reconnects == 1
    });
    let (_second, _) = watch();
    gateway.remove_stream(stream).unwrap();
    gateway.shutdown(LONG).unwrap();

    let lines = info_lines("lobby");
    let expected = [
        "stream \"lobby\" is live: 640x360, H264",
        "of \"lobby\" connected in ",
        "of \"lobby\" gone after ",
        "stream \"lobby\" is live again after ",
        "of \"lobby\" connected in ",
        "of \"lobby\" gone after ",
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.contains(expected), "{expected} is not in {line}");
    }
    for line in lines.iter().filter(|line| line.contains("viewer")) {
        assert!(
            line.contains("viewer \"reception\" at 127.0.0.1:"),
            "{line}"
        );
        assert!(line.contains(" session="), "{line}");
    }
    assert!(lines[1].contains(" ms, AEAD_AES_128_GCM"), "{}", lines[1]);
    assert!(
        lines[2].contains(" s: the session was closed"),
        "{}",
        lines[2]
    );
    assert!(
        lines[5].contains(" s: the stream was removed"),
        "{}",
        lines[5]
    );
}

/// Waits until the stream is in this state. Returns its message.
fn message_in(gateway: &Gateway, stream: StreamId, state: StreamState) -> String {
    let info = || gateway.stream_info(stream).unwrap();
    wait_for("the state of the stream", || info().state == state);
    info().message
}

#[test]
fn nothing_secret_is_logged_or_said() {
    const RIGHT: &str = "rightPa55";
    const WRONG: &str = "wr0ng/Pa55";
    install();
    let who = || ("theUser".to_owned(), RIGHT.to_owned());
    let (user, password) = who();
    let digest = Auth::Digest { user, password };
    let (user, password) = who();
    let basic = Auth::Basic { user, password };
    let config = |name, auth| CameraConfig::new(name).clip(Clip::Baseline360p).auth(auth);
    let camera =
        CameraServer::start(vec![config("digest", digest), config("basic", basic)]).unwrap();
    let gateway = Gateway::new(Config::default()).unwrap();
    let mut said = String::new();
    // Paths and queries hold passwords, too.
    let mut secrets = vec![
        RIGHT.to_owned(),
        WRONG.to_owned(),
        "wr0ng%2FPa55".to_owned(),
        "inQuery7".to_owned(),
        "dGhlVXNlcjp".to_owned(), // base64 of "theUser:"
    ];
    for name in ["digest", "basic"] {
        let host = camera.url(name);
        let host = host.strip_prefix("rtsp://").unwrap();
        let pull_as = |user: &str, query: &str| pull(format!("rtsp://{user}{host}{query}"));
        for (i, options) in [
            pull_as("theUser:wr0ng%2FPa55@", ""),
            pull_as("", "?user=theUser&password=inQuery7"),
        ]
        .into_iter()
        .enumerate()
        {
            let refused = format!("{name}-refused-{i}");
            let stream = gateway.add_stream(&refused, options).unwrap();
            said += &message_in(&gateway, stream, StreamState::Retrying);
            gateway.remove_stream(stream).unwrap();
        }
        // What is no URL.
        for url in [
            format!("rtsp://theUser:{WRONG}@{host}"),
            format!("rtsp://theUser:{RIGHT}\u{1}@{host}"),
            format!("http://theUser:{RIGHT}@{host}"),
        ] {
            let options = pull(url);
            said += &format!("{options:?}");
            said += &gateway.add_stream("x", options).unwrap_err().to_string();
        }

        let stream = gateway
            .add_stream(name, pull_as(&format!("theUser:{RIGHT}@"), ""))
            .unwrap();
        let mut viewer = chromium();
        let offer = viewer.viewer.offer();
        let response = post(&gateway, name, &offer).unwrap();
        secrets.push(attribute(&offer, "ice-pwd"));
        secrets.push(attribute(&response.body, "ice-pwd"));
        secrets.push(response.session_key.clone());
        viewer.accept(&response.body);
        assert!(viewer.run_till(LONG, has_frames(1)));
        let info = gateway.session_info(response.session).unwrap();
        said += &format!("{info:?}");
        if name == "digest" {
            gateway.handle_whep_delete(&response.session_key).unwrap();
            assert!(viewer.run_till(LONG, Viewer::is_closed));
        }
        said += &gateway
            .handle_whep_delete("unknown")
            .unwrap_err()
            .to_string();
        said += &refused_output(&gateway, stream);
        gateway.remove_stream(stream).unwrap();
    }
    secrets.extend(["outToken7", "outPath7", "outPass7", "b3V0Om91dFBhc3M3"].map(str::to_owned));
    gateway.shutdown(LONG).unwrap();
    let logged = LOGGED.lock().unwrap();
    assert!(
        logged.contains("refused the user or the password"),
        "{logged}"
    );
    let described: Vec<&str> = logged.lines().filter(|l| l.contains("described")).collect();
    assert!(!described.is_empty(), "{logged}");
    assert!(described.iter().all(|l| l.contains(" stream=")), "{logged}");
    for secret in secrets {
        assert!(!logged.contains(&secret), "{secret} in:\n{logged}");
        assert!(!said.contains(&secret), "{secret} in:\n{said}");
    }
}

#[test]
fn the_password_for_a_turn_server_is_neither_logged_nor_said() {
    const PASSWORD: &str = "turnPa55";
    install();
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let pause = Duration::from_millis(50);
    server.set_read_timeout(Some(pause)).unwrap();
    let gateway = Gateway::new(Config {
        turn_servers: vec![IceServer {
            url: format!("turn:{}", server.local_addr().unwrap()),
            username: Some("gateway".to_owned()),
            credential: Some(PASSWORD.to_owned()),
            ..IceServer::default()
        }],
        ..Config::default()
    })
    .unwrap();
    // It knows nobody: 401, with a realm and a nonce.
    let refusal = [
        &[0, 9, 0, 4, 0, 0, 4, 1, 0, 20, 0, 4][..],
        b"test",
        &[0, 21, 0, 4],
        b"once",
    ]
    .concat();
    let complaint = "check username and credential";
    wait_for("a complaint", || {
        let mut request = [0; 1500];
        if let Ok((_, from)) = server.recv_from(&mut request) {
            let head = [&[1, 0x13, 0, refusal.len() as u8][..], &request[4..20]].concat();
            let response = [head, refusal.clone()].concat();
            server.send_to(&response, from).unwrap();
        }
        LOGGED.lock().unwrap().contains(complaint)
    });
    let said = gateway.state_json().unwrap() + &gateway.metrics().unwrap();
    assert!(said.contains(complaint));
    assert!(!said.contains(PASSWORD));
    assert!(!LOGGED.lock().unwrap().contains(PASSWORD));
}
