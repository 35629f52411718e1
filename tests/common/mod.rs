//! What the tests of whole gateways share: cameras, offers, viewers that watch.
#![allow(dead_code)] // each test program uses a part of it

use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::config::{Config, PullOptions, WhepOffer};
use rtsp_webrtc_gateway::error::Result;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::tuning::Key;
use rtsp_webrtc_gateway::whep::Response;
use testkit::camera::{CameraConfig, CameraServer};
use testkit::clip::Clip;
use testkit::viewer::{UdpViewer, Viewer, ViewerConfig};

/// No test waits this long unless something is broken, however busy the machine is.
pub const LONG: Duration = Duration::from_secs(120);

/// A camera that nobody answers for.
pub const DEAD: &str = "rtsp://127.0.0.1:9/dead";

/// Simulated cameras that send video only.
pub fn cameras(names: &[&str]) -> CameraServer {
    let config = |name: &&str| CameraConfig::new(name).clip(Clip::Baseline360p);
    CameraServer::start(names.iter().map(config).collect()).unwrap()
}

pub fn pull(url: impl Into<String>) -> PullOptions {
    PullOptions {
        url: url.into(),
        ..PullOptions::default()
    }
}

/// A gateway with these knobs.
pub fn tuned(tuning: &[(Key, i64)]) -> Gateway {
    // How busy the machine is decides nothing here.
    let mut all = vec![(Key::MaxWorkerLoadPercent, 0)];
    all.extend_from_slice(tuning);
    Gateway::new(Config {
        tuning: all,
        ..Config::default()
    })
    .unwrap()
}

pub fn chromium() -> UdpViewer {
    UdpViewer::new(ViewerConfig::chromium()).unwrap()
}

/// Offers, and waits for a camera that is still connecting.
pub fn post(gateway: &Gateway, stream: &str, sdp: &str) -> Result<Response> {
    gateway.handle_whep_offer(&WhepOffer {
        stream,
        sdp: sdp.as_bytes(),
        timeout: Some(LONG),
        ..WhepOffer::default()
    })
}

/// A viewer that is connected and has the first video frame.
pub fn watch(gateway: &Gateway, stream: &str) -> (UdpViewer, Response) {
    let mut viewer = chromium();
    let response = post(gateway, stream, &viewer.viewer.offer()).unwrap();
    viewer.accept(&response.body);
    assert!(viewer.run_till(LONG, has_frames(1)), "no video frame");
    (viewer, response)
}

/// How many video frames have arrived.
pub fn frames(viewer: &Viewer) -> usize {
    viewer.video.packets().filter(|p| p.marker).count()
}

pub fn has_frames(count: usize) -> impl Fn(&Viewer) -> bool {
    move |viewer| frames(viewer) >= count
}

/// The value of the first attribute of this name.
pub fn attribute(sdp: &str, name: &str) -> String {
    let prefix = format!("a={name}:");
    let value = sdp.lines().find_map(|line| line.strip_prefix(&prefix));
    value.unwrap().to_owned()
}

/// Waits for something that happens by itself.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !done() {
        assert!(Instant::now() < end, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}
