//! docs/tuning.md says what the table in src/tuning.rs says. `UPDATE_DOCS=1 cargo test --test
//! tuning_docs` writes it anew.

use std::fmt::Write;

use rtsp_webrtc_gateway::tuning::{Applies, KNOBS, PROFILES};

const BEGIN: &str = "<!-- generated from src/tuning.rs: begin -->\n";
const END: &str = "<!-- generated from src/tuning.rs: end -->\n";

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

#[test]
fn docs_are_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/tuning.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the begin mark");
    let (_, after) = rest.split_once(END).expect("the end mark");
    let expected = format!("{before}{BEGIN}{}{END}{after}", tables());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &expected).unwrap();
        return;
    }
    assert!(
        text == expected,
        "run UPDATE_DOCS=1 cargo test --test tuning_docs"
    );
}
