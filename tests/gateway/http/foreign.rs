//! A player that others wrote: aiortc, with ICE, DTLS, SRTP and a jitter buffer of its own.

use std::process::Command;

use rtsp_webrtc_gateway::config::Config;
use testkit::clip::Clip;

use super::site::Site;
use crate::common::wait_for;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn aiortc_plays_from_the_listener() {
    let site = Site::with_camera(Config::default());
    let output = Command::new(format!("{ROOT}/target/players/bin/python"))
        .arg(format!("{ROOT}/tests/players/aiortc_whep.py"))
        .args([&format!("http://{}/door/whep", site.address), "50"])
        .output()
        .expect("aiortc is missing: scripts/setup.sh test installs it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let (width, height) = Clip::Baseline360p.size();
    let size = String::from_utf8_lossy(&output.stdout);
    assert_eq!(size.trim(), format!("{width}x{height}"));
    wait_for("the end of the session", || {
        site.gateway.sessions().unwrap().is_empty()
    });
}
