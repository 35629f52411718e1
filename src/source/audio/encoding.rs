//! What a camera's audio track is encoded with, by its SDP.

use super::bits::Bits;
use super::config::{Config, LOW_COMPLEXITY};
use crate::media::Codec;

/// Rates at which L16, µ-law and A-law are taken.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=48_000;

/// An encoding of audio that cameras send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Browsers play it as it is.
    Pass(Codec),
    /// AAC-LC or HE-AAC.
    Aac(Aac),
    /// G.726.
    G726(G726),
    /// Linear samples of 16 bits, the high byte first (RFC 3551 section 4.5.11).
    L16(Pcm),
    /// µ-law, not with the one channel at 8 kHz that browsers play.
    Mulaw(Pcm),
    /// A-law, not with the one channel at 8 kHz that browsers play.
    Alaw(Pcm),
}

/// How AAC comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aac {
    /// MPEG4-GENERIC (RFC 3640): a unit is one raw access unit.
    Generic {
        /// Bits of the size in an AU header, of the index, and of the difference of indices.
        size_length: u8,
        index_length: u8,
        index_delta_length: u8,
        /// The AudioSpecificConfig.
        config: Vec<u8>,
    },
    /// MP4A-LATM (RFC 6416): a unit is one AudioMuxElement, complete with its lengths.
    Latm {
        /// The StreamMuxConfig of the description.
        config: Option<Vec<u8>>,
        /// Whether units carry one, too (`cpresent`); `None` if it is not said. By the RFC they do then, but most
        /// cameras that give one here send no other.
        in_band: Option<bool>,
    },
}

/// The kinds of G.726.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct G726 {
    /// Bits of a sample: 2 to 5, for 16 to 40 kbit/s.
    pub bits: u8,
    /// Where in an octet the first sample is.
    pub packing: G726Packing,
}

/// Where in an octet the first sample of G.726 is (RFC 3551 section 4.5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum G726Packing {
    /// In the least significant bits: `G726-32` and so on.
    LowFirst,
    /// In the most significant bits: `AAL2-G726-32` and so on.
    HighFirst,
}

/// Samples as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pcm {
    /// Sampling rate in Hz, which is the RTP clock rate.
    pub rate: u32,
    /// Channels, interleaved.
    pub channels: u8,
}

impl Encoding {
    /// The encoding of a media section: its encoding name in lower case, clock rate, channels, and what
    /// its `a=fmtp` line says. Fails with what is wrong, to be put behind the name of the encoding.
    pub fn of(name: &str, rate: u32, channels: u8, fmtp: &str) -> Result<Encoding, String> {
        let pcm = Pcm {
            rate,
            channels: channels.max(1),
        };
        let telephone = (pcm.rate, pcm.channels) == (8_000, 1);
        match name {
            "opus" => Ok(Encoding::Pass(Codec::Opus)),
            "pcmu" if telephone => Ok(Encoding::Pass(Codec::Pcmu)),
            "pcma" if telephone => Ok(Encoding::Pass(Codec::Pcma)),
            // Some state the sampling rate, which is twice the clock rate (RFC 3551 section 4.5.2).
            "g722" if matches!(rate, 8_000 | 16_000) && pcm.channels == 1 => {
                Ok(Encoding::Pass(Codec::G722))
            }
            "pcmu" => pcm.checked().map(Encoding::Mulaw),
            "pcma" => pcm.checked().map(Encoding::Alaw),
            "l16" => pcm.checked().map(Encoding::L16),
            "mpeg4-generic" => Aac::generic(pcm, fmtp).map(Encoding::Aac),
            "mp4a-latm" => Aac::latm(fmtp).map(Encoding::Aac),
            _ => G726::of(name)
                .filter(|_| telephone)
                .map(Encoding::G726)
                .ok_or_else(|| "is not supported".to_owned()),
        }
    }

