//! A viewer on a real socket, driven by the thread that calls it.

use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::{Viewer, ViewerConfig};

/// A viewer on a UDP socket of the loopback interface.
pub struct UdpViewer {
    socket: UdpSocket,
    pub viewer: Viewer,
}

impl UdpViewer {
    /// Binds a socket; `offer` of the viewer is ready.
    pub fn new(config: ViewerConfig) -> std::io::Result<UdpViewer> {
        UdpViewer::at("127.0.0.1:0", config)
    }

    /// A viewer whose socket has this address.
    pub fn at(address: impl ToSocketAddrs, config: ViewerConfig) -> std::io::Result<UdpViewer> {
        // Another viewer may have had the port.
        static VIEWERS: AtomicU64 = AtomicU64::new(0);
        let socket = socket(address)?;
        let mut viewer = Viewer::new(socket.local_addr()?, config);
        viewer.pwd += &VIEWERS.fetch_add(1, Ordering::Relaxed).to_string();
        Ok(UdpViewer { socket, viewer })
    }

    /// Goes on from another port, as behind a NAT that has forgotten the viewer.
    pub fn rebind(&mut self) -> std::io::Result<()> {
        self.socket = socket("127.0.0.1:0")?;
        self.viewer.rebind(self.socket.local_addr()?);
        Ok(())
    }

    /// Takes the answer. Uses its loopback candidate.
    pub fn accept(&mut self, answer: &str) {
        let gateway: SocketAddr = answer
            .lines()
            .filter_map(|line| line.strip_prefix("a=candidate:"))
            .find(|candidate| candidate.contains(" 127.0.0.1 "))
            .and_then(|candidate| candidate.split(' ').nth(5))
            .map(|port| format!("127.0.0.1:{port}").parse().expect("a port"))
            .expect("a loopback candidate");
        self.viewer.accept(Instant::now(), answer, Some(gateway));
    }

    /// Receives and responds until `done`; false if that does not happen within `limit`.
    pub fn run_till(&mut self, limit: Duration, done: impl Fn(&Viewer) -> bool) -> bool {
        let end = Instant::now() + limit;
        let mut buffer = [0; 2048];
        while !done(&self.viewer) {
            self.flush();
            let now = Instant::now();
            if now >= end {
                return false;
            }
            let wake = self.viewer.next_deadline().unwrap_or(end).min(end);
            let wait = wake.saturating_duration_since(now);
            // A timeout of zero would mean forever.
            let wait = wait.max(Duration::from_millis(1));
            self.socket
                .set_read_timeout(Some(wait))
                .expect("a timeout that is not zero");
            if let Ok(size) = self.socket.recv(&mut buffer) {
                self.viewer.handle(Instant::now(), &buffer[..size]);
            }
            self.viewer.timeout(Instant::now());
        }
        self.flush();
        true
    }

    /// Sends a datagram that is not the viewer's own.
    pub fn send_to(&self, datagram: &[u8], to: SocketAddr) -> std::io::Result<usize> {
        self.socket.send_to(datagram, to)
    }

    fn flush(&mut self) {
        while let Some(out) = self.viewer.poll_transmit() {
            // A refused datagram counts as lost.
            let _ = self.socket.send_to(&out.bytes, out.to);
        }
    }
}

pub(super) fn socket(address: impl ToSocketAddrs) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    // The default overflows when a backlog arrives at once while this process does not run.
    SockRef::from(&socket).set_recv_buffer_size(4 << 20)?;
    Ok(socket)
}
