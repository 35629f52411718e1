//! Sends datagrams of a worker's sessions.

use std::time::{Duration, Instant};

use crate::net::Socket;
use crate::session::{Path, Transmit, WouldBlock};

/// A worker's view of the socket.
pub struct Outbox<'a> {
    socket: &'a Socket,
    /// Datagrams that one call may hand to the kernel.
    segments: usize,
    /// Time spent in system calls, if measured.
    pub timed: Option<Duration>,
    /// Packets sent so far.
    pub packets: usize,
}

impl<'a> Outbox<'a> {
    /// `gso`: send runs of packets in one call. `timed`: measure the time spent in system calls, starting
    /// from this value.
    pub fn new(socket: &'a Socket, gso: bool, timed: Option<Duration>) -> Self {
        Outbox {
            socket,
            segments: if gso { socket.max_segments() } else { 1 },
            timed,
            packets: 0,
        }
    }
}

impl Transmit for Outbox<'_> {
    fn transmit(&mut self, path: Path, contents: &[u8], segment: usize) -> Result<(), WouldBlock> {
        self.packets += contents.len().div_ceil(segment);
        let begun = self.timed.map(|_| Instant::now());
        let sent = self.socket.send(path.remote, path.local, contents, segment);
        if let (Some(timed), Some(begun)) = (&mut self.timed, begun) {
            *timed += begun.elapsed();
        }
        sent.map_err(|_| WouldBlock)
    }

    fn max_segments(&self) -> usize {
        self.segments
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::Tuning;

    #[test]
    fn sends_a_run_to_ipv4_and_ipv6() {
        let socket = Socket::bind(None, &Tuning::default()).unwrap();
        for ip in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(peer) = std::net::UdpSocket::bind(ip) else {
                continue;
            };
            let remote = peer.local_addr().unwrap();
            if !socket.serves(remote.ip()) {
                continue;
            }
            let mut outbox = Outbox::new(&socket, true, None);
            let path = Path {
                remote,
                local: None,
            };
            let segments = outbox.max_segments().min(3);
            let contents = vec![7; 100 * segments];
            outbox.transmit(path, &contents, 100).unwrap();
            let mut buffer = [0; 2000];
            for _ in 0..segments {
                assert_eq!(peer.recv(&mut buffer).unwrap(), 100);
            }
        }
    }
}
