//! H.264 according to RFC 6184, packetization mode 1.

use super::nal::{Class, NalFormat};
use crate::media::h264::nal_type::{self, AUD, FILLER, IDR, LAST, PPS, SLICE, SPS};

/// Aggregation packet without decoding order numbers (section 5.7.1).
const STAP_A: u8 = 24;
/// Fragment without decoding order number (section 5.8).
const FU_A: u8 = 28;
/// The bits of `nal_ref_idc` in a NAL header.
const NRI: u8 = 0x60;
const TYPE: u8 = 0x1f;

/// The format of H.264.
#[derive(Debug)]
pub(in crate::media) struct H264;

impl NalFormat for H264 {
    const HEADER: usize = 1;

    fn class(nal: &[u8]) -> Option<Class> {
        match crate::media::h264::nal_type(nal).filter(|_| nal.len() > Self::HEADER)? {
            SLICE..IDR => Some(Class::Slice),
            IDR => Some(Class::KeySlice),
            SPS => Some(Class::ParameterSet),
            PPS => Some(Class::ParameterSet),
            0 | AUD..=FILLER => None,
            nal_type::SEI | ..=LAST => Some(Class::Other),
            _ => None,
        }
    }

    fn is_disposable(slice: &[u8]) -> bool {
        slice[0] & NRI == 0
    }

    /// With the highest `nal_ref_idc` of the NAL units.
    fn aggregation_header(nals: &[&[u8]]) -> [u8; 2] {
        let nri = nals.iter().map(|nal| nal[0] & NRI).max().unwrap_or(0);
        [nri | STAP_A, 0]
    }

    fn fragment_header(nal: &[u8], position: u8) -> [u8; 3] {
        [nal[0] & NRI | FU_A, position | nal[0] & TYPE, 0]
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::MAX_PAYLOAD;
    use super::super::nal::tests::{packetize, sizes};
    use super::*;
    use crate::media::ParameterSets;
    use crate::media::testing::{OTHER_PPS, OTHER_SPS, PPS, SPS, nal, sets, unit};
    use fastrand::Rng;

    /// Reads RFC 6184 as a strict receiver would.
    pub fn depacketize(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
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

    #[test]
    fn a_keyframe_gets_the_sets_of_the_track_with_its_sei() {
        let mut random = Rng::with_seed(1);
        let sei = nal(0x06, 30, &mut random);
        let idr = nal(0x65, 5000, &mut random);
        let packets = packetize::<H264>(
            &unit(&[&[0x09, 0x10][..], &sei, &idr, &[0x0c, 0xff]]),
            Some(&sets().into()),
        );
        assert_eq!(depacketize(&packets[..1]), [SPS, PPS, &sei]);
        assert_eq!(packets[0][0], 0x60 | 24);
        assert_eq!(depacketize(&packets[1..]), [idr]);
    }

    #[test]
    fn sets_of_the_access_unit_win_and_come_once() {
        let mut random = Rng::with_seed(2);
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
        // By their ids, which are 0: the last one counts.
        let mut of_track = ParameterSets::from(sets());
        assert!(of_track.remember(&data) && !of_track.remember(&unit(&[OTHER_SPS, PPS])));
        let found = depacketize(&packetize::<H264>(&data, Some(&of_track)));
        assert_eq!(found, [OTHER_SPS, PPS, &idr, &idr]);

        // PPS with other ids, one of which comes without the picture that needs it; malformed ones.
        let pps: [&[u8]; 4] = [
            &[0x68, 0x5e, 0x3c, 0x80],
            &[0x68, 0x6e, 0x3c, 0x80],
            &[0x68],
            &[0x68, 0],
        ];
        of_track.remember(&unit(&pps));
        let data = unit(&[OTHER_SPS, OTHER_PPS, &idr]);
        of_track.remember(&data);
        let found = depacketize(&packetize::<H264>(&data, Some(&of_track)));
        assert_eq!(found, [OTHER_SPS, OTHER_PPS, pps[0], pps[1], &idr]);

        let data = unit(&[OTHER_PPS, &idr]);
        let mut of_track = ParameterSets::from(sets());
        of_track.remember(&data);
        let found = depacketize(&packetize::<H264>(&data, Some(&of_track)));
        assert_eq!(found, [SPS, OTHER_PPS, &idr]);
        assert_eq!(
            depacketize(&packetize::<H264>(&data, None)),
            [OTHER_PPS, &idr]
        );
    }

    #[test]
    fn an_sei_that_does_not_fit_stands_alone() {
        let mut random = Rng::with_seed(3);
        let sei = nal(0x06, 1180, &mut random);
        let idr = nal(0x65, 100, &mut random);
        let packets = packetize::<H264>(&unit(&[&sei, &idr]), Some(&sets().into()));
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
        assert_eq!(packetize::<H264>(&data, Some(&sets().into())), [slice]);
    }

    #[test]
    fn small_neighbors_share_a_packet() {
        let mut random = Rng::with_seed(4);
        let slices: Vec<_> = [(0x21, 500), (0x41, 500), (0x01, 500), (0x01, 180)]
            .into_iter()
            .map(|(header, len)| nal(header, len, &mut random))
            .collect();
        let packets = packetize::<H264>(&unit(&slices), None);
        assert_eq!(sizes(&packets), [1005, 685]);
        assert_eq!(packets[0][0], 0x40 | 24);
        assert_eq!(depacketize(&packets), slices);

        let tiny = vec![[0x41, 7]; 100];
        let packets = packetize::<H264>(&unit(&tiny), None);
        assert_eq!(packets.len(), 7);
        assert_eq!(depacketize(&packets), tiny);
    }
}
