//! Authentication as cameras do it. The numbers are those of public reports.

use rtsp_webrtc_gateway::config::PullOptions;
use testkit::camera::{Auth, CameraConfig, Exchange, Script};

use crate::seen::{CLIP, Seen, play_with};

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
