//! Chooses among the offered H.264 payload types (RFC 6184 section 8.2).

use super::parameter;
use crate::sdp::offer::OfferedCodec;

/// Profiles that are distinguished (RFC 6184 section 8.1, table 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    ConstrainedBaseline,
    Baseline,
    Extended,
    Main,
    ConstrainedHigh,
    High,
    High444Predictive,
}

impl Profile {
    /// By `profile_idc` and the flags constraint_set0 (bit 7) to constraint_set5 (bit 2).
    fn of([idc, constraints, _level]: [u8; 3]) -> Option<Profile> {
        let set = |n: u8| constraints & (0x80 >> n) != 0;
        Some(match idc {
            0x42 if set(1) => Profile::ConstrainedBaseline,
            0x42 => Profile::Baseline,
            0x58 if set(0) && set(1) => Profile::ConstrainedBaseline,
            0x58 if set(0) => Profile::Baseline,
            0x58 => Profile::Extended,
            0x4d if set(0) => Profile::ConstrainedBaseline,
            0x4d => Profile::Main,
            0x64 if set(4) && set(5) => Profile::ConstrainedHigh,
            0x64 => Profile::High,
            0xf4 => Profile::High444Predictive,
            _ => return None,
        })
    }
}

/// The default of `profile-level-id`: Baseline, level 1 (RFC 6184 section 8.1).
const DEFAULT: [u8; 3] = [0x42, 0x00, 0x0a];

/// Main at level 5.2, for streams of which nothing is known.
pub(super) const MAIN_OF_ANY_LEVEL: [u8; 3] = [0x4d, 0x00, 0x34];

/// The best of the H.264 `codecs` for a camera with this `profile-level-id`, with its fmtp for the
/// answer.
///
/// The profile need not be the camera's: browsers do not offer High, but decode it on any payload type
/// that the answer names.
pub(super) fn choose<'a>(
    codecs: impl Iterator<Item = &'a OfferedCodec>,
    camera: Option<[u8; 3]>,
) -> Option<(&'a OfferedCodec, String)> {
    let camera_profile = camera.and_then(Profile::of);
    let rank = |codec: &OfferedCodec| {
        // Mode 0 excludes FU-A, which the gateway sends; decoders accept it anyway.
        let mode_0 = match parameter(&codec.fmtp, "packetization-mode") {
            Some("1") => false,
            Some("0") | None => true,
            Some(_) => return None,
        };
        let profile = Profile::of(profile_level_id(&codec.fmtp)?);
        let rank = match profile {
            Some(_) if profile == camera_profile => 0,
            Some(Profile::Main) => 1,
            Some(Profile::ConstrainedBaseline) => 2,
            _ => 3,
        };
        Some((mode_0, rank))
    };
    codecs
        .filter_map(|codec| Some((rank(codec)?, codec)))
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, codec)| (codec, with_level(&codec.fmtp, camera)))
}

/// `None` if present but invalid.
fn profile_level_id(fmtp: &str) -> Option<[u8; 3]> {
    let Some(text) = parameter(fmtp, "profile-level-id") else {
        return Some(DEFAULT);
    };
    let hex = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let value = u32::from_str_radix(text, 16).ok().filter(|_| hex)?;
    let [_, idc, constraints, level] = value.to_be_bytes();
    Some([idc, constraints, level])
}

