//! Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01), as Chromium sends it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The URI of the header extension.
pub const URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Time between messages. Chromium sends one every 50 to 250 ms, by the bit rate.
pub const INTERVAL: Duration = Duration::from_millis(100);

/// Ticks of 250 microseconds in a unit of the reference time.
const REFERENCE_TICKS: i64 = 256;

/// The ID of the extension in an answer.
pub fn id_in(answer: &str) -> Option<u8> {
    let lines = answer.lines().filter(|line| line.ends_with(URI));
    let mut numbers = lines.filter_map(|line| {
        let number = line.strip_prefix("a=extmap:")?.split([' ', '/']).next()?;
        number.parse().ok()
    });
    numbers.next()
}

/// Records arrivals and makes feedback messages of them.
#[derive(Debug)]
pub struct TransportFeedback {
    epoch: Instant,
    arrivals: BTreeMap<u64, Instant>,
    /// The first sequence number of the next message.
    base: Option<u64>,
    number: u8,
}

impl TransportFeedback {
    /// `epoch` is the zero of the reported times.
    pub fn new(epoch: Instant) -> TransportFeedback {
        TransportFeedback {
            epoch,
            arrivals: BTreeMap::new(),
            base: None,
            number: 0,
        }
    }

    /// Records an RTP packet, encrypted or not; `id` is that of the header extension.
    pub fn packet(&mut self, now: Instant, packet: &[u8], id: u8) {
        if let Some(sequence) = sequence(packet, id) {
            self.received(now, sequence);
        }
    }

    /// Records a packet by its transport-wide sequence number.
    pub fn received(&mut self, now: Instant, sequence: u16) {
        let extended = match self.base {
            // Leaves room below for reordered packets.
            None => 0x1_0000 + u64::from(sequence),
            Some(base) => {
                let ahead = i64::from(sequence.wrapping_sub(base as u16) as i16);
                base.saturating_add_signed(ahead)
            }
        };
        let base = self.base.get_or_insert(extended);
        // A late packet that was reported as lost: the next message starts with it.
        *base = (*base).min(extended);
        self.arrivals.entry(extended).or_insert(now);
    }

    /// The message about all packets since the last one; `None` if none arrived.
    pub fn message(&mut self, media_ssrc: u32) -> Option<Vec<u8>> {
        let base = self.base?;
        let last = *self.arrivals.keys().next_back()?;
        let (_, first_arrival) = self.arrivals.range(base..).next()?;
        let ticks = |at: Instant| ((at - self.epoch).as_micros() / 250) as i64;
        let reference = ticks(*first_arrival) / REFERENCE_TICKS;
        let mut before = reference * REFERENCE_TICKS;
        let (mut symbols, mut deltas) = (Vec::new(), Vec::new());
        for sequence in base..=last {
            let Some(arrival) = self.arrivals.get(&sequence) else {
                symbols.push(0);
                continue;
            };
            let delta = ticks(*arrival) - before;
            before += delta;
            match u8::try_from(delta) {
                Ok(small) => {
                    symbols.push(1);
                    deltas.push(small);
                }
                Err(_) => {
                    symbols.push(2);
                    let delta = delta.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16;
                    deltas.extend(delta.to_be_bytes());
                }
            }
        }
        self.arrivals.clear();
        self.base = Some(last + 1);
        let mut bytes = vec![0x8f, 205, 0, 0];
        bytes.extend(1u32.to_be_bytes());
        bytes.extend(media_ssrc.to_be_bytes());
        bytes.extend((base as u16).to_be_bytes());
        bytes.extend((symbols.len() as u16).to_be_bytes());
        bytes.extend(&(reference as u32).to_be_bytes()[1..]);
        bytes.push(self.number);
        self.number = self.number.wrapping_add(1);
        bytes.extend(chunks(&symbols));
        bytes.extend(deltas);
        let padding = bytes.len().next_multiple_of(4) - bytes.len();
        if padding > 0 {
            bytes[0] |= 0x20;
            bytes.resize(bytes.len() + padding, 0);
            *bytes.last_mut()? = padding as u8;
        }
        let words = (bytes.len() / 4 - 1) as u16;
        bytes[2..4].copy_from_slice(&words.to_be_bytes());
        Some(bytes)
    }
}

/// Encodes symbols as runs, or as vectors of 14 (small deltas only) or 7.
fn chunks(mut symbols: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(&first) = symbols.first() {
        let run = symbols
            .iter()
            .take_while(|symbol| **symbol == first)
            .count();
        let (taken, chunk) = if run >= 14 || run == symbols.len() {
            let run = run.min(0x1fff);
            (run, u16::from(first) << 13 | run as u16)
        } else if symbols.iter().take(14).all(|symbol| *symbol < 2) {
            let bit = |(i, symbol): (usize, &u8)| u16::from(*symbol) << (13 - i);
            let bits: u16 = symbols.iter().take(14).enumerate().map(bit).sum();
            (14, 0x8000 | bits)
        } else {
            let pair = |(i, symbol): (usize, &u8)| u16::from(*symbol) << (2 * (6 - i));
            let bits: u16 = symbols.iter().take(7).enumerate().map(pair).sum();
            (7, 0xc000 | bits)
        };
        bytes.extend(chunk.to_be_bytes());
        symbols = &symbols[taken.min(symbols.len())..];
    }
    bytes
}

/// The transport-wide sequence number in a one-byte-header block (RFC 8285 section 4.2).
fn sequence(packet: &[u8], id: u8) -> Option<u16> {
    if packet.first()? & 0x10 == 0 {
        return None;
    }
    let head = 12 + 4 * usize::from(packet[0] & 0xf);
    let words = u16::from_be_bytes([*packet.get(head + 2)?, *packet.get(head + 3)?]);
    let mut block = packet.get(head + 4..head + 4 + 4 * usize::from(words))?;
    while let [first, rest @ ..] = block {
        let len = match first {
            0 => 0,
            _ => usize::from(first & 0xf) + 1,
        };
        if first >> 4 == id && id != 0 {
            return Some(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
        }
        block = rest.get(len..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_and_the_sequence_number_are_found() {
        let answer = format!("a=extmap:5 other\r\na=extmap:3/sendonly {URI}\r\n");
        assert_eq!(id_in(&answer), Some(3));
        assert_eq!(id_in("a=extmap:3 other\r\n"), None);
        let mut packet = vec![0; 12];
        packet[0] = 0x90;
        packet.extend([0xbe, 0xde, 0, 2, 0x52, 0, 0, 0, 0x31, 0x12, 0x34, 0]);
        assert_eq!(sequence(&packet, 3), Some(0x1234));
        assert_eq!(sequence(&packet, 4), None);
        packet[0] = 0x80;
        assert_eq!(sequence(&packet, 3), None);
    }
}
