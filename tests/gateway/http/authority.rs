//! Who may.

use std::sync::mpsc::Receiver;

use rtsp_webrtc_gateway::config::Config;
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::events::{AuthorizeRequest, Operation};

use super::client::{ask, get};
use super::site::{Site, any_port};
use crate::asker::asker;
use crate::common::LONG;

const RIGHT: &str = "Authorization: Bearer right";
const WRONG: &str = "Authorization: Bearer wrong";

fn asking() -> (Site, Receiver<AuthorizeRequest>) {
    let (events, asked) = asker();
    let config = Config {
        bearer_tokens: vec!["right".to_owned()],
        events,
        ..Config::default()
    };
    (Site::bare(config, any_port()), asked)
}

#[test]
fn tokens_open_everything_but_preflights_and_pages() {
    let config = Config {
        bearer_tokens: vec!["left".to_owned(), "right".to_owned()],
        ..Config::default()
    };
    let site = Site::with_camera(config);
    for (method, path, allowed) in [
        ("GET", "/door/whep", 200),
        ("HEAD", "/door/whep", 200),
        ("DELETE", "/door/whep/key", 404),
        ("GET", "/api/gateway", 200),
        ("GET", "/api/streams", 200),
        ("GET", "/api/sessions", 200),
        ("GET", "/metrics", 200),
    ] {
        let without = ask(site.address, method, path, &[], b"");
        assert_eq!(without.status, 401, "{method} {path}");
        assert_eq!(without.header("WWW-Authenticate"), "Bearer");
        let basic = ask(
            site.address,
            method,
            path,
            &["Authorization: Basic eDp5"],
            b"",
        );
        assert_eq!(basic.status, 401, "{method} {path}");
        let wrong = ask(site.address, method, path, &[WRONG], b"");
        assert_eq!(wrong.status, 403, "{method} {path}");
        assert!(!wrong.body.contains("wrong"));
        let right = ask(site.address, method, path, &[RIGHT], b"");
        assert_eq!(right.status, allowed, "{method} {path}");
    }
    // Nobody learns without a token which streams there are.
    assert_eq!(get(site.address, "/nobody/whep").status, 401);
    for path in ["/", "/door", "/dashboard", "/player.js", "/wall.js"] {
        assert_eq!(get(site.address, path).status, 200, "{path}");
    }
    assert_eq!(
        ask(site.address, "OPTIONS", "/door/whep", &[], b"").status,
        200
    );
    // Nor how the gateway is, more than that it is well.
    let health = get(site.address, "/api/health");
    assert_eq!((health.status, &*health.body), (204, ""));
}

#[test]
fn the_host_decides_and_is_told_all_it_needs() {
    let (site, asked) = asking();
    for (method, path, operation, stream) in [
        ("GET", "/door/whep", Operation::Watch, Some("door")),
        ("GET", "/door/whep/key", Operation::Update, Some("door")),
        ("DELETE", "/d%6for/whep/key", Operation::End, Some("door")),
        ("GET", "/metrics", Operation::Monitor, None),
    ] {
        for (allow, header, token) in [(true, WRONG, Some("wrong")), (false, "X: y", None)] {
            let (address, gateway) = (site.address, &site.gateway);
            let (answer, question) = std::thread::scope(|scope| {
                let answer = scope.spawn(move || ask(address, method, path, &[header], b""));
                let question = asked.recv_timeout(LONG).unwrap();
                gateway.authorize(question.id, allow).unwrap();
                (answer.join().unwrap(), question)
            });
            assert_eq!(question.operation, operation);
            assert_eq!(question.stream.as_deref(), stream);
            assert_eq!(question.token.as_deref(), token);
            assert!(question.peer.unwrap().starts_with("127.0.0.1:"));
            let refused = [401, 403].contains(&answer.status);
            assert_eq!(refused, !allow, "{method} {path} {answer:?}");
            // There is one answer to each question.
            let again = site.gateway.authorize(question.id, true).unwrap_err();
            assert_eq!(again.status(), Status::NotFound);
        }
    }
    // The token of the configuration needs no question.
    let known = ask(site.address, "GET", "/metrics", &[RIGHT], b"");
    assert_eq!(known.status, 200);
    assert!(asked.try_recv().is_err());
}

#[test]
fn a_question_that_is_open_does_not_hold_up_shutdown() {
    let (site, asked) = asking();
    let address = site.address;
    let waiting = std::thread::spawn(move || {
        let mut client = super::client::Client::connect(address);
        client.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.answer(false)
    });
    let question = asked.recv_timeout(LONG).unwrap();
    site.gateway.shutdown(LONG).unwrap();
    assert!(
        waiting
            .join()
            .unwrap()
            .is_none_or(|answer| answer.status == 503)
    );
    assert!(site.gateway.authorize(question.id, true).is_err());
}

#[test]
fn an_unusable_token_is_refused_at_the_start() {
    let config = Config {
        bearer_tokens: vec!["hunter two".to_owned()],
        ..Config::default()
    };
    let Err(error) = rtsp_webrtc_gateway::gateway::Gateway::new(config) else {
        panic!("taken");
    };
    assert_eq!(error.status(), Status::InvalidArgument);
    assert!(!error.message().contains("hunter"));
}

#[test]
fn a_browsers_wall_fits_and_strangers_send_none() {
    const OFFER: &str = include_str!("../../fixtures/offers/chromium_wall.sdp");
    const SDP: &str = "Content-Type: application/sdp";
    let config = Config {
        bearer_tokens: vec!["right".to_owned()],
        ..Config::default()
    };
    let site = Site::bare(config, any_port());
    for path in ["/wall", "/wall?slots=door"] {
        let opened = ask(site.address, "POST", path, &[SDP, RIGHT], OFFER.as_bytes());
        assert_eq!(opened.status, 201, "{}", opened.body);
        assert!(opened.header("Location").starts_with("/wall/"));
        assert_eq!(opened.body.matches("a=sendonly").count(), 65);
        let refused = opened.header("Refused-Slots");
        assert_eq!(
            refused.contains("status=404"),
            path.contains("door"),
            "{refused}"
        );
        // Refused by their heads alone: the bodies never come.
        for (header, status) in [("X: y", 401), (WRONG, 403)] {
            let mut client = super::client::Client::connect(site.address);
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: localhost\r\n{SDP}\r\n{header}\r\nContent-Length: 300000\r\n\r\n"
            );
            assert!(client.send(head.as_bytes()));
            assert_eq!(client.answer(false).unwrap().status, status, "{path}");
        }
    }
    let large = vec![b'v'; (1 << 20) + 1];
    let large = ask(site.address, "POST", "/wall", &[SDP, RIGHT], &large);
    assert_eq!(large.status, 413);
    assert_eq!(site.gateway.sessions().unwrap().len(), 2);
}
