//! A camera and the source that pulls it, both without I/O: what one says arrives at the other when a test says so.

use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::config::PullOptions;
use rtsp_webrtc_gateway::error::Error;
use rtsp_webrtc_gateway::internals::media::nal::nals;
use rtsp_webrtc_gateway::internals::media::{AccessUnit, MediaKind, TrackInfo};
use rtsp_webrtc_gateway::internals::source::budget::{Allowance, Budget};
use rtsp_webrtc_gateway::internals::source::rtp::Delivery;
use rtsp_webrtc_gateway::internals::source::rtsp::{Client, Event, Failure, Lower, Wanted};
use rtsp_webrtc_gateway::internals::source::{CameraConfig, Choice, Quirk, REORDER, Sink, Tracks};
use rtsp_webrtc_gateway::state::Warning;
use testkit::camera::packetize;
use testkit::clip::Clip;

pub const URL: &str = "rtsp://192.0.2.7/cam";
pub const CLIP: Clip = Clip::Baseline360p;
/// Frames from one keyframe of it to the next.
pub const GOP: usize = 25;
/// From one frame to the next.
pub const FRAME: Duration = Duration::from_millis(40);
const FRAME_TICKS: u32 = 3600;
/// From one packet of sound to the next.
const SOUND: Duration = Duration::from_millis(20);
const SOUND_TICKS: u32 = 160;

/// Where the source expects packets of its tracks, and RTCP one above.
pub const PORTS: [u16; 2] = [5000, 5002];

/// What the source reported.
#[derive(Default)]
pub struct Seen {
    pub live: bool,
    /// Video: the frame of the clip, its timestamp, and when it arrived.
    pub frames: Vec<(Option<usize>, i64, Instant)>,
    /// Audio: the first byte of a packet, and its timestamp.
    pub sound: Vec<(u8, i64)>,
    pub lost: u32,
    pub dropped: u64,
    pub warnings: Vec<Warning>,
}

/// Records into [`Seen`].
struct Eye<'a>(&'a mut Seen);

impl Sink for Eye<'_> {
    fn connecting(&mut self) {}

    fn live(&mut self, _: Option<TrackInfo>, _: Option<TrackInfo>) {
        self.0.live = true;
    }

    fn is_heard(&self) -> bool {
        true
    }

    fn video_changed(&mut self, _: TrackInfo) {}

    fn media(&mut self, kind: MediaKind, unit: &AccessUnit<'_>, lost: u32) {
        let seen = &mut self.0;
        seen.lost += lost;
        match kind {
            MediaKind::Video => {
                let next = seen.frames.last().and_then(|last| last.0);
                let number = number(unit.data, next.map_or(0, |last| last + 1));
                seen.frames.push((number, unit.timestamp, unit.arrival));
            }
            MediaKind::Audio => seen.sound.push((unit.data[0], unit.timestamp)),
        }
    }

    fn opening(&mut self, _: &AccessUnit<'_>) {}

    fn forgave(&mut self, _: Quirk, _: u32) {}

    fn shows_damaged(&self) -> bool {
        false
    }

    fn dropped(&mut self, frames: u64) {
        self.0.dropped += frames;
    }

    fn warn(&mut self, _: MediaKind, warning: Option<Warning>) {
        self.0.warnings.extend(warning);
    }

    fn failed(&mut self, _: &Error, _: Duration) {}

    fn idle(&mut self) {}
}

/// Which frame of the clip this is, looked for from one on; `None` if it is not whole.
fn number(data: &[u8], from: usize) -> Option<usize> {
    let slice = |nal: &&[u8]| matches!(nal[0] & 31, 1 | 5);
    let units = CLIP.access_units();
    (0..units.len())
        .map(|n| (from + n) % units.len())
        .find(|&n| {
            nals(data)
                .filter(slice)
                .eq(units[n].nals.iter().copied().filter(slice))
        })
}

/// The source of a camera.
pub struct Source {
    pub client: Client,
    pub tracks: Option<Tracks>,
    pub seen: Seen,
    pub failure: Option<Failure>,
    /// It has to connect again.
    pub reconnects: bool,
    pub by_udp: bool,
    config: CameraConfig,
    set_up: Vec<usize>,
    /// What the client left of what came.
    pub rest: Vec<u8>,
}

