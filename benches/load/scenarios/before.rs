//! This build and an older one under the same load, alternating.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::fanout::{COLUMNS, row};
use crate::args::Args;
use crate::report::{Table, number, write};
use crate::run::{Load, System, in_turns};

/// Near, with sound, 10 ms away, behind a thin link, behind one that loses packets; the quick ones take 3 minutes.
const QUICK: &str = "1x64,64x1,1x64+sound,64x1+sound,64x1@10,8x1~thin,16x1~lossy";
const LOADS: &str = "1x64,1x256,64x1,64x4,1x64+sound,64x1+sound,64x1@10,8x1~thin,8x1+sound~thin,16x1~lossy,1x64~tcp";

/// `--file`: the benchmark program of the older build; `--quick`, `--loads`; `--set` and `--set-before` for the knobs of the two.
pub fn measure(args: &Args) -> io::Result<()> {
    let missing =
        || io::Error::other("before needs --file, the benchmark program of another build");
    let knobs = |name| args.text(name).unwrap_or("").to_owned();
    let systems = [
        System::Before {
            file: PathBuf::from(args.text("file").ok_or_else(missing)?),
            knobs: knobs("set-before"),
        },
        System::Gateway(knobs("set")),
    ];
    let quick = args.has("quick");
    let rounds = args.number("rounds", if quick { 1 } else { 5 });
    let time = Duration::from_secs(args.number("seconds", if quick { 4 } else { 5 }));
    let loads = args.text("loads").unwrap_or(match quick {
        true => QUICK,
        false => LOADS,
    });
    let mut figures = Table::new("Figures", &COLUMNS);
    let mut ratios = Table::new(
        "This build to the older one",
        &[
            "load",
            "CPU per packet",
            "rtsp per packet",
            "RSS",
            "latency p50",
            "latency p95",
            "latency p99",
        ],
    );
    for load in loads.split(',').filter_map(Load::parse) {
        let medians = in_turns("before", &systems, load, rounds, time)?;
        for (system, median) in systems.iter().zip(&medians) {
            figures.rows.push(row(load, system, median));
        }
        let [before, now] = medians;
        let mut ratio = vec![
            load.name().into(),
            number(now.micros_per_packet / before.micros_per_packet, 3),
            number(now.rtsp_micros / before.rtsp_micros, 3),
            number(now.rss / before.rss, 3),
        ];
        for (now, before) in now.latency_ms.iter().zip(before.latency_ms) {
            ratio.push(number(now / before, 2));
        }
        ratios.rows.push(ratio);
    }
    let about = format!(
        "This library and an older build of it ({}) with the same cameras and viewers, {rounds} rounds, alternating; \
         median. Columns as in fanout. \"@10\" is a round trip of 10 ms, all of it on the way back from the viewers; \
         \"~thin\" a link to each viewer of 1.2 times the stream's rate with a queue of 100 ms and 4 kB; \"~lossy\" one \
         of 10 ms that loses 1 %; \"~tcp\" a connection instead of datagrams.",
        systems[0].name()
    );
    write("before", &about, &[ratios, figures])
}
