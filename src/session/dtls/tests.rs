use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;

use super::testing::*;
use super::*;
use crate::state::SrtpProfile;

fn config_of(
    certificate: Arc<Certificate>,
    fingerprint: Fingerprint,
    policy: SrtpPolicy,
) -> DtlsConfig {
    DtlsConfig {
        certificate,
        fingerprints: vec![fingerprint],
        policy,
        peer: "the viewer",
    }
}

fn pair_with(
    policy: SrtpPolicy,
    profiles: &[SrtpProtectionProfile],
    fingerprint: Option<Fingerprint>,
) -> Pair {
    let now = Instant::now();
    pair_of(now, Client::new(now, profiles, 0), policy, fingerprint)
}

/// One whose client sends a ClientHello that is longer by `padding`, in fragments of `size`.
fn pair_with_fragments(padding: usize, size: usize) -> Pair {
    let now = Instant::now();
    let mut client = Client::new(now, &CHROMIUM, padding);
    client.hello_fragment = Some(size);
    pair_of(now, client, SrtpPolicy::PreferGcm, None)
}

fn pair_of(
    now: Instant,
    mut client: Client,
    policy: SrtpPolicy,
    fingerprint: Option<Fingerprint>,
) -> Pair {
    client.start(now);
    let fingerprint = fingerprint.unwrap_or_else(|| client.fingerprint());
    let certificate = Arc::new(Certificate::generate().unwrap());
    Pair {
        now,
        started: now,
        server: Dtls::server(now, config_of(certificate, fingerprint, policy)),
        client,
        events: Vec::new(),
        sent: [0; 2],
    }
}

fn pair() -> Pair {
    pair_with(SrtpPolicy::PreferGcm, &CHROMIUM, None)
}

fn connected_pair() -> Pair {
    let mut pair = pair();
    pair.run(Duration::ZERO, |_, _| false);
    assert!(pair.connected().is_some() && pair.client.connected);
    pair.events.clear();
    pair
}

fn assert_connected(pair: &Pair, expected: SrtpProfile, what: &str) {
    let failed = pair.failed().map(ToString::to_string);
    assert!(
        pair.client.connected,
        "{what}: {failed:?} {:?}",
        pair.client.failed
    );
    assert_eq!(pair.events.len(), 1, "{what}");
    let ours = pair
        .connected()
        .unwrap_or_else(|| panic!("{what}: {failed:?}"));
    let theirs = pair.client.keys(expected);
    assert_eq!(ours.profile, expected, "{what}");
    assert!(ours.local.key == theirs.remote.key && ours.local.salt == theirs.remote.salt);
    assert!(ours.remote.key == theirs.local.key && ours.remote.salt == theirs.local.salt);
    assert!(ours.local.key != ours.remote.key);
    assert_eq!(ours.local.salt.len(), expected.salt_len());
}

#[test]
fn the_policy_chooses_the_profile() {
    use SrtpPolicy::{Any, GcmOnly, PreferGcm};
    let gcm = SrtpProfile::AeadAes128Gcm;
    let cm = SrtpProfile::Aes128CmSha1_80;
    let cases: [(_, &[_], _); 10] = [
        (PreferGcm, &CHROMIUM, Some(gcm)),
        (PreferGcm, &FIREFOX, Some(gcm)),
        (PreferGcm, &[CM80], Some(cm)),
        (PreferGcm, &[GCM256, CM80], Some(cm)),
        (PreferGcm, &[CM32], None),
        (GcmOnly, &CHROMIUM, Some(gcm)),
        (GcmOnly, &[CM80], None),
        (Any, &CHROMIUM, Some(cm)),
        (Any, &FIREFOX, Some(gcm)),
        (Any, &[CM32, GCM256], None),
    ];
    for (policy, offered, expected) in cases {
        let mut pair = pair_with(policy, offered, None);
        pair.run(Duration::from_millis(200), |_, _| false);
        let what = format!("{policy:?} {offered:?}");
        match expected {
            Some(expected) => {
                assert_connected(&pair, expected, &what);
                assert_eq!(
                    pair.now, pair.started,
                    "{what}: without a loss nothing waits"
                );
            }
            None => {
                assert_eq!(pair.events.len(), 1, "{what}");
                assert_eq!(
                    pair.failed().unwrap().status(),
                    Status::SrtpProfile,
                    "{what}"
                );
                assert!(
                    pair.client.failed.is_some(),
                    "{what}: the alert ends it at once"
                );
                assert!(!pair.client.connected);
            }
        }
    }
}