    /// What viewers get. Fails with why they get nothing, to be put behind the name of the encoding.
    pub fn codec(&self) -> Result<Codec, String> {
        match self {
            Encoding::Pass(codec) => Ok(*codec),
            #[cfg(feature = "transcode-audio")]
            _ if super::transcoder::decodes(self) => Ok(Codec::Opus),
            #[cfg(feature = "transcode-audio")]
            Encoding::Aac(aac) => Err(match aac.object_type() {
                Some(object_type) if object_type != LOW_COMPLEXITY => {
                    format!("is of a kind that is not supported (audio object type {object_type})")
                }
                _ => "is of a kind that is not supported".to_owned(),
            }),
            _ => Err("this build does not transcode".to_owned()),
        }
    }

    /// What people call it.
    pub fn name(&self) -> &'static str {
        match self {
            Encoding::Pass(codec) => codec.encoding_name(),
            Encoding::Aac(_) => "AAC",
            Encoding::G726(_) => "G.726",
            Encoding::L16(_) => "L16",
            Encoding::Mulaw(_) => "PCMU",
            Encoding::Alaw(_) => "PCMA",
        }
    }

    /// Sampling rate in Hz, as far as it is known.
    pub fn rate(&self) -> u32 {
        match self {
            Encoding::Pass(Codec::Opus) => 48_000,
            Encoding::Pass(Codec::G722) => 16_000,
            Encoding::Pass(_) | Encoding::G726(_) => 8_000,
            Encoding::L16(pcm) | Encoding::Mulaw(pcm) | Encoding::Alaw(pcm) => pcm.rate,
            Encoding::Aac(Aac::Generic { config, .. }) => {
                Config::read(&mut Bits::new(config)).map_or(8_000, |config| config.rate)
            }
            Encoding::Aac(Aac::Latm { .. }) => 16_000,
        }
    }
}

impl Pcm {
    fn checked(self) -> Result<Pcm, String> {
        match self {
            Pcm {
                channels: 1 | 2, ..
            } if RATES.contains(&self.rate) => Ok(self),
            Pcm { rate: 0, .. } => Err("has no clock rate in its description".to_owned()),
            Pcm { rate, channels } => Err(format!(
                "with {channels} channels at {rate} Hz is not supported"
            )),
        }
    }
}

impl G726 {
    fn of(name: &str) -> Option<G726> {
        let (packing, kilobits) = match name.strip_prefix("aal2-") {
            Some(name) => (G726Packing::HighFirst, name.strip_prefix("g726-")?),
            None => (G726Packing::LowFirst, name.strip_prefix("g726-")?),
        };
        let bits = match kilobits {
            "16" => 2,
            "24" => 3,
            "32" => 4,
            "40" => 5,
            _ => return None,
        };
        Some(G726 { bits, packing })
    }
}

impl Aac {
    /// How far the timestamps of two access units in one packet are apart, on a clock of this rate.
    pub fn unit_ticks(&self, clock_rate: u32) -> u32 {
        /// Samples of the core in an access unit.
        const SAMPLES: u64 = 1024;
        let core_rate = match self {
            Aac::Generic { config, .. } => Config::read(&mut Bits::new(config)),
            Aac::Latm { .. } => None,
        };
        let core_rate = core_rate.map_or(clock_rate, |config| config.core_rate);
        (SAMPLES * u64::from(clock_rate) / u64::from(core_rate.max(1))) as u32
    }

    /// The type of the core, as far as the description says it.
    #[cfg(feature = "transcode-audio")]
    fn object_type(&self) -> Option<u8> {
        match self {
            Aac::Generic { config, .. } => {
                Config::read(&mut Bits::new(config)).map(|config| config.object_type)
            }
            Aac::Latm { .. } => None,
        }
    }

    /// AAC with this AudioSpecificConfig; `None` if it is of another kind than is decoded.
    pub fn with_config(config: &[u8]) -> Option<Aac> {
        let said = Config::read(&mut Bits::new(config))?;
        (said.object_type == LOW_COMPLEXITY).then(|| Aac::Generic {
            size_length: 13,
            index_length: 3,
            index_delta_length: 3,
            config: config.to_vec(),
        })
    }

