//! The session description of a camera (RFC 4566), of which little is needed: tracks, encodings,
//! control URLs. Everything else may be missing, broken, or in any order.

use std::fmt;
use std::net::IpAddr;

use super::message::{leading_number, lines};
use crate::source::rtp::Section;
use crate::source::{Quirk, Quirks};

/// Cameras with several lenses and languages have eight.
const MAX_TRACKS: usize = 32;
/// Payload types of one track.
const MAX_FORMATS: usize = 16;
/// Of one `a=fmtp`, which may come in several lines.
const MAX_PARAMETERS: usize = 16 << 10;

/// What the camera offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The URL of the whole, if it is given and not `*`.
    pub control: Option<String>,
    pub tracks: Vec<Track>,
    /// Where it is sent to, for multicast.
    pub address: Option<IpAddr>,
}

/// What is offered, in a line: `video "h264", audio "pcma" or "pcmu"`.
impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, track) in self.tracks.iter().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}{}", track.media.escape_debug())?;
            for (i, section) in track.formats.iter().enumerate() {
                let separator = if i == 0 { "" } else { " or" };
                write!(f, "{separator} {:?}", section.encoding_name)?;
            }
        }
        Ok(())
    }
}

/// A media section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Track {
    /// Lower case: "video".
    pub media: String,
    /// As in "RTP/AVP".
    pub protocol: String,
    /// For multicast; 0 usually.
    pub port: u16,
    /// Its encodings, one per payload type, in the order of preference.
    pub formats: Vec<Section>,
    /// Its URL or a part of one.
    pub control: Option<String>,
    /// The client is to send: a loudspeaker, usually.
    pub sendonly: bool,
    /// It is sent encrypted (SRTP), and there are keys for that.
    pub has_keys: bool,
    pub address: Option<IpAddr>,
}

impl Description {
    /// Reads what can be read. Never fails: without tracks there are none.
    pub fn parse(body: &[u8], quirks: &mut Quirks) -> Description {
        let mut description = Description::default();
        // `a=rtpmap` and `a=fmtp` of a section, and those in front of all sections.
        let mut common = Attributes::default();
        let mut own = Attributes::default();
        let (mut seen, mut broken) = ([false; 4], false);
        for line in lines(body) {
            let line = line.trim_start_matches('\u{feff}').trim();
            let Some((kind, value)) = line.split_once('=') else {
                broken |= !line.is_empty();
                continue;
            };
            let (kind, value) = (kind.trim(), value.trim());
            let track = description.tracks.last_mut();
            match kind {
                "v" => seen[0] = true,
                "o" => {
                    seen[1] = true;
                    broken |= value.split_whitespace().count() < 6;
                }
                "s" => seen[2] = true,
                "t" => seen[3] = true,
                "c" => {
                    let address = address(value);
                    broken |= address.is_none();
                    match track {
                        Some(track) => track.address = address,
                        None => description.address = address,
                    }
                }
                "m" | "M" => {
                    let finished = std::mem::take(&mut own);
                    if let Some(track) = track {
                        finished.apply(track, &common, quirks);
                    }
                    if description.tracks.len() == MAX_TRACKS {
                        return description;
                    }
                    description.tracks.push(Track::parse(value));
                }
                "a" | "A" => match track {
                    Some(track) if !own.take(value) => track.attribute(value),
                    Some(_) => {}
                    None if common.take(value) => {}
                    None => {
                        if let Some(control) = attribute(value, "control") {
                            description.control = url(control);
                        }
                    }
                },
                _ => {}
            }
        }
        if let Some(track) = description.tracks.last_mut() {
            own.apply(track, &common, quirks);
        }
        if broken || seen.contains(&false) {
            quirks.note(Quirk::SdpLines, 1);
        }
        let crlfs = body.windows(2).filter(|pair| pair == b"\r\n").count();
        let crs = body.iter().filter(|&&byte| byte == b'\r').count();
        if crs != crlfs || body.contains(&0) || std::str::from_utf8(body).is_err() {
            quirks.note(Quirk::SdpText, 1);
        }
        let tracks = &description.tracks;
        if tracks.len() > 1 && tracks.iter().any(|track| track.control.is_none()) {
            quirks.note(Quirk::SdpControl, 1);
        }
        description
    }
}

