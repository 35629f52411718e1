//! TURN servers as the host names them.

use std::fmt;

use crate::error::{Error, Result, Status};
use crate::stun::Name;
use crate::stun::server::DEFAULT_PORT;

/// Servers at most, and characters of a user name and of a password.
const MAX_SERVERS: usize = 8;
const MAX_TEXT: usize = 512;

/// How a server is reached (RFC 8656 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// From the media socket.
    Udp,
    /// Over a connection.
    Tcp,
    /// Over TCP.
    Tls,
}

impl Transport {
    /// For messages.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        }
    }
}

/// The port of TURN over TLS (RFC 8656 section 4).
const TLS_PORT: u16 = 5349;

/// A TURN server, and who the gateway is there.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Its place.
    pub name: Name,
    /// How it is reached.
    pub transport: Transport,
    /// Who the gateway is there.
    pub username: String,
    /// And its password.
    pub password: String,
}

impl Server {
    /// Fails if there is no certificate to be trusted, although the host says how (`given`).
    pub fn check_trust(&self, given: bool) -> Result<()> {
        match given && self.transport != Transport::Tls {
            true => Err(invalid(format!(
                "turn_servers: {self} is without TLS, so tls_ca and tls_fingerprint are of no use: write turns: \
                 in its url, or leave them out"
            ))),
            false => Ok(()),
        }
    }

    /// Reads servers, each with a URL (RFC 7065), a user name and a password.
    pub fn parse_all<'a>(
        servers: impl ExactSizeIterator<Item = (&'a str, Option<&'a str>, Option<&'a str>)>,
    ) -> Result<Vec<Server>> {
        if servers.len() > MAX_SERVERS {
            return Err(invalid(format!(
                "turn_servers has {} elements; the maximum is {MAX_SERVERS}",
                servers.len()
            )));
        }
        let parse = |(url, username, password): (&str, Option<&str>, Option<&str>)| {
            let (name, transport) = read_url(url).ok_or_else(|| {
                invalid(
                    "the url of one of turn_servers is not valid: write turn:turn.example.com:3478 or \
                     turn:[2001:db8::1]:3478; for TCP, turn:turn.example.com:3478?transport=tcp; for TLS, \
                     turns:turn.example.com:5349"
                        .to_owned(),
                )
            })?;
            match (username, password) {
                (Some(username), Some(password)) if is_text(username) && is_text(password) => {
                    Ok(Server {
                        name,
                        transport,
                        username: username.to_owned(),
                        password: password.to_owned(),
                    })
                }
                _ => Err(invalid(format!(
                    "turn_servers: {name} needs a username and a credential, each of 1 to 512 printable \
                     ASCII characters"
                ))),
            }
        };
        servers.map(parse).collect()
    }
}

/// The place of a server, and the transport. TLS is over TCP; DTLS is not offered.
fn read_url(url: &str) -> Option<(Name, Transport)> {
    let (scheme, rest) = url.split_once(':')?;
    let (place, transport) = match rest.split_once("?transport=") {
        Some((place, transport)) => (place, Some(transport)),
        None => (rest, None),
    };
    let (transport, port) = match (scheme, transport) {
        ("turn", None | Some("udp")) => (Transport::Udp, DEFAULT_PORT),
        ("turn", Some("tcp")) => (Transport::Tcp, DEFAULT_PORT),
        ("turns", None | Some("tcp")) => (Transport::Tls, TLS_PORT),
        _ => return None,
    };
    Some((Name::parse_or(place, port)?, transport))
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        match self.transport {
            Transport::Udp => Ok(()),
            other => write!(f, " over {}", other.name()),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// As of servers for viewers.
fn is_text(text: &str) -> bool {
    let printable = |c: char| c.is_ascii_graphic() || c == ' ';
    (1..=MAX_TEXT).contains(&text.len()) && text.chars().all(printable)
}

fn invalid(sentence: String) -> Error {
    Error::new(Status::InvalidArgument, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_a_url_a_name_and_a_password() {
        let parse = |url| Server::parse_all([(url, Some("gateway"), Some("secret"))].into_iter());
        for (url, name) in [
            ("turn:turn.example.com", "turn.example.com:3478"),
            ("turn:192.0.2.1:99?transport=udp", "192.0.2.1:99"),
            ("turn:[2001:db8::1]:3478", "[2001:db8::1]:3478"),
            ("turn:192.0.2.1?transport=tcp", "192.0.2.1:3478 over TCP"),
            ("turns:turn.example.com", "turn.example.com:5349 over TLS"),
            (
                "turns:[2001:db8::1]:443?transport=tcp",
                "[2001:db8::1]:443 over TLS",
            ),
        ] {
            let server = parse(url).unwrap().remove(0);
            assert_eq!(server.to_string(), name);
            assert!(!format!("{server:?}").contains("secret"));
            assert!(server.check_trust(false).is_ok());
            assert_eq!(server.check_trust(true).is_ok(), url.starts_with("turns:"));
        }
        for wrong in [
            "",
            "turn.example.com",
            "turn:",
            "turns:turn.example.com?transport=udp",
            "stun:turn.example.com",
            "turn:turn.example.com?transport=sctp",
            "turn:turn.example.com?transport=",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        for (username, password) in [
            (None, Some("x")),
            (Some("x"), None),
            (Some(""), Some("x")),
            (Some("x"), Some("")),
            (Some("x\n"), Some("x")),
        ] {
            let servers = [("turn:a", username, password)].into_iter();
            assert!(Server::parse_all(servers).is_err());
        }
        let many = (0..MAX_SERVERS + 1).map(|_| ("turn:a", Some("x"), Some("x")));
        assert!(Server::parse_all(many).is_err());
    }
}
