//! The cameras.

use testkit::camera::{Audio, CameraConfig, CameraServer, Load};

use crate::args::Args;
use crate::process::{say, wait};

/// Plays `--count` cameras with `--gop` frames from keyframe to keyframe, at `--fps`, of `--packets`
/// and `--keyframe-packets` with `--packet-bytes` each, with `--sound` or without.
pub fn run(args: &Args) -> std::io::Result<()> {
    let count = args.number("count", 1);
    let cameras = (0..count)
        .map(|i| {
            let load = Load::camera(i, count).gop(args.number("gop", 50));
            let load = Load {
                frame_rate: args.number("fps", 25),
                packets: args.number("packets", load.packets),
                keyframe_packets: args.number("keyframe-packets", load.keyframe_packets),
                packet_bytes: args.number("packet-bytes", load.packet_bytes),
                ..load
            };
            let sound = args.has("sound").then_some(Audio::Pcmu);
            CameraConfig::new(&format!("cam{i}"))
                .load(load)
                .audio(sound)
        })
        .collect();
    let address = args.text("listen").unwrap_or("127.0.0.1:0");
    let address = address
        .parse()
        .map_err(|_| std::io::Error::other("--listen needs ADDR:PORT"))?;
    let server = CameraServer::start_at(address, cameras)?;
    let urls: Vec<String> = server.names().map(|name| server.url(name)).collect();
    say(&format!("READY {}", urls.join(" ")));
    wait()
}
