//! RTSP through HTTP: the camera's bytes come as the response to a GET, ours go in base64 as the body of
//! a POST on a second connection.

use std::{error, fmt, io};

use super::stream::Stream;
use crate::random;
use crate::source::Quirks;
use crate::source::rtsp::{Authenticator, Challenge, Head, Start, head_len};
use crate::source::url::Credentials;

/// Of the response to GET.
const MAX_HEAD: usize = 8 << 10;
const KIND: &str = "application/x-rtsp-tunnelled";

/// The camera refuses the password, or asks for one, and there is none.
#[derive(Debug)]
pub struct Unauthorized;

impl fmt::Display for Unauthorized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it refused GET")
    }
}

impl error::Error for Unauthorized {}

/// The two requests.
pub struct Tunnel<'a> {
    host: &'a str,
    path: &'a str,
    cookie: String,
    credentials: Option<&'a Credentials>,
    authenticator: Authenticator,
    challenged: bool,
}

impl<'a> Tunnel<'a> {
    pub fn new(
        host: &'a str,
        path: &'a str,
        credentials: Option<&'a Credentials>,
    ) -> io::Result<Tunnel<'a>> {
        Ok(Tunnel {
            host,
            path,
            cookie: random::hex::<11>().map_err(io::Error::other)?,
            credentials,
            authenticator: Authenticator::default(),
            challenged: false,
        })
    }

    /// Opens one direction: sends GET, and reads the head of the response. Returns what came behind it, or
    /// nothing if it is to be tried once more, with the password.
    pub async fn get(&mut self, stream: &mut Stream) -> io::Result<Option<Vec<u8>>> {
        let request = format!("{}Accept: {KIND}\r\n\r\n", self.head("GET"));
        stream.write_all(request.into_bytes()).await?;
        let mut received = Vec::new();
        let (head, rest) = loop {
            if let Some(found) = head(&mut received)? {
                break found;
            }
            if !stream.read_more(&mut received).await? {
                return Err(no_http());
            }
        };
        match head.start {
            Start::Response { code: 200, .. } => Ok(Some(rest)),
            Start::Response { code: 401, .. } => self.challenged(&head).map(|()| None),
            Start::Response { code, reason } => Err(io::Error::other(format!(
                "it answered GET with {code} {reason}"
            ))),
            Start::Request { .. } => Err(no_http()),
        }
    }

    /// Opens the other direction.
    pub async fn post(&mut self, stream: &mut Stream) -> io::Result<()> {
        let request = format!(
            "{}Content-Type: {KIND}\r\nContent-Length: 32767\r\n\
             Expires: Sun, 9 Jan 1972 00:00:00 GMT\r\n\r\n",
            self.head("POST")
        );
        stream.write_all(request.into_bytes()).await
    }

    /// What both requests begin with.
    fn head(&mut self, method: &str) -> String {
        let Tunnel {
            host, path, cookie, ..
        } = self;
        let mut head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {host}\r\nx-sessioncookie: {cookie}\r\n\
             Pragma: no-cache\r\nCache-Control: no-cache\r\n"
        );
        let cnonce = random::number().unwrap_or_default();
        let authorization = self.credentials.and_then(|credentials| {
            self.authenticator
                .authorization(credentials, method, path, cnonce)
        });
        if let Some(authorization) = authorization {
            head += "Authorization: ";
            head += &authorization;
            head += "\r\n";
        }
        head
    }

    fn challenged(&mut self, head: &Head) -> io::Result<()> {
        let headers = head.all("WWW-Authenticate");
        let challenge = Challenge::best(headers, &mut Quirks::default());
        match challenge {
            Some(challenge) if self.credentials.is_some() && !self.challenged => {
                self.challenged = true;
                self.authenticator.challenged(challenge);
                Ok(())
            }
            _ => Err(unauthorized()),
        }
    }
}

/// The head of the response to GET, and what is behind it; `None`: not all of the head is there.
pub fn head(received: &mut Vec<u8>) -> io::Result<Option<(Head, Vec<u8>)>> {
    let Some(len) = head_len(received).filter(|&len| len <= MAX_HEAD) else {
        return match received.len() > MAX_HEAD {
            true => Err(no_http()),
            false => Ok(None),
        };
    };
    let rest = received.split_off(len);
    let head = Head::parse(received, &mut Quirks::default()).ok_or_else(no_http)?;
    Ok(Some((head, rest)))
}

pub fn unauthorized() -> io::Error {
    io::Error::other(Unauthorized)
}

fn no_http() -> io::Error {
    io::Error::other("it did not answer GET as HTTP servers do")
}
