//! AV1 according to the RTP Payload Format For AV1, version 1.0.
//!
//! The OBUs of a temporal unit are packed without gaps: a packet holds the end of one OBU, whole ones,
//! and the beginning of another, so that all packets but the last have the same size. Some receivers
//! take a packet that ends with a complete OBU for the end of a frame; this way few packets do.

use super::{Contents, VideoUnit};
use crate::media::av1::{Obu, is_keyframe, obu_type, obus};
use crate::media::{ParameterSets, Ring};

/// The bits of an aggregation header (section 4.4): the first OBU continues from the previous packet,
/// the last one continues in the next, and this is the first packet of a coded video sequence.
/// Between them is the number of OBUs; 0 means that the last one is preceded by its length, too.
const CONTINUES: u8 = 0x80;
const CONTINUED: u8 = 0x40;
const COUNT_SHIFT: u32 = 4;
const NEW_SEQUENCE: u8 = 0x08;

const AGGREGATION_HEADER: usize = 1;
/// The largest number of OBUs that the aggregation header can express.
const MAX_COUNTED: usize = 3;
/// Maximum number of OBUs in one packet.
const MAX_OBUS: usize = 16;
/// The first fragment of an OBU is at least this long, if the OBU is: its header is never split.
const MIN_FRAGMENT: usize = 3;
/// How many sizes are tried to get equal packets.
const TRIES: usize = 8;

/// A temporal unit, scanned once.
#[derive(Debug)]
pub(in crate::media) struct Av1Unit<'a> {
    data: &'a [u8],
    contents: Contents,
    sequence_header: Option<&'a [u8]>,
    /// Largest payload in bytes.
    limit: usize,
}

impl<'a> VideoUnit<'a> for Av1Unit<'a> {
    fn new(data: &'a [u8], limit: usize) -> Self {
        let mut contents = Contents::default();
        let mut sequence_header = None;
        let mut needed = false;
        let mut all = obus(data);
        for obu in all.by_ref().filter(is_sendable) {
            match obu.kind() {
                obu_type::SEQUENCE_HEADER => {
                    contents.sets = true;
                    sequence_header.get_or_insert(obu.payload);
                }
                obu_type::FRAME | obu_type::FRAME_HEADER if !contents.picture => {
                    contents.picture = true;
                    contents.keyframe = is_keyframe(obu.payload, sequence_header);
                }
                _ => {}
            }
            needed |= obu.temporal_id() == 0 && obu.kind() != obu_type::SEQUENCE_HEADER;
        }
        contents.disposable = contents.picture && !contents.keyframe && !needed;
        contents.broken = all.broken();
        Av1Unit {
            data,
            contents,
            sequence_header,
            limit,
        }
    }

    fn contents(&self) -> &Contents {
        &self.contents
    }

    fn packetize(&self, sets: Option<&ParameterSets>, ring: &mut Ring) {
        let of_track = match sets {
            Some(sets @ ParameterSets::Av1(_)) if self.needs_sequence_header() => {
                sets.in_order().next().map(Obu::sequence_header)
            }
            _ => None,
        };
        let all = || {
            of_track
                .into_iter()
                .chain(obus(self.data))
                .filter(is_sendable)
        };
        let size = even_size(all, self.limit);
        let mut first = self.contents.keyframe;
        pack(all(), size, |packet| {
            let sequence = if std::mem::take(&mut first) {
                NEW_SEQUENCE
            } else {
                0
            };
            packet.push(sequence, ring);
        });
    }
}

impl Av1Unit<'_> {
    fn needs_sequence_header(&self) -> bool {
        self.contents.keyframe && self.sequence_header.is_none()
    }
}

/// Whether viewers get it (section 5): not delimiters, tile lists and padding, nor what a decoder must
/// ignore.
fn is_sendable(obu: &Obu<'_>) -> bool {
    !obu.payload.is_empty()
        && matches!(
            obu.kind(),
            obu_type::SEQUENCE_HEADER | obu_type::FRAME_HEADER..=obu_type::REDUNDANT_FRAME_HEADER
        )
}

/// The size that spreads the OBUs evenly over the fewest packets.
fn even_size<'a, I: Iterator<Item = Obu<'a>>>(obus: impl Fn() -> I, limit: usize) -> usize {
    let count = |size| {
        let (mut packets, mut bytes) = (0, 0_usize);
        pack(obus(), size, |packet| {
            packets += 1;
            bytes += packet.len();
        });
        (packets, bytes)
    };
    let (fewest, bytes) = count(limit);
    if fewest < 2 {
        return limit;
    }
    let even = bytes.div_ceil(fewest);
    let mut sizes = (even..limit).take(TRIES);
    sizes.find(|&size| count(size).0 == fewest).unwrap_or(limit)
}

