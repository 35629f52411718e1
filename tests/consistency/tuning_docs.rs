//! docs/tuning.md and the C enum of the keys say what the table in src/tuning/table.rs and the
//! measurements in benches/results say, and name only what exists.
//! `UPDATE_DOCS=1 cargo test --test consistency` writes what is generated;
//! `UPDATE_HEADER=1 cargo test --test consistency` then writes the header.

use std::fmt::Write;
use std::time::Duration;

use rtsp_webrtc_gateway::config::Config;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::tuning::{Applies, KNOBS, Profile};
use serde_json::Value;

use crate::generated::check;

const MEASURED: &str = include_str!("../../benches/results/knobs.json");
const HEADER: &str = include_str!("../../include/rtsp_webrtc_gateway.h");

/// Width of the C enum's comments.
const WIDTH: usize = 100;

fn tables() -> String {
    let mut text = String::from("| knob | default | range | takes effect | what it does |\n");
    text += "|---|---:|---|---|---|\n";
    for knob in KNOBS {
        let applies = match knob.applies {
            Applies::Create => "at creation",
            Applies::NewSessions => "new sessions",
            Applies::Now => "now",
        };
        writeln!(
            text,
            "| `{}` | {} | {} to {} | {applies} | {} |",
            knob.name, knob.default, knob.min, knob.max, knob.help
        )
        .unwrap();
    }
    text += "\nValues that a profile sets:\n\n| knob |";
    for profile in Profile::ALL {
        write!(text, " {} (`{}`) |", profile as i64, profile.name()).unwrap();
    }
    text += "\n|---|";
    text += &"---:|".repeat(Profile::ALL.len());
    text += "\n";
    for knob in KNOBS {
        let values = Profile::ALL.map(|profile| knob.in_profile(profile));
        if values.iter().all(Option::is_some) {
            write!(text, "| `{}` |", knob.name).unwrap();
            for value in values.into_iter().flatten() {
                write!(text, " {value} |").unwrap();
            }
            text += "\n";
        }
    }
    text
}

/// The variants of `enum rtsp_webrtc_gateway_tuning_key`.
fn c_keys() -> String {
    let mut text = String::new();
    for knob in KNOBS {
        let applies = match knob.applies {
            Applies::Create => "fixed at creation",
            Applies::NewSessions => "applies to new sessions",
            Applies::Now => "applies immediately",
        };
        let comment = format!(
            "{} Default {}, range {} to {}, {applies}.",
            knob.help, knob.default, knob.min, knob.max
        );
        let mut line = String::from("    ///");
        for word in comment.split_whitespace() {
            if line.len() + 1 + word.len() > WIDTH {
                text += &line;
                line = String::from("\n    ///");
            }
            line += " ";
            line += word;
        }
        let name = knob.name.to_uppercase();
        let number = knob.key as i32;
        writeln!(
            text,
            "{line}\n    RTSP_WEBRTC_GATEWAY_TUNING_{name} = {number},"
        )
        .unwrap();
    }
    text
}

/// What a knob did to the figures of the defaults at the same load.
fn measurements() -> String {
    let results: Value = serde_json::from_str(MEASURED).unwrap();
    let rows = results["tables"][0]["rows"].as_array().unwrap();
    let figure = |row: &Value, name: &str| row[name].as_f64().unwrap();
    let mut text = format!("Measured on {}.\n\n", results["machine"].as_str().unwrap());
    text += "| cameras x viewers | knob | CPU us per packet | against the defaults \
             | latency p50 / p95 ms | KiB per viewer |\n";
    text += "|---|---|---:|---:|---:|---:|\n";
    let mut default = 1.0;
    for row in rows {
        let cpu = figure(row, "CPU \u{b5}s per packet");
        let system = row["system"].as_str().unwrap();
        let (knob, change) = match system.strip_prefix("gateway ") {
            Some(knob) => (
                format!("`{}`", knob.replace('=', " = ")),
                format!("{:+.0} %", 100.0 * (cpu / default - 1.0)),
            ),
            None => {
                default = cpu;
                ("all defaults".to_owned(), String::new())
            }
        };
        writeln!(
            text,
            "| {} | {knob} | {cpu:.1} | {change} | {:.1} / {:.1} | {:.0} |",
            row["load"].as_str().unwrap().replace('x', " x "),
            figure(row, "latency p50 ms"),
            figure(row, "latency p95 ms"),
            figure(row, "KiB per viewer"),
        )
        .unwrap();
    }
    text
}

#[test]
fn docs_are_up_to_date() {
    check(
        "docs/tuning.md",
        &[
            ("src/tuning/table.rs", tables()),
            ("benches/results/knobs.json", measurements()),
        ],
    );
}

#[test]
fn the_c_enum_is_up_to_date() {
    check("src/ffi/tuning.rs", &[("src/tuning/table.rs", c_keys())]);
}

/// Names in code marks: `word`, or the word before ` = value`.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split('`').skip(1).step_by(2);
    let word =
        |code: &&str| !code.is_empty() && code.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    code.map(|code| code.split(" = ").next().unwrap_or(code))
        .filter(word)
}

#[test]
fn the_document_names_only_what_exists() {
    let gateway = Gateway::new(Config::default()).unwrap();
    let metrics = gateway.metrics().unwrap();
    gateway.shutdown(Duration::from_secs(10)).unwrap();
    let metrics: Vec<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let functions = HEADER.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let mut known: Vec<&str> = metrics.iter().copied().chain(functions).collect();
    known.extend(KNOBS.iter().map(|knob| knob.name));
    known.extend(Profile::ALL.map(Profile::name));
    let text = include_str!("../../docs/tuning.md");
    let unknown: Vec<&str> = names(text).filter(|name| !known.contains(name)).collect();
    assert_eq!(unknown, [""; 0]);
    assert!(names(text).any(|name| metrics.contains(&name)));
}
