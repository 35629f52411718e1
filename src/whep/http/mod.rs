//! WHEP as HTTP: a request becomes a response, or a call whose result becomes the response.
//!
//! Follows draft-ietf-wish-whep. Each stream has an endpoint, and each session has a resource below
//! it: `{stream}/whep` and `{stream}/whep/{key}`, or URLs of the host's own ([`HttpTarget`]). Walls have
//! theirs at `wall` and `wall/{key}`.
//! Nothing here waits; the gateway does, between [`read`] and [`Call::response`].

mod limits;
mod origins;
mod path;
mod prefer;
pub(crate) mod problem;
mod slots;
mod token;

use std::collections::HashMap;
use std::time::Duration;

pub(crate) use limits::AskedLimits;
pub(crate) use origins::{Origins, Sharing};
pub(crate) use path::check_location_prefix;
pub(crate) use problem::refusal;
pub(crate) use slots::{AskedSlots, refused_slots};
pub(crate) use token::{bearer, is_token};

use path::{FORWARDED_PREFIX, Part, Target, behind};

use super::Response;
use super::events;
use crate::config::{DEFAULT_OFFER_TIMEOUT, IceServer};
use crate::error::{Error, Result, Status};
use crate::events::Operation;
use crate::sdp::offer::{MAX_OFFER, MAX_WALL_OFFER};
use crate::state::SessionId;
use crate::wall::{MAX_MESSAGE, Refusal};

pub(super) const SDP: &str = "application/sdp";
const JSON: &str = "application/json";
pub(super) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
/// What a wall takes by PATCH.
pub(super) const WALL_PATCHES: &str = "application/trickle-ice-sdpfrag, application/json";

const ENDPOINT_METHODS: &str = "OPTIONS, GET, HEAD, POST";
const SESSION_METHODS: &str = "OPTIONS, GET, HEAD, PATCH, DELETE";
const EVENTS_METHODS: &str = "OPTIONS, POST";
const EVENT_STREAM_METHODS: &str = "OPTIONS, GET, DELETE";

/// An HTTP request as the host's web server received it.
///
/// Not `Debug`: its headers hold a token.
#[derive(Clone, Copy, Default)]
pub struct HttpRequest<'a> {
    /// Method, in upper case as HTTP has it.
    pub method: &'a str,
    /// Path of the URL as the viewer sent it: percent-encoded, with any prefix that WHEP is mounted
    /// under. Of a POST, the query may have the viewer's limits: `max_bitrate=500000` in bits per
    /// second, and `variant=NAME` (this variant or a lesser one) or `variant=only:NAME`. Of a POST to a
    /// wall, it may have what the slots show at first: `slots=door,yard,,gate` for the video sections of the
    /// offer in order, and `sound=door` for the first audio section. Other parameters are ignored.
    pub path: &'a str,
    /// Names (in any case) and values of the header fields.
    pub headers: &'a [(&'a str, &'a str)],
    /// Body.
    pub body: &'a [u8],
    /// What the request addresses, for hosts whose URLs do not end in `{stream}/whep` or `wall`. `None`: what
    /// `path` names.
    pub target: Option<HttpTarget<'a>>,
    /// The host has authorized this request: neither `bearer_tokens` nor
    /// [`Events::authorize`](crate::events::Events::authorize) are asked.
    pub authorized: bool,
    /// Of a POST: see [`WhepOffer::location_prefix`](crate::config::WhepOffer::location_prefix).
    /// `None`: `path` and a slash.
    pub location_prefix: Option<&'a str>,
    /// Of a POST: see [`WhepOffer::timeout`](crate::config::WhepOffer::timeout). The header
    /// `Prefer: wait=<seconds>` (RFC 7240 section 4.3) shortens it.
    pub timeout: Option<Duration>,
    /// See [`WhepOffer::peer`](crate::config::WhepOffer::peer). Also passed to
    /// [`Events::authorize`](crate::events::Events::authorize).
    pub peer: Option<&'a str>,
    /// Of a POST: see [`WhepOffer::ice_servers`](crate::config::WhepOffer::ice_servers).
    pub ice_servers: Option<&'a [IceServer]>,
    /// Of a POST: see [`WhepOffer::label`](crate::config::WhepOffer::label).
    pub label: Option<&'a str>,
    /// Of a POST: see [`WhepOffer::user_data`](crate::config::WhepOffer::user_data).
    pub user_data: usize,
}

