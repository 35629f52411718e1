//! `retina`, which nothing here is made of, reads the same frames from the same packets.

use std::num::NonZeroU32;

use retina::codec::{CodecItem, Depacketizer, FrameFormat};
use retina::rtp::PacketMeta;
use retina::testutil::DepacketizeBuf;

use super::*;
use crate::media::nal::nals;
use crate::media::testing::{H265_PPS, H265_SPS, H265_VPS, OTHER_PPS, OTHER_SPS, h265_nal, nal};
use crate::source::rtp::Packet;
use fastrand::Rng;

/// What `retina` makes of packets: timestamp and data of each frame.
fn by_retina(
    (media, encoding, rate, fmtp): (&str, &str, u32, &str),
    packets: &[Vec<u8>],
) -> Vec<(u32, Vec<u8>)> {
    let fmtp = Some(fmtp).filter(|fmtp| !fmtp.is_empty());
    let channels = (media == "audio").then(|| 1.try_into().unwrap());
    let mut depacketizer = Depacketizer::new(media, encoding, rate, channels, fmtp).unwrap();
    depacketizer.set_frame_format(FrameFormat::MP4);
    let mut buffer = DepacketizeBuf::new(4 << 20);
    let mut frames = Vec::new();
    for packet in packets {
        let packet = Packet::parse(packet).unwrap();
        let rate = NonZeroU32::new(rate).unwrap();
        let timestamp = retina::Timestamp::new(packet.timestamp.into(), rate, 0).unwrap();
        let meta = PacketMeta {
            ctx: retina::PacketContext::dummy(),
            stream_id: 0,
            timestamp,
            sequence_number: packet.sequence,
            ssrc: packet.ssrc,
            mark: packet.marker,
            loss: 0,
        };
        buffer
            .push(&mut depacketizer, meta, packet.payload)
            .unwrap();
        while let Some(item) = depacketizer.pull() {
            frames.push(match item.unwrap() {
                CodecItem::VideoFrame(frame) => {
                    (frame.timestamp().timestamp() as u32, frame.data().to_vec())
                }
                CodecItem::AudioFrame(frame) => {
                    (frame.timestamp().timestamp() as u32, frame.data().to_vec())
                }
                other => panic!("{other:?}"),
            });
        }
    }
    frames
}

fn by_us(
    (media, encoding, rate, fmtp): (&str, &str, u32, &str),
    packets: &[Vec<u8>],
) -> Vec<(u32, Vec<u8>)> {
    let mut rig = Rig::new(&format(media, encoding, rate, fmtp), Delivery::InOrder);
    for packet in packets {
        rig.receive(packet);
    }
    rig.pass(ms(1000));
    let units = rig.take().into_iter();
    units
        .map(|unit| (unit.timestamp as u32, unit.data))
        .collect()
}

/// Without parameter sets and delimiters, which `retina` takes out.
fn pictures(frames: Vec<(u32, Vec<u8>)>, is_set: fn(u8) -> bool) -> Vec<(u32, Vec<Vec<u8>>)> {
    let left = |data: Vec<u8>| {
        let nals = nals(&data).filter(|nal| !is_set(nal[0]));
        nals.map(<[u8]>::to_vec).collect()
    };
    frames
        .into_iter()
        .map(|(at, data)| (at, left(data)))
        .collect()
}

/// Cuts NAL units into packets at random.
struct Cutter {
    random: Rng,
    packets: Vec<Vec<u8>>,
}

impl Cutter {
    fn add(&mut self, timestamp: u32, marker: bool, payload: &[u8]) {
        let number = self.packets.len() as u16;
        self.packets
            .push(rtp(marker, number, timestamp, SSRC, payload));
    }

    fn picture(&mut self, timestamp: u32, nals: &[Vec<u8>], h265: bool) {
        let header = if h265 { 2 } else { 1 };
        let mut rest = nals;
        while let Some((nal, tail)) = rest.split_first() {
            rest = tail;
            if nal.len() > 500 || self.random.usize(..4) == 0 && nal.len() > 10 {
                let body = &nal[header..];
                let size = self.random.usize(4..1200).min(body.len() - 1);
                let count = body.len().div_ceil(size);
                for (i, chunk) in body.chunks(size).enumerate() {
                    let flags = u8::from(i == 0) << 7 | u8::from(i + 1 == count) << 6;
                    let head = match h265 {
                        true => vec![0x62, nal[1], flags | nal[0] >> 1],
                        false => vec![nal[0] & 0xe0 | 28, flags | nal[0] & 0x1f],
                    };
                    let last = i + 1 == count && rest.is_empty();
                    self.add(timestamp, last, &[&head[..], chunk].concat());
                }
                continue;
            }
            let mut group = vec![nal];
            while let Some((next, tail)) = rest.split_first().filter(|(next, _)| next.len() < 500)
                && self.random.bool()
            {
                group.push(next);
                rest = tail;
            }
            if group.len() == 1 {
                self.add(timestamp, rest.is_empty(), nal);
            } else {
                let mut payload = if h265 { vec![0x60, 1] } else { vec![0x78] };
                for nal in group {
                    payload.extend((nal.len() as u16).to_be_bytes());
                    payload.extend(nal);
                }
                self.add(timestamp, rest.is_empty(), &payload);
            }
        }
    }
}

