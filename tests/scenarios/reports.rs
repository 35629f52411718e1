//! Sender reports tie both tracks to one wall clock.

use std::time::Duration;

use testkit::net::Link;

use crate::world::{Setup, World};

#[test]
fn come_at_the_interval_and_map_the_time_line() {
    let interval = Duration::from_millis(500);
    let mut world = World::new(Setup {
        rtcp_interval: interval,
        ..Setup::default()
    });
    world.connect();
    world.run(Duration::from_secs(5));
    for (ssrc, rate) in [
        (world.viewer.video.ssrc(), 90_000),
        (world.viewer.audio.ssrc(), 8_000),
    ] {
        let reports: Vec<_> = world
            .viewer
            .sender_reports
            .iter()
            .filter(|&&(_, of, _, _)| of == ssrc)
            .collect();
        assert!((9..=11).contains(&reports.len()), "{}", reports.len());
        for pair in reports.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            assert_eq!(to.0 - from.0, interval);
            let ticks = to.3.wrapping_sub(from.3);
            let expected = rate / 2;
            assert!(ticks.abs_diff(expected) <= expected / 100, "{ticks}");
            let ntp = (to.2 - from.2) as f64 / 2f64.powi(32);
            assert!((ntp - 0.5).abs() < 0.001, "{ntp}");
        }
    }
}

#[test]
fn the_round_trip_is_known_from_the_viewers_reports() {
    let mut world = World::new(Setup::default());
    world.network.set_default_link(Link {
        delay: Duration::from_millis(40),
        ..Link::default()
    });
    world.connect();
    world.run(Duration::from_secs(5));
    let round_trip = world.session.stats().round_trip.unwrap();
    assert!(
        round_trip.abs_diff(Duration::from_millis(80)) < Duration::from_millis(2),
        "{round_trip:?}"
    );
}
