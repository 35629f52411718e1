//! Sends datagrams of a worker's sessions: on the socket, on one that a session has to itself, or over connections.

use std::time::{Duration, Instant};

use super::connections::Connections;
use crate::net::Socket;
use crate::session::{Path, Transmit, Way, WouldBlock};

/// A worker's view of the network.
pub(super) struct Outbox<'a> {
    socket: &'a Socket,
    connections: &'a Connections,
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
    pub(super) fn new(
        socket: &'a Socket,
        connections: &'a Connections,
        gso: bool,
        timed: Option<Duration>,
    ) -> Self {
        Outbox {
            socket,
            connections,
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
        let (local, connections) = (path.local, self.connections);
        let sent = match path.remote.way() {
            Way::Socket(to) => self.socket.send(to, local, contents, segment).ok(),
            Way::Relay(id) => {
                let by = (self.socket, self.segments);
                let relays = &connections.relays;
                relays.send(by, (id, local), contents, segment).ok()
            }
            Way::Server(to, allocation) => {
                let by = (self.socket, self.segments);
                let server = &connections.by_server;
                server.send(by, (to, allocation), contents, segment).ok()
            }
            Way::Own(id, to) => {
                let own = &connections.own_sockets;
                let to = (id, to, local);
                own.send(to, self.segments, contents, segment).ok()
            }
            Way::Connection(id) => connections.send(id, local, contents, segment).ok(),
        };
        if let (Some(timed), Some(begun)) = (&mut self.timed, begun) {
            *timed += begun.elapsed();
        }
        sent.ok_or(WouldBlock)
    }

    fn control(&mut self, path: Path, datagram: &[u8]) {
        let connections = self.connections;
        match path.remote.way() {
            Way::Connection(id) => connections.control(id, path.local, datagram),
            Way::Server(to, by) if connections.by_server.control((to, by), datagram) => {}
            Way::Socket(_) | Way::Own(..) | Way::Relay(_) | Way::Server(..) => {
                let _ = self.transmit(path, datagram, datagram.len());
            }
        }
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
            let connections = Connections::default();
            let mut outbox = Outbox::new(&socket, &connections, true, None);
            let path = Path {
                remote: remote.into(),
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
