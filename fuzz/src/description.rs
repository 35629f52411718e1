//! Session descriptions of cameras.

use rtsp_webrtc_gateway::PullOptions;
use rtsp_webrtc_gateway::internals::source::rtp::{Delivery, Reception};
use rtsp_webrtc_gateway::internals::source::rtsp::Description;
use rtsp_webrtc_gateway::internals::source::{CameraConfig, Choice, Quirks, Tracks};

pub fn description(data: &[u8]) {
    let description = Description::parse(data, &mut Quirks::default());
    // It is logged as one line.
    assert!(
        !description.to_string().chars().any(char::is_control),
        "{description}"
    );
    let tracks = description.tracks.len();
    assert!(tracks <= 64, "{tracks} tracks");
    let Ok(choice) = Choice::of(&description, &config()) else {
        return;
    };
    assert!(choice.used.len() <= 3 && choice.set_up.len() <= 16);
    assert!(!choice.set_up.is_empty());
    for (index, format) in &choice.used {
        assert!(*index < tracks && choice.set_up.contains(index));
        assert!(format.clock_rate > 0);
        drop(Reception::new(format, Delivery::InOrder));
    }
    drop(Tracks::new(&description, &choice, Delivery::InOrder));
}

/// A camera of which all is wanted.
pub fn config() -> CameraConfig {
    let options = PullOptions {
        url: "rtsp://admin:s3cret@192.0.2.7/cam".to_owned(),
        metadata: true,
        ..PullOptions::default()
    };
    CameraConfig::new(&options).unwrap_or_else(|error| unreachable!("{error}"))
}
