//! TURN servers as the host names them.

use std::fmt;

use crate::error::{Error, Result, Status};
use crate::stun::Name;

/// Servers at most, and characters of a user name and of a password.
const MAX_SERVERS: usize = 8;
const MAX_TEXT: usize = 512;

/// A TURN server, and who the gateway is there.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    pub name: Name,
    pub username: String,
    pub password: String,
}

impl Server {
    /// Reads `turn:host`, `turn:host:port` or `turn:[address]:port`, each with a URL, a user name and a password.
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
            let name = Server::name(url).ok_or_else(|| {
                invalid(
                    "the url of one of turn_servers is not valid: the gateway relays over UDP; write \
                     turn:turn.example.com:3478 or turn:[2001:db8::1]:3478"
                        .to_owned(),
                )
            })?;
            match (username, password) {
                (Some(username), Some(password)) if is_text(username) && is_text(password) => {
                    Ok(Server {
                        name,
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

    fn name(url: &str) -> Option<Name> {
        let rest = url.strip_prefix("turn:")?;
        let place = rest.strip_suffix("?transport=udp").unwrap_or(rest);
        Name::parse(place)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
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
    fn servers_have_a_url_of_udp_a_name_and_a_password() {
        let parse = |url| Server::parse_all([(url, Some("gateway"), Some("secret"))].into_iter());
        for (url, name) in [
            ("turn:turn.example.com", "turn.example.com:3478"),
            ("turn:192.0.2.1:99?transport=udp", "192.0.2.1:99"),
            ("turn:[2001:db8::1]:3478", "[2001:db8::1]:3478"),
        ] {
            let server = parse(url).unwrap().remove(0);
            assert_eq!(server.name.to_string(), name);
            assert!(!format!("{server:?}").contains("secret"));
        }
        for wrong in [
            "",
            "turn.example.com",
            "turn:",
            "turns:turn.example.com",
            "stun:turn.example.com",
            "turn:turn.example.com?transport=tcp",
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
