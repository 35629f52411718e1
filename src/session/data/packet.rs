//! SCTP packets and their chunks (RFC 9260 section 3), as far as a data channel needs them.

/// Source port, destination port, verification tag, checksum.
const HEADER: usize = 12;
/// Type, flags, length.
const CHUNK_HEADER: usize = 4;

// Kinds of chunks (RFC 9260 section 3.2, RFC 6525 section 3.1).

/// A part of a message.
pub const DATA: u8 = 0;
/// Begins an association.
pub const INIT: u8 = 1;
/// The answer to it, with a cookie.
pub const INIT_ACK: u8 = 2;
/// Acknowledges data.
pub const SACK: u8 = 3;
/// Asks for an answer.
pub const HEARTBEAT: u8 = 4;
/// The answer to it.
pub const HEARTBEAT_ACK: u8 = 5;
/// Ends an association at once.
pub const ABORT: u8 = 6;
/// Ends an association in order.
pub const SHUTDOWN: u8 = 7;
/// The answer to it.
pub const SHUTDOWN_ACK: u8 = 8;
/// Brings the cookie back.
pub const COOKIE_ECHO: u8 = 10;
/// The answer to it: the association is up.
pub const COOKIE_ACK: u8 = 11;
/// The association is over.
pub const SHUTDOWN_COMPLETE: u8 = 14;
/// Resets streams.
pub const RE_CONFIG: u8 = 130;

/// A packet whose checksum is right.
pub struct Packet<'a> {
    /// Port of the sender.
    pub source: u16,
    /// Port of the receiver.
    pub destination: u16,
    /// What the receiver has asked for in each packet (RFC 9260 section 8.5).
    pub tag: u32,
    chunks: &'a [u8],
}

/// A chunk.
#[derive(Clone, Copy)]
pub struct Chunk<'a> {
    /// What it is.
    pub kind: u8,
    /// What they mean depends on the kind.
    pub flags: u8,
    /// What follows its header, without padding.
    pub body: &'a [u8],
}

impl<'a> Packet<'a> {
    /// `None` if it is too short, or its checksum wrong.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, chunks) = bytes.split_first_chunk::<HEADER>()?;
        let &[s1, s0, d1, d0, t3, t2, t1, t0, c0, c1, c2, c3] = header;
        let (ports, _) = header.split_first_chunk::<8>()?;
        let sum = crc32c([&ports[..], &[0; 4], chunks]);
        (sum == u32::from_le_bytes([c0, c1, c2, c3])).then_some(Packet {
            source: u16::from_be_bytes([s1, s0]),
            destination: u16::from_be_bytes([d1, d0]),
            tag: u32::from_be_bytes([t3, t2, t1, t0]),
            chunks,
        })
    }

    /// The chunks, up to the first that is malformed.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk<'a>> + use<'a> {
        chunks(self.chunks)
    }
}

fn chunks(mut rest: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    std::iter::from_fn(move || {
        let (&[kind, flags, l1, l0], _) = rest.split_first_chunk::<CHUNK_HEADER>()?;
        let length = usize::from(u16::from_be_bytes([l1, l0]));
        let body = rest.get(CHUNK_HEADER..length)?;
        // The padding behind the last one may be missing.
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Chunk { kind, flags, body })
    })
}

/// The parameters in a chunk, with their kinds (RFC 9260 section 3.2.1), up to the first that is malformed.
pub fn parameters(body: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    chunks(body).map(|chunk| (u16::from_be_bytes([chunk.kind, chunk.flags]), chunk.body))
}

/// Writes a packet.
pub struct Writer(Vec<u8>);

impl Writer {
    /// A packet without chunks.
    pub fn new(source: u16, destination: u16, tag: u32) -> Self {
        let mut bytes = Vec::with_capacity(HEADER + 64);
        bytes.extend(source.to_be_bytes());
        bytes.extend(destination.to_be_bytes());
        bytes.extend(tag.to_be_bytes());
        bytes.extend([0; 4]);
        Writer(bytes)
    }

