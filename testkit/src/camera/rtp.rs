//! RTP and RTCP packets (RFC 3550), each preceded by its interleaved header (RFC 2326, section 10.12).

use std::time::{SystemTime, UNIX_EPOCH};

/// `$`, channel and 16-bit length.
const INTERLEAVED_HEADER: usize = 4;

/// Packets on their way to one transport.
#[derive(Default)]
pub(super) struct Packets {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Packets {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// All of them, framed to be interleaved in an RTSP connection.
    pub fn interleaved(&self) -> &[u8] {
        &self.bytes
    }

    /// One after the other, for UDP.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.bytes[start + INTERLEAVED_HEADER..*end])
    }

    pub fn push(&mut self, channel: u8, parts: &[&[u8]]) {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        self.bytes.extend([b'$', channel]);
        self.bytes.extend((len as u16).to_be_bytes());
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.ends.push(self.bytes.len());
    }
}

/// The state of one RTP sender.
pub(super) struct RtpStream {
    pub ssrc: u32,
    /// Of the next packet.
    pub sequence: u16,
    payload_type: u8,
    packets: u32,
    octets: u32,
}

impl RtpStream {
    pub fn new(payload_type: u8) -> RtpStream {
        RtpStream {
            ssrc: fastrand::u32(..),
            sequence: fastrand::u16(..),
            payload_type,
            packets: 0,
            octets: 0,
        }
    }

    /// Appends a packet with the payload `head` and `body` to `out`.
    pub fn packet(
        &mut self,
        out: &mut Packets,
        channel: u8,
        timestamp: u32,
        marker: bool,
        [head, body]: [&[u8]; 2],
    ) {
        let mut header = [0; 12];
        header[0] = 0x80;
        header[1] = if marker { 0x80 } else { 0 } | self.payload_type;
        header[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        header[4..8].copy_from_slice(&timestamp.to_be_bytes());
        header[8..].copy_from_slice(&self.ssrc.to_be_bytes());
        out.push(channel, &[&header, head, body]);
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add((head.len() + body.len()) as u32);
    }

    /// Consumes a sequence number: a packet that was sent and never arrives.
    pub fn lose(&mut self) {
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// Appends a sender report and the CNAME (RFC 3550, sections 6.4.1 and 6.5.1): `timestamp` was at `wall`.
    pub fn report(&self, out: &mut Packets, channel: u8, timestamp: u32, wall: SystemTime) {
        const CNAME: &[u8; 6] = b"camera";
        let mut report = vec![0x80, 200, 0, 6];
        report.extend(self.ssrc.to_be_bytes());
        report.extend(ntp(wall).to_be_bytes());
        for word in [timestamp, self.packets, self.octets] {
            report.extend(word.to_be_bytes());
        }
        let mut description = vec![0x81, 202, 0, 4];
        description.extend(self.ssrc.to_be_bytes());
        description.extend([1, CNAME.len() as u8]);
        description.extend(CNAME);
        // The end of the items, and padding to a full word.
        description.resize(20, 0);
        out.push(channel, &[&report, &description]);
    }
}

/// 64-bit NTP time (RFC 5905, section 6): seconds since 1900 in the upper half.
fn ntp(wall: SystemTime) -> u64 {
    const FROM_1900_TO_1970: u64 = 2_208_988_800;
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    ((since.as_secs() + FROM_1900_TO_1970) << 32) | fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn packets_come_out_interleaved_and_as_datagrams() {
        let mut stream = RtpStream::new(96);
        (stream.ssrc, stream.sequence) = (0x01020304, 0xffff);
        let mut out = Packets::default();
        stream.packet(&mut out, 2, 0x0a0b0c0d, false, [b"a", b"bc"]);
        stream.packet(&mut out, 2, 0x0a0b0c0d, true, [b"", b"d"]);
        let first = b"\x80\x60\xff\xff\x0a\x0b\x0c\x0d\x01\x02\x03\x04abc";
        let second = b"\x80\xe0\x00\x00\x0a\x0b\x0c\x0d\x01\x02\x03\x04d";
        assert_eq!(out.datagrams().collect::<Vec<_>>(), [&first[..], second]);
        let framed = [&b"$\x02\x00\x0f"[..], first, b"$\x02\x00\x0d", second].concat();
        assert_eq!(out.interleaved(), framed);
    }

    #[test]
    fn a_report_counts_what_was_sent() {
        let mut stream = RtpStream::new(96);
        stream.ssrc = 0x01020304;
        let mut out = Packets::default();
        stream.packet(&mut out, 0, 0, true, [b"a", b"bc"]);
        stream.lose();
        out.clear();
        let wall = UNIX_EPOCH + Duration::from_millis(1500);
        stream.report(&mut out, 1, 90_000, wall);
        let report = out.datagrams().next().unwrap();
        let expected = [
            &[0x80, 200, 0, 6, 1, 2, 3, 4][..],
            &[0x83, 0xaa, 0x7e, 0x81, 0x80, 0, 0, 0], // 1970-01-01 00:00:01.5
            &[0, 1, 0x5f, 0x90, 0, 0, 0, 1, 0, 0, 0, 3],
            &[0x81, 202, 0, 4, 1, 2, 3, 4, 1, 6],
            b"camera\0\0\0\0",
        ];
        assert_eq!(report, expected.concat());
    }
}
