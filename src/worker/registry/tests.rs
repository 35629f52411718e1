use std::time::Instant;

use super::*;

fn add(registry: &Registry, name: &str, workers: usize) -> Result<(StreamId, usize)> {
    let added = registry.add_stream(name, workers, |_, _, _| ());
    added.map(|(id, worker, ())| (id, worker))
}

#[test]
fn ufrags_and_transactions_name_their_place() {
    let place = SessionLocation {
        worker: 7,
        row: 0x12_3456,
    };
    let prefix = place.transaction_prefix();
    assert_eq!(SessionLocation::from_transaction(prefix), place);
    let ufrag = place.ufrag_prefix() + "Random+/";
    assert_eq!(SessionLocation::from_ufrag(&ufrag), Some(place));
    assert_eq!(SessionLocation::from_ufrag("zz"), None);
    assert_eq!(
        SessionLocation::from_ufrag("0\u{e9}\u{e9}\u{e9}\u{e9}"),
        None
    );
}

#[test]
fn streams_spread_and_names_are_unique() {
    let registry = Registry::default();
    let (a, first) = add(&registry, "a", 2).unwrap();
    let (_, second) = add(&registry, "b", 2).unwrap();
    assert_ne!(first, second);
    let error = add(&registry, "a", 2).unwrap_err();
    assert_eq!(error.status(), Status::AlreadyExists);
    assert_eq!(registry.remove_stream(a).unwrap(), (first, vec![]));
    let (again, worker) = add(&registry, "a", 2).unwrap();
    assert_ne!(again, a);
    assert_eq!(worker, first);
    assert_eq!(registry.stream(a).unwrap_err().status(), Status::NotFound);
}

#[test]
fn variants_are_other_streams_once_each() {
    let registry = Registry::default();
    let add = |name: &str| add(&registry, name, 1).unwrap().0;
    let (main, sub, thumb) = (add("main"), add("sub"), add("thumb"));
    let unknown = StreamId(u64::MAX);
    let status = |stream, variants: &[StreamId]| {
        let outcome = registry.set_variants(stream, variants);
        outcome.map_err(|error| error.status())
    };
    assert_eq!(status(main, &[sub, thumb]), Ok(0));
    assert_eq!(registry.variants(main), [main, sub, thumb]);
    for (stream, variants, why) in [
        (unknown, &[sub][..], Status::NotFound),
        (main, &[sub, unknown], Status::NotFound),
        (main, &[sub, sub], Status::InvalidArgument),
        (main, &[main, sub, main], Status::InvalidArgument),
        (main, &[sub; 9], Status::InvalidArgument),
    ] {
        assert_eq!(status(stream, variants), Err(why), "{variants:?}");
    }
    assert_eq!(registry.variants(main), [main, sub, thumb], "as before");

    // Where the stream itself stands is the host's choice.
    assert_eq!(status(sub, &[main, sub, thumb]), Ok(0));
    assert_eq!(registry.variants(sub), [main, sub, thumb]);
    assert_eq!(registry.remove_stream(main), Ok((0, vec![(sub, 0)])));
    assert_eq!(registry.variants(sub), [sub, thumb]);
    assert_eq!(registry.remove_stream(thumb), Ok((0, vec![(sub, 0)])));
    assert_eq!(registry.variants(sub), [], "alone is no choice");

    let many: Vec<StreamId> = (0..8).map(|i| add(&i.to_string())).collect();
    assert_eq!(status(sub, &[&[sub], &many[..]].concat()), Ok(0));
    assert_eq!(status(sub, &[]), Ok(0));
    assert_eq!(registry.variants(sub), []);
    assert_eq!(status(sub, &[sub]), Ok(0));
    assert_eq!(registry.variants(sub), []);
}

