//! Decodes what browsers do not play, and encodes it with Opus.
//!
//! The timestamps of what comes out are those of what went in, less the delay of the coder: sound stays
//! beside its picture.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use opus::{Application, Bitrate, Channels, Encoder};

use super::encoding::{Encoding, Pcm};
use super::resample::Resampler;
use super::{aac, g726, pcm};
use crate::media::AccessUnit;

/// Ticks per second of the timestamps of Opus (RFC 7587 section 4.1), and of a frame of 20 ms.
const CLOCK: i64 = 48_000;
const FRAME: i64 = CLOCK / 50;
/// Frames per second.
const FRAMES: u32 = 50;
/// Sampling rates that Opus takes, in Hz.
const RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];
/// How much work the encoder does for quality, of 10. Measured: up to 4 a frame of one channel costs some
/// 40 µs, 5 and more half as much again and more.
const COMPLEXITY: i32 = 4;
/// The largest packet that is asked for: 96 kbit/s are 240 bytes.
const MAX_PACKET: usize = 1000;
/// Timestamps may be off by this much before what was lost is left out, or what is too much is dropped:
/// some cameras take them from a clock that is not that of their samples.
const TOLERANCE: i64 = FRAME * 3 / 4;
/// A step back that is larger is the begin of another timeline.
const MAX_OVERLAP: i64 = CLOCK / 5;
/// The longest unit that is taken: packets of cameras have 20 to 130 ms.
const MAX_UNIT: Duration = Duration::from_secs(1);
/// How much more than time passes may be decoded: a camera sends what it has kept when it is connected.
const MAX_AHEAD: Duration = Duration::from_secs(4);
/// Units of another clock rate than was said after which that is believed.
const CLOCK_PROOFS: u32 = 4;

/// It cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bad;

/// Samples between -1 and 1, channels interleaved.
#[derive(Debug, Default)]
pub struct Sound {
    pub rate: u32,
    pub channels: usize,
    pub samples: Vec<f32>,
}

impl Sound {
    /// Samples of this form follow. Those of another form are forgotten.
    pub fn begin(&mut self, rate: u32, channels: usize) {
        if (rate, channels) != (self.rate, self.channels) {
            self.samples.clear();
        }
        (self.rate, self.channels) = (rate, channels);
    }

    /// Samples of one channel.
    fn len(&self) -> usize {
        self.samples.len() / self.channels.max(1)
    }

    fn duration(&self) -> Duration {
        let micros = self.len() as u64 * 1_000_000 / u64::from(self.rate.max(1));
        Duration::from_micros(micros)
    }
}

/// Whether there is a decoder for that.
pub fn decodes(encoding: &Encoding) -> bool {
    Decoder::new(encoding).is_ok()
}

/// Appends the samples of a payload.
type Decode = fn(&[u8], &mut Vec<f32>);

enum Decoder {
    Aac(Box<aac::Decoder>),
    G726(Box<g726::Decoder>),
    /// Each sample by itself.
    Samples(Pcm, Decode),
}

impl Decoder {
    fn new(encoding: &Encoding) -> Result<Decoder, Bad> {
        Ok(match encoding {
            Encoding::Aac(aac) => Decoder::Aac(Box::new(aac::Decoder::new(aac)?)),
            Encoding::G726(kind) => Decoder::G726(Box::new(g726::Decoder::new(*kind))),
            Encoding::L16(form) => Decoder::Samples(*form, pcm::linear),
            Encoding::Mulaw(form) => Decoder::Samples(*form, pcm::mulaw),
            Encoding::Alaw(form) => Decoder::Samples(*form, pcm::alaw),
            Encoding::Pass(_) => return Err(Bad),
        })
    }

    fn decode(&mut self, unit: &[u8], out: &mut Sound) -> Result<(), Bad> {
        match self {
            Decoder::Aac(decoder) => return decoder.decode(unit, out),
            Decoder::G726(decoder) => {
                out.begin(8_000, 1);
                decoder.decode(unit, &mut out.samples);
            }
            Decoder::Samples(form, decode) => {
                out.begin(form.rate, form.channels.into());
                decode(unit, &mut out.samples);
            }
        }
        Ok(())
    }
}

/// One track.
pub struct Transcoder {
    encoding: Encoding,
    decoder: Decoder,
    /// Ticks per second of the units' timestamps, as it was said and as it is.
    said_rate: u32,
    clock_rate: u32,
    /// What a unit was decoded to.
    sound: Sound,
    output: Option<Output>,
    /// Where the next unit should begin.
    expected: Option<i64>,
    /// The timestamp of the last unit, and what it was decoded to.
    last: Option<(i64, i64)>,
    /// Units that contradict the clock rate.
    contradictions: u32,
    budget: Budget,
}

