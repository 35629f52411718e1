//! What walls cost: one page that shows 64 cameras beside 64 pages of one, and one camera that thousands watch, as walls
//! and as ordinary viewers, by one worker and by two.

use std::io;
use std::time::{Duration, Instant};

use super::fanout::{COLUMNS, row};
use crate::args::Args;
use crate::process::Process;
use crate::report::{Table, number, write};
use crate::run::{Figures, Load, System, run};
use crate::usage::cpu_seconds;

/// The target ratios: CPU per packet of one page to that of 64; time per frame of one worker to that of two.
const PAGE: f64 = 0.8;
const WORKERS: f64 = 1.8;

/// `--rounds`, `--seconds`, `--viewers` of the hot camera.
pub fn measure(args: &Args) -> io::Result<()> {
    let quick = args.has("quick");
    let rounds = args.number("rounds", if quick { 1 } else { 3 });
    let time = Duration::from_secs(args.number("seconds", if quick { 2 } else { 5 }));
    let viewers = args.number("viewers", if quick { 256 } else { 4000 });
    let mut ratios = Table::new("Ratios", &["what", "ratio", "target"]);
    let mut ratio = |what: &str, value: f64, target: f64| {
        let row = vec![what.into(), number(value, 2), number(target, 1)];
        ratios.rows.push(row);
    };

    let system = System::Gateway(args.text("set").unwrap_or("").to_owned());
    let loads = ["64x1+wall", "64x1"].map(|name| Load::parse(name).unwrap_or_default());
    let mut runs = [Vec::new(), Vec::new()];
    for round in 1..=rounds {
        for (runs, load) in runs.iter_mut().zip(loads) {
            eprintln!("wall, round {round}: {}", load.name());
            runs.push(run(&system, load, time)?);
        }
    }
    let medians = runs.map(|runs| Figures::median(&runs));
    let [one, many] = &medians;
    let page = one.micros_per_packet / many.micros_per_packet;
    ratio(
        "CPU per packet, one page of 64 slots to 64 of one",
        page,
        PAGE,
    );
    let mut pages = Table::new("Pages", &COLUMNS);
    for (load, figures) in loads.iter().zip(&medians) {
        pages.rows.push(row(*load, &system, figures));
    }

    let mut hot = Table::new(
        "A hot camera",
        &[
            "watched as",
            "workers",
            "frames/s to each",
            "ms per frame",
            "CPU %",
        ],
    );
    for (audience, option) in [("walls of one slot", "--wall"), ("viewers", "")] {
        let mut found = Vec::new();
        for round in 1..=rounds {
            let mut times = [0.0; 2];
            for (time_of, workers) in times.iter_mut().zip(["1", "2"]) {
                eprintln!("wall, hot camera, {audience}, round {round}: {workers}");
                let (frames, cpu) = saturate(workers, viewers, option, time)?;
                *time_of = 1e3 / frames;
                hot.rows.push(vec![
                    audience.into(),
                    workers.into(),
                    number(frames, 1),
                    number(*time_of, 2),
                    number(cpu, 1),
                ]);
            }
            found.push(times[0] / times[1]);
        }
        found.sort_by(f64::total_cmp);
        let median = found.get(found.len() / 2).copied().unwrap_or(f64::NAN);
        ratio(
            &format!("Time per frame, one worker to two, {audience}"),
            median,
            WORKERS,
        );
    }
    let about = format!(
        "One page whose 64 slots show a camera each, and 64 pages of one camera: the same cameras, CPU of the gateway \
         alone, as in fanout; median of {rounds} rounds of {} s, alternating.\n\nA hot camera: {viewers} pages show it, as \
         walls of one slot or as ordinary viewers, and it is pushed as fast as the gateway accepts, 9 packets a frame. The \
         pages are on all workers, those of others get it by a mirror. They do not read during the measurement, and the kernel \
         drops their packets at their full sockets, so that two cores are enough to see two workers at work. A frame's time is \
         that in which it has left for all pages, on average. The ratio is the median of {rounds} rounds.",
        time.as_secs()
    );
    write("wall", &about, &[ratios, pages, hot])
}

/// Frames per second to each page, and CPU in percent of a core. `option`: of the pages, `--wall` or none.
fn saturate(workers: &str, viewers: usize, option: &str, time: Duration) -> io::Result<(f64, f64)> {
    /// Packets of a frame.
    const PACKETS: f64 = 9.0;
    let start = |role: &str, args: &[&str]| {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        Process::start(role, &args)
    };
    let knobs = format!("pacing=0,worker_threads={workers}");
    // Thousands come, which one worker has no time for at 25 frames a second.
    let pushed = ["--push", "1", "--frame-ms", "1000", "--set", &knobs];
    let (mut gateway, url) = start("gateway", &pushed)?;
    let count = viewers.to_string();
    let pages = ["--viewers", &count, "--streams", "1", "--url", &url, option];
    let pages: Vec<&str> = pages
        .into_iter()
        .filter(|option| !option.is_empty())
        .collect();
    let (mut pages, _) = start("viewers", &pages)?;
    pages.ask("connect")?;
    pages.ask("rest")?;
    gateway.ask("flood")?;
    std::thread::sleep(Duration::from_millis(500));
    let mut look = || -> io::Result<(Instant, f64, f64)> {
        let packets = gateway.ask("packets")?.parse().map_err(io::Error::other)?;
        Ok((Instant::now(), packets, cpu_seconds(gateway.pid())?))
    };
    let before = look()?;
    std::thread::sleep(time);
    let after = look()?;
    let seconds = (after.0 - before.0).as_secs_f64();
    let frames = (after.1 - before.1) / PACKETS / viewers as f64 / seconds;
    Ok((frames, 100.0 * (after.2 - before.2) / seconds))
}