/// What a request addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpTarget<'a> {
    /// A stream.
    Stream {
        /// Its name.
        name: &'a str,
        /// Key of a session of this stream. `None`: the stream's endpoint.
        session_key: Option<&'a str>,
    },
    /// A wall.
    Wall {
        /// Key of the session of a wall. `None`: the endpoint, where walls are created.
        session_key: Option<&'a str>,
    },
}

impl<'a> HttpRequest<'a> {
    /// The first header of this name, without surrounding whitespace.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.fields(name).next()
    }

    /// All headers of this name.
    fn fields(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self
            .headers
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.trim())
    }

    /// Whether the body has this media type, with any parameters (RFC 9110 section 8.3).
    fn has_type(&self, expected: &str) -> bool {
        self.header("Content-Type").is_some_and(|value| {
            let media_type = value.split(';').next().unwrap_or_default();
            media_type.trim().eq_ignore_ascii_case(expected)
        })
    }

    /// Whether JSON is asked for by name: a browser that asks for anything does not mean it.
    fn accepts_json(&self) -> bool {
        let mut ranges = self.fields("Accept").flat_map(|value| value.split(','));
        ranges.any(|range| {
            let media_type = range.split(';').next().unwrap_or_default();
            media_type.trim().eq_ignore_ascii_case(JSON)
        })
    }

    /// How long this offer may wait for its camera: what the host says, or less if the viewer
    /// prefers that.
    fn wait(&self) -> Option<Duration> {
        match prefer::wait(self.fields("Prefer")) {
            Some(preferred) => {
                let longest = self.timeout.unwrap_or(DEFAULT_OFFER_TIMEOUT);
                Some(preferred.min(longest))
            }
            None => self.timeout,
        }
    }
}

/// The response to an HTTP request, to be sent as it is. `Content-Length` and `Date` are left to the
/// web server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// Names and values of the header fields. A name may occur more than once (`Link`).
    pub headers: Vec<(&'static str, String)>,
    /// Body, UTF-8. Empty in the response to HEAD.
    pub body: String,
    /// The session that was created or changed.
    pub session: Option<SessionId>,
    /// Its unguessable name in URLs.
    pub session_key: Option<String>,
    /// Its entity tag, including the quotes.
    pub etag: Option<String>,
}

impl HttpResponse {
    pub(crate) fn new(status: u16) -> Self {
        HttpResponse {
            status,
            ..HttpResponse::default()
        }
    }

    /// The response to DELETE: 200 without a body.
    pub fn deleted() -> Self {
        HttpResponse::new(200)
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<Response> for HttpResponse {
    fn from(response: Response) -> Self {
        HttpResponse {
            status: response.status,
            headers: response.headers,
            body: response.body,
            session: Some(response.session),
            session_key: Some(response.session_key),
            etag: Some(response.etag),
        }
    }
}

/// What a request requires.
pub(crate) enum Step {
    /// Nothing: this is the response.
    Respond(HttpResponse),
    /// A call of the gateway, whose result [`Call::response`] turns into the response.
    Call(Call),
}

/// What the gateway is to do for a viewer.
pub(crate) struct Call {
    /// Name of the stream; `None` for walls.
    pub stream: Option<String>,
    /// The bearer token that was sent.
    pub token: Option<String>,
    /// Where the request comes from.
    pub peer: Option<String>,
    /// Whether the host has authorized it.
    pub authorized: bool,
    /// What to do.
    pub action: Action,
    /// Whether the response goes without its body.
    head: bool,
    /// Who may read the response.
    sharing: Sharing,
}

/// What to do.
pub(crate) enum Action {
    /// POST: create a session.
    Offer(Box<PostedOffer>),
    /// PATCH: take candidates, or restart ICE.
    Patch {
        key: String,
        if_match: Option<String>,
        fragment: Vec<u8>,
    },
    /// PATCH with an SDP: the viewer's answer to an offer of ours.
    Answer { key: String, sdp: Vec<u8> },
    /// PATCH of a wall with JSON: what its slots are to show.
    ChangeSlots { key: String, request: Vec<u8> },
    /// DELETE: end a session.
    Delete { key: String },
    /// GET or HEAD of an endpoint: is there such a stream?
    FindStream,
    /// GET or HEAD of a session: is there such a session?
    FindSession { key: String },
    /// The same with `Accept: application/json`: what is its viewer shown?
    DescribeSession { key: String },
    /// POST to the events of a session: its viewer wants to hear of those that the body names.
    AskForEvents {
        key: String,
        location: String,
        body: Vec<u8>,
    },
    /// GET of the stream of events.
    HearEvents { key: String },
    /// DELETE of the stream of events.
    EndEvents { key: String },
}

/// Whose web server sends the responses. That of the host takes them whole, so that it can send no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Host,
    Listener,
}

/// The offer of a POST, and what the host says about it.
pub(crate) struct PostedOffer {
    pub sdp: Vec<u8>,
    pub location_prefix: String,
    pub timeout: Option<Duration>,
    pub ice_servers: Option<Vec<IceServer>>,
    /// Where the viewer reaches the gateway's relay, if that is known.
    pub turn_url: Option<String>,
    pub label: Option<String>,
    pub user_data: usize,
    pub limits: AskedLimits,
    /// What the slots show at first, if it is the offer of a wall.
    pub slots: Option<AskedSlots>,
    /// Whether the viewer may ask for events.
    events: bool,
}

/// What an [`Action`] resulted in.
pub(crate) enum Outcome {
    /// A response to an offer or to a PATCH.
    Response(Response),
    /// The session was ended.
    Deleted,
    /// There is such a stream or session.
    Found,
    /// What the viewer of a session is shown, or what has become of its request, as JSON.
    Described(String),
    /// Why a message of the viewer's cannot be read, as JSON.
    Unreadable(u16, String),
    /// The stream of events is here.
    Created { location: String },
}

impl Call {
    /// The operation that must be allowed.
    pub fn operation(&self) -> Operation {
        match self.action {
            Action::Offer(_) | Action::FindStream => Operation::Watch,
            Action::Patch { .. }
            | Action::Answer { .. }
            | Action::ChangeSlots { .. }
            | Action::FindSession { .. }
            | Action::DescribeSession { .. }
            | Action::AskForEvents { .. }
            | Action::HearEvents { .. }
            | Action::EndEvents { .. } => Operation::Update,
            Action::Delete { .. } => Operation::End,
        }
    }

