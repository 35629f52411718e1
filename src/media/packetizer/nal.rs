//! The common part of the packetizers of H.264 and H.265.
//!
//! All fragments of an access unit have the same size, except for the last of each NAL unit, which may
//! be shorter. For each NAL unit there is a size that spreads it evenly over the fewest packets; the
//! largest of these sizes, used for all, adds no packet to any of them.

use std::marker::PhantomData;

use super::{Contents, VideoUnit};
use crate::media::nal::{Nals, nals};
use crate::media::{ParameterSets, Ring};

/// The bits of an FU header that mark the first and the last fragment of a NAL unit.
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;
/// Bytes of the length that precedes each NAL unit in an aggregation packet.
const LENGTH: usize = 2;
/// Maximum number of NAL units in one aggregation packet: enough for parameter sets, SEI and small
/// slices.
const MAX_AGGREGATED: usize = 16;

/// What a packetizer must know about a NAL unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::media) enum Class {
    /// A slice.
    Slice,
    /// A slice of a picture at which decoding can start.
    KeySlice,
    /// A parameter set.
    ParameterSet,
    /// Passes as it is.
    Other,
}

/// What differs between the two codecs.
pub(in crate::media) trait NalFormat {
    /// Bytes of a NAL unit header, and of the header of an aggregation packet. The header of a
    /// fragment, which replaces the NAL unit's, is one byte longer.
    const HEADER: usize;
    /// The class of a NAL unit; `None` for those that viewers have no use for (delimiters, filler) and
    /// for malformed ones. NAL units with a class are longer than their header.
    fn class(nal: &[u8]) -> Option<Class>;

    /// Whether a slice belongs to a picture that no other refers to, or none but those of upper temporal
    /// layers, all of which are disposable.
    fn is_disposable(slice: &[u8]) -> bool;

    /// The header of an aggregation packet of these NAL units, in the first [`Self::HEADER`] bytes.
    fn aggregation_header(nals: &[&[u8]]) -> [u8; 2];

    /// The header of a fragment of this NAL unit, in the first [`Self::HEADER`] + 1 bytes.
    fn fragment_header(nal: &[u8], position: u8) -> [u8; 3];
}

/// An access unit of H.264 or H.265, scanned once.
#[derive(Debug)]
pub(in crate::media) struct NalUnit<'a, F> {
    data: &'a [u8],
    contents: Contents,
    /// Size of its fragments in bytes, without their headers.
    fragment: usize,
    /// Largest payload in bytes.
    limit: usize,
    format: PhantomData<F>,
}

impl<'a, F: NalFormat> VideoUnit<'a> for NalUnit<'a, F> {
    fn new(data: &'a [u8], limit: usize) -> Self {
        let mut contents = Contents::default();
        let mut fragment = 0;
        let mut needed = false;
        let mut all = nals(data);
        for (class, nal) in sendable::<F>(&mut all) {
            match class {
                Class::Slice => {
                    contents.picture = true;
                    needed |= !F::is_disposable(nal);
                }
                Class::KeySlice => {
                    contents.picture = true;
                    contents.keyframe = true;
                }
                Class::ParameterSet => contents.sets = true,
                Class::Other => {}
            }
            if nal.len() > limit {
                fragment = fragment.max(even_fragment::<F>(nal, limit));
            }
        }
        contents.broken = all.broken();
        contents.disposable = contents.picture && !contents.keyframe && !needed;
        NalUnit {
            data,
            contents,
            fragment,
            limit,
            format: PhantomData,
        }
    }

    fn contents(&self) -> &Contents {
        &self.contents
    }

    fn packetize(&self, sets: Option<&ParameterSets>, ring: &mut Ring) {
        let mut packets = Packets::<F> {
            ring,
            fragment: self.fragment,
            limit: self.limit,
            pending: [&[]; MAX_AGGREGATED],
            count: 0,
            size: F::HEADER,
            format: PhantomData,
        };
        // All that pictures up to the next keyframe may refer to, once each: cameras repeat them, or
        // send them once and never again.
        let of_track = sets.filter(|_| self.contents.keyframe);
        for set in of_track.into_iter().flat_map(ParameterSets::in_order) {
            packets.add(set);
        }
        for (class, nal) in sendable::<F>(&mut nals(self.data)) {
            if of_track.is_none() || class != Class::ParameterSet {
                packets.add(nal);
            }
        }
        packets.flush();
    }
}

