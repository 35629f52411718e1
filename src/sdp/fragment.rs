//! The body of a PATCH (`application/trickle-ice-sdpfrag`, RFC 8840 section 9), and what it asks
//! for: more candidates, or an ICE restart (RFC 9725 section 4.3).

use std::net::IpAddr;

use super::credentials::{IceCredentials, bad_credentials, is_ice_chars};
use crate::error::{Error, Result, Status};

/// Maximum size of a fragment in bytes: some hundred candidates.
pub const MAX_FRAGMENT: usize = 32 * 1024;

/// Addresses of candidates that are heeded.
const MAX_ADDRESSES: usize = 32;

/// The content of a fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The viewer's credentials, if present.
    pub ice: Option<IceCredentials>,
    /// The addresses of its candidates.
    pub candidates: Vec<IpAddr>,
}

impl Fragment {
    /// Parses a fragment. Candidates are checked for their syntax only: the gateway is ICE-lite and
    /// answers to the source address of checks, so unusable addresses (`.local`) do no harm.
    ///
    /// Fails with:
    /// - `Status::Sdp`: not lines of a fragment, or nothing in it;
    /// - `Status::IceCredentials`: only one of ufrag and password, or invalid by RFC 8839;
    /// - `Status::Unprocessable`: a whole SDP;
    /// - `Status::TooLarge`: over [`MAX_FRAGMENT`].
    pub fn parse(fragment: &[u8]) -> Result<Fragment> {
        if fragment.len() > MAX_FRAGMENT {
            return Err(Error::new(
                Status::TooLarge,
                format!(
                    "the fragment has {} bytes; the maximum is {MAX_FRAGMENT}",
                    fragment.len()
                ),
            ));
        }
        let text = str::from_utf8(fragment).map_err(|_| bad("the fragment is not UTF-8"))?;
        let (mut ufrag, mut pwd, mut useful) = (None, None, false);
        let mut candidates = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let at = |what: &str| bad(format!("line {} of the fragment {what}", i + 1));
            if line.is_empty() {
                continue;
            }
            if line.starts_with("v=") {
                return Err(Error::new(
                    Status::Unprocessable,
                    "the body is a complete SDP, but a session cannot be renegotiated: POST a new \
                     offer, or send an application/trickle-ice-sdpfrag",
                ));
            }
            let shape = matches!(line.as_bytes(), [b'a'..=b'z', b'=', ..]);
            if !shape || line.chars().any(|c| c.is_control() && c != '\t') {
                return Err(at("is not SDP: a line is a letter, =, and a value"));
            }
            let Some(attribute) = line.strip_prefix("a=") else {
                continue;
            };
            match attribute.split_once(':') {
                Some(("ice-ufrag", value)) => same(&mut ufrag, value)?,
                Some(("ice-pwd", value)) => same(&mut pwd, value)?,
                Some(("candidate", value)) if is_candidate(value) => {
                    candidates.push(value);
                    useful = true;
                }
                Some(("candidate", _)) => {
                    return Err(at(
                        "is not a candidate: write a=candidate:<foundation> <component> <transport> \
                         <priority> <address> <port> typ <type>",
                    ));
                }
                None if attribute == "end-of-candidates" => useful = true,
                // Unknown attributes are ignored.
                _ => {}
            }
        }
        let ice = IceCredentials::read("fragment", ufrag, pwd)?;
        if ice.is_none() && !useful {
            return Err(bad(
                "the fragment has no candidate, no a=end-of-candidates and no ICE credentials",
            ));
        }
        let candidates = addresses_of(candidates);
        Ok(Fragment { ice, candidates })
    }

    /// The credentials of the requested ICE restart; `None` if they are `known`, those of the viewer's
    /// current ICE session. Both must be new (RFC 8839 section 4.4.1.1.1).
    pub fn restart(&self, known: &IceCredentials) -> Result<Option<&IceCredentials>> {
        let Some(ice) = &self.ice else {
            return Ok(None);
        };
        match (ice.ufrag == known.ufrag, ice.pwd == known.pwd) {
            (true, true) => Ok(None),
            (false, false) => Ok(Some(ice)),
            _ => Err(bad_credentials(
                "fragment",
                "changes only one of a=ice-ufrag and a=ice-pwd: a restart changes both",
            )),
        }
    }
}

/// The IP addresses of candidates over UDP, each once; a browser has a handful. Names say nothing.
pub fn addresses_of<'a>(candidates: impl IntoIterator<Item = &'a str>) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for candidate in candidates {
        let mut fields = candidate.split_ascii_whitespace().skip(2);
        let is_udp = fields
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("udp"));
        let address = fields.nth(1).and_then(|word| word.parse().ok());
        if let Some(address) = address.filter(|_| is_udp)
            && addresses.len() < MAX_ADDRESSES
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    }
    addresses
}

fn bad(sentence: impl Into<String>) -> Error {
    Error::new(Status::Sdp, sentence)
}

/// Stores a value that must be the same in all sections.
fn same<'a>(known: &mut Option<&'a str>, value: &'a str) -> Result<()> {
    if known.is_some_and(|known| known != value) {
        return Err(bad_credentials(
            "fragment",
            "has different ICE credentials for its sections, which share a port",
        ));
    }
    *known = Some(value);
    Ok(())
}

