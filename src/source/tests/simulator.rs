//! The source against the camera simulator: real media, and faults on command.

use std::time::Duration;

use testkit::camera::{Audio, Auth, CameraConfig, CameraServer, Fault, ParameterSets};
use testkit::clip::Clip;

use super::{Event, Events, failed, live, observe, sets, with_length};
use crate::config::{PullOptions, Transport};
use crate::error::Status;
use crate::media::{Codec, MediaKind};

const CLIP: Clip = Clip::Main480p;

fn simulator(edit: impl FnOnce(CameraConfig) -> CameraConfig) -> (CameraServer, PullOptions) {
    let camera = CameraConfig::new("cam").clip(CLIP).audio(Some(Audio::Pcma));
    let server = CameraServer::start(vec![edit(camera)]).unwrap();
    let options = PullOptions {
        url: server.url("cam"),
        ..PullOptions::default()
    };
    (server, options)
}

/// Video frame `number` of the clip as the sink receives it: without parameter sets.
fn picture(number: usize) -> Vec<u8> {
    let nals = CLIP.access_units()[number].nals.iter();
    nals.filter(|nal| !matches!(nal[0] & 0x1f, 7 | 8))
        .flat_map(|nal| with_length(nal))
        .collect()
}

/// The source is live with the clip's parameter sets, and its first video frames are the clip's.
async fn plays(events: &mut Events, pictures: usize) {
    let (video, audio) = live(events).await;
    let [sps, pps] = CLIP.parameter_sets();
    assert_eq!(sets(&video), (sps, pps));
    assert_eq!(audio.unwrap().codec, Codec::Pcma);
    let mut number = 0;
    while number < pictures {
        match events.recv().await.unwrap() {
            Event::Media(MediaKind::Video, data, 0) => {
                // Parameter sets may be in front.
                assert!(data.ends_with(&picture(number)), "picture {number} differs");
                number += 1;
            }
            Event::Media(MediaKind::Audio, data, 0) => assert_eq!(data.len(), 160),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn wherever_the_parameter_sets_are() {
    for place in [
        ParameterSets::Sdp,
        ParameterSets::InBand,
        ParameterSets::Both,
    ] {
        let (_server, options) = simulator(|camera| camera.parameter_sets(place));
        observe(&options, async |events| plays(events, 5).await);
    }
}

#[test]
fn by_udp() {
    let (_server, mut options) = simulator(|camera| camera);
    options.transport = Transport::Udp;
    observe(&options, async |events| plays(events, 20).await);
}

#[test]
fn udp_refused() {
    let (_server, mut options) = simulator(|camera| camera.udp(false));
    options.transport = Transport::Udp;
    observe(&options, async |events| {
        let (error, _) = failed(events).await;
        assert_eq!(error.status(), Status::Camera, "{error}");
        assert!(error.message().contains("transport"), "{error}");
    });
}

#[test]
fn digest_and_basic() {
    let (user, password) = ("us er".to_owned(), "p@ss: \\word".to_owned());
    let schemes = [
        Auth::Basic {
            user: user.clone(),
            password: password.clone(),
        },
        Auth::Digest {
            user: user.clone(),
            password: password.clone(),
        },
    ];
    for auth in schemes {
        let (_server, mut options) = simulator(|camera| camera.auth(auth));
        options.username = Some(user.clone());
        options.password = Some("wr0ng".to_owned());
        observe(&options, async |events| {
            let (error, _) = failed(events).await;
            assert_eq!(error.status(), Status::Auth, "{error}");
            assert!(!error.message().contains("wr0ng"), "{error}");
        });
        options.password = Some(password.clone());
        observe(&options, async |events| plays(events, 2).await);
    }
}

#[test]
fn it_comes_back_after_a_drop() {
    let (server, options) = simulator(|camera| camera);
    observe(&options, async |events| {
        plays(events, 2).await;
        server.fault("cam", Fault::Drop);
        let (error, retry_in) = failed(events).await;
        assert_eq!(error.status(), Status::Connect, "{error}");
        // It had been live.
        assert!(retry_in <= Duration::from_millis(200), "{retry_in:?}");
        plays(events, 2).await;
        assert_eq!(server.statistics("cam").connections, 2);
    });
}

#[test]
fn a_stall_is_noticed_and_healed() {
    for transport in [Transport::Tcp, Transport::Udp] {
        let (server, mut options) = simulator(|camera| camera);
        options.transport = transport;
        observe(&options, async |events| {
            plays(events, 2).await;
            server.fault("cam", Fault::Stall);
            let (error, _) = failed(events).await;
            assert_eq!(error.status(), Status::Stalled, "{error}");
            server.fault("cam", Fault::None);
            plays(events, 2).await;
        });
    }
}

#[test]
fn a_busy_camera_is_tried_again() {
    let (server, options) = simulator(|camera| camera);
    server.fault("cam", Fault::Refuse);
    observe(&options, async |events| {
        let (error, _) = failed(events).await;
        assert_eq!(error.status(), Status::Camera, "{error}");
        assert!(error.message().contains("busy"), "{error}");
        server.fault("cam", Fault::None);
        plays(events, 2).await;
    });
}

#[test]
fn lost_packets_are_counted_and_end_nothing() {
    let (server, mut options) = simulator(|camera| camera);
    options.transport = Transport::Udp;
    observe(&options, async |events| {
        plays(events, 1).await;
        server.fault("cam", Fault::Lose { percent: 10 });
        let (mut pictures, mut lost_video, mut lost_audio) = (0, 0, 0);
        while pictures < 20 || lost_video == 0 || lost_audio == 0 {
            match events.recv().await.unwrap() {
                Event::Media(MediaKind::Video, _, lost) => {
                    pictures += 1;
                    lost_video += lost;
                }
                Event::Media(MediaKind::Audio, _, lost) => lost_audio += lost,
                other => panic!("{other:?}"),
            }
        }
    });
}
