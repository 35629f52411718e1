//! What stands between the network and the handshake: the records of a datagram, what they may be, and how
//! much of them a handshake may cost.

/// Content types (RFC 6347 section 4.1).
pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

const RECORD_HEADER: usize = 13;
const FRAGMENT_HEADER: usize = 12;

/// Longest encrypted record in bytes that a handshake or an alert needs: a Finished takes 48
/// (8 nonce, 12 header, 12 verify data, 16 tag).
pub(super) const MAX_ENCRYPTED: usize = 64;

/// Longest encrypted record in bytes that is read after the handshake: browsers' packets of a data channel have 1.2 kB.
const MAX_DATA: usize = 2048;

/// A record of a datagram.
pub(super) struct Record<'a> {
    pub(super) kind: u8,
    pub(super) epoch: u16,
    pub(super) body: &'a [u8],
    /// Header and body.
    pub(super) bytes: &'a [u8],
}

/// The records of a datagram, up to the first that is malformed or not DTLS 1.0 to 1.2.
pub(super) fn records(datagram: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let (header, _) = rest.split_first_chunk::<RECORD_HEADER>()?;
        let &[kind, major, minor, e1, e0, .., l1, l0] = header;
        let length = usize::from(u16::from_be_bytes([l1, l0]));
        if (major, minor) != (0xFE, 0xFD) && (major, minor) != (0xFE, 0xFF) || length == 0 {
            return None;
        }
        let (bytes, behind) = rest.split_at_checked(RECORD_HEADER + length)?;
        rest = behind;
        Some(Record {
            kind,
            epoch: u16::from_be_bytes([e1, e0]),
            body: bytes.get(RECORD_HEADER..)?,
            bytes,
        })
    })
}

impl Record<'_> {
    /// Whether it may be an alert of the peer after the handshake.
    pub(super) fn is_encrypted_alert(&self) -> bool {
        self.kind == ALERT && self.epoch == 1 && self.body.len() <= MAX_ENCRYPTED
    }

    /// Whether it may be application data after the handshake.
    pub(super) fn is_encrypted_data(&self) -> bool {
        self.kind == APPLICATION_DATA && self.epoch == 1 && self.body.len() <= MAX_DATA
    }

    /// Level and description of an alert in plain text.
    pub(super) fn plain_alert(&self) -> Option<(u8, u8)> {
        match (self.kind, self.epoch, self.body) {
            (ALERT, 0, &[level, description]) => Some((level, description)),
            _ => None,
        }
    }

    /// The fragments of handshake messages in it, up to the first that is malformed.
    pub(super) fn fragments(&self) -> impl Iterator<Item = Fragment<'_>> {
        let mut rest = self.body;
        std::iter::from_fn(move || {
            let (fragment, behind) = Fragment::split(rest)?;
            rest = behind;
            Some(fragment)
        })
    }
}

/// A part of a handshake message, or all of it (RFC 6347 section 4.2.2).
pub(super) struct Fragment<'a> {
    pub(super) kind: u8,
    /// Bytes of the whole message.
    pub(super) length: usize,
    /// Number of the message among those of its sender.
    pub(super) sequence: u16,
    /// Where `data` belongs; `offset + data.len()` is at most `length`.
    pub(super) offset: usize,
    pub(super) data: &'a [u8],
}

impl Fragment<'_> {
    /// The first fragment and what follows it; `None` if it is malformed, or has nothing of its message.
    fn split(body: &[u8]) -> Option<(Fragment<'_>, &[u8])> {
        let (header, rest) = body.split_first_chunk::<FRAGMENT_HEADER>()?;
        let &[kind, l2, l1, l0, s1, s0, o2, o1, o0, f2, f1, f0] = header;
        let u24 = |high, middle, low| u32::from_be_bytes([0, high, middle, low]) as usize;
        let (length, offset) = (u24(l2, l1, l0), u24(o2, o1, o0));
        let (data, behind) = rest.split_at_checked(u24(f2, f1, f0))?;
        let valid = offset + data.len() <= length && data.is_empty() == (length == 0);
        let fragment = Fragment {
            kind,
            length,
            sequence: u16::from_be_bytes([s1, s0]),
            offset,
            data,
        };
        valid.then_some((fragment, behind))
    }
}

/// What one handshake may cost. A browser needs about 6 datagrams and 4 kB, and repeats them, ever more
/// slowly, until [`super::HANDSHAKE_TIMEOUT`].
pub(super) struct Budget {
    datagrams: usize,
    bytes: usize,
}

impl Budget {
    pub(super) const fn new() -> Self {
        Budget {
            datagrams: 128,
            bytes: 64 << 10,
        }
    }

    /// Deducts the cost of a datagram of `size` bytes. False if that is more than what is left.
    pub(super) fn spend(&mut self, size: usize) -> bool {
        let left = (self.datagrams.checked_sub(1), self.bytes.checked_sub(size));
        let (Some(datagrams), Some(bytes)) = left else {
            return false;
        };
        *self = Budget { datagrams, bytes };
        true
    }
}