    /// The streams that the offer of a wall names, if it names any.
    pub fn named_slots(&self) -> Option<&AskedSlots> {
        let Action::Offer(posted) = &self.action else {
            return None;
        };
        let asked = posted.slots.as_ref();
        asked.filter(|asked| asked.names().next().is_some())
    }

    /// Some of these streams may not be shown; if none may, this is the response.
    pub fn refuse_slots(
        &mut self,
        refused: HashMap<String, Refusal>,
    ) -> std::result::Result<(), HttpResponse> {
        let is_refused = |asked: &AskedSlots| asked.names().all(|name| refused.contains_key(name));
        if self.named_slots().is_some_and(is_refused)
            && let Some(refusal) = refused.values().next()
        {
            return Err(self.finish(problem::refused_for(refusal)));
        }
        if let Action::Offer(posted) = &mut self.action
            && let Some(asked) = &mut posted.slots
        {
            asked.refused = refused;
        }
        Ok(())
    }

    /// The session that it addresses, if it is not to the endpoint.
    pub fn session_key(&self) -> Option<&str> {
        match &self.action {
            Action::Offer(_) | Action::FindStream => None,
            Action::Patch { key, .. }
            | Action::Answer { key, .. }
            | Action::ChangeSlots { key, .. }
            | Action::Delete { key }
            | Action::FindSession { key }
            | Action::DescribeSession { key }
            | Action::AskForEvents { key, .. }
            | Action::HearEvents { key }
            | Action::EndEvents { key } => Some(key),
        }
    }

    /// Maximum size of the body in bytes, if the request has one that is used.
    #[cfg(feature = "http")]
    pub fn max_body(&self) -> Option<usize> {
        match &self.action {
            Action::Offer(posted) => Some(most_of_an_offer(posted.slots.is_some())),
            Action::ChangeSlots { .. } => Some(MAX_MESSAGE),
            Action::Patch { .. } | Action::Answer { .. } | Action::AskForEvents { .. } => {
                Some(MAX_OFFER)
            }
            _ => None,
        }
    }

    /// Adds the body to a request whose head was read before.
    #[cfg(feature = "http")]
    pub fn set_body(&mut self, body: Vec<u8>) {
        match &mut self.action {
            Action::Offer(posted) => posted.sdp = body,
            Action::Patch { fragment, .. } => *fragment = body,
            Action::Answer { sdp, .. } => *sdp = body,
            Action::ChangeSlots { request, .. } => *request = body,
            Action::AskForEvents { body: wanted, .. } => *wanted = body,
            _ => {}
        }
    }

