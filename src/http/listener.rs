//! Accepts connections and serves HTTP on them, by hyper. Those of viewers who want media, and whose network lets
//! nothing else pass, begin with another byte, and go on elsewhere.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle as Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::names::Names;
use super::routes::{Relay, Site};
use super::tls;
use crate::config::HttpOptions;
use crate::error::{Error, Result, Status};
use crate::gateway::Handle;
use crate::limit::{Complaint, Connection, Connections};
use crate::net::tcp;

/// Time for the head of a request, including the TLS handshake. It also ends idle connections.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);
/// Maximum size of the head of a request, in bytes. Browsers send 1 kB; a token may have 8 kB.
const MAX_HEAD: usize = 16 * 1024;
/// Maximum number of header fields.
const MAX_FIELDS: usize = 64;
/// The first byte of a connection for media is at most this: a length, or a request of STUN. HTTP begins with a
/// letter, TLS with 22.
const MAX_MEDIA: u8 = 8;
/// The response to a connection above the limit.
const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// Binds a listener and serves it on `runtime` until that ends. Returns its address.
pub fn listen(gateway: Handle, mut options: HttpOptions, runtime: &Runtime) -> Result<SocketAddr> {
    let passed = options.listener.take();
    if let Some(address) = passed.as_ref().and_then(|socket| socket.local_addr().ok()) {
        options.address = address;
    }
    let tls = options.tls.as_ref();
    let acceptor = tls.map(|identity| tls::acceptor(identity, options.media));
    let tls = acceptor.transpose()?;
    let names = Names::new(&options)?;
    let cannot = |error| {
        Error::new(
            Status::Io,
            format!("cannot listen on {}: {error}", options.address),
        )
    };
    let socket = match passed {
        Some(passed) => tcp::adopt(passed.try_clone().map_err(cannot)?, "fd")?,
        None => tcp::open(options.address).map_err(cannot)?,
    };
    socket.set_nonblocking(true).map_err(cannot)?;
    let address = socket.local_addr().map_err(cannot)?;
    let listener = {
        let _context = runtime.enter();
        TcpListener::from_std(socket).map_err(cannot)?
    };
    let relay = options.media.then_some(match tls {
        Some(_) => Relay::Tls,
        None => Relay::Tcp,
    });
    if options.media {
        gateway.takes_media_at(address);
    }
    let site = Arc::new(Site::new(gateway, names, relay));
    let limit = options.max_connections;
    let per_peer = options.max_connections_per_peer;
    let per_peer = per_peer.unwrap_or(limit.div_ceil(2)).max(1);
    let connections = Arc::new(Connections::new(limit, per_peer));
    runtime.spawn(accept(listener, tls, site, connections));
    Ok(address)
}

/// A listener without a socket, for tests of what comes over its connections.
pub struct Unbound {
    site: Site,
    connections: Arc<Connections>,
}

impl Unbound {
    pub fn new(gateway: Handle) -> Result<Unbound> {
        let names = Names::new(&HttpOptions::default())?;
        Ok(Unbound {
            site: Site::new(gateway, names, None),
            connections: Arc::new(Connections::new(1, 1)),
        })
    }

    /// Serves a connection until it ends.
    pub async fn speak(&self, stream: impl AsyncRead + AsyncWrite + Unpin, peer: SocketAddr) {
        if let Some(connection) = self.connections.admit(peer.ip()) {
            speak(stream, peer, &self.site, &connection).await;
        }
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    site: Arc<Site>,
    connections: Arc<Connections>,
) {
    let mut complaint = Complaint::default();
    loop {
        let what = "HTTP: cannot accept connections";
        let (stream, peer) = connections.accept(&listener, &mut complaint, what).await;
        match connections.admit(peer.ip()) {
            Some(connection) => {
                tokio::spawn(serve(
                    stream,
                    peer,
                    tls.clone(),
                    Arc::clone(&site),
                    connection,
                ));
            }
            // Does not wait for a client that does not read.
            None if tls.is_none() => {
                let _ = stream.try_write(NO_ROOM);
            }
            None => {}
        }
    }
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    site: Arc<Site>,
    connection: Connection,
) {
    // Each response is written in one piece.
    let _ = stream.set_nodelay(true);
    let connection = &connection;
    let work = async {
        if site.takes_media() && in_time(is_media(&stream)).await? {
            site.gateway
                .called(stream.into_std().ok()?, None, peer, Vec::new());
            return None;
        }
        match tls {
            None => speak(stream, peer, &site, connection).await,
            Some(tls) => match tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
                Ok(Ok(mut stream)) => {
                    if site.takes_media() && in_time(is_media_inside(&mut stream)).await? {
                        pass_on(stream, peer, &site);
                        return None;
                    }
                    speak(stream, peer, &site, connection).await;
                }
                Ok(Err(error)) => log::debug!("HTTPS: {peer}: {error}"),
                Err(_) => log::debug!("HTTPS: {peer}: the TLS handshake timed out"),
            },
        }
        Some(())
    };
    tokio::select! {
        _ = work => {}
        () = connection.closed() => {}
    }
}

/// `None` if it takes longer than the head of a request may.
async fn in_time<T>(work: impl Future<Output = std::io::Result<T>>) -> Option<T> {
    let done = tokio::time::timeout(HEAD_TIMEOUT, work).await;
    done.ok()?.ok()
}

/// Whether a connection is for media. Nothing is taken from it.
async fn is_media(stream: &TcpStream) -> std::io::Result<bool> {
    let mut first = [u8::MAX];
    stream.peek(&mut first).await?;
    Ok(first[0] <= MAX_MEDIA)
}

/// The same of one that is encrypted.
async fn is_media_inside(stream: &mut TlsStream<TcpStream>) -> std::io::Result<bool> {
    let read = stream.fill_buf().await?;
    Ok(read.first().is_some_and(|&first| first <= MAX_MEDIA))
}

/// Hands over an encrypted connection with all that has been decrypted of it.
fn pass_on(stream: TlsStream<TcpStream>, peer: SocketAddr, site: &Site) {
    let (stream, mut tls) = stream.into_inner();
    let mut read = Vec::new();
    // It says at the end that no more is there.
    let _ = tls.reader().read_to_end(&mut read);
    if let Ok(socket) = stream.into_std() {
        site.gateway.called(socket, Some(tls), peer, read);
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: SocketAddr,
    site: &Site,
    connection: &Connection,
) {
    let service = service_fn(async |request| {
        Ok::<_, std::convert::Infallible>(site.answer(request, peer, connection).await)
    });
    let result = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(MAX_HEAD)
        .max_headers(MAX_FIELDS)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = result {
        log::debug!("HTTP: {peer}: {error}");
    }
}