    /// What is missing is what nearly all cameras send: AAC-LC in mode AAC-hbr.
    fn generic(pcm: Pcm, fmtp: &str) -> Result<Aac, String> {
        let number = |name, default| match parameter(fmtp, name).map(str::parse) {
            None => Ok(default),
            Some(Ok(bits @ 0..=32)) => Ok(bits),
            Some(_) => Err(format!("has an invalid {name}")),
        };
        let slow = parameter(fmtp, "mode").is_some_and(|mode| mode.eq_ignore_ascii_case("aac-lbr"));
        let (size, index) = if slow { (6, 2) } else { (13, 3) };
        let config = match parameter(fmtp, "config").and_then(hex) {
            Some(config) if config.len() >= 2 => config,
            _ => Config::low_complexity(pcm.rate, pcm.channels).ok_or_else(|| {
                let Pcm { rate, .. } = pcm;
                format!("has no usable config, and {rate} Hz is no sampling rate of AAC")
            })?,
        };
        Ok(Aac::Generic {
            size_length: number("sizelength", size)?,
            index_length: number("indexlength", index)?,
            index_delta_length: number("indexdeltalength", index)?,
            config,
        })
    }

    fn latm(fmtp: &str) -> Result<Aac, String> {
        let in_band = parameter(fmtp, "cpresent").map(|present| present != "0");
        let config = parameter(fmtp, "config").and_then(hex);
        match (&config, in_band) {
            (None, Some(false)) => Err("has no usable config, though cpresent is 0".to_owned()),
            _ => Ok(Aac::Latm { config, in_band }),
        }
    }
}