impl Source {
    pub fn new(by_udp: bool) -> Source {
        let options = PullOptions {
            url: URL.to_owned(),
            ..PullOptions::default()
        };
        let mut client = Client::new(URL, None, || 7);
        client.connected();
        Source {
            client,
            tracks: None,
            seen: Seen::default(),
            failure: None,
            reconnects: false,
            by_udp,
            config: CameraConfig::new(&options).unwrap(),
            set_up: Vec::new(),
            rest: Vec::new(),
        }
    }

    /// Bytes of the connection have arrived. All of them are taken, in turns.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) {
        self.rest.extend_from_slice(bytes);
        while self.turn(TURN, now, |_, _| now) {}
    }

    /// A turn, on a clock that `passes` for what a step took: packets, and bytes that were looked at. True if it ended before the bytes did.
    pub fn turn(
        &mut self,
        allowance: Allowance,
        began: Instant,
        mut passes: impl FnMut(usize, usize) -> Instant,
    ) -> bool {
        let mut budget = Budget::new(allowance, began);
        let (mut at, mut now) = (0, began);
        loop {
            let mut packets = 0;
            let (tracks, mut eye) = (&mut self.tracks, Eye(&mut self.seen));
            let used =
                self.client
                    .receive(&self.rest[at..], now, &mut budget, &mut |track, packet| {
                        packets += 1;
                        if let Some(tracks) = tracks {
                            tracks.packet(track, packet, now, &mut eye);
                        }
                    });
            let there = self.rest.len() - at;
            at += used;
            self.events();
            let looked_at = match used {
                _ if self.failure.is_some() || self.reconnects => there.min(MOST_LEFT),
                0 => there.min(MOST_LEFT),
                used => used,
            };
            now = passes(packets, looked_at);
            if !self.client.is_paused() || !budget.goes_on(now) {
                break;
            }
        }
        self.rest.drain(..at);
        self.client.is_paused()
    }

    /// A datagram has arrived at one of [`PORTS`].
    pub fn packet(&mut self, track: usize, packet: &[u8], now: Instant) {
        self.client.media_came(now);
        if let Some(tracks) = &mut self.tracks {
            tracks.packet(track, packet, now, &mut Eye(&mut self.seen));
        }
        self.events();
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        let tracks = self.tracks.as_ref().and_then(Tracks::next_deadline);
        self.client.next_deadline().into_iter().chain(tracks).min()
    }

    /// Time has passed. What the client left is for a turn, or for [`Source::receive`].
    pub fn handle_timeout(&mut self, now: Instant) {
        self.client.handle_timeout(now);
        if let Some(tracks) = &mut self.tracks {
            tracks.handle_timeout(now, &mut Eye(&mut self.seen));
        }
        self.events();
    }

    /// Receiver reports that are due: of which track, and the report.
    pub fn reports(&mut self, now: Instant) -> Vec<(usize, Vec<u8>)> {
        let mut reports = Vec::new();
        if let Some(tracks) = &mut self.tracks {
            tracks.reports(now, |track, report| reports.push((track, report.to_vec())));
        }
        reports
    }

    fn events(&mut self) {
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::Described(description) => {
                    let Ok(choice) = Choice::of(&description, &self.config) else {
                        self.failure = Some(Failure::NotRtsp);
                        return;
                    };
                    let wanted = choice.set_up.iter().map(|&track| Wanted {
                        track,
                        lower: match self.by_udp {
                            true => Lower::Udp { port: PORTS[track] },
                            false => Lower::Interleaved,
                        },
                        needed: choice.needs(track),
                    });
                    let wanted = wanted.collect();
                    let delivery = match self.by_udp {
                        true => REORDER,
                        false => Delivery::InOrder,
                    };
                    self.tracks = Some(Tracks::new(&description, &choice, delivery));
                    self.client.set_up(wanted);
                }
                Event::SetUp(track, _) => self.set_up.push(track),
                Event::Playing => {
                    if let Some(tracks) = &mut self.tracks {
                        tracks.retain(&self.set_up);
                    }
                }
                Event::Reconnect => self.reconnects = true,
                Event::Failed(failure) => self.failure = Some(failure),
            }
        }
    }
}

/// What the client may leave unread is looked at again, and nothing behind it: a head and a body.
const MOST_LEFT: usize = 80 << 10;

/// What a source may do in a turn.
pub const TURN: Allowance = Allowance {
    time: Duration::from_millis(1),
    items: 1024,
    bytes: 128 << 10,
};

/// A camera that works. It sends the clip, and sound whose packets are numbered, from PLAY on.
pub struct Camera {
    /// Requests that are not whole.
    asked: Vec<u8>,
    pub began: Option<Instant>,
    /// So many of each were sent.
    pub frames: u32,
    pub packets_of_sound: u32,
    sequence: [u16; 2],
    /// Requests, by their methods.
    pub requests: Vec<String>,
    /// Packets of RTCP that came in the connection.
    pub reports: usize,
}

