//! The answering side of ICE for a host with a public or local address (ICE lite, RFC 8445
//! section 2.5), which every browser connects to.
//!
//! Nothing is believed and nothing is answered before MESSAGE-INTEGRITY is verified, so a forged
//! check changes nothing and cannot be used to reflect traffic. Every authentic check is answered
//! at once: DTLS may flow from the first one, before any nomination.

use std::net::SocketAddr;
use std::time::Instant;

use rtc::crypto::RTCCryptoProvider;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::stun::attributes::{
    ATTR_FINGERPRINT, ATTR_ICE_CONTROLLED, ATTR_MESSAGE_INTEGRITY, ATTR_PRIORITY,
    ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType,
};
use rtc::stun::error_code::{CODE_ROLE_CONFLICT, CODE_UNKNOWN_ATTRIBUTE};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, MESSAGE_HEADER_SIZE, Message, MessageType,
    Setter,
};
use rtc::stun::uattrs::UnknownAttributes;
use rtc::stun::xoraddr::XorMappedAddress;

/// Addresses remembered at most: a browser checks from a handful (interfaces, IPv4 and IPv6,
/// NAT rebinding); the least recently checked is forgotten.
const MAX_ADDRESSES: usize = 8;

/// Longest check in bytes. STUN over UDP stays below the path MTU (RFC 8489 section 6.1);
/// browsers send about 120 bytes.
const MAX_CHECK: usize = 1280;

/// Attributes of a check that this agent understands (RFC 8489 section 14: types below 0x8000
/// must be understood).
const UNDERSTOOD: [AttrType; 4] = [
    ATTR_USERNAME,
    ATTR_MESSAGE_INTEGRITY,
    ATTR_PRIORITY,
    ATTR_USE_CANDIDATE,
];

static CRYPTO: AwsLcRsProvider = AwsLcRsProvider::new();

/// ufrag and password of one side (RFC 8839 section 5.4).
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// User name fragment.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
}

/// What became of a STUN datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StunOutcome {
    /// Not an authentic check for this agent. Nothing changed; nothing is sent.
    Dropped,
    /// An authentic check; the response is to be sent to where it came from.
    Answered,
}

