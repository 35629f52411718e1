//! The estimate without transport-wide feedback, from receiver reports (RFC 3550 section 6.4.2):
//! about one per second, with loss and round trip. A bad report lowers the estimate to the rate that
//! was sent, further ones below it; good reports raise it slowly.

use std::time::Duration;

use super::control::Control;
use super::trend::Usage;

/// Loss above which the estimate falls, and up to which it rises.
const MUCH_LOSS: f64 = 0.1;
const LITTLE_LOSS: f64 = 0.02;
/// The round trip indicates a queue if it exceeds the shortest one by this time and this factor.
const QUEUE: Duration = Duration::from_millis(80);
const FACTOR: u32 = 2;
/// How long the shortest round trip is kept, in microseconds: routes change.
const REMEMBERED: u64 = 60_000_000;
/// Decrease because of a queue.
const WITH_QUEUE: f64 = 0.85;
/// Increase per second, up to this multiple of the sent or of the wanted rate.
const GROWTH: f64 = 1.05;
const UNPROVEN: f64 = 2.6;
const WANTED: f64 = 1.25;

/// The state for receiver reports.
#[derive(Debug, Default)]
pub struct Reports {
    shortest: Option<(Duration, u64)>,
    last: Option<u64>,
    sent_bytes: u64,
    bad: u32,
}

impl Reports {
    /// Counts sent bytes.
    pub fn sent(&mut self, bytes: usize) {
        self.sent_bytes += bytes as u64;
    }

    /// Handles a report. Returns what it says about the path.
    pub fn report(
        &mut self,
        now: u64,
        loss: f64,
        round_trip: Option<Duration>,
        wanted: f64,
        control: &mut Control,
    ) -> Usage {
        let sent_bytes = std::mem::take(&mut self.sent_bytes);
        let Some(last) = self.last.replace(now) else {
            return Usage::Normal;
        };
        let seconds = (now - last) as f64 / 1e6;
        let sent = sent_bytes as f64 * 8.0 / seconds.max(0.1);
        let queue = self.queues(now, round_trip);
        if !queue && loss <= MUCH_LOSS {
            self.bad = 0;
            if loss <= LITTLE_LOSS {
                let most = (UNPROVEN * sent).max(WANTED * wanted);
                control.creep(GROWTH.powf(seconds.min(5.0)), most);
            }
            return Usage::Normal;
        }
        self.bad += 1;
        let tried = sent.min(control.estimate());
        let left = if self.bad == 1 {
            1.0
        } else if queue {
            WITH_QUEUE.min(1.0 - 0.5 * loss)
        } else {
            1.0 - 0.5 * loss
        };
        let delivered = sent * (1.0 - loss);
        control.lower(now, (left * tried).max(WITH_QUEUE * delivered));
        Usage::Over
    }

    fn queues(&mut self, now: u64, round_trip: Option<Duration>) -> bool {
        let Some(time) = round_trip else { return false };
        match self.shortest {
            Some((shortest, at)) if time > shortest && now < at + REMEMBERED => {
                time > QUEUE + shortest && time > FACTOR * shortest
            }
            _ => {
                self.shortest = Some((time, now));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::*;

    const SECOND: u64 = 1_000_000;

    /// Reports, one a second, on 500 kbit/s.
    fn run(control: &mut Control, reports: &[(f64, u64)]) -> Vec<u64> {
        let mut state = Reports::default();
        state.report(0, 0.0, Some(Duration::from_millis(20)), 0.0, control);
        let mut estimates = Vec::new();
        for (n, (loss, round_trip)) in reports.iter().enumerate() {
            state.sent(62_500);
            let round_trip = Some(Duration::from_millis(*round_trip));
            let now = (n as u64 + 1) * SECOND;
            state.report(now, *loss, round_trip, 0.0, control);
            estimates.push(control.estimate() as u64 / 1000);
        }
        estimates
    }

    fn control() -> Control {
        Control::new(Limits {
            start: 600_000,
            ..Limits::default()
        })
    }

    #[test]
    fn only_a_second_bad_report_goes_below_the_sent_rate() {
        let queue = [(0.0, 20), (0.0, 200), (0.0, 20), (0.0, 200), (0.0, 200)];
        assert_eq!(run(&mut control(), &queue), [630, 500, 525, 500, 425]);
        let loss = [(0.05, 20), (0.2, 20), (0.2, 20), (0.01, 20)];
        assert_eq!(run(&mut control(), &loss), [600, 500, 450, 472]);
    }

    #[test]
    fn it_rises_up_to_a_multiple_of_the_sent_rate() {
        let good = [(0.0, 20); 60];
        assert_eq!(run(&mut control(), &good).last(), Some(&1300));
    }
}
