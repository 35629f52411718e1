//! A session of the wall: slots that are bound to streams, and rebound in place.

use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::internals::media::{Codec, MediaKind};
use rtsp_webrtc_gateway::state::{QualityReason, SessionState, SlotView, StreamId};
use testkit::net::Link;

use crate::world::camera::{Camera, Frames, frame_of};
use crate::world::{Setup, Slots, World, beginning};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DELAY: Duration = Duration::from_millis(40);

const DOOR: StreamId = StreamId(11);
const YARD: StreamId = StreamId(12);
const GATE: StreamId = StreamId(13);

fn frames(first: usize) -> Frames {
    Frames {
        codec: Codec::H264,
        sizes: (9000, 1500),
        gop: 50,
        first,
        disposable: false,
        small: false,
    }
}

/// A wall with a slot for each of these, and for each of these with sound, and the cameras door, yard and gate,
/// which have run for a while.
fn wall(videos: Slots, audios: Slots) -> World {
    let now = beginning();
    let cameras = [DOOR, YARD, GATE].into_iter().enumerate();
    let cameras = cameras.map(|(i, stream)| Camera::with_sound(now, stream, frames(i * 15)));
    wall_of(now, cameras.collect(), videos, audios)
}

pub fn wall_of(now: Instant, cameras: Vec<Camera>, videos: Slots, audios: Slots) -> World {
    let setup = Setup {
        slots: Some((videos, audios)),
        cameras,
        ..Setup::default()
    };
    wall_with(now, setup)
}

/// The same, of such a viewer.
pub fn wall_with(now: Instant, setup: Setup) -> World {
    let mut world = World::at(now, setup);
    world.network.set_default_link(Link {
        delay: DELAY,
        ..Link::default()
    });
    world.camera_ran(3 * SECOND);
    world.connect();
    world
}

/// The frames that a slot got: when each was complete, its stream and its number.
pub fn got(world: &World, mid: &str) -> Vec<(StreamId, usize)> {
    let units = world.slot(mid).access_units();
    let frames = units.iter().map(|unit| unit.nals.last().unwrap());
    frames.map(|nal| frame_of(nal)).collect()
}

/// Fails unless a slot got all of each of these streams, one after the other, each from a keyframe on, with
/// sequence numbers and timestamps that go on.
fn assert_goes_on(world: &World, mid: &str, streams: &[StreamId]) {
    let frames = got(world, mid);
    let mut seen: Vec<StreamId> = Vec::new();
    let mut last = None;
    for &(stream, number) in &frames {
        if seen.last() != Some(&stream) {
            assert_eq!(number % 50, 0, "{stream:?} begins with {number}");
            seen.push(stream);
        } else if Some((stream, number - 1)) != last {
            assert_eq!(number % 50, 0, "{number} after {last:?}");
        }
        last = Some((stream, number));
    }
    assert_eq!(seen, streams);
    let slot = world.slot(mid);
    assert_eq!(slot.lost(), 0);
    let stamps: Vec<u32> = slot.packets().map(|packet| packet.timestamp).collect();
    for pair in stamps.windows(2) {
        let step = pair[1].wrapping_sub(pair[0]) as i32;
        assert!((0..4 * 90_000).contains(&step), "{step}");
    }
}

#[test]
fn sixty_four_slots_of_several_streams_play() {
    let now = beginning();
    let streams: Vec<StreamId> = (20..30).map(StreamId).collect();
    let cameras = streams.iter().enumerate();
    let cameras = cameras.map(|(i, &stream)| Camera::new(now, stream, frames(i * 5)));
    let slots = (0..64).map(|i| Some(streams[i % 10])).collect();
    let mut world = wall_of(now, cameras.collect(), slots, vec![]);
    world.run(3 * SECOND);
    for i in 0..64 {
        let mid = format!("v{i}");
        assert_goes_on(&world, &mid, &[streams[i % 10]]);
        // What it begins with may be older than the next keyframe, with which it goes on.
        assert!(got(&world, &mid).len() > 60, "slot {i}");
        let ssrc = world.slot(&mid).ssrc();
        let reports = world.viewer.sender_reports.iter();
        let reports = reports.filter(|&&(_, of, _, _)| of == ssrc).count();
        assert!((2..=4).contains(&reports), "{reports}");
    }
}

