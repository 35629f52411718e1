//! Connections to the HTTP listener, from their first byte on.

use std::cell::OnceCell;
use std::net::SocketAddr;

use rtsp_webrtc_gateway::internals::http::Unbound;
use rtsp_webrtc_gateway::{Config, Gateway};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::{Builder, Runtime};

/// As much as there is of the largest page, for each of some requests.
const MOST_SENT: u64 = 8 << 20;

struct Listener {
    runtime: Runtime,
    unbound: Unbound,
    _gateway: Gateway,
}

impl Listener {
    fn new() -> Listener {
        let gateway = Gateway::new(Config::default());
        let gateway = gateway.unwrap_or_else(|error| unreachable!("{error}"));
        let unbound = Unbound::new(gateway.handle());
        // Nothing waits for real time: where nothing else is to be done, it leaps.
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        Listener {
            runtime: runtime.unwrap_or_else(|error| unreachable!("{error}")),
            unbound: unbound.unwrap_or_else(|error| unreachable!("{error}")),
            _gateway: gateway,
        }
    }
}

pub fn http(data: &[u8]) {
    thread_local! {
        static LISTENER: OnceCell<Listener> = const { OnceCell::new() };
    }
    LISTENER.with(|listener| {
        let listener = listener.get_or_init(Listener::new);
        let answers = listener.runtime.block_on(speak(&listener.unbound, data));
        check(&answers);
    });
}

/// Sends it all, then nothing more; returns what comes back.
async fn speak(unbound: &Unbound, data: &[u8]) -> Vec<u8> {
    let (client, server) = duplex(64 << 10);
    let (reader, mut writer) = tokio::io::split(client);
    let peer = SocketAddr::from(([192, 0, 2, 7], 1));
    let mut answers = Vec::new();
    let send = async {
        let _ = writer.write_all(data).await;
        let _ = writer.shutdown().await;
    };
    let mut reader = reader.take(MOST_SENT);
    let _ = tokio::join!(
        unbound.speak(server, peer),
        send,
        reader.read_to_end(&mut answers)
    );
    answers
}

/// Each response begins as responses do, and names no origin but the listener's.
fn check(answers: &[u8]) {
    assert!((answers.len() as u64) < MOST_SENT);
    if answers.is_empty() {
        return;
    }
    let head = answers.windows(4).position(|end| end == b"\r\n\r\n");
    let head = head.unwrap_or_else(|| panic!("a response without end"));
    let head = String::from_utf8_lossy(&answers[..head]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let code = status
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..5));
    let code: u16 = code.and_then(|code| code.parse().ok()).unwrap_or_default();
    assert!((100..600).contains(&code) && code != 500, "{head}");
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{head:?}"));
        assert!(!value.chars().any(char::is_control), "{head:?}");
        assert!(
            !name.eq_ignore_ascii_case("access-control-allow-origin"),
            "{head}"
        );
        if name.eq_ignore_ascii_case("location") {
            assert!(value.starts_with('/') && !value.starts_with("//"), "{head}");
        }
    }
}
