//! One run: cameras, one system, viewers; then what it cost.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::Process;
use crate::usage::{Memory, cpu_seconds, memory};

/// A system under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum System {
    /// This library, with knobs other than the defaults.
    Gateway(String),
    /// The same of another build of this program, an older one.
    Before {
        file: PathBuf,
        knobs: String,
    },
    /// The naive gateway on the async `webrtc` crate.
    Naive,
    Bare,
    /// A server that is already running.
    External {
        /// For the tables.
        name: String,
        /// Its WHEP URL.
        url: String,
        /// Its process.
        pid: u32,
    },
}

impl System {
    /// Its name in tables.
    pub fn name(&self) -> String {
        match self {
            System::Gateway(knobs) if knobs.is_empty() => "gateway".to_owned(),
            System::Gateway(knobs) => format!("gateway {knobs}"),
            System::Before { knobs, .. } => format!("before {knobs}").trim_end().to_owned(),
            System::Naive => "naive".to_owned(),
            System::Bare => "bare".to_owned(),
            System::External { name, .. } => name.clone(),
        }
    }
}

/// How many cameras, how many viewers of each, and how far away these are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Cameras.
    pub streams: usize,
    /// Viewers of each.
    pub each: usize,
    /// Round trip to the viewers in milliseconds, besides that of the loopback interface.
    pub round_trip: u64,
    /// The cameras have sound, and the viewers hear it: G.711 in packets of 20 ms.
    pub sound: bool,
    /// Viewers may be refused.
    pub some: bool,
    /// The way to each viewer.
    pub way: Way,
    /// Each viewer is a wall, with a slot for each camera.
    pub wall: bool,
}

/// The way to a viewer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// The loopback interface.
    #[default]
    Direct,
    /// An emulated link that carries 1.2 times what a camera sends.
    Thin,
    /// An emulated link that loses 1 %.
    Lossy,
    /// The loopback interface, over TCP.
    Tcp,
}

impl Way {
    /// From its name.
    pub fn parse(name: &str) -> Option<Way> {
        let all = [Way::Direct, Way::Thin, Way::Lossy, Way::Tcp];
        all.into_iter().find(|way| way.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Way::Direct => "direct",
            Way::Thin => "thin",
            Way::Lossy => "lossy",
            Way::Tcp => "tcp",
        }
    }
}

impl Load {
    /// From its name, such as `64x1`, `64x1@10` for a round trip of 10 ms, `64x1+sound`, `8x1~thin`, or `64x1+wall` for
    /// one viewer of a wall of 64.
    pub fn parse(name: &str) -> Option<Load> {
        let (name, way) = name.split_once('~').unwrap_or((name, "direct"));
        let (name, wall) = match name.strip_suffix("+wall") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (name, sound) = match name.strip_suffix("+sound") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (name, round_trip) = name.split_once('@').unwrap_or((name, "0"));
        let (streams, each) = name.split_once('x')?;
        Some(Load {
            streams: streams.parse().ok()?,
            each: each.parse().ok()?,
            round_trip: round_trip.parse().ok()?,
            sound,
            some: false,
            way: Way::parse(way)?,
            wall,
        })
    }

    /// Viewers.
    pub fn viewers(self) -> usize {
        match self.wall {
            true => self.each,
            false => self.streams * self.each,
        }
    }

    /// Its name in tables.
    pub fn name(self) -> String {
        let mut name = format!("{}x{}", self.streams, self.each);
        if self.round_trip > 0 {
            name += &format!("@{}", self.round_trip);
        }
        if self.sound {
            name += "+sound";
        }
        if self.wall {
            name += "+wall";
        }
        if self.way != Way::Direct {
            name += &format!("~{}", self.way.name());
        }
        name
    }
}

