//! docs/quirks.md agrees with src/source/quirks.rs. `UPDATE_DOCS=1 cargo test --test consistency`
//! regenerates it.

use std::fmt::Write;

use rtsp_webrtc_gateway::internals::source::Quirk;

const BEGIN: &str = "<!-- generated from src/source/quirks.rs: begin -->\n";
const END: &str = "<!-- generated from src/source/quirks.rs: end -->\n";

fn table() -> String {
    let mut text = String::from("| name | what the camera does |\n|---|---|\n");
    for quirk in Quirk::ALL {
        writeln!(text, "| `{}` | {} |", quirk.name(), quirk.meaning()).unwrap();
    }
    text
}

#[test]
fn docs_are_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/quirks.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the begin mark");
    let (_, after) = rest.split_once(END).expect("the end mark");
    let expected = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &expected).unwrap();
        return;
    }
    assert!(
        text == expected,
        "run UPDATE_DOCS=1 cargo test --test consistency"
    );
}
