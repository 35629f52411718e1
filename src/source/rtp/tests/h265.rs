//! H.265 as cameras send it.

use super::*;
use crate::media::testing::{H265_PPS, H265_SPS, H265_VPS, unit};

const IDR: &[u8] = &[0x26, 1, 0xaf, 0xbb, 0xcc, 0xdd];
const SLICE: &[u8] = &[0x02, 1, 0xd0, 1, 2];
const SECOND: &[u8] = &[0x02, 1, 0x60, 1, 2];

fn trusted(fmtp: &str) -> Rig {
    let mut rig = Rig::new(&format("video", "h265", 90_000, fmtp), Delivery::InOrder);
    if fmtp.is_empty() {
        rig.send(0, true, SLICE);
        rig.send(3600, true, SLICE);
    } else {
        let numbered = [&SLICE[..2], &[0, 1], &SLICE[2..]].concat();
        rig.send(0, true, &numbered);
        rig.send(3600, true, &numbered);
    }
    assert_eq!(rig.data(), [(); 2].map(|()| unit(&[SLICE])));
    rig
}

fn sized(nals: &[&[u8]], between: &[u8]) -> Vec<u8> {
    nals.iter()
        .enumerate()
        .flat_map(|(i, nal)| {
            let between = if i == 0 { &[] } else { between };
            [between, &(nal.len() as u16).to_be_bytes(), nal].concat()
        })
        .collect()
}

#[test]
fn single_aggregated_and_fragmented() {
    let sets = [H265_VPS, H265_SPS, H265_PPS];
    let mut rig = trusted("");
    rig.send(7200, false, &[&[0x60, 1][..], &sized(&sets, &[])].concat());
    rig.send(7200, false, &[0x62, 1, 0x80 | 19, 0xaf, 0xbb]);
    rig.send(7200, false, &[0x62, 1, 19, 0xcc]);
    rig.send(7200, false, &[0x62, 1, 0x40 | 19, 0xdd]);
    // PACI is passed over.
    rig.send(7200, false, &[0x64, 1, 0x26, 0, 1, 2, 3]);
    rig.send(7200, true, SECOND);
    assert_eq!(
        rig.data(),
        [unit(&[H265_VPS, H265_SPS, H265_PPS, IDR, SECOND])]
    );
}

#[test]
fn order_numbers_are_left_out() {
    let mut rig = trusted("sprop-max-don-diff=1");
    let aggregate = sized(&[H265_VPS, H265_SPS, H265_PPS], &[1]);
    rig.send(7200, false, &[&[0x60, 1, 0, 9][..], &aggregate].concat());
    rig.send(7200, false, &[0x62, 1, 0x80 | 19, 0, 9, 0xaf, 0xbb]);
    rig.send(7200, true, &[0x62, 1, 0x40 | 19, 0xcc, 0xdd]);
    assert_eq!(rig.data(), [unit(&[H265_VPS, H265_SPS, H265_PPS, IDR])]);
}

#[test]
fn pictures_are_told_apart_by_their_first_slice() {
    let mut rig = trusted("");
    for _ in 0..3 {
        rig.send(3600, false, SLICE);
        rig.send(3600, false, SECOND);
    }
    rig.send(7200, true, SLICE);
    assert_eq!(
        rig.data(),
        [(); 4]
            .map(|()| ())
            .iter()
            .enumerate()
            .map(|(i, ())| {
                if i < 3 {
                    unit(&[SLICE, SECOND])
                } else {
                    unit(&[SLICE])
                }
            })
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_lost_fragment_damages_its_picture_alone() {
    let mut rig = trusted("");
    rig.send(7200, false, &[0x62, 1, 0x80 | 19, 0xaf, 0xbb]);
    rig.lose(1);
    rig.send(7200, false, &[0x62, 1, 0x40 | 19, 0xdd]);
    rig.send(7200, true, SECOND);
    rig.send(10_800, true, SLICE);
    let units = rig.take();
    assert_eq!(units[0].data, unit(&[SECOND]));
    assert_eq!((units[0].lost, units[0].damaged), (1, true));
    assert_eq!((units[1].lost, units[1].damaged), (0, false));
}
