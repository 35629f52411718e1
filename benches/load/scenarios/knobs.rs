//! What single knobs are worth.

use std::io;
use std::time::Duration;

use super::fanout::{COLUMNS, row};
use crate::args::Args;
use crate::report::{Table, write};
use crate::run::{Figures, Load, System, run};

const KNOBS: [&str; 6] = [
    "",
    "gso=0",
    "send_batch_packets=4",
    "pacing=0",
    "worker_threads=2",
    "rtcp_interval_ms=3000",
];

/// Each knob by itself, for one camera with 64 viewers and 64 cameras with one.
pub fn measure(args: &Args) -> io::Result<()> {
    let quick = args.has("quick");
    let time = Duration::from_secs(args.number("seconds", if quick { 2 } else { 3 }));
    let rounds = args.number("rounds", 1);
    let mut table = Table::new("Figures", &COLUMNS);
    for (streams, each) in [(1, 64), (64, 1)] {
        let load = Load { streams, each };
        for knob in KNOBS {
            let system = System::Gateway(knob.to_owned());
            eprintln!("knobs {}: {}", load.name(), system.name());
            let runs = (0..rounds)
                .map(|_| run(&system, load, time))
                .collect::<io::Result<Vec<_>>>()?;
            table.rows.push(row(load, &system, &Figures::median(&runs)));
        }
    }
    let about = "The gateway with its defaults, and with one knob turned. Cameras and viewers as \
                 in fanout.";
    write("knobs", about, &[table])
}
