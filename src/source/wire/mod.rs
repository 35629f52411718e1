//! Connections to cameras: sockets only, which know nothing of RTSP.

mod lookup;
mod multicast;
mod reach;
mod stream;
mod tls;
#[allow(missing_docs)] // nobody but tests reaches it from outside
pub mod tunnel;
mod udp;

pub use lookup::lookup;
pub use multicast::Group;
pub use reach::{Reach, TooNear};
pub use tls::{NoAuthorities, NoTls, NotTrusted, Trust, encrypt};
pub use tunnel::Unauthorized;
pub use udp::{Ports, is_near};

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, ReadBuf};

use stream::Stream;

use super::TURN;
use super::rtsp::base64;
use super::url::Credentials;
use crate::system;
use tunnel::Tunnel;

/// What one read takes at most.
const MOST_READ: usize = TURN.bytes;
/// What may be left of the read before, an incomplete frame or message.
const MOST_LEFT: usize = 96 << 10;
/// What is often left: part of a frame. Each camera keeps the room for it.
const LITTLE: usize = 4 << 10;

thread_local! {
    /// All cameras of a thread read into it, one after the other, so it stays in the cache.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; MOST_LEFT + MOST_READ]);
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// Something. There may be more.
    Some,
    /// The camera closed the connection.
    Closed,
}

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// As it stands in a URL.
    pub host: String,
    pub port: u16,
    pub tls: bool,
    /// Path and query, if it is a tunnel through HTTP.
    pub tunnel: Option<String>,
}

/// A connection to a camera.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    /// Where we write, if it is a tunnel through HTTP, and what is written next.
    post: Option<(Stream, Vec<u8>)>,
    /// What the last read left.
    rest: Vec<u8>,
    /// Something that was written may not have left.
    unflushed: bool,
    /// So many bytes wait before it is readable.
    low_water: usize,
}

impl Connection {
    /// Connects. If that is encrypted, to whom it may be; and to no address that is nearer than this. The
    /// credentials are for a tunnel through HTTP.
    pub async fn open(
        endpoint: &Endpoint,
        trust: &Trust,
        nearest: Reach,
        credentials: Option<&Credentials>,
    ) -> io::Result<Connection> {
        let mut stream = open(endpoint, trust, nearest).await?;
        let Some(path) = &endpoint.tunnel else {
            return Ok(Connection {
                stream,
                post: None,
                rest: Vec::new(),
                unflushed: false,
                low_water: 1,
            });
        };
        let mut tunnel = Tunnel::new(&endpoint.host, path, credentials)?;
        let rest = match tunnel.get(&mut stream).await? {
            Some(rest) => rest,
            None => {
                // Those that ask for a password close the connection behind that.
                stream = open(endpoint, trust, nearest).await?;
                tunnel
                    .get(&mut stream)
                    .await?
                    .ok_or_else(tunnel::unauthorized)?
            }
        };
        let mut post = open(endpoint, trust, nearest).await?;
        tunnel.post(&mut post).await?;
        Ok(Connection {
            stream,
            post: Some((post, Vec::new())),
            rest,
            unflushed: false,
            low_water: 1,
        })
    }

    /// Our address and the camera's.
    pub fn addresses(&self) -> (IpAddr, IpAddr) {
        let nowhere = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let local = self.stream.tcp().local_addr();
        let peer = self.stream.tcp().peer_addr();
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
            self.give_back();
            Poll::Ready(Ok(Read::Some))
        })
    }

    /// From now on, what comes is worth to be read when it has so many bytes, or when the connection ends. What is
    /// encrypted is read at once.
    pub fn set_low_water(&mut self, bytes: usize) {
        if bytes != self.low_water
            && let Stream::Plain(stream) = &self.stream
        {
            system::set_low_water(stream, bytes);
            self.low_water = bytes;
        }
    }

    /// Gives `take` what is left once more.
    pub fn take_rest(&mut self, take: impl FnOnce(&[u8]) -> usize) {
        let used = take(&self.rest).min(self.rest.len());
        self.rest.drain(..used);
        self.give_back();
    }

    /// What a read leaves is little, but for one that a budget ended.
    fn give_back(&mut self) {
        if self.rest.is_empty() && self.rest.capacity() > LITTLE {
            self.rest = Vec::new();
        }
    }

    /// Writes what can be written, and takes it out of `data`. Ready when all is written.
    pub fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        data: &mut Vec<u8>,
    ) -> Poll<io::Result<()>> {
        self.unflushed = true;
        match &mut self.post {
            None => ready!(self.stream.poll_write_out(context, data))?,
            Some((post, encoded)) => {
                // As long as the camera does not read, `data` grows, and whoever fills it sees that.
                ready!(post.poll_write_out(context, encoded))?;
                encoded.extend_from_slice(base64(data).as_bytes());
                data.clear();
                ready!(post.poll_write_out(context, encoded))?;
            }
        }
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    /// Whether [`Connection::poll_write`] is to be called even without anything new.
    pub fn has_unwritten(&self) -> bool {
        self.unflushed
    }

    /// Writes what the socket takes now: the connection is about to end.
    pub fn write_last(&mut self, data: &mut Vec<u8>) {
        let write = poll_fn(|context| self.poll_write(context, data));
        // What the task may do is used up, perhaps.
        let write = pin!(tokio::task::unconstrained(write));
        let _ = write.poll(&mut Context::from_waker(Waker::noop()));
    }
}

