//! What the peer sends during the handshake, in the form in which `rtc::dtls` gets it.
//!
//! `rtc::dtls` recurses once per fragment of a message, keeps whatever it cannot use yet, and allocates what
//! the length of a certificate says, which has 24 bits. So messages are put together here: it gets each one
//! once, whole, in order, in a record of its own, and only if it can be that message.

use bytes::{BufMut, BytesMut};

use super::guard::{CHANGE_CIPHER_SPEC, Fragment, HANDSHAKE, MAX_ENCRYPTED, Record};

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const HELLO_VERIFY_REQUEST: u8 = 3;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;
const CERTIFICATE_VERIFY: u8 = 15;
const CLIENT_KEY_EXCHANGE: u8 = 16;

/// What may be the message of each number (RFC 6347 section 4.2.4), and how long it may be at most.
type Messages = &'static [&'static [(u8, usize)]];

/// What a client sends before its Finished: one hello, since it is not asked for a cookie, and the certificate that we ask
/// for. Browsers' hellos have 1.5 kB, their certificates 0.3 kB.
pub(super) const OF_CLIENT: Messages = &[
    &[(CLIENT_HELLO, 8 << 10)],
    &[(CERTIFICATE, 8 << 10)],
    &[(CLIENT_KEY_EXCHANGE, 512)],
    &[(CERTIFICATE_VERIFY, 2 << 10)],
];

/// What a server sends before its Finished. It need not ask for a cookie, and then all numbers are lower by one.
pub(super) const OF_SERVER: Messages = &[
    &[(HELLO_VERIFY_REQUEST, 512), (SERVER_HELLO, 2 << 10)],
    &[(SERVER_HELLO, 2 << 10), (CERTIFICATE, 8 << 10)],
    &[(CERTIFICATE, 8 << 10), (SERVER_KEY_EXCHANGE, 2 << 10)],
    &[
        (SERVER_KEY_EXCHANGE, 2 << 10),
        (CERTIFICATE_REQUEST, 8 << 10),
    ],
    &[(CERTIFICATE_REQUEST, 8 << 10), (SERVER_HELLO_DONE, 0)],
    &[(SERVER_HELLO_DONE, 0)],
];
/// The most of both.
const MOST_MESSAGES: usize = 6;

/// The peer's messages, as far as they have come.
#[derive(Default)]
pub(super) struct Inbound {
    messages: Messages,
    partial: [Partial; MOST_MESSAGES],
    /// Messages that were taken.
    taken: u16,
    /// Records that were made.
    records: u64,
}

/// What of a record is for `rtc::dtls`.
#[derive(Default)]
pub(super) struct Admitted {
    pub(super) records: BytesMut,
    /// A message was completed.
    pub(super) progress: bool,
    /// The peer repeats what it has sent before.
    pub(super) repeats: bool,
}

impl Inbound {
    /// What comes from a client, or from a server.
    pub(super) fn new(messages: Messages) -> Inbound {
        Inbound {
            messages,
            ..Inbound::default()
        }
    }

    /// The body of the ClientHello, once that is complete. It stays to be admitted.
    pub(super) fn hello(&mut self, record: &Record<'_>) -> Option<&[u8]> {
        self.add(record);
        let [hello, ..] = &self.partial;
        hello.whole()
    }

