//! The Transport header (RFC 2326 section 12.39).

use std::net::IpAddr;

use super::message::leading_number;
use crate::source::{Quirk, Quirks};

/// How a track is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lower {
    /// In the connection, on channels of the client's choice.
    Interleaved,
    /// To this port of ours, and RTCP to the next one.
    Udp { port: u16 },
    /// To a group of the camera's choice.
    Multicast,
}

/// What a server says of how it sends a track.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Channels of RTP and RTCP.
    pub interleaved: Option<(u8, u8)>,
    /// Ports that it sends from.
    pub server_port: Option<(u16, u16)>,
    /// Ports of a multicast group.
    pub port: Option<(u16, u16)>,
    /// Address that it sends from, if that is another than the connection's.
    pub source: Option<IpAddr>,
    /// Address of a multicast group.
    pub destination: Option<IpAddr>,
    pub ttl: Option<u8>,
    pub ssrc: Option<u32>,
    pub multicast: bool,
}

impl Lower {
    /// The header of a request; `channel`: the first of two for interleaved media.
    pub fn header(self, channel: u8) -> String {
        match self {
            Lower::Interleaved => {
                let next = channel.saturating_add(1);
                format!("RTP/AVP/TCP;unicast;interleaved={channel}-{next}")
            }
            Lower::Udp { port } => {
                let next = port.saturating_add(1);
                format!("RTP/AVP;unicast;client_port={port}-{next}")
            }
            Lower::Multicast => "RTP/AVP;multicast".to_owned(),
        }
    }
}

impl Answer {
    /// Reads what can be read.
    pub fn parse(text: &str, quirks: &mut Quirks) -> Answer {
        let mut answer = Answer::default();
        let mut odd = text.contains("; ") || text.contains(" ;");
        let (mut specifications, mut from) = (0, 0);
        while from < text.len() {
            let end = text[from..]
                .find([';', ','])
                .map_or(text.len(), |at| from + at);
            let part = text[from..end].trim();
            let after_comma = from > 0 && text.as_bytes().get(from - 1) == Some(&b',');
            from = end + 1;
            if part
                .get(..4)
                .is_some_and(|start| start.eq_ignore_ascii_case("RTP/"))
            {
                specifications += 1;
                if specifications > 1 {
                    break;
                }
                continue;
            }
            odd |= after_comma || (part.is_empty() && from < text.len());
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim().trim_matches('"');
            odd |= part.ends_with('=');
            match name.trim().to_ascii_lowercase().as_str() {
                "interleaved" => answer.interleaved = pair(value),
                "server_port" => answer.server_port = pair(value),
                "port" => answer.port = pair(value),
                "source" => answer.source = value.parse().ok(),
                "destination" => answer.destination = value.parse().ok(),
                "ttl" => answer.ttl = value.parse().ok(),
                "ssrc" => {
                    answer.ssrc = u32::from_str_radix(value.trim_start_matches("0x"), 16).ok()
                }
                "multicast" => answer.multicast = true,
                _ => {}
            }
        }
        if odd || specifications == 0 {
            quirks.note(Quirk::TransportSyntax, 1);
        }
        answer
    }
}

/// Two numbers; the second is the next one if it is missing.
fn pair<T: TryFrom<u64> + Copy>(text: &str) -> Option<(T, T)> {
    let first = leading_number(text)?;
    let second = text
        .split_once('-')
        .and_then(|(_, second)| leading_number(second));
    let second = second.unwrap_or(first.saturating_add(1));
    Some((T::try_from(first).ok()?, T::try_from(second).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Answer, bool) {
        let mut quirks = Quirks::default();
        let answer = Answer::parse(text, &mut quirks);
        (answer, quirks.iter().next().is_some())
    }

    #[test]
    fn what_is_asked_for() {
        let tcp = Lower::Interleaved.header(2);
        assert_eq!(tcp, "RTP/AVP/TCP;unicast;interleaved=2-3");
        let udp = Lower::Udp { port: 5000 }.header(0);
        assert_eq!(udp, "RTP/AVP;unicast;client_port=5000-5001");
        assert_eq!(Lower::Multicast.header(0), "RTP/AVP;multicast");
    }

    #[test]
    fn interleaved_channels() {
        for (text, channels, odd) in [
            ("RTP/AVP/TCP;unicast;interleaved=0-1", Some((0, 1)), false),
            (
                "RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=00000001;mode=\"PLAY\"",
                Some((2, 3)),
                false,
            ),
            (
                "RTP/AVP/TCP; unicast; interleaved=0-1; ssrc=1",
                Some((0, 1)),
                true,
            ),
            ("rtp/avp/tcp;unicast;Interleaved = 4", Some((4, 5)), false),
            (
                "RTP/AVP/TCP;unicast;source=;interleaved=0-1",
                Some((0, 1)),
                true,
            ),
            ("RTP/AVP/TCP;unicast,interleaved=0-1", Some((0, 1)), true),
            ("RTP/AVP/TCP;;unicast;interleaved=0-1;", Some((0, 1)), true),
            (
                "RTP/AVP/TCP;interleaved=0-1,RTP/AVP;interleaved=6-7",
                Some((0, 1)),
                false,
            ),
            ("interleaved=0-1", Some((0, 1)), true),
            ("RTP/AVP/TCP;unicast;interleaved=256-257", None, false),
            ("RTP/AVP/TCP;unicast", None, false),
            ("", None, true),
        ] {
            let (answer, was_odd) = parse(text);
            assert_eq!((answer.interleaved, was_odd), (channels, odd), "{text}");
        }
    }

    #[test]
    fn ports_and_addresses() {
        let (answer, odd) =
            parse("RTP/AVP;unicast;client_port=5-6;server_port=40000-40001,ssrc=FFFFCCCC");
        assert_eq!(
            (answer.server_port, answer.ssrc),
            (Some((40000, 40001)), Some(0xffff_cccc))
        );
        assert!(odd);
        let (answer, _) = parse("RTP/AVP;unicast;source=192.0.2.1;server_port=7;ssrc= zz");
        assert_eq!(answer.server_port, Some((7, 8)));
        assert_eq!(
            (answer.source, answer.ssrc),
            ("192.0.2.1".parse().ok(), None)
        );
        let (answer, _) = parse("RTP/AVP;multicast;destination=239.0.0.1;port=5004-5005;ttl=16");
        assert!(answer.multicast);
        assert_eq!(answer.destination, "239.0.0.1".parse().ok());
        assert_eq!((answer.port, answer.ttl), (Some((5004, 5005)), Some(16)));
        assert_eq!(parse("RTP/AVP;server_port=99999-1").0.server_port, None);
    }

    #[test]
    fn any_text_will_do() {
        let mut random = fastrand::Rng::with_seed(2);
        let alphabet: Vec<char> = "RTP/AVP;,=-0159 \"interleavdsourcé".chars().collect();
        for _ in 0..5000 {
            let text: String = (0..random.usize(..60))
                .map(|_| alphabet[random.usize(..alphabet.len())])
                .collect();
            parse(&text);
        }
    }
}
