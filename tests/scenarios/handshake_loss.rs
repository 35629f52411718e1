//! Every single datagram of the handshake lost in turn: the session still connects.

use std::time::Duration;

use crate::world::{GATEWAY, Setup, VIEWER, World, address};

fn connects_without(from: &str, to: &str, n: u64) {
    let mut world = World::new(Setup::default());
    world.network.drop_nth(address(from), address(to), n);
    world.connect();
    world.run(Duration::from_secs(3));
    let elapsed = world.viewer.video.packets().next().unwrap().at - world.start;
    assert!(
        elapsed < Duration::from_secs(1),
        "first packet after {elapsed:?} without datagram {n} from {from}"
    );
}

#[test]
fn any_datagram_of_the_viewer_may_be_lost() {
    for n in 0..8 {
        connects_without(VIEWER, GATEWAY, n);
    }
}

#[test]
fn any_datagram_of_the_gateway_may_be_lost() {
    for n in 0..8 {
        connects_without(GATEWAY, VIEWER, n);
    }
}
