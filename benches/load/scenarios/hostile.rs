//! What a hostile camera costs the viewers of the good ones beside it.

use std::io;
use std::time::Duration;

use crate::args::Args;
use crate::process::Process;
use crate::report::{Cell, Table, number, write};
use crate::run::{Load, System, Way, run_beside};
use crate::systems::hostile::KINDS;

/// By so much the latency of the good cameras' viewers may move.
const TARGET_MS: f64 = 5.0;
const LOAD: Load = Load {
    streams: 4,
    each: 4,
    round_trip: 0,
    sound: false,
    some: false,
    way: Way::Direct,
    wall: false,
};

/// One hostile camera of each kind, beside good ones on one worker: `--rate` (MB/s), `--only`, `--seconds`,
/// `--file` (an older build of this program instead).
pub fn measure(args: &Args) -> io::Result<()> {
    let quick = args.has("quick");
    let time = Duration::from_secs(args.number("seconds", if quick { 3 } else { 8 }));
    let rate: f64 = args.number("rate", 20.0);
    let only: Vec<&str> = args.list("only", ',').collect();
    let knobs = "worker_threads=1".to_owned();
    let system = match args.text("file") {
        Some(file) => System::Before {
            file: file.into(),
            knobs,
        },
        None => System::Gateway(knobs),
    };
    let mut table = Table::new(
        "Viewers of the good cameras",
        &[
            "beside a camera that sends",
            "latency p50 ms",
            "latency p95 ms",
            "latency p99 ms",
            "p99 beside silence",
            "loss %",
            "CPU %",
            "RSS MiB",
            "target",
        ],
    );
    let mut control = f64::NAN;
    for kind in KINDS {
        if !only.is_empty() && !only.contains(&kind) && kind != KINDS[0] {
            continue;
        }
        eprintln!("hostile: {kind}");
        let hostile = ["--kind", kind, "--rate", &rate.to_string()].map(str::to_owned);
        let (_hostile, url) = Process::start("hostile", &hostile)?;
        let figures = run_beside(&system, LOAD, time, &url)?;
        let p99 = figures.latency_ms[2];
        if kind == KINDS[0] {
            control = p99;
        }
        let met = p99 - control <= TARGET_MS;
        table.rows.push(vec![
            kind.into(),
            number(figures.latency_ms[0], 2),
            number(figures.latency_ms[1], 2),
            number(p99, 2),
            number(p99 - control, 2),
            number(figures.loss_percent, 3),
            number(figures.cpu_percent, 0),
            number(figures.rss, 1),
            match kind == KINDS[0] {
                true => Cell::Empty,
                false if met => "met".into(),
                false => "missed".into(),
            },
        ]);
    }
    let about = format!(
        "{} cameras with {} viewers each, and a hostile one beside them, which sends {rate} MB/s; all of \
         them on one worker. Latency is from the good camera's write of a frame to the arrival of its last \
         packet at the viewer's socket. The target: p99 at most {TARGET_MS} ms more than beside a camera \
         that plays and sends nothing.",
        LOAD.streams, LOAD.each
    );
    write("hostile", &about, &[table])
}