#[test]
fn no_common_profile_names_what_is_offered_and_allowed() {
    let sentence = |policy, profiles: &[_]| {
        let mut pair = pair_with(policy, profiles, None);
        pair.run(Duration::ZERO, |_, _| false);
        pair.failed().unwrap().message().to_owned()
    };
    let gcm_only = sentence(SrtpPolicy::GcmOnly, &[CM80, CM32]);
    assert!(gcm_only.contains("SRTP_AES128_CM_HMAC_SHA1_80, SRTP_AES128_CM_HMAC_SHA1_32"));
    assert!(gcm_only.contains("allows SRTP_AEAD_AES_128_GCM; srtp_policy=prefer_gcm"));
    let none = sentence(SrtpPolicy::PreferGcm, &[]);
    assert!(none.contains("offers no SRTP"), "{none}");
}

#[test]
fn any_lost_datagram_is_repaired() {
    let mut undisturbed = pair();
    undisturbed.run(Duration::ZERO, |_, _| false);
    let sent = undisturbed.sent;
    // ClientHello, and what ends with Finished; what begins with ServerHello, and our Finished.
    assert_eq!(sent, [2, 2]);
    for side in [BY_CLIENT, BY_SERVER] {
        for index in 0..sent[side] {
            let mut pair = pair();
            pair.run(Duration::from_secs(3), |by, i| (by, i) == (side, index));
            let what = format!("datagram {index} of side {side} lost");
            assert_connected(&pair, SrtpProfile::AeadAes128Gcm, &what);
            let took = pair.now - pair.started;
            assert!(took <= Duration::from_millis(120), "{what}: took {took:?}");
        }
    }
}

#[test]
fn a_lossy_network_still_connects() {
    for seed in 0..40_u64 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut pair = pair();
        pair.run(Duration::from_secs(3), |_, _| random.f64() < 0.3);
        let what = format!("30 % lost, seed {seed}");
        assert_connected(&pair, SrtpProfile::AeadAes128Gcm, &what);
    }
}

#[test]
fn a_certificate_other_than_the_offered_is_refused() {
    let other = Client::new(Instant::now(), &CHROMIUM, 0).fingerprint();
    let mut pair = pair_with(SrtpPolicy::PreferGcm, &CHROMIUM, Some(other));
    pair.run(Duration::from_millis(200), |_, _| false);
    assert!(pair.connected().is_none() && pair.events.len() == 1);
    let error = pair.failed().unwrap();
    assert_eq!(error.status(), Status::Dtls);
    assert!(
        error.message().contains("not the one whose fingerprint"),
        "{error}"
    );
    assert!(pair.client.failed.is_some(), "the peer gets an alert");
}

#[test]
fn without_a_usable_fingerprint_it_fails_at_once() {
    let weak = Fingerprint {
        algorithm: "sha-1".into(),
        hash: vec![0; 20],
    };
    let mut pair = pair_with(SrtpPolicy::PreferGcm, &CHROMIUM, Some(weak));
    pair.run(Duration::ZERO, |_, _| false);
    assert_eq!(pair.failed().unwrap().status(), Status::Dtls);
    assert_eq!(pair.sent[BY_SERVER], 0);
}

#[test]
fn the_deadline_ends_a_handshake_that_stalls() {
    // Nothing comes at all; or nothing after the ClientHello; or we are not heard.
    for (what, lost_from, side) in [
        ("hello", 0, BY_CLIENT),
        ("finish", 1, BY_CLIENT),
        ("us", 0, BY_SERVER),
    ] {
        let mut pair = pair();
        pair.run(Duration::from_secs(12), |by, i| {
            by == side && i >= lost_from
        });
        let error = pair.failed().unwrap_or_else(|| panic!("{what}"));
        assert_eq!(error.status(), Status::Dtls);
        // Where we are not heard, the client repeats its flight until that is too much.
        let by_deadline = error.message().contains("within 10 s");
        assert!(by_deadline || side == BY_SERVER, "{what}: {error}");
        assert_eq!(pair.events.len(), 1, "{what}");
        assert_eq!(pair.server.next_deadline(), None);
    }
}

