//! A connection to a camera: RTSP, session description and media, in virtual time.

mod script;

use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use rtsp_webrtc_gateway::PullOptions;
use rtsp_webrtc_gateway::internals::source::budget::{Allowance, Budget};
use rtsp_webrtc_gateway::internals::source::rtp::Delivery;
use rtsp_webrtc_gateway::internals::source::rtsp::{Client, Event, Lower, Wanted};
use rtsp_webrtc_gateway::internals::source::{
    CameraConfig, CameraUrl, Choice, Quirks, REORDER, Tracks,
};

use crate::description::config;
use crate::stage::Stage;
pub use script::{Begins, packet};
use script::{Code, DESCRIPTIONS, Header, Method, Move};

/// Bytes that a camera sends in an execution, at most.
const MOST_SENT: usize = 512 << 10;
/// What a client may leave of what it was given: a message or a frame that is not complete.
const MOST_LEFT: usize = 96 << 10;
/// What it may want to write to a camera that does not read: a limit, and one request.
const MOST_UNWRITTEN: usize = (64 << 10) + (40 << 10);
/// Connections: redirects, and second attempts.
const MOST_CONNECTIONS: usize = 16;

/// What a client may do in one call.
const TURN: Allowance = Allowance {
    time: Duration::from_millis(1),
    items: 256,
    bytes: 128 << 10,
};

/// The camera, and the source that is connected to it.
struct Connection {
    client: Client,
    config: CameraConfig,
    tracks: Option<Tracks>,
    stage: Stage,
    set_up: Vec<usize>,
    now: Instant,
    by_udp: bool,
    rest: Vec<u8>,
    sent: usize,
    /// The requests that it got and has not answered: method, CSeq, and the rest of the head.
    requests: Vec<(String, String, String)>,
    is_deaf: bool,
    connections: usize,
    failed: bool,
    numbers: [u16; 8],
    timestamp: u32,
}

pub fn camera(data: &[u8]) {
    let mut script = Unstructured::new(data);
    let first = u8::arbitrary(&mut script).unwrap_or_default();
    let mut connection = Connection::new(first & 1 == 1);
    while !script.is_empty() && !connection.failed && connection.sent < MOST_SENT {
        let Ok(next) = Move::arbitrary(&mut script) else {
            break;
        };
        connection.make(&next);
    }
    connection.client.tear_down();
    connection.check_unwritten();
}

impl Connection {
    fn new(by_udp: bool) -> Connection {
        let now = crate::beginning();
        let options = PullOptions {
            url: "rtsp://admin:s3cret@192.0.2.7/cam".to_owned(),
            ..PullOptions::default()
        };
        let url = CameraUrl::parse(&options).unwrap_or_else(|error| unreachable!("{error}"));
        let credentials = url.credentials().cloned();
        let mut client = Client::new(url.requested(), credentials, || 7);
        client.connected();
        Connection {
            client,
            config: config(),
            tracks: None,
            stage: Stage::new(now),
            set_up: Vec::new(),
            now,
            by_udp,
            rest: Vec::new(),
            sent: 0,
            requests: Vec::new(),
            is_deaf: false,
            connections: 1,
            failed: false,
            numbers: [0; 8],
            timestamp: 0,
        }
    }

