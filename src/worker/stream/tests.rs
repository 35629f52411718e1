//! A stream, and what becomes of it over time.

use super::*;
use crate::media::testing::{h265_sets, sets, unit};
use crate::state::WarningKind;
use crate::tuning::Key;

fn named(name: &str) -> StreamIdentity {
    StreamIdentity {
        name: name.into(),
        label: None,
        user_data: 0,
    }
}

#[test]
fn a_warning_lasts_while_the_stream_is_live() {
    let warning = |kind, message: &str| {
        let message = message.to_owned();
        Some(Warning { kind, message })
    };
    let b_frames = |rate| warning(WarningKind::BFrames, rate);
    let (video, audio) = (MediaKind::Video, MediaKind::Audio);
    let now = Instant::now();
    let mut stream = Stream::new(named("door"));
    stream.enter(StreamState::Live, None, now);
    assert!(stream.warn(audio, warning(WarningKind::Audio, "MP2")));
    assert!(stream.warn(video, b_frames("8.3")));
    assert!(!stream.warn(video, b_frames("8.4")), "figures are no news");
    assert_eq!(stream.info(now).warning, b_frames("8.4"));
    assert!(stream.warn(video, None));
    assert_eq!(stream.info(now).warning, warning(WarningKind::Audio, "MP2"));
    stream.enter(StreamState::Retrying, None, now);
    assert_eq!(stream.info(now).warning, None);
    stream.enter(StreamState::Live, None, now);
    let stands = warning(WarningKind::Audio, "MP2");
    assert_eq!(stream.info(now).warning, stands, "the source goes on");
    stream.live(Some(TrackInfo::video(sets())), None, &Tuning::default());
    assert_eq!(stream.info(now).warning, None, "it may be gone");
}

#[test]
fn an_outage_lasts_from_live_to_live() {
    use StreamState::{Connecting, Idle, Live, Retrying};
    let mut stream = Stream::new(named("door"));
    let begun = Instant::now();
    let mut enter = |state, seconds| {
        let change = stream.enter(state, None, begun + Duration::from_secs(seconds));
        change.and_then(|change| change.outage)
    };
    let outages = [
        enter(Live, 1),
        enter(Retrying, 11),
        enter(Connecting, 12),
        enter(Retrying, 13),
        enter(Connecting, 15),
        enter(Live, 21),
        // Disconnected because nobody watched: no outage.
        enter(Idle, 30),
        enter(Connecting, 40),
        enter(Live, 41),
    ];
    let mut expected = [None; 9];
    expected[5] = Some(Duration::from_secs(10));
    assert_eq!(outages, expected);
}

#[test]
fn nack_history_is_as_long_as_the_knobs_say() {
    let tuning = Tuning::default();
    let mut stream = Stream::new(named("door"));
    let video = TrackInfo::video(sets());
    stream.live(Some(video), None, &tuning);
    let keyframe = unit(&[[0x65, 1, 2, 3]]);
    let mut now = Instant::now();
    let mut kept = |packets, milliseconds| {
        tuning.set(Key::NackHistoryPackets, packets).unwrap();
        tuning.set(Key::NackHistoryMs, milliseconds).unwrap();
        stream.tuning_changed(&tuning);
        for _ in 0..100 {
            now += Duration::from_millis(40);
            let picture = AccessUnit {
                data: &keyframe,
                timestamp: 0,
                arrival: now,
                captured: None,
            };
            stream.media_arrived(MediaKind::Video, &picture, 0);
        }
        let ring = stream.video.as_ref().unwrap().ring();
        let times = (ring.start()..ring.end()).filter_map(|n| Some(ring.packet(n)?.arrival));
        (times.clone().count(), now - times.min().unwrap())
    };
    let (packets, age) = kept(512, 1000);
    assert_eq!(age, Duration::from_secs(1));
    assert_eq!(kept(512, 400).1, Duration::from_millis(400));
    assert!(kept(10, 1000).0 < packets / 2);
    assert_eq!(kept(0, 1000).1, Duration::ZERO);
}

#[test]
fn without_gop_cache_who_comes_later_waits_for_the_next_keyframe() {
    let tuning = Tuning::default();
    tuning.set(Key::GopCache, 0).unwrap();
    let mut stream = Stream::new(named("door"));
    stream.live(Some(TrackInfo::video(sets())), None, &tuning);
    let mut now = Instant::now();
    let mut push = |stream: &mut Stream, header: u8| {
        now += Duration::from_millis(40);
        let data = unit(&[[header, 1, 2, 3]]);
        let picture = AccessUnit {
            data: &data,
            timestamp: 0,
            arrival: now,
            captured: None,
        };
        stream.media_arrived(MediaKind::Video, &picture, 0);
        let ring = stream.video.as_ref().unwrap().ring();
        (ring.latest_keyframe().is_some(), stream.warning_kind())
    };
    let (keyframe, other) = (0x65, 0x41);
    assert_eq!(push(&mut stream, keyframe), (true, None));
    // What is kept to be sent again is nothing to begin with, and nobody is warned of keyframes far apart.
    for _ in 0..500 {
        assert_eq!(push(&mut stream, other), (false, None));
    }
    let (track, newest) = stream.stored_video().unwrap();
    assert!(track.ring().still().is_none());
    assert!(crate::sinks::keyframe(track, &newest).is_none());
    assert_eq!(push(&mut stream, keyframe), (true, None));
    assert_eq!(push(&mut stream, other), (false, None));
    // The knob applies at once, in both directions.
    tuning.set(Key::GopCache, 1).unwrap();
    stream.tuning_changed(&tuning);
    push(&mut stream, keyframe);
    assert_eq!(push(&mut stream, other), (true, None));
    tuning.set(Key::GopCache, 0).unwrap();
    stream.tuning_changed(&tuning);
    assert_eq!(push(&mut stream, other), (false, None));
}

