//! A decoder of G.726 (ITU-T G.726): ADPCM of 8 kHz at 16, 24, 32 and 40 kbit/s. The names in comments
//! are those of the recommendation's blocks.

use super::encoding::{G726, G726Packing};

/// The tables of one rate, for the codes of one sign: the other half is mirrored.
struct Tables {
    /// log2 of the quantized difference, in 1/128 (RECONST).
    difference: &'static [i32],
    /// How a code changes the scale (FUNCTW), in 1/512.
    scale: &'static [i32],
    /// How much a code speaks for a signal whose level changes (FUNCTF).
    change: &'static [i32],
}

const TABLES: [Tables; 4] = [
    Tables {
        difference: &[116, 365],
        scale: &[-704, 14048],
        change: &[0, 0xe00],
    },
    Tables {
        difference: &[-2048, 135, 273, 373],
        scale: &[-128, 960, 4384, 18624],
        change: &[0, 0x200, 0x400, 0xe00],
    },
    Tables {
        difference: &[-2048, 4, 135, 213, 273, 323, 373, 425],
        scale: &[-384, 576, 1312, 2048, 3584, 6336, 11360, 35904],
        change: &[0, 0, 0, 0x200, 0x200, 0x200, 0x600, 0xe00],
    },
    Tables {
        difference: &[
            -2048, -66, 28, 104, 169, 224, 274, 318, 358, 395, 429, 459, 488, 514, 539, 566,
        ],
        scale: &[
            448, 448, 768, 1248, 1280, 1312, 1856, 3200, 4512, 5728, 7008, 8960, 11456, 14080,
            16928, 22272,
        ],
        change: &[
            0, 0, 0, 0, 0, 0x200, 0x200, 0x200, 0x200, 0x200, 0x400, 0x600, 0x800, 0xa00, 0xc00,
            0xc00,
        ],
    },
];

/// A number with 4 bits of exponent and 6 of mantissa, as the predictor multiplies them (FLOATA, FLOATB).
#[derive(Clone, Copy)]
struct Small {
    negative: bool,
    exponent: i32,
    mantissa: i32,
}

impl Small {
    const ZERO: Small = Small {
        negative: false,
        exponent: 0,
        mantissa: 32,
    };

    fn new(value: i32) -> Small {
        let magnitude = value.abs();
        let exponent = (32 - magnitude.leading_zeros()) as i32;
        Small {
            negative: value < 0,
            exponent,
            mantissa: match magnitude {
                0 => 32,
                _ => (magnitude << 6) >> exponent,
            },
        }
    }

    /// FMULT: times a coefficient in 1/16384.
    fn times(self, coefficient: i32) -> i32 {
        let other = Small::new(coefficient >> 2);
        let exponent = self.exponent + other.exponent;
        let mantissa = (self.mantissa * other.mantissa + 48) >> 4;
        let product = match exponent - 19 {
            shift @ 0.. => (mantissa << shift) & 0x7fff,
            shift => mantissa >> -shift,
        };
        match self.negative != other.negative {
            true => -product,
            false => product,
        }
    }
}

/// One channel.
pub struct Decoder {
    kind: G726,
    tables: &'static Tables,
    /// Coefficients of the predictor, in 1/16384: of the signal, and of the differences.
    poles: [i32; 2],
    zeros: [i32; 6],
    /// What the predictor has seen: the signal, the differences, and signs of a sum of the two.
    signal: [Small; 2],
    differences: [Small; 6],
    signs: [i32; 2],
    /// The scale: fast, slow, and how much of each.
    fast: i32,
    slow: i32,
    mix: i32,
    /// Averages of `change`: short, long.
    short: i32,
    long: i32,
    /// A tone was found (TONE).
    tone: bool,
}

impl Decoder {
    pub fn new(kind: G726) -> Decoder {
        let index = usize::from(kind.bits.clamp(2, 5) - 2);
        Decoder {
            kind,
            tables: &TABLES[index],
            poles: [0; 2],
            zeros: [0; 6],
            signal: [Small::ZERO; 2],
            differences: [Small::ZERO; 6],
            signs: [1; 2],
            fast: 544,
            slow: 34816,
            mix: 0,
            short: 0,
            long: 0,
            tone: false,
        }
    }

