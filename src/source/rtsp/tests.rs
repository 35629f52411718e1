//! The client against a camera that is a script: bytes in, bytes out, in virtual time.

use std::time::{Duration, Instant};

use super::*;
use crate::budget::Budget;
use crate::source::TURN;
use crate::source::url::Credentials;

const URL: &str = "rtsp://h/cam";
const SDP: &str = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\n\
                   m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n\
                   m=audio 0 RTP/AVP 0\r\na=control:track2\r\n";
const BASE: &str = "Content-Base: rtsp://h/cam/\r\n";

struct World {
    client: Client,
    now: Instant,
    /// Bytes that the client left.
    rest: Vec<u8>,
    packets: Vec<(usize, Vec<u8>)>,
    /// All requests so far.
    requests: Vec<String>,
    lower: Lower,
}

impl World {
    fn new(credentials: Option<(&str, &str)>) -> World {
        let credentials = credentials.map(|(username, password)| Credentials {
            username: username.to_owned(),
            password: password.to_owned(),
        });
        let mut client = Client::new(URL, credentials, || 7);
        client.connected();
        World {
            client,
            now: Instant::now(),
            rest: Vec::new(),
            packets: Vec::new(),
            requests: Vec::new(),
            lower: Lower::Interleaved,
        }
    }

    /// The request that the client wrote.
    fn request(&mut self) -> String {
        let text = String::from_utf8(std::mem::take(self.client.unwritten())).unwrap();
        assert!(text.ends_with("\r\n\r\n"), "{text:?}");
        self.requests.push(text.clone());
        text
    }

    fn method(&mut self) -> String {
        let request = self.request();
        request.split(" RTSP/1.0").next().unwrap().to_owned()
    }

    fn number(&self) -> &str {
        let (_, rest) = self.requests.last().unwrap().rsplit_once("CSeq: ").unwrap();
        rest.lines().next().unwrap()
    }

    fn receive(&mut self, bytes: impl AsRef<[u8]>) {
        self.rest.extend_from_slice(bytes.as_ref());
        self.turn();
        while self.client.is_paused() {
            self.turn();
        }
    }

    /// Takes what is left, as far as the budget of a turn goes, on a clock that stands still.
    fn turn(&mut self) {
        let packets = &mut self.packets;
        let mut budget = Budget::new(TURN, self.now);
        let mut used = 0;
        loop {
            let (rest, now) = (&self.rest[used..], self.now);
            let receive = &mut |track, packet: &[u8]| packets.push((track, packet.to_vec()));
            used += self.client.receive(rest, now, &mut budget, receive);
            if !self.client.is_paused() || !budget.goes_on(self.now) {
                break;
            }
        }
        self.rest.drain(..used);
    }

    /// Answers the last request.
    fn answer(&mut self, status: &str, headers: &str, body: &str) {
        let number = self.number().to_owned();
        let length = match body {
            "" => String::new(),
            _ => format!("Content-Length: {}\r\n", body.len()),
        };
        self.receive(format!(
            "RTSP/1.0 {status}\r\nCSeq: {number}\r\n{headers}{length}\r\n{body}"
        ));
    }

    fn describe(&mut self, headers: &str, sdp: &str) {
        let request = self.request();
        assert!(request.starts_with("DESCRIBE "), "{request}");
        self.answer(
            "200 OK",
            &format!("Content-Type: application/sdp\r\n{headers}"),
            sdp,
        );
    }

    /// Everything that the description has is set up; the first track is needed.
    fn set_up(&mut self) -> Description {
        let Some(Event::Described(description)) = self.client.poll_event() else {
            panic!("described");
        };
        let wanted = |track| Wanted {
            track,
            lower: self.lower,
            needed: track == 0,
        };
        let all = (0..description.tracks.len()).map(wanted).collect();
        self.client.set_up(all);
        description
    }

    fn channels(&mut self) {
        let request = self.request();
        let (_, rest) = request.split_once("interleaved=").unwrap();
        let channels = rest.lines().next().unwrap();
        let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={channels}\r\n");
        self.answer(
            "200 OK",
            &format!("{transport}Session: 12;timeout=60\r\n"),
            "",
        );
    }

    /// Up to the responses to SETUP of both tracks.
    fn set_up_all(&mut self) {
        self.describe(BASE, SDP);
        self.set_up();
        self.channels();
        self.channels();
    }

    /// Up to the response to PLAY.
    fn play(&mut self) {
        self.set_up_all();
        let play = self.method();
        assert_eq!(play, "PLAY rtsp://h/cam/");
        self.answer("200 OK", "Session: 12\r\n", "");
        self.events_to(&Event::Playing);
    }

    fn events_to(&mut self, last: &Event) {
        while let Some(event) = self.client.poll_event() {
            if event == *last {
                return;
            }
            assert!(matches!(event, Event::SetUp(..)), "{event:?}");
        }
        panic!("no {last:?}");
    }

    fn failure(&mut self) -> Failure {
        while let Some(event) = self.client.poll_event() {
            if let Event::Failed(failure) = event {
                return failure;
            }
        }
        panic!("it goes on");
    }