/// What a run cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// CPU of the system, in microseconds per packet delivered.
    pub micros_per_packet: f64,
    /// Of that, for the cameras' connections, as the gateway itself accounts for it (part `rtsp`).
    pub rtsp_micros: f64,
    /// CPU of the system in percent of one core.
    pub cpu_percent: f64,
    /// CPU of cameras and of viewers, the same.
    pub cameras_percent: f64,
    /// CPU of the viewers.
    pub viewers_percent: f64,
    pub packets_per_second: f64,
    pub loss_percent: f64,
    /// Viewers that got nothing.
    pub silent: f64,
    /// Latency from camera to viewer in milliseconds; 0 for the bare loop, which has no camera.
    pub latency_ms: [f64; 3],
    /// Resident memory in MiB.
    pub rss: f64,
    /// Proportional set size in MiB.
    pub pss: f64,
    /// KiB that each viewer added.
    pub kib_per_viewer: f64,
    /// Milliseconds from the first offer to the last viewer connected.
    pub connect_ms: f64,
    /// Viewers that were not taken in.
    pub refused: f64,
}

/// Lets a process settle before it is measured.
const SETTLE: Duration = Duration::from_millis(1500);

/// Runs the systems alternately, `rounds` times; returns the median of each.
pub fn in_turns<const N: usize>(
    what: &str,
    systems: &[System; N],
    load: Load,
    rounds: usize,
    time: Duration,
) -> io::Result<[Figures; N]> {
    let mut runs = [const { Vec::new() }; N];
    for round in 1..=rounds {
        for (runs, system) in runs.iter_mut().zip(systems) {
            eprintln!("{what} {}, round {round}: {}", load.name(), system.name());
            runs.push(run(system, load, time)?);
        }
    }
    Ok(runs.map(|runs| Figures::median(&runs)))
}

/// Runs `system` under `load` and measures for `time`.
pub fn run(system: &System, load: Load, time: Duration) -> io::Result<Figures> {
    run_beside(system, load, time, "")
}