#[test]
fn a_slot_goes_on_with_another_stream_at_its_cached_keyframe() {
    let mut world = wall(vec![Some(DOOR), None], vec![]);
    world.run(2 * SECOND);
    assert_eq!(world.slot("v1").count(), 0);
    for (mid, stream) in [("v0", YARD), ("v1", GATE), ("v1", DOOR), ("v0", DOOR)] {
        let before = world.slot(mid).count();
        let asked = world.now;
        world.bind(mid, stream);
        world.run_till(SECOND, |world| world.slot(mid).count() > before);
        assert!(
            world.now - asked <= DELAY + 20 * MS,
            "{:?}",
            world.now - asked
        );
        world.run(700 * MS);
    }
    assert_goes_on(&world, "v0", &[DOOR, YARD, DOOR]);
    assert_goes_on(&world, "v1", &[GATE, DOOR]);
    assert_eq!(world.states().last(), Some(&SessionState::Connected));
}

#[test]
fn what_was_shown_before_ends_at_once_and_is_not_sent_again() {
    let mut world = wall(vec![Some(DOOR)], vec![]);
    world.run(2 * SECOND);
    let asked = world.now;
    world.bind("v0", YARD);
    let old: Vec<u16> = world
        .slot("v0")
        .packets()
        .map(|p| p.sequence as u16)
        .collect();
    let ssrc = world.slot("v0").ssrc();
    world.run(500 * MS);
    let before = world.session.figures().retransmits;
    let nack = testkit::viewer::nack(ssrc, &old[old.len() - 20..]);
    world.viewer.send_rtcp(&nack);
    world.run(500 * MS);
    assert_eq!(world.session.figures().retransmits, before);
    let late = world
        .slot("v0")
        .packets()
        .filter(|p| p.marker && p.at > asked + DELAY + 20 * MS);
    let payloads = late.map(|packet| *packet.payload.last().unwrap());
    assert!(payloads.into_iter().all(|last| last == YARD.0 as u8));
}

#[test]
fn a_slot_is_unbound_and_bound_again() {
    let mut world = wall(vec![Some(DOOR), Some(GATE)], vec![]);
    world.run(SECOND);
    world.bind("v0", None);
    world.run(200 * MS);
    let count = world.slot("v0").count();
    world.run(2 * SECOND);
    assert_eq!(world.slot("v0").count(), count);
    assert!(!world.wanted.contains(&DOOR));
    world.bind("v0", DOOR);
    world.run(SECOND);
    assert_goes_on(&world, "v0", &[DOOR]);
    assert_goes_on(&world, "v1", &[GATE]);
    assert!(world.slot("v0").count() > count + 20);
}

#[test]
fn a_slot_whose_stream_has_no_keyframe_shows_nothing_of_the_one_before() {
    let now = beginning();
    let late = Camera::on_demand(GATE, frames(0), 600 * MS);
    let cameras = vec![Camera::new(now, DOOR, frames(0)), late];
    let mut world = wall_of(now, cameras, vec![Some(DOOR)], vec![]);
    world.run(SECOND);
    world.bind("v0", GATE);
    assert_eq!(world.wanted, [GATE]);
    world.run(100 * MS);
    let count = world.slot("v0").count();
    world.run(400 * MS);
    assert_eq!(world.slot("v0").count(), count);
    world.run(SECOND);
    assert_goes_on(&world, "v0", &[DOOR, GATE]);
}

