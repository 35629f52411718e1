//! WHEP row by row, as a viewer meets it.

use rtsp_webrtc_gateway::config::Config;
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::tuning::Key;
use rtsp_webrtc_gateway::whep::{HttpRequest, HttpTarget};

use super::client::{Answer, Client, ask};
use super::site::Site;
use crate::common::{LONG, chromium, has_frames, pull, watch};

const SDP: &str = "Content-Type: application/sdp";
const FRAGMENT: &str = "Content-Type: application/trickle-ice-sdpfrag";
const ANY: &str = "If-Match: *";

fn post(site: &Site, path: &str, sdp: &str) -> Answer {
    ask(site.address, "POST", path, &[SDP], sdp.as_bytes())
}

/// A fragment that restarts ICE with new credentials.
fn restart() -> &'static [u8] {
    b"a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n\
      a=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n"
}

fn check_problem(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("Content-Type"), "application/problem+json");
    assert_eq!(answer.header("Access-Control-Allow-Origin"), "");
    assert_eq!(answer.json()["status"], status);
}

#[test]
fn a_session_from_offer_to_delete() {
    let site = Site::with_camera(Config::default());
    let mut viewer = chromium();
    let created = post(&site, "/door/whep", &viewer.viewer.offer());
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.header("Content-Type"), "application/sdp");
    let session = created.header("Location").to_owned();
    let key = session.strip_prefix("/door/whep/").unwrap();
    assert_eq!(key.len(), 32, "128 bits of randomness in hexadecimal");
    let tag = created.header("ETag").to_owned();
    assert!(
        tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'),
        "{tag}"
    );
    viewer.accept(&created.body);
    assert!(viewer.run_till(LONG, has_frames(1)), "no video frame");

    let mut client = Client::connect(site.address);
    for method in ["GET", "HEAD"] {
        let there = client.ask(method, &session, &[], b"");
        assert_eq!((there.status, there.body.as_str()), (200, ""));
    }

    let json = client.ask("GET", &session, &["Accept: application/json"], b"");
    assert_eq!(json.header("Content-Type"), "application/json");
    let shown = json.json();
    for (name, value) in [
        ("state", "connected"),
        ("variant_name", "door"),
        ("detail", "all_frames"),
        ("reason", "nothing"),
    ] {
        assert_eq!(shown[name], value, "{shown}");
    }
    assert!(shown["held_back"].is_null(), "{shown}");
    assert!(shown.get("peer").is_none(), "the host's own");
    let not_there = session.replace("whep/", "whep/0");
    let no_json = client.ask("GET", &not_there, &["Accept: application/json"], b"");
    check_problem(&no_json, 404);

    // PATCH: its preconditions, candidates, a restart.
    let candidate = b"a=mid:0\r\na=end-of-candidates\r\n";
    let old = format!("If-Match: {tag}");
    check_problem(&client.ask("PATCH", &session, &[FRAGMENT], candidate), 428);
    let other = "If-Match: \"other\"";
    check_problem(
        &client.ask("PATCH", &session, &[FRAGMENT, other], candidate),
        412,
    );
    let trickled = client.ask("PATCH", &session, &[FRAGMENT, &old], candidate);
    assert_eq!(trickled.status, 204, "{trickled:?}");
    assert_eq!((trickled.body.as_str(), trickled.header("ETag")), ("", ""));
    check_problem(
        &client.ask("PATCH", &session, &[FRAGMENT, ANY], b"nonsense"),
        400,
    );
    check_problem(&client.ask("PATCH", &session, &[SDP, ANY], b"v=0"), 400);
    let second = chromium().viewer.offer();
    let again = client.ask("PATCH", &session, &[SDP], second.as_bytes());
    check_problem(&again, 422);
    let restarted = client.ask("PATCH", &session, &[FRAGMENT, ANY], restart());
    assert_eq!(restarted.status, 200, "{restarted:?}");
    assert_eq!(
        restarted.header("Content-Type"),
        "application/trickle-ice-sdpfrag"
    );
    assert!(restarted.body.contains("a=ice-ufrag:"));
    let new = restarted.header("ETag");
    assert!(!new.is_empty() && new != tag);
    check_problem(
        &client.ask("PATCH", &session, &[FRAGMENT, &old], candidate),
        412,
    );

    // DELETE, whatever the entity tag.
    let deleted = client.ask("DELETE", &session, &["If-Match: \"old\""], b"");
    assert_eq!(deleted.status, 200, "{deleted:?}");
    for (method, headers, body) in [
        ("DELETE", &[][..], &b""[..]),
        ("GET", &[], b""),
        ("PATCH", &[FRAGMENT, ANY], candidate),
    ] {
        check_problem(&client.ask(method, &session, headers, body), 404);
    }
}

