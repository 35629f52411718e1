//! The client role, against our own server role.

use super::*;
use crate::state::SrtpProfile;

/// Both roles, no network between them, and a clock of their own.
struct Both {
    now: Instant,
    sides: [Dtls; 2],
    /// Datagrams that each has sent.
    sent: [usize; 2],
    events: [Vec<DtlsEvent>; 2],
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

fn fingerprint(certificate: &Certificate) -> Fingerprint {
    let pairs = certificate.fingerprint().split(':');
    Fingerprint {
        algorithm: "sha-256".into(),
        hash: pairs
            .map(|hex| u8::from_str_radix(hex, 16).unwrap())
            .collect(),
    }
}

/// `told`: what each is told of the other's certificate is true.
fn both(policies: [SrtpPolicy; 2], told: [bool; 2]) -> Both {
    let now = Instant::now();
    let own = [(); 2].map(|()| Arc::new(Certificate::generate().unwrap()));
    let stranger = Certificate::generate().unwrap();
    let config = |side: usize| DtlsConfig {
        certificate: Arc::clone(&own[side]),
        fingerprints: vec![match told[side] {
            true => fingerprint(&own[1 - side]),
            false => fingerprint(&stranger),
        }],
        policy: policies[side],
        peer: "the peer",
    };
    Both {
        now,
        sides: [
            Dtls::client(now, config(CLIENT)),
            Dtls::server(now, config(SERVER)),
        ],
        sent: [0; 2],
        events: Default::default(),
    }
}

impl Both {
    /// Goes on for this time; `lost` gets the sender of a datagram and its number among those of that side.
    fn run(&mut self, time: Duration, lost: impl Fn(usize, usize) -> bool) {
        let end = self.now + time;
        loop {
            let next = |sides: &mut [Dtls; 2]| {
                let mut sides = sides.iter_mut().enumerate();
                sides.find_map(|(side, dtls)| Some((side, dtls.poll_transmit()?)))
            };
            while let Some((side, datagram)) = next(&mut self.sides) {
                self.sent[side] += 1;
                if !lost(side, self.sent[side] - 1) {
                    self.sides[1 - side].handle(self.now, &datagram);
                }
            }
            for side in [CLIENT, SERVER] {
                while let Some(event) = self.sides[side].poll_event() {
                    self.events[side].push(event);
                }
            }
            if self.now >= end {
                return;
            }
            self.now += Duration::from_millis(5);
            for side in &mut self.sides {
                if side.next_deadline().is_some_and(|due| due <= self.now) {
                    side.handle_timeout(self.now);
                }
            }
        }
    }

    fn keys(&self, side: usize) -> Option<&KeyingMaterial> {
        self.events[side].iter().find_map(|event| match event {
            DtlsEvent::Connected(keys) => Some(keys),
            _ => None,
        })
    }

    fn failed(&self, side: usize) -> Option<&Error> {
        self.events[side].iter().find_map(|event| match event {
            DtlsEvent::Failed(error) => Some(error),
            _ => None,
        })
    }

