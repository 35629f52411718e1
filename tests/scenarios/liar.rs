//! A viewer that is authenticated, and says what it likes.

use std::time::Duration;

use rtsp_webrtc_gateway::state::{SessionState, StreamId, VariantChoice, ViewerLimits};

use crate::thin::{MAIN, MS, SECOND};
use crate::world::camera::{Camera, Frames};
use crate::world::{STREAM, Setup, World, beginning};

const SUB: StreamId = StreamId(2);

fn connected(sub: bool) -> World {
    let mut setup = Setup {
        frames: Some(MAIN),
        ..Setup::default()
    };
    if sub {
        let frames = Frames {
            sizes: (4_500, 435),
            ..MAIN
        };
        setup.variants = vec![STREAM, SUB];
        setup.cameras = vec![Camera::new(beginning(), SUB, frames)];
    }
    let mut world = World::new(setup);
    world.camera_ran(5 * SECOND);
    world.connect();
    world
}

/// Bytes that an honest viewer is sent in so much time after it has connected.
fn honest(sub: bool, time: Duration) -> u64 {
    let mut world = connected(sub);
    world.run(time);
    world.session.figures().bytes
}

/// The SSRCs of video and its retransmissions are the first two of a world.
fn nack_all(ssrc: u32, from: u16) -> Vec<u8> {
    let mut bytes = vec![0x81, 205, 0, 2 + 60, 0, 0, 0, 1];
    bytes.extend(ssrc.to_be_bytes());
    for pair in 0..60u16 {
        bytes.extend(from.wrapping_add(17 * pair).to_be_bytes());
        bytes.extend([0xff, 0xff]);
    }
    bytes
}

fn pli(ssrc: u32) -> Vec<u8> {
    let mut bytes = vec![0x81, 206, 0, 2, 0, 0, 0, 1];
    bytes.extend(ssrc.to_be_bytes());
    bytes
}

/// A report that says that nearly everything was lost.
fn report(ssrc: u32) -> Vec<u8> {
    let mut bytes = vec![0x81, 201, 0, 7, 0, 0, 0, 1];
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend([255, 0xff, 0xff, 0xff]);
    bytes.extend([0xff; 16]);
    bytes
}

#[test]
fn limits_that_change_all_the_time_send_little_more_than_the_stream() {
    let time = 10 * SECOND;
    let usual = honest(true, time);
    let mut world = connected(true);
    for n in 0..10_000u32 {
        let variant = match n % 4 {
            0 => VariantChoice::Only(STREAM),
            1 => VariantChoice::Only(SUB),
            2 => VariantChoice::AtMost(SUB),
            _ => VariantChoice::Auto,
        };
        world.session.set_limits(ViewerLimits {
            max_bitrate: [None, Some(1), Some(u64::MAX)][n as usize % 3],
            variant,
        });
        world.with_session(|session, io| session.handle_timeout(io));
        world.run(MS);
    }
    let figures = world.session.figures();
    println!("{usual} {figures:?}");
    assert_eq!(world.session.state(), SessionState::Connected);
    assert!(figures.bytes < 2 * usual, "{} of {usual}", figures.bytes);
}

#[test]
fn feedback_that_is_made_up_sends_little_more_than_the_stream() {
    let time = 10 * SECOND;
    let usual = honest(true, time);
    let ssrc = connected(true).viewer.video.ssrc();
    for lie in 0..6 {
        let mut world = connected(true);
        let mut random = fastrand::Rng::with_seed(lie);
        for n in 0..10_000u32 {
            let number = n as u8;
            let arrivals = |base: u16, count: u16, symbol: u16, reference: u32, delta: u8| {
                let mut bytes = vec![0x8f, 205, 0, 0, 0, 0, 0, 1];
                bytes.extend(ssrc.to_be_bytes());
                bytes.extend(base.to_be_bytes());
                bytes.extend(count.to_be_bytes());
                bytes.extend(&reference.to_be_bytes()[1..]);
                bytes.push(number);
                bytes.extend((symbol << 13 | count).to_be_bytes());
                bytes.extend(vec![delta; usize::from(count * symbol)]);
                bytes.resize(bytes.len().next_multiple_of(4), 0);
                let words = (bytes.len() / 4 - 1) as u16;
                bytes[2..4].copy_from_slice(&words.to_be_bytes());
                bytes
            };
            let base = random.u16(..);
            let compound = match lie {
                // Everything came at once, whatever it was; nothing came; the clock jumps.
                0 => arrivals(base, 500, 1, 7, 0),
                1 => arrivals(base, 4000, 0, n, 0),
                2 => arrivals(base, 500, 1, random.u32(..) >> 8, random.u8(..)),
                3 => nack_all(ssrc, base),
                4 => [pli(ssrc), report(ssrc), nack_all(ssrc, base)].concat(),
                _ => [
                    arrivals(base, 300, 1, 7 * n, 1),
                    pli(ssrc),
                    nack_all(ssrc, base),
                ]
                .concat(),
            };
            world.viewer.send_rtcp(&compound);
            world.run(MS);
        }
        let figures = world.session.figures();
        println!("{lie}: {usual} {figures:?}");
        assert_eq!(world.session.state(), SessionState::Connected);
        // What is more than a viewer can have to say is not read, the viewer's own reports among it.
        assert!(figures.rejected < 10_200, "{lie}: {figures:?}");
        assert!(
            figures.bytes < 4 * usual,
            "{lie}: {} of {usual}",
            figures.bytes
        );
    }
}
