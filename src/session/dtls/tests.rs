use super::testing::*;
use super::*;

fn pair_with(
    policy: SrtpPolicy,
    profiles: &[SrtpProtectionProfile],
    fingerprint: Option<Fingerprint>,
) -> Pair {
    let now = Instant::now();
    let client = Client::new(now, profiles);
    let fingerprint = fingerprint.unwrap_or_else(|| client.fingerprint());
    let certificate = Arc::new(Certificate::generate().unwrap());
    Pair {
        now,
        started: now,
        server: DtlsServer::new(now, certificate, vec![fingerprint], policy),
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
    assert!(sent[BY_CLIENT] >= 3 && sent[BY_SERVER] >= 3, "{sent:?}");
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
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut pair = pair();
        pair.run(Duration::from_secs(3), |_, _| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % 10 < 3
        });
        let what = format!("30 % lost, seed {seed}");
        assert_connected(&pair, SrtpProfile::AeadAes128Gcm, &what);
    }
}

#[test]
fn a_certificate_other_than_the_offered_is_refused() {
    let other = Client::new(Instant::now(), &CHROMIUM).fingerprint();
    let mut pair = pair_with(SrtpPolicy::PreferGcm, &CHROMIUM, Some(other));
    pair.run(Duration::from_millis(200), |_, _| false);
    assert!(pair.connected().is_none() && pair.events.len() == 1);
    let error = pair.failed().unwrap();
    assert_eq!(error.status(), Status::Dtls);
    assert!(
        error.message().contains("not the one whose fingerprint"),
        "{error}"
    );
    assert!(pair.client.failed.is_some(), "the peer is told");
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
    // Nothing comes at all; or nothing after the ClientHellos; or we are not heard.
    for (what, lost_from, side) in [
        ("hello", 0, BY_CLIENT),
        ("finish", 2, BY_CLIENT),
        ("us", 0, BY_SERVER),
    ] {
        let mut pair = pair();
        pair.run(Duration::from_secs(12), |by, i| {
            by == side && i >= lost_from
        });
        let error = pair.failed().unwrap_or_else(|| panic!("{what}"));
        assert_eq!(error.status(), Status::Dtls);
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
