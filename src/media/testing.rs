//! What the tests of this module share: a seeded generator, and access units made with it.

use super::h264::ParameterSets;
use bytes::Bytes;

/// A small seeded generator (xorshift64*), so that a failure can be had again.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number of `0..end`.
    pub fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 33) as usize) % end
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.next() >> 32) as u8).collect()
    }
}

/// A NAL with this header and without zeros, so that no reader finds a start code in it.
pub fn nal(header: u8, len: usize, random: &mut Random) -> Vec<u8> {
    let mut nal = random.bytes(len.max(2));
    nal.iter_mut().for_each(|byte| *byte |= 1);
    nal[0] = header;
    nal
}

/// NALs with their lengths in front.
pub fn unit<N: AsRef<[u8]>>(nals: &[N]) -> Vec<u8> {
    let mut unit = Vec::new();
    for nal in nals.iter().map(AsRef::as_ref) {
        unit.extend((nal.len() as u32).to_be_bytes());
        unit.extend(nal);
    }
    unit
}

/// 1920x1080 with cropping, High profile, level 4.0.
pub const SPS: &[u8] = &[
    0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03,
    0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc6, 0x58,
];

/// 640x480, Baseline profile, level 3.0.
pub const OTHER_SPS: &[u8] = &[0x67, 0x42, 0x00, 0x1e, 0xf4, 0x05, 0x01, 0xec, 0x80];

pub const PPS: &[u8] = &[0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];

pub const OTHER_PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];

pub fn sets() -> ParameterSets {
    ParameterSets {
        sps: Bytes::from_static(SPS),
        pps: Bytes::from_static(PPS),
    }
}
