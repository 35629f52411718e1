//! A viewer restarts ICE: the picture goes on.

use std::time::Duration;

use rtsp_webrtc_gateway::internals::sdp::IceCredentials;
use rtsp_webrtc_gateway::internals::sdp::answer::{Candidates, restart_fragment};
use rtsp_webrtc_gateway::internals::sdp::fragment::Fragment;
use rtsp_webrtc_gateway::state::SessionState;
use testkit::viewer::check;

use crate::world::{Setup, VIEWER, World, address};

const MOBILE: &str = "203.0.113.20:7000";

fn ours(generation: u32) -> IceCredentials {
    IceCredentials {
        ufrag: format!("gateway{generation}"),
        pwd: format!("passwordOfTheGateway0000{generation}"),
    }
}

/// What the gateway does with the viewer's PATCH; the body of its answer.
fn patch(world: &mut World, generation: u32, body: &str) -> String {
    let fragment = Fragment::parse(body.as_bytes()).unwrap();
    let (_, known) = world.session.ice_credentials();
    let remote = fragment.restart(known).unwrap().expect("a restart").clone();
    let local = ours(generation);
    let candidates = Candidates {
        hosts: &[world.gateway],
        ..Candidates::default()
    };
    let answer = restart_fragment("m=video 9 X 96\r\n", &local, &candidates);
    world.session.restart_ice(local, remote);
    answer
}

/// A connected world that has played for a second.
fn playing() -> World {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_secs(1));
    world
}

/// Whether a check from somewhere is answered.
fn is_answered(world: &mut World, username: &str, pwd: &str) -> bool {
    let before = world.session.figures().rejected;
    world.inject(address(VIEWER), &check(username, pwd, 77));
    world.session.figures().rejected == before
}

#[test]
fn a_viewer_that_moved_loses_no_picture() {
    let mut world = playing();
    let old = world.session.ice_credentials();
    let (username, pwd) = (
        format!("{}:{}", old.0.ufrag, old.1.ufrag),
        old.0.pwd.clone(),
    );
    let events = world.states();

    let body = world.viewer.restart();
    let answer = patch(&mut world, 1, &body);
    // Nothing has changed yet, for as long as the viewer takes.
    world.run(Duration::from_secs(5));
    assert_eq!(world.session.remote(), Some(address(VIEWER)));
    assert!(is_answered(&mut world, &username, &pwd));

    let now = world.now;
    world.viewer.restarted(now, &answer);
    world.viewer.roam(now, address(MOBILE));
    world.run(Duration::from_secs(2));
    assert_eq!(world.session.remote(), Some(address(MOBILE)));
    assert_eq!(world.states(), events, "no change of state");
    world.assert_undamaged(150);
    // The old credentials are no longer valid.
    assert!(!is_answered(&mut world, &username, &pwd));
    assert_eq!(world.session.remote(), Some(address(MOBILE)));
}

#[test]
fn one_restart_after_the_other() {
    let mut world = playing();
    for generation in 1..=5 {
        let body = world.viewer.restart();
        let answer = patch(&mut world, generation, &body);
        let now = world.now;
        world.viewer.restarted(now, &answer);
        world.run(Duration::from_secs(1));
    }
    assert_eq!(world.session.state(), SessionState::Connected);
    world.assert_undamaged(100);
}

#[test]
fn a_restart_that_the_viewer_does_not_follow_up_changes_nothing() {
    let mut world = playing();
    let body = world.viewer.restart();
    patch(&mut world, 1, &body);
    // Longer than consent lasts: the old credentials keep it.
    world.run(Duration::from_secs(40));
    assert_eq!(world.session.state(), SessionState::Connected);
    assert_eq!(world.session.remote(), Some(address(VIEWER)));
    world.assert_undamaged(800);
}

#[test]
fn a_restart_before_the_first_check_leaves_both_ways_open() {
    for follow in [false, true] {
        let mut world = World::new(Setup::default());
        let body = world.viewer.restart();
        let answer = patch(&mut world, 1, &body);
        if follow {
            let now = world.now;
            world.viewer.restarted(now, &answer);
        }
        world.connect();
        world.run(Duration::from_secs(1));
        world.assert_undamaged(20);
    }
}

#[test]
fn wrong_credentials_are_never_answered() {
    let mut world = playing();
    let body = world.viewer.restart();
    patch(&mut world, 1, &body);
    let viewer = format!("viewer{}", address(VIEWER).port());
    let (new, old) = (ours(1), ours(0));
    let pwd = "passwordOfTheGateway00000";
    for (username, pwd) in [
        (format!("gateway1:{viewer}r1"), pwd),
        (format!("gateway0:{viewer}"), &*new.pwd),
        (format!("gateway1:{viewer}"), &new.pwd),
        (format!("gateway0:{viewer}r1"), pwd),
        (format!("gateway2:{viewer}r1"), &new.pwd),
        (format!("gateway1:{viewer}r1"), ""),
        ("gateway1:".to_owned(), &new.pwd),
    ] {
        assert!(!is_answered(&mut world, &username, pwd), "{username}");
    }
    assert_eq!(world.session.remote(), Some(address(VIEWER)));
    // These are right.
    assert_eq!(old.ufrag, "gateway0");
    assert!(is_answered(&mut world, &format!("gateway0:{viewer}"), pwd));
    assert!(is_answered(
        &mut world,
        &format!("gateway1:{viewer}r1"),
        &new.pwd
    ));
}
