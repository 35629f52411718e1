//! Packets of cameras in all formats, lost and reordered, by TCP and by UDP.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rtsp_webrtc_gateway::internals::source::rtp::Delivery;
use rtsp_webrtc_gateway::internals::source::rtsp::Description;
use rtsp_webrtc_gateway::internals::source::{Choice, Quirks, REORDER, Tracks};

use crate::camera::{Begins, packet};
use crate::description::config;
use crate::stage::Stage;

/// Formats: `a=rtpmap` and `a=fmtp`.
const FORMATS: [(&str, &str, &str); 14] = [
    (
        "video",
        "H264/90000",
        "packetization-mode=1;sprop-parameter-sets=Z01AHtkAoC/5cBEAAAMAAQAAAwAyjxYuSA==,aOvDyyA=",
    ),
    ("video", "H264/90000", ""),
    ("video", "H265/90000", "sprop-max-don-diff=1"),
    ("video", "H265/90000", ""),
    ("video", "AV1/90000", ""),
    (
        "audio",
        "MPEG4-GENERIC/16000/1",
        "mode=AAC-hbr;config=1408;sizelength=13;indexlength=3;indexdeltalength=3",
    ),
    (
        "audio",
        "MPEG4-GENERIC/44100/2",
        "mode=AAC-lbr;config=1210;sizelength=6;indexlength=2;indexdeltalength=2",
    ),
    (
        "audio",
        "MP4A-LATM/48000/2",
        "cpresent=0;config=400023203fc0",
    ),
    ("audio", "MP4A-LATM/16000/1", "cpresent=1"),
    ("audio", "opus/48000/2", ""),
    ("audio", "G722/8000", ""),
    ("audio", "AAL2-G726-24/8000", ""),
    ("audio", "L16/44100/2", ""),
    ("application", "vnd.onvif.metadata/90000", ""),
];

#[derive(Arbitrary, Debug)]
enum Move<'a> {
    Packet {
        step: i8,
        ticks: i16,
        marker: bool,
        begins: Begins,
        payload: &'a [u8],
    },
    /// The same with a header in which anything is possible.
    Odd {
        head: [u8; 4],
        timestamp: u32,
        ssrc: u8,
        payload: &'a [u8],
    },
    /// One picture in as many packets as it takes.
    Many {
        begins: Begins,
        byte: u8,
        len: u16,
        packets: u8,
    },
    SenderReport {
        ntp: u64,
        timestamp: u32,
    },
    Rtcp(&'a [u8]),
    Raw(&'a [u8]),
    Wait(u16),
}

pub fn rtp(data: &[u8]) {
    let mut script = Unstructured::new(data);
    let Ok((format, by_udp)) = <(u8, bool)>::arbitrary(&mut script) else {
        return;
    };
    let (media, map, parameters) = FORMATS[usize::from(format) % FORMATS.len()];
    let mut text =
        format!("m={media} 0 RTP/AVP 96\r\na=rtpmap:96 {map}\r\na=fmtp:96 {parameters}\r\n");
    if media == "application" {
        // It comes with others.
        text += "m=audio 0 RTP/AVP 0\r\n";
    }
    let description = Description::parse(text.as_bytes(), &mut Quirks::default());
    let Ok(choice) = Choice::of(&description, &config()) else {
        unreachable!("{text}");
    };
    let order = if by_udp { REORDER } else { Delivery::InOrder };
    let mut tracks = Tracks::new(&description, &choice, order);
    let mut now = crate::beginning();
    let mut stage = Stage::new(now);
    // Seldom: megabytes of samples took most of the time, and have a target of their own.
    stage.heard = format >= 0xe0;
    let (mut number, mut timestamp, mut sent) = (0_u16, 0_u32, 0);
    while let Ok(next) = Move::arbitrary(&mut script) {
        let mut take = |data: &[u8]| tracks.packet(0, data, now, &mut stage);
        match next {
            Move::Packet {
                step,
                ticks,
                marker,
                begins,
                payload,
            } => {
                number = number.wrapping_add_signed(step.into());
                timestamp = timestamp.wrapping_add_signed(ticks.into());
                take(&packet(96, number, timestamp, marker, begins, payload));
            }
            Move::Odd {
                head,
                timestamp,
                ssrc,
                payload,
            } => {
                let mut packet = head.to_vec();
                packet.extend(timestamp.to_be_bytes());
                packet.extend([0, 0, 0, ssrc]);
                packet.extend(payload);
                take(&packet);
            }
            Move::Many {
                begins,
                byte,
                len,
                packets,
            } => {
                let payload = vec![byte; len.into()];
                for _ in 0..packets % 64 {
                    sent += payload.len();
                    if sent > 1 << 20 {
                        return;
                    }
                    number = number.wrapping_add(1);
                    take(&packet(96, number, timestamp, false, begins, &payload));
                }
            }
            Move::SenderReport { ntp, timestamp } => {
                let mut report = vec![0x80, 200, 0, 6, 0, 0, 0, 7];
                report.extend(ntp.to_be_bytes());
                report.extend(timestamp.to_be_bytes());
                report.extend([0; 8]);
                take(&report);
            }
            Move::Rtcp(rest) => take(&[&[0x81, 201, 0, 1, 0, 0, 0, 7], rest].concat()),
            Move::Raw(data) => take(data),
            Move::Wait(ms) => {
                let end = now + Duration::from_millis(ms.into());
                let mut turns = 0;
                while let Some(at) = tracks.next_deadline().filter(|&at| at <= end) {
                    now = now.max(at);
                    tracks.handle_timeout(now, &mut stage);
                    turns += 1;
                    assert!(turns <= 1000, "deadlines without end");
                }
                now = end;
                tracks.reports(now, |_, report| assert!((8..=256).contains(&report.len())));
                tracks.quirks(|_, _| {});
            }
        }
        if script.is_empty() {
            break;
        }
    }
}
