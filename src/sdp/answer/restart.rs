//! The response to an ICE restart.

use super::{Candidates, Lines, write_ice};
use crate::sdp::IceCredentials;

/// The body of the response to an ICE restart (RFC 8840 section 9): the changed lines of the answer, for
/// the section whose transport all others share. `section` comes from [`transport_section`].
pub fn restart_fragment(
    section: &str,
    ice: &IceCredentials,
    candidates: &Candidates<'_>,
) -> String {
    let mut sdp = Lines::default();
    sdp.0.push_str(section);
    write_ice(&mut sdp, ice);
    candidates.write(&mut sdp);
    sdp.0
}

/// The lines of an answer that say what our ICE agent is, and identify its bundle and the section whose transport all
/// others share.
pub fn transport_section(answer: &str) -> String {
    let mut lines = answer.split_inclusive('\n');
    let first = |start| lines.clone().find(|line| line.starts_with(start));
    let agent = [first("a=ice-lite"), first("a=ice-options:")];
    let bundle = first("a=group:BUNDLE");
    let section = lines.find(|line| {
        let port = line.split(' ').nth(1);
        line.starts_with("m=") && port != Some("0")
    });
    let mid = lines
        .take_while(|line| !line.starts_with("m="))
        .find(|line| line.starts_with("a=mid:"));
    let lines = agent.into_iter().chain([bundle, section, mid]);
    lines.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_first_section_that_is_not_refused() {
        let answer = "v=0\r\na=group:BUNDLE 1 2\r\na=ice-lite\r\na=ice-options:trickle ice2\r\na=mid:no\r\nm=audio 0 X 0\r\na=mid:0\r\n\
                      m=video 9 X 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\nm=audio 9 X 0\r\na=mid:2\r\n";
        let section = transport_section(answer);
        assert_eq!(
            section,
            "a=ice-lite\r\na=ice-options:trickle ice2\r\na=group:BUNDLE 1 2\r\nm=video 9 X 96\r\na=mid:1\r\n"
        );
        let ice = IceCredentials {
            ufrag: "ours".to_owned(),
            pwd: "password".to_owned(),
        };
        let address = "192.0.2.1:5000".parse().unwrap();
        let candidates = Candidates {
            hosts: &[address],
            tcp: &[address],
            ..Candidates::default()
        };
        let fragment = restart_fragment(&section, &ice, &candidates);
        assert_eq!(
            fragment,
            "a=ice-lite\r\na=ice-options:trickle ice2\r\na=group:BUNDLE 1 2\r\nm=video 9 X 96\r\na=mid:1\r\n\
             a=ice-ufrag:ours\r\na=ice-pwd:password\r\n\
             a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\n\
             a=candidate:2 1 tcp 1520435199 192.0.2.1 5000 typ host tcptype passive\r\n\
             a=end-of-candidates\r\n"
        );
    }

    #[test]
    fn without_bundle_and_mid_there_is_only_the_section() {
        let section = transport_section("v=0\r\nm=video 9 X 96\r\n");
        assert_eq!(section, "m=video 9 X 96\r\n");
    }
}
