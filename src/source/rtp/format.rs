//! What a media section of a session description says about its packets.

use crate::media::nal::append_nal;
use crate::media::{Codec, MediaKind, ParameterSets, h264};
use crate::source::audio;

/// A media section of a camera's session description, as it was read. Nothing is judged yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// The kind of media, in lower case: "video".
    pub media: String,
    /// The payload type that is read.
    pub payload_type: u8,
    /// Lower case, from `a=rtpmap`, or from RFC 3551 for a payload type that needs none.
    pub encoding_name: String,
    /// In Hz; 0 if it is not said.
    pub clock_rate: u32,
    /// 0 if it is not said.
    pub channels: u8,
    /// Parameters of `a=fmtp`, behind the payload type; empty if there are none.
    pub fmtp: String,
}

impl Section {
    /// The value of a parameter of `a=fmtp`; `name` in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.fmtp.split(';').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            let value = value.trim().trim_matches('"');
            key.trim().eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.parameter(name)?.parse().ok()
    }
}

/// How the packets of a track are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// What they carry.
    pub encoding: Encoding,
    /// Ticks per second of the RTP timestamps.
    pub clock_rate: u32,
    /// Packets of another type are of something else. `None` if any will do.
    pub payload_type: Option<u8>,
    /// NAL units of H.265 come with a decoding order number (RFC 7798 section 4.4).
    pub(super) has_order_numbers: bool,
    /// The SPS of H.264 whose pictures may be fields.
    pub(super) interlaced: Option<h264::Sps>,
    /// A host pushes the packets: markers are right, and numbers mean something.
    pub(super) pushed: bool,
}

/// What the packets of a track carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encoding {
    Video(Codec),
    Audio(audio::Encoding),
    /// XML documents of ONVIF (ONVIF Streaming Specification section 5.2.2).
    Metadata,
}

/// Why a section cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The encoding as people call it.
    pub encoding: String,
    /// What is wrong with it and what to do, to be put behind its name.
    pub reason: String,
}

impl Format {
    /// The format of a section.
    pub fn of(section: &Section) -> Result<Format, Unusable> {
        let encoding = Encoding::of(section)?;
        Ok(Format {
            clock_rate: match (&encoding, section.clock_rate) {
                // Always, whatever the section says.
                (Encoding::Video(codec), _) => codec.clock_rate(),
                (Encoding::Audio(audio::Encoding::Pass(codec)), _) => codec.clock_rate(),
                (Encoding::Metadata, 0) => 90_000,
                (Encoding::Audio(encoding), 0) => encoding.rate(),
                (_, rate) => rate,
            },
            payload_type: Some(section.payload_type),
            has_order_numbers: section
                .number("sprop-max-don-diff")
                .is_some_and(|most| most > 0),
            interlaced: sets(section, Codec::H264)
                .filter_map(|set| h264::Sps::read(without_start_code(&set)))
                .find(|sps| !sps.frames_only),
            pushed: false,
            encoding,
        })
    }

    /// The format of packets that a host pushes.
    pub fn pushed(codec: Codec) -> Format {
        let encoding = match codec.kind() {
            MediaKind::Video => Encoding::Video(codec),
            MediaKind::Audio => Encoding::Audio(audio::Encoding::Pass(codec)),
        };
        Format::pushed_as(encoding, codec.clock_rate())
    }

    /// The format of what a host pushes.
    pub fn pushed_as(encoding: Encoding, clock_rate: u32) -> Format {
        Format {
            encoding,
            clock_rate,
            payload_type: None,
            has_order_numbers: false,
            interlaced: None,
            pushed: true,
        }
    }
}

impl Encoding {
    fn of(section: &Section) -> Result<Encoding, Unusable> {
        let name = section.encoding_name.as_str();
        let unusable = |encoding: &str, reason: &str| {
            Err(Unusable {
                encoding: encoding.to_owned(),
                reason: reason.to_owned(),
            })
        };
        match (section.media.as_str(), name) {
            // Some call the section of an audio track "video" or the other way around.
            (_, "h264") => Ok(Encoding::Video(Codec::H264)),
            (_, "h265" | "hevc") => Ok(Encoding::Video(Codec::H265)),
            (_, "av1") => Ok(Encoding::Video(Codec::Av1)),
            (_, "vnd.onvif.metadata") => Ok(Encoding::Metadata),
            (_, "jpeg") => unusable(
                "MJPEG",
                "cannot be sent to browsers: set this stream of the camera to H.264, or use the \
                 URL of a stream that is",
            ),
            ("audio", _) => {
                audio::Encoding::of(name, section.clock_rate, section.channels, &section.fmtp)
                    .map(Encoding::Audio)
                    .map_err(|reason| Unusable {
                        encoding: name.to_uppercase(),
                        reason,
                    })
            }
            _ => unusable(&name.to_uppercase(), "is not supported"),
        }
    }
}

