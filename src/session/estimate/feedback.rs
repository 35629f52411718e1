//! Transport-wide feedback of a viewer (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).

/// RTCP header, two SSRCs, and the fixed part of the message.
const FIXED: usize = 20;
/// Transport layer feedback (RFC 4585 section 6.1), and the format of this message.
const PACKET_TYPE: u8 = 205;
const FORMAT: u8 = 15;
/// Microseconds in a tick of a delta.
const TICK: i64 = 250;
/// Maximum number of packets per message. 30 bytes could claim 65535.
const MAX_STATUSES: u16 = 4096;

/// A feedback message. Its chunks and deltas are complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportFeedback<'a> {
    base: u16,
    count: u16,
    reference: u32,
    number: u8,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// The status of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Status {
    /// Its transport-wide sequence number.
    sequence: u16,
    /// Ticks of 250 microseconds since the packet received before it, or since the reference time;
    /// `None` if it was not received.
    delta: Option<i16>,
}

impl<'a> TransportFeedback<'a> {
    /// How many packets an RTCP packet says that it speaks of; 0 if it is of another type.
    pub fn claims(packet: &[u8]) -> u32 {
        match *packet {
            [
                kind,
                PACKET_TYPE,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                high,
                low,
                ..,
            ] if kind & 0x1f == FORMAT => u16::from_be_bytes([high, low]).min(MAX_STATUSES).into(),
            _ => 0,
        }
    }

    /// Parses one RTCP packet, header included. `None` if it is of another type or malformed.
    pub fn parse(packet: &'a [u8]) -> Option<Self> {
        let (fixed, rest) = packet.split_at_checked(FIXED)?;
        if fixed[0] >> 6 != 2 || fixed[0] & 0x1f != FORMAT || fixed[1] != PACKET_TYPE {
            return None;
        }
        let padding = match fixed[0] & 0x20 {
            0 => 0,
            _ => usize::from(*rest.last()?),
        };
        let rest = rest.get(..rest.len().checked_sub(padding)?)?;
        let count = u16::from_be_bytes([fixed[14], fixed[15]]);
        if count == 0 || count > MAX_STATUSES {
            return None;
        }
        let (mut covered, mut chunks, mut deltas) = (0, 0, 0);
        while covered < count {
            let chunk = Chunk::parse(rest.get(chunks..)?)?;
            for index in 0..chunk.len().min(count - covered) {
                deltas += match chunk.symbol(index) {
                    NOT_RECEIVED => 0,
                    SMALL => 1,
                    LARGE => 2,
                    _ => return None,
                };
            }
            covered = covered.saturating_add(chunk.len());
            chunks += 2;
        }
        let (chunks, rest) = rest.split_at_checked(chunks)?;
        Some(TransportFeedback {
            base: u16::from_be_bytes([fixed[12], fixed[13]]),
            count,
            reference: u32::from_be_bytes([0, fixed[16], fixed[17], fixed[18]]),
            number: fixed[19],
            chunks,
            deltas: rest.get(..deltas)?,
        })
    }

    /// The reference time by the viewer's clock: 24 bits, in units of 64 ms.
    pub fn reference(&self) -> u32 {
        self.reference
    }

    /// The feedback packet count, which numbers the messages.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// How many packets are reported on.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// The packets reported on, in order of sequence number, and when they arrived; `None`: not at all.
    /// `reference`: the reference time, in microseconds of the viewer's clock.
    pub fn arrivals(&self, reference: i64) -> impl Iterator<Item = (u16, Option<i64>)> + 'a {
        let mut last = reference;
        self.statuses().map(move |status| {
            let arrival = status.delta.map(|delta| {
                last += i64::from(delta) * TICK;
                last
            });
            (status.sequence, arrival)
        })
    }

    fn statuses(&self) -> impl Iterator<Item = Status> + 'a {
        let (count, base, mut deltas) = (self.count, self.base, self.deltas);
        let symbols = self.chunks.chunks_exact(2).flat_map(|bytes| {
            let chunk = Chunk([bytes[0], bytes[1]]);
            (0..chunk.len()).map(move |index| chunk.symbol(index))
        });
        symbols.zip(0..count).map(move |(symbol, index)| {
            let delta = match (symbol, deltas) {
                (SMALL, [delta, rest @ ..]) => {
                    deltas = rest;
                    Some(i16::from(*delta))
                }
                (LARGE, [high, low, rest @ ..]) => {
                    deltas = rest;
                    Some(i16::from_be_bytes([*high, *low]))
                }
                _ => None,
            };
            Status {
                sequence: base.wrapping_add(index),
                delta,
            }
        })
    }
}

