//! What each path serves.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited, StreamBody};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Request, Response, StatusCode};

use super::monitor::{Cached, Snapshot};
use super::names::{Names, is_addressed};
use super::pages::{self, Page};
use crate::error::Result;
use crate::events::Operation;
use crate::gateway::authority::Claim;
use crate::gateway::viewer_events::EventStream;
use crate::gateway::{Handle, is_name};
use crate::limit::{Connection, Limit};
use crate::sdp::offer::{MAX_OFFER, MAX_WALL_OFFER};
use crate::whep::events::EVENT_STREAM;
use crate::whep::http::{Action, Call, Server, Step, bearer, is_target, problem, read, too_large};
use crate::whep::{HttpRequest, HttpResponse};

/// Time for the body of a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the body of a request that is refused.
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// Offers of walls that are read at a time, each of up to 1 MiB.
const MAX_WALL_BODIES: usize = 64;

const PAGE_METHODS: &str = "OPTIONS, GET, HEAD";

/// Content Security Policy of the pages: nothing from other origins, no inline scripts, and no framing
/// by other sites.
const PAGE_POLICY: &str = "default-src 'self'; img-src 'self' data:; frame-ancestors 'self'; \
                           base-uri 'none'; form-action 'none'";

/// What TURN is carried by.
#[derive(Clone, Copy)]
pub enum Relay {
    Tcp,
    Tls,
}

impl Relay {
    /// The URL (RFC 7065) for who has reached the listener under this name, with its port.
    fn url(self, host: &str) -> String {
        let (scheme, port) = match self {
            Relay::Tcp => ("turn", 80),
            Relay::Tls => ("turns", 443),
        };
        let named = host.rsplit_once(':');
        let has_port = named.is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        match has_port {
            true => format!("{scheme}:{host}?transport=tcp"),
            false => format!("{scheme}:{host}:{port}?transport=tcp"),
        }
    }
}
/// The body of a response: whole, or what a viewer hears as long as it listens.
type Content = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Infallible>>;

/// The resources of a listener.
pub struct Site {
    pub(super) gateway: Handle,
    names: Names,
    /// How viewers reach the relay of the gateway by this listener.
    relay: Option<Relay>,
    snapshot: Cached<Snapshot>,
    metrics: Cached<Bytes>,
    /// Bodies of offers of walls that are being read.
    walls: Limit,
}

impl Site {
    /// The resources of a listener for this gateway, which answers to these names. `relay`: it takes media, too.
    pub fn new(gateway: Handle, names: Names, relay: Option<Relay>) -> Self {
        Site {
            gateway,
            names,
            relay,
            snapshot: Cached::new(),
            metrics: Cached::new(),
            walls: Limit::new(MAX_WALL_BODIES, "offers of walls"),
        }
    }

    /// Whether connections may be for media.
    pub fn takes_media(&self) -> bool {
        self.relay.is_some()
    }

