//! The steps of the media path, one by one.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rtsp_webrtc_gateway::SrtpProfile;
use rtsp_webrtc_gateway::internals::media::h264::ParameterSets;
use rtsp_webrtc_gateway::internals::media::{AccessUnit, Codec, RingLimits, Track, TrackInfo};
use rtsp_webrtc_gateway::internals::sdp::IceCredentials;
use rtsp_webrtc_gateway::internals::sdp::answer::{self, Allowed, Candidates, LocalTransport};
use rtsp_webrtc_gateway::internals::sdp::offer::Offer;
use rtsp_webrtc_gateway::internals::session::dtls::Certificate;
use rtsp_webrtc_gateway::internals::session::rtcp::parse_feedback;
use rtsp_webrtc_gateway::internals::session::srtp::{KeyingMaterial, MasterKey, RtpSealer};
use rtsp_webrtc_gateway::internals::source::rtp::{Delivery, Format, Reception};
use testkit::clip::Clip;
use testkit::viewer::{Viewer, ViewerConfig, nack};

/// A frame as in the load benchmarks: 9 packets.
const PICTURE: usize = 1 + 9 * 1188;
/// A payload of such a frame.
const PAYLOAD: usize = 1190;

fn info() -> TrackInfo {
    let [sps, pps] = Clip::Main720p.parameter_sets();
    TrackInfo::video(ParameterSets {
        sps: sps.into(),
        pps: pps.into(),
    })
}

fn track() -> Track {
    let limits = RingLimits {
        packets: 512,
        history: Duration::from_secs(1),
        keep_gop: true,
        bytes: 8 << 20,
        duration: Duration::from_secs(15),
    };
    Track::new(info(), limits, 0)
}

/// A frame preceded by its length, as sources deliver it.
fn picture(header: u8) -> Vec<u8> {
    let mut data = (PICTURE as u32).to_be_bytes().to_vec();
    data.push(header);
    data.resize(4 + PICTURE, 0x99);
    data
}

/// Pushes frame `n` of a GOP of 50.
fn push(track: &mut Track, pictures: &[Vec<u8>; 2], start: Instant, n: u64) {
    track.push(&AccessUnit {
        data: &pictures[usize::from(n.is_multiple_of(50))],
        timestamp: n as i64 * 3600,
        arrival: start + Duration::from_millis(40) * n as u32,
        captured: None,
    });
}

/// A frame in packets, as cameras send it; numbers and timestamps are left open.
fn packets() -> Vec<Vec<u8>> {
    let nal = picture(0x41);
    let mut packets = Vec::new();
    testkit::camera::packetize(&[&nal[4..]], PAYLOAD, |head, body, last| {
        let mut packet = vec![0x80, 96 | u8::from(last) << 7];
        packet.extend([0; 10]);
        packet.extend([head, body].concat());
        packets.push(packet);
    });
    packets
}

fn receive(c: &mut Criterion) {
    let udp = Delivery::Reorder {
        packets: 64,
        wait: Duration::from_millis(100),
    };
    let mut group = c.benchmark_group("receive");
    for (name, order) in [("TCP", Delivery::InOrder), ("UDP", udp)] {
        let mut packets = packets();
        group.throughput(Throughput::Elements(packets.len() as u64));
        group.bench_function(format!("frame of {} packets, {name}", packets.len()), |b| {
            let mut reception = Reception::new(&Format::pushed(Codec::H264), order);
            let (now, mut number, mut timestamp) = (Instant::now(), 0_u16, 0_u32);
            b.iter(|| {
                let mut bytes = 0;
                for packet in &mut packets {
                    packet[2..4].copy_from_slice(&number.to_be_bytes());
                    packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
                    number = number.wrapping_add(1);
                    reception.rtp(packet, now, &mut |mut unit| {
                        bytes += unit.data.len();
                        unit.data.clear();
                        unit.data
                    });
                }
                timestamp = timestamp.wrapping_add(3600);
                assert_eq!(bytes, 4 + PICTURE);
            });
        });
    }
    group.finish();
}