    fn make(&mut self, next: &Move<'_>) {
        self.read();
        match next {
            Move::Usual(description) => self.answer_as_usual(*description),
            Move::Answer {
                code,
                headers,
                body,
                length,
            } => {
                let code = match code {
                    Code::Ok => 200,
                    Code::Unauthorized => 401,
                    Code::Of(code) => *code,
                };
                let headers: Vec<String> = headers.iter().flatten().map(Header::text).collect();
                self.answer(code, &headers, body.unwrap_or_default(), *length);
            }
            Move::Request(method, header) => {
                let method = match method {
                    Method::Options => "OPTIONS",
                    Method::Announce => "ANNOUNCE",
                    Method::GetParameter => "GET_PARAMETER",
                    Method::Redirect => "REDIRECT",
                    Method::Teardown => "TEARDOWN",
                };
                let header = header.as_ref().map(Header::text).unwrap_or_default();
                let text =
                    format!("{method} rtsp://192.0.2.9/ RTSP/1.0\r\nCSeq: 1\r\n{header}\r\n\r\n");
                self.send(text.as_bytes());
            }
            Move::Packet {
                channel,
                step,
                ticks,
                marker,
                payload_type,
                begins,
                payload,
            } => {
                let track = usize::from(channel / 2 % 4);
                let number = self.numbers[track].wrapping_add((*step).into());
                self.numbers[track] = number;
                self.timestamp = self.timestamp.wrapping_add((*ticks).into());
                let usual = if track == 0 { 96 } else { 97 };
                let packet = packet(
                    payload_type.unwrap_or(usual),
                    number,
                    self.timestamp,
                    *marker,
                    *begins,
                    payload,
                );
                self.frame(channel % 8, &packet);
            }
            Move::Frame(channel, payload) => self.frame(*channel, payload),
            Move::Raw(bytes) => self.send(bytes),
            Move::Repeat(bytes, times) => {
                let times = usize::from(*times).min(MOST_SENT / bytes.len().max(1));
                self.send(&bytes.repeat(times));
            }
            Move::Wait(ms) => self.wait(Duration::from_millis((*ms).into())),
            Move::Deaf => self.is_deaf = !self.is_deaf,
            Move::Close => {
                let rest = std::mem::take(&mut self.rest);
                let (tracks, stage, now) = (&mut self.tracks, &mut self.stage, self.now);
                self.client.closed(&rest, now, &mut |track, packet| {
                    if let Some(tracks) = tracks {
                        tracks.packet(track, packet, now, stage);
                    }
                });
                self.events();
            }
        }
    }

    /// Reads what the client has written.
    fn read(&mut self) {
        self.check_unwritten();
        if self.is_deaf {
            return;
        }
        let written = std::mem::take(self.client.unwritten());
        let mut rest = &written[..];
        while let Some(first) = rest.first() {
            if *first == b'$' {
                let len = rest
                    .get(2..4)
                    .map_or(0, |len| usize::from(u16::from_be_bytes([len[0], len[1]])));
                rest = rest
                    .get(4 + len..)
                    .unwrap_or_else(|| panic!("half a frame is written"));
                continue;
            }
            let end = rest.windows(4).position(|end| end == b"\r\n\r\n");
            let end = end.unwrap_or_else(|| panic!("half a request is written: {written:?}"));
            let head = String::from_utf8_lossy(&rest[..end]).into_owned();
            rest = &rest[end + 4..];
            self.note(&head);
        }
    }

    /// A head that the client has written: a request, or a response to one of ours.
    fn note(&mut self, head: &str) {
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let words: Vec<&str> = first.split(' ').collect();
        for line in lines.clone() {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{head:?}"));
            assert!(
                name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
                "{head:?}"
            );
            assert!(!value.chars().any(char::is_control), "{head:?}");
        }
        assert!(!head.contains("s3cret"), "{head}");
        if words[0] == "RTSP/1.0" {
            return;
        }
        assert!(words.len() == 3 && words[2] == "RTSP/1.0", "{head:?}");
        let cseq = lines.clone().find_map(|line| line.strip_prefix("CSeq: "));
        let cseq = cseq.unwrap_or_else(|| panic!("no CSeq: {head}")).to_owned();
        if words[1].starts_with("rtsp://198.51.100.9") {
            assert!(
                !head.contains("Authorization"),
                "the password is for another host: {head}"
            );
        }
        self.requests
            .push((words[0].to_owned(), cseq, head.to_owned()));
        assert!(self.requests.len() <= 1000);
    }

    fn check_unwritten(&mut self) {
        let unwritten = self.client.unwritten().len();
        assert!(
            unwritten <= MOST_UNWRITTEN,
            "{unwritten} bytes wait to be written"
        );
    }

    fn answer_as_usual(&mut self, description: u8) {
        let Some((method, _, head)) = self.requests.first() else {
            return;
        };
        let description = DESCRIPTIONS[usize::from(description) % DESCRIPTIONS.len()];
        let (mut headers, mut body) = (Vec::new(), String::new());
        match method.as_str() {
            "DESCRIBE" => {
                headers.push("Content-Type: application/sdp".to_owned());
                body = format!(
                    "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nt=0 0\r\na=control:*\r\n{description}"
                );
            }
            "SETUP" => {
                headers.push("Session: 12345678;timeout=60".to_owned());
                let asked = head.lines().find(|line| line.starts_with("Transport: "));
                headers.extend(asked.map(str::to_owned));
            }
            _ => {}
        }
        self.answer(200, &headers, body.as_bytes(), None);
    }

