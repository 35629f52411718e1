//! What comes in through the host: names, paths, timeouts, and thousands of damaged offers on a
//! stream that somebody watches.

use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::config::{Config, WhepOffer};
use rtsp_webrtc_gateway::error::{Result, Status};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::whep::Response;
use testkit::camera::CameraServer;

use crate::common::{LONG, cameras, chromium, frames, has_frames, pull, watch};

/// How much longer a byte of a hostile offer may take than one of an ordinary offer.
const SLOWER: u32 = 10;

fn site() -> (CameraServer, Gateway) {
    let camera = cameras(&["cam"]);
    let gateway = Gateway::new(Config::default()).unwrap();
    gateway.add_stream("cam", pull(camera.url("cam"))).unwrap();
    (camera, gateway)
}

fn post(gateway: &Gateway, sdp: &[u8]) -> Result<Response> {
    gateway.handle_whep_offer(&WhepOffer {
        stream: "cam",
        sdp,
        timeout: Some(LONG),
        ..WhepOffer::default()
    })
}

/// `offer` with one to four places damaged.
fn damage(random: &mut fastrand::Rng, offer: &[u8]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = offer.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
    for _ in 0..=random.usize(..4) {
        let (i, j) = (random.usize(..lines.len()), random.usize(..lines.len()));
        let place = random.usize(..lines[i].len() + 1);
        match random.usize(..8) {
            0 => lines[i].truncate(place),
            1 => lines.swap(i, j),
            2 => lines.insert(j, lines[i].clone()),
            3 if lines.len() > 1 => drop(lines.remove(i)),
            4 => lines[i].insert(place, random.usize(..256) as u8),
            5 => {
                let digits: &[u8] = [
                    &b"0"[..],
                    b"-1",
                    b"127",
                    b"128",
                    b"65536",
                    b"4294967296",
                    b"99999999999999999999",
                ][random.usize(..7)];
                lines[i].splice(place..place, digits.iter().copied());
            }
            6 => {
                let text: &[u8] =
                    [&b" "[..], b":", b";", b"=", b"/", b"*", "é".as_bytes()][random.usize(..7)];
                lines[i].splice(place..place, text.iter().copied());
            }
            _ => {
                if let Some(byte) = lines[i].get_mut(place) {
                    *byte ^= 1 << random.usize(..8);
                }
            }
        }
    }
    lines.join(&b'\n')
}

#[test]
fn damaged_offers_do_not_disturb_who_watches() {
    let (_camera, gateway) = site();
    let (mut viewer, _) = watch(&gateway, "cam");
    let offer = chromium().viewer.offer();
    let accepted = std::thread::scope(|scope| {
        let damaged = scope.spawn(|| {
            let mut random = fastrand::Rng::with_seed(1);
            let mut accepted = Vec::new();
            for _ in 0..4000 {
                match post(&gateway, &damage(&mut random, offer.as_bytes())) {
                    Ok(response) => accepted.push(response),
                    Err(error) => {
                        assert_ne!(error.status(), Status::Panic, "{error}");
                        assert!(!error.message().contains(char::is_control), "{error}");
                    }
                }
            }
            accepted
        });
        while !damaged.is_finished() {
            viewer.run_till(Duration::from_millis(20), |_| false);
        }
        damaged.join().unwrap()
    });
    assert!((100..3900).contains(&accepted.len()), "{}", accepted.len());
    for response in accepted {
        assert!(response.body.lines().all(|line| line.as_bytes()[1] == b'='));
        gateway.handle_whep_delete(&response.session_key).unwrap();
    }
    let now = frames(&viewer.viewer);
    assert!(viewer.run_till(LONG, has_frames(now + 10)));
    assert_eq!(viewer.viewer.video.lost(), 0);
}

#[test]
fn the_largest_offers_take_little_longer_than_others() {
    let (_camera, gateway) = site();
    let offer = chromium().viewer.offer();
    let took = |sdp: &str| {
        let begun = Instant::now();
        let _ = post(&gateway, sdp.as_bytes());
        begun.elapsed()
    };
    let usual = (0..20).map(|_| took(&offer)).min().unwrap();
    let all: Vec<String> = (0..128).map(|n| n.to_string()).collect();
    let wide = offer.replace("SAVPF 96 97", &format!("SAVPF {}", all.join(" ")));
    for line in [
        "a=x
",
        "a=rtcp-fb:* nack
",
        "a=rtcp-fb:* x0123456789abcdef
",
        "a=fmtp:96 profile-level-id=42e01f
",
        "a=fingerprint:sha-256 00
",
        "a=extmap:1 u
",
        "a=candidate:1 1 UDP 1 127.0.0.1 9 typ host
",
        "a=group:BUNDLE 0 0 0 0 0 0 0 0 0 0
",
        "m=video 9 UDP/TLS/RTP/SAVPF 96
",
    ] {
        for head in [&offer, &wide] {
            let times = (128 * 1024 - head.len()) / line.len();
            let sdp = head.clone() + &line.repeat(times);
            // Between what grows with the size and what grows with its square. A busy machine makes a
            // call slow once, bad code each time.
            let limit = usual * (sdp.len() / offer.len()) as u32 * SLOWER;
            let best = (0..10).map(|_| took(&sdp)).find(|&took| took < limit);
            assert!(best.is_some(), "{line:?} takes longer than {limit:?}");
        }
    }
}

#[test]
fn arguments_without_sense_are_errors() {
    let (_camera, gateway) = site();
    for name in [
        "",
        "a/b",
        "..\u{0}",
        "é",
        &"x".repeat(129),
        "a b",
        "<script>",
    ] {
        let error = gateway
            .add_stream(name, pull("rtsp://127.0.0.1:1/"))
            .unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument, "{name:?}");
    }
    let offer = chromium().viewer.offer();
    let whep = |prefix| {
        gateway.handle_whep_offer(&WhepOffer {
            stream: "cam",
            sdp: offer.as_bytes(),
            location_prefix: Some(prefix),
            timeout: Some(Duration::MAX),
            ..WhepOffer::default()
        })
    };
    let error = whep("/cam\r\nSet-Cookie: a=b\r\n/").unwrap_err();
    assert_eq!(error.status(), Status::InvalidArgument);
    whep("/cam/").unwrap();
    for key in ["", "x", &"0".repeat(32), &"0".repeat(1 << 20)] {
        let error = gateway.handle_whep_delete(key).unwrap_err();
        assert_eq!(error.status(), Status::NotFound);
    }
    gateway.shutdown(Duration::MAX).unwrap();
}
