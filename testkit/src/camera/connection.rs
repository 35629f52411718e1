//! One RTSP connection: messages in and out, and media in between.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rtsp_types::{Message, Method, ParseError, Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::faults::{Camera, Fault};
use super::session::{Session, public, respond};

/// A longer request is rejected.
const MAX_REQUEST: usize = 64 * 1024;

struct Connection {
    socket: TcpStream,
    received: Vec<u8>,
}

/// Serves a connection to its end. Its camera is the one that the first request names.
pub(super) async fn serve(socket: TcpStream, cameras: Arc<[Arc<Camera>]>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut connection = Connection {
        socket,
        received: Vec::new(),
    };
    let (first, camera) = loop {
        let Some(request) = connection.next_request().await? else {
            return Ok(());
        };
        if let Some(camera) = find(&cameras, &request) {
            break (request, camera);
        }
        let response = match (request.method(), request.request_uri()) {
            (Method::Options, None) => respond(&request, StatusCode::Ok).typed_header(&public()),
            _ => respond(&request, StatusCode::NotFound),
        };
        connection.send(response.build(Vec::new())).await?;
    };
    camera.counters.connections.fetch_add(1, Ordering::Relaxed);

    let mut health = camera.health.subscribe();
    let now = *health.borrow();
    if now.fault == Fault::Refuse {
        let refusal = respond(&first, StatusCode::ServiceUnavailable);
        return connection.send(refusal.build(Vec::new())).await;
    }
    tokio::select! {
        result = connection.play(first, camera.clone()) => result,
        _ = health.wait_for(|health| health.cuts != now.cuts) => Ok(()),
    }
}

/// The camera whose path the request's URL has, or begins with.
fn find(cameras: &[Arc<Camera>], request: &Request<Vec<u8>>) -> Option<Arc<Camera>> {
    let first = request.request_uri()?.path_segments()?.next()?;
    let camera = cameras.iter().find(|camera| camera.config.name == first)?;
    Some(camera.clone())
}

impl Connection {
    async fn play(&mut self, first: Request<Vec<u8>>, camera: Arc<Camera>) -> io::Result<()> {
        let local = self.socket.local_addr()?.ip();
        let peer = self.socket.peer_addr()?.ip();
        let mut session = Session::new(camera, local, peer);
        let mut request = Some(first);
        loop {
            if let Some(request) = request.take() {
                let response = session.answer(&request).await;
                self.send(response).await?;
            }
            tokio::select! {
                next = self.next_request() => match next? {
                    None => return Ok(()),
                    next => request = next,
                },
                () = session.playback.due() => {
                    session.playback.send_due(&mut self.socket).await?;
                }
            }
        }
    }

    /// The next request, or `None` when the client has closed the connection. Responses and interleaved data of the
    /// client (receiver reports) are skipped. Cancel-safe.
    async fn next_request(&mut self) -> io::Result<Option<Request<Vec<u8>>>> {
        loop {
            match Message::<Vec<u8>>::parse(&self.received) {
                Ok((message, len)) => {
                    self.received.drain(..len);
                    if let Message::Request(request) = message {
                        return Ok(Some(request));
                    }
                }
                Err(ParseError::Incomplete(_)) if self.received.len() < MAX_REQUEST => {
                    self.received.reserve(4096);
                    if self.socket.read_buf(&mut self.received).await? == 0 {
                        return Ok(None);
                    }
                }
                Err(_) => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
    }

    async fn send(&mut self, response: Response<Vec<u8>>) -> io::Result<()> {
        let mut bytes = Vec::new();
        response.write(&mut bytes).map_err(io::Error::other)?;
        self.socket.write_all(&bytes).await
    }
}
