//! Every codec from access unit to viewer, with loss on the way.

use std::time::Duration;

use rtsp_webrtc_gateway::internals::media::{Codec, av1};
use testkit::net::Link;
use testkit::samples::{GOP, Sample, h265_nals};

use crate::world::{Setup, World};

/// Access units as a host pushes them, in the form that tracks take.
fn units(sample: Sample) -> Vec<Vec<u8>> {
    let with_lengths = |unit: &&'static [u8]| {
        let nals = h265_nals(unit);
        let nals = nals.iter();
        nals.flat_map(|nal| [&(nal.len() as u32).to_be_bytes(), *nal].concat())
            .collect()
    };
    match sample {
        Sample::H265 => sample.units().iter().map(with_lengths).collect(),
        _ => sample.units().iter().map(|unit| unit.to_vec()).collect(),
    }
}

/// `obu_type` of a temporal delimiter, which RTP does not carry.
const TEMPORAL_DELIMITER: u8 = 2;

/// What the viewer must get of video frame `number`: NAL units, or OBUs without delimiters and sizes.
fn expected(sample: Sample, number: usize) -> Vec<Vec<u8>> {
    let units = sample.units();
    let unit = units[number % units.len()];
    match sample {
        Sample::H265 => h265_nals(unit).iter().map(|nal| nal.to_vec()).collect(),
        _ => av1::obus(unit)
            .filter(|obu| obu.kind() != TEMPORAL_DELIMITER)
            .map(|obu| [obu.header(), obu.payload].concat())
            .collect(),
    }
}

fn arrives(video: (Codec, Sample), audio: (Codec, Sample)) {
    let mut world = World::new(Setup {
        video: Some((video.0, units(video.1))),
        audio: (audio.0, units(audio.1)),
        ..Setup::default()
    });
    world.camera_ran(Duration::from_millis(600));
    world.connect();
    world.network.set_default_link(Link {
        loss: 0.02,
        ..Link::default()
    });
    world.run(Duration::from_secs(5));
    world.network.set_default_link(Link::default());
    world.run(Duration::from_secs(1));

    let pictures = world.viewer.video.access_units();
    assert!(pictures.len() > 5 * GOP, "{} pictures", pictures.len());
    let first = pictures[0].timestamp;
    for picture in &pictures {
        // The first picture in the ring is that of the first timestamp.
        let number = (picture.timestamp.wrapping_sub(first) / 3600) as usize;
        assert!(
            picture.nals == expected(video.1, number),
            "picture {number} differs"
        );
        assert_eq!(picture.is_keyframe(), number.is_multiple_of(GOP));
    }

    let sounds = world.viewer.audio.access_units();
    assert!(sounds.len() > 240, "{} frames of sound", sounds.len());
    let (first, ticks) = (sounds[0].timestamp, audio.0.clock_rate() / 50);
    for sound in &sounds {
        assert!(audio.1.units().contains(&&sound.nals[0][..]));
        assert_eq!(sound.timestamp.wrapping_sub(first) % ticks, 0);
    }
}

#[test]
fn h265_and_g722() {
    arrives((Codec::H265, Sample::H265), (Codec::G722, Sample::G722));
}

#[test]
fn av1_and_opus() {
    arrives((Codec::Av1, Sample::Av1), (Codec::Opus, Sample::Opus));
}
