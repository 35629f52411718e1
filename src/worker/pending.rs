//! What has begun to leave over a connection, and what is no media: whatever else waits for it waits in the ring, where it
//! can be left out.

use std::io;
use std::sync::Arc;

use super::callers::CallerStats;
use crate::net::Stream;
use crate::session::WouldBlock;
use crate::session::framing::Frames;

/// Bytes that are kept for a connection at most.
const KEPT: usize = 96 << 10;

/// Bytes that are to leave next.
#[derive(Debug)]
pub(super) struct Pending {
    bytes: Vec<u8>,
    stats: Arc<CallerStats>,
}

impl Pending {
    /// Of a new connection. What is dropped is counted there.
    pub(super) fn new(stats: Arc<CallerStats>) -> Pending {
        Pending {
            bytes: Vec::new(),
            stats,
        }
    }

    /// Sends frames; the rest of them is kept. Fails if none of them left.
    pub(super) fn send(&mut self, stream: &Stream, frames: &Frames<'_>) -> Result<(), WouldBlock> {
        if !self.flush(stream) {
            return Err(WouldBlock);
        }
        match frames.write(|pieces| stream.try_write_vectored(pieces)) {
            Ok(written) => {
                frames.append_rest(written, &mut self.bytes);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(WouldBlock),
            // Its task finds out.
            Err(_) => Ok(()),
        }
    }

    /// Sends frames as soon as the connection takes them, if few wait.
    pub(super) fn add(&mut self, stream: &Stream, frames: &Frames<'_>) {
        if self.has_room(frames.size()) {
            frames.append_rest(0, &mut self.bytes);
            self.flush(stream);
        }
    }

    /// The same for bytes that are a frame already.
    pub(super) fn add_raw(&mut self, stream: &Stream, message: &[u8]) {
        if self.has_room(message.len()) {
            self.bytes.extend_from_slice(message);
            self.flush(stream);
        }
    }

    /// Whether so many bytes more may wait; if not, they are lost.
    fn has_room(&self, size: usize) -> bool {
        let has_room = self.bytes.len() + size <= KEPT;
        if !has_room {
            self.stats.lost();
        }
        has_room
    }

    /// Sends what is kept. False if some is left.
    pub(super) fn flush(&mut self, stream: &Stream) -> bool {
        let mut done = 0;
        while let Some(rest) = self.bytes.get(done..)
            && !rest.is_empty()
        {
            match stream.try_write(rest) {
                Ok(written @ 1..) => done += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.bytes.drain(..done);
                    return false;
                }
                // Its task finds out.
                Ok(0) | Err(_) => break,
            }
        }
        // Few connections keep anything for long.
        self.bytes = Vec::new();
        !matches!(stream.flush(), Ok(false))
    }

    /// Whether nothing is left.
    pub(super) fn is_gone(&self, stream: &Stream) -> bool {
        self.bytes.is_empty() && stream.is_flushed()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::net::{Parts, tcp};
    use crate::session::framing::Wrap;

    #[tokio::test]
    async fn what_has_no_room_is_dropped_and_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _reads_nothing = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        tcp::tune(&socket);
        let stream = Stream::new(Parts { socket, tls: None }).unwrap();
        let stats = Arc::new(CallerStats::default());
        let mut pending = Pending::new(Arc::clone(&stats));
        let datagram = [0; 1000];
        let frame = Frames::new(&datagram, datagram.len(), Wrap::Length).unwrap();
        let dropped = || stats.dropped.load(Ordering::Relaxed);
        // The system takes some of it.
        for _ in 0..100_000 {
            pending.add(&stream, &frame);
            if dropped() > 0 {
                break;
            }
        }
        assert_eq!(dropped(), 1);
        assert!((KEPT - frame.size()..=KEPT).contains(&pending.bytes.len()));
        pending.add_raw(&stream, &datagram);
        assert_eq!(dropped(), 2);
        pending.add_raw(&stream, &[]);
        assert_eq!(dropped(), 2);
    }
}