/// The NAL units that viewers get.
fn sendable<'a, F: NalFormat>(all: &mut Nals<'a>) -> impl Iterator<Item = (Class, &'a [u8])> {
    all.filter_map(|nal| Some((F::class(nal)?, nal)))
}

/// The fragment size that spreads a NAL unit evenly over the fewest packets.
fn even_fragment<F: NalFormat>(nal: &[u8], limit: usize) -> usize {
    let body = nal.len() - F::HEADER;
    body.div_ceil(body.div_ceil(limit - F::HEADER - 1))
}

/// Puts NAL units into packets: small neighbors together, large ones in fragments.
struct Packets<'a, 'r, F> {
    ring: &'r mut Ring,
    /// Minimum size of a fragment.
    fragment: usize,
    /// Maximum size of a payload.
    limit: usize,
    /// NAL units that fit one packet and wait for their neighbors.
    pending: [&'a [u8]; MAX_AGGREGATED],
    count: usize,
    /// Size of the aggregation packet that they would form.
    size: usize,
    format: PhantomData<F>,
}

impl<'a, F: NalFormat> Packets<'a, '_, F> {
    fn add(&mut self, nal: &'a [u8]) {
        let size = LENGTH + nal.len();
        if self.size + size > self.limit || self.count == MAX_AGGREGATED {
            self.flush();
        }
        if nal.len() > self.limit {
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
                let header = F::aggregation_header(nals);
                let lengths = self.pending.map(|nal| (nal.len() as u16).to_be_bytes());
                let mut parts: [&[u8]; 1 + 2 * MAX_AGGREGATED] = [&[]; _];
                parts[0] = &header[..F::HEADER];
                for (i, nal) in nals.iter().enumerate() {
                    parts[1 + 2 * i] = &lengths[i];
                    parts[2 + 2 * i] = nal;
                }
                self.ring.push(&parts[..1 + 2 * self.count]);
            }
        }
        self.count = 0;
        self.size = F::HEADER;
    }

    fn fragment(&mut self, nal: &[u8]) {
        let size = self.fragment.max(even_fragment::<F>(nal, self.limit));
        let body = &nal[F::HEADER..];
        let last = body.len().div_ceil(size) - 1;
        for (i, part) in body.chunks(size).enumerate() {
            let start = if i == 0 { FU_START } else { 0 };
            let end = if i == last { FU_END } else { 0 };
            let header = F::fragment_header(nal, start | end);
            self.ring.push(&[&header[..F::HEADER + 1], part]);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Instant;

    use super::super::h264::tests::depacketize as depacketize_h264;
    use super::super::h265::tests::depacketize as depacketize_h265;
    use super::super::{H264, H265, MAX_PAYLOAD};
    use super::*;
    use crate::media::testing::{self, nal, noise, sets, unit, unlimited_ring};
    use fastrand::Rng;

    pub fn packetize<F: NalFormat>(data: &[u8], sets: Option<&ParameterSets>) -> Vec<Vec<u8>> {
        let mut ring = unlimited_ring();
        let unit = NalUnit::<F>::new(data, MAX_PAYLOAD);
        ring.begin(0, Instant::now(), unit.contents.keyframe);
        unit.packetize(sets, &mut ring);
        ring.commit(true);
        testing::payloads(&ring)
    }

    pub fn sizes(packets: &[Vec<u8>]) -> Vec<usize> {
        packets.iter().map(Vec::len).collect()
    }

    /// Shared by the tests of both codecs.
    trait Tested: NalFormat {
        fn depacketize(packets: &[Vec<u8>]) -> Vec<Vec<u8>>;

        fn slice(len: usize, random: &mut Rng) -> Vec<u8>;

        fn sets() -> ParameterSets;
    }

    impl Tested for H264 {
        fn depacketize(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
            depacketize_h264(packets)
        }

        fn slice(len: usize, random: &mut Rng) -> Vec<u8> {
            nal(0x41, len, random)
        }

        fn sets() -> ParameterSets {
            sets().into()
        }
    }

    impl Tested for H265 {
        fn depacketize(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
            depacketize_h265(packets)
        }

        fn slice(len: usize, random: &mut Rng) -> Vec<u8> {
            let mut nal = nal(0x02, len, random);
            nal[1] = 0x01;
            nal
        }

        fn sets() -> ParameterSets {
            testing::h265_sets().into()
        }
    }

    fn fragments_are_equal<F: Tested>() {
        let most = MAX_PAYLOAD - F::HEADER - 1;
        let mut random = Rng::with_seed(5);
        for round in 0..2000 {
            let len = match round {
                0..20 => MAX_PAYLOAD - 10 + round,
                20..40 => 2 * most - 10 + round - 20,
                _ => 3 + random.usize(..200_000),
            };
            let slice = F::slice(len, &mut random);
            let packets = packetize::<F>(&unit(&[&slice]), None);
            assert_eq!(F::depacketize(&packets), [slice]);
            if len <= MAX_PAYLOAD {
                assert_eq!(sizes(&packets), [len]);
                continue;
            }
            assert_eq!(packets.len(), (len - F::HEADER).div_ceil(most));
            let size = packets[0].len();
            let (last, others) = packets.split_last().unwrap();
            assert!(others.iter().all(|packet| packet.len() == size));
            assert!(last.len() <= size && size - last.len() < packets.len());
        }
    }

    #[test]
    fn fragments_of_a_nal_are_equal() {
        fragments_are_equal::<H264>();
        fragments_are_equal::<H265>();
    }

    fn slices_share_a_size<F: Tested>() {
        let mut random = Rng::with_seed(6);
        for _ in 0..500 {
            let slices: Vec<_> = (0..2 + random.usize(..6))
                .map(|_| {
                    let len = MAX_PAYLOAD + 1 + random.usize(..8000);
                    F::slice(len, &mut random)
                })
                .collect();
            let packets = packetize::<F>(&unit(&slices), None);
            let fewest = slices
                .iter()
                .map(|nal| (nal.len() - F::HEADER).div_ceil(MAX_PAYLOAD - F::HEADER - 1));
            assert_eq!(packets.len(), fewest.sum::<usize>());
            let size = packets[0].len();
            for packet in &packets {
                assert!(packet.len() == size || packet[F::HEADER] & FU_END != 0);
                assert!(packet.len() <= size);
            }
            assert_eq!(F::depacketize(&packets), slices);
        }
    }

    #[test]
    fn slices_share_a_fragment_size_without_more_packets() {
        slices_share_a_size::<H264>();
        slices_share_a_size::<H265>();
    }

    fn come_back_whole<F: Tested>() {
        let mut random = Rng::with_seed(7);
        for _ in 0..2000 {
            let mut nals = Vec::new();
            for _ in 0..random.usize(..12) {
                let len = match random.usize(..4) {
                    0 => random.usize(..5),
                    1 => random.usize(..200),
                    2 => random.usize(..1500),
                    _ => random.usize(..20_000),
                };
                nals.push(noise(len, &mut random));
            }
            let data = unit(&nals);
            nals.retain(|nal| F::class(nal).is_some());
            let found = F::depacketize(&packetize::<F>(&data, None));
            assert_eq!(found, nals);
        }
    }

    #[test]
    fn arbitrary_access_units_come_back_whole() {
        come_back_whole::<H264>();
        come_back_whole::<H265>();
    }

    fn garbage<F: Tested>() {
        let mut random = Rng::with_seed(8);
        for _ in 0..20_000 {
            let len = random.usize(..300);
            let mut data = noise(len, &mut random);
            // Lengths that are often plausible.
            for at in (0..data.len()).step_by(1 + random.usize(..40)) {
                let end = data.len().min(at + 3);
                data[at..end].fill(0);
            }
            F::depacketize(&packetize::<F>(&data, Some(&F::sets())));
        }
    }

    #[test]
    fn garbage_does_no_harm() {
        garbage::<H264>();
        garbage::<H265>();
    }
}
