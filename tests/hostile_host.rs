//! What comes in through the host: names, paths, timeouts, and thousands of damaged offers on a
//! stream that somebody watches.

use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::config::{Config, PullOptions, WhepOffer};
use rtsp_webrtc_gateway::error::{Result, Status};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::whep::Response;
use testkit::camera::{CameraConfig, CameraServer};
use testkit::clip::Clip;
use testkit::viewer::{UdpViewer, Viewer, ViewerConfig};

const LONG: Duration = Duration::from_secs(20);

fn site() -> (CameraServer, Gateway) {
    let config = CameraConfig::new("cam").clip(Clip::Baseline360p);
    let camera = CameraServer::start(vec![config]).unwrap();
    let gateway = Gateway::new(Config::default()).unwrap();
    let options = PullOptions {
        url: camera.url("cam"),
        ..PullOptions::default()
    };
    gateway.add_stream("cam", options).unwrap();
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

fn pictures(viewer: &Viewer) -> usize {
    viewer.video.packets().filter(|p| p.marker).count()
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    /// `offer` with one to four places damaged.
    fn damage(&mut self, offer: &[u8]) -> Vec<u8> {
        let mut lines: Vec<Vec<u8>> = offer.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
        for _ in 0..=self.below(4) {
            let (i, j) = (self.below(lines.len()), self.below(lines.len()));
            let place = self.below(lines[i].len() + 1);
            match self.below(8) {
                0 => lines[i].truncate(place),
                1 => lines.swap(i, j),
                2 => lines.insert(j, lines[i].clone()),
                3 if lines.len() > 1 => drop(lines.remove(i)),
                4 => lines[i].insert(place, self.below(256) as u8),
                5 => {
                    let digits: &[u8] = [
                        &b"0"[..],
                        b"-1",
                        b"127",
                        b"128",
                        b"65536",
                        b"4294967296",
                        b"99999999999999999999",
                    ][self.below(7)];
                    lines[i].splice(place..place, digits.iter().copied());
                }
                6 => {
                    let text: &[u8] =
                        [&b" "[..], b":", b";", b"=", b"/", b"*", "é".as_bytes()][self.below(7)];
                    lines[i].splice(place..place, text.iter().copied());
                }
                _ => {
                    if let Some(byte) = lines[i].get_mut(place) {
                        *byte ^= 1 << self.below(8);
                    }
                }
            }
        }
        lines.join(&b'\n')
    }
}

#[test]
fn damaged_offers_do_not_disturb_who_watches() {
    let (_camera, gateway) = site();
    let mut viewer = UdpViewer::new(ViewerConfig::chromium()).unwrap();
    let offer = viewer.viewer.offer();
    viewer.accept(&post(&gateway, offer.as_bytes()).unwrap().body);
    assert!(viewer.run_till(LONG, |v| pictures(v) > 0));
    let accepted = std::thread::scope(|scope| {
        let damaged = scope.spawn(|| {
            let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
            let mut accepted = Vec::new();
            for _ in 0..4000 {
                match post(&gateway, &numbers.damage(offer.as_bytes())) {
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
    let now = pictures(&viewer.viewer);
    assert!(viewer.run_till(LONG, |v| pictures(v) >= now + 10));
    assert_eq!(viewer.viewer.video.lost(), 0);
}

#[test]
fn the_largest_offers_take_no_time() {
    let (_camera, gateway) = site();
    let offer = UdpViewer::new(ViewerConfig::chromium())
        .unwrap()
        .viewer
        .offer();
    let all: Vec<String> = (0..128).map(|n| n.to_string()).collect();
    let wide = offer.replace("SAVPF 96 97", &format!("SAVPF {}", all.join(" ")));
    for line in [
        "a=x\r\n",
        "a=rtcp-fb:* nack\r\n",
        "a=rtcp-fb:* x0123456789abcdef\r\n",
        "a=fmtp:96 profile-level-id=42e01f\r\n",
        "a=fingerprint:sha-256 00\r\n",
        "a=extmap:1 u\r\n",
        "a=candidate:1 1 UDP 1 127.0.0.1 9 typ host\r\n",
        "a=group:BUNDLE 0 0 0 0 0 0 0 0 0 0\r\n",
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
    ] {
        for head in [&offer, &wide] {
            let sdp = head.clone() + &line.repeat((128 * 1024 - head.len()) / line.len());
            let begun = Instant::now();
            let result = post(&gateway, sdp.as_bytes());
            let took = begun.elapsed();
            println!("{took:?} {line:?} {:?}", result.map(|r| r.body.len()));
            assert!(took < Duration::from_secs(10), "{line:?}: {took:?}");
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
        let options = PullOptions {
            url: "rtsp://127.0.0.1:1/".to_owned(),
            ..PullOptions::default()
        };
        let error = gateway.add_stream(name, options).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument, "{name:?}");
    }
    let offer = UdpViewer::new(ViewerConfig::chromium())
        .unwrap()
        .viewer
        .offer();
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
