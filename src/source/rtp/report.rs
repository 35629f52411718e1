//! RTCP (RFC 3550 section 6): what sender reports say, and receiver reports in return.

use std::time::{Duration, Instant};

use super::{Packet, SenderTime};

/// RTCP packet types.
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
/// The SDES item of a canonical name.
const CNAME: u8 = 1;

/// How often a receiver report leaves (RFC 3550 section 6.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// The first one leaves earlier (RFC 3550 section 6.2).
const FIRST: Duration = Duration::from_millis(2500);

/// A receiver report with one block (32 bytes), and a source description whose name has 16 characters.
const REPORT: usize = 32 + 28;

/// What a sender report says: a moment by the sender's clock, and as an RTP timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    pub ssrc: u32,
    pub time: SenderTime,
    pub timestamp: u32,
}

/// Reads the sender reports in a compound packet, as far as it makes sense.
pub fn read(mut compound: &[u8], mut said: impl FnMut(Said)) {
    while let Some((&[first, kind, length @ ..], _)) = compound.split_first_chunk::<4>() {
        let bytes = 4 + 4 * usize::from(u16::from_be_bytes(length));
        // The last length of some is wrong.
        let (packet, rest) = compound.split_at_checked(bytes).unwrap_or((compound, &[]));
        compound = rest;
        let word = |at: usize| Some(u32::from_be_bytes(*packet.get(at..)?.first_chunk()?));
        if first >> 6 != 2 {
            return;
        }
        let time = word(8)
            .zip(word(12))
            .map(|(seconds, fraction)| SenderTime(u64::from(seconds) << 32 | u64::from(fraction)));
        if kind == SENDER_REPORT
            && let (Some(ssrc), Some(time), Some(timestamp)) = (word(4), time, word(16))
        {
            said(Said {
                ssrc,
                time,
                timestamp,
            });
        }
    }
}

/// What was received of the current sequence, for reports.
#[derive(Debug)]
pub struct Reports {
    clock_rate: u32,
    source: Option<Source>,
    due: Option<Instant>,
    report: [u8; REPORT],
}

#[derive(Debug)]
struct Source {
    ssrc: u32,
    /// The first sequence number, and the highest with its number of cycles (RFC 3550 appendix A.1).
    first: u32,
    highest: u32,
    received: u32,
    /// Both as of the last report.
    expected_before: u32,
    received_before: u32,
    /// Interarrival jitter in ticks, times 16 (RFC 3550 appendix A.8).
    jitter: u32,
    transit: u32,
    /// When the last packet arrived, also in ticks: packets often arrive together.
    arrival: (Instant, u32),
    /// The middle 32 bits of the last sender report's time, and its arrival.
    report: Option<(u32, Instant)>,
    begun: Instant,
}

impl Reports {
    pub fn new(clock_rate: u32) -> Self {
        Reports {
            clock_rate,
            source: None,
            due: None,
            report: [0; REPORT],
        }
    }

    /// A packet arrived.
    pub fn received(&mut self, packet: &Packet<'_>, now: Instant) {
        let fits = |source: &&mut Source| {
            let ahead = packet.sequence.wrapping_sub(source.highest as u16) as i16;
            source.ssrc == packet.ssrc && ahead.unsigned_abs() < 3000
        };
        let Some(source) = self.source.as_mut().filter(fits) else {
            self.source = Some(Source {
                ssrc: packet.ssrc,
                first: packet.sequence.into(),
                highest: packet.sequence.into(),
                received: 1,
                expected_before: 0,
                received_before: 0,
                jitter: 0,
                transit: 0_u32.wrapping_sub(packet.timestamp),
                arrival: (now, 0),
                report: None,
                begun: now,
            });
            self.due.get_or_insert(now + FIRST);
            return;
        };
        source.received = source.received.wrapping_add(1);
        let ahead = packet.sequence.wrapping_sub(source.highest as u16) as i16;
        if ahead > 0 {
            source.highest = source.highest.wrapping_add(ahead as u32);
        }
        if source.arrival.0 != now {
            let elapsed = now.saturating_duration_since(source.begun).as_micros() as u64;
            let ticks = elapsed.wrapping_mul(self.clock_rate.into()) / 1_000_000;
            source.arrival = (now, ticks as u32);
        }
        let transit = source.arrival.1.wrapping_sub(packet.timestamp);
        let change = (transit.wrapping_sub(source.transit) as i32).unsigned_abs();
        source.transit = transit;
        let decay = source.jitter.wrapping_add(8) >> 4;
        source.jitter = source.jitter.wrapping_add(change).wrapping_sub(decay);
    }

    /// A sender report arrived.
    pub fn sender_report(&mut self, ssrc: u32, time: SenderTime, now: Instant) {
        if let Some(source) = self.source.as_mut().filter(|source| source.ssrc == ssrc) {
            source.report = Some(((time.0 >> 16) as u32, now));
        }
    }

