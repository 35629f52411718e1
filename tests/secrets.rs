//! What the library logs and says holds no password and no key; what it logs of a camera names its
//! stream.

use std::sync::Mutex;

use log::kv::{Key, Value, VisitSource};
use rtsp_webrtc_gateway::config::Config;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{StreamId, StreamState};
use testkit::camera::{Auth, CameraConfig, CameraServer};
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
            *logged += &format!("{} {}", record.target(), record.args());
            record.key_values().visit(&mut Pairs(&mut logged)).unwrap();
            logged.push('\n');
        }
    }

    fn flush(&self) {}
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
    log::set_logger(&Everything).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
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
        gateway.remove_stream(stream).unwrap();
    }
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
