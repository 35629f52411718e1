//! Sources that take too much of a worker, and whether it has time for newcomers.

use std::time::{Duration, Instant};

use super::core::Core;
use super::load::Spent;
use super::shares;
use crate::budget::Allowance;
use crate::error::{Error, Result, Status};
use crate::state::StreamId;

/// A worker that is so busy may be late with everything.
const LATE_PERCENT: u32 = 95;

impl Core {
    /// The turn of a stream's source ended before it was through. Returns what its next turn may take.
    pub(super) fn overran(&mut self, id: StreamId, began: Instant, now: Instant) -> Allowance {
        let shares = self.streams.iter().map(|(_, entry)| &entry.stream.share);
        let behind = self.behind.count(now, shares);
        let others = behind.saturating_sub(1);
        let streams = self.streams.iter().count();
        if let Some(entry) = self.streams.get_mut(id) {
            let share = &mut entry.stream.share;
            let taken = share.overran(began, now, others);
            if share.is_greedy(now, streams) {
                self.greedy += taken;
            }
        }
        shares::turn(others)
    }

    /// Measures how busy the worker is. Called while media comes: without any, it is not busy.
    pub(super) fn sample_load(&mut self, now: Instant) {
        let spent = Spent {
            busy: cpu_time(),
            greedy: self.greedy,
            delivered: self.costs.media.deliver(),
        };
        self.load.sample(now, spent, self.viewers.len());
        self.tell_load(now);
        let percent = self.load.percent();
        let was_late = std::mem::replace(&mut self.streams.late, percent >= LATE_PERCENT);
        if self.streams.late && !was_late && self.load.may_complain(now) {
            log::warn!(
                "worker {} is busy for {percent} % of its time: frames that are seconds late are left out; \
                 use more worker_threads, or fewer cameras and viewers",
                self.context.index
            );
        }
    }

    /// Lets the others know how busy this worker is.
    pub(super) fn tell_load(&self, now: Instant) {
        let (worker, percent) = (self.context.index, self.load.percent());
        self.context.registry.loads.note(worker, percent, now);
    }

    /// Whether the worker has time for a newcomer.
    pub(super) fn has_time(&mut self, now: Instant) -> bool {
        if self.load.is_due(now) {
            self.sample_load(now);
        }
        let most = self.context.tuning.max_worker_load();
        most.is_none_or(|most| self.load.percent() < most)
    }

    /// Fails with `Limit` if the worker has no time for a newcomer.
    pub(super) fn check_load(&mut self, now: Instant) -> Result<()> {
        if self.has_time(now) {
            return Ok(());
        }
        let (percent, most) = (self.load.percent(), self.context.tuning.max_worker_load());
        let most = most.unwrap_or_default();
        self.load.refused();
        Err(Error::new(
            Status::Limit,
            format!(
                "the worker of this stream is busy for {percent} % of its time, and takes no newcomers \
                 from {most} % on (max_worker_load_percent), so that those who watch lose nothing: try \
                 again later, or use more worker_threads"
            ),
        ))
    }
}

/// CPU time of this worker's thread: what other processes take is not its load.
#[cfg(unix)]
fn cpu_time() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(not(unix))]
fn cpu_time() -> Duration {
    super::snapshot::busy()
}
