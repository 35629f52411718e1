//! What one viewer may take of the worker at once, and what it gets where the worker is late.

use std::time::Duration;

use rtsp_webrtc_gateway::internals::media::{AccessUnit, RingLimits};

use crate::world::{LIMITS, STREAM, Setup, World};

#[test]
fn a_backlog_of_tiny_frames_leaves_in_turns() {
    const FRAMES: u64 = 10_000;
    let mut world = World::new(Setup {
        pacing: None,
        congestion: false,
        ..Setup::default()
    });
    world.connect();
    world.run(Duration::from_millis(500));
    world.camera_on = false;
    world.run(Duration::from_secs(1));
    let before = world.session.figures().packets;
    for frame in 0..FRAMES as i64 {
        world.video.push(&AccessUnit {
            data: &[0, 0, 0, 3, 0x41, 0x9a, 0x10],
            timestamp: 900_000 + 90 * frame,
            arrival: world.now,
            captured: None,
        });
    }
    let (mut turns, mut most) = (0, 0);
    loop {
        let sent = world.session.figures().packets;
        let mut due = None;
        world.with_session(|session, io| due = session.send(STREAM, None, io));
        most = most.max(world.session.figures().packets - sent);
        turns += 1;
        // Others have their turn, and it goes on at once.
        if due.is_none_or(|at| at > world.now) {
            break;
        }
    }
    assert_eq!(world.session.figures().packets - before, FRAMES);
    assert!(most <= 1100, "{most}");
    assert!(turns >= 10, "{turns}");
}

/// Frames that have waited for so long, then a keyframe and more. What is sent of them, and how often some
/// were left out.
fn waited(late: bool, time: Duration) -> (u64, u64) {
    let mut world = World::new(Setup {
        pacing: None,
        congestion: false,
        ..Setup::default()
    });
    // What has waited is still there.
    world.video.ring_mut().set_limits(RingLimits {
        history: LIMITS.duration,
        ..LIMITS
    });
    world.connect();
    world.run(Duration::from_millis(500));
    world.camera_on = false;
    world.run(Duration::from_secs(1));
    let before = world.session.figures().packets;
    for frame in 0..60 {
        let header = if frame == 50 { 0x65 } else { 0x41 };
        world.video.push(&AccessUnit {
            data: &[0, 0, 0, 3, header, 0x9a, 0x10],
            timestamp: 900_000 + 3600 * frame,
            arrival: world.now - if frame < 50 { time } else { Duration::ZERO },
            captured: None,
        });
    }
    world.late = late;
    world.with_session(|session, io| {
        session.send(STREAM, None, io);
    });
    let figures = world.session.figures();
    (figures.packets - before, figures.sheds)
}

#[test]
fn frames_that_are_seconds_late_are_left_out_up_to_a_keyframe_while_the_worker_has_no_time() {
    let (all, sheds) = waited(false, Duration::from_secs(3));
    assert!(all >= 60 && sheds == 0, "{all} {sheds}");
    assert_eq!(waited(true, Duration::from_millis(1500)), (all, 0));
    assert_eq!(waited(true, Duration::from_secs(3)), (all - 50, 1));
}