#[test]
fn what_is_refused() {
    let site = Site::with_camera(Config::default());
    let offer = chromium().viewer.offer();
    let big = vec![b'a'; 128 * 1024 + 1];
    let without = |start: &str| -> String {
        let lines = offer.split_inclusive('\n');
        lines.filter(|line| !line.starts_with(start)).collect()
    };
    for (method, path, headers, body, status) in [
        ("POST", "/nobody/whep", &[SDP][..], offer.as_bytes(), 404),
        (
            "POST",
            "/nobody/whep?variant=door",
            &[SDP],
            offer.as_bytes(),
            404,
        ),
        (
            "POST",
            "/door/whep?variant=nobody",
            &[SDP],
            offer.as_bytes(),
            400,
        ),
        (
            "POST",
            "/door/whep?max_bitrate=0",
            &[SDP],
            offer.as_bytes(),
            400,
        ),
        ("GET", "/nobody/whep", &[], b"", 404),
        ("DELETE", "/door/whep/0123456789abcdef", &[], b"", 404),
        ("PUT", "/door/whep", &[], b"", 405),
        ("POST", "/door/whep/key", &[SDP], offer.as_bytes(), 405),
        ("POST", "/door/whep", &[], offer.as_bytes(), 415),
        (
            "POST",
            "/door/whep",
            &["Content-Type: text/plain"],
            offer.as_bytes(),
            415,
        ),
        ("POST", "/door/whep", &[SDP], b"hello", 400),
        (
            "POST",
            "/door/whep",
            &[SDP],
            without("a=fingerprint").as_bytes(),
            400,
        ),
        (
            "POST",
            "/door/whep",
            &[SDP],
            without("a=ice-pwd").as_bytes(),
            400,
        ),
        ("POST", "/door/whep", &[SDP], &big, 413),
    ] {
        let answer = ask(site.address, method, path, headers, body);
        check_problem(&answer, status);
        if status == 405 {
            assert!(answer.header("Allow").starts_with("OPTIONS, GET, HEAD"));
        }
    }
    assert_eq!(site.gateway.sessions().unwrap(), []);
}

#[test]
fn the_name_of_a_stream_however_it_is_written() {
    let site = Site::with_camera(Config::default());
    for (path, location) in [
        ("/door/whep/", "/door/whep/"),
        ("/d%6for/whep", "/d%6for/whep/"),
        ("/live/door/whep?quality=high", "/live/door/whep/"),
    ] {
        let created = post(&site, path, &chromium().viewer.offer());
        assert_eq!(created.status, 201, "{path} {created:?}");
        let session = created.header("Location");
        assert!(session.starts_with(location), "{session}");
        let type_in_capitals = "content-type: Application/SDP; charset=utf-8";
        let offer = chromium().viewer.offer();
        let headers = [type_in_capitals];
        let answer = ask(site.address, "POST", path, &headers, offer.as_bytes());
        assert_eq!(answer.status, 201);
        assert_eq!(ask(site.address, "DELETE", session, &[], b"").status, 200);
    }
}

#[test]
fn no_request_makes_a_location_on_another_host() {
    let site = Site::with_camera(Config::default());
    for (path, location) in [
        ("//evil.example/door/whep", "/evil.example/door/whep/"),
        ("///evil.example/door/whep", "/evil.example/door/whep/"),
        ("/.//evil.example/door/whep", "/.//evil.example/door/whep/"),
    ] {
        let created = post(&site, path, &chromium().viewer.offer());
        assert_eq!(created.status, 201, "{path} {created:?}");
        let session = created.header("Location");
        assert!(session.starts_with(location), "{session}");
        assert_eq!(ask(site.address, "DELETE", session, &[], b"").status, 200);
    }
}

