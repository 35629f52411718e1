//! What the viewer sends: put in order, put together, acknowledged.
//!
//! Chunks are taken in the order of their numbers, whatever stream they belong to. That keeps each stream in
//! order and the fragments of a message together (RFC 9260 section 6.9), without a queue for each stream.

use std::collections::BTreeMap;

use super::MAX_MESSAGE;

/// Bytes that are kept ahead of a chunk that is missing, with [`OVERHEAD`] for each chunk.
const MAX_AHEAD: usize = 96 << 10;
/// Chunks of messages are not taken while this much waits to be read by the session.
const MAX_UNREAD: usize = 96 << 10;
/// What is taken at most is one message more than that, and what was ahead.
pub const WINDOW: usize = MAX_AHEAD + MAX_UNREAD;
/// What something that is kept costs beside its bytes.
pub const OVERHEAD: usize = 128;
/// Chunks further ahead are not taken.
const MAX_DISTANCE: u64 = 4096;
/// Gaps that are reported.
const MAX_GAPS: usize = 64;

/// Flags of a DATA chunk (RFC 9260 section 3.3.1).
const ENDS: u8 = 1;
const BEGINS: u8 = 2;

/// A message of the viewer.
pub struct Message {
    pub stream: u16,
    /// What it is for (payload protocol identifier).
    pub protocol: u32,
    pub bytes: Vec<u8>,
}

/// A DATA chunk.
struct Data {
    flags: u8,
    stream: u16,
    protocol: u32,
    bytes: Vec<u8>,
}

/// The viewer did what it must not: the association ends with this sentence.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation(pub &'static str);

pub struct Inbound {
    /// The viewer's first number.
    first: u32,
    /// Chunks that were taken; all before the first that is missing.
    taken: u64,
    ahead: BTreeMap<u64, Data>,
    ahead_bytes: usize,
    partial: Option<Message>,
    /// An acknowledgment is due.
    pub due: bool,
    /// The window that was told last.
    told: usize,
}

impl Inbound {
    pub fn new(first: u32) -> Self {
        Inbound {
            first,
            taken: 0,
            ahead: BTreeMap::new(),
            ahead_bytes: 0,
            partial: None,
            due: false,
            told: WINDOW,
        }
    }

    /// The number of the last chunk before the first that is missing.
    pub fn cumulative(&self) -> u32 {
        self.first.wrapping_add(self.taken as u32).wrapping_sub(1)
    }

    /// Takes the body of a DATA chunk, while `unread` bytes of messages wait to be read. `complete` gets the messages that
    /// are whole, in order.
    pub fn take(
        &mut self,
        flags: u8,
        body: &[u8],
        unread: usize,
        mut complete: impl FnMut(Message),
    ) -> Result<(), Violation> {
        let Some((&[n3, n2, n1, n0, s1, s0, _, _, p3, p2, p1, p0], bytes)) =
            body.split_first_chunk::<12>()
        else {
            return Err(Violation("a DATA chunk without all of its header"));
        };
        if bytes.is_empty() {
            return Err(Violation("a DATA chunk without data"));
        }
        self.due = true;
        let number = u32::from_be_bytes([n3, n2, n1, n0]);
        let distance = number.wrapping_sub(self.cumulative());
        let distance = u64::from(distance);
        let cost = bytes.len() + OVERHEAD;
        let fits = match distance {
            1 => unread < MAX_UNREAD,
            2..=MAX_DISTANCE => self.ahead_bytes + cost <= MAX_AHEAD,
            // It came before, or is absurd.
            _ => false,
        };
        let index = self.taken + distance;
        if !fits || self.ahead.contains_key(&index) {
            return Ok(());
        }
        let data = Data {
            flags,
            stream: u16::from_be_bytes([s1, s0]),
            protocol: u32::from_be_bytes([p3, p2, p1, p0]),
            bytes: bytes.to_vec(),
        };
        self.ahead_bytes += cost;
        self.ahead.insert(index, data);
        while let Some(data) = self.ahead.remove(&(self.taken + 1)) {
            self.ahead_bytes -= data.bytes.len() + OVERHEAD;
            self.taken += 1;
            if let Some(message) = self.join(data)? {
                complete(message);
            }
        }
        Ok(())
    }

