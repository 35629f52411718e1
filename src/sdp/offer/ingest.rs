//! Reads what a media server answers to an offer of ours (WHIP, RFC 9725). It says what it takes, and how to reach it, so it is
//! read as an offer; besides, it chooses the role in DTLS, and names its candidates, which we are to check.

use std::net::{IpAddr, SocketAddr};

use super::{Attributes, Offer, Side, is_live, limits, unmarshal};
use crate::error::{Error, Result, Status};

/// Candidates that are looked at.
const MAX_LINES: usize = 128;

/// The answer of a media server.
pub struct IngestAnswer {
    /// What it takes.
    pub takes: Offer,
    /// It waits for our ClientHello.
    pub dtls_passive: bool,
    /// Where it may be reached over UDP, best first, and the priority of each.
    pub candidates: Vec<(SocketAddr, u32)>,
}

impl IngestAnswer {
    /// Parses and checks an answer. `limit`: candidates at most. `serves`: whether we can send there. Candidates of another
    /// kind (TCP, host names, component 2) are left out.
    ///
    /// Fails like [`Offer::parse`], with `Status::Codec` if nothing of the offer is taken, and with `Status::Ice` if a lite
    /// agent names no candidate that we can use.
    pub fn parse(
        sdp: &[u8],
        limit: usize,
        serves: impl Fn(IpAddr) -> bool,
    ) -> Result<IngestAnswer> {
        let takes = Offer::parse_within(sdp, &limits::STREAM, Side::Answer).map_err(|error| {
            let what = of_answer(error.message());
            Error::new(
                error.status(),
                format!("the ingest's SDP will not do: {what}"),
            )
        })?;
        let description = unmarshal(limits::STREAM.text(sdp)?)?;
        let session = Attributes(&description.attributes);
        let live = description
            .media_descriptions
            .iter()
            .filter(|&media| is_live(media));
        let live: Vec<Attributes<'_>> = live.map(|media| Attributes(&media.attributes)).collect();
        let mut setups = live.iter().filter_map(|section| section.first("setup"));
        // Without one, the answerer is passive (RFC 4145 section 4).
        let setup = setups.next().or_else(|| session.first("setup"));
        let levels = || std::iter::once(&session).chain(&live);
        let lines = levels().flat_map(|level| level.all("candidate"));
        let mut candidates: Vec<(SocketAddr, u32)> = Vec::new();
        for candidate in lines.take(MAX_LINES).filter_map(usable) {
            let known = candidates.iter().any(|known| known.0 == candidate.0);
            if !known && serves(candidate.0.ip()) {
                candidates.push(candidate);
            }
        }
        candidates.sort_by_key(|&(_, priority)| std::cmp::Reverse(priority));
        candidates.truncate(limit);
        let lite = levels().any(|level| level.has("ice-lite"));
        if lite && candidates.is_empty() {
            return Err(Error::new(
                Status::Ice,
                "the ingest's answer has no candidate that can be used: it needs one over UDP with an IP address of \
                 a family that this gateway has",
            ));
        }
        Ok(IngestAnswer {
            takes,
            dtls_passive: setup != Some("active"),
            candidates,
        })
    }
}

/// What is wrong with an offer, said of an answer: without what a browser should do about it.
fn of_answer(message: &str) -> String {
    let what = message.split(": ").next().unwrap_or(message);
    let what = what
        .strip_suffix(", which no browser writes")
        .unwrap_or(what);
    what.replace("the offer", "the answer")
}

