//! A gateway with a camera and a listener.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::config::{Config, HttpOptions, PullOptions};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::StreamState;
use testkit::camera::{CameraConfig, CameraServer};
use testkit::clip::Clip;

use crate::client::LONG;

/// A gateway that listens on a free port.
pub struct Site {
    pub gateway: Gateway,
    pub address: SocketAddr,
    _cameras: Option<CameraServer>,
}

/// Options for a free port.
pub fn any_port() -> HttpOptions {
    HttpOptions {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..HttpOptions::default()
    }
}

impl Site {
    /// Without cameras.
    pub fn bare(config: Config, options: HttpOptions) -> Site {
        let gateway = Gateway::new(config).unwrap();
        let address = gateway.listen_http(options).unwrap();
        Site {
            gateway,
            address,
            _cameras: None,
        }
    }

    /// With a live camera named "door".
    pub fn with_camera(config: Config) -> Site {
        let camera = CameraConfig::new("door").clip(Clip::Baseline360p);
        let cameras = CameraServer::start(vec![camera]).unwrap();
        let mut site = Site::bare(config, any_port());
        let options = PullOptions {
            url: cameras.url("door"),
            ..PullOptions::default()
        };
        let stream = site.gateway.add_stream("door", options).unwrap();
        site._cameras = Some(cameras);
        wait_for("the camera", || {
            site.gateway.stream_info(stream).unwrap().state == StreamState::Live
        });
        site
    }
}

/// Waits for something that comes by itself.
pub fn wait_for(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !done() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}
