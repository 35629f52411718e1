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
    /// What others had of the machine, in percent.
    pub others: f64,
}

/// With others on the machine to this part of it, in percent, a gateway waits for its turn so often that it
/// sends more each time that it is woken: a packet costs less than it does alone.
const QUIET: f64 = 10.0;
/// Quiet looks that it takes to judge by.
const ENOUGH: usize = 8;

/// A quantity, where it is in a sample, and how much more of it there may be after [`DAYS`], by what is
/// certain of its slope.
type Quantity = (&'static str, fn(&Sample) -> f64, f64);

const QUANTITIES: [Quantity; 10] = [
    ("resident memory, MiB", |s| s.resident_mib, 64.0),
    ("threads", |s| s.threads, 1.0),
    ("descriptors", |s| s.descriptors, 64.0),
    ("CPU per packet, us", |s| s.cpu_per_packet, f64::INFINITY),
    ("sessions", |s| s.sessions, 100.0),
    ("frames queued for sinks", |s| s.queued, 1000.0),
    ("loss on good paths, %", |s| s.loss, 0.1),
    ("latency p95, ms", |s| s.latency_p95_ms, 100.0),
    ("control p95, ms", |s| s.control_p95_ms, f64::INFINITY),
    ("others on the machine, %", |s| s.others, f64::INFINITY),
];

/// CPU per packet while the machine was quiet, which alone says something of the gateway.
const QUIET_CPU: Quantity = (
    "CPU per packet, us, machine quiet",
    |s| s.cpu_per_packet,
    10.0,
);

pub struct Row {
    pub name: &'static str,
    pub first: f64,
    pub last: f64,
    pub most: f64,
    /// How much more it is in [`DAYS`]: by the slope, and by what is certain of it.
    pub by_slope: f64,
    pub certain: f64,
    /// How much that may be.
    pub limit: f64,
}

/// The course of each quantity.
pub fn rows(samples: &[Sample]) -> Vec<Row> {
    let rows = QUANTITIES.iter().map(|quantity| row(quantity, samples));
    rows.chain(quiet_cpu(samples)).collect()
}

/// CPU per packet, if the machine was quiet often enough, and in both halves of the run.
pub fn quiet_cpu(samples: &[Sample]) -> Option<Row> {
    let quiet: Vec<Sample> = samples
        .iter()
        .filter(|s| s.others <= QUIET)
        .cloned()
        .collect();
    let span = |samples: &[Sample]| Some(samples.last()?.at - samples.first()?.at);
    let enough = quiet.len() >= ENOUGH && 2.0 * span(&quiet)? >= span(samples)?;
    enough.then(|| row(&QUIET_CPU, &quiet))
}

/// The beginning is compared with the end by the medians of a quarter.
fn row(&(name, of, limit): &Quantity, samples: &[Sample]) -> Row {
    let quarter = samples.len().div_ceil(4).max(1);
    let points: Vec<(f64, f64)> = samples.iter().map(|s| (s.at, of(s))).collect();
    let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    Row {
        name,
        first: median(&values[..quarter.min(values.len())]),
        last: median(&values[values.len().saturating_sub(quarter)..]),
        most: values.iter().copied().fold(0.0, f64::max),
        by_slope: least_squares(&points).0 * DAYS * 86_400.0,
        certain: (least_squares(&points).0 - 3.0 * uncertainty(&points)) * DAYS * 86_400.0,
        limit,
    }
}

/// The standard error of the slope.
fn uncertainty(points: &[(f64, f64)]) -> f64 {
    let (slope, start) = least_squares(points);
    let n = points.len() as f64;
    let mean = points.iter().map(|(x, _)| x).sum::<f64>() / n;
    let rest: f64 = points
        .iter()
        .map(|(x, y)| (y - start - slope * x).powi(2))
        .sum();
    let spread: f64 = points.iter().map(|(x, _)| (x - mean).powi(2)).sum();
    (rest / (n - 2.0).max(1.0) / spread.max(1e-9)).sqrt()
}

pub fn table(rows: &[Row]) -> String {
    let mut text =
        "| | first quarter | last quarter | most | slope in 30 days | certain of it | limit |\n\
         |---|---|---|---|---|---|---|\n"
            .to_owned();
    for row in rows {
        let limit = match row.limit.is_finite() {
            true => row.limit.to_string(),
            false => String::new(),
        };
        let _ = writeln!(
            text,
            "| {} | {:.2} | {:.2} | {:.2} | {:+.1} | {:+.1} | {limit} |",
            row.name,
            row.first,
            row.last,
            row.most,
            row.by_slope,
            row.certain.max(0.0)
        );
    }
    text
}

pub fn plot(samples: &[Sample]) -> String {
    let panels: Vec<Panel> = QUANTITIES
        .iter()
        .map(|(title, of, _)| Panel {
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
