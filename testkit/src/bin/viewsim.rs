//! A simulated viewer on the command line; see `viewsim --help`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use testkit::viewer::{UdpViewer, Viewer, ViewerConfig};

const HELP: &str = "\
Usage: viewsim http://127.0.0.1:PORT/STREAM/whep [SECONDS]

Watches a stream as Chromium would, over UDP on the loopback interface, for SECONDS [5] from its first frame on.
Prints one line: what it got, or why nothing. Fails if there is no frame, or a gap between two of more than a second.
";

/// No answer and no frame takes this long unless something is broken, even in an emulator.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two frames.
const LONGEST_GAP: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (url, seconds) = (args.next(), args.next());
    let seconds = seconds.map_or(Ok(5), |seconds| seconds.parse());
    let (Some(url), Ok(seconds)) = (url.filter(|url| url != "--help"), seconds) else {
        print!("{HELP}");
        return ExitCode::from(2);
    };
    match watch(&url, Duration::from_secs(seconds)) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn watch(url: &str, time: Duration) -> Result<String, String> {
    let mut viewer = UdpViewer::new(ViewerConfig::chromium()).map_err(|e| e.to_string())?;
    let begun = Instant::now();
    let answer = post(url, &viewer.viewer.offer())?;
    viewer.accept(&answer);
    if !viewer.run_till(PATIENCE, Viewer::is_connected) {
        return Err("no connection".to_owned());
    }
    let connected = begun.elapsed();
    if !viewer.run_till(PATIENCE, |viewer| frames(viewer) > 0) {
        return Err("no frame".to_owned());
    }
    let first = begun.elapsed();
    let end = Instant::now() + time;
    let mut longest = Duration::ZERO;
    while Instant::now() < end {
        let (before, since) = (frames(&viewer.viewer), Instant::now());
        if !viewer.run_till(PATIENCE, |viewer| frames(viewer) > before) {
            return Err("the video stopped".to_owned());
        }
        longest = longest.max(since.elapsed());
    }
    let video = &viewer.viewer.video;
    let report = format!(
        "connected after {} ms, first frame after {} ms, then {} s: {} frames in {} packets, {} lost, at most \
         {} ms between two frames",
        connected.as_millis(),
        first.as_millis(),
        time.as_secs(),
        frames(&viewer.viewer),
        video.count(),
        video.lost(),
        longest.as_millis(),
    );
    match longest <= LONGEST_GAP {
        true => Ok(report),
        false => Err(report),
    }
}

fn frames(viewer: &Viewer) -> usize {
    viewer.video.packets().filter(|p| p.marker).count()
}

/// Posts the offer and returns the answer. The stream may still be connecting: the gateway waits for it.
fn post(url: &str, offer: &str) -> Result<String, String> {
    let (host, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .ok_or("the URL is none of http://")?;
    let mut socket = TcpStream::connect(host).map_err(|e| format!("{host}: {e}"))?;
    let request = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{offer}",
        offer.len()
    );
    let mut response = String::new();
    socket
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| socket.write_all(request.as_bytes()))
        .and_then(|()| socket.read_to_string(&mut response))
        .map_err(|e| format!("{host}: {e}"))?;
    match response.split_once("\r\n\r\n") {
        Some((head, answer)) if head.starts_with("HTTP/1.1 201 ") => Ok(answer.to_owned()),
        _ => Err(format!("the gateway refused: {response}")),
    }
}