#[test]
fn a_host_mounts_it_under_its_own_urls() {
    let site = Site::with_camera(Config {
        bearer_tokens: vec!["of-the-metrics-reader".to_owned()],
        ..Config::default()
    });
    let offer = chromium().viewer.offer();
    let request = |method, session_key| HttpRequest {
        method,
        path: "/api/v1/cameras/7/live",
        headers: &[("content-type", "application/sdp")],
        body: offer.as_bytes(),
        target: Some(HttpTarget::Stream {
            name: "door",
            session_key,
        }),
        authorized: true,
        label: Some("ann"),
        ..HttpRequest::default()
    };
    let handle = |request: HttpRequest<'_>| site.gateway.handle_http(&request).unwrap();
    let created = handle(request("POST", None));
    assert_eq!(created.status, 201, "{created:?}");
    let key = created.session_key.unwrap();
    let location = created.headers.iter().find(|(name, _)| *name == "Location");
    assert_eq!(location.unwrap().1, format!("/api/v1/cameras/7/live/{key}"));
    let info = site.gateway.session_info(created.session.unwrap()).unwrap();
    assert_eq!(info.viewer.label.as_deref(), Some("ann"));
    assert_eq!(handle(request("GET", Some(&key))).status, 200);
    assert_eq!(handle(request("DELETE", Some(&key))).status, 200);
    assert_eq!(handle(request("DELETE", Some(&key))).status, 404);
    let not_authorized = HttpRequest {
        authorized: false,
        ..request("POST", None)
    };
    assert_eq!(handle(not_authorized).status, 401);
    let wrong = HttpRequest {
        location_prefix: Some("//evil.example/"),
        ..request("POST", None)
    };
    assert_eq!(handle(wrong).status, 400);
    assert_eq!(site.gateway.sessions().unwrap(), []);
}

#[test]
fn a_key_counts_for_its_own_stream_only() {
    let site = Site::with_camera(Config::default());
    site.gateway
        .add_stream("other", pull("rtsp://127.0.0.1:1/"))
        .unwrap();
    let created = post(&site, "/door/whep", &chromium().viewer.offer());
    let session = created.header("Location");
    let elsewhere = session.replace("door", "other");
    for (method, headers) in [
        ("DELETE", &[][..]),
        ("GET", &[]),
        ("PATCH", &[FRAGMENT, ANY]),
    ] {
        check_problem(
            &ask(site.address, method, &elsewhere, headers, restart()),
            404,
        );
    }
    assert_eq!(ask(site.address, "DELETE", session, &[], b"").status, 200);
}

#[test]
fn a_camera_that_is_not_live_and_a_limit_say_when_to_come_again() {
    let limited = Config {
        tuning: vec![(Key::MaxSessions, 1)],
        ..Config::default()
    };
    let site = Site::with_camera(limited);
    site.gateway
        .add_stream("dead", pull("rtsp://127.0.0.1:1/"))
        .unwrap();
    let not_live = post(&site, "/dead/whep", &chromium().viewer.offer());
    check_problem(&not_live, 409);
    assert!(not_live.header("Retry-After").parse::<u32>().unwrap() > 0);
    assert_eq!(
        post(&site, "/door/whep", &chromium().viewer.offer()).status,
        201,
    );
    // That one takes no place, because nobody follows it up.
    let _viewer = watch(&site.gateway, "door");
    let full = post(&site, "/door/whep", &chromium().viewer.offer());
    check_problem(&full, 503);
    assert!(full.header("Retry-After").parse::<u32>().unwrap() > 0);
}

/// What a browser asks before it lets a page of `origin` post an offer.
fn preflight(site: &Site, origin: &str) -> Answer {
    let headers = [
        &*format!("Origin: {origin}"),
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: authorization, content-type",
        "Access-Control-Request-Private-Network: true",
    ];
    ask(site.address, "OPTIONS", "/door/whep", &headers, b"")
}

