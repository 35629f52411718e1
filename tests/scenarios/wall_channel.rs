//! The data channel of a wall, against the SCTP of `rtc`.

use std::time::Duration;

use rtsp_webrtc_gateway::internals::session::data::ChannelEvent;
use rtsp_webrtc_gateway::{Status, state::SessionState};
use testkit::net::Link;
use testkit::viewer::Channels;

use crate::thin::{MS, SECOND};
use crate::world::{Setup, World};

/// A world in which the viewer has connected, behind such a link in both directions.
fn connected(link: Link) -> World {
    let mut world = World::new(Setup {
        data: true,
        ..Setup::default()
    });
    world.connect();
    world.network.set_default_link(link);
    world.viewer.connect_channels(world.now);
    world
}

/// And opened the channel.
fn opened(link: Link) -> World {
    let mut world = connected(link);
    world.run_till(10 * SECOND, |world| {
        world.viewer.channels.as_ref().unwrap().is_connected()
    });
    channels(&mut world, |channels, now| {
        channels.open(now, 0, "wall", "wall.1")
    });
    world.run_till(10 * SECOND, |world| {
        world.viewer.channels.as_ref().unwrap().is_open(0)
    });
    assert_eq!(world.channel, [ChannelEvent::Opened]);
    world.channel.clear();
    world
}

/// Does something with the viewer's channels.
fn channels<R>(world: &mut World, work: impl FnOnce(&mut Channels, std::time::Instant) -> R) -> R {
    let result = work(world.viewer.channels.as_mut().unwrap(), world.now);
    world.viewer.drive_channels(world.now);
    result
}

fn send(world: &mut World, text: &str) -> Result<(), Status> {
    let mut result = Ok(());
    world.with_session(|session, io| result = session.send_message(text, io));
    result.map_err(|error| error.status())
}

fn received(world: &World) -> Vec<&str> {
    let all = &world.viewer.channels.as_ref().unwrap().received;
    all.iter().map(|(_, text)| text.as_str()).collect()
}

fn delayed(delay: Duration) -> Link {
    Link {
        delay,
        ..Link::default()
    }
}

/// Texts of all sizes up to 64 KiB.
fn texts() -> Vec<String> {
    let sizes = [1, 100, 1072, 1073, 20_000, 65_536, 3];
    let text = |(n, size): (usize, usize)| char::from(b'a' + n as u8).to_string().repeat(size);
    sizes.into_iter().enumerate().map(text).collect()
}

#[test]
fn messages_go_both_ways_over_good_links_and_bad_ones() {
    let bad = Link {
        loss: 0.1,
        delay: 50 * MS,
        jitter: 30 * MS,
        ..Link::default()
    };
    for link in [delayed(20 * MS), bad] {
        let mut world = opened(link);
        let texts = texts();
        for text in &texts {
            assert_eq!(send(&mut world, text), Ok(()));
            assert!(channels(&mut world, |channels, now| channels.send(now, 0, text)));
        }
        let count = texts.len();
        world.run_till(60 * SECOND, |world| {
            received(world).len() == count && world.channel.len() == count
        });
        assert_eq!(received(&world), texts);
        let expected = texts
            .iter()
            .map(|text| ChannelEvent::Message(text.clone().into()));
        assert!(world.channel.iter().cloned().eq(expected), "other messages");
        assert_eq!(world.session.figures().rejected, 0);
    }
}

#[test]
fn a_channel_can_be_closed_and_opened_again_and_others_cannot() {
    let mut world = opened(delayed(10 * MS));
    channels(&mut world, |channels, now| {
        channels.open(now, 2, "chat", "")
    });
    world.run_till(5 * SECOND, |world| world.session.figures().rejected == 1);
    world.run(SECOND);
    channels(&mut world, |channels, _| {
        assert!(!channels.is_open(2) && channels.is_open(0));
    });
    channels(&mut world, |channels, now| channels.close(now, 0));
    world.run_till(5 * SECOND, |world| !world.channel.is_empty());
    assert_eq!(world.channel, [ChannelEvent::Closed(None)]);
    assert_eq!(send(&mut world, "late"), Err(Status::InvalidState));
    world.run(SECOND);
    channels(&mut world, |channels, now| {
        channels.open(now, 4, "wall", "wall.1")
    });
    world.run_till(5 * SECOND, |world| world.channel.len() == 2);
    assert_eq!(send(&mut world, "again"), Ok(()));
    world.run_till(5 * SECOND, |world| !received(world).is_empty());
    assert_eq!(received(&world), ["again"]);
}

