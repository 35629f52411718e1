//! The effect of single knobs.

use std::io;
use std::time::Duration;

use super::fanout::{COLUMNS, row};
use crate::args::Args;
use crate::report::{Table, write};
use crate::run::{Load, System, in_turns};

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
        let load = Load {
            streams,
            each,
            ..Load::default()
        };
        for knob in KNOBS {
            let system = [System::Gateway(knob.to_owned())];
            let [figures] = in_turns("knobs", &system, load, rounds, time)?;
            table.rows.push(row(load, &system[0], &figures));
        }
    }
    let about = "The gateway with its defaults, and with one knob changed. Cameras and viewers as \
                 in fanout.";
    write("knobs", about, &[table])
}