/// Parameter sets in a section's parameters, if all are there.
pub fn parameter_sets(section: &Section, codec: Codec) -> Option<ParameterSets> {
    let mut unit = Vec::new();
    for set in sets(section, codec) {
        append_nal(&mut unit, without_start_code(&set));
    }
    ParameterSets::find(codec, &unit)
}

fn sets(section: &Section, codec: Codec) -> impl Iterator<Item = Vec<u8>> {
    let names: &[&str] = match codec {
        Codec::H264 => &["sprop-parameter-sets"],
        Codec::H265 => &["sprop-vps", "sprop-sps", "sprop-pps"],
        _ => &[],
    };
    let values = names.iter().filter_map(|name| section.parameter(name));
    values.flat_map(|value| value.split(',')).filter_map(base64)
}

/// Some cameras encode the start code as well.
fn without_start_code(set: &[u8]) -> &[u8] {
    let zeros = set.iter().take_while(|&&byte| byte == 0).count();
    match set.get(zeros) {
        Some(1) if zeros >= 2 => &set[zeros + 1..],
        _ => set,
    }
}

/// Decodes what can be decoded: padding may be missing, and blanks are skipped.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut bits = 0_u32;
    let mut count = 0;
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => break,
            _ if byte.is_ascii_whitespace() => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(media: &str, encoding_name: &str, fmtp: &str) -> Section {
        Section {
            media: media.to_owned(),
            payload_type: 96,
            encoding_name: encoding_name.to_owned(),
            clock_rate: 90_000,
            channels: 0,
            fmtp: fmtp.to_owned(),
        }
    }

    #[test]
    fn video_is_read_whatever_its_clock_is_said_to_be() {
        for (name, codec) in [
            ("h264", Codec::H264),
            ("h265", Codec::H265),
            ("hevc", Codec::H265),
            ("av1", Codec::Av1),
        ] {
            let odd = Section {
                clock_rate: 0,
                ..section("video", name, "")
            };
            let format = Format::of(&odd).unwrap();
            assert_eq!(format.encoding, Encoding::Video(codec));
            assert_eq!(format.clock_rate, 90_000);
            assert_eq!(format.payload_type, Some(96));
        }
    }

    #[test]
    fn what_cannot_be_used_has_a_sentence() {
        let refused = Format::of(&section("video", "jpeg", "")).unwrap_err();
        assert_eq!(refused.encoding, "MJPEG");
        assert!(refused.reason.contains("H.264"), "{refused:?}");
        let refused = Format::of(&section("video", "mp4v-es", "")).unwrap_err();
        assert_eq!(refused.encoding, "MP4V-ES");
        let refused = Format::of(&section("audio", "vorbis", "")).unwrap_err();
        assert!(!refused.reason.is_empty());
    }

    #[test]
    fn metadata_is_no_video() {
        let section = Section {
            clock_rate: 0,
            ..section("application", "vnd.onvif.metadata", "")
        };
        assert_eq!(Format::of(&section).unwrap().encoding, Encoding::Metadata);
    }

    #[test]
    fn parameter_sets_are_found() {
        for sets in [
            "Z0IAHvQFAeyA,aM48gA==",
            "Z0IAHvQFAeyA,aM48gA",
            " Z0IA HvQFAeyA , aM48gA== ,",
            "AAAAAWdCAB70BQHsgA==,AAABaM48gA==",
            "aM48gA==,Z0IAHvQFAeyA",
            "\"Z0IAHvQFAeyA,aM48gA==\"",
        ] {
            let fmtp = format!("packetization-mode=1; Sprop-Parameter-Sets={sets};x");
            let found = parameter_sets(&section("video", "h264", &fmtp), Codec::H264);
            let Some(ParameterSets::H264(found)) = found else {
                panic!("{sets}");
            };
            assert_eq!(found.sps.first()[..4], [0x67, 0x42, 0, 0x1e], "{sets}");
        }
        for sets in ["Z0IAHvQFAeyA", "", "!!,??", ",", "AAAA,AAAA"] {
            let fmtp = format!("sprop-parameter-sets={sets}");
            let found = parameter_sets(&section("video", "h264", &fmtp), Codec::H264);
            assert_eq!(found, None, "{sets}");
        }
        let fmtp = "sprop-vps=QAEMAf//AWAAAAMAkAAAAwAAAwB4lZgJ;sprop-sps=QgEBAWAAAAMAkAAAAwAAAwB4oAPAgBDlllZpJMrwFoCAAAADAIAAAAyE;sprop-pps=RAHBcrRiQA==";
        assert!(parameter_sets(&section("video", "h265", fmtp), Codec::H265).is_some());
        assert!(parameter_sets(&section("video", "av1", fmtp), Codec::Av1).is_none());
    }

    #[test]
    fn order_numbers_are_announced() {
        let with = |fmtp| {
            let format = Format::of(&section("video", "h265", fmtp)).unwrap();
            format.has_order_numbers
        };
        assert!(with("sprop-max-don-diff=2"));
        assert!(!with("sprop-max-don-diff=0"));
        assert!(!with(""));
    }
}