#[test]
fn close_notify_goes_both_ways() {
    let mut pair = connected_pair();
    pair.client.close(pair.now);
    pair.exchange(|_, _| false);
    assert!(matches!(pair.events[..], [DtlsEvent::Closed]));

    let mut pair = connected_pair();
    pair.server.close(pair.now);
    pair.exchange(|_, _| false);
    assert!(pair.client.closed);
    assert!(pair.events.is_empty());
    assert!(pair.server.poll_transmit().is_none());
}

#[test]
fn application_data_passes_where_it_was_negotiated() {
    for negotiated in [true, false] {
        let mut pair = connected_pair();
        if negotiated {
            pair.server.carry_data();
        }
        pair.client.send_data(pair.now, b"hello");
        let genuine = pair.client.transmits.back().unwrap().clone();
        let mut forged = genuine.clone();
        *forged.last_mut().unwrap() ^= 1;
        pair.client.transmits.push_front(forged);
        // Again.
        pair.client.transmits.push_back(genuine);
        pair.exchange(|_, _| false);
        let heard = pair.events.drain(..).map(|event| match event {
            DtlsEvent::Data(data) => data,
            _ => panic!("the association has ended"),
        });
        let heard: Vec<_> = heard.collect();
        assert_eq!(heard.len(), usize::from(negotiated));
        assert!(heard.iter().all(|data| data[..] == *b"hello"));
        pair.server.send(pair.now, &[7; 1100]);
        let record = pair.server.poll_transmit().unwrap();
        assert!(record.len() <= 1100 + 13 + 8 + 16);
        pair.client.handle(pair.now, &record);
        assert_eq!(pair.client.heard, [[7; 1100]]);
    }
}

#[test]
fn hellos_in_fragments_out_of_order_and_twice_are_put_together() {
    // (padding, fragment size): two fragments of 1.5 kB as browsers send; and many small ones.
    for (padding, size) in [(1300, 1200), (1300, 100), (0, 9)] {
        let mut pair = pair_with_fragments(padding, size);
        pair.run(Duration::from_secs(3), |_, _| false);
        let what = format!("{padding} bytes more, fragments of {size}");
        assert_connected(&pair, SrtpProfile::AeadAes128Gcm, &what);
    }
}

#[test]
fn a_fragment_of_a_hello_may_be_lost() {
    for lost in 0..10 {
        let mut pair = pair_with_fragments(1300, 700);
        // Each is sent twice: take both.
        pair.run(Duration::from_secs(3), |by, i| {
            by == BY_CLIENT && i / 2 == lost
        });
        assert_connected(
            &pair,
            SrtpProfile::AeadAes128Gcm,
            &format!("fragment {lost} lost"),
        );
    }
}

/// Datagrams full of fragments of one message: `data` bytes of each is sent, and `length` said.
fn flood(
    count: usize,
    (kind, sequence): (u8, u16),
    length: usize,
    data: &[u8],
) -> impl Iterator<Item = BytesMut> {
    (0..count).step_by(45).map(move |first| {
        let mut datagram = BytesMut::new();
        for i in first..(first + 45).min(count) {
            let number = (i as u64 + 1000).to_be_bytes();
            let number = number[2..].try_into().unwrap();
            let offset = i % length.max(1);
            datagram.extend_from_slice(&fragment(number, kind, length, sequence, offset, data));
        }
        datagram
    })
}

/// Runs on a small stack: a worker's is several times as large.
fn on_a_small_stack(test: fn()) {
    let thread = std::thread::Builder::new().stack_size(512 << 10);
    thread.spawn(test).unwrap().join().unwrap();
}

