//! What passes the gate, by headers alone: pictures here have no macroblocks.

use std::time::Duration;

use super::*;
use crate::media::bits::BitWriter;
use crate::media::nal::nals;
use crate::media::testing::{h265_sets, nal, noise, unit};
use crate::state::WarningKind;
use fastrand::Rng;

/// High profile, 32 lines, `frame_num` of 4 bits and `pic_order_cnt_lsb` of 6.
fn sps(id: u32, width_in_mbs: u32) -> Vec<u8> {
    let mut bits = BitWriter::default();
    bits.write(100, 8);
    bits.write(30, 16);
    bits.ue(id);
    bits.ue(1); // 4:2:0
    bits.ue(0);
    bits.ue(0);
    bits.write(0, 2);
    bits.ue(0);
    bits.ue(0);
    bits.ue(2);
    bits.ue(4);
    bits.flag(false);
    bits.ue(width_in_mbs - 1);
    bits.ue(1);
    bits.write(0b1100, 4); // frames only, direct_8x8, no cropping, no VUI
    bits.flag(true);
    bits.align(false);
    bits.nal(&[0x67])
}

fn pps(id: u32, sps: u32, cabac: bool) -> Vec<u8> {
    let mut bits = BitWriter::default();
    bits.ue(id);
    bits.ue(sps);
    bits.flag(cabac);
    bits.flag(false);
    for _ in 0..3 {
        bits.ue(0);
    }
    bits.write(0, 3);
    for _ in 0..3 {
        bits.se(0);
    }
    bits.write(0, 3);
    bits.flag(true);
    bits.align(false);
    bits.nal(&[0x68])
}

const P: u32 = 5;
const B: u32 = 6;
const I: u32 = 7;

/// A slice with `nal_ref_idc` 3 or 0.
fn slice(kind: u32, pps: u32, reference: bool, frame_num: u32, order: u32) -> Vec<u8> {
    let mut bits = BitWriter::default();
    bits.ue(0);
    bits.ue(kind);
    bits.ue(pps);
    bits.write(frame_num, 4);
    bits.write(order, 6);
    bits.write(0x5555, 16);
    bits.nal(&[if reference { 0x61 } else { 0x01 }])
}

fn idr(pps: u32) -> Vec<u8> {
    let mut bits = BitWriter::default();
    bits.ue(0);
    bits.ue(I);
    bits.ue(pps);
    bits.write(0, 4);
    bits.ue(0);
    bits.write(0, 6);
    bits.write(0x5555, 16);
    bits.nal(&[0x65])
}

/// A recovery point in an SEI, behind another message.
const RECOVERY_POINT: &[u8] = &[0x06, 0x05, 0x02, 0xaa, 0xbb, 0x06, 0x01, 0xc4, 0x80];

/// What came out, in words: K a keyframe, D another one, O an opening, - nothing, S parameter sets.
struct Run {
    codec: Codec,
    gate: Gate,
    start: Instant,
    at: u32,
    seen: String,
    warnings: Vec<Option<Warning>>,
    info: Option<TrackInfo>,
    openings: Vec<Vec<u8>>,
    show_damaged: bool,
    /// Added to the timestamps that go in, and those that came out.
    shift: i64,
    timestamps: Vec<i64>,
}

impl Run {
    fn new(codec: Codec) -> Run {
        Run {
            codec,
            gate: Gate::new(codec, None),
            start: Instant::now(),
            at: 0,
            seen: String::new(),
            warnings: Vec::new(),
            info: None,
            openings: Vec::new(),
            show_damaged: false,
            shift: 0,
            timestamps: Vec::new(),
        }
    }

    /// 25 pictures a second.
    fn push<N: AsRef<[u8]>>(&mut self, nals: &[N]) -> &mut Self {
        self.push_with(nals, 0, false)
    }