fn packetize(c: &mut Criterion) {
    let pictures = [picture(0x41), picture(0x65)];
    let mut group = c.benchmark_group("packetize");
    group.throughput(Throughput::Elements(9));
    group.bench_function("frame of 9 packets", |b| {
        let (mut track, start, mut n) = (track(), Instant::now(), 0);
        b.iter(|| {
            push(&mut track, &pictures, start, n);
            n += 1;
        });
    });
    group.finish();
}

fn ring(c: &mut Criterion) {
    let pictures = [picture(0x41), picture(0x65)];
    let (mut track, start) = (track(), Instant::now());
    for n in 0..500 {
        push(&mut track, &pictures, start, n);
    }
    let ring = track.ring();
    c.bench_function("ring lookup", |b| {
        let mut number = ring.start();
        b.iter(|| {
            number += 1;
            if number == ring.end() {
                number = ring.start();
            }
            black_box(ring.packet(number))
        });
    });
}

fn seal(c: &mut Criterion) {
    let mut group = c.benchmark_group("seal 1190 bytes");
    group.throughput(Throughput::Bytes(PAYLOAD as u64));
    for (name, profile) in [
        ("AES-128-GCM", SrtpProfile::AeadAes128Gcm),
        ("AES-128-CM-SHA1-80", SrtpProfile::Aes128CmSha1_80),
    ] {
        let key = || MasterKey {
            key: [1; 16],
            salt: vec![2; profile.salt_len()],
        };
        let sealer = RtpSealer::new(&KeyingMaterial {
            profile,
            local: key(),
            remote: key(),
        })
        .expect("the lengths fit");
        let payload = [3; PAYLOAD];
        let mut header = [0; 20];
        header[0] = 0x90;
        let mut out = vec![0; header.len() + PAYLOAD + sealer.tag_len()];
        let mut index = 0u64;
        group.bench_function(name, |b| {
            b.iter(|| {
                index += 1;
                header[2..4].copy_from_slice(&(index as u16).to_be_bytes());
                sealer
                    .seal(index, &header, &[], black_box(&payload), &mut out)
                    .expect("the lengths fit");
            });
        });
    }
    group.finish();
}

fn rtcp(c: &mut Criterion) {
    let compound = nack(7, &[1, 2, 3, 20, 40, 41]);
    c.bench_function("parse a NACK", |b| {
        b.iter(|| {
            let mut items = 0;
            parse_feedback(black_box(&compound), |_| items += 1);
            items
        });
    });
}

fn sdp(c: &mut Criterion) {
    let address: SocketAddr = ([127, 0, 0, 1], 5000).into();
    let offer = Viewer::new(address, ViewerConfig::chromium()).offer();
    let certificate = Certificate::generate().expect("random numbers");
    let ice = IceCredentials {
        ufrag: "gateway0".to_owned(),
        pwd: "passwordOfTheGateway00000".to_owned(),
    };
    let transport = LocalTransport {
        ice: &ice,
        fingerprint: certificate.fingerprint(),
        candidates: Candidates {
            hosts: &[address],
            ..Candidates::default()
        },
    };
    let allowed = Allowed {
        nack: true,
        transport_cc: true,
        dtls_in_stun: false,
    };
    let mut numbers = 1..;
    let mut random = || Ok(numbers.next().expect("no end"));
    let video = info();
    c.bench_function("answer an offer", |b| {
        b.iter(|| {
            let offer = Offer::parse(offer.as_bytes()).expect("an offer");
            let negotiated = answer::negotiate(&offer, &[Some(&video)], None, allowed, &mut random)
                .expect("H.264 in common");
            answer::answer(&offer, &negotiated, &transport)
        });
    });
    for (name, offer) in [
        (
            "Chromium",
            include_str!("../../tests/fixtures/offers/chromium_wall.sdp"),
        ),
        (
            "Firefox",
            include_str!("../../tests/fixtures/offers/firefox_wall.sdp"),
        ),
    ] {
        c.bench_function(&format!("answer a wall of 64, {name}"), |b| {
            b.iter(|| {
                let offer = Offer::parse_wall(offer.as_bytes()).expect("an offer");
                let negotiated =
                    answer::negotiate_wall(&offer, allowed, &mut random).expect("H.264 in common");
                answer::answer_wall(&offer, &negotiated, &transport)
            });
        });
    }
}

criterion_group!(micro, receive, packetize, ring, seal, rtcp, sdp);
criterion_main!(micro);
