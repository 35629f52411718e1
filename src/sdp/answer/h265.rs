//! Chooses among the offered H.265 payload types (RFC 7798 section 7.2.2).

use super::parameter;
use crate::media::h265::ProfileTierLevel;
use crate::sdp::offer::OfferedCodec;

/// `general_profile_idc` of the profiles that 4:2:0 cameras use (ITU-T H.265 section A.3).
const MAIN: u8 = 1;
const MAIN_10: u8 = 2;
const MAIN_STILL_PICTURE: u8 = 3;

/// Defaults of absent parameters: Main profile, Main tier, level 3.1 (RFC 7798 section 7.1).
const DEFAULT: ProfileTierLevel = ProfileTierLevel {
    profile_space: 0,
    profile_id: MAIN,
    tier_flag: 0,
    level_id: 93,
};

/// Main 10, for streams of which nothing is known.
pub(super) const MAIN_10_OF_ANY_LEVEL: ProfileTierLevel = ProfileTierLevel {
    profile_id: MAIN_10,
    ..DEFAULT
};

/// The best of the H.265 `codecs` for a camera of this profile, with its fmtp for the answer.
///
/// Decoders of the offered profile must decode the camera's. Tier and level only bound the size and rate
/// of video frames, and cameras set them generously: one that is too low is used if there is no better.
pub(super) fn choose<'a>(
    codecs: impl Iterator<Item = &'a OfferedCodec>,
    camera: Option<ProfileTierLevel>,
) -> Option<(&'a OfferedCodec, String)> {
    let camera = camera.unwrap_or(DEFAULT);
    let rank = |codec: &OfferedCodec| {
        // Only single-stream, single-transport is supported.
        if parameter(&codec.fmtp, "tx-mode").is_some_and(|mode| !mode.eq_ignore_ascii_case("SRST"))
        {
            return None;
        }
        let offered = profile_tier_level(&codec.fmtp)?;
        let decodes = offered.profile_space == camera.profile_space
            && (offered.profile_id == camera.profile_id
                || matches!(
                    (offered.profile_id, camera.profile_id),
                    (MAIN_10, MAIN) | (MAIN | MAIN_10, MAIN_STILL_PICTURE)
                ));
        let too_low = offered.tier_flag < camera.tier_flag || offered.level_id < camera.level_id;
        let other_profile = offered.profile_id != camera.profile_id;
        decodes.then_some((too_low, other_profile))
    };
    codecs
        .filter_map(|codec| Some((rank(codec)?, codec)))
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, codec)| (codec, codec.fmtp.clone()))
}

/// `None` if a parameter is present but invalid.
fn profile_tier_level(fmtp: &str) -> Option<ProfileTierLevel> {
    let number = |name, default| parameter(fmtp, name).map_or(Some(default), |n| n.parse().ok());
    Some(ProfileTierLevel {
        profile_space: number("profile-space", DEFAULT.profile_space)?,
        profile_id: number("profile-id", DEFAULT.profile_id)?,
        tier_flag: number("tier-flag", DEFAULT.tier_flag)?,
        level_id: number("level-id", DEFAULT.level_id)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::offered;
    use super::*;

    fn camera(profile_id: u8, tier_flag: u8, level_id: u8) -> Option<ProfileTierLevel> {
        Some(ProfileTierLevel {
            profile_space: 0,
            profile_id,
            tier_flag,
            level_id,
        })
    }

    /// Index among the offered.
    fn chosen(offers: &[&str], camera: Option<ProfileTierLevel>) -> Option<u8> {
        let codecs = offered("H265", 90_000, offers);
        let (codec, fmtp) = choose(codecs.iter(), camera)?;
        assert_eq!(fmtp, codec.fmtp, "as offered");
        Some(codec.payload_type)
    }

    #[test]
    fn the_cameras_profile_else_one_that_decodes_it() {
        // What Chromium offers where the hardware decodes both.
        let main = "level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST";
        let main_10 = "level-id=180;profile-id=2;tier-flag=0;tx-mode=SRST";
        for (offers, camera, expected) in [
            (&[main, main_10][..], camera(1, 0, 120), Some(0)),
            (&[main, main_10], camera(2, 0, 120), Some(1)),
            (&[main_10], camera(1, 0, 120), Some(0)),
            (&[main], camera(2, 0, 120), None),
            (&[main_10, main], camera(3, 0, 120), Some(0)),
            (&[main, main_10], camera(4, 0, 120), None),
            (&[main_10, main], None, Some(1)),
            (&[""], None, Some(0)),
            (&[], None, None),
        ] {
            assert_eq!(chosen(offers, camera), expected, "{offers:?} {camera:?}");
        }
    }

    #[test]
    fn a_level_or_tier_that_is_high_enough_comes_first() {
        let low = "level-id=93;profile-id=1";
        let high = "level-id=153;profile-id=1";
        let high_tier = "level-id=153;profile-id=1;tier-flag=1";
        assert_eq!(chosen(&[low, high], camera(1, 0, 120)), Some(1));
        assert_eq!(chosen(&[low, high], camera(1, 0, 90)), Some(0));
        assert_eq!(chosen(&[low, high, high_tier], camera(1, 1, 120)), Some(2));
        assert_eq!(chosen(&[low], camera(1, 0, 153)), Some(0));
        assert_eq!(
            chosen(&["profile-id=2;level-id=180", low], camera(1, 0, 153)),
            Some(0)
        );
    }

    #[test]
    fn parameters_that_make_no_sense_rule_a_payload_type_out() {
        for fmtp in [
            "profile-id=x",
            "profile-id=256",
            "level-id=-1",
            "tier-flag=",
            "profile-space=1",
            "tx-mode=MRST",
        ] {
            assert_eq!(chosen(&[fmtp], None), None, "{fmtp}");
        }
    }
}
