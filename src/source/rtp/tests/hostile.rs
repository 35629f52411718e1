//! What no camera sends, and attackers do: everything is bounded.

use super::*;
use crate::media::nal::nals;
use crate::media::testing::noise;
use crate::source::rtp::unit::MAX_UNIT;
use fastrand::Rng;

#[test]
fn garbage_makes_no_broken_unit() {
    let mut random = Rng::with_seed(3);
    for encoding in ["h264", "h265", "av1", "mpeg4-generic", "mp4a-latm", "opus"] {
        let media = if encoding.len() < 5 && encoding != "opus" {
            "video"
        } else {
            "audio"
        };
        for order in [UDP, Delivery::InOrder] {
            let rate = if media == "video" { 90_000 } else { 48_000 };
            let mut rig = Rig::new(&format(media, encoding, rate, ""), order);
            for _ in 0..20_000 {
                let len = random.usize(..40);
                let mut payload = noise(len, &mut random);
                if let Some(first) = payload.first_mut() {
                    let headers = [0x1c, 0x18, 0x62, 0x60, 0x41, 0, 0x10, *first];
                    *first = headers[random.usize(..headers.len())];
                }
                if random.usize(..10) == 0 {
                    payload.splice(0..0, [0, 0, 0, 1]);
                }
                let mut packet = rtp(random.bool(), rig.next, random.u32(..4), SSRC, &payload);
                if random.usize(..20) == 0 {
                    let at = random.usize(..packet.len());
                    packet[at] = random.u8(..);
                }
                rig.next = rig.next.wrapping_add(random.u16(..3));
                rig.receive(&packet);
                rig.reception.rtcp(&payload, rig.now);
                rig.pass(ms(random.u64(..50)));
            }
            for unit in rig.take() {
                let mut nals = nals(&unit.data);
                nals.by_ref().for_each(drop);
                assert!(!encoding.starts_with("h26") || !nals.broken());
            }
        }
    }
}

/// Without an end, whatever a picture is made of.
#[test]
fn endless_pictures_are_bounded() {
    let tiny = [&[0x78][..], &[0, 2, 0x41, 0x40].repeat(300)].concat();
    let large = [&[0x5c, 0x01][..], &[7; 60_000]].concat();
    let sets = [&[0x67, 0x42][..], &[7; 60_000]].concat();
    for payload in [tiny, large, sets] {
        let mut rig = Rig::video("h264");
        rig.send(0, false, &[0x5c, 0x81, 0x9a]);
        let mut most = 0;
        for _ in 0..2000 {
            rig.send(0, false, &payload);
            most = most.max(
                rig.units
                    .iter()
                    .map(|unit| unit.data.capacity())
                    .max()
                    .unwrap_or(0),
            );
            rig.take();
        }
        assert!(most <= 2 * MAX_UNIT);
        // And it goes on with the next picture.
        rig.send(3600, true, &[0x41, 0x9a, 1, 2]);
        rig.send(7200, true, &[0x41, 0x9a, 1, 2]);
        rig.pass(ms(100));
        assert!(
            rig.units.iter().any(|unit| !unit.damaged),
            "{:02x?}",
            &payload[..4]
        );
    }
}

/// As many elements as a packet has bytes: more than a byte counts.
#[test]
fn a_packet_may_have_hundreds_of_empty_obus() {
    let mut rig = Rig::new(&format("video", "av1", 90_000, ""), Delivery::InOrder);
    rig.send(0, true, &[&[0x08][..], &[0; 600]].concat());
    rig.send(3600, true, &[0x10, 0x30, 1, 2]);
    let data = rig.data();
    assert_eq!(data.last().unwrap(), &[0x32, 2, 1, 2]);
}

/// Each is decoded, and a packet is not interrupted.
#[test]
fn access_units_of_a_packet_are_bounded() {
    let fmtp = "mode=AAC-lbr;config=1210;sizelength=6;indexlength=2;indexdeltalength=2";
    let format = format("audio", "mpeg4-generic", 44_100, fmtp);
    let mut rig = Rig::new(&format, Delivery::InOrder);
    let headers = 7000_u16;
    let mut payload = (8 * headers).to_be_bytes().to_vec();
    payload.extend([2 << 2].repeat(headers.into()));
    payload.resize(payload.len() + 2 * usize::from(headers), 7);
    rig.send(0, true, &payload);
    assert_eq!(rig.data(), [[7, 7]; 64]);
}

#[test]
fn packets_that_wait_are_bounded() {
    let mut random = Rng::with_seed(5);
    let mut rig = Rig::new(&format("video", "h264", 90_000, ""), UDP);
    let mut held = 0;
    for _ in 0..200_000 {
        let packet = rtp(
            true,
            random.u16(..),
            0,
            random.u32(..3),
            &[0x41, 0x9a, 1, 2],
        );
        rig.receive(&packet);
        held = held.max(rig.reception.sequencer.held());
        rig.units.clear();
    }
    assert!(held <= 65, "{held}");
}
