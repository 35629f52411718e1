//! H.264 follows RFC 6184, packetization mode 1. All fragments of an access unit have the same
//! size, but for the last of each NAL, which may be shorter: a run of equal datagrams is what UDP
//! segmentation offload takes in one call. Each NAL alone would ask for the size that spreads it
//! evenly over the fewest packets; the largest of these sizes, used for all, adds no packet to
//! any of them.

use super::MAX_PAYLOAD;
use crate::media::h264::nal_type;
use crate::media::nal::nals;
use crate::media::{ParameterSets, Ring};

/// FU indicator and FU header (RFC 6184 section 5.8).
const FU_HEADER: usize = 2;
const FU_A: u8 = 28;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;
/// Aggregation packet without decoding order numbers (RFC 6184 section 5.7.1).
const STAP_A: u8 = 24;
const STAP_HEADER: usize = 1;
/// In front of each NAL in it stands its length.
const STAP_LENGTH: usize = 2;
/// NALs in one aggregation packet at most: enough for parameter sets, SEI and small slices.
const MAX_AGGREGATED: usize = 16;
/// The bits of `nal_ref_idc` in a NAL header.
const NRI: u8 = 0x60;
const TYPE: u8 = 0x1f;

/// An H.264 access unit, looked through once.
#[derive(Debug)]
pub(in crate::media) struct H264Unit<'a> {
    data: &'a [u8],
    /// It holds a part of a picture. Without one there is nothing for a decoder to show.
    pub has_picture: bool,
    /// It holds a part of an IDR picture.
    pub keyframe: bool,
    /// The first SPS and PPS in it.
    pub sps: Option<&'a [u8]>,
    pub pps: Option<&'a [u8]>,
    /// A length in it was bad. What stands before it is intact.
    pub broken: bool,
    /// Size of its fragments, without their headers.
    fragment: usize,
}

impl<'a> H264Unit<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        let mut unit = H264Unit {
            data,
            has_picture: false,
            keyframe: false,
            sps: None,
            pps: None,
            broken: false,
            fragment: 0,
        };
        let mut all = nals(data);
        for nal in all.by_ref() {
            match sendable_type(nal) {
                Some(nal_type::SLICE..nal_type::IDR) => unit.has_picture = true,
                Some(nal_type::IDR) => {
                    unit.has_picture = true;
                    unit.keyframe = true;
                }
                Some(nal_type::SPS) => unit.sps = unit.sps.or(Some(nal)),
                Some(nal_type::PPS) => unit.pps = unit.pps.or(Some(nal)),
                Some(_) => {}
                None => continue,
            }
            if nal.len() > MAX_PAYLOAD {
                unit.fragment = unit.fragment.max(even_fragment(nal));
            }
        }
        unit.broken = all.broken();
        unit
    }

    /// Pushes its packets. In front of a keyframe go its own parameter sets, or those of `sets`
    /// where it has none.
    pub fn packetize(&self, sets: Option<&'a ParameterSets>, ring: &mut Ring) {
        let mut packets = Packets {
            ring,
            fragment: self.fragment,
            pending: [&[]; MAX_AGGREGATED],
            count: 0,
            size: STAP_HEADER,
        };
        let all = || nals(self.data).filter_map(|nal| Some((sendable_type(nal)?, nal)));
        if self.keyframe {
            let [sps, pps, _] = sets.map(ParameterSets::in_order).unwrap_or_default();
            for (kind, of_track) in [(nal_type::SPS, sps), (nal_type::PPS, pps)] {
                let mut last = None;
                for (_, nal) in all().filter(|&(k, _)| k == kind) {
                    // Some cameras repeat them.
                    if last.replace(nal) != Some(nal) {
                        packets.add(nal);
                    }
                }
                if last.is_none() && sendable_type(of_track) == Some(kind) {
                    packets.add(of_track);
                }
            }
        }
        for (kind, nal) in all() {
            if !(self.keyframe && matches!(kind, nal_type::SPS | nal_type::PPS)) {
                packets.add(nal);
            }
        }
        packets.flush();
    }
}

