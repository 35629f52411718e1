//! Viewers whose network lets nothing but HTTPS pass: media goes by TURN over one connection.

use std::time::Duration;

use rtsp_webrtc_gateway::state::{Protocol, SessionState};

use crate::world::pipe::Pipe;
use crate::world::relayed::TurnEnds;
use crate::world::{GATEWAY, Setup, VIEWER, World, address};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A viewer that relays over a connection of so many bits per second, connected.
fn relayed(rate: u64, channel: Option<u16>) -> World {
    let mut world = World::new(Setup::default());
    let ends = TurnEnds::new(address(VIEWER), address(GATEWAY), channel, world.now);
    world.pipe = Some(Pipe::relayed(ends, rate, world.now));
    world.camera_ran(3 * SECOND);
    world.connect();
    world
}

fn renew(world: &mut World) {
    let now = world.now;
    let ends = world.pipe.as_mut().and_then(|pipe| pipe.turn.as_mut());
    assert!(ends.unwrap().renew(now));
}

#[test]
fn every_picture_comes_by_the_relay_at_once() {
    for channel in [Some(0x4001), None] {
        let mut world = relayed(50_000_000, channel);
        world.run(20 * SECOND);
        assert_eq!(world.session.protocol(), Some(Protocol::TurnTls));
        world.assert_undamaged(500);
        let figures = world.session.figures();
        assert_eq!((figures.skips, figures.overflows), (0, 0));
        assert_eq!((figures.padding_packets, figures.retransmits), (0, 0));
        let units = world.viewer.video.access_units();
        let recent = units
            .iter()
            .filter(|unit| unit.at + 15 * SECOND >= world.now);
        let oldest = recent.map(|unit| unit.at - world.frame_time(unit.timestamp));
        assert!(oldest.max().unwrap() < 100 * MS);
    }
}

#[test]
fn a_thin_relay_loses_whole_gops() {
    let mut world = relayed(250_000, Some(0x4001));
    world.run(40 * SECOND);
    let figures = world.session.figures();
    assert!(figures.skips > 0, "{figures:?}");
    assert_eq!(world.viewer.video.lost(), 0);
    assert_eq!(world.session.state(), SessionState::Connected);
}

#[test]
fn the_relay_goes_on_while_it_is_renewed_and_ends_when_it_is_not() {
    let mut world = relayed(50_000_000, None);
    for _ in 0..4 {
        world.run(240 * SECOND);
        renew(&mut world);
    }
    assert_eq!(world.session.state(), SessionState::Connected);
    let before = world.viewer.video.access_units().len();
    world.run(10 * SECOND);
    assert!(world.viewer.video.access_units().len() >= before + 245);
    // The permission lapses: nothing goes to the viewer, which ends as one that has left.
    world.run(340 * SECOND);
    assert_eq!(world.session.state(), SessionState::Closed);
}

#[test]
fn a_relay_that_breaks_leaves_the_way_over_udp() {
    let mut world = relayed(50_000_000, Some(0x4001));
    world.run(3 * SECOND);
    let lost = world.pipe.take().unwrap().remote;
    world.with_session(|session, io| session.handle_lost(lost, io));
    world.run(10 * SECOND);
    assert_eq!(world.session.protocol(), Some(Protocol::Udp));
    assert!(world.session.figures().estimate.is_some());
}