#[test]
fn h264() {
    for seed in 0..40 {
        let random = Rng::with_seed(seed);
        let mut cutter = Cutter {
            random,
            packets: Vec::new(),
        };
        for i in 0..50 {
            let key = i % 10 == 0;
            let mut nals = Vec::new();
            if key {
                nals.extend([OTHER_SPS.to_vec(), OTHER_PPS.to_vec()]);
            }
            for n in 0..cutter.random.usize(1..4) {
                let len = [20, 900, 9000][cutter.random.usize(..3)];
                let mut slice = nal(if key { 0x65 } else { 0x41 }, len, &mut cutter.random);
                slice[1] = if n == 0 { 0x89 } else { 0x43 };
                nals.push(slice);
            }
            cutter.picture(3600 * i, &nals, false);
        }
        let track = ("video", "h264", 90_000, "");
        let is_set = |header: u8| matches!(header & 0x1f, 7..=9);
        let ours = pictures(by_us(track, &cutter.packets), is_set);
        assert_eq!(
            ours,
            pictures(by_retina(track, &cutter.packets), is_set),
            "seed {seed}"
        );
        assert_eq!(ours.len(), 50);
    }
}

#[test]
fn h265() {
    for seed in 0..40 {
        let random = Rng::with_seed(seed);
        let mut cutter = Cutter {
            random,
            packets: Vec::new(),
        };
        for i in 0..50 {
            let key = i % 10 == 0;
            let mut nals = Vec::new();
            if key {
                nals.extend([H265_VPS, H265_SPS, H265_PPS].map(<[u8]>::to_vec));
            }
            for n in 0..cutter.random.usize(1..4) {
                let len = [20, 900, 9000][cutter.random.usize(..3)];
                let mut slice = h265_nal(if key { 19 } else { 1 }, len, &mut cutter.random);
                slice[2] = if n == 0 { 0x89 } else { 0x43 };
                nals.push(slice);
            }
            cutter.picture(3600 * i, &nals, true);
        }
        let track = ("video", "h265", 90_000, "");
        let is_set = |header: u8| matches!(header >> 1, 32..=35);
        let ours = pictures(by_us(track, &cutter.packets), is_set);
        assert_eq!(
            ours,
            pictures(by_retina(track, &cutter.packets), is_set),
            "seed {seed}"
        );
        assert_eq!(ours.len(), 50);
    }
}

#[test]
fn aac() {
    let fmtp = "profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;\
                config=1188";
    for seed in 0..40 {
        let mut random = Rng::with_seed(seed);
        let mut packets = Vec::new();
        let mut timestamp = 0;
        for _ in 0..50 {
            let units: Vec<Vec<u8>> = (0..random.usize(1..5))
                .map(|_| vec![random.u8(..); random.usize(1..700)])
                .collect();
            let mut send = |marker, headers: &[usize], data: &[u8]| {
                let mut payload = (headers.len() as u16 * 16).to_be_bytes().to_vec();
                for size in headers {
                    payload.extend(((*size as u16) << 3).to_be_bytes());
                }
                payload.extend(data);
                packets.push(rtp(marker, packets.len() as u16, timestamp, SSRC, &payload));
            };
            if units.len() == 1 && units[0].len() > 300 {
                let size = units[0].len();
                send(false, &[size], &units[0][..200]);
                send(true, &[size], &units[0][200..]);
            } else {
                let sizes: Vec<usize> = units.iter().map(Vec::len).collect();
                send(true, &sizes, &units.concat());
            }
            timestamp += 1024 * units.len() as u32;
        }
        let track = ("audio", "mpeg4-generic", 48_000, fmtp);
        assert_eq!(
            by_us(track, &packets),
            by_retina(track, &packets),
            "seed {seed}"
        );
    }
}

#[test]
fn g711() {
    let packets: Vec<_> = (0..100_u16)
        .map(|i| rtp(i == 0, i, u32::from(i) * 160, SSRC, &[i as u8; 160]))
        .collect();
    for encoding in ["pcmu", "pcma"] {
        let track = ("audio", encoding, 8000, "");
        let ours = by_us(track, &packets);
        assert_eq!(ours, by_retina(track, &packets));
        assert_eq!(ours.len(), 100);
    }
}
