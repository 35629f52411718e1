//! The viewers, all in one process that is light enough to run beside what it measures: real ICE,
//! DTLS and RTCP, but only the headers of media packets are read. One packet in a few hundred is
//! decrypted for the time at which the camera sent it.
//!
//! Between polls of its sockets the process sleeps, and it reads what the kernel has coalesced (GRO):
//! viewers on the same machine then cost the sender as little as viewers elsewhere. The kernel
//! timestamps packets on arrival, so the sleep does not count as latency.

use std::collections::{HashSet, VecDeque};
use std::io::{self, IoSliceMut, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::mpsc::TryRecvError;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quinn_udp::{RecvMeta, UdpSocketState};
use serde_json::json;
use testkit::camera::sent_at;
use testkit::net::Link;
use testkit::relay::Relay;
use testkit::viewer::{Outgoing, Receiver, TcpViewer, Viewer, ViewerConfig, framed};

use crate::args::Args;
use crate::process::{commands, say};
use crate::run::Way;
use crate::whep;

/// Time between polls of the sockets.
const NAP: Duration = Duration::from_millis(2);
/// Time between two messages of transport-wide feedback, as Chromium sends them.
pub const FEEDBACK: Duration = Duration::from_millis(62);
/// What a camera sends, on the wire: 25 frames a second of 9 packets of 1.25 kB, and 45 more in a keyframe every 2 s.
const STREAM: u64 = (25 * 9 + 45 / 2) * 1250 * 8;
/// Messages read in one poll of a socket.
const MESSAGES: usize = 4;
const MESSAGE: usize = 1 << 16;
/// How long all viewers may take to connect.
const CONNECT: Duration = Duration::from_secs(60);
const HANDSHAKES: usize = 16;

struct Sink {
    socket: UdpSocket,
    /// How long what it sends is under way.
    delay: Duration,
    under_way: VecDeque<(Instant, Outgoing)>,
    way: Way,
    /// The emulated link, once it is connected.
    relay: Option<Relay>,
    /// The connection, over TCP, and what was read of a frame that is not whole yet.
    connection: Option<(TcpStream, Vec<u8>)>,
    state: UdpSocketState,
    /// `None`: packets come from the bare loop.
    viewer: Option<Viewer>,
    /// Slots of the wall that it is; 0: it is none.
    slots: usize,
    connected: bool,
    /// It was not taken in.
    refused: bool,
    counts: Counts,
}

/// What arrived since the start of the measurement.
#[derive(Default)]
struct Counts {
    packets: u64,
    pictures: u64,
    tracks: Vec<Numbers>,
    latencies: Vec<f32>,
    /// Decrypt the time of one frame in this many.
    sampling: u64,
}

/// The sequence numbers of a track.
struct Numbers {
    ssrc: [u8; 4],
    first: u64,
    highest: u64,
}

/// `--viewers` viewers of `--streams` cameras at the WHEP URL `--url`, with `{}` for the camera's
/// name; without a URL, sockets for the bare loop. With `--round-trip` the viewers are that many milliseconds away, all
/// of them on the way back, so that the way there does not count as latency. `--way`: see [`Way`]. With `--wall` each
/// viewer is a wall of all cameras.
pub fn run(args: &Args) -> io::Result<()> {
    let viewers = args.number("viewers", 1);
    let streams = args.number("streams", 1);
    let delay = Duration::from_millis(args.number("round-trip", 0));
    let way = args.text("way").and_then(Way::parse).unwrap_or_default();
    let slots = if args.has("wall") { streams } else { 0 };
    let mut sinks = (0..viewers)
        .map(|_| Sink::open(args.has("url"), args.has("sound"), delay, way, slots))
        .collect::<io::Result<Vec<_>>>()?;
    let ports: Vec<String> = sinks
        .iter()
        .map(|sink| Ok(sink.socket.local_addr()?.port().to_string()))
        .collect::<io::Result<_>>()?;
    say(&format!("READY {}", ports.join(",")));
    let lines = commands();
    let mut storage = vec![0; MESSAGES * MESSAGE];
    loop {
        match lines.try_recv() {
            Ok(line) => match line.as_str() {
                "connect" => {
                    let url = args.text("url").unwrap_or("");
                    let must = !args.has("some");
                    let taken = connect(&mut sinks, url, streams, must, &mut storage)?;
                    say(&taken.as_secs_f64().to_string());
                }
                "start" => {
                    let sampling = (viewers / 64).max(1) as u64;
                    for sink in &mut sinks {
                        sink.counts = Counts {
                            sampling,
                            ..Counts::default()
                        };
                    }
                    say("started");
                }
                // Reads nothing until the next line. Small buffers are full at once: before that the
                // kernel allocates memory for each packet.
                "rest" => {
                    for sink in &sinks {
                        let socket = (&sink.socket).into();
                        sink.state.set_recv_buffer_size(socket, 64 << 10)?;
                    }
                    say("resting");
                    let _ = lines.recv();
                }
                _ => say(&report(&sinks)),
            },
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
        for sink in &mut sinks {
            sink.serve(&mut storage)?;
        }
        std::thread::sleep(NAP);
    }
}

/// Connects all, a few at a time; unless they `must` be taken in, some may be refused. Returns how long it
/// took.
fn connect(
    sinks: &mut [Sink],
    url: &str,
    streams: usize,
    must: bool,
    storage: &mut [u8],
) -> io::Result<Duration> {
    let start = Instant::now();
    let mut next = 0;
    loop {
        let done = sinks[..next].iter().filter(|sink| sink.connected).count();
        if done == sinks.len() {
            return Ok(start.elapsed());
        }
        if start.elapsed() > CONNECT {
            let message = format!("{done} of {} viewers connected", sinks.len());
            return Err(io::Error::other(message));
        }
        if next < sinks.len() && next - done < HANDSHAKES {
            let name = match sinks[next].slots {
                0 => format!("cam{}", next % streams),
                _ => "wall".to_owned(),
            };
            match sinks[next].offer(&url.replace("{}", &name)) {
                Err(_) if !must => {
                    sinks[next].refused = true;
                    sinks[next].connected = true;
                    sinks[next].viewer = None;
                }
                offered => offered?,
            }
            next += 1;
        } else {
            std::thread::sleep(Duration::from_millis(1));
        }
        for sink in &mut sinks[..next] {
            sink.serve(storage)?;
        }
    }
}

fn report(sinks: &[Sink]) -> String {
    let all = |count: fn(&Counts) -> u64| sinks.iter().map(|s| count(&s.counts)).sum::<u64>();
    let mut latencies: Vec<f32> = sinks
        .iter()
        .flat_map(|sink| sink.counts.latencies.iter().copied())
        .collect();
    latencies.sort_by(f32::total_cmp);
    let percentile = |percent: usize| {
        let index = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
        latencies.get(index).copied()
    };
    let profiles: HashSet<String> = sinks
        .iter()
        .filter_map(|sink| Some(format!("{:?}", sink.viewer.as_ref()?.profile()?)))
        .collect();
    json!({
        "packets": all(|c| c.packets),
        "pictures": all(|c| c.pictures),
        "expected": all(|c| c.tracks.iter().map(|track| track.highest - track.first + 1).sum()),
        "refused": sinks.iter().filter(|sink| sink.refused).count(),
        "silent": sinks.iter().filter(|sink| sink.counts.packets == 0 && !sink.refused).count(),
        "latency_ms": { "p50": percentile(50), "p95": percentile(95), "p99": percentile(99) },
        "profiles": profiles,
    })
    .to_string()
}

impl Sink {
    fn open(whep: bool, audio: bool, delay: Duration, way: Way, slots: usize) -> io::Result<Sink> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let state = UdpSocketState::new((&socket).into())?;
        // Small buffers would lose what arrives while the process sleeps.
        state.set_recv_buffer_size((&socket).into(), 4 << 20)?;
        let viewer = if whep {
            let config = ViewerConfig {
                audio,
                feedback_interval: FEEDBACK,
                ..ViewerConfig::chromium()
            };
            Some(Viewer::new(socket.local_addr()?, config))
        } else {
            None
        };
        Ok(Sink {
            connected: viewer.is_none(),
            refused: false,
            delay,
            under_way: VecDeque::new(),
            way,
            relay: None,
            connection: None,
            socket,
            state,
            viewer,
            slots,
            counts: Counts::default(),
        })
    }

    fn offer(&mut self, url: &str) -> io::Result<()> {
        let Some(viewer) = &mut self.viewer else {
            return Ok(());
        };
        // As the DTLS client, so that every server can be measured with the same viewer.
        let offer = match self.slots {
            0 => viewer.offer(),
            slots => viewer.offer_of(slots, 0),
        };
        let offer = offer.replace("a=setup:actpass", "a=setup:active");
        let answer = whep::post(url, &offer)?;
        let mut gateway = loopback_candidate(&answer);
        if let (Some(link), Some(target)) = (link(self.way), gateway) {
            let listen = SocketAddr::from(([127, 0, 0, 1], 0));
            let relay = Relay::start(listen, target, link, Link::default(), 1)?;
            gateway = Some(relay.address());
            self.relay = Some(relay);
        }
        if self.way == Way::Tcp {
            let at = TcpViewer::candidate(&answer);
            let at = at.ok_or_else(|| io::Error::other("the answer has no candidate over TCP"))?;
            let connection = TcpStream::connect(at)?;
            connection.set_nodelay(true)?;
            connection.set_nonblocking(true)?;
            (gateway, self.connection) = (Some(at), Some((connection, Vec::new())));
        }
        viewer.accept(Instant::now(), &answer, gateway);
        Ok(())
    }

    /// Reads what has arrived and does what is due.
    fn serve(&mut self, storage: &mut [u8]) -> io::Result<()> {
        if let Some((connection, read)) = self.connection.take() {
            self.read_frames(connection, read, storage)?;
        }
        loop {
            let mut metas = [RecvMeta::default(); MESSAGES];
            let mut chunks = storage.chunks_exact_mut(MESSAGE);
            let mut buffers: [IoSliceMut<'_>; MESSAGES] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            let received = self
                .state
                .recv((&self.socket).into(), &mut buffers, &mut metas);
            let count = match received {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // An ICMP message about a gateway that is gone.
                Err(_) => break,
            };
            for (meta, buffer) in metas.iter().zip(storage.chunks_exact(MESSAGE)).take(count) {
                if meta.stride == 0 {
                    continue;
                }
                for datagram in buffer[..meta.len].chunks(meta.stride) {
                    self.take(datagram, meta.timestamp);
                }
            }
            if count < MESSAGES {
                break;
            }
        }
        let Some(viewer) = &mut self.viewer else {
            return Ok(());
        };
        let now = Instant::now();
        if viewer.next_deadline().is_some_and(|at| at <= now) {
            viewer.timeout(now);
        }
        while let Some(out) = viewer.poll_transmit() {
            self.under_way.push_back((now + self.delay, out));
        }
        while let Some((_, out)) = self.under_way.pop_front_if(|(at, _)| *at <= now) {
            // A refused datagram counts as lost.
            let _ = match &mut self.connection {
                Some((connection, _)) => connection.write_all(&framed(&out.bytes)),
                None => self.socket.send_to(&out.bytes, out.to).map(drop),
            };
        }
        self.connected = viewer.is_connected();
        Ok(())
    }

    /// Reads what has arrived over the connection: frames (RFC 4571).
    fn read_frames(
        &mut self,
        mut connection: TcpStream,
        mut read: Vec<u8>,
        storage: &mut [u8],
    ) -> io::Result<()> {
        loop {
            match connection.read(storage) {
                Ok(0) => return Err(io::ErrorKind::ConnectionReset.into()),
                Ok(size) => read.extend_from_slice(&storage[..size]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let mut rest = &read[..];
        while let [a, b, following @ ..] = rest
            && let Some(frame) = following.get(..usize::from(u16::from_be_bytes([*a, *b])))
        {
            self.take(frame, None);
            rest = &following[frame.len()..];
        }
        let whole = read.len() - rest.len();
        read.drain(..whole);
        self.connection = Some((connection, read));
        Ok(())
    }

    fn take(&mut self, datagram: &[u8], came: Option<Duration>) {
        let counts = &mut self.counts;
        let [128..=191, second, s0, s1, _, _, _, _, ref ssrc @ ..] = *datagram else {
            if let Some(viewer) = &mut self.viewer {
                viewer.handle(Instant::now(), datagram);
            }
            return;
        };
        if (192..=223).contains(&second) {
            if let Some(viewer) = &mut self.viewer {
                viewer.handle(Instant::now(), datagram);
            }
            return;
        }
        if let Some(viewer) = &mut self.viewer {
            viewer.note(Instant::now(), datagram);
            // Skips retransmissions and audio.
            let is_of = |track: &Receiver| ssrc.starts_with(&track.ssrc().to_be_bytes());
            if !is_of(&viewer.video) && !viewer.others.iter().any(is_of) {
                return;
            }
        }
        let sequence = u16::from_be_bytes([s0, s1]);
        counts.packets += 1;
        counts.count(ssrc.first_chunk().copied().unwrap_or_default(), sequence);
        let last_of_picture = second & 0x80 != 0;
        if last_of_picture {
            counts.pictures += 1;
            if counts.sampling > 0
                && counts.pictures.is_multiple_of(counts.sampling)
                && let Some(viewer) = &mut self.viewer
                && let Some(packet) = viewer.open(datagram)
                && let Some(sent) = sent_at(&packet)
            {
                let came = came.unwrap_or_else(|| {
                    SystemTime::now()
                        .duration_since(UNIX_EPOCH)
                        .unwrap_or_default()
                });
                let latency = came.as_secs_f64() - sent.as_secs_f64();
                counts.latencies.push((latency * 1e3) as f32);
            }
        }
    }
}

/// What the viewer is behind.
fn link(way: Way) -> Option<Link> {
    match way {
        Way::Direct | Way::Tcp => None,
        // As `tc tbf` with a latency of 100 ms and a burst of 4 kB.
        Way::Thin => Some(Link {
            delay: Duration::from_millis(1),
            bandwidth: (STREAM * 12 / 10).into(),
            queue_bytes: Some((STREAM / 10 / 8) as usize + 4096),
            burst: 4096,
            ..Link::default()
        }),
        Way::Lossy => Some(Link {
            delay: Duration::from_millis(5),
            loss: 0.01,
            ..Link::default()
        }),
    }
}

impl Counts {
    fn count(&mut self, ssrc: [u8; 4], sequence: u16) {
        let known = self.tracks.iter_mut().find(|track| track.ssrc == ssrc);
        let Some(Numbers { first, highest, .. }) = known else {
            let start = 0x1_0000 + u64::from(sequence);
            self.tracks.push(Numbers {
                ssrc,
                first: start,
                highest: start,
            });
            return;
        };
        let forward = sequence.wrapping_sub(*highest as u16);
        if forward < 0x8000 {
            *highest = (*highest + u64::from(forward)).max(*first);
        }
    }
}

/// The first candidate on the loopback interface, if there is one.
pub fn loopback_candidate(answer: &str) -> Option<SocketAddr> {
    answer
        .lines()
        .filter_map(|line| line.strip_prefix("a=candidate:"))
        .filter(|candidate| candidate.to_ascii_lowercase().contains(" udp "))
        .find(|candidate| candidate.contains(" 127.0.0.1 "))
        .and_then(|candidate| candidate.split(' ').nth(5))
        .and_then(|port| format!("127.0.0.1:{port}").parse().ok())
}