    fn answer(&mut self, code: u16, headers: &[String], body: &[u8], length: Option<u16>) {
        let cseq = match self.requests.is_empty() {
            true => "0".to_owned(),
            false => self.requests.remove(0).1,
        };
        let length = length.map_or(body.len(), usize::from);
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let head = format!(
            "RTSP/1.0 {code} Because\r\nCSeq: {cseq}\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        self.send(&[head.as_bytes(), body].concat());
    }

    fn frame(&mut self, channel: u8, packet: &[u8]) {
        if self.by_udp {
            if let Some(tracks) = &mut self.tracks {
                tracks.packet((channel / 2).into(), packet, self.now, &mut self.stage);
            }
            return;
        }
        let mut frame = vec![b'$', channel];
        frame.extend((packet.len() as u16).to_be_bytes());
        frame.extend(packet);
        self.send(&frame);
    }

    /// Bytes arrive.
    fn send(&mut self, bytes: &[u8]) {
        self.sent += bytes.len();
        // As much as a read brings.
        for bytes in bytes.chunks(128 << 10) {
            self.rest.extend_from_slice(bytes);
            self.receive();
        }
    }

    /// The client takes what there is.
    fn receive(&mut self) {
        loop {
            let (tracks, stage, now) = (&mut self.tracks, &mut self.stage, self.now);
            let mut packets = 0;
            let mut budget = Budget::new(TURN, now);
            let mut take = |track, packet: &[u8]| {
                packets += 1;
                if let Some(tracks) = tracks {
                    tracks.packet(track, packet, now, stage);
                }
            };
            let used = self.client.receive(&self.rest, now, &mut budget, &mut take);
            assert!(used <= self.rest.len());
            assert!(packets <= TURN.items, "{packets} packets in a turn");
            self.rest.drain(..used);
            self.events();
            if !self.client.is_paused() || self.failed {
                break;
            }
            assert!(used > 0, "it makes no progress");
        }
        let left = self.rest.len();
        assert!(left <= MOST_LEFT || self.failed, "{left} bytes are left");
    }

    fn events(&mut self) {
        let mut events = 0;
        while let Some(event) = self.client.poll_event() {
            assert!(!self.failed, "{event:?} after its failure");
            events += 1;
            assert!(events <= 100, "events without end");
            match event {
                Event::Described(description) => {
                    let Ok(choice) = Choice::of(&description, &self.config) else {
                        self.failed = true;
                        return;
                    };
                    let delivery = match self.by_udp {
                        true => REORDER,
                        false => Delivery::InOrder,
                    };
                    self.tracks = Some(Tracks::new(&description, &choice, delivery));
                    self.stage.reconnected();
                    self.set_up.clear();
                    let wanted = choice.set_up.iter().map(|&track| Wanted {
                        track,
                        lower: match self.by_udp {
                            true => Lower::Udp { port: 6000 },
                            false => Lower::Interleaved,
                        },
                        needed: choice.needs(track),
                    });
                    self.client.set_up(wanted.collect());
                }
                Event::SetUp(track, _) => self.set_up.push(track),
                Event::Playing => {
                    if let Some(tracks) = &mut self.tracks {
                        tracks.retain(&self.set_up);
                    }
                }
                Event::Reconnect => {
                    self.connections += 1;
                    assert!(
                        self.connections <= MOST_CONNECTIONS,
                        "it connects again and again"
                    );
                    self.rest.clear();
                    self.requests.clear();
                    self.client.connected();
                }
                Event::Failed(_) => self.failed = true,
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut turns = 0;
        loop {
            let deadlines = [
                self.client.next_deadline(),
                self.tracks.as_ref().and_then(Tracks::next_deadline),
            ];
            let Some(at) = deadlines
                .into_iter()
                .flatten()
                .min()
                .filter(|&at| at <= end)
            else {
                break;
            };
            turns += 1;
            assert!(turns <= 2000, "deadlines without end");
            self.now = self.now.max(at);
            self.client.handle_timeout(self.now);
            if self.client.next_deadline().is_some_and(|at| at <= self.now) {
                // What is there of a body is all.
                self.receive();
            }
            if let Some(tracks) = &mut self.tracks {
                tracks.handle_timeout(self.now, &mut self.stage);
            }
            self.events();
            if self.failed {
                return;
            }
        }
        self.now = end;
        if let Some(tracks) = &mut self.tracks {
            let client = &mut self.client;
            tracks.reports(end, |track, report| client.send_interleaved(track, report));
            tracks.quirks(|_, _| {});
        }
        let _: Quirks = self.client.take_quirks();
        self.read();
    }
}
