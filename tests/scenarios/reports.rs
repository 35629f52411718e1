//! Sender reports tie both tracks to one wall clock.

use std::time::{Duration, SystemTime};

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
    let round_trip = world.session.figures().round_trip.unwrap();
    assert!(
        round_trip.abs_diff(Duration::from_millis(80)) < Duration::from_millis(2),
        "{round_trip:?}"
    );
}

/// Wall clock at the last packet of picture and of sound by the sender reports, and when each packet
/// came by the wall clock. Nothing delays packets here.
fn played_and_arrived(world: &World) -> [(SystemTime, SystemTime); 2] {
    let viewer = &world.viewer;
    [(&viewer.video, 90_000), (&viewer.audio, 8_000)].map(|(track, rate)| {
        let last = track.packets().last().unwrap();
        let played = viewer.wall_clock_at(track.ssrc(), last.timestamp, rate);
        (played.unwrap(), world.wall + (last.at - world.start))
    })
}

#[test]
fn tell_when_it_was_captured_if_the_source_says() {
    let seconds = Duration::from_secs;
    for (picture, sound) in [(350, 20), (0, 9000), (2000, 2000)] {
        let ages = [picture, sound].map(Duration::from_millis);
        let mut world = World::new(Setup {
            capture_ages: Some((ages[0], ages[1])),
            ..Setup::default()
        });
        world.connect();
        world.run(seconds(3));
        for ((played, arrived), age) in played_and_arrived(&world).into_iter().zip(ages) {
            let error = (arrived - age).duration_since(played);
            let error = error.unwrap_or_else(|error| error.duration());
            assert!(error < Duration::from_millis(1), "{age:?}: {error:?}");
        }
    }
    // Else it counts when it arrived.
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(seconds(3));
    for (played, arrived) in played_and_arrived(&world) {
        let error = arrived.duration_since(played);
        let error = error.unwrap_or_else(|error| error.duration());
        assert!(error < Duration::from_millis(1), "{error:?}");
    }
}
