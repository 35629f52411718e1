//! Detects a growing queue: groups of packets, the trend of their one-way delay, and a threshold that
//! adapts to the noise of the path (draft-ietf-rmcat-gcc-02 section 5, with a linear fit in place of
//! the Kalman filter, as in libwebrtc).

/// Packets sent within this time are one group. In microseconds.
const GROUP: i64 = 5_000;
/// Packets sent apart that arrive together have queued together: they join the group, up to this
/// duration.
const LONGEST_GROUP: i64 = 100_000;
/// A longer gap between arrivals resets the detector.
const PAUSE: i64 = 3_000_000;

/// Groups in the linear fit.
const WINDOW: usize = 20;
const SMOOTHING: f64 = 0.9;
/// The slope is multiplied by this and by the number of groups, at most `MOST`.
const GAIN: f64 = 4.0;
const MOST: u32 = 60;

/// The threshold in ms: initial value, limits, and how fast it rises and falls.
const THRESHOLD: f64 = 12.5;
const THRESHOLD_LIMITS: (f64, f64) = (6.0, 600.0);
const RISE: f64 = 0.0087;
const FALL: f64 = 0.039;
/// The threshold does not adapt to a trend that exceeds it by more.
const OUTLIER: f64 = 15.0;
/// The trend must exceed the threshold for this time in ms.
const PERSISTS: f64 = 10.0;

/// What the delay says about the queue on the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Usage {
    /// The queue is steady.
    #[default]
    Normal,
    /// The queue grows: the path is overused.
    Over,
    /// The queue drains.
    Under,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: i64,
    last_sent: i64,
    first_arrival: i64,
    last_arrival: i64,
}

/// The detector.
#[derive(Debug)]
pub struct Trend {
    group: Option<Group>,
    before: Option<Group>,
    deltas: u32,
    accumulated: f64,
    smoothed: f64,
    /// Arrival in microseconds, which wraps, and smoothed delay in ms, of the last groups.
    points: [(u32, f32); WINDOW],
    count: usize,
    slope: f64,
    threshold: f64,
    last_update: Option<i64>,
    above: Option<f64>,
    above_count: u32,
    usage: Usage,
}

impl Trend {
    pub fn new() -> Self {
        Trend {
            group: None,
            before: None,
            deltas: 0,
            accumulated: 0.0,
            smoothed: 0.0,
            points: [(0, 0.0); WINDOW],
            count: 0,
            slope: 0.0,
            threshold: THRESHOLD,
            last_update: None,
            above: None,
            above_count: 0,
            usage: Usage::Normal,
        }
    }

    /// The state after the last group.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Adds a packet: send time and arrival in microseconds, each by its own clock.
    pub fn packet(&mut self, sent: i64, arrival: i64) {
        let Some(group) = &mut self.group else {
            self.group = Some(Group::of(sent, arrival));
            return;
        };
        if sent < group.first_sent {
            // Reordered: its group is complete.
            return;
        }
        if arrival - group.last_arrival > PAUSE || group.last_arrival - arrival > PAUSE {
            let threshold = self.threshold;
            *self = Trend::new();
            self.threshold = threshold;
            self.group = Some(Group::of(sent, arrival));
            return;
        }
        if group.takes(sent, arrival) {
            group.last_sent = group.last_sent.max(sent);
            group.last_arrival = group.last_arrival.max(arrival);
            return;
        }
        let complete = *group;
        *group = Group::of(sent, arrival);
        if let Some(before) = self.before.replace(complete) {
            let sent = (complete.last_sent - before.last_sent) as f64 / 1e3;
            let arrived = (complete.last_arrival - before.last_arrival) as f64 / 1e3;
            self.update(arrived - sent, sent, complete.last_arrival);
        }
    }

    /// Adds the change of delay from one group to the next, in ms.
    fn update(&mut self, later: f64, sent_apart: f64, arrival: i64) {
        self.deltas = (self.deltas + 1).min(1000);
        self.accumulated += later;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.accumulated;
        self.points[self.count % WINDOW] = (arrival as u32, self.smoothed as f32);
        self.count += 1;
        let before = self.slope;
        if self.count >= WINDOW {
            self.slope = slope(&self.points).unwrap_or(self.slope);
        }
        let trend = f64::from(self.deltas.min(MOST)) * self.slope * GAIN;
        self.usage = if self.deltas < 2 {
            Usage::Normal
        } else if trend > self.threshold {
            let above = self
                .above
                .map_or(sent_apart / 2.0, |time| time + sent_apart);
            self.above = Some(above);
            self.above_count += 1;
            if above > PERSISTS && self.above_count > 1 && self.slope >= before {
                self.above = Some(0.0);
                self.above_count = 0;
                Usage::Over
            } else {
                self.usage
            }
        } else {
            self.above = None;
            self.above_count = 0;
            if trend < -self.threshold {
                Usage::Under
            } else {
                Usage::Normal
            }
        };
        self.adapt(trend.abs(), arrival);
    }