    fn assert_connected(&self, profile: SrtpProfile) {
        let failed = (self.failed(CLIENT), self.failed(SERVER));
        let keys = self.keys(CLIENT).zip(self.keys(SERVER));
        let (client, server) = keys.unwrap_or_else(|| panic!("{failed:?}"));
        assert_eq!((client.profile, server.profile), (profile, profile));
        assert!(client.local.key == server.remote.key && client.local.salt == server.remote.salt);
        assert!(client.remote.key == server.local.key && client.remote.salt == server.local.salt);
        assert!(client.local.key != client.remote.key);
    }
}

#[test]
fn both_roles_have_the_same_keys() {
    use SrtpPolicy::{Any, GcmOnly, PreferGcm};
    for policies in [[PreferGcm, PreferGcm], [GcmOnly, Any], [Any, GcmOnly]] {
        let mut both = both(policies, [true; 2]);
        both.run(Duration::ZERO, |_, _| false);
        both.assert_connected(SrtpProfile::AeadAes128Gcm);
    }
}

#[test]
fn each_lost_datagram_is_made_up_for() {
    let mut longest = Duration::ZERO;
    for side in [CLIENT, SERVER] {
        for number in 0..8 {
            let mut both = both([SrtpPolicy::PreferGcm; 2], [true; 2]);
            let begun = both.now;
            while both.keys(CLIENT).is_none() || both.keys(SERVER).is_none() {
                both.run(Duration::from_millis(50), |from, n| {
                    (from, n) == (side, number)
                });
                assert!(both.now < begun + HANDSHAKE_TIMEOUT, "{side} {number}");
            }
            longest = longest.max(both.now - begun);
            both.assert_connected(SrtpProfile::AeadAes128Gcm);
        }
    }
    assert!(longest < 2 * REPEAT, "{longest:?}");
}

#[test]
fn another_certificate_is_refused() {
    let mut both = both([SrtpPolicy::PreferGcm; 2], [false, true]);
    both.run(Duration::from_secs(11), |_, _| false);
    let error = both.failed(CLIENT).unwrap();
    assert_eq!(error.status(), Status::Dtls);
    assert!(
        error.message().contains("not the one whose fingerprint"),
        "{error}"
    );
    assert!(both.keys(CLIENT).is_none());
}

#[test]
fn a_server_that_is_silent_is_given_up_at_the_deadline() {
    let mut both = both([SrtpPolicy::PreferGcm; 2], [true; 2]);
    both.run(HANDSHAKE_TIMEOUT - Duration::from_millis(5), |from, _| {
        from == SERVER
    });
    assert!(both.failed(CLIENT).is_none());
    both.run(Duration::from_millis(5), |from, _| from == SERVER);
    let error = both.failed(CLIENT).unwrap();
    assert!(
        error.message().contains("did not finish within 10 s"),
        "{error}"
    );
    assert!(both.sent[CLIENT] <= 14, "{}", both.sent[CLIENT]);
}

#[test]
fn a_server_that_listens_late_is_greeted_until_then() {
    let mut both = both([SrtpPolicy::PreferGcm; 2], [true; 2]);
    // The deadline of the server, too, counts from the beginning.
    both.run(HANDSHAKE_TIMEOUT - 2 * REPEAT, |from, _| from == CLIENT);
    both.run(REPEAT, |_, _| false);
    both.assert_connected(SrtpProfile::AeadAes128Gcm);
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let mut both = both([SrtpPolicy::PreferGcm; 2], [true; 2]);
    // Its first flight has come; the keys never do.
    both.run(HANDSHAKE_TIMEOUT, |from, n| from == SERVER && n > 0);
    let error = both.failed(CLIENT).unwrap();
    assert!(
        error.message().contains("did not finish within 10 s"),
        "{error}"
    );
}

#[test]
fn no_record_of_a_client_looks_like_one_before() {
    // A server that has heard the first hellos drops others with their numbers as replays (RFC 6347 section 4.1.2.6).
    let mut both = both([SrtpPolicy::PreferGcm; 2], [true; 2]);
    let client = &mut both.sides[CLIENT];
    let mut numbers = Vec::new();
    while both.now < client.deadline {
        while let Some(datagram) = client.poll_transmit() {
            numbers.extend(records(&datagram).map(|record| record.bytes[3..11].to_vec()));
        }
        both.now += REPEAT;
        client.handle_timeout(both.now);
    }
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert!(numbers.len() > 10, "{}", numbers.len());
}

#[test]
fn after_the_handshake_either_side_may_close() {
    for side in [CLIENT, SERVER] {
        let mut both = both([SrtpPolicy::PreferGcm; 2], [true; 2]);
        both.run(Duration::ZERO, |_, _| false);
        let now = both.now;
        both.sides[side].close(now);
        both.run(Duration::ZERO, |_, _| false);
        assert!(matches!(
            both.events[1 - side].last(),
            Some(DtlsEvent::Closed)
        ));
    }
}
