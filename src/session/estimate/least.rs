//! The least of late: that of the present period and the one before. Routes change, and clocks drift, so
//! the least ever is none to compare with.

/// The least of values, in periods of a given time in microseconds.
#[derive(Debug)]
pub struct Least {
    period: i64,
    /// When the present one began.
    since: Option<i64>,
    present: i64,
    before: i64,
}

impl Least {
    pub fn new(period: i64) -> Self {
        Least {
            period,
            since: None,
            present: i64::MAX,
            before: i64::MAX,
        }
    }

    /// Adds a value.
    pub fn add(&mut self, now: i64, value: i64) {
        if now.saturating_sub(*self.since.get_or_insert(now)) > self.period {
            (self.since, self.before) = (Some(now), self.present);
            self.present = i64::MAX;
        }
        self.present = self.present.min(value);
    }

    /// By how much a value exceeds the least.
    pub fn excess(&self, value: i64) -> i64 {
        value.saturating_sub(self.present.min(self.before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_two_periods_is_forgotten() {
        let mut least = Least::new(100);
        least.add(0, 5);
        least.add(50, 9);
        assert_eq!(least.excess(12), 7);
        least.add(101, 8);
        assert_eq!(least.excess(12), 7, "of the period before");
        least.add(202, 9);
        assert_eq!(least.excess(12), 4);
    }
}