#[test]
fn an_audio_slot_goes_on_with_another_stream() {
    let mut world = wall(vec![Some(DOOR)], vec![Some(DOOR), None]);
    world.run(SECOND);
    world.bind("a0", YARD);
    world.bind("a1", GATE);
    assert_eq!(world.wanted, [DOOR, YARD, GATE]);
    world.run(SECOND);
    world.bind("a0", None);
    world.run(SECOND);
    world.bind("a0", DOOR);
    world.run(SECOND);
    let sound = world.slot("a0");
    assert_eq!(sound.lost(), 0);
    let mut heard: Vec<u8> = sound.packets().map(|p| p.payload[0]).collect();
    heard.dedup();
    assert_eq!(heard, [DOOR, YARD, DOOR].map(|stream| stream.0 as u8));
    let stamps: Vec<u32> = sound.packets().map(|p| p.timestamp).collect();
    let steps = stamps.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let jumps = steps.filter(|step| *step != 160).collect::<Vec<_>>();
    // One that hardly shows, and the pause of a second.
    assert!(
        jumps.iter().all(|jump| (1..9000).contains(jump)),
        "{jumps:?}"
    );
    assert!(jumps.len() <= 2, "{jumps:?}");
    assert!(world.slot("a1").count() > 100);
}

#[test]
fn a_stream_that_ends_leaves_the_other_slots_alone() {
    let mut world = wall(vec![Some(DOOR), Some(YARD)], vec![Some(DOOR)]);
    world.run(SECOND);
    world.removed.push(DOOR);
    world.with_session(|session, io| session.reconsider(io));
    world.run(200 * MS);
    let count = world.slot("v0").count();
    world.run(2 * SECOND);
    assert_eq!(world.slot("v0").count(), count);
    assert_goes_on(&world, "v1", &[YARD]);
    world.bind("v0", GATE);
    world.bind("a0", GATE);
    world.run(SECOND);
    assert_goes_on(&world, "v0", &[DOOR, GATE]);
    assert!(world.slot("v1").count() > 4 * 25);
}

#[test]
fn a_keyframe_request_is_for_one_slot() {
    let mut world = wall(vec![Some(DOOR), Some(DOOR)], vec![]);
    world.run(2 * SECOND);
    let others = world.slot("v1").count();
    let before = world.slot("v0").count();
    let ssrc = world.slot("v0").ssrc();
    world.viewer.send_pli_for(ssrc);
    world.run(2 * DELAY + 20 * MS);
    // From the keyframe on, which is some frames ago.
    let again = world.slot("v0").count() - before;
    assert!(again > 15, "{again}");
    assert!(world.slot("v1").count() - others <= 6);
    assert_eq!(world.session.figures().plis, 1);
}

#[test]
fn what_is_lost_comes_again_on_each_slot() {
    let mut world = wall(vec![Some(DOOR), Some(YARD), Some(GATE)], vec![]);
    world.network.set_default_link(Link {
        delay: DELAY,
        loss: 0.03,
        ..Link::default()
    });
    world.run(2 * SECOND);
    world.bind("v1", DOOR);
    world.run(4 * SECOND);
    world.network.set_default_link(Link {
        delay: DELAY,
        ..Link::default()
    });
    world.run(SECOND);
    for mid in ["v0", "v1", "v2"] {
        let slot = world.slot(mid);
        assert!(slot.recovered > 3, "{mid} {}", slot.recovered);
    }
    assert_eq!(world.slot("v0").lost() + world.slot("v2").lost(), 0);
    assert!(world.slot("v1").lost() <= 5, "{}", world.slot("v1").lost());
}

#[test]
fn a_hidden_slot_is_sent_nothing_until_it_is_seen() {
    let mut world = wall(vec![Some(DOOR), Some(YARD)], vec![]);
    let view = |world: &mut World, paused| {
        let view = SlotView {
            paused,
            ..SlotView::default()
        };
        world.view("v0", view);
    };
    world.run(SECOND);
    view(&mut world, true);
    world.run(200 * MS);
    let count = world.slot("v0").count();
    assert_eq!(world.wanted, [YARD]);
    world.run(SECOND);
    assert_eq!(world.slot("v0").count(), count);
    view(&mut world, false);
    let asked = world.now;
    world.run_till(SECOND, |world| world.slot("v0").count() > count);
    assert!(
        world.now - asked <= DELAY + 20 * MS,
        "{:?}",
        world.now - asked
    );
    world.run(SECOND);
    assert_goes_on(&world, "v0", &[DOOR]);
}

