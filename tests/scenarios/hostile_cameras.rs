//! What hostile cameras cost the others on their worker, and how soon they are found out.

use std::time::Duration;

use crate::hostile::{Worker, attacks};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// More than any turn takes, so that a turn has to end before the bytes do.
const READS: usize = 1 << 20;

/// How long each attack lasts.
const TIME: Duration = Duration::from_secs(1);

/// A turn of a millisecond ends with the step in which it is over, at the latest with a frame of 64 KiB.
const TURN: Duration = Duration::from_micros(2_500);

#[test]
fn others_wait_for_a_turn_at_most() {
    let mut alone = Worker::new(None, READS);
    alone.run(TIME);
    let usual = alone.percentile(99);
    assert!(usual < MS, "{usual:?}");
    for attack in attacks() {
        let name = attack.name;
        let mut worker = Worker::new(Some(attack), READS);
        worker.run(TIME);
        let p99 = worker.percentile(99);
        assert!(p99 <= usual + TURN, "{name}: {p99:?}");
        let (shown, sent) = worker.shown();
        assert!(shown + 1 >= sent as usize, "{name}: {shown} of {sent}");
        assert!(sent >= 25, "{name}: {sent}");
    }
}

#[test]
fn what_has_no_end_is_found_out_in_time() {
    for attack in attacks() {
        let (name, expected) = (attack.name, attack.found.clone());
        let mut worker = Worker::new(Some(attack), 64 << 10);
        worker.run(SECOND);
        let Some(expected) = expected else {
            assert_eq!(worker.found(), [], "{name}");
            continue;
        };
        assert!(worker.found().len() > 1, "{name}");
        for (found, after) in worker.found() {
            assert_eq!(*found, expected, "{name}");
            assert!(*after < SECOND / 10, "{name}: {after:?}");
        }
    }
}
