//! What the tests share: cameras, and a viewer that watches.

use std::time::Duration;

use rtsp_webrtc_gateway::config::{PullOptions, WhepOffer};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::whep::Response;
use testkit::camera::{CameraConfig, CameraServer};
use testkit::clip::Clip;
use testkit::viewer::{UdpViewer, Viewer, ViewerConfig};

/// No test waits so long unless something is broken.
pub const LONG: Duration = Duration::from_secs(60);

pub fn cameras(names: &[&str]) -> CameraServer {
    let config = |name: &&str| CameraConfig::new(name).clip(Clip::Baseline360p);
    CameraServer::start(names.iter().map(config).collect()).unwrap()
}

pub fn pull(url: String) -> PullOptions {
    PullOptions {
        url,
        ..PullOptions::default()
    }
}

/// A viewer that is connected and has the first picture.
pub fn watch(gateway: &Gateway, stream: &str) -> (UdpViewer, Response) {
    let mut viewer = UdpViewer::new(ViewerConfig::chromium()).unwrap();
    let response = gateway
        .handle_whep_offer(&WhepOffer {
            stream,
            sdp: viewer.viewer.offer().as_bytes(),
            timeout: Some(LONG),
            ..WhepOffer::default()
        })
        .unwrap();
    viewer.accept(&response.body);
    assert!(viewer.run_till(LONG, has_pictures(1)), "no picture");
    (viewer, response)
}

pub fn has_pictures(count: usize) -> impl Fn(&Viewer) -> bool {
    move |viewer| viewer.video.packets().filter(|p| p.marker).count() >= count
}
