//! Limits how often a viewer gets everything since the last keyframe once more.

use std::time::{Duration, Instant};

/// A keyframe request within this time after the last start from a keyframe is not answered. The
/// time doubles with every answer, so that a viewer on a link that cannot carry the stream does not
/// make things worse.
const RESTART_WAIT: Duration = Duration::from_millis(200);
/// The longest such time.
const RESTART_WAIT_MAX: Duration = Duration::from_secs(4);

#[derive(Debug, Default)]
pub struct RestartLimit {
    last: Option<Instant>,
    wait: Duration,
}

impl RestartLimit {
    /// The viewer was sent a keyframe as it connected.
    pub fn began(&mut self, now: Instant) {
        self.last = Some(now);
        self.wait = RESTART_WAIT;
    }

    /// Whether a request at `now` is answered. If so, it counts as answered.
    pub fn allow(&mut self, now: Instant) -> bool {
        if let Some(last) = self.last {
            let since = now.saturating_duration_since(last);
            if since < self.wait {
                return false;
            }
            self.wait = if since > RESTART_WAIT_MAX {
                RESTART_WAIT
            } else {
                (self.wait * 2).min(RESTART_WAIT_MAX)
            };
        }
        self.last = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyframe_requests_are_answered_ever_more_rarely() {
        let start = Instant::now();
        let mut limit = RestartLimit::default();
        limit.began(start);
        let allowed = (1..100u32)
            .filter(|i| limit.allow(start + Duration::from_millis(100) * *i))
            .count();
        assert!((4..=8).contains(&allowed), "{allowed}");
        assert!(limit.allow(start + Duration::from_secs(60)));
    }
}
