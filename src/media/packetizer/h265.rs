//! H.265 according to RFC 7798, without decoding order numbers (`sprop-max-don-diff` is 0).

use super::nal::{Class, NalFormat};
use crate::media::h265::nal_type::{
    self, AUD, FILLER, FIRST_IRAP, LAST, LAST_IRAP, LAST_SLICE, PPS, SPS, VPS,
};
use crate::media::h265::{self, NAL_HEADER};

/// Aggregation packet (section 4.4.2).
const AP: u8 = 48;
/// Fragment (section 4.4.3).
const FU: u8 = 49;

/// The format of H.265.
#[derive(Debug)]
pub(in crate::media) struct H265;

impl NalFormat for H265 {
    const HEADER: usize = NAL_HEADER;

    fn class(nal: &[u8]) -> Option<Class> {
        match h265::nal_type(nal).filter(|_| nal.len() > Self::HEADER)? {
            FIRST_IRAP..=LAST_IRAP => Some(Class::KeySlice),
            ..=LAST_SLICE => Some(Class::Slice),
            VPS => Some(Class::ParameterSet),
            SPS => Some(Class::ParameterSet),
            PPS => Some(Class::ParameterSet),
            AUD..=FILLER => None,
            nal_type::PREFIX_SEI | ..=LAST => Some(Class::Other),
            _ => None,
        }
    }

    /// A sub-layer non-reference picture (ITU-T H.265 section 7.4.2.2: the even types up to 14), or one of
    /// an upper temporal layer. `nuh_temporal_id_plus1` is never 0.
    fn is_disposable(slice: &[u8]) -> bool {
        let kind = slice[0] >> 1;
        slice[1] & 0x07 > 1 || (kind <= 14 && kind & 1 == 0)
    }

    /// With the lowest layer and the lowest temporal id of the NAL units.
    fn aggregation_header(nals: &[&[u8]]) -> [u8; 2] {
        let layer = nals.iter().map(|nal| layer(nal)).min().unwrap_or(0);
        let temporal_id = nals.iter().map(|nal| nal[1] & 0x07).min().unwrap_or(1);
        [AP << 1 | layer >> 5, layer << 3 | temporal_id]
    }

    fn fragment_header(nal: &[u8], position: u8) -> [u8; 3] {
        [FU << 1 | nal[0] & 1, nal[1], position | nal[0] >> 1]
    }
}

/// `nuh_layer_id`.
fn layer(nal: &[u8]) -> u8 {
    (nal[0] & 1) << 5 | nal[1] >> 3
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::MAX_PAYLOAD;
    use super::super::nal::tests::packetize;
    use super::*;
    use crate::media::ParameterSets;
    use crate::media::testing::{h265_nal, h265_sets, noise, unit};
    use fastrand::Rng;

    /// Reads RFC 7798 as a strict receiver would.
    pub fn depacketize(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut nals: Vec<Vec<u8>> = Vec::new();
        let mut fragmented: Option<Vec<u8>> = None;
        for packet in packets {
            assert!(packet.len() <= MAX_PAYLOAD && packet.len() > 2);
            assert!(packet[0] & 0x80 == 0 && packet[1] & 7 != 0);
            match packet[0] >> 1 {
                0..48 => {
                    assert!(fragmented.is_none());
                    nals.push(packet.clone());
                }
                48 => {
                    assert!(fragmented.is_none());
                    let (mut rest, mut count) = (&packet[2..], 0);
                    let (mut layer, mut temporal_id) = (u8::MAX, u8::MAX);
                    while let [a, b, tail @ ..] = rest {
                        let (nal, tail) = tail.split_at(usize::from(*a) << 8 | usize::from(*b));
                        layer = layer.min((nal[0] & 1) << 5 | nal[1] >> 3);
                        temporal_id = temporal_id.min(nal[1] & 7);
                        count += 1;
                        nals.push(nal.to_vec());
                        rest = tail;
                    }
                    assert!(rest.is_empty() && count > 1);
                    assert_eq!((packet[0] & 1) << 5 | packet[1] >> 3, layer);
                    assert_eq!(packet[1] & 7, temporal_id);
                }
                49 => {
                    let (start, end) = (packet[2] & 0x80 != 0, packet[2] & 0x40 != 0);
                    assert!(!(start && end));
                    let header = [packet[0] & 0x81 | (packet[2] & 0x3f) << 1, packet[1]];
                    if start {
                        assert!(fragmented.replace(header.to_vec()).is_none());
                    }
                    let nal = fragmented.as_mut().expect("a fragment before");
                    assert_eq!(nal[..2], header);
                    assert!(packet.len() > 3);
                    nal.extend(&packet[3..]);
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
    fn each_irap_picture_gets_the_sets_of_the_track_with_its_sei() {
        let sets = h265_sets();
        let mut random = Rng::with_seed(1);
        let sei = h265_nal(39, 30, &mut random);
        for kind in 16..24 {
            let picture = h265_nal(kind, 5000, &mut random);
            let data = unit(&[&[0x46, 0x01, 0x50][..], &sei, &picture, &[0x4c, 0x01, 0xff]]);
            let packets = packetize::<H265>(&data, Some(&sets.clone().into()));
            let first = depacketize(&packets[..1]);
            assert_eq!(
                first,
                [sets.vps.first(), sets.sps.first(), sets.pps.first(), &sei]
            );
            assert_eq!(packets[0][..2], [48 << 1, 1]);
            assert_eq!(depacketize(&packets[1..]), [picture]);
        }
        let trailing = h265_nal(1, 500, &mut random);
        let packets = packetize::<H265>(&unit(&[&trailing]), Some(&sets.into()));
        assert_eq!(packets, [trailing]);
    }

    #[test]
    fn sets_of_the_access_unit_win() {
        let sets = h265_sets();
        let mut random = Rng::with_seed(2);
        let picture = h265_nal(19, 100, &mut random);
        let pps = [&[0x44, 0x01, 0xe1], &noise(9, &mut random)[..]].concat();
        let data = unit(&[&picture, &pps, &picture]);
        let mut of_track = ParameterSets::from(sets.clone());
        assert!(of_track.remember(&data));
        let found = depacketize(&packetize::<H265>(&data, Some(&of_track)));
        let expected = [sets.vps.first(), sets.sps.first(), &pps, &picture, &picture];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_viewers_have_no_use_for_is_dropped() {
        let slice = [0x02, 0x01, 1, 2];
        let data = unit(&[
            &[0x46, 0x01, 0x50][..],
            &slice,
            &[0x48, 0x01, 1],
            &[0x4a, 0x01, 1],
            &[0x4c, 0x01, 0xff],
            &[48 << 1, 1, 1, 2],
            &[49 << 1, 1, 1, 2],
            &[63 << 1, 1, 1, 2],
            &[0x82, 0x01, 1],
            &[0x02, 0x00, 1],
            &[0x02, 0x01],
            &[0x02],
        ]);
        assert_eq!(packetize::<H265>(&data, Some(&h265_sets().into())), [slice]);
    }
}
