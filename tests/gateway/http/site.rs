//! A gateway with a camera and a listener.

use std::net::SocketAddr;

use rtsp_webrtc_gateway::config::{Config, HttpOptions};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::StreamState;
use testkit::camera::CameraServer;

use crate::common::{cameras, pull, wait_for};

/// A gateway that listens on a free port.
pub struct Site {
    pub gateway: Gateway,
    pub address: SocketAddr,
    pub cameras: Option<CameraServer>,
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
            cameras: None,
        }
    }

    /// With a live camera named "door".
    pub fn with_camera(config: Config) -> Site {
        Site::with_camera_at(config, any_port())
    }

    /// The same.
    pub fn with_camera_at(config: Config, options: HttpOptions) -> Site {
        let cameras = cameras(&["door"]);
        let mut site = Site::bare(config, options);
        let stream = site
            .gateway
            .add_stream("door", pull(cameras.url("door")))
            .unwrap();
        site.cameras = Some(cameras);
        wait_for("the camera", || {
            site.gateway.stream_info(stream).unwrap().state == StreamState::Live
        });
        site
    }
}