#[test]
fn keyframes_that_are_far_apart_are_said_and_the_last_is_there_all_the_same() {
    let tuning = Tuning::default();
    tuning.set(Key::GopCacheMs, 1000).unwrap();
    let mut stream = Stream::new(named("door"));
    let mut now = Instant::now();
    let sound = TrackInfo::audio(Codec::Pcmu);
    stream.live(Some(TrackInfo::video(sets())), Some(sound), &tuning);
    stream.enter(StreamState::Live, None, now);
    let mut frames = 0;
    let mut told = Vec::new();
    let mut push = |stream: &mut Stream, header: u8, count: u32| {
        for _ in 0..count {
            frames += 1;
            now += Duration::from_millis(40);
            let data = unit(&[[header, 1, 2, 3]]);
            let picture = AccessUnit {
                data: &data,
                timestamp: 3600 * frames,
                arrival: now,
                captured: Some(now - Duration::from_millis(100)),
            };
            stream.media_arrived(MediaKind::Video, &picture, 0);
            told.push(stream.warning_kind());
            let samples = AccessUnit {
                data: &[0xff; 160],
                timestamp: 320 * frames,
                ..picture
            };
            stream.media_arrived(MediaKind::Audio, &samples, 0);
            told.push(stream.warning_kind());
        }
    };
    let keyframe_age = |stream: &Stream| {
        let (track, newest) = stream.stored_video()?;
        let frame = crate::sinks::keyframe(track, &newest)?;
        assert!(frame.keyframe && frame.data.ends_with(&[0, 0, 0, 1, 0x65, 1, 2, 3]));
        let captured = frame.arrival_unix_us - frame.capture_unix_us?;
        assert!((99_000..101_000).contains(&captured), "{captured}");
        Some(newest.arrival - frame.arrival)
    };
    push(&mut stream, 0x65, 1);
    push(&mut stream, 0x41, 24);
    assert_eq!(stream.warning_kind(), None);
    assert_eq!(keyframe_age(&stream), Some(Duration::from_millis(24 * 40)));
    push(&mut stream, 0x41, 400);
    assert_eq!(stream.warning_kind(), Some(WarningKind::RareKeyframes));
    assert_eq!(keyframe_age(&stream), Some(Duration::from_millis(424 * 40)));
    push(&mut stream, 0x65, 1);
    push(&mut stream, 0x41, 10);
    assert_eq!(
        stream.warning_kind(),
        Some(WarningKind::RareKeyframes),
        "it is not known yet when the next one will come"
    );
    push(&mut stream, 0x65, 1);
    assert_eq!(stream.warning_kind(), None);
    told.dedup();
    assert_eq!(told, [None, Some(WarningKind::RareKeyframes), None]);
}

/// A stream that has shown two frames, of which the first is a keyframe.
fn showing(now: Instant) -> Stream {
    let mut stream = Stream::new(named("door"));
    stream.live(Some(TrackInfo::video(sets())), None, &Tuning::default());
    stream.enter(StreamState::Live, None, now);
    for (i, header) in [0x65, 0x41].into_iter().enumerate() {
        let picture = AccessUnit {
            data: &unit(&[[header, 1, 2, 3]]),
            timestamp: 3600 * i as i64,
            arrival: now,
            captured: None,
        };
        stream.media_arrived(MediaKind::Video, &picture, 0);
    }
    stream
}

#[test]
fn whoever_comes_while_the_camera_is_away_for_long_sees_its_last_keyframe() {
    let now = Instant::now();
    let mut stream = showing(now);
    stream.enter(StreamState::Retrying, None, now);
    for seconds in 1..100 {
        stream.tidy(now + Duration::from_secs(seconds));
    }
    let (track, newest) = stream.stored_video().unwrap();
    let still = track.ring().still().expect("a picture");
    assert!(track.ring().packet(still.first).is_some_and(|p| p.still));
    assert!(crate::sinks::keyframe(track, &newest).is_some());
}