    /// Says where this viewer reaches the gateway's relay.
    #[cfg(feature = "http")]
    pub fn set_turn_url(&mut self, url: String) {
        if let Action::Offer(posted) = &mut self.action {
            posted.turn_url = Some(url);
        }
    }

    /// The response, once the call is done.
    pub fn response(&self, result: Result<Outcome>) -> HttpResponse {
        let response = match result {
            Ok(Outcome::Response(response)) => self.with_events(response.into()),
            Ok(Outcome::Deleted) => HttpResponse::deleted(),
            // They have no SDP to show (section 4.1), but a type that they accept.
            Ok(Outcome::Found) => HttpResponse::new(200).with("Content-Type", SDP),
            Ok(Outcome::Described(json)) => document(200, json),
            Ok(Outcome::Unreadable(status, json)) => document(status, json),
            Ok(Outcome::Created { location }) => HttpResponse::new(201).with("Location", location),
            Err(error) => HttpResponse::from(&error),
        };
        self.finish(response)
    }

    /// Says where the events of a new session are asked for.
    fn with_events(&self, response: HttpResponse) -> HttpResponse {
        match (&self.action, &response.session_key) {
            (Action::Offer(posted), Some(key)) if posted.events => {
                let url = format!("{}{key}{}", posted.location_prefix, Part::Events.suffix());
                let link = events::link(&url);
                response.with("Link", link)
            }
            _ => response,
        }
    }

    /// The response to a call that is not allowed.
    pub fn refused(&self) -> HttpResponse {
        self.finish(problem::refused(self.token.is_some()))
    }

