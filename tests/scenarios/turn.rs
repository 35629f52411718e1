//! Viewers whose network lets nothing but HTTPS pass, so that media goes by TURN over one connection; and viewers that are
//! told to use relays alone, over UDP as well.

use std::time::Duration;

use rtsp_webrtc_gateway::internals::session::Carrier;
use rtsp_webrtc_gateway::state::{Protocol, SessionState};
use testkit::net::Link;

use crate::world::pipe::Pipe;
use crate::world::relayed::TurnEnds;
use crate::world::{GATEWAY, Setup, VIEWER, World, address};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A viewer that relays over a connection of so many bits per second, connected.
fn relayed(rate: u64, channel: Option<u16>) -> World {
    let mut world = World::new(Setup::default());
    let client = (address(VIEWER), Carrier::Tls);
    let ends = TurnEnds::new(client, address(GATEWAY), channel, world.now);
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

/// A viewer that relays over UDP through this link, connected.
fn relayed_over_udp(link: Link, channel: Option<u16>) -> World {
    let mut world = World::new(Setup::default());
    let client = (address(VIEWER), Carrier::Udp);
    world.relay = Some(TurnEnds::new(client, address(GATEWAY), channel, world.now));
    world.network.set_default_link(link);
    world.camera_ran(3 * SECOND);
    world.connect();
    world
}

#[test]
fn by_a_relay_over_udp_every_picture_comes_at_once_and_what_is_lost_comes_again() {
    for (channel, loss) in [(Some(0x4001), 0.0), (None, 0.0), (Some(0x4fff), 0.02)] {
        let link = Link {
            delay: 20 * MS,
            loss,
            ..Link::default()
        };
        let mut world = relayed_over_udp(link, channel);
        world.run(20 * SECOND);
        // What is on its way is not lost.
        let link = Link { loss: 0.0, ..link };
        world.network.set_default_link(link);
        world.run(SECOND);
        assert_eq!(world.session.protocol(), Some(Protocol::TurnUdp));
        assert_eq!(world.session.remote(), Some(address(VIEWER)));
        world.assert_undamaged(500);
        let figures = world.session.figures();
        assert_eq!((figures.skips, figures.overflows), (0, 0));
        assert_eq!(figures.retransmits > 0, loss > 0.0);
        assert!(figures.estimate.is_some(), "measured as over UDP");
    }
}

#[test]
fn a_relay_over_udp_that_is_not_renewed_gets_nothing_more() {
    let mut world = relayed_over_udp(Link::default(), None);
    world.run(290 * SECOND);
    assert_eq!(world.session.state(), SessionState::Connected);
    world.run(60 * SECOND);
    assert_eq!(world.session.state(), SessionState::Closed);
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
