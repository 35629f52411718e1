//! A worker in virtual time, with a camera that works and one that does not mean well: what each of them has to wait for
//! the other. A clock that moves by what is done stands for the processor.

use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::internals::source::rtsp::Failure;

use crate::pulled::{Camera, Seen, Source, TURN, interleaved};
use crate::world::beginning;

/// What a slow processor takes for a call, for a packet, and for a byte.
const CALL: Duration = Duration::from_micros(2);
const PACKET: Duration = Duration::from_micros(5);
const BYTE: Duration = Duration::from_nanos(20);

/// A way to harm others.
pub struct Attack {
    pub name: &'static str,
    /// It answers as a camera does until PLAY, and to nothing at all otherwise.
    plays: bool,
    /// What it says then; gets how often it did on this connection.
    says: fn(u64) -> Vec<u8>,
    /// How long it waits in between.
    every: Duration,
    /// What the client finds, unless that is for the clock of an attempt, or for the share of the worker.
    pub found: Option<Failure>,
}

const FLOOD: Attack = Attack {
    name: "",
    plays: false,
    says: |_| Vec::new(),
    every: Duration::ZERO,
    found: None,
};

/// `first`, then the other over and over.
fn then(n: u64, first: &[u8], again: &[u8]) -> Vec<u8> {
    let again = again.repeat(1 + 4096 / again.len());
    match n {
        0 => [first, &again].concat(),
        _ => again,
    }
}

/// RTP in a frame of the video's channel.
fn rtp(n: u64, timestamp: u64, marker: bool, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 96 | u8::from(marker) << 7];
    packet.extend((n as u16).to_be_bytes());
    packet.extend((timestamp as u32).to_be_bytes());
    packet.extend([0, 0, 0, 9]);
    packet.extend_from_slice(payload);
    interleaved(0, &packet)
}

const HEAD: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n";

pub fn attacks() -> Vec<Attack> {
    vec![
        Attack {
            name: "a header without an end",
            says: |n| then(n, HEAD, b"X-Y: zzzzzzzzzzzzzzzzzzzzzzzzzz\r\n"),
            found: Some(Failure::TooLong("a message header")),
            ..FLOOD
        },
        Attack {
            name: "a header line without an end, between frames",
            plays: true,
            says: |n| then(n, b"RTSP/1.0 200 OK\r\nX-Y: ", b"zzzzzzzz"),
            found: Some(Failure::TooLong("a message header")),
            ..FLOOD
        },
        Attack {
            name: "a description without an end",
            says: |n| {
                let head = [HEAD, b"Content-Type: application/sdp\r\n\r\nv=0\r\n"].concat();
                then(n, &head, b"a=x:yyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n")
            },
            found: Some(Failure::TooLong("a message body")),
            ..FLOOD
        },
        Attack {
            name: "a giant length",
            says: |n| {
                let head = [HEAD, b"Content-Length: 18446744073709551615\r\n\r\n"].concat();
                then(n, &head, b"a=x:y\r\n")
            },
            found: Some(Failure::TooLong("a message body")),
            ..FLOOD
        },
        Attack {
            name: "redirects without an end",
            says: |_| b"RTSP/1.0 302 Found\r\nLocation: rtsp://192.0.2.7/again\r\n\r\n".to_vec(),
            found: Some(Failure::Redirects),
            ..FLOOD
        },
        Attack {
            name: "redirects behind a frame, without an end",
            plays: true,
            says: |n| {
                let mut frame = rtp(n, 0, true, &[0x65, 0x88, 0x84, 0x10]);
                frame.extend(
                    b"REDIRECT * RTSP/1.0\r\nCSeq: 9\r\nLocation: rtsp://192.0.2.7/a\r\n\r\n",
                );
                frame
            },
            found: Some(Failure::Redirects),
            ..FLOOD
        },
        Attack {
            name: "a byte at a time",
            says: |n| HEAD[n as usize % HEAD.len()..][..1].to_vec(),
            every: Duration::from_millis(200),
            ..FLOOD
        },
        Attack {
            name: "what is no RTSP",
            plays: true,
            says: |_| vec![0xff; 8192],
            found: Some(Failure::NotRtsp),
            ..FLOOD
        },
        Attack {
            name: "requests, and nothing is read",
            plays: true,
            says: |_| b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(100),
            found: Some(Failure::Deaf),
            ..FLOOD
        },
        Attack {
            name: "frames of a channel that nobody asked for",
            plays: true,
            says: |_| [&[b'$', 77, 0xff, 0xff][..], &[0x80; 0xffff]].concat(),
            ..FLOOD
        },
        Attack {
            name: "a frame without an end",
            plays: true,
            says: |n| match n {
                0 => rtp(n, 0, false, &[&[0x7c, 0x85][..], &[0x55; 60_000]].concat()),
                _ => rtp(n, 0, false, &[&[0x7c, 0x05][..], &[0x55; 60_000]].concat()),
            },
            ..FLOOD
        },
        Attack {
            name: "a million tiny NAL units in a frame",
            plays: true,
            says: |n| {
                let aggregate = [0, 2, 0x41, 0x9a].repeat(15_000);
                rtp(n, 0, false, &[&[0x78][..], &aggregate].concat())
            },
            ..FLOOD
        },
        Attack {
            name: "tiny frames",
            plays: true,
            says: |n| {
                let frames = (0..100).map(|i| {
                    let n = 100 * n + i;
                    rtp(n, n * 3600, true, &[0x41, 0x9a, 0x10])
                });
                frames.collect::<Vec<_>>().concat()
            },
            ..FLOOD
        },
        Attack {
            name: "keyframes at wild times",
            plays: true,
            says: |n| {
                let frames = (0..100).map(|i| {
                    let n = 100 * n + i;
                    let time = n.wrapping_mul(0x5851_f42d_4c95_7f2d) >> 20;
                    rtp(n, time, true, &[0x65, 0x88, 0x84, 0x10])
                });
                frames.collect::<Vec<_>>().concat()
            },
            ..FLOOD
        },
    ]
}

