//! What comes goes without a trace: memory, threads and descriptors, over many sessions, cameras and
//! gateways.
#![cfg(target_os = "linux")]

use std::fs;
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::config::{Config, WhepOffer};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::tuning::Key;
use testkit::viewer::Viewer;

mod common;

use common::{DEAD, LONG, cameras, chromium, post, pull, watch};

/// What the allocator may still take after the warm-up. A session or a camera that leaks costs more
/// over the rounds below.
const SLACK_KIB: usize = 1024;
/// How often the rounds are repeated if they cost more. A leak costs the same each time; an arena of the
/// allocator, which it opens when threads meet in it, costs once.
const REPEATS: usize = 6;

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
    for repeat in 1..=REPEATS {
        let before = usage();
        (0..count).for_each(&mut round);
        let after = settled(&before);
        println!("{what}, {count} times: {before:?} to {after:?}");
        if after.resident_kib <= before.resident_kib + SLACK_KIB {
            return;
        }
        assert!(repeat < REPEATS, "{what}: memory grows with every round");
    }
}

/// What is used when threads and sockets that were told to end have ended: no more of them than before.
fn settled(before: &Usage) -> Usage {
    let end = Instant::now() + LONG;
    loop {
        let after = usage();
        if after.threads <= before.threads && after.descriptors <= before.descriptors {
            return after;
        }
        assert!(Instant::now() < end, "{before:?} grew to {after:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Rounds of each kind; CHURN=N multiplies them.
fn rounds(count: usize) -> usize {
    let factor = std::env::var("CHURN").map_or(1, |factor| factor.parse().unwrap());
    count * factor
}

/// One test, as all measure the same process.
#[test]
fn nothing_is_left_of_what_came_and_went() {
    let cameras = cameras(&["cam"]);
    let gateway = Gateway::new(Config {
        // What the stream itself keeps is soon at its limit.
        tuning: vec![
            (Key::GopCacheMs, 100),
            (Key::WorkerThreads, 2),
            (Key::MaxWorkerLoadPercent, 0),
        ],
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
        let (mut viewer, response) = watch(&gateway, "cam");
        if round % 2 == 0 {
            gateway.handle_whep_delete(&response.session_key).unwrap();
            assert!(viewer.run_till(LONG, Viewer::is_closed));
        } else {
            viewer.viewer.close(Instant::now());
            viewer.run_till(Duration::from_millis(1), |_| false);
        }
    });

    let sdp = chromium().viewer.offer();
    let counts = (rounds(200), rounds(1000));
    costs_nothing("sessions that nobody connects to", counts, |_| {
        let response = offer(&sdp);
        gateway.handle_whep_delete(&response.session_key).unwrap();
    });

    let counts = (rounds(200), rounds(1000));
    costs_nothing("cameras that are not there", counts, |_| {
        let stream = gateway.add_stream("dead", pull(DEAD)).unwrap();
        gateway.remove_stream(stream).unwrap();
    });

    let counts = (rounds(3), rounds(10));
    costs_nothing("cameras that play", counts, |_| {
        let stream = gateway
            .add_stream("again", pull(cameras.url("cam")))
            .unwrap();
        let response = post(&gateway, "again", &sdp).unwrap();
        assert_eq!(response.status, 201);
        gateway.remove_stream(stream).unwrap();
    });
    gateway.shutdown(LONG).unwrap();
    drop(gateway);

    // Each thread of the first ones gets an arena of the allocator.
    costs_nothing("gateways", (rounds(15), rounds(15)), |_| {
        let gateway = Gateway::new(Config::default()).unwrap();
        gateway.add_stream("cam", pull(cameras.url("cam"))).unwrap();
        gateway.add_stream("dead", pull(DEAD)).unwrap();
        gateway.shutdown(LONG).unwrap();
    });
}
