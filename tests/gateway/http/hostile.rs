//! Peers that mean no good: whatever they do is bounded, and others are served meanwhile.

use std::net::TcpStream;

use rtsp_webrtc_gateway::config::{Config, HttpOptions};

use super::client::{Client, get};
use super::site::{Site, any_port};
use crate::common::{LONG, pull};

/// With the camera "door", which never comes.
fn crowded(max_connections: usize) -> Site {
    crowded_with(Config::default(), max_connections)
}

fn crowded_with(config: Config, max_connections: usize) -> Site {
    let options = HttpOptions {
        max_connections,
        ..any_port()
    };
    let site = Site::bare(config, options);
    let nowhere = pull("rtsp://127.0.0.1:1/");
    site.gateway.add_stream("door", nowhere).unwrap();
    site
}

/// A request whose body never comes.
fn begun(site: &Site, method: &str, path: &str, header: &str) -> Client<TcpStream> {
    let mut client = Client::connect(site.address);
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\n\
         Content-Length: 1000\r\n{header}\r\n"
    );
    client.send(head.as_bytes());
    client
}

/// Whether the other side closes without an answer.
fn is_closed(client: &mut Client<TcpStream>) -> bool {
    client.answer(false).is_none()
}

#[test]
fn heads_that_are_too_large_or_no_heads_are_refused() {
    let site = crowded(64);
    let long_path = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(60_000));
    let long_header = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(60_000));
    let many = "A: b\r\n".repeat(1000);
    let many_headers = format!("GET / HTTP/1.1\r\n{many}\r\n");
    for bad in [long_path, long_header, many_headers] {
        let mut client = Client::connect(site.address);
        client.send(bad.as_bytes());
        let answer = client.answer(false);
        let refused = answer.is_none_or(|answer| [400, 414, 431].contains(&answer.status));
        assert!(refused, "{}", &bad[..20]);
    }
    for bad in [
        "\0\0\0\0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut client = Client::connect(site.address);
        client.send(bad.as_bytes());
        let answer = client.answer(false);
        assert!(answer.is_none_or(|answer| answer.status >= 400), "{bad:?}");
    }
    assert_eq!(get(site.address, "/").status, 200);
}

#[test]
fn a_request_says_once_whom_it_is_to() {
    let site = crowded(64);
    for (head, status) in [
        ("GET / HTTP/1.1\r\n", 400),
        ("GET /door/whep HTTP/1.1\r\n", 400),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n",
            400,
        ),
        ("GET / HTTP/1.1\r\nHost: localhost\r\n", 200),
        ("GET / HTTP/1.0\r\n", 200),
    ] {
        let mut client = Client::connect(site.address);
        client.send(format!("{head}\r\n").as_bytes());
        assert_eq!(client.answer(false).unwrap().status, status, "{head:?}");
    }
}

#[test]
fn bodies_that_are_too_large_are_refused_unread() {
    let site = crowded(64);
    // By what is announced: nothing of it needs to be sent.
    let mut client = Client::connect(site.address);
    client.send(
        b"POST /door/whep HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\n\
          Content-Length: 99999999999\r\n\r\n",
    );
    assert_eq!(client.answer(false).unwrap().status, 413);
    // By what comes.
    let mut client = Client::connect(site.address);
    client.send(
        b"POST /door/whep HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\n\
          Transfer-Encoding: chunked\r\n\r\n",
    );
    let chunk = format!("8000\r\n{}\r\n", "a".repeat(0x8000));
    for _ in 0..5 {
        client.send(chunk.as_bytes());
    }
    assert_eq!(client.answer(false).unwrap().status, 413);
    // A page needs no body, and none is waited for.
    let mut client = Client::connect(site.address);
    client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
    assert_eq!(client.answer(false).unwrap().status, 200);
}

#[test]
fn who_does_not_finish_a_request_is_cut_off() {
    let site = crowded(64);
    let mut slow_head = Client::connect(site.address);
    slow_head.send(b"GET / HTTP/1.1\r\nHost");
    let mut slow_body = Client::connect(site.address);
    slow_body.send(
        b"POST /door/whep HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\n\
          Content-Length: 10\r\n\r\nabc",
    );
    // Others are served meanwhile.
    assert_eq!(get(site.address, "/").status, 200);
    assert_eq!(slow_body.answer(false).unwrap().status, 408);
    assert!(is_closed(&mut slow_body));
    assert!(is_closed(&mut slow_head));
}

#[test]
fn a_crowd_that_does_nothing_keeps_nobody_out() {
    let site = crowded(32);
    let mut crowd: Vec<_> = (0..300).map(|_| Client::connect(site.address)).collect();
    for _ in 0..10 {
        assert_eq!(get(site.address, "/").status, 200);
    }
    // The oldest made room.
    let first = &mut crowd[0];
    first.stream.set_read_timeout(Some(LONG)).unwrap();
    assert!(is_closed(first));
}

#[test]
fn what_the_head_rules_out_is_refused_before_the_body() {
    let site = crowded(64);
    for (method, path, status) in [
        ("POST", "/nobody/whep", 404),
        ("PUT", "/door/whep", 405),
        ("PATCH", "/door/whep", 405),
        ("PATCH", "/door/whep/key", 404),
        ("POST", "/door/whep?max_bitrate=much", 400),
    ] {
        let mut client = begun(&site, method, path, "");
        let answer = client.answer(false).unwrap();
        assert_eq!(answer.status, status, "{method} {path}");
    }
    let config = Config {
        bearer_tokens: vec!["right".to_owned()],
        ..Config::default()
    };
    let site = crowded_with(config, 64);
    for (header, status) in [("", 401), ("Authorization: Bearer wrong\r\n", 403)] {
        let mut client = begun(&site, "POST", "/door/whep", header);
        assert_eq!(client.answer(false).unwrap().status, status);
        // The connection goes on once the body has come all the same.
        assert!(client.send(&[b'a'; 1000]));
        assert_eq!(client.ask("GET", "/", &[], b"").status, 200);
    }
}

/// As many at once as the listener would otherwise hold until their time is over.
#[test]
fn bodies_that_never_come_keep_nobody_out() {
    let config = Config {
        bearer_tokens: vec!["right".to_owned()],
        ..Config::default()
    };
    for (site, token) in [(crowded(32), ""), (crowded_with(config, 32), "wrong")] {
        for path in ["/nobody/whep", "/door/whep"] {
            let header = match token {
                "" => String::new(),
                token => format!("Authorization: Bearer {token}\r\n"),
            };
            let mut crowd = Vec::new();
            let mut served = 0;
            for _ in 0..20 {
                crowd.extend((0..10).map(|_| begun(&site, "POST", path, &header)));
                served += usize::from(get(site.address, "/").status == 200);
            }
            assert_eq!(served, 20, "{path} {token}");
        }
    }
}

#[test]
fn one_address_does_not_take_the_places_of_others() {
    let site = crowded(8);
    let mut other = Client::connect_from([127, 0, 0, 2], site.address);
    assert_eq!(other.ask("GET", "/", &[], b"").status, 200);
    let crowd: Vec<_> = (0..100).map(|_| Client::connect(site.address)).collect();
    assert_eq!(get(site.address, "/").status, 200);
    assert_eq!(other.ask("GET", "/", &[], b"").status, 200);
    drop(crowd);
}
