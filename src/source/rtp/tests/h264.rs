//! H.264 as cameras send it.

use super::*;
use crate::media::Codec;
use crate::media::nal::nals;
use crate::media::testing::{OTHER_PPS, OTHER_SPS, SPS, nal, unit};
use crate::source::Quirk;
use fastrand::Rng;

const IDR: &[u8] = &[0x65, 0x88, 1, 2, 3];
const SLICE: &[u8] = &[0x41, 0x9a, 1, 2, 3];
/// The second slice of a picture.
const SECOND: &[u8] = &[0x41, 0x45, 1, 2, 3];
const SEI: &[u8] = &[0x06, 5, 1, 9, 0x80];
const AUD: &[u8] = &[0x09, 0xf0];
/// Fields, with the parameter sets of `INTERLACED`.
const TOP: &[u8] = &[0x41, 0x9a, 0x10, 2, 3];
const BOTTOM: &[u8] = &[0x41, 0x9a, 0x18, 2, 3];
/// With `frame_mbs_only_flag` 0.
const INTERLACED: &[u8] = &[0x67, 0x4d, 0x40, 0x1e, 0xda, 0x05, 0x0e, 0x48];

/// A camera whose markers are believed.
fn trusted() -> Rig {
    let mut rig = Rig::video("h264");
    rig.send(0, false, OTHER_SPS);
    rig.send(0, false, OTHER_PPS);
    rig.send(0, true, IDR);
    rig.send(3600, true, SLICE);
    assert_eq!(rig.take().len(), 2, "the marker is believed");
    rig
}

#[test]
fn pictures_come_back_as_they_were() {
    let mut random = Rng::with_seed(1);
    let mut rig = trusted();
    for i in 0..200 {
        let sent: Vec<_> = (0..1 + random.usize(..6))
            .map(|n| {
                let most = [50, 1300, 20_000][random.usize(..3)];
                let mut nal = nal(0x41, 2 + random.usize(..most), &mut random);
                nal[1] = if n == 0 { 0x9b } else { 0x41 };
                nal
            })
            .collect();
        let references: Vec<&[u8]> = sent.iter().map(Vec::as_slice).collect();
        testkit::camera::packetize(&references, 1200, |head, body, last| {
            rig.send(7200 + 3600 * i, last, &[head, body].concat());
        });
        let [whole] = &rig.take()[..] else {
            panic!("one picture");
        };
        assert_eq!(whole.data, unit(&sent));
        assert_eq!((whole.lost, whole.damaged), (0, false));
        assert_eq!(whole.timestamp, i64::from(7200 + 3600 * i));
    }
}

#[test]
fn a_picture_leaves_with_its_marker_once_that_was_right() {
    let mut rig = Rig::video("h264");
    rig.send(0, true, IDR);
    assert!(rig.units.is_empty(), "nobody knows yet");
    rig.pass(ms(39));
    assert!(rig.units.is_empty());
    rig.pass(ms(1));
    assert_eq!(rig.take().len(), 1, "nothing followed");
    rig.send(3600, true, SLICE);
    assert_eq!(rig.take().len(), 1, "the first marker was right");
    rig.pass(ms(1000));
    assert!(rig.units.is_empty() && rig.reception.next_deadline().is_none());
}

#[test]
fn slices_with_a_marker_each_are_one_picture() {
    for slices in 2..6 {
        let mut rig = Rig::video("h264");
        for i in 0..10 {
            rig.send(i * 3600, true, SLICE);
            for _ in 1..slices {
                rig.pass(ms(5));
                rig.send(i * 3600, true, SECOND);
            }
            rig.pass(ms(10));
        }
        rig.pass(ms(40));
        let units = rig.take();
        assert_eq!(units.len(), 10);
        for unit in units {
            assert_eq!(nals(&unit.data).count(), slices);
            assert!(!unit.damaged);
        }
    }
}

#[test]
fn markers_that_prove_wrong_later_are_believed_no_more() {
    let mut rig = trusted();
    for i in 2..6 {
        rig.send(i * 3600, true, SLICE);
        rig.send(i * 3600, true, SECOND);
    }
    rig.send(6 * 3600, true, SLICE);
    let units = rig.take();
    let damaged: Vec<bool> = units.iter().map(|unit| unit.damaged).collect();
    assert_eq!(damaged, [false, true, false, false, false]);
    assert_eq!(units[2].data, unit(&[SLICE, SECOND]));
}

