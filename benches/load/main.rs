//! Whole gateways under load, each part in its own process. See `cargo bench --bench load -- help`.

#[cfg(target_os = "linux")]
mod args;
#[cfg(target_os = "linux")]
mod plot;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod scenarios;
#[cfg(target_os = "linux")]
mod systems;
#[cfg(target_os = "linux")]
mod usage;
#[cfg(target_os = "linux")]
mod viewers;
#[cfg(target_os = "linux")]
mod whep;
#[cfg(target_os = "linux")]
#[allow(dead_code)] // The scenarios use more of it.
#[path = "../../tests/scenarios/world.rs"]
mod world;

#[cfg(target_os = "linux")]
mod linux {
    use crate::args::Args;
    use crate::scenarios::{
        before, fanout, hostile, knobs, links, loss, overload, peer, scale, start, wall, workers,
    };
    use crate::systems::{self, bare, cameras, gateway, naive};
    use crate::viewers;

    const HELP: &str = "\
Usage: cargo bench --bench load -- [WHAT] [OPTIONS]

Without WHAT all of the first six run. Results go to benches/results/.
  fanout    this library, the naive gateway and the bare limit: 1x1 to 1x256, 64x1, 64x4
  start     from the offer to the first keyframe
  loss      recovery from loss (simulated network)
  scale     1 to 256 cameras, 1 to 1000 viewers
  workers   packets that one and two workers can send
  knobs     the effects of GSO, batching, pacing and workers
  links     viewers behind thin and unsteady links: [--go2rtc FILE] [--libwebrtc] [--only A,B]
  hostile   viewers of good cameras beside a hostile one: [--rate MB/s] [--only A,B] [--file FILE]
  overload  more viewers than a worker may carry: [--limit PERCENT] [--each N]
  wall      one page of 64 cameras, and one camera that thousands watch: [--viewers N]
  peer      another WHEP server: --url http://HOST:PORT/{}/whep --pid PID [--name NAME]
  before    an older build: --file FILE, its benchmark program [--set-before KNOB=VALUE,]
  cameras   cameras for it, until standard input ends: [--count N] [--listen ADDR:PORT] [--gop FRAMES]

  --quick            shorter, and coarser
  --rounds N         rounds of fanout, workers, links, peer and before
  --seconds N        seconds of each measurement
  --loads A,B        fanout, peer and before: only these, such as 1x64,64x1+sound, 8x1~thin or 1x64~tcp
  --set KNOB=VALUE,  fanout, scale, links, peer and before: knobs of this library
";

    pub fn main() -> std::io::Result<()> {
        let args = Args::of_process().map_err(std::io::Error::other)?;
        if let Some(role) = args.text("role") {
            return match role {
                "cameras" => cameras::run(&args),
                "gateway" => gateway::run(&args),
                "naive" => naive::run(&args),
                "bare" => bare::run(&args),
                "hostile" => systems::hostile::run(&args),
                _ => viewers::run(&args),
            };
        }
        match args.words.first().map(String::as_str) {
            Some("fanout") => fanout::measure(&args),
            Some("start") => start::measure(&args),
            Some("loss") => loss::measure(&args),
            Some("scale") => scale::measure(&args),
            Some("workers") => workers::measure(&args),
            Some("wall") => wall::measure(&args),
            Some("knobs") => knobs::measure(&args),
            Some("links") => links::measure(&args),
            Some("peer") => peer::measure(&args),
            Some("hostile") => hostile::measure(&args),
            Some("overload") => overload::measure(&args),
            Some("before") => before::measure(&args),
            Some("cameras") => cameras::run(&args),
            // `cargo bench` says `--bench`; `cargo test --all-targets` does not.
            None if args.has("bench") && !args.has("help") => {
                fanout::measure(&args)?;
                start::measure(&args)?;
                loss::measure(&args)?;
                scale::measure(&args)?;
                workers::measure(&args)?;
                knobs::measure(&args)
            }
            _ => {
                print!("{HELP}");
                Ok(())
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("The load is measured with /proc, which only Linux has.");
}