    fn push_with<N: AsRef<[u8]>>(&mut self, sent: &[N], lost: u32, damaged: bool) -> &mut Self {
        let data = unit(sent);
        let unit = AccessUnit {
            data: &data,
            timestamp: 3600 * i64::from(self.at) + self.shift,
            arrival: self.start + self.at * Duration::from_millis(40),
            captured: None,
        };
        self.at += 1;
        let received = Received {
            unit,
            lost,
            gap: false,
            damaged,
        };
        let codec = self.codec;
        let (seen, warnings) = (&mut self.seen, &mut self.warnings);
        let (info, openings) = (&mut self.info, &mut self.openings);
        let timestamps = &mut self.timestamps;
        self.gate
            .push(received, self.show_damaged, &mut |passed| match passed {
                Passed::Info(new) => {
                    seen.push('S');
                    *info = Some(new);
                }
                Passed::Opening(unit) => {
                    seen.push('O');
                    openings.extend(nals(unit.data).map(<[u8]>::to_vec));
                }
                Passed::Unit(unit, _) => {
                    timestamps.push(unit.timestamp);
                    let key = nals(unit.data).any(|nal| match codec {
                        Codec::H265 => matches!(nal[0] >> 1, 16..32),
                        _ => nal[0] & 31 == 5,
                    });
                    seen.push(if key { 'K' } else { 'D' });
                }
                Passed::Dropped(frames) => (0..frames).for_each(|_| seen.push('-')),
                Passed::Warning(warning) => warnings.push(warning),
            });
        self
    }

    fn seen(&mut self) -> String {
        std::mem::take(&mut self.seen)
    }

    fn begin(&mut self) {
        self.push(&[sps(0, 4), pps(0, 0, true), idr(0)]);
        assert_eq!(self.seen(), "SK");
    }
}

#[test]
fn what_is_shown_before_what_came_is_left_out_and_said() {
    let mut run = Run::new(Codec::H264);
    run.begin();
    // In the order of coding: each P with two B, of which the first is referred to by the other.
    let mut frame_num = 0;
    for i in 1..60 {
        let order = 6 * i;
        frame_num += 1;
        run.push(&[slice(P, 0, true, frame_num % 16, order % 64)]);
        frame_num += 1;
        run.push(&[slice(B, 0, true, frame_num % 16, (order - 4) % 64)]);
        run.push(&[slice(B, 0, false, (frame_num + 1) % 16, (order - 2) % 64)]);
    }
    assert_eq!(run.seen(), "D--".repeat(59));
    let Some(Some(warning)) = run.warnings.first() else {
        panic!("{:?}", run.warnings);
    };
    assert_eq!(warning.kind, WarningKind::BFrames);
    assert!(
        warning.message.starts_with("25 pictures/s come, 8."),
        "{}",
        warning.message
    );
    assert!(warning.message.len() < 252);
}

/// The pictures say that they are shown as they come, and their timestamps go back all the same.
#[test]
fn timestamps_that_go_back_are_spaced_by_arrival() {
    let mut run = Run::new(Codec::H264);
    run.begin();
    for i in 1..200 {
        if i % 50 == 0 {
            run.shift -= 45_000;
        }
        run.push(&[slice(P, 0, true, i % 16, 2 * i % 64)]);
    }
    assert_eq!(run.seen(), "D".repeat(199));
    let steps = run.timestamps.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(
        steps.clone().all(|step| step == 3600),
        "{:?}",
        steps.collect::<Vec<_>>()
    );
}

#[test]
fn a_b_slice_that_is_shown_in_order_passes() {
    let mut run = Run::new(Codec::H264);
    run.begin();
    for i in 1..100 {
        run.push(&[slice(B, 0, true, i % 16, 2 * i % 64)]);
    }
    assert_eq!(run.seen(), "D".repeat(99));
    assert!(run.warnings.is_empty());
}

#[test]
fn without_keyframes_viewers_begin_at_recovery_points_on_a_picture_of_ours() {
    for cabac in [false, true] {
        let mut run = Run::new(Codec::H264);
        run.push(&[sps(0, 4), pps(0, 0, cabac)]);
        for i in 0..100 {
            let slice = slice(P, 0, true, i % 16, 2 * i % 64);
            match i % 50 {
                10 => run.push(&[RECOVERY_POINT, &slice]),
                _ => run.push(&[slice]),
            };
        }
        let frames = |n| "D".repeat(n);
        assert_eq!(
            run.seen(),
            format!("S{}O{}O{}", frames(10), frames(50), frames(40))
        );
        let Some(Some(warning)) = run.warnings.first() else {
            panic!("it says why it is gray");
        };
        assert_eq!(warning.kind, WarningKind::NoKeyframe);
        // Eight macroblocks.
        assert!(
            run.openings
                .iter()
                .all(|nal| nal[0] == 0x65 && nal.len() < 20)
        );
        assert_ne!(run.openings[0], run.openings[1], "idr_pic_id differs");
    }
}

