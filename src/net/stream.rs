//! A TCP connection, perhaps encrypted, that is read and written as far as it goes without waiting.

use std::io::{self, IoSlice, Read, Write};

use parking_lot::Mutex;
use tokio::io::{Interest, Ready};
use tokio::net::TcpStream;
use tokio_rustls::rustls::Connection;

/// So often the socket is read for a piece of what is encrypted: records without any must not keep the thread.
const ROUNDS: usize = 8;

/// A connection on its way to another thread.
pub struct Parts {
    pub socket: std::net::TcpStream,
    /// If it is encrypted; the handshake is done, and all that has come is read.
    pub tls: Option<Box<Connection>>,
}

/// A connection that this thread waits for.
#[derive(Debug)]
pub struct Stream {
    socket: TcpStream,
    /// Nobody waits for this lock: whoever may read and write is one at a time.
    tls: Option<Mutex<Box<Connection>>>,
}

impl Stream {
    /// Takes in a connection.
    pub fn new(parts: Parts) -> io::Result<Stream> {
        let socket = TcpStream::from_std(parts.socket)?;
        let tls = parts.tls.map(|mut tls| {
            // What is written is bounded by what others write at once.
            tls.set_buffer_limit(None);
            Mutex::new(tls)
        });
        Ok(Stream { socket, tls })
    }

    /// Gives it to another thread. What has been decrypted already is appended to `read`: the socket would not tell.
    pub fn into_parts(self, read: &mut Vec<u8>) -> io::Result<Parts> {
        let mut tls = self.tls.map(Mutex::into_inner);
        if let Some(tls) = &mut tls {
            // It says at the end that no more is there.
            let _ = tls.reader().read_to_end(read);
        }
        Ok(Parts {
            socket: self.socket.into_std()?,
            tls,
        })
    }

    /// Whether it is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Waits for what may be read or written.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.socket.ready(interest).await
    }

    /// Reads until the buffer is full or nothing is there; `WouldBlock` says that nothing is, and `Interrupted` that others
    /// are to have their turn before the next attempt. 0: it has ended.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &self.tls else {
            return self.socket.try_read(buffer);
        };
        let tls = &mut **tls.lock();
        for _ in 0..ROUNDS {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            if tls.read_tls(&mut Wire(&self.socket))? == 0 {
                return Ok(0);
            }
            let fed = tls.process_new_packets();
            fed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
        Err(io::ErrorKind::Interrupted.into())
    }

    /// Writes these pieces as far as they go. Of one that is encrypted all go, unless something is left of those
    /// before.
    pub fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(tls) = &self.tls else {
            return self.socket.try_write_vectored(pieces);
        };
        if !self.flush()? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let written = tls.lock().writer().write_vectored(pieces)?;
        self.flush()?;
        Ok(written)
    }

    /// The same for one piece.
    pub fn try_write(&self, piece: &[u8]) -> io::Result<usize> {
        self.try_write_vectored(&[IoSlice::new(piece)])
    }

    /// Whether nothing is left of what was written.
    pub fn is_flushed(&self) -> bool {
        let mut tls = self.tls.iter();
        tls.all(|tls| !tls.lock().wants_write())
    }

    /// Writes what is left of what was written. False if some is still left.
    pub fn flush(&self) -> io::Result<bool> {
        let Some(tls) = &self.tls else {
            return Ok(true);
        };
        let tls = &mut **tls.lock();
        while tls.wants_write() {
            match tls.write_tls(&mut Wire(&self.socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// The socket as the TLS library uses it.
struct Wire<'a>(&'a TcpStream);

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