    fn quirks(&mut self) -> Vec<&'static str> {
        let quirks = self.client.take_quirks();
        quirks.iter().map(|(quirk, _)| quirk.name()).collect()
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.client.handle_timeout(self.now);
        self.receive([]);
    }

    fn media(&mut self, channel: u8, payload_type: u8) {
        self.receive(frame(channel, payload_type, 20));
    }
}

fn frame(channel: u8, payload_type: u8, len: usize) -> Vec<u8> {
    let mut frame = vec![b'$', channel, (len >> 8) as u8, len as u8];
    let mut packet = vec![0; len];
    packet[..2].copy_from_slice(&[0x80, payload_type]);
    frame.extend(packet);
    frame
}

#[test]
fn from_describe_to_media() {
    let mut world = World::new(None);
    world.play();
    let requests = world.requests.join("");
    for part in [
        "DESCRIBE rtsp://h/cam RTSP/1.0\r\nUser-Agent: rtsp_webrtc_gateway/",
        "\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n",
        "SETUP rtsp://h/cam/track1 RTSP/1.0\r\n",
        "CSeq: 2\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
        "SETUP rtsp://h/cam/track2 RTSP/1.0\r\n",
        "interleaved=2-3\r\nSession: 12\r\n\r\n",
        "PLAY rtsp://h/cam/ RTSP/1.0\r\n",
        "Range: npt=0.000-\r\nSession: 12\r\n\r\n",
    ] {
        assert!(requests.contains(part), "{part:?} in {requests}");
    }
    world.media(0, 96);
    world.media(2, 0);
    world.media(3, 200);
    let got: Vec<_> = world
        .packets
        .iter()
        .map(|(track, packet)| (*track, packet.len()))
        .collect();
    assert_eq!(got, [(0, 20), (1, 20), (1, 20)]);
    assert!(world.quirks().is_empty());
    world.client.tear_down();
    let last = world.request();
    assert!(
        last.starts_with("TEARDOWN rtsp://h/cam/ RTSP/1.0"),
        "{last}"
    );
    assert!(last.contains("Session: 12\r\n"), "{last}");
}

#[test]
fn however_the_bytes_are_cut() {
    let sdp = format!("{SDP}a=x:y\r\n");
    for cut in 1..40 {
        let mut world = World::new(None);
        world.request();
        let response = format!(
            "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\n{BASE}Content-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        for bytes in response.as_bytes().chunks(cut) {
            world.receive(bytes);
        }
        world.set_up();
        world.channels();
        world.channels();
        world.request();
        let mut bytes = b"RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\n".to_vec();
        for len in [20, 1400, 12, 70, 65_000] {
            bytes.extend(frame(0, 96, len));
        }
        for bytes in bytes.chunks(cut) {
            world.receive(bytes);
        }
        let lens: Vec<usize> = world.packets.iter().map(|packet| packet.1.len()).collect();
        assert_eq!(lens, [20, 1400, 12, 70, 65_000], "{cut}");
        assert!(world.quirks().is_empty(), "{cut}");
    }
}

#[test]
fn responses_without_a_usable_number() {
    for number in [
        "",
        "CSeq: 0\r\n",
        "CSeq: 999\r\n",
        "CSeq:\r\n",
        "CSeq: x\r\n",
    ] {
        let mut world = World::new(None);
        world.request();
        world.receive(format!(
            "RTSP/1.0 200 OK\r\n{number}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
            SDP.len()
        ));
        world.set_up();
        assert_eq!(world.quirks(), ["cseq"], "{number:?}");
    }
    // A camera that counts, and says something twice.
    let mut world = World::new(None);
    world.describe(BASE, SDP);
    world.set_up();
    world.request();
    world.receive("RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n");
    assert_eq!(world.client.poll_event(), None);
    world.answer("200 OK", "Session: 1\r\n", "");
    assert!(world.method().ends_with("track2"));
}

#[test]
fn lengths_of_descriptions() {
    let head = "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\n";
    for (length, waits) in [
        (String::new(), true),
        (format!("Content-Length: {}\r\n", SDP.len() + 2), true),
        (format!("Content-Length: {}\r\n", SDP.len() - 20), false),
        ("Content-Length: -1\r\n".to_owned(), true),
        ("Content-Length: 0\r\n".to_owned(), false),
    ] {
        let mut world = World::new(None);
        world.request();
        world.receive(format!("{head}{length}\r\n{SDP}"));
        if waits {
            assert_eq!(world.client.poll_event(), None, "{length}");
            assert!(world.client.next_deadline().is_some());
            world.pass(1);
        }
        let description = world.set_up();
        assert_eq!(description.tracks.len(), 2, "{length}");
        assert_eq!(description.tracks[1].control.as_deref(), Some("track2"));
        assert_eq!(world.quirks(), ["content-length"], "{length}");
        assert!(world.rest.is_empty());
    }
    // The end of the connection is the end of the body.
    let mut world = World::new(None);
    world.request();
    world.receive(format!("{head}\r\n{SDP}"));
    let rest = std::mem::take(&mut world.rest);
    world.client.closed(&rest, world.now, &mut |_, _| {});
    assert!(matches!(
        world.client.poll_event(),
        Some(Event::Described(_))
    ));
}

