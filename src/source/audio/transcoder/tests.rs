use std::f32::consts::PI;

use super::super::encoding::{Aac, G726, G726Packing};
use super::*;
use crate::media::MediaClock;

const AAC_16K: &[u8] = include_bytes!("../../../../tests/fixtures/audio/aac_lc_16k.adts");
const AAC_STEREO: &[u8] = include_bytes!("../../../../tests/fixtures/audio/aac_lc_44k_stereo.adts");
const HE_AAC: &[u8] = include_bytes!("../../../../tests/fixtures/audio/he_aac_48k.adts");
const HE_AAC_V2: &[u8] = include_bytes!("../../../../tests/fixtures/audio/he_aac_v2_48k.adts");
const LOAS: &[u8] = include_bytes!("../../../../tests/fixtures/audio/aac_lc_16k.loas");

/// The access units of a file, with or without their headers.
fn units(adts: &[u8], header: usize) -> Vec<&[u8]> {
    let mut units = Vec::new();
    let mut rest = adts;
    while let [_, _, _, a, b, c, ..] = rest {
        let length = usize::from(a & 3) << 11 | usize::from(*b) << 3 | usize::from(*c >> 5);
        units.push(&rest[7 - header..length]);
        rest = &rest[length..];
    }
    units
}

fn generic(config: &[u8]) -> Encoding {
    Encoding::Aac(Aac::Generic {
        size_length: 13,
        index_length: 3,
        index_delta_length: 3,
        config: config.to_vec(),
    })
}

/// A viewer: decodes what it gets and puts it where the timestamps say.
struct Viewer {
    decoder: opus::Decoder,
    first: Option<i64>,
    heard: Vec<f32>,
    packets: usize,
    sizes: Vec<usize>,
    moments: Vec<(i64, Instant)>,
}

impl Viewer {
    fn new() -> Viewer {
        Viewer {
            decoder: opus::Decoder::new(48_000, Channels::Stereo).unwrap(),
            first: None,
            heard: Vec::new(),
            packets: 0,
            sizes: Vec::new(),
            moments: Vec::new(),
        }
    }

    fn take(&mut self, unit: &AccessUnit<'_>) {
        let mut pcm = [0.0; 2 * 960];
        let samples = self
            .decoder
            .decode_float(unit.data, &mut pcm, false)
            .unwrap();
        assert_eq!(samples, 960);
        let first = *self.first.get_or_insert(unit.timestamp);
        let at = usize::try_from(unit.timestamp - first).unwrap();
        assert!(at >= self.heard.len(), "a packet overlaps the one before");
        self.heard.resize(at, 0.0);
        self.heard
            .extend(pcm.chunks(2).map(|pair| (pair[0] + pair[1]) / 2.0));
        self.packets += 1;
        self.sizes.push(unit.data.len());
        self.moments.push((unit.timestamp, unit.moment()));
    }

    /// How much of the sound from `start` on is a tone of 440 Hz, in percent, and its amplitude.
    fn tone(&self, start: usize) -> (f32, f32) {
        let sound = &self.heard[start..start + 9600];
        let phase = |i: usize| 2.0 * PI * 440.0 * i as f32 / 48_000.0;
        let part = |f: fn(f32) -> f32| -> f32 {
            let products = sound.iter().enumerate().map(|(i, x)| x * f(phase(i)));
            products.sum::<f32>() * 2.0 / sound.len() as f32
        };
        let amplitude = part(f32::sin).hypot(part(f32::cos));
        let power: f32 = sound.iter().map(|x| x * x).sum::<f32>() / sound.len() as f32;
        (100.0 * amplitude * amplitude / 2.0 / power, amplitude)
    }
}

/// Sends units of `ticks` each and returns what is heard of them.
fn hear(encoding: &Encoding, clock_rate: u32, units: &[&[u8]], ticks: i64) -> Viewer {
    let mut transcoder = Transcoder::new(encoding, clock_rate).unwrap();
    let mut viewer = Viewer::new();
    let begun = Instant::now();
    for (i, unit) in units.iter().enumerate() {
        let passed = ticks as u64 * (i as u64 + 1) * 1_000_000 / u64::from(clock_rate);
        let unit = AccessUnit {
            data: unit,
            timestamp: 77_000 + i as i64 * ticks,
            arrival: begun + Duration::from_micros(passed),
            captured: None,
        };
        let done = transcoder.push(&unit, &mut |packet, _| viewer.take(packet));
        assert_eq!(done, Ok(()), "unit {i}");
    }
    viewer
}