/// An OBU, or a part of one, in a packet.
#[derive(Clone, Copy)]
struct Element<'a> {
    /// What it is a part of; its header belongs to the part that `starts` it.
    obu: Obu<'a>,
    starts: bool,
    body: &'a [u8],
}

impl Element<'_> {
    fn header(&self) -> &[u8] {
        if self.starts { self.obu.header() } else { &[] }
    }

    fn len(&self) -> usize {
        self.header().len() + self.body.len()
    }
}

/// The contents of one packet.
#[derive(Default)]
struct Packet<'a> {
    elements: [Option<Element<'a>>; MAX_OBUS],
    count: usize,
    /// Size if each element were preceded by its length.
    size: usize,
    continues: bool,
    continued: bool,
}

impl<'a> Packet<'a> {
    fn new(continues: bool) -> Self {
        Packet {
            size: AGGREGATION_HEADER,
            continues,
            ..Packet::default()
        }
    }

    /// Room for one more element in a packet of this size.
    fn room(&self, size: usize) -> usize {
        let room = size.saturating_sub(self.size);
        if self.count < MAX_COUNTED {
            room
        } else if self.count < MAX_OBUS {
            room.saturating_sub(leb128_len(room))
        } else {
            0
        }
    }

    fn add(&mut self, element: Element<'a>) {
        if let Some(slot) = self.elements.get_mut(self.count) {
            let len = element.len();
            self.size += leb128_len(len) + len;
            self.count += 1;
            *slot = Some(element);
        }
    }

    /// Whether all elements are preceded by their lengths, including the last.
    fn all_have_lengths(&self) -> bool {
        self.count > MAX_COUNTED
    }

    fn len(&self) -> usize {
        match self.elements.iter().flatten().last() {
            Some(last) if !self.all_have_lengths() => self.size - leb128_len(last.len()),
            _ => self.size,
        }
    }

    fn push(&self, sequence: u8, ring: &mut Ring) {
        let flag = |on, bit| if on { bit } else { 0 };
        let counted = if self.all_have_lengths() {
            0
        } else {
            self.count
        };
        let header = [flag(self.continues, CONTINUES)
            | flag(self.continued, CONTINUED)
            | (counted as u8) << COUNT_SHIFT
            | sequence];
        let lengths = self
            .elements
            .map(|element| leb128(element.map_or(0, |element| element.len())));
        let mut parts: [&[u8]; 1 + 3 * MAX_OBUS] = [&[]; _];
        parts[0] = &header;
        for (i, element) in self.elements.iter().flatten().enumerate() {
            if self.all_have_lengths() || i + 1 < self.count {
                parts[1 + 3 * i] = &lengths[i][..leb128_len(element.len())];
            }
            parts[2 + 3 * i] = element.header();
            parts[3 + 3 * i] = element.body;
        }
        ring.push(&parts[..1 + 3 * self.count]);
    }
}

/// Fills packets of at most `size` bytes with the OBUs.
fn pack<'a>(obus: impl Iterator<Item = Obu<'a>>, size: usize, mut emit: impl FnMut(&Packet<'a>)) {
    let mut packet = Packet::new(false);
    for obu in obus {
        let mut rest = obu.payload;
        let mut starts = true;
        while starts || !rest.is_empty() {
            let header = if starts { obu.header().len() } else { 0 };
            let room = packet.room(size);
            if room < MIN_FRAGMENT.min(header + rest.len()) {
                packet.continued = !starts;
                emit(&packet);
                packet = Packet::new(!starts);
                continue;
            }
            let (body, after) = rest.split_at(rest.len().min(room - header));
            packet.add(Element { obu, starts, body });
            rest = after;
            starts = false;
        }
    }
    if packet.count > 0 {
        emit(&packet);
    }
}

/// Bytes of `leb128()` for a length below 2^14.
const fn leb128_len(value: usize) -> usize {
    if value < 0x80 { 1 } else { 2 }
}