    /// Responds to a request.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        connection: &Connection,
    ) -> Response<Content> {
        let (head, body) = request.into_parts();
        let mut response = if !is_addressed(&head) {
            discard(body);
            respond(problem::response(
                400,
                "the request must have one header Host: HTTP/1.1 requires it",
            ))
        } else if !self.names.include(&head) {
            discard(body);
            respond(problem::response(
                421,
                "this server does not answer to this name: its operator adds it to host_names",
            ))
        } else if is_target(head.uri.path()) {
            self.whep(&head, body, peer, connection).await
        } else {
            let _busy = connection.busy();
            self.resource(&head, peer).await
        };
        response.headers_mut().insert(
            "X-Content-Type-Options",
            HeaderValue::from_static("nosniff"),
        );
        response
    }

    /// What can be refused is refused before the body: whoever may not have what the head asks for
    /// holds nothing by sending it slowly.
    async fn whep(
        &self,
        head: &Parts,
        body: Incoming,
        peer: SocketAddr,
        connection: &Connection,
    ) -> Response<Content> {
        let judged = {
            let _busy = connection.busy();
            self.judge(head, peer).await
        };
        let mut call = match judged {
            Ok(call) => call,
            Err(refusal) => {
                discard(body);
                return respond(refusal);
            }
        };
        if let Some(most) = call.max_body() {
            // Those of walls are large.
            let permit = match most {
                ..=MAX_OFFER => None,
                _ => match self.walls.permit() {
                    Ok(permit) => Some(permit),
                    Err(error) => {
                        discard(body);
                        return respond(call.response(Err(error)));
                    }
                },
            };
            let read = read_body(body, most).await;
            drop(permit);
            match read {
                Ok(body) => call.set_body(body.into()),
                // The rest of the body may still be in transit.
                Err(refusal) => {
                    return respond(call.finish(refusal).with("Connection", "close"));
                }
            }
        }
        if let Action::HearEvents { key } = &call.action {
            return match self.gateway.listen(key) {
                Ok(events) => hear(&call, events),
                Err(error) => respond(call.response(Err(error))),
            };
        }
        let _busy = connection.busy();
        respond(self.gateway.carry_out(call).await)
    }

    /// The call that a request is, if its head allows that; its body follows.
    async fn judge(
        &self,
        head: &Parts,
        peer: SocketAddr,
    ) -> std::result::Result<Call, HttpResponse> {
        let peer = peer.to_string();
        let headers = texts(&head.headers);
        let path_and_query = head.uri.path_and_query();
        let request = HttpRequest {
            method: head.method.as_str(),
            path: path_and_query.map_or(head.uri.path(), |all| all.as_str()),
            headers: &headers,
            peer: Some(&peer),
            ..HttpRequest::default()
        };
        let step = read(&request, self.gateway.origins(), Server::Listener);
        let mut call = match step {
            Step::Respond(response) => return Err(response),
            Step::Call(call) => call,
        };
        if let (Some(relay), Some(host)) = (self.relay, request.header("Host")) {
            call.set_turn_url(relay.url(host));
        }
        self.gateway.admit(&mut call).await?;
        Ok(call)
    }

    async fn resource(&self, head: &Parts, peer: SocketAddr) -> Response<Content> {
        let Some(resource) = Resource::find(head.uri.path()) else {
            return respond(problem::response(404, "there is no resource here"));
        };
        // What is here is for pages from here: the headers of CORS are WHEP's.
        let request = HttpRequest {
            headers: &texts(&head.headers),
            ..HttpRequest::default()
        };
        if let Err(refusal) = self.gateway.origins().judge(&request) {
            return respond(refusal);
        }
        match head.method.as_str() {
            "GET" | "HEAD" => {}
            "OPTIONS" => return respond(HttpResponse::new(200).with("Allow", PAGE_METHODS)),
            _ => {
                let detail = format!("this resource supports {PAGE_METHODS}");
                return respond(problem::response(405, &detail).with("Allow", PAGE_METHODS));
            }
        }
        match resource {
            Resource::Page(page) => self::page(page, head),
            Resource::Figures(figures) => self.figures(figures, head, peer).await,
            Resource::Health => self.health().await,
        }
    }

    /// Whether all workers answer, and no more than that: so it takes no token.
    async fn health(&self) -> Response<Content> {
        match self.read(Figures::Metrics).await {
            Ok(_) => respond(HttpResponse::new(204).with("Cache-Control", "no-store")),
            Err(error) => respond(HttpResponse::from(&error)),
        }
    }

    async fn figures(&self, figures: Figures, head: &Parts, peer: SocketAddr) -> Response<Content> {
        let authorization = head.headers.get("Authorization");
        let token = bearer(authorization.and_then(|value| value.to_str().ok()));
        let peer = peer.to_string();
        let claim = Claim {
            operation: Operation::Monitor,
            stream: None,
            token: token.as_deref(),
            peer: Some(&peer),
        };
        let allowed = self.gateway.authority().allows(claim).await;
        let figures = match allowed {
            Ok(true) => self.read(figures).await,
            Ok(false) => return respond(problem::refused(token.is_some())),
            Err(error) => Err(error),
        };
        match figures {
            Ok((content_type, body)) => {
                let answer = HttpResponse::new(200)
                    .with("Content-Type", content_type)
                    .with("Cache-Control", "no-store");
                with_body(answer, body)
            }
            Err(error) => respond(HttpResponse::from(&error)),
        }
    }

    /// Figures that all who ask within a moment share, so that those who never read cost nothing.
    async fn read(&self, figures: Figures) -> Result<(&'static str, Bytes)> {
        let gateway = self.gateway.clone();
        if let Figures::Metrics = figures {
            let make = move || gateway.metrics().map(Bytes::from);
            let text = self.metrics.get(make).await?;
            return Ok(("text/plain; version=0.0.4", Bytes::clone(&text)));
        }
        let make = move || Snapshot::cut(gateway.state_json()?);
        let snapshot = self.snapshot.get(make).await?;
        let part = match figures {
            Figures::Streams => &snapshot.streams,
            Figures::Sessions => &snapshot.sessions,
            Figures::Gateway | Figures::Metrics => &snapshot.all,
        };
        Ok(("application/json", part.clone()))
    }
}