#[test]
fn sound_keeps_its_place_beside_the_video_whenever_units_arrive() {
    const UNIT: Duration = Duration::from_millis(64);
    // A camera sends a unit when it has its last sample, a server when the first is due; both may be late,
    // and say or do not say when it was captured.
    for (delay, says) in [
        (UNIT, false),
        (UNIT, true),
        (Duration::ZERO, true),
        (3 * UNIT, true),
    ] {
        let mut transcoder = Transcoder::new(&generic(&[0x14, 0x08]), 16_000).unwrap();
        let mut clock = MediaClock::new(48_000, 0);
        let begun = Instant::now();
        let mut first = None;
        for (i, unit) in (0..).zip(units(AAC_16K, 0).iter().cycle().take(300)) {
            let captured = begun + UNIT * i;
            let unit = AccessUnit {
                data: unit,
                timestamp: 1024 * i64::from(i),
                arrival: captured + delay,
                captured: says.then_some(captured),
            };
            let done = transcoder.push(&unit, &mut |packet, _| {
                let timestamp = clock.map_long(packet.timestamp, packet.arrival, packet.moment());
                first.get_or_insert(packet.timestamp - timestamp);
            });
            assert_eq!(done, Ok(()));
            // What the sender reports say, beside what was captured.
            let now = unit.arrival;
            let said = clock.long_at(now).unwrap() + first.unwrap();
            let right = (now - begun).as_micros() as i64 * 48 / 1000;
            assert!(
                (said - right).abs() <= 48,
                "{delay:?}: {} ms",
                (said - right) / 48
            );
        }
    }
}

fn assert_tone(viewer: &Viewer, what: &str) {
    let (purity, amplitude) = viewer.tone(12_000);
    assert!(purity > 95.0, "{what}: {purity} %");
    assert!((0.1..0.5).contains(&amplitude), "{what}: {amplitude}");
}

#[test]
fn aac_of_all_kinds_is_heard() {
    let plain = hear(&generic(&[0x14, 0x08]), 16_000, &units(AAC_16K, 0), 1024);
    assert_tone(&plain, "AAC-LC");
    // All of them in packets of one size, which leave together.
    assert!(
        plain.sizes.iter().all(|&size| size == 80),
        "{:?}",
        plain.sizes
    );
    let with_headers = hear(&generic(&[0x11, 0x90]), 16_000, &units(AAC_16K, 7), 1024);
    assert_tone(&with_headers, "AAC with ADTS headers and a wrong config");
    let stereo = hear(&generic(&[0x12, 0x10]), 44_100, &units(AAC_STEREO, 0), 1024);
    assert_tone(&stereo, "44.1 kHz, two channels");
    // HE-AAC that says so, and that does not.
    for (config, what) in [
        (&[0x2b, 0x09, 0x88, 0x00][..], "HE-AAC"),
        (&[0x13, 0x08], "HE-AAC without a word"),
    ] {
        let viewer = hear(&generic(config), 48_000, &units(HE_AAC, 0), 2048);
        assert_tone(&viewer, what);
    }
    let v2 = hear(&generic(&[0x13, 0x08]), 48_000, &units(HE_AAC_V2, 0), 2048);
    assert_tone(&v2, "HE-AAC v2");
}

