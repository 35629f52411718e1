//! Assembles RTP payloads into access units, in the form of `media`: H.264 (RFC 6184), H.265
//! (RFC 7798), AV1 (RTP Payload Format For AV1, version 1.0). Each audio payload is one frame.
//!
//! After a loss, the intact NAL units or OBUs of an access unit are passed on.

use std::time::Instant;

use super::{Encoding, Format, Unit};
use crate::media::Codec;
use crate::media::av1::read_leb128;
use crate::media::nal::append_nal;

/// An access unit that grows beyond this is dropped: its last packet never arrives.
const MAX_UNIT: usize = 16 << 20;

/// Bits of the H.264 and H.265 fragmentation unit headers: first and last fragment of a NAL unit.
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// See the module documentation.
#[derive(Debug)]
pub struct Depacketizer {
    encoding: Encoding,
    unit: Unfinished,
    /// Where a fragmented NAL unit starts within the access unit.
    nal: Option<usize>,
    /// A fragmented OBU.
    obu: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Unfinished {
    data: Vec<u8>,
    timestamp: i64,
    lost: u32,
    damaged: bool,
    restarts: bool,
}

impl Depacketizer {
    pub fn new(format: &Format) -> Self {
        Depacketizer {
            encoding: format.encoding.clone(),
            unit: Unfinished::default(),
            nal: None,
            obu: None,
        }
    }

    /// Reports packets missing before the next one.
    pub fn lost(&mut self, packets: u32) {
        if packets > 0 {
            self.unit.lost = self.unit.lost.saturating_add(packets);
            self.unit.damaged = true;
            self.drop_fragments();
        }
    }

    /// A new RTP sequence starts; `again` if there was one before.
    pub fn restart(&mut self, again: bool) {
        self.drop_fragments();
        self.unit.data.clear();
        self.unit.lost = 0;
        self.unit.damaged = false;
        self.unit.restarts = again;
    }

    /// Takes the next payload.
    pub fn push(
        &mut self,
        payload: &[u8],
        timestamp: i64,
        marker: bool,
        arrival: Instant,
        out: &mut impl FnMut(Unit) -> Vec<u8>,
    ) {
        if timestamp != self.unit.timestamp {
            // The packet with the marker bit is missing, or the sender does not set it.
            self.drop_fragments();
            self.complete(arrival, out);
            self.unit.timestamp = timestamp;
        }
        match self.encoding {
            Encoding::Video(Codec::H265) => self.push_h265(payload),
            Encoding::Video(Codec::Av1) => self.push_av1(payload),
            Encoding::Video(_) => self.push_h264(payload),
            Encoding::Audio(_) | Encoding::Metadata => {
                self.unit.data.extend_from_slice(payload);
            }
        }
        if self.unit.data.len() > MAX_UNIT {
            self.drop_fragments();
            self.unit.data.clear();
            self.lost(1);
        }
        if marker || matches!(self.encoding, Encoding::Audio(_)) {
            self.drop_fragments();
            self.complete(arrival, out);
        }
    }

    fn complete(&mut self, arrival: Instant, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        if self.unit.data.is_empty() {
            return;
        }
        let timestamp = self.unit.timestamp;
        let unit = std::mem::take(&mut self.unit);
        self.unit.data = out(Unit {
            data: unit.data,
            timestamp,
            arrival,
            sampled: None,
            lost: unit.lost,
            damaged: unit.damaged,
            restarts: unit.restarts,
        });
        self.unit.timestamp = timestamp;
    }

    /// Drops what only a missing packet could complete.
    fn drop_fragments(&mut self) {
        if let Some(at) = self.nal.take() {
            self.unit.data.truncate(at);
        }
        self.obu = None;
    }

    fn push_h264(&mut self, payload: &[u8]) {
        match payload {
            // Single NAL unit (section 5.6).
            &[header, ..] if (1..24).contains(&(header & 0x1f)) => self.append(payload),
            // STAP-A (section 5.7.1).
            [header, rest @ ..] if header & 0x1f == 24 => self.aggregated(rest),
            // FU-A (section 5.8).
            &[indicator, fu, ref body @ ..] if indicator & 0x1f == 28 => {
                self.fragment(fu, &[indicator & 0xe0 | fu & 0x1f], body);
            }
            _ => {}
        }
    }

