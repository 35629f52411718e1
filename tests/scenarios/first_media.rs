//! How long the first packet of media takes from the answer: three round trips, and nothing waits besides.
//!
//! 1. The viewer's first check, and our answer: the viewer may begin with DTLS. Our check goes along, and is answered with
//!    what follows.
//! 2. ClientHello, and our flight from ServerHello to ServerHelloDone: without a HelloVerifyRequest, because the check has
//!    shown where the viewer is.
//! 3. The viewer's flight from Certificate to Finished, and our Finished with the first media right behind it.

use std::time::Duration;

use rtsp_webrtc_gateway::state::SessionState;
use testkit::net::Link;

use crate::world::{GATEWAY, Setup, VIEWER, World, address};

const SECOND: Duration = Duration::from_secs(1);
/// After this time the viewer repeats a check or a flight.
pub const REPEAT: Duration = Duration::from_millis(50);

fn world(round_trip: Duration) -> World {
    world_of(Setup::default(), round_trip)
}

/// A viewer that comes while a camera plays, with this round trip to it.
pub fn world_of(setup: Setup, round_trip: Duration) -> World {
    let mut world = World::new(setup);
    world.network.set_default_link(Link {
        delay: round_trip / 2,
        ..Link::default()
    });
    world.camera_ran(SECOND);
    world
}

/// When the first packet came, from the answer on.
pub fn first_media(world: &mut World) -> Duration {
    let answered = world.now;
    let first = |world: &World| Some(world.viewer.video.packets().next()?.at);
    world.run_till(5 * SECOND, |world| first(world).is_some());
    first(world).expect("media") - answered
}

#[test]
fn three_round_trips_and_no_more() {
    for round_trip in [0, 10, 50, 100, 200] {
        let round_trip = Duration::from_millis(round_trip);
        let mut world = world(round_trip);
        assert_eq!(first_media(&mut world), 3 * round_trip);
        assert_eq!(world.session.state(), SessionState::Connected);
    }
}

/// Loses each of the first datagrams of such a world.
pub fn a_lost_datagram_costs_one_repetition_in(world: impl Fn(Duration) -> World) {
    for round_trip in [50, 100] {
        let round_trip = Duration::from_millis(round_trip);
        for (from, to) in [(VIEWER, GATEWAY), (GATEWAY, VIEWER)] {
            for n in 0..10 {
                let mut world = world(round_trip);
                world.network.drop_nth(address(from), address(to), n);
                let took = first_media(&mut world);
                let most = 3 * round_trip + 2 * REPEAT;
                assert!(
                    took <= most,
                    "{took:?} at {round_trip:?} without {n} of {from}"
                );
            }
        }
    }
}

#[test]
fn a_lost_datagram_costs_one_repetition() {
    a_lost_datagram_costs_one_repetition_in(world);
}

#[test]
fn a_flight_that_is_too_large_for_an_address_leaves_with_its_proof() {
    let round_trip = Duration::from_millis(40);
    let mut world = world(round_trip);
    // One of its first two checks, the answer to our first one, and the ClientHello when it is repeated.
    for n in [1, 2, 4] {
        world.network.drop_nth(address(VIEWER), address(GATEWAY), n);
    }
    assert_eq!(first_media(&mut world), 3 * round_trip + REPEAT);
}

#[test]
fn what_a_viewer_repeats_says_nothing_of_the_round_trip() {
    // The ClientHello comes again just before our flight is answered.
    let round_trip = REPEAT + Duration::from_millis(3);
    let mut world = world(round_trip);
    first_media(&mut world);
    assert_eq!(world.session.figures().round_trip, Some(round_trip));
}
