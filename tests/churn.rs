//! What comes goes without a trace: memory, threads and descriptors, over many sessions, cameras and
//! gateways.
#![cfg(target_os = "linux")]

use std::fs;
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::config::{Config, PullOptions, WhepOffer};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::tuning::Key;
use testkit::camera::{CameraConfig, CameraServer};
use testkit::clip::Clip;
use testkit::viewer::{UdpViewer, Viewer, ViewerConfig};

const LONG: Duration = Duration::from_secs(20);
/// What the allocator and the threads' stacks may still take after the warm-up. A session or a
/// camera that leaks costs more than that over the rounds below.
const SLACK_KIB: usize = 1536;

#[derive(Debug)]
struct Usage {
    resident_kib: usize,
    threads: usize,
    descriptors: usize,
}

fn usage() -> Usage {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let number = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    Usage {
        resident_kib: number("VmRSS:"),
        threads: number("Threads:"),
        descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
    }
}

/// Does `round` `warm_up` times, then `count` times more; the second part must not cost anything.
fn costs_nothing(what: &str, (warm_up, count): (usize, usize), mut round: impl FnMut(usize)) {
    (0..warm_up).for_each(&mut round);
    let before = usage();
    (0..count).for_each(&mut round);
    // Threads and sockets that are told to end take a moment.
    let end = Instant::now() + LONG;
    loop {
        let after = usage();
        println!("{what}, {count} times: {before:?} to {after:?}");
        if after.resident_kib <= before.resident_kib + SLACK_KIB
            && after.threads <= before.threads
            && after.descriptors <= before.descriptors
        {
            return;
        }
        assert!(Instant::now() < end, "{what}: {before:?} grew to {after:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Rounds of each kind; CHURN=N multiplies them.
fn rounds(count: usize) -> usize {
    let factor = std::env::var("CHURN").map_or(1, |factor| factor.parse().unwrap());
    count * factor
}

fn pull(url: String) -> PullOptions {
    PullOptions {
        url,
        ..PullOptions::default()
    }
}

/// One test, as all measure the same process.
#[test]
fn nothing_is_left_of_what_came_and_went() {
    let camera = CameraConfig::new("cam").clip(Clip::Baseline360p);
    let cameras = CameraServer::start(vec![camera]).unwrap();

    let gateway = Gateway::new(Config {
        // What the stream itself keeps is soon at its limit.
        tuning: vec![(Key::GopCacheMs, 100), (Key::WorkerThreads, 2)],
        ..Config::default()
    })
    .unwrap();
    gateway.add_stream("cam", pull(cameras.url("cam"))).unwrap();
    let offer = |sdp: &str| {
        gateway
            .handle_whep_offer(&WhepOffer {
                stream: "cam",
                sdp: sdp.as_bytes(),
                location_prefix: Some("/cam/whep/"),
                timeout: Some(LONG),
                ..WhepOffer::default()
            })
            .unwrap()
    };

    costs_nothing("viewers that watch", (rounds(5), rounds(20)), |round| {
        let mut viewer = UdpViewer::new(ViewerConfig::chromium()).unwrap();
        let response = offer(&viewer.viewer.offer());
        viewer.accept(&response.body);
        assert!(viewer.run_till(LONG, |viewer| viewer.video.count() > 0));
        if round % 2 == 0 {
            gateway.handle_whep_delete(&response.session_key).unwrap();
            assert!(viewer.run_till(LONG, Viewer::is_closed));
        } else {
            viewer.viewer.close(Instant::now());
            viewer.run_till(Duration::from_millis(1), |_| false);
        }
    });

    let sdp = UdpViewer::new(ViewerConfig::chromium()).unwrap();
    let sdp = sdp.viewer.offer();
    let counts = (rounds(200), rounds(1000));
    costs_nothing("sessions that nobody connects to", counts, |_| {
        let response = offer(&sdp);
        gateway.handle_whep_delete(&response.session_key).unwrap();
    });

    let counts = (rounds(200), rounds(1000));
    costs_nothing("cameras that are not there", counts, |_| {
        let dead = pull("rtsp://127.0.0.1:9/dead".to_owned());
        let stream = gateway.add_stream("dead", dead).unwrap();
        gateway.remove_stream(stream).unwrap();
    });

    let counts = (rounds(3), rounds(10));
    costs_nothing("cameras that play", counts, |_| {
        let stream = gateway
            .add_stream("again", pull(cameras.url("cam")))
            .unwrap();
        let response = gateway
            .handle_whep_offer(&WhepOffer {
                stream: "again",
                sdp: sdp.as_bytes(),
                timeout: Some(LONG),
                ..WhepOffer::default()
            })
            .unwrap();
        assert_eq!(response.status, 201);
        gateway.remove_stream(stream).unwrap();
    });
    gateway.shutdown(LONG).unwrap();
    drop(gateway);

    // Each thread of the first ones gets an arena of the allocator.
    costs_nothing("gateways", (rounds(15), rounds(15)), |_| {
        let gateway = Gateway::new(Config::default()).unwrap();
        gateway.add_stream("cam", pull(cameras.url("cam"))).unwrap();
        let dead = pull("rtsp://127.0.0.1:9/dead".to_owned());
        gateway.add_stream("dead", dead).unwrap();
        gateway.shutdown(LONG).unwrap();
    });
}