#[test]
fn pages_of_named_origins_may_watch() {
    const WALL: &str = "https://wall.example";
    for (named, shared) in [(WALL, WALL), ("*", "*")] {
        let site = Site::with_camera(Config {
            allowed_origins: vec![named.to_owned()],
            ..Config::default()
        });
        let answer = preflight(&site, WALL);
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        assert_eq!(answer.header("Access-Control-Allow-Origin"), shared);
        assert_eq!(answer.header("Accept-Post"), "application/sdp");
        assert_eq!(
            answer.header("Access-Control-Allow-Private-Network"),
            "true"
        );
        for (header, value) in [("Methods", "POST"), ("Headers", "Authorization")] {
            let allowed = answer.header(&format!("Access-Control-Allow-{header}"));
            assert!(allowed.contains(value), "{allowed}");
        }
        let headers = [SDP, &format!("Origin: {WALL}")];
        let offer = chromium().viewer.offer();
        let created = ask(
            site.address,
            "POST",
            "/door/whep",
            &headers,
            offer.as_bytes(),
        );
        assert_eq!(created.status, 201, "{created:?}");
        assert_eq!(created.header("Access-Control-Allow-Origin"), shared);
        let exposed = created.header("Access-Control-Expose-Headers");
        assert!(exposed.contains("Location") && exposed.contains("ETag"));
    }
}

#[test]
fn pages_of_other_sites_get_nothing() {
    let site = Site::with_camera(Config::default());
    let offer = chromium().viewer.offer();
    for origin in ["https://evil.example", "http://localhost:1", "null"] {
        let refused = preflight(&site, origin);
        check_problem(&refused, 403);
        assert_eq!(refused.header("Access-Control-Allow-Private-Network"), "");
        let foreign = &format!("Origin: {origin}");
        let refused = ask(
            site.address,
            "POST",
            "/door/whep",
            &[SDP, foreign],
            offer.as_bytes(),
        );
        check_problem(&refused, 403);
        for path in ["/api/streams", "/metrics", "/"] {
            check_problem(&ask(site.address, "GET", path, &[foreign], b""), 403);
        }
    }
    assert!(site.gateway.sessions().unwrap().is_empty());
    // The pages of the listener itself may.
    let own = format!("http://{}", site.address);
    let headers = [
        &*format!("Host: {}", site.address),
        SDP,
        &format!("Origin: {own}"),
    ];
    let mut client = Client::connect(site.address);
    let created = client.ask_as("POST", "/door/whep", &headers, offer.as_bytes());
    assert_eq!(created.status, 201, "{created:?}");
}

#[test]
fn a_name_that_resolves_to_loopback_is_not_its_name() {
    let site = Site::with_camera(Config::default());
    let port = site.address.port();
    for (host, status) in [
        (format!("127.0.0.1:{port}"), 200),
        (format!("[::1]:{port}"), 200),
        (format!("localhost:{port}"), 200),
        (format!("evil.example:{port}"), 421),
    ] {
        for path in ["/", "/door/whep", "/api/streams", "/metrics"] {
            // The page believes to be of the same origin as the gateway.
            let headers = [&*format!("Host: {host}"), &format!("Origin: http://{host}")];
            let answer = Client::connect(site.address).ask_as("GET", path, &headers, b"");
            assert_eq!(answer.status, status, "{host} {path}");
        }
    }
}

#[test]
fn a_host_with_its_own_server_gets_the_same() {
    let site = Site::with_camera(Config::default());
    let mut viewer = chromium();
    let offer = viewer.viewer.offer();
    let request = HttpRequest {
        method: "POST",
        path: "/cameras/door/whep",
        headers: &[("content-type", "application/sdp")],
        body: offer.as_bytes(),
        ..HttpRequest::default()
    };
    let created = site.gateway.handle_http(&request).unwrap();
    assert_eq!(created.status, 201);
    viewer.accept(&created.body);
    assert!(viewer.run_till(LONG, has_frames(1)), "no video frame");
    let key = created.session_key.unwrap();
    let path = format!("/cameras/door/whep/{key}");
    let (told, answered) = std::sync::mpsc::channel();
    let delete = HttpRequest {
        method: "DELETE",
        path: &path,
        headers: &[],
        body: b"",
        ..HttpRequest::default()
    };
    let done = Box::new(move |answer| told.send(answer).unwrap());
    site.gateway.handle_http_async(&delete, done).unwrap();
    let deleted = answered.recv_timeout(LONG).unwrap();
    assert_eq!((deleted.status, deleted.session), (200, None));
    site.gateway.shutdown(LONG).unwrap();
    let error = site.gateway.handle_http(&request).unwrap_err();
    assert_eq!(error.status(), Status::ShuttingDown);
}