#[test]
fn pictures_without_markers_leave_with_the_next_or_after_a_while() {
    let mut rig = Rig::video("h264");
    for i in 0..3 {
        rig.send(i * 3600, false, SLICE);
        rig.send(i * 3600, false, SECOND);
        rig.pass(ms(40));
        assert_eq!(rig.units.len(), i as usize);
    }
    rig.pass(ms(60));
    assert_eq!(rig.data(), [(); 3].map(|()| unit(&[SLICE, SECOND])));
}

#[test]
fn pictures_whose_timestamps_stand_still_are_told_apart() {
    for marker in [true, false] {
        let mut rig = Rig::video("h264");
        for i in 0..10 {
            if i % 5 == 0 {
                rig.send(0, false, OTHER_SPS);
                rig.send(0, false, OTHER_PPS);
            }
            rig.send(0, false, SLICE);
            rig.send(0, marker, SECOND);
            rig.pass(ms(35));
        }
        rig.pass(ms(100));
        let units = rig.take();
        assert_eq!(units.len(), 10);
        let picture = unit(&[SLICE, SECOND]);
        let key = unit(&[OTHER_SPS, OTHER_PPS, SLICE, SECOND]);
        for (i, unit) in units.iter().enumerate() {
            let expected = if i % 5 == 0 { &key } else { &picture };
            assert_eq!(&unit.data, expected, "{i}");
            assert!(!unit.damaged);
        }
        let rises = units.windows(2);
        assert!(
            rises
                .into_iter()
                .all(|pair| pair[0].timestamp < pair[1].timestamp)
        );
    }
}

#[test]
fn fields_with_one_timestamp_stay_together() {
    let mut rig = Rig::video("h264");
    rig.send(0, false, INTERLACED);
    for i in 0..5 {
        rig.send(i * 3600, true, TOP);
        rig.send(i * 3600, true, BOTTOM);
    }
    rig.send(90_000, true, SLICE);
    let units = rig.data();
    assert_eq!(units.len(), 6);
    assert_eq!(units[1], unit(&[TOP, BOTTOM]));
}

#[test]
fn the_marker_of_the_second_field_is_that_of_the_picture() {
    for delimiter in [false, true] {
        let mut rig = Rig::video("h264");
        rig.send(0, false, INTERLACED);
        rig.send(0, false, OTHER_PPS);
        let send = |rig: &mut Rig, i: u32| {
            for (field, at) in [(TOP, 3600 * i), (BOTTOM, 3600 * i)] {
                if delimiter {
                    rig.send(at, false, AUD);
                }
                rig.send(at, true, field);
                rig.pass(ms(20));
            }
        };
        send(&mut rig, 0);
        send(&mut rig, 1);
        rig.take();
        for i in 2..50 {
            send(&mut rig, i);
            let [picture] = &rig.take()[..] else {
                panic!("its marker is believed");
            };
            assert_eq!(
                (picture.timestamp, picture.damaged),
                (i64::from(3600 * i), false)
            );
            let slices = nals(&picture.data).filter(|nal| *nal != AUD);
            assert_eq!(slices.collect::<Vec<_>>(), [TOP, BOTTOM]);
        }
        // A frame is whole.
        rig.send(3600 * 50, true, SLICE);
        assert_eq!(rig.data(), [unit(&[SLICE])]);
        assert_eq!(rig.reception.take_quirks().iter().count(), 0);
    }
}

#[test]
fn fields_of_different_times_are_not_joined_whichever_is_missing() {
    let mut rig = Rig::video("h264");
    rig.send(0, false, INTERLACED);
    rig.send(0, false, OTHER_PPS);
    // It begins in the middle of a frame, and later misses one half, and then the other.
    rig.send(0, true, BOTTOM);
    for (i, fields) in (1..).zip([
        &[TOP, BOTTOM][..],
        &[TOP],
        &[TOP, BOTTOM],
        &[BOTTOM],
        &[SLICE],
        &[SLICE],
    ]) {
        for field in fields {
            rig.send(3600 * i, true, field);
        }
    }
    rig.pass(ms(100));
    let units = rig.data();
    let expected = [
        &[TOP, BOTTOM][..],
        &[TOP],
        &[TOP, BOTTOM],
        &[BOTTOM],
        &[SLICE],
        &[SLICE],
    ];
    assert_eq!(units[1..], expected.map(unit));
    // So are those whose fields have timestamps of their own.
    for i in 7..20 {
        rig.send(3600 * i, true, if i % 2 == 0 { TOP } else { BOTTOM });
    }
    assert_eq!(rig.data().len(), 12);
}

