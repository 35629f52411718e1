//! From the POST of the offer to the first complete keyframe at the viewer.

use std::io;
use std::time::{Duration, Instant};

use testkit::viewer::{UdpViewer, Viewer, ViewerConfig};

use crate::args::Args;
use crate::process::Process;
use crate::report::{Table, number, write};
use crate::whep;

const LIMIT: Duration = Duration::from_secs(15);

/// Joins at random moments of GOPs of 1, 4 and 10 s.
pub fn measure(args: &Args) -> io::Result<()> {
    let tries = args.number("tries", if args.has("quick") { 10 } else { 40 });
    let mut table = Table::new(
        "Milliseconds from the POST of the offer",
        &[
            "GOP s",
            "joins",
            "answer p50",
            "DTLS connected p50",
            "DTLS connected p95",
            "first keyframe p50",
            "first keyframe p95",
            "first keyframe max",
        ],
    );
    for seconds in [1, 4, 10] {
        eprintln!("start with a GOP of {seconds} s");
        let gop = (seconds * 25).to_string();
        let (_cameras, urls) = Process::start("cameras", &["--gop".to_owned(), gop])?;
        let (_gateway, url) = Process::start("gateway", &["--cameras".to_owned(), urls])?;
        let url = url.replace("{}", "cam0");
        // Later joins fall anywhere in a GOP. The first one, which waits for the camera, is not counted.
        join(&url)?;
        let mut joins = Vec::new();
        let mut random = fastrand::Rng::with_seed(seconds);
        for _ in 0..tries {
            std::thread::sleep(Duration::from_millis(random.u64(0..300)));
            joins.push(join(&url)?);
        }
        let percentile = |part: fn(&Join) -> Duration, percent: usize| {
            let mut all: Vec<Duration> = joins.iter().map(part).collect();
            all.sort();
            let index = (all.len() * percent / 100).min(all.len() - 1);
            number(all[index].as_secs_f64() * 1e3, 1)
        };
        table.rows.push(vec![
            number(seconds as f64, 0),
            number(tries as f64, 0),
            percentile(|j| j.answered, 50),
            percentile(|j| j.connected, 50),
            percentile(|j| j.connected, 95),
            percentile(|j| j.picture, 50),
            percentile(|j| j.picture, 95),
            percentile(|j| j.picture, 100),
        ]);
    }
    let about = "A viewer in another process joins at random moments. The first keyframe is \
                 complete when its last packet has arrived and is decrypted. This viewer is a \
                 small one in Rust: a browser adds its own time for ICE, DTLS and decoding.";
    write("start", about, &[table])
}

struct Join {
    answered: Duration,
    connected: Duration,
    picture: Duration,
}

fn join(url: &str) -> io::Result<Join> {
    let config = ViewerConfig {
        audio: false,
        ..ViewerConfig::chromium()
    };
    let mut udp = UdpViewer::new(config)?;
    let offer = udp.viewer.offer();
    let start = Instant::now();
    let answer = whep::post(url, &offer)?;
    let answered = start.elapsed();
    udp.accept(&answer);
    let late = |what| io::Error::other(format!("no {what} within {LIMIT:?}"));
    if !udp.run_till(LIMIT, Viewer::is_connected) {
        return Err(late("DTLS"));
    }
    let connected = start.elapsed();
    if !udp.run_till(LIMIT, has_keyframe) {
        return Err(late("keyframe"));
    }
    let units = udp.viewer.video.access_units();
    let keyframe = units.iter().find(|unit| unit.is_keyframe());
    let picture = keyframe.map_or(LIMIT, |unit| unit.at - start);
    udp.viewer.close(Instant::now());
    udp.run_till(Duration::ZERO, |_| true);
    Ok(Join {
        answered,
        connected,
        picture,
    })
}

fn has_keyframe(viewer: &Viewer) -> bool {
    // Searching for whole frames is slow, and there is none before a marker.
    viewer.video.packets().any(|packet| packet.marker)
        && viewer
            .video
            .access_units()
            .iter()
            .any(|unit| unit.is_keyframe())
}