/// RFC 8839 section 5.1. The address may be anything, since it may be a name.
fn is_candidate(value: &str) -> bool {
    let mut fields = value.split_ascii_whitespace();
    let mut next = || fields.next().unwrap_or_default();
    let foundation = is_ice_chars(next(), 1);
    let component = next().parse::<u16>().is_ok_and(|component| component > 0);
    let transport = !next().is_empty();
    let priority = next().parse::<u32>().is_ok();
    let address = !next().is_empty();
    let port = next().parse::<u16>().is_ok();
    let kind = next() == "typ" && !next().is_empty();
    foundation && component && transport && priority && address && port && kind
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANDIDATE: &str = "a=candidate:1 1 udp 2122260223 192.0.2.7 61764 typ host generation 0";
    const PWD: &str = "vw5LmwG4y/e6dPP/zAP9Gp5k";

    fn parse(lines: &[&str]) -> Result<Fragment> {
        Fragment::parse(lines.join("\r\n").as_bytes())
    }

    /// The example of RFC 9725 section 4.3.3.
    fn restart() -> Fragment {
        parse(&[
            "a=ice-options:trickle ice2",
            "a=group:BUNDLE 0 1",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
            "a=mid:0",
            "a=ice-ufrag:ysXw",
            &format!("a=ice-pwd:{PWD}"),
            CANDIDATE,
            "a=end-of-candidates",
            "",
        ])
        .unwrap()
    }

    #[test]
    fn the_addresses_of_candidates_over_udp_are_known() {
        let fragment = parse(&[
            CANDIDATE,
            CANDIDATE,
            "a=candidate:2 1 TCP 0 198.51.100.7 9 typ host tcptype active",
            "a=candidate:3 1 UDP 1 2001:db8::7 50000 typ srflx raddr 0.0.0.0 rport 0",
            "a=candidate:4 1 udp 1 7c1d9ec1-6d9b-4a4c-8a0e-1f5a6e0c3f52.local 50000 typ host",
        ])
        .unwrap();
        let addresses: Vec<_> = fragment.candidates.iter().map(IpAddr::to_string).collect();
        assert_eq!(addresses, ["192.0.2.7", "2001:db8::7"]);
    }

    #[test]
    fn candidates_of_all_kinds_are_fine() {
        for line in [
            CANDIDATE,
            "a=candidate:x+/ 2 TCP 0 2001:db8::7 9 typ srflx raddr 0.0.0.0 rport 0 tcptype active",
            "a=candidate:1 1 udp 1 7c1d9ec1-6d9b-4a4c-8a0e-1f5a6e0c3f52.local 50000 typ host",
            "a=candidate:1 1 udp 1 not.a.known.host.invalid 50000 typ host",
            "a=end-of-candidates",
        ] {
            assert!(parse(&[line]).unwrap().ice.is_none(), "{line}");
        }
    }

    #[test]
    fn what_is_no_fragment_is_refused() {
        let long = format!("a=ice-pwd:{}", "x".repeat(257));
        for (lines, status) in [
            (&[""][..], Status::Sdp),
            (&["m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:0"], Status::Sdp),
            (&["GET / HTTP/1.1"], Status::Sdp),
            (&["a=candidate:1 1 udp 1 192.0.2.7"], Status::Sdp),
            (
                &["a=candidate:1 1 udp 1 192.0.2.7 99999 typ host"],
                Status::Sdp,
            ),
            (&["a=candidate:1 0 udp 1 192.0.2.7 9 typ host"], Status::Sdp),
            (
                &["a=candidate:1 1 udp -1 192.0.2.7 9 typ host"],
                Status::Sdp,
            ),
            (
                &["a=candidate:1 1 udp 1 192.0.2.7 9 kind host"],
                Status::Sdp,
            ),
            (&["a=candidate:1 1 udp 1 192.0.2.7 9 typ"], Status::Sdp),
            (&["a=candidate:"], Status::Sdp),
            (&[CANDIDATE, "a=mid:0\rSet-Cookie: x"], Status::Sdp),
            (&["a=ice-ufrag:ysXw"], Status::IceCredentials),
            (
                &["a=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k"],
                Status::IceCredentials,
            ),
            (
                &["a=ice-ufrag:ysXw", "a=ice-pwd:short"],
                Status::IceCredentials,
            ),
            (&["a=ice-ufrag:ysXw", &long], Status::IceCredentials),
            (
                &["a=ice-ufrag:y:w", "a=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k"],
                Status::IceCredentials,
            ),
            (
                &[
                    "a=ice-ufrag:ysXw",
                    "a=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k",
                    "a=ice-ufrag:other",
                ],
                Status::IceCredentials,
            ),
            (&["v=0", "o=- 1 1 IN IP4 0.0.0.0"], Status::Unprocessable),
        ] {
            let error = parse(lines).err().map(|error| error.status());
            assert_eq!(error, Some(status), "{lines:?}");
        }
        let bytes = Fragment::parse(b"a=candidate:\xff").err().unwrap();
        assert_eq!(bytes.status(), Status::Sdp);
        let large = Fragment::parse(&[b'a'; MAX_FRAGMENT + 1]).err().unwrap();
        assert_eq!(large.status(), Status::TooLarge);
    }

    #[test]
    fn a_restart_changes_both_credentials() {
        let known = |ufrag: &str, pwd: &str| IceCredentials {
            ufrag: ufrag.to_owned(),
            pwd: pwd.to_owned(),
        };
        let fragment = restart();
        let other = known("abcd", "0123456789012345678901");
        let new = fragment.restart(&other).unwrap().unwrap();
        assert_eq!((&*new.ufrag, &*new.pwd), ("ysXw", PWD));
        assert!(fragment.restart(&known("ysXw", PWD)).unwrap().is_none());
        for half in [known("ysXw", &other.pwd), known("abcd", PWD)] {
            let error = fragment.restart(&half).err().unwrap();
            assert_eq!(error.status(), Status::IceCredentials);
        }
        let candidates = parse(&[CANDIDATE]).unwrap();
        assert!(candidates.restart(&other).unwrap().is_none());
    }
}
