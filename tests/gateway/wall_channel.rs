//! What the page of a wall says over its data channel, and what it is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rtsp_webrtc_gateway::config::Config;
use rtsp_webrtc_gateway::gateway::{Gateway, Handle};
use rtsp_webrtc_gateway::tuning::Key;
use rtsp_webrtc_gateway::whep::HttpRequest;
use serde_json::{Value, json};
use testkit::camera::{CameraConfig, CameraServer};
use testkit::clip::Clip;
use testkit::viewer::{Channels, UdpViewer, Viewer};

use crate::asker::asker;
use crate::common::{LONG, chromium, frames, pull, wait_for};

/// A gateway with three cameras, of which nobody may see the yard.
fn gateway() -> (Gateway, CameraServer) {
    let names = ["door", "yard", "gate"];
    let cameras = names.map(|name| CameraConfig::new(name).clip(Clip::Baseline360p));
    let server = CameraServer::start(cameras.into()).unwrap();
    let (events, asked) = asker();
    let gateway = Gateway::new(Config {
        events,
        tuning: vec![(Key::MaxWorkerLoadPercent, 0), (Key::WorkerThreads, 2)],
        ..Config::default()
    });
    let gateway = gateway.unwrap();
    let handle = Handle::clone(&gateway);
    std::thread::spawn(move || {
        for request in asked {
            let yard = request.stream.is_some_and(|stream| &*stream == "yard");
            let _ = handle.authorize(request.id, !yard);
        }
    });
    for name in names {
        gateway.add_stream(name, pull(server.url(name))).unwrap();
    }
    (gateway, server)
}

/// A page whose channel is open.
struct Page {
    viewer: UdpViewer,
    read: usize,
}

impl Page {
    fn open(gateway: &Handle, videos: usize) -> Page {
        let mut viewer = chromium();
        let mut offer = viewer.viewer.offer_of(videos, 0);
        let group = offer
            .lines()
            .find(|line| line.starts_with("a=group:"))
            .unwrap()
            .to_owned();
        offer = offer.replace(&group, &format!("{group} data"));
        offer += "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:data\r\n\
                  a=sctp-port:5000\r\na=max-message-size:262144\r\n";
        let response = gateway.handle_http(&HttpRequest {
            method: "POST",
            path: "/wall",
            headers: &[("Content-Type", "application/sdp")],
            body: offer.as_bytes(),
            ..HttpRequest::default()
        });
        let response = response.unwrap();
        assert_eq!(response.status, 201, "{}", response.body);
        viewer.accept(&response.body);
        let mut page = Page { viewer, read: 0 };
        page.until("connected", Viewer::is_connected);
        page.viewer.viewer.connect_channels(Instant::now());
        page.until("an association", |viewer| channels(viewer).is_connected());
        page.with(|channels, now| channels.open(now, 0, "wall", "wall.1"));
        page.until("a channel", |viewer| channels(viewer).is_open(0));
        page
    }

    fn until(&mut self, what: &str, done: impl Fn(&Viewer) -> bool) {
        assert!(self.viewer.run_till(LONG, done), "no {what}");
    }

    fn with<R>(&mut self, work: impl FnOnce(&mut Channels, Instant) -> R) -> R {
        let now = Instant::now();
        let result = work(self.viewer.viewer.channels.as_mut().unwrap(), now);
        self.viewer.viewer.drive_channels(now);
        result
    }

    fn say(&mut self, text: &str) {
        assert!(self.with(|channels, now| channels.send(now, 0, text)));
    }

    /// The next message of which this holds.
    fn hear(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        loop {
            let read = self.read;
            self.until(what, |viewer| channels(viewer).received.len() > read);
            self.read += 1;
            let (_, text) = &channels(&self.viewer.viewer).received[read];
            let message: Value = serde_json::from_str(text).unwrap();
            if holds(&message) {
                return message;
            }
        }
    }

    fn ask(&mut self, id: u64, slots: Value) -> Value {
        self.say(&json!({"id": id, "slots": slots}).to_string());
        let mut reply = self.hear("reply", |message| message["id"] == id);
        reply["slots"].take()
    }

    /// The next notice of a slot of which this holds.
    fn notice(&mut self, slot: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let of_slot = |message: &Value| {
            let slots = message["slots"].as_array()?;
            let found = slots.iter().find(|it| it["slot"] == slot && holds(it));
            found.filter(|_| message["id"].is_null()).cloned()
        };
        let message = self.hear("notice", |message| of_slot(message).is_some());
        of_slot(&message).unwrap()
    }
}

fn channels(viewer: &Viewer) -> &Channels {
    viewer.channels.as_ref().unwrap()
}

fn live(gateway: &Handle) {
    wait_for("all cameras", || {
        let state: Value = serde_json::from_str(&gateway.state_json().unwrap()).unwrap();
        let streams = state["streams"].as_array().unwrap();
        streams.len() == 3 && streams.iter().all(|stream| stream["state"] == "live")
    });
}

