//! Peers that mean no good: whatever they do is bounded, and others are served meanwhile.

use std::net::TcpStream;

use rtsp_webrtc_gateway::config::{Config, HttpOptions};

use super::client::{Client, get};
use super::site::{Site, any_port};
use crate::common::LONG;

fn crowded(max_connections: usize) -> Site {
    let options = HttpOptions {
        max_connections,
        ..any_port()
    };
    Site::bare(Config::default(), options)
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
fn bodies_that_are_too_large_are_refused_unread() {
    let site = crowded(64);
    // By what is announced: nothing of it needs to be sent.
    let mut client = Client::connect(site.address);
    client.send(
        b"POST /door/whep HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\n\
          Content-Length: 99999999999\r\n\r\n",
    );
    assert_eq!(client.answer(false).unwrap().status, 413);
    // By what comes.
    let mut client = Client::connect(site.address);
    client.send(
        b"POST /door/whep HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\n\
          Transfer-Encoding: chunked\r\n\r\n",
    );
    let chunk = format!("8000\r\n{}\r\n", "a".repeat(0x8000));
    for _ in 0..5 {
        client.send(chunk.as_bytes());
    }
    assert_eq!(client.answer(false).unwrap().status, 413);
    // A page needs no body, and none is waited for.
    let mut client = Client::connect(site.address);
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    assert_eq!(client.answer(false).unwrap().status, 200);
}

#[test]
fn who_does_not_finish_a_request_is_cut_off() {
    let site = crowded(64);
    let mut slow_head = Client::connect(site.address);
    slow_head.send(b"GET / HTTP/1.1\r\nHost");
    let mut slow_body = Client::connect(site.address);
    slow_body.send(
        b"POST /door/whep HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\n\
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