impl Track {
    fn parse(line: &str) -> Track {
        let words: Vec<&str> = line.split_whitespace().collect();
        // The port may be missing. "application/TP-LINK" comes first and is no protocol.
        let protocol = words
            .iter()
            .skip(1)
            .position(|word| word.contains('/') && !word.contains("://"))
            .map(|at| at + 1);
        let protocol =
            protocol.filter(|&at| at <= 2 && words[at].starts_with(|c: char| c.is_alphabetic()));
        let formats = protocol.map_or(3, |at| at + 1).min(words.len());
        let payload_types = words[formats..]
            .iter()
            .filter_map(|word| word.parse::<u8>().ok());
        let mut track = Track {
            media: words.first().unwrap_or(&"").to_ascii_lowercase(),
            protocol: protocol.map_or(String::new(), |at| words[at].to_owned()),
            port: words
                .get(1)
                .and_then(|port| leading_number(port))
                .unwrap_or(0) as u16,
            ..Track::default()
        };
        payload_types.for_each(|payload_type| track.add(payload_type));
        track
    }

    fn add(&mut self, payload_type: u8) {
        let known = self
            .formats
            .iter()
            .any(|format| format.payload_type == payload_type);
        if payload_type < 128 && !known && self.formats.len() < MAX_FORMATS {
            self.formats.push(Section {
                media: self.media.clone(),
                payload_type,
                ..Section::default()
            });
        }
    }

    fn attribute(&mut self, text: &str) {
        if let Some(control) = attribute(text, "control") {
            self.control = url(control);
        }
        self.sendonly |= text.eq_ignore_ascii_case("sendonly");
        let is_key = ["crypto", "key-mgmt"]
            .iter()
            .any(|name| attribute(text, name).is_some());
        self.has_keys |= is_key && self.protocol.to_ascii_uppercase().contains("SAVP");
    }
}

/// `a=rtpmap` and `a=fmtp`, each with its payload type if there is one.
#[derive(Default)]
struct Attributes {
    maps: Vec<(Option<u8>, String)>,
    parameters: Vec<(Option<u8>, String)>,
}

impl Attributes {
    /// False if it is another attribute.
    fn take(&mut self, text: &str) -> bool {
        let (list, value) = match (attribute(text, "rtpmap"), attribute(text, "fmtp")) {
            (Some(value), _) => (&mut self.maps, value),
            (_, Some(value)) => (&mut self.parameters, value),
            _ => return false,
        };
        let (first, rest) = value.split_once([' ', '\t']).unwrap_or((value, ""));
        let size: usize = list.iter().map(|(_, text)| text.len()).sum();
        if list.len() < 2 * MAX_FORMATS && size + value.len() <= MAX_PARAMETERS {
            list.push(match first.parse() {
                Ok(payload_type) => (Some(payload_type), rest.trim().to_owned()),
                Err(_) => (None, value.to_owned()),
            });
        }
        true
    }

    /// Completes the formats of a section.
    fn apply(self, track: &mut Track, common: &Attributes, quirks: &mut Quirks) {
        if track.protocol.to_ascii_uppercase().starts_with("RTP") || track.protocol.is_empty() {
            // A map is a format, even if the line above does not list it.
            let mapped: Vec<u8> = self.maps.iter().filter_map(|(number, _)| *number).collect();
            mapped.into_iter().for_each(|number| track.add(number));
        }
        if track.formats.is_empty() && !self.maps.is_empty() {
            track.add(96);
        }
        let mut odd = false;
        for (i, format) in track.formats.iter_mut().enumerate() {
            let of = |list: &'_ [(Option<u8>, String)], with_unnumbered| -> Vec<String> {
                let mine = list.iter().filter(|(number, _)| match number {
                    Some(number) => *number == format.payload_type,
                    None => with_unnumbered && i == 0,
                });
                mine.map(|(_, text)| text.clone()).collect()
            };
            let mut parameters = of(&self.parameters, true);
            parameters.extend(of(&common.parameters, false));
            let map = of(&self.maps, true).pop();
            let map = map.or_else(|| of(&common.maps, false).pop());
            format.fmtp = parameters.join(";");
            odd |= !name(format, map.as_deref());
        }
        if odd {
            quirks.note(Quirk::SdpRtpmap, 1);
        }
    }
}

