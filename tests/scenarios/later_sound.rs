//! A camera whose microphone is switched on while a viewer watches, and off again.

use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::internals::media::Codec;
use rtsp_webrtc_gateway::state::{StreamId, VariantChoice, ViewerLimits};
use testkit::net::Link;
use testkit::samples::Sample;
use testkit::viewer::{Packet, ViewerConfig};

use crate::world::camera::{Camera, Frames};
use crate::world::{STREAM, Setup, World, beginning};

const SECOND: Duration = Duration::from_secs(1);

/// The maximum of the playout-delay header extension, which the viewer's offer gives the id 5.
fn most_delay(packet: &Packet) -> Option<u8> {
    let mut words = packet.extension.chunks(4);
    words.find(|word| word[0] == 5 << 4 | 2).map(|word| word[3])
}

/// The maximum delays that the pictures said in this part of the scenario, each once.
fn delays(world: &World, from: Instant) -> Vec<Option<u8>> {
    let packets = world.viewer.video.packets();
    let mut delays: Vec<_> = packets
        .filter(|packet| packet.at >= from)
        .map(most_delay)
        .collect();
    delays.dedup();
    delays
}

fn reports(world: &World, from: Instant) -> usize {
    let ssrc = world.viewer.audio.ssrc();
    let reports = world.viewer.sender_reports.iter();
    reports
        .filter(|&&(at, of, ..)| at >= from && of == ssrc)
        .count()
}

fn sound_comes_and_goes(codec: Codec, payload_type: u8, units: Vec<Vec<u8>>) {
    let mut world = World::new(Setup {
        audio: (codec, units.clone()),
        silent: true,
        ..Setup::default()
    });
    world.connect();
    world.run(3 * SECOND);
    let begun = world.now;
    assert_ne!(world.viewer.audio.ssrc(), 0, "nothing was answered");
    assert_eq!(world.viewer.audio.count(), 0);
    assert_eq!(reports(&world, world.start), 0);
    assert_eq!(delays(&world, world.start), [Some(0)]);
    assert!(!world.session.has_sound());

    world.switch_sound(true);
    world.run(5 * SECOND);
    let sounds = world.viewer.audio.access_units();
    assert!(sounds.len() > 240, "{} frames of sound", sounds.len());
    assert_eq!(world.viewer.audio.lost(), 0);
    assert!(sounds.iter().all(|sound| units.contains(&sound.nals[0])));
    for packet in world.viewer.audio.packets() {
        assert_eq!(packet.payload_type, payload_type);
    }
    let ticks = codec.clock_rate() / 50;
    for pair in sounds.windows(2) {
        assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp), ticks);
    }
    assert!((4..=6).contains(&reports(&world, begun)));
    assert_eq!(delays(&world, begun + 2 * SECOND), [Some(20)]);
    assert!(world.session.has_sound());

    world.switch_sound(false);
    world.run(5 * SECOND);
    let ended = world.now;
    assert_eq!(reports(&world, begun + 7 * SECOND), 0);
    assert_eq!(delays(&world, begun + 7 * SECOND), [Some(0)]);
    assert!(!world.session.has_sound());

    world.switch_sound(true);
    world.run(2 * SECOND);
    let again = world.viewer.audio.packets();
    assert!(again.filter(|packet| packet.at > ended).count() > 95);
    assert_eq!(world.viewer.audio.lost(), 0);
    assert!(reports(&world, ended) > 0);
    world.assert_undamaged(370);
    assert_eq!(world.viewer.undecryptable, 0);
}

#[test]
fn pcmu_begins_later() {
    sound_comes_and_goes(Codec::Pcmu, 0, vec![vec![0xff; 160]]);
}

#[test]
fn opus_begins_later() {
    let units = Sample::Opus.units();
    let units = units.iter().map(|unit| unit.to_vec()).collect();
    sound_comes_and_goes(Codec::Opus, 111, units);
}

#[test]
fn a_leg_that_never_sent_anything_ends_as_any_other() {
    let mut world = World::new(Setup {
        silent: true,
        ..Setup::default()
    });
    world.connect();
    world.run(SECOND);
    world.with_session(|session, io| session.close(io));
    world.run(SECOND);
    let ssrcs = [world.viewer.video.ssrc(), world.viewer.audio.ssrc()];
    assert_eq!(world.viewer.byes, ssrcs);
    assert!(world.viewer.is_closed());
}

/// A packet that is sent again under its index is the same to the last bit: with AES-GCM, two that differ
/// give the key of the tags away. The network of the world checks that.
#[test]
fn what_is_sent_again_is_what_was_sent_before_the_sound_began() {
    let mut world = World::new(Setup {
        viewer: ViewerConfig {
            rtx: false,
            ..ViewerConfig::chromium()
        },
        silent: true,
        ..Setup::default()
    });
    world.connect();
    world.network.set_default_link(Link {
        loss: 0.1,
        delay: Duration::from_millis(30),
        ..Link::default()
    });
    for second in 0..20 {
        world.switch_sound(second % 2 == 1);
        world.run(SECOND);
    }
    let repeated = world.session.figures().retransmits;
    assert!(repeated > 50, "{repeated}");
}

/// A viewer of a substream needs the main stream for its sound only.
#[test]
fn a_viewer_of_a_substream_wants_the_main_stream_once_that_has_sound() {
    const SUB: StreamId = StreamId(2);
    let frames = Frames {
        codec: Codec::H264,
        sizes: (4_500, 435),
        gop: 25,
        first: 0,
        disposable: false,
        small: false,
    };
    let mut world = World::new(Setup {
        frames: Some(frames),
        variants: vec![STREAM, SUB],
        cameras: vec![Camera::new(beginning(), SUB, frames)],
        silent: true,
        ..Setup::default()
    });
    world.session.set_limits(ViewerLimits {
        variant: VariantChoice::Only(SUB),
        ..ViewerLimits::default()
    });
    world.connect();
    world.run(5 * SECOND);
    assert_eq!(world.wanted, [SUB]);
    world.switch_sound(true);
    world.run(3 * SECOND);
    assert!(world.wanted.contains(&STREAM), "{:?}", world.wanted);
    assert!(world.viewer.audio.count() > 90);
    world.switch_sound(false);
    world.run(3 * SECOND);
    assert_eq!(world.wanted, [SUB]);
}
