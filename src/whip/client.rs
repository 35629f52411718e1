//! The requests of a WHIP client (RFC 9725 section 4), by hyper: one connection each, and everything that comes back is bounded.

use std::io;
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION, RETRY_AFTER, USER_AGENT,
};
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use url::{Position, Url};

use super::Target;
use super::refusal::{Refusal, Sent};
use crate::error::{Error, Status};
use crate::source::{Endpoint, NotTrusted, Reach, open};

/// How long one exchange with the server may take, with everything that belongs to it: some gather candidates for seconds
/// before they answer. Less than a session waits for its answer.
const EXCHANGE: Duration = Duration::from_secs(15);
/// Longest answer in bytes: as of an offer of a viewer.
const MAX_BODY: usize = 128 << 10;
/// What hyper may read for the head of a response.
const MAX_HEAD: usize = 32 << 10;
const MAX_HEADERS: usize = 64;
/// A POST is sent on to this many other places.
const MAX_REDIRECTS: u32 = 3;
const SDP: &str = "application/sdp";

/// The session at the server, and how near that is.
#[derive(Debug)]
pub struct Resource(Url, Reach);

/// Ends the task of a connection with what it is for, whatever the server does.
struct Open(AbortHandle);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a request led to.
struct Answered {
    response: Response<Incoming>,
    /// How near the server is.
    reach: Reach,
    _connection: Open,
}

/// Sends an offer. Returns the answer, and how to end what it has begun.
pub async fn post(target: &Target, offer: &str) -> Result<(Vec<u8>, Option<Resource>), Refusal> {
    let exchanged = timeout(EXCHANGE, exchange(target, offer)).await;
    exchanged.unwrap_or_else(|_| {
        let (server, seconds) = (target.server(), EXCHANGE.as_secs());
        let why = format!("the ingest {server} did not answer the offer within {seconds} s");
        Err(Error::new(Status::Timeout, why).into())
    })
}

/// Ends a session at the server. It ends by itself sooner or later if this fails.
pub async fn delete(target: &Target, resource: Resource) {
    // It may not name what only we can reach.
    let Resource(url, nearest) = resource;
    let request = send(target, &url, nearest, Method::DELETE, None);
    let done = timeout(EXCHANGE, request).await;
    // What is not there any more has ended by itself.
    let told = matches!(done, Ok(Ok(answered)) if matches!(
        answered.response.status().as_u16(), 200..=299 | 404 | 410
    ));
    if !told {
        log::debug!(
            "the ingest {} was not told of the end of a session",
            target.server()
        );
    }
}

async fn exchange(target: &Target, offer: &str) -> Result<(Vec<u8>, Option<Resource>), Refusal> {
    let mut url = target.url().clone();
    let mut nearest = Reach::Machine;
    for _ in 0..=MAX_REDIRECTS {
        let answered = send(target, &url, nearest, Method::POST, Some(offer)).await?;
        let (head, body) = answered.response.into_parts();
        let reach = answered.reach;
        let status = head.status.as_u16();
        match status {
            200 | 201 => {
                let answer = Limited::new(body, MAX_BODY).collect().await;
                let answer = answer
                    .map_err(|_| broken(target, "it is cut off, or has more than 128 KiB"))?;
                let resource = located(&url, &head.headers);
                let resource = resource.map(|url| Resource(url, reach));
                return Ok((answer.to_bytes().to_vec(), resource));
            }
            307 | 308 => {
                // It may not lead to what only we can reach.
                nearest = nearest.max(reach);
                url = located(&url, &head.headers)
                    .ok_or_else(|| Refusal::of(status, target.server(), Sent::No))?;
            }
            _ => {
                let credentials = target.credentials(&url);
                let after = head.headers.get(RETRY_AFTER);
                let after = after.and_then(|value| value.to_str().ok());
                let refusal = Refusal::of(status, target.server(), credentials);
                return Err(refusal.retry_after(after, SystemTime::now()));
            }
        }
    }
    Err(Refusal::of(308, target.server(), Sent::No))
}

/// The URL in `Location`, relative to that of the request.
fn located(base: &Url, headers: &HeaderMap) -> Option<Url> {
    let location = headers.get(LOCATION)?.to_str().ok()?;
    let url = base.join(location).ok()?;
    // What was encrypted stays so.
    let safe = matches!(
        (base.scheme(), url.scheme()),
        (_, "https") | ("http", "http")
    );
    (safe && url.port() != Some(0)).then_some(url)
}

/// Sends a request, to no address that is nearer than this.
async fn send(
    target: &Target,
    url: &Url,
    nearest: Reach,
    method: Method,
    body: Option<&str>,
) -> Result<Answered, Refusal> {
    let tls = url.scheme() == "https";
    let endpoint = Endpoint {
        host: url.host_str().unwrap_or_default().to_owned(),
        port: url.port_or_known_default().unwrap_or_default(),
        tls,
        tunnel: None,
    };
    let stream = open(&endpoint, target.trust(), nearest).await;
    let stream = stream.map_err(|error| unreachable(target, &error))?;
    let peer = stream.tcp().peer_addr();
    let reach = peer.map_or(Reach::Network, |peer| Reach::of(peer.ip()));
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(target, &error.to_string()))?;
    let connection = Open(tokio::task::spawn_local(connection).abort_handle());
    let host = &url[Position::BeforeHost..Position::AfterPort];
    let mut request = Request::builder()
        .method(method)
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, host)
        .header(
            USER_AGENT,
            concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")),
        );
    if let Some(authorization) = target.authorization(url) {
        request = request.header(AUTHORIZATION, authorization);
    }
    let body = body.unwrap_or_default().to_owned();
    if !body.is_empty() {
        request = request
            .header(CONTENT_TYPE, SDP)
            .header(ACCEPT, SDP)
            .header(CONTENT_LENGTH, body.len());
    }
    let request = request.body(Full::new(Bytes::from(body)));
    let request = request.map_err(|_| broken(target, "it cannot be asked by HTTP"))?;
    let response = sender.send_request(request).await;
    let response = response.map_err(|error| broken(target, &error.to_string()))?;
    Ok(Answered {
        response,
        reach,
        _connection: connection,
    })
}

fn unreachable(target: &Target, error: &io::Error) -> Refusal {
    let server = target.server();
    let untrusted = error
        .get_ref()
        .is_some_and(|inner| inner.is::<NotTrusted>());
    match untrusted {
        true => Refusal {
            error: Error::new(
                Status::Ingest,
                format!(
                    "the certificate of the ingest {server} is not trusted: set tls_ca or tls_fingerprint; {error}"
                ),
            ),
            is_final: true,
            not_before: None,
        },
        false => {
            let why = format!("the ingest {server} cannot be reached: {error}");
            Error::new(Status::Ingest, why).into()
        }
    }
}

fn broken(target: &Target, why: &str) -> Refusal {
    let why = format!(
        "the ingest {} gave no answer that can be used: {why}",
        target.server()
    );
    Error::new(Status::Ingest, why).into()
}