/// Names the encoding. False if that was a guess.
fn name(format: &mut Section, map: Option<&str>) -> bool {
    let mut parts = map.unwrap_or_default().split('/').map(str::trim);
    let encoding = parts.next().unwrap_or_default();
    format.encoding_name = encoding.to_ascii_lowercase();
    format.clock_rate = parts.next().and_then(leading_number).unwrap_or(0) as u32;
    format.channels = parts.next().and_then(leading_number).unwrap_or(0).min(255) as u8;
    if !encoding.is_empty() {
        let fixed = static_type(format.payload_type);
        let fixed = fixed.filter(|fixed| fixed.0 == format.encoding_name);
        if format.clock_rate == 0 {
            format.clock_rate = match (&*format.media, fixed) {
                (_, Some((_, rate, _))) => rate,
                ("video", None) => 90_000,
                (_, None) => only_rate(&format.encoding_name),
            };
            return false;
        }
        return true;
    }
    if let Some((encoding, rate, channels)) = static_type(format.payload_type) {
        format.encoding_name = encoding.to_owned();
        (format.clock_rate, format.channels) = (rate, channels);
        return true;
    }
    let parameters = format.fmtp.to_ascii_lowercase();
    let guess = match &*format.media {
        "video" if parameters.contains("sprop-vps") => ("h265", 90_000),
        "video" => ("h264", 90_000),
        "audio" if parameters.contains("mode=aac") => ("mpeg4-generic", 0),
        _ => return false,
    };
    format.encoding_name = guess.0.to_owned();
    format.clock_rate = guess.1;
    false
}

/// The clock rate of encodings of sound that have one (RFC 3551 section 4.5, RFC 7587), or nearly always; 0 for others.
fn only_rate(encoding: &str) -> u32 {
    match encoding {
        "opus" => 48_000,
        "pcmu" | "pcma" | "g722" => 8000,
        name if name.contains("g726-") => 8000,
        _ => 0,
    }
}

/// Encoding, clock rate and channels of the payload types of RFC 3551 section 6.
fn static_type(payload_type: u8) -> Option<(&'static str, u32, u8)> {
    Some(match payload_type {
        0 => ("pcmu", 8000, 1),
        // Reserved since, but some still use it.
        2 => ("g726-32", 8000, 1),
        3 => ("gsm", 8000, 1),
        4 => ("g723", 8000, 1),
        5 => ("dvi4", 8000, 1),
        6 => ("dvi4", 16_000, 1),
        7 => ("lpc", 8000, 1),
        8 => ("pcma", 8000, 1),
        9 => ("g722", 8000, 1),
        10 => ("l16", 44_100, 2),
        11 => ("l16", 44_100, 1),
        12 => ("qcelp", 8000, 1),
        14 => ("mpa", 90_000, 0),
        15 => ("g728", 8000, 1),
        18 => ("g729", 8000, 1),
        26 => ("jpeg", 90_000, 0),
        31 => ("h261", 90_000, 0),
        32 => ("mpv", 90_000, 0),
        33 => ("mp2t", 90_000, 0),
        34 => ("h263", 90_000, 0),
        _ => return None,
    })
}

/// The value of an attribute with this name.
fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = text.split_once(':')?;
    key.trim()
        .eq_ignore_ascii_case(name)
        .then_some(value.trim())
}

/// A control URL; `*` and nothing say that there is none.
fn url(text: &str) -> Option<String> {
    let text = text.trim_matches('"').trim();
    (!text.is_empty() && text != "*").then(|| text.to_owned())
}

