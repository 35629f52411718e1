//! Connections to cameras: sockets only, which know nothing of RTSP.

mod multicast;
mod udp;

pub use multicast::Group;
pub use udp::Ports;

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What one read takes at most: 20 ms of a 50 Mbit/s camera. Then other tasks have their turn.
const MOST_READ: usize = 128 << 10;
/// What may be left of the read before, an incomplete frame or message.
const MOST_LEFT: usize = 96 << 10;

thread_local! {
    /// All cameras of a thread read into it, one after the other, so it stays in the cache.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; MOST_LEFT + MOST_READ]);
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// Something; there may be more.
    More,
    /// All that was there.
    All,
    /// The camera closed the connection.
    Closed,
}

/// A connection to a camera.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// What the last read left.
    rest: Vec<u8>,
}

impl Connection {
    /// Connects to a host as it stands in a URL.
    pub async fn open(host: &str, port: u16) -> io::Result<Connection> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, port)).await?;
        // Requests are small, and one waits for the response to the other.
        let _ = stream.set_nodelay(true);
        Ok(Connection {
            stream,
            rest: Vec::new(),
        })
    }

    /// Our address and the camera's.
    pub fn addresses(&self) -> (IpAddr, IpAddr) {
        let nowhere = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let local = self.stream.local_addr();
        let peer = self.stream.peer_addr();
        (
            local.map_or(nowhere, |address| address.ip()),
            peer.map_or(nowhere, |address| address.ip()),
        )
    }

    /// What the last read left unused.
    pub fn rest(&self) -> &[u8] {
        &self.rest
    }

    /// Reads once. `take` gets what was left and what is new, and returns how much of it is used.
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<io::Result<Read>> {
        BUFFER.with_borrow_mut(|buffer| {
            let left = self.rest.len();
            let Some(room) = buffer
                .get_mut(left..)
                .filter(|room| room.len() >= MOST_READ)
            else {
                // Whoever takes the bytes leaves no more than a message or a frame.
                return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
            };
            let mut room = ReadBuf::new(&mut room[..MOST_READ]);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut room))?;
            let read = room.filled().len();
            if read == 0 {
                return Poll::Ready(Ok(Read::Closed));
            }
            buffer[..left].copy_from_slice(&self.rest);
            let data = &buffer[..left + read];
            let used = take(data);
            self.rest.clear();
            self.rest
                .extend_from_slice(data.get(used..).unwrap_or_default());
            Poll::Ready(Ok(match read < MOST_READ {
                true => Read::All,
                false => Read::More,
            }))
        })
    }

    /// Gives `take` what is left once more.
    pub fn take_rest(&mut self, take: impl FnOnce(&[u8]) -> usize) {
        let used = take(&self.rest).min(self.rest.len());
        self.rest.drain(..used);
    }

    /// Writes what can be written, and takes it out of `data`. Ready when all is written.
    pub fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        data: &mut Vec<u8>,
    ) -> Poll<io::Result<()>> {
        while !data.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, data))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            data.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what the socket takes now: the connection is about to end.
    pub fn write_last(&mut self, data: &[u8]) {
        let _ = self.stream.try_write(data);
    }
}
