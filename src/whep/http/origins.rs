//! Which web pages may use WHEP: those of this server, and those of origins that the host names (CORS).
//!
//! A browser says with a request of a page where the page is from. Requests without that are of
//! other programs, or follow from a link; they are nothing that CORS is about.

use super::{HttpRequest, HttpResponse, problem};
use crate::error::{Error, Result, Status};

/// Maximum number of origins.
const MAX_ORIGINS: usize = 64;

/// The origins whose pages may use WHEP, besides the server's own.
#[derive(Debug, Default)]
pub struct Origins {
    all: bool,
    named: Vec<String>,
}

/// What a response says about the page that may read it.
#[derive(Debug, PartialEq, Eq)]
pub enum Sharing {
    /// A page of the server itself may, or there is none.
    Own,
    /// A page of this origin may.
    With(String),
    /// Any page may.
    All,
}

impl Origins {
    /// Checks what the host names: origins, or `*` for all.
    pub fn new(origins: &[String]) -> Result<Origins> {
        if origins.len() > MAX_ORIGINS {
            return Err(unusable(&format!("{} are given", origins.len())));
        }
        let mut result = Origins::default();
        for origin in origins {
            match origin.as_str() {
                "*" => result.all = true,
                origin => match canonical(origin) {
                    Some(origin) => result.named.push(origin),
                    None => return Err(unusable(&format!("{origin:?} is neither"))),
                },
            }
        }
        Ok(result)
    }

    /// Whether a request may be answered, and who may read the response. An error is the response.
    pub fn judge(&self, request: &HttpRequest<'_>) -> std::result::Result<Sharing, HttpResponse> {
        if self.all {
            return Ok(Sharing::All);
        }
        let Some(origin) = request.header("Origin") else {
            return Ok(Sharing::Own);
        };
        // Of a proxy that changes Host, the browser still knows that the page is from there.
        let own = request.header("Sec-Fetch-Site") == Some("same-origin")
            || is_of_host(origin, request.header("Host"));
        if own {
            return Ok(Sharing::Own);
        }
        if canonical(origin).is_some_and(|origin| self.named.contains(&origin)) {
            return Ok(Sharing::With(origin.to_owned()));
        }
        let refusal = problem::response(
            403,
            "web pages of this origin may not use this server: its operator names those that may in \
             allowed_origins (a reverse proxy must pass the header Host on)",
        );
        Err(refusal)
    }
}

impl Sharing {
    /// Answers a preflight that asks whether a page from the public internet may reach this private network
    /// (Private Network Access): one that may use WHEP may. No other page gets this far.
    pub fn open_network(&self, request: &HttpRequest<'_>, response: HttpResponse) -> HttpResponse {
        let asked = request.header("Access-Control-Request-Private-Network") == Some("true");
        match asked && *self != Sharing::Own {
            true => response.with("Access-Control-Allow-Private-Network", "true"),
            false => response,
        }
    }

    /// Adds the headers of CORS (the Fetch standard).
    pub fn share(&self, response: HttpResponse) -> HttpResponse {
        let response = match self {
            Sharing::All => response.with("Access-Control-Allow-Origin", "*"),
            Sharing::Own => return response.with("Vary", "Origin"),
            Sharing::With(origin) => response
                .with("Vary", "Origin")
                .with("Access-Control-Allow-Origin", origin),
        };
        response.with(
            "Access-Control-Expose-Headers",
            "Accept-Patch, Accept-Post, Allow, ETag, Link, Location, Refused-Slots, Retry-After, WWW-Authenticate",
        )
    }
}

/// Whether the page has the name, and the port, that its request is for.
fn is_of_host(origin: &str, host: Option<&str>) -> bool {
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let same = |host| authority.is_some_and(|of_page| of_page.eq_ignore_ascii_case(host));
    host.is_some_and(same)
}

