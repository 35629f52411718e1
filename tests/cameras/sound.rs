//! The audio of cameras: what browsers play passes, the rest becomes Opus.

use rtsp_webrtc_gateway::internals::media::Codec;
use testkit::camera::{CameraConfig, Recording};
use testkit::recordings;

use crate::seen::{Seen, pull_all};

/// What is heard of a camera with these tracks.
fn hear(tracks: Vec<Recording>) -> Seen {
    let mut camera = CameraConfig::new("camera");
    for track in tracks {
        camera = camera.recording(track);
    }
    let done = |seen: &Seen| seen.sounds() || seen.failed();
    let mut all = pull_all(vec![camera], |options| options, done);
    let seen = all.remove("camera").unwrap();
    assert!(!seen.failed(), "{:?}", seen.failures);
    assert_eq!(seen.is_in_order(), Ok(()));
    seen
}

fn codec(seen: &Seen) -> Codec {
    seen.audio.as_ref().expect("audio").codec
}

#[test]
fn opus_passes() {
    let seen = hear(vec![recordings::h265(), recordings::opus()]);
    assert_eq!(codec(&seen), Codec::Opus);
    assert!(is_opus_as_recorded(&seen));
}

/// Whether these packets of the recording came, one behind the other. The first ones may come before the stream is live.
fn is_opus_as_recorded(seen: &Seen) -> bool {
    let opus = recordings::opus();
    let same = |first: usize| {
        let mut packets = seen.sound.iter().enumerate();
        packets.all(|(n, packet)| opus.payloads((first + n) % opus.frames())[0] == packet.data)
    };
    (0..opus.frames()).any(same)
}

#[cfg(feature = "transcode-audio")]
#[test]
fn the_rest_becomes_opus_of_20_ms() {
    for sound in [
        recordings::aac(),
        recordings::latm(),
        recordings::g726(),
        recordings::l16(),
    ] {
        let seen = hear(vec![recordings::h265(), sound]);
        assert_eq!(codec(&seen), Codec::Opus);
        let steps = seen
            .sound
            .windows(2)
            .map(|pair| pair[1].timestamp - pair[0].timestamp);
        assert!(
            steps.clone().all(|step| step == 960),
            "{:?}",
            steps.collect::<Vec<_>>()
        );
    }
}

#[test]
fn sound_alone_is_a_stream() {
    let seen = hear(vec![recordings::opus()]);
    assert!(seen.video.is_none() && seen.frames.is_empty());
}

/// Of several the first that browsers play as it is.
#[test]
fn the_best_of_several() {
    let unknown = Recording::audio(98, "G729/8000", "", 160, [vec![0; 20]]);
    let seen = hear(vec![
        recordings::h265(),
        unknown,
        recordings::aac(),
        recordings::opus(),
    ]);
    assert!(is_opus_as_recorded(&seen));
}
