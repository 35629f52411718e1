//! The audio of cameras: what browsers play passes, the rest becomes Opus.

use rtsp_webrtc_gateway::internals::media::Codec;
use testkit::camera::{CameraConfig, Recording, Script};
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
const AAC_48K: &[u8] = include_bytes!("../../testkit/clips/beep48k.aac");
#[cfg(feature = "transcode-audio")]
const HE_AAC: &[u8] = include_bytes!("../fixtures/audio/he_aac_48k.adts");
#[cfg(feature = "transcode-audio")]
const HE_AAC_V2: &[u8] = include_bytes!("../fixtures/audio/he_aac_v2_48k.adts");

/// The access units of an ADTS stream, one a packet (RFC 3640, AAC-hbr).
#[cfg(feature = "transcode-audio")]
fn aac(mut stream: &'static [u8], rate: &str, config: &str, ticks: u32) -> Recording {
    const HEADER: usize = 7;
    let packets = std::iter::from_fn(|| {
        let &[_, _, _, a, b, c, _] = stream.first_chunk::<HEADER>()?;
        let len = usize::from(a & 3) << 11 | usize::from(b) << 3 | usize::from(c) >> 5;
        let unit;
        (unit, stream) = stream.split_at(len);
        let unit = &unit[HEADER..];
        let size = (unit.len() as u16) << 3;
        Some([&16u16.to_be_bytes(), &size.to_be_bytes(), unit].concat())
    });
    let fmtp =
        format!("mode=AAC-hbr;config={config};sizelength=13;indexlength=3;indexdeltalength=3");
    Recording::audio(97, &format!("MPEG4-GENERIC/{rate}"), &fmtp, ticks, packets)
}

/// The other track is heard.
#[test]
fn sound_that_nobody_decodes_is_not_the_best_of_several() {
    let silence = |payload_type, encoding, fmtp, ticks| {
        Recording::audio(payload_type, encoding, fmtp, ticks, [vec![0xff; 160]])
    };
    // AAC-ELD has the wider band.
    let eld = silence(
        97,
        "MPEG4-GENERIC/24000/1",
        "mode=AAC-hbr;config=F8EC2000",
        512,
    );
    let g711 = silence(0, "PCMU/8000", "", 160);
    let seen = hear(vec![recordings::h265(), eld, g711]);
    assert_eq!(codec(&seen), Codec::Pcmu);
    assert!(seen.warnings.is_empty(), "{:?}", seen.warnings);
}

/// With a rate that is not said, too.
#[test]
fn g711_of_no_rate_is_heard() {
    let script = Script::new().description(|sdp| sdp.replace("PCMU/8000", "PCMU"));
    let sound = Recording::audio(97, "PCMU/8000", "", 160, [vec![0xff; 160]]);
    let camera = CameraConfig::new("camera").script(script);
    let camera = camera.recording(recordings::h265()).recording(sound);
    let done = |seen: &Seen| seen.sounds() || seen.failed();
    let seen = &pull_all(vec![camera], |options| options, done)["camera"];
    assert!(!seen.failed(), "{:?}", seen.failures);
    assert_eq!(codec(seen), Codec::Pcmu);
}

#[cfg(feature = "transcode-audio")]
#[test]
fn the_rest_becomes_opus_of_20_ms() {
    let wide = |encoding| {
        let packets = (0..50).map(|n| vec![0x80 + n; 320]);
        Recording::audio(97, encoding, "", 320, packets)
    };
    for sound in [
        recordings::aac(),
        aac(AAC_48K, "48000/2", "1190", 1024),
        aac(HE_AAC, "48000/1", "2b098800", 2048),
        aac(HE_AAC_V2, "48000/2", "eb098800", 2048),
        recordings::latm(),
        recordings::g726(),
        recordings::l16(),
        wide("PCMU/16000/1"),
        wide("PCMA/16000"),
    ] {
        let seen = hear(vec![recordings::h265(), sound]);
        assert_eq!(codec(&seen), Codec::Opus);
        assert!(seen.warnings.is_empty(), "{:?}", seen.warnings);
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