    fn join(&mut self, data: Data) -> Result<Option<Message>, Violation> {
        let begins = data.flags & BEGINS != 0;
        let mut message = match (self.partial.take(), begins) {
            (None, true) => Message {
                stream: data.stream,
                protocol: data.protocol,
                bytes: Vec::new(),
            },
            (Some(message), false) if message.stream == data.stream => message,
            _ => return Err(Violation("a fragment that belongs to no message")),
        };
        if message.bytes.len() + data.bytes.len() > MAX_MESSAGE {
            return Err(Violation("a message has more than 64 KiB"));
        }
        match message.bytes.is_empty() {
            true => message.bytes = data.bytes,
            false => message.bytes.extend_from_slice(&data.bytes),
        }
        if data.flags & ENDS != 0 {
            return Ok(Some(message));
        }
        self.partial = Some(message);
        Ok(None)
    }

    /// Some messages were read; `unread` bytes still wait. A window that was nearly shut is told again.
    pub fn read(&mut self, unread: usize) {
        self.due |= self.told < WINDOW / 4 && self.window(unread) >= WINDOW / 2;
    }

    fn window(&self, unread: usize) -> usize {
        if unread >= MAX_UNREAD {
            return 0;
        }
        let partial = self.partial.as_ref().map_or(0, |m| m.bytes.len());
        WINDOW.saturating_sub(unread + self.ahead_bytes + partial)
    }

    /// The body of a SACK chunk (RFC 9260 section 3.3.4).
    pub fn acknowledgment(&mut self, unread: usize) -> Vec<u8> {
        self.due = false;
        self.told = self.window(unread);
        let mut gaps: Vec<[u16; 2]> = Vec::new();
        for index in self.ahead.keys() {
            // Not above `MAX_DISTANCE`.
            let offset = (index - self.taken) as u16;
            let count = gaps.len();
            match gaps.last_mut() {
                Some([_, end]) if *end + 1 == offset => *end = offset,
                _ if count == MAX_GAPS => break,
                _ => gaps.push([offset; 2]),
            }
        }
        let mut body = Vec::with_capacity(12 + 4 * gaps.len());
        body.extend(self.cumulative().to_be_bytes());
        body.extend((self.told as u32).to_be_bytes());
        body.extend((gaps.len() as u16).to_be_bytes());
        body.extend([0; 2]);
        body.extend(gaps.iter().flatten().flat_map(|end| end.to_be_bytes()));
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A receiver that expects the number 0xFFFF_FFFE next.
    fn inbound() -> Inbound {
        Inbound::new(u32::MAX - 1)
    }

    fn data(offset: u32, stream: u16, bytes: &[u8]) -> Vec<u8> {
        let mut body = (u32::MAX - 1).wrapping_add(offset).to_be_bytes().to_vec();
        body.extend(stream.to_be_bytes());
        body.extend([0, 0, 0, 0, 0, 51]);
        body.extend_from_slice(bytes);
        body
    }

    fn take(inbound: &mut Inbound, flags: u8, body: &[u8]) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        let taken = inbound.take(flags, body, 0, |message| all.push(message.bytes));
        assert_eq!(taken, Ok(()));
        all
    }

