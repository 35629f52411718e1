//! The viewers, all on one thread: those that stay and are counted, and those that come, go, vanish, roam
//! and lose packets.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use fastrand::Rng;
use quinn_udp::{RecvMeta, UdpSocketState};
use testkit::camera::sent_at;
use testkit::viewer::{Viewer, ViewerConfig};

use crate::whep;

/// Messages read in one call.
const MESSAGES: usize = 4;
const MESSAGE: usize = 1 << 16;

/// Room to read into.
pub struct Storage(Vec<u8>);

impl Storage {
    pub fn new() -> Storage {
        Storage(vec![0; MESSAGES * MESSAGE])
    }
}

/// A socket whose reads coalesce, with the time at which each datagram came.
pub struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
}

impl Socket {
    pub fn bind() -> io::Result<Socket> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let state = UdpSocketState::new((&socket).into())?;
        // Small buffers would lose what arrives while this process sleeps.
        state.set_recv_buffer_size((&socket).into(), 4 << 20)?;
        Ok(Socket { socket, state })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub fn send(&self, datagram: &[u8], to: SocketAddr) {
        // A refused datagram counts as lost.
        let _ = self.socket.send_to(datagram, to);
    }

    /// Reads all there is.
    pub fn read(&self, storage: &mut Storage, mut take: impl FnMut(&[u8], Duration)) {
        loop {
            let mut metas = [RecvMeta::default(); MESSAGES];
            let mut chunks = storage.0.chunks_exact_mut(MESSAGE);
            let mut buffers: [IoSliceMut<'_>; MESSAGES] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            let count = self
                .state
                .recv((&self.socket).into(), &mut buffers, &mut metas);
            let Ok(count) = count else {
                return;
            };
            let now = std::time::SystemTime::UNIX_EPOCH
                .elapsed()
                .unwrap_or_default();
            for (meta, buffer) in metas
                .iter()
                .zip(storage.0.chunks_exact(MESSAGE))
                .take(count)
            {
                if meta.stride > 0 {
                    for datagram in buffer[..meta.len].chunks(meta.stride) {
                        take(datagram, meta.timestamp.unwrap_or(now));
                    }
                }
            }
            if count < MESSAGES {
                return;
            }
        }
    }
}

/// What a viewer that stays has got since the last look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub packets: u64,
    /// Those that did not come, of those that were sent.
    pub missing: i64,
}

/// A viewer on a socket.
pub struct Watcher {
    socket: Socket,
    viewer: Viewer,
    gateway: Option<SocketAddr>,
    /// Share of what arrives that is lost, in percent; these viewers read their packets and ask again.
    loses: Option<u8>,
    counts: Counts,
    /// Extended sequence number of the newest packet.
    newest: Option<u64>,
    /// Latencies in milliseconds, one of some.
    latencies: Vec<f64>,
    frames: u64,
    began: Instant,
}

impl Watcher {
    /// Offers. `Err`: it is not admitted.
    pub fn offer(url: &str, stream: &str, loses: Option<u8>) -> io::Result<Watcher> {
        let socket = Socket::bind()?;
        let config = ViewerConfig {
            feedback_interval: Duration::from_millis(100),
            ..ViewerConfig::chromium()
        };
        let mut viewer = Viewer::new(socket.address()?, config);
        let offer = viewer.offer().replace("a=setup:actpass", "a=setup:active");
        let answer = whep::post(&url.replace("{}", stream), &offer)?;
        let gateway = answer
            .lines()
            .filter_map(|line| line.strip_prefix("a=candidate:"))
            .find(|candidate| candidate.contains(" 127.0.0.1 "))
            .and_then(|candidate| candidate.split(' ').nth(5))
            .and_then(|port| format!("127.0.0.1:{port}").parse().ok());
        viewer.accept(Instant::now(), &answer, gateway);
        Ok(Watcher {
            socket,
            viewer,
            gateway,
            loses,
            counts: Counts::default(),
            newest: None,
            latencies: Vec::new(),
            frames: 0,
            began: Instant::now(),
        })
    }

    /// Reads, answers, and does what is due.
    pub fn serve(&mut self, storage: &mut Storage, random: &mut Rng) {
        let Watcher {
            socket,
            viewer,
            loses,
            counts,
            newest,
            latencies,
            frames,
            ..
        } = self;
        socket.read(storage, |datagram, came| {
            let &[first, second, s0, s1, ..] = datagram else {
                return;
            };
            let is_rtp = (128..=191).contains(&first) && !(192..=223).contains(&second);
            if let Some(percent) = loses {
                if random.u8(..100) >= *percent {
                    viewer.handle(Instant::now(), datagram);
                }
                return;
            }
            if !is_rtp {
                return viewer.handle(Instant::now(), datagram);
            }
            viewer.note(Instant::now(), datagram);
            if datagram.get(8..12) != Some(&viewer.video.ssrc().to_be_bytes()) {
                return;
            }
            counts.packets += 1;
            let number = u16::from_be_bytes([s0, s1]);
            let last = newest.get_or_insert_with(|| 0xffff + u64::from(number));
            let step = number.wrapping_sub(*last as u16);
            // One that is late was counted as missing.
            match step < 0x8000 {
                true => {
                    counts.missing += i64::from(step) - 1;
                    *last += u64::from(step);
                }
                false => counts.missing -= 1,
            }
            if second & 0x80 != 0 {
                *frames += 1;
                if frames.is_multiple_of(5)
                    && let Some(sent) = viewer.open(datagram).and_then(|packet| sent_at(&packet))
                {
                    latencies.push((came.as_secs_f64() - sent.as_secs_f64()) * 1e3);
                }
            }
        });
        let now = Instant::now();
        if viewer.next_deadline().is_some_and(|at| at <= now) {
            viewer.timeout(now);
        }
        while let Some(out) = viewer.poll_transmit() {
            socket.send(&out.bytes, out.to);
        }
        if loses.is_some() {
            viewer.video.forget();
            viewer.audio.forget();
        }
    }

    /// Goes on at another address, like a phone that leaves its Wi-Fi.
    pub fn roam(&mut self) -> io::Result<()> {
        self.socket = Socket::bind()?;
        self.viewer.roam(Instant::now(), self.socket.address()?);
        Ok(())
    }

    /// Says goodbye.
    pub fn close(mut self) {
        self.viewer.close(Instant::now());
        while let Some(out) = self.viewer.poll_transmit() {
            self.socket.send(&out.bytes, out.to);
        }
    }

    /// Sends something that is no part of its session, to where that is: some of it looks like STUN, DTLS
    /// or SRTP.
    pub fn noise(&self, random: &mut Rng) {
        let Some(gateway) = self.gateway else { return };
        let mut noise: Vec<u8> = (0..random.usize(1..200)).map(|_| random.u8(..)).collect();
        noise[0] = random
            .choice([0, 1, 20, 22, 63, 128, 200, 255])
            .unwrap_or_default();
        self.socket.send(&noise, gateway);
    }

    pub fn is_connected(&self) -> bool {
        self.viewer.is_connected()
    }

    pub fn is_closed(&self) -> bool {
        self.viewer.is_closed()
    }

    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    pub fn take_counts(&mut self) -> (Counts, Vec<f64>) {
        (
            std::mem::take(&mut self.counts),
            std::mem::take(&mut self.latencies),
        )
    }
}
