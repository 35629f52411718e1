//! The UDP ports of one track: RTP on an even one, RTCP on the next.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// Two ports in a row are looked for this often.
const ATTEMPTS: u32 = 50;

/// See the module documentation.
#[derive(Debug)]
pub struct PortPair {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// Nothing is taken from others.
    peer: IpAddr,
}

impl PortPair {
    /// Binds two ports at our address, for packets of `peer`.
    pub fn bind(local: IpAddr, peer: IpAddr) -> io::Result<PortPair> {
        let mut last = io::ErrorKind::AddrInUse.into();
        let bind = |port| -> io::Result<UdpSocket> {
            let socket = std::net::UdpSocket::bind(SocketAddr::new(local, port))?;
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket)
        };
        for _ in 0..ATTEMPTS {
            let rtp = bind(0)?;
            let port = rtp.local_addr()?.port();
            if port % 2 == 1 || port == 0 {
                continue;
            }
            match bind(port + 1) {
                Ok(rtcp) => return Ok(PortPair { rtp, rtcp, peer }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The port of RTP.
    pub fn port(&self) -> u16 {
        self.rtp.local_addr().map_or(0, |address| address.port())
    }

    /// A packet, RTP or RTCP.
    pub fn poll_receive<'a>(
        &self,
        context: &mut Context<'_>,
        buffer: &'a mut [u8],
    ) -> Poll<&'a [u8]> {
        let mut room = ReadBuf::new(buffer);
        for socket in [&self.rtp, &self.rtcp] {
            while let Poll::Ready(received) = socket.poll_recv_from(context, &mut room) {
                // An error is that of a packet we sent.
                if received.is_ok_and(|from| from.ip() == self.peer) {
                    let len = room.filled().len();
                    return Poll::Ready(&buffer[..len]);
                }
                room.clear();
            }
        }
        Poll::Pending
    }

    /// Sends RTCP to the camera's port.
    pub fn send_rtcp(&self, port: u16, packet: &[u8]) {
        let _ = self
            .rtcp
            .try_send_to(packet, SocketAddr::new(self.peer, port));
    }
}
