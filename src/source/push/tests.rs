//! A push stream, seen through a sink that writes everything down.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Feed, feed, run};
use crate::config::{Frame, FrameData, PushOptions};
use crate::error::{Error, Status};
use crate::media::{AccessUnit, Codec, MAX_PAYLOAD, MediaKind, TrackInfo};
use crate::source::{PushSink, Quirk, Sink};
use crate::state::Warning;

#[derive(Debug)]
enum Event {
    Live(Option<TrackInfo>, Option<TrackInfo>),
    Changed,
    Media(MediaKind, Vec<u8>, i64),
    Restarted(MediaKind),
    Dropped(u64),
    KeyframeNeeded,
    Undecodable(Error),
    Stalled(Error),
    OverShare,
    Resumed,
}

struct Recorder(mpsc::UnboundedSender<Event>);

impl Recorder {
    fn send(&self, event: Event) {
        let _ = self.0.send(event);
    }
}

impl Sink for Recorder {
    fn forgave(&mut self, _quirk: Quirk, _times: u32) {}

    fn connecting(&mut self) {
        unreachable!("nothing is connected");
    }

    fn live(&mut self, video: Option<TrackInfo>, audio: Option<TrackInfo>) {
        self.send(Event::Live(video, audio));
    }

    fn is_heard(&self) -> bool {
        true
    }

    fn video_changed(&mut self, _: TrackInfo) {
        self.send(Event::Changed);
    }

    fn media(&mut self, kind: MediaKind, unit: &AccessUnit<'_>, _: u32) {
        self.send(Event::Media(kind, unit.data.to_vec(), unit.timestamp));
    }

    fn opening(&mut self, _: &AccessUnit<'_>) {}

    fn shows_damaged(&self) -> bool {
        false
    }

    fn dropped(&mut self, pictures: u64) {
        self.send(Event::Dropped(pictures));
    }

    fn warn(&mut self, _: MediaKind, _: Option<Warning>) {}

    fn failed(&mut self, error: &Error, _: Duration) {
        panic!("{error}");
    }

    fn idle(&mut self) {
        unreachable!("nothing is disconnected");
    }

    // In each turn that does not end by itself.
    fn exceeds_share(&mut self) -> bool {
        true
    }
}

impl PushSink for Recorder {
    fn restarted(&mut self, kind: MediaKind) {
        self.send(Event::Restarted(kind));
    }

    fn keyframe_needed(&mut self) {
        self.send(Event::KeyframeNeeded);
    }

    fn undecodable(&mut self, error: &Error) {
        self.send(Event::Undecodable(error.clone()));
    }

    fn stalled(&mut self, error: &Error) {
        self.send(Event::Stalled(error.clone()));
    }

    fn over_share(&mut self) {
        self.send(Event::OverShare);
    }

    fn resumed(&mut self) {
        self.send(Event::Resumed);
    }
}

type Events = mpsc::UnboundedReceiver<Event>;

/// Runs a push stream until `check` has seen enough of what it tells.
fn observe(options: &PushOptions, stall: Duration, check: impl AsyncFnOnce(&Feed, &mut Events)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (feed, mut receiver) = feed(options).unwrap();
        receiver.stall = Some(stall);
        let (sender, mut events) = mpsc::unbounded_channel();
        let checked = tokio::select! {
            () = run(receiver, Recorder(sender)) => unreachable!("it runs until dropped"),
            checked = timeout(Duration::from_secs(60), check(&feed, &mut events)) => checked,
        };
        checked.expect("what the test waits for happens");
    });
}

const LONG: Duration = Duration::from_secs(3600);
const SPS: &[u8] = &[0x67, 0x42, 0x00, 0x1e, 0xf4, 0x05, 0x01, 0xec, 0x80];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
const IDR: &[u8] = &[0x65, 0x88, 1, 2, 3];
const SLICE: &[u8] = &[0x41, 0x9a, 1, 2, 3];

fn annex_b(nals: &[&[u8]]) -> Vec<u8> {
    nals.iter()
        .flat_map(|nal| [&[0, 0, 1][..], nal].concat())
        .collect()
}

fn with_lengths(nals: &[&[u8]]) -> Vec<u8> {
    nals.iter()
        .flat_map(|nal| [&(nal.len() as u32).to_be_bytes()[..], nal].concat())
        .collect()
}

fn push(feed: &Feed, nals: &[&[u8]], pts_us: i64) {
    push_flagged(feed, nals, pts_us, false);
}

fn push_flagged(feed: &Feed, nals: &[&[u8]], pts_us: i64, discontinuity: bool) {
    let data = annex_b(nals);
    feed.push(
        MediaKind::Video,
        Frame {
            data: FrameData::Copied(&data),
            pts_us,
            capture_unix_us: None,
            discontinuity,
        },
    )
    .unwrap();
}