    /// Takes the records of a datagram, behind what is left of the one before.
    pub(super) fn admit<'a>(&mut self, records: impl Iterator<Item = Record<'a>>) -> Admitted {
        let before = self.taken;
        let mut repeats = false;
        let mut out = BytesMut::new();
        self.take_messages(&mut out);
        for record in records {
            match (record.kind, record.epoch) {
                (HANDSHAKE, 0) => {
                    repeats |= self.add(&record);
                    self.take_messages(&mut out);
                }
                (CHANGE_CIPHER_SPEC, 0) if record.body == [1] => {
                    self.put(CHANGE_CIPHER_SPEC, record.body, &mut out);
                }
                // Finished.
                (HANDSHAKE, 1) if record.body.len() <= MAX_ENCRYPTED => {
                    out.extend_from_slice(record.bytes);
                }
                _ => {}
            }
        }
        Admitted {
            records: out,
            progress: self.taken > before,
            repeats,
        }
    }

    /// The messages that are complete, as records.
    fn take_messages(&mut self, out: &mut BytesMut) {
        while let Some(message) = self.next() {
            self.put(HANDSHAKE, &message, out);
        }
    }

    /// Takes the fragments of a record. True if one belongs to a message that was taken before.
    fn add(&mut self, record: &Record<'_>) -> bool {
        let mut repeats = false;
        if (record.kind, record.epoch) != (HANDSHAKE, 0) {
            return false;
        }
        for fragment in record.fragments() {
            let number = usize::from(fragment.sequence);
            let expected = self.messages.get(number).copied().unwrap_or_default();
            let fits = |&(kind, longest): &(u8, usize)| {
                // One kind alone is empty, always.
                kind == fragment.kind
                    && fragment.length <= longest
                    && (fragment.length == 0) == (kind == SERVER_HELLO_DONE)
            };
            if !expected.iter().any(fits) {
                continue;
            }
            if fragment.sequence < self.taken {
                repeats = true;
            } else if let Some(partial) = self.partial.get_mut(number) {
                partial.add(&fragment);
            }
        }
        repeats
    }

    /// The next message with its header, if it is complete. One that cannot be what it says is forgotten: it
    /// is not the peer's, whose own comes sooner or later.
    fn next(&mut self) -> Option<Vec<u8>> {
        let number = usize::from(self.taken);
        let partial = self.partial.get_mut(number)?;
        partial.whole()?;
        let Partial { kind, body, .. } = std::mem::take(partial);
        if kind == CERTIFICATE && !are_certificates(&body) {
            return None;
        }
        let length = body.len() as u64;
        let mut message = Vec::with_capacity(12 + body.len());
        message.put_u8(kind);
        message.put_uint(length, 3);
        message.put_u16(self.taken);
        message.put_uint(0, 3);
        message.put_uint(length, 3);
        message.extend(body);
        self.taken += 1;
        Some(message)
    }

    /// A record of epoch 0. They are numbered anew, as a message may have come in several.
    fn put(&mut self, kind: u8, body: &[u8], out: &mut BytesMut) {
        out.put_slice(&[kind, 0xFE, 0xFD, 0, 0]);
        out.put_uint(self.records, 6);
        self.records += 1;
        out.put_u16(body.len() as u16);
        out.put_slice(body);
    }
}

/// A message whose fragments come in any order.
#[derive(Default)]
struct Partial {
    /// 0: nothing of it has come.
    kind: u8,
    body: Vec<u8>,
    present: Vec<bool>,
    missing: usize,
}

impl Partial {
    fn add(&mut self, fragment: &Fragment<'_>) {
        if (fragment.kind, fragment.length) != (self.kind, self.body.len()) {
            self.kind = fragment.kind;
            // The first fragment, or one of a newer message, which is the one to take.
            self.body = vec![0; fragment.length];
            self.present = vec![false; fragment.length];
            self.missing = fragment.length;
        }
        let range = fragment.offset..fragment.offset + fragment.data.len();
        let (Some(body), Some(present)) = (
            self.body.get_mut(range.clone()),
            self.present.get_mut(range),
        ) else {
            return;
        };
        body.copy_from_slice(fragment.data);
        self.missing -= present.iter().filter(|&&present| !present).count();
        present.fill(true);
    }

    fn whole(&self) -> Option<&[u8]> {
        (self.missing == 0 && self.kind != 0).then_some(&self.body)
    }
}

/// Whether a Certificate message is a list of certificates and nothing else (RFC 5246 section 7.4.2).
fn are_certificates(body: &[u8]) -> bool {
    let mut message = Reader(body);
    let Some(list) = message.take_prefixed::<3>() else {
        return false;
    };
    let mut list = Reader(list);
    while !list.0.is_empty() {
        if list.take_prefixed::<3>().is_none() {
            return false;
        }
    }
    message.0.is_empty()
}

