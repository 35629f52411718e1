//! What parameter sets say of a video besides its size.

use rtsp_webrtc_gateway::Codec;
use rtsp_webrtc_gateway::sinks::SinkFormat;

/// A profile.
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    /// Whether browsers decode it.
    pub plays: bool,
}

/// The profile of a video, as its sequence parameter set says it.
pub fn profile(format: &SinkFormat) -> Option<Profile> {
    let mut nals = nals(&format.parameters);
    match format.codec? {
        Codec::H264 => h264(nals.find(|nal| nal.first().is_some_and(|first| first & 0x1f == 7))?),
        Codec::H265 => {
            h265(nals.find(|nal| nal.first().is_some_and(|first| first >> 1 & 0x3f == 33))?)
        }
        _ => None,
    }
}

/// ISO/IEC 14496-10 section 7.3.2.1.1.
fn h264(nal: &[u8]) -> Option<Profile> {
    let &[_, idc, constraints, level, ..] = nal else {
        return None;
    };
    let (name, plays) = match idc {
        66 if constraints & 0x40 != 0 => ("Constrained Baseline", true),
        66 => ("Baseline", true),
        77 => ("Main", true),
        88 => ("Extended", false),
        100 if constraints & 0x0c == 0x0c => ("Constrained High", true),
        100 => ("High", true),
        110 => ("High 10", false),
        122 => ("High 4:2:2", false),
        244 => ("High 4:4:4 Predictive", false),
        _ => return None,
    };
    let (units, tenths) = (level / 10, level % 10);
    Some(Profile {
        name: format!("{name}, level {units}.{tenths}"),
        plays,
    })
}

/// ISO/IEC 23008-2 sections 7.3.2.2.1 and 7.3.3.
fn h265(nal: &[u8]) -> Option<Profile> {
    let (name, plays) = match nal.get(3)? & 0x1f {
        1 => ("Main", true),
        2 => ("Main 10", true),
        4 => ("Range extensions", false),
        _ => return None,
    };
    Some(Profile {
        name: name.to_owned(),
        plays,
    })
}

/// The NAL units of an Annex B byte stream, by its start codes.
fn nals(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let codes = (0..stream.len()).filter(|&at| stream[at..].starts_with(&[0, 0, 1]));
    codes.map(|at| &stream[at + 3..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_by_their_numbers() {
        let of = |nal: &[u8]| h264(nal).map(|profile| (profile.name, profile.plays));
        let named = |name: &str, plays| Some((name.to_owned(), plays));
        assert_eq!(
            of(&[0x67, 66, 0xc0, 30]),
            named("Constrained Baseline, level 3.0", true)
        );
        assert_eq!(of(&[0x67, 100, 0, 41]), named("High, level 4.1", true));
        assert_eq!(
            of(&[0x67, 122, 0, 41]),
            named("High 4:2:2, level 4.1", false)
        );
        assert_eq!(of(&[0x67, 100]), None);
        assert_eq!(
            h265(&[0x42, 1, 1, 0x41]).map(|profile| profile.plays),
            Some(true)
        );
        assert_eq!(h265(&[0x42, 1, 1]), None);
        let stream = [0, 0, 0, 1, 0x67, 9, 0, 0, 1, 0x68];
        let kinds: Vec<_> = nals(&stream).map(|nal| nal[0]).collect();
        assert_eq!(kinds, [0x67, 0x68]);
    }
}
