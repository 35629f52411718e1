use std::sync::Arc;

use super::super::neighbors::Neighborhood;
use super::*;

const STREAM: StreamRate = StreamRate {
    bytes_per_second: 500_000,
};
const FAR: Option<Duration> = Some(Duration::from_millis(40));

#[test]
fn without_feedback_a_keyframe_leaves_at_the_pace_of_the_stream() {
    let start = Instant::now();
    let mut pacer = Pacer::new(250);
    let pace = pacer.pace(start, FAR, 0, STREAM).unwrap();
    assert_eq!((pace.burst, pace.basis), (16, Basis::Stream));
    let mut now = start;
    for _ in 0..25 {
        now = pacer.ready_at(now);
        pacer.sent(now, 12_500 - 10 * HEADERS, 1222, false, Kind::Media);
    }
    // 24 times 12.5 kB, headers included, at 1.25 MB/s.
    let off = (now - start).abs_diff(Duration::from_millis(240));
    assert!(off <= SLACK + Duration::from_millis(1), "{off:?}");
}

#[test]
fn sound_alone_is_not_followed_by_checks_without_end() {
    let start = Instant::now();
    let mut pacer = Pacer::new(250);
    let opening = Opening::new(start, Duration::from_millis(1), None);
    let neighbor = Neighbor::join(Arc::new(Neighborhood::new(start)));
    pacer.measure(start, Limits::default(), true, opening, neighbor);
    let mut checks = 0;
    for i in 0..500 {
        let now = start + Duration::from_millis(20) * i;
        pacer.sent(now, 200, 200, true, Kind::Media);
        if pacer.close_burst(now, i) {
            checks += 1;
            // One answer is lost.
            if i != 3 {
                pacer.answered(now, i);
            }
        }
    }
    assert!((1..=8).contains(&checks), "{checks}");
}

#[test]
fn a_small_unit_after_a_pause_is_not_delayed() {
    let start = Instant::now();
    let mut pacer = Pacer::new(250);
    pacer.pace(start, FAR, 0, STREAM);
    pacer.sent(start, 10_000, 1200, false, Kind::Media);
    let later = start + Duration::from_millis(40);
    assert!(pacer.ready_at(later) <= later);
}

#[test]
fn an_opening_that_measures_nothing_is_followed_by_the_pace_of_the_stream() {
    let start = Instant::now();
    let mut pacer = Pacer::new(250);
    let opening = Opening::new(start, NEAR, None);
    let neighbor = Neighbor::join(Arc::new(Neighborhood::new(start)));
    pacer.measure(start, Limits::default(), true, opening, neighbor);
    let pace = pacer.pace(start, FAR, 0, STREAM).unwrap();
    assert_eq!((pace.burst, pace.basis), (1, Basis::Opening));
    assert_eq!(pacer.next_number(start), Some(0));
    let later = start + Duration::from_secs(1);
    let pace = pacer.pace(later, FAR, 0, STREAM).unwrap();
    assert_eq!((pace.burst, pace.basis), (16, Basis::Stream));
    assert_eq!(pacer.pace(later, Some(NEAR), 0, STREAM), None);
}
