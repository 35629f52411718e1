//! RTCP: what we send to viewers, and what they report and ask for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rtc::rtcp::goodbye::Goodbye;
use rtc::rtcp::header::{COUNT_MAX, FORMAT_FIR, FORMAT_PLI, FORMAT_TLN, HEADER_LENGTH, Header};
use rtc::rtcp::header::{PacketType, SDES_MAX_OCTET_COUNT};
use rtc::rtcp::packet::{Packet, marshal};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report;
use rtc::rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::shared::marshal::Unmarshal;

use super::estimate::TransportFeedback;

/// Items taken from one compound packet at most. A full NACK of 1200 bytes has 297.
const MAX_FEEDBACK: usize = 512;
/// Transport-wide feedback of one compound packet is read until it has spoken of so many packets: a few
/// bytes can claim thousands.
const MAX_STATUSES: u32 = 4096;

/// Seconds from the NTP epoch (1900) to the Unix epoch (1970).
const NTP_OFFSET: u64 = 2_208_988_800;

/// What a viewer reports or asks for, about one of our RTP streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedback<'a> {
    /// One report block (RFC 3550 section 6.4.1).
    Report {
        /// Stream reported on.
        ssrc: u32,
        /// Loss since the last report, in 1/256.
        fraction_lost: u8,
        /// Middle 32 bits of the NTP time in the last sender report received, 0 if none.
        last_sr: u32,
        /// Delay since then, in 1/65536 s.
        delay: u32,
    },
    /// Lost packets (RFC 4585 section 6.2.1): `pid`, and those of the 16 after it whose bit is set.
    Nack {
        /// Stream asked for.
        ssrc: u32,
        /// Sequence number.
        pid: u16,
        /// The 16 after it.
        blp: u16,
    },
    /// The viewer cannot decode: picture loss indication or full intra request.
    KeyframeRequest {
        /// Stream asked for.
        ssrc: u32,
    },
    /// Which packets of the transport arrived, and when.
    Arrivals(TransportFeedback<'a>),
}

/// Calls `each` for every item of feedback in a decrypted compound packet, at most 512 times.
/// Unknown and malformed packets are skipped. Returns how many packets transport-wide feedback claims to
/// speak of.
pub fn parse_feedback<'a>(compound: &'a [u8], each: impl FnMut(Feedback<'a>)) -> u32 {
    let mut statuses = 0;
    packets(compound)
        .flat_map(|(kind, format, packet)| {
            // This kind comes several times a second: no vector is made for it.
            let arrivals = match statuses {
                MAX_STATUSES.. => None,
                _ => TransportFeedback::parse(packet),
            };
            // Also of one that turns out to be malformed: it was read.
            statuses += TransportFeedback::claims(packet);
            let arrivals = arrivals.map(Feedback::Arrivals);
            let others = match arrivals {
                Some(_) => Vec::new(),
                None => feedback(kind, format, packet),
            };
            arrivals.into_iter().chain(others)
        })
        .take(MAX_FEEDBACK)
        .for_each(each);
    statuses
}

/// The packets of a compound packet with their type and count field, up to the first that does not
/// fit.
///
/// Each is parsed separately, so that a malformed one does not affect the others, and only the few
/// parsers needed here see untrusted bytes.
fn packets(compound: &[u8]) -> impl Iterator<Item = (PacketType, u8, &[u8])> {
    let mut rest = compound;
    std::iter::from_fn(move || {
        let header = Header::unmarshal(&mut { rest }).ok()?;
        let len = HEADER_LENGTH + 4 * usize::from(header.length);
        let (packet, behind) = rest.split_at_checked(len)?;
        rest = behind;
        Some((header.packet_type, header.count, packet))
    })
}