#[test]
fn only_viewers_that_connected_take_places() {
    let registry = Registry::default();
    let (stream, ..) = registry.add_stream("a", 1, |_, _, _| ()).unwrap();
    let add = |row: usize, peer: &str| {
        let place = SessionLocation { worker: 0, row };
        registry.add_session(place, stream, row.to_string(), Some(peer.into()), 64)
    };
    let viewers: Vec<_> = (0..3).map(|i| add(i, "viewer").0).collect();
    // Thirteen a second, and nobody follows.
    let mut displaced = 0;
    for i in 3..500 {
        assert!(registry.check_room(Some(2)).is_ok());
        let gone = add(i, "flood").1;
        displaced += u64::from(gone.is_some());
        assert!(gone.is_none_or(|(id, _)| !viewers.contains(&id)));
    }
    assert_eq!(displaced, 500 - 64);
    // The host's own outputs neither wait among them nor displace any.
    let place = SessionLocation { worker: 0, row: 0 };
    for i in 0..100 {
        let own = registry.add_session(place, stream, format!("own {i}"), None, 64);
        assert!(own.1.is_none());
        registry.remove_session(own.0);
    }
    assert_eq!(registry.displaced(), displaced);
    assert!(
        registry
            .connect_session(viewers[0], (Some(2), Some(None)))
            .is_ok()
    );
    assert!(
        registry
            .connect_session(viewers[1], (Some(2), Some(None)))
            .is_ok()
    );
    assert!(
        registry
            .connect_session(viewers[1], (Some(2), Some(None)))
            .is_ok(),
        "again"
    );
    let full = registry
        .connect_session(viewers[2], (Some(2), Some(None)))
        .unwrap_err();
    assert_eq!(full.status(), Status::Limit);
    assert!(registry.check_room(Some(2)).is_err());
    registry.remove_session(viewers[0]);
    registry.remove_session(viewers[0]);
    assert!(registry.check_room(Some(2)).is_ok());
    assert!(
        registry
            .connect_session(viewers[2], (Some(2), Some(None)))
            .is_ok()
    );
    assert!(
        registry
            .connect_session(viewers[0], (Some(2), Some(None)))
            .is_ok(),
        "closed meanwhile"
    );
    assert!(registry.check_room(Some(2)).is_err(), "and takes no place");
}

#[test]
fn guests_count_at_their_stream_from_when_they_are_sent_away() {
    let registry = Registry::default();
    let (stream, owner) = add(&registry, "hot", 2).unwrap();
    let (other, now) = (1 - owner, Instant::now());
    let add = |worker, row: usize| {
        let place = SessionLocation { worker, row };
        let (key, peer) = (format!("{worker}-{row}"), Some(Box::default()));
        registry.add_session(place, stream, key, peer, 1000).0
    };
    let place = || registry.place_viewer(stream, None, now);
    let mut viewers = Vec::new();
    while place() == Ok(owner) {
        viewers.push(add(owner, viewers.len()));
    }
    let crowd = viewers.len() as u32;
    assert_eq!(registry.session_count(stream), crowd + 1);
    // On their way they are as good as there.
    let mut sent = 1;
    while place() == Ok(other) {
        sent += 1;
    }
    assert!((250..=270).contains(&sent), "{sent}");
    for row in 0..sent {
        registry.guest_came(stream, other);
        viewers.push(add(other, row));
    }
    assert_eq!(registry.session_count(stream), crowd + sent as u32);
    let limits = (None, Some(Some(2)));
    let last = viewers.len() - 1;
    assert_eq!(registry.connect_session(viewers[0], limits), Ok(()));
    assert_eq!(registry.connect_session(viewers[last], limits), Ok(()));
    let full = registry.connect_session(viewers[1], limits).unwrap_err();
    assert!(full.message().contains("max_sessions_per_stream"), "{full}");
    assert!(registry.check_room_at(stream, Some(2)).is_err());
    registry.remove_session(viewers[last]);
    assert_eq!(registry.check_room_at(stream, Some(2)), Ok(()));
    // Nothing is left of a stream that is removed, whatever its sessions do.
    assert_eq!(place(), Ok(other));
    registry.remove_stream(stream).unwrap();
    registry.guest_came(stream, other);
    viewers
        .into_iter()
        .for_each(|id| registry.remove_session(id));
    assert_eq!(
        (registry.session_count(stream), registry.worker_for_wall(2)),
        (0, 0)
    );
    assert_eq!(place().unwrap_err().status(), Status::NotFound);
    assert!(registry.check_room_at(stream, None).is_err());
}

#[test]
fn new_streams_keep_away_from_a_hot_one() {
    let registry = Registry::default();
    let (stream, hot) = add(&registry, "hot", 2).unwrap();
    let place = |row| SessionLocation { worker: hot, row };
    let viewers: Vec<_> = (0..1000)
        .map(|i| {
            let (key, peer) = (i.to_string(), Some(Box::default()));
            registry.add_session(place(i), stream, key, peer, 1000).0
        })
        .collect();
    for i in 0..50 {
        let (_, worker) = add(&registry, &format!("cold-{i}"), 2).unwrap();
        assert_ne!(worker, hot);
    }
    for viewer in viewers {
        registry.remove_session(viewer);
    }
    assert_eq!(add(&registry, "late", 2).unwrap().1, hot);
}