impl Transcoder {
    /// Fails if there is no decoder for that.
    pub fn new(encoding: &Encoding, clock_rate: u32) -> Result<Transcoder, Bad> {
        Ok(Transcoder {
            decoder: Decoder::new(encoding)?,
            encoding: encoding.clone(),
            said_rate: clock_rate.max(1),
            clock_rate: clock_rate.max(1),
            sound: Sound::default(),
            output: None,
            expected: None,
            last: None,
            contradictions: 0,
            budget: Budget::default(),
        })
    }

    /// Forgets the past: what comes next does not follow it.
    pub fn reset(&mut self) {
        if let Ok(decoder) = Decoder::new(&self.encoding) {
            self.decoder = decoder;
        }
        self.sound.samples.clear();
        self.output = None;
        self.expected = None;
        self.last = None;
    }

    /// Takes a unit. `out` gets each packet of Opus that is complete, and whether another follows.
    pub fn push(
        &mut self,
        unit: &AccessUnit<'_>,
        out: &mut impl FnMut(&AccessUnit<'_>, bool),
    ) -> Result<(), Bad> {
        if !self.budget.has_room(unit.arrival) {
            return Ok(());
        }
        self.sound.samples.clear();
        // Those who made the decoder do not know what cameras send.
        let decode = AssertUnwindSafe(|| self.decoder.decode(unit.data, &mut self.sound));
        let decoded = catch_unwind(decode).unwrap_or_else(|_| {
            self.reset();
            Err(Bad)
        });
        let sound = &mut self.sound;
        let most = sound.rate as usize * sound.channels * MAX_UNIT.as_secs() as usize;
        sound.samples.truncate(most);
        for sample in &mut sound.samples {
            // What is no number becomes silence.
            *sample = if sample.is_nan() {
                0.0
            } else {
                sample.clamp(-1.0, 1.0)
            };
        }
        self.budget.spend(sound.duration());
        if !sound.samples.is_empty() {
            self.place(unit);
            if self.output.is_none() {
                // No encoder takes such a rate.
                return Err(Bad);
            }
            self.encode(unit, out);
        }
        decoded
    }

    /// Brings what was decoded into line with the timestamps.
    fn place(&mut self, unit: &AccessUnit<'_>) {
        self.check_clock(unit.timestamp);
        let sound = &mut self.sound;
        let (rate, channels) = (sound.rate, sound.channels);
        if self
            .output
            .as_ref()
            .is_none_or(|output| !output.is_for(rate, channels))
        {
            self.output = Output::new(rate, channels);
            self.expected = None;
        }
        let at = scale(unit.timestamp, self.clock_rate, CLOCK as u32);
        let off = at.wrapping_sub(self.expected.unwrap_or(at));
        let begins = match off {
            _ if self.expected.is_none() => true,
            ..=-1 if off < -MAX_OVERLAP => true,
            ..=-1 if off < -TOLERANCE => {
                let samples = scale(-off, CLOCK as u32, rate) as usize * channels;
                sound.samples.drain(..samples.min(sound.samples.len()));
                false
            }
            _ => off > TOLERANCE,
        };
        if begins {
            self.expected = Some(at);
            if let Some(output) = &mut self.output {
                output.starts_at = Some(at);
            }
        }
        let passed = scale(sound.len() as i64, rate, CLOCK as u32);
        self.expected = self.expected.map(|expected| expected.wrapping_add(passed));
    }

    /// Some cameras say a clock rate that is not that of their timestamps, which then count samples. Once
    /// their reception spaces units by arrival, what was said is right again.
    fn check_clock(&mut self, timestamp: i64) {
        let samples = self.sound.len() as i64;
        let last = self.last.replace((timestamp, samples));
        let Some((before, samples)) = last.filter(|_| self.sound.rate != self.said_rate) else {
            return;
        };
        let ticks = timestamp.wrapping_sub(before);
        let said = scale(samples, self.sound.rate, self.said_rate);
        let is_near = |expected: i64| (ticks - expected).abs() <= expected / 4;
        let contradicts = match self.clock_rate == self.said_rate {
            true => ticks == samples && ticks != said,
            false => is_near(said) && !is_near(samples),
        };
        self.contradictions = if contradicts {
            self.contradictions + 1
        } else {
            0
        };
        if self.contradictions >= CLOCK_PROOFS {
            self.contradictions = 0;
            self.expected = None;
            self.clock_rate = match self.clock_rate == self.said_rate {
                true => self.sound.rate,
                false => self.said_rate,
            };
        }
    }

    fn encode(&mut self, unit: &AccessUnit<'_>, out: &mut impl FnMut(&AccessUnit<'_>, bool)) {
        let Some(output) = &mut self.output else {
            return;
        };
        // Without the camera's word: its last sample was taken when it arrived.
        let at = scale(unit.timestamp, self.clock_rate, CLOCK as u32);
        let captured = unit
            .captured
            .or_else(|| unit.arrival.checked_sub(self.sound.duration()));
        output.push(&self.sound.samples, |timestamp, packet, more| {
            // May be later than the arrival: servers send a unit when its first sample is due. Without the
            // time of its last packet, the sound would seem to be earlier than it is.
            let captured =
                captured.and_then(|captured| moved(captured, timestamp.wrapping_sub(at)));
            let packet = AccessUnit {
                data: packet,
                timestamp,
                arrival: unit.arrival,
                captured,
            };
            out(&packet, more);
        });
    }
}

