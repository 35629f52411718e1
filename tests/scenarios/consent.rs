//! Signs of life, and what happens without.

use std::time::Duration;

use crate::world::{GATEWAY, Setup, VIEWER, World, address};
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::state::SessionState;
use testkit::viewer::check;

#[test]
fn a_viewer_that_never_comes_is_given_up() {
    let mut world = World::new(Setup::default());
    world.cut(VIEWER, GATEWAY);
    world.run(Duration::from_secs(25));
    assert_eq!(
        world.states(),
        [
            SessionState::New,
            SessionState::Failed,
            SessionState::Closed
        ]
    );
    let error = world.events[1].error.as_ref().unwrap();
    assert_eq!(error.status(), Status::Ice);
}

#[test]
fn a_viewer_that_falls_silent_is_disconnected_then_given_up() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_secs(10));
    assert_eq!(world.session.state(), SessionState::Connected);
    world.cut(VIEWER, GATEWAY);
    world.run(Duration::from_secs(9));
    assert_eq!(world.session.state(), SessionState::Disconnected);
    let before = world.session.figures().packets;
    world.run(Duration::from_secs(15));
    assert_eq!(
        world.session.figures().packets,
        before,
        "no media meanwhile"
    );
    world.run(Duration::from_secs(7));
    assert_eq!(world.session.state(), SessionState::Closed);
    let sent = world.session.figures().packets;
    world.run(Duration::from_secs(5));
    assert_eq!(
        world.session.figures().packets,
        sent,
        "no consent, no media"
    );
}

#[test]
fn a_viewer_that_comes_back_goes_on() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.cut(VIEWER, GATEWAY);
    world.run(Duration::from_secs(12));
    assert_eq!(world.session.state(), SessionState::Disconnected);
    world.mend(VIEWER, GATEWAY);
    world.run(Duration::from_secs(3));
    assert_eq!(world.session.state(), SessionState::Connected);
}

#[test]
fn media_goes_on_at_a_keyframe_when_a_viewer_is_heard_again() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_secs(10));
    world.cut(VIEWER, GATEWAY);
    world.cut(GATEWAY, VIEWER);
    world.run(Duration::from_secs(12));
    assert_eq!(world.session.state(), SessionState::Disconnected);
    let cut = world.now;
    world.mend(VIEWER, GATEWAY);
    world.mend(GATEWAY, VIEWER);
    world.run(Duration::from_secs(10));
    assert_eq!(world.session.state(), SessionState::Connected);
    let units = world.viewer.video.access_units();
    let mut later = units.iter().filter(|unit| unit.at > cut);
    assert!(later.next().unwrap().is_keyframe());
    assert!(later.count() > 50);
    let newest = units.last().unwrap();
    assert!(world.now - newest.at < Duration::from_millis(500));
}

/// A check with the session's credentials.
fn authentic(world: &World) -> Vec<u8> {
    let (ours, theirs) = world.session.ice_credentials();
    let username = format!("{}:{}", ours.ufrag, theirs.ufrag);
    check(&username, &ours.pwd, 1)
}

#[test]
fn checks_from_elsewhere_are_no_consent() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_secs(3));
    world.cut(VIEWER, GATEWAY);
    for _ in 0..35 {
        world.run(Duration::from_secs(1));
        // That they nominate does not help: nobody answers there.
        let forged = authentic(&world);
        world.inject(address("203.0.113.66:1"), &forged);
    }
    assert_eq!(world.session.state(), SessionState::Closed);
}

#[test]
fn reports_and_checks_are_no_consent_without_answers() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_secs(3));
    // Whoever has the keys can send them with a forged source.
    world.viewer.answers_checks = false;
    world.run(Duration::from_secs(20));
    assert_eq!(world.session.state(), SessionState::Connected);
    world.run(Duration::from_secs(11));
    assert_eq!(world.session.state(), SessionState::Closed);
}

#[test]
fn consent_is_asked_for_every_five_seconds() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_secs(5));
    let (before, answered) = (world.viewer.checks_received, world.session.figures());
    world.run(Duration::from_secs(600));
    let checks = world.viewer.checks_received - before;
    assert!((100..=150).contains(&checks), "{checks}");
    assert_eq!(world.session.figures().rejected, answered.rejected);
    assert_eq!(world.session.state(), SessionState::Connected);
}

#[test]
fn a_process_that_was_stopped_reads_what_waits_before_it_judges() {
    for seconds in [10, 25, 40, 600] {
        let mut world = World::new(Setup::default());
        world.connect();
        world.run(Duration::from_secs(3));
        let states = world.states();
        // Nothing of the gateway runs, and the viewer does.
        world.stop(Duration::from_secs(seconds));
        world.run(Duration::from_secs(5));
        assert_eq!(world.states(), states, "{seconds} s");
        let newest = world.viewer.video.access_units().last().unwrap().at;
        assert!(world.now - newest < Duration::from_millis(100));
    }
}

#[test]
fn a_viewer_that_went_away_meanwhile_is_given_up_all_the_same() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_secs(3));
    world.cut(VIEWER, GATEWAY);
    world.stop(Duration::from_secs(40));
    world.run(Duration::from_secs(2));
    assert_eq!(world.session.state(), SessionState::Closed);
}
