//! Cuts frames of audio out of packets.

use super::Unit;
use super::order::Before;
use super::unit::{Building, Piece};

/// The largest frame of audio; some 1 kB are usual.
pub const MAX_FRAME: usize = 64 << 10;
/// Access units that are taken of a packet: a second of AAC has some 50.
const MAX_UNITS: usize = 64;
/// The largest document; some 10 kB are usual.
pub const MAX_DOCUMENT: usize = 1 << 20;

/// Each packet is one frame.
#[derive(Debug, Default)]
pub struct Frames {
    unit: Building,
}

impl Frames {
    /// Takes the next packet.
    pub fn push(&mut self, piece: &Piece<'_>, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        begin(&mut self.unit, piece);
        if !piece.payload.is_empty() {
            self.unit.timestamp = piece.timestamp;
            self.unit.data.extend_from_slice(piece.payload);
            self.unit.complete(out);
        }
    }
}

/// A frame goes on until a marker, or until the timestamp changes: AAC by LATM (RFC 6416 section 6),
/// documents of ONVIF. Without all of its packets it is nothing.
#[derive(Debug)]
pub struct Joined {
    unit: Building,
    /// In bytes.
    limit: usize,
    /// The beginning is missing.
    partial: bool,
}

impl Joined {
    pub fn new(limit: usize) -> Self {
        Joined {
            unit: Building::default(),
            limit,
            partial: false,
        }
    }

    /// Takes the next packet.
    pub fn push(&mut self, piece: &Piece<'_>, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        if piece.timestamp != self.unit.timestamp {
            if piece.before == Before::default() {
                self.complete(out);
            }
            self.unit.data.clear();
            // A single one was the last of the frame before, or a frame of its own.
            self.partial = piece.before.lost > 1;
        } else if piece.before.lost > 0 && !self.unit.data.is_empty() {
            self.unit.data.clear();
            self.partial = true;
        }
        begin(&mut self.unit, piece);
        self.unit.timestamp = piece.timestamp;
        if self.unit.data.len() + piece.payload.len() > self.limit {
            self.unit.data.clear();
            self.partial = true;
        } else {
            self.unit.data.extend_from_slice(piece.payload);
        }
        if piece.marker {
            self.complete(out);
        }
    }

    fn complete(&mut self, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        let headless = self.limit == MAX_DOCUMENT && !begins_like_a_document(&self.unit.data);
        if std::mem::take(&mut self.partial) || headless {
            self.unit.data.clear();
        } else if !self.unit.data.is_empty() {
            self.unit.complete(out);
        }
    }
}

fn begins_like_a_document(data: &[u8]) -> bool {
    let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    text.trim_ascii_start().starts_with(b"<")
}

/// AAC by RFC 3640: AU headers, then access units or a fragment of one.
///
/// Indices are not needed, as no camera known interleaves access units.
#[derive(Debug)]
pub struct Aac {
    unit: Building,
    size_length: u8,
    /// Bits of the first AU header, and of each that follows.
    first_header: usize,
    next_header: usize,
    /// The size of the access unit that is fragmented, and all of it so far.
    fragmented: Option<usize>,
    fragment: Vec<u8>,
    /// After a loss: fragments whose beginning may be missing are dropped.
    partial: bool,
    /// Ticks from one access unit to the next.
    frame_ticks: i64,
}

impl Aac {
    pub fn new(size_length: u8, [index, delta]: [u8; 2], frame_ticks: u32) -> Self {
        Aac {
            unit: Building::default(),
            size_length,
            first_header: usize::from(size_length) + usize::from(index),
            next_header: usize::from(size_length) + usize::from(delta),
            fragmented: None,
            fragment: Vec::new(),
            partial: false,
            frame_ticks: frame_ticks.into(),
        }
    }

    /// Takes the next packet.
    pub fn push(&mut self, piece: &Piece<'_>, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        begin(&mut self.unit, piece);
        if piece.before != Before::default() {
            self.fragmented = None;
            self.partial = true;
        }
        self.unit.timestamp = piece.timestamp;
        if self.first_header == 0 {
            return self.frame(piece.payload, out);
        }
        let Some((&bits, rest)) = piece.payload.split_first_chunk() else {
            return;
        };
        let bits = usize::from(u16::from_be_bytes(bits));
        let Some((headers, mut data)) = rest.split_at_checked(bits.div_ceil(8)) else {
            return;
        };
        let more = bits.checked_sub(self.first_header);
        let count = more.map_or(0, |more| 1 + more / self.next_header.max(1));
        let count = count.min(MAX_UNITS);
        if count == 1 {
            let size = read_bits(headers, 0, self.size_length);
            return self.one(size, data, piece.marker, out);
        }
        self.fragmented = None;
        for i in 0..count {
            let at = match i {
                0 => 0,
                _ => self.first_header + (i - 1) * self.next_header,
            };
            let size = read_bits(headers, at, self.size_length);
            let Some((frame, rest)) = data.split_at_checked(size) else {
                return;
            };
            self.frame(frame, out);
            self.unit.timestamp = self.unit.timestamp.wrapping_add(self.frame_ticks);
            data = rest;
        }
    }

    /// An access unit of its own packet, or a fragment.
    fn one(
        &mut self,
        size: usize,
        data: &[u8],
        marker: bool,
        out: &mut impl FnMut(Unit) -> Vec<u8>,
    ) {
        if std::mem::take(&mut self.partial) && size > data.len() {
            self.partial = !marker;
        } else if self.fragmented == Some(size) {
            self.fragment.extend_from_slice(data);
            if self.fragment.len() >= size.min(MAX_FRAME) || marker {
                self.fragmented = None;
                let mut whole = std::mem::take(&mut self.fragment);
                self.frame(&whole, out);
                whole.clear();
                self.fragment = whole;
            }
        } else if size > data.len() && !marker {
            self.fragmented = Some(size);
            self.fragment.clear();
            self.fragment.extend_from_slice(data);
        } else {
            // Some state a wrong size. With the marker this is a whole access unit all the same.
            self.fragmented = None;
            self.frame(data.get(..size).unwrap_or(data), out);
        }
    }

    fn frame(&mut self, frame: &[u8], out: &mut impl FnMut(Unit) -> Vec<u8>) {
        let frame = without_adts(frame);
        if !frame.is_empty() && frame.len() <= MAX_FRAME {
            self.unit.data.extend_from_slice(frame);
            self.unit.complete(out);
        }
    }
}

/// Some cameras keep the ADTS header (ISO/IEC 14496-3 section 1.A.2) in front of each access unit.
fn without_adts(frame: &[u8]) -> &[u8] {
    let &[0xff, second, _, a, b, c, _, ..] = frame else {
        return frame;
    };
    let length = usize::from(a & 3) << 11 | usize::from(b) << 3 | usize::from(c >> 5);
    if second & 0xf6 != 0xf0 || length != frame.len() {
        return frame;
    }
    let header = if second & 1 == 0 { 9 } else { 7 };
    frame.get(header..).unwrap_or_default()
}

/// An unsigned number of `count` bits, at most 32.
fn read_bits(data: &[u8], at: usize, count: u8) -> usize {
    (at..at + usize::from(count)).fold(0, |value, bit| {
        let byte = data.get(bit / 8).copied().unwrap_or_default();
        value << 1 | usize::from(byte >> (7 - bit % 8) & 1)
    })
}

/// What is common to all packets of audio.
fn begin(unit: &mut Building, piece: &Piece<'_>) {
    if piece.before.restarts {
        unit.restart();
    }
    unit.lost = unit.lost.saturating_add(piece.before.lost);
    unit.arrived(piece.arrival);
}