/// A time that many ticks of Opus later.
fn moved(time: Instant, ticks: i64) -> Option<Instant> {
    let by = Duration::from_micros(ticks.unsigned_abs().saturating_mul(1000) / 48);
    match ticks {
        0.. => time.checked_add(by),
        _ => time.checked_sub(by),
    }
}

/// The same time on a clock of another rate.
fn scale(ticks: i64, from: u32, to: u32) -> i64 {
    if from == to {
        return ticks;
    }
    (i128::from(ticks) * i128::from(to)).div_euclid(from.max(1).into()) as i64
}

/// The encoder, and what waits for it.
struct Output {
    encoder: Encoder,
    resampler: Option<Resampler>,
    /// Of what goes in.
    rate: u32,
    channels: usize,
    /// Samples in a frame, and all that wait.
    frame: usize,
    waiting: Vec<f32>,
    /// Timestamp of the first sample that waits.
    at: i64,
    /// Timestamp of the first sample that comes, if it is not that which follows.
    starts_at: Option<i64>,
    /// How much later the decoder puts out what the encoder takes in.
    delay: i64,
    packet: [u8; MAX_PACKET],
}

impl Output {
    fn new(rate: u32, channels: usize) -> Option<Output> {
        let (opus_channels, more) = match channels {
            1 => (Channels::Mono, 1),
            _ => (Channels::Stereo, 2),
        };
        let mut rates = RATES.into_iter().filter(|&encoded| encoded >= rate);
        let encoded = rates.next().unwrap_or(48_000);
        let bits = match encoded {
            8_000 => 24_000,
            12_000 | 16_000 => 32_000,
            _ => 48_000,
        };
        let resampler = match rate == encoded {
            true => None,
            false => Some(Resampler::new(rate, encoded, channels)?),
        };
        // Of its modes the one with the least delay, which is also the cheapest. Packets of one size leave
        // in one system call.
        let mut encoder = Encoder::new(encoded, opus_channels, Application::LowDelay).ok()?;
        encoder.set_complexity(COMPLEXITY).ok()?;
        encoder
            .set_bitrate(Bitrate::Bits(bits * (1 + more) / 2))
            .ok()?;
        encoder.set_vbr(false).ok()?;
        let delay = encoder.get_lookahead().ok()?;
        Some(Output {
            encoder,
            resampler,
            rate,
            channels,
            frame: (encoded / FRAMES) as usize * channels,
            waiting: Vec::new(),
            at: 0,
            starts_at: None,
            delay: scale(delay.into(), encoded, CLOCK as u32),
            packet: [0; MAX_PACKET],
        })
    }

    fn is_for(&self, rate: u32, channels: usize) -> bool {
        (self.rate, self.channels) == (rate, channels)
    }

    /// `out` gets each packet that is complete, with its timestamp, and whether another follows.
    fn push(&mut self, samples: &[f32], mut out: impl FnMut(i64, &[u8], bool)) {
        if let Some(at) = self.starts_at.take() {
            // What waits leaves before the gap.
            if !self.waiting.is_empty() && at.wrapping_sub(self.at) >= FRAME {
                self.waiting.resize(self.frame, 0.0);
                self.send(&mut out);
            }
            self.waiting.clear();
            self.at = at;
            if let Some(resampler) = &mut self.resampler {
                resampler.reset();
            }
        }
        match &mut self.resampler {
            Some(resampler) => resampler.push(samples, &mut self.waiting),
            None => self.waiting.extend_from_slice(samples),
        }
        self.send(&mut out);
    }

    /// Encodes all frames that are complete.
    fn send(&mut self, out: &mut impl FnMut(i64, &[u8], bool)) {
        let mut done = 0;
        for frame in self.waiting.chunks_exact(self.frame) {
            // Sizes are right: it does not fail. If it did, a frame would be missing.
            if let Ok(length) = self.encoder.encode_float(frame, &mut self.packet) {
                let more = self.waiting.len() - done >= 2 * self.frame;
                out(
                    self.at.wrapping_sub(self.delay),
                    &self.packet[..length],
                    more,
                );
            }
            self.at = self.at.wrapping_add(FRAME);
            done += self.frame;
        }
        self.waiting.drain(..done);
    }
}

/// How much may be decoded: as much as time passes, and a little more.
#[derive(Default)]
struct Budget {
    last: Option<Instant>,
    ahead: Duration,
}

impl Budget {
    fn has_room(&mut self, now: Instant) -> bool {
        let passed = self.last.map(|last| now.saturating_duration_since(last));
        self.last = Some(now);
        self.ahead = self.ahead.saturating_sub(passed.unwrap_or_default());
        self.ahead <= MAX_AHEAD
    }

    fn spend(&mut self, time: Duration) {
        self.ahead += time;
    }
}

#[cfg(test)]
mod tests;
