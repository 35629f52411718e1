//! The sockets of outputs: each session has one to itself.
//!
//! A media server may have all of its sessions at one port, where it tells them apart by where datagrams come from. From
//! the media socket, all outputs to it would be one to it. So what an output sends leaves from a socket of its own, and
//! whatever comes there is for its session: it is in no routes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::core::Core;
use super::demux::Datagram;
use super::outputs::Offered;
use crate::error::Result;
use crate::ids;
use crate::net::{OwnSocket, Socket};
use crate::session::{ConnectionId, Path, Remote, WouldBlock};
use crate::tuning::Tuning;

/// After an error of a socket, so that errors do not take all time.
const REST: Duration = Duration::from_millis(10);

/// Those of a worker, by number. One is here until its session ends.
#[derive(Default)]
pub(super) struct OwnSockets {
    by_id: HashMap<ConnectionId, Rc<OwnSocket>>,
    /// What was read last, by any of them.
    buffer: Vec<u8>,
}

/// One of them, as its session has it.
pub(super) struct Own {
    pub(super) id: ConnectionId,
    socket: Rc<OwnSocket>,
}

impl Own {
    pub(super) fn beside(media: &Socket, tuning: &Tuning) -> Result<Own> {
        Ok(Own {
            id: ConnectionId(ids::next()),
            socket: Rc::new(OwnSocket::beside(media, tuning)?),
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.socket.socket().local().port()
    }
}

impl OwnSockets {
    pub(super) fn insert(&mut self, own: &Own) {
        self.by_id.insert(own.id, Rc::clone(&own.socket));
    }

    /// Its session has ended.
    pub(super) fn close(&mut self, id: ConnectionId) {
        self.by_id.remove(&id);
    }

    /// Sends `contents` as datagrams of `segment` bytes by the socket with this number, to this address and from that of
    /// ours; at most so many by one call. `Err`: none of them left.
    pub(super) fn send(
        &self,
        (id, to, local): (ConnectionId, SocketAddr, Option<IpAddr>),
        at_once: usize,
        contents: &[u8],
        segment: usize,
    ) -> std::result::Result<(), WouldBlock> {
        // Without it, its session is about to hear that it has ended.
        let Some(socket) = self.by_id.get(&id).map(|own| own.socket()) else {
            return Ok(());
        };
        // The system may take less from it than from the media socket.
        let step = at_once.min(socket.max_segments()) * segment;
        for (i, run) in contents.chunks(step).enumerate() {
            match (i, socket.send(to, local, run, segment)) {
                (_, Ok(())) => {}
                (0, Err(_)) => return Err(WouldBlock),
                // What does not leave behind others is lost on the way.
                (_, Err(_)) => break,
            }
        }
        Ok(())
    }
}

impl Core {
    /// Hands what has come to a socket to its session, as far as a turn goes. True if there may be more.
    fn read_own(&mut self, offered: &Offered) -> io::Result<bool> {
        let begun = Instant::now();
        let Offered {
            own, row, session, ..
        } = offered;
        let mut buffer = std::mem::take(&mut self.connections.own_sockets.buffer);
        buffer.resize(buffer.len().max(own.socket.buffer_size()), 0);
        let more = own.socket.turn(&mut buffer, |from, local, contents| {
            if self.viewers.find(*row, *session).is_ok() {
                self.datagram(&Datagram {
                    row: *row,
                    path: Path {
                        remote: Remote::Own(from, own.id),
                        local,
                    },
                    contents,
                });
            }
        });
        self.connections.own_sockets.buffer = buffer;
        self.datagrams_took(begun.elapsed());
        self.rearmed.ring();
        more
    }
}

/// Reads the socket of an output for as long as it is polled.
pub(super) async fn read(core: &RefCell<Core>, offered: &Offered) -> Infallible {
    loop {
        let ready = offered.own.socket.readable().await;
        let read = ready.and_then(|()| core.borrow_mut().read_own(offered));
        match read {
            Ok(false) => {}
            Ok(true) => tokio::task::yield_now().await,
            // On Windows, for example, that what was sent before did not arrive.
            Err(error) => {
                log::debug!("reading the UDP socket of an output: {error}");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_sent_leaves_from_there_until_it_is_closed() {
        let address = "127.0.0.1:0".parse().unwrap();
        let media = Socket::bind(Some(address), &Tuning::default()).unwrap();
        let mut all = OwnSockets::default();
        let own = [(); 2].map(|()| Own::beside(&media, &Tuning::default()).unwrap());
        let server = std::net::UdpSocket::bind(address).unwrap();
        let to = server.local_addr().unwrap();
        server
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let mut buffer = [0; 2000];
        for own in &own {
            all.insert(own);
            // Whether one call takes all, or one at a time.
            for at_once in [64, 1] {
                let contents: Vec<u8> = (0..250).collect();
                let sent = all.send((own.id, to, None), at_once, &contents, 100);
                assert!(sent.is_ok());
                for part in contents.chunks(100) {
                    let (size, from) = server.recv_from(&mut buffer).unwrap();
                    assert_eq!((&buffer[..size], from.port()), (part, own.port()));
                }
            }
        }
        let [own, other] = own;
        let (id, port) = (own.id, own.port());
        all.close(id);
        drop(own);
        assert!(all.send((id, to, None), 64, &[1], 1).is_ok());
        assert!(all.send((other.id, to, None), 64, &[2], 1).is_ok());
        let (_, from) = server.recv_from(&mut buffer).unwrap();
        assert_eq!((buffer[0], from.port()), (2, other.port()));
        // Nothing keeps it.
        std::net::UdpSocket::bind(("127.0.0.1", port)).unwrap();
    }
}