    fn push_h265(&mut self, payload: &[u8]) {
        let &[first, second, ref rest @ ..] = payload else {
            return;
        };
        match (first >> 1 & 0x3f, rest) {
            // Single NAL unit (section 4.4.1).
            (0..48, _) => self.append(payload),
            // AP (section 4.4.2).
            (48, rest) => self.aggregated(rest),
            // FU (section 4.4.3).
            (49, &[fu, ref body @ ..]) => {
                self.fragment(fu, &[first & 0x81 | (fu & 0x3f) << 1, second], body);
            }
            _ => {}
        }
    }

    fn append(&mut self, nal: &[u8]) {
        // Fragments of an earlier NAL unit without an end.
        self.drop_fragments();
        append_nal(&mut self.unit.data, nal);
    }

    /// NAL units with length prefixes of 2 bytes.
    fn aggregated(&mut self, mut rest: &[u8]) {
        while let Some((length, tail)) = rest.split_first_chunk() {
            let Some((nal, tail)) = tail.split_at_checked(u16::from_be_bytes(*length).into())
            else {
                break;
            };
            self.append(nal);
            rest = tail;
        }
    }

    /// A fragment of a NAL unit with this header.
    fn fragment(&mut self, fu: u8, header: &[u8], body: &[u8]) {
        if fu & FU_START != 0 {
            self.append(header);
            self.nal = Some(self.unit.data.len() - header.len() - 4);
        }
        let Some(at) = self.nal else {
            // Its start is missing.
            return;
        };
        let data = &mut self.unit.data;
        data.extend_from_slice(body);
        if fu & FU_END != 0 {
            let length = (data.len() - at - 4) as u32;
            if let Some(field) = data.get_mut(at..at + 4) {
                field.copy_from_slice(&length.to_be_bytes());
            }
            self.nal = None;
        }
    }

    /// Sections 4.3 and 4.4: an aggregation header, then OBUs without sizes.
    fn push_av1(&mut self, payload: &[u8]) {
        let Some((&aggregation, mut rest)) = payload.split_first() else {
            return;
        };
        let continues = aggregation & 0x80 != 0;
        let goes_on = aggregation & 0x40 != 0;
        let count = aggregation >> 4 & 3;
        if !continues {
            self.obu = None;
        }
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let element;
            if number == count {
                (element, rest) = (rest, &[][..]);
            } else {
                let split = read_leb128(rest)
                    .and_then(|(size, tail)| tail.split_at_checked(usize::try_from(size).ok()?));
                let Some(split) = split else {
                    self.obu = None;
                    return;
                };
                (element, rest) = split;
            }
            let ends = !(rest.is_empty() && goes_on);
            if number == 1 && continues {
                match &mut self.obu {
                    Some(obu) if obu.len() + element.len() <= MAX_UNIT => {
                        obu.extend_from_slice(element);
                    }
                    // Its start is missing.
                    _ => {
                        self.obu = None;
                        continue;
                    }
                }
                if ends && let Some(obu) = self.obu.take() {
                    append_obu(&mut self.unit.data, &obu);
                }
            } else if ends {
                append_obu(&mut self.unit.data, element);
            } else {
                self.obu = Some(element.to_vec());
            }
        }
    }
}

