//! What cameras answer to SETUP. The numbers are those of public reports.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rtsp_webrtc_gateway::config::{PullOptions, Transport};
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::state::WarningKind;
use testkit::camera::{Audio, CameraConfig, CameraServer, Exchange, Fault, Script, Slot};
use testkit::clip::Clip;

use crate::common::pull;
use crate::seen::{GOP, Seen, camera, play, play_with, pull_all, run, watch};

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

fn udp(options: PullOptions) -> PullOptions {
    PullOptions {
        transport: Transport::Udp,
        ..options
    }
}

/// RTSP::Server knows UDP alone, and takes a request for anything else for a mistake.
#[test]
fn a_camera_that_does_not_understand_the_transport() {
    let script = Script::new().exchange(|exchange: &mut Exchange| {
        let by_tcp = |asked: &str| asked.contains("interleaved");
        if exchange.asked("Transport").is_some_and(by_tcp) {
            exchange.refuse("400 Bad Request");
        }
    });
    play(vec![camera("camera", script)]);
}

/// The network lets later packets overtake: every third frame comes behind the next one, 40 ms late.
#[test]
fn by_udp_in_another_order() {
    let held = Mutex::new(Vec::new());
    let script = Script::new().slot(move |slot: &mut Slot| {
        let mut held = held.lock().unwrap();
        match slot.number % 3 {
            1 => *held = std::mem::take(&mut slot.packets),
            _ => slot.packets.append(&mut held),
        }
    });
    let all = play_with(vec![camera("camera", script)], udp, |seen| {
        seen.frames.len() >= 60
    });
    let seen = &all["camera"];
    assert_eq!((seen.lost, seen.dropped), (0, 0), "{seen:?}");
}

/// What is damaged, and what depends on it, is not shown; it goes on with the next keyframe.
#[test]
fn by_udp_with_loss() {
    let lost = Arc::new(Mutex::new(0));
    let script = Script::new().slot({
        let lost = Arc::clone(&lost);
        let random = Mutex::new(fastrand::Rng::with_seed(3));
        move |slot: &mut Slot| {
            let (mut random, mut lost) = (random.lock().unwrap(), lost.lock().unwrap());
            slot.packets.retain(|_| {
                // 1 %, but not of what begins.
                let lose = slot.number >= 20 && random.u8(..100) == 0;
                *lost += u32::from(lose);
                !lose
            });
        }
    });
    let begins_again = |seen: &Seen| {
        let last = seen.numbers().last().copied().flatten();
        last.is_some_and(|last| last % GOP == 0)
    };
    let warned = |seen: &Seen| {
        let mut warnings = seen.warnings.iter();
        warnings.any(|warning| warning.kind == WarningKind::Damaged)
    };
    let done = move |seen: &Seen| seen.dropped > 0 && warned(seen) && begins_again(seen);
    let mut all = pull_all(vec![camera("camera", script)], udp, move |seen| {
        done(seen) || seen.failed()
    });
    let seen = all.remove("camera").unwrap();
    assert!(!seen.failed(), "{:?}", seen.failures);
    assert!(seen.lost > 0 && seen.lost <= *lost.lock().unwrap());
    assert_eq!(seen.is_in_order(), Ok(()));
    let mut expected = 0;
    for number in seen.numbers() {
        let number = number.expect("a frame of the clip, whole");
        assert!(
            number == expected || number % GOP == 0,
            "{number} behind {expected}"
        );
        expected = number + 1;
    }
}

/// 302 in place of the description, and a REDIRECT while it plays.
#[test]
fn redirects() {
    let moved = Script::new().exchange(|exchange: &mut Exchange| {
        if exchange.method == "DESCRIBE" {
            exchange.refuse("302 Moved Temporarily");
            exchange.set("Location", "/other");
        }
    });
    let moves = Script::new().slot(|slot: &mut Slot| {
        if slot.number == 5 {
            slot.after = b"REDIRECT * RTSP/1.0\r\nCSeq: 1\r\nLocation: /other\r\n\r\n".to_vec();
        }
    });
    let cameras = vec![
        camera("moved", moved),
        camera("moves", moves),
        camera("other", Script::new()),
    ];
    let all = pull_all(
        cameras,
        |options| options,
        |seen| seen.frames.len() >= 30 || seen.failed(),
    );
    for (name, seen) in &all {
        assert!(!seen.failed(), "{name}: {:?}", seen.failures);
        let numbers = seen.numbers();
        // The other begins from its first frame on.
        let before = numbers.iter().take_while(|number| number.is_some()).count();
        assert_eq!(before, numbers.len(), "{name}: {numbers:?}");
        let begins = numbers.iter().filter(|number| **number == Some(0)).count();
        assert_eq!(begins, if name == "moves" { 2 } else { 1 }, "{numbers:?}");
    }
}