#[test]
fn a_session_without_a_channel_has_none() {
    let mut world = World::playing(20 * MS);
    let before = world.session.figures().rejected;
    world.viewer.connect_channels(world.now);
    world.run(5 * SECOND);
    assert!(!world.viewer.channels.as_ref().unwrap().is_connected());
    assert_eq!(send(&mut world, "hello"), Err(Status::InvalidState));
    assert_eq!(world.session.figures().rejected, before);
    assert_eq!(world.session.state(), SessionState::Connected);
}

#[test]
fn a_message_that_is_too_large_closes_the_channel_and_nothing_else() {
    let mut world = opened(delayed(10 * MS));
    let large = "x".repeat(10 << 20);
    channels(&mut world, |channels, now| channels.send(now, 0, &large));
    world.run_till(60 * SECOND, |world| !world.channel.is_empty());
    let why = Some("a message has more than 64 KiB");
    assert_eq!(world.channel, [ChannelEvent::Closed(why)]);
    // The message, and what was still on its way.
    assert!((1..1000).contains(&world.session.figures().rejected));
    world.run_till(5 * SECOND, |world| {
        world.viewer.channels.as_ref().unwrap().is_lost()
    });
    world.run(2 * SECOND);
    assert_eq!(world.session.state(), SessionState::Connected);
    world.assert_undamaged(50);
}

#[test]
fn a_viewer_that_does_not_acknowledge_loses_the_channel_and_nothing_else() {
    let mut world = opened(delayed(10 * MS));
    // It takes no notice of what comes any more.
    world.viewer.channels = None;
    let queued = (0..1000)
        .take_while(|_| send(&mut world, &"y".repeat(1000)).is_ok())
        .count();
    assert!((100..300).contains(&queued), "{queued}");
    assert_eq!(send(&mut world, &"y".repeat(1000)), Err(Status::QueueFull));
    world.run_till(120 * SECOND, |world| !world.channel.is_empty());
    let why = Some("what was sent was not acknowledged for a minute");
    assert_eq!(world.channel, [ChannelEvent::Closed(why)]);
    assert_eq!(world.session.state(), SessionState::Connected);
    world.run(2 * SECOND);
    world.assert_undamaged(1000);
}

#[test]
fn a_flood_that_nobody_reads_stays_with_the_viewer() {
    let mut world = opened(delayed(10 * MS));
    world.reads = false;
    for n in 0..5000 {
        let text = format!("{n:0100}");
        channels(&mut world, |channels, now| channels.send(now, 0, &text));
    }
    world.run(5 * SECOND);
    world.reads = true;
    world.with_session(|_, _| ());
    // 96 KiB wait, and what came ahead.
    let waited = world.channel.len();
    assert!((300..1500).contains(&waited), "{waited}");
    world.run_till(60 * SECOND, |world| world.channel.len() == 5000);
    world.assert_undamaged(100);
}

#[test]
fn a_roaming_viewer_keeps_its_channel() {
    let mut world = opened(delayed(10 * MS));
    world.run(SECOND);
    world
        .viewer
        .roam(world.now, "203.0.113.9:7000".parse().unwrap());
    assert_eq!(send(&mut world, "where are you?"), Ok(()));
    world.run_till(20 * SECOND, |world| !received(world).is_empty());
    assert!(channels(&mut world, |channels, now| channels.send(now, 0, "here")));
    world.run_till(20 * SECOND, |world| !world.channel.is_empty());
}