    /// The report that is due.
    pub fn poll(&mut self, now: Instant) -> Option<&[u8]> {
        self.due.filter(|&due| due <= now)?;
        self.due = Some(now + INTERVAL);
        let source = self.source.as_mut()?;
        // Any number that is not the sender's.
        let own = source.ssrc.wrapping_add(1);
        let words = [
            0x8100_0007 | u32::from(RECEIVER_REPORT) << 16,
            own,
            source.ssrc,
            source.loss(),
            source.highest,
            source.jitter >> 4,
            source.report.map_or(0, |(time, _)| time),
            source.report.map_or(0, |(_, at)| {
                let delay = now.saturating_duration_since(at);
                (delay.as_micros() * 65_536 / 1_000_000) as u32
            }),
            0x8100_0006 | u32::from(SOURCE_DESCRIPTION) << 16,
            own,
        ];
        let (head, description) = self.report.split_at_mut(40);
        for (place, word) in head.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        // A name that says nothing of the host (RFC 7022), and the end of the list.
        let digits = format_name(own, source.first);
        description.fill(0);
        description
            .iter_mut()
            .zip([CNAME, 16].into_iter().chain(digits))
            .for_each(|(place, byte)| *place = byte);
        Some(&self.report)
    }
}

impl Source {
    /// Fraction lost since the last report, and the number of packets lost in all (RFC 3550 appendix
    /// A.3).
    fn loss(&mut self) -> u32 {
        let expected = self.highest.wrapping_sub(self.first).wrapping_add(1);
        let lost = (expected.wrapping_sub(self.received) as i32).clamp(-0x80_0000, 0x7f_ffff);
        let expected_now = expected.wrapping_sub(self.expected_before);
        let received_now = self.received.wrapping_sub(self.received_before);
        self.expected_before = expected;
        self.received_before = self.received;
        let lost_now = i64::from(expected_now) - i64::from(received_now);
        let fraction = match lost_now {
            1.. => (lost_now * 256 / i64::from(expected_now.max(1))).min(255) as u32,
            _ => 0,
        };
        fraction << 24 | lost as u32 & 0xff_ffff
    }
}

/// 16 hexadecimal digits.
fn format_name(one: u32, other: u32) -> [u8; 16] {
    let number = u64::from(one) << 32 | u64::from(other);
    std::array::from_fn(|i| {
        let digit = (number >> (60 - 4 * i)) as u32 & 15;
        char::from_digit(digit, 16).map_or(b'0', |digit| digit as u8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, timestamp: u32) -> Packet<'static> {
        Packet {
            marker: false,
            payload_type: 96,
            sequence,
            timestamp,
            ssrc: 7,
            payload: &[],
        }
    }

    fn words(report: &[u8]) -> Vec<u32> {
        let word = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
        report.chunks_exact(4).map(word).collect()
    }

    #[test]
    fn sender_reports_are_read() {
        let mut report = vec![0x80, 200, 0, 6];
        report.extend((1..=24).collect::<Vec<u8>>());
        let bye = [0x81, 203, 0, 1, 9, 9, 9, 9];
        let mut said = Vec::new();
        read(&[&report[..], &bye].concat(), |s| said.push(s));
        let time = Said {
            ssrc: 0x0102_0304,
            time: SenderTime(0x0506_0708_090a_0b0c),
            timestamp: 0x0d0e_0f10,
        };
        assert_eq!(said, [time]);
        // A length that is too large, as of some cameras.
        report[3] = 30;
        said.clear();
        read(&report, |s| said.push(s));
        assert_eq!(said, [time]);
        for len in 0..20 {
            read(&report[..len], |s| panic!("{s:?}"));
        }
        read(&[0x80, 203, 0, 0], |s| panic!("{s:?}"));
        read(&[0; 64], |s| panic!("{s:?}"));
    }

    #[test]
    fn reports_say_what_was_lost() {
        let start = Instant::now();
        let mut reports = Reports::new(90_000);
        assert_eq!(reports.due, None);
        let mut now = start;
        for i in 0..100_u16 {
            now = start + Duration::from_millis(40 * u64::from(i));
            if i % 10 != 3 {
                let number = i.wrapping_sub(50);
                reports.received(&packet(number, 3600 * u32::from(i)), now);
            }
            if i == 50 {
                reports.sender_report(7, SenderTime(0x0102_0304_0506_0708), now);
                reports.sender_report(8, SenderTime(0), now);
            }
        }
        assert_eq!(reports.due, Some(start + FIRST));
        let report = words(reports.poll(now).unwrap());
        assert_eq!(report[0], 0x81c9_0007);
        assert_eq!(report[1..3], [8, 7]);
        assert_eq!(report[3], (10 * 256 / 100) << 24 | 10);
        assert_eq!(report[4], 65_536 + 49, "one cycle");
        assert!(report[5] < 100, "no jitter: {}", report[5]);
        assert_eq!(report[6], 0x0304_0506);
        assert_eq!(report[7], 65_536 * 49 * 40 / 1000);
        assert_eq!(report[8], 0x81ca_0006);
        assert!(reports.poll(now).is_none());
        // Nothing more is lost, and packets come late by up to 20 ms.
        for i in 100..300_u16 {
            now = start + Duration::from_millis(40 * u64::from(i) + u64::from(i % 3) * 10);
            reports.received(&packet(i - 50, 3600 * u32::from(i)), now);
        }
        let report = words(reports.poll(now).unwrap());
        assert_eq!(report[3], 10);
        assert!((500..2000).contains(&report[5]), "jitter {}", report[5]);
    }

    #[test]
    fn the_name_is_text() {
        let start = Instant::now();
        let mut reports = Reports::new(90_000);
        reports.received(&packet(1, 0), start);
        let report = reports.poll(start + FIRST).unwrap();
        let name = std::str::from_utf8(&report[42..58]).unwrap();
        assert_eq!((report[40], report[41]), (CNAME, 16));
        assert_eq!(name, "0000000800000001");
        assert_eq!(report[58..], [0, 0]);
    }
}
