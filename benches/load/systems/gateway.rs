//! This library.

use std::sync::Arc;

use rtsp_webrtc_gateway::config::{Config, PullOptions, WhepOffer};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::tuning::Key;

use crate::args::Args;
use crate::process::{commands, say};
use crate::whep;

/// A gateway for the cameras in `--cameras`, with knobs `--set name=value,...`.
pub fn run(args: &Args) -> std::io::Result<()> {
    let tuning = args
        .list("set", ',')
        .map(|knob| {
            let (name, value) = knob.split_once('=').unwrap_or((knob, ""));
            let key = Key::from_name(name);
            key.zip(value.parse().ok())
                .ok_or_else(|| std::io::Error::other(format!("there is no knob {knob}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let config = Config {
        tuning,
        ..Config::default()
    };
    let gateway = Arc::new(Gateway::new(config).map_err(std::io::Error::other)?);
    for (i, url) in args.list("cameras", ' ').enumerate() {
        let options = PullOptions {
            url: url.to_owned(),
            ..PullOptions::default()
        };
        gateway
            .add_stream(&format!("cam{i}"), options)
            .map_err(std::io::Error::other)?;
    }
    let served = Arc::clone(&gateway);
    let url = whep::serve(move |stream, offer| {
        let offer = WhepOffer {
            stream,
            sdp: offer.as_bytes(),
            ..WhepOffer::default()
        };
        let response = served.handle_whep_offer(&offer);
        response.map(|r| r.body).map_err(|error| error.to_string())
    })?;
    say(&format!("READY {url}"));
    // Every line asks for the packets sent so far.
    for _ in commands() {
        let metrics = gateway.metrics().map_err(std::io::Error::other)?;
        let sent: f64 = metrics
            .lines()
            .filter(|line| line.starts_with("rtsp_webrtc_gateway_stream_sent_packets_total{"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum();
        say(&sent.to_string());
    }
    Ok(())
}