/// The type of a NAL that viewers get; `None` for those that they have no use for: delimiters and
/// filler, and what is no NAL.
fn sendable_type(nal: &[u8]) -> Option<u8> {
    nal_type(nal).filter(|kind| {
        nal.len() > 1
            && (nal_type::SLICE..=nal_type::LAST).contains(kind)
            && !(nal_type::AUD..=nal_type::FILLER).contains(kind)
    })
}

/// The fragment size that spreads a NAL evenly over the fewest packets.
fn even_fragment(nal: &[u8]) -> usize {
    // The NAL header is not sent as such.
    let body = nal.len() - 1;
    body.div_ceil(body.div_ceil(MAX_PAYLOAD - FU_HEADER))
}

/// Puts NALs into packets: small neighbours together, large ones in fragments.
struct Packets<'a, 'r> {
    ring: &'r mut Ring,
    /// Size of fragments at least.
    fragment: usize,
    /// NALs that fit one packet and wait for their neighbours.
    pending: [&'a [u8]; MAX_AGGREGATED],
    count: usize,
    /// Size of the aggregation packet that they would make.
    size: usize,
}

impl<'a> Packets<'a, '_> {
    fn add(&mut self, nal: &'a [u8]) {
        let size = STAP_LENGTH + nal.len();
        if self.size + size > MAX_PAYLOAD || self.count == MAX_AGGREGATED {
            self.flush();
        }
        if nal.len() > MAX_PAYLOAD {
            self.fragment(nal);
        } else if let Some(slot) = self.pending.get_mut(self.count) {
            *slot = nal;
            self.count += 1;
            self.size += size;
        }
    }

    fn flush(&mut self) {
        match &self.pending[..self.count] {
            [] => {}
            [nal] => self.ring.push(&[nal]),
            nals => {
                let nri = nals.iter().map(|nal| nal[0] & NRI).max().unwrap_or(0);
                let header = [nri | STAP_A];
                let lengths = self.pending.map(|nal| (nal.len() as u16).to_be_bytes());
                let mut parts: [&[u8]; 1 + 2 * MAX_AGGREGATED] = [&[]; _];
                parts[0] = &header;
                for (i, nal) in nals.iter().enumerate() {
                    parts[1 + 2 * i] = &lengths[i];
                    parts[2 + 2 * i] = nal;
                }
                self.ring.push(&parts[..1 + 2 * self.count]);
            }
        }
        self.count = 0;
        self.size = STAP_HEADER;
    }

