//! What containers and system encoders hand over in front of the frames: the parameter sets, and how
//! frames are divided into NAL units.

use super::bitstream;
use crate::media::nal::append_nal;
use crate::media::{Codec, ParameterSets};

/// A configuration record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CodecConfig {
    pub sets: ParameterSets,
    /// Bytes of the length in front of each NAL unit, if the record says so.
    pub length_size: Option<usize>,
}

impl CodecConfig {
    /// Reads `avcC` (ISO/IEC 14496-15 section 5.3.3), `hvcC` (section 8.3.3), `av1C` (AV1 in ISOBMFF
    /// section 2.3), or parameter sets with start codes. `None` if it is none of these.
    pub fn read(codec: Codec, record: &[u8]) -> Option<CodecConfig> {
        let mut unit = Vec::new();
        let length_size = match codec {
            Codec::H264 | Codec::H265 if bitstream::begins_with_start_code(record) => {
                bitstream::convert(record, &mut unit);
                None
            }
            Codec::H264 => Some(avc(record, &mut unit)?),
            Codec::H265 => Some(hevc(record, &mut unit)?),
            Codec::Av1 => {
                // Without its 4 bytes in front, it is OBUs.
                let obus = match record {
                    [0x81, _, _, _, obus @ ..] => obus,
                    obus => obus,
                };
                unit.extend_from_slice(obus);
                None
            }
            _ => return None,
        };
        Some(CodecConfig {
            sets: ParameterSets::find(codec, &unit)?,
            length_size,
        })
    }
}

fn avc(record: &[u8], unit: &mut Vec<u8>) -> Option<usize> {
    let (&[1, _, _, _, lengths, count], mut rest) = record.split_first_chunk()? else {
        return None;
    };
    for _ in 0..count & 0x1f {
        rest = set(rest, unit)?;
    }
    let (&count, mut rest) = rest.split_first()?;
    for _ in 0..count {
        rest = set(rest, unit)?;
    }
    Some(usize::from(lengths & 3) + 1)
}

fn hevc(record: &[u8], unit: &mut Vec<u8>) -> Option<usize> {
    let (head, mut rest) = record.split_first_chunk::<23>()?;
    if head[0] != 1 {
        return None;
    }
    for _ in 0..head[22] {
        let (&[_, high, low], sets) = rest.split_first_chunk()?;
        rest = sets;
        for _ in 0..u16::from_be_bytes([high, low]) {
            rest = set(rest, unit)?;
        }
    }
    Some(usize::from(head[21] & 3) + 1)
}

/// A parameter set with its length in 2 bytes. Returns what follows.
fn set<'a>(data: &'a [u8], unit: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (length, rest) = data.split_first_chunk()?;
    let (set, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    append_nal(unit, set);
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::testing::{PPS, SPS, av1_sequence, h265_sets, noise, obu, sets};
    use fastrand::Rng;

    fn with_length(set: &[u8]) -> Vec<u8> {
        [&(set.len() as u16).to_be_bytes(), set].concat()
    }

    fn avcc(lengths: u8) -> Vec<u8> {
        let head = [1, 0x64, 0, 0x28, 0xfc | lengths, 0xe1];
        [&head[..], &with_length(SPS), &[1], &with_length(PPS)].concat()
    }

    fn hvcc() -> Vec<u8> {
        let mut record = vec![1; 23];
        record[21] = 0xfc | 1;
        record[22] = 3;
        for set in ParameterSets::from(h265_sets()).in_order() {
            record.extend([0xa0, 0, 1]);
            record.extend(with_length(set));
        }
        record
    }

    #[test]
    fn records_tell_sets_and_length_size() {
        for (lengths, size) in [(3, 4), (0, 1)] {
            let config = CodecConfig::read(Codec::H264, &avcc(lengths)).unwrap();
            assert_eq!(config.sets, sets().into());
            assert_eq!(config.length_size, Some(size));
        }
        let config = CodecConfig::read(Codec::H265, &hvcc()).unwrap();
        assert_eq!(config.sets, h265_sets().into());
        assert_eq!(config.length_size, Some(2));
        let annex_b = [&[0, 0, 0, 1], SPS, &[0, 0, 1], PPS].concat();
        let config = CodecConfig::read(Codec::H264, &annex_b).unwrap();
        assert_eq!((config.sets, config.length_size), (sets().into(), None));
        let sequence = obu(1, None, &av1_sequence().payload);
        for record in [sequence.clone(), [&[0x81, 0, 0, 0], &sequence[..]].concat()] {
            let config = CodecConfig::read(Codec::Av1, &record).unwrap();
            assert_eq!(config.sets, av1_sequence().into());
        }
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let mut random = Rng::with_seed(1);
        for (codec, record) in [(Codec::H264, avcc(3)), (Codec::H265, hvcc())] {
            for len in 0..record.len() {
                assert_eq!(CodecConfig::read(codec, &record[..len]), None, "{len}");
            }
            for _ in 0..5000 {
                let mut damaged = record.clone();
                let at = random.usize(..damaged.len());
                damaged[at] = random.u8(..);
                CodecConfig::read(codec, &damaged);
                let len = random.usize(..60);
                CodecConfig::read(codec, &noise(len, &mut random));
            }
        }
    }
}