#[test]
fn content_types() {
    for (kind, quirks) in [
        ("application/sdp", &[][..]),
        ("Application/SDP", &[]),
        ("application/sdp; charset=utf-8", &["content-type"]),
        ("text/plain", &["content-type"]),
    ] {
        let mut world = World::new(None);
        world.request();
        world.answer("200 OK", &format!("Content-Type: {kind}\r\n"), SDP);
        world.set_up();
        assert_eq!(world.quirks(), quirks, "{kind}");
    }
}

#[test]
fn a_set_up_without_what_it_should_say() {
    for (headers, quirks) in [
        ("", &["no-session", "no-transport"][..]),
        (
            "Session: ;timeout=60\r\nTransport:\r\n",
            &["no-session", "transport-syntax"],
        ),
        (
            "Session: 1\r\nTransport: RTP/AVP/TCP; unicast; interleaved=0-1\r\n",
            &["transport-syntax"],
        ),
    ] {
        let mut world = World::new(None);
        world.describe(BASE, SDP);
        world.set_up();
        world.request();
        world.answer("200 OK", headers, "");
        world.channels();
        assert_eq!(world.method(), "PLAY rtsp://h/cam/");
        assert_eq!(world.quirks(), quirks, "{headers:?}");
        world.media(0, 96);
        world.media(2, 0);
        let tracks: Vec<usize> = world.packets.iter().map(|packet| packet.0).collect();
        assert_eq!(tracks, [0, 1]);
    }
}

#[test]
fn other_channels_than_were_asked_for() {
    let mut world = World::new(None);
    world.describe(BASE, SDP);
    world.set_up();
    for channels in ["4-5", "8"] {
        world.request();
        let transport = format!("Transport: RTP/AVP/TCP;interleaved={channels}\r\nSession: 1\r\n");
        world.answer("200 OK", &transport, "");
    }
    world.request();
    world.answer("200 OK", "", "");
    world.media(4, 96);
    world.media(8, 0);
    world.media(9, 201);
    assert!(world.quirks().is_empty());
    // Said otherwise than done.
    world.media(0, 0);
    let tracks: Vec<_> = world.packets.iter().map(|packet| packet.0).collect();
    assert_eq!(tracks, [0, 1, 1, 1]);
    assert_eq!(world.quirks(), ["channels"]);
}

#[test]
fn urls_are_tried_until_one_is_accepted() {
    let mut world = World::new(None);
    world.describe("Content-Base: rtsp://h/wrong/\r\n", SDP);
    world.set_up();
    assert_eq!(world.method(), "SETUP rtsp://h/wrong/track1");
    world.answer("404 Not Found", "", "");
    assert_eq!(world.method(), "SETUP rtsp://h/cam/track1");
    world.answer(
        "200 OK",
        "Session: 1\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n",
        "",
    );
    world.request();
    world.answer("200 OK", "Transport: RTP/AVP/TCP;interleaved=2-3\r\n", "");
    assert_eq!(world.method(), "PLAY rtsp://h/wrong/");
    world.answer("454 Session Not Found", "", "");
    assert_eq!(world.method(), "PLAY rtsp://h/cam");
    world.answer("200 OK", "", "");
    world.events_to(&Event::Playing);
    assert_eq!(world.quirks(), ["base-url"]);
}

#[test]
fn a_track_that_is_not_needed_may_be_refused() {
    let mut world = World::new(None);
    world.describe(BASE, SDP);
    world.set_up();
    world.channels();
    while world.method().starts_with("SETUP") {
        world.answer("500 Internal Server Error", "", "");
    }
    assert!(world.requests.last().unwrap().starts_with("PLAY"));
    // The one that is needed is not.
    let mut world = World::new(None);
    world.describe(BASE, SDP);
    world.set_up();
    world.request();
    world.answer("461 Unsupported Transport", "", "");
    assert_eq!(world.failure(), Failure::TransportRefused);
}

#[test]
fn tcp_that_is_answered_with_udp() {
    let mut world = World::new(None);
    world.describe(BASE, SDP);
    world.set_up();
    world.request();
    world.answer(
        "200 OK",
        "Transport: RTP/AVP;unicast;client_port=1-2;server_port=3-4\r\n",
        "",
    );
    assert_eq!(world.failure(), Failure::TransportRefused);
}

#[test]
fn each_track_is_played_by_itself_if_need_be() {
    let mut world = World::new(None);
    world.set_up_all();
    world.request();
    world.answer("457 Invalid Range", "", "");
    assert!(!world.request().contains("Range"));
    world.answer("459 Aggregate Operation Not Allowed", "", "");
    assert_eq!(world.method(), "PLAY rtsp://h/cam/track1");
    world.answer("200 OK", "", "");
    assert_eq!(world.method(), "PLAY rtsp://h/cam/track2");
    world.answer("200 OK", "", "");
    world.events_to(&Event::Playing);
}

#[test]
fn media_without_a_response_to_play() {
    let mut world = World::new(None);
    world.set_up_all();
    world.request();
    world.media(0, 96);
    world.events_to(&Event::Playing);
    world.answer("200 OK", "", "");
    assert_eq!(world.client.poll_event(), None);
    assert_eq!(world.packets.len(), 1);
}

