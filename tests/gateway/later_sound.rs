//! Cameras that have sound later than their viewers.

use std::net::SocketAddr;
use std::time::Duration;

use rtsp_webrtc_gateway::Codec;
use rtsp_webrtc_gateway::config::PullOptions;
use rtsp_webrtc_gateway::state::SessionState;
use testkit::camera::{Audio, CameraConfig, CameraServer};
use testkit::clip::Clip;
use testkit::viewer::Viewer;

use crate::common::{LONG, pull, tuned, watch};

fn camera(audio: Option<Audio>) -> Vec<CameraConfig> {
    let camera = CameraConfig::new("cam").clip(Clip::Baseline360p);
    vec![camera.audio(audio)]
}

/// The payload type of the last packet of sound.
fn hears(viewer: &Viewer) -> Option<u8> {
    Some(viewer.audio.packets().last()?.payload_type)
}

/// The maximum of the last picture's playout-delay header extension, in units of 10 ms.
fn most_delay(viewer: &Viewer) -> Option<u8> {
    let last = viewer.video.packets().last()?;
    let mut words = last.extension.chunks(4);
    words.find(|word| word[0] == 5 << 4 | 2).map(|word| word[3])
}

fn is_reported(viewer: &Viewer) -> bool {
    let mut reports = viewer.sender_reports.iter();
    reports.any(|&(_, ssrc, ..)| ssrc == viewer.audio.ssrc())
}

#[test]
fn a_viewer_hears_a_camera_that_comes_back_with_sound() {
    let server = CameraServer::start(camera(None)).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], server.port()));
    let gateway = tuned(&[]);
    let options = PullOptions {
        retry_max: Some(Duration::from_millis(200)),
        ..pull(server.url("cam"))
    };
    let stream = gateway.add_stream("cam", options).unwrap();
    let codec = || gateway.stream_info(stream).unwrap().audio_codec;
    let (mut viewer, response) = watch(&gateway, "cam");
    assert_eq!((codec(), hears(&viewer.viewer)), (None, None));
    assert_eq!(most_delay(&viewer.viewer), Some(0));
    assert!(!is_reported(&viewer.viewer));

    let mut server = Some(server);
    let mut restart = |audio| {
        // Its port is free only then.
        drop(server.take());
        server = Some(CameraServer::start_at(address, camera(audio)).unwrap());
    };
    restart(Some(Audio::Pcmu));
    assert!(viewer.run_till(LONG, |viewer| hears(viewer) == Some(0)
        && is_reported(viewer)));
    assert!(viewer.run_till(LONG, |viewer| most_delay(viewer) == Some(20)));
    assert_eq!(codec(), Some(Codec::Pcmu));
    restart(Some(Audio::Pcma));
    assert!(viewer.run_till(LONG, |viewer| hears(viewer) == Some(8)));
    assert_eq!(codec(), Some(Codec::Pcma));
    restart(None);
    assert!(viewer.run_till(LONG, |viewer| most_delay(viewer) == Some(0)));
    assert_eq!(codec(), None);
    let session = gateway.session_info(response.session).unwrap();
    assert_eq!(session.state, SessionState::Connected);
    assert_eq!(viewer.viewer.undecryptable, 0);
}

#[test]
fn a_viewer_hears_a_camera_whose_sound_the_host_switches_on() {
    let server = CameraServer::start(camera(Some(Audio::Pcmu))).unwrap();
    let gateway = tuned(&[]);
    let options = |no_audio| PullOptions {
        no_audio,
        ..pull(server.url("cam"))
    };
    let stream = gateway.add_stream("cam", options(true)).unwrap();
    let (mut viewer, _) = watch(&gateway, "cam");
    assert_eq!(hears(&viewer.viewer), None);
    gateway.update_stream(stream, options(false)).unwrap();
    assert!(viewer.run_till(LONG, |viewer| hears(viewer) == Some(0)));
    assert!(viewer.run_till(LONG, |viewer| most_delay(viewer) == Some(20)));
}