/// A worker with both cameras.
pub struct Worker {
    pub now: Instant,
    good: (Source, Camera),
    /// How long each frame of the good camera, and each packet of its sound, waited until it was through.
    pub waits: Vec<Duration>,
    evil: Option<Evil>,
    /// Bytes that are read at once.
    reads: usize,
}

struct Evil {
    attack: Attack,
    source: Source,
    camera: Camera,
    /// How often it has spoken, and when it does so next.
    said: u64,
    next: Instant,
    /// What the client found, and how long that took.
    found: Vec<(Failure, Duration)>,
    began: Instant,
}

impl Worker {
    pub fn new(attack: Option<Attack>, reads: usize) -> Worker {
        let now = beginning();
        let mut good = (Source::new(false), Camera::new());
        while good.1.began.is_none() {
            exchange(&mut good.0, &mut good.1, now);
        }
        exchange(&mut good.0, &mut good.1, now);
        Worker {
            now,
            good,
            waits: Vec::new(),
            evil: attack.map(|attack| Evil {
                attack,
                source: Source::new(false),
                camera: Camera::new(),
                said: 0,
                next: now,
                found: Vec::new(),
                began: now,
            }),
            reads,
        }
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.serve_the_good();
            let next = self.good.1.next_due().unwrap_or(end);
            let Some(evil) = &mut self.evil else {
                self.now = next;
                continue;
            };
            match evil.is_ready(self.now) {
                true => evil.turn(&mut self.now, self.reads),
                false => self.now = next.min(evil.next).max(self.now),
            }
        }
    }

    fn serve_the_good(&mut self) {
        let (source, camera) = &mut self.good;
        while let Some(due) = camera.next_due().filter(|&due| due <= self.now) {
            for (track, packet) in camera.due(due) {
                source.receive(&interleaved(track, &packet), self.now);
                self.now += CALL + PACKET + BYTE * packet.len() as u32;
            }
            self.waits.push(self.now - due);
        }
        source.handle_timeout(self.now);
        exchange(source, camera, self.now);
    }

    /// So many of a hundred waited no longer.
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut waits = self.waits.clone();
        waits.sort_unstable();
        waits[(waits.len() - 1) * percent / 100]
    }

    /// Forgets what was noted, but for what is to come.
    #[allow(dead_code)] // a test of its memory uses it
    pub fn forget(&mut self) {
        self.waits.clear();
        self.good.0.seen = Seen::default();
        if let Some(evil) = &mut self.evil {
            evil.found.clear();
            evil.source.seen = Seen::default();
        }
    }

    /// What the client found, and how long each took.
    pub fn found(&self) -> &[(Failure, Duration)] {
        self.evil.as_ref().map_or(&[], |evil| &evil.found)
    }

    /// Frames of the good camera that have been shown, and those that it sent.
    pub fn shown(&self) -> (usize, u32) {
        (self.good.0.seen.frames.len(), self.good.1.frames)
    }
}

impl Evil {
    fn is_ready(&self, now: Instant) -> bool {
        self.source.client.is_paused() || self.next <= now
    }

    fn turn(&mut self, now: &mut Instant, reads: usize) {
        if !self.source.client.is_paused() {
            self.read(*now, reads);
        }
        let began = *now;
        let mut passes = |packets: usize, bytes: usize| {
            *now += CALL + PACKET * packets as u32 + BYTE * bytes as u32;
            *now
        };
        self.source.turn(TURN, began, &mut passes);
        // Nobody asks what it was sent.
        self.source.seen.frames.clear();
        self.source.handle_timeout(*now);
        if self.source.reconnects {
            self.source.reconnects = false;
            self.source.rest.clear();
            self.source.client.connected();
            self.camera = Camera::new();
            self.said = 0;
        }
        if let Some(failure) = self.source.failure.take() {
            self.found.push((failure, *now - self.began));
            // The next attempt follows at once: no camera is that lucky.
            self.source = Source::new(false);
            self.camera = Camera::new();
            (self.said, self.began) = (0, *now);
        }
    }

    /// What a read brings.
    fn read(&mut self, now: Instant, reads: usize) {
        if self.attack.plays && self.camera.began.is_none() {
            let asked = std::mem::take(self.source.client.unwritten());
            let answers = self.camera.receive(&asked, now);
            self.source.rest.extend(answers);
            return;
        }
        let mut read = 0;
        while read < reads {
            let said = (self.attack.says)(self.said);
            self.said += 1;
            read += said.len();
            self.source.rest.extend(said);
            if !self.attack.every.is_zero() {
                self.next = now + self.attack.every;
                break;
            }
        }
    }
}

/// What both have to say, once.
fn exchange(source: &mut Source, camera: &mut Camera, now: Instant) {
    let asked = std::mem::take(source.client.unwritten());
    let answers = camera.receive(&asked, now);
    source.receive(&answers, now);
}