/// The offered fmtp, with the camera's level if that is higher and the browser allows asymmetric
/// levels.
fn with_level(fmtp: &str, camera: Option<[u8; 3]>) -> String {
    let asymmetry = parameter(fmtp, "level-asymmetry-allowed") == Some("1");
    let (Some([idc, constraints, level]), Some([_, _, camera_level])) =
        (profile_level_id(fmtp), camera)
    else {
        return fmtp.to_owned();
    };
    if !asymmetry || camera_level <= level {
        return fmtp.to_owned();
    }
    let raised = format!("profile-level-id={idc:02x}{constraints:02x}{camera_level:02x}");
    let parts = fmtp.split(';').map(str::trim);
    let mut parts: Vec<&str> = parts
        .filter(|part| parameter(part, "profile-level-id").is_none())
        .collect();
    parts.push(&raised);
    parts.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(payload_type: u8, fmtp: &str) -> OfferedCodec {
        OfferedCodec {
            payload_type,
            name: "H264".into(),
            clock_rate: 90_000,
            channels: 1,
            fmtp: fmtp.into(),
            feedback: Vec::new(),
        }
    }

    /// What Chromium offers.
    fn offered() -> Vec<OfferedCodec> {
        let profiles = ["42001f", "42e01f", "4d001f", "f4001f"];
        (0u8..8)
            .map(|i| {
                let (profile, mode) = (profiles[usize::from(i / 2)], 1 - i % 2);
                codec(
                    100 + i,
                    &format!(
                        "level-asymmetry-allowed=1;packetization-mode={mode};\
                         profile-level-id={profile}"
                    ),
                )
            })
            .collect()
    }

    fn chosen(offered: &[OfferedCodec], camera: Option<[u8; 3]>) -> Option<u8> {
        choose(offered.iter(), camera).map(|(codec, _)| codec.payload_type)
    }

    #[test]
    fn the_cameras_profile_else_main_else_constrained_baseline_else_any() {
        let all = offered();
        for (camera, expected) in [
            ([0x42, 0x00, 0x1f], 100),
            ([0x42, 0xc0, 0x28], 102),
            ([0x42, 0xe0, 0x1f], 102),
            ([0x4d, 0x80, 0x1f], 102),
            ([0x4d, 0x00, 0x28], 104),
            ([0x4d, 0x40, 0x28], 104),
            ([0xf4, 0x00, 0x28], 106),
            ([0x64, 0x00, 0x28], 104),
            ([0x64, 0x0c, 0x28], 104),
            ([0x58, 0x00, 0x28], 104),
            ([0x2c, 0x00, 0x28], 104),
        ] {
            assert_eq!(chosen(&all, Some(camera)), Some(expected), "{camera:02x?}");
        }
        assert_eq!(chosen(&all, None), Some(104));
        let high = Some([0x64, 0, 0x28]);
        let without = |types: &[u8]| {
            let mut rest = offered();
            rest.retain(|codec| !types.contains(&codec.payload_type));
            chosen(&rest, high)
        };
        assert_eq!(without(&[104]), Some(102));
        assert_eq!(without(&[104, 102]), Some(100));
        assert_eq!(without(&[104, 102, 100]), Some(106));
        assert_eq!(without(&[104, 102, 100, 106]), Some(105), "mode 0, Main");
        assert_eq!(chosen(&[], high), None);
    }

    #[test]
    fn parameters_that_make_no_sense_rule_a_payload_type_out() {
        let camera = Some([0x42, 0xe0, 0x1f]);
        for fmtp in [
            "packetization-mode=2;profile-level-id=42e01f",
            "packetization-mode=1;profile-level-id=42e0",
            "packetization-mode=1;profile-level-id=+2e01f",
            "packetization-mode=1;profile-level-id=42e01\u{fc}",
        ] {
            assert_eq!(chosen(&[codec(96, fmtp)], camera), None, "{fmtp}");
        }
        assert_eq!(chosen(&[codec(96, "")], camera), Some(96));
    }

    #[test]
    fn the_level_is_raised_where_each_side_may_have_its_own() {
        let answer = |fmtp, level| with_level(fmtp, Some([0x64, 0, level]));
        let both = "level-asymmetry-allowed=1; packetization-mode=1;profile-level-id=42e01f";
        assert_eq!(
            answer(both, 0x33),
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e033"
        );
        assert_eq!(answer(both, 0x1f), both);
        assert_eq!(answer(both, 0x0b), both);
        assert_eq!(with_level(both, None), both);
        let one = "packetization-mode=1;profile-level-id=42e01f";
        assert_eq!(answer(one, 0x33), one);
        assert_eq!(
            answer("level-asymmetry-allowed=1", 0x1f),
            "level-asymmetry-allowed=1;profile-level-id=42001f"
        );
    }
}
