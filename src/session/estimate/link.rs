//! What the narrowest link of a path carries in all, and who else uses it.

/// For how long a measurement counts, in microseconds, since so much, or nearly so much, was measured last. Too much
/// does no harm: then others are not heeded.
const REMEMBERED: u64 = 60_000_000;
const NEARLY: f64 = 0.9;

/// Others are heeded for this time, in microseconds, after there was a queue or loss. It doubles each time, up to the
/// second.
const HEEDED: u64 = 5_000_000;
const MOST_HEEDED: u64 = 160_000_000;

/// Others that use the same link.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Others {
    pub count: u32,
    /// The highest rate that one of them measured of the link, in bits per second.
    pub link: f64,
    /// Bits per second of all of them: what they use, and what they were sent in the last two seconds.
    pub used: f64,
    pub sent: f64,
}

/// The link.
#[derive(Debug, Default)]
pub struct Link {
    /// The highest capacity by a train. Those at the pace of a shared link show less.
    shown: Option<(f64, u64)>,
    /// That, or what it carried for all that seem to use it.
    measured: Option<(f64, u64)>,
    others: Option<Others>,
    /// Whether they are heeded.
    heeded: bool,
}

impl Link {
    /// A train showed that it carries `rate` bits per second.
    pub fn note(&mut self, now: u64, rate: f64) {
        for highest in [&mut self.shown, &mut self.measured] {
            let before = of_late(*highest, now).unwrap_or(0.0);
            if rate >= NEARLY * before {
                *highest = Some((rate.max(before), now));
            }
        }
    }

    /// All that seem to use it were sent so much, and there was no queue: it carries at least nearly so much, `rely` of it,
    /// if they do use it.
    pub fn carried(&mut self, now: u64, rate: f64, rely: f64) {
        if self.shown(now).is_some_and(|shown| rate >= NEARLY * shown)
            && let Some((_, at)) = &mut self.shown
        {
            // As much as ever.
            *at = now;
        }
        if self.rate(now).is_some_and(|known| rely * rate > known) {
            self.measured = Some((rely * rate, now));
        }
    }

    /// What trains showed of late. Where others do not use the same link, what they are sent says nothing of this one.
    pub fn shown(&self, now: u64) -> Option<f64> {
        of_late(self.shown, now)
    }

    /// What it carries, as far as that was measured of late.
    pub fn rate(&self, now: u64) -> Option<f64> {
        of_late(self.measured, now)
    }

    pub fn set_others(&mut self, others: Option<Others>, heeded: bool) {
        (self.others, self.heeded) = (others, heeded);
    }

    pub fn is_shared(&self) -> bool {
        self.heeded && self.others.is_some()
    }

    /// What others leave of it, whether they are heeded or not.
    pub fn left(&self, now: u64) -> Option<f64> {
        let (others, rate) = self.others.zip(self.rate(now))?;
        Some(rate.max(others.link) - others.used)
    }

    /// If it does not carry what others use and what is `wanted`: the part of it that is left, which is what they do
    /// not use, or a fair one. `rely`: the share of what it carries that is used.
    pub fn part(&self, now: u64, wanted: f64, rely: f64) -> Option<f64> {
        let (others, rate) = self.others.filter(|_| self.heeded).zip(self.rate(now))?;
        let rate = rate.max(others.link);
        let fair = rely * rate / f64::from(others.count + 1);
        let part = (rely * rate - others.used).max(fair);
        (others.used + wanted > rate).then_some(part)
    }
}

/// When others are heeded who may use the same link. They may not: so it is tried again and again without.
#[derive(Debug)]
pub struct Heeding {
    until: u64,
    time: u64,
}

impl Default for Heeding {
    fn default() -> Self {
        Heeding {
            until: 0,
            time: HEEDED,
        }
    }
}

impl Heeding {
    /// There is a queue, or loss.
    pub fn full(&mut self, now: u64) {
        if !self.is_on(now) {
            self.until = now + self.time;
            self.time = (2 * self.time).min(MOST_HEEDED);
        }
    }

    pub fn is_on(&self, now: u64) -> bool {
        now < self.until
    }
}

fn of_late(measured: Option<(f64, u64)>, now: u64) -> Option<f64> {
    let (rate, at) = measured?;
    (now <= at + REMEMBERED).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn who_shares_a_link_that_does_not_carry_all_makes_do_with_a_part() {
        let part = |count, used, wanted| {
            let mut link = Link::default();
            link.note(0, 1e6);
            let others = Others {
                count,
                link: 0.8e6,
                used,
                sent: used,
            };
            link.set_others(Some(others), true);
            link.part(0, wanted, 0.9)
        };
        assert_eq!(part(1, 4e5, 6e5), None, "it carries both");
        assert_eq!(part(1, 4e5, 7e5), Some(5e5), "what is left");
        assert_eq!(part(1, 8e5, 7e5), Some(4.5e5), "a half");
        assert_eq!(part(4, 2e6, 7e5), Some(1.8e5), "a fifth");
        let mut link = Link::default();
        let mut others = Others {
            count: 1,
            link: 1e6,
            used: 8e5,
            sent: 8e5,
        };
        link.set_others(Some(others), true);
        assert_eq!(link.part(0, 7e5, 0.9), None, "nothing was measured");
        link.note(0, 0.7e6);
        assert_eq!(link.part(0, 7e5, 0.9), Some(4.5e5), "another measured more");
        others.used = 3e5;
        link.set_others(Some(others), true);
        assert_eq!(link.part(0, 7e5, 0.9), None, "and that suffices");
        assert_eq!(link.left(0), Some(7e5));
    }

    #[test]
    fn others_are_heeded_ever_longer() {
        let mut heeding = Heeding::default();
        let mut on = Vec::new();
        for second in 0..40 {
            let now = second * SECOND;
            let before = heeding.is_on(now);
            heeding.full(now);
            if !before {
                on.push(second);
            }
        }
        assert_eq!(on, [0, 5, 15, 35]);
    }

    #[test]
    fn the_highest_measurement_counts_for_a_minute() {
        let mut link = Link::default();
        link.note(0, 1e6);
        link.note(30 * SECOND, 0.5e6);
        assert_eq!(link.rate(59 * SECOND), Some(1e6));
        link.note(59 * SECOND, 0.95e6);
        assert_eq!(link.rate(118 * SECOND), Some(1e6), "nearly as much");
        assert_eq!(link.rate(120 * SECOND), None);
        link.note(120 * SECOND, 0.5e6);
        link.note(121 * SECOND, 2e6);
        assert_eq!(link.rate(122 * SECOND), Some(2e6));
    }

    /// Eight with links of their own may look like eight that share one, until much more is sent to all of them than one
    /// link carries. If what they are sent counted as what one carries, that would never be seen.
    #[test]
    fn what_all_were_sent_together_says_nothing_that_others_hear() {
        let mut link = Link::default();
        link.note(0, 6e5);
        for second in 1..100 {
            link.carried(second * SECOND, second as f64 * 5e5, 0.9);
            assert_eq!(link.shown(second * SECOND), Some(6e5), "{second}");
        }
        assert!(link.rate(99 * SECOND) > Some(4e7));
    }
}
