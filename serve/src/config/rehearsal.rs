//! Has the library itself check settings, on a gateway that nobody can reach and that connects to no camera.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rtsp_webrtc_gateway::config::{Config, HttpOptions, PullOptions};
use rtsp_webrtc_gateway::error::{Error, Status};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::tuning::Key;

use super::Settings;
use super::reader::Problem;
use crate::cameras;

/// Returns what the library would refuse.
pub fn rehearse(settings: &Settings) -> Result<(), Problem> {
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = Config {
        udp_bind: Some(nowhere),
        ice_tcp: false,
        ..settings.gateway()
    };
    config.tuning.push((Key::WorkerThreads, 1));
    let problem = |line, place: &str, error: Error| Problem {
        line,
        text: format!("{place}{}", error.message()),
    };
    let gateway = Gateway::new(config).map_err(|error| problem(0, "", error))?;
    let listener = HttpOptions {
        address: nowhere,
        ..settings.listener()
    };
    gateway
        .listen_http(listener)
        .map_err(|error| problem(0, "http: ", error))?;
    for camera in &settings.cameras {
        let options = PullOptions {
            on_demand: true,
            ..camera.pull()
        };
        let added = gateway.add_stream(&camera.name, options);
        added.map_err(|error| problem(camera.line.0, &cameras::place(camera), error))?;
    }
    for camera in &settings.cameras {
        let set = cameras::set_variants(&gateway, camera);
        set.map_err(|error| problem(camera.line.0, &cameras::place(camera), error))?;
    }
    match gateway.shutdown(Duration::from_secs(10)) {
        // It has no time limit of its own: the machine is slow.
        Err(error) if error.status() == Status::Timeout => Ok(()),
        other => other.map_err(|error| problem(0, "", error)),
    }
}