#[test]
fn a_flood_of_fragments_ends_the_handshake_within_its_budget() {
    on_a_small_stack(|| {
        // (message, length said, data): one-byte fragments that fit, ones of a message too long,
        // empty ones, and empty ones of an empty message. First the hello's own, then the certificate's.
        for (kind, sequence) in [(1, 0), (11, 1)] {
            for (length, data) in [(8000, &[7][..]), (30_000, &[7]), (8000, &[]), (0, &[])] {
                let mut pair = pair();
                if sequence == 1 {
                    pair.exchange(|_, i| i > 0);
                    assert!(matches!(pair.server.phase, Phase::Handshake(_)));
                } else {
                    pair.client.transmits.clear();
                }
                let mut taken = 0;
                for datagram in flood(30_000, (kind, sequence), length, data) {
                    pair.server.handle(pair.now, &datagram);
                    taken += usize::from(!matches!(pair.server.phase, Phase::Ended));
                }
                pair.exchange(|_, _| false);
                assert!(taken <= 128, "{taken} datagrams of {length}/{}", data.len());
                assert_eq!(pair.events.len(), 1);
                let error = pair.failed().unwrap();
                assert_eq!(error.status(), Status::Dtls);
                assert!(error.message().contains("more datagrams"), "{error}");
            }
        }
    });
}

#[test]
fn junk_from_the_start_fails_within_the_budget() {
    for junk in [vec![22; 1200], vec![0xFF; 40], vec![22, 0xFE, 0xFD], vec![]] {
        let mut pair = pair();
        pair.client.transmits.clear();
        for _ in 0..129 {
            pair.server.handle(pair.now, &junk);
        }
        pair.exchange(|_, _| false);
        assert_eq!(pair.failed().unwrap().status(), Status::Dtls);
        assert_eq!(pair.sent[BY_SERVER], 0, "nothing is reflected");
    }
}

#[test]
fn a_connected_session_survives_floods() {
    on_a_small_stack(|| {
        let mut pair = connected_pair();
        let before = pair.sent[BY_SERVER];
        for (length, data) in [(8000, &[][..]), (0, &[]), (8000, &[7])] {
            for datagram in flood(40_000, (1, 6), length, data) {
                pair.now += Duration::from_millis(1);
                pair.server.handle(pair.now, &datagram);
            }
        }
        // Forged alerts, in plain text and encrypted; application data; ChangeCipherSpec.
        for (kind, epoch, body) in [
            (21, 0, &[2, 40][..]),
            (21, 0, &[1, 0]),
            (21, 1, &[9; 26]),
            (23, 0, &[1; 30]),
            (23, 1, &[1; 30]),
            (20, 0, &[1]),
            (99, 0, &[1]),
        ] {
            let mut record = vec![kind, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 77, 77, 0];
            record.push(body.len() as u8);
            record.extend_from_slice(body);
            for _ in 0..4 {
                pair.server.handle(pair.now, &record);
            }
        }
        pair.exchange(|_, _| false);
        assert!(pair.events.is_empty(), "{:?}", pair.failed());
        assert!(pair.sent[BY_SERVER] - before <= MAX_RESENDS as usize);
        assert_eq!(pair.server.next_deadline(), None);
        pair.client.close(pair.now);
        pair.exchange(|_, _| false);
        assert!(matches!(pair.events[..], [DtlsEvent::Closed]));
    });
}

#[test]
fn the_last_flight_is_repeated_seldom_and_not_for_ever() {
    let mut pair = connected_pair();
    let mut record = vec![
        CHANGE_CIPHER_SPEC,
        0xFE,
        0xFD,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        9,
        0,
        1,
        1,
    ];
    let mut times = Vec::new();
    let start = pair.now;
    for millisecond in 0..2000 {
        record[10] = record[10].wrapping_add(1);
        let now = start + Duration::from_millis(millisecond);
        pair.server.handle(now, &record);
        if pair.server.poll_transmit().is_some() {
            times.push(millisecond);
            assert!(
                pair.server.poll_transmit().is_none(),
                "one datagram is the flight"
            );
        }
    }
    let expected: Vec<u64> = (1..=10).map(|i| i * 25).collect();
    assert_eq!(times, expected);
}

/// An alert in plain text.
fn plain_alert(level: u8, description: u8) -> [u8; 15] {
    [
        21,
        0xFE,
        0xFD,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        9,
        0,
        2,
        level,
        description,
    ]
}

