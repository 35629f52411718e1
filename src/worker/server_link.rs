//! A connection to the gateway's TURN server, for networks that let no UDP out. The first worker reads it, and all write:
//! one that finds another one writing does not wait for it, but comes again a moment later, as when the socket is full.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::rustls;

use super::callers::CallerStats;
use super::pending::Pending;
use crate::net::{Parts, Stream, tcp};
use crate::session::WouldBlock;
use crate::session::framing::{Deframer, Frames, Framing, MAX_RUN, Wrap};
use crate::source::{NoTls, NotTrusted, Trust, encrypt};
use crate::stun::allocation::{OPENING, too_slow};

/// Bytes that are read at once: then others have their turn.
const READ: usize = 16 << 10;

/// How to connect to a server.
#[derive(Debug)]
pub(super) struct Dial {
    /// As the host named it: its certificate has to be for that.
    pub host: String,
    /// Which certificates are trusted, over TLS.
    pub tls: Option<Trust>,
}

/// A connection.
#[derive(Debug)]
pub(super) struct ServerLink {
    /// Its number.
    pub id: u64,
    /// Our end of it.
    pub local: Option<IpAddr>,
    stream: Stream,
    /// Whoever has it may write, and the first worker read.
    pending: Mutex<Pending>,
    stats: Arc<CallerStats>,
    /// The connection takes nothing; its task waits until it does.
    full: AtomicBool,
    /// Nobody needs it any more.
    closed: AtomicBool,
    /// Wakes its task.
    changed: Notify,
}

impl ServerLink {
    /// Connects to a server at this address, in time. Why not, for people.
    pub(super) async fn open(
        id: u64,
        to: SocketAddr,
        dial: &Dial,
        stats: Arc<CallerStats>,
    ) -> Result<ServerLink, String> {
        let opened = tokio::time::timeout(OPENING, ServerLink::connect(id, to, dial, stats));
        opened.await.unwrap_or_else(|_| Err(too_slow(to)))
    }

    async fn connect(
        id: u64,
        to: SocketAddr,
        dial: &Dial,
        stats: Arc<CallerStats>,
    ) -> Result<ServerLink, String> {
        let unreachable = |error: io::Error| {
            format!(
                "{to} cannot be connected to: {error}: check that this host may connect there, and that a TURN server is there"
            )
        };
        let socket = TcpStream::connect(to).await.map_err(unreachable)?;
        let (socket, tls) = match &dial.tls {
            None => (socket, None),
            Some(trust) => {
                let encrypted = encrypt(&dial.host, socket, trust).await;
                let (socket, tls) = encrypted.map_err(|error| refused(to, &error))?;
                (socket, Some(Box::new(rustls::Connection::Client(tls))))
            }
        };
        let socket = socket.into_std().map_err(unreachable)?;
        tcp::tune(&socket);
        Ok(ServerLink {
            id,
            local: socket.local_addr().ok().map(|address| address.ip()),
            stream: Stream::new(Parts { socket, tls }).map_err(unreachable)?,
            pending: Mutex::new(Pending::new(Arc::clone(&stats))),
            stats,
            full: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            changed: Notify::new(),
        })
    }

    /// Sends datagrams of `segment` bytes. Fails if the connection takes nothing.
    pub(super) fn send(
        &self,
        wrap: Wrap,
        contents: &[u8],
        segment: usize,
    ) -> Result<(), WouldBlock> {
        let mut pending = self.pending.try_lock().ok_or(WouldBlock)?;
        for (i, run) in contents.chunks(MAX_RUN * segment).enumerate() {
            let Some(frames) = Frames::new(run, segment, wrap) else {
                continue;
            };
            let sent = pending.send(&self.stream, &frames);
            if sent.is_err() || !pending.is_gone(&self.stream) {
                self.wait_for_room();
            }
            match (i, sent) {
                (0, Err(full)) => return Err(full),
                // What does not leave behind others is lost on the way.
                (_, Err(_)) => break,
                (_, Ok(())) => {}
            }
        }
        Ok(())
    }