    /// What every response to this call has in common.
    pub fn finish(&self, response: HttpResponse) -> HttpResponse {
        finish(self.head, &self.sharing, response)
    }
}

fn document(status: u16, json: String) -> HttpResponse {
    HttpResponse {
        body: json,
        ..HttpResponse::new(status)
    }
    .with("Content-Type", JSON)
    .with("Cache-Control", "no-store")
}

fn finish(head: bool, sharing: &Sharing, mut response: HttpResponse) -> HttpResponse {
    if head {
        response.body.clear();
    }
    sharing.share(response)
}

/// Whether a path names an endpoint or a session.
#[cfg(feature = "http")]
pub(crate) fn is_target(path: &str) -> bool {
    Target::parse(path).is_some()
}

/// Reads a request, which may come from a page of one of these origins.
pub(crate) fn read(request: &HttpRequest<'_>, origins: &Origins, server: Server) -> Step {
    let head = request.method == "HEAD";
    let sharing = match origins.judge(request) {
        Ok(sharing) => sharing,
        Err(refusal) => return Step::Respond(finish(head, &Sharing::Own, refusal)),
    };
    match understand(request, server) {
        Ok(Understood::Options(methods, patches)) => {
            let response = sharing.open_network(request, options(methods, patches));
            Step::Respond(sharing.share(response))
        }
        Ok(Understood::Call(stream, action)) => Step::Call(Call {
            stream,
            token: bearer(request.header("Authorization")),
            peer: request.peer.map(str::to_owned),
            authorized: request.authorized,
            action,
            head,
            sharing,
        }),
        Err(response) => Step::Respond(finish(head, &sharing, response)),
    }
}

/// What a request is.
enum Understood {
    /// The methods of a resource are asked for, and the types of what it takes by PATCH.
    Options(&'static str, &'static str),
    /// This is to be done for a viewer of this stream, or of a wall.
    Call(Option<String>, Action),
}

fn understand(
    request: &HttpRequest<'_>,
    server: Server,
) -> std::result::Result<Understood, HttpResponse> {
    let target = Target::of(request);
    let served = target.filter(|t| t.part == Part::Whole || server == Server::Listener);
    let Some(target) = served else {
        return Err(problem::response(
            404,
            "there is no resource here: use {stream}/whep, {stream}/whep/{key}, wall or wall/{key}",
        ));
    };
    let methods = match (target.part, &target.key) {
        (Part::Whole, None) => ENDPOINT_METHODS,
        (Part::Whole, Some(_)) => SESSION_METHODS,
        (Part::Events, _) => EVENTS_METHODS,
        (Part::EventStream, _) => EVENT_STREAM_METHODS,
    };
    let is_wall = target.stream.is_none();
    let patches = match is_wall {
        true => WALL_PATCHES,
        false => FRAGMENT,
    };
    let prefix = || behind(request.header(FORWARDED_PREFIX), target.prefix.clone());
    let action = match (request.method, target.part, target.key) {
        ("OPTIONS", ..) => return Ok(Understood::Options(methods, patches)),
        ("POST", Part::Events, Some(key)) => {
            if request.header("Content-Type").is_some() {
                check_body(request, JSON, "Accept-Post", MAX_OFFER)?;
            }
            Action::AskForEvents {
                location: format!("{}{key}{}", prefix(), Part::EventStream.suffix()),
                body: request.body.to_vec(),
                key,
            }
        }
        ("GET", Part::EventStream, Some(key)) => Action::HearEvents { key },
        ("DELETE", Part::EventStream, Some(key)) => Action::EndEvents { key },
        ("POST", Part::Whole, None) => {
            check_body(request, SDP, "Accept-Post", most_of_an_offer(is_wall))?;
            let (limits, slots) = match is_wall {
                true => (
                    Ok(AskedLimits::default()),
                    AskedSlots::read(request.path).map(Some),
                ),
                false => (AskedLimits::read(request.path), Ok(None)),
            };
            let host_prefix = request.location_prefix.map(str::to_owned);
            Action::Offer(Box::new(PostedOffer {
                sdp: request.body.to_vec(),
                location_prefix: host_prefix.unwrap_or_else(prefix),
                timeout: request.wait(),
                ice_servers: request.ice_servers.map(<[_]>::to_vec),
                turn_url: None,
                label: request.label.map(str::to_owned),
                user_data: request.user_data,
                limits: limits.map_err(|why| problem::response(400, &why))?,
                slots: slots.map_err(|why| problem::response(400, &why))?,
                events: server == Server::Listener && !is_wall,
            }))
        }
        ("PATCH", Part::Whole, Some(key)) if is_wall && request.has_type(JSON) => {
            check_body(request, JSON, "Accept-Patch", MAX_MESSAGE)?;
            Action::ChangeSlots {
                key,
                request: request.body.to_vec(),
            }
        }
        ("PATCH", Part::Whole, Some(key)) if request.has_type(SDP) => {
            check_body(request, SDP, "Accept-Patch", MAX_OFFER)?;
            Action::Answer {
                key,
                sdp: request.body.to_vec(),
            }
        }
        ("PATCH", Part::Whole, Some(key)) => {
            check_body(request, patches, "Accept-Patch", MAX_OFFER)?;
            Action::Patch {
                key,
                if_match: request.header("If-Match").map(str::to_owned),
                fragment: request.body.to_vec(),
            }
        }
        ("DELETE", Part::Whole, Some(key)) => Action::Delete { key },
        ("GET" | "HEAD", Part::Whole, None) => Action::FindStream,
        ("GET" | "HEAD", Part::Whole, Some(key)) if request.accepts_json() => {
            Action::DescribeSession { key }
        }
        ("GET" | "HEAD", Part::Whole, Some(key)) => Action::FindSession { key },
        _ => {
            let detail = format!("this resource supports {methods}");
            return Err(problem::response(405, &detail).with("Allow", methods));
        }
    };
    Ok(Understood::Call(target.stream, action))
}

/// The response to OPTIONS: to the preflight of a browser, whose page is of another origin, and to
/// clients that discover WHEP (section 4.3: `Accept-Post`). Browsers send no token with a preflight.
fn options(methods: &str, patches: &str) -> HttpResponse {
    HttpResponse::new(200)
        .with("Allow", methods)
        .with("Accept-Post", SDP)
        .with("Accept-Patch", patches)
        .with("Access-Control-Allow-Methods", methods)
        .with(
            "Access-Control-Allow-Headers",
            "Authorization, Content-Type, If-Match, Prefer",
        )
        .with("Access-Control-Max-Age", "86400")
}

fn check_body(
    request: &HttpRequest<'_>,
    media_types: &str,
    accept: &'static str,
    most: usize,
) -> std::result::Result<(), HttpResponse> {
    if !media_types.split(", ").any(|known| request.has_type(known)) {
        let types = media_types.replace(", ", " or ");
        let detail = format!("the body must be sent with Content-Type: {types}");
        return Err(problem::response(415, &detail).with(accept, media_types));
    }
    if request.body.len() > most {
        return Err(HttpResponse::from(&too_large(most)));
    }
    Ok(())
}

fn most_of_an_offer(is_wall: bool) -> usize {
    match is_wall {
        true => MAX_WALL_OFFER,
        false => MAX_OFFER,
    }
}

/// A body larger than any browser sends.
pub(crate) fn too_large(most: usize) -> Error {
    Error::new(
        Status::TooLarge,
        format!("the body has more than {most} bytes"),
    )
}

#[cfg(test)]
mod tests;
