//! Viewers over TCP: what their connection does not carry is left out in whole GOPs.

use std::time::Duration;

use rtsp_webrtc_gateway::internals::media::Codec;
use rtsp_webrtc_gateway::state::{Detail, Protocol, QualityReason, SessionState, StreamId};

use crate::world::camera::{Camera, Frames};
use crate::world::pipe::Pipe;
use crate::world::{STREAM, Setup, VIEWER, World, address, beginning};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// 25 pictures a second of 2.5 kB, with a keyframe of 10 kB every two seconds: 0.53 Mbit/s, and sound.
const SIZES: (usize, usize) = (10_000, 2_500);

/// Less than half of that.
const SUB: Frames = Frames {
    codec: Codec::H264,
    sizes: (4_000, 900),
    gop: 50,
    first: 0,
    disposable: false,
    small: false,
};

/// A viewer over a connection that carries so many bits per second, connected.
fn connected(rate: u64, setup: Setup) -> World {
    let mut world = World::new(setup);
    world.pipe = Some(Pipe::new(address(VIEWER), 1, rate, world.now));
    world.camera_ran(3 * SECOND);
    world.connect();
    world
}

fn sized() -> Setup {
    Setup {
        sizes: Some(SIZES),
        ..Setup::default()
    }
}

/// How old the pictures of the last so many seconds were when they arrived, at most.
fn oldest(world: &World, last: Duration) -> Duration {
    let units = world.viewer.video.access_units();
    let recent = units.iter().filter(|unit| unit.at + last >= world.now);
    let ages = recent.map(|unit| unit.at - world.frame_time(unit.timestamp));
    ages.max().unwrap()
}

#[test]
fn on_a_wide_connection_every_picture_comes_at_once_and_nothing_is_probed() {
    let mut world = connected(50_000_000, Setup::default());
    world.run(20 * SECOND);
    assert_eq!(world.session.protocol(), Some(Protocol::Tcp));
    world.assert_undamaged(500);
    let figures = world.session.figures();
    assert_eq!((figures.skips, figures.overflows), (0, 0));
    assert_eq!((figures.padding_packets, figures.retransmits), (0, 0));
    assert_eq!(figures.estimate, None, "nothing has ever had to wait");
    assert_eq!(world.viewer.feedback_sent, 0, "there is nothing to say");
    assert!(oldest(&world, 15 * SECOND) < 100 * MS);
}

#[test]
fn a_thin_connection_shows_what_it_carries_and_is_told() {
    for percent in [30, 60, 90] {
        let mut world = connected(600_000 * percent / 100, sized());
        world.run(40 * SECOND);
        let figures = world.session.figures();
        let case = format!("{percent} %: {figures:?}");
        assert!(figures.skips > 0, "{case}");
        assert_eq!(figures.overflows, 0, "{case}");
        assert_eq!(world.viewer.video.lost(), 0, "{case}");
        assert!(
            world
                .qualities
                .iter()
                .any(|(_, quality)| quality.reason == QualityReason::Path),
            "{case}"
        );
        let age = oldest(&world, 20 * SECOND);
        assert!(age < 3 * SECOND, "{case}: {age:?}");
        // What the connection carries is used.
        let pipe = world.pipe.as_ref().unwrap();
        assert!(
            pipe.taken as u64 * 8 / 43 > 600_000 * percent / 100 / 2,
            "{case}"
        );
        assert_eq!(world.session.state(), SessionState::Connected);
    }
}

#[test]
fn who_does_not_read_for_a_while_goes_on_at_a_keyframe() {
    for pause in [2, 5, 20] {
        let mut world = connected(20_000_000, sized());
        world.run(3 * SECOND);
        let pipe = world.pipe.as_mut().unwrap();
        pipe.set_rate(world.now, 0);
        let before = pipe.taken;
        world.run(pause * SECOND);
        let pipe = world.pipe.as_mut().unwrap();
        // What it has been sent meanwhile is not much.
        assert!(pipe.taken - before < 120_000, "{}", pipe.taken - before);
        pipe.set_rate(world.now, 20_000_000);
        let again = world.now;
        world.run(3 * SECOND);
        let units = world.viewer.video.access_units();
        let live = units
            .iter()
            .find(|unit| unit.at > again && unit.at - world.frame_time(unit.timestamp) < 200 * MS);
        let live = live.unwrap().at - again;
        assert!(live < 2200 * MS, "{pause} s: live after {live:?}");
        assert_eq!(world.viewer.video.lost(), 0);
        assert_eq!(world.session.state(), SessionState::Connected);
    }
}