/// An origin as browsers write it: in lower case, without the default port. `None` if it is none.
fn canonical(origin: &str) -> Option<String> {
    let origin = origin.to_ascii_lowercase();
    if origin == "null" {
        return Some(origin);
    }
    let (scheme, authority) = origin.split_once("://")?;
    let of_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let of_authority = |c: char| c.is_ascii_graphic() && !"/?#@\\*,".contains(c);
    if scheme.is_empty() || authority.is_empty() {
        return None;
    }
    if !scheme.chars().all(of_scheme) || !authority.chars().all(of_authority) {
        return None;
    }
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return Some(origin),
    };
    Some(
        origin
            .strip_suffix(default_port)
            .unwrap_or(&origin)
            .to_owned(),
    )
}

fn unusable(what: &str) -> Error {
    Error::new(
        Status::InvalidArgument,
        format!(
            "allowed_origins takes at most {MAX_ORIGINS} origins such as https://nvr.example:8443, \
             without a path, or * for all; {what}"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(named: &[&str]) -> Result<Origins> {
        let named: Vec<_> = named.iter().map(|&origin| origin.to_owned()).collect();
        Origins::new(&named)
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for good in [
            "https://nvr.example",
            "HTTP://192.0.2.1:8080",
            "http://[::1]:80",
            "capacitor://localhost",
            "null",
            "*",
        ] {
            assert!(origins(&[good]).is_ok(), "{good}");
        }
        for bad in [
            "",
            "nvr.example",
            "https://",
            "://x",
            "https://nvr.example/",
            "https://*.example",
            "https://a b",
            "https://a@b",
            "https://a,https://b",
        ] {
            let error = origins(&[bad]).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument, "{bad}");
        }
        assert!(origins(&["https://a"; MAX_ORIGINS + 1]).is_err());
    }

    #[test]
    fn own_named_and_other_pages() {
        let with = |origin: &str| Some(Sharing::With(origin.to_owned()));
        let named = &["https://nvr.example:443", "http://wall:81"][..];
        for (allowed, headers, expected) in [
            (&[][..], &[][..], Some(Sharing::Own)),
            (&[], &[("Host", "gw:1")], Some(Sharing::Own)),
            (
                &[],
                &[("Host", "gw:1"), ("Origin", "http://GW:1")],
                Some(Sharing::Own),
            ),
            (&[], &[("Host", "gw:1"), ("Origin", "http://gw")], None),
            (
                &[],
                &[("Host", "gw"), ("Origin", "http://gw.evil.example")],
                None,
            ),
            (&[], &[("Origin", "http://gw")], None),
            (&[], &[("Host", "gw"), ("Origin", "null")], None),
            (&[], &[("Host", "gw"), ("Origin", "")], None),
            (
                &[],
                &[("Host", ""), ("Origin", "http://")],
                Some(Sharing::Own),
            ),
            (
                &[],
                &[
                    ("Host", "backend"),
                    ("Origin", "https://nvr"),
                    ("Sec-Fetch-Site", "same-origin"),
                ],
                Some(Sharing::Own),
            ),
            (
                &[],
                &[
                    ("Host", "gw"),
                    ("Origin", "https://nvr"),
                    ("Sec-Fetch-Site", "same-site"),
                ],
                None,
            ),
            (
                named,
                &[("Origin", "https://nvr.example")],
                with("https://nvr.example"),
            ),
            (
                named,
                &[("Origin", "http://wall:81")],
                with("http://wall:81"),
            ),
            (named, &[("Origin", "http://nvr.example")], None),
            (named, &[("Origin", "https://nvr.example.evil")], None),
            (named, &[], Some(Sharing::Own)),
            (&["*"], &[("Origin", "https://any")], Some(Sharing::All)),
            (&["*"], &[], Some(Sharing::All)),
        ] {
            let request = HttpRequest {
                headers,
                ..HttpRequest::default()
            };
            let judged = origins(allowed).unwrap().judge(&request);
            if let Err(refusal) = &judged {
                assert_eq!(refusal.status, 403);
            }
            assert_eq!(judged.ok(), expected, "{allowed:?} {headers:?}");
        }
    }
}