#[test]
fn a_stream_without_any_beginning_says_why_it_is_black() {
    let mut run = Run::new(Codec::H264);
    run.push(&[sps(0, 4), pps(0, 0, true)]);
    for i in 0..100 {
        run.push(&[slice(P, 0, true, i % 16, 2 * i % 64)]);
    }
    let Some(Some(warning)) = run.warnings.first() else {
        panic!("nobody knows why it is black");
    };
    assert_eq!(warning.kind, WarningKind::NoKeyframe);
    assert!(warning.message.contains("keyframe interval"));
    assert!(run.openings.is_empty());

    // A picture of I slices will do then.
    run.seen();
    run.push(&[slice(I, 0, true, 4, 8)]);
    assert_eq!(run.seen(), "OD");
}

#[test]
fn recovery_points_between_keyframes_open_nothing() {
    let mut run = Run::new(Codec::H264);
    run.begin();
    for i in 1..200 {
        match i % 50 {
            0 => run.push(&[idr(0)]),
            _ => run.push(&[
                RECOVERY_POINT,
                &slice(I, 0, true, i % 50 % 16, 2 * (i % 50) % 64),
            ]),
        };
    }
    assert!(run.openings.is_empty());
    assert!(run.warnings.is_empty());
}

#[test]
fn a_damaged_picture_and_what_depends_on_it_are_left_out() {
    let mut run = Run::new(Codec::H264);
    run.begin();
    run.push_with(&[slice(P, 0, false, 1, 2)], 1, true);
    run.push(&[slice(P, 0, true, 1, 4)]);
    assert_eq!(run.seen(), "-D", "nobody refers to the damaged one");
    run.push_with(&[slice(P, 0, true, 2, 6)], 3, false);
    assert_eq!(
        run.seen(),
        "D",
        "what is missing was no picture that counts"
    );
    run.push_with(&[slice(P, 0, true, 4, 10)], 3, false);
    run.push(&[slice(P, 0, true, 5, 12)]);
    assert_eq!(run.seen(), "--", "frame 3 is missing");
    run.push_with(&[idr(0)], 1, true);
    run.push(&[slice(P, 0, true, 1, 2)]);
    assert_eq!(run.seen(), "--", "the keyframe, too");
    run.push(&[idr(0)]);
    run.push_with(&[slice(P, 0, true, 1, 2)], 1, true);
    run.push(&[slice(P, 0, true, 2, 4)]);
    assert_eq!(run.seen(), "K--");
    run.push(&[RECOVERY_POINT, &slice(P, 0, true, 3, 6)]);
    run.push(&[slice(P, 0, true, 4, 8)]);
    assert_eq!(run.seen(), "--", "keyframes come");
    for i in 5..105 {
        run.push(&[slice(P, 0, true, i % 16, 2 * i % 64)]);
    }
    let Some(Some(warning)) = run.warnings.first() else {
        panic!("it says why the picture stands still");
    };
    assert_eq!(warning.kind, WarningKind::Damaged);
    run.seen();
    run.push(&[RECOVERY_POINT, &slice(P, 0, true, 9, 18)]);
    run.push(&[slice(P, 0, true, 10, 20)]);
    assert_eq!(run.seen(), "ODD", "intra refresh");
    run.show_damaged = true;
    run.push_with(&[slice(P, 0, true, 11, 22)], 1, true);
    run.push(&[slice(P, 0, true, 12, 24)]);
    assert_eq!(run.seen(), "DD");
}

#[test]
fn openings_are_few_however_many_there_could_be() {
    let mut run = Run::new(Codec::H264);
    run.push(&[sps(0, 4), pps(0, 0, true)]);
    for i in 0..250 {
        run.push(&[RECOVERY_POINT, &slice(I, 0, true, i % 16, 2 * i % 64)]);
    }
    assert_eq!(run.openings.len(), 10, "one a second");
}

#[test]
fn a_keyframe_that_never_comes_whole_is_shown_in_the_end() {
    let mut run = Run::new(Codec::H264);
    run.begin();
    for i in 1..400 {
        match i % 50 {
            0 => run.push_with(&[idr(0)], 1, true),
            1 => run.push_with(&[slice(P, 0, true, 1, 2)], 1, true),
            _ => run.push(&[slice(P, 0, true, i % 50 % 16, 2 * (i % 50) % 64)]),
        };
    }
    let seen = run.seen();
    assert_eq!(seen.find('K'), Some(299), "after 10 s without a picture");
}

#[test]
fn a_camera_may_take_another_id_for_each_keyframe() {
    let mut run = Run::new(Codec::H264);
    for id in 0..100 {
        run.push(&[sps(0, 4), pps(id, 0, true), idr(id)]);
        let sets = run.info.clone().unwrap().parameter_sets.unwrap();
        assert!(sets.in_order().any(|set| set == pps(id, 0, true)), "{id}");
    }
}