    /// Sends a datagram that is no media, as soon as the connection takes it. It is lost like any other if another thread
    /// is using the connection.
    pub(super) fn control(&self, wrap: Wrap, datagram: &[u8]) {
        let Some(frame) = Frames::new(datagram, datagram.len(), wrap) else {
            return;
        };
        match self.pending.try_lock() {
            Some(mut pending) => {
                pending.add(&self.stream, &frame);
                self.note_room(&pending);
            }
            None => self.stats.lost(),
        }
    }

    /// Sends a request of TURN.
    pub(super) fn request(&self, message: &[u8]) {
        let mut pending = self.pending.lock();
        pending.add_raw(&self.stream, message);
        self.note_room(&pending);
    }

    fn note_room(&self, pending: &Pending) {
        if !pending.is_gone(&self.stream) {
            self.wait_for_room();
        }
    }

    fn wait_for_room(&self) {
        if !self.full.swap(true, Ordering::SeqCst) {
            self.changed.notify_one();
        }
    }

    /// Nobody needs it any more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.changed.notify_one();
    }

    /// Hands each message that comes to `heard`, until the connection ends. Why it has.
    pub(super) async fn serve(&self, mut heard: impl FnMut(&[u8])) -> String {
        let mut deframer = Deframer::new(Framing::Turn);
        let mut buffer = vec![0; READ];
        while !self.closed.load(Ordering::SeqCst) {
            let interest = match self.full.load(Ordering::SeqCst) {
                true => Interest::READABLE | Interest::WRITABLE,
                false => Interest::READABLE,
            };
            let ready = tokio::select! {
                ready = self.stream.ready(interest) => match ready {
                    Ok(ready) => ready,
                    Err(error) => return error.to_string(),
                },
                () = self.changed.notified() => continue,
            };
            if ready.is_writable() && self.full.swap(false, Ordering::SeqCst) {
                let mut pending = self.pending.lock();
                pending.flush(&self.stream);
                self.note_room(&pending);
            }
            while ready.is_readable() && !self.closed.load(Ordering::SeqCst) {
                let read = {
                    let _alone = self.pending.lock();
                    self.stream.try_read(&mut buffer)
                };
                match read {
                    Ok(0) => return "the server has closed it".to_owned(),
                    Ok(size) => {
                        if deframer.take(&buffer[..size], &mut heard).is_err() {
                            return "what comes over it is not TURN".to_owned();
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return error.to_string(),
                }
                tokio::task::yield_now().await;
                if self.full.load(Ordering::SeqCst) {
                    // What waits to be written has its turn, too.
                    break;
                }
            }
        }
        "nobody needs it".to_owned()
    }
}

/// Why there is no TLS.
fn refused(to: SocketAddr, error: &io::Error) -> String {
    match error.get_ref() {
        Some(inner) if inner.is::<NotTrusted>() => {
            format!(
                "the certificate of {to} is not trusted: set tls_ca or tls_fingerprint; {error}"
            )
        }
        Some(inner) if inner.is::<NoTls>() => {
            format!("{to} speaks no TLS that this host speaks: {error}: check the port")
        }
        _ => format!("the certificate of {to} cannot be checked: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_server_that_stalls_in_the_handshake_is_let_go() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let dial = Dial {
            host: "localhost".to_owned(),
            tls: Some(Trust::Anybody),
        };
        let stalls = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            assert_ne!(socket.read(&mut [0; 4096]).await.unwrap(), 0, "its hello");
            // From here on nothing but time passes.
            tokio::time::pause();
            socket.read_to_end(&mut Vec::new()).await.unwrap()
        };
        let open = ServerLink::open(1, to, &dial, Arc::default());
        let (opened, rest) = tokio::join!(open, stalls);
        let why = opened.unwrap_err();
        assert!(why.contains("in time"), "{why}");
        assert_eq!(rest, 0, "and then the end of the connection");
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_encryption_is_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let open = async |host: &str| {
            let dial = Dial {
                host: host.to_owned(),
                tls: Some(Trust::Anybody),
            };
            let open = ServerLink::open(1, to, &dial, Arc::default());
            let hangs_up = async { drop(listener.accept().await) };
            let (opened, ()) = tokio::join!(open, hangs_up);
            opened.unwrap_err()
        };
        let why = open("localhost").await;
        assert!(why.contains("speaks no TLS"), "{why}");
        let why = open("no name").await;
        assert!(why.contains("cannot be checked"), "{why}");
    }
}
