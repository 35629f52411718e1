//! How CPU and memory grow with cameras and with viewers.

use std::io;
use std::time::Duration;

use super::fanout::{COLUMNS, row};
use crate::args::Args;
use crate::plot::{Panel, least_squares, lines};
use crate::report::{Table, number, write, write_plot};
use crate::run::{Figures, Load, System, run};

/// One of the figures.
type Value = fn(&Figures) -> f64;

/// From 1 to 256 cameras, from 1 to 1000 viewers.
pub fn measure(args: &Args) -> io::Result<()> {
    let quick = args.has("quick");
    let time = Duration::from_secs(args.number("seconds", if quick { 2 } else { 3 }));
    let (cameras, viewers): (&[usize], &[usize]) = if quick {
        (&[1, 64], &[1, 100])
    } else {
        (&[1, 16, 64, 128, 256], &[1, 50, 200, 500, 1000])
    };
    let system = System::Gateway(args.text("set").unwrap_or("").to_owned());
    let mut tables = Vec::new();
    let mut slopes = Table::new("Slopes", &["what", "per camera", "per viewer"]);
    let mut panels = Vec::new();
    let mut measured = Vec::new();
    for (title, counts, of_cameras) in [
        ("Cameras with one viewer each", cameras, true),
        ("Viewers of one camera", viewers, false),
    ] {
        let mut table = Table::new(title, &COLUMNS);
        let mut figures: Vec<(f64, Figures)> = Vec::new();
        for &count in counts {
            let load = if of_cameras {
                Load {
                    streams: count,
                    each: 1,
                    ..Load::default()
                }
            } else {
                Load {
                    streams: 1,
                    each: count,
                    ..Load::default()
                }
            };
            eprintln!("scale {}", load.name());
            let one = run(&system, load, time)?;
            table.rows.push(row(load, &system, &one));
            figures.push((count as f64, one));
        }
        tables.push(table);
        measured.push(figures);
    }
    let values: [(&str, Value); 2] = [
        ("CPU % of a core", |f| f.cpu_percent),
        ("RSS KiB", |f| f.rss * 1024.0),
    ];
    for (name, value) in values {
        let mut row = vec![name.into()];
        for (figures, x) in measured.iter().zip(["cameras", "viewers"]) {
            let points: Vec<_> = figures.iter().map(|(n, f)| (*n, value(f))).collect();
            row.push(number(least_squares(&points).0, 3));
            panels.push(Panel {
                title: format!("{name} by {x}"),
                x,
                points,
            });
        }
        slopes.rows.push(row);
    }
    tables.insert(0, slopes);
    let about = "How CPU and resident memory of the gateway grow. Least-squares slopes. Every \
                 camera sends 2.4 Mbit/s; its GOP cache is part of the memory per camera.";
    write("scale", about, &tables)?;
    write_plot("scale", &lines(&panels))
}
