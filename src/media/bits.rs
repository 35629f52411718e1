//! Bits of a NAL unit: reading them past emulation prevention, and writing them with it (ITU-T H.264
//! section 7.4.1 and H.265 section 7.4.2).

/// Reads the bits of a NAL unit behind its header. Reading past the end gives `None`.
#[derive(Clone, Debug)]
pub struct Bits<'a> {
    data: &'a [u8],
    /// The byte that is being read, and how many of its bits are left.
    byte: u8,
    left: u32,
    /// Zero bytes before the next one.
    zeros: u32,
}

impl<'a> Bits<'a> {
    /// `data` begins behind the header.
    pub fn new(data: &'a [u8]) -> Self {
        Bits {
            data,
            byte: 0,
            left: 0,
            zeros: 0,
        }
    }

    /// A flag.
    pub fn flag(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.byte = self.next_byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some(self.byte >> self.left & 1 != 0)
    }

    /// An unsigned number of at most 32 bits.
    pub fn read(&mut self, bits: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..bits {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    /// Passes over bits.
    pub fn skip(&mut self, bits: u32) -> Option<()> {
        for _ in 0..bits {
            self.flag()?;
        }
        Some(())
    }

    /// An unsigned number in Exp-Golomb code.
    pub fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros == 32 {
                return None;
            }
        }
        Some(((1_u64 << zeros) - 1) as u32 + self.read(zeros)?)
    }

    /// A signed number in Exp-Golomb code.
    pub fn se(&mut self) -> Option<i64> {
        let code = i64::from(self.ue()?);
        Some(if code & 1 == 1 {
            (code + 1) / 2
        } else {
            -code / 2
        })
    }

    fn next_byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.data.split_first()?;
        self.data = rest;
        let mut byte = first;
        if self.zeros >= 2 && first == 3 {
            let (&next, rest) = self.data.split_first()?;
            self.data = rest;
            self.zeros = 0;
            byte = next;
        }
        self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
        Some(byte)
    }
}

/// Writes the bits of a NAL unit.
#[derive(Debug, Default)]
pub struct BitWriter {
    /// Without emulation prevention.
    bytes: Vec<u8>,
    /// Bits of the last byte that are in use; 0 if all are.
    used: u32,
}

impl BitWriter {
    /// A flag.
    pub fn flag(&mut self, value: bool) {
        if self.used == 0 {
            self.bytes.push(0);
        }
        if value && let Some(last) = self.bytes.last_mut() {
            *last |= 0x80 >> self.used;
        }
        self.used = (self.used + 1) % 8;
    }

    /// The lowest `bits` bits of a number.
    pub fn write(&mut self, value: u32, bits: u32) {
        for bit in (0..bits).rev() {
            self.flag(value >> bit & 1 != 0);
        }
    }

    /// An unsigned number in Exp-Golomb code.
    pub fn ue(&mut self, value: u32) {
        let code = u64::from(value) + 1;
        let bits = 63 - code.leading_zeros();
        self.write(0, bits);
        self.flag(true);
        self.write((code - (1 << bits)) as u32, bits);
    }

    /// A signed number in Exp-Golomb code.
    pub fn se(&mut self, value: i32) {
        let twice = value.unsigned_abs() * 2;
        self.ue(if value > 0 { twice - 1 } else { twice });
    }

    /// Fills the last byte with these bits.
    pub fn align(&mut self, fill: bool) {
        while self.used != 0 {
            self.flag(fill);
        }
    }

    /// The NAL unit with this header.
    pub fn nal(self, header: &[u8]) -> Vec<u8> {
        let mut nal = Vec::with_capacity(header.len() + self.bytes.len() * 65 / 64 + 4);
        nal.extend_from_slice(header);
        let mut zeros = 0;
        for byte in self.bytes {
            if zeros == 2 && byte <= 3 {
                nal.push(3);
                zeros = 0;
            }
            nal.push(byte);
            zeros = if byte == 0 { zeros + 1 } else { 0 };
        }
        nal
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::testing::noise;
    use fastrand::Rng;

    #[test]
    fn what_was_written_is_read() {
        let mut random = Rng::with_seed(1);
        for _ in 0..300 {
            let mut writer = BitWriter::default();
            let numbers: Vec<(u32, u32)> = (0..random.usize(1..60))
                .map(|_| {
                    // Zeros in a row, so that emulation prevention has something to do.
                    let value = if random.bool() { 0 } else { random.u32(..) };
                    (value >> random.u32(..32), random.u32(..4))
                })
                .collect();
            for &(value, how) in &numbers {
                match how {
                    0 => writer.ue(value >> 1),
                    1 => writer.se((value >> 2) as i32),
                    2 => writer.se(-((value >> 2) as i32)),
                    _ => writer.write(value, 32),
                }
            }
            writer.flag(true);
            writer.align(false);
            let nal = writer.nal(&[0x65]);
            let start = nal.windows(3).find(|at| at[..2] == [0, 0] && at[2] < 3);
            assert_eq!(start, None);
            let mut bits = Bits::new(&nal[1..]);
            for &(value, how) in &numbers {
                match how {
                    0 => assert_eq!(bits.ue(), Some(value >> 1)),
                    1 => assert_eq!(bits.se(), Some(i64::from(value >> 2))),
                    2 => assert_eq!(bits.se(), Some(-i64::from(value >> 2))),
                    _ => assert_eq!(bits.read(32), Some(value)),
                }
            }
            assert_eq!(bits.flag(), Some(true));
        }
    }

    #[test]
    fn garbage_comes_to_an_end() {
        let mut random = Rng::with_seed(2);
        for _ in 0..5000 {
            let len = random.usize(..40);
            let mut data = noise(len, &mut random);
            data.iter_mut().for_each(|byte| *byte &= random.u8(..));
            let mut bits = Bits::new(&data);
            let mut read = 0;
            while bits.ue().is_some() && bits.se().is_some() && bits.skip(3).is_some() {
                read += 5;
            }
            assert!(read <= 8 * data.len());
        }
        assert_eq!(Bits::new(&[0; 40]).ue(), None, "too many zeros");
    }
}
