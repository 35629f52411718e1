//! The receiving side of one track: order, loss, NACKs, reports.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{Duration, Instant};

use super::depacketize::{self, AccessUnit, Format};
use super::packet::Packet;

/// A lost packet is requested again after this time...
const ASK_AGAIN: Duration = Duration::from_millis(60);
/// ...at most this often.
const MAX_QUESTIONS: u32 = 10;

/// The packets of one track.
#[derive(Debug, Default)]
pub struct Receiver {
    ssrc: u32,
    /// Payload types with their formats.
    formats: Vec<(u8, Format)>,
    rtx_ssrc: Option<u32>,
    /// Payload types of the RTX stream, and those that they repeat.
    rtx: Vec<(u8, u8)>,
    packets: BTreeMap<u64, Packet>,
    missing: BTreeMap<u64, Missing>,
    highest: Option<u64>,
    /// Packets that arrived on the RTX stream.
    pub by_rtx: u64,
    /// Packets that arrived twice.
    pub duplicates: u64,
    /// Packets that were missing for a while and then arrived.
    pub recovered: u64,
    reported: (u64, u64),
}

#[derive(Debug)]
struct Missing {
    next_question: Instant,
    questions: u32,
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("a full RTP header")
}

impl Receiver {
    /// Reads SSRC and payload types of the first section of this kind that is sent.
    pub(super) fn read_answer(&mut self, answer: &str, kind: &str) {
        let mut sections = answer.split("m=");
        let sent = |section: &&str| section.starts_with(kind) && section.contains("a=sendonly");
        let Some(section) = sections.find(sent) else {
            return;
        };
        let line = |prefix: &str| section.lines().find_map(|l| l.strip_prefix(prefix));
        let first = |text: &str| text.split([' ', ';']).next().map(str::to_owned);
        let number = |text: &str| first(text).and_then(|t| t.parse::<u32>().ok());
        let mut repeated = Vec::new();
        for (payload_type, encoding) in section
            .lines()
            .filter_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' '))
        {
            let payload_type: u8 = payload_type.parse().expect("payload type");
            let name = encoding.split('/').next().unwrap_or_default();
            if name == "rtx" {
                repeated.push(payload_type);
            } else {
                self.formats.push((payload_type, Format::of(name)));
            }
        }
        for payload_type in repeated {
            let apt = line(&format!("a=fmtp:{payload_type} apt=")).and_then(number);
            self.rtx.push((payload_type, apt.expect("apt") as u8));
        }
        self.ssrc = line("a=ssrc:").and_then(number).expect("a=ssrc");
        if let Some(group) = line("a=ssrc-group:FID ") {
            let rtx_ssrc = group.split(' ').nth(1).and_then(number).expect("FID");
            self.rtx_ssrc = Some(rtx_ssrc);
        }
    }

    /// One with the same payload types.
    pub(super) fn another(&self, ssrc: u32, rtx_ssrc: Option<u32>) -> Receiver {
        Receiver {
            ssrc,
            rtx_ssrc,
            formats: self.formats.clone(),
            rtx: self.rtx.clone(),
            ..Receiver::default()
        }
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(super) fn owns(&self, packet: &[u8]) -> bool {
        let ssrc = u32::from_be_bytes(number(packet, 8));
        ssrc == self.ssrc || self.rtx_ssrc == Some(ssrc)
    }

    pub(super) fn receive(&mut self, now: Instant, bytes: &[u8]) {
        let mut header = 12;
        let mut extension = Vec::new();
        if bytes[0] & 0x10 != 0 {
            let words = u16::from_be_bytes(number(bytes, 14));
            extension = bytes[16..16 + 4 * usize::from(words)].to_vec();
            header = 16 + extension.len();
        }
        let mut end = bytes.len();
        if bytes[0] & 0x20 != 0 {
            end -= usize::from(bytes[end - 1]);
            if end == header {
                return; // A probe of the bandwidth.
            }
        }
        let mut sequence = u16::from_be_bytes(number(bytes, 2));
        let mut payload_type = bytes[1] & 0x7f;
        if u32::from_be_bytes(number(bytes, 8)) != self.ssrc {
            let mut rtx = self.rtx.iter();
            let of_rtx = rtx.find(|&&(rtx, _)| rtx == payload_type);
            payload_type = of_rtx.expect("a payload type of RTX in the answer").1;
            sequence = u16::from_be_bytes(number(bytes, header));
            header += 2;
            self.by_rtx += 1;
        }
        let sequence = self.extend(sequence);
        let mut formats = self.formats.iter();
        let format = formats.find(|&&(known, _)| known == payload_type);
        let format = format.expect("a payload type of the answer").1;
        let packet = Packet {
            at: now,
            payload_type,
            format,
            sequence,
            timestamp: u32::from_be_bytes(number(bytes, 4)),
            marker: bytes[1] & 0x80 != 0,
            extension,
            payload: bytes[header..end].to_vec(),
        };
        if self.missing.remove(&sequence).is_some() {
            self.recovered += 1;
        }
        if let Some(highest) = self.highest {
            for lost in highest + 1..sequence {
                let missing = Missing {
                    next_question: now,
                    questions: 0,
                };
                self.missing.insert(lost, missing);
            }
        }
        self.highest = self.highest.max(Some(sequence));
        match self.packets.entry(sequence) {
            Entry::Vacant(place) => {
                place.insert(packet);
            }
            // The first is what counts: padding repeats packets that have arrived long ago.
            Entry::Occupied(before) => {
                self.duplicates += 1;
                assert_eq!(
                    before.get().payload,
                    packet.payload,
                    "a packet changed when repeated"
                );
            }
        }
    }

    /// Counts a packet that is not decrypted.
    pub(super) fn note(&mut self, bytes: &[u8]) {
        let sequence = self.extend(u16::from_be_bytes(number(bytes, 2)));
        self.highest = self.highest.max(Some(sequence));
    }

    fn extend(&self, sequence: u16) -> u64 {
        let Some(highest) = self.highest else {
            // Leaves room below for reordered packets.
            return 0x1_0000 + u64::from(sequence);
        };
        let forward = sequence.wrapping_sub(highest as u16);
        if forward < 0x8000 {
            highest + u64::from(forward)
        } else {
            highest - u64::from((highest as u16).wrapping_sub(sequence))
        }
    }

    pub(super) fn next_nack(&self) -> Option<Instant> {
        self.missing.values().map(|m| m.next_question).min()
    }

    pub(super) fn take_nacks(&mut self, now: Instant) -> Vec<u16> {
        self.missing.retain(|_, m| m.questions < MAX_QUESTIONS);
        let mut nacks = Vec::new();
        for (sequence, missing) in &mut self.missing {
            if missing.next_question <= now {
                missing.next_question = now + ASK_AGAIN;
                missing.questions += 1;
                nacks.push(*sequence as u16);
            }
        }
        nacks
    }

    /// Every packet that arrived, in order.
    pub fn packets(&self) -> impl Iterator<Item = &Packet> {
        self.packets.values()
    }

    /// The number of packets that arrived.
    pub fn count(&self) -> usize {
        self.packets.len()
    }

    /// Packets between the first and the last that never arrived.
    pub fn lost(&self) -> u64 {
        let (Some(first), Some(last)) = (self.packets.keys().next(), self.highest) else {
            return 0;
        };
        last - first + 1 - self.packets.len() as u64
    }

    /// The complete access units, in order.
    pub fn access_units(&self) -> Vec<AccessUnit> {
        depacketize::access_units(self.packets.values())
    }

    /// Forgets what arrived, to limit memory in long runs.
    pub fn forget(&mut self) {
        self.packets.clear();
    }

    /// A receiver report (RFC 3550 section 6.4.2); `last` is when the last sender report arrived and
    /// its NTP time.
    pub(super) fn report(&mut self, now: Instant, last: Option<(Instant, u64)>) -> Vec<u8> {
        use rtc::rtcp::receiver_report::ReceiverReport;
        use rtc::rtcp::reception_report::ReceptionReport;
        let expected = self.highest.unwrap_or(0);
        let missing = self.missing.len() as u64;
        let (expected_before, missing_before) = self.reported;
        self.reported = (expected, missing);
        let span = (expected - expected_before).max(1);
        let lost = missing.saturating_sub(missing_before).min(span);
        let report = ReceiverReport {
            ssrc: 1,
            reports: vec![ReceptionReport {
                ssrc: self.ssrc,
                fraction_lost: (lost * 256 / span).min(255) as u8,
                total_lost: missing as u32,
                last_sequence_number: expected as u32,
                jitter: 0,
                last_sender_report: last.map_or(0, |(_, ntp)| (ntp >> 16) as u32),
                delay: last.map_or(0, |(at, _)| {
                    ((now - at).as_micros() * 65536 / 1_000_000) as u32
                }),
            }],
            ..ReceiverReport::default()
        };
        marshal(report)
    }
}

fn marshal(packet: impl rtc::rtcp::Packet + 'static) -> Vec<u8> {
    rtc::rtcp::packet::marshal(&[Box::new(packet)])
        .expect("RTCP of our own")
        .to_vec()
}

/// A NACK for these sequence numbers.
pub fn nack(ssrc: u32, sequences: &[u16]) -> Vec<u8> {
    use rtc::rtcp::transport_feedbacks::transport_layer_nack::{
        TransportLayerNack, nack_pairs_from_sequence_numbers,
    };
    marshal(TransportLayerNack {
        sender_ssrc: 1,
        media_ssrc: ssrc,
        nacks: nack_pairs_from_sequence_numbers(sequences),
    })
}

pub fn pli(ssrc: u32) -> Vec<u8> {
    use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
    marshal(PictureLossIndication {
        sender_ssrc: 1,
        media_ssrc: ssrc,
    })
}
