//! STUN and TURN servers for viewers (RFC 9725 section 4.6).

use crate::config::IceServer;
use crate::error::{Error, Result, Status};

/// Maximum number of servers; browsers warn about more than a few.
const MAX_SERVERS: usize = 16;
/// Maximum length of a URL, a user name or a credential, in bytes.
const MAX_PART: usize = 512;

/// The values of the `Link` headers for `servers`.
pub fn links(servers: &[IceServer]) -> Result<Vec<String>> {
    if servers.len() > MAX_SERVERS {
        return Err(invalid(format!(
            "ice_servers has {} elements; the maximum is {MAX_SERVERS}",
            servers.len()
        )));
    }
    servers.iter().map(link).collect()
}

fn link(server: &IceServer) -> Result<String> {
    let (scheme, rest) = server.url.split_once(':').unwrap_or_default();
    let turn = matches!(scheme, "turn" | "turns");
    let visible = |c: char| c.is_ascii_graphic() && !"<>\"\\".contains(c);
    let usable = (turn || matches!(scheme, "stun" | "stuns"))
        && !rest.is_empty()
        && server.url.len() <= MAX_PART
        && rest.chars().all(visible);
    if !usable {
        return Err(invalid(
            "the url of an ice_server is not valid. Write it as stun:stun.example.com:3478 or \
             turn:turn.example.com:3478?transport=udp",
        ));
    }
    let mut link = format!("<{}>; rel=\"ice-server\"", server.url);
    match (&server.username, &server.credential) {
        (Some(username), Some(credential)) => {
            let (username, credential) = (quoted(username)?, quoted(credential)?);
            link += &format!(
                "; username={username}; credential={credential}; credential-type=\"password\""
            );
        }
        (None, None) if !turn => {}
        _ => {
            return Err(invalid(
                "a TURN server needs both username and credential; a STUN server has both or \
                 neither",
            ));
        }
    }
    Ok(link)
}

/// A quoted string (RFC 9110 section 5.6.4).
fn quoted(text: &str) -> Result<String> {
    let printable = |c: char| c.is_ascii_graphic() || c == ' ';
    if text.is_empty() || text.len() > MAX_PART || !text.chars().all(printable) {
        return Err(invalid(
            "username and credential of an ice_server must have 1 to 512 printable ASCII characters",
        ));
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("\"{escaped}\""))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Status::InvalidArgument, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str, credentials: Option<(&str, &str)>) -> IceServer {
        IceServer {
            url: url.to_owned(),
            username: credentials.map(|(username, _)| username.to_owned()),
            credential: credentials.map(|(_, credential)| credential.to_owned()),
            ..IceServer::default()
        }
    }

    #[test]
    fn links_are_those_of_the_rfc() {
        let servers = [
            server("stun:stun.example.net", None),
            server(
                "turns:turn.example.net?transport=tcp",
                Some(("user", "pa\"ss\\word")),
            ),
        ];
        assert_eq!(
            links(&servers).unwrap(),
            [
                "<stun:stun.example.net>; rel=\"ice-server\"",
                "<turns:turn.example.net?transport=tcp>; rel=\"ice-server\"; username=\"user\"; \
                 credential=\"pa\\\"ss\\\\word\"; credential-type=\"password\"",
            ]
        );
    }

    #[test]
    fn what_would_write_headers_of_its_own_is_refused() {
        for (url, credentials) in [
            ("", None),
            ("stun:", None),
            ("http://stun.example.net", None),
            ("stun:a>; rel=x", None),
            ("stun:a\r\nSet-Cookie: x", None),
            ("turn:a", None),
            ("turn:a", Some(("user\r\n", "hunter2"))),
            ("turn:a", Some(("user", "hunter2\u{e9}"))),
            ("turn:a", Some(("", "hunter2"))),
        ] {
            let error = links(&[server(url, credentials)]).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument, "{url}");
            assert!(!error.message().contains("hunter2"));
        }
        let half = IceServer {
            credential: None,
            ..server("turn:a", Some(("user", "x")))
        };
        assert!(links(&[half]).is_err());
        assert!(links(&vec![server("stun:a", None); MAX_SERVERS + 1]).is_err());
        let shown = format!("{:?}", server("turn:a", Some(("user", "hunter2"))));
        assert!(shown.contains("turn:a") && !shown.contains("hunter2"));
    }
}
