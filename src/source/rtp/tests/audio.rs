//! Frames of audio, and documents.

use super::*;

fn frames(rig: &mut Rig) -> Vec<(i64, Vec<u8>)> {
    let units = rig.take().into_iter();
    units.map(|unit| (unit.timestamp, unit.data)).collect()
}

const GENERIC: &str = "mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408";

fn aac(fmtp: &str) -> Rig {
    Rig::new(
        &format("audio", "mpeg4-generic", 16_000, fmtp),
        Delivery::InOrder,
    )
}

/// Access units with AU headers of 13 and 3 bits.
fn with_headers(units: &[&[u8]]) -> Vec<u8> {
    let mut payload = (units.len() as u16 * 16).to_be_bytes().to_vec();
    for unit in units {
        payload.extend(((unit.len() as u16) << 3).to_be_bytes());
    }
    payload.extend(units.concat());
    payload
}

#[test]
fn several_access_units_in_a_packet() {
    let mut rig = aac(GENERIC);
    rig.send(5000, true, &with_headers(&[&[1; 100], &[2; 50], &[3; 300]]));
    let expected = [
        (5000, vec![1; 100]),
        (6024, vec![2; 50]),
        (7048, vec![3; 300]),
    ];
    assert_eq!(frames(&mut rig), expected);
}

#[test]
fn an_access_unit_in_several_packets() {
    let mut rig = aac(GENERIC);
    let whole = [7; 250];
    let mut parts = whole.chunks(100).peekable();
    while let Some(part) = parts.next() {
        let header = [0, 16, (250 << 3 >> 8) as u8, (250 << 3) as u8];
        rig.send(5000, parts.peek().is_none(), &[&header[..], part].concat());
    }
    assert_eq!(frames(&mut rig), [(5000, whole.to_vec())]);
    // With a part missing there is nothing.
    let header = [0, 16, (250 << 3 >> 8) as u8, (250 << 3) as u8];
    rig.send(6024, false, &[&header[..], &whole[..100]].concat());
    rig.lose(1);
    rig.send(6024, true, &[&header[..], &whole[200..]].concat());
    rig.send(7048, true, &with_headers(&[&[1; 10]]));
    assert_eq!(rig.data(), [[1; 10]]);
}

#[test]
fn odd_headers() {
    // 6 and 2 bits; a size of 10 bits and no index; none at all.
    let mut rig = aac("mode=AAC-lbr;sizelength=6;indexlength=2;indexdeltalength=2;config=1408");
    rig.send(0, true, &[0, 16, 3 << 2, 2 << 2, 1, 1, 1, 2, 2]);
    assert_eq!(rig.data(), [vec![1; 3], vec![2; 2]]);
    let mut rig = aac("sizelength=10;indexlength=0;indexdeltalength=0;config=1408");
    rig.send(
        0,
        true,
        &[0, 20, 0, 0b1100_0000, 0b0010_0000, 1, 1, 1, 2, 2],
    );
    assert_eq!(rig.data(), [vec![1; 3], vec![2; 2]]);
    // Lengths of index and difference that differ.
    let mut rig = aac("sizelength=6;indexlength=2;indexdeltalength=10;config=1408");
    rig.send(0, true, &[0, 24, 3 << 2, 2 << 2, 0, 1, 1, 1, 2, 2]);
    assert_eq!(rig.data(), [vec![1; 3], vec![2; 2]]);
    let mut rig = aac("sizelength=0;indexlength=0;indexdeltalength=0;config=1408");
    rig.send(0, true, &[9; 30]);
    assert_eq!(rig.data(), [vec![9; 30]]);
}

#[test]
fn wrong_sizes_and_adts() {
    let mut rig = aac(GENERIC);
    // More than there is, with a marker.
    rig.send(0, true, &[0, 16, 200 >> 5, (200 << 3) as u8, 1, 2, 3]);
    assert_eq!(rig.data(), [[1, 2, 3]]);
    let adts = [0xff, 0xf1, 0x60, 0x40, 1, 0x7f, 0xfc, 5, 6, 7, 8];
    rig.send(1024, true, &with_headers(&[&adts]));
    assert_eq!(rig.data(), [[5, 6, 7, 8]]);
    for broken in [
        &[][..],
        &[0],
        &[0, 16],
        &[0, 16, 1],
        &[0xff, 0xff, 1, 2],
        &[0, 0, 1],
    ] {
        rig.send(2048, true, broken);
    }
    assert!(rig.units.is_empty());
}

#[test]
fn latm_is_joined_up_to_its_marker() {
    let mut rig = Rig::new(&format("audio", "mp4a-latm", 16_000, ""), Delivery::InOrder);
    rig.send(0, true, &[1, 2]);
    rig.send(1024, false, &[3]);
    rig.send(1024, false, &[4]);
    rig.send(1024, true, &[5]);
    assert_eq!(frames(&mut rig), [(0, vec![1, 2]), (1024, vec![3, 4, 5])]);
    // Without markers.
    rig.send(2048, false, &[6]);
    rig.send(3072, false, &[7]);
    assert_eq!(frames(&mut rig), [(2048, vec![6])]);
    // With a part missing.
    rig.send(4096, false, &[8]);
    rig.lose(1);
    rig.send(4096, true, &[9]);
    rig.send(5120, true, &[10]);
    let units = frames(&mut rig);
    assert_eq!(units, [(3072, vec![7]), (5120, vec![10])]);
}

#[test]
fn a_document_is_one_unit() {
    let format = format("application", "vnd.onvif.metadata", 90_000, "");
    let mut rig = Rig::new(&format, Delivery::InOrder);
    rig.send(0, false, b"<tt:Metadata");
    rig.send(0, true, b"Stream/>");
    assert_eq!(rig.data(), [b"<tt:MetadataStream/>"]);
    // Without its head there is none.
    rig.lose(1);
    rig.send(3600, true, b"Stream/>");
    rig.send(7200, true, b" <a/>");
    assert_eq!(rig.data(), [b" <a/>"]);
}
