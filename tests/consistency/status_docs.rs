//! docs/status.md agrees with src/error.rs and the header. `UPDATE_DOCS=1 cargo test --test consistency`
//! regenerates it.

use std::fmt::Write;

use rtsp_webrtc_gateway::error::Status;

use crate::generated::check;

const HEADER: &str = include_str!("../../include/rtsp_webrtc_gateway.h");

/// Name, number and documentation of each status in the header.
fn declared() -> Vec<(String, i32, String)> {
    let (_, rest) = HEADER
        .split_once("typedef enum rtsp_webrtc_gateway_status {")
        .expect("the enum");
    let (body, _) = rest.split_once('}').expect("its end");
    let mut documentation = String::new();
    let mut all = Vec::new();
    for line in body.lines().map(str::trim) {
        if let Some((name, number)) = line.trim_end_matches(',').split_once(" = ") {
            let number = number.parse().expect("a number");
            all.push((name.to_owned(), number, std::mem::take(&mut documentation)));
        } else {
            let text = line.trim_start_matches("/**").trim_end_matches("*/");
            documentation += text.trim_start_matches('*').trim();
            documentation += " ";
        }
    }
    all
}

fn table() -> String {
    let mut text = String::from("| constant | value | HTTP | text | meaning |\n");
    text += "|---|---:|---:|---|---|\n";
    let declared = declared();
    assert_eq!(declared.len(), Status::ALL.len());
    for (name, number, documentation) in declared {
        let status = Status::from_code(number).expect("the header has no status of its own");
        let http = format!(" HTTP {}.", status.http());
        let meaning = documentation
            .trim()
            .strip_suffix(&http)
            .unwrap_or_else(|| panic!("the comment of {name} does not end with{http}"));
        writeln!(
            text,
            "| `{name}` | {number} | {} | {} | {meaning} |",
            status.http(),
            status.text()
        )
        .unwrap();
    }
    text
}

#[test]
fn docs_are_up_to_date() {
    check("docs/status.md", &[("src/error.rs", table())]);
}
