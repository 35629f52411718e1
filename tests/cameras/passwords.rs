//! Authentication as cameras do it. The numbers are those of public reports.

use std::sync::{Arc, Mutex};

use rtsp_webrtc_gateway::config::PullOptions;
use testkit::camera::{Auth, CameraConfig, CameraServer, Exchange, Script};

use crate::common::pull;
use crate::seen::{CLIP, Seen, camera, play_with, run, watch};

fn digest(name: &str, script: Script) -> CameraConfig {
    CameraConfig::new(name)
        .clip(CLIP)
        .script(script)
        .auth(Auth::Digest {
            user: "admin".into(),
            password: "s3cret".into(),
        })
}

/// A camera whose challenges are rewritten.
fn challenges(
    name: &str,
    rewrite: impl Fn(&str) -> String + Send + Sync + 'static,
) -> CameraConfig {
    digest(
        name,
        Script::new().exchange(move |exchange: &mut Exchange| {
            if let Some(challenge) = exchange.header("WWW-Authenticate") {
                let challenge = rewrite(challenge);
                exchange.set("WWW-Authenticate", &challenge);
            }
        }),
    )
}

fn password(options: PullOptions) -> PullOptions {
    PullOptions {
        username: Some("admin".into()),
        password: Some("s3cret".into()),
        ..options
    }
}

fn play(cameras: Vec<CameraConfig>) {
    play_with(cameras, password, Seen::plays);
}

#[test]
fn challenges_in_many_spellings() {
    play(vec![
        challenges("as-it-should-be", str::to_owned),
        challenges("stale", |challenge| format!("{challenge}, stale=\"FALSE\"")),
        challenges("empty-values", |challenge| {
            format!("{challenge}, domain=\"\", opaque=\"\", algorithm=MD5, qop=\"\"")
        }),
        challenges("small-letters-and-blanks", |challenge| {
            challenge
                .replacen("Digest ", "digest   ", 1)
                .replace(", ", "  ,")
        }),
        challenges("commas-at-the-end", |challenge| format!("{challenge},,")),
        challenges("basic-in-the-same-line", |challenge| {
            format!("Basic realm=\"camera\", {challenge}")
        }),
        challenges("others-first", |challenge| {
            format!("NTLM\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: {challenge}")
        }),
    ]);
}

/// Asks for the password with this nonce, unless the request has an answer to it.
fn asks(exchange: &mut Exchange, nonce: &str) -> bool {
    let answer = exchange.asked("Authorization").unwrap_or_default();
    if answer.contains(&format!("nonce=\"{nonce}\"")) {
        return false;
    }
    exchange.refuse("401 Unauthorized");
    let challenge = format!("Digest realm=\"camera\", nonce=\"{nonce}\"");
    exchange.set("WWW-Authenticate", &challenge);
    true
}

/// VStarcam: retina 45. The answer goes on a connection of its own.
#[test]
fn a_camera_that_hangs_up_behind_its_challenge() {
    let script = Script::new()
        .exchange(|exchange: &mut Exchange| exchange.hang_up = asks(exchange, "0123456789abcdef"));
    let all = play_with(vec![camera("camera", script)], password, Seen::plays);
    assert!(all["camera"].quirks.contains_key("closed-after-challenge"));
}

/// Axis: SharpRTSP 126. The request that keeps the session alive is sent again, with the new nonce.
#[test]
fn a_nonce_that_grows_old_while_it_plays() {
    let answered = Arc::<Mutex<Vec<String>>>::default();
    let script = Script::new().exchange({
        let answered = Arc::clone(&answered);
        move |exchange: &mut Exchange| {
            if let Some(session) = exchange.header("Session") {
                let id = session.split(';').next().unwrap_or_default();
                let session = format!("{id};timeout=3");
                exchange.set("Session", &session);
            }
            let playing = !matches!(&*exchange.method, "DESCRIBE" | "SETUP" | "PLAY");
            let mut answered = answered.lock().unwrap();
            let nonce = match playing {
                true => format!("{:016}", 1 + answered.len()),
                false => format!("{:016}", 0),
            };
            if !asks(exchange, &nonce) && playing {
                answered.push(exchange.method.clone());
            }
        }
    });
    let server = CameraServer::start(vec![camera("camera", script)]).unwrap();
    let seen = run(async {
        let options = password(pull(server.url("camera")));
        watch("camera", &options, |seen| {
            seen.failed() || seen.plays() && answered.lock().unwrap().len() >= 3
        })
        .await
    });
    assert!(seen.failures.is_empty(), "{:?}", seen.failures);
    assert_eq!(seen.is_whole(), Ok(()));
    assert!(!seen.quirks.contains_key("keep-alive-refused"));
}