/// Connects, to whom it may be if that is encrypted, and to no address that is nearer than this.
pub async fn open(endpoint: &Endpoint, trust: &Trust, nearest: Reach) -> io::Result<Stream> {
    let host = endpoint.host.trim_start_matches('[').trim_end_matches(']');
    let stream = reach::connect(host, endpoint.port, nearest).await?;
    // Requests are small, and one waits for the response to the other.
    let _ = stream.set_nodelay(true);
    if !endpoint.tls {
        return Ok(Stream::Plain(stream));
    }
    let stream = tls::connect(host, stream, trust).await?;
    Ok(Stream::Tls(Box::new(stream)))
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_below_the_low_water_mark_waits_for_more() {
        use std::time::Duration;

        use tokio::io::AsyncWriteExt;
        use tokio::time::timeout;

        async fn read(connection: &mut Connection) -> usize {
            let mut read = 0;
            let take = |data: &[u8]| {
                read = data.len();
                data.len()
            };
            let mut take = Some(take);
            poll_fn(|context| {
                connection.poll_read(context, |data| take.take().map_or(0, |mut take| take(data)))
            })
            .await
            .unwrap();
            read
        }

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await;
            let (mut camera, _) = listener.accept().await.unwrap();
            let mut connection = Connection {
                stream: Stream::Plain(stream.unwrap()),
                post: None,
                rest: Vec::new(),
                unflushed: false,
                low_water: 1,
            };
            camera.write_all(&[1; 10]).await.unwrap();
            assert_eq!(read(&mut connection).await, 10);
            connection.set_low_water(11);
            camera.write_all(&[2; 10]).await.unwrap();
            let early = timeout(Duration::from_millis(20), read(&mut connection)).await;
            assert!(early.is_err(), "{early:?}");
            camera.write_all(&[3]).await.unwrap();
            assert_eq!(read(&mut connection).await, 11);
            // A mark that is lifted lets through what waits, and so does the end.
            camera.write_all(&[4; 5]).await.unwrap();
            connection.set_low_water(1);
            assert_eq!(read(&mut connection).await, 5);
            connection.set_low_water(11);
            camera.write_all(&[5; 5]).await.unwrap();
            drop(camera);
            assert_eq!(read(&mut connection).await, 5);
        });
    }

    /// Through HTTP, to a camera that reads nothing.
    #[test]
    fn what_waits_to_be_written_stays_where_it_is_counted() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let to = listener.local_addr().unwrap();
            let stream = || async { Stream::Plain(TcpStream::connect(to).await.unwrap()) };
            let mut connection = Connection {
                stream: stream().await,
                post: Some((stream().await, Vec::new())),
                rest: Vec::new(),
                unflushed: false,
                low_water: 1,
            };
            let _camera = (listener.accept().await, listener.accept().await);
            let mut context = Context::from_waker(Waker::noop());
            let mut data = Vec::new();
            // More than the kernel takes.
            for _ in 0..1000 {
                if data.len() < 64 << 10 {
                    data.extend([1; 16 << 10]);
                }
                let _ = connection.poll_write(&mut context, &mut data);
                tokio::task::yield_now().await;
                let (_, encoded) = connection.post.as_ref().unwrap();
                assert!(encoded.len() <= 120 << 10, "{}", encoded.len());
            }
            assert!(data.len() >= 64 << 10);
            assert!(connection.has_unwritten());
        });
    }
}