#[test]
fn a_viewer_that_sends_an_alert_and_nothing_more_has_given_up() {
    for lost_from in [0, 1] {
        let mut pair = pair();
        pair.exchange(|by, i| by == BY_CLIENT && i >= lost_from);
        pair.server.handle(pair.now, &plain_alert(1, 90));
        assert!(pair.server.alert.is_none(), "a warning");
        pair.server.handle(pair.now, &plain_alert(2, 42));
        let due = pair.now + DOUBT;
        while pair.now < due {
            let timer = pair.server.next_deadline().unwrap();
            assert!(timer <= due);
            pair.now = timer;
            pair.server.handle_timeout(timer);
            pair.exchange(|_, _| true);
        }
        assert_eq!(pair.events.len(), 1);
        let error = pair.failed().unwrap();
        assert!(error.message().contains("alert 42"), "{error}");
    }
}

#[test]
fn a_forged_alert_does_not_end_a_handshake() {
    for alert in [plain_alert(2, 40), plain_alert(1, 0)] {
        for stage in 0..3 {
            let mut pair = pair();
            pair.exchange(|by, i| by == BY_CLIENT && i >= stage);
            pair.server.handle(pair.now, &alert);
            pair.run(Duration::from_secs(3), |_, _| false);
            let what = format!("{alert:?} after {stage} datagrams");
            assert_connected(&pair, SrtpProfile::AeadAes128Gcm, &what);
        }
    }
}

/// Mutated and cut datagrams, in place of the true ones and beside them, never panic and never
/// lead to keys that the peer does not have.
#[test]
fn mutated_datagrams_do_no_harm() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut connected = 0;
    for _ in 0..1500 {
        let mut pair = pair();
        for _ in 0..8 {
            while let Some(datagram) = pair.client.transmits.pop_front() {
                let mut mutated = datagram.to_vec();
                for _ in 0..=random.usize(..3) {
                    mutate(&mut mutated, &mut random);
                }
                let arrives: &[&[u8]] = match random.usize(..4) {
                    0 => &[&mutated],
                    1 => &[&mutated, &datagram],
                    _ => &[&datagram],
                };
                for datagram in arrives {
                    pair.server.handle(pair.now, datagram);
                }
            }
            pair.exchange(|_, _| false);
            pair.now += Duration::from_millis(50);
            pair.client.handle_timeout(pair.now);
            pair.server.handle_timeout(pair.now);
        }
        assert!(pair.events.len() <= 2);
        if let Some(keys) = pair.connected()
            && pair.client.connected
        {
            let theirs = pair.client.keys(keys.profile);
            assert!(keys.local.key == theirs.remote.key);
            connected += 1;
        }
    }
    assert!(
        connected > 300,
        "only {connected} connected: the mutations hide the rest"
    );
}

fn mutate(bytes: &mut Vec<u8>, random: &mut fastrand::Rng) {
    if bytes.is_empty() {
        return;
    }
    // Headers are in front: favor them.
    let range = if random.bool() {
        bytes.len()
    } else {
        bytes.len().min(40)
    };
    let at = random.usize(..range);
    match random.usize(..5) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, random.u8(..)),
        2 => bytes[at] = [0, 1, 2, 0x7F, 0x80, 0xFF][random.usize(..6)],
        3 => bytes[at] ^= 1 << random.u8(..8),
        _ => bytes.extend_from_within(at..),
    }
}

#[test]
fn what_begins_with_no_record_is_no_dtls() {
    let record = |kind: u8, minor: u8, body: &[u8]| {
        let head = [
            kind,
            0xFE,
            minor,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            body.len() as u8,
        ];
        [&head[..], body].concat()
    };
    let of = |datagram: &[u8]| (is_dtls(datagram), is_of_handshake(datagram));
    for kind in [20, 22] {
        assert_eq!(of(&record(kind, 0xFD, &[1])), (true, true));
        assert_eq!(
            of(&[record(kind, 0xFF, &[1]), vec![7; 5]].concat()),
            (true, true)
        );
        for no in [
            &[kind][..],
            &[kind; 200],
            &record(kind, 0xFD, &[]),
            &record(kind, 3, &[1]),
            &record(kind, 0xFD, &[1, 2])[..14],
        ] {
            assert_eq!(of(no), (false, false), "{no:?}");
        }
    }
    assert_eq!(of(&record(21, 0xFD, &[2, 40])), (true, false));
    assert_eq!(of(&record(23, 0xFD, &[1])), (true, false));
    assert_eq!(of(&record(128, 0xFD, &[1])), (false, false));
    assert_eq!(of(&[]), (false, false));
}
