//! A viewer on a TCP connection (RFC 6544), driven by the thread that calls it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::{Viewer, ViewerConfig};

/// A viewer that reaches the gateway over TCP on the loopback interface.
pub struct TcpViewer {
    stream: Option<TcpStream>,
    /// What was read and is no whole frame.
    read: Vec<u8>,
    /// Bytes that the system may hold for the viewer; it decides if there is none.
    pub receive_buffer: Option<usize>,
    /// The gateway closed the connection, or it broke.
    pub ended: bool,
    pub viewer: Viewer,
}

impl TcpViewer {
    /// Not connected yet; `offer` of the viewer is ready.
    pub fn new(config: ViewerConfig) -> TcpViewer {
        TcpViewer {
            stream: None,
            read: Vec::new(),
            receive_buffer: None,
            ended: false,
            viewer: Viewer::over_tcp(config),
        }
    }

    /// The loopback candidate of an answer over TCP.
    pub fn candidate(answer: &str) -> Option<SocketAddr> {
        let mut candidates = answer
            .lines()
            .filter_map(|line| line.strip_prefix("a=candidate:"));
        let line = candidates.find(|line| {
            line.contains(" tcp ") && line.contains(" 127.0.0.1 ") && line.ends_with(" passive")
        })?;
        let port = line.split(' ').nth(5)?.parse().ok()?;
        Some(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// Takes the answer, and connects to its loopback candidate.
    pub fn accept(&mut self, answer: &str) {
        let gateway = TcpViewer::candidate(answer).expect("a loopback candidate over TCP");
        self.viewer.accept(Instant::now(), answer, Some(gateway));
        self.open(gateway);
    }

    /// Connects again, and checks that path at once.
    pub fn connect(&mut self, gateway: SocketAddr) {
        self.open(gateway);
        while self.viewer.poll_transmit().is_some() {}
        let address = self.stream().local_addr().expect("it is connected");
        self.viewer.roam(Instant::now(), address);
    }

    fn open(&mut self, gateway: SocketAddr) {
        let socket = Socket::new(Domain::for_address(gateway), Type::STREAM, None);
        let socket = socket.expect("a socket");
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes).expect("a size");
        }
        socket
            .connect(&gateway.into())
            .expect("the gateway listens");
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true).expect("an option of TCP");
        self.stream = Some(stream);
        self.read.clear();
        self.ended = false;
    }

    /// The connection, to do with it what viewers do not.
    pub fn stream(&self) -> &TcpStream {
        self.stream.as_ref().expect("it is connected")
    }

    /// Receives and responds until `done`; false if that does not happen within `limit`, or the connection ends.
    pub fn run_till(&mut self, limit: Duration, done: impl Fn(&Viewer) -> bool) -> bool {
        let end = Instant::now() + limit;
        let mut buffer = vec![0; 64 << 10];
        while !done(&self.viewer) {
            self.flush();
            let now = Instant::now();
            if now >= end || self.ended {
                return false;
            }
            let wake = self.viewer.next_deadline().unwrap_or(end).min(end);
            let wait = wake.saturating_duration_since(now);
            self.receive(&mut buffer, wait.max(Duration::from_millis(1)));
            self.viewer.timeout(Instant::now());
        }
        self.flush();
        true
    }

    /// Does what a busy viewer does in a while: responds, but reads no more than so many bytes.
    pub fn run_slowly(&mut self, bytes: usize) {
        self.flush();
        self.receive(&mut vec![0; bytes], Duration::from_millis(1));
        self.viewer.timeout(Instant::now());
        self.flush();
    }

    /// Reads once, as much as `buffer` takes.
    fn receive(&mut self, buffer: &mut [u8], wait: Duration) {
        let mut stream = self.stream.as_ref().expect("it is connected");
        stream
            .set_read_timeout(Some(wait))
            .expect("a timeout that is not zero");
        match stream.read(buffer) {
            Ok(0) => self.ended = true,
            Ok(size) => {
                self.read.extend_from_slice(&buffer[..size]);
                self.deframe();
            }
            Err(error) => {
                use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
                self.ended = !matches!(error.kind(), Interrupted | TimedOut | WouldBlock);
            }
        }
    }

    fn deframe(&mut self) {
        let now = Instant::now();
        let mut rest = &self.read[..];
        while let [a, b, following @ ..] = rest
            && let Some(frame) = following.get(..usize::from(u16::from_be_bytes([*a, *b])))
        {
            self.viewer.handle(now, frame);
            rest = &following[frame.len()..];
        }
        self.read = rest.to_vec();
    }

    fn flush(&mut self) {
        while let Some(out) = self.viewer.poll_transmit() {
            let _ = self.stream().write_all(&framed(&out.bytes));
        }
    }
}

/// A datagram as it goes over TCP (RFC 4571).
pub fn framed(datagram: &[u8]) -> Vec<u8> {
    let len = u16::try_from(datagram.len()).expect("a datagram");
    [&len.to_be_bytes()[..], datagram].concat()
}
