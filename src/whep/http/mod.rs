//! WHEP as HTTP: a request becomes an answer, or an operation whose result becomes the answer.
//!
//! After draft-ietf-wish-whep. `{stream}/whep` is the endpoint of a stream, `{stream}/whep/{key}`
//! a session. Nothing here waits or asks; the gateway does, between [`read`] and [`Call::answer`].

mod path;
pub(crate) mod problem;
mod token;

pub(crate) use token::{bearer, is_token};

use path::Target;

use super::Response;
use crate::error::{Error, Result, Status};
use crate::events::Operation;
use crate::sdp::offer::MAX_OFFER;
use crate::state::SessionId;

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

const ENDPOINT_METHODS: &str = "OPTIONS, GET, HEAD, POST";
const SESSION_METHODS: &str = "OPTIONS, GET, HEAD, PATCH, DELETE";

/// An HTTP request, as the host's web server got it.
///
/// Not `Debug`: its headers hold a token.
#[derive(Clone, Copy)]
pub struct HttpRequest<'a> {
    /// The method, in upper case as HTTP has it.
    pub method: &'a str,
    /// Path of the URL as the viewer wrote it: still percent-encoded, with whatever prefix the
    /// gateway is mounted under. A query is ignored.
    pub path: &'a str,
    /// Header names, in any case, and values.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
    /// Who asks, e.g. the viewer's address: for logs and for whoever authorises.
    pub peer: Option<&'a str>,
}

impl<'a> HttpRequest<'a> {
    /// The first header of this name, without blanks around it.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(value.trim())
    }

    /// Whether the body is of this media type, whatever its parameters (RFC 9110 section 8.3).
    fn is_of_type(&self, expected: &str) -> bool {
        self.header("Content-Type").is_some_and(|value| {
            let media_type = value.split(';').next().unwrap_or_default();
            media_type.trim().eq_ignore_ascii_case(expected)
        })
    }
}

/// The answer to an HTTP request, to be written as it is. `Content-Length` and `Date` are left to
/// the web server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// Header names and values. A name may come more than once (`Link`).
    pub headers: Vec<(&'static str, String)>,
    /// Body, UTF-8. Empty in the answer to HEAD.
    pub body: String,
    /// The session that was created or changed.
    pub session: Option<SessionId>,
    /// Its unguessable name in URLs.
    pub session_key: Option<String>,
    /// Its entity tag, quotes included.
    pub etag: Option<String>,
}

