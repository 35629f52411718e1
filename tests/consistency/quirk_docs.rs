//! docs/quirks.md agrees with src/source/quirks.rs. `UPDATE_DOCS=1 cargo test --test consistency`
//! regenerates it.

use std::fmt::Write;

use rtsp_webrtc_gateway::internals::source::Quirk;

use crate::generated::check;

fn table() -> String {
    let mut text = String::from("| name | what the camera does |\n|---|---|\n");
    for quirk in Quirk::ALL {
        writeln!(text, "| `{}` | {} |", quirk.name(), quirk.meaning()).unwrap();
    }
    text
}

#[test]
fn docs_are_up_to_date() {
    check("docs/quirks.md", &[("src/source/quirks.rs", table())]);
}