    fn adapt(&mut self, trend: f64, arrival: i64) {
        let since = arrival - self.last_update.replace(arrival).unwrap_or(arrival);
        if trend > self.threshold + OUTLIER {
            return;
        }
        let gain = if trend < self.threshold { FALL } else { RISE };
        let time = (since as f64 / 1e3).clamp(0.0, 100.0);
        let (low, high) = THRESHOLD_LIMITS;
        self.threshold += (gain * (trend - self.threshold) * time).clamp(-self.threshold, high);
        self.threshold = self.threshold.clamp(low, high);
    }
}

impl Group {
    fn of(sent: i64, arrival: i64) -> Group {
        Group {
            first_sent: sent,
            last_sent: sent,
            first_arrival: arrival,
            last_arrival: arrival,
        }
    }

    fn takes(&self, sent: i64, arrival: i64) -> bool {
        let arrived_apart = arrival - self.last_arrival;
        let later = arrived_apart - (sent - self.last_sent);
        let burst =
            later < 0 && arrived_apart <= GROUP && arrival - self.first_arrival < LONGEST_GROUP;
        burst || sent - self.first_sent <= GROUP
    }
}

/// The slope of the line of least squares; `None` if all points have one time.
fn slope(points: &[(u32, f32); WINDOW]) -> Option<f64> {
    let ms = |at: u32| f64::from(at.wrapping_sub(points[0].0) as i32) / 1e3;
    let n = WINDOW as f64;
    let x = points.iter().map(|p| ms(p.0)).sum::<f64>() / n;
    let y = points.iter().map(|p| f64::from(p.1)).sum::<f64>() / n;
    let (mut above, mut below) = (0.0, 0.0);
    for &(px, py) in points {
        let dx = ms(px) - x;
        above += dx * (f64::from(py) - y);
        below += dx * dx;
    }
    (below > 0.0).then(|| above / below)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups every 20 ms whose delay is `delay` in microseconds.
    fn run(
        trend: &mut Trend,
        groups: std::ops::Range<i64>,
        delay: impl Fn(i64) -> i64,
    ) -> Vec<Usage> {
        let mut usages = Vec::new();
        for n in groups {
            trend.packet(n * 20_000, n * 20_000 + 50_000 + delay(n));
            usages.push(trend.usage());
        }
        usages
    }

    #[test]
    fn a_steady_delay_is_normal_a_growing_one_overuse_a_shrinking_one_underuse() {
        let mut trend = Trend::new();
        let usages = run(&mut trend, 0..200, |_| 0);
        assert!(usages.iter().all(|usage| *usage == Usage::Normal));
        // A tenth more than the path carries.
        let usages = run(&mut trend, 200..240, |n| (n - 200) * 2000);
        let noticed = usages.iter().position(|usage| *usage == Usage::Over);
        assert!(noticed.is_some_and(|n| n <= 15), "{usages:?}");
        let usages = run(&mut trend, 240..300, |n| 80_000 - (n - 240) * 1300);
        assert!(usages.contains(&Usage::Under), "{usages:?}");
    }

    #[test]
    fn jitter_is_no_overuse() {
        let mut trend = Trend::new();
        let mut random = 1u64;
        let mut over = 0;
        for n in 0..2000 {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
            let jitter = (random >> 40) as i64 % 10_000;
            trend.packet(n * 20_000, n * 20_000 + jitter);
            over += u32::from(trend.usage() == Usage::Over);
        }
        assert!(over < 10, "{over}");
    }

    #[test]
    fn a_burst_is_one_group_and_a_pause_begins_again() {
        let mut trend = Trend::new();
        for n in 0..10 {
            trend.packet(n * 100, n * 8_000);
        }
        assert!(trend.before.is_none());
        trend.packet(40_000, 76_000);
        assert_eq!(trend.group.unwrap().first_sent, 0, "waited for the wire");
        trend.packet(140_000, 176_000);
        assert!(trend.before.is_some());
        trend.packet(9_000_000, 9_000_000);
        assert!(trend.before.is_none());
    }

    #[test]
    fn a_viewer_that_has_watched_for_weeks_is_measured_as_exactly_as_a_new_one() {
        let slope_after = |days: i64| {
            let mut trend = Trend::new();
            let (every, groups) = (2_900_000, days * 24 * 3600 * 10 / 29);
            (0..groups).for_each(|n| trend.packet(n * every, n * every));
            let since = groups * every;
            (0..60).for_each(|n| trend.packet(since + n * 20_000, since + n * 22_000));
            trend.slope
        };
        assert!((slope_after(60) - slope_after(0)).abs() < 1e-2);
    }
}
