//! Events for viewers: server-sent events, as WHEP's core extensions have them.

use std::net::TcpStream;

use rtsp_webrtc_gateway::config::{Config, HttpOptions};

use super::client::{Answer, Client, ask, get};
use super::site::{Site, any_port};
use crate::common::{LONG, chromium};

const SDP: &str = "Content-Type: application/sdp";
const JSON: &str = "Content-Type: application/json";
const RIGHT: &str = "Authorization: Bearer right";
const ACTIVE: &str = "event: active\ndata: {}\n\n";
const INACTIVE: &str = "event: inactive\ndata: {}\n\n";
const RECONNECT: &str = "event: reconnect\ndata: {}\n\n";

fn create(site: &Site, headers: &[&str]) -> Answer {
    let offer = chromium().viewer.offer();
    let headers = [&[SDP], headers].concat();
    let created = ask(
        site.address,
        "POST",
        "/door/whep",
        &headers,
        offer.as_bytes(),
    );
    assert_eq!(created.status, 201, "{created:?}");
    created
}

/// Where the events of a new session are asked for.
fn events_of(created: &Answer) -> String {
    let link = created.header("Link");
    let rel = "rel=\"urn:ietf:params:whep:ext:core:server-sent-events\"";
    assert!(link.contains(rel), "{link}");
    assert!(
        link.contains("events=\"active,inactive,reconnect\""),
        "{link}"
    );
    let url = link.strip_prefix('<').unwrap().split_once('>').unwrap().0;
    assert_eq!(url, format!("{}/events", created.header("Location")));
    url.to_owned()
}

/// Asks for these events.
fn stream_of(site: &Site, events: &str, wanted: &str) -> String {
    let made = ask(site.address, "POST", events, &[JSON], wanted.as_bytes());
    assert_eq!(made.status, 201, "{made:?}");
    made.header("Location").to_owned()
}

/// Listens.
fn listen(site: &Site, stream: &str) -> Client<TcpStream> {
    let mut client = Client::connect(site.address);
    client.send(format!("GET {stream} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    let head = client.answer(true).unwrap();
    assert_eq!(head.status, 200, "{head:?}");
    assert_eq!(head.header("Content-Type"), "text/event-stream");
    assert_eq!(head.header("Cache-Control"), "no-store");
    client
}

/// The next event, after what is none.
fn heard(client: &mut Client<TcpStream>) -> Option<String> {
    loop {
        let chunk = client.chunk()?;
        if chunk.starts_with("event:") {
            return Some(chunk);
        }
    }
}

#[test]
fn a_viewer_hears_of_its_camera_and_of_the_end() {
    let mut site = Site::with_camera(Config::default());
    let events = events_of(&create(&site, &[]));
    let stream = stream_of(&site, &events, "");
    let mut client = listen(&site, &stream);
    assert_eq!(heard(&mut client).as_deref(), Some(ACTIVE));
    drop(site.cameras.take());
    assert_eq!(heard(&mut client).as_deref(), Some(INACTIVE));

    // Who comes back has missed nothing, and takes the place of whoever listened.
    let mut again = listen(&site, &stream);
    assert_eq!(client.chunk(), None);
    site.gateway.shutdown(LONG).unwrap();
    assert_eq!(heard(&mut again).as_deref(), Some(RECONNECT));
    assert_eq!(again.chunk(), None);
}

#[test]
fn it_hears_what_it_asked_for_until_it_ends_that() {
    let site = Site::with_camera(Config::default());
    let created = create(&site, &[]);
    let events = events_of(&created);
    let get = |path: &str| ask(site.address, "GET", path, &[], b"").status;
    assert_eq!(get(&format!("{events}/stream")), 404, "nobody has asked");
    for bad in ["active", "{}"] {
        let refused = ask(site.address, "POST", &events, &[JSON], bad.as_bytes());
        assert_eq!(refused.status, 400, "{bad}");
    }
    let stream = stream_of(&site, &events, "[\"reconnect\", \"viewercount\"]");
    let mut client = listen(&site, &stream);
    let deleted = ask(site.address, "DELETE", &stream, &[], b"");
    assert_eq!(deleted.status, 200);
    assert_eq!(heard(&mut client), None, "not even that it is active");
    assert_eq!(get(&stream), 404);
    assert_eq!(ask(site.address, "DELETE", &stream, &[], b"").status, 404);

    // They end with their session.
    let mut client = listen(&site, &stream_of(&site, &events, ""));
    let session = created.header("Location");
    assert_eq!(ask(site.address, "DELETE", session, &[], b"").status, 200);
    assert_eq!(heard(&mut client).as_deref(), Some(ACTIVE));
    assert_eq!(heard(&mut client), None);
    let gone = ask(site.address, "POST", &events, &[JSON], b"");
    assert_eq!(gone.status, 404);
}

#[test]
fn events_need_the_permission_of_their_session() {
    let site = Site::with_camera(Config {
        bearer_tokens: vec!["right".to_owned()],
        ..Config::default()
    });
    let events = events_of(&create(&site, &[RIGHT]));
    let stream = format!("{events}/stream");
    for (header, status) in [("X: y", 401), ("Authorization: Bearer wrong", 403)] {
        for (method, path) in [("POST", &events), ("GET", &stream), ("DELETE", &stream)] {
            let answer = ask(site.address, method, path, &[header], b"");
            assert_eq!(answer.status, status, "{method} {path}");
        }
    }
    let made = ask(site.address, "POST", &events, &[RIGHT], b"");
    assert_eq!(made.status, 201);
}

#[test]
fn who_listens_makes_room() {
    let options = HttpOptions {
        max_connections: 16,
        ..any_port()
    };
    let site = Site::with_camera_at(Config::default(), options);
    let mut listeners: Vec<_> = (0..20)
        .map(|_| {
            listen(
                &site,
                &stream_of(&site, &events_of(&create(&site, &[])), ""),
            )
        })
        .collect();
    let oldest = &mut listeners[0];
    assert_eq!(heard(oldest).as_deref(), Some(ACTIVE));
    assert_eq!(heard(oldest), None);
    let newest = listeners.last_mut().unwrap();
    assert_eq!(heard(newest).as_deref(), Some(ACTIVE));
    assert_eq!(get(site.address, "/").status, 200);
}
