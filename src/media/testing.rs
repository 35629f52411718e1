//! Shared by the tests of this module: access units made of random bytes.

use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;

use super::h264::ParameterSets;
use super::{Ring, RingLimits, av1, h265};

pub fn noise(len: usize, random: &mut Rng) -> Vec<u8> {
    (0..len).map(|_| random.u8(..)).collect()
}

/// A NAL unit with this header and without zeros, so that no reader finds a start code in it.
pub fn nal(header: u8, len: usize, random: &mut Rng) -> Vec<u8> {
    let mut nal = noise(len.max(2), random);
    nal.iter_mut().for_each(|byte| *byte |= 1);
    nal[0] = header;
    nal
}

/// The same for H.265.
pub fn h265_nal(kind: u8, len: usize, random: &mut Rng) -> Vec<u8> {
    let mut nal = nal(kind << 1, len.max(3), random);
    nal[1] = 0x01;
    nal
}

/// NAL units, each preceded by its length.
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
        sps: Bytes::from_static(SPS).into(),
        pps: Bytes::from_static(PPS).into(),
    }
}

/// VPS, SPS and PPS for 1920x1080 with cropping, Main profile, level 4.0.
pub const H265_VPS: &[u8] = &[
    0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03,
    0x00, 0x00, 0x03, 0x00, 0x78, 0x95, 0x98, 0x09,
];

pub const H265_SPS: &[u8] = &[
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03,
    0x00, 0x78, 0xa0, 0x03, 0xc0, 0x80, 0x10, 0xe5, 0x96, 0x56, 0x69, 0x24, 0xca, 0xf0, 0x16, 0x80,
    0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x0c, 0x84,
];

pub const H265_PPS: &[u8] = &[0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40];

/// VPS, SPS and PPS for 640x360, Main profile, level 2.1.
pub const OTHER_H265_VPS: &[u8] = &[
    0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03,
    0x00, 0x00, 0x03, 0x00, 0x3f, 0x96, 0x80, 0x90,
];

pub const OTHER_H265_SPS: &[u8] = &[
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03,
    0x00, 0x3f, 0xa0, 0x05, 0x02, 0x01, 0x69, 0x65, 0x96, 0xa4, 0x93, 0x2b, 0xc0, 0x5a, 0x02, 0x00,
    0x00, 0x03, 0x00, 0x02, 0x00, 0x00, 0x03, 0x00, 0x32, 0x10,
];

pub const OTHER_H265_PPS: &[u8] = &[0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40];

pub fn h265_sets() -> h265::ParameterSets {
    h265::ParameterSets {
        vps: Bytes::from_static(H265_VPS).into(),
        sps: Bytes::from_static(H265_SPS).into(),
        pps: Bytes::from_static(H265_PPS).into(),
    }
}

pub fn other_h265_sets() -> h265::ParameterSets {
    h265::ParameterSets {
        vps: Bytes::from_static(OTHER_H265_VPS).into(),
        sps: Bytes::from_static(OTHER_H265_SPS).into(),
        pps: Bytes::from_static(OTHER_H265_PPS).into(),
    }
}

/// An OBU in the low-overhead format.
pub fn obu(kind: u8, extension: Option<u8>, payload: &[u8]) -> Vec<u8> {
    let mut obu = vec![kind << 3 | 0x02];
    if let Some(extension) = extension {
        obu[0] |= 0x04;
        obu.push(extension);
    }
    let mut len = payload.len();
    while len > 0x7f {
        obu.push(len as u8 | 0x80);
        len >>= 7;
    }
    obu.push(len as u8);
    obu.extend(payload);
    obu
}

/// A sequence header for 1920x1080, Main profile, level 4.0.
pub const AV1_SEQUENCE: &[u8] = &[
    0x00, 0x00, 0x00, 0x42, 0xab, 0xbf, 0xc3, 0x77, 0x6b, 0xe4, 0x01,
];

/// A sequence header for 640x360, Main profile, level 2.1.
pub const OTHER_AV1_SEQUENCE: &[u8] = &[
    0x00, 0x00, 0x00, 0x0c, 0xc4, 0xff, 0x67, 0x3e, 0xfe, 0x60, 0x10,
];

pub fn av1_sequence() -> av1::SequenceHeader {
    av1::SequenceHeader {
        payload: Bytes::from_static(AV1_SEQUENCE),
    }
}

pub fn other_av1_sequence() -> av1::SequenceHeader {
    av1::SequenceHeader {
        payload: Bytes::from_static(OTHER_AV1_SEQUENCE),
    }
}

/// A ring that keeps everything.
pub fn unlimited_ring() -> Ring {
    Ring::new(RingLimits {
        packets: usize::MAX,
        history: Duration::MAX,
        keep_gop: true,
        bytes: usize::MAX,
        duration: Duration::MAX,
    })
}

/// Everything in a ring.
pub fn payloads(ring: &Ring) -> Vec<Vec<u8>> {
    (0..ring.end())
        .map(|number| ring.packet(number).unwrap().payload.to_vec())
        .collect()
}