    #[test]
    fn messages_are_put_together_in_order() {
        let mut inbound = inbound();
        assert!(take(&mut inbound, ENDS, &data(2, 0, b"c")).is_empty());
        assert!(take(&mut inbound, 3, &data(4, 0, b"e")).is_empty());
        assert!(take(&mut inbound, 0, &data(1, 0, b"b")).is_empty());
        // The chunks 1, 2 and 4 are there, which is 2 to 3 and 5 from the last before.
        let sack = inbound.acknowledgment(0);
        assert_eq!(sack[..4], (u32::MAX - 2).to_be_bytes());
        assert_eq!(sack[8..], [0, 2, 0, 0, 0, 2, 0, 3, 0, 5, 0, 5]);
        assert_eq!(take(&mut inbound, BEGINS, &data(0, 0, b"a")), [b"abc"]);
        assert_eq!(take(&mut inbound, 3, &data(3, 1, b"d")), [b"d", b"e"]);
        // Again.
        assert!(take(&mut inbound, 3, &data(3, 1, b"d")).is_empty());
        assert!(inbound.due);
        assert_eq!(inbound.acknowledgment(0)[..4], [0, 0, 0, 2]);
        assert_eq!(inbound.ahead_bytes, 0);
    }

    #[test]
    fn what_must_not_come_is_a_violation() {
        type Chunks<'a> = &'a [(u8, Vec<u8>)];
        let mut none = |_: Message| unreachable!();
        let cases: [(&str, Chunks<'_>); 5] = [
            ("without data", &[(3, data(0, 0, b""))]),
            ("header", &[(3, vec![0; 11])]),
            ("no message", &[(ENDS, data(0, 0, b"a"))]),
            (
                "no message",
                &[(BEGINS, data(0, 0, b"a")), (BEGINS, data(1, 0, b"a"))],
            ),
            (
                "no message",
                &[(BEGINS, data(0, 0, b"a")), (ENDS, data(1, 1, b"a"))],
            ),
        ];
        for (why, chunks) in cases {
            let mut inbound = inbound();
            let (last, before) = chunks.split_last().unwrap();
            for (flags, body) in before {
                assert_eq!(inbound.take(*flags, body, 0, &mut none), Ok(()));
            }
            let Violation(sentence) = inbound.take(last.0, &last.1, 0, &mut none).unwrap_err();
            assert!(sentence.contains(why), "{sentence}");
        }
    }

    #[test]
    fn an_endless_message_ends() {
        let mut inbound = inbound();
        let part = [7; 1000];
        let mut flags = BEGINS;
        let ended = (0..100).find(|&offset| {
            let body = data(offset, 0, &part);
            let taken = inbound.take(flags, &body, 0, |_| unreachable!());
            flags = 0;
            taken.is_err()
        });
        assert_eq!(ended, Some(65));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut inbound = inbound();
        // All but the first one, one byte each, far beyond what is kept.
        for offset in 1..10_000 {
            take(&mut inbound, 3, &data(offset, 0, b"x"));
        }
        assert!(inbound.ahead_bytes <= MAX_AHEAD);
        assert!(inbound.ahead.len() < 1000);
        // Every second one: the report of gaps is bounded, too.
        let mut other = Inbound::new(u32::MAX - 1);
        for offset in (1..10_000).step_by(2) {
            take(&mut other, 3, &data(offset, 0, b"x"));
        }
        assert_eq!(other.acknowledgment(0).len(), 12 + 4 * MAX_GAPS);
        // The one that is missing is always taken, unless nobody reads.
        let first = data(0, 0, b"x");
        let refused = inbound.take(3, &first, MAX_UNREAD, |_| unreachable!());
        assert_eq!(refused, Ok(()));
        assert!(take(&mut inbound, 3, &first).len() > 700);
    }

    #[test]
    fn a_window_that_opens_again_is_told() {
        let mut inbound = inbound();
        let window = |sack: &[u8]| u32::from_be_bytes(sack[4..8].try_into().unwrap()) as usize;
        assert_eq!(window(&inbound.acknowledgment(0)), WINDOW);
        assert_eq!(window(&inbound.acknowledgment(MAX_UNREAD)), 0);
        inbound.read(MAX_UNREAD - 1);
        assert!(inbound.due, "half of it is open");
        assert_eq!(window(&inbound.acknowledgment(0)), WINDOW);
        inbound.read(0);
        assert!(!inbound.due);
    }
}