fn feedback(kind: PacketType, format: u8, mut packet: &[u8]) -> Vec<Feedback<'static>> {
    let packet = &mut packet;
    match (kind, format) {
        (PacketType::SenderReport, _) => sender_report::SenderReport::unmarshal(packet)
            .map(|report| reports(&report.reports))
            .unwrap_or_default(),
        (PacketType::ReceiverReport, _) => ReceiverReport::unmarshal(packet)
            .map(|report| reports(&report.reports))
            .unwrap_or_default(),
        (PacketType::TransportSpecificFeedback, FORMAT_TLN) => {
            TransportLayerNack::unmarshal(packet)
                .map(|nack| nacks(&nack))
                .unwrap_or_default()
        }
        (PacketType::PayloadSpecificFeedback, FORMAT_PLI) => {
            PictureLossIndication::unmarshal(packet)
                .map(|pli| {
                    vec![Feedback::KeyframeRequest {
                        ssrc: pli.media_ssrc,
                    }]
                })
                .unwrap_or_default()
        }
        // RFC 5104 section 4.3.1.1: the streams asked for are in the FCI alone.
        (PacketType::PayloadSpecificFeedback, FORMAT_FIR) => FullIntraRequest::unmarshal(packet)
            .map(|request| {
                let entries = request.fir.iter();
                entries
                    .map(|entry| Feedback::KeyframeRequest { ssrc: entry.ssrc })
                    .collect()
            })
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn reports(blocks: &[ReceptionReport]) -> Vec<Feedback<'static>> {
    let report = |block: &ReceptionReport| Feedback::Report {
        ssrc: block.ssrc,
        fraction_lost: block.fraction_lost,
        last_sr: block.last_sender_report,
        delay: block.delay,
    };
    blocks.iter().map(report).collect()
}

fn nacks(nack: &TransportLayerNack) -> Vec<Feedback<'static>> {
    let pairs = nack.nacks.iter();
    pairs
        .map(|pair| Feedback::Nack {
            ssrc: nack.media_ssrc,
            pid: pair.packet_id,
            blp: pair.lost_packets,
        })
        .collect()
}

/// What a sender report says about one RTP stream (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    /// The stream.
    pub ssrc: u32,
    /// RTP timestamp at the moment of the report.
    pub rtp_timestamp: u32,
    /// Packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub octets: u32,
}

/// Reports in one compound packet, which has 1,044 bytes with a name of 16 characters.
pub const MAX_REPORTS: usize = 20;

/// A compound packet: the sender reports, [`MAX_REPORTS`] at most, made at `wall`, and an SDES with `cname` for each, of
/// which at most 255 bytes count.
pub fn sender_reports(reports: &[SenderReport], wall: SystemTime, cname: &str) -> Vec<u8> {
    let cname = &cname.as_bytes()[..cname.len().min(SDES_MAX_OCTET_COUNT)];
    let cname = Bytes::copy_from_slice(cname);
    let reports = &reports[..reports.len().min(MAX_REPORTS)];
    let packets = reports.iter().map(|report| -> Box<dyn Packet> {
        Box::new(sender_report::SenderReport {
            ssrc: report.ssrc,
            ntp_time: ntp(wall),
            rtp_time: report.rtp_timestamp,
            packet_count: report.packets,
            octet_count: report.octets,
            ..Default::default()
        })
    });
    let chunks = reports.iter().map(|report| SourceDescriptionChunk {
        source: report.ssrc,
        items: vec![SourceDescriptionItem {
            sdes_type: SdesType::SdesCname,
            text: cname.clone(),
        }],
    });
    let names = SourceDescription {
        chunks: chunks.collect(),
    };
    let packets: Vec<_> = packets
        .chain([Box::new(names) as Box<dyn Packet>])
        .collect();
    compound(&packets)
}

/// Streams that one BYE can end (RFC 3550 section 6.6).
pub const MAX_BYE: usize = COUNT_MAX;

/// A compound packet that ends streams, the first [`MAX_BYE`] of `ssrcs`: an empty receiver report,
/// then BYE.
pub fn bye(ssrcs: &[u32]) -> Vec<u8> {
    let ssrcs = &ssrcs[..ssrcs.len().min(MAX_BYE)];
    compound(&[
        Box::new(ReceiverReport {
            ssrc: ssrcs.first().copied().unwrap_or_default(),
            ..Default::default()
        }),
        Box::new(Goodbye {
            sources: ssrcs.to_vec(),
            reason: Bytes::new(),
        }),
    ])
}