const DIGEST: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"1\"\r\n";

fn nonce(request: &str) -> &str {
    let (_, rest) = request.split_once("nonce=\"").unwrap();
    rest.split('"').next().unwrap()
}

#[test]
fn a_challenge_is_answered_and_later_requests_with_it() {
    let mut world = World::new(Some(("u", "p")));
    assert!(!world.request().contains("Authorization"));
    world.answer("401 Unauthorized", DIGEST, "");
    assert_eq!(nonce(&world.request()), "1");
    world.answer(
        "200 OK",
        &format!("Content-Type: application/sdp\r\n{BASE}"),
        SDP,
    );
    world.set_up();
    assert_eq!(nonce(&world.request()), "1");
    // A nonce for each request.
    world.answer("401 Unauthorized", &DIGEST.replace('1', "2"), "");
    assert_eq!(nonce(&world.request()), "2");
    world.answer(
        "200 OK",
        "Session: 1\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n",
        "",
    );
    assert_eq!(nonce(&world.request()), "2");
}

#[test]
fn a_wrong_password_is_sent_once() {
    for (headers, tries) in [
        (DIGEST, 2),
        ("WWW-Authenticate: Basic realm=\"r\"\r\n", 2),
        (
            "WWW-Authenticate: Digest realm=\"r\", nonce=\"1\", stale=true\r\n",
            3,
        ),
    ] {
        let mut world = World::new(Some(("u", "p")));
        for _ in 0..tries {
            world.request();
            world.answer("401 Unauthorized", headers, "");
        }
        assert_eq!(world.failure(), Failure::Unauthorized, "{headers}");
        assert!(world.client.unwritten().is_empty());
    }
    let mut world = World::new(None);
    world.request();
    world.answer("401 Unauthorized", DIGEST, "");
    assert_eq!(world.failure(), Failure::NoCredentials);
    let mut world = World::new(Some(("u", "p")));
    world.request();
    world.answer("401 Unauthorized", "WWW-Authenticate: NTLM\r\n", "");
    assert_eq!(world.failure(), Failure::UnsupportedAuth);
}

#[test]
fn a_connection_that_is_closed_behind_a_challenge() {
    for (header, quirk) in [("Connection: close\r\n", true), ("", false)] {
        let mut world = World::new(Some(("u", "p")));
        world.request();
        world.answer("401 Unauthorized", &format!("{DIGEST}{header}"), "");
        if !quirk {
            world.request();
            world.client.closed(&[], world.now, &mut |_, _| {});
        }
        assert_eq!(world.client.poll_event(), Some(Event::Reconnect));
        world.client.connected();
        let request = world.request();
        assert!(
            request.starts_with("DESCRIBE") && request.contains("Authorization"),
            "{request}"
        );
        assert_eq!(world.quirks(), ["closed-after-challenge"]);
        // But not for ever.
        world.client.closed(&[], world.now, &mut |_, _| {});
        assert_eq!(world.failure(), Failure::Unauthorized);
    }
}

#[test]
fn a_camera_that_wants_options_first() {
    let mut world = World::new(None);
    world.request();
    world.client.closed(&[], world.now, &mut |_, _| {});
    assert_eq!(world.client.poll_event(), Some(Event::Reconnect));
    world.client.connected();
    assert_eq!(world.method(), "OPTIONS rtsp://h/cam");
    world.answer("404 Not Found", "", "");
    assert_eq!(world.method(), "DESCRIBE rtsp://h/cam");
    world.client.closed(&[], world.now, &mut |_, _| {});
    assert_eq!(world.failure(), Failure::Closed);
    let mut world = World::new(None);
    world.request();
    world.answer("400 Bad Request", "", "");
    assert_eq!(world.method(), "OPTIONS rtsp://h/cam");
    world.answer("200 OK", "Public: DESCRIBE\r\n", "");
    assert_eq!(world.method(), "DESCRIBE rtsp://h/cam");
    world.answer("400 Bad Request", "", "");
    assert!(matches!(world.failure(), Failure::Refused("DESCRIBE", _)));
}

#[test]
fn redirects_are_followed_a_few_times() {
    for code in [301, 302, 303, 305, 307] {
        let mut world = World::new(None);
        world.request();
        world.answer(
            &format!("{code} Moved"),
            "Location: rtsp://u:p@other:8554/x\r\n",
            "",
        );
        assert_eq!(world.client.poll_event(), Some(Event::Reconnect));
        assert_eq!(world.client.url(), "rtsp://other:8554/x");
        world.client.connected();
        assert_eq!(world.method(), "DESCRIBE rtsp://other:8554/x");
    }
    let mut world = World::new(None);
    for _ in 0..5 {
        world.request();
        world.answer("302 Found", "Location: /again\r\n", "");
        assert_eq!(world.client.poll_event(), Some(Event::Reconnect));
        world.client.connected();
    }
    world.request();
    world.answer("302 Found", "Location: /again\r\n", "");
    assert_eq!(world.failure(), Failure::Redirects);
    for location in ["http://h/", "rtsp://", "rtsp:///x"] {
        let mut world = World::new(None);
        world.request();
        world.answer("302 Found", &format!("Location: {location}\r\n"), "");
        assert_eq!(world.failure(), Failure::BadRedirect, "{location}");
    }
}

