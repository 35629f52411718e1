//! docs/tuning.md says what the table in src/tuning.rs and the measurements in benches/results say.
//! `UPDATE_DOCS=1 cargo test --test tuning_docs` writes it anew.

use std::fmt::Write;

use rtsp_webrtc_gateway::tuning::{Applies, KNOBS, PROFILES};
use serde_json::Value;

const MEASURED: &str = include_str!("../benches/results/knobs.json");

fn tables() -> String {
    let mut text = String::from("| knob | default | range | takes effect | what it does |\n");
    text += "|---|---|---|---|---|\n";
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
    text += "\n| profile | sets |\n|---|---|\n";
    for (number, (name, changes)) in PROFILES.iter().enumerate() {
        let changes: Vec<String> = changes
            .iter()
            .map(|(key, value)| format!("`{}` = {value}", key.knob().name))
            .collect();
        let changes = match changes.is_empty() {
            true => "the defaults".to_owned(),
            false => changes.join(", "),
        };
        writeln!(text, "| {number} (`{name}`) | {changes} |").unwrap();
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

/// `text` with what is between the marks of `source` replaced.
fn with_generated(text: &str, source: &str, generated: &str) -> String {
    let begin = format!("<!-- generated from {source}: begin -->\n");
    let end = format!("<!-- generated from {source}: end -->\n");
    let (before, rest) = text.split_once(&begin).expect("the begin mark");
    let (_, after) = rest.split_once(&end).expect("the end mark");
    format!("{before}{begin}{generated}{end}{after}")
}

#[test]
fn docs_are_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/tuning.md");
    let text = std::fs::read_to_string(path).unwrap();
    let expected = with_generated(&text, "src/tuning.rs", &tables());
    let expected = with_generated(&expected, "benches/results/knobs.json", &measurements());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &expected).unwrap();
        return;
    }
    assert!(
        text == expected,
        "run UPDATE_DOCS=1 cargo test --test tuning_docs"
    );
}