#[test]
fn a_page_binds_slots_and_hears_what_they_show() {
    let (gateway, server) = gateway();
    live(&gateway);
    let mut page = Page::open(&gateway, 2);
    let first = page.hear("first notice", |_| true);
    let slots: Vec<_> = first["slots"].as_array().unwrap().iter().collect();
    assert_eq!(slots.len(), 2);
    for slot in slots {
        assert_eq!(
            (&slot["state"], &slot["stream"]),
            (&json!("none"), &Value::Null)
        );
    }

    // Each slot alone: shown, not allowed, not there.
    let reply = page.ask(
        7,
        json!([{"slot": "0", "stream": "door"}, {"slot": "1", "stream": "yard"}, {"slot": "9", "paused": true}]),
    );
    assert_eq!(reply[0], json!({"slot": "0", "stream": "door"}));
    assert_eq!(
        (&reply[1]["slot"], &reply[2]["slot"]),
        (&json!("1"), &json!("9"))
    );
    assert!(
        [401, 403].map(Value::from).contains(&reply[1]["status"]),
        "{reply}"
    );
    assert_eq!(reply[2]["status"], 404);
    let notice = page.notice("0", |notice| !notice["rtp"].is_null());
    assert_eq!(
        (&notice["stream"], &notice["state"]),
        (&json!("door"), &json!("live"))
    );
    assert_eq!(
        (&notice["variant"], &notice["width"]),
        (&json!("door"), &json!(640))
    );
    page.until("frames", |viewer| frames(viewer) > 5);

    // In order, however many there are.
    for id in 100..200 {
        let name = ["gate", "door"][id as usize % 2];
        page.say(&json!({"id": id, "slots": [{"slot": "0", "stream": name}]}).to_string());
    }
    for id in 100..200 {
        let reply = page.hear("reply", |message| !message["id"].is_null());
        assert_eq!(reply["id"], id);
        assert_eq!(
            reply["slots"][0]["stream"],
            ["gate", "door"][id as usize % 2]
        );
    }

    // What is no request is answered.
    page.say("hello");
    let answer = page.hear("answer", |message| !message["status"].is_null());
    assert_eq!(
        (&answer["id"], &answer["status"]),
        (&Value::Null, &json!(400))
    );

    // The camera ends, and the stream is removed: the page hears of both.
    drop(server);
    let notice = page.notice("0", |notice| notice["state"] == "retrying");
    assert!(!notice["reason"].as_str().unwrap().is_empty());
    let stream = gateway.find_stream("door").unwrap();
    gateway.remove_stream(stream).unwrap();
    page.notice("0", |notice| notice["state"] == "removed");
    let reply = page.ask(8, json!([{"slot": "0", "stream": null}]));
    assert_eq!(reply[0], json!({"slot": "0", "stream": null}));
    page.notice("0", |notice| notice["state"] == "none");
}

#[test]
fn a_channel_that_is_misused_is_closed_and_the_picture_goes_on() {
    let (gateway, _server) = gateway();
    live(&gateway);
    let mut page = Page::open(&gateway, 1);
    page.ask(1, json!([{"slot": "0", "stream": "door"}]));
    page.say(&"x".repeat(10 << 20));
    page.until("end of the channel", |viewer| channels(viewer).is_lost());
    let before = frames(&page.viewer.viewer);
    page.until("more frames", |viewer| frames(viewer) > before + 20);
    assert_eq!(gateway.sessions().unwrap().len(), 1);
}

/// Counts lines about channels that were closed because of what came over them.
struct Closings;

static CLOSINGS: AtomicUsize = AtomicUsize::new(0);

impl log::Log for Closings {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        let text = record.args().to_string();
        let is_one = text.contains("its data channel was closed") && text.contains("not text");
        CLOSINGS.fetch_add(usize::from(is_one), Ordering::Relaxed);
    }

    fn flush(&self) {}
}

#[test]
fn a_page_that_misuses_channel_after_channel_is_no_flood_of_lines() {
    const CHANNELS: u16 = 40;
    log::set_logger(&Closings).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    let (gateway, _server) = gateway();
    let begun = Instant::now();
    let mut page = Page::open(&gateway, 1);
    for channel in 0..CHANNELS {
        if channel > 0 {
            page.with(|channels, now| channels.open(now, channel, "wall", "wall.1"));
            page.until("a channel", |viewer| channels(viewer).is_open(channel));
        }
        assert!(page.with(|channels, now| channels.send_strange(now, channel)));
    }
    page.with(|channels, now| channels.open(now, CHANNELS, "wall", "wall.1"));
    page.until("a channel", |viewer| channels(viewer).is_open(CHANNELS));
    let lines = CLOSINGS.load(Ordering::Relaxed);
    // Five in 10 s.
    let most = 5 * (1 + begun.elapsed().as_secs() as usize / 10);
    assert!((1..=most).contains(&lines), "{lines} lines");
}
