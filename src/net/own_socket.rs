//! A socket that one session has to itself. Few datagrams come to it, so it has no storage of its own for them, as the
//! receiver of the media socket has.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use quinn_udp::RecvMeta;

use super::receiver::{MAX_DATAGRAM, Readiness, is_about_a_peer, readiness, try_io};
use super::socket::{Socket, canonical};
use crate::error::{Error, Result, Status};
use crate::tuning::Tuning;

/// Datagrams of a turn, or a few more that came together.
const TURN: usize = 64;

/// A socket, and its readiness.
pub struct OwnSocket {
    #[cfg(unix)]
    readiness: Readiness<Socket>,
    #[cfg(not(unix))]
    readiness: Readiness,
    #[cfg(not(unix))]
    socket: Socket,
}

impl OwnSocket {
    /// One like the media socket. Must be called inside a tokio runtime, whose thread then reads.
    pub fn beside(media: &Socket, tuning: &Tuning) -> Result<OwnSocket> {
        let socket = media.beside(tuning)?;
        OwnSocket::new(socket).map_err(|error| {
            Error::new(
                Status::Io,
                format!(
                    "cannot wait for a UDP socket: {error}: allow this process more open files"
                ),
            )
        })
    }

    #[cfg(unix)]
    fn new(socket: Socket) -> io::Result<OwnSocket> {
        Ok(OwnSocket {
            readiness: readiness(socket)?,
        })
    }

    #[cfg(not(unix))]
    fn new(socket: Socket) -> io::Result<OwnSocket> {
        Ok(OwnSocket {
            readiness: readiness(socket.io().try_clone()?)?,
            socket,
        })
    }

    /// To send by.
    pub fn socket(&self) -> &Socket {
        #[cfg(unix)]
        let socket = self.readiness.get_ref();
        #[cfg(not(unix))]
        let socket = &self.socket;
        socket
    }

    /// Bytes that [`OwnSocket::turn`] reads into.
    pub fn buffer_size(&self) -> usize {
        MAX_DATAGRAM * self.socket().state().gro_segments()
    }

    /// Completes when [`OwnSocket::turn`] may find something.
    pub async fn readable(&self) -> io::Result<()> {
        self.readiness.readable().await.map(|_| ())
    }

    /// Reads what is there, as far as a turn goes, into `buffer`, and passes each datagram to `deliver`, with the address
    /// it came from and, if the system reports it, our address that it was sent to. True if there may be more.
    pub fn turn(
        &self,
        buffer: &mut [u8],
        mut deliver: impl FnMut(SocketAddr, Option<IpAddr>, &[u8]),
    ) -> io::Result<bool> {
        let mut read = 0;
        while read < TURN {
            let mut meta = [RecvMeta::default()];
            let received = try_io(&self.readiness, || {
                let socket = self.socket();
                let mut buffers = [IoSliceMut::new(buffer)];
                socket
                    .state()
                    .recv(socket.io().into(), &mut buffers, &mut meta)
            });
            match received {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if is_about_a_peer(&error) => {
                    read += 1;
                    continue;
                }
                Err(error) => return Err(error),
            }
            // A message is one datagram, or several of equal size.
            let [meta] = meta;
            if !(1..=MAX_DATAGRAM).contains(&meta.stride) {
                read += 1;
                continue;
            }
            let message = buffer.get(..meta.len).unwrap_or_default();
            for contents in message.chunks(meta.stride) {
                read += 1;
                deliver(canonical(meta.addr), meta.dst_ip, contents);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn all_that_comes_is_read_in_turns() {
        let address = "127.0.0.1:0".parse().unwrap();
        let media = Socket::bind(Some(address), &Tuning::default()).unwrap();
        let own = OwnSocket::beside(&media, &Tuning::default()).unwrap();
        let to = own.socket().local();
        let server = std::net::UdpSocket::bind(address).unwrap();
        let mut buffer = vec![0; own.buffer_size()];
        let mut got = Vec::new();
        let sent: Vec<_> = (0..150).collect();
        for &number in &sent {
            server.send_to(&[number; 30], to).unwrap();
        }
        // Neither is any use.
        server.send_to(&[], to).unwrap();
        server.send_to(&[9; MAX_DATAGRAM + 1], to).unwrap();
        let mut turns = 0;
        while got.len() < sent.len() {
            let ready = tokio::time::timeout(Duration::from_secs(60), own.readable());
            ready.await.expect("there is something").unwrap();
            let before = got.len();
            let turn = own.turn(&mut buffer, |from, local, contents| {
                assert_eq!((from, contents.len()), (server.local_addr().unwrap(), 30));
                assert!(local.is_none_or(|ip| ip == to.ip()));
                got.push(contents[0]);
            });
            turn.unwrap();
            assert!(got.len() < before + 2 * TURN);
            turns += 1;
        }
        assert_eq!(got, sent);
        assert!(turns > 1);
        assert!(!own.turn(&mut buffer, |_, _, _| panic!("nothing")).unwrap());
    }
}
