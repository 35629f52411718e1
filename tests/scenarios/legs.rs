//! The legs of a session may send different streams.

use std::time::Duration;

use rtsp_webrtc_gateway::state::StreamId;

use crate::world::{STREAM, Setup, World};

const OTHER: StreamId = StreamId(2);

fn two_streams() -> World {
    let mut world = World::new(Setup {
        audio_stream: OTHER,
        pacing: None,
        ..Setup::default()
    });
    world.connect();
    world.run(Duration::from_secs(3));
    world
}

#[test]
fn of_two_streams_both_play() {
    let world = two_streams();
    world.assert_undamaged(70);
    let audio = &world.viewer.audio;
    assert!(audio.count() >= 145, "{}", audio.count());
    assert_eq!(audio.lost(), 0);
    for ssrc in [world.viewer.video.ssrc(), audio.ssrc()] {
        let reports = world.viewer.sender_reports.iter();
        let reports = reports.filter(|&&(_, of, _, _)| of == ssrc).count();
        assert!((2..=3).contains(&reports), "{reports}");
    }
}

#[test]
fn an_access_unit_goes_to_the_legs_of_its_stream_alone() {
    let mut world = two_streams();
    world.switch_camera(true);
    world.play_camera();
    let sent = |world: &mut World, stream| {
        let before = world.session.figures().packets;
        world.with_session(|session, io| {
            session.send(stream, None, io);
        });
        world.session.figures().packets - before
    };
    assert!(sent(&mut world, STREAM) > 0);
    assert_eq!(sent(&mut world, STREAM), 0);
    assert_eq!(sent(&mut world, OTHER), 1, "the audio waited for its own");
    assert_eq!(sent(&mut world, StreamId(3)), 0);
}