#[test]
fn fields_that_a_host_pushes_leave_with_the_second() {
    let mut rig = Rig::new(&Format::pushed(Codec::H264), Delivery::InOrder);
    rig.send(0, false, INTERLACED);
    for i in 0..5 {
        rig.send(i * 3600, true, TOP);
        rig.send(i * 3600, true, BOTTOM);
        assert_eq!(
            rig.take()
                .iter()
                .map(|unit| unit.damaged)
                .collect::<Vec<_>>(),
            [false]
        );
    }
}

#[test]
fn wrong_markers_are_forgiven_after_a_row_of_right_ones() {
    let mut rig = trusted();
    rig.send(2 * 3600, true, SLICE);
    rig.send(2 * 3600, true, SECOND);
    let until_believed = |rig: &mut Rig, from: u32| {
        rig.take();
        let mut next = from;
        loop {
            next += 1;
            rig.send(next * 3600, false, SLICE);
            rig.send(next * 3600, true, SECOND);
            // The one before it waited, and so does this one.
            if rig.take().len() == 2 || next > 10_000 {
                return next - from;
            }
        }
    };
    let first = until_believed(&mut rig, 3);
    assert!((32..36).contains(&first), "{first}");
    rig.send(200 * 3600, true, SLICE);
    rig.send(200 * 3600, true, SECOND);
    // A camera that marks each slice may send pictures of one slice for long.
    for i in 201..700 {
        rig.send(i * 3600, true, SLICE);
        let most = if i == 201 { 2 } else { 1 };
        assert!(rig.take().len() <= most, "{i}");
    }
    rig.send(700 * 3600, true, SLICE);
    rig.send(700 * 3600, true, SECOND);
    let second = until_believed(&mut rig, 700);
    assert!((64..140).contains(&second), "{second}");
}

#[test]
fn parameter_sets_with_a_marker_and_a_timestamp_of_their_own_belong_to_the_next_picture() {
    for timestamp in [3600, 5000, 7200] {
        let mut rig = trusted();
        for set in [OTHER_SPS, OTHER_PPS, SEI] {
            rig.send(timestamp, true, set);
        }
        rig.send(7200, true, IDR);
        let [key] = &rig.take()[..] else {
            panic!("one picture");
        };
        assert_eq!(key.data, unit(&[OTHER_SPS, OTHER_PPS, SEI, IDR]));
        assert_eq!((key.timestamp, key.damaged), (7200, false));
    }
}

#[test]
fn timestamps_that_differ_within_a_picture_are_no_border() {
    let mut rig = trusted();
    for i in 2..5 {
        let start = i * 3600;
        rig.send(start, false, &[0x5c, 0x81, 0x9a, 1]);
        rig.send(start + 1, false, &[0x5c, 0x01, 2]);
        rig.send(start + 2, false, &[0x5c, 0x41, 3]);
        rig.send(start + 3, true, SECOND);
    }
    let units = rig.data();
    assert_eq!(
        units,
        [(); 3].map(|()| unit(&[&[0x41, 0x9a, 1, 2, 3], SECOND]))
    );
}

#[test]
fn all_aggregates_are_read() {
    let sizes = [&[0, 9][..], OTHER_SPS, &[0, 4], OTHER_PPS, &[0, 5], IDR].concat();
    let offsets = |bytes: &[u8]| {
        [
            &[0, 9][..],
            bytes,
            OTHER_SPS,
            &[0, 4],
            bytes,
            OTHER_PPS,
            &[0, 5],
            bytes,
            IDR,
        ]
        .concat()
    };
    for payload in [
        [&[0x78][..], &sizes].concat(),
        [&[0x79, 0, 1][..], &sizes].concat(),
        [&[0x7a, 0, 1][..], &offsets(&[0, 0, 0])].concat(),
        [&[0x7b, 0, 1][..], &offsets(&[0, 0, 0, 0])].concat(),
        // Empty ones, padding, and a length that does not fit.
        [&[0x78, 0, 0][..], &sizes, &[0, 0, 0, 0]].concat(),
        [&[0x78][..], &sizes, &[0, 9, 1]].concat(),
    ] {
        let mut rig = trusted();
        rig.send(7200, true, &payload);
        assert_eq!(
            rig.data(),
            [unit(&[OTHER_SPS, OTHER_PPS, IDR])],
            "{payload:02x?}"
        );
    }
}

