//! Pages and figures.

use rtsp_webrtc_gateway::config::Config;

use super::client::{Client, ask, get};
use super::site::{Site, any_port};

#[test]
fn pages_come_with_what_keeps_a_browser_safe() {
    let site = Site::bare(Config::default(), any_port());
    for path in ["/", "/dashboard", "/door", "/not.there"] {
        let page = get(site.address, path);
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("Content-Type"), "text/html; charset=utf-8");
        assert_eq!(page.header("X-Content-Type-Options"), "nosniff");
        let policy = page.header("Content-Security-Policy");
        assert!(policy.contains("default-src 'self'"), "{policy}");
        assert_eq!(page.header("Cache-Control"), "no-cache");
        let length = page.header("Content-Length").to_owned();
        let head = ask(site.address, "HEAD", path, &[], b"");
        assert_eq!(
            (head.status, head.header("Content-Length")),
            (200, length.as_str())
        );
    }
}

#[test]
fn a_page_that_is_known_is_not_sent_again() {
    let site = Site::bare(Config::default(), any_port());
    let mut client = Client::connect(site.address);
    let page = client.ask("GET", "/", &[], b"");
    let tag = page.header("ETag");
    assert!(tag.starts_with('"') && tag.len() > 10, "{tag}");
    for (known, status) in [
        (format!("If-None-Match: {tag}"), 304),
        (format!("If-None-Match: \"x\", W/{tag}"), 304),
        ("If-None-Match: \"x\"".to_owned(), 200),
    ] {
        let again = client.ask("GET", "/", &[&known], b"");
        assert_eq!(again.status, status, "{known}");
        assert_eq!(again.header("ETag"), tag);
    }
}

#[test]
fn what_is_not_there_and_what_may_not_be_done() {
    let site = Site::bare(Config::default(), any_port());
    for path in [
        "/a/b",
        "/door/",
        "/assets/none",
        "/api",
        "/api/",
        "/assets",
        "/.",
        "/..",
        "/%00",
        "/a%2Fb",
        "//",
    ] {
        let answer = get(site.address, path);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("X-Content-Type-Options"), "nosniff");
    }
    for path in ["/", "/door", "/metrics", "/api/streams"] {
        let answer = ask(site.address, "POST", path, &[], b"");
        assert_eq!(answer.status, 405);
        assert_eq!(answer.header("Allow"), "OPTIONS, GET, HEAD");
        assert_eq!(answer.json()["status"], 405);
        let options = ask(site.address, "OPTIONS", path, &[], b"");
        assert_eq!(
            (options.status, options.header("Allow")),
            (200, "OPTIONS, GET, HEAD")
        );
    }
}

#[test]
fn figures_tell_of_the_camera() {
    let site = Site::with_camera(Config::default());
    let mut client = Client::connect(site.address);
    let whole = client.ask("GET", "/api/gateway", &[], b"");
    assert_eq!(
        (whole.status, whole.header("Content-Type")),
        (200, "application/json")
    );
    assert_eq!(whole.header("Cache-Control"), "no-store");
    assert_eq!(whole.header("Access-Control-Allow-Origin"), "");
    assert_eq!(whole.json()["streams"][0]["name"], "door");
    assert!(whole.json()["tuning"].is_array());
    let streams = client.ask("GET", "/api/streams", &[], b"");
    assert_eq!(streams.json()[0]["name"], "door");
    let sessions = client.ask("GET", "/api/sessions", &[], b"");
    assert_eq!(sessions.json(), serde_json::json!([]));
    let metrics = client.ask("GET", "/metrics", &[], b"");
    assert_eq!(metrics.header("Content-Type"), "text/plain; version=0.0.4");
    assert!(metrics.body.contains("stream=\"door\""), "{}", metrics.body);
}