impl HttpResponse {
    pub(crate) fn new(status: u16) -> Self {
        HttpResponse {
            status,
            ..HttpResponse::default()
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// For pages of any origin: players are embedded anywhere (CORS, the Fetch standard).
    pub(crate) fn shared(self) -> Self {
        self.with("Access-Control-Allow-Origin", "*").with(
            "Access-Control-Expose-Headers",
            "Accept-Patch, Accept-Post, Allow, ETag, Link, Location, Retry-After, WWW-Authenticate",
        )
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

/// What a request came to.
pub(crate) enum Step {
    /// Answered already.
    Answer(HttpResponse),
    /// To be authorised, carried out, and answered by [`Call::answer`].
    Call(Call),
}

/// Something to do on the gateway for a viewer.
pub(crate) struct Call {
    /// Name of the stream, from the path.
    pub stream: String,
    /// Bearer token, if one was sent.
    pub token: Option<String>,
    /// Who asks.
    pub peer: Option<String>,
    /// What to do.
    pub action: Action,
    /// Whether the answer goes without its body.
    head: bool,
}

/// What to do.
pub(crate) enum Action {
    /// POST: create a session.
    Offer {
        sdp: Vec<u8>,
        location_prefix: String,
    },
    /// PATCH: candidates or an ICE restart.
    Patch {
        key: String,
        if_match: Option<String>,
        fragment: Vec<u8>,
    },
    /// DELETE: end a session.
    Delete { key: String },
    /// GET or HEAD of the endpoint: is there such a stream?
    FindStream,
    /// GET or HEAD of a session: is there such a session?
    FindSession { key: String },
}

/// What an [`Action`] gave.
pub(crate) enum Outcome {
    /// A response to an offer or to a PATCH.
    Response(Response),
    /// The session was ended.
    Deleted,
    /// There is such a stream or session.
    Found,
}

impl Call {
    /// What whoever authorises is asked for.
    pub fn operation(&self) -> Operation {
        match self.action {
            Action::Offer { .. } | Action::FindStream => Operation::Watch,
            Action::Patch { .. } | Action::FindSession { .. } => Operation::Update,
            Action::Delete { .. } => Operation::End,
        }
    }

    /// The answer, once it is done.
    pub fn answer(&self, result: Result<Outcome>) -> HttpResponse {
        let answer = match result {
            Ok(Outcome::Response(response)) => match response.status {
                201 => HttpResponse::from(response).with("Accept-Patch", FRAGMENT),
                _ => response.into(),
            },
            Ok(Outcome::Deleted) => HttpResponse::new(200),
            // They have no representation (section 4.1), but a type that they take.
            Ok(Outcome::Found) => HttpResponse::new(200).with("Content-Type", SDP),
            Err(error) => problem::of_error(&error),
        };
        self.finish(answer)
    }

    /// The answer to somebody who may not.
    pub fn refused(&self) -> HttpResponse {
        self.finish(problem::refused(self.token.is_some()))
    }

    fn finish(&self, mut answer: HttpResponse) -> HttpResponse {
        if self.head {
            answer.body.clear();
        }
        answer.shared()
    }
}

/// Whether a path names an endpoint or a session.
#[cfg(feature = "http")]
pub(crate) fn is_target(path: &str) -> bool {
    Target::parse(path).is_some()
}

/// Reads a request.
pub(crate) fn read(request: &HttpRequest<'_>) -> Step {
    match understand(request) {
        Ok(step) => step,
        Err(mut answer) => {
            if request.method == "HEAD" {
                answer.body.clear();
            }
            Step::Answer(answer.shared())
        }
    }
}

fn understand(request: &HttpRequest<'_>) -> std::result::Result<Step, HttpResponse> {
    let Some(target) = Target::parse(request.path) else {
        return Err(problem::answer(
            404,
            "there is no resource here: use {stream}/whep or {stream}/whep/{key}",
        ));
    };
    let methods = match target.key {
        None => ENDPOINT_METHODS,
        Some(_) => SESSION_METHODS,
    };
    let head = request.method == "HEAD";
    let action = match (request.method, target.key) {
        ("OPTIONS", _) => return Ok(Step::Answer(options(methods))),
        ("POST", None) => {
            check_body(request, SDP, "Accept-Post")?;
            Action::Offer {
                sdp: request.body.to_vec(),
                location_prefix: target.location_prefix,
            }
        }
        ("PATCH", Some(key)) => {
            check_body(request, FRAGMENT, "Accept-Patch")?;
            Action::Patch {
                key,
                if_match: request.header("If-Match").map(str::to_owned),
                fragment: request.body.to_vec(),
            }
        }
        ("DELETE", Some(key)) => Action::Delete { key },
        ("GET" | "HEAD", None) => Action::FindStream,
        ("GET" | "HEAD", Some(key)) => Action::FindSession { key },
        _ => {
            let detail = format!("this resource supports {methods}");
            return Err(problem::answer(405, &detail).with("Allow", methods));
        }
    };
    Ok(Step::Call(Call {
        stream: target.stream,
        token: bearer(request.header("Authorization")),
        peer: request.peer.map(str::to_owned),
        action,
        head,
    }))
}

/// Asked by browsers before a page of another origin may POST, and by whoever wants to know
/// (section 4.3: with `Accept-Post`). Needs no token: browsers send none with it.
fn options(methods: &str) -> HttpResponse {
    HttpResponse::new(200)
        .with("Allow", methods)
        .with("Accept-Post", SDP)
        .with("Accept-Patch", FRAGMENT)
        .with("Access-Control-Allow-Methods", methods)
        .with(
            "Access-Control-Allow-Headers",
            "Authorization, Content-Type, If-Match",
        )
        .with("Access-Control-Max-Age", "86400")
        .shared()
}

fn check_body(
    request: &HttpRequest<'_>,
    media_type: &str,
    accept: &'static str,
) -> std::result::Result<(), HttpResponse> {
    if !request.is_of_type(media_type) {
        let detail = format!("the body must be sent with Content-Type: {media_type}");
        return Err(problem::answer(415, &detail).with(accept, media_type));
    }
    if request.body.len() > MAX_OFFER {
        return Err(problem::of_error(&too_large()));
    }
    Ok(())
}

/// What to say of a body that no browser sends.
pub(crate) fn too_large() -> Error {
    Error::new(
        Status::TooLarge,
        format!("the body has more than {MAX_OFFER} bytes"),
    )
}

#[cfg(test)]
mod tests;
