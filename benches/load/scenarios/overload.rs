//! More viewers than a worker may carry: how many are taken in, and what these lose.

use std::io;
use std::time::Duration;

use crate::args::Args;
use crate::report::{Table, number, write};
use crate::run::{Load, System, run};

/// Those who are taken in may lose so much, in percent.
const TARGET: f64 = 0.1;

/// As many viewers as fill the worker to its limit, then twice as many: `--limit` (percent of the worker's
/// time, little enough that this machine can play all the viewers), `--each` (viewers of each camera), `--seconds`.
pub fn measure(args: &Args) -> io::Result<()> {
    let quick = args.has("quick");
    let time = Duration::from_secs(args.number("seconds", if quick { 5 } else { 10 }));
    let limit: u32 = args.number("limit", 25);
    let streams = 8;
    let knobs = format!("worker_threads=1,gso=0,max_worker_load_percent={limit}");
    let system = System::Gateway(knobs);
    let mut table = Table::new(
        "Viewers",
        &[
            "offered",
            "taken in",
            "refused",
            "CPU %",
            "loss of those taken in, %",
            "silent",
            "latency p95 ms",
            "latency p99 ms",
            "target",
        ],
    );
    let mut each = args.number("each", 16);
    let mut last = false;
    loop {
        let load = Load {
            streams,
            each,
            some: true,
            ..Load::default()
        };
        eprintln!("overload {}", load.name());
        let figures = run(&system, load, time)?;
        let taken = load.viewers() as f64 - figures.refused;
        table.rows.push(vec![
            number(load.viewers() as f64, 0),
            number(taken, 0),
            number(figures.refused, 0),
            number(figures.cpu_percent, 0),
            number(figures.loss_percent, 3),
            number(figures.silent, 0),
            number(figures.latency_ms[1], 2),
            number(figures.latency_ms[2], 2),
            match figures.loss_percent < TARGET && figures.silent == 0.0 {
                true => "met".into(),
                false => "missed".into(),
            },
        ]);
        if last || each > 256 {
            break;
        }
        last = figures.refused > 0.0;
        each = match last {
            // Twice as many as it carries.
            true => (2.0 * taken / streams as f64).ceil() as usize,
            false => 2 * each,
        };
    }
    let about = format!(
        "{streams} cameras on one worker, which takes viewers up to {limit} % of its time (and sends without \
         GSO, so that few viewers fill it). The last row offers twice as many viewers as it carries. Target: \
         those who are taken in lose less than {TARGET} %."
    );
    write("overload", &about, &[table])
}