/// Empty if a packet cannot be expressed, which the callers above rule out.
fn compound(packets: &[Box<dyn Packet>]) -> Vec<u8> {
    marshal(packets).map(Vec::from).unwrap_or_default()
}

/// NTP time: seconds since 1900 in 32.32 fixed point (RFC 3550 section 4).
fn ntp(wall: SystemTime) -> u64 {
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs().wrapping_add(NTP_OFFSET);
    (seconds << 32) | ((u64::from(since.subsec_nanos()) << 32) / 1_000_000_000)
}

/// Middle 32 bits of the NTP time of `wall`: how `last_sr` refers to a sender report.
pub fn ntp_middle(wall: SystemTime) -> u32 {
    (ntp(wall) >> 16) as u32
}

/// Round trip by a report block that arrived at `wall` (RFC 3550 section 6.4.1). `None` if the block
/// refers to no sender report, or the result is implausible: negative beyond the precision of the
/// field, or an hour or more.
pub fn round_trip(last_sr: u32, delay: u32, wall: SystemTime) -> Option<Duration> {
    /// A clock that steps, or a viewer that rounds, can make the result slightly negative.
    const TOLERANCE: u32 = 65_536 / 100;
    const HOUR: u32 = 3600 << 16;
    if last_sr == 0 {
        return None;
    }
    let units = ntp_middle(wall).wrapping_sub(last_sr).wrapping_sub(delay);
    if units.wrapping_neg() <= TOLERANCE {
        return Some(Duration::ZERO);
    }
    let nanos = (u64::from(units) * 1_000_000_000) >> 16;
    (units < HOUR).then_some(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use rtc::rtcp::payload_feedbacks::full_intra_request::FirEntry;
    use rtc::rtcp::transport_feedbacks::transport_layer_nack::NackPair;

    use super::*;

    const CAMERA: u32 = 0xdeca_fbad;

    fn parse(compound: &[u8]) -> Vec<Feedback<'_>> {
        let mut all = Vec::new();
        parse_feedback(compound, |item| all.push(item));
        all
    }

    fn block(ssrc: u32) -> ReceptionReport {
        ReceptionReport {
            ssrc,
            fraction_lost: 12,
            total_lost: 3,
            last_sequence_number: 70_000,
            jitter: 90,
            last_sender_report: 0x1234_5678,
            delay: 0x1_0000,
        }
    }

    fn report_of(ssrc: u32) -> Feedback<'static> {
        Feedback::Report {
            ssrc,
            fraction_lost: 12,
            last_sr: 0x1234_5678,
            delay: 0x1_0000,
        }
    }

    fn nack(pairs: usize) -> TransportLayerNack {
        TransportLayerNack {
            sender_ssrc: 1,
            media_ssrc: CAMERA,
            nacks: (0..pairs)
                .map(|i| NackPair {
                    packet_id: i as u16 * 17,
                    lost_packets: 0x8001,
                })
                .collect(),
        }
    }

    /// All that a viewer sends, in one compound packet.
    fn everything() -> Vec<u8> {
        compound(&[
            Box::new(ReceiverReport {
                ssrc: 1,
                reports: vec![block(CAMERA), block(2)],
                ..Default::default()
            }),
            Box::new(sender_report::SenderReport {
                ssrc: 1,
                reports: vec![block(3)],
                ..Default::default()
            }),
            Box::new(nack(2)),
            Box::new(PictureLossIndication {
                sender_ssrc: 1,
                media_ssrc: CAMERA,
            }),
            Box::new(FullIntraRequest {
                sender_ssrc: 1,
                media_ssrc: 0,
                fir: vec![
                    FirEntry {
                        ssrc: CAMERA,
                        sequence_number: 4,
                    },
                    FirEntry {
                        ssrc: 5,
                        sequence_number: 4,
                    },
                ],
            }),
            Box::new(Goodbye {
                sources: vec![1],
                reason: Bytes::from_static(b"end"),
            }),
        ])
    }

    fn all_of_everything() -> Vec<Feedback<'static>> {
        vec![
            report_of(CAMERA),
            report_of(2),
            report_of(3),
            Feedback::Nack {
                ssrc: CAMERA,
                pid: 0,
                blp: 0x8001,
            },
            Feedback::Nack {
                ssrc: CAMERA,
                pid: 17,
                blp: 0x8001,
            },
            Feedback::KeyframeRequest { ssrc: CAMERA },
            Feedback::KeyframeRequest { ssrc: CAMERA },
            Feedback::KeyframeRequest { ssrc: 5 },
        ]
    }

    #[test]
    fn all_kinds_of_feedback_are_read() {
        assert_eq!(parse(&everything()), all_of_everything());
    }

    #[test]
    fn unknown_and_broken_packets_are_passed_over() {
        // An application packet, a receiver report whose block is missing, a NACK without pairs.
        let mut bytes = vec![0x80, 204, 0, 2, 0, 0, 0, 1, b'a', b'b', b'c', b'd'];
        bytes.extend_from_slice(&[0x81, 201, 0, 1, 0, 0, 0, 1]);
        bytes.extend_from_slice(&[0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]);
        bytes.extend_from_slice(&everything());
        // A packet that claims to be longer than the datagram.
        bytes.extend_from_slice(&[0x80, 201, 0, 9, 0, 0, 0, 1]);
        assert_eq!(parse(&bytes), all_of_everything());
    }

    #[test]
    fn a_datagram_of_nacks_is_bounded() {
        let mut bytes = Vec::new();
        for _ in 0..60 {
            bytes.extend_from_slice(&compound(&[Box::new(nack(250))]));
        }
        assert_eq!(parse(&bytes).len(), MAX_FEEDBACK);
    }

    #[test]
    fn a_datagram_of_arrivals_is_bounded() {
        // 24 bytes that say that 4096 packets are lost, many times.
        let mut bytes = Vec::new();
        for number in 0..58 {
            bytes.extend([0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2]);
            bytes.extend([0, 0, 0x10, 0, 0, 0, 1, number, 0x1f, 0xff, 0, 0]);
        }
        let arrivals = parse(&bytes).len();
        assert_eq!(arrivals, 1);
        // What follows is read.
        bytes.extend_from_slice(&everything());
        assert_eq!(parse(&bytes)[1..], all_of_everything());
    }

    #[test]
    fn garbage_does_not_panic() {
        let whole = everything();
        for len in 0..whole.len() {
            parse(&whole[..len]);
        }
        let mut random = fastrand::Rng::with_seed(7);
        let mut number = || random.usize(..);
        for _ in 0..50_000 {
            let mut bytes = whole.clone();
            for _ in 0..1 + number() % 6 {
                let at = number() % bytes.len();
                bytes[at] = number() as u8;
            }
            bytes.truncate(number() % (whole.len() * 2));
            parse(&bytes);
        }
        // Every type, format and length with noise behind it.
        for kind in 192..=223 {
            for format in 0..32 {
                for words in 0..12 {
                    let mut bytes = vec![0x80 | format, kind, 0, words];
                    bytes.resize_with(48, || number() as u8);
                    parse(&bytes);
                }
            }
        }
    }

    fn wall(millis: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_795_000_000_000 + millis)
    }

    #[test]
    fn a_sender_report_says_what_it_is_given() {
        let report = SenderReport {
            ssrc: CAMERA,
            rtp_timestamp: 90_000,
            packets: 7,
            octets: 7000,
        };
        let bytes = sender_reports(&[report], wall(500), "gateway");
        let parsed = rtc::rtcp::packet::unmarshal(&mut &bytes[..]).unwrap();
        assert_eq!(parsed.len(), 2);
        let sr: &sender_report::SenderReport = parsed[0].as_any().downcast_ref().unwrap();
        assert_eq!(
            (sr.ssrc, sr.rtp_time, sr.packet_count, sr.octet_count),
            (CAMERA, 90_000, 7, 7000)
        );
        assert_eq!(sr.ntp_time >> 32, 1_795_000_000 + NTP_OFFSET);
        assert_eq!(sr.ntp_time as u32, 1 << 31, "half a second");
        assert_eq!((sr.ntp_time >> 16) as u32, ntp_middle(wall(500)));
        let sdes: &SourceDescription = parsed[1].as_any().downcast_ref().unwrap();
        assert_eq!(sdes.chunks[0].source, CAMERA);
        assert_eq!(&sdes.chunks[0].items[0].text[..], b"gateway");
    }

    #[test]
    fn reports_of_many_streams_fit_a_datagram() {
        let report = |ssrc| SenderReport {
            ssrc,
            rtp_timestamp: 1,
            packets: 2,
            octets: 3,
        };
        let reports: Vec<_> = (0..128).map(report).collect();
        let bytes = sender_reports(&reports, wall(0), "0123456789abcdef");
        assert_eq!(bytes.len(), 1044);
        let told = packets(&bytes).map(|(kind, count, _)| (kind, count));
        let told: Vec<_> = told.collect();
        assert_eq!(told.len(), MAX_REPORTS + 1);
        let last = told[MAX_REPORTS];
        assert_eq!(last, (PacketType::SourceDescription, MAX_REPORTS as u8));
    }

    #[test]
    fn a_cname_that_is_too_long_is_cut() {
        let report = SenderReport {
            ssrc: CAMERA,
            rtp_timestamp: 0,
            packets: 0,
            octets: 0,
        };
        let bytes = sender_reports(&[report], wall(0), &"x".repeat(300));
        assert_eq!(bytes.len() % 4, 0);
        assert!(bytes.len() > 28 + 255);
    }

    #[test]
    fn bye_names_the_streams() {
        let bytes = bye(&[CAMERA, 9]);
        let parsed = rtc::rtcp::packet::unmarshal(&mut &bytes[..]).unwrap();
        assert_eq!(parsed.len(), 2);
        let rr: &ReceiverReport = parsed[0].as_any().downcast_ref().unwrap();
        assert_eq!((rr.ssrc, rr.reports.len()), (CAMERA, 0));
        let goodbye: &Goodbye = parsed[1].as_any().downcast_ref().unwrap();
        assert_eq!(goodbye.sources, [CAMERA, 9]);
        assert!(!bye(&[]).is_empty());
        assert!(!bye(&[1; 40]).is_empty());
    }

    #[test]
    fn round_trips_are_measured_by_the_sender_report_named() {
        let sent = ntp_middle(wall(0));
        let delay = 65_536 / 10;
        let close = |rtt: Option<Duration>, millis: u64| {
            let rtt = rtt.unwrap().as_micros() as i64;
            assert!((rtt - millis as i64 * 1000).abs() < 50, "{rtt}");
        };
        close(round_trip(sent, delay, wall(130)), 30);
        close(round_trip(sent, 0, wall(65_000)), 65_000);
        assert_eq!(round_trip(sent, delay, wall(99)), Some(Duration::ZERO));
        assert_eq!(round_trip(sent, delay, wall(50)), None, "negative");
        assert_eq!(round_trip(sent, u32::MAX / 2, wall(0)), None);
        assert_eq!(round_trip(0, 0, wall(0)), None);
        // The 32 bits wrap every 18 hours.
        let before_wrap = (0..80_000)
            .map(|s| wall(s * 1000))
            .find(|&t| ntp_middle(t) > ntp_middle(t + Duration::from_secs(2)))
            .unwrap();
        let after = before_wrap + Duration::from_secs(2);
        close(round_trip(ntp_middle(before_wrap), 0, after), 2000);
    }
}
