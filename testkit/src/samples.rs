//! Short clips of the codecs that cameras rarely send, made by `clips/make.sh`: as access units in the form that a host
//! pushes them.
//!
//! | sample | what | access units | form of each |
//! |---|---|---|---|
//! | `H265` | 640x360, Main profile, two slices a frame, 25 per second | 50, a keyframe every 25 | Annex B |
//! | `Av1` | 640x360, Main profile, 25 per second | 50, a keyframe every 25 | temporal unit, low-overhead format |
//! | `Opus` | a 440 Hz beep of 200 ms at every full second | 101 of 20 ms | Opus packet |
//! | `G722` | the same | 50 of 20 ms | octets |
//!
//! Frames show their number like those of [`Clip`](crate::clip::Clip).

use std::sync::OnceLock;

use crate::clip::nals;

/// One of the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    H265,
    Av1,
    Opus,
    G722,
}

/// Access units from one keyframe to the next.
pub const GOP: usize = 25;

impl Sample {
    /// All of them.
    pub const ALL: [Sample; 4] = [Sample::H265, Sample::Av1, Sample::Opus, Sample::G722];

    /// The access units, in order.
    pub fn units(self) -> &'static [&'static [u8]] {
        static UNITS: [OnceLock<Vec<&[u8]>>; Sample::ALL.len()] =
            [const { OnceLock::new() }; Sample::ALL.len()];
        UNITS[self as usize].get_or_init(|| match self {
            Sample::H265 => h265_units(include_bytes!("../clips/test360p.h265")),
            Sample::Av1 => av1_units(include_bytes!("../clips/test360p.obu")),
            Sample::Opus => ogg_packets(include_bytes!("../clips/beep.opus")),
            Sample::G722 => include_bytes!("../clips/beep.g722").chunks(160).collect(),
        })
    }
}

/// The NAL units of an access unit of [`Sample::H265`], without start codes.
pub fn h265_nals(unit: &'static [u8]) -> Vec<&'static [u8]> {
    nals(unit).collect()
}

/// Splits an Annex B stream before each VPS, and before each first slice without one.
fn h265_units(stream: &'static [u8]) -> Vec<&'static [u8]> {
    let mut starts = Vec::new();
    let mut complete = true;
    for nal in nals(stream) {
        let slice = nal[0] >> 1 < 32;
        // first_slice_segment_in_pic_flag.
        let first = slice && nal[2] & 0x80 != 0;
        if complete && (first || !slice) {
            // The start code has 3 bytes.
            starts.push(nal.as_ptr() as usize - stream.as_ptr() as usize - 3);
            complete = false;
        }
        complete |= slice;
    }
    cut(stream, &starts)
}

/// Splits before each temporal delimiter.
fn av1_units(stream: &'static [u8]) -> Vec<&'static [u8]> {
    let mut starts = Vec::new();
    let mut at = 0;
    while at < stream.len() {
        if stream[at] == 0x12 {
            starts.push(at);
        }
        let (mut size, mut shift) = (0, 0);
        loop {
            at += 1;
            size |= usize::from(stream[at] & 0x7f) << shift;
            shift += 7;
            if stream[at] & 0x80 == 0 {
                break;
            }
        }
        at += 1 + size;
    }
    cut(stream, &starts)
}

fn cut(stream: &'static [u8], starts: &[usize]) -> Vec<&'static [u8]> {
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let ranges = starts.iter().copied().zip(ends);
    ranges.map(|(start, end)| &stream[start..end]).collect()
}

/// The packets of an Ogg stream (RFC 3533) in which none spans two pages, without the two headers (RFC 7845).
fn ogg_packets(mut stream: &'static [u8]) -> Vec<&'static [u8]> {
    let mut packets = Vec::new();
    while let Some(count) = stream.get(26) {
        let (head, mut body) = stream.split_at(27 + usize::from(*count));
        let mut len = 0;
        for &lacing in &head[27..] {
            len += usize::from(lacing);
            if lacing < 255 {
                let packet;
                (packet, body) = body.split_at(len);
                packets.push(packet);
                len = 0;
            }
        }
        assert_eq!(len, 0, "a packet spans two pages");
        stream = body;
    }
    packets.split_off(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_what_its_documentation_says() {
        for (sample, count) in [
            (Sample::H265, 50),
            (Sample::Av1, 50),
            (Sample::Opus, 101),
            (Sample::G722, 50),
        ] {
            assert_eq!(sample.units().len(), count, "{sample:?}");
        }
        for (n, unit) in Sample::H265.units().iter().enumerate() {
            let types: Vec<u8> = h265_nals(unit).iter().map(|nal| nal[0] >> 1).collect();
            let expected = if n % GOP == 0 {
                &[32, 33, 34, 20, 20][..]
            } else {
                &[1, 1]
            };
            assert_eq!(types, expected, "picture {n}");
        }
        for (n, unit) in Sample::Av1.units().iter().enumerate() {
            let keyframe = n % GOP == 0;
            assert_eq!(unit[..2], [0x12, 0]);
            assert_eq!(unit[2] == 0x0a, keyframe, "a sequence header, picture {n}");
        }
        // TOC: one frame of 20 ms, mono.
        let toc = |unit: &&[u8]| unit[0] & 0x07 == 0;
        assert!(Sample::Opus.units().iter().all(toc));
        let whole = |unit: &&[u8]| unit.len() == 160;
        assert!(Sample::G722.units().iter().all(whole));
    }
}
