//! The committed header is the one that the sources make.

use std::path::Path;
use std::{env, fs};

const MADE: &str = include_str!(concat!(env!("OUT_DIR"), "/rtsp_webrtc_gateway.h"));

#[test]
fn header_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/rtsp_webrtc_gateway.h");
    if env::var_os("UPDATE_HEADER").is_some() {
        fs::write(&path, MADE).expect("include/ is writable");
    }
    // A checkout may have put line ends of its own.
    let committed = fs::read_to_string(&path)
        .unwrap_or_default()
        .replace("\r\n", "\n");
    assert!(
        committed == MADE,
        "{} differs from what src/ffi makes. Regenerate it with \
         `UPDATE_HEADER=1 cargo test --test consistency`.",
        path.display()
    );
}

/// Declarations of the header that have no `/** ... */` above them: macros for the host, functions,
/// types, fields, values of enums.
fn undocumented(header: &str) -> Vec<String> {
    let api = header
        .find("#include <stdint.h>")
        .expect("the head ends with includes");
    let mut documented = false;
    let mut comment = false;
    let mut missing = Vec::new();
    let mut lines = header[api..].lines().skip(1).map(str::trim).peekable();
    while let Some(line) = lines.next() {
        if comment || line.starts_with("/*") {
            documented |= line.starts_with("/**");
            comment = !line.ends_with("*/");
            continue;
        }
        let internal = |name: &str| line.contains(&format!("RTSP_WEBRTC_GATEWAY_{name}"));
        match line {
            "" => documented = false,
            _ if line.starts_with(['}', '#']) && !line.starts_with("#define") => {}
            _ if line.starts_with("#define") && (internal("API") || internal("MUST_USE")) => {}
            "extern \"C\" {" => {}
            _ => {
                if !documented {
                    missing.push(line.to_owned());
                }
                // To the end of the declaration; what is in braces is declared by itself.
                let mut last = line;
                while last.ends_with('\\')
                    || !(line.starts_with("#define") || last.ends_with(['{', ';', ',']))
                    || last.ends_with(',') && last.contains(['(', ' ']) && !last.contains('=')
                {
                    last = lines.next().expect("a declaration has an end");
                }
                // The macros of the version share one comment.
                documented &= lines.peek().is_some_and(|next| next.starts_with("#define"))
                    && line.starts_with("#define");
            }
        }
    }
    missing
}

#[test]
fn every_declaration_is_documented() {
    assert_eq!(undocumented(MADE), [""; 0]);
}

#[test]
fn a_missing_comment_is_found() {
    let mut comments = 0;
    let mut found = 0;
    // Without one comment at a time. Those of the version's macros and of file sections are skipped.
    for (start, _) in MADE.match_indices("/**") {
        let end = start + MADE[start..].find("*/").expect("a comment ends") + 2;
        if MADE[end..].trim_start().starts_with('#') {
            continue;
        }
        comments += 1;
        found += undocumented(&(MADE[..start].to_owned() + &MADE[end..])).len();
    }
    assert!(comments > 150, "{comments} comments only");
    assert_eq!(found, comments);
}
