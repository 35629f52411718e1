//! Profiles: named sets of values, chosen with the knob `profile`.

/// A named set of values: the column of the [table](super::KNOBS) that [`Key::Profile`] selects.
///
/// [`Key::Profile`]: super::Key::Profile
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub enum Profile {
    /// The defaults.
    Balanced = 0,
    /// For viewers on the camera's network: no pacing, no congestion control, short history.
    Lan = 1,
    /// For viewers behind long or lossy paths: gentle pacing, long history, frequent sender reports.
    Wan = 2,
    /// For many viewers on one machine: the least memory and CPU per viewer, no congestion
    /// control.
    MaxDensity = 3,
}

impl Profile {
    /// All profiles, ordered by number.
    pub const ALL: [Profile; 4] = [
        Profile::Balanced,
        Profile::Lan,
        Profile::Wan,
        Profile::MaxDensity,
    ];

    /// The profile's name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Profile::Balanced => "balanced",
            Profile::Lan => "lan",
            Profile::Wan => "wan",
            Profile::MaxDensity => "max_density",
        }
    }

    /// The profile that a value of [`Key::Profile`](super::Key::Profile) stands for.
    pub(super) fn from_value(value: i64) -> Option<Profile> {
        let index = usize::try_from(value).ok()?;
        Profile::ALL.get(index).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_ordered_by_number() {
        for (number, profile) in (0..).zip(Profile::ALL) {
            assert_eq!(profile as i64, number);
            assert_eq!(Profile::from_value(number), Some(profile));
        }
        assert_eq!(Profile::from_value(-1), None);
        assert_eq!(Profile::from_value(4), None);
    }
}