/// The ufrag that a Binding request is addressed to: the part before `:` of its USERNAME.
///
/// Reads no further than USERNAME and allocates nothing, so that a demultiplexer can route by it;
/// `None` if the datagram is no well-formed Binding request up to there. Nothing is authenticated.
pub fn local_ufrag(datagram: &[u8]) -> Option<&str> {
    const BINDING_REQUEST_AND_COOKIE: ([u8; 2], [u8; 4]) = ([0x00, 0x01], [0x21, 0x12, 0xA4, 0x42]);
    let (kind, rest) = datagram.split_first_chunk::<2>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (cookie, rest) = rest.split_first_chunk::<4>()?;
    let (_transaction, rest) = rest.split_first_chunk::<12>()?;
    if (*kind, *cookie) != BINDING_REQUEST_AND_COOKIE {
        return None;
    }
    let mut attributes = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    loop {
        let (kind, rest) = attributes.split_first_chunk::<2>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let value = rest.get(..length)?;
        let kind = u16::from_be_bytes(*kind);
        if kind == ATTR_USERNAME.value() {
            return std::str::from_utf8(value)
                .ok()?
                .split_once(':')
                .map(|(local, _)| local);
        }
        if kind == ATTR_MESSAGE_INTEGRITY.value() {
            return None;
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
}

struct Checked {
    address: SocketAddr,
    last: Instant,
}

/// The credentials of both sides: what makes an ICE session.
struct Pair {
    local: IceCredentials,
    remote: IceCredentials,
    /// USERNAME of every check of this ICE session (RFC 8445 section 7.2.2).
    username: String,
}

impl Pair {
    fn new(local: IceCredentials, remote: IceCredentials) -> Self {
        Pair {
            username: format!("{}:{}", local.ufrag, remote.ufrag),
            local,
            remote,
        }
    }

    /// Verifies a request (RFC 8489 section 9.1.3). Returns how many of its attributes, from the
    /// first, MESSAGE-INTEGRITY vouches for: anyone can append others.
    fn authenticate(&self, request: &mut Message, datagram_len: usize) -> Option<usize> {
        let attributes = &request.attributes.0;
        if request.typ != BINDING_REQUEST
            || request.length as usize + MESSAGE_HEADER_SIZE != datagram_len
        {
            return None;
        }
        let position = |kind| {
            attributes
                .iter()
                .position(|attribute| attribute.typ == kind)
        };
        let integrity = position(ATTR_MESSAGE_INTEGRITY)?;
        let username = position(ATTR_USERNAME).filter(|&position| position < integrity)?;
        if attributes.get(username)?.value != self.username.as_bytes() {
            return None;
        }
        if let Some(fingerprint) = position(ATTR_FINGERPRINT) {
            let last = fingerprint + 1 == attributes.len();
            if !last || FINGERPRINT.check(request).is_err() {
                return None;
            }
        }
        MessageIntegrity::check(request, self.local.pwd.as_bytes(), CRYPTO.crypto()).ok()?;
        Some(integrity)
    }

    fn respond(
        &self,
        request: &Message,
        kind: MessageType,
        attributes: &[&dyn Setter],
    ) -> Option<Message> {
        let mut response = Message::new();
        response.typ = kind;
        response.transaction_id = request.transaction_id;
        response.write_header();
        for attribute in attributes {
            attribute.add_to(&mut response).ok()?;
        }
        MessageIntegrity::new_raw_integrity_with_provider(
            self.local.pwd.as_bytes(),
            CRYPTO.crypto(),
        )
        .add_to(&mut response)
        .ok()?;
        FINGERPRINT.add_to(&mut response).ok()?;
        Some(response)
    }
}

/// The ICE agent of one session.
pub struct IceAgent {
    current: Pair,
    /// Those of a restart that the viewer has yet to nominate with.
    next: Option<Pair>,
    checked: Vec<Checked>,
    selected: Option<SocketAddr>,
}

impl IceAgent {
    /// An agent that waits for checks.
    pub fn new(local: IceCredentials, remote: IceCredentials) -> Self {
        IceAgent {
            current: Pair::new(local, remote),
            next: None,
            checked: Vec::with_capacity(MAX_ADDRESSES),
            selected: None,
        }
    }

    /// Restarts ICE (RFC 8445 section 9). The old credentials, and where media goes, stay valid
    /// until the viewer nominates with the new ones; another restart before that replaces this.
    pub fn restart(&mut self, local: IceCredentials, remote: IceCredentials) {
        self.next = Some(Pair::new(local, remote));
    }

    fn latest(&self) -> &Pair {
        self.next.as_ref().unwrap_or(&self.current)
    }

    /// Our credentials in the latest ICE session.
    pub fn local(&self) -> &IceCredentials {
        &self.latest().local
    }

    /// The viewer's credentials in the latest ICE session.
    pub fn remote(&self) -> &IceCredentials {
        &self.latest().remote
    }

    /// Handles a STUN datagram. `response` is cleared, and filled if the outcome is `Answered`.
    pub fn handle(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
        response: &mut Vec<u8>,
    ) -> StunOutcome {
        response.clear();
        match self.check(now, from, datagram) {
            Some(message) => {
                response.extend_from_slice(&message.raw);
                StunOutcome::Answered
            }
            None => StunOutcome::Dropped,
        }
    }

    /// Whether an authentic check came from this address, so that its other datagrams count.
    pub fn knows(&self, address: SocketAddr) -> bool {
        self.addresses().any(|known| known == address)
    }

    /// Addresses that authentic checks came from, at most a few.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.checked.iter().map(|checked| checked.address)
    }

    /// Where to send: the last nominated address, or before any nomination the first
    /// authenticated one.
    pub fn selected(&self) -> Option<SocketAddr> {
        self.selected
    }

    /// Takes a check; the response, unless it is to be dropped.
    fn check(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Option<Message> {
        if datagram.len() > MAX_CHECK {
            return None;
        }
        let ufrag = local_ufrag(datagram)?;
        let pair = [Some(&self.current), self.next.as_ref()]
            .into_iter()
            .flatten()
            .find(|pair| pair.local.ufrag == ufrag)?;
        let restarts = !std::ptr::eq(pair, &self.current);
        let mut request = Message::new();
        request.unmarshal_binary(datagram).ok()?;
        let authentic = pair.authenticate(&mut request, datagram.len())?;
        let authentic = request.attributes.0.get(..authentic)?;
        let has = |kind| authentic.iter().any(|attribute| attribute.typ == kind);

        let unknown: Vec<AttrType> = authentic
            .iter()
            .map(|attribute| attribute.typ)
            .filter(|kind| kind.required() && !UNDERSTOOD.contains(kind))
            .collect();
        if !unknown.is_empty() {
            let error = [
                &CODE_UNKNOWN_ATTRIBUTE as &dyn Setter,
                &UnknownAttributes(unknown),
            ];
            return pair.respond(&request, BINDING_ERROR, &error);
        }
        // A lite agent is always the controlled one (RFC 8445 section 6.1.1).
        if has(ATTR_ICE_CONTROLLED) {
            return pair.respond(&request, BINDING_ERROR, &[&CODE_ROLE_CONFLICT]);
        }
        let mapped = XorMappedAddress {
            ip: from.ip().to_canonical(),
            port: from.port(),
        };
        let response = pair.respond(&request, BINDING_SUCCESS, &[&mapped])?;
        let nominates = has(ATTR_USE_CANDIDATE);
        if restarts
            && nominates
            && let Some(next) = self.next.take()
        {
            self.current = next;
        }
        self.remember(now, from, nominates);
        Some(response)
    }

    fn remember(&mut self, now: Instant, from: SocketAddr, nominate: bool) {
        // Ordinary checks of an address nominated earlier must not undo a later nomination.
        if nominate || self.selected.is_none() {
            self.selected = Some(from);
        }
        if let Some(known) = self.checked.iter_mut().find(|known| known.address == from) {
            known.last = now;
            return;
        }
        if self.checked.len() == MAX_ADDRESSES {
            let selected = self.selected;
            let oldest = self
                .checked
                .iter()
                .enumerate()
                .filter(|(_, known)| Some(known.address) != selected)
                .min_by_key(|(_, known)| known.last);
            if let Some((oldest, _)) = oldest {
                self.checked.swap_remove(oldest);
            }
        }
        self.checked.push(Checked {
            address: from,
            last: now,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rtc::stun::attributes::{
        ATTR_ICE_CONTROLLING, ATTR_REALM, ATTR_UNKNOWN_ATTRIBUTES, ATTR_XORMAPPED_ADDRESS,
    };
    use rtc::stun::error_code::ErrorCodeAttribute;
    use rtc::stun::message::{Getter, TransactionId};

    use super::*;

    const PWD: &str = "local-password-of-22ch";

    fn credentials(ufrag: &str, pwd: &str) -> IceCredentials {
        IceCredentials {
            ufrag: ufrag.into(),
            pwd: pwd.into(),
        }
    }

    fn agent() -> IceAgent {
        IceAgent::new(
            credentials("ours", PWD),
            credentials("peer", "remote-password"),
        )
    }

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 5000))
    }

    /// A check as browsers send it: `middle` between USERNAME and MESSAGE-INTEGRITY.
    struct Check<'a> {
        kind: MessageType,
        username: &'a str,
        pwd: &'a str,
        middle: Vec<(AttrType, Vec<u8>)>,
        after_integrity: Vec<(AttrType, Vec<u8>)>,
        fingerprint: bool,
    }

    impl Default for Check<'_> {
        fn default() -> Self {
            Check {
                kind: BINDING_REQUEST,
                username: "ours:peer",
                pwd: PWD,
                middle: vec![
                    (AttrType(0xC057), vec![0, 1, 0, 10]),
                    (ATTR_ICE_CONTROLLING, vec![7; 8]),
                    (ATTR_PRIORITY, vec![0x6E, 0, 1, 0xFF]),
                ],
                after_integrity: vec![],
                fingerprint: true,
            }
        }
    }

    impl Check<'_> {
        fn nominating() -> Self {
            let mut check = Check::default();
            check.middle.push((ATTR_USE_CANDIDATE, vec![]));
            check
        }

        fn bytes(&self) -> Vec<u8> {
            let mut message = Message::new();
            message.typ = self.kind;
            message.transaction_id = TransactionId([9; 12]);
            message.write_header();
            message.add(ATTR_USERNAME, self.username.as_bytes());
            for (kind, value) in &self.middle {
                message.add(*kind, value);
            }
            MessageIntegrity::new_raw_integrity_with_provider(self.pwd, CRYPTO.crypto())
                .add_to(&mut message)
                .unwrap();
            for (kind, value) in &self.after_integrity {
                message.add(*kind, value);
            }
            if self.fingerprint {
                FINGERPRINT.add_to(&mut message).unwrap();
            }
            message.raw
        }
    }

    fn handle(
        agent: &mut IceAgent,
        now: Instant,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Option<Message> {
        let mut response = vec![1, 2, 3];
        match agent.handle(now, from, bytes, &mut response) {
            StunOutcome::Dropped => {
                assert!(response.is_empty());
                None
            }
            StunOutcome::Answered => {
                let mut message = Message::new();
                message.unmarshal_binary(&response).unwrap();
                FINGERPRINT.check(&message).unwrap();
                MessageIntegrity::check(&mut message, PWD.as_bytes(), CRYPTO.crypto()).unwrap();
                assert_eq!(message.transaction_id, TransactionId([9; 12]));
                Some(message)
            }
        }
    }

    fn error_code(message: &Message) -> u16 {
        assert_eq!(message.typ, BINDING_ERROR);
        let mut error = ErrorCodeAttribute::default();
        error.get_from(message).unwrap();
        error.code.0
    }

    #[test]
    fn first_check_is_answered_and_selects_its_address() {
        let mut agent = agent();
        let now = Instant::now();
        let response = handle(&mut agent, now, address(1), &Check::default().bytes()).unwrap();
        assert_eq!(response.typ, BINDING_SUCCESS);
        let mut mapped = XorMappedAddress::default();
        mapped.get_from(&response).unwrap();
        assert_eq!(SocketAddr::new(mapped.ip, mapped.port), address(1));
        assert_eq!(agent.selected(), Some(address(1)));
        assert!(agent.knows(address(1)) && !agent.knows(address(2)));
    }

    #[test]
    fn mapped_ipv6_addresses_are_reported_as_ipv4() {
        let from: SocketAddr = "[::ffff:192.0.2.7]:4000".parse().unwrap();
        let mut agent = agent();
        let response = handle(&mut agent, Instant::now(), from, &Check::default().bytes()).unwrap();
        let mut mapped = XorMappedAddress::default();
        mapped.get_from(&response).unwrap();
        assert_eq!(mapped.ip.to_string(), "192.0.2.7");
        assert!(agent.knows(from));

        let from: SocketAddr = "[2001:db8::7]:4000".parse().unwrap();
        let response = handle(&mut agent, Instant::now(), from, &Check::default().bytes()).unwrap();
        mapped.get_from(&response).unwrap();
        assert_eq!(mapped.ip.to_string(), "2001:db8::7");
    }

    #[test]
    fn what_is_not_authentic_is_dropped_and_changes_nothing() {
        let mut forged_tag = Check::default().bytes();
        let tag = forged_tag.len() - 10;
        forged_tag[tag] ^= 1;
        let mut trailing = Check::default().bytes();
        trailing.extend_from_slice(&[0; 4]);
        let mut wrong_fingerprint = Check::default().bytes();
        *wrong_fingerprint.last_mut().unwrap() ^= 1;
        let mut unsigned = Message::new();
        unsigned.typ = BINDING_REQUEST;
        unsigned.write_header();
        unsigned.add(ATTR_USERNAME, b"ours:peer");
        let check = Check::default;
        let cases = [
            (
                "wrong password",
                Check {
                    pwd: "wrong",
                    ..check()
                }
                .bytes(),
            ),
            (
                "wrong remote ufrag",
                Check {
                    username: "ours:eve",
                    ..check()
                }
                .bytes(),
            ),
            (
                "wrong local ufrag",
                Check {
                    username: "eve:peer",
                    ..check()
                }
                .bytes(),
            ),
            (
                "longer username",
                Check {
                    username: "ours:peer:x",
                    ..check()
                }
                .bytes(),
            ),
            (
                "success response",
                Check {
                    kind: BINDING_SUCCESS,
                    ..check()
                }
                .bytes(),
            ),
            (
                "error response",
                Check {
                    kind: BINDING_ERROR,
                    ..check()
                }
                .bytes(),
            ),
            ("forged integrity", forged_tag),
            ("wrong fingerprint", wrong_fingerprint),
            ("bytes after the message", trailing),
            ("no integrity", unsigned.raw),
            (
                "fingerprint not last",
                Check {
                    after_integrity: vec![
                        (ATTR_FINGERPRINT, vec![0; 4]),
                        (AttrType(0xBEEF), vec![]),
                    ],
                    fingerprint: false,
                    ..check()
                }
                .bytes(),
            ),
            (
                "unknown attribute, wrong password: not even a 420",
                Check {
                    pwd: "wrong",
                    middle: vec![(AttrType(0x7000), vec![])],
                    ..check()
                }
                .bytes(),
            ),
            (
                "too long",
                Check {
                    middle: vec![(AttrType(0xC057), vec![0; 1300])],
                    ..check()
                }
                .bytes(),
            ),
            ("empty", vec![]),
        ];
        let mut agent = agent();
        for (name, bytes) in cases {
            assert!(
                handle(&mut agent, Instant::now(), address(1), &bytes).is_none(),
                "{name}"
            );
        }
        assert_eq!(agent.selected(), None);
        assert_eq!(agent.addresses().count(), 0);
    }

    #[test]
    fn fingerprint_may_be_absent() {
        let check = Check {
            fingerprint: false,
            ..Check::default()
        };
        assert!(handle(&mut agent(), Instant::now(), address(1), &check.bytes()).is_some());
    }

    #[test]
    fn unknown_required_attributes_are_refused_after_authentication() {
        let mut agent = agent();
        let mut check = Check::nominating();
        check.middle.push((AttrType(0x7123), vec![1, 2, 3]));
        check.middle.push((ATTR_REALM, b"realm".to_vec()));
        check.middle.push((AttrType(0xBEEF), vec![]));
        let response = handle(&mut agent, Instant::now(), address(1), &check.bytes()).unwrap();
        assert_eq!(error_code(&response), 420);
        assert_eq!(
            response.get(ATTR_UNKNOWN_ATTRIBUTES).unwrap(),
            [0x71, 0x23, 0x00, 0x14]
        );
        assert_eq!(agent.selected(), None);
    }

    #[test]
    fn a_controlled_peer_is_told_of_the_role_conflict() {
        let mut agent = agent();
        let check = Check {
            middle: vec![(ATTR_ICE_CONTROLLED, vec![0; 8])],
            ..Check::default()
        };
        let response = handle(&mut agent, Instant::now(), address(1), &check.bytes()).unwrap();
        assert_eq!(error_code(&response), 487);
        assert!(response.get(ATTR_XORMAPPED_ADDRESS).is_err());
        assert_eq!(agent.selected(), None);
    }

    #[test]
    fn attributes_behind_the_integrity_do_not_count() {
        let mut agent = agent();
        let now = Instant::now();
        handle(&mut agent, now, address(1), &Check::nominating().bytes()).unwrap();
        let appended = Check {
            after_integrity: vec![
                (ATTR_USE_CANDIDATE, vec![]),
                (ATTR_ICE_CONTROLLED, vec![0; 8]),
                (AttrType(0x7123), vec![]),
            ],
            ..Check::default()
        };
        let response = handle(&mut agent, now, address(2), &appended.bytes()).unwrap();
        assert_eq!(response.typ, BINDING_SUCCESS);
        assert_eq!(agent.selected(), Some(address(1)));
    }

    #[test]
    fn the_latest_nomination_wins_and_keepalives_do_not() {
        let mut agent = agent();
        let now = Instant::now();
        handle(&mut agent, now, address(1), &Check::default().bytes()).unwrap();
        handle(&mut agent, now, address(2), &Check::default().bytes()).unwrap();
        assert_eq!(
            agent.selected(),
            Some(address(1)),
            "the first, before any nomination"
        );
        handle(&mut agent, now, address(2), &Check::nominating().bytes()).unwrap();
        assert_eq!(agent.selected(), Some(address(2)));
        handle(&mut agent, now, address(1), &Check::default().bytes()).unwrap();
        assert_eq!(
            agent.selected(),
            Some(address(2)),
            "a keepalive of the old address"
        );
        handle(&mut agent, now, address(3), &Check::nominating().bytes()).unwrap();
        assert_eq!(
            agent.selected(),
            Some(address(3)),
            "the phone left the Wi-Fi"
        );
    }

    #[test]
    fn addresses_are_bounded_and_the_selected_one_is_kept() {
        let mut agent = agent();
        let start = Instant::now();
        handle(&mut agent, start, address(1), &Check::nominating().bytes()).unwrap();
        for i in 2..=20 {
            let now = start + Duration::from_secs(u64::from(i));
            handle(&mut agent, now, address(i), &Check::default().bytes()).unwrap();
        }
        assert_eq!(agent.addresses().count(), MAX_ADDRESSES);
        assert_eq!(agent.checked.capacity(), MAX_ADDRESSES);
        assert!(agent.knows(address(1)), "selected");
        assert!(
            agent.knows(address(14)) && agent.knows(address(20)),
            "the latest"
        );
        assert!(!agent.knows(address(13)), "the oldest go");
    }

    #[test]
    fn local_ufrag_is_read_without_trust() {
        let bytes = Check::default().bytes();
        assert_eq!(local_ufrag(&bytes), Some("ours"));
        let hidden = Check {
            username: "no colon",
            ..Check::default()
        };
        assert_eq!(local_ufrag(&hidden.bytes()), None);
        let response = Check {
            kind: BINDING_SUCCESS,
            ..Check::default()
        };
        assert_eq!(local_ufrag(&response.bytes()), None);
        let mut wrong_cookie = bytes.clone();
        wrong_cookie[4] ^= 1;
        assert_eq!(local_ufrag(&wrong_cookie), None);
        for length in 0..bytes.len() {
            assert_eq!(local_ufrag(&bytes[..length]), None, "{length} bytes");
        }
    }

    /// Mutated checks never panic, and none is answered with an authentic byte changed.
    #[test]
    fn mutated_checks_neither_panic_nor_pass() {
        let mut agent = agent();
        let valid = Check::nominating().bytes();
        let end = valid.len() - 8;
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = |bound: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % bound as u64) as usize
        };
        for _ in 0..20_000 {
            let mut bytes = valid.clone();
            for _ in 0..=next(3) {
                let at = next(bytes.len());
                match next(5) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, next(256) as u8),
                    2 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFF][next(5)],
                    3 => bytes[at] ^= 1 << next(8),
                    _ => {
                        let copy = bytes[at..].to_vec();
                        bytes.extend_from_slice(&copy);
                    }
                }
                if bytes.len() < 20 {
                    break;
                }
                // A length that fits lets the message get further.
                if next(2) == 0 {
                    let length = (bytes.len() - 20) as u16;
                    bytes[2..4].copy_from_slice(&length.to_be_bytes());
                }
            }
            let mut response = Vec::new();
            if agent.handle(Instant::now(), address(1), &bytes, &mut response)
                == StunOutcome::Answered
            {
                // All up to the end of the integrity is untouched, but for the length.
                assert_eq!(bytes[..2], valid[..2]);
                assert_eq!(bytes[4..end], valid[4..end]);
            }
        }
    }

    #[test]
    fn a_restart_takes_over_when_the_viewer_nominates_with_it() {
        let mut agent = agent();
        let now = Instant::now();
        let old = Check::nominating();
        assert!(handle(&mut agent, now, address(1), &old.bytes()).is_some());
        let (local, remote) = (credentials("ours2", PWD), credentials("peer2", "new"));
        agent.restart(local, remote);
        assert_eq!(
            (&*agent.local().ufrag, &*agent.remote().ufrag),
            ("ours2", "peer2")
        );

        // Neither half of a pair goes with the other.
        for username in ["ours2:peer", "ours:peer2"] {
            let mixed = Check {
                username,
                ..Check::nominating()
            };
            assert!(handle(&mut agent, now, address(9), &mixed.bytes()).is_none());
        }
        // A check that does not nominate is answered, and changes nothing.
        let new = |check: Check<'static>| Check {
            username: "ours2:peer2",
            ..check
        };
        assert!(handle(&mut agent, now, address(2), &new(Check::default()).bytes()).is_some());
        assert_eq!(agent.selected(), Some(address(1)));
        assert!(handle(&mut agent, now, address(1), &old.bytes()).is_some());
        // A nomination does: the old credentials are dead.
        assert!(
            handle(
                &mut agent,
                now,
                address(2),
                &new(Check::nominating()).bytes()
            )
            .is_some()
        );
        assert_eq!(agent.selected(), Some(address(2)));
        assert!(handle(&mut agent, now, address(1), &old.bytes()).is_none());
        assert_eq!(agent.selected(), Some(address(2)));
    }

    #[test]
    fn a_second_restart_replaces_the_first() {
        let mut agent = agent();
        let now = Instant::now();
        for round in ["2", "3"] {
            let ufrag = |name: &str| format!("{name}{round}");
            agent.restart(
                credentials(&ufrag("ours"), PWD),
                credentials(&ufrag("peer"), "new"),
            );
        }
        for (username, answered) in [
            ("ours2:peer2", false),
            ("ours:peer", true),
            ("ours3:peer3", true),
        ] {
            let check = Check {
                username,
                ..Check::nominating()
            };
            let response = handle(&mut agent, now, address(1), &check.bytes());
            assert_eq!(response.is_some(), answered, "{username}");
        }
    }
}