/// It restarts its encoder, or the network hiccuped: the next attempt comes at once.
#[test]
fn a_camera_that_hangs_up_while_it_plays() {
    fn hangs_up(name: &str, says: &'static [u8], hang_up: bool) -> CameraConfig {
        let script = Script::new().slot(move |slot: &mut Slot| {
            if slot.number == 20 && slot.connection == 1 {
                slot.after = says.to_vec();
                slot.hang_up = hang_up;
            }
        });
        camera(name, script)
    }
    let teardown = b"TEARDOWN * RTSP/1.0\r\nCSeq: 1\r\n\r\n";
    let cameras = vec![
        hangs_up("fin", b"", true),
        hangs_up("teardown", teardown, false),
        hangs_up("teardown-and-fin", teardown, true),
        hangs_up("within-a-frame", b"$\0\x05\xb4\x80", true),
    ];
    let all = pull_all(cameras, |options| options, |seen| seen.frames.len() >= 40);
    for (name, seen) in &all {
        let [(error, retry_in)] = &seen.failures[..] else {
            panic!("{name}: {:?}", seen.failures);
        };
        assert_eq!(error.status(), Status::Connect, "{name}: {error}");
        assert!(
            *retry_in <= Duration::from_millis(200),
            "{name}: {retry_in:?}"
        );
        // From the first frame on, on each connection.
        let numbers = seen.numbers();
        let begins = numbers.iter().filter(|number| **number == Some(0));
        assert_eq!(begins.count(), 2, "{name}: {numbers:?}");
    }
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
        let all = play(vec![camera("camera", script).audio(Some(Audio::Pcmu))]);
        assert_eq!(
            warnings(&all["camera"]),
            [
                "it does not send its sound as it was asked to (SETUP): switch the audio of the camera off and on, \
                 or check that this user may hear it"
            ]
        );
    }
}

/// All of them are about the sound.
fn warnings(seen: &Seen) -> Vec<&str> {
    let mut warnings = seen.warnings.iter();
    assert!(warnings.all(|warning| warning.kind == WarningKind::Audio));
    let warnings = seen.warnings.iter();
    warnings.map(|warning| &*warning.message).collect()
}

