//! One RTSP connection: messages in and out, and media in between.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rtsp_types::{Message, Method, ParseError, Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::faults::{Camera, Fault};
use super::script::Exchange;
use super::session::{Session, public, respond};

/// A longer request is rejected.
const MAX_REQUEST: usize = 64 * 1024;

struct Connection {
    socket: TcpStream,
    received: Vec<u8>,
    /// The latest request up to its empty line, as it came.
    request: String,
}

/// Serves a connection to its end. Its camera is the one that the first request names.
pub(super) async fn serve(socket: TcpStream, cameras: Arc<[Arc<Camera>]>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut connection = Connection {
        socket,
        received: Vec::new(),
        request: String::new(),
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
    let before = camera.counters.connections.fetch_add(1, Ordering::Relaxed);

    let mut health = camera.health.subscribe();
    let now = *health.borrow();
    if now.fault == Fault::Refuse {
        let refusal = respond(&first, StatusCode::ServiceUnavailable);
        return connection.send(refusal.build(Vec::new())).await;
    }
    tokio::select! {
        result = connection.play(first, camera.clone(), before + 1) => result,
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
    async fn play(
        &mut self,
        first: Request<Vec<u8>>,
        camera: Arc<Camera>,
        number: u64,
    ) -> io::Result<()> {
        let local = self.socket.local_addr()?.ip();
        let peer = self.socket.peer_addr()?.ip();
        let mut session = Session::new(camera.clone(), number, local, peer);
        let mut request = Some(first);
        loop {
            if let Some(request) = request.take() {
                let response = session.answer(&request).await;
                let mut exchange = self.exchange(&request, &response, number)?;
                camera.config.script.answer(&mut exchange);
                self.socket.write_all(exchange.head.as_bytes()).await?;
                self.socket.write_all(&exchange.body).await?;
                if exchange.hang_up {
                    return Ok(());
                }
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
                    let bytes: Vec<u8> = self.received.drain(..len).collect();
                    if let Message::Request(request) = message {
                        let head = &bytes[..len - request.body().len()];
                        self.request = String::from_utf8_lossy(head).into_owned();
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

    /// A request and the response to it, as text.
    fn exchange(
        &self,
        request: &Request<Vec<u8>>,
        response: &Response<Vec<u8>>,
        connection: u64,
    ) -> io::Result<Exchange> {
        let mut head = Vec::new();
        response.write(&mut head).map_err(io::Error::other)?;
        let body = head.split_off(head.len() - response.body().len());
        Ok(Exchange {
            connection,
            method: <&str>::from(request.method()).to_owned(),
            request: self.request.clone(),
            head: String::from_utf8_lossy(&head).into_owned(),
            body,
            hang_up: false,
        })
    }

    async fn send(&mut self, response: Response<Vec<u8>>) -> io::Result<()> {
        let mut bytes = Vec::new();
        response.write(&mut bytes).map_err(io::Error::other)?;
        self.socket.write_all(&bytes).await
    }
}
