//! What a TCP connection carries, by how fast its socket takes what waits.
//!
//! TCP has a congestion control of its own, loses nothing, and tells nobody what it knows. But it keeps no more than
//! a little that has not left (see `net::tune`), so between two moments at which it takes nothing, as much has left
//! as it took in between. While it takes all there is, nothing is known but that this is not too much: then what was
//! measured before is raised little by little, and forgotten at last.

use std::time::{Duration, Instant};

use super::pacer::{Basis, Pace};
use crate::session::io::TCP_RUN;

/// A measurement takes this long at least.
const WINDOW: Duration = Duration::from_millis(250);
/// A measurement bounds what is sent for so long.
const RECENT: Duration = Duration::from_secs(1);
/// While all is taken, more is believed of the path this often: by a quarter.
const RAISED: Duration = Duration::from_secs(2);
/// In bytes per second: no stream needs more (50 Mbit/s).
const WIDE: u64 = 6_250_000;
/// A run takes no longer than this on the path, unless it is so short: what a socket has begun to take cannot be
/// left out any more.
const RUN_TIME_MS: u64 = 50;
const LEAST_RUN: usize = 4;
const PACKET_BYTES: u64 = 1250;

/// The state of one connection.
#[derive(Debug)]
pub struct Backlog {
    /// What it carries in bytes per second; `None` unless it has been too little of late.
    rate: Option<u64>,
    /// When that was measured or raised last, and when it was measured.
    changed: Option<Instant>,
    measured: Option<Instant>,
    full: Option<Full>,
    /// Packets of a run while nothing is measured: ever more, as long as the socket takes them.
    run: usize,
}

/// The socket has taken nothing, and something has waited ever since.
#[derive(Debug)]
struct Full {
    since: Instant,
    /// Bytes that it took since then.
    taken: u64,
}

impl Default for Backlog {
    fn default() -> Self {
        Backlog {
            rate: None,
            changed: None,
            measured: None,
            full: None,
            run: LEAST_RUN,
        }
    }
}

impl Backlog {
    /// The socket took these bytes.
    pub fn sent(&mut self, bytes: usize) {
        self.run = (2 * self.run).min(TCP_RUN);
        if let Some(full) = &mut self.full {
            full.taken += bytes as u64;
        }
    }

    /// The socket took nothing.
    pub fn blocked(&mut self, now: Instant) {
        self.run = (self.run / 2).max(LEAST_RUN);
        let full = self.full.get_or_insert(Full {
            since: now,
            taken: 0,
        });
        let time = now.saturating_duration_since(full.since);
        if time < WINDOW {
            return;
        }
        let measured = full.taken * 1_000_000 / (time.as_micros() as u64).max(1);
        self.rate = Some(self.rate.map_or(measured, |rate| (rate + measured) / 2));
        (self.changed, self.measured) = (Some(now), Some(now));
        self.full = Some(Full {
            since: now,
            taken: 0,
        });
    }

    /// Nothing waits.
    pub fn caught_up(&mut self, now: Instant) {
        self.full = None;
        if let Some(rate) = self.rate
            && self.changed.is_none_or(|at| now >= at + RAISED)
        {
            // From nothing, too.
            let more = rate + (rate / 4).max(PACKET_BYTES);
            self.rate = (more < WIDE).then_some(more);
            self.changed = Some(now);
        }
    }

    /// The pace of a leg: all at once, and `None` unless more than the connection carries is left out.
    pub fn pace(&self, now: Instant) -> Option<Pace> {
        let carried = self.recent(now)?;
        Some(Pace {
            burst: usize::MAX,
            basis: Basis::Measured(carried),
        })
    }

    /// Packets that a run may have.
    pub fn run_limit(&self, now: Instant) -> usize {
        self.recent(now).map_or(self.run, |rate| {
            let packets = rate * RUN_TIME_MS / 1000 / PACKET_BYTES;
            (packets as usize).clamp(LEAST_RUN, TCP_RUN)
        })
    }

    /// What the connection carries in bits per second; `None` as long as nothing has to wait for it.
    pub fn estimate(&self) -> Option<u64> {
        self.rate.map(|rate| rate * 8)
    }

    fn recent(&self, now: Instant) -> Option<u64> {
        let recent = self.measured.is_some_and(|at| now < at + RECENT);
        self.rate.filter(|_| recent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);

    /// A socket that takes 10 kB every 50 ms, and then nothing.
    fn busy(backlog: &mut Backlog, from: Instant, time: Duration) -> Instant {
        let mut now = from;
        while now < from + time {
            backlog.blocked(now);
            now += 50 * MS;
            backlog.sent(10_000);
        }
        backlog.blocked(now);
        now
    }

    #[test]
    fn a_socket_that_takes_everything_measures_nothing() {
        let mut backlog = Backlog::default();
        let now = Instant::now();
        for i in 0..100 {
            backlog.sent(100_000);
            backlog.caught_up(now + i * 40 * MS);
        }
        assert_eq!(backlog.pace(now), None);
        assert_eq!(backlog.estimate(), None);
        assert_eq!(backlog.run_limit(now), TCP_RUN);
    }

    #[test]
    fn what_leaves_between_two_full_buffers_is_the_rate() {
        let mut backlog = Backlog::default();
        // Whatever it took before.
        backlog.sent(100_000);
        let start = Instant::now();
        backlog.blocked(start);
        assert_eq!(backlog.pace(start), None, "not yet");
        let now = busy(&mut backlog, start, SECOND);
        assert_eq!(backlog.estimate(), Some(1_600_000));
        let pace = backlog.pace(now).unwrap();
        assert_eq!(pace.basis, Basis::Measured(200_000));
        assert_eq!(backlog.run_limit(now), 8);
    }

    #[test]
    fn time_in_which_nothing_waits_does_not_count() {
        let mut backlog = Backlog::default();
        let mut now = Instant::now();
        // A frame a second.
        for _ in 0..10 {
            now = busy(&mut backlog, now, 300 * MS);
            backlog.sent(10_000);
            backlog.caught_up(now);
            now += 700 * MS;
        }
        assert_eq!(backlog.estimate(), Some(1_600_000));
    }

    #[test]
    fn one_that_takes_nothing_carries_nothing() {
        let mut backlog = Backlog::default();
        let mut now = busy(&mut backlog, Instant::now(), SECOND);
        for _ in 0..100 {
            now += 40 * MS;
            backlog.blocked(now);
        }
        assert!(backlog.estimate().unwrap() < 1000);
        assert_eq!(backlog.run_limit(now), LEAST_RUN);
        assert!(backlog.pace(now).is_some());
        assert_eq!(backlog.pace(now + RECENT), None, "try again");
    }

    #[test]
    fn what_was_measured_is_doubted_and_then_forgotten() {
        let mut backlog = Backlog::default();
        let start = busy(&mut backlog, Instant::now(), SECOND);
        let mut now = start;
        while backlog.estimate().is_some() {
            now += 40 * MS;
            backlog.sent(1000);
            backlog.caught_up(now);
        }
        let took = now - start;
        assert!((20 * SECOND..60 * SECOND).contains(&took), "{took:?}");
    }
}