/// Appends an OBU with its size.
fn append_obu(unit: &mut Vec<u8>, obu: &[u8]) {
    const EXTENSION: u8 = 0x04;
    const HAS_SIZE: u8 = 0x02;
    let Some(&first) = obu.first() else { return };
    if first & HAS_SIZE != 0 {
        // Some senders keep the size, although the specification forbids it.
        unit.extend_from_slice(obu);
        return;
    }
    let header = 1 + usize::from(first & EXTENSION != 0);
    let Some((header, payload)) = obu.split_at_checked(header) else {
        return;
    };
    unit.push(first | HAS_SIZE);
    unit.extend_from_slice(&header[1..]);
    let mut size = payload.len();
    while size >= 0x80 {
        unit.push(size as u8 | 0x80);
        size >>= 7;
    }
    unit.push(size as u8);
    unit.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::nal::nals;
    use crate::media::testing::{nal, noise, unit};
    use fastrand::Rng;

    /// Assembles the payloads of one access unit, without those whose index is in `missing`.
    fn assemble(codec: Codec, payloads: &[Vec<u8>], missing: &[usize]) -> Vec<Unit> {
        let mut depacketizer = Depacketizer::new(&Format::pushed(codec));
        let mut units = Vec::new();
        let now = Instant::now();
        let mut out = |unit| {
            units.push(unit);
            Vec::new()
        };
        for (i, payload) in payloads.iter().enumerate() {
            if missing.contains(&i) {
                depacketizer.lost(1);
            } else {
                let marker = i + 1 == payloads.len();
                depacketizer.push(payload, 7, marker, now, &mut out);
            }
        }
        depacketizer.push(&[], 8, false, now, &mut out);
        units
    }

    fn h264(nals: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let nals: Vec<&[u8]> = nals.iter().map(Vec::as_slice).collect();
        let mut payloads = Vec::new();
        testkit::camera::packetize(&nals, 1200, |head, body, _| {
            payloads.push([head, body].concat());
        });
        payloads
    }

    #[test]
    fn h264_comes_back_as_it_was() {
        let mut random = Rng::with_seed(1);
        for _ in 0..200 {
            let sent: Vec<_> = (0..1 + random.usize(..6))
                .map(|_| {
                    let most = [50, 1300, 20_000][random.usize(..3)];
                    nal(0x41, 2 + random.usize(..most), &mut random)
                })
                .collect();
            let payloads = h264(&sent);
            let [whole] = &assemble(Codec::H264, &payloads, &[])[..] else {
                panic!("one access unit");
            };
            assert_eq!((&whole.data, whole.lost), (&unit(&sent), 0));
            // With one packet missing, every remaining NAL unit is one that was sent.
            let missing = random.usize(..payloads.len());
            let left = assemble(Codec::H264, &payloads, &[missing]);
            for unit in &left {
                assert_eq!(unit.lost, 1);
                let mut nals = nals(&unit.data);
                assert!(nals.by_ref().all(|nal| sent.iter().any(|sent| sent == nal)));
                assert!(!nals.broken());
            }
        }
    }

    #[test]
    fn h265_single_aggregated_and_fragmented() {
        let sps = [0x42, 1, 1, 2, 3];
        let idr = [0x26, 1, 0xaa, 0xbb, 0xcc, 0xdd];
        let aggregated = [&[0x60, 1, 0, 5][..], &sps, &[0, 6], &idr].concat();
        let fragments = [
            vec![0x62, 1, 0x80 | 19, 0xaa, 0xbb],
            vec![0x62, 1, 19, 0xcc],
            vec![0x62, 1, 0x40 | 19, 0xdd],
        ];
        let all = [&[sps.to_vec(), aggregated][..], &fragments].concat();
        let units = assemble(Codec::H265, &all, &[]);
        assert_eq!(units[0].data, unit(&[&sps[..], &sps, &idr, &idr]));
        let units = assemble(Codec::H265, &all, &[3]);
        assert_eq!(units[0].data, unit(&[&sps[..], &sps, &idr]));
        assert_eq!(units[0].lost, 1);
    }

    #[test]
    fn av1_elements_get_their_sizes_back() {
        let header = [0x08, 1, 2, 3];
        let frame: Vec<u8> = [&[0x30][..], &[9; 200]].concat();
        let with_sizes = [&[0x0a, 3, 1, 2, 3, 0x32, 0xc8, 1][..], &[9; 200]].concat();
        // Both in one packet: W = 2, and W = 0.
        let two = [&[0x28, 4][..], &header, &frame].concat();
        let zero = [&[0x08, 4][..], &header, &[0xc9, 1], &frame].concat();
        // The frame in three.
        let three = [
            [&[0x68, 4][..], &header, &frame[..50]].concat(),
            [&[0xd0][..], &frame[50..90]].concat(),
            [&[0x90][..], &frame[90..]].concat(),
        ];
        for payloads in [&[two][..], &[zero], &three] {
            let units = assemble(Codec::Av1, payloads, &[]);
            assert_eq!(units[0].data, with_sizes);
        }
        for missing in 1..3 {
            let units = assemble(Codec::Av1, &three, &[missing]);
            assert_eq!(units[0].data, with_sizes[..5], "{missing}");
        }
        assert_eq!(assemble(Codec::Av1, &three, &[0]), []);
    }

    #[test]
    fn garbage_makes_no_broken_unit() {
        let mut random = Rng::with_seed(3);
        for codec in [Codec::H264, Codec::H265, Codec::Av1] {
            for _ in 0..3000 {
                let payloads: Vec<_> = (0..random.usize(..8))
                    .map(|_| {
                        let len = random.usize(..40);
                        let mut payload = noise(len, &mut random);
                        if let (Some(first), true) = (payload.first_mut(), codec != Codec::Av1) {
                            *first = [0x1c, 0x18, 0x62, 0x60, *first][random.usize(..5)];
                        }
                        payload
                    })
                    .collect();
                for unit in assemble(codec, &payloads, &[]) {
                    let mut nals = nals(&unit.data);
                    nals.by_ref().for_each(drop);
                    assert!(codec == Codec::Av1 || !nals.broken());
                }
            }
        }
    }
}
