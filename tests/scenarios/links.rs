//! Unsteady links: burst loss and outages.

use std::time::Duration;

use testkit::net::{Bandwidth, Bursts, Link, Step};

use crate::world::{GATEWAY, Setup, VIEWER, World, address};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn burst_loss_is_repaired() {
    let mut world = World::new(Setup::default());
    world.connect();
    let link = Link {
        delay: Duration::from_millis(15),
        jitter: Duration::from_millis(5),
        // 5 % of the packets, five at a time.
        bursts: Some(Bursts {
            start: 0.01,
            stop: 0.2,
            loss: 1.0,
        }),
        ..Link::default()
    };
    let (gateway, viewer) = (address(GATEWAY), address(VIEWER));
    world.network.set_link(gateway, viewer, link);
    world.run(30 * SECOND);
    let lost = world.network.counts(gateway, viewer).lost;
    let without_bursts = Link {
        bursts: None,
        ..link
    };
    world.network.set_link(gateway, viewer, without_bursts);
    world.run(SECOND);
    assert!(lost > 50, "{lost} lost");
    world.assert_undamaged(25 * 29);
}

#[test]
fn a_short_outage_delays_packets_and_loses_none() {
    const STEPS: &[Step] = &[
        Step {
            lasts: Duration::from_secs(4),
            rate: 20_000_000,
        },
        Step {
            lasts: Duration::from_millis(400),
            rate: 0,
        },
    ];
    let mut world = World::new(Setup::default());
    world.connect();
    let link = Link {
        delay: Duration::from_millis(15),
        bandwidth: Bandwidth::Steps(STEPS),
        queue: SECOND,
        ..Link::default()
    };
    let (gateway, viewer) = (address(GATEWAY), address(VIEWER));
    world.network.set_link(gateway, viewer, link);
    world.run(20 * SECOND);
    assert_eq!(world.network.counts(gateway, viewer).overflowed, 0);
    assert_eq!(world.session.figures().retransmits, 0);
    let arrivals: Vec<_> = world
        .viewer
        .video
        .packets()
        .map(|packet| packet.at)
        .collect();
    let longest = arrivals.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(longest >= Some(Duration::from_millis(350)), "{longest:?}");
    world.assert_undamaged(25 * 19);
}
