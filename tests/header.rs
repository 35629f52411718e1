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
        "{} differs from what src/ffi makes. Write it anew with \
         `UPDATE_HEADER=1 cargo test --test header`.",
        path.display()
    );
}
