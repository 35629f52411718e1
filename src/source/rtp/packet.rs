//! RTP packets (RFC 3550 section 5.1), read as leniently as they are written.

/// RTCP packet types 192 to 223 in the place of marker and payload type (RFC 5761 section 4).
const RTCP: std::ops::RangeInclusive<u8> = 192..=223;

/// Bytes of the header in front of contributing sources and extension.
const HEADER: usize = 12;

/// A packet whose header makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Without extension and padding. Empty if that is all there is.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// `None` if it cannot be RTP.
    pub fn parse(data: &'a [u8]) -> Option<Packet<'a>> {
        let (header, rest) = data.split_first_chunk::<HEADER>()?;
        if header[0] >> 6 != 2 || is_rtcp(data) {
            return None;
        }
        let sources = usize::from(header[0] & 0x0f) * 4;
        let mut payload = rest.get(sources..)?;
        if header[0] & 0x10 != 0 {
            let words = u16::from_be_bytes(payload.get(2..4)?.try_into().ok()?);
            payload = payload.get(4 + usize::from(words) * 4..)?;
        }
        if header[0] & 0x20 != 0 {
            payload = without_padding(payload);
        }
        let field = |at: usize| [header[at], header[at + 1], header[at + 2], header[at + 3]];
        Some(Packet {
            marker: header[1] & 0x80 != 0,
            payload_type: header[1] & 0x7f,
            sequence: u16::from_be_bytes([header[2], header[3]]),
            timestamp: u32::from_be_bytes(field(4)),
            ssrc: u32::from_be_bytes(field(8)),
            payload,
        })
    }
}

/// Padding is zeros, and last their number with itself. Some cameras set the bit without padding
/// anything: then the last byte is one of the payload.
fn without_padding(payload: &[u8]) -> &[u8] {
    let count = payload.last().map_or(0, |&count| count.into());
    let Some((rest, padding)) = payload
        .len()
        .checked_sub(count)
        .and_then(|len| payload.split_at_checked(len))
    else {
        return payload;
    };
    match padding.split_last() {
        Some((_, zeros)) if rest.is_empty() || count > 1 && zeros.iter().all(|&byte| byte == 0) => {
            rest
        }
        _ => payload,
    }
}

/// Whether this is RTCP: some cameras send it where RTP belongs.
pub fn is_rtcp(data: &[u8]) -> bool {
    data.get(1).is_some_and(|kind| RTCP.contains(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 15] = [0x80, 0xe0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0x41, 0x9a, 2];

    fn payload(first: u8, rest: &[u8]) -> Option<Vec<u8>> {
        let packet = [&[first], &PLAIN[1..12], rest].concat();
        Packet::parse(&packet).map(|packet| packet.payload.to_vec())
    }

    #[test]
    fn all_fields_are_read() {
        let packet = Packet {
            marker: true,
            payload_type: 96,
            sequence: 0x0102,
            timestamp: 0x0304_0506,
            ssrc: 0x0708_090a,
            payload: &[0x41, 0x9a, 2],
        };
        assert_eq!(Packet::parse(&PLAIN), Some(packet));
    }

    #[test]
    fn sources_extension_and_padding_are_left_out() {
        let sources = [0xff; 8];
        let extension = [0xbe, 0xde, 0, 1, 1, 2, 3, 4];
        let rest = [&sources[..], &extension, &[7, 8, 9, 0, 2]].concat();
        assert_eq!(payload(0xb2, &rest), Some(vec![7, 8, 9]));
        assert_eq!(payload(0x90, &extension), Some(vec![]));
        assert_eq!(payload(0xa0, &[0, 0, 0, 4]), Some(vec![]), "padding only");
        assert_eq!(payload(0xa0, &[]), Some(vec![]));
    }

    #[test]
    fn padding_that_cannot_be_is_payload() {
        assert_eq!(payload(0xa0, &[1, 2, 9]), Some(vec![1, 2, 9]));
        assert_eq!(payload(0xa0, &[1, 2, 0]), Some(vec![1, 2, 0]));
        assert_eq!(payload(0xa0, &[1, 7, 2]), Some(vec![1, 7, 2]));
        assert_eq!(payload(0xa0, &[7, 7, 1]), Some(vec![7, 7, 1]));
    }

    #[test]
    fn what_is_no_rtp_is_none() {
        for len in 0..12 {
            assert_eq!(Packet::parse(&PLAIN[..len]), None);
        }
        for first in [0x00, 0x40, 0xc0, 0x8f, 0x90] {
            assert_eq!(payload(first, &[1, 2, 3]), None, "{first:#x}");
        }
        assert_eq!(payload(0x90, &[0, 0, 0, 2, 1, 2, 3, 4]), None);
        let mut report = PLAIN;
        report[1] = 200;
        assert!(is_rtcp(&report) && Packet::parse(&report).is_none());
    }
}
