//! The AudioSpecificConfig of AAC (ISO/IEC 14496-3 section 1.6.2.1), as far as it is needed to find its
//! end, to compare tracks and to say what is not supported.

use super::bits::Bits;

/// Sampling rates by index.
pub const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// The index that stands for a rate in 24 bits.
const EXPLICIT_RATE: u32 = 15;
/// Types of audio objects.
pub const LOW_COMPLEXITY: u8 = 2;
const SPECTRAL_BAND_REPLICATION: u8 = 5;
const PARAMETRIC_STEREO: u8 = 29;

/// What an AudioSpecificConfig says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The type of the core: 2 for AAC-LC.
    pub object_type: u8,
    /// Sampling rate of the core, in Hz.
    pub core_rate: u32,
    /// Sampling rate that is heard: twice that of the core for HE-AAC.
    pub rate: u32,
    /// Channels as the stream counts them; 0 if it describes them otherwise.
    pub channels: u8,
}

impl Config {
    /// Reads one. For the types that are supported, `bits` is behind it afterwards.
    pub fn read(bits: &mut Bits<'_>) -> Option<Config> {
        let mut object_type = read_type(bits)?;
        let core_rate = read_rate(bits)?;
        let mut rate = core_rate;
        let channels = bits.take(4)? as u8;
        if matches!(object_type, SPECTRAL_BAND_REPLICATION | PARAMETRIC_STEREO) {
            rate = read_rate(bits)?;
            object_type = read_type(bits)?;
        }
        if object_type == LOW_COMPLEXITY {
            // frameLengthFlag, dependsOnCoreCoder with its delay, extensionFlag.
            bits.flag()?;
            if bits.flag()? {
                bits.take(14)?;
            }
            bits.flag()?;
        }
        Some(Config {
            object_type,
            core_rate,
            rate,
            channels,
        })
    }

    /// The AudioSpecificConfig of AAC-LC without more; `None` for a rate that AAC does not have.
    pub fn low_complexity(rate: u32, channels: u8) -> Option<Vec<u8>> {
        let index = RATES.iter().position(|&known| known == rate)? as u16;
        let bits =
            (u16::from(LOW_COMPLEXITY) << 11) | (index << 7) | (u16::from(channels.min(7)) << 3);
        Some(bits.to_be_bytes().to_vec())
    }
}

fn read_type(bits: &mut Bits<'_>) -> Option<u8> {
    match bits.take(5)? {
        31 => Some(32 + bits.take(6)? as u8),
        object_type => Some(object_type as u8),
    }
}

fn read_rate(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.take(4)? {
        EXPLICIT_RATE => bits.take(24),
        index => RATES.get(index as usize).copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<(Config, usize)> {
        let mut bits = Bits::new(bytes);
        Some((Config::read(&mut bits)?, bits.position()))
    }

    #[test]
    fn what_cameras_send() {
        let config = |object_type, rate, channels| Config {
            object_type,
            core_rate: rate,
            rate,
            channels,
        };
        assert_eq!(read(&[0x14, 0x08]), Some((config(2, 16_000, 1), 16)));
        assert_eq!(read(&[0x11, 0x90]), Some((config(2, 48_000, 2), 16)));
        // HE-AAC: 22,050 Hz, heard at 44,100 Hz.
        assert_eq!(
            read(&[0x2b, 0x92, 0x08, 0x00]),
            Some((
                Config {
                    core_rate: 22_050,
                    ..config(2, 44_100, 2)
                },
                25
            ))
        );
        // A rate of its own.
        let own = [0x17, 0x80, 0x1f, 0x40, 0x08];
        assert_eq!(read(&own).unwrap().0, config(2, 16_000, 1));
        // Main profile; nothing at all; no such rate.
        assert_eq!(read(&[0x0c, 0x08]).unwrap().0.object_type, 1);
        assert_eq!(read(&[0x14]), None);
        assert_eq!(read(&[0x16, 0x88]), None);
        assert_eq!(Config::low_complexity(16_000, 1), Some(vec![0x14, 0x08]));
        assert_eq!(Config::low_complexity(12_345, 1), None);
    }
}
