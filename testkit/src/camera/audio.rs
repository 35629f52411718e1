//! The audio of a simulated camera: G.711 with a 440 Hz beep of 200 ms at every full second.

use std::sync::OnceLock;

use super::Audio;

/// Samples per second (RFC 3551, section 4.5.14).
pub(super) const CLOCK_RATE: u32 = 8000;
/// Packets per second: 20 ms each.
pub(super) const PACKET_RATE: u32 = 50;

impl Audio {
    /// The static payload type (RFC 3551, table 4).
    pub(super) fn payload_type(self) -> u8 {
        match self {
            Audio::Pcmu => 0,
            Audio::Pcma => 8,
        }
    }

    pub(super) fn encoding_name(self) -> &'static str {
        match self {
            Audio::Pcmu => "PCMU",
            Audio::Pcma => "PCMA",
        }
    }

    /// The payload of packet `n`. 440 Hz fits whole periods into a second, so one second loops without a click.
    pub(super) fn packet(self, n: u64) -> &'static [u8] {
        static PCMU: OnceLock<Vec<u8>> = OnceLock::new();
        static PCMA: OnceLock<Vec<u8>> = OnceLock::new();
        let second = match self {
            Audio::Pcmu => PCMU.get_or_init(|| beep().map(encode_mu_law).collect()),
            Audio::Pcma => PCMA.get_or_init(|| beep().map(encode_a_law).collect()),
        };
        let len = (CLOCK_RATE / PACKET_RATE) as usize;
        let at = (n % u64::from(PACKET_RATE)) as usize * len;
        &second[at..at + len]
    }
}

/// One second of 16-bit samples.
fn beep() -> impl Iterator<Item = i16> {
    (0..CLOCK_RATE).map(|n| {
        if n >= CLOCK_RATE / 5 {
            return 0;
        }
        let phase = std::f64::consts::TAU * 440.0 * f64::from(n) / f64::from(CLOCK_RATE);
        (phase.sin() * 8000.0) as i16
    })
}

/// µ-law (ITU-T G.711): 14-bit magnitudes with a bias of 33, stored inverted.
fn encode_mu_law(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (sample.unsigned_abs() >> 2).min(8158) + 33;
    let exponent = (magnitude >> 5).ilog2() as u16;
    let mantissa = (magnitude >> (exponent + 1)) & 0x0f;
    !(sign | ((exponent << 4) | mantissa) as u8)
}

/// A-law (ITU-T G.711): 13-bit samples, even bits inverted.
fn encode_a_law(sample: i16) -> u8 {
    // The sign bit is set for positive values; negative ones use the one's complement.
    let sign = if sample < 0 { 0 } else { 0x80 };
    let magnitude = if sample < 0 { !sample } else { sample } as u16 >> 3;
    let segment = (magnitude | 0x1f).ilog2() as u16 - 4;
    // The two lowest segments have the same step.
    let mantissa = (magnitude >> segment.max(1)) & 0x0f;
    (sign | ((segment << 4) | mantissa) as u8) ^ 0x55
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codes() {
        // ITU-T G.711, tables 1 and 2: silence, the largest values, and a step in between.
        assert_eq!(
            [0, i16::MAX, i16::MIN].map(encode_mu_law),
            [0xff, 0x80, 0x00]
        );
        assert_eq!(
            [0, i16::MAX, i16::MIN].map(encode_a_law),
            [0xd5, 0xaa, 0x2a]
        );
        assert_eq!([1000, -1000].map(encode_mu_law), [0xce, 0x4e]);
        assert_eq!([1000, -1000].map(encode_a_law), [0xfa, 0x7a]);
    }

    #[test]
    fn packets_hold_20_ms_and_beep_for_200_ms() {
        for n in 0..100 {
            let packet = Audio::Pcmu.packet(n);
            assert_eq!(packet.len(), 160);
            assert_eq!(packet.iter().all(|byte| *byte == 0xff), n % 50 >= 10, "{n}");
        }
    }
}
