//! What the frames of a track are.

use bytes::Bytes;

use super::SinkTrack;
use super::convert::{Form, joined};
use crate::media::{Codec, ParameterSets};
use crate::source::audio::{Aac, Encoding as Audio, G726Packing};
use crate::source::rtp::{Encoding, Format};

/// Codec and parameters of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkFormat {
    /// The track.
    pub track: SinkTrack,
    /// Its codec, if it is one that viewers can be sent.
    pub codec: Option<Codec>,
    /// Its encoding by name: that of [`Codec::encoding_name`] in capitals, or `AAC`, `AAC-LATM`, `G726-16`
    /// to `G726-40`, `AAL2-G726-16` to `AAL2-G726-40`, `L16`, and for metadata `VND.ONVIF.METADATA`.
    pub encoding: &'static str,
    /// Sampling rate of audio in Hz; 0 for other tracks.
    pub sample_rate: u32,
    /// Channels of audio; 0 for other tracks, and if it is not known.
    pub channels: u32,
    /// Width of video in pixels; 0 if it is not known.
    pub width: u32,
    /// Height of video in pixels; 0 if it is not known.
    pub height: u32,
    /// What a decoder needs in advance: parameter sets in the form of the frames, an AV1 sequence header
    /// as an OBU, an AudioSpecificConfig, a StreamMuxConfig of LATM that is not in the frames; otherwise
    /// empty.
    pub parameters: Bytes,
}

impl SinkFormat {
    /// Video with these parameter sets.
    pub(super) fn video(codec: Codec, sets: Option<&ParameterSets>, form: Form) -> SinkFormat {
        let size = sets.and_then(ParameterSets::dimensions);
        let (width, height) = size.unwrap_or_default();
        SinkFormat {
            track: SinkTrack::Video,
            codec: Some(codec),
            encoding: name(codec),
            width,
            height,
            parameters: sets.map_or_else(Bytes::new, |sets| joined(sets, form)),
            ..SinkFormat::metadata()
        }
    }

    /// Audio or metadata.
    pub(super) fn other(format: &Format) -> SinkFormat {
        match &format.encoding {
            Encoding::Audio(encoding) => audio(encoding, format.clock_rate),
            _ => SinkFormat::metadata(),
        }
    }

    fn metadata() -> SinkFormat {
        SinkFormat {
            track: SinkTrack::Metadata,
            codec: None,
            encoding: "VND.ONVIF.METADATA",
            sample_rate: 0,
            channels: 0,
            width: 0,
            height: 0,
            parameters: Bytes::new(),
        }
    }
}

/// The track that a format belongs to.
pub(super) fn track_of(format: &Format) -> SinkTrack {
    match format.encoding {
        Encoding::Video(_) => SinkTrack::Video,
        Encoding::Audio(_) => SinkTrack::Audio,
        Encoding::Metadata => SinkTrack::Metadata,
    }
}

fn name(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "OPUS",
        codec => codec.encoding_name(),
    }
}

fn audio(encoding: &Audio, clock_rate: u32) -> SinkFormat {
    let of = |encoding, sample_rate, channels| SinkFormat {
        track: SinkTrack::Audio,
        encoding,
        sample_rate,
        channels,
        ..SinkFormat::metadata()
    };
    match encoding {
        &Audio::Pass(codec) => SinkFormat {
            codec: Some(codec),
            ..match codec {
                // Its RTP clock runs at half its sampling rate (RFC 3551 section 4.5.2).
                Codec::G722 => of(name(codec), 16_000, 1),
                _ => of(name(codec), codec.clock_rate(), codec.channels().into()),
            }
        },
        Audio::Aac(Aac::Generic { config, .. }) => SinkFormat {
            parameters: Bytes::copy_from_slice(config),
            ..of("AAC", clock_rate, channels_of_aac(config))
        },
        Audio::Aac(Aac::Latm { config, in_band }) => SinkFormat {
            parameters: config
                .as_deref()
                .filter(|_| *in_band != Some(true))
                .map_or_else(Bytes::new, Bytes::copy_from_slice),
            ..of("AAC-LATM", clock_rate, 0)
        },
        Audio::G726(g726) => {
            let name = match (g726.packing, g726.bits) {
                (G726Packing::LowFirst, 2) => "G726-16",
                (G726Packing::LowFirst, 3) => "G726-24",
                (G726Packing::LowFirst, 4) => "G726-32",
                (G726Packing::LowFirst, _) => "G726-40",
                (G726Packing::HighFirst, 2) => "AAL2-G726-16",
                (G726Packing::HighFirst, 3) => "AAL2-G726-24",
                (G726Packing::HighFirst, 4) => "AAL2-G726-32",
                (G726Packing::HighFirst, _) => "AAL2-G726-40",
            };
            of(name, 8_000, 1)
        }
        Audio::L16(pcm) => of("L16", pcm.rate, pcm.channels.into()),
        Audio::Mulaw(pcm) => of("PCMU", pcm.rate, pcm.channels.into()),
        Audio::Alaw(pcm) => of("PCMA", pcm.rate, pcm.channels.into()),
    }
}

/// The channel configuration of an AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1); 0 if that is
/// elsewhere: behind an object type or a sampling rate that is written out.
fn channels_of_aac(config: &[u8]) -> u32 {
    match config {
        &[first, second, ..] => {
            let (object, rate) = (first >> 3, (first & 7) << 1 | second >> 7);
            match object == 31 || rate == 15 {
                true => 0,
                false => u32::from(second >> 3 & 0x0f),
            }
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::rtp::Section;

    fn of(name: &str, clock_rate: u32, fmtp: &str) -> SinkFormat {
        let section = Section {
            media: "audio".to_owned(),
            payload_type: 97,
            encoding_name: name.to_owned(),
            clock_rate,
            channels: 1,
            fmtp: fmtp.to_owned(),
        };
        SinkFormat::other(&Format::of(&section).unwrap())
    }

    #[test]
    fn audio_is_called_what_the_camera_encodes() {
        let aac = of("mpeg4-generic", 16_000, "mode=AAC-hbr;config=1410");
        assert_eq!((aac.encoding, aac.codec), ("AAC", None));
        assert_eq!((aac.sample_rate, aac.channels), (16_000, 2));
        assert_eq!(aac.parameters, [0x14, 0x10][..]);
        for (fmtp, parameters) in [
            ("cpresent=0;config=400028103fc0", 6),
            // It is in the frames.
            ("cpresent=1;config=400028103fc0", 0),
            ("cpresent=1", 0),
        ] {
            let latm = of("mp4a-latm", 16_000, fmtp);
            assert_eq!(latm.encoding, "AAC-LATM");
            assert_eq!(latm.parameters.len(), parameters, "{fmtp}");
        }
        let g722 = of("g722", 8_000, "");
        assert_eq!((g722.codec, g722.sample_rate), (Some(Codec::G722), 16_000));
        for (sdp, name) in [
            ("pcma", "PCMA"),
            ("g726-32", "G726-32"),
            ("aal2-g726-16", "AAL2-G726-16"),
        ] {
            let format = of(sdp, 8_000, "");
            assert_eq!(
                (format.encoding, format.sample_rate, format.channels),
                (name, 8_000, 1)
            );
        }
    }
}
