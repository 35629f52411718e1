//! Lost packets are asked for and sent again.

use std::time::Duration;

use rtsp_webrtc_gateway::internals::media::{Codec, RingLimits};
use testkit::net::Link;
use testkit::viewer::ViewerConfig;

use crate::world::{GATEWAY, LIMITS, Setup, VIEWER, World, address};

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

/// Audio that goes through a link that loses a tenth of it, to a viewer that asks for it again.
fn lossy_audio(codec: (Codec, Vec<Vec<u8>>), audio_rtx: bool) -> World {
    let viewer = ViewerConfig {
        nack: false,
        rtx: false,
        audio_nack: true,
        audio_rtx,
        ..ViewerConfig::chromium()
    };
    let world = lossy(
        0.1,
        Setup {
            viewer,
            audio: codec,
            ..Setup::default()
        },
    );
    let audio = &world.viewer.audio;
    assert!(audio.count() > 950, "{}", audio.count());
    assert!(audio.recovered > 50, "{}", audio.recovered);
    assert_eq!(audio.lost(), 0);
    let figures = world.session.figures();
    assert!(figures.retransmits >= audio.recovered);
    world
}

#[test]
fn audio_comes_again_too() {
    let pcmu = (Codec::Pcmu, vec![vec![0xff; 160]]);
    let world = lossy_audio(pcmu, false);
    assert_eq!(world.viewer.audio.by_rtx, 0);
    // Nobody asked for video again.
    assert!(world.viewer.video.lost() > 0);
}

#[test]
fn audio_comes_again_on_its_own_rtx_stream() {
    let opus = (Codec::Opus, vec![vec![0x78; 80], vec![0x79; 90]]);
    let world = lossy_audio(opus, true);
    assert!(world.viewer.audio.by_rtx > 50);
}

#[test]
fn audio_without_nack_in_the_answer_is_not_repeated() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_secs(1));
    let sequence = world.viewer.audio.packets().last().unwrap().sequence as u16;
    let nack = testkit::viewer::nack(world.viewer.audio.ssrc(), &[sequence]);
    world.viewer.send_rtcp(&nack);
    world.run(Duration::from_millis(1));
    let figures = world.session.figures();
    assert_eq!((figures.nacks, figures.retransmits), (1, 0));
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
    assert!(world.session.figures().nacks > 0);
    assert_eq!(world.session.figures().retransmits, 0);
    assert!(world.viewer.video.lost() > 0);
}

#[test]
fn a_greedy_viewer_gets_each_packet_once_per_round_trip() {
    let mut world = World::new(Setup::default());
    world.connect();
    world.run(Duration::from_secs(1));
    let sequence = world.viewer.video.packets().last().unwrap().sequence as u16;
    let nack = testkit::viewer::nack(world.viewer.video.ssrc(), &[sequence]);
    let before = world.session.figures().retransmits;
    for _ in 0..1000 {
        world.viewer.send_rtcp(&nack);
    }
    world.run(Duration::from_millis(1));
    assert_eq!(world.session.figures().retransmits, before + 1);
}

#[test]
fn a_viewer_that_asks_for_everything_over_and_over_gets_no_more_than_was_sent() {
    let mut world = World::new(Setup::default());
    world.video.ring_mut().set_limits(RingLimits {
        history: Duration::from_secs(5),
        ..LIMITS
    });
    world.connect();
    world.run(Duration::from_secs(5));
    let newest = world.viewer.video.packets().last().unwrap().sequence;
    let oldest = newest.saturating_sub(127);
    // More than are remembered one by one.
    let sequences: Vec<u16> = (oldest..=newest).map(|n| n as u16).collect();
    let nack = testkit::viewer::nack(world.viewer.video.ssrc(), &sequences);
    let sent = world.session.figures();
    let first_time = sent.packets - sent.retransmits;
    for _ in 0..200 {
        world.viewer.send_rtcp(&nack);
    }
    world.run(Duration::from_millis(1));
    let sent = world.session.figures().retransmits;
    assert!(sent >= 128 && sent <= first_time, "{sent} of {first_time}");
}