#[test]
fn a_connection_that_ends_is_awaited_and_then_given_up() {
    let mut world = connected(20_000_000, Setup::default());
    world.run(3 * SECOND);
    let pipe = world.pipe.take().unwrap();
    world.with_session(|session, io| session.handle_lost(pipe.remote, io));
    let before = world
        .network
        .counts(address(crate::world::GATEWAY), address(VIEWER));
    // The viewer does not come back.
    world.cut(VIEWER, crate::world::GATEWAY);
    world.run(9 * SECOND);
    assert_eq!(world.session.state(), SessionState::Disconnected);
    world.run(20 * SECOND);
    assert_eq!(world.session.state(), SessionState::Disconnected);
    world.run(2 * SECOND);
    assert_eq!(world.session.state(), SessionState::Closed);
    let after = world
        .network
        .counts(address(crate::world::GATEWAY), address(VIEWER));
    assert_eq!(before.bytes, after.bytes, "nothing goes where nobody is");
}

#[test]
fn a_viewer_that_connects_again_goes_on_at_once() {
    let mut world = connected(20_000_000, Setup::default());
    for id in 2..5 {
        world.run(3 * SECOND);
        let lost = world.pipe.take().unwrap().remote;
        world.pipe = Some(Pipe::new(address(VIEWER), id, 20_000_000, world.now));
        world.with_session(|session, io| session.handle_lost(lost, io));
        let now = world.now;
        world.viewer.roam(now, address(VIEWER));
        let before = world.viewer.video.access_units().len();
        world.run(2 * SECOND);
        let after = world.viewer.video.access_units().len();
        assert!(after >= before + 49, "{before} {after}");
        assert_eq!(world.session.state(), SessionState::Connected);
    }
}

#[test]
fn without_answers_to_checks_consent_ends_over_tcp_too() {
    let mut world = connected(20_000_000, Setup::default());
    world.run(3 * SECOND);
    world.viewer.answers_checks = false;
    world.run(32 * SECOND);
    assert_eq!(world.session.state(), SessionState::Closed);
}

#[test]
fn what_goes_on_over_udp_is_measured_anew() {
    let mut world = connected(20_000_000, Setup::default());
    world.run(3 * SECOND);
    let lost = world.pipe.take().unwrap().remote;
    world.with_session(|session, io| session.handle_lost(lost, io));
    world.run(10 * SECOND);
    assert_eq!(world.session.protocol(), Some(Protocol::Udp));
    assert!(world.viewer.feedback_sent > 0);
    assert!(world.session.figures().estimate.is_some());
}

#[test]
fn a_thin_connection_shows_the_substream_and_a_wider_one_the_best_again() {
    let sub = StreamId(2);
    let mut world = connected(
        400_000,
        Setup {
            variants: vec![STREAM, sub],
            cameras: vec![Camera::new(beginning(), sub, SUB)],
            ..sized()
        },
    );
    world.run(10 * SECOND);
    let quality = world.session.quality();
    assert_eq!((quality.variant, quality.detail), (sub, Detail::AllFrames));
    assert_eq!(quality.reason, QualityReason::Path);
    let now = world.now;
    world.pipe.as_mut().unwrap().set_rate(now, 20_000_000);
    world.run(60 * SECOND);
    let quality = world.session.quality();
    assert_eq!(
        (quality.variant, quality.detail),
        (STREAM, Detail::AllFrames)
    );
    assert_eq!(quality.reason, QualityReason::Nothing);
    assert_eq!(world.session.figures().padding_packets, 0);
}