const fn leb128(value: usize) -> [u8; 2] {
    if value < 0x80 {
        [value as u8, 0]
    } else {
        [value as u8 | 0x80, (value >> 7) as u8]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rtc::rtp::codec::av1::Av1Depacketizer;
    use rtc::rtp::packetizer::Depacketizer;
    use testkit::samples::Sample;

    use super::super::MAX_PAYLOAD;
    use super::*;
    use crate::media::av1::read_leb128;
    use crate::media::testing::{
        AV1_SEQUENCE, av1_sequence, noise, obu, other_av1_sequence, payloads, unlimited_ring,
    };
    use fastrand::Rng;

    fn packetize(data: &[u8], sets: Option<&ParameterSets>) -> Vec<Vec<u8>> {
        let mut ring = unlimited_ring();
        let unit = Av1Unit::new(data, MAX_PAYLOAD);
        ring.begin(0, Instant::now(), unit.contents.keyframe);
        unit.packetize(sets, &mut ring);
        ring.commit(true);
        payloads(&ring)
    }

    /// Reads section 4 as a strict receiver would: OBUs without sizes, and whether a new coded video
    /// sequence starts.
    fn depacketize(packets: &[Vec<u8>]) -> (Vec<Vec<u8>>, bool) {
        let mut obus: Vec<Vec<u8>> = Vec::new();
        let mut open = false;
        for (i, packet) in packets.iter().enumerate() {
            assert!(packet.len() <= MAX_PAYLOAD);
            let (&header, mut rest) = packet.split_first().unwrap();
            assert_eq!(header & 0x07, 0);
            assert_eq!(header & 0x80 != 0, open, "Z follows Y");
            assert!(header & 0x08 == 0 || i == 0, "N is for the first packet");
            let count = header >> 4 & 3;
            let mut number = 0;
            while !rest.is_empty() {
                number += 1;
                let element;
                (element, rest) = if number == count {
                    (rest, &[][..])
                } else {
                    let (len, after) = read_leb128(rest).unwrap();
                    after.split_at(len as usize)
                };
                assert!(!element.is_empty());
                if number == 1 && open {
                    obus.last_mut().unwrap().extend(element);
                } else {
                    obus.push(element.to_vec());
                }
            }
            assert!(number == count || count == 0 && number > 3);
            open = header & 0x40 != 0;
        }
        assert!(!open);
        for obu in &obus {
            assert_eq!(obu[0] & 0x82, 0, "no size, no forbidden bit");
        }
        let new_sequence = packets.first().is_some_and(|packet| packet[0] & 0x08 != 0);
        (obus, new_sequence)
    }

    /// An OBU in the low-overhead format, and as it comes out of a packet.
    fn pair(kind: u8, extension: Option<u8>, payload: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut bare = vec![kind << 3];
        if let Some(extension) = extension {
            bare[0] |= EXTENSION_FLAG;
            bare.push(extension);
        }
        bare.extend(payload);
        (obu(kind, extension, payload), bare)
    }

    const EXTENSION_FLAG: u8 = 0x04;

    /// Frames whose headers say: key frame shown; key frame hidden; inter frame shown; a frame that
    /// came before is shown.
    const KEY: u8 = 0x10;
    const HIDDEN_KEY: u8 = 0x00;
    const INTER: u8 = 0x30;
    const EXISTING: u8 = 0x90;

    fn frame(kind: u8, len: usize, random: &mut Rng) -> Vec<u8> {
        let mut frame = noise(len.max(1), random);
        frame[0] = kind;
        frame
    }

    #[test]
    fn a_keyframe_gets_the_sequence_header_of_the_track() {
        let mut random = Rng::with_seed(1);
        let sets = av1_sequence().into();
        let (key, bare_key) = pair(6, None, &frame(KEY, 3000, &mut random));
        let (delimiter, _) = pair(2, None, &[]);
        let sequence = [&[0x08], AV1_SEQUENCE].concat();
        let packets = packetize(&[&delimiter[..], &key].concat(), Some(&sets));
        assert_eq!(packets.len(), 3);
        assert_eq!(
            depacketize(&packets),
            (vec![sequence, bare_key.clone()], true)
        );
        assert!(
            packets[0][0] & 0x40 != 0,
            "the frame begins in the first packet"
        );

        let other = other_av1_sequence();
        let (own, bare_own) = pair(1, None, &other.payload);
        let data = [&delimiter[..], &own, &key].concat();
        let found = depacketize(&packetize(&data, Some(&sets)));
        assert_eq!(found, (vec![bare_own, bare_key.clone()], true));
        assert_eq!(depacketize(&packetize(&key, None)), (vec![bare_key], true));
    }

    #[test]
    fn only_a_shown_key_frame_that_comes_first_is_a_keyframe() {
        let still = [0x18, 0x15, 0x7f];
        for (first, sequence, expected) in [
            (KEY, None, true),
            (HIDDEN_KEY, None, false),
            (INTER, None, false),
            (EXISTING, None, false),
            (HIDDEN_KEY, Some(&still), true),
        ] {
            let mut data = obu(2, None, &[]);
            if let Some(sequence) = sequence {
                data.extend(obu(1, None, sequence));
            }
            data.extend(obu(3, None, &[first, 1]));
            data.extend(obu(4, None, &[1, 2, 3]));
            data.extend(obu(6, None, &[KEY, 1]));
            let unit = Av1Unit::new(&data, MAX_PAYLOAD);
            assert_eq!(unit.contents.keyframe, expected, "{first:02x}");
            assert!(unit.contents.picture);
            let (_, new_sequence) = depacketize(&packetize(&data, None));
            assert_eq!(new_sequence, expected);
        }
        assert!(
            !Av1Unit::new(&obu(5, None, &[1, 2]), MAX_PAYLOAD)
                .contents
                .picture
        );
    }

    #[test]
    fn what_viewers_have_no_use_for_is_dropped() {
        let mut data = Vec::new();
        for kind in [0, 2, 8, 9, 14, 15] {
            data.extend(obu(kind, None, &[7, 7]));
        }
        data.extend(obu(5, None, &[]));
        let (inter, bare) = pair(6, Some(0x28), &[INTER, 2]);
        data.extend(inter);
        let packets = packetize(&data, Some(&av1_sequence().into()));
        assert_eq!(packets, [[&[0x10][..], &bare].concat()]);
    }

    #[test]
    fn packets_of_a_frame_are_equal() {
        let mut random = Rng::with_seed(5);
        for round in 0..2000 {
            let len = match round {
                0..20 => MAX_PAYLOAD - 10 + round,
                20..40 => 2 * MAX_PAYLOAD - 14 + round - 20,
                _ => 1 + random.usize(..200_000),
            };
            let key = round % 3 == 0;
            let kind = if key { KEY } else { INTER };
            let (data, bare) = pair(6, None, &frame(kind, len, &mut random));
            let sets = av1_sequence().into();
            let packets = packetize(&data, Some(&sets));
            let mut expected = vec![bare];
            let mut bytes = 1 + len;
            if key {
                expected.insert(0, [&[0x08], AV1_SEQUENCE].concat());
                bytes += 1 + expected[0].len();
            }
            assert_eq!(depacketize(&packets), (expected, key));
            assert_eq!(packets.len(), bytes.div_ceil(MAX_PAYLOAD - 1));
            let size = packets[0].len();
            let (last, others) = packets.split_last().unwrap();
            assert!(others.iter().all(|packet| packet.len() == size));
            assert!(last.len() <= size && size - last.len() <= packets.len());
        }
    }

    #[test]
    fn arbitrary_temporal_units_come_back_whole() {
        let mut random = Rng::with_seed(7);
        let (mut equal, mut all) = (0, 0);
        for _ in 0..3000 {
            let mut data = Vec::new();
            let mut expected = Vec::new();
            for _ in 0..random.usize(..30) {
                let len = match random.usize(..4) {
                    0 => random.usize(..5),
                    1 => random.usize(..200),
                    2 => random.usize(..1500),
                    _ => random.usize(..20_000),
                };
                let kind = random.usize(..16) as u8;
                let extension = (random.usize(..4) == 0).then_some(0x28);
                let (obu, bare) = pair(kind, extension, &noise(len, &mut random));
                data.extend(obu);
                if matches!(kind, 1 | 3..=7) && len > 0 {
                    expected.push(bare);
                }
            }
            let packets = packetize(&data, None);
            assert_eq!(depacketize(&packets).0, expected);
            all += packets.len();
            let size = packets.first().map_or(0, Vec::len);
            equal += packets.iter().filter(|packet| packet.len() == size).count();
        }
        assert!(equal * 10 > all * 8, "{equal} of {all}");
    }

    #[test]
    fn a_foreign_reader_gets_every_picture_of_a_clip_back() {
        for unit in Sample::Av1.units() {
            let mut reader = Av1Depacketizer::new();
            let mut found = Vec::new();
            for packet in packetize(unit, None) {
                found.extend(reader.depacketize(&packet.into()).unwrap());
            }
            let (delimiter, obus) = unit.split_at(2);
            assert_eq!(delimiter, [0x12, 0]);
            assert!(found == obus);
        }
    }

    #[test]
    fn garbage_does_no_harm() {
        let mut random = Rng::with_seed(8);
        let sets = av1_sequence().into();
        for round in 0..20_000 {
            let len = random.usize(..300);
            let mut data = noise(len, &mut random);
            if round % 2 == 0 {
                data = obu(6, None, &data);
                data.extend(obu(1, None, AV1_SEQUENCE));
                for _ in 0..random.usize(..6) {
                    let at = random.usize(..data.len());
                    data[at] = random.u64(..) as u8;
                }
            }
            let unit = Av1Unit::new(&data, MAX_PAYLOAD);
            let packets = packetize(&data, Some(&sets));
            // A sequence header of the unit may be truncated: it passes as it is.
            let (_, new_sequence) = depacketize(&packets);
            assert_eq!(new_sequence, unit.contents.keyframe);
        }
    }
}