#[test]
fn fragments_of_all_kinds_are_read() {
    let whole = unit(&[IDR]);
    let cases: [&[&[u8]]; 7] = [
        &[&[0x7c, 0x85, 0x88], &[0x7c, 0x05, 1], &[0x7c, 0x45, 2, 3]],
        // FU-B.
        &[
            &[0x7d, 0x85, 0, 1, 0x88],
            &[0x7c, 0x05, 1],
            &[0x7c, 0x45, 2, 3],
        ],
        // One fragment that is all.
        &[&[0x7c, 0xc5, 0x88, 1, 2, 3]],
        // Never an end, or only a start; never a start; a start in each.
        &[&[0x7c, 0x85, 0x88], &[0x7c, 0x05, 1], &[0x7c, 0x05, 2, 3]],
        &[&[0x7c, 0x05, 0x88], &[0x7c, 0x05, 1], &[0x7c, 0x45, 2, 3]],
        &[&[0x7c, 0x85, 0x88], &[0x7c, 0x85, 1], &[0x7c, 0xc5, 2, 3]],
        // Of inconsistent type.
        &[&[0x7c, 0x85, 0x88], &[0x7c, 0x01, 1], &[0x7c, 0x41, 2, 3]],
    ];
    for (i, fragments) in cases.iter().enumerate() {
        let mut rig = trusted();
        for round in 2..5 {
            for (n, fragment) in fragments.iter().enumerate() {
                rig.send(round * 3600, n + 1 == fragments.len(), fragment);
            }
        }
        assert_eq!(rig.data(), [&whole[..]; 3], "{i}");
    }
}

#[test]
fn a_marker_on_each_fragment_is_no_end() {
    // With a marker on the last one as well, and without.
    for last in [true, false] {
        let mut rig = Rig::video("h264");
        for i in 0..4 {
            rig.send(i * 3600, true, &[0x7c, 0x85, 0x88, 1]);
            rig.send(i * 3600, true, &[0x7c, 0x05, 2]);
            rig.send(i * 3600, last, &[0x7c, 0x45, 3]);
        }
        rig.send(90_000, false, SLICE);
        assert_eq!(rig.data(), [(); 4].map(|()| unit(&[IDR])));
        let quirks = rig.reception.take_quirks();
        let markers = quirks.iter().find(|(quirk, _)| *quirk == Quirk::Markers);
        assert!(markers.is_some_and(|(_, times)| times > 0));
    }
}

#[test]
fn start_codes_are_no_part_of_nal_units() {
    const CODE: &[u8] = &[0, 0, 0, 1];
    const SHORT: &[u8] = &[0, 0, 1];
    let all = unit(&[OTHER_SPS, OTHER_PPS, IDR]);
    let stream = [CODE, OTHER_SPS, SHORT, OTHER_PPS, CODE, IDR].concat();
    let joined = [OTHER_SPS, CODE, OTHER_PPS, SHORT, IDR].concat();
    let fragments: Vec<Vec<u8>> = vec![
        [&[0x7c, 0x87][..], &joined[1..10]].concat(),
        [&[0x7c, 0x07][..], &joined[10..15]].concat(),
        [&[0x7c, 0x47][..], &joined[15..]].concat(),
    ];
    for payloads in [
        vec![stream.clone()],
        vec![joined.clone()],
        fragments,
        // A fragment whose body is a byte stream.
        vec![[&[0x7c, 0xc5][..], &stream].concat()],
        // In an aggregate.
        vec![[&[0x78, 0, joined.len() as u8][..], &joined].concat()],
        // With zeros at the ends.
        vec![
            [OTHER_SPS, &[0]].concat(),
            [OTHER_PPS, &[0, 0, 0]].concat(),
            [IDR, &[0]].concat(),
        ],
    ] {
        let mut rig = trusted();
        for (i, payload) in payloads.iter().enumerate() {
            rig.send(7200, i + 1 == payloads.len(), payload);
        }
        assert_eq!(rig.data(), [&all[..]], "{payloads:02x?}");
    }
    // Slices, too.
    let mut rig = trusted();
    rig.send(7200, true, &[SLICE, CODE, SECOND].concat());
    assert_eq!(rig.data(), [unit(&[SLICE, SECOND])]);
}

