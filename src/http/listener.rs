//! Accepts connections and serves HTTP on them, by hyper.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle as Runtime;
use tokio_rustls::TlsAcceptor;

use super::names::Names;
use super::routes::Site;
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
/// The response to a connection above the limit.
const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// Binds a listener and serves it on `runtime` until that ends. Returns its address.
pub fn listen(gateway: Handle, mut options: HttpOptions, runtime: &Runtime) -> Result<SocketAddr> {
    let passed = options.listener.take();
    if let Some(address) = passed.as_ref().and_then(|socket| socket.local_addr().ok()) {
        options.address = address;
    }
    let tls = options.tls.as_ref().map(tls::acceptor).transpose()?;
    let names = Names::new(&options)?;
    let cannot = |error| {
        Error::new(
            Status::Io,
            format!("cannot listen on {}: {error}", options.address),
        )
    };
    let socket = match passed {
        Some(passed) => tcp::adopt(passed.try_clone().map_err(cannot)?, "fd")?,
        None => StdListener::bind(options.address).map_err(cannot)?,
    };
    socket.set_nonblocking(true).map_err(cannot)?;
    let address = socket.local_addr().map_err(cannot)?;
    let listener = {
        let _context = runtime.enter();
        TcpListener::from_std(socket).map_err(cannot)?
    };
    let site = Arc::new(Site::new(gateway, names));
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
            site: Site::new(gateway, names),
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
        match tls {
            None => speak(stream, peer, &site, connection).await,
            Some(tls) => match tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
                Ok(Ok(stream)) => speak(stream, peer, &site, connection).await,
                Ok(Err(error)) => log::debug!("HTTPS: {peer}: {error}"),
                Err(_) => log::debug!("HTTPS: {peer}: the TLS handshake timed out"),
            },
        }
    };
    tokio::select! {
        () = work => {}
        () = connection.closed() => {}
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