/// The value of a parameter of an `a=fmtp` line; `name` in lower case.
fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    fmtp.split(';').find_map(|part| {
        let (key, value) = part.split_once('=')?;
        let value = value.trim().trim_matches('"');
        key.trim().eq_ignore_ascii_case(name).then_some(value)
    })
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.is_empty() || digits.len() % 2 == 1 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    digits
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, rate: u32, channels: u8, fmtp: &str) -> Result<Encoding, String> {
        Encoding::of(name, rate, channels, fmtp)
    }

    #[test]
    fn what_browsers_play_passes() {
        for (name, rate, channels, codec) in [
            ("opus", 48_000, 2, Codec::Opus),
            ("opus", 48_000, 1, Codec::Opus),
            ("pcmu", 8_000, 1, Codec::Pcmu),
            ("pcma", 8_000, 0, Codec::Pcma),
            ("g722", 8_000, 1, Codec::G722),
            ("g722", 16_000, 1, Codec::G722),
        ] {
            let encoding = of(name, rate, channels, "").unwrap();
            assert_eq!(encoding, Encoding::Pass(codec));
            assert_eq!(encoding.codec(), Ok(codec));
        }
        let wide = Pcm {
            rate: 16_000,
            channels: 1,
        };
        assert_eq!(of("pcmu", 16_000, 1, ""), Ok(Encoding::Mulaw(wide)));
        let stereo = Pcm {
            rate: 8_000,
            channels: 2,
        };
        assert_eq!(of("pcma", 8_000, 2, ""), Ok(Encoding::Alaw(stereo)));
        assert_eq!(of("l16", 16_000, 1, ""), Ok(Encoding::L16(wide)));
        assert!(of("l16", 96_000, 1, "").is_err());
        assert!(of("l16", 48_000, 6, "").is_err());
        assert!(of("vorbis", 48_000, 2, "").is_err());
    }

    #[test]
    fn g726_comes_at_four_rates_and_in_two_orders() {
        for (name, bits, packing) in [
            ("g726-16", 2, G726Packing::LowFirst),
            ("g726-40", 5, G726Packing::LowFirst),
            ("aal2-g726-24", 3, G726Packing::HighFirst),
        ] {
            let expected = Encoding::G726(G726 { bits, packing });
            assert_eq!(of(name, 8_000, 1, ""), Ok(expected));
        }
        assert!(of("g726-48", 8_000, 1, "").is_err());
        assert!(of("g726-32", 16_000, 1, "").is_err());
    }

    #[test]
    fn aac_says_how_it_comes_or_comes_as_usual() {
        let generic = |fmtp, rate, channels| match of("mpeg4-generic", rate, channels, fmtp) {
            Ok(Encoding::Aac(Aac::Generic {
                size_length,
                index_length,
                index_delta_length,
                config,
            })) => (size_length, index_length, index_delta_length, config),
            other => panic!("{other:?}"),
        };
        let fmtp = "streamtype=5; profile-level-id=1; mode=AAC-hbr; sizeLength=13; indexLength=3; \
                    indexDeltaLength=3; config=\"1408\"";
        assert_eq!(generic(fmtp, 16_000, 1), (13, 3, 3, vec![0x14, 0x08]));
        assert_eq!(generic("", 16_000, 1), (13, 3, 3, vec![0x14, 0x08]));
        assert_eq!(
            generic("config=zz", 48_000, 2),
            (13, 3, 3, vec![0x11, 0x90])
        );
        assert_eq!(generic("mode=AAC-lbr;config=1408", 16_000, 1).0, 6);
        assert!(of("mpeg4-generic", 12_345, 1, "").is_err());
        assert!(of("mpeg4-generic", 16_000, 1, "sizelength=99").is_err());

        let ticks = |config: &str, clock| match of("mpeg4-generic", clock, 1, config) {
            Ok(Encoding::Aac(aac)) => aac.unit_ticks(clock),
            other => panic!("{other:?}"),
        };
        assert_eq!(ticks("config=1408", 16_000), 1024);
        // HE-AAC counts the samples that are heard.
        assert_eq!(ticks("config=2b098800", 48_000), 2048);

        let latm = |fmtp| of("mp4a-latm", 16_000, 1, fmtp);
        let config = Some(vec![0x40, 0, 0x28, 0x10, 0x3f, 0xc0]);
        for (fmtp, config, in_band) in [
            (
                "cpresent=0;config=400028103fc0",
                config.clone(),
                Some(false),
            ),
            ("cpresent=1;config=400028103fc0", config.clone(), Some(true)),
            ("config=400028103fc0", config, None),
            ("cpresent=1", None, Some(true)),
            ("", None, None),
        ] {
            let expected = Ok(Encoding::Aac(Aac::Latm { config, in_band }));
            assert_eq!(latm(fmtp), expected, "{fmtp}");
        }
        assert!(latm("cpresent=0").is_err());
    }

    #[test]
    fn a_missing_clock_rate_is_said() {
        let missing = of("l16", 0, 1, "").unwrap_err();
        assert!(missing.contains("no clock rate"), "{missing}");
    }

    /// By its AudioSpecificConfig: what is not decoded is not promised to viewers.
    #[cfg(feature = "transcode-audio")]
    #[test]
    fn aac_is_promised_if_it_can_be_decoded() {
        let codec = |fmtp: &str| of("mpeg4-generic", 24_000, 1, fmtp).unwrap().codec();
        for (config, object_type) in [
            ("F8EC2000", 39), // AAC-ELD
            ("F94C0000", 42), // xHE-AAC
            ("3488", 6),      // scalable
        ] {
            let why = codec(&format!("config={config}")).unwrap_err();
            assert!(why.contains(&format!("type {object_type})")), "{why}");
        }
        // Main, LC, SSR, LTP, HE-AAC; nothing at all, which is LC.
        for config in ["0B08", "1308", "1B08", "2308", "2B098800", ""] {
            assert_eq!(
                codec(&format!("config={config}")),
                Ok(Codec::Opus),
                "{config}"
            );
        }
        let latm = |fmtp: &str| of("mp4a-latm", 16_000, 1, fmtp).unwrap().codec();
        assert_eq!(latm("cpresent=0;config=400028103fc0"), Ok(Codec::Opus));
        assert_eq!(latm("cpresent=1"), Ok(Codec::Opus));
        // Two layers; an object type whose end is not known.
        for config in ["400228103fc0", "4001F1D84000"] {
            assert!(latm(&format!("cpresent=0;config={config}")).is_err());
            assert!(latm(&format!("cpresent=1;config={config}")).is_err());
        }
    }
}