#[test]
fn latm_is_heard_with_its_configuration_in_band_or_in_the_sdp() {
    // An AudioMuxElement with its configuration behind each sync word.
    let mut elements = Vec::new();
    let mut rest = LOAS;
    while let [_, a, b, ..] = rest {
        let length = usize::from(a & 0x1f) << 8 | usize::from(*b);
        elements.push(&rest[3..3 + length]);
        rest = &rest[3 + length..];
    }
    let latm = |config: Option<&[u8]>, in_band| {
        let config = config.map(<[u8]>::to_vec);
        Encoding::Aac(Aac::Latm { config, in_band })
    };
    let config: &[u8] = &[0x40, 0x00, 0x28, 0x10, 0x3f, 0xc0];
    for (encoding, what) in [
        (latm(None, None), "in band"),
        (latm(Some(config), Some(true)), "in band and in the SDP"),
        // By RFC 6416 that is the same.
        (latm(Some(config), None), "in band, and nothing said"),
    ] {
        assert_tone(&hear(&encoding, 16_000, &elements, 1024), what);
    }

    let elements: Vec<Vec<u8>> = units(AAC_16K, 0)
        .iter()
        .map(|unit| {
            let mut element = vec![255; unit.len() / 255];
            element.push((unit.len() % 255) as u8);
            element.extend_from_slice(unit);
            element
        })
        .collect();
    let elements: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
    for in_band in [Some(false), None] {
        let in_sdp = latm(Some(config), in_band);
        assert_tone(&hear(&in_sdp, 16_000, &elements, 1024), "in the SDP");
    }
}

#[test]
fn g726_is_heard_at_all_rates_in_both_packings() {
    macro_rules! clip {
        ($bits:literal, $packing:literal) => {
            include_bytes!(concat!(
                "../../../../tests/fixtures/audio/g726_",
                $bits,
                "_",
                $packing,
                ".raw"
            ))
        };
    }
    let clips: [(u8, &[u8], &[u8]); 4] = [
        (2, clip!("2", "low"), clip!("2", "high")),
        (3, clip!("3", "low"), clip!("3", "high")),
        (4, clip!("4", "low"), clip!("4", "high")),
        (5, clip!("5", "low"), clip!("5", "high")),
    ];
    for (bits, low, high) in clips {
        for (packing, clip) in [(G726Packing::LowFirst, low), (G726Packing::HighFirst, high)] {
            let encoding = Encoding::G726(G726 { bits, packing });
            // 20 ms.
            let units: Vec<&[u8]> = clip.chunks(usize::from(bits) * 20).collect();
            let viewer = hear(&encoding, 8_000, &units, 160);
            let (purity, amplitude) = viewer.tone(12_000);
            let least = if bits == 2 { 90.0 } else { 97.0 };
            assert!(purity > least, "{bits} bits, {packing:?}: {purity} %");
            // At 40 kbit/s the coder that made the clips forgets faster than the recommendation says, so
            // they are louder than they were.
            let most = if bits == 5 { 0.6 } else { 0.36 };
            assert!(
                (0.25..most).contains(&amplitude),
                "{bits} bits: {amplitude}"
            );
        }
    }
}

/// A tone at this rate, in units of 20 ms of interleaved samples.
fn tone(rate: u32, channels: usize, seconds: usize) -> Vec<Vec<i16>> {
    let frame = rate as usize / 50;
    (0..50 * seconds)
        .map(|n| {
            let samples = (n * frame..(n + 1) * frame).flat_map(|i| {
                let phase = 2.0 * PI * 440.0 * i as f32 / rate as f32;
                std::iter::repeat_n((phase.sin() * 8000.0) as i16, channels)
            });
            samples.collect()
        })
        .collect()
}

#[test]
fn samples_are_heard_at_every_rate() {
    for rate in [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000] {
        for channels in [1, 2] {
            let units: Vec<Vec<u8>> = tone(rate, channels, 1)
                .iter()
                .map(|unit| {
                    unit.iter()
                        .flat_map(|sample| sample.to_be_bytes())
                        .collect()
                })
                .collect();
            let units: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
            let encoding = Encoding::L16(Pcm {
                rate,
                channels: channels as u8,
            });
            let viewer = hear(&encoding, rate, &units, i64::from(rate / 50));
            assert_tone(&viewer, &format!("L16, {rate} Hz, {channels} channels"));
            assert!(
                viewer.packets >= 48,
                "{rate} Hz: {} packets",
                viewer.packets
            );
        }
    }
}