enum Resource {
    Page(&'static Page),
    Figures(Figures),
    Health,
}

#[derive(Clone, Copy)]
enum Figures {
    Gateway,
    Streams,
    Sessions,
    Metrics,
}

impl Resource {
    /// Every stream name has a page, whether there is such a stream or not: without a token, the names
    /// must not leak.
    fn find(path: &str) -> Option<Resource> {
        Some(match path {
            "/" => Resource::Page(&pages::CAMERAS),
            "/dashboard" => Resource::Page(&pages::DASHBOARD),
            "/metrics" => Resource::Figures(Figures::Metrics),
            "/api/health" => Resource::Health,
            "/api/gateway" => Resource::Figures(Figures::Gateway),
            "/api/streams" => Resource::Figures(Figures::Streams),
            "/api/sessions" => Resource::Figures(Figures::Sessions),
            path => match pages::find(path) {
                Some(page) => Resource::Page(page),
                None if is_name(path.strip_prefix('/')?) => Resource::Page(&pages::PLAYER),
                None => return None,
            },
        })
    }
}

fn page(page: &'static Page, head: &Parts) -> Response<Content> {
    let hash = digest(&SHA256, page.body);
    let start = hash.as_ref().iter().take(8);
    let etag: String = start.map(|byte| format!("{byte:02x}")).collect();
    let etag = format!("\"{etag}\"");
    let known = head.headers.get("If-None-Match");
    let unchanged = known.is_some_and(|tags| {
        let mut tags = tags.to_str().unwrap_or_default().split(',');
        tags.any(|tag| tag.trim().trim_start_matches("W/") == etag)
    });
    let (status, body) = match unchanged {
        true => (304, Bytes::new()),
        false => (200, Bytes::from_static(page.body)),
    };
    let answer = HttpResponse::new(status)
        .with("Content-Type", page.content_type)
        .with("ETag", etag)
        .with("Cache-Control", "no-cache")
        .with("Content-Security-Policy", PAGE_POLICY)
        .with("Referrer-Policy", "no-referrer");
    with_body(answer, body)
}

/// The response that lasts as long as its viewer listens, over a connection that counts as idle: it makes
/// room for others.
fn hear(call: &Call, events: EventStream) -> Response<Content> {
    let head = HttpResponse::new(200)
        .with("Content-Type", EVENT_STREAM)
        .with("Cache-Control", "no-store")
        // Or nginx would hold the events back.
        .with("X-Accel-Buffering", "no");
    let mut response = respond(call.finish(head));
    let frames = stream::unfold(events, |mut events: EventStream| async move {
        let text = events.next().await?;
        Some((Ok(Frame::data(Bytes::from_static(text.as_bytes()))), events))
    });
    *response.body_mut() = Either::Right(UnsyncBoxBody::new(StreamBody::new(frames)));
    response
}

/// Takes a body that nobody wants for a while: to close with bytes unread would reset the connection
/// before its sender has read the response.
fn discard(body: Incoming) {
    if !body.is_end_stream() {
        tokio::spawn(tokio::time::timeout(
            DISCARD_TIME,
            Limited::new(body, MAX_WALL_OFFER).collect(),
        ));
    }
}

async fn read_body(body: Incoming, most: usize) -> std::result::Result<Bytes, HttpResponse> {
    if body.size_hint().lower() > most as u64 {
        return Err(HttpResponse::from(&too_large(most)));
    }
    let body = Limited::new(body, most).collect();
    match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(HttpResponse::from(&too_large(most)))
        }
        Ok(Err(_)) => Err(problem::response(400, "the body is incomplete")),
        Err(_) => Err(problem::response(408, "the body did not arrive in time")),
    }
}

/// The header fields with ASCII values; the others are not used.
fn texts(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let fields = headers.iter();
    fields
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect()
}

fn respond(mut answer: HttpResponse) -> Response<Content> {
    let body = std::mem::take(&mut answer.body);
    with_body(answer, Bytes::from(body))
}

fn with_body(answer: HttpResponse, body: Bytes) -> Response<Content> {
    let mut response = Response::new(Either::Left(Full::new(body)));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        // A value that is no valid header value is left out, so that it cannot add headers of its own.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::RESERVED_NAMES;

    #[test]
    fn the_relay_is_where_the_viewer_has_found_the_listener() {
        for (relay, host, url) in [
            (
                Relay::Tls,
                "nvr.example",
                "turns:nvr.example:443?transport=tcp",
            ),
            (
                Relay::Tls,
                "nvr.example:8443",
                "turns:nvr.example:8443?transport=tcp",
            ),
            (
                Relay::Tls,
                "[2001:db8::1]",
                "turns:[2001:db8::1]:443?transport=tcp",
            ),
            (Relay::Tls, "[::1]:8443", "turns:[::1]:8443?transport=tcp"),
            (Relay::Tcp, "192.0.2.1", "turn:192.0.2.1:80?transport=tcp"),
            (
                Relay::Tcp,
                "192.0.2.1:8889",
                "turn:192.0.2.1:8889?transport=tcp",
            ),
        ] {
            assert_eq!(relay.url(host), url);
        }
    }

    #[test]
    fn no_stream_can_have_the_name_of_another_resource() {
        for name in RESERVED_NAMES {
            let resource = Resource::find(&format!("/{name}"));
            let is_player = matches!(resource, Some(Resource::Page(page)) if std::ptr::eq(page, &pages::PLAYER));
            assert!(!is_player, "{name}");
        }
        for path in [
            "/dashboard",
            "/metrics",
            "/api/gateway",
            "/api/streams",
            "/api/sessions",
            "/player.js",
            "/wall.js",
            "/assets/cameras.js",
        ] {
            assert!(Resource::find(path).is_some(), "{path}");
            let first = path.split('/').nth(1).unwrap();
            assert!(RESERVED_NAMES.contains(&first), "{path}");
        }
    }
}
