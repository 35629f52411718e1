//! Has the library itself check settings, on a gateway that nobody can reach and that connects to no camera.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rtsp_webrtc_gateway::StreamId;
use rtsp_webrtc_gateway::config::{Config, HttpOptions, PullOptions, PushOptions};
use rtsp_webrtc_gateway::error::{Error, Status};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::tuning::Key;

use super::reader::Problem;
use super::{Camera, Line, Settings};
use crate::cameras;

/// Adds the media servers of a camera to a stream that never has media, so that none of them is asked.
fn check_destinations(gateway: &Gateway, camera: &Camera) -> Result<(), Problem> {
    let problem = |line: Line, error: Error| Problem {
        line: line.0,
        text: format!("{}whip: {}", cameras::place(camera), error.message()),
    };
    // A name that no camera has: those are at most 128 bytes, and none is in use twice.
    let names = (0..).map(|number: u64| format!("whip~{number}"));
    let mut added = names.map(|name| gateway.add_push_stream(&name, PushOptions::default()));
    let is_free = |added: &Result<StreamId, Error>| !matches!(added, Err(error) if error.status() == Status::AlreadyExists);
    let Some(added) = added.find(is_free) else {
        return Ok(());
    };
    let stream = added.map_err(|error| problem(camera.line, error))?;
    for destination in &camera.whip {
        let added = gateway.add_output(stream, &destination.output());
        added.map_err(|error| problem(destination.line, error))?;
    }
    let removed = gateway.remove_stream(stream);
    removed.map_err(|error| problem(camera.line, error))
}

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
    for camera in settings
        .cameras
        .iter()
        .filter(|camera| !camera.whip.is_empty())
    {
        check_destinations(&gateway, camera)?;
    }
    match gateway.shutdown(Duration::from_secs(10)) {
        // It has no time limit of its own: the machine is slow.
        Err(error) if error.status() == Status::Timeout => Ok(()),
        other => other.map_err(|error| problem(0, "", error)),
    }
}