#[test]
fn parameter_sets_come_in_any_way() {
    let mut run = Run::new(Codec::H264);
    // One by one, in access units of their own, behind garbage.
    run.push(&[vec![0x67, 0x64], vec![0x68], vec![0xe7, 1, 2]]);
    run.push(&[pps(1, 0, true)]);
    run.push(&[idr(1)]);
    assert_eq!(run.seen(), "-");
    run.push(&[sps(0, 4)]);
    run.push(&[idr(1)]);
    assert_eq!(run.seen(), "SK");
    run.push(&[pps(0, 0, false), pps(1, 0, true), idr(0)]);
    assert_eq!(run.seen(), "SK");
    let sets = |run: &Run| run.info.clone().unwrap().parameter_sets.unwrap();
    assert_eq!(sets(&run).in_order().count(), 3);
    assert_eq!(sets(&run).dimensions(), Some((64, 32)));

    // Another size: under the same id, then under another.
    run.push(&[sps(0, 8), pps(0, 0, true), idr(0)]);
    assert_eq!(run.seen(), "SK");
    assert_eq!(sets(&run).dimensions(), Some((128, 32)));
    run.push(&[sps(3, 2), pps(7, 3, true)]);
    run.push(&[idr(7)]);
    run.push(&[idr(7)]);
    assert_eq!(run.seen(), "SSKK");
    assert_eq!(sets(&run).dimensions(), Some((32, 32)));

    // Without a bound, memory would have none.
    for id in 0..250 {
        run.push(&[pps(id, 0, true)]);
    }
    assert!(sets(&run).in_order().count() < 40);
}

#[test]
fn pictures_of_h265_that_are_shown_before_what_came_are_left_out() {
    let sets = ParameterSets::from(h265_sets());
    let sets: Vec<Vec<u8>> = sets.in_order().map(<[u8]>::to_vec).collect();
    let order_bits = crate::media::h265::Sps::read(&sets[1]).unwrap().order_bits;
    let slice = |kind: u8, order: u32| {
        let mut bits = BitWriter::default();
        bits.flag(true);
        if kind >= 16 {
            bits.flag(false);
        }
        bits.ue(0);
        bits.ue(1);
        if kind != 19 {
            bits.write(order, order_bits.unwrap());
        }
        bits.write(0x5555, 16);
        bits.nal(&[kind << 1, 1])
    };
    let mut run = Run::new(Codec::H265);
    run.push(&[&sets[..], &[slice(21, 8)]].concat());
    assert_eq!(run.seen(), "SK");
    // RASL and RADL; then a P picture with B pictures that come behind it.
    let pictures = [
        (9, 4),
        (8, 6),
        (7, 5),
        (6, 7),
        (1, 16),
        (1, 12),
        (0, 10),
        (0, 14),
        (1, 20),
    ];
    for (kind, order) in pictures {
        run.push(&[slice(kind, order)]);
    }
    assert_eq!(run.seen(), "----D---D");
    for (kind, order) in [(19, 0), (1, 8), (0, 4), (21, 16), (9, 12), (1, 24)] {
        run.push(&[slice(kind, order)]);
    }
    assert_eq!(run.seen(), "KD-K-D");
}

#[test]
fn garbage_does_no_harm() {
    let mut random = Rng::with_seed(3);
    for codec in [Codec::H264, Codec::H265, Codec::Av1] {
        let mut run = Run::new(codec);
        for _ in 0..5000 {
            let nals: Vec<Vec<u8>> = (0..random.usize(..4))
                .map(|_| match random.usize(..8) {
                    0 => sps(random.u32(..4), 1 + random.u32(..9)),
                    1 => pps(random.u32(..4), random.u32(..4), random.bool()),
                    2 => slice(
                        P,
                        random.u32(..4),
                        random.bool(),
                        random.u32(..16),
                        random.u32(..16),
                    ),
                    3 => idr(random.u32(..4)),
                    4 => RECOVERY_POINT.to_vec(),
                    5 => {
                        let header =
                            [0x67, 0x68, 0x65, 0x41, 0x06, 0x42, 0x44, 0x02][random.usize(..8)];
                        nal(
                            header,
                            random.usize(..60),
                            &mut Rng::with_seed(random.u64(..)),
                        )
                    }
                    _ => {
                        let len = random.usize(..60);
                        noise(len, &mut random)
                    }
                })
                .collect();
            run.push_with(&nals, random.u32(..2), random.bool());
        }
    }
}
