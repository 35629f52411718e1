//! Where the tracks of a camera are said to be. The numbers are those of public reports.

use testkit::camera::{CameraConfig, Exchange, Script};

use crate::seen::{camera, play};

/// A camera that has its track only at `path` behind the URL that was described, and says so with this `control` and base.
fn at(
    path: &'static str,
    name: &str,
    control: Option<&'static str>,
    base: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
) -> CameraConfig {
    let described = std::sync::Mutex::new(String::new());
    let script = Script::new()
        .description(move |sdp| {
            let line = control.map_or(String::new(), |url| format!("a=control:{url}\r\n"));
            sdp.replace("a=control:trackID=0\r\n", &line)
        })
        .exchange(move |exchange: &mut Exchange| {
            let mut described = described.lock().unwrap();
            if exchange.method == "DESCRIBE" {
                *described = exchange.url().to_owned();
                exchange.remove("Content-Base");
                if let Some(base) = base(&described) {
                    exchange.set("Content-Base", &base);
                }
            } else if exchange.method == "SETUP" && exchange.url() != format!("{described}{path}") {
                exchange.refuse("404 Stream Not Found");
            }
        });
    camera(name, script)
}

const TRACK: &str = "/trackID=0";
const CONTROL: Option<&str> = Some("trackID=0");

#[test]
fn tracks_below_a_base() {
    play(vec![
        at(TRACK, "base", CONTROL, |url| Some(format!("{url}/"))),
        // OvenMediaEngine 1245.
        at(TRACK, "base-without-slash", CONTROL, |url| {
            Some(url.to_owned())
        }),
        at(TRACK, "no-base", CONTROL, |_| None),
        // mediamtx 825.
        at(TRACK, "empty-base", CONTROL, |_| Some(String::new())),
        // moonfire-nvr 356.
        at(TRACK, "base-without-scheme", CONTROL, |url| {
            Some(url.replacen("rtsp://", "", 1) + "/")
        }),
        // go2rtc 208.
        at(TRACK, "base-with-two-schemes", CONTROL, |url| {
            Some(url.replacen("rtsp://", "rtsp://rtsp://", 1) + "/")
        }),
    ]);
}

#[test]
fn addresses_behind_a_router_are_those_that_were_asked_for() {
    play(vec![
        // webrtc-streamer 215.
        at(TRACK, "base-of-another-host", CONTROL, |url| {
            let (_, path) = url["rtsp://".len()..].split_once('/').unwrap();
            Some(format!("rtsp://10.255.255.1:554/{path}/"))
        }),
    ]);
}