/// A click is heard when it was recorded, whatever delays there are in the coder.
#[test]
fn what_is_heard_is_where_the_timestamps_say() {
    for rate in [8_000, 16_000, 44_100, 48_000] {
        let frame = rate as usize / 50;
        let mut samples = vec![0_i16; rate as usize];
        let click = rate as usize / 2;
        samples[click..click + rate as usize / 1000].fill(16_000);
        let units: Vec<Vec<u8>> = samples
            .chunks(frame)
            .map(|unit| {
                unit.iter()
                    .flat_map(|sample| sample.to_be_bytes())
                    .collect()
            })
            .collect();
        let units: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
        let encoding = Encoding::L16(Pcm { rate, channels: 1 });
        let viewer = hear(&encoding, rate, &units, frame as i64);
        let begun = 77_000 * 48_000 / i64::from(rate);
        let (at, _) = viewer
            .heard
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
            .unwrap();
        let at = viewer.first.unwrap() + at as i64 - begun;
        assert!((at - 24_000).abs() < 96, "{rate} Hz: {at}");
        // So it is with the time of capture: it belongs to the timestamp.
        let (first, moment) = viewer.moments[0];
        for &(timestamp, other) in &viewer.moments {
            let ticks = (other - moment).as_micros() as i64 * 48 / 1000;
            assert!((timestamp - first - ticks).abs() < 96, "{rate} Hz");
        }
    }
}

#[test]
fn gaps_overlaps_and_restarts_leave_no_trace_elsewhere() {
    let encoding = Encoding::L16(Pcm {
        rate: 16_000,
        channels: 1,
    });
    let mut transcoder = Transcoder::new(&encoding, 16_000).unwrap();
    let tone = tone(16_000, 1, 3);
    let mut begins = Vec::new();
    let mut now = Instant::now();
    let mut push = |timestamp: i64, unit: &[i16]| {
        let data: Vec<u8> = unit
            .iter()
            .flat_map(|sample| sample.to_be_bytes())
            .collect();
        now += Duration::from_millis(20);
        let unit = AccessUnit {
            data: &data,
            timestamp,
            arrival: now,
            captured: None,
        };
        let mut out = Vec::new();
        transcoder
            .push(&unit, &mut |packet, _| out.push(packet.timestamp))
            .unwrap();
        begins.extend_from_slice(&out);
        out
    };
    assert_eq!(push(0, &tone[0]), [-120]);
    assert_eq!(push(320, &tone[1]), [840]);
    // A unit is lost.
    assert_eq!(push(960, &tone[3]), [2760]);
    // A clock that is not that of the samples.
    assert_eq!(push(1300, &tone[4]), [3720]);
    // 15 ms too early are still believed, 21 ms are dropped.
    assert_eq!(push(1600 - 240, &tone[5]), [4680]);
    assert!(push(1920 - 336, &tone[6]).is_empty());
    assert_eq!(push(1920, &tone[7]), [5640]);
    // Another timeline, in either direction.
    assert_eq!(push(1_000_000, &tone[8]), [2_999_880]);
    assert_eq!(push(-50_000, &tone[9]), [-150_120]);
    assert_eq!(push(i64::MAX / 4, &tone[10]).len(), 1);
    assert_eq!(push(i64::MIN, &tone[11]).len(), 1);
}

#[test]
fn a_clock_rate_that_lies_is_found_out() {
    let units = units(AAC_16K, 0);
    let mut transcoder = Transcoder::new(&generic(&[0x14, 0x08]), 90_000).unwrap();
    let mut packets = Vec::new();
    let (mut now, mut timestamp) = (Instant::now(), 0);
    // Timestamps count samples; then they are spaced by arrival, in ticks of the rate that was said.
    for (i, unit) in units.iter().cycle().take(80).enumerate() {
        now += Duration::from_millis(64);
        timestamp += if i < 40 {
            1024
        } else {
            5760 + i as i64 % 3 * 100 - 100
        };
        let unit = AccessUnit {
            data: unit,
            timestamp,
            arrival: now,
            captured: None,
        };
        let _ = transcoder.push(&unit, &mut |packet, _| packets.push(packet.timestamp));
    }
    let steps: Vec<i64> = packets.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for steps in [&steps[60..120], &steps[steps.len() - 60..]] {
        assert!(steps.iter().all(|&step| step == 960), "{steps:?}");
    }
}