    /// Appends the samples of a payload.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) {
        let bits = u32::from(self.kind.bits);
        let (mut held, mut count) = (0_u32, 0);
        for &byte in payload {
            match self.kind.packing {
                G726Packing::LowFirst => held |= u32::from(byte) << count,
                G726Packing::HighFirst => held = (held << 8) | u32::from(byte),
            }
            count += 8;
            while count >= bits {
                count -= bits;
                let code = match self.kind.packing {
                    G726Packing::LowFirst => {
                        let code = held & ((1 << bits) - 1);
                        held >>= bits;
                        code
                    }
                    G726Packing::HighFirst => (held >> count) & ((1 << bits) - 1),
                };
                out.push(f32::from(self.sample(code as usize)) / 32768.0);
            }
            held &= 0xffff;
        }
    }

    fn sample(&mut self, code: usize) -> i16 {
        let half = self.tables.difference.len();
        let negative = code & half != 0;
        let code = match negative {
            true => 2 * half - 1 - code,
            false => code,
        };
        // FMULT and ACCUM: what is expected, by the differences and in all.
        let by_zeros: i32 = self
            .zeros
            .iter()
            .zip(self.differences)
            .map(|(&coefficient, difference)| difference.times(coefficient))
            .sum();
        let by_poles: i32 = self
            .poles
            .iter()
            .zip(self.signal)
            .map(|(&coefficient, signal)| signal.times(coefficient))
            .sum();
        let by_zeros_half = i32::from(by_zeros as i16 >> 1);
        let expected = i32::from((by_zeros + by_poles) as i16 >> 1);

        let scale = self.scale();
        let difference = reconstruct(self.tables.difference[code], scale);
        let signed = if negative { -difference } else { difference };
        let signal = i32::from((expected + signed) as i16);
        let sum = signal - expected + by_zeros_half;
        self.adapt(code, scale, difference, negative, signal, sum);
        (signal << 2).clamp(i16::MIN.into(), i16::MAX.into()) as i16
    }

    /// MIX: between the fast and the slow scale.
    fn scale(&self) -> i32 {
        if self.mix >= 256 {
            return self.fast;
        }
        let slow = self.slow >> 6;
        let difference = self.fast - slow;
        let share = self.mix >> 2;
        match difference {
            1.. => slow + ((difference * share) >> 6),
            0 => slow,
            _ => slow + ((difference * share + 0x3f) >> 6),
        }
    }

    /// Everything that changes from one sample to the next.
    fn adapt(
        &mut self,
        code: usize,
        scale: i32,
        difference: i32,
        negative: bool,
        signal: i32,
        sum: i32,
    ) {
        // TRANS: the end of a tone, as a modem sends it.
        let (whole, rest) = (self.slow >> 15, (self.slow >> 10) & 0x1f);
        let threshold = match whole {
            10.. => 31 << 10,
            _ => (32 + rest) << whole,
        };
        let ends = self.tone && difference > (threshold + (threshold >> 1)) >> 1;

        // FUNCTW, FILTD, LIMB, FILTE.
        let change = self.tables.scale[code];
        self.fast = (scale + ((change - scale) >> 5)).clamp(544, 5120);
        self.slow += self.fast + ((-self.slow) >> 6);

        // UPA1, UPA2, LIMC, LIMD, UPB.
        let sign = if sum < 0 { -1 } else { 1 };
        if ends {
            self.poles = [0; 2];
            self.zeros = [0; 6];
        } else {
            let same = sign * self.signs[0];
            let before = sign * self.signs[1];
            let mut second = self.poles[1] - (self.poles[1] >> 7);
            if sum != 0 {
                let first = if same > 0 {
                    -self.poles[0]
                } else {
                    self.poles[0]
                };
                let by_first = match first {
                    ..-8191 => -0x100,
                    8192.. => 0xff,
                    first => first >> 5,
                };
                second += by_first + if before > 0 { 0x80 } else { -0x80 };
            }
            second = second.clamp(-12288, 12288);
            let mut first = self.poles[0] - (self.poles[0] >> 8);
            if sum != 0 {
                first += if same > 0 { 192 } else { -192 };
            }
            let limit = 15360 - second;
            self.poles = [first.clamp(-limit, limit), second];
            let leak = if self.kind.bits == 5 { 9 } else { 8 };
            for (zero, before) in self.zeros.iter_mut().zip(self.differences) {
                *zero -= *zero >> leak;
                if difference != 0 {
                    *zero += if before.negative == negative {
                        128
                    } else {
                        -128
                    };
                }
            }
        }
        self.signs = [sign, self.signs[0]];
        let signed = if negative { -difference } else { difference };
        self.differences.rotate_right(1);
        self.differences[0] = Small {
            negative,
            ..Small::new(signed)
        };
        self.signal = [Small::new(signal), self.signal[0]];
        self.tone = !ends && self.poles[1] < -11776;

        // FILTA, FILTB, SUBTC, FILTC.
        let change = self.tables.change[code];
        self.short += (change - self.short) >> 5;
        self.long += ((change << 2) - self.long) >> 7;
        let differ = ((self.short << 2) - self.long).abs() >= self.long >> 3;
        self.mix = if ends {
            256
        } else if scale < 1536 || self.tone || differ {
            self.mix + ((0x200 - self.mix) >> 4)
        } else {
            self.mix + (-self.mix >> 4)
        };
    }
}

/// ADDA, ANTILOG: the magnitude of the difference.
fn reconstruct(log: i32, scale: i32) -> i32 {
    let log = log + (scale >> 2);
    if log < 0 {
        return 0;
    }
    let mantissa = 128 + (log & 127);
    (mantissa << 7) >> (14 - ((log >> 7) & 15)).max(0)
}