#[test]
fn changes_of_slots_are_told_once() {
    let mut world = wall(vec![Some(DOOR), None], vec![Some(DOOR)]);
    world.run(SECOND);
    world.slot_changes.clear();
    world.run(SECOND);
    assert!(world.slot_changes.is_empty(), "{:?}", world.slot_changes);
    world.bind("v1", YARD);
    world.bind("a0", YARD);
    world.run(DELAY + 20 * MS);
    // By this the page finds the first picture.
    let clock = world.session.slot_at(1).unwrap().clock.unwrap();
    let first = world.slot("v1").packets().next().unwrap();
    assert_eq!(clock.0, first.timestamp);
    world.run(SECOND);
    let mut changed: Vec<usize> = world.slot_changes.iter().map(|(_, slot)| *slot).collect();
    changed.sort_unstable();
    changed.dedup();
    assert_eq!(changed, [1, 2]);
    assert!(world.slot_changes.len() <= 5, "{:?}", world.slot_changes);
    let slots: Vec<_> = world.session.slots().collect();
    assert_eq!(slots.len(), 3);
    assert_eq!((slots[1].mid, slots[1].stream), ("v1", Some(YARD)));
    assert_eq!(slots[1].quality.unwrap().variant, YARD);
    assert_eq!((slots[2].mid, slots[2].kind), ("a0", MediaKind::Audio));
    // What the page computes from it is the time of a frame, and it begins where it did, after reports as well.
    let (rtp, wall) = slots[1].clock.unwrap();
    assert_eq!(rtp, clock.0);
    let packet = world.slot("v1").packets().last().unwrap();
    let off = f64::from(packet.timestamp.wrapping_sub(rtp) as i32) / 90_000.0;
    let arrived = packet.at.duration_since(world.start).as_secs_f64() - DELAY.as_secs_f64();
    let said = wall.duration_since(world.wall).unwrap().as_secs_f64() + off;
    assert!((said - arrived).abs() < 0.02, "{said} {arrived}");
}

#[test]
fn a_slot_shows_nothing_of_a_stream_whose_codec_it_does_not_take() {
    let now = beginning();
    let h265 = Frames {
        codec: Codec::H265,
        ..frames(0)
    };
    let mut world = wall(vec![Some(DOOR)], vec![]);
    assert!(
        world
            .session
            .slot_codecs(0)
            .all(|codec| codec == Codec::H264)
    );
    world.cameras.push(Camera::new(now, StreamId(40), h265));
    world.run(SECOND);
    world.bind("v0", StreamId(40));
    world.run(2 * SECOND);
    assert_goes_on(&world, "v0", &[DOOR]);
    let quality = world.session.slot_at(0).unwrap().quality.unwrap();
    assert_eq!(quality.reason, QualityReason::Codec);
    world.bind("v0", GATE);
    world.run(SECOND);
    assert_goes_on(&world, "v0", &[DOOR, GATE]);
}

#[test]
fn a_rebind_storm_of_a_slot_is_sent_little_more_than_a_slot() {
    let mut world = wall(vec![Some(DOOR); 4], vec![]);
    world.run(SECOND);
    let before = world.session.figures().packets;
    for i in 0..100 {
        for slot in 0..4 {
            let stream = [DOOR, YARD, GATE][(i + slot) % 3];
            world.bind(&format!("v{slot}"), stream);
        }
        world.run(100 * MS);
    }
    // 10 s of 4 slots at 25 frames of 2 packets, and 18 starts each from a keyframe up to 2 s ago.
    let sent = world.session.figures().packets - before;
    assert!(sent < 4 * (10 * 60 + 18 * 120), "{sent}");
    world.run(SECOND);
    for slot in 0..4 {
        let last = [DOOR, YARD, GATE][(99 + slot) % 3];
        assert_eq!(got(&world, &format!("v{slot}")).last().unwrap().0, last);
    }
}