/// It is not swallowed in silence.
#[test]
fn sound_of_a_rate_that_cannot_be_encoded_is_bad() {
    let odd = Encoding::L16(Pcm {
        rate: 11_127,
        channels: 1,
    });
    let mut transcoder = Transcoder::new(&odd, 11_127).unwrap();
    let unit = AccessUnit {
        data: &[0; 400],
        timestamp: 0,
        arrival: Instant::now(),
        captured: None,
    };
    let done = transcoder.push(&unit, &mut |_, _| panic!("it is encoded"));
    assert_eq!(done, Err(Bad));
}

#[test]
fn what_is_no_sound_does_no_harm() {
    let mut random = fastrand::Rng::with_seed(1);
    let good = units(AAC_16K, 0);
    for encoding in [
        generic(&[0x14, 0x08]),
        generic(&[0x2b, 0x09, 0x88, 0x00]),
        Encoding::Aac(Aac::Latm {
            config: None,
            in_band: None,
        }),
        Encoding::Aac(Aac::Latm {
            config: Some(vec![0x40, 0x00, 0x28, 0x10, 0x3f, 0xc0]),
            in_band: None,
        }),
        Encoding::G726(G726 {
            bits: 3,
            packing: G726Packing::HighFirst,
        }),
        Encoding::L16(Pcm {
            rate: 44_100,
            channels: 2,
        }),
    ] {
        let mut transcoder = Transcoder::new(&encoding, 16_000).unwrap();
        let mut now = Instant::now();
        for i in 0..400 {
            let mut data = match random.u8(..3) {
                0 => (0..random.usize(..3000)).map(|_| random.u8(..)).collect(),
                1 => good[random.usize(..good.len())][..random.usize(1..100)].to_vec(),
                _ => good[random.usize(..good.len())].to_vec(),
            };
            if !data.is_empty() && random.bool() {
                let at = random.usize(..data.len());
                data[at] ^= 1 << random.u8(..8);
            }
            now += Duration::from_millis(64);
            let unit = AccessUnit {
                data: &data,
                timestamp: i * 1024 + random.i64(-3000..3000),
                arrival: now,
                captured: None,
            };
            let mut last = None;
            let _ = transcoder.push(&unit, &mut |packet, _| {
                assert!(!packet.data.is_empty() && packet.data.len() <= MAX_PACKET);
                assert!(packet.moment() <= packet.arrival + MAX_UNIT);
                last = Some(packet.timestamp);
            });
        }
        // And then it is heard again.
        if encoding == generic(&[0x14, 0x08]) {
            let mut viewer = Viewer::new();
            for (i, unit) in good.iter().enumerate() {
                now += Duration::from_millis(64);
                let unit = AccessUnit {
                    data: unit,
                    timestamp: 1_000_000 + i as i64 * 1024,
                    arrival: now,
                    captured: None,
                };
                let mut packets = 0;
                let mut hear = |packet: &AccessUnit<'_>, _| {
                    packets += 1;
                    // What waited for more leaves before the gap.
                    if i > 0 || packets > 1 {
                        viewer.take(packet);
                    }
                };
                transcoder.push(&unit, &mut hear).unwrap();
            }
            assert_tone(&viewer, "after nonsense");
        }
    }
    assert!(Transcoder::new(&generic(&[0xff; 9]), 16_000).is_err());
}

#[test]
fn a_camera_cannot_make_its_worker_decode_more_than_time_passes() {
    let encoding = Encoding::G726(G726 {
        bits: 2,
        packing: G726Packing::LowFirst,
    });
    let mut transcoder = Transcoder::new(&encoding, 8_000).unwrap();
    let now = Instant::now();
    let mut packets = 0;
    for i in 0..100 {
        let unit = AccessUnit {
            data: &[0x55; 60_000],
            timestamp: i * 240_000,
            arrival: now,
            captured: None,
        };
        transcoder.push(&unit, &mut |_, _| packets += 1).unwrap();
    }
    // A second of each of five units.
    assert_eq!(packets, 250);
}
