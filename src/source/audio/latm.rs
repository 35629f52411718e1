//! LATM (ISO/IEC 14496-3 section 1.7.3): access units of AAC in AudioMuxElements, as RTP carries them
//! (RFC 6416). One program with one layer is read; cameras send nothing else.

use super::bits::Bits;
use super::config::{Config, LOW_COMPLEXITY};

/// How an AudioMuxElement is read: a StreamMuxConfig.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mux {
    /// The AudioSpecificConfig.
    pub config: Vec<u8>,
    /// Access units in an element.
    units: u32,
    /// Bytes of an access unit, if they are always the same.
    fixed: Option<usize>,
    /// Bits behind the access units.
    other: u32,
    /// AudioMuxVersion 1.
    version: bool,
}

impl Mux {
    /// Reads a StreamMuxConfig.
    pub fn read(bits: &mut Bits<'_>) -> Option<Mux> {
        let mut mux = Mux::start(bits)?;
        mux.rest(bits)?;
        Some(mux)
    }

    /// Reads a StreamMuxConfig of a session description. GStreamer's end behind the AudioSpecificConfig, to
    /// which it may have added an extension: what is missing or makes no sense is what all cameras send.
    pub fn of_description(config: &[u8]) -> Option<Mux> {
        let mut bits = Bits::new(config);
        let mux = Mux::start(&mut bits)?;
        let mut whole = mux.clone();
        Some(match whole.rest(&mut bits) {
            Some(()) => whole,
            None => mux,
        })
    }

    /// Reads up to the end of the AudioSpecificConfig.
    fn start(bits: &mut Bits<'_>) -> Option<Mux> {
        let version = bits.flag()?;
        if version {
            if bits.flag()? {
                return None;
            }
            value(bits)?;
        }
        let same_time = bits.flag()?;
        let units = 1 + bits.take(6)?;
        let (programs, layers) = (bits.take(4)?, bits.take(3)?);
        if !same_time || programs != 0 || layers != 0 {
            return None;
        }
        let mut config = Vec::new();
        if version {
            let length = value(bits)? as usize;
            bits.copy(length, &mut config)?;
        } else {
            let mut ahead = *bits;
            // Of others the end is not known.
            if Config::read(&mut ahead)?.object_type != LOW_COMPLEXITY {
                return None;
            }
            bits.copy(ahead.position() - bits.position(), &mut config)?;
        }
        Some(Mux {
            config,
            units,
            fixed: None,
            other: 0,
            version,
        })
    }

    /// Reads what is behind the AudioSpecificConfig.
    fn rest(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        self.fixed = match bits.take(3)? {
            0 => {
                // How full the decoder's buffer is.
                bits.take(8)?;
                None
            }
            1 => Some(bits.take(9)? as usize + 20),
            _ => return None,
        };
        if bits.flag()? {
            if self.version {
                self.other = value(bits)?;
            } else {
                while {
                    let more = bits.flag()?;
                    self.other = u32::checked_add(self.other.checked_mul(256)?, bits.take(8)?)?;
                    more
                } {}
            }
        }
        if bits.flag()? {
            // A checksum of the configuration.
            bits.take(8)?;
        }
        Some(())
    }

    /// Reads the access units of an element whose configuration has been read. `unit` gets each, in a
    /// buffer that it may keep nothing of.
    pub fn units(
        &self,
        bits: &mut Bits<'_>,
        buffer: &mut Vec<u8>,
        unit: &mut impl FnMut(&[u8]),
    ) -> Option<()> {
        for _ in 0..self.units {
            let length = match self.fixed {
                Some(length) => length,
                None => payload_length(bits)?,
            };
            buffer.clear();
            bits.copy(length.checked_mul(8)?, buffer)?;
            unit(buffer);
        }
        Some(())
    }
}

/// PayloadLengthInfo: a sum of bytes that ends with the first one below 255.
fn payload_length(bits: &mut Bits<'_>) -> Option<usize> {
    let mut length = 0;
    loop {
        let part = bits.take(8)? as usize;
        length += part;
        if part < 255 {
            return Some(length);
        }
    }
}

/// LatmGetValue.
fn value(bits: &mut Bits<'_>) -> Option<u32> {
    let bytes = 1 + bits.take(2)? as usize;
    bits.take(8 * bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mux(bytes: &[u8]) -> Option<Mux> {
        Mux::read(&mut Bits::new(bytes))
    }

    #[test]
    fn the_configuration_of_a_camera() {
        // AAC-LC, 16 kHz, one channel.
        let usual = mux(&[0x40, 0x00, 0x28, 0x10, 0x3f, 0xc0]).unwrap();
        assert_eq!(usual.config, [0x14, 0x08]);
        assert_eq!((usual.units, usual.fixed, usual.other), (1, None, 0));
        // Two layers; cut off.
        assert_eq!(mux(&[0x40, 0x02, 0x28, 0x10, 0x3f, 0xc0]), None);
        assert_eq!(mux(&[0x40, 0x00, 0x28, 0x10]), None);
    }

    #[test]
    fn the_configuration_of_gstreamer_ends_early() {
        let usual = mux(&[0x40, 0x00, 0x28, 0x10, 0x3f, 0xc0]);
        assert_eq!(Mux::of_description(&[0x40, 0x00, 0x28, 0x10]), usual);
        assert_eq!(
            Mux::of_description(&[0x40, 0x00, 0x28, 0x10, 0x3f, 0xc0]),
            usual
        );
        // AAC-LC, 48 kHz, two channels, and that there is no spectral band replication.
        let extended = [0x40, 0x00, 0x23, 0x20, 0xad, 0xca, 0x00];
        let stereo = Mux::of_description(&extended).unwrap();
        assert_eq!(stereo.config, [0x11, 0x90]);
        assert_eq!((stereo.units, stereo.fixed, stereo.other), (1, None, 0));
        assert_eq!(Mux::of_description(&[0x40, 0x00]), None);
    }

    #[test]
    fn units_have_their_lengths_in_front() {
        let mux = mux(&[0x40, 0x00, 0x28, 0x10, 0x3f, 0xc0]).unwrap();
        let mut element = vec![255, 3];
        element.extend([7; 258]);
        element.push(0);
        let mut lengths = Vec::new();
        let mut buffer = Vec::new();
        let read = mux.units(&mut Bits::new(&element), &mut buffer, &mut |unit| {
            assert!(unit.iter().all(|&byte| byte == 7));
            lengths.push(unit.len());
        });
        assert_eq!((read, lengths), (Some(()), vec![258]));
        // More is promised than is there.
        let read = mux.units(&mut Bits::new(&[200, 1]), &mut buffer, &mut |_| panic!());
        assert_eq!(read, None);
    }
}
