//! What has begun to leave over a connection, and what is no media: whatever else waits for it waits in the ring, where it
//! can be left out.

use std::io;

use crate::net::Stream;
use crate::session::WouldBlock;
use crate::session::framing::Frames;

/// Bytes that are kept for a connection at most.
const KEPT: usize = 96 << 10;

/// Bytes that are to leave next.
#[derive(Debug, Default)]
pub(super) struct Pending(Vec<u8>);

impl Pending {
    /// Sends frames; the rest of them is kept. Fails if none of them left.
    pub(super) fn send(&mut self, stream: &Stream, frames: &Frames<'_>) -> Result<(), WouldBlock> {
        if !self.flush(stream) {
            return Err(WouldBlock);
        }
        match frames.write(|pieces| stream.try_write_vectored(pieces)) {
            Ok(written) => {
                frames.append_rest(written, &mut self.0);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(WouldBlock),
            // Its task finds out.
            Err(_) => Ok(()),
        }
    }

    /// Sends frames as soon as the connection takes them, if few wait.
    pub(super) fn add(&mut self, stream: &Stream, frames: &Frames<'_>) {
        if self.0.len() + frames.size() <= KEPT {
            frames.append_rest(0, &mut self.0);
            self.flush(stream);
        }
    }

    /// The same for bytes that are a frame already.
    pub(super) fn add_raw(&mut self, stream: &Stream, message: &[u8]) {
        if self.0.len() + message.len() <= KEPT {
            self.0.extend_from_slice(message);
            self.flush(stream);
        }
    }

    /// Sends what is kept. False if some is left.
    pub(super) fn flush(&mut self, stream: &Stream) -> bool {
        let mut done = 0;
        while let Some(rest) = self.0.get(done..)
            && !rest.is_empty()
        {
            match stream.try_write(rest) {
                Ok(written @ 1..) => done += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.0.drain(..done);
                    return false;
                }
                // Its task finds out.
                Ok(0) | Err(_) => break,
            }
        }
        // Few connections keep anything for long.
        self.0 = Vec::new();
        !matches!(stream.flush(), Ok(false))
    }

    /// Whether nothing is left.
    pub(super) fn is_gone(&self, stream: &Stream) -> bool {
        self.0.is_empty() && stream.is_flushed()
    }
}