const NOT_RECEIVED: u16 = 0;
const SMALL: u16 = 1;
const LARGE: u16 = 2;

/// A packet status chunk: a run of one symbol, or a vector of 14 or 7.
#[derive(Clone, Copy)]
struct Chunk([u8; 2]);

impl Chunk {
    fn parse(bytes: &[u8]) -> Option<Chunk> {
        bytes.first_chunk().map(|bytes| Chunk(*bytes))
    }

    fn bits(self) -> u16 {
        u16::from_be_bytes(self.0)
    }

    fn len(self) -> u16 {
        match self.bits() >> 14 {
            0 | 1 => self.bits() & 0x1fff,
            2 => 14,
            _ => 7,
        }
    }

    fn symbol(self, index: u16) -> u16 {
        match self.bits() >> 14 {
            0 | 1 => self.bits() >> 13 & 3,
            2 => self.bits() >> (13 - index) & 1,
            _ => self.bits() >> (2 * (6 - index)) & 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(count: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
        bytes.extend(u16::to_be_bytes(0xfffe));
        bytes.extend(count.to_be_bytes());
        bytes.extend([0xff, 0xff, 0xfe, 7]);
        bytes.extend(body);
        bytes
    }

    fn deltas(bytes: &[u8]) -> Vec<Option<i16>> {
        let feedback = TransportFeedback::parse(bytes).expect("feedback");
        let statuses: Vec<Status> = feedback.statuses().collect();
        for (index, status) in statuses.iter().enumerate() {
            assert_eq!(status.sequence, 0xfffe_u16.wrapping_add(index as u16));
        }
        statuses.iter().map(|status| status.delta).collect()
    }

    #[test]
    fn runs_and_vectors_are_read() {
        // 3 small, then none of 2, then the 2-bit vector: large, none, small.
        let body = [0x20, 3, 0, 2, 0b1110_0001, 0, 4, 8, 255, 0xff, 0xfc, 9];
        let bytes = message(8, &body);
        let large = Some(-4);
        let expected = [
            Some(4),
            Some(8),
            Some(255),
            None,
            None,
            large,
            None,
            Some(9),
        ];
        assert_eq!(deltas(&bytes), expected);
        let feedback = TransportFeedback::parse(&bytes).unwrap();
        assert_eq!((feedback.reference(), feedback.number()), (0xff_fffe, 7));
        // The 1-bit vector: received, lost, received.
        let bytes = message(3, &[0b1010_1000, 0, 1, 2]);
        assert_eq!(deltas(&bytes), [Some(1), None, Some(2)]);
    }

    #[test]
    fn padding_is_skipped() {
        let mut bytes = message(1, &[0x20, 1, 5, 0, 0, 3]);
        bytes[0] |= 0x20;
        assert_eq!(deltas(&bytes), [Some(5)]);
        *bytes.last_mut().unwrap() = 200;
        assert!(TransportFeedback::parse(&bytes).is_none());
    }

    #[test]
    fn malformed_and_oversized_messages_are_rejected() {
        let whole = message(3, &[0x20, 3, 1, 2, 3]);
        for len in 0..whole.len() {
            assert!(TransportFeedback::parse(&whole[..len]).is_none(), "{len}");
        }
        assert!(TransportFeedback::parse(&message(0, &[])).is_none());
        assert!(TransportFeedback::parse(&message(2, &[0x00, 0, 0x00, 0])).is_none());
        assert!(TransportFeedback::parse(&message(5000, &[0x1f, 0xff])).is_none());
        let reserved = message(1, &[0x60, 1, 0, 0]);
        assert!(TransportFeedback::parse(&reserved).is_none());
        let mut other = whole.clone();
        other[0] = 0x81;
        assert!(TransportFeedback::parse(&other).is_none());
    }

    #[test]
    fn noise_does_not_panic() {
        let mut state = 7u64;
        let mut byte = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            (state >> 56) as u8
        };
        for _ in 0..50_000 {
            let count = u16::from(byte());
            let body: Vec<u8> = (0..byte() % 40).map(|_| byte()).collect();
            if let Some(feedback) = TransportFeedback::parse(&message(count, &body)) {
                assert_eq!(feedback.statuses().count(), usize::from(count));
            }
        }
    }
}