#[test]
fn live_with_the_first_keyframe_whose_parameter_sets_are_known() {
    observe(&PushOptions::default(), LONG, async |feed, events| {
        push(feed, &[SLICE], 0);
        push(feed, &[IDR], 40_000);
        push(feed, &[SPS, PPS], 80_000);
        push(feed, &[SLICE], 80_000);
        push(feed, &[IDR, IDR], 120_000);
        push(feed, &[SLICE], 160_000);
        for i in 0..3 {
            assert!(matches!(events.recv().await, Some(Event::Dropped(1))));
            assert!(matches!(events.recv().await, Some(Event::KeyframeNeeded)));
            if i == 1 {
                let Some(Event::Undecodable(error)) = events.recv().await else {
                    panic!("a keyframe without parameter sets");
                };
                assert!(error.message().contains("SPS and PPS"));
            }
        }
        let Some(Event::Live(Some(video), None)) = events.recv().await else {
            panic!("the keyframe is the first to show");
        };
        assert_eq!(video.codec, Codec::H264);
        assert!(video.parameter_sets.is_some());
        let expected = [
            (with_lengths(&[IDR, IDR]), 10_800),
            (with_lengths(&[SLICE]), 14_400),
        ];
        for (data, timestamp) in expected {
            match events.recv().await {
                Some(Event::Media(MediaKind::Video, d, t)) => assert_eq!((d, t), (data, timestamp)),
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn a_host_that_pushes_too_much_is_told() {
    observe(&PushOptions::default(), LONG, async |feed, events| {
        let large = annex_b(&[SPS, PPS, &[0x65; 64 << 10]]);
        let push_data = |data: &[u8]| {
            let frame = Frame {
                data: FrameData::Copied(data),
                pts_us: 0,
                capture_unix_us: None,
                discontinuity: false,
            };
            feed.push(MediaKind::Video, frame)
        };
        let refused = || {
            let pushed = (0..10_000).find_map(|_| push_data(&large).err());
            let error = pushed.expect("no queue is endless");
            assert_eq!(error.status(), Status::QueueFull);
            error.message().to_owned()
        };
        let sentence = refused();
        assert!(sentence.contains("too busy"), "{sentence}");
        // Once the worker has begun with what waits, it is clear whose fault that is.
        while !matches!(events.recv().await, Some(Event::OverShare)) {}
        let sentence = refused();
        assert!(
            sentence.contains("more than the stream's share"),
            "{sentence}"
        );
        // What comes after that is taken in one turn.
        let small = annex_b(&[SPS, PPS, IDR]);
        while push_data(&small).is_err() {
            tokio::task::yield_now().await;
        }
        while !matches!(events.recv().await, Some(Event::Media(_, data, _)) if data.len() < 100) {}
        let sentence = refused();
        assert!(sentence.contains("too busy"), "{sentence}");
    });
}

#[test]
#[cfg(feature = "transcode-audio")]
fn aac_is_heard_as_opus_at_the_times_that_it_was_pushed_with() {
    const ADTS: &[u8] = include_bytes!("../../../tests/fixtures/audio/aac_lc_16k.adts");
    let mut rest = ADTS;
    let units = std::iter::from_fn(|| {
        let length = usize::from(*rest.get(3)? & 3) << 11
            | usize::from(rest[4]) << 3
            | usize::from(rest[5] >> 5);
        let (unit, behind) = rest.split_at(length);
        rest = behind;
        Some(unit[7..].to_vec())
    });
    let units: Vec<_> = units.collect();
    let options = PushOptions {
        aac: Some(vec![0x14, 0x08]),
        audio_sample_rate: Some(16_000),
        audio_channels: Some(1),
        queue_frames: 1024,
        ..PushOptions::default()
    };
    observe(&options, LONG, async |feed, events| {
        push(feed, &[SPS, PPS, IDR], 0);
        for (i, unit) in (0..).zip(&units) {
            let frame = Frame {
                data: FrameData::Copied(unit),
                pts_us: 1_000_000 + 64_000 * i,
                capture_unix_us: None,
                discontinuity: false,
            };
            feed.push(MediaKind::Audio, frame).unwrap();
        }
        let Some(Event::Live(_, Some(audio))) = events.recv().await else {
            panic!("there is sound");
        };
        assert_eq!(audio.codec, Codec::Opus);
        assert!(matches!(
            events.recv().await,
            Some(Event::Media(MediaKind::Video, ..))
        ));
        let mut times = Vec::new();
        // 64 ms each, in packets of 20 ms.
        for _ in 0..units.len() * 3 {
            match events.recv().await {
                Some(Event::Media(MediaKind::Audio, packet, timestamp)) => {
                    assert!(!packet.is_empty());
                    times.push(timestamp);
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 960));
        assert!((47_000..=48_000).contains(&times[0]), "{}", times[0]);
        // An AAC stream has no RTP of its own here.
        let error = feed.push_rtp(Codec::Opus, &[0x80; 20]).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument);
    });
}

#[test]
fn what_refers_to_a_refused_frame_is_not_shown_though_a_recovery_point_is_let_in() {
    const RECOVERY_POINT: &[u8] = &[0x06, 0x06, 0x01, 0xc4, 0x80];
    // `frame_num` 1 and 4.
    const BEFORE: &[u8] = &[0x41, 0x9a, 0x20, 2, 3];
    const BEHIND: &[u8] = &[0x41, 0x9a, 0x80, 2, 3];
    let options = PushOptions {
        queue_frames: 2,
        ..PushOptions::default()
    };
    observe(&options, LONG, async |feed, events| {
        push(feed, &[SPS, PPS, IDR], 0);
        push(feed, &[BEFORE], 40_000);
        for i in 2..4 {
            let data = annex_b(&[SLICE]);
            let refused = feed.push(
                MediaKind::Video,
                Frame {
                    data: FrameData::Copied(&data),
                    pts_us: i * 40_000,
                    capture_unix_us: None,
                    discontinuity: false,
                },
            );
            assert_eq!(refused.unwrap_err().status(), Status::QueueFull);
        }
        let mut seen = Vec::new();
        let mut next = async |count| {
            for _ in 0..count {
                seen.push(match events.recv().await.unwrap() {
                    Event::Live(..) => "live",
                    Event::Media(..) => "shown",
                    Event::Dropped(2) => "refused",
                    Event::Dropped(_) => "left out",
                    Event::KeyframeNeeded => "needed",
                    other => panic!("{other:?}"),
                });
            }
        };
        // What was let in before the refusal, and the report of that.
        next(5).await;
        push(feed, &[RECOVERY_POINT, BEHIND], 200_000);
        push(feed, &[BEHIND], 240_000);
        next(4).await;
        push(feed, &[IDR], 280_000);
        next(1).await;
        assert_eq!(
            seen,
            [
                "refused", "needed", "live", "shown", "shown", "left out", "needed", "left out",
                "needed", "shown"
            ]
        );
    });
}

#[test]
fn parameter_sets_may_come_in_front_of_all_frames_and_lengths_in_place_of_start_codes() {
    let record = |lengths: u8| {
        let mut record = vec![1, SPS[1], SPS[2], SPS[3], 0xfc | (lengths - 1), 0xe1];
        for (count, set) in [(None, SPS), (Some(1), PPS)] {
            record.extend(count);
            record.extend((set.len() as u16).to_be_bytes());
            record.extend(set);
        }
        record
    };
    for lengths in [4, 2] {
        let options = PushOptions {
            codec_config: Some(record(lengths)),
            length_prefixed: true,
            ..PushOptions::default()
        };
        observe(&options, LONG, async |feed, events| {
            let length = &(IDR.len() as u32).to_be_bytes()[4 - usize::from(lengths)..];
            let frame = |data| Frame {
                data,
                pts_us: 0,
                capture_unix_us: None,
                discontinuity: false,
            };
            let data = [length, IDR, length, IDR].concat();
            let lent = FrameData::Shared(data.clone().into());
            for data in [FrameData::Copied(&data), lent] {
                feed.push(MediaKind::Video, frame(data)).unwrap();
            }
            let Some(Event::Live(Some(video), None)) = events.recv().await else {
                panic!("the parameter sets are known");
            };
            assert!(video.parameter_sets.is_some());
            for _ in 0..2 {
                match events.recv().await {
                    Some(Event::Media(MediaKind::Video, sent, _)) => {
                        assert_eq!(sent, with_lengths(&[IDR, IDR]));
                    }
                    other => panic!("{other:?}"),
                }
            }
            let short = &data[..data.len() - 1];
            for wrong in [short, &annex_b(&[IDR])] {
                let refused = feed.push(MediaKind::Video, frame(FrameData::Copied(wrong)));
                assert_eq!(refused.unwrap_err().status(), Status::InvalidArgument);
            }
        });
    }
    for wrong in [
        PushOptions {
            codec_config: Some(vec![1, 2, 3]),
            ..PushOptions::default()
        },
        PushOptions {
            idle_timeout: Some(Duration::from_millis(1)),
            ..PushOptions::default()
        },
    ] {
        assert_eq!(feed(&wrong).unwrap_err().status(), Status::InvalidArgument);
    }
    let patient = PushOptions {
        idle_timeout: Some(Duration::MAX),
        ..PushOptions::default()
    };
    assert_eq!(feed(&patient).unwrap().1.stall, None);
}

#[test]
fn silence_is_a_stall_and_the_next_picture_ends_it() {
    observe(
        &PushOptions::default(),
        Duration::from_millis(50),
        async |feed, events| {
            push(feed, &[SPS, PPS, IDR], 0);
            assert!(matches!(events.recv().await, Some(Event::Live(..))));
            assert!(matches!(events.recv().await, Some(Event::Media(..))));
            match events.recv().await {
                Some(Event::Stalled(error)) => assert_eq!(error.status(), Status::Stalled),
                other => panic!("{other:?}"),
            }
            push(feed, &[SPS, PPS], 60_000_000);
            push(feed, &[SLICE], 60_000_000);
            assert!(matches!(events.recv().await, Some(Event::Resumed)));
            assert!(matches!(events.recv().await, Some(Event::Media(..))));
        },
    );
}

/// Live with the first frame of sound, and stalled without.
#[test]
fn sound_alone_is_a_stream() {
    let options = PushOptions {
        video: None,
        audio: Some(Codec::Pcmu),
        ..PushOptions::default()
    };
    let sound = |feed: &Feed, pts_us| {
        let frame = Frame {
            data: FrameData::Copied(&[0xff; 160]),
            pts_us,
            capture_unix_us: None,
            discontinuity: false,
        };
        feed.push(MediaKind::Audio, frame).unwrap();
    };
    observe(&options, Duration::from_millis(50), async |feed, events| {
        sound(feed, 0);
        match events.recv().await {
            Some(Event::Live(None, Some(audio))) => assert_eq!(audio.codec, Codec::Pcmu),
            other => panic!("{other:?}"),
        }
        let heard = async |events: &mut Events| {
            let event = events.recv().await;
            assert!(
                matches!(event, Some(Event::Media(MediaKind::Audio, ..))),
                "{event:?}"
            );
        };
        heard(events).await;
        match events.recv().await {
            Some(Event::Stalled(error)) => {
                assert_eq!(error.status(), Status::Stalled);
                assert!(error.message().contains("no audio was pushed"), "{error}");
            }
            other => panic!("{other:?}"),
        }
        sound(feed, 20_000);
        assert!(matches!(events.recv().await, Some(Event::Resumed)));
        heard(events).await;
        let nothing = Frame {
            data: FrameData::Copied(&annex_b(&[SPS, PPS, IDR])),
            pts_us: 0,
            capture_unix_us: None,
            discontinuity: false,
        };
        let refused = feed.push(MediaKind::Video, nothing).unwrap_err();
        assert_eq!(refused.status(), Status::InvalidState);
    });
}

#[test]
fn a_discontinuity_waits_for_a_keyframe() {
    observe(&PushOptions::default(), LONG, async |feed, events| {
        push(feed, &[SPS, PPS, IDR], 0);
        push_flagged(feed, &[SLICE], 7, true);
        push(feed, &[SLICE], 40_007);
        push(feed, &[IDR], 80_007);
        // Said of the parameter sets, as by an encoder that was set up anew.
        push_flagged(feed, &[SPS, PPS], 3, true);
        push(feed, &[IDR], 3);
        assert!(matches!(events.recv().await, Some(Event::Live(..))));
        assert!(matches!(events.recv().await, Some(Event::Media(..))));
        let restarted = async |events: &mut Events| {
            let event = events.recv().await;
            assert!(matches!(event, Some(Event::Restarted(MediaKind::Video))));
        };
        restarted(events).await;
        for _ in 0..2 {
            assert!(matches!(events.recv().await, Some(Event::Dropped(1))));
            assert!(matches!(events.recv().await, Some(Event::KeyframeNeeded)));
        }
        assert!(matches!(events.recv().await, Some(Event::Media(..))));
        restarted(events).await;
        assert!(matches!(events.recv().await, Some(Event::Media(_, _, 0))));
    });
}

#[test]
fn sound_in_long_pieces_passes_whole_in_packets_that_fit() {
    let options = PushOptions {
        video: None,
        audio: Some(Codec::Pcma),
        ..PushOptions::default()
    };
    observe(&options, LONG, async |feed, events| {
        // 375 ms, as a recorder may have it.
        let sound: Vec<u8> = (0..3000).map(|i| (i / 12) as u8).collect();
        let frame = Frame {
            data: FrameData::Copied(&sound),
            pts_us: 0,
            capture_unix_us: None,
            discontinuity: false,
        };
        feed.push(MediaKind::Audio, frame).unwrap();
        assert!(matches!(
            events.recv().await,
            Some(Event::Live(None, Some(_)))
        ));
        let (mut passed, mut first) = (Vec::new(), None);
        while passed.len() < sound.len() {
            match events.recv().await {
                Some(Event::Media(MediaKind::Audio, packet, timestamp)) => {
                    assert!(packet.len() <= MAX_PAYLOAD);
                    let first = *first.get_or_insert(timestamp);
                    assert_eq!(timestamp - first, passed.len() as i64);
                    passed.extend(packet);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(passed, sound);
    });
}
