//! Names of STUN servers.

use std::fmt;

use crate::error::{Error, Result, Status};

/// RFC 8489 section 8.
pub const DEFAULT_PORT: u16 = 3478;
/// Servers at most, and characters of a name (RFC 1035 section 2.3.4).
const MAX_SERVERS: usize = 8;
const MAX_HOST: usize = 255;

/// Host and port of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// A name or an IP address.
    pub host: String,
    /// Of its transport.
    pub port: u16,
}

impl Name {
    /// Reads `host`, `host:port` or `[address]:port`.
    pub fn parse_all(servers: &[String]) -> Result<Vec<Name>> {
        if servers.len() > MAX_SERVERS {
            return Err(invalid(format!(
                "stun_servers has {} elements; the maximum is {MAX_SERVERS}",
                servers.len()
            )));
        }
        let parse = |server: &String| {
            Name::parse(server).ok_or_else(|| {
                invalid(format!(
                    "stun_servers: {server:?} is no server: write stun.example.com:3478 or [2001:db8::1]:3478"
                ))
            })
        };
        servers.iter().map(parse).collect()
    }

    /// The same, of one.
    pub fn parse(server: &str) -> Option<Name> {
        Name::parse_or(server, DEFAULT_PORT)
    }

    /// The same, with another port where none is named.
    pub fn parse_or(server: &str, default_port: u16) -> Option<Name> {
        let (host, port) = match server.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                let port = match rest {
                    "" => None,
                    rest => Some(rest.strip_prefix(':')?),
                };
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, port)
            }
            None => match server.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (server, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok().filter(|&port| port != 0)?,
            None => default_port,
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        let good = !host.is_empty() && host.len() <= MAX_HOST && host.chars().all(is_name);
        good.then(|| Name {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

fn invalid(sentence: String) -> Error {
    Error::new(Status::InvalidArgument, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_and_without_a_port() {
        for (text, canonical) in [
            ("stun.example.com", "stun.example.com:3478"),
            ("stun.example.com:19302", "stun.example.com:19302"),
            ("192.0.2.1:3478", "192.0.2.1:3478"),
            ("[2001:db8::1]", "[2001:db8::1]:3478"),
            ("[2001:db8::1]:99", "[2001:db8::1]:99"),
        ] {
            let names = Name::parse_all(&[text.to_owned()]).unwrap();
            assert_eq!(names[0].to_string(), canonical);
        }
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for wrong in [
            "",
            ":3478",
            "a:",
            "a:0",
            "a:99999",
            "stun:stun.example.com",
            "2001:db8::1",
            "[a]:1",
            "a b",
            "[::1]x",
            "a/b",
        ] {
            let error = Name::parse_all(&[wrong.to_owned()]).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument, "{wrong}");
        }
        let many = vec!["a".to_owned(); MAX_SERVERS + 1];
        assert!(Name::parse_all(&many).is_err());
    }
}
