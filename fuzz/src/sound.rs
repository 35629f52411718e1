//! Audio of cameras: configurations in a session description, and frames that are decoded.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rtsp_webrtc_gateway::internals::media::AccessUnit;
use rtsp_webrtc_gateway::internals::source::Sink;
use rtsp_webrtc_gateway::internals::source::audio::Audio;
use rtsp_webrtc_gateway::internals::source::rtp::{Encoding, Format, Section};

use crate::stage::Stage;

#[derive(Arbitrary, Debug)]
enum Configuration<'a> {
    Lc16k,
    Lc44kStereo,
    HeAac,
    Latm,
    LatmInBand,
    G726(u8),
    L16(u16),
    Mulaw(u16),
    /// In hexadecimal digits of these.
    Aac(&'a [u8]),
    Mux(&'a [u8]),
    Any(&'a str, &'a str, u32, u8),
}

impl Configuration<'_> {
    fn section(&self) -> Section {
        let hex = |bytes: &[u8]| {
            bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        let aac = |config: &str| {
            format!("mode=AAC-hbr;config={config};sizelength=13;indexlength=3;indexdeltalength=3")
        };
        let (name, clock_rate, channels, fmtp) = match self {
            Configuration::Lc16k => ("mpeg4-generic", 16_000, 1, aac("1408")),
            Configuration::Lc44kStereo => ("mpeg4-generic", 44_100, 2, aac("1210")),
            Configuration::HeAac => ("mpeg4-generic", 48_000, 2, aac("1310")),
            Configuration::Latm => (
                "mp4a-latm",
                48_000,
                2,
                "cpresent=0;config=400023203fc0".to_owned(),
            ),
            Configuration::LatmInBand => ("mp4a-latm", 16_000, 1, "cpresent=1".to_owned()),
            Configuration::G726(kind) => {
                let names = [
                    "g726-16",
                    "g726-24",
                    "g726-32",
                    "g726-40",
                    "aal2-g726-16",
                    "aal2-g726-40",
                ];
                (
                    names[usize::from(*kind) % names.len()],
                    8_000,
                    1,
                    String::new(),
                )
            }
            Configuration::L16(rate) => ("l16", u32::from(*rate), 2, String::new()),
            Configuration::Mulaw(rate) => ("pcmu", u32::from(*rate), 1, String::new()),
            Configuration::Aac(config) => ("mpeg4-generic", 48_000, 2, aac(&hex(config))),
            Configuration::Mux(config) => (
                "mp4a-latm",
                48_000,
                2,
                format!("cpresent=0;config={}", hex(config)),
            ),
            Configuration::Any(name, fmtp, rate, channels) => {
                (*name, *rate, *channels, (*fmtp).to_owned())
            }
        };
        Section {
            media: "audio".to_owned(),
            payload_type: 97,
            encoding_name: name.to_owned(),
            clock_rate,
            channels,
            fmtp,
        }
    }
}

#[derive(Arbitrary, Debug)]
struct Unit<'a> {
    data: &'a [u8],
    ticks: i16,
    lost: u8,
    ms: u8,
}

/// Units in an execution: decoding is slow.
const MOST_UNITS: usize = 12;

pub fn sound(data: &[u8]) {
    let mut script = Unstructured::new(data);
    let Ok(configuration) = Configuration::arbitrary(&mut script) else {
        return;
    };
    let Ok(format) = Format::of(&configuration.section()) else {
        return;
    };
    let Encoding::Audio(encoding) = &format.encoding else {
        return;
    };
    let Some(mut audio) = Audio::new(encoding, format.clock_rate) else {
        return;
    };
    let mut now = crate::beginning();
    let mut stage = Stage::new(now);
    stage.live(None, Some(audio.info()));
    let mut timestamp = 0_i64;
    for _ in 0..MOST_UNITS {
        let Ok(unit) = Unit::arbitrary(&mut script) else {
            break;
        };
        timestamp += i64::from(unit.ticks);
        now += Duration::from_millis(unit.ms.into());
        let before = stage.units;
        let access_unit = AccessUnit {
            data: unit.data,
            timestamp,
            arrival: now,
            captured: None,
        };
        audio.push(&access_unit, unit.lost.into(), &mut stage);
        // A second of sound at most, in packets of 20 ms, and as much again for what was lost.
        let made = stage.units - before;
        assert!(made <= 200, "{made} packets of {} bytes", unit.data.len());
        if script.is_empty() {
            break;
        }
    }
}