/// The address of a `c=` line.
fn address(text: &str) -> Option<IpAddr> {
    let word = text.split_whitespace().nth(2)?;
    word.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Description, Vec<&'static str>) {
        let mut quirks = Quirks::default();
        let description = Description::parse(text.as_bytes(), &mut quirks);
        let told = quirks.iter().map(|(quirk, _)| quirk.name()).collect();
        (description, told)
    }

    const HEAD: &str = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\n";
    const VIDEO: &str = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n";

    fn is_h264(description: &Description) {
        let [track] = &description.tracks[..] else {
            panic!("{description:?}");
        };
        assert_eq!(track.media, "video");
        assert_eq!(track.control.as_deref(), Some("track1"));
        let format = &track.formats[0];
        assert_eq!((format.payload_type, &*format.encoding_name), (96, "h264"));
        assert_eq!(format.clock_rate, 90_000);
    }

    #[test]
    fn what_surrounds_the_tracks_does_not_matter() {
        for (head, quirks) in [
            (HEAD, &[][..]),
            ("", &["sdp-lines"]),
            (
                "v=0\r\no=- 0 0 IN\r\ns=x\r\nc=IN \r\nt=0 0\r\n",
                &["sdp-lines"],
            ),
            ("v=0\r\no=- 0 -1 IN IP4 1.2.3.4\r\ns=x\r\nt=0 0\r\n", &[]),
            ("v=0\r\no=\r\ns=\r\nt=\r\n", &["sdp-lines"]),
            ("t=0 0\r\ns=x\r\no=- 0 0 IN IP4 h\r\nv=0\r\n", &[]),
            (
                "\r\n\r\nv=0\r\no=- 0 0 IN IP4 h\r\ns=x\r\nt=0 0\r\nz\r\n",
                &["sdp-lines"],
            ),
            ("\u{feff}v=0\r\no=- 0 0 IN IP4 h\r\ns=x\r\nt=0 0\r\n", &[]),
            (
                "v=0\r\no=- 0 0 IN IP4 h\r\ns=x\r\nt=0 0\r\na=control:*\r\na=range:npt=now-\r\nb=AS:5\r\n",
                &[],
            ),
        ] {
            let (description, told) = parse(&format!("{head}{VIDEO}"));
            is_h264(&description);
            assert_eq!(told, quirks, "{head:?}");
        }
    }

    #[test]
    fn however_its_lines_end() {
        let text = format!("{HEAD}{VIDEO}");
        for (end, quirks) in [
            ("\n", &[][..]),
            ("\r", &["sdp-text"]),
            ("\0", &["sdp-text"]),
        ] {
            let (description, told) = parse(&text.replace("\r\n", end));
            is_h264(&description);
            assert_eq!(told, quirks, "{end:?}");
        }
        is_h264(&parse(text.trim_end()).0);
        is_h264(&parse(&text.replace("\r\n", " \r\n  ")).0);
        let mut bytes = format!("{HEAD}i=").into_bytes();
        bytes.extend([0xff, 0xfe, b'\r', b'\n']);
        bytes.extend(VIDEO.as_bytes());
        is_h264(&Description::parse(&bytes, &mut Quirks::default()));
    }

    #[test]
    fn encodings_that_are_not_said_as_they_should_be() {
        let table = [
            ("video 0 RTP/AVP 96", "", ("h264", 90_000, 0)),
            (
                "video 0 RTP/AVP 96",
                "a=fmtp:96 sprop-vps=QAE=\r\n",
                ("h265", 90_000, 0),
            ),
            (
                "video 0 RTP/AVP 96",
                "a=rtpmap:96 H265\r\n",
                ("h265", 90_000, 0),
            ),
            (
                "video 0 RTP/AVP 96",
                "a=rtpmap: 96  H265 / 90000 \r\n",
                ("h265", 90_000, 0),
            ),
            (
                "video 0 RTP/AVP 96",
                "a=rtpmap:H265/90000\r\n",
                ("h265", 90_000, 0),
            ),
            (
                "video 0 RTP/AVP",
                "a=rtpmap:96 H265/90000\r\n",
                ("h265", 90_000, 0),
            ),
            (
                "video RTP/AVP 96",
                "a=rtpmap:96 H265/90000\r\n",
                ("h265", 90_000, 0),
            ),
            (
                "video 0 RTP/AVP 98",
                "a=rtpmap:98 H265/90000/0\r\n",
                ("h265", 90_000, 0),
            ),
            ("audio 0 RTP/AVP 0", "", ("pcmu", 8000, 1)),
            (
                "audio 0 RTP/AVP 8",
                "a=rtpmap:8 PCMA\r\n",
                ("pcma", 8000, 0),
            ),
            (
                "audio 0 RTP/AVP 97",
                "a=rtpmap:97 MPEG4-GENERIC/48000/2\r\n",
                ("mpeg4-generic", 48_000, 2),
            ),
            ("video 0 RTP/AVP 26", "", ("jpeg", 90_000, 0)),
            // Without a rate, or with none.
            (
                "audio 0 RTP/AVP 97",
                "a=rtpmap:97 PCMU\r\n",
                ("pcmu", 8000, 0),
            ),
            (
                "audio 0 RTP/AVP 97",
                "a=rtpmap:97 PCMA/0\r\n",
                ("pcma", 8000, 0),
            ),
            (
                "audio 0 RTP/AVP 97",
                "a=rtpmap:97 G722/\r\n",
                ("g722", 8000, 0),
            ),
            (
                "audio 0 RTP/AVP 97",
                "a=rtpmap:97 AAL2-G726-24\r\n",
                ("aal2-g726-24", 8000, 0),
            ),
            (
                "audio 0 RTP/AVP 97",
                "a=rtpmap:97 opus\r\n",
                ("opus", 48_000, 0),
            ),
            ("audio 0 RTP/AVP 97", "a=rtpmap:97 L16\r\n", ("l16", 0, 0)),
        ];
        for (media, attributes, expected) in table {
            let (description, _) = parse(&format!("{HEAD}m={media}\r\n{attributes}"));
            let format = &description.tracks[0].formats[0];
            let got = (&*format.encoding_name, format.clock_rate, format.channels);
            assert_eq!(got, expected, "{media} {attributes}");
        }
    }

    #[test]
    fn several_formats_and_their_parameters() {
        let text = "a=fmtp:99 d=4\r\nm=video 0 RTP/AVP 96 97 96 x 300\r\na=rtpmap:97 H265/90000\r\n\
                    a=fmtp:96 a=1; b=2\r\na=fmtp:96 c=3\r\na=rtpmap:96 H264/90000\r\na=rtpmap:99 JPEG/90000\r\n";
        let (description, _) = parse(text);
        let formats = &description.tracks[0].formats;
        let types: Vec<u8> = formats.iter().map(|format| format.payload_type).collect();
        assert_eq!(types, [96, 97, 99]);
        assert_eq!(formats[0].fmtp, "a=1; b=2;c=3");
        assert_eq!(formats[1].encoding_name, "h265");
        assert_eq!(formats[2].fmtp, "d=4");
    }

    #[test]
    fn controls_directions_and_addresses() {
        let text = "c=IN IP4 239.1.2.3/127\r\na=control:rtsp://h/a\r\nm=audio 5004 RTP/AVP 0\r\na=Control: \"t=1\" \r\n\
                    a=sendonly\r\nc=IN IP4 239.1.2.4/64/2\r\nm=video 0 RTP/AVP 96\r\na=control:*\r\n";
        let (description, told) = parse(text);
        assert_eq!(description.control.as_deref(), Some("rtsp://h/a"));
        assert_eq!(description.address, "239.1.2.3".parse().ok());
        let [audio, video] = &description.tracks[..] else {
            panic!("{description:?}");
        };
        assert_eq!(audio.control.as_deref(), Some("t=1"));
        assert!(audio.sendonly && !video.sendonly);
        assert_eq!(
            (audio.port, audio.address),
            (5004, "239.1.2.4".parse().ok())
        );
        assert_eq!(video.control, None);
        assert!(told.contains(&"sdp-control"), "{told:?}");
    }

    #[test]
    fn it_is_bounded() {
        let long = "a=fmtp:96 x=".to_owned() + &"y".repeat(60_000) + "\r\n";
        let many = format!("{HEAD}{}", format!("{VIDEO}{long}").repeat(100));
        let (description, _) = parse(&many);
        assert_eq!(description.tracks.len(), MAX_TRACKS);
        assert!(description.tracks[0].formats[0].fmtp.len() <= MAX_PARAMETERS);
        let types: Vec<String> = (0..2000).map(|n| (n % 128).to_string()).collect();
        let (description, _) = parse(&format!("m=video 0 RTP/AVP {}\r\n", types.join(" ")));
        assert_eq!(description.tracks[0].formats.len(), MAX_FORMATS);
    }

    #[test]
    fn any_bytes_will_do() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..3000 {
            let mut text = format!("{HEAD}{VIDEO}{VIDEO}").into_bytes();
            for _ in 0..random.usize(..30) {
                let at = random.usize(..text.len());
                text[at] = random.u8(..);
            }
            Description::parse(&text, &mut Quirks::default());
        }
    }
}