/// `<foundation> <component> <transport> <priority> <address> <port> typ ...` (RFC 8839 section 5.1), if it can be used.
fn usable(value: &str) -> Option<(SocketAddr, u32)> {
    let mut words = value.split_ascii_whitespace();
    let (_foundation, component) = (words.next()?, words.next()?);
    let transport = words.next()?;
    let priority = words.next()?.parse().ok()?;
    // Host names, of mDNS above all, are nobody's outside of the ingest's network.
    let ip: IpAddr = words.next()?.parse().ok()?;
    let port = words.next()?.parse().ok().filter(|&port| port != 0)?;
    let ip = ip.to_canonical();
    let somebody = match ip {
        IpAddr::V4(ip) => !(ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast()),
        // A link-local address says nothing without an interface.
        IpAddr::V6(ip) => !(ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local()),
    };
    let fits = component == "1"
        && transport.eq_ignore_ascii_case("udp")
        && words.next() == Some("typ")
        && somebody;
    fits.then(|| (SocketAddr::new(ip, port), priority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(session: &str, section: &str) -> String {
        format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n{session}\
             m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\n\
             a=rtpmap:96 H264/90000\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n\
             a=fingerprint:sha-256 {}\r\n{section}",
            ["AB"; 32].join(":")
        )
    }

    fn parse(session: &str, section: &str) -> Result<IngestAnswer> {
        IngestAnswer::parse(answer(session, section).as_bytes(), 3, |_| true)
    }

    #[test]
    fn what_can_be_used_is_taken() {
        let lines = "a=candidate:1 1 udp 5 192.0.2.1 5000 typ host\r\n\
                     a=candidate:1 1 udp 5 192.0.2.1 5000 typ host generation 0\r\n\
                     a=candidate:1 2 udp 9 192.0.2.9 5001 typ host\r\n\
                     a=candidate:1 1 tcp 9 192.0.2.9 5000 typ host tcptype passive\r\n\
                     a=candidate:2 1 UDP 7 2001:db8::1 5000 typ srflx raddr :: rport 0\r\n\
                     a=candidate:3 1 udp 9 example.local 5000 typ host\r\n\
                     a=candidate:3 1 udp 9 sfu.example.com 5000 typ host\r\n\
                     a=candidate:3 1 udp 9 0.0.0.0 5000 typ host\r\n\
                     a=candidate:3 1 udp 9 239.1.1.1 5000 typ host\r\n\
                     a=candidate:3 1 udp 9 255.255.255.255 5000 typ host\r\n\
                     a=candidate:3 1 udp 9 fe80::1 5000 typ host\r\n\
                     a=candidate:3 1 udp 9 192.0.2.3 0 typ host\r\n\
                     a=candidate:3 1 udp x 192.0.2.3 1 typ host\r\n\
                     a=candidate:short\r\na=end-of-candidates\r\na=setup:passive\r\n";
        let read = parse("a=ice-lite\r\n", lines).unwrap();
        let texts: Vec<String> = read.candidates.iter().map(|c| c.0.to_string()).collect();
        assert_eq!(texts, ["[2001:db8::1]:5000", "192.0.2.1:5000"]);
        assert!(read.dtls_passive);
        let many: String = (1..100)
            .map(|i| format!("a=candidate:1 1 udp {i} 192.0.2.{i} 5000 typ host\r\n"))
            .collect();
        let read = parse("", &many).unwrap();
        assert_eq!(read.candidates.len(), 3);
        assert_eq!(read.candidates[0].1, 99);
    }

    #[test]
    fn the_answer_chooses_the_role() {
        for (line, passive) in [
            ("a=setup:active\r\n", false),
            ("a=setup:passive\r\n", true),
            ("a=setup:actpass\r\n", true),
            ("", true),
        ] {
            assert_eq!(parse("", line).unwrap().dtls_passive, passive, "{line}");
            assert_eq!(parse(line, "").unwrap().dtls_passive, passive, "{line}");
        }
    }

    #[test]
    fn a_full_agent_may_come_to_us_and_a_lite_one_never_does() {
        assert!(parse("", "").unwrap().candidates.is_empty());
        let error = parse("a=ice-lite\r\n", "").err().unwrap();
        assert_eq!(error.status(), Status::Ice);
        // What we cannot send to is as good as none.
        let lite = answer(
            "a=ice-lite\r\n",
            "a=candidate:1 1 udp 5 2001:db8::1 5000 typ host\r\n",
        );
        let error = IngestAnswer::parse(lite.as_bytes(), 3, |ip| ip.is_ipv4()).err();
        assert_eq!(error.unwrap().status(), Status::Ice);
    }

    #[test]
    fn what_is_no_answer_is_said() {
        for (text, status) in [
            (String::new(), Status::Sdp),
            ("<html>".to_owned(), Status::Sdp),
            (
                answer("", "").replace("a=ice-ufrag:abcd\r\n", ""),
                Status::IceCredentials,
            ),
            (
                answer("", "").replace("sha-256", "md5"),
                Status::Fingerprint,
            ),
            (
                answer("", "").replace("m=video 9", "m=video 0"),
                Status::Codec,
            ),
        ] {
            let error = IngestAnswer::parse(text.as_bytes(), 3, |_| true)
                .err()
                .unwrap();
            assert_eq!(error.status(), status, "{error}");
            for of_browsers in ["the offer", "browser", "viewer", "transceiver", "RTCPeer"] {
                assert!(!error.message().contains(of_browsers), "{error}");
            }
        }
    }
}