    /// Its size in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no chunks.
    pub fn is_empty(&self) -> bool {
        self.0.len() == HEADER
    }

    /// Adds a chunk, whose body consists of these parts. What does not fit the length of a chunk is left out.
    pub fn chunk(&mut self, kind: u8, flags: u8, body: &[&[u8]]) {
        let length: usize = body.iter().map(|part| part.len()).sum();
        let Ok(length) = u16::try_from(CHUNK_HEADER + length) else {
            return;
        };
        self.0.extend([kind, flags]);
        self.0.extend(length.to_be_bytes());
        for part in body {
            self.0.extend_from_slice(part);
        }
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    /// Adds what need not be a chunk.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The packet, with its checksum.
    pub fn finish(mut self) -> Vec<u8> {
        let sum = crc32c([&self.0]);
        if let Some(place) = self.0.get_mut(8..HEADER) {
            place.copy_from_slice(&sum.to_le_bytes());
        }
        self.0
    }
}

/// The last parameter of a chunk, whose padding is that of the chunk. `body` has fewer than 64 KiB.
pub fn parameter(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = (CHUNK_HEADER + body.len()) as u16;
    [&kind.to_be_bytes()[..], &length.to_be_bytes(), body].concat()
}

/// Bytes that a DATA chunk has in front of what it carries.
pub const DATA_HEADER: usize = CHUNK_HEADER + 12;
const _: () = assert!(DATA_HEADER == 16);

/// The checksum (RFC 9260 appendix A).
fn crc32c<'a>(parts: impl IntoIterator<Item = &'a (impl AsRef<[u8]> + ?Sized + 'a)>) -> u32 {
    let bytes = parts.into_iter().flat_map(|part| part.as_ref());
    !bytes.fold(!0, |crc, &byte| {
        let index = (crc ^ u32::from(byte)) & 0xFF;
        (crc >> 8) ^ TABLE[index as usize]
    })
}

/// What each byte makes of the checksum. The polynomial is that of Castagnoli, its bits reflected.
static TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_castagnoli() {
        // RFC 3720 appendix B.4.
        assert_eq!(crc32c([&[0; 32][..]]), 0x8A91_36AA);
        assert_eq!(crc32c([&b"1234"[..], b"56789"]), 0xE306_9283);
    }

    #[test]
    fn packets_are_read_as_written() {
        let mut writer = Writer::new(5000, 5001, 7);
        writer.chunk(DATA, 3, &[b"ab", b"c"]);
        writer.chunk(ABORT, 0, &[]);
        let bytes = writer.finish();
        assert_eq!(bytes.len(), 12 + 8 + 4);
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(
            (packet.source, packet.destination, packet.tag),
            (5000, 5001, 7)
        );
        let chunks: Vec<_> = packet.chunks().map(|c| (c.kind, c.flags, c.body)).collect();
        assert_eq!(chunks, [(DATA, 3, &b"abc"[..]), (ABORT, 0, b"")]);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(Packet::parse(&damaged).is_none(), "byte {at}");
            assert!(Packet::parse(&bytes[..at]).is_none(), "{at} bytes");
        }
    }

    #[test]
    fn malformed_chunks_end_a_packet() {
        let kinds = |bytes: &[u8]| chunks(bytes).map(|c| c.kind).collect::<Vec<_>>();
        assert_eq!(kinds(&[1, 0, 0, 4, 2, 0, 0, 5, 9]), [1, 2]);
        assert_eq!(kinds(&[1, 0, 0, 4, 2, 0, 0, 5]), [1]);
        assert_eq!(kinds(&[1, 0, 0, 3, 0, 0, 0, 0]), [0_u8; 0]);
        assert_eq!(kinds(&[1, 0, 0]), [0_u8; 0]);
    }
}
