//! A player that others wrote: aiortc, with ICE, DTLS, SRTP and a jitter buffer of its own.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use rtsp_webrtc_gateway::config::Config;
use testkit::clip::Clip;
use testkit::net::Link;
use testkit::relay::Relay;

use super::site::Site;
use crate::common::{attribute, chromium, post, wait_for};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

const CLIP: Clip = Clip::Baseline360p;

/// Plays so many pictures, through a relay at this port if there is one, and ends the session.
fn play(site: &Site, pictures: usize, relay: Option<u16>) {
    let url = format!("http://{}/door/whep", site.address);
    let output = Command::new(format!("{ROOT}/target/players/bin/python"))
        .arg(format!("{ROOT}/tests/players/aiortc_whep.py"))
        .args([url, pictures.to_string()])
        .args(relay.map(|port| port.to_string()))
        .output()
        .expect("aiortc is missing: scripts/setup.sh test installs it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let (width, height) = CLIP.size();
    let size = String::from_utf8_lossy(&output.stdout);
    assert_eq!(size.trim(), format!("{width}x{height}"));
    wait_for("the end of the session", || {
        site.gateway.sessions().unwrap().is_empty()
    });
}

#[test]
fn aiortc_plays_from_the_listener() {
    play(&Site::with_camera(Config::default()), 50, None);
}

/// It sends no transport-wide feedback.
#[test]
fn aiortc_plays_behind_a_thin_link() {
    let site = Site::with_camera(Config::default());
    let answer = post(&site.gateway, "door", &chromium().viewer.offer()).unwrap();
    site.gateway.close_session(answer.session).unwrap();
    let candidate = attribute(&answer.body, "candidate");
    let port = candidate.split(' ').nth(5).unwrap().parse().unwrap();
    let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let bits = 8 * CLIP.annex_b().len() as u64;
    let seconds = CLIP.access_units().len() as u64 / u64::from(CLIP.frame_rate());
    // A fifth wider than the stream with what is around it.
    let link = Link {
        bandwidth: (bits / seconds * 6 / 5 + 64_000).into(),
        queue: Duration::from_millis(200),
        ..Link::default()
    };
    // On a machine that is busy, what was to leave in 100 ms may leave at once: once of three times it is not.
    let fits = (0..3).any(|_| {
        let relay = Relay::start(loopback(0), loopback(port), link, Link::default(), 1).unwrap();
        play(&site, 200, Some(relay.address().port()));
        let counts = relay.counts();
        assert!(counts.sent > 200, "{counts:?}");
        counts.overflowed < counts.sent / 10
    });
    assert!(fits, "more than a tenth did not fit, each time");
}
