//! Requests and their responses: writing, authenticating, matching.

use std::collections::VecDeque;
use std::fmt::Write;

use super::auth::{Authenticator, Challenge};
use super::message::Head;
use crate::source::url::Credentials;
use crate::source::{Quirk, Quirks};

/// Requests whose response is waited for. While a camera plays they are keep-alives.
const MAX_PENDING: usize = 8;
/// What waits to be written. A camera that sends requests and reads no responses gets no more.
pub const MAX_UNWRITTEN: usize = 64 << 10;
/// How often one request is authenticated: once, and again if the nonce was too old.
const MAX_TRIES: u8 = 2;
const USER_AGENT: &str = concat!("rtsp_webrtc_gateway/", env!("CARGO_PKG_VERSION"));

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Options,
    Describe,
    /// Of the track at this place of those that are set up.
    Setup(usize),
    Play,
    KeepAlive,
    Teardown,
}

/// A request, to be sent once more if need be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub step: Step,
    pub method: &'static str,
    pub url: String,
    /// Header lines, each with its end.
    pub headers: String,
    /// Challenges that it was answered with.
    pub challenged: u8,
    /// It carries an answer to a challenge that an earlier request got.
    early: bool,
}

impl Request {
    pub fn new(step: Step, method: &'static str, url: &str) -> Request {
        Request {
            step,
            method,
            url: url.to_owned(),
            headers: String::new(),
            challenged: 0,
            early: false,
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Request {
        let _ = write!(self.headers, "{name}: {value}\r\n");
        self
    }
}

/// What a challenge leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenged {
    /// The request is to be sent again.
    Again,
    /// User or password are wrong.
    Refused,
    /// There are none.
    Missing,
    /// Neither Basic nor Digest.
    Unsupported,
    /// They are for another host.
    Elsewhere,
    /// Basic, after Digest.
    Weaker,
}

/// The requests of one client.
#[derive(Debug)]
pub struct Requests {
    /// What is to be written.
    pub out: Vec<u8>,
    /// The session, once the camera has given it a name.
    pub session: Option<String>,
    credentials: Option<Credentials>,
    authenticator: Authenticator,
    last: u32,
    pending: VecDeque<(u32, Request)>,
    /// The last response had the number of its request.
    numbered: bool,
    /// There were credentials, which are not for this host.
    elsewhere: bool,
    /// The camera asked for Digest before.
    digest: bool,
}

impl Requests {
    pub fn new(credentials: Option<Credentials>) -> Requests {
        Requests {
            out: Vec::new(),
            session: None,
            credentials,
            authenticator: Authenticator::default(),
            last: 0,
            pending: VecDeque::new(),
            numbered: true,
            elsewhere: false,
            digest: false,
        }
    }

    /// A connection begins. Returns the request whose response the last one still owed.
    pub fn reconnected(&mut self) -> Option<Request> {
        self.out.clear();
        let owed = self.pending.pop_front();
        self.pending.clear();
        owed.map(|(_, request)| request)
    }

    /// The server is another, at the same host or not. No other host is told anything of the password, not
    /// even a hash.
    pub fn redirected(&mut self, same_host: bool) {
        self.authenticator = Authenticator::default();
        self.pending.clear();
        self.session = None;
        if !same_host {
            self.elsewhere |= self.credentials.take().is_some();
        }
    }

    /// For the host that is asked now.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The oldest request without a response.
    pub fn oldest(&self) -> Option<&Request> {
        self.pending.front().map(|(_, request)| request)
    }

    /// Writes a request. `cnonce` is random.
    pub fn send(&mut self, mut request: Request, cnonce: u64) {
        self.last += 1;
        let Request {
            method,
            url,
            headers,
            ..
        } = &request;
        let authorization = self.credentials.as_ref().and_then(|credentials| {
            self.authenticator
                .authorization(credentials, method, url, cnonce)
        });
        // CSeq is the second header, as ffmpeg's is: some cameras do not find it elsewhere.
        let mut text = format!(
            "{method} {url} RTSP/1.0\r\nUser-Agent: {USER_AGENT}\r\nCSeq: {}\r\n{headers}",
            self.last
        );
        if let Some(session) = &self.session {
            let _ = write!(text, "Session: {session}\r\n");
        }
        self.out.extend_from_slice(text.as_bytes());
        if let Some(authorization) = &authorization {
            self.out.extend_from_slice(b"Authorization: ");
            self.out.extend_from_slice(authorization.as_bytes());
            self.out.extend_from_slice(b"\r\n");
        }
        self.out.extend_from_slice(b"\r\n");
        request.early = authorization.is_some() && request.challenged == 0;
        if self.pending.len() == MAX_PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back((self.last, request));
    }

    /// Writes a response to a request of the camera.
    pub fn respond(&mut self, head: &Head, status: &str, headers: &str) {
        let mut text = format!("RTSP/1.0 {status}\r\n");
        for name in ["CSeq", "Session"] {
            if let Some(value) = head.get(name) {
                let value: String = value
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(256)
                    .collect();
                let _ = write!(text, "{name}: {value}\r\n");
            }
        }
        let _ = write!(text, "{headers}User-Agent: {USER_AGENT}\r\n\r\n");
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Takes out the request that a response is for: by its number, or in order.
    pub fn matching(&mut self, head: &Head, quirks: &mut Quirks) -> Option<Request> {
        let number = head.number("CSeq");
        let found = self
            .pending
            .iter()
            .position(|(of, _)| number == Some(u64::from(*of)));
        if found.is_none() {
            quirks.note(Quirk::Cseq, 1);
            let old = number.is_some_and(|number| {
                number > 0
                    && self
                        .pending
                        .front()
                        .is_some_and(|(of, _)| number < u64::from(*of))
            });
            // The same response once more.
            if self.numbered && old {
                return None;
            }
        }
        self.numbered = found.is_some();
        let (_, request) = self.pending.remove(found.unwrap_or(0))?;
        Some(request)
    }

    /// Takes the challenge of a response.
    pub fn challenged(
        &mut self,
        request: &mut Request,
        head: &Head,
        quirks: &mut Quirks,
    ) -> Challenged {
        let challenge = Challenge::best(head.all("WWW-Authenticate"), quirks);
        if self.elsewhere {
            return Challenged::Elsewhere;
        }
        let Some(challenge) = challenge else {
            return match self.credentials {
                None => Challenged::Missing,
                // It does not say what it wants: this is how it refuses a password.
                Some(_) if head.get("WWW-Authenticate").is_none() => Challenged::Refused,
                Some(_) => Challenged::Unsupported,
            };
        };
        if self.credentials.is_none() {
            return Challenged::Missing;
        }
        if challenge == Challenge::Basic && self.digest {
            return Challenged::Weaker;
        }
        self.digest |= challenge != Challenge::Basic;
        let may_be_old = challenge != Challenge::Basic;
        let again = match request.challenged {
            0 => may_be_old || !request.early,
            tries => challenge.is_stale() && tries < MAX_TRIES,
        };
        if !again {
            return Challenged::Refused;
        }
        request.challenged += 1;
        self.authenticator.challenged(challenge);
        Challenged::Again
    }
}