    fn fragment(&mut self, nal: &[u8]) {
        let size = self.fragment.max(even_fragment(nal));
        let (header, body) = (nal[0], &nal[1..]);
        let last = body.len().div_ceil(size) - 1;
        for (i, part) in body.chunks(size).enumerate() {
            let start = if i == 0 { FU_START } else { 0 };
            let end = if i == last { FU_END } else { 0 };
            let fu = [header & NRI | FU_A, start | end | header & TYPE];
            self.ring.push(&[&fu, part]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::media::RingLimits;
    use crate::media::testing::{OTHER_PPS, OTHER_SPS, PPS, Random, SPS, nal, sets, unit};

    fn packetize(data: &[u8], sets: Option<&ParameterSets>) -> Vec<Vec<u8>> {
        let mut ring = Ring::new(RingLimits {
            packets: usize::MAX,
            keep_gop: true,
            bytes: usize::MAX,
            duration: Duration::MAX,
        });
        let unit = H264Unit::new(data);
        ring.begin(0, Instant::now(), unit.keyframe);
        unit.packetize(sets, &mut ring);
        ring.commit(true);
        (0..ring.end())
            .map(|number| ring.packet(number).unwrap().payload.to_vec())
            .collect()
    }

    /// Reads RFC 6184 as a strict receiver would.
    fn depacketize(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut nals = Vec::new();
        let mut fragmented: Option<Vec<u8>> = None;
        for packet in packets {
            assert!(packet.len() <= MAX_PAYLOAD && packet[0] & 0x80 == 0);
            match packet[0] & 31 {
                1..=23 => {
                    assert!(fragmented.is_none());
                    nals.push(packet.clone());
                }
                24 => {
                    assert!(fragmented.is_none());
                    let (mut rest, mut nri, mut count) = (&packet[1..], 0, 0);
                    while let [a, b, tail @ ..] = rest {
                        let (nal, tail) = tail.split_at(usize::from(*a) << 8 | usize::from(*b));
                        nri = nri.max(nal[0] >> 5);
                        count += 1;
                        nals.push(nal.to_vec());
                        rest = tail;
                    }
                    assert!(rest.is_empty() && count > 1);
                    assert_eq!(packet[0] >> 5, nri);
                }
                28 => {
                    let (start, end) = (packet[1] & 0x80 != 0, packet[1] & 0x40 != 0);
                    assert!(!(start && end) && packet[1] & 0x20 == 0);
                    let header = packet[0] & 0xe0 | packet[1] & 31;
                    if start {
                        assert!(fragmented.replace(vec![header]).is_none());
                    }
                    let nal = fragmented.as_mut().expect("a fragment before");
                    assert_eq!(nal[0], header);
                    assert!(packet.len() > 2);
                    nal.extend(&packet[2..]);
                    if end {
                        nals.extend(fragmented.take());
                    }
                }
                other => panic!("packet of type {other}"),
            }
        }
        assert!(fragmented.is_none());
        nals
    }

    fn sizes(packets: &[Vec<u8>]) -> Vec<usize> {
        packets.iter().map(Vec::len).collect()
    }

    #[test]
    fn a_keyframe_gets_the_sets_of_the_track_with_its_sei() {
        let mut random = Random::new(1);
        let sei = nal(0x06, 30, &mut random);
        let idr = nal(0x65, 5000, &mut random);
        let packets = packetize(
            &unit(&[&[0x09, 0x10][..], &sei, &idr, &[0x0c, 0xff]]),
            Some(&sets().into()),
        );
        assert_eq!(depacketize(&packets[..1]), [SPS, PPS, &sei]);
        assert_eq!(packets[0][0], 0x60 | 24);
        assert_eq!(depacketize(&packets[1..]), [idr]);
    }

    #[test]
    fn sets_of_the_access_unit_win_and_come_once() {
        let mut random = Random::new(2);
        let idr = nal(0x65, 100, &mut random);
        let data = unit(&[
            &idr[..],
            OTHER_SPS,
            OTHER_PPS,
            OTHER_SPS,
            OTHER_PPS,
            PPS,
            &idr,
        ]);
        let found = depacketize(&packetize(&data, Some(&sets().into())));
        assert_eq!(found, [OTHER_SPS, OTHER_PPS, PPS, &idr, &idr]);

        let data = unit(&[OTHER_PPS, &idr]);
        let found = depacketize(&packetize(&data, Some(&sets().into())));
        assert_eq!(found, [SPS, OTHER_PPS, &idr]);
        assert_eq!(depacketize(&packetize(&data, None)), [OTHER_PPS, &idr]);
    }

    #[test]
    fn an_sei_that_does_not_fit_stands_alone() {
        let mut random = Random::new(3);
        let sei = nal(0x06, 1180, &mut random);
        let idr = nal(0x65, 100, &mut random);
        let packets = packetize(&unit(&[&sei, &idr]), Some(&sets().into()));
        assert_eq!(depacketize(&packets), [SPS, PPS, &sei, &idr]);
        assert_eq!(packets.len(), 3);
    }

    #[test]
    fn what_viewers_have_no_use_for_is_dropped() {
        let slice = [0x41, 1, 2, 3];
        let data = unit(&[
            &[0x09, 0xf0][..],
            &slice,
            &[0x0a, 1],
            &[0x0b, 1],
            &[0x0c, 0xff, 0xff],
            &[0x00, 1],
            &[0x78, 1, 2],
            &[0x7c, 1, 2],
            &[0xc1, 1, 2],
            &[0x41],
        ]);
        assert_eq!(packetize(&data, Some(&sets().into())), [slice]);
    }

    #[test]
    fn small_neighbours_share_a_packet() {
        let mut random = Random::new(4);
        let slices: Vec<_> = [(0x21, 500), (0x41, 500), (0x01, 500), (0x01, 180)]
            .into_iter()
            .map(|(header, len)| nal(header, len, &mut random))
            .collect();
        let packets = packetize(&unit(&slices), None);
        assert_eq!(sizes(&packets), [1005, 685]);
        assert_eq!(packets[0][0], 0x40 | 24);
        assert_eq!(depacketize(&packets), slices);

        let tiny = vec![[0x41, 7]; 100];
        let packets = packetize(&unit(&tiny), None);
        assert_eq!(packets.len(), 100_usize.div_ceil(MAX_AGGREGATED));
        assert_eq!(depacketize(&packets), tiny);
    }

    #[test]
    fn fragments_of_a_nal_are_equal() {
        let mut random = Random::new(5);
        for round in 0..2000 {
            let len = match round {
                0..20 => MAX_PAYLOAD - 10 + round,
                20..40 => 2 * (MAX_PAYLOAD - 2) - 10 + round - 20,
                _ => 2 + random.below(200_000),
            };
            let packets = packetize(&unit(&[nal(0x41, len, &mut random)]), None);
            if len <= MAX_PAYLOAD {
                assert_eq!(sizes(&packets), [len]);
                continue;
            }
            assert_eq!(packets.len(), (len - 1).div_ceil(MAX_PAYLOAD - 2));
            let size = packets[0].len();
            let (last, others) = packets.split_last().unwrap();
            assert!(others.iter().all(|packet| packet.len() == size));
            assert!(last.len() <= size && size - last.len() < packets.len());
        }
    }

    #[test]
    fn slices_share_a_fragment_size_without_more_packets() {
        let mut random = Random::new(6);
        for _ in 0..500 {
            let slices: Vec<_> = (0..2 + random.below(6))
                .map(|_| {
                    let len = MAX_PAYLOAD + 1 + random.below(8000);
                    nal(0x41, len, &mut random)
                })
                .collect();
            let packets = packetize(&unit(&slices), None);
            let fewest = slices
                .iter()
                .map(|nal| (nal.len() - 1).div_ceil(MAX_PAYLOAD - 2));
            assert_eq!(packets.len(), fewest.sum::<usize>());
            let size = packets[0].len();
            for packet in &packets {
                assert!(packet.len() == size || packet[1] & FU_END != 0);
                assert!(packet.len() <= size);
            }
            assert_eq!(depacketize(&packets), slices);
        }
    }

    #[test]
    fn arbitrary_access_units_come_back_whole() {
        let mut random = Random::new(7);
        for _ in 0..2000 {
            let mut nals = Vec::new();
            for _ in 0..random.below(12) {
                let len = match random.below(4) {
                    0 => random.below(4),
                    1 => random.below(200),
                    2 => random.below(1500),
                    _ => random.below(20_000),
                };
                nals.push(random.bytes(len));
            }
            let data = unit(&nals);
            nals.retain(|nal| {
                nal.len() > 1 && nal[0] < 0x80 && matches!(nal[0] & 31, 1..=8 | 13..=23)
            });
            let found = depacketize(&packetize(&data, None));
            if nals.iter().any(|nal| nal[0] & 31 == 5) {
                // Parameter sets move to the front.
                nals.sort_by_key(|nal| match nal[0] & 31 {
                    7 => 0,
                    8 => 1,
                    _ => 2,
                });
            }
            assert_eq!(found, nals);
        }
    }

    #[test]
    fn garbage_does_no_harm() {
        let mut random = Random::new(8);
        for _ in 0..5000 {
            let len = random.below(300);
            let mut data = random.bytes(len);
            // Lengths that are often believable.
            for at in (0..data.len()).step_by(1 + random.below(40)) {
                let end = data.len().min(at + 3);
                data[at..end].fill(0);
            }
            depacketize(&packetize(&data, Some(&sets().into())));
        }
    }
}
