//! What checks and their answers carry of DTLS (SPED, draft-hancke-webrtc-sped): see
//! [`embedding`](crate::session::embedding) for what is done with it.

use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::{AttrType, RawAttribute};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{Message, Setter};

use crate::crypto::PROVIDER;

/// META-DTLS-IN-STUN: a datagram of DTLS, or nothing.
const DTLS_IN_STUN: AttrType = AttrType(0xC070);
/// META-DTLS-IN-STUN-ACKNOWLEDGEMENT: the checksums of datagrams that have come.
const ACKNOWLEDGEMENT: AttrType = AttrType(0xC071);

/// Longest message of ours with a datagram in it, in bytes: what passes wherever IPv6 does (1,280), with its headers and
/// with a Send or Data indication of a relay around it. libwebrtc takes up to 1,200.
const MAX_MESSAGE: usize = 1180;
/// What is behind everything else in a message: its integrity and its fingerprint.
const SEAL: usize = 24 + 8;
const ATTRIBUTE_HEADER: usize = 4;

/// What an authentic message of the other side carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// A datagram of DTLS. Empty: there is none at the moment.
    pub datagram: Option<Vec<u8>>,
    /// The checksums of datagrams of ours that have arrived there.
    pub arrived: Option<Vec<u32>>,
}

impl Carried {
    /// By the attributes that the integrity covers. The first of a kind counts (RFC 8489 section 14).
    pub(super) fn of(attributes: &[RawAttribute]) -> Carried {
        let value = |kind| {
            let attribute = attributes.iter().find(|attribute| attribute.typ == kind)?;
            Some(attribute.value.as_slice())
        };
        let arrived = value(ACKNOWLEDGEMENT).map(|value| {
            let (checksums, _) = value.as_chunks::<4>();
            checksums.iter().map(|&it| u32::from_be_bytes(it)).collect()
        });
        Carried {
            datagram: value(DTLS_IN_STUN).map(<[u8]>::to_vec),
            arrived,
        }
    }

    /// Whether there is nothing of DTLS in the message.
    pub fn is_nothing(&self) -> bool {
        *self == Carried::default()
    }
}

/// A message of ours that lacks nothing but its integrity, so that something may be added.
#[derive(Clone)]
pub struct Unsealed {
    message: Message,
    integrity: MessageIntegrity<'static>,
}

impl Unsealed {
    pub(super) fn new(message: Message, pwd: &str) -> Unsealed {
        let key = pwd.as_bytes();
        Unsealed {
            message,
            integrity: MessageIntegrity::new_raw_integrity_with_provider(key, PROVIDER.crypto()),
        }
    }

    /// Adds the checksums of what has come.
    pub fn acknowledge(&mut self, checksums: &[u32]) {
        let value: Vec<u8> = checksums.iter().flat_map(|it| it.to_be_bytes()).collect();
        self.message.add(ACKNOWLEDGEMENT, &value);
    }

    /// Adds a datagram of DTLS. False if there is no room for it.
    pub fn carry(&mut self, datagram: &[u8]) -> bool {
        let added = ATTRIBUTE_HEADER + datagram.len().next_multiple_of(4);
        let fits = self.message.raw.len() + added + SEAL <= MAX_MESSAGE;
        if fits {
            self.message.add(DTLS_IN_STUN, datagram);
        }
        fits
    }

    /// The message. Never fails: there is nothing in it that contradicts an integrity.
    pub fn seal(mut self) -> Option<Vec<u8>> {
        self.integrity.add_to(&mut self.message).ok()?;
        FINGERPRINT.add_to(&mut self.message).ok()?;
        Some(self.message.raw)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::testing::{Check, PWD, credentials, path};
    use super::super::{Handled, IceAgent, TransactionKey};
    use super::*;
    use crate::session::framing::Wrap;

    fn handled(check: &Check<'_>) -> Option<Handled> {
        let key = TransactionKey {
            place: [0; 4],
            secret: [1; 16],
        };
        let remote = credentials("peer", "remote-password");
        let mut agent = IceAgent::new(credentials("ours", PWD), remote, key);
        agent.handle(Instant::now(), path(1), &check.bytes())
    }

    fn carried(attributes: Vec<(AttrType, Vec<u8>)>) -> Option<Carried> {
        let mut check = Check::default();
        check.middle.extend(attributes);
        handled(&check)?.carried
    }

    #[test]
    fn attributes_are_read_as_far_as_they_are_authentic() {
        assert!(carried(vec![]).unwrap().is_nothing());
        let none = carried(vec![(DTLS_IN_STUN, vec![]), (ACKNOWLEDGEMENT, vec![])]).unwrap();
        assert!(!none.is_nothing());
        assert_eq!(none.datagram, Some(vec![]));
        assert_eq!(none.arrived, Some(vec![]));
        let both = carried(vec![
            (ACKNOWLEDGEMENT, vec![0, 0, 0, 1, 0xff, 0, 0, 2, 9, 9]),
            (DTLS_IN_STUN, vec![22, 1, 2]),
            (DTLS_IN_STUN, vec![22, 3]),
        ]);
        let both = both.unwrap();
        assert_eq!(both.datagram.as_deref(), Some(&[22, 1, 2][..]));
        assert_eq!(both.arrived, Some(vec![1, 0xff00_0002]));
        let behind = Check {
            after_integrity: vec![(DTLS_IN_STUN, vec![22]), (ACKNOWLEDGEMENT, vec![0; 4])],
            ..Check::default()
        };
        assert!(handled(&behind).unwrap().carried.unwrap().is_nothing());
        assert_eq!(carried(vec![(DTLS_IN_STUN, vec![22; 10_000])]), None);
        assert!(carried(vec![(DTLS_IN_STUN, vec![22; 1100])]).is_some());
    }

    #[test]
    fn a_check_that_is_refused_carries_nothing() {
        let check = vec![(DTLS_IN_STUN, vec![22]), (AttrType(0x7123), vec![])];
        assert_eq!(carried(check), None);
    }

    #[test]
    fn the_longest_message_passes_wherever_ipv6_does() {
        let relayed = Wrap::Send("[2001:db8::1]:5000".parse().unwrap()).most();
        let (ipv6, udp) = (40, 8);
        assert!(ipv6 + udp + relayed + MAX_MESSAGE <= 1280);
    }

    #[test]
    fn a_datagram_goes_along_if_it_fits() {
        let response = || handled(&Check::default()).unwrap().response;
        let sealed = |message: Unsealed| message.seal().unwrap().len();
        let bare = sealed(response());
        for (length, fits) in [
            (0, true),
            (1000, true),
            (MAX_MESSAGE - bare - 4, true),
            (1180, false),
        ] {
            let mut message = response();
            assert_eq!(message.carry(&vec![22; length]), fits, "{length}");
            let sealed = sealed(message);
            assert!(sealed <= MAX_MESSAGE, "{sealed}");
            assert_eq!(sealed > bare, fits);
        }
    }
}
