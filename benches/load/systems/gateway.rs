//! This library.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rtsp_webrtc_gateway::config::{
    Config, Frame, FrameData, PullOptions, PushOptions, WallSlots, WhepOffer,
};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::StreamId;
use rtsp_webrtc_gateway::tuning::Key;
use testkit::clip::Clip;

use crate::args::Args;
use crate::process::{commands, say};
use crate::whep;

/// A gateway for the cameras in `--cameras`, with knobs `--set name=value,...`; with `--substream`, the last
/// of them is a variant of the one before it. In addition, `--push`
/// streams get a frame every 40 ms, or every `--frame-ms`, and after the line `flood` as many as the gateway accepts. With `--tcp` it
/// listens on TCP as well. The line `rtsp` asks for the seconds of CPU that the cameras' connections took.
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
        ice_tcp: args.has("tcp"),
        ..Config::default()
    };
    let gateway = Arc::new(Gateway::new(config).map_err(std::io::Error::other)?);
    let add = |(i, url): (usize, &str)| {
        let options = PullOptions {
            url: url.to_owned(),
            ..PullOptions::default()
        };
        gateway.add_stream(&format!("cam{i}"), options)
    };
    let streams = args.list("cameras", ' ').enumerate().map(add);
    let streams: Vec<_> = streams
        .collect::<Result<_, _>>()
        .map_err(std::io::Error::other)?;
    if args.has("substream")
        && let [.., main, sub] = streams[..]
    {
        gateway
            .set_variants(main, &[sub])
            .map_err(std::io::Error::other)?;
    }
    let flood = Arc::new(AtomicBool::new(false));
    for i in 0..args.number("push", 0) {
        let stream = gateway.add_push_stream(&format!("cam{i}"), PushOptions::default());
        let stream = stream.map_err(std::io::Error::other)?;
        let (gateway, flood) = (Arc::clone(&gateway), Arc::clone(&flood));
        let pause = Duration::from_millis(args.number("frame-ms", 40));
        std::thread::spawn(move || push(&gateway, stream, pause, &flood));
    }
    let served = Arc::clone(&gateway);
    let cameras = args
        .list("cameras", ' ')
        .count()
        .max(args.number("push", 0));
    let names: Vec<String> = (0..cameras).map(|i| format!("cam{i}")).collect();
    let url = whep::serve(move |stream, offer| {
        // A slot for each camera.
        let names: Vec<Option<&str>> = names.iter().map(|name| Some(name.as_str())).collect();
        let slots = names.get(..offer.matches("m=video").count());
        let offer = WhepOffer {
            stream,
            wall: (stream == "wall").then(|| WallSlots {
                video: slots.unwrap_or(&names),
                sound: None,
            }),
            sdp: offer.as_bytes(),
            ..WhepOffer::default()
        };
        let response = served.handle_whep_offer(&offer);
        response.map(|r| r.body).map_err(|error| error.to_string())
    })?;
    say(&format!("READY {url}"));
    for line in commands() {
        if line == "flood" {
            flood.store(true, Ordering::Relaxed);
        }
        let metrics = gateway.metrics().map_err(std::io::Error::other)?;
        let total = |name: &str, label: &str| -> f64 {
            metrics
                .lines()
                .filter(|line| line.starts_with(name) && line.contains(label))
                .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                .sum()
        };
        say(&match line.as_str() {
            "rtsp" => {
                let part = "part=\"rtsp\"";
                format!(
                    "rtsp {}",
                    total("rtsp_webrtc_gateway_cpu_seconds_total{", part)
                )
            }
            // Every other line asks for the packets sent so far.
            _ => {
                let of_streams = total("rtsp_webrtc_gateway_stream_sent_packets_total{", "");
                let of_walls = total("rtsp_webrtc_gateway_wall_sent_packets_total", "");
                (of_streams + of_walls).to_string()
            }
        });
    }
    Ok(())
}

/// Pushes frames of 9 packets. A viewer can start with each of them, so that a frame that finds the
/// queue full does not affect later ones.
fn push(gateway: &Gateway, stream: StreamId, pause: Duration, flood: &AtomicBool) {
    const PACKETS: usize = 9;
    let mut picture = Vec::new();
    for set in Clip::Main720p.parameter_sets() {
        picture.extend([0, 0, 0, 1]);
        picture.extend_from_slice(set);
    }
    picture.extend([0, 0, 0, 1, 0x65]);
    picture.resize(picture.len() + (PACKETS - 1) * 1190, 0x5a);
    for number in 0.. {
        let frame = Frame {
            data: FrameData::Copied(&picture),
            pts_us: number * 40_000,
            capture_unix_us: None,
            discontinuity: false,
        };
        let taken = gateway.push_video(stream, frame).is_ok();
        if !flood.load(Ordering::Relaxed) {
            std::thread::sleep(pause);
        } else if !taken {
            // Less than the queued frames take: the worker never rests.
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
