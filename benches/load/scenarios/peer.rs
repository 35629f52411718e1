//! Any other WHEP server under the same load, alternating with this library.

use std::io;
use std::time::Duration;

use super::fanout::{COLUMNS, row};
use crate::args::Args;
use crate::report::{Table, number, write};
use crate::run::{Load, System, in_turns};

/// `--url` with `{}` for a camera's name (`cam0`, `cam1`, ...), `--pid` of the server, `--name` for
/// the table, `--loads`. The server takes its cameras from the `cameras` command.
pub fn measure(args: &Args) -> io::Result<()> {
    let missing = || io::Error::other("peer needs --url http://HOST:PORT/{}/whep and --pid PID");
    let url = args.text("url").ok_or_else(missing)?.to_owned();
    let pid = args.text("pid").and_then(|pid| pid.parse().ok());
    let pid = pid.ok_or_else(missing)?;
    let name = args.text("name").unwrap_or("external").to_owned();
    let gateway = System::Gateway(args.text("set").unwrap_or("").to_owned());
    let systems = [gateway, System::External { name, url, pid }];
    let rounds = args.number("rounds", 2);
    let time = Duration::from_secs(args.number("seconds", 5));
    let mut loads: Vec<Load> = args.list("loads", ',').filter_map(Load::parse).collect();
    if loads.is_empty() {
        loads = ["64x1", "64x4", "1x256"]
            .into_iter()
            .filter_map(Load::parse)
            .collect();
    }
    let mut figures = Table::new("Figures", &COLUMNS);
    let mut ratios = Table::new(
        "The other server to this library",
        &["load", "CPU per packet", "RSS", "latency p95"],
    );
    for load in loads {
        let medians = in_turns("peer", &systems, load, rounds, time)?;
        for (system, median) in systems.iter().zip(&medians) {
            figures.rows.push(row(load, system, median));
        }
        let [ours, theirs] = medians;
        ratios.rows.push(vec![
            load.name().into(),
            number(theirs.micros_per_packet / ours.micros_per_packet, 1),
            number(theirs.rss / ours.rss, 1),
            number(theirs.latency_ms[1] / ours.latency_ms[1], 1),
        ]);
    }
    let about = format!(
        "This library and another WHEP server ({}) with the same cameras and viewers, {rounds} \
         rounds, alternating; median. Columns as in fanout.",
        systems[1].name()
    );
    write("peer", &about, &[ratios, figures])
}