/// A camera may move its clients from one server to another as often as it likes, if those send media.
#[test]
fn redirects_are_counted_in_a_row() {
    for (media, followed) in [(&[0, 11_000][..], true), (&[0, 5000], false), (&[], false)] {
        let mut world = World::new(None);
        for n in 1..=20 {
            world.play();
            for millis in media {
                world.now += Duration::from_millis(*millis);
                world.media(0, 96);
            }
            world.receive("REDIRECT * RTSP/1.0\r\nCSeq: 6\r\nLocation: rtsp://h/cam\r\n\r\n");
            if !followed && n == 6 {
                assert_eq!(world.failure(), Failure::Redirects, "{media:?}");
                break;
            }
            assert_eq!(world.client.poll_event(), Some(Event::Reconnect), "{n}");
            world.client.unwritten().clear();
            world.client.connected();
        }
    }
}

#[test]
fn another_host_is_told_nothing_of_the_password() {
    for challenge in ["WWW-Authenticate: Basic realm=\"r\"\r\n", DIGEST] {
        for (location, told) in [("rtsp://h:99/x", true), ("rtsp://other/x", false)] {
            let mut world = World::new(Some(("u", "p")));
            world.request();
            world.answer("302 Found", &format!("Location: {location}\r\n"), "");
            world.client.poll_event();
            world.client.connected();
            world.request();
            world.answer("401 Unauthorized", challenge, "");
            assert_eq!(world.client.unwritten().is_empty(), !told, "{location}");
            if !told {
                assert_eq!(world.failure(), Failure::ElsewhereUnauthorized);
            }
        }
    }
}

#[test]
fn tls_is_not_redirected_away() {
    let mut client = Client::new("rtsps://h/cam", None, || 7);
    client.connected();
    let answer = b"RTSP/1.0 302 Found\r\nCSeq: 1\r\nLocation: rtsp://h/cam\r\n\r\n";
    let now = Instant::now();
    client.receive(answer, now, &mut Budget::new(TURN, now), &mut |_, _| {});
    assert_eq!(
        client.poll_event(),
        Some(Event::Failed(Failure::BadRedirect))
    );
}

#[test]
fn one_refusal_does_not_lead_to_endless_requests() {
    let mut world = World::new(None);
    world.set_up_all();
    world.request();
    for _ in 0..12_000 {
        world.receive("RTSP/ 459\r\r");
    }
    assert!(world.client.unwritten().len() < 1000);
    assert!(matches!(world.failure(), Failure::Refused("PLAY", _)));
}

#[test]
fn a_camera_that_reads_nothing_is_given_up() {
    let mut world = World::new(None);
    world.play();
    while world.client.poll_event().is_none() {
        world.pass(25);
        world.media(0, 96);
        assert!(world.client.unwritten().len() < 70_000);
    }
}