impl Camera {
    pub fn new() -> Camera {
        Camera {
            asked: Vec::new(),
            began: None,
            frames: 0,
            packets_of_sound: 0,
            sequence: [65_000, 100],
            requests: Vec::new(),
            reports: 0,
        }
    }

    /// When it has media to send.
    pub fn next_due(&self) -> Option<Instant> {
        let began = self.began?;
        let video = began + FRAME * self.frames;
        Some(video.min(began + SOUND * self.packets_of_sound))
    }

    /// The packets that are due now, each with its track.
    pub fn due(&mut self, now: Instant) -> Vec<(usize, Vec<u8>)> {
        let mut said = Vec::new();
        while self.next_due().is_some_and(|at| at <= now) {
            let began = self.began.unwrap();
            if began + FRAME * self.frames <= now {
                self.frame(&mut said);
            } else {
                let n = self.packets_of_sound;
                self.packets_of_sound += 1;
                let payload = [n as u8; SOUND_TICKS as usize];
                let packet = self.rtp(1, 0, n * SOUND_TICKS, false, &[&payload]);
                said.push((1, packet));
            }
        }
        said
    }

    fn frame(&mut self, said: &mut Vec<(usize, Vec<u8>)>) {
        let units = CLIP.access_units();
        let (n, mut payloads) = (self.frames, Vec::new());
        packetize(
            &units[n as usize % units.len()].nals,
            1400,
            |head, body, last| {
                payloads.push(([head, body].concat(), last));
            },
        );
        self.frames += 1;
        for (payload, last) in payloads {
            let packet = self.rtp(0, 96, n * FRAME_TICKS, last, &[&payload]);
            said.push((0, packet));
        }
    }

    fn rtp(
        &mut self,
        track: usize,
        payload_type: u8,
        timestamp: u32,
        marker: bool,
        payload: &[&[u8]],
    ) -> Vec<u8> {
        let sequence = &mut self.sequence[track];
        let mut packet = vec![0x80, payload_type | u8::from(marker) << 7];
        packet.extend(sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend([0, 0, 0, 1 + track as u8]);
        packet.extend(payload.concat());
        *sequence = sequence.wrapping_add(1);
        packet
    }

    /// Bytes of the connection have arrived. Returns the responses.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) -> Vec<u8> {
        self.asked.extend_from_slice(bytes);
        let mut answers = Vec::new();
        loop {
            if let [b'$', _, high, low, ..] = self.asked[..] {
                let len = 4 + usize::from(u16::from_be_bytes([high, low]));
                if self.asked.len() < len {
                    break;
                }
                self.asked.drain(..len);
                self.reports += 1;
                continue;
            }
            let end = self.asked.windows(4).position(|end| end == b"\r\n\r\n");
            let Some(end) = end else {
                break;
            };
            let head: Vec<u8> = self.asked.drain(..end + 4).collect();
            let head = String::from_utf8(head).unwrap();
            answers.extend(self.answer(&head, now));
        }
        answers
    }

    fn answer(&mut self, head: &str, now: Instant) -> Vec<u8> {
        let method = head.split(' ').next().unwrap_or_default();
        self.requests.push(method.to_owned());
        let line = |name: &str| head.lines().find(|line| line.starts_with(name));
        let cseq = line("CSeq: ").unwrap_or_default();
        let (headers, body) = match method {
            "DESCRIBE" => ("Content-Type: application/sdp\r\n".to_owned(), SDP),
            "SETUP" => {
                let transport = line("Transport: ").unwrap_or_default();
                (format!("{transport}\r\nSession: 12;timeout=60\r\n"), "")
            }
            _ => (String::new(), ""),
        };
        if method == "PLAY" {
            self.began = Some(now);
        }
        let length = body.len();
        let answer =
            format!("RTSP/1.0 200 OK\r\n{cseq}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        answer.into_bytes()
    }
}

pub const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n\
    a=control:video\r\nm=audio 0 RTP/AVP 0\r\na=control:audio\r\n";

/// A packet in the connection, as it is interleaved.
pub fn interleaved(track: usize, packet: &[u8]) -> Vec<u8> {
    let mut frame = vec![b'$', 2 * track as u8];
    frame.extend((packet.len() as u16).to_be_bytes());
    frame.extend_from_slice(packet);
    frame
}
