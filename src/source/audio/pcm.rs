//! Samples without compression, and those of G.711.

/// Appends samples of 16 bits, the high byte first.
pub fn linear(payload: &[u8], out: &mut Vec<f32>) {
    let samples = payload.chunks_exact(2);
    out.extend(samples.map(|pair| f32::from(i16::from_be_bytes([pair[0], pair[1]])) / 32768.0));
}

/// Appends samples in µ-law (ITU-T G.711).
pub fn mulaw(payload: &[u8], out: &mut Vec<f32>) {
    out.extend(payload.iter().map(|&byte| {
        let code = !byte;
        let magnitude = ((i32::from(code & 0x0f) << 3) + 0x84) << ((code >> 4) & 7);
        signed(magnitude - 0x84, code & 0x80 != 0)
    }));
}

/// Appends samples in A-law (ITU-T G.711).
pub fn alaw(payload: &[u8], out: &mut Vec<f32>) {
    out.extend(payload.iter().map(|&byte| {
        let code = byte ^ 0x55;
        let step = (i32::from(code & 0x0f) << 4) + 8;
        let magnitude = match (code >> 4) & 7 {
            0 => step,
            segment => (step + 0x100) << (segment - 1),
        };
        signed(magnitude, code & 0x80 == 0)
    }));
}

fn signed(magnitude: i32, negative: bool) -> f32 {
    let sample = magnitude as f32 / 32768.0;
    if negative { -sample } else { sample }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(decode: fn(&[u8], &mut Vec<f32>), payload: &[u8]) -> Vec<i32> {
        let mut out = Vec::new();
        decode(payload, &mut out);
        out.iter().map(|sample| (sample * 32768.0) as i32).collect()
    }

    #[test]
    fn the_ends_and_the_middle_of_each() {
        let linear = samples(linear, &[0x7f, 0xff, 0x80, 0x00, 0xff, 0xff, 9]);
        assert_eq!(linear, [32767, -32768, -1]);
        let mulaw = samples(mulaw, &[0xff, 0x7f, 0x80, 0x00, 0xf0, 0x9f]);
        assert_eq!(mulaw, [0, 0, 32124, -32124, 120, 8316]);
        let alaw = samples(alaw, &[0xd5, 0x55, 0xaa, 0x2a, 0xc5]);
        assert_eq!(alaw, [8, -8, 32256, -32256, 264]);
    }
}
