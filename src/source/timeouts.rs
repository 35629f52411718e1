//! How patient we are with a camera.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::PullOptions;
use crate::error::{Error, Result, Status};

/// From connecting to the response to PLAY: long enough for a camera that is waking up, short enough
/// to report a wrong address soon.
const CONNECT: Duration = Duration::from_secs(10);
/// Without a video frame while connected. Shorter than the 10 s in which a stall must be noticed,
/// longer than the gap that a camera with 1 frame per second leaves when it skips a few.
const IDLE: Duration = Duration::from_secs(8);
/// For parameter sets, while video frames arrive: two long GOPs.
const PARAMETER_SETS: Duration = Duration::from_secs(30);
/// The first retry comes soon: most failures are a camera that restarts its encoder.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// A camera that comes back is found within half a minute; one that is gone costs next to nothing.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// For a viewer who reloads the page or returns to the camera.
const LINGER: Duration = Duration::from_secs(10);

const TIMEOUTS_MS: RangeInclusive<u128> = 500..=300_000;
/// No camera is contacted more than 10 times per second.
const PAUSES_MS: RangeInclusive<u128> = 100..=3_600_000;

/// How patient we are with one camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From connecting to the response to PLAY.
    pub connect: Duration,
    /// Without a video frame while connected.
    pub idle: Duration,
    /// For parameter sets, while video frames arrive; not less than `idle`.
    pub parameter_sets: Duration,
    /// Before the first retry after a failure.
    pub retry_min: Duration,
    /// Maximum pause between attempts; not less than `retry_min`.
    pub retry_max: Duration,
    /// How long a camera on demand stays connected without viewers.
    pub linger: Duration,
}

impl Timeouts {
    /// The host's options, checked, with defaults for what is not set.
    pub fn of(options: &PullOptions) -> Result<Timeouts> {
        let timeout = |name, value| check(name, value, &TIMEOUTS_MS);
        let pause = |name, value| check(name, value, &PAUSES_MS);
        let connect = timeout("connect_timeout_ms", options.connect_timeout)?;
        let idle = timeout("idle_timeout_ms", options.idle_timeout)?.unwrap_or(IDLE);
        let min = pause("retry_min_ms", options.retry_min)?;
        let max = pause("retry_max_ms", options.retry_max)?;
        let linger = pause("linger_ms", options.linger)?;
        // If only one is given, the default of the other adapts to it.
        let retry_min = min.unwrap_or(max.map_or(RETRY_MIN, |max| max.min(RETRY_MIN)));
        let retry_max = max.unwrap_or(retry_min.max(RETRY_MAX));
        if retry_max < retry_min {
            return Err(Error::new(
                Status::InvalidArgument,
                format!(
                    "retry_max_ms = {} is less than retry_min_ms = {}: make it the same or more",
                    retry_max.as_millis(),
                    retry_min.as_millis()
                ),
            ));
        }
        Ok(Timeouts {
            connect: connect.unwrap_or(CONNECT),
            idle,
            parameter_sets: idle.max(PARAMETER_SETS),
            retry_min,
            retry_max,
            linger: linger.unwrap_or(LINGER),
        })
    }
}

fn check(
    name: &str,
    value: Option<Duration>,
    range: &RangeInclusive<u128>,
) -> Result<Option<Duration>> {
    match value.map(|value| value.as_millis()) {
        Some(millis) if !range.contains(&millis) => Err(Error::new(
            Status::InvalidArgument,
            format!(
                "{name} = {millis} is out of range: give {} to {} ms, or nothing for the default",
                range.start(),
                range.end()
            ),
        )),
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Field = fn(&mut PullOptions) -> &mut Option<Duration>;

    fn of(fields: &[(Field, u64)]) -> Result<Timeouts> {
        let mut options = PullOptions::default();
        for (field, millis) in fields {
            *field(&mut options) = Some(Duration::from_millis(*millis));
        }
        Timeouts::of(&options)
    }

    const CONNECT_TIMEOUT: Field = |options| &mut options.connect_timeout;
    const IDLE_TIMEOUT: Field = |options| &mut options.idle_timeout;
    const MIN: Field = |options| &mut options.retry_min;
    const MAX: Field = |options| &mut options.retry_max;
    const LINGERS: Field = |options| &mut options.linger;

    #[test]
    fn each_has_its_range() {
        for (name, field, lowest, highest) in [
            ("connect_timeout_ms", CONNECT_TIMEOUT, 500, 300_000),
            ("idle_timeout_ms", IDLE_TIMEOUT, 500, 300_000),
            ("retry_min_ms", MIN, 100, 3_600_000),
            ("retry_max_ms", MAX, 100, 3_600_000),
            ("linger_ms", LINGERS, 100, 3_600_000),
        ] {
            assert!(of(&[(field, lowest)]).is_ok(), "{name}");
            assert!(of(&[(field, highest)]).is_ok(), "{name}");
            for outside in [0, lowest - 1, highest + 1, u64::MAX] {
                let error = of(&[(field, outside)]).unwrap_err();
                assert_eq!(error.status(), Status::InvalidArgument);
                let begin = format!("{name} = {outside} is out of range: give {lowest} to ");
                assert!(error.message().starts_with(&begin), "{error}");
            }
        }
    }

    #[test]
    fn what_is_not_given_fits_what_is() {
        let retries = |fields: &[(Field, u64)]| {
            let timeouts = of(fields).unwrap();
            (timeouts.retry_min, timeouts.retry_max)
        };
        let millis = Duration::from_millis;
        assert_eq!(retries(&[]), (RETRY_MIN, RETRY_MAX));
        assert_eq!(retries(&[(MAX, 200)]), (millis(200), millis(200)));
        assert_eq!(retries(&[(MIN, 60_000)]), (millis(60_000), millis(60_000)));
        assert_eq!(retries(&[(MIN, 500)]), (millis(500), RETRY_MAX));
        let error = of(&[(MIN, 300), (MAX, 200)]).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument);
        assert!(error.message().contains("less than retry_min_ms = 300"));
        // A camera that may be silent for a minute is not accused of missing parameter sets before.
        let timeouts = of(&[(IDLE_TIMEOUT, 60_000)]).unwrap();
        assert_eq!(timeouts.parameter_sets, timeouts.idle);
    }
}
