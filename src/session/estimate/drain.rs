//! How a queue is drained that stands: neither grows nor drains. Either it is full, or as much is sent as the path
//! carries. The trend of the delay does not show it.

/// So much less than is carried is sent: the more the longer the queue is, relative to this time in microseconds.
const TIME: f64 = 1_000_000.0;
const SHARES: (f64, f64) = (0.7, 0.95);
/// If the queue is not down to this share within this time, in microseconds, even less is sent. After so many
/// attempts, others fill it.
const SHORTER: f64 = 0.8;
const PATIENCE: u64 = 500_000;
const MOST: u32 = 3;

/// The queue that is being drained.
#[derive(Debug, Default)]
pub struct Drain {
    /// Its length, and since when it has been so long.
    queue: Option<(i64, u64)>,
    attempts: u32,
    /// When the last attempt began, and what was delivered then.
    last: Option<(f64, u64)>,
}

impl Drain {
    /// No queue stands.
    pub fn done(&mut self) {
        (self.queue, self.attempts) = (None, 0);
    }

    /// A queue stands. If it is time to send less: which share of what is delivered.
    pub fn share(&mut self, now: u64, queue: i64, response: u64, delivered: f64) -> Option<f64> {
        if let Some((before, since)) = self.queue {
            if (queue as f64) < SHORTER * before as f64 {
                (self.queue, self.attempts) = (Some((queue, now)), 0);
                return None;
            }
            if now < since + PATIENCE + response || self.attempts >= MOST {
                return None;
            }
        }
        (self.queue, self.last) = (Some((queue, now)), Some((delivered, now)));
        self.attempts += 1;
        Some((1.0 - queue as f64 / TIME).clamp(SHARES.0, SHARES.1))
    }

    /// Whether what is delivered was sent before the queue began to drain, so that it shows nothing.
    pub fn explains(&self, now: u64, rate: f64) -> bool {
        let last = self.last;
        last.is_some_and(|(before, at)| rate <= before && now <= at + TIME as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    #[test]
    fn a_long_queue_is_drained_in_steps() {
        let mut drain = Drain::default();
        let mut share = |at, queue| drain.share(at * MS, queue, 0, 1e6);
        assert_eq!(share(0, 200_000), Some(0.8));
        assert_eq!(share(400, 190_000), None, "not yet");
        assert_eq!(share(450, 150_000), None, "it becomes shorter");
        assert_eq!(share(900, 140_000), None, "it became shorter");
        assert_eq!(share(1000, 140_000), Some(0.86));
    }

    #[test]
    fn a_queue_that_others_fill_is_left_to_them() {
        let mut drain = Drain::default();
        let attempts = |drain: &mut Drain| {
            let asked = (0..100).map(|n| drain.share(n * 100 * MS, 500_000, 0, 1e6));
            asked.flatten().count() as u32
        };
        assert_eq!(attempts(&mut drain), MOST);
        drain.done();
        assert_eq!(attempts(&mut drain), MOST);
    }

    #[test]
    fn what_was_delivered_before_proves_nothing() {
        let mut drain = Drain::default();
        assert!(!drain.explains(0, 1e6));
        drain.share(0, 100_000, 0, 1e6);
        assert!(drain.explains(900 * MS, 0.95e6));
        assert!(!drain.explains(900 * MS, 1.1e6));
        assert!(!drain.explains(1100 * MS, 0.95e6));
    }
}
