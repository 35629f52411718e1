//! One camera to many viewers, many cameras to few: this library, the naive gateway, the bare limit.

use std::io;
use std::time::Duration;

use crate::args::Args;
use crate::plot;
use crate::report::{Cell, Table, number, write, write_plot};
use crate::run::{Figures, Load, System, in_turns};

const LOADS: [(usize, usize); 6] = [(1, 1), (1, 16), (1, 64), (1, 256), (64, 1), (64, 4)];

/// Columns of [`row`].
pub const COLUMNS: [&str; 17] = [
    "load",
    "system",
    "CPU µs per packet",
    "of that rtsp",
    "CPU %",
    "CPU % per stream",
    "CPU % per viewer",
    "packets/s",
    "loss %",
    "silent viewers",
    "latency p50 ms",
    "latency p95 ms",
    "latency p99 ms",
    "RSS MiB",
    "PSS MiB",
    "KiB per viewer",
    "connect ms",
];

/// A row of figures.
pub fn row(load: Load, system: &System, figures: &Figures) -> Vec<Cell> {
    let with_camera = |value, decimals| match system {
        System::Bare => Cell::Empty,
        _ => number(value, decimals),
    };
    vec![
        load.name().into(),
        system.name().into(),
        number(figures.micros_per_packet, 2),
        number(figures.rtsp_micros, 2),
        number(figures.cpu_percent, 1),
        number(figures.cpu_percent / load.streams as f64, 2),
        number(figures.cpu_percent / load.viewers() as f64, 3),
        number(figures.packets_per_second, 0),
        number(figures.loss_percent, 3),
        number(figures.silent, 0),
        with_camera(figures.latency_ms[0], 2),
        with_camera(figures.latency_ms[1], 2),
        with_camera(figures.latency_ms[2], 2),
        number(figures.rss, 1),
        number(figures.pss, 1),
        with_camera(figures.kib_per_viewer, 0),
        with_camera(figures.connect_ms, 0),
    ]
}

/// Runs all loads: `--loads 1x64,64x1`, `--rounds`, `--seconds`.
pub fn measure(args: &Args) -> io::Result<()> {
    let quick = args.has("quick");
    let rounds = args.number("rounds", if quick { 1 } else { 2 });
    let time = Duration::from_secs(args.number("seconds", if quick { 2 } else { 4 }));
    let chosen: Vec<&str> = args.list("loads", ',').collect();
    let systems = [
        System::Gateway(args.text("set").unwrap_or("").to_owned()),
        System::Bare,
        System::Naive,
    ];
    let mut table = Table::new("Figures", &COLUMNS);
    let mut ratios = Table::new(
        "Ratios of CPU per packet",
        &[
            "load",
            "gateway to bare",
            "target",
            "gateway to naive",
            "target to naive",
        ],
    );
    let mut groups = Vec::new();
    for (streams, each) in LOADS {
        let load = Load {
            streams,
            each,
            ..Load::default()
        };
        if !chosen.is_empty() && !chosen.contains(&load.name().as_str()) {
            continue;
        }
        let medians = in_turns("fanout", &systems, load, rounds, time)?;
        for (system, figures) in systems.iter().zip(&medians) {
            table.rows.push(row(load, system, figures));
        }
        let micros = medians.map(|figures| figures.micros_per_packet);
        let (to_bare, to_naive) = targets(load);
        ratios.rows.push(vec![
            load.name().into(),
            number(micros[0] / micros[1], 2),
            to_bare.map_or(Cell::Empty, |most| number(most, 1)),
            number(micros[0] / micros[2], 3),
            to_naive.map_or(Cell::Empty, |most| number(most, 1)),
        ]);
        groups.push((load.name(), micros.to_vec()));
    }
    let about = format!(
        "CPU of the system under test alone, which runs in its own process, for {rounds} rounds \
         of {} s, systems alternating; median of the rounds.\n\n\
         Cameras send 720p at 25 frames per second: 9 packets of 1.2 kB per frame, 54 per \
         keyframe, a keyframe every 2 s. *gateway* is this library with its defaults. *bare* \
         seals the same packets and sends them with one GSO call per viewer and access unit, and \
         does nothing else: no camera, no session. *naive* is the async `webrtc` crate with one \
         local track per viewer and one write per packet. All encrypt with AES-128-GCM. Viewers \
         sleep between polls of their sockets and read what the kernel has coalesced. Latency is \
         from the camera's write of a frame to the arrival of its last packet at the viewer's \
         socket; viewers this near are not paced.",
        time.as_secs()
    );
    write("fanout", &about, &[ratios, table])?;
    let names: Vec<String> = systems.iter().map(System::name).collect();
    write_plot(
        "fanout",
        &plot::bars("CPU µs per delivered packet", &names, &groups),
    )
}

/// The targets: maximum ratios to bare and to naive.
fn targets(load: Load) -> (Option<f64>, Option<f64>) {
    match (load.streams, load.each) {
        (1, 64..) => (Some(1.3), Some(0.1)),
        (64, 1) => (Some(2.0), Some(0.2)),
        _ => (None, None),
    }
}
