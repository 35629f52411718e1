//! What cameras answer to SETUP. The numbers are those of public reports.

use rtsp_webrtc_gateway::config::{PullOptions, Transport};
use testkit::camera::{Audio, CameraConfig, Exchange, Script};
use testkit::clip::Clip;

use crate::seen::{Seen, camera, play, play_with, pull_all};

/// A camera whose Transport header is rewritten.
fn says(
    name: &str,
    rewrite: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
) -> CameraConfig {
    let script = Script::new().exchange(move |exchange: &mut Exchange| {
        let transport = exchange.header("Transport").map(str::to_owned);
        if let Some(transport) = transport {
            exchange.remove("Transport");
            if let Some(transport) = rewrite(&transport) {
                exchange.set("Transport", &transport);
            }
        }
    });
    camera(name, script)
}

#[test]
fn interleaved() {
    play(vec![
        // gortsplib 456.
        says("nothing", |_| None),
        // gortsplib 142.
        says("no-channels", |_| Some("RTP/AVP/TCP;unicast".into())),
        says("one-channel", |_| {
            Some("RTP/AVP/TCP;unicast;interleaved=0".into())
        }),
        says("no-lower-transport", |_| {
            Some("RTP/AVP;unicast;interleaved=0-1".into())
        }),
        says("capitals", |said| Some(said.to_uppercase())),
        says("another-order", |_| {
            Some("interleaved=0-1;RTP/AVP/TCP;unicast".into())
        }),
        // smolrtsp 31.
        says("blanks", |said| Some(said.replace(';', "; ") + "; ")),
        // mediamtx 986.
        says("empty-values", |said| {
            Some(format!("{said};source=;destination="))
        }),
        says("a-list", |said| Some(format!("{said},RTP/AVP;unicast"))),
        says("ssrc-of-noise", |_| {
            Some("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=zzz;mode=\"PLAY\"".into())
        }),
        // retina 79.
        says("ssrc-of-another", |_| {
            Some("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0000a0c6".into())
        }),
        says("other-channels-than-it-uses", |_| {
            Some("RTP/AVP/TCP;unicast;interleaved=2-3".into())
        }),
    ]);
}

#[test]
fn by_udp() {
    fn replaced(
        name: &str,
        with: impl Fn(&str, &str) -> String + Send + Sync + 'static,
    ) -> CameraConfig {
        says(name, move |said| {
            let part = |name: &str| said.split(';').find(|part| part.starts_with(name));
            let client = part("client_port").unwrap_or_default();
            let server = part("server_port").unwrap_or_default();
            Some(format!("RTP/AVP;unicast;{}", with(client, server)))
        })
    }
    let udp = |options: PullOptions| PullOptions {
        transport: Transport::Udp,
        ..options
    };
    let cameras = vec![
        replaced("both", |client, server| format!("{client};{server}")),
        replaced("no-server-port", |client, _| client.to_owned()),
        replaced("server-port-0", |client, _| {
            format!("{client};server_port=0-0")
        }),
        // mediamtx 691, 273.
        replaced("another-server-port", |client, _| {
            format!("{client};server_port=6970-6971")
        }),
        // Victure: mediamtx 762.
        replaced("a-comma", |client, server| {
            format!("{client};{server},ssrc=FFFFCCCC")
        }),
        replaced("no-client-port", |_, server| server.to_owned()),
        replaced("another-source", |client, server| {
            format!("{client};{server};source=192.168.1.9")
        }),
    ];
    play_with(cameras, udp, Seen::plays);
}

#[test]
fn the_sound_may_be_refused() {
    for status in [
        "404 Not Found",
        "454 Session Not Found",
        "461 Unsupported Transport",
    ] {
        let script = Script::new().exchange(move |exchange| {
            if exchange.method == "SETUP" && exchange.url().ends_with("trackID=1") {
                exchange.refuse(status);
            }
        });
        play(vec![camera("camera", script).audio(Some(Audio::Pcmu))]);
    }
}

/// Some send nothing unless everything that they describe is set up.
#[test]
fn what_is_not_used_is_set_up_all_the_same() {
    let script = Script::new()
        .description(|sdp| sdp.replace("PCMU/8000", "G729/8000"))
        .exchange({
            let set_up = std::sync::Mutex::new(0);
            move |exchange: &mut Exchange| {
                let mut set_up = set_up.lock().unwrap();
                *set_up += u32::from(exchange.method == "SETUP");
                if exchange.method == "PLAY" && *set_up < 2 {
                    exchange.refuse("455 Method Not Valid In This State");
                    exchange.hang_up = true;
                }
            }
        });
    play(vec![camera("camera", script).audio(Some(Audio::Pcmu))]);
}

/// Those that start an encoder or another connection first take some seconds from PLAY to the first packet.
#[test]
fn media_may_begin_late() {
    let script = Script::new().slot(|slot| {
        if slot.number < 110 {
            slot.packets.clear();
        }
    });
    let late = CameraConfig::new("late")
        .clip(Clip::Baseline360p)
        .script(script);
    let all = pull_all(
        vec![late],
        |options| options,
        |seen| seen.plays() || seen.failed(),
    );
    assert!(!all["late"].failed(), "{:?}", all["late"].failures);
}