/// Reads the vectors of TLS.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A vector with a length of `N` bytes before it.
    pub(super) fn take_prefixed<const N: usize>(&mut self) -> Option<&'a [u8]> {
        let length = self.take(N)?;
        let length = length
            .iter()
            .fold(0, |length, &byte| length << 8 | usize::from(byte));
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::guard::records;
    use super::super::testing::fragment;
    use super::*;

    /// Takes a fragment; the bodies of the messages that it completes.
    fn add(
        inbound: &mut Inbound,
        kind: u8,
        length: usize,
        sequence: u16,
        offset: usize,
        data: &[u8],
    ) -> Vec<Vec<u8>> {
        let datagram = fragment([0; 6], kind, length, sequence, offset, data);
        let admitted = inbound.admit(records(&datagram)).records;
        let bodies = records(&admitted).map(|record| record.body[12..].to_vec());
        bodies.collect()
    }

    #[test]
    fn messages_come_whole_once_and_in_order() {
        let mut inbound = Inbound::new(OF_CLIENT);
        let none = [0, 0, 0];
        assert!(add(&mut inbound, 11, 3, 1, 0, &none).is_empty(), "behind");
        assert!(add(&mut inbound, 1, 6, 0, 3, b"lo1").is_empty());
        assert!(add(&mut inbound, 1, 6, 0, 3, b"lo1").is_empty());
        let both = [b"hello1".to_vec(), none.to_vec()];
        assert_eq!(add(&mut inbound, 1, 6, 0, 0, b"hel"), both);
        assert!(add(&mut inbound, 1, 6, 0, 0, b"hello1").is_empty(), "again");
        // Of another kind than this number has, as a second hello; beyond all of them.
        assert!(add(&mut inbound, 1, 6, 1, 0, b"hello2").is_empty());
        assert!(add(&mut inbound, 1, 6, 2, 0, b"hello2").is_empty());
        assert!(add(&mut inbound, 15, 3, 4, 0, b"one").is_empty());
    }

    #[test]
    fn a_server_may_leave_out_the_cookie() {
        let kinds = [3, 2, 11, 12, 13, 14];
        for (kinds, last) in [(&kinds[..], 5), (&kinds[1..], 4)] {
            let mut inbound = Inbound::new(OF_SERVER);
            for (sequence, &kind) in kinds.iter().enumerate() {
                let body: &[u8] = match kind {
                    11 => &[0, 0, 0],
                    14 => &[],
                    _ => b"body",
                };
                let sequence = sequence as u16;
                // What belongs elsewhere, and a message that is none.
                assert!(add(&mut inbound, 1, 4, sequence, 0, b"body").is_empty());
                assert!(add(&mut inbound, 2, 0, sequence, 0, b"").is_empty());
                let got = add(&mut inbound, kind, body.len(), sequence, 0, body);
                assert_eq!(got, [body.to_vec()], "{kind} {last}");
            }
        }
    }

    #[test]
    fn what_cannot_be_certificates_is_forgotten() {
        let mut inbound = Inbound::new(OF_CLIENT);
        add(&mut inbound, 1, 1, 0, 0, b"h");
        for wrong in [
            &[0, 0, 4, 0xFF, 0xFF, 0xFF, 1][..],
            &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xF0, 1],
            &[0, 0, 4, 0, 0, 1, 7, 8],
            &[0, 0, 2, 0, 0],
            &[0, 0],
        ] {
            assert!(add(&mut inbound, 11, wrong.len(), 1, 0, wrong).is_empty());
        }
        let right = [0, 0, 9, 0, 0, 1, 7, 0, 0, 2, 8, 9];
        let len = right.len();
        assert_eq!(add(&mut inbound, 11, len, 1, 0, &right), [right]);
        let none = [0, 0, 0];
        assert!(are_certificates(&none), "we ask, and it has none");
    }

    #[test]
    fn records_are_numbered_anew() {
        let mut inbound = Inbound::new(OF_CLIENT);
        let mut numbers = Vec::new();
        for (kind, sequence, body) in [(1, 0, &b"h"[..]), (11, 1, &[0, 0, 0])] {
            let datagram = fragment([9; 6], kind, body.len(), sequence, 0, body);
            let admitted = inbound.admit(records(&datagram));
            assert!(admitted.progress && !admitted.repeats);
            numbers.extend(records(&admitted.records).map(|record| record.bytes[10]));
            assert!(inbound.admit(records(&datagram)).repeats);
        }
        assert_eq!(numbers, [0, 1]);
    }
}
