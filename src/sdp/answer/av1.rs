//! Chooses among the offered AV1 payload types (RTP Payload Format For AV1, section 7.2.3).

use super::parameter;
use crate::media::av1::ProfileTierLevel;
use crate::sdp::offer::OfferedCodec;

/// The best of the AV1 `codecs` for a stream of this profile, with its fmtp for the answer: the same
/// profile, else the next higher, whose decoders take the lower as well (AV1 section A.2).
///
/// Level and tier stay as offered: browsers offer level 3.1 and decode what their machine can.
pub(super) fn choose<'a>(
    codecs: impl Iterator<Item = &'a OfferedCodec>,
    stream: Option<ProfileTierLevel>,
) -> Option<(&'a OfferedCodec, String)> {
    let wanted = stream.map_or(0, |stream| stream.profile);
    codecs
        .filter_map(|codec| Some((profile(&codec.fmtp)?, codec)))
        .filter(|&(profile, _)| profile >= wanted)
        .min_by_key(|&(profile, _)| profile)
        .map(|(_, codec)| (codec, codec.fmtp.clone()))
}

/// Main if absent; `None` if present but invalid.
fn profile(fmtp: &str) -> Option<u8> {
    let profile = parameter(fmtp, "profile").map_or(Some(0), |text| text.parse().ok());
    profile.filter(|profile| *profile <= 2)
}

#[cfg(test)]
mod tests {
    use super::super::tests::offered;
    use super::*;

    #[test]
    fn the_same_profile_else_the_next_higher() {
        // What Chromium offers, then what Firefox does.
        let main = "level-idx=5;profile=0;tier=0";
        let high = "level-idx=5;profile=1;tier=0";
        for (offers, profile, expected) in [
            (&[main, high][..], 0, Some(0)),
            (&[high, main], 0, Some(1)),
            (&[main, high], 1, Some(1)),
            (&[main, high], 2, None),
            (&[high], 0, Some(0)),
            (&[main], 1, None),
            (&[""], 0, Some(0)),
            (&["profile=2", "profile=1"], 0, Some(1)),
            (&["profile=3", "profile=x"], 0, None),
        ] {
            let stream = ProfileTierLevel {
                profile,
                level_idx: 13,
                tier: 0,
            };
            let codecs = offered("AV1", 90_000, offers);
            let chosen = choose(codecs.iter(), Some(stream));
            let place = chosen.as_ref().map(|(codec, _)| codec.payload_type);
            assert_eq!(place, expected, "{offers:?} {profile}");
            if let Some((codec, fmtp)) = chosen {
                assert_eq!(fmtp, codec.fmtp);
            }
        }
    }
}
