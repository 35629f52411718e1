//! Reads a bit string, the most significant bit first.

/// What is left of a bit string.
#[derive(Clone, Copy)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits that were read.
    at: usize,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Bits { bytes, at: 0 }
    }

    /// Bits read so far.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next bits as a number, at most 32; `None` if there are fewer.
    pub fn take(&mut self, bits: usize) -> Option<u32> {
        let end = self.at.checked_add(bits)?;
        if bits > 32 || end > self.bytes.len() * 8 {
            return None;
        }
        let mut value = 0;
        while self.at < end {
            let byte = u32::from(self.bytes[self.at / 8]);
            let here = (8 - self.at % 8).min(end - self.at);
            let part = (byte >> (8 - self.at % 8 - here)) & ((1 << here) - 1);
            value = (value << here) | part;
            self.at += here;
        }
        Some(value)
    }

    pub fn flag(&mut self) -> Option<bool> {
        self.take(1).map(|bit| bit == 1)
    }

    /// Appends the next bits to `out`, which ends with zeros in its last byte if need be.
    pub fn copy(&mut self, mut bits: usize, out: &mut Vec<u8>) -> Option<()> {
        if self.at.checked_add(bits)? > self.bytes.len() * 8 {
            return None;
        }
        if self.at.is_multiple_of(8) {
            let whole = bits / 8;
            let start = self.at / 8;
            out.extend_from_slice(&self.bytes[start..start + whole]);
            self.at += whole * 8;
            bits %= 8;
        }
        while bits > 0 {
            let here = bits.min(8);
            out.push((self.take(here)? << (8 - here)) as u8);
            bits -= here;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_in_order_and_never_too_many() {
        let mut bits = Bits::new(&[0b1010_0110, 0xff, 0x0f]);
        assert_eq!(bits.take(3), Some(0b101));
        assert_eq!(bits.flag(), Some(false));
        assert_eq!(bits.take(8), Some(0b0110_1111));
        assert_eq!((bits.position(), bits.take(13)), (12, None));
        let mut copy = Vec::new();
        assert_eq!(bits.copy(12, &mut copy), Some(()));
        assert_eq!(copy, [0xf0, 0xf0]);
        assert_eq!(bits.copy(1, &mut copy), None);
        assert_eq!(Bits::new(&[1, 2]).take(33), None);
        assert_eq!(Bits::new(&[0xff; 4]).take(32), Some(u32::MAX));
    }
}