/// Some send nothing unless everything that they describe is set up.
#[test]
fn what_is_not_used_is_set_up_all_the_same() {
    let script = Script::new()
        .description(|sdp| sdp.replace("PCMU/8000", "G729/8000"))
        .exchange({
            let set_up = Mutex::new(0);
            move |exchange: &mut Exchange| {
                let mut set_up = set_up.lock().unwrap();
                *set_up += u32::from(exchange.method == "SETUP");
                if exchange.method == "PLAY" && *set_up < 2 {
                    exchange.refuse("455 Method Not Valid In This State");
                    exchange.hang_up = true;
                }
            }
        });
    let all = play(vec![camera("camera", script).audio(Some(Audio::Pcmu))]);
    // Nor is it a secret why nothing is heard of it.
    assert_eq!(
        warnings(&all["camera"]),
        ["its sound is G729, which is not supported: set the camera to G.711 or Opus"]
    );
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

/// With `auto`: what a camera refuses is not asked for again, unless it no longer sends in the way that it did.
#[test]
fn what_worked_is_remembered() {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let allowed = Arc::new(Mutex::new("client_port"));
    let script = Script::new().exchange({
        let (asked, allowed) = (Arc::clone(&asked), Arc::clone(&allowed));
        move |exchange: &mut Exchange| {
            if let Some(transport) = exchange.asked("Transport").map(str::to_owned) {
                if !transport.contains(*allowed.lock().unwrap()) {
                    exchange.refuse("461 Unsupported Transport");
                }
                let kind = transport.split([';', '=']).nth(2).unwrap_or("multicast");
                asked.lock().unwrap().push(kind.to_owned());
            }
        }
    });
    let server = CameraServer::start(vec![camera("camera", script)]).unwrap();
    let take = || std::mem::take(&mut *asked.lock().unwrap());
    let (tcp, udp) = ("interleaved", "client_port");
    run(async {
        let step = std::cell::Cell::new(0);
        watch("camera", &pull(server.url("camera")), |seen| {
            let enough = (1 + step.get()) * 15;
            if seen.frames.len() < enough {
                return false;
            }
            step.set(step.get() + 1);
            match step.get() {
                1 => {
                    assert_eq!(take(), [tcp, udp]);
                    server.fault("camera", Fault::Drop);
                }
                2 => {
                    assert_eq!(take(), [udp], "it is remembered");
                    *allowed.lock().unwrap() = tcp;
                    server.fault("camera", Fault::Drop);
                }
                _ => {
                    assert_eq!(take(), [udp, "multicast", tcp], "and back");
                    return true;
                }
            }
            false
        })
        .await;
    });
}

/// Cameras of which a part of the requests gets no answer.
fn play_all_the_same(cameras: Vec<CameraConfig>) -> BTreeMap<String, Seen> {
    let hasty = |options: PullOptions| PullOptions {
        connect_timeout: Some(Duration::from_secs(2)),
        idle_timeout: Some(Duration::from_secs(2)),
        retry_min: Some(Duration::from_millis(100)),
        no_audio: options.url.ends_with("no-sound"),
        ..options
    };
    let all = pull_all(cameras, hasty, Seen::plays);
    for (name, seen) in &all {
        assert_eq!(seen.is_whole(), Ok(()), "{name}");
    }
    all
}

#[test]
fn what_is_not_answered_is_asked_in_another_way() {
    /// A camera that ignores some requests: by the connection, those before on it, and itself.
    fn ignores(
        name: &str,
        hang_up: bool,
        what: impl Fn(&[String], &Exchange) -> bool + Send + Sync + 'static,
    ) -> CameraConfig {
        let before = Mutex::new(BTreeMap::<u64, Vec<String>>::new());
        let script = Script::new().exchange(move |exchange: &mut Exchange| {
            let mut before = before.lock().unwrap();
            let before = before.entry(exchange.connection).or_default();
            if what(before, exchange) {
                exchange.head.clear();
                exchange.body.clear();
                exchange.hang_up = hang_up;
            }
            before.push(exchange.method.clone());
        });
        camera(name, script).audio(Some(Audio::Pcmu))
    }
    let is_sound =
        |exchange: &Exchange| exchange.method == "SETUP" && exchange.url().ends_with("trackID=1");
    let all = play_all_the_same(vec![
        ignores("hangs-up-on-the-sound", true, move |_, exchange| {
            is_sound(exchange)
        }),
        ignores("is-silent-about-the-sound", false, move |_, exchange| {
            is_sound(exchange)
        }),
        ignores("wants-options-first", false, |before, exchange| {
            before.is_empty() && exchange.method != "OPTIONS"
        }),
        // Nothing unless all tracks are set up, though nobody wants the sound.
        ignores("wants-all-no-sound", true, |before, exchange| {
            let set_up = before.iter().filter(|method| *method == "SETUP");
            exchange.method == "PLAY" && set_up.count() < 2
        }),
    ]);
    assert!(all["wants-options-first"].audio.is_some());
    for (name, seen) in &all {
        assert_eq!(
            seen.audio.is_some(),
            name == "wants-options-first",
            "{name}"
        );
        let unanswered = name.ends_with("about-the-sound") || name.ends_with("on-the-sound");
        let said = warnings(seen)
            .iter()
            .any(|said| said.starts_with("it does not answer the request for its sound"));
        assert_eq!(said, unanswered, "{name}: {:?}", seen.warnings);
    }
}

/// The same, but it says nothing of it.
#[test]
fn nothing_comes_unless_the_sound_is_set_up() {
    let set_up = Arc::new(Mutex::new(BTreeMap::<u64, u32>::new()));
    let script = Script::new()
        .exchange({
            let set_up = Arc::clone(&set_up);
            move |exchange: &mut Exchange| {
                let mut set_up = set_up.lock().unwrap();
                *set_up.entry(exchange.connection).or_default() +=
                    u32::from(exchange.method == "SETUP");
            }
        })
        .slot(move |slot| {
            if set_up.lock().unwrap()[&slot.connection] < 2 {
                slot.packets.clear();
            }
        });
    let camera = camera("no-sound", script).audio(Some(Audio::Pcmu));
    let all = play_all_the_same(vec![camera]);
    let seen = &all["no-sound"];
    assert!(
        seen.failures.is_empty() && seen.sound.is_empty(),
        "{seen:?}"
    );
}
