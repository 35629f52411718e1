//! Changes the sampling rate by a ratio of small numbers: a polyphase filter, a windowed sinc.

use std::f64::consts::PI;

/// Samples of the slower of the two rates on each side of a sample that count for it.
const REACH: usize = 16;
/// How much of the band is kept, for a filter of this length.
const BAND: f64 = 0.92;
/// A ratio with more phases than this is none of sampling rates in use (44.1 to 48 kHz has 160).
const MAX_PHASES: u32 = 640;

/// One stream of samples. What comes out begins with what came in first.
pub struct Resampler {
    channels: usize,
    /// What comes out for what goes in: `up` for each `down`.
    up: usize,
    down: usize,
    /// `up` filters of `width` taps.
    taps: Vec<f32>,
    width: usize,
    /// Samples that still count, interleaved.
    held: Vec<f32>,
    /// Where the next sample lies between two of those that came in, in 1/`up`.
    phase: usize,
}

impl Resampler {
    /// `None` if the ratio has too many phases.
    pub fn new(from: u32, to: u32, channels: usize) -> Option<Resampler> {
        let divisor = greatest_common_divisor(from, to);
        let (up, down) = (to.checked_div(divisor)?, from.checked_div(divisor)?);
        if up > MAX_PHASES || down > MAX_PHASES || up == 0 || down == 0 {
            return None;
        }
        let (up, down) = (up as usize, down as usize);
        // Of the slower rate.
        let cutoff = BAND * (up as f64 / down as f64).min(1.0);
        let reach = (REACH * down.max(up)).div_ceil(up);
        let width = 2 * reach;
        let mut taps = Vec::with_capacity(up * width);
        for phase in 0..up {
            let start = taps.len();
            let mut sum = 0.0;
            for tap in 0..width {
                let at = tap as f64 - (reach as f64 - 1.0) - phase as f64 / up as f64;
                let value = sinc(at * cutoff) * window(at / reach as f64);
                sum += value;
                taps.push(value as f32);
            }
            for tap in &mut taps[start..] {
                *tap /= sum as f32;
            }
        }
        let mut resampler = Resampler {
            channels,
            up,
            down,
            taps,
            width,
            held: Vec::new(),
            phase: 0,
        };
        resampler.reset();
        Some(resampler)
    }

    /// Forgets what has come in.
    pub fn reset(&mut self) {
        self.phase = 0;
        self.held.clear();
        self.held.resize((self.width / 2 - 1) * self.channels, 0.0);
    }

    /// Appends to `out` what `samples` makes possible.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.held.extend_from_slice(samples);
        let mut first = 0;
        while (first + self.width) * self.channels <= self.held.len() {
            let taps = &self.taps[self.phase * self.width..][..self.width];
            let window = &self.held[first * self.channels..][..self.width * self.channels];
            for channel in 0..self.channels {
                let samples = window[channel..].iter().step_by(self.channels);
                out.push(
                    taps.iter()
                        .zip(samples)
                        .map(|(tap, sample)| tap * sample)
                        .sum(),
                );
            }
            self.phase += self.down;
            first += self.phase / self.up;
            self.phase %= self.up;
        }
        let gone = (first * self.channels).min(self.held.len());
        self.held.drain(..gone);
    }
}

fn sinc(at: f64) -> f64 {
    match at.abs() < 1e-9 {
        true => 1.0,
        false => (PI * at).sin() / (PI * at),
    }
}

/// Blackman-Harris, for -1 to 1.
fn window(at: f64) -> f64 {
    if at.abs() >= 1.0 {
        return 0.0;
    }
    let angle = PI * (at + 1.0);
    0.35875 - 0.48829 * angle.cos() + 0.14128 * (2.0 * angle).cos() - 0.01168 * (3.0 * angle).cos()
}

fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far a tone is from what it should be after the change, in dB below it.
    fn error(from: u32, to: u32, hertz: f64, channels: usize) -> f64 {
        let mut resampler = Resampler::new(from, to, channels).unwrap();
        let tone = |rate: u32, i: usize| (2.0 * PI * hertz * i as f64 / f64::from(rate)).sin();
        let mut out = Vec::new();
        for start in (0..from as usize).step_by(480) {
            let frame: Vec<f32> = (start..start + 480)
                .flat_map(|i| (0..channels).map(move |c| tone(from, i) as f32 * (c + 1) as f32))
                .collect();
            resampler.push(&frame, &mut out);
        }
        let frames = out.len() / channels;
        let expected = from.div_ceil(480) as usize * 480 * to as usize / from as usize;
        assert!(
            frames <= expected && frames + 64 > expected,
            "{frames}, {expected}"
        );
        let (mut wrong, mut right) = (0.0, 0.0);
        for i in 200..frames {
            let is = f64::from(out[i * channels + channels - 1]) / channels as f64;
            wrong += (is - tone(to, i)).powi(2);
            right += tone(to, i).powi(2);
        }
        10.0 * (right / wrong).log10()
    }

    #[test]
    fn tones_stay_what_they_are_and_where_they_are() {
        for (from, to) in [
            (44_100, 48_000),
            (22_050, 24_000),
            (32_000, 48_000),
            (64_000, 48_000),
        ] {
            for channels in 1..=2 {
                let db = error(from, to, 1000.0, channels);
                assert!(db > 80.0, "{from} to {to}: {db} dB");
            }
        }
        // What does not fit is left out.
        let mut resampler = Resampler::new(96_000, 48_000, 1).unwrap();
        let tone = (0..9600).map(|i| (2.0 * PI * 30_000.0 * f64::from(i) / 96_000.0).sin() as f32);
        let mut out = Vec::new();
        resampler.push(&tone.collect::<Vec<_>>(), &mut out);
        assert!(out[100..4000].iter().all(|sample| sample.abs() < 1e-3));
        assert!(Resampler::new(44_101, 48_000, 1).is_none());
        assert!(Resampler::new(0, 48_000, 1).is_none());
    }
}
