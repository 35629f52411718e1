//! Responses that break RFC 2326. The numbers are those of public reports.

use testkit::camera::{CameraConfig, Exchange, Script};

use crate::seen::{camera, play};

/// A camera each of whose responses is rewritten.
fn answers(name: &str, rewrite: impl Fn(&mut Exchange) + Send + Sync + 'static) -> CameraConfig {
    camera(name, Script::new().exchange(rewrite))
}

/// A camera whose responses to one method are rewritten.
fn to(
    method: &'static str,
    name: &str,
    rewrite: impl Fn(&mut Exchange) + Send + Sync + 'static,
) -> CameraConfig {
    answers(name, move |exchange| {
        if exchange.method == method {
            rewrite(exchange);
        }
    })
}

/// A camera with `new` in the place of `old` in the heads of its responses.
fn with(name: &str, old: &'static str, new: &'static str) -> CameraConfig {
    answers(name, move |exchange| {
        exchange.head = exchange.head.replace(old, new)
    })
}

#[test]
fn status_lines() {
    play(vec![
        // gortsplib 807.
        with("no-reason", " 200 OK", " 200"),
        with("no-reason-but-a-blank", " 200 OK", " 200 "),
        with("long-reason", " 200 OK", " 200 It is all right: really"),
        with("more-blanks", "RTSP/1.0 200 OK", "RTSP/1.0  200  OK"),
        with("another-version", "RTSP/1.0", "RTSP/1.1"),
        with("newlines-before", "RTSP/1.0", "\r\n\r\nRTSP/1.0"),
    ]);
}

#[test]
fn header_lines() {
    play(vec![
        // mediamtx 368, 34.
        answers("no-value", |exchange| exchange.set("Server", "")),
        answers("latin-1", |exchange| exchange.set("Server", "Kam\u{e9}ra")),
        with("no-colon", "CSeq:", "nothing\r\nCSeq:"),
        with("blank-before-the-colon", "CSeq:", "CSeq :"),
        with("no-blank-behind-the-colon", ": ", ":"),
        with("folded", "OPTIONS, ", "OPTIONS,\r\n  "),
        with("line-feeds", "\r\n", "\n"),
        answers("small-letters", |exchange| {
            let (status, headers) = exchange.head.split_once("\r\n").unwrap();
            let lower = |line: &str| match line.split_once(':') {
                Some((name, value)) => format!("{}:{value}", name.to_lowercase()),
                None => line.to_owned(),
            };
            let headers: Vec<String> = headers.split("\r\n").map(lower).collect();
            exchange.head = format!("{status}\r\n{}", headers.join("\r\n"));
        }),
    ]);
}

#[test]
fn numbers_of_requests() {
    play(vec![
        answers("none", |exchange| exchange.remove("CSeq")),
        answers("always-0", |exchange| exchange.set("CSeq", "0")),
        answers("not-a-number", |exchange| {
            let cseq = format!("{} x", exchange.header("CSeq").unwrap_or_default());
            exchange.set("CSeq", &cseq);
        }),
        // homebridge-foscamcamera 6.
        answers("0-if-it-comes-first", |exchange| {
            let first = exchange.request.lines().nth(1).unwrap_or_default();
            if first.starts_with("CSeq") {
                exchange.set("CSeq", "0");
            }
        }),
    ]);
}

#[test]
fn descriptions_in_odd_wrapping() {
    fn described(
        name: &str,
        rewrite: impl Fn(&mut Exchange) + Send + Sync + 'static,
    ) -> CameraConfig {
        to("DESCRIBE", name, rewrite)
    }
    play(vec![
        // moonfire-nvr 298.
        described("with-a-charset", |exchange| {
            exchange.set("Content-Type", "application/sdp; charset=utf-8");
        }),
        described("in-capitals", |exchange| {
            exchange.set("Content-Type", "Application/SDP")
        }),
        described("of-no-type", |exchange| exchange.remove("Content-Type")),
        described("length-too-short", |exchange| {
            let length = (exchange.body.len() - 2).to_string();
            exchange.set("Content-Length", &length);
        }),
        described("length-twice", |exchange| {
            let length = format!("Content-Length: {}\r\n\r\n", exchange.body.len());
            exchange.head = exchange.head.trim_end().to_owned() + "\r\n" + &length;
        }),
    ]);
}

#[test]
fn sessions() {
    fn session(name: &str, parameters: &'static str) -> CameraConfig {
        to("SETUP", name, move |exchange| {
            let session = exchange.header("Session").unwrap_or_default();
            let id = session.split(';').next().unwrap_or_default();
            let session = format!("{id}{parameters}");
            exchange.set("Session", &session);
        })
    }
    play(vec![
        session("blank-before-the-semicolon", " ; timeout=60"),
        session("timeout-0", ";timeout=0"),
        session("timeout-with-its-unit", ";timeout=60s;"),
        answers("none", |exchange| exchange.remove("Session")),
        to("PLAY", "none-behind-play", |exchange| {
            exchange.remove("Session")
        }),
    ]);
}

#[test]
fn options_may_be_refused() {
    for status in [
        "404 Not Found",
        "501 Not Implemented",
        "454 Session Not Found",
        "200 OK",
    ] {
        play(vec![to("OPTIONS", "camera", move |exchange| {
            exchange.refuse(status)
        })]);
    }
}

#[test]
fn play_may_be_answered_badly() {
    fn info(name: &str, info: &'static str) -> CameraConfig {
        to("PLAY", name, move |exchange| exchange.set("RTP-Info", info))
    }
    play(vec![
        to("PLAY", "no-info", |exchange| exchange.remove("RTP-Info")),
        info("empty", ""),
        info("no-values", "url=;seq=;rtptime="),
        info("no-url", "seq=1;rtptime=2"),
        info(
            "wrong",
            "url=rtsp://127.0.0.1/other/trackID=0;seq=17;rtptime=99",
        ),
        info(
            "too-large",
            "url=trackID=0;seq=99999999;rtptime=99999999999999",
        ),
        info("negative", "url=trackID=0;seq=-1;rtptime=-5"),
    ]);
}

#[test]
fn a_camera_that_is_busy_at_first() {
    let busy = to("DESCRIBE", "busy", |exchange| {
        if exchange.connection == 1 {
            exchange.refuse("503 Service Unavailable");
        }
    });
    let seen = crate::seen::pull_all(vec![busy], |options| options, |seen| seen.plays());
    assert_eq!(seen["busy"].failures.len(), 1, "{seen:?}");
    assert_eq!(seen["busy"].is_whole(), Ok(()));
}
