//! Lost packets are asked for and sent again.

use std::time::Duration;

use testkit::net::Link;
use testkit::viewer::ViewerConfig;

use crate::world::{GATEWAY, Setup, VIEWER, World, address};

fn lossy(loss: f64, setup: Setup) -> World {
    let mut world = World::new(setup);
    world.connect();
    let link = Link {
        delay: Duration::from_millis(10),
        loss,
        ..Link::default()
    };
    world
        .network
        .set_link(address(GATEWAY), address(VIEWER), link);
    world.run(Duration::from_secs(20));
    // Let the last questions be answered.
    world.switch_camera(false);
    world.run(Duration::from_secs(1));
    world
}

#[test]
fn five_percent_loss_is_repaired_by_rtx() {
    let world = lossy(0.05, Setup::default());
    assert!(world.viewer.video.by_rtx > 20);
    assert_eq!(world.viewer.video.lost(), 0);
    world.assert_undamaged(450);
}

#[test]
fn without_rtx_the_same_packet_comes_again() {
    let viewer = ViewerConfig {
        rtx: false,
        ..ViewerConfig::chromium()
    };
    let world = lossy(
        0.05,
        Setup {
            viewer,
            ..Setup::default()
        },
    );
    assert_eq!(world.viewer.video.by_rtx, 0);
    assert!(world.viewer.video.recovered > 20);
    world.assert_undamaged(450);
}

#[test]
fn with_nack_off_nothing_is_repeated() {
    let world = lossy(
        0.05,
        Setup {
            nack: false,
            ..Setup::default()
        },
    );
    assert!(world.session.stats().nacks > 0);
    assert_eq!(world.session.sent().retransmits, 0);
    assert!(world.viewer.video.lost() > 0);
}

#[test]
fn a_greedy_viewer_gets_each_packet_once_per_round_trip() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_secs(1));
    let sequence = world.viewer.video.packets().last().unwrap().sequence as u16;
    let nack = testkit::viewer::nack(world.viewer.video.ssrc(), &[sequence]);
    let before = world.session.sent().retransmits;
    for _ in 0..1000 {
        world.viewer.send_rtcp(&nack);
    }
    world.run(Duration::from_millis(1));
    assert_eq!(world.session.sent().retransmits, before + 1);
}

#[test]
fn a_viewer_that_wants_everything_again_gets_a_bounded_share() {
    const TIME: Duration = Duration::from_secs(10);
    let mut world = World::new(Setup::default());
    world.connect();
    let bytes_of = |world: &mut World, greedy: bool| {
        let before = world.session.sent().bytes;
        let until = world.now + TIME;
        while world.now < until {
            if greedy {
                let sequences: Vec<_> = world.viewer.video.packets().map(|p| p.sequence).collect();
                let last = &sequences[sequences.len().saturating_sub(100)..];
                let last: Vec<u16> = last.iter().map(|&sequence| sequence as u16).collect();
                let nack = testkit::viewer::nack(world.viewer.video.ssrc(), &last);
                world.viewer.send_rtcp(&nack);
            }
            world.run(Duration::from_millis(50));
        }
        world.session.sent().bytes - before
    };
    let usual = bytes_of(&mut world, false);
    // The budget for a burst of loss is spent first.
    bytes_of(&mut world, true);
    let greedy = bytes_of(&mut world, true);
    assert!(greedy > usual * 12 / 10, "{greedy} instead of {usual}");
    let least = 64 * 1024 * TIME.as_secs();
    assert!(
        greedy < usual + least * 12 / 10,
        "{greedy} instead of {usual}"
    );
}