#[test]
fn nothing_is_read_of_a_connection_that_is_left() {
    let mut world = World::new(Some(("u", "p")));
    world.request();
    world.receive(format!(
        "RTSP/1.0 401 No\r\nCSeq: 1\r\n{DIGEST}Connection: close\r\n\r\n\
         RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    ));
    assert_eq!(world.client.poll_event(), Some(Event::Reconnect));
    assert_eq!(world.client.poll_event(), None);
    assert!(world.rest.is_empty());
}

#[test]
fn a_turn_ends_before_the_bytes_do() {
    let mut world = World::new(None);
    world.play();
    world.rest = frame(0, 96, 13).repeat(5000);
    world.turn();
    assert!(world.client.is_paused());
    assert_eq!(world.packets.len(), TURN.items);
    world.receive([]);
    assert_eq!(world.packets.len(), 5000);
    assert!(world.rest.is_empty());
    // A message costs as much as several packets.
    world.rest = b"RTSP/1.0 200 OK\r\n\r\n".repeat(1000);
    world.turn();
    assert!(world.client.is_paused());
    assert!(world.rest.len() > 19 * 900, "{}", world.rest.len());
}

#[test]
fn time_ends_a_turn_within_a_step() {
    let mut world = World::new(None);
    world.play();
    world.rest = frame(0, 96, 13).repeat(5000);
    let mut budget = Budget::new(TURN, world.now);
    let rest = &world.rest;
    let used = world
        .client
        .receive(rest, world.now, &mut budget, &mut |_, _| {});
    assert!(world.client.is_paused());
    assert!(used <= 32 * 17, "{used}");
    assert!(!budget.goes_on(world.now + TURN.time));
}

/// Candidates for frames, of which none is one. Each was once compared with all others.
#[test]
fn what_only_looks_like_frames_is_looked_at_once() {
    let mut world = World::new(None);
    world.play();
    let mut bytes = b"X".to_vec();
    bytes.extend([0x24, 0, 0xff, 0xff, 0x80].repeat(13_000));
    bytes.extend(frame(0, 96, 12));
    bytes.push(b'$');
    world.receive(&bytes);
    assert_eq!(world.packets.len(), 1);
    assert!(world.rest.len() <= 1, "{}", world.rest.len());
}

#[test]
fn requests_of_the_camera_are_answered() {
    let mut world = World::new(None);
    world.play();
    for (method, status) in [
        ("ANNOUNCE", "200 OK"),
        ("OPTIONS", "200 OK"),
        ("SET_PARAMETER", "200 OK"),
        ("GET_PARAMETER", "200 OK"),
        ("PAUSE", "501 Not Implemented"),
    ] {
        world.receive(format!(
            "{method} rtsp://h/ RTSP/1.0\r\nCSeq: 5\r\nSession: 12\r\nContent-Length: 3\r\n\r\nabc"
        ));
        world.media(0, 96);
        let response = world.request();
        assert!(
            response.starts_with(&format!("RTSP/1.0 {status}\r\nCSeq: 5\r\nSession: 12\r\n")),
            "{response}"
        );
    }
    assert_eq!(world.packets.len(), 5);
    assert_eq!(world.quirks(), ["server-requests"]);
    world.receive("REDIRECT rtsp://h/ RTSP/1.0\r\nCSeq: 6\r\nLocation: rtsp://other/\r\n\r\n");
    assert_eq!(world.client.poll_event(), Some(Event::Reconnect));
    assert_eq!(world.client.url(), "rtsp://other/");
    let mut world = World::new(None);
    world.play();
    world.receive("TEARDOWN rtsp://h/ RTSP/1.0\r\nCSeq: 6\r\n\r\n");
    assert_eq!(world.failure(), Failure::TornDown);
    // A flood that reads no responses.
    let mut world = World::new(None);
    world.play();
    for _ in 0..10_000 {
        world.receive("OPTIONS * RTSP/1.0\r\n\r\n");
    }
    assert_eq!(world.failure(), Failure::Deaf);
    assert!(world.client.unwritten().len() < 70_000);
}

#[test]
fn junk_between_frames_is_skipped() {
    let mut random = fastrand::Rng::with_seed(4);
    for round in 0..200 {
        let mut world = World::new(None);
        world.play();
        world.media(0, 96);
        for _ in 0..3 {
            let junk: Vec<u8> = (0..1 + random.usize(..300))
                .map(|_| random.u8(..))
                .collect();
            let mut bytes = junk;
            // What junk begins with is not taken for a frame of a known channel.
            bytes[0] = 0x55;
            for _ in 0..3 {
                bytes.extend(frame(0, 96, 100));
            }
            bytes.extend(frame(2, 0, 160));
            for bytes in bytes.chunks(1 + random.usize(..700)) {
                world.receive(bytes);
            }
        }
        world.receive(b"RTSP/1.0 200 OK\r\nCSeq: 900\r\n\r\n");
        let whole = world
            .packets
            .iter()
            .filter(|packet| packet.1.len() == 100)
            .count();
        assert!(whole >= 7, "{round}: {whole} of 9");
        assert!(world.quirks().contains(&"junk-between-frames"));
    }
}

#[test]
fn a_head_without_its_empty_line_ends_where_something_else_begins() {
    for (text, quirks) in [
        (
            "RTSP/1.0 200 OK\r\nCSeq: 9\r\n",
            &["header-line", "cseq"][..],
        ),
        (
            "RTSP/1.0 200 OK\nCSeq: 9\n",
            &["header-line", "line-ends", "cseq"],
        ),
        ("RTSP/1.0 200 OK\r\nCSeq: 9", &["header-line", "cseq"]),
        (
            "RTSP/1.0 200 OK\r\nCSeq: 9\r\nContent-Length: 400\r\n",
            &["header-line", "cseq"],
        ),
        (
            "RTSP/1.0 200 OK\r\nCSeq: 9\r\nRTSP/1.0 200 OK\r\nCSeq: 10\r\n\r\n",
            &["header-line", "cseq"],
        ),
        (
            "ANNOUNCE rtsp://h/ RTSP/1.0\r\nCSeq: 5\r\n",
            &["header-line", "server-requests"],
        ),
    ] {
        for cut in [1, 7, 5000] {
            let mut world = World::new(None);
            world.play();
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..3 {
                bytes.extend(frame(0, 96, 1400));
            }
            for bytes in bytes.chunks(cut) {
                world.receive(bytes);
            }
            assert_eq!(world.packets.len(), 3, "{text:?}");
            assert_eq!(world.client.poll_event(), None, "{text:?}");
            assert_eq!(world.quirks(), quirks, "{text:?}");
        }
    }
    // That of PLAY, before the first frame.
    let mut world = World::new(None);
    world.set_up_all();
    world.request();
    world.receive("RTSP/1.0 200 OK\r\nCSeq: 4\r\nSession: 12\r\n");
    world.media(0, 96);
    world.events_to(&Event::Playing);
    assert_eq!(world.packets.len(), 1);
    assert_eq!(world.quirks(), ["header-line"]);
}

/// Though the channel is one of a track, and what follows it might be a frame.
#[test]
fn money_in_a_header_is_no_frame() {
    let mut world = World::new(None);
    world.describe(BASE, SDP);
    world.set_up();
    world.request();
    let headers = "Transport: RTP/AVP/TCP;unicast;interleaved=48-49\r\nSession: 12\r\n";
    world.answer("200 OK", headers, "");
    world.channels();
    world.request();
    world.answer("200 OK", "Session: 12\r\n", "");
    world.events_to(&Event::Playing);
    world.receive(b"RTSP/1.0 200 OK\r\nCSeq: 5\r\nServer: $0ab\x80 $9.99\r\n\r\n");
    world.media(48, 96);
    assert_eq!(world.packets.len(), 1);
    assert_eq!(world.quirks(), ["cseq"]);
}

#[test]
fn a_status_line_that_is_there_twice() {
    let mut world = World::new(None);
    world.request();
    world.receive(format!(
        "RTSP/1.0 200 OK\r\nRTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    ));
    world.set_up();
    assert_eq!(world.quirks(), ["header-line"]);
}

#[test]
fn blank_lines_are_no_junk() {
    let mut world = World::new(None);
    world.request();
    world.receive("\r\n\r\n  ");
    world.receive(format!(
        "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    ));
    world.set_up();
    assert!(world.quirks().is_empty());
}

#[test]
fn a_session_is_kept_alive() {
    let mut world = World::new(Some(("u", "p")));
    world.play();
    assert!(world.client.next_deadline().unwrap() <= world.now + Duration::from_secs(20));
    world.pass(20);
    assert_eq!(world.method(), "OPTIONS rtsp://h/cam/");
    world.answer("200 OK", "Public: GET_PARAMETER\r\n", "");
    world.pass(20);
    assert_eq!(world.method(), "GET_PARAMETER rtsp://h/cam/");
    // The nonce grew old: the same request again.
    world.answer("401 Unauthorized", DIGEST, "");
    let again = world.request();
    assert!(
        again.starts_with("GET_PARAMETER") && again.contains("Authorization"),
        "{again}"
    );
    world.answer("501 Not Implemented", "", "");
    assert_eq!(world.method(), "OPTIONS rtsp://h/cam/");
    // Never answered, and nothing ends.
    for _ in 0..50 {
        world.pass(20);
        world.media(0, 96);
        world.request();
    }
    assert_eq!(world.client.poll_event(), None);
    assert_eq!(world.quirks(), ["keep-alive-refused"]);
}

#[test]
fn a_camera_that_hangs_up_on_a_keep_alive() {
    let mut world = World::new(None);
    world.play();
    world.pass(20);
    world.request();
    world.answer("200 OK", "", "");
    world.pass(20);
    assert_eq!(world.method(), "GET_PARAMETER rtsp://h/cam/");
    world.client.closed(&[], world.now, &mut |_, _| {});
    assert_eq!(world.client.hung_up_on(), Some("GET_PARAMETER"));
    let mut world = World::new(None);
    world.client.avoid("GET_PARAMETER");
    world.play();
    for _ in 0..4 {
        world.pass(20);
        assert_eq!(world.method(), "OPTIONS rtsp://h/cam/");
        world.answer("200 OK", "", "");
    }
    assert_eq!(world.client.hung_up_on(), None);
}

#[test]
fn a_session_that_the_camera_does_not_know() {
    let mut world = World::new(None);
    world.play();
    // In the connection, to ports of ours, and in no way.
    for way in 0..3 {
        world.pass(20);
        world.request();
        world.answer("454 Session Not Found", "", "");
        world.now += Duration::from_secs(1);
        match way {
            0 => world.media(0, 96),
            1 => world.client.media_came(world.now),
            _ => {}
        }
        world.pass(1);
        assert_eq!(world.client.poll_event().is_none(), way < 2);
    }
}

#[test]
fn media_to_ports_of_ours_without_a_response_to_play() {
    let mut world = World::new(None);
    world.set_up_all();
    world.request();
    world.client.media_came(world.now);
    world.events_to(&Event::Playing);
}

#[test]
fn nothing_is_endless() {
    let endless: [(&[u8], &[u8]); 5] = [
        (
            b"RTSP/1.0 200 OK\r\n",
            b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
        ),
        (
            b"RTSP/1.0 200 OK\r\nX: ",
            b"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
        ),
        (
            b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 60000000\r\n\r\n",
            b"a=x\r\n",
        ),
        (b"HELLO\r\n", b"220 mail.example ESMTP\r\n"),
        (
            b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
            b"a=x:yyyyyyyyyyyyyyyy\r\n",
        ),
    ];
    for (first, again) in endless {
        let mut world = World::new(None);
        world.request();
        world.receive(first);
        let mut most = 0;
        for _ in 0..1_000_000 {
            world.receive(again);
            most = most.max(world.rest.len());
            if let Some(event) = world.client.poll_event() {
                assert!(
                    matches!(event, Event::Failed(_) | Event::Described(_)),
                    "{event:?}"
                );
                break;
            }
        }
        assert!(most < 100_000, "{most}");
        assert!(world.client.poll_event().is_none());
        assert!(world.rest.is_empty());
    }
    // Frames that never end are waited for, and are no larger than they can be.
    let mut world = World::new(None);
    world.play();
    world.receive([b'$', 0, 0xff, 0xff]);
    for _ in 0..65_534 {
        world.receive([0]);
    }
    assert_eq!(world.rest.len(), 4 + 65_534);
    world.receive([0]);
    assert_eq!(world.packets.len(), 1);
}

#[test]
fn any_bytes_will_do() {
    let mut random = fastrand::Rng::with_seed(8);
    for _ in 0..300 {
        let mut world = World::new(Some(("u", "p")));
        let mut script = format!(
            "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
            SDP.len()
        )
        .into_bytes();
        script.extend(b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 1\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n");
        script.extend(b"RTSP/1.0 401 No\r\nCSeq: 3\r\nWWW-Authenticate: Digest realm=\"\", nonce=\"\"\r\n\r\n");
        for _ in 0..20 {
            script.extend(frame(random.u8(..4), 96, 12 + random.usize(..50)));
        }
        for _ in 0..random.usize(..20) {
            let at = random.usize(..script.len());
            script[at] = random.u8(..);
        }
        for bytes in script.chunks(1 + random.usize(..200)) {
            world.receive(bytes);
            while let Some(event) = world.client.poll_event() {
                if let Event::Described(description) = event {
                    let all = 0..description.tracks.len();
                    let wanted = all.map(|track| Wanted {
                        track,
                        lower: Lower::Interleaved,
                        needed: true,
                    });
                    world.client.set_up(wanted.collect());
                }
            }
            world.now += Duration::from_millis(random.u64(..400));
            world.client.handle_timeout(world.now);
            world.client.unwritten().clear();
        }
    }
}

#[test]
fn reports_go_to_their_channel() {
    let mut world = World::new(None);
    world.play();
    world.client.send_interleaved(1, &[1, 2, 3]);
    assert_eq!(world.client.unwritten(), &[b'$', 3, 0, 3, 1, 2, 3]);
}

#[test]
fn a_head_is_read_once_however_its_body_comes() {
    let mut world = World::new(None);
    world.request();
    let lines = "a\n".repeat(7_000);
    world.receive(format!(
        "RTSP/1.0 200 OK\r\nCSeq: 1\r\n{lines}Content-Length: 60000\r\n\r\n"
    ));
    let before = message::PARSED.get();
    for _ in 0..3000 {
        world.receive("a");
    }
    assert!(message::PARSED.get() <= before + 1);
    assert!(world.client.poll_event().is_none());
}

#[test]
fn heads_that_say_nothing_are_no_rtsp() {
    let mut world = World::new(None);
    world.request();
    for _ in 0..1000 {
        world.receive("RTSP/x\r\r");
    }
    assert_eq!(world.failure(), Failure::NotRtsp);
}

#[test]
fn the_password_is_not_sent_in_clear_after_digest() {
    let mut world = World::new(Some(("u", "p")));
    world.request();
    world.answer("401 Unauthorized", DIGEST, "");
    world.describe(BASE, SDP);
    world.set_up();
    world.request();
    world.answer(
        "401 Unauthorized",
        "WWW-Authenticate: Basic realm=\"r\"\r\n",
        "",
    );
    assert_eq!(world.failure(), Failure::WeakerAuth);
    assert!(world.client.unwritten().is_empty());
}

#[test]
fn a_redirect_is_no_longer_than_a_url() {
    for (len, followed) in [(4000, true), (4100, false)] {
        let mut world = World::new(None);
        world.request();
        let path = "p".repeat(len);
        let location = format!("Location: rtsp://other/{path}\r\n");
        world.answer("302 Found", &location, "");
        let event = world.client.poll_event();
        let expected = match followed {
            true => Event::Reconnect,
            false => Event::Failed(Failure::BadRedirect),
        };
        assert_eq!(event, Some(expected), "{len}");
    }
    // Percent-encoded it would be.
    let mut world = World::new(None);
    world.request();
    let path = "|\"".repeat(1500);
    world.answer(
        "302 Found",
        &format!("Location: rtsp://other/{path}\r\n"),
        "",
    );
    assert_eq!(world.failure(), Failure::BadRedirect);
}

#[test]
fn teardown_follows_what_is_half_written() {
    let mut world = World::new(None);
    world.play();
    world.pass(20);
    let written = world.client.unwritten().drain(..10).count();
    let rest = String::from_utf8(world.client.unwritten().clone()).unwrap();
    world.client.tear_down();
    let last = String::from_utf8(world.client.unwritten().clone()).unwrap();
    assert!(written == 10 && last.starts_with(&rest), "{last}");
    assert!(last[rest.len()..].starts_with("TEARDOWN rtsp://h/cam/ "));
}

#[test]
fn a_camera_that_refuses_to_play_gets_a_teardown() {
    let mut world = World::new(None);
    world.set_up_all();
    world.request();
    world.answer("453 Not Enough Bandwidth", "", "");
    world.failure();
    world.client.tear_down();
    assert!(world.method().starts_with("TEARDOWN "));
    world.client.tear_down();
    assert!(world.client.unwritten().is_empty());
}
