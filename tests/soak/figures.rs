//! What is watched, its course over time, and what it may be at the end.

use std::fmt::Write as _;

use crate::plot::{Panel, least_squares, lines};

const DAYS: f64 = 30.0;

/// One look.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Seconds since the beginning of the watch.
    pub at: f64,
    pub resident_mib: f64,
    pub threads: f64,
    pub descriptors: f64,
    /// Microseconds of CPU for each packet that viewers got.
    pub cpu_per_packet: f64,
    pub sessions: f64,
    /// Frames that wait for sinks.
    pub queued: f64,
    /// In percent.
    pub loss: f64,
    pub latency_p95_ms: f64,
    pub control_p95_ms: f64,
}

/// A quantity, where it is in a sample, and its unit.
type Quantity = (&'static str, fn(&Sample) -> f64);

const QUANTITIES: [Quantity; 9] = [
    ("resident memory, MiB", |s| s.resident_mib),
    ("threads", |s| s.threads),
    ("descriptors", |s| s.descriptors),
    ("CPU per packet, us", |s| s.cpu_per_packet),
    ("sessions", |s| s.sessions),
    ("frames queued for sinks", |s| s.queued),
    ("loss on good paths, %", |s| s.loss),
    ("latency p95, ms", |s| s.latency_p95_ms),
    ("control p95, ms", |s| s.control_p95_ms),
];

pub struct Row {
    pub name: &'static str,
    pub first: f64,
    pub last: f64,
    pub most: f64,
    /// How much more it is in a month, by the slope.
    pub in_30_days: f64,
}

/// The course of each quantity. The beginning is compared with the end by the medians of a quarter.
pub fn rows(samples: &[Sample]) -> Vec<Row> {
    let quarter = samples.len().div_ceil(4).max(1);
    let row = |&(name, of): &Quantity| {
        let points: Vec<(f64, f64)> = samples.iter().map(|s| (s.at, of(s))).collect();
        let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
        Row {
            name,
            first: median(&values[..quarter.min(values.len())]),
            last: median(&values[values.len().saturating_sub(quarter)..]),
            most: values.iter().copied().fold(0.0, f64::max),
            in_30_days: least_squares(&points).0 * DAYS * 86_400.0,
        }
    };
    QUANTITIES.iter().map(row).collect()
}

pub fn table(rows: &[Row]) -> String {
    let mut text = "| | first quarter | last quarter | most | by its slope in 30 days |\n|---|---|---|---|---|\n".to_owned();
    for row in rows {
        let _ = writeln!(
            text,
            "| {} | {:.2} | {:.2} | {:.2} | {:+.1} |",
            row.name, row.first, row.last, row.most, row.in_30_days
        );
    }
    text
}

pub fn plot(samples: &[Sample]) -> String {
    let panels: Vec<Panel> = QUANTITIES
        .iter()
        .map(|(title, of)| Panel {
            title: (*title).to_owned(),
            x: "minutes",
            points: samples.iter().map(|s| (s.at / 60.0, of(s))).collect(),
        })
        .collect();
    lines(&panels)
}

pub fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// 0 if there are none.
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}