#[test]
fn what_another_camera_sent_is_not_shown() {
    let now = Instant::now();
    for replaced in [true, false] {
        let mut stream = showing(now);
        let end = stream.video.as_ref().unwrap().ring().end();
        if replaced {
            stream.replaced();
        } else {
            // It comes back with sound only.
            let sound = Some(TrackInfo::audio(Codec::Pcmu));
            assert!(stream.live(None, sound, &Tuning::default()).is_empty());
        }
        assert!(stream.stored_video().is_none());
        let ring = stream.video.as_ref().unwrap().ring();
        assert_eq!((ring.latest_keyframe(), ring.still()), (None, None));
        assert!(!ring.lost_keyframe());
        assert_eq!((ring.start(), ring.end()), (end, end), "numbers go on");
        let _ = stream.live(Some(TrackInfo::video(sets())), None, &Tuning::default());
        let picture = AccessUnit {
            data: &unit(&[[0x65, 4, 5, 6]]),
            timestamp: 0,
            arrival: now,
            captured: None,
        };
        stream.media_arrived(MediaKind::Video, &picture, 0);
        let ring = stream.video.as_ref().unwrap().ring();
        assert_eq!(ring.latest_keyframe(), Some(end));
    }
}

#[test]
fn only_a_camera_that_is_not_given_up_may_be_connected() {
    let now = Instant::now();
    let mut camera = Stream::new(named("door"));
    assert!(camera.may_be_connected());
    camera.enter(StreamState::Retrying, None, now);
    assert!(!camera.may_be_connected());
    camera.enter(StreamState::Live, None, now);
    assert!(camera.may_be_connected());
    assert!(!Stream::idle(named("yard")).may_be_connected());
    let mut pushed = Stream::pushed(named("gate"));
    pushed.enter(StreamState::Live, None, now);
    assert!(!pushed.may_be_connected());
}

#[test]
fn a_stream_of_sound_only_is_live_and_counted_by_its_sound() {
    let (now, tuning) = (Instant::now(), Tuning::default());
    let mut stream = Stream::new(named("intercom"));
    let others = stream.live(None, Some(TrackInfo::audio(Codec::Pcmu)), &tuning);
    assert!(others.is_empty());
    let samples = AccessUnit {
        data: &[0xff; 160],
        timestamp: 0,
        arrival: now,
        captured: None,
    };
    let arrived = stream.media_arrived(MediaKind::Audio, &samples, 0);
    assert_eq!(arrived, Arrived::Beginning);
    let media = stream.media().unwrap();
    assert!(media.video.is_none() && media.audio.is_some());
    let info = stream.info(now);
    assert_eq!(
        (info.video_codec, info.audio_codec),
        (None, Some(Codec::Pcmu))
    );
    assert_eq!((info.width, info.frames), (0, 0));
    assert_eq!(info.since_last_media, Some(Duration::ZERO));
    // Another codec is news for viewers, the first video is none.
    let video = Some(TrackInfo::video(sets()));
    let others = stream.live(video, Some(TrackInfo::audio(Codec::Opus)), &tuning);
    assert_eq!(others, [Codec::Opus]);
}

#[test]
fn what_was_forgotten_does_not_bind_what_comes() {
    let now = Instant::now();
    let tuning = Tuning::default();
    let mut stream = Stream::idle(named("cam"));
    assert!(
        stream
            .live(Some(TrackInfo::video(sets())), None, &tuning)
            .is_empty()
    );
    let keyframe = AccessUnit {
        data: &unit(&[[0x65, 1, 2, 3]]),
        timestamp: 0,
        arrival: now,
        captured: None,
    };
    let arrived = stream.media_arrived(MediaKind::Video, &keyframe, 0);
    assert_eq!(arrived, Arrived::Beginning);
    let arrived = stream.media_arrived(MediaKind::Video, &keyframe, 0);
    assert_eq!(arrived, Arrived::Unit);
    let memory = |stream: &Stream| stream.snapshot(StreamId(1), now).memory;
    assert!(memory(&stream) > 0);
    stream.forget_media();
    assert!(stream.media().is_none());
    assert_eq!(memory(&stream), 0);
    assert_eq!(stream.info(now).video_codec, None);

    assert!(
        stream
            .live(Some(TrackInfo::video(h265_sets())), None, &tuning)
            .is_empty()
    );
    let info = stream.info(now);
    assert_eq!((info.video_codec, info.reconnects), (Some(Codec::H265), 0));
    assert_eq!(info.frames, 2);
    // To connected viewers, the same change is another camera.
    let others = stream.live(Some(TrackInfo::video(sets())), None, &tuning);
    assert_eq!(others, [Codec::H264]);
    assert_eq!(stream.info(now).reconnects, 1);
}

#[test]
fn a_camera_that_comes_back_without_sound_has_none_until_it_has_some_again() {
    let (now, tuning) = (Instant::now(), Tuning::default());
    let mut stream = Stream::new(named("door"));
    let mut live = |audio: Option<Codec>| {
        let video = Some(TrackInfo::video(sets()));
        stream.live(video, audio.map(TrackInfo::audio), &tuning);
        let track = stream.media().unwrap().audio;
        let track = track.map(|track| track.id());
        assert_eq!(stream.info(now).audio_codec, audio);
        track
    };
    assert_eq!(live(None), None);
    let first = live(Some(Codec::Pcmu));
    assert!(first.is_some());
    assert_eq!(live(None), None);
    assert_eq!(live(Some(Codec::Pcmu)), first, "it goes on");
}