#[test]
fn what_was_lost_is_told_and_what_is_whole_is_not_damaged() {
    let fragments: [&[u8]; 3] = [&[0x5c, 0x81, 0x9a, 1], &[0x5c, 0x01, 2], &[0x5c, 0x41, 3]];
    let whole = unit(&[&[0x41, 0x9a, 1, 2, 3][..]]);
    // Three pictures of three packets and a slice; packets `from..to` are lost.
    for from in 0..12_u16 {
        for to in from + 1..=12 {
            let mut rig = trusted();
            for n in 0..12_u16 {
                let payload = match n % 4 {
                    3 => SECOND,
                    i => fragments[usize::from(i)],
                };
                if (from..to).contains(&n) {
                    rig.lose(1);
                } else {
                    rig.send(7200 + 3600 * u32::from(n / 4), n % 4 == 3, payload);
                }
            }
            rig.send(90_000, true, SLICE);
            let units = rig.take();
            let lost: u32 = units.iter().map(|unit| unit.lost).sum();
            assert_eq!(lost, u32::from(to - from), "{from}..{to}");
            let picture = unit(&[&whole[4..], SECOND]);
            for unit in &units[..units.len() - 1] {
                let complete = unit.data == picture;
                assert_eq!(unit.damaged, !complete, "{from}..{to}: {unit:?}");
                assert!(!nals(&unit.data).any(|nal| nal != &whole[4..] && nal != SECOND));
            }
            assert!(!units.last().unwrap().damaged, "{from}..{to}");
        }
    }
}

#[test]
fn a_loss_in_front_of_a_delimiter_or_parameter_sets_damages_nothing() {
    for opening in [AUD, OTHER_SPS, SEI] {
        let mut rig = trusted();
        rig.lose(3);
        rig.send(10_800, false, opening);
        rig.send(10_800, true, IDR);
        let [key] = &rig.take()[..] else {
            panic!("one picture");
        };
        assert_eq!((key.lost, key.damaged), (3, false));
    }
    // Lost behind it.
    let mut rig = trusted();
    rig.send(10_800, false, OTHER_SPS);
    rig.lose(1);
    rig.send(10_800, true, SECOND);
    assert!(rig.take()[0].damaged);
}

#[test]
fn joining_within_a_picture_begins_with_the_next_nal_unit() {
    let mut rig = Rig::video("h264");
    rig.send(0, false, &[0x7c, 0x05, 1]);
    rig.send(0, true, &[0x7c, 0x45, 2, 3]);
    rig.send(3600, true, SLICE);
    rig.pass(ms(40));
    assert_eq!(rig.data(), [unit(&[SLICE])]);
}

#[test]
fn an_sps_without_fields_does_not_join_pictures() {
    let mut rig = trusted();
    rig.send(7200, false, SPS);
    rig.send(7200, true, SLICE);
    rig.send(7200, true, SLICE);
    assert_eq!(rig.take().len(), 2);
}

#[test]
fn a_forbidden_bit_that_is_always_set_means_nothing() {
    let set = |nal: &[u8]| {
        let mut nal = nal.to_vec();
        nal[0] |= 0x80;
        nal
    };
    let mut rig = trusted();
    rig.send(7200, true, &set(IDR));
    // A FU-A in two packets.
    rig.send(10_800, false, &[0xfc, 0x81, 0x9a, 1]);
    rig.send(10_800, true, &[0xfc, 0x41, 2, 3]);
    let data: Vec<_> = rig.take().into_iter().map(|unit| unit.data).collect();
    assert_eq!(data, [unit(&[IDR]), unit(&[&[0x61, 0x9a, 1, 2, 3]])]);
}