/// The same, with another camera at this URL, unless it is empty, which nobody watches.
pub fn run_beside(
    system: &System,
    load: Load,
    time: Duration,
    beside: &str,
) -> io::Result<Figures> {
    let streams = load.streams.to_string();
    let arg = |name: &str, value: &str| vec![name.to_owned(), value.to_owned()];
    let mut cameras = None;
    let mut process = None;
    let mut url = String::new();
    match system {
        System::Bare => {}
        System::External { url: theirs, .. } => url = theirs.clone(),
        System::Gateway(_) | System::Before { .. } | System::Naive => {
            let mut args = arg("--count", &streams);
            args.extend(load.sound.then(|| "--sound".to_owned()));
            let (started, urls) = Process::start("cameras", &args)?;
            cameras = Some(started);
            let mut args = arg("--cameras", &format!("{urls} {beside}"));
            args.extend((load.way == Way::Tcp).then(|| "--tcp".to_owned()));
            let (started, ready) = match system {
                System::Gateway(knobs) => {
                    args.extend(arg("--set", knobs));
                    Process::start("gateway", &args)?
                }
                System::Before { file, knobs } => {
                    args.extend(arg("--set", knobs));
                    Process::start_build(file, "gateway", &args)?
                }
                _ => Process::start("naive", &args)?,
            };
            url = ready;
            process = Some(started);
            std::thread::sleep(SETTLE);
        }
    }
    let mut args = arg("--viewers", &load.viewers().to_string());
    args.extend(arg("--streams", &streams));
    args.extend(arg("--round-trip", &load.round_trip.to_string()));
    args.extend(arg("--way", load.way.name()));
    args.extend(load.sound.then(|| "--sound".to_owned()));
    args.extend(load.some.then(|| "--some".to_owned()));
    args.extend(load.wall.then(|| "--wall".to_owned()));
    if !url.is_empty() {
        args.extend(arg("--url", &url));
    }
    let (mut viewers, ports) = Process::start("viewers", &args)?;
    let mut figures = Figures::default();
    let mut idle = Memory::default();
    if *system == System::Bare {
        let mut args = arg("--streams", &streams);
        args.extend(arg("--ports", &ports));
        process = Some(Process::start("bare", &args)?.0);
    } else {
        if let Some(process) = &process {
            idle = memory(process.pid())?;
        }
        let taken = viewers.ask("connect")?;
        figures.connect_ms = taken.parse::<f64>().unwrap_or(f64::NAN) * 1e3;
    }
    let pid = match (&process, system) {
        (Some(process), _) => process.pid(),
        (None, System::External { pid, .. }) => *pid,
        (None, _) => return Err(io::ErrorKind::NotFound.into()),
    };
    std::thread::sleep(SETTLE);

    let pids = [
        Some(pid),
        cameras.as_ref().map(Process::pid),
        Some(viewers.pid()),
    ];
    let cpu = || pids.map(|pid| pid.map_or(Ok(0.0), cpu_seconds));
    let gateway = matches!(system, System::Gateway(_) | System::Before { .. });
    let mut rtsp = || match process.as_mut().filter(|_| gateway) {
        Some(process) => process.ask("rtsp").map(|reply| rtsp_seconds(&reply)),
        None => Ok(f64::NAN),
    };
    viewers.ask("start")?;
    let rtsp_before = rtsp()?;
    let (begin, before) = (Instant::now(), cpu());
    std::thread::sleep(time);
    let (seconds, after) = (begin.elapsed().as_secs_f64(), cpu());
    let rtsp_spent = rtsp()? - rtsp_before;
    let report: Value = serde_json::from_str(&viewers.ask("report")?)?;
    let mut spent = [0.0; 3];
    for ((spent, before), after) in spent.iter_mut().zip(before).zip(after) {
        *spent = after? - before?;
    }
    let number = |name: &str| report[name].as_f64().unwrap_or(0.0);
    let packets = number("packets").max(1.0);
    let memory = memory(pid)?;
    figures.micros_per_packet = spent[0] * 1e6 / packets;
    figures.rtsp_micros = rtsp_spent * 1e6 / packets;
    [
        figures.cpu_percent,
        figures.cameras_percent,
        figures.viewers_percent,
    ] = spent.map(|cpu| cpu * 100.0 / seconds);
    figures.packets_per_second = packets / seconds;
    figures.loss_percent = 100.0 * (1.0 - packets / number("expected").max(packets));
    figures.silent = number("silent");
    figures.refused = number("refused");
    figures.latency_ms =
        ["p50", "p95", "p99"].map(|name| report["latency_ms"][name].as_f64().unwrap_or(0.0));
    figures.rss = memory.rss as f64 / 1024.0;
    figures.pss = memory.pss as f64 / 1024.0;
    if idle.rss > 0 {
        figures.kib_per_viewer = memory.rss.saturating_sub(idle.rss) as f64 / load.viewers() as f64;
    }
    Ok(figures)
}

/// The reply to `rtsp`; builds that do not know the question say something else.
fn rtsp_seconds(reply: &str) -> f64 {
    let seconds = reply.strip_prefix("rtsp ").and_then(|n| n.parse().ok());
    seconds.unwrap_or(f64::NAN)
}

impl Figures {
    /// The median of each figure over several runs.
    pub fn median(runs: &[Figures]) -> Figures {
        let median = |figure: &dyn Fn(&Figures) -> f64| {
            let mut all: Vec<f64> = runs.iter().map(figure).collect();
            all.sort_by(f64::total_cmp);
            match all.len() {
                0 => f64::NAN,
                n if n % 2 == 1 => all[n / 2],
                n => (all[n / 2 - 1] + all[n / 2]) / 2.0,
            }
        };
        Figures {
            micros_per_packet: median(&|f| f.micros_per_packet),
            rtsp_micros: median(&|f| f.rtsp_micros),
            cpu_percent: median(&|f| f.cpu_percent),
            cameras_percent: median(&|f| f.cameras_percent),
            viewers_percent: median(&|f| f.viewers_percent),
            packets_per_second: median(&|f| f.packets_per_second),
            loss_percent: median(&|f| f.loss_percent),
            silent: median(&|f| f.silent),
            latency_ms: [0, 1, 2].map(|i| median(&|f| f.latency_ms[i])),
            rss: median(&|f| f.rss),
            pss: median(&|f| f.pss),
            kib_per_viewer: median(&|f| f.kib_per_viewer),
            connect_ms: median(&|f| f.connect_ms),
            refused: median(&|f| f.refused),
        }
    }
}
